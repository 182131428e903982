/*
 * The live store in a directory of popKey (popkey/directory.h, N-22), for open addresses alone: programs and
 * scripts beside this server write into it at the same time as we do, and each sees what the others did.
 *
 * The gate keeps a picture of the directory in memory: rows "open:ADDR USER/NAME", NAME being the file's. The kernel tells of
 * each change, in their order (inotify(7)), and before an answer all that was told is taken in, so an answer is
 * as exact as a look into the directory and costs the same however many files there are. When the kernel has lost
 * count the directory is read anew. When the directory itself is gone, nothing is open until the server starts again.
 *
 * Time is the wall clock's here: it is by which others write their files. What we write has the file's clocks, so a
 * lifetime is cut to that of the setting popkey: one for ADDR, another for ADDR+ID.
 */
#ifndef KEEPERS_GATE_FILES_H
#define KEEPERS_GATE_FILES_H

#include "keepers/gate/gated.h"
#include "popkey/directory.h"

/* Begins to watch `directory`, before the system-call filter is laid; where we are stays so. -1 and errno. */
must_use int files_watch(int directory);

/* Takes over both descriptors; `notices` is what files_watch gave. */
struct gate_live *files_new(struct gated *g, struct loop *loop, int directory, int notices,
	const struct popkey_rules *rules);
/* After a reload. */
void files_configure(struct gate_live *live, const struct popkey_rules *rules);

#endif
