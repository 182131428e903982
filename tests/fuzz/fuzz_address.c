/*
 * Mailboxes, paths, domains, literals, networks and HELO names from arbitrary octets. The first octet
 * chooses the path flags; the rest is the text. What must hold of each text that is taken:
 * it has no control character, what is printed is what was given, printing and parsing again gives
 * the same mailbox, and no limit is passed.
 */
#include "mail/address.h"
#include "mail/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_clean(struct view v)
{
	for (size_t i = 0; i < v.length; i++)
		if (v.at[i] < 0x20 || v.at[i] == 0x7f ||
			(v.at[i] == 0xc2 && i + 1 < v.length && v.at[i + 1] < 0xa0))
			return false;
	return true;
}

static void check_domain(struct domain d, struct arena *a)
{
	struct domain again;
	must(d.name.length >= 1 && d.name.length <= DOMAIN_NAME_MAX);
	must(view_is_printable(d.name, false));
	must(view_find(d.name, '_') == VIEW_NOT_FOUND && view_at(d.name, 0) != '.');
	must(domain_parse(d.name, false, a, &again) == ADDRESS_OK && domain_equal(d, again));
	must(domain_is_in(d, d));
}

static void check_address(const struct address *found, bool utf8, struct arena *a)
{
	struct buffer b = buffer_new(ADDRESS_PATH_MAX);
	address_add(&b, found);
	must(!buffer_failed(&b) && b.length + 2 <= ADDRESS_PATH_MAX);
	must(found->local_part.length >= 1 && found->local_part.length <= ADDRESS_LOCAL_MAX);
	must(is_clean(buffer_view(&b)));
	must(view_is_utf8(buffer_view(&b)));
	must(found->is_utf8 == !view_is_ascii(buffer_view(&b)));
	must(utf8 || !found->is_utf8);
	must(!found->is_old_form || view_at(found->local_part, 0) != '"');
	must(found->is_literal == view_is_empty(found->domain.name));
	must(!address_is_null(found));
	if (!found->is_literal)
		check_domain(found->domain, a);
	struct address again;
	must(address_parse(buffer_view(&b), utf8, a, &again) == ADDRESS_OK);
	must(address_equal(found, &again));
	must(view_equal(found->local_part, again.local_part));
	must(found->is_old_form == again.is_old_form);
	buffer_free(&b);
}

static void try_address(struct view text, bool utf8, struct arena *a)
{
	struct address found;
	if (address_parse(text, utf8, a, &found) != ADDRESS_OK) {
		must(address_is_null(&found));
		return;
	}
	check_address(&found, utf8, a);
	struct buffer b = buffer_new(ADDRESS_PATH_MAX);
	address_add(&b, &found);
	must(view_equal(text, buffer_view(&b)));
	/* The same between brackets ends at its bracket. */
	buffer_clear(&b);
	buffer_add_octet(&b, '<');
	buffer_add(&b, text);
	buffer_add_octet(&b, '>');
	must(!buffer_failed(&b));
	struct cursor c = cursor_of(buffer_view(&b));
	struct address inside;
	bool route;
	must(path_parse(&c, utf8 ? PATH_UTF8 : 0, a, &inside, &route) == ADDRESS_OK);
	must(cursor_done(&c) && !route && address_equal(&found, &inside));
	buffer_free(&b);
}

static void try_path(struct view text, unsigned flags, struct arena *a)
{
	struct cursor c = cursor_of(text);
	struct address found;
	bool route;
	if (path_parse(&c, flags, a, &found, &route) != ADDRESS_OK) {
		must(c.at == 0 && !cursor_failed(&c));
		return;
	}
	must(c.at >= 2 && text.at[c.at - 1] == '>');
	if (address_is_null(&found))
		must(flags & PATH_NULL_OK && c.at == 2);
	else if (view_is_empty(found.domain_given))
		must(flags & PATH_POSTMASTER_OK);
	else
		check_address(&found, flags & PATH_UTF8, a);
}

static void try_ip(struct view text)
{
	struct ip ip;
	struct network n;
	struct buffer b = buffer_new(IP_TEXT_MAX);
	if (ip_parse(text, &ip)) {
		struct ip again;
		ip_add(&b, &ip);
		must(ip_parse(buffer_view(&b), &again) && ip_equal(&ip, &again));
		must(network_parse(text, &n) && n.prefix == 128);
	}
	if (network_parse(text, &n))
		must(n.prefix <= 128 && network_has(&n, &n.ip));
	buffer_free(&b);
}

static void try_helo(struct view text, struct arena *a)
{
	struct helo_name name;
	if (helo_parse(text, a, &name) != ADDRESS_OK)
		return;
	must(view_equal(name.given, text) && view_is_printable(text, false));
	must(text.length <= ADDRESS_DOMAIN_MAX);
	must(name.is_literal + name.is_loose + !view_is_empty(name.domain.name) == 1);
	struct trace_received r = {.helo = &name, .by = VIEW("x"), .with = "SMTP", .id = VIEW("1")};
	struct buffer b = buffer_new(TRACE_FIELD_MAX);
	trace_received_add(&b, &r);
	must(!buffer_failed(&b));
	buffer_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	const struct view text = view_of(data + 1, size - 1);
	const unsigned flags = data[0] & (PATH_UTF8 | PATH_NULL_OK | PATH_POSTMASTER_OK);
	struct arena a = arena_new(1 << 16);
	struct domain d;
	try_address(text, flags & PATH_UTF8, &a);
	try_path(text, flags, &a);
	if (domain_parse(text, flags & PATH_UTF8, &a, &d) == ADDRESS_OK)
		check_domain(d, &a);
	try_ip(text);
	try_helo(text, &a);
	arena_reset(&a);
	return 0;
}
