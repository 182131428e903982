/*
 * What the parent and the programs say about themselves, read: the lines of `programs` (name, state,
 * process id, restarts, times broken, seconds; tabs between) and the `key=value` words of each program's `status`.
 * Pure.
 */
#ifndef TOOLS_SEKISHO_STATUS_H
#define TOOLS_SEKISHO_STATUS_H

#include "base/text.h"

struct status_program {
	struct view name; /* "smtpd", or "smtpd.1" for a worker */
	struct view state;
	uint64_t pid; /* 0: none */
	uint64_t restarts;
	uint64_t broken; /* of them: times that the parent ended it for what it had said */
	uint64_t seconds; /* since it started */
};

/* Reads the first line of *text and drops it from there; false when that line is none. */
must_use bool status_take_program(struct view *text, struct status_program *program_out);
/* "smtpd.1" → "smtpd". */
struct view status_program_of(struct view name);
/* "5 s", "12 min", "3 h 20 min", "2 d 4 h". */
void status_add_age(struct buffer *b, uint64_t seconds);

#define STATUS_PAIRS_MAX 64u
struct status_pair {
	struct view key;
	struct view word; /* when it is no number */
	uint64_t number;
	bool is_number;
};
struct status_pairs {
	struct status_pair pairs[STATUS_PAIRS_MAX];
	unsigned count;
};

/* Words of the text, which is kept, in their order; what is no key=value is passed over, as is what
 * comes past STATUS_PAIRS_MAX. A key that comes again is another worker's: numbers are added; of
 * generation= the lowest counts, of what ends in _all_workers= the highest, of words the last.
 * worker= says nothing here. */
void status_read_pairs(struct view text, struct status_pairs *pairs_out);
void status_add_pairs(struct buffer *b, const struct status_pairs *pairs);
/* {"key":1,"key":"word"} */
void status_add_pairs_json(struct buffer *b, const struct status_pairs *pairs);

#endif
