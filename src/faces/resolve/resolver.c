#include "faces/resolve/resolver.h"

#include "base/log.h"
#include "faces/resolve/events.h"

#include <unbound.h>

#include <unbound-event.h>

#define CLASS_IN 1
#define SECURE 2 /* as libunbound's callback has it */
#define BOGUS 1
#define RCODE_NO_ERROR 0
#define RCODE_NAME_ERROR 3
#define PROOFS_MAX 16u /* zones of anchors that are proven; the others are believed */
#define PROOF_MS 10000u
#define PROOF_AGAIN_MS 30000u /* nobody answered: not before */
#define ANCHORS_RETRY_MS (10u * 60u * 1000u)

struct context {
	struct ub_ctx *ctx;
	struct ub_event_base *base;
};

/* A query that somebody waits for. */
struct under_way {
	struct resolver *resolver;
	struct query *query;
	struct timer *deadline;
	struct ub_ctx *ctx; /* null: not started */
	int id;
	bool *answered_inside; /* while it is being asked */
	struct under_way *next;
	struct under_way **back;
};

struct proof {
	struct query query;
	bool is_fitting;
	bool is_misfit;
};

struct resolver {
	struct loop *loop;
	struct context validating;
	struct context plain; /* when the anchors have expired */
	struct under_way *started;
	struct under_way *waiting; /* until the anchors are proven */
	uint32_t count;
	struct resolver_counts counts;
	enum anchors_state anchors;
	struct proof proofs[PROOFS_MAX];
	uint32_t proof_count;
	uint32_t proofs_open;
	uint64_t prove_after_ms;
	struct timer *retry;
};

const char *anchors_state_name(enum anchors_state state)
{
	switch (state) {
	case ANCHORS_NONE:
		return "none";
	case ANCHORS_UNPROVEN:
		return "unproven";
	case ANCHORS_IN_FORCE:
		return "in-force";
	case ANCHORS_EXPIRED:
		return "expired";
	}
	return "unknown";
}

/* --- a context of libunbound -------------------------------------------------------------- */

struct option {
	const char *name;
	const char *value;
};

static const struct option options[] = {
	/* sockets; the program's descriptors allow some times as many */
	{"outgoing-range:", "1024"},
	{"outgoing-num-tcp:", "128"},
	/* memory: the one cache that mail has */
	{"msg-cache-size:", "16m"},
	{"rrset-cache-size:", "32m"},
	{"key-cache-size:", "4m"},
	{"neg-cache-size:", "1m"},
	{"infra-cache-numhosts:", "20000"},
	/* a server that was silent for a while is asked again soon */
	{"infra-keep-probing:", "yes"},
};

/* For servers that ask others for us: what they are silent about says nothing of themselves, so it is not
 * remembered. Else one zone whose servers hang would have them taken for dead, and all mail would wait. With
 * nothing remembered, each first try waits for this long. */
static const struct option options_of_forwarding[] = {
	{"infra-host-ttl:", "0"},
	/* who names servers may have zones for private addresses there */
	{"unblock-lan-zones:", "yes"},
};
#define FIRST_TRY_MS 1500u /* shared among the servers, which are tried by turns */

static const char *set_options(struct ub_ctx *ctx, const struct option *all, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const int rc = ub_ctx_set_option(ctx, all[i].name, all[i].value);
		if (rc != 0)
			return ub_strerror(rc);
	}
	return NULL;
}
#define SET_OPTIONS(ctx, all) set_options((ctx), (all), sizeof(all) / sizeof *(all))

static const char *set_first_try(struct ub_ctx *ctx, uint32_t servers)
{
	char ms[16];
	struct buffer b = buffer_new(sizeof ms);
	text_add(&b, "{}", text_number(FIRST_TRY_MS / servers));
	must(view_to_text(buffer_view(&b), ms, sizeof ms));
	buffer_free(&b);
	const struct option first_try = {"unknown-server-time-limit:", ms};
	return set_options(ctx, &first_try, 1);
}

