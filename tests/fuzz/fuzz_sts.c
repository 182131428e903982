#include "mail/sts.h"

#include "base/text.h"

/* What can be read can be packed and is read the same. */
static void pack(struct arena *a, const struct sts_policy *p)
{
	struct buffer b = buffer_new(STS_PACKED_MAX);
	struct buffer again = buffer_new(STS_PACKED_MAX);
	struct sts_policy q;
	sts_policy_add(&b, p);
	must(!buffer_failed(&b) && sts_policy_read(buffer_view(&b), a, &q));
	sts_policy_add(&again, &q);
	must(view_equal(buffer_view(&b), buffer_view(&again)));
	buffer_free(&again);
	buffer_free(&b);
}

/* A policy, a packed one, and records (a line each), from strangers: refused, or within all bounds. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = arena_new(1u << 18);
	struct view text = view_of(data, size);
	struct sts_policy p;
	struct view texts[4];
	size_t n = 0;
	if (!sts_policy_parse(text, &a, &p)) {
		pack(&a, &p);
		(void)sts_policy_names(&p, VIEW("mx.example.org"));
	}
	arena_reset(&a);
	if (sts_policy_read(text, &a, &p))
		pack(&a, &p);
	while (n < 4 && !view_is_empty(text))
		view_split(text, '\n', &texts[n++], &text);
	const struct view id = sts_record_id(texts, n);
	must(view_is_empty(id) || sts_id_is_sound(id));
	arena_reset(&a);
	return 0;
}
