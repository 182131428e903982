#include "parent/programs.h"

#include "base/text.h"

#define MIB ((uint64_t)1 << 20)
#define FACE_FILES 131072 /* sessions of one worker, 100,000 and more */
#define NO_FILE 0 /* octets; a write to any file would end it */

/* A table is read by its columns. */
/* clang-format off */
static const struct program_row rows[] = {
	{
		.id = PROGRAM_SMTPD, .name = "smtpd", .kind = PROGRAM_FACE,
		.purpose = "SMTP sessions with strangers, TLS",
		.user = "sekisho-smtpd", .root = SANDBOX_ROOT_EMPTY,
		.listens = PROGRAM_LISTENS(LISTEN_SMTP) | PROGRAM_LISTENS(LISTEN_SUBMISSION) |
			PROGRAM_LISTENS(LISTEN_SUBMISSIONS),
		.given = 1u << GIVEN_CENSUS | 1u << GIVEN_CERTIFICATE,
		.calls = SANDBOX_CALLS_ACCEPT,
		.limits = {FACE_FILES, 4096 * MIB, NO_FILE},
		.workers_default = 2, .workers_max = 16, .sections = SNAPSHOT_FOR_SMTPD,
	},
	{
		.id = PROGRAM_POPD, .name = "popd", .kind = PROGRAM_FACE,
		.purpose = "POP3 sessions with strangers, TLS",
		.user = "sekisho-popd", .root = SANDBOX_ROOT_EMPTY,
		.listens = PROGRAM_LISTENS(LISTEN_POP3) | PROGRAM_LISTENS(LISTEN_POP3S),
		.given = 1u << GIVEN_CENSUS | 1u << GIVEN_CERTIFICATE,
		.calls = SANDBOX_CALLS_ACCEPT,
		.limits = {FACE_FILES, 4096 * MIB, NO_FILE},
		.workers_default = 2, .workers_max = 16, .sections = SNAPSHOT_FOR_POPD,
	},
	{
		.id = PROGRAM_SPOOL, .name = "spool", .kind = PROGRAM_KEEPER,
		.purpose = "accepted mail, from 250 to its end",
		.user = "sekisho-spool", .root = SANDBOX_ROOT_DIRECTORY,
		.directories = {{PROGRAM_ROLE_SPOOL, SANDBOX_READ_WRITE}}, .directory_count = 1,
		.given = 1u << GIVEN_DIRECTORY,
		.calls = SANDBOX_CALLS_DISK_READ | SANDBOX_CALLS_DISK_WRITE,
		.limits = {4096, 8192 * MIB, SANDBOX_NO_LIMIT},
		.threads = 4, .workers_default = 1, .workers_max = 1, .sections = SNAPSHOT_FOR_SPOOL,
	},
	{
		.id = PROGRAM_DELIVER, .name = "deliver", .kind = PROGRAM_KEEPER,
		.purpose = "writing mailboxes",
		.user = "sekisho-deliver", .group = "sekisho-mail", .root = SANDBOX_ROOT_DIRECTORY,
		.directories = {{PROGRAM_ROLE_MAILBOXES, SANDBOX_READ_WRITE}}, .directory_count = 1,
		.given = 1u << GIVEN_DIRECTORY,
		.calls = SANDBOX_CALLS_DISK_READ | SANDBOX_CALLS_DISK_WRITE,
		.limits = {4096, 2048 * MIB, SANDBOX_NO_LIMIT},
		.threads = 40, .workers_default = 1, .workers_max = 1, .sections = SNAPSHOT_FOR_DELIVER,
	},
	{
		.id = PROGRAM_MAILBOX, .name = "mailbox", .kind = PROGRAM_KEEPER,
		.purpose = "reading mailboxes, removing what a user deletes",
		.user = "sekisho-mailbox", .group = "sekisho-mail", .root = SANDBOX_ROOT_DIRECTORY,
		.directories = {{PROGRAM_ROLE_MAILBOXES, SANDBOX_READ_WRITE}}, .directory_count = 1,
		.given = 1u << GIVEN_DIRECTORY,
		.calls = SANDBOX_CALLS_DISK_READ | SANDBOX_CALLS_DISK_WRITE,
		.limits = {8192, 4096 * MIB, SANDBOX_NO_LIMIT},
		.threads = 8, .workers_default = 1, .workers_max = 1, .sections = SNAPSHOT_FOR_MAILBOX,
	},
	{
		.id = PROGRAM_AUTH, .name = "auth", .kind = PROGRAM_KEEPER,
		.purpose = "users, password verifiers (in its snapshot alone), SASL",
		.user = "sekisho-auth", .root = SANDBOX_ROOT_EMPTY,
		.limits = {256, 2048 * MIB, NO_FILE},
		.threads = 2, .workers_default = 1, .workers_max = 1, .sections = SNAPSHOT_FOR_AUTH,
	},
	{
		.id = PROGRAM_GATE, .name = "gate", .kind = PROGRAM_KEEPER,
		.purpose = "whatever the site remembers for a while",
		.user = "sekisho-gate", .root = SANDBOX_ROOT_DIRECTORY,
		.directories = {{PROGRAM_ROLE_GATE, SANDBOX_READ_WRITE}, {PROGRAM_ROLE_OPENINGS, SANDBOX_READ_WRITE, true}},
		.directory_count = 2,
		.given = 1u << GIVEN_DIRECTORY | 1u << GIVEN_OPENINGS,
		.calls = SANDBOX_CALLS_DISK_READ | SANDBOX_CALLS_DISK_WRITE,
		.limits = {256, 4096 * MIB, SANDBOX_NO_LIMIT},
		.threads = 1, .workers_default = 1, .workers_max = 1, .sections = SNAPSHOT_FOR_GATE,
	},
	{
		.id = PROGRAM_KEYS, .name = "keys", .kind = PROGRAM_KEEPER,
		.purpose = "private keys: signs for one purpose each, never shows",
		.user = "sekisho-keys", .root = SANDBOX_ROOT_EMPTY,
		.given = 1u << GIVEN_KEY | 1u << GIVEN_SECRET,
		.limits = {256, 1024 * MIB, NO_FILE},
		.threads = 2, .workers_default = 1, .workers_max = 1, .sections = SNAPSHOT_FOR_KEYS,
	},
	{
		.id = PROGRAM_RESOLVE, .name = "resolve", .kind = PROGRAM_FACE,
		.purpose = "DNS: asks name servers, validates what they say",
		.user = "sekisho-resolve", .root = SANDBOX_ROOT_EMPTY,
		.calls = SANDBOX_CALLS_CONNECT | SANDBOX_CALLS_DATAGRAM,
		.limits = {4096, 4096 * MIB, NO_FILE},
		.workers_default = 1, .workers_max = 1, .sections = SNAPSHOT_FOR_RESOLVE,
	},
	{
		.id = PROGRAM_REPORT, .name = "report", .kind = PROGRAM_KEEPER,
		.purpose = "telling senders what became of their mail",
		.user = "sekisho-report", .root = SANDBOX_ROOT_EMPTY,
		.limits = {256, 1024 * MIB, NO_FILE},
		.workers_default = 1, .workers_max = 1, .sections = SNAPSHOT_FOR_REPORT,
	},
	{
		.id = PROGRAM_RELAY, .name = "relay", .kind = PROGRAM_FACE,
		.purpose = "mail for other hosts, over SMTP and TLS",
		.user = "sekisho-relay", .root = SANDBOX_ROOT_EMPTY,
		.calls = SANDBOX_CALLS_CONNECT,
		.limits = {FACE_FILES, 4096 * MIB, NO_FILE},
		.workers_default = 1, .workers_max = 1, .sections = SNAPSHOT_FOR_RELAY,
	},
	{
		.id = PROGRAM_FETCH, .name = "fetch", .kind = PROGRAM_FACE,
		.purpose = "files over HTTPS: the policies of other domains (MTA-STS)",
		.user = "sekisho-fetch", .root = SANDBOX_ROOT_EMPTY,
		.calls = SANDBOX_CALLS_CONNECT,
		.limits = {256, 1024 * MIB, NO_FILE},
		.workers_default = 1, .workers_max = 1, .sections = SNAPSHOT_FOR_FETCH,
	},
	{
		.id = PROGRAM_DROP, .name = "drop", .kind = PROGRAM_KEEPER,
		.purpose = "mail that programs of this machine left while the server was down",
		.user = "sekisho-drop", .root = SANDBOX_ROOT_DIRECTORY,
		.directories = {{PROGRAM_ROLE_DROP, SANDBOX_READ_WRITE}}, .directory_count = 1,
		.given = 1u << GIVEN_DIRECTORY,
		.calls = SANDBOX_CALLS_DISK_READ | SANDBOX_CALLS_DISK_WRITE,
		.limits = {256, 1024 * MIB, 8 * MIB},
		.threads = 4, .workers_default = 1, .workers_max = 1, .sections = SNAPSHOT_FOR_DROP,
	},
	{
		.id = PROGRAM_CONFIG, .name = "config", .kind = PROGRAM_SHORT_LIVED,
		.purpose = "reads and checks the configuration, writes the snapshot",
		.user = "sekisho-config", .root = SANDBOX_ROOT_DIRECTORY,
		.directories = {{PROGRAM_ROLE_CONFIG, SANDBOX_READ}}, .directory_count = 1,
		.given = 1u << GIVEN_DIRECTORY,
		.calls = SANDBOX_CALLS_DISK_READ | SANDBOX_CALLS_MEMORY_FILE,
		.limits = {64, 2048 * MIB, SNAPSHOT_MAX},
		.workers_default = 1, .workers_max = 1, .sections = SNAPSHOT_ALL,
	},
};
#define ROWS (sizeof rows / sizeof *rows)

