#include "config/snapshot.h"

#include "config/local.h"
#include "config/resolving.h"
#include "config/snapshot_format.h"

#define ARENA_MAX ((size_t)1 << 30)

/* --- decoding ----------------------------------------------------------------------------- */

static struct view take_bytes(struct cursor *c, size_t max)
{
	const uint32_t length = cursor_u32(c);
	if (length > max)
		cursor_fail(c);
	return cursor_take(c, length);
}

static struct domain take_domain(struct cursor *c)
{
	const struct view name = take_bytes(c, ADDRESS_DOMAIN_MAX);
	if (!view_is_printable(name, false))
		cursor_fail(c);
	return (struct domain){name};
}

/* A folded local-part. */
static struct view take_local(struct cursor *c)
{
	const struct view local = take_bytes(c, ADDRESS_LOCAL_MAX);
	if (!view_is_utf8(local) || local_compare(local, local) != 0)
		cursor_fail(c);
	return local;
}

/* How many elements follow; each has at least `least` octets, so that memory stays in
 * proportion. */
static uint32_t take_count(struct cursor *c, size_t least)
{
	const uint32_t count = cursor_u32(c);
	if (count > cursor_left(c) / least)
		cursor_fail(c);
	return cursor_failed(c) ? 0 : count;
}

static struct network take_network(struct cursor *c)
{
	struct network n = {{{0}}, 0};
	const struct view octets = cursor_take(c, sizeof n.ip.octets);
	if (!view_copy(octets, n.ip.octets, sizeof n.ip.octets))
		cursor_fail(c);
	n.prefix = cursor_u8(c);
	if (n.prefix > 128)
		cursor_fail(c);
	return n;
}

static bool take_bool(struct cursor *c)
{
	const uint8_t octet = cursor_u8(c);
	if (octet > 1)
		cursor_fail(c);
	return octet == 1;
}

static void read_site(struct snapshot *s, struct cursor *c)
{
	s->servername = take_domain(c);
	s->postmaster = take_local(c);
	s->postmaster_domain = take_domain(c);
	s->has_smarthost = take_bool(c);
}

static void read_next_host(struct smarthost *h, struct cursor *c)
{
	h->name = take_domain(c);
	h->is_address = take_bool(c);
	if (!view_copy(cursor_take(c, sizeof h->address.octets), h->address.octets,
		    sizeof h->address.octets))
		cursor_fail(c);
	h->port = cursor_u16(c);
	if ((h->port != 0) != (h->is_address || h->name.name.length != 0))
		cursor_fail(c);
}

static void read_smarthost(struct snapshot *s, struct cursor *c)
{
	read_next_host(&s->smarthost, c);
	s->smarthost.user = take_bytes(c, SMARTHOST_WORD_MAX);
	s->smarthost.password = take_bytes(c, SMARTHOST_WORD_MAX);
}

static void read_gatestore(struct snapshot *s, struct cursor *c)
{
	const struct view text = take_bytes(c, GATESTORE_TEXT_MAX);
	if (text.length && !gatestore_parse(text, &s->gatestore))
		cursor_fail(c);
	s->gatestore_user = take_bytes(c, GATESTORE_WORD_MAX);
	s->gatestore_password = take_bytes(c, GATESTORE_WORD_MAX);
}

static void read_backups(struct snapshot *s, struct cursor *c)
{
	const uint32_t count = take_count(c, 27);
	struct backup *backups = arena_get_array(&s->arena, count, sizeof *backups);
	for (uint32_t i = 0; backups && i < count; i++) {
		backups[i] = (struct backup){.domain = take_domain(c)};
		read_next_host(&backups[i].next, c);
		if (!backups[i].next.port || (i && view_compare(backups[i - 1].domain.name,
							   backups[i].domain.name) >= 0))
			cursor_fail(c);
	}
	s->backups = backups;
	s->backup_count = backups ? count : 0;
}

