#include "base/certificate.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/random.h"
#include "base/tls.h"
#include "parent/alone.h"
#include "parent/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CERTIFICATE_DAYS 3650

/* --- users -------------------------------------------------------------------------------- */

static bool find_user(struct serve *s, const struct program_row *row)
{
	struct program_place *place = &s->places[row->id];
	place->empty_root = s->empty_root;
	place->uid = (uint32_t)getuid();
	place->gid = (uint32_t)getgid();
	place->group = place->gid;
	if (!s->is_root)
		return true;
	const struct passwd *user = getpwnam(row->user);
	const struct group *group = row->group ? getgrnam(row->group) : NULL;
	if (!user || user->pw_uid == 0 || (row->group && !group)) {
		log_error("a system user is missing; `sekisho setup` makes it",
			fact_text("user", !user || user->pw_uid == 0 ? row->user : row->group));
		return false;
	}
	/* not read again by anything that parses */
	place->uid = (uint32_t)user->pw_uid;
	place->gid = (uint32_t)user->pw_gid;
	place->group = group ? (uint32_t)group->gr_gid : place->gid;
	return true;
}

static bool find_users(struct serve *s)
{
	for (unsigned i = 0; i < programs_count(); i++)
		if (!find_user(s, program_at(i)))
			return false;
	return true;
}

/* --- directories -------------------------------------------------------------------------- */

static bool path_of(const struct serve *s, const char *name, char *to, size_t room)
{
	struct buffer b = buffer_new(room);
	text_add(&b, "{}/{}", text_raw(view_text(s->options.state)), text_raw(view_text(name)));
	const bool ok = !buffer_failed(&b) && view_to_text(buffer_view(&b), to, room);
	buffer_free(&b);
	return ok;
}

static int ensure(const struct serve *s, const char *name, mode_t mode, const struct owner *owner)
{
	char path[256];
	const int fd =
		path_of(s, name, path, sizeof path) ? directory_ensure(path, mode, owner) : -1;
	if (fd < 0)
		log_error("a directory below the state directory cannot be made or owned",
			fact_text("state", s->options.state), fact_text("directory", name),
			fact_errno(errno));
	return fd;
}

static struct owner owner_of(const struct serve *s, enum program_id id)
{
	return (struct owner){s->places[id].uid, s->places[id].gid, s->is_root};
}

static bool make_directories(struct serve *s)
{
	const struct owner self = {0, 0, s->is_root};
	const struct owner spool = owner_of(s, PROGRAM_SPOOL);
	const struct owner gate = owner_of(s, PROGRAM_GATE);
	const int state = directory_ensure(s->options.state, 0755, &self);
	if (state < 0) {
		log_error("the state directory cannot be made or opened",
			fact_text("state", s->options.state), fact_errno(errno));
		return false;
	}
	const bool alone = alone_lock(state, &s->after_crash);
	close(state);
	if (!alone || !path_of(s, "empty", s->empty_root, sizeof s->empty_root))
		return false;
	const int empty = ensure(s, "empty", 0555, &self);
	s->directories[PROGRAM_ROLE_SPOOL] = ensure(s, "spool", 0700, &spool);
	s->directories[PROGRAM_ROLE_GATE] = ensure(s, "gate", 0700, &gate);
	s->directories[PROGRAM_ROLE_KEYS] = ensure(s, "keys", 0700, &self);
	if (empty >= 0)
		close(empty);
	return empty >= 0 && s->directories[PROGRAM_ROLE_SPOOL] >= 0 &&
	       s->directories[PROGRAM_ROLE_GATE] >= 0 && s->directories[PROGRAM_ROLE_KEYS] >= 0 &&
	       alone_lock_directory(s->directories[PROGRAM_ROLE_SPOOL]) &&
	       alone_lock_directory(s->directories[PROGRAM_ROLE_GATE]);
}

static bool open_config(struct serve *s)
{
	s->config_directory = open(s->options.config, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->config_directory < 0 &&
		errno == ENOENT) { /* no file is required, nor the directory */
		const struct owner self = {0, 0, s->is_root};
		s->config_directory = directory_ensure(s->options.config, 0755, &self);
	}
	if (s->config_directory < 0)
		log_error("the configuration directory cannot be opened",
			fact_text("config", s->options.config), fact_errno(errno));
	return s->config_directory >= 0;
}

/* --- keys --------------------------------------------------------------------------------- */

