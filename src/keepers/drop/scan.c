#include "keepers/drop/dropd.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define STALE_S (24 * 60 * 60) /* a name that is not whole after so long will never be */
#define OWNERS_MAX 1024u

struct owner {
	uint32_t uid;
	unsigned files;
	uint64_t octets;
};

struct look {
	struct scan *scan;
	uint32_t gid;
	struct owner owners[OWNERS_MAX];
	size_t owner_count;
};

static void ignore(struct scan *s, const char *name, const char *why)
{
	if (s->ignored++ == 0) {
		must(view_to_text(view_first(view_text(name), sizeof s->ignored_name - 1),
			s->ignored_name, sizeof s->ignored_name));
		s->ignored_why = why;
	}
}

static struct owner *owner_of(struct look *l, uint32_t uid)
{
	for (size_t i = 0; i < l->owner_count; i++)
		if (l->owners[i].uid == uid)
			return &l->owners[i];
	if (l->owner_count == OWNERS_MAX)
		return NULL;
	struct owner *o = &l->owners[l->owner_count++];
	*o = (struct owner){.uid = uid};
	return o;
}

static bool has_room(struct look *l, uint32_t uid, uint64_t octets)
{
	struct owner *o = owner_of(l, uid);
	if (!o || l->scan->count == FILES_MAX || o->files == OWNER_FILES_MAX ||
		(o->files && o->octets + octets > l->scan->owner_octets_max))
		return false;
	o->files++;
	o->octets += octets;
	return true;
}

/* A name that was begun and given up: by a crash, or by somebody who makes rubbish. */
static void sweep(const struct scan *s, const char *name, const struct stat *st)
{
	if (clock_wall_s() - st->st_mtime > STALE_S && !S_ISDIR(st->st_mode))
		unlinkat(s->directory, name, 0);
}

const char *scan_problem(const struct stat *st, uint32_t gid)
{
	if (!S_ISREG(st->st_mode))
		return "it is no regular file";
	if (st->st_nlink != 1)
		return "it has more than one name";
	if (st->st_gid != gid)
		return "it was not made in this directory";
	return NULL;
}

static void look_at(struct look *l, const char *name)
{
	struct scan *s = l->scan;
	struct stat st;
	if (view_equal(view_text(name), VIEW(".")) || view_equal(view_text(name), VIEW("..")) ||
		fstatat(s->directory, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	if (!dropped_is_name(view_text(name))) {
		sweep(s, name, &st);
		if (!view_starts(view_text(name), VIEW(DROPPED_NEW)))
			ignore(s, name, "its name is none that sendmail gives");
		return;
	}
	const char *problem = scan_problem(&st, l->gid);
	if (problem) {
		ignore(s, name, problem);
	} else if (!has_room(l, st.st_uid, (uint64_t)st.st_size)) {
		s->beyond++;
		s->beyond_uid = st.st_uid;
	} else {
		struct file *f = &s->files[s->count++];
		*f = (struct file){.uid = st.st_uid, .octets = (uint64_t)st.st_size};
		must(view_to_text(view_text(name), f->name, sizeof f->name));
	}
}

void scan_directory(struct scan *s)
{
	struct stat st;
	struct look *l = memory_new(1, sizeof *l);
	const int fd = openat(s->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	s->count = s->ignored = s->beyond = 0;
	l->scan = s;
	if (directory && fstat(fd, &st) == 0) {
		l->gid = (uint32_t)st.st_gid;
		while ((entry = readdir(directory)))
			look_at(l, entry->d_name);
	}
	if (directory)
		closedir(directory);
	else if (fd >= 0)
		close(fd);
	memory_free(l);
}
