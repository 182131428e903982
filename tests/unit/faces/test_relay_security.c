#include "faces/relay/security.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* A host named by a signed MX record, nothing asked of it. */
static struct security_facts host(void)
{
	return (struct security_facts){.has_name = true, .has_mx = true, .is_mx_secure = true};
}

static struct security of(struct security_facts f)
{
	return security_choose(&f);
}

#define CHECK(f, wanted_bar, wanted_tls, wanted_verify)                               \
	do {                                                                          \
		const struct security s_ = of(f);                                     \
		assert_int_equal(s_.bar, SECURITY_##wanted_bar);                      \
		assert_int_equal(s_.tls, SMTP_CLIENT_TLS_##wanted_tls);               \
		assert_int_equal(s_.verify, TLS_VERIFY_##wanted_verify);              \
		assert_int_equal(s_.needs_requiretls, (f).wish == SECURITY_REQUIRED); \
	} while (0)

static void opportunistic(void **state)
{
	/* Protects: with nothing known TLS may be, with any certificate, and in clear when it has failed. */
	(void)state;
	struct security_facts f = host();
	CHECK(f, OPEN, MAY, NONE);
	f.in_clear = true;
	CHECK(f, OPEN, NEVER, NONE);
}

static void dane(void **state)
{
	/* Protects: RFC 7672: usable records must fit, unusable ones ask for TLS, failed ones bar the host. */
	(void)state;
	struct security_facts f = host();
	f.in_clear = true; /* never an excuse */
	f.tlsa = HOST_TLSA_USABLE;
	CHECK(f, OPEN, MUST, DANE);
	f.tlsa = HOST_TLSA_UNUSABLE;
	CHECK(f, OPEN, MUST, NONE);
	f.tlsa = HOST_TLSA_FAILED;
	assert_int_equal(of(f).bar, SECURITY_BARRED_TLSA);
}

static void policies(void **state)
{
	/* Protects: RFC 8461 §5: enforce bars who is not named and wants the name verified; the others ask for
	 * nothing. */
	(void)state;
	struct security_facts f = host();
	f.is_mx_secure = false;
	f.is_named = true;
	f.policy = STS_MODE_ENFORCE;
	CHECK(f, OPEN, MUST, PKIX);
	f.in_clear = true;
	CHECK(f, OPEN, MUST, PKIX);
	f.in_clear = false;
	f.is_named = false;
	assert_int_equal(of(f).bar, SECURITY_BARRED_POLICY);
	f.policy = STS_MODE_TESTING;
	CHECK(f, OPEN, MAY, NONE);
	f.policy = STS_MODE_NONE;
	CHECK(f, OPEN, MAY, NONE);
}

static void records_before_policies(void **state)
{
	/* Protects: a policy excuses no record that does not fit (RFC 8461 §2), and unusable ones leave it as it is. */
	(void)state;
	struct security_facts f = host();
	f.policy = STS_MODE_ENFORCE;
	f.is_named = true;
	f.tlsa = HOST_TLSA_USABLE;
	CHECK(f, OPEN, MUST, DANE);
	f.tlsa = HOST_TLSA_UNUSABLE;
	CHECK(f, OPEN, MUST, PKIX);
	f.tlsa = HOST_TLSA_FAILED;
	assert_int_equal(of(f).bar, SECURITY_BARRED_TLSA);
	f.tlsa = HOST_TLSA_USABLE;
	f.is_named = false;
	assert_int_equal(of(f).bar, SECURITY_BARRED_POLICY);
}

static void required(void **state)
{
	/* Protects: RFC 8689 §4.2.1: TLS that is verified, by a name that something vouches for. */
	(void)state;
	struct security_facts f = host();
	f.wish = SECURITY_REQUIRED;
	CHECK(f, OPEN, MUST, PKIX);
	f.in_clear = true;
	CHECK(f, OPEN, MUST, PKIX);
	f.is_mx_secure = false;
	assert_int_equal(of(f).bar, SECURITY_BARRED_NAME);
	f.is_named = true; /* by no policy */
	assert_int_equal(of(f).bar, SECURITY_BARRED_NAME);
	f.policy = STS_MODE_TESTING;
	CHECK(f, OPEN, MUST, PKIX);
	f.policy = STS_MODE_ENFORCE;
	CHECK(f, OPEN, MUST, PKIX);
	f.is_named = false;
	assert_int_equal(of(f).bar, SECURITY_BARRED_POLICY);
	f.policy = STS_MODE_TESTING;
	assert_int_equal(of(f).bar, SECURITY_BARRED_NAME);
	f.policy = STS_MODE_NONE;
	f.tlsa = HOST_TLSA_USABLE;
	CHECK(f, OPEN, MUST, DANE);
	f.tlsa = HOST_TLSA_UNUSABLE;
	f.is_mx_secure = true;
	CHECK(f, OPEN, MUST, PKIX);
	f.tlsa = HOST_TLSA_FAILED;
	assert_int_equal(of(f).bar, SECURITY_BARRED_TLSA);
	f = (struct security_facts){.wish = SECURITY_REQUIRED, .has_name = true}; /* no MX at all */
	CHECK(f, OPEN, MUST, PKIX);
	f.has_name = false; /* "[192.0.2.1]" */
	assert_int_equal(of(f).bar, SECURITY_BARRED_NAME);
}

static void not_required(void **state)
{
	/* Protects: RFC 8689 §3: neither record nor policy holds such a mail; a login is kept all the same. */
	(void)state;
	struct security_facts f = host();
	f.wish = SECURITY_NOT_REQUIRED;
	f.policy = STS_MODE_ENFORCE;
	f.tlsa = HOST_TLSA_USABLE;
	CHECK(f, OPEN, MAY, NONE);
	f.tlsa = HOST_TLSA_FAILED;
	CHECK(f, OPEN, MAY, NONE);
	f.in_clear = true;
	CHECK(f, OPEN, NEVER, NONE);
	f = (struct security_facts){.wish = SECURITY_NOT_REQUIRED,
		.has_name = true,
		.is_smarthost = true,
		.has_login = true};
	CHECK(f, OPEN, MUST, PKIX);
	f.tlsa = HOST_TLSA_USABLE;
	CHECK(f, OPEN, MUST, DANE);
}

static void smarthosts(void **state)
{
	/* Protects: a login goes under TLS to the right name, or over the loopback, and nowhere else. */
	(void)state;
	struct security_facts f = {.has_name = true, .is_smarthost = true};
	CHECK(f, OPEN, MAY, NONE);
	f.has_login = true;
	CHECK(f, OPEN, MUST, PKIX);
	f.is_loopback = true;
	CHECK(f, OPEN, MAY, NONE);
	f.is_loopback = false;
	f.is_implicit = true;
	CHECK(f, OPEN, ACTIVE, PKIX);
	f.has_login = false;
	CHECK(f, OPEN, ACTIVE, NONE);
	f.wish = SECURITY_REQUIRED;
	CHECK(f, OPEN, ACTIVE, PKIX);
	f.has_name = false;
	assert_int_equal(of(f).bar, SECURITY_BARRED_NAME);
}

static void who_demands(void **state)
{
	/* Protects: what sender and operator are told of why TLS had to be right. */
	(void)state;
	struct security_facts f = host();
	assert_int_equal(of(f).by, SECURITY_BY_NOBODY);
	f.policy = STS_MODE_ENFORCE;
	assert_int_equal(of(f).by, SECURITY_BY_POLICY);
	f.tlsa = HOST_TLSA_USABLE;
	assert_int_equal(of(f).by, SECURITY_BY_DANE);
	f.wish = SECURITY_REQUIRED;
	assert_int_equal(of(f).by, SECURITY_BY_REQUIRETLS);
	f.wish = SECURITY_NOT_REQUIRED;
	assert_int_equal(of(f).by, SECURITY_BY_NOBODY);
	f.has_login = true;
	assert_int_equal(of(f).by, SECURITY_BY_LOGIN);
}

static void testing(void **state)
{
	/* Protects: what a policy in testing would have forbidden is said, and nothing else. */
	(void)state;
	struct security_facts f = host();
	f.is_named = true;
	assert_null(security_tested(&f, false, false));
	f.policy = STS_MODE_ENFORCE;
	assert_null(security_tested(&f, false, false));
	f.policy = STS_MODE_TESTING;
	assert_null(security_tested(&f, true, true));
	assert_non_null(security_tested(&f, true, false));
	assert_non_null(security_tested(&f, false, false));
	f.is_named = false;
	assert_non_null(security_tested(&f, true, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(opportunistic), cmocka_unit_test(dane),
		cmocka_unit_test(policies), cmocka_unit_test(records_before_policies),
		cmocka_unit_test(required), cmocka_unit_test(not_required),
		cmocka_unit_test(smarthosts), cmocka_unit_test(who_demands),
		cmocka_unit_test(testing)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
