#include "base/workers.h"

#include "base/script.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#define STACK_OCTETS ((size_t)1 << 20)

/* A job in its slot. It is in one list at a time: spare, its key's chain, its group's ready list,
 * or finished; while it runs it is in none. */
struct slot {
	struct job job;
	struct slot *next;
	struct slot *hash_next; /* owners of keys in one bucket */
	struct slot *chain; /* later jobs of the same key, first one */
	struct slot *chain_last; /* valid when `chain` is set */
};

struct list {
	struct slot *first;
	struct slot *last;
};

struct group {
	uint32_t number;
	unsigned jobs; /* submitted and not finished; 0: the record is spare */
	unsigned running; /* threads in use */
	struct list ready;
};

struct workers {
	pthread_mutex_t guard;
	pthread_cond_t work; /* a thread may find a job, or shall end */
	pthread_cond_t settled; /* a thread has started, or a job has finished */
	struct workers_limits limits;
	struct slot *slots;
	struct slot *spare;
	unsigned used; /* slots from here on never were: their memory is not even touched */
	struct slot **buckets; /* owner of each key: the job that is ready or running */
	size_t bucket_mask;
	struct group groups[WORKERS_GROUPS_MAX];
	unsigned ready; /* jobs in all groups' lists: their keys are free */
	unsigned turn; /* the group to look at first: they are served in a circle */
	struct list finished;
	struct workers_counts counts;
	unsigned started;
	bool stopping;
	bool scripted; /* there are no threads */
	int wake;
	const char *name;
	pthread_t threads[WORKERS_THREADS_MAX];
};

static void list_append(struct list *l, struct slot *s)
{
	s->next = NULL;
	if (l->first)
		l->last->next = s;
	else
		l->first = s;
	l->last = s;
}

static struct slot *list_take(struct list *l)
{
	struct slot *s = l->first;
	l->first = s->next;
	return s;
}

/* --- keys and groups; all with the guard held ---------------------------------------------- */

static struct slot **bucket_of(struct workers *w, uint64_t key)
{
	return &w->buckets[(key * 0x9e3779b97f4a7c15ULL >> 32) & w->bucket_mask];
}

static struct slot *owner_of(struct workers *w, uint64_t key)
{
	struct slot *s = key ? *bucket_of(w, key) : NULL;
	while (s && s->job.key != key)
		s = s->hash_next;
	return s;
}

static void own(struct workers *w, struct slot *s)
{
	struct slot **bucket = bucket_of(w, s->job.key);
	s->hash_next = *bucket;
	*bucket = s;
}

static void disown(struct workers *w, struct slot *s)
{
	struct slot **at = bucket_of(w, s->job.key);
	while (*at != s)
		at = &(*at)->hash_next;
	*at = s->hash_next;
}

/* The record of a group, a new one if it has none; null when all are in use. */
static struct group *group_of(struct workers *w, uint32_t number)
{
	struct group *spare = NULL;
	for (unsigned i = 0; i < WORKERS_GROUPS_MAX; i++) {
		struct group *g = &w->groups[i];
		if (g->jobs && g->number == number)
			return g;
		if (!g->jobs && !spare)
			spare = g;
	}
	if (spare)
		*spare = (struct group){.number = number};
	return spare;
}

static bool group_may_run(const struct workers *w, const struct group *g)
{
	if (!g->ready.first)
		return false;
	return g->number == 0 || w->limits.group_threads_max == 0 ||
	       g->running < w->limits.group_threads_max;
}

static struct slot *next_job(struct workers *w)
{
	for (unsigned i = 0; i < WORKERS_GROUPS_MAX; i++) {
		const unsigned at = (w->turn + i) % WORKERS_GROUPS_MAX;
		struct group *g = &w->groups[at];
		if (!group_may_run(w, g))
			continue;
		w->turn = at + 1;
		g->running++;
		w->ready--;
		return list_take(&g->ready);
	}
	return NULL;
}

