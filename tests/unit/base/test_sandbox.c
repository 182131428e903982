/*
 * Escape tests (DESIGN §1, F-3): for every row of the table of programs a child enters its sandbox
 * and tries to leave it from inside. Run as root, the user and the root directory change too; run
 * as anybody else, the rest holds. Each attempt says by its exit what became of it; a death by
 * SIGSYS is the filter's answer.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/workers.h"
#include "parent/programs.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Where everything is: TOP/empty, TOP/own (the program's directory), TOP/other (not its own). */
static char top[64];
static char empty[80];
static char own[80];
static char other[80];
static char outside[100]; /* a file in `other`, readable by everybody */
static char key[100]; /* a file in `other`, readable by the user of the confined one */
static pid_t victim; /* another process, of the same user as the confined one */
static char victim_secret[] = "a key that is none of yours";
static unsigned landlock;

/* What an attempt came to, as the child's exit code; death by a signal is told by the status. */
enum outcome { WENT_WELL = 0, REFUSED = 10, NOT_REFUSED = 11, NOT_CONFINED = 12 };

static int refused_when(bool refused)
{
	return refused ? REFUSED : NOT_REFUSED;
}

struct scene {
	const struct program_row *row;
	int listener; /* a socket that the sandbox was given */
	int channel[2];
	struct workers *pool;
};

/* --- attempts to leave --------------------------------------------------------------------- */

static int try_openat(struct scene *s)
{
	(void)s;
	return refused_when(open("/etc/passwd", O_RDONLY) < 0);
}

static int try_open_other(struct scene *s)
{
	(void)s;
	return refused_when(open(outside, O_RDONLY) < 0);
}

static int try_climb(struct scene *s)
{
	(void)s;
	return refused_when(open("../../../../../../etc/passwd", O_RDONLY) < 0 &&
			    open("../other/file", O_RDONLY) < 0);
}

static int try_old_open(struct scene *s)
{
	(void)s;
	return refused_when(syscall(SYS_open, "/etc/passwd", O_RDONLY) < 0);
}

static int try_create(struct scene *s)
{
	const char *path = s->row->root == SANDBOX_ROOT_DIRECTORY && getuid() != 0 ? "/new" : "new";
	return refused_when(open(path, O_RDWR | O_CREAT, 0600) < 0);
}

static int try_socket(struct scene *s)
{
	(void)s;
	return refused_when(socket(AF_INET, SOCK_STREAM, 0) < 0);
}

static int try_local_socket(struct scene *s)
{
	(void)s;
	return refused_when(socket(AF_UNIX, SOCK_STREAM, 0) < 0 &&
			    socket(AF_UNIX, SOCK_DGRAM, 0) < 0 &&
			    socket(AF_NETLINK, SOCK_RAW, 0) < 0);
}

static int try_raw_socket(struct scene *s)
{
	(void)s;
	return refused_when(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) < 0 &&
			    socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6) < 0 &&
			    socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP) < 0 &&
			    socket(AF_INET, SOCK_SEQPACKET, 0) < 0);
}

static int try_listen(struct scene *s)
{
	return refused_when(listen(s->listener, 5) < 0);
}

/* Landlock's business; without it a port can be held, but nobody can listen there. */
static int try_bind_tcp(struct scene *s)
{
	const struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(50125)};
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	(void)s;
	return refused_when(
		fd >= 0 && (landlock < 4 || bind(fd, (const struct sockaddr *)&a, sizeof a) < 0));
}

static int try_connect(struct scene *s)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "/run/x"};
	const int r = connect(s->channel[0], (struct sockaddr *)&a, sizeof a);
	return refused_when(r < 0 && errno != ENOENT && errno != EISCONN);
}

static int try_bind(struct scene *s)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	const int r = bind(s->channel[0], (struct sockaddr *)&a, sizeof(sa_family_t));
	return refused_when(r < 0 && errno != EINVAL);
}

static int try_execve(struct scene *s)
{
	char *none[] = {NULL};
	(void)s;
	return refused_when(execve("/bin/true", none, none) < 0 && errno == EPERM);
}

static int try_execveat(struct scene *s)
{
	char *none[] = {NULL};
	(void)s;
	return refused_when(syscall(SYS_execveat, AT_FDCWD, "/bin/true", none, none, 0) < 0);
}

static int try_fork(struct scene *s)
{
	(void)s;
	const long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (child == 0)
		_exit(0);
	return refused_when(child < 0);
}

static int try_clone3(struct scene *s)
{
	uint64_t arguments[8] = {0};
	(void)s;
	const long r = syscall(SYS_clone3, arguments, sizeof arguments);
	if (r == 0)
		_exit(0);
	return refused_when(r < 0 && errno == ENOSYS);
}

static void *nothing(void *argument)
{
	return argument;
}

static int try_thread(struct scene *s)
{
	pthread_t thread;
	(void)s;
	return refused_when(pthread_create(&thread, NULL, nothing, NULL) != 0);
}

static int try_ptrace(struct scene *s)
{
	(void)s;
	return refused_when(ptrace(PTRACE_SEIZE, victim, 0, 0) < 0);
}

static int try_read_memory(struct scene *s)
{
	char stolen[sizeof victim_secret];
	struct iovec to = {stolen, sizeof stolen};
	struct iovec from = {victim_secret, sizeof victim_secret};
	(void)s;
	return refused_when(process_vm_readv(victim, &to, 1, &from, 1, 0) < 0);
}

static int try_write_memory(struct scene *s)
{
	char lie[sizeof victim_secret] = "";
	struct iovec from = {lie, sizeof lie};
	struct iovec to = {victim_secret, sizeof victim_secret};
	(void)s;
	return refused_when(process_vm_writev(victim, &from, 1, &to, 1, 0) < 0);
}

static int try_memory_file(struct scene *s)
{
	char path[40];
	(void)s;
	snprintf(path, sizeof path, "/proc/%d/mem", (int)victim);
	return refused_when(open(path, O_RDONLY) < 0);
}

