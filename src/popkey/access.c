#include "popkey/access.h"

#include "base/text.h"

#include <stdlib.h>

#define STEP 64u

bool access_add(struct access_rows *r, const struct ip *neighbour)
{
	if (r->count == ACCESS_ROWS_MAX)
		return false;
	if (r->count == r->room) {
		const size_t room = r->room ? 2 * r->room : STEP;
		r->list = memory_resize(r->list, r->room, room, sizeof *r->list);
		r->room = room;
	}
	r->list[r->count++] = *neighbour;
	return true;
}

static int compare(const void *a, const void *b)
{
	return view_compare(view_of(a, sizeof(struct ip)), view_of(b, sizeof(struct ip)));
}

void access_sort(struct access_rows *r)
{
	size_t kept = 0;
	if (r->count)
		qsort(r->list, r->count, sizeof *r->list, compare);
	for (size_t i = 0; i < r->count; i++)
		if (kept == 0 || !ip_equal(&r->list[i], &r->list[kept - 1]))
			r->list[kept++] = r->list[i];
	r->count = kept;
}

void access_free(struct access_rows *r)
{
	memory_free(r->list);
	*r = (struct access_rows){.list = NULL};
}

/* sendmail asks with all eight groups: 2001:db8:0:0:0:0:0:1 */
static void add_groups(struct buffer *b, const struct ip *ip)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < sizeof ip->octets; i += 2) {
		const unsigned group = ip->octets[i] * 256u + ip->octets[i + 1];
		if (i)
			buffer_add_octet(b, ':');
		for (unsigned shift = 16; shift > 0; shift -= 4)
			if (shift == 4 || group >> (shift - 4))
				buffer_add_octet(b, (uint8_t)digits[group >> (shift - 4) & 15]);
	}
}

static void write_row(struct buffer *b, const struct ip *ip, enum access_format format,
	uint8_t prefix, struct view value)
{
	const bool has_prefix = format == ACCESS_CIDR || format == ACCESS_HOSTS;
	if (format == ACCESS_SENDMAIL)
		buffer_add(b, ip_is_v4(ip) ? VIEW("Connect:") : VIEW("Connect:IPv6:"));
	if (format == ACCESS_SENDMAIL && !ip_is_v4(ip))
		add_groups(b, ip);
	else
		ip_add(b, ip);
	if (has_prefix && !ip_is_v4(ip) && prefix < 128)
		text_add(b, "/{}", text_number(prefix));
	if (format != ACCESS_HOSTS)
		text_add(b, "\t{}", text_raw(value));
	buffer_add_octet(b, '\n');
}

void access_write(struct buffer *b, const struct access_rows *r, enum access_format format,
	uint8_t prefix, struct view value)
{
	for (size_t i = 0; i < r->count; i++)
		write_row(b, &r->list[i], format, prefix, value);
}

/* --- whose mail ------------------------------------------------------------------------------- */

static bool next_word(struct view *text, struct view *word)
{
	size_t from = 0;
	while (from < text->length && (text->at[from] <= ' ' || text->at[from] == ','))
		from++;
	size_t end = from;
	while (end < text->length && text->at[end] > ' ' && text->at[end] != ',')
		end++;
	*word = view_part(*text, from, end - from);
	*text = view_from(*text, end);
	return word->length > 0;
}

static bool has_word(struct view text, struct view wanted)
{
	struct view word;
	while (next_word(&text, &word))
		if (view_equal_nocase(word, wanted))
			return true;
	return false;
}

static bool is_listed(struct view user, struct view sender, struct view senders)
{
	struct view line, name, addresses;
	while (senders.length) {
		view_split(senders, '\n', &line, &senders);
		if (view_at(line, 0) != '#' && view_split(line, ':', &name, &addresses) &&
			view_equal_nocase(view_trim(name), user) && has_word(addresses, sender))
			return true;
	}
	return false;
}

bool access_is_own(struct view user, struct view sender, struct view domains, struct view senders)
{
	const size_t at = view_find_last(sender, '@');
	if (!user.length || !sender.length || at == VIEW_NOT_FOUND)
		return false;
	return view_equal_nocase(user, sender) ||
	       (view_equal_nocase(user, view_first(sender, at)) &&
		       has_word(domains, view_from(sender, at + 1))) ||
	       is_listed(user, sender, senders);
}
