/*
 * Who may do what (F-4, F-5, F-7, F-8, N-1, N-28): pure decisions over a snapshot. The SMTP shell
 * asks as soon as a fact is known, `sekisho explain` asks the same functions, and tests walk their
 * tables.
 *
 *	route_client		inside or outside: verified facts only, never what the client says
 *	route_connect		denyfrom on the address (and verified name, once there is DNS)
 *	route_helo		is it a name at all; denyfrom on it
 *	route_mail		denyfrom on the reverse-path; who logged in writes as himself (N-7)
 *	route_rcpt		relay classes, unknown users, alias expansion; what leaves the site
 *				carries a sender of the site (N-7)
 *	route_author		the same for From and Sender in the content
 *	route_verify		VRFY
 *
 * On a port for users' programs nothing is taken from who is not known. Who fetched his mail just now is, without
 * a login, when the gate is open for his address (popkey, N-20): route_asks_gate says for whom it is to be asked
 * before route_rcpt, and route_opened that it is open. The transaction is that user's from then on.
 *
 * Mail for the site's own domains is taken from everybody, mail for others from inside only (law 3).
 * `%`, `!`, quoted and source routes never change the class of a mail. Nor does an alias that leads
 * elsewhere, or a return address (config/forward.h): what the client named is ours, and where it leads is
 * said by the site's aliases, or by ourselves when we signed it, never by the client. Mail for the domains
 * of `backupfor` is in, too: it goes to the host that is named there.
 *
 * What a system user gets at CALLER@servername, and root, is read by the postmaster when no user or alias has
 * that name: it comes from the machine's own programs, such as cron.
 *
 * Every verdict carries the rule that fired, for the log. Rules: "accepted", "postmaster", "system-user", "relay",
 * "backup", "forward", "return", "return-forged", "return-old", "keys-away",
 * "denyfrom:LINE", "helo-not-full", "relay-denied", "relay-not-full", "route-percent", "route-bang", "route-quoted",
 * "route-source", "sender-not-own", "sender-not-of-site", "unknown-user", "no-postmaster", "alias-deep", "alias-large",
 * "alias-loop", "alias-dangling", "too-many-mailboxes", "no-address",
 * "vrfy-stranger", "memory", "login-wanted", "gate-closed", "gate-away".
 */
#ifndef CONFIG_ROUTE_H
#define CONFIG_ROUTE_H

#include "config/names.h"
#include "config/senders.h"
#include "mail/envelope.h"

enum route_side { ROUTE_OUTSIDE, ROUTE_INSIDE };
const char *route_side_name(enum route_side side);

/* The four ways through a site's gate, as N-1 draws them. */
enum route_class { ROUTE_OUT_OUT, ROUTE_OUT_IN, ROUTE_IN_OUT, ROUTE_IN_IN };
/* "out>out", "out>in", "in>out", "in>in". */
const char *route_class_name(enum route_class class);

/* What the gate said of somebody who has not logged in. */
enum route_gate {
	ROUTE_GATE_UNASKED,
	ROUTE_GATE_CLOSED, /* open for none of those whose own the reverse-path is */
	ROUTE_GATE_AWAY, /* nobody knows: closed, for now */
	ROUTE_GATE_OPEN, /* `login` is he for whom */
};

/* What is known, and verified, about a session, or about one transaction of it. */
struct route_facts {
	struct ip client;
	struct ip local; /* our end: an address literal of it is an own domain */
	struct domain verified_name; /* forward-confirmed reverse DNS; empty: none */
	struct view
		login; /* name of the authenticated user, or of him for whom the gate is open; empty: none */
	enum route_gate gate; /* of a transaction */
	struct view
		caller; /* a program of this machine posts: its system user (channels/caller.h), whose
			     * address is CALLER@servername; empty: it is none. When a user of ours has the
			     * same name, `login` is he */
	uint32_t caller_uid;
	bool is_trusted; /* a caller who may write as any address of the site */
	enum route_side side; /* from route_client */
	bool is_submission; /* on a port for users' programs, which log in before they mail */
};

/* By a login, by the gate, or by the kernel. */
bool route_is_known(const struct route_facts *facts);
/* Somebody known who may write as himself only (N-7); else as any address of the site. */
bool route_is_bound(const struct route_facts *facts);

