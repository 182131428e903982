/*
 * The two ways in which ENVID, ORCPT and AUTH= carry what a parameter of SMTP may not hold: xtext (RFC
 * 3461 §4) and the addresses of RFC 6533 §3. Pure.
 *
 * Who calls: protocol/smtp_params (checks what a client says), mail/dsn (repeats it in a report).
 */
#ifndef MAIL_XTEXT_H
#define MAIL_XTEXT_H

#include "base/arena.h"
#include "base/error.h"

/* Appends the text as xtext; it is printable ASCII. */
void xtext_add(struct buffer *b, struct view text);
/* Decodes "+HH"; what comes out must be printable ASCII. The copy lies in the arena. ERROR_SYNTAX, or
 * ERROR_MEMORY at the arena's cap. */
must_use enum error xtext_decode(struct view text, struct arena *a, struct view *out);
/* The same of utf-8-addr-xtext and utf-8-addr-unitext, with their "\x{HEX}"; what comes out is UTF-8. */
must_use enum error unitext_decode(struct view text, struct arena *a, struct view *out);

#endif
