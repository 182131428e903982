#include "config/snapshot.h"
#include "config/snapshot_format.h"

#include <stdlib.h>

static void add_bytes(struct buffer *b, struct view v)
{
	buffer_add_u32(b, (uint32_t)v.length);
	buffer_add(b, v);
}

static void add_site(struct buffer *b, const struct config *c)
{
	add_bytes(b, c->servername.name);
	add_bytes(b, c->postmaster);
	add_bytes(b, c->postmaster_domain.name);
	buffer_add_octet(b, c->smarthost.port != 0);
}

static void add_next_host(struct buffer *b, const struct smarthost *h)
{
	add_bytes(b, h->name.name);
	buffer_add_octet(b, h->is_address);
	buffer_add(b, view_of(h->address.octets, sizeof h->address.octets));
	buffer_add_u16(b, h->port);
}

static void add_smarthost(struct buffer *b, const struct config *c)
{
	add_next_host(b, &c->smarthost);
	add_bytes(b, c->smarthost.user);
	add_bytes(b, c->smarthost.password);
}

/* As its line reads. */
static void add_gatestore(struct buffer *b, const struct config *c)
{
	struct buffer text = buffer_new(GATESTORE_TEXT_MAX);
	gatestore_add(&text, &c->gatestore);
	add_bytes(b, buffer_view(&text));
	add_bytes(b, c->gatestore_user);
	add_bytes(b, c->gatestore_password);
	buffer_free(&text);
}

static int compare_backups(const void *left, const void *right)
{
	const struct backup *a = left;
	const struct backup *b = right;
	return view_compare(a->domain.name, b->domain.name);
}

static void add_backups(struct buffer *b, const struct config *c)
{
	struct backup *sorted = memory_new(c->backup_count + 1, sizeof *sorted);
	for (uint32_t i = 0; i < c->backup_count; i++)
		sorted[i] = c->backups[i];
	qsort(sorted, c->backup_count, sizeof *sorted, compare_backups);
	buffer_add_u32(b, c->backup_count);
	for (uint32_t i = 0; i < c->backup_count; i++) {
		add_bytes(b, sorted[i].domain.name);
		add_next_host(b, &sorted[i].next);
	}
	memory_free(sorted);
}

static void add_numbers(struct buffer *b, const struct config *c)
{
	buffer_add_u32(b, SETTING_COUNT);
	for (size_t i = 0; i < SETTING_COUNT; i++)
		buffer_add_u64(b, c->numbers[i]);
	buffer_add_u32(b, c->popkey.after_s);
	buffer_add_u32(b, c->popkey.session_s);
}

static int compare_domains(const void *left, const void *right)
{
	const struct config_domain *a = left;
	const struct config_domain *b = right;
	return view_compare(a->name.name, b->name.name);
}

static void add_domains(struct buffer *b, const struct config *c)
{
	struct config_domain *sorted = memory_new(c->domain_count + 1, sizeof *sorted);
	for (uint32_t i = 0; i < c->domain_count; i++)
		sorted[i] = c->domains[i];
	qsort(sorted, c->domain_count, sizeof *sorted, compare_domains);
	add_bytes(b, c->domain_count ? c->domains[0].name.name : VIEW_NONE);
	buffer_add_u32(b, c->domain_count);
	for (uint32_t i = 0; i < c->domain_count; i++)
		add_bytes(b, sorted[i].name.name);
	memory_free(sorted);
}

static void add_network(struct buffer *b, const struct network *n)
{
	buffer_add(b, view_of(n->ip.octets, sizeof n->ip.octets));
	buffer_add_octet(b, n->prefix);
}

static void add_networks(struct buffer *b, const struct config *c)
{
	buffer_add_u32(b, c->network_count);
	for (uint32_t i = 0; i < c->network_count; i++)
		add_network(b, &c->networks[i].network);
}

static int compare_users(const void *left, const void *right)
{
	const struct config_user *a = left;
	const struct config_user *b = right;
	return view_compare(a->name, b->name);
}

/* Sorted, and each name once: twins are an error, but check looks at erroneous settings too. */
static struct config_user *sort_users(const struct config *c, uint32_t *count_out)
{
	struct config_user *sorted = memory_new(c->user_count + 1, sizeof *sorted);
	uint32_t kept = 0;
	for (uint32_t i = 0; i < c->user_count; i++)
		sorted[i] = c->users[i];
	qsort(sorted, c->user_count, sizeof *sorted, compare_users);
	for (uint32_t i = 0; i < c->user_count; i++)
		if (!kept || !view_equal(sorted[kept - 1].name, sorted[i].name))
			sorted[kept++] = sorted[i];
	*count_out = kept;
	return sorted;
}

