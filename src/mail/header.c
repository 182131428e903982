#include "mail/header.h"

/* Steps of reading a msg-id. */
enum id_step {
	ID_BEFORE, /* no "<" yet */
	ID_INSIDE,
	ID_FOLD, /* inside, after a CR */
	ID_DONE, /* complete, or given up */
};

/* Steps of reading the one value that TLS-Required may have. */
enum no_step {
	NO_BEFORE, /* nothing but blanks yet */
	NO_HALF,
	NO_WHOLE,
	NO_WRONG, /* something else, or a second field */
};

const char *header_kind_name(enum header_kind kind)
{
	switch (kind) {
	case HEADER_OTHER:
		return "other";
	case HEADER_RECEIVED:
		return "Received";
	case HEADER_MESSAGE_ID:
		return "Message-ID";
	case HEADER_DATE:
		return "Date";
	case HEADER_FROM:
		return "From";
	case HEADER_RETURN_PATH:
		return "Return-Path";
	case HEADER_DELIVERED_TO:
		return "Delivered-To";
	case HEADER_TLS_REQUIRED:
		return "TLS-Required";
	}
	must(!"a kind of header field");
	return "";
}

enum header_kind header_kind_of(struct view name)
{
	for (enum header_kind kind = HEADER_OTHER + 1; kind < HEADER_KINDS; kind++)
		if (view_equal_nocase(name, view_text(header_kind_name(kind))))
			return kind;
	return HEADER_OTHER;
}

static bool is_blank(int octet)
{
	return octet == ' ' || octet == '\t';
}

/* ftext of RFC 5322 §3.6.8. */
static bool is_name_octet(int octet)
{
	return octet >= 0x21 && octet <= 0x7e && octet != ':';
}

/* --- streaming ---------------------------------------------------------------------------- */

void header_scan_start(struct header_scan *scan, uint64_t max_octets)
{
	*scan = (struct header_scan){.max_octets = max_octets};
}

void header_scan_count_by(struct header_scan *scan, struct view host)
{
	scan->by = host;
}

/* Ends the section where the current line began; the body starts `skipped` octets behind that. */
static void section_end(struct header_scan *scan, enum header_end end, uint64_t skipped)
{
	scan->end = end;
	scan->section_octets = scan->line_at;
	scan->body_at = scan->line_at + skipped;
	if (scan->message_id_step != ID_DONE)
		scan->message_id_length = 0;
}

static void line_ended(struct header_scan *scan)
{
	scan->state = HEADER_STATE_LINE;
	scan->line_at = scan->octets + 1;
	scan->cr = false;
}

static void field_began(struct header_scan *scan)
{
	scan->kind = header_kind_of(view_of(scan->name, scan->name_length));
	/* Saturating: a section may be as large as its owner allows. */
	scan->fields += scan->fields < UINT32_MAX;
	scan->counts[scan->kind] += scan->counts[scan->kind] < UINT32_MAX;
	scan->state = HEADER_STATE_VALUE;
	scan->by_matched = 0;
	scan->by_counted = false;
	if (scan->counts[HEADER_TLS_REQUIRED] > 1)
		scan->tls_required_step = NO_WRONG;
}

static void no_octet(struct header_scan *scan, uint8_t octet)
{
	const bool is_blank_or_end = is_blank(octet) || octet == '\r' || octet == '\n';
	if (is_blank_or_end && scan->tls_required_step != NO_HALF)
		return;
	if (scan->tls_required_step == NO_BEFORE && octet_lower(octet) == 'n')
		scan->tls_required_step = NO_HALF;
	else if (scan->tls_required_step == NO_HALF && octet_lower(octet) == 'o')
		scan->tls_required_step = NO_WHOLE;
	else
		scan->tls_required_step = NO_WRONG;
}

