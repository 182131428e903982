#include "config/resolving.h"

#include "suite.h"

#define DS "31589 13 2 cde0d742d6998aa554a92d890f8184c698cfac8a26fa59875a990c03e576343c"

static void nameservers(void **state)
{
	/* Protects: an address and a port in any spelling come to one form; nothing else does. */
	(void)state;
	static const char *const cases[][2] = {{"192.0.2.53", "192.0.2.53@53"},
		{"192.0.2.53#5353", "192.0.2.53@5353"}, {"2001:DB8:0::53", "2001:db8::53@53"},
		{"2001:db8::53#1", "2001:db8::53@1"}, {"192.0.2.53#65535", "192.0.2.53@65535"},
		{"192.0.2.53#65536", NULL}, {"192.0.2.53#0", NULL}, {"192.0.2.53#", NULL},
		{"192.0.2.53#053", NULL}, {"192.0.2.53@53", NULL}, {"192.0.2.53:53", NULL},
		{"ns.example.org", NULL}, {"192.0.2.256", NULL}, {"fe80::1%eth0", NULL}, {"", NULL},
		{"#53", NULL}, {"192.0.2.53 53", NULL}};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena a = arena_new(4096);
		struct view normal = VIEW_NONE;
		const bool taken = nameserver_parse(view_text(cases[i][0]), &a, &normal);
		if (taken != (cases[i][1] != NULL))
			fail_msg("\"%s\"", cases[i][0]);
		if (taken) {
			assert_view(normal, cases[i][1]);
			assert_true(nameserver_is_sound(normal));
		}
		arena_reset(&a);
	}
	static const char *const unsound[] = {"192.0.2.53", "192.0.2.53@053", "2001:DB8::1@53",
		"192.0.2.53@0", "192.0.2.53@53 ", "@53"};
	for (size_t i = 0; i < COUNT(unsound); i++)
		assert_false(nameserver_is_sound(view_text(unsound[i])));
}

static void anchors(void **state)
{
	/* Protects: records as zone files and Debian's root.key have them come to one form; what libunbound
	 * would stumble over is refused before it gets there. */
	(void)state;
	static const char *const cases[][2] = {{"example.org. IN DS " DS, "example.org. IN DS " DS},
		{"Example.ORG 3600 in ds " DS, "example.org. IN DS " DS},
		{"example.org.\t3600\tIN\tDS\t31589 13 2 cde0 d742 ; comment",
			"example.org. IN DS 31589 13 2 cde0d742"},
		{". IN DNSKEY 257 3 8 AwEA+/a= ; keytag 20326", ". IN DNSKEY 257 3 8 AwEA+/a="},
		{". DNSKEY 257 3 8 AwEA AAA", ". IN DNSKEY 257 3 8 AwEAAAA"},
		{". IN DS 1 2 3 xyz", NULL}, {". IN DS 1 2 3", NULL}, {". IN DS 1 2", NULL},
		{". IN DS 65536 2 3 ab", NULL}, {". IN DS 1 256 3 ab", NULL},
		{". IN A 192.0.2.1", NULL}, {".. IN DS 1 2 3 ab", NULL},
		{"a..b IN DS 1 2 3 ab", NULL}, {"a;b IN DS 1 2 3 ab", NULL}, {"", NULL},
		{".", NULL}, {"; nothing", NULL}, {". IN DNSKEY 257 3 8 Aw(EA)", NULL},
		{"$INCLUDE /etc/passwd", NULL}};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena a = arena_new(8192);
		struct view normal = VIEW_NONE;
		const bool taken = anchor_parse(view_text(cases[i][0]), &a, &normal);
		if (taken != (cases[i][1] != NULL))
			fail_msg("\"%s\" %.*s", cases[i][0], (int)normal.length,
				(const char *)normal.at);
		if (taken) {
			assert_view(normal, cases[i][1]);
			assert_true(anchor_is_sound(normal));
		}
		arena_reset(&a);
	}
	for (size_t more = 0; more < 2; more++) {
		char line[ANCHOR_OCTETS_MAX + 2];
		struct arena a = arena_new(8192);
		struct view normal;
		memset(line, 'A', sizeof line);
		memcpy(line, ". IN DNSKEY 257 3 8 ", 20);
		line[ANCHOR_OCTETS_MAX + more] = 0;
		assert_int_equal(anchor_parse(view_text(line), &a, &normal), !more);
		arena_reset(&a);
	}
}

