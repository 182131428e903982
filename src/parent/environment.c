#include "parent/environment.h"

#include "base/bytes.h"

#include <unistd.h>

#define KEPT_MAX 32

static bool is_kept(struct view variable)
{
	static const struct view beginnings[] = {VIEW("SEKISHO_"), VIEW("LD_"),
		VIEW("ASAN_OPTIONS="), VIEW("UBSAN_OPTIONS="), VIEW("GCOV_"),
		VIEW("LLVM_PROFILE_FILE=")};
	for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
		if (view_equal(view_first(variable, beginnings[i].length), beginnings[i]))
			return true;
	return false;
}

char **environment_of_programs(void)
{
	static char *kept[KEPT_MAX + 1];
	size_t count = 0;
	for (char **at = environ; *at && count < KEPT_MAX; at++)
		if (is_kept(view_text(*at)))
			kept[count++] = *at;
	kept[count] = NULL;
	return kept;
}
