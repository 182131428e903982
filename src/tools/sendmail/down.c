/* No server takes the mail now: it is left where the keeper `drop` finds it. A file of our own in a directory that
 * anybody may write into and nobody list; written whole and synced under a name that does not count, then given
 * the one that does. */
#include "base/descriptor.h"
#include "base/random.h"
#include "parent/options.h"
#include "post/dropped.h"
#include "tools/sekisho/say.h"
#include "tools/sendmail/sendmail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE 0660 /* the group is the keeper's, which the directory gives it */
#define STEP 65536u

struct leaving {
	const struct mail *mail;
	int directory;
	int fd;
	char fresh[sizeof DROPPED_NEW + DROPPED_NAME_OCTETS];
	char name[DROPPED_NAME_OCTETS + 1];
};

static void choose_name(struct leaving *l)
{
	uint8_t octets[DROPPED_NAME_OCTETS / 2];
	struct buffer b = buffer_new(sizeof l->fresh);
	random_octets(octets, sizeof octets);
	buffer_add(&b, VIEW(DROPPED_NEW));
	buffer_add_hex(&b, view_of(octets, sizeof octets));
	must(view_to_text(buffer_view(&b), l->fresh, sizeof l->fresh));
	must(view_to_text(
		view_from(buffer_view(&b), sizeof DROPPED_NEW - 1), l->name, sizeof l->name));
	buffer_free(&b);
}

static uint16_t flags_of(const struct mail *mail)
{
	const struct options *o = mail->options;
	return (uint16_t)((mail->is_8bit ? ENVELOPE_8BITMIME : 0) |
			  (mail->is_utf8 ? ENVELOPE_SMTPUTF8 : 0) | smtp_ret_flags(o->ret));
}

static bool write_head(const struct leaving *l)
{
	const struct mail *mail = l->mail;
	struct buffer head = buffer_new(DROPPED_HEAD_MAX);
	struct dropped d = {.flags = flags_of(mail),
		.reverse_path = mail->reverse_path,
		.envid = mail->envid,
		.recipients = memory_new(mail->to.count, sizeof *d.recipients),
		.recipient_count = mail->to.count};
	for (uint32_t i = 0; i < mail->to.count; i++)
		d.recipients[i] =
			(struct dropped_recipient){.notify = (uint16_t)mail->options->notify,
				.forward_path = mail->to.list[i]};
	dropped_add(&head, &d);
	errno = EFBIG;
	const bool ok = !buffer_failed(&head) &&
			descriptor_write_all(l->fd, buffer_view(&head)) == ERROR_NONE;
	memory_free(d.recipients);
	buffer_free(&head);
	return ok;
}

static bool write_content(const struct leaving *l)
{
	static uint8_t room[STEP];
	uint64_t done = 0;
	while (done < l->mail->octets) {
		const ssize_t n = pread(l->mail->content, room, sizeof room, (off_t)done);
		if (n <= 0 || descriptor_write_all(l->fd, view_of(room, (size_t)n)) != ERROR_NONE)
			return false;
		done += (uint64_t)n;
	}
	return true;
}

/* The directory cannot be opened for a sync of its own by those who may only write into it; a sync of the file
 * after its renaming brings both to the disk on the file systems that mail lies on. */
static bool write_file(struct leaving *l)
{
	l->fd = openat(l->directory, l->fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		FILE_MODE);
	if (l->fd < 0)
		return false;
	if (fchmod(l->fd, FILE_MODE) == 0 && write_head(l) && write_content(l) &&
		fsync(l->fd) == 0 && renameat(l->directory, l->fresh, l->directory, l->name) == 0 &&
		fsync(l->fd) == 0)
		return true;
	const int problem = errno;
	unlinkat(l->directory, l->fresh, 0);
	errno = problem;
	return false;
}

int down_post(const struct mail *mail)
{
	struct leaving l = {.mail = mail, .directory = -1, .fd = -1};
	const int state = state_open();
	if (state >= 0)
		l.directory = openat(
			state, CALLER_DROP_NAME, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	choose_name(&l);
	const bool ok = l.directory >= 0 && write_file(&l);
	if (!ok)
		say_trouble(
			"the server takes no mail now, and the mail cannot be left in {}/{} for "
			"it: {}",
			text_string(options_state()), text_string(CALLER_DROP_NAME),
			text_string(strerrordesc_np(errno)));
	else if (mail->options->is_verbose)
		say_trouble("the server takes no mail now; the mail waits for it");
	if (l.fd >= 0)
		close(l.fd);
	if (l.directory >= 0)
		close(l.directory);
	if (state >= 0)
		close(state);
	return ok ? SENDMAIL_FINE : SENDMAIL_LATER;
}
