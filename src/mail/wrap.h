/*
 * Text for people in lines of a width that every mail program shows, in English and in Japanese, which
 * has no spaces and counts two columns a character. Pure.
 *
 * Who calls: mail/dsn.
 */
#ifndef MAIL_WRAP_H
#define MAIL_WRAP_H

#include "base/bytes.h"

#define WRAP_COLUMNS 74 /* leaves room for a "> " in an answer, RFC 5322 §2.1.1 */

/* Appends `text`, well-formed UTF-8, in lines of at most WRAP_COLUMNS, each behind `indent` spaces and with
 * its CRLF. A LF in it begins a new line. A word that is longer than a line stays whole. */
void wrap_add(struct buffer *b, size_t indent, struct view text);

#endif
