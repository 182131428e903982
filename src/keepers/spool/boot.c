#include "keepers/spool/spoold.h"

#include "base/random.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static bool parse(struct view text, uint8_t boot_id[SPOOL_BOOT_OCTETS])
{
	struct buffer hex = buffer_new(2 * SPOOL_BOOT_OCTETS);
	struct buffer raw = buffer_new(SPOOL_BOOT_OCTETS);
	for (size_t i = 0; i < text.length; i++)
		if (text.at[i] != '-' && text.at[i] != '\n')
			buffer_add_octet(&hex, text.at[i]);
	const bool ok = !buffer_failed(&hex) && buffer_add_unhex(&raw, buffer_view(&hex)) &&
			raw.length == SPOOL_BOOT_OCTETS;
	if (ok)
		must(view_copy(buffer_view(&raw), boot_id, SPOOL_BOOT_OCTETS));
	buffer_free(&hex);
	buffer_free(&raw);
	return ok;
}

void boot_read(uint8_t boot_id[SPOOL_BOOT_OCTETS])
{
	const char *given = getenv("SEKISHO_BOOT_ID");
	if (given && parse(view_text(given), boot_id))
		return;
	uint8_t text[64];
	const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
	if (fd >= 0)
		close(fd);
	if (n <= 0 || !parse(view_of(text, (size_t)n), boot_id))
		random_octets(boot_id, SPOOL_BOOT_OCTETS);
}
