/*
 * What would happen to a mail (DESIGN §7): the protocol machine that the server uses is given the same
 * dialogue, its questions go to config/route.h as those of faces/smtpd do, and the first refusal is the
 * end. Nothing is sent, nothing is looked up, but who is open at the gate. Pure, but for that.
 */
#ifndef TOOLS_SEKISHO_EXPLAIN_H
#define TOOLS_SEKISHO_EXPLAIN_H

#include "config/forward.h"
#include "config/route.h"
#include "protocol/smtp_server.h"

enum explain_stage {
	EXPLAIN_CONNECT,
	EXPLAIN_HELO,
	EXPLAIN_MAIL,
	EXPLAIN_RCPT,
};
#define EXPLAIN_STAGES 4
const char *explain_stage_name(enum explain_stage stage);

/* As given on the command line; empty is the default. */
struct explain_question {
	struct view reverse_path; /* with or without <> */
	struct view forward_path;
	struct view client; /* IP address */
	struct view helo;
	struct view login;
	struct view size;
	bool openings_known; /* `openings` is what the gate says */
	int64_t now_s; /* wall clock: for how long it has been open */
	struct view openings; /* at the client's address, as `sekisho gate --json` has them */
};

#define EXPLAIN_CLIENT VIEW("192.0.2.1") /* a stranger, RFC 5737 */
#define EXPLAIN_HELO_NAME VIEW("client.example")

struct explain_answer {
	struct route_facts facts;
	struct route_verdict verdicts[EXPLAIN_STAGES];
	uint64_t
		opened_since_s; /* when the gate is open (facts.gate), and it is known; seconds since 1970 */
	int64_t now_s; /* of the question */
	unsigned stages; /* verdicts that were asked for; all but the last accept */
	bool accepted;
	struct address forward_path; /* in the machine's memory */
	struct route_set mailboxes;
	bool forwards; /* some are elsewhere, by an alias */
	enum forward_sender sender; /* under which they are forwarded */
	struct smtp_config config;
	struct smtp_server machine; /* to be freed by smtp_server_free, also after a refusal */
};

/* Null, or a sentence about what was given that is no good (no address, no user of that name). */
const char *explain_envelope(const struct snapshot *s, const struct explain_question *question,
	struct arena *a, struct explain_answer *answer_out);

/* explain_gate.c */
/* Asks the running server who is open at the client's address. False when it is not known. */
must_use bool explain_ask_openings(
	const char *config, const char *state, struct view client, struct buffer *openings);
/* Whether it is open for one of those: e->facts. */
void explain_pass_gate(const struct snapshot *s, const struct explain_question *question,
	const struct sender_owners *owners, struct explain_answer *e);

void explain_answer_text(
	struct buffer *b, const struct snapshot *s, const struct explain_answer *e);
/* One object and LF. */
void explain_answer_json(
	struct buffer *b, const struct snapshot *s, const struct explain_answer *e);

#endif
