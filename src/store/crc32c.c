#include "store/crc32c.h"

#define POLYNOMIAL 0x82f63b78u /* reflected */

static uint32_t table[256];

/* Before main, so that no thread ever sees it half made. */
__attribute__((constructor)) static void table_make(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t rest = i;
		for (int bit = 0; bit < 8; bit++)
			rest = rest & 1 ? rest >> 1 ^ POLYNOMIAL : rest >> 1;
		table[i] = rest;
	}
}

uint32_t crc32c_portable(uint32_t sum, struct view v)
{
	sum = ~sum;
	for (size_t i = 0; i < v.length; i++)
		sum = table[(sum ^ v.at[i]) & 0xff] ^ sum >> 8;
	return ~sum;
}

#if defined(__x86_64__)
/* Eight octets at any address; the attributes make the load legal. */
struct word {
	uint64_t value;
} __attribute__((packed, may_alias));

__attribute__((target("sse4.2"))) static uint32_t sum_by_instruction(uint32_t sum, struct view v)
{
	uint64_t wide = (uint32_t)~sum;
	size_t i = 0;
	for (; i + 8 <= v.length; i += 8)
		wide = __builtin_ia32_crc32di(wide, ((const struct word *)(v.at + i))->value);
	uint32_t narrow = (uint32_t)wide;
	for (; i < v.length; i++)
		narrow = __builtin_ia32_crc32qi(narrow, v.at[i]);
	return ~narrow;
}

uint32_t crc32c(uint32_t sum, struct view v)
{
	if (__builtin_cpu_supports("sse4.2"))
		return sum_by_instruction(sum, v);
	return crc32c_portable(sum, v);
}
#else
uint32_t crc32c(uint32_t sum, struct view v)
{
	return crc32c_portable(sum, v);
}
#endif
