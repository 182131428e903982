#include "tools/sekisho/setup.h"

#include "base/clock.h"
#include "base/files.h"
#include "mail/domain.h"
#include "parent/own_certificate.h"
#include "parent/state.h"
#include "tools/sekisho/call.h"
#include "tools/sekisho/say.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#define PATH_ROOM 512u
#define NAME_FILE_MAX 65536u

/* --- directories -------------------------------------------------------------------------- */

static int trouble_with(const char *path, int problem)
{
	say_trouble("{}: {}", text_string(path), text_string(strerrordesc_np(problem)));
	return problem == EACCES || problem == EPERM ? EXIT_PERMISSION : EXIT_CANNOT_MAKE;
}

static int make_directory(const char *path, mode_t mode, const struct owner *owner, int *fd_out)
{
	const bool was_there = access(path, F_OK) == 0;
	*fd_out = directory_ensure(path, mode, owner);
	if (*fd_out < 0)
		return trouble_with(path, errno);
	if (!was_there)
		say("made the directory {}", text_string(path));
	return EXIT_FINE;
}

/* What an operator has made keeps its mode. */
static int open_config(const char *path, int *fd_out)
{
	const struct owner self = {0, 0, geteuid() == 0};
	*fd_out = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd_out >= 0)
		return EXIT_FINE;
	return errno == ENOENT ? make_directory(path, 0755, &self, fd_out)
			       : trouble_with(path, errno);
}

static int make_below(const char *state, const struct state_directory *row, int *fd_out)
{
	char path[PATH_ROOM];
	const char *user = row->owner == PROGRAM_NONE ? NULL : program_of(row->owner)->user;
	const struct passwd *found = user && geteuid() == 0 ? getpwnam(user) : NULL;
	const struct owner owner = {
		found ? found->pw_uid : 0, found ? found->pw_gid : 0, geteuid() == 0};
	return state_path(state, row->name, path, sizeof path)
		       ? make_directory(path, row->mode, &owner, fd_out)
		       : trouble_with(state, ENAMETOOLONG);
}

static int make_state(const char *state, int *keys_out)
{
	const struct owner self = {0, 0, geteuid() == 0};
	int fd;
	int code = make_directory(state, STATE_MODE, &self, &fd);
	*keys_out = -1;
	if (code == EXIT_FINE)
		close(fd);
	for (int i = 0; i < STATE_PLACES && code == EXIT_FINE; i++) {
		code = make_below(state, state_directory((enum state_place)i), &fd);
		if (code == EXIT_FINE && i == STATE_KEYS)
			*keys_out = fd;
		else if (code == EXIT_FINE)
			close(fd);
	}
	return code;
}

/* --- the name ----------------------------------------------------------------------------- */

struct view setup_first_line(struct view text)
{
	struct view line;
	struct view rest = text;
	do {
		const struct view whole = rest;
		struct view comment;
		view_split(whole, '\n', &line, &rest);
		const struct view all = line;
		view_split(all, '#', &line, &comment);
		if (view_ends(line, VIEW("\r")))
			line = view_first(line, line.length - 1);
		line = view_trim(line);
	} while (view_is_empty(line) && !view_is_empty(rest));
	return line;
}

static int write_name(int directory, struct view name)
{
	struct buffer b = buffer_new(NAME_FILE_MAX);
	const enum error error = file_read(directory, "servername", &b);
	const struct view old = setup_first_line(buffer_view(&b));
	if (error == ERROR_NONE && view_equal_nocase(old, name)) {
		buffer_free(&b);
		return EXIT_FINE;
	}
	if (error == ERROR_NONE && old.length)
		say("servername was {}", text_view(old));
	buffer_clear(&b);
	text_add(&b, "{}\n", text_raw(name));
	const bool ok = (error == ERROR_NONE || error == ERROR_MISSING) &&
			file_replace(directory, "servername", buffer_view(&b), 0644) == ERROR_NONE;
	buffer_free(&b);
	if (ok)
		say("servername is {}", text_view(name));
	else
		say_trouble("the file servername cannot be written");
	return ok ? EXIT_FINE : EXIT_CANNOT_MAKE;
}

/* The one given, else that of the file; empty when neither is there. */
static struct view known_name(int directory, struct view given, struct buffer *room)
{
	if (given.length)
		return given;
	if (file_read(directory, "servername", room) != ERROR_NONE)
		return VIEW_NONE;
	return setup_first_line(buffer_view(room));
}

/* --- the certificate ---------------------------------------------------------------------- */

static int ensure_certificate(int keys, struct view name)
{
	const char *why;
	switch (own_certificate_ensure(keys, name, clock_wall_s(), &why)) {
	case OWN_CERTIFICATE_STAYS:
		return EXIT_FINE;
	case OWN_CERTIFICATE_MADE:
	case OWN_CERTIFICATE_RENEWED:
		say("made a certificate for {}, signed by itself: keys/certificate.pem",
			text_view(name));
		return EXIT_FINE;
	case OWN_CERTIFICATE_UNNAMED:
		say("no host name is known yet: `sekisho serve NAME` makes the certificate");
		return EXIT_FINE;
	case OWN_CERTIFICATE_UNUSABLE:
		say_trouble("keys/certificate.pem and keys/key.pem cannot be used: {}; mend them, "
			    "or remove both to have new ones made",
			text_string(why));
		return EXIT_CANNOT_MAKE;
	case OWN_CERTIFICATE_FAILED:
		break;
	}
	say_trouble("no certificate could be made for {}", text_view(name));
	return EXIT_CANNOT_MAKE;
}

/* --- all together ------------------------------------------------------------------------- */

static int set_up(const struct call *call, struct view name)
{
	struct buffer room = buffer_new(NAME_FILE_MAX);
	int config = -1;
	int keys = -1;
	int code = geteuid() == 0 ? setup_users() : EXIT_FINE;
	if (code == EXIT_FINE)
		code = open_config(call->config, &config);
	if (code == EXIT_FINE && name.length)
		code = write_name(config, name);
	if (code == EXIT_FINE)
		code = make_state(call->state, &keys);
	if (code == EXIT_FINE)
		code = ensure_certificate(keys, known_name(config, name, &room));
	if (config >= 0)
		close(config);
	if (keys >= 0)
		close(keys);
	buffer_free(&room);
	return code;
}

int run_setup(const struct call *call)
{
	struct arena a = arena_new(65536);
	struct domain name = {VIEW_NONE};
	const struct view given = call_word(call, 0);
	if (call->word_count &&
		(domain_parse(given, true, &a, &name) != ADDRESS_OK || !domain_is_full(name))) {
		say_trouble(
			"\"{}\" is no full host name, such as mail.example.org", text_view(given));
		arena_reset(&a);
		return EXIT_DATA;
	}
	if (geteuid() != 0)
		say("not root: no system users are made; the server will run as you");
	const int code = set_up(call, name.name);
	arena_reset(&a);
	if (code == EXIT_FINE)
		say("ready; next: sekisho user add NAME, then sekisho serve");
	return code;
}
