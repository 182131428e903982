#include "mail/envelope.h"

/* Whatever octets lie in the spool or come over a channel: refused, or read and written the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = arena_new(8u << 20);
	struct envelope e;
	if (envelope_read(view_of(data, size), &a, &e)) {
		struct buffer b = buffer_new(size + 64);
		envelope_add(&b, &e);
		must(view_equal(buffer_view(&b), view_of(data, size)));
		buffer_free(&b);
	}
	arena_reset(&a);
	struct cursor c = cursor_of(view_of(data, size));
	struct envelope_delivery d;
	while (envelope_delivery_next(&c, &d))
		must(d.mailbox.length > 0);
	return 0;
}
