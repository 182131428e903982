/* keepers/deliver beside programs that die or say what they may not, and above a disk that is slow or fails: a mailbox
 * keeps the order of its mail, and every mail is answered for. The keeper runs in this process; spool, gate and mailbox
 * are the other ends of its channels. */
#include "../config/suite.h"
#include "../store/maildir_suite.h"
#include "keeper_ends.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "keepers/deliver/deliverd.h"

#define LARGE (WHOLE_MAX + 100)
#define EARLIER 5u /* spool id of another mail; ours are their streams' numbers, from 100 on */
#define FULL "too many deliveries are waiting"

struct lock {
	pthread_mutex_t mutex;
	bool held; /* by the test */
};

/* A disk whose writings and syncs, and whatever goes to one mailbox, wait while their lock is held or fail. */
struct poor_disk {
	struct mail_disk disk;
	struct lock writings;
	struct lock syncs;
	struct lock openings; /* of "jiro" */
	_Atomic int writes_fail; /* errno; 0: they do not */
	_Atomic int syncs_fail;
	_Atomic int openings_fail; /* of "hana" */
};

static struct world {
	struct boxes *boxes;
	struct site site;
	struct program program;
	struct poor_disk disk;
	struct deliverd *d;
	struct end spool, gate, mailbox;
	uint32_t mails;
} world;

/* --- the disk */

static void pass(struct lock *lock)
{
	pthread_mutex_lock(&lock->mutex);
	pthread_mutex_unlock(&lock->mutex);
}

static void hold(struct lock *lock)
{
	pthread_mutex_lock(&lock->mutex);
	lock->held = true;
}

static void let_go(struct lock *lock)
{
	if (lock->held)
		pthread_mutex_unlock(&lock->mutex);
	lock->held = false;
}

static int on_open(struct mail_disk *disk, int at, const char *name, int flags, unsigned mode)
{
	if (strcmp(name, "jiro") == 0)
		pass(&world.disk.openings);
	errno = strcmp(name, "hana") == 0 ? world.disk.openings_fail : 0;
	return errno ? -1 : mail_disk_posix()->open(disk, at, name, flags, mode);
}

static ssize_t on_write(
	struct mail_disk *disk, int fd, const struct view *parts, size_t count, uint64_t offset)
{
	pass(&world.disk.writings);
	errno = world.disk.writes_fail;
	return errno ? -1 : mail_disk_posix()->write(disk, fd, parts, count, offset);
}

static int on_sync_all(struct mail_disk *disk, int fd)
{
	(void)disk;
	(void)fd;
	pass(&world.disk.syncs);
	errno = world.disk.syncs_fail;
	return errno ? -1 : 0;
}

/* --- the other ends */

/* A spool that is new; what must be repaired is told, and that is nothing. */
static void connect_spool(void)
{
	spool_connect(
		world.d, end_connect(&world.spool, world.program.loop, &spool_deliver, FRAME_A));
	channel_say(world.spool.channel, DELIVER_EXPECTED, 0);
}

static void connect_gate(void)
{
	duplicate_connect(
		world.d, end_connect(&world.gate, world.program.loop, &any_gate, FRAME_B));
}

static void connect_mailbox(void)
{
	settle_connect(world.d,
		end_connect(&world.mailbox, world.program.loop, &mailbox_deliver, FRAME_A));
}

/* Turns until it is so. */
#define wait_until(condition)                                     \
	do {                                                      \
		for (int i_ = 0; i_ < 3000 && !(condition); i_++) \
			loop_turn(world.program.loop, 10);        \
		assert_true(condition);                           \
	} while (0)

static bool has_heard(const struct end *end, uint16_t code)
{
	for (size_t i = 0; i < end->count; i++)
		if (end->said[i].code == code)
			return true;
	return false;
}

static void hear_nothing_of(struct end *end, uint16_t code)
{
	let_run(world.program.loop);
	assert_false(has_heard(end, code));
}

