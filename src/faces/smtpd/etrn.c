#include "faces/smtpd/smtpd.h"

/*
 * ETRN (RFC 1985): a site whose mail is kept here calls for it. Anybody may say it, since nothing comes of it but
 * that the mail goes where it was going in any case; how often it is tried is `spool`'s to bound.
 */

#define TEXT_MAX 400u

static const struct domain *domain_asked(const struct session *s)
{
	return &smtp_server_ask(&s->smtp)->domain;
}

/* The domains that are meant, one behind another with a space before each. */
static void add_domains(const struct session *s, struct buffer *b)
{
	const struct snapshot *snapshot = s->generation->snapshot;
	const struct smtp_ask *ask = smtp_server_ask(&s->smtp);
	for (uint32_t i = 0; i < snapshot->backup_count; i++) {
		const struct domain d = snapshot->backups[i].domain;
		if (!(ask->is_subdomains ? domain_is_in(d, ask->domain)
					 : domain_equal(d, ask->domain)))
			continue;
		if (b->length + d.name.length + 1 > START_DOMAINS_MAX)
			return;
		text_add(b, " {}", text_raw(d.name));
	}
}

static void refuse(struct session *s, uint16_t code, struct enhanced enhanced, const char *rule,
	const char *format)
{
	struct buffer text = buffer_new(TEXT_MAX);
	text_add(&text, format, text_raw(domain_asked(s)->name));
	const struct reply reply = {
		.code = code, .enhanced = enhanced, .text = buffer_view(&text), .rule = rule};
	session_refuse(
		s, &(struct refusal){.at = "etrn", .what = domain_asked(s)->name}, &reply, false);
	buffer_free(&text);
}

static void say(struct session *s, uint16_t code, struct view text, uint64_t pending)
{
	log_info("mail is called for", fact_hex("session", s->id),
		fact_view("domain", domain_asked(s)->name), fact_number("code", code),
		fact_number("recipients", pending));
	session_answer(s, &(struct smtp_answer){.verdict = SMTP_ACCEPT,
				  .reply = {.code = code,
					  .enhanced = {2, 0, 0},
					  .text = text,
					  .rule = "etrn"}});
}

static void refuse_later(struct session *s)
{
	refuse(s, 458, (struct enhanced){4, 3, 0}, "etrn-later",
		"Mail for {} cannot be sent just now, please try again in a moment");
}

bool etrn_ask(struct session *s)
{
	struct buffer domains = buffer_new(START_DOMAINS_MAX + 1);
	add_domains(s, &domains);
	const bool is_known = domains.length > 0;
	const bool asked = is_known && spool_start(s, buffer_view(&domains));
	buffer_free(&domains);
	if (!is_known)
		refuse(s, 459, (struct enhanced){4, 7, 1}, "etrn-unknown",
			"No mail is kept here for {}");
	else if (!asked)
		refuse_later(s);
	return !asked;
}

/* RFC 1985 §5.3 */
void session_etrn_answered(struct session *s, enum start_outcome outcome, uint64_t pending)
{
	const struct text_arg domain = text_raw(domain_asked(s)->name);
	struct buffer text = buffer_new(TEXT_MAX);
	uint16_t code = 0;
	if (outcome == START_RECENT) {
		code = 250;
		text_add(&text, "Mail for {} was begun to be sent a moment ago", domain);
	} else if (outcome == START_STARTED && pending) {
		code = 253;
		text_add(&text, "{}: mail for {} recipients is waiting, and goes out now", domain,
			text_number(pending));
	} else if (outcome == START_STARTED) {
		code = 251;
		text_add(&text, "No mail is waiting for {}", domain);
	}
	if (code)
		say(s, code, buffer_view(&text), pending);
	else
		refuse_later(s);
	buffer_free(&text);
	session_continue(s);
}
