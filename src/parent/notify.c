#include "parent/notify.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void notify(struct view message)
{
	const struct view path = view_text(getenv("NOTIFY_SOCKET"));
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (path.length < 2 || !view_copy(path, address.sun_path, sizeof address.sun_path))
		return;
	if (address.sun_path[0] == '@')
		address.sun_path[0] = 0;
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, message.at, message.length, MSG_NOSIGNAL, (struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.length));
	close(fd);
}

void notify_ready(void)
{
	notify(VIEW("READY=1"));
}

void notify_reloading(void)
{
	struct buffer b = buffer_new(128);
	text_add(&b, "RELOADING=1\nMONOTONIC_USEC={}", text_number(clock_monotonic_us()));
	notify(buffer_view(&b));
	buffer_free(&b);
}

void notify_stopping(void)
{
	notify(VIEW("STOPPING=1"));
}
