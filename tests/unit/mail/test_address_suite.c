#include "mail/address.h"

#include "suite.h"

#define CASES 164 /* of tests/suites/addresses; a reader that loses some must not pass */

/* Decodes XML references; U+2400 plus a code stands for that control character (see the suite). */
static size_t xml_decode(const char *from, size_t length, char *to)
{
	const char *begin = to;
	static const struct {
		const char *name;
		char octet;
	} entities[] = {
		{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
	const char *end = from + length;
	while (from < end) {
		unsigned long c = 0;
		const char *semicolon = NULL;
		if (strncmp(from, "&#x", 3) == 0)
			c = strtoul(from + 3, (char **)&semicolon, 16);
		else if (strncmp(from, "&#", 2) == 0)
			c = strtoul(from + 2, (char **)&semicolon, 10);
		for (size_t i = 0; i < 5 && !semicolon; i++)
			if (strncmp(from, entities[i].name, strlen(entities[i].name)) == 0) {
				c = (unsigned char)entities[i].octet;
				semicolon = from + strlen(entities[i].name) - 1;
			}
		if (semicolon) {
			assert_int_equal(*semicolon, ';');
			from = semicolon + 1;
		} else {
			assert_int_not_equal(*from, '&');
			c = utf8_get(&from);
		}
		if (c >= 0x2400 && c <= 0x241f)
			*to++ = (char)(c - 0x2400);
		else
			to = utf8_put(to, c);
	}
	*to = 0;
	return (size_t)(to - begin);
}

/* The text of <tag>…</tag> in one test element; it may hold a NUL. */
static void element(const char *test, const char *tag, char *to, size_t *length_out)
{
	char open[32];
	char close[32];
	snprintf(open, sizeof open, "<%s>", tag);
	snprintf(close, sizeof close, "</%s>", tag);
	const char *end = strstr(test, "</test>");
	const char *from = strstr(test, open);
	*to = 0;
	*length_out = 0;
	if (!from || from > end)
		return; /* <address/> */
	from += strlen(open);
	const char *until = strstr(from, close);
	assert_true(until && until < end);
	*length_out = xml_decode(from, (size_t)(until - from), to);
}

/* By SOURCE.md: what is right in MAIL and RCPT. */
static bool is_right(const char *category)
{
	return strcmp(category, "ISEMAIL_VALID_CATEGORY") == 0 ||
	       strcmp(category, "ISEMAIL_DNSWARN") == 0 || strcmp(category, "ISEMAIL_RFC5321") == 0;
}

/* Deviations, each with its reason. */
static bool is_deviation(int id)
{
	switch (id) {
	case 16: /* test.@iana.org: a dot at the end, as mobile carriers gave out; is_old_form */
	case 26: /* local-parts of 65 octets: §4.5.3.1 says what must be taken, not what may */
	case 59:
	case 60:
		return true;
	default:
		return false;
	}
}

static void whole_suite(void **state)
{
	/* Protects: each address of the isemail suite is taken or refused as RFC 5321 says, except
	 * the old forms of mobile carriers; those longer than the limits are refused. */
	char *text = suite_read("addresses/tests.xml");
	const char *at = text;
	int cases = 0;
	int deviations = 0;
	int old_forms = 0;
	while ((at = strstr(at, "<test id=\""))) {
		char address[2048];
		char category[2048];
		size_t length;
		size_t ignored;
		const int id = atoi(at + 10);
		element(at, "address", address, &length);
		element(at, "category", category, &ignored);
		struct arena a = arena_new(8192);
		struct address found;
		const bool taken =
			address_parse(view_of(address, length), true, &a, &found) == ADDRESS_OK;
		const bool deviates = taken != is_right(category);
		if (deviates != is_deviation(id))
			fail_msg("test %d: %s (%s) is %s", id, address, category,
				taken ? "taken" : "refused");
		deviations += deviates;
		old_forms += found.is_old_form;
		assert_int_equal(found.is_old_form, id == 16);

		/* The same in a path: where it ends must not change the judgement. */
		struct buffer b = buffer_new(2048);
		buffer_add_octet(&b, '<');
		buffer_add(&b, view_of(address, length));
		buffer_add(&b, VIEW("> X"));
		struct cursor c = cursor_of(buffer_view(&b));
		bool route;
		const bool path_taken = path_parse(&c, PATH_UTF8, &a, &found, &route) == ADDRESS_OK;
		assert_int_equal(path_taken, taken);
		if (taken)
			assert_view(cursor_rest(&c), " X");
		buffer_free(&b);
		arena_reset(&a);
		cases++;
		at++;
	}
	assert_int_equal(cases, CASES);
	assert_int_equal(deviations, 4);
	assert_int_equal(old_forms, 1);
	free(text);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(whole_suite)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
