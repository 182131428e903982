/* store/maildir: a mail is placed once, whole, whatever was there before (DESIGN §5). */
#include "maildir_suite.h"

#define NAME "1893456000.0123456789abcdef_00000000000000ab_0.mail.example.test,S=11"
#define MAIL "hello world"

static const struct view parts[] = {VIEW("hello "), VIEW("world")};

static enum error deliver(
	const struct maildir_place *place, const char *name, bool repeat, struct maildir_file *file)
{
	enum error error = maildir_begin(place, view_text(name), repeat, file);
	if (!error)
		error = maildir_write(file, parts, 2);
	if (!error)
		error = maildir_finish(place, file);
	return error;
}

static void names_as_documented(void **state)
{
	/* The name is made of what never repeats: birth, id, recipient. */
	(void)state;
	struct buffer b = buffer_new(MAILDIR_NAME_MAX);
	maildir_name_add(&b, &(struct maildir_name){0x0123456789abcdef, {0xab}, 0, 1893456000, 11,
				     VIEW("mail.example.test")});
	assert_true(view_equal(buffer_view(&b), VIEW(NAME)));
	buffer_free(&b);
}

static void places_and_makes_directories(void **state)
{
	/* The first mail makes the mailbox, 2770; the file is in new/ and nowhere else. */
	struct boxes *b = *state;
	struct maildir_file file;
	struct stat facts;
	assert_int_equal(deliver(&b->place, NAME, false, &file), ERROR_NONE);
	assert_true(boxes_holds(b, "hana/new/" NAME, MAIL));
	assert_int_equal(boxes_count(b, "hana/tmp"), 0);
	assert_int_equal(boxes_count(b, "hana/cur"), 0);
	static const char *const made[] = {"hana", "hana/tmp", "hana/new", "hana/cur"};
	for (size_t i = 0; i < COUNT(made); i++) {
		assert_int_equal(fstatat(b->root, made[i], &facts, 0), 0);
		assert_int_equal(facts.st_mode & 07777, 02770);
	}
	assert_int_equal(fstatat(b->root, "hana/new/" NAME, &facts, 0), 0);
	assert_int_equal(facts.st_mode & 0117, 0);
	assert_true(file.device == facts.st_dev);
}

static void makes_deep_directories(void **state)
{
	/* The template's part behind LOCALPART is made, too. */
	struct boxes *b = *state;
	struct maildir_file file;
	b->place.after = VIEW("/a/Maildir/");
	assert_int_equal(deliver(&b->place, NAME, false, &file), ERROR_NONE);
	assert_true(boxes_holds(b, "hana/a/Maildir/new/" NAME, MAIL));
}

static const struct {
	const char *what;
	const char *path; /* null: nothing there */
	const char *octets;
	const char *found; /* where it is to be afterwards */
	bool mending;
	bool mended;
} repeats[] = {
	{"lost: the rename was not synced", NULL, "", "hana/new/" NAME, false, false},
	{"only in tmp/", "hana/tmp/" NAME, "hel", "hana/new/" NAME, false, false},
	{"whole in new/", "hana/new/" NAME, MAIL, "hana/new/" NAME, true, false},
	{"truncated in new/", "hana/new/" NAME, "hello", "hana/new/" NAME, true, true},
	{"no octet in new/", "hana/new/" NAME, "", "hana/new/" NAME, true, true},
	{"too long in new/", "hana/new/" NAME, MAIL "!", "hana/new/" NAME, true, true},
	{"other octets in new/", "hana/new/" NAME, "hello World", "hana/new/" NAME, true, true},
	{"whole in cur/", "hana/cur/" NAME, MAIL, "hana/cur/" NAME, true, false},
	{"read: whole", "hana/cur/" NAME ":2,S", MAIL, "hana/cur/" NAME ":2,S", true, false},
	{"read: no octet", "hana/cur/" NAME ":2,RS", "", "hana/cur/" NAME ":2,RS", true, true},
	{"read: zeros", "hana/cur/" NAME ":2,", "...........", "hana/cur/" NAME ":2,", true, true},
};

