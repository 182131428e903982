/*
 * faces/resolve: octets that a name server, or whoever sits on the line, may send. An answer keeps its bounds
 * whatever they are, and what resolve makes of it can be packed, and is read the same by relay.
 *
 * Input: which type is asked for, then the message. The name asked for is the one that its question has.
 */
#include "faces/resolve/choose.h"

static const enum dns_type types[] = {
	DNS_A, DNS_CNAME, DNS_PTR, DNS_MX, DNS_TXT, DNS_AAAA, DNS_DNSKEY, DNS_TLSA};
#define TYPES (sizeof types / sizeof *types)

static void check_name(struct view name)
{
	must(name.length <= 4 * 255);
	must(view_is_printable(name, false));
}

/* The text of the first question, so that inputs need not guess it. */
static void add_question(struct buffer *name, struct view message)
{
	size_t at = 12;
	int length;
	while ((length = view_at(message, at)) > 0 && length < 64) {
		if (name->length)
			buffer_add_octet(name, '.');
		for (int i = 1; i <= length; i++)
			buffer_add_octet(
				name, octet_lower((uint8_t)view_at(message, at + (size_t)i)));
		at += (size_t)length + 1;
	}
}

static void check_packed(const struct hosts *hosts)
{
	struct arena a = arena_new(1u << 20);
	struct buffer b = buffer_new(HOSTS_PACKED_MAX);
	struct buffer again = buffer_new(HOSTS_PACKED_MAX);
	struct hosts back;
	hosts_add(&b, hosts);
	must(hosts_read(buffer_view(&b), &a, &back));
	hosts_add(&again, &back);
	must(view_equal(buffer_view(&b), buffer_view(&again)));
	buffer_free(&b);
	buffer_free(&again);
	arena_reset(&a);
}

static void check_mx(const struct dns_answer *answer)
{
	static const struct ip ip = {{[15] = 1}};
	struct choice room[DNS_RECORDS_MAX];
	struct host all[HOSTS_MAX] = {{0}};
	uint32_t count;
	const enum lookup_outcome outcome =
		choose_hosts(answer, (struct domain){VIEW("self.example")}, 7, room, &count);
	must(count <= HOSTS_MAX && (count > 0) == (outcome == LOOKUP_OK));
	for (uint32_t i = 0; i < count; i++)
		all[i] = (struct host){.name = room[i].name,
			.preference = room[i].preference,
			.addresses = &ip,
			.address_count = 1};
	check_packed(&(struct hosts){.has_mx = true, .hosts = all, .count = count});
}

static void check_tlsa(const struct dns_answer *answer)
{
	static const struct ip ip = {{[15] = 1}};
	struct tlsa room[HOST_TLSAS_MAX];
	struct host host = {.addresses = &ip, .address_count = 1, .tlsas = room};
	host.tlsa = choose_tlsas(answer, room, &host.tlsa_count);
	check_packed(&(struct hosts){.hosts = &host, .count = 1});
}

static void check_addresses(const struct dns_answer *answer)
{
	struct ip room[HOST_ADDRESSES_MAX];
	const uint32_t count = choose_addresses(answer, answer, room);
	must(count > 0 && count <= HOST_ADDRESSES_MAX);
	for (uint32_t i = 0; i < count; i++)
		must(answer_has_address(answer, &room[i]));
}

static void check(const struct dns_answer *answer, enum dns_type type)
{
	must(answer->count <= DNS_RECORDS_MAX);
	must((answer->count > 0) == (answer->status == DNS_FOUND));
	for (uint32_t i = 0; i < answer->count; i++)
		if (type == DNS_MX || type == DNS_PTR || type == DNS_CNAME)
			check_name(answer->records[i].name);
	if (answer->status != DNS_FOUND)
		return;
	if (type == DNS_MX)
		check_mx(answer);
	if (type == DNS_TLSA)
		check_tlsa(answer);
	if (type == DNS_A || type == DNS_AAAA)
		check_addresses(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	const enum dns_type type = types[data[0] % TYPES];
	const struct view message = view_of(data + 1, size - 1);
	struct arena a = arena_new(DNS_MESSAGE_MEMORY_MAX);
	struct buffer name = buffer_new(4096);
	struct dns_answer answer;
	add_question(&name, message);
	dns_read(message, buffer_view(&name), type, &a, &answer);
	check(&answer, type);
	buffer_free(&name);
	arena_reset(&a);
	return 0;
}
