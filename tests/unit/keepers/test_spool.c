/* keepers/spool beside programs that die, that say what is not so, and above a disk that is slow or gives nothing: every
 * mail goes on, once. The keeper runs in this process; smtpd, deliver, relay and report are the other ends of its channels. */
#include "../config/suite.h"
#include "../store/maildir_suite.h"
#include "keeper_ends.h"

#include <pthread.h>
#include <stdatomic.h>

#include "keepers/spool/spoold.h"

#define BEYOND 99 /* what no row has */

/* A disk whose readings and writings wait while their lock is held, and whose readings may fail. */
struct poor_disk {
	struct disk disk;
	struct disk *inner;
	pthread_mutex_t writings;
	pthread_mutex_t readings;
	atomic_bool fails;
};

static struct world {
	struct boxes *boxes;
	struct site site;
	struct program program;
	struct poor_disk disk;
	struct spoold *spoold;
	struct end smtpd, deliver, relay, report;
	uint32_t mails;
} world;

/* --- the disk */

static struct poor_disk *poor(struct disk *disk)
{
	return (struct poor_disk *)disk;
}

static enum error on_open(
	struct disk *disk, struct view name, enum disk_mode mode, struct disk_file **out)
{
	return disk_open(poor(disk)->inner, name, mode, out);
}

static void on_close(struct disk *disk, struct disk_file *file)
{
	disk_close(poor(disk)->inner, &file);
}

static enum error on_size(struct disk *disk, struct disk_file *file, uint64_t *octets_out)
{
	return disk_size(poor(disk)->inner, file, octets_out);
}

static enum error on_read(struct disk *disk, struct disk_file *file, uint64_t offset, uint8_t *to,
	size_t room, size_t *length_out)
{
	struct poor_disk *p = poor(disk);
	pthread_mutex_lock(&p->readings);
	pthread_mutex_unlock(&p->readings);
	*length_out = 0;
	return p->fails ? ERROR_IO : disk_read(p->inner, file, offset, to, room, length_out);
}

static enum error on_write(struct disk *disk, struct disk_file *file, uint64_t offset,
	const struct view *parts, size_t count)
{
	pthread_mutex_lock(&poor(disk)->writings);
	pthread_mutex_unlock(&poor(disk)->writings);
	return disk_write(poor(disk)->inner, file, offset, parts, count);
}

static enum error on_sync(struct disk *disk, struct disk_file *file)
{
	return disk_sync(poor(disk)->inner, file);
}

static enum error on_sync_directory(struct disk *disk, struct view directory)
{
	return disk_sync_directory(poor(disk)->inner, directory);
}

static enum error on_make_directory(struct disk *disk, struct view directory)
{
	return disk_make_directory(poor(disk)->inner, directory);
}

static enum error on_remove(struct disk *disk, struct view name)
{
	return disk_remove(poor(disk)->inner, name);
}

static enum error on_list(struct disk *disk, struct view directory, struct buffer *names)
{
	return disk_list(poor(disk)->inner, directory, names);
}

static enum error on_space(struct disk *disk, uint64_t *free_octets_out)
{
	(void)disk;
	*free_octets_out = UINT64_C(1) << 40;
	return ERROR_NONE;
}

static const struct disk_operations operations = {.open = on_open,
	.close = on_close,
	.size = on_size,
	.read = on_read,
	.write = on_write,
	.sync = on_sync,
	.sync_directory = on_sync_directory,
	.make_directory = on_make_directory,
	.remove = on_remove,
	.list = on_list,
	.space = on_space};

/* --- the other ends */

static void connect_smtpd(void)
{
	receive_connect(world.spoold, 0,
		end_connect(&world.smtpd, world.program.loop, &smtpd_spool, FRAME_A));
}

static void connect_deliver(void)
{
	results_connect(world.spoold,
		end_connect(&world.deliver, world.program.loop, &spool_deliver, FRAME_B));
}

static void connect_relay(void)
{
	relay_side_connect(
		world.spoold, end_connect(&world.relay, world.program.loop, &spool_relay, FRAME_B));
}

static void connect_report(void)
{
	reports_connect(world.spoold,
		end_connect(&world.report, world.program.loop, &spool_report, FRAME_B));
}

