/*
 * fetch, whole, among programs that somebody broke into (peers.h): it does not die or leak, keeps its bounds,
 * answers each question of relay once, and says no policy that relay could not read. Of the web it has
 * nothing: no authority is known, so that each fetch fails.
 */
#include "base/log.h"
#include "base/text.h"
#include "faces/fetch/fetchd.h"
#include "peers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RELAY, RESOLVE, GATE };

static void connect_relay(struct peers *all, int fd)
{
	server_connect(all->world, fd);
}

static void connect_resolve(struct peers *all, int fd)
{
	struct fetchd *d = all->world;
	resolve_client_connect(d->resolve, fd);
}

static void connect_gate(struct peers *all, int fd)
{
	struct fetchd *d = all->world;
	gate_client_connect(&d->gate, all->loop, fd);
}

static const struct view domains[] = {
	VIEW("a.example"), VIEW("b.example"), VIEW("_"), VIEW("no domain"), VIEW("")};
#define DOMAINS (sizeof domains / sizeof *domains)

/* A question that holds together: else few would ever begin. Or a minute passes. */
static void act(struct peers *all, struct cursor *in)
{
	struct fetchd *d = all->world;
	const uint32_t stream = 1 + cursor_u8(in) % 4;
	const struct view domain = domains[cursor_u8(in) % DOMAINS];
	if (cursor_u8(in) % 4 == 0)
		policy_tick(d);
	else if (all->peers[RELAY].channel && !all->peers[RELAY].is_torn &&
		 !streams_get(&d->questions, stream))
		channel_say(all->peers[RELAY].channel, FETCH_POLICY, stream, frame_bytes(domain));
}

static void relay_heard(struct peer *p, const struct frame *frame)
{
	struct arena a = arena_new(1u << 16);
	struct sts_policy policy;
	(void)p;
	if (frame->values[0].number == FETCH_FOUND)
		must(sts_policy_read(frame->values[1].bytes, &a, &policy) &&
			sts_id_is_sound(frame->values[2].bytes));
	arena_reset(&a);
}

/* Records and addresses for every second question; the others stay open. */
static void resolve_heard(struct peer *p, const struct frame *frame)
{
	static const struct view record = VIEW("\x0d\0\0\0v=STSv1; id=1");
	const struct ip address = {{0}};
	const struct host host = {.addresses = &address, .address_count = 1};
	const struct hosts hosts = {.hosts = &host, .count = 1};
	struct buffer packed = buffer_new(HOSTS_PACKED_MAX);
	hosts_add(&packed, &hosts);
	if (frame->stream % 2 == 0 || p->is_torn)
		;
	else if (frame->row->code == RESOLVE_TEXTS)
		channel_say(p->channel, RESOLVE_TEXTS_ARE, frame->stream, frame_number(LOOKUP_OK),
			frame_number(0), frame_bytes(record), frame_bytes(VIEW_NONE));
	else
		channel_say(p->channel, RESOLVE_HOSTS_ARE, frame->stream, frame_number(LOOKUP_OK),
			frame_bytes(buffer_view(&packed)), frame_bytes(VIEW_NONE));
	buffer_free(&packed);
}

/* A row for every third, none for another, nothing for the last. */
static void gate_heard(struct peer *p, const struct frame *frame)
{
	static const struct view mx[] = {VIEW("mx.example")};
	const struct sts_policy policy = {STS_MODE_ENFORCE, 100, mx, 1};
	struct buffer row = buffer_new(POLICY_ROW_MAX);
	policy_row_add(&row, frame->stream % 2 ? VIEW("1") : VIEW("2"), &policy);
	if (p->is_torn || frame->stream % 3 == 0)
		;
	else if (frame->stream % 3 == 1)
		channel_say(p->channel, GATE_ROW, frame->stream, frame_bytes(buffer_view(&row)),
			frame_number(frame->stream % 100));
	else
		channel_say(p->channel, GATE_NONE, frame->stream);
	buffer_free(&row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor in = cursor_of(view_of(data, size));
	struct program program = {.loop = loop_new(), .id = PROGRAM_FETCH, .workers = 1};
	struct fetchd *d = fetchd_new(&program);
	struct peers all = {.loop = program.loop,
		.count = 3,
		.world = d,
		.act = act,
		.peers = {[RELAY] = {.protocol = &relay_fetch,
				  .side = FRAME_A,
				  .connect = connect_relay,
				  .heard = relay_heard},
			[RESOLVE] = {.protocol = &any_resolve,
				.side = FRAME_B,
				.connect = connect_resolve,
				.heard = resolve_heard},
			[GATE] = {.protocol = &any_gate,
				.side = FRAME_B,
				.connect = connect_gate,
				.heard = gate_heard}}};
	log_threshold((enum log_level)(LOG_ERROR + 1));
	fetchd_warm(d, VIEW_NONE);
	fetchd_go(d);
	peers_play(&all, &in);
	for (size_t i = 0; i < all.count; i++)
		peer_hang_up(&all.peers[i]);
	peers_turn(&all, 3);
	must(streams_count(&d->questions) == 0 && d->domains <= PEERS_OPS_MAX);
	fetchd_free(&d);
	loop_free(&program.loop);
	return 0;
}
