#include "base/sandbox.h"

#include "base/sandbox_parts.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <malloc.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define INSTRUMENTED 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define INSTRUMENTED 1
#endif
#ifndef INSTRUMENTED
#define INSTRUMENTED 0
#endif

bool sandbox_is_instrumented(void)
{
	return INSTRUMENTED;
}

#if INSTRUMENTED
static bool sealed;
/* Asked by LeakSanitizer at exit: its search needs ptrace, which the filter forbids. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return sealed;
}
#endif

const char *sandbox_root_name(enum sandbox_root root)
{
	switch (root) {
	case SANDBOX_ROOT_NONE:
		return "none";
	case SANDBOX_ROOT_EMPTY:
		return "empty";
	case SANDBOX_ROOT_DIRECTORY:
		return "directory";
	}
	return "unknown";
}

const char *sandbox_access_name(enum sandbox_access access)
{
	switch (access) {
	case SANDBOX_READ:
		return "read";
	case SANDBOX_READ_WRITE:
		return "read-write";
	}
	return "unknown";
}

const char *sandbox_calls_name(enum sandbox_calls one)
{
	switch (one) {
	case SANDBOX_CALLS_ACCEPT:
		return "accept";
	case SANDBOX_CALLS_DISK_READ:
		return "disk-read";
	case SANDBOX_CALLS_DISK_WRITE:
		return "disk-write";
	case SANDBOX_CALLS_MEMORY_FILE:
		return "memory-file";
	case SANDBOX_CALLS_THREADS:
		return "threads";
	case SANDBOX_CALLS_CONNECT:
		return "connect";
	case SANDBOX_CALLS_DATAGRAM:
		return "datagram";
	}
	return "unknown";
}

const char *sandbox_measure_name(enum sandbox_measure measure)
{
	switch (measure) {
	case SANDBOX_DESCRIPTORS:
		return "descriptors";
	case SANDBOX_LIMITS:
		return "limits";
	case SANDBOX_ROOT:
		return "root";
	case SANDBOX_USER:
		return "user";
	case SANDBOX_CAPABILITIES:
		return "capabilities";
	case SANDBOX_NO_NEW_PRIVILEGES:
		return "no-new-privileges";
	case SANDBOX_NOT_DUMPABLE:
		return "not-dumpable";
	case SANDBOX_LANDLOCK:
		return "landlock";
	case SANDBOX_LANDLOCK_TRUNCATE:
		return "landlock-truncate";
	case SANDBOX_LANDLOCK_NETWORK:
		return "landlock-network";
	case SANDBOX_LANDLOCK_DEVICES:
		return "landlock-devices";
	case SANDBOX_LANDLOCK_SCOPES:
		return "landlock-scopes";
	case SANDBOX_FILTER:
		return "filter";
	}
	return "unknown";
}

void sandbox_report_add_missing(
	struct buffer *b, const struct sandbox_report *report, const char *between)
{
	const char *comma = "";
	for (int m = 0; m < SANDBOX_MEASURES; m++) {
		if (!report->missing[m])
			continue;
		text_add(b, "{}{}", text_string(comma),
			text_string(sandbox_measure_name((enum sandbox_measure)m)));
		comma = between;
	}
}

static enum error fail(struct sandbox_report *report, const char *what, int number)
{
	report->failed = what;
	report->failed_errno = number;
	const enum error error = error_of_errno(number);
	return error == ERROR_NONE ? ERROR_IO : error;
}

/* --- the steps ---------------------------------------------------------------------------- */

/* Landlock and user ids do not reach threads that run already. */
static enum error check_alone(struct sandbox_report *report)
{
	struct stat facts;
	if (stat("/proc/self/task", &facts) == 0 && facts.st_nlink > 3)
		return fail(report, "being the only thread", EBUSY);
	return ERROR_NONE;
}

static bool is_kept(const struct sandbox_spec *spec, int descriptor)
{
	if (descriptor <= STDERR_FILENO || descriptor == spec->root_descriptor)
		return true;
	for (uint32_t i = 0; i < spec->keep_count; i++)
		if (spec->keep[i] == descriptor)
			return true;
	for (uint32_t i = 0; i < spec->rule_count; i++)
		if (spec->rules[i].descriptor == descriptor)
			return true;
	return false;
}

