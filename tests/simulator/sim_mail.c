#include "sim_mail.h"

#include "base/script.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_FD 100000
#define FDS_MAX 4096
#define FILE_COST 4096u

struct entry {
	struct entry *next;
	struct node *node;
	char name[256];
};

struct bytes {
	uint8_t *at;
	size_t length;
};

struct node {
	struct node *next; /* of all */
	uint64_t number;
	bool is_directory;
	bool is_dirty; /* `now` was not written out */
	struct bytes now; /* of a file */
	struct bytes kept;
	struct entry *names_now; /* of a directory */
	struct entry *names_kept;
	struct node *above; /* of a directory: it never gets another */
	char label[256];
};

/* What happened to names, in order. */
enum change { CHANGE_ADD, CHANGE_RENAME, CHANGE_EXCHANGE, CHANGE_REMOVE };

struct journal_entry {
	enum change change;
	struct node *directory;
	struct node *to_directory;
	struct node *node;
	char name[256];
	char to[256];
};

struct open_file {
	struct node *node; /* null: free */
	uint64_t told; /* errors that it was told of */
	bool writable;
};

struct open_list {
	struct entry *names; /* a copy */
	struct entry *at;
	int fd;
};

struct sim_mail {
	struct mail_disk disk;
	uint64_t seed;
	struct node *nodes;
	struct node *root;
	uint64_t last_number;
	struct journal_entry *journal;
	size_t journal_length;
	size_t journal_room;
	struct open_file files[FDS_MAX];
	size_t lists;
	uint64_t errors; /* writing out failed so often */
	enum sim_mail_plant plant;
	uint32_t chance;
	uint32_t sync_chance;
	uint64_t operations;
	uint64_t cut_at;
	uint64_t capacity;
	char denied[256];
	bool dead;
	void (*placed)(void *context, const char *mailbox, const char *name, struct view octets);
	void *context;
};

static struct sim_mail *sim_of(struct mail_disk *disk)
{
	return (struct sim_mail *)disk;
}

static uint64_t draw(struct sim_mail *m, uint64_t below)
{
	return script_draw(&m->seed) % below;
}

/* --- nodes and names ----------------------------------------------------------------------- */

static struct node *node_new(struct sim_mail *m, bool is_directory)
{
	struct node *n = calloc(1, sizeof *n);
	n->number = ++m->last_number;
	n->is_directory = is_directory;
	n->next = m->nodes;
	m->nodes = n;
	return n;
}

static struct entry **find(struct entry **names, const char *name)
{
	while (*names && strcmp((*names)->name, name) != 0)
		names = &(*names)->next;
	return names;
}

static void put(struct entry **names, const char *name, struct node *node)
{
	struct entry **at = find(names, name);
	if (!*at) {
		*at = calloc(1, sizeof **at);
		snprintf((*at)->name, sizeof(*at)->name, "%s", name);
	}
	(*at)->node = node;
}

static void drop(struct entry **names, const char *name)
{
	struct entry **at = find(names, name);
	struct entry *gone = *at;
	if (!gone)
		return;
	*at = gone->next;
	free(gone);
}

static void drop_all(struct entry **names)
{
	while (*names)
		drop(names, (*names)->name);
}

static void copy_names(struct entry **to, const struct entry *from)
{
	drop_all(to);
	for (; from; from = from->next)
		put(to, from->name, from->node);
}

static void copy_bytes(struct bytes *to, const struct bytes *from)
{
	to->at = realloc(to->at, from->length + 1);
	if (from->length)
		memcpy(to->at, from->at, from->length);
	to->length = from->length;
}

static struct entry **names_of(struct node *directory, bool kept)
{
	return kept ? &directory->names_kept : &directory->names_now;
}

/* In what reads see, or in what a power cut leaves. */
static void apply(const struct journal_entry *e, bool kept)
{
	struct entry **from = names_of(e->directory, kept);
	struct entry **to = names_of(e->to_directory ? e->to_directory : e->directory, kept);
	struct node *a, *b;
	switch (e->change) {
	case CHANGE_ADD:
		put(from, e->name, e->node);
		return;
	case CHANGE_REMOVE:
		drop(from, e->name);
		return;
	case CHANGE_RENAME:
		put(to, e->to, e->node);
		drop(from, e->name);
		return;
	case CHANGE_EXCHANGE:
		a = (*find(from, e->name))->node;
		b = (*find(to, e->to))->node;
		put(from, e->name, b);
		put(to, e->to, a);
		return;
	}
}

