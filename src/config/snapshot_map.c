#include "config/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static void unmap(void *context, struct view blob)
{
	(void)context;
	(void)munmap((void *)blob.at, blob.length);
}

enum error snapshot_map(int fd, struct snapshot **snapshot_out)
{
	struct stat status;
	*snapshot_out = NULL;
	/* Unsealed, the other side could change or cut it under our feet. */
	const int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || (seals & SEALS) != SEALS)
		return ERROR_DENIED;
	if (fstat(fd, &status) != 0)
		return error_of_errno(errno);
	if (status.st_size <= 0 || (uintmax_t)status.st_size > SNAPSHOT_MAX)
		return ERROR_LIMIT;
	const size_t length = (size_t)status.st_size;
	void *at = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return error_of_errno(errno);
	*snapshot_out = snapshot_decode(view_of(at, length), unmap, NULL);
	if (*snapshot_out)
		return ERROR_NONE;
	(void)munmap(at, length);
	return ERROR_CORRUPT;
}
