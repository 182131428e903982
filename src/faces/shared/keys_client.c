#include "faces/shared/keys_client.h"

#include "base/channel.h"
#include "base/streams.h"
#include "channels/face_keys.h"

#define QUESTIONS_MAX 65536u

struct question {
	struct connection *c; /* one of these two; null: it went away meanwhile */
	struct keys_seal *seal;
};

struct keys_client {
	struct program *program;
	struct channel *channel;
	struct streams questions;
	uint32_t last;
};

static uint32_t state_of(void *context, uint32_t stream)
{
	struct keys_client *k = context;
	return streams_get(&k->questions, stream) ? KEYS_STATE_ASKED : KEYS_STATE_IDLE;
}

static void answer(struct keys_client *k, uint32_t stream, const struct frame *frame)
{
	struct question *q = streams_take(&k->questions, stream);
	struct connection *c = q->c;
	struct keys_seal *seal = q->seal;
	const bool is_signed = frame && frame->row->code == KEYS_SIGNED;
	memory_free(q);
	if (c && is_signed) {
		connection_signed(c, frame->values[0].bytes);
	} else if (c) {
		connection_unsigned(c);
	} else if (seal) {
		seal->question = 0;
		seal->answered(seal->context, is_signed ? frame->values[0].bytes : VIEW_NONE);
	}
}

static void said(void *context, const struct frame *frame)
{
	answer(context, frame->stream, frame);
}

static void fail_one(void *context, uint32_t stream, void *item)
{
	(void)item;
	answer(context, stream, NULL);
}

static void closed(void *context, const char *broken)
{
	struct keys_client *k = context;
	if (broken)
		program_peer_broken(k->program, PROGRAM_KEYS, 0, broken);
	channel_free(&k->channel);
	streams_each(&k->questions, fail_one, k);
}

static const struct channel_handler handler = {state_of, said, closed};

struct keys_client *keys_client_new(struct program *program)
{
	struct keys_client *k = memory_new(1, sizeof *k);
	k->program = program;
	k->questions = streams_new(QUESTIONS_MAX);
	return k;
}

void keys_client_free(struct keys_client **at)
{
	struct keys_client *k = *at;
	*at = NULL;
	if (k->channel)
		closed(k, NULL);
	streams_free(&k->questions);
	memory_free(k);
}

void keys_client_connect(struct keys_client *k, int fd)
{
	if (k->channel)
		closed(k, NULL);
	k->channel = channel_new(k->program->loop, &face_keys, FRAME_A, fd, &handler, k);
}

/* 0: nobody can be asked. */
static uint32_t ask(struct keys_client *k, const struct question *asked, struct view octets)
{
	if (!channel_is_open(k->channel) || octets.length > KEYS_TBS_MAX)
		return 0;
	do
		k->last++;
	while (k->last == 0 || streams_get(&k->questions, k->last));
	struct question *q = memory_new(1, sizeof *q);
	*q = *asked;
	if (streams_put(&k->questions, k->last, q) == ERROR_NONE)
		return k->last;
	memory_free(q);
	return 0;
}

uint32_t keys_client_sign(
	struct keys_client *k, struct connection *c, const struct tls_request *request)
{
	const uint32_t question = ask(k, &(struct question){.c = c}, request->tbs);
	if (question)
		channel_say(k->channel, KEYS_SIGN, question, frame_number(request->key.number),
			frame_number(KEYS_PURPOSE_TLS_SERVER),
			frame_number((uint64_t)request->algorithm), frame_bytes(request->tbs));
	return question;
}

void keys_client_forget(struct keys_client *k, uint32_t question)
{
	struct question *q = question ? streams_get(&k->questions, question) : NULL;
	if (q)
		q->c = NULL;
}

bool keys_client_seal(struct keys_client *k, struct keys_seal *seal, struct view octets)
{
	seal->question = ask(k, &(struct question){.seal = seal}, octets);
	if (seal->question)
		channel_say(k->channel, KEYS_SIGN, seal->question, frame_number(0),
			frame_number(KEYS_PURPOSE_SRS), frame_number(0), frame_bytes(octets));
	return seal->question != 0;
}

void keys_client_forget_seal(struct keys_client *k, struct keys_seal *seal)
{
	struct question *q = seal->question ? streams_get(&k->questions, seal->question) : NULL;
	if (q)
		q->seal = NULL;
	seal->question = 0;
}