static void change(struct sim_mail *m, struct journal_entry e)
{
	if (m->journal_length == m->journal_room) {
		m->journal_room = m->journal_room ? m->journal_room * 2 : 64;
		m->journal = realloc(m->journal, m->journal_room * sizeof *m->journal);
	}
	m->journal[m->journal_length++] = e;
	apply(&e, false);
}

static struct journal_entry change_of(
	enum change change, struct node *directory, const char *name, struct node *node)
{
	struct journal_entry e = {.change = change, .directory = directory, .node = node};
	snprintf(e.name, sizeof e.name, "%s", name);
	return e;
}

/* The first `count` changes are on the disk. */
static void commit_names(struct sim_mail *m, size_t count)
{
	for (size_t i = 0; i < count; i++)
		apply(&m->journal[i], true);
	m->journal_length -= count;
	if (count)
		memmove(m->journal, m->journal + count, m->journal_length * sizeof *m->journal);
}

/* --- contents ------------------------------------------------------------------------------ */

/* What is on the disk of a content that was written and not synced. */
static void keep_any(struct sim_mail *m, struct node *n)
{
	switch (draw(m, 5)) {
	case 0:
		return; /* as it was: mostly nothing at all */
	case 1:
		copy_bytes(&n->kept, &n->now);
		return;
	case 2:
		copy_bytes(&n->kept, &n->now);
		memset(n->kept.at, 0, n->kept.length);
		return;
	case 3:
		copy_bytes(&n->kept, &n->now);
		n->kept.length = n->kept.length ? draw(m, n->kept.length) : 0;
		return;
	default:
		copy_bytes(&n->kept, &n->now);
		if (n->kept.length) {
			const size_t from = draw(m, n->kept.length);
			memset(n->kept.at + from, 0, n->kept.length - from);
		}
		return;
	}
}

static void keep_all(struct node *n)
{
	copy_bytes(&n->kept, &n->now);
	n->is_dirty = false;
}

/* Written out, or not: nobody will try again. Now and then memory is wanted, and reads see it. */
static void lose(struct sim_mail *m, struct node *n)
{
	keep_any(m, n);
	n->is_dirty = false;
	if (draw(m, 2))
		copy_bytes(&n->now, &n->kept);
}

/* --- what becomes of an operation ---------------------------------------------------------- */

static bool is_alive(struct sim_mail *m)
{
	if (!m->dead && m->cut_at && ++m->operations >= m->cut_at)
		sim_mail_cut(m);
	if (m->dead)
		errno = EIO;
	return !m->dead;
}

static bool may(struct sim_mail *m)
{
	if (!is_alive(m))
		return false;
	if (m->chance && draw(m, 65536) < m->chance) {
		errno = draw(m, 2) ? EIO : ENOSPC;
		return false;
	}
	return true;
}

static uint64_t used(const struct sim_mail *m)
{
	uint64_t octets = 0;
	for (const struct node *n = m->nodes; n; n = n->next)
		octets += n->now.length + (n->is_directory ? 0 : FILE_COST);
	return octets;
}

static bool has_room(const struct sim_mail *m, uint64_t octets)
{
	if (!m->capacity || used(m) + octets <= m->capacity)
		return true;
	errno = ENOSPC;
	return false;
}

static struct open_file *file_of(struct sim_mail *m, int fd)
{
	const int i = fd - FIRST_FD;
	if (i < 0 || i >= FDS_MAX || !m->files[i].node) {
		errno = EBADF;
		return NULL;
	}
	return &m->files[i];
}

static int open_node(struct sim_mail *m, struct node *node, bool writable)
{
	for (int i = 0; i < FDS_MAX; i++)
		if (!m->files[i].node) {
			m->files[i] = (struct open_file){
				.node = node, .told = m->errors, .writable = writable};
			return FIRST_FD + i;
		}
	errno = EMFILE;
	return -1;
}

/* Walks to the directory that holds the last part of `path`, which becomes `name_out`. */
static struct node *walk(struct sim_mail *m, int at, const char *path, char name_out[256])
{
	struct open_file *f = file_of(m, at);
	struct node *directory = f ? f->node : NULL;
	while (directory) {
		const size_t length = strcspn(path, "/");
		if (!directory->is_directory) {
			errno = ENOTDIR;
			return NULL;
		}
		if (length >= 256) {
			errno = ENAMETOOLONG;
			return NULL;
		}
		memcpy(name_out, path, length);
		name_out[length] = 0;
		if (directory == m->root && m->denied[0] && strcmp(name_out, m->denied) == 0) {
			errno = EACCES;
			return NULL;
		}
		if (!path[length] || !path[length + 1])
			return directory;
		path += length + 1;
		const struct entry *e = *find(&directory->names_now, name_out);
		if (!e) {
			errno = ENOENT;
			return NULL;
		}
		directory = e->node;
	}
	return NULL;
}

