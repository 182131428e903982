/* store/maildir_list: which messages a mailbox has, in which order, under which unique-ids; and that
 * opening and removing never meet the wrong file. */
#include "maildir_suite.h"

#include <time.h>

#include "store/maildir_list.h"

#define OWN_TAIL "_0.mail.example.test,S=5"
#define OWN_A "1700000001.0123456789abcdef_00000000000000aa" OWN_TAIL
#define OWN_B "1700000001.0123456789abcdef_00000000000000ab" OWN_TAIL
#define UID_A "0123456789abcdef_00000000000000aa_0"
#define LONG70 "1700000009.M123456P12345V0000000000000801I0000000000000001_0.host12345"

static struct maildir_list read_list(const struct boxes *b)
{
	struct maildir_list list;
	assert_int_equal(
		maildir_list_read(&b->place, &maildir_list_limits_default, &list), ERROR_NONE);
	return list;
}

static const char *unique_of(const struct maildir_list *list, uint32_t i)
{
	static char text[8][256];
	static size_t next;
	char *to = text[next++ % 8];
	assert_true(view_to_text(maildir_list_unique_id(list, &list->rows[i]), to, sizeof text[0]));
	return to;
}

static bool is_hash(const char *text)
{
	return strlen(text) == 32 && strspn(text, "0123456789abcdef") == 32;
}

static bool has_name(const struct maildir_list *list, uint32_t i, const char *name)
{
	return view_equal(maildir_list_name(list, &list->rows[i]), view_text(name));
}

/* --- the list */

static void nothing_is_an_empty_mailbox(void **state)
{
	/* Who never got mail has a mailbox with no message. */
	struct boxes *b = *state;
	struct maildir_list list = read_list(b);
	assert_int_equal(list.count, 0);
	assert_true(list.device == 0);
	maildir_list_free(&list);
	mkdirat(b->root, "hana", 0770);
	list = read_list(b);
	assert_int_equal(list.count, 0);
	mkdirat(b->root, "hana/cur", 0770);
	boxes_put(b, "hana/cur/" OWN_A ":2,S", "12345");
	maildir_list_free(&list);
	list = read_list(b);
	assert_int_equal(list.count, 1);
	maildir_list_free(&list);
}

static void order_sizes_and_unique_ids(void **state)
{
	/* By time, then by name; sizes from S= without a look at the file; unique-ids as documented. */
	struct boxes *b = *state;
	boxes_make(b, "hana");
	boxes_put(b, "hana/new/" OWN_B, "12345");
	boxes_put(b, "hana/cur/" OWN_A ":2,FS", "12345");
	boxes_put(b, "hana/new/1700000000.M1P2.host,S=999999,W=7", "1");
	boxes_put(b, "hana/cur/1700000002.M1P2.host:2,", "123");
	boxes_put(b, "hana/new/1700000003.x,S=12x", "1234");
	boxes_put(b, "hana/new/.hidden", "x");
	boxes_put(b, "hana/tmp/1700000000.being.written", "x");
	mkdirat(b->root, "hana/new/1700000000.directory,S=3", 0770);
	assert_int_equal(symlinkat("../cur", b->root, "hana/new/1700000000.link,S=3"), 0);
	struct maildir_list list = read_list(b);
	static const struct {
		const char *name;
		const char *unique;
		uint64_t octets;
		bool is_new;
	} rows[] = {
		{"1700000000.M1P2.host,S=999999,W=7", "1700000000.M1P2.host,S=999999,W=7", 999999,
			true},
		{OWN_A ":2,FS", UID_A, 5, false},
		{OWN_B, "0123456789abcdef_00000000000000ab_0", 5, true},
		{"1700000002.M1P2.host:2,", "1700000002.M1P2.host", 3, false},
		{"1700000003.x,S=12x", "1700000003.x,S=12x", 4, true},
	};
	assert_int_equal(list.count, COUNT(rows));
	uint64_t octets = 0;
	for (uint32_t i = 0; i < COUNT(rows); i++) {
		assert_true(has_name(&list, i, rows[i].name));
		assert_string_equal(unique_of(&list, i), rows[i].unique);
		assert_true(list.rows[i].octets == rows[i].octets);
		assert_int_equal(
			list.rows[i].flags & MAILDIR_ROW_NEW, rows[i].is_new ? MAILDIR_ROW_NEW : 0);
		octets += list.rows[i].sent_octets;
	}
	assert_true(list.rows[0].sent_octets == 7 && octets == 24);
	assert_true(list.sent_octets == octets);
	maildir_list_free(&list);
}

