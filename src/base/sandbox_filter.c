#include "base/sandbox_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Every program: memory, time, threads that run already, poll, its channels and its own end. */
static const char *const calls_always[] = {
	/* memory; mmap and mprotect are filtered below */
	"brk", "munmap", "mremap", "madvise", "mlock", "mlock2", "munlock",
	/* threads, signals, end */
	"futex", "set_robust_list", "get_robust_list", "rseq", "sched_yield", "sched_getaffinity",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait",
	"sigaltstack", "restart_syscall", "exit", "exit_group", "membarrier",
	/* time and chance */
	"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time",
	"getrandom",
	/* who am I; sysinfo is asked by qsort */
	"getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getrusage",
	"times", "uname", "sysinfo",
	/* descriptors */
	"read", "write", "readv", "writev", "close", "close_range", "dup", "dup2", "dup3", "lseek",
	"fstat", "pipe2", "pread64", "preadv",
	/* waiting */
	"poll", "ppoll", "select", "pselect6", "epoll_create1", "epoll_ctl", "epoll_wait",
	"epoll_pwait", "epoll_pwait2", "eventfd2", "timerfd_create", "timerfd_settime",
	"timerfd_gettime", "signalfd4",
	/* channels: sockets that were made before; sendto is filtered below */
	"sendmsg", "recvmsg", "recvfrom", "shutdown", "getsockopt"};

static const char *const calls_accept[] = {"accept4", "accept", "getsockname", "getpeername"};

/* socket, and sendto to an address, are filtered below. */
static const char *const calls_connect[] = {"connect", "getsockname", "getpeername"};
static const char *const calls_datagram[] = {
	"connect", "bind", "sendto", "sendmmsg", "recvmmsg", "getsockname", "getpeername"};

/* openat is filtered below. */
static const char *const calls_disk_read[] = {"newfstatat", "stat", "lstat", "statx", "getdents64",
	"access", "faccessat", "faccessat2", "readlink", "readlinkat", "getcwd", "chdir", "fchdir",
	"statfs", "fstatfs", "fadvise64", "readahead", "flock"};

static const char *const calls_disk_write[] = {"openat", "pwrite64", "pwritev", "pwritev2",
	"fdatasync", "fsync", "syncfs", "sync_file_range", "msync", "ftruncate", "fallocate",
	"rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir",
	"mkdirat", "rmdir", "fchmod", "fchmodat", "fchown", "fchownat", "utimensat",
	"copy_file_range", "umask"};

static const char *const calls_memory_file[] = {"memfd_create", "ftruncate"};

struct group {
	enum sandbox_calls bit; /* 0: always */
	const char *const *names;
	size_t count;
};
#define GROUP(bit, names)                                   \
	{                                                   \
		bit, names, sizeof(names) / sizeof *(names) \
	}
static const struct group groups[] = {
	GROUP(0, calls_always),
	GROUP(SANDBOX_CALLS_ACCEPT, calls_accept),
	GROUP(SANDBOX_CALLS_DISK_READ, calls_disk_read),
	GROUP(SANDBOX_CALLS_DISK_WRITE, calls_disk_write),
	GROUP(SANDBOX_CALLS_MEMORY_FILE, calls_memory_file),
	GROUP(SANDBOX_CALLS_CONNECT, calls_connect),
	GROUP(SANDBOX_CALLS_DATAGRAM, calls_datagram),
};
#define GROUP_COUNT (sizeof groups / sizeof *groups)

