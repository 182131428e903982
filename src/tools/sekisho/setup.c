#include "tools/sekisho/command.h"
int run_setup(const struct call *call)
{
	(void)call;
	return EXIT_INTERNAL;
}
