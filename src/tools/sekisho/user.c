#include "tools/sekisho/user.h"

#include "base/files.h"
#include "base/random.h"
#include "config/users_file.h"
#include "config/verifier.h"
#include "tools/sekisho/ask.h"
#include "tools/sekisho/password.h"
#include "tools/sekisho/say.h"
#include "tools/sekisho/site.h"
#include "tools/sekisho/user_removal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ADDRESS_ROOM 1024u
#define PATH_ROOM 4096u
#define ERRORS_ROOM 65536u

/* --- list --------------------------------------------------------------------------------- */

static const char *verifier_word(struct view verifier)
{
	struct user_scram scram;
	if (view_equal(verifier, VIEW("!")))
		return "none";
	return user_scram_parse(verifier, &scram) ? "scram-sha-256" : "imported";
}

static void add_user(struct buffer *b, const struct config_user *user)
{
	const struct view kind = view_text(verifier_word(user->verifier));
	text_add(b, "{}", text_view(user->name));
	if (view_equal(kind, VIEW("none")))
		buffer_add(b, VIEW("  cannot log in"));
	else if (view_equal(kind, VIEW("imported")))
		buffer_add(b, VIEW("  imported hash, until the first login"));
	buffer_add_octet(b, '\n');
}

static void add_user_json(struct buffer *b, const struct config_user *user, bool is_first)
{
	buffer_add(b, is_first ? VIEW("{\"name\":") : VIEW(",\n {\"name\":"));
	text_add_json(b, user->name);
	text_add(b, ",\"verifier\":\"{}\",\"line\":{}}", text_string(verifier_word(user->verifier)),
		text_number(user->line));
}

static int list_users(struct site *site, const void *context, struct buffer *answer)
{
	const bool *json = context;
	const struct config *c = &site->config;
	bool is_whole = true;
	if (*json)
		buffer_add_octet(answer, '[');
	for (uint32_t i = 0; i < c->user_count; i++) {
		if (*json)
			add_user_json(answer, &c->users[i], i == 0);
		else
			add_user(answer, &c->users[i]);
	}
	if (*json)
		buffer_add(answer, VIEW("]\n"));
	else if (c->user_count == 0)
		buffer_add(answer, VIEW("there is no user yet; sekisho user add NAME makes one\n"));
	for (const struct finding *f = site->findings.first; f; f = f->next) {
		if (f->level != FINDING_ERROR || !view_equal(f->file, VIEW("users")))
			continue;
		say_trouble("users:{}: {}", text_number(f->line), text_raw(f->text));
		is_whole = false;
	}
	return is_whole ? EXIT_FINE : EXIT_DATA;
}

/* --- whom it is about --------------------------------------------------------------------- */

enum user_verb { USER_ADD, USER_PASSWD, USER_REMOVE };

struct wish {
	enum user_verb verb;
	struct view text; /* as given */
};

static int refuse_name(const struct user_given *given)
{
	say_trouble("\"{}\" cannot be a user: {}", text_view(given->name),
		text_string(user_problem_text(given->problem)));
	for (size_t i = 0; i < given->name.length; i++)
		if (octet_lower(given->name.at[i]) != given->name.at[i]) {
			say_trouble("write it in lower-case letters; mail to it is taken in any");
			return EXIT_DATA;
		}
	say_trouble("choose a name such as hana or taro.y, and let an alias have the other one");
	return EXIT_DATA;
}

static int refuse_domain(const struct wish *wish, const struct config *c)
{
	struct buffer own = buffer_new(ADDRESS_ROOM);
	for (uint32_t i = 0; i < c->domain_count; i++)
		text_add(&own, "{}{}", text_string(i ? ", " : ""),
			text_raw(c->domains[i].name.name));
	if (own.length && !buffer_failed(&own))
		say_trouble("\"{}\" is in no domain of this site, which has {}; see the setting "
			    "domains",
			text_view(wish->text), text_raw(buffer_view(&own)));
	else
		say_trouble("\"{}\" is in no domain of this site; see the setting domains",
			text_view(wish->text));
	buffer_free(&own);
	return EXIT_DATA;
}

static bool is_there(const struct config *c, struct view name)
{
	for (uint32_t i = 0; i < c->user_count; i++)
		if (view_equal(c->users[i].name, name))
			return true;
	return false;
}

/* A server that refuses the configuration afterwards would go on with the user. */
static int refuse_removal(const struct site *site, struct view name)
{
	struct buffer why = buffer_new(ERRORS_ROOM);
	const bool breaks = user_removal_breaks(site, name, &why);
	if (breaks) {
		say_trouble("{} is not removed, as the configuration needs the name; first mend:",
			text_view(name));
		say_to(STDERR_FILENO, buffer_view(&why));
	}
	buffer_free(&why);
	return breaks ? EXIT_DATA : EXIT_FINE;
}