static void sizes_as_sent(void **state)
{
	/* RFC 1939 §5: exact, also where another program wrote LF alone or no last line end; W= is believed,
	 * our own files are not read, a wrong S= is set right, who is not there any more keeps the guess. */
	struct boxes *b = *state;
	boxes_make(b, "hana");
	static const struct {
		const char *name;
		const char *text;
		uint64_t octets;
		uint64_t sent;
	} files[] = {
		{"1700000000.empty", "", 0, 0},
		{"1700000001.crlf", "a\r\n\r\nb\r\n", 8, 8},
		{"1700000002.lf,S=1", "a\n\nb\n", 5, 8},
		{"1700000003.open", "a\nb", 3, 6},
		{"1700000004.cr", "a\rb\r\n\r", 6, 7},
		{"1700000005.crs", "\r\r\n\n", 4, 5},
		{"1700000006.told,S=2,W=3", "a\n", 2, 3},
		{"1700000007.0123456789abcdef_00000000000000aa" OWN_TAIL, "a\nb\n", 5, 5},
		{"1700000008.gone,S=77", "a\n", 77, 77},
	};
	for (size_t i = 0; i < COUNT(files); i++) {
		char path[200];
		snprintf(path, sizeof path, "hana/%s/%s", i % 2 ? "new" : "cur", files[i].name);
		boxes_put(b, path, files[i].text);
	}
	struct maildir_list list = read_list(b);
	assert_int_equal(list.count, COUNT(files));
	unlinkat(b->root, "hana/cur/1700000008.gone,S=77", 0);
	uint32_t next = 0;
	assert_false(maildir_list_measure(&b->place, &list, &next));
	uint64_t all = 0;
	for (uint32_t i = 0; i < COUNT(files); i++) {
		assert_int_equal(list.rows[i].octets, files[i].octets);
		assert_int_equal(list.rows[i].sent_octets, files[i].sent);
		all += files[i].sent;
	}
	assert_true(list.sent_octets == all);
	maildir_list_free(&list);
}

static void measured_in_steps(void **state)
{
	/* One step is a number of files, or of octets; line ends are found across the pieces that are read. */
	struct boxes *b = *state;
	boxes_make(b, "hana");
	for (unsigned i = 0; i < MAILDIR_MEASURE_STEP_FILES + 1; i++) {
		char path[100];
		snprintf(path, sizeof path, "hana/new/17000000%02u.m", i);
		boxes_put(b, path, "x\n");
	}
	char *text = malloc(131073);
	memset(text, 'x', 131072);
	text[65534] = '\r'; /* a line end in two pieces, and one that begins a piece */
	text[65535] = '\n';
	text[65536] = '\n';
	text[131071] = '\r';
	text[131072] = 0;
	boxes_put(b, "hana/new/1800000000.large", text);
	free(text);
	struct maildir_list list = read_list(b);
	uint32_t next = 0;
	assert_true(maildir_list_measure(&b->place, &list, &next));
	assert_int_equal(next, MAILDIR_MEASURE_STEP_FILES);
	assert_int_equal(list.rows[next - 1].sent_octets, 3);
	assert_int_equal(list.rows[next].sent_octets, 2);
	assert_false(maildir_list_measure(&b->place, &list, &next));
	assert_int_equal(list.rows[next - 2].sent_octets, 3);
	assert_int_equal(list.rows[next - 1].sent_octets, 131072 + 2);
	maildir_list_free(&list);
}

