#include "channels/command.h"
#include "post/dialogue.h"
#include "tools/sekisho/say.h"
#include "tools/sendmail/sendmail.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int up_connect(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int state = state_open();
	if (state < 0)
		return -1;
	must(local_socket_path(
		state, CALLER_SOCKET_NAME, address.sun_path, sizeof address.sun_path));
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
	const int problem = errno;
	close(state);
	if (!ok && fd >= 0)
		close(fd);
	errno = problem;
	return ok ? fd : -1;
}

/* --- what became of it -------------------------------------------------------------------- */

/* What the caller of sendmail can make of a refusal. */
static int exit_of(const struct smtp_client_said *said)
{
	if (said->command == SMTP_CLIENT_RCPT && said->enhanced.subject == 1)
		return SENDMAIL_NO_USER;
	if (said->enhanced.subject == 7)
		return SENDMAIL_NO_PERMISSION;
	if (said->command == SMTP_CLIENT_CONTENT && said->enhanced.subject == 6)
		return SENDMAIL_DATA;
	return SENDMAIL_UNAVAILABLE;
}

static void tell(struct view path, const struct smtp_client_said *said)
{
	if (said->command == SMTP_CLIENT_RCPT)
		say_trouble("<{}>: {}", text_view(path), text_view(said->text));
	else
		say_trouble("{}", text_view(said->text));
}

static bool is_said_before(const struct dialogue *d, uint32_t i)
{
	const struct smtp_client_said *said = &d->results[i].said;
	for (uint32_t k = 0; said->command != SMTP_CLIENT_RCPT && k < i; k++)
		if (d->results[k].outcome == SMTP_CLIENT_REFUSED)
			return true;
	return false;
}

static enum up_outcome judge(const struct mail *mail, const struct dialogue *d, int *code)
{
	bool all_sent = true;
	uint32_t refused = 0;
	for (uint32_t i = 0; i < mail->to.count; i++) {
		const struct smtp_client_result *r = &d->results[i];
		all_sent &= r->outcome == SMTP_CLIENT_SENT;
		if (r->outcome != SMTP_CLIENT_REFUSED)
			continue;
		if (!is_said_before(d, i))
			tell(mail->to.list[i], &r->said);
		if (refused++ == 0)
			*code = exit_of(&r->said);
	}
	if (refused && refused < mail->to.count)
		say_trouble("nothing was sent to the others");
	return refused ? UP_REFUSED : all_sent ? UP_TAKEN : UP_NOT_NOW;
}

/* --- posting ------------------------------------------------------------------------------ */

static struct smtp_client_recipient *recipients_of(const struct mail *mail)
{
	struct smtp_client_recipient *all = memory_new(mail->to.count, sizeof *all);
	for (uint32_t i = 0; i < mail->to.count; i++)
		all[i] = (struct smtp_client_recipient){
			.forward_path = mail->to.list[i], .notify = mail->options->notify};
	return all;
}

enum up_outcome up_post(const struct mail *mail, int *exit_code_out)
{
	struct arena texts = arena_new((size_t)16 << 20);
	struct dialogue d = {.socket = up_connect(),
		.content = mail->content,
		.name = VIEW("localhost"),
		.arena = &texts,
		.is_shown = mail->options->is_verbose};
	enum up_outcome outcome = UP_NOT_NOW;
	if (d.socket < 0)
		return outcome;
	struct smtp_client_recipient *recipients = recipients_of(mail);
	const struct smtp_client_mail form = {.reverse_path = mail->reverse_path,
		.size_octets = mail->octets,
		.is_8bitmime = mail->is_8bit,
		.smtputf8 = mail->is_utf8,
		.all_or_none = true,
		.ret = mail->options->ret,
		.envid = mail->envid,
		.recipients = recipients,
		.recipient_count = mail->to.count};
	if (dialogue_run(&d, &form))
		outcome = judge(mail, &d, exit_code_out);
	close(d.socket);
	memory_free(recipients);
	arena_reset(&texts);
	return outcome;
}
