#include "faces/resolve/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dns_build.h"

#define MESSAGE_MAX 65535u
#define QUESTION_TYPE_AT (12 + 12) /* behind "n0.example" */

static struct arena arena;

static struct dns_answer read_it(const struct buffer *b, const char *name, enum dns_type type)
{
	struct dns_answer answer;
	arena_reset(&arena);
	dns_read(buffer_view(b), view_text(name), type, &arena, &answer);
	return answer;
}

static void assert_name(struct view v, const char *text)
{
	if (!view_equal(v, view_text(text)))
		fail_msg("\"%.*s\" is not \"%s\"", (int)v.length, (const char *)v.at, text);
}

static void put_mx(struct buffer *b, const char *owner, unsigned preference, const char *host)
{
	struct buffer data = buffer_new(512);
	dns_put16(&data, preference);
	dns_put_name(&data, host);
	dns_put_record(b, owner, DNS_MX, buffer_view(&data));
	buffer_free(&data);
}

static void put_alias(struct buffer *b, const char *owner, const char *target)
{
	struct buffer data = buffer_new(512);
	dns_put_name(&data, target);
	dns_put_record(b, owner, DNS_CNAME, buffer_view(&data));
	buffer_free(&data);
}

/* Protects: records of the type asked for, of the name asked for, in any case of letters; nothing else. */
static void records(void **state)
{
	(void)state;
	struct buffer b = buffer_new(MESSAGE_MAX);
	dns_put_head(&b, 0, 5);
	dns_put_question(&b, "example.org", DNS_MX);
	put_mx(&b, "EXAMPLE.org", 10, "MX1.Example.org");
	put_mx(&b, "example.com", 20, "liar.example");
	dns_put_record(&b, "example.org", DNS_A, VIEW("\300\0\2\1"));
	put_mx(&b, "example.org", 65535, "");
	put_mx(&b, "example.org", 5, "a b\1.example");
	const struct dns_answer a = read_it(&b, "example.org", DNS_MX);
	assert_int_equal(a.status, DNS_FOUND);
	assert_int_equal(a.count, 3);
	assert_int_equal(a.records[0].preference, 10);
	assert_name(a.records[0].name, "mx1.example.org");
	assert_int_equal(a.records[1].preference, 65535);
	assert_name(a.records[1].name, "");
	assert_name(a.records[2].name, "a\\032b\\001.example");
	assert_false(a.has_alias || a.is_secure);
	assert_name(a.canonical, "example.org");
	buffer_free(&b);
}

/* Protects: each type's data is read by its own rule; a record that breaks it is left out, not the answer. */
static void types(void **state)
{
	(void)state;
	static const struct {
		enum dns_type type;
		struct view data;
		bool good;
	} cases[] = {{DNS_A, VIEW("\300\0\2\1"), true}, {DNS_A, VIEW("\300\0\2"), false},
		{DNS_A, VIEW("\300\0\2\1\1"), false},
		{DNS_AAAA, VIEW("\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1"), true},
		{DNS_AAAA, VIEW("\x20\1\xd\xb8"), false},
		{DNS_AAAA, VIEW("\0\0\0\0\0\0\0\0\0\0\xff\xff\300\0\2\1"), false},
		{DNS_TXT, VIEW("\3v=1\2ab"), true}, {DNS_TXT, VIEW("\0"), true},
		{DNS_TXT, VIEW("\4abc"), false}, {DNS_TXT, VIEW("\1a\377"), false},
		{DNS_TLSA, VIEW("\3\1\1abc"), true}, {DNS_TLSA, VIEW("\3\1"), false},
		{DNS_PTR, VIEW("\2mx\7example\0"), true},
		{DNS_PTR, VIEW("\2mx\7example\0x"), false}, {DNS_PTR, VIEW("\2mx\7exam"), false},
		{DNS_PTR, VIEW(""), false}, {DNS_MX, VIEW("\0\1\1a\0"), true},
		{DNS_MX, VIEW("\0\1"), false}, {DNS_MX, VIEW("\0"), false},
		{DNS_DNSKEY, VIEW("\1\1\3\10key"), true}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buffer b = buffer_new(MESSAGE_MAX);
		dns_put_head(&b, 0, 1);
		dns_put_question(&b, "a.example", cases[i].type);
		dns_put_record(&b, "a.example", cases[i].type, cases[i].data);
		const struct dns_answer a = read_it(&b, "a.example", cases[i].type);
		if (a.status != (cases[i].good ? DNS_FOUND : DNS_NO_DATA) ||
			a.count != cases[i].good)
			fail_msg("case %zu: status %d", i, (int)a.status);
		if (cases[i].good && cases[i].type == DNS_TXT && cases[i].data.length > 1)
			assert_name(a.records[0].octets, "v=1ab");
		buffer_free(&b);
	}
}

