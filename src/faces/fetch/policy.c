#include "faces/fetch/fetchd.h"

#include "base/text.h"

#include <assert.h>

#define MEMORY_MAX (64u << 10)
#define PATH "/.well-known/mta-sts.txt"

static_assert(POLICY_ROW_MAX <= GATE_FACTS_MAX, "a row of the gate holds a policy");
static_assert(STS_DOMAIN_MAX + 4 <= GATE_KEY_MAX, "its key holds the domain");
static_assert(STS_AGE_MAX_S * UINT64_C(1000) <= GATE_LIFETIME_MAX_MS, "it lives as long");

/* A domain whose policy was asked for. */
struct domain_policy {
	struct fetchd *fetchd;
	struct domain_policy *chain; /* of the hash */
	struct domain_policy *later;
	struct domain_policy *earlier; /* asked for */
	struct view name;
	struct policy_question *askers;
	/* the look: what is kept, and the record */
	struct gate_question gate;
	struct resolve_question texts;
	uint32_t open; /* of these two */
	bool is_gate_away;
	struct arena arena; /* of what is kept */
	bool is_kept;
	struct view row; /* as the gate has it */
	struct view kept_id;
	struct sts_policy kept;
	uint32_t left_s;
	char record[STS_ID_MAX]; /* its id */
	size_t record_length;
	/* the fetch */
	bool is_fetching;
	struct resolve_question addresses;
	struct web_get get;
	uint64_t again_ms; /* not before */
	uint64_t refresh_ms; /* 0: not by itself */
};

static struct view record_id(const struct domain_policy *at)
{
	return view_of(at->record, at->record_length);
}

static uint64_t now_ms(const struct domain_policy *at)
{
	return loop_now_ms(at->fetchd->program->loop);
}

static bool is_busy(const struct domain_policy *at)
{
	return at->askers || at->open || at->is_fetching;
}

/* --- the table ---------------------------------------------------------------------------- */

static struct domain_policy **slot_of(struct fetchd *d, struct view name)
{
	return &d->slots[view_hash(name) % DOMAIN_SLOTS];
}

static void take_out(struct domain_policy *at)
{
	struct fetchd *d = at->fetchd;
	*(at->later ? &at->later->earlier : &d->latest) = at->earlier;
	*(at->earlier ? &at->earlier->later : &d->longest) = at->later;
}

static void put_first(struct domain_policy *at)
{
	struct fetchd *d = at->fetchd;
	at->later = NULL;
	at->earlier = d->latest;
	*(d->latest ? &d->latest->later : &d->longest) = at;
	d->latest = at;
}

static void free_domain(struct domain_policy *at)
{
	struct domain_policy **link = slot_of(at->fetchd, at->name);
	must(!is_busy(at));
	while (*link != at)
		link = &(*link)->chain;
	*link = at->chain;
	take_out(at);
	at->fetchd->domains--;
	arena_reset(&at->arena);
	memory_free(at);
}

static bool make_room(struct fetchd *d)
{
	struct domain_policy *at = d->longest;
	while (at && is_busy(at))
		at = at->later;
	if (at)
		free_domain(at);
	return at != NULL;
}

static struct domain_policy *add(struct fetchd *d, struct view name)
{
	struct domain_policy **slot = slot_of(d, name);
	struct domain_policy *at = memory_new(1, sizeof *at + name.length);
	must(view_copy(name, at + 1, name.length));
	at->fetchd = d;
	at->name = view_of(at + 1, name.length);
	at->arena = arena_new(MEMORY_MAX);
	at->chain = *slot;
	*slot = at;
	d->domains++;
	put_first(at);
	return at;
}

static struct domain_policy *find(struct fetchd *d, struct view name)
{
	struct domain_policy *at = *slot_of(d, name);
	while (at && !view_equal(at->name, name))
		at = at->chain;
	return at;
}

/* --- answers ------------------------------------------------------------------------------ */

static void say(struct domain_policy *at, const struct policy_answer *answer)
{
	struct policy_question *q = at->askers;
	at->askers = NULL;
	while (q) {
		struct policy_question *next = q->next;
		q->next = NULL;
		q->domain = NULL;
		q->answered(q, answer);
		q = next;
	}
}

static void say_nothing(struct domain_policy *at, enum fetch_outcome outcome, const char *why)
{
	say(at, &(struct policy_answer){.outcome = outcome, .why = why});
}

static void say_kept(struct domain_policy *at)
{
	struct buffer packed = buffer_new(STS_PACKED_MAX);
	sts_policy_add(&packed, &at->kept);
	must(!buffer_failed(&packed));
	say(at, &(struct policy_answer){.outcome = FETCH_FOUND,
			.packed = buffer_view(&packed),
			.id = at->kept_id,
			.left_s = at->left_s});
	buffer_free(&packed);
}

