#include "mail/dsn.h"

#include "mail/date.h"
#include "mail/dsn_draft.h"
#include "mail/encoded_word.h"
#include "mail/envelope.h"
#include "mail/message_id.h"
#include "mail/transfer.h"

#define LINE_PATH_MAX 900 /* octets of an address in a line of its own */

const char *dsn_action_name(enum dsn_action action)
{
	switch (action) {
	case DSN_FAILED:
		return "failed";
	case DSN_DELAYED:
		return "delayed";
	case DSN_DELIVERED:
		return "delivered";
	case DSN_RELAYED:
		return "relayed";
	case DSN_EXPANDED:
		return "expanded";
	}
	must(!"an action of RFC 3464");
	return "";
}

/* --- header fields ------------------------------------------------------------------------ */

/* Japanese as encoded words. */
static void add_phrase(struct buffer *b, size_t *column, enum dsn_tongue tongue, const char *phrase)
{
	const struct view text = view_text(phrase);
	if (tongue != DSN_ENGLISH) {
		encoded_word_add(b, column, text);
		return;
	}
	buffer_add(b, text);
	*column += text.length;
}

static const char *subject_of(const struct dsn_draft *draft, enum dsn_tongue tongue)
{
	const struct dsn_words *w = dsn_words(tongue);
	enum dsn_action worst = DSN_FAILED;
	if (draft->dsn->kind == DSN_TO_POSTMASTER)
		return w->postmaster_subject;
	while (draft->counts[worst] == 0)
		worst++;
	return w->subject[worst];
}

static void add_subject(const struct dsn_draft *draft, struct buffer *b)
{
	static const struct view name = VIEW("Subject: ");
	size_t column = name.length;
	bool first = true;
	buffer_add(b, name);
	for (size_t i = 0; i < DSN_TONGUES; i++) {
		const enum dsn_tongue tongue = (enum dsn_tongue)i;
		if (!draft->speaks[i])
			continue;
		if (!first) {
			buffer_add(b, VIEW(" /\r\n "));
			column = 1;
		}
		add_phrase(b, &column, tongue, subject_of(draft, tongue));
		first = false;
	}
	buffer_add(b, VIEW("\r\n"));
}

static void add_from(const struct dsn_draft *draft, struct buffer *b)
{
	static const struct view name = VIEW("From: ");
	const enum dsn_tongue tongue = draft->speaks[DSN_ENGLISH] ? DSN_ENGLISH : DSN_JAPANESE;
	size_t column = name.length;
	buffer_add(b, name);
	add_phrase(b, &column, tongue, dsn_words(tongue)->from);
	text_add(b, "\r\n <MAILER-DAEMON@{}>\r\n", text_raw(draft->dsn->site.name));
}

static void add_message_id(const struct dsn *d, struct buffer *b)
{
	struct message_id_seed seed = {.wall_s = d->now_s};
	must(view_copy(view_of(d->random, sizeof seed.random), seed.random, sizeof seed.random));
	buffer_add(b, VIEW("Message-ID: "));
	message_id_add(b, &seed, d->server);
	buffer_add(b, VIEW("\r\n"));
}

/* So that mail programs show the report beside the mail. */
static void add_thread(const struct dsn_draft *draft, struct buffer *b)
{
	const struct view id = dsn_original_message_id(draft->header);
	if (id.length)
		text_add(b, "In-Reply-To: {}\r\nReferences: {}\r\n", text_raw(id), text_raw(id));
}

static void add_fields(const struct dsn_draft *draft, struct buffer *b)
{
	const struct dsn *d = draft->dsn;
	add_from(draft, b);
	buffer_add(b, VIEW("To: "));
	dsn_add_plain(b, d->to, LINE_PATH_MAX);
	buffer_add(b, VIEW("\r\n"));
	add_subject(draft, b);
	buffer_add(b, VIEW("Date: "));
	date_add(b, d->now_s, d->offset_minutes);
	buffer_add(b, VIEW("\r\n"));
	add_message_id(d, b);
	if (d->kind == DSN_REPORT)
		add_thread(draft, b);
	/* RFC 3834 §5 */
	text_add(b, "Auto-Submitted: {}\r\nMIME-Version: 1.0\r\n",
		text_string(d->kind == DSN_REPORT ? "auto-replied" : "auto-generated"));
}

/* --- parts -------------------------------------------------------------------------------- */

static void add_language(const struct dsn_draft *draft, struct buffer *b)
{
	const char *comma = "";
	buffer_add(b, VIEW("Content-Language: "));
	for (size_t i = 0; i < DSN_TONGUES; i++)
		if (draft->speaks[i]) {
			text_add(b, "{}{}", text_string(comma),
				text_string(dsn_words((enum dsn_tongue)i)->tag));
			comma = ", ";
		}
	buffer_add(b, VIEW("\r\n"));
}

