/* popkey/names.h: what a script has just written is seen, whatever the kernel tells and does not tell; and no name is looked
 * for in the directory when it is known. */
#include "popkey/names.h"

#include "suite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTICES 16800u /* the kernel keeps 16,384 */
#define FILES 3u /* the bound in `bounded` */

static const struct popkey_rules rules = POPKEY_RULES;

struct place {
	char path[64];
	int fd;
	struct names *names;
};

static void names_anew(struct place *p, const struct popkey_rules *r, size_t max)
{
	names_free(&p->names);
	p->names = names_new(p->path, r, max);
}

static int place_make(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	snprintf(p->path, sizeof p->path, "/tmp/test-names-XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->fd = popkey_open(p->path);
	names_anew(p, &rules, NAMES_MAX);
	*state = p;
	return 0;
}

static void empty(int fd)
{
	DIR *d = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY));
	for (const struct dirent *e; (e = readdir(d));)
		unlinkat(fd, e->d_name, e->d_type == DT_DIR ? AT_REMOVEDIR : 0);
	closedir(d);
}

static int place_end(void **state)
{
	struct place *p = *state;
	names_free(&p->names);
	empty(p->fd);
	rmdir(p->path);
	close(p->fd);
	free(p);
	return 0;
}

static void touch(const struct place *p, const char *name)
{
	const int fd = openat(p->fd, name, O_WRONLY | O_CREAT, 0644);
	assert_true(fd >= 0);
	close(fd);
}

static void move(const struct place *p, const char *from, const char *to)
{
	assert_int_equal(renameat(p->fd, from, p->fd, to), 0);
}

static void take_away(const struct place *p, const char *name)
{
	assert_int_equal(unlinkat(p->fd, name, 0), 0);
}

/* The files of an address, but for the plain one that comes again at the end; -1: an error. */
static int files(const struct place *p, const char *address)
{
	struct ip ip;
	struct popkey_walk walk;
	struct popkey_file file;
	int count = 0;
	bool has_plain = false;
	assert_true(ip_parse(view_text(address), &ip));
	const enum error error = names_walk(p->names, &ip, &walk);
	while (!error && popkey_walk_next(&walk, &file)) {
		count += file.name.id.length || !has_plain;
		has_plain |= !file.name.id.length;
	}
	popkey_walk_end(&walk);
	return error ? -1 : count;
}

/* -1: none is known, each question looks. */
static int known(const struct place *p)
{
	size_t count;
	return names_count(p->names, &count) ? (int)count : -1;
}

/* ------------------------------------------------------------------------------------------ */

static void what_scripts_do(void **state)
{
	const struct place *p = *state;
	touch(p, "192.0.2.9"); /* before anybody asked */
	touch(p, "README");
	assert_int_equal(files(p, "192.0.2.1"), 0);
	assert_int_equal(known(p), 1);
	for (int i = 0; i < 3; i++) {
		touch(p, "192.0.2.1+7");
		assert_int_equal(files(p, "192.0.2.1"), 1);
		touch(p, "192.0.2.1+8");
		assert_int_equal(files(p, "192.0.2.1"), 2);
		move(p, "192.0.2.1+7", "192.0.2.1");
		assert_int_equal(files(p, "192.0.2.1"), 2);
		move(p, "192.0.2.1+8", "192.0.2.1");
		assert_int_equal(files(p, "192.0.2.1"), 1);
		assert_int_equal(known(p), 2);
		take_away(p, "192.0.2.1");
		assert_int_equal(files(p, "192.0.2.1"), 0);
		touch(p, "192.0.2.1+7"); /* nobody asks in between */
		move(p, "192.0.2.1+7", "elsewhere");
		move(p, "elsewhere", "192.0.2.1");
		take_away(p, "192.0.2.1");
		touch(p, "192.0.2.1");
		assert_int_equal(files(p, "192.0.2.1"), 1);
		take_away(p, "192.0.2.1");
	}
	assert_int_equal(files(p, "192.0.2.9"), 1);
	assert_int_equal(known(p), 1);
}

/* Ours exchange a plain file for another: the kernel says that both names went, and then that one came. */
static void an_exchange(void **state)
{
	const struct place *p = *state;
	struct ip ip;
	assert_true(ip_parse(VIEW("192.0.2.1"), &ip));
	assert_int_equal(files(p, "192.0.2.1"), 0);
	for (int i = 0; i < 4; i++) {
		char user[] = "u0";
		user[1] = (char)('0' + i);
		assert_int_equal(popkey_end(p->fd, &ip, VIEW_NONE, view_text(user),
					 1764356400000u + (uint64_t)i, &rules),
			ERROR_NONE);
		assert_int_equal(files(p, "192.0.2.1"), 1);
		assert_int_equal(known(p), 1);
	}
}

