/* base/tls: memory of an idle session, no file opened after tls_warm, and input that is no TLS. */
#include "test_tls_harness.h"

#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <seccomp.h>

#if defined(__SANITIZE_ADDRESS__)
#define IS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_ASAN 1
#endif
#endif
#ifndef IS_ASAN
#define IS_ASAN 0
#endif

#define IDLE_OCTETS_MAX 25600 /* of one idle session, all in */
#define IDLE_SESSIONS 1000

/* --- OpenSSL's memory, counted -------------------------------------------------------------- */

static size_t openssl_octets;

static void *count_new(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	void *at = size ? malloc(size) : NULL;
	openssl_octets += at ? malloc_usable_size(at) : 0;
	return at;
}

static void count_free(void *at, const char *file, int line)
{
	(void)file;
	(void)line;
	openssl_octets -= at ? malloc_usable_size(at) : 0;
	free(at);
}

static void *count_resize(void *at, size_t size, const char *file, int line)
{
	if (size == 0) {
		count_free(at, file, line);
		return NULL;
	}
	const size_t before = at ? malloc_usable_size(at) : 0;
	void *to = realloc(at, size);
	if (to)
		openssl_octets += malloc_usable_size(to) - before;
	return to;
}

static size_t resident_octets(void)
{
	unsigned long all = 0;
	unsigned long resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu %lu", &all, &resident), 2);
	fclose(f);
	return resident * 4096;
}

/* A server session with nobody in memory at the other end. */
static struct tls_session *idle_session(
	struct tls_context *context, SSL_CTX *client, struct harness_pem pem)
{
	struct pair p = pair_new(context, client, pem);
	assert_int_equal(pair_shake(&p), TLS_DONE);
	SSL_write(p.client, "EHLO client.example.test\r\n", 26);
	struct cursor send = cursor_of(VIEW("250 mail.example.test\r\n"));
	p.to_send = &send;
	assert_int_equal(pair_turn(&p), TLS_WANT_INPUT);
	struct tls_session *s = p.server;
	p.server = NULL;
	pair_free(&p);
	return s;
}

static void test_idle_memory(void **state)
{
	/* protects: an idle session costs at most 25 KiB, so thousands fit */
	(void)state;
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	const struct harness_pem pem = harness_pem(KEY_EC_P256, "mail.example.test");
	for (size_t i = 0; i < 2; i++) {
		static struct tls_session *sessions[IDLE_SESSIONS];
		struct tls_context *context = harness_context(pem);
		SSL_CTX *client = harness_client(versions[i]);
		for (int k = 0; k < 20; k++) {
			struct tls_session *warm = idle_session(context, client, pem);
			tls_session_free(&warm);
		}
		malloc_trim(0);
		const size_t octets = openssl_octets;
		const size_t resident = resident_octets();
		for (size_t k = 0; k < IDLE_SESSIONS; k++)
			sessions[k] = idle_session(context, client, pem);
		const size_t each = (openssl_octets - octets) / IDLE_SESSIONS;
		const size_t each_resident = (resident_octets() - resident) / IDLE_SESSIONS;
		print_message("TLS 1.%zu idle: %zu octets in OpenSSL, %zu resident\n", i + 2, each,
			each_resident);
		assert_true(each > 1000 && each <= IDLE_OCTETS_MAX);
		if (!IS_ASAN)
			assert_true(each_resident <= IDLE_OCTETS_MAX);
		for (size_t k = 0; k < IDLE_SESSIONS; k++)
			tls_session_free(&sessions[k]);
		SSL_CTX_free(client);
		tls_context_free(&context);
	}
}

/* --- no file after tls_warm ----------------------------------------------------------------- */

static void forbid_files(void)
{
	static const int calls[] = {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2),
		SCMP_SYS(stat), SCMP_SYS(newfstatat), SCMP_SYS(access), SCMP_SYS(socket),
		SCMP_SYS(connect)};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, calls[i], 0);
	if (seccomp_load(filter) != 0)
		_exit(77);
	seccomp_release(filter);
}

