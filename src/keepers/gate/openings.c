#include "keepers/gate/gated.h"

#include "base/log.h"
#include "keepers/gate/opening.h"

/* One line for each opening and for its end. A session that is over has opened its address once more, for a shorter
 * time: so a login is two openings, each with its own end. */

static void log_opening(const char *event, const struct opening *o, struct fact extra)
{
	struct buffer address = buffer_new(IP_TEXT_MAX);
	ip_add(&address, &o->address);
	log_info(event, fact_view("address", buffer_view(&address)), fact_view("user", o->user),
		fact_view("session", o->tail), fact_view("by", o->by), extra);
	buffer_free(&address);
}

void openings_written(const struct gate_row *row)
{
	struct opening o;
	if (opening_read(row, &o))
		log_opening("gate opened", &o, fact_number("for_ms", row->left_ms));
}

void openings_removed(const struct gate_row *row, enum gate_end why)
{
	struct opening o;
	if (opening_read(row, &o))
		log_opening("gate closed", &o,
			fact_text("why", why == GATE_END_EXPIRED ? "its time is over" : "closed"));
}
