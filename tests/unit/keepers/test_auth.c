#include "auth_stage.h"
#include "scram_client.h"

#include "base/log.h"

#include <fcntl.h>

#define NONCE "fyko+d2lbbFgONRv9qkxdawL"
#define ADDRESS_KEY VIEW("guess:a:smtp:00000000000000000000ffffc0000201")
#define LOOPBACK "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\x00\x00\x01"

static struct start plain(struct view initial)
{
	return (struct start){.mechanism = "PLAIN", .initial = initial};
}

/* --- SCRAM over the channel --------------------------------------------------------------- */

struct dialogue {
	const char *name;
	const char *password;
	const char *mechanism;
	const char *gs2;
	enum auth_binding kind;
	const char *ours;
	const char *theirs;
};

/* Up to the answer to the proof. The salt and iterations of the server's first message go to `salt`. */
static void scram(struct stage *s, uint32_t stream, const struct dialogue *d, char salt[100])
{
	struct scram_client client = {.binding = (const uint8_t *)d->theirs,
		.binding_length = d->theirs ? strlen(d->theirs) : 0};
	char out[1200];
	scram_first(&client, d->name, NONCE, d->gs2 ? d->gs2 : "n,,", out, sizeof out);
	ask(s, stream,
		&(struct start){.mechanism = d->mechanism ? d->mechanism : "SCRAM-SHA-256",
			.initial = view_text(out),
			.kind = d->kind,
			.binding = d->ours});
	if (s->face.code != AUTH_CHALLENGE)
		return;
	if (salt)
		snprintf(salt, 100, "%s", strstr(s->face.text, ",s="));
	assert_true(scram_final(&client, s->face.text, d->password, out, sizeof out) > 0);
	answer(s, stream, out);
	if (s->face.code == AUTH_CHALLENGE)
		assert_true(scram_server_is_right(&client, s->face.text));
}

/* --- who may in --------------------------------------------------------------------------- */

/* Protects: PLAIN says yes to the right password of a user, by every name he has, and to nothing else. */
static void test_plain(void **state)
{
	(void)state;
	static const struct {
		struct view response;
		const char *user; /* null: refused */
	} cases[] = {
		{VIEW("\0hana\0pencil"), "hana"},
		{VIEW("\0HANA\0pencil"), "hana"},
		{VIEW("\0hana@example.test\0pencil"), "hana"},
		{VIEW("\0Hana@Example.TEST\0pencil"), "hana"},
		{VIEW("hana\0hana\0pencil"), "hana"},
		{VIEW("hana@example.test\0hana\0pencil"), "hana"},
		{VIEW("\0taro\0inkwell"), "taro"},
		{VIEW("\0mei\0U*U"), "mei"},
		{VIEW("taro\0hana\0pencil"), NULL}, /* may not act as another */
		{VIEW("nobody\0hana\0pencil"), NULL},
		{VIEW("\0hana\0inkwell"), NULL},
		{VIEW("\0hana\0pencil "), NULL},
		{VIEW("\0hana@other.test\0pencil"), NULL},
		{VIEW("\0hana@\0pencil"), NULL},
		{VIEW("\0mei\0U*V"), NULL},
		{VIEW("\0jun\0!"), NULL},
		{VIEW("\0nobody\0pencil"), NULL},
		{VIEW("\0\xff\0pencil"), NULL},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct stage *s = stage_new(true, NULL);
		const struct start start = plain(cases[i].response);
		ask(s, 7, &start);
		if (cases[i].user &&
			(s->face.code != AUTH_SUCCESS || strcmp(s->face.text, cases[i].user) != 0))
			fail_msg("case %zu: not let in", i);
		if (!cases[i].user)
			expect_failure(&s->face, AUTH_FAILURE_BAD);
		assert_int_equal(gate_count(s, ADDRESS_KEY), cases[i].user ? 0 : 1);
		stage_free(s);
	}
}

