/* popkey/access.h, popkey/asked.h: what popkey-export writes and answers. */
#include "popkey/access.h"
#include "popkey/asked.h"

#include "suite.h"

static void rows(void **state)
{
	(void)state;
	static const char *const addresses[] = {"2001:db8:0:a0b:c::f012", "192.0.2.9", "192.0.2.10",
		"192.0.2.9", "::ffff:192.0.2.10"};
	static const struct {
		enum access_format format;
		const char *text;
	} cases[] = {
		{ACCESS_POSTFIX, "192.0.2.9\tOK\n192.0.2.10\tOK\n2001:db8:0:a0b:c::f012\tOK\n"},
		{ACCESS_CIDR, "192.0.2.9\tOK\n192.0.2.10\tOK\n2001:db8:0:a0b:c::f012/64\tOK\n"},
		{ACCESS_SENDMAIL, "Connect:192.0.2.9\tOK\nConnect:192.0.2.10\tOK\n"
				  "Connect:IPv6:2001:db8:0:a0b:c:0:0:f012\tOK\n"},
		{ACCESS_HOSTS, "192.0.2.9\n192.0.2.10\n2001:db8:0:a0b:c::f012/64\n"},
	};
	static const struct {
		enum access_format format;
		const char *text;
	} single[] = {
		{ACCESS_CIDR, "192.0.2.9\tOK\n192.0.2.10\tOK\n2001:db8:0:a0b:c::f012\tOK\n"},
		{ACCESS_HOSTS, "192.0.2.9\n192.0.2.10\n2001:db8:0:a0b:c::f012\n"},
	};
	struct access_rows r = {.list = NULL};
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
		struct ip ip;
		assert_true(ip_parse(view_text(addresses[i]), &ip) && access_add(&r, &ip));
	}
	access_sort(&r);
	assert_int_equal(r.count, 3);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buffer b = buffer_new(4096);
		access_write(&b, &r, cases[i].format, 64, VIEW("OK"));
		assert_view(buffer_view(&b), cases[i].text);
		buffer_free(&b);
	}
	for (size_t i = 0; i < sizeof single / sizeof *single; i++) {
		struct buffer b = buffer_new(4096);
		access_write(&b, &r, single[i].format, 128, VIEW("OK"));
		assert_view(buffer_view(&b), single[i].text);
		buffer_free(&b);
	}
	access_free(&r);
}

static void too_many_rows(void **state)
{
	(void)state;
	struct access_rows r = {.list = NULL};
	struct ip ip;
	assert_true(ip_parse(VIEW("2001:db8::"), &ip));
	for (uint32_t i = 0; i <= ACCESS_ROWS_MAX; i++) {
		ip.octets[13] = (uint8_t)(i >> 16);
		ip.octets[14] = (uint8_t)(i >> 8);
		ip.octets[15] = (uint8_t)i;
		assert_int_equal(access_add(&r, &ip), i < ACCESS_ROWS_MAX);
	}
	access_sort(&r);
	assert_int_equal(r.count, ACCESS_ROWS_MAX);
	access_free(&r);
}