static const char *add_nameservers(struct ub_ctx *ctx, const struct resolver_config *config)
{
	char address[64];
	for (uint32_t i = 0; i < config->nameserver_count; i++) {
		if (!view_to_text(config->nameservers[i], address, sizeof address))
			return "the address of a name server is too long";
		const int rc = ub_ctx_set_fwd(ctx, address);
		if (rc != 0)
			return ub_strerror(rc);
	}
	if (config->nameserver_count == 0)
		return NULL;
	const char *why = SET_OPTIONS(ctx, options_of_forwarding);
	return why ? why : set_first_try(ctx, config->nameserver_count);
}

static const char *add_anchors(struct ub_ctx *ctx, const struct resolver_config *config)
{
	char record[4096];
	for (uint32_t i = 0; i < config->anchor_count; i++) {
		if (!view_to_text(config->anchors[i], record, sizeof record))
			return "a trust anchor is too long";
		const int rc = ub_ctx_add_ta(ctx, record);
		if (rc != 0)
			return ub_strerror(rc);
	}
	return NULL;
}

static void context_free(struct context *c)
{
	ub_ctx_delete(c->ctx);
	events_free(&c->base);
	c->ctx = NULL;
}

static const char *context_new(struct context *c, struct loop *loop,
	const struct resolver_config *config, bool with_anchors)
{
	c->base = events_new(loop);
	c->ctx = ub_ctx_create_ub_event(c->base);
	const char *why = c->ctx ? SET_OPTIONS(c->ctx, options) : "no memory";
	if (!why)
		why = add_nameservers(c->ctx, config);
	if (!why && with_anchors)
		why = add_anchors(c->ctx, config);
	if (why)
		context_free(c);
	return why;
}

/* --- answers ------------------------------------------------------------------------------ */

static void link_in(struct under_way *u, struct under_way **list)
{
	u->next = *list;
	u->back = list;
	if (*list)
		(*list)->back = &u->next;
	*list = u;
}

static void link_out(struct under_way *u)
{
	*u->back = u->next;
	if (u->next)
		u->next->back = u->back;
}

static void under_way_free(struct under_way *u)
{
	link_out(u);
	u->resolver->count--;
	u->query->under_way = NULL;
	timer_free(&u->deadline);
	memory_free(u);
}

static void count(struct resolver *r, const struct dns_answer *answer)
{
	r->counts.failed += answer->status == DNS_FAILED;
	r->counts.bogus += answer->status == DNS_BOGUS;
}

static void give(struct under_way *u, const struct dns_answer *answer)
{
	struct query *q = u->query;
	count(u->resolver, answer);
	under_way_free(u);
	q->answered(q, answer);
}

static void fail(struct under_way *u, const char *why)
{
	give(u, &(struct dns_answer){.status = DNS_FAILED,
			.canonical = view_text(u->query->name),
			.why = view_text(why)});
}

static void on_answer(
	void *context, int rcode, void *packet, int octets, int secure, char *why, int limited)
{
	struct under_way *u = context;
	struct arena a = arena_new(DNS_MESSAGE_MEMORY_MAX);
	struct dns_answer answer = {.status = DNS_FAILED, .canonical = view_text(u->query->name)};
	(void)limited;
	if (u->answered_inside)
		*u->answered_inside = true;
	/* with another code, what lies in the buffer is whatever lay there */
	if ((rcode == RCODE_NO_ERROR || rcode == RCODE_NAME_ERROR) && packet && octets > 0)
		dns_read(view_of(packet, (size_t)octets), view_text(u->query->name), u->query->type,
			&a, &answer);
	answer.is_secure = secure == SECURE;
	if (secure == BOGUS)
		answer = (struct dns_answer){
			.status = DNS_BOGUS, .canonical = answer.canonical, .why = view_text(why)};
	else if (answer.status == DNS_FAILED)
		answer.why = VIEW("the name servers give no answer");
	give(u, &answer);
	arena_reset(&a);
}

/* --- asking ------------------------------------------------------------------------------- */

