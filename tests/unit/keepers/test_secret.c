/* keepers/keys/secret: what the site's secret signs, and nothing else. */
#include "keepers/keys/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void signs(void **state)
{
	/* protects: the site's secret signs return addresses and nothing else, at its rate, the same each time */
	(void)state;
	static const char text[] =
		"00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF\n";
	const struct view srs = VIEW("SRS0=7g=a.example=u");
	struct secret *secret = secret_new();
	struct buffer out = buffer_new(256);
	struct buffer again = buffer_new(256);
	struct signer_peer peer = signer_peer_new("test", 1, 5, 1000);
	assert_int_equal(secret_sign(secret, &peer, 1000, srs, &out), SIGNER_NO_KEY);
	assert_false(secret_read(secret, VIEW("")));
	assert_false(secret_read(secret, view_first(view_text(text), 63)));
	assert_false(secret_read(
		secret, VIEW("g0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff")));
	assert_int_equal(secret_sign(secret, &peer, 1000, srs, &out), SIGNER_NO_KEY);
	assert_true(secret_read(secret, view_text(text)));
	assert_int_equal(secret_sign(secret, &peer, 1000, srs, &out), SIGNER_SIGNED);
	assert_int_equal(out.length, MAC_OCTETS);
	/* HMAC-SHA-256 of "srs", a zero octet and the octets, by another's hand */
	buffer_add_hex(&again, view_first(buffer_view(&out), 8));
	assert_true(view_equal(buffer_view(&again), VIEW("c48534cac11396c3")));
	buffer_clear(&again);
	assert_int_equal(secret_sign(secret, &peer, 1000, VIEW("SRS1=7g=a.example=u"), &again),
		SIGNER_SIGNED);
	assert_false(view_equal(buffer_view(&again), buffer_view(&out)));
	assert_int_equal(
		secret_sign(secret, &peer, 1000, VIEW("TLS 1.3, server CertificateVerify"), &again),
		SIGNER_NOT_PURPOSE);
	assert_int_equal(secret_sign(secret, &peer, 1000, VIEW("SRS0"), &again), SIGNER_RATE);
	assert_int_equal(
		secret_sign(secret, &peer, 2000, VIEW("SRS0"), &again), SIGNER_NOT_PURPOSE);
	assert_int_equal(again.length, MAC_OCTETS);
	buffer_free(&again);
	buffer_free(&out);
	secret_free(&secret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(signs)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
