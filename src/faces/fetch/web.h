/*
 * Files over HTTPS, by libcurl on the program's own loop: GET, one host and path, no redirects, a
 * certificate that a known authority vouches for (RFC 8461 §3.3), TLS 1.2 or 1.3, bounded in octets, in
 * time, in how many are under way, and in how many begin within a second. Addresses are the asker's to
 * find: no name is looked up here, so libcurl starts no thread and opens no file. Nobody else sees libcurl.
 */
#ifndef FACES_FETCH_WEB_H
#define FACES_FETCH_WEB_H

#include "base/loop.h"
#include "mail/hosts.h"

#define WEB_OCTETS_MAX (64u << 10) /* of a file */
#define WEB_FILE_MS 60000u /* monotonic: for all of one */
#define WEB_AT_ONCE 16u
#define WEB_A_SECOND 16u /* begun */

struct web_answer {
	const char *why; /* null: it is there. Printable; lives until `done` returns */
	struct view octets;
};

struct web_get {
	/* Once; never from inside web_start. */
	void (*done)(struct web_get *get, const struct web_answer *answer);
	void *context;
	struct web_job *job; /* null: not under way */
};

struct web;
/* Before the sandbox: `authorities`, PEM, are those who vouch for certificates; may be empty. */
struct web *web_new(struct loop *loop, struct view authorities);
/* Nothing is under way. */
void web_free(struct web **web);

/* `path` begins with a slash. At least one address. `get` is kept until done or forgotten. */
void web_start(struct web *web, struct web_get *get, struct view host, const char *path,
	const struct ip *addresses, uint32_t count);
/* Nothing happens when it is not under way. */
void web_forget(struct web *web, struct web_get *get);
/* Those under way and those that wait. */
uint32_t web_count(const struct web *web);

#endif