static int largest_kept(const struct sandbox_spec *spec)
{
	int largest = STDERR_FILENO;
	for (uint32_t i = 0; i < spec->keep_count; i++)
		largest = spec->keep[i] > largest ? spec->keep[i] : largest;
	for (uint32_t i = 0; i < spec->rule_count; i++)
		largest = spec->rules[i].descriptor > largest ? spec->rules[i].descriptor : largest;
	return spec->root_descriptor > largest ? spec->root_descriptor : largest;
}

static enum error close_strays(const struct sandbox_spec *spec, struct sandbox_report *report)
{
	const int largest = largest_kept(spec);
	for (int fd = STDERR_FILENO + 1; fd < largest; fd++)
		if (!is_kept(spec, fd))
			close(fd);
	if (close_range((unsigned)largest + 1, ~0U, 0) != 0)
		return fail(report, "close_range", errno);
	report->held[SANDBOX_DESCRIPTORS] = true;
	return ERROR_NONE;
}

/* Down to `want`; up only as far as we may: containers take from root the right to raise a limit. */
static bool limit(int resource, uint64_t want)
{
	struct rlimit now;
	if (want == SANDBOX_NO_LIMIT)
		return true;
	if (getrlimit((__rlimit_resource_t)resource, &now) != 0)
		return false;
	const struct rlimit next = {want, want};
	const struct rlimit most = {now.rlim_max, now.rlim_max};
	return setrlimit((__rlimit_resource_t)resource, &next) == 0 ||
	       (want > now.rlim_max && setrlimit((__rlimit_resource_t)resource, &most) == 0);
}

static enum error set_limits(const struct sandbox_spec *spec, struct sandbox_report *report)
{
	const struct sandbox_limits *l = &spec->limits;
	if (!limit(RLIMIT_CORE, 0) || !limit(RLIMIT_NOFILE, l->open_files) ||
		!limit(RLIMIT_FSIZE, l->file_size_octets) ||
		(!INSTRUMENTED && !limit(RLIMIT_AS, l->address_space_octets)))
		return fail(report, "resource limits", errno);
	report->held[SANDBOX_LIMITS] = true;
	return ERROR_NONE;
}

/* Directories are opened while the old root and user still are ours. */
static enum error open_directories(
	const struct sandbox_spec *spec, int *directories, struct sandbox_report *report)
{
	for (uint32_t i = 0; i < spec->rule_count; i++) {
		const struct sandbox_rule *rule = &spec->rules[i];
		directories[i] = rule->descriptor >= 0 ? fcntl(rule->descriptor, F_DUPFD_CLOEXEC, 0)
						       : open(rule->path, O_PATH | O_CLOEXEC);
		if (directories[i] < 0)
			return fail(report, "opening a directory", errno);
	}
	return ERROR_NONE;
}

/* Root's, writable by nobody else, and nothing in it. */
static bool is_safely_empty(int directory)
{
	struct stat facts;
	if (fstat(directory, &facts) != 0 || facts.st_uid != 0 || (facts.st_mode & 022) != 0)
		return false;
	DIR *listing = fdopendir(directory); /* takes the descriptor */
	if (!listing)
		return false;
	int entries = 0;
	while (entries <= 2 && readdir(listing))
		entries++;
	closedir(listing);
	return entries <= 2;
}

static enum error change_root(const struct sandbox_spec *spec, struct sandbox_report *report)
{
	if (spec->root == SANDBOX_ROOT_NONE)
		return ERROR_NONE;
	const int root = spec->root_descriptor >= 0
				 ? fcntl(spec->root_descriptor, F_DUPFD_CLOEXEC, 0)
				 : open(spec->root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return fail(report, "opening the root directory", errno);
	const bool moved = fchdir(root) == 0 && chroot(".") == 0 && chdir("/") == 0;
	const int number = errno;
	if (spec->root == SANDBOX_ROOT_EMPTY && !is_safely_empty(root))
		return fail(report, "an empty root directory that is root's", EPERM);
	if (spec->root == SANDBOX_ROOT_DIRECTORY)
		close(root);
	if (!moved)
		return fail(report, "chroot", number);
	report->held[SANDBOX_ROOT] = true;
	return ERROR_NONE;
}

#define SECUREBITS                                                              \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED | \
		SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |         \
		SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

/* No file that is ever executed could give any capability back. Needs root. */
static enum error bound_capabilities(struct sandbox_report *report)
{
	for (unsigned long c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
		if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) != 0)
			return fail(report, "capability bounding set", errno);
	if (prctl(PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0) != 0)
		return fail(report, "securebits", errno);
	return ERROR_NONE;
}