static void make_ready(struct workers *w, struct slot *s)
{
	list_append(&group_of(w, s->job.group)->ready, s);
	w->ready++;
}

/* Hands the key of a job that has worked to the next one of that key. */
static void pass_key_on(struct workers *w, struct slot *s)
{
	if (s->job.key == 0)
		return;
	disown(w, s);
	struct slot *heir = s->chain;
	if (!heir)
		return;
	heir->chain = heir->next;
	heir->chain_last = s->chain_last;
	own(w, heir);
	make_ready(w, heir);
}

static void finish(struct workers *w, struct slot *s)
{
	struct group *g = group_of(w, s->job.group);
	pass_key_on(w, s);
	g->running--;
	g->jobs--;
	w->counts.running--;
	w->counts.finished++;
	const bool first = !w->finished.first;
	list_append(&w->finished, s);
	if (first) {
		const uint64_t one = 1;
		must(write(w->wake, &one, sizeof one) == sizeof one);
	}
	pthread_cond_signal(&w->settled);
}

/* One job, in this thread, with the guard held before and after. */
static void work(struct workers *w, struct slot *s)
{
	w->counts.waiting--;
	w->counts.running++;
	pthread_mutex_unlock(&w->guard);
	s->job.work(s->job.context);
	pthread_mutex_lock(&w->guard);
	finish(w, s);
}

static void *thread_main(void *argument)
{
	struct workers *w = argument;
	prctl(PR_SET_NAME, w->name, 0, 0, 0);
	pthread_mutex_lock(&w->guard);
	w->started++;
	pthread_cond_signal(&w->settled);
	while (!w->stopping || w->counts.waiting) {
		struct slot *s = next_job(w);
		if (!s) {
			pthread_cond_wait(&w->work, &w->guard);
			continue;
		}
		if (w->ready)
			pthread_cond_signal(&w->work); /* one wakes the next, none wakes all */
		work(w, s);
	}
	pthread_mutex_unlock(&w->guard);
	return NULL;
}

/* --- the loop's side ------------------------------------------------------------------------ */

/* Signals are the loop's business: threads are started with all of them blocked. */
static unsigned start_threads(struct workers *w)
{
	sigset_t all;
	sigset_t before;
	pthread_attr_t attributes;
	unsigned count = 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_OCTETS);
	while (count < w->limits.threads &&
		pthread_create(&w->threads[count], &attributes, thread_main, w) == 0)
		count++;
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_mutex_lock(&w->guard);
	while (w->started < count)
		pthread_cond_wait(&w->settled, &w->guard);
	pthread_mutex_unlock(&w->guard);
	return count;
}

struct workers *workers_new(const struct workers_limits *limits, const char *name)
{
	must(limits->threads >= 1 && limits->threads <= WORKERS_THREADS_MAX);
	must(limits->queue_max >= 1);
	struct workers *w = memory_new(1, sizeof *w);
	size_t buckets = 16;
	while (buckets < limits->queue_max)
		buckets *= 2;
	w->limits = *limits;
	w->name = name;
	w->bucket_mask = buckets - 1;
	w->buckets = memory_new(buckets, sizeof(struct slot *));
	w->slots = memory_try(limits->queue_max * sizeof *w->slots);
	must(w->slots != NULL);
	pthread_mutex_init(&w->guard, NULL);
	pthread_cond_init(&w->work, NULL);
	pthread_cond_init(&w->settled, NULL);
	w->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	w->scripted = w->wake >= 0 && script_in_force();
	if (w->scripted)
		return w;
	const unsigned running = w->wake < 0 ? 0 : start_threads(w);
	if (running < limits->threads) {
		w->limits.threads = running;
		workers_free(&w);
	}
	return w;
}

int workers_descriptor(const struct workers *w)
{
	return w->wake;
}

static struct slot *spare_slot(struct workers *w)
{
	if (!w->spare && w->used < w->limits.queue_max) {
		w->spare = &w->slots[w->used++];
		w->spare->next = NULL;
	}
	return w->spare;
}

