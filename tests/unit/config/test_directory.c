#include "config/directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"

static void put(int fd, const char *name, const char *text, mode_t mode)
{
	const int file = openat(fd, name, O_CREAT | O_WRONLY, mode);
	assert_int_equal(write(file, text, strlen(text)), strlen(text));
	close(file);
}

static void real_files(void **state)
{
	/* Protects: files are read from the directory itself; links, pipes and folders are not. */
	(void)state;
	char path[] = "/tmp/sekisho-test-XXXXXX";
	assert_non_null(mkdtemp(path));
	const int fd = open(path, O_RDONLY | O_DIRECTORY);
	put(fd, "servername", "mail.example.test\n", 0644);
	put(fd, "users", "hana:!\n", 0600);
	assert_int_equal(symlinkat("/etc/passwd", fd, "aliases"), 0);
	assert_int_equal(mkfifoat(fd, "denyfrom", 0600), 0);
	assert_int_equal(mkdirat(fd, "networks", 0700), 0);
	struct arena a = arena_new(1 << 20);
	struct config_directory d = {fd};
	struct config_files files;
	assert_int_equal(config_directory_list(&d, &a, &files), ERROR_NONE);
	assert_int_equal(files.count, 5);
	assert_view(files.files[0].name, "aliases");
	assert_false(files.files[0].is_plain);
	assert_false(files.files[1].is_plain);
	assert_false(files.files[2].is_plain);
	assert_true(files.files[3].is_plain);
	assert_int_equal(files.files[4].mode, 0600);
	struct buffer b = buffer_new(7);
	assert_int_equal(files.read(files.context, VIEW("users"), &b), ERROR_NONE);
	assert_view(buffer_view(&b), "hana:!\n");
	buffer_free(&b);
	b = buffer_new(6);
	assert_int_equal(files.read(files.context, VIEW("users"), &b), ERROR_LIMIT);
	buffer_free(&b);
	b = buffer_new(100);
	assert_int_not_equal(files.read(files.context, VIEW("aliases"), &b), ERROR_NONE);
	assert_int_equal(files.read(files.context, VIEW("denyfrom"), &b), ERROR_DENIED);
	assert_int_equal(files.read(files.context, VIEW("networks"), &b), ERROR_DENIED);
	assert_int_equal(files.read(files.context, VIEW("../etc/passwd"), &b), ERROR_DENIED);
	assert_int_equal(files.read(files.context, VIEW("missing"), &b), ERROR_MISSING);
	buffer_free(&b);
	struct findings findings = findings_new(&a);
	struct config config;
	const struct config_facts facts = {VIEW_NONE, VIEW_NONE};
	assert_true(config_read(&files, &facts, &a, &findings, &config));
	assert_view(config.servername.name, "mail.example.test");
	assert_int_equal(findings.levels[FINDING_ERROR], 3);
	arena_reset(&a);
	unlinkat(fd, "servername", 0);
	unlinkat(fd, "users", 0);
	unlinkat(fd, "aliases", 0);
	unlinkat(fd, "denyfrom", 0);
	unlinkat(fd, "networks", AT_REMOVEDIR);
	for (int more = 0; more < 2; more++) {
		for (int i = 0; i < CONFIG_FILES_MAX + more; i++) {
			char name[20];
			snprintf(name, sizeof name, "f%d", i);
			close(openat(fd, name, O_CREAT | O_WRONLY, 0600));
		}
		assert_int_equal(
			config_directory_list(&d, &a, &files), more ? ERROR_LIMIT : ERROR_NONE);
		arena_reset(&a);
	}
	for (int i = 0; i <= CONFIG_FILES_MAX; i++) {
		char name[20];
		snprintf(name, sizeof name, "f%d", i);
		unlinkat(fd, name, 0);
	}
	close(fd);
	assert_int_equal(rmdir(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(real_files)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