static void unique_ids_of_other_programs(void **state)
{
	/* RFC 1939 §7: 1 to 70 octets of 0x21 to 0x7e; what is not so is hashed. */
	struct boxes *b = *state;
	assert_int_equal(strlen(LONG70), 70);
	static const struct {
		const char *base;
		bool hashed;
	} names[] = {
		{LONG70, false},
		{LONG70 "6", true},
		{"1700000010.with space", true},
		{"1700000010.\xe6\x97\xa5", true},
		{"1700000010.tab\t", true},
		{"1700000010.0123456789abcdef_00000000000000aa.host", false}, /* not ours */
		{"1700000010.0123456789ABCDEX_00000000000000aa_0.host", false},
		{"plain", false},
		{"~!#$", false},
	};
	for (size_t i = 0; i < COUNT(names); i++) {
		char path[600];
		boxes_clear(b->root, "hana");
		boxes_make(b, "hana");
		snprintf(path, sizeof path, "hana/cur/%s:2,S", names[i].base);
		boxes_put(b, path, "x");
		struct maildir_list list = read_list(b);
		assert_int_equal(list.count, 1);
		const char *unique = unique_of(&list, 0);
		if (names[i].hashed != is_hash(unique) ||
			(!names[i].hashed && strcmp(unique, names[i].base) != 0))
			fail_msg("%s: %s", names[i].base, unique);
		maildir_list_free(&list);
	}
}

static void unique_ids_stay(void **state)
{
	/* Flags, the move to cur/ and other messages change nothing: clients would fetch all anew. */
	struct boxes *b = *state;
	boxes_make(b, "hana");
	boxes_put(b, "hana/new/" LONG70 "too long", "x");
	struct maildir_list list = read_list(b);
	const char *before = unique_of(&list, 0);
	maildir_list_free(&list);
	boxes_put(b, "hana/new/1600000000.earlier", "x");
	renameat(b->root, "hana/new/" LONG70 "too long", b->root,
		"hana/cur/" LONG70 "too long:2,RS");
	list = read_list(b);
	assert_string_equal(unique_of(&list, 1), before);
	maildir_list_free(&list);
}

static void unique_ids_are_unique(void **state)
{
	/* Files that would share one get each their own, and keep it in the next session. */
	struct boxes *b = *state;
	boxes_make(b, "hana");
	boxes_put(b, "hana/cur/" OWN_A ":2,", "12345");
	boxes_put(b, "hana/cur/" OWN_A ":2,S", "12345");
	boxes_put(b, "hana/new/1700000005.0123456789abcdef_00000000000000aa_0.other", "123");
	boxes_put(b, "hana/new/" UID_A, "123");
	boxes_put(b, "hana/new/" OWN_B, "12345");
	const char *first[5];
	struct maildir_list list = read_list(b);
	assert_int_equal(list.count, 5);
	for (uint32_t i = 0; i < 5; i++) {
		first[i] = strdup(unique_of(&list, i));
		for (uint32_t j = 0; j < i; j++)
			assert_string_not_equal(first[i], first[j]);
	}
	maildir_list_free(&list);
	list = read_list(b);
	for (uint32_t i = 0; i < 5; i++) {
		assert_string_equal(unique_of(&list, i), first[i]);
		free((void *)first[i]);
	}
	maildir_list_free(&list);
}

