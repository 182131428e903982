/*
 * relay, whole, among programs that somebody broke into (peers.h) and hosts that say anything: it does not die or leak,
 * each recipient has one RESULT at the most, and the last octet of a mail goes out only when END has come.
 */
#include "base/log.h"
#include "base/text.h"
#include "faces/relay/relay.h"
#include "peers.h"
#include "site.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SPOOL, RESOLVE, FETCH };
#define FIRST 100u /* those of mails that hold together; peers.h has lower ones */
#define STREAMS 4u
#define HOSTS 3
#define RECIPIENTS 3

/* --- hosts ---------------------------------------------------------------------------------- */

static const struct view lines[] = {VIEW("220 mx.example ESMTP\r\n"),
	VIEW("250-mx.example\r\n250-PIPELINING\r\n250-SIZE "
	     "1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN\r\n"),
	VIEW("250-mx.example\r\n250-CHUNKING\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES\r\n"),
	VIEW("250-mx.example\r\n250-STARTTLS\r\n250 REQUIRETLS\r\n"), VIEW("250 mx.example\r\n"),
	VIEW("250 2.1.5 ok\r\n"), VIEW("354 go on\r\n"), VIEW("452 4.5.3 too many\r\n"),
	VIEW("450 4.2.0 later\r\n"), VIEW("550 5.1.1 no\r\n"), VIEW("554 5.7.1 never\r\n"),
	VIEW("421 4.3.2 closing\r\n"), VIEW("250-a\r\n"), VIEW("500 what\r\n"),
	VIEW("220 2.0.0 go ahead\r\n"), VIEW("nonsense\r\n")};
#define LINES (sizeof lines / sizeof *lines)

static int listening = -1;
static uint16_t port;
static int fds[HOSTS]; /* the hosts' ends; 0: none */

static void listen_once(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof at;
	if (listening >= 0)
		return;
	listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	must(bind(listening, (struct sockaddr *)&at, sizeof at) == 0);
	must(listen(listening, 64) == 0);
	must(getsockname(listening, (struct sockaddr *)&at, &length) == 0);
	port = ntohs(at.sin_port);
}

static void leave(size_t i)
{
	if (fds[i])
		close(fds[i]);
	fds[i] = 0;
}

static void hosts_leave(void)
{
	int fd;
	for (size_t i = 0; i < HOSTS; i++)
		leave(i);
	while ((fd = accept(listening, NULL, NULL)) >= 0)
		close(fd);
}

/* What it says is to arrive at once. */
static void come(size_t i)
{
	const int on = 1;
	const int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
	fds[i] = fd;
}

static void host_says(size_t i, struct view octets)
{
	static uint8_t room[65536];
	if (!fds[i])
		come(i);
	if (!fds[i])
		return;
	while (read(fds[i], room, sizeof room) > 0)
		continue;
	if (write(fds[i], octets.at, octets.length) != (ssize_t)octets.length)
		leave(i);
}

/* --- spool ---------------------------------------------------------------------------------- */

static struct mail {
	bool is_there;
	bool ended;
	uint32_t left; /* octets */
	bool has_result[RECIPIENTS];
} mails[STREAMS];

static void spool_heard(struct peer *p, const struct frame *frame)
{
	const uint64_t index = frame->values[0].number;
	if (frame->stream < FIRST || p->is_torn)
		return;
	struct mail *m = &mails[frame->stream - FIRST];
	if (frame->row->code == RELAY_RESULT && m->is_there) {
		must(index < RECIPIENTS && !m->has_result[index]);
		m->has_result[index] = true;
	} else if (frame->row->code == RELAY_FINISHED && m->is_there) {
		must(m->ended);
		for (size_t i = 0; i < RECIPIENTS; i++)
			must(m->has_result[i]);
		m->is_there = false;
	}
}

