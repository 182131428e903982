#include "mail/notice.h"

#include "mail/header.h"
#include "mail/transfer.h"
#include "suite.h"

static struct notice example(void)
{
	return (struct notice){.count = 80,
		.limit = 100,
		.user = VIEW("hana"),
		.to = VIEW("hana@example.test"),
		.postmaster = VIEW("postmaster@example.test"),
		.client = VIEW("192.0.2.7"),
		.server = {VIEW("mail.example.test")},
		.site = {VIEW("example.test")},
		.now_s = 880127706};
}

static bool has(const struct buffer *b, struct view part)
{
	for (size_t i = 0; i + part.length <= b->length; i++)
		if (view_equal(view_part(buffer_view(b), i, part.length), part))
			return true;
	return false;
}

static void is_a_mail(void **state)
{
	/* Protects: N-8: a whole mail that no auto-responder answers, in lines of bearable length. */
	struct buffer b = buffer_new(NOTICE_OCTETS_MAX);
	const struct notice n = example();
	assert_true(notice_compose(&b, &n));
	assert_true(view_is_ascii(buffer_view(&b)));
	assert_int_equal(transfer_least(buffer_view(&b)), TRANSFER_7BIT);
	assert_true(has(&b, VIEW("To: <hana@example.test>\r\nCc: <postmaster@example.test>\r\n")));
	assert_true(has(&b, VIEW("Auto-Submitted: auto-generated\r\n")));
	assert_true(has(
		&b, VIEW("Message-ID: "
			 "<880127706.00000000000000000000000000000000@mail.example.test>\r\n")));
	buffer_free(&b);
	(void)state;
}

static void says_what_is(void **state)
{
	/* Protects: near and reached, hour and day are told apart. */
	struct view all[4];
	struct buffer mails[4];
	for (unsigned i = 0; i < 4; i++) {
		struct notice n = example();
		n.is_reached = i & 1;
		n.is_of_day = i & 2;
		mails[i] = buffer_new(NOTICE_OCTETS_MAX);
		assert_true(notice_compose(&mails[i], &n));
		all[i] = buffer_view(&mails[i]);
		assert_int_equal(has(&mails[i], VIEW("You have reached your limit")), n.is_reached);
		for (unsigned k = 0; k < i; k++)
			assert_false(view_equal(all[i], all[k]));
	}
	for (unsigned i = 0; i < 4; i++)
		buffer_free(&mails[i]);
	(void)state;
}

static void has_bounds(void **state)
{
	/* Protects: the longest names fit into NOTICE_OCTETS_MAX; less room is said. */
	uint8_t name[320];
	struct notice n = example();
	struct buffer b = buffer_new(NOTICE_OCTETS_MAX);
	struct buffer small = buffer_new(512);
	for (size_t i = 0; i < sizeof name; i++)
		name[i] = 'x';
	n.user = view_of(name, 64);
	n.to = n.postmaster = view_of(name, sizeof name);
	n.site.name = n.server.name = view_of(name, 253);
	n.count = n.limit = UINT64_MAX;
	assert_true(notice_compose(&b, &n));
	assert_false(notice_compose(&small, &n));
	buffer_free(&b);
	buffer_free(&small);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_a_mail),
		cmocka_unit_test(says_what_is),
		cmocka_unit_test(has_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
