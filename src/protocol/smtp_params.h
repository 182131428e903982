/*
 * The parameters behind the paths of MAIL and RCPT: SIZE (RFC 1870), BODY (6152), SMTPUTF8 (6531),
 * RET, ENVID, NOTIFY, ORCPT (3461, 6533), AUTH (4954 §5), REQUIRETLS (8689). Pure; called by smtp_envelope.c
 * and smtp_client_mail.c.
 */
#ifndef PROTOCOL_SMTP_PARAMS_H
#define PROTOCOL_SMTP_PARAMS_H

#include "protocol/reply.h"
#include "protocol/smtp_mail.h"

#define SMTP_ENVID_MAX 100 /* octets as given; RFC 3461 §4.4 */
#define SMTP_ORCPT_MAX 500 /* octets as given; RFC 3461 §4.2 */
#define SMTP_AUTH_MAX 500 /* octets as given; RFC 4954 §5 */

/* Reads what stands behind the path (empty, or beginning with a space). What is kept is copied into
 * the arena. Null when all is well, else the static refusal: 501 5.5.4 for a value, 555 5.5.4 for a
 * name we do not know, 452 4.3.1 at the arena's cap. */
const struct reply *smtp_params_mail(struct view text, struct arena *a, struct smtp_mail *mail);
/* `mail` says whether SMTPUTF8 is in force. */
const struct reply *smtp_params_rcpt(struct view text, const struct smtp_mail *mail,
	struct arena *a, struct smtp_recipient *recipient);
/* esmtp-value (RFC 5321 §4.1.2), and UTF-8 where it may stand (RFC 6531 §3.3). */
bool smtp_params_is_value(struct view value, bool utf8);

#endif
