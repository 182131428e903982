#include "mail/ip.h"

#include "suite.h"

static void text_forms(void **state)
{
	/* Protects: one text form for each address, and no second reading of a number. */
	static const struct {
		const char *given;
		const char *printed; /* null: refused */
	} cases[] = {
		{"192.0.2.1", "192.0.2.1"},
		{"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"},
		{"2001:DB8::1", "2001:db8::1"},
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
		{"2001:0db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		{"::", "::"},
		{"::1", "::1"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"::ffff:c000:201", "192.0.2.1"},
		{"1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:c000:201"},
		{"1111:2222:3333:4444:5555:6666:7777:8888",
			"1111:2222:3333:4444:5555:6666:7777:8888"},
		{"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"", NULL},
		{"192.0.2", NULL},
		{"192.0.2.256", NULL},
		{"192.0.2.01", NULL},
		{"0xc0.0.2.1", NULL},
		{"3221225985", NULL},
		{" 192.0.2.1", NULL},
		{"192.0.2.1 ", NULL},
		{"192.0.2.1.", NULL},
		{"1::2::3", NULL},
		{":1", NULL},
		{"1:2:3:4:5:6:7", NULL},
		{"12345::", NULL},
		{"fe80::1%eth0", NULL},
		{"[::1]", NULL},
		{"0ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ip ip;
		const bool ok = ip_parse(view_text(cases[i].given), &ip);
		if (ok != !!cases[i].printed)
			fail_msg("%s: %s", cases[i].given, ok ? "accepted" : "refused");
		if (!ok)
			continue;
		struct buffer b = buffer_new(IP_TEXT_MAX);
		ip_add(&b, &ip);
		assert_view(buffer_view(&b), cases[i].printed);
		struct ip again;
		assert_true(ip_parse(buffer_view(&b), &again));
		assert_true(ip_equal(&ip, &again));
		buffer_free(&b);
	}
	struct ip ip;
	assert_false(ip_parse(VIEW("192.0.2.1\0"), &ip));
	(void)state;
}

static void kinds(void **state)
{
	/* Protects: what counts as this machine, which the networks setting trusts without a word. */
	static const struct {
		const char *text;
		bool v4;
		bool loopback;
	} cases[] = {
		{"127.0.0.1", true, true},
		{"127.255.255.255", true, true},
		{"126.255.255.255", true, false},
		{"128.0.0.0", true, false},
		{"::ffff:127.0.0.1", true, true},
		{"::1", false, true},
		{"::2", false, false},
		{"::", false, false},
		{"::127.0.0.1", false, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ip ip;
		assert_true(ip_parse(view_text(cases[i].text), &ip));
		assert_int_equal(ip_is_v4(&ip), cases[i].v4);
		assert_int_equal(ip_is_loopback(&ip), cases[i].loopback);
	}
	const struct in_addr v4 = {.s_addr = htonl(0xc0000201)};
	const struct in6_addr v6 = {{{0x20, 0x01, 0x0d, 0xb8, [15] = 1}}};
	const struct ip a = ip_of_v4(v4);
	const struct ip b = ip_of_v6(&v6);
	struct ip parsed;
	assert_true(ip_parse(VIEW("192.0.2.1"), &parsed) && ip_equal(&a, &parsed));
	assert_true(ip_parse(VIEW("2001:db8::1"), &parsed) && ip_equal(&b, &parsed));
	(void)state;
}

static void networks(void **state)
{
	/* Protects: who is inside (N-1): each prefix includes its last address and not the next. */
	static const struct {
		const char *network;
		const char *in; /* null: the network is refused */
		const char *out; /* null: nothing is outside */
	} cases[] = {
		{"192.0.2.0/24", "192.0.2.255", "192.0.3.0"},
		{"192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
		{"192.0.2.7", "192.0.2.7", "192.0.2.6"},
		{"192.0.2.7/32", "192.0.2.7", "192.0.2.8"},
		{"0.0.0.0/0", "255.255.255.255", "2001:db8::1"},
		{"2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"},
		{"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"},
		{"2001:db8::1/128", "2001:db8::1", "2001:db8::2"},
		{"2001:db8::1", "2001:db8::1", "2001:db8::"},
		{"::/0", "192.0.2.1", NULL},
		{"::ffff:0:0/96", "192.0.2.1", "::1"},
		{"192.0.2.1/24", NULL, NULL},
		{"2001:db8::1/127", NULL, NULL},
		{"192.0.2.0/33", NULL, NULL},
		{"2001:db8::/129", NULL, NULL},
		{"192.0.2.0/", NULL, NULL},
		{"192.0.2.0/024", NULL, NULL},
		{"192.0.2.0/+24", NULL, NULL},
		{"192.0.2.0/24/24", NULL, NULL},
		{"192.0.2/24", NULL, NULL},
		{"/24", NULL, NULL},
		{"", NULL, NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct network n;
		struct ip ip;
		if (network_parse(view_text(cases[i].network), &n) != !!cases[i].in)
			fail_msg("%s", cases[i].network);
		if (!cases[i].in)
			continue;
		assert_true(ip_parse(view_text(cases[i].in), &ip));
		if (!network_has(&n, &ip))
			fail_msg("%s is not in %s", cases[i].in, cases[i].network);
		if (!cases[i].out)
			continue;
		assert_true(ip_parse(view_text(cases[i].out), &ip));
		if (network_has(&n, &ip))
			fail_msg("%s is in %s", cases[i].out, cases[i].network);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_forms),
		cmocka_unit_test(kinds),
		cmocka_unit_test(networks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