static void hear_nothing(struct end *end)
{
	let_run(world.program.loop);
	assert_int_equal(end->count, 0);
}

/* Spool closes what may not be said; the parent would give the pair a fresh channel. */
static void hear_the_end(struct end *end)
{
	for (int i = 0; i < 1000 && !end->gone; i++)
		loop_turn(world.program.loop, 10);
	assert_true(end->gone);
}

static void wait_until_empty(void)
{
	struct spool_status status;
	for (int i = 0; i < 1000; i++) {
		spool_status(world.spoold->spool, &status);
		if (!status.messages)
			return;
		loop_turn(world.program.loop, 10);
	}
	fail_msg("%llu mails are left", (unsigned long long)status.messages);
}

/* --- what they say */

static struct envelope_recipient local(const char *mailbox)
{
	return (struct envelope_recipient){.kind = ENVELOPE_LOCAL,
		.target = view_text(mailbox),
		.forward_path = VIEW("x@example.test")};
}

static struct envelope_recipient remote(const char *domain)
{
	return (struct envelope_recipient){.kind = ENVELOPE_REMOTE,
		.target = view_text(domain),
		.forward_path = VIEW("x@far.example")};
}

static uint32_t begin_mail(size_t octets)
{
	static const uint8_t zeros[16384];
	const uint32_t stream = ++world.mails;
	channel_say(world.smtpd.channel, RECEIVE_BEGIN, stream, frame_number(stream));
	for (size_t left = octets; left;) {
		const struct view part = view_first(view_of(zeros, sizeof zeros), left);
		channel_say(world.smtpd.channel, RECEIVE_CONTENT, stream, frame_bytes(part));
		left -= part.length;
	}
	return stream;
}

static void commit(uint32_t stream, const struct envelope_recipient *to, uint32_t count)
{
	struct buffer form = buffer_new(8192);
	struct envelope_recipient list[4];
	assert_true(count <= COUNT(list));
	for (uint32_t i = 0; i < count; i++)
		list[i] = to[i];
	envelope_add(&form, &(struct envelope){.reverse_path = VIEW("s@example.test"),
				    .recipient_count = count,
				    .recipients = list});
	channel_say(world.smtpd.channel, RECEIVE_COMMIT, stream, frame_bytes(buffer_view(&form)));
	buffer_free(&form);
}

static uint64_t post(struct envelope_recipient to)
{
	commit(begin_mail(100), &to, 1);
	return hear(&world.smtpd, RECEIVE_ACCEPTED).number;
}

static void deliver_says(uint32_t stream, uint64_t outcome)
{
	channel_say(world.deliver.channel, DELIVER_RESULT, stream, frame_number(0),
		frame_number(outcome), frame_number(0), frame_bytes(VIEW("why")));
}

static void relay_says(uint32_t stream, uint64_t recipient, uint64_t outcome)
{
	channel_say(world.relay.channel, RELAY_RESULT, stream, frame_number(recipient),
		frame_number(outcome), frame_bytes(VIEW("5.1.1")), frame_bytes(VIEW("mx.far")),
		frame_bytes(VIEW("192.0.2.1")), frame_bytes(VIEW("550 no")), frame_bytes(VIEW("")));
}

static void relay_finishes(uint32_t stream)
{
	channel_say(world.relay.channel, RELAY_FINISHED, stream, frame_number(RELAY_WORKS),
		frame_bytes(VIEW("")));
}

static void delivered(uint64_t id)
{
	struct buffer pair = buffer_new(64);
	buffer_add_u64(&pair, id);
	buffer_add_u32(&pair, 0);
	channel_say(world.deliver.channel, DELIVER_DELIVERED, 0, frame_bytes(buffer_view(&pair)));
	buffer_free(&pair);
}

/* One whose host refuses it: its sender is to be told. */
static void refuse_one(void)
{
	post(remote("far.example"));
	const uint32_t stream = hear(&world.relay, RELAY_BEGIN).stream;
	hear(&world.relay, RELAY_END);
	relay_says(stream, 0, RELAY_REFUSED);
	relay_finishes(stream);
}

static void report_says_none(uint32_t stream)
{
	channel_say(world.report.channel, REPORT_NONE, stream, frame_bytes(VIEW("nobody asks")));
}