/* Takes over what the gate keeps, or will; false when it does not hold together. */
static bool keep(struct domain_policy *at, struct view row, uint32_t left_s)
{
	arena_reset(&at->arena);
	at->is_kept = arena_copy(&at->arena, row, &at->row) &&
		      policy_row_read(at->row, &at->arena, &at->kept_id, &at->kept);
	at->left_s = left_s;
	return at->is_kept;
}

/* When it is to be fetched anew, by itself. */
static void plan_refresh(struct domain_policy *at)
{
	const uint64_t half_s = at->kept.max_age_s / 2;
	const uint64_t after_s = half_s < REFRESH_S ? half_s : REFRESH_S;
	const uint64_t age_s = at->kept.max_age_s - at->left_s;
	at->refresh_ms = 0;
	if (at->is_kept && at->kept.mode != STS_MODE_NONE)
		at->refresh_ms = now_ms(at) + (after_s > age_s ? after_s - age_s : 0) * 1000;
}

/* --- the fetch ---------------------------------------------------------------------------- */

static void end_fetch(struct domain_policy *at)
{
	at->is_fetching = false;
	if (at->open)
		return; /* what is being looked at now decides */
	if (at->is_kept)
		say_kept(at);
	else
		say_nothing(
			at, FETCH_ABSENT, "there is a record for one, but it cannot be fetched");
}

static void fail(struct domain_policy *at, struct view why)
{
	at->fetchd->counts.failed++;
	at->again_ms = now_ms(at) + AGAIN_MS;
	if (at->refresh_ms)
		at->refresh_ms = at->again_ms;
	log_warning("policy cannot be fetched", fact_view("domain", at->name),
		fact_view("why", why),
		fact_text("kept", at->is_kept ? sts_mode_name(at->kept.mode) : "none"));
	end_fetch(at);
}

static void write_row(struct domain_policy *at, const struct sts_policy *policy, struct view row)
{
	struct buffer key = buffer_new(GATE_KEY_MAX);
	text_add(&key, "sts:{}", text_raw(at->name));
	const struct frame_value values[] = {frame_bytes(buffer_view(&key)), frame_bytes(row),
		frame_number(policy->max_age_s * UINT64_C(1000))};
	gate_client_tell(&at->fetchd->gate, GATE_OPEN, values);
	buffer_free(&key);
}

static void succeed(struct domain_policy *at, const struct sts_policy *policy)
{
	struct buffer row = buffer_new(POLICY_ROW_MAX);
	policy_row_add(&row, at->record_length ? record_id(at) : at->kept_id, policy);
	must(!buffer_failed(&row));
	write_row(at, policy, buffer_view(&row));
	const bool kept = keep(at, buffer_view(&row), policy->max_age_s);
	buffer_free(&row);
	must(kept);
	at->fetchd->counts.fetched++;
	at->again_ms = 0;
	plan_refresh(at);
	log_info("policy fetched", fact_view("domain", at->name), fact_view("id", at->kept_id),
		fact_text("mode", sts_mode_name(at->kept.mode)),
		fact_number("max_age", at->kept.max_age_s));
	end_fetch(at);
}

static void on_file(struct web_get *get, const struct web_answer *answer)
{
	struct domain_policy *at = get->context;
	struct arena a = arena_new(MEMORY_MAX);
	struct sts_policy policy;
	const char *wrong = answer->why;
	if (!wrong)
		wrong = sts_policy_parse(answer->octets, &a, &policy);
	if (wrong)
		fail(at, view_text(wrong));
	else
		succeed(at, &policy);
	arena_reset(&a);
}

static void add_host(struct buffer *b, const struct domain_policy *at)
{
	text_add(b, "mta-sts.{}", text_raw(at->name));
}

static void on_addresses(struct resolve_question *q, const struct resolve_answer *answer)
{
	struct domain_policy *at = q->context;
	struct buffer host = buffer_new(DOMAIN_NAME_MAX);
	if (answer->outcome != LOOKUP_OK) {
		fail(at, answer->why.length ? answer->why : VIEW("its host has no address"));
		return;
	}
	add_host(&host, at);
	at->get = (struct web_get){.done = on_file, .context = at};
	web_start(at->fetchd->web, &at->get, buffer_view(&host), PATH,
		answer->hosts.hosts[0].addresses, answer->hosts.hosts[0].address_count);
	buffer_free(&host);
}

static void fetch(struct domain_policy *at)
{
	struct buffer host = buffer_new(DOMAIN_NAME_MAX);
	if (at->is_fetching)
		return;
	add_host(&host, at);
	at->is_fetching = true;
	at->addresses = (struct resolve_question){.answered = on_addresses, .context = at};
	const bool asked = resolve_client_addresses(
		at->fetchd->resolve, &at->addresses, buffer_view(&host), 0);
	buffer_free(&host);
	if (!asked)
		fail(at, VIEW("names cannot be looked up just now"));
}

/* --- the look ----------------------------------------------------------------------------- */

static void refresh_if_old(struct domain_policy *at)
{
	plan_refresh(at);
	if (policy_is_old(&at->kept, at->left_s) && now_ms(at) >= at->again_ms)
		fetch(at);
}

