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

#endif
