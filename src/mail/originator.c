#include "mail/originator.h"

#include "mail/date.h"

/* --- holding back ------------------------------------------------------------------------- */

void originator_start(struct originator *o, size_t max_octets, size_t more_octets)
{
	*o = (struct originator){.held = buffer_new(max_octets + more_octets)};
	header_scan_start(&o->scan, max_octets);
}

void originator_free(struct originator *o)
{
	buffer_free(&o->held);
}

bool originator_is_whole(const struct originator *o)
{
	return o->scan.end != HEADER_END_NOT_YET;
}

bool originator_take(struct originator *o, struct buffer *content)
{
	if (originator_is_whole(o))
		return true;
	header_scan_feed(&o->scan, buffer_view(content));
	buffer_add(&o->held, buffer_view(content));
	buffer_clear(content);
	return originator_is_whole(o);
}

void originator_finish(struct originator *o)
{
	header_scan_finish(&o->scan);
}

/* --- looking ------------------------------------------------------------------------------ */

const char *originator_problem_text(enum originator_problem problem)
{
	switch (problem) {
	case ORIGINATOR_OK:
		return "fine";
	case ORIGINATOR_LARGE:
		return "The header of the mail is too long";
	case ORIGINATOR_NO_FIELD:
		return "The mail does not begin with a header: one of its lines is no field";
	case ORIGINATOR_NO_FROM:
		return "The mail has no From field, which says who wrote it";
	case ORIGINATOR_FROM:
		return "The From field of the mail cannot be read: it wants an address, such as "
		       "Hana "
		       "<hana@example.org>";
	case ORIGINATOR_SENDER:
		return "The Sender field of the mail cannot be read: it wants one address";
	case ORIGINATOR_DOUBLE_FROM:
		return "The mail has more than one From field";
	case ORIGINATOR_DOUBLE_SENDER:
		return "The mail has more than one Sender field";
	case ORIGINATOR_DOUBLE_DATE:
		return "The mail has more than one Date field";
	case ORIGINATOR_DOUBLE_MESSAGE_ID:
		return "The mail has more than one Message-ID field";
	case ORIGINATOR_MEMORY:
		return "There is no memory left for this mail; please try again later";
	}
	return "unknown";
}

const char *originator_problem_name(enum originator_problem problem)
{
	switch (problem) {
	case ORIGINATOR_OK:
		return "accepted";
	case ORIGINATOR_LARGE:
		return "header-size";
	case ORIGINATOR_NO_FIELD:
		return "header-no-field";
	case ORIGINATOR_NO_FROM:
		return "no-from";
	case ORIGINATOR_FROM:
		return "from-syntax";
	case ORIGINATOR_SENDER:
		return "sender-syntax";
	case ORIGINATOR_DOUBLE_FROM:
		return "double-from";
	case ORIGINATOR_DOUBLE_SENDER:
		return "double-sender";
	case ORIGINATOR_DOUBLE_DATE:
		return "double-date";
	case ORIGINATOR_DOUBLE_MESSAGE_ID:
		return "double-message-id";
	case ORIGINATOR_MEMORY:
		return "memory";
	}
	return "unknown";
}

static bool is_memory_left(const struct arena *a)
{
	return a->used < a->max / 2;
}

static enum originator_problem take_from(
	struct view value, struct arena *a, struct originator_fields *fields)
{
	if (mailboxes_parse(value, a, &fields->from))
		return ORIGINATOR_OK;
	return is_memory_left(a) ? ORIGINATOR_FROM : ORIGINATOR_MEMORY;
}

static enum originator_problem take_sender(
	struct view value, struct arena *a, struct originator_fields *fields)
{
	struct mailboxes sender;
	if (mailboxes_parse(value, a, &sender) && sender.count == 1) {
		fields->has_sender = true;
		fields->sender = sender.list[0];
		return ORIGINATOR_OK;
	}
	return is_memory_left(a) ? ORIGINATOR_SENDER : ORIGINATOR_MEMORY;
}

static enum originator_problem take_field(
	const struct header_field *field, struct arena *a, struct originator_fields *fields)
{
	if (view_equal_nocase(field->name, VIEW("From")))
		return fields->from.count ? ORIGINATOR_DOUBLE_FROM
					  : take_from(field->value, a, fields);
	if (view_equal_nocase(field->name, VIEW("Sender")))
		return fields->has_sender ? ORIGINATOR_DOUBLE_SENDER
					  : take_sender(field->value, a, fields);
	if (view_equal_nocase(field->name, VIEW("Date"))) {
		if (fields->has_date)
			return ORIGINATOR_DOUBLE_DATE;
		fields->has_date = true;
	}
	if (view_equal_nocase(field->name, VIEW("Message-ID"))) {
		if (fields->has_message_id)
			return ORIGINATOR_DOUBLE_MESSAGE_ID;
		fields->has_message_id = true;
	}
	return ORIGINATOR_OK;
}

static enum originator_problem section_problem(const struct originator *o)
{
	if (buffer_failed(&o->held))
		return ORIGINATOR_MEMORY;
	if (o->scan.end == HEADER_END_LARGE)
		return ORIGINATOR_LARGE;
	return o->scan.end == HEADER_END_NO_FIELD ? ORIGINATOR_NO_FIELD : ORIGINATOR_OK;
}

enum originator_problem originator_look(
	const struct originator *o, struct arena *a, struct originator_fields *fields)
{
	*fields = (struct originator_fields){.has_sender = false};
	must(originator_is_whole(o));
	enum originator_problem problem = section_problem(o);
	if (problem != ORIGINATOR_OK)
		return problem;
	struct cursor c =
		cursor_of(view_first(buffer_view(&o->held), (size_t)o->scan.section_octets));
	struct header_field field;
	while (problem == ORIGINATOR_OK && header_next(&c, &field))
		problem = take_field(&field, a, fields);
	if (problem == ORIGINATOR_OK && fields->from.count == 0)
		problem = ORIGINATOR_NO_FROM;
	return problem;
}

/* --- completing --------------------------------------------------------------------------- */

void originator_add_missing(struct buffer *b, const struct originator_fields *fields,
	const struct originator_seed *seed)
{
	if (fields->from.count > 1 && !fields->has_sender) { /* RFC 5322 §3.6.2 */
		buffer_add(b, VIEW("Sender: "));
		address_add(b, seed->sender);
		buffer_add(b, VIEW("\r\n"));
	}
	if (!fields->has_date) {
		buffer_add(b, VIEW("Date: "));
		date_add(b, seed->time_s, 0);
		buffer_add(b, VIEW("\r\n"));
	}
	if (!fields->has_message_id) {
		buffer_add(b, VIEW("Message-ID: "));
		message_id_add(b, &seed->message_id, seed->server);
		buffer_add(b, VIEW("\r\n"));
	}
}