static void read_numbers(struct snapshot *s, struct cursor *c)
{
	if (cursor_u32(c) != SETTING_COUNT)
		cursor_fail(c);
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		const struct setting *setting = setting_get((enum setting_id)i);
		s->numbers[i] = cursor_u64(c);
		if (setting_is_number(setting)
				? s->numbers[i] < setting->min || s->numbers[i] > setting->max
				: s->numbers[i] != 0)
			cursor_fail(c);
	}
	s->popkey.after_s = cursor_u32(c);
	s->popkey.session_s = cursor_u32(c);
	if (!popkey_is_sound(&s->popkey))
		cursor_fail(c);
}

static void read_domains(struct snapshot *s, struct cursor *c)
{
	s->first_domain = take_domain(c);
	const uint32_t count = take_count(c, 4);
	struct domain *domains = arena_get_array(&s->arena, count, sizeof *domains);
	for (uint32_t i = 0; domains && i < count; i++) {
		domains[i] = take_domain(c);
		if (i && view_compare(domains[i - 1].name, domains[i].name) >= 0)
			cursor_fail(c);
	}
	s->domains = domains;
	s->domain_count = domains ? count : 0;
}

static void read_networks(struct snapshot *s, struct cursor *c)
{
	const uint32_t count = take_count(c, 17);
	struct network *networks = arena_get_array(&s->arena, count, sizeof *networks);
	for (uint32_t i = 0; networks && i < count; i++) {
		networks[i] = take_network(c);
		if (!config_network_is_narrow(&networks[i]))
			cursor_fail(c);
	}
	s->networks = networks;
	s->network_count = networks ? count : 0;
}

static void read_users(struct snapshot *s, struct cursor *c)
{
	const uint32_t count = take_count(c, 5);
	struct snapshot_user *users = arena_get_array(&s->arena, count, sizeof *users);
	for (uint32_t i = 0; users && i < count; i++) {
		users[i].name = take_bytes(c, USER_NAME_MAX);
		/* The name becomes a directory's: the rule is checked wherever it comes in. */
		if (user_name_check(users[i].name) != USER_OK)
			cursor_fail(c);
		if (i && view_compare(users[i - 1].name, users[i].name) >= 0)
			cursor_fail(c);
	}
	s->users = users;
	s->user_count = users ? count : 0;
}

static void read_verifiers(struct snapshot *s, struct cursor *c)
{
	struct snapshot_user *users = (struct snapshot_user *)s->users;
	if (cursor_u32(c) != s->user_count)
		cursor_fail(c);
	for (uint32_t i = 0; i < s->user_count; i++) {
		users[i].verifier = take_bytes(c, USER_VERIFIER_MAX);
		if (user_verifier_check(users[i].verifier) != USER_OK)
			cursor_fail(c);
	}
}

static void read_destinations(struct snapshot *s, struct cursor *c)
{
	struct config_aliases *all = &s->aliases;
	const uint32_t count = take_count(c, 8);
	all->destinations = arena_get_array(&s->arena, count, sizeof *all->destinations);
	for (uint32_t i = 0; all->destinations && i < count; i++) {
		all->destinations[i].local = take_bytes(c, ADDRESS_LOCAL_MAX);
		all->destinations[i].domain = take_domain(c);
		if (!view_is_utf8(all->destinations[i].local))
			cursor_fail(c);
	}
	all->destination_count = all->destinations ? count : 0;
	for (uint32_t i = 0; i < all->count; i++)
		if (all->aliases[i].first > count ||
			all->aliases[i].count > count - all->aliases[i].first)
			cursor_fail(c);
}

static void read_aliases(struct snapshot *s, struct cursor *c)
{
	const uint32_t count = take_count(c, 20);
	struct config_alias *aliases = arena_get_array(&s->arena, count, sizeof *aliases);
	for (uint32_t i = 0; aliases && i < count; i++) {
		aliases[i].local = take_local(c);
		aliases[i].domain = take_domain(c);
		aliases[i].first = cursor_u32(c);
		aliases[i].count = cursor_u32(c);
		aliases[i].line = cursor_u32(c);
		if (i && alias_compare(&aliases[i - 1], &aliases[i]) >= 0)
			cursor_fail(c);
	}
	s->aliases.aliases = aliases;
	s->aliases.count = aliases ? count : 0;
	read_destinations(s, c);
}

