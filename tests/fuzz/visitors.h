/*
 * Clients of a face that a target has in its process, and the small site that it serves. An act of the
 * play (peers.h) is a client's: it comes, says a line of `lines` or octets of the input, or goes.
 */
#ifndef TESTS_FUZZ_VISITORS_H
#define TESTS_FUZZ_VISITORS_H

#include "base/bytes.h"
#include "config/snapshot.h"
#include "faces/shared/listener.h"

#define VISITORS 3

struct visitors {
	int fds[VISITORS]; /* the clients' ends; 0: none */
	const struct view *lines;
	size_t line_count;
	void (*begin)(void *face, const struct arrival *arrival);
	void (*sweep)(void *face); /* about once a second */
	void *face;
};

void visitors_act(struct visitors *v, struct cursor *in);
void visitors_leave(struct visitors *v);
/* example.test with hana and taro; one reference. */
struct snapshot *visitors_site(void);

#endif
