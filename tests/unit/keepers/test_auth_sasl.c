#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scram_client.h"

#include "base/text.h"
#include "config/saslprep.h"
#include "config/users.h"
#include "config/verifier.h"
#include "keepers/auth/sasl.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define NONCE "fyko+d2lbbFgONRv9qkxdawL"

/* --- verifiers ---------------------------------------------------------------------------- */

/* Protects: a verifier is what RFC 7677's example says, and parses as config/users.h wants. */
static void test_make(void **state)
{
	(void)state;
	struct buffer salt = buffer_new(64);
	struct buffer out = buffer_new(USER_VERIFIER_MAX);
	assert_true(buffer_add_unbase64(&salt, VIEW("W22ZaJ0SNY7soEsUEjb6gQ==")));
	assert_true(verifier_make(VIEW("pencil"), buffer_view(&salt), 4096, &out));
	assert_true(view_equal(
		buffer_view(&out), VIEW("{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,"
					"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
					"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=")));
	assert_int_equal(user_verifier_check(buffer_view(&out)), USER_OK);
	uint64_t turns;
	assert_int_equal(
		verifier_check(buffer_view(&out), VIEW("pencil"), &turns), VERIFIER_MATCHES);
	assert_int_equal(turns, 4096);
	assert_int_equal(
		verifier_check(buffer_view(&out), VIEW("Pencil"), &turns), VERIFIER_DIFFERS);
	assert_int_equal(turns, 4096);
	assert_int_equal(verifier_check(buffer_view(&out), VIEW(""), &turns), VERIFIER_DIFFERS);
	assert_int_equal(turns, 4096);
	buffer_free(&salt);
	buffer_free(&out);
}

/* Protects: what cannot be a password makes no verifier; lengths on both sides of the limit. */
static void test_make_refuses(void **state)
{
	(void)state;
	static uint8_t many[VERIFIER_PASSWORD_MAX + 1];
	memset(many, 'x', sizeof many);
	const struct {
		struct view password;
		bool fine;
	} cases[] = {
		{VIEW(""), false},
		{VIEW("\xc2\xad"), false}, /* a soft hyphen maps to nothing */
		{VIEW("a\nb"), false},
		{VIEW("a\0b"), false},
		{VIEW("\xff"), false},
		{VIEW("\xf0\x9f\x93\xa7"), true}, /* newer than SASLprep's Unicode */
		{view_of(many, VERIFIER_PASSWORD_MAX), true},
		{view_of(many, VERIFIER_PASSWORD_MAX + 1), false},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buffer out = buffer_new(USER_VERIFIER_MAX);
		if (verifier_make(cases[i].password, VIEW("saltsalt"), 1, &out) != cases[i].fine)
			fail_msg("case %zu", i);
		assert_int_equal(out.length > 0, cases[i].fine);
		buffer_free(&out);
	}
}

/* Protects: imported hashes of every kind serve, and nothing else does. */
static void test_imported(void **state)
{
	(void)state;
	char argon[crypto_pwhash_STRBYTES];
	assert_int_equal(crypto_pwhash_str(argon, "pencil", 6, 1, 8192 * 1024), 0);
	const struct {
		const char *verifier;
		const char *password;
		enum verifier_result result;
	} cases[] = {
		{"$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!",
			VERIFIER_MATCHES},
		{"$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "hello world!",
			VERIFIER_DIFFERS},
		{"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U",
			VERIFIER_MATCHES},
		{"$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U",
			VERIFIER_MATCHES},
		{"$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*V",
			VERIFIER_DIFFERS},
		{argon, "pencil", VERIFIER_MATCHES},
		{argon, "pencils", VERIFIER_DIFFERS},
		{"$1$saltstri$YMyguxXMBpd2TEZ.vS/3q1", "Hello world!", VERIFIER_UNUSABLE}, /* MD5 */
		{"!", "!", VERIFIER_UNUSABLE},
		{"", "", VERIFIER_UNUSABLE},
		{"pencil", "pencil", VERIFIER_UNUSABLE},
	};
	uint64_t turns;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (verifier_check(view_text(cases[i].verifier), view_text(cases[i].password),
			    &turns) != cases[i].result)
			fail_msg("%s", cases[i].verifier);
	assert_true(verifier_is_imported(view_text(argon)));
	assert_false(verifier_is_imported(VIEW("{SCRAM-SHA-256}4096,")));
}

