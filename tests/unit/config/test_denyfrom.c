#include "config/denyfrom.h"

#include "suite.h"

static const char *const lines[] = {
	"db.ano.net", /* 1 */
	"spam.example", /* 2 */
	"192.0.2.7", /* 3 */
	"192.0.2.0/24", /* 4 */
	"198.51.100.0/25", /* 5 */
	"2001:db8::/32", /* 6 */
	"Spammer@shop.example", /* 7 */
	"@bulk.example", /* 8 */
	"mail.spam.example", /* 9 */
	"top", /* 10 */
	"spam.example", /* 11: twice */
};

struct list {
	struct arena arena;
	struct denyfrom_entry entries[COUNT(lines)];
	struct denyfrom d;
};

static void open_list(struct list *l)
{
	*l = (struct list){.arena = arena_new(1 << 20)};
	for (uint32_t i = 0; i < COUNT(lines); i++)
		assert_true(denyfrom_parse(view_text(lines[i]), i + 1, &l->arena, &l->entries[i]));
	denyfrom_sort(l->entries, COUNT(lines));
	assert_true(denyfrom_build(l->entries, COUNT(lines), &l->d));
}

static void expect(const struct denyfrom_entry *e, uint32_t line, const char *what)
{
	if ((e ? e->line : 0) != line)
		fail_msg("%s: line %u instead of %u", what, e ? e->line : 0, line);
}

static void hosts(void **state)
{
	/* Protects: F-7's meaning of a name, at label boundaries; the first line of several is
	 * told. */
	(void)state;
	static const struct {
		const char *host;
		uint32_t line;
	} cases[] = {
		{"db.ano.net", 1},
		{"x.db.ano.net", 1},
		{"mail.ano.net", 0},
		{"ano.net", 0},
		{"xdb.ano.net", 0},
		{"spam.example", 2},
		{"mail.spam.example", 2},
		{"a.b.spam.example", 2},
		{"xspam.example", 0},
		{"spam.example.net", 0},
		{"example", 0},
		{"anything.top", 10},
		{"top", 10},
		{"stop", 0},
		{"shop.example", 0},
		{"bulk.example", 0},
		{"", 0},
	};
	struct list l;
	open_list(&l);
	for (size_t i = 0; i < COUNT(cases); i++)
		expect(denyfrom_match_host(&l.d, (struct domain){view_text(cases[i].host)}),
			cases[i].line, cases[i].host);
	arena_reset(&l.arena);
}

static void addresses(void **state)
{
	/* Protects: networks match to the bit, both sides of each edge. */
	(void)state;
	static const struct {
		const char *ip;
		uint32_t line;
	} cases[] = {
		{"192.0.2.7", 3},
		{"192.0.2.8", 4},
		{"192.0.2.0", 4},
		{"192.0.2.255", 4},
		{"192.0.1.255", 0},
		{"192.0.3.0", 0},
		{"198.51.100.127", 5},
		{"198.51.100.128", 0},
		{"2001:db8::1", 6},
		{"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 6},
		{"2001:db9::", 0},
		{"::1", 0},
	};
	struct list l;
	struct ip ip;
	open_list(&l);
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_true(ip_parse(view_text(cases[i].ip), &ip));
		expect(denyfrom_match_ip(&l.d, &ip), cases[i].line, cases[i].ip);
	}
	arena_reset(&l.arena);
}

static void senders(void **state)
{
	/* Protects: sender addresses, sender domains, and names that hold for senders, too. */
	(void)state;
	static const struct {
		const char *path;
		uint32_t line;
	} cases[] = {
		{"spammer@shop.example", 7},
		{"SPAMMER@Shop.Example", 7},
		{"\"spammer\"@shop.example", 7},
		{"other@shop.example", 0},
		{"spammer@mail.shop.example", 0},
		{"x@bulk.example", 8},
		{"x@mail.bulk.example", 0},
		{"x@spam.example", 2},
		{"x@deep.spam.example", 2},
		{"x@[192.0.2.7]", 3},
		{"x@[192.0.3.7]", 0},
		{"x@ano.net", 0},
	};
	struct list l;
	open_list(&l);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct address path;
		assert_int_equal(address_parse(view_text(cases[i].path), false, &l.arena, &path),
			ADDRESS_OK);
		expect(denyfrom_match_sender(&l.d, &path), cases[i].line, cases[i].path);
	}
	const struct address null = {0};
	expect(denyfrom_match_sender(&l.d, &null), 0, "<>");
	arena_reset(&l.arena);
}

static void malformed(void **state)
{
	/* Protects: a slip in an address is not taken for the name of a host. */
	(void)state;
	static const char *const cases[] = {"", "192.0.2", "192.0.2.256", "192.0.2.1/33",
		"192.0.2.1/24", "2001:db8::/129", "a b", "@", "a@", "a@b@c", "x@[192.0.2.1]",
		".ano.net", "*.ano.net", "-x-.test", "5"};
	struct arena a = arena_new(1 << 20);
	struct denyfrom_entry e;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (denyfrom_parse(view_text(cases[i]), 1, &a, &e))
			fail_msg("\"%s\"", cases[i]);
	arena_reset(&a);
}

static void order(void **state)
{
	/* Protects: a list that is not sorted is refused, as a search in it would miss. */
	(void)state;
	struct list l;
	struct denyfrom d;
	open_list(&l);
	const struct denyfrom_entry first = l.entries[0];
	l.entries[0] = l.entries[1];
	l.entries[1] = first;
	assert_false(denyfrom_build(l.entries, COUNT(lines), &d));
	assert_true(denyfrom_build(NULL, 0, &d));
	assert_null(denyfrom_match_host(&d, (struct domain){VIEW("a.test")}));
	arena_reset(&l.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts),
		cmocka_unit_test(addresses),
		cmocka_unit_test(senders),
		cmocka_unit_test(malformed),
		cmocka_unit_test(order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
