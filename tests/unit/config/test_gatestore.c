#include "config/gatestore.h"

#include "suite.h"

#define PATH_107                                             \
	"/a23456789/b23456789/c23456789/d23456789/e23456789" \
	"/f23456789/g23456789/h23456789/i23456789/j23456789/k23456"
#define WORD_255                                                           \
	"a234567890123456789012345678901234567890123456789012345678901234" \
	"b234567890123456789012345678901234567890123456789012345678901234" \
	"c234567890123456789012345678901234567890123456789012345678901234" \
	"d23456789012345678901234567890123456789012345678901234567890123"

static void stores(void **state)
{
	/* Protects: each store has one form, which is read as the same; what is none is refused; limits on both sides. */
	static const struct {
		const char *text;
		const char *form; /* null: refused */
	} cases[] = {
		{"/run/popkey", "/run/popkey"},
		{"/run/popkey/", "/run/popkey"},
		{PATH_107, PATH_107},
		{PATH_107 "7", NULL},
		{"/", NULL},
		{"/run//popkey", NULL},
		{"/run/./popkey", NULL},
		{"/run/../popkey", NULL},
		{"/run/pop key", NULL},
		{"run/popkey", NULL},
		{"", NULL},
		{"redis://192.0.2.5", "redis://192.0.2.5:6379/0"},
		{"redis://localhost/3", "redis://127.0.0.1:6379/3"},
		{"redis://192.0.2.5:1/1023", "redis://192.0.2.5:1/1023"},
		{"redis://192.0.2.5:65535/", "redis://192.0.2.5:65535/0"},
		{"redis://[2001:db8::5]:6380", "redis://[2001:db8::5]:6380/0"},
		{"redis://192.0.2.5:0", NULL},
		{"redis://192.0.2.5:65536", NULL},
		{"redis://192.0.2.5/1024", NULL},
		{"redis://192.0.2.5/x", NULL},
		{"redis://[192.0.2.5]", NULL},
		{"redis://[2001:db8::5", NULL},
		{"redis://[2001:db8::5]6380", NULL},
		{"redis://2001:db8::5", NULL},
		{"redis://redis.example.test", NULL},
		{"redis://", NULL},
		{"redis:///run/redis.sock", "redis:///run/redis.sock?0"},
		{"redis:///run/redis.sock?1023", "redis:///run/redis.sock?1023"},
		{"redis:///run/redis.sock?1024", NULL},
		{"redis://" PATH_107, "redis://" PATH_107 "?0"},
		{"redis://" PATH_107 "7", NULL},
		{"rediss://192.0.2.5", NULL},
	};
	(void)state;
	assert_int_equal(strlen(PATH_107), GATESTORE_PATH_MAX);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct gatestore s, again;
		struct buffer form = buffer_new(GATESTORE_TEXT_MAX);
		if (gatestore_parse(view_text(cases[i].text), &s) != (cases[i].form != NULL))
			fail_msg("%s", cases[i].text);
		if (!cases[i].form)
			continue;
		gatestore_add(&form, &s);
		assert_view(buffer_view(&form), cases[i].form);
		assert_true(gatestore_parse(buffer_view(&form), &again));
		assert_int_equal(again.kind, s.kind);
		assert_true(view_equal(again.path, s.path));
		assert_int_equal(again.port, s.port);
		assert_int_equal(again.database, s.database);
		assert_memory_equal(&again.address, &s.address, sizeof s.address);
		assert_int_equal(gatestore_is_redis(&s),
			view_starts(view_text(cases[i].form), VIEW("redis:")));
		buffer_free(&form);
	}
}

static void logins(void **state)
{
	/* Protects: a password, or a name and a password; nothing that would end a line or a word. */
	static const struct {
		const char *text;
		const char *user, *password; /* null: refused */
	} cases[] = {
		{"secret", "", "secret"},
		{"  secret ", "", "secret"},
		{"sekisho secret", "sekisho", "secret"},
		{"sekisho   secret", "sekisho", "secret"},
		{WORD_255, "", WORD_255},
		{WORD_255 " " WORD_255, WORD_255, WORD_255},
		{WORD_255 "5", NULL, NULL},
		{WORD_255 "5 secret", NULL, NULL},
		{"", NULL, NULL},
		{"a b c", NULL, NULL},
		{"se\\tcret\\n", "", "se\\tcret\\n"},
		{"se\tcret", NULL, NULL},
	};
	(void)state;
	assert_int_equal(strlen(WORD_255), GATESTORE_WORD_MAX);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct view user, password;
		if (gatestore_login_parse(view_text(cases[i].text), &user, &password) !=
			(cases[i].password != NULL))
			fail_msg("%s", cases[i].text);
		if (!cases[i].password)
			continue;
		assert_view(user, cases[i].user);
		assert_view(password, cases[i].password);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stores),
		cmocka_unit_test(logins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
