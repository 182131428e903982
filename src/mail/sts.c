#include "mail/sts.h"

#include "mail/domain.h"
#include "mail/hosts.h"

#define VERSION VIEW("v=STSv1")
#define PATTERN_MAX (2u + DOMAIN_NAME_MAX)

const char *sts_mode_name(enum sts_mode mode)
{
	switch (mode) {
	case STS_MODE_NONE:
		return "none";
	case STS_MODE_TESTING:
		return "testing";
	case STS_MODE_ENFORCE:
		return "enforce";
	}
	return "unknown";
}

/* --- the record --------------------------------------------------------------------------- */

bool sts_id_is_sound(struct view id)
{
	for (size_t i = 0; i < id.length; i++)
		if (!octet_is_alnum(id.at[i]))
			return false;
	return id.length > 0 && id.length <= STS_ID_MAX;
}

/* sts-ext-name, sts-ext-value */
static bool is_extension(struct view name, struct view value)
{
	if (name.length == 0 || name.length > 32 || !octet_is_alnum(name.at[0]))
		return false;
	for (size_t i = 1; i < name.length; i++)
		if (!octet_is_alnum(name.at[i]) &&
			view_find(VIEW("_-."), name.at[i]) == VIEW_NOT_FOUND)
			return false;
	return value.length > 0 && view_is_printable(value, false) &&
	       view_find(value, '=') == VIEW_NOT_FOUND;
}

/* What stands behind the version; empty when it is no record. */
static struct view read_fields(struct view rest)
{
	struct view id = VIEW_NONE;
	while (!view_is_empty(view_trim(rest))) {
		struct view field, name, value;
		view_split(rest, ';', &field, &rest);
		if (!view_split(view_trim(field), '=', &name, &value))
			return VIEW_NONE;
		if (!view_equal(name, VIEW("id"))) {
			if (!is_extension(name, value))
				return VIEW_NONE;
		} else if (!sts_id_is_sound(value)) {
			return VIEW_NONE;
		} else if (view_is_empty(id)) {
			id = value;
		}
	}
	return id;
}

struct view sts_record_id(const struct view *texts, size_t count)
{
	struct view rest = VIEW_NONE;
	size_t found = 0;
	for (size_t i = 0; i < count; i++) {
		struct view version, behind;
		if (!view_split(texts[i], ';', &version, &behind) ||
			!view_starts(version, VERSION) ||
			!view_is_empty(view_trim(view_from(version, VERSION.length))))
			continue;
		rest = behind;
		found++;
	}
	return found == 1 ? read_fields(rest) : VIEW_NONE;
}

/* --- the policy --------------------------------------------------------------------------- */

/* The octets of the packed form before the first pattern. */
#define PACKED_HEAD (1u + 4u + 4u)

struct reading {
	struct arena *arena;
	struct view mx[STS_MX_MAX];
	uint32_t mx_count;
	size_t packed; /* octets of the patterns, packed */
	bool has_version;
	bool has_mode;
	bool has_max_age;
	enum sts_mode mode;
	uint32_t max_age_s;
};

static const char *read_version(struct reading *r, struct view value)
{
	if (!r->has_version && !view_equal(value, VIEW("STSv1")))
		return "its version is not STSv1";
	r->has_version = true;
	return NULL;
}

static const char *read_mode(struct reading *r, struct view value)
{
	if (r->has_mode)
		return NULL;
	for (enum sts_mode mode = STS_MODE_NONE; mode < STS_MODES; mode++)
		if (view_equal(value, view_text(sts_mode_name(mode)))) {
			r->has_mode = true;
			r->mode = mode;
			return NULL;
		}
	return "its mode is none that there is";
}

static const char *read_max_age(struct reading *r, struct view value)
{
	uint64_t age_s;
	if (r->has_max_age)
		return NULL;
	if (value.length > 10 || !view_to_u64(value, UINT64_MAX, &age_s))
		return "its max_age is no number of seconds";
	r->has_max_age = true;
	r->max_age_s = age_s < STS_AGE_MAX_S ? (uint32_t)age_s : STS_AGE_MAX_S;
	return NULL;
}

static bool is_pattern(struct view pattern)
{
	return host_name_is_sound(
		view_starts(pattern, VIEW("*.")) ? view_from(pattern, 2) : pattern);
}

static const char *read_mx(struct reading *r, struct view value)
{
	if (value.length > PATTERN_MAX)
		return "one of its hosts has no name that can be";
	uint8_t *lower = arena_get(r->arena, value.length + 1);
	if (!lower)
		return "there is no memory for it";
	for (size_t i = 0; i < value.length; i++)
		lower[i] = octet_lower(value.at[i]);
	const struct view pattern = view_of(lower, value.length);
	if (!is_pattern(pattern))
		return "one of its hosts has no name that can be";
	r->packed += 4 + pattern.length;
	if (r->mx_count == STS_MX_MAX || PACKED_HEAD + r->packed > STS_PACKED_MAX)
		return "it names more hosts than can be kept";
	r->mx[r->mx_count++] = pattern;
	return NULL;
}

