#include "config/aliases.h"

#include "suite.h"

struct parsed {
	struct arena arena;
	struct findings findings;
	struct config_aliases all;
};

static void parse(struct parsed *p, const char *text)
{
	*p = (struct parsed){.arena = arena_new(1 << 20)};
	p->findings = findings_new(&p->arena);
	assert_true(
		aliases_parse(view_text(text), VIEW("aliases"), &p->findings, &p->arena, &p->all));
}

static void print(struct buffer *b, const struct config_aliases *all)
{
	for (uint32_t i = 0; i < all->count; i++) {
		text_add(b, "{}@{}:", text_view(all->aliases[i].local),
			text_view(all->aliases[i].domain.name));
		for (uint32_t d = 0; d < all->aliases[i].count; d++) {
			const struct alias_destination *to =
				&all->destinations[all->aliases[i].first + d];
			text_add(b, " {}@{}", text_view(to->local), text_view(to->domain.name));
		}
		text_add(b, ";");
	}
}

static void good(void **state)
{
	/* Protects: the forms of a line: lists, goings-on, tags, one domain only (F-13). */
	(void)state;
	static const struct {
		const char *text;
		const char *wanted;
	} cases[] = {
		{"", ""},
		{"sales: hana", "sales@: hana@;"},
		{"sales:hana,taro", "sales@: hana@ taro@;"},
		{"Sales: Hana , TARO", "sales@: hana@ taro@;"},
		{"sales: hana,\n  taro\n\n# note\n\tjiro+x # z\n", "sales@: hana@ taro@ jiro+x@;"},
		{"sales:\n hana\n", "sales@: hana@;"},
		{"sales: hana\n  taro\n", "sales@: hana@ taro@;"},
		{"b: x\na: y\na@a.test: z\n", "a@: y@;a@a.test: z@;b@: x@;"},
		{"info@Example.TEST: hana@Example.TEST", "info@example.test: hana@example.test;"},
		{"hana+news: taro", "hana+news@: taro@;"},
		{"a: \"b\"@example.test", "a@: b@example.test;"},
		{"\xe8\x8a\xb1: hana", "\xe8\x8a\xb1@: hana@;"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct parsed p;
		struct buffer b = buffer_new(1000);
		parse(&p, cases[i].text);
		print(&b, &p.all);
		assert_view(buffer_view(&b), cases[i].wanted);
		assert_int_equal(p.findings.count, 0);
		buffer_free(&b);
		arena_reset(&p.arena);
	}
}

static void bad(void **state)
{
	/* Protects: what is refused, with its line; programs and files always (F-24). */
	(void)state;
	static const struct {
		const char *text;
		uint32_t line;
		const char *says;
	} cases[] = {
		{"a: |/bin/prog", 1, "is refused"},
		{"a: \"|/bin/prog arg, arg\"", 1, "is refused"},
		{"a: \\|prog", 1, "is refused"},
		{"a: b\n  , |prog", 2, "is refused"},
		{"a: /var/mail/x", 1, "is refused"},
		{"a: \"/var/mail/x\"", 1, "is refused"},
		{"a: ~/mbox", 1, "is refused"},
		{"a: :include:/etc/list", 1, "is refused"},
		{"a: :INCLUDE:/etc/list", 1, "is refused"},
		{"sales hana", 1, "has no colon"},
		{": hana", 1, "is no name for an alias"},
		{"@example.test: hana", 1, "is no name for an alias"},
		{"a%b: hana", 1, "is no name for an alias"},
		{"a!b: hana", 1, "is no name for an alias"},
		{"\"a@b\"@example.test: hana", 1, "is no name for an alias"},
		{"a@-x-: hana", 1, "is no name for an alias"},
		{" hana", 1, "no alias stands before it"},
		{"a:", 1, "has no destination"},
		{"a: ,,", 1, "has no destination"},
		{"a: b c", 1, "is no local name and no address"},
		{"a: b@[192.0.2.1]", 1, "is no local name and no address"},
		{"a: b@", 1, "is no local name and no address"},
		{"a: x\nb: x\nA: y", 3, "stands in line 1 already"},
		{"a: x\n\xff: y", 2, "not UTF-8"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct parsed p;
		parse(&p, cases[i].text);
		const struct finding *f = p.findings.first;
		if (!f || f->line != cases[i].line ||
			view_search(f->text, view_text(cases[i].says)) == VIEW_NOT_FOUND)
			fail_msg("\"%s\": %.*s", cases[i].text, f ? (int)f->text.length : 0,
				f ? (const char *)f->text.at : "");
		assert_int_equal(f->level, FINDING_ERROR);
		arena_reset(&p.arena);
	}
}

static void bounded(void **state)
{
	/* Protects: a flood of garbage gives a page of findings, and a small arena a clean
	 * failure. */
	(void)state;
	struct buffer b = buffer_new(1 << 20);
	for (int i = 0; i < 5000; i++)
		buffer_add(&b, VIEW("garbage\n"));
	struct arena a = arena_new(1 << 20);
	struct findings f = findings_new(&a);
	struct config_aliases all;
	assert_true(aliases_parse(buffer_view(&b), VIEW("aliases"), &f, &a, &all));
	assert_int_equal(f.count, FINDINGS_MAX);
	assert_int_equal(f.levels[FINDING_ERROR], 5000);
	arena_reset(&a);
	a = arena_new(1000);
	f = findings_new(&a);
	assert_false(aliases_parse(buffer_view(&b), VIEW("aliases"), &f, &a, &all));
	arena_reset(&a);
	buffer_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
		cmocka_unit_test(bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
