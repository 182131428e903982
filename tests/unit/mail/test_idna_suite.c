#include "mail/domain.h"

#include "suite.h"

#define CASES 6391 /* of IdnaTestV2.txt; a reader that loses some must not pass */
#define COLUMNS 7
#define TEXT 8192

/* Deviations are listed by class; each must prove that it belongs there. The numbers hold for libidn2
 * 2.3.3; a newer library may have fewer. */
#define OLD_LIBRARY_MAX 120
#define BIDI_MAX 50
#define SHARP_S_MAX 2
#define HYPHENS_MAX 1

/* Code points for which libidn2 2.3.3 refuses what Unicode 17 takes. A name that is refused against
 * the suite must hold one of them. */
static const struct {
	unsigned long first;
	unsigned long last;
} newer[] = {
	/* Symbols, punctuation and old numbers: valid in UTS #46, but IDNA2008 (RFC 5892), which the
	 * library and the registries follow, disallows them (NV8 and XV8 in the mapping table). */
	{0xa1, 0xa1},
	{0x19da, 0x19da},
	{0x22b6, 0x22b6},
	{0x2615, 0x2615},
	{0x26e7, 0x26e7},
	{0xd7f6, 0xd7f6},
	{0x102f2, 0x102f8},
	{0x10a52, 0x10a57},
	{0x10e60, 0x10e60},
	{0x1d23b, 0x1d23b},
	{0x1d320, 0x1d320},
	{0x1f0b4, 0x1f0b4},
	{0x1f7b3, 0x1f7b3},
	/* Disallowed in the mapping table until Unicode 15.1, mapped to small letters, to another
	 * ideograph or to nothing since. */
	{0x4c0, 0x4c0},
	{0x10a0, 0x10c5},
	{0x115f, 0x115f},
	{0x2132, 0x2132},
	{0x2f868, 0x2f9bf},
	/* Not assigned in the library's Unicode. */
	{0x32b9a, 0x32b9a},
};

static bool has_newer(const char *text)
{
	while (*text) {
		const unsigned long c = utf8_get(&text);
		for (size_t i = 0; i < sizeof newer / sizeof *newer; i++)
			if (c >= newer[i].first && c <= newer[i].last)
				return true;
	}
	return false;
}

/* Only rules of the bidi rule (RFC 5893) are broken: all status codes start with "B". They protect the
 * eye of a reader, name by name; mail goes to the same place with or without them, and the library
 * looks at each label alone. */
static bool is_only_bidi(const char *status)
{
	for (; *status; status++)
		if (strchr("VUACPX", *status))
			return false;
	return true;
}

/* Replaces \uXXXX and \x{X…}; "" is the empty string. */
static void unescape(const char *from, char *to)
{
	*to = 0;
	if (strcmp(from, "\"\"") == 0)
		return;
	while (*from) {
		char *end;
		if (from[0] == '\\' && from[1] == 'u') {
			char digits[5] = {0};
			memcpy(digits, from + 2, 4);
			to = utf8_put(to, strtoul(digits, NULL, 16));
			from += 6;
		} else if (from[0] == '\\' && from[1] == 'x') {
			to = utf8_put(to, strtoul(from + 3, &end, 16));
			from = end + 1;
		} else {
			*to++ = *from++;
		}
	}
	*to = 0;
}

/* Splits a line at semicolons into trimmed columns. */
static void columns(char *line, char *column[COLUMNS])
{
	for (int k = 0; k < COLUMNS; k++) {
		char *next = strsep(&line, ";");
		assert_non_null(next);
		next += strspn(next, " \t");
		for (char *end = next + strlen(next); end > next && strchr(" \t\r", end[-1]);)
			*--end = 0;
		column[k] = next;
	}
}

struct counts {
	int cases;
	int old_library;
	int bidi;
	int sharp_s;
	int hyphens;
};