static struct node *look_up(struct sim_mail *m, int at, const char *path)
{
	char name[256];
	struct node *directory = walk(m, at, path, name);
	if (!directory)
		return NULL;
	if (strcmp(name, ".") == 0 || !name[0])
		return directory;
	const struct entry *e = *find(&directory->names_now, name);
	if (!e)
		errno = ENOENT;
	return e ? e->node : NULL;
}

/* --- the operations ------------------------------------------------------------------------ */

static int op_open(struct mail_disk *disk, int at, const char *path, int flags, unsigned mode)
{
	(void)mode;
	struct sim_mail *m = sim_of(disk);
	char name[256];
	if (!may(m))
		return -1;
	struct node *directory = walk(m, at, path, name);
	if (!directory)
		return -1;
	struct node *node = look_up(m, at, path);
	if (node && flags & O_CREAT && flags & O_EXCL) {
		errno = EEXIST;
		return -1;
	}
	if (node && flags & O_DIRECTORY && !node->is_directory) {
		errno = ENOTDIR;
		return -1;
	}
	if (!node && !(flags & O_CREAT)) {
		errno = ENOENT;
		return -1;
	}
	if (!node) {
		if (!has_room(m, FILE_COST))
			return -1;
		node = node_new(m, false);
		change(m, change_of(CHANGE_ADD, directory, name, node));
	}
	return open_node(m, node, (flags & O_ACCMODE) != O_RDONLY);
}

static int op_close(struct mail_disk *disk, int fd)
{
	struct open_file *f = file_of(sim_of(disk), fd);
	if (!f)
		return -1;
	f->node = NULL;
	return 0;
}

static int op_make_directory(struct mail_disk *disk, int at, const char *path, unsigned mode)
{
	(void)mode;
	struct sim_mail *m = sim_of(disk);
	char name[256];
	if (!may(m))
		return -1;
	struct node *directory = walk(m, at, path, name);
	if (!directory)
		return -1;
	if (*find(&directory->names_now, name)) {
		errno = EEXIST;
		return -1;
	}
	struct node *node = node_new(m, true);
	node->above = directory;
	snprintf(node->label, sizeof node->label, "%s", name);
	change(m, change_of(CHANGE_ADD, directory, name, node));
	return 0;
}

static int op_facts(struct mail_disk *disk, int at, const char *path, struct mail_disk_facts *facts)
{
	struct sim_mail *m = sim_of(disk);
	struct open_file *f = file_of(m, at);
	if (!f || !may(m))
		return -1;
	const struct node *n = path ? look_up(m, at, path) : f->node;
	if (!n)
		return -1;
	*facts = (struct mail_disk_facts){.device = 77,
		.inode = n->number,
		.octets = n->now.length,
		.is_regular = !n->is_directory};
	return 0;
}

static ssize_t op_read(struct mail_disk *disk, int fd, uint8_t *to, size_t room, uint64_t offset)
{
	struct sim_mail *m = sim_of(disk);
	const struct open_file *f = file_of(m, fd);
	if (!f || !may(m))
		return -1;
	const struct bytes *b = &f->node->now;
	if (offset >= b->length)
		return 0;
	const size_t n = b->length - offset < room ? b->length - offset : room;
	memcpy(to, b->at + offset, n);
	return (ssize_t)n;
}

static ssize_t op_write(
	struct mail_disk *disk, int fd, const struct view *parts, size_t count, uint64_t offset)
{
	struct sim_mail *m = sim_of(disk);
	const struct open_file *f = file_of(m, fd);
	size_t length = 0;
	if (!f || !may(m))
		return -1;
	if (!f->writable) {
		errno = EBADF;
		return -1;
	}
	for (size_t i = 0; i < count; i++)
		length += parts[i].length;
	struct bytes *b = &f->node->now;
	if (offset + length > b->length && !has_room(m, offset + length - b->length))
		return -1;
	if (offset + length > b->length) {
		b->at = realloc(b->at, offset + length);
		if (offset > b->length)
			memset(b->at + b->length, 0, offset - b->length);
		b->length = offset + length;
	}
	for (size_t i = 0; i < count; i++) {
		if (parts[i].length)
			memcpy(b->at + offset, parts[i].at, parts[i].length);
		offset += parts[i].length;
	}
	f->node->is_dirty = true;
	return (ssize_t)length;
}