static const struct program_pair pairs[] = {
	{PROGRAM_SMTPD, PROGRAM_SPOOL, "smtpd-spool"},
	{PROGRAM_SMTPD, PROGRAM_AUTH, "face-auth"},
	{PROGRAM_SMTPD, PROGRAM_KEYS, "face-keys"},
	{PROGRAM_SMTPD, PROGRAM_GATE, "any-gate"},
	{PROGRAM_SMTPD, PROGRAM_RESOLVE, "any-resolve"},
	{PROGRAM_POPD, PROGRAM_AUTH, "face-auth"},
	{PROGRAM_POPD, PROGRAM_MAILBOX, "popd-mailbox"},
	{PROGRAM_POPD, PROGRAM_KEYS, "face-keys"},
	{PROGRAM_SPOOL, PROGRAM_DELIVER, "spool-deliver"},
	{PROGRAM_SPOOL, PROGRAM_REPORT, "spool-report"},
	{PROGRAM_SPOOL, PROGRAM_RELAY, "spool-relay"},
	{PROGRAM_RELAY, PROGRAM_RESOLVE, "any-resolve"},
	{PROGRAM_RELAY, PROGRAM_FETCH, "relay-fetch"},
	{PROGRAM_FETCH, PROGRAM_RESOLVE, "any-resolve"},
	{PROGRAM_FETCH, PROGRAM_GATE, "any-gate"},
	{PROGRAM_DELIVER, PROGRAM_GATE, "any-gate"},
	{PROGRAM_AUTH, PROGRAM_GATE, "any-gate"},
	{PROGRAM_AUTH, PROGRAM_MAILBOX, "auth-mailbox"},
	{PROGRAM_DELIVER, PROGRAM_MAILBOX, "mailbox-deliver"},
};
/* clang-format on */

