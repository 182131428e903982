/* smtpd asks the gate for who has not logged in: a whole session, with the test as its client, its gate and its spool. */
#include "../config/suite.h"

#include "base/log.h"
#include "faces/smtpd/smtpd.h"

#include <sys/socket.h>
#include <unistd.h>

enum mood { SAYS_NONE, SAYS_ROW, SAYS_FAILED, SAYS_NOTHING, DIES };

struct gate {
	struct channel *channel;
	enum mood mood;
	const char *open; /* the one key for which there is a row */
	unsigned asked;
	unsigned counted;
	uint64_t used; /* of the user's limit */
};

struct stage {
	struct site site;
	struct program program;
	struct smtpd *d;
	struct gate gate;
	struct channel *spool;
	int client;
	char said[4000];
};

/* --- the other ends ----------------------------------------------------------------------- */

static uint32_t gate_state(void *context, uint32_t stream)
{
	(void)context;
	(void)stream;
	return GATE_STATE_IDLE;
}

static void gate_said(void *context, const struct frame *f)
{
	struct gate *g = context;
	if (f->row->code == GATE_COUNT) {
		g->counted++;
		channel_say(g->channel, GATE_COUNTED, f->stream, frame_number(g->used));
		return;
	}
	assert_int_equal(f->row->code, GATE_LOOKUP);
	g->asked++;
	const bool is_it = g->open && view_equal(f->values[0].bytes, view_text(g->open));
	if (g->mood == SAYS_FAILED)
		channel_say(g->channel, GATE_FAILED, f->stream, frame_number(ERROR_CLOSED));
	else if (g->mood == SAYS_ROW && is_it)
		channel_say(g->channel, GATE_ROW, f->stream, frame_bytes(VIEW("by=pop3s since=1")),
			frame_number(10000));
	else if (g->mood == SAYS_ROW || g->mood == SAYS_NONE)
		channel_say(g->channel, GATE_NONE, f->stream);
}

static uint32_t spool_state(void *context, uint32_t stream)
{
	(void)context;
	(void)stream;
	return 0;
}

static void spool_said(void *context, const struct frame *f)
{
	(void)context;
	(void)f;
}

static void closed(void *context, const char *why)
{
	(void)context;
	(void)why;
}