/* libunbound goes on looking, for its cache; nobody is told. */
static void cancel(struct under_way *u)
{
	if (u->ctx)
		ub_cancel(u->ctx, u->id);
}

static void on_late(void *context)
{
	struct under_way *u = context;
	cancel(u);
	u->resolver->counts.late++;
	fail(u, "no answer from the name servers in time");
}

static struct under_way *under_way_new(struct resolver *r, struct query *q)
{
	struct under_way *u = memory_new(1, sizeof *u);
	const uint64_t now_ms = loop_now_ms(r->loop);
	*u = (struct under_way){.resolver = r, .query = q};
	link_in(u, &r->waiting);
	r->count++;
	q->under_way = u;
	u->deadline = timer_new(r->loop, on_late, u);
	timer_set(u->deadline, q->deadline_ms > now_ms ? q->deadline_ms - now_ms : 0);
	return u;
}

static void start(struct under_way *u, struct ub_ctx *ctx)
{
	const char *name = u->query->name[0] ? u->query->name : ".";
	bool *answered = memory_new(1, sizeof *answered); /* `u` may be gone before it is read */
	int id = 0;
	link_out(u);
	link_in(u, &u->resolver->started);
	u->ctx = ctx;
	u->answered_inside = answered;
	const int rc =
		ub_resolve_event(ctx, name, (int)u->query->type, CLASS_IN, u, on_answer, &id);
	const bool is_over = *answered;
	memory_free(answered);
	if (is_over)
		return;
	u->answered_inside = NULL;
	u->id = id;
	if (rc != 0)
		fail(u, ub_strerror(rc));
}

static struct ub_ctx *context_in_use(const struct resolver *r)
{
	return r->anchors == ANCHORS_EXPIRED ? r->plain.ctx : r->validating.ctx;
}

static void prove(struct resolver *r);

static void ask(void *context, struct query *q)
{
	struct resolver *r = context;
	r->counts.asked++;
	if (r->count >= QUERIES_MAX) {
		r->counts.refused++;
		q->answered(q, &(struct dns_answer){.status = DNS_FAILED,
				       .canonical = view_text(q->name),
				       .why = VIEW("too many questions are open")});
		return;
	}
	struct under_way *u = under_way_new(r, q);
	if (r->anchors == ANCHORS_UNPROVEN && loop_now_ms(r->loop) >= r->prove_after_ms)
		prove(r);
	else if (!r->proofs_open || r->anchors != ANCHORS_UNPROVEN)
		start(u, context_in_use(r));
}

static void forget(void *context, struct query *q)
{
	struct under_way *u = q->under_way;
	(void)context;
	if (!u)
		return;
	cancel(u);
	under_way_free(u);
}

static uint64_t now_ms(void *context)
{
	const struct resolver *r = context;
	return loop_now_ms(r->loop);
}

struct asker resolver_asker(struct resolver *r)
{
	return (struct asker){.ask = ask, .forget = forget, .now_ms = now_ms, .context = r};
}

/* --- anchors ------------------------------------------------------------------------------ */

static void start_waiting(struct resolver *r)
{
	while (r->waiting)
		start(r->waiting, context_in_use(r));
}

static void anchors_fit(struct resolver *r)
{
	if (r->anchors == ANCHORS_EXPIRED)
		log_info("the DNSSEC trust anchors fit again: answers are validated");
	r->anchors = ANCHORS_IN_FORCE;
	timer_stop(r->retry);
}

static void anchors_misfit(struct resolver *r, const char *zone, struct view why)
{
	r->anchors = ANCHORS_EXPIRED;
	timer_set(r->retry, ANCHORS_RETRY_MS);
	log_error("the DNSSEC trust anchors do not fit what the name servers say: nothing is "
		  "validated, and DANE is off",
		fact_text("zone", zone), fact_view("why", why),
		fact_text("remedy",
			"update the package dns-root-data, see to it that the name servers pass "
			"DNSSEC on, and look at the clock"));
}

