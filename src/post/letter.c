#include "post/letter.h"

#include "base/text.h"
#include "mail/address_list.h"
#include "mail/date.h"
#include "mail/encoded_word.h"
#include "mail/header.h"

const char *letter_problem_text(enum letter_problem problem)
{
	switch (problem) {
	case LETTER_OK:
		return "fine";
	case LETTER_LARGE:
		return "the header of the mail is too long";
	case LETTER_FIELD:
		return "a field with recipients cannot be read";
	case LETTER_ADDRESS:
		return "this is no address";
	case LETTER_MANY:
		return "the mail has too many recipients";
	case LETTER_MEMORY:
		return "there is no memory left for the mail";
	}
	return "unknown";
}

/* --- addresses ---------------------------------------------------------------------------- */

/* An address of this machine that does not say so in the server's name. */
static bool is_of_machine(const struct address *address, const struct letter_names *names)
{
	const struct view domain = address->domain.name;
	return view_equal(domain, VIEW("localhost")) ||
	       (names->host.length && view_equal_nocase(domain, names->host));
}

struct view letter_complete(struct view text, const struct letter_names *names, struct arena *a)
{
	struct buffer b = buffer_new(ADDRESS_LOCAL_MAX + ADDRESS_DOMAIN_MAX + 1);
	struct address address;
	struct view whole = VIEW_NONE;
	const enum address_problem problem = address_parse(text, true, a, &address);
	if (problem == ADDRESS_NO_DOMAIN)
		text_add(&b, "{}@{}", text_raw(text), text_raw(names->server));
	else if (problem == ADDRESS_OK && is_of_machine(&address, names))
		text_add(&b, "{}@{}", text_raw(address.local_part), text_raw(names->server));
	else
		buffer_add(&b, text);
	const bool ok = !buffer_failed(&b) && arena_copy(a, buffer_view(&b), &whole) &&
			address_parse(whole, true, a, &address) == ADDRESS_OK;
	buffer_free(&b);
	return ok ? whole : VIEW_NONE;
}

static bool has(const struct letter_recipients *to, struct view path)
{
	for (uint32_t i = 0; i < to->count; i++)
		if (view_equal(to->list[i], path))
			return true;
	return false;
}

static enum letter_problem add_recipient(struct letter_recipients *to, struct view text,
	const struct letter_names *names, struct arena *a)
{
	const struct view path = letter_complete(text, names, a);
	if (!path.length) {
		to->wrong = text;
		return a->used < a->max / 2 ? LETTER_ADDRESS : LETTER_MEMORY;
	}
	if (has(to, path))
		return LETTER_OK;
	if (to->count == LETTER_RECIPIENTS_MAX)
		return LETTER_MANY;
	to->is_utf8 |= !view_is_ascii(path);
	to->list[to->count++] = path;
	return LETTER_OK;
}

enum letter_problem letter_add_recipients(struct letter_recipients *to, struct view list,
	const struct letter_names *names, struct arena *a)
{
	struct address_list l = address_list_of(list);
	struct view text;
	enum letter_problem problem = LETTER_OK;
	while (problem == LETTER_OK && address_list_next(&l, &text))
		problem = add_recipient(to, text, names, a);
	if (problem == LETTER_OK && !address_list_is_good(&l)) {
		to->wrong = list;
		problem = LETTER_FIELD;
	}
	return problem;
}

/* --- fields ------------------------------------------------------------------------------- */

enum use {
	USE_COPY,
	USE_COMPLETE, /* addresses that may lack their domain */
	USE_TO, /* the same, of recipients */
	USE_BCC, /* recipients nobody shall see */
	USE_DROP, /* what no mail carries along */
};

struct field_row {
	struct view name;
	enum use use;
	bool is_resent;
};

static const struct field_row rows[] = {
	{VIEW("From"), USE_COMPLETE, false},
	{VIEW("Sender"), USE_COMPLETE, false},
	{VIEW("Reply-To"), USE_COMPLETE, false},
	{VIEW("To"), USE_TO, false},
	{VIEW("Cc"), USE_TO, false},
	{VIEW("Bcc"), USE_BCC, false},
	{VIEW("Resent-From"), USE_COMPLETE, true},
	{VIEW("Resent-Sender"), USE_COMPLETE, true},
	{VIEW("Resent-To"), USE_TO, true},
	{VIEW("Resent-Cc"), USE_TO, true},
	{VIEW("Resent-Bcc"), USE_BCC, true},
	{VIEW("Return-Path"), USE_DROP, false},
	{VIEW("Content-Length"), USE_DROP, false},
};

static const struct field_row *row_of(struct view name)
{
	static const struct field_row other = {.use = USE_COPY};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (view_equal_nocase(name, rows[i].name))
			return &rows[i];
	return &other;
}

