/*
 * keepers/keys/signer: octets, purpose and algorithm as a broken face may send them. What is signed
 * must be one of the two forms, told here a second time in another way.
 *
 * Input: key number (0..3), purpose, algorithm (big endian), then the octets.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/tls.h"
#include "keepers/keys/signer.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add_key(struct signer *signer, uint32_t number, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *at;
	PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	const long length = BIO_get_mem_data(bio, &at);
	if (signer_add(signer, (struct key_id){number}, view_of(at, (size_t)length)) !=
		CERTIFICATE_OK)
		abort();
	BIO_free(bio);
	EVP_PKEY_free(key);
}

static struct signer *keys(void)
{
	static struct signer *signer;
	if (signer)
		return signer;
	tls_warm();
	log_threshold(LOG_ERROR);
	signer = signer_new();
	add_key(signer, 0, EVP_EC_gen("P-256"));
	add_key(signer, 1, EVP_EC_gen("P-384"));
	add_key(signer, 2, EVP_RSA_gen(2048));
	return signer;
}

static bool is_tls13(const uint8_t *tbs, size_t size)
{
	static const char text[] = "TLS 1.3, server CertificateVerify";
	if (size != 64 + sizeof(text) + 32 && size != 64 + sizeof(text) + 48)
		return false;
	for (size_t i = 0; i < 64; i++)
		if (tbs[i] != ' ')
			return false;
	return memcmp(tbs + 64, text, sizeof(text)) == 0;
}

static bool is_tls12(const uint8_t *tbs, size_t size)
{
	return (size == 64 + 4 + 32 && memcmp(tbs + 64, "\x03\x00\x1d\x20", 4) == 0) ||
	       (size == 64 + 4 + 65 && memcmp(tbs + 64, "\x03\x00\x17\x41\x04", 5) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 4)
		return 0;
	const struct view tbs = view_of(data + 4, size - 4);
	const uint32_t algorithm = (uint32_t)data[2] << 8 | data[3];
	struct signer_peer peer = signer_peer_new("fuzz", 1, 1, 0);
	struct buffer out = buffer_new(SIGNATURE_MAX);
	struct signer *signer = keys();
	const enum signer_result result = signer_sign(
		signer, &peer, 0, (struct key_id){data[0] & 3}, data[1], algorithm, tbs, &out);
	const bool may = data[1] == SIGNER_TLS_SERVER && (data[0] & 3) < 3 &&
			 (is_tls13(tbs.at, tbs.length) || is_tls12(tbs.at, tbs.length));
	if ((result == SIGNER_SIGNED) != (out.length > 0) || (result == SIGNER_SIGNED && !may))
		abort();
	if (may && result == SIGNER_NOT_PURPOSE)
		abort();
	buffer_free(&out);
	return 0;
}
