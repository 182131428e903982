/*
 * One line of `users` (F-11): `name:verifier`. The name is the local-part, the login and the name
 * of the mailbox's directory at once, so its rule is strict. The verifier is
 *
 *	{SCRAM-SHA-256}iterations,salt,stored key,server key
 *		(RFC 7677; the last three in base64)
 *	$2a$ $2b$ $2y$ $5$ $6$ $y$ $argon2id$
 *		imported, until the first login rewrites it
 *	!
 *		nobody can log in; mail is taken
 *
 * Nothing here computes a hash: that is the business of the program `auth`.
 */
#ifndef CONFIG_USERS_H
#define CONFIG_USERS_H

#include "base/arena.h"

#define USERS_MAX 200000
#define USER_NAME_MAX 64 /* octets; the local-part's limit, RFC 5321 §4.5.3.1.1 */
#define USER_VERIFIER_MAX 512
#define USER_ITERATIONS_MIN 4096 /* RFC 7677 §4 */
#define USER_ITERATIONS_MAX 10000000
#define USER_SALT_MIN 8
#define USER_SALT_MAX 64

enum user_problem {
	USER_OK,
	USER_NO_COLON,
	USER_NAME_EMPTY,
	USER_NAME_LONG,
	USER_NAME_START, /* begins with a dot or a hyphen */
	USER_NAME_OCTET, /* an octet that no name may hold */
	USER_VERIFIER_EMPTY,
	USER_VERIFIER_LONG,
	USER_VERIFIER_KIND, /* no kind that we know: perhaps a password in clear */
	USER_VERIFIER_FORM, /* a known kind, malformed */
	USER_VERIFIER_COST, /* an imported one that takes seconds or gigabytes to check */
};
/* A sentence without full stop; never holds the verifier. */
const char *user_problem_text(enum user_problem problem);

struct config_user {
	struct view name;
	struct view verifier; /* secret */
	uint32_t line;
};

/* Lower-case ASCII letters, digits, dot, hyphen, underscore, and UTF-8 characters other than spaces
 * and controls; no dot or hyphen first; at most USER_NAME_MAX octets. Directory-safe. */
enum user_problem user_name_check(struct view name);
/* The rule for the name of an alias, which is no directory: also capital letters and + ' & = ~ */
enum user_problem user_alias_check(struct view name);
enum user_problem user_verifier_check(struct view verifier);
/* Views into `text`. */
must_use enum user_problem user_parse(
	struct view text, uint32_t line, struct config_user *user_out);

/* A SCRAM-SHA-256 verifier taken apart; views are base64, checked to decode to the right sizes. */
struct user_scram {
	uint32_t iterations;
	struct view salt;
	struct view stored_key;
	struct view server_key;
};
/* False when it is no well-formed verifier of that kind. */
must_use bool user_scram_parse(struct view verifier, struct user_scram *scram_out);

#endif
