#include "popkey/names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENTS_OCTETS 65536u
#define CHANGES (IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR)

/* An address, and its files. */
struct place {
	struct ip ip; /* first: by it the tree is ordered */
	struct popkey_known *first;
};

struct names {
	const char *path;
	struct popkey_rules rules;
	size_t max;
	int directory; /* -1: it is away */
	int notices;
	int watch; /* its number in `notices`; -1: none */
	void *places; /* tsearch(3): balanced whatever addresses strangers choose */
	size_t count;
	bool is_known; /* no name is missing in it */
};

/* --- the names ---------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	return view_compare(view_of(a, sizeof(struct ip)), view_of(b, sizeof(struct ip)));
}

static struct place *place_of(const struct names *n, const struct ip *ip)
{
	const struct ip neighbour = popkey_neighbour(ip, &n->rules);
	void *const *found = tfind(&neighbour, &n->places, compare);
	return found ? *found : NULL;
}

/* Where the pointer to it stands: its own, or the one at the end. */
static struct popkey_known **link_of(struct place *place, struct view name)
{
	struct popkey_known **at = &place->first;
	while (*at && !view_equal(view_text((*at)->name), name))
		at = &(*at)->next;
	return at;
}

static struct place *place_new(struct names *n, const struct ip *ip)
{
	struct place *place = memory_new(1, sizeof *place);
	place->ip = popkey_neighbour(ip, &n->rules);
	must(tsearch(place, &n->places, compare) != NULL);
	return place;
}

static void add(struct names *n, const struct ip *ip, struct view name)
{
	struct place *place = place_of(n, ip);
	if (!place)
		place = place_new(n, ip);
	struct popkey_known **at = link_of(place, name);
	if (*at)
		return;
	if (n->count == n->max) {
		n->is_known = false;
		return;
	}
	*at = memory_new(1, sizeof **at + name.length + 1);
	must(view_to_text(name, (*at)->name, name.length + 1));
	n->count++;
}

static void take_out(struct names *n, const struct ip *ip, struct view name)
{
	struct place *place = place_of(n, ip);
	struct popkey_known **at = place ? link_of(place, name) : NULL;
	if (!at || !*at)
		return;
	struct popkey_known *gone = *at;
	*at = gone->next;
	memory_free(gone);
	n->count--;
	if (place->first)
		return;
	tdelete(place, &n->places, compare);
	memory_free(place);
}

static void place_free(void *at)
{
	struct place *place = at;
	while (place->first) {
		struct popkey_known *gone = place->first;
		place->first = gone->next;
		memory_free(gone);
	}
	memory_free(place);
}

static void forget(struct names *n)
{
	tdestroy(n->places, place_free);
	n->places = NULL;
	n->count = 0;
	n->is_known = false;
}

/* --- the directory ------------------------------------------------------------------------ */

static void add_all(struct names *n, DIR *stream)
{
	const struct dirent *at;
	struct popkey_name name;
	while (n->is_known && (errno = 0, at = readdir(stream)) != NULL)
		if (popkey_name_read(view_text(at->d_name), &name))
			add(n, &name.ip, view_text(at->d_name));
	n->is_known = n->is_known && !errno;
}

/* Watched first: what comes meanwhile is told. */
static void scan(struct names *n)
{
	forget(n);
	if (n->notices < 0 || !popkey_is_of_this_host(n->directory))
		return;
	n->watch = inotify_add_watch(n->notices, n->path, CHANGES);
	const int own =
		n->watch < 0 ? -1 : openat(n->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = own < 0 ? NULL : fdopendir(own);
	if (stream) {
		n->is_known = true;
		add_all(n, stream);
		closedir(stream);
	} else if (own >= 0) {
		close(own);
	}
	if (!n->is_known)
		forget(n);
}

static enum error reopen(struct names *n)
{
	if (n->directory >= 0 && popkey_has_moved(n->directory, n->path)) {
		forget(n);
		if (n->watch >= 0)
			inotify_rm_watch(n->notices, n->watch);
		n->watch = -1;
		close(n->directory);
		n->directory = -1;
	}
	if (n->directory < 0)
		n->directory = popkey_open(n->path);
	return n->directory < 0 ? error_of_errno(errno) : ERROR_NONE;
}

/* --- what changes ------------------------------------------------------------------------- */

static struct view until_nul(struct view v)
{
	return view_first(v, view_find(v, 0));
}

/* What a name has become says the directory, not the notice: an exchange takes away both names before it gives them back. */
static void take_name(struct names *n, struct view name, const char *text)
{
	struct popkey_name parts;
	struct stat s;
	if (!popkey_name_read(name, &parts))
		return;
	if (fstatat(n->directory, text, &s, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		add(n, &parts.ip, name);
	else
		take_out(n, &parts.ip, name);
}

static void take_notice(struct names *n, struct cursor *c)
{
	cursor_u32(c); /* the watch */
	const uint32_t mask = cursor_u32(c);
	cursor_u32(c);
	const struct view name = until_nul(cursor_take(c, cursor_u32(c)));
	if (mask & IN_Q_OVERFLOW)
		n->is_known = false;
	else if (n->is_known && name.length)
		take_name(n, name, (const char *)name.at);
}

static void take_notices(struct names *n)
{
	static uint8_t octets[EVENTS_OCTETS];
	ssize_t length;
	while (n->notices >= 0 && (length = read(n->notices, octets, sizeof octets)) > 0) {
		struct cursor c = cursor_of(view_of(octets, (size_t)length));
		while (cursor_left(&c) && !cursor_failed(&c))
			take_notice(n, &c);
	}
}

enum error names_update(struct names *n)
{
	const enum error error = reopen(n);
	if (error)
		return error;
	take_notices(n);
	if (!n->is_known)
		scan(n);
	return ERROR_NONE;
}

/* ------------------------------------------------------------------------------------------- */

struct names *names_new(const char *path, const struct popkey_rules *rules, size_t max)
{
	struct names *n = memory_new(1, sizeof *n);
	*n = (struct names){.path = path,
		.rules = *rules,
		.max = max,
		.directory = -1,
		.notices = inotify_init1(IN_NONBLOCK | IN_CLOEXEC),
		.watch = -1};
	return n;
}

void names_free(struct names **n)
{
	if (!*n)
		return;
	forget(*n);
	if ((*n)->directory >= 0)
		close((*n)->directory);
	if ((*n)->notices >= 0)
		close((*n)->notices);
	memory_free(*n);
	*n = NULL;
}

enum error names_walk(struct names *n, const struct ip *ip, struct popkey_walk *w)
{
	*w = (struct popkey_walk){.directory = -1};
	const enum error error = names_update(n);
	if (error)
		return error;
	if (!n->is_known)
		return popkey_walk_begin(w, n->directory, ip, &n->rules);
	const struct place *place = place_of(n, ip);
	popkey_walk_known(w, n->directory, ip, place ? place->first : NULL, &n->rules);
	return ERROR_NONE;
}

int names_descriptor(const struct names *n)
{
	return n->notices;
}

bool names_count(const struct names *n, size_t *count_out)
{
	*count_out = n->count;
	return n->is_known;
}
