#include "mail/ip.h"

#include <arpa/inet.h>

#define V4_PREFIX 96 /* bits before an IPv4 address in mapped form */
#define V4_AT 12 /* its first octet */

static const struct view mapped = VIEW("\0\0\0\0\0\0\0\0\0\0\xff\xff");

static struct view octets_of(const struct ip *ip)
{
	return view_of(ip->octets, sizeof ip->octets);
}

struct ip ip_of_v4(struct in_addr a)
{
	struct ip ip;
	must(view_copy(mapped, ip.octets, V4_AT));
	must(view_copy(view_of(&a, sizeof a), ip.octets + V4_AT, sizeof ip.octets - V4_AT));
	return ip;
}

struct ip ip_of_v6(const struct in6_addr *a)
{
	struct ip ip;
	must(view_copy(view_of(a, sizeof *a), ip.octets, sizeof ip.octets));
	return ip;
}

bool ip_is_v4(const struct ip *ip)
{
	return view_starts(octets_of(ip), mapped);
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
	return view_equal(octets_of(a), octets_of(b));
}

bool ip_is_loopback(const struct ip *ip)
{
	if (ip_is_v4(ip))
		return ip->octets[V4_AT] == 127;
	return view_equal(octets_of(ip), VIEW("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"));
}

bool ip_parse(struct view text, struct ip *ip_out)
{
	char form[IP_TEXT_MAX + 1];
	*ip_out = (struct ip){{0}};
	if (!view_to_text(text, form, sizeof form))
		return false;
	struct in_addr v4;
	struct in6_addr v6;
	if (inet_pton(AF_INET, form, &v4) == 1)
		*ip_out = ip_of_v4(v4);
	else if (inet_pton(AF_INET6, form, &v6) == 1)
		*ip_out = ip_of_v6(&v6);
	else
		return false;
	return true;
}

void ip_add(struct buffer *b, const struct ip *ip)
{
	char form[INET6_ADDRSTRLEN];
	const bool v4 = ip_is_v4(ip);
	must(inet_ntop(v4 ? AF_INET : AF_INET6, ip->octets + (v4 ? V4_AT : 0), form, sizeof form));
	buffer_add(b, view_text(form));
}

/* The octet of a netmask of `prefix` bits at index `i`. */
static uint8_t mask_octet(unsigned prefix, size_t i)
{
	const unsigned before = (unsigned)i * 8;
	if (prefix <= before)
		return 0;
	const unsigned bits = prefix - before < 8 ? prefix - before : 8;
	return (uint8_t)(0xff00u >> bits);
}

struct ip ip_masked(const struct ip *ip, uint8_t prefix)
{
	struct ip masked = *ip;
	for (size_t i = 0; i < sizeof masked.octets; i++)
		masked.octets[i] &= mask_octet(prefix, i);
	return masked;
}

/* "0" to "max", without leading zeros. */
static bool prefix_parse(struct view text, uint32_t max, uint32_t *prefix_out)
{
	if (text.length > 1 && view_at(text, 0) == '0')
		return false;
	return view_to_u32(text, max, prefix_out);
}

bool network_parse(struct view text, struct network *network_out)
{
	*network_out = (struct network){.prefix = 128};
	struct view address;
	struct view length;
	const bool has_length = view_split(text, '/', &address, &length);
	struct ip ip;
	if (!ip_parse(address, &ip))
		return false;
	/* The notation decides what the number counts, not the address: ::ffff:0:0/96 is IPv4. */
	const uint32_t before = view_find(address, ':') == VIEW_NOT_FOUND ? V4_PREFIX : 0;
	uint32_t prefix = 128 - before;
	if (has_length && !prefix_parse(length, 128 - before, &prefix))
		return false;
	prefix += before;
	for (size_t i = 0; i < sizeof ip.octets; i++)
		if (ip.octets[i] & ~mask_octet(prefix, i))
			return false;
	*network_out = (struct network){.ip = ip, .prefix = (uint8_t)prefix};
	return true;
}

bool network_has(const struct network *n, const struct ip *ip)
{
	for (size_t i = 0; i < sizeof ip->octets; i++)
		if ((n->ip.octets[i] ^ ip->octets[i]) & mask_octet(n->prefix, i))
			return false;
	return true;
}