/* --- look-up ------------------------------------------------------------------------------ */

unsigned programs_count(void)
{
	return ROWS;
}

const struct program_row *program_at(unsigned i)
{
	must(i < ROWS);
	return &rows[i];
}

const struct program_row *program_of(enum program_id id)
{
	must(id > PROGRAM_NONE && id < PROGRAM_IDS);
	const struct program_row *row = program_at((unsigned)id - 1);
	must(row->id == id);
	return row;
}

const struct program_row *program_find(struct view name)
{
	for (unsigned i = 0; i < ROWS; i++)
		if (view_equal(name, view_text(rows[i].name)))
			return &rows[i];
	return NULL;
}

unsigned programs_pair_count(void)
{
	return sizeof pairs / sizeof *pairs;
}

const struct program_pair *program_pair_at(unsigned i)
{
	must(i < programs_pair_count());
	return &pairs[i];
}

const struct program_pair *program_pair_of(enum program_id a, enum program_id b)
{
	for (unsigned i = 0; i < programs_pair_count(); i++)
		if ((pairs[i].a == a && pairs[i].b == b) || (pairs[i].a == b && pairs[i].b == a))
			return &pairs[i];
	return NULL;
}

bool program_is_peer(enum program_id a, enum program_id b)
{
	return program_pair_of(a, b) != NULL;
}