static void add_users(struct buffer *b, const struct config *c)
{
	uint32_t count;
	struct config_user *sorted = sort_users(c, &count);
	buffer_add_u32(b, count);
	for (uint32_t i = 0; i < count; i++)
		add_bytes(b, sorted[i].name);
	memory_free(sorted);
}

static void add_verifiers(struct buffer *b, const struct config *c)
{
	uint32_t count;
	struct config_user *sorted = sort_users(c, &count);
	buffer_add_u32(b, count);
	for (uint32_t i = 0; i < count; i++)
		add_bytes(b, sorted[i].verifier);
	memory_free(sorted);
}

static void add_aliases(struct buffer *b, const struct config *c)
{
	const struct config_aliases *all = &c->aliases;
	buffer_add_u32(b, all->count);
	for (uint32_t i = 0; i < all->count; i++) {
		const struct config_alias *alias = &all->aliases[i];
		add_bytes(b, alias->local);
		add_bytes(b, alias->domain.name);
		buffer_add_u32(b, alias->first);
		buffer_add_u32(b, alias->count);
		buffer_add_u32(b, alias->line);
	}
	buffer_add_u32(b, all->destination_count);
	for (uint32_t i = 0; i < all->destination_count; i++) {
		add_bytes(b, all->destinations[i].local);
		add_bytes(b, all->destinations[i].domain.name);
	}
}

static void add_denyfrom(struct buffer *b, const struct config *c)
{
	buffer_add_u32(b, c->denyfrom_count);
	for (uint32_t i = 0; i < c->denyfrom_count; i++) {
		const struct denyfrom_entry *e = &c->denyfrom[i];
		buffer_add_octet(b, (uint8_t)e->kind);
		buffer_add_u32(b, e->line);
		add_network(b, &e->network);
		add_bytes(b, e->domain.name);
		add_bytes(b, e->local);
		add_bytes(b, e->text);
	}
}

static void add_mailboxes(struct buffer *b, const struct config *c)
{
	add_bytes(b, c->mailboxes);
}

static void add_lines(struct buffer *b, const struct config_line *lines, uint32_t count)
{
	buffer_add_u32(b, count);
	for (uint32_t i = 0; i < count; i++)
		add_bytes(b, lines[i].text);
}

static void add_resolving(struct buffer *b, const struct config *c)
{
	add_lines(b, c->nameservers, c->nameserver_count);
	add_lines(b, c->anchors, c->anchor_count);
}

/* In the order of their bits. */
static const struct {
	enum snapshot_section section;
	void (*add)(struct buffer *b, const struct config *c);
} encoders[SNAPSHOT_SECTIONS] = {
	{SNAPSHOT_SITE, add_site},
	{SNAPSHOT_NUMBERS, add_numbers},
	{SNAPSHOT_DOMAINS, add_domains},
	{SNAPSHOT_NETWORKS, add_networks},
	{SNAPSHOT_USERS, add_users},
	{SNAPSHOT_VERIFIERS, add_verifiers},
	{SNAPSHOT_ALIASES, add_aliases},
	{SNAPSHOT_DENYFROM, add_denyfrom},
	{SNAPSHOT_MAILBOXES, add_mailboxes},
	{SNAPSHOT_RESOLVING, add_resolving},
	{SNAPSHOT_SMARTHOST, add_smarthost},
	{SNAPSHOT_BACKUPS, add_backups},
	{SNAPSHOT_GATESTORE, add_gatestore},
};

void snapshot_encode(
	const struct config *config, unsigned sections, uint64_t generation, struct buffer *out)
{
	const size_t start = out->length;
	uint32_t count = 0;
	for (size_t i = 0; i < SNAPSHOT_SECTIONS; i++)
		count += (sections & encoders[i].section) != 0;
	buffer_add_u32(out, SNAPSHOT_MAGIC);
	buffer_add_u32(out, SNAPSHOT_VERSION);
	buffer_add_u64(out, generation);
	buffer_add_u64(out, 0); /* the checksum */
	buffer_add_u32(out, count);
	size_t table = out->length;
	buffer_add_zeros(out, (size_t)count * 8);
	for (size_t i = 0; i < SNAPSHOT_SECTIONS; i++) {
		if (!(sections & encoders[i].section))
			continue;
		const size_t from = out->length;
		encoders[i].add(out, config);
		if (buffer_failed(out))
			return;
		buffer_patch_u32(out, table, encoders[i].section);
		buffer_patch_u32(out, table + 4, (uint32_t)(out->length - from));
		table += 8;
	}
	const struct view covered = view_from(buffer_view(out), start + SNAPSHOT_HEAD);
	if (!buffer_failed(out))
		buffer_patch_u64(out, start + SNAPSHOT_CHECKSUM_AT, view_hash(covered));
}