/* Another's open descriptors: a key, a socket, a mailbox. */
static int try_descriptor(struct scene *s)
{
	(void)s;
	const long process = syscall(SYS_pidfd_open, victim, 0);
	return refused_when(process < 0 || syscall(SYS_pidfd_getfd, process, 0, 0) < 0);
}

static int try_descriptor_file(struct scene *s)
{
	char path[40];
	(void)s;
	snprintf(path, sizeof path, "/proc/%d/fd/0", (int)victim);
	return refused_when(open(path, O_RDONLY) < 0);
}

/* By its number on the disk, past every path. */
static int try_handle(struct scene *s)
{
	struct file_handle handle = {0};
	(void)s;
	return refused_when(syscall(SYS_open_by_handle_at, AT_FDCWD, &handle, O_RDONLY) < 0);
}

static int try_key(struct scene *s)
{
	(void)s;
	return refused_when(open(key, O_RDONLY) < 0 && open("../other/key", O_RDONLY) < 0);
}

static int try_kill(struct scene *s)
{
	(void)s;
	return refused_when(kill(victim, SIGTERM) < 0);
}

static int try_tgkill(struct scene *s)
{
	(void)s;
	return refused_when(syscall(SYS_tgkill, victim, victim, SIGTERM) < 0);
}

static int try_mprotect(struct scene *s)
{
	(void)s;
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return refused_when(page != MAP_FAILED && mprotect(page, 4096, PROT_READ | PROT_EXEC) < 0);
}

