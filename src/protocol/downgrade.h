/*
 * Internationalised mail for a client that does not know it (RFC 6858): the header section is
 * rewritten to ASCII on its way out, the body passes untouched. Pure, streaming, bounded. The file in
 * the mailbox stays as it is; what a client gets this way differs from it in size, and signatures over
 * the rewritten fields do not verify any more.
 *
 * The rule, field by field. A field in ASCII passes as it is, and so does one whose other octets are
 * not UTF-8 (old mail in a national charset is not internationalised mail; clients have always
 * guessed). For a field with UTF-8:
 * - Bcc Cc From Reply-To Resent-* Sender To: display names become encoded words (RFC 2047). An
 *   address that is ASCII stays. One whose domain alone is internationalised gets its A-labels. Any
 *   other becomes invalid@internationalized-address.invalid, the true one told in its display name
 *   (RFC 6858 §2.1; a mailbox and not a group, since it must also stand inside groups).
 * - Return-Path: the same without a display name.
 * - Content-Type, Content-Disposition: parameters with UTF-8 are left out (RFC 6858 §2.2).
 * - Subject, Comments, Keywords, Content-Description and every field not named here: its words become
 *   encoded words (RFC 6858 §2.3, RFC 2047 §5 (1)).
 * - Trace, id, signature and list fields, Date and their like, where no encoded word may stand: left
 *   out (RFC 6858 §2.4).
 * - A field longer than DOWNGRADE_FIELD_MAX is left out when UTF-8 shows within that length; else it
 *   passes, with a "?" for each octet past it that is not ASCII.
 * - The header section ends at the empty line, or at the first line that is no field: such a file is
 *   not a message by the standards and passes as it is from there.
 * - Header fields of MIME parts belong to the body and pass untouched. RFC 6858 §2.2 would leave out
 *   their parameters with UTF-8 as well; but a file's name that a client may guess at helps more than
 *   none, and it would take a MIME parser in a face.
 */
#ifndef PROTOCOL_DOWNGRADE_H
#define PROTOCOL_DOWNGRADE_H

#include "base/bytes.h"

#define DOWNGRADE_FIELD_MAX 32768u /* octets of a field that can be rewritten */
#define DOWNGRADE_READY_MAX 131072u /* octets that it may become; past that it is left out */

enum downgrade_state {
	DOWNGRADE_FIELDS,
	DOWNGRADE_LONG_KEEP, /* in the rest of a field too long, ASCII so far */
	DOWNGRADE_LONG_DROP, /* the same, with UTF-8 */
	DOWNGRADE_BODY,
};

struct downgrade {
	enum downgrade_state state;
	bool after_lf; /* in a long field: the last octet was its LF */
	struct buffer held; /* a field whose end has not been seen */
	struct buffer ready; /* octets to give out, from `given` on */
	size_t given;
};

/* Holds no memory until a field has to be held or rewritten. */
struct downgrade downgrade_new(void);
void downgrade_free(struct downgrade *d);
/* Takes from `in` and returns the next octets to send, at most `most` (not 0). The view lives until
 * the next call, or as long as `in` does, whichever ends first. Empty when all of `in` is taken and
 * more is needed; with `last`, when everything was given out. */
struct view downgrade_next(struct downgrade *d, struct cursor *in, bool last, size_t most);

#endif
