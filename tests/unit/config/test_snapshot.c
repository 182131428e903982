#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "suite.h"

static const struct memory_file house[] = {
	{"servername", "mail.example.test\n", 0},
	{"users", "taro:!\nhana:" SCRAM "\n", 0600},
	{"networks", "10.1.0.0/16\n", 0},
	{"denyfrom", "ano.net\n192.0.2.0/24\nspam@shop.example\n@bulk.example\n", 0},
	{"aliases", "sales: hana, taro\ninfo@example.test: hana\n", 0},
	{"sizelimit", "1M\n", 0},
	{0},
};

static void round_trip(void **state)
{
	/* Protects: what was read is what programs see, found whatever the case. */
	(void)state;
	struct site site;
	site_open(&site, house);
	const struct snapshot *s = site.snapshot;
	assert_int_equal(s->generation, 7);
	assert_int_equal(s->sections, SNAPSHOT_ALL);
	assert_view(s->servername.name, "mail.example.test");
	assert_view(s->postmaster, "taro");
	assert_int_equal(s->numbers[SETTING_SIZELIMIT], 1 << 20);
	assert_view(s->first_domain.name, "mail.example.test");
	assert_true(snapshot_has_domain(s, (struct domain){VIEW("example.test")}));
	assert_false(snapshot_has_domain(s, (struct domain){VIEW("test")}));
	assert_false(snapshot_has_domain(s, (struct domain){VIEW("")}));
	assert_int_equal(s->user_count, 2);
	assert_view(s->users[0].name, "hana");
	assert_view(s->users[0].verifier, SCRAM);
	assert_view(s->users[1].verifier, "!");
	assert_int_equal(snapshot_find_user(s, VIEW("TARO")), 1);
	assert_int_equal(snapshot_find_user(s, VIEW("tar")), SNAPSHOT_NOT_FOUND);
	assert_int_equal(s->aliases.count, 2);
	assert_int_not_equal(
		snapshot_find_alias(s, VIEW("Info"), (struct domain){VIEW("example.test")}),
		SNAPSHOT_NOT_FOUND);
	assert_int_equal(snapshot_find_alias(s, VIEW("info"), (struct domain){VIEW_NONE}),
		SNAPSHOT_NOT_FOUND);
	assert_int_equal(s->denyfrom.count, 4);
	const struct denyfrom_entry *e =
		denyfrom_match_host(&s->denyfrom, (struct domain){VIEW("x.ano.net")});
	assert_non_null(e);
	assert_int_equal(e->line, 1);
	assert_view(e->text, "ano.net");
	assert_view(s->mailboxes, "/var/lib/sekisho/mail/LOCALPART/");
	site_close(&site);
}

static void logins(void **state)
{
	/* Protects: login by local-part or by an address of an own domain, and by nothing else. */
	(void)state;
	static const struct {
		const char *login;
		uint32_t user;
	} cases[] = {
		{"hana", 0},
		{"Hana", 0},
		{"hana@example.test", 0},
		{"TARO@Mail.Example.Test", 1},
		{"hana@other.example", SNAPSHOT_NOT_FOUND},
		{"hana@", SNAPSHOT_NOT_FOUND},
		{"@example.test", SNAPSHOT_NOT_FOUND},
		{"hana+x", SNAPSHOT_NOT_FOUND},
		{"sales", SNAPSHOT_NOT_FOUND},
		{"", SNAPSHOT_NOT_FOUND},
	};
	struct site s;
	site_open(&s, house);
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(
			snapshot_find_login(s.snapshot, view_text(cases[i].login)), cases[i].user);
	site_close(&s);
}

static void who_sees_what(void **state)
{
	/* Protects: verifiers reach `auth` alone, in form and in fact; others get what they
	 * need. */
	(void)state;
	static const struct {
		unsigned mask;
		bool verifiers;
		bool users;
		bool aliases;
	} cases[] = {
		{SNAPSHOT_FOR_AUTH, true, true, false},
		{SNAPSHOT_FOR_SMTPD, false, true, true},
		{SNAPSHOT_FOR_POPD, false, false, false},
		{SNAPSHOT_FOR_SPOOL, false, false, false},
		{SNAPSHOT_FOR_DELIVER, false, true, false},
		{SNAPSHOT_FOR_MAILBOX, false, true, false},
		{SNAPSHOT_FOR_GATE, false, false, false},
		{SNAPSHOT_FOR_KEYS, false, false, false},
	};
	struct site site;
	site_open(&site, house);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buffer b = buffer_new(1 << 20);
		snapshot_encode(&site.config, cases[i].mask, 1, &b);
		struct snapshot *s = snapshot_decode(buffer_view(&b), NULL, NULL);
		assert_non_null(s);
		assert_int_equal(s->sections, cases[i].mask);
		assert_int_equal(view_search(buffer_view(&b), VIEW("SCRAM")) != VIEW_NOT_FOUND,
			cases[i].verifiers);
		assert_int_equal(s->user_count, cases[i].users ? 2 : 0);
		assert_int_equal(s->aliases.count, cases[i].aliases ? 2 : 0);
		snapshot_drop(&s);
		buffer_free(&b);
	}
	site_close(&site);
}

