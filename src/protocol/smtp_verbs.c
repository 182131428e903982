/* The verbs: which, when, and the small ones among them. Reading the table is reading RFC 5321
 * §4.1.4 (order) and RFC 2920 §3.1 (groups). */
#include "protocol/smtp_machine.h"

#include "base/text.h"

#define IN(state) (1u << SMTP_STATE_##state)
#define ANY (IN(GREETED) | IN(READY) | IN(MAIL) | IN(RCPT) | IN(BDAT))
#define HELOED (IN(READY) | IN(MAIL) | IN(RCPT) | IN(BDAT))

/* May other commands stand behind it in one group? Those that RFC 2920 wants last but that change
 * nothing in the meaning of what follows (EHLO, NOOP, VRFY, AUTH, QUIT …) are served in order, as
 * simple scripts send them so; what follows DATA before its 354 or STARTTLS before the handshake
 * would change its meaning, so it is refused and the session ends. */
enum group { GROUP_MEMBER, GROUP_LAST, GROUP_STOP };

/* What of that which facts ask for must have come first. */
enum needs { NEEDS_NOTHING, NEEDS_TLS, NEEDS_SENDER, NEEDS_LOGIN };

struct verb {
	struct view name;
	unsigned states;
	enum group group;
	enum needs needs;
	bool is_idle; /* brings no mail forward: counted */
	void (*serve)(struct smtp_server *, struct view argument, struct buffer *out);
	const struct reply *misplaced; /* said in the other states; null: the general sentence */
};

static const struct reply mail_nested = REPLY(503, 5, 5, 1, "order",
	"A mail is being given already; finish it, or say RSET to give it up");
static const struct reply mail_first =
	REPLY(503, 5, 5, 1, "order", "Please say MAIL FROM before RCPT TO");
static const struct reply only_between = REPLY(503, 5, 5, 1, "order",
	"This cannot be said while a mail is being given; say RSET to give it up");
static const struct reply after_chunk =
	REPLY(503, 5, 5, 1, "order", "After BDAT only BDAT or RSET can follow");
static const struct reply no_argument =
	REPLY(501, 5, 5, 4, "argument", "This command takes nothing behind it");
static const struct reply argument_wanted = REPLY(
	501, 5, 5, 4, "argument", "Please say what to look up: VRFY and a name or an address");
static const struct reply node_wanted = REPLY(501, 5, 5, 4, "argument",
	"Please say whose mail is to be sent: ETRN and a domain, with @ before it for all in it");
static const struct reply unknown = REPLY(500, 5, 5, 2, "unknown-command",
	"This is no command that this server knows; HELP lists them");
static const struct reply left_out = REPLY(502, 5, 5, 1, "not-implemented",
	"This command is left out of this server on purpose; HELP lists what it knows");
static const struct reply http =
	REPLY(554, 5, 5, 1, "http", "This is a mail server, not a web server");
static const struct reply synchronisation = REPLY(554, 5, 5, 0, "smuggling-before-reply",
	"Something was sent behind the command before its reply could be read");
static const struct reply injection = REPLY(554, 5, 5, 0, "smuggling-starttls",
	"Something was sent behind STARTTLS before TLS had begun");
static const struct reply login_wanted =
	REPLY(530, 5, 7, 0, "login-wanted", "Please log in first, with AUTH");
static const struct reply tls_wanted =
	REPLY(530, 5, 7, 0, "tls-wanted", "Please begin TLS first, with STARTTLS");
static const struct reply ok = REPLY(250, 2, 0, 0, NULL, "Fine");
static const struct reply forgotten = REPLY(250, 2, 0, 0, NULL, "Forgotten; a new mail can begin");
static const struct reply bye = REPLY(221, 2, 0, 0, NULL, "Goodbye");
static const struct reply help = REPLY(214, 2, 0, 0, NULL,
	"Commands: EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP STARTTLS AUTH QUIT (RFC "
	"5321)");

static void serve_rset(struct smtp_server *s, struct view argument, struct buffer *out)
{
	if (!view_is_empty(argument)) {
		smtp_refuse(s, out, &no_argument);
		return;
	}
	smtp_drop_transaction(s);
	if (s->state != SMTP_STATE_GREETED)
		smtp_enter(s, SMTP_STATE_READY);
	smtp_say(s, out, &forgotten);
}