/* --- the suite ---------------------------------------------------------------------------- */

struct suite_case {
	char digest[20];
	char user[100];
	char pass[100];
	char salt64[100];
	char steps[6][300];
	unsigned iterations;
	bool skip_prep;
	char text[8192];
};

static char *copy_string(const char *from, char *to)
{
	for (from++; *from && *from != '"'; from++) {
		unsigned code = (uint8_t)*from;
		if (*from == '\\' && from[1] == 'n') {
			code = '\n';
			from++;
		} else if (*from == '\\' && from[1] == 'u') {
			char hex[5] = {from[2], from[3], from[4], from[5], 0};
			code = (unsigned)strtoul(hex, NULL, 16);
			from += 5;
			if (code >= 0x800)
				*to++ = (char)(0xe0 | code >> 12);
			*to++ = (char)(code >= 0x800 ? 0x80 | (code >> 6 & 0x3f)
						     : 0xc0 | code >> 6);
			code = 0x80 | (code & 0x3f);
		}
		*to++ = (char)code;
	}
	*to = 0;
	return (char *)(uintptr_t)from + 1;
}

static char *field(struct suite_case *c, const char *name)
{
	char quoted[40];
	snprintf(quoted, sizeof quoted, "\"%s\"", name);
	char *at = strstr(c->text, quoted);
	assert_non_null(at);
	at = strchr(at + strlen(quoted), ':');
	assert_non_null(at);
	return at + 1 + strspn(at + 1, " \t\n");
}

static void read_case(const char *name, struct suite_case *c)
{
	const char *source = getenv("SEKISHO_SOURCE");
	char path[400];
	memset(c, 0, sizeof *c);
	snprintf(path, sizeof path, "%s/tests/suites/sasl-scram/%s.json", source ? source : ".",
		name);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	assert_true(fread(c->text, 1, sizeof c->text - 1, f) > 0);
	fclose(f);
	copy_string(field(c, "digest"), c->digest);
	copy_string(field(c, "user"), c->user);
	copy_string(field(c, "pass"), c->pass);
	copy_string(field(c, "salt64"), c->salt64);
	c->iterations = (unsigned)atoi(field(c, "iters"));
	c->skip_prep = strncmp(field(c, "skipSASLprep"), "true", 4) == 0;
	char *at = field(c, "steps");
	for (unsigned i = 0; i < 6 && (at = strpbrk(at, "\"]")) && *at == '"'; i++)
		at = copy_string(at, c->steps[i]);
}

static const char *const good[] = {"good/rfc7677", "good/sha-256-ascii", "good/sha-256-ascii-pass",
	"good/sha-256-ascii-user", "good/sha-256-no-saslprep", "good/sha-256-saslprep-non-normal",
	"good/sha-256-saslprep-normal"};

static struct verifier_keys derive(const struct suite_case *c, struct buffer *salt)
{
	struct verifier_keys keys;
	struct buffer prepared = buffer_new(1000);
	*salt = buffer_new(64);
	uint8_t octets[64];
	buffer_add(salt, view_of(octets, scram_unbase64(c->salt64, strlen(c->salt64), octets, 64)));
	if (c->skip_prep)
		buffer_add(&prepared, view_text(c->pass));
	else
		assert_true(saslprep(view_text(c->pass), &prepared));
	verifier_derive(buffer_view(&prepared), buffer_view(salt), c->iterations, &keys);
	buffer_free(&prepared);
	return keys;
}

