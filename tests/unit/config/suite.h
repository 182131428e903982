/* What the tests of config share: a directory in memory, and a configuration read from it. */
#ifndef TESTS_CONFIG_SUITE_H
#define TESTS_CONFIG_SUITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/check.h"
#include "config/read.h"
#include "config/snapshot.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SCRAM                                           \
	"{SCRAM-SHA-256}4096,c2FsdHNhbHRzYWx0,"         \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=," \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

struct memory_file {
	const char *name;
	const char *text;
	uint32_t mode;
};

struct site {
	struct arena arena;
	struct findings findings;
	struct config config;
	struct config_file files[64];
	const struct memory_file *memory;
	size_t count;
	struct buffer blob;
	struct snapshot *snapshot;
};

static inline enum error site_read(void *context, struct view name, struct buffer *out)
{
	const struct site *s = context;
	for (size_t i = 0; i < s->count; i++)
		if (view_equal(name, view_text(s->memory[i].name)))
			buffer_add(out, view_text(s->memory[i].text));
	return buffer_failed(out) ? ERROR_LIMIT : ERROR_NONE;
}

/* Reads and checks; `memory` ends with a row without name. */
static inline void site_open_as(struct site *s, const struct memory_file *memory,
	const char *argument, const char *system_name)
{
	*s = (struct site){.arena = arena_new(CONFIG_ARENA_MAX), .memory = memory};
	s->findings = findings_new(&s->arena);
	for (; memory[s->count].name; s->count++)
		s->files[s->count] = (struct config_file){
			view_text(memory[s->count].name), memory[s->count].mode, true};
	const struct config_files files = {s->files, s->count, site_read, s};
	const struct config_facts facts = {view_text(argument), view_text(system_name)};
	assert_true(config_read(&files, &facts, &s->arena, &s->findings, &s->config));
	assert_true(config_check(&s->config, &s->findings));
	s->blob = buffer_new(SNAPSHOT_MAX);
	snapshot_encode(&s->config, SNAPSHOT_ALL, 7, &s->blob);
	s->snapshot = snapshot_decode(buffer_view(&s->blob), NULL, NULL);
	assert_non_null(s->snapshot);
}

static inline void site_open(struct site *s, const struct memory_file *memory)
{
	site_open_as(s, memory, "mail.example.test", "");
}

static inline void site_close(struct site *s)
{
	snapshot_drop(&s->snapshot);
	buffer_free(&s->blob);
	arena_reset(&s->arena);
}

static inline const struct finding *site_find(const struct site *s, const char *part)
{
	for (const struct finding *f = s->findings.first; f; f = f->next)
		if (view_search(f->text, view_text(part)) != VIEW_NOT_FOUND)
			return f;
	return NULL;
}

#define assert_view(v, text)                                                                  \
	do {                                                                                  \
		const struct view v_ = (v);                                                   \
		assert_int_equal(v_.length, strlen(text));                                    \
		assert_memory_equal(v_.length ? (const void *)v_.at : "", (text), v_.length); \
	} while (0)

/* Exactly one finding of that level, in that file and line, saying `part`. */
static inline void site_expect(const struct site *s, enum finding_level level, const char *file,
	uint32_t line, const char *part)
{
	const struct finding *f = site_find(s, part);
	if (!f || f->level != level || f->line != line || !view_equal(f->file, view_text(file)))
		for (f = s->findings.first; f; f = f->next)
			print_message("have %.*s:%u %s %.*s\n", (int)f->file.length,
				(const char *)f->file.at, f->line, finding_level_name(f->level),
				(int)f->text.length, (const char *)f->text.at);
	f = site_find(s, part);
	assert_non_null(f);
	assert_int_equal(f->level, level);
	assert_int_equal(f->line, line);
	assert_view(f->file, file);
}

#endif