struct route_verdict {
	bool accepted;
	uint16_t code; /* 250, 252, 450, 550, … */
	const char *enhanced; /* "5.7.1" */
	struct view text; /* one sentence, printable; in the arena or static */
	struct view rule; /* the same */
	enum route_class class; /* of route_rcpt */
};

/* Inside: a network of ours, or a login. */
enum route_side route_client(const struct snapshot *s, const struct ip *client, struct view login);

struct route_verdict route_connect(
	const struct snapshot *s, const struct route_facts *facts, struct arena *a);
struct route_verdict route_helo(const struct snapshot *s, const struct route_facts *facts,
	const struct helo_name *name, struct arena *a);
struct route_verdict route_mail(const struct snapshot *s, const struct route_facts *facts,
	const struct address *reverse_path, struct arena *a);

/* Whether an address may stand in From or Sender of mail that this client sends out: one of the user's own,
 * or, without a login, one of the site (config/senders.h). */
struct route_verdict route_author(const struct snapshot *s, const struct route_facts *facts,
	const struct address *author, struct arena *a);

/* The mailboxes of one envelope, and the addresses elsewhere, each once, however many recipients and
 * aliases name it (F-15). It lives in the transaction's arena. */
#define ROUTE_MAILBOXES_MAX 10000
#define ROUTE_STEPS_MAX 100000 /* destinations looked at for one recipient */
struct route_mailbox {
	uint32_t user; /* index in the snapshot; not of an address elsewhere */
	uint32_t recipient; /* the number that the caller gave to route_rcpt */
	const struct address *remote; /* elsewhere; null: a mailbox of ours. Borrowed */
	bool is_forwarded; /* elsewhere, and the client named an address of ours */
};
struct route_set {
	struct arena *arena;
	struct route_mailbox *mailboxes; /* in the order in which they were found */
	uint32_t count;
	uint32_t capacity;
	uint32_t max; /* ROUTE_MAILBOXES_MAX; tests set less */
	uint32_t *slots;
	uint32_t slot_count;
};
struct route_set route_set_new(struct arena *a);
/* Takes out again what was added after there were `count`. */
void route_set_take_back(struct route_set *set, uint32_t count);

struct route_recipient {
	const struct address *forward_path;
	bool had_route; /* a source route stood before it (path_parse) */
	uint32_t number; /* of this recipient in the envelope: kept in route_mailbox */
	const struct address *reverse_path; /* of its mail; null: not known, and not judged */
	struct view
		mac; /* of `keys`, for a return address (config/forward.h); empty: not to be had */
	int64_t now_s; /* wall clock, for the same */
};
/* When accepted, the mailboxes that `set` did not hold yet have been added (perhaps none: then an
 * earlier recipient reaches them all). When refused, `set` is as before. */
struct route_verdict route_rcpt(const struct snapshot *s, const struct route_facts *facts,
	const struct route_recipient *recipient, struct route_set *set, struct arena *a);

/* Whether the gate is to be asked before this recipient can be judged, and for which users. It is not when what is
 * known is enough, or when it could change nothing. */
bool route_asks_gate(const struct snapshot *s, const struct route_facts *facts,
	const struct route_recipient *recipient, struct sender_owners *owners_out);
/* It is open for that user, of whom `owners_out` told. */
void route_opened(const struct snapshot *s, struct route_facts *facts, uint32_t user);

/* VRFY (F-8): 252 to strangers, yes or no to those who logged in, with the address in the domain
 * that was asked for, else in the first one. `text` is the argument as given. */
struct route_verdict route_verify(const struct snapshot *s, const struct route_facts *facts,
	struct view text, struct arena *a);

/* name@domain, with the first own domain: the address of a user, for Delivered-To. */
void route_add_user(struct buffer *b, const struct snapshot *s, uint32_t user);
/* The same of either kind. */
void route_add_mailbox(struct buffer *b, const struct snapshot *s, const struct route_mailbox *m);
/* Where mail for an address elsewhere goes, as an envelope's target (mail/envelope.h). */
void route_add_destination(struct buffer *b, const struct address *remote);
/* A recipient of an envelope: kind, target, forward-path and alias; `named` is the address that was given for it.
 * The rest is nothing. False when the arena is at its cap. */
must_use bool route_fill_recipient(const struct snapshot *s, const struct route_mailbox *m,
	struct view named, struct arena *a, struct envelope_recipient *recipient_out);

#endif
