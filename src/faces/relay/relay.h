/*
 * relay, a face: mail for other hosts, over SMTP (DESIGN §1). `spool` says what to send and to which
 * destination; `resolve` says which hosts serve that, `fetch` what policy the destination has; here is who talks to them. Nothing is kept: what
 * has had no RESULT when this program dies is handed out anew. Files:
 *
 *	main.c		what the parent hands over
 *	life.c		the program's state: made, freed; the tick; drain
 *	spool_side.c	the channel to spool: departures come in, results go out
 *	destination.c	a destination: its hosts, sessions that are idle, departures that wait for either
 *	attempt.c	one departure on its way through the hosts, until one answers
 *	trouble.c	who said what, for spool and the log
 *	session.c	a connection to a host: the protocol machine, content, deadlines
 *	security.h	what TLS a host must speak: pure
 *	session_tls.c	what is known of a host for that, and its TLS
 *	policy.c	the channel to fetch
 *	results.c	what the machine's results mean to spool
 *
 * A departure has one attempt; an attempt takes an idle session of its destination, or opens a new one to
 * the first host, then the next, until one is ready for mail. A session serves one departure after
 * another. One thread; nothing blocks.
 */
#ifndef FACES_RELAY_RELAY_H
#define FACES_RELAY_RELAY_H

#include "base/connection.h"
#include "base/dial.h"
#include "base/log.h"
#include "base/streams.h"
#include "base/tls_client.h"
#include "channels/program.h"
#include "channels/relay_fetch.h"
#include "channels/spool_relay.h"
#include "config/snapshot.h"
#include "faces/relay/security.h"
#include "faces/shared/resolve_client.h"
#include "mail/envelope.h"
#include "mail/hosts.h"
#include "protocol/smtp_client.h"

#define DEPARTURES_MAX 8192u
#define SESSIONS_MAX 8192u
#define DESTINATION_SLOTS 4096u
#define HOSTS_KEPT_MS 30000u /* monotonic: what `resolve` said of a destination */
#define IDLE_MS 10000u /* monotonic: how long a session waits for the next mail */
#define FAREWELL_MS 2000u /* monotonic: at the end, for hosts to answer QUIT */
#define IDLE_MAX 40u /* such sessions of one destination */
#define SESSION_MAILS_MAX 1000u /* mails over one connection */
#define DIAL_MS 30000u /* monotonic: to connect to one host, all its addresses */
#define DEPARTURE_MEMORY_MAX (2u << 20)
#define POLICIES_MAX 8192u /* that are asked for */

struct relayd;
struct departure;
struct session;

/* Views live until `answered` returns. */
struct policy_answer {
	enum fetch_outcome outcome;
	struct sts_policy policy; /* when found */
	struct view why;
};

struct policy_question {
	/* Once; never from inside policy_ask. */
	void (*answered)(struct policy_question *q, const struct policy_answer *answer);
	void *context;
	uint32_t stream; /* 0: not under way */
};

struct destination {
	struct destination *chain; /* of the hash */
	struct relayd *relayd;
	struct view name;
	uint32_t users; /* departures, sessions and what is asked: 0 frees it */
	struct resolve_question question;
	struct policy_question policy_question;
	uint32_t open; /* of these two */
	struct arena arena; /* of what they brought */
	enum lookup_outcome outcome;
	struct hosts hosts; /* LOOKUP_OK */
	struct sts_policy policy; /* STS_MODE_NONE also when there is none */
	bool is_policy_unknown;
	struct view why; /* of what went wrong */
	uint64_t known_until_ms; /* 0: not */
	struct departure *waiting; /* for them */
	struct session *idle; /* the latest first */
	uint32_t idle_count;
};

/* Who said what, or why nobody did: of a RESULT, and of the last host that did not take a departure. The
 * views lie in `storage`, or are static. */
struct trouble {
	struct view status;
	struct view host;
	struct view address;
	struct view reply;
	struct view reason;
	bool is_final; /* the host serves nobody: 5xx to greeting or EHLO. Not to STARTTLS or a login */
	struct buffer storage;
};

struct departure {
	struct relayd *relayd;
	uint32_t number; /* of the stream */
	uint64_t id;
	uint64_t octets; /* of the content */
	uint32_t flags; /* enum envelope_flags */
	struct arena arena; /* paths and recipients */
	struct view reverse_path;
	struct view envid;
	uint32_t *indices; /* in the envelope */
	struct smtp_client_recipient *recipients;
	uint32_t count;
	struct destination *destination;
	struct departure *next; /* of those that wait for hosts */
	struct session *session; /* null: none */
	struct buffer content; /* not yet given to the machine */
	uint64_t given; /* octets, to the machine */
	uint64_t taken; /* of those, since the last CREDIT */
	bool is_wanted; /* the host wants content: credit was given */
	bool ended; /* END was said */
	bool whole; /* and that was all of it */
	bool answered; /* each recipient has its RESULT: END is waited for */
	/* the attempt */
	struct arena hosts_arena; /* of `hosts` and `policy` */
	struct hosts hosts;
	struct sts_policy policy;
	uint32_t next_host;
	bool all_final; /* so far each host has refused for good */
	enum relay_health health; /* said with FINISHED */
	struct trouble trouble;
};