static void repeats_without_a_second_copy(void **state)
{
	/* What was placed before is found, compared, mended in place; its flags stay. */
	struct boxes *b = *state;
	for (size_t i = 0; i < COUNT(repeats); i++) {
		struct maildir_file file;
		boxes_clear(b->root, "hana");
		boxes_make(b, "hana");
		if (repeats[i].path)
			boxes_put(b, repeats[i].path, repeats[i].octets);
		assert_int_equal(deliver(&b->place, NAME, true, &file), ERROR_NONE);
		if (!boxes_holds(b, repeats[i].found, MAIL) || file.mending != repeats[i].mending ||
			file.mended != repeats[i].mended)
			fail_msg("%s", repeats[i].what);
		assert_int_equal(boxes_count(b, "hana/new") + boxes_count(b, "hana/cur"), 1);
		assert_int_equal(boxes_count(b, "hana/tmp"), 0);
	}
}

static void names_like_it_are_others(void **state)
{
	/* A longer name with the same beginning is another mail. */
	struct boxes *b = *state;
	struct maildir_file file;
	boxes_make(b, "hana");
	boxes_put(b, "hana/cur/" NAME "1:2,S", "other");
	assert_int_equal(deliver(&b->place, NAME, true, &file), ERROR_NONE);
	assert_true(boxes_holds(b, "hana/cur/" NAME "1:2,S", "other"));
	assert_true(boxes_holds(b, "hana/new/" NAME, MAIL));
}

static void missing_directories_come_back(void **state)
{
	/* Whoever removed one of the three does not stop the mail. */
	struct boxes *b = *state;
	static const char *const gone[] = {"hana/tmp", "hana/new", "hana/cur", "hana"};
	for (size_t i = 0; i < COUNT(gone); i++) {
		struct maildir_file file;
		boxes_make(b, "hana");
		boxes_clear(b->root, gone[i]);
		assert_int_equal(unlinkat(b->root, gone[i], AT_REMOVEDIR), 0);
		assert_int_equal(deliver(&b->place, NAME, true, &file), ERROR_NONE);
		assert_true(boxes_holds(b, "hana/new/" NAME, MAIL));
	}
}

static void new_goes_away_meanwhile(void **state)
{
	/* new/ was there at the beginning and is not at the end. */
	struct boxes *b = *state;
	struct maildir_file file;
	boxes_make(b, "hana");
	assert_int_equal(maildir_begin(&b->place, VIEW(NAME), false, &file), ERROR_NONE);
	assert_int_equal(maildir_write(&file, parts, 2), ERROR_NONE);
	assert_int_equal(unlinkat(b->root, "hana/new", AT_REMOVEDIR), 0);
	assert_int_equal(maildir_finish(&b->place, &file), ERROR_NONE);
	assert_true(boxes_holds(b, "hana/new/" NAME, MAIL));
}

static void abandons_without_a_trace(void **state)
{
	/* What was begun and given up is gone; what was being mended stays. */
	struct boxes *b = *state;
	struct maildir_file file;
	boxes_make(b, "hana");
	assert_int_equal(maildir_begin(&b->place, VIEW(NAME), false, &file), ERROR_NONE);
	assert_true(boxes_has(b, "hana/tmp/" NAME));
	maildir_abandon(&b->place, &file);
	assert_int_equal(file.fd, -1);
	assert_int_equal(boxes_count(b, "hana/tmp"), 0);
	boxes_put(b, "hana/new/" NAME, MAIL);
	assert_int_equal(maildir_begin(&b->place, VIEW(NAME), true, &file), ERROR_NONE);
	maildir_abandon(&b->place, &file);
	assert_true(boxes_holds(b, "hana/new/" NAME, MAIL));
}