static void a_file_seen_twice(void **state)
{
	/* Renamed while the directories are read, a file may show under both names: it is one message. */
	struct boxes *b = *state;
	boxes_make(b, "hana");
	boxes_put(b, "hana/new/" OWN_A, "12345");
	boxes_put(b, "hana/new/" OWN_B, "12345");
	assert_int_equal(
		linkat(b->root, "hana/new/" OWN_A, b->root, "hana/cur/" OWN_A ":2,S", 0), 0);
	struct maildir_list list = read_list(b);
	assert_int_equal(list.count, 2);
	assert_true(has_name(&list, 0, OWN_A ":2,S"));
	assert_string_equal(unique_of(&list, 0), UID_A);
	assert_true(list.sent_octets == 10);
	maildir_list_free(&list);
}

static void limits_are_errors(void **state)
{
	/* At the limit a list, past it an error and nothing kept: messages, octets of names. */
	struct boxes *b = *state;
	struct maildir_list list;
	struct maildir_list_limits limits = {.messages = 3, .name_octets = 1000};
	boxes_make(b, "hana");
	boxes_put(b, "hana/new/1700000001.a", "x");
	boxes_put(b, "hana/cur/1700000002.a", "x");
	boxes_put(b, "hana/new/1700000003.a", "x");
	assert_int_equal(maildir_list_read(&b->place, &limits, &list), ERROR_NONE);
	assert_int_equal(list.count, 3);
	maildir_list_free(&list);
	limits.messages = 2;
	assert_int_equal(maildir_list_read(&b->place, &limits, &list), ERROR_LIMIT);
	assert_null(list.rows);
	limits = (struct maildir_list_limits){.messages = 3, .name_octets = 36};
	assert_int_equal(maildir_list_read(&b->place, &limits, &list), ERROR_NONE);
	maildir_list_free(&list);
	limits.name_octets = 35;
	assert_int_equal(maildir_list_read(&b->place, &limits, &list), ERROR_LIMIT);
	assert_int_equal(list.count, 0);
}

