#include "faces/resolve/choose.h"

#include "base/script.h"

#include <stdlib.h>

/* --- hosts -------------------------------------------------------------------------------- */

/* RFC 7505 §3: one record, the root. Beside others the root is nobody's host. */
static bool is_null_mx(const struct dns_answer *mx)
{
	return mx->count == 1 && view_is_empty(mx->records[0].name);
}

static struct choice *find(struct choice *all, uint32_t count, struct view name)
{
	for (uint32_t i = 0; i < count; i++)
		if (view_equal(all[i].name.name, name))
			return &all[i];
	return NULL;
}

static uint32_t gather(const struct dns_answer *mx, uint64_t *seed, struct choice *room)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < mx->count && i < DNS_RECORDS_MAX; i++) {
		const struct dns_record *record = &mx->records[i];
		if (!host_name_is_sound(record->name))
			continue;
		struct choice *twin = find(room, count, record->name);
		if (twin && record->preference < twin->preference)
			twin->preference = record->preference;
		if (!twin)
			room[count++] = (struct choice){
				{record->name}, record->preference, script_draw(seed)};
	}
	return count;
}

static int compare(const void *left, const void *right)
{
	const struct choice *a = left;
	const struct choice *b = right;
	if (a->preference != b->preference)
		return a->preference < b->preference ? -1 : 1;
	return a->draw < b->draw ? -1 : a->draw > b->draw;
}

/* How many stand before us: hosts as good as ourselves would send it back here (§5.1). */
static uint32_t better_than_self(struct choice *all, uint32_t count, struct domain self)
{
	const struct choice *own = find(all, count, self.name);
	uint32_t better = 0;
	if (!own)
		return count;
	while (all[better].preference < own->preference)
		better++;
	return better;
}

enum lookup_outcome choose_hosts(const struct dns_answer *mx, struct domain self, uint64_t seed,
	struct choice *room, uint32_t *count_out)
{
	*count_out = 0;
	if (is_null_mx(mx))
		return LOOKUP_NULL_MX;
	const uint32_t count = gather(mx, &seed, room);
	if (count == 0)
		return LOOKUP_NOTHING;
	qsort(room, count, sizeof *room, compare);
	const uint32_t kept = better_than_self(room, count, self);
	*count_out = kept < HOSTS_MAX ? kept : HOSTS_MAX;
	return kept ? LOOKUP_OK : LOOKUP_LOOP;
}

/* --- addresses ---------------------------------------------------------------------------- */

bool answer_has_address(const struct dns_answer *answer, const struct ip *ip)
{
	for (uint32_t i = 0; i < answer->count; i++)
		if (ip_equal(&answer->records[i].ip, ip))
			return true;
	return false;
}

static bool has(const struct ip *all, uint32_t count, const struct ip *ip)
{
	for (uint32_t i = 0; i < count; i++)
		if (ip_equal(&all[i], ip))
			return true;
	return false;
}

/* The next of an answer that is not there yet. */
static bool add_next(
	const struct dns_answer *answer, uint32_t *next, struct ip *room, uint32_t count)
{
	while (*next < answer->count) {
		const struct ip *ip = &answer->records[(*next)++].ip;
		if (has(room, count, ip))
			continue;
		room[count] = *ip;
		return true;
	}
	return false;
}

uint32_t choose_addresses(
	const struct dns_answer *aaaa, const struct dns_answer *a, struct ip *room)
{
	uint32_t next[2] = {0, 0};
	uint32_t count = 0;
	bool added = true;
	while (added) {
		added = count < HOST_ADDRESSES_MAX && add_next(aaaa, &next[0], room, count);
		count += added;
		const bool more = count < HOST_ADDRESSES_MAX && add_next(a, &next[1], room, count);
		count += more;
		added |= more;
	}
	return count;
}

/* --- TLSA --------------------------------------------------------------------------------- */

enum host_tlsa choose_tlsas(const struct dns_answer *answer, struct tlsa *room, uint32_t *count_out)
{
	*count_out = 0;
	for (uint32_t i = 0; i < answer->count && *count_out < HOST_TLSAS_MAX; i++)
		if (tlsa_is_usable(&answer->records[i].tlsa))
			room[(*count_out)++] = answer->records[i].tlsa;
	return *count_out ? HOST_TLSA_USABLE : HOST_TLSA_UNUSABLE;
}
