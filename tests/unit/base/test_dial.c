#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/dial.h"

struct call {
	struct dial *dial;
	int fd;
	unsigned times;
	struct dial_address address;
	const char *why;
	bool frees;
};

static void done(void *context, int fd, const struct dial_address *address, const char *why)
{
	struct call *c = context;
	c->times++;
	c->fd = fd;
	c->why = why;
	if (c->frees)
		dial_free(&c->dial);
	if (address) /* which outlives it */
		c->address = *address;
}

static struct dial_address v4(uint8_t last)
{
	return (struct dial_address){{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, last}};
}

/* Bound to 127.0.0.1 and, unless `backlog` is negative, listening. */
static int bound(int backlog, uint16_t *port_out)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof a;
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	if (backlog >= 0)
		assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	*port_out = ntohs(a.sin_port);
	return fd;
}

static void wait_for(struct loop *loop, const struct call *c)
{
	for (int i = 0; i < 2000 && !c->times; i++)
		loop_turn(loop, 10);
	assert_int_equal(c->times, 1);
}

static void one_answers(void **state)
{
	/* Protects: an address that refuses leads to the next one, at once; the one that answers is told. */
	(void)state;
	uint16_t port;
	struct loop *loop = loop_new();
	const int listening = bound(4, &port);
	const struct dial_address addresses[] = {v4(7), v4(8), v4(1)};
	struct call c = {.frees = true};
	c.dial = dial_new(loop, addresses, 3, port, 5000, done, &c);
	assert_int_equal(c.times, 0);
	wait_for(loop, &c);
	assert_null(c.dial);
	assert_true(c.fd >= 0);
	assert_null(c.why);
	assert_memory_equal(c.address.octets, v4(1).octets, 16);
	assert_int_equal(write(c.fd, "x", 1), 1);
	close(c.fd);
	close(listening);
	loop_free(&loop);
}

static void nobody_answers(void **state)
{
	/* Protects: when all refuse, or there is none to try, that is said, once. */
	(void)state;
	uint16_t port;
	struct loop *loop = loop_new();
	const int silent = bound(-1, &port);
	const struct dial_address addresses[] = {v4(1), v4(2)};
	struct call c = {0};
	c.dial = dial_new(loop, addresses, 2, port, 5000, done, &c);
	wait_for(loop, &c);
	assert_int_equal(c.fd, -1);
	assert_string_equal(c.why, "the connection was refused");
	dial_free(&c.dial);
	c = (struct call){0};
	c.dial = dial_new(loop, addresses, 0, port, 5000, done, &c);
	wait_for(loop, &c);
	assert_string_equal(c.why, "it has no address");
	dial_free(&c.dial);
	close(silent);
	loop_free(&loop);
}

static void too_slow(void **state)
{
	/* Protects: a host that does not answer is given up in time, and beside it the next is tried. */
	(void)state;
	uint16_t port;
	struct loop *loop = loop_new();
	const int full = bound(0, &port); /* its queue takes one or two, then it is silent */
	const struct dial_address addresses[] = {v4(1)};
	struct call fill[8] = {{0}};
	for (size_t i = 0; i < 8; i++)
		fill[i].dial = dial_new(loop, addresses, 1, port, 600, done, &fill[i]);
	unsigned late = 0;
	for (size_t i = 0; i < 8; i++) {
		wait_for(loop, &fill[i]);
		late += fill[i].fd < 0;
		if (fill[i].fd < 0)
			assert_string_equal(fill[i].why, "it does not answer");
		else
			close(fill[i].fd);
		dial_free(&fill[i].dial);
	}
	assert_true(late > 0);
	close(full);
	loop_free(&loop);
}

static void given_up(void **state)
{
	/* Protects: after dial_free nothing is told, and no descriptor is left. */
	(void)state;
	uint16_t port;
	struct loop *loop = loop_new();
	const int listening = bound(4, &port);
	const struct dial_address addresses[] = {v4(1)};
	struct call c = {0};
	c.dial = dial_new(loop, addresses, 1, port, 5000, done, &c);
	dial_free(&c.dial);
	loop_turn(loop, 20);
	assert_int_equal(c.times, 0);
	close(listening);
	loop_free(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_answers),
		cmocka_unit_test(nobody_answers),
		cmocka_unit_test(too_slow),
		cmocka_unit_test(given_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