/* The two names of a renaming; false with errno. */
static bool walk_both(struct sim_mail *m, int from_at, const char *from, int to_at, const char *to,
	struct journal_entry *e)
{
	e->directory = walk(m, from_at, from, e->name);
	e->to_directory = e->directory ? walk(m, to_at, to, e->to) : NULL;
	if (!e->to_directory)
		return false;
	const struct entry *entry = *find(&e->directory->names_now, e->name);
	if (!entry)
		errno = ENOENT;
	e->node = entry ? entry->node : NULL;
	return entry != NULL;
}

static int op_rename(
	struct mail_disk *disk, int from_at, const char *from, int to_at, const char *to)
{
	struct sim_mail *m = sim_of(disk);
	struct journal_entry e = {.change = CHANGE_RENAME};
	if (!may(m) || !walk_both(m, from_at, from, to_at, to, &e))
		return -1;
	if (e.directory != e.to_directory || strcmp(e.name, e.to) != 0)
		change(m, e);
	if (m->placed && strcmp(e.to_directory->label, "new") == 0)
		m->placed(m->context, e.to_directory->above->label, e.to,
			view_of(e.node->now.at, e.node->now.length));
	return 0;
}

static int op_exchange(
	struct mail_disk *disk, int from_at, const char *from, int to_at, const char *to)
{
	struct sim_mail *m = sim_of(disk);
	struct journal_entry e = {.change = CHANGE_EXCHANGE};
	if (!may(m) || !walk_both(m, from_at, from, to_at, to, &e))
		return -1;
	if (!*find(&e.to_directory->names_now, e.to)) {
		errno = ENOENT;
		return -1;
	}
	change(m, e);
	return 0;
}

static int op_unlink(struct mail_disk *disk, int at, const char *path)
{
	struct sim_mail *m = sim_of(disk);
	char name[256];
	if (!may(m))
		return -1;
	struct node *directory = walk(m, at, path, name);
	if (!directory)
		return -1;
	if (!*find(&directory->names_now, name)) {
		errno = ENOENT;
		return -1;
	}
	change(m, change_of(CHANGE_REMOVE, directory, name, NULL));
	return 0;
}

/* One descriptor: its content, and the changes of names up to the last one that has to do with it. */
static int op_sync(struct mail_disk *disk, int fd)
{
	struct sim_mail *m = sim_of(disk);
	const struct open_file *f = file_of(m, fd);
	size_t needed = 0;
	if (!f || !is_alive(m))
		return -1;
	if (draw(m, 65536) < m->sync_chance) {
		m->errors++;
		lose(m, f->node);
		errno = EIO;
		return -1;
	}
	keep_all(f->node);
	for (size_t i = 0; i < m->journal_length; i++) {
		const struct journal_entry *e = &m->journal[i];
		if (e->directory == f->node || e->to_directory == f->node || e->node == f->node)
			needed = i + 1;
	}
	commit_names(m, needed + draw(m, m->journal_length - needed + 1));
	return 0;
}

static void sync_fails(struct sim_mail *m)
{
	m->errors++;
	commit_names(m, draw(m, m->journal_length + 1));
	for (struct node *n = m->nodes; n; n = n->next)
		if (n->is_dirty && draw(m, 2))
			lose(m, n);
		else if (n->is_dirty)
			keep_all(n);
}

static int op_sync_all(struct mail_disk *disk, int fd)
{
	struct sim_mail *m = sim_of(disk);
	struct open_file *f = file_of(m, fd);
	if (!f || !is_alive(m))
		return -1;
	if (m->plant == SIM_MAIL_PLANT_SYNC_IGNORED)
		return 0;
	if (draw(m, 65536) < m->sync_chance)
		sync_fails(m);
	for (struct node *n = m->nodes; n; n = n->next)
		if (n->is_dirty)
			keep_all(n);
	if (m->plant != SIM_MAIL_PLANT_NAMES_FORGOTTEN)
		commit_names(m, m->journal_length);
	if (f->told == m->errors || m->plant == SIM_MAIL_PLANT_FAILURE_HIDDEN)
		return 0;
	f->told = m->errors;
	errno = EIO;
	return -1;
}

static void *op_list(struct mail_disk *disk, int fd)
{
	struct sim_mail *m = sim_of(disk);
	struct open_file *f = file_of(m, fd);
	if (!f)
		return NULL;
	struct node *node = f->node;
	if (!may(m) || !node->is_directory) {
		op_close(disk, fd);
		return NULL;
	}
	struct open_list *list = calloc(1, sizeof *list);
	copy_names(&list->names, node->names_now);
	list->at = list->names;
	list->fd = fd;
	m->lists++;
	return list;
}

