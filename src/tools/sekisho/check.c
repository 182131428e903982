#include "base/sandbox.h"
#include "config/explain.h"
#include "parent/programs.h"
#include "tools/sekisho/ask.h"
#include "tools/sekisho/certificate.h"
#include "tools/sekisho/say.h"
#include "tools/sekisho/site.h"

#define MANUAL_MAX (1u << 20)

int run_man_settings(const struct call *call)
{
	(void)call;
	struct buffer b = buffer_new(MANUAL_MAX);
	settings_man(&b);
	say_octets(buffer_view(&b));
	const bool fits = !buffer_failed(&b);
	buffer_free(&b);
	return fits ? EXIT_FINE : EXIT_INTERNAL;
}

/* --- privileges --------------------------------------------------------------------------- */

static int print_privileges(void)
{
	struct buffer b = buffer_new(MANUAL_MAX);
	programs_print_markdown(&b);
	say_octets(buffer_view(&b));
	buffer_free(&b);
	return EXIT_FINE;
}

static void sandbox_text(struct buffer *b)
{
	struct sandbox_report report;
	struct buffer names = buffer_new(4096);
	sandbox_survey(&report);
	sandbox_report_add_missing(&names, &report, ", ");
	if (names.length)
		text_add(b, "sandbox: not to be had here: {}", text_raw(buffer_view(&names)));
	else
		buffer_add(b, VIEW("sandbox: every measure holds here"));
	text_add(b, " (Landlock ABI {})\n", text_number(report.landlock_abi));
	buffer_free(&names);
}

/* {"ok":…} LF becomes {"ok":…,"sandbox":{…}} LF. */
static void sandbox_json(struct buffer *b)
{
	struct sandbox_report report;
	sandbox_survey(&report);
	must(view_ends(buffer_view(b), VIEW("}\n")));
	buffer_truncate(b, b->length - 2);
	buffer_add(b, VIEW(",\"sandbox\":{\"landlock_abi\":"));
	text_add(b, "{},\"missing\":[", text_number(report.landlock_abi));
	const size_t before = b->length;
	buffer_add_octet(b, '"');
	sandbox_report_add_missing(b, &report, "\",\"");
	if (b->length == before + 1)
		buffer_truncate(b, before);
	else
		buffer_add_octet(b, '"');
	buffer_add(b, VIEW("]}}\n"));
}

/* --- the configuration -------------------------------------------------------------------- */

/* In front of the answer: the files of the certificate, for somebody who may open them; NUL behind each. */
static int explain_site(struct site *site, const void *context, struct buffer *answer)
{
	const bool *json = context;
	buffer_add(answer, site->config.certificate);
	buffer_add_octet(answer, 0);
	buffer_add(answer, site->config.certificate_key);
	buffer_add_octet(answer, 0);
	if (*json)
		explain_json(answer, &site->config, &site->findings);
	else
		explain_text(answer, &site->config, &site->findings);
	if (!*json && !site->has_directory)
		buffer_add(
			answer, VIEW("the directory does not exist: all settings are defaults\n"));
	return findings_have_error(&site->findings) ? EXIT_NO : EXIT_FINE;
}

/* Takes the paths off the front; whether the certificate can be used, as far as we may see. */
static bool add_certificate(const struct call *call, bool json, struct buffer *answer)
{
	struct view file, key, rest;
	struct buffer report = buffer_new(65536);
	const bool whole = view_split(buffer_view(answer), 0, &file, &rest) &&
			   view_split(rest, 0, &key, &rest);
	must(whole);
	const bool is_usable = certificate_report(call->state, file, key, json, &report);
	buffer_drop(answer, answer->length - rest.length);
	if (json) { /* {"ok":…} LF becomes {"ok":…,"certificate":{…}} LF */
		must(view_ends(buffer_view(answer), VIEW("}\n")));
		buffer_truncate(answer, answer->length - 2);
		buffer_add(answer, VIEW(",\"certificate\":"));
	}
	buffer_add(answer, buffer_view(&report));
	if (json)
		buffer_add(answer, VIEW("}\n"));
	buffer_free(&report);
	return is_usable;
}

static void add_shared_store(const struct call *call, bool json, struct buffer *answer)
{
	struct buffer status = buffer_new(1u << 16);
	if (ask_is_running(call->state) &&
		ask_text(call->state, VIEW("gate"), VIEW("status"), &status) == EXIT_FINE) {
		/* nothing where it has none, or may not be asked */
		const struct view is = view_value_of(buffer_view(&status), ' ', VIEW("shared_is="));
		if (is.length && json) {
			buffer_truncate(answer, answer->length - 2); /* as the certificate's */
			text_add(answer, ",\"gatestore\":{\"is\":\"{}\"}}\n", text_view(is));
		} else if (is.length) {
			text_add(answer, "gatestore: the store that gatestore names is {}{}\n",
				text_view(is),
				text_string(view_equal(is, VIEW("up"))
						    ? ""
						    : ": nobody's address is open"));
		}
	}
	buffer_free(&status);
}

int run_check(const struct call *call)
{
	const bool json = call_has(call, VIEW("--json"));
	struct buffer answer = buffer_new(SITE_ANSWER_MAX);
	const struct site_question question = {.config = call->config,
		.state = call->state,
		.name = call_word(call, 0),
		.work = explain_site,
		.context = &json};
	if (call_has(call, VIEW("--privileges")))
		return print_privileges();
	int code = site_ask(&question, &answer);
	if (code == EXIT_FINE || code == EXIT_NO) {
		const bool is_usable = add_certificate(call, json, &answer);
		code = is_usable ? code : EXIT_NO;
		add_shared_store(call, json, &answer);
		if (json)
			sandbox_json(&answer);
		else
			sandbox_text(&answer);
	}
	say_octets(buffer_view(&answer));
	buffer_free(&answer);
	return code;
}
