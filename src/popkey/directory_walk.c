#include "popkey/entry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* --- all files ---------------------------------------------------------------------------- */

static struct popkey_walk walk_new(
	int directory, const struct ip *ip, const struct popkey_rules *rules)
{
	return (struct popkey_walk){.directory = directory,
		.rules = rules,
		.is_one = ip != NULL,
		.neighbour = ip ? popkey_neighbour(ip, rules) : (struct ip){{0}},
		.content = buffer_new(POPKEY_CONTENT_MAX)};
}

enum error popkey_walk_begin(
	struct popkey_walk *w, int directory, const struct ip *ip, const struct popkey_rules *rules)
{
	*w = walk_new(directory, ip, rules);
	w->has_looked_again = true; /* where nothing can be looked at */
	/* a place of its own in the directory: others walk through it, too */
	const int own = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (own < 0)
		return error_of_errno(errno);
	w->stream = fdopendir(own);
	w->has_looked_again = !w->stream;
	if (w->stream)
		return ERROR_NONE;
	const enum error error = error_of_errno(errno);
	close(own);
	return error;
}

void popkey_walk_known(struct popkey_walk *w, int directory, const struct ip *ip,
	const struct popkey_known *known, const struct popkey_rules *rules)
{
	*w = walk_new(directory, ip, rules);
	w->known = known;
}

static bool is_wanted(const struct popkey_walk *w, const struct ip *ip)
{
	if (!w->is_one)
		return true;
	const struct ip neighbour = popkey_neighbour(ip, w->rules);
	return ip_equal(&neighbour, &w->neighbour);
}

static void sweep(const struct popkey_walk *w)
{
	struct stat s;
	if (w->half_made_before_ms && view_starts(view_text(w->name), VIEW(POPKEY_FRESH)) &&
		fstatat(w->directory, w->name, &s, AT_SYMLINK_NOFOLLOW) == 0 &&
		s.st_mtim.tv_sec < (time_t)(w->half_made_before_ms / 1000))
		unlinkat(w->directory, w->name, 0);
}

/* The next name, of whatever file; null: that was all. */
static const char *next_name(struct popkey_walk *w)
{
	const struct popkey_known *known = w->known;
	if (known) {
		w->known = known->next;
		return known->name;
	}
	const struct dirent *at = w->stream ? readdir(w->stream) : NULL;
	return at ? at->d_name : NULL;
}

static bool read_at(struct popkey_walk *w, struct popkey_file *file)
{
	return popkey_read(w->directory, view_text(w->name), &w->content, file) == ERROR_NONE;
}

bool popkey_walk_next(struct popkey_walk *w, struct popkey_file *file)
{
	const char *at;
	while ((at = next_name(w)) != NULL) {
		struct popkey_name name;
		if (!view_to_text(view_text(at), w->name, sizeof w->name))
			continue;
		if (!popkey_name_read(view_text(w->name), &name))
			sweep(w);
		else if (is_wanted(w, &name.ip) && read_at(w, file))
			return true;
	}
	if (!w->is_one || w->has_looked_again)
		return false;
	w->has_looked_again = true;
	const struct entry_name plain = entry_name(&w->neighbour, VIEW_NONE, w->rules);
	must(view_to_text(view_text(plain.text), w->name, sizeof w->name));
	return read_at(w, file);
}

void popkey_walk_end(struct popkey_walk *w)
{
	if (w->stream)
		closedir(w->stream);
	w->stream = NULL;
	buffer_free(&w->content);
}

enum error popkey_read(
	int directory, struct view name, struct buffer *content, struct popkey_file *file)
{
	struct entry_name text;
	struct popkey_name parts;
	struct entry e;
	*file = (struct popkey_file){.mtime_ms = 0};
	if (!view_to_text(name, text.text, sizeof text.text) || !popkey_name_read(name, &parts))
		return ERROR_SYNTAX;
	const enum error error = entry_open_into(directory, text.text, content, &e);
	*file = e.file;
	file->name = parts;
	entry_close(&e);
	return error;
}

/* --- one address -------------------------------------------------------------------------- */

static void consider(struct popkey_answer *answer, const struct popkey_row *row, struct view user,
	uint64_t now_ms)
{
	if (!popkey_row_is_open(row, now_ms) || (user.length && !view_equal(row->user, user)) ||
		(answer->is_open && row->ends_ms <= answer->ends_ms))
		return;
	answer->is_open = true;
	answer->ends_ms = row->ends_ms;
	answer->user_length = row->user.length;
	must(view_copy(row->user, answer->user, sizeof answer->user));
}

struct question {
	struct view user;
	uint64_t now_ms;
	const struct popkey_rules *rules;
};

static void consider_file(
	struct popkey_answer *answer, const struct popkey_file *file, const struct question *q)
{
	struct popkey_rows rows = popkey_rows_of(file, q->rules);
	struct popkey_row row;
	while (popkey_rows_next(&rows, &row))
		consider(answer, &row, q->user, q->now_ms);
}

enum error popkey_look_up(int directory, const struct ip *ip, struct view user, uint64_t now_ms,
	const struct popkey_rules *rules, struct popkey_answer *answer)
{
	const struct question q = {.user = user, .now_ms = now_ms, .rules = rules};
	struct popkey_walk walk;
	struct popkey_file file;
	*answer = (struct popkey_answer){.is_open = false};
	const enum error error = popkey_walk_begin(&walk, directory, ip, rules);
	while (!error && popkey_walk_next(&walk, &file))
		consider_file(answer, &file, &q);
	popkey_walk_end(&walk);
	return error;
}
