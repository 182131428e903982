#include "base/tls_internal.h"

#include <openssl/async.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <time.h>

#define RECORD_MAX 16384u /* plaintext octets of one record, RFC 8446 §5.1 */
#define RECORD_OVERHEAD 256u /* header, nonce, padding and tag of one, generously */
#define SIGNATURES_READY 4u /* job stacks made at start */

const char *tls_want_name(enum tls_want want)
{
	switch (want) {
	case TLS_WANT_INPUT:
		return "input";
	case TLS_WANT_OUTPUT:
		return "output";
	case TLS_WANT_ROOM:
		return "room";
	case TLS_WANT_SIGNATURE:
		return "signature";
	case TLS_WANT_TURN:
		return "turn";
	case TLS_DONE:
		return "done";
	case TLS_CLOSED:
		return "closed";
	case TLS_FAILED:
		return "failed";
	}
	return "unknown";
}

/* --- the wire: OpenSSL's BIO over the owner's cursor and buffer ------------------------------- */

static int wire_read(BIO *bio, char *to, size_t room, size_t *length_out)
{
	struct tls_session *s = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	*length_out = 0;
	if (!s->io || cursor_left(s->io->from_peer) == 0) {
		BIO_set_retry_read(bio);
		return 0;
	}
	const size_t left = cursor_left(s->io->from_peer);
	const struct view part = cursor_take(s->io->from_peer, left < room ? left : room);
	if (!tls_guard_pass(&s->guard, part, SSL_version(s->ssl) == TLS1_3_VERSION)) {
		s->reason = "a handshake message is longer than this server takes";
		return 0;
	}
	*length_out = part.length;
	return view_copy(part, to, room);
}

static int wire_write(BIO *bio, const char *from, size_t length, size_t *length_out)
{
	struct tls_session *s = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	*length_out = 0;
	if (s->io) {
		struct buffer *out = s->io->to_peer;
		const size_t left = buffer_left(out);
		if (length > left)
			length = left;
		if (length == 0) {
			BIO_set_retry_write(bio);
			return 0;
		}
		buffer_add(out, view_of(from, length));
		if (buffer_failed(out)) {
			s->reason = "no memory for what goes to the peer";
			return 0;
		}
	}
	*length_out = length;
	return 1;
}

static long wire_control(BIO *bio, int what, long number, void *at)
{
	(void)bio;
	(void)number;
	(void)at;
	return what == BIO_CTRL_FLUSH;
}

static BIO_METHOD *wire_method(void)
{
	static BIO_METHOD *method;
	if (!method) {
		method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sekisho wire");
		must(method && BIO_meth_set_read_ex(method, wire_read) == 1 &&
			BIO_meth_set_write_ex(method, wire_write) == 1 &&
			BIO_meth_set_ctrl(method, wire_control) == 1);
	}
	return method;
}

/* --- life ------------------------------------------------------------------------------------- */

void tls_warm(void)
{
	uint8_t random[32];
	tzset(); /* OpenSSL reads a certificate's times with gmtime_r, which opens /etc/localtime */
	must(OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS |
				      OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
		     NULL) == 1);
	must(RAND_bytes_ex(tls_library(), random, sizeof(random), 0) == 1);
	must(RAND_priv_bytes_ex(tls_library(), random, sizeof(random), 0) == 1);
	bytes_wipe(random, sizeof(random));
	must(ASYNC_is_capable() == 1);
	must(ASYNC_init_thread(TLS_SIGNATURES_MAX, SIGNATURES_READY) == 1);
	wire_method();
	ERR_clear_error();
}

struct tls_session *tls_session_make(SSL *ssl)
{
	struct tls_session *s = memory_try(sizeof(*s));
	BIO *bio = BIO_new(wire_method());
	if (!s || !ssl || !bio) {
		memory_free(s);
		SSL_free(ssl);
		BIO_free(bio);
		ERR_clear_error();
		return NULL;
	}
	*s = (struct tls_session){.ssl = ssl, .signature = buffer_new(SIGNATURE_MAX)};
	BIO_set_data(bio, s);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	return s;
}

