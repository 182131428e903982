#include "world.h"

#include "base/log.h"
#include "channels/spool_deliver.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESTART_US 1000000u
#define RESTART_MAX_US 60000000u
#define STEPS_MAX 400000u
#define STEPS_OF_TROUBLE 1500u
#define DISK_OCTETS ((uint64_t)64 << 20)

uint64_t world_draw(struct world *w, uint64_t below)
{
	return script_draw(&w->choices) % below;
}

const char *world_mailbox(unsigned n)
{
	static const char *const names[MAILBOXES] = {"hana", "jun", "mei", "taro"};
	return names[n];
}

void world_trouble(struct world *w, const char *format, ...)
{
	va_list list;
	if (w->trouble[0])
		return;
	va_start(list, format);
	vsnprintf(w->trouble, sizeof w->trouble, format, list);
	va_end(list);
}

void world_say(const struct world *w, const char *format, ...)
{
	va_list list;
	if (!w->is_verbose)
		return;
	log_flush();
	fprintf(stderr, "%8.3f ", (double)w->script.monotonic_us / 1e6);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

/* --- the configuration --------------------------------------------------------------------- */

static struct snapshot *snapshot_of_world(bool remembers)
{
	static const struct domain domains[] = {{{(const uint8_t *)"example.test", 12}}};
	static struct snapshot_user users[MAILBOXES];
	struct snapshot *s = memory_new(1, sizeof *s);
	for (unsigned i = 0; i < MAILBOXES; i++)
		users[i] =
			(struct snapshot_user){view_text(world_mailbox(i)), actor_auth_verifier()};
	*s = (struct snapshot){.references = 1,
		.generation = 1,
		.sections = SNAPSHOT_ALL,
		.servername = {VIEW("mail.example.test")},
		.postmaster = VIEW("hana"),
		.domains = domains,
		.domain_count = 1,
		.first_domain = domains[0],
		.users = users,
		.user_count = MAILBOXES,
		.mailboxes = VIEW("/mail/LOCALPART/"),
		.popkey = {POP_AFTER_S, POP_SESSION_S}};
	for (unsigned i = 0; i < SETTING_COUNT; i++)
		s->numbers[i] = setting_get(i)->number;
	s->numbers[SETTING_FREESPACE] = 1 << 20;
	s->numbers[SETTING_RETRYFIRST] = 3;
	s->numbers[SETTING_RETRYLAST] = 20;
	s->numbers[SETTING_DUPLICATEWINDOW] = remembers ? 86400 : 0;
	return s;
}

/* --- programs ------------------------------------------------------------------------------ */

static uint64_t inode_of(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 ? (uint64_t)st.st_ino : 0;
}

static bool still_owns(const struct owned *o)
{
	return inode_of(o->fd) == o->inode;
}

void actor_owns(struct actor *a, int fd)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < a->owned_count; i++)
		if (still_owns(&a->owned[i]))
			a->owned[kept++] = a->owned[i];
	must(kept < GIVEN_FDS_MAX);
	a->owned[kept++] = (struct owned){fd, inode_of(fd)};
	a->owned_count = kept;
}

struct actor *world_actor(struct world *w, enum program_id id, uint32_t worker)
{
	for (size_t i = 0; i < ACTORS_MAX; i++)
		if (w->actors[i].kind->id == id && w->actors[i].program.worker == worker)
			return &w->actors[i];
	return NULL;
}

/* Channels that the parent makes (parent/programs.c): who speaks with whom here. */
static const enum program_id pairs[][2] = {
	{PROGRAM_SMTPD, PROGRAM_SPOOL},
	{PROGRAM_SPOOL, PROGRAM_DELIVER},
	{PROGRAM_SPOOL, PROGRAM_REPORT},
	{PROGRAM_SPOOL, PROGRAM_RELAY},
	{PROGRAM_DELIVER, PROGRAM_GATE},
	{PROGRAM_SMTPD, PROGRAM_GATE},
	{PROGRAM_AUTH, PROGRAM_GATE},
	{PROGRAM_AUTH, PROGRAM_POPD},
	{PROGRAM_AUTH, PROGRAM_MAILBOX},
};

static bool are_peers(enum program_id a, enum program_id b)
{
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		if ((pairs[i][0] == a && pairs[i][1] == b) ||
			(pairs[i][0] == b && pairs[i][1] == a))
			return true;
	return false;
}

static void introduce(struct actor *a, struct actor *b)
{
	int ends[2];
	a->world->has_looked = false;
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	actor_owns(a, ends[0]);
	actor_owns(b, ends[1]);
	a->kind->connect(a, b->kind->id, b->program.worker, ends[0]);
	b->kind->connect(b, a->kind->id, a->program.worker, ends[1]);
}