static void hear_result(uint32_t stream, enum deliver_outcome outcome, const char *text)
{
	const struct said said = hear(&world.spool, DELIVER_RESULT);
	assert_int_equal(said.stream, stream);
	assert_int_equal(said.second, outcome);
	assert_string_equal(said.octets, text);
}

/* The one pair of a DELIVERED or LOST. */
static void hear_pair(uint16_t code, uint32_t stream)
{
	const struct said said = hear(&world.spool, code);
	struct cursor c = cursor_of(view_of((const uint8_t *)said.octets, said.length));
	assert_int_equal(cursor_u64(&c), stream);
	assert_int_equal(cursor_u32(&c), 0);
	assert_true(cursor_done(&c));
}

/* --- what they say */

static void say_begin(uint32_t stream, uint64_t size, uint32_t how, struct view packed)
{
	channel_say(world.spool.channel, DELIVER_BEGIN, stream, frame_number(stream),
		frame_number(7), frame_number(size), frame_number(1700000000), frame_number(how),
		frame_bytes(packed), frame_bytes(VIEW("s@example.test")));
}

/* To one mailbox, or to two. */
static uint32_t begin_to(const char *mailbox, const char *second, uint64_t size, uint32_t how)
{
	const uint32_t stream = 100 + world.mails++;
	struct buffer list = buffer_new(4096);
	envelope_delivery_add(
		&list, &(struct envelope_delivery){0, view_text(mailbox), VIEW("x@example.test")});
	if (second)
		envelope_delivery_add(&list,
			&(struct envelope_delivery){1, view_text(second), VIEW("y@example.test")});
	say_begin(stream, size, how, buffer_view(&list));
	buffer_free(&list);
	return stream;
}

static uint32_t begin_mail(const char *mailbox, uint64_t size)
{
	return begin_to(mailbox, NULL, size, 0);
}

static void say_content(uint32_t stream, size_t octets)
{
	static const uint8_t zeros[DELIVER_CHUNK_MAX];
	while (octets) {
		const struct view part = view_first(view_of(zeros, sizeof zeros), octets);
		channel_say(world.spool.channel, DELIVER_CONTENT, stream, frame_bytes(part));
		octets -= part.length;
	}
}

static void say_end(uint32_t stream)
{
	channel_say(world.spool.channel, DELIVER_END, stream, frame_number(1));
}

static uint32_t post(const char *mailbox)
{
	const uint32_t stream = begin_mail(mailbox, 100);
	say_content(stream, 100);
	say_end(stream);
	return stream;
}

static void post_placed(const char *mailbox)
{
	hear_result(post(mailbox), DELIVER_PLACED, "");
}

/* One of which the site remembers that it was seen. */
static uint32_t post_known(const char *mailbox)
{
	static const struct view mail = VIEW("Message-ID: <a@b>\r\n\r\nbody\r\n");
	const uint32_t stream = begin_mail(mailbox, mail.length);
	channel_say(world.spool.channel, DELIVER_CONTENT, stream, frame_bytes(mail));
	say_end(stream);
	return stream;
}

/* The row that stands: whose, and 1 for pending, 2 for delivered. */
static void gate_says(uint32_t question, uint64_t id, uint8_t state)
{
	struct buffer facts = buffer_new(16);
	buffer_add_u64(&facts, id);
	buffer_add_octet(&facts, state);
	channel_say(world.gate.channel, GATE_ROW, question, frame_bytes(buffer_view(&facts)),
		frame_number(1000));
	buffer_free(&facts);
}

static void ask(uint32_t stream, const char *mailbox, bool sync)
{
	channel_say(world.mailbox.channel, SETTLE_ASK, stream, frame_bytes(view_text(mailbox)),
		frame_number(sync));
}

static void hear_settled(uint32_t stream, enum error error)
{
	const struct said said = hear(&world.mailbox, SETTLE_DONE);
	assert_int_equal(said.stream, stream);
	assert_int_equal(said.number, error);
}

/* --- what deliver knows */

static struct placing *placing_of(uint32_t stream)
{
	const struct incoming *in = streams_get(&world.d->streams, stream);
	return in ? in->first : NULL;
}

