#include "config/suffix.h"

#include <libpsl.h>

void suffix_warm(void)
{
	(void)suffix_is_public((struct domain){VIEW("example.org")});
}

bool suffix_is_public(struct domain d)
{
	char name[ADDRESS_DOMAIN_MAX + 1];
	const psl_ctx_t *list = psl_builtin();
	if (!list || !view_to_text(d.name, name, sizeof name))
		return true;
	return psl_is_public_suffix(list, name) != 0;
}