static void whose_mail(void **state)
{
	(void)state;
	static const char senders[] = "# user: addresses\nhana: h@x.example, info@x.example\n"
				      "taro : t@x.example\n#hana: no@x.example\n";
	static const struct {
		const char *user;
		const char *sender;
		bool is_own;
	} cases[] = {
		{"hana", "hana@a.example", true},
		{"hana", "Hana@B.example", true},
		{"hana", "hana@c.example", false},
		{"hana", "taro@a.example", false},
		{"hana", "info@x.example", true},
		{"hana", "t@x.example", false},
		{"taro", "t@x.example", true},
		{"hana", "no@x.example", false},
		{"#hana", "no@x.example", false},
		{"hana@c.example", "hana@c.example", true},
		{"hana@c.example", "hana@a.example", false},
		{"hana", "", false},
		{"", "@a.example", false},
		{"", "", false},
		{"hana", "hana", false},
		{"hana", "hana@", false},
		{"hana", "x@y@a.example", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (access_is_own(view_text(cases[i].user), view_text(cases[i].sender),
			    VIEW("a.example,b.example"), view_text(senders)) != cases[i].is_own)
			fail_msg("%s as %s", cases[i].user, cases[i].sender);
}

static void policy_requests(void **state)
{
	(void)state;
	static const char text[] = "request=smtpd_access_policy\nsender=hana@a.example\n"
				   "client_address=192.0.2.1\nsender=other@a.example\n"
				   "noequals\nx=a=b\n\nclient_address=1";
	struct policy_request r;
	size_t taken = 0;
	const struct view all = view_text(text);
	const size_t whole = sizeof text - 1 - 16;
	for (size_t length = 0; length < whole; length++)
		assert_int_equal(asked_policy(view_first(all, length), &r, &taken), ASKED_PART);
	assert_int_equal(asked_policy(all, &r, &taken), ASKED_WHOLE);
	assert_int_equal(taken, whole);
	assert_view(r.client_address, "192.0.2.1");
	assert_view(r.sender, "hana@a.example");
	assert_int_equal(asked_policy(VIEW("\n"), &r, &taken), ASKED_WHOLE);
	assert_int_equal(r.client_address.length, 0);
	static uint8_t large[ASKED_MAX];
	large[0] = 'x';
	assert_int_equal(asked_policy(view_of(large, sizeof large - 1), &r, &taken), ASKED_PART);
	assert_int_equal(asked_policy(view_of(large, sizeof large), &r, &taken), ASKED_BROKEN);
}

static void map_requests(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum asked asked;
		const char *map, *key;
		size_t taken;
	} cases[] = {
		{"16:popkey 192.0.2.1,", ASKED_WHOLE, "popkey", "192.0.2.1", 20},
		{"3:a b,x", ASKED_WHOLE, "a", "b", 6},
		{"2:a ,", ASKED_WHOLE, "a", "", 5},
		{"", ASKED_PART, NULL, NULL, 0},
		{"16", ASKED_PART, NULL, NULL, 0},
		{"16:popkey 192.0.2.1", ASKED_PART, NULL, NULL, 0},
		{"16:popkey 192.0.2.1;", ASKED_BROKEN, NULL, NULL, 0},
		{"1:a,", ASKED_BROKEN, NULL, NULL, 0},
		{"x:a,", ASKED_BROKEN, NULL, NULL, 0},
		{"03:a b,", ASKED_BROKEN, NULL, NULL, 0},
		{"-3:a b,", ASKED_BROKEN, NULL, NULL, 0},
		{":a b,", ASKED_BROKEN, NULL, NULL, 0},
		{"99999:a", ASKED_BROKEN, NULL, NULL, 0},
		{"1234567890", ASKED_BROKEN, NULL, NULL, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct view map, key;
		size_t taken = 0;
		const enum asked asked = asked_map(view_text(cases[i].text), &map, &key, &taken);
		if (asked != cases[i].asked || taken != cases[i].taken)
			fail_msg("%s: %d, %zu", cases[i].text, asked, taken);
		if (asked == ASKED_WHOLE) {
			assert_view(map, cases[i].map);
			assert_view(key, cases[i].key);
		}
	}
	struct buffer b = buffer_new(64);
	/* the longest that is taken: with its length, ':' and ',' it is as long as a policy request may be */
	static char longest[ASKED_MAX + 2];
	for (size_t over = 0; over < 2; over++) {
		const size_t length = ASKED_MAX - 11 + over;
		const int head = snprintf(longest, sizeof longest, "%zu:popkey ", length);
		memset(longest + head, 'k', sizeof longest - (size_t)head);
		longest[6 + length] = ',';
		struct view map, key;
		size_t taken = 0;
		assert_int_equal(asked_map(view_of(longest, 6 + length + 1), &map, &key, &taken),
			over ? ASKED_BROKEN : ASKED_WHOLE);
		assert_int_equal(taken, over ? 0 : 6 + length + 1);
		assert_int_equal(asked_map(view_of(longest, 6 + length), &map, &key, &taken),
			over ? ASKED_BROKEN : ASKED_PART);
	}
	asked_map_answer(&b, VIEW("NOTFOUND"), VIEW_NONE);
	asked_map_answer(&b, VIEW("OK"), VIEW("RELAY"));
	assert_view(buffer_view(&b), "9:NOTFOUND ,8:OK RELAY,");
	buffer_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows),
		cmocka_unit_test(too_many_rows),
		cmocka_unit_test(whose_mail),
		cmocka_unit_test(policy_requests),
		cmocka_unit_test(map_requests),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
