/*
 * The simulator: `test_simulator [SEEDS] [FIRST]` runs that many seeds, and says which failed and why;
 * `--seed N` runs one and tells what happens; `--planted` plants faults that must be noticed.
 */
#include "world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEEDS_DEFAULT 2000u
#define SEEDS_A_CHILD 100u /* what killed programs had is given back with the child */
#define CHILDREN 2u
#define QUIET_US 5000000u
#define FAILURES_SHOWN 10u
#define TWICE_EVERY 20u /* of so many seeds one is run again: it must go the same way */

const char *__asan_default_options(void);
/* Killed programs are not freed, as they would not be. */
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

/* Done, and still so a while later: then nothing is left to be cleaned up either. */
static void run_until_done(struct world *w)
{
	uint64_t done_us = UINT64_MAX;
	while (!w->trouble[0] && world_step(w)) {
		if (!world_is_done(w))
			done_us = UINT64_MAX;
		else if (done_us == UINT64_MAX)
			done_us = w->script.monotonic_us;
		else if (w->script.monotonic_us - done_us > QUIET_US)
			return;
	}
}

static bool run(const struct world_plan *plan, char trouble[TROUBLE_MAX], uint64_t *trail_out)
{
	struct world *w = world_new(plan);
	run_until_done(w);
	world_judge(w);
	*trail_out = w->trail;
	snprintf(trouble, TROUBLE_MAX, "%s", w->trouble);
	if (plan->is_verbose && world_actor(w, PROGRAM_SPOOL, 0)->alive)
		actor_tell(world_actor(w, PROGRAM_SPOOL, 0));
	if (plan->is_verbose)
		fprintf(stderr,
			"%llu steps, %.0f s; popkey: %u had to be refused, %u to be let through, "
			"%u either\n",
			(unsigned long long)w->steps,
			(double)(w->script.monotonic_us - 1000000000) / 1e6, w->popkey.judged[0],
			w->popkey.judged[1], w->popkey.judged[2]);
	world_free(&w);
	return trouble[0] == 0;
}

static bool run_seed(uint64_t seed, bool twice)
{
	char trouble[TROUBLE_MAX];
	uint64_t trail, again;
	const struct world_plan plan = {.seed = seed};
	bool ok = run(&plan, trouble, &trail);
	if (ok && twice) {
		ok = run(&plan, trouble, &again);
		if (ok && trail != again) {
			snprintf(trouble, sizeof trouble, "it does not repeat");
			ok = false;
		}
	}
	if (!ok)
		printf("seed %llu: %s\n", (unsigned long long)seed, trouble);
	fflush(stdout);
	return ok;
}

/* Runs seeds in a child of its own. */
static pid_t start_child(uint64_t first, uint64_t count)
{
	fflush(stdout);
	const pid_t child = fork();
	if (child != 0)
		return child;
	unsigned failed = 0;
	for (uint64_t i = 0; i < count; i++)
		failed += !run_seed(first + i, (first + i) % TWICE_EVERY == 0);
	_exit((int)failed);
}

/* How many failed; -1: it crashed. */
static int end_child(pid_t child)
{
	int status;
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
		WEXITSTATUS(status) > (int)SEEDS_A_CHILD)
		return -1;
	return WEXITSTATUS(status);
}

static unsigned find_crash(uint64_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		if (end_child(start_child(first + i, 1)) < 0)
			printf("seed %llu: crashed\n", (unsigned long long)(first + i));
	return 1;
}

static int run_many(uint64_t count, uint64_t first)
{
	struct {
		pid_t pid;
		uint64_t first, count;
	} children[CHILDREN];
	unsigned failed = 0;
	uint64_t at = 0, begun = 0, ended = 0;
	while (ended < begun || (at < count && failed < FAILURES_SHOWN)) {
		if (at < count && begun - ended < CHILDREN && failed < FAILURES_SHOWN) {
			const uint64_t some =
				count - at < SEEDS_A_CHILD ? count - at : SEEDS_A_CHILD;
			children[begun % CHILDREN].first = first + at;
			children[begun % CHILDREN].count = some;
			children[begun++ % CHILDREN].pid = start_child(first + at, some);
			at += some;
			continue;
		}
		const size_t oldest = ended++ % CHILDREN;
		const int bad = end_child(children[oldest].pid);
		failed += bad >= 0 ? (unsigned)bad
				   : find_crash(children[oldest].first, children[oldest].count);
	}
	printf("%llu seeds, %u failed\n", (unsigned long long)at, failed);
	return failed != 0;
}

/* --- faults that must be noticed ----------------------------------------------------------- */

static bool notices(const struct world_plan *planted, const char *name)
{
	char trouble[TROUBLE_MAX];
	uint64_t trail;
	struct world_plan plan = *planted;
	for (plan.seed = 1; plan.seed <= 400; plan.seed++)
		if (!run(&plan, trouble, &trail)) {
			printf("%s: noticed with seed %llu: %s\n", name,
				(unsigned long long)plan.seed, trouble);
			return true;
		}
	printf("%s: NOT noticed\n", name);
	return false;
}

static int run_planted(void)
{
	static const struct {
		const char *name;
		struct world_plan plan;
	} plants[] = {
		{"spool: sync ignored", {.plant_disk = SIM_PLANT_SYNC_IGNORED}},
		{"spool: failed sync hidden", {.plant_disk = SIM_PLANT_SYNC_FAILURE_HIDDEN}},
		{"spool: writes lost", {.plant_disk = SIM_PLANT_WRITE_LOST}},
		{"mailboxes: sync ignored", {.plant_mail = SIM_MAIL_PLANT_SYNC_IGNORED}},
		{"mailboxes: failed sync hidden", {.plant_mail = SIM_MAIL_PLANT_FAILURE_HIDDEN}},
		{"mailboxes: names forgotten", {.plant_mail = SIM_MAIL_PLANT_NAMES_FORGOTTEN}},
		{"gate: a tick too long", {.plant_popkey = POPKEY_PLANT_LATE}},
		{"gate: a tick too short", {.plant_popkey = POPKEY_PLANT_EARLY}},
		{"gate: an end that nobody hears of", {.plant_popkey = POPKEY_PLANT_UNHEARD}},
		{"gate: open for a neighbour", {.plant_popkey = POPKEY_PLANT_NEIGHBOUR}},
	};
	int failed = 0;
	for (size_t i = 0; i < sizeof plants / sizeof *plants; i++) {
		int status;
		fflush(stdout);
		const pid_t child = fork();
		if (child == 0) {
			const bool ok = notices(&plants[i].plan, plants[i].name);
			fflush(stdout);
			_exit(!ok);
		}
		failed |= waitpid(child, &status, 0) != child || status != 0;
	}
	return failed;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN); /* as channels/program.c does */
	if (argc > 1 && strcmp(argv[1], "--planted") == 0)
		return run_planted();
	if (argc > 2 && strcmp(argv[1], "--seed") == 0) {
		char trouble[TROUBLE_MAX];
		uint64_t trail;
		const struct world_plan plan = {
			.seed = strtoull(argv[2], NULL, 10), .is_verbose = true};
		const bool ok = run(&plan, trouble, &trail);
		printf("%s\n", ok ? "all is there" : trouble);
		return !ok;
	}
	return run_many(argc > 1 ? strtoull(argv[1], NULL, 10) : SEEDS_DEFAULT,
		argc > 2 ? strtoull(argv[2], NULL, 10) : 1);
}
