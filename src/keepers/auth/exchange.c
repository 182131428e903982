#include "keepers/auth/authd.h"

#include "base/log.h"
#include "mail/ip.h"

/* --- ends --------------------------------------------------------------------------------- */

void exchange_free(struct exchange *ex)
{
	struct authd *a = ex->authd;
	for (unsigned i = 0; i < LOOKS; i++)
		gate_client_forget(&a->gate, &ex->looks[i]);
	gate_client_forget(&a->gate, &ex->opened);
	grants_forget(ex);
	if (ex->face)
		streams_take(&ex->face->exchanges, ex->stream);
	timer_free(&ex->timer);
	sasl_free(&ex->sasl);
	snapshot_drop(&ex->snapshot);
	buffer_free_secret(&ex->output);
	buffer_free_secret(&ex->password);
	buffer_free_secret(&ex->verifier);
	buffer_free_secret(&ex->rewritten);
	memory_free(ex);
	a->exchanges--;
	if (a->draining && a->exchanges == 0)
		a->hooks.drained(a->hooks.context);
}

static void say_failure(struct exchange *ex, enum auth_failure failure)
{
	channel_say(ex->face->channel, AUTH_FAILURE, ex->stream, frame_number((uint64_t)failure));
}

/* Nothing was decided about a password. */
static void fail(struct exchange *ex, enum auth_failure failure, const char *reason)
{
	ex->authd->counts.temporary += failure == AUTH_FAILURE_TEMPORARY;
	attempt_log(ex, failure == AUTH_FAILURE_TEMPORARY ? "temporary" : "refused", reason);
	if (ex->face)
		say_failure(ex, failure);
	exchange_free(ex);
}

static void wait_for_client(struct exchange *ex)
{
	const uint64_t now_ms = loop_now_ms(ex->authd->loop);
	channel_say(ex->face->channel, AUTH_CHALLENGE, ex->stream,
		frame_bytes(buffer_view(&ex->output)));
	ex->phase = EXCHANGE_WAITING;
	timer_set(ex->timer, ex->deadline_ms > now_ms ? ex->deadline_ms - now_ms : 0);
}

/* --- right or wrong ----------------------------------------------------------------------- */

static struct view user_of(const struct exchange *ex)
{
	return ex->snapshot->users[ex->account.user].name;
}

static void succeed(struct exchange *ex)
{
	ex->authd->counts.right++;
	attempt_log(ex, "success", "");
	channel_say(ex->face->channel, AUTH_SUCCESS, ex->stream, frame_bytes(user_of(ex)));
	exchange_free(ex);
}

void exchange_granted(struct exchange *ex, bool given)
{
	if (!given) {
		fail(ex, AUTH_FAILURE_TEMPORARY, "mailbox went away");
	} else if (opening_begin(ex, user_of(ex))) {
		ex->phase = EXCHANGE_OPENING;
		timer_set(ex->timer, ex->authd->limits.opening_ms);
	} else {
		succeed(ex);
	}
}

void exchange_opened(struct exchange *ex)
{
	succeed(ex);
}

static void grant(struct exchange *ex)
{
	if (ex->service != AUTH_SERVICE_POP) {
		succeed(ex);
		return;
	}
	if (!grants_give(ex, user_of(ex))) {
		fail(ex, AUTH_FAILURE_TEMPORARY, "mailbox is not there");
		return;
	}
	ex->phase = EXCHANGE_GRANTING;
	timer_set(ex->timer, ex->authd->limits.grant_ms);
}

/* What was decided becomes known. */
static void reveal(struct exchange *ex)
{
	if (!ex->right) {
		say_failure(ex, AUTH_FAILURE_BAD);
		exchange_free(ex);
	} else if (!sasl_takes_password(ex->mechanism)) {
		ex->proof_sent = true;
		wait_for_client(ex);
	} else {
		grant(ex);
	}
}

/* What is left of the delay. What the check has cost is part of it, so that a user whose imported hash
 * is dearer or cheaper than others is answered at the same time as one who does not exist. */
static uint64_t delay_left_ms(const struct exchange *ex)
{
	uint64_t delay_ms = ex->right ? ex->verdict.right_delay_ms : ex->verdict.wrong_delay_ms;
	if (!ex->right && delay_ms < GUESS_DELAY_MIN_MS)
		delay_ms = GUESS_DELAY_MIN_MS; /* wrong before the gate was asked */
	const uint64_t passed_ms =
		ex->hashing_ms ? loop_now_ms(ex->authd->loop) - ex->hashing_ms : 0;
	return delay_ms > passed_ms ? delay_ms - passed_ms : 0;
}

