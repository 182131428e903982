#include "base/text.h"
#include "store/maildir.h"
#include "store/maildir_walk.h"

/* What maildir_name_add writes: SECONDS.BIRTH_ID_… */
static bool is_of(struct view name, struct view birth)
{
	struct view seconds, rest;
	return view_split(name, '.', &seconds, &rest) && view_starts(rest, birth);
}

void maildir_tidy(const struct maildir_place *place, uint64_t birth)
{
	struct mail_disk *disk = place->disk;
	struct maildir_walk walk;
	struct maildir_entry entry;
	int maildir;
	if (maildir_walk_open(place, &maildir) != ERROR_NONE)
		return;
	struct buffer start = buffer_new(24);
	text_add(&start, "{}_", text_hex(birth));
	const enum error error = maildir_walk_begin(disk, maildir, "tmp", &walk);
	while (!error && maildir_walk_next(&walk, &entry))
		if (is_of(entry.name, buffer_view(&start)))
			disk->unlink(disk, walk.directory, entry.text);
	maildir_walk_end(&walk);
	buffer_free(&start);
	disk->close(disk, maildir);
}
