#include "faces/resolve/choose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Records of "PREFERENCE HOST" with "," between them. */
static struct dns_answer mx_of(const char *text, struct dns_record *room)
{
	struct dns_answer answer = {.status = DNS_FOUND, .records = room};
	struct view rest = view_text(text);
	while (!view_is_empty(rest)) {
		struct view one, preference, host;
		uint32_t n;
		(void)view_split(rest, ',', &one, &rest);
		(void)view_split(one, ' ', &preference, &host);
		assert_true(view_to_u32(preference, 65535, &n));
		room[answer.count++] = (struct dns_record){.preference = (uint16_t)n, .name = host};
	}
	return answer;
}

static void join(const struct choice *all, uint32_t count, char *text)
{
	*text = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (i)
			strcat(text, ",");
		strncat(text, (const char *)all[i].name.name.at, all[i].name.name.length);
	}
}

/* Protects: RFC 5321 §5.1 and RFC 7505: order, null MX, the loop rule. */
static void hosts(void **state)
{
	(void)state;
	static const struct {
		const char *records;
		enum lookup_outcome outcome;
		const char *order;
	} cases[] = {
		{"10 a", LOOKUP_OK, "a"},
		{"20 b,10 a,30 c", LOOKUP_OK, "a,b,c"},
		{"0 a,65535 b", LOOKUP_OK, "a,b"},
		{"0 ", LOOKUP_NULL_MX, ""},
		{"10 ", LOOKUP_NULL_MX, ""},
		{"0 ,10 a", LOOKUP_OK, "a"},
		{"0 ,10 ", LOOKUP_NOTHING, ""},
		{"10 a b,20 c\\046d", LOOKUP_NOTHING, ""},
		{"10 a b,20 c", LOOKUP_OK, "c"},
		{"30 a,10 a,20 b", LOOKUP_OK, "a,b"},
		{"10 a,20 self,30 b", LOOKUP_OK, "a"},
		{"10 a,20 self,20 b", LOOKUP_OK, "a"},
		{"10 self", LOOKUP_LOOP, ""},
		{"10 self,10 a,20 b", LOOKUP_LOOP, ""},
		{"10 a,20 b,30 self,5 self", LOOKUP_LOOP, ""},
		{"10 selfish,20 b", LOOKUP_OK, "selfish,b"},
	};
	for (size_t i = 0; i < COUNT(cases); i++)
		for (uint64_t seed = 0; seed < 20; seed++) {
			struct dns_record records[8];
			struct choice room[DNS_RECORDS_MAX];
			uint32_t count;
			char order[200];
			const struct dns_answer mx = mx_of(cases[i].records, records);
			const enum lookup_outcome outcome = choose_hosts(
				&mx, (struct domain){VIEW("self")}, seed, room, &count);
			join(room, count, order);
			if (outcome != cases[i].outcome || strcmp(order, cases[i].order) != 0)
				fail_msg("\"%s\": %s \"%s\"", cases[i].records,
					lookup_outcome_name(outcome), order);
		}
}

/* Protects: equals share the load: each is first about as often, and the seed alone decides. */
static void shuffle(void **state)
{
	(void)state;
	unsigned first[3] = {0};
	for (uint64_t seed = 0; seed < 3000; seed++) {
		struct dns_record records[8];
		struct choice room[DNS_RECORDS_MAX];
		struct choice again[DNS_RECORDS_MAX];
		uint32_t count;
		const struct dns_answer mx = mx_of("10 a,10 b,10 c,20 d", records);
		assert_int_equal(
			choose_hosts(&mx, (struct domain){VIEW("self")}, seed, room, &count),
			LOOKUP_OK);
		assert_int_equal(count, 4);
		assert_true(view_equal(room[3].name.name, VIEW("d")));
		first[room[0].name.name.at[0] - 'a']++;
		assert_int_equal(
			choose_hosts(&mx, (struct domain){VIEW("self")}, seed, again, &count),
			LOOKUP_OK);
		for (uint32_t i = 0; i < count; i++)
			assert_true(view_equal(room[i].name.name, again[i].name.name));
	}
	for (size_t i = 0; i < 3; i++)
		assert_in_range(first[i], 900, 1100);
}