static bool names_recipients(const struct field_row *row)
{
	return row->use == USE_TO || row->use == USE_BCC;
}

static bool is_resent(struct view section)
{
	struct cursor c = cursor_of(section);
	struct header_field field;
	while (header_next(&c, &field))
		if (row_of(field.name)->is_resent && names_recipients(row_of(field.name)))
			return true;
	return false;
}

/* A field that cannot be read stays as it is. */
static void write_complete(const struct header_field *field, const struct letter_names *names,
	struct arena *a, struct buffer *out)
{
	const struct view value = field->value;
	struct buffer anew = buffer_new(out->max);
	struct address_list l = address_list_of(value);
	struct view text;
	size_t done = 0;
	while (address_list_next(&l, &text)) {
		const size_t start = (size_t)(text.at - value.at);
		const struct view whole = letter_complete(text, names, a);
		buffer_add(&anew, view_part(value, done, start - done));
		buffer_add(&anew, whole.length ? whole : text);
		done = start + text.length;
	}
	buffer_add(&anew, view_from(value, done));
	if (address_list_is_good(&l) && !buffer_failed(&anew))
		text_add(out, "{}:{}\r\n", text_raw(field->name), text_raw(buffer_view(&anew)));
	else
		buffer_add(out, field->whole);
	buffer_free(&anew);
}

static void write_field(const struct header_field *field, const struct field_row *row,
	const struct letter_names *names, struct arena *a, struct buffer *out)
{
	switch (row->use) {
	case USE_COPY:
		buffer_add(out, field->whole);
		return;
	case USE_COMPLETE:
	case USE_TO:
		write_complete(field, names, a, out);
		return;
	case USE_BCC:
	case USE_DROP:
		return;
	}
}

/* --- what is missing ---------------------------------------------------------------------- */

/* A display name (RFC 5322 §3.2.5): in quotes, or as encoded words. */
static void add_name(struct buffer *out, struct view name)
{
	if (!view_is_ascii(name)) {
		size_t column = sizeof "From: " - 1;
		encoded_word_add(out, &column, name);
		return;
	}
	buffer_add_octet(out, '"');
	for (size_t i = 0; i < name.length; i++) {
		if (name.at[i] == '"' || name.at[i] == '\\')
			buffer_add_octet(out, '\\');
		buffer_add_octet(out, name.at[i] < 0x20 || name.at[i] == 0x7f ? ' ' : name.at[i]);
	}
	buffer_add_octet(out, '"');
}

static void add_from(struct buffer *out, const struct letter_seed *seed)
{
	const bool is_named = seed->full_name.length && view_is_utf8(seed->full_name);
	buffer_add(out, VIEW("From: "));
	if (is_named)
		add_name(out, seed->full_name);
	text_add(out, is_named ? " <{}>\r\n" : "{}\r\n", text_raw(seed->sender));
}

static bool lacks(struct view section, struct view name)
{
	struct header_field field;
	return !header_find(section, name, &field);
}

static void add_missing(struct view section, const struct letter_seed *seed, struct buffer *out)
{
	if (lacks(section, VIEW("From")))
		add_from(out, seed);
	if (lacks(section, VIEW("Date"))) {
		buffer_add(out, VIEW("Date: "));
		date_add(out, seed->time_s, seed->offset_minutes);
		buffer_add(out, VIEW("\r\n"));
	}
	if (lacks(section, VIEW("Message-ID"))) {
		buffer_add(out, VIEW("Message-ID: "));
		message_id_add(out, &seed->message_id, (struct domain){seed->names.server});
		buffer_add(out, VIEW("\r\n"));
	}
}

/* --- the section -------------------------------------------------------------------------- */

size_t letter_section(struct view content)
{
	struct cursor c = cursor_of(content);
	struct header_field field;
	while (header_next(&c, &field))
		;
	return c.at;
}

enum letter_problem letter_write(struct view section, const struct letter_seed *seed,
	struct letter_recipients *to, struct arena *a, struct buffer *out)
{
	const bool resent = is_resent(section);
	enum letter_problem problem = LETTER_OK;
	struct cursor c = cursor_of(section);
	struct header_field field;
	if (section.length > LETTER_SECTION_MAX)
		return LETTER_LARGE;
	add_missing(section, seed, out);
	while (problem == LETTER_OK && header_next(&c, &field)) {
		const struct field_row *row = row_of(field.name);
		if (to && names_recipients(row) && row->is_resent == resent)
			problem = letter_add_recipients(to, field.value, &seed->names, a);
		write_field(&field, row, &seed->names, a, out);
	}
	buffer_add(out, VIEW("\r\n"));
	if (problem == LETTER_OK && buffer_failed(out))
		problem = LETTER_MEMORY;
	return problem;
}
