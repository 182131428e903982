/*
 * An asker's end of its channel to the gate (channels/any_gate.h), for all who ask: questions with an answer each, any number
 * on their way. While the channel is down every question is answered at once with `failed`.
 */
#ifndef CHANNELS_GATE_CLIENT_H
#define CHANNELS_GATE_CLIENT_H

#include "base/channel.h"
#include "base/streams.h"
#include "channels/any_gate.h"

#define GATE_QUESTIONS_MAX 32768u

struct gate_answer {
	bool failed; /* no answer, or an error */
	bool found; /* a row stands there */
	struct view facts; /* of the row; until `answered` returns */
	uint64_t left_ms;
	uint64_t count;
};

struct gate_question {
	/* Once; never from inside gate_client_ask. Null: the answer is of no interest. */
	void (*answered)(struct gate_question *q, const struct gate_answer *answer);
	void *context;
	uint32_t stream; /* 0: not under way */
};

struct gate_client {
	struct channel *channel;
	struct streams questions;
	uint32_t last_stream;
	void (*broken)(void *context, const char *why);
	void *context;
};

void gate_client_connect(struct gate_client *g, struct loop *loop, int fd);
bool gate_client_is_up(const struct gate_client *g);
/* `q` is kept until answered or forgotten. False: it cannot be asked. The values are of `code`. */
must_use bool gate_client_ask(struct gate_client *g, struct gate_question *q,
	enum any_gate_code code, const struct frame_value *values);
/* Says it and does not wait. */
void gate_client_tell(
	struct gate_client *g, enum any_gate_code code, const struct frame_value *values);
void gate_client_forget(struct gate_client *g, struct gate_question *q);

#endif