/* Whether the suite's proof is right under `keys`, and whether its server signature is. */
static void judge_steps(const struct suite_case *c, const struct verifier_keys *keys,
	bool *proof_out, bool *signature_out)
{
	char message[1000];
	uint8_t signature[32], proof[64], client[32], stored[32];
	char text[100];
	const char *p = strstr(c->steps[2], ",p=");
	assert_non_null(p);
	snprintf(message, sizeof message, "%s,%s,%.*s", c->steps[0] + 3, c->steps[1],
		(int)(p - c->steps[2]), c->steps[2]);
	scram_hmac(keys->stored, 32, message, signature);
	const size_t length = scram_unbase64(p + 3, strlen(p + 3), proof, sizeof proof);
	for (int i = 0; i < 32; i++)
		client[i] = proof[i] ^ signature[i];
	crypto_hash_sha256(stored, client, 32);
	*proof_out = length == 32 && memcmp(stored, keys->stored, 32) == 0;
	scram_hmac(keys->server, 32, message, signature);
	scram_base64(signature, 32, text, sizeof text);
	*signature_out = strcmp(c->steps[3] + 2, text) == 0;
}

/* Protects: our verifiers accept the suite's proofs and give its signatures (SHA-256 cases; libgsasl's
 * nonce cannot be fixed, so the values are judged here and the dialogue in the next test). */
static void test_suite_values(void **state)
{
	(void)state;
	struct suite_case c;
	struct buffer salt;
	bool proof;
	bool signature;
	for (size_t i = 0; i < COUNT(good); i++) {
		read_case(good[i], &c);
		assert_string_equal(c.digest, "SHA-256");
		const struct verifier_keys keys = derive(&c, &salt);
		judge_steps(&c, &keys, &proof, &signature);
		if (!proof || !signature)
			fail_msg("%s: proof %d, signature %d", good[i], proof, signature);
		buffer_free(&salt);
	}
	read_case("bad-client/rfc7677-bad-proof", &c);
	struct verifier_keys keys = derive(&c, &salt);
	judge_steps(&c, &keys, &proof, &signature);
	assert_false(proof);
	buffer_free(&salt);
	read_case("bad-server/rfc7677-bad-validator", &c);
	keys = derive(&c, &salt);
	judge_steps(&c, &keys, &proof, &signature);
	assert_false(signature);
	buffer_free(&salt);
}

/* --- the server --------------------------------------------------------------------------- */

struct account_of_test {
	struct verifier_keys keys;
	struct view salt;
	unsigned iterations;
	unsigned asked;
};

static void find_keys(void *context, struct view name, struct sasl_keys *keys_out)
{
	struct account_of_test *a = context;
	(void)name;
	a->asked++;
	keys_out->iterations = a->iterations;
	buffer_add_base64(&keys_out->salt, a->salt);
	buffer_add_base64(&keys_out->stored_key, view_of(a->keys.stored, 32));
	buffer_add_base64(&keys_out->server_key, view_of(a->keys.server, 32));
}

static struct sasl *server(struct account_of_test *a, enum sasl_mechanism mechanism,
	enum auth_binding kind, struct view binding)
{
	const struct sasl_owner owner = {find_keys, a};
	struct sasl *s = sasl_new(mechanism, kind, binding, &owner);
	assert_non_null(s);
	return s;
}

static enum sasl_event step(struct sasl *s, const char *text, char *answer, size_t room)
{
	struct buffer out = buffer_new(AUTH_RESPONSE_MAX);
	const enum sasl_event event = sasl_step(s, view_text(text), &out);
	assert_true(view_to_text(buffer_view(&out), answer, room));
	buffer_free(&out);
	return event;
}

