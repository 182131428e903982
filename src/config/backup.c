#include "config/backup.h"

static bool is_blank(int octet)
{
	return octet == ' ' || octet == '\t';
}

bool backup_parse(struct view text, uint32_t line, struct arena *a, struct backup *backup)
{
	size_t end = 0;
	*backup = (struct backup){.line = line};
	text = view_trim(text);
	while (end < text.length && !is_blank(text.at[end]))
		end++;
	return domain_parse(view_first(text, end), true, a, &backup->domain) == ADDRESS_OK &&
	       domain_is_full(backup->domain) &&
	       smarthost_parse(view_from(text, end), a, &backup->next) &&
	       view_is_empty(backup->next.user);
}
