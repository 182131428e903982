/* Openings: a POP3 login opens for the window, since nobody sees the end of its session; an IMAP login for the short time
 * that every login of that kind has (N-27). A window that is longer than a session's clock is kept by touching. */
#include "tools/popkey/log.h"
#include "tools/sekisho/say.h"

#include <errno.h>
#include <unistd.h>

#define OPENINGS_MAX 65536u
#define ID_ROOM 32u
#define CLEAN_MS 1000u /* where nothing is to be kept open */

struct opening {
	struct ip ip;
	uint64_t until_ms; /* the last open millisecond */
	size_t id_length;
	uint8_t id[ID_ROOM];
};

/* One file for each user of an address. */
static struct view id_of(struct buffer *b, struct view user)
{
	text_add(b, "log-{}", text_hex(view_hash(user)));
	return buffer_view(b);
}

/* The mtime with which a file of a session ends at `until_ms`, or as near to it as its clock allows. */
static uint64_t mtime_for(const struct log *l, uint64_t until_ms, uint64_t now_ms)
{
	const uint64_t session_ms = l->common.rules.session_ms;
	const uint64_t latest_ms = until_ms > session_ms ? until_ms - session_ms : 0;
	return latest_ms < now_ms ? latest_ms : now_ms;
}

static struct opening *find(struct log *l, const struct ip *ip, struct view id)
{
	for (size_t i = 0; i < l->opening_count; i++)
		if (ip_equal(&l->openings[i].ip, ip) &&
			view_equal(view_of(l->openings[i].id, l->openings[i].id_length), id))
			return &l->openings[i];
	return NULL;
}

/* Beyond the bound one closes by the clock of a session. */
static void keep(struct log *l, const struct ip *ip, struct view id, uint64_t until_ms)
{
	struct opening *o = find(l, ip, id);
	if (!o) {
		if (l->opening_count == OPENINGS_MAX)
			return;
		if (l->opening_count == l->opening_room) {
			const size_t room = l->opening_room ? 2 * l->opening_room : 64;
			l->openings = memory_resize(
				l->openings, l->opening_room, room, sizeof *l->openings);
			l->opening_room = room;
		}
		o = &l->openings[l->opening_count++];
		*o = (struct opening){.ip = *ip, .id_length = id.length};
		must(view_copy(id, o->id, sizeof o->id));
	}
	o->until_ms = until_ms;
}

static enum error open_pop3(struct log *l, const struct logline *found, uint64_t now_ms)
{
	struct buffer id = buffer_new(ID_ROOM);
	const struct view name = id_of(&id, found->user);
	const uint64_t until_ms = now_ms + l->window_ms;
	const enum error error = popkey_begin(l->directory, &found->ip, name, found->user,
		mtime_for(l, until_ms, now_ms), &l->common.rules);
	if (!error && l->window_ms > l->common.rules.session_ms)
		keep(l, &found->ip, name, until_ms);
	buffer_free(&id);
	return error;
}

static enum error open_gate(struct log *l, const struct logline *found)
{
	const uint64_t now_ms = common_now_ms();
	return found->is_imap ? popkey_end(l->directory, &found->ip, VIEW_NONE, found->user, now_ms,
					&l->common.rules)
			      : open_pop3(l, found, now_ms);
}

/* The directory may have been made anew. */
static enum error open_gate_anew(struct log *l, const struct logline *found)
{
	const int anew = common_open(&l->common);
	if (anew < 0)
		return ERROR_MISSING;
	close(l->directory);
	l->directory = anew;
	return open_gate(l, found);
}

void log_line(struct log *l, struct view line)
{
	struct logline found;
	struct buffer address = buffer_new(IP_TEXT_MAX);
	if (!loglines_match(l->patterns, line, &found) || ip_is_loopback(&found.ip))
		return;
	ip_add(&address, &found.ip);
	enum error error = open_gate(l, &found);
	if (error)
		error = open_gate_anew(l, &found);
	if (error)
		say_trouble("{} cannot be opened: {}", text_view(buffer_view(&address)),
			text_string(error_name(error)));
	else if (l->is_verbose)
		say("open address={} user={} by={}", text_view(buffer_view(&address)),
			text_view(found.user), text_string(found.is_imap ? "imap" : "pop3"));
	buffer_free(&address);
}

/* --- renewal ---------------------------------------------------------------------------------- */

/* Whoever has closed it by hand has closed it. */
static bool renew(struct log *l, const struct opening *o, uint64_t now_ms)
{
	return now_ms < o->until_ms &&
	       popkey_touch(l->directory, &o->ip, view_of(o->id, o->id_length),
		       mtime_for(l, o->until_ms, now_ms), &l->common.rules) == ERROR_NONE;
}

static void renew_all(void *context)
{
	struct log *l = context;
	const uint64_t now_ms = common_now_ms();
	size_t kept = 0;
	for (size_t i = 0; i < l->opening_count; i++)
		if (renew(l, &l->openings[i], now_ms))
			l->openings[kept++] = l->openings[i];
	l->opening_count = kept;
	popkey_expire(l->directory, now_ms, &l->common.rules, NULL);
	const uint64_t session_ms = l->common.rules.session_ms;
	timer_set(l->renewal, session_ms ? session_ms / 4 + 1 : CLEAN_MS);
}

void log_open_start(struct log *l)
{
	l->renewal = timer_new(l->loop, renew_all, l);
	renew_all(l);
}
