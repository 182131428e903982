/*
 * report, a keeper: tells senders what became of their mail (F-10; RFC 3461). It holds nothing between
 * two reports; spool says what happened (channels/spool_report.h), report decides who is told, writes the
 * mail (mail/dsn.h) and hands it back. Files:
 *
 *	addressee.c	who is told, pure
 *	letter.c	one report: told, decided, written
 *	server.c	the channel; the whole
 *	main.c		what the parent hands over
 */
#ifndef KEEPERS_REPORT_REPORTD_H
#define KEEPERS_REPORT_REPORTD_H

#include "base/channel.h"
#include "base/streams.h"
#include "channels/spool_report.h"
#include "keepers/report/addressee.h"

#define LETTER_ARENA_MAX ((size_t)8 << 20)
/* Wanted of an original whose header section alone goes back. */
#define LETTER_HEADER_MAX 32768u

struct reportd;

/* One stream. */
struct letter {
	struct reportd *reportd;
	struct snapshot *snapshot; /* of the generation in which it began */
	struct arena arena;
	uint32_t number;
	uint32_t state; /* bit of the channel's states */
	struct spool_id id;
	int64_t arrival_s;
	uint64_t size; /* of the original's content */
	struct envelope envelope; /* of the original */
	struct addressee_told *told; /* REPORT_RECIPIENTS_MAX places */
	uint32_t told_count;
	struct addressee addressee;
	uint32_t wanted; /* octets of the content */
};

struct reportd_hooks {
	void (*broken)(void *context, const char *why);
	void (*drained)(void *context);
	void *context;
};

struct reportd {
	struct loop *loop;
	struct reportd_hooks hooks;
	struct snapshot *snapshot;
	struct channel *spool;
	struct streams letters;
	bool draining;
	struct {
		uint64_t reports; /* to senders */
		uint64_t postmaster; /* mails to the postmaster, when there was no sender */
		uint64_t nobody;
	} counts;
};

/* --- server.c ----------------------------------------------------------------------------- */

void reportd_begin(struct reportd *d, struct loop *loop, const struct reportd_hooks *hooks);
/* Takes over the reference; reports that began keep the old one. */
void reportd_config(struct reportd *d, struct snapshot *snapshot);
/* spool's end; replaces an older one, whose streams are void. Takes over `fd`. */
void reportd_connect(struct reportd *d, int fd);
/* Calls `drained` when no report is under way. */
void reportd_drain(struct reportd *d);
void reportd_end(struct reportd *d);

/* --- letter.c ----------------------------------------------------------------------------- */

/* Each returns null, or what is wrong with what spool said. */
const char *letter_report(struct letter *l, const struct frame *frame);
const char *letter_recipient(struct letter *l, const struct frame *frame);
/* Says NONE, and is idle then, or WANT. */
const char *letter_ask(struct letter *l);
/* Says MAIL; is idle then. */
const char *letter_content(struct letter *l, struct view octets);
void letter_free(struct letter **letter);

#endif
