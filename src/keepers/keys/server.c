#include "keepers/keys/server.h"

#include "base/clock.h"
#include "base/error.h"
#include "channels/face_keys.h"

#include <unistd.h>

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
	struct server_face *f, const struct frame_value *values, struct buffer *signature)
{
	const struct server *s = f->server;
	const uint32_t purpose = (uint32_t)values[1].number;
	if (purpose == KEYS_PURPOSE_SRS)
		return f->id == PROGRAM_SMTPD
			       ? secret_sign(s->secret, &f->mac_bucket, clock_monotonic_ms(),
					 values[3].bytes, signature)
			       : SIGNER_NOT_PURPOSE;
	return signer_sign(s->signer, &f->bucket, clock_monotonic_ms(),
		(struct key_id){(uint32_t)values[0].number}, purpose, (uint32_t)values[2].number,
		values[3].bytes, signature);
}

static void said(void *context, const struct frame *frame)
{
	struct server_face *f = context;
	struct buffer signature = buffer_new(KEYS_SIGNATURE_MAX);
	const enum signer_result result = sign(f, frame->values, &signature);
	if (result == SIGNER_SIGNED) {
		f->server->signatures++;
		channel_say(f->channel, KEYS_SIGNED, frame->stream,
			frame_bytes(buffer_view(&signature)));
	} else {
		f->server->refusals++;
		channel_say(f->channel, KEYS_REFUSED, frame->stream,
			frame_number((uint64_t)error_of(result)));
	}
	buffer_free(&signature);
}

static void closed(void *context, const char *broken)
{
	struct server_face *f = context;
	if (broken)
		program_peer_broken(f->server->program, f->id, f->worker, broken);
	channel_free(&f->channel);
}

static const struct channel_handler handler = {state_of, said, closed};

static struct server_face *place_for(struct server *s, enum program_id id, uint32_t worker)
{
	for (size_t i = 0; i < SERVER_FACES_MAX; i++)
		if (s->faces[i].channel && s->faces[i].id == id && s->faces[i].worker == worker)
			return &s->faces[i];
	for (size_t i = 0; i < SERVER_FACES_MAX; i++)
		if (!s->faces[i].channel)
			return &s->faces[i];
	return NULL;
}

static struct signer_peer new_bucket(enum program_id id)
{
	return signer_peer_new(program_id_name(id), SIGNER_RATE_DEFAULT, SIGNER_BURST_DEFAULT,
		clock_monotonic_ms());
}

void server_connect(struct server *s, enum program_id id, uint32_t worker, int fd)
{
	struct server_face *f = place_for(s, id, worker);
	if (!f) {
		close(fd);
		return;
	}
	channel_free(&f->channel);
	*f = (struct server_face){.server = s,
		.id = id,
		.worker = worker,
		.bucket = new_bucket(id),
		.mac_bucket = new_bucket(id)};
	f->channel = channel_new(s->program->loop, &face_keys, FRAME_B, fd, &handler, f);
}
