#include "mail/address.h"

#define GROUPS_BESIDE_GAP 6 /* RFC 5321 §4.1.3: "::" stands for two groups or more */

/* --- local-part --------------------------------------------------------------------------- */

/* atext of RFC 5322 §3.2.3; non-ASCII is judged before, for the whole text at once. */
static bool is_atext(int octet)
{
	return octet_is_alnum(octet) || octet >= 0x80 ||
	       (octet > 0 && octet < 0x80 &&
		       view_find(VIEW("!#$%&'*+-/=?^_`{|}~"), (uint8_t)octet) != VIEW_NOT_FOUND);
}

/* qtextSMTP of RFC 5321 §4.1.2 with the non-ASCII of RFC 6531 §3.3. */
static bool is_qtext(int octet)
{
	return octet >= 0x20 && octet != 0x7f && octet != '"' && octet != '\\';
}

/* A C1 control (U+0080 to U+009F), which RFC 6531 would let pass: no terminal should get one. */
static bool has_c1(struct view text)
{
	for (size_t i = 0; i + 1 < text.length; i++)
		if (text.at[i] == 0xc2 && text.at[i + 1] < 0xa0)
			return true;
	return false;
}

/* Octets of the quoted-string that starts `text`, with both quotes; 0 when it does not end well. */
static size_t quoted_length(struct view text)
{
	size_t i = 1;
	while (is_qtext(view_at(text, i)) || view_at(text, i) == '\\') {
		if (view_at(text, i) == '\\') {
			const int next = view_at(text, ++i); /* quoted-pairSMTP: %d32-126 only */
			if (next < 0x20 || next > 0x7e)
				return 0;
		}
		i++;
	}
	return view_at(text, i) == '"' ? i + 1 : 0;
}

/* A dot-string. Two dots together and a dot at the end are no dot-string, but Japan's mobile carriers
 * gave out such addresses and people still have them; they are tolerated in ASCII and told apart by
 * *old_form_out. None of the carriers let one begin with a dot, so that stays an error. */
static bool dot_string_check(struct view local, bool *old_form_out)
{
	*old_form_out = false;
	if (view_at(local, 0) == '.')
		return false;
	for (size_t i = 0; i < local.length; i++) {
		if (local.at[i] == '.')
			*old_form_out |= i + 1 == local.length || local.at[i + 1] == '.';
		else if (!is_atext(local.at[i]))
			return false;
	}
	return !*old_form_out || view_is_ascii(local);
}

/* Splits at the "@" that ends the local-part. ADDRESS_OK says nothing about the domain yet. */
static enum address_problem local_split(
	struct view text, struct view *local_out, struct view *domain_out, bool *old_form_out)
{
	const bool quoted = view_at(text, 0) == '"';
	const size_t end = quoted ? quoted_length(text) : view_find(text, '@');
	*old_form_out = false;
	if (quoted && end == 0)
		return ADDRESS_LOCAL_SYNTAX;
	if (end == VIEW_NOT_FOUND || end == text.length)
		return ADDRESS_NO_DOMAIN;
	*local_out = view_first(text, end);
	*domain_out = view_from(text, end + 1);
	if (end == 0 || view_at(text, end) != '@')
		return ADDRESS_LOCAL_SYNTAX;
	if (!quoted && !dot_string_check(*local_out, old_form_out))
		return ADDRESS_LOCAL_SYNTAX;
	if (has_c1(*local_out))
		return ADDRESS_LOCAL_SYNTAX;
	if (local_out->length > ADDRESS_LOCAL_MAX)
		return ADDRESS_LOCAL_LONG;
	return view_is_empty(*domain_out) ? ADDRESS_NO_DOMAIN : ADDRESS_OK;
}

/* The local-part without quotes and backslashes. */
static bool local_unquote(struct view local, struct arena *a, struct view *plain_out)
{
	*plain_out = local;
	if (view_at(local, 0) != '"')
		return true;
	const struct view inner = view_part(local, 1, local.length - 2);
	uint8_t *at = arena_get(a, inner.length);
	size_t length = 0;
	if (!at)
		return false;
	for (size_t i = 0; i < inner.length; i++) {
		if (inner.at[i] == '\\')
			i++;
		at[length++] = inner.at[i];
	}
	*plain_out = view_of(at, length);
	return true;
}

/* --- address literal ---------------------------------------------------------------------- */

/* RFC 5321 §4.1.3 lets "::" stand for two groups or more; RFC 4291, by which ip_parse reads, for
 * one too. */
