#include "config/check.h"

#include "config/names.h"

#define CHAIN_MAX 1000 /* octets of a chain that is printed */

/* Of each alias: not looked at yet, being looked at, or how deep what it lists goes. */
enum { HEIGHT_NEW = 0, HEIGHT_OPEN = 255 };

struct checker {
	const struct config *config;
	const struct snapshot *s;
	struct findings *findings;
	uint8_t *heights;
	struct {
		uint32_t alias;
		uint32_t next;
		uint8_t height; /* of what was seen so far */
	} stack[NAME_DEPTH_MAX];
	unsigned depth;
	uint32_t forwards; /* destinations at other hosts */
	uint32_t first_forward; /* line of the first */
};

static struct view file_of(enum setting_id id)
{
	return view_text(setting_get(id)->name);
}

static const struct config_alias *alias_at(const struct checker *c, uint32_t index)
{
	return &c->s->aliases.aliases[index];
}

static void add_alias_name(struct buffer *b, const struct config_alias *alias)
{
	buffer_add(b, alias->local);
	if (!view_is_empty(alias->domain.name))
		text_add(b, "@{}", text_raw(alias->domain.name));
}

/* --- aliases ------------------------------------------------------------------------------ */

/* "a -> b -> a": from the stack's alias at `from`, and then `last`. */
static void tell_chain(
	struct checker *c, unsigned from, uint32_t last, const char *remedy, const char *format)
{
	struct buffer chain = buffer_new(CHAIN_MAX);
	for (unsigned i = from; i < c->depth; i++) {
		add_alias_name(&chain, alias_at(c, c->stack[i].alias));
		buffer_add(&chain, VIEW(" -> "));
	}
	add_alias_name(&chain, alias_at(c, last));
	findings_add(c->findings, FINDING_ERROR, file_of(SETTING_ALIASES),
		alias_at(c, c->stack[from].alias)->line, remedy, format,
		text_view(buffer_view(&chain)));
	buffer_free(&chain);
}

static void tell_loop(struct checker *c, uint32_t alias)
{
	unsigned from = 0;
	while (from < c->depth && c->stack[from].alias != alias)
		from++;
	tell_chain(
		c, from, alias, "take one of the names out", "the aliases {} go round in a circle");
}

static void tell_destination(struct checker *c, const struct config_alias *alias,
	const struct alias_destination *d, const char *remedy, const char *format)
{
	struct buffer name = buffer_new(CHAIN_MAX);
	struct buffer destination = buffer_new(CHAIN_MAX);
	add_alias_name(&name, alias);
	buffer_add(&destination, d->local);
	if (!view_is_empty(d->domain.name))
		text_add(&destination, "@{}", text_raw(d->domain.name));
	findings_add(c->findings, FINDING_ERROR, file_of(SETTING_ALIASES), alias->line, remedy,
		format, text_view(buffer_view(&name)), text_view(buffer_view(&destination)));
	buffer_free(&destination);
	buffer_free(&name);
}

static void push(struct checker *c, uint32_t alias)
{
	c->heights[alias] = HEIGHT_OPEN;
	c->stack[c->depth].alias = alias;
	c->stack[c->depth].next = 0;
	c->stack[c->depth++].height = 0;
}

/* An alias that an alias lists. */
static void descend(struct checker *c, uint32_t alias)
{
	const uint8_t height = c->heights[alias];
	if (height == HEIGHT_OPEN)
		tell_loop(c, alias);
	else if (c->depth + (height ? height : 1u) > NAME_DEPTH_MAX)
		tell_chain(c, 0, alias, "let fewer aliases name aliases",
			"the aliases {} go deeper than 16");
	else if (height == HEIGHT_NEW)
		push(c, alias);
	else if (c->stack[c->depth - 1].height < height)
		c->stack[c->depth - 1].height = height;
}

static void look_at_forward(struct checker *c, uint32_t index, const struct alias_destination *d)
{
	if (!domain_is_full(d->domain))
		tell_destination(c, alias_at(c, index), d,
			"name a user, an alias or a full address",
			"{} goes to {}, which is no full address");
	else if (c->forwards++ == 0)
		c->first_forward = alias_at(c, index)->line;
}

static void look_at(struct checker *c, uint32_t index, const struct alias_destination *d)
{
	const struct name name = name_find_destination(c->s, index, d);
	switch (name.kind) {
	case NAME_USER:
	case NAME_NO_ROLE: /* told once, for the postmaster */
		return;
	case NAME_ALIAS:
		descend(c, name.index);
		return;
	case NAME_OTHER_HOST:
		look_at_forward(c, index, d);
		return;
	case NAME_UNKNOWN:
		tell_destination(c, alias_at(c, index), d, "name a user or an alias",
			"{} goes to {}, which is neither a user nor an alias");
		return;
	}
}

static void pop(struct checker *c)
{
	const uint8_t height = (uint8_t)(c->stack[c->depth - 1].height + 1);
	c->heights[c->stack[c->depth - 1].alias] = height;
	c->depth--;
	if (c->depth && c->stack[c->depth - 1].height < height)
		c->stack[c->depth - 1].height = height;
}

