#include "store/maildir_list.h"

#include "store/maildir_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define MEASURE_CHUNK 65536u

static const char *const below[2] = {"cur", "new"};

struct places {
	struct mail_disk *disk;
	int directories[2]; /* as `below`; -1: not there */
	int maildir;
};

/* What is not there holds no message. */
static enum error open_places(const struct maildir_place *place, struct places *p)
{
	*p = (struct places){.disk = place->disk, .directories = {-1, -1}};
	enum error error = maildir_walk_open(place, &p->maildir);
	if (error)
		return error == ERROR_MISSING ? ERROR_NONE : error;
	for (size_t i = 0; i < 2; i++) {
		p->directories[i] = p->disk->open(
			p->disk, p->maildir, below[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
		if (p->directories[i] < 0 && errno != ENOENT)
			error = ERROR_IO;
	}
	return error;
}

static void close_places(struct places *p)
{
	for (size_t i = 0; i < 2; i++)
		if (p->directories[i] >= 0)
			p->disk->close(p->disk, p->directories[i]);
	if (p->maildir >= 0)
		p->disk->close(p->disk, p->maildir);
}

static int directory_of(const struct places *p, const struct maildir_row *row)
{
	return p->directories[row->flags & MAILDIR_ROW_NEW ? 1 : 0];
}

static void name_of(const struct maildir_list *list, const struct maildir_row *row,
	char name[MAILDIR_NAME_MAX + 1])
{
	must(view_to_text(maildir_list_name(list, row), name, MAILDIR_NAME_MAX + 1));
}

/* --- looking again ------------------------------------------------------------------------ */

struct search {
	struct maildir_list *list;
	uint32_t *rows; /* sorted by base name, then by inode */
	uint32_t count;
	uint32_t found;
};

static int compare_bases(const void *a, const void *b, void *context)
{
	const struct maildir_list *list = context;
	const struct maildir_row *one = &list->rows[*(const uint32_t *)a];
	const struct maildir_row *two = &list->rows[*(const uint32_t *)b];
	const int by_base =
		view_compare(maildir_list_base(list, one), maildir_list_base(list, two));
	if (by_base)
		return by_base;
	return one->inode < two->inode ? -1 : one->inode > two->inode;
}

static int compare_entry(
	const struct search *s, uint32_t at, struct view base, const struct maildir_entry *entry)
{
	const struct maildir_row *row = &s->list->rows[s->rows[at]];
	const int by_base = view_compare(base, maildir_list_base(s->list, row));
	if (by_base)
		return by_base;
	return entry->inode < row->inode ? -1 : entry->inode > row->inode;
}

static struct maildir_row *find_row(const struct search *s, const struct maildir_entry *entry)
{
	const struct view base = maildir_base(entry->name);
	uint32_t low = 0;
	uint32_t high = s->count;
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const int order = compare_entry(s, middle, base, entry);
		if (order == 0)
			return &s->list->rows[s->rows[middle]];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* The row's file has this name now. */
static enum error rename_row(
	struct maildir_list *list, struct maildir_row *row, struct view name, bool is_new)
{
	const size_t at = list->names.length;
	buffer_add(&list->names, name);
	if (buffer_failed(&list->names)) {
		list->names.failed = false; /* the names that are there still hold */
		return ERROR_LIMIT;
	}
	row->name_at = (uint32_t)at;
	row->name_length = (uint8_t)name.length;
	row->flags = (uint8_t)((row->flags & ~(unsigned)(MAILDIR_ROW_NEW | MAILDIR_ROW_GONE)) |
			       (is_new ? MAILDIR_ROW_NEW : 0u));
	return ERROR_NONE;
}

static enum error look_in(struct search *s, const struct places *p, size_t which)
{
	struct maildir_walk walk;
	struct maildir_entry entry;
	if (p->directories[which] < 0)
		return ERROR_NONE;
	enum error error = maildir_walk_begin(p->disk, p->maildir, below[which], &walk);
	if (error == ERROR_MISSING)
		return ERROR_NONE;
	while (!error && maildir_walk_next(&walk, &entry)) {
		struct maildir_row *row = find_row(s, &entry);
		if (row)
			error = rename_row(s->list, row, entry.name, which == 1);
	}
	if (!error)
		error = walk.error;
	maildir_walk_end(&walk);
	return error;
}

/* Gives each of the rows its present name; those without one are marked gone. */
static enum error look_again(
	struct maildir_list *list, uint32_t *rows, uint32_t count, const struct places *p)
{
	struct search s = {.list = list, .rows = rows, .count = count};
	qsort_r(rows, count, sizeof *rows, compare_bases, list);
	for (uint32_t i = 0; i < count; i++)
		list->rows[rows[i]].flags |= MAILDIR_ROW_GONE;
	const enum error error = look_in(&s, p, 1);
	return error ? error : look_in(&s, p, 0);
}

/* --- opening ------------------------------------------------------------------------------ */

/* Where the row was last. `sure`: the directory has just said so; else what is there now is another
 * file when its inode is another (or the file system is one whose directories give numbers of their
 * own: the directory will tell). */
static enum error open_row(const struct maildir_list *list, const struct maildir_row *row,
	const struct places *p, bool sure, int *fd)
{
	char name[MAILDIR_NAME_MAX + 1];
	struct mail_disk_facts facts;
	name_of(list, row, name);
	const int directory = directory_of(p, row);
	if (directory < 0)
		return ERROR_MISSING;
	/* not to wait for a writer, should somebody put a pipe there */
	*fd = p->disk->open(p->disk, directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (*fd < 0)
		return error_of_errno(errno);
	if (sure || (p->disk->facts(p->disk, *fd, NULL, &facts) == 0 && facts.inode == row->inode))
		return ERROR_NONE;
	p->disk->close(p->disk, *fd);
	*fd = -1;
	return ERROR_MISSING;
}

static enum error check_size(struct mail_disk *disk, int fd, struct maildir_row *row)
{
	struct mail_disk_facts facts;
	if (disk->facts(disk, fd, NULL, &facts) != 0)
		return error_of_errno(errno);
	if (!facts.is_regular)
		return ERROR_MISSING;
	if (facts.octets == row->octets)
		return ERROR_NONE;
	row->octets = row->sent_octets = facts.octets;
	return ERROR_CORRUPT;
}

static enum error open_somewhere(
	struct maildir_list *list, struct maildir_row *row, const struct places *p, int *fd)
{
	enum error error = open_row(list, row, p, false, fd);
	if (error != ERROR_MISSING)
		return error;
	uint32_t number = (uint32_t)(row - list->rows);
	error = look_again(list, &number, 1, p);
	if (!error)
		error = row->flags & MAILDIR_ROW_GONE ? ERROR_MISSING
						      : open_row(list, row, p, true, fd);
	if (error == ERROR_MISSING)
		row->flags |= MAILDIR_ROW_GONE;
	return error;
}

enum error maildir_list_open(const struct maildir_place *place, struct maildir_list *list,
	struct maildir_row *row, int *fd_out)
{
	struct places p;
	int fd = -1;
	enum error error = open_places(place, &p);
	if (!error)
		error = open_somewhere(list, row, &p, &fd);
	close_places(&p);
	if (!error)
		error = check_size(place->disk, fd, row);
	if (error && fd >= 0)
		place->disk->close(place->disk, fd);
	*fd_out = error ? -1 : fd;
	return error;
}

/* --- measuring ---------------------------------------------------------------------------- */

/* What a file lacks so that each of its lines ends in CRLF; as protocol/pop3_content.c sends it. */
struct lines {
	uint64_t missing;
	bool after_cr;
	bool after_lf;
};

static void count_lines(struct lines *l, struct view octets)
{
	while (octets.length) {
		const size_t lf = view_find(octets, '\n');
		const size_t line = lf == VIEW_NOT_FOUND ? octets.length : lf;
		if (line)
			l->after_cr = view_at(octets, line - 1) == '\r';
		l->after_lf = lf != VIEW_NOT_FOUND;
		if (!l->after_lf)
			return;
		l->missing += !l->after_cr;
		l->after_cr = false;
		octets = view_from(octets, lf + 1);
	}
}

static void end_lines(struct lines *l)
{
	if (!l->after_lf)
		l->missing += l->after_cr ? 1 : 2;
}

static bool read_lines(struct mail_disk *disk, int fd, uint64_t octets, struct lines *l)
{
	struct buffer chunk = buffer_new(MEASURE_CHUNK);
	uint8_t *room = buffer_room(&chunk, MEASURE_CHUNK);
	uint64_t done = 0;
	while (room && done < octets) {
		const ssize_t n = disk->read(disk, fd, room, MEASURE_CHUNK, done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		count_lines(l, view_of(room, (size_t)n));
		done += (uint64_t)n;
	}
	buffer_free(&chunk);
	return done == octets;
}

static void measure_file(struct mail_disk *disk, int fd, struct maildir_row *row)
{
	struct mail_disk_facts facts;
	struct lines lines = {.after_lf = true};
	if (disk->facts(disk, fd, NULL, &facts) != 0 || !facts.is_regular ||
		facts.octets > MAILDIR_MEASURE_MAX || !read_lines(disk, fd, facts.octets, &lines))
		return;
	end_lines(&lines);
	row->octets = facts.octets; /* S= may have been wrong */
	row->sent_octets = facts.octets + lines.missing;
}

static void measure_row(struct maildir_list *list, struct maildir_row *row, const struct places *p)
{
	int fd;
	if (open_row(list, row, p, false, &fd))
		return;
	list->sent_octets -= row->sent_octets;
	measure_file(p->disk, fd, row);
	list->sent_octets += row->sent_octets;
	p->disk->close(p->disk, fd);
}

bool maildir_list_measure(
	const struct maildir_place *place, struct maildir_list *list, uint32_t *next)
{
	struct places p = {.disk = NULL};
	uint32_t files = 0;
	uint64_t octets = 0;
	while (*next < list->count && files < MAILDIR_MEASURE_STEP_FILES &&
		octets < MAILDIR_MEASURE_STEP_OCTETS) {
		struct maildir_row *row = &list->rows[(*next)++];
		if (!(row->flags & MAILDIR_ROW_GUESSED))
			continue;
		if (!p.disk && open_places(place, &p)) {
			*next = list->count;
			break;
		}
		measure_row(list, row, &p);
		files++;
		octets += row->octets;
	}
	if (p.disk)
		close_places(&p);
	return *next < list->count;
}

/* --- removing ----------------------------------------------------------------------------- */

/* `sure` as in open_row. */
static enum error unlink_row(const struct maildir_list *list, const struct maildir_row *row,
	const struct places *p, bool sure)
{
	char name[MAILDIR_NAME_MAX + 1];
	struct mail_disk_facts facts;
	name_of(list, row, name);
	const int directory = directory_of(p, row);
	if (directory < 0)
		return ERROR_MISSING;
	if (!sure && p->disk->facts(p->disk, directory, name, &facts) != 0)
		return error_of_errno(errno);
	if (!sure && facts.inode != row->inode)
		return ERROR_MISSING;
	return p->disk->unlink(p->disk, directory, name) == 0 ? ERROR_NONE : error_of_errno(errno);
}

static void count_row(struct maildir_row *row, enum error error, struct maildir_removal *r)
{
	if (error && error != ERROR_MISSING) {
		r->failed++;
		r->error = error;
		return;
	}
	row->flags |= MAILDIR_ROW_GONE;
	r->removed++;
}

/* Those that were not where they had been. */
static void unlink_moved(struct maildir_list *list, uint32_t *rows, uint32_t count,
	const struct places *p, struct maildir_removal *r)
{
	const enum error error = look_again(list, rows, count, p);
	for (uint32_t i = 0; i < count; i++) {
		struct maildir_row *row = &list->rows[rows[i]];
		if (error) /* perhaps there, not seen */
			row->flags &= (uint8_t)~MAILDIR_ROW_GONE;
		if (error || row->flags & MAILDIR_ROW_GONE)
			count_row(row, error, r);
		else
			count_row(row, unlink_row(list, row, p, true), r);
	}
}

void maildir_list_remove(const struct maildir_place *place, struct maildir_list *list,
	uint32_t steps, struct maildir_removal *r)
{
	struct places p;
	uint32_t *moved = memory_new(steps, sizeof *moved);
	uint32_t moved_count = 0;
	const enum error no_places = open_places(place, &p);
	for (; steps && r->next < list->count; r->next++) {
		struct maildir_row *row = &list->rows[r->next];
		if (!(row->flags & MAILDIR_ROW_REMOVE))
			continue;
		steps--;
		row->flags &= (uint8_t)~MAILDIR_ROW_REMOVE;
		const enum error error = no_places ? no_places : unlink_row(list, row, &p, false);
		if (error == ERROR_MISSING)
			moved[moved_count++] = r->next;
		else
			count_row(row, error, r);
	}
	if (moved_count)
		unlink_moved(list, moved, moved_count, &p, r);
	close_places(&p);
	memory_free(moved);
}

enum error maildir_list_sync(const struct maildir_place *place)
{
	struct places p;
	enum error error = open_places(place, &p);
	for (size_t i = 0; !error && i < 2; i++)
		if (p.directories[i] >= 0 && p.disk->sync(p.disk, p.directories[i]) != 0)
			error = error_of_errno(errno);
	close_places(&p);
	return error;
}