/* Known, and no business of any sandboxed program unless a group above names it: death. */
static const char *const calls_deadly[] = {
	/* files */
	"open", "openat", "openat2", "creat", "open_by_handle_at", "name_to_handle_at", "truncate",
	"rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir",
	"mkdirat", "rmdir", "symlink", "symlinkat", "mknod", "mknodat", "chmod", "fchmod",
	"fchmodat", "chown", "lchown", "fchown", "fchownat", "setxattr", "lsetxattr", "fsetxattr",
	"chroot", "pivot_root", "mount", "umount2", "move_mount", "open_tree", "fsopen", "fsmount",
	"fsconfig", "fspick", "mount_setattr", "swapon", "swapoff", "quotactl", "quotactl_fd",
	"acct", "fanotify_init", "inotify_init", "inotify_init1", "memfd_create", "memfd_secret",
	/* network */
	"socket", "socketpair", "connect", "bind", "listen",
	/* programs and other processes */
	"execve", "execveat", "fork", "vfork", "clone", "ptrace", "process_vm_readv",
	"process_vm_writev", "process_madvise", "kcmp", "kill", "tkill", "rt_sigqueueinfo",
	"rt_tgsigqueueinfo", "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "setns", "unshare",
	"wait4", "waitid", "setpgid", "setsid", "setpriority", "sched_setaffinity",
	"sched_setscheduler", "shmget", "shmat", "msgget", "semget", "mq_open",
	/* privileges */
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid",
	"setfsgid", "setgroups", "capset", "setrlimit", "personality", "keyctl", "add_key",
	"request_key",
	/* the kernel */
	"bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
	"io_uring_register", "io_setup", "kexec_load", "kexec_file_load", "init_module",
	"finit_module", "delete_module", "reboot", "sethostname", "setdomainname", "settimeofday",
	"clock_settime", "adjtimex", "clock_adjtime", "iopl", "ioperm", "modify_ldt", "uselib",
	"syslog", "vhangup", "vmsplice", "remap_file_pages", "pkey_mprotect", "move_pages",
	"migrate_pages", "mbind", "set_mempolicy"};

/* What AddressSanitizer tries when it prints a report; EACCES there, death elsewhere. */
static const char *const calls_of_reports[] = {"open", "openat"};

/* The flags with which the C library starts a thread: nothing else may be cloned. */
#define THREAD_FLAGS                                                                        \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | \
		CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

struct filter {
	scmp_filter_ctx context;
	uint32_t calls;
	int error; /* sticky, an errno value */
};

static bool has(const struct filter *f, enum sandbox_calls bit)
{
	return bit == 0 || (f->calls & bit) != 0;
}

/* A call that this architecture or libseccomp does not know is left to the default. */
static void add(struct filter *f, uint32_t action, const char *name, unsigned count,
	const struct scmp_arg_cmp *arguments)
{
	const int number = seccomp_syscall_resolve_name(name);
	if (f->error || number == __NR_SCMP_ERROR)
		return;
	f->error = -seccomp_rule_add_array(f->context, action, number, count, arguments);
}

static void allow(struct filter *f, const char *name)
{
	add(f, SCMP_ACT_ALLOW, name, 0, NULL);
}

static void allow_when(struct filter *f, const char *name, struct scmp_arg_cmp argument)
{
	add(f, SCMP_ACT_ALLOW, name, 1, &argument);
}

static bool names_have(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (view_equal(view_text(names[i]), view_text(name)))
			return true;
	return false;
}

static bool goes_out(const struct filter *f)
{
	return has(f, SANDBOX_CALLS_CONNECT) || has(f, SANDBOX_CALLS_DATAGRAM);
}

static bool is_allowed(const struct filter *f, const char *name)
{
	for (size_t i = 0; i < GROUP_COUNT; i++)
		if (has(f, groups[i].bit) && names_have(groups[i].names, groups[i].count, name))
			return true;
	return (has(f, SANDBOX_CALLS_DISK_READ) && view_equal(view_text(name), VIEW("openat"))) ||
	       (has(f, SANDBOX_CALLS_THREADS) && view_equal(view_text(name), VIEW("clone"))) ||
	       (goes_out(f) && view_equal(view_text(name), VIEW("socket")));
}

static void add_groups(struct filter *f)
{
	for (size_t i = 0; i < GROUP_COUNT; i++)
		if (has(f, groups[i].bit))
			for (size_t k = 0; k < groups[i].count; k++)
				allow(f, groups[i].names[k]);
}

