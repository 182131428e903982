#include "sim_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR 512u

/* Held by each place where it stands, and copied before it is written if by more than one. */
struct sector {
	uint32_t holders;
	uint8_t octets[SECTOR];
};

struct inode {
	struct inode *next; /* of all */
	struct sector **now; /* what reads see; null: zeros, which are most of a segment */
	struct sector **kept; /* what a power cut leaves */
	uint8_t *dirty; /* a flag for each sector */
	uint64_t size;
	uint64_t kept_size;
	uint64_t room; /* sectors */
	uint32_t dirty_count;
};

struct name {
	struct name *next;
	char text[DISK_NAME_MAX + 1];
	struct inode *now;
	struct inode *kept;
};

struct disk_file {
	struct inode *inode;
	bool writable;
};

struct sim_disk {
	struct disk disk;
	uint64_t random;
	uint64_t capacity;
	struct inode *inodes;
	struct name *names;
	bool large_now;
	bool large_kept;
	enum sim_plant plant;
	uint32_t chance;
	uint32_t sync_chance;
	uint64_t fail_at;
	uint64_t cut_at;
	uint64_t operations;
	uint64_t syncs;
	uint64_t failures;
	bool dead;
};

static uint64_t draw(struct sim_disk *s)
{
	uint64_t z = s->random += 0x9e3779b97f4a7c15ull;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static bool chance(struct sim_disk *s, uint32_t of)
{
	return draw(s) % of == 0;
}

static struct sim_disk *sim_of(struct disk *disk)
{
	return (struct sim_disk *)disk;
}

/* What becomes of this operation. */
enum fate { FATE_GOOD, FATE_FAIL, FATE_CUT, FATE_DEAD };

static enum fate fate_of(struct sim_disk *s, bool sync)
{
	if (s->dead)
		return FATE_DEAD;
	s->operations++;
	if (s->cut_at && s->operations >= s->cut_at) {
		s->dead = true;
		s->cut_at = 0;
		return FATE_CUT;
	}
	const bool fails = (s->fail_at && s->operations == s->fail_at) ||
			   draw(s) % 65536 < (sync ? s->sync_chance : s->chance);
	s->failures += fails;
	return fails ? FATE_FAIL : FATE_GOOD;
}

static struct name *name_find(struct sim_disk *s, struct view v)
{
	for (struct name *n = s->names; n; n = n->next)
		if (strlen(n->text) == v.length && memcmp(n->text, v.at, v.length) == 0)
			return n;
	return NULL;
}

static struct name *name_make(struct sim_disk *s, struct view v)
{
	struct name *n = name_find(s, v);
	if (n)
		return n;
	n = calloc(1, sizeof *n);
	must(view_to_text(v, n->text, sizeof n->text));
	n->next = s->names;
	s->names = n;
	return n;
}

static bool in_directory(const char *text, struct view directory)
{
	const char *slash = strchr(text, '/');
	if (directory.length == 0)
		return !slash;
	return slash && (size_t)(slash - text) == directory.length &&
	       memcmp(text, directory.at, directory.length) == 0;
}

static struct inode *inode_new(struct sim_disk *s)
{
	struct inode *inode = calloc(1, sizeof *inode);
	inode->next = s->inodes;
	s->inodes = inode;
	return inode;
}

static uint64_t sectors(uint64_t octets)
{
	return (octets + SECTOR - 1) / SECTOR;
}

static void inode_room(struct inode *inode, uint64_t size)
{
	const uint64_t had = inode->room;
	if (sectors(size) <= had)
		return;
	const uint64_t least = had + had / 2;
	const uint64_t room = sectors(size) > least ? sectors(size) : least;
	inode->now = realloc(inode->now, room * sizeof *inode->now);
	inode->kept = realloc(inode->kept, room * sizeof *inode->kept);
	inode->dirty = realloc(inode->dirty, room);
	memset(inode->now + had, 0, (room - had) * sizeof *inode->now);
	memset(inode->kept + had, 0, (room - had) * sizeof *inode->kept);
	memset(inode->dirty + had, 0, room - had);
	inode->room = room;
}

static void sector_let_go(struct sector *s)
{
	if (s && --s->holders == 0)
		free(s);
}

/* `to` becomes what `from` is. */
static void sector_share(struct sector **to, struct sector *from)
{
	if (from)
		from->holders++;
	sector_let_go(*to);
	*to = from;
}

static void sector_write(struct sector **at, uint64_t offset, const uint8_t *octets, size_t length)
{
	static const uint8_t zeros[SECTOR];
	if (!*at && memcmp(octets, zeros, length) == 0)
		return;
	if (!*at || (*at)->holders > 1) {
		struct sector *own = calloc(1, sizeof *own);
		if (*at)
			memcpy(own->octets, (*at)->octets, SECTOR);
		own->holders = 1;
		sector_let_go(*at);
		*at = own;
	}
	memcpy((*at)->octets + offset, octets, length);
}

static void sectors_share(struct sector **to, struct sector *const *from, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		sector_share(&to[i], from[i]);
}

static void inode_free(struct inode *inode)
{
	for (uint64_t i = 0; i < inode->room; i++) {
		sector_let_go(inode->now[i]);
		sector_let_go(inode->kept[i]);
	}
	free(inode->now);
	free(inode->kept);
	free(inode->dirty);
	free(inode);
}

static uint64_t used(const struct sim_disk *s)
{
	uint64_t total = 0;
	for (const struct name *n = s->names; n; n = n->next)
		if (n->now)
			total += n->now->size;
	return total;
}

static void sector_keep(struct inode *inode, uint64_t sector)
{
	sector_share(&inode->kept[sector], inode->now[sector]);
	const uint64_t end =
		(sector + 1) * SECTOR < inode->size ? (sector + 1) * SECTOR : inode->size;
	if (end > inode->kept_size)
		inode->kept_size = end;
}

/* Each dirty sector reaches the disk or not; then none is dirty. */
static void settle(struct sim_disk *s, struct inode *inode, bool may_lose)
{
	const uint64_t style = may_lose ? draw(s) % 4 : 0; /* all, none, or one by one */
	for (uint64_t i = 0; inode->dirty_count && i < sectors(inode->size); i++) {
		if (!inode->dirty[i])
			continue;
		if (style == 0 || (style > 1 && draw(s) & 1))
			sector_keep(inode, i);
		inode->dirty[i] = 0;
		inode->dirty_count--;
	}
	if (style == 0)
		inode->kept_size = inode->size;
}

static enum error sim_open(
	struct disk *disk, struct view name, enum disk_mode mode, struct disk_file **out)
{
	struct sim_disk *s = sim_of(disk);
	const enum fate fate = fate_of(s, false);
	struct name *n = name_make(s, name);
	if (fate == FATE_DEAD || fate == FATE_FAIL)
		return ERROR_IO;
	if (mode == DISK_CREATE) {
		if (n->now)
			return ERROR_EXISTS;
		if (used(s) >= s->capacity)
			return ERROR_SPACE;
		n->now = inode_new(s);
	}
	if (fate == FATE_CUT)
		return ERROR_IO;
	if (!n->now)
		return ERROR_MISSING;
	*out = calloc(1, sizeof **out);
	**out = (struct disk_file){n->now, mode != DISK_READ};
	return ERROR_NONE;
}

static void sim_close(struct disk *disk, struct disk_file *file)
{
	(void)disk;
	free(file);
}

static enum error sim_size(struct disk *disk, struct disk_file *file, uint64_t *octets_out)
{
	if (fate_of(sim_of(disk), false) != FATE_GOOD)
		return ERROR_IO;
	*octets_out = file->inode->size;
	return ERROR_NONE;
}

static enum error sim_read(struct disk *disk, struct disk_file *file, uint64_t offset, uint8_t *to,
	size_t room, size_t *length_out)
{
	if (fate_of(sim_of(disk), false) != FATE_GOOD)
		return ERROR_IO;
	const struct inode *inode = file->inode;
	size_t length = offset < inode->size ? (size_t)(inode->size - offset) : 0;
	if (length > room)
		length = room;
	*length_out = length;
	while (length) {
		const struct sector *from = inode->now[offset / SECTOR];
		const uint64_t within = offset % SECTOR;
		const size_t part = length < SECTOR - within ? length : (size_t)(SECTOR - within);
		if (from)
			memcpy(to, from->octets + within, part);
		else
			memset(to, 0, part);
		to += part;
		offset += part;
		length -= part;
	}
	return ERROR_NONE;
}

static void write_octet_run(
	struct sim_disk *s, struct inode *inode, uint64_t offset, const uint8_t *at, size_t length)
{
	inode_room(inode, offset + length);
	if (offset + length > inode->size)
		inode->size = offset + length;
	while (length) {
		const uint64_t i = offset / SECTOR;
		const uint64_t within = offset % SECTOR;
		const size_t part = length < SECTOR - within ? length : (size_t)(SECTOR - within);
		sector_write(&inode->now[i], within, at, part);
		at += part;
		offset += part;
		length -= part;
		inode->dirty_count += !inode->dirty[i];
		inode->dirty[i] = 1;
		if (chance(s, 16)) /* written back early; still counts as dirty */
			sector_keep(inode, i);
	}
}

static enum error sim_write(struct disk *disk, struct disk_file *file, uint64_t offset,
	const struct view *parts, size_t count)
{
	struct sim_disk *s = sim_of(disk);
	const enum fate fate = fate_of(s, false);
	must(file->writable);
	if (fate == FATE_DEAD)
		return ERROR_IO;
	uint64_t total = 0;
	for (size_t i = 0; i < count; i++)
		total += parts[i].length;
	const uint64_t end = offset + total;
	const bool full =
		end > file->inode->size && used(s) + (end - file->inode->size) > s->capacity;
	uint64_t limit = fate == FATE_GOOD && !full ? total : total ? draw(s) % total : 0;
	const uint64_t torn = limit < total ? (offset + limit) % SECTOR : 0;
	limit -= torn < limit ? torn : limit; /* sectors are whole, as disk.h promises */
	if (s->plant == SIM_PLANT_WRITE_LOST && chance(s, 20))
		return ERROR_NONE;
	for (size_t i = 0; i < count && limit; i++) {
		const size_t length = parts[i].length < limit ? parts[i].length : (size_t)limit;
		if (length)
			write_octet_run(s, file->inode, offset, parts[i].at, length);
		offset += length;
		limit -= length;
	}
	if (fate == FATE_GOOD && full)
		return ERROR_SPACE;
	return fate == FATE_GOOD ? ERROR_NONE : ERROR_IO;
}

static enum error sim_sync(struct disk *disk, struct disk_file *file)
{
	struct sim_disk *s = sim_of(disk);
	const enum fate fate = fate_of(s, true);
	struct inode *inode = file->inode;
	if (fate == FATE_DEAD)
		return ERROR_IO;
	s->syncs++;
	if (fate == FATE_CUT)
		return ERROR_IO; /* whatever is dirty meets its fate at power_on */
	if (fate == FATE_FAIL) {
		settle(s, inode, true);
		if (chance(s, 2) && inode->room) /* this file system drops the pages */
			sectors_share(inode->now, inode->kept, inode->room);
		return s->plant == SIM_PLANT_SYNC_FAILURE_HIDDEN ? ERROR_NONE : ERROR_IO;
	}
	if (s->plant == SIM_PLANT_SYNC_IGNORED)
		return ERROR_NONE;
	if (s->plant == SIM_PLANT_SYNC_HALF && inode->dirty_count) {
		uint64_t skip = draw(s) % inode->dirty_count;
		for (uint64_t i = 0; i < sectors(inode->size); i++)
			if (inode->dirty[i] && skip-- == 0) {
				inode->dirty[i] = 0;
				inode->dirty_count--;
				break;
			}
	}
	settle(s, inode, false);
	return ERROR_NONE;
}

static enum error sim_sync_directory(struct disk *disk, struct view directory)
{
	struct sim_disk *s = sim_of(disk);
	if (fate_of(s, false) != FATE_GOOD)
		return ERROR_IO;
	if (s->plant == SIM_PLANT_DIRECTORY_IGNORED)
		return ERROR_NONE;
	for (struct name *n = s->names; n; n = n->next)
		if (in_directory(n->text, directory))
			n->kept = n->now;
	if (directory.length == 0)
		s->large_kept = s->large_now;
	return ERROR_NONE;
}

static enum error sim_make_directory(struct disk *disk, struct view directory)
{
	struct sim_disk *s = sim_of(disk);
	must(view_equal(directory, VIEW("large")));
	if (fate_of(s, false) != FATE_GOOD)
		return ERROR_IO;
	if (s->large_now)
		return ERROR_EXISTS;
	s->large_now = true;
	return ERROR_NONE;
}

static enum error sim_remove(struct disk *disk, struct view name)
{
	struct sim_disk *s = sim_of(disk);
	const enum fate fate = fate_of(s, false);
	if (fate == FATE_DEAD || fate == FATE_FAIL)
		return ERROR_IO;
	struct name *n = name_find(s, name);
	if (!n || !n->now)
		return ERROR_MISSING;
	n->now = NULL;
	return fate == FATE_GOOD ? ERROR_NONE : ERROR_IO;
}

static enum error sim_list(struct disk *disk, struct view directory, struct buffer *names)
{
	struct sim_disk *s = sim_of(disk);
	if (fate_of(s, false) != FATE_GOOD)
		return ERROR_IO;
	for (const struct name *n = s->names; n; n = n->next) {
		if (!n->now || !in_directory(n->text, directory))
			continue;
		const char *slash = strchr(n->text, '/');
		const struct view name = view_text(slash ? slash + 1 : n->text);
		buffer_add_octet(names, (uint8_t)name.length);
		buffer_add(names, name);
	}
	return ERROR_NONE;
}

static enum error sim_space(struct disk *disk, uint64_t *free_octets_out)
{
	struct sim_disk *s = sim_of(disk);
	const uint64_t full = used(s);
	if (s->dead)
		return ERROR_IO;
	*free_octets_out = full < s->capacity ? s->capacity - full : 0;
	return ERROR_NONE;
}

static const struct disk_operations operations = {sim_open, sim_close, sim_size, sim_read,
	sim_write, sim_sync, sim_sync_directory, sim_make_directory, sim_remove, sim_list,
	sim_space};

struct sim_disk *sim_disk_new(uint64_t seed, uint64_t capacity_octets)
{
	struct sim_disk *s = calloc(1, sizeof *s);
	s->disk.operations = &operations;
	s->random = seed * 0x9e3779b97f4a7c15ull + 1;
	s->capacity = capacity_octets;
	return s;
}

void sim_disk_free(struct sim_disk **disk)
{
	struct sim_disk *s = *disk;
	while (s->inodes) {
		struct inode *inode = s->inodes;
		s->inodes = inode->next;
		inode_free(inode);
	}
	while (s->names) {
		struct name *n = s->names;
		s->names = n->next;
		free(n);
	}
	free(s);
	*disk = NULL;
}

struct disk *sim_disk_disk(struct sim_disk *disk)
{
	return &disk->disk;
}

void sim_disk_plant(struct sim_disk *disk, enum sim_plant plant)
{
	disk->plant = plant;
}

void sim_disk_fail(struct sim_disk *disk, uint32_t any, uint32_t sync_chance)
{
	disk->chance = any;
	disk->sync_chance = sync_chance;
	disk->fail_at = 0;
}

void sim_disk_fail_nth(struct sim_disk *disk, uint64_t nth)
{
	disk->fail_at = nth ? disk->operations + nth : 0;
}

void sim_disk_cut_nth(struct sim_disk *disk, uint64_t nth)
{
	disk->cut_at = nth ? disk->operations + nth : 0;
}

bool sim_disk_is_dead(const struct sim_disk *disk)
{
	return disk->dead;
}

void sim_disk_power_on(struct sim_disk *disk)
{
	for (struct name *n = disk->names; n; n = n->next) {
		if (n->now != n->kept)
			n->now = draw(disk) & 1 ? n->now : n->kept;
		n->kept = n->now;
	}
	if (disk->large_now != disk->large_kept)
		disk->large_now = disk->large_kept = draw(disk) & 1;
	for (struct inode *inode = disk->inodes; inode; inode = inode->next) {
		settle(disk, inode, true);
		sectors_share(inode->now, inode->kept, inode->room);
		inode->size = inode->kept_size;
	}
	disk->dead = false;
	disk->cut_at = 0;
}

void sim_disk_capacity(struct sim_disk *disk, uint64_t octets)
{
	disk->capacity = octets;
}

uint64_t sim_disk_operations(const struct sim_disk *disk)
{
	return disk->operations;
}

uint64_t sim_disk_syncs(const struct sim_disk *disk)
{
	return disk->syncs;
}

uint64_t sim_disk_failures(const struct sim_disk *disk)
{
	return disk->failures;
}

size_t sim_disk_files(const struct sim_disk *disk, const char *directory)
{
	size_t count = 0;
	for (const struct name *n = disk->names; n; n = n->next)
		count += n->now && in_directory(n->text, view_text(directory));
	return count;
}

void sim_disk_put(struct sim_disk *disk, const char *name, const void *octets, size_t length)
{
	struct name *n = name_make(disk, view_text(name));
	n->now = n->kept = inode_new(disk);
	if (length)
		write_octet_run(disk, n->now, 0, octets, length);
	settle(disk, n->now, false);
}
