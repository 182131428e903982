/* post/dialogue: a mail is judged, or it never came to that and why is said; wherever the other end goes away. */
#include "post/dialogue.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define REPLIES_MAX 8

/* The other end: the greeting, then an answer to each line that comes (or to the content); then it goes. */
struct server {
	int fd;
	const char *replies[REPLIES_MAX];
};

static bool hear(int fd, const char *end)
{
	char last[8] = "";
	const size_t length = strlen(end);
	while (strcmp(last, end) != 0) {
		if (strlen(last) == length)
			memmove(last, last + 1, length);
		if (read(fd, last + strlen(last), 1) != 1)
			return false;
	}
	return true;
}

static void *serve(void *context)
{
	const struct server *server = context;
	bool is_content = false;
	for (size_t i = 0; i < REPLIES_MAX && server->replies[i]; i++) {
		const char *reply = server->replies[i];
		if (i > 0 && !hear(server->fd, is_content ? "\r\n.\r\n" : "\r\n"))
			break;
		is_content = strncmp(reply, "354", 3) == 0;
		if (write(server->fd, reply, strlen(reply)) < 0)
			break;
	}
	if (is_content) /* who hangs up before that loses nothing but a try */
		(void)!hear(server->fd, "\r\n.\r\n");
	close(server->fd);
	return NULL;
}

static void says_what_came_of_it(void **state)
{
	static const struct {
		const char *replies[REPLIES_MAX];
		bool is_judged;
		bool was_greeted;
		enum smtp_client_outcome outcome;
	} cases[] = {
		{{""}, false, false, SMTP_CLIENT_PENDING},
		{{"220 he"}, false, true, SMTP_CLIENT_PENDING},
		{{"421 not now\r\n"}, false, true, SMTP_CLIENT_PENDING},
		{{"nonsense\r\n"}, false, true, SMTP_CLIENT_PENDING},
		{{"220 x\r\n"}, false, true, SMTP_CLIENT_PENDING},
		{{"220 x\r\n", "250 x\r\n"}, true, true, SMTP_CLIENT_LOST},
		{{"220 x\r\n", "250 x\r\n", "250 ok\r\n"}, true, true, SMTP_CLIENT_LOST},
		{{"220 x\r\n", "250 x\r\n", "250 ok\r\n", "550 5.1.1 nobody\r\n"}, true, true,
			SMTP_CLIENT_REFUSED},
		{{"220 x\r\n", "250 x\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"}, true, true,
			SMTP_CLIENT_UNCERTAIN},
		{{"220 x\r\n", "250 x\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
			 "250 taken\r\n"},
			true, true, SMTP_CLIENT_SENT},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int fds[2];
		pthread_t thread;
		struct arena a = arena_new(1u << 16);
		struct smtp_client_recipient to = {.forward_path = VIEW("hana@example.test")};
		const struct view text = VIEW("Subject: x\r\n\r\nx\r\n");
		const struct smtp_client_mail mail = {.reverse_path = VIEW("s@example.test"),
			.size_octets = text.length,
			.recipients = &to,
			.recipient_count = 1};
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
		struct server server = {.fd = fds[1]};
		memcpy(server.replies, cases[i].replies, sizeof server.replies);
		assert_int_equal(pthread_create(&thread, NULL, serve, &server), 0);
		struct dialogue d = {.socket = fds[0],
			.content = -1,
			.text = text,
			.name = VIEW("here"),
			.arena = &a};
		const bool is_judged = dialogue_run(&d, &mail);
		pthread_join(thread, NULL);
		assert_int_equal(is_judged, cases[i].is_judged);
		assert_int_equal(d.was_greeted, cases[i].was_greeted);
		if (is_judged)
			assert_int_equal(d.results[0].outcome, cases[i].outcome);
		else
			assert_true(d.end.said.text.length > 0);
		close(fds[0]);
		arena_reset(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(says_what_came_of_it)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
