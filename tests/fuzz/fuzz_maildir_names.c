/*
 * Fuzz target: names of files in a Maildir, as any program may have made them, through a file system that is
 * made of the input. The list holds together: each row a name that is there, unique-ids that differ, are
 * printable and of the right length; looking for a name of our own never finds another.
 */
#include "base/log.h"
#include "store/maildir_find.h"
#include "store/maildir_list.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NAMES_MAX 200
#define NEW 11
#define CUR 12
#define FILE_FD 20

static struct {
	char names[NAMES_MAX][MAILDIR_NAME_MAX + 1];
	uint8_t kind[NAMES_MAX]; /* bit 0: in new/; 1: not told; 2: no file; 3: gone when asked */
	size_t count;
} made;

struct listing {
	bool is_new;
	size_t at;
};

static int find(bool is_new, struct view name)
{
	for (size_t i = 0; i < made.count; i++)
		if ((made.kind[i] & 1) == is_new && view_equal(view_text(made.names[i]), name))
			return (int)i;
	return -1;
}

static int fake_open(struct mail_disk *disk, int at, const char *name, int flags, unsigned mode)
{
	(void)disk, (void)flags, (void)mode;
	const struct view v = view_text(name);
	if (at == NEW || at == CUR) {
		const int i = find(at == NEW, v);
		errno = ENOENT;
		return i < 0 || made.kind[i] & 8 ? -1 : FILE_FD + i;
	}
	return view_equal(v, VIEW("new")) ? NEW : view_equal(v, VIEW("cur")) ? CUR : 10;
}

static int fake_close(struct mail_disk *disk, int fd)
{
	(void)disk, (void)fd;
	return 0;
}

static int fake_facts(
	struct mail_disk *disk, int at, const char *name, struct mail_disk_facts *facts)
{
	(void)disk;
	int i = at - FILE_FD;
	if (name)
		i = find(at == NEW, view_text(name));
	*facts = (struct mail_disk_facts){.device = 1, .is_regular = true, .changed_s = 1};
	errno = ENOENT;
	if ((at == NEW || at == CUR) && name && (i < 0 || made.kind[i] & 8))
		return -1;
	if (i >= 0 && i < (int)made.count) {
		facts->inode = 100u + (unsigned)i;
		facts->is_regular = !(made.kind[i] & 4);
		facts->octets = (unsigned)i;
	}
	return 0;
}

static void *fake_list(struct mail_disk *disk, int fd)
{
	(void)disk;
	struct listing *l = memory_new(1, sizeof *l);
	l->is_new = fd == NEW;
	return l;
}

static bool fake_next(struct mail_disk *disk, void *list, struct mail_disk_entry *entry)
{
	(void)disk;
	struct listing *l = list;
	while (l->at < made.count && (made.kind[l->at] & 1) != l->is_new)
		l->at++;
	errno = 0;
	if (l->at >= made.count)
		return false;
	const size_t i = l->at++;
	*entry = (struct mail_disk_entry){.name = made.names[i],
		.inode = 100 + i,
		.is_unknown = made.kind[i] & 2,
		.is_regular = !(made.kind[i] & 6)};
	return true;
}

static void fake_end(struct mail_disk *disk, void *list)
{
	(void)disk;
	memory_free(list);
}

static struct mail_disk fake = {.open = fake_open,
	.close = fake_close,
	.facts = fake_facts,
	.list = fake_list,
	.next = fake_next,
	.end = fake_end};

static void fill(struct cursor *in)
{
	made.count = 0;
	while (made.count < NAMES_MAX && cursor_left(in)) {
		const uint8_t kind = cursor_u8(in);
		const uint8_t length = cursor_u8(in);
		struct view name = cursor_take(in, length);
		bool good = name.length > 0;
		for (size_t i = 0; i < name.length; i++)
			good &= name.at[i] != 0 && name.at[i] != '/';
		if (!good || find(kind & 1, name) >= 0)
			continue;
		must(view_to_text(name, made.names[made.count], MAILDIR_NAME_MAX + 1));
		made.kind[made.count++] = kind;
	}
}

static void check_list(const struct maildir_list *list)
{
	for (uint32_t i = 0; i < list->count; i++) {
		const struct maildir_row *row = &list->rows[i];
		const struct view unique = maildir_list_unique_id(list, row);
		must(find(row->flags & MAILDIR_ROW_NEW, maildir_list_name(list, row)) >= 0);
		must(unique.length > 0 && unique.length <= MAILDIR_UNIQUE_ID_MAX);
		must(view_is_printable(unique, false));
		for (uint32_t k = 0; k < i; k++)
			must(!view_equal(unique, maildir_list_unique_id(list, &list->rows[k])));
		must(i == 0 || list->rows[i - 1].arrival_s <= row->arrival_s);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor in = cursor_of(view_of(data, size));
	const struct maildir_place place = {&fake, 1, VIEW("hana"), VIEW("/")};
	struct maildir_list list;
	log_threshold((enum log_level)(LOG_ERROR + 1));
	fill(&in);
	if (maildir_list_read(&place, &maildir_list_limits_default, &list) == ERROR_NONE) {
		check_list(&list);
		for (uint32_t i = 0; i < list.count; i++) {
			int fd;
			(void)!maildir_list_open(&place, &list, &list.rows[i], &fd);
		}
	}
	maildir_list_free(&list);
	for (size_t i = 0; i < made.count && i < 4; i++) {
		struct maildir_file file = maildir_file_none();
		file.disk = &fake;
		file.maildir = 10;
		must(view_to_text(view_text(made.names[i]), file.name, sizeof file.name));
		if (maildir_find(&file) == ERROR_NONE && file.is_found)
			must(view_starts(view_text(file.path), view_text(file.name)));
	}
	return 0;
}