/* Serves one handshake and one line on `fd`; false when it went wrong. */
static bool serve(int fd, struct tls_context *context, struct signer *signer)
{
	struct signer_peer asking = signer_peer_new("test", 1000, 1000, 0);
	struct tls_session *s = tls_session_new(context);
	struct buffer in = buffer_new(65536);
	struct buffer out = buffer_new(65536);
	struct buffer received = buffer_new(4096);
	struct buffer signature = buffer_new(SIGNATURE_MAX);
	enum tls_want want = TLS_WANT_INPUT;
	while (want != TLS_CLOSED && want != TLS_FAILED) {
		struct cursor c = cursor_of(buffer_view(&in));
		struct cursor send = cursor_of(buffer_view(&received));
		const struct tls_io io = {&c, &out, &received, &send};
		want = tls_session_step(s, &io);
		buffer_drop(&in, c.at);
		buffer_drop(&received, send.at);
		if (want == TLS_WANT_SIGNATURE) {
			const struct tls_request r = tls_session_request(s);
			if (signer_sign(signer, &asking, 0, r.key, SIGNER_TLS_SERVER, r.algorithm,
				    r.tbs, &signature) != SIGNER_SIGNED)
				return false;
			tls_session_signed(s, buffer_view(&signature));
			continue;
		}
		if (out.length && write(fd, out.data, out.length) != (ssize_t)out.length)
			return false;
		buffer_clear(&out);
		if (want == TLS_DONE || received.length)
			continue;
		uint8_t octets[4096];
		const ssize_t length =
			want == TLS_WANT_INPUT ? read(fd, octets, sizeof(octets)) : 0;
		if (length > 0)
			buffer_add(&in, view_of(octets, (size_t)length));
		else if (want == TLS_WANT_INPUT)
			want = tls_session_ended(s);
	}
	tls_session_free(&s);
	return want == TLS_CLOSED;
}

/* Made by another process, so that making it warms nothing here. */
static struct harness_pem receive_pem(int fd)
{
	struct harness_pem pem;
	uint32_t lengths[2];
	if (recv(fd, lengths, sizeof(lengths), MSG_WAITALL) != sizeof(lengths))
		_exit(4);
	char *at = malloc(lengths[0] + lengths[1]);
	if (recv(fd, at, lengths[0] + lengths[1], MSG_WAITALL) !=
		(ssize_t)(lengths[0] + lengths[1]))
		_exit(4);
	pem.certificate = view_of(at, lengths[0]);
	pem.key = view_of(at + lengths[0], lengths[1]);
	return pem;
}

static void send_pem(int fd, struct harness_pem pem)
{
	const uint32_t lengths[2] = {(uint32_t)pem.certificate.length, (uint32_t)pem.key.length};
	assert_int_equal(write(fd, lengths, sizeof(lengths)), sizeof(lengths));
	assert_int_equal(write(fd, pem.certificate.at, lengths[0]), (ssize_t)lengths[0]);
	assert_int_equal(write(fd, pem.key.at, lengths[1]), (ssize_t)lengths[1]);
}

static void sandboxed(int fd)
{
	const struct harness_pem pem = receive_pem(fd);
	tls_warm();
	struct signer *signer = signer_new();
	signer_warm(signer);
	forbid_files();
	if (signer_add(signer, (struct key_id){1}, pem.key) != CERTIFICATE_OK)
		_exit(3);
	/* a reload makes new contexts inside the sandbox */
	struct tls_context *context = harness_context(pem);
	_exit(serve(fd, context, signer) ? 0 : 2);
}

/* Started by main before this process has used OpenSSL. */
static struct {
	int fd;
	pid_t pid;
	enum key_kind kind;
	int version;
} servers[] = {{.kind = KEY_EC_P256, .version = TLS1_3_VERSION},
	{.kind = KEY_EC_P256, .version = TLS1_2_VERSION},
	{.kind = KEY_EC_P384, .version = TLS1_3_VERSION},
	{.kind = KEY_RSA, .version = TLS1_3_VERSION}, {.kind = KEY_RSA, .version = TLS1_2_VERSION}};
#define SERVERS (sizeof(servers) / sizeof(servers[0]))

static void start_servers(void)
{
	for (size_t i = 0; i < SERVERS; i++) {
		int ends[2];
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
			abort();
		servers[i].pid = fork();
		if (servers[i].pid == 0) {
			close(ends[0]);
			for (size_t k = 0; k < i; k++)
				close(servers[k].fd);
			sandboxed(ends[1]);
		}
		close(ends[1]);
		servers[i].fd = ends[0];
	}
}

