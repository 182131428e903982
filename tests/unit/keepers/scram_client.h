/* The client's side of SCRAM-SHA-256, written from RFC 5802 apart from ours, for tests. */
#ifndef TESTS_SCRAM_CLIENT_H
#define TESTS_SCRAM_CLIENT_H

#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scram_client {
	const char *gs2; /* "n,,", "y,,", "p=tls-exporter,," */
	const uint8_t *binding;
	size_t binding_length;
	char bare[600];
	char server_first[900];
	char without_proof[900];
	uint8_t salted[32];
	int is_salted; /* by the last server, which had the same salt and iterations */
};

static inline void scram_hmac(const void *key, size_t key_length, const char *text, uint8_t out[32])
{
	crypto_auth_hmacsha256_state s;
	crypto_auth_hmacsha256_init(&s, key, key_length);
	crypto_auth_hmacsha256_update(&s, (const uint8_t *)text, strlen(text));
	crypto_auth_hmacsha256_final(&s, out);
}

static inline void scram_hi(const char *password, const uint8_t *salt, size_t salt_length,
	unsigned iterations, uint8_t out[32])
{
	uint8_t u[32];
	crypto_auth_hmacsha256_state s;
	crypto_auth_hmacsha256_init(&s, (const uint8_t *)password, strlen(password));
	crypto_auth_hmacsha256_update(&s, salt, salt_length);
	crypto_auth_hmacsha256_update(&s, (const uint8_t *)"\0\0\0\1", 4);
	crypto_auth_hmacsha256_final(&s, u);
	memcpy(out, u, 32);
	while (--iterations) {
		crypto_auth_hmacsha256_init(&s, (const uint8_t *)password, strlen(password));
		crypto_auth_hmacsha256_update(&s, u, 32);
		crypto_auth_hmacsha256_final(&s, u);
		for (int i = 0; i < 32; i++)
			out[i] ^= u[i];
	}
}

static inline void scram_base64(const void *octets, size_t length, char *out, size_t room)
{
	sodium_bin2base64(out, room, octets, length, sodium_base64_VARIANT_ORIGINAL);
}

static inline size_t scram_unbase64(const char *text, size_t length, uint8_t *out, size_t room)
{
	size_t n = 0;
	if (sodium_base642bin(
		    out, room, text, length, " \n", &n, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
		return 0;
	return n;
}

/* client-first-message into `out`. */
static inline void scram_first(struct scram_client *c, const char *name, const char *nonce,
	const char *authzid_gs2, char *out, size_t room)
{
	snprintf(c->bare, sizeof c->bare, "n=%s,r=%s", name, nonce);
	c->gs2 = authzid_gs2;
	snprintf(out, room, "%s%s", c->gs2, c->bare);
}

static inline void scram_auth_message(const struct scram_client *c, char *out, size_t room)
{
	snprintf(out, room, "%s,%s,%s", c->bare, c->server_first, c->without_proof);
}

/* client-final-message into `out`; 0 when the server's first message does not parse. */
static inline unsigned scram_final(struct scram_client *c, const char *server_first,
	const char *password, char *out, size_t room)
{
	char cbind[400];
	char text[100]; /* 32 octets in base64 */
	char message[2600];
	uint8_t raw[300];
	uint8_t salt[100];
	uint8_t key[32], stored[32], signature[32];
	snprintf(c->server_first, sizeof c->server_first, "%s", server_first);
	const char *s = strstr(server_first, ",s=");
	const char *i = strstr(server_first, ",i=");
	if (strncmp(server_first, "r=", 2) != 0 || !s || !i)
		return 0;
	const unsigned iterations = (unsigned)atoi(i + 3);
	const size_t salt_length = scram_unbase64(s + 3, (size_t)(i - s - 3), salt, sizeof salt);
	memcpy(raw, c->gs2, strlen(c->gs2));
	if (c->binding_length)
		memcpy(raw + strlen(c->gs2), c->binding, c->binding_length);
	scram_base64(raw, strlen(c->gs2) + c->binding_length, cbind, sizeof cbind);
	snprintf(c->without_proof, sizeof c->without_proof, "c=%s,%.*s", cbind,
		(int)(s - server_first), server_first);
	if (!c->is_salted)
		scram_hi(password, salt, salt_length, iterations, c->salted);
	scram_hmac(c->salted, 32, "Client Key", key);
	crypto_hash_sha256(stored, key, 32);
	scram_auth_message(c, message, sizeof message);
	scram_hmac(stored, 32, message, signature);
	for (int k = 0; k < 32; k++)
		key[k] ^= signature[k];
	scram_base64(key, 32, text, sizeof text);
	snprintf(out, room, "%s,p=%s", c->without_proof, text);
	return iterations;
}

static inline int scram_server_is_right(const struct scram_client *c, const char *server_final)
{
	char message[2600];
	char text[100];
	uint8_t key[32], signature[32];
	scram_auth_message(c, message, sizeof message);
	scram_hmac(c->salted, 32, "Server Key", key);
	scram_hmac(key, 32, message, signature);
	scram_base64(signature, 32, text, sizeof text);
	return strncmp(server_final, "v=", 2) == 0 && strcmp(server_final + 2, text) == 0;
}

#endif
