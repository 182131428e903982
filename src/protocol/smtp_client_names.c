/* Words for logs. */
#include "protocol/smtp_client.h"

const char *smtp_client_command_name(enum smtp_client_command command)
{
	switch (command) {
	case SMTP_CLIENT_CONNECT:
		return "greeting";
	case SMTP_CLIENT_EHLO:
		return "EHLO";
	case SMTP_CLIENT_HELO:
		return "HELO";
	case SMTP_CLIENT_STARTTLS:
		return "STARTTLS";
	case SMTP_CLIENT_AUTH:
		return "AUTH";
	case SMTP_CLIENT_RSET:
		return "RSET";
	case SMTP_CLIENT_MAIL:
		return "MAIL";
	case SMTP_CLIENT_RCPT:
		return "RCPT";
	case SMTP_CLIENT_DATA:
		return "DATA";
	case SMTP_CLIENT_CONTENT:
		return "end of content";
	case SMTP_CLIENT_QUIT:
		return "QUIT";
	case SMTP_CLIENT_NOTHING:
		return "";
	}
	return "?";
}

const char *smtp_client_outcome_name(enum smtp_client_outcome outcome)
{
	switch (outcome) {
	case SMTP_CLIENT_PENDING:
		return "pending";
	case SMTP_CLIENT_SENT:
		return "sent";
	case SMTP_CLIENT_REFUSED:
		return "refused";
	case SMTP_CLIENT_LATER:
		return "later";
	case SMTP_CLIENT_AGAIN:
		return "again";
	case SMTP_CLIENT_LOST:
		return "lost";
	case SMTP_CLIENT_UNCERTAIN:
		return "uncertain";
	}
	return "?";
}

const char *smtp_client_end_kind_name(enum smtp_client_end_kind kind)
{
	switch (kind) {
	case SMTP_CLIENT_END_NONE:
		return "none";
	case SMTP_CLIENT_END_QUIT:
		return "quit";
	case SMTP_CLIENT_END_REFUSED:
		return "refused";
	case SMTP_CLIENT_END_CLOSING:
		return "closing";
	case SMTP_CLIENT_END_TLS:
		return "tls";
	case SMTP_CLIENT_END_LOGIN:
		return "login";
	case SMTP_CLIENT_END_GONE:
		return "gone";
	case SMTP_CLIENT_END_NONSENSE:
		return "nonsense";
	case SMTP_CLIENT_END_CONTENT:
		return "content";
	}
	return "?";
}