static void damage(void **state)
{
	/* Protects: a blob that was cut or changed anywhere is refused. */
	(void)state;
	struct site site;
	site_open(&site, house);
	const struct view whole = buffer_view(&site.blob);
	for (size_t i = 0; i < whole.length; i++) {
		assert_null(snapshot_decode(view_first(whole, i), NULL, NULL));
		if (i >= 8 && i < 16)
			continue; /* the generation says itself */
		site.blob.data[i] ^= 1;
		assert_null(snapshot_decode(whole, NULL, NULL));
		site.blob.data[i] ^= 1;
	}
	buffer_add_octet(&site.blob, 0);
	assert_null(snapshot_decode(buffer_view(&site.blob), NULL, NULL));
	site_close(&site);
}

static int released;

static void release(void *context, struct view blob)
{
	(void)blob;
	assert_ptr_equal(context, &released);
	released++;
}

static void references(void **state)
{
	/* Protects: a transaction keeps its generation; the last reference gives the memory
	 * back. */
	(void)state;
	struct site site;
	site_open(&site, house);
	struct snapshot *s = snapshot_decode(buffer_view(&site.blob), release, &released);
	struct snapshot *mine = snapshot_hold(s);
	snapshot_drop(&s);
	assert_null(s);
	assert_int_equal(released, 0);
	assert_view(mine->servername.name, "mail.example.test");
	snapshot_drop(&mine);
	assert_int_equal(released, 1);
	snapshot_drop(&mine);
	assert_int_equal(released, 1);
	assert_null(snapshot_decode(VIEW("short"), release, &released));
	assert_int_equal(released, 1);
	site_close(&site);
}

/* As the parent hands it over (parent/configuration.c). */
static int sealed_file(struct view blob)
{
	const int fd = memfd_create("snapshot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(write(fd, blob.at, blob.length), blob.length);
	assert_int_equal(
		fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL),
		0);
	return fd;
}

static void sealed(void **state)
{
	/* Protects: only a memory file that nobody can change any more is mapped. */
	(void)state;
	struct site site;
	struct snapshot *s;
	site_open(&site, house);
	int fd = sealed_file(buffer_view(&site.blob));
	assert_int_equal(snapshot_map(fd, &s), ERROR_NONE);
	close(fd);
	assert_view(s->servername.name, "mail.example.test");
	snapshot_drop(&s);
	fd = sealed_file(VIEW("no snapshot at all, but sealed"));
	assert_int_equal(snapshot_map(fd, &s), ERROR_CORRUPT);
	assert_null(s);
	close(fd);
	fd = memfd_create("open", MFD_ALLOW_SEALING);
	assert_int_equal(write(fd, site.blob.data, site.blob.length), site.blob.length);
	assert_int_equal(snapshot_map(fd, &s), ERROR_DENIED);
	close(fd);
	site_close(&site);
}

static void large(void **state)
{
	/* Protects: 100,000 users, aliases and denyfrom lines are an ordinary configuration. */
	(void)state;
	const uint32_t count = 100000;
	struct buffer users = buffer_new(64 << 20);
	struct buffer aliases = buffer_new(64 << 20);
	struct buffer deny = buffer_new(64 << 20);
	for (uint32_t i = 0; i < count; i++) {
		text_add(&users,
			"u{}:"
			"{}\n",
			text_number(i), text_raw(VIEW(SCRAM)));
		text_add(&aliases, "a{}: u{}, u{}\n", text_number(i), text_number(i),
			text_number(count - 1 - i));
		text_add(&deny, "host{}.spam.example\n", text_number(i));
	}
	buffer_add_octet(&users, 0);
	buffer_add_octet(&aliases, 0);
	buffer_add_octet(&deny, 0);
	const struct memory_file files[] = {{"users", (const char *)users.data, 0600},
		{"aliases", (const char *)aliases.data, 0},
		{"denyfrom", (const char *)deny.data, 0}, {0}};
	struct site s;
	site_open(&s, files);
	assert_int_equal(s.findings.levels[FINDING_ERROR], 0);
	assert_int_equal(s.snapshot->user_count, count);
	assert_int_equal(s.snapshot->aliases.count, count);
	const struct denyfrom_entry *e = denyfrom_match_host(
		&s.snapshot->denyfrom, (struct domain){VIEW("x.host77777.spam.example")});
	assert_int_equal(e->line, 77778);
	site_close(&s);
	buffer_free(&deny);
	buffer_free(&aliases);
	buffer_free(&users);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(logins),
		cmocka_unit_test(who_sees_what),
		cmocka_unit_test(damage),
		cmocka_unit_test(references),
		cmocka_unit_test(sealed),
		cmocka_unit_test(large),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
