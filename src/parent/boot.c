#include "parent/boot.h"

#include "base/random.h"
#include "base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define KERNEL_BOOT "/proc/sys/kernel/random/boot_id"

/* --- the machine --------------------------------------------------------------------------- */

static bool parse(struct view text, uint8_t machine[BOOT_MACHINE_OCTETS])
{
	struct buffer hex = buffer_new(2 * BOOT_MACHINE_OCTETS);
	struct buffer raw = buffer_new(BOOT_MACHINE_OCTETS);
	for (size_t i = 0; i < text.length; i++)
		if (text.at[i] != '-' && text.at[i] != '\n')
			buffer_add_octet(&hex, text.at[i]);
	const bool ok = !buffer_failed(&hex) && buffer_add_unhex(&raw, buffer_view(&hex)) &&
			raw.length == BOOT_MACHINE_OCTETS;
	if (ok)
		must(view_copy(buffer_view(&raw), machine, BOOT_MACHINE_OCTETS));
	buffer_free(&hex);
	buffer_free(&raw);
	return ok;
}

static void read_machine(uint8_t machine[BOOT_MACHINE_OCTETS])
{
	const char *given = getenv("SEKISHO_BOOT_ID");
	if (given && parse(view_text(given), machine))
		return;
	uint8_t text[64];
	const int fd = open(KERNEL_BOOT, O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
	if (fd >= 0)
		close(fd);
	if (n <= 0 || !parse(view_of(text, (size_t)n), machine))
		random_octets(machine, BOOT_MACHINE_OCTETS);
}

/* --- the mounting --------------------------------------------------------------------------
 * These file systems make a directory in sysfs when they are mounted, and remove it afterwards. The
 * kernel numbers what is made there one after another, so a later one has another inode. */

static const char *const kinds[] = {"/sys/fs/ext4", "/sys/fs/xfs", "/sys/fs/f2fs", "/sys/fs/btrfs"};
#define KINDS (sizeof kinds / sizeof *kinds)

/* The last part of what the link of a block device leads to; false for what is none. */
static bool device_name(dev_t device, char name_out[256])
{
	char path[64];
	char target[512];
	struct buffer b = buffer_new(sizeof path - 1);
	text_add(
		&b, "/sys/dev/block/{}:{}", text_number(major(device)), text_number(minor(device)));
	must(view_to_text(buffer_view(&b), path, sizeof path));
	buffer_free(&b);
	const ssize_t n = readlink(path, target, sizeof target);
	const struct view whole = view_of(target, n > 0 ? (size_t)n : 0);
	const size_t slash = view_find_last(whole, '/');
	return slash != VIEW_NOT_FOUND && view_to_text(view_from(whole, slash + 1), name_out, 256);
}

static bool of_device(dev_t device, uint64_t *inode_out)
{
	char name[256];
	bool found = false;
	if (!device_name(device, name))
		return false;
	for (size_t i = 0; i < KINDS && !found; i++) {
		struct stat facts;
		const int kind = open(kinds[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		found = kind >= 0 && fstatat(kind, name, &facts, 0) == 0;
		if (found)
			*inode_out = facts.st_ino;
		if (kind >= 0)
			close(kind);
	}
	return found;
}

/* Each file system of a kind: the order in which they are read does not count. */
static bool add_all(const char *kind, uint64_t *sum)
{
	DIR *list = opendir(kind);
	if (!list)
		return false;
	for (struct dirent *e; (e = readdir(list));) {
		struct stat facts;
		if (e->d_name[0] != '.' && fstatat(dirfd(list), e->d_name, &facts, 0) == 0)
			*sum += (facts.st_ino + 1) * 0x9e3779b97f4a7c15u;
	}
	closedir(list);
	return true;
}

/* What lies on others (btrfs has devices of its own, an overlay has others below): all of them. */
static bool of_all(uint64_t *sum_out)
{
	bool found = false;
	*sum_out = 1;
	for (size_t i = 0; i < KINDS; i++)
		found |= add_all(kinds[i], sum_out);
	return found;
}

static bool is_of_many(uint64_t type)
{
	return type == BTRFS_SUPER_MAGIC || type == OVERLAYFS_SUPER_MAGIC;
}

static bool read_mount(int mailboxes, uint64_t *number_out)
{
	struct stat facts;
	struct statfs type_of;
	if (fstat(mailboxes, &facts) != 0 || fstatfs(mailboxes, &type_of) != 0)
		return false;
	const uint64_t type = (uint64_t)type_of.f_type;
	if (type == TMPFS_MAGIC) { /* it has nothing but memory */
		*number_out = facts.st_dev;
		return true;
	}
	return is_of_many(type) ? of_all(number_out) : of_device(facts.st_dev, number_out);
}

void boot_read(int mailboxes, struct boot *boot_out)
{
	uint64_t number;
	read_machine(boot_out->machine);
	if (!read_mount(mailboxes, &number))
		number = random_u64(); /* of this life of the parent */
	struct buffer octets = buffer_new(BOOT_MOUNT_OCTETS);
	buffer_add_u64(&octets, number);
	must(view_copy(buffer_view(&octets), boot_out->mount, BOOT_MOUNT_OCTETS));
	buffer_free(&octets);
}