static enum error drop_capabilities(struct sandbox_report *report)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &header, none) != 0)
		return fail(report, "dropping capabilities", errno);
	report->held[SANDBOX_CAPABILITIES] = true;
	return ERROR_NONE;
}

static enum error change_user(const struct sandbox_spec *spec, struct sandbox_report *report)
{
	gid_t groups[SANDBOX_GROUPS_MAX];
	for (uint32_t i = 0; i < spec->group_count; i++)
		groups[i] = spec->groups[i];
	if (setgroups(spec->group_count, groups) != 0)
		return fail(report, "setgroups", errno);
	if (setresgid(spec->gid, spec->gid, spec->gid) != 0)
		return fail(report, "setresgid", errno);
	if (setresuid(spec->uid, spec->uid, spec->uid) != 0)
		return fail(report, "setresuid", errno);
	/* the way back must be closed */
	if (setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0 || getuid() != spec->uid)
		return fail(report, "giving up root for good", EPERM);
	report->held[SANDBOX_USER] = true;
	return ERROR_NONE;
}

static enum error leave_root(const struct sandbox_spec *spec, struct sandbox_report *report)
{
	if (geteuid() != 0) {
		report->missing[SANDBOX_USER] = true;
		report->missing[SANDBOX_ROOT] = spec->root != SANDBOX_ROOT_NONE;
		return drop_capabilities(report);
	}
	if (spec->uid == 0 || spec->gid == 0)
		return fail(report, "a user who is not root", EPERM);
	enum error error = change_root(spec, report);
	if (!error)
		error = bound_capabilities(report);
	if (!error)
		error = change_user(spec, report);
	if (!error)
		error = drop_capabilities(report);
	return error;
}

static enum error lock_down(struct sandbox_report *report)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return fail(report, "no_new_privs", errno);
	report->held[SANDBOX_NO_NEW_PRIVILEGES] = true;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return fail(report, "not dumpable", errno);
	report->held[SANDBOX_NOT_DUMPABLE] = true;
	return ERROR_NONE;
}

/* What the C library would open a file for later. */
static void warm(void)
{
	tzset();
	/* further arenas read /proc/sys/vm/overcommit_memory when they shrink */
	mallopt(M_ARENA_MAX, 1);
}

/* --- entry -------------------------------------------------------------------------------- */

void sandbox_survey(struct sandbox_report *report_out)
{
	*report_out = (struct sandbox_report){0};
	landlock_survey(landlock_abi(), true, report_out);
	report_out->missing[SANDBOX_USER] = geteuid() != 0;
	report_out->missing[SANDBOX_ROOT] = geteuid() != 0;
	report_out->missing[SANDBOX_FILTER] =
		prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0 && errno == EINVAL;
}

static enum error confine(
	const struct sandbox_spec *spec, int *directories, struct sandbox_report *report)
{
	enum error error = check_alone(report);
	if (!error)
		error = close_strays(spec, report);
	if (!error)
		error = open_directories(spec, directories, report);
	if (!error)
		error = set_limits(spec, report);
	if (!error)
		error = leave_root(spec, report);
	if (!error)
		error = lock_down(report);
	if (!error)
		error = landlock_restrict(spec, directories, report);
	return error;
}

enum error sandbox_confine(const struct sandbox_spec *spec, struct sandbox_report *report_out)
{
	int directories[SANDBOX_RULES_MAX] = {-1, -1, -1, -1};
	must(spec->rule_count <= SANDBOX_RULES_MAX && spec->group_count <= SANDBOX_GROUPS_MAX &&
		spec->keep_count <= SANDBOX_KEEP_MAX);
	*report_out = (struct sandbox_report){0};
	warm();
	const enum error error = confine(spec, directories, report_out);
	for (uint32_t i = 0; i < spec->rule_count; i++)
		if (directories[i] >= 0)
			close(directories[i]);
	return error;
}

enum error sandbox_seal(const struct sandbox_spec *spec, struct sandbox_report *report)
{
	const struct rlimit no_more = {0, 0};
	if (!(spec->calls & SANDBOX_CALLS_THREADS) && setrlimit(RLIMIT_NPROC, &no_more) != 0)
		return fail(report, "process limit", errno);
	const enum error error = filter_load(spec->calls, report);
#if INSTRUMENTED
	sealed = !error;
#endif
	return error;
}

enum error sandbox_enter(const struct sandbox_spec *spec, struct sandbox_report *report_out)
{
	const enum error error = sandbox_confine(spec, report_out);
	return error ? error : sandbox_seal(spec, report_out);
}
