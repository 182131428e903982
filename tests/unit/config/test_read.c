#include "config/suffix.h"
#include "suite.h"

#define FILES(...) ((const struct memory_file[]){__VA_ARGS__, {0}})

static void nothing_at_all(void **state)
{
	/* Protects: F-12: no file, one argument, and every default as DESIGN §7 says. */
	(void)state;
	struct site s;
	site_open_as(&s, (const struct memory_file[]){{0}}, "mail.example.test", "other.example");
	assert_int_equal(s.findings.levels[FINDING_ERROR], 0);
	assert_view(s.config.servername.name, "mail.example.test");
	assert_int_equal(s.config.origins[SETTING_SERVERNAME].kind, ORIGIN_ARGUMENT);
	assert_int_equal(s.config.domain_count, 2);
	assert_view(s.config.domains[0].name.name, "mail.example.test");
	assert_view(s.config.domains[1].name.name, "example.test");
	assert_view(s.config.mailboxes, "/var/lib/sekisho/mail/LOCALPART/");
	assert_int_equal(s.config.numbers[SETTING_SIZELIMIT], 50u << 20);
	assert_int_equal(s.config.network_count, 2);
	assert_true(view_is_empty(s.config.postmaster));
	site_expect(&s, FINDING_WARNING, "", 0, "no user yet");
	site_close(&s);
}

static void servername(void **state)
{
	/* Protects: file, then argument, then system; only a full name will do (F-11, F-12,
	 * F-25). */
	(void)state;
	static const struct {
		const char *file;
		const char *argument;
		const char *system_name;
		const char *wanted; /* null: an error */
		enum origin_kind origin;
		uint32_t errors;
	} cases[] = {
		{"A.Example.test # us\n", "", "c.test", "a.example.test", ORIGIN_FILE, 0},
		{"a.example.test", "b.example.test", "", "a.example.test", ORIGIN_FILE, 0},
		{NULL, "b.example.test", "c.example.test", "b.example.test", ORIGIN_ARGUMENT, 0},
		{"# nothing\n", "b.example.test", "", "b.example.test", ORIGIN_ARGUMENT, 0},
		{NULL, "", "c.example.test", "c.example.test", ORIGIN_SYSTEM, 0},
		{"\xe4\xbe\x8b\xe3\x81\x88.jp", "", "", "xn--r8jz45g.jp", ORIGIN_FILE, 0},
		{NULL, "", "", NULL, ORIGIN_SYSTEM, 1},
		{NULL, "", "myhost", NULL, ORIGIN_SYSTEM, 1},
		{NULL, "", "localhost.localdomain", NULL, ORIGIN_SYSTEM, 1},
		{NULL, "", "a.localhost", NULL, ORIGIN_SYSTEM, 1},
		{NULL, "192.0.2.1", "c.test", NULL, ORIGIN_ARGUMENT, 1},
		{NULL, "no spaces.test", "c.test", NULL, ORIGIN_ARGUMENT, 1},
		{"myhost", "", "c.test", NULL, ORIGIN_FILE, 1},
		{"a.test\nb.test", "c.test", "", NULL, ORIGIN_FILE, 1},
		{"a\x01.test", "c.test", "", NULL, ORIGIN_FILE, 1},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct site s;
		const struct memory_file files[] = {
			{cases[i].file ? "servername" : NULL, cases[i].file, 0}, {0}};
		site_open_as(&s, files, cases[i].argument, cases[i].system_name);
		assert_view(s.config.servername.name, cases[i].wanted ? cases[i].wanted : "");
		assert_int_equal(s.config.origins[SETTING_SERVERNAME].kind, cases[i].origin);
		assert_int_equal(s.findings.levels[FINDING_ERROR], cases[i].errors);
		site_close(&s);
	}
}

