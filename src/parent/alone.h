/*
 * One server a state directory. The parent locks the file `lock` there, which names it while it runs;
 * the directories of spool, gate and mailboxes are locked through the descriptors that the programs
 * share, so those locks stand until the last program of a parent that was killed has ended, too.
 */
#ifndef PARENT_ALONE_H
#define PARENT_ALONE_H

#include "base/bytes.h"

#define ALONE_FILE "lock"

/* Locks the state directory; the descriptor is kept until the process ends. False after having logged
 * who has it. *after_crash_out: the server before did not come to its own end. */
must_use bool alone_lock(int state_directory, bool *after_crash_out);
/* Locks a program's directory, waiting a while for programs that are about to end. False after having
 * logged it. */
must_use bool alone_lock_directory(int directory);
/* The server has come to its end: its number leaves the file. */
void alone_end(void);

#endif
