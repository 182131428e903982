/*
 * What a message submission server looks at and completes in the header section of a mail that is being
 * posted (RFC 6409 §6 and §8, RFC 5322 §3.6): From, Sender, Date, Message-ID. Pure: the section is held
 * back while it streams in, then looked at as a whole; time and randomness are arguments. Whether an
 * address is the user's own is config/senders.h's to say.
 *
 *	struct originator o;
 *	originator_start(&o, limits->header_octets, CONTENT_MAX);
 *	while (!originator_take(&o, &content)) … wait for more content, or originator_finish(&o)
 *	problem = originator_look(&o, &arena, &fields);
 *	… judge fields.from and fields.sender …
 *	originator_add_missing(&out, &fields, &seed, &server);
 *	… then o.held, then what follows
 *
 * Stricter than a relay may be, since the author's program is at the other end and can be told: one From,
 * and no line among the fields that is none, behind which two readers would see two headers.
 */
#ifndef MAIL_ORIGINATOR_H
#define MAIL_ORIGINATOR_H

#include "mail/header.h"
#include "mail/mailboxes.h"
#include "mail/message_id.h"

struct originator {
	struct header_scan scan;
	struct buffer held; /* the section, and what came along behind it */
};

/* `max_octets` of the header section; `more_octets` is the most that may come with its end. */
void originator_start(struct originator *o, size_t max_octets, size_t more_octets);
void originator_free(struct originator *o);
/* Takes all of `content` while the section has not ended; true once it has. */
bool originator_take(struct originator *o, struct buffer *content);
/* The content is over. */
void originator_finish(struct originator *o);
bool originator_is_whole(const struct originator *o);

enum originator_problem {
	ORIGINATOR_OK,
	ORIGINATOR_LARGE, /* the section is longer than `max_octets` */
	ORIGINATOR_NO_FIELD, /* a line that is no field stands before the empty line */
	ORIGINATOR_NO_FROM,
	ORIGINATOR_FROM, /* From is no list of mailboxes */
	ORIGINATOR_SENDER, /* Sender is not one mailbox */
	ORIGINATOR_DOUBLE_FROM,
	ORIGINATOR_DOUBLE_SENDER,
	ORIGINATOR_DOUBLE_DATE,
	ORIGINATOR_DOUBLE_MESSAGE_ID,
	ORIGINATOR_MEMORY, /* temporary */
};
/* One plain sentence without final full stop. */
const char *originator_problem_text(enum originator_problem problem);
/* The rule for logs: "no-from", "double-date", … */
const char *originator_problem_name(enum originator_problem problem);

struct originator_fields {
	struct mailboxes from;
	bool has_sender;
	struct address sender;
	bool has_date;
	bool has_message_id;
};

/* Of a whole one. Addresses lie in the arena. */
must_use enum originator_problem originator_look(
	const struct originator *o, struct arena *a, struct originator_fields *fields_out);

struct originator_seed {
	struct message_id_seed message_id;
	int64_t time_s; /* wall clock */
	struct domain server; /* F-25 */
	const struct address
		*sender; /* of a mail with several authors that names none: who posts it */
};
#define ORIGINATOR_ADDED_MAX 1536u /* octets of the fields that are added */
/* Appends the fields that are missing: Sender, Date, Message-ID. */
void originator_add_missing(struct buffer *b, const struct originator_fields *fields,
	const struct originator_seed *seed);

#endif
