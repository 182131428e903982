#include "config/system.h"

#include "base/files.h"

#include <fcntl.h>
#include <netdb.h>
#include <unistd.h>

#define FILE_MAX (64u << 10)

/* The machine's own full name: what it calls itself, or what its resolver makes of that. */
static struct view system_name(void)
{
	static char name[256];
	const struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	if (gethostname(name, sizeof name - 1) != 0)
		return VIEW_NONE;
	if (view_find(view_text(name), '.') != VIEW_NOT_FOUND)
		return view_text(name);
	if (getaddrinfo(name, NULL, &hints, &found) != 0)
		return VIEW_NONE;
	if (!found->ai_canonname ||
		!view_to_text(view_text(found->ai_canonname), name, sizeof name))
		name[0] = 0;
	freeaddrinfo(found);
	return view_text(name);
}

/* What is missing, or longer than any such file is, says nothing. */
static struct view read_whole(const char *path, struct buffer *to)
{
	*to = buffer_new(FILE_MAX);
	return file_read(AT_FDCWD, path, to) == ERROR_NONE ? buffer_view(to) : VIEW_NONE;
}

void system_facts(struct config_facts *facts)
{
	static struct buffer resolv_conf;
	static struct buffer root_anchors;
	if (view_is_empty(facts->argument))
		facts->system_name = system_name();
	facts->resolv_conf = read_whole("/etc/resolv.conf", &resolv_conf);
	facts->root_anchors = read_whole("/usr/share/dns/root.key", &root_anchors);
}