static bool is_gap_wide(struct view v6)
{
	if (view_search(v6, VIEW("::")) == VIEW_NOT_FOUND)
		return true;
	size_t groups = view_find(v6, '.') == VIEW_NOT_FOUND ? 0 : 1; /* a dotted end is two */
	bool more = true;
	while (more) {
		struct view group;
		more = view_split(v6, ':', &group, &v6);
		groups += !view_is_empty(group);
	}
	return groups <= GROUPS_BESIDE_GAP;
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]"; a general tag has no meaning that anybody registered. */
static bool literal_parse(struct view text, struct ip *ip_out)
{
	*ip_out = (struct ip){{0}};
	if (text.length < 2 || text.at[0] != '[' || text.at[text.length - 1] != ']')
		return false;
	const struct view inner = view_part(text, 1, text.length - 2);
	const struct view tag = VIEW("IPv6:");
	if (!view_starts_nocase(inner, tag))
		return view_find(inner, ':') == VIEW_NOT_FOUND && ip_parse(inner, ip_out);
	const struct view v6 = view_from(inner, tag.length);
	return view_find(v6, ':') != VIEW_NOT_FOUND && is_gap_wide(v6) && ip_parse(v6, ip_out);
}

/* --- mailbox ------------------------------------------------------------------------------ */

static enum address_problem charset_check(struct view text, bool utf8, bool *is_utf8_out)
{
	*is_utf8_out = !view_is_ascii(text);
	if (!*is_utf8_out)
		return ADDRESS_OK;
	if (!utf8)
		return ADDRESS_NEEDS_UTF8;
	return view_is_utf8(text) ? ADDRESS_OK : ADDRESS_NOT_UTF8;
}

static enum address_problem domain_part(
	struct view text, bool utf8, struct arena *a, struct address *found)
{
	if (view_at(text, 0) != '[')
		return domain_parse(text, utf8, a, &found->domain);
	found->is_literal = true;
	return literal_parse(text, &found->literal) ? ADDRESS_OK : ADDRESS_LITERAL_SYNTAX;
}

/* Moves what was found in the caller's text into the arena. */
static bool address_keep(struct view text, struct arena *a, struct address *found)
{
	struct view copy;
	if (!arena_copy(a, text, &copy))
		return false;
	found->local_part = view_first(copy, found->local_part.length);
	found->domain_given = view_from(copy, text.length - found->domain_given.length);
	return local_unquote(found->local_part, a, &found->local_plain);
}

enum address_problem address_parse(
	struct view text, bool utf8, struct arena *a, struct address *address_out)
{
	struct address found = {.is_literal = false};
	*address_out = found;
	if (view_is_empty(text))
		return ADDRESS_EMPTY;
	enum address_problem problem = charset_check(text, utf8, &found.is_utf8);
	if (problem == ADDRESS_OK)
		problem = local_split(
			text, &found.local_part, &found.domain_given, &found.is_old_form);
	if (problem == ADDRESS_OK)
		problem = domain_part(found.domain_given, utf8, a, &found);
	if (problem != ADDRESS_OK)
		return problem;
	if (text.length + 2 > ADDRESS_PATH_MAX)
		return ADDRESS_PATH_LONG;
	if (!address_keep(text, a, &found))
		return ADDRESS_MEMORY;
	*address_out = found;
	return ADDRESS_OK;
}

bool address_local_is_plain(struct view local, bool old)
{
	bool is_old_form;
	return local.length && dot_string_check(local, &is_old_form) && (old || !is_old_form);
}

void address_add_local(struct buffer *b, struct view plain, bool old)
{
	if (address_local_is_plain(plain, old)) {
		buffer_add(b, plain);
		return;
	}
	buffer_add_octet(b, '"');
	for (size_t i = 0; i < plain.length; i++) {
		if (plain.at[i] == '"' || plain.at[i] == '\\')
			buffer_add_octet(b, '\\');
		buffer_add_octet(b, plain.at[i]);
	}
	buffer_add_octet(b, '"');
}

void address_add_plain(struct buffer *b, struct view local_plain, struct domain domain)
{
	address_add_local(b, local_plain, true);
	buffer_add_octet(b, '@');
	buffer_add(b, domain.name);
}

bool address_equal(const struct address *a, const struct address *b)
{
	if (a->is_literal != b->is_literal || !view_equal(a->local_plain, b->local_plain))
		return false;
	return a->is_literal ? ip_equal(&a->literal, &b->literal)
			     : domain_equal(a->domain, b->domain);
}

void address_add(struct buffer *b, const struct address *a)
{
	buffer_add(b, a->local_part);
	if (view_is_empty(a->domain_given))
		return;
	buffer_add_octet(b, '@');
	buffer_add(b, a->domain_given);
}

bool address_is_null(const struct address *a)
{
	return view_is_empty(a->local_part) && view_is_empty(a->domain_given);
}

/* --- path --------------------------------------------------------------------------------- */

