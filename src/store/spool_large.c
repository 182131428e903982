#include "store/spool_internal.h"

#include "store/crc32c.h"

/* Streams count against the total once they are messages; until then the floor guards the disk. */
enum error spool_large_begin(struct spool *spool, struct spool_large **large_out)
{
	*large_out = NULL;
	if (spool->free_octets < spool->limits.free_floor_octets ||
		spool->large_octets >= spool->limits.large_total_octets)
		return ERROR_SPACE;
	struct spool_large *large = memory_new(1, sizeof *large);
	large->number = spool->next_large++;
	large->max = spool->limits.large_octets;
	*large_out = large;
	return ERROR_NONE;
}

enum error spool_large_write(struct disk *disk, struct spool_large *large, struct view content)
{
	if (large->error != ERROR_NONE)
		return large->error;
	if (large->synced || content.length > large->max - large->octets)
		return large->error = ERROR_LIMIT;
	if (!large->file) {
		const struct spool_name name = large_name(large->number);
		large->error = disk_open(disk, name_view(&name), DISK_CREATE, &large->file);
	}
	if (large->error == ERROR_NONE)
		large->error = disk_write(disk, large->file, large->octets, &content, 1);
	if (large->error == ERROR_NONE) {
		large->sum = crc32c(large->sum, content);
		large->octets += content.length;
	}
	return large->error;
}

enum error spool_large_finish(struct disk *disk, struct spool_large *large)
{
	if (large->synced || large->error != ERROR_NONE)
		return large->error;
	if (!large->file)
		large->error = spool_large_write(disk, large, VIEW_NONE);
	if (large->error == ERROR_NONE)
		large->error = disk_sync(disk, large->file);
	if (large->error == ERROR_NONE)
		large->error = disk_sync_directory(disk, VIEW("large"));
	large->synced = large->error == ERROR_NONE;
	disk_close(disk, &large->file);
	return large->error;
}

void large_free(struct spool *spool, struct spool_large **large)
{
	disk_close(spool->disk, &(*large)->file);
	memory_free(*large);
	*large = NULL;
}

void spool_large_abort(struct spool *spool, struct spool_large **large)
{
	if (!*large)
		return;
	removal_add(spool, (*large)->number);
	large_free(spool, large);
}
