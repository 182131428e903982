/*
 * What was found wrong, doubtful or worth a word while a configuration was read and checked: level,
 * file, line, a sentence and a remedy (F-2). Kept in the arena of the configuration; bounded: past
 * FINDINGS_MAX they are only counted, so that a file of garbage gives a page and not a flood.
 */
#ifndef CONFIG_FINDING_H
#define CONFIG_FINDING_H

#include "base/arena.h"
#include "base/text.h"

#define FINDINGS_MAX 100

enum finding_level {
	FINDING_NOTE, /* for those who wonder */
	FINDING_WARNING, /* it runs, but probably not as meant */
	FINDING_ERROR, /* it does not run */
};
#define FINDING_LEVELS 3

struct finding {
	enum finding_level level;
	struct view file; /* empty: none in particular */
	uint32_t line; /* 0: none in particular */
	struct view text;
	struct view remedy; /* may be empty */
	const struct finding *next;
};

struct findings {
	struct arena *arena;
	struct finding *first;
	struct finding *last;
	uint32_t count; /* kept */
	uint32_t levels[FINDING_LEVELS]; /* found, kept or not */
};

/* "note", "warning", "error". */
const char *finding_level_name(enum finding_level level);

struct findings findings_new(struct arena *a);
/* `format` with `args` is the sentence, without full stop at the end; `file` and `remedy` are
 * kept. */
void findings_add_args(struct findings *f, enum finding_level level, struct view file,
	uint32_t line, const char *remedy, const char *format, const struct text_arg *args);
#define findings_add(f, level, file, line, remedy, format, ...)             \
	findings_add_args((f), (level), (file), (line), (remedy), (format), \
		(const struct text_arg[]){__VA_ARGS__ __VA_OPT__(, ){.kind = TEXT_END}})
bool findings_have_error(const struct findings *f);
/* `users:12: error: text; remedy` and LF. */
void finding_add(struct buffer *b, const struct finding *finding);

#endif
