/*
 * mail/dsn.h under whatever an original, its envelope and a remote host may say: what comes out is a mail
 * whose header fields are ours alone, in lines that every host takes, in 7 bits unless its flags say
 * otherwise, and of no more octets than were allowed.
 *
 * Input: a few octets of choices, the recipients' words (each behind its length), then the original.
 */
#include "mail/dsn.h"
#include "mail/envelope.h"
#include "mail/header.h"
#include "mail/transfer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECIPIENTS 4

static struct view word(struct cursor *in)
{
	const uint8_t length = cursor_u8(in);
	return cursor_take(in, length < cursor_left(in) ? length : cursor_left(in));
}

static void check_fields(struct view mail)
{
	static const struct view ours[] = {VIEW("From"), VIEW("To"), VIEW("Subject"), VIEW("Date"),
		VIEW("Message-ID"), VIEW("In-Reply-To"), VIEW("References"), VIEW("Auto-Submitted"),
		VIEW("MIME-Version"), VIEW("Content-Type"), VIEW("Content-Transfer-Encoding"),
		VIEW("Content-Language")};
	unsigned seen[sizeof ours / sizeof *ours] = {0};
	struct cursor c = cursor_of(mail);
	struct header_field field;
	while (header_next(&c, &field)) {
		size_t i = 0;
		while (i < sizeof ours / sizeof *ours && !view_equal(field.name, ours[i]))
			i++;
		must(i < sizeof ours / sizeof *ours && seen[i]++ == 0);
	}
	must(view_starts(cursor_rest(&c), VIEW("\r\n")));
	must(seen[0] && seen[1] && seen[2] && seen[3] && seen[4]);
}

static void check_octets(struct view mail, uint16_t flags)
{
	const enum transfer least = transfer_least(mail);
	must(least == TRANSFER_7BIT || (least == TRANSFER_8BIT && flags & ENVELOPE_8BITMIME));
	must(view_ends(mail, VIEW("\r\n")));
}

/* The delimiters: one before each part, one at the end. */
static void check_parts(const struct dsn *d, struct view mail)
{
	unsigned count = 0;
	struct view rest = mail;
	if (d->kind == DSN_TO_POSTMASTER)
		return;
	for (;;) {
		const size_t at = view_search(rest, VIEW("\r\n--=_0808"));
		if (at == VIEW_NOT_FOUND)
			break;
		count++;
		rest = view_from(rest, at + 1);
	}
	must(count == 3 || count == 4);
	must(view_ends(mail, VIEW("0808--\r\n")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor in = cursor_of(view_of(data, size));
	struct dsn_recipient recipients[RECIPIENTS];
	struct dsn d = {.server = {VIEW("mail.example.test")}, .site = {VIEW("example.test")}};
	const uint8_t choices = cursor_u8(&in);
	const size_t max = 64u << (cursor_u8(&in) % 12);
	uint16_t flags = UINT16_MAX;
	d.kind = choices & 1 ? DSN_TO_POSTMASTER : DSN_REPORT;
	d.is_whole = choices & 2;
	d.flags = choices >> 2 & 15;
	d.recipient_count = 1 + (choices >> 6);
	d.recipients = recipients;
	d.now_s = (int64_t)cursor_u32(&in) << (choices & 31);
	d.arrival_s = -d.now_s;
	for (size_t i = 0; i < DSN_RANDOM; i++)
		d.random[i] = 8;
	d.to = word(&in);
	d.reverse_path = word(&in);
	d.envid = word(&in);
	for (uint32_t i = 0; i < d.recipient_count; i++)
		recipients[i] = (struct dsn_recipient){.action = cursor_u8(&in) % DSN_ACTIONS,
			.forward_path = word(&in),
			.orcpt = word(&in),
			.status = word(&in),
			.host = word(&in),
			.reply = word(&in),
			.reason = word(&in),
			.attempt_s = d.now_s,
			.until_s = d.now_s};
	d.content = cursor_rest(&in);
	/* an original that knows our boundary would be a fine guesser */
	if (view_search(view_of(data, size), VIEW("=_08")) != VIEW_NOT_FOUND)
		return 0;
	struct buffer out = buffer_new(max);
	if (dsn_compose(&d, &out, &flags)) {
		must(out.length > 0 && out.length <= max);
		must(!(flags & ~(ENVELOPE_8BITMIME | ENVELOPE_SMTPUTF8)));
		check_fields(buffer_view(&out));
		check_octets(buffer_view(&out), flags);
		check_parts(&d, buffer_view(&out));
	} else {
		must(out.length == 0);
	}
	buffer_free(&out);
	return 0;
}
