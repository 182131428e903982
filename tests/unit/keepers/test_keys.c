/* keepers/keys/server: who may have what signed, and what he hears when not. The test is smtpd and popd. */
#include "keepers/keys/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/tls.h"
#include "channels/face_keys.h"

#define SRS VIEW("SRS0=7g=a.example=u")

struct face {
	struct channel *channel;
	unsigned heard;
	uint16_t code;
	uint64_t number;
	size_t octets;
	bool is_closed;
};

static struct world {
	struct program program;
	struct server server;
	struct face smtpd, popd;
} w;

static uint32_t any_state(void *context, uint32_t stream)
{
	(void)context;
	(void)stream;
	return UINT32_MAX;
}

static void heard(void *context, const struct frame *frame)
{
	struct face *f = context;
	f->heard++;
	f->code = frame->row->code;
	f->number = frame->values[0].number;
	f->octets = frame->values[0].bytes.length;
}

static void closed(void *context, const char *broken)
{
	struct face *f = context;
	assert_null(broken);
	f->is_closed = true;
	channel_free(&f->channel);
}

static void connect_face(struct face *f, enum program_id id, uint32_t worker)
{
	static const struct channel_handler handler = {any_state, heard, closed};
	int fds[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	channel_free(&f->channel);
	*f = (struct face){0};
	f->channel = channel_new(w.program.loop, &face_keys, FRAME_A, fds[0], &handler, f);
	server_connect(&w.server, id, worker, fds[1]);
}

static int set_up(void **state)
{
	(void)state;
	log_threshold((enum log_level)(LOG_ERROR + 1));
	w = (struct world){.program.loop = loop_new()};
	w.server = (struct server){
		.program = &w.program, .signer = signer_new(), .secret = secret_new()};
	connect_face(&w.smtpd, PROGRAM_SMTPD, 0);
	connect_face(&w.popd, PROGRAM_POPD, 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	channel_free(&w.smtpd.channel);
	channel_free(&w.popd.channel);
	for (size_t i = 0; i < SERVER_FACES_MAX; i++)
		channel_free(&w.server.faces[i].channel);
	signer_free(&w.server.signer);
	secret_free(&w.server.secret);
	loop_free(&w.program.loop);
	return 0;
}

static void ask(struct face *f, uint32_t purpose, struct view octets)
{
	const unsigned before = f->heard;
	channel_say(f->channel, KEYS_SIGN, 1, frame_number(1), frame_number(purpose),
		frame_number(SIGNATURE_ECDSA_SHA256), frame_bytes(octets));
	for (int i = 0; i < 1000 && f->heard == before; i++)
		loop_turn(w.program.loop, 10);
	assert_int_equal(f->heard, before + 1);
}

static void who_may_not_is_told_why(void **state)
{
	static const char text[] =
		"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";
	(void)state;
	const struct {
		struct face *face;
		uint32_t purpose;
		struct view octets;
		enum error error;
	} cases[] = {
		{&w.smtpd, KEYS_PURPOSE_SRS, SRS, ERROR_MISSING}, /* no secret was given */
		{&w.popd, KEYS_PURPOSE_SRS, SRS, ERROR_DENIED},
		{&w.smtpd, KEYS_PURPOSE_TLS_SERVER, VIEW("x"), ERROR_MISSING},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ask(cases[i].face, cases[i].purpose, cases[i].octets);
		assert_int_equal(cases[i].face->code, KEYS_REFUSED);
		assert_int_equal(cases[i].face->number, cases[i].error);
	}
	assert_true(secret_read(w.server.secret, view_text(text)));
	ask(&w.smtpd, KEYS_PURPOSE_SRS, SRS);
	assert_int_equal(w.smtpd.code, KEYS_SIGNED);
	assert_int_equal(w.smtpd.octets, MAC_OCTETS);
	ask(&w.popd, KEYS_PURPOSE_SRS, SRS);
	assert_int_equal(w.popd.code, KEYS_REFUSED);
	assert_int_equal(w.server.signatures, 1);
	assert_int_equal(w.server.refusals, 4);
}

static void who_asks_too_often_waits(void **state)
{
	(void)state;
	for (size_t i = 0; i < SERVER_FACES_MAX; i++)
		if (w.server.faces[i].id == PROGRAM_SMTPD)
			w.server.faces[i].mac_bucket =
				signer_peer_new("test", 1, 1, clock_monotonic_ms());
	for (int i = 0; i < 1000 && w.smtpd.number != ERROR_BUSY; i++)
		ask(&w.smtpd, KEYS_PURPOSE_SRS, SRS);
	assert_int_equal(w.smtpd.number, ERROR_BUSY);
	ask(&w.smtpd, KEYS_PURPOSE_TLS_SERVER, VIEW("x")); /* handshakes do not wait for MACs */
	assert_int_equal(w.smtpd.number, ERROR_MISSING);
	ask(&w.popd, KEYS_PURPOSE_TLS_SERVER, VIEW("x"));
	assert_int_equal(w.popd.number, ERROR_MISSING);
}

static void a_fresh_life_takes_the_place_of_the_old(void **state)
{
	struct face many[SERVER_FACES_MAX] = {{0}};
	struct face late = {0};
	(void)state;
	for (uint32_t i = 0; i < SERVER_FACES_MAX - 2; i++)
		connect_face(&many[i], PROGRAM_SMTPD, i + 1);
	connect_face(&w.smtpd, PROGRAM_SMTPD, 0); /* in its old place */
	ask(&w.smtpd, KEYS_PURPOSE_TLS_SERVER, VIEW("x"));
	connect_face(&late, PROGRAM_POPD, 1); /* for whom there is none */
	for (int i = 0; i < 1000 && !late.is_closed; i++)
		loop_turn(w.program.loop, 10);
	assert_true(late.is_closed);
	for (size_t i = 0; i < SERVER_FACES_MAX; i++)
		channel_free(&many[i].channel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		CASE(who_may_not_is_told_why),
		CASE(who_asks_too_often_waits),
		CASE(a_fresh_life_takes_the_place_of_the_old),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