static void read_denyfrom(struct snapshot *s, struct cursor *c)
{
	const uint32_t count = take_count(c, 34);
	struct denyfrom_entry *entries = arena_get_array(&s->arena, count, sizeof *entries);
	for (uint32_t i = 0; entries && i < count; i++) {
		const uint8_t kind = cursor_u8(c);
		if (kind >= DENYFROM_KINDS)
			cursor_fail(c);
		entries[i].kind = (enum denyfrom_kind)(kind % DENYFROM_KINDS);
		entries[i].line = cursor_u32(c);
		entries[i].network = take_network(c);
		entries[i].domain = take_domain(c);
		entries[i].local = take_local(c);
		entries[i].text = take_bytes(c, SETTING_LINE_MAX);
	}
	if (!entries || !denyfrom_build(entries, count, &s->denyfrom))
		cursor_fail(c);
}

static void read_mailboxes(struct snapshot *s, struct cursor *c)
{
	struct view before;
	struct view after;
	s->mailboxes = take_bytes(c, SETTING_LINE_MAX);
	if (!mailboxes_split(s->mailboxes, &before, &after) || !view_starts(before, VIEW("/")))
		cursor_fail(c);
}

static const struct view *read_lines(struct snapshot *s, struct cursor *c,
	bool (*is_sound)(struct view line), uint32_t *count_out)
{
	const uint32_t count = take_count(c, 4);
	struct view *lines = arena_get_array(&s->arena, count, sizeof *lines);
	for (uint32_t i = 0; lines && i < count; i++) {
		lines[i] = take_bytes(c, SETTING_LINE_MAX);
		if (!is_sound(lines[i]))
			cursor_fail(c);
	}
	*count_out = lines ? count : 0;
	return lines;
}

static void read_resolving(struct snapshot *s, struct cursor *c)
{
	s->nameservers = read_lines(s, c, nameserver_is_sound, &s->nameserver_count);
	s->anchors = read_lines(s, c, anchor_is_sound, &s->anchor_count);
}

static const struct {
	enum snapshot_section section;
	void (*read)(struct snapshot *s, struct cursor *c);
} decoders[SNAPSHOT_SECTIONS] = {
	{SNAPSHOT_SITE, read_site},
	{SNAPSHOT_NUMBERS, read_numbers},
	{SNAPSHOT_DOMAINS, read_domains},
	{SNAPSHOT_NETWORKS, read_networks},
	{SNAPSHOT_USERS, read_users},
	{SNAPSHOT_VERIFIERS, read_verifiers},
	{SNAPSHOT_ALIASES, read_aliases},
	{SNAPSHOT_DENYFROM, read_denyfrom},
	{SNAPSHOT_MAILBOXES, read_mailboxes},
	{SNAPSHOT_RESOLVING, read_resolving},
	{SNAPSHOT_SMARTHOST, read_smarthost},
	{SNAPSHOT_BACKUPS, read_backups},
	{SNAPSHOT_GATESTORE, read_gatestore},
};

static bool read_section(struct snapshot *s, uint32_t id, struct view section)
{
	for (size_t i = 0; i < SNAPSHOT_SECTIONS; i++) {
		if (decoders[i].section != id)
			continue;
		/* In the order of their bits, so none comes twice and users precede verifiers. */
		if (s->sections >= id ||
			(id == SNAPSHOT_VERIFIERS && !(s->sections & SNAPSHOT_USERS)))
			return false;
		struct cursor c = cursor_of(section);
		decoders[i].read(s, &c);
		s->sections |= id;
		return cursor_done(&c);
	}
	return false;
}

