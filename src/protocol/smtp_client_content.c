/* The content: in one chunk (RFC 3030), or line by line with dots made transparent (RFC 5321 §4.5.2). */
#include "protocol/smtp_client_machine.h"

#include "base/text.h"

static const char needs_8bitmime[] =
	"The mail has 8-bit octets, and the host takes 7-bit mail only (no 8BITMIME)";

/* The chunk may follow its envelope unasked: it is small, and the server reads ahead. */
static bool is_eager(const struct smtp_client *c)
{
	return c->facts.has_pipelining && !c->t.mail->all_or_none &&
	       c->t.mail->size_octets <= SMTP_CLIENT_EAGER_MAX;
}

bool client_wants_content(const struct smtp_client *c)
{
	if (c->state == SMTP_CLIENT_STATE_CONTENT)
		return !c->t.is_void && c->t.left_octets > 0;
	return c->state == SMTP_CLIENT_STATE_ENVELOPE && c->t.is_chunk && !c->t.is_mail_refused &&
	       c->t.stage == CLIENT_SAYS_ALL && (is_eager(c) || client_waits(c) == 0);
}

void client_write_chunk(struct smtp_client *c, struct buffer *out)
{
	text_add(out, "BDAT {} LAST\r\n", text_number(c->t.left_octets));
	client_said(c, SMTP_CLIENT_CONTENT);
	client_enter(c, SMTP_CLIENT_STATE_CONTENT);
}

void client_write_content_end(struct smtp_client *c, struct buffer *out)
{
	if (!c->t.is_void && c->t.left_octets > 0)
		return;
	if (!c->t.is_chunk && !c->t.is_line_start)
		buffer_add(out, VIEW("\r\n"));
	if (!c->t.is_chunk)
		buffer_add(out, VIEW(".\r\n"));
	c->t.is_ended = true;
	client_enter(c, SMTP_CLIENT_STATE_FINAL);
}

/* Any LF is taken for the end of a line here, so that no lone dot gets out, whatever was let in. How
 * many octets of the piece were used. */
static size_t add_stuffed(struct client_transaction *t, struct view piece, struct buffer *out)
{
	size_t done = 0;
	while (done < piece.length && buffer_left(out) >= 2) {
		const struct view rest = view_from(piece, done);
		if (t->is_line_start && view_at(rest, 0) == '.')
			buffer_add_octet(out, '.');
		const size_t at = view_search(rest, VIEW("\n."));
		const struct view run = view_first(
			at == VIEW_NOT_FOUND ? rest : view_first(rest, at + 1), buffer_left(out));
		buffer_add(out, run);
		t->is_line_start = view_at(run, run.length - 1) == '\n';
		done += run.length;
	}
	return done;
}

static size_t add_content(struct client_transaction *t, struct view piece, struct buffer *out)
{
	if (!t->is_chunk)
		return add_stuffed(t, piece, out);
	buffer_add(out, piece);
	return piece.length;
}

/* RFC 6152 §3: such a mail must not be sent there. What was sent of it has no end, so it is none. */
static void refuse_8bit(struct smtp_client *c)
{
	const struct smtp_client_result result = {.outcome = SMTP_CLIENT_REFUSED,
		.said = {.command = SMTP_CLIENT_NOTHING,
			.enhanced = {5, 6, 3},
			.text = view_text(needs_8bitmime)}};
	client_settle(c, CLIENT_ALL, &result);
	client_end_why(c, SMTP_CLIENT_END_CONTENT, needs_8bitmime);
}

/* As much as is to be had, still belongs to the mail, and fits behind a BDAT. */
static struct view next_piece(
	const struct smtp_client *c, const struct cursor *content, const struct buffer *out)
{
	const size_t room = buffer_left(out);
	const uint64_t left = c->t.left_octets;
	const struct view piece = view_first(
		cursor_rest(content), room > CLIENT_COMMAND_ROOM ? room - CLIENT_COMMAND_ROOM : 0);
	return left < piece.length ? view_first(piece, (size_t)left) : piece;
}

bool smtp_client_content(struct smtp_client *c, struct cursor *content, struct buffer *out)
{
	if (!client_wants_content(c))
		return false;
	const struct view piece = next_piece(c, content, out);
	if (view_is_empty(piece))
		return true;
	if (!c->facts.has_8bitmime && !view_is_ascii(piece)) {
		refuse_8bit(c);
		return false;
	}
	if (c->state == SMTP_CLIENT_STATE_ENVELOPE)
		client_write_chunk(c, out);
	const size_t used = add_content(&c->t, piece, out);
	cursor_take(content, used);
	c->t.left_octets -= used;
	return c->t.left_octets > 0;
}

void smtp_client_content_failed(struct smtp_client *c, const char *why)
{
	if (c->t.mail && !c->t.is_ended)
		client_end_why(c, SMTP_CLIENT_END_CONTENT, why);
}