static void later(struct actor *a)
{
	uint64_t wait_us = RESTART_US;
	for (unsigned i = 0; i < a->deaths && wait_us < RESTART_MAX_US; i++)
		wait_us *= 2;
	a->deaths++;
	a->alive = false;
	a->is_doomed = false;
	a->restart_us = a->world->script.monotonic_us + wait_us;
}

static void start(struct actor *a)
{
	struct world *w = a->world;
	a->program.loop = loop_new();
	a->program.draining = false;
	a->owned_count = 0;
	a->pool = NULL;
	a->alive = true;
	world_say(w, "start %s", program_id_name(a->kind->id));
	if (!a->kind->start(a)) {
		world_say(w, "%s could not start", program_id_name(a->kind->id));
		later(a);
		return;
	}
	for (size_t i = 0; i < ACTORS_MAX; i++) {
		struct actor *b = &w->actors[i];
		if (b != a && b->alive && are_peers(a->kind->id, b->kind->id))
			introduce(a, b);
	}
}

static void die(struct actor *a)
{
	if (!a->alive)
		return;
	loop_script_forget(a->program.loop);
	for (unsigned i = 0; i < a->owned_count; i++)
		if (still_owns(&a->owned[i]))
			close(a->owned[i].fd);
	if (a->pool) {
		workers_script_forget(a->pool);
		workers_free(&a->pool);
	}
	if (a->kind->id == PROGRAM_DELIVER)
		sim_mail_close_all(a->world->mail_disk);
	a->world->has_forgotten |= a->kind->id == PROGRAM_GATE;
	a->world->has_repeated |= a->kind->id == PROGRAM_RELAY || a->kind->id == PROGRAM_SPOOL;
	later(a);
	judge_death(a->world, a->kind->id);
	if (a->kind->id == PROGRAM_GATE)
		judge_gate_forgets(a->world);
}

static void kill_it(struct actor *a)
{
	world_say(a->world, "kill -9 %s", program_id_name(a->kind->id));
	die(a);
}

static void power_cut(struct world *w)
{
	world_say(w, "the power goes");
	for (size_t i = 0; i < ACTORS_MAX; i++)
		die(&w->actors[i]);
	clients_end(w);
	sim_disk_cut_nth(w->disk, 0);
	sim_disk_power_on(w->disk);
	sim_mail_power_on(w->mail_disk);
	buffer_truncate(&w->gate_rows, w->gate_rows_safe);
	judge_gate_forgets(w);
	for (size_t i = 0; i < sizeof w->boot; i++)
		w->boot[i] = (uint8_t)world_draw(w, 256);
	for (size_t i = 0; i < ACTORS_MAX; i++) {
		w->actors[i].deaths = 0;
		w->actors[i].restart_us = w->script.monotonic_us + world_draw(w, 20000000);
	}
}

/* --- troubles ------------------------------------------------------------------------------ */

/* What cannot be read when its turn comes is passed over by the mail behind it (keepers/spool/scan.c). */
static void fail_spool(struct world *w, uint32_t chance)
{
	world_say(w, "the spool's disk fails");
	sim_disk_fail(w->disk, chance, (uint32_t)world_draw(w, 30000));
	w->is_unordered |= chance > 0;
}

static void make_trouble(struct world *w)
{
	if (w->is_healing || w->is_quiet || world_draw(w, 300) != 0)
		return;
	switch (world_draw(w, 10)) {
	case 0:
	case 1:
		if (w->kills_left) {
			struct actor *a = &w->actors[world_draw(w, ACTORS_MAX)];
			w->kills_left--;
			if (a->alive)
				kill_it(a);
		}
		return;
	case 2:
		if (w->cuts_left) {
			w->cuts_left--;
			if (world_draw(w, 2))
				sim_disk_cut_nth(w->disk, 1 + world_draw(w, 30));
			else
				sim_mail_cut_nth(w->mail_disk, 1 + world_draw(w, 30));
		}
		return;
	case 3:
		fail_spool(w, world_draw(w, 2) ? (uint32_t)world_draw(w, 4000) : 0);
		return;
	case 4:
		world_say(w, "the mailboxes' disk fails");
		sim_mail_fail(w->mail_disk, (uint32_t)world_draw(w, 4000),
			(uint32_t)world_draw(w, 30000));
		return;
	case 5:
		sim_mail_deny(w->mail_disk, world_mailbox((unsigned)world_draw(w, MAILBOXES)));
		return;
	case 6:
		sim_mail_capacity(w->mail_disk, 20000 + world_draw(w, 100000));
		return;
	default:
		world_say(w, "all is well again");
		sim_disk_fail(w->disk, 0, 0);
		sim_mail_fail(w->mail_disk, 0, 0);
		sim_mail_deny(w->mail_disk, NULL);
		sim_mail_capacity(w->mail_disk, 0);
		return;
	}
}

