/* Fuzz target: the lines of users, and changes of the file: nobody else's line may be touched. */
#include "config/lines.h"
#include "config/users_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t count_users(struct view text, uint32_t *own_out)
{
	struct lines lines = lines_of(text);
	struct line line;
	struct config_user user;
	uint32_t others = 0;
	*own_out = 0;
	while (lines_next(&lines, &line)) {
		if (line.problem != LINES_OK ||
			user_parse(line.text, line.number, &user) != USER_OK)
			continue;
		if (view_equal(user.name, VIEW("hana")))
			++*own_out;
		else
			others++;
	}
	return others;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view text = view_of(data, size);
	uint32_t own_before;
	const uint32_t before = count_users(text, &own_before);
	for (enum users_change_kind kind = USERS_ADD; kind <= USERS_REMOVE; kind++) {
		struct buffer out = buffer_new(size + 100);
		const struct users_change change = {kind, VIEW("hana"), VIEW("!"), VIEW_NONE};
		uint32_t own;
		if (users_change_apply(text, &change, &out) == ERROR_NONE) {
			must(count_users(buffer_view(&out), &own) == before);
			must(own >= (kind == USERS_REMOVE ? 0u : 1u));
			must(kind != USERS_REMOVE || own == 0);
			must(kind != USERS_ADD || own_before == 0);
		}
		buffer_free(&out);
	}
	return 0;
}
