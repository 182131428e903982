/*
 * What TLS a host must speak to get a mail, from all that is known of host, destination and mail: DANE (RFC
 * 7672), MTA-STS (RFC 8461), REQUIRETLS and TLS-Required (RFC 8689), a login at a smarthost. Pure.
 *
 *	mail            host                        TLS        verified by
 *	any             smarthost with a login      must be    its name; not over the loopback
 *	TLS-Required: No any but that               may be     –
 *	any other       TLSA records usable         must be    those: also where a policy would be content
 *			                               with less (RFC 8461 §2)
 *			named by a policy, enforce  must be    its name
 *			not named by it             barred
 *			TLSA records unusable       must be    –
 *			TLSA not to be looked up    barred
 *			any other                   may be     –
 *	REQUIRETLS      as above, but must be, verified by a record or its name; that name comes from a
 *			signed MX record, a policy, the operator, or is the destination itself
 */
#ifndef FACES_RELAY_SECURITY_H
#define FACES_RELAY_SECURITY_H

#include "base/tls_client.h"
#include "mail/hosts.h"
#include "mail/sts.h"
#include "protocol/smtp_client.h"

/* What the mail itself wants. Mails that differ in it share no connection. */
enum security_wish {
	SECURITY_ORDINARY,
	SECURITY_REQUIRED, /* REQUIRETLS */
	SECURITY_NOT_REQUIRED, /* TLS-Required: No */
};

struct security_facts {
	enum security_wish wish;
	enum host_tlsa tlsa;
	bool has_name; /* the host; else it is an address */
	bool has_mx; /* the name is from an MX record */
	bool is_mx_secure; /* which was validated */
	enum sts_mode policy; /* of the destination; STS_MODE_NONE also when there is no policy */
	bool is_named; /* by that policy */
	bool is_smarthost; /* or another host that the settings name */
	bool is_implicit; /* TLS from the first octet */
	bool has_login;
	bool is_loopback;
	bool in_clear; /* TLS has failed on an earlier connection */
};

enum security_bar {
	SECURITY_OPEN,
	SECURITY_BARRED_TLSA, /* for now */
	SECURITY_BARRED_POLICY, /* the policy does not name the host */
	SECURITY_BARRED_NAME, /* REQUIRETLS: nothing vouches for its name */
};

/* Who demands that TLS is, and is right. */
enum security_by {
	SECURITY_BY_NOBODY,
	SECURITY_BY_LOGIN,
	SECURITY_BY_DANE,
	SECURITY_BY_POLICY,
	SECURITY_BY_REQUIRETLS,
};

struct security {
	enum security_bar bar;
	enum smtp_client_tls tls;
	enum tls_verify verify;
	enum security_by by;
	bool needs_requiretls; /* the host must offer REQUIRETLS under that TLS */
};

struct security security_choose(const struct security_facts *facts);

/* A policy in testing would forbid what has come about: why, in a few words; else null. `is_verified`: by
 * the host's name, or a record. */
const char *security_tested(const struct security_facts *facts, bool has_tls, bool is_verified);

#endif
