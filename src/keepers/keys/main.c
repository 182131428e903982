/*
 * keys, a keeper: private keys. The parent hands them over in memory files, at the start and at a reload;
 * it signs for the faces it is connected to (signer.h says what and how often), and never shows one.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/tls.h"
#include "keepers/keys/server.h"

#include <unistd.h>

#define READ_STEP 4096u

static struct server server;
static struct timer *expiry;

static void on_peer(
	struct program *p, enum program_id id, uint32_t worker, uint32_t workers, int fd)
{
	(void)p;
	(void)workers;
	server_connect(&server, id, worker, fd);
}

static bool read_all(int fd, struct buffer *text)
{
	ssize_t n;
	do {
		uint8_t *room = buffer_room(text, READ_STEP);
		n = room ? pread(fd, room, READ_STEP, (off_t)text->length) : -1;
		if (n > 0)
			buffer_grown(text, (size_t)n);
	} while (n > 0);
	return n == 0;
}

static void on_expiry(void *context)
{
	(void)context;
	signer_expire(server.signer, clock_monotonic_ms());
}

static void take_key(bool is_read, struct view pem)
{
	const enum certificate_problem problem =
		is_read ? signer_renew(server.signer, pem, clock_monotonic_ms()) : CERTIFICATE_LONG;
	if (problem != CERTIFICATE_OK)
		log_error("the private key cannot be used",
			fact_text("why", certificate_problem_text(problem)));
	timer_set(expiry, SIGNER_OLD_MS + 1);
}

static void on_given(struct program *p, enum parent_given role, int fd)
{
	(void)p;
	struct buffer text = buffer_new_secret(CERTIFICATE_PEM_MAX);
	const bool is_read = read_all(fd, &text);
	if (role == GIVEN_KEY)
		take_key(is_read, buffer_view(&text));
	if (role == GIVEN_SECRET && !(is_read && secret_read(server.secret, buffer_view(&text))))
		log_error("the site's secret cannot be used: mail from elsewhere is not forwarded; "
			  "remove the file to have a new one made, then restart",
			fact_text("file", "keys/site-secret"));
	buffer_free(&text);
	close(fd);
}

static void warm(struct program *p)
{
	(void)p;
	signer_warm(server.signer);
}

static void begin(struct program *p)
{
	tls_warm();
	server.program = p;
	server.signer = signer_new();
	must(server.signer != NULL);
	server.secret = secret_new();
	expiry = timer_new(p->loop, on_expiry, NULL);
}

static void command(struct program *p, uint32_t stream, struct view words)
{
	if (!view_equal(program_word(words, 0), VIEW("status"))) {
		program_done(p, stream, 64);
		return;
	}
	struct buffer b = buffer_new(256);
	text_add(&b, "signatures={}\nrefusals={}\n", text_number(server.signatures),
		text_number(server.refusals));
	program_output(p, stream, buffer_view(&b));
	buffer_free(&b);
	program_done(p, stream, 0);
}

int main(int argc, char **argv)
{
	static const struct program_ops ops = {.begin = begin,
		.peer = on_peer,
		.given = on_given,
		.warm = warm,
		.command = command};
	return program_main(PROGRAM_KEYS, &ops, argc, argv);
}