static bool is_at_work(uint32_t stream)
{
	const struct placing *p = placing_of(stream);
	return p && p->began_ms;
}

/* All of it is on the disk, and it waits for its turn. */
static uint32_t post_large_in_line(const char *mailbox)
{
	const uint32_t stream = begin_mail(mailbox, LARGE);
	say_content(stream, LARGE);
	say_end(stream);
	wait_until(placing_of(stream) && placing_of(stream)->ready);
	return stream;
}

/* --- set up */

static int set_up_site(void **state, const char *servername)
{
	static const struct memory_file files[] = {{"freespace", "1M\n", 0}, {0}};
	assert_int_equal(boxes_open(state), 0);
	world = (struct world){.boxes = *state};
	site_open_as(&world.site, files, servername, "");
	world.program.loop = loop_new();
	world.disk = (struct poor_disk){.disk = *mail_disk_posix(),
		.writings = {PTHREAD_MUTEX_INITIALIZER, false},
		.syncs = {PTHREAD_MUTEX_INITIALIZER, false},
		.openings = {PTHREAD_MUTEX_INITIALIZER, false}};
	world.disk.disk.open = on_open;
	world.disk.disk.write = on_write;
	world.disk.disk.sync_all = on_sync_all;
	world.d = deliverd_new(&world.program, &world.disk.disk);
	world.program.state = world.d;
	deliverd_root(world.d, dup(world.boxes->root));
	assert_true(deliverd_config(world.d, snapshot_hold(world.site.snapshot)));
	world.d->threads = 4;
	return 0;
}

static int set_up(void **state)
{
	return set_up_site(state, "mail.example.test");
}

static int set_up_long_name(void **state)
{
#define LABEL "an-unusually-long-label-of-a-name-that-is-still-allowed."
	return set_up_site(state, LABEL LABEL LABEL LABEL "example.test");
}

static void begin(void)
{
	deliverd_prepare(world.d);
	deliverd_go(world.d);
	connect_spool();
	connect_gate();
	connect_mailbox();
	let_run(world.program.loop);
}

static int tear_down(void **state)
{
	let_go(&world.disk.writings);
	let_go(&world.disk.syncs);
	let_go(&world.disk.openings);
	channel_free(&world.spool.channel);
	channel_free(&world.gate.channel);
	channel_free(&world.mailbox.channel);
	deliverd_free(&world.d);
	site_close(&world.site);
	loop_free(&world.program.loop);
	return boxes_close(state);
}

/* --- order */

static void a_large_one_does_not_overtake_one_that_fails(void **state)
{
	/* Its last octets are on the disk; then the earlier one fails. */
	(void)state;
	begin();
	const uint32_t first = begin_mail("hana", 100);
	const uint32_t large = post_large_in_line("hana");
	world.disk.writes_fail = ENOSPC;
	say_content(first, 100);
	say_end(first);
	hear_result(first, DELIVER_DEFERRED, "the mailbox's disk is full");
	hear_result(
		large, DELIVER_DEFERRED, "an earlier mail for this mailbox could not be delivered");
	assert_int_equal(boxes_count(world.boxes, "hana/new"), 0);
	assert_int_equal(boxes_count(world.boxes, "hana/tmp"), 0);
}

/* One thread, which hangs elsewhere; two of a mailbox are in the queue behind it, and then one of another. */
struct queue {
	uint32_t hangs, ours[2], last;
};

static struct queue queue_two(void)
{
	world.d->threads = 1;
	begin();
	hold(&world.disk.writings);
	hold(&world.disk.openings);
	struct queue q = {.hangs = post("taro")};
	wait_until(is_at_work(q.hangs));
	for (size_t i = 0; i < COUNT(q.ours); i++)
		q.ours[i] = post("hana");
	q.last = post("jiro");
	wait_until(placing_of(q.last) && placing_of(q.last)->running);
	return q;
}

