#include "config/saslprep.h"

#include <gsasl.h>

#define TEXT_MAX 8192u

/* libgsasl 2.2 takes its flag the wrong way round: 0 is what allows unassigned characters. Whichever way
 * another version has it, one of the two does, and the prepared form is the same. */
static char *prepare(const char *text)
{
	char *prepared = NULL;
	if (gsasl_saslprep(text, 0, &prepared, NULL) == GSASL_OK && prepared)
		return prepared;
	prepared = NULL;
	if (gsasl_saslprep(text, GSASL_ALLOW_UNASSIGNED, &prepared, NULL) == GSASL_OK)
		return prepared;
	return NULL;
}

static bool add_prepared(const char *text, struct buffer *out)
{
	char *prepared = prepare(text);
	if (!prepared)
		return false;
	const struct view v = view_text(prepared);
	const bool fine = v.length > 0 && v.length <= buffer_left(out) && !buffer_failed(out);
	if (fine)
		buffer_add(out, v);
	bytes_wipe(prepared, v.length);
	gsasl_free(prepared);
	return fine && !buffer_failed(out);
}

bool saslprep(struct view text, struct buffer *out)
{
	char copy[TEXT_MAX + 1];
	const bool fine = view_is_utf8(text) && view_to_text(text, copy, sizeof copy) &&
			  add_prepared(copy, out);
	bytes_wipe(copy, text.length < sizeof copy ? text.length : sizeof copy);
	return fine;
}
