#include "config/parent_facts.h"

#include "suite.h"

static void ports(void **state)
{
	/* Protects: N-19: a port a line, both sides of each bound. */
	(void)state;
	static const struct {
		const char *text;
		bool good;
		uint16_t number;
		bool tls;
	} cases[] = {
		{"1", true, 1, false},
		{"65535", true, 65535, false},
		{"0", false, 0, false},
		{"65536", false, 0, false},
		{"2525 tls", true, 2525, true},
		{"2525   TLS", true, 2525, true},
		{"2525 ssl", false, 0, false},
		{"2525 tls tls", false, 0, false},
		{"2525tls", false, 0, false},
		{"tls", false, 0, false},
		{"-1", false, 0, false},
		{"", false, 0, false},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct config_port port;
		if (config_port_parse(view_text(cases[i].text), &port) != cases[i].good)
			fail_msg("%s", cases[i].text);
		if (cases[i].good) {
			assert_int_equal(port.number, cases[i].number);
			assert_int_equal(port.tls, cases[i].tls);
		}
	}
}

static void settings(void **state)
{
	/* Protects: what the settings say is what the parent hears; a double port and a ninth are told. */
	(void)state;
	static const struct memory_file files[] = {{"servername", "mail.example.test\n", 0},
		{"submission", "2525\n4650 tls\n", 0}, {"mailboxes", "/srv/LOCALPART/x\n", 0},
		{"certificate", "/etc/a b.pem\n", 0}, {"certificatekey", "/etc/k.pem\n", 0}, {0}};
	struct site s;
	struct buffer b = buffer_new(PARENT_FACTS_MAX);
	struct parent_facts facts;
	site_open(&s, files);
	parent_facts_add(&b, &s.config);
	assert_true(parent_facts_read(buffer_view(&b), &facts));
	assert_view(facts.servername, "mail.example.test");
	assert_view(facts.mailboxes, "/srv/");
	assert_view(facts.certificate, "/etc/a b.pem");
	assert_view(facts.certificate_key, "/etc/k.pem");
	assert_int_equal(facts.submission_count, 2);
	assert_int_equal(facts.submission[1].number, 4650);
	assert_true(facts.submission[1].tls && !facts.submission[0].tls);
	site_expect(&s, FINDING_NOTE, "submission", 2, "port 4650, too, after TLS from the start");
	buffer_free(&b);
	site_close(&s);
	static const struct {
		const char *name;
		const char *text;
		uint32_t line;
		const char *what;
	} wrong[] = {
		{"submission", "2525\n\n2525 tls\n", 3, "2525 stands here twice"},
		{"submission", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", 9, "more than 8 ports"},
		{"submission", "smtp\n", 1, "not right here"},
		{"certificate", "keys/a.pem\n", 1, "not right here"},
		{"certificate", "/a.pem\n", 1, "the other one is missing"},
		{"certificatekey", "/a.pem\n", 1, "the other one is missing"},
	};
	for (size_t i = 0; i < COUNT(wrong); i++) {
		const struct memory_file one[] = {{"servername", "mail.example.test\n", 0},
			{wrong[i].name, wrong[i].text, 0}, {0}};
		site_open(&s, one);
		site_expect(&s, FINDING_ERROR, wrong[i].name, wrong[i].line, wrong[i].what);
		site_close(&s);
	}
}

static void forms(void **state)
{
	/* Protects: the parent takes what holds together, and nothing else. */
	(void)state;
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{"servername=a.b\nmailboxes=/m/\n", true},
		{"servername=a.b\nmailboxes=/m/", false},
		{"servername=a.b\n", false},
		{"mailboxes=/m/\n", false},
		{"servername=a.b\nservername=c.d\nmailboxes=/m/\n", false},
		{"servername=\nmailboxes=/m/\n", false},
		{"servername=a.b\nmailboxes=/m/\nother=x\n", false},
		{"servername=a.b\nmailboxes=/m\x01/\n", false},
		{"servername=a.b\nmailboxes=/m/\nsubmission=0\n", false},
		{"servername=a.b\nmailboxes=/m/\ncertificate=/a\n", false},
		{"servername=a.b\nmailboxes=/m/\ncertificatekey=/a\n", false},
		{"servername=a.b\nmailboxes=/m/\ncertificate=/a\ncertificatekey=/b\n", true},
		{"", false},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct parent_facts facts;
		if (parent_facts_read(view_text(cases[i].text), &facts) != cases[i].good)
			fail_msg("%s", cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports),
		cmocka_unit_test(settings),
		cmocka_unit_test(forms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