/* Protects: the suite's users log in at our server, and only with their passwords. */
static void test_suite_dialogue(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good) * 2; i++) {
		struct suite_case c;
		struct buffer salt;
		const bool wrong = i % 2;
		struct scram_client client = {0};
		char out[1200];
		char answer[1200];
		read_case(good[i / 2], &c);
		struct account_of_test a = {.keys = derive(&c, &salt),
			.salt = buffer_view(&salt),
			.iterations = c.iterations};
		struct sasl *s = server(&a, SASL_SCRAM, AUTH_BINDING_NONE, VIEW_NONE);
		struct buffer prepared = buffer_new(100);
		char pass[100];
		if (c.skip_prep || !saslprep(view_text(c.pass), &prepared))
			buffer_add(&prepared, view_text(c.pass));
		assert_true(view_to_text(buffer_view(&prepared), pass, sizeof pass));
		buffer_free(&prepared);
		if (wrong)
			pass[0] ^= 1;
		scram_first(&client, c.user, NONCE, "n,,", out, sizeof out);
		assert_int_equal(step(s, out, answer, sizeof answer), SASL_CHALLENGE);
		assert_int_equal(a.asked, 1);
		assert_true(view_equal(sasl_authid(s), view_text(c.user)));
		assert_int_equal(scram_final(&client, answer, pass, out, sizeof out), c.iterations);
		const enum sasl_event event = step(s, out, answer, sizeof answer);
		assert_int_equal(event, wrong ? SASL_BAD : SASL_PROVED);
		if (!wrong)
			assert_true(scram_server_is_right(&client, answer));
		sasl_free(&s);
		buffer_free(&salt);
	}
}

static struct account_of_test pencil(void)
{
	struct account_of_test a = {.salt = VIEW("saltSALTsalt"), .iterations = 4096};
	verifier_derive(VIEW("pencil"), a.salt, a.iterations, &a.keys);
	return a;
}

/* Protects: channel bindings: each kind, mismatches, downgrades, and claims that cannot be (RFC 5802 §6,
 * RFC 9266). */
