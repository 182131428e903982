#include "base/sandbox_parts.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's interface as of ABI 7, written out here since Debian 12's headers end at ABI 2. The
 * numbers are the same on all architectures. */
#define CALL_CREATE_RULESET 444
#define CALL_ADD_RULE 445
#define CALL_RESTRICT_SELF 446
#define CREATE_RULESET_VERSION 1
#define RULE_PATH_BENEATH 1

enum {
	FS_EXECUTE = 1 << 0,
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_REMOVE_DIR = 1 << 4,
	FS_REMOVE_FILE = 1 << 5,
	FS_MAKE_DIR = 1 << 7,
	FS_MAKE_REG = 1 << 8,
	FS_ALL_ABI_1 = (1 << 13) - 1,
	FS_REFER = 1 << 13,
	FS_TRUNCATE = 1 << 14,
	FS_IOCTL_DEV = 1 << 15,
};
#define NET_BIND_TCP 1
#define NET_CONNECT_TCP 2
#define SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS 3

#define ACCESS_READ ((uint64_t)(FS_READ_FILE | FS_READ_DIR))
#define ACCESS_WRITE                                                                             \
	((uint64_t)(FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | \
		    FS_REFER | FS_TRUNCATE))
/* All that the kernel accepts in a rule for something which is no directory. */
#define ACCESS_OF_FILE ((uint64_t)(FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE))

struct ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

struct path_beneath {
	uint64_t access;
	int32_t parent;
} __attribute__((packed));

unsigned landlock_abi(void)
{
	const long abi = syscall(CALL_CREATE_RULESET, NULL, 0, CREATE_RULESET_VERSION);
	return abi > 0 ? (unsigned)abi : 0;
}

void landlock_survey(unsigned abi, bool writes, struct sandbox_report *report)
{
	report->landlock_abi = abi;
	/* ABI 1 refuses every rename between directories, which Maildir lives on */
	report->missing[SANDBOX_LANDLOCK] = abi < (writes ? 2 : 1);
	report->missing[SANDBOX_LANDLOCK_TRUNCATE] = abi < 3;
	report->missing[SANDBOX_LANDLOCK_NETWORK] = abi < 4;
	report->missing[SANDBOX_LANDLOCK_DEVICES] = abi < 5;
	report->missing[SANDBOX_LANDLOCK_SCOPES] = abi < 6;
}

static struct ruleset ruleset_of(uint32_t calls, unsigned abi, size_t *size_out)
{
	struct ruleset r = {.fs = FS_ALL_ABI_1};
	if (abi >= 2)
		r.fs |= FS_REFER;
	if (abi >= 3)
		r.fs |= FS_TRUNCATE;
	if (abi >= 4)
		r.net = NET_BIND_TCP | (calls & SANDBOX_CALLS_CONNECT ? 0 : NET_CONNECT_TCP);
	if (abi >= 5)
		r.fs |= FS_IOCTL_DEV;
	if (abi >= 6)
		r.scoped = SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS;
	*size_out = abi >= 6 ? sizeof r : abi >= 4 ? 2 * sizeof r.fs : sizeof r.fs;
	return r;
}

static bool add_rule(int ruleset, uint64_t handled, enum sandbox_access access, int directory)
{
	struct stat facts;
	if (fstat(directory, &facts) != 0)
		return false;
	struct path_beneath rule = {.access = ACCESS_READ, .parent = directory};
	if (access == SANDBOX_READ_WRITE)
		rule.access |= ACCESS_WRITE;
	if (!S_ISDIR(facts.st_mode))
		rule.access &= ACCESS_OF_FILE;
	rule.access &= handled;
	return syscall(CALL_ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0) == 0;
}

static bool restrict_to(const struct sandbox_spec *spec, const int *directories, unsigned abi)
{
	size_t size;
	const struct ruleset want = ruleset_of(spec->calls, abi, &size);
	const int ruleset = (int)syscall(CALL_CREATE_RULESET, &want, size, 0);
	if (ruleset < 0)
		return false;
	bool ok = true;
	for (uint32_t i = 0; ok && i < spec->rule_count; i++)
		ok = add_rule(ruleset, want.fs, spec->rules[i].access, directories[i]);
	ok = ok && syscall(CALL_RESTRICT_SELF, ruleset, 0) == 0;
	const int number = errno;
	close(ruleset);
	errno = number;
	return ok;
}

enum error landlock_restrict(
	const struct sandbox_spec *spec, const int *directories, struct sandbox_report *report)
{
	bool writes = false;
	for (uint32_t i = 0; i < spec->rule_count; i++)
		writes = writes || spec->rules[i].access == SANDBOX_READ_WRITE;
	landlock_survey(landlock_abi(), writes, report);
	if (report->missing[SANDBOX_LANDLOCK]) {
		for (int m = SANDBOX_LANDLOCK; m <= SANDBOX_LANDLOCK_SCOPES; m++)
			report->missing[m] = true;
		return ERROR_NONE;
	}
	if (!restrict_to(spec, directories, report->landlock_abi)) {
		report->failed = "landlock";
		report->failed_errno = errno;
		return error_of_errno(errno);
	}
	for (int m = SANDBOX_LANDLOCK; m <= SANDBOX_LANDLOCK_SCOPES; m++)
		report->held[m] = !report->missing[m];
	return ERROR_NONE;
}
