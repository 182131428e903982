#include "tools/sekisho/command.h"
int run_queue(const struct call *call)
{
	(void)call;
	return EXIT_INTERNAL;
}
