#include "popkey/logline.h"

#include "base/text.h"

#include <regex.h>

#define EXPRESSION_MAX 4096u
#define GROUPS_MAX 40u

/* RFC 3164 and its kin: "<22>Nov 28 19:00:00 host ", "2026-11-28T19:00:00.123456+09:00 host ". A host has no colon: else it
 * could be a program's tag, and what it logs the tag that follows. */
#define HEAD                                                                         \
	"(<[0-9]{1,3}>)?"                                                            \
	"([A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}"                      \
	"|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.,][0-9]{1,9})?" \
	"(Z|[-+][0-9]{2}:?[0-9]{2})?) "                                              \
	"([A-Za-z0-9._-]+ )?"
#define PID "(\\[[0-9]+\\])?: "
#define ADDRESS "([0-9A-Fa-f:.]+)"
#define USER "([^][(){}<>,;\"'`[:space:][:cntrl:]]+)"
#define HOST "([A-Za-z0-9._-]+ )?"

/* Each of the fields that may follow: a name that holds such a field, and the end of its own, would bring the true ones
 * behind it, and they do not fit. */
#define DOVECOT_REST                                                                               \
	", lip=[0-9A-Fa-f:.]+(, (mpid=[0-9]+|TLS|TLS: [^][(){}<>,]*|secured|session=<[^][(){}<>, " \
	"]*>))*"

/* The tag, the message. A failed login has another first word in each of them. */
static const struct {
	struct view server;
	bool is_imap;
	struct view tag;
	struct view message;
} known[] = {
	/* pop3-login: Login: user=<hana>, method=PLAIN, rip=192.0.2.1, lip=192.0.2.2, mpid=7, TLS, session=<x>
	 * in Dovecot's own file with "Info: " and without the tag */
	{VIEW("dovecot"), false, VIEW("(dovecot" PID ")?"),
		VIEW("pop3-login: (Info: )?(Login|Logged in): user=<%{user}>, "
		     "method=[A-Z0-9-]+, rip=%{address}" DOVECOT_REST)},
	{VIEW("dovecot"), true, VIEW("(dovecot" PID ")?"),
		VIEW("imap-login: (Info: )?(Login|Logged in): user=<%{user}>, "
		     "method=[A-Z0-9-]+, rip=%{address}" DOVECOT_REST)},
	/* pop3d: LOGIN, user=hana, ip=[::ffff:192.0.2.1], port=[4711] */
	{VIEW("courier"), false, VIEW("(courier-)?pop3d(-ssl)?" PID),
		VIEW("(INFO: )?LOGIN, user=%{user}, ip=\\[%{address}\\](, "
		     "(port=\\[[0-9]+\\]|protocol=[A-Z0-9]+|stls=1))*")},
	{VIEW("courier"), true, VIEW("(courier-)?imapd(-ssl)?" PID),
		VIEW("(INFO: )?LOGIN, user=%{user}, ip=\\[%{address}\\](, "
		     "(port=\\[[0-9]+\\]|protocol=[A-Z0-9]+|stls=1))*")},
	/* cyrus/pop3[7]: login: host.example [192.0.2.1] hana plaintext+TLS User logged in SESSIONID=<x> */
	{VIEW("cyrus"), false, VIEW("(cyrus/)?pop3s?" PID),
		VIEW("login: " HOST "\\[%{address}\\] %{user} [A-Za-z0-9+-]+ User logged in"
		     "( SESSIONID=<[^<> ]*>)?")},
	{VIEW("cyrus"), true, VIEW("(cyrus/)?imaps?" PID),
		VIEW("login: " HOST "\\[%{address}\\] %{user} [A-Za-z0-9+-]+ User logged in"
		     "( SESSIONID=<[^<> ]*>)?")},
	/* ipop3d[7]: Login user=hana host=host.example [192.0.2.1] nmsgs=0/0 */
	{VIEW("uw"), false, VIEW("ipop3d" PID),
		VIEW("(Login|Auth|APOP|Authenticated) user=%{user} host=" HOST
		     "\\[%{address}\\]( nmsgs=[0-9/]+)?")},
	{VIEW("uw"), true, VIEW("imapd" PID),
		VIEW("(Login|Auth|Authenticated) user=%{user} host=" HOST "\\[%{address}\\]")},
};

struct pattern {
	regex_t regex;
	size_t address; /* groups */
	size_t user; /* 0: none */
	bool is_imap;
};

struct loglines {
	uint32_t count;
	struct pattern patterns[LOGLINES_MAX];
};

struct loglines *loglines_new(void)
{
	return memory_new(1, sizeof(struct loglines));
}

void loglines_free(struct loglines **l)
{
	if (!*l)
		return;
	for (uint32_t i = 0; i < (*l)->count; i++)
		regfree(&(*l)->patterns[i].regex);
	memory_free(*l);
	*l = NULL;
}

/* --- patterns --------------------------------------------------------------------------------- */

