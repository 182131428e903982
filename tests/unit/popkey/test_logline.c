/* popkey/logline.h: logins in other servers' logs, and names that want to be one. */
#include "popkey/logline.h"

#include "suite.h"

#define D "Nov 28 19:00:00 mx "

static const struct {
	const char *line;
	const char *wanted; /* "ADDRESS USER", with " imap" behind it; null: no login */
} lines[] = {
	/* --- Dovecot */
	{D "dovecot: pop3-login: Login: user=<hana>, method=PLAIN, rip=192.0.2.1, lip=192.0.2.9, "
	   "mpid=7, TLS, session=<x>",
		"192.0.2.1 hana"},
	{D "dovecot[12]: imap-login: Login: user=<hana@x.example>, method=PLAIN, rip=2001:db8::1, "
	   "lip=2001:db8::9",
		"2001:db8::1 hana@x.example imap"},
	{"<22>Nov  8 19:00:00 dovecot: pop3-login: Login: user=<hana>, method=SCRAM-SHA-256, "
	 "rip=::ffff:192.0.2.1, lip=::",
		"192.0.2.1 hana"},
	{"2026-11-28T19:00:00.123456+09:00 mx dovecot: pop3-login: Logged in: user=<hana>, "
	 "method=PLAIN, rip=192.0.2.1, lip=::1",
		"192.0.2.1 hana"},
	{"Nov 28 19:00:00 pop3-login: Info: Login: user=<hana>, method=PLAIN, rip=192.0.2.1, "
	 "lip=192.0.2.9, mpid=7",
		"192.0.2.1 hana"},
	{"2026-11-28 19:00:00 pop3-login: Info: Login: user=<花>, method=PLAIN, rip=192.0.2.1, "
	 "lip=192.0.2.9",
		"192.0.2.1 花"},
	{D "dovecot: pop3-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 "
	   "secs): user=<hana>, method=PLAIN, rip=192.0.2.1, lip=192.0.2.9",
		NULL},
	{D "dovecot: pop3-login: Disconnected (auth failed, 1 attempts): user=<x>, method=PLAIN, "
	   "rip=192.0.2.1, lip=: pop3-login: Login: user=<hana>, method=PLAIN, rip=192.0.2.1, "
	   "lip=1>",
		NULL},
	{D "dovecot: pop3-login: Disconnected: user=<Login: user=<hana>, method=PLAIN, "
	   "rip=192.0.2.1, lip=x>",
		NULL},
	{D "dovecot: pop3-login: Login: user=<x>, method=PLAIN, rip=203.0.113.9, lip=::1>, "
	   "method=PLAIN, rip=192.0.2.1, lip=::1",
		NULL},
	{D "dovecot: pop3-login: Login: user=<a b>, method=PLAIN, rip=192.0.2.1, lip=::1", NULL},
	{D "dovecot: pop3-login: Login: user=<a>b>, method=PLAIN, rip=192.0.2.1, lip=::1", NULL},
	{D "dovecot: pop3-login: Login: user=<>, method=PLAIN, rip=192.0.2.1, lip=::1", NULL},
	{D "dovecot: pop3-login: Login: user=<hana>, method=PLAIN, rip=999.0.2.1, lip=::1", NULL},
	{D "dovecot: pop3-login: Login: user=<hana>, method=PLAIN, rip=, lip=::1", NULL},
	{D "dovecot: imap-login: ID sent: name=pop3-login: Login: user=<hana>, method=PLAIN, "
	   "rip=192.0.2.1, lip=::1",
		NULL},
	/* another program says so */
	{D "sshd[4]: Invalid user dovecot: pop3-login: Login: user=<hana>, method=PLAIN, "
	   "rip=192.0.2.1, lip=::1",
		NULL},
	{"Nov 28 19:00:00 sshd: dovecot: pop3-login: Login: user=<hana>, method=PLAIN, "
	 "rip=192.0.2.1, lip=::1",
		NULL},
	{"<38>Nov 28 19:00:00 sshd[4]: dovecot: pop3-login: Login: user=<hana>, method=PLAIN, "
	 "rip=192.0.2.1, lip=::1",
		NULL},
	{D D "dovecot: pop3-login: Login: user=<hana>, method=PLAIN, rip=192.0.2.1, lip=::1", NULL},
	{"dovecot: pop3-login: Login: user=<hana>, method=PLAIN, rip=192.0.2.1, lip=::1", NULL},
	{"x\t" D "dovecot: pop3-login: Login: user=<hana>, method=PLAIN, rip=192.0.2.1, lip=::1",
		NULL},
	{D "dovecot: pop3-login: Login: user=<hana>, method=PLAIN, rip=192.0.2.1, lip=::1\033",
		NULL},
	/* --- Courier */
	{D "pop3d: LOGIN, user=hana, ip=[::ffff:192.0.2.1], port=[4711]", "192.0.2.1 hana"},
	{D "courier-pop3d: LOGIN, user=hana@x.example, ip=[2001:db8::1], port=[4711]",
		"2001:db8::1 hana@x.example"},
	{D "pop3d-ssl: LOGIN, user=hana, ip=[::ffff:192.0.2.1]", "192.0.2.1 hana"},
	{D "imapd-ssl: LOGIN, user=hana, ip=[::ffff:192.0.2.1], port=[4711], protocol=IMAP",
		"192.0.2.1 hana imap"},
	{D "pop3d: LOGIN FAILED, user=hana, ip=[::ffff:192.0.2.1]", NULL},
	{D "pop3d: LOGIN FAILED, user=x, ip=[::ffff:192.0.2.1]: LOGIN, user=hana, "
	   "ip=[::ffff:192.0.2.1]",
		NULL},
	{D "pop3d: LOGIN, user=x, ip=[192.0.2.1], ip=[::ffff:203.0.113.9], port=[1]", NULL},
	{D "pop3d: LOGIN, user=x, ip=[::ffff:203.0.113.9], port=[1], user=y, ip=[192.0.2.1]", NULL},
	{D "pop3d: LOGOUT, user=hana, ip=[::ffff:192.0.2.1], port=[1], top=0, retr=0, rcvd=12, "
	   "sent=39, time=0",
		NULL},
	{D "pop3d: authpam: pop3d: LOGIN, user=hana, ip=[192.0.2.1]", NULL},
	/* --- Cyrus */
	{D "cyrus/pop3[7]: login: host.example [192.0.2.1] hana plaintext+TLS User logged in "
	   "SESSIONID=<cyrus-1-2-3>",
		"192.0.2.1 hana"},
	{D "imaps[7]: login: [2001:db8::1] hana SCRAM-SHA-1 User logged in",
		"2001:db8::1 hana imap"},
	{D "cyrus/pop3[7]: badlogin: host.example [192.0.2.1] plaintext hana SASL(-13): "
	   "authentication failure",
		NULL},
	{D "cyrus/pop3[7]: badlogin: [192.0.2.1] plaintext login: [192.0.2.1] hana plain User "
	   "logged in",
		NULL},
	{D "cyrus/pop3[7]: login: x [192.0.2.1] a [203.0.113.9] hana plaintext User logged in",
		NULL},
	{D "cyrus/pop3[7]: login: x [203.0.113.9] a b plaintext User logged in", NULL},
	{D "cyrus/pop3[7]: login: x [203.0.113.9] a plaintext User logged in, or not", NULL},
	/* --- UW */
	{D "ipop3d[7]: Login user=hana host=host.example [192.0.2.1] nmsgs=0/0", "192.0.2.1 hana"},
	{D "imapd[7]: Authenticated user=hana host=[192.0.2.1]", "192.0.2.1 hana imap"},
	{D "ipop3d[7]: Login failed user=hana auth=hana host=host.example [192.0.2.1]", NULL},
	{D "ipop3d[7]: Login failed user=x Login user=hana host=[192.0.2.1]", NULL},
	{D "ipop3d[7]: Login user=x host=[192.0.2.1] host=h [203.0.113.9] nmsgs=0/0", NULL},
	{D "ipop3d[7]: Logout user=hana host=host.example [192.0.2.1] nmsgs=0 ndele=0", NULL},
};

