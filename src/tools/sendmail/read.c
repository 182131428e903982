#include "base/clock.h"
#include "base/files.h"
#include "base/random.h"
#include "parent/options.h"
#include "post/lines.h"
#include "tools/sekisho/say.h"
#include "tools/sendmail/sendmail.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define ARENA_MAX (32u << 20)
#define READ_STEP 65536u
#define OUT_MAX (4u * READ_STEP) /* lines with their CRLF, and folds, of one step */
#define HEAD_MAX (4u * LETTER_SECTION_MAX)
#define ENVID_MAX 100u /* octets, RFC 3461 §4.4 */
#define CONTENT_MAX ((uint64_t)1 << 30) /* the server has a limit of its own, mostly far below */

int state_open(void)
{
	return open(options_state(), O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* --- who and where ------------------------------------------------------------------------ */

static bool read_server(struct mail *mail)
{
	struct buffer name = buffer_new(ADDRESS_DOMAIN_MAX);
	const int state = state_open();
	const bool ok = state >= 0 && file_read(state, CALLER_SERVER_NAME, &name) == ERROR_NONE &&
			name.length &&
			arena_copy(&mail->arena, buffer_view(&name), &mail->names.server);
	if (state >= 0)
		close(state);
	buffer_free(&name);
	return ok;
}

static void set_host(struct mail *mail)
{
	static char host[ADDRESS_DOMAIN_MAX + 1];
	if (gethostname(host, sizeof host - 1) == 0)
		mail->names.host = view_text(host);
}

/* "&" in the old comment field stands for the name. */
static struct view full_name(struct arena *a, const struct passwd *user)
{
	struct buffer b = buffer_new(256);
	struct view name, rest, copy = VIEW_NONE;
	const struct view login = view_text(user ? user->pw_name : NULL);
	view_split(view_text(user ? user->pw_gecos : NULL), ',', &name, &rest);
	for (size_t i = 0; i < name.length; i++) {
		if (name.at[i] == '&')
			buffer_add(&b, login);
		else
			buffer_add_octet(&b, name.at[i]);
	}
	if (buffer_failed(&b) || !arena_copy(a, buffer_view(&b), &copy))
		copy = VIEW_NONE;
	buffer_free(&b);
	return copy;
}

static bool set_sender(struct mail *mail, const struct passwd *user)
{
	struct buffer own = buffer_new(2 * CALLER_NAME_MAX);
	caller_name_add(&own, (uint32_t)getuid(), view_text(user ? user->pw_name : NULL));
	const struct view text =
		mail->options->has_sender ? mail->options->sender : buffer_view(&own);
	const bool is_null = mail->options->has_sender && text.length == 0;
	if (!is_null)
		mail->reverse_path = letter_complete(text, &mail->names, &mail->arena);
	const bool ok = is_null || mail->reverse_path.length;
	if (!ok)
		say_trouble("the sender {} is no address", text_view(text));
	buffer_free(&own);
	return ok;
}

/* xtext, RFC 3461 §4 */
static bool set_envid(struct mail *mail)
{
	struct buffer b = buffer_new(ENVID_MAX);
	const struct view given = mail->options->envid;
	for (size_t i = 0; i < given.length; i++) {
		const uint8_t octet = given.at[i];
		if (octet > 0x20 && octet < 0x7f && octet != '+' && octet != '=') {
			buffer_add_octet(&b, octet);
			continue;
		}
		buffer_add_octet(&b, '+');
		buffer_add_octet(&b, (uint8_t) "0123456789ABCDEF"[octet >> 4]);
		buffer_add_octet(&b, (uint8_t) "0123456789ABCDEF"[octet & 15]);
	}
	const bool ok =
		!buffer_failed(&b) && arena_copy(&mail->arena, buffer_view(&b), &mail->envid);
	if (!ok)
		say_trouble("the ENVID is longer than 100 octets");
	buffer_free(&b);
	return ok;
}

static int trouble(enum letter_problem problem, struct view wrong)
{
	if (wrong.length)
		say_trouble("{}: {}", text_string(letter_problem_text(problem)),
			text_view(view_first(wrong, 200)));
	else
		say_trouble("{}", text_string(letter_problem_text(problem)));
	return problem == LETTER_MEMORY ? SENDMAIL_LATER : SENDMAIL_DATA;
}

static int add_arguments(struct mail *mail)
{
	for (char **r = mail->options->recipients; *r; r++) {
		const enum letter_problem problem =
			letter_add_recipients(&mail->to, view_text(*r), &mail->names, &mail->arena);
		if (problem != LETTER_OK)
			return trouble(problem, mail->to.wrong);
	}
	return SENDMAIL_FINE;
}

/* --- the content -------------------------------------------------------------------------- */

struct reading {
	struct mail *mail;
	struct lines lines;
	struct buffer out;
	struct buffer head; /* until the header section has been written */
	const struct passwd *user;
	bool is_body;
	int code;
};

static int write_content(struct mail *mail, struct view octets)
{
	while (octets.length) {
		const ssize_t n = write(mail->content, octets.at, octets.length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			say_trouble("there is no memory for the mail: {}",
				text_string(strerrordesc_np(errno)));
			return SENDMAIL_LATER;
		}
		mail->octets += (uint64_t)n;
		octets = view_from(octets, (size_t)n);
	}
	if (mail->octets <= CONTENT_MAX)
		return SENDMAIL_FINE;
	say_trouble("the mail is larger than any server takes");
	return SENDMAIL_UNAVAILABLE;
}

static struct letter_seed seed_of(const struct reading *r)
{
	struct mail *mail = r->mail;
	const time_t now = time(NULL);
	struct tm local = {0};
	localtime_r(&now, &local);
	struct letter_seed seed = {.message_id = {.wall_s = now},
		.time_s = now,
		.offset_minutes = (int)(local.tm_gmtoff / 60),
		.names = mail->names,
		.sender = mail->reverse_path,
		.full_name = mail->options->full_name.length ? mail->options->full_name
							     : full_name(&mail->arena, r->user)};
	random_octets(seed.message_id.random, sizeof seed.message_id.random);
	return seed;
}

/* A mail without a sender still has an author. */
static struct view author(const struct reading *r)
{
	struct buffer own = buffer_new(2 * CALLER_NAME_MAX);
	caller_name_add(&own, (uint32_t)getuid(), view_text(r->user ? r->user->pw_name : NULL));
	const struct view path =
		letter_complete(buffer_view(&own), &r->mail->names, &r->mail->arena);
	buffer_free(&own);
	return path;
}

static int write_head(struct reading *r)
{
	struct mail *mail = r->mail;
	struct letter_seed seed = seed_of(r);
	struct buffer anew = buffer_new(2 * HEAD_MAX);
	const struct view all = buffer_view(&r->head);
	const size_t end = letter_section(all);
	struct view body = view_from(all, end);
	if (!seed.sender.length)
		seed.sender = author(r);
	if (view_starts(body, VIEW("\r\n")))
		body = view_from(body, 2);
	const enum letter_problem problem = letter_write(view_first(all, end), &seed,
		mail->options->takes_recipients ? &mail->to : NULL, &mail->arena, &anew);
	int code = problem == LETTER_OK ? SENDMAIL_FINE : trouble(problem, mail->to.wrong);
	if (code == SENDMAIL_FINE)
		code = write_content(mail, buffer_view(&anew));
	if (code == SENDMAIL_FINE)
		code = write_content(mail, body);
	buffer_free(&anew);
	buffer_free(&r->head);
	r->is_body = true;
	return code;
}

/* The section ends with an empty line, or a line that is no field, of which more than the section is at hand. */
static bool is_head_whole(const struct reading *r)
{
	const struct view all = buffer_view(&r->head);
	return letter_section(all) < all.length;
}

static void take_out(struct reading *r)
{
	if (r->is_body) {
		r->code = write_content(r->mail, buffer_view(&r->out));
	} else {
		buffer_add(&r->head, buffer_view(&r->out));
		if (buffer_failed(&r->head) || r->head.length > 2 * LETTER_SECTION_MAX ||
			is_head_whole(r))
			r->code = buffer_failed(&r->head) ? trouble(LETTER_LARGE, VIEW_NONE)
							  : write_head(r);
	}
	buffer_clear(&r->out);
}

static void read_all(struct reading *r)
{
	static uint8_t room[READ_STEP];
	while (r->code == SENDMAIL_FINE && !r->lines.is_over) {
		const ssize_t n = read(STDIN_FILENO, room, sizeof room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			say_trouble("standard input cannot be read: {}",
				text_string(strerrordesc_np(errno)));
			r->code = SENDMAIL_IO;
		}
		if (n <= 0)
			break;
		lines_feed(&r->lines, view_of(room, (size_t)n), &r->out);
		take_out(r);
	}
	lines_finish(&r->lines, &r->out);
	if (r->code == SENDMAIL_FINE)
		take_out(r);
	if (r->code == SENDMAIL_FINE && !r->is_body)
		r->code = write_head(r);
}

static int read_content(struct mail *mail, const struct passwd *user)
{
	static struct reading r;
	r = (struct reading){.mail = mail,
		.lines = {.ends_at_dot = !mail->options->ignores_dots},
		.out = buffer_new(OUT_MAX),
		.head = buffer_new(HEAD_MAX),
		.user = user};
	read_all(&r);
	if (r.code == SENDMAIL_FINE && r.lines.has_nul)
		say_trouble(
			"the mail holds octets of value 0, which no mail may hold: they are left "
			"out");
	mail->is_8bit = r.lines.has_8bit || mail->options->is_8bit;
	buffer_free(&r.out);
	buffer_free(&r.head);
	return r.code;
}

/* ------------------------------------------------------------------------------------------ */

int mail_read(struct mail *mail, const struct options *options)
{
	const struct passwd *user = getpwuid(getuid());
	mail->arena = arena_new(ARENA_MAX);
	mail->options = options;
	mail->content = memfd_create("mail", MFD_CLOEXEC);
	if (mail->content < 0) {
		say_trouble("there is no memory for the mail");
		return SENDMAIL_LATER;
	}
	if (!read_server(mail)) {
		say_trouble("no server has run on this machine yet (there is no {}/{})",
			text_string(options_state()), text_string(CALLER_SERVER_NAME));
		return SENDMAIL_UNAVAILABLE;
	}
	set_host(mail);
	if (!set_sender(mail, user) || !set_envid(mail))
		return SENDMAIL_DATA;
	int code = add_arguments(mail);
	if (code == SENDMAIL_FINE && !mail->to.count && !options->takes_recipients) {
		say_trouble("to whom? Name recipients, or say -t to take them from the mail");
		return SENDMAIL_USAGE;
	}
	if (code == SENDMAIL_FINE)
		code = read_content(mail, user);
	if (code == SENDMAIL_FINE && !mail->to.count) {
		say_trouble("the mail names no recipient in To, Cc or Bcc");
		return SENDMAIL_USAGE;
	}
	mail->is_utf8 = mail->to.is_utf8 || !view_is_ascii(mail->reverse_path);
	return code;
}
