/*
 * The certificate and its key in the directory `keys`. What we make is signed by itself, for the server's
 * name, and follows when the name changes or its time runs out. One of the operator's own is never touched:
 * ours is told from it by the copy `made.pem`. For `sekisho setup` and for a child of the parent, which
 * itself never holds a key.
 *
 *	certificate.pem  key.pem	in use
 *	made.pem			the certificate that we made last
 *	next.pem			a crash came while it was put in place, see own_certificate.c
 */
#ifndef PARENT_OWN_CERTIFICATE_H
#define PARENT_OWN_CERTIFICATE_H

#include "base/certificate.h"

enum own_certificate {
	OWN_CERTIFICATE_STAYS,
	OWN_CERTIFICATE_MADE,
	OWN_CERTIFICATE_RENEWED, /* it was ours, for another name or for a time that is over */
	OWN_CERTIFICATE_UNNAMED, /* there is none, and no name to make one for */
	OWN_CERTIFICATE_UNUSABLE, /* somebody's mistake, which is not written over */
	OWN_CERTIFICATE_FAILED, /* it could not be written */
};

/* `name` may be empty: then what is there stays. `now_s` is wall clock. What is wrong with an unusable one
 * is a static text in *why_out, else null. */
must_use enum own_certificate own_certificate_ensure(
	int keys_directory, struct view name, int64_t now_s, const char **why_out);

#endif
