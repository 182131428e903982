#include "mail/hosts.h"

#include "suite.h"

#define MEMORY (1u << 20)

static struct ip ip_of(const char *text)
{
	struct ip ip;
	assert_true(ip_parse(view_text(text), &ip));
	return ip;
}

static void sound_names(void **state)
{
	/* Protects: what may be looked up, compared, and logged as a host's name; both sides of its limits. */
	(void)state;
	char label[DOMAIN_LABEL_MAX + 2];
	char name[DOMAIN_NAME_MAX + 8];
	static const char *const good[] = {"a", "example.org", "mail_1.example.org",
		"xn--bcher-kva.example", "192.0.2.1", "_25._tcp.mx.example.org", "-a.example"};
	static const char *const bad[] = {"", ".", "example.org.", ".example.org", "a..b",
		"Example.org", "a b.example", "a\\046b.example", "b\xc3\xbc.example", "[192.0.2.1]",
		"a:b"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!host_name_is_sound(view_text(good[i])))
			fail_msg("%s is refused", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (host_name_is_sound(view_text(bad[i])))
			fail_msg("%s is taken", bad[i]);
	memset(label, 'a', sizeof label);
	assert_true(host_name_is_sound(view_of(label, DOMAIN_LABEL_MAX)));
	assert_false(host_name_is_sound(view_of(label, DOMAIN_LABEL_MAX + 1)));
	for (size_t i = 0; i < sizeof name; i++)
		name[i] = i % 2 ? '.' : 'a';
	assert_true(host_name_is_sound(view_of(name, DOMAIN_NAME_MAX)));
	assert_false(host_name_is_sound(view_of(name, DOMAIN_NAME_MAX + 2)));
}

static void usable_tlsa(void **state)
{
	/* Protects: only records that mean something for SMTP count (RFC 7672 §3.1.3, RFC 7218). */
	(void)state;
	static const uint8_t octets[TLSA_DATA_MAX + 1];
	static const struct {
		uint8_t usage, selector, matching;
		size_t length;
		bool usable;
	} cases[] = {{3, 1, 1, 32, true}, {2, 0, 2, 64, true}, {3, 0, 0, 1, true},
		{2, 0, 0, TLSA_DATA_MAX, true}, {2, 0, 0, TLSA_DATA_MAX + 1, false},
		{3, 0, 0, 0, false}, {0, 0, 1, 32, false}, {1, 0, 1, 32, false},
		{4, 0, 1, 32, false}, {3, 2, 1, 32, false}, {3, 1, 3, 32, false},
		{3, 1, 1, 31, false}, {3, 1, 1, 33, false}, {3, 1, 2, 63, false},
		{3, 1, 2, 65, false}, {255, 255, 255, 32, false}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct tlsa t = {cases[i].usage, cases[i].selector, cases[i].matching,
			view_of(octets, cases[i].length)};
		if (tlsa_is_usable(&t) != cases[i].usable)
			fail_msg("case %zu", i);
	}
}

/* A list with everything in it. */
struct list {
	struct ip addresses[HOST_ADDRESSES_MAX];
	struct tlsa tlsas[HOST_TLSAS_MAX];
	uint8_t digest[64];
	struct host hosts[HOSTS_MAX];
	struct hosts all;
};

static void fill(struct list *l)
{
	memset(l, 0, sizeof *l);
	for (size_t i = 0; i < HOST_ADDRESSES_MAX; i++)
		l->addresses[i] = ip_of(i % 2 ? "192.0.2.1" : "2001:db8::1");
	for (size_t i = 0; i < HOST_TLSAS_MAX; i++)
		l->tlsas[i] =
			(struct tlsa){3, 1, i % 2 ? 2 : 1, view_of(l->digest, i % 2 ? 64 : 32)};
	for (uint32_t i = 0; i < HOSTS_MAX; i++)
		l->hosts[i] = (struct host){.preference = i,
			.name = {VIEW("mx.example.org")},
			.addresses = l->addresses,
			.address_count = i + 1,
			.is_secure = true,
			.tlsa = i % 2 ? HOST_TLSA_USABLE : HOST_TLSA_FAILED,
			.tlsa_base = {VIEW("mx.example.org")},
			.tlsas = l->tlsas,
			.tlsa_count = i % 2 ? i + 1 : 0};
	l->all = (struct hosts){.has_mx = true,
		.is_mx_secure = true,
		.canonical = {VIEW("example.org")},
		.hosts = l->hosts,
		.count = HOSTS_MAX};
}

static void there_and_back(void **state)
{
	/* Protects: relay reads what resolve wrote, up to every bound. */
	(void)state;
	static struct list l;
	struct arena a = arena_new(MEMORY);
	struct buffer b = buffer_new(HOSTS_PACKED_MAX);
	struct buffer again = buffer_new(HOSTS_PACKED_MAX);
	struct hosts back;
	struct hosts copy;
	fill(&l);
	hosts_add(&b, &l.all);
	assert_false(buffer_failed(&b));
	assert_true(hosts_read(buffer_view(&b), &a, &back));
	assert_int_equal(back.count, HOSTS_MAX);
	assert_true(back.has_mx && back.is_mx_secure);
	assert_view(back.canonical.name, "example.org");
	assert_int_equal(back.hosts[15].address_count, HOST_ADDRESSES_MAX);
	assert_int_equal(back.hosts[15].tlsa_count, HOST_TLSAS_MAX);
	assert_int_equal(back.hosts[3].preference, 3);
	assert_true(ip_equal(&back.hosts[15].addresses[15], &l.addresses[15]));
	assert_int_equal(back.hosts[15].tlsas[15].data.length, 64);
	hosts_add(&again, &back);
	assert_true(view_equal(buffer_view(&b), buffer_view(&again)));
	assert_true(hosts_copy(&back, &a, &copy));
	buffer_free(&b); /* the copy needs nothing of it */
	assert_int_equal(copy.hosts[15].tlsas[15].data.length, 64);
	assert_view(copy.hosts[15].name.name, "mx.example.org");
	struct arena small = arena_new(64);
	assert_false(hosts_copy(&copy, &small, &back));
	arena_reset(&small);
	buffer_free(&again);
	arena_reset(&a);
}

static bool reads(struct buffer *b)
{
	struct arena a = arena_new(MEMORY);
	struct hosts h;
	const bool ok = hosts_read(buffer_view(b), &a, &h);
	arena_reset(&a);
	return ok;
}

static void broken(void **state)
{
	/* Protects: a resolver that was broken into cannot break relay: cut, bent and untrue lists. */
	(void)state;
	static struct list l;
	struct buffer b = buffer_new(HOSTS_PACKED_MAX);
	fill(&l);
	l.all.count = 2;
	hosts_add(&b, &l.all);
	assert_true(reads(&b));
	for (size_t cut = 0; cut < b.length; cut++) {
		struct arena a = arena_new(MEMORY);
		struct hosts h;
		assert_false(hosts_read(view_first(buffer_view(&b), cut), &a, &h));
		assert_int_equal(h.count, 0);
		arena_reset(&a);
	}
	for (size_t i = 0; i < b.length; i++)
		for (int bit = 0; bit < 8; bit++) {
			b.data[i] ^= (uint8_t)(1 << bit);
			(void)reads(&b); /* no fault; ASan looks */
			b.data[i] ^= (uint8_t)(1 << bit);
		}
	buffer_add_octet(&b, 0);
	assert_false(reads(&b)); /* more behind it */
	buffer_free(&b);
}

static void untrue(void **state)
{
	/* Protects: what relay may rely on: an address at least, records exactly when they are usable, sound
	 * names. Each is written by octets, as hosts_add would not. */
	(void)state;
	static const uint8_t digest[32];
	static const struct {
		const char *name;
		unsigned addresses;
		uint8_t tlsa;
		unsigned records;
		uint8_t usage;
		bool good;
	} cases[] = {{"mx.example", 1, HOST_TLSA_USABLE, 1, 3, true},
		{"", 1, HOST_TLSA_NONE, 0, 0, true}, {"mx.example", 0, HOST_TLSA_NONE, 0, 0, false},
		{"mx.example", 17, HOST_TLSA_NONE, 0, 0, false},
		{"mx.example", 1, HOST_TLSA_USABLE, 0, 0, false},
		{"mx.example", 1, HOST_TLSA_NONE, 1, 3, false},
		{"mx.example", 1, HOST_TLSA_FAILED, 1, 3, false},
		{"mx.example", 1, HOST_TLSA_USABLE, 17, 3, false},
		{"mx.example", 1, HOST_TLSA_USABLE, 1, 1, false},
		{"mx.example", 1, HOST_TLSA_STATES, 0, 0, false},
		{"MX.example", 1, HOST_TLSA_NONE, 0, 0, false},
		{"mx\n.example", 1, HOST_TLSA_NONE, 0, 0, false}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buffer b = buffer_new(4096);
		buffer_add(&b,
			VIEW("\1\1\1\0\0\0\0\1")); /* version, two flags, no canonical, one host */
		buffer_add_u32(&b, 10);
		buffer_add_u32(&b, (uint32_t)strlen(cases[i].name));
		buffer_add(&b, view_text(cases[i].name));
		buffer_add_octet(&b, 1);
		buffer_add_octet(&b, cases[i].tlsa);
		buffer_add_u32(&b, 0);
		buffer_add_octet(&b, (uint8_t)cases[i].addresses);
		buffer_add_zeros(&b, cases[i].addresses * 16);
		buffer_add_octet(&b, (uint8_t)cases[i].records);
		for (unsigned k = 0; k < cases[i].records; k++) {
			buffer_add_octet(&b, cases[i].usage);
			buffer_add(&b, VIEW("\1\1"));
			buffer_add_u32(&b, sizeof digest);
			buffer_add(&b, view_of(digest, sizeof digest));
		}
		if (reads(&b) != cases[i].good)
			fail_msg("case %zu", i);
		buffer_free(&b);
	}
}

static void outcomes(void **state)
{
	/* Protects: what is temporary gets a 4, what is not a 5 (RFC 3463). */
	(void)state;
	for (int i = 0; i < LOOKUP_OUTCOMES; i++) {
		const enum lookup_outcome o = (enum lookup_outcome)i;
		const char first = o == LOOKUP_OK ? '2' : lookup_is_temporary(o) ? '4' : '5';
		assert_int_equal(lookup_outcome_enhanced(o)[0], first);
		assert_string_not_equal(lookup_outcome_name(o), "unknown");
	}
	for (int i = 0; i < HOST_TLSA_STATES; i++)
		assert_string_not_equal(host_tlsa_name((enum host_tlsa)i), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(sound_names),
		cmocka_unit_test(usable_tlsa), cmocka_unit_test(there_and_back),
		cmocka_unit_test(broken), cmocka_unit_test(untrue), cmocka_unit_test(outcomes)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
