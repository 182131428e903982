/*
 * parent ↔ every program, on descriptor 3: a sequenced-packet socket, one frame a packet, at most
 * one descriptor with it. The parent (side A) is trusted; it checks what the program (side B) says
 * like the network. Order at start: START, then any number of GIVEN, LISTEN, CONFIG, PEER, then GO;
 * the program prepares, enters its sandbox and answers READY. After that CONFIG is a reload, PEER a
 * fresh end of a channel whose other program was started anew.
 */
#ifndef CHANNELS_PARENT_PROGRAM_H
#define CHANNELS_PARENT_PROGRAM_H

#include "base/frame.h"

enum parent_code {
	PARENT_START, /* worker, workers, sandbox, options */
	PARENT_GIVEN, /* role: with a descriptor (a directory, shared memory, a file) */
	PARENT_LISTEN, /* kind: with a listening socket */
	PARENT_CONFIG, /* generation: with a sealed memory file */
	PARENT_PEER, /* program, worker, workers, its how manieth start: with a channel end */
	PARENT_GO, /* all given */
	PARENT_DRAIN, /* take nothing new, finish, then say DRAINED */
	PARENT_COMMAND, /* words: a question from the command socket; stream tells which */
	PARENT_CANCEL, /* the asker of that stream is gone */
	PARENT_READY, /* said from inside the sandbox; report: what was applied */
	PARENT_CONFIGURED, /* generation, problem (empty when it is in force) */
	PARENT_DRAINED,
	PARENT_OUTPUT, /* octets for the asker */
	PARENT_DONE, /* exit code for the asker */
	PARENT_PEER_BROKEN, /* program, worker, start as PEER told it, why */
	PARENT_VERIFIER, /* auth only: name, old verifier, new verifier for the users file */
	PARENT_CALLER, /* smtpd only: uid, name: with the connection of a program on this machine that posts
			* mail. No more than PARENT_CALLERS_MAX are under way to one smtpd */
	PARENT_CALLER_TAKEN, /* smtpd only: has one of them */
	PARENT_CALL, /* drop: uid: wants to speak to smtpd for that user's mail; stream tells which. gate: to the
		      * store that its setting names */
	PARENT_CALLED, /* drop: that user's name; gate: nothing: with the connection, or without, when none can be
			* had */
	PARENT_CODES
};

enum parent_given {
	GIVEN_DIRECTORY = 1, /* the keeper's own directory */
	GIVEN_CENSUS, /* shared memory of the workers of one face (channels/census.h) */
	GIVEN_KEY, /* keys only: a private key, PEM in a memory file; again when there is a new one */
	GIVEN_CERTIFICATE, /* its certificate chain, the same */
	GIVEN_OPENINGS, /* gate only: the directory that its setting names, if it names one */
	GIVEN_SECRET, /* keys only: the file with the site's secret, read-only */
};

enum parent_listen {
	LISTEN_SMTP = 1,
	LISTEN_POP3,
	LISTEN_POP3S, /* TLS from the first octet */
	LISTEN_SUBMISSION, /* STARTTLS, login: RFC 6409 */
	LISTEN_SUBMISSIONS, /* TLS from the first octet, login: RFC 8314 */
};

#define PARENT_CALLERS_MAX 4u
#define CALLER_NAME_MAX 64u /* octets of a system user's name, as channels/caller.h writes it */
#define PEER_WORKERS_MAX 256u /* of one program */
#define PEER_WHY_MAX 256u

enum { PARENT_STATE_ANY = 1 };

extern const struct frame_protocol parent_program;

#endif
