/*
 * Sees, in the octets that go both ways between a client and a POP3 or IMAP server, the one reply that shows that a login has
 * succeeded (N-21 b): the `+OK` that answers PASS, APOP or AUTH, the tagged `OK` that answers LOGIN or AUTHENTICATE. Pure;
 * it changes and delays nothing, its owner passes the octets on.
 *
 * Whoever can make it take another reply for that one has opened the gate without a password, so it believes nothing that
 * a server might read in another way, and is *blind* from then on, for the rest of the session:
 *
 *	- a client's line that does not end in CRLF, holds a control octet, or is longer than servers must take;
 *	- a POP3 command that it does not know (its reply might have many lines), a reply that is none;
 *	- an IMAP tag that is used while it is, a tagged reply to a command that has not been sent to its end;
 *	- octets that a client sends while the server has not said whether it wants them (AUTH, literals), and so any literal of
 *	  LITERAL+;
 *	- a "no" after a line that a server might have cut in two: the rest of it may be answered, too;
 *	- TLS that begins: inside of it nobody sees anything.
 *
 * And a login counts only when its reply is the only one that is owed: a server that has thrown away what was
 * pipelined before cannot answer something else in its place. Clients that wait for the reply to PASS or LOGIN, as all known
 * ones do, do not notice. After the login it looks at nothing more: no message and no literal ever passes it.
 *
 *	watcher_client(&w, octets);			before they are passed on
 *	if (watcher_server(&w, octets)) open the gate	before they are passed on
 */
#ifndef POPKEY_WATCHER_H
#define POPKEY_WATCHER_H

#include "base/bytes.h"

#define WATCHER_LINE_MAX 16384u /* of SASL (RFC 4954 §4 says 12,288) and of IMAP */
#define WATCHER_POP3_LINE_MAX 255u /* RFC 2449 §4 */
#define WATCHER_SURE_MAX 1000u /* octets that every server takes in one line of IMAP or SASL */
#define WATCHER_OWED_MAX 32u /* replies */
#define WATCHER_TAG_MAX 64u
#define WATCHER_USER_MAX 255u

enum watcher_protocol { WATCHER_POP3, WATCHER_IMAP };

enum watcher_state {
	WATCHER_GREETING, /* the server speaks first */
	WATCHER_WATCHING,
	WATCHER_OPEN, /* the login was seen */
	WATCHER_BLIND,
};

enum watcher_command {
	WATCHER_PLAIN, /* a reply of one line */
	WATCHER_MANY, /* of many, when it is +OK (CAPA) */
	WATCHER_USER,
	WATCHER_LOGIN, /* PASS, APOP, LOGIN: the reply shows it */
	WATCHER_SASL, /* AUTH, AUTHENTICATE */
	WATCHER_TLS, /* STLS, STARTTLS */
};

struct watcher_owed {
	enum watcher_command command;
	uint8_t tag_length;
	uint8_t tag[WATCHER_TAG_MAX];
};

/* Where one direction is within a line. An IMAP command with literals is one text: lines with their ends, literals. */
struct watcher_line {
	struct buffer text;
	size_t part_at; /* the line that is being read begins there: behind the last literal */
	uint64_t literal; /* octets of one that are still to come */
	bool has_cr;
};

struct watcher {
	enum watcher_protocol protocol;
	enum watcher_state state;
	struct watcher_line client;
	struct watcher_line server;
	struct watcher_owed owed[WATCHER_OWED_MAX];
	uint32_t owed_count;
	bool is_in_many; /* the server's reply goes on until a line with a dot */
	bool is_incomplete; /* the last of what is owed: its command has literals still to come */
	uint64_t literal_asked; /* the client waits for "+" before it sends as many octets */
	bool is_literal_asked;
	bool may_answer; /* a SASL challenge is unanswered */
	bool has_sent_long; /* a line that a server might cut in two, and read the rest as a command */
	bool goes_on; /* the server's next line belongs to the one before a literal */
	uint8_t mechanism; /* watcher_user.c */
	uint32_t responses; /* of this exchange */
	size_t user_length; /* 0: unknown */
	uint8_t user[WATCHER_USER_MAX];
};

void watcher_init(struct watcher *w, enum watcher_protocol protocol);
void watcher_free(struct watcher *w);
void watcher_client(struct watcher *w, struct view octets);
/* True once: these octets show the login. `user` is then who logged in, if that could be read. */
must_use bool watcher_server(struct watcher *w, struct view octets);
/* Nothing more will be seen: octets need not be shown any longer. */
bool watcher_is_over(const struct watcher *w);
struct view watcher_user(const struct watcher *w);

#endif
