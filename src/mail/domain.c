#include "mail/domain.h"

#include <idn2.h>

/* What the first pass over a name found out. */
struct labels {
	enum address_problem problem; /* by the grammar of RFC 5321 §4.1.2 Domain */
	bool has_a_label;
};

static enum address_problem label_check(struct view label)
{
	if (label.length == 0)
		return ADDRESS_DOMAIN_SYNTAX;
	for (size_t i = 0; i < label.length; i++)
		if (!octet_is_alnum(label.at[i]) && label.at[i] != '-')
			return ADDRESS_DOMAIN_SYNTAX;
	if (label.at[0] == '-' || label.at[label.length - 1] == '-')
		return ADDRESS_DOMAIN_SYNTAX;
	return label.length > DOMAIN_LABEL_MAX ? ADDRESS_DOMAIN_LONG : ADDRESS_OK;
}

/* Checks an ASCII name label by label. */
static struct labels labels_check(struct view name)
{
	struct labels found = {ADDRESS_OK, false};
	bool more = true;
	while (more && found.problem == ADDRESS_OK) {
		struct view label;
		more = view_split(name, '.', &label, &name);
		found.problem = label_check(label);
		found.has_a_label |= view_starts_nocase(label, VIEW("xn--"));
	}
	return found;
}

/* A lower-case copy of a name that labels_check let pass. */
static enum address_problem lower_copy(struct view name, struct arena *a, struct domain *domain_out)
{
	if (name.length > DOMAIN_NAME_MAX)
		return ADDRESS_DOMAIN_LONG;
	uint8_t *at = arena_get(a, name.length);
	if (!at)
		return ADDRESS_MEMORY;
	for (size_t i = 0; i < name.length; i++)
		at[i] = octet_lower(name.at[i]);
	domain_out->name = view_of(at, name.length);
	return ADDRESS_OK;
}

static enum address_problem problem_of_idn(int rc)
{
	switch (rc) {
	case IDN2_OK:
		return ADDRESS_OK;
	case IDN2_MALLOC:
		return ADDRESS_MEMORY;
	case IDN2_TOO_BIG_DOMAIN:
	case IDN2_TOO_BIG_LABEL:
	case IDN2_PUNYCODE_BIG_OUTPUT:
		return ADDRESS_DOMAIN_LONG;
	case IDN2_ENCODING_ERROR:
		return ADDRESS_NOT_UTF8;
	default:
		return ADDRESS_DOMAIN_SYNTAX;
	}
}

/* The A-label form by UTS #46. The library's own STD3 mode is not used: it does not refuse what the
 * STD3 rules forbid but drops it (libidn2 2.3.3 makes "ab.xn--…" of "a_b.例え"), which would send mail
 * to another domain. labels_check on the result refuses instead, as UTS #46 §4.1 asks. */
static enum address_problem idn_parse(struct view text, struct arena *a, struct domain *domain_out)
{
	char given[ADDRESS_DOMAIN_MAX + 1];
	if (!view_to_text(text, given, sizeof given))
		return ADDRESS_DOMAIN_SYNTAX;
	uint8_t *form = NULL;
	const int rc = idn2_lookup_u8((const uint8_t *)given, &form, IDN2_NONTRANSITIONAL);
	enum address_problem problem = problem_of_idn(rc);
	if (problem == ADDRESS_OK) {
		const struct view name = view_text((const char *)form);
		problem = labels_check(name).problem;
		if (problem == ADDRESS_OK)
			problem = lower_copy(name, a, domain_out);
	}
	idn2_free(form);
	return problem;
}

enum address_problem domain_parse(
	struct view text, bool utf8, struct arena *a, struct domain *domain_out)
{
	*domain_out = (struct domain){VIEW_NONE};
	if (view_is_empty(text))
		return ADDRESS_EMPTY;
	const bool ascii = view_is_ascii(text);
	if (!ascii && !utf8)
		return ADDRESS_NEEDS_UTF8;
	if (text.length > ADDRESS_DOMAIN_MAX)
		return ADDRESS_DOMAIN_LONG;
	if (!ascii)
		return view_is_utf8(text) ? idn_parse(text, a, domain_out) : ADDRESS_NOT_UTF8;
	const struct labels found = labels_check(text);
	if (found.problem != ADDRESS_OK)
		return found.problem;
	return found.has_a_label ? idn_parse(text, a, domain_out) : lower_copy(text, a, domain_out);
}

bool domain_equal(struct domain a, struct domain b)
{
	return view_equal(a.name, b.name);
}

bool domain_is_in(struct domain sub, struct domain of)
{
	if (view_is_empty(of.name) || !view_ends(sub.name, of.name))
		return false;
	const size_t before = sub.name.length - of.name.length;
	return before == 0 || view_at(sub.name, before - 1) == '.';
}

bool domain_is_full(struct domain d)
{
	return view_find(d.name, '.') != VIEW_NOT_FOUND;
}
