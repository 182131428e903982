/* faces/shared/listener: while no descriptor is left nobody is accepted, and the loop does not spin; who waits gets in as soon as there
 * is one. A listener that rests leaves who comes to others. */
#include "faces/shared/listener.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static struct stage {
	struct loop *loop;
	struct listener *listener;
	struct sockaddr_in address;
	unsigned arrived;
	int client;
} s;

static void arrived(void *context, const struct arrival *arrival)
{
	(void)context;
	s.arrived++;
	assert_true(ip_is_loopback(&arrival->client));
	assert_true(ip_is_loopback(&arrival->local));
	close(arrival->fd);
}

static int set_up(void **state)
{
	socklen_t length = sizeof s.address;
	(void)state;
	s = (struct stage){.loop = loop_new(), .client = socket(AF_INET, SOCK_STREAM, 0)};
	s.address = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&s.address, sizeof s.address), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&s.address, &length), 0);
	s.listener = listener_new(s.loop, fd, arrived, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	listener_free(&s.listener);
	loop_free(&s.loop);
	close(s.client);
	return 0;
}

static void come(void)
{
	assert_int_equal(connect(s.client, (struct sockaddr *)&s.address, sizeof s.address), 0);
}

static void let_run(void)
{
	for (int i = 0; i < 20; i++)
		loop_turn(s.loop, 2);
}

static void wait_for_him(void)
{
	for (int i = 0; i < 500 && !s.arrived; i++)
		loop_turn(s.loop, 10);
	assert_int_equal(s.arrived, 1);
}

static void without_descriptors_he_waits(void **state)
{
	struct rlimit before, none;
	(void)state;
	log_threshold((enum log_level)(LOG_ERROR + 1));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	const int free_one = dup(0);
	close(free_one);
	none = before;
	none.rlim_cur = (rlim_t)free_one;
	come();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	let_run();
	assert_int_equal(s.arrived, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	wait_for_him();
}

static void one_that_rests_takes_nobody(void **state)
{
	(void)state;
	listener_rest(s.listener, true);
	come();
	let_run();
	assert_int_equal(s.arrived, 0);
	listener_rest(s.listener, false);
	wait_for_him();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		CASE(without_descriptors_he_waits),
		CASE(one_that_rests_takes_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
