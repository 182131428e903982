#include "tools/sekisho/commands.h"

#include "base/text.h"
#include "parent/serve.h"

static const struct command rows[] = {
	{
		.name = "serve",
		.usage = "[NAME]",
		.summary = "run the mail server in the foreground",
		.run_raw = serve_main,
	},
	{
		.name = "setup",
		.usage = "[NAME]",
		.summary = "make system users, directories and a first certificate",
		.text = "Makes what the server needs to stand on this machine: as root the system\n"
			"users and groups, the configuration directory (with the file servername,\n"
			"when NAME is given), the state directory and a certificate that is "
			"signed\n"
			"by itself. It may be run again: what is there stays as it is, save that\n"
			"another NAME replaces the old one, also in a certificate made "
			"here.\n"
			"Without root it makes the directories only.\n",
		.example = "  sekisho setup mail.example.org\n",
		.words_max = 1,
		.run = run_setup,
	},
	{
		.name = "check",
		.usage = "[NAME]",
		.summary = "print every setting, where it came from, and what is wrong",
		.text = "Reads the configuration as the server would and prints every setting, "
			"its\n"
			"value and where it came from; then what is wrong, with file, line and\n"
			"remedy; then which measures of the sandbox this kernel lacks. NAME is "
			"the\n"
			"host name that would be given to serve; without it, the one that was\n"
			"given to the server that runs.\n"
			"Exit code 0: no errors. 1: the server would refuse this configuration.\n",
		.example = "  sekisho check --json\n",
		.options = {{"--json", NULL, "one JSON object"},
			{"--privileges", NULL, "print instead what each program may do"}},
		.words_max = 1,
		.run = run_check,
	},
	{
		.name = "user",
		.usage = "add|passwd|remove|list [NAME]",
		.summary = "add, change, remove and list those who have a mailbox",
		.text = "add NAME     a new user; asks for the password twice, or reads one line "
			"from\n"
			"             standard input when that is no terminal\n"
			"passwd NAME  another password\n"
			"remove NAME  nobody of that name can log in or be written to any more; "
			"the\n"
			"             mailbox stays where it is\n"
			"list         the names\n"
			"\n"
			"NAME is the part before the @, or the whole address in a domain of this\n"
			"site. A running server hears of the change at once.\n",
		.example = "  sekisho user add hana --generate\n"
			   "  echo 'a long pass phrase' | sekisho user passwd hana\n",
		.options = {{"--generate", NULL, "make a strong password and print it"},
			{"--hash", "HASH", "import a hash ($6$, $y$, $2b$, $argon2id$, or !)"},
			{"--json", NULL, "list: one JSON array"}},
		.words_min = 1,
		.words_max = 2,
		.run = run_user,
	},
	{
		.name = "queue",
		.usage = "[retry|hold|release|return|delete] [ID|DOMAIN]",
		.summary = "list the mail that is accepted and not yet delivered, or change it",
		.text = "Prints each mail that the running server has accepted and not finished:\n"
			"its id, age, size and reverse-path, and the recipients that are open,\n"
			"why each waits and when it is tried again. With an ID, a DOMAIN or\n"
			"options only those; several must all hold.\n"
			"\n"
			"retry    tries now what waits; what goes to the same place goes with it\n"
			"hold     leaves it alone until it is released; it does not expire\n"
			"release  what was held goes on\n"
			"return   goes back to its sender, who is told\n"
			"delete   is gone, and nobody is told\n"
			"\n"
			"All but retry need a selection.\n"
			"Exit code 0: done. 1: there is no such mail, or some of it is on its\n"
			"way just now.\n",
		.example = "  sekisho queue example.org\n"
			   "  sekisho queue hold --sender taro@example.com\n"
			   "  sekisho queue release --all\n",
		.options = {{"--sender", "ADDRESS", "mail from there; '<>' for reports"},
			{"--recipient", "ADDRESS", "recipients of that address"},
			{"--domain", "DOMAIN", "recipients in that domain, or on their way there"},
			{"--all", NULL, "all mail"}, {"--json", NULL, "one JSON array"}},
		.words_max = 2,
		.run = run_queue,
	},
	{
		.name = "explain",
		.usage = "MAIL-FROM RCPT-TO",
		.summary = "say what would happen to a mail, and by which rule",
		.text = "Asks the configuration, step by step, what would be answered to a mail\n"
			"from MAIL-FROM (\"<>\" for none) to RCPT-TO, and into which mailboxes it "
			"would\n"
			"go. Nothing is sent and no server need run.\n"
			"Exit code 0: it would be accepted. 1: it would be refused.\n",
		.example = "  sekisho explain --from 192.0.2.7 taro@example.org hana@example.com\n",
		.options = {{"--from", "ADDRESS", "IP address of the client (192.0.2.1)"},
			{"--helo", "NAME", "what it calls itself (client.example)"},
			{"--login", "USER", "as whom it has logged in"},
			{"--size", "N", "octets that it declares, SIZE=N"},
			{"--json", NULL, "one JSON object"}},
		.words_min = 2,
		.words_max = 2,
		.run = run_explain,
	},
	{
		.name = "resolve",
		.usage = "NAME|ADDRESS",
		.summary = "say where mail for a domain would go, or who a client is",
		.text = "Asks the running server what it finds in the DNS, and sends nothing.\n"
			"  NAME             a domain: the hosts that mail for it goes to, in "
			"order,\n"
			"                   their addresses, and what DANE asks of them\n"
			"  [192.0.2.1]      an address literal, the same\n"
			"  192.0.2.1        an address: the verified name of a client there\n"
			"Exit code 0: found. 1: not, and that is final. 75: not just now.\n",
		.example = "  sekisho resolve example.org\n"
			   "  sekisho resolve 192.0.2.7\n",
		.options = {{"--texts", NULL, "the TXT records of NAME instead"},
			{"--json", NULL, "one JSON object"}},
		.words_min = 1,
		.words_max = 1,
		.run = run_resolve,
	},
	{
		.name = "gate",
		.usage = "[list|open|close|counts] [ADDRESS|USER] …",
		.summary = "list the addresses that a login has opened, open or close one",
		.text = "Prints for which addresses the gate is open (setting popkey), for mail "
			"of\n"
			"which user, by what, since when and until when. With an ADDRESS or a "
			"USER\n"
			"only those.\n"
			"\n"
			"open ADDRESS USER [SECONDS]  opens it by hand, for 300 seconds or as many "
			"as\n"
			"                             are given\n"
			"close ADDRESS [USER]         closes it at once, of all users or of one; "
			"a\n"
			"                             later login opens it again\n"
			"counts                       how many rows the gate holds of each kind\n"
			"\n"
			"Exit code 0: done. 1: there was nothing to close. 75: the store of the "
			"gate\n"
			"does not answer.\n",
		.example = "  sekisho gate 192.0.2.7\n"
			   "  sekisho gate open 192.0.2.7 hana 600\n",
		.options = {{"--json", NULL, "list: one JSON array"}},
		.words_max = 4,
		.run = run_gate,
	},
	{
		.name = "trace",
		.usage = "WHAT",
		.summary = "watch a session, an address or a channel live",
		.text = "Prints what happens, until Ctrl-C. WHAT is\n"
			"  an address or the id of a session (as in the log): its dialogue\n"
			"  all                  the dialogue of all sessions\n"
			"  channel:smtpd-spool  what two programs say to each other\n"
			"Passwords and keys are blanked by the program itself.\n",
		.example = "  sekisho trace 192.0.2.7\n"
			   "  sekisho trace channel:spool-deliver\n",
		.words_min = 1,
		.words_max = 1,
		.run = run_trace,
	},
	{
		.name = "status",
		.usage = "",
		.summary = "show the programs of the running server and how they are",
		.text = "Prints each program of the running server with its state, process id,\n"
			"restarts (broken: because it had said what it may not) and age, and what\n"
			"the program says about itself.\n"
			"Exit code 0: all are up. 1: not all.\n",
		.example = "  sekisho status --json\n",
		.options = {{"--json", NULL, "one JSON object"}},
		.run = run_status,
	},
	{
		.name = "reload",
		.usage = "",
		.summary = "have the running server read its configuration again",
		.text = "Asks the running server to read its configuration again, as SIGHUP does.\n"
			"No connection is dropped. With a configuration that has errors the old "
			"one\n"
			"goes on, and the log says why; `sekisho check` says it beforehand.\n"
			"Exit code 0: all programs go by it now. 1: it was not taken over.\n",
		.example = "  sekisho check && sekisho reload\n",
		.run = run_reload,
	},
	{
		.name = "man-settings",
		.usage = "",
		.text = "Prints the manual page sekisho-settings(5), from the table of settings.\n",
		.example = "  sekisho man-settings > docs/man/sekisho-settings.5\n",
		.run = run_man_settings,
	},
};
#define ROWS (sizeof rows / sizeof *rows)

const struct command *command_find(struct view name)
{
	for (unsigned i = 0; i < ROWS; i++)
		if (view_equal(name, view_text(rows[i].name)))
			return &rows[i];
	return NULL;
}

#define SUMMARY_COLUMN 12u

void commands_add_help(struct buffer *b)
{
	buffer_add(b, VIEW("usage: sekisho [--config DIR] [--state DIR] COMMAND …\n\n"
			   "Sekisho is a mail server: in by SMTP, safe on disk, out by POP3.\n\n"));
	for (unsigned i = 0; i < ROWS; i++) {
		const size_t start = b->length;
		if (!rows[i].summary)
			continue;
		text_add(b, "  {}", text_string(rows[i].name));
		do
			buffer_add_octet(b, ' ');
		while (!buffer_failed(b) && b->length - start < SUMMARY_COLUMN);
		text_add(b, "{}\n", text_string(rows[i].summary));
	}
	buffer_add(b, VIEW("  version   print the version\n"
			   "  help      this text, or that of a command\n\n"
			   "`sekisho COMMAND --help` says more about one.\n\n"
			   "Example:\n"
			   "  sekisho setup mail.example.org\n"
			   "  sekisho user add hana\n"
			   "  sekisho serve\n"));
}
