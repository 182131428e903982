/* Names of the enumerators of pop3_server.h, for logs and transcripts. */
#include "protocol/pop3_server.h"

const char *pop3_ask_name(enum pop3_ask_kind kind)
{
	switch (kind) {
	case POP3_ASK_NONE:
		return "none";
	case POP3_ASK_PASSWORD:
		return "password";
	case POP3_ASK_SASL_START:
		return "sasl-start";
	case POP3_ASK_SASL_STEP:
		return "sasl-step";
	case POP3_ASK_CANCEL:
		return "cancel";
	case POP3_ASK_ROWS:
		return "rows";
	case POP3_ASK_FETCH:
		return "fetch";
	case POP3_ASK_REMOVE:
		return "remove";
	}
	return "?";
}

const char *pop3_refusal_name(enum pop3_refusal refusal)
{
	switch (refusal) {
	case POP3_REFUSAL_BAD:
		return "bad";
	case POP3_REFUSAL_SYNTAX:
		return "syntax";
	case POP3_REFUSAL_IN_USE:
		return "in-use";
	case POP3_REFUSAL_TEMPORARY:
		return "temporary";
	case POP3_REFUSAL_PERMANENT:
		return "permanent";
	case POP3_REFUSAL_DELAY:
		return "delay";
	}
	return "?";
}
