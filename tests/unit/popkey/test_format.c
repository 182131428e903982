/* popkey/format.h: names, lines, and both clocks to the millisecond. */
#include "popkey/format.h"

#include "suite.h"

#define T 1764356400000u /* some moment */
static const struct popkey_rules rules = POPKEY_RULES;

static void names(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		const char *form; /* null: somebody else's file */
	} cases[] = {
		{"192.0.2.1", "192.0.2.1"},
		{"192.0.2.1+4711", "192.0.2.1+4711"},
		{"::ffff:192.0.2.1+4711", "192.0.2.1+4711"},
		{"::FFFF:c000:0201", "192.0.2.1"},
		{"2001:DB8:0::1+a-b_c.9", "2001:db8::1+a-b_c.9"},
		{"192.0.2.1+", NULL},
		{"192.0.2.1+a+b", NULL},
		{"192.0.2.1+a b", NULL},
		{"192.0.2.1 ", NULL},
		{"192.0.2.01", NULL},
		{"192.0.2", NULL},
		{"fe80::1%eth0", NULL},
		{"mail.example.org", NULL},
		{"", NULL},
		{".", NULL},
		{"+4711", NULL},
		{".popkey-0123456789abcdef", NULL},
		{"192.0.2.1+0123456789012345678901234567890123456789012345678901234567890123", ""},
		{"192.0.2.1+01234567890123456789012345678901234567890123456789012345678901234",
			NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct popkey_name name;
		struct buffer b = buffer_new(POPKEY_NAME_MAX);
		const char *form = cases[i].form && !*cases[i].form ? cases[i].name : cases[i].form;
		assert_int_equal(popkey_name_read(view_text(cases[i].name), &name), form != NULL);
		if (form) {
			popkey_name_add(&b, &name.ip, name.id);
			assert_true(view_equal(buffer_view(&b), view_text(form)));
		}
		buffer_free(&b);
	}
}

static void neighbours(void **state)
{
	(void)state;
	const struct popkey_rules wide = {1, 1, 64};
	struct ip a, b, v4, v4b;
	assert_true(ip_parse(VIEW("2001:db8::1"), &a) && ip_parse(VIEW("2001:db8::ffff:2"), &b));
	assert_true(ip_parse(VIEW("192.0.2.1"), &v4) && ip_parse(VIEW("192.0.2.2"), &v4b));
	struct ip x = popkey_neighbour(&a, &rules), y = popkey_neighbour(&b, &rules);
	assert_false(ip_equal(&x, &y));
	x = popkey_neighbour(&a, &wide), y = popkey_neighbour(&b, &wide);
	assert_true(ip_equal(&x, &y));
	x = popkey_neighbour(&v4, &wide), y = popkey_neighbour(&v4b, &wide);
	assert_false(ip_equal(&x, &y));
}

/* The rows of a file as text: "USER since+end " with times from T. */
static void rows_are(const char *name, int64_t mtime, const char *content, const char *wanted)
{
	struct popkey_file file = {
		.mtime_ms = (uint64_t)(T + mtime), .content = view_text(content)};
	struct popkey_row row;
	char text[1024] = "";
	assert_true(popkey_name_read(view_text(name), &file.name));
	struct popkey_rows rows = popkey_rows_of(&file, &rules);
	while (popkey_rows_next(&rows, &row)) {
		char one[POPKEY_USER_MAX + 64];
		snprintf(one, sizeof one, "%.*s@%lld-%lld ", (int)row.user.length,
			row.user.at ? (const char *)row.user.at : "", (long long)(row.since_ms - T),
			(long long)(row.ends_ms - T));
		strncat(text, one, sizeof text - strlen(text) - 1);
	}
	assert_string_equal(text, wanted);
}