static void serve_noop(struct smtp_server *s, struct view argument, struct buffer *out)
{
	(void)argument; /* RFC 5321 §4.1.1.9: ignored */
	smtp_say(s, out, &ok);
}

static void serve_help(struct smtp_server *s, struct view argument, struct buffer *out)
{
	(void)argument;
	smtp_say(s, out, &help);
}

static void serve_quit(struct smtp_server *s, struct view argument, struct buffer *out)
{
	if (!view_is_empty(argument)) {
		smtp_refuse(s, out, &no_argument);
		return;
	}
	smtp_say(s, out, &bye);
	smtp_close(s);
}

static void serve_vrfy(struct smtp_server *s, struct view argument, struct buffer *out)
{
	const struct view flag = VIEW(" SMTPUTF8"); /* RFC 6531 §3.7.4.2 */
	const bool utf8 = view_ends_nocase(argument, flag);
	struct view text = utf8 ? view_first(argument, argument.length - flag.length) : argument;
	text = view_trim(text);
	if (view_is_empty(text) || !arena_copy(&s->command, text, &text)) {
		smtp_refuse(s, out, &argument_wanted);
		return;
	}
	struct smtp_ask *ask = smtp_ask_open(s, SMTP_ASK_VRFY);
	ask->text = text;
	ask->is_utf8 = utf8;
}

static void serve_left_out(struct smtp_server *s, struct view argument, struct buffer *out)
{
	(void)argument;
	smtp_refuse(s, out, &left_out);
}

/* RFC 1985 §5.2: a domain, or "@" and one; "#" and a queue of its own is not known here. */
static void serve_etrn(struct smtp_server *s, struct view argument, struct buffer *out)
{
	struct domain domain;
	struct view text = view_trim(argument);
	const bool is_subdomains = view_starts(text, VIEW("@"));
	if (!s->config->etrn) {
		smtp_refuse(s, out, &left_out);
		return;
	}
	if (domain_parse(is_subdomains ? view_from(text, 1) : text, false, &s->command, &domain) !=
		ADDRESS_OK) {
		smtp_refuse(s, out, &node_wanted);
		return;
	}
	struct smtp_ask *ask = smtp_ask_open(s, SMTP_ASK_ETRN);
	ask->domain = domain;
	ask->is_subdomains = is_subdomains;
}

/* A browser that was made to speak to us (cross-protocol attack): none of its octets are commands. */
static void serve_http(struct smtp_server *s, struct view argument, struct buffer *out)
{
	(void)argument;
	smtp_refuse_close(s, out, &http);
}

static const struct verb verbs[] = {
	{VIEW("EHLO"), ANY, GROUP_LAST, NEEDS_NOTHING, true, smtp_serve_ehlo, NULL},
	{VIEW("HELO"), ANY, GROUP_LAST, NEEDS_NOTHING, true, smtp_serve_helo, NULL},
	{VIEW("MAIL"), IN(READY), GROUP_MEMBER, NEEDS_SENDER, true, smtp_serve_mail, &mail_nested},
	{VIEW("RCPT"), IN(MAIL) | IN(RCPT), GROUP_MEMBER, NEEDS_SENDER, false, smtp_serve_rcpt,
		&mail_first},
	{VIEW("DATA"), IN(RCPT), GROUP_STOP, NEEDS_SENDER, false, smtp_serve_data,
		&smtp_reply_rcpt_first},
	/* BDAT judges its order itself: its octets must be read away in any case */
	{VIEW("BDAT"), ANY, GROUP_MEMBER, NEEDS_NOTHING, false, smtp_serve_bdat, NULL},
	{VIEW("RSET"), ANY, GROUP_MEMBER, NEEDS_NOTHING, true, serve_rset, NULL},
	{VIEW("NOOP"), ANY, GROUP_LAST, NEEDS_NOTHING, true, serve_noop, NULL},
	{VIEW("VRFY"), HELOED, GROUP_LAST, NEEDS_NOTHING, true, serve_vrfy, NULL},
	{VIEW("HELP"), ANY, GROUP_LAST, NEEDS_NOTHING, true, serve_help, NULL},
	{VIEW("QUIT"), ANY, GROUP_LAST, NEEDS_NOTHING, false, serve_quit, NULL},
	{VIEW("STARTTLS"), IN(READY), GROUP_STOP, NEEDS_NOTHING, true, smtp_serve_starttls,
		&only_between},
	{VIEW("AUTH"), IN(READY), GROUP_LAST, NEEDS_TLS, true, smtp_serve_auth, &only_between},
	{VIEW("EXPN"), ANY, GROUP_LAST, NEEDS_NOTHING, false, serve_left_out, NULL},
	{VIEW("ETRN"), IN(READY), GROUP_LAST, NEEDS_LOGIN, true, serve_etrn, &only_between},
	{VIEW("ATRN"), ANY, GROUP_LAST, NEEDS_NOTHING, false, serve_left_out, NULL},
	{VIEW("TURN"), ANY, GROUP_LAST, NEEDS_NOTHING, false, serve_left_out, NULL},
	{VIEW("SEND"), ANY, GROUP_MEMBER, NEEDS_NOTHING, false, serve_left_out, NULL},
	{VIEW("SOML"), ANY, GROUP_MEMBER, NEEDS_NOTHING, false, serve_left_out, NULL},
	{VIEW("SAML"), ANY, GROUP_MEMBER, NEEDS_NOTHING, false, serve_left_out, NULL},
	{VIEW("GET"), ANY, GROUP_MEMBER, NEEDS_NOTHING, false, serve_http, NULL},
	{VIEW("POST"), ANY, GROUP_MEMBER, NEEDS_NOTHING, false, serve_http, NULL},
	{VIEW("PUT"), ANY, GROUP_MEMBER, NEEDS_NOTHING, false, serve_http, NULL},
	{VIEW("HEAD"), ANY, GROUP_MEMBER, NEEDS_NOTHING, false, serve_http, NULL},
	{VIEW("OPTIONS"), ANY, GROUP_MEMBER, NEEDS_NOTHING, false, serve_http, NULL},
	{VIEW("CONNECT"), ANY, GROUP_MEMBER, NEEDS_NOTHING, false, serve_http, NULL},
};

