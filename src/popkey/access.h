/*
 * Who is open, as other servers read it: rows of a file for each address, in order. And whose mail may go by: the addresses of
 * the user who has opened it. Pure.
 */
#ifndef POPKEY_ACCESS_H
#define POPKEY_ACCESS_H

#include "popkey/format.h"

enum access_format {
	ACCESS_POSTFIX, /* access(5): "192.0.2.1 OK" */
	ACCESS_CIDR, /* cidr_table(5): "2001:db8::/64 OK" */
	ACCESS_SENDMAIL, /* "Connect:192.0.2.1 RELAY", "Connect:IPv6:2001:db8::1 RELAY" */
	ACCESS_HOSTS, /* Exim's host list: "192.0.2.1", "2001:db8::/64" */
};

struct access_rows {
	struct ip *list; /* neighbours; each once after access_sort */
	size_t count;
	size_t room;
};
#define ACCESS_ROWS_MAX 1000000u

/* False at the bound. */
must_use bool access_add(struct access_rows *r, const struct ip *neighbour);
void access_sort(struct access_rows *r);
void access_free(struct access_rows *r);
/* `prefix`: how much of an IPv6 address a row has. `value`: what stands behind it, where the format has one. */
void access_write(struct buffer *b, const struct access_rows *r, enum access_format format,
	uint8_t prefix, struct view value);

/* Whether a user may send as `sender`: his name is that address; or its local-part, and its domain is one of `domains`
 * (words); or a line of `senders` says "user: address address". Letters compare without case. */
must_use bool access_is_own(
	struct view user, struct view sender, struct view domains, struct view senders);

#endif