static void command(const char *words, size_t length)
{
	spoold_command(&world.program, 1, view_of((const uint8_t *)words, length));
}

/* --- set up */

static int set_up(void **state)
{
	static const struct memory_file files[] = {{"freespace", "1M\n", 0}, {0}};
	assert_int_equal(boxes_open(state), 0);
	world = (struct world){.boxes = *state};
	site_open(&world.site, files);
	world.program.loop = loop_new();
	world.spoold = spoold_new(&world.program);
	world.program.state = world.spoold;
	world.spoold->snapshot = snapshot_hold(world.site.snapshot);
	remote_config(world.spoold);
	world.spoold->limits.batch_octets = 64 << 10;
	world.spoold->limits.inline_octets = 48 << 10;
	world.spoold->limits.envelope_octets = 8192;
	world.disk = (struct poor_disk){.disk = {&operations},
		.inner = disk_posix_new(dup(world.boxes->root)),
		.writings = PTHREAD_MUTEX_INITIALIZER,
		.readings = PTHREAD_MUTEX_INITIALIZER};
	return 0;
}

static void begin(void)
{
	disk_work_start(world.spoold);
	assert_int_equal(spoold_open(world.spoold, &world.disk.disk, 7), ERROR_NONE);
	spoold_go(world.spoold);
	connect_smtpd();
	connect_deliver();
	connect_relay();
	connect_report();
	let_run(world.program.loop);
}

static int tear_down(void **state)
{
	channel_free(&world.smtpd.channel);
	channel_free(&world.deliver.channel);
	channel_free(&world.relay.channel);
	channel_free(&world.report.channel);
	spoold_free(&world.spoold);
	disk_posix_free(&world.disk.inner);
	site_close(&world.site);
	loop_free(&world.program.loop);
	return boxes_close(state);
}

/* --- reports */

static void who_dies_while_it_is_asked_is_asked_again(void **state)
{
	(void)state;
	begin();
	refuse_one();
	hear(&world.report, REPORT_ASK);
	connect_report();
	const uint32_t stream = hear(&world.report, REPORT_ASK).stream;
	/* and in the middle of what it wanted of the content */
	channel_say(world.report.channel, REPORT_WANT, stream, frame_number(50));
	hear(&world.report, REPORT_CONTENT);
	connect_report();
	report_says_none(hear(&world.report, REPORT_ASK).stream);
	wait_until_empty();
}

static void a_sender_is_told_when_the_envelope_can_be_read_again(void **state)
{
	(void)state;
	begin();
	world.disk.fails = true;
	refuse_one();
	for (int i = 0; i < 1000 && !world.spoold->unreadable; i++)
		loop_turn(world.program.loop, 10);
	assert_int_equal(world.spoold->unreadable, 1);
	hear_nothing(&world.report);
	world.disk.fails = false;
	world.spoold->unreadable_due_ms = 0;
	scan_tick(world.spoold);
	const uint32_t stream = hear(&world.relay, RELAY_BEGIN).stream;
	hear(&world.relay, RELAY_END);
	relay_says(stream, 0, RELAY_REFUSED);
	relay_finishes(stream);
	report_says_none(hear(&world.report, REPORT_ASK).stream);
	wait_until_empty();
}

static void a_report_waits_while_the_disk_has_no_place_for_its_reading(void **state)
{
	/* One place in the pool, and it is taken. */
	(void)state;
	world.spoold->jobs_max = 1;
	begin();
	pthread_mutex_lock(&world.disk.readings);
	refuse_one();
	refuse_one();
	let_run(world.program.loop);
	pthread_mutex_unlock(&world.disk.readings);
	report_says_none(hear(&world.report, REPORT_ASK).stream);
	report_says_none(hear(&world.report, REPORT_ASK).stream);
	wait_until_empty();
}

static void a_stop_forgets_nobody_who_is_being_told(void **state)
{
	/* What report had, and what waits as it has died, is freed; the log still has both. */
	(void)state;
	begin();
	refuse_one();
	hear(&world.report, REPORT_ASK);
	channel_free(&world.report.channel);
	let_run(world.program.loop);
	refuse_one();
	let_run(world.program.loop);
	connect_report();
	hear(&world.report, REPORT_ASK);
	struct spool_status status;
	spool_status(world.spoold->spool, &status);
	assert_int_equal(status.messages, 2);
}

