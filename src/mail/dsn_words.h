/*
 * The sentences of a report in the languages that it speaks: a table of meanings by enhanced status (RFC
 * 3463), and the words around them. A part of mail/dsn.h. Japanese is written for Japanese readers, not
 * word by word.
 */
#ifndef MAIL_DSN_WORDS_H
#define MAIL_DSN_WORDS_H

#include "mail/dsn.h"

enum dsn_tongue { DSN_ENGLISH, DSN_JAPANESE };
#define DSN_TONGUES 2

/* What a status means and what the sender can do about it; `advice` is empty when there is nothing. */
struct dsn_meaning {
	const char *meaning;
	const char *advice;
};
/* `status` is well-formed. */
struct dsn_meaning dsn_meaning(struct view status, enum dsn_tongue tongue);

/* `{}` stands for what is told in the comment. */
struct dsn_words {
	const char *tag; /* for Content-Language */
	const char *from; /* display name of the sender of reports */
	const char *subject[DSN_ACTIONS]; /* of a report whose worst is this */
	const char *hello; /* server */
	const char *action[DSN_ACTIONS]; /* before the addresses of which it speaks */
	const char *until; /* date */
	const char *said; /* host */
	const char *reason; /* ours */
	const char *advice; /* advice */
	const char *more; /* number of recipients that are not shown */
	const char *your_mail;
	const char *subject_was; /* subject of the original */
	const char *taken; /* date of its arrival */
	const char *has_content; /* the original goes with it */
	const char *has_header; /* only its header section does */
	const char *others; /* recipients are not affected */
	const char *help; /* site, id */
	/* to the postmaster */
	const char *postmaster_subject;
	const char *postmaster_hello; /* server */
	const char *no_sender; /* the original has a null reverse-path */
	const char *lost_sender; /* reverse-path, which leads to nobody */
	const char *header_was;
};
const struct dsn_words *dsn_words(enum dsn_tongue tongue);

#endif