static void add_deadly(struct filter *f)
{
	for (size_t i = 0; i < sizeof calls_deadly / sizeof *calls_deadly; i++) {
		const char *name = calls_deadly[i];
		if (is_allowed(f, name))
			continue;
		const bool soft = sandbox_is_instrumented() &&
				  names_have(calls_of_reports,
					  sizeof calls_of_reports / sizeof *calls_of_reports, name);
		add(f, soft ? SCMP_ACT_ERRNO(EACCES) : SCMP_ACT_KILL_PROCESS, name, 0, NULL);
	}
}

/* Memory is never executable and signals go nowhere but to ourselves (abort). */
static void add_memory_and_signals(struct filter *f)
{
	static const char *const mappers[] = {"mmap", "mprotect"};
	const uint64_t exec = PROT_EXEC;
	for (size_t i = 0; i < 2; i++) {
		allow_when(f, mappers[i], SCMP_A2_64(SCMP_CMP_MASKED_EQ, exec, 0));
		add(f, SCMP_ACT_KILL_PROCESS, mappers[i], 1,
			&SCMP_A2_64(SCMP_CMP_MASKED_EQ, exec, exec));
	}
	const uint64_t self = (uint64_t)getpid();
	allow_when(f, "tgkill", SCMP_A0_64(SCMP_CMP_EQ, self));
	add(f, SCMP_ACT_KILL_PROCESS, "tgkill", 1, &SCMP_A0_64(SCMP_CMP_NE, self));
	if (has(f, SANDBOX_CALLS_THREADS))
		allow_when(f, "clone", SCMP_A0_64(SCMP_CMP_EQ, THREAD_FLAGS));
}

static void add_descriptors(struct filter *f)
{
	static const unsigned always[] = {
		F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD, F_DUPFD_CLOEXEC, F_GET_SEALS};
	static const unsigned locks[] = {F_GETLK, F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW};
	static const unsigned controls[] = {FIONBIO, FIONREAD};
	for (size_t i = 0; i < sizeof always / sizeof *always; i++)
		allow_when(f, "fcntl", SCMP_A1_32(SCMP_CMP_EQ, always[i]));
	for (size_t i = 0; i < sizeof locks / sizeof *locks; i++)
		if (has(f, SANDBOX_CALLS_DISK_WRITE) || has(f, SANDBOX_CALLS_DISK_READ))
			allow_when(f, "fcntl", SCMP_A1_32(SCMP_CMP_EQ, locks[i]));
	if (has(f, SANDBOX_CALLS_MEMORY_FILE))
		allow_when(f, "fcntl", SCMP_A1_32(SCMP_CMP_EQ, F_ADD_SEALS));
	for (size_t i = 0; i < sizeof controls / sizeof *controls; i++)
		allow_when(f, "ioctl", SCMP_A1_32(SCMP_CMP_EQ, controls[i]));
	if (!has(f, SANDBOX_CALLS_DATAGRAM))
		allow_when(f, "sendto", SCMP_A4_64(SCMP_CMP_EQ, 0)); /* on what is connected */
	allow_when(f, "prctl", SCMP_A0_32(SCMP_CMP_EQ, PR_SET_NAME));
	/* the C library's fstat; a path given with the flag could be looked up, not opened */
	if (!has(f, SANDBOX_CALLS_DISK_READ))
		allow_when(f, "newfstatat", SCMP_A3_32(SCMP_CMP_EQ, AT_EMPTY_PATH));
	const struct scmp_arg_cmp own_limits[2] = {
		SCMP_A0_32(SCMP_CMP_EQ, 0), SCMP_A2_64(SCMP_CMP_EQ, 0)};
	add(f, SCMP_ACT_ALLOW, "prlimit64", 2, own_limits); /* asked, not set */
	if (has(f, SANDBOX_CALLS_DISK_READ) && !has(f, SANDBOX_CALLS_DISK_WRITE))
		allow_when(f, "openat",
			SCMP_A2_32(SCMP_CMP_MASKED_EQ,
				O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY), 0));
}