static int try_mmap_exec(struct scene *s)
{
	(void)s;
	return refused_when(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
}

static int try_setuid(struct scene *s)
{
	(void)s;
	return refused_when(syscall(SYS_setresuid, 0, 0, 0) < 0);
}

static int try_chroot(struct scene *s)
{
	(void)s;
	return refused_when(chroot(".") < 0);
}

static int try_mount(struct scene *s)
{
	(void)s;
	return refused_when(syscall(SYS_mount, "none", "/", "tmpfs", 0, 0) < 0);
}

static int try_bpf(struct scene *s)
{
	(void)s;
	return refused_when(syscall(SYS_bpf, 0, 0, 0) < 0);
}

static int try_keyctl(struct scene *s)
{
	(void)s;
	return refused_when(syscall(SYS_keyctl, 0, 0, 0) < 0);
}

static int try_io_uring(struct scene *s)
{
	(void)s;
	return refused_when(syscall(SYS_io_uring_setup, 1, 0) < 0);
}

static int try_unshare(struct scene *s)
{
	(void)s;
	return refused_when(syscall(SYS_unshare, 0x10000000 /* a user namespace */) < 0);
}

static int try_future_call(struct scene *s)
{
	(void)s;
	return refused_when(syscall(1000) < 0 && errno == ENOSYS);
}

static int try_owner(struct scene *s)
{
	return refused_when(fcntl(s->channel[0], F_SETOWN, victim) < 0);
}

static int try_fake_input(struct scene *s)
{
	return refused_when(ioctl(s->channel[0], TIOCSTI, "x") < 0 && errno == ENOSYS);
}

static int try_dumpable(struct scene *s)
{
	(void)s;
	return refused_when(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0);
}

static int try_accept(struct scene *s)
{
	return refused_when(accept4(s->listener, NULL, NULL, SOCK_NONBLOCK) < 0 && errno != EAGAIN);
}

static int try_socket_filter(struct scene *s)
{
	return refused_when(setsockopt(s->channel[0], SOL_SOCKET, SO_ATTACH_FILTER, "", 0) < 0 &&
			    errno == ENOSYS);
}

static int try_limits(struct scene *s)
{
	const struct rlimit more = {1 << 20, 1 << 20};
	(void)s;
	return refused_when(setrlimit(RLIMIT_NOFILE, &more) < 0);
}

static int try_write_own(struct scene *s)
{
	(void)s;
	return refused_when(open("file", O_WRONLY) < 0 && open("file", O_RDONLY | O_TRUNC) < 0);
}

enum who { EVERYBODY, NO_DISK, DISK, READ_ONLY, NO_ACCEPT, NOT_OUT, OUT, NO_DATAGRAM };

/* `kills`: in a plain build the answer must be SIGSYS; with it false a refusal is the design. */
struct attempt {
	const char *name;
	int (*act)(struct scene *s);
	enum who who;
	bool kills;
};

static const struct attempt attempts[] = {
	{"open", try_openat, NO_DISK, true},
	{"open outside its directory", try_openat, DISK, false},
	{"open another program's file", try_open_other, DISK, false},
	{"climb out of its directory", try_climb, DISK, false},
	{"the old open", try_old_open, EVERYBODY, true},
	{"create a file", try_create, NO_DISK, true},
	{"create a file", try_create, READ_ONLY, false},
	{"write its own file", try_write_own, READ_ONLY, false},
	{"socket", try_socket, NOT_OUT, true},
	{"connect", try_connect, NOT_OUT, true},
	{"bind", try_bind, NO_DATAGRAM, true},
	{"a local socket", try_local_socket, OUT, false},
	{"a raw socket", try_raw_socket, OUT, false},
	{"listen", try_listen, EVERYBODY, true},
	{"bind a TCP port", try_bind_tcp, OUT, false},
	{"execve", try_execve, EVERYBODY, true},
	{"execveat", try_execveat, EVERYBODY, true},
	{"fork", try_fork, EVERYBODY, true},
	{"clone3", try_clone3, EVERYBODY, false},
	{"start a thread", try_thread, EVERYBODY, true},
	{"ptrace", try_ptrace, EVERYBODY, true},
	{"read another's memory", try_read_memory, EVERYBODY, true},
	{"write another's memory", try_write_memory, EVERYBODY, true},
	{"open another's memory", try_memory_file, NO_DISK, true},
	{"open another's memory", try_memory_file, DISK, false},
	{"take another's descriptor", try_descriptor, EVERYBODY, true},
	{"open another's descriptor", try_descriptor_file, NO_DISK, true},
	{"open another's descriptor", try_descriptor_file, DISK, false},
	{"open by handle", try_handle, EVERYBODY, true},
	{"read a key", try_key, NO_DISK, true},
	{"read a key", try_key, DISK, false},
	{"kill another", try_kill, EVERYBODY, true},
	{"tgkill another", try_tgkill, EVERYBODY, true},
	{"mprotect to executable", try_mprotect, EVERYBODY, true},
	{"mmap executable", try_mmap_exec, EVERYBODY, true},
	{"setresuid", try_setuid, EVERYBODY, true},
	{"chroot", try_chroot, EVERYBODY, true},
	{"mount", try_mount, EVERYBODY, true},
	{"bpf", try_bpf, EVERYBODY, true},
	{"keyctl", try_keyctl, EVERYBODY, true},
	{"io_uring", try_io_uring, EVERYBODY, true},
	{"unshare", try_unshare, EVERYBODY, true},
	{"a call to come", try_future_call, EVERYBODY, false},
	{"F_SETOWN", try_owner, EVERYBODY, false},
	{"TIOCSTI", try_fake_input, EVERYBODY, false},
	{"become dumpable", try_dumpable, EVERYBODY, false},
	{"accept", try_accept, NO_ACCEPT, false},
	{"attach a socket filter", try_socket_filter, EVERYBODY, false},
	{"raise a limit", try_limits, EVERYBODY, false},
};

/* --- ordinary work ------------------------------------------------------------------------- */

#define NEED(condition)                                                                    \
	do {                                                                               \
		if (!(condition)) {                                                        \
			dprintf(2, "%s: line %d: %s (errno %d)\n", s->row->name, __LINE__, \
				#condition, errno);                                        \
			return 1;                                                          \
		}                                                                          \
	} while (0)

static int compare_numbers(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

#define BLOCKS 40
#define NUMBERS 20000

/* Memory in all sizes up to what malloc maps by itself, also given back, and the sort that asks for the
 * machine's memory. What matters is which system calls that takes, not how much of it there is. */
static void churn_memory(void *context)
{
	bool *ok = context;
	void *blocks[BLOCKS];
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < BLOCKS; i++) {
			blocks[i] = malloc(1 + i * i * 500);
			if (!blocks[i])
				return;
			memset(blocks[i], 1, 1 + i * i * 500);
		}
		blocks[0] = realloc(blocks[0], 4 << 20);
		for (size_t i = 0; i < BLOCKS; i++)
			free(blocks[i]);
	}
	int *numbers = calloc(NUMBERS, sizeof *numbers);
	for (int i = 0; numbers && i < NUMBERS; i++)
		numbers[i] = -i;
	if (!numbers)
		return;
	qsort(numbers, NUMBERS, sizeof *numbers, compare_numbers);
	free(numbers);
	*ok = true;
}

/* As many jobs as keep each thread busy twice: a program with one thread has to do them all in it. */
static int work_in_threads(struct scene *s)
{
	static bool ok[2 * WORKERS_THREADS_MAX];
	const unsigned jobs = 2 * s->row->threads;
	if (!s->pool)
		return 0;
	for (size_t i = 0; i < jobs; i++)
		NEED(workers_submit(s->pool, &(struct job){churn_memory, NULL, &ok[i], 0, 0}) == 0);
	for (unsigned done = 0; done < jobs;) {
		struct pollfd p = {.fd = workers_descriptor(s->pool), .events = POLLIN};
		NEED(poll(&p, 1, 20000) == 1);
		done += workers_reap(s->pool);
	}
	for (size_t i = 0; i < jobs; i++)
		NEED(ok[i]);
	return 0;
}

/* Passes a descriptor over the channel to itself, as the parent does at a restart of a peer. */
static int work_channel(struct scene *s)
{
	char octet = 'x';
	struct iovec part = {&octet, 1};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	memcpy(CMSG_DATA(&control.head), &s->channel[0], sizeof(int));
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control};
	NEED(sendmsg(s->channel[0], &message, MSG_NOSIGNAL) == 1);
	NEED(recvmsg(s->channel[1], &message, MSG_CMSG_CLOEXEC) == 1);
	int passed;
	memcpy(&passed, CMSG_DATA(&control.head), sizeof passed);
	NEED(fcntl(passed, F_SETFL, O_NONBLOCK) == 0);
	NEED(send(passed, "hello", 5, MSG_NOSIGNAL) == 5);
	char answer[5];
	NEED(recv(s->channel[1], answer, 5, 0) == 5);
	NEED(writev(passed, &part, 1) == 1 && read(s->channel[1], answer, 5) == 1);
	NEED(shutdown(passed, SHUT_WR) == 0 && close(passed) == 0);
	return 0;
}

static int work_loop(struct scene *s)
{
	const int epoll = epoll_create1(EPOLL_CLOEXEC);
	const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	NEED(epoll >= 0 && timer >= 0);
	const struct itimerspec soon = {.it_value.tv_nsec = 1000000};
	NEED(timerfd_settime(timer, 0, &soon, NULL) == 0);
	struct epoll_event event = {.events = EPOLLIN};
	NEED(epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) == 0);
	NEED(epoll_wait(epoll, &event, 1, 5000) == 1);
	struct stat facts;
	NEED(fstat(timer, &facts) == 0);
	int on = 1;
	NEED(ioctl(timer, FIONBIO, &on) == 0);
	struct timespec now;
	NEED(clock_gettime(CLOCK_MONOTONIC, &now) == 0 && time(NULL) > 0);
	struct tm date;
	const time_t moment = time(NULL);
	NEED(gmtime_r(&moment, &date) && localtime_r(&moment, &date));
	NEED(random_u64() != random_u64());
	NEED(prctl(PR_SET_NAME, "renamed", 0, 0, 0) == 0);
	struct rlimit limit;
	NEED(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	NEED(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max == 0);
	close(timer);
	close(epoll);
	return 0;
}

