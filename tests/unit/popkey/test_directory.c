/* popkey/directory.h: sessions that end, crash, last too long, run in parallel; beside the paper's scripts. Time is ours. */
#include "popkey/directory.h"

#include "suite.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define T ((uint64_t)1764356400000) /* some moment */
static const struct popkey_rules rules = POPKEY_RULES;
static struct ip home, cafe;

struct place {
	char path[64];
	int fd;
};

static int place_make(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	snprintf(p->path, sizeof p->path, "/tmp/test-popkey-XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->fd = popkey_open(p->path);
	assert_true(p->fd >= 0);
	assert_true(ip_parse(VIEW("192.0.2.1"), &home) && ip_parse(VIEW("2001:db8::1"), &cafe));
	*state = p;
	return 0;
}

static int place_end(void **state)
{
	struct place *p = *state;
	DIR *d = opendir(p->path);
	for (const struct dirent *e; (e = readdir(d));)
		unlinkat(p->fd, e->d_name, e->d_type == DT_DIR ? AT_REMOVEDIR : 0);
	closedir(d);
	assert_int_equal(rmdir(p->path), 0);
	close(p->fd);
	free(p);
	return 0;
}

/* `touch NAME`, at a time of ours */
static void touch(const struct place *p, const char *name, uint64_t at_ms)
{
	const struct timespec t = {(time_t)(at_ms / 1000), (long)(at_ms % 1000) * 1000000};
	const struct timespec times[2] = {t, t};
	close(openat(p->fd, name, O_WRONLY | O_CREAT, 0644));
	assert_int_equal(utimensat(p->fd, name, times, 0), 0);
}

static bool exists(const struct place *p, const char *name)
{
	return faccessat(p->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static unsigned count(const struct place *p)
{
	DIR *d = opendir(p->path);
	unsigned n = 0;
	for (const struct dirent *e; (e = readdir(d));)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

/* The last open millisecond from T, -1: closed. */
static int64_t open_until(
	const struct place *p, const struct ip *ip, const char *user, uint64_t now_ms)
{
	struct popkey_answer answer;
	assert_int_equal(
		popkey_look_up(p->fd, ip, view_text(user), now_ms, &rules, &answer), ERROR_NONE);
	return answer.is_open ? (int64_t)(answer.ends_ms - T) : -1;
}

static void begin(const struct place *p, const char *id, const char *user, uint64_t now_ms)
{
	assert_int_equal(popkey_begin(p->fd, &home, view_text(id), view_text(user), now_ms, &rules),
		ERROR_NONE);
}

static void end(const struct place *p, const char *id, const char *user, uint64_t now_ms)
{
	assert_int_equal(popkey_end(p->fd, &home, view_text(id), view_text(user), now_ms, &rules),
		ERROR_NONE);
}

/* ------------------------------------------------------------------------------------------ */

static void one_session(void **state)
{
	struct place *p = *state;
	assert_int_equal(open_until(p, &home, "", T), -1);
	begin(p, "41", "hana", T);
	assert_true(exists(p, "192.0.2.1+41"));
	assert_int_equal(open_until(p, &home, "", T), 300000);
	assert_int_equal(open_until(p, &home, "hana", T + 5), 300000);
	assert_int_equal(open_until(p, &home, "taro", T + 5), -1);
	assert_int_equal(open_until(p, &cafe, "", T + 5), -1);
	end(p, "41", "hana", T + 2000);
	assert_false(exists(p, "192.0.2.1+41"));
	assert_int_equal(count(p), 1);
	assert_int_equal(open_until(p, &home, "hana", T + 12000), 12000);
	assert_int_equal(open_until(p, &home, "hana", T + 12001), -1);
}

/* A crash leaves ADDR+ID: closed by its clock, exactly. */
static void crashed_session(void **state)
{
	struct place *p = *state;
	begin(p, "41", "hana", T);
	assert_int_equal(open_until(p, &home, "hana", T + 300000), 300000);
	assert_int_equal(open_until(p, &home, "hana", T + 300001), -1);
}

/* Longer than 300 s: closes meanwhile, opens again at its end, cleaned meanwhile or not. */
static void long_session(void **state)
{
	struct place *p = *state;
	for (int cleaned = 0; cleaned < 2; cleaned++) {
		begin(p, "41", "hana", T);
		assert_int_equal(open_until(p, &home, "", T + 400000), -1);
		if (cleaned)
			assert_int_equal(
				popkey_expire(p->fd, T + 400000, &rules, NULL), ERROR_NONE);
		assert_int_equal(exists(p, "192.0.2.1+41"), !cleaned);
		end(p, "41", "hana", T + 500000);
		assert_int_equal(open_until(p, &home, "hana", T + 510000), 510000);
		assert_int_equal(open_until(p, &home, "hana", T + 510001), -1);
		assert_int_equal(popkey_close_user(p->fd, &home, VIEW_NONE, T, &rules), ERROR_NONE);
		assert_int_equal(count(p), 0);
	}
}

static void parallel_sessions(void **state)
{
	struct place *p = *state;
	begin(p, "41", "hana", T);
	begin(p, "42", "hana", T + 1000);
	end(p, "41", "hana", T + 2000);
	/* the second goes on for its own time */
	assert_int_equal(open_until(p, &home, "hana", T + 100000), 301000);
	end(p, "42", "hana", T + 100000);
	assert_int_equal(open_until(p, &home, "hana", T + 100001), 110000);
	assert_int_equal(count(p), 1);
}

/* Each user of one address has an end of his own. */
static void several_users(void **state)
{
	struct place *p = *state;
	begin(p, "41", "hana", T);
	begin(p, "42", "taro", T);
	end(p, "41", "hana", T + 1000);
	end(p, "42", "taro", T + 4000);
	assert_int_equal(count(p), 1);
	assert_int_equal(open_until(p, &home, "hana", T + 4000), 11000);
	assert_int_equal(open_until(p, &home, "hana", T + 11001), -1);
	assert_int_equal(open_until(p, &home, "taro", T + 14000), 14000);
	assert_int_equal(open_until(p, &home, "", T + 14000), 14000);
	assert_int_equal(open_until(p, &home, "", T + 14001), -1);
	/* out of order: what was said later stays */
	end(p, "", "taro", T + 3000);
	assert_int_equal(open_until(p, &home, "taro", T + 14000), 14000);
}

/* The paper's wrapper: touch ADDR+PID, touch again, mv -f onto ADDR. */
static void foreign_scripts(void **state)
{
	struct place *p = *state;
	touch(p, "192.0.2.1+999", T);
	assert_int_equal(open_until(p, &home, "", T + 300000), 300000);
	assert_int_equal(open_until(p, &home, "hana", T + 1), -1);
	end(p, "", "hana", T + 50);
	touch(p, "192.0.2.1+999", T + 100);
	assert_int_equal(renameat(p->fd, "192.0.2.1+999", p->fd, "192.0.2.1"), 0);
	assert_int_equal(open_until(p, &home, "", T + 10100), 10100);
	/* its empty file knows nobody; ours onto it names ours, and somebody */
	assert_int_equal(open_until(p, &home, "hana", T + 200), -1);
	begin(p, "41", "hana", T + 150);
	end(p, "41", "hana", T + 200);
	assert_int_equal(open_until(p, &home, "hana", T + 201), 10200);
	end(p, "", "taro", T + 300);
	touch(p, "192.0.2.1", T + 400);
	assert_int_equal(open_until(p, &home, "", T + 401), 10400);
	assert_int_equal(open_until(p, &home, "hana", T + 401), 10200);
	assert_int_equal(open_until(p, &home, "taro", T + 401), 10300);
}

static void spellings(void **state)
{
	struct place *p = *state;
	touch(p, "::ffff:192.0.2.1+7", T);
	touch(p, "2001:0DB8::0001", T);
	assert_int_equal(open_until(p, &home, "", T), 300000);
	assert_int_equal(open_until(p, &cafe, "", T), 10000);
	assert_int_equal(
		popkey_end(p->fd, &cafe, VIEW_NONE, VIEW("hana"), T + 5, &rules), ERROR_NONE);
	assert_true(exists(p, "2001:db8::1"));
	const struct popkey_rules wide = {10000, 300000, 64};
	struct popkey_answer answer;
	struct ip near;
	assert_true(ip_parse(VIEW("2001:db8::ffff:9"), &near));
	assert_int_equal(popkey_look_up(p->fd, &near, VIEW_NONE, T, &rules, &answer), ERROR_NONE);
	assert_false(answer.is_open);
	assert_int_equal(popkey_look_up(p->fd, &near, VIEW_NONE, T, &wide, &answer), ERROR_NONE);
	assert_true(answer.is_open);
	assert_int_equal(popkey_end(p->fd, &near, VIEW_NONE, VIEW_NONE, T, &wide), ERROR_NONE);
	assert_true(exists(p, "2001:db8::"));
}

/* Links, directories, pipes and other people's files open nothing and hold up nobody. */
static void strange_files(void **state)
{
	struct place *p = *state;
	touch(p, "README", T);
	touch(p, "192.0.2.1+a b", T);
	touch(p, "target", T);
	assert_int_equal(symlinkat("target", p->fd, "192.0.2.1"), 0);
	assert_int_equal(symlinkat("nowhere", p->fd, "192.0.2.1+8"), 0);
	assert_int_equal(mkdirat(p->fd, "192.0.2.1+9", 0755), 0);
	assert_int_equal(mkfifoat(p->fd, "192.0.2.1+10", 0644), 0);
	assert_int_equal(open_until(p, &home, "", T), -1);
	begin(p, "41", "hana", T);
	end(p, "41", "hana", T + 1);
	assert_int_equal(open_until(p, &home, "", T + 1), 10001);
	struct stat s;
	assert_int_equal(fstatat(p->fd, "target", &s, 0), 0);
	assert_int_equal(s.st_size, 0);
	assert_int_equal(
		popkey_begin(p->fd, &home, VIEW("../x"), VIEW("hana"), T, &rules), ERROR_SYNTAX);
	assert_int_equal(
		popkey_begin(p->fd, &home, VIEW_NONE, VIEW("hana"), T, &rules), ERROR_SYNTAX);
	assert_int_equal(popkey_open("/nonexistent"), -1);
	char link[128];
	snprintf(link, sizeof link, "%s/link", p->path);
	assert_int_equal(symlink("/tmp", link), 0);
	assert_int_equal(popkey_open(link), -1);
}

/* Of a file that is longer than ours are the front counts: a line that is cut is none. */
static void content_limit(void **state)
{
	const struct place *p = *state;
	static const char line[] = "hana 1764356400000\n";
	static char content[POPKEY_CONTENT_MAX + 1];
	for (size_t over = 0; over < 2; over++) {
		memset(content, '\n', sizeof content);
		memcpy(content + POPKEY_CONTENT_MAX - (sizeof line - 1) + over, line,
			sizeof line - 1);
		const int fd = openat(p->fd, "192.0.2.1", O_WRONLY | O_CREAT | O_TRUNC, 0644);
		assert_int_equal(
			write(fd, content, POPKEY_CONTENT_MAX + over), POPKEY_CONTENT_MAX + over);
		close(fd);
		touch(p, "192.0.2.1", T);
		assert_int_equal(open_until(p, &home, "hana", T), over ? -1 : 10000);
		assert_int_equal(open_until(p, &home, "", T), 10000);
	}
}

/* The longest name is written and read, a longer one is nobody's. */
static void longest_user(void **state)
{
	struct place *p = *state;
	char user[POPKEY_USER_MAX + 2];
	for (size_t over = 0; over < 2; over++) {
		memset(user, 'u', sizeof user);
		user[POPKEY_USER_MAX + over] = 0;
		begin(p, "41", user, T);
		assert_int_equal(open_until(p, &home, user, T), over ? -1 : 300000);
		end(p, "41", user, T + 1);
		end(p, "", user, T + 2); /* beside it */
		assert_int_equal(open_until(p, &home, user, T + 2), over ? -1 : 10002);
		assert_int_equal(open_until(p, &home, "", T + 2), 10002);
		assert_int_equal(popkey_close_user(p->fd, &home, VIEW_NONE, T, &rules), ERROR_NONE);
	}
}

/* Who asks is another than who writes: his mask and ours do not matter. */
static void readable_by_all(void **state)
{
	struct place *p = *state;
	struct stat s;
	const mode_t before = umask(0777);
	begin(p, "41", "hana", T);
	end(p, "", "taro", T);
	umask(before);
	assert_int_equal(fstatat(p->fd, "192.0.2.1+41", &s, 0), 0);
	assert_int_equal(s.st_mode & 07777, POPKEY_FILE_MODE);
	assert_int_equal(fstatat(p->fd, "192.0.2.1", &s, 0), 0);
	assert_int_equal(s.st_mode & 07777, POPKEY_FILE_MODE);
}

static void users_that_are_none(void **state)
{
	struct place *p = *state;
	begin(p, "41", "two words", T);
	begin(p, "42", "new\nline", T);
	assert_int_equal(open_until(p, &home, "", T), 300000);
	end(p, "41", "two words", T + 1);
	end(p, "", "root 1764356400000\nroot", T + 2);
	assert_int_equal(open_until(p, &home, "root", T + 2), -1);
	assert_int_equal(popkey_close(p->fd, &home, VIEW("42"), &rules), ERROR_NONE);
	assert_int_equal(open_until(p, &home, "", T + 2), 10002);
}

static void touching(void **state)
{
	struct place *p = *state;
	begin(p, "41", "hana", T);
	assert_int_equal(popkey_touch(p->fd, &home, VIEW("41"), T + 7, &rules), ERROR_NONE);
	assert_int_equal(open_until(p, &home, "hana", T + 8), 300007);
	assert_int_equal(popkey_touch(p->fd, &home, VIEW("42"), T, &rules), ERROR_MISSING);
	assert_int_equal(popkey_touch(p->fd, &home, VIEW_NONE, T, &rules), ERROR_MISSING);
}

static void closing_a_user(void **state)
{
	struct place *p = *state;
	begin(p, "41", "hana", T);
	begin(p, "42", "taro", T);
	end(p, "", "hana", T + 1);
	end(p, "", "taro", T + 2);
	assert_int_equal(popkey_close_user(p->fd, &home, VIEW("hana"), T + 3, &rules), ERROR_NONE);
	assert_int_equal(open_until(p, &home, "hana", T + 3), -1);
	assert_int_equal(open_until(p, &home, "taro", T + 3), 300000);
	assert_int_equal(popkey_close(p->fd, &home, VIEW("42"), &rules), ERROR_NONE);
	assert_int_equal(open_until(p, &home, "taro", T + 3), 10002);
	assert_int_equal(popkey_close_user(p->fd, &home, VIEW("taro"), T + 3, &rules), ERROR_NONE);
	assert_int_equal(count(p), 0);
	assert_int_equal(popkey_close_user(p->fd, &home, VIEW("taro"), T + 3, &rules), ERROR_NONE);
}

static void expiring(void **state)
{
	struct place *p = *state;
	uint64_t next_ms = 0;
	touch(p, "README", T);
	touch(p, "192.0.2.9", T + 3600000); /* the clock was set back */
	begin(p, "41", "hana", T);
	end(p, "", "taro", T);
	end(p, "", "hana", T + 5000);
	assert_int_equal(popkey_expire(p->fd, T + 10000, &rules, &next_ms), ERROR_NONE);
	assert_int_equal(next_ms, T + 15000);
	assert_false(exists(p, "192.0.2.9"));
	assert_int_equal(open_until(p, &home, "taro", T + 10000), 10000);
	assert_int_equal(popkey_expire(p->fd, T + 15000, &rules, &next_ms), ERROR_NONE);
	assert_true(exists(p, "192.0.2.1"));
	assert_int_equal(popkey_expire(p->fd, T + 15001, &rules, &next_ms), ERROR_NONE);
	assert_false(exists(p, "192.0.2.1"));
	assert_int_equal(next_ms, T + 300000);
	touch(p, POPKEY_FRESH "1", T + 250000);
	touch(p, POPKEY_FRESH "2", T + 100000);
	assert_int_equal(popkey_expire(p->fd, T + 300001, &rules, &next_ms), ERROR_NONE);
	assert_int_equal(next_ms, UINT64_MAX);
	assert_true(exists(p, "README") && exists(p, POPKEY_FRESH "1"));
	assert_int_equal(count(p), 2);
}

/* Several that end at one address at one time, while cleaners run: none is lost. */
static void at_the_same_time(void **state)
{
	struct place *p = *state;
	enum { PROCESSES = 6, ROUNDS = 12 };
	for (unsigned i = 0; i < PROCESSES; i++) {
		const pid_t child = fork();
		assert_true(child >= 0);
		if (child)
			continue;
		bool ok = true;
		for (unsigned k = 0; k < ROUNDS; k++) {
			char user[16], id[16];
			snprintf(user, sizeof user, "u%u-%u", i, k);
			snprintf(id, sizeof id, "%u", i);
			if (k % 2)
				ok &= !popkey_begin(
					p->fd, &home, view_text(id), view_text(user), T, &rules);
			ok &= !popkey_end(p->fd, &home, k % 2 ? view_text(id) : VIEW_NONE,
				view_text(user), T + k, &rules);
			ok &= !popkey_expire(p->fd, T + ROUNDS, &rules, NULL);
		}
		_exit(!ok);
	}
	for (unsigned i = 0; i < PROCESSES; i++) {
		int status;
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	for (unsigned i = 0; i < PROCESSES; i++)
		for (unsigned k = 0; k < ROUNDS; k++) {
			char user[16];
			snprintf(user, sizeof user, "u%u-%u", i, k);
			assert_int_equal(open_until(p, &home, user, T + ROUNDS), 10000 + k);
		}
	assert_int_equal(count(p), 1);
}

/* Protects: a session that ends while its address is looked through is met, under its new name. */
static void ends_under_way(void **state)
{
	const struct place *p = *state;
	struct popkey_walk walk;
	struct popkey_file file;
	touch(p, "192.0.2.1+77", T);
	assert_int_equal(popkey_walk_begin(&walk, p->fd, &home, &rules), ERROR_NONE);
	assert_true(popkey_walk_next(&walk, &file));
	assert_view(file.name.id, "77");
	assert_int_equal(renameat(p->fd, "192.0.2.1+77", p->fd, "192.0.2.1"), 0);
	assert_true(popkey_walk_next(&walk, &file));
	assert_int_equal(file.name.id.length, 0);
	assert_string_equal(walk.name, "192.0.2.1");
	assert_false(popkey_walk_next(&walk, &file));
	popkey_walk_end(&walk);
	/* of all addresses each file comes once */
	assert_int_equal(popkey_walk_begin(&walk, p->fd, NULL, &rules), ERROR_NONE);
	assert_true(popkey_walk_next(&walk, &file));
	assert_false(popkey_walk_next(&walk, &file));
	popkey_walk_end(&walk);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_end)

/* In a directory like /tmp another's file cannot be replaced: the way is closed in time all the same. */
static void in_the_way(void **state)
{
	const struct place *p = *state;
	struct popkey_answer answer;
	assert_int_equal(mkdirat(p->fd, "192.0.2.1", 0755), 0);
	assert_int_equal(
		popkey_begin(p->fd, &home, VIEW("7"), VIEW("hana"), T, &rules), ERROR_NONE);
	assert_int_not_equal(
		popkey_end(p->fd, &home, VIEW("7"), VIEW("hana"), T + 5000, &rules), ERROR_NONE);
	for (uint64_t over = 0; over < 2; over++) {
		assert_int_equal(popkey_look_up(p->fd, &home, VIEW_NONE,
					 T + 5000 + rules.gate_ms + over, &rules, &answer),
			ERROR_NONE);
		assert_int_equal(answer.is_open, !over);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ends_under_way),
		TEST(one_session),
		TEST(crashed_session),
		TEST(long_session),
		TEST(parallel_sessions),
		TEST(several_users),
		TEST(foreign_scripts),
		TEST(spellings),
		TEST(strange_files),
		TEST(content_limit),
		TEST(longest_user),
		TEST(readable_by_all),
		TEST(users_that_are_none),
		TEST(in_the_way),
		TEST(touching),
		TEST(closing_a_user),
		TEST(expiring),
		TEST(at_the_same_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
