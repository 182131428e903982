#include "keepers/spool/spoold.h"

#include "base/text.h"

/* --- status ------------------------------------------------------------------------------- */

static uint32_t count_trouble(const struct spoold *d)
{
	uint32_t n = 0;
	for (size_t i = 0; i < LANE_SLOTS; i++)
		for (const struct lane *lane = d->lanes[i]; lane; lane = lane->chain)
			n += lane->in_trouble;
	return n;
}

static void say_status(struct spoold *d, uint32_t stream)
{
	struct spool_status s;
	struct buffer b = buffer_new(4096);
	spool_status(d->spool, &s);
	text_add(&b, "messages={}\nrecipients={}\noctets={}\nsegments={}\nsegments_ready={}\n",
		text_number(s.messages), text_number(s.recipients), text_number(s.octets),
		text_number(s.segments), text_number(s.segments_ready));
	text_add(&b, "segments_abandoned={}\nsegments_corrupt={}\nbatches={}\nfailures={}\n",
		text_number(s.segments_abandoned), text_number(s.segments_corrupt),
		text_number(s.batches), text_number(s.failures));
	text_add(&b, "mailboxes_in_trouble={}\ndestinations={}\ndestinations_in_trouble={}\n",
		text_number(count_trouble(d)), text_number(schedule_destinations(d->schedule)),
		text_number(schedule_down(d->schedule)));
	text_add(&b, "last_error={}\nrefusing={}\nfree_octets={}\n",
		text_string(error_name(s.last_error)), text_number(s.messages_refused),
		text_number(d->free_octets));
	program_output(d->program, stream, buffer_view(&b));
	buffer_free(&b);
	program_done(d->program, stream, 0);
}

/* Whether nothing but a domain is asked for, or all. */
static bool is_wide(struct view selection, struct view *domain_out)
{
	struct selection s;
	const bool ok = selection_read(selection, &s);
	*domain_out = s.domain;
	return ok && !s.id.value && !s.after.value && !s.has_sender && !s.recipient.length;
}

static void queue(struct spoold *d, uint32_t stream, struct view words)
{
	struct view verb, selection, domain;
	view_split(words, 0, &verb, &selection); /* "queue" */
	view_split(selection, 0, &verb, &selection);
	if (view_equal(verb, VIEW("list")) || view_equal(verb, VIEW("json")))
		page_begin(d, stream, words, &show_page);
	else if (view_equal(verb, VIEW("mailq")))
		page_begin(d, stream, words, &mailq_page);
	else if (view_equal(verb, VIEW("retry")) && is_wide(selection, &domain))
		changes_retry(d, stream, domain);
	else if (changes_has(verb))
		page_begin(d, stream, words, &change_page);
	else
		program_done(d->program, stream, 64);
}

void spoold_command(struct program *p, uint32_t stream, struct view words)
{
	struct spoold *d = p->draining ? NULL : p->state;
	const struct view verb = program_word(words, 0);
	if (d && view_equal(verb, VIEW("queue")))
		queue(d, stream, words);
	else if (d && view_equal(verb, VIEW("status")))
		say_status(d, stream);
	else
		program_done(p, stream, 64);
}
