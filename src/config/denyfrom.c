#include "config/denyfrom.h"

#include "config/local.h"

#include <stdlib.h>

static bool parse_sender(struct view text, struct arena *a, struct denyfrom_entry *e)
{
	if (view_at(text, 0) == '@') {
		e->kind = DENYFROM_SENDER_DOMAIN;
		return domain_parse(view_from(text, 1), true, a, &e->domain) == ADDRESS_OK;
	}
	struct address address;
	e->kind = DENYFROM_SENDER;
	if (address_parse(text, true, a, &address) != ADDRESS_OK || address.is_literal)
		return false;
	e->domain = address.domain;
	return local_fold(address.local_plain, a, &e->local);
}

/* A last label of digits is an address with a slip in it, never a domain (RFC 1123 §2.1). */
static bool ends_in_digits(struct view name)
{
	while (name.length && octet_is_digit(name.at[name.length - 1]))
		name.length--;
	return name.length == 0 || view_ends(name, VIEW("."));
}

bool denyfrom_parse(
	struct view text, uint32_t line, struct arena *a, struct denyfrom_entry *entry_out)
{
	struct denyfrom_entry *e = entry_out;
	*e = (struct denyfrom_entry){.text = text, .line = line};
	if (view_find(text, '@') != VIEW_NOT_FOUND)
		return parse_sender(text, a, e);
	e->kind = DENYFROM_NETWORK;
	if (network_parse(text, &e->network))
		return true;
	e->kind = DENYFROM_DOMAIN;
	return !ends_in_digits(text) && domain_parse(text, true, a, &e->domain) == ADDRESS_OK;
}

static struct view ip_view(const struct ip *ip)
{
	return view_of(ip->octets, sizeof ip->octets);
}

static int compare_keys(const struct denyfrom_entry *a, const struct denyfrom_entry *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->kind == DENYFROM_NETWORK && a->network.prefix != b->network.prefix)
		return a->network.prefix < b->network.prefix ? -1 : 1;
	if (a->kind == DENYFROM_NETWORK)
		return view_compare(ip_view(&a->network.ip), ip_view(&b->network.ip));
	const int order = view_compare(a->domain.name, b->domain.name);
	return order != 0 ? order : local_compare(a->local, b->local);
}

int denyfrom_compare(const struct denyfrom_entry *a, const struct denyfrom_entry *b)
{
	const int order = compare_keys(a, b);
	if (order != 0)
		return order;
	return a->line < b->line ? -1 : a->line > b->line;
}

static int compare(const void *a, const void *b)
{
	return denyfrom_compare(a, b);
}

void denyfrom_sort(struct denyfrom_entry *entries, uint32_t count)
{
	if (count)
		qsort(entries, count, sizeof *entries, compare);
}

bool denyfrom_build(const struct denyfrom_entry *entries, uint32_t count, struct denyfrom *d_out)
{
	struct denyfrom d = {.entries = entries, .count = count};
	for (uint32_t i = 0; i < count; i++) {
		const struct denyfrom_entry *e = &entries[i];
		if (i && denyfrom_compare(e - 1, e) > 0)
			return false;
		if (e->kind >= DENYFROM_KINDS || e->network.prefix > 128)
			return false;
		d.starts[e->kind + 1] = i + 1;
		if (e->kind == DENYFROM_NETWORK)
			d.prefixes[e->network.prefix / 64] |= 1ull << e->network.prefix % 64;
	}
	for (unsigned kind = 1; kind <= DENYFROM_KINDS; kind++)
		if (d.starts[kind] < d.starts[kind - 1])
			d.starts[kind] = d.starts[kind - 1];
	*d_out = d;
	return true;
}

/* The first entry with the key of `wanted`, or null. Entries with one key are ordered by line. */
static const struct denyfrom_entry *find(
	const struct denyfrom *d, const struct denyfrom_entry *wanted)
{
	uint32_t low = d->starts[wanted->kind];
	uint32_t high = d->starts[wanted->kind + 1];
	const uint32_t end = high;
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		if (compare_keys(&d->entries[middle], wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < end && compare_keys(&d->entries[low], wanted) == 0 ? &d->entries[low] : NULL;
}

static const struct denyfrom_entry *earlier(
	const struct denyfrom_entry *a, const struct denyfrom_entry *b)
{
	if (!a || !b)
		return a ? a : b;
	return a->line <= b->line ? a : b;
}

const struct denyfrom_entry *denyfrom_match_ip(const struct denyfrom *d, const struct ip *ip)
{
	const struct denyfrom_entry *best = NULL;
	for (unsigned prefix = 0; prefix <= 128; prefix++) {
		if (!(d->prefixes[prefix / 64] >> prefix % 64 & 1))
			continue;
		const struct denyfrom_entry wanted = {.kind = DENYFROM_NETWORK,
			.network = {
				.ip = ip_masked(ip, (uint8_t)prefix), .prefix = (uint8_t)prefix}};
		best = earlier(best, find(d, &wanted));
	}
	return best;
}

const struct denyfrom_entry *denyfrom_match_host(const struct denyfrom *d, struct domain host)
{
	const struct denyfrom_entry *best = NULL;
	struct view name = host.name;
	while (!view_is_empty(name)) {
		const struct denyfrom_entry wanted = {.kind = DENYFROM_DOMAIN, .domain = {name}};
		struct view label;
		best = earlier(best, find(d, &wanted));
		(void)view_split(name, '.', &label, &name);
	}
	return best;
}

const struct denyfrom_entry *denyfrom_match_sender(
	const struct denyfrom *d, const struct address *reverse_path)
{
	if (address_is_null(reverse_path))
		return NULL;
	if (reverse_path->is_literal)
		return denyfrom_match_ip(d, &reverse_path->literal);
	const struct denyfrom_entry whole = {.kind = DENYFROM_SENDER,
		.domain = reverse_path->domain,
		.local = reverse_path->local_plain};
	const struct denyfrom_entry domain = {
		.kind = DENYFROM_SENDER_DOMAIN, .domain = reverse_path->domain};
	return earlier(denyfrom_match_host(d, reverse_path->domain),
		earlier(find(d, &whole), find(d, &domain)));
}
