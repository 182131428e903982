/*
 * The certificate that the parent hands to a face: its key is with `keys`.
 */
#ifndef FACES_SHARED_CERTIFICATE_GIVEN_H
#define FACES_SHARED_CERTIFICATE_GIVEN_H

#include "base/tls.h"

/* Reads PEM from `fd`, which stays the caller's. Null when it cannot be used: that is in the log. */
must_use struct tls_context *certificate_given(int fd);

#endif
