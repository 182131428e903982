#include "keepers/gate/redis_words.h"

#include "base/text.h"
#include "keepers/gate/redis_script.h"
#include "mail/gate_open.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#define PREFIX "sekisho:"
#define WORDS_MAX 16

/* --- saying ------------------------------------------------------------------------------- */

/* A command as RESP has it: how many words, then each with its length. */
static void add_command(struct buffer *b, const struct view *words, size_t count)
{
	text_add(b, "*{}\r\n", text_number(count));
	for (size_t i = 0; i < count; i++)
		text_add(b, "${}\r\n{}\r\n", text_number(words[i].length), text_raw(words[i]));
}

unsigned redis_add_hello(
	struct buffer *b, struct view user, struct view password, uint32_t database)
{
	unsigned replies = 2;
	struct buffer number = buffer_new(16);
	text_add(&number, "{}", text_number(database));
	if (password.length) {
		const struct view auth[] = {VIEW("AUTH"), user.length ? user : password, password};
		add_command(b, auth, user.length ? 3 : 2);
		replies++;
	}
	add_command(b, (const struct view[]){VIEW("SELECT"), buffer_view(&number)}, 2);
	add_command(
		b, (const struct view[]){VIEW("SCRIPT"), VIEW("LOAD"), view_text(redis_script)}, 3);
	buffer_free(&number);
	return replies;
}

/* The words of one call of the script; numbers and the key lie in buffers of their own. */
struct script_call {
	struct buffer key;
	struct buffer life;
	struct buffer amount;
	struct buffer window;
};

static struct buffer number_of(uint64_t n)
{
	struct buffer b = buffer_new(24);
	text_add(&b, "{}", text_number(n));
	return b;
}

static void add_call(struct buffer *b, struct view sha, struct view op, struct view tail,
	bool group, struct view facts, struct view old, const struct script_call *c)
{
	const struct view words[] = {VIEW("EVALSHA"), sha, VIEW("1"), buffer_view(&c->key), op,
		tail, group ? VIEW("1") : VIEW("0"), facts, old, buffer_view(&c->life),
		buffer_view(&c->amount), buffer_view(&c->window)};
	add_command(b, words, sizeof words / sizeof *words);
}

static struct script_call call_of(struct view key, uint64_t life, uint64_t amount, uint64_t window)
{
	struct script_call c = {.key = buffer_new(GATE_KEY_MAX + sizeof PREFIX),
		.life = number_of(life),
		.amount = number_of(amount),
		.window = number_of(window)};
	buffer_add(&c.key, VIEW(PREFIX));
	buffer_add(&c.key, key);
	return c;
}

static void call_free(struct script_call *c)
{
	buffer_free(&c->key);
	buffer_free(&c->life);
	buffer_free(&c->amount);
	buffer_free(&c->window);
}

void redis_add_op(struct buffer *b, struct view sha, const struct gate_op *op)
{
	const size_t group = gate_open_group(op->key);
	struct script_call c = call_of(group ? view_first(op->key, group) : op->key,
		op->lifetime_ms, op->amount, op->window_ms);
	add_call(b, sha, view_text(any_gate.rows[op->code].name),
		group ? view_from(op->key, group) : VIEW_NONE, group > 0, op->facts, op->old, &c);
	call_free(&c);
}

void redis_add_walk(struct buffer *b, struct view sha, const struct gate_walk *walk)
{
	struct script_call c = call_of(walk->prefix, 0, walk->rows, 0);
	struct buffer after = number_of(walk->after);
	add_call(b, sha, VIEW("walk"), buffer_view(&after), false, VIEW_NONE, VIEW_NONE, &c);
	buffer_free(&after);
	call_free(&c);
}

/* --- hearing ------------------------------------------------------------------------------ */

#define ELEMENT_OCTETS_MIN 4u /* ":1\r\n" */

/* How hiredis says how many there are. */
#if HIREDIS_MAJOR >= 1
typedef size_t element_count;
#else
typedef int element_count;
#endif

struct redis_reader {
	struct redisReader *reader;
	void *reply;
	size_t octets; /* of the reply that is not whole yet */
};

static const redisReply *of(const struct redis_reply *reply)
{
	return (const redisReply *)(const void *)reply;
}

static const redisReplyObjectFunctions *functions; /* hiredis' own */

/* Memory is taken for all elements at once: not for more than there can be octets. */
static void *create_array(const redisReadTask *task, element_count count)
{
	const bool fits = (size_t)count <= REDIS_REPLY_MAX / ELEMENT_OCTETS_MIN;
	return fits ? functions->createArray(task, count) : NULL;
}