static void domains(void **state)
{
	/* Protects: the default takes the parent only when strangers cannot be below it (DESIGN
	 * §7). */
	(void)state;
	static const struct {
		const char *name;
		uint32_t count;
		const char *last;
	} cases[] = {
		{"mail.example.test", 2, "example.test"},
		{"mail.example.org", 2, "example.org"},
		{"example.org", 1, "example.org"},
		{"mail.example.co.jp", 2, "example.co.jp"},
		{"example.co.jp", 1, "example.co.jp"},
		{"a.b.example.org", 2, "b.example.org"},
		{"me.github.io", 1, "me.github.io"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct site s;
		site_open_as(&s, (const struct memory_file[]){{0}}, cases[i].name, "");
		assert_int_equal(s.config.domain_count, cases[i].count);
		assert_view(s.config.domains[cases[i].count - 1].name.name, cases[i].last);
		assert_int_equal(s.config.domains[0].origin.kind, ORIGIN_DEFAULT);
		site_close(&s);
	}
	struct site s;
	site_open(&s, FILES({"domains", "b.test\n# x\nA.test\nb.test\nco.jp\n", 0}));
	assert_int_equal(s.config.domain_count, 3);
	assert_view(s.config.domains[1].name.name, "a.test");
	assert_int_equal(s.config.domains[1].origin.line, 3);
	assert_view(s.snapshot->first_domain.name, "b.test");
	site_expect(&s, FINDING_WARNING, "domains", 4, "stands here twice");
	site_expect(&s, FINDING_WARNING, "domains", 5, "public suffix");
	site_close(&s);
	site_open(&s, FILES({"domains", "ok.test\nnot ok\n", 0}));
	site_expect(&s, FINDING_ERROR, "domains", 2, "not ok");
	site_close(&s);
}

static void networks(void **state)
{
	/* Protects: nobody is let in by a slip: both sides of /8 and /16, and IPv4 hidden in
	 * IPv6. */
	(void)state;
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{"10.0.0.0/8", true},
		{"10.0.0.0/7", false},
		{"0.0.0.0/0", false},
		{"192.0.2.1", true},
		{"2001::/16", true},
		{"2000::/15", false},
		{"::/0", false},
		{"::/16", false},
		{"::/80", false},
		{"::/96", true}, /* the old "compatible" addresses, not the mapped ones */
		{"::ffff:0:0/96", false},
		{"::ffff:10.0.0.0/104", true},
		{"::ffff:10.0.0.0/103", false},
		{"192.0.2.1/24", false},
		{"example.test", false},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct site s;
		site_open(&s, FILES({"networks", cases[i].text, 0}));
		if ((s.findings.levels[FINDING_ERROR] == 0) != cases[i].good)
			fail_msg("%s", cases[i].text);
		assert_int_equal(s.config.network_count, cases[i].good ? 3 : 2);
		site_close(&s);
	}
}

static void mailboxes(void **state)
{
	/* Protects: no template leads out of its tree, and none puts two users into one place. */
	(void)state;
	static const struct {
		const char *text;
		const char *wanted; /* null: an error */
	} cases[] = {
		{"/srv/mail/LOCALPART/", "/srv/mail/LOCALPART/"},
		{"/srv/mail/LOCALPART", "/srv/mail/LOCALPART/"},
		{"/home/LOCALPART/Maildir", "/home/LOCALPART/Maildir/"},
		{"/LOCALPART", "/LOCALPART/"},
		{"/srv/mail/", NULL},
		{"srv/mail/LOCALPART/", NULL},
		{"/srv/../LOCALPART/", NULL},
		{"/srv/./LOCALPART/", NULL},
		{"/srv//LOCALPART/", NULL},
		{"/srv/LOCALPARTS/", NULL},
		{"/srv/xLOCALPART/", NULL},
		{"/LOCALPART/LOCALPART/", NULL},
		{"/", NULL},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct site s;
		site_open(&s, FILES({"mailboxes", cases[i].text, 0}));
		if ((s.findings.levels[FINDING_ERROR] == 0) != (cases[i].wanted != NULL))
			fail_msg("%s", cases[i].text);
		if (cases[i].wanted)
			assert_view(s.config.mailboxes, cases[i].wanted);
		site_close(&s);
	}
	struct view before;
	struct view after;
	assert_true(mailboxes_split(VIEW("/home/LOCALPART/Maildir/"), &before, &after));
	assert_view(before, "/home/");
	assert_view(after, "/Maildir/");
}

static void names_of_files(void **state)
{
	/* Protects: a typo in a file's name is an error that tells what was meant (F-2). */
	(void)state;
	struct site s;
	site_open(&s,
		FILES({"denyform", "x", 0}, {"readme", "x", 0}, {"users~", "x", 0},
			{".users.swp", "x", 0}, {"aliases.bak", "x", 0}, {"users.dpkg-old", "x", 0},
			{"users.new", "x", 0}, {".users.lock", "", 0}));
	site_expect(&s, FINDING_ERROR, "denyform", 0, "did you mean denyfrom?");
	assert_int_equal(s.findings.levels[FINDING_ERROR], 2);
	assert_int_equal(s.findings.levels[FINDING_NOTE], 5);
	site_close(&s);
}

