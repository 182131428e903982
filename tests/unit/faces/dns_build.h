/* DNS messages made by hand, for tests. Test code: libc is fine here. */
#ifndef TESTS_UNIT_FACES_DNS_BUILD_H
#define TESTS_UNIT_FACES_DNS_BUILD_H

#include "base/bytes.h"

static inline void dns_put16(struct buffer *b, unsigned n)
{
	buffer_add_octet(b, (uint8_t)(n >> 8));
	buffer_add_octet(b, (uint8_t)n);
}

/* "example.org" as labels; "" is the root. */
static inline void dns_put_name(struct buffer *b, const char *name)
{
	struct view rest = view_text(name);
	while (!view_is_empty(rest)) {
		struct view label;
		(void)view_split(rest, '.', &label, &rest);
		buffer_add_octet(b, (uint8_t)label.length);
		buffer_add(b, label);
	}
	buffer_add_octet(b, 0);
}

static inline void dns_put_head(struct buffer *b, unsigned rcode, unsigned answers)
{
	dns_put16(b, 7);
	dns_put16(b, 0x8180 | rcode);
	dns_put16(b, 1);
	dns_put16(b, answers);
	dns_put16(b, 0);
	dns_put16(b, 0);
}

static inline void dns_put_question(struct buffer *b, const char *name, unsigned type)
{
	dns_put_name(b, name);
	dns_put16(b, type);
	dns_put16(b, 1);
}

static inline void dns_put_record(
	struct buffer *b, const char *owner, unsigned type, struct view data)
{
	dns_put_name(b, owner);
	dns_put16(b, type);
	dns_put16(b, 1);
	buffer_add_zeros(b, 4);
	dns_put16(b, (unsigned)data.length);
	buffer_add(b, data);
}

#endif
