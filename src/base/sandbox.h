/*
 * The sandbox (DESIGN §1, F-3, N-10): what a program gives up before it reads its first untrusted
 * octet. It is entered in two steps, because Landlock and the user id hold for the calling thread
 * and those it starts later, while the system-call filter can be laid over all threads at once:
 *
 *	sandbox_confine(&spec, &report);   user, root, capabilities, limits, descriptors, Landlock
 *	pool = workers_new(...);           threads are started now; they inherit all of the above
 *	sandbox_seal(&spec, &report);      no_new_privs is on; the filter; from here no new thread
 *
 * A program without a pool calls sandbox_enter, which is both. As root all of it is done; without
 * root (developers, tests) user and root directory stay and everything else holds.
 *
 * The filter is a list of what is allowed, made of the groups in `enum sandbox_calls`. Well-known
 * calls that no sandboxed program has a use for (execve, ptrace, mount, bpf, socket and connect where the
 * program does not go out, open where it has no disk) kill the process: the parent sees WTERMSIG == SIGSYS and says
 * so. Anything else, above all what kernels to come will invent, gets ENOSYS, and so does an allowed
 * call with arguments that are not allowed, such as prctl.
 *
 * What it does not do: warm up libraries. What opens files lazily (OpenSSL's configuration, locale,
 * name service) must have been used before sandbox_seal.
 *
 * Under AddressSanitizer the address space is unlimited, the leak check at exit is off (it wants
 * ptrace), and open gives EACCES instead of death, so that a report can still be printed.
 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include "base/bytes.h"
#include "base/error.h"

#define SANDBOX_GROUPS_MAX 4 /* supplementary groups */
#define SANDBOX_KEEP_MAX 128 /* descriptors that stay open besides 0, 1, 2 */
#define SANDBOX_RULES_MAX 4 /* Landlock rules */
#define SANDBOX_PATH_MAX 256 /* octets of a path with its NUL */
#define SANDBOX_NO_LIMIT UINT64_MAX

enum sandbox_root {
	SANDBOX_ROOT_NONE, /* stays where it is */
	SANDBOX_ROOT_EMPTY, /* an empty directory which is root's and only root may write */
	SANDBOX_ROOT_DIRECTORY, /* the keeper's own directory */
};
const char *sandbox_root_name(enum sandbox_root root);

enum sandbox_access { SANDBOX_READ, SANDBOX_READ_WRITE };
const char *sandbox_access_name(enum sandbox_access access);

/* Groups of system calls beyond those that every program has (memory, time, poll, its channels). */
enum sandbox_calls {
	SANDBOX_CALLS_ACCEPT = 1, /* accept on listening sockets that it was given */
	SANDBOX_CALLS_DISK_READ = 2, /* open for reading, list, stat */
	SANDBOX_CALLS_DISK_WRITE = 4, /* DISK_READ, and create, write, sync, rename, unlink */
	SANDBOX_CALLS_MEMORY_FILE = 8, /* make and seal a memfd */
	SANDBOX_CALLS_THREADS = 16, /* start threads after sandbox_seal */
	SANDBOX_CALLS_CONNECT = 32, /* make TCP sockets and connect them */
	SANDBOX_CALLS_DATAGRAM = 64, /* make UDP sockets, bind them, send anywhere */
};
#define SANDBOX_CALLS_ALL 127
/* The name of one bit. */
const char *sandbox_calls_name(enum sandbox_calls one);

struct sandbox_limits {
	uint64_t open_files;
	uint64_t address_space_octets;
	uint64_t file_size_octets;
};

/* What lies beneath a directory. `descriptor` is an open directory or -1, then `path` counts. */
struct sandbox_rule {
	int descriptor;
	enum sandbox_access access;
	char path[SANDBOX_PATH_MAX];
};

