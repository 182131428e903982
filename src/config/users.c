#include "config/users.h"

const char *user_problem_text(enum user_problem problem)
{
	switch (problem) {
	case USER_OK:
		return "the user is fine";
	case USER_NO_COLON:
		return "the line has no colon between name and verifier";
	case USER_NAME_EMPTY:
		return "the name is empty";
	case USER_NAME_LONG:
		return "the name is longer than 64 octets";
	case USER_NAME_START:
		return "the name begins with a dot or a hyphen";
	case USER_NAME_OCTET:
		return "the name holds something else than lower-case letters, digits, dots, "
		       "hyphens "
		       "and underscores";
	case USER_VERIFIER_EMPTY:
		return "the verifier is empty";
	case USER_VERIFIER_LONG:
		return "the verifier is too long";
	case USER_VERIFIER_KIND:
		return "the verifier is of no kind that is known (a password in clear?)";
	case USER_VERIFIER_FORM:
		return "the verifier is malformed";
	case USER_VERIFIER_COST:
		return "the verifier would take too much time or memory at each login";
	}
	return "unknown";
}

static bool is_name_ascii(uint8_t octet)
{
	return (octet >= 'a' && octet <= 'z') || octet_is_digit(octet) || octet == '.' ||
	       octet == '-' || octet == '_';
}

static bool is_alias_ascii(uint8_t octet)
{
	return octet_is_alpha(octet) || is_name_ascii(octet) || octet == '+' || octet == '\'' ||
	       octet == '&' || octet == '=' || octet == '~';
}

/* Code point of the well-formed sequence at the front of `v`, and its length. */
static uint32_t code_point(struct view v, size_t *length_out)
{
	const uint8_t first = v.at[0];
	*length_out = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t code = *length_out == 1 ? first : first & (0x7fu >> *length_out);
	for (size_t i = 1; i < *length_out; i++)
		code = code << 6 | ((uint32_t)view_at(v, i) & 0x3f);
	return code;
}

/* Spaces, controls and marks that nobody sees, from Latin-1 up. */
static bool is_invisible(uint32_t code)
{
	return code <= 0xa0 || code == 0xad || code == 0x1680 || code == 0x180e ||
	       (code >= 0x2000 && code <= 0x200f) || (code >= 0x2028 && code <= 0x202f) ||
	       (code >= 0x205f && code <= 0x206f) || code == 0x3000 || code == 0xfeff ||
	       (code >= 0xfff0 && code <= 0xffff) || code >= 0xe0000;
}

static enum user_problem check_name(struct view name, bool (*is_fine)(uint8_t octet))
{
	if (view_is_empty(name))
		return USER_NAME_EMPTY;
	if (name.length > USER_NAME_MAX)
		return USER_NAME_LONG;
	if (name.at[0] == '.' || name.at[0] == '-')
		return USER_NAME_START;
	if (!view_is_utf8(name))
		return USER_NAME_OCTET;
	while (!view_is_empty(name)) {
		size_t length;
		const uint32_t code = code_point(name, &length);
		if (code < 0x80 ? !is_fine((uint8_t)code) : is_invisible(code))
			return USER_NAME_OCTET;
		name = view_from(name, length);
	}
	return USER_OK;
}

enum user_problem user_name_check(struct view name)
{
	return check_name(name, is_name_ascii);
}

enum user_problem user_alias_check(struct view name)
{
	return check_name(name, is_alias_ascii);
}

#define SCRAM_PREFIX "{SCRAM-SHA-256}"
#define SHA256_OCTETS 32

static bool decodes_to(struct view base64, size_t min, size_t max)
{
	struct buffer octets = buffer_new(max);
	const bool ok = buffer_add_unbase64(&octets, base64) && octets.length >= min;
	buffer_free_secret(&octets);
	return ok;
}

bool user_scram_parse(struct view verifier, struct user_scram *scram_out)
{
	struct view iterations;
	struct view rest;
	*scram_out = (struct user_scram){0};
	if (!view_starts(verifier, VIEW(SCRAM_PREFIX)))
		return false;
	return view_split(view_from(verifier, sizeof SCRAM_PREFIX - 1), ',', &iterations, &rest) &&
	       view_split(rest, ',', &scram_out->salt, &rest) &&
	       view_split(rest, ',', &scram_out->stored_key, &scram_out->server_key) &&
	       view_to_u32(iterations, USER_ITERATIONS_MAX, &scram_out->iterations) &&
	       scram_out->iterations >= USER_ITERATIONS_MIN &&
	       decodes_to(scram_out->salt, USER_SALT_MIN, USER_SALT_MAX) &&
	       decodes_to(scram_out->stored_key, SHA256_OCTETS, SHA256_OCTETS) &&
	       decodes_to(scram_out->server_key, SHA256_OCTETS, SHA256_OCTETS);
}

/* --- imported ----------------------------------------------------------------------------- */

/* What a check costs is written in the hash. A stranger can cause one with each login that he tries, so
 * what would keep a thread of auth for more than a second or two is refused here. */
