/*
 * smtpd, whole, with clients that say anything, among a spool, an auth, a keys, a gate and a resolve that somebody
 * broke into (peers.h): it does not die or leak, and nobody who is still there is left without an answer that it
 * owes. What a keeper says out of turn closes that channel, and the face goes on.
 */
#include "base/log.h"
#include "channels/face_auth.h"
#include "channels/face_keys.h"
#include "faces/smtpd/smtpd.h"
#include "peers.h"
#include "visitors.h"

#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct view lines[] = {VIEW("EHLO client.example.org\r\n"),
	VIEW("HELO [192.0.2.9]\r\n"), VIEW("MAIL FROM:<a@sender.example> BODY=8BITMIME\r\n"),
	VIEW("RCPT TO:<hana@example.test>\r\n"),
	VIEW("RCPT TO:<taro@example.test> NOTIFY=NEVER\r\n"), VIEW("DATA\r\n"),
	VIEW("Subject: x\r\n\r\nline\r\n"), VIEW(".\r\n"), VIEW("BDAT 6\r\nline\r\n"),
	VIEW("BDAT 0 LAST\r\n"), VIEW("AUTH PLAIN\r\n"), VIEW("AUTH LOGIN aGFuYQ==\r\n"),
	VIEW("AUTH SCRAM-SHA-256\r\n"), VIEW("AGhhbmEAcGVuY2ls\r\n"), VIEW("*\r\n"),
	VIEW("VRFY hana\r\n"), VIEW("RSET\r\n"), VIEW("NOOP\r\n"), VIEW("QUIT\r\n"),
	VIEW("MAIL FROM:<a@sender.example>\r\nRCPT TO:<hana@example.test>\r\nDATA\r\n"),
	VIEW("MAIL FROM:<hana@example.test>\r\n"),
	VIEW("From: hana@example.test, hana+x@example.test\r\n\r\nx\r\n.\r\n"),
	VIEW("RCPT TO:<away@example.test>\r\n"), VIEW("RCPT TO:<x@kept.example>\r\n"),
	VIEW("RCPT TO:<SRS0=AAAAAAAA=AA=other.example=x@example.test>\r\n"),
	VIEW("MAIL FROM:<SRS1=x=example.test==a=b=c=d@other.example>\r\n"),
	VIEW("ETRN @kept.example\r\n"), VIEW("RCPT TO:<anna@other.example>\r\n"),
	VIEW("MAIL FROM:<away@example.test>\r\n")};

static void connect_spool(struct peers *all, int fd)
{
	spool_client_connect(all->world, fd);
}
static void connect_auth(struct peers *all, int fd)
{
	auth_client_connect(((struct smtpd *)all->world)->auth, fd);
}
static void connect_keys(struct peers *all, int fd)
{
	keys_client_connect(((struct smtpd *)all->world)->keys, fd);
}

static void connect_gate(struct peers *all, int fd)
{
	gate_client_connect(&((struct smtpd *)all->world)->gate, all->loop, fd);
}

static void connect_resolve(struct peers *all, int fd)
{
	resolve_client_connect(((struct smtpd *)all->world)->resolve, fd);
}

/* Who comes has no name, so that there are greetings. */
static void answer_name(struct peer *peer, const struct frame *frame)
{
	if (frame->row->code == RESOLVE_CLIENT)
		channel_say(peer->channel, RESOLVE_CLIENT_IS, frame->stream,
			frame_number(LOOKUP_NOTHING), frame_bytes(VIEW_NONE));
}

static struct visitors visitors;

static void act(struct peers *all, struct cursor *in)
{
	(void)all;
	visitors_act(&visitors, in);
}

static unsigned came; /* in this play */

static void begin(void *face, const struct arrival *arrival)
{
	static const enum parent_listen kinds[] = {
		LISTEN_SMTP, LISTEN_SMTP, LISTEN_SUBMISSION, LISTEN_SMTP, LISTEN_SUBMISSIONS};
	session_begin(face, arrival, kinds[came++ % 5]);
}

static void sweep(void *face)
{
	patience_sweep(face);
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
	struct smtpd *d = memory_new(1, sizeof *d);
	struct peers all = {.loop = loop_new(),
		.count = 5,
		.world = d,
		.act = act,
		.peers = {{.protocol = &smtpd_spool, .side = FRAME_B, .connect = connect_spool},
			{.protocol = &face_auth, .side = FRAME_B, .connect = connect_auth},
			{.protocol = &face_keys, .side = FRAME_B, .connect = connect_keys},
			{.protocol = &any_gate, .side = FRAME_B, .connect = connect_gate},
			{.protocol = &any_resolve,
				.side = FRAME_B,
				.connect = connect_resolve,
				.heard = answer_name}}};
	struct program program = {.loop = all.loop, .state = d, .workers = 1};
	visitors = (struct visitors){.lines = lines,
		.line_count = sizeof lines / sizeof *lines,
		.begin = begin,
		.sweep = sweep,
		.face = d};
	came = 0;
	d->program = &program;
	d->generation = generation_new(visitors_site());
	d->room = (struct room){.census = census(),
		.limits = {.sessions = 4, .of_address = 3, .pace = {1000, 1}},
		.workers = 1,
		.sessions_max = 4,
		.gives_up = session_gives_up};
	d->streams = streams_new(8);
	d->keys = keys_client_new(&program);
	d->auth = auth_client_new(&program, session_login_answered);
	d->resolve = resolve_client_new(&program);
	peers_play(&all, in);
	visitors_leave(&visitors);
	peers_turn(&all, 5);
	if (d->room.sessions) /* those that wait for an answer; their time is over */
		for (struct place *p; (p = places_first(&d->room.places));)
			session_end(p->owner, false);
	must(census_total(d->room.census) == 0 && census_inside(d->room.census) == 0);
	peers_turn(&all, 5);
	must(!d->spool && streams_count(&d->streams) == 0 && d->memory == 0);
	must(!d->gate.channel && streams_count(&d->gate.questions) == 0);
	streams_free(&d->streams);
	streams_free(&d->gate.questions);
	auth_client_free(&d->auth);
	resolve_client_free(&d->resolve);
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
