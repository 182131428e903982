/*
 * The gate's store on LMDB: one file, `gate.mdb`, in a directory of ours. A batch is one transaction
 * whose data is synced before the page that makes it valid is written, so the file is whole after
 * any kill and any power cut; a power cut may forget the last batch or two, since that page's own
 * sync is left to the next batch. Forgetting is the safe side for what the gate holds.
 *
 * No lock file: the process that opens it is the only one, which the parent sees to.
 */
#ifndef STORE_GATE_LMDB_H
#define STORE_GATE_LMDB_H

#include "store/gate_store.h"

#define GATE_LMDB_OCTETS_DEFAULT ((size_t)1 << 30) /* the largest that the file may become */

/* Opens or begins the file in the directory `path` (no slash at its end; "." for where we are). A file
 * that is damaged is set aside as `gate.mdb.damaged` and a new one begun; *damaged_out says so. */
must_use enum error gate_lmdb_open(
	const char *path, size_t octets_max, bool *damaged_out, struct gate_store **store_out);

#endif
