/*
 * A report under construction: what the files dsn*.c share. Not for others.
 *
 *	dsn.c		levels, header fields, parts
 *	dsn_original.c	what is read in the original, and the part that returns it
 *	dsn_text.c	the part for people
 *	dsn_status.c	the part for programs
 */
#ifndef MAIL_DSN_DRAFT_H
#define MAIL_DSN_DRAFT_H

#include "base/text.h"
#include "mail/dsn.h"
#include "mail/dsn_words.h"

#define DSN_ADDRESS_SHOWN 320 /* octets; RFC 5321 §4.5.3.1 allows 254 */

/* How much is told: the first that fits. */
enum dsn_level {
	DSN_LEVEL_WHOLE, /* the original whole, if that was asked for */
	DSN_LEVEL_HEADER, /* its header section */
	DSN_LEVEL_NOTHING, /* nothing of it */
	DSN_LEVEL_BRIEF, /* nor what remote hosts said */
};
#define DSN_LEVELS 4

enum dsn_returned { DSN_RETURNS_NOTHING, DSN_RETURNS_HEADER, DSN_RETURNS_CONTENT };

struct dsn_draft {
	const struct dsn *dsn;
	enum dsn_level level;
	uint32_t counts[DSN_ACTIONS]; /* recipients */
	struct view header; /* section of the original; whole lines */
	bool speaks[DSN_TONGUES];
	enum dsn_returned returns;
};

/* The enhanced code: the recipient's, or X.0.0 when that is none or contradicts the action. */
struct view dsn_status(const struct dsn_recipient *r);
/* Appends an address, a name or an id as it is, but nothing that ends a line or is no text; at most `max`
 * octets. */
void dsn_add_plain(struct buffer *b, struct view v, size_t max);

/* --- dsn_original.c ----------------------------------------------------------------------- */

/* Fills `header`, `speaks`. */
void dsn_read_original(struct dsn_draft *draft);
/* The Message-ID with its brackets when it is one that can be repeated, else empty. */
struct view dsn_original_message_id(struct view header);
/* Decides what goes back at this level. */
enum dsn_returned dsn_returns(const struct dsn_draft *draft);
/* Appends the MIME part with its header; true when it is in 8bit. */
bool dsn_add_returned(const struct dsn_draft *draft, struct buffer *b);

/* --- dsn_text.c, dsn_status.c ------------------------------------------------------------- */

void dsn_add_text(const struct dsn_draft *draft, struct buffer *b);
/* The text to the postmaster. */
void dsn_add_postmaster_text(const struct dsn_draft *draft, struct buffer *b);
void dsn_add_status(const struct dsn_draft *draft, struct buffer *b);

#endif