/* The second of them is then behind the one of the other mailbox. */
static struct box *let_the_first_fail(void)
{
	struct box *hana = box_get(world.d, VIEW("hana"));
	world.disk.openings_fail = EIO;
	let_go(&world.disk.writings);
	wait_until(hana->jobs == 1);
	world.disk.openings_fail = 0;
	return hana;
}

static void what_was_given_up_is_not_placed_later(void **state)
{
	/* Both are deferred in the queue. The first fails, and is begun again: the second must not go before it. */
	(void)state;
	const struct queue q = queue_two();
	for (size_t i = 0; i < COUNT(q.ours); i++)
		placing_of(q.ours[i])->submitted_ms -= WAITED_MS + 1000;
	incoming_sweep(world.d);
	for (size_t i = 0; i < COUNT(q.ours); i++)
		hear_result(q.ours[i], DELIVER_DEFERRED, "the mailbox's disk does not answer");
	const struct box *hana = let_the_first_fail();
	const uint32_t again = begin_to("hana", NULL, 100, DELIVER_AGAIN);
	wait_until(placing_of(again));
	let_go(&world.disk.openings);
	wait_until(hana->jobs == 0);
	assert_false(boxes_has(world.boxes, "hana"));
	say_content(again, 100);
	say_end(again);
	wait_until(!placing_of(again));
	assert_int_equal(boxes_count(world.boxes, "hana/new"), 1);
}

static void what_a_dead_spool_had_in_the_queue_is_not_placed(void **state)
{
	/* The first fails, and that is forgotten with the spool: the second must not go before it. */
	(void)state;
	queue_two();
	const struct box *hana = let_the_first_fail();
	connect_spool();
	let_go(&world.disk.openings);
	wait_until(hana->jobs == 0);
	assert_false(boxes_has(world.boxes, "hana"));
	post_placed("hana");
}

/* --- what is told of a failure */

static void why_it_failed_is_told(void **state)
{
	static const struct {
		int number;
		const char *why;
	} cases[] = {
		{EIO, "the mailbox's disk failed"},
		{ENOSPC, "the mailbox's disk is full"},
		{EACCES, "the mailbox's directory is not ours to write: see its owner and mode"},
		{EMFILE, "no memory or descriptors are left"},
		{ENOTDIR, "a file or a link stands where a directory of the mailbox belongs"},
	};
	(void)state;
	begin();
	for (size_t i = 0; i < COUNT(cases); i++) {
		world.disk.openings_fail = cases[i].number;
		const uint32_t stream = begin_to("hana", NULL, 100, DELIVER_AGAIN);
		say_content(stream, 100);
		say_end(stream);
		hear_result(stream, DELIVER_DEFERRED, cases[i].why);
	}
}

static void a_name_that_no_file_can_have_is_deferred(void **state)
{
	(void)state;
	begin();
	hear_result(post("hana"), DELIVER_DEFERRED, "the name of the file would be too long");
}

/* --- a pool that is full: one place, and it is taken */

static void take_the_place(void)
{
	world.d->jobs_max = 1;
	begin();
	hold(&world.disk.writings);
}

static void what_finds_no_place_is_deferred(void **state)
{
	(void)state;
	take_the_place();
	const uint32_t first = post("hana");
	hear_result(post("taro"), DELIVER_DEFERRED, FULL);
	const uint32_t large = begin_mail("jiro", LARGE);
	say_content(large, WHOLE_MAX);
	hear_result(large, DELIVER_DEFERRED, FULL);
	say_content(large, LARGE - WHOLE_MAX);
	say_end(large); /* the rest is taken, and let go */
	assert_int_equal(hear(&world.spool, DELIVER_FINISHED).stream, large);
	let_go(&world.disk.writings);
	hear_result(first, DELIVER_PLACED, "");
}

