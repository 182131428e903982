/*
 * Fuzz target: the header section of a mail that is being posted, in pieces as the input says. What is
 * accepted has one From, whose addresses are whole; what is completed is accepted again and lacks nothing.
 */
#include "mail/originator.h"

#define SECTION_MAX 4096u
#define MORE_MAX 256u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum originator_problem look(struct view content, uint8_t step, struct originator *o,
	struct arena *a, struct originator_fields *fields)
{
	struct buffer piece = buffer_new(MORE_MAX);
	originator_start(o, SECTION_MAX, MORE_MAX);
	while (content.length && !originator_is_whole(o)) {
		const struct view part = view_first(content, step ? step : 1);
		buffer_add(&piece, part);
		content = view_from(content, part.length);
		if (!originator_take(o, &piece))
			must(piece.length == 0);
	}
	originator_finish(o);
	must(!buffer_failed(&o->held));
	buffer_free(&piece);
	return originator_look(o, a, fields);
}

static void check_again(
	struct view content, const struct originator_fields *fields, struct arena *a)
{
	static struct originator_fields again;
	struct originator o;
	struct buffer whole = buffer_new(SECTION_MAX + ORIGINATOR_ADDED_MAX + 65536);
	const struct originator_seed seed = {.time_s = 1,
		.server = {VIEW("mail.example.test")},
		.sender = &fields->from.list[0]};
	originator_add_missing(&whole, fields, &seed);
	must(!buffer_failed(&whole) && whole.length <= ORIGINATOR_ADDED_MAX);
	buffer_add(&whole, content);
	if (buffer_failed(&whole) || whole.length > SECTION_MAX) {
		buffer_free(&whole);
		return;
	}
	must(look(buffer_view(&whole), 200, &o, a, &again) == ORIGINATOR_OK);
	must(again.has_date && again.has_message_id && again.from.count == fields->from.count);
	must(again.has_sender || again.from.count == 1);
	for (size_t i = 0; i < again.from.count; i++)
		must(address_equal(&again.from.list[i], &fields->from.list[i]));
	originator_free(&o);
	buffer_free(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct originator_fields fields;
	struct originator o;
	struct arena a = arena_new(1u << 20);
	const struct view content = size ? view_of(data + 1, size - 1) : VIEW_NONE;
	if (look(content, size ? data[0] : 1, &o, &a, &fields) == ORIGINATOR_OK) {
		must(fields.from.count > 0 && fields.from.count <= MAILBOXES_MAX);
		for (size_t i = 0; i < fields.from.count; i++)
			must(!address_is_null(&fields.from.list[i]));
		check_again(content, &fields, &a);
	}
	originator_free(&o);
	arena_reset(&a);
	return 0;
}