/* Depth first, each alias once; the stack is as deep as aliases may go. */
static void walk_from(struct checker *c, uint32_t alias)
{
	push(c, alias);
	while (c->depth) {
		const uint32_t index = c->stack[c->depth - 1].alias;
		const struct config_alias *top = alias_at(c, index);
		const uint32_t next = c->stack[c->depth - 1].next++;
		if (next < top->count)
			look_at(c, index, &c->s->aliases.destinations[top->first + next]);
		else
			pop(c);
	}
}

static void check_alias_name(struct checker *c, const struct config_alias *alias)
{
	if (!view_is_empty(alias->domain.name) && !snapshot_has_domain(c->s, alias->domain))
		findings_add(c->findings, FINDING_WARNING, file_of(SETTING_ALIASES), alias->line,
			"add it to domains, or remove the alias", "{} is no domain of this site",
			text_view(alias->domain.name));
	else if (snapshot_find_user(c->s, alias->local) != SNAPSHOT_NOT_FOUND)
		findings_add(c->findings, FINDING_NOTE, file_of(SETTING_ALIASES), alias->line, NULL,
			"the alias {} comes before the user of that name", text_view(alias->local));
}

static void note_forwards(struct checker *c)
{
	if (c->forwards)
		findings_add(c->findings, FINDING_NOTE, file_of(SETTING_ALIASES), c->first_forward,
			NULL,
			"{} destination{} at other hosts: mail for {} is forwarded, that of "
			"senders elsewhere under a sender SRS0=…@{} that leads back to them",
			text_number(c->forwards), text_string(c->forwards == 1 ? " is" : "s are"),
			text_string(c->forwards == 1 ? "it" : "them"),
			text_raw(c->s->first_domain.name));
}

static bool check_aliases(struct checker *c)
{
	const uint32_t count = c->s->aliases.count;
	c->heights = arena_get(c->config->arena, count);
	if (!c->heights)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		check_alias_name(c, alias_at(c, i));
		if (c->heights[i] == HEIGHT_NEW)
			walk_from(c, i);
	}
	note_forwards(c);
	return true;
}

/* --- the rest ----------------------------------------------------------------------------- */

static void check_postmaster(struct checker *c)
{
	const struct config *config = c->config;
	const struct domain d = config->postmaster_domain;
	if (!config->user_count)
		findings_add(c->findings, FINDING_WARNING, VIEW_NONE, 0, "sekisho user add NAME",
			"there is no user yet: no mail is taken, and mail for postmaster is put "
			"off");
	if (view_is_empty(config->postmaster))
		return;
	const bool is_own = view_is_empty(d.name) || snapshot_has_domain(c->s, d);
	const struct name name = name_find(c->s, config->postmaster, d);
	if (!is_own || name.kind == NAME_UNKNOWN || name.kind == NAME_NO_ROLE)
		findings_add(c->findings, FINDING_ERROR, file_of(SETTING_POSTMASTER),
			config->origins[SETTING_POSTMASTER].line,
			setting_get(SETTING_POSTMASTER)->remedy,
			"{} is neither a user nor an alias of this site",
			text_view(config->postmaster));
}

static void warn_denied(struct checker *c, const struct denyfrom_entry *e, const char *whom)
{
	if (e)
		findings_add(c->findings, FINDING_WARNING, file_of(SETTING_DENYFROM), e->line,
			"make it narrower, or remove it", "{} refuses {}", text_view(e->text),
			text_string(whom));
}

static void check_denyfrom(struct checker *c)
{
	const struct config *config = c->config;
	const struct denyfrom *d = &c->s->denyfrom;
	for (uint32_t i = 0; i < config->domain_count; i++)
		warn_denied(c, denyfrom_match_host(d, config->domains[i].name),
			"a domain of this site");
	for (uint32_t i = 0; i < config->network_count; i++)
		warn_denied(c, denyfrom_match_ip(d, &config->networks[i].network.ip),
			config->networks[i].line ? "a network of this site"
						 : "this machine itself");
}

static void check_backup(struct checker *c, const struct backup *b)
{
	const struct view file = file_of(SETTING_BACKUPFOR);
	if (snapshot_has_domain(c->s, b->domain))
		findings_add(c->findings, FINDING_ERROR, file, b->line,
			"remove it here or in domains", "{} is a domain of this site",
			text_view(b->domain.name));
	else if (domain_equal(b->next.name, c->config->servername))
		findings_add(c->findings, FINDING_ERROR, file, b->line,
			"name the host that has the mailboxes",
			"the mail of {} would go round: {} is this server",
			text_view(b->domain.name), text_view(b->next.name.name));
	else
		findings_add(c->findings, FINDING_NOTE, file, b->line, NULL,
			"mail for {} is taken from everybody and kept for its host; who is a user "
			"there is not known here",
			text_view(b->domain.name));
}

static void check_backups(struct checker *c)
{
	for (uint32_t i = 0; i < c->config->backup_count; i++)
		check_backup(c, &c->config->backups[i]);
}