struct tls_session *tls_session_new(struct tls_context *context)
{
	if (context->count == 0)
		return NULL;
	struct tls_session *s = tls_session_make(SSL_new(context->entries[0].settings));
	if (!s)
		return NULL;
	context->references++;
	s->context = context;
	SSL_set_accept_state(s->ssl);
	return s;
}

/* OpenSSL does not free a paused job with its SSL: it must run to its end. */
static void finish_job(struct tls_session *s)
{
	if (s->request.state == PROVIDER_IDLE || s->state != SESSION_HANDSHAKE)
		return;
	s->request.state = PROVIDER_REFUSED;
	s->io = NULL;
	provider_enter(&s->request);
	SSL_do_handshake(s->ssl);
	provider_enter(NULL);
	ERR_clear_error();
	s->state = SESSION_FAILED;
}

void tls_session_free(struct tls_session **s_)
{
	struct tls_session *s = *s_;
	*s_ = NULL;
	if (!s)
		return;
	finish_job(s);
	SSL_free(s->ssl);
	buffer_free(&s->signature);
	tls_context_free(&s->context);
	memory_free(s);
}

/* --- steps ------------------------------------------------------------------------------------ */

static enum tls_want fail(struct tls_session *s, const char *otherwise)
{
	const unsigned long error = ERR_peek_error();
	const char *text = error ? ERR_reason_error_string(error) : NULL;
	if (ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED)
		text = tls_unverified(s);
	if (!s->reason)
		s->reason = text ? text : otherwise;
	s->state = SESSION_FAILED;
	ERR_clear_error();
	return TLS_FAILED;
}

/* What a call that gave `result` waits for; TLS_DONE when it was no failure. */
static enum tls_want want_of(struct tls_session *s, int result)
{
	switch (SSL_get_error(s->ssl, result)) {
	case SSL_ERROR_NONE:
		return TLS_DONE;
	case SSL_ERROR_WANT_READ:
		/* a guard that said no leaves the same trace */
		return s->reason ? fail(s, "") : TLS_WANT_INPUT;
	case SSL_ERROR_WANT_WRITE:
		return s->reason ? fail(s, "") : TLS_WANT_OUTPUT;
	case SSL_ERROR_WANT_ASYNC:
		return TLS_WANT_SIGNATURE;
	case SSL_ERROR_WANT_ASYNC_JOB:
		return TLS_WANT_TURN;
	case SSL_ERROR_ZERO_RETURN:
		if (s->state == SESSION_HANDSHAKE)
			return fail(s, "the other end gave up during the handshake");
		s->state = SESSION_CLOSED;
		return TLS_CLOSED;
	default:
		return fail(s, "the TLS library gave up without a reason");
	}
}

static enum tls_want shake_hands(struct tls_session *s)
{
	if (s->request.state == PROVIDER_ASKED)
		return TLS_WANT_SIGNATURE;
	const enum tls_want want = want_of(s, SSL_do_handshake(s->ssl));
	if (want == TLS_DONE) {
		s->state = SESSION_OPEN;
		/* nothing is signed from here on: reads and writes need no job of their own */
		SSL_clear_mode(s->ssl, SSL_MODE_ASYNC);
		buffer_free(&s->signature);
	}
	return want;
}

/* Encrypts while whole records fit, so that OpenSSL never holds half a one. TLS_DONE: all is out. */
static enum tls_want send_some(struct tls_session *s)
{
	struct cursor *from = s->io->to_send;
	while (from && cursor_left(from) > 0) {
		const size_t left = buffer_left(s->io->to_peer);
		if (left < RECORD_MAX + RECORD_OVERHEAD)
			return TLS_WANT_OUTPUT;
		const struct view part = view_first(cursor_rest(from), RECORD_MAX);
		size_t written = 0;
		const int result = SSL_write_ex(s->ssl, part.at, part.length, &written);
		if (result != 1)
			return want_of(s, result);
		cursor_take(from, written);
	}
	return TLS_DONE;
}

static bool has_more(const struct tls_session *s)
{
	return cursor_left(s->io->from_peer) > 0 || SSL_has_pending(s->ssl);
}

