#include "mail/message_id.h"

#include "suite.h"

static const struct domain server = {VIEW("mail.example.test")};

static void form(void **state)
{
	/* Protects: a msg-id of our own is one by RFC 5322 §3.6.4 and names this server (F-25). */
	struct buffer b = buffer_new(128);
	const struct message_id_seed seed = {
		.wall_s = 880127706, .random = {0, 1, 2, [14] = 0xfe, [15] = 0xff}};
	message_id_add(&b, &seed, server);
	assert_view(
		buffer_view(&b), "<880127706.0001020000000000000000000000feff@mail.example.test>");
	buffer_clear(&b);
	message_id_add(&b, &(struct message_id_seed){.wall_s = -5}, server);
	assert_view(buffer_view(&b), "<0.00000000000000000000000000000000@mail.example.test>");
	buffer_free(&b);
	(void)state;
}

static void random_counts(void **state)
{
	/* Protects: two mails of one second differ when any random octet does. */
	struct buffer a = buffer_new(128);
	message_id_add(&a, &(struct message_id_seed){.wall_s = 1}, server);
	for (size_t i = 0; i < MESSAGE_ID_RANDOM; i++) {
		struct message_id_seed seed = {.wall_s = 1};
		seed.random[i] = 1;
		struct buffer b = buffer_new(128);
		message_id_add(&b, &seed, server);
		assert_false(view_equal(buffer_view(&a), buffer_view(&b)));
		buffer_free(&b);
	}
	buffer_free(&a);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(form),
		cmocka_unit_test(random_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
