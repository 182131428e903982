/*
 * keys, a keeper: private keys. The parent hands them over in memory files, at the start and at a reload;
 * it signs for the faces it is connected to (signer.h says what and how often), and never shows one.
 */
#include "base/channel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/tls.h"
#include "channels/face_keys.h"
#include "channels/program.h"
#include "keepers/keys/secret.h"

#include <unistd.h>

#define FACES_MAX 64
#define READ_STEP 4096u

struct asker {
	struct channel *channel;
	struct signer_peer bucket;
	struct signer_peer mac_bucket;
	enum program_id id;
	uint32_t worker;
};

static struct program *self;
static struct signer *signer;
static struct secret *secret;
static struct asker askers[FACES_MAX];
static struct timer *expiry;
static uint64_t signatures;
static uint64_t refusals;

/* Every question is answered before the next is read: no stream stays open. */
static uint32_t state_of(void *context, uint32_t stream)
{
	(void)context;
	(void)stream;
	return KEYS_STATE_IDLE;
}

static enum error error_of(enum signer_result result)
{
	switch (result) {
	case SIGNER_SIGNED:
		return ERROR_NONE;
	case SIGNER_NO_KEY:
		return ERROR_MISSING;
	case SIGNER_RATE:
		return ERROR_BUSY;
	case SIGNER_NOT_PURPOSE:
	case SIGNER_NOT_ALGORITHM:
		return ERROR_DENIED;
	case SIGNER_BROKEN:
		break;
	}
	return ERROR_IO;
}

static enum signer_result sign(
	struct asker *a, const struct frame_value *values, struct buffer *signature)
{
	const uint32_t purpose = (uint32_t)values[1].number;
	if (purpose == KEYS_PURPOSE_SRS)
		return a->id == PROGRAM_SMTPD
			       ? secret_sign(secret, &a->mac_bucket, clock_monotonic_ms(),
					 values[3].bytes, signature)
			       : SIGNER_NOT_PURPOSE;
	return signer_sign(signer, &a->bucket, clock_monotonic_ms(),
		(struct key_id){(uint32_t)values[0].number}, purpose, (uint32_t)values[2].number,
		values[3].bytes, signature);
}

static void said(void *context, const struct frame *frame)
{
	struct asker *a = context;
	struct buffer signature = buffer_new(KEYS_SIGNATURE_MAX);
	const enum signer_result result = sign(a, frame->values, &signature);
	if (result == SIGNER_SIGNED) {
		signatures++;
		channel_say(a->channel, KEYS_SIGNED, frame->stream,
			frame_bytes(buffer_view(&signature)));
	} else {
		refusals++;
		channel_say(a->channel, KEYS_REFUSED, frame->stream,
			frame_number((uint64_t)error_of(result)));
	}
	buffer_free(&signature);
}

static void closed(void *context, const char *broken)
{
	struct asker *a = context;
	if (broken)
		program_peer_broken(self, a->id, a->worker, broken);
	channel_free(&a->channel);
}

static const struct channel_handler handler = {state_of, said, closed};

static struct asker *place_for(enum program_id id, uint32_t worker)
{
	for (size_t i = 0; i < FACES_MAX; i++)
		if (askers[i].channel && askers[i].id == id && askers[i].worker == worker)
			return &askers[i];
	for (size_t i = 0; i < FACES_MAX; i++)
		if (!askers[i].channel)
			return &askers[i];
	return NULL;
}

static struct signer_peer new_bucket(enum program_id id)
{
	return signer_peer_new(program_id_name(id), SIGNER_RATE_DEFAULT, SIGNER_BURST_DEFAULT,
		clock_monotonic_ms());
}

static void on_peer(
	struct program *p, enum program_id id, uint32_t worker, uint32_t workers, int fd)
{
	(void)workers;
	struct asker *a = place_for(id, worker);
	if (!a) {
		close(fd);
		return;
	}
	channel_free(&a->channel);
	*a = (struct asker){
		.id = id, .worker = worker, .bucket = new_bucket(id), .mac_bucket = new_bucket(id)};
	a->channel = channel_new(p->loop, &face_keys, FRAME_B, fd, &handler, a);
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
	signer_expire(signer, clock_monotonic_ms());
}

static void take_key(bool is_read, struct view pem)
{
	const enum certificate_problem problem =
		is_read ? signer_renew(signer, pem, clock_monotonic_ms()) : CERTIFICATE_LONG;
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
	if (role == GIVEN_SECRET && !(is_read && secret_read(secret, buffer_view(&text))))
		log_error("the site's secret cannot be used: mail from elsewhere is not forwarded; "
			  "remove the file to have a new one made, then restart",
			fact_text("file", "keys/site-secret"));
	buffer_free(&text);
	close(fd);
}

static void warm(struct program *p)
{
	(void)p;
	signer_warm(signer);
}

static void begin(struct program *p)
{
	self = p;
	tls_warm();
	signer = signer_new();
	must(signer != NULL);
	secret = secret_new();
	expiry = timer_new(p->loop, on_expiry, NULL);
}

static void command(struct program *p, uint32_t stream, struct view words)
{
	if (!view_equal(program_word(words, 0), VIEW("status"))) {
		program_done(p, stream, 64);
		return;
	}
	struct buffer b = buffer_new(256);
	text_add(
		&b, "signatures={}\nrefusals={}\n", text_number(signatures), text_number(refusals));
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
