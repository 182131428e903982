#include "tools/sekisho/command.h"
int run_trace(const struct call *call)
{
	(void)call;
	return EXIT_INTERNAL;
}
