#include "parent/boot.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

static struct boot of(const char *directory)
{
	struct boot boot;
	const int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	boot_read(fd, &boot);
	close(fd);
	return boot;
}

static void the_machine_is_named(void **state)
{
	/* SEKISHO_BOOT_ID, else the kernel's, which stays; what is no id is not taken. */
	(void)state;
	static const uint8_t given[BOOT_MACHINE_OCTETS] = {
		0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
	setenv("SEKISHO_BOOT_ID", "01234567-89ab-cdef-0000-000000000000", 1);
	const struct boot named = of("/");
	assert_memory_equal(named.machine, given, sizeof given);
	unsetenv("SEKISHO_BOOT_ID");
	const struct boot kernels = of("/");
	assert_memory_not_equal(kernels.machine, given, sizeof given);
	static const char *const wrong[] = {"", "0123456789abcdef",
		"01234567-89ab-cdef-0000-00000000000g", "01234567-89ab-cdef-0000-0000000000000"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		setenv("SEKISHO_BOOT_ID", wrong[i], 1);
		const struct boot boot = of("/");
		assert_memory_equal(boot.machine, kernels.machine, sizeof boot.machine);
	}
	unsetenv("SEKISHO_BOOT_ID");
}

static void what_is_only_memory_stays(void **state)
{
	/* tmpfs cannot lose what is not synced and be mounted again. */
	(void)state;
	if (access("/dev/shm", R_OK) != 0)
		skip();
	const struct boot one = of("/dev/shm");
	const struct boot other = of("/dev/shm");
	assert_memory_equal(one.mount, other.mount, sizeof one.mount);
}

static void of_what_nothing_is_known_never_stays(void **state)
{
	/* /proc stands for all file systems that tell no mounting from another. */
	(void)state;
	const struct boot one = of("/proc");
	const struct boot other = of("/proc");
	assert_memory_not_equal(one.mount, other.mount, sizeof one.mount);
}

static void an_overlay_stays_with_those_below(void **state)
{
	/* It has no device: the mountings of all others count. Where none of those is known it never stays. */
	static const char *const kinds[] = {
		"/sys/fs/ext4", "/sys/fs/xfs", "/sys/fs/f2fs", "/sys/fs/btrfs"};
	char top[] = "/dev/shm/sekisho-boot-XXXXXX";
	bool is_known = false;
	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 || !mkdtemp(top))
		skip();
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		mount("overlay", top, "overlay", MS_RDONLY, "lowerdir=/etc:/usr") != 0) {
		rmdir(top);
		skip();
	}
	const struct boot one = of(top);
	const struct boot other = of(top);
	umount2(top, MNT_DETACH);
	rmdir(top);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		is_known = is_known || access(kinds[i], R_OK) == 0;
	assert_int_equal(memcmp(one.mount, other.mount, sizeof one.mount) == 0, is_known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_machine_is_named),
		cmocka_unit_test(what_is_only_memory_stays),
		cmocka_unit_test(of_what_nothing_is_known_never_stays),
		cmocka_unit_test(an_overlay_stays_with_those_below),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