static void decide(struct exchange *ex, bool right, const char *reason)
{
	ex->right = right;
	attempt_count(ex, right);
	if (!right)
		attempt_log(ex, "failure", reason);
	if (!ex->face) {
		if (right)
			attempt_log(ex, "abandoned", "the client has gone");
		exchange_free(ex);
		return;
	}
	ex->phase = EXCHANGE_DELAYED;
	const uint64_t delay_ms = delay_left_ms(ex);
	if (delay_ms)
		timer_set(ex->timer, delay_ms);
	else
		reveal(ex);
}

/* Who has proved a password may still be nobody (a made-up verifier) or want to be somebody else. */
static void decide_proved(struct exchange *ex)
{
	const struct authd *a = ex->authd;
	if (ex->account.verifier.length == 0)
		decide(ex, false, "no such user");
	else if (!account_may_act_as(
			 ex->snapshot, &ex->account, a->fake_key, sasl_authzid(ex->sasl)))
		decide(ex, false, "wants to act as somebody else");
	else
		decide(ex, true, "");
}

void exchange_hashed(struct exchange *ex)
{
	switch (ex->result) {
	case VERIFIER_MATCHES:
		decide_proved(ex);
		return;
	case VERIFIER_DIFFERS:
		decide(ex, false, ex->account.verifier.length ? "wrong password" : "no such user");
		return;
	case VERIFIER_UNUSABLE:
		decide(ex, false, "no usable verifier, or no possible password");
		return;
	case VERIFIER_FAILED:
		fail(ex, AUTH_FAILURE_TEMPORARY, "no memory for the check");
		return;
	}
}

/* --- steps -------------------------------------------------------------------------------- */

void exchange_judged(struct exchange *ex)
{
	if (ex->verdict.refuse) {
		ex->authd->counts.refused++;
		fail(ex, AUTH_FAILURE_SLOW, "too many wrong guesses from this address");
	} else if (!sasl_takes_password(ex->mechanism)) {
		wait_for_client(ex);
	} else if (!attempt_hash(ex)) {
		fail(ex, AUTH_FAILURE_TEMPORARY, "too many checks at once");
	}
}

static void find_keys(void *context, struct view name, struct sasl_keys *keys_out)
{
	struct exchange *ex = context;
	ex->account = account_find(ex->snapshot, ex->authd->fake_key, name);
	ex->named = true;
	account_keys(&ex->account, ex->authd->fake_key, keys_out);
}

static void take_password(struct exchange *ex)
{
	ex->account = account_find(ex->snapshot, ex->authd->fake_key, sasl_authid(ex->sasl));
	ex->named = true;
	if (sasl_password(ex->sasl).length == 0 || sasl_authid(ex->sasl).length == 0)
		fail(ex, AUTH_FAILURE_SYNTAX, "an empty name or password");
	else
		attempt_look(ex);
}

static void step(struct exchange *ex, struct view response)
{
	switch (sasl_step(ex->sasl, response, &ex->output)) {
	case SASL_CHALLENGE:
		if (sasl_takes_password(ex->mechanism))
			wait_for_client(ex);
		else if (ex->named)
			attempt_look(ex);
		else
			fail(ex, AUTH_FAILURE_SYNTAX, "no name");
		return;
	case SASL_PASSWORD:
		take_password(ex);
		return;
	case SASL_PROVED:
		decide_proved(ex);
		return;
	case SASL_BAD:
		decide(ex, false, sasl_reason(ex->sasl));
		return;
	case SASL_SYNTAX:
		fail(ex, AUTH_FAILURE_SYNTAX, sasl_reason(ex->sasl));
		return;
	case SASL_FAILED:
		fail(ex, AUTH_FAILURE_TEMPORARY, "no memory");
		return;
	}
}

void exchange_feed(struct exchange *ex, struct view response)
{
	timer_stop(ex->timer);
	if (ex->phase == EXCHANGE_EXPIRED)
		fail(ex, AUTH_FAILURE_TEMPORARY, "took too long");
	else if (ex->proof_sent && response.length == 0)
		grant(ex);
	else if (ex->proof_sent)
		fail(ex, AUTH_FAILURE_SYNTAX, "something after the last message");
	else if (++ex->steps > AUTH_STEPS_MAX)
		fail(ex, AUTH_FAILURE_SYNTAX, "too many responses");
	else
		step(ex, response);
}

