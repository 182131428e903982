/*
 * A mail of the server itself to a user, with the postmaster as its second reader (N-8): he has come near to, or has
 * reached, the number of recipients that he may write to. In English and Japanese, since a user's language is not known.
 * Pure: time and randomness are arguments.
 */
#ifndef MAIL_NOTICE_H
#define MAIL_NOTICE_H

#include "mail/domain.h"
#include "mail/message_id.h"

#define NOTICE_OCTETS_MAX 8192u

struct notice {
	bool is_reached; /* else it is near */
	bool is_of_day; /* else of an hour */
	uint64_t count; /* recipients so far */
	uint64_t limit;
	struct view user; /* name */
	struct view to; /* his address */
	struct view postmaster; /* its address */
	struct view client; /* address from which he writes just now */
	struct domain server; /* host */
	struct domain site; /* domain that the notice comes from */
	int64_t now_s; /* wall clock */
	int offset_minutes;
	uint8_t random[MESSAGE_ID_RANDOM];
};

/* Appends header and body, in lines that end in CRLF. False when `b` has no room for NOTICE_OCTETS_MAX. */
must_use bool notice_compose(struct buffer *b, const struct notice *n);

#endif