static void open_with(
	struct site *s, const struct memory_file *files, const char *resolv, const char *root)
{
	*s = (struct site){.arena = arena_new(CONFIG_ARENA_MAX), .memory = files};
	s->findings = findings_new(&s->arena);
	for (; files[s->count].name; s->count++)
		s->files[s->count] = (struct config_file){view_text(files[s->count].name), 0, true};
	const struct config_files all = {s->files, s->count, site_read, s};
	const struct config_facts facts = {.argument = VIEW("mail.example.test"),
		.resolv_conf = view_text(resolv),
		.root_anchors = view_text(root)};
	assert_true(config_read(&all, &facts, &s->arena, &s->findings, &s->config));
	s->blob = buffer_new(SNAPSHOT_MAX);
	snapshot_encode(&s->config, SNAPSHOT_FOR_RESOLVE, 7, &s->blob);
	s->snapshot = snapshot_decode(buffer_view(&s->blob), NULL, NULL);
	assert_non_null(s->snapshot);
}

static void defaults(void **state)
{
	/* Protects: without settings the machine's own files count, and the program gets what they say. */
	(void)state;
	static const struct memory_file none[] = {{0}};
	struct site s;
	open_with(&s, none,
		"# made by somebody\nsearch example.org\nnameserver 192.0.2.1\nnameserver "
		"fe80::1%eth0\n"
		"nameserver\t2001:db8::1\noptions edns0\nnameserver 192.0.2.3\nnameserver "
		"192.0.2.4\n",
		". IN DS " DS "\nnonsense\n. IN DS 1 2 3 ab ; old\n");
	assert_int_equal(s.snapshot->nameserver_count, 3); /* as many as the C library asks */
	assert_view(s.snapshot->nameservers[1], "2001:db8::1@53");
	assert_view(s.snapshot->nameservers[2], "192.0.2.3@53");
	assert_int_equal(s.snapshot->anchor_count, 2);
	assert_view(s.snapshot->anchors[1], ". IN DS 1 2 3 ab");
	assert_string_equal(s.config.origins[SETTING_NAMESERVERS].why, "from /etc/resolv.conf");
	site_close(&s);
	open_with(&s, none, "", "");
	assert_int_equal(s.snapshot->nameserver_count + s.snapshot->anchor_count, 0);
	assert_string_equal(s.config.origins[SETTING_NAMESERVERS].why, "from the root down");
	site_close(&s);
}

static void settings(void **state)
{
	/* Protects: a setting replaces what the machine says, wholly; its word for "none" stands alone. */
	(void)state;
	static const struct memory_file own[] = {{"nameservers", "192.0.2.53#5353\n", 0},
		{"trustanchors", "example.org. DS " DS "\n", 0}, {0}};
	static const struct memory_file words[] = {
		{"nameservers", "recursive\n", 0}, {"trustanchors", "none\n", 0}, {0}};
	static const struct memory_file both[] = {{"nameservers", "recursive\n192.0.2.1\n", 0},
		{"trustanchors", "none\n. DS " DS "\n", 0}, {0}};
	struct site s;
	open_with(&s, own, "nameserver 192.0.2.1\n", ". IN DS " DS "\n");
	assert_int_equal(s.snapshot->nameserver_count, 1);
	assert_view(s.snapshot->nameservers[0], "192.0.2.53@5353");
	assert_int_equal(s.snapshot->anchor_count, 1);
	assert_view(s.snapshot->anchors[0], "example.org. IN DS " DS);
	site_close(&s);
	open_with(&s, words, "nameserver 192.0.2.1\n", ". IN DS " DS "\n");
	assert_int_equal(s.snapshot->nameserver_count + s.snapshot->anchor_count, 0);
	assert_false(findings_have_error(&s.findings));
	site_close(&s);
	open_with(&s, both, "", "");
	assert_non_null(site_find(&s, "holds the word recursive and something else"));
	assert_non_null(site_find(&s, "holds the word none and something else"));
	site_close(&s);
	for (unsigned more = 0; more < 2; more++) {
		char text[400] = "";
		for (unsigned i = 0; i < NAMESERVERS_MAX + more; i++)
			sprintf(text + strlen(text), "192.0.2.%u\n", i + 1);
		const struct memory_file many[] = {{"nameservers", text, 0}, {0}};
		open_with(&s, many, "", "");
		assert_int_equal(findings_have_error(&s.findings), more);
		assert_int_equal(s.snapshot->nameserver_count, NAMESERVERS_MAX);
		site_close(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nameservers), cmocka_unit_test(anchors),
		cmocka_unit_test(defaults), cmocka_unit_test(settings)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