static void numbers(void **state)
{
	/* Protects: a number's file: value, line, remedy; the default stays when it is no good. */
	(void)state;
	struct site s;
	site_open(&s, FILES({"sizelimit", "# small\n512K\n", 0}, {"clientlimit", "0\n", 0},
			      {"duplicatewindow", "1h\n2h\n", 0}, {"freespace", "", 0}));
	assert_int_equal(s.config.numbers[SETTING_SIZELIMIT], 524288);
	assert_int_equal(s.config.origins[SETTING_SIZELIMIT].line, 2);
	assert_int_equal(s.config.numbers[SETTING_CLIENTLIMIT], 50);
	site_expect(&s, FINDING_ERROR, "clientlimit", 1, "\"0\" is not right here");
	site_expect(&s, FINDING_ERROR, "duplicatewindow", 2, "a second value");
	assert_int_equal(s.config.origins[SETTING_FREESPACE].kind, ORIGIN_DEFAULT);
	assert_int_equal(s.findings.levels[FINDING_ERROR], 2);
	site_close(&s);
}

static void users(void **state)
{
	/* Protects: who is a user, whose file it is, and that no finding ever shows a password. */
	(void)state;
	struct site s;
	site_open(&s,
		FILES({"users",
			"# people\nhana:" SCRAM "\ntaro:hunter2\nhana:!\r\njiro:!\nx\x01:hunter2\n"
			"hunter2\n",
			0644}));
	assert_int_equal(s.config.user_count, 3);
	assert_view(s.config.postmaster, "hana");
	site_expect(&s, FINDING_ERROR, "users", 3, "password in clear");
	site_expect(&s, FINDING_ERROR, "users", 4, "stands in line 2 already");
	site_expect(&s, FINDING_ERROR, "users", 6, "control character");
	site_expect(&s, FINDING_ERROR, "users", 7, "no colon");
	site_expect(&s, FINDING_WARNING, "users", 0, "read by everybody");
	assert_null(site_find(&s, "hunter2"));
	site_close(&s);
	site_open(&s, FILES({"users", "hana:!\n", 0600}));
	assert_int_equal(s.findings.levels[FINDING_WARNING], 0);
	site_close(&s);
}

static void bounds_of_files(void **state)
{
	/* Protects: a file that is too large or too long is refused, on both sides of the limit. */
	(void)state;
	const struct setting *row = setting_get(SETTING_SIZELIMIT);
	char *text = malloc(row->octets_max + 2);
	for (int more = 0; more < 2; more++) {
		struct site s;
		memset(text, ' ', row->octets_max + 2);
		for (size_t i = 1; i < 16; i++)
			text[i * 4000] = '\n';
		memcpy(text, "1M\n", 3);
		text[row->octets_max + (size_t)more] = 0;
		site_open(&s, FILES({"sizelimit", text, 0}));
		assert_int_equal(s.findings.levels[FINDING_ERROR], more);
		assert_int_equal(s.config.numbers[SETTING_SIZELIMIT], more ? 50u << 20 : 1u << 20);
		site_close(&s);
		memset(text, '\n', row->lines_max + (size_t)more);
		text[row->lines_max + (size_t)more] = 0;
		site_open(&s, FILES({"sizelimit", text, 0}));
		assert_int_equal(s.findings.levels[FINDING_ERROR], more);
		site_close(&s);
	}
	free(text);
}

static enum error failing_read(void *context, struct view name, struct buffer *out)
{
	(void)context;
	(void)name;
	(void)out;
	return ERROR_DENIED;
}

static void unreadable(void **state)
{
	/* Protects: a setting that cannot be read is an error, never quietly its default. */
	(void)state;
	const struct config_file list[] = {{VIEW("denyfrom"), 0, true}, {VIEW("users"), 0, false}};
	const struct config_files files = {list, 2, failing_read, NULL};
	const struct config_facts facts = {VIEW("mail.example.test"), VIEW_NONE};
	struct site s = {.arena = arena_new(1 << 20)};
	s.findings = findings_new(&s.arena);
	assert_true(config_read(&files, &facts, &s.arena, &s.findings, &s.config));
	site_expect(&s, FINDING_ERROR, "denyfrom", 0, "cannot be read (denied)");
	site_expect(&s, FINDING_ERROR, "users", 0, "no plain file");
	arena_reset(&s.arena);
	s.arena = arena_new(100);
	s.findings = findings_new(&s.arena);
	const struct config_files none = {list, 0, failing_read, NULL};
	assert_false(config_read(&none, &facts, &s.arena, &s.findings, &s.config));
	arena_reset(&s.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_at_all),
		cmocka_unit_test(servername),
		cmocka_unit_test(domains),
		cmocka_unit_test(networks),
		cmocka_unit_test(mailboxes),
		cmocka_unit_test(names_of_files),
		cmocka_unit_test(numbers),
		cmocka_unit_test(users),
		cmocka_unit_test(bounds_of_files),
		cmocka_unit_test(unreadable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
