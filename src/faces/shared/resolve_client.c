#include "faces/shared/resolve_client.h"

#include "base/channel.h"
#include "base/streams.h"

#define ANSWER_MEMORY_MAX (256u << 10) /* of the arrays of one answer; octets stay in the frame */

/* An open question. Its asker may have left; the answer comes all the same. */
struct open {
	struct resolve_question *asker; /* null: nobody waits */
	uint32_t state;
};

struct resolve_client {
	struct program *program;
	struct channel *channel;
	struct streams open;
	uint32_t last;
};

static uint32_t state_of(void *context, uint32_t stream)
{
	const struct resolve_client *c = context;
	const struct open *open = streams_get(&c->open, stream);
	return open ? open->state : RESOLVE_STATE_IDLE;
}

static void tell(struct resolve_client *c, uint32_t stream, const struct resolve_answer *answer)
{
	struct open *open = streams_take(&c->open, stream);
	must(open != NULL);
	struct resolve_question *asker = open->asker;
	memory_free(open);
	if (!asker)
		return;
	asker->stream = 0;
	asker->answered(asker, answer);
}

/* --- what resolve says -------------------------------------------------------------------- */

static bool is_sentence(struct view why)
{
	return view_is_printable(why, true);
}

/* The packed texts of RESOLVE_TEXTS_ARE. */
static bool read_texts(struct view packed, struct arena *a, struct resolve_answer *answer)
{
	struct cursor c = cursor_of(packed);
	struct view *texts = arena_get_array(a, RESOLVE_TEXTS_MAX, sizeof *texts);
	if (!texts)
		return false;
	while (!cursor_failed(&c) && cursor_left(&c) && answer->text_count < RESOLVE_TEXTS_MAX)
		texts[answer->text_count++] = cursor_take(&c, cursor_u32(&c));
	answer->texts = texts;
	return cursor_done(&c);
}

/* False when it is no answer that may be given. */
static bool read_answer(const struct frame *frame, struct arena *a, struct resolve_answer *answer)
{
	const struct frame_value *values = frame->values;
	answer->outcome = (enum lookup_outcome)values[0].number;
	const bool found = answer->outcome == LOOKUP_OK;
	switch ((enum any_resolve_code)frame->row->code) {
	case RESOLVE_HOSTS_ARE:
		answer->why = values[2].bytes;
		return is_sentence(answer->why) && found == !view_is_empty(values[1].bytes) &&
		       (!found || (hosts_read(values[1].bytes, a, &answer->hosts) &&
					  answer->hosts.count > 0));
	case RESOLVE_CLIENT_IS:
		answer->name.name = values[1].bytes;
		return found ? host_name_is_sound(answer->name.name)
			     : view_is_empty(answer->name.name);
	case RESOLVE_TEXTS_ARE:
		answer->is_secure = values[1].number == 1;
		answer->why = values[3].bytes;
		return is_sentence(answer->why) && read_texts(values[2].bytes, a, answer) &&
		       found == (answer->text_count > 0);
	case RESOLVE_HOSTS:
	case RESOLVE_ADDRESSES:
	case RESOLVE_CLIENT:
	case RESOLVE_TEXTS:
	case RESOLVE_CODES:
		break;
	}
	return false;
}

static void said(void *context, const struct frame *frame)
{
	struct resolve_client *c = context;
	struct arena a = arena_new(ANSWER_MEMORY_MAX);
	struct resolve_answer answer = {0};
	if (read_answer(frame, &a, &answer))
		tell(c, frame->stream, &answer);
	else
		channel_break(c->channel, "an answer that does not hold together");
	arena_reset(&a);
}

static void fail_one(void *context, uint32_t stream, void *item)
{
	const struct resolve_answer answer = {
		.outcome = LOOKUP_TEMPORARY, .why = VIEW("the resolver is restarting")};
	(void)item;
	tell(context, stream, &answer);
}

static void closed(void *context, const char *broken)
{
	struct resolve_client *c = context;
	if (broken)
		program_peer_broken(c->program, PROGRAM_RESOLVE, 0, broken);
	channel_free(&c->channel);
	streams_each(&c->open, fail_one, c);
}

static const struct channel_handler handler = {state_of, said, closed};

/* --- asking ------------------------------------------------------------------------------- */

struct resolve_client *resolve_client_new(struct program *program)
{
	struct resolve_client *c = memory_new(1, sizeof *c);
	c->program = program;
	c->open = streams_new(RESOLVE_QUESTIONS_MAX);
	return c;
}

static void drop_one(void *context, uint32_t stream, void *item)
{
	struct resolve_client *c = context;
	must(((struct open *)item)->asker == NULL);
	memory_free(streams_take(&c->open, stream));
}

void resolve_client_free(struct resolve_client **at)
{
	struct resolve_client *c = *at;
	*at = NULL;
	if (!c)
		return;
	streams_each(&c->open, drop_one, c);
	streams_free(&c->open);
	channel_free(&c->channel);
	memory_free(c);
}

void resolve_client_connect(struct resolve_client *c, int fd)
{
	if (c->channel)
		closed(c, NULL);
	c->channel = channel_new(c->program->loop, &any_resolve, FRAME_A, fd, &handler, c);
}

bool resolve_client_is_up(const struct resolve_client *c)
{
	return channel_is_open(c->channel);
}

static bool ask(struct resolve_client *c, struct resolve_question *q, enum any_resolve_code code,
	uint32_t state, const struct frame_value *values)
{
	if (!resolve_client_is_up(c) || streams_count(&c->open) >= RESOLVE_QUESTIONS_MAX)
		return false;
	do
		c->last++;
	while (c->last == 0 || streams_get(&c->open, c->last));
	struct open *open = memory_new(1, sizeof *open);
	*open = (struct open){q, state};
	must(streams_put(&c->open, c->last, open) == ERROR_NONE);
	q->stream = c->last;
	channel_send(c->channel, code, c->last, values);
	return true;
}

bool resolve_client_hosts(
	struct resolve_client *c, struct resolve_question *q, struct view destination)
{
	const struct frame_value values[] = {frame_bytes(destination)};
	return destination.length <= RESOLVE_NAME_MAX &&
	       ask(c, q, RESOLVE_HOSTS, RESOLVE_STATE_HOSTS, values);
}

bool resolve_client_addresses(
	struct resolve_client *c, struct resolve_question *q, struct view name, uint16_t port)
{
	const struct frame_value values[] = {frame_bytes(name), frame_number(port)};
	return name.length <= RESOLVE_NAME_MAX &&
	       ask(c, q, RESOLVE_ADDRESSES, RESOLVE_STATE_HOSTS, values);
}

bool resolve_client_name(
	struct resolve_client *c, struct resolve_question *q, const struct ip *client)
{
	const struct frame_value values[] = {
		frame_bytes(view_of(client->octets, sizeof client->octets))};
	return ask(c, q, RESOLVE_CLIENT, RESOLVE_STATE_CLIENT, values);
}

bool resolve_client_texts(struct resolve_client *c, struct resolve_question *q, struct view name)
{
	const struct frame_value values[] = {frame_bytes(name)};
	return name.length <= RESOLVE_NAME_MAX &&
	       ask(c, q, RESOLVE_TEXTS, RESOLVE_STATE_TEXTS, values);
}

void resolve_client_forget(struct resolve_client *c, struct resolve_question *q)
{
	struct open *open = q->stream ? streams_get(&c->open, q->stream) : NULL;
	if (open)
		open->asker = NULL;
	q->stream = 0;
}
