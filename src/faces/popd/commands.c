#include "faces/popd/popd.h"

static void say_status(struct popd *d, uint32_t stream)
{
	struct buffer b = buffer_new(4096);
	const struct popd_counts *n = &d->counts;
	uint32_t logged_in = 0;
	for (const struct place *p = places_first(&d->room.places); p;
		p = places_after(&d->room.places, p))
		logged_in += pop3_server_is_logged_in(((const struct session *)p->owner)->pop3);
	text_add(&b, "worker={}\nsessions={}\nlogged_in={}\nsessions_all={}\nlogins={}\n",
		text_number(d->program->worker), text_number(d->room.sessions),
		text_number(logged_in), text_number(n->sessions), text_number(n->logins));
	text_add(&b, "logins_refused={}\nturned_away={}\nretrieved={}\nremoved={}\n",
		text_number(n->refused), text_number(n->turned_away), text_number(n->retrieved),
		text_number(n->removed));
	program_output(d->program, stream, buffer_view(&b));
	buffer_free(&b);
	program_done(d->program, stream, 0);
}

void popd_command(struct program *p, uint32_t stream, struct view words)
{
	if (view_equal(program_word(words, 0), VIEW("status")))
		say_status(p->state, stream);
	else
		program_done(p, stream, 64);
}
