#include "faces/smtpd/smtpd.h"

#include "base/clock.h"
#include "mail/envelope.h"
#include "mail/trace.h"
#include "mail/xtext.h"

#define HEADER_MAX 8192u
/* What ORCPT takes when we add it: "rfc822;" and the address in xtext */
#define FORWARD_ORCPT_MAX(path_octets) (7 + 3 * (path_octets))
#define SOURCE_HELO_MAX 120u /* escaped it may be four times as long */
/* A content this small waits for its end and travels in one go. */
#define GATHER_OCTETS RECEIVE_CHUNK_MAX

struct transaction *transaction_new(struct session *s)
{
	struct transaction *t = memory_new(1, sizeof *t);
	t->arena = arena_new(TRANSACTION_MEMORY_MAX);
	t->generation = generation_hold(s->generation);
	t->facts = s->facts;
	t->mailboxes = route_set_new(&t->arena);
	t->header = buffer_new(HEADER_MAX);
	t->content = buffer_new(GATHER_OCTETS);
	return t;
}

void transaction_free(struct transaction **at)
{
	struct transaction *t = *at;
	*at = NULL;
	if (!t)
		return;
	must(t->stream == NULL);
	posting_free(&t->posting);
	buffer_free(&t->header);
	buffer_free(&t->content);
	arena_reset(&t->arena);
	generation_drop(&t->generation);
	memory_free(t);
}

/* --- recipients --------------------------------------------------------------------------- */

/* What a new mailbox of this recipient takes in the envelope (mail/envelope.h). */
static size_t envelope_cost(const struct session *s, const struct smtp_ask *ask, struct view path,
	const struct route_mailbox *m)
{
	const size_t fixed = ENVELOPE_RECIPIENT_FIXED + path.length + ask->recipient->orcpt.length;
	if (!m->remote)
		return fixed + s->transaction->generation->snapshot->users[m->user].name.length;
	return fixed + ENVELOPE_DESTINATION_MAX +
	       (m->is_forwarded ? ADDRESS_PATH_MAX + FORWARD_ORCPT_MAX(path.length) : 0);
}

static size_t cost_of_new(
	const struct session *s, const struct smtp_ask *ask, struct view path, uint32_t before)
{
	const struct route_set *set = &s->transaction->mailboxes;
	size_t cost = 0;
	for (uint32_t i = before; i < set->count; i++)
		cost += envelope_cost(s, ask, path, &set->mailboxes[i]);
	return cost;
}

static bool has_forwarded(const struct route_set *set, uint32_t from)
{
	for (uint32_t i = from; i < set->count; i++)
		if (set->mailboxes[i].is_forwarded)
			return true;
	return false;
}

static bool has_remote(const struct route_set *set, uint32_t from)
{
	for (uint32_t i = from; i < set->count; i++)
		if (set->mailboxes[i].remote)
			return true;
	return false;
}

static bool is_in(enum route_class class)
{
	return class == ROUTE_OUT_IN || class == ROUTE_IN_IN;
}

struct route_verdict transaction_add_recipient(struct session *s, const struct smtp_ask *ask,
	struct view path, struct view mac, struct arena *a)
{
	struct transaction *t = s->transaction;
	const uint32_t before = t->mailboxes.count;
	const struct route_recipient recipient = {.forward_path = &ask->recipient->forward_path,
		.had_route = ask->recipient->had_route,
		.reverse_path = &ask->mail->reverse_path,
		.mac = mac,
		.now_s = clock_wall_s(),
		.number = ask->mail->recipients};
	struct route_verdict v =
		route_rcpt(t->generation->snapshot, &t->facts, &recipient, &t->mailboxes, a);
	const size_t cost = cost_of_new(s, ask, path, before);
	t->before =
		(struct transaction_before){before, t->envelope_octets, t->forwards, t->goes_on};
	if (t->envelope_octets + cost > RECEIVE_ENVELOPE_MAX - ENVELOPE_HEAD_MAX) {
		route_set_take_back(&t->mailboxes, before);
		v = (struct route_verdict){.code = 452,
			.enhanced = "4.5.3",
			.text = VIEW("This mail has too many recipients, please send it again to "
				     "the others"),
			.rule = VIEW("envelope-size"),
			.class = v.class};
	} else if (v.accepted) {
		t->envelope_octets += cost;
		t->class = v.class;
		t->leaves |= v.class == ROUTE_IN_OUT;
		t->forwards |= has_forwarded(&t->mailboxes, before);
		t->goes_on |= is_in(v.class) && has_remote(&t->mailboxes, before);
	}
	return v;
}

