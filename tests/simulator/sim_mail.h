/*
 * A file system of mailboxes in memory that is as bad as journalled ones are (ext4, XFS), from a seed, so
 * that every run can be repeated octet for octet:
 * - names are journalled in order: a power cut keeps any first part of what was done since the last
 *   sync;
 * - contents are not: whole, short, empty or zeros of the right length may be found under a name that was
 *   kept;
 * - a sync that failed leaves part of the contents unwritten for good: reads still show them, until the
 *   memory is wanted for something else, and later syncs say yes; each open descriptor is told once;
 * - any operation may fail, alone or with a chance, and the power may go in any one;
 * - it may be full, and a mailbox may not be ours to write.
 *
 * Planted faults make it worse than that: the tests must notice.
 */
#ifndef TESTS_SIM_MAIL_H
#define TESTS_SIM_MAIL_H

#include "store/mail_disk.h"

enum sim_mail_plant {
	SIM_MAIL_PLANT_NONE,
	SIM_MAIL_PLANT_SYNC_IGNORED, /* sync_all says yes, does nothing */
	SIM_MAIL_PLANT_FAILURE_HIDDEN, /* a sync_all that failed says yes */
	SIM_MAIL_PLANT_NAMES_FORGOTTEN, /* sync_all leaves out names */
};

struct sim_mail;

struct sim_mail *sim_mail_new(uint64_t seed);
void sim_mail_free(struct sim_mail **m);
struct mail_disk *sim_mail_disk(struct sim_mail *m);
/* A descriptor of the directory of all mailboxes, to be closed as any. */
int sim_mail_root(struct sim_mail *m);

/* Calls `placed` when a file gets a name in a mailbox's new/. */
void sim_mail_watch(struct sim_mail *m,
	void (*placed)(void *context, const char *mailbox, const char *name, struct view octets),
	void *context);

void sim_mail_plant(struct sim_mail *m, enum sim_mail_plant plant);
/* Every operation fails with this chance (of 65536); syncs with `sync_chance`. 0 and 0 heals it. */
void sim_mail_fail(struct sim_mail *m, uint32_t chance, uint32_t sync_chance);
/* The power goes in the `nth` operation from now (1 …). All fail until power_on. */
void sim_mail_cut_nth(struct sim_mail *m, uint64_t nth);
void sim_mail_cut(struct sim_mail *m);
bool sim_mail_is_dead(const struct sim_mail *m);
/* Loses what a power cut loses, forgets all descriptors; works again. */
void sim_mail_power_on(struct sim_mail *m);
/* The program that had all descriptors is gone. */
void sim_mail_close_all(struct sim_mail *m);
void sim_mail_capacity(struct sim_mail *m, uint64_t octets);
/* What is below this name in the root gives EACCES, or not any more. Null: nothing. */
void sim_mail_deny(struct sim_mail *m, const char *mailbox);
/* Descriptors and lists that are open. */
size_t sim_mail_open(const struct sim_mail *m);

/* Every regular file, `path` from the root on. */
void sim_mail_each(const struct sim_mail *m,
	void (*each)(void *context, const char *path, struct view octets), void *context);

#endif
