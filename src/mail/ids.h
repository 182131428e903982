/*
 * Ids that go between programs, as one-member structs so that the compiler refuses to mix them
 * (STYLE §2). Each is printed as 16 lower-case hexadecimal digits (`text_hex(id.value)`).
 */
#ifndef MAIL_IDS_H
#define MAIL_IDS_H

#include <stdint.h>

/* An accepted message. Given by the spool, grows with the order of acceptance, also across restarts;
 * never 0 and never used twice within one birth id of the spool. */
struct spool_id {
	uint64_t value;
};

/* One SMTP or POP3 session; unique within a run of the server. */
struct session_id {
	uint64_t value;
};

#endif
