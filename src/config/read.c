#include "config/read.h"

#include "config/lists.h"
#include "config/local.h"
#include "config/suffix.h"

#define PATH_MAX_OCTETS 1024
#define LOCALPART VIEW("LOCALPART")

const char *origin_kind_name(enum origin_kind kind)
{
	switch (kind) {
	case ORIGIN_DEFAULT:
		return "default";
	case ORIGIN_FILE:
		return "file";
	case ORIGIN_ARGUMENT:
		return "argument";
	case ORIGIN_SYSTEM:
		return "system";
	}
	return "unknown";
}

/* --- files -------------------------------------------------------------------------------- */

/* What editors, packagers and our own `sekisho user` leave behind. */
static bool is_leftover(struct view name)
{
	static const struct view endings[] = {VIEW("~"), VIEW(".bak"), VIEW(".swp"), VIEW(".orig"),
		VIEW(".rpmnew"), VIEW(".rpmsave"), VIEW("#")};
	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
		if (view_ends(name, endings[i]))
			return true;
	return view_starts(name, VIEW(".")) || view_starts(name, VIEW("#")) ||
	       view_search(name, VIEW(".dpkg-")) != VIEW_NOT_FOUND ||
	       view_equal(name, VIEW("users.new"));
}

static void refuse_name(struct reader *r, const struct config_file *file)
{
	const struct setting *near = setting_nearest(file->name);
	if (view_equal(file->name, VIEW(".users.lock")))
		return;
	if (is_leftover(file->name))
		findings_add(r->findings, FINDING_NOTE, file->name, 0, NULL, "is passed over");
	else if (near)
		findings_add(r->findings, FINDING_ERROR, file->name, 0, "rename or remove it",
			"is no setting; did you mean {}?", text_string(near->name));
	else
		findings_add(
			r->findings, FINDING_ERROR, file->name, 0, "remove it", "is no setting");
}

static bool read_text(struct reader *r, const struct setting *s, const struct config_file *file)
{
	struct buffer b = buffer_new(s->octets_max);
	const enum error error = r->files->read(r->files->context, file->name, &b);
	r->is_there[s->id] = true;
	struct view *text = &r->texts[s->id];
	bool has_memory = true;
	if (error == ERROR_LIMIT || buffer_failed(&b))
		findings_add(r->findings, FINDING_ERROR, file->name, 0, "make it shorter",
			"is larger than {} octets", text_number(s->octets_max));
	else if (error != ERROR_NONE)
		findings_add(r->findings, FINDING_ERROR, file->name, 0,
			"let the server read it, or remove it", "cannot be read ({})",
			text_string(error_name(error)));
	else if (lines_count(buffer_view(&b)) > s->lines_max)
		findings_add(r->findings, FINDING_ERROR, file->name, 0, "make it shorter",
			"has more than {} lines", text_number(s->lines_max));
	else
		has_memory = arena_copy(r->arena, buffer_view(&b), text);
	buffer_free_secret(&b);
	return has_memory;
}

static bool read_files(struct reader *r)
{
	for (size_t i = 0; i < r->files->count; i++) {
		const struct config_file *file = &r->files->files[i];
		const struct setting *s = setting_find(file->name);
		if (!s) {
			refuse_name(r, file);
			continue;
		}
		if (!file->is_plain) {
			findings_add(r->findings, FINDING_ERROR, file->name, 0,
				"a setting is a plain file", "is no plain file");
			continue;
		}
		if (s->secret && file->mode & 07)
			findings_add(r->findings, FINDING_WARNING, file->name, 0, "chmod 600 it",
				"can be read by everybody on this machine");
		if (!read_text(r, s, file))
			return false;
	}
	return true;
}

/* --- single values ------------------------------------------------------------------------ */

struct view reader_file(const struct setting *s)
{
	return view_text(s->name);
}

void reader_complain(struct reader *r, const struct setting *s, const struct line *line)
{
	if (line->problem != LINES_OK)
		findings_add(r->findings, FINDING_ERROR, reader_file(s), line->number, s->remedy,
			"{}", text_string(lines_problem_text(line->problem)));
	else
		findings_add(r->findings, FINDING_ERROR, reader_file(s), line->number, s->remedy,
			"\"{}\" is not right here", text_view(line->text));
}