/* Protects: the bound on hosts, on both sides; the best are kept, and the loop rule comes before the bound. */
static void many_hosts(void **state)
{
	(void)state;
	char names[DNS_RECORDS_MAX][8];
	struct dns_record records[DNS_RECORDS_MAX];
	struct choice room[DNS_RECORDS_MAX];
	for (uint32_t n = HOSTS_MAX - 1; n <= HOSTS_MAX + 1; n++) {
		struct dns_answer mx = {.status = DNS_FOUND, .records = records, .count = n};
		uint32_t count;
		for (uint32_t i = 0; i < n; i++) {
			snprintf(names[i], sizeof names[i], "h%u", n - i);
			records[i] = (struct dns_record){
				.preference = (uint16_t)(n - i), .name = view_text(names[i])};
		}
		assert_int_equal(choose_hosts(&mx, (struct domain){VIEW("self")}, 1, room, &count),
			LOOKUP_OK);
		assert_int_equal(count, n < HOSTS_MAX ? n : HOSTS_MAX);
		assert_true(view_equal(room[0].name.name, VIEW("h1")));
		assert_int_equal(choose_hosts(&mx, (struct domain){VIEW("h1")}, 1, room, &count),
			LOOKUP_LOOP);
		assert_int_equal(count, 0);
	}
}

static struct dns_answer addresses_of(const char *text, struct dns_record *room)
{
	struct dns_answer answer = {.status = DNS_FOUND, .records = room};
	struct view rest = view_text(text);
	while (!view_is_empty(rest)) {
		struct view one;
		(void)view_split(rest, ' ', &one, &rest);
		assert_true(ip_parse(one, &room[answer.count++].ip));
	}
	return answer;
}

/* Protects: IPv6 and IPv4 by turns, IPv6 first (RFC 8305 §4), each address once. */
static void addresses(void **state)
{
	(void)state;
	static const char *const cases[][3] = {
		{"", "", ""},
		{"2001:db8::1", "", "2001:db8::1"},
		{"", "192.0.2.1 192.0.2.2", "192.0.2.1 192.0.2.2"},
		{"2001:db8::1", "192.0.2.1", "2001:db8::1 192.0.2.1"},
		{"2001:db8::1 2001:db8::2 2001:db8::3", "192.0.2.1",
			"2001:db8::1 192.0.2.1 2001:db8::2 2001:db8::3"},
		{"2001:db8::1", "192.0.2.1 192.0.2.2 192.0.2.3",
			"2001:db8::1 192.0.2.1 192.0.2.2 192.0.2.3"},
		{"2001:db8::1 2001:db8::1 2001:db8::2", "192.0.2.1 192.0.2.1",
			"2001:db8::1 192.0.2.1 2001:db8::2"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dns_record six[8];
		struct dns_record four[8];
		struct ip room[HOST_ADDRESSES_MAX];
		struct buffer b = buffer_new(1000);
		const struct dns_answer aaaa = addresses_of(cases[i][0], six);
		const struct dns_answer a = addresses_of(cases[i][1], four);
		const uint32_t count = choose_addresses(&aaaa, &a, room);
		for (uint32_t k = 0; k < count; k++) {
			buffer_add(&b, k ? VIEW(" ") : VIEW(""));
			ip_add(&b, &room[k]);
		}
		if (!view_equal(buffer_view(&b), view_text(cases[i][2])))
			fail_msg("case %zu: %.*s", i, (int)b.length, (const char *)b.data);
		buffer_free(&b);
	}
	static const struct dns_record none;
	struct dns_record many[DNS_RECORDS_MAX] = {none};
	struct ip room[HOST_ADDRESSES_MAX];
	for (uint32_t i = 0; i < DNS_RECORDS_MAX; i++)
		many[i].ip.octets[15] = (uint8_t)i;
	const struct dns_answer all = {.records = many, .count = DNS_RECORDS_MAX};
	assert_int_equal(choose_addresses(&all, &all, room), HOST_ADDRESSES_MAX);
	assert_true(answer_has_address(&all, &many[255].ip));
	const struct dns_answer most = {.records = many, .count = 255};
	assert_false(answer_has_address(&most, &many[255].ip));
}

/* Protects: what is not usable is left out; none that is usable is not the same as none at all. */
static void tlsas(void **state)
{
	(void)state;
	static const uint8_t digest[32];
	struct dns_record records[HOST_TLSAS_MAX + 2];
	struct tlsa room[HOST_TLSAS_MAX];
	uint32_t count;
	for (size_t i = 0; i < COUNT(records); i++)
		records[i].tlsa = (struct tlsa){3, 1, 1, view_of(digest, sizeof digest)};
	records[0].tlsa.usage = 1;
	struct dns_answer answer = {.status = DNS_FOUND, .records = records, .count = 1};
	assert_int_equal(choose_tlsas(&answer, room, &count), HOST_TLSA_UNUSABLE);
	assert_int_equal(count, 0);
	answer.count = 2;
	assert_int_equal(choose_tlsas(&answer, room, &count), HOST_TLSA_USABLE);
	assert_int_equal(count, 1);
	answer.count = COUNT(records);
	assert_int_equal(choose_tlsas(&answer, room, &count), HOST_TLSA_USABLE);
	assert_int_equal(count, HOST_TLSAS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(hosts), cmocka_unit_test(shuffle),
		cmocka_unit_test(many_hosts), cmocka_unit_test(addresses), cmocka_unit_test(tlsas)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