enum error program_sandbox(const struct program_row *row, const struct program_place *place,
	struct sandbox_spec *spec_out)
{
	struct sandbox_spec *s = spec_out;
	*s = sandbox_spec_new();
	s->uid = place->uid;
	s->gid = place->gid;
	if (row->group)
		s->groups[s->group_count++] = place->group;
	s->root = row->root;
	s->calls = row->calls;
	s->limits = row->limits;
	if (row->root == SANDBOX_ROOT_DIRECTORY)
		s->root_descriptor = place->directories[row->directories[0].role];
	else if (!view_to_text(view_text(place->empty_root), s->root_path, sizeof s->root_path))
		return ERROR_LIMIT;
	for (unsigned i = 0; i < row->directory_count; i++) {
		const int descriptor = place->directories[row->directories[i].role];
		if (descriptor < 0 && row->directories[i].is_optional)
			continue;
		if (!sandbox_spec_rule(s, descriptor, NULL, row->directories[i].access))
			return ERROR_MISSING;
	}
	return ERROR_NONE;
}

/* --- names -------------------------------------------------------------------------------- */

const char *program_kind_name(enum program_kind kind)
{
	switch (kind) {
	case PROGRAM_FACE:
		return "face";
	case PROGRAM_KEEPER:
		return "keeper";
	case PROGRAM_SHORT_LIVED:
		return "short-lived";
	}
	return "unknown";
}

const char *program_role_name(enum program_role role)
{
	switch (role) {
	case PROGRAM_ROLE_SPOOL:
		return "spool";
	case PROGRAM_ROLE_MAILBOXES:
		return "mailboxes";
	case PROGRAM_ROLE_GATE:
		return "gate";
	case PROGRAM_ROLE_KEYS:
		return "keys";
	case PROGRAM_ROLE_CONFIG:
		return "config";
	case PROGRAM_ROLE_DROP:
		return "drop";
	case PROGRAM_ROLE_OPENINGS:
		return "openings";
	}
	return "unknown";
}

static const char *listen_name(uint32_t bit)
{
	switch ((enum parent_listen)__builtin_ctz(bit)) {
	case LISTEN_SMTP:
		return "SMTP";
	case LISTEN_POP3:
		return "POP3";
	case LISTEN_POP3S:
		return "POP3 over TLS";
	case LISTEN_SUBMISSION:
		return "submission";
	case LISTEN_SUBMISSIONS:
		return "submission over TLS";
	}
	return "unknown";
}

static const char *given_name(uint32_t bit)
{
	switch ((enum parent_given)__builtin_ctz(bit)) {
	case GIVEN_DIRECTORY:
		return "its directory";
	case GIVEN_CENSUS:
		return "census";
	case GIVEN_KEY:
		return "key";
	case GIVEN_CERTIFICATE:
		return "certificates";
	case GIVEN_SECRET:
		return "the site's secret";
	case GIVEN_OPENINGS:
		return "the directory of gatestore";
	}
	return "unknown";
}

static const char *section_name(uint32_t bit)
{
	switch ((enum snapshot_section)bit) {
	case SNAPSHOT_SITE:
		return "site";
	case SNAPSHOT_NUMBERS:
		return "numbers";
	case SNAPSHOT_DOMAINS:
		return "domains";
	case SNAPSHOT_NETWORKS:
		return "networks";
	case SNAPSHOT_USERS:
		return "users";
	case SNAPSHOT_VERIFIERS:
		return "verifiers";
	case SNAPSHOT_ALIASES:
		return "aliases";
	case SNAPSHOT_DENYFROM:
		return "denyfrom";
	case SNAPSHOT_MAILBOXES:
		return "mailboxes";
	case SNAPSHOT_RESOLVING:
		return "resolving";
	case SNAPSHOT_SMARTHOST:
		return "smarthost";
	case SNAPSHOT_BACKUPS:
		return "backups";
	case SNAPSHOT_GATESTORE:
		return "gatestore";
	}
	return "unknown";
}

