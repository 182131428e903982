/*
 * Content-Transfer-Encodings of MIME (RFC 2045 §6), for mail of our own: what a text needs to pass
 * everywhere, and the encoding. Pure.
 *
 * Who calls: mail/dsn.
 */
#ifndef MAIL_TRANSFER_H
#define MAIL_TRANSFER_H

#include "base/bytes.h"

#define TRANSFER_LINE_MAX 998 /* octets without CRLF, RFC 5322 §2.1.1 */

enum transfer { TRANSFER_7BIT, TRANSFER_8BIT, TRANSFER_QUOTED, TRANSFER_BASE64 };
/* As the field Content-Transfer-Encoding says it. */
const char *transfer_name(enum transfer transfer);

/* Whether it can travel unencoded: lines end in CRLF and are short enough, and there is no NUL. An end
 * without CRLF is no fault. TRANSFER_7BIT, TRANSFER_8BIT, or else an encoding (the shorter one). */
enum transfer transfer_least(struct view text);
/* What passes everywhere: TRANSFER_7BIT when that will do, else the shorter encoding. */
enum transfer transfer_safe(struct view text);
/* Appends it, with a CRLF at its end. */
void transfer_add(struct buffer *b, enum transfer transfer, struct view text);

#endif
