#include "tools/popkey/common.h"

#include "base/clock.h"
#include "tools/sekisho/say.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#define SENTENCE_MAX 4096u

/* --- troubles ------------------------------------------------------------------------------- */

/* inetd makes one socket of all three descriptors: a sentence there would be read as a reply. */
static bool client_reads_stderr(void)
{
	struct stat in, err;
	return fstat(STDERR_FILENO, &err) == 0 && fstat(STDIN_FILENO, &in) == 0 &&
	       S_ISSOCK(err.st_mode) && in.st_dev == err.st_dev && in.st_ino == err.st_ino;
}

/* Decided once, while the descriptors are still what they were at the start. */
static bool tells_syslog;

static void tell_begin(const char *name)
{
	say_as(name);
	tells_syslog = client_reads_stderr();
}

void tell_args(const char *format, const struct text_arg *args)
{
	if (!tells_syslog) {
		say_trouble_args(format, args);
		return;
	}
	char text[SENTENCE_MAX];
	struct buffer b = buffer_new(sizeof text - 1);
	text_add_args(&b, format, args);
	if (view_to_text(buffer_view(&b), text, sizeof text))
		syslog(LOG_MAIL | LOG_WARNING, "%s", text);
	buffer_free(&b);
}

void common_become(char **argv)
{
	execvp(argv[0], argv);
	tell("{} cannot be run: {}", text_string(argv[0]), text_string(strerrordesc_np(errno)));
}

/* --- options ------------------------------------------------------------------------------ */

bool option_seconds(const char *value, uint64_t *ms)
{
	uint64_t seconds;
	if (!view_to_u64(view_text(value), COMMON_SECONDS_MAX, &seconds)) {
		tell("{} is no number of seconds (0 to {})", text_string(value),
			text_number(COMMON_SECONDS_MAX));
		return false;
	}
	*ms = seconds * 1000;
	return true;
}

static bool take_directory(void *options, const char *value)
{
	((struct common *)options)->path = value;
	return true;
}

static bool take_gate(void *options, const char *value)
{
	return option_seconds(value, &((struct common *)options)->rules.gate_ms);
}

static bool take_session(void *options, const char *value)
{
	return option_seconds(value, &((struct common *)options)->rules.session_ms);
}

static bool take_ipv6(void *options, const char *value)
{
	const bool is_wide = view_equal(view_text(value), VIEW("64"));
	((struct common *)options)->rules.ipv6_prefix = is_wide ? 64 : 128;
	if (is_wide || view_equal(view_text(value), VIEW("128")))
		return true;
	tell("--ipv6 takes 64 or 128, and not {}", text_string(value));
	return false;
}

static bool take_help(void *options, const char *value)
{
	(void)value;
	((struct common *)options)->wants_help = true;
	return true;
}

static const struct option everywhere[] = {
	{"--directory", take_directory, true},
	{"--gate", take_gate, true},
	{"--session", take_session, true},
	{"--ipv6", take_ipv6, true},
	{"--help", take_help, false},
};

static const struct option *find(struct view name, const struct option *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (view_equal(name, view_text(rows[i].name)))
			return &rows[i];
	return NULL;
}

static int options_read(
	int argc, char **argv, const struct option *own, size_t count, struct common *options)
{
	int at = 1;
	for (; at < argc && argv[at][0] == '-' && argv[at][1]; at++) {
		const struct view word = view_text(argv[at]);
		struct view name, behind;
		if (view_equal(word, VIEW("--")))
			return at + 1;
		const bool has_value = view_split(word, '=', &name, &behind);
		const struct option *row = find(name, own, count);
		if (!row)
			row = find(name, everywhere, sizeof everywhere / sizeof *everywhere);
		if (!row || (has_value && !row->takes_value)) {
			tell("{} is no option; --help lists them", text_view(word));
			return -1;
		}
		if (row->takes_value && !has_value && ++at == argc) {
			tell("{} needs a value", text_view(name));
			return -1;
		}
		if (!row->take(options, has_value ? (const char *)behind.at : argv[at]))
			return -1;
	}
	return at;
}

