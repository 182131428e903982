/* keepers/mailbox: who may open which mailbox, alone in it, after its repairs; content under credit;
 * nothing is removed before deliver says that it is synced. The keeper runs in this process; popd,
 * auth and deliver are the other ends of its channels. */
#include "../store/maildir_suite.h"

#include <errno.h>
#include <semaphore.h>
#include <sys/socket.h>

#include "base/channel.h"
#include "keepers/mailbox/mailboxd.h"

#define HANA 7u
#define TARO 8u
#define SAID_MAX 64

struct said {
	uint16_t code;
	uint32_t stream;
	uint64_t a;
	uint64_t b;
};

struct end {
	struct channel *channel;
	struct said said[SAID_MAX];
	size_t count; /* not looked at yet */
	struct buffer octets; /* of CONTENT and PAGE */
};

struct world {
	struct boxes *boxes;
	struct program program;
	struct mailboxd *mailboxd;
	struct end popd;
	struct end auth;
	struct end deliver;
	bool settles; /* deliver answers at once */
	uint64_t settle_error;
};
static struct world world;

/* --- the other ends */

static uint32_t any_state(void *context, uint32_t stream)
{
	(void)context;
	(void)stream;
	return UINT32_MAX;
}

static void heard(void *context, const struct frame *frame)
{
	struct end *end = context;
	if (end == &world.popd &&
		(frame->row->code == MAILBOX_CONTENT || frame->row->code == MAILBOX_PAGE))
		buffer_add(&end->octets, frame->values[0].bytes);
	if (end == &world.popd && frame->row->code == MAILBOX_CONTENT)
		return;
	assert_true(end->count < SAID_MAX);
	end->said[end->count++] = (struct said){
		frame->row->code, frame->stream, frame->values[0].number, frame->values[1].number};
	if (end == &world.deliver && world.settles)
		channel_say(
			end->channel, SETTLE_DONE, frame->stream, frame_number(world.settle_error));
}

static void ended(void *context, const char *broken)
{
	struct end *end = context;
	(void)broken;
	channel_free(&end->channel);
}

static const struct channel_handler handler = {any_state, heard, ended};

