#include "keepers/auth/authd.h"

#include "base/log.h"
#include "base/random.h"
#include "mail/ip.h"

#define KEY_MAX 128u
#define V6_PREFIX_OCTETS 8u

/* --- keys of the gate's rows -------------------------------------------------------------- */

/* Who shares an IPv6 /64 is one: anybody gets as many addresses of it as he likes. */
static struct view address_key(const struct exchange *ex)
{
	struct ip ip;
	must(view_copy(view_of(ex->address, sizeof ex->address), ip.octets, sizeof ip.octets));
	return view_of(ex->address, ip_is_v4(&ip) ? sizeof ex->address : V6_PREFIX_OCTETS);
}

static struct view tag_of(const struct exchange *ex)
{
	return view_of(ex->account.tag, sizeof ex->account.tag);
}

/* Each service has rows of its own: an address is what a face says it is, and one that was broken into
 * could make another service's clients guilty. */
static void add_key(const struct exchange *ex, unsigned look, struct buffer *key)
{
	const struct view service = ex->service == AUTH_SERVICE_POP ? VIEW("pop:") : VIEW("smtp:");
	buffer_clear(key);
	switch (look) {
	case LOOK_ADDRESS:
		buffer_add(key, VIEW("guess:a:"));
		buffer_add(key, service);
		buffer_add_hex(key, address_key(ex));
		break;
	case LOOK_NAME:
		buffer_add(key, VIEW("guess:n:"));
		buffer_add(key, service);
		buffer_add_hex(key, tag_of(ex));
		break;
	default:
		buffer_add(key, VIEW("known:"));
		buffer_add(key, service);
		buffer_add_hex(key, tag_of(ex));
		buffer_add_octet(key, ':');
		buffer_add_hex(key, address_key(ex));
		break;
	}
	must(!buffer_failed(key));
}

/* --- asking before ------------------------------------------------------------------------ */

static void judge(struct exchange *ex)
{
	ex->looks_left = 0;
	timer_stop(ex->timer);
	ex->verdict = guess_judge(&ex->facts);
	exchange_judged(ex);
}

static void looked(struct gate_question *q, const struct gate_answer *answer)
{
	struct exchange *ex = q->context;
	if (answer->failed)
		ex->facts = (struct guess_facts){.blind = true};
	else if (q == &ex->looks[LOOK_ADDRESS])
		ex->facts.by_address = answer->count;
	else if (q == &ex->looks[LOOK_NAME])
		ex->facts.by_name = answer->count;
	else
		ex->facts.known = answer->found;
	if (--ex->looks_left == 0)
		judge(ex);
}

void attempt_look_late(struct exchange *ex)
{
	for (unsigned i = 0; i < LOOKS; i++)
		gate_client_forget(&ex->authd->gate, &ex->looks[i]);
	ex->facts = (struct guess_facts){.blind = true};
	judge(ex);
}

void attempt_look(struct exchange *ex)
{
	struct buffer key = buffer_new(KEY_MAX);
	bool asked = true;
	ex->phase = EXCHANGE_THINKING;
	ex->facts = (struct guess_facts){0};
	ex->looks_left = LOOKS;
	for (unsigned i = 0; i < LOOKS && asked; i++) {
		add_key(ex, i, &key);
		const struct frame_value values[] = {frame_bytes(buffer_view(&key)),
			frame_number(0), frame_number(GUESS_WINDOW_MS)};
		ex->looks[i] = (struct gate_question){.answered = looked, .context = ex};
		asked = gate_client_ask(&ex->authd->gate, &ex->looks[i],
			i == LOOK_KNOWN ? GATE_LOOKUP : GATE_COUNT, values);
	}
	buffer_free(&key);
	if (asked)
		timer_set(ex->timer, ex->authd->limits.gate_ms);
	else
		attempt_look_late(ex);
}

/* --- telling afterwards ------------------------------------------------------------------- */

static void count_wrong(struct exchange *ex, unsigned look, struct buffer *key)
{
	add_key(ex, look, key);
	const struct frame_value values[] = {
		frame_bytes(buffer_view(key)), frame_number(1), frame_number(GUESS_WINDOW_MS)};
	gate_client_tell(&ex->authd->gate, GATE_COUNT, values);
}

void attempt_count(struct exchange *ex, bool right)
{
	struct buffer key = buffer_new(KEY_MAX);
	if (!right) {
		ex->authd->counts.wrong++;
		count_wrong(ex, LOOK_ADDRESS, &key);
		if (ex->named)
			count_wrong(ex, LOOK_NAME, &key);
	}
	add_key(ex, LOOK_KNOWN, &key);
	const struct frame_value open[] = {frame_bytes(buffer_view(&key)), frame_bytes(VIEW_NONE),
		frame_number(GUESS_KNOWN_MS)};
	const struct frame_value close[] = {frame_bytes(buffer_view(&key)), frame_bytes(VIEW_NONE)};
	if (right)
		gate_client_tell(&ex->authd->gate, GATE_OPEN, open);
	else if (ex->named && ex->verdict.forget_known)
		gate_client_tell(&ex->authd->gate, GATE_CLOSE, close);
	buffer_free(&key);
}

