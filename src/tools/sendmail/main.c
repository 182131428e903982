#include "tools/sekisho/say.h"
#include "tools/sendmail/sendmail.h"

#include <signal.h>

static const char help[] =
	"usage: sendmail [options] [recipient...] < MAIL\n"
	"\n"
	"Posts the mail on standard input.  -t takes recipients from To, Cc and Bcc;\n"
	"-i: a dot alone does not end it; -f ADDRESS: its sender; -F NAME: full name\n"
	"for From; -N, -R, -V: reports; -v: shows the dialogue.  -bp lists the queue,\n"
	"-bs speaks SMTP.  See sendmail(1).\n";

static int post(const struct options *options)
{
	static struct mail mail;
	int code = mail_read(&mail, options);
	if (code != SENDMAIL_FINE)
		return code;
	switch (up_post(&mail, &code)) {
	case UP_TAKEN:
	case UP_REFUSED:
		return code;
	case UP_NOT_NOW:
		break;
	}
	return down_post(&mail);
}

int main(int argc, char **argv)
{
	struct options options;
	say_as("sendmail");
	signal(SIGPIPE, SIG_IGN);
	if (!options_read(argc, argv, &options))
		return SENDMAIL_USAGE;
	switch (options.task) {
	case TASK_POST:
		return post(&options);
	case TASK_QUEUE:
		return queue_run();
	case TASK_PASS:
		return pass_run();
	case TASK_RETRY:
		return retry_run();
	case TASK_ALIASES: /* the server reads the file aliases itself */
		return SENDMAIL_FINE;
	case TASK_HELP:
		say_octets(view_text(help));
		return SENDMAIL_FINE;
	}
	return SENDMAIL_FINE;
}
