#include "keepers/spool/spoold.h"

#include "base/text.h"
#include "mail/date.h"

/* The queue as `mailq` has shown it for forty years; all of it or one user's (selection.c). */

#define SIZE_COLUMNS 9u
#define RECIPIENT_COLUMN 28u

static void add_spaces(struct buffer *b, size_t count)
{
	while (count-- > 0)
		buffer_add_octet(b, ' ');
}

static void add_size(struct buffer *b, uint64_t octets)
{
	struct buffer digits = buffer_new(32);
	text_add(&digits, "{}", text_number(octets));
	if (digits.length < SIZE_COLUMNS)
		add_spaces(b, SIZE_COLUMNS - digits.length);
	buffer_add(b, buffer_view(&digits));
	buffer_free(&digits);
}

static void add_recipient(struct buffer *b, struct view path, struct view reason)
{
	if (reason.length)
		text_add(b, "    ({})\n", text_view(reason));
	add_spaces(b, RECIPIENT_COLUMN);
	text_add(b, "{}\n", text_view(path));
}

static void mailq_each(struct page *p, const struct spool_entry *entry, const struct envelope *e,
	const struct page_message *m)
{
	struct cursor reasons = cursor_of(buffer_view(&m->reasons));
	struct buffer *b = &p->out;
	text_add(b, "{}", text_hex(entry->id.value));
	add_size(b, entry->content_octets);
	buffer_add_octet(b, ' ');
	date_add(b, entry->arrival_s, 0);
	text_add(b, " {}\n",
		e->reverse_path.length ? text_view(e->reverse_path) : text_string("MAILER-DAEMON"));
	for (uint32_t i = 0; i < e->recipient_count; i++) {
		const struct spool_recipient *state = &entry->recipients[i];
		if (!spool_state_is_final((enum spool_state)state->state))
			add_recipient(b, e->recipients[i].forward_path,
				show_reason(p->spoold, &e->recipients[i], state, &reasons, i));
	}
	buffer_add_octet(b, '\n');
	p->changed++;
	p->octets += entry->content_octets;
}

static void mailq_end(struct page *p)
{
	struct buffer b = buffer_new(128);
	text_add(&b, "mails={}\noctets={}\n", text_number(p->changed), text_number(p->octets));
	program_output(p->spoold->program, p->stream, buffer_view(&b));
	buffer_free(&b);
}

const struct page_ops mailq_page = {.has_reasons = true, .each = mailq_each, .end = mailq_end};
