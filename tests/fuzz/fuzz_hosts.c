#include "mail/hosts.h"

/* Whatever a broken resolve hands over: refused, or read and written the same, within all bounds. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = arena_new(1u << 20);
	struct hosts h;
	if (hosts_read(view_of(data, size), &a, &h)) {
		struct buffer b = buffer_new(HOSTS_PACKED_MAX);
		hosts_add(&b, &h);
		must(view_equal(buffer_view(&b), view_of(data, size)));
		for (uint32_t i = 0; i < h.count; i++) {
			const struct host *host = &h.hosts[i];
			must(host->address_count > 0 && host->address_count <= HOST_ADDRESSES_MAX);
			must((host->tlsa_count > 0) == (host->tlsa == HOST_TLSA_USABLE));
			for (uint32_t k = 0; k < host->tlsa_count; k++)
				must(tlsa_is_usable(&host->tlsas[k]));
		}
		buffer_free(&b);
	}
	arena_reset(&a);
	return 0;
}