static void id_octet(struct header_scan *scan, uint8_t octet)
{
	const bool folded = scan->message_id_step == ID_FOLD;
	scan->message_id_step = ID_INSIDE;
	if (octet == '\r' && !folded) {
		scan->message_id_step = ID_FOLD;
	} else if (octet == '>' && !folded) {
		scan->message_id_step = ID_DONE;
	} else if (folded != (octet == '\n') || (octet < 0x20 && octet != '\t' && octet != '\n') ||
		   octet == 0x7f || scan->message_id_length == HEADER_MESSAGE_ID_MAX) {
		scan->message_id_step = ID_DONE;
		scan->message_id_length = 0;
	} else if (octet != '\n') {
		scan->message_id[scan->message_id_length++] = octet;
	}
}

static bool is_space(uint8_t octet)
{
	return is_blank(octet) || octet == '\r' || octet == '\n';
}

/* The octet at `i` of " by HOST ", in which any white space stands for each space. */
static int by_octet(const struct header_scan *scan, size_t i)
{
	static const struct view before = VIEW(" by ");
	if (i < before.length)
		return before.at[i];
	i -= before.length;
	return i < scan->by.length ? octet_lower(scan->by.at[i]) : ' ';
}

static void received_octet(struct header_scan *scan, uint8_t octet)
{
	const uint8_t seen =
		is_space(octet) || octet == ';' || octet == '(' ? ' ' : octet_lower(octet);
	/* a run of white space is one */
	if (is_space(octet) && scan->by_matched && by_octet(scan, scan->by_matched - 1u) == ' ')
		return;
	if (seen == by_octet(scan, scan->by_matched))
		scan->by_matched++;
	else
		scan->by_matched = seen == ' ';
	if (scan->by_matched < scan->by.length + 5)
		return;
	scan->by_matched = 0;
	scan->received_by += !scan->by_counted;
	scan->by_counted = true;
}

static void at_value(struct header_scan *scan, uint8_t octet)
{
	if (scan->kind == HEADER_RECEIVED && scan->by.length)
		received_octet(scan, octet);
	const bool ends = scan->cr && octet == '\n';
	scan->cr = octet == '\r';
	if (scan->kind == HEADER_MESSAGE_ID && scan->message_id_step != ID_DONE) {
		if (scan->message_id_step != ID_BEFORE)
			id_octet(scan, octet);
		else if (octet == '<')
			scan->message_id_step = ID_INSIDE;
	}
	if (scan->kind == HEADER_TLS_REQUIRED)
		no_octet(scan, octet);
	if (ends)
		line_ended(scan);
}

static void at_line_start(struct header_scan *scan, uint8_t octet)
{
	/* What an unclosed "<" left open ends with its field. */
	if (!is_blank(octet) && scan->kind == HEADER_MESSAGE_ID &&
		scan->message_id_step != ID_DONE) {
		scan->message_id_step = ID_DONE;
		scan->message_id_length = 0;
	}
	if (is_blank(octet) && scan->fields > 0) {
		scan->state = HEADER_STATE_VALUE;
		at_value(scan, octet);
		return;
	}
	if (octet == '\r') {
		scan->cr = true;
		return;
	}
	if (!is_name_octet(octet)) {
		section_end(scan, HEADER_END_NO_FIELD, 0);
		return;
	}
	scan->state = HEADER_STATE_NAME;
	scan->name[0] = octet;
	scan->name_length = 1;
}

static void at_line(struct header_scan *scan, uint8_t octet)
{
	if (!scan->cr)
		at_line_start(scan, octet);
	else if (octet == '\n')
		section_end(scan, HEADER_END_EMPTY_LINE, 2);
	else
		section_end(scan, HEADER_END_NO_FIELD, 0);
}

static void at_name(struct header_scan *scan, uint8_t octet)
{
	if (octet == ':')
		field_began(scan);
	else if (is_blank(octet))
		scan->state = HEADER_STATE_NAME_TAIL;
	else if (!is_name_octet(octet) || scan->state == HEADER_STATE_NAME_TAIL)
		section_end(scan, HEADER_END_NO_FIELD, 0);
	else if (scan->name_length < HEADER_NAME_SEEN)
		scan->name[scan->name_length++] = octet;
}

