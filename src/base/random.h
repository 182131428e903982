/*
 * Random octets from the kernel, for keys, salts, ids, nonces and jitter: one source, so that nobody
 * has to ask whether a number may be guessed. Cores take randomness as an argument (STYLE §6); only
 * shells call these. No descriptor and no file is needed, so it works inside every sandbox.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills `length` octets. It cannot fail: a kernel without randomness ends the process. */
void random_octets(void *at, size_t length);
uint64_t random_u64(void);
/* Evenly from 0 … n - 1; `n` must not be 0. */
uint64_t random_below(uint64_t n);

#endif