static void test_binding(void **state)
{
	(void)state;
	static const struct {
		const char *what;
		enum sasl_mechanism mechanism;
		enum auth_binding kind; /* what the session has */
		const char *ours;
		const char *gs2;
		const char *theirs;
		enum sasl_event first;
		enum sasl_event final;
	} cases[] = {
		{"exporter", SASL_SCRAM_PLUS, AUTH_BINDING_EXPORTER, "0123456789",
			"p=tls-exporter,,", "0123456789", SASL_CHALLENGE, SASL_PROVED},
		{"unique", SASL_SCRAM_PLUS, AUTH_BINDING_UNIQUE, "0123456789", "p=tls-unique,,",
			"0123456789", SASL_CHALLENGE, SASL_PROVED},
		{"another session's", SASL_SCRAM_PLUS, AUTH_BINDING_EXPORTER, "0123456789",
			"p=tls-exporter,,", "0123456780", SASL_CHALLENGE, SASL_BAD},
		{"a part", SASL_SCRAM_PLUS, AUTH_BINDING_EXPORTER, "0123456789", "p=tls-exporter,,",
			"012345678", SASL_CHALLENGE, SASL_BAD},
		{"none sent", SASL_SCRAM_PLUS, AUTH_BINDING_EXPORTER, "0123456789",
			"p=tls-exporter,,", "", SASL_CHALLENGE, SASL_BAD},
		{"the other kind", SASL_SCRAM_PLUS, AUTH_BINDING_EXPORTER, "0123456789",
			"p=tls-unique,,", "0123456789", SASL_BAD, SASL_BAD},
		{"the other kind", SASL_SCRAM_PLUS, AUTH_BINDING_UNIQUE, "0123456789",
			"p=tls-exporter,,", "0123456789", SASL_BAD, SASL_BAD},
		{"a kind we do not have", SASL_SCRAM_PLUS, AUTH_BINDING_EXPORTER, "0123456789",
			"p=tls-server-end-point,,", "0123456789", SASL_BAD, SASL_BAD},
		{"PLUS without binding", SASL_SCRAM_PLUS, AUTH_BINDING_EXPORTER, "0123456789",
			"n,,", "", SASL_BAD, SASL_BAD},
		{"PLUS with y", SASL_SCRAM_PLUS, AUTH_BINDING_EXPORTER, "0123456789", "y,,", "",
			SASL_BAD, SASL_BAD},
		{"downgrade", SASL_SCRAM, AUTH_BINDING_EXPORTER, "0123456789", "y,,", "", SASL_BAD,
			SASL_BAD},
		{"downgrade", SASL_SCRAM, AUTH_BINDING_UNIQUE, "0123456789", "y,,", "", SASL_BAD,
			SASL_BAD},
		{"y where we cannot", SASL_SCRAM, AUTH_BINDING_NONE, "", "y,,", "", SASL_CHALLENGE,
			SASL_PROVED},
		{"n where we could", SASL_SCRAM, AUTH_BINDING_EXPORTER, "0123456789", "n,,", "",
			SASL_CHALLENGE, SASL_PROVED},
		{"p without PLUS", SASL_SCRAM, AUTH_BINDING_NONE, "", "p=tls-exporter,,", "",
			SASL_SYNTAX, SASL_BAD},
		{"p without PLUS", SASL_SCRAM, AUTH_BINDING_EXPORTER, "0123456789",
			"p=tls-exporter,,", "", SASL_SYNTAX, SASL_BAD},
	};
	struct account_of_test a = pencil();
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct scram_client client = {.binding = (const uint8_t *)cases[i].theirs,
			.binding_length = strlen(cases[i].theirs)};
		char out[1200];
		char answer[1200];
		struct sasl *s =
			server(&a, cases[i].mechanism, cases[i].kind, view_text(cases[i].ours));
		scram_first(&client, "user", NONCE, cases[i].gs2, out, sizeof out);
		enum sasl_event event = step(s, out, answer, sizeof answer);
		if (event != cases[i].first)
			fail_msg("case %zu, %s: first %d", i, cases[i].what, event);
		if (event == SASL_CHALLENGE) {
			scram_final(&client, answer, "pencil", out, sizeof out);
			event = step(s, out, answer, sizeof answer);
			if (event != cases[i].final)
				fail_msg("case %zu, %s: final %d", i, cases[i].what, event);
		}
		sasl_free(&s);
	}
}

/* Protects: a first message whose header is swapped after the fact is found (c= binds it). */
static void test_header_swapped(void **state)
{
	(void)state;
	struct account_of_test a = pencil();
	struct scram_client client = {0};
	char out[1200];
	char answer[1200];
	struct sasl *s = server(&a, SASL_SCRAM, AUTH_BINDING_EXPORTER, VIEW("0123"));
	scram_first(&client, "user", NONCE, "n,,", out, sizeof out);
	assert_int_equal(step(s, out, answer, sizeof answer), SASL_CHALLENGE);
	client.gs2 = "y,,"; /* what the client had said before somebody changed it on the way */
	scram_final(&client, answer, "pencil", out, sizeof out);
	assert_int_equal(step(s, out, answer, sizeof answer), SASL_BAD);
	sasl_free(&s);
}

