/*
 * When mail for other hosts is tried, and how much at once (F-14): the retry schedule of DESIGN §5. Pure:
 * the time is told, randomness is given at the beginning, nothing is sent from here.
 *
 * What may go now stands in the queue of its destination; what was put off by itself (a 4xx for this
 * recipient) waits until its own time. A destination that cannot be reached is left alone as a whole, and
 * then tried with one mail: a dead one costs one attempt a time, however much mail waits for it.
 *
 *	| destination | window               | moves on                                             |
 *	|-------------|----------------------|------------------------------------------------------|
 *	| unproven    | 1; all of them together have `unproven_max` | works: proven; fails: down     |
 *	| proven      | window_first … _max  | works: one more at once; is busy: half; fails: down  |
 *	| down        | 0 until its time, then 1 | works: proven; fails: down for twice as long     |
 *
 * A destination without mail is forgotten, unless it is down. Each recipient is in one place: in here, in
 * a work that was taken, or the owner's. 24 octets for one that waits, 16 for one that may go.
 */
#ifndef STORE_SCHEDULE_H
#define STORE_SCHEDULE_H

#include "base/bytes.h"
#include "mail/ids.h"

#define SCHEDULE_RECIPIENTS_MAX 100u /* of one transaction: RFC 5321 §4.5.3.1.8 */
#define SCHEDULE_REASON_MAX 200u

struct schedule_limits {
	uint32_t first_s; /* before the second attempt */
	uint32_t
		last_s; /* between later ones, at most: each waits twice as long as the one before */
	uint32_t window_first;
	uint32_t window_max; /* transactions with one destination at once */
	uint32_t unproven_max; /* transactions with destinations that were never heard of */
};
extern const struct schedule_limits schedule_limits_default;

struct schedule;
struct schedule_destination;

/* What the end of a transaction says of its destination. */
enum schedule_health {
	SCHEDULE_WORKS, /* it answered */
	SCHEDULE_BUSY, /* it is there, and wants less at once */
	SCHEDULE_FAILS, /* it cannot be reached, or serves nobody */
	SCHEDULE_SILENT, /* nothing was learned: the attempt was given up by us */
};

/* Recipients of one message with one destination. */
struct schedule_work {
	struct schedule_destination *destination;
	struct spool_id id;
	uint32_t recipients[SCHEDULE_RECIPIENTS_MAX];
	uint32_t count;
};

struct schedule *schedule_new(const struct schedule_limits *limits, uint64_t random);
/* Its works must have been ended. */
void schedule_free(struct schedule **s);
void schedule_set_limits(struct schedule *s, const struct schedule_limits *limits);

/* The recipient may go at `due_s`, or at once if that is past. Times are seconds of a monotonic clock. */
void schedule_add(struct schedule *s, struct view destination, struct spool_id id,
	uint32_t recipient, uint32_t due_s, uint32_t now_s);
/* A new mail that need not queue: true when nothing of that destination waits for its turn and it may go
 * now. It counts as a work that was taken, and `destination_out` is its destination. */
must_use bool schedule_pass(struct schedule *s, struct view destination, uint32_t now_s,
	struct schedule_destination **destination_out);
/* The next work; false when nothing may go now. Destinations take turns. */
must_use bool schedule_take(struct schedule *s, uint32_t now_s, struct schedule_work *work_out);
/* A work that was taken has ended. Its recipients are the owner's, or were added again. `reason` is kept
 * when it fails. */
void schedule_end(struct schedule *s, struct schedule_destination *destination,
	enum schedule_health health, struct view reason, uint32_t now_s);
/* Recipients of a work go back in front, in their order: it was never tried. Before schedule_end. */
void schedule_put_back(struct schedule *s, const struct schedule_work *work);
/* When schedule_take may find something that it does not find now; UINT32_MAX: never. */
uint32_t schedule_due_s(const struct schedule *s);
/* How long a recipient waits after its attempt number `attempts` (1…), with jitter. */
uint32_t schedule_delay_s(struct schedule *s, uint32_t attempts);
/* All that waits for that destination (empty: for any) may go now. */
void schedule_hurry(struct schedule *s, struct view destination, uint32_t now_s);

/* --- looking -------------------------------------------------------------------------------- */

struct schedule_facts {
	uint32_t ready; /* recipients */
	uint32_t active; /* transactions */
	uint32_t window;
	uint32_t failures; /* in a row */
	uint32_t down_until_s; /* 0: it is not down */
	struct view reason; /* of the last failure, while it is down */
};
/* False when nothing is known of it. */
must_use bool schedule_look(
	const struct schedule *s, struct view destination, struct schedule_facts *facts_out);
struct view schedule_name(const struct schedule_destination *destination);
uint64_t schedule_count(const struct schedule *s); /* recipients in here */
uint32_t schedule_destinations(const struct schedule *s);
uint32_t schedule_down(const struct schedule *s); /* destinations that are down */

#endif
