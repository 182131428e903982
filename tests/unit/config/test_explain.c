#include "config/explain.h"

#include "suite.h"

static const struct memory_file house[] = {
	{"users", "hana:" SCRAM "\ntaro:!\n", 0600},
	{"networks", "10.1.0.0/16\n2001:db8::/32\n", 0},
	{"denyfrom", "# no\nano.net\n", 0},
	{"aliases", "sales: hana, taro\ninfo@example.test: nobody\n", 0},
	{"sizelimit", "1M\n", 0},
	{"denyform", "", 0},
	{0},
};

static void text(void **state)
{
	/* Protects: every setting, its value, where it came from; findings with file, line,
	 * remedy. */
	(void)state;
	static const char *const wanted[] = {
		"servername = mail.example.test (argument)\n",
		"postmaster = hana (default: the first user)\n",
		"denyfrom: 1 (file denyfrom)\n    ano.net (file denyfrom:2)\n",
		"domains: 2 (default)\n    mail.example.test (default: the servername)\n"
		"    example.test (default: the servername without its first label)\n",
		"users: 2 (file users)\n    hana (file users:1)\n    taro (file users:2)\n",
		"mailboxes = /var/lib/sekisho/mail/LOCALPART/ (default)\n",
		"    info@example.test: nobody (file aliases:2)\n    sales: hana, taro (file "
		"aliases:1)\n",
		"    127.0.0.0/8 (default: loopback)\n    ::1 (default: loopback)\n"
		"    10.1.0.0/16 (file networks:1)\n    2001:db8::/32 (file networks:2)\n",
		"sizelimit = 1M (file sizelimit:1)\n",
		"duplicatewindow = 1h (default)\n",
		"denyform: error: is no setting; did you mean denyfrom?; rename or remove it\n",
		"aliases:2: error: info@example.test goes to nobody, which is neither a user nor "
		"an alias; "
		"name a user or an alias\n",
		"2 errors, 0 warnings\n",
	};
	struct site s;
	struct buffer b = buffer_new(1 << 20);
	site_open(&s, house);
	explain_text(&b, &s.config, &s.findings);
	for (size_t i = 0; i < COUNT(wanted); i++)
		if (view_search(buffer_view(&b), view_text(wanted[i])) == VIEW_NOT_FOUND)
			fail_msg("no \"%s\" in\n%.*s", wanted[i], (int)b.length,
				(const char *)b.data);
	assert_int_equal(view_search(buffer_view(&b), VIEW("SCRAM")), VIEW_NOT_FOUND);
	for (size_t i = 0; i < SETTING_COUNT; i++)
		assert_int_not_equal(view_search(buffer_view(&b),
					     view_text(setting_get((enum setting_id)i)->name)),
			VIEW_NOT_FOUND);
	buffer_free(&b);
	site_close(&s);
}

static void json(void **state)
{
	/* Protects: what scripts read: one object, balanced, with numbers, and without secrets. */
	(void)state;
	static const char *const wanted[] = {
		"{\"ok\":false,\"settings\":[{\"name\":\"servername\",\"kind\":\"domain\","
		"\"origin\":\"argument\",\"value\":\"mail.example.test\"}",
		"{\"name\":\"sizelimit\",\"kind\":\"size\",\"origin\":\"file\",\"line\":1,"
		"\"value\":\"1M\",\"number\":1048576}",
		"{\"value\":\"hana\",\"origin\":\"file\",\"line\":1}",
		"\"findings\":[{\"level\":\"error\",\"file\":\"denyform\",\"line\":0,",
		"\"errors\":2,\"warnings\":0,",
	};
	struct site s;
	struct buffer b = buffer_new(1 << 20);
	site_open(&s, house);
	explain_json(&b, &s.config, &s.findings);
	for (size_t i = 0; i < COUNT(wanted); i++)
		if (view_search(buffer_view(&b), view_text(wanted[i])) == VIEW_NOT_FOUND)
			fail_msg("no \"%s\" in\n%.*s", wanted[i], (int)b.length,
				(const char *)b.data);
	assert_int_equal(view_search(buffer_view(&b), VIEW("SCRAM")), VIEW_NOT_FOUND);
	int depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < b.length; i++) {
		const uint8_t c = b.data[i];
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted)
			depth += (c == '{' || c == '[') - (c == '}' || c == ']');
	}
	assert_int_equal(depth, 0);
	assert_false(quoted);
	buffer_free(&b);
	site_close(&s);
}

static void long_lists(void **state)
{
	/* Protects: people see a page; both sides of EXPLAIN_LIST_MAX. */
	(void)state;
	for (int more = 0; more < 2; more++) {
		char users[1000] = "";
		for (int i = 0; i < EXPLAIN_LIST_MAX + more; i++)
			snprintf(users + strlen(users), 20, "u%d:!\n", i);
		const struct memory_file files[] = {{"users", users, 0600}, {0}};
		struct site s;
		struct buffer b = buffer_new(1 << 20);
		site_open(&s, files);
		explain_text(&b, &s.config, &s.findings);
		assert_int_equal(
			view_search(buffer_view(&b), VIEW("    and 1 more\n")) != VIEW_NOT_FOUND,
			more);
		buffer_free(&b);
		site_close(&s);
	}
}

static void manual(void **state)
{
	/* Protects: the page has each setting with its default and bounds, and no stray request. */
	(void)state;
	struct buffer b = buffer_new(1 << 20);
	settings_man(&b);
	assert_false(buffer_failed(&b));
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		char head[60];
		snprintf(head, sizeof head, ".SS %s\n", setting_get((enum setting_id)i)->name);
		assert_int_not_equal(view_search(buffer_view(&b), view_text(head)), VIEW_NOT_FOUND);
	}
	assert_int_not_equal(
		view_search(buffer_view(&b), VIEW("50M; from 64K to 2G.\n")), VIEW_NOT_FOUND);
	buffer_free(&b);
}

static void manual_on_disk(void **state)
{
	/* Protects: the page in docs/man is the one that the table of settings makes. */
	(void)state;
	char path[4096];
	static char text[1 << 16];
	struct buffer b = buffer_new(1 << 20);
	const char *source = getenv("SEKISHO_SOURCE");
	snprintf(path, sizeof path, "%s/docs/man/sekisho-settings.5", source ? source : ".");
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	const size_t length = fread(text, 1, sizeof text, file);
	fclose(file);
	settings_man(&b);
	assert_int_equal(length, b.length);
	assert_memory_equal(text, b.data, length);
	buffer_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text),
		cmocka_unit_test(json),
		cmocka_unit_test(long_lists),
		cmocka_unit_test(manual),
		cmocka_unit_test(manual_on_disk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
