/*
 * One header field with UTF-8, rewritten to ASCII by the rule in downgrade.h. A part of downgrade.c
 * in a file of its own.
 */
#ifndef PROTOCOL_DOWNGRADE_FIELD_H
#define PROTOCOL_DOWNGRADE_FIELD_H

#include "base/bytes.h"

/* The length of the name in front of the colon, 0 when `field` is no header field (RFC 5322 §2.2;
 * white space in front of the colon is taken, §4.5). */
size_t downgrade_field_name(struct view field);
/* Appends the rewritten field with its CRLF, ASCII only. False (and what was appended is to be cut
 * off) when the field has to be left out. `field` is well-formed UTF-8 and has a name. */
must_use bool downgrade_field(struct view field, struct buffer *out);

/* Appends a space, or a fold when what comes needs `length` octets that this line does not have: one
 * that holds an encoded word may have 76 (RFC 2047 §2). */
void downgrade_add_space(struct buffer *out, size_t *column, size_t length);
/* Appends an address list behind "Name:", which took `column` octets. In downgrade_address.c, as what
 * follows. */
void downgrade_add_addresses(struct buffer *out, size_t column, struct view value);
/* Appends the address to send instead of `given`, not ASCII. True when it says the same (A-labels). */
bool downgrade_add_address(struct buffer *out, struct view given);
/* Length of a quoted string, comment, domain literal or angle-addr at the front of `v`, 1 for any
 * other octet, 0 when it does not end. */
size_t downgrade_token(struct view v);

#endif
