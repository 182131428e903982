#include "config/names.h"
#include "suite.h"

#define USERS "hana:!\ntaro:!\n"

static void aliases(void **state)
{
	/* Protects: loops (the chain printed), loose ends, forwards are found before they run
	 * (F-13). */
	(void)state;
	static const struct {
		const char *aliases;
		enum finding_level level;
		uint32_t line;
		const char *says; /* null: nothing worse than a note */
	} cases[] = {
		{"a: hana\nb: a, taro\n", FINDING_NOTE, 0, NULL},
		{"hana: hana, taro\n", FINDING_NOTE, 0, NULL},
		{"hana: hana+x, taro\n", FINDING_NOTE, 0, NULL},
		{"hana: hana@example.test\n", FINDING_NOTE, 0, NULL},
		{"info: info@example.test\ninfo@example.test: hana", FINDING_NOTE, 0, NULL},
		{"a: hana+tag", FINDING_NOTE, 0, NULL},
		{"a: postmaster", FINDING_NOTE, 0, NULL},
		{"a: a", FINDING_ERROR, 1, "a -> a go round"},
		{"a: b\nb: a\n", FINDING_ERROR, 1, "a -> b -> a go round"},
		{"x: a\na: b\nb: c, hana\nc: a\n", FINDING_ERROR, 2, "a -> b -> c -> a go round"},
		{"a@example.test: a@example.test", FINDING_ERROR, 1,
			"a@example.test -> a@example.test go round"},
		{"a: nobody", FINDING_ERROR, 1, "a goes to nobody, which is neither"},
		{"a: nobody@example.test", FINDING_ERROR, 1,
			"nobody@example.test, which is neither"},
		{"b: hana\na: X@other.example, y@other.example", FINDING_NOTE, 2,
			"2 destinations are at other hosts: mail for them is forwarded, that of "
			"senders elsewhere under a sender SRS0=…@mail.example.test"},
		{"a: x@other", FINDING_ERROR, 1, "x@other, which is no full address"},
		{"a: hana%other.example@example.test", FINDING_ERROR, 1, "neither"},
		{"a@other.example: hana", FINDING_WARNING, 1, "other.example is no domain"},
		{"hana: taro", FINDING_NOTE, 1, "comes before the user"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct site s;
		const struct memory_file files[] = {
			{"users", USERS, 0}, {"aliases", cases[i].aliases, 0}, {0}};
		site_open(&s, files);
		if (cases[i].says)
			site_expect(&s, cases[i].level, "aliases", cases[i].line, cases[i].says);
		else if (s.findings.levels[FINDING_ERROR] + s.findings.levels[FINDING_WARNING])
			fail_msg("%s", cases[i].aliases);
		site_close(&s);
	}
}

static void depth(void **state)
{
	/* Protects: chains of aliases of 16 are fine, of 17 not, from whichever end they are
	 * met. */
	(void)state;
	for (int reverse = 0; reverse < 2; reverse++)
		for (int length = NAME_DEPTH_MAX; length <= NAME_DEPTH_MAX + 1; length++) {
			char text[1000] = "";
			for (int i = 0; i < length; i++) {
				/* Names are looked at in their order. */
				const int name = reverse ? length - 1 - i : i;
				const int next = reverse ? name - 1 : name + 1;
				const size_t at = strlen(text);
				if (i == length - 1)
					snprintf(
						text + at, sizeof text - at, "a%02d: hana\n", name);
				else
					snprintf(text + at, sizeof text - at, "a%02d: a%02d\n",
						name, next);
			}
			struct site s;
			const struct memory_file files[] = {
				{"users", USERS, 0}, {"aliases", text, 0}, {0}};
			site_open(&s, files);
			assert_int_equal(s.findings.levels[FINDING_ERROR], length > NAME_DEPTH_MAX);
			if (length > NAME_DEPTH_MAX)
				assert_non_null(site_find(&s, "go deeper than 16"));
			site_close(&s);
		}
}

static void postmaster(void **state)
{
	/* Protects: postmaster is somebody (F-11). */
	(void)state;
	static const struct {
		const char *postmaster;
		bool good;
	} cases[] = {
		{"hana", true},
		{"Taro", true},
		{"taro+post", true},
		{"team", true},
		{"hana@example.test", true},
		{"nobody", false},
		{"postmaster", false},
		{"hana@other.example", false},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct site s;
		const struct memory_file files[] = {{"users", USERS, 0},
			{"aliases", "team: hana, taro\n", 0},
			{"postmaster", cases[i].postmaster, 0}, {0}};
		site_open(&s, files);
		if (cases[i].good)
			assert_int_equal(s.findings.levels[FINDING_ERROR], 0);
		else
			site_expect(
				&s, FINDING_ERROR, "postmaster", 1, "neither a user nor an alias");
		site_close(&s);
	}
}

static void the_rest(void **state)
{
	/* Protects: a list that shuts the site itself out, and limits that defeat each other. */
	(void)state;
	struct site s;
	const struct memory_file files[] = {{"users", USERS, 0},
		{"denyfrom", "example.test\n127.0.0.0/8\n10.1.0.0/16\n", 0},
		{"networks", "10.1.2.0/24\n", 0}, {"clientlimit", "10\n", 0},
		{"sessionlimit", "10\n", 0}, {0}};
	site_open(&s, files);
	assert_int_equal(s.findings.levels[FINDING_ERROR], 0);
	site_expect(&s, FINDING_WARNING, "denyfrom", 1, "a domain of this site");
	site_expect(&s, FINDING_WARNING, "denyfrom", 2, "this machine itself");
	site_expect(&s, FINDING_WARNING, "denyfrom", 3, "a network of this site");
	site_expect(&s, FINDING_WARNING, "clientlimit", 1, "all sessions");
	site_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aliases),
		cmocka_unit_test(depth),
		cmocka_unit_test(postmaster),
		cmocka_unit_test(the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
