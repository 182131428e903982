#include "config/smarthost.h"

/* Takes the next word off the front; empty when there is none. */
static struct view next_word(struct view *text)
{
	*text = view_trim(*text);
	size_t n = 0;
	while (n < text->length && text->at[n] != ' ' && text->at[n] != '\t')
		n++;
	const struct view word = view_first(*text, n);
	*text = view_from(*text, n);
	return word;
}

static bool take_port(struct view text, uint16_t *port_out)
{
	uint32_t n;
	if (!view_to_u32(text, 65535, &n) || n == 0)
		return false;
	*port_out = (uint16_t)n;
	return true;
}

/* "[2001:db8::1]:587", "192.0.2.1:587", "mail.example.org:587", each without the port, and "2001:db8::1". */
static bool split(struct view text, struct view *host_out, struct view *port_out)
{
	*port_out = VIEW_NONE;
	if (view_starts(text, VIEW("["))) {
		const size_t end = view_find(text, ']');
		if (end == VIEW_NOT_FOUND)
			return false;
		*host_out = view_first(view_from(text, 1), end - 1);
		text = view_from(text, end + 1);
		if (text.length && !view_starts(text, VIEW(":")))
			return false;
		*port_out = text.length ? view_from(text, 1) : VIEW_NONE;
		return !text.length || port_out->length;
	}
	const size_t colon = view_find(text, ':');
	*host_out = text;
	if (colon == VIEW_NOT_FOUND || view_find_last(text, ':') != colon)
		return true;
	*host_out = view_first(text, colon);
	*port_out = view_from(text, colon + 1);
	return port_out->length > 0;
}

static bool take_host(struct view text, struct arena *a, struct smarthost *s)
{
	s->is_address = ip_parse(text, &s->address);
	if (s->is_address)
		return true;
	return domain_parse(text, true, a, &s->name) == ADDRESS_OK && domain_is_full(s->name) &&
	       !octet_is_digit(s->name.name.at[s->name.name.length - 1]);
}

bool smarthost_parse(struct view text, struct arena *a, struct smarthost *s)
{
	struct view host;
	struct view port;
	*s = (struct smarthost){0};
	if (!split(next_word(&text), &host, &port) || !take_host(host, a, s))
		return false;
	s->user = next_word(&text);
	s->password = next_word(&text);
	s->port = s->user.length ? SMARTHOST_PORT_LOGIN : SMARTHOST_PORT;
	if (port.length && !take_port(port, &s->port))
		return false;
	return s->user.length <= SMARTHOST_WORD_MAX && s->password.length <= SMARTHOST_WORD_MAX &&
	       (s->user.length == 0) == (s->password.length == 0) && view_is_empty(view_trim(text));
}