/* --- what comes */

static void what_finds_the_batch_full_goes_with_the_next(void **state)
{
	(void)state;
	const struct envelope_recipient to = local("hana");
	uint32_t streams[3];
	begin();
	pthread_mutex_lock(&world.disk.writings);
	commit(begin_mail(100), &to, 1);
	let_run(world.program.loop); /* its batch is out, and comes to no end */
	for (size_t i = 0; i < COUNT(streams); i++)
		commit(streams[i] = begin_mail(40 << 10), &to, 1);
	hear_nothing(&world.smtpd);
	assert_non_null(world.spoold->first_pending);
	pthread_mutex_unlock(&world.disk.writings);
	for (size_t i = 0; i <= COUNT(streams); i++)
		hear(&world.smtpd, RECEIVE_ACCEPTED);
}

static void what_waits_for_a_batch_goes_with_its_smtpd(void **state)
{
	(void)state;
	const struct envelope_recipient to = local("hana");
	struct spool_status status;
	begin();
	pthread_mutex_lock(&world.disk.writings);
	commit(begin_mail(100), &to, 1);
	let_run(world.program.loop);
	for (int i = 0; i < 3; i++)
		commit(begin_mail(40 << 10), &to, 1);
	let_run(world.program.loop);
	connect_smtpd();
	pthread_mutex_unlock(&world.disk.writings);
	post(to);
	spool_status(world.spoold->spool, &status);
	assert_int_equal(status.messages, 3); /* two were on their way into the log */
	assert_null(world.spoold->first_pending);
}

static void what_is_no_mail_is_refused(void **state)
{
	(void)state;
	begin();
	channel_say(world.smtpd.channel, RECEIVE_COMMIT, begin_mail(100), frame_bytes(VIEW("no")));
	assert_int_equal(hear(&world.smtpd, RECEIVE_REFUSED).number, ERROR_SYNTAX);
	pthread_mutex_lock(&world.disk.writings);
	const uint32_t stream = begin_mail(3 * RECEIVE_CREDIT_LARGE); /* more than its credit */
	assert_int_equal(hear(&world.smtpd, RECEIVE_REFUSED).number, ERROR_PROTOCOL);
	pthread_mutex_unlock(&world.disk.writings);
	channel_say(world.smtpd.channel, RECEIVE_ABORT, stream);
	post(local("hana")); /* the channel stands */
}

/* --- what is answered */

static void a_final_state_waits_for_room_in_the_log(void **state)
{
	(void)state;
	world.spoold->limits.states_octets = 1;
	begin();
	uint64_t ids[3];
	for (size_t i = 0; i < COUNT(ids); i++) {
		ids[i] = post(local("hana"));
		const uint32_t stream = hear(&world.deliver, DELIVER_BEGIN).stream;
		hear(&world.deliver, DELIVER_END);
		deliver_says(stream, DELIVER_PLACED);
		channel_say(world.deliver.channel, DELIVER_FINISHED, stream);
	}
	pthread_mutex_lock(&world.disk.writings);
	for (size_t i = 0; i < COUNT(ids); i++)
		delivered(ids[i]);
	channel_say(world.deliver.channel, DELIVER_MARK, 0, frame_number(1));
	let_run(world.program.loop);
	assert_true(world.spoold->finals.length > 0);
	assert_int_equal(world.deliver.count, 0); /* not MARKED before all are in the log */
	pthread_mutex_unlock(&world.disk.writings);
	hear(&world.deliver, DELIVER_MARKED);
	wait_until_empty();
}

static void what_deliver_may_not_say_ends_it(void **state)
{
	/* A result for nobody, an outcome that there is not, an end before the results: the mail is handed out anew. */
	(void)state;
	begin();
	const uint64_t id = post(local("hana"));
	for (int i = 0; i < 3; i++) {
		const uint32_t stream = hear(&world.deliver, DELIVER_BEGIN).stream;
		hear(&world.deliver, DELIVER_END);
		if (i == 0)
			channel_say(world.deliver.channel, DELIVER_RESULT, stream,
				frame_number(BEYOND), frame_number(DELIVER_PLACED), frame_number(0),
				frame_bytes(VIEW("")));
		else if (i == 1)
			deliver_says(stream, 0);
		else
			channel_say(world.deliver.channel, DELIVER_FINISHED, stream);
		hear_the_end(&world.deliver);
		connect_deliver();
	}
	deliver_says(hear(&world.deliver, DELIVER_BEGIN).stream, DELIVER_PLACED);
	delivered(id);
	wait_until_empty();
}

