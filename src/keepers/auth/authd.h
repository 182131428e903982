/*
 * The shell of auth: the faces' exchanges, the pool of threads for costly hashes, the gate's memory of
 * guesses, the grants at mailbox, and the gate that POP3 logins open.
 *
 * An exchange goes through these phases; arrows back are for SCRAM's second response:
 *
 *	THINKING   the gate is asked about address and name, once the name is known
 *	HASHING    PLAIN, LOGIN: a thread checks the password
 *	DELAYED    the answer is known and comes later
 *	WAITING    it is the client's turn
 *	GRANTING   right, and POP: mailbox notes who the session is
 *	OPENING    the same: the gate opens for its address (popkey). The client is answered behind it, so that who
 *		   fetches and sends at once finds it open; but he waits only a moment
 *	EXPIRED    took too long while it was the client's turn: the next word of the face is answered
 *		   TEMPORARY (the face may be saying it just now, so it must find the stream open)
 *
 * What decides is written in one log line: who, from where, how, and why not. A guess that was
 * decided is counted also when the client has gone meanwhile.
 */
#ifndef KEEPERS_AUTH_AUTHD_H
#define KEEPERS_AUTH_AUTHD_H

#include "base/workers.h"
#include "channels/auth_mailbox.h"
#include "channels/face_auth.h"
#include "channels/gate_client.h"
#include "channels/peers.h"
#include "keepers/auth/accounts.h"
#include "keepers/auth/guess.h"

#define AUTH_FACES_MAX 32
#define AUTH_GRANTS_MAX 65536u /* of one popd */
#define AUTH_HASH_THREADS 2
#define AUTH_HASH_QUEUE 64
#define AUTH_HASH_SHARE 32 /* of one program: a face that was broken into lies about addresses */
#define AUTH_STEPS_MAX 4

/* Times are of the monotonic clock. */
struct authd_limits {
	uint32_t exchanges_max; /* of one face */
	uint32_t hashes_per_address; /* waiting or running */
	uint64_t exchange_ms; /* until it is decided */
	uint64_t gate_ms; /* for the gate's answers */
	uint64_t grant_ms; /* for mailbox's */
	uint64_t opening_ms; /* for the gate's, when a login is right and opens it */
	uint64_t session_ms; /* a session that was longer opens nothing at its end */
};
extern const struct authd_limits authd_limits_default;

enum exchange_phase {
	EXCHANGE_THINKING,
	EXCHANGE_HASHING,
	EXCHANGE_DELAYED,
	EXCHANGE_WAITING,
	EXCHANGE_GRANTING,
	EXCHANGE_OPENING,
	EXCHANGE_EXPIRED,
};

struct authd;

struct auth_face {
	struct authd *authd;
	enum program_id id;
	uint32_t worker;
	struct channel *channel;
	struct streams exchanges;
	struct streams grants;
};

/* "Session `stream` of popd worker `worker` is somebody", said to mailbox. */
struct grant {
	uint32_t outstanding; /* GIVEs not yet answered by GIVEN */
	bool held; /* not taken back */
	struct opening *opening; /* null: it did not open the gate */
	struct exchange *waiting;
};

enum { LOOK_ADDRESS, LOOK_NAME, LOOK_KNOWN, LOOKS };

struct exchange {
	struct authd *authd;
	struct auth_face *face; /* null when the client has gone and a thread still works for it */
	enum program_id program; /* of the face */
	uint32_t stream;
	enum exchange_phase phase;
	struct snapshot *snapshot;
	enum auth_service service;
	bool tls;
	enum sasl_mechanism mechanism;
	struct sasl *sasl;
	uint64_t session;
	uint64_t deadline_ms;
	uint64_t hashing_ms; /* monotonic: when the check began; 0: there was none */
	unsigned steps;
	uint8_t address[16];
	struct timer *timer;

	bool named; /* `account` holds */
	struct account account;
	struct gate_question looks[LOOKS];
	unsigned looks_left;
	struct guess_facts facts;
	struct guess_verdict verdict;

	struct gate_question opened;
	struct buffer output; /* the challenge that waits to be sent */
	bool right;
	bool proof_sent; /* the client has SCRAM's last message and answers with nothing */

