#include "config/saslprep.h"

#include <gsasl.h>

#define TEXT_MAX 8192u

static bool add_prepared(const char *text, struct buffer *out)
{
	char *prepared = NULL;
	if (gsasl_saslprep(text, GSASL_ALLOW_UNASSIGNED, &prepared, NULL) != GSASL_OK || !prepared)
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
