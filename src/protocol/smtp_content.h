/*
 * The content of a mail as it comes: after DATA with dots to take out and a dot that ends it
 * (RFC 5321 §4.5.2), or in the chunks of BDAT (RFC 3030). A pure decoder that works in long runs and
 * copies nothing.
 *
 * Lines end in CRLF and in nothing else. A bare CR, a bare LF, a NUL or an over-long line is a
 * problem at the very octet; after it nothing more is decoded. So no false end of data can be passed
 * on to a server that reads lines differently (SMTP smuggling).
 *
 *	while ((event = smtp_content_next(&c, &in, room, &run)) == SMTP_CONTENT_RUN)
 *		buffer_add(&out, run);
 */
#ifndef PROTOCOL_SMTP_CONTENT_H
#define PROTOCOL_SMTP_CONTENT_H

#include "base/bytes.h"

enum smtp_content_event {
	SMTP_CONTENT_RUN, /* decoded octets; ask again */
	SMTP_CONTENT_MORE, /* all input was consumed */
	SMTP_CONTENT_END, /* the dot; what follows in the input are commands */
	SMTP_CONTENT_BAD, /* see `problem` */
};

enum smtp_content_problem {
	SMTP_CONTENT_FINE,
	SMTP_CONTENT_BARE_CR,
	SMTP_CONTENT_BARE_LF,
	SMTP_CONTENT_NUL,
	SMTP_CONTENT_LONG_LINE,
};
const char *smtp_content_problem_name(enum smtp_content_problem problem);

enum smtp_content_at {
	SMTP_AT_LINE_START,
	SMTP_AT_LINE, /* at least one octet of the line was passed on */
	SMTP_AT_DOT, /* behind a dot that began a line; it was not passed on */
	SMTP_AT_DOT_CR, /* behind dot, CR */
	SMTP_AT_CR, /* behind the CR of a line; it was not passed on yet */
};

struct smtp_content {
	bool has_dots; /* DATA */
	enum smtp_content_at at;
	enum smtp_content_problem problem;
	uint32_t line_octets; /* of the present line */
	uint32_t line_max; /* without CRLF, without the dot added for transparency */
};

/* At the start of the content. `line_max` without CRLF. */
struct smtp_content smtp_content_new(bool has_dots, uint32_t line_max);
/* The next run of at most `most` (>= 2) decoded octets; *run_out points into `in` or to static
 * octets, and is empty unless SMTP_CONTENT_RUN is returned. */
enum smtp_content_event smtp_content_next(
	struct smtp_content *c, struct cursor *in, size_t most, struct view *run_out);
/* The end of the last chunk: completes a line left open with the CRLF in *run_out, so that all
 * content ends in CRLF or is empty. False (BAD) when a CR stood alone at the end. */
must_use bool smtp_content_finish(struct smtp_content *c, struct view *run_out);

#endif
