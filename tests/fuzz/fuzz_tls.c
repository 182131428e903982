/*
 * base/tls.h under a client that sends any octets: records, handshakes, alerts, after a real hello or
 * without one. It ends or waits, it never says that a handshake is complete which an octet stream
 * without a key exchange cannot complete, and its output is bounded. And the guard in front of it
 * (base/tls_guard.h) says the same however the stream is cut.
 *
 * Input: how it is cut and what `keys` answers, then the octets of the client.
 */
#include "base/tls.h"
#include "base/tls_guard.h"

#include "../unit/base/test_tls_harness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t guard_stops_at(struct view octets, size_t piece, bool is_tls13)
{
	struct tls_guard g = {0};
	for (size_t at = 0; at < octets.length; at += piece)
		if (!tls_guard_pass(&g, view_part(octets, at, piece), is_tls13))
			return at;
	return octets.length;
}

static void check_guard(struct view octets, size_t piece)
{
	for (int is_tls13 = 0; is_tls13 < 2; is_tls13++) {
		const size_t whole = guard_stops_at(octets, octets.length, is_tls13);
		const size_t cut = guard_stops_at(octets, piece, is_tls13);
		must((whole == octets.length) == (cut == octets.length));
	}
}

static void answer(struct tls_session *s, unsigned how)
{
	static const uint8_t signature[SIGNATURE_MAX];
	const struct tls_request request = tls_session_request(s);
	must(request.tbs.length > 0 && request.tbs.length <= 4096);
	if (how & 1)
		tls_session_signed(s, view_of(signature, how % SIGNATURE_MAX));
	else
		tls_session_unsigned(s);
}

static enum tls_want step(struct tls_session *s, struct cursor *in, unsigned how)
{
	struct buffer to_peer = buffer_new(TLS_TO_PEER_MIN);
	struct buffer received = buffer_new(4096);
	const struct tls_io io = {.from_peer = in, .to_peer = &to_peer, .received = &received};
	enum tls_want want = TLS_WANT_OUTPUT;
	for (int i = 0; i < 50; i++) {
		want = tls_session_step(s, &io);
		must(!buffer_failed(&to_peer) && received.length == 0);
		buffer_clear(&to_peer);
		if (want == TLS_WANT_SIGNATURE)
			answer(s, how);
		else if (want != TLS_WANT_OUTPUT && want != TLS_WANT_ROOM && want != TLS_WANT_TURN)
			break;
	}
	must(want == TLS_WANT_INPUT || want == TLS_CLOSED || want == TLS_FAILED);
	buffer_free(&to_peer);
	buffer_free(&received);
	return want;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tls_context *context;
	if (size < 2)
		return 0;
	if (!context) {
		tls_warm();
		context = harness_context(harness_pem(KEY_EC_P256, "mail.example.test"));
	}
	const struct view octets = view_of(data + 2, size - 2);
	const size_t piece = 1u + data[0] * 8u;
	check_guard(octets, piece);
	struct tls_session *s = tls_session_new(context);
	enum tls_want want = TLS_WANT_INPUT;
	size_t taken = 0;
	for (size_t end = piece; want == TLS_WANT_INPUT && taken < octets.length; end += piece) {
		struct cursor in = cursor_of(view_part(octets, taken, end - taken));
		want = step(s, &in, data[1]);
		taken += in.at;
		if (end >= octets.length)
			break;
	}
	must(!tls_session_is_done(s));
	if (want == TLS_WANT_INPUT)
		must(tls_session_ended(s) == TLS_FAILED || want == TLS_WANT_INPUT);
	must(tls_session_reason(s) != NULL);
	tls_session_free(&s);
	return 0;
}