static void on_timer(void *context)
{
	struct exchange *ex = context;
	switch (ex->phase) {
	case EXCHANGE_THINKING:
		attempt_look_late(ex);
		return;
	case EXCHANGE_DELAYED:
		reveal(ex);
		return;
	case EXCHANGE_WAITING:
		ex->phase = EXCHANGE_EXPIRED;
		return;
	case EXCHANGE_GRANTING:
		grants_take(ex->face, ex->stream);
		fail(ex, AUTH_FAILURE_TEMPORARY, "mailbox does not answer");
		return;
	case EXCHANGE_OPENING:
		opening_is_late(ex);
		return;
	case EXCHANGE_HASHING:
	case EXCHANGE_EXPIRED:
		return;
	}
}

void exchange_cancel(struct exchange *ex)
{
	if (ex->phase != EXCHANGE_HASHING) {
		exchange_free(ex);
		return;
	}
	streams_take(&ex->face->exchanges, ex->stream);
	ex->face = NULL; /* the thread has it; it ends in `decide` */
}

/* --- begin -------------------------------------------------------------------------------- */

/* Why this may not even begin; null when it may. */
static const char *objection(const struct exchange *ex, const struct frame_value *v)
{
	const bool is_popd = ex->face->id == PROGRAM_POPD;
	struct ip ip;
	must(view_copy(view_of(ex->address, sizeof ex->address), ip.octets, sizeof ip.octets));
	if (is_popd != (ex->service == AUTH_SERVICE_POP))
		return "not a service of that program"; /* a grant is for popd's sessions only */
	if (ex->mechanism == SASL_NONE)
		return "no mechanism of ours";
	if (!ex->tls && !ip_is_loopback(&ip))
		return "neither TLS nor loopback";
	if (ex->mechanism == SASL_SCRAM_PLUS &&
		(v[5].number == AUTH_BINDING_NONE || v[6].bytes.length == 0))
		return "nothing to bind to";
	return NULL;
}

static struct exchange *make(struct auth_face *face, const struct frame *frame)
{
	const struct frame_value *v = frame->values;
	struct authd *a = face->authd;
	if (a->draining || !a->snapshot || v[4].bytes.length != 16)
		return NULL;
	struct exchange *ex = memory_new(1, sizeof *ex);
	if (streams_put(&face->exchanges, frame->stream, ex) != ERROR_NONE) {
		memory_free(ex);
		return NULL;
	}
	a->exchanges++;
	ex->authd = a;
	ex->face = face;
	ex->program = face->id;
	ex->stream = frame->stream;
	ex->phase = EXCHANGE_THINKING;
	ex->snapshot = snapshot_hold(a->snapshot);
	ex->service = (enum auth_service)v[0].number;
	ex->tls = (v[1].number & AUTH_FLAG_TLS) != 0;
	ex->mechanism = sasl_mechanism_of(v[2].bytes);
	ex->session = v[7].number;
	ex->deadline_ms = loop_now_ms(a->loop) + a->limits.exchange_ms;
	must(view_copy(v[4].bytes, ex->address, sizeof ex->address));
	ex->timer = timer_new(a->loop, on_timer, ex);
	ex->output = buffer_new(AUTH_RESPONSE_MAX);
	ex->password = buffer_new(AUTH_RESPONSE_MAX);
	ex->verifier = buffer_new(512);
	ex->rewritten = buffer_new(512);
	return ex;
}

void exchange_start(struct auth_face *face, const struct frame *frame)
{
	const struct frame_value *v = frame->values;
	grants_take(face, frame->stream); /* who that session was, it is no more */
	struct exchange *ex = make(face, frame);
	if (!ex) {
		face->authd->counts.temporary++;
		channel_say(face->channel, AUTH_FAILURE, frame->stream,
			frame_number(AUTH_FAILURE_TEMPORARY));
		return;
	}
	const char *problem = objection(ex, v);
	if (problem) {
		fail(ex, AUTH_FAILURE_MECHANISM, problem);
		return;
	}
	const struct sasl_owner owner = {find_keys, ex};
	ex->sasl = sasl_new(ex->mechanism, (enum auth_binding)v[5].number, v[6].bytes, &owner);
	if (!ex->sasl) {
		fail(ex, AUTH_FAILURE_TEMPORARY, "no memory");
	} else if (v[1].number & AUTH_FLAG_INITIAL) {
		exchange_feed(ex, v[3].bytes);
	} else {
		buffer_add(&ex->output, sasl_first_challenge(ex->sasl));
		wait_for_client(ex);
	}
}
