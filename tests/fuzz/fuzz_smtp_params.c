/*
 * protocol/smtp_params.h: what stands behind the paths of MAIL and RCPT, of any octets. What is taken
 * is bounded and printable, so that it can stand in an envelope, a log and a DSN (RFC 3461 §4).
 *
 * Input: an octet of flags (RCPT or MAIL, SMTPUTF8, a small arena), then the parameters.
 */
#include "protocol/smtp_params.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_refusal(const struct reply *r)
{
	must(r->code == 501 || r->code == 555 || r->code == 452);
	must(r->enhanced.class == r->code / 100 && r->text.length && r->rule);
}

static void check_mail(const struct smtp_mail *mail)
{
	must(mail->envid.length <= SMTP_ENVID_MAX && view_is_printable(mail->envid, false));
	must(mail->auth.length <= SMTP_AUTH_MAX && view_is_printable(mail->auth, true));
	must(mail->auth.length == 0 || mail->has_auth);
	must(mail->size_octets == 0 || mail->has_size);
}

static void check_recipient(const struct smtp_recipient *r, bool utf8)
{
	must(r->orcpt.length <= SMTP_ORCPT_MAX && view_is_utf8(r->orcpt));
	must(utf8 || view_is_printable(r->orcpt, false));
	must(view_find(r->orcpt, ' ') == VIEW_NOT_FOUND &&
		view_find(r->orcpt, '\r') == VIEW_NOT_FOUND);
	must((r->orcpt.length > 0) == (r->orcpt_type.length > 0));
	must(r->orcpt_address.length <= r->orcpt.length && view_is_utf8(r->orcpt_address));
	must(view_find(r->orcpt_address, '\n') == VIEW_NOT_FOUND &&
		view_find(r->orcpt_address, '\r') == VIEW_NOT_FOUND &&
		view_find(r->orcpt_address, 0) == VIEW_NOT_FOUND);
	must(!(r->notify & ENVELOPE_NOTIFY_NEVER) || r->notify == ENVELOPE_NOTIFY_NEVER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	const struct view text = view_of(data + 1, size - 1);
	struct arena a = arena_new(data[0] & 4 ? 64 : 1u << 20);
	struct smtp_mail mail = {.smtputf8 = data[0] & 2};
	struct smtp_recipient recipient = {.notify = 0};
	const struct reply *wrong = data[0] & 1 ? smtp_params_rcpt(text, &mail, &a, &recipient)
						: smtp_params_mail(text, &a, &mail);
	if (wrong)
		check_refusal(wrong);
	else if (data[0] & 1)
		check_recipient(&recipient, mail.smtputf8);
	else
		check_mail(&mail);
	must(!wrong || wrong->code != 452 || data[0] & 4);
	arena_reset(&a);
	return 0;
}
