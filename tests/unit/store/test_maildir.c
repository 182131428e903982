/* store/maildir (N-29): a mail is placed once, whole, whatever was there before (DESIGN §5). */
#include "maildir_suite.h"

#include <errno.h>

#define NAME "1893456000.0123456789abcdef_00000000000000ab_0.mail.example.test,S=11"
#define MAIL "hello world"

static const struct view parts[] = {VIEW("hello "), VIEW("world")};

static enum error deliver(const struct maildir_place *place, const char *name, unsigned how,
	struct maildir_file *file)
{
	enum error error = maildir_begin(place, view_text(name), how, file);
	if (!error)
		error = maildir_write(file, parts, 1);
	if (!error)
		error = maildir_write(file, parts + 1, 1);
	if (!error)
		error = maildir_finish(file);
	else
		maildir_abandon(file);
	maildir_close(file);
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
	assert_int_equal(deliver(&b->place, NAME, 0, &file), ERROR_NONE);
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
	assert_int_equal(deliver(&b->place, NAME, 0, &file), ERROR_NONE);
	assert_true(boxes_holds(b, "hana/a/Maildir/new/" NAME, MAIL));
}

static void what_was_killed_is_tidied_away(void **state)
{
	/* Ours and of this spool, in tmp/ only; the rest of tmp/ may be of a delivery by another program. */
	struct boxes *b = *state;
	static const char *const goes[] = {
		NAME, "1893455999.0123456789abcdef_00000000000000ac_12.a,S=9"};
	static const char *const stays[] = {"1893456000.0123456789abcdee_00000000000000ab_0.a,S=11",
		"1893456000.M20046P2137.mail", "0123456789abcdef_1"};
	const uint64_t birth = 0x0123456789abcdef;
	maildir_tidy(&b->place, birth); /* no mailbox, nothing to be done */
	boxes_make(b, "hana");
	for (size_t i = 0; i < COUNT(goes); i++) {
		char path[128];
		snprintf(path, sizeof path, "hana/tmp/%s", goes[i]);
		boxes_put(b, path, "hel");
		snprintf(path, sizeof path, "hana/new/%s", goes[i]);
		boxes_put(b, path, MAIL);
	}
	for (size_t i = 0; i < COUNT(stays); i++) {
		char path[128];
		snprintf(path, sizeof path, "hana/tmp/%s", stays[i]);
		boxes_put(b, path, "hel");
	}
	maildir_tidy(&b->place, birth);
	assert_int_equal(boxes_count(b, "hana/tmp"), COUNT(stays));
	assert_int_equal(boxes_count(b, "hana/new"), COUNT(goes));
	for (size_t i = 0; i < COUNT(stays); i++) {
		char path[128];
		snprintf(path, sizeof path, "hana/tmp/%s", stays[i]);
		assert_true(boxes_has(b, path));
	}
}

static const struct {
	const char *what;
	unsigned how;
	const char *path; /* null: nothing there */
	const char *octets;
	const char *found; /* where it is to be afterwards; null: nowhere */
	bool stays; /* the very file */
	bool mended;
} repeats[] = {
#define LOOK MAILDIR_LOOK
#define REWRITE (MAILDIR_LOOK | MAILDIR_REWRITE)
#define TRUST (MAILDIR_LOOK | MAILDIR_REWRITE | MAILDIR_TRUST)
	{"lost: the rename was not synced", LOOK, NULL, "", "hana/new/" NAME, false, false},
	{"only in tmp/", LOOK, "hana/tmp/" NAME, "hel", "hana/new/" NAME, false, false},
	{"whole in new/", LOOK, "hana/new/" NAME, MAIL, "hana/new/" NAME, true, false},
	{"truncated in new/", LOOK, "hana/new/" NAME, "hello", "hana/new/" NAME, false, true},
	{"cut where parts meet", LOOK, "hana/new/" NAME, "hello ", "hana/new/" NAME, false, true},
	{"no octet in new/", LOOK, "hana/new/" NAME, "", "hana/new/" NAME, false, true},
	{"too long in new/", LOOK, "hana/new/" NAME, MAIL "!", "hana/new/" NAME, false, true},
	{"others in new/", LOOK, "hana/new/" NAME, "hello World", "hana/new/" NAME, false, true},
	{"whole in cur/", LOOK, "hana/cur/" NAME, MAIL, "hana/cur/" NAME, true, false},
	{"read: whole", LOOK, "hana/cur/" NAME ":2,S", MAIL, "hana/cur/" NAME ":2,S", true, false},
	{"read: none", LOOK, "hana/cur/" NAME ":2,RS", "", "hana/cur/" NAME ":2,RS", false, true},
	{"zeros", LOOK, "hana/cur/" NAME ":2,", "...........", "hana/cur/" NAME ":2,", false, true},
	{"not believed", REWRITE, "hana/new/" NAME, MAIL, "hana/new/" NAME, true, false},
	{"not believed", REWRITE, "hana/cur/" NAME ":2,", "", "hana/cur/" NAME ":2,", false, true},
	{"not believed, lost", REWRITE, NULL, "", "hana/new/" NAME, false, false},
	{"placed", TRUST, "hana/cur/" NAME ":2,S", MAIL, "hana/cur/" NAME ":2,S", true, false},
	{"placed, and moved away", TRUST, NULL, "", NULL, false, false},
	{"the same, half written anew", TRUST, "hana/tmp/" NAME, "hel", NULL, false, false},
};

