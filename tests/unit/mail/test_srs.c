#include "mail/srs.h"

#include "mail/address_problem.h"
#include "suite.h"

#define DAY_S INT64_C(86400)
#define NOW_S (DAY_S * 20000 + 12345)

static const struct domain ours = {VIEW("example.org")};

/* Stands for the MAC of `keys`: that the octets are told apart is all that is wanted of it here. */
static struct view mac_of(const struct srs *srs, uint64_t secret, uint8_t room[8])
{
	struct buffer b = buffer_new(1024);
	buffer_add_u64(&b, secret);
	srs_add_signed(&b, srs);
	uint64_t mac = view_hash(buffer_view(&b));
	mac ^= mac >> 31;
	for (size_t i = 0; i < 8; i++)
		room[i] = (uint8_t)(mac >> 8 * i);
	buffer_free(&b);
	return view_of(room, 8);
}

/* The address as which that sender is forwarded; false when he cannot be. */
static bool forward(const char *sender, int64_t now_s, struct domain domain, char *to, size_t room)
{
	struct arena a = arena_new(65536);
	struct buffer b = buffer_new(512);
	struct address address;
	struct srs srs;
	uint8_t mac[8];
	assert_int_equal(address_parse(view_text(sender), true, &a, &address), ADDRESS_OK);
	assert_true(srs_forward(&address, now_s, &a, &srs));
	const bool ok = srs_add(&b, &srs, mac_of(&srs, 1, mac), domain);
	assert_true(ok == (b.length > 0));
	assert_true(view_to_text(buffer_view(&b), to, room));
	buffer_free(&b);
	arena_reset(&a);
	return ok;
}

/* What comes of an address that comes back. */
static enum srs_verdict back(
	const char *text, int64_t now_s, uint64_t secret, char *to, size_t room)
{
	struct arena a = arena_new(65536);
	struct buffer b = buffer_new(512);
	struct address address;
	struct srs srs;
	uint8_t mac[8];
	const enum address_problem problem = address_parse(view_text(text), true, &a, &address);
	if (problem != ADDRESS_OK)
		fail_msg("%s: %s", text, address_problem_name(problem));
	assert_true(srs_parse(address.local_plain, &srs));
	const enum srs_verdict verdict = srs_check(&srs, mac_of(&srs, secret, mac), now_s);
	srs_add_original(&b, &srs);
	assert_true(view_to_text(buffer_view(&b), to, room));
	buffer_free(&b);
	arena_reset(&a);
	return verdict;
}

