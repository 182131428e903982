/*
 * The site in one process on scripted time: smtpd (two workers), spool, deliver, report, auth and gate as they are,
 * each with a loop of its own, over real channels; in relay's place a next host (actor_relay.c), in those of popd and
 * mailbox users who fetch (popkey.h); a disk and a file
 * system of mailboxes in memory; clients of ours, strangers and users. From a seed comes everything: who sends what when, what happens in which order, what fails,
 * which program is killed at what moment, when the power goes. A seed repeats step by step.
 *
 *	world_new → world_step until the traffic is through → world_judge → world_free
 *
 * Killed programs are not freed, as they would not be: what they had is left behind until the process
 * ends. Run many seeds in child processes (test_simulator.c does).
 */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include "../faults/sim_disk.h"
#include "popkey.h"
#include "sim_mail.h"

#include "base/script.h"
#include "channels/program.h"
#include "config/snapshot.h"

#define SMTPD_WORKERS 2
#define ACTORS_MAX (SMTPD_WORKERS + 8)
#define MAILBOXES 4
#define MAILS_MAX 64
#define CLIENTS_MAX 12
#define GIVEN_FDS_MAX 64
#define TROUBLE_MAX 512

struct world;
struct actor;

/* One kind of program: how it is begun, and handed the end of a channel. */
struct actor_kind {
	enum program_id id;
	/* False: it could not start, and ends. */
	bool (*start)(struct actor *a);
	void (*connect)(struct actor *a, enum program_id peer, uint32_t worker, int fd);
};
extern const struct actor_kind actor_smtpd, actor_spool, actor_deliver, actor_gate, actor_report,
	actor_relay, actor_auth, actor_popd, actor_mailbox;

/* A program that runs, or that will be started again at `restart_us`. */
struct actor {
	struct program program; /* first: program_* find the actor by it */
	const struct actor_kind *kind;
	struct world *world;
	void *self; /* struct spoold, … */
	struct workers *pool; /* may be null */
	bool alive;
	bool is_doomed; /* it dies behind this turn of its loop */
	uint64_t restart_us;
	unsigned deaths;
	struct owned {
		int fd;
		uint64_t inode; /* the number may be somebody else's by now */
	} owned[GIVEN_FDS_MAX]; /* what a kill closes */
	unsigned owned_count;
};

enum mail_state {
	MAIL_WAITING, /* for its next attempt */
	MAIL_SENDING,
	MAIL_ACCEPTED, /* a 250 */
};

/* One mail that somebody must get through to its mailboxes. */
struct mail {
	unsigned number;
	uint64_t seed; /* of its content */
	struct buffer content; /* empty until somebody asks for it */
	unsigned mailboxes; /* bits */
	bool leaves; /* to another host, too; a user sends it */
	size_t octets;
	enum mail_state state;
	uint64_t due_us;
	unsigned attempts; /* that came as far as the end of data */
	unsigned accepted;
	bool bdat;
	unsigned copies[MAILBOXES]; /* what the judge found */
	unsigned relayed; /* taken by the next host */
	unsigned reports; /* that it was not, found by the judge */
};

struct client;

struct world {
	struct script script; /* first of all: it is in force */
	uint64_t seed;
	uint64_t choices; /* state of the sequence of choices */
	struct actor actors[ACTORS_MAX];
	struct sim_disk *disk;
	struct sim_mail *mail_disk;
	struct buffer gate_rows; /* batches that were applied */
	size_t gate_rows_safe; /* octets of it that outlive a power cut */
	uint8_t boot[16];
	struct snapshot *snapshot; /* everything; each program holds it */
	struct mail mails[MAILS_MAX];
	unsigned mail_count;
	bool has_looked; /* no descriptor has become ready since */
	struct loop *client_loop;
	struct client *clients[CLIENTS_MAX];
	unsigned kills_left;
	unsigned cuts_left;
	bool is_healing; /* no more troubles: all must get through */
	bool is_quiet; /* there never was any */
	bool is_still; /* time stands while something can happen */
	enum popkey_plant plant_popkey;
	struct popkey_world popkey;
	uint64_t steps;
	bool remembers; /* duplicates (F-15) */
	bool has_repeated; /* somebody died between the next host and the log: some may be sent twice */
	bool has_forgotten; /* the gate was killed, or the power went: some may come twice */
	bool is_unordered; /* some of the log could not be read */
	uint64_t last_id[MAILBOXES]; /* the largest of those placed */
	struct buffer placed; /* mailbox and id, u64 each, of all that was ever placed */
	uint64_t trail; /* of all that happened: equal for equal seeds */
	bool is_verbose;
	char trouble[TROUBLE_MAX]; /* what is wrong; empty: nothing */
};

/* `plant_…`: worse than allowed. */
struct world_plan {
	uint64_t seed;
	enum sim_plant plant_disk;
	enum sim_mail_plant plant_mail;
	enum popkey_plant plant_popkey;
	bool is_verbose;
};

struct world *world_new(const struct world_plan *plan);
/* One thing happens. False: nothing will happen any more. */
bool world_step(struct world *w);
/* Everything got through, and nothing is left to do. */
bool world_is_done(const struct world *w);
/* Looks at the mailboxes and at what is left: sets `trouble`. */
void world_judge(struct world *w);
void world_free(struct world **w);

/* Of the world's choices. */
uint64_t world_draw(struct world *w, uint64_t below);
/* Notes what is wrong; the first counts. */
void world_trouble(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_say(const struct world *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
const char *world_mailbox(unsigned n);

/* The connection of a client to one of smtpd's workers: the client's end; -1: nobody is there. */
int world_dial(struct world *w, uint32_t worker, unsigned client);
/* Which of several addresses. */
struct ip world_client(unsigned client);
/* A host will send as that user from there. */
void world_try(struct world *w, unsigned user, unsigned client, uint64_t due_us);
/* Of everybody here. */
struct view actor_auth_verifier(void);
/* The gate's clock is behind by so much more. */
void actor_gate_delay(struct actor *a, int64_t ms);
struct actor *world_actor(struct world *w, enum program_id id, uint32_t worker);
/* This descriptor goes when the actor is killed. */
void actor_owns(struct actor *a, int fd);
/* smtpd's: a client's connection. */
void actor_smtpd_arrival(struct actor *a, int fd, unsigned client);
#define CLIENT_INSIDE 3u /* strangers are below */
/* What it says of itself, for who looks for a fault. */
void actor_tell(const struct actor *a);
/* The spool has nothing but what is delivered. */
bool actor_spool_is_empty(const struct actor *a);
/* Files of its log that go when another is opened. */
unsigned actor_spool_leaving(const struct actor *a);

/* judge.c: a file got its name in new/ */
void judge_placed(void *world, const char *mailbox, const char *name, struct view octets);
/* the next host has taken it */
void judge_relayed(struct world *w, struct view forward_path, struct view content);

/* --- clients.c ----------------------------------------------------------------------------- */

/* A client for mails that are due, now and then; what the clients can do now, and the n-th of it. */
void clients_begin(struct world *w);
size_t clients_events(struct world *w);
void clients_happen(struct world *w, size_t n);
/* When the next mail is due; UINT64_MAX: none. */
uint64_t clients_due_us(const struct world *w);
void clients_end(struct world *w);
/* The mail's octets with CRLF, not dot-stuffed. */
struct view mail_octets(struct mail *m);

#endif
