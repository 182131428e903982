#include "config/explain.h"

#include "config/parent_facts.h"

/* --- where from --------------------------------------------------------------------------- */

static void add_origin(struct buffer *b, const struct setting *s, const struct origin *o)
{
	switch (o->kind) {
	case ORIGIN_DEFAULT:
		buffer_add(b, VIEW("default"));
		break;
	case ORIGIN_FILE:
		text_add(b, "file {}", text_string(s->name));
		break;
	case ORIGIN_ARGUMENT:
		buffer_add(b, VIEW("argument"));
		break;
	case ORIGIN_SYSTEM:
		buffer_add(b, VIEW("the system's own name"));
		break;
	}
	if (o->line)
		text_add(b, ":{}", text_number(o->line));
	if (o->why)
		text_add(b, ": {}", text_string(o->why));
}

/* --- lists -------------------------------------------------------------------------------- */

static uint32_t item_count(const struct config *c, const struct setting *s)
{
	if (s->id == SETTING_DOMAINS)
		return c->domain_count;
	if (s->id == SETTING_NETWORKS)
		return c->network_count;
	if (s->id == SETTING_USERS)
		return c->user_count;
	if (s->id == SETTING_ALIASES)
		return c->aliases.count;
	if (s->id == SETTING_SUBMISSION)
		return c->submission_count;
	if (s->id == SETTING_NAMESERVERS)
		return c->nameserver_count;
	if (s->id == SETTING_TRUSTANCHORS)
		return c->anchor_count;
	if (s->id == SETTING_BACKUPFOR)
		return c->backup_count;
	return s->id == SETTING_DENYFROM ? c->denyfrom_count : 0;
}

static void add_network(struct buffer *b, const struct network *n)
{
	const bool is_v4 = ip_is_v4(&n->ip) && n->prefix >= 96;
	ip_add(b, &n->ip);
	if (n->prefix < 128)
		text_add(b, "/{}", text_number(is_v4 ? n->prefix - 96u : n->prefix));
}

static void add_at_domain(struct buffer *b, struct view local, struct domain d)
{
	buffer_add(b, local);
	if (!view_is_empty(d.name))
		text_add(b, "@{}", text_raw(d.name));
}

static void add_alias(struct buffer *b, const struct config_aliases *all, uint32_t i)
{
	const struct config_alias *alias = &all->aliases[i];
	add_at_domain(b, alias->local, alias->domain);
	for (uint32_t d = 0; d < alias->count; d++) {
		buffer_add(b, d ? VIEW(", ") : VIEW(": "));
		text_add_escaped(b, all->destinations[alias->first + d].text);
	}
}

/* Without its secrets. */
static void add_smarthost(struct buffer *b, const struct smarthost *h)
{
	const bool is_v6 = h->is_address && !ip_is_v4(&h->address);
	buffer_add(b, is_v6 ? VIEW("[") : VIEW_NONE);
	if (h->is_address)
		ip_add(b, &h->address);
	else
		buffer_add(b, h->name.name);
	text_add(b, "{}:{}{}", text_string(is_v6 ? "]" : ""), text_number(h->port),
		text_string(h->user.length ? ", with a login" : ""));
}