static const char *calls_name(uint32_t bit)
{
	return sandbox_calls_name((enum sandbox_calls)bit);
}

/* --- the manual's page -------------------------------------------------------------------- */

static void add_bits(struct buffer *b, uint32_t bits, const char *(*name)(uint32_t bit))
{
	const char *comma = "";
	for (uint32_t bit = 1; bit && bit <= bits; bit <<= 1) {
		if (!(bits & bit))
			continue;
		text_add(b, "{}{}", text_string(comma), text_string(name(bit)));
		comma = ", ";
	}
	if (!bits)
		buffer_add(b, VIEW("–"));
}

static void add_directories(struct buffer *b, const struct program_row *row)
{
	for (unsigned i = 0; i < row->directory_count; i++)
		text_add(b, "{}{} ({}{})", text_string(i ? ", " : ""),
			text_string(program_role_name(row->directories[i].role)),
			text_string(sandbox_access_name(row->directories[i].access)),
			text_string(row->directories[i].is_optional ? ", when there is one" : ""));
	if (!row->directory_count)
		buffer_add(b, VIEW("–"));
}

static void add_peers(struct buffer *b, const struct program_row *row)
{
	const char *comma = "";
	for (unsigned i = 0; i < ROWS; i++) {
		if (!program_is_peer(row->id, rows[i].id))
			continue;
		text_add(b, "{}{}", text_string(comma), text_string(rows[i].name));
		comma = ", ";
	}
	if (!*comma)
		buffer_add(b, VIEW("–"));
}

static void add_size(struct buffer *b, uint64_t octets)
{
	if (octets == SANDBOX_NO_LIMIT)
		buffer_add(b, VIEW("any"));
	else if (octets == 0)
		buffer_add(b, VIEW("none"));
	else
		text_add(b, "{} MiB", text_number(octets / MIB));
}

static void add_privileges(struct buffer *b, const struct program_row *row)
{
	text_add(b, "| `{}` | {} | {} | `{}`", text_string(row->name),
		text_string(program_kind_name(row->kind)), text_string(row->purpose),
		text_string(row->user));
	if (row->group)
		text_add(b, ", `{}`", text_string(row->group));
	text_add(b, " | {} | ", text_string(sandbox_root_name(row->root)));
	add_directories(b, row);
	buffer_add(b, VIEW(" | "));
	add_bits(b, row->listens, listen_name);
	buffer_add(b, VIEW(" | "));
	add_bits(b, row->given, given_name);
	buffer_add(b, VIEW(" | "));
	add_peers(b, row);
	buffer_add(b, VIEW(" |\n"));
}

static void add_sandbox(struct buffer *b, const struct program_row *row)
{
	text_add(b, "| `{}` | ", text_string(row->name));
	add_bits(b, row->calls, calls_name);
	text_add(b, " | {} | ", text_number(row->limits.open_files));
	add_size(b, row->limits.address_space_octets);
	buffer_add(b, VIEW(" | "));
	add_size(b, row->limits.file_size_octets);
	text_add(b, " | {} | {} | ", text_number(row->threads), text_number(row->workers_max));
	add_bits(b, row->sections, section_name);
	buffer_add(b, VIEW(" |\n"));
}

void programs_print_markdown(struct buffer *b)
{
	buffer_add(b, VIEW("| program | kind | for | user, group | root | directory | listens | "
			   "is given | peers |\n|---|---|---|---|---|---|---|---|---|\n"));
	for (unsigned i = 0; i < ROWS; i++)
		add_privileges(b, &rows[i]);
	buffer_add(b, VIEW("\n| program | calls beyond the common ones | open files | memory | "
			   "largest file | threads | processes up to | configuration |\n"
			   "|---|---|---|---|---|---|---|---|\n"));
	for (unsigned i = 0; i < ROWS; i++)
		add_sandbox(b, &rows[i]);
}