/* Protects: CNAMEs are followed within the answer, in whatever order they stand, and no further than a bound. */
static void aliases(void **state)
{
	(void)state;
	for (unsigned length = 1; length <= DNS_ALIASES_MAX + 1; length++) {
		struct buffer b = buffer_new(MESSAGE_MAX);
		char from[32];
		char to[32];
		dns_put_head(&b, 0, length + 1);
		dns_put_question(&b, "n0.example", DNS_A);
		snprintf(to, sizeof to, "n%u.example", length);
		dns_put_record(&b, to, DNS_A, VIEW("\300\0\2\1"));
		for (unsigned i = length; i-- > 0;) {
			snprintf(from, sizeof from, "n%u.example", i);
			snprintf(to, sizeof to, "N%u.example", i + 1);
			put_alias(&b, from, to);
		}
		const struct dns_answer a = read_it(&b, "n0.example", DNS_A);
		if (length <= DNS_ALIASES_MAX) {
			assert_int_equal(a.status, DNS_FOUND);
			assert_true(a.has_alias);
			snprintf(to, sizeof to, "n%u.example", length);
			assert_name(a.canonical, to);
		} else {
			assert_int_equal(a.status, DNS_FAILED);
		}
		b.data[QUESTION_TYPE_AT + 1] =
			DNS_CNAME; /* who asks for the alias itself gets it */
		const struct dns_answer alias = read_it(&b, "n0.example", DNS_CNAME);
		assert_int_equal(alias.status, DNS_FOUND);
		assert_name(alias.records[0].name, "n1.example");
		buffer_free(&b);
	}
	struct buffer b = buffer_new(MESSAGE_MAX);
	dns_put_head(&b, 0, 2);
	dns_put_question(&b, "a.example", DNS_A);
	put_alias(&b, "a.example", "b.example");
	put_alias(&b, "b.example", "a.example");
	assert_int_equal(read_it(&b, "a.example", DNS_A).status, DNS_FAILED);
	buffer_free(&b);
}

/* Protects: absence is told from absence of the name, and from trouble. */
static void absence(void **state)
{
	(void)state;
	static const struct {
		unsigned rcode;
		enum dns_status status;
	} cases[] = {{0, DNS_NO_DATA}, {3, DNS_NO_DOMAIN}, {1, DNS_FAILED}, {2, DNS_FAILED},
		{5, DNS_FAILED}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buffer b = buffer_new(MESSAGE_MAX);
		dns_put_head(&b, cases[i].rcode, 0);
		dns_put_question(&b, "a.example", DNS_MX);
		assert_int_equal(read_it(&b, "a.example", DNS_MX).status, cases[i].status);
		buffer_free(&b);
	}
}

/* Protects: only an answer, and only to what was asked, is one: libunbound has handed on what lay in its buffer. */
static void others(void **state)
{
	(void)state;
	struct buffer b = buffer_new(MESSAGE_MAX);
	dns_put_head(&b, 0, 1);
	dns_put_question(&b, "n0.example", DNS_MX);
	put_mx(&b, "n0.example", 1, "mx.example");
	assert_int_equal(read_it(&b, "n0.example", DNS_MX).status, DNS_FOUND);
	assert_int_equal(read_it(&b, "n1.example", DNS_MX).status, DNS_FAILED);
	assert_int_equal(read_it(&b, "n0.example", DNS_A).status, DNS_FAILED);
	b.data[2] &= 0x7f; /* a question */
	assert_int_equal(read_it(&b, "n0.example", DNS_MX).status, DNS_FAILED);
	b.data[2] |= 0x80;
	b.data[5] = 0; /* none was asked */
	assert_int_equal(read_it(&b, "n0.example", DNS_MX).status, DNS_FAILED);
	b.data[5] = 2;
	assert_int_equal(read_it(&b, "n0.example", DNS_MX).status, DNS_FAILED);
	buffer_free(&b);
}

/* Protects: compressed names: pointers lead to the front only, so there is an end; no name is longer than 255
 * octets. */
