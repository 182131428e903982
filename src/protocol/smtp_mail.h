/*
 * The transaction (RFC 5321 §3.3): what MAIL and RCPT said. Lives in an arena
 * that is dropped whole at RSET, EHLO, STARTTLS and after the reply to the content. The owner of a
 * session reads it, nobody but the machine writes it.
 */
#ifndef PROTOCOL_SMTP_MAIL_H
#define PROTOCOL_SMTP_MAIL_H

#include "mail/address.h"
#include "mail/envelope.h"

enum smtp_body { SMTP_BODY_7BIT, SMTP_BODY_8BITMIME };
enum smtp_ret { SMTP_RET_NONE, SMTP_RET_FULL, SMTP_RET_HDRS };
/* The same among the flags of an envelope (mail/envelope.h), and back. */
uint16_t smtp_ret_flags(enum smtp_ret ret);
enum smtp_ret smtp_ret_of_flags(uint32_t flags);

struct smtp_recipient {
	struct smtp_recipient *next; /* in the order of the RCPT commands */
	struct address forward_path; /* "<postmaster>": local-part, empty domain */
	bool had_route; /* a source route stood before it; the site refuses those */
	unsigned notify; /* enum envelope_notify, or-ed */
	struct view orcpt; /* ORCPT as given ("rfc822;a+2Bb@x"), or empty */
	struct view orcpt_type; /* in lower case: "rfc822", "utf-8" */
	struct view orcpt_address; /* decoded from xtext; utf-8 type as given */
	uint64_t tag; /* of the owner, from its answer */
};

struct smtp_mail {
	struct address reverse_path; /* address_is_null: "<>" */
	bool had_route;
	bool has_size;
	uint64_t size_octets; /* SIZE=, RFC 1870 */
	enum smtp_body body;
	bool smtputf8;
	bool requiretls; /* RFC 8689 §2 */
	enum smtp_ret ret;
	struct view envid; /* ENVID as given (xtext), or empty */
	bool has_auth; /* AUTH= was there (RFC 4954 §5) */
	struct view auth; /* decoded; "<>" and nothing said are both empty */
	struct smtp_recipient *first;
	struct smtp_recipient **last_next; /* where the next one is linked */
	uint32_t recipients;
	uint64_t content_octets; /* decoded so far */
	uint32_t passes; /* at COMMIT: Received fields of this server's name that came with it */
	bool is_bdat; /* the content came by BDAT */
	bool tls_not_required; /* its header section says so (RFC 8689 §3); known at its end */
};

#endif
