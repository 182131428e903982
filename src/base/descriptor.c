#include "base/descriptor.h"

#include <errno.h>
#include <unistd.h>

#define STEP 65536

enum error descriptor_read_all(int fd, struct buffer *out)
{
	uint8_t spare; /* an octet past the maximum tells a file that fits from one that does not */
	for (;;) {
		const size_t left = buffer_left(out);
		const size_t room = left == 0 ? sizeof spare : left < STEP ? left : STEP;
		uint8_t *at = left == 0 ? &spare : buffer_room(out, room);
		if (!at)
			return ERROR_MEMORY;
		const ssize_t n = read(fd, at, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? error_of_errno(errno) : ERROR_NONE;
		if (left == 0)
			return ERROR_LIMIT;
		buffer_grown(out, (size_t)n);
	}
}

enum error descriptor_write_all(int fd, struct view v)
{
	while (!view_is_empty(v)) {
		const ssize_t n = write(fd, v.at, v.length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? error_of_errno(errno) : ERROR_IO;
		v = view_from(v, (size_t)n);
	}
	return ERROR_NONE;
}
