#include "faces/smtpd/smtpd.h"

/* One decision, one line: what was refused, by which rule, and the facts that it saw. */

#define WHAT_SHOWN 320u

/* The class of what was refused is known once a recipient is. */
static const char *class_of(const struct session *s, const struct refusal *r)
{
	if (r->class)
		return r->class;
	return s->transaction && s->transaction->mailboxes.count
		       ? route_class_name(s->transaction->class)
		       : NULL;
}

static void add_reverse_path(const struct session *s, struct buffer *b)
{
	const struct smtp_mail *mail = smtp_server_mail(&s->smtp);
	if (mail && !address_is_null(&mail->reverse_path))
		address_add(b, &mail->reverse_path);
}

void session_refused(struct session *s, const struct refusal *r)
{
	struct buffer client = buffer_new(64);
	struct buffer sender = buffer_new(1024);
	const struct helo_name *helo = smtp_server_helo(&s->smtp);
	const char *class = class_of(s, r);
	struct fact facts[12 + POSTER_FACTS_MAX] = {fact_hex("session", s->id)};
	size_t n = 1;
	ip_add(&client, &s->facts.client);
	add_reverse_path(s, &sender);
	facts[n++] = fact_view("client", buffer_view(&client));
	if (s->verified_name)
		facts[n++] = fact_view("name", s->facts.verified_name.name);
	facts[n++] = fact_number("code", r->code);
	facts[n++] = fact_view("rule", r->rule);
	facts[n++] = fact_text("at", r->at);
	if (r->what.length)
		facts[n++] = fact_view("what", view_first(r->what, WHAT_SHOWN));
	if (helo)
		facts[n++] = fact_view("helo", view_first(helo->given, 255));
	if (sender.length)
		facts[n++] = fact_view("reverse_path", buffer_view(&sender));
	n += session_poster_facts(s, &facts[n]);
	if (class)
		facts[n++] = fact_text("class", class);
	if (r->error != ERROR_NONE)
		facts[n++] = fact_error(r->error);
	s->smtpd->counts.refused++;
	log_write(r->error != ERROR_NONE ? LOG_WARNING : LOG_INFO, "refused", facts);
	buffer_free(&client);
	buffer_free(&sender);
}

void session_refuse(
	struct session *s, const struct refusal *refusal, const struct reply *reply, bool close)
{
	struct refusal r = *refusal;
	r.code = reply->code;
	if (r.rule.length == 0)
		r.rule = view_text(reply->rule);
	session_refused(s, &r);
	session_answer(
		s, &(struct smtp_answer){.verdict = SMTP_REFUSE, .reply = *reply, .close = close});
}
