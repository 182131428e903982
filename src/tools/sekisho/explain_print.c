#include "tools/sekisho/explain.h"

#include "base/text.h"

#define EXPANSION_LINES_MAX 100u
#define STAGE_COLUMN 10u

/* --- how the recipient was expanded ------------------------------------------------------- */

struct expansion {
	struct buffer *out;
	const struct snapshot *snapshot;
	unsigned lines;
};

static void indent(struct buffer *b, unsigned depth)
{
	for (unsigned i = 0; i < STAGE_COLUMN + 2 * depth; i++)
		buffer_add_octet(b, ' ');
}

static void add_destination(struct buffer *b, struct view local, struct domain domain)
{
	text_add(b, "{}", text_view(local));
	if (!view_is_empty(domain.name))
		text_add(b, "@{}", text_view(domain.name));
}

/* The depth is bounded by a constant of ours, as route_expand's is. */
static void add_alias(struct expansion *x, uint32_t index, unsigned depth)
{
	const struct config_aliases *all = &x->snapshot->aliases;
	const struct config_alias *alias = &all->aliases[index];
	for (uint32_t i = 0; i < alias->count; i++) {
		const struct alias_destination *to = &all->destinations[alias->first + i];
		const struct name name = name_find_destination(x->snapshot, index, to);
		if (x->lines++ >= EXPANSION_LINES_MAX)
			return;
		indent(x->out, depth);
		buffer_add(x->out, VIEW("→ "));
		add_destination(x->out, to->local, to->domain);
		if (name.kind == NAME_ALIAS)
			text_add(x->out, " (aliases:{})",
				text_number(all->aliases[name.index].line));
		buffer_add_octet(x->out, '\n');
		if (name.kind == NAME_ALIAS && depth < NAME_DEPTH_MAX)
			add_alias(x, name.index, depth + 1);
	}
}

static void add_expansion(
	struct buffer *b, const struct snapshot *s, const struct explain_answer *e)
{
	struct expansion x = {b, s, 0};
	const struct name name = name_find(s, e->forward_path.local_plain, e->forward_path.domain);
	if (name.kind != NAME_ALIAS)
		return;
	indent(b, 0);
	text_add(b, "{} (aliases:{})\n", text_view(e->forward_path.local_part),
		text_number(s->aliases.aliases[name.index].line));
	add_alias(&x, name.index, 1);
	if (x.lines > EXPANSION_LINES_MAX) {
		indent(b, 1);
		buffer_add(b, VIEW("… and more\n"));
	}
}

/* --- for people --------------------------------------------------------------------------- */

static void add_stage(struct buffer *b, enum explain_stage stage, const struct route_verdict *v)
{
	const size_t start = b->length;
	buffer_add(b, view_text(explain_stage_name(stage)));
	while (!buffer_failed(b) && b->length - start < STAGE_COLUMN)
		buffer_add_octet(b, ' ');
	text_add(b, "{}, rule {}", text_string(v->accepted ? "accepted" : "refused"),
		text_view(v->rule));
	if (stage == EXPLAIN_RCPT)
		text_add(b, ", class {}", text_string(route_class_name(v->class)));
	buffer_add_octet(b, '\n');
}

static void add_outcome(struct buffer *b, const struct snapshot *s, const struct explain_answer *e)
{
	const struct route_verdict *last = &e->verdicts[e->stages - 1];
	if (!e->accepted) {
		text_add(b, "would be refused at {}: {} {}{}{}\n",
			text_string(explain_stage_name((enum explain_stage)(e->stages - 1))),
			text_number(last->code), text_string(last->enhanced),
			text_string(*last->enhanced ? " " : ""), text_view(last->text));
		return;
	}
	buffer_add(b, VIEW("would be accepted for: "));
	for (uint32_t i = 0; i < e->mailboxes.count; i++) {
		buffer_add(b, i ? VIEW(", ") : VIEW(""));
		route_add_mailbox(b, s, &e->mailboxes.mailboxes[i]);
		buffer_add(b,
			e->mailboxes.mailboxes[i].is_forwarded ? VIEW(" (forwarded)") : VIEW_NONE);
	}
	buffer_add_octet(b, '\n');
	if (e->forwards)
		text_add(b, "and forwarded under {}\n",
			text_string(e->sender == FORWARD_SAME ? "its own sender"
							      : "a sender of this site, which "
								"leads back to its own (SRS)"));
}