static void add_text_part(const struct dsn_draft *draft, struct buffer *b,
	void (*add)(const struct dsn_draft *draft, struct buffer *b))
{
	struct buffer text = buffer_new(b->max);
	add(draft, &text);
	const enum transfer transfer = transfer_safe(buffer_view(&text));
	text_add(b, "Content-Type: text/plain; charset={}\r\n",
		text_string(view_is_ascii(buffer_view(&text)) ? "us-ascii" : "utf-8"));
	add_language(draft, b);
	text_add(b, "Content-Transfer-Encoding: {}\r\n\r\n", text_string(transfer_name(transfer)));
	transfer_add(b, transfer, buffer_view(&text));
	b->failed |= buffer_failed(&text);
	buffer_free(&text);
}

static void add_status_part(struct buffer *b, struct view status, bool is_global)
{
	const enum transfer transfer = transfer_safe(status);
	text_add(b,
		"Content-Type: message/{}delivery-status\r\nContent-Transfer-Encoding: {}\r\n\r\n",
		text_string(is_global ? "global-" : ""), text_string(transfer_name(transfer)));
	transfer_add(b, transfer, status);
}

static void add_boundary(const struct dsn *d, struct buffer *b)
{
	/* "=_" stands in nothing that is encoded (RFC 2045 §6.7), and the rest cannot be guessed */
	buffer_add(b, VIEW("=_"));
	buffer_add_hex(b, view_part(view_of(d->random, DSN_RANDOM), MESSAGE_ID_RANDOM, DSN_RANDOM));
}

static void add_delimiter(const struct dsn *d, struct buffer *b, struct view after)
{
	buffer_add(b, VIEW("\r\n--"));
	add_boundary(d, b);
	buffer_add(b, after);
	buffer_add(b, VIEW("\r\n"));
}

static void add_parts(
	const struct dsn_draft *draft, struct buffer *b, struct view status, bool *is_8bit_out)
{
	const struct dsn *d = draft->dsn;
	struct buffer returned = buffer_new(b->max);
	const bool is_global = !view_is_ascii(status);
	*is_8bit_out = false;
	if (draft->returns != DSN_RETURNS_NOTHING)
		*is_8bit_out = dsn_add_returned(draft, &returned);
	if (*is_8bit_out)
		buffer_add(b, VIEW("Content-Transfer-Encoding: 8bit\r\n"));
	text_add(b,
		"Content-Type: multipart/report; report-type={}delivery-status;\r\n boundary=\"",
		text_string(is_global ? "global-" : "")); /* RFC 6522 §3 */
	add_boundary(d, b);
	buffer_add(b, VIEW("\"\r\n"));
	add_delimiter(d, b, VIEW_NONE);
	add_text_part(draft, b, dsn_add_text);
	add_delimiter(d, b, VIEW_NONE);
	add_status_part(b, status, is_global);
	if (draft->returns != DSN_RETURNS_NOTHING) {
		add_delimiter(d, b, VIEW_NONE);
		buffer_add(b, buffer_view(&returned));
	}
	add_delimiter(d, b, VIEW("--"));
	b->failed |= buffer_failed(&returned);
	buffer_free(&returned);
}

/* --- the whole ---------------------------------------------------------------------------- */

static uint16_t compose(struct dsn_draft *draft, struct buffer *b)
{
	struct buffer status = buffer_new(b->max);
	bool is_8bit = false;
	draft->returns = dsn_returns(draft);
	add_fields(draft, b);
	if (draft->dsn->kind == DSN_TO_POSTMASTER) {
		add_text_part(draft, b, dsn_add_postmaster_text);
	} else {
		dsn_add_status(draft, &status);
		add_parts(draft, b, buffer_view(&status), &is_8bit);
	}
	b->failed |= buffer_failed(&status);
	buffer_free(&status);
	if (!view_is_ascii(draft->dsn->to) && view_is_utf8(draft->dsn->to))
		return ENVELOPE_SMTPUTF8 | ENVELOPE_8BITMIME;
	return is_8bit ? ENVELOPE_8BITMIME : 0;
}

bool dsn_compose(const struct dsn *d, struct buffer *out, uint16_t *flags_out)
{
	struct dsn_draft draft = {.dsn = d};
	must(d->recipient_count > 0 && out->length == 0);
	for (uint32_t i = 0; i < d->recipient_count; i++)
		draft.counts[d->recipients[i].action]++;
	dsn_read_original(&draft);
	for (size_t level = 0; level < DSN_LEVELS; level++) {
		buffer_clear(out);
		draft.level = (enum dsn_level)level;
		*flags_out = compose(&draft, out);
		if (!buffer_failed(out))
			return true;
	}
	buffer_clear(out);
	return false;
}
