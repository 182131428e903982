/* Which files the keeper `drop` takes for mail. */
#include "keepers/drop/dropd.h"

#include "../config/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[64];
static struct scan scan;

static int begin(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/sekisho-drop-XXXXXX");
	assert_non_null(mkdtemp(directory));
	scan = (struct scan){.directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.owner_octets_max = 1 << 20,
		.files = calloc(FILES_MAX, sizeof(struct file))};
	assert_true(scan.directory >= 0 && scan.files);
	return 0;
}

static int end(void **state)
{
	char command[128];
	(void)state;
	close(scan.directory);
	free(scan.files);
	snprintf(command, sizeof command, "rm -rf %s", directory);
	return system(command);
}

/* The n-th name that sendmail could give. */
static const char *name_of(unsigned n)
{
	static char name[DROPPED_NAME_OCTETS + 1];
	snprintf(name, sizeof name, "%0*x", DROPPED_NAME_OCTETS, n);
	return name;
}

static void put(const char *name, off_t octets)
{
	const int fd = openat(scan.directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	assert_true(fd >= 0 && ftruncate(fd, octets) == 0);
	close(fd);
}

static void is_a_mail(void **state)
{
	/* Protects: nobody makes the keeper read a file that is not his own. */
	static const struct {
		mode_t mode;
		nlink_t links;
		gid_t gid;
		bool is_mail;
	} files[] = {
		{S_IFREG | 0640, 1, 7, true},
		{S_IFREG | 0640, 2, 7, false},
		{S_IFREG | 0640, 0, 7, false},
		{S_IFREG | 0640, 1, 8, false},
		{S_IFDIR | 0750, 1, 7, false},
		{S_IFIFO | 0640, 1, 7, false},
		{S_IFLNK | 0777, 1, 7, false},
		{S_IFSOCK | 0640, 1, 7, false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		const struct stat st = {.st_mode = files[i].mode,
			.st_nlink = files[i].links,
			.st_gid = files[i].gid};
		assert_int_equal(scan_problem(&st, 7) == NULL, files[i].is_mail);
	}
}

static void names_and_links(void **state)
{
	/* Protects: what is not whole yet is left in peace; links, and names of others, are said to be ignored. */
	(void)state;
	put(name_of(1), 10);
	put(DROPPED_NEW "0123456789abcdef", 10);
	scan_directory(&scan);
	assert_int_equal(scan.count, 1);
	assert_int_equal(scan.ignored, 0);
	assert_string_equal(scan.files[0].name, name_of(1));
	assert_int_equal(scan.files[0].octets, 10);
	assert_int_equal(scan.files[0].uid, geteuid());
	put("rubbish", 10);
	assert_int_equal(symlinkat("/etc/passwd", scan.directory, name_of(2)), 0);
	put(name_of(3), 10);
	assert_int_equal(linkat(scan.directory, name_of(3), scan.directory, "other", 0), 0);
	scan_directory(&scan);
	assert_int_equal(scan.count, 1);
	assert_int_equal(scan.ignored, 4); /* rubbish, the link, and both names of the third */
}

static void quota_of_files(void **state)
{
	/* Protects: one user's files are looked after up to OWNER_FILES_MAX; the rest waits. */
	(void)state;
	for (unsigned i = 0; i < OWNER_FILES_MAX; i++)
		put(name_of(i), 1);
	scan_directory(&scan);
	assert_int_equal(scan.count, OWNER_FILES_MAX);
	assert_int_equal(scan.beyond, 0);
	put(name_of(OWNER_FILES_MAX), 1);
	scan_directory(&scan);
	assert_int_equal(scan.count, OWNER_FILES_MAX);
	assert_int_equal(scan.beyond, 1);
	assert_int_equal(scan.beyond_uid, geteuid());
}

static void quota_of_octets(void **state)
{
	/* Protects: the same of octets, on both sides of it; one file alone always has room. */
	(void)state;
	scan.owner_octets_max = 100;
	put(name_of(1), 50);
	put(name_of(2), 50);
	scan_directory(&scan);
	assert_int_equal(scan.count, 2);
	put(name_of(3), 1);
	scan_directory(&scan);
	assert_int_equal(scan.count + scan.beyond, 3);
	assert_int_equal(scan.beyond, 1);
	for (unsigned i = 1; i <= 3; i++)
		assert_int_equal(unlinkat(scan.directory, name_of(i), 0), 0);
	put(name_of(4), 101);
	scan_directory(&scan);
	assert_int_equal(scan.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_a_mail),
		cmocka_unit_test_setup_teardown(names_and_links, begin, end),
		cmocka_unit_test_setup_teardown(quota_of_files, begin, end),
		cmocka_unit_test_setup_teardown(quota_of_octets, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
