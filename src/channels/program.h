/*
 * What every program does the same: take what the parent hands over, prepare, enter the sandbox, say
 * READY, and run its loop; afterwards take reloads, fresh peers, commands and the drain.
 *
 *	static const struct program_ops ops = {.config = …, .peer = …, .go = …};
 *	int main(int argc, char **argv) { return program_main(PROGRAM_GATE, &ops, argc, argv); }
 *
 * Callbacks run on the loop thread. Before `go` no untrusted octet was read. If the parent dies, so
 * does the program, at once.
 */
#ifndef CHANNELS_PROGRAM_H
#define CHANNELS_PROGRAM_H

#include "base/channel.h"
#include "channels/parent_program.h"
#include "channels/peers.h"

struct program;

struct program_ops {
	/* First of all: the program's own structures, before anything is handed over. */
	void (*begin)(struct program *p);
	/* A snapshot (config/snapshot.h: snapshot_map) in a sealed memory file, which stays the
	 * caller's; at start before `warm`, and at each reload. Returns null, or a static text that
	 * says why it cannot be used: then the old one stays. */
	const char *(*config)(struct program *p, uint64_t generation, int fd);
	/* A channel end to worker `worker` of `workers` of another program; replaces an older one. */
	void (*peer)(
		struct program *p, enum program_id id, uint32_t worker, uint32_t workers, int fd);
	void (*listen)(struct program *p, enum parent_listen kind, int fd);
	void (*given)(struct program *p, enum parent_given role, int fd);
	/* smtpd: a program of this machine is connected there, whose user the kernel has named. */
	void (*caller)(struct program *p, uint32_t uid, struct view name, int fd);
	/* drop, gate: the connection that program_call wanted (drop: and that user's name); -1: none can be had
	 * now. */
	void (*called)(struct program *p, uint32_t stream, struct view name, int fd);
	/* Everything given, not yet confined: what libraries open lazily is opened here. No thread
	 * may be started yet. */
	void (*warm)(struct program *p);
	/* Own user, root and Landlock are in force, the system-call filter is not: start threads. */
	void (*prepare)(struct program *p);
	/* Confined: begin. */
	void (*go)(struct program *p);
	/* Take nothing new; call program_drained when the last work is done. Null: at once. */
	void (*drain)(struct program *p);
	/* A command for this program: words separated by NUL. Answer with program_output and
	 * program_done. Null: every command is unknown. */
	void (*command)(struct program *p, uint32_t stream, struct view words);
	/* The asker of `stream` is gone. */
	void (*cancel)(struct program *p, uint32_t stream);
	bool has_sessions; /* which channels/watch.h is told of */
};

struct program {
	struct loop *loop;
	enum program_id id;
	uint32_t worker;
	uint32_t workers;
	struct view options; /* `key=value` lines from the parent, immutable */
	const struct program_ops *ops;
	void *state; /* the program's own */
	bool draining;
};

int program_main(enum program_id id, const struct program_ops *ops, int argc, char **argv);

/* The value of an option, empty when it is not there. */
struct view program_option(const struct program *p, struct view key);

/* Command answers. Output longer than a packet is cut into several. */
void program_output(struct program *p, uint32_t stream, struct view octets);
void program_done(struct program *p, uint32_t stream, unsigned exit_code);
/* The n-th word of a command, empty when there are fewer. */
struct view program_word(struct view words, size_t n);

void program_drained(struct program *p);
/* That peer said what it may not: the parent ends it and starts it anew. */
void program_peer_broken(struct program *p, enum program_id id, uint32_t worker, const char *why);
/* drop: a connection to smtpd is wanted, on which it is that user who posts; gate: one to the store of its setting.
 * `called` has the answer. */
void program_call(struct program *p, uint32_t stream, uint32_t uid);
/* auth: the users file shall hold `after` where it holds `before` for `name`. */
void program_verifier(struct program *p, struct view name, struct view before, struct view after);

#endif