static void a_large_one_that_finds_no_place_for_its_name_is_deferred(void **state)
{
	(void)state;
	take_the_place();
	const uint32_t first = begin_mail("hana", 100);
	let_go(&world.disk.writings);
	const uint32_t large = post_large_in_line("hana");
	hold(&world.disk.writings);
	say_content(first, 100);
	say_end(first);
	hear_result(large, DELIVER_DEFERRED, FULL);
	let_go(&world.disk.writings);
	/* the first, when no thread had looked at it by then, is deferred with it */
	const struct said said = hear(&world.spool, DELIVER_RESULT);
	assert_int_equal(said.stream, first);
	assert_int_equal(boxes_count(world.boxes, "hana/tmp"), 0);
	assert_int_equal(boxes_count(world.boxes, "hana/new"), said.second == DELIVER_PLACED);
}

static void a_sync_that_finds_no_place_is_tried_again(void **state)
{
	(void)state;
	take_the_place();
	let_go(&world.disk.writings);
	const uint32_t first = post("hana");
	hear_result(first, DELIVER_PLACED, "");
	hold(&world.disk.writings);
	const uint32_t second = post("taro");
	wait_until(is_at_work(second));
	wait_until(workers_count(world.d->pool).refused); /* it is due */
	let_go(&world.disk.writings);
	hear_result(second, DELIVER_PLACED, "");
	hear(&world.spool, DELIVER_DELIVERED);
}

/* --- what spool may not say */

static void recipients_that_are_none(void)
{
	say_begin(1, 100, 0, VIEW("no"));
}

static void large_to_two(void)
{
	begin_to("hana", "taro", LARGE, 0);
}

static void again_to_two(void)
{
	begin_to("hana", "taro", 100, DELIVER_AGAIN);
}

static void more_than_announced(void)
{
	say_content(begin_mail("hana", 100), 101);
}

static void less_than_announced(void)
{
	const uint32_t stream = begin_mail("hana", 100);
	say_content(stream, 99);
	say_end(stream);
}

/* The disk takes nothing, so no credit is given for it. */
static void more_than_granted(void)
{
	hold(&world.disk.writings);
	say_content(begin_mail("hana", 4 * DELIVER_CREDIT_LARGE), 4 * DELIVER_CREDIT_LARGE);
}

static void content_of_nothing(void)
{
	say_content(1, 100);
}

static void names_that_are_cut(void)
{
	channel_say(world.spool.channel, DELIVER_EXPECT, 0, frame_bytes(VIEW("\5ab")));
}

static void marked_what_nobody_asked(void)
{
	channel_say(world.spool.channel, DELIVER_MARKED, 0, frame_number(0));
}

static void more_streams_than_there_may_be(void)
{
	for (uint32_t i = 0; i <= STREAMS_MAX; i++)
		begin_mail("hana", 100);
}

static void what_spool_may_not_say_ends_it(void **state)
{
	static void (*const cases[])(void) = {recipients_that_are_none, large_to_two, again_to_two,
		more_than_announced, less_than_announced, more_than_granted, content_of_nothing,
		names_that_are_cut, marked_what_nobody_asked, more_streams_than_there_may_be};
	(void)state;
	begin();
	for (size_t i = 0; i < COUNT(cases); i++) {
		cases[i]();
		wait_until(world.spool.gone);
		if (cases[i] == more_than_granted)
			let_go(&world.disk.writings);
		wait_until(incoming_is_quiet(world.d)); /* nothing of it is left */
		connect_spool();
		post_placed("hana");
	}
	assert_int_equal(boxes_count(world.boxes, "hana/new"), COUNT(cases));
	assert_int_equal(boxes_count(world.boxes, "hana/tmp"), 0);
}

/* --- a spool that dies */

static void what_is_under_way_ends_with_its_spool(void **state)
{
	/* In the middle of being sent, large and not; with a job; in line behind it. */
	(void)state;
	begin();
	say_content(begin_mail("hana", 100), 50);
	post_large_in_line("hana");
	say_content(begin_mail("taro", LARGE), WHOLE_MAX);
	hold(&world.disk.writings);
	const uint32_t busy = post("jiro");
	wait_until(is_at_work(busy));
	connect_spool();
	let_go(&world.disk.writings);
	wait_until(incoming_is_quiet(world.d));
	assert_int_equal(boxes_count(world.boxes, "hana/new"), 0);
	assert_int_equal(boxes_count(world.boxes, "hana/tmp"), 0);
	assert_int_equal(boxes_count(world.boxes, "taro/tmp"), 0);
	assert_int_equal(world.spool.count, 0); /* nothing of it is told to the new one */
	post_placed("hana");
}

