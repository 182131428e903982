#include "faces/relay/relay.h"

#define PORT_TLS 465u /* TLS from the first octet, RFC 8314 §3.3 */
#define NAMES_MAX 3

/* A login goes to a smarthost whose certificate bears its name, or over the loopback, and nowhere else. */
static bool is_login(const struct session *s)
{
	return s->snapshot->has_smarthost && s->snapshot->smarthost.user.length;
}

static bool is_loopback(const struct session *s)
{
	return s->has_address && ip_is_loopback(&s->address);
}

static bool must_have_tls(const struct session *s)
{
	return s->host.tlsa == HOST_TLSA_USABLE || s->host.tlsa == HOST_TLSA_UNUSABLE ||
	       (is_login(s) && !is_loopback(s));
}

enum smtp_client_tls security_of(const struct session *s)
{
	if (s->snapshot->has_smarthost && s->snapshot->smarthost.port == PORT_TLS)
		return SMTP_CLIENT_TLS_ACTIVE;
	if (must_have_tls(s))
		return SMTP_CLIENT_TLS_MUST;
	return s->in_clear ? SMTP_CLIENT_TLS_NEVER : SMTP_CLIENT_TLS_MAY;
}

/* Names that count for DANE-TA, RFC 7672 §3.2.3. */
static size_t add_names(const struct session *s, struct view *names)
{
	size_t n = 0;
	if (s->host.tlsa != HOST_TLSA_NONE && s->host.tlsa_base.name.length)
		names[n++] = s->host.tlsa_base.name;
	else
		names[n++] = s->host.name.name;
	if (!s->snapshot->has_smarthost && s->has_mx)
		names[n++] = s->destination->name;
	if (!s->snapshot->has_smarthost && s->has_mx && s->canonical.name.length)
		names[n++] = s->canonical.name;
	return n;
}

static enum tls_verify verify_of(const struct session *s)
{
	if (s->host.tlsa == HOST_TLSA_USABLE)
		return TLS_VERIFY_DANE;
	return is_login(s) && !is_loopback(s) ? TLS_VERIFY_PKIX : TLS_VERIFY_NONE;
}

bool security_start(struct session *s)
{
	struct tls_record records[HOST_TLSAS_MAX];
	struct view names[NAMES_MAX];
	size_t count = 0;
	for (; count < s->host.tlsa_count && count < HOST_TLSAS_MAX; count++) {
		const struct tlsa *t = &s->host.tlsas[count];
		records[count] = (struct tls_record){t->usage, t->selector, t->matching, t->data};
	}
	const struct tls_spec spec = {.verify = verify_of(s),
		.server_name =
			s->host.tlsa_base.name.length ? s->host.tlsa_base.name : s->host.name.name,
		.names = names,
		.names_count = add_names(s, names),
		.records = records,
		.records_count = count};
	s->tls_begun = true;
	return connection_start_tls_client(s->connection, s->relayd->tls, &spec);
}
