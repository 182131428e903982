#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define PENDING_MAX 65536

static struct buffer pending = {.max = PENDING_MAX};
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static uint64_t lost;
static enum log_level threshold = LOG_INFO;
static void (*prefix)(struct buffer *line);

static const char *const level_names[] = {"debug", "info", "warning", "error"};

struct fact fact_view(const char *key, struct view v)
{
	return (struct fact){key, text_view(v)};
}

struct fact fact_text(const char *key, const char *text)
{
	return (struct fact){key, text_string(text)};
}

struct fact fact_number(const char *key, uint64_t n)
{
	return (struct fact){key, text_number(n)};
}

struct fact fact_hex(const char *key, uint64_t n)
{
	return (struct fact){key, text_hex(n)};
}

struct fact fact_error(enum error error)
{
	return fact_text("error", error_name(error));
}

struct fact fact_errno(int number)
{
	return fact_text("errno", strerrordesc_np(number));
}

static bool needs_quotes(struct view v)
{
	if (v.length == 0)
		return true;
	for (size_t i = 0; i < v.length; i++)
		if (v.at[i] <= ' ' || v.at[i] == '"' || v.at[i] == '=' || v.at[i] == 0x7f)
			return true;
	return false;
}

static void add_quoted(struct buffer *b, struct view v)
{
	buffer_add_octet(b, '"');
	struct view head;
	while (view_split(v, '"', &head, &v)) {
		text_add_escaped(b, head);
		buffer_add(b, VIEW("\\x22"));
	}
	text_add_escaped(b, head);
	buffer_add_octet(b, '"');
}

void fact_add(struct buffer *b, const struct fact *fact)
{
	buffer_add_octet(b, ' ');
	buffer_add(b, view_text(fact->key));
	buffer_add_octet(b, '=');
	if (fact->value.kind == TEXT_VIEW && needs_quotes(fact->value.view)) {
		add_quoted(b, fact->value.view);
		return;
	}
	const struct text_arg args[2] = {fact->value, {.kind = TEXT_END}};
	text_add_args(b, "{}", args);
}

static void flush_locked(void)
{
	while (pending.length) {
		const ssize_t n = write(STDERR_FILENO, pending.data, pending.length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		buffer_drop(&pending, (size_t)n);
	}
}

static void begin_line(enum log_level level, const char *event)
{
	if (prefix)
		prefix(&pending);
	text_add(&pending, "level={} event=", text_string(level_names[level]));
	add_quoted(&pending, view_text(event));
}

static void add_line(enum log_level level, const char *event, const struct fact *facts)
{
	const size_t before = pending.length;
	if (lost) {
		begin_line(LOG_WARNING, "log lines lost");
		text_add(&pending, " count={}\n", text_number(lost));
	}
	begin_line(level, event);
	for (; facts->key; facts++)
		fact_add(&pending, facts);
	buffer_add_octet(&pending, '\n');
	if (buffer_failed(&pending)) {
		pending.failed = false;
		buffer_truncate(&pending, before);
		lost++;
	} else {
		lost = 0;
	}
}

void log_write(enum log_level level, const char *event, const struct fact *facts)
{
	if (level < threshold)
		return;
	pthread_mutex_lock(&guard);
	if (pending.length > PENDING_MAX / 2)
		flush_locked();
	add_line(level, event, facts);
	pthread_mutex_unlock(&guard);
}

void log_threshold(enum log_level level)
{
	threshold = level;
}

void log_prefix(void (*add)(struct buffer *line))
{
	pthread_mutex_lock(&guard);
	prefix = add;
	pthread_mutex_unlock(&guard);
}

void log_flush(void)
{
	pthread_mutex_lock(&guard);
	flush_locked();
	pthread_mutex_unlock(&guard);
}
