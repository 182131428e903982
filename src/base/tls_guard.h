/*
 * A stranger's handshake messages name their length before they come, and OpenSSL sets that much
 * memory aside at once: up to 128 KiB for a ClientHello. This guard reads along with the octets of
 * an incoming connection while they are in the clear and says no when a message would be longer
 * than TLS_HELLO_MAX (RFC 8446 §4 and §5.1, RFC 5246 §6.2.1). Pure. Who calls: base/tls.c only.
 */
#ifndef BASE_TLS_GUARD_H
#define BASE_TLS_GUARD_H

#include "base/bytes.h"

struct tls_guard {
	bool is_off; /* the rest is encrypted */
	uint8_t record[5]; /* record header: type, version, length */
	uint8_t record_have;
	uint8_t message[4]; /* message header: type, length */
	uint8_t message_have;
	uint32_t record_left; /* octets of the record still to come */
	uint32_t message_left;
};

/* Looks at the next octets. `is_tls13`: the version is settled and is 1.3, where a ChangeCipherSpec
 * means nothing (RFC 8446 §D.4); before that it turns encryption on. False: a message is too long. */
must_use bool tls_guard_pass(struct tls_guard *g, struct view octets, bool is_tls13);

#endif
