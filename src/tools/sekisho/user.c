#include "tools/sekisho/command.h"
int run_user(const struct call *call)
{
	(void)call;
	return EXIT_INTERNAL;
}