static void rows_of_files(void **state)
{
	(void)state;
	rows_are("192.0.2.1", 0, "", "@0-10000 ");
	rows_are("192.0.2.1+7", 0, "", "@0-300000 ");
	rows_are("192.0.2.1+7", 5, "hana\n", "hana@5-300005 ");
	rows_are("192.0.2.1+7", 5, "hana 1764356400001\ntaro\n", "hana@5-300005 ");
	rows_are("192.0.2.1", 5, "hana\n", "hana@5-10005 ");
	rows_are("192.0.2.1", 5, "hana 1764356400001\ntaro 1764356400005\n",
		"hana@1-10001 taro@5-10005 ");
	/* a script has touched it since */
	rows_are("192.0.2.1", 9, "hana 1764356400001\n", "hana@1-10001 @9-10009 ");
	/* a line cannot outlive its file */
	rows_are("192.0.2.1", 9, "hana 1764356499999\n", "hana@9-10009 ");
	/* somebody unknown */
	rows_are("192.0.2.1", 9, " 1764356400009\n", "@9-10009 ");
	/* what is no line */
	rows_are("192.0.2.1", 9, "hana", "@9-10009 ");
	rows_are("192.0.2.1", 9, "hana x\n", "@9-10009 ");
	rows_are("192.0.2.1", 9, "hana -1\n\n \nha/na 1764356400009\n", "@9-10009 ");
	rows_are("192.0.2.1", 9, "a b 1764356400009\n", "@9-10009 ");
	rows_are("192.0.2.1", 9, "\xff 1764356400009\n", "@9-10009 ");
	rows_are("192.0.2.1", 9, "花 1764356400009\n", "花@9-10009 ");
}

/* N-23: exactly 10 s is open, the next tick is not; the same of 300 s. */
static void clocks(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int64_t last;
	} cases[] = {{"192.0.2.1", 10000}, {"192.0.2.1+7", 300000}};
	for (size_t i = 0; i < 2; i++) {
		struct popkey_file file = {.mtime_ms = T};
		struct popkey_row row;
		assert_true(popkey_name_read(view_text(cases[i].name), &file.name));
		struct popkey_rows rows = popkey_rows_of(&file, &rules);
		assert_true(popkey_rows_next(&rows, &row));
		assert_true(popkey_row_is_open(&row, T));
		assert_true(popkey_row_is_open(&row, (uint64_t)(T + cases[i].last)));
		assert_false(popkey_row_is_open(&row, (uint64_t)(T + cases[i].last + 1)));
		/* from the future */
		assert_true(popkey_row_is_open(&row, T - POPKEY_AHEAD_MS));
		assert_false(popkey_row_is_open(&row, T - POPKEY_AHEAD_MS - 1));
	}
}

static struct popkey_file plain(int64_t mtime, const char *content)
{
	return (struct popkey_file){
		.mtime_ms = (uint64_t)(T + mtime), .content = view_text(content)};
}

static void unions(void **state)
{
	(void)state;
	static const struct {
		const char *first;
		int64_t first_at;
		const char *second;
		int64_t second_at;
		const char *wanted;
		int64_t wanted_at;
	} cases[] = {
		{"hana 1764356410000\n", 10000, NULL, 0, "hana 1764356410000\n", 10000},
		/* exactly 10 s old is kept, older is not */
		{"hana 1764356410000\n", 10000, "taro 1764356400000\n", 0,
			"hana 1764356410000\ntaro 1764356400000\n", 10000},
		{"hana 1764356410000\n", 10000, "taro 1764356399999\n", -1, "hana 1764356410000\n",
			10000},
		/* of one user the latest, whoever comes first */
		{"hana 1764356410000\n", 10000, "hana 1764356409000\n", 9000,
			"hana 1764356410000\n", 10000},
		{"hana 1764356409000\n", 9000, "hana 1764356410000\n", 10000,
			"hana 1764356410000\n", 10000},
		{"hana 1764356410000\n", 10000, "hana 1764356410000\n", 10000,
			"hana 1764356410000\n", 10000},
		/* an empty file was somebody unknown, and stays so */
		{"hana 1764356409000\n", 9000, "", 9500, " 1764356409500\nhana 1764356409000\n",
			9500},
		{"hana 1764356300000\n", -100000, "", -100000, "", -T},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct popkey_file a = plain(cases[i].first_at, cases[i].first);
		const struct popkey_file c =
			plain(cases[i].second_at, cases[i].second ? cases[i].second : "");
		struct buffer b = buffer_new(4096);
		const uint64_t at =
			popkey_union(&b, &a, cases[i].second ? &c : NULL, &rules, T + 10000);
		assert_true(view_equal(buffer_view(&b), view_text(cases[i].wanted)));
		assert_int_equal(at, (uint64_t)(T + cases[i].wanted_at));
		buffer_free(&b);
	}
}

static void without(void **state)
{
	(void)state;
	const struct popkey_file f = plain(2, "hana 1764356400001\ntaro 1764356400002\n");
	struct buffer b = buffer_new(4096);
	assert_int_equal(popkey_without(&b, &f, VIEW("taro"), &rules, T + 5), T + 1);
	assert_true(view_equal(buffer_view(&b), VIEW("hana 1764356400001\n")));
	buffer_free(&b);
}