	/* Of the thread while HASHING. */
	struct buffer password;
	struct buffer verifier;
	struct buffer rewritten;
	bool rewrite;
	enum verifier_result result;
	uint64_t iterations;
	struct exchange *next_hashing;
};

struct authd_hooks {
	void (*rewrite)(void *context, struct view name, struct view before, struct view after);
	void (*broken)(void *context, enum program_id id, uint32_t worker, const char *why);
	void (*drained)(void *context);
	void *context;
};

struct authd_counts {
	uint64_t right;
	uint64_t wrong;
	uint64_t refused; /* slow */
	uint64_t temporary;
	uint64_t iterations; /* of PBKDF2, in all checks */
};

struct authd {
	struct loop *loop;
	struct authd_limits limits;
	struct authd_hooks hooks;
	uint8_t fake_key[VERIFIER_KEY_OCTETS];
	struct snapshot *snapshot;
	uint8_t *rewritten; /* by user of `snapshot`: was asked for already */
	struct workers *workers;
	struct watch *reaper;
	struct exchange *hashing;
	struct gate_client gate;
	bool gate_missing; /* it could not be opened, and the log says so */
	struct channel *mailbox;
	struct auth_face faces[AUTH_FACES_MAX];
	uint32_t exchanges;
	bool draining;
	struct authd_counts counts;
};

/* --- authd.c ------------------------------------------------------------------------------ */

void authd_begin(struct authd *a, struct loop *loop, const struct authd_limits *limits,
	const struct authd_hooks *hooks, const uint8_t *fake_key);
/* Takes over the pool. */
void authd_go(struct authd *a, struct workers *workers);
/* Takes over the reference; exchanges that began keep the old one. */
void authd_config(struct authd *a, struct snapshot *snapshot);
/* Takes over `fd`: a face, gate or mailbox; replaces that program's older channel. */
void authd_connect(struct authd *a, enum program_id id, uint32_t worker, int fd);
/* New exchanges get TEMPORARY; calls `drained` when the last has ended. */
void authd_drain(struct authd *a);

/* --- exchange.c --------------------------------------------------------------------------- */

void exchange_start(struct auth_face *face, const struct frame *frame);
void exchange_feed(struct exchange *ex, struct view response);
/* The client has gone. */
void exchange_cancel(struct exchange *ex);
/* mailbox answered, or will not (`given` false). */
void exchange_granted(struct exchange *ex, bool given);
/* The gate is open for it, or will not be. */
void exchange_opened(struct exchange *ex);
/* A thread is done with it. */
void exchange_hashed(struct exchange *ex);
void exchange_free(struct exchange *ex);

/* --- attempt.c: what an attempt costs, and its log line ----------------------------------- */

/* Asks the gate; calls exchange_judged when `verdict` holds, at once or later. */
void attempt_look(struct exchange *ex);
void attempt_look_late(struct exchange *ex);
void exchange_judged(struct exchange *ex);
/* Tells the gate how it went. */
void attempt_count(struct exchange *ex, bool right);
/* False when the pool is full or this address has its share: nothing was begun. */
must_use bool attempt_hash(struct exchange *ex);
void attempt_log(const struct exchange *ex, const char *result, const char *reason);

/* --- grants.c ----------------------------------------------------------------------------- */

void grants_connect(struct authd *a, int fd);
/* False when mailbox cannot be told. */
must_use bool grants_give(struct exchange *ex, struct view user);
void grants_take(struct auth_face *face, uint32_t stream);
void grants_take_all(struct auth_face *face);
/* Nobody waits any more for the answer of this exchange. */
void grants_forget(struct exchange *ex);

/* --- opening.c: popkey -------------------------------------------------------------------- */

/* The login is right, and its session granted: true when the gate is asked and exchange_opened comes later; false when
 * it does not open it, or cannot. */
must_use bool opening_begin(struct exchange *ex, struct view user);
void opening_is_late(struct exchange *ex);
/* The session is over; null is fine. */
void opening_end(struct authd *a, struct opening **opening);

#endif
