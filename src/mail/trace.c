#include "mail/trace.h"

#include "mail/date.h"

/* --- words and folds ---------------------------------------------------------------------- */

/* A field under construction: words are collected one by one and put where they fit. A clause and its
 * value are one word, so that people find them together. */
struct fold {
	struct buffer *out;
	size_t column;
	struct buffer word;
};

static struct fold fold_begin(struct buffer *out, struct view name)
{
	buffer_add(out, name);
	return (struct fold){
		.out = out, .column = name.length, .word = buffer_new(TRACE_FIELD_MAX)};
}

/* Puts the collected word behind a space, or behind a fold when the line would get too long. */
static void word_end(struct fold *f)
{
	const struct view word = buffer_view(&f->word);
	const bool fits = f->column + 1 + word.length <= TRACE_LINE_MAX;
	buffer_add(f->out, fits ? VIEW(" ") : VIEW("\r\n\t"));
	buffer_add(f->out, word);
	f->out->failed |= buffer_failed(&f->word);
	f->column = (fits ? f->column + 1 : 8) + word.length;
	buffer_clear(&f->word);
}

static void fold_end(struct fold *f)
{
	buffer_add(f->out, VIEW("\r\n"));
	buffer_free(&f->word);
}

/* --- text from outside -------------------------------------------------------------------- */

/* What a name, an id or a cipher may show; all else could end a token, a comment or a line. */
static bool is_safe(uint8_t octet)
{
	return octet_is_alnum(octet) || view_find(VIEW("-_.:[]+"), octet) != VIEW_NOT_FOUND;
}

static void add_safe(struct buffer *b, struct view text)
{
	text = view_first(text, TRACE_WORD_MAX);
	for (size_t i = 0; i < text.length; i++)
		buffer_add_octet(b, is_safe(text.at[i]) ? text.at[i] : '?');
}

/* RFC 5321 §4.1.3 */
static void add_literal(struct buffer *b, const struct ip *ip)
{
	buffer_add(b, ip_is_v4(ip) ? VIEW("[") : VIEW("[IPv6:"));
	ip_add(b, ip);
	buffer_add_octet(b, ']');
}

/* An address was parsed, and a parsed one has no controls; checked again since this is the last
 * door. Non-ASCII stays: then the message is an internationalised one (RFC 6532 §3.2). */
static void add_address(struct buffer *b, const struct address *a)
{
	const size_t from = b->length;
	address_add(b, a);
	for (size_t i = from; i < b->length; i++)
		must(b->data[i] >= 0x20 && b->data[i] != 0x7f);
}

/* --- fields ------------------------------------------------------------------------------- */

static bool is_domain_or_literal(const struct helo_name *helo)
{
	return helo && !helo->is_loose && !view_is_empty(helo->given);
}

/* From-domain of RFC 5321 §4.4. What the client called itself stands there only when it is a domain or
 * a literal; any other name goes into the comment. */
static void from_clause(struct fold *f, const struct trace_received *r)
{
	buffer_add(&f->word, VIEW("from "));
	if (r->is_private) {
		add_safe(&f->word, r->by);
		word_end(f);
		return;
	}
	if (is_domain_or_literal(r->helo)) {
		add_safe(&f->word, r->helo->given);
		word_end(f);
		buffer_add_octet(&f->word, '(');
	} else {
		add_literal(&f->word, &r->client);
		word_end(f);
		buffer_add_octet(&f->word, '(');
		if (r->helo && !view_is_empty(r->helo->given)) {
			buffer_add(&f->word, VIEW("HELO"));
			word_end(f);
			add_safe(&f->word, r->helo->given);
			word_end(f);
		}
	}
	if (!view_is_empty(r->verified_name)) {
		add_safe(&f->word, r->verified_name);
		word_end(f);
	}
	add_literal(&f->word, &r->client);
	buffer_add_octet(&f->word, ')');
	word_end(f);
}

static void with_clause(struct fold *f, const struct trace_received *r)
{
	buffer_add(&f->word, VIEW("with "));
	add_safe(&f->word, view_text(r->with));
	word_end(f);
	if (!r->tls_version)
		return;
	buffer_add_octet(&f->word, '(');
	add_safe(&f->word, view_text(r->tls_version));
	if (r->tls_cipher) {
		word_end(f);
		add_safe(&f->word, view_text(r->tls_cipher));
	}
	buffer_add_octet(&f->word, ')');
	word_end(f);
}

/* Ends with the ";" that the last clause carries. */
static void id_and_for_clause(struct fold *f, const struct trace_received *r)
{
	buffer_add(&f->word, VIEW("id "));
	add_safe(&f->word, r->id);
	if (r->recipients == 1 && r->forward_path && (r->is_utf8 || !r->forward_path->is_utf8)) {
		word_end(f);
		buffer_add(&f->word, VIEW("for "));
		buffer_add_octet(&f->word, '<');
		add_address(&f->word, r->forward_path);
		buffer_add_octet(&f->word, '>');
	}
	buffer_add_octet(&f->word, ';');
	word_end(f);
}

void trace_received_add(struct buffer *b, const struct trace_received *r)
{
	struct fold f = fold_begin(b, VIEW("Received:"));
	from_clause(&f, r);
	buffer_add(&f.word, VIEW("by "));
	add_safe(&f.word, r->by);
	word_end(&f);
	with_clause(&f, r);
	id_and_for_clause(&f, r);
	/* Kept in one piece: people look for the date. */
	date_add(&f.word, r->time_s, r->offset_minutes);
	word_end(&f);
	fold_end(&f);
}