static bool op_next(struct mail_disk *disk, void *context, struct mail_disk_entry *entry)
{
	struct open_list *list = context;
	if (!may(sim_of(disk)))
		return false;
	errno = 0;
	if (!list->at)
		return false;
	*entry = (struct mail_disk_entry){.name = list->at->name,
		.inode = list->at->node->number,
		.is_regular = !list->at->node->is_directory};
	list->at = list->at->next;
	return true;
}

static void op_end(struct mail_disk *disk, void *context)
{
	struct open_list *list = context;
	sim_of(disk)->lists--;
	op_close(disk, list->fd);
	drop_all(&list->names);
	free(list);
}

/* --- the test's side ----------------------------------------------------------------------- */

struct sim_mail *sim_mail_new(uint64_t seed)
{
	struct sim_mail *m = calloc(1, sizeof *m);
	m->seed = seed;
	m->disk = (struct mail_disk){.open = op_open,
		.close = op_close,
		.make_directory = op_make_directory,
		.facts = op_facts,
		.read = op_read,
		.write = op_write,
		.rename = op_rename,
		.exchange = op_exchange,
		.unlink = op_unlink,
		.sync = op_sync,
		.sync_all = op_sync_all,
		.list = op_list,
		.next = op_next,
		.end = op_end};
	m->root = node_new(m, true);
	return m;
}

void sim_mail_free(struct sim_mail **at)
{
	struct sim_mail *m = *at;
	if (!m)
		return;
	while (m->nodes) {
		struct node *next = m->nodes->next;
		drop_all(&m->nodes->names_now);
		drop_all(&m->nodes->names_kept);
		free(m->nodes->now.at);
		free(m->nodes->kept.at);
		free(m->nodes);
		m->nodes = next;
	}
	free(m->journal);
	free(m);
	*at = NULL;
}

struct mail_disk *sim_mail_disk(struct sim_mail *m)
{
	return &m->disk;
}

int sim_mail_root(struct sim_mail *m)
{
	return open_node(m, m->root, false);
}

void sim_mail_watch(struct sim_mail *m,
	void (*placed)(void *context, const char *mailbox, const char *name, struct view octets),
	void *context)
{
	m->placed = placed;
	m->context = context;
}

void sim_mail_plant(struct sim_mail *m, enum sim_mail_plant plant)
{
	m->plant = plant;
}

void sim_mail_fail(struct sim_mail *m, uint32_t chance, uint32_t sync_chance)
{
	m->chance = chance;
	m->sync_chance = sync_chance;
}

void sim_mail_cut_nth(struct sim_mail *m, uint64_t nth)
{
	m->operations = 0;
	m->cut_at = nth;
}

void sim_mail_cut(struct sim_mail *m)
{
	m->dead = true;
	m->cut_at = 0;
}

bool sim_mail_is_dead(const struct sim_mail *m)
{
	return m->dead;
}

void sim_mail_close_all(struct sim_mail *m)
{
	for (size_t i = 0; i < FDS_MAX; i++)
		m->files[i].node = NULL;
}

/* Nodes that no name leads to any more are only forgotten with the disk. */
void sim_mail_power_on(struct sim_mail *m)
{
	sim_mail_close_all(m);
	commit_names(m, draw(m, m->journal_length + 1));
	m->journal_length = 0;
	for (struct node *n = m->nodes; n; n = n->next) {
		if (n->is_dirty)
			keep_any(m, n);
		n->is_dirty = false;
		copy_bytes(&n->now, &n->kept);
		copy_names(&n->names_now, n->names_kept);
	}
	m->errors = 0;
	m->dead = false;
	m->cut_at = 0;
}

void sim_mail_capacity(struct sim_mail *m, uint64_t octets)
{
	m->capacity = octets;
}

void sim_mail_deny(struct sim_mail *m, const char *mailbox)
{
	snprintf(m->denied, sizeof m->denied, "%s", mailbox ? mailbox : "");
}

size_t sim_mail_open(const struct sim_mail *m)
{
	size_t count = m->lists;
	for (size_t i = 0; i < FDS_MAX; i++)
		count += m->files[i].node != NULL;
	return count;
}

static void each_below(const struct node *directory, const char *path,
	void (*each)(void *context, const char *path, struct view octets), void *context)
{
	char below[1024];
	for (const struct entry *e = directory->names_now; e; e = e->next) {
		snprintf(below, sizeof below, "%s%s%s", path, *path ? "/" : "", e->name);
		if (e->node->is_directory)
			each_below(e->node, below, each, context);
		else
			each(context, below, view_of(e->node->now.at, e->node->now.length));
	}
}

void sim_mail_each(const struct sim_mail *m,
	void (*each)(void *context, const char *path, struct view octets), void *context)
{
	each_below(m->root, "", each, context);
}