/* Plain data; sandbox_spec_add and sandbox_spec_read carry it over a channel. */
struct sandbox_spec {
	uint32_t uid; /* these count only as root, and must not be 0 then */
	uint32_t gid;
	uint32_t groups[SANDBOX_GROUPS_MAX];
	uint32_t group_count;
	enum sandbox_root root;
	int root_descriptor; /* an open directory or -1, then `root_path` counts */
	char root_path[SANDBOX_PATH_MAX];
	uint32_t calls; /* bits of enum sandbox_calls */
	struct sandbox_rule rules[SANDBOX_RULES_MAX];
	uint32_t rule_count; /* 0: no file at all may be opened */
	int keep[SANDBOX_KEEP_MAX];
	uint32_t keep_count;
	struct sandbox_limits limits;
};

/* Nothing allowed, nothing limited, no user: to be filled in. */
struct sandbox_spec sandbox_spec_new(void);
/* Adds a descriptor that stays open; -1 is ignored. False at SANDBOX_KEEP_MAX. */
must_use bool sandbox_spec_keep(struct sandbox_spec *spec, int descriptor);
/* Adds a directory. `path` may be null when `descriptor` is not -1. False when it does not fit. */
must_use bool sandbox_spec_rule(
	struct sandbox_spec *spec, int descriptor, const char *path, enum sandbox_access access);
void sandbox_spec_add(struct buffer *b, const struct sandbox_spec *spec);
/* False, and nothing usable, when octets or values are not what sandbox_spec_add writes. */
must_use bool sandbox_spec_read(struct cursor *c, struct sandbox_spec *spec_out);

/* The single protections, in the order in which they are laid on. */
enum sandbox_measure {
	SANDBOX_DESCRIPTORS, /* none open but the given ones */
	SANDBOX_LIMITS,
	SANDBOX_ROOT,
	SANDBOX_USER,
	SANDBOX_CAPABILITIES,
	SANDBOX_NO_NEW_PRIVILEGES,
	SANDBOX_NOT_DUMPABLE,
	SANDBOX_LANDLOCK, /* files, from ABI 1; with renames (ABI 2) where files are written */
	SANDBOX_LANDLOCK_TRUNCATE, /* ABI 3 */
	SANDBOX_LANDLOCK_NETWORK, /* ABI 4: no TCP bind; no connect without SANDBOX_CALLS_CONNECT */
	SANDBOX_LANDLOCK_DEVICES, /* ABI 5: no ioctl on devices */
	SANDBOX_LANDLOCK_SCOPES, /* ABI 6: no signal and no abstract socket to the outside */
	SANDBOX_FILTER, /* system calls, all threads */
};
#define SANDBOX_MEASURES 13
const char *sandbox_measure_name(enum sandbox_measure measure);

struct sandbox_report {
	bool held[SANDBOX_MEASURES]; /* laid on */
	bool missing
		[SANDBOX_MEASURES]; /* the running kernel, or the user who started us, lacks it */
	unsigned landlock_abi; /* 0: none */
	const char *failed; /* what was being done when it failed, or null */
	int failed_errno;
};
/* The names of what is missing with `between` between them; nothing when all holds. */
void sandbox_report_add_missing(
	struct buffer *b, const struct sandbox_report *report, const char *between);

/* Says in `missing` and `landlock_abi` what would be lacking here. Changes nothing: for `check`. */
void sandbox_survey(struct sandbox_report *report_out);

/* First step. Must be the only thread (else ERROR_BUSY). Starts the report. Anything that fails,
 * except what `missing` tells, gives an error: the caller must not go on. */
must_use enum error sandbox_confine(
	const struct sandbox_spec *spec, struct sandbox_report *report_out);
/* Second step, all threads at once. Goes on with the report of the first. */
must_use enum error sandbox_seal(const struct sandbox_spec *spec, struct sandbox_report *report);
/* Both. */
must_use enum error sandbox_enter(
	const struct sandbox_spec *spec, struct sandbox_report *report_out);

/* Whether this is a build with AddressSanitizer, whose sandbox differs as said above. */
bool sandbox_is_instrumented(void);

#endif
