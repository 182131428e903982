#include "parent/options.h"
#include "tools/sekisho/ask.h"
#include "tools/sekisho/command.h"
#include "tools/sekisho/say.h"
#include "tools/sendmail/sendmail.h"

#include <unistd.h>

#define PAGE_OCTETS_MAX (65u << 20)
#define WORDS_MAX 64u

struct total {
	uint64_t mails;
	uint64_t octets;
};

static void add_number(struct view text, uint64_t *sum)
{
	uint64_t n;
	if (view_to_u64(text, UINT64_MAX, &n))
		*sum += n;
}

static void show(struct view rest, struct total *total)
{
	if (rest.length && total->octets == 0)
		say_octets(VIEW("-Queue ID------- --Size-- ---------Arrival Time---------- "
				"-Sender/Recipient-\n"));
	say_octets(rest);
}

/* One page; the id behind which the next one begins, empty after the last. */
static int ask_page(struct buffer *after, struct total *total)
{
	struct buffer words = buffer_new(WORDS_MAX), answer = buffer_new(PAGE_OCTETS_MAX);
	struct total page = {0};
	buffer_add(&words, VIEW("mailq"));
	if (after->length)
		text_add(&words, "{}after={}", text_raw(VIEW("\0")), text_raw(buffer_view(after)));
	const int code = ask_text(
		options_absolute(options_state()), VIEW("parent"), buffer_view(&words), &answer);
	struct view rest = buffer_view(&answer);
	buffer_clear(after);
	if (code == EXIT_FINE) {
		buffer_add(after, ask_take_line(&rest, VIEW("next=")));
		add_number(ask_take_line(&rest, VIEW("mails=")), &page.mails);
		add_number(ask_take_line(&rest, VIEW("octets=")), &page.octets);
		show(rest, total);
	} else {
		say_to(STDERR_FILENO, rest);
	}
	total->mails += page.mails;
	total->octets += page.octets;
	buffer_free(&words);
	buffer_free(&answer);
	return code;
}

int queue_run(void)
{
	struct buffer after = buffer_new(WORDS_MAX / 2);
	struct total total = {0};
	int code;
	do
		code = ask_page(&after, &total);
	while (code == EXIT_FINE && after.length);
	buffer_free(&after);
	if (code == EXIT_FINE && total.mails)
		say("-- {} Kbytes in {} Request{}.", text_number((total.octets + 1023) / 1024),
			text_number(total.mails), text_string(total.mails == 1 ? "" : "s"));
	else if (code == EXIT_FINE)
		say("Mail queue is empty");
	return code;
}

static void print(void *context, struct view octets)
{
	(void)context;
	say_octets(octets);
}

int retry_run(void)
{
	return ask_all(options_absolute(options_state()), VIEW("spool"), VIEW("queue\0retry"),
		print, NULL);
}