static void begin(struct peer *spool, uint32_t stream, struct cursor *in)
{
	static const struct view domains[] = {
		VIEW("a.example"), VIEW("b.example"), VIEW("[192.0.2.1]")};
	static const uint32_t sizes[] = {
		0, 1, 70, 30000, RELAY_CREDIT_FIRST, RELAY_CREDIT_FIRST + 9};
	struct buffer packed = buffer_new(4096);
	const uint32_t octets = sizes[cursor_u8(in) % (sizeof sizes / sizeof *sizes)];
	const uint32_t flags = cursor_u8(in) & 127u;
	const struct view domain = domains[cursor_u8(in) % 3];
	for (uint32_t i = 0; i < RECIPIENTS; i++)
		envelope_departure_add(&packed, &(struct envelope_departure){.index = i,
							.forward_path = VIEW("x@a.example")});
	mails[stream - FIRST] = (struct mail){.is_there = true, .left = octets};
	channel_say(spool->channel, RELAY_BEGIN, stream, frame_number(7), frame_number(octets),
		frame_number(1), frame_number(flags), frame_bytes(domain),
		frame_bytes(buffer_view(&packed)), frame_bytes(VIEW("hana@example.test")),
		frame_bytes(VIEW_NONE));
	buffer_free(&packed);
}

static void go_on(struct peer *spool, uint32_t stream, struct cursor *in)
{
	static uint8_t octets[RELAY_CREDIT_FIRST];
	struct mail *m = &mails[stream - FIRST];
	const uint8_t what = cursor_u8(in);
	const uint32_t step = 1 + what * 200u;
	const uint32_t most = step < sizeof octets ? step : sizeof octets;
	const uint32_t part = m->left < most ? m->left : most;
	if (part) {
		octets[what] = '\n';
		channel_say(
			spool->channel, RELAY_CONTENT, stream, frame_bytes(view_of(octets, part)));
		m->left -= part;
	} else {
		m->ended = true;
		channel_say(spool->channel, RELAY_END, stream, frame_number(what % 4 != 0));
	}
}

static void spool_acts(struct peer *spool, struct cursor *in)
{
	const uint32_t stream = FIRST + cursor_u8(in) % STREAMS;
	const struct mail *m = &mails[stream - FIRST];
	if (!spool->channel || spool->is_torn)
		return;
	if (!m->is_there)
		begin(spool, stream, in);
	else if (!m->ended)
		go_on(spool, stream, in);
}

/* --- resolve, fetch ------------------------------------------------------------------------- */

/* Two hosts here for most questions, of which none is where nobody listens; a few have none, or stay open. */
static void resolve_heard(struct peer *p, const struct frame *frame)
{
	static const struct ip here = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}};
	struct host list[2] = {0};
	for (size_t i = 0; i < 2; i++) {
		list[i].name.name = i ? VIEW("mx2.example") : VIEW("mx.example");
		list[i].addresses = &here;
		list[i].address_count = 1;
	}
	const struct hosts hosts = {.hosts = list, .count = 2};
	struct buffer packed = buffer_new(HOSTS_PACKED_MAX);
	hosts_add(&packed, &hosts);
	if (p->is_torn || frame->stream % 8 == 7)
		;
	else if (frame->stream % 8 == 6)
		channel_say(p->channel, RESOLVE_HOSTS_ARE, frame->stream,
			frame_number(LOOKUP_NOTHING), frame_bytes(VIEW_NONE),
			frame_bytes(VIEW("no such domain")));
	else
		channel_say(p->channel, RESOLVE_HOSTS_ARE, frame->stream, frame_number(LOOKUP_OK),
			frame_bytes(buffer_view(&packed)), frame_bytes(VIEW_NONE));
	buffer_free(&packed);
}

static void fetch_heard(struct peer *p, const struct frame *frame)
{
	static const struct view mx[] = {VIEW("mx.example")};
	const struct sts_policy policy = {STS_MODE_ENFORCE, 100, mx, 1};
	struct buffer packed = buffer_new(STS_PACKED_MAX);
	sts_policy_add(&packed, &policy);
	if (p->is_torn || frame->stream % 8 == 7)
		;
	else if (frame->stream % 8 == 6)
		channel_say(p->channel, FETCH_POLICY_IS, frame->stream, frame_number(FETCH_FOUND),
			frame_bytes(buffer_view(&packed)), frame_bytes(VIEW("1")),
			frame_bytes(VIEW_NONE));
	else
		channel_say(p->channel, FETCH_POLICY_IS, frame->stream, frame_number(FETCH_ABSENT),
			frame_bytes(VIEW_NONE), frame_bytes(VIEW_NONE), frame_bytes(VIEW_NONE));
	buffer_free(&packed);
}

