#include "faces/popd/popd.h"

#include "base/random.h"
#include "faces/shared/certificate_given.h"

#include <unistd.h>

#define SWEEP_MS 1000u

static struct popd popd;

static const char *on_config(struct program *p, uint64_t generation, int fd)
{
	(void)p;
	(void)generation;
	struct snapshot *snapshot;
	if (snapshot_map(fd, &snapshot) != ERROR_NONE)
		return "popd cannot read its snapshot";
	generation_drop(&popd.generation);
	popd.generation = generation_new(snapshot, popd.tls != NULL);
	popd.room.limits =
		(struct room_limits){.sessions = (uint32_t)snapshot->numbers[SETTING_SESSIONLIMIT],
			.of_address = (uint32_t)snapshot->numbers[SETTING_CLIENTLIMIT],
			.pace = {POPD_CROWD_GRACE_MS, POPD_CROWD_OCTETS_S}};
	return NULL;
}

static void on_peer(
	struct program *p, enum program_id id, uint32_t worker, uint32_t workers, int fd)
{
	(void)p;
	(void)worker;
	(void)workers;
	if (id == PROGRAM_MAILBOX)
		mailbox_connect(&popd, fd);
	else if (id == PROGRAM_AUTH)
		auth_client_connect(popd.auth, fd);
	else if (id == PROGRAM_KEYS)
		keys_client_connect(popd.keys, fd);
	else
		close(fd);
}

static void on_listen(struct program *p, enum parent_listen kind, int fd)
{
	(void)p;
	if ((kind != LISTEN_POP3 && kind != LISTEN_POP3S) ||
		popd.listening_count >= LISTENERS_MAX) {
		close(fd);
		return;
	}
	popd.listening[popd.listening_count].fd = fd;
	popd.listening[popd.listening_count++].kind = kind;
}

static void take_certificate(int fd)
{
	struct tls_context *context = certificate_given(fd);
	if (!context)
		return;
	tls_context_free(&popd.tls);
	popd.tls = context;
	if (popd.generation)
		popd.generation->settings.offers_stls = true;
}

static void on_given(struct program *p, enum parent_given role, int fd)
{
	if (role == GIVEN_CENSUS)
		popd.room.census = census_map(fd, p->worker, p->workers);
	if (role == GIVEN_CERTIFICATE)
		take_certificate(fd);
	close(fd);
}

/* When descriptors are used up here, and not everywhere, the other workers take who comes. */
static void rest_or_listen(void)
{
	const bool rests = room_is_elsewhere(&popd.room);
	for (size_t i = 0; i < LISTENERS_MAX; i++)
		if (popd.listeners[i])
			listener_rest(popd.listeners[i], rests);
}

static void sweep(void *context)
{
	session_sweep(context);
	timer_set(popd.sweep, SWEEP_MS);
	rest_or_listen();
}

static void arrived(void *context, const struct arrival *arrival)
{
	session_begin(context, arrival, false);
	rest_or_listen();
}

static void arrived_tls(void *context, const struct arrival *arrival)
{
	session_begin(context, arrival, true);
	rest_or_listen();
}

static void go(struct program *p)
{
	must(popd.generation && popd.room.census);
	popd.room.workers = p->workers;
	popd.run = (random_u64() & 0xffffff0000000000u) | (uint64_t)p->worker << 32;
	/* what auth and mailbox still know of a worker that died does not meet our numbers */
	popd.last_number = (uint32_t)random_u64();
	popd.kick = timer_new(p->loop, session_go_on_ready, &popd);
	popd.sweep = timer_new(p->loop, sweep, &popd);
	timer_set(popd.sweep, SWEEP_MS);
	for (size_t i = 0; i < popd.listening_count; i++)
		popd.listeners[i] = listener_new(p->loop, popd.listening[i].fd,
			popd.listening[i].kind == LISTEN_POP3S ? arrived_tls : arrived, &popd);
}

/* Sessions are told at their next command; session_sweep bounds how long that may take. */
static void drain(struct program *p)
{
	struct popd *d = &popd;
	d->draining_ms = loop_now_ms(p->loop);
	for (size_t i = 0; i < LISTENERS_MAX; i++)
		listener_free(&d->listeners[i]);
	for (struct place *place = places_first(&d->room.places); place;
		place = places_after(&d->room.places, place))
		pop3_server_drain(((struct session *)place->owner)->pop3);
	popd_check_drained(d);
}

static void begin(struct program *p)
{
	tls_warm();
	popd.program = p;
	p->state = &popd;
	popd.room.sessions_max = room_of_descriptors(DESCRIPTORS_KEPT + CONNECTION_LINGERING_MAX);
	popd.room.gives_up = session_gives_up;
	popd.numbers = streams_new(SESSIONS_MAX);
	popd.keys = keys_client_new(p);
	popd.auth = auth_client_new(p, ask_login_answered);
}

int main(int argc, char **argv)
{
	static const struct program_ops ops = {.begin = begin,
		.config = on_config,
		.peer = on_peer,
		.listen = on_listen,
		.given = on_given,
		.go = go,
		.drain = drain,
		.command = popd_command,
		.has_sessions = true};
	return program_main(PROGRAM_POPD, &ops, argc, argv);
}
