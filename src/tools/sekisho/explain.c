#include "tools/sekisho/explain.h"

#include "base/clock.h"
#include "tools/sekisho/say.h"
#include "tools/sekisho/site.h"

#include <unistd.h>

#define ENVELOPE_MAX ((size_t)64 << 20)
#define OPENINGS_MAX ((size_t)9 << 20)

static struct snapshot *take_snapshot(const struct site *site, struct buffer *blob)
{
	snapshot_encode(&site->config, SNAPSHOT_FOR_SMTPD, 1, blob);
	return buffer_failed(blob) ? NULL : snapshot_decode(buffer_view(blob), NULL, NULL);
}

struct request {
	struct explain_question question;
	bool json;
};

static int answer_with(const struct snapshot *s, const struct request *request, struct arena *a,
	struct buffer *answer)
{
	static struct explain_answer e;
	const char *problem = explain_envelope(s, &request->question, a, &e);
	if (problem) {
		say_trouble("{}", text_string(problem));
		return EXIT_DATA;
	}
	if (request->json)
		explain_answer_json(answer, s, &e);
	else
		explain_answer_text(answer, s, &e);
	smtp_server_free(&e.machine);
	return e.accepted ? EXIT_FINE : EXIT_NO;
}

static int ask_site(struct site *site, const void *context, struct buffer *answer)
{
	if (findings_have_error(&site->findings)) {
		struct buffer errors = buffer_new(65536);
		site_add_errors(&errors, site);
		say_trouble("the configuration has errors, so there is nothing to be asked:");
		say_to(STDERR_FILENO, buffer_view(&errors));
		buffer_free(&errors);
		return EXIT_DATA;
	}
	struct arena a = arena_new(ENVELOPE_MAX);
	struct buffer blob = buffer_new(SNAPSHOT_MAX);
	struct snapshot *s = take_snapshot(site, &blob);
	if (!s) {
		say_trouble("the configuration is too large to be asked");
		buffer_free(&blob);
		return EXIT_SYSTEM;
	}
	const int code = answer_with(s, context, &a, answer);
	snapshot_drop(&s);
	buffer_free(&blob);
	arena_reset(&a);
	return code;
}

int run_explain(const struct call *call)
{
	struct buffer openings = buffer_new(OPENINGS_MAX);
	const struct view client = call_value(call, VIEW("--from"));
	const bool known = explain_ask_openings(call->config, call->state, client, &openings);
	const struct request request = {.question = {.reverse_path = call_word(call, 0),
						.forward_path = call_word(call, 1),
						.client = client,
						.helo = call_value(call, VIEW("--helo")),
						.login = call_value(call, VIEW("--login")),
						.size = call_value(call, VIEW("--size")),
						.openings_known = known,
						.now_s = clock_wall_s(),
						.openings = buffer_view(&openings)},
		.json = call_has(call, VIEW("--json"))};
	const struct site_question question = {.config = call->config,
		.state = call->state,
		.work = ask_site,
		.context = &request};
	struct buffer answer = buffer_new(SITE_ANSWER_MAX);
	const int code = site_ask(&question, &answer);
	say_octets(buffer_view(&answer));
	buffer_free(&answer);
	buffer_free(&openings);
	return code;
}
