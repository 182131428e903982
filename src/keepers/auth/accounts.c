#include "keepers/auth/accounts.h"

#include "base/text.h"
#include "config/saslprep.h"
#include "config/users.h"

#define ARENA_MAX 4096u

static bool is_own(const struct snapshot *s, struct view domain)
{
	struct arena a = arena_new(ARENA_MAX);
	struct domain d;
	const bool own =
		domain_parse(domain, true, &a, &d) == ADDRESS_OK && snapshot_has_domain(s, d);
	arena_reset(&a);
	return own;
}

/* The one form of all names that mean the same user, were there such a user: else the delays of `x` and
 * `x@own.domain` would tell who exists. */
static void add_canonical(const struct snapshot *s, struct view name, struct buffer *out)
{
	const size_t at = view_find_last(name, '@');
	if (at != VIEW_NOT_FOUND && is_own(s, view_from(name, at + 1)))
		name = view_first(name, at);
	for (size_t i = 0; i < name.length; i++)
		buffer_add_octet(out, octet_lower(name.at[i]));
}

struct account account_find(const struct snapshot *s, const uint8_t *fake_key, struct view name)
{
	struct account account = {.user = SNAPSHOT_NOT_FOUND};
	struct buffer prepared = buffer_new(ACCOUNT_NAME_MAX);
	struct buffer canonical = buffer_new(ACCOUNT_NAME_MAX);
	uint8_t mac[VERIFIER_KEY_OCTETS];
	name = view_first(name, ACCOUNT_NAME_MAX);
	if (saslprep(name, &prepared)) {
		name = buffer_view(&prepared);
		account.user = snapshot_find_login(s, name);
	}
	add_canonical(s, name, &canonical);
	verifier_mac(fake_key, VIEW("name"), buffer_view(&canonical), mac);
	must(view_copy(view_first(view_of(mac, sizeof mac), sizeof account.tag), account.tag,
		sizeof account.tag));
	if (account.user != SNAPSHOT_NOT_FOUND)
		account.verifier = s->users[account.user].verifier;
	if (view_equal(account.verifier, VIEW("!")))
		account.verifier = VIEW_NONE;
	buffer_free(&prepared);
	buffer_free(&canonical);
	return account;
}

static struct view tag_of(const struct account *account)
{
	return view_of(account->tag, sizeof account->tag);
}

static void add_fake(const struct account *account, const uint8_t *fake_key, struct view label,
	size_t length, struct buffer *out)
{
	uint8_t mac[VERIFIER_KEY_OCTETS];
	verifier_mac(fake_key, label, tag_of(account), mac);
	buffer_add_base64(out, view_first(view_of(mac, sizeof mac), length));
}

void account_keys(
	const struct account *account, const uint8_t *fake_key, struct sasl_keys *keys_out)
{
	struct user_scram scram;
	if (user_scram_parse(account->verifier, &scram)) {
		keys_out->iterations = scram.iterations;
		buffer_add(&keys_out->salt, scram.salt);
		buffer_add(&keys_out->stored_key, scram.stored_key);
		buffer_add(&keys_out->server_key, scram.server_key);
		return;
	}
	keys_out->iterations = VERIFIER_ITERATIONS;
	add_fake(account, fake_key, VIEW("salt"), VERIFIER_SALT_OCTETS, &keys_out->salt);
	add_fake(account, fake_key, VIEW("stored"), VERIFIER_KEY_OCTETS, &keys_out->stored_key);
	add_fake(account, fake_key, VIEW("server"), VERIFIER_KEY_OCTETS, &keys_out->server_key);
}

void account_add_dummy(const struct account *account, const uint8_t *fake_key, struct buffer *out)
{
	text_add(out, "{SCRAM-SHA-256}{},", text_number(VERIFIER_ITERATIONS));
	add_fake(account, fake_key, VIEW("salt"), VERIFIER_SALT_OCTETS, out);
	buffer_add_octet(out, ',');
	add_fake(account, fake_key, VIEW("stored"), VERIFIER_KEY_OCTETS, out);
	buffer_add_octet(out, ',');
	add_fake(account, fake_key, VIEW("server"), VERIFIER_KEY_OCTETS, out);
}

bool account_may_act_as(const struct snapshot *s, const struct account *account,
	const uint8_t *fake_key, struct view authzid)
{
	if (authzid.length == 0)
		return true;
	const struct account other = account_find(s, fake_key, authzid);
	return view_equal(tag_of(account), tag_of(&other));
}
