/*
 * A face's side of the channel to `auth`: one exchange a session at most, under the session's number.
 * Answers come to `answered`, each to a start or a step; when the channel breaks before one came, it is
 * AUTH_FAILURE_TEMPORARY. While it is down, and for an exchange that it took along, start and step say
 * that they cannot.
 */
#ifndef FACES_SHARED_AUTH_CLIENT_H
#define FACES_SHARED_AUTH_CLIENT_H

#include "base/tls.h"
#include "channels/face_auth.h"
#include "channels/program.h"
#include "mail/address.h"

enum auth_answer_kind { AUTH_ANSWER_CHALLENGE, AUTH_ANSWER_SUCCESS, AUTH_ANSWER_FAILURE };

struct auth_answer {
	enum auth_answer_kind kind;
	struct view octets; /* the challenge, or the user's name */
	enum auth_failure failure;
};

struct auth_request {
	enum auth_service service;
	struct view mechanism;
	bool has_initial;
	struct view initial;
	struct ip client;
	const struct tls_session *tls; /* null: none */
	uint64_t session;
};

struct auth_client;
/* `owner` is what auth_client_start was given. */
typedef void auth_answered(void *owner, const struct auth_answer *answer);

struct auth_client *auth_client_new(struct program *program, auth_answered *answered);
/* All sessions have left. */
void auth_client_free(struct auth_client **a);
void auth_client_connect(struct auth_client *a, int fd);
/* Gives up an exchange of that number that the client has left. Never answers from inside, except by
 * returning false: it cannot be asked now. */
must_use bool auth_client_start(
	struct auth_client *a, uint32_t number, void *owner, const struct auth_request *request);
must_use bool auth_client_step(struct auth_client *a, uint32_t number, struct view response);
/* The exchange is off: no answer comes any more. */
void auth_client_cancel(struct auth_client *a, uint32_t number);
/* The session of that number has ended. */
void auth_client_leave(struct auth_client *a, uint32_t number);

#endif
