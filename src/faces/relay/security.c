#include "faces/relay/security.h"

/* The operator has chosen the smarthost: no policy of a destination speaks of it, and no mail excuses it. */
static bool is_excused(const struct security_facts *f)
{
	return f->wish == SECURITY_NOT_REQUIRED && !f->is_smarthost;
}

/* RFC 8689 §4.2.1 */
static bool is_name_vouched_for(const struct security_facts *f)
{
	if (!f->has_name)
		return false;
	return f->is_smarthost || !f->has_mx || f->is_mx_secure || f->tlsa == HOST_TLSA_USABLE ||
	       (f->policy != STS_MODE_NONE && f->is_named);
}

static enum security_bar bar_of(const struct security_facts *f)
{
	if (is_excused(f))
		return SECURITY_OPEN;
	if (f->tlsa == HOST_TLSA_FAILED)
		return SECURITY_BARRED_TLSA;
	if (f->policy == STS_MODE_ENFORCE && !f->is_named)
		return SECURITY_BARRED_POLICY;
	if (f->wish == SECURITY_REQUIRED && !is_name_vouched_for(f))
		return SECURITY_BARRED_NAME;
	return SECURITY_OPEN;
}

static enum security_by by_whom(const struct security_facts *f)
{
	if (f->wish == SECURITY_REQUIRED)
		return SECURITY_BY_REQUIRETLS;
	if (f->has_login && !f->is_loopback)
		return SECURITY_BY_LOGIN;
	if (is_excused(f))
		return SECURITY_BY_NOBODY;
	if (f->tlsa == HOST_TLSA_USABLE)
		return SECURITY_BY_DANE;
	if (f->policy == STS_MODE_ENFORCE)
		return SECURITY_BY_POLICY;
	return f->tlsa == HOST_TLSA_UNUSABLE ? SECURITY_BY_DANE : SECURITY_BY_NOBODY;
}

/* A record before a name: that it fails, no name makes good (RFC 8461 §2). */
static enum tls_verify verify_of(const struct security_facts *f, enum security_by by)
{
	if (by == SECURITY_BY_NOBODY)
		return TLS_VERIFY_NONE;
	if (f->tlsa == HOST_TLSA_USABLE)
		return TLS_VERIFY_DANE;
	return by == SECURITY_BY_DANE ? TLS_VERIFY_NONE : TLS_VERIFY_PKIX;
}

struct security security_choose(const struct security_facts *f)
{
	const enum security_by by = by_whom(f);
	struct security s = {.bar = bar_of(f),
		.by = by,
		.verify = verify_of(f, by),
		.needs_requiretls = f->wish == SECURITY_REQUIRED};
	if (f->is_implicit)
		s.tls = SMTP_CLIENT_TLS_ACTIVE;
	else if (by != SECURITY_BY_NOBODY)
		s.tls = SMTP_CLIENT_TLS_MUST;
	else
		s.tls = f->in_clear ? SMTP_CLIENT_TLS_NEVER : SMTP_CLIENT_TLS_MAY;
	return s;
}

const char *security_tested(const struct security_facts *f, bool has_tls, bool is_verified)
{
	if (f->policy != STS_MODE_TESTING)
		return NULL;
	if (!f->is_named)
		return "the policy does not name the host";
	if (!has_tls)
		return "there is no TLS";
	return is_verified ? NULL : "the certificate is not the right one";
}
