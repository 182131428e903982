#include "faces/smtpd/smtpd.h"

static void say_status(struct program *p, uint32_t stream)
{
	struct smtpd *d = p->state ? p->state : NULL;
	(void)d;
	(void)stream;
}

void smtpd_command(struct program *p, uint32_t stream, struct view words)
{
	if (view_equal(program_word(words, 0), VIEW("status")))
		say_status(p, stream);
	program_done(p, stream, 0);
}
