/*
 * Fuzz target: lines of a log, in which strangers have a say; and patterns, which the operator writes. The first line is a
 * pattern, the rest lines. What is found is an address and a name that ends nowhere but where the pattern says so.
 */
#include "popkey/logline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct loglines *l, struct view line)
{
	struct logline found;
	if (!loglines_match(l, line, &found))
		return;
	must(found.user.length <= LOGLINE_USER_MAX);
	for (size_t i = 0; i < found.user.length; i++)
		must(found.user.at[i] > ' ' && found.user.at[i] != '>' && found.user.at[i] != ',' &&
			found.user.at[i] != ']');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct loglines *known;
	struct view pattern, lines, line;
	view_split(view_of(data, size), '\n', &pattern, &lines);
	if (!known) {
		known = loglines_new();
		must(loglines_add_known(known, VIEW("dovecot")) &&
			loglines_add_known(known, VIEW("courier")) &&
			loglines_add_known(known, VIEW("cyrus")) &&
			loglines_add_known(known, VIEW("uw")));
	}
	struct loglines *own = loglines_new();
	struct buffer problem = buffer_new(4096);
	/* intervals of intervals cost libc much memory: the operator's own fault */
	const bool has_own = pattern.length < 64 &&
			     view_find(pattern, '{') == view_find_last(pattern, '{') &&
			     view_find(pattern, '*') == VIEW_NOT_FOUND &&
			     loglines_add(own, pattern, false, &problem);
	for (int i = 0; i < 50 && lines.length; i++) {
		view_split(lines, '\n', &line, &lines);
		check(known, line);
		if (has_own)
			check(own, line);
	}
	buffer_free(&problem);
	loglines_free(&own);
	return 0;
}
