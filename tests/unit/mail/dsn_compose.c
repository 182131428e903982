/* Composes reports (mail/dsn.h) as test_dsn.py asks, each on the standard input as its length in a line, then
 * `key value` lines, an empty line, the front of the original. The answer is a line with 1, or 0 when it does
 * not fit, the flags and the length of the mail; then the mail. */
#include "mail/dsn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECIPIENTS_MAX 200

static struct dsn_recipient recipients[RECIPIENTS_MAX];
static struct arena arena;

static struct view keep(struct view v)
{
	struct view copy;
	must(arena_copy(&arena, v, &copy));
	return copy;
}

static uint64_t number(struct view v)
{
	uint64_t n;
	must(view_to_u64(v, UINT64_MAX, &n));
	return n;
}

/* Tabs part the fields; a "|" in the reply stands for a LF. */
static void read_recipient(struct dsn *d, struct view v)
{
	struct dsn_recipient *r = &recipients[d->recipient_count++];
	must(d->recipient_count <= RECIPIENTS_MAX);
	struct view f[9];
	for (size_t i = 0; i < 9; i++)
		(void)view_split(v, '\t', &f[i], &v);
	*r = (struct dsn_recipient){(enum dsn_action)number(f[0]), keep(f[1]), keep(f[2]),
		keep(f[3]), keep(f[4]), keep(f[5]), keep(f[6]), (int64_t)number(f[7]),
		(int64_t)number(f[8])};
	for (size_t i = 0; i < r->reply.length; i++)
		if (r->reply.at[i] == '|')
			((uint8_t *)(uintptr_t)r->reply.at)[i] = '\n';
}

static void read_key(struct dsn *d, size_t *max, struct view key, struct view value)
{
	const char *name = (const char *)key.at;
	if (!strncmp(name, "kind ", 5))
		d->kind = (enum dsn_kind)number(value);
	else if (!strncmp(name, "server ", 7))
		d->server.name = keep(value);
	else if (!strncmp(name, "site ", 5))
		d->site.name = keep(value);
	else if (!strncmp(name, "to ", 3))
		d->to = keep(value);
	else if (!strncmp(name, "now ", 4))
		d->now_s = (int64_t)number(value);
	else if (!strncmp(name, "offset ", 7))
		d->offset_minutes = (int)number(value);
	else if (!strncmp(name, "id ", 3))
		d->id.value = number(value);
	else if (!strncmp(name, "arrival ", 8))
		d->arrival_s = (int64_t)number(value);
	else if (!strncmp(name, "flags ", 6))
		d->flags = (uint16_t)number(value);
	else if (!strncmp(name, "reverse-path ", 13))
		d->reverse_path = keep(value);
	else if (!strncmp(name, "envid ", 6))
		d->envid = keep(value);
	else if (!strncmp(name, "whole ", 6))
		d->is_whole = number(value);
	else if (!strncmp(name, "max ", 4))
		*max = number(value);
	else if (!strncmp(name, "recipient ", 10))
		read_recipient(d, value);
	else
		must(!"a key");
}

static void compose(struct view rest)
{
	struct dsn d = {.recipients = recipients};
	size_t max = 1u << 20;
	uint16_t flags;
	arena = arena_new(16u << 20);
	for (size_t i = 0; i < DSN_RANDOM; i++)
		d.random[i] = (uint8_t)(i * 7 + 1);
	for (;;) {
		struct view line, key, value;
		must(view_split(rest, '\n', &line, &rest));
		if (view_is_empty(line))
			break;
		must(view_split(line, ' ', &key, &value));
		read_key(&d, &max, key, value);
	}
	d.content = rest;
	struct buffer out = buffer_new(max);
	const bool ok = dsn_compose(&d, &out, &flags);
	printf("%d %u %zu\n", ok, flags, out.length);
	fwrite(out.data, 1, out.length, stdout);
	fflush(stdout);
	buffer_free(&out);
	arena_reset(&arena);
}

int main(void)
{
	static uint8_t input[1u << 20];
	size_t length;
	while (scanf("%zu", &length) == 1 && getchar() == '\n') {
		must(length <= sizeof input && fread(input, 1, length, stdin) == length);
		compose(view_of(input, length));
	}
	return 0;
}
