#include "keepers/auth/authd.h"

#include "base/clock.h"
#include "base/log.h"
#include "mail/gate_open.h"

/*
 * A POP3 login opens the gate for its address and its user (N-20, N-23): a row for each session, with the paper's
 * longer clock, and at the session's end one for the address and user alone, with the shorter clock, before the
 * session's own goes: there is no moment between the two in which it is closed. What nobody ends, since auth or the
 * gate was away, ends by its clock. The gate itself writes the log's lines.
 */

#define FACTS_MAX 64u
#define SECOND_MS 1000u

struct opening {
	struct ip neighbour;
	bool tls;
	uint64_t session;
	int64_t since_s; /* wall clock: for people */
	uint64_t began_ms; /* monotonic */
	uint8_t user[GATE_OPEN_USER_MAX];
	size_t user_length;
};

static struct view user_of(const struct opening *o)
{
	return view_of(o->user, o->user_length);
}

/* Under TLS or in clear, whichever the port. */
static const char *service_of(const struct opening *o)
{
	return o->tls ? "pop3s" : "pop3";
}

static void add_key(struct buffer *b, const struct opening *o, bool is_of_session)
{
	struct buffer tail = buffer_new(GATE_OPEN_TAIL_MAX);
	if (is_of_session)
		text_add(&tail, "{}", text_hex(o->session));
	gate_open_key(b, &o->neighbour, user_of(o), buffer_view(&tail));
	buffer_free(&tail);
}

static void add_facts(struct buffer *b, const struct opening *o)
{
	text_add(
		b, "by={} since={}", text_string(service_of(o)), text_number((uint64_t)o->since_s));
}

/* Said once, not for each who comes. */
static void note_absence(struct authd *a, bool is_absent)
{
	if (is_absent && !a->gate_missing)
		log_warning("the gate cannot be opened: it does not answer; who fetches mail must "
			    "log in "
			    "to send");
	a->gate_missing = is_absent;
}

/* --- opening ------------------------------------------------------------------------------ */

static void answered(struct gate_question *q, const struct gate_answer *answer)
{
	struct exchange *ex = q->context;
	note_absence(ex->authd, answer->failed);
	exchange_opened(ex);
}

void opening_is_late(struct exchange *ex)
{
	gate_client_forget(&ex->authd->gate, &ex->opened);
	note_absence(ex->authd, true);
	exchange_opened(ex);
}

static bool is_wanted(const struct exchange *ex)
{
	const struct snapshot *s = ex->snapshot;
	return popkey_is_on(&s->popkey) && (ex->tls || s->numbers[SETTING_POPKEYPLAIN]);
}

static struct opening *make(const struct exchange *ex, struct view user)
{
	struct opening *o = memory_new(1, sizeof *o);
	*o = (struct opening){.tls = ex->tls,
		.session = ex->session,
		.since_s = clock_wall_s(),
		.began_ms = loop_now_ms(ex->authd->loop),
		.user_length = user.length};
	struct ip client;
	must(view_copy(
		view_of(ex->address, sizeof ex->address), client.octets, sizeof client.octets));
	must(view_copy(user, o->user, sizeof o->user));
	o->neighbour =
		gate_open_neighbour(&client, (uint8_t)ex->snapshot->numbers[SETTING_POPKEYIPV6]);
	return o;
}

static bool ask(struct exchange *ex, const struct opening *o, uint32_t seconds)
{
	struct buffer key = buffer_new(GATE_OPEN_KEY_MAX);
	struct buffer facts = buffer_new(FACTS_MAX);
	add_key(&key, o, true);
	add_facts(&facts, o);
	ex->opened = (struct gate_question){.answered = answered, .context = ex};
	const bool asked = gate_client_ask(&ex->authd->gate, &ex->opened, GATE_OPEN,
		(const struct frame_value[]){frame_bytes(buffer_view(&key)),
			frame_bytes(buffer_view(&facts)), frame_number(seconds * SECOND_MS)});
	buffer_free(&facts);
	buffer_free(&key);
	return asked;
}

bool opening_begin(struct exchange *ex, struct view user)
{
	struct grant *grant = streams_get(&ex->face->grants, ex->stream);
	if (!grant || grant->opening || !is_wanted(ex))
		return false;
	grant->opening = make(ex, user);
	if (ask(ex, grant->opening, ex->snapshot->popkey.session_s))
		return true;
	note_absence(ex->authd, true);
	return false;
}

/* --- the end ------------------------------------------------------------------------------ */

/* A session that lasted for a day is none, and what was opened before the setting changed opens nothing more. */
static bool ends_openly(const struct authd *a, const struct opening *o)
{
	return (o->tls || a->snapshot->numbers[SETTING_POPKEYPLAIN]) &&
	       loop_now_ms(a->loop) - o->began_ms <= a->limits.session_ms;
}

static void tell_ended(struct authd *a, const struct opening *o, uint32_t seconds)
{
	struct buffer key = buffer_new(GATE_OPEN_KEY_MAX);
	struct buffer facts = buffer_new(FACTS_MAX);
	add_key(&key, o, false);
	add_facts(&facts, o);
	gate_client_tell(&a->gate, GATE_OPEN,
		(const struct frame_value[]){frame_bytes(buffer_view(&key)),
			frame_bytes(buffer_view(&facts)), frame_number(seconds * SECOND_MS)});
	buffer_free(&facts);
	buffer_free(&key);
}

static void tell_closed(struct authd *a, const struct opening *o)
{
	struct buffer key = buffer_new(GATE_OPEN_KEY_MAX);
	add_key(&key, o, true);
	gate_client_tell(&a->gate, GATE_CLOSE,
		(const struct frame_value[]){
			frame_bytes(buffer_view(&key)), frame_bytes(VIEW_NONE)});
	buffer_free(&key);
}

void opening_end(struct authd *a, struct opening **at)
{
	struct opening *o = *at;
	*at = NULL;
	if (!o)
		return;
	const uint32_t seconds = a->snapshot->popkey.after_s; /* 0: turned off meanwhile */
	if (seconds && ends_openly(a, o))
		tell_ended(a, o, seconds);
	tell_closed(a, o);
	memory_free(o);
}
