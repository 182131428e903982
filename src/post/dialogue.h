/*
 * A mail is handed to smtpd over a connection to it (channels/caller.h): SMTP, spoken by
 * protocol/smtp_client.h, one mail a connection. It blocks, within the time that the machine allows; who has
 * a loop calls it in a thread.
 *
 * Who calls: tools/sendmail, keepers/drop.
 */
#ifndef POST_DIALOGUE_H
#define POST_DIALOGUE_H

#include "protocol/smtp_client.h"

struct dialogue {
	int socket; /* connected, to smtpd; stays the caller's */
	int content; /* a file; its octets from `content_at` on, as many as the mail says; -1: it is `text` */
	uint64_t content_at;
	struct view text;
	struct view name; /* for EHLO */
	struct arena *arena; /* for the texts of the results */
	bool is_shown; /* to people: each line on standard error */
	/* what came of it */
	struct smtp_client_result *results; /* one a recipient, in the arena */
	struct smtp_client_end end; /* why it ended; its text lies in the arena, too */
	bool was_greeted; /* somebody spoke to us */
};

/* Speaks. True when smtpd has judged the mail: the results say how. False when it never came to that: `end` says
 * why, and nothing was taken. */
must_use bool dialogue_run(struct dialogue *d, const struct smtp_client_mail *mail);

#endif
