/*
 * Every bound of one SMTP server session, with its default: RFC 5321 §4.5.3.1 (sizes), §4.5.3.2
 * (timeouts) and our own (counts). Shared by all sessions, never changed while one of them uses it.
 * Times are on the monotonic clock: a wall clock that jumps must not end sessions. Wall clock is used
 * for the date in Received alone.
 */
#ifndef PROTOCOL_SMTP_LIMITS_H
#define PROTOCOL_SMTP_LIMITS_H

#include "base/bytes.h"

struct smtp_limits {
	/* octets; lines are counted with their CRLF */
	uint32_t command_line_octets; /* 2048: RFC 5321 §4.5.3.1.4 asks for 512 plus what each
				       * extension adds (AUTH= and ORCPT= 500 each, …) */
	uint32_t auth_line_octets; /* 12288: RFC 4954 §4 */
	uint32_t text_line_octets; /* 1000: RFC 5321 §4.5.3.1.6, RFC 5322 §2.1.1. Not counted: the
				       * dot that was added for transparency. A longer line is
				       * refused: a server further on would cut it, and cutting makes
				       * new lines, hence new dots (the issue counts it as smuggling) */
	uint64_t size_octets; /* 50 MiB: the `sizelimit` (F-6); 0: none */
	uint32_t header_octets; /* 256 KiB: header section */
	uint32_t received_fields; /* 100: loop, RFC 5321 §6.3 */
	uint32_t memory_octets; /* 2 MiB: envelope of one transaction */

	/* counts; what is beyond gets the reply in parentheses */
	uint32_t recipients; /* 1000 a mail (452 4.5.3) RFC 5321 §4.5.3.1.8 */
	uint32_t mails; /* 1000 a session (421 4.7.0) */
	uint32_t errors; /* 20 wrong commands a session (421 4.7.0) */
	uint32_t idle_commands; /* 100 in a row that bring no mail forward: NOOP, RSET, VRFY, HELP,
				  * EHLO, MAIL given up (421 4.7.0) */
	uint32_t refused_rcpts; /* 100 permanently refused recipients a session (421 4.7.0) */
	uint32_t auth_attempts; /* 5 failed logins a session (421 4.7.0) */

	/* what the server waits, in ms; see enum smtp_timer */
	uint32_t command_ms; /* 5 min: next command, RFC 5321 §4.5.3.2.7 */
	uint32_t data_initiation_ms; /* 2 min: to say 354, §4.5.3.2.4 */
	uint32_t data_block_ms; /* 3 min: each next piece of content, §4.5.3.2.5 */
	uint32_t data_termination_ms; /* 10 min: to say the final reply, §4.5.3.2.6 */
	uint32_t answer_ms; /* 4 min: to answer MAIL, RCPT and the rest, for which a client
				     * waits 5 (§4.5.3.2.1-3) */
	uint32_t handshake_ms; /* 1 min: TLS */

	/* The pace of what is under way, a transaction or a login (faces/shared/places.h): a time of
	 * grace, and a second more for each so many octets of commands and content. What the client
	 * waits for us is not counted. */
	uint32_t busy_grace_ms; /* 30 min; who is behind is sent away (421 4.4.2) */
	uint32_t busy_octets_s; /* 256 */
	uint32_t
		crowd_grace_ms; /* 1 min, shared by all of one address; when the server is full, who
				  * is behind makes room (421 4.7.0) */
	uint32_t crowd_octets_s; /* 2048 */
};

/* The defaults above. */
struct smtp_limits smtp_limits_default(void);

#endif
