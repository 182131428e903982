#include "keepers/mailbox/mailboxd.h"

static void say_status(struct mailboxd *d, uint32_t stream)
{
	struct buffer b = buffer_new(4096);
	const struct workers_counts jobs = workers_count(d->pool);
	const struct mailboxd_counts *n = &d->counts;
	uint32_t grants = 0;
	for (size_t i = 0; i < POPD_WORKERS_MAX; i++)
		grants += streams_count(&d->popds[i].grants);
	text_add(&b, "open={}\ngrants={}\nlisted_octets={}\njobs_waiting={}\njobs_running={}\n",
		text_number(d->visit_count), text_number(grants), text_number(d->listed_octets),
		text_number(jobs.waiting), text_number(jobs.running));
	text_add(&b, "opened={}\nrefused={}\nfetched={}\ngone={}\nremoved={}\nnot_removed={}\n",
		text_number(n->opened), text_number(n->refused), text_number(n->fetched),
		text_number(n->gone), text_number(n->removed), text_number(n->not_removed));
	program_output(d->program, stream, buffer_view(&b));
	buffer_free(&b);
	program_done(d->program, stream, 0);
}

void mailboxd_command(struct program *p, uint32_t stream, struct view words)
{
	if (view_equal(program_word(words, 0), VIEW("status")))
		say_status(p->state, stream);
	else
		program_done(p, stream, 64);
}
