/*
 * CRC-32C (Castagnoli; RFC 3720 §12.1 and appendix B.4), by the processor's instruction where there
 * is one, else by table. It finds torn and rotten records; it is no defence against forgery.
 *
 *	uint32_t sum = crc32c(0, first);
 *	sum = crc32c(sum, second);	the same as over both together
 */
#ifndef STORE_CRC32C_H
#define STORE_CRC32C_H

#include "base/bytes.h"

/* Continues `sum` (0 at the start) over `v`. */
uint32_t crc32c(uint32_t sum, struct view v);
/* The same by table, so that a test can compare both ways. */
uint32_t crc32c_portable(uint32_t sum, struct view v);

#endif