#define COST_BCRYPT_MAX 14u /* 2^14 turns */
#define COST_ROUNDS_MAX 1000000u
#define COST_ARGON2_TURNS_MAX 16u
#define COST_ARGON2_KIB_MAX (1u << 20) /* times turns: what it writes in all */

/* A number up to `end`. */
static uint32_t read_number(struct cursor *c, uint8_t end)
{
	uint32_t n = 0;
	if (!view_to_u32(cursor_until(c, end), UINT32_MAX, &n))
		cursor_fail(c);
	return n;
}

static void read_word(struct cursor *c, struct view word)
{
	if (!view_equal(cursor_take(c, word.length), word))
		cursor_fail(c);
}

static bool bcrypt_is_cheap(struct view parameters)
{
	struct cursor c = cursor_of(parameters);
	const uint32_t cost = read_number(&c, '$');
	return !cursor_failed(&c) && cost <= COST_BCRYPT_MAX;
}

static bool sha_is_cheap(struct view parameters)
{
	struct cursor c = cursor_of(parameters);
	if (!view_starts(parameters, VIEW("rounds=")))
		return true; /* 5000 */
	read_word(&c, VIEW("rounds="));
	const uint32_t rounds = read_number(&c, '$');
	return !cursor_failed(&c) && rounds <= COST_ROUNDS_MAX;
}

/* As crypt_gensalt(3) makes them: "j", the logarithm of N, r = 8 or 32; up to 256 MiB. */
static bool yescrypt_is_cheap(struct view parameters)
{
	const int n = view_at(parameters, 1);
	const int r = view_at(parameters, 2);
	return view_at(parameters, 0) == 'j' &&
	       ((n >= '7' && n <= '9') || (n >= 'A' && n <= 'D')) && (r == '5' || r == 'T') &&
	       view_at(parameters, 3) == '$';
}

static bool argon2_is_cheap(struct view parameters)
{
	struct cursor c = cursor_of(parameters);
	read_word(&c, VIEW("v=19$m="));
	const uint32_t kib = read_number(&c, ',');
	read_word(&c, VIEW("t="));
	const uint32_t turns = read_number(&c, ',');
	read_word(&c, VIEW("p="));
	(void)read_number(&c, '$');
	return !cursor_failed(&c) && turns <= COST_ARGON2_TURNS_MAX &&
	       (uint64_t)kib * turns <= COST_ARGON2_KIB_MAX;
}

/* Shortest that each kind can be, with its salt and hash. */
static const struct {
	struct view prefix;
	size_t length_min;
	bool (*is_cheap)(struct view parameters);
} imported[] = {
	{VIEW("$2a$"), 60, bcrypt_is_cheap},
	{VIEW("$2b$"), 60, bcrypt_is_cheap},
	{VIEW("$2y$"), 60, bcrypt_is_cheap},
	{VIEW("$5$"), 47, sha_is_cheap},
	{VIEW("$6$"), 90, sha_is_cheap},
	{VIEW("$y$"), 40, yescrypt_is_cheap},
	{VIEW("$argon2id$"), 40, argon2_is_cheap},
};

static bool is_crypt_octet(int octet)
{
	return octet > 0x20 && octet < 0x7f && octet != ':' && octet != ';' && octet != '*' &&
	       octet != '!' && octet != '\\';
}

enum user_problem user_verifier_check(struct view verifier)
{
	if (view_is_empty(verifier))
		return USER_VERIFIER_EMPTY;
	if (verifier.length > USER_VERIFIER_MAX)
		return USER_VERIFIER_LONG;
	if (view_equal(verifier, VIEW("!")))
		return USER_OK;
	if (view_starts(verifier, VIEW(SCRAM_PREFIX))) {
		struct user_scram scram;
		return user_scram_parse(verifier, &scram) ? USER_OK : USER_VERIFIER_FORM;
	}
	for (size_t i = 0; i < sizeof imported / sizeof imported[0]; i++) {
		if (!view_starts(verifier, imported[i].prefix))
			continue;
		struct cursor c = cursor_of(verifier);
		(void)cursor_while(&c, is_crypt_octet);
		if (!cursor_done(&c) || verifier.length < imported[i].length_min)
			return USER_VERIFIER_FORM;
		return imported[i].is_cheap(view_from(verifier, imported[i].prefix.length))
			       ? USER_OK
			       : USER_VERIFIER_COST;
	}
	return USER_VERIFIER_KIND;
}

enum user_problem user_parse(struct view text, uint32_t line, struct config_user *user_out)
{
	*user_out = (struct config_user){.line = line};
	if (!view_split(text, ':', &user_out->name, &user_out->verifier))
		return USER_NO_COLON;
	user_out->name = view_trim(user_out->name);
	user_out->verifier = view_trim(user_out->verifier);
	const enum user_problem problem = user_name_check(user_out->name);
	return problem != USER_OK ? problem : user_verifier_check(user_out->verifier);
}