static void proofs_over(struct resolver *r)
{
	bool all_fit = true;
	bool misfit = false;
	for (uint32_t i = 0; i < r->proof_count; i++) {
		all_fit = all_fit && r->proofs[i].is_fitting;
		misfit = misfit || r->proofs[i].is_misfit;
	}
	r->prove_after_ms = loop_now_ms(r->loop) + PROOF_AGAIN_MS;
	if (all_fit)
		anchors_fit(r);
	else if (!misfit && r->anchors == ANCHORS_EXPIRED)
		timer_set(r->retry, ANCHORS_RETRY_MS); /* nobody answered */
	start_waiting(r);
}

static void proof_answered(struct query *q, const struct dns_answer *answer)
{
	struct resolver *r = q->context;
	struct proof *proof = (struct proof *)q;
	proof->is_misfit = answer->status == DNS_BOGUS;
	proof->is_fitting = answer->status == DNS_FOUND;
	if (proof->is_misfit)
		anchors_misfit(r, q->name[0] ? q->name : ".", answer->why);
	if (--r->proofs_open == 0)
		proofs_over(r);
}

static void prove(struct resolver *r)
{
	if (r->proofs_open)
		return;
	r->proofs_open = r->proof_count;
	for (uint32_t i = 0; i < r->proof_count; i++) {
		struct query *q = &r->proofs[i].query;
		q->deadline_ms = loop_now_ms(r->loop) + PROOF_MS;
		start(under_way_new(r, q), r->validating.ctx);
	}
}

static void prove_again(void *context)
{
	prove(context);
}

/* The zone of a record as it stands in a zone file, without the final dot. */
static struct view zone_of(struct view record)
{
	struct view zone, rest;
	(void)view_split(record, ' ', &zone, &rest);
	return view_ends(zone, VIEW(".")) ? view_first(zone, zone.length - 1) : zone;
}

static bool has_proof(const struct resolver *r, struct view zone)
{
	for (uint32_t i = 0; i < r->proof_count; i++)
		if (view_equal(view_text(r->proofs[i].query.name), zone))
			return true;
	return false;
}

static void plan_proofs(struct resolver *r, const struct resolver_config *config)
{
	for (uint32_t i = 0; i < config->anchor_count && r->proof_count < PROOFS_MAX; i++) {
		const struct view zone = zone_of(config->anchors[i]);
		struct query *q = &r->proofs[r->proof_count].query;
		if (has_proof(r, zone) || !view_to_text(zone, q->name, sizeof q->name))
			continue;
		q->type = DNS_DNSKEY;
		q->answered = proof_answered;
		q->context = r;
		r->proof_count++;
	}
	r->anchors = r->proof_count ? ANCHORS_UNPROVEN : ANCHORS_NONE;
}

/* --- all ---------------------------------------------------------------------------------- */

struct resolver *resolver_new(
	struct loop *loop, const struct resolver_config *config, const char **why_out)
{
	struct resolver *r = memory_new(1, sizeof *r);
	r->loop = loop;
	*why_out = context_new(&r->validating, loop, config, true);
	if (!*why_out && config->anchor_count) {
		*why_out = context_new(&r->plain, loop, config, false);
		if (*why_out)
			context_free(&r->validating);
	}
	if (*why_out) {
		memory_free(r);
		return NULL;
	}
	r->retry = timer_new(loop, prove_again, r);
	plan_proofs(r, config);
	return r;
}

void resolver_free(struct resolver **at)
{
	struct resolver *r = *at;
	*at = NULL;
	if (!r)
		return;
	r->proofs_open = UINT32_MAX; /* nothing is proven or started any more */
	while (r->started || r->waiting) {
		struct under_way *u = r->started ? r->started : r->waiting;
		cancel(u);
		fail(u, "the resolver is ending");
	}
	if (r->plain.ctx)
		context_free(&r->plain);
	context_free(&r->validating);
	timer_free(&r->retry);
	memory_free(r);
}

enum anchors_state resolver_anchors(const struct resolver *r)
{
	return r->anchors;
}

const struct resolver_counts *resolver_counts(const struct resolver *r)
{
	return &r->counts;
}
