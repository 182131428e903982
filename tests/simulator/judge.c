#include "world.h"

#include <stdio.h>
#include <string.h>

#define LOG_FILES_MAX 12
#define MAIL_OPEN_MAX 6

static unsigned mailbox_of(const char *name, size_t length)
{
	unsigned i = 0;
	while (i < MAILBOXES &&
		(strlen(world_mailbox(i)) != length || memcmp(world_mailbox(i), name, length) != 0))
		i++;
	return i;
}

/* --- order --------------------------------------------------------------------------------- */

/* arrival.birth_ID_recipient.host */
static bool id_of(const char *name, uint64_t *id_out)
{
	const char *id = strchr(name, '_');
	const char *end = id ? strchr(id + 1, '_') : NULL;
	return end && view_to_hex64(view_of(id + 1, (size_t)(end - id - 1)), id_out);
}

static bool was_placed(const struct world *w, unsigned mailbox, uint64_t id)
{
	struct cursor c = cursor_of(buffer_view(&w->placed));
	while (cursor_left(&c)) {
		const uint64_t a = cursor_u64(&c);
		const uint64_t b = cursor_u64(&c);
		if (a == mailbox && b == id)
			return true;
	}
	return false;
}

/* --- what is in the mailboxes -------------------------------------------------------------- */

static bool number_of(struct view octets, unsigned count, unsigned *number_out)
{
	const struct view key = VIEW("\r\nX-Number: ");
	const size_t at = view_search(octets, key);
	if (at == octets.length)
		return false;
	struct view line, rest;
	uint32_t number;
	if (!view_split(view_from(octets, at + key.length), '\r', &line, &rest) ||
		!view_to_u32(line, count - 1, &number))
		return false;
	*number_out = number;
	return true;
}

/* One that was sent again waits for its first copy, and lets others pass (keepers/deliver/boxes.c). */
static bool may_overtake(const struct world *w, struct view octets)
{
	unsigned number;
	return w->remembers && number_of(octets, w->mail_count, &number) &&
	       w->mails[number].attempts > 1;
}

/* Whatever fails in between, one mailbox gets its mail in the order in which it was accepted. */
void judge_placed(void *context, const char *mailbox, const char *name, struct view octets)
{
	struct world *w = context;
	const unsigned n = mailbox_of(mailbox, strlen(mailbox));
	uint64_t id;
	if (n == MAILBOXES || !id_of(name, &id)) {
		world_trouble(w, "%s/new/%s has no name of ours", mailbox, name);
		return;
	}
	world_say(w, "placed %s/new/%s", mailbox, name);
	if (was_placed(w, n, id))
		return;
	if (id < w->last_id[n] && !w->is_unordered && !may_overtake(w, octets))
		world_trouble(w, "%s/new/%s comes after later mail", mailbox, name);
	if (id > w->last_id[n])
		w->last_id[n] = id;
	buffer_add_u64(&w->placed, n);
	buffer_add_u64(&w->placed, id);
}

/* Mail n leaves for friendn. */
static bool friend_of(struct view address, unsigned count, unsigned *number_out)
{
	const struct view head = VIEW("friend");
	struct view number, domain;
	return view_starts(address, head) &&
	       view_split(view_from(address, head.length), '@', &number, &domain) &&
	       view_to_u32(number, count - 1, number_out);
}

static bool recipient_of(struct view report, unsigned count, unsigned *number_out)
{
	const struct view key = VIEW("\r\nFinal-Recipient: rfc822; ");
	const size_t at = view_search(report, key);
	return at < report.length &&
	       friend_of(view_from(report, at + key.length), count, number_out);
}

/* What the sender is told, with the header section of his mail; without it where that could not be read. */
static void look_at_report(struct world *w, const char *path, unsigned mailbox, struct view octets)
{
	unsigned number, shown;
	const bool has_header = number_of(octets, w->mail_count, &shown);
	if (mailbox != 0 || !recipient_of(octets, w->mail_count, &number) ||
		!w->mails[number].leaves ||
		view_search(octets, VIEW("Action: failed")) == octets.length ||
		(has_header ? shown != number : !w->is_unordered))
		world_trouble(w, "%s is no report to its sender", path);
	else
		w->mails[number].reports++;
}