struct session {
	struct relayd *relayd;
	struct session *all_next; /* of all */
	struct session *all_before;
	struct destination *destination;
	struct session *idle_next;
	struct session *idle_before;
	bool is_idle;
	struct departure *departure; /* null: none */
	struct snapshot *snapshot; /* the machine's settings point into it */
	struct host host; /* its views live in `arena` */
	struct domain canonical; /* of the destination, the same */
	struct security_facts facts;
	struct security security;
	struct arena arena;
	struct ip address; /* when `has_address` */
	bool has_address;
	struct dial *dial; /* null: not under way */
	struct connection *connection; /* null: not yet */
	struct smtp_client *client; /* as `connection` */
	uint32_t mails; /* that were given to it */
	uint64_t deadline_ms; /* monotonic */
	bool tls_begun;
	bool tls_done;
	bool tls_failed; /* not for want of time */
};

struct relayd {
	struct program *program;
	struct snapshot *snapshot;
	struct channel *spool;
	struct resolve_client *resolve;
	struct channel *fetch;
	struct streams policies; /* policy_question, by the number of its stream */
	uint32_t last_policy;
	struct tls_client *tls;
	struct timer *tick;
	struct streams departures; /* by the number of their stream */
	struct destination *destinations[DESTINATION_SLOTS];
	struct session *sessions; /* all */
	uint32_t session_count;
	uint64_t draining_ms; /* monotonic: since when */
	bool drained;
	struct {
		uint64_t sessions;
		uint64_t mails;
	} counts;
};

/* life.c */
struct relayd *relayd_new(struct program *program);
/* Before the sandbox: reads the authorities that vouch for certificates. */
void relayd_warm(struct relayd *d);
/* Takes the snapshot over. */
void relayd_config(struct relayd *d, struct snapshot *snapshot);
void relayd_go(struct relayd *d);
void relayd_drain(struct relayd *d);
void relayd_check_drained(struct relayd *d);
void relayd_status(struct relayd *d, uint32_t stream);

/* spool_side.c */
void spool_side_connect(struct relayd *d, int fd);
/* The host takes content: credit for it, once. */
void spool_side_want(struct departure *p);
/* So many octets of it have gone on. */
void spool_side_passed(struct departure *p, size_t octets);
/* The RESULT of its recipient number `index`. */
void spool_side_result(struct departure *p, uint32_t index, enum relay_outcome outcome,
	const struct trouble *trouble);
/* All have had theirs: FINISHED goes out once END has come, and `p` is no more. */
void spool_side_finish(struct departure *p, enum relay_health health);

/* destination.c */
struct destination *destination_get(struct relayd *d, struct view name);
struct destination *destination_hold(struct destination *at);
/* The host that the settings name for it: the site's of `backupfor`, or the smarthost; null: those of the DNS. */
const struct smarthost *destination_next_host(
	const struct snapshot *s, const struct destination *at);
void destination_drop(struct destination **at);
/* An idle session for mail with that wish, or null. */
struct session *destination_take_idle(struct destination *at, enum security_wish wish);
void destination_add_idle(struct destination *at, struct session *s);
void destination_remove_idle(struct destination *at, struct session *s);
bool destination_is_known(const struct destination *at);
/* `p` waits for hosts and policy and hears of them by attempt_known; false: they cannot be asked for. */
must_use bool destination_ask(struct destination *at, struct departure *p);
/* `p` waits no more. */
void destination_forget(struct destination *at, struct departure *p);

/* attempt.c */
/* A departure has come. */
void attempt_begin(struct departure *p);
/* Not by an idle session. */
void attempt_anew(struct departure *p);
/* What resolve and fetch have said lies in its destination. */
void attempt_known(struct departure *p);
/* Its session has ended, and nothing of it has gone out: `trouble` says why. The next host, or the end. */
void attempt_next(struct departure *p);
/* It is not wanted any more. */
void attempt_forget(struct departure *p);

/* trouble.c */
/* `reason` null: what was said is all. */
void trouble_of_session(struct trouble *t, const struct session *s,
	const struct smtp_client_said *said, const char *reason);
/* `status` is static; `reason` is copied. */
void trouble_of_ours(struct trouble *t, const char *status, struct view reason);
/* A host that may not be used for `p`. */
void trouble_of_bar(struct trouble *t, const struct departure *p, const struct host *host,
	enum security_bar bar);
/* A host that does not offer what `p` needs. */
void trouble_of_requiretls(struct trouble *t, const struct session *s);
void trouble_free(struct trouble *t);
/* The line in the log of one recipient, or of all (null). */
void trouble_log(const struct trouble *t, const struct departure *p,
	const struct smtp_client_recipient *recipient, enum relay_outcome outcome);

/* session.c */
/* Opens a connection to that host for `p`, which is told by attempt_next if nothing comes of it. */
void session_open(struct departure *p, const struct host *host, const struct security_facts *facts);
/* An idle session gets the departure. */
void session_take(struct session *s, struct departure *p);
/* Content has come for its departure, or its end. */
void session_content(struct session *s);
/* The connection goes; its departure, if it has one, is let go. */
void session_drop(struct session *s);
/* About once a second: deadlines. */
void session_tick(struct session *s, uint64_t now_ms);
/* Says QUIT; it is idle. */
void session_quit(struct session *s);

/* session_tls.c */
enum security_wish departure_wish(const struct departure *p);
struct security_facts departure_security(const struct departure *p, const struct host *host);
/* Its address is known: what TLS must be. */
void session_secure(struct session *s);
/* TLS begins on the session's connection; false: there is no memory. */
must_use bool session_start_tls(struct session *s);
/* Says in the log what a policy in testing would have forbidden. */
void session_log_testing(const struct session *s);

/* policy.c */
void policy_connect(struct relayd *d, int fd);
/* `q` is kept until answered. False: it cannot be asked now. */
must_use bool policy_ask(struct relayd *d, struct policy_question *q, struct view domain);

/* results.c */
/* The machine has results for the session's departure, which is let go. */
void results_take(struct session *s);

#endif
