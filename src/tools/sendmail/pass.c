/* -bs: the caller speaks SMTP himself; octets go to the server and back as they are. */
#include "base/descriptor.h"
#include "tools/sekisho/say.h"
#include "tools/sendmail/sendmail.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEP 65536u

/* False at its end. */
static bool pass(int from, int to)
{
	static uint8_t room[STEP];
	const ssize_t n = read(from, room, sizeof room);
	if (n < 0 && errno == EINTR)
		return true;
	return n > 0 && descriptor_write_all(to, view_of(room, (size_t)n)) == ERROR_NONE;
}

int pass_run(void)
{
	const int server = up_connect();
	if (server < 0) {
		say_octets(VIEW(
			"421 4.3.2 The mail server is not running, please try again later\r\n"));
		return SENDMAIL_LATER;
	}
	/* nothing is passed on before the greeting, RFC 5321 §4.3.1 */
	struct pollfd p[2] = {{.fd = -1, .events = POLLIN}, {.fd = server, .events = POLLIN}};
	bool is_greeted = false;
	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if (p[1].revents && !pass(server, STDOUT_FILENO))
			break;
		if (p[1].revents && !is_greeted) {
			is_greeted = true;
			p[0].fd = STDIN_FILENO;
			continue;
		}
		if (p[0].fd >= 0 && p[0].revents && !pass(STDIN_FILENO, server)) {
			shutdown(server, SHUT_WR);
			p[0].fd = -1; /* its answers are still wanted */
		}
	}
	close(server);
	return SENDMAIL_FINE;
}
