/*
 * Sender Rewriting Scheme: the reverse-path under which mail from elsewhere is forwarded to elsewhere. The
 * next host looks up by SPF (RFC 7208) whether we may send for the domain of the reverse-path, so that has to
 * be ours; and a report that comes back to it must find its way to the sender. No RFC says how; this is what
 * the field does (libsrs2, postsrsd, Exim):
 *
 *	sender                          forwarded as
 *	user@example.net                SRS0=HASH=TT=example.net=user@OURS
 *	SRS0=abcd=XY=a.org=u@b.net      SRS1=HASH=b.net==abcd=XY=a.org=u@OURS
 *	SRS1=efgh=b.net==abcd=…@c.com   SRS1=HASH=b.net==abcd=…@OURS
 *
 * so that an address does not grow with each hop: SRS1 names the first forwarder, which alone leads back to the
 * sender. HASH is a MAC over what stands behind it, so that we forward back to nobody but those who wrote to us
 * (else it would be an open relay); TT is the day, and after SRS_DAYS_MAX the address is void. Both are
 * base32, and case does not count in what is signed: there are hosts that fold local-parts.
 *
 * Pure: the day is told, and the MAC is of whoever holds the secret.
 *
 * Out:	srs_forward(sender, …, &srs), srs_add_signed(b, &srs): octets to be signed; srs_add(path, &srs, mac, ours)
 * In:	srs_parse(local_plain, &srs), srs_add_signed, srs_check(&srs, mac, now_s), srs_add_original(b, &srs)
 *
 * Who calls: config/forward.h.
 */
#ifndef MAIL_SRS_H
#define MAIL_SRS_H

#include "mail/address.h"

#define SRS_DAYS_MAX 21
#define SRS_MAC_OCTETS 5u /* of the MAC that are said: 40 bits, tried online and one by one */
#define SRS_HASH_OCTETS 8u /* as they are written */
#define SRS_REST_MAX ADDRESS_PATH_MAX

enum srs_kind { SRS_NONE, SRS_0, SRS_1 };

/* One such address. Views lie in what it was parsed from, or in the arena. */
struct srs {
	enum srs_kind kind;
	struct view hash; /* as it came; empty in one to be signed */
	struct view rest; /* what is signed: all that stands behind the hash */
	struct view host; /* of rest: the sender's domain, or that of the first forwarder */
	struct view inner; /* of rest: the sender's local-part; of SRS1 what follows "SRS0" there */
	struct view stamp; /* of rest: the day; empty in SRS1 */
};

/* What a local-part (without quotes) means; false when it is none of these. */
must_use bool srs_parse(struct view local_plain, struct srs *srs_out);
/* What a sender is to be forwarded as. He has a domain: neither null nor a literal. False when the arena is at
 * its cap. */
must_use bool srs_forward(
	const struct address *sender, int64_t now_s, struct arena *a, struct srs *srs_out);
/* Appends the octets over which the MAC goes. */
void srs_add_signed(struct buffer *b, const struct srs *srs);
/* Appends the address in the domain `ours`; `mac` has SRS_MAC_OCTETS or more. False when it would be longer
 * than a path may be (RFC 5321 §4.5.3.1.3): such a sender cannot be rewritten. */
must_use bool srs_add(struct buffer *b, const struct srs *srs, struct view mac, struct domain ours);

enum srs_verdict { SRS_GOOD, SRS_FORGED, SRS_OLD };
/* Judges one that has come back. `mac` as for srs_add. */
enum srs_verdict srs_check(const struct srs *srs, struct view mac, int64_t now_s);
/* Appends the address that it stands for. */
void srs_add_original(struct buffer *b, const struct srs *srs);

#endif