void transaction_take_back(struct session *s)
{
	struct transaction *t = s->transaction;
	route_set_take_back(&t->mailboxes, t->before.mailboxes);
	t->envelope_octets = t->before.envelope_octets;
	t->forwards = t->before.forwards;
	t->goes_on = t->before.goes_on;
}

/* --- content ------------------------------------------------------------------------------ */

void transaction_make_header(struct session *s)
{
	const struct smtp_mail *mail = smtp_server_mail(&s->smtp);
	const struct helo_name *helo = smtp_server_helo(&s->smtp);
	const struct tls_session *tls = connection_tls(s->connection);
	struct buffer id = buffer_new(64);
	text_add(&id, "{}", text_hex(s->id));
	struct trace_received facts = {
		.is_private = session_poster(s).length > 0,
		.helo = helo,
		.client = s->facts.client,
		.verified_name = s->facts.verified_name.name,
		.by = s->transaction->generation->snapshot->servername.name,
		.with = smtp_server_protocol(&s->smtp),
		.id = buffer_view(&id),
		.recipients = mail->recipients,
		.forward_path = mail->recipients == 1 ? &mail->first->forward_path : NULL,
		.time_s = clock_wall_s(),
		.is_utf8 = mail->smtputf8,
	};
	if (tls) {
		const struct tls_facts tls_facts = tls_session_facts(tls);
		facts.tls_version = tls_facts.version;
		facts.tls_cipher = tls_facts.cipher;
	}
	trace_received_add(&s->transaction->header, &facts);
	buffer_free(&id);
}

static void send_content(struct session *s, struct buffer *from, size_t length)
{
	struct transaction *t = s->transaction;
	channel_say(s->smtpd->spool, RECEIVE_CONTENT, t->stream->number,
		frame_bytes(view_first(buffer_view(from), length)));
	t->stream->credit -= length;
	t->octets += length;
	buffer_drop(from, length);
}

/* Nobody will take it: let it go, the refusal is said at the end. */
static bool is_void(const struct transaction *t)
{
	return t->lost || t->stream->refused;
}

bool transaction_forward(struct session *s)
{
	struct transaction *t = s->transaction;
	if (!posting_take(s))
		return true;
	if (!t->stream && !t->lost)
		t->stream = spool_begin(s, smtp_server_mail(&s->smtp)->size_octets);
	t->lost = t->stream == NULL;
	struct buffer *const parts[] = {&t->header, posting_held(t->posting), &t->content};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		while (parts[i]->length && !is_void(t)) {
			size_t step = parts[i]->length;
			if (step > t->stream->credit)
				step = t->stream->credit;
			if (step > RECEIVE_CHUNK_MAX)
				step = RECEIVE_CHUNK_MAX;
			if (step == 0)
				return false;
			send_content(s, parts[i], step);
		}
	if (is_void(t))
		buffer_clear(&t->content);
	else
		posting_free(&t->posting); /* it has done its work */
	return true;
}

/* --- the envelope ------------------------------------------------------------------------- */

static void add_source(struct session *s, struct buffer *b)
{
	const struct helo_name *helo = smtp_server_helo(&s->smtp);
	struct buffer client = buffer_new(64);
	ip_add(&client, &s->facts.client);
	const struct fact facts[] = {fact_hex("session", s->id),
		fact_view("client", buffer_view(&client)),
		fact_view("helo", view_first(helo->given, SOURCE_HELO_MAX)),
		fact_text("class", route_class_name(s->transaction->class))};
	struct fact poster[POSTER_FACTS_MAX];
	for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
		fact_add(b, &facts[i]);
	/* the last one: `sendmail -bp` asks whose mail it is (keepers/spool/mailq.c) */
	const size_t posters = session_poster_facts(s, poster);
	for (size_t i = 0; i < posters; i++)
		fact_add(b, &poster[i]);
	buffer_free(&client);
}

static uint16_t envelope_flags(const struct smtp_mail *mail)
{
	return (uint16_t)((mail->body == SMTP_BODY_8BITMIME ? ENVELOPE_8BITMIME : 0) |
			  (mail->smtputf8 ? ENVELOPE_SMTPUTF8 : 0) | smtp_ret_flags(mail->ret) |
			  (mail->requiretls ? ENVELOPE_REQUIRETLS : 0) |
			  (mail->tls_not_required ? ENVELOPE_TLS_NOT_REQUIRED : 0));
}