/* How many groups begin before the end: parentheses that neither a backslash nor a bracket makes letters. */
static size_t groups_in(struct view text)
{
	size_t count = 0;
	size_t bracket = 0; /* where the present one began, plus 1 */
	for (size_t i = 0; i < text.length; i++) {
		const uint8_t octet = text.at[i];
		if (bracket) {
			/* "[]x]" and "[^]x]" hold a bracket; so do "[:alpha:]" and its kin */
			const bool is_first =
				i == bracket || (i == bracket + 1 && text.at[bracket] == '^');
			const int class = octet == '[' ? view_at(text, i + 1) : -1;
			if (class == ':' || class == '.' || class == '=') {
				const uint8_t end[] = {(uint8_t) class, ']'};
				const size_t at =
					view_search(view_from(text, i + 2), view_of(end, 2));
				if (at == VIEW_NOT_FOUND)
					return count;
				i += at + 3;
			} else if (octet == ']' && !is_first) {
				bracket = 0;
			}
		} else if (octet == '\\') {
			i++;
		} else if (octet == '[') {
			bracket = i + 1;
		} else if (octet == '(') {
			count++;
		}
	}
	return count;
}

/* Appends the pattern with its named places as groups; which groups they are. */
static const char *expand(struct buffer *b, struct view pattern, struct pattern *p)
{
	static const struct view address = VIEW("%{address}"), user = VIEW("%{user}");
	while (pattern.length) {
		const bool is_address = view_starts(pattern, address);
		size_t *group = is_address ? &p->address : &p->user;
		if (!is_address && !view_starts(pattern, user)) {
			buffer_add_octet(b, pattern.at[0]);
			pattern = view_from(pattern, 1);
			continue;
		}
		if (*group)
			return "names a place twice";
		*group = groups_in(buffer_view(b)) + 1;
		buffer_add(b, is_address ? VIEW(ADDRESS) : VIEW(USER));
		pattern = view_from(pattern, is_address ? address.length : user.length);
	}
	if (!p->address)
		return "names no place for %{address}";
	return p->address >= GROUPS_MAX || p->user >= GROUPS_MAX ? "has too many groups" : NULL;
}

static const char *compile_text(struct view expression, regex_t *regex)
{
	char text[EXPRESSION_MAX + 1];
	if (!view_to_text(expression, text, sizeof text))
		return "is too long";
	return regcomp(regex, text, REG_EXTENDED) == 0 ? NULL : "is no extended regular expression";
}

static const char *compile(
	struct loglines *l, struct view tag, struct view message, struct pattern *p)
{
	struct buffer b = buffer_new(EXPRESSION_MAX);
	if (l->count == LOGLINES_MAX)
		return "is one too many";
	buffer_add(&b, VIEW("^(" HEAD));
	buffer_add(&b, tag);
	buffer_add(&b, VIEW(")("));
	const size_t from = b.length;
	const char *problem = expand(&b, message, p);
	/* by itself, too: ")|(" would get out of the anchors */
	if (!problem)
		problem = compile_text(view_from(buffer_view(&b), from), &p->regex);
	if (!problem) {
		regfree(&p->regex);
		buffer_add(&b, VIEW(")$"));
		problem = buffer_failed(&b) ? "is too long"
					    : compile_text(buffer_view(&b), &p->regex);
	}
	buffer_free(&b);
	return problem;
}

bool loglines_add(struct loglines *l, struct view pattern, bool is_imap, struct buffer *problem)
{
	struct pattern p = {.is_imap = is_imap};
	const char *wrong = compile(l, VIEW_NONE, pattern, &p);
	if (wrong) {
		text_add(problem, "the pattern {} {}", text_view(pattern), text_string(wrong));
		return false;
	}
	l->patterns[l->count++] = p;
	return true;
}

bool loglines_add_known(struct loglines *l, struct view name)
{
	bool is_there = false;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		struct pattern p = {.is_imap = known[i].is_imap};
		if (!view_equal(name, known[i].server))
			continue;
		if (compile(l, known[i].tag, known[i].message, &p) != NULL)
			return false;
		l->patterns[l->count++] = p;
		is_there = true;
	}
	return is_there;
}

/* --- lines ------------------------------------------------------------------------------------ */

static struct view group_of(struct view line, const regmatch_t *m)
{
	return m->rm_so < 0 ? VIEW_NONE
			    : view_part(line, (size_t)m->rm_so, (size_t)(m->rm_eo - m->rm_so));
}

static bool is_clean(struct view line)
{
	for (size_t i = 0; i < line.length; i++)
		if (line.at[i] < ' ' || line.at[i] == 0x7f)
			return false;
	return line.length > 0 && line.length <= LOGLINE_MAX;
}

static bool match(
	const struct pattern *p, struct view line, const char *text, struct logline *found)
{
	regmatch_t groups[GROUPS_MAX];
	if (regexec(&p->regex, text, GROUPS_MAX, groups, 0) != 0)
		return false;
	found->is_imap = p->is_imap;
	found->user = p->user ? group_of(line, &groups[p->user]) : VIEW_NONE;
	return found->user.length <= LOGLINE_USER_MAX &&
	       ip_parse(group_of(line, &groups[p->address]), &found->ip);
}

bool loglines_match(const struct loglines *l, struct view line, struct logline *found)
{
	char text[LOGLINE_MAX + 1];
	if (!is_clean(line) || !view_to_text(line, text, sizeof text))
		return false;
	for (uint32_t i = 0; i < l->count; i++)
		if (match(&l->patterns[i], line, text, found))
			return true;
	return false;
}
