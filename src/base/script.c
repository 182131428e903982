#include "base/script.h"

#include <sys/epoll.h>
#include <unistd.h>

static struct script *in_force;

void script_begin(struct script *script)
{
	must(in_force == NULL);
	script->ready = epoll_create1(EPOLL_CLOEXEC);
	must(script->ready >= 0);
	in_force = script;
}

void script_end(void)
{
	if (in_force)
		close(in_force->ready);
	in_force = NULL;
}

struct script *script_in_force(void)
{
	return in_force;
}

uint64_t script_draw(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ULL;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}
