/* The listening sockets. */
#include "channels/command.h"
#include "parent/holder.h"
#include "parent/serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG 4096
#define STEP_MS 50
#define CRASH_WAIT_MS 5000

/* Accepted sockets inherit it: a client that vanished, a phone above all, is noticed two minutes after its
 * last word and not at the end of its idle time, and its mailbox is free again. */
static void notice_the_lost(int fd)
{
	const int on = 1, idle_s = 60, between_s = 15, unanswered = 4;
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between_s, sizeof between_s);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &unanswered, sizeof unanswered);
}

static int bind_one(const struct ip *ip, uint16_t port)
{
	const int on = 1;
	const int off = 0;
	const bool v4 = ip_is_v4(ip);
	const int fd =
		socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	must(view_copy(view_of(ip->octets + 12, 4), &a4.sin_addr, 4));
	must(view_copy(view_of(ip->octets, 16), &a6.sin6_addr, 16));
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (!v4)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, ip->octets[0] ? &on : &off, sizeof on);
	notice_the_lost(fd);
	if (bind(fd, v4 ? (struct sockaddr *)&a4 : (struct sockaddr *)&a6,
		    v4 ? sizeof a4 : sizeof a6) != 0 ||
		listen(fd, BACKLOG) != 0) {
		const int problem = errno;
		close(fd);
		errno = problem;
		return -1;
	}
	return fd;
}

/* Faces of a server that was killed hold their ports a little longer than it. */
static int bind_patiently(const struct serve *s, const struct ip *ip, uint16_t port)
{
	const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
	int fd = bind_one(ip, port);
	for (unsigned waited_ms = 0;
		fd < 0 && errno == EADDRINUSE && s->after_crash && waited_ms < CRASH_WAIT_MS;
		waited_ms += STEP_MS) {
		nanosleep(&step, NULL);
		fd = bind_one(ip, port);
	}
	return fd;
}

static void log_taken(struct view address, uint16_t port)
{
	static const char what[] = "this port is taken by another program; stop it, or choose "
				   "other ports with --port-base";
	struct buffer holder = buffer_new(256);
	port_holder_add(&holder, port);
	if (holder.length)
		log_error(what, fact_view("address", address), fact_number("port", port),
			fact_view("taken_by", buffer_view(&holder)));
	else
		log_error(what, fact_view("address", address), fact_number("port", port));
	buffer_free(&holder);
}

static void log_no_socket(const struct ip *ip, uint16_t port, int problem)
{
	struct buffer text = buffer_new(64);
	ip_add(&text, ip);
	const struct view address = buffer_view(&text);
	if (problem == EADDRINUSE)
		log_taken(address, port);
	else if (problem == EACCES)
		log_error("this port may be opened by root only; start as root, or choose other "
			  "ports with --port-base",
			fact_view("address", address), fact_number("port", port));
	else if (problem == EADDRNOTAVAIL)
		log_error("this machine has no such address, see --address",
			fact_view("address", address), fact_number("port", port));
	else
		log_error("cannot listen", fact_view("address", address), fact_number("port", port),
			fact_errno(problem));
	buffer_free(&text);
}

static bool listen_on(struct serve *s, enum parent_listen kind, const struct ip *ip, uint16_t port)
{
	const int fd = bind_patiently(s, ip, port);
	if (fd < 0) {
		log_no_socket(ip, port, errno);
		return false;
	}
	must(s->listening_count < SOCKETS_MAX);
	s->listening[s->listening_count++] = (struct listening){kind, fd};
	return true;
}

static bool listen_all(struct serve *s, const struct ip *ip)
{
	const struct serve_options *o = &s->options;
	return listen_on(s, LISTEN_SMTP, ip, o->smtp_port) &&
	       listen_on(s, LISTEN_SUBMISSION, ip, o->submission_port) &&
	       listen_on(s, LISTEN_SUBMISSIONS, ip, o->submissions_port) &&
	       listen_on(s, LISTEN_POP3, ip, o->pop3_port) &&
	       listen_on(s, LISTEN_POP3S, ip, o->pop3s_port);
}

/* The addresses to listen on: *ips, or one socket for both families; a machine without IPv6 gets IPv4. */
static size_t addresses(const struct serve *s, const struct ip **ips)
{
	static const struct ip any6 = {{0}};
	static const struct ip any4 = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}};
	*ips = s->options.addresses;
	if (s->options.address_count)
		return s->options.address_count;
	const int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*ips = probe >= 0 ? &any6 : &any4;
	if (probe >= 0)
		close(probe);
	return 1;
}

bool listen_start(struct serve *s)
{
	const struct ip *ips;
	const size_t count = addresses(s, &ips);
	for (size_t i = 0; i < count; i++)
		if (!listen_all(s, &ips[i]))
			return false;
	return true;
}

static bool is_ours(const struct serve_options *o, uint16_t port)
{
	return port == o->smtp_port || port == o->submission_port || port == o->submissions_port ||
	       port == o->pop3_port || port == o->pop3s_port;
}

static bool listen_submission_on(struct serve *s, const struct config_port *port)
{
	const struct ip *ips;
	const size_t count = addresses(s, &ips);
	const enum parent_listen kind = port->tls ? LISTEN_SUBMISSIONS : LISTEN_SUBMISSION;
	if (is_ours(&s->options, port->number)) {
		log_error("the setting submission names a port that this server listens on "
			  "already; remove it there",
			fact_number("port", port->number));
		return false;
	}
	for (size_t i = 0; i < count; i++)
		if (!listen_on(s, kind, &ips[i], port->number))
			return false;
	return true;
}

bool listen_submission(struct serve *s)
{
	for (uint32_t i = 0; i < s->submission_count; i++)
		if (!listen_submission_on(s, &s->submission[i]))
			return false;
	return true;
}

/* --- of this machine ------------------------------------------------------------------------ */

int listen_local(const struct serve *s, const char *name, int backlog, int *directory_out)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	*directory_out = open(s->options.state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*directory_out < 0 ||
		!local_socket_path(*directory_out, name, address.sun_path, sizeof address.sun_path))
		return -1;
	unlinkat(*directory_out, name, 0);
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const mode_t before = umask(0111);
	const bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
			listen(fd, backlog) == 0;
	umask(before);
	if (ok)
		return fd;
	const int problem = errno;
	if (fd >= 0)
		close(fd);
	errno = problem;
	return -1;
}
