#include "keepers/spool/spoold.h"

#include "base/text.h"

static bool read_one(struct selection *s, struct view key, struct view value)
{
	if (view_equal(key, VIEW("id")))
		return view_to_hex64(value, &s->id.value) && s->id.value;
	if (view_equal(key, VIEW("after")))
		return view_to_hex64(value, &s->after.value);
	if (view_equal(key, VIEW("sender"))) {
		s->has_sender = true;
		s->sender = view_equal(value, VIEW("<>")) ? VIEW_NONE : value;
		return true;
	}
	if (view_equal(key, VIEW("poster")))
		s->poster = value;
	else if (view_equal(key, VIEW("recipient")))
		s->recipient = value;
	else if (view_equal(key, VIEW("domain")))
		s->domain = value;
	else
		return false;
	return value.length > 0;
}

bool selection_read(struct view words, struct selection *selection_out)
{
	*selection_out = (struct selection){0};
	struct view word;
	while (words.length) {
		struct view value;
		view_split(words, 0, &word, &words);
		if (!view_split(word, '=', &word, &value) || !read_one(selection_out, word, value))
			return false;
	}
	return true;
}

/* Who posted it stands at the end of its session facts (faces/smtpd/transaction.c). */
static bool is_of_poster(const struct envelope *e, const char *key, struct view poster)
{
	struct buffer end = buffer_new(ENVELOPE_PATH_MAX);
	text_add(&end, " {}={}", text_string(key), text_raw(poster));
	const bool is = !buffer_failed(&end) && view_ends(e->source, buffer_view(&end));
	buffer_free(&end);
	return is;
}

bool selection_has(const struct selection *s, const struct envelope *e)
{
	if (s->poster.length && !is_of_poster(e, "user", s->poster) &&
		!is_of_poster(e, "login", s->poster))
		return false;
	return !s->has_sender || view_equal_nocase(s->sender, e->reverse_path);
}

static struct view domain_of(struct view path)
{
	const size_t at = view_find_last(path, '@');
	return at == VIEW_NOT_FOUND ? path : view_from(path, at + 1);
}

bool selection_has_recipient(const struct selection *s, const struct envelope_recipient *r)
{
	if (s->recipient.length && !view_equal_nocase(s->recipient, r->forward_path))
		return false;
	return !s->domain.length || view_equal_nocase(s->domain, domain_of(r->forward_path)) ||
	       (r->kind == ENVELOPE_REMOTE && view_equal_nocase(s->domain, r->target));
}