static struct view path_text(struct arena *a, const struct address *address)
{
	struct buffer text = buffer_new(ENVELOPE_PATH_MAX);
	struct view copy = VIEW_NONE;
	if (!address_is_null(address))
		address_add(&text, address);
	const bool ok = arena_copy(a, buffer_view(&text), &copy);
	buffer_free(&text);
	return ok ? copy : VIEW_NONE;
}

/* The recipients as the client named them, by their number. */
static const struct smtp_recipient **recipients_by_number(
	struct arena *a, const struct smtp_mail *mail)
{
	const struct smtp_recipient **by_number =
		arena_get_array(a, mail->recipients, sizeof *by_number);
	uint32_t n = 0;
	for (const struct smtp_recipient *r = mail->first; by_number && r; r = r->next)
		by_number[n++] = r;
	return by_number;
}

/* RFC 3461 §5.2.1: so that reports from further on name the address that the sender knows. */
static struct view added_orcpt(struct arena *a, struct view named)
{
	struct buffer text = buffer_new(FORWARD_ORCPT_MAX((size_t)ENVELOPE_PATH_MAX));
	struct view copy = VIEW_NONE;
	if (view_is_ascii(named)) {
		buffer_add(&text, VIEW("rfc822;"));
		xtext_add(&text, named);
	}
	if (buffer_failed(&text) || !arena_copy(a, buffer_view(&text), &copy))
		copy = VIEW_NONE;
	buffer_free(&text);
	return copy;
}

/* False: there is no memory for it. */
static bool fill_recipient(struct transaction *t, const struct route_mailbox *m,
	const struct smtp_recipient *given, struct view named, struct envelope_recipient *r)
{
	if (!named.length || !route_fill_recipient(t->generation->snapshot, m, named, &t->arena, r))
		return false;
	r->notify = (uint16_t)given->notify;
	r->orcpt = given->orcpt.length || !r->alias.length ? given->orcpt
							   : added_orcpt(&t->arena, named);
	return true;
}

static bool fill_recipients(struct session *s, struct envelope *e)
{
	struct transaction *t = s->transaction;
	const struct smtp_mail *mail = smtp_server_mail(&s->smtp);
	const struct smtp_recipient **given = recipients_by_number(&t->arena, mail);
	struct view *paths = arena_get_array(&t->arena, mail->recipients, sizeof *paths);
	e->recipients = arena_get_array(&t->arena, t->mailboxes.count, sizeof *e->recipients);
	if (!given || !paths || !e->recipients)
		return false;
	for (uint32_t i = 0; i < t->mailboxes.count; i++) {
		const struct route_mailbox *m = &t->mailboxes.mailboxes[i];
		must(m->recipient < mail->recipients);
		const struct smtp_recipient *r = given[m->recipient];
		if (!paths[m->recipient].length)
			paths[m->recipient] = path_text(&t->arena, &r->forward_path);
		if (!fill_recipient(t, m, r, paths[m->recipient], &e->recipients[i]))
			return false;
	}
	e->recipient_count = t->mailboxes.count;
	return true;
}

bool transaction_commit(struct session *s)
{
	struct transaction *t = s->transaction;
	const struct smtp_mail *mail = smtp_server_mail(&s->smtp);
	struct envelope envelope = {.flags = envelope_flags(mail), .envid = mail->envid};
	struct buffer source = buffer_new(ENVELOPE_PATH_MAX);
	struct buffer form = buffer_new(RECEIVE_ENVELOPE_MAX);
	add_source(s, &source);
	envelope.source = buffer_view(&source);
	envelope.reverse_path = path_text(&t->arena, &mail->reverse_path);
	envelope.rewritten = t->rewritten;
	bool ok = t->stream && !t->stream->refused && !buffer_failed(&source) &&
		  fill_recipients(s, &envelope);
	if (ok) {
		envelope_add(&form, &envelope);
		ok = !buffer_failed(&form);
	}
	if (ok) {
		channel_say(s->smtpd->spool, RECEIVE_COMMIT, t->stream->number,
			frame_bytes(buffer_view(&form)));
		t->stream->committed = true;
	}
	buffer_free(&form);
	buffer_free(&source);
	return ok;
}

void transaction_abort(struct session *s)
{
	if (!s->transaction)
		return;
	spool_abort(s->smtpd, &s->transaction->stream);
	transaction_free(&s->transaction);
}