static void compression(void **state)
{
	(void)state;
	struct buffer b = buffer_new(MESSAGE_MAX);
	dns_put_head(&b, 0, 1);
	dns_put_question(&b, "a.example", DNS_MX);
	buffer_add(&b, VIEW("\xc0\x0c\0\x0f\0\1\0\0\0\0\0\7\0\5\2mx\xc0\x0e"));
	struct dns_answer a = read_it(&b, "a.example", DNS_MX);
	assert_int_equal(a.status, DNS_FOUND);
	assert_name(a.records[0].name, "mx.example");
	b.data[b.length - 1] = (uint8_t)(b.length - 2); /* to itself */
	assert_int_equal(read_it(&b, "a.example", DNS_MX).count, 0);
	b.data[b.length - 1] = (uint8_t)(b.length - 5); /* to the start of the name that it ends */
	assert_int_equal(read_it(&b, "a.example", DNS_MX).count, 0);
	b.data[b.length - 2] = 0xff; /* behind the end */
	assert_int_equal(read_it(&b, "a.example", DNS_MX).count, 0);
	b.data[b.length - 2] = 0x80; /* no such kind of label */
	assert_int_equal(read_it(&b, "a.example", DNS_MX).count, 0);
	buffer_free(&b);
	for (size_t more = 0; more < 2; more++) {
		char name[300] = "";
		for (int i = 0; i < 126; i++)
			strcat(name, i ? ".a" : "a");
		strcat(name, more ? ".aa" : ".a"); /* 255 octets, 256 */
		struct buffer c = buffer_new(MESSAGE_MAX);
		dns_put_head(&c, 0, 0);
		dns_put_question(&c, name, DNS_A);
		assert_int_equal(read_it(&c, name, DNS_A).status, more ? DNS_FAILED : DNS_NO_DATA);
		buffer_free(&c);
	}
}

/* Protects: a message that ends early is no answer, and none is read past its end. */
static void cuts(void **state)
{
	(void)state;
	struct buffer b = buffer_new(MESSAGE_MAX);
	dns_put_head(&b, 0, 2);
	dns_put_question(&b, "a.example", DNS_MX);
	put_mx(&b, "a.example", 1, "mx.example");
	put_mx(&b, "a.example", 2, "my.example");
	for (size_t cut = 0; cut < b.length; cut++) {
		/* a copy of exactly that size, so that ASan sees one octet too many */
		uint8_t *copy = memory_new(cut + 1, 1);
		assert_true(view_copy(view_first(buffer_view(&b), cut), copy, cut + 1));
		struct dns_answer a;
		arena_reset(&arena);
		dns_read(view_of(copy, cut), VIEW("a.example"), DNS_MX, &arena, &a);
		assert_int_equal(a.status, DNS_FAILED);
		memory_free(copy);
	}
	assert_int_equal(read_it(&b, "a.example", DNS_MX).count, 2);
	buffer_free(&b);
}

/* Protects: the bound on records, on both sides; a flood of them is an answer with the first ones. */
static void many(void **state)
{
	(void)state;
	for (unsigned more = 0; more < 2; more++) {
		struct buffer b = buffer_new(MESSAGE_MAX);
		dns_put_head(&b, 0, DNS_RECORDS_MAX + more);
		dns_put_question(&b, "a.example", DNS_A);
		for (unsigned i = 0; i < DNS_RECORDS_MAX + more; i++)
			dns_put_record(&b, "a.example", DNS_A, VIEW("\300\0\2\1"));
		assert_int_equal(read_it(&b, "a.example", DNS_A).count, DNS_RECORDS_MAX);
		buffer_free(&b);
	}
}

/* Protects: the names under which clients are looked up (RFC 1035 §3.5, RFC 3596 §2.5). */
static void reverse(void **state)
{
	(void)state;
	static const char *const cases[][2] = {{"192.0.2.17", "17.2.0.192.in-addr.arpa"},
		{"2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
				"ip6.arpa"}};
	for (size_t i = 0; i < 2; i++) {
		struct buffer b = buffer_new(100);
		struct ip ip;
		assert_true(ip_parse(view_text(cases[i][0]), &ip));
		dns_add_reverse(&b, &ip);
		assert_name(buffer_view(&b), cases[i][1]);
		buffer_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(records), cmocka_unit_test(types),
		cmocka_unit_test(aliases), cmocka_unit_test(absence), cmocka_unit_test(others),
		cmocka_unit_test(compression), cmocka_unit_test(cuts), cmocka_unit_test(many),
		cmocka_unit_test(reverse)};
	arena = arena_new(DNS_MESSAGE_MEMORY_MAX);
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_reset(&arena);
	return failed;
}