static void a_new_spool_hears_only_of_what_it_gave(void **state)
{
	(void)state;
	begin();
	hold(&world.disk.syncs);
	post_placed("hana");
	ask(1, "hana", true);
	wait_until(world.d->devices[0].running); /* with the first */
	post_placed("hana");
	connect_spool();
	const uint32_t third = post("hana");
	hear_result(third, DELIVER_PLACED, "");
	let_go(&world.disk.syncs);
	hear_pair(DELIVER_DELIVERED, third);
}

/* --- gate */

static void a_row_that_a_crash_left_is_taken_over(void **state)
{
	/* It changes before that: asked anew. */
	(void)state;
	begin();
	const uint32_t stream = post_known("hana");
	gate_says(hear(&world.gate, GATE_CLAIM).stream, EARLIER, 1);
	channel_say(world.gate.channel, GATE_NONE, hear(&world.gate, GATE_CHANGE).stream);
	gate_says(hear(&world.gate, GATE_CLAIM).stream, EARLIER, 1);
	gate_says(hear(&world.gate, GATE_CHANGE).stream, stream, 1);
	hear_result(stream, DELIVER_PLACED, "");
	hear(&world.gate, GATE_CHANGE); /* it is delivered, durably */
}

static void one_that_is_delivered_is_dropped(void **state)
{
	(void)state;
	begin();
	const uint32_t stream = post_known("hana");
	gate_says(hear(&world.gate, GATE_CLAIM).stream, EARLIER, 2);
	hear_result(stream, DELIVER_DUPLICATE, "rule=duplicate first=0000000000000005");
	assert_false(boxes_has(world.boxes, "hana"));
}

static void without_gate_it_is_delivered(void **state)
{
	/* It is gone while it is asked, while a row is taken over, and from the beginning; or its table is full. */
	(void)state;
	begin();
	uint32_t stream = post_known("hana");
	hear(&world.gate, GATE_CLAIM);
	connect_gate();
	hear_result(stream, DELIVER_PLACED, "");

	stream = post_known("hana");
	gate_says(hear(&world.gate, GATE_CLAIM).stream, EARLIER, 1);
	hear(&world.gate, GATE_CHANGE);
	channel_free(&world.gate.channel);
	hear_result(stream, DELIVER_PLACED, "");
	hear_result(post_known("hana"), DELIVER_PLACED, "");

	connect_gate();
	stream = post_known("hana");
	const uint32_t question = hear(&world.gate, GATE_CLAIM).stream;
	world.d->questions.max = 0;
	gate_says(question, EARLIER, 1);
	hear_result(stream, DELIVER_PLACED, "");
	hear_nothing_of(&world.gate, GATE_CHANGE);
}

static void an_answer_that_is_none_lets_it_be_delivered(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 3; i++) {
		const uint32_t stream = post_known("hana");
		const uint32_t question = hear(&world.gate, GATE_CLAIM).stream;
		if (i == 0)
			channel_say(
				world.gate.channel, GATE_FAILED, question, frame_number(ERROR_IO));
		else if (i == 1)
			channel_say(world.gate.channel, GATE_COUNTED, question, frame_number(1));
		else
			channel_say(world.gate.channel, GATE_ROW, question, frame_bytes(VIEW("no")),
				frame_number(1));
		hear_result(stream, DELIVER_PLACED, "");
	}
	const uint32_t stream = post_known("hana");
	hear(&world.gate, GATE_CLAIM);
	channel_say(world.gate.channel, GATE_NONE, 9999); /* nobody asked */
	wait_until(world.gate.gone);
	hear_result(stream, DELIVER_PLACED, "");
}