/* --- the costly check --------------------------------------------------------------------- */

/* In a thread: only what the exchange lends it. */
static void hash(void *context)
{
	struct exchange *ex = context;
	const struct view verifier = buffer_view(&ex->verifier);
	const struct view password = buffer_view(&ex->password);
	ex->result = verifier_check(verifier, password, &ex->iterations);
	if (ex->result != VERIFIER_MATCHES || !ex->rewrite)
		return;
	uint8_t salt[VERIFIER_SALT_OCTETS];
	random_octets(salt, sizeof salt);
	if (!verifier_make(
		    password, view_of(salt, sizeof salt), VERIFIER_ITERATIONS, &ex->rewritten))
		buffer_clear(&ex->rewritten); /* a password that SASLprep forbids stays as it is */
}

static void unlink_hashing(struct exchange *ex)
{
	struct exchange **at = &ex->authd->hashing;
	while (*at && *at != ex)
		at = &(*at)->next_hashing;
	if (*at)
		*at = ex->next_hashing;
}

static void hashed(void *context)
{
	struct exchange *ex = context;
	struct authd *a = ex->authd;
	unlink_hashing(ex);
	a->counts.iterations += ex->iterations;
	buffer_free_secret(&ex->password);
	if (ex->rewritten.length && ex->snapshot == a->snapshot)
		a->rewritten[ex->account.user] = 1;
	if (ex->rewritten.length && a->hooks.rewrite)
		a->hooks.rewrite(a->hooks.context, ex->snapshot->users[ex->account.user].name,
			ex->account.verifier, buffer_view(&ex->rewritten));
	buffer_free_secret(&ex->rewritten);
	buffer_free_secret(&ex->verifier);
	exchange_hashed(ex);
}

/* Neither its address nor its program has its share of the threads already. */
static bool may_hash(const struct exchange *ex)
{
	uint32_t of_address = 0;
	uint32_t of_program = 0;
	for (const struct exchange *other = ex->authd->hashing; other;
		other = other->next_hashing) {
		of_address += view_equal(address_key(other), address_key(ex));
		of_program += other->program == ex->program;
	}
	return of_address < ex->authd->limits.hashes_per_address && of_program < AUTH_HASH_SHARE;
}

/* Once a user and generation: the parent needs a moment to write it and to push a new snapshot. */
static bool wants_rewrite(struct exchange *ex)
{
	struct authd *a = ex->authd;
	if (!verifier_is_imported(ex->account.verifier) || ex->snapshot != a->snapshot)
		return false;
	return !a->rewritten[ex->account.user];
}

bool attempt_hash(struct exchange *ex)
{
	struct authd *a = ex->authd;
	const struct job job = {.work = hash, .done = hashed, .context = ex};
	if (!may_hash(ex))
		return false;
	buffer_add(&ex->password, sasl_password(ex->sasl));
	if (ex->account.verifier.length)
		buffer_add(&ex->verifier, ex->account.verifier);
	else
		account_add_dummy(&ex->account, a->fake_key, &ex->verifier);
	ex->rewrite = wants_rewrite(ex);
	if (buffer_failed(&ex->password) || buffer_failed(&ex->verifier) ||
		workers_submit(a->workers, &job) != ERROR_NONE)
		return false;
	ex->phase = EXCHANGE_HASHING;
	ex->hashing_ms = loop_now_ms(a->loop);
	ex->next_hashing = a->hashing;
	a->hashing = ex;
	return true;
}

/* --- the log line ------------------------------------------------------------------------- */

void attempt_log(const struct exchange *ex, const char *result, const char *reason)
{
	struct buffer address = buffer_new(64);
	struct ip ip;
	must(view_copy(view_of(ex->address, sizeof ex->address), ip.octets, sizeof ip.octets));
	ip_add(&address, &ip);
	const struct view name = ex->sasl ? view_first(sasl_authid(ex->sasl), 256) : VIEW_NONE;
	const char *service = ex->service == AUTH_SERVICE_POP ? "pop" : "smtp";
	log_info("login", fact_text("result", result), fact_view("user", name),
		fact_view("address", buffer_view(&address)),
		fact_text("mechanism", sasl_mechanism_name(ex->mechanism)),
		fact_text("service", service), fact_hex("session", ex->session),
		fact_text("reason", reason));
	buffer_free(&address);
}
