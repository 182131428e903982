#include "config/users_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

static void edits(void **state)
{
	/* Protects: comments, order and line ends of the file stay; only the one line changes. */
	(void)state;
	static const struct {
		const char *text;
		enum users_change_kind kind;
		const char *name;
		const char *verifier;
		const char *expected;
		enum error error;
		const char *wanted;
	} cases[] = {
		{"", USERS_ADD, "hana", "!", "", ERROR_NONE, "hana:!\n"},
		{"# a\ntaro:!\n", USERS_ADD, "hana", "!", "", ERROR_NONE, "# a\ntaro:!\nhana:!\n"},
		{"taro:!", USERS_ADD, "hana", "!", "", ERROR_NONE, "taro:!\nhana:!\n"},
		{"taro:!\r\n", USERS_ADD, "hana", "!", "", ERROR_NONE, "taro:!\r\nhana:!\r\n"},
		/* Found by fuzz_config_users: half a line end. */
		{"taro:!\r", USERS_ADD, "hana", "!", "", ERROR_NONE, "taro:!\r\nhana:!\n"},
		/* Found by fuzz_config_users: the next line moves to the front with its mark. */
		{"hana:!\n\xef\xbb\xbf"
		 "taro:!\n",
			USERS_REMOVE, "hana", "", "", ERROR_NONE,
			"\xef\xbb\xbf"
			"taro:!\n"},
		{"\xef\xbb\xbfhana:!\n", USERS_REPLACE, "hana", SCRAM, "", ERROR_NONE,
			"hana:" SCRAM "\n"},
		{"hana:!\n", USERS_ADD, "hana", "!", "", ERROR_EXISTS, NULL},
		{"#hana:!\n", USERS_ADD, "hana", "!", "", ERROR_NONE, "#hana:!\nhana:!\n"},
		{"# x\n hana : ! # y\ntaro:!\n", USERS_REPLACE, "hana", SCRAM, "", ERROR_NONE,
			"# x\nhana:" SCRAM "\ntaro:!\n"},
		{"hana:!\n", USERS_REPLACE, "hana", SCRAM, "!", ERROR_NONE, "hana:" SCRAM "\n"},
		{"hana:!\n", USERS_REPLACE, "hana", SCRAM, "!!", ERROR_BUSY, NULL},
		{"taro:!\n", USERS_REPLACE, "hana", "!", "", ERROR_MISSING, NULL},
		{"a:!\nhana:!\n\nb:!\n", USERS_REMOVE, "hana", "", "", ERROR_NONE, "a:!\n\nb:!\n"},
		{"hana:!\n", USERS_REMOVE, "hana", "", "", ERROR_NONE, ""},
		{"hanako:!\n", USERS_REMOVE, "hana", "", "", ERROR_MISSING, NULL},
		{"", USERS_ADD, "../x", "!", "", ERROR_SYNTAX, NULL},
		{"", USERS_ADD, "a\nb", "!", "", ERROR_SYNTAX, NULL},
		{"", USERS_ADD, "hana", "secret", "", ERROR_SYNTAX, NULL},
		{"", USERS_ADD, "hana", "!\nevil:!", "", ERROR_SYNTAX, NULL},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buffer b = buffer_new(1000);
		const struct users_change change = {cases[i].kind, view_text(cases[i].name),
			view_text(cases[i].verifier), view_text(cases[i].expected)};
		const enum error error = users_change_apply(view_text(cases[i].text), &change, &b);
		if (error != cases[i].error)
			fail_msg("%zu: %s", i, error_name(error));
		if (cases[i].wanted)
			assert_view(buffer_view(&b), cases[i].wanted);
		buffer_free(&b);
	}
	struct buffer small = buffer_new(6);
	const struct users_change change = {USERS_ADD, VIEW("hana"), VIEW("!"), VIEW_NONE};
	assert_int_equal(users_change_apply(VIEW_NONE, &change, &small), ERROR_LIMIT);
	buffer_free(&small);
}

static int open_directory(char *path)
{
	strcpy(path, "/tmp/sekisho-test-XXXXXX");
	assert_non_null(mkdtemp(path));
	return open(path, O_RDONLY | O_DIRECTORY);
}

static void close_directory(int fd, const char *path)
{
	(void)unlinkat(fd, "users", 0);
	(void)unlinkat(fd, ".users.lock", 0);
	assert_int_equal(unlinkat(fd, "users.new", 0), -1);
	close(fd);
	assert_int_equal(rmdir(path), 0);
}

static void replaced_whole(void **state)
{
	/* Protects: mode 0600 for a new file, nothing for strangers in an old one, leftovers
	 * mended. */
	(void)state;
	char path[40];
	char text[100] = "";
	struct stat status;
	const int fd = open_directory(path);
	const struct users_change add = {USERS_ADD, VIEW("hana"), VIEW("!"), VIEW_NONE};
	const struct users_change remove = {USERS_REMOVE, VIEW("hana"), VIEW_NONE, VIEW_NONE};
	close(openat(fd, "users.new", O_CREAT | O_WRONLY, 0644)); /* a crash left it */
	assert_int_equal(users_file_change(fd, &remove), ERROR_MISSING);
	assert_int_equal(users_file_change(fd, &add), ERROR_NONE);
	assert_int_equal(fstatat(fd, "users", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(fchmodat(fd, "users", 0644, 0), 0);
	assert_int_equal(users_file_change(fd, &add), ERROR_EXISTS);
	assert_int_equal(users_file_change(fd, &remove), ERROR_NONE);
	assert_int_equal(fstatat(fd, "users", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	assert_int_equal(status.st_size, 0);
	assert_int_equal(users_file_change(fd, &add), ERROR_NONE);
	const int file = openat(fd, "users", O_RDONLY);
	assert_int_equal(read(file, text, sizeof text), 7);
	close(file);
	assert_string_equal(text, "hana:!\n");
	close_directory(fd, path);
}

static void links(void **state)
{
	/* Protects: a link in the place of the file leads nobody to another one. */
	(void)state;
	char path[40];
	const int fd = open_directory(path);
	const struct users_change add = {USERS_ADD, VIEW("hana"), VIEW("!"), VIEW_NONE};
	assert_int_equal(symlinkat("/etc/passwd", fd, "users"), 0);
	assert_int_not_equal(users_file_change(fd, &add), ERROR_NONE);
	close_directory(fd, path);
}

static void many_at_once(void **state)
{
	/* Protects: changes made at the same time are all there afterwards. */
	(void)state;
	char path[40];
	const int fd = open_directory(path);
	for (int p = 0; p < 4; p++) {
		if (fork() != 0)
			continue;
		for (int i = 0; i < 10; i++) {
			char name[40];
			snprintf(name, sizeof name, "u%d-%d", p, i);
			const struct users_change add = {
				USERS_ADD, view_text(name), VIEW("!"), VIEW_NONE};
			const int mine = open(path, O_RDONLY | O_DIRECTORY);
			if (users_file_change(mine, &add) != ERROR_NONE)
				_exit(1);
			close(mine);
		}
		_exit(0);
	}
	for (int p = 0; p < 4; p++) {
		int status = 1;
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	char text[2000] = "";
	const int file = openat(fd, "users", O_RDONLY);
	assert_int_equal(read(file, text, sizeof text), 40 * strlen("u0-0:!\n"));
	close(file);
	close_directory(fd, path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edits),
		cmocka_unit_test(replaced_whole),
		cmocka_unit_test(links),
		cmocka_unit_test(many_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
