#include "mail/gate_open.h"

bool gate_open_user_is_good(struct view user)
{
	for (size_t i = 0; i < user.length; i++)
		if (user.at[i] <= ' ' || user.at[i] == 0x7f)
			return false;
	return user.length <= GATE_OPEN_USER_MAX && view_is_utf8(user);
}

static bool is_tail(struct view tail)
{
	return tail.length <= GATE_OPEN_TAIL_MAX && view_is_printable(tail, false) &&
	       view_find(tail, '/') == VIEW_NOT_FOUND;
}

void gate_open_key(struct buffer *b, const struct ip *address, struct view user, struct view tail)
{
	must(gate_open_user_is_good(user) && is_tail(tail));
	buffer_add(b, GATE_OPEN_PREFIX);
	ip_add(b, address);
	buffer_add_octet(b, ' ');
	buffer_add(b, user);
	buffer_add_octet(b, '/');
	buffer_add(b, tail);
}

/* One address has one key, whoever made it. */
static bool is_the_form(struct view text, const struct ip *ip)
{
	struct buffer form = buffer_new(IP_TEXT_MAX);
	ip_add(&form, ip);
	const bool same = view_equal(buffer_view(&form), text);
	buffer_free(&form);
	return same;
}

bool gate_open_split(
	struct view key, struct ip *address_out, struct view *user_out, struct view *tail_out)
{
	const size_t group = gate_open_group(key);
	struct view address;
	struct view user;
	if (!group)
		return false;
	const struct view named = view_from(view_first(key, group - 1), GATE_OPEN_PREFIX.length);
	if (!view_split(named, ' ', &address, &user) || !ip_parse(address, address_out))
		return false;
	*user_out = user;
	*tail_out = view_from(key, group);
	return is_the_form(address, address_out) && gate_open_user_is_good(user) &&
	       is_tail(*tail_out);
}

struct ip gate_open_neighbour(const struct ip *address, uint8_t v6_prefix)
{
	return ip_is_v4(address) ? *address : ip_masked(address, v6_prefix);
}

size_t gate_open_group(struct view key)
{
	if (!view_starts(key, GATE_OPEN_PREFIX))
		return 0;
	const size_t slash = view_find_last(key, '/');
	return slash == VIEW_NOT_FOUND ? 0 : slash + 1;
}
