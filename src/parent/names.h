/*
 * Names of system users by number, for those who ask over local sockets. A look-up may read files, ask a
 * directory over the network, and hang: so a child that ends afterwards does it, as the user of
 * sekisho-config, with a few seconds' time. What it found is kept for a minute.
 */
#ifndef PARENT_NAMES_H
#define PARENT_NAMES_H

#include "base/loop.h"
#include "channels/caller.h"

struct names;
/* `uid` and `gid`: of the children; `drops`: they can be taken on. `known` is called when a look-up has come to
 * an end. */
struct names *names_new(struct loop *loop, uint32_t uid, uint32_t gid, bool drops,
	void (*known)(void *context), void *context);
void names_free(struct names **n);

enum names_found {
	NAMES_FOUND, /* in *name_out, valid until the next turn of the loop */
	NAMES_SOUGHT, /* `known` will be called; ask again then */
	NAMES_FAILED, /* the look-up did not come back: later perhaps */
};
enum names_found names_find(struct names *n, uint32_t uid, struct view *name_out);

#endif
