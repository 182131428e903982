/*
 * Fuzz target: the decoder of snapshots, and every look-up and decision over what it lets through.
 * The checksum of the input is set right first, as the decoder trusts nothing behind it either.
 */
#include "config/route.h"
#include "config/senders.h"
#include "config/snapshot_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask_rcpt(const struct snapshot *s, struct view local, struct domain d, struct arena *a)
{
	const struct address path = {
		.local_part = local, .local_plain = local, .domain = d, .domain_given = d.name};
	const struct route_recipient recipient = {.forward_path = &path, .reverse_path = &path};
	const struct route_facts facts = {.side = ROUTE_INSIDE, .login = VIEW("hana")};
	struct route_set set = route_set_new(a);
	const struct route_verdict v = route_rcpt(s, &facts, &recipient, &set, a);
	must(v.accepted == (v.code == 250) && (v.accepted || set.count == 0));
	for (uint32_t i = 0; i < set.count; i++)
		must(set.mailboxes[i].user < s->user_count);
	(void)route_mail(s, &facts, &path, a);
	if (s->user_count)
		(void)sender_is_of_user(s, s->users[0].name, &path);
	(void)route_verify(s, &facts, local, a);
	(void)snapshot_find_login(s, local);
}

static void ask_all(const struct snapshot *s)
{
	for (uint32_t i = 0; i < s->aliases.count && i < 100; i++) {
		struct arena a = arena_new(1 << 20);
		ask_rcpt(s, s->aliases.aliases[i].local, s->aliases.aliases[i].domain, &a);
		ask_rcpt(s, s->aliases.aliases[i].local, s->first_domain, &a);
		arena_reset(&a);
	}
	for (uint32_t i = 0; i < s->user_count; i++) {
		must(user_name_check(s->users[i].name) == USER_OK);
		must(snapshot_find_user(s, s->users[i].name) == i);
	}
	for (uint32_t i = 0; i < s->network_count; i++)
		(void)denyfrom_match_ip(&s->denyfrom, &s->networks[i].ip);
	for (uint32_t i = 0; i < s->denyfrom.count && i < 1000; i++)
		(void)denyfrom_match_host(&s->denyfrom, s->denyfrom.entries[i].domain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer b = buffer_new(1 << 20);
	buffer_add(&b, view_of(data, size));
	if (b.length >= SNAPSHOT_HEAD)
		buffer_patch_u64(&b, SNAPSHOT_CHECKSUM_AT,
			view_hash(view_from(buffer_view(&b), SNAPSHOT_HEAD)));
	struct snapshot *s = snapshot_decode(buffer_view(&b), NULL, NULL);
	if (s)
		ask_all(s);
	snapshot_drop(&s);
	buffer_free(&b);
	return 0;
}