static const struct verb *verb_find(struct view name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (view_equal_nocase(name, verbs[i].name))
			return &verbs[i];
	return NULL;
}

static const struct reply *misplaced(const struct smtp_server *s, const struct verb *verb)
{
	if (s->state == SMTP_STATE_GREETED)
		return &smtp_reply_helo_first;
	if (s->state == SMTP_STATE_BDAT && verb->serve != smtp_serve_mail)
		return &after_chunk;
	if (s->state == SMTP_STATE_MAIL && verb->serve == smtp_serve_data)
		return &smtp_reply_no_recipient;
	return verb->misplaced ? verb->misplaced : &only_between;
}

static bool lacks_login(const struct smtp_server *s, enum needs needs)
{
	if (!s->facts.auth_required || s->is_authenticated)
		return false;
	return needs == NEEDS_LOGIN || (needs == NEEDS_SENDER && !s->facts.senders_are_judged);
}

/* Null when the verb may be served now. */
static const struct reply *verb_refusal(const struct smtp_server *s, const struct verb *verb)
{
	if (!(verb->states & 1u << s->state))
		return misplaced(s, verb);
	if (verb->needs >= NEEDS_TLS && s->facts.tls_required && !s->facts.tls_active)
		return &tls_wanted;
	if (lacks_login(s, verb->needs))
		return &login_wanted;
	return NULL;
}

/* Trailing white space is tolerated, RFC 5321 §4.1.1. */
static struct view trim_end(struct view line)
{
	while (line.length && (line.at[line.length - 1] == ' ' || line.at[line.length - 1] == '\t'))
		line.length--;
	return line;
}

void smtp_serve_command(
	struct smtp_server *s, struct view line, const struct cursor *in, struct buffer *out)
{
	struct view name;
	struct view argument;
	view_split(trim_end(line), ' ', &name, &argument);
	const struct verb *verb = verb_find(name);
	if (!verb) {
		smtp_refuse(s, out, &unknown);
		return;
	}
	s->is_hello = verb->serve == smtp_serve_ehlo || verb->serve == smtp_serve_helo;
	if (verb->serve != smtp_serve_auth)
		s->line = line;
	if (verb->group == GROUP_STOP && cursor_left(in)) {
		smtp_refuse_close(
			s, out, verb->serve == smtp_serve_starttls ? &injection : &synchronisation);
		return;
	}
	if (verb->is_idle && !smtp_count_idle(s, out))
		return;
	const struct reply *refusal = verb_refusal(s, verb);
	if (refusal)
		smtp_refuse(s, out, refusal);
	else
		verb->serve(s, argument, out);
}
