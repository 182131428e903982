#include "mail/date.h"
#include "mail/dsn_draft.h"
#include "mail/encoded_word.h"
#include "mail/header.h"
#include "mail/wrap.h"

#define SHOWN_MAX 20 /* recipients of one kind; all are in the part for programs */
#define SENTENCE_MAX 4096 /* octets */
#define SUBJECT_MAX 400 /* octets */
#define REPLY_LINES 16
#define HEADER_SHOWN 8192 /* octets of an original's header section in a mail to the postmaster */

/* --- sentences ---------------------------------------------------------------------------- */

static void say_args(
	struct buffer *b, size_t indent, const char *format, const struct text_arg *args)
{
	struct buffer sentence = buffer_new(SENTENCE_MAX);
	text_add_args(&sentence, format, args);
	wrap_add(b, indent, buffer_view(&sentence));
	b->failed |= buffer_failed(&sentence);
	buffer_free(&sentence);
}
#define SAY(b, indent, format, ...)       \
	say_args((b), (indent), (format), \
		(const struct text_arg[]){__VA_ARGS__ __VA_OPT__(, ){.kind = TEXT_END}})

static void end_paragraph(struct buffer *b)
{
	buffer_add(b, VIEW("\r\n"));
}

static void say_date(const struct dsn_draft *draft, struct buffer *b, size_t indent,
	const char *format, int64_t wall_s)
{
	struct buffer date = buffer_new(64);
	date_add(&date, wall_s, draft->dsn->offset_minutes);
	SAY(b, indent, format, text_raw(buffer_view(&date)));
	buffer_free(&date);
}

/* --- recipients --------------------------------------------------------------------------- */

static void say_reply(struct buffer *b, const struct dsn_words *w, const struct dsn_recipient *r)
{
	struct view rest = r->reply;
	SAY(b, 4, w->said, text_view(r->host));
	for (unsigned i = 0; i < REPLY_LINES && rest.length; i++) {
		struct view line;
		(void)view_split(rest, '\n', &line, &rest);
		if (view_ends(line, VIEW("\r")))
			line.length--;
		SAY(b, 8, "{}", text_view(line));
	}
}

static void say_why(const struct dsn_draft *draft, struct buffer *b, enum dsn_tongue tongue,
	const struct dsn_recipient *r)
{
	const struct dsn_words *w = dsn_words(tongue);
	const struct dsn_meaning m = dsn_meaning(dsn_status(r), tongue);
	const bool in_full = draft->level < DSN_LEVEL_BRIEF;
	SAY(b, 4, "{}", text_raw(view_text(m.meaning)));
	if (in_full && r->reply.length && r->host.length)
		say_reply(b, w, r);
	else if (in_full && r->reason.length)
		SAY(b, 4, w->reason, text_view(r->reason));
	/* a delayed mail wants nothing done, and the postmaster sent none */
	if (r->action == DSN_FAILED && draft->dsn->kind == DSN_REPORT)
		SAY(b, 4, w->advice, text_raw(view_text(m.advice)));
	if (r->action == DSN_DELAYED && r->until_s > 0)
		say_date(draft, b, 4, w->until, r->until_s);
}

static void say_recipient(const struct dsn_draft *draft, struct buffer *b, enum dsn_tongue tongue,
	const struct dsn_recipient *r)
{
	struct buffer path = buffer_new(DSN_ADDRESS_SHOWN);
	dsn_add_plain(&path, r->forward_path, DSN_ADDRESS_SHOWN);
	SAY(b, 2, "<{}>", text_raw(buffer_view(&path)));
	buffer_free(&path);
	if (r->action == DSN_FAILED || r->action == DSN_DELAYED)
		say_why(draft, b, tongue, r);
	else if (r->action == DSN_RELAYED && r->host.length)
		SAY(b, 4, "{}", text_view(r->host));
}

static void say_action(const struct dsn_draft *draft, struct buffer *b, enum dsn_tongue tongue,
	enum dsn_action action)
{
	const struct dsn *d = draft->dsn;
	const struct dsn_words *w = dsn_words(tongue);
	uint32_t shown = 0;
	if (draft->counts[action] == 0)
		return;
	if (d->kind == DSN_REPORT) {
		SAY(b, 0, w->action[action]);
		end_paragraph(b);
	}
	for (uint32_t i = 0; i < d->recipient_count && shown < SHOWN_MAX; i++)
		if (d->recipients[i].action == action) {
			say_recipient(draft, b, tongue, &d->recipients[i]);
			end_paragraph(b);
			shown++;
		}
	if (shown < draft->counts[action]) {
		SAY(b, 2, w->more, text_number(draft->counts[action] - shown));
		end_paragraph(b);
	}
}

/* --- the original ------------------------------------------------------------------------- */

