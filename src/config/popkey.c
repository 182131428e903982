#include "config/popkey.h"

#include "base/text.h"

#define CLOCK_MAX_S 3600u

bool popkey_is_on(const struct popkey *p)
{
	return p->after_s != 0;
}

static bool is_clock(uint32_t s)
{
	return s >= 1 && s <= CLOCK_MAX_S;
}

bool popkey_is_sound(const struct popkey *p)
{
	return (is_clock(p->after_s) && is_clock(p->session_s)) || (!p->after_s && !p->session_s);
}

bool popkey_parse(struct view text, struct popkey *popkey_out)
{
	struct view after;
	struct view session;
	struct popkey p = {0};
	const bool is_read = view_split(text, ' ', &after, &session) &&
			     view_to_u32(after, CLOCK_MAX_S, &p.after_s) &&
			     view_to_u32(view_trim(session), CLOCK_MAX_S, &p.session_s);
	const bool is_good = is_read && popkey_is_on(&p) && popkey_is_sound(&p);
	*popkey_out = is_good ? p : (struct popkey){0};
	return is_good;
}

void popkey_add(struct buffer *b, const struct popkey *p)
{
	text_add(b, "{} {}", text_number(p->after_s), text_number(p->session_s));
}
