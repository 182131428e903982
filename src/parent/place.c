#include "base/files.h"
#include "base/random.h"
#include "channels/caller.h"
#include "parent/alone.h"
#include "parent/serve.h"
#include "parent/state.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#define SECRET_FILE "site-secret"

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

static int ensure(const struct serve *s, enum state_place place)
{
	const struct state_directory *row = state_directory(place);
	struct owner owner = {0, 0, s->is_root};
	if (row->owner != PROGRAM_NONE)
		owner = (struct owner){
			s->places[row->owner].uid, s->places[row->owner].gid, s->is_root};
	char path[OPTIONS_PATH_MAX];
	const int fd = state_path(s->options.state, row->name, path, sizeof path)
			       ? directory_ensure(path, row->mode, &owner)
			       : -1;
	if (fd < 0)
		log_error("a directory below the state directory cannot be made or owned",
			fact_text("state", s->options.state), fact_text("directory", row->name),
			fact_errno(errno));
	return fd;
}

static bool make_state(struct serve *s)
{
	const struct owner self = {0, 0, s->is_root};
	const int state = directory_ensure(s->options.state, STATE_MODE, &self);
	if (state < 0) {
		log_error("the state directory cannot be made or opened",
			fact_text("state", s->options.state), fact_errno(errno));
		return false;
	}
	const bool alone = alone_lock(state, &s->after_crash);
	close(state);
	return alone;
}

static bool make_directories(struct serve *s)
{
	if (!make_state(s) || !state_path(s->options.state, state_directory(STATE_EMPTY)->name,
				      s->empty_root, sizeof s->empty_root))
		return false;
	const int empty = ensure(s, STATE_EMPTY);
	if (empty >= 0)
		close(empty);
	s->directories[PROGRAM_ROLE_SPOOL] = ensure(s, STATE_SPOOL);
	s->directories[PROGRAM_ROLE_GATE] = ensure(s, STATE_GATE);
	s->directories[PROGRAM_ROLE_KEYS] = ensure(s, STATE_KEYS);
	s->directories[PROGRAM_ROLE_DROP] = ensure(s, STATE_DROP);
	return empty >= 0 && s->directories[PROGRAM_ROLE_SPOOL] >= 0 &&
	       s->directories[PROGRAM_ROLE_GATE] >= 0 && s->directories[PROGRAM_ROLE_KEYS] >= 0 &&
	       s->directories[PROGRAM_ROLE_DROP] >= 0 &&
	       alone_lock_directory(s->directories[PROGRAM_ROLE_SPOOL]) &&
	       alone_lock_directory(s->directories[PROGRAM_ROLE_GATE]) &&
	       alone_lock_directory(s->directories[PROGRAM_ROLE_DROP]);
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

void place_tell_name(const struct serve *s)
{
	struct buffer before = buffer_new(sizeof s->servername);
	const struct view name = view_text(s->servername);
	const int state = open(s->options.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const bool told = state >= 0 &&
			  file_read(state, CALLER_SERVER_NAME, &before) == ERROR_NONE &&
			  view_equal(buffer_view(&before), name);
	if (!told && (state < 0 || file_replace(state, CALLER_SERVER_NAME, name, 0644)))
		log_warning("the name of the server could not be written into the state directory",
			fact_text("file", CALLER_SERVER_NAME));
	if (state >= 0)
		close(state);
	buffer_free(&before);
}

static bool make_secret(int directory)
{
	uint8_t octets[32];
	struct buffer text = buffer_new_secret(65);
	random_octets(octets, sizeof octets);
	buffer_add_hex(&text, view_of(octets, sizeof octets));
	buffer_add_octet(&text, '\n');
	const bool ok =
		file_replace(directory, SECRET_FILE, buffer_view(&text), 0600) == ERROR_NONE;
	bytes_wipe(octets, sizeof octets);
	buffer_free_secret(&text);
	return ok;
}

/* What `keys` makes MACs with (keepers/keys/secret.h): it must be the same after a restart, or what was
 * given out before would be forged. Opened, and not read. */
static bool ensure_secret(struct serve *s)
{
	const int directory = s->directories[PROGRAM_ROLE_KEYS];
	s->secret = openat(directory, SECRET_FILE, O_RDONLY | O_CLOEXEC);
	if (s->secret < 0 && errno == ENOENT && make_secret(directory))
		s->secret = openat(directory, SECRET_FILE, O_RDONLY | O_CLOEXEC);
	if (s->secret < 0)
		log_error("keys/" SECRET_FILE " cannot be made or opened", fact_errno(errno));
	return s->secret >= 0;
}

bool place_prepare(struct serve *s)
{
	s->is_root = geteuid() == 0;
	return find_users(s) && make_directories(s) && open_config(s) && ensure_fake_salt(s) &&
	       ensure_secret(s);
}
