#include "mail/srs.h"

#include "mail/address_problem.h"

#define NOW_S INT64_C(1767225600)
#define MAC VIEW("\x01\x80\xff\x7f\x55")

static void must_be_forged(struct srs srs)
{
	uint8_t other[SRS_HASH_OCTETS] = "22222222";
	srs.hash = view_of(other, sizeof other);
	must(srs_check(&srs, MAC, NOW_S) == SRS_FORGED);
}

/* What a sender is forwarded as can be read, is ours, and leads back to a path that parses. */
static void go_round(const struct address *sender, struct arena *a)
{
	struct buffer path = buffer_new(1024);
	struct buffer original = buffer_new(1024);
	struct srs out;
	struct srs in;
	struct address forwarded;
	struct address found;
	if (srs_forward(sender, NOW_S, a, &out) &&
		srs_add(&path, &out, MAC, (struct domain){VIEW("example.org")}) &&
		address_parse(buffer_view(&path), true, a, &forwarded) == ADDRESS_OK) {
		must(srs_parse(forwarded.local_plain, &in) && in.kind == out.kind);
		must(view_equal(in.rest, out.rest));
		must(srs_check(&in, MAC, NOW_S) == SRS_GOOD);
		must_be_forged(in);
		srs_add_original(&original, &in);
		const enum address_problem problem =
			address_parse(buffer_view(&original), true, a, &found);
		if (out.kind == SRS_0)
			must(problem == ADDRESS_MEMORY ||
				(problem == ADDRESS_OK && address_equal(&found, sender)));
	}
	buffer_free(&original);
	buffer_free(&path);
}

/* A local-part that comes, and a sender that is forwarded. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = arena_new(65536);
	struct srs srs;
	struct address sender;
	if (srs_parse(view_of(data, size), &srs)) {
		struct buffer b = buffer_new(2 * size + 64);
		must(srs.kind != SRS_NONE && srs.host.length && srs.inner.length);
		(void)srs_check(&srs, MAC, NOW_S);
		srs_add_signed(&b, &srs);
		srs_add_original(&b, &srs);
		buffer_free(&b);
	}
	if (address_parse(view_of(data, size), true, &a, &sender) == ADDRESS_OK &&
		!sender.is_literal && sender.local_plain.length)
		go_round(&sender, &a);
	arena_reset(&a);
	return 0;
}
