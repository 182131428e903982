#include "tools/popkey/session.h"

#include <stdio.h>
#include <unistd.h>

static struct view id_of(const struct session *s)
{
	return s->is_imap ? VIEW_NONE : view_text(s->id);
}

static struct view user_of(const struct session *s)
{
	return view_of(s->user, s->user_length);
}

static void write_id(struct session *s)
{
	struct buffer b = buffer_new(sizeof s->id);
	text_add(&b, "{}", text_number((uint64_t)getpid()));
	must(view_to_text(buffer_view(&b), s->id, sizeof s->id));
	buffer_free(&b);
}

void session_init(
	struct session *s, const struct common *common, bool is_imap, const char *variable)
{
	*s = (struct session){.common = common, .directory = -1, .is_imap = is_imap};
	write_id(s);
	if (!client_address(variable, &s->ip)) {
		tell("nobody knows the client's address: the gate stays closed");
		return;
	}
	s->directory = common_open(common);
}

static void told(enum error error)
{
	if (error)
		tell("the gate cannot be opened: {}", text_string(error_name(error)));
}

void session_begin(struct session *s, struct view user)
{
	const struct popkey_rules *rules = &s->common->rules;
	const uint64_t now_ms = common_now_ms();
	if (s->directory < 0)
		return;
	s->user_length = popkey_user_is_good(user) ? user.length : 0;
	must(view_copy(view_first(user, s->user_length), s->user, sizeof s->user));
	const enum error error =
		s->is_imap
			? popkey_end(s->directory, &s->ip, VIEW_NONE, user_of(s), now_ms, rules)
			: popkey_begin(s->directory, &s->ip, id_of(s), user_of(s), now_ms, rules);
	told(error);
	s->is_begun = !s->is_imap;
}

void session_end(struct session *s)
{
	if (!s->is_begun)
		return;
	s->is_begun = false;
	told(popkey_end(
		s->directory, &s->ip, id_of(s), user_of(s), common_now_ms(), &s->common->rules));
}
