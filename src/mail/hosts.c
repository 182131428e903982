#include "mail/hosts.h"

#define VERSION 1
#define HOST_OCTETS_MIN 32 /* of a packed host with one address, at the least */
#define TLSA_OCTETS_MIN 8

/* --- names -------------------------------------------------------------------------------- */

const char *lookup_outcome_name(enum lookup_outcome outcome)
{
	switch (outcome) {
	case LOOKUP_OK:
		return "ok";
	case LOOKUP_NO_DOMAIN:
		return "no-domain";
	case LOOKUP_NULL_MX:
		return "null-mx";
	case LOOKUP_NOTHING:
		return "nothing";
	case LOOKUP_LOOP:
		return "loop";
	case LOOKUP_TEMPORARY:
		return "temporary";
	case LOOKUP_BOGUS:
		return "bogus";
	}
	return "unknown";
}

bool lookup_is_temporary(enum lookup_outcome outcome)
{
	return outcome == LOOKUP_TEMPORARY || outcome == LOOKUP_BOGUS;
}

const char *lookup_outcome_enhanced(enum lookup_outcome outcome)
{
	switch (outcome) {
	case LOOKUP_OK:
		break;
	case LOOKUP_NO_DOMAIN:
		return "5.1.2";
	case LOOKUP_NULL_MX:
		return "5.1.10"; /* RFC 7505 §4.2 */
	case LOOKUP_NOTHING:
		return "5.4.4";
	case LOOKUP_LOOP:
		return "5.4.6";
	case LOOKUP_TEMPORARY:
		return "4.4.3";
	case LOOKUP_BOGUS:
		return "4.7.0"; /* security, nothing more exact */
	}
	return "2.0.0";
}

const char *host_tlsa_name(enum host_tlsa tlsa)
{
	switch (tlsa) {
	case HOST_TLSA_NONE:
		return "none";
	case HOST_TLSA_USABLE:
		return "usable";
	case HOST_TLSA_UNUSABLE:
		return "unusable";
	case HOST_TLSA_FAILED:
		return "failed";
	}
	return "unknown";
}

static bool is_of_name(uint8_t octet)
{
	return octet == '-' || octet == '_' || octet_is_digit(octet) ||
	       (octet_is_alpha(octet) && octet == octet_lower(octet));
}

bool host_name_is_sound(struct view name)
{
	size_t label = 0;
	if (name.length > DOMAIN_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.length; i++) {
		if (name.at[i] != '.' && !is_of_name(name.at[i]))
			return false;
		if (name.at[i] == '.' && label == 0)
			return false;
		label = name.at[i] == '.' ? 0 : label + 1;
		if (label > DOMAIN_LABEL_MAX)
			return false;
	}
	return label > 0;
}

/* --- packing ------------------------------------------------------------------------------ */

static void add_octets(struct buffer *b, struct view v)
{
	buffer_add_u32(b, (uint32_t)v.length);
	buffer_add(b, v);
}

static void add_tlsa(struct buffer *b, const struct tlsa *t)
{
	must(t->data.length > 0 && t->data.length <= TLSA_DATA_MAX);
	buffer_add_octet(b, t->usage);
	buffer_add_octet(b, t->selector);
	buffer_add_octet(b, t->matching);
	add_octets(b, t->data);
}

static void add_host(struct buffer *b, const struct host *h)
{
	must(h->address_count > 0 && h->address_count <= HOST_ADDRESSES_MAX);
	must(h->tlsa_count <= HOST_TLSAS_MAX);
	buffer_add_u32(b, h->preference);
	add_octets(b, h->name.name);
	buffer_add_octet(b, h->is_secure);
	buffer_add_octet(b, (uint8_t)h->tlsa);
	add_octets(b, h->tlsa_base.name);
	buffer_add_octet(b, (uint8_t)h->address_count);
	for (uint32_t i = 0; i < h->address_count; i++)
		buffer_add(b, view_of(h->addresses[i].octets, sizeof h->addresses[i].octets));
	buffer_add_octet(b, (uint8_t)h->tlsa_count);
	for (uint32_t i = 0; i < h->tlsa_count; i++)
		add_tlsa(b, &h->tlsas[i]);
}

void hosts_add(struct buffer *b, const struct hosts *hosts)
{
	must(hosts->count <= HOSTS_MAX);
	buffer_add_octet(b, VERSION);
	buffer_add_octet(b, hosts->has_mx);
	buffer_add_octet(b, hosts->is_mx_secure);
	add_octets(b, hosts->canonical.name);
	buffer_add_octet(b, (uint8_t)hosts->count);
	for (uint32_t i = 0; i < hosts->count; i++)
		add_host(b, &hosts->hosts[i]);
}

