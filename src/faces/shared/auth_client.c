#include "faces/shared/auth_client.h"

#include "base/channel.h"
#include "base/streams.h"

#define EXCHANGES_MAX 131072u

struct exchange {
	void *owner;
	bool is_clients_turn; /* auth has said its challenge: it may say nothing until the next step */
};

struct auth_client {
	struct program *program;
	struct channel *channel;
	auth_answered *answered;
	struct streams exchanges;
};

/* What auth still says about an exchange that was cancelled finds nobody: the table allows it in
 * the idle state, and `said` drops it. */
static uint32_t state_of(void *context, uint32_t stream)
{
	const struct auth_client *a = context;
	const struct exchange *ex = streams_get(&a->exchanges, stream);
	if (!ex)
		return AUTH_STATE_IDLE;
	return ex->is_clients_turn ? AUTH_STATE_WAITING : AUTH_STATE_ASKED;
}

/* The owner's exchange is over; its owner, or null when there was none. */
static void *end_exchange(struct auth_client *a, uint32_t number)
{
	struct exchange *ex = streams_take(&a->exchanges, number);
	void *owner = ex ? ex->owner : NULL;
	memory_free(ex);
	return owner;
}

static void *take_challenge(struct auth_client *a, uint32_t number)
{
	struct exchange *ex = streams_get(&a->exchanges, number);
	if (ex)
		ex->is_clients_turn = true;
	return ex ? ex->owner : NULL;
}

static void tell(struct auth_client *a, uint32_t number, const struct auth_answer *answer)
{
	void *owner = answer->kind == AUTH_ANSWER_CHALLENGE ? take_challenge(a, number)
							    : end_exchange(a, number);
	if (owner)
		a->answered(owner, answer);
}

static void said(void *context, const struct frame *frame)
{
	struct auth_answer answer = {.octets = frame->values[0].bytes};
	switch ((enum face_auth_code)frame->row->code) {
	case AUTH_CHALLENGE:
		answer.kind = AUTH_ANSWER_CHALLENGE;
		break;
	case AUTH_SUCCESS:
		answer.kind = AUTH_ANSWER_SUCCESS;
		break;
	case AUTH_FAILURE:
		answer.kind = AUTH_ANSWER_FAILURE;
		answer.failure = (enum auth_failure)frame->values[0].number;
		break;
	case AUTH_START:
	case AUTH_STEP:
	case AUTH_CANCEL:
	case AUTH_LEAVE:
	case AUTH_CODES:
		return;
	}
	tell(context, frame->stream, &answer);
}

/* Whose turn it is finds out with its next step. */
static void fail_one(void *context, uint32_t number, void *item)
{
	const struct exchange *ex = item;
	const struct auth_answer answer = {
		.kind = AUTH_ANSWER_FAILURE, .failure = AUTH_FAILURE_TEMPORARY};
	if (ex->is_clients_turn)
		end_exchange(context, number);
	else
		tell(context, number, &answer);
}

static void closed(void *context, const char *broken)
{
	struct auth_client *a = context;
	if (broken)
		program_peer_broken(a->program, PROGRAM_AUTH, 0, broken);
	channel_free(&a->channel);
	streams_each(&a->exchanges, fail_one, a);
}

static const struct channel_handler handler = {state_of, said, closed};

struct auth_client *auth_client_new(struct program *program, auth_answered *answered)
{
	struct auth_client *a = memory_new(1, sizeof *a);
	a->program = program;
	a->answered = answered;
	a->exchanges = streams_new(EXCHANGES_MAX);
	return a;
}

void auth_client_free(struct auth_client **at)
{
	struct auth_client *a = *at;
	*at = NULL;
	must(streams_count(&a->exchanges) == 0);
	streams_free(&a->exchanges);
	channel_free(&a->channel);
	memory_free(a);
}

void auth_client_connect(struct auth_client *a, int fd)
{
	if (a->channel)
		closed(a, NULL);
	a->channel = channel_new(a->program->loop, &face_auth, FRAME_A, fd, &handler, a);
}

/* The binding of a mechanism that binds (RFC 5802 §5): tls-exporter under TLS 1.3 (RFC 9266), else
 * tls-unique. */
static enum auth_binding binding_of(const struct auth_request *request, struct buffer *binding)
{
	if (!request->tls)
		return AUTH_BINDING_NONE;
	const bool modern =
		view_equal(view_text(tls_session_facts(request->tls).version), VIEW("TLSv1.3"));
	const enum tls_binding kind = modern ? TLS_BINDING_EXPORTER : TLS_BINDING_UNIQUE;
	if (!tls_session_binding(request->tls, kind, binding))
		return AUTH_BINDING_NONE;
	return modern ? AUTH_BINDING_EXPORTER : AUTH_BINDING_UNIQUE;
}

bool auth_client_start(
	struct auth_client *a, uint32_t number, void *owner, const struct auth_request *request)
{
	auth_client_cancel(a, number);
	if (!channel_is_open(a->channel) || request->initial.length > AUTH_RESPONSE_MAX ||
		request->mechanism.length > 20)
		return false;
	struct exchange *ex = memory_new(1, sizeof *ex);
	ex->owner = owner;
	if (streams_put(&a->exchanges, number, ex) != ERROR_NONE) {
		memory_free(ex);
		return false;
	}
	struct buffer binding = buffer_new(TLS_BINDING_MAX);
	const enum auth_binding kind = binding_of(request, &binding);
	const unsigned flags = (request->tls ? AUTH_FLAG_TLS : 0u) |
			       (request->has_initial ? AUTH_FLAG_INITIAL : 0u);
	channel_say(a->channel, AUTH_START, number, frame_number((uint64_t)request->service),
		frame_number(flags), frame_bytes(request->mechanism), frame_bytes(request->initial),
		frame_bytes(view_of(request->client.octets, sizeof request->client.octets)),
		frame_number((uint64_t)kind), frame_bytes(buffer_view(&binding)),
		frame_number(request->session));
	buffer_free_secret(&binding);
	return true;
}

bool auth_client_step(struct auth_client *a, uint32_t number, struct view response)
{
	struct exchange *ex = streams_get(&a->exchanges, number);
	if (!channel_is_open(a->channel) || response.length > AUTH_RESPONSE_MAX || !ex)
		return false;
	ex->is_clients_turn = false;
	channel_say(a->channel, AUTH_STEP, number, frame_bytes(response));
	return true;
}

void auth_client_cancel(struct auth_client *a, uint32_t number)
{
	if (end_exchange(a, number))
		channel_say(a->channel, AUTH_CANCEL, number);
}

void auth_client_leave(struct auth_client *a, uint32_t number)
{
	end_exchange(a, number);
	if (channel_is_open(a->channel))
		channel_say(a->channel, AUTH_LEAVE, number);
}