static int work_accept(struct scene *s)
{
	if (!(s->row->calls & SANDBOX_CALLS_ACCEPT))
		return 0;
	const int client = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	NEED(client >= 0 || errno == EAGAIN);
	int on = 1;
	struct sockaddr_storage name;
	socklen_t length = sizeof name;
	NEED(setsockopt(s->listener, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) == 0);
	NEED(getsockname(s->listener, (struct sockaddr *)&name, &length) == 0);
	return 0;
}

/* A question and an answer over UDP, and a TCP connection to a listener that others have. */
static int work_out(struct scene *s)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t length = sizeof a;
	int on = 1;
	char octet = 'x';
	if (s->row->calls & SANDBOX_CALLS_DATAGRAM) {
		const int one = socket(AF_INET, SOCK_DGRAM, 0);
		const int two = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_UDP);
		NEED(one >= 0 && two >= 0);
		NEED(setsockopt(one, IPPROTO_IP, IP_MTU_DISCOVER, &on, sizeof on) == 0);
		NEED(bind(one, (struct sockaddr *)&a, sizeof a) == 0);
		NEED(getsockname(one, (struct sockaddr *)&a, &length) == 0);
		NEED(sendto(two, &octet, 1, 0, (struct sockaddr *)&a, sizeof a) == 1);
		NEED(connect(two, (struct sockaddr *)&a, sizeof a) == 0);
		NEED(recv(one, &octet, 1, 0) == 1 && close(one) == 0 && close(two) == 0);
	}
	if (s->row->calls & SANDBOX_CALLS_CONNECT) {
		const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
		length = sizeof a;
		NEED(fd >= 0 && socket(AF_INET6, SOCK_STREAM, 0) >= 0);
		NEED(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
		a.sin_port = htons(1); /* nobody is there */
		NEED(connect(fd, (struct sockaddr *)&a, sizeof a) < 0 && errno == ECONNREFUSED);
		NEED(close(fd) == 0);
	}
	return 0;
}

static int work_read(struct scene *s, const char *root)
{
	char path[200];
	char text[10] = "";
	if (!(s->row->calls & SANDBOX_CALLS_DISK_READ))
		return 0;
	snprintf(path, sizeof path, "%s/file", root);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	NEED(fd >= 0);
	NEED(pread(fd, text, 4, 0) == 4 && memcmp(text, "mine", 4) == 0);
	NEED(close(fd) == 0);
	DIR *listing = opendir(*root ? root : "/");
	NEED(listing && readdir(listing) && closedir(listing) == 0);
	struct stat facts;
	NEED(stat(path, &facts) == 0);
	return 0;
}

/* What Maildir and the spool do: write, sync, rename between directories, unlink. */
static int work_write(struct scene *s, const char *root)
{
	char from[200];
	char to[200];
	if (!(s->row->calls & SANDBOX_CALLS_DISK_WRITE))
		return 0;
	snprintf(from, sizeof from, "%s/tmp", root);
	snprintf(to, sizeof to, "%s/new", root);
	NEED(mkdir(from, 0700) == 0 && mkdir(to, 0700) == 0);
	snprintf(from, sizeof from, "%s/tmp/a", root);
	snprintf(to, sizeof to, "%s/new/b", root);
	const int fd = open(from, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	NEED(fd >= 0);
	NEED(write(fd, "mail", 4) == 4 && pwrite(fd, "M", 1, 0) == 1);
	NEED(fchmod(fd, 0660) == 0 && fchown(fd, (uid_t)-1, getegid()) == 0);
	NEED(fallocate(fd, 0, 0, 8192) == 0 && ftruncate(fd, 4) == 0);
	void *map = mmap(NULL, 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	NEED(map != MAP_FAILED && munmap(map, 4) == 0);
	struct flock lock = {.l_type = F_WRLCK};
	NEED(fcntl(fd, F_SETLK, &lock) == 0);
	NEED(fdatasync(fd) == 0 && fsync(fd) == 0 && syncfs(fd) == 0);
	NEED(rename(from, to) == 0 && link(to, from) == 0 && unlink(from) == 0);
	NEED(renameat2(AT_FDCWD, to, AT_FDCWD, from, RENAME_NOREPLACE) == 0 && unlink(from) == 0);
	NEED(close(fd) == 0);
	snprintf(from, sizeof from, "%s/tmp", root);
	snprintf(to, sizeof to, "%s/new", root);
	NEED(rmdir(from) == 0 && rmdir(to) == 0);
	return 0;
}

static int work(struct scene *s)
{
	const char *root = getuid() == 0 || s->row->root != SANDBOX_ROOT_DIRECTORY ? own : "";
	struct stat facts;
	/* without root the directory keeps its full path, unless the root has changed */
	if (s->row->calls & SANDBOX_CALLS_DISK_READ)
		root = stat("/file", &facts) == 0 ? "" : own;
	bool churned = false;
	churn_memory(&churned);
	NEED(churned);
	int failed = work_in_threads(s) || work_channel(s) || work_loop(s) || work_accept(s) ||
		     work_out(s) || work_read(s, root) || work_write(s, root);
	if (s->row->calls & SANDBOX_CALLS_MEMORY_FILE) {
		const int fd = memfd_create("snapshot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		NEED(fd >= 0 && write(fd, "x", 1) == 1);
		NEED(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) == 0);
		NEED(fcntl(fd, F_GET_SEALS) != 0);
	}
	return failed;
}

static int stop_by_abort(struct scene *s)
{
	(void)s;
	abort();
}

/* Who are we now? As root the user is gone for good; nobody holds a capability. */
static int look_at_self(struct scene *s)
{
	struct stat facts;
	uint32_t header[2] = {0x20080522, 0};
	uint32_t sets[6] = {1, 1, 1, 1, 1, 1};
	NEED(syscall(SYS_capget, header, sets) < 0 && errno == ENOSYS);
	NEED(getuid() != 0 && geteuid() != 0 && getgid() != 0 && getegid() != 0);
	if (s->row->calls & SANDBOX_CALLS_DISK_READ)
		NEED(stat("/etc/passwd", &facts) < 0);
	return 0;
}

/* --- the stage ----------------------------------------------------------------------------- */

#define UID_OF_TESTS 65533 /* nobody's, on any system we know */

static void make_scene(struct scene *s, const struct program_row *row)
{
	*s = (struct scene){.row = row};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s->channel), 0);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(listen(s->listener, 1), 0);
}

