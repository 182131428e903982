/*
 * What mail servers ask of popkey-export, and what they are told: Postfix's policy protocol (SMTPD_POLICY_README), and the
 * socket map of sendmail and Postfix (socketmap_table(5): netstrings). Pure.
 */
#ifndef POPKEY_ASKED_H
#define POPKEY_ASKED_H

#include "base/bytes.h"

#define ASKED_MAX 16384u /* octets of a request */

enum asked { ASKED_PART, ASKED_WHOLE, ASKED_BROKEN };

struct policy_request {
	struct view client_address;
	struct view sender; /* reverse-path; empty: null */
};

/* Reads one request from the front: lines "name=value" up to an empty one. Of a name that is there twice the first counts.
 * *taken_out: its octets. */
enum asked asked_policy(struct view octets, struct policy_request *request_out, size_t *taken_out);

/* "MAP KEY" in a netstring. */
enum asked asked_map(
	struct view octets, struct view *map_out, struct view *key_out, size_t *taken_out);
/* A reply of the socket map: "OK value", "NOTFOUND ", "TEMP reason". */
void asked_map_answer(struct buffer *b, struct view word, struct view value);

#endif
