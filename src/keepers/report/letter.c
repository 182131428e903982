#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "keepers/report/reportd.h"

/* --- told --------------------------------------------------------------------------------- */

const char *letter_report(struct letter *l, const struct frame *frame)
{
	struct view form;
	l->id.value = frame->values[0].number;
	l->arrival_s = (int64_t)frame->values[1].number;
	l->size = frame->values[2].number;
	l->told = arena_get_array(&l->arena, REPORT_RECIPIENTS_MAX, sizeof *l->told);
	if (!l->told || !arena_copy(&l->arena, frame->values[3].bytes, &form) ||
		!envelope_read(form, &l->arena, &l->envelope))
		return "an envelope that does not hold together";
	l->state = REPORT_STATE_TELLING;
	return NULL;
}

/* "mx.example.org [192.0.2.1]", or what there is of it. */
static bool keep_host(struct arena *a, struct view name, struct view address, struct view *out)
{
	struct buffer b = buffer_new(REPORT_HOST_MAX + REPORT_ADDRESS_MAX + 3);
	buffer_add(&b, name);
	if (address.length)
		text_add(&b, "{}[{}]", text_string(name.length ? " " : ""), text_raw(address));
	const bool ok = !buffer_failed(&b) && arena_copy(a, buffer_view(&b), out);
	buffer_free(&b);
	return ok;
}

/* Where an alias leads is the business of this site, not of who wrote to it (RFC 3464 §4.2): neither the
 * address, nor its host, nor what that said of it. The log has all of it. */
static void veil(const struct envelope_recipient *r, struct dsn_recipient *told)
{
	told->forward_path = r->alias;
	told->host = VIEW_NONE;
	told->reply = VIEW_NONE;
	told->reason = VIEW("it is forwarded to another host, which does not have it");
	if (told->action != DSN_FAILED && told->action != DSN_DELAYED)
		told->reason = VIEW_NONE;
}

const char *letter_recipient(struct letter *l, const struct frame *frame)
{
	const struct frame_value *v = frame->values;
	if (l->told_count == REPORT_RECIPIENTS_MAX || v[0].number >= l->envelope.recipient_count)
		return "a recipient too many, or one who is none of the mail's";
	struct addressee_told *t = &l->told[l->told_count++];
	t->index = (uint32_t)v[0].number;
	const struct envelope_recipient *r = &l->envelope.recipients[t->index];
	t->recipient = (struct dsn_recipient){.action = (enum dsn_action)v[1].number,
		.forward_path = r->forward_path,
		.orcpt = r->orcpt,
		.attempt_s = (int64_t)v[7].number,
		.until_s = (int64_t)v[8].number};
	const bool ok = arena_copy(&l->arena, v[2].bytes, &t->recipient.status) &&
			keep_host(&l->arena, v[3].bytes, v[4].bytes, &t->recipient.host) &&
			arena_copy(&l->arena, v[5].bytes, &t->recipient.reply) &&
			arena_copy(&l->arena, v[6].bytes, &t->recipient.reason);
	must(ok); /* LETTER_ARENA_MAX holds the largest that the channel lets through */
	if (r->alias.length)
		veil(r, &t->recipient);
	return NULL;
}

/* --- decided ------------------------------------------------------------------------------ */

static bool has_failed(const struct letter *l)
{
	for (uint32_t i = 0; i < l->told_count; i++)
		if (l->told[i].recipient.action == DSN_FAILED)
			return true;
	return false;
}

/* A copy for the postmaster holds no more of a user's mail than is needed to understand it. */
static bool may_go_whole(const struct letter *l)
{
	return l->addressee.kind == ADDRESSEE_SENDER && !l->addressee.has_copies &&
	       dsn_wants_whole(l->envelope.flags, has_failed(l)) && l->size <= REPORT_CONTENT_MAX;
}

static uint32_t octets_wanted(const struct letter *l)
{
	const uint32_t most = may_go_whole(l) ? REPORT_CONTENT_MAX : LETTER_HEADER_MAX;
	return l->size < most ? (uint32_t)l->size : most;
}

static void say_none(struct letter *l, const char *why)
{
	l->state = REPORT_STATE_IDLE;
	l->reportd->counts.nobody++;
	log_info("nobody is told", fact_hex("id", l->id.value), fact_text("why", why));
	channel_say(l->reportd->spool, REPORT_NONE, l->number, frame_bytes(view_text(why)));
}

