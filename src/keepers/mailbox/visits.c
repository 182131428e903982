#include "keepers/mailbox/mailboxd.h"

#include "base/clock.h"

#include <unistd.h>

const char *visit_phase_name(enum visit_phase phase)
{
	switch (phase) {
	case VISIT_SETTLING:
		return "settling";
	case VISIT_LISTING:
		return "listing";
	case VISIT_READY:
		return "ready";
	case VISIT_FETCHING:
		return "fetching";
	case VISIT_SETTLING_SYNC:
		return "syncing";
	case VISIT_REMOVING:
		return "removing";
	}
	return "unknown";
}

/* Names are those of users, and a slow bucket is slow for its own only. */
uint64_t mailbox_hash(struct view mailbox)
{
	const uint64_t h = view_hash(mailbox);
	return h ? h : 1;
}

static struct view name_of(const struct visit *v)
{
	return view_of(v->mailbox, v->mailbox_length);
}

static struct visit **bucket_of(struct mailboxd *d, struct view mailbox)
{
	return &d->visits[mailbox_hash(mailbox) % VISIT_BUCKETS];
}

static struct visit *find_visit(struct mailboxd *d, struct view mailbox)
{
	struct visit *v = *bucket_of(d, mailbox);
	while (v && !view_equal(name_of(v), mailbox))
		v = v->next;
	return v;
}

void visit_enter(struct visit *v, enum visit_phase phase)
{
	v->phase = phase;
	v->phase_ms = loop_now_ms(v->mailboxd->program->loop);
}

void mailboxd_check_drained(struct mailboxd *d)
{
	static bool said;
	if (said || !d->program->draining || d->visit_count)
		return;
	said = true;
	program_drained(d->program);
}

static void free_visit(struct visit *v)
{
	struct mailboxd *d = v->mailboxd;
	must(!v->job);
	settle_forget(v);
	struct visit **at = bucket_of(d, name_of(v));
	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	d->visit_count--;
	d->listed_octets -= v->listed_octets;
	if (v->grant)
		v->grant->visit = NULL;
	if (v->fd >= 0)
		close(v->fd);
	maildir_list_free(&v->list);
	buffer_free(&v->chunk);
	snapshot_drop(&v->snapshot);
	memory_free(v);
	mailboxd_check_drained(d);
}

static bool is_removing(const struct visit *v)
{
	return v->phase == VISIT_SETTLING_SYNC || v->phase == VISIT_REMOVING;
}

/* QUIT was said before REMOVED: what it asked for is done, whether or not somebody waits for the
 * result (RFC 1939 §6). */
void visit_leave(struct visit *v)
{
	v->grant->visit = NULL;
	v->grant = NULL;
	if (!v->job && !is_removing(v))
		free_visit(v);
}

bool visit_job_over(struct visit *v)
{
	v->job = false;
	if (v->grant || is_removing(v))
		return true;
	free_visit(v);
	return false;
}

/* --- opening ------------------------------------------------------------------------------ */

static void refuse(struct visit *v, const char *why, enum error error)
{
	struct grant *g = v->grant;
	log_warning("a mailbox cannot be opened now", fact_view("mailbox", name_of(v)),
		fact_text("why", why), fact_text("phase", visit_phase_name(v->phase)),
		fact_error(error));
	if (v->job)
		visit_leave(v); /* and keeps the mailbox until the job is back */
	else
		free_visit(v);
	session_fail(g, MAILBOX_TEMPORARY);
}

/* The sizes of what others have put there. Many such files, or a slow disk, shall not keep the user
 * waiting: what is left then has the file's size, and the next session finds more of it in memory. */
static void measure(struct visit *v)
{
	const uint64_t until_ms = clock_monotonic_ms() + MEASURE_MS;
	uint32_t next = 0;
	while (maildir_list_measure(&v->place, &v->list, &next) && clock_monotonic_ms() < until_ms)
		;
}

static void list_job(void *context)
{
	struct visit *v = context;
	v->error = maildir_list_read(&v->place, &maildir_list_limits_default, &v->list);
	if (!v->error)
		measure(v);
}

static void listed(void *context)
{
	struct visit *v = context;
	struct mailboxd *d = v->mailboxd;
	if (!visit_job_over(v))
		return;
	if (v->error) {
		refuse(v, "list", v->error);
		return;
	}
	v->listed_octets = maildir_list_memory(&v->list);
	d->listed_octets += v->listed_octets;
	disk_work_learn(v, v->list.device);
	visit_enter(v, VISIT_READY);
	session_opened(v);
}

void visit_settled(struct visit *v, enum error error)
{
	if (v->phase == VISIT_SETTLING_SYNC) {
		removal_settled(v, error);
		return;
	}
	must(v->phase == VISIT_SETTLING);
	if (error) {
		refuse(v, "repairs", error);
		return;
	}
	visit_enter(v, VISIT_LISTING);
	if (!disk_work_submit(v, list_job, listed))
		refuse(v, "jobs", ERROR_LIMIT);
}

static struct visit *new_visit(struct mailboxd *d, struct grant *g)
{
	const struct view mailbox = view_of(g->mailbox, g->mailbox_length);
	struct visit *v = memory_new(1, sizeof *v);
	struct view before, after;
	*v = (struct visit){.mailboxd = d,
		.grant = g,
		.snapshot = snapshot_hold(d->snapshot),
		.fd = -1,
		.chunk = buffer_new(MAILBOX_CREDIT_FIRST),
		.mailbox_length = mailbox.length};
	must(view_copy(mailbox, v->mailbox, sizeof v->mailbox));
	must(mailboxes_split(v->snapshot->mailboxes, &before, &after));
	v->place = (struct maildir_place){
		.disk = d->disk, .root = d->directory, .mailbox = name_of(v), .after = after};
	struct visit **bucket = bucket_of(d, mailbox);
	v->next = *bucket;
	*bucket = v;
	d->visit_count++;
	g->visit = v;
	return v;
}

void visit_open(struct mailboxd *d, struct grant *g)
{
	if (find_visit(d, view_of(g->mailbox, g->mailbox_length))) {
		session_fail(g, MAILBOX_IN_USE);
		return;
	}
	if (d->program->draining || d->visit_count >= VISITS_MAX ||
		d->listed_octets > LISTED_OCTETS_MAX) {
		log_warning("no more mailboxes can be opened now",
			fact_number("open", d->visit_count),
			fact_number("listed_octets", d->listed_octets));
		session_fail(g, MAILBOX_TEMPORARY);
		return;
	}
	struct visit *v = new_visit(d, g);
	visit_enter(v, VISIT_SETTLING);
	settle_ask(v, false);
}

/* Something hangs. What is being read or removed has the client's own patience. */
static void check_late(struct visit *v)
{
	if (loop_now_ms(v->mailboxd->program->loop) - v->phase_ms <= OPENING_MS)
		return;
	if (v->grant && (v->phase == VISIT_SETTLING || v->phase == VISIT_LISTING)) {
		refuse(v, "late", ERROR_BUSY);
	} else if (v->phase == VISIT_SETTLING_SYNC) {
		settle_forget(v);
		removal_settled(v, ERROR_BUSY);
	}
}

void visits_tick(struct mailboxd *d)
{
	for (size_t i = 0; i < VISIT_BUCKETS; i++) {
		struct visit *next;
		for (struct visit *v = d->visits[i]; v; v = next) {
			next = v->next;
			check_late(v);
		}
	}
}