static void heal(struct world *w)
{
	w->is_healing = true;
	world_say(w, "healing");
	sim_disk_fail(w->disk, 0, 0);
	sim_disk_cut_nth(w->disk, 0);
	sim_mail_fail(w->mail_disk, 0, 0);
	sim_mail_deny(w->mail_disk, NULL);
	sim_mail_capacity(w->mail_disk, 0);
}

/* --- what happens -------------------------------------------------------------------------- */

static size_t count_events(const struct actor *a)
{
	return a->alive ? loop_script_events(a->program.loop) : 0;
}

static size_t count_jobs(const struct actor *a)
{
	return a->alive && a->pool ? workers_script_ready(a->pool) : 0;
}

/* One of the things that could happen now. */
static void happen(struct world *w, size_t n)
{
	for (size_t i = 0; i < ACTORS_MAX; i++) {
		struct actor *a = &w->actors[i];
		const size_t events = count_events(a);
		const size_t jobs = count_jobs(a);
		if (n < events) {
			loop_script_happen(a->program.loop, n);
			return;
		}
		if (n < events + jobs) {
			workers_script_work(a->pool, world_draw(w, 64));
			return;
		}
		n -= events + jobs;
	}
	clients_happen(w, n);
}

static uint64_t next_due_us(const struct world *w)
{
	uint64_t least = clients_due_us(w);
	for (size_t i = 0; i < ACTORS_MAX; i++) {
		const struct actor *a = &w->actors[i];
		const uint64_t due = a->alive ? loop_script_due_us(a->program.loop) : a->restart_us;
		if (due < least)
			least = due;
	}
	return least;
}

static void restart_those_due(struct world *w)
{
	for (size_t i = 0; i < ACTORS_MAX; i++)
		if (!w->actors[i].alive && w->actors[i].restart_us <= w->script.monotonic_us)
			start(&w->actors[i]);
}

bool world_step(struct world *w)
{
	size_t count = 0;
	if (sim_disk_is_dead(w->disk) || sim_mail_is_dead(w->mail_disk))
		power_cut(w);
	for (size_t i = 0; i < ACTORS_MAX; i++)
		if (w->actors[i].is_doomed)
			kill_it(&w->actors[i]);
	restart_those_due(w);
	clients_begin(w);
	if (!w->has_looked)
		loop_script_look();
	w->has_looked = true;
	for (size_t i = 0; i < ACTORS_MAX; i++)
		count += count_events(&w->actors[i]) + count_jobs(&w->actors[i]);
	count += clients_events(w);
	if (++w->steps > STEPS_MAX)
		world_trouble(w, "it does not come to an end");
	if (!w->is_healing && w->steps > STEPS_OF_TROUBLE)
		heal(w);
	if (count == 0) {
		judge_stillness(w);
		const uint64_t due_us = next_due_us(w);
		if (due_us == UINT64_MAX)
			return false;
		if (due_us > w->script.monotonic_us)
			w->script.monotonic_us = due_us;
		else
			w->script.monotonic_us++;
		return true;
	}
	w->script.monotonic_us += w->is_still ? 0 : world_draw(w, 200);
	w->trail = (w->trail ^ w->choices ^ w->script.monotonic_us ^ count) * 0x100000001b3u;
	w->has_looked = false;
	happen(w, world_draw(w, count));
	make_trouble(w);
	return true;
}

bool world_is_done(const struct world *w)
{
	for (unsigned i = 0; i < w->mail_count; i++)
		if (w->mails[i].state != MAIL_ACCEPTED)
			return false;
	if (!popkey_is_done(w))
		return false;
	for (size_t i = 0; i < ACTORS_MAX; i++)
		if (!w->actors[i].alive)
			return false;
		else if (w->actors[i].kind->id == PROGRAM_SPOOL &&
			 !actor_spool_is_empty(&w->actors[i]))
			return false;
	return true;
}

/* --- its beginning and end ----------------------------------------------------------------- */

/* Most fit into the log, some have a file of their own (actor_spool.c), a few do not fit into deliver's
 * memory. */
static size_t octets_of_mail(struct world *w)
{
	switch (world_draw(w, 100)) {
	case 0:
		return DELIVER_CREDIT_FIRST + world_draw(w, 100000);
	case 1:
	case 2:
	case 3:
	case 4:
		return 30000 + world_draw(w, 50000);
	default:
		return world_draw(w, 3000);
	}
}

