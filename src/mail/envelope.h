/*
 * The envelope as it lies in the spool and travels from smtpd over spool to deliver (and later to
 * relay and report): what MAIL and RCPT said, where the mail came from, and its recipients after
 * alias expansion, each mailbox once. Pure: encode and decode; the decoder trusts nothing.
 *
 * The binary form, little endian, octets as u32 length and octets: u16 version (1), u16 flags, octets
 * reverse-path (empty: null), octets ENVID, octets session facts for the log, u32 number of
 * recipients, then per recipient: u16 kind, u16 notify, octets target, octets forward-path as it was
 * given, octets ORCPT. Version 2, for a mail with recipients who are forwarded, has the rewritten
 * reverse-path behind the reverse-path, and the alias behind each ORCPT. A packed recipient for deliver is u32 index, octets target, octets
 * forward-path; a departure, for relay, u32 index, u16 notify, octets forward-path, octets ORCPT.
 */
#ifndef MAIL_ENVELOPE_H
#define MAIL_ENVELOPE_H

#include "base/arena.h"

#define ENVELOPE_RECIPIENTS_MAX 10000
#define ENVELOPE_MAILBOX_MAX 64 /* octets of a mailbox name */
#define ENVELOPE_DESTINATION_MAX 253 /* octets of a domain elsewhere */
#define ENVELOPE_PATH_MAX 1024 /* octets of a path as given */
#define ENVELOPE_RECIPIENT_FIXED 20 /* octets of one in the binary form, besides its four texts */
#define ENVELOPE_HEAD_MAX 4096 /* octets of the binary form before the first recipient */

enum envelope_flags {
	ENVELOPE_8BITMIME = 1,
	ENVELOPE_SMTPUTF8 = 2,
	ENVELOPE_RET_FULL = 4,
	ENVELOPE_RET_HDRS = 8,
	ENVELOPE_NO_REPORT =
		16, /* it told the postmaster, for want of a sender: nobody is left to tell */
	ENVELOPE_REQUIRETLS =
		32, /* RFC 8689 §2: over verified TLS to hosts that promise the same */
	ENVELOPE_TLS_NOT_REQUIRED =
		64, /* RFC 8689 §3: what the next host asks of TLS is passed over; not beside REQUIRETLS */
};

/* NOTIFY of RFC 3461 §4.1; 0: the client said nothing. NEVER stands alone. */
enum envelope_notify {
	ENVELOPE_NOTIFY_NEVER = 1,
	ENVELOPE_NOTIFY_SUCCESS = 2,
	ENVELOPE_NOTIFY_FAILURE = 4,
	ENVELOPE_NOTIFY_DELAY = 8,
};

enum envelope_kind {
	ENVELOPE_LOCAL = 1, /* target is a mailbox of ours */
	ENVELOPE_REMOTE =
		2, /* target is where to send it: a domain (A-labels, lower case) or "[address]" */
};

struct envelope_recipient {
	enum envelope_kind kind;
	uint16_t notify; /* enum envelope_notify, or-ed; 0: not said */
	struct view target;
	struct view forward_path; /* "local@domain" */
	struct view orcpt;
	struct view
		alias; /* forwarded: what the client named, while forward_path is where that leads,
			    * on another host; else empty */
};

struct envelope {
	uint16_t flags;
	struct view reverse_path; /* "local@domain", empty for the null path */
	struct view
		rewritten; /* the reverse-path under which it is forwarded (mail/srs.h); empty: the
				* same */
	struct view envid;
	struct view source; /* ` session=… client=… class=…`: for log lines and DSNs, printable */
	uint32_t recipient_count;
	struct envelope_recipient *recipients; /* in the decoder's arena, or the caller's */
};

/* Appends the binary form. Counts and lengths beyond the limits above are a broken invariant. */
void envelope_add(struct buffer *b, const struct envelope *e);
/* Decodes all of `form`; views point into it. False when it does not hold together or the arena is
 * at its cap. */
must_use bool envelope_read(struct view form, struct arena *a, struct envelope *envelope_out);

/* The reverse-path with which that recipient's mail leaves. */
struct view envelope_reverse_path(const struct envelope *e, const struct envelope_recipient *r);

/* What deliver is told of one recipient. */
struct envelope_delivery {
	uint32_t index; /* in the envelope */
	struct view mailbox;
	struct view forward_path;
};
void envelope_delivery_add(struct buffer *b, const struct envelope_delivery *d);
/* The next one; false at the end, or with the cursor failed. */
must_use bool envelope_delivery_next(struct cursor *c, struct envelope_delivery *d_out);

/* What relay is told of one recipient. */
struct envelope_departure {
	uint32_t index; /* in the envelope */
	uint16_t notify;
	struct view forward_path;
	struct view orcpt;
};
#define ENVELOPE_DEPARTURE_MAX 4096 /* octets of one, packed */
void envelope_departure_add(struct buffer *b, const struct envelope_departure *d);
/* The next one; false at the end, or with the cursor failed. */
must_use bool envelope_departure_next(struct cursor *c, struct envelope_departure *d_out);

#endif
