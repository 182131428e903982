/* Fuzz target: the file aliases; what is read is in order and within its bounds. */
#include "config/aliases.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct config_aliases *all)
{
	for (uint32_t i = 0; i < all->count; i++) {
		const struct config_alias *alias = &all->aliases[i];
		must(alias->count > 0 && alias->first + alias->count <= all->destination_count);
		must(alias->local.length > 0 && alias->local.length <= ADDRESS_LOCAL_MAX);
		must(i == 0 || alias_compare(alias - 1, alias) < 0);
	}
	for (uint32_t i = 0; i < all->destination_count; i++) {
		const int first = view_at(all->destinations[i].text, 0);
		must(first != '|' && first != '/');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = arena_new(16 << 20);
	struct findings findings = findings_new(&a);
	struct config_aliases all;
	if (aliases_parse(view_of(data, size), VIEW("aliases"), &findings, &a, &all))
		look(&all);
	arena_reset(&a);
	return 0;
}