/* One entry of a list: never a verifier. */
static struct origin add_item(
	struct buffer *b, const struct config *c, const struct setting *s, uint32_t i)
{
	struct origin o = {.kind = ORIGIN_FILE};
	if (s->id == SETTING_DOMAINS) {
		buffer_add(b, c->domains[i].name.name);
		return c->domains[i].origin;
	}
	if (s->id == SETTING_NETWORKS) {
		add_network(b, &c->networks[i].network);
		o.line = c->networks[i].line;
		if (!o.line)
			return (struct origin){.kind = ORIGIN_DEFAULT, .why = "loopback"};
	} else if (s->id == SETTING_USERS) {
		buffer_add(b, c->users[i].name);
		o.line = c->users[i].line;
	} else if (s->id == SETTING_ALIASES) {
		add_alias(b, &c->aliases, i);
		o.line = c->aliases.aliases[i].line;
	} else if (s->id == SETTING_SUBMISSION) {
		config_port_add(b, &c->submission[i]);
		o.line = c->submission[i].line;
	} else if (s->id == SETTING_BACKUPFOR) {
		text_add(b, "{} ", text_raw(c->backups[i].domain.name));
		add_smarthost(b, &c->backups[i].next);
		o.line = c->backups[i].line;
	} else if (s->id == SETTING_DENYFROM) {
		text_add_escaped(b, c->denyfrom[i].text);
		o.line = c->denyfrom[i].line;
	} else {
		const struct config_line *l =
			s->id == SETTING_NAMESERVERS ? &c->nameservers[i] : &c->anchors[i];
		text_add_escaped(b, l->text);
		o.line = l->line;
		if (!o.line)
			return c->origins[s->id];
	}
	return o;
}

/* The one value of a setting that is no list; nothing when there is none. */
static void add_value(struct buffer *b, const struct config *c, const struct setting *s)
{
	if (setting_is_number(s))
		setting_add_number(b, s, c->numbers[s->id]);
	else if (s->id == SETTING_SERVERNAME)
		buffer_add(b, c->servername.name);
	else if (s->id == SETTING_POSTMASTER)
		add_at_domain(b, c->postmaster, c->postmaster_domain);
	else if (s->id == SETTING_MAILBOXES)
		text_add_escaped(b, c->mailboxes);
	else if (s->id == SETTING_CERTIFICATE)
		text_add_escaped(b, c->certificate);
	else if (s->id == SETTING_CERTIFICATEKEY)
		text_add_escaped(b, c->certificate_key);
	else if (s->id == SETTING_SMARTHOST && c->smarthost.port)
		add_smarthost(b, &c->smarthost);
	else if (s->id == SETTING_POPKEY && popkey_is_on(&c->popkey))
		popkey_add(b, &c->popkey);
	else if (s->id == SETTING_GATESTORE)
		gatestore_add(b, &c->gatestore);
	else if (s->id == SETTING_GATESTORELOGIN && c->gatestore_password.length)
		buffer_add(b, c->gatestore_user.length ? VIEW("a name and a password")
						       : VIEW("a password"));
}

/* --- for people --------------------------------------------------------------------------- */

static void list_text(struct buffer *b, const struct config *c, const struct setting *s)
{
	const uint32_t count = item_count(c, s);
	text_add(b, "{}: {} (", text_string(s->name), text_number(count));
	add_origin(b, s, &c->origins[s->id]);
	buffer_add(b, VIEW(")\n"));
	for (uint32_t i = 0; i < count && i < EXPLAIN_LIST_MAX; i++) {
		buffer_add(b, VIEW("    "));
		const struct origin o = add_item(b, c, s, i);
		buffer_add(b, VIEW(" ("));
		add_origin(b, s, &o);
		buffer_add(b, VIEW(")\n"));
	}
	if (count > EXPLAIN_LIST_MAX)
		text_add(b, "    and {} more\n", text_number(count - EXPLAIN_LIST_MAX));
}

static void setting_text(struct buffer *b, const struct config *c, const struct setting *s)
{
	if (s->kind == SETTING_KIND_LIST) {
		list_text(b, c, s);
		return;
	}
	text_add(b, "{} = ", text_string(s->name));
	const size_t before = b->length;
	add_value(b, c, s);
	if (b->length == before)
		buffer_add(b, VIEW("nothing"));
	buffer_add(b, VIEW(" ("));
	add_origin(b, s, &c->origins[s->id]);
	buffer_add(b, VIEW(")\n"));
}

static uint32_t total(const struct findings *f)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < FINDING_LEVELS; i++)
		sum += f->levels[i];
	return sum;
}

