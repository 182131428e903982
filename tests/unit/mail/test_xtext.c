/* mail/xtext.h: ENVID and ORCPT; protocol/smtp_params has the dialogues. */
#include "mail/xtext.h"

#include "suite.h"

static void assert_decodes(enum error (*decode)(struct view, struct arena *, struct view *),
	const char *text, const char *wanted)
{
	struct arena a = arena_new(4096);
	struct view out = VIEW_NONE;
	const enum error error = decode(view_text(text), &a, &out);
	assert_int_equal(error, wanted ? ERROR_NONE : ERROR_SYNTAX);
	if (wanted)
		assert_view(out, wanted);
	arena_reset(&a);
}

static void xtext(void **state)
{
	(void)state;
	assert_decodes(xtext_decode, "a+2Bb", "a+b");
	assert_decodes(xtext_decode, "+20+7E", " ~");
	assert_decodes(xtext_decode, "", "");
	static const char *const bad[] = {
		"a=b", "+", "+2", "+zz", "+1F", "+7F", "\x7f", "\x1f", "\xc3\xa4"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_decodes(xtext_decode, bad[i], NULL);
}

static void unitext(void **state)
{
	(void)state;
	assert_decodes(unitext_decode, "\\x{82B1}@x", "\xe8\x8a\xb1@x");
	assert_decodes(unitext_decode, "\xe8\x8a\xb1@x\\x{5C}", "\xe8\x8a\xb1@x\\");
	assert_decodes(unitext_decode, "\\x{10FFFF}", "\xf4\x8f\xbf\xbf");
	static const char *const bad[] = {"\\x{110000}", "\\x{D800}", "\\x{1F}", "\\x{7F}", "\\x{",
		"\\", "\\x{}", "\\x{0000000}", "\xff"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_decodes(unitext_decode, bad[i], NULL);
}

static void at_the_cap(void **state)
{
	(void)state;
	static uint8_t many[8192];
	struct arena a = arena_new(4096);
	struct view out;
	memset(many, 'x', sizeof many);
	assert_int_equal(xtext_decode(view_of(many, sizeof many), &a, &out), ERROR_MEMORY);
	assert_int_equal(unitext_decode(view_of(many, sizeof many), &a, &out), ERROR_MEMORY);
	arena_reset(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xtext),
		cmocka_unit_test(unitext),
		cmocka_unit_test(at_the_cap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
