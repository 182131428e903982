/* popkey/watcher.h: it opens on the reply to a login, and on nothing else that a server says. */
#include "popkey/watcher.h"

#include "suite.h"

struct dialogue {
	enum watcher_protocol protocol;
	/* lines: "C:" and "S:", each sent with CRLF; "c:" and "s:": as they are, with \n for what ends a line here */
	const char *text;
	const char *
		user; /* null: it must stay closed; else it opens in the last line, and not before */
};

static void feed(struct watcher *w, const char *line, size_t length, bool by_octets, bool *opened)
{
	struct buffer b = buffer_new(1 << 16);
	buffer_add(&b, view_of(line + 2, length - 2));
	if (line[0] == 'C' || line[0] == 'S')
		buffer_add(&b, VIEW("\r\n"));
	for (size_t i = 0; i < b.length; i++)
		if (b.data[i] == '~')
			b.data[i] = '\n';
	for (size_t i = 0; i < b.length; i += by_octets ? 1 : b.length) {
		const struct view part =
			by_octets ? view_part(buffer_view(&b), i, 1) : buffer_view(&b);
		if (line[0] == 'C' || line[0] == 'c')
			watcher_client(w, part);
		else if (watcher_server(w, part))
			*opened = true;
	}
	buffer_free(&b);
}

static void run(const struct dialogue *d, bool by_octets)
{
	struct watcher w;
	bool opened = false;
	watcher_init(&w, d->protocol);
	for (const char *line = d->text; *line;) {
		const char *end = strchr(line, '\n');
		if (opened)
			fail_msg("opened too soon: %s", d->text);
		feed(&w, line, (size_t)(end - line), by_octets, &opened);
		line = end + 1;
	}
	if (opened != (d->user != NULL))
		fail_msg("%s: %s", opened ? "opened" : "closed", d->text);
	if (d->user && !view_equal(watcher_user(&w), view_text(d->user)))
		fail_msg("%.*s: %s", (int)w.user_length, (const char *)w.user, d->text);
	watcher_free(&w);
}

#define HELLO "S:+OK ready <1.2@host>\n"
#define HI "S:* OK [CAPABILITY IMAP4rev1] ready\n"