bool command_read(
	const struct command *c, int argc, char **argv, struct common *options, int *at_out)
{
	(c->runs ? tell_begin : say_as)(c->name);
	const int at = options_read(argc, argv, c->own, c->own_count, options);
	*at_out = at;
	if (options->wants_help)
		say_octets(view_text(c->help));
	else if (at >= argc && c->runs)
		tell("which program? See --help");
	else if (at >= 0)
		return true;
	*at_out = options->wants_help ? COMMON_FINE : COMMON_USAGE;
	return false;
}

/* --- the directory ------------------------------------------------------------------------- */

int common_open(const struct common *c)
{
	const int directory = popkey_open(c->path);
	if (directory < 0)
		tell("{} cannot be opened: {}", text_string(c->path),
			text_string(strerrordesc_np(errno)));
	return directory;
}

uint64_t common_now_ms(void)
{
	return (uint64_t)clock_wall_ms();
}

/* --- the client ----------------------------------------------------------------------------- */

static bool address_of_socket(struct ip *ip)
{
	struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
	socklen_t length = sizeof peer;
	if (getpeername(STDIN_FILENO, (struct sockaddr *)&peer, &length) != 0)
		return false;
	if (peer.ss_family == AF_INET)
		*ip = ip_of_v4(((const struct sockaddr_in *)&peer)->sin_addr);
	else if (peer.ss_family == AF_INET6)
		*ip = ip_of_v6(&((const struct sockaddr_in6 *)&peer)->sin6_addr);
	else
		return false;
	return true;
}

static bool address_of_environment(struct ip *ip)
{
	static const char *const names[] = {"TCPREMOTEIP", "REMOTE_ADDR", "REMOTE_HOST"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (ip_parse(view_text(getenv(names[i])), ip))
			return true;
	return false;
}

bool client_address(const char *variable, struct ip *ip)
{
	const bool is_known = variable ? ip_parse(view_text(getenv(variable)), ip)
				       : address_of_environment(ip) || address_of_socket(ip);
	return is_known && !ip_is_loopback(ip);
}

struct view client_user(const char *variable)
{
	static const char *const names[] = {"AUTHENTICATED", "USER"};
	if (variable)
		return view_text(getenv(variable));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const struct view user = view_text(getenv(names[i]));
		if (user.length)
			return user;
	}
	return VIEW_NONE;
}

/* --- sockets -------------------------------------------------------------------------------- */

static bool is_held(const struct sockaddr_un *address, int type)
{
	const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	const bool is_refused =
		fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
		errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return !is_refused;
}

static int bound(const struct sockaddr *address, socklen_t length, int type)
{
	const int on = 1;
	const int fd = socket(address->sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* a port whose last connections are not forgotten yet; two datagram sockets would share theirs */
	const bool reuses = address->sa_family == AF_INET6 && type == SOCK_STREAM;
	if (fd < 0)
		return -1;
	if ((!reuses || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0) &&
		bind(fd, address, length) == 0)
		return fd;
	const int problem = errno;
	close(fd);
	errno = problem;
	return -1;
}

int socket_at_path(struct view path, int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat s;
	errno = ENAMETOOLONG;
	if (!view_to_text(path, address.sun_path, sizeof address.sun_path))
		return -1;
	if (lstat(address.sun_path, &s) == 0 && S_ISSOCK(s.st_mode) && !is_held(&address, type))
		unlink(address.sun_path);
	return bound((struct sockaddr *)&address, sizeof address, type);
}

int socket_at_port(struct view where, int type)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6};
	const size_t colon = view_find_last(where, ':');
	uint32_t port;
	struct ip ip;
	errno = EINVAL;
	if (colon == VIEW_NOT_FOUND || !ip_parse(view_first(where, colon), &ip) ||
		!view_to_u32(view_from(where, colon + 1), UINT16_MAX, &port))
		return -1;
	must(view_copy(view_of(ip.octets, sizeof ip.octets), &address.sin6_addr,
		sizeof address.sin6_addr));
	address.sin6_port = htons((uint16_t)port);
	return bound((struct sockaddr *)&address, sizeof address, type);
}
