#include "config/settings.h"

#include "config/units.h"

/* Bounds of files: one value; some dozens of entries; as many as there are people. */
#define SMALL .octets_max = 64 * KIB, .lines_max = 1000
#define MIDDLE .octets_max = MIB, .lines_max = 10000
#define LARGE .octets_max = 64 * MIB, .lines_max = 400000

static const struct setting settings[SETTING_COUNT] = {
	{
		.id = SETTING_SERVERNAME,
		.name = "servername",
		.kind = SETTING_KIND_DOMAIN,
		SMALL,
		.help = "The full name of this host, used in the greeting, in HELO, in Message-IDs "
			"and in reports.",
		.absent = "the argument of `sekisho serve`, else the full name of the machine; "
			  "without "
			  "either the server does not start",
		.format = "One full domain name.",
		.remedy = "write one full name, such as mail.example.org",
		.example = "mail.example.org\n",
		.note = "The same name should be found by a look-up of this host's address in the "
			"DNS.",
	},
	{
		.id = SETTING_POSTMASTER,
		.name = "postmaster",
		.kind = SETTING_KIND_NAME,
		SMALL,
		.help = "Who reads mail for postmaster, abuse and mailer-daemon, and reports of "
			"errors.",
		.absent = "the first user",
		.format = "One user or alias of this site, or an address in one of its domains.",
		.remedy = "name a user or an alias of this site",
		.example = "hana\n",
		.note = "As long as there is no user at all, mail for these addresses is refused "
			"for "
			"the time being with 450.",
	},
	{
		.id = SETTING_DENYFROM,
		.name = "denyfrom",
		.kind = SETTING_KIND_LIST,
		LARGE,
		.help = "Hosts, domains, addresses, networks and senders that mail is not taken "
			"from.",
		.absent = "nobody is refused",
		.format = "A line each: a host or domain name (which stands for all hosts in it, "
			  "too), an "
			  "IP address, a network, a sender address, or @ and a sender domain.",
		.remedy = "write a domain name, an address, a network such as 192.0.2.0/24, "
			  "user@domain or @domain",
		.example = "# this host only, and what is in it\n"
			   "db.spam.example\n"
			   "192.0.2.0/24\n"
			   "2001:db8:bad::/48\n"
			   "offers@shop.example\n"
			   "@bulk.example\n",
		.note = "Names are compared with the verified name of the client, the name that it "
			"gives "
			"in HELO, and the domain of the sender. ano.net refuses ano.net and "
			"mail.ano.net, "
			"not xano.net. The log names the line that refused.",
	},
	{
		.id = SETTING_DOMAINS,
		.name = "domains",
		.kind = SETTING_KIND_LIST,
		SMALL,
		.help = "The domains of this site: mail for their users and aliases is taken.",
		.absent = "the servername, and what follows its first dot unless that is a public "
			  "suffix such as org or co.jp",
		.format =
			"A domain name a line; the first is used where an address has to be made.",
		.remedy = "write one domain name a line",
		.example = "example.org\nexample.net\n",
	},
	{
		.id = SETTING_USERS,
		.name = "users",
		.kind = SETTING_KIND_LIST,
		LARGE,
		.secret = true,
		.help = "The people who have a mailbox here, with what is needed to check their "
			"passwords.",
		.absent = "there is no user: mail for nobody is taken and nobody can log in",
		.format = "A line each: name:verifier. Names are lower-case letters, digits, dots, "
			  "hyphens and underscores, or letters beyond ASCII. A verifier is "
			  "{SCRAM-SHA-256} and its four values, an imported crypt or argon2id "
			  "hash, or "
			  "! for a user who cannot log in.",
		.remedy = "use `sekisho user add NAME`, which writes the line",
		.example = "hana:{SCRAM-SHA-256}10000,c2FsdHNhbHRzYWx0,"
			   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,"
			   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
			   "archive:!\n",
		.note = "Written by sekisho user; keep it readable by root alone. People log in "
			"with the "
			"name or with an address in one of the domains. An imported hash is "
			"replaced "
			"after the first login. Capital letters make no difference in addresses.",
	},
	{
		.id = SETTING_MAILBOXES,
		.name = "mailboxes",
		.kind = SETTING_KIND_PATH,
		SMALL,
		.help = "Where the mailboxes (Maildir) are.",
		.absent = "/var/lib/sekisho/mail/LOCALPART/",
		.format =
			"An absolute path in which the part LOCALPART stands for the user's name.",
		.remedy = "write an absolute path with LOCALPART as one of its parts",
		.example = "/srv/mail/LOCALPART/\n",
	},
	{
		.id = SETTING_ALIASES,
		.name = "aliases",
		.kind = SETTING_KIND_LIST,
		LARGE,
		.help = "Further names and lists, and the users and addresses to whom their mail "
			"goes.",
		.absent = "postmaster, abuse and mailer-daemon go to the postmaster",
		.format =
			"A line each: name: destination, destination. An indented line goes on "
			"with the "
			"list. name@domain: holds in that domain alone. Destinations are users, "
			"aliases, user+tag, or addresses: in the domains of this site, or anywhere "
			"else.",
		.remedy = "write name: user, user@example.org",
		.example = "sales: hana, taro@elsewhere.example\n"
			   "info@example.net: hana,\n"
			   "        taro+info\n",
		.note = "Mail for user+tag goes to user unless an alias names it. No alias ever "
			"runs a "
			"program, writes a file or reads a list from elsewhere: |program, /file "
			"and "
			":include: are refused. Loops and destinations that lead nowhere are found "
			"by sekisho check. Mail for an address elsewhere is forwarded. That of "
			"senders elsewhere leaves under an address of this site that leads back to "
			"them (SRS0=…, the Sender Rewriting Scheme), as other hosts ask who may "
			"send "
			"for a domain (SPF); it is valid for three weeks, and no longer than the "
			"secret in keys/site-secret. Reports name the alias, never where it leads. "
			"Who "
			"forwards everything forwards spam, too, and is taken for its source: let "
			"people of this site read their mail here where they can.",
	},
	{
		.id = SETTING_NETWORKS,
		.name = "networks",
		.kind = SETTING_KIND_LIST,
		SMALL,
		.help = "The networks of this site, whose hosts count as inside.",
		.absent = "loopback only, which always counts as inside",
		.format = "An address or network a line, no wider than /8 (IPv4) or /16 (IPv6).",
		.remedy = "write an address or a network such as 192.0.2.0/24; the bits behind the "
			  "prefix must be zero",
		.example = "192.168.7.0/24\n2001:db8:7::/48\n",
	},
	{
		.id = SETTING_SIZELIMIT,
		.name = "sizelimit",
		.kind = SETTING_KIND_SIZE,
		.number = 50 * MIB,
		.min = 64 * KIB, /* RFC 5321 §4.5.3.1.7 */
		.max = 2 * GIB,
		SMALL,
		.help = "The largest mail that is taken.",
		.format = "Octets, or a number with K, M or G.",
		.remedy = "write a size from 64K to 2G, such as 50M",
		.example = "512K\n",
	},
	{
		.id = SETTING_RECIPIENTLIMIT,
		.name = "recipientlimit",
		.kind = SETTING_KIND_NUMBER,
		.number = 1000,
		.min = 100, /* RFC 5321 §4.5.3.1.8 */
		.max = 10000,
		SMALL,
		.help = "How many recipients one mail may have; the client sends it again for the "
			"rest.",
		.format = "A number.",
		.remedy = "write a number from 100 to 10000",
		.example = "200\n",
	},
	{
		.id = SETTING_SESSIONLIMIT,
		.name = "sessionlimit",
		.kind = SETTING_KIND_NUMBER,
		.number = 1000,
		.min = 10,
		.max = 1000000,
		SMALL,
		.help = "How many sessions of each protocol may be open at once.",
		.format = "A number.",
		.remedy = "write a number from 10 to 1000000",
		.example = "4000\n",
		.note = "At the limit the longest-idle stranger without a mail under way makes "
			"room, "
			"then one whose mail comes too slowly. An eighth is kept for the clients "
			"of "
			"this site, and an eighth for others.",
	},
	{
		.id = SETTING_CLIENTLIMIT,
		.name = "clientlimit",
		.kind = SETTING_KIND_NUMBER,
		.number = 50,
		.min = 1,
		.max = 1000000,
		SMALL,
		.help = "How many sessions of each protocol a stranger may have open at once from "
			"one "
			"address (IPv6: from one /64).",
		.format = "A number.",
		.remedy = "write a number from 1 to 1000000",
		.example = "20\n",
	},
	{
		.id = SETTING_FREESPACE,
		.name = "freespace",
		.kind = SETTING_KIND_SIZE,
		.number = 100 * MIB,
		.min = MIB,
		.max = 1024 * GIB,
		SMALL,
		.help = "Mail is refused for the time being (452) while less than this is free on "
			"the "
			"spool's disk.",
		.format = "Octets, or a number with K, M or G.",
		.remedy = "write a size from 1M to 1024G, such as 100M",
		.example = "1G\n",
	},
	{
		.id = SETTING_DUPLICATEWINDOW,
		.name = "duplicatewindow",
		.kind = SETTING_KIND_DURATION,
		.number = HOUR,
		.min = 0,
		.max = 7 * DAY,
		SMALL,
		.help = "How long the same mail, with the same Message-ID, is delivered only once "
			"to a "
			"mailbox.",
		.format = "A number with s, m, h or d; 0 delivers every copy.",
		.remedy = "write a time from 0 to 7d, such as 1h",
		.example = "1d\n",
		.note = "A mail with the same Message-ID and another content is always delivered.",
	},
	{
		.id = SETTING_REPORTCOPIES,
		.name = "reportcopies",
		.kind = SETTING_KIND_SWITCH,
		.number = 0,
		.min = 0,
		.max = 1,
		SMALL,
		.help = "Whether the postmaster gets a copy of each report of a failure that goes "
			"to a sender.",
		.format = "yes or no.",
		.remedy = "write yes or no",
		.example = "yes\n",
		.note = "With copies, a report returns the header section of the mail and never "
			"all of it. What concerns a mail that has no sender to be told goes to "
			"the postmaster in any case.",
	},
	{
		.id = SETTING_SUBMISSION,
		.name = "submission",
		.kind = SETTING_KIND_LIST,
		SMALL,
		.help = "Further ports on which mail programs of users post mail, beside 587 and "
			"465.",
		.absent = "587 (TLS by STARTTLS) and 465 (TLS from the start) only",
		.format = "A port number a line, up to eight; behind it tls when TLS is spoken "
			  "from the "
			  "start.",
		.remedy = "write a port number from 1 to 65535, or a number and tls",
		.example = "2525\n4650 tls\n",
		.note = "On each of them TLS and a login are needed before a mail can be given: "
			"the "
			"number "
			"guards nothing. For networks from which the usual ports cannot be "
			"reached. A "
			"change takes effect at the next start of the server.",
	},
	{
		.id = SETTING_USERMAILSHOUR,
		.name = "usermailshour",
		.kind = SETTING_KIND_NUMBER,
		.number = 500,
		.min = 1,
		.max = 1000000,
		SMALL,
		.help = "How many recipients a user may write to in an hour.",
		.format = "A number.",
		.remedy = "write a number from 1 to 1000000",
		.example = "200\n",
		.note = "Each recipient of each mail counts, in all sessions of the user together. "
			"Beyond "
			"it recipients are put off with 450, and mail programs try again. Whose "
			"password was stolen can do so much harm and no more: at four fifths of "
			"the "
			"limit, and at the limit, the user and the postmaster are told by mail, "
			"and "
			"the log has a warning.",
	},
	{
		.id = SETTING_USERMAILSDAY,
		.name = "usermailsday",
		.kind = SETTING_KIND_NUMBER,
		.number = 2000,
		.min = 1,
		.max = 10000000,
		SMALL,
		.help = "How many recipients a user may write to in a day.",
		.format = "A number.",
		.remedy = "write a number from 1 to 10000000",
		.example = "1000\n",
		.note = "As usermailshour.",
	},
	{
		.id = SETTING_CERTIFICATE,
		.name = "certificate",
		.kind = SETTING_KIND_FILE,
		SMALL,
		.help = "The file with the certificate of this server and those that lead from it "
			"to a root, in PEM.",
		.absent = "keys/certificate.pem in the state directory, which is made, signed by "
			  "itself, when there is none",
		.format = "An absolute path.",
		.remedy = "write an absolute path, and the key's path into certificatekey",
		.example = "/etc/letsencrypt/live/mail.example.org/fullchain.pem\n",
		.note = "Read at the start and at each reload, as root, and copied: sekisho reload "
			"after the "
			"file was renewed, and new sessions get the new certificate, without a "
			"restart. A "
			"pair that does not belong together, is not valid now or cannot be read "
			"leaves the "
			"one before in force, and the log says what is wrong. sekisho check says "
			"when it expires. With certbot: certbot renew --deploy-hook 'sekisho "
			"reload'.",
	},
	{
		.id = SETTING_CERTIFICATEKEY,
		.name = "certificatekey",
		.kind = SETTING_KIND_FILE,
		SMALL,
		.help = "The file with the private key of the certificate, in PEM, without a "
			"passphrase.",
		.absent = "keys/key.pem in the state directory, which is made with its certificate",
		.format = "An absolute path.",
		.remedy = "write an absolute path, and the certificate's path into certificate",
		.example = "/etc/letsencrypt/live/mail.example.org/privkey.pem\n",
		.note = "It may be readable by root alone. An EC key (P-256 or P-384) or an RSA "
			"key of 2048 to 4096 bits.",
	},
	{
		.id = SETTING_NAMESERVERS,
		.name = "nameservers",
		.kind = SETTING_KIND_LIST,
		SMALL,
		.help = "The name servers that are asked for the hosts of other domains and the "
			"names of clients.",
		.absent = "those that /etc/resolv.conf names, else none: the DNS is asked from its "
			  "root down",
		.format = "An IP address a line, with # and a port behind it unless that is 53; or "
			  "the "
			  "one word recursive: no server is trusted with it, the DNS is asked from "
			  "its "
			  "root down.",
		.remedy =
			"write an address such as 192.0.2.53 or 2001:db8::53#5353, or the one word "
			"recursive",
		.example = "192.0.2.53\n2001:db8::53#5353\n",
		.note = "Answers are validated here whatever the server says, so it must pass "
			"DNSSEC on; "
			"one that does not is told of in the log, and DANE is off.",
	},
	{
		.id = SETTING_TRUSTANCHORS,
		.name = "trustanchors",
		.kind = SETTING_KIND_LIST,
		SMALL,
		.help = "The keys that DNSSEC is trusted from.",
		.absent = "those of the DNS root in /usr/share/dns/root.key, which the package "
			  "dns-root-data brings; without that file nothing is validated, and DANE "
			  "is off",
		.format = "A DS or DNSKEY record a line, as in a zone file; or the one word none: "
			  "nothing is validated.",
		.remedy = "write a whole record, such as example.org. DS 12345 13 2 …, or the one "
			  "word "
			  "none",
		.example = "example.org. IN DS 31589 13 2 "
			   "cde0d742d6998aa554a92d890f8184c698cfac8a26fa59875a990c03e576343c\n",
		.note = "Seldom needed: a site whose own zones are signed without a parent.",
	},
	{
		.id = SETTING_SMARTHOST,
		.name = "smarthost",
		.kind = SETTING_KIND_HOST,
		SMALL,
		.secret = true,
		.help = "The server by which all mail for other hosts leaves, for those whose "
			"provider "
			"wants it so.",
		.absent = "mail goes straight to the hosts that the DNS names",
		.format =
			"One line: host, host:port, or host:port name password. The host is a full "
			"name or an address (IPv6 in brackets).",
		.remedy = "write host:port name password, such as mail.example.net:587 hana secret",
		.example = "mail.example.net:587 hana secret\n",
		.note = "Without a port it is 587 with a login and 25 without. A login is sent "
			"only under "
			"TLS, to a host whose certificate bears this name; on port 465 TLS begins "
			"at once. "
			"Keep the file readable by root alone.",
	},
	{
		.id = SETTING_QUEUELIFE,
		.name = "queuelife",
		.kind = SETTING_KIND_DURATION,
		.number = 5 * DAY,
		.min = 60,
		.max = 30 * DAY,
		SMALL,
		.help = "How long mail for another host is tried before it goes back to its "
			"sender.",
		.format = "A number with s, m, h or d.",
		.remedy = "write a time from 1m to 30d, such as 5d",
		.example = "3d\n",
	},
	{
		.id = SETTING_DELAYWARNING,
		.name = "delaywarning",
		.kind = SETTING_KIND_DURATION,
		.number = 4 * HOUR,
		.min = 0,
		.max = 30 * DAY,
		SMALL,
		.help = "After what time a sender is told that a mail is still under way.",
		.format = "A number with s, m, h or d; 0 never tells.",
		.remedy = "write a time from 0 to 30d, such as 4h",
		.example = "1d\n",
	},
	{
		.id = SETTING_RETRYFIRST,
		.name = "retryfirst",
		.kind = SETTING_KIND_DURATION,
		.number = 120,
		.min = 1,
		.max = DAY,
		SMALL,
		.help = "After what time a host that could not be reached is tried again, or a "
			"mail that "
			"it put off.",
		.format = "A number with s, m, h or d. Each further time is twice as long.",
		.remedy = "write a time from 1s to 1d, such as 2m",
		.example = "10m\n",
	},
	{
		.id = SETTING_RETRYLAST,
		.name = "retrylast",
		.kind = SETTING_KIND_DURATION,
		.number = HOUR,
		.min = 1,
		.max = DAY,
		SMALL,
		.help = "The longest time between two attempts.",
		.format = "A number with s, m, h or d.",
		.remedy = "write a time from 1s to 1d, such as 1h",
		.example = "4h\n",
	},
	{
		.id = SETTING_BACKUPFOR,
		.name = "backupfor",
		.kind = SETTING_KIND_LIST,
		SMALL,
		.help = "Domains of other sites whose mail is taken and kept for them while their "
			"server is off.",
		.absent = "mail is taken for this site only",
		.format =
			"A line each: a domain, and the host to which its mail goes, with a colon "
			"and a port behind it unless that is 25. The host is a full name or an "
			"address (IPv6 in brackets).",
		.remedy = "write domain host:port, such as example.com mail.example.com",
		.example = "example.com mail.example.com\nshop.example [2001:db8::25]:2525\n",
		.note = "Mail for such a domain waits as long as queuelife says, and goes to that "
			"host "
			"even when there is a smarthost. The site's server calls for it when it "
			"comes "
			"up, by ETRN (RFC 1985; with @ before the domain for all that are in it), "
			"or "
			"gets it at the next attempt. Who is a user there is not known here: what "
			"that "
			"host refuses goes back to the sender, who may be forged. Keep it for "
			"sites "
			"that need it, let their host refuse as little as it can, and denyfrom "
			"hold "
			"here.",
	},
	{
		.id = SETTING_POPKEY,
		.name = "popkey",
		.kind = SETTING_KIND_CLOCKS,
		SMALL,
		.help = "Who fetches mail by POP3 may send for a short time without logging in: "
			"the "
			"login opens the gate (POP before SMTP).",
		.absent = "off: who sends to other hosts logs in",
		.format = "Two numbers of seconds, each from 1 to 3600: how long the gate stays "
			  "open after the end of a POP3 session, and how long at most while one "
			  "lasts. A file that says nothing stands for 10 300.",
		.remedy = "write two numbers of seconds from 1 to 3600, such as 10 300, or nothing",
		.example = "10 300\n",
		.note = "For mail programs that cannot log in to send; the others should, on port "
			"465 "
			"or 587. The gate opens for the address from which the user came, and "
			"for mail from his own addresses only, under his limits. Who shares that "
			"address with him (NAT) can in these seconds write under his name, and "
			"under nobody else's. A login counts under TLS only, unless popkeyplain "
			"says "
			"otherwise. sekisho gate lists who is open; docs/popkey.md has the whole.",
	},
	{
		.id = SETTING_POPKEYPLAIN,
		.name = "popkeyplain",
		.kind = SETTING_KIND_SWITCH,
		.number = 0,
		.min = 0,
		.max = 1,
		SMALL,
		.help = "Whether a POP3 login without TLS opens the gate of popkey, too.",
		.format = "yes or no.",
		.remedy = "write yes or no",
		.example = "no\n",
		.note = "Without TLS a login is possible from this machine itself only, such as "
			"through a tunnel of ssh; what it opens is open for all programs of this "
			"machine.",
	},
	{
		.id = SETTING_POPKEYPORT25,
		.name = "popkeyport25",
		.kind = SETTING_KIND_SWITCH,
		.number = 1,
		.min = 0,
		.max = 1,
		SMALL,
		.help = "Whether the gate of popkey is asked on port 25, too.",
		.format = "yes or no; no: only on 587, 465 and the ports of submission, under TLS.",
		.remedy = "write yes or no",
		.example = "no\n",
		.note = "With no, mail for other hosts is refused on port 25 whoever sends it, and "
			"no "
			"mail between servers ever asks the gate.",
	},
	{
		.id = SETTING_POPKEYIPV6,
		.name = "popkeyipv6",
		.kind = SETTING_KIND_NUMBER,
		.number = 128,
		.min = 64,
		.max = 128,
		SMALL,
		.help = "How many bits of an IPv6 address must agree for the gate of popkey to be "
			"open: 128 is this address alone, 64 its whole network.",
		.format = "A number.",
		.remedy = "write a number from 64 to 128",
		.example = "64\n",
		.note = "For machines that take another address of their network for each "
			"connection (RFC 8981). Whoever is in that network is a neighbour then, as "
			"behind NAT.",
	},
	{
		.id = SETTING_POPKEYANYBODY,
		.name = "popkeyanybody",
		.kind = SETTING_KIND_SWITCH,
		.number = 0,
		.min = 0,
		.max = 1,
		SMALL,
		.help = "Whether the gate of popkey is open for every user's own addresses where "
			"it "
			"was opened without the name of a user.",
		.format = "yes or no.",
		.remedy = "write yes or no",
		.example = "no\n",
		.note = "Programs beside this server that open the gate do not always know who "
			"logged "
			"in (a script that touches a file). With yes, whoever is at such an "
			"address "
			"can write as any user of this site, as in the paper of 1999.",
	},
	{
		.id = SETTING_GATESTORE,
		.name = "gatestore",
		.kind = SETTING_KIND_STORE,
		SMALL,
		.help = "Where the open addresses of popkey stand, when others share them: a "
			"directory for programs beside this server, a Redis or Valkey for "
			"several "
			"hosts.",
		.absent = "in the gate's own memory and file",
		.format = "One line: the path of a directory, redis://ADDRESS:PORT/DATABASE, or "
			  "redis:///PATH/OF/SOCKET?DATABASE. Without them the port is 6379 and "
			  "the database 0.",
		.remedy = "write a path such as /run/popkey, or redis://192.0.2.5:6379/0",
		.example = "redis://192.0.2.5:6379/0\n",
		.note = "With Redis all hosts also count together how often a password was "
			"guessed and how many mails a user has sent. While it cannot be reached "
			"nobody's address is open, mail with a login goes on, and each host "
			"counts for itself. What goes to it is not encrypted: take a network "
			"that is your own. Whoever can write to the Redis, or into the "
			"directory, can open the gate for anybody. The directory is of this "
			"machine: "
			"on one that other hosts write, too (NFS), nobody is open. It takes effect "
			"at the next start of the server.",
	},
	{
		.id = SETTING_GATESTORELOGIN,
		.name = "gatestorelogin",
		.kind = SETTING_KIND_STORE,
		SMALL,
		.secret = true,
		.help = "The password of the Redis that gatestore names, or a name and a password.",
		.absent = "no login",
		.format = "One line: PASSWORD, or NAME PASSWORD.",
		.remedy = "write one line with the password, or name and password",
		.example = "sekisho secret\n",
		.note = "Keep the file readable by root alone.",
	},
};

const struct setting *setting_get(enum setting_id id)
{
	must((size_t)id < SETTING_COUNT && settings[id].id == id);
	return &settings[id];
}

const struct setting *setting_secret(unsigned n)
{
	for (size_t i = 0; i < SETTING_COUNT; i++)
		if (settings[i].secret && n-- == 0)
			return &settings[i];
	must(false);
	return NULL;
}