static const struct dialogue pop3[] = {
	{WATCHER_POP3, HELLO "C:USER hana\nS:+OK\nC:PASS x y\nS:+OK 3 messages\n", "hana"},
	{WATCHER_POP3, HELLO "C:user hana\nS:+ok\nC:pass x\nS:+ok\n", "hana"},
	{WATCHER_POP3, HELLO "c:USER hana\r~PASS x\r~\ns:+OK\r~\nS:+OK\n", "hana"},
	{WATCHER_POP3,
		HELLO
		"C:USER hana\nS:+OK\nC:PASS x\nS:-ERR no\nC:USER taro\nS:+OK\nC:PASS y\nS:+OK\n",
		"taro"},
	{WATCHER_POP3, HELLO "C:APOP hana 0123\nS:+OK\n", "hana"},
	{WATCHER_POP3,
		HELLO
		"C:CAPA\ns:+OK list\r~USER\r~SASL PLAIN\r~.\r~\nC:AUTH PLAIN AGhhbmEAeA==\nS:+OK\n",
		"hana"},
	{WATCHER_POP3, HELLO "C:AUTH PLAIN\nS:+ \nC:aGFuYQBoYW5hAHg=\nS:+OK\n", "hana"},
	{WATCHER_POP3, HELLO "C:AUTH OAUTHBEARER bixhPWhhbmEsAWF1dGg9QmVhcmVyIHgBAQ==\nS:+OK\n",
		"hana"},
	/* somebody else's name beside one's own: whose of them the server takes, only it knows */
	{WATCHER_POP3, HELLO "C:AUTH PLAIN\nS:+ \nC:dGFybwBoYW5hAHg=\nS:+OK\n", ""},
	{WATCHER_POP3,
		HELLO
		"C:AUTH SCRAM-SHA-1 bixhPWhhbmEsbj10YXJvLHI9eA==\nS:+ cj14\nC:Yz1iaXdz\nS:+OK\n",
		""},
	{WATCHER_POP3,
		HELLO
		"C:AUTH SCRAM-SHA-1 bixhPWhhbmEsbj1oYW5hLHI9eA==\nS:+ cj14\nC:Yz1iaXdz\nS:+OK\n",
		"hana"},
	{WATCHER_POP3, HELLO "C:AUTH OAUTHBEARER biwsbj1oYW5hLAE=\nS:+OK\n", ""},
	/* a name that was refused is not who logs in with the one before */
	{WATCHER_POP3,
		HELLO "C:USER taro\nS:+OK\nC:AUTH PLAIN AGhhbmEAeA==\nS:-ERR\nC:PASS x\nS:+OK\n",
		""},
	{WATCHER_POP3, HELLO "C:USER taro\nS:+OK\nC:USER hana\nS:-ERR\nC:PASS x\nS:+OK\n", ""},
	{WATCHER_POP3, HELLO "C:USER taro\nS:+OK\nC:APOP hana 01\nS:-ERR\nC:PASS x\nS:+OK\n", ""},
	{WATCHER_POP3, HELLO "C:USER taro\nS:+OK\nC:STAT\nS:-ERR\nC:PASS x\nS:+OK\n", NULL},
	{WATCHER_POP3, HELLO "C:USER taro\nS:+OK\nC:NOOP\nS:-ERR\nC:PASS x\nS:+OK\n", "taro"},
	{WATCHER_POP3,
		HELLO
		"C:AUTH LOGIN\nS:+ VXNlcm5hbWU6\nC:aGFuYQ==\nS:+ UGFzc3dvcmQ6\nC:eA==\nS:+OK\n",
		"hana"},
	{WATCHER_POP3, HELLO "C:AUTH CRAM-MD5\nS:+ PDFAeD4=\nC:aGFuYSAwMTIz\nS:+OK\n", "hana"},
	{WATCHER_POP3,
		HELLO "C:AUTH SCRAM-SHA-256\nS:+\nC:biwsbj1oYW5hLHI9eA==\nS:+ "
		      "cj14\nC:Yz1iaXdz\nS:+ dj14\nC:\nS:+OK\n",
		"hana"},
	{WATCHER_POP3, HELLO "C:AUTH GSSAPI\nS:+\nC:eA==\nS:+OK\n", ""},
	{WATCHER_POP3,
		HELLO
		"C:AUTH PLAIN\nS:+\nC:*\nS:-ERR cancelled\nC:USER hana\nS:+OK\nC:PASS x\nS:+OK\n",
		"hana"},
	/* who does not wait for the greeting */
	{WATCHER_POP3, "C:USER hana\nC:PASS x\n" HELLO "S:+OK\nS:+OK\n", "hana"},
	{WATCHER_POP3, "C:USER hana\nC:PASS x\n" HELLO "S:+OK\nS:-ERR\n", NULL},
	/* --- never on a greeting, a reply to USER, a list, or what is not the reply */
	{WATCHER_POP3, HELLO, NULL},
	{WATCHER_POP3, "S:-ERR go away\nC:PASS x\nS:+OK\n", NULL},
	{WATCHER_POP3, "S:-ERR no\nC:PASS x\nS:+OK\n", NULL},
	{WATCHER_POP3, HELLO "C:USER hana\nS:+OK\n", NULL},
	{WATCHER_POP3, HELLO "C:USER hana\nS:+OK\nC:PASS x\nS:-ERR +OK\n", NULL},
	{WATCHER_POP3, HELLO "C:USER hana\nS:+OK\nC:PASS x\nS:+OKAY\n", NULL},
	{WATCHER_POP3, HELLO "C:PASS\nS:+OK\n", NULL},
	{WATCHER_POP3, HELLO "C:AUTH\ns:+OK\r~PLAIN\r~.\r~\n", NULL},
	{WATCHER_POP3, HELLO "C:CAPA\ns:+OK\r~+OK\r~+OK\r~\nC:PASS x\nS:+OK\n", NULL},
	{WATCHER_POP3, HELLO "C:STLS\nS:+OK\nC:USER hana\nS:+OK\nC:PASS x\nS:+OK\n", NULL},
	{WATCHER_POP3, HELLO "C:RETR 1\ns:+OK\r~Subject: x\r~\r~+OK\r~.\r~\nC:PASS x\nS:+OK\n",
		NULL},
	{WATCHER_POP3, HELLO "S:+OK again\nC:PASS x\nS:+OK\n", NULL},
	/* --- what a server might read in another way */
	{WATCHER_POP3, HELLO "c:USER x~PASS y\r~\nS:+OK\nC:USER z\nS:+OK\n", NULL},
	{WATCHER_POP3, HELLO "c:USER x\rPASS y\r~\nS:+OK\nC:NOOP\nS:+OK\n", NULL},
	{WATCHER_POP3, HELLO "c:USER x~\nS:+OK\nC:PASS y\nS:+OK\n", NULL},
	{WATCHER_POP3, HELLO "C:USER \001\nS:+OK\nC:PASS y\nS:+OK\n", NULL},
	/* a server that has thrown away what was pipelined answers the next command instead */
	{WATCHER_POP3, HELLO "c:USER a\r~PASS b\r~USER c\r~\ns:+OK\r~-ERR\r~\nC:CAPA\nS:+OK\n",
		NULL},
	{WATCHER_POP3, HELLO "c:USER a\r~PASS b\r~PASS c\r~\ns:+OK\r~-ERR\r~\nC:USER d\nS:+OK\n",
		NULL},
	{WATCHER_POP3, HELLO "c:USER a\r~PASS b\r~STAT\r~\ns:+OK\r~+OK\r~\nS:+OK 0 0\n", NULL},
	/* a challenge that was not one: what follows is a command to the server, and a response to us */
	{WATCHER_POP3, HELLO "c:AUTH PLAIN\r~NOOP\r~\nS:-ERR\nS:+OK\n", NULL},
	{WATCHER_POP3, HELLO "C:USER a\nS:+ \nC:PASS b\nS:+OK\n", NULL},
	{WATCHER_POP3, HELLO "C:AUTH PLAIN\nS:+ \nS:+OK\n", NULL},
};