void explain_text(struct buffer *b, const struct config *config, const struct findings *findings)
{
	for (size_t i = 0; i < SETTING_COUNT; i++)
		setting_text(b, config, setting_get((enum setting_id)i));
	for (const struct finding *f = findings->first; f; f = f->next)
		finding_add(b, f);
	if (total(findings) > findings->count)
		text_add(b, "and {} more\n", text_number(total(findings) - findings->count));
	const size_t errors = findings->levels[FINDING_ERROR];
	const size_t warnings = findings->levels[FINDING_WARNING];
	text_add(b, "{} error{}, {} warning{}\n", text_number(errors),
		text_string(errors == 1 ? "" : "s"), text_number(warnings),
		text_string(warnings == 1 ? "" : "s"));
}

/* --- for programs ------------------------------------------------------------------------- */

static void json_pair(struct buffer *b, const char *key, struct view value)
{
	text_add_json(b, view_text(key));
	buffer_add_octet(b, ':');
	text_add_json(b, value);
}

static void json_origin(struct buffer *b, const struct origin *o)
{
	buffer_add_octet(b, ',');
	json_pair(b, "origin", view_text(origin_kind_name(o->kind)));
	if (o->line)
		text_add(b, ",\"line\":{}", text_number(o->line));
	if (o->why) {
		buffer_add_octet(b, ',');
		json_pair(b, "why", view_text(o->why));
	}
}

static void json_list(struct buffer *b, const struct config *c, const struct setting *s)
{
	struct buffer item = buffer_new(b->max);
	buffer_add(b, VIEW(",\"values\":["));
	for (uint32_t i = 0; i < item_count(c, s); i++) {
		buffer_clear(&item);
		const struct origin o = add_item(&item, c, s, i);
		buffer_add(b, i ? VIEW(",{") : VIEW("{"));
		json_pair(b, "value", buffer_view(&item));
		json_origin(b, &o);
		buffer_add_octet(b, '}');
	}
	buffer_add_octet(b, ']');
	buffer_free(&item);
}

static void json_setting(struct buffer *b, const struct config *c, const struct setting *s)
{
	struct buffer value = buffer_new(b->max);
	buffer_add_octet(b, '{');
	json_pair(b, "name", view_text(s->name));
	buffer_add_octet(b, ',');
	json_pair(b, "kind", view_text(setting_kind_name(s->kind)));
	json_origin(b, &c->origins[s->id]);
	if (s->kind == SETTING_KIND_LIST) {
		json_list(b, c, s);
	} else {
		add_value(&value, c, s);
		buffer_add_octet(b, ',');
		json_pair(b, "value", buffer_view(&value));
	}
	if (setting_is_number(s))
		text_add(b, ",\"number\":{}", text_number(c->numbers[s->id]));
	buffer_add_octet(b, '}');
	buffer_free(&value);
}

static void json_finding(struct buffer *b, const struct finding *f)
{
	buffer_add_octet(b, '{');
	json_pair(b, "level", view_text(finding_level_name(f->level)));
	buffer_add_octet(b, ',');
	json_pair(b, "file", f->file);
	text_add(b, ",\"line\":{},", text_number(f->line));
	json_pair(b, "text", f->text);
	buffer_add_octet(b, ',');
	json_pair(b, "remedy", f->remedy);
	buffer_add_octet(b, '}');
}

void explain_json(struct buffer *b, const struct config *config, const struct findings *findings)
{
	const bool ok = !findings_have_error(findings);
	text_add(b, "{\"ok\":{},\"settings\":[", text_string(ok ? "true" : "false"));
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		if (i)
			buffer_add_octet(b, ',');
		json_setting(b, config, setting_get((enum setting_id)i));
	}
	buffer_add(b, VIEW("],\"findings\":["));
	for (const struct finding *f = findings->first; f; f = f->next) {
		if (f != findings->first)
			buffer_add_octet(b, ',');
		json_finding(b, f);
	}
	text_add(b, "],\"errors\":{},\"warnings\":{},\"notes\":{}}\n",
		text_number(findings->levels[FINDING_ERROR]),
		text_number(findings->levels[FINDING_WARNING]),
		text_number(findings->levels[FINDING_NOTE]));
}
