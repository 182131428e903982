/*
 * Fuzz target: the two ways of a POP3 or IMAP session. The first octet chooses the protocol; then pieces: an octet with the
 * direction in its high bit and the length, the octets. In one piece or octet by octet, it sees the same. No server here
 * ever says yes to a login: what looks like one in a reply to something else must not open.
 */
#include "popkey/watcher.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed(struct watcher *w, bool is_server, struct view v, bool by_octets, bool *opened)
{
	for (size_t i = 0; i < v.length; i += by_octets ? 1 : v.length) {
		const struct view part = by_octets ? view_part(v, i, 1) : v;
		if (!is_server)
			watcher_client(w, part);
		else if (watcher_server(w, part)) {
			must(!*opened);
			*opened = true;
		}
		must(!*opened || watcher_is_over(w));
	}
}

static bool run(struct view input, bool by_octets, struct watcher *w)
{
	struct cursor c = cursor_of(input);
	bool opened = false;
	watcher_init(w, cursor_u8(&c) & 1 ? WATCHER_IMAP : WATCHER_POP3);
	while (cursor_left(&c)) {
		const uint8_t head = cursor_u8(&c);
		const struct view piece = view_first(cursor_rest(&c), head & 0x7fu);
		feed(w, head & 0x80, piece, by_octets, &opened);
		(void)cursor_take(&c, piece.length);
	}
	return opened;
}

/* No login that was sent: none that was seen. */
static bool has_login(struct view v)
{
	static const struct view words[] = {
		VIEW("pass"), VIEW("apop"), VIEW("auth"), VIEW("login")};
	for (size_t i = 0; i < v.length; i++)
		for (size_t k = 0; k < 4; k++)
			if (view_starts_nocase(view_from(v, i), words[k]))
				return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view input = view_of(data, size);
	struct watcher a, b;
	const bool opened = run(input, false, &a);
	must(opened == run(input, true, &b));
	must(view_equal(watcher_user(&a), watcher_user(&b)) && a.state == b.state);
	/* a word may be cut by the head of a piece, hence without them */
	struct buffer sent = buffer_new(size);
	struct cursor c = cursor_of(view_from(input, 1));
	while (cursor_left(&c)) {
		const uint8_t head = cursor_u8(&c);
		const struct view piece = view_first(cursor_rest(&c), head & 0x7fu);
		if (!(head & 0x80))
			buffer_add(&sent, piece);
		(void)cursor_take(&c, piece.length);
	}
	must(!opened || has_login(buffer_view(&sent)));
	buffer_free(&sent);
	watcher_free(&a);
	watcher_free(&b);
	return 0;
}