static uint64_t inode_of(const struct boxes *b, const char *path)
{
	struct stat facts;
	return path && fstatat(b->root, path, &facts, 0) == 0 ? facts.st_ino : 0;
}

static void repeats_without_a_second_copy(void **state)
{
	/* What was placed before is found, compared, and exchanged for a whole one; its flags stay. */
	struct boxes *b = *state;
	for (size_t i = 0; i < COUNT(repeats); i++) {
		struct maildir_file file;
		boxes_clear(b->root, "hana");
		boxes_make(b, "hana");
		if (repeats[i].path)
			boxes_put(b, repeats[i].path, repeats[i].octets);
		const uint64_t inode = inode_of(b, repeats[i].path);
		assert_int_equal(deliver(&b->place, NAME, repeats[i].how, &file), ERROR_NONE);
		const bool there = repeats[i].found && boxes_holds(b, repeats[i].found, MAIL);
		const bool same = inode && inode_of(b, repeats[i].found) == inode;
		if (there != (repeats[i].found != NULL) || same != repeats[i].stays ||
			file.mended != repeats[i].mended || !file.looked)
			fail_msg("%s", repeats[i].what);
		assert_int_equal(
			boxes_count(b, "hana/new") + boxes_count(b, "hana/cur"), there ? 1 : 0);
		assert_int_equal(boxes_count(b, "hana/tmp"), 0);
	}
}

static void mends_behind_the_scenes(void **state)
{
	/* A reader who has the torn file open never sees it change: it is exchanged, not written to. */
	struct boxes *b = *state;
	struct maildir_file file;
	char seen[32];
	boxes_make(b, "hana");
	boxes_put(b, "hana/cur/" NAME ":2,S", "hello");
	const int fd = openat(b->root, "hana/cur/" NAME ":2,S", O_RDONLY | O_CLOEXEC);
	assert_int_equal(maildir_begin(&b->place, VIEW(NAME), MAILDIR_LOOK, &file), ERROR_NONE);
	assert_int_equal(maildir_write(&file, parts, 2), ERROR_NONE);
	assert_true(boxes_holds(b, "hana/cur/" NAME ":2,S", "hello"));
	assert_int_equal(maildir_finish(&file), ERROR_NONE);
	maildir_close(&file);
	assert_int_equal(pread(fd, seen, sizeof seen, 0), 5);
	close(fd);
	assert_true(boxes_holds(b, "hana/cur/" NAME ":2,S", MAIL));
}

static void reader_renames_meanwhile(void **state)
{
	/* Its reader gives the file other flags before the exchange: these stay, and no second copy comes. */
	struct boxes *b = *state;
	struct maildir_file file;
	boxes_make(b, "hana");
	boxes_put(b, "hana/new/" NAME, "hello");
	assert_int_equal(maildir_begin(&b->place, VIEW(NAME), MAILDIR_LOOK, &file), ERROR_NONE);
	assert_int_equal(maildir_write(&file, parts, 2), ERROR_NONE);
	assert_int_equal(renameat(b->root, "hana/new/" NAME, b->root, "hana/cur/" NAME ":2,FS"), 0);
	assert_int_equal(maildir_finish(&file), ERROR_NONE);
	maildir_close(&file);
	assert_true(boxes_holds(b, "hana/cur/" NAME ":2,FS", MAIL));
	assert_int_equal(boxes_count(b, "hana/new") + boxes_count(b, "hana/tmp"), 0);
}