static int connect_end(struct end *end, const struct frame_protocol *protocol, enum frame_side ours)
{
	int fds[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	end->octets = buffer_new(1u << 20);
	end->channel = channel_new(world.program.loop, protocol, ours, fds[0], &handler, end);
	return fds[1];
}

static void close_end(struct end *end)
{
	channel_free(&end->channel);
	buffer_free(&end->octets);
	end->count = 0;
}

static void connect_popd(void)
{
	sessions_connect(world.mailboxd, 0, connect_end(&world.popd, &popd_mailbox, FRAME_A));
}

static void connect_auth(void)
{
	grants_connect(world.mailboxd, connect_end(&world.auth, &auth_mailbox, FRAME_A));
}

static void connect_deliver(void)
{
	settle_connect(world.mailboxd, connect_end(&world.deliver, &mailbox_deliver, FRAME_B));
}

/* Some turns, in which nothing (more) is to happen. */
static void let_run(void)
{
	for (int i = 0; i < 20; i++)
		loop_turn(world.program.loop, 2);
}

/* Waits for what the end hears next. */
static struct said next(struct end *end)
{
	for (int i = 0; i < 500 && !end->count; i++)
		loop_turn(world.program.loop, 10);
	assert_true(end->count > 0);
	const struct said first = end->said[0];
	memmove(end->said, end->said + 1, --end->count * sizeof first);
	return first;
}

static void expect(struct end *end, uint16_t code, uint32_t stream, uint64_t a, uint64_t b)
{
	const struct said s = next(end);
	assert_int_equal(s.code, code);
	assert_int_equal(s.stream, stream);
	assert_true(s.a == a);
	assert_true(s.b == b);
}

static void expect_silence(struct end *end)
{
	let_run();
	assert_int_equal(end->count, 0);
}

#define popd_says(code, stream, ...) channel_say(world.popd.channel, code, stream, ##__VA_ARGS__)

static void grant(uint32_t stream, const char *user)
{
	channel_say(world.auth.channel, GRANT_GIVE, stream, frame_number(0),
		frame_bytes(view_text(user)));
	expect(&world.auth, GRANT_GIVEN, stream, 0, 0);
}

#define BOTH (5u + 6u + 2u + 2u) /* octets of the two mails as sent: neither has a last line end */

static void open_hana(uint64_t count, uint64_t octets)
{
	grant(HANA, "hana");
	popd_says(MAILBOX_OPEN, HANA);
	expect(&world.popd, MAILBOX_OPENED, HANA, count, octets);
}

static void remove_first(uint32_t count)
{
	struct buffer numbers = buffer_new(64);
	for (uint32_t i = 1; i <= count; i++)
		buffer_add_u32(&numbers, i);
	popd_says(MAILBOX_REMOVE, HANA, frame_bytes(buffer_view(&numbers)));
	popd_says(MAILBOX_REMOVED, HANA);
	buffer_free(&numbers);
}

/* --- set up */

static void set_place(void)
{
	static struct snapshot snapshot;
	snapshot = (struct snapshot){
		.references = 1000, .mailboxes = VIEW("/var/lib/sekisho/mail/LOCALPART/")};
	world.mailboxd->snapshot = &snapshot;
	world.mailboxd->disk = mail_disk_posix();
	world.mailboxd->directory = world.boxes->root;
}

static int set_up(void **state)
{
	assert_int_equal(boxes_open(state), 0);
	world = (struct world){.boxes = *state, .settles = true};
	world.program.loop = loop_new();
	world.mailboxd = memory_new(1, sizeof *world.mailboxd);
	world.mailboxd->program = &world.program;
	world.mailboxd->questions = streams_new(VISITS_MAX);
	for (uint32_t i = 0; i < POPD_WORKERS_MAX; i++)
		world.mailboxd->popds[i] = (struct popd_end){
			.mailboxd = world.mailboxd, .worker = i, .grants = streams_new(GRANTS_MAX)};
	set_place();
	disk_work_start(world.mailboxd);
	connect_popd();
	connect_auth();
	connect_deliver();
	boxes_make(world.boxes, "hana");
	boxes_put(world.boxes, "hana/new/1700000001.a,S=5", "first");
	boxes_put(world.boxes, "hana/cur/1700000002.b,S=6:2,S", "second");
	return 0;
}

/* Everything ends well: no visit, no grant, no memory is left. */
static int tear_down(void **state)
{
	struct mailboxd *d = world.mailboxd;
	close_end(&world.popd);
	close_end(&world.auth);
	world.settles = true;
	let_run();
	close_end(&world.deliver);
	let_run();
	settle_tick(d);
	assert_int_equal(d->visit_count, 0);
	assert_int_equal(d->listed_octets, 0);
	for (size_t i = 0; i < POPD_WORKERS_MAX; i++) {
		assert_int_equal(streams_count(&d->popds[i].grants), 0);
		streams_free(&d->popds[i].grants);
	}
	streams_free(&d->questions);
	watch_free(&d->pool_watch);
	workers_free(&d->pool);
	memory_free(d);
	loop_free(&world.program.loop);
	return boxes_close(state);
}

/* --- grants */

static void nobody_opens_without_a_grant(void **state)
{
	/* popd names sessions, never users; only auth says whose they are. */
	(void)state;
	popd_says(MAILBOX_OPEN, HANA);
	expect(&world.popd, MAILBOX_FAILED, HANA, MAILBOX_NO_GRANT, 0);
	grant(TARO, "taro");
	popd_says(MAILBOX_OPEN, HANA);
	expect(&world.popd, MAILBOX_FAILED, HANA, MAILBOX_NO_GRANT, 0);
	assert_int_equal(world.deliver.count, 0);
}

static void names_that_are_no_mailbox(void **state)
{
	/* Whatever auth says, nothing outside the directory of mailboxes is opened. */
	(void)state;
	static const char *const names[] = {"", ".", "..", "../hana", "hana/new", "/", ".x", "-x"};
	for (size_t i = 0; i < COUNT(names); i++) {
		grant(HANA, names[i]);
		popd_says(MAILBOX_OPEN, HANA);
		expect(&world.popd, MAILBOX_FAILED, HANA, MAILBOX_NO_GRANT, 0);
	}
}

static void a_grant_taken_back_closes(void **state)
{
	/* auth's word ends a session; its mailbox is free for the next. */
	(void)state;
	open_hana(2, BOTH);
	channel_say(world.auth.channel, GRANT_TAKE, HANA, frame_number(0));
	let_run();
	assert_int_equal(world.mailboxd->visit_count, 0);
	popd_says(MAILBOX_OPEN, HANA);
	expect(&world.popd, MAILBOX_FAILED, HANA, MAILBOX_NO_GRANT, 0);
	open_hana(2, BOTH);
}

static void grants_end_with_their_popd(void **state)
{
	/* A popd that died takes its sessions with it: the next one begins with none. */
	(void)state;
	open_hana(2, BOTH);
	grant(TARO, "taro");
	close_end(&world.popd);
	let_run();
	connect_popd();
	popd_says(MAILBOX_OPEN, TARO);
	expect(&world.popd, MAILBOX_FAILED, TARO, MAILBOX_NO_GRANT, 0);
	open_hana(2, BOTH);
}

static void open_sessions_outlive_auth(void **state)
{
	/* auth restarts: who reads goes on reading, who has not opened yet logs in again. */
	(void)state;
	open_hana(2, BOTH);
	grant(TARO, "taro");
	close_end(&world.auth);
	let_run();
	popd_says(MAILBOX_ROWS, HANA, frame_number(1), frame_number(2));
	assert_int_equal(next(&world.popd).code, MAILBOX_PAGE);
	popd_says(MAILBOX_OPEN, TARO);
	expect(&world.popd, MAILBOX_FAILED, TARO, MAILBOX_NO_GRANT, 0);
	connect_auth(); /* and knows nothing of hana: nobody will take her grant back */
	let_run();
	popd_says(MAILBOX_CLOSE, HANA);
	let_run();
	assert_int_equal(streams_count(&world.mailboxd->popds[0].grants), 0);
}

/* --- opening */

static void one_session_a_mailbox(void **state)
{
	/* RFC 1939 §3: the maildrop is held exclusively; others are not touched by that. */
	(void)state;
	open_hana(2, BOTH);
	grant(9, "hana");
	popd_says(MAILBOX_OPEN, 9);
	expect(&world.popd, MAILBOX_FAILED, 9, MAILBOX_IN_USE, 0);
	grant(TARO, "taro");
	popd_says(MAILBOX_OPEN, TARO);
	expect(&world.popd, MAILBOX_OPENED, TARO, 0, 0);
	popd_says(MAILBOX_CLOSE, HANA);
	popd_says(MAILBOX_OPEN, 9);
	expect(&world.popd, MAILBOX_OPENED, 9, 2, BOTH);
}

static void repairs_come_first(void **state)
{
	/* DESIGN §5: no mailbox is served before deliver says that its repairs are done. */
	(void)state;
	world.settles = false;
	grant(HANA, "hana");
	popd_says(MAILBOX_OPEN, HANA);
	const struct said asked = next(&world.deliver);
	assert_int_equal(asked.b, 0);
	expect_silence(&world.popd);
	channel_say(world.deliver.channel, SETTLE_DONE, asked.stream, frame_number(0));
	expect(&world.popd, MAILBOX_OPENED, HANA, 2, BOTH);
}

static void deliver_comes_back(void **state)
{
	/* The question is asked again when deliver was restarted. */
	(void)state;
	world.settles = false;
	grant(HANA, "hana");
	popd_says(MAILBOX_OPEN, HANA);
	assert_int_equal(next(&world.deliver).code, SETTLE_ASK);
	close_end(&world.deliver);
	expect_silence(&world.popd);
	world.settles = true;
	connect_deliver();
	expect(&world.popd, MAILBOX_OPENED, HANA, 2, BOTH);
}

static void trouble_with_repairs(void **state)
{
	/* Repairs that fail are "later", and leave nothing behind. */
	(void)state;
	world.settle_error = ERROR_IO;
	grant(HANA, "hana");
	popd_says(MAILBOX_OPEN, HANA);
	expect(&world.popd, MAILBOX_FAILED, HANA, MAILBOX_TEMPORARY, 0);
	world.settle_error = 0;
	popd_says(MAILBOX_OPEN, HANA);
	expect(&world.popd, MAILBOX_OPENED, HANA, 2, BOTH);
}

static void closed_while_settling(void **state)
{
	/* The client left before the answer came: it is dropped, the mailbox free at once. */
	(void)state;
	world.settles = false;
	grant(HANA, "hana");
	popd_says(MAILBOX_OPEN, HANA);
	const struct said asked = next(&world.deliver);
	popd_says(MAILBOX_CLOSE, HANA);
	let_run();
	assert_int_equal(world.mailboxd->visit_count, 0);
	channel_say(world.deliver.channel, SETTLE_DONE, asked.stream, frame_number(0));
	expect_silence(&world.popd);
	world.settles = true;
	popd_says(MAILBOX_OPEN, HANA);
	expect(&world.popd, MAILBOX_OPENED, HANA, 2, BOTH);
}

static sem_t hang;

static void hang_job(void *context)
{
	(void)context;
	sem_wait(&hang);
}

static void hung_job_done(void *context)
{
	struct visit *v = context;
	visit_job_over(v);
}

static void a_hung_disk_stops_its_own_mailbox_only(void **state)
{
	/* A job that does not come back: others open; its own is in use even when its client left. */
	(void)state;
	open_hana(2, BOTH);
	struct grant *g = streams_get(&world.mailboxd->popds[0].grants, HANA);
	sem_init(&hang, 0, 0);
	assert_true(disk_work_submit(g->visit, hang_job, hung_job_done));
	popd_says(MAILBOX_CLOSE, HANA);
	grant(TARO, "taro");
	popd_says(MAILBOX_OPEN, TARO);
	expect(&world.popd, MAILBOX_OPENED, TARO, 0, 0);
	popd_says(MAILBOX_OPEN, HANA);
	expect(&world.popd, MAILBOX_FAILED, HANA, MAILBOX_IN_USE, 0);
	sem_post(&hang);
	let_run();
	popd_says(MAILBOX_OPEN, HANA);
	expect(&world.popd, MAILBOX_OPENED, HANA, 2, BOTH);
	sem_destroy(&hang);
}

/* --- rows and content */

static void pages(void **state)
{
	/* Rows of the asked range that exist; past the end there are none. */
	(void)state;
	static const struct {
		uint32_t first;
		uint32_t count;
		size_t octets;
	} cases[] = {
		{1, 500, 58},
		{1, 1, 29},
		{2, 5, 29},
		{3, 1, 0},
		{0, 2, 0},
		{UINT32_MAX, 500, 0},
	};
	open_hana(2, BOTH);
	for (size_t i = 0; i < COUNT(cases); i++) {
		popd_says(MAILBOX_ROWS, HANA, frame_number(cases[i].first),
			frame_number(cases[i].count));
		assert_int_equal(next(&world.popd).code, MAILBOX_PAGE);
		if (world.popd.octets.length != cases[i].octets)
			fail_msg("%u: %zu", cases[i].first, world.popd.octets.length);
		buffer_clear(&world.popd.octets);
	}
}

static void put_large(size_t octets)
{
	const int fd = openat(world.boxes->root, "hana/new/1800000000.large",
		O_WRONLY | O_CREAT | O_CLOEXEC, 0660);
	for (size_t i = 0; i < octets / 8; i++) {
		char part[32];
		snprintf(part, sizeof part, "%08u", (unsigned)i);
		assert_int_equal(write(fd, part, 8), 8);
	}
	close(fd);
}

static void content_waits_for_credit(void **state)
{
	/* A slow client holds MAILBOX_CREDIT_FIRST octets and no more. */
	(void)state;
	const size_t size = 400000;
	put_large(size);
	open_hana(3, BOTH + size + 2);
	popd_says(MAILBOX_FETCH, HANA, frame_number(3));
	expect_silence(&world.popd);
	assert_int_equal(world.popd.octets.length, MAILBOX_CREDIT_FIRST);
	popd_says(MAILBOX_CREDIT, HANA, frame_number(1000));
	expect_silence(&world.popd);
	assert_int_equal(world.popd.octets.length, MAILBOX_CREDIT_FIRST);
	popd_says(MAILBOX_CREDIT, HANA, frame_number(MAILBOX_CHUNK_MAX));
	expect_silence(&world.popd);
	assert_int_equal(world.popd.octets.length, MAILBOX_CREDIT_FIRST + MAILBOX_CHUNK_MAX + 1000);
	/* two gifts at once are one: a popd that was broken into cannot make us read ahead */
	popd_says(MAILBOX_CREDIT, HANA, frame_number(MAILBOX_CREDIT_FIRST));
	popd_says(MAILBOX_CREDIT, HANA, frame_number(MAILBOX_CREDIT_FIRST));
	expect_silence(&world.popd);
	assert_int_equal(
		world.popd.octets.length, 2 * MAILBOX_CREDIT_FIRST + MAILBOX_CHUNK_MAX + 1000);
	popd_says(MAILBOX_CREDIT, HANA, frame_number(MAILBOX_CREDIT_FIRST));
	expect(&world.popd, MAILBOX_END, HANA, 0, 0);
	assert_int_equal(world.popd.octets.length, size);
	for (size_t i = 0; i < size / 8; i++) {
		char part[32];
		snprintf(part, sizeof part, "%08u", (unsigned)i);
		assert_memory_equal(world.popd.octets.data + i * 8, part, 8);
	}
}

static void content_is_stopped(void **state)
{
	/* TOP: after STOP comes END, and the next question is answered. */
	(void)state;
	put_large(400000);
	open_hana(3, BOTH + 400000 + 2);
	popd_says(MAILBOX_FETCH, HANA, frame_number(3));
	expect_silence(&world.popd);
	popd_says(MAILBOX_STOP, HANA);
	expect(&world.popd, MAILBOX_END, HANA, 0, 0);
	buffer_clear(&world.popd.octets);
	popd_says(MAILBOX_FETCH, HANA, frame_number(1));
	popd_says(MAILBOX_STOP, HANA); /* perhaps after its end: no second one */
	expect(&world.popd, MAILBOX_END, HANA, 0, 0);
	expect_silence(&world.popd);
	buffer_clear(&world.popd.octets);
	popd_says(MAILBOX_FETCH, HANA, frame_number(2));
	expect(&world.popd, MAILBOX_END, HANA, 0, 0);
	assert_true(view_equal(buffer_view(&world.popd.octets), VIEW("second")));
}

static void content_that_is_gone(void **state)
{
	/* Removed, unknown, cut while it is read: GONE, and the session goes on. */
	struct boxes *b = *state;
	put_large(400000);
	open_hana(3, BOTH + 400000 + 2);
	unlinkat(b->root, "hana/new/1700000001.a,S=5", 0);
	static const uint32_t numbers[] = {1, 1, 0, 4, UINT32_MAX};
	for (size_t i = 0; i < COUNT(numbers); i++) {
		popd_says(MAILBOX_FETCH, HANA, frame_number(numbers[i]));
		expect(&world.popd, MAILBOX_GONE, HANA, 0, 0);
	}
	popd_says(MAILBOX_FETCH, HANA, frame_number(3));
	let_run();
	const int fd = openat(b->root, "hana/new/1800000000.large", O_WRONLY | O_TRUNC | O_CLOEXEC);
	close(fd);
	popd_says(MAILBOX_CREDIT, HANA, frame_number(MAILBOX_CREDIT_FIRST));
	expect(&world.popd, MAILBOX_GONE, HANA, 0, 0);
	buffer_clear(&world.popd.octets);
	popd_says(MAILBOX_FETCH, HANA, frame_number(2));
	expect(&world.popd, MAILBOX_END, HANA, 0, 0);
	assert_true(view_equal(buffer_view(&world.popd.octets), VIEW("second")));
}

/* --- removing */

static void removes_after_the_sync(void **state)
{
	/* DESIGN §5: what is not yet delivered for good is not unlinked, or it would come again. */
	struct boxes *b = *state;
	open_hana(2, BOTH);
	assert_int_equal(next(&world.deliver).b, 0);
	world.settles = false;
	remove_first(1);
	const struct said asked = next(&world.deliver);
	assert_int_equal(asked.b, 1);
	expect_silence(&world.popd);
	assert_true(boxes_has(b, "hana/new/1700000001.a,S=5"));
	channel_say(world.deliver.channel, SETTLE_DONE, asked.stream, frame_number(0));
	expect(&world.popd, MAILBOX_RESULT, HANA, 1, 0);
	assert_false(boxes_has(b, "hana/new/1700000001.a,S=5"));
	assert_true(boxes_has(b, "hana/cur/1700000002.b,S=6:2,S"));
	popd_says(MAILBOX_ROWS, HANA, frame_number(1), frame_number(2));
	assert_int_equal(next(&world.popd).code, MAILBOX_PAGE);
	assert_int_equal(world.popd.octets.length, 29);
}

static void nothing_is_removed_when_the_sync_failed(void **state)
{
	/* All that was to go is still there, and said to be. */
	struct boxes *b = *state;
	open_hana(2, BOTH);
	world.settle_error = ERROR_IO;
	remove_first(2);
	expect(&world.popd, MAILBOX_RESULT, HANA, 0, 2);
	assert_true(boxes_has(b, "hana/new/1700000001.a,S=5"));
	world.settle_error = 0;
	popd_says(MAILBOX_REMOVED, HANA); /* the marks are off */
	expect(&world.popd, MAILBOX_RESULT, HANA, 0, 0);
	remove_first(2);
	expect(&world.popd, MAILBOX_RESULT, HANA, 2, 0);
	assert_int_equal(boxes_count(b, "hana/new") + boxes_count(b, "hana/cur"), 0);
}

static int no_sync(struct mail_disk *disk, int fd)
{
	(void)disk;
	(void)fd;
	errno = EIO;
	return -1;
}

static void a_removal_that_is_not_safe_is_not_promised(void **state)
{
	/* Unlinked, and the directory could not be synced: a power cut may bring them back. */
	struct boxes *b = *state;
	struct mail_disk failing = *mail_disk_posix();
	failing.sync = no_sync;
	world.mailboxd->disk = &failing;
	open_hana(2, BOTH);
	remove_first(1);
	expect(&world.popd, MAILBOX_RESULT, HANA, 0, 1);
	assert_false(boxes_has(b, "hana/new/1700000001.a,S=5"));
	popd_says(MAILBOX_CLOSE, HANA);
	world.mailboxd->disk = mail_disk_posix();
}

static void removal_outlives_the_client(void **state)
{
	/* RFC 1939 §6: QUIT was said; the connection may go before the answer. The mailbox is free only
	 * when it is done. */
	struct boxes *b = *state;
	open_hana(2, BOTH);
	assert_int_equal(next(&world.deliver).b, 0);
	world.settles = false;
	remove_first(2);
	const struct said asked = next(&world.deliver);
	popd_says(MAILBOX_CLOSE, HANA);
	grant(9, "hana");
	popd_says(MAILBOX_OPEN, 9);
	expect(&world.popd, MAILBOX_FAILED, 9, MAILBOX_IN_USE, 0);
	channel_say(world.deliver.channel, SETTLE_DONE, asked.stream, frame_number(0));
	expect_silence(&world.popd);
	assert_int_equal(boxes_count(b, "hana/new") + boxes_count(b, "hana/cur"), 0);
	world.settles = true;
	popd_says(MAILBOX_OPEN, 9);
	expect(&world.popd, MAILBOX_OPENED, 9, 0, 0);
}

static void marks_without_the_word_remove_nothing(void **state)
{
	/* A session that ends between REMOVE and REMOVED removes nothing. */
	struct boxes *b = *state;
	open_hana(2, BOTH);
	popd_says(MAILBOX_REMOVE, HANA, frame_bytes(VIEW("\1\0\0\0\1\0\0\0\0\0\0\0\11\0\0\0\2")));
	popd_says(MAILBOX_CLOSE, HANA);
	let_run();
	open_hana(2, BOTH);
	popd_says(MAILBOX_REMOVED, HANA);
	expect(&world.popd, MAILBOX_RESULT, HANA, 0, 0);
	assert_true(boxes_has(b, "hana/new/1700000001.a,S=5"));
}

static void what_may_not_be_said(void **state)
{
	/* Out of order: that popd's channel is closed, its mailboxes are free. */
	(void)state;
	open_hana(2, BOTH);
	popd_says(MAILBOX_OPEN, HANA);
	let_run();
	assert_null(world.popd.channel);
	assert_int_equal(world.mailboxd->visit_count, 0);
	connect_popd();
	open_hana(2, BOTH);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(nobody_opens_without_a_grant),
		TEST(names_that_are_no_mailbox),
		TEST(a_grant_taken_back_closes),
		TEST(grants_end_with_their_popd),
		TEST(open_sessions_outlive_auth),
		TEST(one_session_a_mailbox),
		TEST(repairs_come_first),
		TEST(deliver_comes_back),
		TEST(trouble_with_repairs),
		TEST(closed_while_settling),
		TEST(a_hung_disk_stops_its_own_mailbox_only),
		TEST(pages),
		TEST(content_waits_for_credit),
		TEST(content_is_stopped),
		TEST(content_that_is_gone),
		TEST(removes_after_the_sync),
		TEST(a_removal_that_is_not_safe_is_not_promised),
		TEST(nothing_is_removed_when_the_sync_failed),
		TEST(removal_outlives_the_client),
		TEST(marks_without_the_word_remove_nothing),
		TEST(what_may_not_be_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