/* The answer: name, domain and mailbox, a NUL behind each. */
static int find_user(struct site *site, const void *context, struct buffer *answer)
{
	const struct wish *wish = context;
	struct user_given given;
	struct view before, after;
	switch (user_given_parse(wish->text, &site->config, site->arena, &given)) {
	case USER_GIVEN_NAME:
		return refuse_name(&given);
	case USER_GIVEN_DOMAIN:
		return refuse_domain(wish, &site->config);
	case USER_GIVEN_OK:
		break;
	}
	const bool there = is_there(&site->config, given.name);
	if (wish->verb == USER_ADD && there) {
		say_trouble("there is a user {} already; `sekisho user passwd {}` changes the "
			    "password",
			text_view(given.name), text_view(given.name));
		return EXIT_DATA;
	}
	if (wish->verb != USER_ADD && !there) {
		say_trouble("there is no user {}; `sekisho user list` shows who there is",
			text_view(given.name));
		return EXIT_DATA;
	}
	if (wish->verb == USER_REMOVE && refuse_removal(site, given.name) != EXIT_FINE)
		return EXIT_DATA;
	buffer_add(answer, given.name);
	buffer_add_octet(answer, 0);
	buffer_add(answer, given.domain);
	buffer_add_octet(answer, 0);
	if (mailboxes_split(site->config.mailboxes, &before, &after)) {
		buffer_add(answer, before);
		buffer_add(answer, given.name);
		buffer_add(answer, after);
	}
	buffer_add_octet(answer, 0);
	return EXIT_FINE;
}

/* --- verifiers ---------------------------------------------------------------------------- */

static int take_hash(const struct call *call, struct buffer *verifier)
{
	const struct view given = call_value(call, VIEW("--hash"));
	if (!view_equal(given, VIEW("-")))
		buffer_add(verifier, given);
	else if (!password_read_line(STDIN_FILENO, verifier))
		say_trouble("no hash came on standard input");
	const enum user_problem problem = buffer_failed(verifier)
						  ? USER_VERIFIER_LONG
						  : user_verifier_check(buffer_view(verifier));
	if (problem == USER_OK)
		return EXIT_FINE;
	say_trouble("this hash cannot be taken: {}", text_string(user_problem_text(problem)));
	return EXIT_DATA;
}

static int make_verifier(const struct call *call, struct buffer *password, struct buffer *verifier)
{
	uint8_t salt[VERIFIER_SALT_OCTETS];
	if (call_has(call, VIEW("--hash")))
		return take_hash(call, verifier);
	if (call_has(call, VIEW("--generate")))
		password_generate(password);
	else if (!password_read(password))
		return EXIT_DATA;
	verifier_warm();
	random_octets(salt, sizeof salt);
	if (verifier_make(buffer_view(password), view_of(salt, sizeof salt), VERIFIER_ITERATIONS,
		    verifier))
		return EXIT_FINE;
	say_trouble("this password cannot be used: it must be UTF-8 text without control "
		    "characters");
	return EXIT_DATA;
}

/* --- the file ----------------------------------------------------------------------------- */

static int open_directory(const struct call *call, enum user_verb verb, int *fd_out)
{
	const struct owner nobody = {.counts = false};
	*fd_out = open(call->config, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd_out < 0 && errno == ENOENT && verb == USER_ADD)
		*fd_out = directory_ensure(call->config, 0755, &nobody);
	if (*fd_out >= 0)
		return EXIT_FINE;
	say_trouble("{}: {}", text_string(call->config), text_string(strerrordesc_np(errno)));
	return errno == EACCES ? EXIT_PERMISSION : EXIT_IO;
}

static int change_failed(const struct call *call, enum error error)
{
	if (error == ERROR_DENIED) {
		say_trouble("{}/users may not be changed by you; run this as its owner, or as root",
			text_string(call->config));
		return EXIT_PERMISSION;
	}
	say_trouble("{}/users could not be changed ({}); it is as it was",
		text_string(call->config), text_string(error_name(error)));
	return error == ERROR_LIMIT || error == ERROR_SYNTAX ? EXIT_DATA : EXIT_IO;
}

static int change_file(
	const struct call *call, enum user_verb verb, struct view name, struct view verifier)
{
	static const enum users_change_kind kinds[] = {[USER_ADD] = USERS_ADD,
		[USER_PASSWD] = USERS_REPLACE,
		[USER_REMOVE] = USERS_REMOVE};
	const struct users_change change = {
		.kind = kinds[verb], .name = name, .verifier = verifier};
	int directory;
	const int code = open_directory(call, verb, &directory);
	if (code != EXIT_FINE)
		return code;
	const enum error error = users_file_change(directory, &change);
	close(directory);
	return error == ERROR_NONE ? EXIT_FINE : change_failed(call, error);
}

/* The exit code: whether what was done is in force. */
static int tell_server(const struct call *call)
{
	struct buffer answer = buffer_new(ADDRESS_ROOM);
	const bool holds =
		!ask_is_running(call->state) ||
		ask_text(call->state, VIEW("parent"), VIEW("reload"), &answer) == EXIT_FINE;
	if (!holds)
		say_trouble("the file is changed, but the running server does not go by it yet; "
			    "see `sekisho check`, then `sekisho reload`");
	buffer_free(&answer);
	return holds ? EXIT_FINE : EXIT_NO;
}