struct redis_reader *redis_reader_new(void)
{
	static redisReplyObjectFunctions bounded;
	struct redis_reader *r = memory_new(1, sizeof *r);
	r->reader = redisReaderCreate();
	must(r->reader != NULL);
	functions = r->reader->fn;
	bounded = *functions;
	bounded.createArray = create_array;
	r->reader->fn = &bounded;
	return r;
}

static void drop_reply(struct redis_reader *r)
{
	if (r->reply)
		freeReplyObject(r->reply);
	r->reply = NULL;
}

void redis_reader_free(struct redis_reader **reader)
{
	struct redis_reader *r = *reader;
	*reader = NULL;
	if (!r)
		return;
	drop_reply(r);
	redisReaderFree(r->reader);
	memory_free(r);
}

bool redis_reader_feed(struct redis_reader *r, struct view octets)
{
	if (octets.length > REDIS_REPLY_MAX - r->octets)
		return false;
	r->octets += octets.length;
	return redisReaderFeed(r->reader, (const char *)octets.at, octets.length) == REDIS_OK;
}

const struct redis_reply *redis_reader_next(struct redis_reader *r, bool *broken_out)
{
	drop_reply(r);
	*broken_out = redisReaderGetReply(r->reader, &r->reply) != REDIS_OK;
	if (r->reply)
		r->octets = r->reader->len - r->reader->pos;
	return r->reply;
}

static struct view string_of(const redisReply *r)
{
	return view_of(r->str, r->len);
}

struct view redis_error(const struct redis_reply *reply)
{
	const redisReply *r = of(reply);
	return r->type == REDIS_REPLY_ERROR ? string_of(r) : VIEW_NONE;
}

struct view redis_text(const struct redis_reply *reply)
{
	const redisReply *r = of(reply);
	return r->type == REDIS_REPLY_STATUS || r->type == REDIS_REPLY_STRING ? string_of(r)
									      : VIEW_NONE;
}

static bool is_left(const redisReply *r)
{
	return r->type == REDIS_REPLY_INTEGER && r->integer >= 0 &&
	       (uint64_t)r->integer <= GATE_LIFETIME_MAX_MS;
}

static bool is_facts(const redisReply *r)
{
	return r->type == REDIS_REPLY_STRING && r->len <= GATE_FACTS_MAX;
}

bool redis_result(
	const struct redis_reply *reply, const struct gate_op *op, struct gate_result *result_out)
{
	const redisReply *r = of(reply);
	*result_out = (struct gate_result){.counted = op->code == GATE_COUNT};
	if (op->code == GATE_CLOSE) /* what was there; the count is of what was open */
		result_out->error = ERROR_MISSING;
	if (op->code == GATE_CLOSE || result_out->counted) {
		result_out->count =
			r->type == REDIS_REPLY_INTEGER && r->integer > 0 ? (uint64_t)r->integer : 0;
		return r->type == REDIS_REPLY_INTEGER && r->integer >= 0;
	}
	if (r->type == REDIS_REPLY_NIL) {
		result_out->error = ERROR_MISSING;
		return true;
	}
	if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 || !is_facts(r->element[0]) ||
		!is_left(r->element[1]))
		return false;
	result_out->facts = string_of(r->element[0]);
	result_out->left_ms = (uint64_t)r->element[1]->integer;
	return true;
}

bool redis_page(const struct redis_reply *reply, struct gate_walk *walk, uint64_t *next_out)
{
	const redisReply *r = of(reply);
	if (r->type != REDIS_REPLY_ARRAY || r->elements % 3 != 1 ||
		r->element[0]->type != REDIS_REPLY_STRING ||
		!view_to_u64(string_of(r->element[0]), UINT64_MAX, next_out))
		return false;
	for (size_t i = 1; i < r->elements; i += 3) {
		const redisReply *key = r->element[i];
		if (key->type != REDIS_REPLY_STRING || !is_facts(r->element[i + 1]) ||
			!is_left(r->element[i + 2]) || !view_starts(string_of(key), VIEW(PREFIX)))
			return false;
		const struct gate_row row = {.key = view_from(string_of(key), sizeof PREFIX - 1),
			.facts = string_of(r->element[i + 1]),
			.left_ms = (uint64_t)r->element[i + 2]->integer,
			.durable = true};
		walk->row(walk, &row);
	}
	return true;
}
