#include "keepers/drop/dropd.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the file ----------------------------------------------------------------------------- */

static void set(struct hand *h, enum hand_outcome outcome, const char *why)
{
	h->outcome = outcome;
	h->why = why;
}

/* Opened: what it is must be seen at the open file, since names change. */
static bool open_file(struct hand *h)
{
	struct stat st, place;
	h->fd = openat(h->directory, h->name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (h->fd < 0) {
		const bool is_gone = errno == ENOENT;
		set(h, is_gone ? HAND_DONE : HAND_BAD, "it cannot be opened");
		return false;
	}
	if (fstat(h->fd, &st) != 0 || fstat(h->directory, &place) != 0) {
		set(h, HAND_LATER, "it cannot be looked at");
		return false;
	}
	const char *problem = scan_problem(&st, (uint32_t)place.st_gid);
	if (!problem && st.st_uid != h->uid)
		problem = "it is not the file that was seen there";
	if (problem) {
		set(h, HAND_BAD, problem);
		return false;
	}
	h->octets = (uint64_t)st.st_size;
	h->written_s = st.st_mtime;
	return true;
}

static bool read_front(struct hand *h)
{
	const size_t want = h->octets < DROPPED_HEAD_MAX ? (size_t)h->octets : DROPPED_HEAD_MAX;
	uint8_t *room = want ? buffer_room(&h->front, want) : NULL;
	size_t done = 0;
	while (room && done < want) {
		const ssize_t n = pread(h->fd, room + done, want - done, (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (room)
		buffer_grown(&h->front, done);
	return done == want;
}

static bool read_head(struct hand *h)
{
	if (!read_front(h)) {
		set(h, HAND_LATER, "it cannot be read");
		return false;
	}
	const char *problem = dropped_read(buffer_view(&h->front), &h->arena, &h->dropped);
	if (problem) {
		set(h, HAND_BAD, problem);
		return false;
	}
	h->octets -= h->dropped.head_octets;
	return true;
}

/* --- handing over ------------------------------------------------------------------------- */

/* Those that are open. */
static uint32_t choose(const struct hand *h, struct smtp_client_recipient *list)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < h->dropped.recipient_count; i++) {
		const struct dropped_recipient *r = &h->dropped.recipients[i];
		if (r->state == DROPPED_OPEN)
			list[n++] = (struct smtp_client_recipient){
				.forward_path = r->forward_path, .notify = r->notify};
	}
	return n;
}

static void take_results(struct hand *h, const struct smtp_client_result *results)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < h->dropped.recipient_count; i++)
		if (h->dropped.recipients[i].state == DROPPED_OPEN)
			h->results[i] = results[n++];
}

static uint32_t count(const struct hand *h, enum smtp_client_outcome outcome)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < h->dropped.recipient_count; i++)
		n += h->results[i].outcome == outcome;
	return n;
}

bool hand_mark(struct hand *h, enum smtp_client_outcome outcome, enum dropped_state state)
{
	const uint8_t octet = (uint8_t)state;
	bool ok = true;
	for (uint32_t i = 0; i < h->dropped.recipient_count; i++) {
		struct dropped_recipient *r = &h->dropped.recipients[i];
		if (r->state != DROPPED_OPEN || h->results[i].outcome != outcome)
			continue;
		ok &= pwrite(h->fd, &octet, 1, (off_t)r->state_at) == 1;
		r->state = state;
	}
	return ok;
}

static bool is_any_open(const struct hand *h)
{
	for (uint32_t i = 0; i < h->dropped.recipient_count; i++)
		if (h->dropped.recipients[i].state == DROPPED_OPEN)
			return true;
	return false;
}

/* The name may be another file's by now: its owner can do that, and then has what he wanted. */
enum hand_outcome hand_finish(struct hand *h)
{
	if (is_any_open(h)) {
		if (fdatasync(h->fd) != 0)
			h->why = "what was done is not written in it";
		return count(h, SMTP_CLIENT_AGAIN) ? HAND_AGAIN : HAND_LATER;
	}
	unlinkat(h->directory, h->name, 0);
	return HAND_DONE;
}

/* Who has waited too long has failed: the owner hears what was said last. */
static void give_up(struct hand *h)
{
	const uint64_t life_s = h->snapshot->numbers[SETTING_QUEUELIFE];
	const int64_t age_s = clock_wall_s() - h->written_s;
	if (age_s < 0 || (uint64_t)age_s < life_s)
		return;
	for (uint32_t i = 0; i < h->dropped.recipient_count; i++)
		if (h->results[i].outcome == SMTP_CLIENT_LATER)
			h->results[i].outcome = SMTP_CLIENT_REFUSED;
}

static void note_said(struct hand *h)
{
	for (uint32_t i = 0; i < h->dropped.recipient_count && !h->said.length; i++)
		if (h->results[i].outcome == SMTP_CLIENT_LATER ||
			h->results[i].outcome == SMTP_CLIENT_REFUSED)
			h->said = h->results[i].said.text;
}

static void settle(struct hand *h)
{
	h->sent = count(h, SMTP_CLIENT_SENT);
	(void)hand_mark(h, SMTP_CLIENT_SENT, DROPPED_SENT);
	note_said(h);
	give_up(h);
	h->outcome = count(h, SMTP_CLIENT_REFUSED) ? HAND_REFUSED : hand_finish(h);
}

static void speak(struct hand *h)
{
	struct smtp_client_recipient *list =
		arena_get_array(&h->arena, h->dropped.recipient_count, sizeof *list);
	h->results = arena_get_array(&h->arena, h->dropped.recipient_count, sizeof *h->results);
	const uint32_t n = list && h->results ? choose(h, list) : 0;
	if (n == 0) {
		h->outcome = h->results ? hand_finish(h) : HAND_LATER;
		return;
	}
	struct dialogue d = {.socket = h->socket,
		.content = h->fd,
		.content_at = h->dropped.head_octets,
		.name = h->snapshot->servername.name,
		.arena = &h->arena};
	const struct smtp_client_mail mail = {.reverse_path = h->dropped.reverse_path,
		.size_octets = h->octets,
		.is_8bitmime = h->dropped.flags & ENVELOPE_8BITMIME,
		.smtputf8 = h->dropped.flags & ENVELOPE_SMTPUTF8,
		.ret = smtp_ret_of_flags(h->dropped.flags),
		.envid = h->dropped.envid,
		.recipients = list,
		.recipient_count = n};
	if (!dialogue_run(&d, &mail)) {
		set(h, HAND_LATER, "smtpd is not there");
		h->said = d.end.said.text;
		return;
	}
	take_results(h, d.results);
	settle(h);
}

void hand_over(struct hand *h)
{
	if (open_file(h) && read_head(h))
		speak(h);
}
