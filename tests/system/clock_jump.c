/* Loaded before a program (LD_PRELOAD), shifts of its clocks, of the wall clock and of the monotonic one:
 * seconds, in the file that SEKISHO_TEST_CLOCK names, mapped before the sandbox closes and read at each look. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("SEKISHO_TEST_CLOCK");
	const int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *p = mmap(NULL, 2 * sizeof *shift, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	shift = p == MAP_FAILED ? NULL : p;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	const int done = (int)syscall(SYS_clock_gettime, id, t);
	if (done == 0 && shift && id == CLOCK_REALTIME)
		t->tv_sec += shift[0];
	if (done == 0 && shift &&
		(id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE || id == CLOCK_BOOTTIME))
		t->tv_sec += shift[1];
	return done;
}

time_t time(time_t *out)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	if (out)
		*out = t.tv_sec;
	return t.tv_sec;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
	(void)zone;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	t->tv_sec = now.tv_sec;
	t->tv_usec = now.tv_nsec / 1000;
	return 0;
}
