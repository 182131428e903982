#include "auth_stage.h"

#include <fcntl.h>

#define TURNS_MIN 10u /* on a busy machine all the time passes within one */

static const uint8_t fake_key[VERIFIER_KEY_OCTETS] = "a secret of this installation..";

/* --- the face ----------------------------------------------------------------------------- */

static uint32_t face_state(void *context, uint32_t stream)
{
	(void)context;
	(void)stream;
	return AUTH_STATE_ASKED;
}

static void face_said(void *context, const struct frame *f)
{
	struct test_face *face = context;
	face->answers++;
	face->code = f->row->code;
	face->stream = f->stream;
	face->text[0] = 0;
	face->reason = 0;
	if (f->row->code == AUTH_FAILURE)
		face->reason = f->values[0].number;
	else
		assert_true(view_to_text(f->values[0].bytes, face->text, sizeof face->text));
}

static void face_closed(void *context, const char *why)
{
	struct test_face *face = context;
	face->closed = true;
	face->why = why;
}

void stage_face(struct stage *s, struct test_face *face, enum program_id id, uint32_t worker)
{
	static const struct channel_handler handler = {face_state, face_said, face_closed};
	int fds[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	*face = (struct test_face){.code = NOTHING};
	face->channel = channel_new(s->loop, &face_auth, FRAME_A, fds[0], &handler, face);
	authd_connect(&s->authd, id, worker, fds[1]);
}

/* --- the mailbox -------------------------------------------------------------------------- */

static uint32_t mailbox_state(void *context, uint32_t stream)
{
	(void)context;
	(void)stream;
	return GRANT_STATE_ANY;
}

static void mailbox_said(void *context, const struct frame *f)
{
	struct test_mailbox *m = context;
	m->stream = f->stream;
	m->worker = f->values[0].number;
	if (f->row->code == GRANT_TAKE) {
		m->takes++;
		return;
	}
	m->gives++;
	assert_true(view_to_text(f->values[1].bytes, m->user, sizeof m->user));
	if (m->answers)
		channel_say(m->channel, GRANT_GIVEN, f->stream, frame_number(m->worker));
}

static void mailbox_closed(void *context, const char *why)
{
	(void)context;
	(void)why;
}

void stage_mailbox(struct stage *s)
{
	static const struct channel_handler handler = {mailbox_state, mailbox_said, mailbox_closed};
	int fds[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	channel_free(&s->mailbox.channel);
	s->mailbox = (struct test_mailbox){.answers = true};
	s->mailbox.channel =
		channel_new(s->loop, &auth_mailbox, FRAME_B, fds[0], &handler, &s->mailbox);
	authd_connect(&s->authd, PROGRAM_MAILBOX, 0, fds[1]);
}

/* --- the stage ---------------------------------------------------------------------------- */

static void on_rewrite(void *context, struct view name, struct view before, struct view after)
{
	struct stage *s = context;
	s->rewrites++;
	assert_true(view_to_text(name, s->rewrite_name, sizeof s->rewrite_name));
	assert_true(view_to_text(before, s->rewrite_before, sizeof s->rewrite_before));
	assert_true(view_to_text(after, s->rewrite_after, sizeof s->rewrite_after));
}

static void on_drained(void *context)
{
	((struct stage *)context)->drained++;
}

static void on_broken(void *context, enum program_id id, uint32_t worker, const char *why)
{
	(void)id;
	(void)worker;
	(void)why;
	((struct stage *)context)->broken++;
}

static void gate_is_drained(void *context)
{
	(void)context;
}

static void begin_gate(struct stage *s)
{
	static const struct gate_limits limits = {1000, 1000000};
	static const struct workers_limits pool = {.threads = 1, .queue_max = 2};
	struct gate_clock_facts facts = {
		.wall_ms = 1000000000, .monotonic_ms = clock_monotonic_ms()};
	int fds[2];
	s->has_gate = true;
	s->gated.loop = s->loop;
	s->gated.drained = gate_is_drained;
	gated_begin(&s->gated, &limits, (struct gate_seed){1, 2}, &facts, gate_store_memory());
	gated_go(&s->gated, s->loop, workers_new(&pool, "gate-store"));
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	authd_connect(&s->authd, PROGRAM_GATE, 0, fds[0]);
	gated_connect(&s->gated, PROGRAM_AUTH, 0, fds[1]);
}

struct stage *stage_new(bool with_gate, const struct authd_limits *limits)
{
	static const struct workers_limits pool = {.threads = 2, .queue_max = AUTH_HASH_QUEUE};
	struct stage *s = calloc(1, sizeof *s);
	const struct authd_hooks hooks = {on_rewrite, on_broken, on_drained, s};
	verifier_warm();
	sasl_warm();
	s->loop = loop_new();
	authd_begin(&s->authd, s->loop, limits ? limits : &authd_limits_default, &hooks, fake_key);
	authd_config(&s->authd, stage_snapshot(NULL));
	authd_go(&s->authd, workers_new(&pool, "auth-hash"));
	if (with_gate)
		begin_gate(s);
	stage_face(s, &s->face, PROGRAM_SMTPD, 0);
	return s;
}

static void end_face(struct stage *s, struct auth_face *face)
{
	if (face->channel)
		authd_connect(
			&s->authd, face->id, face->worker, open("/dev/null", O_RDONLY | O_CLOEXEC));
	channel_free(&face->channel);
	streams_free(&face->exchanges);
	streams_free(&face->grants);
}

void stage_free(struct stage *s)
{
	if (s->authd.mailbox) /* its end takes the grants along */
		authd_connect(
			&s->authd, PROGRAM_MAILBOX, 0, open("/dev/null", O_RDONLY | O_CLOEXEC));
	for (size_t i = 0; i < AUTH_FACES_MAX; i++)
		end_face(s, &s->authd.faces[i]);
	watch_free(&s->authd.reaper);
	workers_free(&s->authd.workers);
	assert_int_equal(s->authd.exchanges, 0); /* nothing is left behind, ever */
	assert_null(s->authd.hashing);
	channel_free(&s->authd.gate.channel);
	streams_free(&s->authd.gate.questions);
	channel_free(&s->authd.mailbox);
	channel_free(&s->face.channel);
	channel_free(&s->mailbox.channel);
	snapshot_drop(&s->authd.snapshot);
	memory_free(s->authd.rewritten);
	if (s->has_gate)
		gated_end(&s->gated);
	loop_free(&s->loop);
	free(s);
}

static void free_users(void *context, struct view blob)
{
	(void)context;
	memory_free((void *)(uintptr_t)blob.at);
}

struct snapshot *stage_snapshot(const char *mei_verifier)
{
	static const uint8_t salt[] = "sixteen octets..";
	static struct buffer hana = {.max = 600};
	static struct buffer taro = {.max = 600};
	static struct domain domains[] = {{{(const uint8_t *)"example.test", 12}}};
	if (!hana.length) {
		assert_true(verifier_make(
			VIEW("pencil"), view_of(salt, 16), VERIFIER_ITERATIONS, &hana));
		assert_true(verifier_make(
			VIEW("inkwell"), view_of(salt, 16), VERIFIER_ITERATIONS, &taro));
	}
	struct snapshot_user *users = memory_new(4, sizeof *users);
	users[0] = (struct snapshot_user){VIEW("hana"), buffer_view(&hana)};
	users[1] = (struct snapshot_user){VIEW("jun"), VIEW("!")};
	users[2] = (struct snapshot_user){VIEW("mei"),
		mei_verifier
			? view_text(mei_verifier)
			: VIEW("$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")};
	users[3] = (struct snapshot_user){VIEW("taro"), buffer_view(&taro)};
	struct snapshot *snapshot = memory_new(1, sizeof *snapshot);
	*snapshot = (struct snapshot){.references = 1,
		.domains = domains,
		.domain_count = 1,
		.users = users,
		.user_count = 4,
		.blob = view_of(users, 1)};
	snapshot->release = free_users;
	return snapshot;
}

/* --- dialogue ----------------------------------------------------------------------------- */

void stage_turn(struct stage *s, struct test_face *face, unsigned answers, unsigned ms)
{
	const uint64_t until = clock_monotonic_ms() + ms;
	for (unsigned turns = 0;
		face->answers < answers && (turns < TURNS_MIN || clock_monotonic_ms() < until);
		turns++)
		loop_turn(s->loop, 5);
}

void say_start(struct test_face *face, uint32_t stream, const struct start *start)
{
	static const char ours[17] = "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01";
	const unsigned flags =
		(start->no_tls ? 0u : AUTH_FLAG_TLS) | (start->no_initial ? 0u : AUTH_FLAG_INITIAL);
	channel_say(face->channel, AUTH_START, stream,
		frame_number(start->service ? start->service : AUTH_SERVICE_SMTP),
		frame_number(flags), frame_bytes(view_text(start->mechanism)),
		frame_bytes(start->initial),
		frame_bytes(view_of(start->address ? start->address : ours, 16)),
		frame_number(start->kind), frame_bytes(view_text(start->binding)),
		frame_number(start->session ? start->session : 0x5e5510));
}

void say_step(struct test_face *face, uint32_t stream, const char *response)
{
	channel_say(face->channel, AUTH_STEP, stream, frame_bytes(view_text(response)));
}

void ask(struct stage *s, uint32_t stream, const struct start *start)
{
	const unsigned answers = s->face.answers;
	say_start(&s->face, stream, start);
	stage_turn(s, &s->face, answers + 1, 20000);
	assert_int_equal(s->face.answers, answers + 1);
	assert_int_equal(s->face.stream, stream);
}

void answer(struct stage *s, uint32_t stream, const char *response)
{
	const unsigned answers = s->face.answers;
	say_step(&s->face, stream, response);
	stage_turn(s, &s->face, answers + 1, 20000);
	assert_int_equal(s->face.answers, answers + 1);
	assert_int_equal(s->face.stream, stream);
}

void expect_failure(const struct test_face *face, enum auth_failure reason)
{
	assert_int_equal(face->code, AUTH_FAILURE);
	assert_int_equal(face->reason, reason);
}

void expect_success(const struct test_face *face, const char *user)
{
	assert_int_equal(face->code, AUTH_SUCCESS);
	assert_string_equal(face->text, user);
}

/* --- the gate ----------------------------------------------------------------------------- */

void gate_add(struct stage *s, struct view key, uint32_t amount)
{
	uint64_t count;
	assert_int_equal(gate_table_count(s->gated.table, gated_now_ms(&s->gated), key, amount,
				 GUESS_WINDOW_MS, &count),
		ERROR_NONE);
}

uint64_t gate_count(struct stage *s, struct view key)
{
	uint64_t count;
	assert_int_equal(gate_table_count(s->gated.table, gated_now_ms(&s->gated), key, 0,
				 GUESS_WINDOW_MS, &count),
		ERROR_NONE);
	return count;
}

void name_key(struct stage *s, const char *prefix, const char *name, char *out, size_t room)
{
	const struct account a =
		account_find(s->authd.snapshot, s->authd.fake_key, view_text(name));
	struct buffer b = buffer_new(200);
	buffer_add(&b, view_text(prefix));
	buffer_add_hex(&b, view_of(a.tag, sizeof a.tag));
	assert_true(view_to_text(buffer_view(&b), out, room));
	buffer_free(&b);
}