static void reader_removes_meanwhile(void **state)
{
	/* What was placed and is taken away while it is written again does not come back. */
	struct boxes *b = *state;
	struct maildir_file file;
	boxes_make(b, "hana");
	boxes_put(b, "hana/new/" NAME, MAIL);
	assert_int_equal(maildir_begin(&b->place, VIEW(NAME), TRUST, &file), ERROR_NONE);
	assert_int_equal(maildir_write(&file, parts, 2), ERROR_NONE);
	assert_int_equal(unlinkat(b->root, "hana/new/" NAME, 0), 0);
	assert_int_equal(maildir_finish(&file), ERROR_NONE);
	maildir_close(&file);
	assert_int_equal(boxes_count(b, "hana/new") + boxes_count(b, "hana/tmp"), 0);
}

static ssize_t full_disk(
	struct mail_disk *disk, int fd, const struct view *v, size_t n, uint64_t at)
{
	(void)disk, (void)fd, (void)v, (void)n, (void)at;
	errno = ENOSPC;
	return -1;
}

static ssize_t writes_seen;

static ssize_t count_writes(
	struct mail_disk *disk, int fd, const struct view *v, size_t n, uint64_t at)
{
	const ssize_t done = mail_disk_posix()->write(disk, fd, v, n, at);
	writes_seen += done > 0 ? done : 0;
	return done;
}

/* A whole file that its reader has flagged, on `disk`: its inode. */
static uint64_t put_read(struct boxes *b, struct mail_disk *disk)
{
	b->place.disk = disk;
	boxes_make(b, "hana");
	boxes_put(b, "hana/cur/" NAME ":2,S", MAIL);
	return inode_of(b, "hana/cur/" NAME ":2,S");
}

static void not_believed_is_written_in_place(void **state)
{
	/* Where a sync may have failed every octet is given to the disk again, and who reads sees nothing of it. */
	struct boxes *b = *state;
	struct maildir_file file;
	struct mail_disk counted = *mail_disk_posix();
	counted.write = count_writes;
	const uint64_t inode = put_read(b, &counted);
	writes_seen = 0;
	assert_int_equal(deliver(&b->place, NAME, MAILDIR_LOOK, &file), ERROR_NONE);
	assert_int_equal(writes_seen, 0);
	assert_int_equal(deliver(&b->place, NAME, REWRITE, &file), ERROR_NONE);
	assert_int_equal(writes_seen, strlen(MAIL));
	assert_true(inode_of(b, "hana/cur/" NAME ":2,S") == inode);
	assert_true(boxes_holds(b, "hana/cur/" NAME ":2,S", MAIL));
}

static int only_to_read(struct mail_disk *disk, int at, const char *name, int flags, unsigned mode)
{
	if ((flags & O_ACCMODE) == O_RDWR) {
		errno = EACCES;
		return -1;
	}
	return mail_disk_posix()->open(disk, at, name, flags, mode);
}

static void not_believed_and_not_ours_to_write(void **state)
{
	/* Its reader has taken our right to write to it: it is exchanged. */
	struct boxes *b = *state;
	struct maildir_file file;
	struct mail_disk strict = *mail_disk_posix();
	strict.open = only_to_read;
	const uint64_t inode = put_read(b, &strict);
	assert_int_equal(deliver(&b->place, NAME, REWRITE, &file), ERROR_NONE);
	assert_true(inode_of(b, "hana/cur/" NAME ":2,S") != inode);
	assert_true(boxes_holds(b, "hana/cur/" NAME ":2,S", MAIL));
	assert_int_equal(boxes_count(b, "hana/tmp"), 0);
}

static int root_asked;

static int root_elsewhere(
	struct mail_disk *disk, int at, const char *name, struct mail_disk_facts *facts)
{
	const int result = mail_disk_posix()->facts(disk, at, name, facts);
	facts->device += at == root_asked;
	return result;
}

static void placed_on_another_file_system(void **state)
{
	/* It may have been mounted anew, which nobody has noticed: what is away is lost, not moved. */
	struct boxes *b = *state;
	struct maildir_file file;
	struct mail_disk apart = *mail_disk_posix();
	apart.facts = root_elsewhere;
	root_asked = b->place.root;
	b->place.disk = &apart;
	boxes_make(b, "hana");
	assert_int_equal(deliver(&b->place, NAME, TRUST, &file), ERROR_NONE);
	assert_true(boxes_holds(b, "hana/new/" NAME, MAIL));
}