static bool enter(struct scene *s)
{
	struct program_place place = {.uid = UID_OF_TESTS,
		.gid = UID_OF_TESTS,
		.group = UID_OF_TESTS - 1,
		.empty_root = empty};
	struct sandbox_spec spec;
	struct sandbox_spec carried;
	struct sandbox_report report;
	for (unsigned i = 0; i < PROGRAM_ROLES; i++)
		place.directories[i] = -1;
	for (unsigned i = 0; i < s->row->directory_count; i++) {
		const enum error without =
			s->row->directories[i].is_optional ? ERROR_NONE : ERROR_MISSING;
		if (program_sandbox(s->row, &place, &spec) != without)
			return false;
		place.directories[s->row->directories[i].role] =
			open(own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (program_sandbox(s->row, &place, &spec) != ERROR_NONE || chdir(own) != 0 ||
		!sandbox_spec_keep(&spec, s->listener) ||
		!sandbox_spec_keep(&spec, s->channel[0]) ||
		!sandbox_spec_keep(&spec, s->channel[1]))
		return false;
	spec.limits.open_files = 64;
	struct buffer b = buffer_new(8192);
	sandbox_spec_add(&b, &spec);
	struct cursor c = cursor_of(buffer_view(&b));
	if (!sandbox_spec_read(&c, &carried) || !cursor_done(&c))
		return false;
	buffer_free(&b);
	bool ok = sandbox_confine(&carried, &report) == ERROR_NONE;
	if (ok && s->row->threads) {
		s->pool = workers_new(
			&(struct workers_limits){s->row->threads, 2 * s->row->threads, 0},
			s->row->name);
		ok = s->pool != NULL;
	}
	ok = ok && sandbox_seal(&carried, &report) == ERROR_NONE;
	if (!ok)
		dprintf(2, "%s: %s: errno %d\n", s->row->name, report.failed, report.failed_errno);
	return ok;
}

/* Runs `act` inside the sandbox of a row and gives its wait status. */
static int run_confined(const struct program_row *row, int (*act)(struct scene *s))
{
	struct scene s;
	make_scene(&s, row);
	const pid_t child = fork();
	if (child == 0) {
		/* a write to a file that holds this test's output would hit the size limit */
		int quiet[2];
		alarm(60); /* a program that hangs inside is a failure, not a wait */
		if (pipe(quiet) == 0 && act != work)
			dup2(quiet[1], STDERR_FILENO);
		_exit(enter(&s) ? act(&s) : NOT_CONFINED);
	}
	close(s.channel[0]);
	close(s.channel[1]);
	close(s.listener);
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static bool concerns(const struct attempt *a, const struct program_row *row)
{
	switch (a->who) {
	case EVERYBODY:
		return true;
	case NO_DISK:
		return !(row->calls & SANDBOX_CALLS_DISK_READ);
	case DISK:
		return row->calls & SANDBOX_CALLS_DISK_READ;
	case READ_ONLY:
		return (row->calls & SANDBOX_CALLS_DISK_READ) &&
		       !(row->calls & SANDBOX_CALLS_DISK_WRITE);
	case NO_ACCEPT:
		return !(row->calls & SANDBOX_CALLS_ACCEPT);
	case OUT:
		return row->calls & SANDBOX_CALLS_CONNECT;
	case NOT_OUT:
		return !(row->calls & (SANDBOX_CALLS_CONNECT | SANDBOX_CALLS_DATAGRAM));
	case NO_DATAGRAM:
		return !(row->calls & SANDBOX_CALLS_DATAGRAM);
	}
	return false;
}

/* Protects: no program can leave its sandbox, by any known way, as root or not (DESIGN §1). */
static void test_escapes(void **state)
{
	(void)state;
	unsigned leaks = 0;
	for (unsigned p = 0; p < programs_count(); p++)
		for (size_t i = 0; i < COUNT(attempts); i++) {
			const struct attempt *a = &attempts[i];
			if (!concerns(a, program_at(p)))
				continue;
			if (a->who == DISK && geteuid() != 0 && landlock == 0)
				continue; /* nothing confines files there, and `check` says so */
			const int status = run_confined(program_at(p), a->act);
			const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
			const bool refused = WIFEXITED(status) && WEXITSTATUS(status) == REFUSED;
			const bool may_refuse = !a->kills || sandbox_is_instrumented();
			if (killed || (refused && may_refuse))
				continue;
			print_error("%s: %s: status %#x\n", program_at(p)->name, a->name, status);
			leaks++;
		}
	assert_int_equal(leaks, 0);
}

/* Protects: what a program is for still works inside: threads, memory, loop, channels, disk. */
static void test_ordinary_work(void **state)
{
	(void)state;
	unsigned failures = 0;
	for (unsigned p = 0; p < programs_count(); p++) {
		const int status = run_confined(program_at(p), work);
		if (status == 0)
			continue;
		print_error("%s: %s, status %#x\n", program_at(p)->name,
			WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM
				? "it was not done after 60 s"
				: "it cannot work",
			status);
		failures++;
	}
	assert_int_equal(failures, 0);
}

/* Protects: `must` can end a confined program with SIGABRT, so the parent can tell it from SIGSYS. */
static void test_abort(void **state)
{
	(void)state;
	for (unsigned p = 0; p < programs_count(); p++) {
		const int status = run_confined(program_at(p), stop_by_abort);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGABRT);
	}
}

/* Protects: user, group, root. Needs root. */
static void test_identity(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	for (unsigned p = 0; p < programs_count(); p++)
		assert_int_equal(run_confined(program_at(p), look_at_self), 0);
}

/* Forks, runs `act`, and gives its exit code. */
static int in_child(int (*act)(void))
{
	const pid_t child = fork();
	if (child == 0) {
		alarm(60);
		_exit(act());
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static struct sandbox_spec spec_for_tests(void)
{
	struct sandbox_spec spec = sandbox_spec_new();
	spec.uid = UID_OF_TESTS;
	spec.gid = UID_OF_TESTS;
	return spec;
}

static void hold_thread(void *context)
{
	(void)context;
}

static int confine_with_threads(void)
{
	const struct sandbox_spec spec = spec_for_tests();
	struct sandbox_report report;
	struct workers *w = workers_new(&(struct workers_limits){1, 1, 0}, "early");
	if (!w || workers_submit(w, &(struct job){hold_thread, NULL, NULL, 0, 0}) != ERROR_NONE)
		return 99;
	return (int)sandbox_confine(&spec, &report);
}

static int stay_root(void)
{
	struct sandbox_spec spec = spec_for_tests();
	struct sandbox_report report;
	spec.uid = 0;
	return (int)sandbox_confine(&spec, &report);
}

static int full_root(void)
{
	struct sandbox_spec spec = spec_for_tests();
	struct sandbox_report report;
	spec.root = SANDBOX_ROOT_EMPTY;
	strcpy(spec.root_path, own); /* not empty */
	return (int)sandbox_confine(&spec, &report);
}

static int loose_root(void)
{
	struct sandbox_spec spec = spec_for_tests();
	struct sandbox_report report;
	spec.root = SANDBOX_ROOT_EMPTY;
	strcpy(spec.root_path, empty);
	if (chmod(empty, 0777) != 0)
		return 99;
	return (int)sandbox_confine(&spec, &report);
}

static int missing_directory(void)
{
	struct sandbox_spec spec = spec_for_tests();
	struct sandbox_report report;
	if (!sandbox_spec_rule(&spec, -1, "/nowhere/at/all", SANDBOX_READ))
		return 99;
	return (int)sandbox_confine(&spec, &report);
}

/* Protects: a sandbox that cannot be what was asked for is an error, never a weaker sandbox. */
static void test_refusals(void **state)
{
	(void)state;
	assert_int_equal(in_child(confine_with_threads), ERROR_BUSY);
	assert_int_equal(in_child(missing_directory), ERROR_MISSING);
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(stay_root), ERROR_DENIED);
	assert_int_equal(in_child(full_root), ERROR_DENIED);
	assert_int_equal(in_child(loose_root), ERROR_DENIED);
	chmod(empty, 0755);
}

static int stray_descriptors(void)
{
	struct sandbox_spec spec = spec_for_tests();
	struct sandbox_report report;
	const int kept = dup(0);
	const int stray = dup(0);
	const int high = fcntl(0, F_DUPFD, 40);
	const int high_kept = fcntl(0, F_DUPFD, 50);
	if (!sandbox_spec_keep(&spec, kept) || !sandbox_spec_keep(&spec, high_kept) ||
		!sandbox_spec_keep(&spec, -1))
		return 99;
	if (sandbox_enter(&spec, &report) != ERROR_NONE)
		return 98;
	const bool right = fcntl(kept, F_GETFD) >= 0 && fcntl(high_kept, F_GETFD) >= 0 &&
			   fcntl(2, F_GETFD) >= 0 && fcntl(stray, F_GETFD) < 0 &&
			   fcntl(high, F_GETFD) < 0;
	return right ? 0 : 1;
}

/* Protects: nothing that was left open by mistake is there to be used. */
static void test_descriptors(void **state)
{
	(void)state;
	assert_int_equal(in_child(stray_descriptors), 0);
}

static int start_thread_later(void)
{
	struct sandbox_spec spec = spec_for_tests();
	struct sandbox_report report;
	pthread_t thread;
	spec.calls = SANDBOX_CALLS_THREADS;
	if (sandbox_enter(&spec, &report) != ERROR_NONE)
		return 98;
	if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
		return 97;
	return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) < 0 ? 0 : 96;
}

/* Protects: the group "threads" allows threads and no processes. */
static void test_threads_allowed(void **state)
{
	(void)state;
	assert_int_equal(in_child(start_thread_later), 0);
}

static int take_much_memory(void)
{
	struct sandbox_spec spec = spec_for_tests();
	struct sandbox_report report;
	spec.limits.address_space_octets = 256 << 20;
	if (sandbox_enter(&spec, &report) != ERROR_NONE)
		return 98;
	void *fits = mmap(NULL, 64 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *large = mmap(NULL, 256 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return fits != MAP_FAILED && large == MAP_FAILED ? 0 : 1;
}

/* Protects: memory is bounded, on both sides (N-10). Not with AddressSanitizer, which maps terabytes. */
static void test_memory_limit(void **state)
{
	(void)state;
	if (sandbox_is_instrumented())
		skip();
	assert_int_equal(in_child(take_much_memory), 0);
}

/* Protects: the report says what holds, and the survey changes nothing. */
static void test_report(void **state)
{
	(void)state;
	struct sandbox_report report;
	sandbox_survey(&report);
	assert_int_equal(report.landlock_abi, landlock);
	assert_int_equal(report.missing[SANDBOX_LANDLOCK], landlock < 2);
	assert_int_equal(report.missing[SANDBOX_LANDLOCK_SCOPES], landlock < 6);
	assert_int_equal(report.missing[SANDBOX_USER], geteuid() != 0);
	assert_false(report.missing[SANDBOX_FILTER]);
	struct sandbox_report few = {.missing = {[SANDBOX_ROOT] = true, [SANDBOX_USER] = true}};
	struct buffer b = buffer_new(4096);
	sandbox_report_add_missing(&b, &few, ",");
	assert_true(view_equal(buffer_view(&b), VIEW("root,user")));
	few = (struct sandbox_report){.held = {[SANDBOX_FILTER] = true}};
	buffer_clear(&b);
	sandbox_report_add_missing(&b, &few, ",");
	assert_int_equal(b.length, 0);
	buffer_free(&b);
}

/* Protects: a spec off a channel is checked like the network: no octet of it can break bounds. */
static void test_spec_octets(void **state)
{
	(void)state;
	struct sandbox_spec spec = sandbox_spec_new();
	struct sandbox_spec back;
	spec.root = SANDBOX_ROOT_DIRECTORY;
	spec.groups[0] = 7;
	spec.group_count = 1;
	spec.calls = SANDBOX_CALLS_ALL;
	strcpy(spec.root_path, "/srv/x");
	for (int i = 0; i < SANDBOX_KEEP_MAX; i++)
		assert_true(sandbox_spec_keep(&spec, i));
	assert_false(sandbox_spec_keep(&spec, 1));
	for (int i = 0; i < SANDBOX_RULES_MAX; i++)
		assert_true(sandbox_spec_rule(&spec, i - 1, "/srv", SANDBOX_READ_WRITE));
	assert_false(sandbox_spec_rule(&spec, 1, "/srv", SANDBOX_READ));
	struct buffer b = buffer_new(8192);
	sandbox_spec_add(&b, &spec);
	struct cursor c = cursor_of(buffer_view(&b));
	assert_true(sandbox_spec_read(&c, &back) && cursor_done(&c));
	struct buffer again = buffer_new(8192);
	sandbox_spec_add(&again, &back);
	assert_true(view_equal(buffer_view(&b), buffer_view(&again)));
	for (size_t cut = 0; cut < b.length; cut++) {
		struct cursor part = cursor_of(view_first(buffer_view(&b), cut));
		assert_false(sandbox_spec_read(&part, &back));
	}
	for (size_t i = 0; i < b.length; i++) {
		const uint8_t was = b.data[i];
		b.data[i] ^= 0xff;
		struct cursor bent = cursor_of(buffer_view(&b));
		if (sandbox_spec_read(&bent, &back)) {
			assert_true(back.keep_count <= SANDBOX_KEEP_MAX);
			assert_true(back.rule_count <= SANDBOX_RULES_MAX);
			assert_true(back.group_count <= SANDBOX_GROUPS_MAX);
			assert_true(back.calls <= SANDBOX_CALLS_ALL);
		}
		b.data[i] = was;
	}
	char long_path[SANDBOX_PATH_MAX + 1];
	memset(long_path, 'a', sizeof long_path);
	long_path[SANDBOX_PATH_MAX] = 0;
	struct sandbox_spec fresh = sandbox_spec_new();
	assert_false(sandbox_spec_rule(&fresh, -1, long_path, SANDBOX_READ));
	long_path[SANDBOX_PATH_MAX - 1] = 0;
	assert_true(sandbox_spec_rule(&fresh, -1, long_path, SANDBOX_READ));
	assert_false(sandbox_spec_rule(&fresh, -1, NULL, SANDBOX_READ));
	buffer_free(&b);
	buffer_free(&again);
}

/* Protects: the table's own rules (parent/programs.h), so that a new row cannot break them. */
static void test_table(void **state)
{
	(void)state;
	assert_int_equal(programs_count(), PROGRAM_IDS - 1);
	for (unsigned i = 0; i < programs_count(); i++) {
		const struct program_row *row = program_at(i);
		assert_ptr_equal(program_of(row->id), row);
		assert_ptr_equal(program_find(view_text(row->name)), row);
		assert_string_equal(row->name, program_id_name(row->id));
		assert_int_equal(strncmp(row->user, "sekisho-", 8), 0);
		assert_string_equal(row->user + 8, row->name);
		assert_in_range(row->workers_default, 1, row->workers_max);
		assert_true(row->threads <= WORKERS_THREADS_MAX);
		assert_true(row->root != SANDBOX_ROOT_NONE);
		assert_false(row->calls & SANDBOX_CALLS_THREADS);
		if (row->kind == PROGRAM_FACE) {
			const uint32_t out = SANDBOX_CALLS_CONNECT | SANDBOX_CALLS_DATAGRAM;
			assert_true(row->root == SANDBOX_ROOT_EMPTY);
			assert_int_equal(row->directory_count, 0);
			/* it listens, or it goes out */
			assert_int_equal(row->listens != 0, row->calls == SANDBOX_CALLS_ACCEPT);
			assert_true(row->listens || (row->calls & out && !(row->calls & ~out)));
			assert_true(!(row->calls & SANDBOX_CALLS_DATAGRAM) ||
				    row->id == PROGRAM_RESOLVE);
			assert_int_equal(row->given & (1u << GIVEN_DIRECTORY | 1u << GIVEN_KEY), 0);
		} else {
			assert_int_equal(row->listens, 0);
			assert_false(row->calls & (SANDBOX_CALLS_ACCEPT | SANDBOX_CALLS_CONNECT |
							  SANDBOX_CALLS_DATAGRAM));
			assert_int_equal(row->workers_max, 1);
		}
		const bool disk = row->calls & (SANDBOX_CALLS_DISK_READ | SANDBOX_CALLS_DISK_WRITE);
		const struct program_directory *d = row->directory_count ? row->directories : NULL;
		assert_int_equal(disk, d != NULL);
		assert_int_equal(disk, row->root == SANDBOX_ROOT_DIRECTORY);
		assert_int_equal((row->calls & SANDBOX_CALLS_DISK_WRITE) != 0,
			d && d->access == SANDBOX_READ_WRITE);
		const bool mail = d && d->role == PROGRAM_ROLE_MAILBOXES;
		assert_int_equal(row->group != NULL, mail);
		assert_int_equal((row->sections & SNAPSHOT_VERIFIERS) != 0,
			row->id == PROGRAM_AUTH || row->id == PROGRAM_CONFIG);
		for (unsigned k = 0; k < i; k++)
			if (d && program_at(k)->directory_count &&
				d->role == program_at(k)->directories->role)
				assert_true(mail);
	}
	assert_null(program_find(VIEW("smtp")));
	assert_null(program_find(VIEW_NONE));
}

/* Protects: who talks to whom: a face reaches no face but those that ask the world for
 * others, of which fetch is relay's alone, and no mailbox or spool but its own. */
static void test_pairs(void **state)
{
	(void)state;
	for (unsigned i = 0; i < programs_pair_count(); i++) {
		const struct program_pair *pair = program_pair_at(i);
		assert_true(pair->a != pair->b);
		assert_false(program_of(pair->a)->kind == PROGRAM_FACE &&
			     program_of(pair->b)->kind == PROGRAM_FACE &&
			     pair->b != PROGRAM_RESOLVE &&
			     !(pair->a == PROGRAM_RELAY && pair->b == PROGRAM_FETCH));
		assert_true(pair->a != PROGRAM_RESOLVE);
		assert_true(program_of(pair->a)->kind != PROGRAM_SHORT_LIVED);
		assert_true(program_of(pair->b)->kind != PROGRAM_SHORT_LIVED);
		for (unsigned k = 0; k < i; k++) {
			const struct program_pair *old = program_pair_at(k);
			assert_false((old->a == pair->a && old->b == pair->b) ||
				     (old->a == pair->b && old->b == pair->a));
		}
	}
	assert_true(program_is_peer(PROGRAM_SPOOL, PROGRAM_SMTPD));
	assert_false(program_is_peer(PROGRAM_SMTPD, PROGRAM_MAILBOX));
	assert_false(program_is_peer(PROGRAM_SMTPD, PROGRAM_DELIVER));
	assert_false(program_is_peer(PROGRAM_POPD, PROGRAM_SPOOL));
	assert_false(program_is_peer(PROGRAM_POPD, PROGRAM_RESOLVE));
	assert_true(program_is_peer(PROGRAM_SPOOL, PROGRAM_REPORT));
	for (unsigned i = 0; i < programs_count(); i++)
		assert_true(program_at(i)->id == PROGRAM_SPOOL ||
			    !program_is_peer(PROGRAM_REPORT, program_at(i)->id));
}

/* Protects: the manual's page has a row for each program in both tables. */
static void test_markdown(void **state)
{
	(void)state;
	struct buffer b = buffer_new(1 << 16);
	programs_print_markdown(&b);
	assert_false(buffer_failed(&b));
	for (unsigned i = 0; i < programs_count(); i++) {
		char row[40];
		snprintf(row, sizeof row, "\n| `%s` |", program_at(i)->name);
		const size_t at = view_search(buffer_view(&b), view_text(row));
		assert_true(at != VIEW_NOT_FOUND);
		assert_true(view_search(view_from(buffer_view(&b), at + 1), view_text(row)) !=
			    VIEW_NOT_FOUND);
	}
	assert_true(view_search(buffer_view(&b), VIEW("unknown")) == VIEW_NOT_FOUND);
	buffer_free(&b);
}

static void make_file(const char *path, const char *text)
{
	const int fd = open(path, O_WRONLY | O_CREAT, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int build_stage(void **state)
{
	char path[120];
	(void)state;
	struct sandbox_report report;
	sandbox_survey(&report);
	landlock = report.landlock_abi;
	strcpy(top, "/tmp/sandbox-XXXXXX");
	if (!mkdtemp(top) || chmod(top, 0755) != 0)
		return -1;
	snprintf(empty, sizeof empty, "%s/empty", top);
	snprintf(own, sizeof own, "%s/own", top);
	snprintf(other, sizeof other, "%s/other", top);
	snprintf(outside, sizeof outside, "%s/file", other);
	if (mkdir(empty, 0755) != 0 || mkdir(own, 0755) != 0 || mkdir(other, 0755) != 0)
		return -1;
	make_file(outside, "not yours");
	snprintf(key, sizeof key, "%s/key", other);
	make_file(key, "a key");
	if (chmod(key, 0600) != 0 ||
		(geteuid() == 0 && chown(key, UID_OF_TESTS, UID_OF_TESTS) != 0))
		return -1;
	snprintf(path, sizeof path, "%s/file", own);
	make_file(path, "mine");
	if (geteuid() == 0 && (chown(own, UID_OF_TESTS, UID_OF_TESTS) != 0 ||
				      chown(path, UID_OF_TESTS, UID_OF_TESTS) != 0))
		return -1;
	victim = fork();
	if (victim == 0) {
		if (geteuid() == 0 && setresuid(UID_OF_TESTS, UID_OF_TESTS, UID_OF_TESTS) != 0)
			_exit(1);
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
		for (;;)
			pause();
	}
	usleep(10000);
	return 0;
}

/* The victim must have outlived every attempt. */
static int strike_stage(void **state)
{
	(void)state;
	char path[120];
	const bool alive = waitpid(victim, NULL, WNOHANG) == 0;
	kill(victim, SIGKILL);
	waitpid(victim, NULL, 0);
	unlink(outside);
	unlink(key);
	snprintf(path, sizeof path, "%s/file", own);
	unlink(path);
	rmdir(empty);
	rmdir(own);
	rmdir(other);
	if (rmdir(top) != 0)
		print_error("something was left in %s\n", top);
	return alive ? 0 : -1;
}

#define UID_ORDINARY 65534
#define EXIT_SKIPPED 77

/* As whoever is not root and starts the server. */
static bool become_ordinary(void)
{
	return setgroups(0, NULL) == 0 &&
	       setresgid(UID_ORDINARY, UID_ORDINARY, UID_ORDINARY) == 0 &&
	       setresuid(UID_ORDINARY, UID_ORDINARY, UID_ORDINARY) == 0 &&
	       prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
}

/* `ordinary`: not as root. Who is not root has had that without it. */
int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "ordinary") == 0) {
		if (geteuid() != 0)
			return EXIT_SKIPPED;
		if (!become_ordinary())
			return 1;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_markdown),
		cmocka_unit_test(test_spec_octets),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_ordinary_work),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_threads_allowed),
		cmocka_unit_test(test_memory_limit),
	};
	return cmocka_run_group_tests(tests, build_stage, strike_stage);
}
