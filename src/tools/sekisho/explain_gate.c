#include "tools/sekisho/explain.h"

#include "tools/sekisho/ask.h"
#include "tools/sekisho/command.h"

#include "base/text.h"

#include <fcntl.h>
#include <unistd.h>

/*
 * Whether the gate is open for the mail that is asked about (popkey). The running server is asked before the
 * configuration is read, by the process that may; what it said is read in the confined one.
 */

/* --- asking ------------------------------------------------------------------------------- */

/* Without the setting nothing is asked. */
static bool has_popkey(const char *config)
{
	const int fd = open(config, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const bool has = fd >= 0 && faccessat(fd, "popkey", F_OK, 0) == 0;
	if (fd >= 0)
		close(fd);
	return has;
}

/* Where the next page begins, as the first line says; 0: nowhere. */
static uint64_t next_page(struct view page)
{
	uint64_t next = 0;
	return view_to_u64(ask_take_line(&page, VIEW("next=")), UINT64_MAX, &next) ? next : 0;
}

static bool ask_page(
	const char *state, struct view address, struct buffer *openings, uint64_t *after)
{
	struct buffer words = buffer_new(ASK_WORDS_MAX);
	const size_t before = openings->length;
	buffer_add(&words, VIEW("gate\0list\0--json\0address="));
	buffer_add(&words, address);
	buffer_add_octet(&words, 0);
	text_add(&words, "after={}", text_number(*after));
	const bool asked =
		!buffer_failed(&words) &&
		ask_text(state, VIEW("gate"), buffer_view(&words), openings) == EXIT_FINE;
	*after = next_page(view_from(buffer_view(openings), before));
	buffer_add_octet(openings, '\n');
	buffer_free(&words);
	return asked && !buffer_failed(openings);
}

bool explain_ask_openings(
	const char *config, const char *state, struct view client, struct buffer *openings)
{
	uint64_t after = 0;
	bool is_known = has_popkey(config) && ask_is_running(state);
	do
		is_known = is_known && ask_page(state, client.length ? client : EXPLAIN_CLIENT,
					       openings, &after);
	while (is_known && after);
	return is_known;
}

/* --- reading ------------------------------------------------------------------------------ */

/* What stands between `before` and `end` in one row. */
static struct view part_of(struct view row, struct view before, uint8_t end)
{
	struct view value;
	const size_t at = view_search(row, before);
	if (at == VIEW_NOT_FOUND)
		return VIEW_NONE;
	view_split(view_from(row, at + before.length), end, &value, &row);
	return value;
}

/* Whether a row is that user's; since when. A row a line; other lines begin pages. */
static bool find_row(struct view openings, struct view user, uint64_t *since_s_out)
{
	struct view row;
	while (openings.length) {
		view_split(openings, '\n', &row, &openings);
		if (view_starts(row, VIEW("{")) &&
			view_equal(part_of(row, VIEW(",\"user\":\""), '"'), user)) {
			if (!view_to_u64(
				    part_of(row, VIEW(",\"since\":"), ','), INT64_MAX, since_s_out))
				*since_s_out = 0;
			return true;
		}
	}
	return false;
}

void explain_pass_gate(const struct snapshot *s, const struct explain_question *question,
	const struct sender_owners *owners, struct explain_answer *e)
{
	e->facts.gate = question->openings_known ? ROUTE_GATE_CLOSED : ROUTE_GATE_AWAY;
	for (uint32_t i = 0; i < owners->count && e->facts.gate == ROUTE_GATE_CLOSED; i++)
		if (find_row(question->openings, s->users[owners->users[i]].name,
			    &e->opened_since_s))
			route_opened(s, &e->facts, owners->users[i]);
	if (e->facts.gate == ROUTE_GATE_CLOSED && s->numbers[SETTING_POPKEYANYBODY] &&
		find_row(question->openings, VIEW_NONE, &e->opened_since_s))
		route_opened(s, &e->facts, owners->users[0]);
}
