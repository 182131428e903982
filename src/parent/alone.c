#include "parent/alone.h"

#include "base/files.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define NUMBER_ROOM 32u
#define STEP_MS 50
#define WAIT_MS 10000

static int lock = -1;

static void rest(void)
{
	const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
	nanosleep(&step, NULL);
}

/* The number in the file; 0: none. */
static uint32_t owner_of(int state_directory)
{
	struct buffer b = buffer_new(NUMBER_ROOM);
	uint32_t pid = 0;
	if (file_read(state_directory, ALONE_FILE, &b) != ERROR_NONE ||
		!view_to_u32(view_trim(view_first(buffer_view(&b), b.length - (b.length != 0))),
			INT32_MAX, &pid))
		pid = 0;
	buffer_free(&b);
	return pid;
}

static void write_owner(void)
{
	struct buffer b = buffer_new(NUMBER_ROOM);
	text_add(&b, "{}\n", text_number((uint64_t)getpid()));
	if (ftruncate(lock, 0) != 0 || pwrite(lock, b.data, b.length, 0) < 0)
		log_warning("the lock file cannot be written", fact_errno(errno));
	buffer_free(&b);
}

/* Of a parent that is gone, a child may still be on its way to the end. */
static bool wait_for_lock(int state_directory)
{
	for (unsigned waited_ms = 0; flock(lock, LOCK_EX | LOCK_NB) != 0; waited_ms += STEP_MS) {
		const uint32_t owner = owner_of(state_directory);
		const bool is_gone = owner && kill((pid_t)owner, 0) != 0 && errno == ESRCH;
		if (!is_gone || waited_ms >= WAIT_MS) {
			log_error("a server runs on this state directory already; end it first, or "
				  "give this one another --state",
				fact_number("process", owner));
			return false;
		}
		rest();
	}
	return true;
}

bool alone_lock(int state_directory, bool *after_crash_out)
{
	lock = openat(state_directory, ALONE_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (lock < 0) {
		log_error("the lock file in the state directory cannot be opened",
			fact_text("file", ALONE_FILE), fact_errno(errno));
		return false;
	}
	if (!wait_for_lock(state_directory))
		return false;
	*after_crash_out = owner_of(state_directory) != 0;
	write_owner();
	return true;
}

bool alone_lock_directory(int directory)
{
	bool told = false;
	for (unsigned waited_ms = 0; flock(directory, LOCK_EX | LOCK_NB) != 0;
		waited_ms += STEP_MS) {
		if (errno != EWOULDBLOCK)
			return true; /* a file system without locks: what was there before holds */
		if (!told)
			log_info("waiting for the programs of a server that has ended");
		told = true;
		if (waited_ms >= WAIT_MS) {
			log_error("programs of a server that was killed still run on this state "
				  "directory; end them first (ps -C sekisho-spool)");
			return false;
		}
		rest();
	}
	return true;
}

void alone_end(void)
{
	if (ftruncate(lock, 0) != 0)
		log_warning("the lock file cannot be written", fact_errno(errno));
}