static enum error submit_locked(struct workers *w, const struct job *job)
{
	struct slot *s = spare_slot(w);
	struct group *g = s ? group_of(w, job->group) : NULL;
	if (!g) {
		w->counts.refused++;
		return ERROR_LIMIT;
	}
	w->spare = s->next;
	*s = (struct slot){.job = *job};
	g->jobs++;
	w->counts.waiting++;
	struct slot *owner = owner_of(w, job->key);
	if (owner) {
		if (owner->chain)
			owner->chain_last->next = s;
		else
			owner->chain = s;
		owner->chain_last = s;
		return ERROR_NONE;
	}
	if (job->key)
		own(w, s);
	make_ready(w, s);
	pthread_cond_signal(&w->work);
	return ERROR_NONE;
}

enum error workers_submit(struct workers *w, const struct job *job)
{
	pthread_mutex_lock(&w->guard);
	const enum error error = submit_locked(w, job);
	pthread_mutex_unlock(&w->guard);
	return error;
}

unsigned workers_reap(struct workers *w)
{
	uint64_t drained;
	unsigned count = 0;
	pthread_mutex_lock(&w->guard);
	if (read(w->wake, &drained, sizeof drained) < 0)
		must(errno == EAGAIN);
	struct slot *s = w->finished.first;
	w->finished.first = NULL;
	while (s) {
		struct slot *next = s->next;
		const struct job job = s->job;
		s->next = w->spare;
		w->spare = s;
		w->counts.finished--;
		pthread_mutex_unlock(&w->guard);
		if (job.done)
			job.done(job.context);
		count++;
		pthread_mutex_lock(&w->guard);
		s = next;
	}
	pthread_mutex_unlock(&w->guard);
	return count;
}

struct workers_counts workers_count(struct workers *w)
{
	pthread_mutex_lock(&w->guard);
	const struct workers_counts counts = w->counts;
	pthread_mutex_unlock(&w->guard);
	return counts;
}

static bool wait_until_idle(struct workers *w)
{
	while (w->scripted && workers_script_work(w, 0))
		;
	pthread_mutex_lock(&w->guard);
	while (w->counts.waiting || w->counts.running)
		pthread_cond_wait(&w->settled, &w->guard);
	const bool idle = w->counts.finished == 0;
	pthread_mutex_unlock(&w->guard);
	return idle;
}

void workers_free(struct workers **at)
{
	struct workers *w = *at;
	if (!w)
		return;
	while (!wait_until_idle(w)) /* `done` may submit more */
		workers_reap(w);
	pthread_mutex_lock(&w->guard);
	w->stopping = true;
	pthread_cond_broadcast(&w->work);
	pthread_mutex_unlock(&w->guard);
	for (unsigned i = 0; !w->scripted && i < w->limits.threads; i++)
		pthread_join(w->threads[i], NULL);
	pthread_cond_destroy(&w->work);
	pthread_cond_destroy(&w->settled);
	pthread_mutex_destroy(&w->guard);
	if (w->wake >= 0)
		close(w->wake);
	memory_free(w->buckets);
	memory_free(w->slots);
	memory_free(w);
	*at = NULL;
}

/* --- scripted ------------------------------------------------------------------------------ */

size_t workers_script_ready(const struct workers *w)
{
	return w->ready;
}

/* Threads would take the first of any group; those that hang let any of the others go first. */
bool workers_script_work(struct workers *w, uint64_t chance)
{
	w->turn = (unsigned)(chance % WORKERS_GROUPS_MAX);
	pthread_mutex_lock(&w->guard);
	struct slot *s = next_job(w);
	if (s)
		work(w, s);
	pthread_mutex_unlock(&w->guard);
	return s != NULL;
}

void workers_script_forget(struct workers *w)
{
	for (unsigned i = 0; i < WORKERS_GROUPS_MAX; i++)
		w->groups[i] = (struct group){0};
	w->ready = 0;
	w->counts = (struct workers_counts){0};
	w->finished = (struct list){0};
}
