/*
 * MTA-STS, RFC 8461: what a domain says of the hosts that take its mail, in a text record (§3.1) that a
 * change can be seen by, and in a policy (§3.2) that is fetched over HTTPS and kept for a while. Reading,
 * the packed form in which a policy is kept by `gate` and told to `relay`, and which hosts it names. Pure;
 * what is read comes from strangers.
 *
 * faces/fetch gets records and policies; faces/relay/security.c says what follows from one.
 */
#ifndef MAIL_STS_H
#define MAIL_STS_H

#include "base/arena.h"

#define STS_DOMAIN_MAX \
	244u /* octets: a longer domain has no name "_mta-sts." of it, RFC 1035 §2.3.4 */
#define STS_ID_MAX 32u
#define STS_POLICY_OCTETS_MAX (64u << 10) /* of the file, RFC 8461 §3.3 */
#define STS_MX_MAX 64u /* patterns */
#define STS_AGE_MAX_S 31557600u /* RFC 8461 §3.2; what says more is held to this */
#define STS_PACKED_MAX 3900u /* octets of sts_policy_add: a row of the gate holds it with its id */

enum sts_mode {
	STS_MODE_NONE, /* the domain says that it has no policy */
	STS_MODE_TESTING, /* what would be refused is delivered and logged */
	STS_MODE_ENFORCE,
};
#define STS_MODES 3
/* "none", "testing", "enforce": as a policy has it. */
const char *sts_mode_name(enum sts_mode mode);

struct sts_policy {
	enum sts_mode mode;
	uint32_t max_age_s;
	const struct view *mx; /* "mx.example.org", "*.example.org": lower case, sound */
	uint32_t mx_count; /* at least one, unless the mode is none */
};

/* The id of the one record among a name's texts that is for MTA-STS; empty when there is none, more than
 * one, or it cannot be read: then the domain has no policy to be looked for (§3.1). Points into `texts`. */
struct view sts_record_id(const struct view *texts, size_t count);
/* 1…STS_ID_MAX letters and digits. */
bool sts_id_is_sound(struct view id);

/* Reads a policy. Null when all is well, else what is wrong with it, in a few words: static. Its patterns
 * lie in the arena. Lines end in CRLF or LF; unknown keys are passed over; of a key that comes twice the
 * first counts, but for mx. */
must_use const char *sts_policy_parse(
	struct view text, struct arena *a, struct sts_policy *policy_out);

/* The policy names this host (§4.1): a pattern with an asterisk stands for one label, and not for none.
 * `host` is in lower case. */
bool sts_policy_names(const struct sts_policy *policy, struct view host);

/* Appends the packed form: at most STS_PACKED_MAX octets of what sts_policy_parse gave. */
void sts_policy_add(struct buffer *b, const struct sts_policy *policy);
/* Reads all of a packed form, which is untrusted; the patterns point into it. False when it does not hold
 * together, or the arena is at its cap. */
must_use bool sts_policy_read(struct view packed, struct arena *a, struct sts_policy *policy_out);
/* A copy that lives as long as the arena. False at its cap. */
must_use bool sts_policy_copy(
	const struct sts_policy *policy, struct arena *a, struct sts_policy *copy_out);

#endif