/* How long it has been open; 0 when that is not known. */
static uint64_t opened_for_s(const struct explain_answer *e)
{
	const uint64_t now_s = (uint64_t)e->now_s;
	return e->opened_since_s && e->opened_since_s < now_s ? now_s - e->opened_since_s : 0;
}

static void add_gate(struct buffer *b, const struct explain_answer *e)
{
	switch (e->facts.gate) {
	case ROUTE_GATE_UNASKED:
		return;
	case ROUTE_GATE_CLOSED:
		buffer_add(b, VIEW("gate      not open: who writes from there has not fetched mail "
				   "just now\n"));
		return;
	case ROUTE_GATE_AWAY:
		buffer_add(b, VIEW("gate      not known, as the server does not answer: closed\n"));
		return;
	case ROUTE_GATE_OPEN:
		text_add(b, "gate      open by {}", text_view(e->facts.login));
		if (e->opened_since_s)
			text_add(b, " since {} s", text_number(opened_for_s(e)));
		buffer_add_octet(b, '\n');
		return;
	}
}

void explain_answer_text(struct buffer *b, const struct snapshot *s, const struct explain_answer *e)
{
	buffer_add(b, VIEW("client    "));
	ip_add(b, &e->facts.client);
	text_add(b, ", {}\n", text_string(route_side_name(e->facts.side)));
	for (unsigned i = 0; i < e->stages; i++)
		add_stage(b, (enum explain_stage)i, &e->verdicts[i]);
	if (e->stages == EXPLAIN_STAGES)
		add_expansion(b, s, e);
	add_gate(b, e);
	add_outcome(b, s, e);
}

/* --- for programs ------------------------------------------------------------------------- */

static void add_json_stage(
	struct buffer *b, enum explain_stage stage, const struct route_verdict *v)
{
	text_add(b, "{\"stage\":\"{}\",\"accepted\":{},\"code\":{},\"enhanced\":\"{}\",\"text\":",
		text_string(explain_stage_name(stage)), text_string(v->accepted ? "true" : "false"),
		text_number(v->code), text_string(v->enhanced));
	text_add_json(b, v->text);
	buffer_add(b, VIEW(",\"rule\":"));
	text_add_json(b, v->rule);
	if (stage == EXPLAIN_RCPT)
		text_add(b, ",\"class\":\"{}\"", text_string(route_class_name(v->class)));
	buffer_add_octet(b, '}');
}

static const char *gate_word(enum route_gate gate)
{
	switch (gate) {
	case ROUTE_GATE_UNASKED:
		return "unasked";
	case ROUTE_GATE_CLOSED:
		return "closed";
	case ROUTE_GATE_AWAY:
		return "unknown";
	case ROUTE_GATE_OPEN:
		return "open";
	}
	return "unknown";
}

static void add_json_gate(struct buffer *b, const struct explain_answer *e)
{
	text_add(b, ",\"gate\":\"{}\"", text_string(gate_word(e->facts.gate)));
	if (e->facts.gate != ROUTE_GATE_OPEN)
		return;
	buffer_add(b, VIEW(",\"opened_by\":"));
	text_add_json(b, e->facts.login);
	text_add(b, ",\"opened_since\":{}", text_number(e->opened_since_s));
}

void explain_answer_json(struct buffer *b, const struct snapshot *s, const struct explain_answer *e)
{
	struct buffer one = buffer_new(ADDRESS_PATH_MAX);
	buffer_add(b, VIEW("{\"client\":\""));
	ip_add(b, &e->facts.client);
	text_add(b, "\",\"side\":\"{}\",\"accepted\":{},\"stages\":[",
		text_string(route_side_name(e->facts.side)),
		text_string(e->accepted ? "true" : "false"));
	for (unsigned i = 0; i < e->stages; i++) {
		buffer_add(b, i ? VIEW(",") : VIEW(""));
		add_json_stage(b, (enum explain_stage)i, &e->verdicts[i]);
	}
	buffer_add(b, VIEW("],\"mailboxes\":["));
	for (uint32_t i = 0; e->accepted && i < e->mailboxes.count; i++) {
		buffer_clear(&one);
		route_add_mailbox(&one, s, &e->mailboxes.mailboxes[i]);
		buffer_add(b, i ? VIEW(",") : VIEW(""));
		text_add_json(b, buffer_view(&one));
	}
	text_add(b, "],\"forwarded\":{},\"rewritten\":{}",
		text_string(e->forwards ? "true" : "false"),
		text_string(e->forwards && e->sender != FORWARD_SAME ? "true" : "false"));
	add_json_gate(b, e);
	buffer_add(b, VIEW("}\n"));
	buffer_free(&one);
}
