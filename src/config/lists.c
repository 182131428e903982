#include "config/lists.h"

#include "config/parent_facts.h"
#include "config/resolving.h"
#include "config/suffix.h"

#include <stdlib.h>

void *reader_room(struct reader *r, const struct setting *s, uint32_t more, size_t size)
{
	struct lines lines = lines_of(r->texts[s->id]);
	struct line line;
	if (lines_next(&lines, &line))
		r->config->origins[s->id].kind = ORIGIN_FILE;
	return arena_get_array(r->arena, (size_t)lines_count(r->texts[s->id]) + more, size);
}

/* --- domains ------------------------------------------------------------------------------ */

static bool has_domain(const struct config *c, struct domain d)
{
	for (uint32_t i = 0; i < c->domain_count; i++)
		if (domain_equal(c->domains[i].name, d))
			return true;
	return false;
}

static void take_domain(struct reader *r, const struct setting *s, const struct line *line)
{
	struct config *c = r->config;
	struct domain d;
	if (line->problem != LINES_OK ||
		domain_parse(line->text, true, r->arena, &d) != ADDRESS_OK) {
		reader_complain(r, s, line);
		return;
	}
	if (suffix_is_public(d))
		findings_add(r->findings, FINDING_WARNING, reader_file(s), line->number,
			"write the domain that is yours",
			"{} is a public suffix, below which others have their domains",
			text_view(line->text));
	if (has_domain(c, d))
		findings_add(r->findings, FINDING_WARNING, reader_file(s), line->number,
			"remove the line", "{} stands here twice", text_view(d.name));
	else
		c->domains[c->domain_count++] =
			(struct config_domain){d, {.kind = ORIGIN_FILE, .line = line->number}};
}

static void default_domains(struct reader *r)
{
	struct config *c = r->config;
	struct view label;
	struct domain parent;
	struct origin origin = {.kind = ORIGIN_DEFAULT, .why = "the servername"};
	if (view_is_empty(c->servername.name))
		return;
	c->domains[c->domain_count++] = (struct config_domain){c->servername, origin};
	(void)view_split(c->servername.name, '.', &label, &parent.name);
	if (suffix_is_public(parent)) {
		findings_add(r->findings, FINDING_NOTE, VIEW_NONE, 0, NULL,
			"{} is a public suffix, and so no domain of this site",
			text_view(parent.name));
		return;
	}
	origin.why = "the servername without its first label";
	c->domains[c->domain_count++] = (struct config_domain){parent, origin};
}

static bool read_domains(struct reader *r, const struct setting *s)
{
	struct lines lines = lines_of(r->texts[s->id]);
	struct line line;
	r->config->domains = reader_room(r, s, 2, sizeof *r->config->domains);
	if (!r->config->domains)
		return false;
	while (lines_next(&lines, &line))
		take_domain(r, s, &line);
	if (r->config->origins[s->id].kind == ORIGIN_DEFAULT)
		default_domains(r);
	return true;
}

/* --- networks ----------------------------------------------------------------------------- */

#define V4_PREFIX_MIN (96 + 8)
#define V6_PREFIX_MIN 16

bool config_network_is_narrow(const struct network *n)
{
	/* ::/16 is narrow enough for IPv6, but holds all of IPv4 in its mapped form. */
	const struct ip mapped = {{[10] = 0xff, [11] = 0xff}};
	if (ip_is_v4(&n->ip) || network_has(n, &mapped))
		return n->prefix >= V4_PREFIX_MIN;
	return n->prefix >= V6_PREFIX_MIN;
}

static void take_network(struct reader *r, const struct setting *s, const struct line *line)
{
	struct config *c = r->config;
	struct network n;
	if (line->problem != LINES_OK || !network_parse(line->text, &n))
		reader_complain(r, s, line);
	else if (!config_network_is_narrow(&n))
		findings_add(r->findings, FINDING_ERROR, reader_file(s), line->number,
			"name the networks of this site one by one",
			"{} is wider than /8 (IPv4) or /16 (IPv6)", text_view(line->text));
	else
		c->networks[c->network_count++] = (struct config_network){n, line->number};
}