static const char *read_line(struct reading *r, struct view line)
{
	static const struct {
		struct view key;
		const char *(*read)(struct reading *r, struct view value);
	} keys[] = {{VIEW("version"), read_version}, {VIEW("mode"), read_mode},
		{VIEW("max_age"), read_max_age}, {VIEW("mx"), read_mx}};
	struct view key, value;
	if (view_is_empty(view_trim(line)))
		return NULL;
	if (!view_split(line, ':', &key, &value))
		return "one of its lines is no field";
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (view_equal(view_trim(key), keys[i].key))
			return keys[i].read(r, view_trim(value));
	return NULL;
}

static const char *what_lacks(const struct reading *r)
{
	if (!r->has_version)
		return "it has no version";
	if (!r->has_mode)
		return "it has no mode";
	if (!r->has_max_age)
		return "it has no max_age";
	return r->mx_count == 0 && r->mode != STS_MODE_NONE ? "it names no host" : NULL;
}

const char *sts_policy_parse(struct view text, struct arena *a, struct sts_policy *policy)
{
	struct reading r = {.arena = a};
	*policy = (struct sts_policy){.mode = STS_MODE_NONE};
	if (text.length > STS_POLICY_OCTETS_MAX)
		return "it is longer than one may be";
	while (!view_is_empty(text)) {
		struct view line;
		view_split(text, '\n', &line, &text);
		if (view_ends(line, VIEW("\r")))
			line = view_first(line, line.length - 1);
		const char *wrong = read_line(&r, line);
		if (wrong)
			return wrong;
	}
	const char *lacks = what_lacks(&r);
	struct view *mx = arena_get_array(a, r.mx_count, sizeof *mx);
	if (lacks || !mx)
		return lacks ? lacks : "there is no memory for it";
	for (uint32_t i = 0; i < r.mx_count; i++)
		mx[i] = r.mx[i];
	*policy = (struct sts_policy){r.mode, r.max_age_s, mx, r.mx_count};
	return NULL;
}

/* --- what it means ------------------------------------------------------------------------ */

static bool pattern_names(struct view pattern, struct view host)
{
	struct view label, rest;
	if (!view_starts(pattern, VIEW("*.")))
		return view_equal(pattern, host);
	return view_split(host, '.', &label, &rest) && !view_is_empty(label) &&
	       view_equal(rest, view_from(pattern, 2));
}

bool sts_policy_names(const struct sts_policy *policy, struct view host)
{
	for (uint32_t i = 0; i < policy->mx_count; i++)
		if (pattern_names(policy->mx[i], host))
			return true;
	return false;
}

/* --- packing ------------------------------------------------------------------------------ */

void sts_policy_add(struct buffer *b, const struct sts_policy *policy)
{
	must(policy->mx_count <= STS_MX_MAX && policy->max_age_s <= STS_AGE_MAX_S);
	buffer_add_octet(b, (uint8_t)policy->mode);
	buffer_add_u32(b, policy->max_age_s);
	buffer_add_u32(b, policy->mx_count);
	for (uint32_t i = 0; i < policy->mx_count; i++) {
		buffer_add_u32(b, (uint32_t)policy->mx[i].length);
		buffer_add(b, policy->mx[i]);
	}
}

static bool read_patterns(struct cursor *c, struct view *mx, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		mx[i] = cursor_take(c, cursor_u32(c));
		if (cursor_failed(c) || !is_pattern(mx[i]))
			return false;
	}
	return cursor_done(c);
}

bool sts_policy_read(struct view packed, struct arena *a, struct sts_policy *policy)
{
	struct cursor c = cursor_of(packed);
	const uint8_t mode = cursor_u8(&c);
	const uint32_t max_age_s = cursor_u32(&c);
	const uint32_t count = cursor_u32(&c);
	*policy = (struct sts_policy){.mode = STS_MODE_NONE};
	if (cursor_failed(&c) || packed.length > STS_PACKED_MAX || mode >= STS_MODES ||
		max_age_s > STS_AGE_MAX_S || count > STS_MX_MAX ||
		(count == 0 && mode != STS_MODE_NONE))
		return false;
	struct view *mx = arena_get_array(a, count, sizeof *mx);
	if (!mx || !read_patterns(&c, mx, count))
		return false;
	*policy = (struct sts_policy){(enum sts_mode)mode, max_age_s, mx, count};
	return true;
}

bool sts_policy_copy(const struct sts_policy *policy, struct arena *a, struct sts_policy *copy)
{
	struct buffer b = buffer_new(STS_PACKED_MAX);
	struct view kept;
	sts_policy_add(&b, policy);
	const bool fits = !buffer_failed(&b) && arena_copy(a, buffer_view(&b), &kept) &&
			  sts_policy_read(kept, a, copy);
	buffer_free(&b);
	return fits;
}
