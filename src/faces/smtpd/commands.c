#include "faces/smtpd/smtpd.h"

static void say_status(struct smtpd *d, uint32_t stream)
{
	struct buffer b = buffer_new(1024);
	text_add(&b,
		"sessions={}\nsessions_all_workers={}\nsessions_busy={}\nsessions_slow={}\n"
		"memory={}\nsessions_since_start={}\nmails={}\nrefused={}\ngeneration={}\n",
		text_number(d->room.sessions), text_number(census_total(d->room.census)),
		text_number(places_count(&d->room.places, PLACE_BUSY)),
		text_number(places_count(&d->room.places, PLACE_SLOW)), text_number(d->memory),
		text_number(d->counts.sessions), text_number(d->counts.mails),
		text_number(d->counts.refused), text_number(d->generation->snapshot->generation));
	program_output(d->program, stream, buffer_view(&b));
	buffer_free(&b);
	program_done(d->program, stream, 0);
}

void smtpd_command(struct program *p, uint32_t stream, struct view words)
{
	struct smtpd *d = p->state;
	if (view_equal(program_word(words, 0), VIEW("status")))
		say_status(d, stream);
	else
		program_done(p, stream, 64);
}
