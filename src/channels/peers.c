#include "channels/peers.h"

const char *program_id_name(enum program_id id)
{
	switch (id) {
	case PROGRAM_SMTPD:
		return "smtpd";
	case PROGRAM_POPD:
		return "popd";
	case PROGRAM_SPOOL:
		return "spool";
	case PROGRAM_DELIVER:
		return "deliver";
	case PROGRAM_MAILBOX:
		return "mailbox";
	case PROGRAM_AUTH:
		return "auth";
	case PROGRAM_GATE:
		return "gate";
	case PROGRAM_KEYS:
		return "keys";
	case PROGRAM_RESOLVE:
		return "resolve";
	case PROGRAM_REPORT:
		return "report";
	case PROGRAM_RELAY:
		return "relay";
	case PROGRAM_FETCH:
		return "fetch";
	case PROGRAM_DROP:
		return "drop";
	case PROGRAM_CONFIG:
		return "config";
	case PROGRAM_NONE:
	case PROGRAM_IDS:
		break;
	}
	return "none";
}
