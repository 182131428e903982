/*
 * What the encoder and the decoder of snapshots must agree on; nobody else includes it. The form is
 * told in config/snapshot.h.
 */
#ifndef CONFIG_SNAPSHOT_FORMAT_H
#define CONFIG_SNAPSHOT_FORMAT_H

#include "base/bytes.h"

#define SNAPSHOT_MAGIC 0x46434b53u /* "SKCF" */
#define SNAPSHOT_HEAD 24 /* octets before what the checksum covers */
#define SNAPSHOT_CHECKSUM_AT 16

/* FNV-1a: against accidents; the decoder does not trust what passes it. */
static inline uint64_t snapshot_checksum(struct view v)
{
	uint64_t sum = 0xcbf29ce484222325u;
	for (size_t i = 0; i < v.length; i++)
		sum = (sum ^ v.at[i]) * 0x100000001b3u;
	return sum;
}

#endif