static void torn_and_no_room(void **state)
{
	/* A torn file that cannot be mended is no mail: it goes, so that the mailbox can be read. */
	struct boxes *b = *state;
	struct maildir_file file;
	struct mail_disk full = *mail_disk_posix();
	full.write = full_disk;
	b->place.disk = &full;
	boxes_make(b, "hana");
	boxes_put(b, "hana/cur/" NAME ":2,S", "hello wo");
	assert_int_equal(deliver(&b->place, NAME, MAILDIR_LOOK, &file), ERROR_SPACE);
	assert_true(file.looked);
	assert_int_equal(boxes_count(b, "hana/cur") + boxes_count(b, "hana/tmp"), 0);
	/* but what is only not believed stays */
	boxes_put(b, "hana/cur/" NAME ":2,S", MAIL);
	assert_int_equal(deliver(&b->place, NAME, REWRITE, &file), ERROR_SPACE);
	assert_true(file.looked);
	assert_true(boxes_holds(b, "hana/cur/" NAME ":2,S", MAIL));
}

static int cannot_exchange(struct mail_disk *disk, int a, const char *from, int c, const char *to)
{
	(void)disk, (void)a, (void)from, (void)c, (void)to;
	errno = EINVAL;
	return -1;
}

static void without_exchange(void **state)
{
	/* A file system without RENAME_EXCHANGE: renamed over what was found. */
	struct boxes *b = *state;
	struct maildir_file file;
	struct mail_disk old = *mail_disk_posix();
	old.exchange = cannot_exchange;
	b->place.disk = &old;
	boxes_make(b, "hana");
	boxes_put(b, "hana/cur/" NAME ":2,S", "hello wo");
	assert_int_equal(deliver(&b->place, NAME, MAILDIR_LOOK, &file), ERROR_NONE);
	assert_true(boxes_holds(b, "hana/cur/" NAME ":2,S", MAIL));
	assert_int_equal(boxes_count(b, "hana/tmp"), 0);
}

static void watches_before_it_writes(void **state)
{
	/* Who syncs gets a descriptor that was open before the first directory was made, or its own. */
	struct boxes *b = *state;
	struct maildir_file file;
	struct stat facts;
	b->place.after = VIEW("/Maildir/");
	assert_int_equal(mkdirat(b->root, "hana", 0770), 0);
	assert_int_equal(maildir_begin(&b->place, VIEW(NAME), 0, &file), ERROR_NONE);
	assert_true(file.watch >= 0);
	assert_int_equal(fstat(file.watch, &facts), 0);
	assert_true(facts.st_ino == inode_of(b, "hana"));
	maildir_abandon(&file);
	assert_int_equal(maildir_begin(&b->place, VIEW(NAME), 0, &file), ERROR_NONE);
	assert_int_equal(maildir_finish(&file), ERROR_NONE);
	const int watch = maildir_take_watch(&file);
	assert_int_equal(fstat(watch, &facts), 0);
	assert_true(facts.st_ino == inode_of(b, "hana/Maildir"));
	assert_true(file.device == facts.st_dev);
	close(watch);
	maildir_close(&file);
}

static void strange_names_are_refused(void **state)
{
	/* What spool says is input: a mailbox is one name, never a path out. */
	struct boxes *b = *state;
	struct maildir_file file;
	static const struct view names[] = {
		VIEW(""), VIEW("."), VIEW(".."), VIEW("../hana"), VIEW("hana/cur"), VIEW("ha\0na")};
	for (size_t i = 0; i < COUNT(names); i++) {
		b->place.mailbox = names[i];
		assert_int_equal(deliver(&b->place, NAME, 0, &file), ERROR_DENIED);
	}
	b->place.mailbox = VIEW("hana");
	b->place.after = VIEW("/../other/");
	assert_int_equal(deliver(&b->place, NAME, 0, &file), ERROR_DENIED);
}

static void names_like_it_are_others(void **state)
{
	/* A longer name with the same beginning is another mail. */
	struct boxes *b = *state;
	struct maildir_file file;
	boxes_make(b, "hana");
	boxes_put(b, "hana/cur/" NAME "1:2,S", "other");
	assert_int_equal(deliver(&b->place, NAME, MAILDIR_LOOK, &file), ERROR_NONE);
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
		assert_int_equal(deliver(&b->place, NAME, MAILDIR_LOOK, &file), ERROR_NONE);
		assert_true(boxes_holds(b, "hana/new/" NAME, MAIL));
	}
}

static void new_goes_away_meanwhile(void **state)
{
	/* new/ was there at the beginning and is not at the end. */
	struct boxes *b = *state;
	struct maildir_file file;
	boxes_make(b, "hana");
	assert_int_equal(maildir_begin(&b->place, VIEW(NAME), 0, &file), ERROR_NONE);
	assert_int_equal(maildir_write(&file, parts, 2), ERROR_NONE);
	assert_int_equal(unlinkat(b->root, "hana/new", AT_REMOVEDIR), 0);
	assert_int_equal(maildir_finish(&file), ERROR_NONE);
	maildir_close(&file);
	assert_true(boxes_holds(b, "hana/new/" NAME, MAIL));
}

