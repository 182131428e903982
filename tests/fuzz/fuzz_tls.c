/*
 * Both ends of base/tls.h under a peer that sends any octets: a client that sends any octets: records, handshakes, alerts, after a real hello or
 * without one. It ends or waits, it never says that a handshake is complete which an octet stream
 * without a key exchange cannot complete, and its output is bounded. The same holds for the client's end
 * (base/tls_client.h) under any server. And the guard in front of the server's end (base/tls_guard.h)
 * says the same however the stream is cut.
 *
 * Input: how it is cut and what `keys` answers, then the octets of the client.
 */
#include "base/tls_client.h"
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

/* To its end, or to that of the octets. */
static void run(struct tls_session *s, struct view octets, size_t piece, unsigned how)
{
	enum tls_want want = TLS_WANT_INPUT;
	size_t taken = 0;
	for (size_t end = piece; want == TLS_WANT_INPUT && taken < octets.length; end += piece) {
		struct cursor in = cursor_of(view_part(octets, taken, end - taken));
		want = step(s, &in, how);
		taken += in.at;
		if (end >= octets.length)
			break;
	}
	must(!tls_session_is_done(s));
	if (want == TLS_WANT_INPUT)
		must(tls_session_ended(s) == TLS_FAILED || want == TLS_WANT_INPUT);
	must(tls_session_reason(s) != NULL);
	tls_session_free(&s);
}

static struct tls_session *client_session(struct tls_client *trust, unsigned how)
{
	static const struct view names[] = {VIEW("mail.example.test")};
	static const uint8_t digest[32];
	const struct tls_record record = {TLS_RECORD_DANE_EE, 1, 1, view_of(digest, 32)};
	const struct tls_spec spec = {.verify = (enum tls_verify)(how % 3),
		.server_name = names[0],
		.names = names,
		.names_count = 1,
		.records = &record,
		.records_count = 1};
	return tls_client_session(trust, &spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tls_context *context;
	static struct tls_client *trust;
	if (size < 2)
		return 0;
	if (!context) {
		tls_warm();
		context = harness_context(harness_pem(KEY_EC_P256, "mail.example.test"));
		trust = tls_client_new();
	}
	const struct view octets = view_of(data + 2, size - 2);
	const size_t piece = 1u + data[0] * 8u;
	check_guard(octets, piece);
	run(tls_session_new(context), octets, piece, data[1]);
	run(client_session(trust, data[1]), octets, piece, data[1]);
	return 0;
}
