#include "config/verifier.h"

#include "base/text.h"
#include "config/saslprep.h"
#include "config/users.h"

#include <crypt.h>
#include <errno.h>
#include <sodium.h>

#define MAC_OCTETS crypto_auth_hmacsha256_BYTES
_Static_assert(MAC_OCTETS == VERIFIER_KEY_OCTETS, "HMAC-SHA-256");

void verifier_warm(void)
{
	must(sodium_init() >= 0);
}

/* libsodium takes no null, even for nothing. */
static const uint8_t *octets_of(struct view v)
{
	static const uint8_t nothing;
	return v.at ? v.at : &nothing;
}

/* --- SCRAM (RFC 5802 §3) ------------------------------------------------------------------ */

static void mac(const uint8_t *key, struct view text, uint8_t out[MAC_OCTETS])
{
	struct crypto_auth_hmacsha256_state state;
	crypto_auth_hmacsha256_init(&state, key, MAC_OCTETS);
	crypto_auth_hmacsha256_update(&state, octets_of(text), text.length);
	crypto_auth_hmacsha256_final(&state, out);
	bytes_wipe(&state, sizeof state);
}

void verifier_mac(const uint8_t *key, struct view label, struct view text,
	uint8_t mac_out[VERIFIER_KEY_OCTETS])
{
	const uint8_t nul = 0;
	struct crypto_auth_hmacsha256_state state;
	crypto_auth_hmacsha256_init(&state, key, VERIFIER_KEY_OCTETS);
	crypto_auth_hmacsha256_update(&state, octets_of(label), label.length);
	crypto_auth_hmacsha256_update(&state, &nul, 1);
	crypto_auth_hmacsha256_update(&state, octets_of(text), text.length);
	crypto_auth_hmacsha256_final(&state, mac_out);
	bytes_wipe(&state, sizeof state);
}

/* Hi() of RFC 5802 §2.2, which is PBKDF2 with one block. The keyed state is made once and copied: that
 * halves the work of each turn. */
static void salted_password(
	struct view password, struct view salt, uint32_t iterations, uint8_t out[MAC_OCTETS])
{
	static const uint8_t first_block[4] = {0, 0, 0, 1};
	struct crypto_auth_hmacsha256_state keyed;
	crypto_auth_hmacsha256_init(&keyed, octets_of(password), password.length);
	struct crypto_auth_hmacsha256_state state = keyed;
	uint8_t u[MAC_OCTETS];
	crypto_auth_hmacsha256_update(&state, octets_of(salt), salt.length);
	crypto_auth_hmacsha256_update(&state, first_block, sizeof first_block);
	crypto_auth_hmacsha256_final(&state, u);
	must(view_copy(view_of(u, sizeof u), out, MAC_OCTETS));
	for (uint32_t i = 1; i < iterations; i++) {
		state = keyed;
		crypto_auth_hmacsha256_update(&state, u, sizeof u);
		crypto_auth_hmacsha256_final(&state, u);
		for (size_t k = 0; k < sizeof u; k++)
			out[k] ^= u[k];
	}
	bytes_wipe(&keyed, sizeof keyed);
	bytes_wipe(&state, sizeof state);
	bytes_wipe(u, sizeof u);
}

void verifier_derive(
	struct view password, struct view salt, uint32_t iterations, struct verifier_keys *keys_out)
{
	uint8_t salted[MAC_OCTETS];
	uint8_t client[MAC_OCTETS];
	must(iterations > 0);
	salted_password(password, salt, iterations, salted);
	mac(salted, VIEW("Client Key"), client);
	crypto_hash_sha256(keys_out->stored, client, sizeof client);
	mac(salted, VIEW("Server Key"), keys_out->server);
	bytes_wipe(salted, sizeof salted);
	bytes_wipe(client, sizeof client);
}

