/*
 * sendmail(1): how programs of this machine post mail, as they have done since sendmail 8: cron, mutt, git, PHP.
 * It has no rights but those of who runs it, and runs no program (F-24). Files:
 *
 *	main.c		which of its tasks
 *	options.c	the command line
 *	read.c		standard input becomes a mail: lines, header section, recipients
 *	up.c		the mail goes to the server, over the local socket
 *	down.c		it waits in the directory `drop` until there is a server
 *	pass.c		-bs: SMTP on standard input and output
 *	queue.c		-bp, alias mailq
 */
#ifndef TOOLS_SENDMAIL_SENDMAIL_H
#define TOOLS_SENDMAIL_SENDMAIL_H

#include "channels/caller.h"
#include "post/letter.h"
#include "protocol/smtp_mail.h"

/* sysexits(3), as callers of sendmail know them. */
enum sendmail_exit {
	SENDMAIL_FINE = 0,
	SENDMAIL_USAGE = 64,
	SENDMAIL_DATA = 65,
	SENDMAIL_NO_USER = 67,
	SENDMAIL_UNAVAILABLE = 69,
	SENDMAIL_SYSTEM = 71,
	SENDMAIL_IO = 74,
	SENDMAIL_LATER = 75,
	SENDMAIL_NO_PERMISSION = 77,
};

enum sendmail_task {
	TASK_POST,
	TASK_QUEUE, /* -bp, mailq */
	TASK_PASS, /* -bs */
	TASK_ALIASES, /* -bi, newaliases */
	TASK_RETRY, /* -q */
	TASK_HELP,
};

struct options {
	enum sendmail_task task;
	bool takes_recipients; /* -t */
	bool ignores_dots; /* -i */
	bool is_verbose; /* -v */
	bool has_sender; /* -f or -r; else the caller's own address */
	bool is_8bit; /* -B8BITMIME */
	struct view sender; /* empty: null */
	struct view full_name; /* -F */
	struct view envid; /* -V, as given */
	unsigned notify; /* -N: enum envelope_notify, or-ed */
	enum smtp_ret ret; /* -R */
	char **recipients; /* arguments, null at the end */
};
/* Reads the command line, whose words it may put into another order. False after saying what is wrong with it. */
must_use bool options_read(int argc, char **argv, struct options *options_out);

/* A mail, ready to go. */
struct mail {
	struct arena arena;
	struct letter_names names;
	struct view reverse_path; /* "local@domain"; empty: null */
	struct view envid; /* in xtext */
	struct letter_recipients to;
	int content; /* a memory file */
	uint64_t octets; /* of it */
	bool is_8bit;
	bool is_utf8; /* an address is */
	const struct options *options;
};

/* Reads standard input. SENDMAIL_FINE, or an exit code after saying why. */
must_use int mail_read(struct mail *mail, const struct options *options);

/* What became of it at the server. */
enum up_outcome {
	UP_TAKEN,
	UP_REFUSED, /* for good, and said; nothing was taken */
	UP_NOT_NOW, /* no server, or it could not: nothing was taken, as far as we know */
};
enum up_outcome up_post(const struct mail *mail, int *exit_code_out);
/* A connection to the server: -1 with errno. */
must_use int up_connect(void);
/* Leaves it in the directory. SENDMAIL_FINE, or an exit code after saying why. */
must_use int down_post(const struct mail *mail);

int pass_run(void);
int queue_run(void);
int retry_run(void);

/* The state directory, opened as a place only. -1: errno. */
must_use int state_open(void);

#endif
