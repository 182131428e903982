#include "parent/names.h"

#include "base/log.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#define KEPT_MAX 64u
#define KEPT_MS 60000u
#define FAILED_MS 2000u /* so long nobody tries again */
#define SOUGHT_MAX 8u
#define SECONDS_MAX 5u /* of a look-up */

struct known {
	uint32_t uid;
	uint64_t until_ms; /* monotonic; 0: a free place */
	bool failed;
	size_t length;
	char name[CALLER_NAME_MAX];
};

struct search {
	struct names *names;
	uint32_t uid;
	int fd; /* where the child writes; -1: a free place */
	struct watch *watch;
	struct buffer read;
};

struct names {
	struct loop *loop;
	uint32_t uid;
	uint32_t gid;
	bool drops;
	void (*known)(void *context);
	void *context;
	struct known kept[KEPT_MAX];
	struct search searches[SOUGHT_MAX];
};

struct names *names_new(struct loop *loop, uint32_t uid, uint32_t gid, bool drops,
	void (*known)(void *context), void *context)
{
	struct names *n = memory_new(1, sizeof *n);
	n->loop = loop;
	n->uid = uid;
	n->gid = gid;
	n->drops = drops;
	n->known = known;
	n->context = context;
	for (size_t i = 0; i < SOUGHT_MAX; i++)
		n->searches[i] = (struct search){.names = n, .fd = -1};
	return n;
}

static void end_search(struct search *s)
{
	watch_free(&s->watch);
	close(s->fd);
	s->fd = -1;
	buffer_free(&s->read);
}

void names_free(struct names **at)
{
	struct names *n = *at;
	*at = NULL;
	for (size_t i = 0; n && i < SOUGHT_MAX; i++)
		if (n->searches[i].fd >= 0)
			end_search(&n->searches[i]);
	memory_free(n);
}

/* --- the child ---------------------------------------------------------------------------- */

/* One octet says that it has looked, so that a death is not taken for "nobody has that number". */
_Noreturn static void look(const struct names *n, uint32_t uid, int to)
{
	struct buffer said = buffer_new(CALLER_NAME_MAX + 1);
	signal(SIGALRM, SIG_DFL);
	alarm(SECONDS_MAX);
	if (n->drops && (setgroups(0, NULL) != 0 || setgid((gid_t)n->gid) != 0 ||
				setuid((uid_t)n->uid) != 0))
		_exit(71);
	const struct passwd *user = getpwuid((uid_t)uid);
	buffer_add_octet(&said, '=');
	caller_name_add(&said, uid, view_text(user ? user->pw_name : NULL));
	const ssize_t written = write(to, said.data, said.length);
	_exit(written == (ssize_t)said.length ? 0 : 74);
}

/* --- the parent --------------------------------------------------------------------------- */

/* A place for the answer: of the same number, else the one that is given up first. */
static struct known *place_for(struct names *n, uint32_t uid)
{
	struct known *oldest = &n->kept[0];
	for (size_t i = 0; i < KEPT_MAX; i++) {
		if (n->kept[i].until_ms && n->kept[i].uid == uid)
			return &n->kept[i];
		if (n->kept[i].until_ms < oldest->until_ms)
			oldest = &n->kept[i];
	}
	return oldest;
}

static void keep(struct names *n, uint32_t uid, struct view said)
{
	struct known *k = place_for(n, uid);
	const struct view name = view_from(said, 1);
	*k = (struct known){.uid = uid, .length = name.length};
	k->failed = name.length == 0 || !view_copy(name, k->name, sizeof k->name);
	k->until_ms = loop_now_ms(n->loop) + (k->failed ? FAILED_MS : KEPT_MS);
	if (k->failed)
		log_warning("the name of a system user could not be looked up",
			fact_number("uid", uid));
}

static void on_answer(void *context, unsigned what)
{
	(void)what;
	struct search *s = context;
	uint8_t *room = buffer_room(&s->read, CALLER_NAME_MAX);
	const ssize_t got = room ? read(s->fd, room, CALLER_NAME_MAX) : 0;
	if (got > 0) {
		buffer_grown(&s->read, (size_t)got);
		return;
	}
	keep(s->names, s->uid, buffer_view(&s->read));
	end_search(s);
	s->names->known(s->names->context);
}

static bool start_search(struct search *s, uint32_t uid)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return false;
	log_flush();
	const pid_t pid = fork();
	if (pid == 0)
		look(s->names, uid, ends[1]);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return false;
	}
	s->uid = uid;
	s->fd = ends[0];
	s->read = buffer_new(CALLER_NAME_MAX * 2);
	s->watch = watch_new(s->names->loop, s->fd, on_answer, s);
	watch_want(s->watch, WATCH_READ);
	return true;
}

static enum names_found seek(struct names *n, uint32_t uid)
{
	struct search *free_place = NULL;
	for (size_t i = 0; i < SOUGHT_MAX; i++) {
		if (n->searches[i].fd < 0)
			free_place = &n->searches[i];
		else if (n->searches[i].uid == uid)
			return NAMES_SOUGHT;
	}
	if (free_place && !start_search(free_place, uid)) {
		keep(n, uid, VIEW_NONE);
		return NAMES_FAILED;
	}
	return NAMES_SOUGHT; /* or the end of another makes room for it */
}

enum names_found names_find(struct names *n, uint32_t uid, struct view *name_out)
{
	const uint64_t now_ms = loop_now_ms(n->loop);
	for (size_t i = 0; i < KEPT_MAX; i++) {
		const struct known *k = &n->kept[i];
		if (k->uid != uid || k->until_ms <= now_ms)
			continue;
		*name_out = view_of(k->name, k->length);
		return k->failed ? NAMES_FAILED : NAMES_FOUND;
	}
	return seek(n, uid);
}