static void a_sender_comes_back(void **state)
{
	/* Protects: the form that the field knows, and the way back, whatever the local-part is. */
	static const struct {
		const char *sender;
		const char *back; /* null: as it was */
		const char *form; /* '*' stands for a hash, '#' for one letter */
	} cases[] = {
		{"user@example.net", NULL, "SRS0=*=##=example.net=user@example.org"},
		{"User.Name+tag@Example.NET", "User.Name+tag@example.net",
			"SRS0=*=##=example.net=User.Name+tag@example.org"},
		{"a=b=c@example.net", NULL, "SRS0=*=##=example.net=a=b=c@example.org"},
		{"\"a b\"@example.net", NULL, "\"SRS0=*=##=example.net=a b\"@example.org"},
		{"\"a\\\"b@c\"@example.net", NULL,
			"\"SRS0=*=##=example.net=a\\\"b@c\"@example.org"},
		{"a..b.@docomo.example", NULL, "\"SRS0=*=##=docomo.example=a..b.\"@example.org"},
		{"花子@例え.example", "花子@xn--r8jz45g.example",
			"SRS0=*=##=xn--r8jz45g.example=花子@example.org"},
		{"SRS0=abcd=XY=a.example=u@b.example", NULL,
			"SRS1=*=b.example==abcd=XY=a.example=u@example.org"},
		{"srs0+abcd=XY=a.example=u@b.example", "SRS0+abcd=XY=a.example=u@b.example",
			"SRS1=*=b.example=+abcd=XY=a.example=u@example.org"},
		{"SRS0-abcd=XY=a.example=u@b.example", NULL,
			"SRS1=*=b.example=-abcd=XY=a.example=u@example.org"},
		{"SRS1=efgh=b.example==abcd=XY=a.example=u@c.example",
			"SRS0=abcd=XY=a.example=u@b.example",
			"SRS1=*=b.example==abcd=XY=a.example=u@example.org"},
		/* no forms of it: senders as others */
		{"SRS0@example.net", NULL, "SRS0=*=##=example.net=SRS0@example.org"},
		{"SRS0=a=b@example.net", NULL, "SRS0=*=##=example.net=SRS0=a=b@example.org"},
		{"SRS01=a=b=c=d@example.net", NULL,
			"SRS0=*=##=example.net=SRS01=a=b=c=d@example.org"},
		{"SRS1=a=b=c@example.net", NULL, "SRS0=*=##=example.net=SRS1=a=b=c@example.org"},
		{"SRS2=a=b=c=d@example.net", NULL,
			"SRS0=*=##=example.net=SRS2=a=b=c=d@example.org"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char forwarded[512];
		char original[512];
		assert_true(forward(cases[i].sender, NOW_S, ours, forwarded, sizeof forwarded));
		const char *f = cases[i].form;
		const char *s = forwarded;
		for (; *f; f++)
			if (*f == '*')
				s += SRS_HASH_OCTETS;
			else if (*f == '#' ? !octet_is_alnum(*s++) : *s++ != *f)
				break;
		if (*f || *s)
			fail_msg("%s became %s, not %s", cases[i].sender, forwarded, cases[i].form);
		assert_int_equal(back(forwarded, NOW_S, 1, original, sizeof original), SRS_GOOD);
		assert_string_equal(original, cases[i].back ? cases[i].back : cases[i].sender);
	}
}

static void the_stamp_is_the_day(void **state)
{
	/* Protects: the days as others write them (TT of the scheme's paper): base32 of days since 1970 mod
	 * 1024. 2026-01-01 is day 20454, 998 of its round: "7G". */
	char forwarded[512];
	(void)state;
	assert_true(forward("u@x.example", DAY_S * 20454, ours, forwarded, sizeof forwarded));
	assert_memory_equal(forwarded + 5 + SRS_HASH_OCTETS, "=7G=", 4);
}

static void it_grows_old(void **state)
{
	char forwarded[512];
	char original[512];
	static const struct {
		int64_t days;
		enum srs_verdict verdict;
	} cases[] = {{-2, SRS_OLD}, {-1, SRS_GOOD}, {0, SRS_GOOD}, {SRS_DAYS_MAX, SRS_GOOD},
		{SRS_DAYS_MAX + 1, SRS_OLD}, {500, SRS_OLD}, {1022, SRS_OLD}};
	(void)state;
	/* days around the turn of the round, too */
	for (int64_t start = 20479 - 25; start < 20479 + 3; start++) {
		const int64_t then_s = start * DAY_S + 40000;
		assert_true(forward("u@x.example", then_s, ours, forwarded, sizeof forwarded));
		for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
			assert_int_equal(back(forwarded, then_s + cases[i].days * DAY_S, 1,
						 original, sizeof original),
				cases[i].verdict);
	}
	/* of the first forwarder's address the day is his business */
	assert_true(forward(
		"SRS0=abcd=XY=a.example=u@b.example", NOW_S, ours, forwarded, sizeof forwarded));
	assert_int_equal(
		back(forwarded, NOW_S + 500 * DAY_S, 1, original, sizeof original), SRS_GOOD);
}

static void what_was_changed_is_forged(void **state)
{
	/* Protects: we forward to nobody whom we have not signed. Each octet of hash and rest counts. */
	static const char *const senders[] = {
		"user@example.net", "SRS0=abcd=XY=a.example=u@b.example"};
	(void)state;
	for (size_t n = 0; n < 2; n++) {
		char forwarded[512];
		char original[512];
		assert_true(forward(senders[n], NOW_S, ours, forwarded, sizeof forwarded));
		const size_t end = (size_t)(strchr(forwarded, '@') - forwarded);
		for (size_t i = 5; i < end; i++) {
			const char was = forwarded[i];
			if (was == '=' || was == '.')
				continue;
			forwarded[i] = was == 'q' || was == 'Q' ? 'R' : 'Q';
			assert_int_equal(
				back(forwarded, NOW_S, 1, original, sizeof original), SRS_FORGED);
			forwarded[i] = was;
		}
		assert_int_equal(back(forwarded, NOW_S, 1, original, sizeof original), SRS_GOOD);
		/* another secret; a hash that is cut off, or goes on */
		assert_int_equal(back(forwarded, NOW_S, 2, original, sizeof original), SRS_FORGED);
		memmove(forwarded + 5, forwarded + 6, strlen(forwarded) - 5);
		assert_int_equal(back(forwarded, NOW_S, 1, original, sizeof original), SRS_FORGED);
		assert_true(forward(senders[n], NOW_S, ours, forwarded, sizeof forwarded));
		memmove(forwarded + 6, forwarded + 5, strlen(forwarded) - 4);
		assert_int_equal(back(forwarded, NOW_S, 1, original, sizeof original), SRS_FORGED);
	}
	/* an SRS0 is not signed as an SRS1: the kind counts, too */
	struct srs srs;
	uint8_t mac[8];
	uint8_t other[8];
	assert_true(srs_parse(VIEW("SRS0=aaaaaaaa=b.c=+d=e"), &srs));
	(void)mac_of(&srs, 1, mac);
	assert_true(srs_parse(VIEW("SRS1=aaaaaaaa=b.c=+d=e"), &srs));
	(void)mac_of(&srs, 1, other);
	assert_memory_not_equal(mac, other, 8);
}

static void case_does_not_count(void **state)
{
	/* Protects: hosts that fold a local-part to lower (or upper) case on its way. */
	char forwarded[512];
	char original[512];
	(void)state;
	assert_true(forward("User@example.net", NOW_S, ours, forwarded, sizeof forwarded));
	for (char *c = forwarded; *c; c++)
		*c = (char)octet_lower((uint8_t)*c);
	assert_int_equal(back(forwarded, NOW_S, 1, original, sizeof original), SRS_GOOD);
	assert_string_equal(original, "user@example.net");
	for (char *c = forwarded; *c; c++)
		if (octet_is_alpha(*c))
			*c = (char)(*c & ~0x20);
	assert_int_equal(back(forwarded, NOW_S, 1, original, sizeof original), SRS_GOOD);
	assert_string_equal(original, "USER@EXAMPLE.NET");
}

static void what_is_too_long_is_told(void **state)
{
	/* Protects: a local-part beyond 64 octets goes out (§4.5.3.1), a path beyond 256 does not. */
	char sender[512];
	char forwarded[512];
	char original[512];
	(void)state;
	/* "SRS0=" hash "=TT=" domain "=" local "@example.org": 30 octets besides domain and local */
	for (size_t length = 35; length <= 240; length++) {
		memset(sender, 'l', length);
		strcpy(sender + length, "@a.example");
		const bool fits = 5 + 8 + 4 + 9 + 1 + length + 1 + 11 + 2 <= ADDRESS_PATH_MAX;
		assert_true(forward(sender, NOW_S, ours, forwarded, sizeof forwarded) == fits);
		if (!fits)
			continue;
		assert_int_equal(back(forwarded, NOW_S, 1, original, sizeof original), SRS_GOOD);
		assert_string_equal(original, sender);
	}
}

static void what_is_none(void **state)
{
	static const char *const cases[] = {"", "SRS0", "SRS0=", "SRS0=a", "SRS0=a=b", "SRS0=a=b=c",
		"SRS0=a=b=c=", "SRS0=a=b==d", "SRS0=a==c=d", "SRS0==b=c=d", "SRS0a=b=c=d=e",
		"SRS0_a=b=c=d", "SRS1=a", "SRS1=a=b", "SRS1=a=b=", "SRS1=a=b=c", "SRS1=a==c",
		"SRS1==b==c", "xSRS0=a=b=c=d", "hana", "prvs=1234=hana"};
	struct srs srs;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (srs_parse(view_text(cases[i]), &srs) || srs.kind != SRS_NONE)
			fail_msg("%s was taken", cases[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sender_comes_back),
		cmocka_unit_test(the_stamp_is_the_day),
		cmocka_unit_test(it_grows_old),
		cmocka_unit_test(what_was_changed_is_forged),
		cmocka_unit_test(case_does_not_count),
		cmocka_unit_test(what_is_too_long_is_told),
		cmocka_unit_test(what_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