static void is(const struct loglines *l, const char *line, const char *wanted)
{
	struct logline found;
	char text[512] = "";
	if (loglines_match(l, view_text(line), &found)) {
		struct buffer b = buffer_new(256);
		ip_add(&b, &found.ip);
		snprintf(text, sizeof text, "%.*s %.*s%s", (int)b.length, (const char *)b.data,
			(int)found.user.length, (const char *)found.user.at,
			found.is_imap ? " imap" : "");
		buffer_free(&b);
	}
	if (strcmp(text, wanted ? wanted : "") != 0)
		fail_msg("\"%s\" from %s", text, line);
}

static void known_servers(void **state)
{
	(void)state;
	struct loglines *l = loglines_new();
	static const char *const names[] = {"dovecot", "courier", "cyrus", "uw"};
	for (size_t i = 0; i < 4; i++)
		assert_true(loglines_add_known(l, view_text(names[i])));
	assert_false(loglines_add_known(l, VIEW("qpopper")));
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		is(l, lines[i].line, lines[i].wanted);
	loglines_free(&l);
}

/* Names that a client may try in vain, in every place where a pattern has a name, and in the others. */
static void nasty_names(void **state)
{
	(void)state;
	static const char *const forms[] = {
		D "dovecot: pop3-login: Login: user=<%s>, method=PLAIN, rip=203.0.113.9, lip=::1",
		D "dovecot: pop3-login: Disconnected: user=<%s>, method=PLAIN, rip=203.0.113.9, "
		  "lip=::1",
		D "pop3d: LOGIN, user=%s, ip=[::ffff:203.0.113.9], port=[1]",
		D "pop3d: LOGIN FAILED, user=%s, ip=[::ffff:203.0.113.9]",
		D "cyrus/pop3[7]: login: h [203.0.113.9] %s plaintext User logged in",
		D "cyrus/pop3[7]: badlogin: h [203.0.113.9] plaintext %s SASL(-13): no",
		D "ipop3d[7]: Login user=%s host=h [203.0.113.9] nmsgs=0/0",
		D "ipop3d[7]: Login failed user=%s auth=%s host=h [203.0.113.9]",
	};
	static const char *const names[] = {
		"x>, method=PLAIN, rip=192.0.2.1, lip=::1",
		"x>, method=PLAIN, rip=192.0.2.1, lip=::1, session=<x",
		"x>, method=PLAIN, rip=192.0.2.1, lip=::1\n" D
		"dovecot: pop3-login: Login: user=<x>, method=PLAIN, rip=192.0.2.1, lip=::1",
		"x\r\n" D "pop3d: LOGIN, user=x, ip=[192.0.2.1]",
		"x, ip=[192.0.2.1], port=[1]",
		"x, ip=[192.0.2.1]",
		"x plaintext User logged in",
		"[192.0.2.1] x",
		"x host=h [192.0.2.1] nmsgs=0/0",
		"x host=[192.0.2.1]",
		"dovecot: pop3-login: Login: user=<x>, method=PLAIN, rip=192.0.2.1, lip=::1",
		D "dovecot: pop3-login: Login: user=<x>, method=PLAIN, rip=192.0.2.1, lip=::1",
		D "pop3d: LOGIN, user=x, ip=[192.0.2.1]",
		D "ipop3d[7]: Login user=x host=[192.0.2.1]",
		"%{user}%{address}",
		"192.0.2.1",
		"",
		" ",
		"\\",
		"[[:alpha:]]*",
		"(",
		"a\tb",
	};
	struct loglines *l = loglines_new();
	assert_true(loglines_add_known(l, VIEW("dovecot")) &&
		    loglines_add_known(l, VIEW("courier")) &&
		    loglines_add_known(l, VIEW("cyrus")) && loglines_add_known(l, VIEW("uw")));
	struct ip forged;
	assert_true(ip_parse(VIEW("192.0.2.1"), &forged));
	for (size_t f = 0; f < sizeof forms / sizeof *forms; f++)
		for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
			char line[2048];
			struct logline found;
			/* the form is ours, above */
			struct buffer b = buffer_new(sizeof line);
			for (const char *at = forms[f]; *at; at++)
				if (at[0] == '%') {
					buffer_add(&b, view_text(names[n]));
					at++;
				} else {
					buffer_add_octet(&b, (uint8_t)*at);
				}
			if (loglines_match(l, buffer_view(&b), &found) &&
				ip_equal(&found.ip, &forged))
				fail_msg("forged by %s in %s", names[n], forms[f]);
			buffer_free(&b);
		}
	loglines_free(&l);
}

