/*
 * SipHash-2-4 (Aumasson, Bernstein 2012), for tables whose keys strangers choose: without the seed
 * nobody can make keys that fall into one chain. Not for signatures. Pure.
 */
#ifndef STORE_GATE_HASH_H
#define STORE_GATE_HASH_H

#include "base/bytes.h"

struct gate_seed {
	uint64_t low;
	uint64_t high;
};

uint64_t gate_hash(struct gate_seed seed, struct view v);

#endif
