#include "faces/smtpd/smtpd.h"

#include "mail/gate_open.h"

/*
 * Who has not logged in may have fetched his mail just now (N-20). The gate is asked whether the client's address is
 * open for those whose own the reverse-path is (config/senders.h), at the first recipient for whom it matters. When
 * it is, the whole mail is that user's: his From, his limits, his name in the log. An address that was opened
 * without a name counts for all of them, where popkeyanybody says so. While the gate does not answer it is closed.
 */

#define PATIENCE_MS 5000u
#define QUESTIONS (SENDER_OWNERS_MAX + 1u) /* the last one: nobody in particular */
#define HOW_SHOWN 128u

struct opening {
	struct session *session;
	struct sender_owners owners;
	struct gate_question questions[QUESTIONS];
	unsigned waits_for;
	bool failed;
	unsigned first; /* question that found it; QUESTIONS: none */
	uint8_t how[HOW_SHOWN]; /* what its row says of the opening */
	size_t how_length;
	struct timer *timer;
};

/* --- the answer --------------------------------------------------------------------------- */

/* Said once, not for each who comes. */
static void note_absence(struct smtpd *d, bool is_absent)
{
	if (is_absent && !d->gate_missing)
		log_warning("the gate does not answer: nobody is let through by popkey, and users "
			    "must log in");
	d->gate_missing = is_absent;
}

static void let_through(struct session *s, const struct opening *o)
{
	struct transaction *t = s->transaction;
	struct buffer client = buffer_new(64);
	ip_add(&client, &t->facts.client);
	route_opened(t->generation->snapshot, &t->facts,
		o->owners.users[o->first < o->owners.count ? o->first : 0]);
	log_info("the gate was open", fact_hex("session", s->id),
		fact_view("client", buffer_view(&client)), fact_view("user", t->facts.login),
		fact_view("opened", view_of(o->how, o->how_length)));
	buffer_free(&client);
}

/* All that will be known is known. */
static void settle(struct opening *o)
{
	struct session *s = o->session;
	note_absence(s->smtpd, o->failed);
	if (o->first < QUESTIONS)
		let_through(s, o);
	else
		s->transaction->facts.gate = o->failed ? ROUTE_GATE_AWAY : ROUTE_GATE_CLOSED;
	opening_forget(s);
	session_opening_known(s);
}

static void answered(struct gate_question *q, const struct gate_answer *answer)
{
	struct opening *o = q->context;
	const unsigned at = (unsigned)(q - o->questions);
	o->failed |= answer->failed;
	if (answer->found && at < o->first) {
		const struct view how = view_first(answer->facts, sizeof o->how);
		o->first = at;
		o->how_length = how.length;
		must(view_copy(how, o->how, sizeof o->how));
	}
	if (--o->waits_for == 0)
		settle(o);
}

/* --- asking ------------------------------------------------------------------------------- */

void opening_forget(struct session *s)
{
	struct opening *o = s->opening;
	if (!o)
		return;
	for (unsigned i = 0; i < QUESTIONS; i++)
		gate_client_forget(&s->smtpd->gate, &o->questions[i]);
	timer_free(&o->timer);
	memory_free(o);
	s->opening = NULL;
}

static void on_late(void *context)
{
	struct opening *o = context;
	o->failed = true;
	settle(o);
}

static bool ask(struct opening *o, unsigned at, const struct ip *who, struct view user)
{
	struct buffer key = buffer_new(GATE_OPEN_KEY_MAX);
	gate_open_key(&key, who, user, VIEW_NONE);
	o->questions[at] = (struct gate_question){.answered = answered, .context = o};
	const bool asked = gate_client_ask(&o->session->smtpd->gate, &o->questions[at], GATE_LOOKUP,
		(const struct frame_value[]){frame_bytes(buffer_view(&key))});
	o->waits_for += asked;
	buffer_free(&key);
	return asked;
}

static bool ask_all(struct opening *o)
{
	const struct snapshot *s = o->session->transaction->generation->snapshot;
	const struct ip who = gate_open_neighbour(
		&o->session->facts.client, (uint8_t)s->numbers[SETTING_POPKEYIPV6]);
	for (unsigned i = 0; i < o->owners.count; i++)
		if (!ask(o, i, &who, s->users[o->owners.users[i]].name))
			return false;
	return !s->numbers[SETTING_POPKEYANYBODY] || ask(o, QUESTIONS - 1, &who, VIEW_NONE);
}

enum opening_need opening_ask(struct session *s)
{
	struct transaction *t = s->transaction;
	const struct smtp_ask *ask = smtp_server_ask(&s->smtp);
	const struct route_recipient recipient = {.forward_path = &ask->recipient->forward_path,
		.reverse_path = &ask->mail->reverse_path};
	struct sender_owners owners;
	opening_forget(s);
	if (!route_asks_gate(t->generation->snapshot, &t->facts, &recipient, &owners))
		return OPENING_KNOWN;
	s->opening = memory_new(1, sizeof *s->opening);
	*s->opening = (struct opening){.session = s, .owners = owners, .first = QUESTIONS};
	if (ask_all(s->opening)) {
		s->opening->timer = timer_new(s->smtpd->program->loop, on_late, s->opening);
		timer_set(s->opening->timer, PATIENCE_MS);
		return OPENING_ASKED;
	}
	opening_forget(s);
	note_absence(s->smtpd, true);
	t->facts.gate = ROUTE_GATE_AWAY;
	return OPENING_KNOWN;
}
