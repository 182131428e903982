/* The programs by number, as PARENT_PEER names them. parent/programs.c has the whole table. */
#ifndef CHANNELS_PEERS_H
#define CHANNELS_PEERS_H

enum program_id {
	PROGRAM_NONE,
	PROGRAM_SMTPD,
	PROGRAM_POPD,
	PROGRAM_SPOOL,
	PROGRAM_DELIVER,
	PROGRAM_MAILBOX,
	PROGRAM_AUTH,
	PROGRAM_GATE,
	PROGRAM_KEYS,
	PROGRAM_RESOLVE,
	PROGRAM_REPORT,
	PROGRAM_RELAY,
	PROGRAM_FETCH,
	PROGRAM_DROP,
	PROGRAM_CONFIG,
	PROGRAM_IDS
};

/* "smtpd", … ; "none" for what is out of range. */
const char *program_id_name(enum program_id id);

#endif