static void obstacles_are_errors(void **state)
{
	/* A file or a link where a directory or the mail should be: an error, nothing written there. */
	struct boxes *b = *state;
	struct maildir_file file;
	boxes_put(b, "hana", "a file");
	assert_int_not_equal(deliver(&b->place, NAME, false, &file), ERROR_NONE);
	assert_int_equal(file.fd, -1);
	unlinkat(b->root, "hana", 0);
	boxes_make(b, "hana");
	boxes_put(b, "elsewhere", "precious");
	assert_int_equal(symlinkat("../../elsewhere", b->root, "hana/tmp/" NAME), 0);
	assert_int_not_equal(deliver(&b->place, NAME, false, &file), ERROR_NONE);
	assert_int_equal(symlinkat("../../elsewhere", b->root, "hana/new/" NAME), 0);
	assert_int_not_equal(deliver(&b->place, NAME, true, &file), ERROR_NONE);
	assert_true(boxes_holds(b, "elsewhere", "precious"));
}

/* In a child without root: permissions do not count for root. */
static enum error deliver_as_nobody(const struct boxes *b, bool repeat)
{
	int answer[2];
	assert_int_equal(pipe(answer), 0);
	const pid_t pid = fork();
	if (pid == 0) {
		struct maildir_file file;
		char error = 99;
		if (geteuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0))
			error = (char)deliver(&b->place, NAME, repeat, &file);
		if (write(answer[1], &error, 1) != 1)
			_exit(1);
		_exit(0);
	}
	char error = 98;
	close(answer[1]);
	assert_int_equal(read(answer[0], &error, 1), 1);
	close(answer[0]);
	return (enum error)error;
}

static void wrong_owner_or_mode_is_an_error(void **state)
{
	/* Somebody closed the mailbox to us: an error, told as such. */
	struct boxes *b = *state;
	static const char *const all[] = {"", "hana", "hana/tmp", "hana/new", "hana/cur"};
	static const struct {
		const char *closed;
		enum error error;
	} cases[] = {
		{"", ERROR_NONE},
		{"hana", ERROR_DENIED},
		{"hana/tmp", ERROR_DENIED},
		{"hana/new", ERROR_DENIED},
		{"hana/new/" NAME, ERROR_DENIED},
	};
	boxes_make(b, "hana");
	for (size_t i = 0; i < COUNT(cases); i++) {
		const bool repeat = i == 4;
		for (size_t j = 0; j < COUNT(all); j++)
			(void)!fchmodat(b->root, *all[j] ? all[j] : ".", 0777, 0);
		unlinkat(b->root, "hana/new/" NAME, 0);
		unlinkat(b->root, "hana/tmp/" NAME, 0);
		if (repeat)
			boxes_put(b, "hana/new/" NAME, "x");
		if (*cases[i].closed)
			assert_int_equal(fchmodat(b->root, cases[i].closed, 0, 0), 0);
		if (deliver_as_nobody(b, repeat) != cases[i].error)
			fail_msg("%s", cases[i].closed);
	}
}

static void name_lengths(void **state)
{
	/* 255 octets are a name, 256 are an error. */
	struct boxes *b = *state;
	struct maildir_file file;
	char name[257] = {0};
	memset(name, 'n', 255);
	assert_int_equal(deliver(&b->place, name, false, &file), ERROR_NONE);
	name[255] = 'n';
	assert_int_equal(deliver(&b->place, name, false, &file), ERROR_LIMIT);
	assert_int_equal(file.fd, -1);
}

static void long_paths_are_refused(void **state)
{
	/* A path past MAILDIR_PATH_MAX is an error, not a cut. */
	struct boxes *b = *state;
	struct maildir_file file;
	char after[MAILDIR_PATH_MAX + 2];
	memset(after, 'a', sizeof after);
	for (size_t i = 0; i < sizeof after; i += 100)
		after[i] = '/';
	after[sizeof after - 2] = '/';
	b->place.after = view_of(after, sizeof after - 1);
	assert_int_not_equal(deliver(&b->place, NAME, false, &file), ERROR_NONE);
	assert_false(boxes_has(b, "hana"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, boxes_open, boxes_close)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_as_documented),
		TEST(places_and_makes_directories),
		TEST(makes_deep_directories),
		TEST(repeats_without_a_second_copy),
		TEST(names_like_it_are_others),
		TEST(missing_directories_come_back),
		TEST(new_goes_away_meanwhile),
		TEST(abandons_without_a_trace),
		TEST(obstacles_are_errors),
		TEST(wrong_owner_or_mode_is_an_error),
		TEST(name_lengths),
		TEST(long_paths_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