static void what_relay_may_not_say_ends_it(void **state)
{
	(void)state;
	begin();
	post(remote("far.example"));
	for (int i = 0; i < 3; i++) {
		const uint32_t stream = hear(&world.relay, RELAY_BEGIN).stream;
		hear(&world.relay, RELAY_END);
		if (i == 0)
			relay_says(stream, BEYOND, RELAY_SENT);
		else if (i == 1)
			relay_says(stream, 0, 0);
		else
			relay_finishes(stream);
		hear_the_end(&world.relay);
		connect_relay();
	}
	const uint32_t stream = hear(&world.relay, RELAY_BEGIN).stream;
	hear(&world.relay, RELAY_END);
	relay_says(stream, 0, RELAY_SENT);
	relay_finishes(stream);
	wait_until_empty();
}

/* --- what the postmaster wants */

static void one_that_waits_is_tried_when_he_asks(void **state)
{
	/* `sekisho queue retry` for a recipient: here and elsewhere. */
	(void)state;
	begin();
	post(local("hana"));
	const uint32_t here = hear(&world.deliver, DELIVER_BEGIN).stream;
	hear(&world.deliver, DELIVER_END);
	deliver_says(here, DELIVER_DEFERRED);
	channel_say(world.deliver.channel, DELIVER_FINISHED, here);
	while (!lane_find(world.spoold, VIEW("hana"))->in_trouble)
		loop_turn(world.program.loop, 10);
	lane_find(world.spoold, VIEW("hana"))->due_ms += 3600000;
	hear_nothing(&world.deliver);
	command("queue\0retry\0recipient=x@example.test", 37);
	hear(&world.deliver, DELIVER_BEGIN);

	post(remote("far.example"));
	const uint32_t there = hear(&world.relay, RELAY_BEGIN).stream;
	hear(&world.relay, RELAY_END);
	relay_says(there, 0, RELAY_DEFERRED);
	relay_finishes(there);
	hear_nothing(&world.relay);
	command("queue\0retry\0recipient=x@far.example", 36);
	hear(&world.relay, RELAY_BEGIN);
}

static void who_looks_at_the_queue_has_a_bound(void **state)
{
	/* Eight at once; a page has one place in the pool; what is no selection costs nothing. */
	(void)state;
	begin();
	post(local("hana"));
	command("queue\0list\0colour=red", 21);
	assert_int_equal(world.spoold->pages, 0);
	pthread_mutex_lock(&world.disk.readings);
	for (int i = 0; i < 12; i++)
		command("queue\0list", 10);
	assert_int_equal(world.spoold->pages, 8);
	pthread_mutex_unlock(&world.disk.readings);
	for (int i = 0; i < 1000 && world.spoold->pages; i++)
		loop_turn(world.program.loop, 10);
	assert_int_equal(world.spoold->pages, 0);
	world.spoold->jobs_max = 0;
	command("queue\0list", 10);
	assert_int_equal(world.spoold->pages, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		CASE(who_dies_while_it_is_asked_is_asked_again),
		CASE(a_sender_is_told_when_the_envelope_can_be_read_again),
		CASE(a_report_waits_while_the_disk_has_no_place_for_its_reading),
		CASE(a_stop_forgets_nobody_who_is_being_told),
		CASE(what_finds_the_batch_full_goes_with_the_next),
		CASE(what_waits_for_a_batch_goes_with_its_smtpd),
		CASE(what_is_no_mail_is_refused),
		CASE(a_final_state_waits_for_room_in_the_log),
		CASE(what_deliver_may_not_say_ends_it),
		CASE(what_relay_may_not_say_ends_it),
		CASE(one_that_waits_is_tried_when_he_asks),
		CASE(who_looks_at_the_queue_has_a_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
