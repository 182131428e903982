/*
 * Fuzz target: the rows of which open addresses are listed. They may stand in a Redis or a directory that others write: whatever
 * is in them is one line for people, and one object of JSON, in which nothing of theirs ends anything.
 *
 * Input: what is left of it (u64), then the key up to a line's end, then the facts.
 */
#include "channels/any_gate.h"
#include "keepers/gate/opening.h"

#define WALL_MS INT64_C(1764356400000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count(struct view v, uint8_t octet)
{
	size_t n = 0;
	for (size_t i = 0; i < v.length; i++)
		n += v.at[i] == octet;
	return n;
}

/* The length of the first string of JSON; what stands in it is no end. */
static struct view behind_string(struct view v)
{
	size_t i = 1;
	while (i < v.length && v.at[i] != '"')
		i += v.at[i] == '\\' ? 2 : 1;
	must(i < v.length);
	return view_from(v, i + 1);
}

static void check_json(struct view v)
{
	must(view_is_utf8(v) && count(v, '\n') == 0);
	size_t strings = 0;
	size_t depth = 0;
	while (v.length) {
		must(v.at[0] >= ' ');
		if (v.at[0] == '"') {
			v = behind_string(v);
			strings++;
			continue;
		}
		depth += v.at[0] == '{';
		depth -= v.at[0] == '}';
		must(v.length == 1 || depth == 1);
		v = view_from(v, 1);
	}
	must(depth == 0 && strings == 7 + 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor in = cursor_of(view_of(data, size));
	struct gate_row row = {.left_ms = cursor_u64(&in) % (GATE_LIFETIME_MAX_MS + 1)};
	struct opening o;
	view_split(cursor_rest(&in), '\n', &row.key, &row.facts);
	row.facts = view_first(row.facts, GATE_FACTS_MAX);
	if (!opening_read(&row, &o))
		return 0;
	struct buffer line = buffer_new(65536);
	struct buffer json = buffer_new(65536);
	opening_add_line(&line, &o, WALL_MS);
	opening_add_json(&json, &o, WALL_MS);
	must(!buffer_failed(&line) && !buffer_failed(&json));
	must(count(buffer_view(&line), '\n') == 1 && view_ends(buffer_view(&line), VIEW("\n")));
	check_json(buffer_view(&json));
	buffer_free(&line);
	buffer_free(&json);
	return 0;
}