static void plan_mails(struct world *w)
{
	w->mail_count = 4 + (unsigned)world_draw(w, 16);
	for (unsigned i = 0; i < w->mail_count; i++) {
		struct mail *m = &w->mails[i];
		*m = (struct mail){.number = i,
			.seed = script_draw(&w->choices),
			.content = buffer_new(4 << 20),
			.mailboxes = 1 + (unsigned)world_draw(w, (1 << MAILBOXES) - 1),
			.leaves = world_draw(w, 3) == 0,
			.octets = octets_of_mail(w),
			.due_us = w->script.monotonic_us + world_draw(w, 5000000),
			.bdat = world_draw(w, 4) == 0};
	}
}

static void plan_programs(struct world *w)
{
	static const struct actor_kind *const kinds[ACTORS_MAX] = {&actor_gate, &actor_deliver,
		&actor_report, &actor_relay, &actor_spool, &actor_auth, &actor_mailbox, &actor_popd,
		&actor_smtpd, &actor_smtpd};
	for (size_t i = 0; i < ACTORS_MAX; i++) {
		w->actors[i] = (struct actor){.kind = kinds[i], .world = w};
		w->actors[i].program.id = kinds[i]->id;
		w->actors[i].program.workers = kinds[i]->id == PROGRAM_SMTPD ? SMTPD_WORKERS : 1;
		w->actors[i].program.worker = i == ACTORS_MAX - 1;
	}
}

struct world *world_new(const struct world_plan *plan)
{
	struct world *w = calloc(1, sizeof *w);
	w->seed = plan->seed;
	w->choices = plan->seed * 2 + 1;
	w->is_verbose = plan->is_verbose;
	log_threshold(plan->is_verbose ? LOG_INFO : LOG_ERROR + 1);
	w->script = (struct script){.monotonic_us = 1000000000,
		.wall_ms = 1893456000000,
		.seed = script_draw(&w->choices)};
	script_begin(&w->script);
	w->client_loop = loop_new();
	w->is_quiet = world_draw(w, 8) == 0;
	w->is_still = world_draw(w, 2);
	w->kills_left = (unsigned)world_draw(w, 6);
	w->cuts_left = (unsigned)world_draw(w, 3);
	w->disk = sim_disk_new(script_draw(&w->choices), DISK_OCTETS);
	w->mail_disk = sim_mail_new(script_draw(&w->choices));
	sim_disk_plant(w->disk, plan->plant_disk);
	sim_mail_plant(w->mail_disk, plan->plant_mail);
	w->plant_popkey = plan->plant_popkey;
	w->gate_rows = buffer_new(64 << 20);
	w->placed = buffer_new(64 << 20);
	w->remembers = world_draw(w, 2);
	w->snapshot = snapshot_of_world(w->remembers);
	sim_mail_watch(w->mail_disk, judge_placed, w);
	plan_mails(w);
	popkey_plan(w);
	plan_programs(w);
	return w;
}

void world_free(struct world **at)
{
	struct world *w = *at;
	for (size_t i = 0; i < ACTORS_MAX; i++)
		die(&w->actors[i]);
	clients_end(w);
	for (unsigned i = 0; i < w->mail_count; i++)
		buffer_free(&w->mails[i].content);
	loop_free(&w->client_loop);
	sim_disk_free(&w->disk);
	sim_mail_free(&w->mail_disk);
	buffer_free(&w->gate_rows);
	buffer_free(&w->placed);
	script_end();
	free(w);
	*at = NULL;
}

/* --- connections --------------------------------------------------------------------------- */

int world_dial(struct world *w, uint32_t worker, unsigned client)
{
	int ends[2];
	struct actor *a = world_actor(w, PROGRAM_SMTPD, worker);
	if (!a->alive)
		return -1;
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	w->has_looked = false;
	actor_smtpd_arrival(a, ends[1], client);
	return ends[0];
}

/* --- what channels/program.c does in a program of its own ---------------------------------- */

struct view program_option(const struct program *p, struct view key)
{
	(void)p;
	(void)key;
	return VIEW_NONE;
}

void program_output(struct program *p, uint32_t stream, struct view octets)
{
	(void)p;
	(void)stream;
	(void)octets;
}

void program_done(struct program *p, uint32_t stream, unsigned exit_code)
{
	(void)p;
	(void)stream;
	(void)exit_code;
}

void program_drained(struct program *p)
{
	(void)p;
}

void program_peer_broken(struct program *p, enum program_id id, uint32_t worker, const char *why)
{
	(void)worker;
	const struct actor *a = (const struct actor *)p;
	world_trouble(a->world, "%s says that %s speaks nonsense: %s", program_id_name(p->id),
		program_id_name(id), why);
}

void program_verifier(struct program *p, struct view name, struct view before, struct view after)
{
	(void)p;
	(void)name;
	(void)before;
	(void)after;
}

struct view program_word(struct view words, size_t n)
{
	(void)words;
	(void)n;
	return VIEW_NONE;
}
