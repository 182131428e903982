/*
 * Passwords: made, or asked for. What they become is config/verifier.h's business. Buffers that hold
 * one are freed with buffer_free_secret.
 */
#ifndef TOOLS_SEKISHO_PASSWORD_H
#define TOOLS_SEKISHO_PASSWORD_H

#include "base/bytes.h"

/* No octet looks like another one, so that it can be read from paper or told by telephone. */
#define PASSWORD_ALPHABET "23456789abcdefghjkmnpqrstuvwxyz"
#define PASSWORD_GROUPS 4u
#define PASSWORD_GROUP_OCTETS 5u /* 20 octets of 31 kinds: 99 bits */

/* Appends one. */
void password_generate(struct buffer *out);

/* Asks on the terminal, twice and without echo; from anything else takes one line. False after having
 * said why: nothing came, too long, the two differ. */
must_use bool password_read(struct buffer *out);
/* One line from `fd`, without its end (LF or CRLF). False when it is empty or longer than the buffer
 * may be. */
must_use bool password_read_line(int fd, struct buffer *out);

#endif