static void test_no_file_after_warm(void **state)
{
	/* protects: in its sandbox TLS opens nothing, with every kind of key and both versions */
	(void)state;
	for (size_t i = 0; i < SERVERS; i++) {
		SSL_CTX *client = harness_client(servers[i].version);
		SSL *ssl = SSL_new(client);
		char back[4];
		int status;
		send_pem(servers[i].fd, harness_pem(servers[i].kind, "mail.example.test"));
		SSL_set_fd(ssl, servers[i].fd);
		const bool shaken = SSL_connect(ssl) == 1;
		const bool said =
			shaken && SSL_write(ssl, "NOOP", 4) == 4 && SSL_read(ssl, back, 4) == 4;
		SSL_shutdown(ssl);
		SSL_free(ssl);
		close(servers[i].fd);
		assert_int_equal(waitpid(servers[i].pid, &status, 0), servers[i].pid);
		assert_false(WIFSIGNALED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		assert_true(said);
		SSL_CTX_free(client);
	}
}

/* --- input that is no TLS ------------------------------------------------------------------- */

static enum tls_want feed(struct tls_session *s, struct view octets)
{
	struct buffer out = buffer_new(65536);
	struct buffer received = buffer_new(65536);
	struct cursor in = cursor_of(octets);
	const struct tls_io io = {&in, &out, &received, NULL};
	const enum tls_want want = tls_session_step(s, &io);
	assert_int_equal(received.length, 0);
	buffer_free(&out);
	buffer_free(&received);
	return want;
}

static const struct {
	struct view octets;
	const char *reason; /* a part of it; null: any */
} strangers[] = {
	{VIEW("GET / HTTP/1.1\r\nHost: mail.example.test\r\n\r\n"), "http request"},
	{VIEW("EHLO client.example.test\r\n"), NULL},
	{VIEW("\x16\x03\x01\x00\x00\x00\x00\x00\x00\x00"), NULL},
	{VIEW("\x16\x03\x01\xff\xff\x01\x00\x40\x00\x00"), NULL},
	{VIEW("\x16\x03\x01\x40\x00\x01\x00\x40\x01\x03\x03"), "longer than"},
	{VIEW("\x16\x03\x01\x00\x01\x01\x16\x03\x01\x00\x03\xff\xff\xff"), "longer than"},
	{VIEW("\x17\x03\x03\x00\x10"
	      "0123456789abcdef"),
		NULL},
	{VIEW("\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x01x"), NULL},
	{VIEW("\x15\x03\x01\x00\x02\x02\x28"), "unexpected message"},
	{VIEW("\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10"
	      "01234567890123456789012345678901234567"),
		NULL},
};

static void test_strangers(void **state)
{
	/* protects: what is no TLS fails with a reason, whole or octet by octet, and signs nothing */
	(void)state;
	const struct harness_pem pem = harness_pem(KEY_EC_P256, "mail.example.test");
	struct tls_context *context = harness_context(pem);
	for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
		struct tls_session *s = tls_session_new(context);
		assert_int_equal(feed(s, strangers[i].octets), TLS_FAILED);
		assert_true(strlen(tls_session_reason(s)) > 0);
		if (strangers[i].reason)
			assert_non_null(strstr(tls_session_reason(s), strangers[i].reason));
		assert_int_equal(feed(s, VIEW("more")), TLS_FAILED);
		tls_session_free(&s);
		s = tls_session_new(context);
		enum tls_want want = TLS_WANT_INPUT;
		for (size_t k = 0; k < strangers[i].octets.length && want == TLS_WANT_INPUT; k++)
			want = feed(s, view_part(strangers[i].octets, k, 1));
		assert_int_equal(want, TLS_FAILED);
		tls_session_free(&s);
	}
	tls_context_free(&context);
}

static void test_mutations(void **state)
{
	/* protects: a flipped octet anywhere in what the client says neither crashes nor connects */
	(void)state;
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	const struct harness_pem pem = harness_pem(KEY_EC_P256, "mail.example.test");
	struct tls_context *context = harness_context(pem);
	for (size_t v = 0; v < 2; v++)
		for (size_t at = 0; at < 600; at++) {
			SSL_CTX *client = harness_client(versions[v]);
			struct pair p = pair_new(context, client, pem);
			size_t passed = 0;
			for (int turn = 0; turn < 6; turn++) {
				uint8_t octets[4096];
				SSL_do_handshake(p.client);
				const int length = BIO_read(p.client_out, octets, sizeof(octets));
				const size_t count = length > 0 ? (size_t)length : 0;
				if (at >= passed && at < passed + count)
					octets[at - passed] ^= (uint8_t)(1u << at % 8);
				passed += count;
				buffer_add(&p.to_server, view_of(octets, count));
				if (pair_turn(&p) == TLS_FAILED)
					break;
			}
			if (passed > at && tls_session_is_done(p.server))
				/* only the record's version field is not covered by Finished */
				assert_true(SSL_is_init_finished(p.client) && at <= 2);
			pair_free(&p);
			SSL_CTX_free(client);
		}
	tls_context_free(&context);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle_memory),
		cmocka_unit_test(test_no_file_after_warm),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_mutations),
	};
	signal(SIGPIPE, SIG_IGN);
	start_servers();
	if (CRYPTO_set_mem_functions(count_new, count_resize, count_free) != 1)
		return 1;
	tls_warm();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