/* Decrypts by way of the stack, so that an idle session's buffer stays as small as its lines. */
static enum tls_want receive_some(struct tls_session *s)
{
	uint8_t plain[RECORD_MAX];
	struct buffer *to = s->io->received;
	for (;;) {
		const size_t left = buffer_left(to);
		if (left == 0)
			return has_more(s) ? TLS_WANT_ROOM : TLS_WANT_INPUT;
		size_t length = 0;
		const int result = SSL_read_ex(
			s->ssl, plain, left < sizeof(plain) ? left : sizeof(plain), &length);
		if (result != 1)
			return want_of(s, result);
		buffer_add(to, view_of(plain, length));
		bytes_wipe(plain, length);
		if (buffer_failed(to)) {
			s->reason = "no memory for what came from the peer";
			return fail(s, "");
		}
	}
}

static enum tls_want talk(struct tls_session *s)
{
	if (s->has_closed)
		return receive_some(s);
	const enum tls_want sent = send_some(s);
	if (sent != TLS_DONE && sent != TLS_WANT_OUTPUT)
		return sent;
	const enum tls_want received = receive_some(s);
	return received == TLS_WANT_INPUT ? (sent == TLS_DONE ? received : sent) : received;
}

enum tls_want tls_session_step(struct tls_session *s, const struct tls_io *io)
{
	enum tls_want want = TLS_FAILED;
	must(io->to_peer->max >= TLS_TO_PEER_MIN);
	ERR_clear_error();
	s->io = io;
	provider_enter(&s->request);
	switch (s->state) {
	case SESSION_HANDSHAKE:
		want = shake_hands(s);
		break;
	case SESSION_OPEN:
		want = talk(s);
		break;
	case SESSION_CLOSED:
		/* the peer's end is not ours (RFC 8446 §6.1): what it asked for is still sent */
		want = s->has_closed ? TLS_DONE : send_some(s);
		if (want == TLS_DONE)
			want = TLS_CLOSED;
		break;
	case SESSION_FAILED:
		break;
	}
	provider_enter(NULL);
	s->io = NULL;
	return want;
}

void tls_session_close(struct tls_session *s, struct buffer *to_peer)
{
	if (s->has_closed || (s->state != SESSION_OPEN && s->state != SESSION_CLOSED))
		return;
	struct cursor nothing = cursor_of(VIEW_NONE);
	s->io = &(struct tls_io){.from_peer = &nothing, .to_peer = to_peer};
	ERR_clear_error();
	SSL_shutdown(s->ssl);
	ERR_clear_error();
	s->io = NULL;
	s->has_closed = true;
}

enum tls_want tls_session_ended(struct tls_session *s)
{
	if (s->state == SESSION_CLOSED)
		return TLS_CLOSED;
	finish_job(s);
	if (!s->reason)
		s->reason =
			s->state == SESSION_OPEN
				? "the connection ended without close_notify: it may have been cut"
				: "the connection ended during the handshake";
	s->state = SESSION_FAILED;
	return TLS_FAILED;
}

bool tls_session_is_done(const struct tls_session *s)
{
	return s->state == SESSION_OPEN || s->state == SESSION_CLOSED;
}

const char *tls_session_reason(const struct tls_session *s)
{
	return s->reason ? s->reason : "";
}

/* --- signatures ------------------------------------------------------------------------------- */

struct tls_request tls_session_request(const struct tls_session *s)
{
	must(s->request.state == PROVIDER_ASKED);
	return (struct tls_request){s->request.key, s->request.algorithm, s->request.tbs};
}

void tls_session_signed(struct tls_session *s, struct view signature)
{
	must(s->request.state == PROVIDER_ASKED);
	buffer_clear(&s->signature);
	buffer_add(&s->signature, signature);
	if (buffer_failed(&s->signature) || view_is_empty(signature)) {
		tls_session_unsigned(s);
		return;
	}
	s->request.signature = buffer_view(&s->signature);
	s->request.state = PROVIDER_SIGNED;
}

void tls_session_unsigned(struct tls_session *s)
{
	must(s->request.state == PROVIDER_ASKED);
	s->request.state = PROVIDER_REFUSED;
	s->reason = "there is no signature for the handshake";
}