bool verifier_make(struct view password, struct view salt, uint32_t iterations, struct buffer *out)
{
	struct buffer prepared = buffer_new(VERIFIER_PASSWORD_MAX);
	struct verifier_keys keys;
	const size_t before = out->length;
	const bool fine = password.length <= VERIFIER_PASSWORD_MAX && saslprep(password, &prepared);
	if (fine) {
		verifier_derive(buffer_view(&prepared), salt, iterations, &keys);
		text_add(out, "{SCRAM-SHA-256}{},", text_number(iterations));
		buffer_add_base64(out, salt);
		buffer_add_octet(out, ',');
		buffer_add_base64(out, view_of(keys.stored, sizeof keys.stored));
		buffer_add_octet(out, ',');
		buffer_add_base64(out, view_of(keys.server, sizeof keys.server));
		bytes_wipe(&keys, sizeof keys);
	}
	buffer_free_secret(&prepared);
	if (fine && !buffer_failed(out))
		return true;
	buffer_truncate(out, before);
	return false;
}

static enum verifier_result check_scram(
	const struct user_scram *scram, struct view password, uint64_t *iterations_out)
{
	struct buffer prepared = buffer_new(VERIFIER_PASSWORD_MAX);
	struct buffer salt = buffer_new(USER_SALT_MAX);
	struct buffer stored = buffer_new(VERIFIER_KEY_OCTETS);
	struct verifier_keys keys = {0};
	enum verifier_result result = VERIFIER_UNUSABLE;
	if (buffer_add_unbase64(&salt, scram->salt) &&
		buffer_add_unbase64(&stored, scram->stored_key)) {
		/* what cannot be prepared costs the same time and matches nothing */
		const bool fine = saslprep(password, &prepared);
		verifier_derive(
			buffer_view(&prepared), buffer_view(&salt), scram->iterations, &keys);
		*iterations_out += scram->iterations;
		const bool same = view_equal_secret(
			view_of(keys.stored, sizeof keys.stored), buffer_view(&stored));
		result = fine && same ? VERIFIER_MATCHES : VERIFIER_DIFFERS;
	}
	bytes_wipe(&keys, sizeof keys);
	buffer_free_secret(&stored);
	buffer_free_secret(&salt);
	buffer_free_secret(&prepared);
	return result;
}

/* --- imported ----------------------------------------------------------------------------- */

static enum verifier_result check_argon2(const char *verifier, struct view password)
{
	errno = 0;
	if (crypto_pwhash_str_verify(
		    verifier, (const char *)octets_of(password), password.length) == 0)
		return VERIFIER_MATCHES;
	return errno == ENOMEM ? VERIFIER_FAILED : VERIFIER_DIFFERS;
}

static enum verifier_result check_crypt(const char *verifier, struct view password)
{
	char phrase[CRYPT_MAX_PASSPHRASE_SIZE];
	if (!view_to_text(password, phrase, sizeof phrase))
		return VERIFIER_DIFFERS; /* longer than any that was hashed, or with a NUL */
	enum verifier_result result = VERIFIER_FAILED;
	struct crypt_data *data = memory_try(sizeof *data);
	if (data) {
		bytes_zero(data, sizeof *data);
		errno = 0;
		const char *hash = crypt_rn(phrase, verifier, data, (int)sizeof *data);
		if (hash)
			result = view_equal_secret(view_text(hash), view_text(verifier))
					 ? VERIFIER_MATCHES
					 : VERIFIER_DIFFERS;
		else if (errno != ENOMEM)
			result = VERIFIER_UNUSABLE;
		bytes_wipe(data, sizeof *data);
		memory_free(data);
	}
	bytes_wipe(phrase, sizeof phrase);
	return result;
}

bool verifier_is_imported(struct view verifier)
{
	return view_starts(verifier, VIEW("$"));
}

enum verifier_result verifier_check(
	struct view verifier, struct view password, uint64_t *iterations_out)
{
	struct user_scram scram;
	char text[USER_VERIFIER_MAX + 1];
	enum verifier_result result;
	*iterations_out = 0;
	if (user_verifier_check(verifier) != USER_OK || password.length > VERIFIER_PASSWORD_MAX)
		return VERIFIER_UNUSABLE;
	if (user_scram_parse(verifier, &scram))
		return check_scram(&scram, password, iterations_out);
	if (!verifier_is_imported(verifier) || !view_to_text(verifier, text, sizeof text))
		return VERIFIER_UNUSABLE;
	if (view_starts(verifier, VIEW("$argon2id$")))
		result = check_argon2(text, password);
	else
		result = check_crypt(text, password);
	bytes_wipe(text, sizeof text);
	return result;
}