static bool read_networks(struct reader *r, const struct setting *s)
{
	struct lines lines = lines_of(r->texts[s->id]);
	struct line line;
	struct config *c = r->config;
	c->networks = reader_room(r, s, 2, sizeof *c->networks);
	if (!c->networks)
		return false;
	must(network_parse(VIEW("127.0.0.0/8"), &c->networks[0].network));
	must(network_parse(VIEW("::1"), &c->networks[1].network));
	c->network_count = 2;
	while (lines_next(&lines, &line))
		take_network(r, s, &line);
	return true;
}

/* --- users -------------------------------------------------------------------------------- */

static void take_user(struct reader *r, const struct setting *s, const struct line *line)
{
	struct config *c = r->config;
	struct config_user user;
	enum user_problem problem = USER_OK;
	if (line->problem != LINES_OK)
		findings_add(r->findings, FINDING_ERROR, reader_file(s), line->number, s->remedy,
			"{}", text_string(lines_problem_text(line->problem)));
	else if ((problem = user_parse(line->text, line->number, &user)) != USER_OK)
		/* Never the line itself: it may hold a password. */
		findings_add(r->findings, FINDING_ERROR, reader_file(s), line->number, s->remedy,
			"{}", text_string(user_problem_text(problem)));
	else if (c->user_count >= USERS_MAX)
		findings_add(r->findings, FINDING_ERROR, reader_file(s), line->number, NULL,
			"there are more than {} users", text_number(USERS_MAX));
	else
		c->users[c->user_count++] = user;
}

static int compare_users(const void *left, const void *right)
{
	const struct config_user *a = left;
	const struct config_user *b = right;
	const int order = view_compare(a->name, b->name);
	if (order != 0)
		return order;
	return a->line < b->line ? -1 : a->line > b->line;
}

static bool find_twins(struct reader *r, const struct setting *s)
{
	const struct config *c = r->config;
	struct config_user *sorted = arena_get_array(r->arena, c->user_count, sizeof *sorted);
	if (!sorted)
		return false;
	for (uint32_t i = 0; i < c->user_count; i++)
		sorted[i] = c->users[i];
	if (c->user_count)
		qsort(sorted, c->user_count, sizeof *sorted, compare_users);
	for (uint32_t i = 1; i < c->user_count; i++)
		if (view_equal(sorted[i - 1].name, sorted[i].name))
			findings_add(r->findings, FINDING_ERROR, reader_file(s), sorted[i].line,
				"remove one of the two lines", "{} stands in line {} already",
				text_view(sorted[i].name), text_number(sorted[i - 1].line));
	return true;
}

static bool read_users(struct reader *r, const struct setting *s)
{
	struct lines lines = lines_of(r->texts[s->id]);
	struct line line;
	r->config->users = reader_room(r, s, 0, sizeof *r->config->users);
	if (!r->config->users)
		return false;
	while (lines_next(&lines, &line))
		take_user(r, s, &line);
	return find_twins(r, s);
}

/* --- denyfrom, aliases -------------------------------------------------------------------- */

static bool read_denyfrom(struct reader *r, const struct setting *s)
{
	struct lines lines = lines_of(r->texts[s->id]);
	struct line line;
	struct config *c = r->config;
	c->denyfrom = reader_room(r, s, 0, sizeof *c->denyfrom);
	if (!c->denyfrom)
		return false;
	while (lines_next(&lines, &line)) {
		if (line.problem == LINES_OK && denyfrom_parse(line.text, line.number, r->arena,
							&c->denyfrom[c->denyfrom_count]))
			c->denyfrom_count++;
		else
			reader_complain(r, s, &line);
	}
	denyfrom_sort(c->denyfrom, c->denyfrom_count);
	return true;
}

