#include "suite.h"

#define KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define SALT "c2FsdHNhbHRzYWx0"
#define NAME_64 "a23456789b23456789c23456789d23456789e23456789f23456789g23456789h"
#define BCRYPT "$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"

static void names(void **state)
{
	/* Protects: a user's name is a safe name of a directory, whatever else it is. */
	(void)state;
	static const struct {
		const char *name;
		enum user_problem user;
		enum user_problem alias;
	} cases[] = {
		{"hana", USER_OK, USER_OK}, {"h.a-n_a9", USER_OK, USER_OK},
		{"a..b", USER_OK, USER_OK}, {"ab.", USER_OK, USER_OK}, {NAME_64, USER_OK, USER_OK},
		{NAME_64 "x", USER_NAME_LONG, USER_NAME_LONG}, {"\xe8\x8a\xb1", USER_OK, USER_OK},
		{"", USER_NAME_EMPTY, USER_NAME_EMPTY}, {".", USER_NAME_START, USER_NAME_START},
		{"..", USER_NAME_START, USER_NAME_START},
		{".hana", USER_NAME_START, USER_NAME_START},
		{"-rf", USER_NAME_START, USER_NAME_START}, {"Hana", USER_NAME_OCTET, USER_OK},
		{"hana+x", USER_NAME_OCTET, USER_OK}, {"o'neil", USER_NAME_OCTET, USER_OK},
		{"r&d", USER_NAME_OCTET, USER_OK}, {"a/b", USER_NAME_OCTET, USER_NAME_OCTET},
		{"a b", USER_NAME_OCTET, USER_NAME_OCTET},
		{"a%b", USER_NAME_OCTET, USER_NAME_OCTET},
		{"a!b", USER_NAME_OCTET, USER_NAME_OCTET},
		{"a@b", USER_NAME_OCTET, USER_NAME_OCTET},
		{"a:b", USER_NAME_OCTET, USER_NAME_OCTET},
		{"a\\b", USER_NAME_OCTET, USER_NAME_OCTET},
		{"a|b", USER_NAME_OCTET, USER_NAME_OCTET},
		{"a\x01", USER_NAME_OCTET, USER_NAME_OCTET},
		{"a\x7f", USER_NAME_OCTET, USER_NAME_OCTET},
		{"a\xff", USER_NAME_OCTET, USER_NAME_OCTET},
		{"a\xc2\x85", USER_NAME_OCTET, USER_NAME_OCTET}, /* U+0085, a control */
		{"a\xc2\xa0", USER_NAME_OCTET, USER_NAME_OCTET}, /* no-break space */
		{"a\xe2\x80\x8b", USER_NAME_OCTET, USER_NAME_OCTET}, /* zero-width space */
		{"a\xe2\x80\xae", USER_NAME_OCTET, USER_NAME_OCTET}, /* right-to-left override */
		{"a\xe3\x80\x80", USER_NAME_OCTET, USER_NAME_OCTET}, /* ideographic space */
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct view name = view_text(cases[i].name);
		if (user_name_check(name) != cases[i].user ||
			user_alias_check(name) != cases[i].alias)
			fail_msg("\"%s\"", cases[i].name);
	}
}

static void verifiers(void **state)
{
	/* Protects: malformed verifiers and clear passwords are found before anybody logs in. */
	(void)state;
	static const struct {
		const char *text;
		enum user_problem problem;
	} cases[] = {
		{SCRAM, USER_OK},
		{"{SCRAM-SHA-256}10000000," SALT "," KEY "," KEY, USER_OK},
		{"!", USER_OK},
		{BCRYPT, USER_OK},
		{"$y$j9T$abcdefghijkl$abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", USER_OK},
		{"$argon2id$v=19$m=65536,t=2,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", USER_OK},
		{"", USER_VERIFIER_EMPTY},
		{"secret", USER_VERIFIER_KIND},
		{"$1$old$md5md5md5md5md5md5md5md5", USER_VERIFIER_KIND},
		{"*", USER_VERIFIER_KIND},
		{"!!", USER_VERIFIER_KIND},
		{"{SCRAM-SHA-1}4096," SALT "," KEY "," KEY, USER_VERIFIER_KIND},
		{"{SCRAM-SHA-256}4095," SALT "," KEY "," KEY, USER_VERIFIER_FORM},
		{"{SCRAM-SHA-256}10000001," SALT "," KEY "," KEY, USER_VERIFIER_FORM},
		{"{SCRAM-SHA-256}4096," SALT "," KEY, USER_VERIFIER_FORM},
		{"{SCRAM-SHA-256}4096," SALT "," KEY "," KEY ",x", USER_VERIFIER_FORM},
		{"{SCRAM-SHA-256}4096,c2FsdA==," KEY "," KEY, USER_VERIFIER_FORM},
		{"{SCRAM-SHA-256}4096,," KEY "," KEY, USER_VERIFIER_FORM},
		{"{SCRAM-SHA-256}4096," SALT ",AAAA," KEY, USER_VERIFIER_FORM},
		{"{SCRAM-SHA-256}4096," SALT "," KEY ",****", USER_VERIFIER_FORM},
		{"$2b$12$short", USER_VERIFIER_FORM},
		{"$6$salt with "
		 "space$................................................................"
		 "......................",
			USER_VERIFIER_FORM},
	};
	char large[USER_VERIFIER_MAX + 2] = {0};
	for (size_t i = 0; i < COUNT(cases); i++)
		if (user_verifier_check(view_text(cases[i].text)) != cases[i].problem)
			fail_msg("\"%s\"", cases[i].text);
	memset(large, 'a', sizeof large - 1);
	memcpy(large, "$6$", 3);
	assert_int_equal(user_verifier_check(view_text(large)), USER_VERIFIER_LONG);
	large[USER_VERIFIER_MAX] = 0;
	assert_int_equal(user_verifier_check(view_text(large)), USER_OK);
}