void judge_relayed(struct world *w, struct view forward_path, struct view content)
{
	uint32_t number;
	if (!friend_of(forward_path, w->mail_count, &number) || !w->mails[number].leaves) {
		world_trouble(w, "a mail leaves that was never sent there");
		return;
	}
	world_say(w, "mail %u is taken by the next host", number);
	if (!view_starts(content, VIEW("Received: ")) ||
		!view_ends(content, mail_octets(&w->mails[number])))
		world_trouble(w, "mail %u does not leave as it was sent", number);
	w->mails[number].relayed++;
}

static void look(void *context, const char *path, struct view octets)
{
	struct world *w = context;
	const char *slash = strchr(path, '/');
	const unsigned mailbox = slash ? mailbox_of(path, (size_t)(slash - path)) : MAILBOXES;
	unsigned number;
	if (mailbox == MAILBOXES) {
		world_trouble(w, "%s is in no mailbox", path);
		return;
	}
	if (strncmp(slash, "/tmp/", 5) == 0)
		return; /* of an attempt that was killed; nobody reads it */
	if (view_starts(octets, VIEW("Return-Path: <>"))) {
		look_at_report(w, path, mailbox, octets);
		return;
	}
	if (!number_of(octets, w->mail_count, &number)) {
		world_trouble(w, "%s is no mail of ours: %zu octets", path, octets.length);
		return;
	}
	struct mail *m = &w->mails[number];
	if (!view_starts(octets,
		    m->leaves ? VIEW("Return-Path: <hana@") : VIEW("Return-Path: <sender")) ||
		!view_ends(octets, mail_octets(m)))
		world_trouble(w, "%s is not as it was sent (mail %u)", path, number);
	if (!(m->mailboxes & 1u << mailbox))
		world_trouble(w, "%s was never sent there (mail %u)", path, number);
	m->copies[mailbox]++;
}

/* It is with the next host, or its sender knows that it is not. */
static void judge_leaving(struct world *w, const struct mail *m)
{
	if (!m->relayed && !m->reports)
		world_trouble(
			w, "mail %u was accepted, did not leave, and nobody is told", m->number);
	if (w->is_quiet && (m->relayed != 1 || m->reports))
		world_trouble(w, "mail %u left %u times, and is reported %u times", m->number,
			m->relayed, m->reports);
	if (!w->has_repeated && m->relayed + m->reports > m->attempts)
		world_trouble(w, "mail %u left %u times and is reported %u times, sent %u times",
			m->number, m->relayed, m->reports, m->attempts);
}

static void judge_mail(struct world *w, const struct mail *m)
{
	const bool once = w->is_quiet || (w->remembers && !w->has_forgotten);
	unsigned least = ~0u, most = 0;
	if (m->leaves)
		judge_leaving(w, m);
	for (unsigned i = 0; i < MAILBOXES; i++) {
		if (!(m->mailboxes & 1u << i))
			continue;
		least = m->copies[i] < least ? m->copies[i] : least;
		most = m->copies[i] > most ? m->copies[i] : most;
	}
	if (least == 0)
		world_trouble(w, "mail %u was accepted and is lost", m->number);
	if (most > m->attempts)
		world_trouble(w, "mail %u was sent %u times and is there %u times", m->number,
			m->attempts, most);
	if (!w->remembers && least != most)
		world_trouble(
			w, "mail %u was taken by halves: %u and %u copies", m->number, least, most);
	if (once && most > 1)
		world_trouble(w, "mail %u is there %u times", m->number, most);
}

void world_judge(struct world *w)
{
	if (!world_is_done(w)) {
		world_trouble(w, "it stands still before all is through");
		return;
	}
	sim_mail_each(w->mail_disk, look, w);
	for (unsigned i = 0; i < w->mail_count; i++)
		judge_mail(w, &w->mails[i]);
	if (sim_disk_files(w->disk, "large") != 0)
		world_trouble(w, "a large content was left on the disk");
	const size_t files = sim_disk_files(w->disk, "");
	const unsigned leaving = actor_spool_leaving(world_actor(w, PROGRAM_SPOOL, 0));
	if (files > LOG_FILES_MAX + leaving)
		world_trouble(w, "%zu files are left of the log, %u are leaving", files, leaving);
	if (sim_mail_open(w->mail_disk) > MAIL_OPEN_MAX)
		world_trouble(w, "%zu descriptors are open on the mailboxes",
			sim_mail_open(w->mail_disk));
}
