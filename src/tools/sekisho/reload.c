#include "tools/sekisho/command.h"
int run_reload(const struct call *call)
{
	(void)call;
	return EXIT_INTERNAL;
}
