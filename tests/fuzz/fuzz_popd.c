/*
 * popd, whole, with clients that say anything, among a mailbox, an auth and a keys that somebody broke
 * into (peers.h): it does not die or leak, and nobody who is still there is left without an answer that it
 * owes. What a keeper says out of turn closes that channel, and the face goes on.
 */
#include "base/log.h"
#include "channels/face_auth.h"
#include "channels/face_keys.h"
#include "faces/popd/popd.h"
#include "peers.h"
#include "visitors.h"

#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct view lines[] = {VIEW("CAPA\r\n"), VIEW("USER hana\r\n"),
	VIEW("PASS pencil\r\n"), VIEW("USER hana\r\nPASS pencil\r\n"), VIEW("AUTH PLAIN\r\n"),
	VIEW("AUTH SCRAM-SHA-256\r\n"), VIEW("AGhhbmEAcGVuY2ls\r\n"), VIEW("*\r\n"),
	VIEW("STAT\r\n"), VIEW("LIST\r\n"), VIEW("UIDL\r\n"), VIEW("RETR 1\r\n"),
	VIEW("TOP 1 1\r\n"), VIEW("DELE 1\r\n"), VIEW("RSET\r\n"), VIEW("NOOP\r\n"),
	VIEW("UTF8\r\n"), VIEW("LANG ja\r\n"), VIEW("QUIT\r\n"),
	VIEW("RETR 1\r\nRETR 2\r\nQUIT\r\n")};

static void connect_mailbox(struct peers *all, int fd)
{
	mailbox_connect(all->world, fd);
}
static void connect_auth(struct peers *all, int fd)
{
	auth_client_connect(((struct popd *)all->world)->auth, fd);
}
static void connect_keys(struct peers *all, int fd)
{
	keys_client_connect(((struct popd *)all->world)->keys, fd);
}

static struct visitors visitors;

static void act(struct peers *all, struct cursor *in)
{
	(void)all;
	visitors_act(&visitors, in);
}

static void begin(void *face, const struct arrival *arrival)
{
	session_begin(face, arrival, false);
}

static void sweep(void *face)
{
	session_sweep(face);
}

static struct census *census(void)
{
	static struct census *one;
	const int fd = one ? -1 : census_create(1);
	if (!one) {
		one = census_map(fd, 0, 1);
		close(fd);
	}
	must(one != NULL);
	return one;
}

static void play(struct cursor *in)
{
	struct popd *d = memory_new(1, sizeof *d);
	struct peers all = {.loop = loop_new(),
		.count = 3,
		.world = d,
		.act = act,
		.peers = {{.protocol = &popd_mailbox, .side = FRAME_B, .connect = connect_mailbox},
			{.protocol = &face_auth, .side = FRAME_B, .connect = connect_auth},
			{.protocol = &face_keys, .side = FRAME_B, .connect = connect_keys}}};
	struct program program = {.loop = all.loop, .state = d, .workers = 1};
	visitors = (struct visitors){.lines = lines,
		.line_count = sizeof lines / sizeof *lines,
		.begin = begin,
		.sweep = sweep,
		.face = d};
	d->program = &program;
	d->generation = generation_new(visitors_site(), false);
	d->room = (struct room){.census = census(),
		.limits = {.sessions = 4, .of_address = 3, .pace = {1000, 1}},
		.workers = 1,
		.sessions_max = 4,
		.gives_up = session_gives_up};
	d->numbers = streams_new(8);
	d->kick = timer_new(all.loop, session_go_on_ready, d);
	d->keys = keys_client_new(&program);
	d->auth = auth_client_new(&program, ask_login_answered);
	peers_play(&all, in);
	visitors_leave(&visitors);
	peers_turn(&all, 5);
	if (d->room.sessions) /* those that wait for an answer; their time is over */
		for (struct place *p; (p = places_first(&d->room.places));)
			session_end(p->owner, "over", false);
	must(census_total(d->room.census) == 0 && census_inside(d->room.census) == 0);
	peers_turn(&all, 5);
	must(!d->mailbox && streams_count(&d->numbers) == 0);
	streams_free(&d->numbers);
	timer_free(&d->kick);
	auth_client_free(&d->auth);
	keys_client_free(&d->keys);
	generation_drop(&d->generation);
	loop_free(&all.loop);
	memory_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor in = cursor_of(view_of(data, size));
	log_threshold((enum log_level)(LOG_ERROR + 1));
	play(&in);
	return 0;
}
