/*
 * base/sandbox.h's form for a channel: what a program takes as its sandbox is, said again, the same
 * octets, and within the limits of its tables.
 */
#include "base/sandbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_of(view_of(data, size));
	struct sandbox_spec spec;
	if (!sandbox_spec_read(&c, &spec))
		return 0;
	must(spec.group_count <= SANDBOX_GROUPS_MAX && spec.rule_count <= SANDBOX_RULES_MAX);
	must(spec.keep_count <= SANDBOX_KEEP_MAX && spec.calls <= SANDBOX_CALLS_ALL);
	must(sandbox_root_name(spec.root) != NULL);
	struct buffer again = buffer_new(1u << 16);
	sandbox_spec_add(&again, &spec);
	must(view_equal(buffer_view(&again), view_of(data, c.at)));
	buffer_free(&again);
	return 0;
}
