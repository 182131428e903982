/* popkey-smtp(8): N-23. Says RELAYCLIENT where the gate is open, and becomes the SMTP server. */
#include "base/random.h"
#include "tools/popkey/common.h"
#include "tools/sekisho/say.h"

#include <stdlib.h>
#include <unistd.h>

#define CLEANERS 64u

static const char help[] =
	"usage: popkey-smtp [options] PROGRAM [argument...]\n"
	"\n"
	"Sets RELAYCLIENT when the gate is open for the client, and POPKEY_USER when it\n"
	"is known for whom; then becomes PROGRAM, an SMTP server.\n"
	"\n"
	"  --relayclient TEXT what RELAYCLIENT is set to (empty)\n" COMMON_HELP
	"\nSee popkey-smtp(8).\n";

struct smtp {
	struct common common;
	const char *relayclient;
};

static bool take_relayclient(void *options, const char *value)
{
	((struct smtp *)options)->relayclient = value;
	return true;
}

static const struct option own[] = {{"--relayclient", take_relayclient, true}};

/* Whoever asks cleans after himself, as the paper's gate does; after all others one of so many, since that costs a look at each
 * of their files. */
static void clean(
	int directory, const struct ip *ip, uint64_t now_ms, const struct popkey_rules *rules)
{
	struct popkey_walk walk;
	uint64_t last_ms;
	const bool is_all = random_u64() % CLEANERS == 0;
	enum error error = popkey_sweep_begin(&walk, directory, is_all ? NULL : ip, now_ms, rules);
	while (!error && popkey_sweep_next(&walk, now_ms, &last_ms, &error))
		error = ERROR_NONE; /* the others can go all the same */
	popkey_walk_end(&walk);
}

/* POPKEY_USER is said by us alone. */
static void judge(const struct smtp *o)
{
	struct popkey_answer answer;
	struct ip ip;
	char user[POPKEY_USER_MAX + 1];
	unsetenv("POPKEY_USER");
	if (!client_address(NULL, &ip))
		return;
	const int directory = common_open(&o->common);
	if (directory < 0)
		return;
	const uint64_t now_ms = common_now_ms();
	const enum error error =
		popkey_look_up(directory, &ip, VIEW_NONE, now_ms, &o->common.rules, &answer);
	clean(directory, &ip, now_ms, &o->common.rules);
	close(directory);
	if (error)
		tell("the gate cannot be asked: {}", text_string(error_name(error)));
	if (error || !answer.is_open)
		return;
	setenv("RELAYCLIENT", o->relayclient, 1);
	if (answer.user_length &&
		view_to_text(view_of(answer.user, answer.user_length), user, sizeof user))
		setenv("POPKEY_USER", user, 1);
}

static const struct command command = {
	"popkey-smtp", help, own, sizeof own / sizeof *own, .runs = true};

int main(int argc, char **argv)
{
	struct smtp o = {.common = COMMON_NEW, .relayclient = ""};
	int at;
	if (!command_read(&command, argc, argv, &o.common, &at))
		return at;
	judge(&o);
	common_become(argv + at);
	return COMMON_NO_PROGRAM;
}