/* The one line of a setting that is one value. False when there is none, or it is no good. */
static bool one_line(struct reader *r, const struct setting *s, struct line *line_out)
{
	struct lines lines = lines_of(r->texts[s->id]);
	struct line more;
	if (!lines_next(&lines, line_out))
		return false;
	r->config->origins[s->id] = (struct origin){.kind = ORIGIN_FILE, .line = line_out->number};
	if (line_out->problem != LINES_OK) {
		reader_complain(r, s, line_out);
		return false;
	}
	if (lines_next(&lines, &more)) {
		findings_add(r->findings, FINDING_ERROR, reader_file(s), more.number,
			"keep one line of the two", "holds a second value");
		return false;
	}
	return true;
}

static void read_number(struct reader *r, const struct setting *s)
{
	struct line line;
	uint64_t *n = &r->config->numbers[s->id];
	*n = s->number;
	if (one_line(r, s, &line) && !setting_parse_number(s, line.text, n)) {
		*n = s->number;
		reader_complain(r, s, &line);
	}
}

static bool take_servername(
	struct reader *r, struct view text, enum origin_kind kind, uint32_t line)
{
	struct config *c = r->config;
	struct domain d;
	c->origins[SETTING_SERVERNAME] = (struct origin){.kind = kind, .line = line};
	if (domain_parse(text, true, r->arena, &d) != ADDRESS_OK || !domain_is_full(d) ||
		domain_is_in(d, (struct domain){VIEW("localdomain")}) ||
		domain_is_in(d, (struct domain){VIEW("localhost")}) ||
		octet_is_digit(d.name.at[d.name.length - 1]))
		return false;
	c->servername = d;
	return true;
}

#define NAME_REMEDY                                                                              \
	"write the full name of this host, such as mail.example.org, into the file servername, " \
	"or give it to `sekisho serve`"

static void read_servername(struct reader *r, const struct setting *s)
{
	const struct view argument = r->facts->argument;
	const struct view system_name = r->facts->system_name;
	struct line line;
	if (one_line(r, s, &line)) {
		if (!take_servername(r, line.text, ORIGIN_FILE, line.number))
			reader_complain(r, s, &line);
		else if (!view_is_empty(argument) &&
			 !view_equal_nocase(argument, r->config->servername.name))
			findings_add(r->findings, FINDING_WARNING, reader_file(s), line.number,
				"remove the file or the argument",
				"the argument {} is not used, as this file says {}",
				text_view(argument), text_view(r->config->servername.name));
	} else if (r->config->origins[s->id].kind == ORIGIN_FILE) {
		return; /* there was one, and what is wrong with it has been said */
	} else if (!view_is_empty(argument)) {
		if (!take_servername(r, argument, ORIGIN_ARGUMENT, 0))
			findings_add(r->findings, FINDING_ERROR, VIEW_NONE, 0, NAME_REMEDY,
				"the argument \"{}\" is no full name of a host",
				text_view(argument));
	} else if (!take_servername(r, system_name, ORIGIN_SYSTEM, 0)) {
		findings_add(r->findings, FINDING_ERROR, VIEW_NONE, 0, NAME_REMEDY,
			"this host has no full name (the system says \"{}\")",
			text_view(system_name));
	}
}

static bool parse_postmaster(struct reader *r, struct view text)
{
	struct config *c = r->config;
	struct address address;
	if (view_find(text, '@') == VIEW_NOT_FOUND)
		return user_alias_check(text) == USER_OK &&
		       local_fold(text, r->arena, &c->postmaster);
	if (address_parse(text, true, r->arena, &address) != ADDRESS_OK || address.is_literal ||
		user_alias_check(address.local_plain) != USER_OK)
		return false;
	c->postmaster_domain = address.domain;
	return local_fold(address.local_plain, r->arena, &c->postmaster);
}

static void read_postmaster(struct reader *r, const struct setting *s)
{
	struct line line;
	struct config *c = r->config;
	if (one_line(r, s, &line)) {
		if (!parse_postmaster(r, line.text))
			reader_complain(r, s, &line);
	} else if (c->user_count) {
		c->postmaster = c->users[0].name;
		c->origins[s->id].why = "the first user";
	}
}

/* Absolute, no empty, "." or ".." part, one part that is LOCALPART. */
static bool template_is_good(struct view template)
{
	unsigned found = 0;
	struct view part;
	if (!view_starts(template, VIEW("/")) || template.length > PATH_MAX_OCTETS)
		return false;
	template = view_from(template, 1);
	while (!view_is_empty(template)) {
		(void)view_split(template, '/', &part, &template);
		if (view_is_empty(part) || view_equal(part, VIEW(".")) ||
			view_equal(part, VIEW("..")))
			return false;
		found += view_equal(part, LOCALPART);
	}
	return found == 1;
}

