#include "suite.h"

static void rows_are_whole(void **state)
{
	/* Protects: each setting says what it is, holds its own default, and is found by its
	 * name. */
	(void)state;
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		const struct setting *s = setting_get((enum setting_id)i);
		assert_ptr_equal(setting_find(view_text(s->name)), s);
		assert_non_null(s->help);
		assert_non_null(s->format);
		assert_non_null(s->remedy);
		assert_non_null(s->example);
		assert_true(s->octets_max > 0 && s->lines_max > 0);
		if (setting_is_number(s))
			assert_true(s->min <= s->number && s->number <= s->max);
		else
			assert_non_null(s->absent);
	}
	assert_null(setting_find(VIEW("Servername")));
	assert_null(setting_find(VIEW("")));
}

static void examples_are_right(void **state)
{
	/* Protects: what the manual shows can be copied: all examples together check out. */
	(void)state;
	struct memory_file files[SETTING_COUNT + 1] = {{0}};
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		const struct setting *s = setting_get((enum setting_id)i);
		files[i] = (struct memory_file){s->name, s->example, 0600};
		if (s->id == SETTING_USERS)
			files[i].text = "hana:" SCRAM "\ntaro:!\n";
	}
	struct site site;
	site_open(&site, files);
	assert_int_equal(site.findings.levels[FINDING_ERROR], 0);
	site_close(&site);
	struct config_user parsed;
	struct lines lines = lines_of(view_text(setting_get(SETTING_USERS)->example));
	struct line line;
	while (lines_next(&lines, &line))
		assert_int_equal(user_parse(line.text, line.number, &parsed), USER_OK);
}

static void numbers(void **state)
{
	/* Protects: units, and both sides of each bound (F-6: sizelimit accepts octets or 512K,
	 * 50M). */
	(void)state;
	static const struct {
		enum setting_id id;
		const char *text;
		bool good;
		uint64_t n;
		const char *printed;
	} cases[] = {
		{SETTING_SIZELIMIT, "512K", true, 524288, "512K"},
		{SETTING_SIZELIMIT, "524288", true, 524288, "512K"},
		{SETTING_SIZELIMIT, "50m", true, 52428800, "50M"},
		{SETTING_SIZELIMIT, "1G", true, 1073741824, "1G"},
		{SETTING_SIZELIMIT, "65536", true, 65536, "64K"},
		{SETTING_SIZELIMIT, "65537", true, 65537, "65537"},
		{SETTING_SIZELIMIT, "65535", false, 0, NULL},
		{SETTING_SIZELIMIT, "2G", true, 2147483648u, "2G"},
		{SETTING_SIZELIMIT, "2147483649", false, 0, NULL},
		{SETTING_SIZELIMIT, "3G", false, 0, NULL},
		{SETTING_SIZELIMIT, "18446744073709551616G", false, 0, NULL},
		{SETTING_SIZELIMIT, "17179869185G", false, 0, NULL},
		{SETTING_SIZELIMIT, "", false, 0, NULL},
		{SETTING_SIZELIMIT, "M", false, 0, NULL},
		{SETTING_SIZELIMIT, "-1", false, 0, NULL},
		{SETTING_SIZELIMIT, "1.5M", false, 0, NULL},
		{SETTING_SIZELIMIT, "50MB", false, 0, NULL},
		{SETTING_SIZELIMIT, "50h", false, 0, NULL},
		{SETTING_RECIPIENTLIMIT, "100", true, 100, "100"},
		{SETTING_RECIPIENTLIMIT, "99", false, 0, NULL},
		{SETTING_RECIPIENTLIMIT, "10000", true, 10000, "10000"},
		{SETTING_RECIPIENTLIMIT, "10001", false, 0, NULL},
		{SETTING_RECIPIENTLIMIT, "1K", false, 0, NULL},
		{SETTING_SESSIONLIMIT, "10", true, 10, "10"},
		{SETTING_SESSIONLIMIT, "9", false, 0, NULL},
		{SETTING_SESSIONLIMIT, "1000000", true, 1000000, "1000000"},
		{SETTING_SESSIONLIMIT, "1000001", false, 0, NULL},
		{SETTING_CLIENTLIMIT, "1", true, 1, "1"},
		{SETTING_CLIENTLIMIT, "0", false, 0, NULL},
		{SETTING_FREESPACE, "1M", true, 1048576, "1M"},
		{SETTING_FREESPACE, "1048575", false, 0, NULL},
		{SETTING_FREESPACE, "1024G", true, 1099511627776u, "1024G"},
		{SETTING_FREESPACE, "1025G", false, 0, NULL},
		{SETTING_DUPLICATEWINDOW, "0", true, 0, "0"},
		{SETTING_DUPLICATEWINDOW, "10s", true, 10, "10s"},
		{SETTING_DUPLICATEWINDOW, "5m", true, 300, "5m"},
		{SETTING_DUPLICATEWINDOW, "3h", true, 10800, "3h"},
		{SETTING_DUPLICATEWINDOW, "7d", true, 604800, "7d"},
		{SETTING_DUPLICATEWINDOW, "8d", false, 0, NULL},
		{SETTING_DUPLICATEWINDOW, "604801s", false, 0, NULL},
		{SETTING_DUPLICATEWINDOW, "60", false, 0, NULL}, /* of what? */
		{SETTING_REPORTCOPIES, "yes", true, 1, "yes"},
		{SETTING_REPORTCOPIES, "no", true, 0, "no"},
		{SETTING_REPORTCOPIES, "1", false, 0, NULL},
		{SETTING_REPORTCOPIES, "Yes", false, 0, NULL},
		{SETTING_REPORTCOPIES, "", false, 0, NULL},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct setting *s = setting_get(cases[i].id);
		struct buffer b = buffer_new(40);
		uint64_t n;
		if (setting_parse_number(s, view_text(cases[i].text), &n) != cases[i].good)
			fail_msg("%s \"%s\"", s->name, cases[i].text);
		assert_int_equal(n, cases[i].n);
		if (cases[i].good) {
			setting_add_number(&b, s, n);
			assert_view(buffer_view(&b), cases[i].printed);
		}
		buffer_free(&b);
	}
}

static void nearest(void **state)
{
	/* Protects: a slip in a file's name is told with the name that was meant (F-2). */
	(void)state;
	static const struct {
		const char *name;
		const char *near;
	} cases[] = {
		{"server-name", "servername"},
		{"servernam", "servername"},
		{"SERVERNAME", "servername"},
		{"user", "users"},
		{"usres", "users"},
		{"alias", "aliases"},
		{"denyform", "denyfrom"},
		{"size_limit", "sizelimit"},
		{"network", "networks"},
		{"readme", NULL},
		{"x", NULL},
		{"", NULL},
		{"a-name-that-is-longer-than-any-setting-is", NULL},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct setting *s = setting_nearest(view_text(cases[i].name));
		if (!cases[i].near)
			assert_null(s);
		else
			assert_string_equal(s ? s->name : "none", cases[i].near);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_whole),
		cmocka_unit_test(examples_are_right),
		cmocka_unit_test(numbers),
		cmocka_unit_test(nearest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
