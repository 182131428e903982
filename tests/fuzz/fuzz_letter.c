/*
 * Fuzz target: what a program pipes into `sendmail -t`, in pieces as the input says. What comes out are lines that
 * SMTP can carry; the header section ends where it shall; no Bcc is left; who is named is an address; and written
 * once more it names the same and changes no more.
 */
#include "mail/header.h"
#include "post/letter.h"
#include "post/lines.h"

#define ARENA_MAX ((size_t)4 << 20)
#define OUT_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct letter_seed seed = {
	.names = {{(const uint8_t *)"mail.example.test", 17}, {(const uint8_t *)"b", 1}},
	.sender = {(const uint8_t *)"hana@mail.example.test", 22},
	.full_name = {(const uint8_t *)"Hana", 4}};

static void check_lines(struct view out)
{
	struct view line;
	while (out.length) {
		must(view_split(out, '\n', &line, &out));
		must(view_at(line, line.length - 1) == '\r' && line.length <= LINES_LENGTH_MAX + 1);
		must(view_find(view_first(line, line.length - 1), '\r') == VIEW_NOT_FOUND);
		must(view_find(line, 0) == VIEW_NOT_FOUND);
	}
}

static void make_lines(struct view text, uint8_t step, struct buffer *out)
{
	static struct lines l;
	l = (struct lines){.ends_at_dot = step & 1};
	while (text.length && !l.is_over) {
		const struct view piece = view_first(text, (size_t)step + 1);
		lines_feed(&l, piece, out);
		text = view_from(text, piece.length);
	}
	lines_finish(&l, out);
	check_lines(buffer_view(out));
}

static void check_recipients(const struct letter_recipients *to, struct arena *a)
{
	struct address address;
	for (uint32_t i = 0; i < to->count; i++)
		must(address_parse(to->list[i], true, a, &address) == ADDRESS_OK ||
			a->used > a->max / 2);
}

static void write_letter(struct view content, struct arena *a)
{
	static struct letter_recipients to, again;
	struct buffer out = buffer_new(OUT_MAX), more = buffer_new(OUT_MAX);
	struct header_field field;
	const size_t end = letter_section(content);
	to.count = again.count = 0;
	if (letter_write(view_first(content, end), &seed, &to, a, &out) == LETTER_OK) {
		const struct view whole = buffer_view(&out);
		const struct view section = view_first(whole, whole.length - 2);
		check_recipients(&to, a);
		must(letter_section(whole) == section.length);
		must(!header_find(section, VIEW("Bcc"), &field));
		must(header_find(section, VIEW("From"), &field));
		const enum letter_problem problem = letter_write(section, &seed, &again, a, &more);
		/* with Resent-Bcc the last word of a forwarding may go: then To counts, which nobody had read */
		const bool is_same =
			!header_find(view_first(content, end), VIEW("Resent-Bcc"), &field) &&
			section.length <= LETTER_SECTION_MAX && a->used <= a->max / 2;
		must(!is_same || problem == LETTER_OK);
		must(!is_same || again.count <= to.count);
		must(!is_same || buffer_failed(&more) || view_equal(buffer_view(&more), whole));
	}
	buffer_free(&out);
	buffer_free(&more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = arena_new(ARENA_MAX);
	struct buffer out = buffer_new(OUT_MAX);
	if (size > 1) {
		make_lines(view_of(data + 1, size - 1), data[0], &out);
		if (!buffer_failed(&out))
			write_letter(buffer_view(&out), &a);
	}
	buffer_free(&out);
	arena_reset(&a);
	return 0;
}
