/*
 * Who is told what became of a mail: the sender, the postmaster, or nobody (F-10; RFC 3461 §4.1, RFC
 * 5321 §6.1). Pure decisions over a snapshot and an envelope.
 *
 *	| the original                                     | is told                                 |
 *	|--------------------------------------------------|-----------------------------------------|
 *	| NOTIFY asks for no report of this                | nobody                                  |
 *	| went to the postmaster for want of a sender      | nobody: the log has it                  |
 *	| null reverse-path, failed                        | the postmaster                          |
 *	| null reverse-path, else                          | nobody                                  |
 *	| reverse-path of ours that reaches somebody       | the sender                              |
 *	| reverse-path elsewhere                           | the sender                              |
 *	| reverse-path that leads nowhere, failed          | the postmaster                          |
 *	| the same, else                                   | nobody                                  |
 *
 * With the setting reportcopies the postmaster gets a copy of what a sender is told of failures.
 */
#ifndef KEEPERS_REPORT_ADDRESSEE_H
#define KEEPERS_REPORT_ADDRESSEE_H

#include "config/snapshot.h"
#include "mail/dsn.h"
#include "mail/envelope.h"

/* Of one report; the envelope that names them fits REPORT_ENVELOPE_MAX. */
#define ADDRESSEE_MAILBOXES_MAX 1000u

enum addressee_kind { ADDRESSEE_NOBODY, ADDRESSEE_SENDER, ADDRESSEE_POSTMASTER };

/* What became of one recipient of the original. */
struct addressee_told {
	uint32_t index; /* in the envelope */
	struct dsn_recipient recipient;
};

struct addressee {
	enum addressee_kind kind;
	const char *why; /* of nobody */
	struct view path; /* for the field To */
	struct envelope_recipient *recipients; /* of the report */
	uint32_t recipient_count;
	bool has_copies; /* for the postmaster, too */
};

/* Keeps in `told` those of whom a report is wanted (NOTIFY); how many. */
uint32_t addressee_filter(
	const struct envelope *original, struct addressee_told *told, uint32_t count);
/* Whom to tell of `told`, which addressee_filter left; count may be 0. Everything lies in the arena or the
 * snapshot. False when the arena is at its cap. */
must_use bool addressee_find(const struct snapshot *s, const struct envelope *original,
	const struct addressee_told *told, uint32_t count, struct arena *a,
	struct addressee *addressee_out);

#endif