static bool read_aliases(struct reader *r, const struct setting *s)
{
	struct lines lines = lines_of(r->texts[s->id]);
	struct line line;
	if (lines_next(&lines, &line))
		r->config->origins[s->id].kind = ORIGIN_FILE;
	return aliases_parse(
		r->texts[s->id], reader_file(s), r->findings, r->arena, &r->config->aliases);
}

/* --- submission --------------------------------------------------------------------------- */

static bool has_port(const struct config *c, uint16_t number)
{
	for (uint32_t i = 0; i < c->submission_count; i++)
		if (c->submission[i].number == number)
			return true;
	return false;
}

static void take_port(struct reader *r, const struct setting *s, const struct line *line)
{
	struct config *c = r->config;
	struct config_port port;
	if (line->problem != LINES_OK || !config_port_parse(line->text, &port))
		reader_complain(r, s, line);
	else if (has_port(c, port.number))
		findings_add(r->findings, FINDING_ERROR, reader_file(s), line->number,
			"remove one of the two lines", "{} stands here twice",
			text_number(port.number));
	else if (c->submission_count == CONFIG_PORTS_MAX)
		findings_add(r->findings, FINDING_ERROR, reader_file(s), line->number, NULL,
			"there are more than {} ports", text_number(CONFIG_PORTS_MAX));
	else {
		port.line = line->number;
		c->submission[c->submission_count++] = port;
		findings_add(r->findings, FINDING_NOTE, reader_file(s), line->number, NULL,
			"users post mail on port {}, too, {} and a login", text_number(port.number),
			text_string(port.tls ? "after TLS from the start" : "after STARTTLS"));
	}
}

static void read_submission(struct reader *r, const struct setting *s)
{
	struct lines lines = lines_of(r->texts[s->id]);
	struct line line;
	while (lines_next(&lines, &line)) {
		r->config->origins[s->id].kind = ORIGIN_FILE;
		take_port(r, s, &line);
	}
}

/* --- backupfor ---------------------------------------------------------------------------- */

static bool has_backup(const struct config *c, struct domain d)
{
	for (uint32_t i = 0; i < c->backup_count; i++)
		if (domain_equal(c->backups[i].domain, d))
			return true;
	return false;
}

static void take_backup(struct reader *r, const struct setting *s, const struct line *line)
{
	struct config *c = r->config;
	struct backup backup;
	if (line->problem != LINES_OK || !backup_parse(line->text, line->number, r->arena, &backup))
		reader_complain(r, s, line);
	else if (has_backup(c, backup.domain))
		findings_add(r->findings, FINDING_ERROR, reader_file(s), line->number,
			"remove one of the two lines", "{} stands here twice",
			text_view(backup.domain.name));
	else if (c->backup_count == BACKUPS_MAX)
		findings_add(r->findings, FINDING_ERROR, reader_file(s), line->number, NULL,
			"there are more than {} domains", text_number(BACKUPS_MAX));
	else
		c->backups[c->backup_count++] = backup;
}

static bool read_backups(struct reader *r, const struct setting *s)
{
	struct lines lines = lines_of(r->texts[s->id]);
	struct line line;
	r->config->backups = reader_room(r, s, 0, sizeof *r->config->backups);
	if (!r->config->backups)
		return false;
	while (lines_next(&lines, &line))
		take_backup(r, s, &line);
	return true;
}

bool lists_read(struct reader *r)
{
	read_submission(r, setting_get(SETTING_SUBMISSION));
	return read_domains(r, setting_get(SETTING_DOMAINS)) &&
	       read_networks(r, setting_get(SETTING_NETWORKS)) &&
	       read_users(r, setting_get(SETTING_USERS)) &&
	       read_aliases(r, setting_get(SETTING_ALIASES)) &&
	       read_denyfrom(r, setting_get(SETTING_DENYFROM)) &&
	       read_backups(r, setting_get(SETTING_BACKUPFOR)) && resolving_read(r);
}
