/*
 * What is open, for people, a page at a time, so that neither we nor the parent hold more than that:
 *
 *	list [--json] [after=N] [address=ADDR] [user=USER]	"next=N", then the openings
 *	close address=ADDR [user=USER] [after=N]		"next=N", then "changed=N": openings
 *	open address=ADDR user=USER [seconds=N]			"open:" with the tail `hand`
 *
 * `next=0`: that was the last page.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "channels/program.h"
#include "keepers/gate/gated.h"
#include "keepers/gate/opening.h"

#define PAGE_ROWS 1000u
#define PAGE_OCTETS_MAX (8u << 20)
#define GROUPS_OCTETS_MAX (1u << 20)
#define HAND_TAIL VIEW("hand")
#define HAND_SECONDS 300u
#define HAND_SECONDS_MAX 86400u
#define EXIT_USAGE 64
#define EXIT_LATER 75

struct hand {
	struct gate_walk walk;
	struct gate_waiter waiter;
	struct gated *gated;
	struct gate_asker asker;
	struct buffer out;
	struct buffer prefix;
	struct buffer user; /* of which alone; empty: of everybody */
	struct buffer groups; /* to be closed: u8 length, octets */
	size_t last_at; /* where the last of them begins */
	struct view left; /* of those */
	uint64_t next;
	uint64_t changed;
	bool closes;
	bool json;
	bool some;
};

static void finish(struct hand *h, unsigned code)
{
	h->asker.output(h->asker.context, buffer_view(&h->out));
	h->asker.done(h->asker.context, code);
	buffer_free(&h->out);
	buffer_free(&h->prefix);
	buffer_free(&h->user);
	buffer_free(&h->groups);
	memory_free(h);
}

static void refuse(struct hand *h, const char *why, unsigned code)
{
	buffer_clear(&h->out);
	text_add(&h->out, "{}\n", text_string(why));
	finish(h, code);
}

/* --- looking ------------------------------------------------------------------------------ */

static void add_opening(struct hand *h, const struct opening *o)
{
	if (h->json && h->some)
		buffer_add(&h->out, VIEW(",\n"));
	h->some = true;
	if (h->json)
		opening_add_json(&h->out, o, clock_wall_ms());
	else
		opening_add_line(&h->out, o, clock_wall_ms());
}

/* Its rows may come one after the other: one closing is for all of them. */
static void note_group(struct hand *h, struct view key)
{
	const struct view group = view_first(key, gate_open_group(key));
	const struct view last = view_from(buffer_view(&h->groups), h->last_at);
	h->changed++;
	if (last.length && view_equal(view_from(last, 1), group))
		return;
	h->last_at = h->groups.length;
	buffer_add_octet(&h->groups, (uint8_t)group.length);
	buffer_add(&h->groups, group);
}

static void on_row(struct gate_walk *walk, const struct gate_row *row)
{
	struct hand *h = walk->context;
	struct opening o;
	if (!opening_read(row, &o))
		return;
	if (h->user.length && !view_equal(o.user, buffer_view(&h->user)))
		return;
	if (h->closes)
		note_group(h, row->key);
	else
		add_opening(h, &o);
}

static void close_next(struct hand *h)
{
	struct cursor c = cursor_of(h->left);
	const struct view group = cursor_take(&c, cursor_u8(&c));
	if (cursor_failed(&c)) {
		text_add(&h->out, "next={}\nchanged={}\n", text_number(h->next),
			text_number(h->changed));
		finish(h, 0);
		return;
	}
	h->left = cursor_rest(&c);
	gated_ask(h->gated, &(struct gate_op){.code = GATE_CLOSE, .key = group}, &h->waiter);
}

static void closed(struct gate_waiter *waiter, const struct gate_result *result)
{
	struct hand *h = waiter->context;
	if (result->error && result->error != ERROR_MISSING)
		refuse(h, "the store of the gate does not answer", EXIT_LATER);
	else
		close_next(h);
}

static void on_end(struct gate_walk *walk, enum error error, uint64_t next)
{
	struct hand *h = walk->context;
	h->next = next;
	if (error) {
		refuse(h, "the store of the gate does not answer", EXIT_LATER);
	} else if (buffer_failed(&h->out) || buffer_failed(&h->groups)) {
		refuse(h, "there are too many for one page", EXIT_LATER);
	} else if (h->closes) {
		h->left = buffer_view(&h->groups);
		close_next(h);
	} else {
		struct buffer page = h->out;
		h->out = buffer_new(PAGE_OCTETS_MAX + 64);
		text_add(&h->out, "next={}\n", text_number(next));
		buffer_add(&h->out, buffer_view(&page));
		buffer_free(&page);
		finish(h, 0);
	}
}

