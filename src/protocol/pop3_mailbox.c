#include "protocol/pop3_session.h"

/* --- marks */

bool pop3_is_deleted(const struct pop3_server *s, uint32_t number)
{
	const size_t at = (number - 1) / 8;
	return at < s->marks_size && (s->marks[at] >> ((number - 1) % 8) & 1);
}

void pop3_mark_deleted(struct pop3_server *s, uint32_t number, uint64_t octets)
{
	must(number >= 1 && number <= s->count);
	const size_t at = (number - 1) / 8;
	if (at >= s->marks_size) {
		const size_t all = (s->count + 7) / 8;
		const size_t size = at * 2 + 16 < all ? at * 2 + 16 : all;
		s->marks = memory_resize(s->marks, s->marks_size, size, 1);
		s->marks_size = size;
	}
	s->marks[at] |= (uint8_t)(1u << ((number - 1) % 8));
	s->deleted_count++;
	/* Sizes are what another program said: their sum is not trusted to hold. */
	const uint64_t left = s->octets - s->deleted_octets;
	s->deleted_octets += octets < left ? octets : left;
}

uint32_t pop3_server_deleted(const struct pop3_server *s, uint32_t after)
{
	for (size_t i = after; i / 8 < s->marks_size; i++) {
		if (!s->marks[i / 8])
			i |= 7;
		else if (s->marks[i / 8] >> (i % 8) & 1)
			return (uint32_t)i + 1;
	}
	return 0;
}

uint32_t pop3_server_deleted_count(const struct pop3_server *s)
{
	return s->deleted_count;
}

static struct text_arg left_count(const struct pop3_server *s)
{
	return text_number(s->count - s->deleted_count);
}

static struct text_arg left_octets(const struct pop3_server *s)
{
	return text_number(s->octets - s->deleted_octets);
}

/* A message number that can be used; else that was said. */
static bool take_number(struct pop3_server *s, struct view text, const char *usage,
	struct buffer *out, uint32_t *number_out)
{
	uint64_t number;
	if (!text.length || text.length > 20 || !view_to_u64(text, UINT64_MAX, &number)) {
		pop3_bad_syntax(s, out, usage);
		return false;
	}
	if (number < 1 || number > s->count) {
		pop3_say(s, out, POP3_ERR, POP3_TEXT_NO_SUCH, text_number(s->count));
		return false;
	}
	if (pop3_is_deleted(s, (uint32_t)number)) {
		pop3_say(s, out, POP3_ERR, POP3_TEXT_DELETED_ALREADY);
		return false;
	}
	*number_out = (uint32_t)number;
	return true;
}

/* --- rows */

static void ask_rows(
	struct pop3_server *s, enum pop3_purpose purpose, uint32_t number, uint32_t count)
{
	s->purpose = purpose;
	s->ask = (struct pop3_ask){.kind = POP3_ASK_ROWS, .number = number, .count = count};
}

void pop3_list_on(struct pop3_server *s, struct buffer *out)
{
	if (s->list_next > s->count) {
		s->list_next = 0;
		buffer_add(out, VIEW(".\r\n"));
		return;
	}
	const uint32_t left = s->count - s->list_next + 1;
	ask_rows(s, s->purpose, s->list_next, left < POP3_ROWS_PAGE ? left : POP3_ROWS_PAGE);
}

void pop3_stat(struct pop3_server *s, struct view rest, struct buffer *out)
{
	if (rest.length)
		pop3_bad_syntax(s, out, "STAT");
	else
		text_add(out, "+OK {} {}\r\n", left_count(s), left_octets(s));
}

/* The head of the reply goes out with the first page (pop3_answer.c), so that trouble can be told. */
static void list(struct pop3_server *s, struct view rest, struct buffer *out, enum pop3_purpose all,
	enum pop3_purpose one, const char *usage)
{
	uint32_t number;
	if (rest.length) {
		if (take_number(s, rest, usage, out, &number))
			ask_rows(s, one, number, 1);
		return;
	}
	s->purpose = all;
	if (s->count) {
		s->list_next = 1;
		return;
	}
	pop3_say(s, out, POP3_OK, POP3_TEXT_LISTING, left_count(s), left_octets(s));
	buffer_add(out, VIEW(".\r\n"));
}

void pop3_list(struct pop3_server *s, struct view rest, struct buffer *out)
{
	list(s, rest, out, POP3_PURPOSE_LIST, POP3_PURPOSE_LIST_ONE, "LIST [number]");
}

void pop3_uidl(struct pop3_server *s, struct view rest, struct buffer *out)
{
	list(s, rest, out, POP3_PURPOSE_UIDL, POP3_PURPOSE_UIDL_ONE, "UIDL [number]");
}

void pop3_dele(struct pop3_server *s, struct view rest, struct buffer *out)
{
	uint32_t number;
	if (take_number(s, rest, "DELE number", out, &number))
		ask_rows(s, POP3_PURPOSE_DELE, number, 1); /* for its size */
}

/* --- content */

static void ask_content(struct pop3_server *s, uint32_t number, bool whole)
{
	s->ask = (struct pop3_ask){.kind = POP3_ASK_FETCH, .number = number, .whole = whole};
}

void pop3_retr(struct pop3_server *s, struct view rest, struct buffer *out)
{
	uint32_t number;
	if (take_number(s, rest, "RETR number", out, &number))
		ask_content(s, number, true);
}

void pop3_top(struct pop3_server *s, struct view rest, struct buffer *out)
{
	static const char usage[] = "TOP number lines";
	struct view first;
	struct view second;
	uint32_t lines;
	uint32_t number;
	view_split(rest, ' ', &first, &second);
	if (!view_to_u32(view_trim(second), UINT32_MAX, &lines)) {
		pop3_bad_syntax(s, out, usage);
		return;
	}
	if (!take_number(s, first, usage, out, &number))
		return;
	s->top_lines = lines;
	ask_content(s, number, false);
}

/* --- the rest */

void pop3_noop(struct pop3_server *s, struct view rest, struct buffer *out)
{
	if (rest.length)
		pop3_bad_syntax(s, out, "NOOP");
	else
		pop3_say(s, out, POP3_OK, POP3_TEXT_NOOP);
}

void pop3_rset(struct pop3_server *s, struct view rest, struct buffer *out)
{
	if (rest.length) {
		pop3_bad_syntax(s, out, "RSET");
		return;
	}
	memory_free(s->marks);
	s->marks = NULL;
	s->marks_size = 0;
	s->deleted_count = 0;
	s->deleted_octets = 0;
	pop3_say(s, out, POP3_OK, POP3_TEXT_RSET, left_count(s), left_octets(s));
}

/* RFC 1939 §6: only QUIT in TRANSACTION leads to UPDATE. */
void pop3_quit(struct pop3_server *s, struct view rest, struct buffer *out)
{
	if (rest.length) {
		pop3_bad_syntax(s, out, "QUIT");
	} else if (s->state == POP3_STATE_TRANSACTION && s->deleted_count) {
		pop3_enter(s, POP3_STATE_UPDATE);
		s->ask = (struct pop3_ask){.kind = POP3_ASK_REMOVE};
	} else {
		pop3_say(s, out, POP3_OK, POP3_TEXT_BYE);
		pop3_close(s, "quit");
	}
}