/* Index of the ">" that ends the path which starts at "<", quoted ones skipped; 0 when none does. */
static size_t path_end(struct view text)
{
	bool quoted = false;
	for (size_t i = 1; i < text.length; i++) {
		if (quoted && text.at[i] == '\\')
			i++;
		else if (text.at[i] == '"')
			quoted = !quoted;
		else if (text.at[i] == '>' && !quoted)
			return i;
	}
	return 0;
}

/* Takes the source route "@a,@b:" off the front of *text. Its hosts are read and forgotten. */
static enum address_problem route_skip(struct view *text, bool utf8, struct arena *a)
{
	struct view route;
	if (!view_split(*text, ':', &route, text))
		return ADDRESS_NO_DOMAIN;
	bool more = true;
	while (more) {
		struct view host;
		struct domain domain;
		more = view_split(route, ',', &host, &route);
		if (view_at(host, 0) != '@')
			return ADDRESS_DOMAIN_SYNTAX;
		const enum address_problem problem =
			domain_parse(view_from(host, 1), utf8, a, &domain);
		if (problem != ADDRESS_OK)
			return problem == ADDRESS_EMPTY ? ADDRESS_DOMAIN_SYNTAX : problem;
	}
	return ADDRESS_OK;
}

static enum address_problem path_inner(struct view inner, unsigned flags, struct arena *a,
	struct address *address_out, bool *had_route_out)
{
	const bool utf8 = flags & PATH_UTF8;
	if (view_is_empty(inner) && flags & PATH_NULL_OK)
		return ADDRESS_OK;
	if (flags & PATH_POSTMASTER_OK && view_equal_nocase(inner, VIEW("postmaster"))) {
		if (!arena_copy(a, inner, &address_out->local_part))
			return ADDRESS_MEMORY;
		address_out->local_plain = address_out->local_part;
		return ADDRESS_OK;
	}
	*had_route_out = view_at(inner, 0) == '@';
	if (*had_route_out) {
		/* Before the hosts are read, so that a long route costs no more than a short one. */
		if (inner.length + 2 > ADDRESS_PATH_MAX)
			return ADDRESS_PATH_LONG;
		const enum address_problem problem = route_skip(&inner, utf8, a);
		if (problem != ADDRESS_OK)
			return problem;
	}
	return address_parse(inner, utf8, a, address_out);
}

enum address_problem path_parse(struct cursor *c, unsigned flags, struct arena *a,
	struct address *address_out, bool *had_route_out)
{
	*address_out = (struct address){.is_literal = false};
	*had_route_out = false;
	const struct view text = cursor_rest(c);
	if (view_at(text, 0) != '<')
		return ADDRESS_NO_BRACKETS;
	const size_t end = path_end(text);
	if (end == 0) /* an open quote swallowed the ">", or there is none */
		return view_find(text, '>') == VIEW_NOT_FOUND ? ADDRESS_NO_BRACKETS
							      : ADDRESS_LOCAL_SYNTAX;
	const enum address_problem problem =
		path_inner(view_part(text, 1, end - 1), flags, a, address_out, had_route_out);
	if (problem == ADDRESS_OK)
		cursor_take(c, end + 1);
	return problem;
}

/* --- HELO --------------------------------------------------------------------------------- */

static bool is_loose_octet(int octet)
{
	return octet_is_alnum(octet) || octet == '-' || octet == '_' || octet == '.' ||
	       octet == ':' || octet == '[' || octet == ']';
}

static bool is_loose_name(struct view text)
{
	struct cursor c = cursor_of(text);
	cursor_while(&c, is_loose_octet);
	return cursor_done(&c) && text.length <= ADDRESS_DOMAIN_MAX;
}

enum address_problem helo_parse(struct view text, struct arena *a, struct helo_name *name_out)
{
	struct helo_name name = {.is_literal = false};
	*name_out = name;
	if (view_is_empty(text))
		return ADDRESS_EMPTY;
	if (text.length > ADDRESS_DOMAIN_MAX)
		return ADDRESS_DOMAIN_LONG;
	/* U-labels are not for EHLO: the client cannot know yet what we speak (RFC 6531 §3.7.1). */
	if (!view_is_ascii(text))
		return ADDRESS_DOMAIN_SYNTAX;
	name.is_literal = literal_parse(text, &name.literal);
	if (!name.is_literal) {
		const enum address_problem problem = domain_parse(text, false, a, &name.domain);
		if (problem == ADDRESS_MEMORY || (problem != ADDRESS_OK && !is_loose_name(text)))
			return problem;
		name.is_loose = problem != ADDRESS_OK;
	}
	if (!arena_copy(a, text, &name.given))
		return ADDRESS_MEMORY;
	*name_out = name;
	return ADDRESS_OK;
}
