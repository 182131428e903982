#include "tools/sekisho/command.h"
int run_status(const struct call *call)
{
	(void)call;
	return EXIT_INTERNAL;
}
