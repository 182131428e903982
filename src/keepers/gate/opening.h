/* An open address, as a row of the gate says it (mail/gate_open.h): facts are `by=WHAT since=UNIX_SECONDS`. Pure. */
#ifndef KEEPERS_GATE_OPENING_H
#define KEEPERS_GATE_OPENING_H

#include "mail/gate_open.h"
#include "store/gate_table.h"

struct opening {
	struct ip address;
	struct view user; /* empty: not known */
	struct view tail; /* empty: a session that is over */
	struct view by; /* "pop3", "hand", …; empty: not said */
	uint64_t since_s; /* wall clock; 0: not said */
	uint64_t left_ms;
};

/* False for a row of another kind. */
must_use bool opening_read(const struct gate_row *row, struct opening *opening_out);
/* A line for people, or an object of JSON. `wall_ms` is now. */
void opening_add_line(struct buffer *b, const struct opening *o, int64_t wall_ms);
void opening_add_json(struct buffer *b, const struct opening *o, int64_t wall_ms);

#endif
