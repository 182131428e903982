#include "site.h"

static void release(void *context, struct view blob)
{
	(void)blob;
	buffer_free(context);
}

struct snapshot *site_of(const struct config_files *files)
{
	static struct buffer blob;
	const struct config_facts facts = {VIEW("mail.example.test"), VIEW_NONE};
	struct arena a = arena_new(1u << 20);
	struct findings findings = findings_new(&a);
	struct config config;
	must(config_read(files, &facts, &a, &findings, &config));
	blob = buffer_new(1u << 20);
	snapshot_encode(&config, SNAPSHOT_ALL, 1, &blob);
	must(!buffer_failed(&blob));
	struct snapshot *s = snapshot_decode(buffer_view(&blob), release, &blob);
	must(s != NULL);
	arena_reset(&a);
	return s;
}
