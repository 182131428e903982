#include "faces/relay/relay.h"

#define PORT_TLS 465u /* TLS from the first octet, RFC 8314 §3.3 */
#define NAMES_MAX 3

static enum security_wish wish_of(uint32_t flags)
{
	if (flags & ENVELOPE_REQUIRETLS)
		return SECURITY_REQUIRED;
	return flags & ENVELOPE_TLS_NOT_REQUIRED ? SECURITY_NOT_REQUIRED : SECURITY_ORDINARY;
}

enum security_wish departure_wish(const struct departure *p)
{
	return wish_of(p->flags);
}

struct security_facts departure_security(const struct departure *p, const struct host *host)
{
	const struct smarthost *next = destination_next_host(p->relayd->snapshot, p->destination);
	return (struct security_facts){.wish = departure_wish(p),
		.tlsa = host->tlsa,
		.has_name = host->name.name.length > 0,
		.has_mx = p->hosts.has_mx,
		.is_mx_secure = p->hosts.is_mx_secure,
		.policy = p->policy.mode,
		.is_named = sts_policy_names(&p->policy, host->name.name),
		.is_smarthost = next != NULL,
		.is_implicit = next && next->port == PORT_TLS,
		.has_login = next && next->user.length};
}

void session_secure(struct session *s)
{
	s->facts.is_loopback = s->has_address && ip_is_loopback(&s->address);
	s->security = security_choose(&s->facts);
}

/* The name that a certificate must have (RFC 8461 §4.1, RFC 8689 §4.2.1); for DANE-TA also those of RFC 7672
 * §3.2.3. */
static size_t add_names(const struct session *s, struct view *names)
{
	size_t n = 0;
	if (s->security.verify == TLS_VERIFY_PKIX || !s->host.tlsa_base.name.length) {
		names[n++] = s->host.name.name;
	} else {
		names[n++] = s->host.tlsa_base.name;
	}
	if (s->security.verify == TLS_VERIFY_PKIX || s->facts.is_smarthost || !s->facts.has_mx)
		return n;
	names[n++] = s->destination->name;
	if (s->canonical.name.length)
		names[n++] = s->canonical.name;
	return n;
}

bool session_start_tls(struct session *s)
{
	struct tls_record records[HOST_TLSAS_MAX];
	struct view names[NAMES_MAX];
	size_t count = 0;
	for (; count < s->host.tlsa_count && count < HOST_TLSAS_MAX; count++) {
		const struct tlsa *t = &s->host.tlsas[count];
		records[count] = (struct tls_record){t->usage, t->selector, t->matching, t->data};
	}
	const struct tls_spec spec = {.verify = s->security.verify,
		.server_name =
			s->security.verify != TLS_VERIFY_PKIX && s->host.tlsa_base.name.length
				? s->host.tlsa_base.name
				: s->host.name.name,
		.names = names,
		.names_count = add_names(s, names),
		.records = records,
		.records_count = count};
	s->tls_begun = true;
	return connection_start_tls_client(s->connection, s->relayd->tls, &spec);
}

void session_log_testing(const struct session *s)
{
	const struct tls_session *tls = connection_tls(s->connection);
	const char *why = security_tested(
		&s->facts, tls != NULL, tls && tls_session_facts(tls).verified != TLS_VERIFY_NONE);
	if (why)
		log_warning(
			"delivered, though the policy would forbid it if it were not in testing",
			fact_view("destination", s->destination->name),
			fact_view("host", s->host.name.name), fact_text("why", why));
}
