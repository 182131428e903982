/* Fuzz target: the one line of gatestore, of gatestorelogin, of popkey. Each is refused or has one form, which is read as the
 * same; nothing that is taken could be two words or two lines where it goes. */
#include "config/gatestore.h"
#include "config/popkey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_store(struct view line)
{
	struct gatestore s, again;
	struct buffer form = buffer_new(GATESTORE_TEXT_MAX);
	struct buffer form_again = buffer_new(GATESTORE_TEXT_MAX);
	if (gatestore_parse(line, &s)) {
		gatestore_add(&form, &s);
		must(!buffer_failed(&form) && view_is_printable(buffer_view(&form), false));
		must(s.database <= GATESTORE_DATABASE_MAX && s.path.length <= GATESTORE_PATH_MAX);
		must((s.kind == GATESTORE_TCP) == (s.port != 0));
		must(gatestore_is_redis(&s) == view_starts(line, VIEW("redis://")));
		must(gatestore_parse(buffer_view(&form), &again) && again.kind == s.kind);
		gatestore_add(&form_again, &again);
		must(view_equal(buffer_view(&form), buffer_view(&form_again)));
		must(view_search(s.path, VIEW("/../")) == VIEW_NOT_FOUND);
	}
	buffer_free(&form);
	buffer_free(&form_again);
}

static void check_login(struct view line)
{
	struct view user, password;
	if (!gatestore_login_parse(line, &user, &password))
		return;
	must(password.length && password.length <= GATESTORE_WORD_MAX);
	must(user.length <= GATESTORE_WORD_MAX && user.length + password.length <= line.length);
	must(view_find(user, ' ') == VIEW_NOT_FOUND && view_find(password, ' ') == VIEW_NOT_FOUND);
	must(view_find(user, '\n') == VIEW_NOT_FOUND &&
		view_find(password, '\n') == VIEW_NOT_FOUND);
}

static void check_clocks(struct view line)
{
	struct popkey p, again;
	struct buffer form = buffer_new(32);
	const bool ok = popkey_parse(line, &p);
	must(popkey_is_sound(&p) && popkey_is_on(&p) == ok);
	if (ok) {
		popkey_add(&form, &p);
		must(popkey_parse(buffer_view(&form), &again));
		must(again.after_s == p.after_s && again.session_s == p.session_s);
	}
	buffer_free(&form);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct view line = view_of(data, size);
	check_store(line);
	check_login(line);
	check_clocks(line);
	return 0;
}
