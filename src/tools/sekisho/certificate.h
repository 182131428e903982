/* What `sekisho check` says of the certificate: for whom it is, and when it expires. */
#ifndef TOOLS_SEKISHO_CERTIFICATE_H
#define TOOLS_SEKISHO_CERTIFICATE_H

#include "base/bytes.h"

/* `file` and `key` are of the settings; empty: those below `state`. Appends a line, or with `json` an
 * object. False when it is known that the pair cannot be used; what we may not read is not known. */
bool certificate_report(
	const char *state, struct view file, struct view key, bool json, struct buffer *b);

#endif
