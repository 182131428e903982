#include "base/connection.h"

#include "base/clock.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A connection whose owner is this test, and the client's end of its socket. */
struct stage {
	struct loop *loop;
	struct connection *c;
	int client;
	size_t take; /* octets that `input` consumes at once; SIZE_MAX: all */
	size_t taken;
	unsigned offered;
	unsigned closed;
	bool pause_after; /* `input` pauses, `drained` goes on */
	bool say; /* `input` answers with one octet */
};

static size_t on_input(void *context, struct view octets)
{
	struct stage *s = context;
	const size_t n = octets.length < s->take ? octets.length : s->take;
	s->offered++;
	s->taken += n;
	if (s->say)
		buffer_add(connection_out(s->c), VIEW("+"));
	if (s->pause_after)
		connection_pause(s->c);
	return n;
}

static void on_closed(void *context, const char *why)
{
	struct stage *s = context;
	assert_null(why);
	s->closed++;
	connection_close(&s->c, false);
}

static void on_drained(void *context)
{
	struct stage *s = context;
	if (s->pause_after)
		connection_resume(s->c);
}

static const struct connection_handler handler = {
	.input = on_input, .closed = on_closed, .drained = on_drained};

static struct stage *stage_new(void)
{
	static struct stage stage;
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	stage = (struct stage){.loop = loop_new(), .client = fds[1], .take = SIZE_MAX};
	stage.c = connection_new(stage.loop, fds[0], &handler, &stage);
	return &stage;
}

static void turns(struct stage *s)
{
	for (int i = 0; i < 20; i++)
		loop_turn(s->loop, 1);
}

static void stage_free(struct stage *s)
{
	connection_close(&s->c, false);
	close(s->client);
	turns(s);
	loop_free(&s->loop);
}

static void client_says(const struct stage *s, size_t octets)
{
	static const uint8_t zeros[4096];
	for (; octets; octets -= octets < 4096 ? octets : 4096)
		if (send(s->client, zeros, octets < 4096 ? octets : 4096, MSG_NOSIGNAL) <= 0)
			return;
}

static void test_goes_on_from_drained(void **state)
{
	/* protects: what was left is offered again when the owner resumes inside `drained`, and no octet
	 * more has to come for that */
	(void)state;
	struct stage *s = stage_new();
	s->take = 3;
	s->say = s->pause_after = true;
	connection_resume(s->c);
	client_says(s, 30);
	turns(s);
	assert_int_equal(s->taken, 30);
	assert_int_equal(s->offered, 10);
	stage_free(s);
}

static void test_holds_a_bounded_input(void **state)
{
	/* protects: what an owner leaves is kept up to CONNECTION_INPUT_MAX, then nothing is read */
	(void)state;
	struct stage *s = stage_new();
	const int size = 4 << 20;
	assert_int_equal(setsockopt(s->client, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
	s->take = 0;
	connection_resume(s->c);
	for (int i = 0; i < 100; i++) {
		client_says(s, 4096);
		loop_turn(s->loop, 1);
	}
	assert_true(connection_memory(s->c) <= CONNECTION_INPUT_MAX);
	assert_true(connection_memory(s->c) > 0);
	s->take = SIZE_MAX;
	connection_resume(s->c);
	turns(s);
	assert_int_equal(s->taken, 100 * 4096);
	assert_int_equal(connection_memory(s->c), 0);
	stage_free(s);
}

static void test_half_closed(void **state)
{
	/* protects: the end is told once, behind all input, and not before the owner goes on */
	(void)state;
	struct stage *s = stage_new();
	s->take = 10;
	connection_resume(s->c);
	client_says(s, 10);
	turns(s);
	connection_pause(s->c);
	client_says(s, 10);
	shutdown(s->client, SHUT_WR);
	turns(s);
	assert_int_equal(s->closed, 0);
	connection_resume(s->c);
	turns(s);
	assert_int_equal(s->taken, 20);
	assert_int_equal(s->closed, 1);
	assert_null(s->c);
	stage_free(s);
}

static void test_last_words(void **state)
{
	/* protects: a refused client that talks on can still read why; then the end of the stream */
	(void)state;
	struct stage *s = stage_new();
	char words[20];
	connection_resume(s->c);
	client_says(s, 1000);
	buffer_add(connection_out(s->c), VIEW("421 no"));
	connection_close(&s->c, true);
	client_says(s, 1000);
	turns(s);
	assert_int_equal(recv(s->client, words, sizeof words, 0), 6);
	assert_int_equal(recv(s->client, words, sizeof words, 0), 0);
	stage_free(s);
}

static unsigned open_files(void)
{
	unsigned n = 0;
	for (int fd = 0; fd < 4096; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_lingering_is_bounded(void **state)
{
	/* protects: refused clients that never close hold so many descriptors, and no more */
	(void)state;
	const struct rlimit enough = {4096, 4096};
	if (setrlimit(RLIMIT_NOFILE, &enough) != 0)
		skip();
	static int clients[CONNECTION_LINGERING_MAX + 100];
	struct loop *loop = loop_new();
	const unsigned before = open_files();
	const unsigned count = sizeof clients / sizeof *clients;
	for (unsigned i = 0; i < count; i++) {
		int fds[2];
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
		clients[i] = fds[1];
		struct connection *c = connection_new(loop, fds[0], &handler, NULL);
		connection_close(&c, true);
	}
	assert_int_equal(open_files(), before + count + CONNECTION_LINGERING_MAX);
	for (unsigned i = 0; i < count; i++)
		close(clients[i]);
	for (int i = 0; i < 20; i++)
		loop_turn(loop, 1);
	assert_int_equal(open_files(), before);
	loop_free(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_goes_on_from_drained),
		cmocka_unit_test(test_holds_a_bounded_input),
		cmocka_unit_test(test_half_closed),
		cmocka_unit_test(test_last_words),
		cmocka_unit_test(test_lingering_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
