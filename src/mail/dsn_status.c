#include "mail/date.h"
#include "mail/dsn_draft.h"
#include "mail/xtext.h"

#define ENVID_SHOWN 400 /* octets; RFC 3461 §4.4 allows 100 of xtext */
#define ORCPT_SHOWN 700 /* octets, likewise 500 */
#define REPLY_LINES 16
#define REPLY_LINE_SHOWN 400 /* octets */
#define FIELD_ARENA 8192u

/* --- values ------------------------------------------------------------------------------- */

/* RFC 3463 §2 */
static bool is_status(struct view status)
{
	uint32_t n;
	struct view class;
	struct view subject;
	struct view detail;
	return view_split(status, '.', &class, &detail) &&
	       view_split(detail, '.', &subject, &detail) && class.length == 1 &&
	       subject.length <= 3 && detail.length <= 3 && view_to_u32(class, 5, &n) &&
	       view_to_u32(subject, 999, &n) && view_to_u32(detail, 999, &n);
}

struct view dsn_status(const struct dsn_recipient *r)
{
	const int class = is_status(r->status) ? view_at(r->status, 0) : -1;
	switch (r->action) {
	case DSN_FAILED:
		/* given up what was temporary keeps its code, as in RFC 3464 appendix E */
		return class == '5' || class == '4' ? r->status : VIEW("5.0.0");
	case DSN_DELAYED:
		return class == '4' ? r->status : VIEW("4.0.0");
	case DSN_DELIVERED:
	case DSN_RELAYED:
	case DSN_EXPANDED:
		break;
	}
	return class == '2' ? r->status : VIEW("2.0.0");
}

void dsn_add_plain(struct buffer *b, struct view v, size_t max)
{
	const bool utf8 = view_is_utf8(v);
	size_t length = v.length < max ? v.length : max;
	while (length < v.length && length > 0 && (v.at[length] & 0xc0) == 0x80)
		length--;
	for (size_t i = 0; i < length; i++) {
		const uint8_t octet = v.at[i];
		const bool shown = octet < 0x80 ? octet >= 0x20 && octet != 0x7f : utf8;
		buffer_add_octet(b, shown ? octet : '?');
	}
}

/* ASCII alone, whatever the part is: RFC 6533 §4.1. */
static void add_ascii(struct buffer *b, struct view v, size_t max)
{
	v = view_first(v, max);
	for (size_t i = 0; i < v.length; i++)
		buffer_add_octet(b, v.at[i] >= 0x20 && v.at[i] < 0x7f ? v.at[i] : '?');
}

static void add_date(const struct dsn_draft *draft, struct buffer *b, const char *name, int64_t s)
{
	if (s <= 0)
		return;
	text_add(b, "{}: ", text_string(name));
	date_add(b, s, draft->dsn->offset_minutes);
	buffer_add(b, VIEW("\r\n"));
}

/* --- fields ------------------------------------------------------------------------------- */

static void add_envelope_id(const struct dsn_draft *draft, struct buffer *b)
{
	struct arena a = arena_new(FIELD_ARENA);
	struct view id = VIEW_NONE;
	/* decoded, RFC 3464 §2.2.1 */
	if (draft->dsn->envid.length && xtext_decode(draft->dsn->envid, &a, &id) == ERROR_NONE) {
		buffer_add(b, VIEW("Original-Envelope-Id: "));
		add_ascii(b, id, ENVID_SHOWN);
		buffer_add(b, VIEW("\r\n"));
	}
	arena_reset(&a);
}

/* Decoded, or as given when it cannot be (RFC 3464 §2.3.1, RFC 6533 §3). */
static void add_original_recipient(struct buffer *b, struct view orcpt)
{
	struct arena a = arena_new(FIELD_ARENA);
	struct view type;
	struct view address;
	struct view decoded;
	if (view_split(orcpt, ';', &type, &address) && address.length <= ORCPT_SHOWN) {
		const bool is_utf8 = view_equal_nocase(type, VIEW("utf-8"));
		const enum error error = is_utf8 ? unitext_decode(address, &a, &decoded)
						 : xtext_decode(address, &a, &decoded);
		buffer_add(b, VIEW("Original-Recipient: "));
		add_ascii(b, type, 32);
		buffer_add(b, VIEW("; "));
		dsn_add_plain(b, error ? address : decoded, ORCPT_SHOWN);
		buffer_add(b, VIEW("\r\n"));
	}
	arena_reset(&a);
}

static void add_final_recipient(struct buffer *b, struct view path)
{
	const bool is_utf8 = !view_is_ascii(path) && view_is_utf8(path);
	text_add(b, "Final-Recipient: {}; ", text_string(is_utf8 ? "utf-8" : "rfc822"));
	dsn_add_plain(b, path, DSN_ADDRESS_SHOWN);
	buffer_add(b, VIEW("\r\n"));
}

static void add_remote(struct buffer *b, struct view host)
{
	struct view name;
	struct view rest;
	(void)view_split(host, ' ', &name, &rest);
	if (view_is_empty(name))
		return;
	buffer_add(b, VIEW("Remote-MTA: dns; "));
	add_ascii(b, name, DSN_ADDRESS_SHOWN);
	buffer_add(b, VIEW("\r\n"));
}

/* Each line of the reply in a line of its own. */
static void add_diagnostic(struct buffer *b, const struct dsn_recipient *r)
{
	struct view rest = r->reply.length ? r->reply : r->reason;
	if (view_is_empty(rest))
		return;
	text_add(b, "Diagnostic-Code: {};", text_string(r->reply.length ? "smtp" : "X-Sekisho"));
	for (unsigned i = 0; i < REPLY_LINES && rest.length; i++) {
		struct view line;
		(void)view_split(rest, '\n', &line, &rest);
		if (view_ends(line, VIEW("\r")))
			line.length--;
		/* a line of white space alone would end the fold, and with it the field */
		line = view_trim(line);
		if (view_is_empty(line))
			continue;
		buffer_add(b, i ? VIEW("\r\n ") : VIEW(" "));
		add_ascii(b, line, REPLY_LINE_SHOWN);
	}
	buffer_add(b, VIEW("\r\n"));
}

static void add_recipient(
	const struct dsn_draft *draft, struct buffer *b, const struct dsn_recipient *r)
{
	buffer_add(b, VIEW("\r\n"));
	if (draft->level < DSN_LEVEL_BRIEF)
		add_original_recipient(b, r->orcpt);
	add_final_recipient(b, r->forward_path);
	text_add(b, "Action: {}\r\nStatus: {}\r\n", text_string(dsn_action_name(r->action)),
		text_raw(dsn_status(r)));
	if (draft->level < DSN_LEVEL_BRIEF) {
		add_remote(b, r->host);
		add_diagnostic(b, r);
	}
	add_date(draft, b, "Last-Attempt-Date", r->attempt_s);
	text_add(b, "Final-Log-ID: {}\r\n", text_hex(draft->dsn->id.value));
	if (r->action == DSN_DELAYED)
		add_date(draft, b, "Will-Retry-Until", r->until_s);
}

void dsn_add_status(const struct dsn_draft *draft, struct buffer *b)
{
	const struct dsn *d = draft->dsn;
	add_envelope_id(draft, b);
	text_add(b, "Reporting-MTA: dns; {}\r\n", text_raw(d->server.name));
	add_date(draft, b, "Arrival-Date", d->arrival_s);
	for (uint32_t i = 0; i < d->recipient_count; i++)
		add_recipient(draft, b, &d->recipients[i]);
}