static const struct dialogue imap[] = {
	{WATCHER_IMAP, HI "C:a1 LOGIN hana x\nS:a1 OK done\n", "hana"},
	{WATCHER_IMAP, HI "C:a1 login \"ha\\\"na\" \"x\"\nS:* CAPABILITY IMAP4rev1\nS:a1 ok\n",
		"ha\"na"},
	{WATCHER_IMAP, HI "C:a1 LOGIN {4}\nS:+ go on\nC:hana {1}\nS:+\nC:x\nS:a1 OK\n", "hana"},
	{WATCHER_IMAP,
		HI "C:a1 CAPABILITY\nS:* CAPABILITY X\nS:a1 OK\nC:a2 LOGIN hana x\nS:a2 NO\nC:a3 "
		   "LOGIN taro x\nS:a3 OK\n",
		"taro"},
	{WATCHER_IMAP, HI "C:a AUTHENTICATE PLAIN\nS:+\nC:AGhhbmEAeA==\nS:a OK\n", "hana"},
	{WATCHER_IMAP, HI "C:a AUTHENTICATE PLAIN AGhhbmEAeA==\nS:a OK\n", "hana"},
	{WATCHER_IMAP, HI "C:a AUTHENTICATE XOAUTH2 dXNlcj1oYW5hAWF1dGg9QmVhcmVyIHgBAQ==\nS:a OK\n",
		"hana"},
	{WATCHER_IMAP,
		HI "C:a ID (\"x\" {3}\nS:+\nc:y\r~)\r~\nS:* ID NIL\nS:a OK\nC:b LOGIN hana x\nS:b "
		   "OK\n",
		"hana"},
	{WATCHER_IMAP,
		HI "C:a ID NIL\ns:* ID (\"v\" {9}\r~b OK xxx\r~)\r~\nS:a OK\nC:b LOGIN hana x\nS:b "
		   "OK\n",
		"hana"},
	/* --- never */
	{WATCHER_IMAP, HI, NULL},
	{WATCHER_IMAP, "S:* PREAUTH hana\nC:a LOGIN hana x\nS:a OK\n", NULL},
	{WATCHER_IMAP, HI "C:a NOOP\nS:a OK\n", NULL},
	{WATCHER_IMAP, HI "C:a LOGIN hana x\nS:a NO OK\n", NULL},
	{WATCHER_IMAP, HI "C:a LOGIN hana x\nS:* OK\nS:b OK\nS:+ OK\n", NULL},
	{WATCHER_IMAP, HI "C:a STARTTLS\nS:a OK\nC:b LOGIN hana x\nS:b OK\n", NULL},
	{WATCHER_IMAP, HI "C:a LOGIN hana x\ns:* X {6}\r~a OK \r~\r~\nS:a NO\n", NULL},
	/* a literal to us, a command to a server that knows no LITERAL+ */
	{WATCHER_IMAP, HI "c:x LOGIN u {8+}\r~x NOOP\r~\r~\nS:x BAD\nS:x OK\n", NULL},
	{WATCHER_IMAP, HI "c:x LOGIN u {8+}\r~x NOOP\nS:x NO\nc:\r~\r~\nS:x OK\n", NULL},
	{WATCHER_IMAP, HI "c:x NOOP {8+}\r~y NOOP\r~\r~y LOGIN u p\r~\nS:x NO\nS:y OK\n", NULL},
	{WATCHER_IMAP, HI "c:x NOOP {8-}\r~y NOOP\r~\r~y LOGIN u p\r~\nS:x NO\nS:y OK\n", NULL},
	{WATCHER_IMAP, HI "c:a1 LOGIN {4+}\r~hana {1+}\r~x\r~\nS:a1 OK\n", NULL},
	{WATCHER_IMAP,
		HI "c:a ID (\"x\" {3+}\r~y\r~)\r~\nS:* ID NIL\nS:a OK\nC:b LOGIN hana x\nS:b OK\n",
		NULL},
	/* a literal to us, a challenge to the server, which reads an answer to it and then a command */
	{WATCHER_IMAP,
		HI "C:x AUTHENTICATE PLAIN {11}\nS:+\nc:*\r~y NOOP\r~\r~\nS:x BAD\nC:y LOGIN u "
		   "p\nS:y OK\n",
		NULL},
	{WATCHER_IMAP, HI "C:x AUTHENTICATE PLAIN {4}\nS:+\nC:AAAA\nS:x OK\n", NULL},
	/* a literal to some, and none to us */
	{WATCHER_IMAP, HI "C:x NOOP {99999999999+}\nS:x BAD\nC:y LOGIN u p\nS:y OK\n", NULL},
	{WATCHER_IMAP, HI "C:x NOOP {+5}\nS:x BAD\nC:y LOGIN u p\nS:y OK\n", NULL},
	{WATCHER_IMAP, HI "C:x NOOP 5}\nS:x BAD\nC:y LOGIN u p\nS:y OK\n", "u"},
	/* two logins, answered in the other order */
	{WATCHER_IMAP, HI "c:x LOGIN taro p\r~y LOGIN hana p\r~\nS:y NO\nS:x OK\n", ""},
	{WATCHER_IMAP, HI "c:x LOGIN u {20}\r~x NOOP\r~\nS:x NO\nS:x OK\n", NULL},
	/* one tag, two commands */
	{WATCHER_IMAP, HI "c:a NOOP\r~a NOOP\r~\nS:a OK\nS:a OK\nC:b LOGIN hana x\nS:b OK\n", NULL},
	{WATCHER_IMAP, HI "c:x LOGIN u p\r~x NOOP\r~\nS:x NO\nS:x OK\n", NULL},
	{WATCHER_IMAP, HI "c:x LOGIN u p\r~y NOOP\r~\nS:x OK\nS:y OK\n", NULL},
	{WATCHER_IMAP, HI "c:x AUTHENTICATE PLAIN\r~x NOOP\r~\nS:x BAD\nS:x OK\n", NULL},
	{WATCHER_IMAP, HI "c:a NOOP~x LOGIN u p\r~\nS:a OK\nS:x OK\n", NULL},
	{WATCHER_IMAP, HI "C:+ LOGIN hana x\nS:+ OK\n", NULL},
	{WATCHER_IMAP, HI "C:* LOGIN hana x\nS:* OK\n", NULL},
};

