#include "faces/smtpd/smtpd.h"

#include "base/clock.h"
#include "config/forward.h"

/*
 * What `keys` must sign before a recipient can be answered (config/forward.h): a return address that came
 * back, so that it can be compared; and the sender of a mail that is forwarded, once a transaction. While
 * `keys` is away both are put off (451).
 */

#define SIGNED_MAX 1024u
#define SCRATCH_MAX ((size_t)1 << 20)

struct seal {
	struct session *session;
	struct keys_seal question;
	bool is_of_sender; /* else of the recipient */
	struct srs sender; /* in the transaction's arena */
	struct route_verdict
		verdict; /* of the recipient, whose sender is being signed; its texts are static */
};

static const struct smtp_ask *ask_of(const struct session *s)
{
	return smtp_server_ask(&s->smtp);
}

static struct route_verdict away(enum route_class class)
{
	return (struct route_verdict){.code = 451,
		.enhanced = "4.3.0",
		.text = VIEW(
			"This mail cannot be forwarded just now, please try again in a moment"),
		.rule = VIEW("keys-away"),
		.class = class};
}

/* --- asking ------------------------------------------------------------------------------- */

static void answered(void *context, struct view mac);

static bool ask(struct session *s, const struct srs *srs)
{
	struct buffer octets = buffer_new(SIGNED_MAX);
	if (!s->seal)
		s->seal = memory_new(1, sizeof *s->seal);
	s->seal->session = s;
	s->seal->question = (struct keys_seal){.answered = answered, .context = s->seal};
	srs_add_signed(&octets, srs);
	const bool asked =
		!buffer_failed(&octets) &&
		keys_client_seal(s->smtpd->keys, &s->seal->question, buffer_view(&octets));
	buffer_free(&octets);
	return asked;
}

void seal_forget(struct session *s)
{
	if (!s->seal)
		return;
	keys_client_forget_seal(s->smtpd->keys, &s->seal->question);
	memory_free(s->seal);
	s->seal = NULL;
}

/* --- the sender --------------------------------------------------------------------------- */

/* Keeps what it is forwarded as; a sender too long for that is forwarded as he is. */
static bool keep_rewritten(struct transaction *t, const struct srs *srs, struct view mac)
{
	struct buffer path = buffer_new(ENVELOPE_PATH_MAX);
	const struct domain ours = t->generation->snapshot->first_domain;
	if (mac.length == 0)
		srs_add_original(&path, srs);
	else if (!srs_add(&path, srs, mac, ours))
		log_info("a sender is too long to be rewritten: it is forwarded as it is",
			fact_view("sender", srs->rest));
	const bool ok = arena_copy(&t->arena, buffer_view(&path), &t->rewritten);
	t->has_rewritten = ok;
	buffer_free(&path);
	return ok;
}

/* The recipient was accepted. False: `keys` is asked, and he is answered later. */
static bool settle_sender(struct session *s, struct route_verdict *v)
{
	struct transaction *t = s->transaction;
	struct srs srs;
	bool ok = true;
	if (!v->accepted || !t->forwards || t->has_rewritten)
		return true;
	switch (forward_sender(t->generation->snapshot, &ask_of(s)->mail->reverse_path,
		clock_wall_s(), &t->arena, &srs)) {
	case FORWARD_SAME:
		t->has_rewritten = true;
		break;
	case FORWARD_RESTORED:
		ok = keep_rewritten(t, &srs, VIEW_NONE);
		break;
	case FORWARD_SIGNED:
		ok = ask(s, &srs);
		if (!ok)
			break;
		s->seal->is_of_sender = true;
		s->seal->sender = srs;
		s->seal->verdict = *v;
		return false;
	case FORWARD_MEMORY:
		ok = false;
	}
	if (ok)
		return true;
	transaction_take_back(s);
	*v = away(v->class);
	return true;
}

/* --- the recipient ------------------------------------------------------------------------ */

static bool judge(struct session *s, struct view mac, struct route_verdict *v, struct arena *a)
{
	struct buffer path = buffer_new(ENVELOPE_PATH_MAX);
	address_add(&path, &ask_of(s)->recipient->forward_path);
	*v = transaction_add_recipient(s, ask_of(s), buffer_view(&path), mac, a);
	buffer_free(&path);
	return settle_sender(s, v);
}

bool seal_judge(struct session *s, struct route_verdict *verdict_out, struct arena *a)
{
	struct srs srs;
	seal_forget(s);
	if (forward_is_return(s->transaction->generation->snapshot,
		    &ask_of(s)->recipient->forward_path, &srs) &&
		ask(s, &srs)) {
		s->seal->is_of_sender = false;
		return false;
	}
	return judge(s, VIEW_NONE, verdict_out, a);
}

static void answered(void *context, struct view mac)
{
	struct seal *seal = context;
	struct session *s = seal->session;
	struct arena a = arena_new(SCRATCH_MAX);
	struct route_verdict v = seal->verdict;
	bool known = true;
	if (!seal->is_of_sender) {
		known = judge(s, mac, &v, &a);
	} else if (mac.length < SRS_MAC_OCTETS ||
		   !keep_rewritten(s->transaction, &seal->sender, mac)) {
		transaction_take_back(s);
		v = away(v.class);
	}
	if (known)
		session_sealed(s, &v);
	arena_reset(&a);
}
