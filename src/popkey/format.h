/*
 * What a directory of popKey says (N-22, N-23): its names and contents, without touching a file. Pure. The file calls are
 * popkey/directory.h; who reads headers only, begins there.
 *
 * A file is named ADDR (nobody is in a session; a session has ended, or someone was let in), or ADDR+ID (a session lasts). Its
 * mtime is the clock: ADDR counts for `gate_ms` after it, ADDR+ID for `session_ms`. "Counts for" includes the last
 * millisecond: with 10 s, what was written at T is open at T + 10,000 and closed at T + 10,001.
 *
 * The paper's scripts leave files empty. Ours say who it was, a line each, in any order:
 *
 *	hana 1764356400123	(and when, in Unix milliseconds: several users behind one address)
 *	hana			(when: the mtime)
 *
 * No line counts for longer than the file does. A script that touches a file of ours adds somebody unknown, as it does with
 * an empty one. What cannot be read as a line is no line; what cannot be read as a name is somebody else's file.
 */
#ifndef POPKEY_FORMAT_H
#define POPKEY_FORMAT_H

#include "mail/ip.h"

#define POPKEY_ID_MAX 64u /* octets: a pid, or a session in hexadecimal digits */
#define POPKEY_NAME_MAX (IP_TEXT_MAX + 1u + POPKEY_ID_MAX)
#define POPKEY_USER_MAX 255u
#define POPKEY_USERS_MAX 1024u /* lines that are kept of one address: the newest */
#define POPKEY_CONTENT_MAX (POPKEY_USERS_MAX * (POPKEY_USER_MAX + 22u))
/* A file from the future: on another host's disk its clock may be a little ahead. What lies further on was
 * written before the clock was set back, or by somebody who wants to stay: closed. */
#define POPKEY_AHEAD_MS 1000u

struct popkey_rules {
	uint64_t gate_ms; /* N-23: gateDur */
	uint64_t session_ms; /* xpireDur */
	uint8_t ipv6_prefix; /* 128, or 64: who shares it is one neighbour */
};
#define POPKEY_RULES ((struct popkey_rules){10000, 300000, 128})

struct popkey_name {
	struct ip ip;
	struct view id; /* empty: a plain ADDR */
};

/* Any text form of an address (IPv4-mapped is IPv4), and an id of letters, digits, '.', '_' and '-'. */
must_use bool popkey_name_read(struct view name, struct popkey_name *name_out);
void popkey_name_add(struct buffer *b, const struct ip *ip, struct view id);
bool popkey_id_is_good(struct view id);
/* May stand in a line: 1 … POPKEY_USER_MAX octets, printable UTF-8, no space, no '/'. */
bool popkey_user_is_good(struct view user);
/* The address as it counts under the rules: IPv4 as it is, IPv6 cut to its prefix. */
struct ip popkey_neighbour(const struct ip *ip, const struct popkey_rules *rules);

/* A file as it was read. */
struct popkey_file {
	struct popkey_name name;
	uint64_t mtime_ms;
	struct view content;
};

/* Somebody for whom the gate is, or was, open. */
struct popkey_row {
	struct view user; /* empty: unknown */
	uint64_t since_ms; /* beginning of the session; its end where there is no id */
	uint64_t ends_ms; /* the last millisecond that is open */
};

bool popkey_row_is_open(const struct popkey_row *row, uint64_t now_ms);

/* The rows of one file: at least one. Views point into the file's content.
 *
 *	struct popkey_rows rows = popkey_rows_of(&file, &rules);
 *	while (popkey_rows_next(&rows, &row))
 */
struct popkey_rows {
	const struct popkey_file *file;
	const struct popkey_rules *rules;
	struct cursor lines;
	uint64_t newest_ms;
	bool is_over;
};
struct popkey_rows popkey_rows_of(const struct popkey_file *file, const struct popkey_rules *rules);
must_use bool popkey_rows_next(struct popkey_rows *rows, struct popkey_row *row_out);

/* Appends the line that says a row; `user` may be empty. */
void popkey_line_add(struct buffer *b, struct view user, uint64_t since_ms);
/* The content of one plain file in place of two (the second may be null): a line for each row that is open, of each
 * user the latest, the newest first, POPKEY_USERS_MAX of them. Returns the mtime for it, the latest of its lines; 0 when nobody is in it. */
uint64_t popkey_union(struct buffer *b, const struct popkey_file *first,
	const struct popkey_file *second, const struct popkey_rules *rules, uint64_t now_ms);
/* The same of one file, without one user. */
uint64_t popkey_without(struct buffer *b, const struct popkey_file *file, struct view user,
	const struct popkey_rules *rules, uint64_t now_ms);
/* Whoever is open in the other is so in the file, for as long. */
bool popkey_has(const struct popkey_file *file, const struct popkey_file *other,
	const struct popkey_rules *rules, uint64_t now_ms);

#endif
