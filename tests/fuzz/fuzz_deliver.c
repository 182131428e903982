/*
 * deliver, whole, among programs that somebody broke into (peers.h): it does not die or leak, writes nothing
 * outside the directory of mailboxes, and says only what its tables allow. Honest mail from spool in
 * between, so that there is something to be in the middle of.
 */
#include "base/log.h"
#include "keepers/deliver/deliverd.h"
#include "peers.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char outside[] = "/dev/shm/fuzz-deliver-XXXXXX";

/* Everything below `name`, and then that. */
static void clear(int at, const char *name)
{
	const int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	for (const struct dirent *e; list && (e = readdir(list));) {
		if (view_equal(view_text(e->d_name), VIEW(".")) ||
			view_equal(view_text(e->d_name), VIEW("..")))
			continue;
		if (unlinkat(fd, e->d_name, 0) != 0)
			clear(fd, e->d_name);
	}
	if (list)
		closedir(list);
	unlinkat(at, name, AT_REMOVEDIR);
}

static void clean(void)
{
	clear(AT_FDCWD, outside);
}

static int open_outside(void)
{
	static int fd = -1;
	if (fd < 0) {
		must(mkdtemp(outside) != NULL);
		fd = open(outside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		atexit(clean);
	}
	return fd;
}

static void check_outside(int at)
{
	DIR *list = fdopendir(openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	size_t count = 0;
	for (const struct dirent *e; (e = readdir(list));)
		count += e->d_name[0] != '.';
	closedir(list);
	must(count == 1);
}

static void connect_spool(struct peers *all, int fd)
{
	spool_connect(all->world, fd);
}
static void connect_gate(struct peers *all, int fd)
{
	duplicate_connect(all->world, fd);
}
static void connect_mailbox(struct peers *all, int fd)
{
	settle_connect(all->world, fd);
}

static const struct view mails[] = {VIEW("Message-ID: <a@b>\r\n\r\nbody\r\n"),
	VIEW("Subject: no id\r\n\r\nbody\r\n"), VIEW("")};

/* A mail as spool would send it. */
static void act_mail(struct peers *all, struct cursor *in)
{
	const uint8_t k = cursor_u8(in);
	const uint8_t how = cursor_u8(in);
	struct channel *c = all->peers[0].channel;
	static uint32_t stream;
	struct buffer list = buffer_new(4096);
	const struct view mail = mails[k % 3];
	if (!c)
		return;
	stream = stream % 4000 + 100;
	envelope_delivery_add(&list, &(struct envelope_delivery){0, VIEW("hana"), VIEW("h@x")});
	if (k & 4)
		envelope_delivery_add(
			&list, &(struct envelope_delivery){1, VIEW("taro"), VIEW("t@x")});
	const bool large = k & 8;
	const uint64_t size = large && !(k & 4) ? WHOLE_MAX + 5 : mail.length;
	channel_say(c, DELIVER_BEGIN, stream, frame_number(k >> 5), frame_number(7),
		frame_number(size), frame_number(1700000000), frame_number(how % 16),
		frame_bytes(buffer_view(&list)), frame_bytes(VIEW("s@x")));
	buffer_free(&list);
	uint8_t *zeros = memory_new(1, DELIVER_CHUNK_MAX);
	for (uint64_t sent = 0; sent < size && size > WHOLE_MAX; sent += DELIVER_CHUNK_MAX) {
		const uint64_t left = size - sent;
		if (sent >= WHOLE_MAX)
			peers_turn(all, 3); /* credit */
		if (!all->peers[0].channel)
			break;
		channel_say(all->peers[0].channel, DELIVER_CONTENT, stream,
			frame_bytes(view_of(zeros,
				left < DELIVER_CHUNK_MAX ? (size_t)left : DELIVER_CHUNK_MAX)));
	}
	memory_free(zeros);
	if (size == mail.length && mail.length)
		channel_say(c, DELIVER_CONTENT, stream, frame_bytes(mail));
	if (all->peers[0].channel)
		channel_say(all->peers[0].channel, DELIVER_END, stream, frame_number(!(k & 16)));
}

/* gate is honest now and then: else nothing that has a Message-ID is ever placed. */
static void gate_heard(struct peer *p, const struct frame *frame)
{
	if (frame->row->code == GATE_CLAIM && frame->stream % 4)
		channel_say(p->channel, GATE_NONE, frame->stream);
}

static void play(struct cursor *in)
{
	struct snapshot *snapshot = memory_new(1, sizeof *snapshot);
	*snapshot = (struct snapshot){
		.references = 1000000, .mailboxes = VIEW("/var/lib/sekisho/mail/LOCALPART/")};
	snapshot->numbers[SETTING_DUPLICATEWINDOW] = 3600;
	snapshot->servername.name = VIEW("mail.example.test");
	const int out = open_outside();
	mkdirat(out, "mail", 0700);
	struct peers all = {.loop = loop_new(),
		.count = 3,
		.act = act_mail,
		.peers = {{.protocol = &spool_deliver, .side = FRAME_A, .connect = connect_spool},
			{.protocol = &any_gate,
				.side = FRAME_B,
				.connect = connect_gate,
				.heard = gate_heard},
			{.protocol = &mailbox_deliver,
				.side = FRAME_A,
				.connect = connect_mailbox}}};
	struct program program = {.loop = all.loop};
	struct deliverd *d = deliverd_new(&program, mail_disk_posix());
	all.world = d;
	deliverd_root(d, openat(out, "mail", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	must(deliverd_config(d, snapshot));
	d->threads = 4;
	deliverd_prepare(d);
	deliverd_go(d);
	peers_play(&all, in);
	for (size_t i = 0; i < all.count; i++)
		peer_hang_up(&all.peers[i]);
	peers_turn(&all, 2);
	deliverd_free(&d);
	memory_free(snapshot);
	loop_free(&all.loop);
	check_outside(out);
	clear(out, "mail");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor in = cursor_of(view_of(data, size));
	log_threshold((enum log_level)(LOG_ERROR + 1));
	play(&in);
	return 0;
}
