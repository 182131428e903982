/*
 * What a Redis may answer, honest, broken into or no Redis at all: any octets, in any portions, are replies of
 * bounded size, an error, or nothing yet; what is read of them lies within the limits of the channel.
 */
#include "keepers/gate/redis_words.h"
#include "mail/gate_open.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_row(struct gate_walk *walk, const struct gate_row *row)
{
	(void)walk;
	must(row->facts.length <= GATE_FACTS_MAX && row->left_ms <= GATE_LIFETIME_MAX_MS);
}

static void check(const struct redis_reply *reply, enum any_gate_code code)
{
	const struct gate_op op = {.code = code};
	struct gate_walk walk = {.row = check_row};
	struct gate_result r;
	uint64_t next;
	if (redis_result(reply, &op, &r))
		must(r.facts.length <= GATE_FACTS_MAX && r.left_ms <= GATE_LIFETIME_MAX_MS &&
			(r.counted == (code == GATE_COUNT)));
	(void)!redis_page(reply, &walk, &next);
	must(redis_error(reply).length == 0 || redis_text(reply).length == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor in = cursor_of(view_of(data, size));
	struct redis_reader *reader = redis_reader_new();
	const size_t portion = 1u + cursor_u8(&in);
	const enum any_gate_code code = cursor_u8(&in) % 2 ? GATE_COUNT : GATE_LOOKUP;
	bool broken = false;
	while (cursor_left(&in) && !broken) {
		const struct redis_reply *reply;
		const size_t left = cursor_left(&in);
		if (!redis_reader_feed(reader, cursor_take(&in, left < portion ? left : portion)))
			break;
		while (!broken && (reply = redis_reader_next(reader, &broken)))
			check(reply, code);
	}
	redis_reader_free(&reader);
	return 0;
}
