/*
 * SASLprep (RFC 4013): the one form of a name or password that looks the same to a person. SCRAM
 * computes with that form (RFC 5802 §5.1), so whoever makes a verifier and whoever checks a password
 * goes through here. libgsasl's, which knows Unicode 3.2; what is newer (emoji) is taken as it is, on
 * both sides, or nobody could use it.
 */
#ifndef CONFIG_SASLPREP_H
#define CONFIG_SASLPREP_H

#include "base/bytes.h"

/* Appends the prepared form. False, and nothing appended, for what is not UTF-8, holds a NUL or
 * something forbidden (controls, mixed directions), or is empty afterwards. */
must_use bool saslprep(struct view text, struct buffer *out);

#endif
