#include "transcript.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must_have(void *at)
{
	if (!at)
		abort();
	return at;
}

static size_t unescape(char *text, size_t length)
{
	size_t to = 0;
	for (size_t i = 0; i < length; i++) {
		if (text[i] != '\\' || i + 1 == length) {
			text[to++] = text[i];
			continue;
		}
		const char c = text[++i];
		if (c == 'x' && i + 2 < length) {
			const char hex[3] = {text[i + 1], text[i + 2], '\0'};
			text[to++] = (char)strtol(hex, NULL, 16);
			i += 2;
		} else {
			text[to++] = (char)(c == 'r'   ? '\r'
					    : c == 'n' ? '\n'
					    : c == 't' ? '\t'
					    : c == '0' ? '\0'
						       : c);
		}
	}
	text[to] = '\0';
	return to;
}

static void add_line(struct transcript *t, unsigned number, char *text, size_t length)
{
	while (length && (text[length - 1] == '\n'))
		length--;
	if (!length || text[0] == '#')
		return;
	const char *colon = memchr(text, ':', length);
	struct transcript_line line = {.number = number};
	if (!colon || (size_t)(colon - text) >= sizeof line.key) {
		transcript_fail(t, number, "no key in front of a colon");
		exit(2);
	}
	memcpy(line.key, text, (size_t)(colon - text));
	const char *from = colon + 1;
	if (from < text + length && *from == ' ')
		from++;
	line.length = (size_t)(text + length - from);
	line.text = must_have(calloc(1, line.length + 1));
	memcpy(line.text, from, line.length);
	line.length = unescape(line.text, line.length);
	t->lines = must_have(realloc(t->lines, (t->count + 1) * sizeof *t->lines));
	t->lines[t->count++] = line;
}

struct transcript transcript_read(const char *path)
{
	struct transcript t = {.path = path};
	FILE *file = fopen(path, "r");
	if (!file) {
		perror(path);
		exit(2);
	}
	char *text = NULL;
	size_t room = 0;
	unsigned number = 0;
	for (ssize_t length; (length = getline(&text, &room, file)) >= 0;)
		add_line(&t, ++number, text, (size_t)length);
	free(text);
	fclose(file);
	return t;
}

void transcript_free(struct transcript *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->lines[i].text);
	free(t->lines);
	*t = (struct transcript){.path = t->path};
}

bool transcript_is(const struct transcript_line *line, const char *key)
{
	return strcmp(line->key, key) == 0;
}

bool transcript_fail(const struct transcript *t, unsigned number, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "%s:%u: ", t->path, number);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return false;
}
