/*
 * A disk in memory that is as bad as store/disk.h allows, from a seed, so that every run can be
 * repeated octet for octet:
 * - what was not synced is kept or lost sector by sector at a power cut; now and then some of it is
 *   written back early, so that any older version of a sector may be what is found;
 * - a failed sync leaves any part on disk, and a later sync of the same data says yes and writes
 *   nothing; what reads see after it is either the new or the old data;
 * - names are durable only after the directory's sync;
 * - any operation may fail, alone or from now on, and the power may go in the middle of any one.
 *
 * Planted faults make it worse than allowed: the tests must notice.
 */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include "store/disk.h"

enum sim_plant {
	SIM_PLANT_NONE,
	SIM_PLANT_SYNC_IGNORED, /* says yes, writes nothing */
	SIM_PLANT_SYNC_HALF, /* says yes, leaves one sector out */
	SIM_PLANT_SYNC_FAILURE_HIDDEN, /* a failed sync says yes */
	SIM_PLANT_DIRECTORY_IGNORED, /* sync_directory says yes, does nothing */
	SIM_PLANT_WRITE_LOST, /* now and then a write is not done */
};

struct sim_disk;

struct sim_disk *sim_disk_new(uint64_t seed, uint64_t capacity_octets);
void sim_disk_free(struct sim_disk **disk);
struct disk *sim_disk_disk(struct sim_disk *disk);

void sim_disk_plant(struct sim_disk *disk, enum sim_plant plant);
/* Every operation fails with this chance (of 65536); syncs with `sync_chance`. 0 and 0 heals it. */
void sim_disk_fail(struct sim_disk *disk, uint32_t chance, uint32_t sync_chance);
/* The `nth` operation from now (1 …) fails; 0: none. */
void sim_disk_fail_nth(struct sim_disk *disk, uint64_t nth);
/* The power goes in the `nth` operation from now; 0: not. All operations fail until power_on. */
void sim_disk_cut_nth(struct sim_disk *disk, uint64_t nth);
bool sim_disk_is_dead(const struct sim_disk *disk);
/* Loses what a power cut loses; works again. Open files must be closed before. */
void sim_disk_power_on(struct sim_disk *disk);
void sim_disk_capacity(struct sim_disk *disk, uint64_t octets);
uint64_t sim_disk_operations(const struct sim_disk *disk);
uint64_t sim_disk_syncs(const struct sim_disk *disk);
uint64_t sim_disk_failures(const struct sim_disk *disk); /* reported to the caller so far */
size_t sim_disk_files(const struct sim_disk *disk, const char *directory);
/* Puts a file there, durably. */
void sim_disk_put(struct sim_disk *disk, const char *name, const void *octets, size_t length);

#endif
