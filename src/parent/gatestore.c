/*
 * The connection of the gate to the store that its setting names. The gate is a keeper and has no network; it asks, and
 * is handed a socket which is connected to that place, or about to be, and no other. Nothing waits here.
 */
#include "config/gatestore.h"
#include "parent/serve.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int connected(int fd, const struct sockaddr *to, socklen_t length)
{
	if (fd < 0 || connect(fd, to, length) == 0 || errno == EINPROGRESS)
		return fd;
	const int error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int dial_tcp(const struct gatestore *store)
{
	const int on = 1;
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(store->port)};
	struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(store->port)};
	const struct view octets = view_of(store->address.octets, sizeof store->address.octets);
	const bool is_v4 = ip_is_v4(&store->address);
	must(view_copy(octets, to.sin6_addr.s6_addr, sizeof to.sin6_addr.s6_addr));
	must(view_copy(view_from(octets, 12), &to4.sin_addr, sizeof to4.sin_addr));
	const int fd =
		socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return is_v4 ? connected(fd, (const struct sockaddr *)&to4, sizeof to4)
		     : connected(fd, (const struct sockaddr *)&to, sizeof to);
}

static int dial_socket(const struct gatestore *store)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	if (!view_to_text(store->path, to.sun_path, sizeof to.sun_path))
		return -1;
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return connected(fd, (const struct sockaddr *)&to, sizeof to);
}

void gatestore_call(struct child *gate, uint32_t stream)
{
	struct gatestore store;
	int fd = -1;
	if (gatestore_parse(view_text(gate->serve->gatestore), &store)) {
		if (store.kind == GATESTORE_TCP)
			fd = dial_tcp(&store);
		else if (store.kind == GATESTORE_SOCKET)
			fd = dial_socket(&store);
	}
	if (child_say(gate, fd, PARENT_CALLED, stream, frame_bytes(VIEW_NONE)))
		log_info("gate has gone while it was called back");
	if (fd >= 0)
		close(fd);
}