static void octet_read(struct header_scan *scan, uint8_t octet)
{
	switch (scan->state) {
	case HEADER_STATE_LINE:
		at_line(scan, octet);
		return;
	case HEADER_STATE_NAME:
	case HEADER_STATE_NAME_TAIL:
		at_name(scan, octet);
		return;
	case HEADER_STATE_VALUE:
		at_value(scan, octet);
		return;
	}
}

size_t header_scan_feed(struct header_scan *scan, struct view chunk)
{
	size_t i = 0;
	while (i < chunk.length && scan->end == HEADER_END_NOT_YET) {
		if (scan->octets == scan->max_octets) {
			section_end(scan, HEADER_END_LARGE, 0);
			break;
		}
		octet_read(scan, chunk.at[i]);
		scan->has_8bit |= chunk.at[i] >= 0x80 && scan->end == HEADER_END_NOT_YET;
		scan->octets++;
		i++;
	}
	return i;
}

void header_scan_finish(struct header_scan *scan)
{
	if (scan->end != HEADER_END_NOT_YET)
		return;
	/* A line that breaks off in its name is no field; one that breaks off behind the colon is. */
	const bool in_name =
		scan->state == HEADER_STATE_NAME || scan->state == HEADER_STATE_NAME_TAIL;
	const bool lone_cr = scan->state == HEADER_STATE_LINE && scan->cr;
	if (in_name || lone_cr) {
		section_end(scan, HEADER_END_NO_FIELD, 0);
		return;
	}
	scan->line_at = scan->octets;
	section_end(scan, HEADER_END_CONTENT, 0);
}

bool header_scan_tls_not_required(const struct header_scan *scan)
{
	return scan->end != HEADER_END_NOT_YET && scan->tls_required_step == NO_WHOLE;
}

struct view header_scan_message_id(const struct header_scan *scan)
{
	return scan->message_id_step == ID_DONE ? view_of(scan->message_id, scan->message_id_length)
						: VIEW_NONE;
}

/* --- in memory ---------------------------------------------------------------------------- */

/* Octets of the line that starts `text`, with its CRLF; all of it when there is none. */
static size_t line_length(struct view text)
{
	const size_t at = view_search(text, VIEW("\r\n"));
	return at == VIEW_NOT_FOUND ? text.length : at + 2;
}

bool header_next(struct cursor *c, struct header_field *field_out)
{
	const struct view text = cursor_rest(c);
	struct cursor name = cursor_of(text);
	field_out->name = cursor_while(&name, is_name_octet);
	cursor_while(&name, is_blank);
	if (view_is_empty(field_out->name) || !cursor_skip(&name, ':'))
		return false;
	const size_t value_at = name.at;
	/* From behind the colon, so that a search never passes the colon's own line twice. */
	size_t end = value_at + line_length(cursor_rest(&name));
	while (is_blank(view_at(text, end)))
		end += line_length(view_from(text, end));
	field_out->whole = cursor_take(c, end);
	field_out->value = view_from(field_out->whole, value_at);
	if (view_ends(field_out->value, VIEW("\r\n")))
		field_out->value.length -= 2;
	return true;
}

bool header_find(struct view content, struct view name, struct header_field *field_out)
{
	struct cursor c = cursor_of(content);
	while (header_next(&c, field_out))
		if (view_equal_nocase(field_out->name, name))
			return true;
	*field_out = (struct header_field){VIEW_NONE, VIEW_NONE, VIEW_NONE};
	return false;
}

void header_unfold(struct buffer *b, struct view value)
{
	while (is_blank(view_at(value, 0)) || view_starts(value, VIEW("\r\n")))
		value = view_from(value, is_blank(value.at[0]) ? 1 : 2);
	while (is_blank(view_at(value, value.length - 1)) || view_ends(value, VIEW("\r\n")))
		value.length -= is_blank(value.at[value.length - 1]) ? 1 : 2;
	bool more = true;
	while (more) {
		const size_t at = view_search(value, VIEW("\r\n"));
		more = at != VIEW_NOT_FOUND;
		buffer_add(b, view_first(value, at));
		value = more ? view_from(value, at + 2) : VIEW_NONE;
	}
}