static void what_waits_for_gate_ends_with_its_spool(void **state)
{
	/* One that is asked of, and one that is parked behind an equal one. */
	(void)state;
	begin();
	hold(&world.disk.writings);
	const uint32_t first = post_known("hana");
	gate_says(hear(&world.gate, GATE_CLAIM).stream, first, 1);
	const uint32_t equal = post_known("hana");
	gate_says(hear(&world.gate, GATE_CLAIM).stream, first, 1);
	wait_until(placing_of(equal)->parked);
	post_known("taro");
	uint32_t asked = hear(&world.gate, GATE_CLAIM).stream;
	connect_spool();
	let_go(&world.disk.writings);
	wait_until(boxes_has(world.boxes, "hana/new") && boxes_count(world.boxes, "hana/new") == 1);
	let_run(world.program.loop);
	assert_false(incoming_is_quiet(world.d)); /* the question is open */
	while (!incoming_is_quiet(world.d)) {
		channel_say(world.gate.channel, GATE_NONE, asked);
		let_run(world.program.loop);
		if (has_heard(&world.gate, GATE_CLAIM)) /* of the equal one, asked again before */
			asked = hear(&world.gate, GATE_CLAIM).stream;
	}
	assert_false(boxes_has(world.boxes, "taro"));
	assert_int_equal(boxes_count(world.boxes, "hana/new"), 1);
}

/* --- the bulk sync, and who waits for it */

static void what_a_failed_sync_may_have_lost_is_told(void **state)
{
	/* What it covers; what was placed while it ran; what is being written when it fails. */
	(void)state;
	begin();
	hold(&world.disk.syncs);
	const uint32_t first = post("hana");
	hear_result(first, DELIVER_PLACED, "");
	ask(1, "hana", true);
	wait_until(world.d->devices[0].running);
	const uint32_t second = post("taro");
	hear_result(second, DELIVER_PLACED, "");
	hold(&world.disk.writings);
	const uint32_t third = post("jiro");
	wait_until(is_at_work(third));
	world.disk.syncs_fail = EIO;
	let_go(&world.disk.syncs);
	hear_pair(DELIVER_LOST, first);
	hear_pair(DELIVER_LOST, second);
	hear_settled(1, ERROR_IO);
	let_go(&world.disk.writings);
	hear_result(third, DELIVER_DEFERRED, "the mailbox's disk failed");
	hear_nothing_of(&world.spool, DELIVER_DELIVERED);
}

static void nothing_is_removed_before_spool_knows_it_for_good(void **state)
{
	/* A spool that dies with a MARK is asked by another, and only when it has told what must be repaired. */
	(void)state;
	begin();
	const uint32_t stream = post("hana");
	hear_result(stream, DELIVER_PLACED, "");
	ask(1, "hana", true);
	hear_pair(DELIVER_DELIVERED, stream);
	const uint64_t before = hear(&world.spool, DELIVER_MARK).number;
	hear_nothing_of(&world.mailbox, SETTLE_DONE);
	spool_connect(
		world.d, end_connect(&world.spool, world.program.loop, &spool_deliver, FRAME_A));
	hear_nothing_of(&world.spool, DELIVER_MARK);
	channel_say(world.spool.channel, DELIVER_EXPECTED, 0);
	const uint64_t number = hear(&world.spool, DELIVER_MARK).number;
	assert_true(number > before);
	hear_nothing_of(&world.mailbox, SETTLE_DONE);
	channel_say(world.spool.channel, DELIVER_MARKED, 0, frame_number(number));
	hear_settled(1, ERROR_NONE);
}

static void what_mailbox_may_not_say_ends_it(void **state)
{
	/* One number for two questions; more questions than there may be. */
	(void)state;
	begin();
	ask(1, "hana", true);
	ask(1, "hana", true);
	wait_until(world.mailbox.gone);
	assert_null(world.d->settlers);
	connect_mailbox();
	world.d->settling.max = 2;
	for (uint32_t i = 1; i <= 3; i++)
		ask(i, "hana", true);
	wait_until(world.mailbox.gone);
	assert_null(world.d->settlers);
	connect_mailbox();
	ask(1, "hana", false);
	hear_settled(1, ERROR_NONE);
}

