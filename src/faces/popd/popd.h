/*
 * popd, a face: POP3 sessions with strangers, TLS. It opens no file, holds no key, knows no password,
 * and reads a mailbox only through `mailbox`, and only the one that auth named (DESIGN §1). Files:
 *
 *	main.c		what the parent hands over, listening, reloads, drain
 *	generation.c	one configuration in force, held by the sessions that began under it
 *	session.c	a session: the machine of protocol/pop3_server.h between its connection and asks
 *	begin.c		who may have one; TLS from the start
 *	asks.c		the machine's questions: login, rows, content, removing
 *	mailbox_client.c the channel to mailbox
 *	commands.c	what operators ask: status
 *	trace.c		the dialogue of sessions for who watches
 *
 * Limits per address and in all, and who makes room for a newcomer: faces/shared/room.h. Who has logged in is
 * an inside client, and busy while it waits for us or reads what it asked for.
 *
 * A session's number names it at auth and at mailbox (channels/auth_mailbox.h). A slow client holds
 * no more than POPD_OUTPUT_HIGH and what it was sent of one page or piece, plus MAILBOX_CREDIT_FIRST
 * of content.
 */
#ifndef FACES_POPD_POPD_H
#define FACES_POPD_POPD_H

#include "base/log.h"
#include "base/streams.h"
#include "channels/popd_mailbox.h"
#include "config/snapshot.h"
#include "faces/shared/auth_client.h"
#include "faces/shared/keys_client.h"
#include "faces/shared/listener.h"
#include "faces/shared/room.h"
#include "protocol/pop3_server.h"

#define LISTENERS_MAX 16
#define SESSIONS_MAX 131072u
#define DESCRIPTORS_KEPT 128u /* for what is not a session: channels, listeners, log */
#define POPD_OUTPUT_HIGH 65536u /* more octets unsent: the machine waits */
/* The pace of a login under way, and of who reads what it asked for, when popd is full (places.h). */
#define POPD_CROWD_GRACE_MS 60000u /* monotonic */
#define POPD_CROWD_OCTETS_S 2048u
#define MECHANISM_MAX 20
#define USER_MAX 64

/* A configuration in force. */
struct generation {
	uint32_t references;
	struct snapshot *snapshot;
	struct pop3_settings settings;
};

struct generation *generation_new(struct snapshot *snapshot, bool offers_stls);
struct generation *generation_hold(struct generation *g);
void generation_drop(struct generation **g);

struct popd;

struct session {
	struct guest guest;
	struct session *next_ready; /* of those that go on after output has left */
	struct popd *popd;
	struct connection *connection;
	struct generation *generation;
	struct pop3_server *pop3;
	uint16_t client_port;
	uint64_t id;
	uint32_t number;
	uint32_t question; /* to keys; 0: none */
	uint64_t began_ms; /* monotonic */
	uint64_t active_ms;
	size_t unsent; /* octets, when last looked at */
	size_t owed; /* octets unsent when the room was told last */
	bool handshake; /* under way */
	bool waiting; /* for an answer from another program */
	bool wants_resume; /* output was full */
	bool is_ready; /* in the list of those */
	bool asked_auth;
	/* the mailbox */
	uint32_t mailbox_state; /* MAILBOX_STATE_… of its stream */
	bool answered; /* the content's beginning was told to the machine */
	bool content_ended; /* END has come */
	bool content_gone;
	uint64_t size_octets; /* of the message being fetched */
	struct buffer content; /* received, not yet given to the machine */
	uint32_t removed;
	/* for the log */
	char mechanism[MECHANISM_MAX];
	size_t mechanism_length;
	char user[USER_MAX];
	size_t user_length;
};

struct popd {
	struct program *program;
	struct generation *generation;
	struct tls_context *tls;
	struct keys_client *keys;
	struct auth_client *auth;
	struct channel *mailbox;
	struct streams numbers; /* struct session */
	uint32_t last_number;
	struct {
		int fd;
		enum parent_listen kind;
	} listening[LISTENERS_MAX]; /* until `go` */
	size_t listening_count;
	struct listener *listeners[LISTENERS_MAX];
	struct timer *sweep;
	struct timer *kick;
	struct session *ready;
	struct room room;
	uint64_t draining_ms; /* monotonic: since */
	uint64_t run; /* upper bits of session ids */
	struct popd_counts {
		uint64_t sessions;
		uint64_t logins;
		uint64_t refused; /* logins */
		uint64_t turned_away; /* connections */
		uint64_t retrieved;
		uint64_t removed;
	} counts;
};

/* begin.c */
void session_begin(struct popd *d, const struct arrival *arrival, bool tls);
/* It makes room for a newcomer (faces/shared/room.h). */
void session_gives_up(void *session);

/* session.c */
/* Goes on after an ask was answered, or after output or content moved. It may be gone afterwards. */
void session_continue(struct session *s);
/* Goes on with octets that were received; false when the session is gone. */
bool session_drive(struct session *s, struct cursor *in);
void session_answer(struct session *s, const struct pop3_answer *answer);
/* Ends it. `why` for the log when the machine has not closed by itself; `refused`: the client may
 * still be talking. */
void session_end(struct session *s, const char *why, bool refused);
/* Tells the parent when a drain is over. */
void popd_check_drained(struct popd *d);
void session_touch(struct session *s);
bool session_start_tls(struct session *s);
void session_sweep(struct popd *d);
void session_go_on_ready(void *popd);
extern const struct connection_handler session_handler;
struct fact session_client_fact(const struct session *s, struct buffer *text);

/* asks.c: answers the open ask, or starts what will; true when it is answered. */
bool ask_serve(struct session *s);
/* Gives the machine what has come of the content; false when it must wait. */
bool ask_feed_content(struct session *s);
void ask_login_answered(void *session, const struct auth_answer *answer);

/* mailbox_client.c */
void mailbox_connect(struct popd *d, int fd);
/* False: it cannot be asked now. */
must_use bool mailbox_open(struct session *s);
must_use bool mailbox_rows(struct session *s, uint32_t first, uint32_t count);
must_use bool mailbox_remove(struct session *s);
void mailbox_credit(struct session *s, size_t octets);
void mailbox_stop(struct session *s);
void mailbox_close(struct session *s);
/* What comes back, in asks.c. */
void ask_opened(struct session *s, uint32_t count, uint64_t octets);
void ask_open_failed(struct session *s, enum mailbox_failure why);
void ask_page(struct session *s, struct view rows);
void ask_content(struct session *s);
void ask_removed(struct session *s, uint32_t removed, uint32_t failed);
/* The stream is ready again after a content that nobody wanted to its end. */
void ask_mailbox_ready(struct session *s);
void ask_mailbox_lost(struct session *s);

/* commands.c */
void popd_command(struct program *p, uint32_t stream, struct view words);

/* trace.c: pop3_server_step, which somebody may be watching; what else goes into the output. */
enum pop3_want trace_step(struct session *s, struct cursor *in, struct buffer *out);
void trace_output(const struct session *s, struct view octets);
void trace_content(const struct session *s, size_t octets);

#endif
