/*
 * popKey in the world (N-20 … N-27): users fetch their mail, and hosts of strangers send as them, before, during and after
 * it, from the same addresses. auth, gate and smtpd are real; in the place of popd and mailbox stand actors who say
 * what those say to auth (actor_popd.c). What a host is told at RCPT is judged by what must be so on scripted time
 * (judge_gate.c).
 */
#ifndef TESTS_POPKEY_H
#define TESTS_POPKEY_H

#include "base/bytes.h"
#include "channels/peers.h"

#define POPS_MAX 12
#define TRIES_MAX 48
#define POP_AFTER_S 10u /* the setting popkey of this world */
#define POP_SESSION_S 300u

struct world;

enum pop_state { POP_WAITING, POP_ASKING, POP_OPEN, POP_OVER };

/* A session of POP3. Times in ms are of the script's monotonic clock, as the gate counts them. */
struct pop {
	unsigned user;
	unsigned client; /* which address */
	enum pop_state state;
	uint64_t due_us; /* of the login, then of the end */
	uint64_t lasts_us;
	uint32_t stream;

	/* What the judge knows. Of the session's row, and of the row that its end leaves behind, the last moment in which
	 * each may be open; and from when to when one of them surely is. */
	uint64_t asked_ms;
	uint64_t session_ends_ms; /* by its clock */
	uint64_t session_may_ms;
	uint64_t after_may_ms;
	uint64_t sure_from_ms;
	uint64_t sure_until_ms; /* 0: not at all */
	uint64_t ended_ms;
	unsigned deaths; /* in the world when it was asked, or ended */
	bool has_opening; /* auth holds it */
	bool is_unsettled; /* what was said of it last may be on its way */
	bool is_lost; /* whether it was ever opened nobody knows */
	bool is_closed; /* the session's row is, unless the gate forgets that */
};

enum try_state { TRY_WAITING, TRY_SENDING, TRY_OVER };

/* A host that sends to another one, as a user or as somebody whom it takes for one. */
struct
try {
	unsigned user;
	unsigned client;
	enum try_state state;
	uint64_t due_us;
	uint64_t said_ms; /* RCPT, at the earliest */
};

struct popkey_world {
	struct pop pops[POPS_MAX];
	unsigned pop_count;
	struct try tries[TRIES_MAX];
	unsigned try_count;
	uint32_t streams;
	unsigned deaths; /* of auth, gate, mailbox, popd */
	unsigned judged[3]; /* RCPT: had to be refused, had to be let through, either */
};

enum popkey_plant {
	POPKEY_PLANT_NONE,
	POPKEY_PLANT_LATE, /* the gate is open a tick too long */
	POPKEY_PLANT_EARLY, /* a tick too short */
	POPKEY_PLANT_UNHEARD, /* nobody hears of a session's end */
	POPKEY_PLANT_NEIGHBOUR, /* it is opened for another address */
};

void popkey_plan(struct world *w);
bool popkey_is_done(const struct world *w);
struct try *popkey_due_try(struct world *w);
uint64_t popkey_due_us(const struct world *w);

/* --- judge_gate.c ---------------------------------------------------------------------------- */

void judge_pop_asked(struct world *w, struct pop *p);
void judge_pop_opened(struct world *w, struct pop *p);
/* It came to nothing, or nobody knows to what. */
void judge_pop_lost(struct world *w, struct pop *p);
/* It ends, and auth hears of it. */
void judge_pop_ended(struct world *w, struct pop *p);
void judge_death(struct world *w, enum program_id id);
/* The gate has only what its store kept. */
void judge_gate_forgets(struct world *w);
/* Nothing is on its way anywhere. */
void judge_stillness(struct world *w);
void judge_rcpt(struct world *w, const struct try *t, unsigned code);

#endif
