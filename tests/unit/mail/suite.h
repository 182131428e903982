/* Reading of the suites in tests/suites for the unit tests of mail/. Test code: libc is fine here. */
#ifndef TESTS_UNIT_MAIL_SUITE_H
#define TESTS_UNIT_MAIL_SUITE_H

#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The whole file below tests/suites, with a NUL; freed by the caller. */
static inline char *suite_read(const char *name)
{
	char path[4096];
	const char *source = getenv("SEKISHO_SOURCE");
	snprintf(path, sizeof path, "%s/tests/suites/%s", source ? source : ".", name);
	FILE *f = fopen(path, "rb");
	if (!f)
		fail_msg("%s is missing; is SEKISHO_SOURCE the checkout?", path);
	size_t length = 0;
	char *text = NULL;
	for (;;) {
		text = realloc(text, length + 65537);
		assert_non_null(text);
		const size_t got = fread(text + length, 1, 65536, f);
		length += got;
		if (got == 0)
			break;
	}
	fclose(f);
	text[length] = 0;
	return text;
}

/* Writes `c` as UTF-8 (a surrogate as the ill-formed three octets); returns behind it. */
static inline char *utf8_put(char *to, unsigned long c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	}
	*to = 0;
	return to;
}

/* Reads one character of UTF-8 that is known to be well-formed. */
static inline unsigned long utf8_get(const char **from)
{
	const unsigned char *at = (const unsigned char *)*from;
	const int more = *at < 0x80 ? 0 : *at < 0xe0 ? 1 : *at < 0xf0 ? 2 : 3;
	unsigned long c = more == 0 ? *at : *at & (0x3f >> more);
	for (int i = 1; i <= more; i++)
		c = c << 6 | (at[i] & 0x3f);
	*from += 1 + more;
	return c;
}

#define assert_view(v, text)                                                   \
	do {                                                                   \
		const struct view seen_ = (v);                                 \
		if (!view_equal(seen_, view_text(text)))                       \
			fail_msg("\"%.*s\" is not \"%s\"", (int)seen_.length,  \
				seen_.at ? (const char *)seen_.at : "", text); \
	} while (0)

#endif