static unsigned lines_in(const struct buffer *b)
{
	unsigned lines = 0;
	for (size_t i = 0; i < b->length; i++)
		lines += b->data[i] == '\n';
	return lines;
}

static bool names_user(const struct buffer *b, unsigned number)
{
	char line[32];
	snprintf(line, sizeof line, "u%u ", number); /* no other name ends so */
	return view_search(buffer_view(b), view_text(line)) != VIEW_NOT_FOUND;
}

/* An office behind one address: what is kept is bounded, and is the newest, in whatever order they stand. */
static void many_users(void **state)
{
	(void)state;
	enum { COUNT = 2 * POPKEY_USERS_MAX };
	for (unsigned falling = 0; falling < 2; falling++) {
		struct buffer all = buffer_new(1 << 20), b = buffer_new(POPKEY_CONTENT_MAX);
		for (unsigned i = 0; i < COUNT; i++) {
			const unsigned number = falling ? COUNT - 1 - i : i;
			char name[32];
			snprintf(name, sizeof name, "u%u", number);
			popkey_line_add(&all, view_text(name), T + number);
		}
		const struct popkey_file f = {
			.mtime_ms = T + COUNT - 1, .content = buffer_view(&all)};
		const struct popkey_file ours = plain(3000, "hana 1764356403000\n");
		assert_int_equal(popkey_union(&b, &ours, &f, &rules, T + 3000), T + 3000);
		assert_false(buffer_failed(&b));
		assert_int_equal(lines_in(&b), POPKEY_USERS_MAX);
		assert_true(view_starts(buffer_view(&b), VIEW("hana ")));
		assert_false(names_user(&b, COUNT - POPKEY_USERS_MAX));
		assert_true(names_user(&b, COUNT - POPKEY_USERS_MAX + 1));
		assert_true(names_user(&b, COUNT - 1));
		buffer_free(&all);
		buffer_free(&b);
	}
}

/* As many users as are kept, with the longest names: all of it fits; of one more the oldest goes. */
static void longest_content(void **state)
{
	(void)state;
	for (unsigned over = 0; over < 2; over++) {
		const unsigned count = POPKEY_USERS_MAX + over;
		struct buffer all = buffer_new(1 << 20), b = buffer_new(POPKEY_CONTENT_MAX);
		char name[POPKEY_USER_MAX + 1];
		for (unsigned i = count; i-- > 0;) {
			snprintf(name, sizeof name, "%0*u", (int)POPKEY_USER_MAX, i);
			popkey_line_add(&all, view_text(name), T + i);
		}
		const struct popkey_file f = {
			.mtime_ms = T + count - 1, .content = buffer_view(&all)};
		popkey_union(&b, &f, NULL, &rules, T + count);
		assert_false(buffer_failed(&b));
		assert_int_equal(lines_in(&b), POPKEY_USERS_MAX);
		assert_int_equal(
			view_search(buffer_view(&b), view_text(name)) == VIEW_NOT_FOUND, over);
		buffer_clear(&b);
		popkey_without(&b, &f, VIEW("nobody"), &rules, T + count);
		assert_int_equal(lines_in(&b), POPKEY_USERS_MAX);
		buffer_free(&all);
		buffer_free(&b);
	}
}

static void users(void **state)
{
	(void)state;
	char name[POPKEY_USER_MAX + 2];
	for (size_t length = POPKEY_USER_MAX; length <= POPKEY_USER_MAX + 1; length++) {
		memset(name, 'u', sizeof name);
		name[length] = 0;
		const bool fits = length <= POPKEY_USER_MAX;
		assert_int_equal(popkey_user_is_good(view_text(name)), fits);
		char content[POPKEY_USER_MAX + 32], wanted[POPKEY_USER_MAX + 32];
		snprintf(content, sizeof content, "%s 1764356400009\n", name);
		snprintf(wanted, sizeof wanted, "%s@9-10009 ", fits ? name : "");
		rows_are("192.0.2.1", 9, content, wanted);
	}
	assert_false(popkey_user_is_good(VIEW_NONE));
	assert_true(popkey_user_is_good(VIEW("u")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(neighbours),
		cmocka_unit_test(rows_of_files),
		cmocka_unit_test(clocks),
		cmocka_unit_test(unions),
		cmocka_unit_test(without),
		cmocka_unit_test(many_users),
		cmocka_unit_test(longest_content),
		cmocka_unit_test(users),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