/* IP sockets of one type and its own protocol; no raw ones, no local ones. */
static void add_sockets(struct filter *f, uint32_t type, uint32_t protocol)
{
	static const uint32_t families[] = {AF_INET, AF_INET6};
	const uint32_t protocols[] = {0, protocol};
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < 2; k++) {
			const struct scmp_arg_cmp all[3] = {SCMP_A0_32(SCMP_CMP_EQ, families[i]),
				SCMP_A1_32(SCMP_CMP_MASKED_EQ,
					~(uint32_t)(SOCK_NONBLOCK | SOCK_CLOEXEC), type),
				SCMP_A2_32(SCMP_CMP_EQ, protocols[k])};
			add(f, SCMP_ACT_ALLOW, "socket", 3, all);
		}
}

struct socket_option {
	unsigned level;
	unsigned option;
};

static void allow_options(struct filter *f, const struct socket_option *options, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct scmp_arg_cmp both[2] = {SCMP_A1_32(SCMP_CMP_EQ, options[i].level),
			SCMP_A2_32(SCMP_CMP_EQ, options[i].option)};
		add(f, SCMP_ACT_ALLOW, "setsockopt", 2, both);
	}
}

/* The options that a server sets; the rest of setsockopt is a large piece of kernel. */
static void add_socket_options(struct filter *f)
{
	static const struct socket_option options[] = {{SOL_SOCKET, SO_KEEPALIVE},
		{SOL_SOCKET, SO_LINGER}, {SOL_SOCKET, SO_SNDBUF}, {SOL_SOCKET, SO_RCVBUF},
		{SOL_SOCKET, SO_RCVTIMEO}, {SOL_SOCKET, SO_SNDTIMEO}, {SOL_SOCKET, SO_RCVLOWAT},
		{IPPROTO_TCP, TCP_NODELAY}, {IPPROTO_TCP, TCP_CORK}, {IPPROTO_TCP, TCP_QUICKACK},
		{IPPROTO_TCP, TCP_USER_TIMEOUT}, {IPPROTO_TCP, TCP_KEEPIDLE},
		{IPPROTO_TCP, TCP_KEEPINTVL}, {IPPROTO_TCP, TCP_KEEPCNT},
		{IPPROTO_TCP, TCP_NOTSENT_LOWAT}};
	/* and who goes out: which addresses a socket is for, and no fragments that others can forge */
	static const struct socket_option outward[] = {{SOL_SOCKET, SO_REUSEADDR},
		{IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT}, {IPPROTO_IP, IP_MTU_DISCOVER},
		{IPPROTO_IPV6, IPV6_V6ONLY}, {IPPROTO_IPV6, IPV6_MTU},
		{IPPROTO_IPV6, IPV6_MTU_DISCOVER}};
	allow_options(f, options, sizeof options / sizeof *options);
	if (goes_out(f))
		allow_options(f, outward, sizeof outward / sizeof *outward);
	if (has(f, SANDBOX_CALLS_CONNECT))
		add_sockets(f, SOCK_STREAM, IPPROTO_TCP);
	if (has(f, SANDBOX_CALLS_DATAGRAM))
		add_sockets(f, SOCK_DGRAM, IPPROTO_UDP);
}

static void build(struct filter *f)
{
	f->error = -seccomp_attr_set(f->context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!f->error)
		f->error = -seccomp_attr_set(f->context, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!f->error) /* a binary tree: the cost of a call does not depend on its place */
		f->error = -seccomp_attr_set(f->context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	add_groups(f);
	add_memory_and_signals(f);
	add_descriptors(f);
	add_socket_options(f);
	add_deadly(f);
}

enum error filter_load(uint32_t calls, struct sandbox_report *report)
{
	struct filter f = {.context = seccomp_init(SCMP_ACT_ERRNO(ENOSYS)), .calls = calls};
	if (calls & SANDBOX_CALLS_DISK_WRITE)
		f.calls |= SANDBOX_CALLS_DISK_READ;
	if (!f.context) {
		report->failed = "seccomp_init";
		report->failed_errno = ENOMEM;
		return ERROR_MEMORY;
	}
	build(&f);
	if (!f.error)
		f.error = -seccomp_load(f.context);
	seccomp_release(f.context);
	if (f.error) {
		report->failed = "system-call filter";
		report->failed_errno = f.error;
		return error_of_errno(f.error);
	}
	report->held[SANDBOX_FILTER] = true;
	return ERROR_NONE;
}
