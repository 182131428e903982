#include "peers.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define STREAMS 4u

/* What gets past the first checks. */
static const struct view words[] = {VIEW(""), VIEW("hana"), VIEW("taro"), VIEW("jun"),
	VIEW("nobody"), VIEW("PLAIN"), VIEW("LOGIN"), VIEW("SCRAM-SHA-256"),
	VIEW("SCRAM-SHA-256-PLUS"), VIEW("\0hana\0pencil"), VIEW("\0hana\0wrong"), VIEW("pencil"),
	VIEW("n,,n=hana,r=fyko"), VIEW("p=tls-exporter,,n=hana,r=fyko"),
	VIEW("c=biws,r=fyko,p=AAAA"), VIEW("\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1"),
	VIEW("\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1"), VIEW("guess:a:1"), VIEW("known:x:1"),
	VIEW("seen:hana:1"), VIEW("open:1"), VIEW("known:1"), VIEW("mails:1"), VIEW("none:1"),
	VIEW("a binding of thirty-two octets.."), VIEW("\1\0\0\0"), VIEW("\1\0\0\0\2\0\0\0"),
	VIEW("\xff\xff\xff\xff\0\0\0\0"), VIEW("\1\0\0\0\5\0\0\0\0\0\0\0\4abcd"),
	VIEW("\1\0\0\0\5\0\0\0\0\0\0\0\xff"
	     "abcd"),
	VIEW("\1\0\0\0\5\0\0\0\0\0\0\0\4abcd\2\0\0\0\6\0\0\0\0\0\0\0\4efgh"), VIEW("first"),
	VIEW("Subject: x\r\n\r\nline\r\n"), VIEW("line\r\n.\r\nline"), VIEW("bare\nlf")};
#define WORDS (sizeof words / sizeof *words)

/* --- what the program says ---------------------------------------------------------------- */

static uint32_t any_state(void *context, uint32_t stream)
{
	(void)context;
	(void)stream;
	return UINT32_MAX;
}

static void said(void *context, const struct frame *frame)
{
	struct peer *p = context;
	if (p->heard)
		p->heard(p, frame);
}

static void closed(void *context, const char *broken)
{
	struct peer *p = context;
	must(!broken); /* the program said what its table does not allow */
	channel_free(&p->channel);
}

void peer_connect(struct peer *p)
{
	static const struct channel_handler handler = {any_state, said, closed};
	int fds[2];
	peer_hang_up(p);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
	p->fd = fds[0];
	p->must_close = p->is_torn = false;
	p->channel = channel_new(p->peers->loop, p->protocol, p->side, fds[0], &handler, p);
	p->connect(p->peers, fds[1]);
}

void peer_hang_up(struct peer *p)
{
	channel_free(&p->channel);
}

void peers_turn(struct peers *all, unsigned turns)
{
	for (unsigned i = 0; i < turns; i++)
		loop_turn(all->loop, 0);
}

/* --- what is said to it ------------------------------------------------------------------- */

static void say(struct peer *p, struct view octets)
{
	if (p->channel && write(p->fd, octets.at, octets.length) != (ssize_t)octets.length)
		peer_hang_up(p); /* it does not read: enough */
}

static uint64_t choose_number(struct cursor *in, uint64_t max)
{
	const uint8_t k = cursor_u8(in);
	if (k < 240)
		return k < max ? k : max;
	return k < 250 || max == UINT64_MAX ? max : max + 1;
}

/* Whether it keeps its limit. */
static bool add_number(struct buffer *b, const struct frame_field *field, struct cursor *in)
{
	const uint64_t n = choose_number(in, field->max);
	if (field->kind == FRAME_U32)
		buffer_add_u32(b, (uint32_t)n);
	else
		buffer_add_u64(b, n);
	return (field->kind == FRAME_U32 ? (uint32_t)n : n) <= field->max;
}

static bool add_octets(struct buffer *b, const struct frame_field *field, struct cursor *in)
{
	const uint8_t k = cursor_u8(in);
	struct view octets = k < WORDS ? words[k] : cursor_take(in, k - WORDS);
	const size_t length = k == 255 ? field->max + 1 : octets.length;
	buffer_add_u32(b, (uint32_t)length);
	if (k == 255)
		buffer_add_zeros(b, length);
	else
		buffer_add(b, octets);
	return length <= field->max;
}

static void say_frame(struct peer *p, struct cursor *in)
{
	const struct frame_row *row = &p->protocol->rows[cursor_u8(in) % p->protocol->count];
	struct buffer b = buffer_new(FRAME_MAX + FRAME_HEADER);
	bool fine = row->from == p->side;
	buffer_add_u32(&b, 0);
	buffer_add_u16(&b, row->code);
	buffer_add_u16(&b, 0);
	buffer_add_u32(&b, 1 + cursor_u8(in) % STREAMS);
	for (size_t i = 0; i < FRAME_FIELDS && row->fields[i].name; i++) {
		const struct frame_field *field = &row->fields[i];
		const bool keeps = field->kind == FRAME_BYTES ? add_octets(&b, field, in)
							      : add_number(&b, field, in);
		fine = fine && keeps;
	}
	if (!buffer_failed(&b)) {
		buffer_patch_u32(&b, 0, (uint32_t)(b.length - FRAME_HEADER));
		p->must_close = p->must_close || (!fine && !p->is_torn);
		say(p, buffer_view(&b));
	}
	buffer_free(&b);
}

static void check_closed(struct peers *all, struct peer *p)
{
	for (int i = 0; i < 1000 && p->channel; i++)
		loop_turn(all->loop, 1);
	must(!p->channel); /* what may not be said closes the channel */
}

static void play_one(struct peers *all, struct cursor *in)
{
	const uint8_t op = cursor_u8(in);
	struct peer *p = &all->peers[op % all->count];
	switch (op / all->count % 8) {
	case 0:
		peer_hang_up(p);
		break;
	case 1:
		peer_connect(p);
		break;
	case 2:
		say(p, cursor_take(in, cursor_u8(in)));
		p->is_torn = true; /* what follows may be the rest of a frame */
		break;
	case 3:
		peers_turn(all, 3);
		break;
	case 4:
		if (all->act)
			all->act(all, in);
		break;
	default:
		say_frame(p, in);
		break;
	}
	if (p->channel && p->must_close)
		check_closed(all, p);
}

void peers_play(struct peers *all, struct cursor *in)
{
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < all->count; i++) {
		all->peers[i].peers = all;
		peer_connect(&all->peers[i]);
	}
	for (int i = 0; i < PEERS_OPS_MAX && cursor_left(in); i++) {
		play_one(all, in);
		peers_turn(all, 1);
	}
	for (size_t i = 0; i < all->count; i++)
		peer_hang_up(&all->peers[i]);
	peers_turn(all, 3);
}
