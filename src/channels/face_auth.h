/*
 * smtpd or popd (A) ↔ auth (B): one stream an authentication exchange, numbered by the face: the
 * number of the session, so that auth can tell `mailbox` of whom it speaks (auth_mailbox.h).
 *
 *	A START       idle → asked: SASL mechanism, initial response, facts of the session
 *	B CHALLENGE   asked → waiting
 *	A STEP        waiting → asked
 *	B SUCCESS     asked → idle: the user's name; a grant stands at mailbox when service is "pop"
 *	B FAILURE     asked → idle: why
 *	A CANCEL      asked or waiting → idle (an answer may still be under way: the face drops it)
 *	A LEAVE       idle: the session of that number is over; auth takes the grant back
 */
#ifndef CHANNELS_FACE_AUTH_H
#define CHANNELS_FACE_AUTH_H

#include "base/frame.h"

enum face_auth_code {
	AUTH_START,
	AUTH_STEP,
	AUTH_CANCEL,
	AUTH_LEAVE,
	AUTH_CHALLENGE,
	AUTH_SUCCESS,
	AUTH_FAILURE,
	AUTH_CODES
};

enum auth_failure {
	AUTH_FAILURE_BAD = 1, /* wrong name or password: never says which */
	AUTH_FAILURE_MECHANISM, /* unknown, or not now */
	AUTH_FAILURE_SYNTAX, /* the response does not parse */
	AUTH_FAILURE_TEMPORARY, /* try again later */
	AUTH_FAILURE_SLOW, /* too many wrong guesses from there: wait */
};

enum {
	AUTH_STATE_IDLE = 1,
	AUTH_STATE_ASKED = 2,
	AUTH_STATE_WAITING = 4,
};

enum auth_service { AUTH_SERVICE_SMTP = 1, AUTH_SERVICE_POP = 2 };
enum auth_flags { AUTH_FLAG_TLS = 1, AUTH_FLAG_INITIAL = 2 /* there is an initial response */ };
/* Channel binding (RFC 5929, RFC 9266); the numbers travel. */
enum auth_binding { AUTH_BINDING_NONE, AUTH_BINDING_UNIQUE, AUTH_BINDING_EXPORTER };

#define AUTH_RESPONSE_MAX 8192u

extern const struct frame_protocol face_auth;

#endif
