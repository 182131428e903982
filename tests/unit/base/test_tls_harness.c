#include "test_tls_harness.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

static struct view copy_bio(BIO *bio)
{
	char *at;
	const long length = BIO_get_mem_data(bio, &at);
	char *copy = malloc((size_t)length + 1);
	memcpy(copy, at, (size_t)length);
	copy[length] = 0;
	return view_of(copy, (size_t)length);
}

static struct harness_pem make_pem(enum key_kind kind, const char *name)
{
	EVP_PKEY *key = kind == KEY_RSA ? EVP_RSA_gen(2048)
					: EVP_EC_gen(kind == KEY_EC_P384 ? "P-384" : "P-256");
	X509 *one = X509_new();
	char names[512];
	snprintf(names, sizeof(names), "DNS:%s", name);
	X509_set_version(one, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(one), 7);
	X509_gmtime_adj(X509_getm_notBefore(one), -3600);
	X509_gmtime_adj(X509_getm_notAfter(one), 86400);
	X509_NAME_add_entry_by_txt(
		X509_get_subject_name(one), "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
	X509_set_issuer_name(one, X509_get_subject_name(one));
	X509_set_pubkey(one, key);
	X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	X509_add_ext(one, san, -1);
	X509_EXTENSION_free(san);
	X509_sign(one, key, EVP_sha256());
	BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(bio, one);
	struct harness_pem pem = {.certificate = copy_bio(bio)};
	(void)BIO_reset(bio);
	PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	pem.key = copy_bio(bio);
	BIO_free(bio);
	X509_free(one);
	EVP_PKEY_free(key);
	return pem;
}

struct harness_pem harness_pem(enum key_kind kind, const char *name)
{
	static struct {
		enum key_kind kind;
		const char *name;
		struct harness_pem pem;
	} made[16];
	size_t i = 0;
	for (; i < 16 && made[i].name; i++)
		if (made[i].kind == kind && strcmp(made[i].name, name) == 0)
			return made[i].pem;
	assert(i < 16);
	made[i].kind = kind;
	made[i].name = name;
	made[i].pem = make_pem(kind, name);
	return made[i].pem;
}

struct tls_context *harness_context(struct harness_pem pem)
{
	struct tls_context *context = tls_context_new();
	const enum certificate_problem problem =
		tls_context_add(context, pem.certificate, (struct key_id){1});
	assert(problem == CERTIFICATE_OK);
	(void)problem;
	return context;
}

SSL_CTX *harness_client(int version)
{
	SSL_CTX *client = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_verify(client, SSL_VERIFY_NONE, NULL);
	if (version) {
		SSL_CTX_set_min_proto_version(client, version);
		SSL_CTX_set_max_proto_version(client, version);
	}
	return client;
}

struct pair pair_new(struct tls_context *server, SSL_CTX *client, struct harness_pem pem)
{
	struct pair p = {.server = tls_session_new(server),
		.signer = signer_new(),
		.asking = signer_peer_new("test", 1000, 1000, 0),
		.client = SSL_new(client),
		.client_in = BIO_new(BIO_s_mem()),
		.client_out = BIO_new(BIO_s_mem()),
		.to_server = buffer_new(4 << 20),
		.to_client = buffer_new(4 << 20),
		.received = buffer_new(2 << 20)};
	const enum certificate_problem problem = signer_add(p.signer, (struct key_id){1}, pem.key);
	assert(problem == CERTIFICATE_OK && p.server);
	(void)problem;
	SSL_set_bio(p.client, p.client_in, p.client_out);
	SSL_set_connect_state(p.client);
	return p;
}

void pair_free(struct pair *p)
{
	tls_session_free(&p->server);
	signer_free(&p->signer);
	SSL_free(p->client);
	buffer_free(&p->to_server);
	buffer_free(&p->to_client);
	buffer_free(&p->received);
}

static void answer(struct pair *p)
{
	struct buffer signature = buffer_new(SIGNATURE_MAX);
	p->asked = tls_session_request(p->server);
	p->signatures++;
	if (!p->refuse_signature &&
		signer_sign(p->signer, &p->asking, 0, p->asked.key, SIGNER_TLS_SERVER,
			p->asked.algorithm, p->asked.tbs, &signature) == SIGNER_SIGNED)
		tls_session_signed(p->server, buffer_view(&signature));
	else
		tls_session_unsigned(p->server);
	buffer_free(&signature);
}

static void take_client(struct pair *p)
{
	char octets[16384];
	int length;
	while ((length = BIO_read(p->client_out, octets, sizeof(octets))) > 0)
		buffer_add(&p->to_server, view_of(octets, (size_t)length));
}

static void give_client(struct pair *p)
{
	if (p->to_client.length)
		BIO_write(p->client_in, p->to_client.data, (int)p->to_client.length);
	buffer_clear(&p->to_client);
}

enum tls_want pair_turn(struct pair *p)
{
	take_client(p);
	enum tls_want want;
	size_t before;
	do {
		before = p->to_server.length;
		struct cursor in = cursor_of(view_first(
			buffer_view(&p->to_server), p->grain ? p->grain : p->to_server.length));
		const struct tls_io io = {&in, &p->to_client, &p->received, p->to_send};
		want = tls_session_step(p->server, &io);
		buffer_drop(&p->to_server, in.at);
		if (want == TLS_WANT_SIGNATURE && !p->hold_signature) {
			answer(p);
			before = SIZE_MAX;
		}
	} while (want != TLS_DONE && want != TLS_FAILED && want != TLS_CLOSED &&
		 p->to_server.length != before && (p->to_server.length || before == SIZE_MAX));
	give_client(p);
	return want;
}

enum tls_want pair_shake(struct pair *p)
{
	bool done = false;
	for (int turns = 0; turns < 20; turns++) {
		const int result = SSL_do_handshake(p->client);
		if (result == 1 && done)
			return TLS_DONE;
		const enum tls_want want = pair_turn(p);
		done = done || want == TLS_DONE;
		if (want == TLS_FAILED || want == TLS_WANT_TURN ||
			(want == TLS_WANT_SIGNATURE && p->hold_signature))
			return want;
	}
	return TLS_WANT_INPUT;
}