static void judge(char *column[COLUMNS], struct counts *n)
{
	char source[TEXT];
	char unicode[TEXT];
	char ascii[TEXT];
	const char *u_status = *column[2] ? column[2] : "[]";
	const char *status = *column[4] ? column[4] : u_status;
	unescape(column[0], source);
	unescape(*column[1] ? column[1] : column[0], unicode);
	unescape(*column[3] ? column[3] : *column[1] ? column[1] : column[0], ascii);

	struct arena a = arena_new(4096);
	struct domain found;
	const enum address_problem problem = domain_parse(view_text(source), true, &a, &found);
	const bool wanted = strcmp(status, "[]") == 0;
	const bool same = view_equal(found.name, view_text(ascii));
	if (problem == ADDRESS_OK)
		assert_true(view_is_printable(found.name, false));
	if (wanted && problem == ADDRESS_OK && !same && strstr(source, "\xe1\xba\x9e")) {
		/* U+1E9E, capital sharp s: mapped to "ss" until Unicode 15.1, to the small one since. */
		assert_non_null(memmem(found.name.at, found.name.length, "ss", 2));
		n->sharp_s++;
	} else if (wanted && problem != ADDRESS_OK) {
		if (!has_newer(source) && !has_newer(unicode))
			fail_msg("%s: %s, not %s", column[0], address_problem_name(problem), ascii);
		n->old_library++;
	} else if (!wanted && problem == ADDRESS_OK) {
		/* What is wrongly taken must at least go where the suite's own form says. */
		assert_true(same);
		if (strcmp(source, "a.bc--de.f") == 0)
			n->hyphens++; /* ASCII labels may have hyphens in place 3 and 4 */
		else if (is_only_bidi(status))
			n->bidi++;
		else
			fail_msg("%s %s was taken as %.*s", column[0], status,
				(int)found.name.length, (const char *)found.name.at);
	} else if (wanted && !same) {
		fail_msg("%s gives %.*s, not %s", column[0], (int)found.name.length,
			(const char *)found.name.at, ascii);
	}
	n->cases++;
	arena_reset(&a);
}

static void to_ascii(void **state)
{
	/* Protects: a name in any script goes to the one domain that UTS #46 (toASCII, nontransitional)
	 * names, or is refused; never to another. */
	char *text = suite_read("idna/IdnaTestV2.txt");
	char *rest = text;
	char *line;
	struct counts n = {0};
	while ((line = strsep(&rest, "\n"))) {
		char *column[COLUMNS];
		line[strcspn(line, "#")] = 0;
		if (!strchr(line, ';'))
			continue;
		columns(line, column);
		judge(column, &n);
	}
	assert_int_equal(n.cases, CASES);
	assert_in_range(n.old_library, 0, OLD_LIBRARY_MAX);
	assert_in_range(n.bidi, 0, BIDI_MAX);
	assert_in_range(n.sharp_s, 0, SHARP_S_MAX);
	assert_in_range(n.hyphens, 0, HYPHENS_MAX);
	free(text);
	(void)state;
}

/* The JSON string behind "key": on this line, unescaped; false when the line has none. */
static bool json_string(const char *line, const char *key, char *to)
{
	const char *at = strstr(line, key);
	char raw[TEXT];
	size_t length = 0;
	if (!at)
		return false;
	at = strchr(strchr(at, ':'), '"') + 1;
	while (*at != '"')
		raw[length++] = *at++;
	raw[length] = 0;
	assert_null(strchr(raw, '"'));
	unescape(raw, to);
	return true;
}

#define PUNYCODE_CASES 25
#define PUNYCODE_TAKEN 19

/* Empty, with a sign that no name may have (space, heart, Arabic question mark), or too long. */
static bool is_no_domain(const char *decoded, const char *encoded)
{
	return !*decoded || strpbrk(decoded, " $<>") || strstr(decoded, "\xe2\x99\xa5") ||
	       strstr(decoded, "\xd8\x9f") || strlen("xn--") + strlen(encoded) > DOMAIN_LABEL_MAX;
}

static void punycode(void **state)
{
	/* Protects: the encoding under the names: a label is spelled as RFC 3492 says, and its A-label
	 * is taken as it is. Those with spaces or signs, the one without letters and the over-long one
	 * are no domain names and must be refused. */
	char *text = suite_read("idna/punycode_tests.json");
	char *rest = text;
	char *line;
	char decoded[TEXT];
	int cases = 0;
	int taken = 0;
	while ((line = strsep(&rest, "\n"))) {
		char encoded[TEXT];
		if (json_string(line, "\"decoded\"", decoded) ||
			!json_string(line, "\"encoded\"", encoded))
			continue;
		cases++;
		char expected[TEXT + 8];
		const bool ascii = view_is_ascii(view_text(decoded));
		snprintf(expected, sizeof expected, "xn--%s", encoded);
		if (ascii)
			snprintf(expected, sizeof expected, "%s", decoded);
		struct arena a = arena_new(4096);
		struct domain found;
		const enum address_problem problem =
			domain_parse(view_text(decoded), true, &a, &found);
		if (problem == ADDRESS_OK) {
			taken++;
			if (!view_equal_nocase(found.name, view_text(expected)))
				fail_msg("%s gives %.*s", decoded, (int)found.name.length,
					(const char *)found.name.at);
			struct domain again;
			assert_int_equal(domain_parse(found.name, false, &a, &again), ADDRESS_OK);
			assert_true(domain_equal(found, again));
		} else {
			assert_true(is_no_domain(decoded, encoded));
		}
		arena_reset(&a);
	}
	assert_int_equal(cases, PUNYCODE_CASES);
	assert_int_equal(taken, PUNYCODE_TAKEN);
	free(text);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(to_ascii),
		cmocka_unit_test(punycode),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
