/*
 * Fuzz target: what other servers ask of popkey-export. What is whole was so with its last octet and not before; a
 * socket map's answer is a netstring that reads the same.
 */
#include "popkey/access.h"
#include "popkey/asked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void policy(struct view input)
{
	struct policy_request r;
	size_t taken = 0;
	while (asked_policy(input, &r, &taken) == ASKED_WHOLE) {
		must(taken > 0 && taken <= input.length && view_at(input, taken - 1) == '\n');
		size_t unused;
		must(asked_policy(view_first(input, taken - 1), &r, &unused) == ASKED_PART);
		(void)access_is_own(r.client_address, r.sender, VIEW("a.example"), input);
		input = view_from(input, taken);
	}
}

static void map(struct view input)
{
	struct view name, key, map_again, key_again;
	size_t taken = 0;
	while (asked_map(input, &name, &key, &taken) == ASKED_WHOLE) {
		must(taken > 0 && taken <= input.length);
		struct buffer b = buffer_new(2 * ASKED_MAX);
		size_t again = 0;
		asked_map_answer(&b, name, key);
		must(asked_map(buffer_view(&b), &map_again, &key_again, &again) == ASKED_WHOLE);
		must(again == b.length && view_equal(name, map_again) &&
			view_equal(key, key_again));
		buffer_free(&b);
		input = view_from(input, taken);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	policy(view_of(data, size));
	map(view_of(data, size));
	return 0;
}