static void a_mailbox_that_is_only_asked_for_costs_nothing(void **state)
{
	/* What mailbox makes up must not use up the names that spool may bring. One that spool names meanwhile counts. */
	(void)state;
	begin();
	ask(1, "nobody", false);
	hear_settled(1, ERROR_NONE);
	assert_int_equal(world.d->box_count, 0);
	spool_connect(
		world.d, end_connect(&world.spool, world.program.loop, &spool_deliver, FRAME_A));
	ask(2, "hana", false);
	ask(3, "taro", false);
	hear_nothing_of(&world.mailbox, SETTLE_DONE);
	channel_say(world.spool.channel, DELIVER_EXPECT, 0, frame_bytes(VIEW("\4hana")));
	channel_say(world.spool.channel, DELIVER_EXPECTED, 0);
	hear_settled(3, ERROR_NONE);
	hear_nothing_of(&world.mailbox, SETTLE_DONE); /* it has repairs */
	const uint32_t stream = begin_to("hana", NULL, 100, DELIVER_LOOK | DELIVER_REPAIR);
	say_content(stream, 100);
	say_end(stream);
	hear_result(stream, DELIVER_PLACED, "");
	hear_settled(2, ERROR_NONE);
	assert_int_equal(world.d->box_count, 1);
}

static void who_asks_and_dies_is_not_answered(void **state)
{
	(void)state;
	begin();
	ask(1, "hana", true);
	const uint64_t number = hear(&world.spool, DELIVER_MARK).number;
	connect_mailbox();
	channel_say(world.spool.channel, DELIVER_MARKED, 0, frame_number(number));
	let_run(world.program.loop);
	assert_int_equal(world.mailbox.count, 0);
	ask(2, "hana", false);
	hear_settled(2, ERROR_NONE);
}

static void a_stop_leaves_nothing_behind(void **state)
{
	/* Being sent, asked of at gate, waited for by mailbox: freed with the program. */
	(void)state;
	begin();
	ask(1, "hana", true);
	begin_mail("hana", 100);
	post_known("taro");
	hear(&world.gate, GATE_CLAIM);
	assert_non_null(world.d->settlers);
	assert_false(incoming_is_quiet(world.d));
	deliverd_free(&world.d);
	assert_null(world.d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		CASE(a_large_one_does_not_overtake_one_that_fails),
		CASE(what_was_given_up_is_not_placed_later),
		CASE(what_a_dead_spool_had_in_the_queue_is_not_placed),
		CASE(why_it_failed_is_told),
		cmocka_unit_test_setup_teardown(
			a_name_that_no_file_can_have_is_deferred, set_up_long_name, tear_down),
		CASE(what_finds_no_place_is_deferred),
		CASE(a_large_one_that_finds_no_place_for_its_name_is_deferred),
		CASE(a_sync_that_finds_no_place_is_tried_again),
		CASE(what_spool_may_not_say_ends_it),
		CASE(what_is_under_way_ends_with_its_spool),
		CASE(a_new_spool_hears_only_of_what_it_gave),
		CASE(a_row_that_a_crash_left_is_taken_over),
		CASE(one_that_is_delivered_is_dropped),
		CASE(without_gate_it_is_delivered),
		CASE(an_answer_that_is_none_lets_it_be_delivered),
		CASE(what_waits_for_gate_ends_with_its_spool),
		CASE(what_a_failed_sync_may_have_lost_is_told),
		CASE(nothing_is_removed_before_spool_knows_it_for_good),
		CASE(what_mailbox_may_not_say_ends_it),
		CASE(a_mailbox_that_is_only_asked_for_costs_nothing),
		CASE(who_asks_and_dies_is_not_answered),
		CASE(a_stop_leaves_nothing_behind),
	};
	signal(SIGPIPE, SIG_IGN); /* as in every program of ours */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
