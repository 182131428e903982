/*
 * Keys of open addresses, as a face that was broken into, a store or a foreign program may write them: what is taken
 * for one is exactly what we would have written, and stands in one group.
 */
#include "mail/gate_open.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view key = view_of(data, size);
	const size_t group = gate_open_group(key);
	struct ip address;
	struct view user;
	struct view tail;
	must(group <= size);
	if (!gate_open_split(key, &address, &user, &tail))
		return 0;
	struct buffer again = buffer_new(GATE_OPEN_KEY_MAX);
	gate_open_key(&again, &address, user, tail);
	must(view_equal(buffer_view(&again), key) && group == size - tail.length);
	buffer_clear(&again);
	gate_open_key(&again, &address, user, VIEW_NONE);
	must(gate_open_group(buffer_view(&again)) == again.length && again.length == group);
	buffer_free(&again);
	return 0;
}