/* --- the play ------------------------------------------------------------------------------- */

static void time_passes(struct relayd *d, uint64_t ms)
{
	struct session *next;
	for (struct session *s = d->sessions; s; s = next) {
		next = s->all_next;
		session_tick(s, loop_now_ms(d->program->loop) + ms);
	}
}

static void act(struct peers *all, struct cursor *in)
{
	const uint8_t op = cursor_u8(in);
	switch (op % 8) {
	case 0:
		leave(op / 8 % HOSTS);
		return;
	case 1:
		time_passes(all->world, op > 200 ? 3600000 : 11000);
		return;
	case 2:
		host_says(op / 8 % HOSTS, cursor_take(in, cursor_u8(in)));
		return;
	case 3:
	case 4:
		spool_acts(&all->peers[SPOOL], in);
		return;
	default:
		host_says(op / 8 % HOSTS, lines[cursor_u8(in) % LINES]);
		return;
	}
}

static void connect_spool(struct peers *all, int fd)
{
	for (size_t i = 0; i < STREAMS; i++)
		mails[i] = (struct mail){.is_there = false};
	spool_side_connect(all->world, fd);
}

static void connect_resolve(struct peers *all, int fd)
{
	struct relayd *d = all->world;
	resolve_client_connect(d->resolve, fd);
}

static void connect_fetch(struct peers *all, int fd)
{
	policy_connect(all->world, fd);
}

/* All by one host that the settings name: the DNS' hosts are asked at port 25, where nobody is. */
static enum error read_file(void *context, struct view name, struct buffer *out)
{
	(void)context;
	(void)name;
	text_add(out, "127.0.0.1:{}\n", text_number(port));
	return ERROR_NONE;
}

static struct snapshot *site(bool has_smarthost)
{
	static const struct config_file list[] = {{VIEW("smarthost"), 0600, true}};
	const struct config_files files = {list, has_smarthost, read_file, NULL};
	return site_of(&files);
}

static void relayd_end(struct relayd *d)
{
	while (d->sessions)
		session_drop(d->sessions);
	must(streams_count(&d->departures) == 0 && streams_count(&d->policies) == 0);
	for (size_t i = 0; i < DESTINATION_SLOTS; i++)
		must(!d->destinations[i]);
	channel_free(&d->fetch);
	resolve_client_free(&d->resolve);
	streams_free(&d->departures);
	streams_free(&d->policies);
	snapshot_drop(&d->snapshot);
	timer_free(&d->tick);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tls_client *tls;
	struct cursor in = cursor_of(view_of(data, size));
	struct program program = {.loop = loop_new(), .id = PROGRAM_RELAY, .workers = 1};
	struct relayd *d = relayd_new(&program);
	struct peers all = {.loop = program.loop,
		.count = 3,
		.world = d,
		.act = act,
		.peers = {[SPOOL] = {.protocol = &spool_relay,
				  .side = FRAME_A,
				  .connect = connect_spool,
				  .heard = spool_heard},
			[RESOLVE] = {.protocol = &any_resolve,
				.side = FRAME_B,
				.connect = connect_resolve,
				.heard = resolve_heard},
			[FETCH] = {.protocol = &relay_fetch,
				.side = FRAME_B,
				.connect = connect_fetch,
				.heard = fetch_heard}}};
	log_threshold((enum log_level)(LOG_ERROR + 1));
	listen_once();
	if (!tls) {
		tls_warm();
		tls = tls_client_new();
	}
	d->tls = tls;
	relayd_config(d, site(cursor_u8(&in) % 8));
	relayd_go(d);
	peers_play(&all, &in);
	hosts_leave();
	peers_turn(&all, 3);
	relayd_end(d);
	memory_free(d);
	loop_free(&program.loop);
	return 0;
}