static void check_numbers(struct checker *c)
{
	const uint64_t *n = c->config->numbers;
	if (n[SETTING_CLIENTLIMIT] >= n[SETTING_SESSIONLIMIT])
		findings_add(c->findings, FINDING_WARNING, file_of(SETTING_CLIENTLIMIT),
			c->config->origins[SETTING_CLIENTLIMIT].line,
			"keep clientlimit well below sessionlimit",
			"one address can take all sessions");
	if (n[SETTING_USERMAILSDAY] < n[SETTING_USERMAILSHOUR])
		findings_add(c->findings, FINDING_WARNING, file_of(SETTING_USERMAILSDAY),
			c->config->origins[SETTING_USERMAILSDAY].line,
			"let usermailsday be the larger one",
			"a user may write to fewer in a day than in an hour");
}

static void check_certificate(struct checker *c)
{
	const struct config *config = c->config;
	if (view_is_empty(config->certificate) == view_is_empty(config->certificate_key))
		return;
	const enum setting_id there =
		view_is_empty(config->certificate) ? SETTING_CERTIFICATEKEY : SETTING_CERTIFICATE;
	const enum setting_id missing =
		there == SETTING_CERTIFICATE ? SETTING_CERTIFICATEKEY : SETTING_CERTIFICATE;
	findings_add(c->findings, FINDING_ERROR, file_of(there), config->origins[there].line,
		setting_get(missing)->remedy, "{} and {} go together, and the other one is missing",
		text_string(setting_get(SETTING_CERTIFICATE)->name),
		text_string(setting_get(SETTING_CERTIFICATEKEY)->name));
}

static void check_popkey_switch(struct checker *c, enum setting_id id)
{
	const struct origin *origin = &c->config->origins[id];
	if (origin->kind == ORIGIN_FILE && !popkey_is_on(&c->config->popkey))
		findings_add(c->findings, FINDING_WARNING, file_of(id), origin->line,
			"write the setting popkey, too, or remove this one",
			"means nothing while there is no popkey");
}

static void check_gatestore(struct checker *c)
{
	const struct config *config = c->config;
	const bool is_redis = gatestore_is_redis(&config->gatestore);
	if (config->gatestore_password.length && !is_redis)
		findings_add(c->findings, FINDING_ERROR, file_of(SETTING_GATESTORELOGIN),
			config->origins[SETTING_GATESTORELOGIN].line,
			"write the setting gatestore, too, or remove this one",
			"is the login to a Redis, and gatestore names none");
	if (is_redis && !config->gatestore_password.length)
		findings_add(c->findings, FINDING_WARNING, file_of(SETTING_GATESTORE),
			config->origins[SETTING_GATESTORE].line,
			"give it a password, and write it into gatestorelogin",
			"a Redis without a password opens the gate for whoever can reach it");
}

/* What follows from it, for whoever is about to turn it on. */
static void check_popkey(struct checker *c)
{
	const struct config *config = c->config;
	const uint32_t line = config->origins[SETTING_POPKEY].line;
	for (size_t i = SETTING_POPKEYPLAIN; i <= SETTING_POPKEYANYBODY; i++)
		check_popkey_switch(c, (enum setting_id)i);
	if (!popkey_is_on(&config->popkey))
		return;
	findings_add(c->findings, FINDING_NOTE, file_of(SETTING_POPKEY), line, NULL,
		"a POP3 login opens {} for mail from the user's own addresses, from the address "
		"where he is: {} s from the session's end, {} s at most while it lasts; who "
		"shares that address can write under his name then. Programs that can log in "
		"should",
		text_string(config->numbers[SETTING_POPKEYPORT25]
				    ? "port 25 and the submission ports"
				    : "the submission ports"),
		text_number(config->popkey.after_s), text_number(config->popkey.session_s));
	if (config->numbers[SETTING_POPKEYPLAIN])
		findings_add(c->findings, FINDING_WARNING, file_of(SETTING_POPKEYPLAIN),
			config->origins[SETTING_POPKEYPLAIN].line, "remove it unless it is needed",
			"a login without TLS from this machine opens the gate for all programs "
			"on it");
	if (config->numbers[SETTING_POPKEYANYBODY])
		findings_add(c->findings, FINDING_WARNING, file_of(SETTING_POPKEYANYBODY),
			config->origins[SETTING_POPKEYANYBODY].line,
			"have users' names recorded where the gate is opened, and remove it",
			"who is at an address that was opened without a user's name can write as "
			"any user");
}

bool config_check(const struct config *config, struct findings *findings)
{
	struct buffer blob = buffer_new(SNAPSHOT_MAX);
	bool has_memory = false;
	snapshot_encode(config, SNAPSHOT_FOR_SMTPD, 0, &blob);
	struct snapshot *s =
		buffer_failed(&blob) ? NULL : snapshot_decode(buffer_view(&blob), NULL, NULL);
	if (s) {
		struct checker c = {.config = config, .s = s, .findings = findings};
		check_postmaster(&c);
		check_denyfrom(&c);
		check_backups(&c);
		check_numbers(&c);
		check_certificate(&c);
		check_popkey(&c);
		check_gatestore(&c);
		has_memory = check_aliases(&c);
	}
	snapshot_drop(&s);
	buffer_free(&blob);
	return has_memory;
}