#define HASH86 \
	"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ./abcdefghijklmnopqrstuvw"
#define ARGON2_END ",p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"

static void costs_of_imported(void **state)
{
	/* Protects: a hash that keeps a thread of auth busy for minutes is refused when it is read, or
	 * any stranger could use it; both sides of each bound. */
	(void)state;
	static const struct {
		const char *text;
		enum user_problem problem;
	} cases[] = {
		{"$2b$14$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234", USER_OK},
		{"$2b$15$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
			USER_VERIFIER_COST},
		{"$2y$xx$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
			USER_VERIFIER_COST},
		{"$6$salt$" HASH86, USER_OK},
		{"$6$rounds=1000000$salt$" HASH86, USER_OK},
		{"$6$rounds=1000001$salt$" HASH86, USER_VERIFIER_COST},
		{"$5$rounds=99999999999$salt$" HASH86, USER_VERIFIER_COST},
		{"$6$rounds=$salt$" HASH86, USER_VERIFIER_COST},
		{"$y$j75$abcdefghijkl$" HASH86, USER_OK},
		{"$y$jDT$abcdefghijkl$" HASH86, USER_OK},
		{"$y$jET$abcdefghijkl$" HASH86, USER_VERIFIER_COST},
		{"$y$jDU$abcdefghijkl$" HASH86, USER_VERIFIER_COST},
		{"$y$k9T$abcdefghijkl$" HASH86, USER_VERIFIER_COST},
		{"$argon2id$v=19$m=262144,t=4" ARGON2_END, USER_OK},
		{"$argon2id$v=19$m=262144,t=5" ARGON2_END, USER_VERIFIER_COST},
		{"$argon2id$v=19$m=8,t=16" ARGON2_END, USER_OK},
		{"$argon2id$v=19$m=8,t=17" ARGON2_END, USER_VERIFIER_COST},
		{"$argon2id$m=8,t=1" ARGON2_END, USER_VERIFIER_COST},
	};
	for (size_t i = 0; i < COUNT(cases); i++)
		if (user_verifier_check(view_text(cases[i].text)) != cases[i].problem)
			fail_msg("\"%s\"", cases[i].text);
}

static void lines_of_users(void **state)
{
	/* Protects: how a line splits; a verifier may hold colons no more than a name. */
	(void)state;
	struct config_user user;
	assert_int_equal(user_parse(VIEW("hana:" SCRAM), 3, &user), USER_OK);
	assert_view(user.name, "hana");
	assert_view(user.verifier, SCRAM);
	assert_int_equal(user.line, 3);
	assert_int_equal(user_parse(VIEW("hana : !"), 3, &user), USER_OK);
	assert_int_equal(user_parse(VIEW("hana"), 3, &user), USER_NO_COLON);
	assert_int_equal(user_parse(VIEW("hana:"), 3, &user), USER_VERIFIER_EMPTY);
	assert_int_equal(user_parse(VIEW(":!"), 3, &user), USER_NAME_EMPTY);
	assert_int_equal(user_parse(VIEW("hana:" BCRYPT ":x"), 3, &user), USER_VERIFIER_FORM);
	struct user_scram scram;
	assert_true(user_scram_parse(VIEW(SCRAM), &scram));
	assert_int_equal(scram.iterations, 4096);
	assert_view(scram.salt, SALT);
	assert_view(scram.server_key, KEY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(verifiers),
		cmocka_unit_test(costs_of_imported),
		cmocka_unit_test(lines_of_users),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