/* --- all together ------------------------------------------------------------------------- */

struct user_found {
	struct view name;
	struct view domain;
	struct view mailbox;
};

static struct user_found take_apart(struct view answer)
{
	struct cursor c = cursor_of(answer);
	struct user_found found;
	found.name = cursor_until(&c, 0);
	found.domain = cursor_until(&c, 0);
	found.mailbox = cursor_until(&c, 0);
	must(cursor_done(&c));
	return found;
}

static void print_done(const struct call *call, enum user_verb verb, const struct user_found *u,
	struct view password)
{
	const struct view domain = u->domain.length ? u->domain : VIEW("localhost");
	if (!u->domain.length)
		say_trouble("note: no domain of this site is known yet; see the setting "
			    "servername");
	if (call_has(call, VIEW("--generate")))
		say("{}@{} password: {}", text_view(u->name), text_view(domain),
			text_view(password));
	else if (verb == USER_REMOVE)
		say("{}@{} is removed: nobody can log in by that name, and mail to it is refused. "
		    "The mailbox stays: {}",
			text_view(u->name), text_view(domain), text_view(u->mailbox));
	else
		say("{}@{}: {}", text_view(u->name), text_view(domain),
			text_string(verb == USER_ADD ? "added" : "the password is changed"));
}

/* A file that exists and hides would look like one without users. */
static int may_read(const struct call *call)
{
	const int directory = open(call->config, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const bool is_hidden = directory >= 0 &&
			       faccessat(directory, "users", R_OK, AT_EACCESS) != 0 &&
			       errno == EACCES;
	if (directory >= 0)
		close(directory);
	if (is_hidden)
		say_trouble("{}/users may not be read by you; run this as its owner, or as root",
			text_string(call->config));
	return is_hidden ? EXIT_PERMISSION : EXIT_FINE;
}

static int change_user(const struct call *call, enum user_verb verb)
{
	const struct wish wish = {verb, call_word(call, 1)};
	const struct site_question question = {
		.config = call->config, .state = call->state, .work = find_user, .context = &wish};
	struct buffer answer = buffer_new(ADDRESS_ROOM + PATH_ROOM);
	struct buffer password = buffer_new(VERIFIER_PASSWORD_MAX);
	struct buffer verifier = buffer_new(USER_VERIFIER_MAX);
	int code = may_read(call);
	if (code == EXIT_FINE)
		code = site_ask(&question, &answer);
	const struct user_found found = code == EXIT_FINE ? take_apart(buffer_view(&answer))
							  : (struct user_found){.name = VIEW_NONE};
	if (code == EXIT_FINE && verb != USER_REMOVE)
		code = make_verifier(call, &password, &verifier);
	if (code == EXIT_FINE)
		code = change_file(call, verb, found.name, buffer_view(&verifier));
	if (code == EXIT_FINE) {
		print_done(call, verb, &found, buffer_view(&password));
		code = tell_server(call);
	}
	buffer_free_secret(&verifier);
	buffer_free_secret(&password);
	buffer_free(&answer);
	return code;
}

static int list(const struct call *call)
{
	const bool json = call_has(call, VIEW("--json"));
	const struct site_question question = {
		.config = call->config, .state = call->state, .work = list_users, .context = &json};
	struct buffer answer = buffer_new(SITE_ANSWER_MAX);
	int code = may_read(call);
	if (code == EXIT_FINE)
		code = site_ask(&question, &answer);
	say_octets(buffer_view(&answer));
	buffer_free(&answer);
	return code;
}

static int wrong_words(const char *problem)
{
	say_trouble("{}; see `sekisho user --help`", text_string(problem));
	return EXIT_USAGE;
}

int run_user(const struct call *call)
{
	static const struct view verbs[] = {[USER_ADD] = VIEW("add"),
		[USER_PASSWD] = VIEW("passwd"),
		[USER_REMOVE] = VIEW("remove")};
	const struct view verb = call_word(call, 0);
	const bool has_secret =
		call_has(call, VIEW("--generate")) || call_has(call, VIEW("--hash"));
	if (call_has(call, VIEW("--generate")) && call_has(call, VIEW("--hash")))
		return wrong_words("--generate and --hash exclude each other");
	if (view_equal(verb, VIEW("list")))
		return call->word_count == 1 && !has_secret
			       ? list(call)
			       : wrong_words("list takes --json alone");
	if (call_has(call, VIEW("--json")))
		return wrong_words("--json is for list");
	for (unsigned i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		if (!view_equal(verb, verbs[i]))
			continue;
		if (call->word_count != 2)
			return wrong_words("whom is it about? a NAME is missing");
		if (i == USER_REMOVE && has_secret)
			return wrong_words("remove takes a name alone");
		return change_user(call, (enum user_verb)i);
	}
	return wrong_words("it is add, passwd, remove or list");
}
