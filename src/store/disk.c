#include "store/disk.h"

enum error disk_open(
	struct disk *disk, struct view name, enum disk_mode mode, struct disk_file **file_out)
{
	*file_out = NULL;
	return disk->operations->open(disk, name, mode, file_out);
}

void disk_close(struct disk *disk, struct disk_file **file)
{
	if (*file)
		disk->operations->close(disk, *file);
	*file = NULL;
}

enum error disk_size(struct disk *disk, struct disk_file *file, uint64_t *octets_out)
{
	*octets_out = 0;
	return disk->operations->size(disk, file, octets_out);
}

enum error disk_read(struct disk *disk, struct disk_file *file, uint64_t offset, uint8_t *to,
	size_t room, size_t *length_out)
{
	*length_out = 0;
	return disk->operations->read(disk, file, offset, to, room, length_out);
}

enum error disk_write(struct disk *disk, struct disk_file *file, uint64_t offset,
	const struct view *parts, size_t count)
{
	must(count <= DISK_PARTS_MAX);
	return disk->operations->write(disk, file, offset, parts, count);
}

enum error disk_sync(struct disk *disk, struct disk_file *file)
{
	return disk->operations->sync(disk, file);
}

enum error disk_sync_directory(struct disk *disk, struct view directory)
{
	return disk->operations->sync_directory(disk, directory);
}

enum error disk_make_directory(struct disk *disk, struct view directory)
{
	return disk->operations->make_directory(disk, directory);
}

enum error disk_remove(struct disk *disk, struct view name)
{
	return disk->operations->remove(disk, name);
}

enum error disk_list(struct disk *disk, struct view directory, struct buffer *names)
{
	return disk->operations->list(disk, directory, names);
}

enum error disk_space(struct disk *disk, uint64_t *free_octets_out)
{
	*free_octets_out = 0;
	return disk->operations->space(disk, free_octets_out);
}
