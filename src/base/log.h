/*
 * One decision, one line: `key=value`, on the program's log pipe, which the parent tags with the
 * program's name so that none can speak as another. Lines are collected and written once a turn of
 * the loop (log_flush), so a mail costs no system call for its log. A pipe that is full loses lines,
 * never time: the number lost is said in the next line that fits.
 *
 *	log_info("mail accepted", fact_text("session", name), fact_number("size", octets));
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/error.h"
#include "base/text.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct fact {
	const char *key; /* null ends the list */
	struct text_arg value;
};

struct fact fact_view(const char *key, struct view v);
struct fact fact_text(const char *key, const char *text);
struct fact fact_number(const char *key, uint64_t n);
struct fact fact_hex(const char *key, uint64_t n);
struct fact fact_error(enum error error);
/* errno's text under the key "errno". */
struct fact fact_errno(int number);

/* Writes `level=… event="…" key=value …`. Values with spaces or quotes are quoted. */
void log_write(enum log_level level, const char *event, const struct fact *facts);
#define log_at(level, event, ...) \
	log_write((level), (event), (const struct fact[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}})
#define log_debug(event, ...) log_at(LOG_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...) log_at(LOG_INFO, event, __VA_ARGS__)
#define log_warning(event, ...) log_at(LOG_WARNING, event, __VA_ARGS__)
#define log_error(event, ...) log_at(LOG_ERROR, event, __VA_ARGS__)

/* Lines below this level are dropped; LOG_INFO at start. */
void log_threshold(enum log_level level);
/* What every line from here on begins with; null: nothing. For the parent, whose own lines stand
 * between those of its programs. */
void log_prefix(void (*add)(struct buffer *line));
/* Writes what was collected to descriptor 2. */
void log_flush(void);
/* Appends ` key=value` to any buffer, quoted as in a log line. */
void fact_add(struct buffer *b, const struct fact *fact);

#endif
