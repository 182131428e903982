/* tests/suites/smtp-smuggling: false ends of data, in the middle and at the end, by DATA and by BDAT.
 * None may end a mail, and none may reach the spool inside one. */
#include "smtp_drive.h"

#include "base/text.h"

#define CASES_MAX 64

static struct buffer sequences[CASES_MAX];
static size_t count;

static int read_suite(void **state)
{
	const char *root = getenv("SEKISHO_SOURCE");
	char path[4096];
	char line[4096];
	(void)state;
	snprintf(path, sizeof path, "%s/tests/suites/smtp-smuggling/sequences.json",
		root ? root : ".");
	FILE *f = fopen(path, "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof line, f) && count < CASES_MAX) {
		char hex[256];
		if (sscanf(line, " \"bytes\": \"%255[0-9a-f]\"", hex) != 1)
			continue;
		sequences[count] = buffer_new(256);
		if (buffer_add_unhex(&sequences[count], view_text(hex)))
			count++;
	}
	fclose(f);
	return count == 10 ? 0 : -1;
}

static int free_suite(void **state)
{
	(void)state;
	for (size_t i = 0; i < count; i++)
		buffer_free(&sequences[i]);
	return 0;
}

/* "first line", the sequence, then what an attacker hopes is read as commands. */
static struct buffer smuggled(size_t i, bool in_middle)
{
	struct buffer b = buffer_new(4096);
	text_add(&b, "Subject: x\r\n\r\nfirst line");
	buffer_add(&b, buffer_view(&sequences[i]));
	text_add(&b, "MAIL FROM:<evil@sender.example>\r\nRCPT TO:<hana@example.test>\r\nDATA\r\n");
	if (in_middle)
		text_add(&b, "From: evil@sender.example\r\n\r\nsmuggled\r\n");
	return b;
}

static void check_refused(struct drive *d, const char *what, size_t i)
{
	const bool is_right = d->closed && d->commits == 0 && d->drops == 1 &&
			      drive_code(d) == 554 && d->rule &&
			      strncmp(d->rule, "smuggling-", 10) == 0;
	if (!is_right)
		fail_msg("sequence %zu by %s: code %d, %u commits, %u drops, rule %s", i, what,
			drive_code(d), d->commits, d->drops, d->rule ? d->rule : "none");
	assert_int_equal(view_search(buffer_view(&d->content), VIEW("\n.\n")), VIEW_NOT_FOUND);
	assert_int_equal(view_search(buffer_view(&d->content), VIEW("MAIL FROM")), VIEW_NOT_FOUND);
}

static void test_data(void **state)
{
	/* protects: SMTP smuggling by DATA: no false end ends a mail or is stored */
	(void)state;
	for (size_t i = 0; i < count; i++)
		for (unsigned way = 0; way < 4; way++) {
			struct drive *d = drive_new(NULL);
			struct buffer mail = smuggled(i, way & 1);
			buffer_add(&mail, VIEW("\r\n.\r\n"));
			drive_to_data(d);
			if (way & 2)
				drive_slowly(d, buffer_view(&mail));
			else
				drive_view(d, buffer_view(&mail));
			check_refused(d, "DATA", i);
			buffer_free(&mail);
			drive_free(d);
		}
}

static void test_end_of_data(void **state)
{
	/* protects: a false end that is the last thing sent, then the true one */
	(void)state;
	for (size_t i = 0; i < count; i++) {
		struct drive *d = drive_new(NULL);
		drive_to_data(d);
		drive_say(d, "Subject: x\r\n\r\nfirst line");
		drive_view(d, buffer_view(&sequences[i]));
		assert_int_equal(d->commits, 0);
		drive_say(d, "\r\n.\r\n");
		check_refused(d, "DATA at the end", i);
		drive_free(d);
	}
}

static void test_bdat(void **state)
{
	/* protects: smuggling by BDAT into a server further on that reads lines differently */
	(void)state;
	for (size_t i = 0; i < count; i++)
		for (unsigned way = 0; way < 4; way++) {
			struct drive *d = drive_new(NULL);
			struct buffer mail = smuggled(i, way & 1);
			struct buffer all = buffer_new(8192);
			text_add(&all,
				"EHLO client.example\r\nMAIL FROM:<a@sender.example>\r\n"
				"RCPT TO:<hana@example.test>\r\nBDAT {} LAST\r\n",
				text_number(mail.length));
			buffer_add(&all, buffer_view(&mail));
			drive_run(d);
			if (way & 2)
				drive_slowly(d, buffer_view(&all));
			else
				drive_view(d, buffer_view(&all));
			check_refused(d, "BDAT", i);
			buffer_free(&mail);
			buffer_free(&all);
			drive_free(d);
		}
}

static void test_bdat_split(void **state)
{
	/* protects: a sequence that is split between two chunks */
	(void)state;
	for (size_t i = 0; i < count; i++)
		for (size_t cut = 1; cut < sequences[i].length; cut++) {
			struct drive *d = drive_new(NULL);
			struct buffer all = buffer_new(8192);
			const struct view v = buffer_view(&sequences[i]);
			text_add(&all,
				"EHLO client.example\r\nMAIL FROM:<a@sender.example>\r\n"
				"RCPT TO:<hana@example.test>\r\nBDAT {}\r\nx",
				text_number(1 + cut));
			buffer_add(&all, view_first(v, cut));
			text_add(&all, "BDAT {} LAST\r\n", text_number(v.length - cut + 1));
			buffer_add(&all, view_from(v, cut));
			text_add(&all, "y");
			drive_run(d);
			drive_view(d, buffer_view(&all));
			check_refused(d, "BDAT split", i);
			buffer_free(&all);
			drive_free(d);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_end_of_data),
		cmocka_unit_test(test_bdat),
		cmocka_unit_test(test_bdat_split),
	};
	return cmocka_run_group_tests(tests, read_suite, free_suite);
}
