#include "mail/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct envelope sample(struct envelope_recipient *recipients, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		recipients[i] = (struct envelope_recipient){.kind = ENVELOPE_LOCAL,
			.notify = (uint16_t)i,
			.target = VIEW("hana"),
			.forward_path = VIEW("hana@example.test"),
			.orcpt = VIEW("rfc822;hana@example.test")};
	return (struct envelope){.flags = ENVELOPE_SMTPUTF8,
		.reverse_path = VIEW("taro@example.test"),
		.envid = VIEW("id+2B1"),
		.source = VIEW(" session=1"),
		.recipient_count = count,
		.recipients = recipients};
}

static void what_is_written_is_read(void **state)
{
	(void)state;
	struct envelope_recipient recipients[3];
	const struct envelope e = sample(recipients, 3);
	struct buffer b = buffer_new(65536);
	struct arena a = arena_new(65536);
	struct envelope back;
	envelope_add(&b, &e);
	assert_true(envelope_read(buffer_view(&b), &a, &back));
	assert_int_equal(back.recipient_count, 3);
	assert_true(view_equal(back.reverse_path, e.reverse_path));
	assert_true(view_equal(back.recipients[2].forward_path, e.recipients[2].forward_path));
	assert_int_equal(back.recipients[2].notify, 2);
	/* every shorter form, and a longer one, is refused */
	for (size_t n = 0; n < b.length; n++) {
		struct arena other = arena_new(65536);
		assert_false(envelope_read(view_first(buffer_view(&b), n), &other, &back));
		arena_reset(&other);
	}
	buffer_add_octet(&b, 0);
	assert_false(envelope_read(buffer_view(&b), &a, &back));
	arena_reset(&a);
	buffer_free(&b);
}

static void what_is_forwarded_has_its_own_sender(void **state)
{
	/* Protects: the second form, and that the first is still written and read: it lies in spools. */
	(void)state;
	struct envelope_recipient recipients[3];
	struct envelope e = sample(recipients, 3);
	struct buffer plain = buffer_new(65536);
	struct buffer b = buffer_new(65536);
	struct arena a = arena_new(65536);
	struct envelope back;
	e.rewritten = VIEW("SRS0=x=y=z=taro@example.test"); /* nobody to use it */
	envelope_add(&plain, &e);
	assert_int_equal(plain.data[0], 1);
	assert_true(envelope_read(buffer_view(&plain), &a, &back));
	assert_int_equal(back.rewritten.length, 0);
	recipients[1].kind = ENVELOPE_REMOTE;
	recipients[1].alias = VIEW("info@example.test");
	envelope_add(&b, &e);
	assert_int_equal(b.data[0], 2);
	assert_true(envelope_read(buffer_view(&b), &a, &back));
	assert_true(view_equal(back.recipients[1].alias, VIEW("info@example.test")));
	assert_int_equal(back.recipients[2].alias.length, 0);
	assert_true(view_equal(envelope_reverse_path(&back, &back.recipients[0]), e.reverse_path));
	assert_true(view_equal(envelope_reverse_path(&back, &back.recipients[1]), e.rewritten));
	back.rewritten = VIEW_NONE;
	assert_true(view_equal(envelope_reverse_path(&back, &back.recipients[1]), e.reverse_path));
	for (size_t n = 0; n < b.length; n++) {
		struct arena other = arena_new(65536);
		assert_false(envelope_read(view_first(buffer_view(&b), n), &other, &back));
		arena_reset(&other);
	}
	/* a version that there is not */
	b.data[0] = 3;
	assert_false(envelope_read(buffer_view(&b), &a, &back));
	arena_reset(&a);
	buffer_free(&b);
	buffer_free(&plain);
}

static void a_false_count_allocates_nothing(void **state)
{
	(void)state;
	struct envelope_recipient recipients[1];
	const struct envelope e = sample(recipients, 0);
	struct buffer b = buffer_new(65536);
	struct arena a = arena_new(1024);
	struct envelope back;
	envelope_add(&b, &e);
	buffer_patch_u32(&b, b.length - 4, ENVELOPE_RECIPIENTS_MAX);
	assert_false(envelope_read(buffer_view(&b), &a, &back));
	assert_int_equal(a.used, 0);
	buffer_free(&b);
}

static void the_largest_number_of_recipients_fits(void **state)
{
	(void)state;
	struct envelope_recipient *recipients =
		memory_new(ENVELOPE_RECIPIENTS_MAX, sizeof *recipients);
	const struct envelope e = sample(recipients, ENVELOPE_RECIPIENTS_MAX);
	struct buffer b = buffer_new(4u << 20);
	struct arena a = arena_new(8u << 20);
	struct envelope back;
	envelope_add(&b, &e);
	assert_true(envelope_read(buffer_view(&b), &a, &back));
	assert_int_equal(back.recipient_count, ENVELOPE_RECIPIENTS_MAX);
	arena_reset(&a);
	buffer_free(&b);
	memory_free(recipients);
}

static void deliveries_are_a_list(void **state)
{
	(void)state;
	struct buffer b = buffer_new(1024);
	struct envelope_delivery d = {3, VIEW("hana"), VIEW("hana@example.test")};
	envelope_delivery_add(&b, &d);
	d.index = 4;
	envelope_delivery_add(&b, &d);
	struct cursor c = cursor_of(buffer_view(&b));
	assert_true(envelope_delivery_next(&c, &d));
	assert_int_equal(d.index, 3);
	assert_true(envelope_delivery_next(&c, &d));
	assert_int_equal(d.index, 4);
	assert_false(envelope_delivery_next(&c, &d));
	assert_true(cursor_done(&c));
	c = cursor_of(view_first(buffer_view(&b), b.length - 1));
	assert_true(envelope_delivery_next(&c, &d));
	assert_false(envelope_delivery_next(&c, &d));
	assert_true(cursor_failed(&c));
	buffer_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(what_is_forwarded_has_its_own_sender),
		cmocka_unit_test(a_false_count_allocates_nothing),
		cmocka_unit_test(the_largest_number_of_recipients_fits),
		cmocka_unit_test(deliveries_are_a_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
