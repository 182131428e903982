/*
 * The two halves of the sandbox that know a kernel interface of their own; only sandbox.c calls
 * them. sandbox_landlock.c speaks Landlock by its system calls, sandbox_filter.c wraps libseccomp.
 */
#ifndef BASE_SANDBOX_PARTS_H
#define BASE_SANDBOX_PARTS_H

#include "base/sandbox.h"

/* The ABI of the running kernel; 0 when it has none or does not use it. */
unsigned landlock_abi(void);
/* Marks in `missing` what an ABI lacks; `writes` when a rule gives write access. */
void landlock_survey(unsigned abi, bool writes, struct sandbox_report *report);
/* Restricts this thread and those it starts to what lies beneath `directories` (one descriptor a
 * rule of the spec). Needs no_new_privs. */
must_use enum error landlock_restrict(
	const struct sandbox_spec *spec, const int *directories, struct sandbox_report *report);

/* Lays the filter for `calls` (bits of enum sandbox_calls) over all threads. */
must_use enum error filter_load(uint32_t calls, struct sandbox_report *report);

#endif
