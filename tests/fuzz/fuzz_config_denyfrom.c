/* Fuzz target: the lines of denyfrom; each name and network that was read must find itself
 * again. */
#include "config/denyfrom.h"
#include "config/lines.h"

#define ENTRIES_MAX 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct denyfrom *d, const struct denyfrom_entry *e)
{
	const struct address sender = {.local_plain = e->local,
		.local_part = e->local,
		.domain = e->domain,
		.domain_given = e->domain.name};
	switch (e->kind) {
	case DENYFROM_DOMAIN:
		must(denyfrom_match_host(d, e->domain));
		return;
	case DENYFROM_NETWORK:
		must(denyfrom_match_ip(d, &e->network.ip));
		return;
	case DENYFROM_SENDER:
	case DENYFROM_SENDER_DOMAIN:
		must(denyfrom_match_sender(d, &sender));
		return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = arena_new(4 << 20);
	struct lines lines = lines_of(view_of(data, size));
	struct line line;
	struct denyfrom_entry entries[ENTRIES_MAX];
	struct denyfrom d;
	uint32_t count = 0;
	while (count < ENTRIES_MAX && lines_next(&lines, &line))
		if (line.problem == LINES_OK &&
			denyfrom_parse(line.text, line.number, &a, &entries[count]))
			count++;
	denyfrom_sort(entries, count);
	must(denyfrom_build(entries, count, &d));
	for (uint32_t i = 0; i < count; i++)
		ask(&d, &entries[i]);
	arena_reset(&a);
	return 0;
}