/* Runs in a child, so that the parent never holds a key. Does not return. */
static void make_key(const struct serve *s, int directory)
{
	tls_warm();
	const struct view name = s->options.name.length ? s->options.name : VIEW("localhost");
	struct buffer certificate = buffer_new(CERTIFICATE_PEM_MAX);
	struct buffer key = buffer_new(CERTIFICATE_PEM_MAX);
	const bool ok = certificate_generate(
				&name, 1, CERTIFICATE_DAYS, clock_wall_s(), &certificate, &key) &&
			file_replace(directory, "key.pem", buffer_view(&key), 0600) == ERROR_NONE &&
			file_replace(directory, "certificate.pem", buffer_view(&certificate),
				0644) == ERROR_NONE;
	buffer_free_secret(&key);
	_exit(ok ? 0 : 1);
}

static void warn_of_dates(struct view certificate)
{
	struct arena arena = arena_new(2 * CERTIFICATE_PEM_MAX);
	struct certificate_facts facts;
	const int64_t now_s = clock_wall_s();
	if (certificate_read(certificate, &arena, &facts) == CERTIFICATE_OK &&
		(now_s < facts.not_before_s || now_s > facts.not_after_s))
		log_warning("the certificate is not valid now: clients that check it will not come",
			fact_text("file", "keys/certificate.pem"),
			fact_text("why", now_s < facts.not_before_s ? "not yet" : "expired"));
	arena_reset(&arena);
}

/* Runs in a child, too. */
static void check_key(const struct serve *s, int directory)
{
	(void)s;
	struct buffer certificate = buffer_new(CERTIFICATE_PEM_MAX);
	struct buffer key = buffer_new(CERTIFICATE_PEM_MAX);
	tls_warm();
	enum error error = file_read(directory, "certificate.pem", &certificate);
	if (!error)
		error = file_read(directory, "key.pem", &key);
	const enum certificate_problem problem =
		error ? CERTIFICATE_NONE
		      : certificate_check_key(buffer_view(&certificate), buffer_view(&key));
	if (problem != CERTIFICATE_OK)
		log_error("keys/certificate.pem and keys/key.pem cannot be used; mend them, or "
			  "remove "
			  "both to have new ones made",
			fact_text("why",
				error ? error_name(error) : certificate_problem_text(problem)));
	else
		warn_of_dates(buffer_view(&certificate));
	buffer_free_secret(&key);
	log_flush();
	_exit(problem == CERTIFICATE_OK ? 0 : 1);
}

static bool run_apart(struct serve *s, void (*work)(const struct serve *s, int directory))
{
	int status;
	log_flush();
	const pid_t pid = fork();
	if (pid == 0)
		work(s, s->directories[PROGRAM_ROLE_KEYS]);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool ensure_key(struct serve *s)
{
	const int directory = s->directories[PROGRAM_ROLE_KEYS];
	/* one of the two alone is somebody's mistake: nothing of it is written over */
	const bool is_new = faccessat(directory, "certificate.pem", F_OK, 0) != 0 &&
			    faccessat(directory, "key.pem", F_OK, 0) != 0;
	if (is_new)
		log_info("there is no certificate yet: making one that is signed by itself",
			fact_text("file", "keys/certificate.pem"));
	if (is_new && !run_apart(s, make_key)) {
		log_error("no certificate could be made");
		return false;
	}
	if (!run_apart(s, check_key))
		return false;
	s->certificate = openat(directory, "certificate.pem", O_RDONLY | O_CLOEXEC);
	return s->certificate >= 0;
}

/* What unknown users' salts are made from: it must be the same after a restart, or they would be
 * told from real ones. */
static bool ensure_fake_salt(struct serve *s)
{
	const int directory = s->directories[PROGRAM_ROLE_KEYS];
	static struct buffer salt = {.max = 64};
	if (file_read(directory, "fake-salt", &salt) != ERROR_NONE || salt.length != 64) {
		uint8_t octets[32];
		random_octets(octets, sizeof octets);
		buffer_clear(&salt);
		buffer_add_hex(&salt, view_of(octets, sizeof octets));
		if (file_replace(directory, "fake-salt", buffer_view(&salt), 0600) != ERROR_NONE) {
			log_error("keys/fake-salt cannot be written");
			return false;
		}
	}
	s->fake_salt = buffer_view(&salt);
	return true;
}

bool place_prepare(struct serve *s)
{
	s->is_root = geteuid() == 0;
	return find_users(s) && make_directories(s) && open_config(s) && ensure_key(s) &&
	       ensure_fake_salt(s);
}