static void spellings(void **state)
{
	struct place *p = *state;
	touch(p, "::ffff:192.0.2.1+7");
	touch(p, "192.0.2.1");
	touch(p, "2001:0DB8::0001");
	touch(p, "2001:db8::2+9");
	assert_int_equal(files(p, "192.0.2.1"), 2);
	assert_int_equal(files(p, "2001:db8::1"), 1);
	assert_int_equal(files(p, "2001:db8::3"), 0);
	const struct popkey_rules wide = {10000, 300000, 64};
	names_anew(p, &wide, NAMES_MAX);
	assert_int_equal(files(p, "2001:db8::3"), 2);
	assert_int_equal(files(p, "2001:db8:0:1::3"), 0);
}

/* More happens between two questions than the kernel keeps. */
static void lost_count(void **state)
{
	const struct place *p = *state;
	touch(p, "192.0.2.7");
	assert_int_equal(files(p, "192.0.2.7"), 1);
	take_away(p, "192.0.2.7");
	touch(p, "x");
	for (unsigned i = 0; i < NOTICES / 2; i++) /* two notices each */
		move(p, i % 2 ? "y" : "x", i % 2 ? "x" : "y");
	touch(p, "192.0.2.8"); /* of this nobody told */
	assert_int_equal(files(p, "192.0.2.8"), 1);
	assert_int_equal(files(p, "192.0.2.7"), 0);
	assert_int_equal(known(p), 1);
	touch(p, "192.0.2.7");
	assert_int_equal(files(p, "192.0.2.7"), 1);
}

/* Another directory takes its place; it is away; it is there again. */
static void another_directory(void **state)
{
	struct place *p = *state;
	char aside[80];
	snprintf(aside, sizeof aside, "%s.aside", p->path);
	touch(p, "192.0.2.1");
	assert_int_equal(files(p, "192.0.2.1"), 1);
	assert_int_equal(rename(p->path, aside), 0);
	assert_int_equal(files(p, "192.0.2.1"), -1);
	assert_int_equal(mkdir(p->path, 0755), 0);
	assert_int_equal(files(p, "192.0.2.1"), 0);
	const int old = p->fd;
	p->fd = popkey_open(p->path);
	touch(p, "192.0.2.2");
	assert_int_equal(files(p, "192.0.2.2"), 1);
	assert_int_equal(known(p), 1);
	assert_int_equal(unlinkat(old, "192.0.2.1", 0), 0); /* that one is none of ours */
	assert_int_equal(files(p, "192.0.2.2"), 1);
	assert_int_equal(rmdir(aside), 0);
	close(old);
}

/* At the bound the directory is looked through; below it the names are known again. */
static void bounded(void **state)
{
	struct place *p = *state;
	names_anew(p, &rules, FILES);
	touch(p, "192.0.2.1");
	touch(p, "192.0.2.1+2");
	touch(p, "192.0.2.3");
	assert_int_equal(files(p, "192.0.2.1"), 2);
	assert_int_equal(known(p), 3);
	touch(p, "192.0.2.4");
	assert_int_equal(files(p, "192.0.2.4"), 1);
	assert_int_equal(files(p, "192.0.2.1"), 2);
	assert_int_equal(known(p), -1);
	take_away(p, "192.0.2.3");
	assert_int_equal(files(p, "192.0.2.4"), 1);
	assert_int_equal(known(p), 3);
	assert_int_equal(files(p, "192.0.2.3"), 0);
}

/* No descriptor to be told by; and a file system whose files others may write, too. */
static void nobody_tells(void **state)
{
	struct place *p = *state;
	struct rlimit old;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	names_free(&p->names);
	const int next = dup(p->fd);
	close(next);
	const struct rlimit none = {(rlim_t)next, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	names_anew(p, &rules, NAMES_MAX);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(names_descriptor(p->names), -1);
	touch(p, "192.0.2.1+1");
	assert_int_equal(files(p, "192.0.2.1"), 1);
	take_away(p, "192.0.2.1+1");
	assert_int_equal(files(p, "192.0.2.1"), 0);
	struct names *far = names_new("/proc/sys", &rules, NAMES_MAX);
	size_t count;
	assert_int_equal(names_update(far), ERROR_NONE);
	assert_false(names_count(far, &count));
	names_free(&far);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_scripts_do),
		TEST(an_exchange),
		TEST(spellings),
		TEST(lost_count),
		TEST(another_directory),
		TEST(bounded),
		TEST(nobody_tells),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