static void run_all(const struct dialogue *all, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (int by_octets = 0; by_octets < 2; by_octets++)
			run(&all[i], by_octets);
}

static void pop3_dialogues(void **state)
{
	(void)state;
	run_all(pop3, sizeof pop3 / sizeof *pop3);
}

static void imap_dialogues(void **state)
{
	(void)state;
	run_all(imap, sizeof imap / sizeof *imap);
}

/* On both sides of each limit. */
static void limits(void **state)
{
	(void)state;
	for (int over = 0; over < 2; over++) {
		char text[WATCHER_LINE_MAX + 400];
		const size_t password = WATCHER_POP3_LINE_MAX - 2 - 5 + (size_t)over;
		snprintf(text, sizeof text, HELLO "C:USER hana\nS:+OK\nC:PASS %0*d\nS:+OK\n",
			(int)password, 0);
		struct dialogue d = {WATCHER_POP3, text, over ? NULL : "hana"};
		run(&d, false);
		snprintf(text, sizeof text, HI "C:a LOGIN hana %0*d\nS:a OK\n",
			(int)(WATCHER_LINE_MAX - 13 + (unsigned)over), 0);
		d = (struct dialogue){WATCHER_IMAP, text, over ? NULL : "hana"};
		run(&d, false);
		/* refused, and then the rest of it is answered */
		const int sure = (int)(WATCHER_SURE_MAX + (unsigned)over);
		snprintf(text, sizeof text,
			HELLO "C:AUTH PLAIN\nS:+\nC:%0*d\nS:-ERR\nC:USER hana\nS:+OK\nC:PASS "
			      "x\nS:+OK\n",
			sure, 0);
		d = (struct dialogue){WATCHER_POP3, text, over ? NULL : "hana"};
		run(&d, false);
		snprintf(text, sizeof text,
			HI "C:a LOGIN x %0*d\nS:a NO\nC:b LOGIN hana x\nS:b OK\n", sure - 10, 0);
		d = (struct dialogue){WATCHER_IMAP, text, over ? NULL : "hana"};
		run(&d, false);
		const int tag = (int)(WATCHER_TAG_MAX + (unsigned)over);
		snprintf(text, sizeof text, HI "C:%0*d LOGIN hana x\nS:%0*d OK\n", tag, 1, tag, 1);
		d = (struct dialogue){WATCHER_IMAP, text, over ? NULL : "hana"};
		run(&d, false);
		/* a name that is too long is nobody's: the gate opens for the address */
		char name[WATCHER_USER_MAX + 2];
		snprintf(name, sizeof name, "%0*d", (int)WATCHER_USER_MAX + over, 1);
		snprintf(text, sizeof text, HI "C:a LOGIN %s x\nS:a OK\n", name);
		d = (struct dialogue){WATCHER_IMAP, text, over ? "" : name};
		run(&d, false);
		snprintf(text, sizeof text, HI "C:a LOGIN \"%s\" x\nS:a OK\n", name);
		d = (struct dialogue){WATCHER_IMAP, text, over ? "" : name};
		run(&d, false);
		size_t at = (size_t)snprintf(text, sizeof text, HELLO);
		for (unsigned i = 0; i < WATCHER_OWED_MAX - 2 + (unsigned)over; i++)
			at += (size_t)snprintf(text + at, sizeof text - at, "C:NOOP\n");
		at += (size_t)snprintf(text + at, sizeof text - at, "C:USER hana\nC:PASS x\n");
		for (unsigned i = 0; i < WATCHER_OWED_MAX + (unsigned)over; i++)
			at += (size_t)snprintf(text + at, sizeof text - at, "S:+OK\n");
		d = (struct dialogue){WATCHER_POP3, text, over ? NULL : "hana"};
		run(&d, false);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pop3_dialogues),
		cmocka_unit_test(imap_dialogues),
		cmocka_unit_test(limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
