#include "channels/caller.h"

#include "base/text.h"

static bool is_name(struct view name)
{
	if (name.length > CALLER_NAME_MAX ||
		!(octet_is_alnum(view_at(name, 0)) || view_at(name, 0) == '_'))
		return false;
	for (size_t i = 0; i < name.length; i++)
		if (!octet_is_alnum(name.at[i]) &&
			view_find(VIEW(".-_"), name.at[i]) == VIEW_NOT_FOUND)
			return false;
	return name.at[name.length - 1] != '.' && view_search(name, VIEW("..")) == VIEW_NOT_FOUND;
}

void caller_name_add(struct buffer *b, uint32_t uid, struct view name)
{
	if (!is_name(name)) {
		text_add(b, "uid-{}", text_number(uid));
		return;
	}
	for (size_t i = 0; i < name.length; i++)
		buffer_add_octet(b, octet_lower(name.at[i]));
}