/* Protects: SCRAM and -PLUS over the channel: right, wrong, unknown, imported, bindings, downgrade. */
static void test_scram(void **state)
{
	(void)state;
	static const char plus[] = "SCRAM-SHA-256-PLUS";
	static const struct {
		struct dialogue d;
		const char *user;
	} cases[] = {
		{{.name = "hana", .password = "pencil"}, "hana"},
		{{.name = "hana@example.test", .password = "pencil"}, "hana"},
		{{.name = "hana", .password = "pencil", .gs2 = "n,a=hana,"}, "hana"},
		{{.name = "hana", .password = "pencil", .gs2 = "n,a=taro,"}, NULL},
		{{.name = "hana", .password = "inkwell"}, NULL},
		{{.name = "nobody", .password = "pencil"}, NULL},
		{{.name = "mei", .password = "U*U"}, NULL},
		{{.name = "jun", .password = "!"}, NULL},
		{{"hana", "pencil", plus, "p=tls-exporter,,", AUTH_BINDING_EXPORTER, "0123",
			 "0123"},
			"hana"},
		{{"hana", "pencil", plus, "p=tls-unique,,", AUTH_BINDING_UNIQUE, "0123", "0123"},
			"hana"},
		{{"hana", "pencil", plus, "p=tls-exporter,,", AUTH_BINDING_EXPORTER, "0123",
			 "0124"},
			NULL},
		{{"hana", "pencil", plus, "p=tls-unique,,", AUTH_BINDING_EXPORTER, "0123", "0123"},
			NULL},
		{{"hana", "pencil", NULL, "y,,", AUTH_BINDING_EXPORTER, "0123", ""}, NULL},
		{{"hana", "pencil", NULL, "y,,", AUTH_BINDING_NONE, "", ""}, "hana"},
		{{"hana", "pencil", NULL, "n,,", AUTH_BINDING_EXPORTER, "0123", ""}, "hana"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct stage *s = stage_new(true, NULL);
		scram(s, 7, &cases[i].d, NULL);
		if (!cases[i].user) {
			if (s->face.code != AUTH_FAILURE || s->face.reason != AUTH_FAILURE_BAD)
				fail_msg("case %zu: %u", i, s->face.code);
		} else {
			if (s->face.code != AUTH_CHALLENGE)
				fail_msg("case %zu: %u", i, s->face.code);
			answer(s, 7, "");
			expect_success(&s->face, cases[i].user);
		}
		assert_int_equal(s->authd.exchanges, 0);
		stage_free(s);
	}
}

/* Protects: a stranger cannot tell who exists: the salt of a name that nobody has, or whose user has no
 * SCRAM verifier, is always the same, also after a restart, and looks like any other. */
static void test_fake_salt(void **state)
{
	(void)state;
	static const char *const same[] = {"nobody", "NOBODY", "nobody@example.test", "nobody"};
	char salts[4][100];
	char other[100];
	char real[100];
	for (size_t i = 0; i < COUNT(same); i++) {
		struct stage *s = stage_new(true, NULL);
		scram(s, 7, &(struct dialogue){.name = same[i], .password = "x"}, salts[i]);
		assert_string_equal(salts[i], salts[0]);
		stage_free(s);
	}
	struct stage *s = stage_new(true, NULL);
	scram(s, 7, &(struct dialogue){.name = "somebody", .password = "x"}, other);
	assert_string_not_equal(other, salts[0]);
	scram(s, 7, &(struct dialogue){.name = "mei", .password = "x"}, other);
	assert_string_not_equal(other, salts[0]);
	scram(s, 7, &(struct dialogue){.name = "hana", .password = "pencil"}, real);
	assert_int_equal(strlen(real), strlen(other));
	assert_string_equal(strstr(real, ",i="), strstr(other, ",i="));
	assert_string_equal(strstr(real, ",i="), ",i=32768");
	channel_say(s->face.channel, AUTH_CANCEL, 7);
	stage_free(s);
}

/* Protects: PLAIN for a name that nobody has costs as many turns of PBKDF2 as for one that somebody has
 * (turns are counted, not time). */
static void test_same_cost(void **state)
{
	(void)state;
	static const struct view responses[] = {VIEW("\0hana\0pencil"), VIEW("\0hana\0wrong"),
		VIEW("\0nobody\0wrong"), VIEW("\0jun\0wrong"), VIEW("\0nobody@other.test\0wrong")};
	for (size_t i = 0; i < COUNT(responses); i++) {
		struct stage *s = stage_new(true, NULL);
		const struct start start = plain(responses[i]);
		ask(s, 7, &start);
		assert_int_equal(s->authd.counts.iterations, VERIFIER_ITERATIONS);
		stage_free(s);
	}
}

/* Protects: the first PLAIN login rewrites an imported hash, once; then SCRAM works. */
static void test_rewrite(void **state)
{
	(void)state;
	struct stage *s = stage_new(true, NULL);
	const struct start wrong = plain(VIEW("\0mei\0U*V"));
	const struct start right = plain(VIEW("\0mei\0U*U"));
	ask(s, 1, &wrong);
	assert_int_equal(s->rewrites, 0);
	ask(s, 2, &right);
	expect_success(&s->face, "mei");
	assert_int_equal(s->rewrites, 1);
	assert_string_equal(s->rewrite_name, "mei");
	assert_true(strncmp(s->rewrite_before, "$2b$05$", 7) == 0);
	assert_int_equal(user_verifier_check(view_text(s->rewrite_after)), USER_OK);
	ask(s, 3, &right);
	assert_int_equal(s->rewrites, 1);
	char after[600];
	snprintf(after, sizeof after, "%s", s->rewrite_after);
	authd_config(&s->authd, stage_snapshot(after));
	ask(s, 4, &right);
	expect_success(&s->face, "mei");
	assert_int_equal(s->rewrites, 1);
	scram(s, 5, &(struct dialogue){.name = "mei", .password = "U*U"}, NULL);
	assert_int_equal(s->face.code, AUTH_CHALLENGE);
	answer(s, 5, "");
	expect_success(&s->face, "mei");
	stage_free(s);
}

/* Protects: an exchange lives in the generation it began with, and a reload breaks nothing. */
static void test_reload(void **state)
{
	(void)state;
	struct stage *s = stage_new(true, NULL);
	struct scram_client client = {0};
	char out[1200];
	scram_first(&client, "hana", NONCE, "n,,", out, sizeof out);
	ask(s, 7, &(struct start){.mechanism = "SCRAM-SHA-256", .initial = view_text(out)});
	authd_config(&s->authd, stage_snapshot(NULL));
	scram_final(&client, s->face.text, "pencil", out, sizeof out);
	answer(s, 7, out);
	answer(s, 7, "");
	expect_success(&s->face, "hana");
	stage_free(s);
}

/* --- what may not even begin -------------------------------------------------------------- */

/* Protects: no login without TLS except from loopback, no service of another, no odd mechanism. */
static void test_objections(void **state)
{
	(void)state;
	static const char v6[17] = "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01";
	const struct view right = VIEW("\0hana\0pencil");
	const struct {
		struct start start;
		enum auth_failure failure; /* 0: let in */
	} cases[] = {
		{{.mechanism = "PLAIN", .initial = right, .no_tls = true}, AUTH_FAILURE_MECHANISM},
		{{.mechanism = "PLAIN", .initial = right, .no_tls = true, .address = LOOPBACK}, 0},
		{{.mechanism = "plain", .initial = right, .no_tls = true, .address = v6}, 0},
		{{.mechanism = "CRAM-MD5", .initial = right}, AUTH_FAILURE_MECHANISM},
		{{.mechanism = "LOGIN", .initial = right}, AUTH_FAILURE_SYNTAX}, /* NULs */
		{{.mechanism = "LOGIN", .initial = VIEW("hana"), .no_tls = true},
			AUTH_FAILURE_MECHANISM},
		{{.mechanism = "", .initial = right}, AUTH_FAILURE_MECHANISM},
		{{.mechanism = "SCRAM-SHA-1", .initial = right}, AUTH_FAILURE_MECHANISM},
		{{.mechanism = "SCRAM-SHA-256-PLUS", .initial = right}, AUTH_FAILURE_MECHANISM},
		{{.mechanism = "SCRAM-SHA-256-PLUS",
			 .initial = right,
			 .kind = AUTH_BINDING_EXPORTER,
			 .binding = ""},
			AUTH_FAILURE_MECHANISM},
		{{.mechanism = "PLAIN", .initial = right, .service = AUTH_SERVICE_POP},
			AUTH_FAILURE_MECHANISM}, /* smtpd may not get mailboxes granted */
		{{.mechanism = "PLAIN", .initial = VIEW("")}, AUTH_FAILURE_SYNTAX},
		{{.mechanism = "PLAIN", .initial = VIEW("pencil")}, AUTH_FAILURE_SYNTAX},
		{{.mechanism = "PLAIN", .initial = VIEW("\0hana\0")}, AUTH_FAILURE_SYNTAX},
		{{.mechanism = "SCRAM-SHA-256", .initial = VIEW("pencil")}, AUTH_FAILURE_SYNTAX},
		{{.mechanism = "SCRAM-SHA-256", .initial = VIEW("p=tls-unique,,n=hana,r=x")},
			AUTH_FAILURE_SYNTAX},
	};
	struct stage *s = stage_new(true, NULL);
	for (size_t i = 0; i < COUNT(cases); i++) {
		ask(s, (uint32_t)i, &cases[i].start);
		if (cases[i].failure
				? s->face.code != AUTH_FAILURE || s->face.reason != cases[i].failure
				: s->face.code != AUTH_SUCCESS)
			fail_msg("case %zu: %u %u", i, s->face.code, (unsigned)s->face.reason);
	}
	stage_free(s);
}

/* Protects: LOGIN (for Outlook) asks for the name and for the password, and is PLAIN otherwise. */
static void test_login(void **state)
{
	(void)state;
	struct stage *s = stage_new(true, NULL);
	for (int initial = 0; initial < 2; initial++) {
		ask(s, 1,
			&(struct start){.mechanism = "LOGIN",
				.initial = VIEW("hana"),
				.no_initial = !initial});
		assert_int_equal(s->face.code, AUTH_CHALLENGE);
		if (!initial) {
			assert_string_equal(s->face.text, "Username:");
			answer(s, 1, "hana");
			assert_int_equal(s->face.code, AUTH_CHALLENGE);
		}
		assert_string_equal(s->face.text, "Password:");
		answer(s, 1, "pencil");
		assert_int_equal(s->face.code, AUTH_SUCCESS);
		assert_string_equal(s->face.text, "hana");
	}
	ask(s, 2, &(struct start){.mechanism = "LOGIN", .initial = VIEW("hana")});
	answer(s, 2, "pencils");
	expect_failure(&s->face, AUTH_FAILURE_BAD);
	ask(s, 3, &(struct start){.mechanism = "LOGIN", .initial = VIEW("hana")});
	answer(s, 3, "");
	expect_failure(&s->face, AUTH_FAILURE_SYNTAX);
	stage_free(s);
}

/* Protects: the empty challenge when there is no initial response; the end of an exchange is one. */
static void test_steps(void **state)
{
	(void)state;
	struct stage *s = stage_new(true, NULL);
	ask(s, 1, &(struct start){.mechanism = "SCRAM-SHA-256", .no_initial = true});
	assert_int_equal(s->face.code, AUTH_CHALLENGE);
	assert_string_equal(s->face.text, "");
	answer(s, 1, "n,,n=hana,r=" NONCE);
	assert_int_equal(s->face.code, AUTH_CHALLENGE);
	answer(s, 1, "nonsense");
	expect_failure(&s->face, AUTH_FAILURE_SYNTAX);
	scram(s, 1, &(struct dialogue){.name = "hana", .password = "pencil"}, NULL);
	answer(s, 1, "more");
	expect_failure(&s->face, AUTH_FAILURE_SYNTAX);
	/* a step where none was asked for is a broken face: its channel goes, and it is told of */
	say_step(&s->face, 9, "x");
	for (int i = 0; i < 100 && !s->face.closed; i++)
		loop_turn(s->loop, 5);
	assert_true(s->face.closed);
	assert_int_equal(s->broken, 1);
	stage_free(s);
}

/* --- POP and its grants ------------------------------------------------------------------- */

static struct start pop(struct view initial)
{
	struct start start = plain(initial);
	start.service = AUTH_SERVICE_POP;
	return start;
}

static struct stage *stage_for_pop(bool answers)
{
	static const struct authd_limits limits = {1024, 8, 120000, 2000, 300};
	struct stage *s = stage_new(true, &limits);
	channel_free(&s->face.channel);
	stage_face(s, &s->face, PROGRAM_POPD, 3);
	stage_mailbox(s);
	s->mailbox.answers = answers;
	return s;
}

static void turn_for(struct stage *s, unsigned ms)
{
	stage_turn(s, &s->face, UINT32_MAX, ms);
}

static void turn_until_given(struct stage *s, unsigned gives)
{
	for (int i = 0; i < 2000 && s->mailbox.gives < gives; i++)
		loop_turn(s->loop, 5);
	assert_int_equal(s->mailbox.gives, gives);
}

/* Protects: popd hears of a success only when mailbox knows who the session is; leaving takes it back. */
static void test_grant(void **state)
{
	(void)state;
	struct stage *s = stage_for_pop(false);
	const struct start right = pop(VIEW("\0hana\0pencil"));
	const struct start wrong = pop(VIEW("\0hana\0pencils"));
	say_start(&s->face, 42, &right);
	turn_until_given(s, 1);
	turn_for(s, 50);
	assert_int_equal(s->face.answers, 0);
	assert_int_equal(s->mailbox.stream, 42);
	assert_int_equal(s->mailbox.worker, 3);
	assert_string_equal(s->mailbox.user, "hana");
	channel_say(s->mailbox.channel, GRANT_GIVEN, 42, frame_number(3));
	stage_turn(s, &s->face, 1, 2000);
	expect_success(&s->face, "hana");
	channel_say(s->face.channel, AUTH_LEAVE, 42);
	turn_for(s, 50);
	assert_int_equal(s->mailbox.takes, 1);
	assert_int_equal(s->mailbox.stream, 42);
	/* once only, and nothing for who never came in */
	channel_say(s->face.channel, AUTH_LEAVE, 42);
	channel_say(s->face.channel, AUTH_LEAVE, 43);
	ask(s, 44, &wrong);
	channel_say(s->face.channel, AUTH_LEAVE, 44);
	turn_for(s, 50);
	assert_int_equal(s->mailbox.takes, 1);
	assert_int_equal(s->mailbox.gives, 1);
	stage_free(s);
}

/* Protects: whoever cancels, dies or is too slow leaves no grant behind. */
static void test_grant_taken(void **state)
{
	(void)state;
	struct stage *s = stage_for_pop(false);
	const struct start right = pop(VIEW("\0hana\0pencil"));
	const struct start other = pop(VIEW("\0taro\0inkwell"));
	say_start(&s->face, 1, &right);
	turn_until_given(s, 1);
	channel_say(s->face.channel, AUTH_CANCEL, 1);
	turn_for(s, 50);
	assert_int_equal(s->mailbox.takes, 1);
	/* the session's next try; the answer to the first is no answer to the second */
	say_start(&s->face, 1, &other);
	turn_until_given(s, 2);
	assert_string_equal(s->mailbox.user, "taro");
	channel_say(s->mailbox.channel, GRANT_GIVEN, 1, frame_number(3));
	turn_for(s, 50);
	assert_int_equal(s->face.answers, 0);
	channel_say(s->mailbox.channel, GRANT_GIVEN, 1, frame_number(3));
	stage_turn(s, &s->face, 1, 1000);
	expect_success(&s->face, "taro");
	/* mailbox does not answer */
	say_start(&s->face, 2, &right);
	turn_until_given(s, 3);
	stage_turn(s, &s->face, 2, 2000);
	expect_failure(&s->face, AUTH_FAILURE_TEMPORARY);
	assert_int_equal(s->mailbox.takes, 2);
	/* popd dies: what stands goes */
	channel_free(&s->face.channel);
	turn_for(s, 50);
	assert_int_equal(s->mailbox.takes, 3);
	assert_int_equal(s->mailbox.stream, 1);
	stage_free(s);
}

/* Protects: without mailbox a POP login is "later", before and in the middle of it, and works again. */
static void test_mailbox_gone(void **state)
{
	(void)state;
	struct stage *s = stage_for_pop(false);
	const struct start right = pop(VIEW("\0hana\0pencil"));
	say_start(&s->face, 1, &right);
	turn_until_given(s, 1);
	channel_free(&s->mailbox.channel);
	stage_turn(s, &s->face, 1, 1000);
	expect_failure(&s->face, AUTH_FAILURE_TEMPORARY);
	ask(s, 1, &right);
	expect_failure(&s->face, AUTH_FAILURE_TEMPORARY);
	stage_mailbox(s);
	ask(s, 1, &right);
	expect_success(&s->face, "hana");
	stage_mailbox(s); /* a new process knows of no grant: there is nothing to take back */
	channel_say(s->face.channel, AUTH_LEAVE, 1);
	turn_for(s, 50);
	assert_int_equal(s->mailbox.takes, 0);
	stage_free(s);
}

/* --- guessing ----------------------------------------------------------------------------- */

/* Protects: the policy, at its boundaries: a name is never refused, an address is, for a while. */
static void test_judge(void **state)
{
	(void)state;
	static const struct {
		struct guess_facts facts;
		struct guess_verdict verdict;
	} cases[] = {
		{{0, 0, false, false}, {false, false, 500, 0}},
		{{1, 0, false, false}, {false, false, 1000, 1000}},
		{{0, 1, false, false}, {false, false, 1000, 1000}},
		{{0, 1, true, false}, {false, false, 1000, 0}},
		{{0, 3, false, false}, {false, false, 4000, 4000}},
		{{0, 4, false, false}, {false, false, 8000, 8000}},
		{{0, 5, false, false}, {false, false, 8000, 8000}},
		{{0, UINT64_MAX, false, false}, {false, false, 8000, 8000}},
		{{GUESS_ADDRESS_MAX - 1, 0, false, false}, {false, false, 8000, 8000}},
		{{GUESS_ADDRESS_MAX, 0, false, false}, {true, false, 8000, 8000}},
		{{GUESS_ADDRESS_MAX, 0, true, false}, {false, true, 8000, 0}},
		{{GUESS_ADDRESS_MAX - 1, 0, true, false}, {false, false, 8000, 0}},
		{{0, 0, false, true}, {false, false, GUESS_DELAY_BLIND_MS, 0}},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct guess_verdict v = guess_judge(&cases[i].facts);
		if (v.refuse != cases[i].verdict.refuse ||
			v.forget_known != cases[i].verdict.forget_known ||
			v.wrong_delay_ms != cases[i].verdict.wrong_delay_ms ||
			v.right_delay_ms != cases[i].verdict.right_delay_ms)
			fail_msg("case %zu", i);
	}
}

static uint64_t time_of(struct stage *s, uint32_t stream, const struct start *start)
{
	const uint64_t began = clock_monotonic_ms();
	ask(s, stream, start);
	/* the loop's time, by which the delay goes, may be behind the clock for part of a turn */
	return clock_monotonic_ms() - began + 20;
}

/* Protects: wrong answers come late and are counted for address and name; a success marks the place. */
static void test_counted(void **state)
{
	(void)state;
	struct stage *s = stage_new(true, NULL);
	char key[100];
	const struct start wrong = plain(VIEW("\0hana@example.test\0x"));
	const struct start right = plain(VIEW("\0hana\0pencil"));
	assert_true(time_of(s, 1, &wrong) >= 500);
	name_key(s, "guess:n:smtp:", "hana", key, sizeof key);
	assert_int_equal(gate_count(s, view_text(key)), 1);
	assert_int_equal(gate_count(s, ADDRESS_KEY), 1);
	assert_true(time_of(s, 2, &right) >= 1000); /* not known from there yet */
	assert_true(time_of(s, 3, &right) < 1000); /* now it is */
	assert_int_equal(gate_count(s, ADDRESS_KEY), 1);
	stage_free(s);
}

/* Protects: an address with too many is refused unchecked and uncounted, but for whom it is known; a
 * wrong one from there costs that. IPv6 counts by /64. */
static void test_slow(void **state)
{
	(void)state;
	static const char v6_a[17] = "\x20\x01\x0d\xb8\0\0\0\x01\0\0\0\0\0\0\0\x01";
	static const char v6_b[17] = "\x20\x01\x0d\xb8\0\0\0\x01\xff\xff\0\0\0\0\0\x02";
	static const char v6_c[17] = "\x20\x01\x0d\xb8\0\0\0\x02\0\0\0\0\0\0\0\x01";
	struct stage *s = stage_new(true, NULL);
	struct start right = plain(VIEW("\0hana\0pencil"));
	struct start wrong = plain(VIEW("\0hana\0x"));
	struct start other = plain(VIEW("\0taro\0inkwell"));
	ask(s, 1, &right);
	expect_success(&s->face, "hana");
	gate_add(s, ADDRESS_KEY, GUESS_ADDRESS_MAX);
	ask(s, 2, &other);
	expect_failure(&s->face, AUTH_FAILURE_SLOW);
	assert_int_equal(gate_count(s, ADDRESS_KEY), GUESS_ADDRESS_MAX);
	ask(s, 3, &right);
	expect_success(&s->face, "hana");
	say_start(&s->face, 4, &wrong);
	for (int i = 0; i < 400 && gate_count(s, ADDRESS_KEY) == GUESS_ADDRESS_MAX; i++)
		loop_turn(s->loop, 5);
	channel_say(s->face.channel, AUTH_CANCEL, 4); /* it need not wait for its eight seconds */
	ask(s, 5, &right);
	expect_failure(&s->face, AUTH_FAILURE_SLOW);
	gate_add(s, VIEW("guess:a:smtp:20010db800000001"), GUESS_ADDRESS_MAX);
	right.address = v6_a;
	ask(s, 6, &right);
	expect_failure(&s->face, AUTH_FAILURE_SLOW);
	right.address = v6_b;
	ask(s, 7, &right);
	expect_failure(&s->face, AUTH_FAILURE_SLOW);
	right.address = v6_c;
	ask(s, 8, &right);
	expect_success(&s->face, "hana");
	assert_int_equal(s->authd.counts.refused, 4);
	stage_free(s);
}

/* Protects: what one service's face says of an address or a name makes nobody guilty at the other: a face
 * that was broken into can say what it likes. */
static void test_guilt_of_one_service(void **state)
{
	(void)state;
	struct stage *s = stage_new(true, NULL);
	struct test_face popd;
	char key[100];
	stage_mailbox(s);
	stage_face(s, &popd, PROGRAM_POPD, 0);
	struct start right = plain(VIEW("\0hana\0pencil"));
	gate_add(s, ADDRESS_KEY, GUESS_ADDRESS_MAX);
	name_key(s, "guess:n:smtp:", "hana", key, sizeof key);
	gate_add(s, view_text(key), 1000);
	ask(s, 1, &right);
	expect_failure(&s->face, AUTH_FAILURE_SLOW);
	right.service = AUTH_SERVICE_POP;
	const uint64_t began = clock_monotonic_ms();
	say_start(&popd, 1, &right);
	stage_turn(s, &popd, 1, 5000);
	expect_success(&popd, "hana");
	assert_true(clock_monotonic_ms() - began < 2000);
	channel_free(&popd.channel);
	stage_free(s);
}

/* Protects: without a gate, or with a silent one, logins go on; wrong ones are slower. */
static void test_no_gate(void **state)
{
	(void)state;
	static const struct authd_limits limits = {1024, 8, 120000, 200, 1000};
	const struct start right = plain(VIEW("\0hana\0pencil"));
	const struct start wrong = plain(VIEW("\0hana\0x"));
	struct stage *s = stage_new(false, &limits);
	assert_true(time_of(s, 1, &right) < 2000);
	expect_success(&s->face, "hana");
	assert_true(time_of(s, 2, &wrong) >= GUESS_DELAY_BLIND_MS);
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	authd_connect(&s->authd, PROGRAM_GATE, 0, fds[0]);
	const uint64_t ms = time_of(s, 3, &right);
	assert_true(ms >= 200 && ms < 2000);
	expect_success(&s->face, "hana");
	/* it goes away in the middle of a question */
	say_start(&s->face, 4, &right);
	turn_for(s, 30);
	close(fds[1]);
	stage_turn(s, &s->face, 4, 2000);
	expect_success(&s->face, "hana");
	stage_free(s);
}

/* --- bounds ------------------------------------------------------------------------------- */

/* Protects: a face that says another address each time has half of the threads' queue at most. */
static void test_share_of_hashes(void **state)
{
	(void)state;
	struct stage *s = stage_new(true, NULL);
	struct test_face popd;
	char address[17] = "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01";
	struct start wrong = plain(VIEW("\0nobody\0x"));
	stage_mailbox(s);
	stage_face(s, &popd, PROGRAM_POPD, 0);
	wrong.address = address;
	for (uint32_t i = 0; i < AUTH_HASH_SHARE + 1; i++) {
		address[15] = (char)i;
		say_start(&s->face, i, &wrong);
	}
	stage_turn(s, &s->face, 1, 5000);
	assert_int_equal(s->face.stream, AUTH_HASH_SHARE);
	expect_failure(&s->face, AUTH_FAILURE_TEMPORARY);
	struct start right = plain(VIEW("\0hana\0pencil"));
	right.service = AUTH_SERVICE_POP;
	say_start(&popd, 1, &right);
	stage_turn(s, &popd, 1, 20000);
	expect_success(&popd, "hana");
	channel_free(&popd.channel);
	stage_free(s);
}

/* Protects: exchanges of a face are bounded; at the bound the answer is "later" and room comes back. */
static void test_exchanges_max(void **state)
{
	(void)state;
	static const struct authd_limits limits = {3, 8, 120000, 200, 1000};
	struct stage *s = stage_new(true, &limits);
	const struct start open = {.mechanism = "PLAIN", .no_initial = true};
	for (uint32_t i = 0; i < 3; i++) {
		ask(s, i, &open);
		assert_int_equal(s->face.code, AUTH_CHALLENGE);
	}
	ask(s, 3, &open);
	expect_failure(&s->face, AUTH_FAILURE_TEMPORARY);
	channel_say(s->face.channel, AUTH_CANCEL, 1);
	ask(s, 3, &open);
	assert_int_equal(s->face.code, AUTH_CHALLENGE);
	stage_free(s);
}

/* Protects: one address cannot fill the pool: beyond its share it hears "later", others are served. */
static void test_hash_share(void **state)
{
	(void)state;
	static const struct authd_limits limits = {1024, 4, 120000, 2000, 1000};
	struct stage *s = stage_new(true, &limits);
	const struct start right = plain(VIEW("\0hana\0pencil"));
	struct start other = plain(VIEW("\0taro\0inkwell"));
	other.address = LOOPBACK;
	for (uint32_t i = 0; i < 10; i++)
		say_start(&s->face, i, &right);
	stage_turn(s, &s->face, 6, 5000);
	expect_failure(&s->face, AUTH_FAILURE_TEMPORARY);
	say_start(&s->face, 99, &other);
	stage_turn(s, &s->face, 11, 20000);
	assert_int_equal(s->authd.counts.right, 5);
	assert_int_equal(s->authd.counts.temporary, 6);
	stage_free(s);
}

/* Protects: the queue is bounded for all addresses of a program together as well. */
static void test_hash_queue(void **state)
{
	(void)state;
	static const struct authd_limits limits = {1024, 1000, 120000, 2000, 1000};
	struct stage *s = stage_new(false, &limits);
	const struct start right = plain(VIEW("\0mei\0U*U"));
	for (uint32_t i = 0; i < AUTH_HASH_QUEUE + 20; i++)
		say_start(&s->face, i, &right);
	stage_turn(s, &s->face, AUTH_HASH_QUEUE + 20, 60000);
	assert_int_equal(s->face.answers, AUTH_HASH_QUEUE + 20);
	assert_int_equal(s->authd.counts.right + s->authd.counts.temporary, AUTH_HASH_QUEUE + 20);
	assert_true(s->authd.counts.temporary >= 1);
	assert_true(s->authd.counts.right >= AUTH_HASH_SHARE);
	stage_free(s);
}

/* Protects: a client that never answers holds an exchange for its time only, and what it then says is
 * no offence of the face. */
static void test_expiry(void **state)
{
	(void)state;
	static const struct authd_limits limits = {1024, 8, 100, 2000, 1000};
	struct stage *s = stage_new(true, &limits);
	ask(s, 1, &(struct start){.mechanism = "PLAIN", .no_initial = true});
	turn_for(s, 200);
	answer(s, 1, "x");
	expect_failure(&s->face, AUTH_FAILURE_TEMPORARY);
	assert_false(s->face.closed);
	stage_free(s);
}

/* Protects: hanging up while the hash runs saves no guess from being counted, and leaves nothing. */
static void test_cancel_hashing(void **state)
{
	(void)state;
	struct stage *s = stage_new(true, NULL);
	const struct start wrong = plain(VIEW("\0hana\0x"));
	say_start(&s->face, 1, &wrong);
	for (int i = 0; i < 400 && !s->authd.hashing; i++)
		loop_turn(s->loop, 1);
	assert_non_null(s->authd.hashing);
	channel_say(s->face.channel, AUTH_CANCEL, 1);
	for (int i = 0; i < 2000 && s->authd.exchanges; i++)
		loop_turn(s->loop, 5);
	turn_for(s, 50);
	assert_int_equal(gate_count(s, ADDRESS_KEY), 1);
	assert_int_equal(s->face.answers, 0);
	/* and when the face itself dies meanwhile */
	say_start(&s->face, 1, &wrong);
	for (int i = 0; i < 400 && !s->authd.hashing; i++)
		loop_turn(s->loop, 1);
	channel_free(&s->face.channel);
	for (int i = 0; i < 2000 && s->authd.exchanges; i++)
		loop_turn(s->loop, 5);
	turn_for(s, 50);
	assert_int_equal(gate_count(s, ADDRESS_KEY), 2);
	stage_free(s);
}

/* Protects: a drain takes nothing new and ends when the last exchange has. */
static void test_drain(void **state)
{
	(void)state;
	struct stage *s = stage_new(true, NULL);
	const struct start right = plain(VIEW("\0hana\0pencil"));
	ask(s, 1, &(struct start){.mechanism = "PLAIN", .no_initial = true});
	authd_drain(&s->authd);
	assert_int_equal(s->drained, 0);
	ask(s, 2, &right);
	expect_failure(&s->face, AUTH_FAILURE_TEMPORARY);
	channel_say(s->face.channel, AUTH_CANCEL, 1);
	turn_for(s, 50);
	assert_int_equal(s->drained, 1);
	stage_free(s);
}

/* --- the log ------------------------------------------------------------------------------ */

/* Protects: one line a decision with who, whence, how and why; escaped; never a secret. */
static void test_log(void **state)
{
	(void)state;
	static char text[65536];
	char name[] = "/tmp/test-auth-XXXXXX";
	const int file = mkstemp(name);
	const int keep = dup(STDERR_FILENO);
	unlink(name);
	log_flush();
	dup2(file, STDERR_FILENO);
	struct stage *s = stage_new(true, NULL);
	const struct start right = plain(VIEW("\0hana\0pencil"));
	const struct start forged = plain(VIEW("\0x\nresult=success user=hana\0pencil"));
	ask(s, 1, &right);
	ask(s, 2, &forged);
	log_flush();
	dup2(keep, STDERR_FILENO);
	close(keep);
	assert_true(pread(file, text, sizeof text - 1, 0) > 0);
	close(file);
	assert_non_null(strstr(text,
		"event=\"login\" result=success user=hana address=192.0.2.1 mechanism=PLAIN "
		"service=smtp session=00000000005e5510"));
	assert_non_null(strstr(
		text, "event=\"login\" result=failure user=\"x\\x0aresult=success user=hana\""));
	assert_non_null(strstr(text, "reason=\"no such user\""));
	assert_null(strstr(text, "pencil"));
	assert_null(strstr(text, "SCRAM-SHA-256}"));
	unsigned lines = 0;
	for (const char *at = text; (at = strstr(at, "event=\"login\"")); at++)
		lines++;
	assert_int_equal(lines, 2);
	stage_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_scram),
		cmocka_unit_test(test_fake_salt),
		cmocka_unit_test(test_same_cost),
		cmocka_unit_test(test_rewrite),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_objections),
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_grant),
		cmocka_unit_test(test_grant_taken),
		cmocka_unit_test(test_mailbox_gone),
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_counted),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_guilt_of_one_service),
		cmocka_unit_test(test_share_of_hashes),
		cmocka_unit_test(test_no_gate),
		cmocka_unit_test(test_exchanges_max),
		cmocka_unit_test(test_hash_share),
		cmocka_unit_test(test_hash_queue),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_cancel_hashing),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_log),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
