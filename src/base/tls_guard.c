#include "base/tls_guard.h"

#include "base/tls.h"

enum { RECORD_CHANGE_CIPHER = 20, RECORD_HANDSHAKE = 22, RECORD_DATA = 23 };

static size_t at_most(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void record_begins(struct tls_guard *g, bool is_tls13)
{
	g->record_left = (uint32_t)g->record[3] << 8 | g->record[4];
	g->is_off =
		g->record[0] == RECORD_DATA || (g->record[0] == RECORD_CHANGE_CIPHER && !is_tls13);
}

/* One octet of handshake header; true unless it completes one that is too long. */
static bool message_begins(struct tls_guard *g, uint8_t octet)
{
	g->message[g->message_have++] = octet;
	if (g->message_have < sizeof(g->message))
		return true;
	g->message_have = 0;
	g->message_left =
		(uint32_t)g->message[1] << 16 | (uint32_t)g->message[2] << 8 | g->message[3];
	return g->message_left <= TLS_HELLO_MAX;
}

static bool pass_handshake(struct tls_guard *g, struct view part)
{
	for (size_t i = 0; i < part.length;) {
		if (g->message_left > 0) {
			const size_t skip = at_most(g->message_left, part.length - i);
			g->message_left -= (uint32_t)skip;
			i += skip;
		} else if (!message_begins(g, part.at[i++])) {
			return false;
		}
	}
	return true;
}

bool tls_guard_pass(struct tls_guard *g, struct view octets, bool is_tls13)
{
	size_t i = 0;
	while (i < octets.length && !g->is_off) {
		if (g->record_left > 0) {
			const size_t length = at_most(g->record_left, octets.length - i);
			if (g->record[0] == RECORD_HANDSHAKE &&
				!pass_handshake(g, view_part(octets, i, length)))
				return false;
			g->record_left -= (uint32_t)length;
			i += length;
			continue;
		}
		g->record[g->record_have++] = octets.at[i++];
		if (g->record_have == sizeof(g->record)) {
			g->record_have = 0;
			record_begins(g, is_tls13);
		}
	}
	return true;
}
