#include "channels/any_resolve.h"
#include "channels/relay_fetch.h"
#include "tools/sekisho/ask.h"
#include "tools/sekisho/call.h"
#include "tools/sekisho/say.h"

#include <unistd.h>

static const char *kind_of(const struct call *call)
{
	struct ip ip;
	if (call_has(call, VIEW("--texts")))
		return "texts";
	return ip_parse(call_word(call, 0), &ip) ? "client" : "hosts";
}

/* The name as the DNS has it: A-labels in lower case. What is no domain is passed on as it is: an address, a
 * literal, a name such as _mta-sts.example.org. */
static void add_name(struct buffer *b, struct view name)
{
	struct arena a = arena_new(4096);
	struct domain domain;
	if (view_ends(name, VIEW(".")))
		name = view_first(name, name.length - 1);
	if (domain_parse(name, true, &a, &domain) == ADDRESS_OK)
		name = domain.name;
	buffer_add(b, name);
	arena_reset(&a);
}

static void collect(void *context, struct view octets)
{
	buffer_add(context, octets);
}

static int ask(const struct call *call, struct view program, const char *kind, uint32_t seconds,
	struct buffer *answer)
{
	struct buffer words = buffer_new(ASK_WORDS_MAX);
	buffer_add(&words, view_text(kind));
	buffer_add_octet(&words, 0);
	add_name(&words, call_word(call, 0));
	if (call_has(call, VIEW("--json")))
		buffer_add(&words, VIEW("\0--json"));
	const int code =
		ask_patiently(call->state, program, buffer_view(&words), seconds, collect, answer);
	buffer_free(&words);
	return code;
}

/* What the domain asks of those who send to it, behind its hosts; within their JSON object. */
static void add_policy(const struct call *call, struct buffer *answer)
{
	const struct view end = VIEW("}\n");
	struct buffer policy = buffer_new(1u << 16);
	(void)ask(call, VIEW("fetch"), "policy", FETCH_ANSWER_MS / 1000, &policy);
	if (!call_has(call, VIEW("--json"))) {
		buffer_add(answer, buffer_view(&policy));
	} else if (policy.length && view_ends(buffer_view(answer), end)) {
		buffer_truncate(answer, answer->length - end.length);
		buffer_add(answer, VIEW(",\"policy\":"));
		buffer_add(answer, view_first(buffer_view(&policy), policy.length - 1));
		buffer_add(answer, end);
	}
	buffer_free(&policy);
}

int run_resolve(const struct call *call)
{
	struct buffer answer = buffer_new(1u << 20);
	const char *kind = kind_of(call);
	const int code = ask(call, VIEW("resolve"), kind, RESOLVE_ANSWER_MS / 1000, &answer);
	if (code == EXIT_USAGE)
		say_trouble("that is neither a name nor an address");
	if (code == 0 && view_equal(view_text(kind), VIEW("hosts")) &&
		!view_starts(call_word(call, 0), VIEW("[")))
		add_policy(call, &answer);
	say_octets(buffer_view(&answer));
	buffer_free(&answer);
	return code;
}
