#include "channels/any_resolve.h"
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

int run_resolve(const struct call *call)
{
	struct buffer words = buffer_new(ASK_WORDS_MAX);
	struct buffer answer = buffer_new(1u << 20);
	buffer_add(&words, view_text(kind_of(call)));
	buffer_add_octet(&words, 0);
	add_name(&words, call_word(call, 0));
	if (call_has(call, VIEW("--json")))
		buffer_add(&words, VIEW("\0--json"));
	const int code = ask_patiently(call->state, VIEW("resolve"), buffer_view(&words),
		RESOLVE_ANSWER_MS / 1000, collect, &answer);
	if (code == EXIT_USAGE)
		say_trouble("that is neither a name nor an address");
	say_octets(buffer_view(&answer));
	buffer_free(&words);
	buffer_free(&answer);
	return code;
}
