#include "keepers/gate/kinds.h"

#define BIT(id) (1u << (id))

/* A table is read by its columns. */
/* clang-format off */
static const struct gate_kind kinds[] = {
	{VIEW("guess:"), "wrong passwords, by address and by name", 0, BIT(PROGRAM_AUTH), .counters = true, .shared = true},
	{VIEW("known:"), "addresses from which a user logged in", 0, BIT(PROGRAM_AUTH), .durable = true, .shared = true},
	{VIEW("seen:"), "Message-IDs delivered to a mailbox (F-15)", 0, BIT(PROGRAM_DELIVER), .durable = true, .crowd = true},
	{VIEW("open:"), "addresses opened by a login (N-20)", BIT(PROGRAM_SMTPD), BIT(PROGRAM_AUTH), .durable = true, .shared = true, .tails = true},
	{VIEW("mails:"), "recipients that a user wrote to (N-8)", 0, BIT(PROGRAM_SMTPD), .counters = true, .shared = true},
	{VIEW("sts:"), "policies of domains (MTA-STS)", 0, BIT(PROGRAM_FETCH), .durable = true, .crowd = true},
};
/* clang-format on */
#define KINDS (sizeof kinds / sizeof *kinds)

unsigned gate_kinds_count(void)
{
	return KINDS;
}

const struct gate_kind *gate_kind_at(unsigned i)
{
	must(i < KINDS);
	return &kinds[i];
}

const struct gate_kind *gate_kind_of(struct view key)
{
	for (unsigned i = 0; i < KINDS; i++)
		if (view_starts(key, kinds[i].prefix))
			return &kinds[i];
	return NULL;
}

bool gate_kind_allows(
	const struct gate_kind *kind, enum program_id id, enum any_gate_code code, bool looks)
{
	const bool writes = (kind->writers & BIT(id)) != 0;
	const bool reads = writes || (kind->readers & BIT(id)) != 0;
	switch (code) {
	case GATE_LOOKUP:
		return reads && !kind->counters;
	case GATE_OPEN:
	case GATE_CLAIM:
	case GATE_CHANGE:
	case GATE_TOUCH:
		return writes && !kind->counters;
	case GATE_CLOSE:
		return writes;
	case GATE_COUNT:
		return kind->counters && (looks ? reads : writes);
	case GATE_ROW:
	case GATE_NONE:
	case GATE_COUNTED:
	case GATE_FAILED:
	case GATE_CODES:
		return false;
	}
	return false;
}