/* --- unpacking ---------------------------------------------------------------------------- */

static struct view take_octets(struct cursor *c, size_t max)
{
	const uint32_t length = cursor_u32(c);
	if (length > max)
		cursor_fail(c);
	return cursor_take(c, length);
}

static struct domain take_name(struct cursor *c)
{
	const struct view name = take_octets(c, DOMAIN_NAME_MAX);
	if (!view_is_empty(name) && !host_name_is_sound(name))
		cursor_fail(c);
	return (struct domain){name};
}

static bool take_flag(struct cursor *c)
{
	const uint8_t n = cursor_u8(c);
	if (n > 1)
		cursor_fail(c);
	return n == 1;
}

/* How many elements follow, each of `least` octets or more, at most `max`. */
static uint32_t take_count(struct cursor *c, uint32_t max, size_t least)
{
	const uint32_t count = cursor_u8(c);
	if (count > max || count > cursor_left(c) / least)
		cursor_fail(c);
	return cursor_failed(c) ? 0 : count;
}

bool tlsa_is_usable(const struct tlsa *t)
{
	static const size_t lengths[] = {0, 32, 64};
	return (t->usage == 2 || t->usage == 3) && t->selector <= 1 && t->matching <= 2 &&
	       t->data.length > 0 && t->data.length <= TLSA_DATA_MAX &&
	       (t->matching == 0 || t->data.length == lengths[t->matching]);
}

static void read_tlsas(struct cursor *c, struct arena *a, struct host *h)
{
	h->tlsa_count = take_count(c, HOST_TLSAS_MAX, TLSA_OCTETS_MIN);
	struct tlsa *all = arena_get_array(a, h->tlsa_count, sizeof *all);
	for (uint32_t i = 0; all && i < h->tlsa_count; i++) {
		all[i].usage = cursor_u8(c);
		all[i].selector = cursor_u8(c);
		all[i].matching = cursor_u8(c);
		all[i].data = take_octets(c, TLSA_DATA_MAX);
		if (!tlsa_is_usable(&all[i]))
			cursor_fail(c);
	}
	if (!all || (h->tlsa_count > 0) != (h->tlsa == HOST_TLSA_USABLE))
		cursor_fail(c);
	h->tlsas = all;
}

static void read_addresses(struct cursor *c, struct arena *a, struct host *h)
{
	h->address_count = take_count(c, HOST_ADDRESSES_MAX, sizeof(struct ip));
	struct ip *all = arena_get_array(a, h->address_count, sizeof *all);
	for (uint32_t i = 0; all && i < h->address_count; i++)
		if (!view_copy(cursor_take(c, sizeof all[i].octets), all[i].octets,
			    sizeof all[i].octets))
			cursor_fail(c);
	if (!all || h->address_count == 0)
		cursor_fail(c);
	h->addresses = all;
}

static void read_host(struct cursor *c, struct arena *a, struct host *h)
{
	h->preference = cursor_u32(c);
	h->name = take_name(c);
	h->is_secure = take_flag(c);
	const uint8_t tlsa = cursor_u8(c);
	if (tlsa >= HOST_TLSA_STATES)
		cursor_fail(c);
	h->tlsa = (enum host_tlsa)(tlsa % HOST_TLSA_STATES);
	h->tlsa_base = take_name(c);
	read_addresses(c, a, h);
	read_tlsas(c, a, h);
}

bool hosts_read(struct view packed, struct arena *a, struct hosts *hosts_out)
{
	struct cursor c = cursor_of(packed);
	struct hosts found = {0};
	*hosts_out = found;
	if (cursor_u8(&c) != VERSION)
		return false;
	found.has_mx = take_flag(&c);
	found.is_mx_secure = take_flag(&c);
	found.canonical = take_name(&c);
	found.count = take_count(&c, HOSTS_MAX, HOST_OCTETS_MIN);
	struct host *all = arena_get_array(a, found.count, sizeof *all);
	for (uint32_t i = 0; all && i < found.count && !cursor_failed(&c); i++)
		read_host(&c, a, &all[i]);
	found.hosts = all;
	if (!all || !cursor_done(&c))
		return false;
	*hosts_out = found;
	return true;
}

bool hosts_copy(const struct hosts *hosts, struct arena *a, struct hosts *copy_out)
{
	struct buffer b = buffer_new(HOSTS_PACKED_MAX);
	struct view kept;
	hosts_add(&b, hosts);
	const bool fits = !buffer_failed(&b) && arena_copy(a, buffer_view(&b), &kept) &&
			  hosts_read(kept, a, copy_out);
	buffer_free(&b);
	return fits;
}
