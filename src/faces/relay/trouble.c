#include "faces/relay/relay.h"

#include "base/text.h"

#define TROUBLE_OCTETS_MAX 4096u

void trouble_free(struct trouble *t)
{
	buffer_free(&t->storage);
	*t = (struct trouble){0};
}

static struct view keep(const struct buffer *b, size_t from)
{
	return view_from(buffer_view(b), from);
}

/* The views point into `storage`, which does not move any more. */
static void fill(struct trouble *t, struct view host, const struct ip *address,
	const struct smtp_client_said *said, struct view reason)
{
	trouble_free(t);
	t->storage = buffer_new(TROUBLE_OCTETS_MAX);
	if (!buffer_room(&t->storage, TROUBLE_OCTETS_MAX))
		return;
	struct buffer *b = &t->storage;
	size_t from = b->length;
	if (said && said->enhanced.class)
		text_add(b, "{}.{}.{}", text_number(said->enhanced.class),
			text_number(said->enhanced.subject), text_number(said->enhanced.detail));
	t->status = keep(b, from);
	from = b->length;
	buffer_add(b, view_first(host, RELAY_HOST_MAX));
	t->host = keep(b, from);
	from = b->length;
	if (address)
		ip_add(b, address);
	t->address = keep(b, from);
	from = b->length;
	if (said && said->code)
		text_add(b, "{} {}{}{}", text_number(said->code), text_raw(t->status),
			text_string(t->status.length ? " " : ""), text_raw(said->text));
	t->reply = keep(b, from);
	from = b->length;
	buffer_add(b, view_first(reason.length || !said ? reason : said->text, RELAY_REASON_MAX));
	t->reason = keep(b, from);
	t->is_final = said && said->code >= 500 &&
		      (said->command == SMTP_CLIENT_CONNECT || said->command == SMTP_CLIENT_EHLO ||
			      said->command == SMTP_CLIENT_HELO);
}

/* Who wanted TLS to be right, and it is not. */
static struct view whose_demand(const struct session *s, struct buffer *b)
{
	if (s->security.by == SECURITY_BY_POLICY)
		text_add(b,
			"the MTA-STS policy of {} forbids it: ", text_view(s->destination->name));
	if (s->security.by == SECURITY_BY_REQUIRETLS)
		text_add(b, "the sender requires TLS that is verified (REQUIRETLS): ");
	return buffer_view(b);
}

/* The reply of a host that has no right TLS says less than why that matters. */
static void fill_tls(struct trouble *t, const struct session *s, struct view what)
{
	struct buffer reason = buffer_new(TROUBLE_OCTETS_MAX);
	(void)whose_demand(s, &reason);
	buffer_add(&reason, view_first(what, RELAY_REASON_MAX));
	fill(t, s->host.name.name, s->has_address ? &s->address : NULL, NULL, buffer_view(&reason));
	buffer_free(&reason);
	t->is_final = s->security.by == SECURITY_BY_REQUIRETLS; /* RFC 8689 §4.2.1 */
	t->status = t->is_final ? VIEW("5.7.10") : VIEW("4.7.5");
}

void trouble_of_session(struct trouble *t, const struct session *s,
	const struct smtp_client_said *said, const char *reason)
{
	const bool is_tls = s->tls_failed ||
			    (s->client && smtp_client_end(s->client)->kind == SMTP_CLIENT_END_TLS);
	const bool is_demanded =
		s->security.by == SECURITY_BY_POLICY || s->security.by == SECURITY_BY_REQUIRETLS;
	if (is_tls && is_demanded && said) {
		fill_tls(t, s, said->text);
		return;
	}
	fill(t, s->host.name.name, s->has_address ? &s->address : NULL, said,
		reason ? view_text(reason) : VIEW_NONE);
}

void trouble_of_ours(struct trouble *t, const char *status, struct view reason)
{
	fill(t, VIEW_NONE, NULL, NULL, reason);
	t->status = view_text(status);
}

void trouble_of_bar(struct trouble *t, const struct departure *p, const struct host *host,
	enum security_bar bar)
{
	struct buffer reason = buffer_new(TROUBLE_OCTETS_MAX);
	if (bar == SECURITY_BARRED_TLSA)
		text_add(&reason,
			"what protects its certificate in the DNS (TLSA) could not be looked up");
	else if (bar == SECURITY_BARRED_POLICY)
		text_add(&reason, "the MTA-STS policy of {} forbids it: it does not name this host",
			text_view(p->destination->name));
	else
		text_add(&reason, "the sender requires TLS that is verified (REQUIRETLS), and "
				  "neither DNSSEC nor MTA-STS vouches for the name of this host");
	fill(t, host->name.name, NULL, NULL, buffer_view(&reason));
	buffer_free(&reason);
	t->is_final = bar == SECURITY_BARRED_NAME;
	t->status = t->is_final ? VIEW("5.7.10") : VIEW("4.7.5");
}

void trouble_of_requiretls(struct trouble *t, const struct session *s)
{
	trouble_of_session(t, s, NULL,
		"the sender wants TLS all the way (REQUIRETLS), and this host does not promise "
		"that");
	t->status = VIEW("5.7.30");
	t->is_final = true;
}

static const char *outcome_text(enum relay_outcome outcome)
{
	switch (outcome) {
	case RELAY_SENT:
	case RELAY_RELAYED:
		return "sent";
	case RELAY_DEFERRED:
		return "deferred";
	case RELAY_AGAIN:
		return "again";
	case RELAY_HELD:
		return "held";
	case RELAY_REFUSED:
		return "refused";
	}
	return "unknown";
}

void trouble_log(const struct trouble *t, const struct departure *p,
	const struct smtp_client_recipient *r, enum relay_outcome outcome)
{
	struct fact facts[13] = {fact_hex("id", p->id), fact_text("outcome", outcome_text(outcome)),
		fact_view("destination", p->destination->name),
		r ? fact_view("forward_path", r->forward_path)
		  : fact_number("recipients", p->count),
		fact_view("host", t->host), fact_view("address", t->address),
		fact_view("reply", t->reply)};
	size_t n = 7;
	if (t->reason.length && !t->reply.length)
		facts[n++] = fact_view("reason", t->reason);
	if (p->policy.mode != STS_MODE_NONE)
		facts[n++] = fact_text("policy", sts_mode_name(p->policy.mode));
	if (p->session) {
		const struct tls_session *tls = connection_tls(p->session->connection);
		facts[n++] = fact_text("tls", tls ? tls_session_facts(tls).version : "none");
		if (tls)
			facts[n++] = fact_text(
				"verified", tls_verify_name(tls_session_facts(tls).verified));
	}
	log_write(LOG_INFO, "mail relayed", facts);
}