const char *letter_ask(struct letter *l)
{
	if (l->told_count == 0)
		return "a report of nobody";
	l->told_count = addressee_filter(&l->envelope, l->told, l->told_count);
	must(addressee_find(
		l->snapshot, &l->envelope, l->told, l->told_count, &l->arena, &l->addressee));
	if (l->addressee.kind == ADDRESSEE_NOBODY) {
		say_none(l, l->addressee.why);
		return NULL;
	}
	l->wanted = octets_wanted(l);
	l->state = REPORT_STATE_GIVING;
	channel_say(l->reportd->spool, REPORT_WANT, l->number, frame_number(l->wanted));
	return NULL;
}

/* --- written ------------------------------------------------------------------------------ */

static struct dsn dsn_of(const struct letter *l, struct view content)
{
	const struct snapshot *s = l->snapshot;
	struct dsn d = {
		.kind = l->addressee.kind == ADDRESSEE_SENDER ? DSN_REPORT : DSN_TO_POSTMASTER,
		.server = s->servername,
		.site = s->first_domain,
		.to = l->addressee.path,
		.now_s = clock_wall_s(),
		.id = l->id,
		.arrival_s = l->arrival_s,
		.flags = may_go_whole(l) ? ENVELOPE_RET_FULL : 0,
		.reverse_path = l->envelope.reverse_path,
		.envid = l->envelope.envid,
		.content = content,
		.is_whole = content.length == l->size,
	};
	random_octets(d.random, sizeof d.random);
	return d;
}

static void add_envelope(const struct letter *l, uint16_t flags, struct buffer *form)
{
	struct buffer source = buffer_new(ENVELOPE_PATH_MAX);
	const struct fact of = fact_hex("report-of", l->id.value);
	fact_add(&source, &of);
	const struct envelope e = {.flags = flags,
		.source = buffer_view(&source),
		.recipients = l->addressee.recipients,
		.recipient_count = l->addressee.recipient_count};
	envelope_add(form, &e);
	buffer_free(&source);
}

static void count_and_log(struct letter *l, size_t octets)
{
	const bool to_sender = l->addressee.kind == ADDRESSEE_SENDER;
	if (to_sender)
		l->reportd->counts.reports++;
	else
		l->reportd->counts.postmaster++;
	log_info(to_sender ? "sender is told" : "postmaster is told", fact_hex("id", l->id.value),
		fact_view("to", l->addressee.path),
		fact_text("action", dsn_action_name(l->told[0].recipient.action)),
		fact_number("recipients", l->told_count), fact_number("octets", octets));
}

static bool compose(
	const struct letter *l, struct view content, struct buffer *out, uint16_t *flags)
{
	struct dsn d = dsn_of(l, content);
	struct dsn_recipient *all = memory_new(l->told_count, sizeof *all);
	for (uint32_t i = 0; i < l->told_count; i++)
		all[i] = l->told[i].recipient;
	d.recipients = all;
	d.recipient_count = l->told_count;
	const bool ok = dsn_compose(&d, out, flags);
	memory_free(all);
	if (d.kind == DSN_TO_POSTMASTER)
		*flags |= ENVELOPE_NO_REPORT;
	*flags |= l->envelope.flags & ENVELOPE_REQUIRETLS; /* RFC 8689 §5 */
	return ok;
}

const char *letter_content(struct letter *l, struct view octets)
{
	if (octets.length > l->wanted)
		return "more octets than were wanted";
	uint16_t flags = 0;
	struct buffer content = buffer_new(REPORT_MAIL_MAX);
	struct buffer form = buffer_new(REPORT_ENVELOPE_MAX);
	const bool composed = compose(l, octets, &content, &flags);
	add_envelope(l, flags, &form);
	must(composed && !buffer_failed(&form)); /* the bounds of a report see to it */
	count_and_log(l, content.length);
	channel_say(l->reportd->spool, REPORT_MAIL, l->number, frame_bytes(buffer_view(&form)),
		frame_bytes(buffer_view(&content)));
	l->state = REPORT_STATE_IDLE;
	buffer_free(&form);
	buffer_free(&content);
	return NULL;
}

void letter_free(struct letter **at)
{
	struct letter *l = *at;
	*at = NULL;
	snapshot_drop(&l->snapshot);
	arena_reset(&l->arena);
	memory_free(l);
}
