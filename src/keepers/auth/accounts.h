/*
 * Who a login name is, on one snapshot; and verifiers for those who are nobody. A name that is unknown,
 * or whose user has no SCRAM verifier, gets one that no password fits: made from the name under the
 * installation's secret, so that it is the same at every try and after every restart, with the same
 * sizes and iterations as a real one (RFC 5802 §9 asks for no less).
 */
#ifndef KEEPERS_AUTH_ACCOUNTS_H
#define KEEPERS_AUTH_ACCOUNTS_H

#include "config/snapshot.h"
#include "config/verifier.h"
#include "keepers/auth/sasl.h"

/* The number of octets that the canonical form of a name may have. */
#define ACCOUNT_NAME_MAX 512u

struct account {
	uint32_t user; /* index, or SNAPSHOT_NOT_FOUND */
	struct view verifier; /* into the snapshot; empty: none that could be right */
	uint8_t tag[16]; /* stands for the canonical name in the gate's keys */
};

/* `name` as a client gave it: a local-part, or an address of an own domain. Never fails. */
struct account account_find(const struct snapshot *s, const uint8_t *fake_key, struct view name);
/* The keys for SCRAM: the account's own, or made up. */
void account_keys(
	const struct account *account, const uint8_t *fake_key, struct sasl_keys *keys_out);
/* For PLAIN against nobody: appends a verifier that costs as much as a real one. */
void account_add_dummy(const struct account *account, const uint8_t *fake_key, struct buffer *out);
/* Whether `authzid` means the same user as `account` (empty always does). */
bool account_may_act_as(const struct snapshot *s, const struct account *account,
	const uint8_t *fake_key, struct view authzid);

#endif