static void abandons_without_a_trace(void **state)
{
	/* What was begun and given up is gone; what was found stays. */
	struct boxes *b = *state;
	struct maildir_file file;
	boxes_make(b, "hana");
	assert_int_equal(maildir_begin(&b->place, VIEW(NAME), 0, &file), ERROR_NONE);
	assert_true(boxes_has(b, "hana/tmp/" NAME));
	maildir_abandon(&file);
	assert_int_equal(file.fd, -1);
	assert_int_equal(boxes_count(b, "hana/tmp"), 0);
	boxes_put(b, "hana/new/" NAME, MAIL);
	assert_int_equal(maildir_begin(&b->place, VIEW(NAME), MAILDIR_LOOK, &file), ERROR_NONE);
	maildir_abandon(&file);
	assert_true(boxes_holds(b, "hana/new/" NAME, MAIL));
}

static void obstacles_are_errors(void **state)
{
	/* A file or a link where a directory or the mail should be: nothing is written there. */
	struct boxes *b = *state;
	struct maildir_file file;
	boxes_put(b, "hana", "a file");
	assert_int_not_equal(deliver(&b->place, NAME, 0, &file), ERROR_NONE);
	assert_int_equal(file.fd, -1);
	unlinkat(b->root, "hana", 0);
	boxes_make(b, "hana");
	boxes_put(b, "elsewhere", "precious");
	assert_int_equal(symlinkat("../../elsewhere", b->root, "hana/tmp/" NAME), 0);
	assert_int_equal(deliver(&b->place, NAME, 0, &file), ERROR_NONE);
	assert_true(boxes_holds(b, "hana/new/" NAME, MAIL));
	unlinkat(b->root, "hana/new/" NAME, 0);
	assert_int_equal(symlinkat("../../elsewhere", b->root, "hana/new/" NAME), 0);
	assert_int_not_equal(deliver(&b->place, NAME, MAILDIR_LOOK, &file), ERROR_NONE);
	assert_true(boxes_holds(b, "elsewhere", "precious"));
}

/* In a child without root: permissions do not count for root. */
static enum error deliver_as_nobody(const struct boxes *b, unsigned how)
{
	int answer[2];
	assert_int_equal(pipe(answer), 0);
	const pid_t pid = fork();
	if (pid == 0) {
		struct maildir_file file;
		char error = 99;
		if (geteuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0))
			error = (char)deliver(&b->place, NAME, how, &file);
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
		if (deliver_as_nobody(b, repeat ? MAILDIR_LOOK : 0) != cases[i].error)
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
	assert_int_equal(deliver(&b->place, name, 0, &file), ERROR_NONE);
	name[255] = 'n';
	assert_int_equal(deliver(&b->place, name, 0, &file), ERROR_LIMIT);
	assert_int_equal(file.fd, -1);
}

static void long_parts_are_refused(void **state)
{
	/* A part of the path past 255 octets is an error, not a cut. */
	struct boxes *b = *state;
	struct maildir_file file;
	char after[258];
	memset(after, 'a', sizeof after);
	after[0] = after[257] = '/';
	b->place.after = view_of(after, sizeof after);
	assert_int_equal(deliver(&b->place, NAME, 0, &file), ERROR_LIMIT);
	after[256] = '/';
	b->place.after = view_of(after, 257);
	assert_int_equal(deliver(&b->place, NAME, 0, &file), ERROR_NONE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, boxes_open, boxes_close)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_as_documented),
		TEST(places_and_makes_directories),
		TEST(makes_deep_directories),
		TEST(what_was_killed_is_tidied_away),
		TEST(repeats_without_a_second_copy),
		TEST(mends_behind_the_scenes),
		TEST(reader_renames_meanwhile),
		TEST(reader_removes_meanwhile),
		TEST(not_believed_is_written_in_place),
		TEST(not_believed_and_not_ours_to_write),
		TEST(placed_on_another_file_system),
		TEST(torn_and_no_room),
		TEST(without_exchange),
		TEST(watches_before_it_writes),
		TEST(strange_names_are_refused),
		TEST(names_like_it_are_others),
		TEST(missing_directories_come_back),
		TEST(new_goes_away_meanwhile),
		TEST(abandons_without_a_trace),
		TEST(obstacles_are_errors),
		TEST(wrong_owner_or_mode_is_an_error),
		TEST(name_lengths),
		TEST(long_parts_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