/* Protects: PLAIN comes apart as RFC 4616 says, and nothing else is taken for it. */
static void test_plain(void **state)
{
	(void)state;
	static const struct {
		struct view response;
		enum sasl_event event;
		const char *authzid;
		const char *authid;
		const char *password;
	} cases[] = {
		{VIEW("\0hana\0pencil"), SASL_PASSWORD, "", "hana", "pencil"},
		{VIEW("taro\0hana\0pencil"), SASL_PASSWORD, "taro", "hana", "pencil"},
		{VIEW("\0hana@example.test\0p\xc3\xa8ncil"), SASL_PASSWORD, "", "hana@example.test",
			"p\xc3\xa8ncil"},
		{VIEW("\0hana\0\xff\xf0\x9f\x93\xa7"), SASL_PASSWORD, "", "hana",
			"\xff\xf0\x9f\x93\xa7"},
		{VIEW("hana\0pencil"), SASL_SYNTAX, "", "", ""},
		{VIEW("pencil"), SASL_SYNTAX, "", "", ""},
		{VIEW(""), SASL_SYNTAX, "", "", ""},
		{VIEW("\0hana\0pen\0cil"), SASL_SYNTAX, "", "", ""},
		{VIEW("\0\0\0"), SASL_SYNTAX, "", "", ""},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct account_of_test a = {0};
		struct buffer out = buffer_new(100);
		struct sasl *s = server(&a, SASL_PLAIN, AUTH_BINDING_NONE, VIEW_NONE);
		const enum sasl_event event = sasl_step(s, cases[i].response, &out);
		if (event != cases[i].event ||
			!view_equal(sasl_authid(s), view_text(cases[i].authid)) ||
			!view_equal(sasl_authzid(s), view_text(cases[i].authzid)) ||
			!view_equal(sasl_password(s), view_text(cases[i].password)))
			fail_msg("case %zu: %d", i, event);
		assert_int_equal(a.asked, 0);
		sasl_free(&s);
		buffer_free(&out);
	}
}

/* Protects: malformed SCRAM is refused, at each step. */
static void test_malformed(void **state)
{
	(void)state;
	static const char *const firsts[] = {"", "n,,", "n,,n=user", "n,,r=nonce", "n,,n=,r=nonce",
		"x,,n=user,r=nonce", "n,,m=ext,n=user,r=nonce", "n=user,r=nonce",
		"n,n=user,r=nonce", "p=,,n=user,r=nonce"};
	static const char *const finals[] = {"", "c=biws", "c=biws,r=wrong,p=AAAA", "r=x,p=y",
		"p=x", "c=biws,r=" NONCE ",p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="};
	struct account_of_test a = pencil();
	char answer[1200];
	for (size_t i = 0; i < COUNT(firsts); i++) {
		struct sasl *s = server(&a, SASL_SCRAM, AUTH_BINDING_NONE, VIEW_NONE);
		const enum sasl_event event = step(s, firsts[i], answer, sizeof answer);
		if (event != SASL_SYNTAX && event != SASL_BAD)
			fail_msg("%s: %d", firsts[i], event);
		sasl_free(&s);
	}
	for (size_t i = 0; i < COUNT(finals); i++) {
		struct sasl *s = server(&a, SASL_SCRAM, AUTH_BINDING_NONE, VIEW_NONE);
		assert_int_equal(
			step(s, "n,,n=user,r=" NONCE, answer, sizeof answer), SASL_CHALLENGE);
		const enum sasl_event event = step(s, finals[i], answer, sizeof answer);
		if (event != SASL_SYNTAX && event != SASL_BAD)
			fail_msg("%s: %d", finals[i], event);
		sasl_free(&s);
	}
	assert_int_equal(sasl_mechanism_of(VIEW("scram-sha-256-plus")), SASL_SCRAM_PLUS);
	assert_int_equal(sasl_mechanism_of(VIEW("SCRAM-SHA-1")), SASL_NONE);
	assert_int_equal(sasl_mechanism_of(VIEW("none")), SASL_NONE);
}

static int set_up(void **state)
{
	(void)state;
	verifier_warm();
	sasl_warm();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_make),
		cmocka_unit_test(test_make_refuses),
		cmocka_unit_test(test_imported),
		cmocka_unit_test(test_suite_values),
		cmocka_unit_test(test_suite_dialogue),
		cmocka_unit_test(test_binding),
		cmocka_unit_test(test_header_swapped),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_malformed),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
