#include "keepers/gate/gated.h"

#include "base/text.h"
#include "channels/program.h"
#include "keepers/gate/kinds.h"

#define OUTPUT_STEP 65536u
#define OUTPUT_MAX (OUTPUT_STEP + 4096u)
#define EXIT_USAGE 64

struct printing {
	struct buffer out;
	bool json;
	bool some;
	void (*output)(void *context, struct view octets);
	void *context;
};

static void hand_over(struct printing *p)
{
	if (p->out.length)
		p->output(p->context, buffer_view(&p->out));
	buffer_clear(&p->out);
}

static void add_json_row(struct printing *p, const struct gate_row *row)
{
	struct buffer *b = &p->out;
	buffer_add(b, p->some ? VIEW(",\n{\"key\":") : VIEW("{\"key\":"));
	text_add_json(b, row->key);
	if (row->counter) {
		text_add(b, ",\"count\":{}", text_number(row->count));
	} else {
		buffer_add(b, VIEW(",\"facts\":\""));
		buffer_add_hex(b, row->facts);
		buffer_add(b, VIEW("\""));
	}
	text_add(b, ",\"seconds\":{},\"durable\":{}}", text_number(row->left_ms / 1000),
		text_string(row->durable ? "true" : "false"));
}

static void add_row(void *context, const struct gate_row *row)
{
	struct printing *p = context;
	if (p->json)
		add_json_row(p, row);
	else if (row->counter)
		text_add(&p->out, "{}  count {}, {} s left\n", text_view(row->key),
			text_number(row->count), text_number(row->left_ms / 1000));
	else
		text_add(&p->out, "{}  {} s left{}\n", text_view(row->key),
			text_number(row->left_ms / 1000),
			text_string(row->durable ? ", durable" : ""));
	p->some = true;
	if (p->out.length > OUTPUT_STEP)
		hand_over(p);
}

static void list_rows(struct gated *g, struct printing *p)
{
	if (p->json)
		buffer_add_octet(&p->out, '[');
	gate_table_each(g->table, gated_now_ms(g), add_row, p);
	if (p->json)
		buffer_add(&p->out, VIEW("]\n"));
}

struct tally {
	uint32_t rows[32];
};

static void tally_row(void *context, const struct gate_row *row)
{
	struct tally *tally = context;
	for (unsigned i = 0; i < gate_kinds_count(); i++)
		if (gate_kind_of(row->key) == gate_kind_at(i))
			tally->rows[i]++;
}

static void count_rows(struct gated *g, struct printing *p)
{
	struct tally tally = {0};
	must(gate_kinds_count() <= sizeof tally.rows / sizeof *tally.rows);
	gate_table_each(g->table, gated_now_ms(g), tally_row, &tally);
	for (unsigned i = 0; i < gate_kinds_count(); i++)
		text_add(&p->out, "{} {}  {}\n", text_raw(gate_kind_at(i)->prefix),
			text_number(tally.rows[i]), text_string(gate_kind_at(i)->purpose));
}

static void say_status(struct gated *g, struct printing *p)
{
	const struct gate_counts c = gate_table_counts(g->table);
	uint64_t asked = 0;
	uint64_t denied = 0;
	for (size_t i = 0; i < GATE_PEERS_MAX; i++) {
		asked += g->peers[i].asked;
		denied += g->peers[i].denied;
	}
	text_add(&p->out,
		"rows={} counters={} octets={} expired={} evicted={} refused={} asked={} "
		"denied={} ",
		text_number(c.rows), text_number(c.counters), text_number(c.octets),
		text_number(c.expired), text_number(c.evicted), text_number(c.refused),
		text_number(asked), text_number(denied));
	text_add(&p->out, "batches={} store={}", text_number(g->journal.batches),
		text_string(g->journal.failing ? error_name(g->journal.failing) : "fine"));
	if (g->live) {
		buffer_add_octet(&p->out, ' ');
		g->live->ops->status(g->live, &p->out);
	}
	buffer_add_octet(&p->out, '\n');
}

void gated_command(struct gated *g, struct view words, const struct gate_asker *asker)
{
	struct printing p = {
		.out = buffer_new(OUTPUT_MAX), .output = asker->output, .context = asker->context};
	const size_t skip = view_equal(program_word(words, 0), VIEW("gate")) ? 1 : 0;
	const struct view verb = program_word(words, skip);
	unsigned code = 0;
	p.json = view_equal(program_word(words, skip + 1), VIEW("--json"));
	if (view_equal(verb, VIEW("rows"))) {
		list_rows(g, &p);
	} else if (view_equal(verb, VIEW("counts"))) {
		count_rows(g, &p);
	} else if (view_equal(verb, VIEW("status"))) {
		say_status(g, &p);
	} else if (hand_command(g, verb, words, asker)) {
		buffer_free(&p.out);
		return;
	} else {
		buffer_add(&p.out,
			VIEW("gate answers: list, open, close, rows [--json], counts, status\n"));
		code = EXIT_USAGE;
	}
	hand_over(&p);
	buffer_free(&p.out);
	asker->done(asker->context, code);
}