/* --- opening ------------------------------------------------------------------------------ */

static void opened(struct gate_waiter *waiter, const struct gate_result *result)
{
	struct hand *h = waiter->context;
	if (result->error)
		refuse(h, "the gate cannot be opened: its store does not answer, or is full",
			EXIT_LATER);
	else
		finish(h, 0);
}

static void open_by_hand(struct hand *h, struct ip address, struct view user, uint64_t seconds)
{
	struct buffer key = buffer_new(GATE_OPEN_KEY_MAX);
	struct buffer facts = buffer_new(64);
	address = gate_open_neighbour(&address, h->gated->v6_prefix);
	gate_open_key(&key, &address, user, HAND_TAIL);
	text_add(&facts, "by=hand since={}", text_number((uint64_t)clock_wall_s()));
	h->waiter.answered = opened;
	const struct gate_op op = {.code = GATE_OPEN,
		.key = buffer_view(&key),
		.facts = buffer_view(&facts),
		.lifetime_ms = seconds * 1000,
		.durable = true};
	gated_ask(h->gated, &op, &h->waiter);
	buffer_free(&key);
	buffer_free(&facts);
}

/* --- the question ------------------------------------------------------------------------- */

static bool has_word(struct view words, struct view wanted)
{
	for (size_t i = 0; i < 8; i++)
		if (view_equal(program_word(words, i), wanted))
			return true;
	return false;
}

static void walk(struct hand *h, const struct ip *address, struct view user, uint64_t after)
{
	buffer_add(&h->prefix, GATE_OPEN_PREFIX);
	if (address) {
		const struct ip neighbour = gate_open_neighbour(address, h->gated->v6_prefix);
		ip_add(&h->prefix, &neighbour);
		buffer_add_octet(&h->prefix, ' ');
	}
	buffer_add(&h->user, user);
	h->waiter.answered = closed;
	h->walk = (struct gate_walk){.context = h,
		.row = on_row,
		.end = on_end,
		.prefix = buffer_view(&h->prefix),
		.after = after,
		.rows = PAGE_ROWS};
	gated_walk(h->gated, &h->walk);
}

static void begin(struct hand *h, bool opens, struct view words)
{
	const struct view text = view_value_of(words, 0, VIEW("address="));
	const struct view user = view_value_of(words, 0, VIEW("user="));
	const struct view seconds = view_value_of(words, 0, VIEW("seconds="));
	const struct view page = view_value_of(words, 0, VIEW("after="));
	struct ip address = {0};
	uint64_t after = 0;
	uint64_t lasts_s = HAND_SECONDS;
	if (text.length && !ip_parse(text, &address))
		refuse(h, "that is no address", EXIT_USAGE);
	else if (!gate_open_user_is_good(user))
		refuse(h, "that is no name of a user", EXIT_USAGE);
	else if (page.length && !view_to_u64(page, UINT64_MAX, &after))
		refuse(h, "that is no page", EXIT_USAGE);
	else if (seconds.length && (!view_to_u64(seconds, HAND_SECONDS_MAX, &lasts_s) || !lasts_s))
		refuse(h, "seconds are a number from 1 to 86400", EXIT_USAGE);
	else if (!text.length && (opens || h->closes))
		refuse(h, "an address is missing", EXIT_USAGE);
	else if (!user.length && opens)
		refuse(h, "a user is missing", EXIT_USAGE);
	else if (opens)
		open_by_hand(h, address, user, lasts_s);
	else
		walk(h, text.length ? &address : NULL, user, after);
}

bool hand_command(
	struct gated *g, struct view verb, struct view words, const struct gate_asker *asker)
{
	const bool opens = view_equal(verb, VIEW("open"));
	const bool closes = view_equal(verb, VIEW("close"));
	if (!opens && !closes && !view_equal(verb, VIEW("list")))
		return false;
	struct hand *h = memory_new(1, sizeof *h);
	*h = (struct hand){.gated = g,
		.waiter.context = h,
		.asker = *asker,
		.out = buffer_new(PAGE_OCTETS_MAX),
		.prefix = buffer_new(GATE_OPEN_KEY_MAX),
		.user = buffer_new(GATE_OPEN_USER_MAX),
		.groups = buffer_new(GROUPS_OCTETS_MAX),
		.closes = closes,
		.json = has_word(words, VIEW("--json"))};
	begin(h, opens, words);
	return true;
}
