/*
 * keepers/auth/sasl.h (SCRAM messages, gs2 headers, channel bindings, PLAIN): a client that says
 * anything. Nobody is ever PROVED who did not compute the proof that RFC 5802 §3 asks for, over what
 * he really said and the binding that this session has.
 *
 * Input: mechanism and binding, then responses up to '\n' each. In a response "%m" stands for what an
 * honest client would say there, "%r" for the server's nonce.
 */
#include "config/verifier.h"
#include "keepers/auth/accounts.h"
#include "keepers/auth/sasl.h"

#include "../unit/keepers/scram_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PASSWORD "pencil"
#define SALT "0123456789abcdef"
#define ITERATIONS 4096u

struct play {
	enum auth_binding kind;
	struct scram_client client;
	char honest[1200]; /* what it would say now */
	struct buffer challenge;
	struct buffer first; /* of the client, as it was fed */
	bool found;
};

static void find(void *context, struct view name, struct sasl_keys *keys_out)
{
	static struct verifier_keys keys;
	struct play *p = context;
	(void)name;
	must(!p->found);
	p->found = true;
	if (!keys.stored[0])
		verifier_derive(VIEW(PASSWORD), VIEW(SALT), ITERATIONS, &keys);
	keys_out->iterations = ITERATIONS;
	buffer_add_base64(&keys_out->salt, VIEW(SALT));
	buffer_add_base64(&keys_out->stored_key, view_of(keys.stored, sizeof keys.stored));
	buffer_add_base64(&keys_out->server_key, view_of(keys.server, sizeof keys.server));
}

/* r=… of the challenge. */
static struct view nonce_of(struct view challenge)
{
	struct view nonce;
	struct view rest;
	view_split(view_from(challenge, 2), ',', &nonce, &rest);
	return nonce;
}

static void expand(struct play *p, struct view word, struct buffer *out)
{
	while (word.length) {
		if (view_starts(word, VIEW("%m")))
			buffer_add(out, view_text(p->honest));
		else if (view_starts(word, VIEW("%r")))
			buffer_add(out, nonce_of(buffer_view(&p->challenge)));
		else
			buffer_add_octet(out, word.at[0]);
		word = view_from(word, view_at(word, 0) == '%' && (view_at(word, 1) == 'm' ||
									  view_at(word, 1) == 'r')
					       ? 2
					       : 1);
	}
}

/* The answer to the challenge, had the client said `first`: by another implementation than ours. */
static bool is_right(struct play *p, struct view said)
{
	static char text[4000];
	static char first[9000];
	char challenge[900];
	struct scram_client c = p->client;
	if (!view_to_text(buffer_view(&p->first), first, sizeof first) ||
		!view_to_text(buffer_view(&p->challenge), challenge, sizeof challenge))
		return false;
	const char *bare = strstr(first, ",n=") ? strstr(first, ",n=") + 1 : strstr(first, "n=");
	if (!bare || strlen(bare) >= sizeof c.bare)
		return false;
	char gs2[300] = "";
	if ((size_t)(bare - first) >= sizeof gs2)
		return false;
	memcpy(gs2, first, (size_t)(bare - first));
	c.gs2 = gs2;
	if (gs2[0] != 'p')
		c.binding_length = 0;
	snprintf(c.bare, sizeof c.bare, "%s", bare);
	return scram_final(&c, challenge, PASSWORD, text, sizeof text) &&
	       view_equal(said, view_text(text));
}

static void play_responses(struct play *p, struct sasl *s, enum sasl_mechanism m, struct view rest)
{
	struct buffer out = buffer_new(AUTH_RESPONSE_MAX);
	struct buffer said = buffer_new(AUTH_RESPONSE_MAX);
	enum sasl_event event = SASL_CHALLENGE;
	for (int i = 0; event == SASL_CHALLENGE && i < 4 && rest.length; i++) {
		struct view word;
		char challenge[900];
		view_split(rest, '\n', &word, &rest);
		buffer_clear(&said);
		expand(p, word, &said);
		if (buffer_failed(&said))
			break;
		event = sasl_step(s, buffer_view(&said), &out);
		must(m != SASL_PLAIN || event == SASL_PASSWORD || event == SASL_SYNTAX);
		must(m != SASL_LOGIN || event != SASL_PROVED);
		must(event != SASL_PROVED || is_right(p, buffer_view(&said)));
		if (event == SASL_CHALLENGE) {
			buffer_clear(&p->first);
			buffer_add(&p->first, buffer_view(&said));
			buffer_clear(&p->challenge);
			buffer_add(&p->challenge, buffer_view(&out));
			must(m == SASL_LOGIN ||
				(p->found && view_starts(buffer_view(&out), VIEW("r="))));
		}
		if (event != SASL_CHALLENGE ||
			!view_to_text(buffer_view(&out), challenge, sizeof challenge) ||
			!scram_final(&p->client, challenge, PASSWORD, p->honest, sizeof p->honest))
			break;
	}
	must(sasl_reason(s) != NULL);
	must(view_find(sasl_password(s), 0) == VIEW_NOT_FOUND);
	buffer_free(&said);
	buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t binding[32] = "what the two ends of TLS share";
	static const char *const gs2[] = {"n,,", "p=tls-unique,,", "p=tls-exporter,,"};
	if (size < 1)
		return 0;
	sasl_warm();
	const enum sasl_mechanism m = (enum sasl_mechanism)(SASL_PLAIN + data[0] % 4);
	struct play p = {.kind = (enum auth_binding)(data[0] / 4 % 3),
		.challenge = buffer_new(AUTH_RESPONSE_MAX),
		.first = buffer_new(AUTH_RESPONSE_MAX)};
	const bool binds = m == SASL_SCRAM_PLUS && p.kind != AUTH_BINDING_NONE;
	p.client.binding = binding;
	p.client.binding_length = binds ? sizeof binding : 0;
	scram_first(&p.client, "hana", "fyko", gs2[binds ? p.kind : 0], p.honest, sizeof p.honest);
	const struct sasl_owner owner = {find, &p};
	struct sasl *s = sasl_new(m, p.kind, view_of(binding, sizeof binding), &owner);
	must(s != NULL);
	play_responses(&p, s, m, view_of(data + 1, size - 1));
	sasl_free(&s);
	buffer_free(&p.challenge);
	buffer_free(&p.first);
	return 0;
}