static void nothing_outside_the_mailbox(void **state)
{
	/* Links and odd names lead nowhere: an error, never another's mail. */
	struct boxes *b = *state;
	struct maildir_list list;
	boxes_make(b, "taro");
	boxes_put(b, "taro/new/" OWN_A, "12345");
	assert_int_equal(symlinkat("taro", b->root, "hana"), 0);
	static const char *const names[] = {"hana", "", "..", ".", "taro/.", "x/../taro", ".x"};
	for (size_t i = 0; i < COUNT(names); i++) {
		b->place.mailbox = view_text(names[i]);
		if (maildir_list_read(&b->place, &maildir_list_limits_default, &list) == ERROR_NONE)
			fail_msg("%s", names[i]);
	}
	b->place.mailbox = VIEW("kai");
	boxes_make(b, "kai");
	assert_int_equal(unlinkat(b->root, "kai/new", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("../taro/new", b->root, "kai/new"), 0);
	assert_int_not_equal(
		maildir_list_read(&b->place, &maildir_list_limits_default, &list), ERROR_NONE);
	b->place.mailbox = VIEW("taro");
	b->place.after = VIEW("/../taro/");
	assert_int_not_equal(
		maildir_list_read(&b->place, &maildir_list_limits_default, &list), ERROR_NONE);
	b->place.after = VIEW("/.//");
	list = read_list(b);
	assert_int_equal(list.count, 1);
	maildir_list_free(&list);
}

static void many_messages_quickly(void **state)
{
	/* 100,000 messages are listed quickly, in less than 200 octets each. */
	struct boxes *b = *state;
	const uint32_t count = 100000;
	struct timespec before, after;
	boxes_make(b, "hana");
	const int fd = openat(b->root, "hana/new", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (uint32_t i = 0; i < count; i++) {
		char name[256];
		snprintf(name, sizeof name, "17%08u.0123456789abcdef_%016x_0.mail.example.test,S=5",
			i * 7919 % count / 10, i);
		close(openat(fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0660));
	}
	close(fd);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	struct maildir_list list = read_list(b);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	assert_int_equal(list.count, count);
	assert_true(maildir_list_memory(&list) < (size_t)count * 200);
	for (uint32_t i = 1; i < count; i++)
		assert_true(list.rows[i - 1].arrival_s <= list.rows[i].arrival_s);
	const double seconds = (double)(after.tv_sec - before.tv_sec) +
			       (double)(after.tv_nsec - before.tv_nsec) / 1e9;
	/* a tenth of a second in a release build; sanitizers cost several times as much */
	if (seconds > 4)
		fail_msg("%f s", seconds);
	maildir_list_free(&list);
}

/* --- opening */

static void check_open(const struct boxes *b, struct maildir_list *list, uint32_t i,
	enum error expected, const char *octets)
{
	int fd;
	char found[64] = {0};
	assert_int_equal(maildir_list_open(&b->place, list, &list->rows[i], &fd), expected);
	assert_true((fd >= 0) == (expected == ERROR_NONE));
	if (fd < 0)
		return;
	assert_int_equal(read(fd, found, sizeof found - 1), strlen(octets));
	assert_string_equal(found, octets);
	close(fd);
}

static void opens_what_moved(void **state)
{
	/* Other programs move and flag messages at any time; who is gone is gone. */
	struct boxes *b = *state;
	boxes_make(b, "hana");
	boxes_put(b, "hana/new/" OWN_A, "first");
	boxes_put(b, "hana/new/" OWN_B, "other");
	struct maildir_list list = read_list(b);
	check_open(b, &list, 0, ERROR_NONE, "first");
	renameat(b->root, "hana/new/" OWN_A, b->root, "hana/cur/" OWN_A ":2,");
	check_open(b, &list, 0, ERROR_NONE, "first");
	assert_true(has_name(&list, 0, OWN_A ":2,"));
	renameat(b->root, "hana/cur/" OWN_A ":2,", b->root, "hana/cur/" OWN_A ":2,RS");
	check_open(b, &list, 0, ERROR_NONE, "first");
	renameat(b->root, "hana/cur/" OWN_A ":2,RS", b->root, "hana/new/" OWN_A);
	check_open(b, &list, 0, ERROR_NONE, "first");
	assert_string_equal(unique_of(&list, 0), UID_A);
	unlinkat(b->root, "hana/new/" OWN_A, 0);
	check_open(b, &list, 0, ERROR_MISSING, NULL);
	assert_true(list.rows[0].flags & MAILDIR_ROW_GONE);
	check_open(b, &list, 1, ERROR_NONE, "other");
	maildir_list_free(&list);
}

static void never_a_wrong_message(void **state)
{
	/* Another file of the same base name is not it; neither is a link, nor one of another size. */
	struct boxes *b = *state;
	boxes_make(b, "hana");
	boxes_put(b, "hana/new/1700000001.m", "first");
	struct maildir_list list = read_list(b);
	renameat(b->root, "hana/new/1700000001.m", b->root, "kept");
	boxes_put(b, "hana/cur/1700000001.m:2,S", "WRONG");
	check_open(b, &list, 0, ERROR_MISSING, NULL);
	assert_int_equal(symlinkat("../../kept", b->root, "hana/new/1700000001.m"), 0);
	check_open(b, &list, 0, ERROR_IO, NULL);
	unlinkat(b->root, "hana/new/1700000001.m", 0);
	renameat(b->root, "kept", b->root, "hana/new/1700000001.m");
	check_open(b, &list, 0, ERROR_NONE, "first");
	boxes_put(b, "hana/new/1700000001.m", "grown!");
	check_open(b, &list, 0, ERROR_CORRUPT, NULL);
	assert_true(list.rows[0].octets == 6);
	check_open(b, &list, 0, ERROR_NONE, "grown!");
	maildir_list_free(&list);
}

/* --- removing */

static struct maildir_removal remove_marked(
	const struct boxes *b, struct maildir_list *list, uint32_t steps)
{
	struct maildir_removal r = {0};
	while (r.next < list->count)
		maildir_list_remove(&b->place, list, steps, &r);
	return r;
}

static void removes_just_those(void **state)
{
	/* Marked ones go, wherever they are by now; the others stay. Gone before counts as removed. */
	struct boxes *b = *state;
	for (uint32_t steps = 1; steps < 8; steps++) {
		boxes_make(b, "hana");
		for (int i = 0; i < 6; i++) {
			char path[64];
			snprintf(path, sizeof path, "hana/new/170000000%d.m", i);
			boxes_put(b, path, "x");
		}
		struct maildir_list list = read_list(b);
		for (uint32_t i = 0; i < 4; i++)
			list.rows[i].flags |= MAILDIR_ROW_REMOVE;
		renameat(b->root, "hana/new/1700000000.m", b->root, "hana/cur/1700000000.m:2,S");
		renameat(b->root, "hana/new/1700000004.m", b->root, "hana/cur/1700000004.m:2,S");
		unlinkat(b->root, "hana/new/1700000001.m", 0);
		boxes_put(b, "hana/cur/1700000001.m:2,T", "another file");
		const struct maildir_removal r = remove_marked(b, &list, steps);
		assert_int_equal(r.removed, 4);
		assert_int_equal(r.failed, 0);
		assert_int_equal(boxes_count(b, "hana/new"), 1);
		assert_true(boxes_has(b, "hana/new/1700000005.m"));
		assert_true(boxes_has(b, "hana/cur/1700000004.m:2,S"));
		assert_true(boxes_has(b, "hana/cur/1700000001.m:2,T"));
		assert_int_equal(boxes_count(b, "hana/cur"), 2);
		assert_int_equal(maildir_list_sync(&b->place), ERROR_NONE);
		maildir_list_free(&list);
		boxes_clear(b->root, "hana");
	}
}

static void failures_are_counted(void **state)
{
	/* What cannot be removed is said to be there still. */
	struct boxes *b = *state;
	boxes_make(b, "hana");
	boxes_put(b, "hana/new/1700000001.m", "x");
	boxes_put(b, "hana/new/1700000002.m", "x");
	struct maildir_list list = read_list(b);
	list.rows[0].flags |= MAILDIR_ROW_REMOVE;
	list.rows[1].flags |= MAILDIR_ROW_REMOVE;
	renameat(b->root, "hana/new", b->root, "hana/elsewhere");
	boxes_put(b, "hana/new", "no directory");
	const struct maildir_removal r = remove_marked(b, &list, 10);
	assert_int_equal(r.removed, 0);
	assert_int_equal(r.failed, 2);
	assert_int_not_equal(r.error, ERROR_NONE);
	maildir_list_free(&list);
	unlinkat(b->root, "hana/new", 0);
	renameat(b->root, "hana/elsewhere", b->root, "hana/new");
}

static void another_file_under_the_name(void **state)
{
	/* What stands under a listed name now and was not listed is neither sent nor removed. */
	struct boxes *b = *state;
	boxes_make(b, "hana");
	boxes_put(b, "hana/new/1700000001.m", "xxxx");
	boxes_put(b, "hana/new/1700000002.m", "yyyy");
	struct maildir_list list = read_list(b);
	for (size_t i = 0; i < 2; i++) {
		const char *const name = i ? "hana/new/1700000002.m" : "hana/new/1700000001.m";
		boxes_put(b, "hana/other", "zzzz"); /* beside it: the inode is not used again */
		renameat(b->root, "hana/other", b->root, name);
	}
	check_open(b, &list, 0, ERROR_MISSING, NULL);
	list.rows[1].flags |= MAILDIR_ROW_REMOVE;
	const struct maildir_removal r = remove_marked(b, &list, 10);
	assert_int_equal(r.removed, 1);
	assert_int_equal(r.failed, 0);
	assert_true(boxes_has(b, "hana/new/1700000002.m"));
	maildir_list_free(&list);
}

static void written_anew_under_its_own_name(void **state)
{
	/* Under a name of our own as under any: another file is neither sent nor removed in the place of
	 * what was listed, wherever it is; the next list has it under the same unique-id. */
	struct boxes *b = *state;
	boxes_make(b, "hana");
	boxes_put(b, "hana/new/" OWN_A, "x");
	struct maildir_list list = read_list(b);
	char octets[64] = {0};
	memset(octets, 'y', (size_t)list.rows[0].octets);
	/* both while the first is there: else the third might get its inode */
	boxes_put(b, "hana/other", octets);
	boxes_put(b, "hana/third", octets);
	renameat(b->root, "hana/other", b->root, "hana/new/" OWN_A);
	check_open(b, &list, 0, ERROR_MISSING, NULL);
	unlinkat(b->root, "hana/new/" OWN_A, 0);
	renameat(b->root, "hana/third", b->root, "hana/cur/" OWN_A ":2,S");
	check_open(b, &list, 0, ERROR_MISSING, NULL);
	list.rows[0].flags |= MAILDIR_ROW_REMOVE;
	assert_int_equal(remove_marked(b, &list, 10).removed, 1);
	assert_int_equal(boxes_count(b, "hana/new") + boxes_count(b, "hana/cur"), 1);
	struct maildir_list again = read_list(b);
	assert_int_equal(again.count, 1);
	assert_true(view_equal(maildir_list_unique_id(&again, &again.rows[0]),
		maildir_list_unique_id(&list, &list.rows[0])));
	maildir_list_free(&again);
	maildir_list_free(&list);
}

static void names_without_a_base(void **state)
{
	/* Files whose names begin with the flags: each has a unique-id all the same (fuzz_maildir_names). */
	struct boxes *b = *state;
	boxes_make(b, "hana");
	boxes_put(b, "hana/new/:", "x");
	boxes_put(b, "hana/cur/:2,S", "y");
	struct maildir_list list = read_list(b);
	assert_int_equal(list.count, 2);
	const struct view one = maildir_list_unique_id(&list, &list.rows[0]);
	const struct view two = maildir_list_unique_id(&list, &list.rows[1]);
	assert_true(one.length > 0 && two.length > 0 && !view_equal(one, two));
	maildir_list_free(&list);
}

static void a_removed_mailbox(void **state)
{
	/* The whole mailbox goes away under a session: all are gone, nothing is wrong. */
	struct boxes *b = *state;
	boxes_make(b, "hana");
	boxes_put(b, "hana/new/1700000001.m", "x");
	struct maildir_list list = read_list(b);
	boxes_clear(b->root, "hana");
	unlinkat(b->root, "hana", AT_REMOVEDIR);
	check_open(b, &list, 0, ERROR_MISSING, NULL);
	list.rows[0].flags |= MAILDIR_ROW_REMOVE;
	const struct maildir_removal r = remove_marked(b, &list, 10);
	assert_int_equal(r.removed, 1);
	assert_int_equal(maildir_list_sync(&b->place), ERROR_NONE);
	maildir_list_free(&list);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, boxes_open, boxes_close)
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_an_empty_mailbox),
		TEST(order_sizes_and_unique_ids),
		TEST(sizes_as_sent),
		TEST(measured_in_steps),
		TEST(unique_ids_of_other_programs),
		TEST(unique_ids_stay),
		TEST(unique_ids_are_unique),
		TEST(a_file_seen_twice),
		TEST(limits_are_errors),
		TEST(nothing_outside_the_mailbox),
		TEST(many_messages_quickly),
		TEST(opens_what_moved),
		TEST(never_a_wrong_message),
		TEST(removes_just_those),
		TEST(failures_are_counted),
		TEST(another_file_under_the_name),
		TEST(written_anew_under_its_own_name),
		TEST(names_without_a_base),
		TEST(a_removed_mailbox),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