static int pair(int *ours)
{
	int fds[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	*ours = fds[0];
	return fds[1];
}

/* --- the stage ---------------------------------------------------------------------------- */

/* One for all: a program has it as long as it lives. */
static struct census *census(void)
{
	static struct census *one;
	const int fd = one ? -1 : census_create(1);
	if (!one) {
		one = census_map(fd, 0, 1);
		close(fd);
	}
	assert_non_null(one);
	return one;
}

static struct stage *stage_new(const struct memory_file *files)
{
	static const struct channel_handler gate = {gate_state, gate_said, closed};
	static const struct channel_handler spool = {spool_state, spool_said, closed};
	struct stage *s = calloc(1, sizeof *s);
	int ours;
	site_open(&s->site, files);
	assert_int_equal(s->site.findings.levels[FINDING_ERROR], 0);
	s->d = memory_new(1, sizeof *s->d);
	s->program = (struct program){.loop = loop_new(), .state = s->d, .workers = 1};
	s->d->program = &s->program;
	s->d->generation = generation_new(snapshot_hold(s->site.snapshot));
	s->d->room = (struct room){.census = census(),
		.limits = {.sessions = 4, .of_address = 3, .pace = {1000, 1}},
		.workers = 1,
		.sessions_max = 4,
		.gives_up = session_gives_up};
	s->d->streams = streams_new(8);
	s->d->keys = keys_client_new(&s->program);
	s->d->auth = auth_client_new(&s->program, session_login_answered);
	s->d->resolve = resolve_client_new(&s->program);
	gate_client_connect(&s->d->gate, s->program.loop, pair(&ours));
	s->gate.channel = channel_new(s->program.loop, &any_gate, FRAME_B, ours, &gate, &s->gate);
	spool_client_connect(s->d, pair(&ours));
	s->spool = channel_new(s->program.loop, &smtpd_spool, FRAME_B, ours, &spool, s);
	return s;
}

static void stage_free(struct stage *s)
{
	for (struct place *p; (p = places_first(&s->d->room.places));)
		session_end(p->owner, false);
	for (int i = 0; i < 5; i++)
		loop_turn(s->program.loop, 1);
	close(s->client);
	channel_free(&s->gate.channel);
	channel_free(&s->spool);
	for (int i = 0; i < 5; i++)
		loop_turn(s->program.loop, 1);
	channel_free(&s->d->gate.channel);
	channel_free(&s->d->spool);
	streams_free(&s->d->streams);
	streams_free(&s->d->gate.questions);
	auth_client_free(&s->d->auth);
	resolve_client_free(&s->d->resolve);
	keys_client_free(&s->d->keys);
	generation_drop(&s->d->generation);
	loop_free(&s->program.loop);
	memory_free(s->d);
	site_close(&s->site);
	free(s);
}

static void come(struct stage *s)
{
	struct arrival arrival = {.client_port = 1};
	assert_true(ip_parse(VIEW("192.0.2.9"), &arrival.client));
	arrival.fd = pair(&s->client);
	session_begin(s->d, &arrival, LISTEN_SMTP);
}

/* Says a line, or nothing, and turns until there is a whole reply: its code. */
static int say(struct stage *s, const char *line)
{
	size_t length = 0;
	assert_int_equal(write(s->client, line, strlen(line)), strlen(line));
	s->said[0] = 0;
	for (int i = 0; i < 3000 && !(strstr(s->said, "\r\n") && s->said[length - 1] == '\n');
		i++) {
		loop_turn(s->program.loop, 5);
		if (s->gate.mood == DIES && s->gate.asked)
			channel_free(&s->gate.channel);
		const ssize_t n = read(s->client, s->said + length, sizeof s->said - 1 - length);
		length += n > 0 ? (size_t)n : 0;
		s->said[length] = 0;
	}
	return atoi(s->said);
}

/* A client comes and writes as one of example.test. */
static void begin_mail(struct stage *s, const char *from)
{
	char mail[100];
	snprintf(mail, sizeof mail, "MAIL FROM:<%s@example.test>\r\n", from);
	come(s);
	assert_int_equal(say(s, ""), 220);
	assert_int_equal(say(s, "EHLO client.example\r\n"), 250);
	assert_int_equal(say(s, mail), 250);
}

/* --- the tests ---------------------------------------------------------------------------- */

static const struct memory_file house[] = {{"users", "hana:!\njiro:!\ntaro:!\n", 0600},
	{"domains", "example.test\n", 0}, {"aliases", "sales: hana, taro\n", 0}, {"popkey", "", 0},
	{0}};
static const struct memory_file for_anybody[] = {{"users", "hana:!\njiro:!\ntaro:!\n", 0600},
	{"domains", "example.test\n", 0}, {"aliases", "sales: hana, taro\n", 0}, {"popkey", "", 0},
	{"popkeyanybody", "yes\n", 0}, {0}};

static void answers(void **state)
{
	/* Protects: only a row that was found opens; whatever else the gate says, or does not say, is closed (law 3). */
	(void)state;
	static const struct {
		const struct memory_file *files;
		const char *from;
		enum mood mood;
		const char *open;
		int code;
		unsigned asked;
	} cases[] = {
		{house, "hana", SAYS_ROW, "open:192.0.2.9 hana/", 250, 1},
		{house, "sales", SAYS_ROW, "open:192.0.2.9 taro/", 250, 2},
		{house, "hana", SAYS_ROW, "open:192.0.2.9 taro/", 550, 1},
		{house, "hana", SAYS_ROW, "open:192.0.2.8 hana/", 550, 1},
		{house, "hana", SAYS_ROW, "open:192.0.2.9 /", 550, 1},
		{house, "hana", SAYS_NONE, NULL, 550, 1},
		{house, "hana", SAYS_FAILED, NULL, 451, 1},
		{house, "hana", SAYS_NOTHING, NULL, 451, 1},
		{house, "hana", DIES, NULL, 451, 1},
		{house, "nobody", SAYS_ROW, "open:192.0.2.9 nobody/", 550, 0},
		{for_anybody, "hana", SAYS_ROW, "open:192.0.2.9 /", 250, 2},
		{for_anybody, "nobody", SAYS_ROW, "open:192.0.2.9 /", 550, 0},
		{for_anybody, "hana", SAYS_NONE, NULL, 550, 2},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct stage *s = stage_new(cases[i].files);
		s->gate.mood = cases[i].mood;
		s->gate.open = cases[i].open;
		begin_mail(s, cases[i].from);
		const int code = say(s, "RCPT TO:<anna@other.example>\r\n");
		if (code != cases[i].code || s->gate.asked != cases[i].asked)
			fail_msg("%zu: %u asked, %s", i, s->gate.asked, s->said);
		/* who is let through is counted (N-8) */
		assert_int_equal(s->gate.counted > 0, code == 250);
		/* for users here it is a mail as any other's */
		s->gate.mood = SAYS_NONE;
		if (cases[i].mood != DIES || code == 451)
			assert_int_equal(say(s, "RCPT TO:<jiro@example.test>\r\n"), 250);
		stage_free(s);
	}
}

static void once_a_mail(void **state)
{
	/* Protects: what was let through is one mail; the next one asks again. */
	(void)state;
	struct stage *s = stage_new(house);
	s->gate.mood = SAYS_ROW;
	s->gate.open = "open:192.0.2.9 hana/";
	begin_mail(s, "hana");
	assert_int_equal(say(s, "RCPT TO:<anna@other.example>\r\n"), 250);
	s->gate.mood = SAYS_NONE;
	assert_int_equal(say(s, "RCPT TO:<bert@other.example>\r\n"), 250);
	assert_int_equal(s->gate.asked, 1);
	assert_int_equal(say(s, "RSET\r\n"), 250);
	assert_int_equal(say(s, "MAIL FROM:<hana@example.test>\r\n"), 250);
	assert_int_equal(say(s, "RCPT TO:<anna@other.example>\r\n"), 550);
	assert_int_equal(s->gate.asked, 2);
	stage_free(s);
}

static void for_nobody_taken(void **state)
{
	/* Protects: where the first recipient was not taken, the second asks anew: the gate may be closed by then. */
	(void)state;
	struct stage *s = stage_new(house);
	s->gate.mood = SAYS_ROW;
	s->gate.open = "open:192.0.2.9 hana/";
	s->gate.used = 1000000;
	begin_mail(s, "hana");
	assert_int_equal(say(s, "RCPT TO:<anna@other.example>\r\n"), 450);
	s->gate.mood = SAYS_NONE;
	s->gate.used = 0;
	assert_int_equal(say(s, "RCPT TO:<anna@other.example>\r\n"), 550);
	assert_int_equal(s->gate.asked, 2);
	stage_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(once_a_mail),
		cmocka_unit_test(for_nobody_taken),
	};
	log_threshold((enum log_level)(LOG_ERROR + 1));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