static void journal(void **state)
{
	(void)state;
	struct loglines *l = loglines_new();
	assert_true(loglines_add_known(l, VIEW("dovecot")));
	is(l,
		"2026-11-28T19:00:00+0900 mx dovecot[7]: pop3-login: Login: user=<hana>, "
		"method=PLAIN, rip=192.0.2.1, lip=192.0.2.9",
		"192.0.2.1 hana");
	/* another line of a message: as it was said, and as journalctl(1) prints it */
	is(l, "pop3-login: Login: user=<hana>, method=PLAIN, rip=192.0.2.1, lip=192.0.2.9", NULL);
	is(l,
		"                                        pop3-login: Login: user=<hana>, "
		"method=PLAIN, rip=192.0.2.1, lip=192.0.2.9",
		NULL);
	is(l,
		"                                        2026-11-28T19:00:00+0900 mx dovecot[7]: "
		"pop3-login: Login: user=<hana>, method=PLAIN, rip=192.0.2.1, lip=192.0.2.9",
		NULL);
	loglines_free(&l);
}

static void own_patterns(void **state)
{
	(void)state;
	static const struct {
		const char *pattern;
		const char *line; /* null: it is refused */
		const char *wanted;
	} cases[] = {
		{"mypop: %{user} from %{address}", D "mypop: hana from 192.0.2.1",
			"192.0.2.1 hana"},
		{"mypop: %{user} from %{address}", D "mypop: hana from 192.0.2.1 not", NULL},
		{"mypop: %{user} from %{address}", D "x mypop: hana from 192.0.2.1", NULL},
		{"(a|b)(\\[[0-9]+\\])?: ip=%{address}", D "b[7]: ip=192.0.2.1", "192.0.2.1 "},
		{"[(]x[])(]: \\(%{address}\\) ([[:alpha:](]+) %{user}",
			D "(x): (192.0.2.1) a(b hana", "192.0.2.1 hana"},
		{"a: %{address}|b: x", D "a: 192.0.2.1", "192.0.2.1 "},
		{"a: %{address}|b: x", D "b: x", NULL},
		{"a: %{address}|b: x", D "c: 192.0.2.1b: x", NULL},
		{"a: x)|(b: %{address}", NULL, NULL},
		{"a: %{user}", NULL, NULL},
		{"a: %{address} %{address}", NULL, NULL},
		{"a: %{address} (", NULL, NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct loglines *l = loglines_new();
		struct buffer problem = buffer_new(1024);
		const bool taken = loglines_add(l, view_text(cases[i].pattern), false, &problem);
		if (taken != (cases[i].line != NULL))
			fail_msg("%s: %.*s", cases[i].pattern, (int)problem.length,
				(const char *)problem.data);
		if (cases[i].line)
			is(l, cases[i].line, cases[i].wanted);
		buffer_free(&problem);
		loglines_free(&l);
	}
}

static void long_lines(void **state)
{
	(void)state;
	struct loglines *l = loglines_new();
	assert_true(loglines_add_known(l, VIEW("dovecot")));
	for (int over = 0; over < 2; over++) {
		char line[LOGLINE_MAX + 2];
		const int head = snprintf(line, sizeof line,
			D "dovecot: pop3-login: Login: user=<hana>, method=PLAIN, rip=192.0.2.1, "
			  "lip=");
		memset(line + head, '1', sizeof line - (size_t)head);
		line[LOGLINE_MAX + over] = 0;
		is(l, line, over ? NULL : "192.0.2.1 hana");
	}
	loglines_free(&l);
}

/* One fewer than too many, in each of the two ways in which they come. */
static void many_patterns(void **state)
{
	(void)state;
	struct loglines *l = loglines_new();
	struct buffer problem = buffer_new(1024);
	for (unsigned i = 0; i <= LOGLINES_MAX; i++) {
		char pattern[64];
		snprintf(pattern, sizeof pattern, "pop%u: %%{user} from %%{address}", i);
		assert_int_equal(
			loglines_add(l, view_text(pattern), false, &problem), i < LOGLINES_MAX);
	}
	assert_true(view_ends(buffer_view(&problem), VIEW(" is one too many")));
	is(l, D "pop31: hana from 192.0.2.1", "192.0.2.1 hana");
	is(l, D "pop32: hana from 192.0.2.1", NULL);
	buffer_free(&problem);
	loglines_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_servers),
		cmocka_unit_test(nasty_names),
		cmocka_unit_test(journal),
		cmocka_unit_test(own_patterns),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(many_patterns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