static bool read_blob(struct snapshot *s)
{
	struct cursor c = cursor_of(s->blob);
	const uint32_t magic = cursor_u32(&c);
	const uint32_t version = cursor_u32(&c);
	s->generation = cursor_u64(&c);
	const uint64_t checksum = cursor_u64(&c);
	if (cursor_failed(&c) || magic != SNAPSHOT_MAGIC || version != SNAPSHOT_VERSION ||
		checksum != view_hash(cursor_rest(&c)))
		return false;
	const uint32_t count = cursor_u32(&c);
	if (count > SNAPSHOT_SECTIONS)
		return false;
	struct cursor table = cursor_of(cursor_take(&c, (size_t)count * 8));
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t id = cursor_u32(&table);
		const struct view section = cursor_take(&c, cursor_u32(&table));
		if (cursor_failed(&c) || cursor_failed(&table) || !read_section(s, id, section))
			return false;
	}
	return cursor_done(&c);
}

struct snapshot *snapshot_decode(
	struct view blob, void (*release)(void *context, struct view blob), void *context)
{
	if (blob.length > SNAPSHOT_MAX)
		return NULL;
	struct snapshot *s = memory_try(sizeof *s);
	if (!s)
		return NULL;
	*s = (struct snapshot){.references = 1, .arena = arena_new(ARENA_MAX), .blob = blob};
	if (!read_blob(s)) {
		snapshot_drop(&s);
		return NULL;
	}
	s->release = release;
	s->context = context;
	return s;
}

struct snapshot *snapshot_hold(struct snapshot *s)
{
	must(s->references > 0 && s->references < UINT32_MAX);
	s->references++;
	return s;
}

void snapshot_drop(struct snapshot **s)
{
	struct snapshot *old = *s;
	*s = NULL;
	if (!old)
		return;
	must(old->references > 0);
	if (--old->references > 0)
		return;
	arena_reset(&old->arena);
	if (old->release)
		old->release(old->context, old->blob);
	memory_free(old);
}

/* --- look-ups ----------------------------------------------------------------------------- */

const struct backup *snapshot_find_backup(const struct snapshot *s, struct domain d)
{
	uint32_t low = 0;
	uint32_t high = s->backup_count;
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const int order = view_compare(s->backups[middle].domain.name, d.name);
		if (order == 0)
			return &s->backups[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool snapshot_has_domain(const struct snapshot *s, struct domain d)
{
	uint32_t low = 0;
	uint32_t high = s->domain_count;
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const int order = view_compare(s->domains[middle].name, d.name);
		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

uint32_t snapshot_find_user(const struct snapshot *s, struct view name)
{
	uint32_t low = 0;
	uint32_t high = s->user_count;
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const int order = local_compare(s->users[middle].name, name);
		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return SNAPSHOT_NOT_FOUND;
}

uint32_t snapshot_find_alias(const struct snapshot *s, struct view local, struct domain domain)
{
	uint32_t low = 0;
	uint32_t high = s->aliases.count;
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const struct config_alias *alias = &s->aliases.aliases[middle];
		int order = local_compare(alias->local, local);
		if (order == 0)
			order = view_compare(alias->domain.name, domain.name);
		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return SNAPSHOT_NOT_FOUND;
}

bool snapshot_has_network(const struct snapshot *s, const struct ip *ip)
{
	for (uint32_t i = 0; i < s->network_count; i++)
		if (network_has(&s->networks[i], ip))
			return true;
	return false;
}

#define LOGIN_ARENA_MAX 8192

uint32_t snapshot_find_login(const struct snapshot *s, struct view login)
{
	const size_t at = view_find_last(login, '@');
	if (at == VIEW_NOT_FOUND)
		return snapshot_find_user(s, login);
	struct arena a = arena_new(LOGIN_ARENA_MAX);
	struct domain d;
	const bool is_own = domain_parse(view_from(login, at + 1), true, &a, &d) == ADDRESS_OK &&
			    snapshot_has_domain(s, d);
	arena_reset(&a);
	return is_own ? snapshot_find_user(s, view_first(login, at)) : SNAPSHOT_NOT_FOUND;
}