static void decide(struct domain_policy *at)
{
	const struct policy_facts facts = {.is_gate_away = at->is_gate_away,
		.is_kept = at->is_kept,
		.kept_id = at->kept_id,
		.record_id = record_id(at),
		.has_failed_lately = now_ms(at) < at->again_ms};
	switch (policy_next(&facts)) {
	case POLICY_SAY_UNKNOWN:
		say_nothing(at, FETCH_UNKNOWN, "what is kept of policies cannot be asked just now");
		return;
	case POLICY_SAY_NONE:
		say_nothing(at, FETCH_ABSENT,
			facts.record_id.length
				? "there is a record for one, but it cannot be fetched"
				: "there is none");
		return;
	case POLICY_SAY_KEPT:
		say_kept(at);
		refresh_if_old(at);
		return;
	case POLICY_FETCH:
		fetch(at);
		return;
	}
}

static void looked(struct domain_policy *at)
{
	if (--at->open == 0)
		decide(at);
}

static void on_row(struct gate_question *q, const struct gate_answer *answer)
{
	struct domain_policy *at = q->context;
	at->is_gate_away = answer->failed;
	if (!answer->found)
		at->is_kept = false;
	else if (!keep(at, answer->facts, (uint32_t)(answer->left_ms / 1000)))
		log_error("a policy that was kept does not hold together",
			fact_view("domain", at->name));
	looked(at);
}

static void on_texts(struct resolve_question *q, const struct resolve_answer *answer)
{
	struct domain_policy *at = q->context;
	const struct view id = answer->outcome == LOOKUP_OK
				       ? sts_record_id(answer->texts, answer->text_count)
				       : VIEW_NONE;
	must(view_copy(id, at->record, sizeof at->record));
	at->record_length = id.length;
	looked(at);
}

static bool ask_gate(struct domain_policy *at)
{
	struct buffer key = buffer_new(GATE_KEY_MAX);
	text_add(&key, "sts:{}", text_raw(at->name));
	at->gate = (struct gate_question){.answered = on_row, .context = at};
	const struct frame_value values[] = {frame_bytes(buffer_view(&key))};
	const bool asked = gate_client_ask(&at->fetchd->gate, &at->gate, GATE_LOOKUP, values);
	buffer_free(&key);
	return asked;
}

static bool ask_texts(struct domain_policy *at)
{
	struct buffer name = buffer_new(DOMAIN_NAME_MAX);
	text_add(&name, "_mta-sts.{}", text_raw(at->name));
	at->texts = (struct resolve_question){.answered = on_texts, .context = at};
	const bool asked =
		resolve_client_texts(at->fetchd->resolve, &at->texts, buffer_view(&name));
	buffer_free(&name);
	return asked;
}

static void look(struct domain_policy *at)
{
	at->open = 3; /* neither is answered from inside its question; the third is this function */
	at->record_length = 0;
	at->is_gate_away = !ask_gate(at);
	at->open -= at->is_gate_away;
	at->open -= !ask_texts(at);
	looked(at);
}

/* --- those who ask ------------------------------------------------------------------------ */

void policy_ask(struct fetchd *d, struct policy_question *q, struct view domain)
{
	d->counts.questions++;
	if (domain.length > STS_DOMAIN_MAX || !host_name_is_sound(domain)) {
		q->answered(q,
			&(struct policy_answer){.outcome = FETCH_ABSENT, .why = "there is none"});
		return;
	}
	struct domain_policy *at = find(d, domain);
	if (!at && d->domains >= DOMAINS_MAX && !make_room(d)) {
		q->answered(q, &(struct policy_answer){.outcome = FETCH_UNKNOWN,
				       .why = "too many policies are looked up just now"});
		return;
	}
	if (!at)
		at = add(d, domain);
	take_out(at);
	put_first(at);
	q->domain = at;
	q->next = at->askers;
	at->askers = q;
	if (!at->open)
		look(at);
}

void policy_forget(struct policy_question *q)
{
	if (!q->domain)
		return;
	struct policy_question **link = &q->domain->askers;
	while (*link != q)
		link = &(*link)->next;
	*link = q->next;
	q->next = NULL;
	q->domain = NULL;
}

void policy_tick(struct fetchd *d)
{
	const uint64_t now = loop_now_ms(d->program->loop);
	for (struct domain_policy *at = d->latest; at; at = at->earlier)
		if (at->refresh_ms && now >= at->refresh_ms && !is_busy(at)) {
			at->refresh_ms = 0;
			look(at);
		}
}

void policy_end(struct fetchd *d)
{
	while (d->latest) {
		struct domain_policy *at = d->latest;
		gate_client_forget(&d->gate, &at->gate);
		resolve_client_forget(d->resolve, &at->texts);
		resolve_client_forget(d->resolve, &at->addresses);
		web_forget(d->web, &at->get);
		at->open = 0;
		at->is_fetching = false;
		free_domain(at);
	}
}
