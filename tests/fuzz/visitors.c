#include "visitors.h"

#include "site.h"

#include <sys/socket.h>
#include <unistd.h>

static void leave(struct visitors *v, size_t i)
{
	if (v->fds[i])
		close(v->fds[i]);
	v->fds[i] = 0;
}

void visitors_leave(struct visitors *v)
{
	for (size_t i = 0; i < VISITORS; i++)
		leave(v, i);
}

static void come(struct visitors *v, size_t i)
{
	static const struct ip loopback = {
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}};
	static const struct ip stranger = {
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 9}};
	int fds[2];
	leave(v, i);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
	v->fds[i] = fds[0];
	const struct arrival arrival = {.fd = fds[1],
		.client = i ? loopback : stranger,
		.client_port = 1,
		.local = loopback};
	v->begin(v->face, &arrival);
}

/* What the face answers is read away, or not: then it waits for this client. */
static void hear(int fd)
{
	static uint8_t room[65536];
	while (read(fd, room, sizeof room) > 0)
		;
}

void visitors_act(struct visitors *v, struct cursor *in)
{
	const uint8_t op = cursor_u8(in);
	const size_t i = op % VISITORS;
	struct view octets;
	switch (op / VISITORS % 8) {
	case 0:
		leave(v, i);
		return;
	case 1:
		v->sweep(v->face);
		return;
	case 2:
		octets = cursor_take(in, cursor_u8(in));
		break;
	default:
		octets = v->lines[cursor_u8(in) % v->line_count];
		break;
	}
	if (!v->fds[i])
		come(v, i);
	if (write(v->fds[i], octets.at, octets.length) != (ssize_t)octets.length)
		leave(v, i);
	else if (op & 128)
		hear(v->fds[i]);
}

/* --- the site ----------------------------------------------------------------------------- */

static enum error read_file(void *context, struct view name, struct buffer *out)
{
	(void)context;
	if (view_equal(name, VIEW("users")))
		buffer_add(out, VIEW("hana:!\ntaro:!\n"));
	else if (view_equal(name, VIEW("domains")))
		buffer_add(out, VIEW("example.test\n"));
	else if (view_equal(name, VIEW("aliases")))
		buffer_add(out, VIEW("away: hana, x@other.example, x@far.example\n"));
	else if (view_equal(name, VIEW("backupfor")))
		buffer_add(out, VIEW("kept.example mx.kept.example\nin.kept.example 192.0.2.9\n"));
	else if (view_equal(name, VIEW("popkeyanybody")))
		buffer_add(out, VIEW("yes\n"));
	else if (view_equal(name, VIEW("popkey")))
		buffer_add(out, VIEW("2 5\n"));
	else
		buffer_add(out, VIEW("5\n"));
	return ERROR_NONE;
}

struct snapshot *visitors_site(void)
{
	static const struct config_file list[] = {{VIEW("aliases"), 0600, true},
		{VIEW("backupfor"), 0600, true}, {VIEW("clientlimit"), 0600, true},
		{VIEW("domains"), 0600, true}, {VIEW("popkey"), 0600, true},
		{VIEW("popkeyanybody"), 0600, true}, {VIEW("recipientlimit"), 0600, true},
		{VIEW("users"), 0600, true}};
	const struct config_files files = {list, sizeof list / sizeof *list, read_file, NULL};
	return site_of(&files);
}
