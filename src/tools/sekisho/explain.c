#include "tools/sekisho/command.h"
int run_explain(const struct call *call)
{
	(void)call;
	return EXIT_INTERNAL;
}
