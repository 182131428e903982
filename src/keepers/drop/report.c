/* What the owner of a file is told when smtpd refuses his mail for good: a report as any sender gets
 * (mail/dsn.h), handed in like a mail of the machine's own. Who has no mailbox here is a program, whose reports the
 * postmaster reads. */
#include "keepers/drop/dropd.h"

#include "base/clock.h"
#include "base/random.h"
#include "mail/dsn.h"

#define REPORT_MAX (240u << 10)
#define ORIGINAL_MAX (64u << 10)

static uint64_t number_of(const char *name)
{
	uint64_t n = 0;
	return view_to_hex64(view_first(view_text(name), 16), &n) ? n : 0;
}

static struct view text_copy(struct arena *a, struct buffer *b)
{
	struct view copy = VIEW_NONE;
	if (buffer_failed(b) || !arena_copy(a, buffer_view(b), &copy))
		copy = VIEW_NONE;
	buffer_free(b);
	return copy;
}

static struct view status_of(struct arena *a, const struct smtp_client_said *said)
{
	struct buffer b = buffer_new(DSN_STATUS_MAX);
	if (said->enhanced.class)
		text_add(&b, "5.{}.{}", text_number(said->enhanced.subject),
			text_number(said->enhanced.detail));
	else
		buffer_add(&b, VIEW("5.0.0"));
	return text_copy(a, &b);
}

static uint32_t fill_recipients(struct hand *h, struct dsn_recipient *list)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < h->dropped.recipient_count; i++) {
		const struct smtp_client_result *r = &h->results[i];
		if (r->outcome == SMTP_CLIENT_REFUSED)
			list[n++] = (struct dsn_recipient){.action = DSN_FAILED,
				.forward_path = h->dropped.recipients[i].forward_path,
				.status = status_of(&h->arena, &r->said),
				.reason = r->said.text,
				.attempt_s = clock_wall_s()};
	}
	return n;
}

static bool compose(struct hand *h, struct view to, struct buffer *out, uint16_t *flags)
{
	const struct view front = view_from(buffer_view(&h->front), h->dropped.head_octets);
	struct dsn_recipient *list =
		arena_get_array(&h->arena, h->dropped.recipient_count, sizeof *list);
	struct dsn d = {.kind = DSN_REPORT,
		.server = h->snapshot->servername,
		.site = h->snapshot->first_domain,
		.to = to,
		.now_s = clock_wall_s(),
		.id = {number_of(h->name)},
		.arrival_s = h->written_s,
		.flags = h->octets <= ORIGINAL_MAX ? ENVELOPE_RET_FULL : 0,
		.reverse_path = h->dropped.reverse_path,
		.envid = h->dropped.envid,
		.content = view_first(front, ORIGINAL_MAX),
		.is_whole = h->octets <= ORIGINAL_MAX,
		.recipients = list};
	if (!list)
		return false;
	random_octets(d.random, sizeof d.random);
	d.recipient_count = fill_recipients(h, list);
	return dsn_compose(&d, out, flags);
}

static struct view addressee(struct hand *h)
{
	struct buffer b = buffer_new(CALLER_NAME_MAX + DOMAIN_NAME_MAX + 1);
	text_add(&b, "{}@{}",
		text_raw(h->to_postmaster ? VIEW("postmaster") : view_of(h->user, h->user_length)),
		text_raw(h->snapshot->servername.name));
	return text_copy(&h->arena, &b);
}

static void judge(struct hand *h, const struct smtp_client_result *r)
{
	if (r->outcome == SMTP_CLIENT_SENT) {
		h->why = NULL;
		(void)hand_mark(h, SMTP_CLIENT_REFUSED, DROPPED_FAILED);
		h->outcome = hand_finish(h);
	} else if (r->outcome == SMTP_CLIENT_REFUSED && !h->to_postmaster) {
		h->to_postmaster = true;
		h->outcome = HAND_REFUSED;
	} else {
		h->outcome = HAND_LATER;
		h->why = "the report to its owner is not taken now";
	}
}

static void hand_in(struct hand *h, struct view to, struct view report, uint16_t flags)
{
	const struct smtp_client_recipient recipient = {.forward_path = to};
	const struct smtp_client_mail mail = {.size_octets = report.length,
		.is_8bitmime = flags & ENVELOPE_8BITMIME,
		.smtputf8 = flags & ENVELOPE_SMTPUTF8,
		.recipients = &recipient,
		.recipient_count = 1};
	struct dialogue d = {.socket = h->socket,
		.content = -1,
		.text = report,
		.name = h->snapshot->servername.name,
		.arena = &h->arena};
	h->why = "smtpd is not there";
	if (dialogue_run(&d, &mail))
		judge(h, &d.results[0]);
}

void report_to_owner(struct hand *h)
{
	struct buffer report = buffer_new(REPORT_MAX);
	const struct view to = addressee(h);
	uint16_t flags = 0;
	h->outcome = HAND_LATER;
	h->why = "there is no memory for a report";
	if (to.length && compose(h, to, &report, &flags))
		hand_in(h, to, buffer_view(&report), flags);
	buffer_free(&report);
}