static void read_mailboxes(struct reader *r, const struct setting *s)
{
	struct line line;
	struct config *c = r->config;
	c->mailboxes = VIEW("/var/lib/sekisho/mail/LOCALPART/");
	if (!one_line(r, s, &line))
		return;
	struct buffer b = buffer_new(PATH_MAX_OCTETS + 1);
	buffer_add(&b, line.text);
	if (!view_ends(line.text, VIEW("/")))
		buffer_add_octet(&b, '/');
	if (!template_is_good(line.text) || !arena_copy(r->arena, buffer_view(&b), &c->mailboxes))
		reader_complain(r, s, &line);
	buffer_free(&b);
}

static void read_file_path(struct reader *r, const struct setting *s, struct view *path_out)
{
	struct line line;
	if (!one_line(r, s, &line))
		return;
	if (!view_starts(line.text, VIEW("/")) || line.text.length >= CONFIG_FILE_PATH_MAX ||
		!arena_copy(r->arena, line.text, path_out))
		reader_complain(r, s, &line);
}

static void read_smarthost(struct reader *r, const struct setting *s)
{
	struct line line;
	if (!one_line(r, s, &line) || smarthost_parse(line.text, r->arena, &r->config->smarthost))
		return;
	r->config->smarthost = (struct smarthost){0};
	/* the line may hold a password: it is not repeated */
	findings_add(r->findings, FINDING_ERROR, reader_file(s), line.number, s->remedy,
		"is not right here");
}

static void read_gatestore(struct reader *r, const struct setting *s)
{
	struct line line;
	if (!one_line(r, s, &line) || gatestore_parse(line.text, &r->config->gatestore))
		return;
	r->config->gatestore = (struct gatestore){0};
	reader_complain(r, s, &line);
}

static void read_gatestore_login(struct reader *r, const struct setting *s)
{
	struct line line;
	struct config *c = r->config;
	if (!one_line(r, s, &line) ||
		gatestore_login_parse(line.text, &c->gatestore_user, &c->gatestore_password))
		return;
	c->gatestore_user = VIEW_NONE;
	c->gatestore_password = VIEW_NONE;
	findings_add(r->findings, FINDING_ERROR, reader_file(s), line.number, s->remedy,
		"is not right here");
}

/* The file alone says something: the two clocks of the paper. */
static void read_popkey(struct reader *r, const struct setting *s)
{
	struct line line;
	if (!r->is_there[s->id])
		return;
	if (one_line(r, s, &line)) {
		if (!popkey_parse(line.text, &r->config->popkey))
			reader_complain(r, s, &line);
	} else if (r->config->origins[s->id].kind != ORIGIN_FILE) {
		r->config->popkey = POPKEY_DEFAULT;
		r->config->origins[s->id].kind = ORIGIN_FILE;
	}
}

bool mailboxes_split(struct view template, struct view *before_out, struct view *after_out)
{
	const size_t at = view_search(template, VIEW("/LOCALPART/"));
	*before_out = VIEW_NONE;
	*after_out = VIEW_NONE;
	if (at == VIEW_NOT_FOUND)
		return false;
	*before_out = view_first(template, at + 1);
	*after_out = view_from(template, at + 1 + LOCALPART.length);
	return true;
}

/* --- all ---------------------------------------------------------------------------------- */

static bool read_settings(struct reader *r)
{
	for (size_t id = 0; id < SETTING_COUNT; id++) {
		const struct setting *s = setting_get((enum setting_id)id);
		if (setting_is_number(s))
			read_number(r, s);
	}
	read_servername(r, setting_get(SETTING_SERVERNAME));
	read_mailboxes(r, setting_get(SETTING_MAILBOXES));
	read_file_path(r, setting_get(SETTING_CERTIFICATE), &r->config->certificate);
	read_file_path(r, setting_get(SETTING_CERTIFICATEKEY), &r->config->certificate_key);
	read_smarthost(r, setting_get(SETTING_SMARTHOST));
	read_popkey(r, setting_get(SETTING_POPKEY));
	read_gatestore(r, setting_get(SETTING_GATESTORE));
	read_gatestore_login(r, setting_get(SETTING_GATESTORELOGIN));
	if (!lists_read(r))
		return false;
	read_postmaster(r, setting_get(SETTING_POSTMASTER));
	return true;
}

bool config_read(const struct config_files *files, const struct config_facts *facts,
	struct arena *a, struct findings *findings, struct config *config_out)
{
	struct reader r = {.files = files,
		.facts = facts,
		.arena = a,
		.findings = findings,
		.config = config_out};
	*config_out = (struct config){.arena = a};
	return read_files(&r) && read_settings(&r);
}
