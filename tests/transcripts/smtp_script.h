/*
 * A dialogue with the SMTP server machine as a list of items; README.md says how files are written.
 */
#ifndef TRANSCRIPTS_SMTP_SCRIPT_H
#define TRANSCRIPTS_SMTP_SCRIPT_H

#include "protocol/smtp_server.h"

enum item_kind {
	ITEM_CLIENT = 'C',
	ITEM_SERVER = 'S',
	ITEM_CODE = 's', /* only the code of a reply */
	ITEM_ASK = 'A',
	ITEM_ANSWER = 'R',
	ITEM_CONTENT = 'M',
	ITEM_NOTE = 'N',
	ITEM_DROP = 'D',
	ITEM_TLS = 'T',
	ITEM_CLOSE = 'X',
	ITEM_STOP = '!',
};

struct item {
	enum item_kind kind;
	int line;
	char *text;
	size_t length; /* of text: a client's octets may hold NUL */
	bool is_fed;
};

struct script {
	const char *name;
	struct item items[4096];
	size_t count;
	struct smtp_config config;
	struct smtp_facts facts;
	char mechanisms[256];
	size_t content_room;
	bool only_lines;
};

/* Reads a file of ours; null, with a message printed, when it cannot. */
struct script *script_read(const char *name);
/* Reads a file of the suite smtp-dialogs: of what the server says, the codes only. */
struct script *script_read_james(const char *path, const char *file);
/* Appends an item; `crlf`: of the client, and a line. */
void script_add(struct script *s, enum item_kind kind, int line, const char *text, bool crlf);
void script_free(struct script *s);
/* \r \n \0 \t \\ and \xNN; "\*Nc" stands for N times c. Returns the octets written. */
size_t script_unescape(const char *from, char *to);

#endif