static void say_subject(const struct dsn_draft *draft, struct buffer *b, const struct dsn_words *w)
{
	struct header_field field;
	struct buffer unfolded = buffer_new(SUBJECT_MAX);
	struct buffer subject = buffer_new(SUBJECT_MAX);
	if (header_find(draft->header, VIEW("Subject"), &field)) {
		header_unfold(&unfolded, field.value);
		/* what cannot be read as UTF-8, or is long, stands in the header section that goes
		 * with it */
		if (unfolded.length && !buffer_failed(&unfolded) &&
			encoded_words_decode(&subject, buffer_view(&unfolded)))
			SAY(b, 2, w->subject_was, text_view(buffer_view(&subject)));
	}
	buffer_free(&subject);
	buffer_free(&unfolded);
}

static void say_original(const struct dsn_draft *draft, struct buffer *b, const struct dsn_words *w)
{
	SAY(b, 0, w->your_mail);
	end_paragraph(b);
	say_subject(draft, b, w);
	if (draft->dsn->arrival_s > 0)
		say_date(draft, b, 2, w->taken, draft->dsn->arrival_s);
	switch (draft->returns) {
	case DSN_RETURNS_NOTHING:
		break;
	case DSN_RETURNS_HEADER:
		SAY(b, 2, w->has_header);
		break;
	case DSN_RETURNS_CONTENT:
		SAY(b, 2, w->has_content);
		break;
	}
	end_paragraph(b);
}

static void say_help(const struct dsn_draft *draft, struct buffer *b, const struct dsn_words *w)
{
	SAY(b, 0, w->help, text_raw(draft->dsn->site.name), text_hex(draft->dsn->id.value));
}

/* --- the whole ---------------------------------------------------------------------------- */

/* Between two languages. */
static void add_rule(struct buffer *b)
{
	buffer_add(b, VIEW("\r\n----\r\n\r\n"));
}

static void add_report(const struct dsn_draft *draft, struct buffer *b, enum dsn_tongue tongue)
{
	const struct dsn_words *w = dsn_words(tongue);
	SAY(b, 0, w->hello, text_raw(draft->dsn->server.name));
	end_paragraph(b);
	for (size_t action = 0; action < DSN_ACTIONS; action++)
		say_action(draft, b, tongue, (enum dsn_action)action);
	say_original(draft, b, w);
	if (draft->counts[DSN_FAILED] || draft->counts[DSN_DELAYED])
		SAY(b, 0, w->others);
	say_help(draft, b, w);
}

static void add_postmaster(const struct dsn_draft *draft, struct buffer *b, enum dsn_tongue tongue)
{
	const struct dsn *d = draft->dsn;
	const struct dsn_words *w = dsn_words(tongue);
	struct buffer path = buffer_new(DSN_ADDRESS_SHOWN);
	SAY(b, 0, w->postmaster_hello, text_raw(d->server.name));
	end_paragraph(b);
	dsn_add_plain(&path, d->reverse_path, DSN_ADDRESS_SHOWN);
	if (path.length)
		SAY(b, 0, w->lost_sender, text_raw(buffer_view(&path)));
	else
		SAY(b, 0, w->no_sender);
	buffer_free(&path);
	end_paragraph(b);
	for (size_t action = 0; action < DSN_ACTIONS; action++)
		say_action(draft, b, tongue, (enum dsn_action)action);
}

static void add_each(const struct dsn_draft *draft, struct buffer *b,
	void (*add)(const struct dsn_draft *draft, struct buffer *b, enum dsn_tongue tongue))
{
	bool first = true;
	for (size_t tongue = 0; tongue < DSN_TONGUES; tongue++) {
		if (!draft->speaks[tongue])
			continue;
		if (!first)
			add_rule(b);
		add(draft, b, (enum dsn_tongue)tongue);
		first = false;
	}
}

void dsn_add_text(const struct dsn_draft *draft, struct buffer *b)
{
	add_each(draft, b, add_report);
}

/* Escaped line by line: it is shown, not sent on. */
static void add_header(const struct dsn_draft *draft, struct buffer *b)
{
	struct view rest = view_first(draft->header, HEADER_SHOWN);
	while (rest.length) {
		struct view line;
		(void)view_split(rest, '\n', &line, &rest);
		if (view_ends(line, VIEW("\r")))
			line.length--;
		text_add(b, "  {}\r\n", text_view(line));
	}
}

void dsn_add_postmaster_text(const struct dsn_draft *draft, struct buffer *b)
{
	const enum dsn_tongue tongue = draft->speaks[DSN_ENGLISH] ? DSN_ENGLISH : DSN_JAPANESE;
	add_each(draft, b, add_postmaster);
	if (draft->returns == DSN_RETURNS_NOTHING)
		return;
	SAY(b, 0, dsn_words(tongue)->header_was);
	end_paragraph(b);
	add_header(draft, b);
}
