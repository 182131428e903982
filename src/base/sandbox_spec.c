#include "base/sandbox.h"

struct sandbox_spec sandbox_spec_new(void)
{
	return (struct sandbox_spec){.root_descriptor = -1,
		.limits = {SANDBOX_NO_LIMIT, SANDBOX_NO_LIMIT, SANDBOX_NO_LIMIT}};
}

bool sandbox_spec_keep(struct sandbox_spec *spec, int descriptor)
{
	if (descriptor < 0)
		return true;
	if (spec->keep_count == SANDBOX_KEEP_MAX)
		return false;
	spec->keep[spec->keep_count++] = descriptor;
	return true;
}

bool sandbox_spec_rule(
	struct sandbox_spec *spec, int descriptor, const char *path, enum sandbox_access access)
{
	if (spec->rule_count == SANDBOX_RULES_MAX || (descriptor < 0 && !path))
		return false;
	struct sandbox_rule *rule = &spec->rules[spec->rule_count];
	*rule = (struct sandbox_rule){.descriptor = descriptor, .access = access};
	if (path && !view_to_text(view_text(path), rule->path, sizeof rule->path))
		return false;
	spec->rule_count++;
	return true;
}

static void add_path(struct buffer *b, const char *path)
{
	const struct view v = view_text(path);
	buffer_add_u16(b, (uint16_t)v.length);
	buffer_add(b, v);
}

void sandbox_spec_add(struct buffer *b, const struct sandbox_spec *spec)
{
	buffer_add_u32(b, spec->uid);
	buffer_add_u32(b, spec->gid);
	buffer_add_u32(b, spec->group_count);
	for (uint32_t i = 0; i < spec->group_count; i++)
		buffer_add_u32(b, spec->groups[i]);
	buffer_add_u32(b, (uint32_t)spec->root);
	buffer_add_u32(b, (uint32_t)spec->root_descriptor);
	add_path(b, spec->root_path);
	buffer_add_u32(b, spec->calls);
	buffer_add_u32(b, spec->rule_count);
	for (uint32_t i = 0; i < spec->rule_count; i++) {
		buffer_add_u32(b, (uint32_t)spec->rules[i].descriptor);
		buffer_add_u32(b, (uint32_t)spec->rules[i].access);
		add_path(b, spec->rules[i].path);
	}
	buffer_add_u32(b, spec->keep_count);
	for (uint32_t i = 0; i < spec->keep_count; i++)
		buffer_add_u32(b, (uint32_t)spec->keep[i]);
	buffer_add_u64(b, spec->limits.open_files);
	buffer_add_u64(b, spec->limits.address_space_octets);
	buffer_add_u64(b, spec->limits.file_size_octets);
}

static uint32_t read_at_most(struct cursor *c, uint32_t max)
{
	const uint32_t n = cursor_u32(c);
	if (n <= max)
		return n;
	cursor_fail(c);
	return 0;
}

static int read_descriptor(struct cursor *c)
{
	const uint32_t n = cursor_u32(c);
	if (n > INT32_MAX && n != UINT32_MAX)
		cursor_fail(c);
	return (int)n;
}

static void read_path(struct cursor *c, char *path)
{
	if (!view_to_text(cursor_take(c, cursor_u16(c)), path, SANDBOX_PATH_MAX))
		cursor_fail(c);
}

bool sandbox_spec_read(struct cursor *c, struct sandbox_spec *spec_out)
{
	struct sandbox_spec *s = spec_out;
	*s = sandbox_spec_new();
	s->uid = cursor_u32(c);
	s->gid = cursor_u32(c);
	s->group_count = read_at_most(c, SANDBOX_GROUPS_MAX);
	for (uint32_t i = 0; i < s->group_count; i++)
		s->groups[i] = cursor_u32(c);
	s->root = (enum sandbox_root)read_at_most(c, SANDBOX_ROOT_DIRECTORY);
	s->root_descriptor = read_descriptor(c);
	read_path(c, s->root_path);
	s->calls = read_at_most(c, SANDBOX_CALLS_ALL);
	s->rule_count = read_at_most(c, SANDBOX_RULES_MAX);
	for (uint32_t i = 0; i < s->rule_count; i++) {
		s->rules[i].descriptor = read_descriptor(c);
		s->rules[i].access = (enum sandbox_access)read_at_most(c, SANDBOX_READ_WRITE);
		read_path(c, s->rules[i].path);
	}
	s->keep_count = read_at_most(c, SANDBOX_KEEP_MAX);
	for (uint32_t i = 0; i < s->keep_count; i++)
		s->keep[i] = read_descriptor(c);
	s->limits.open_files = cursor_u64(c);
	s->limits.address_space_octets = cursor_u64(c);
	s->limits.file_size_octets = cursor_u64(c);
	return !cursor_failed(c);
}
