#include "faces/smtpd/smtpd.h"

#include "base/random.h"

#include <unistd.h>

#define SWEEP_MS 1000u

static struct smtpd smtpd;

static const char *on_config(struct program *p, uint64_t generation, int fd)
{
	(void)p;
	(void)generation;
	struct snapshot *snapshot;
	if (snapshot_map(fd, &snapshot) != ERROR_NONE)
		return "smtpd cannot read its snapshot";
	struct generation *g = generation_new(snapshot);
	generation_drop(&smtpd.generation);
	smtpd.generation = g;
	smtpd.room.limits =
		(struct room_limits){.sessions = (uint32_t)snapshot->numbers[SETTING_SESSIONLIMIT],
			.of_address = (uint32_t)snapshot->numbers[SETTING_CLIENTLIMIT],
			.pace = {g->config.limits.crowd_grace_ms, g->config.limits.crowd_octets_s}};
	return NULL;
}

static void on_peer(
	struct program *p, enum program_id id, uint32_t worker, uint32_t workers, int fd)
{
	(void)p;
	(void)worker;
	(void)workers;
	if (id == PROGRAM_SPOOL)
		spool_connect(&smtpd, fd);
	else if (id == PROGRAM_AUTH)
		auth_client_connect(smtpd.auth, fd);
	else if (id == PROGRAM_KEYS)
		keys_client_connect(smtpd.keys, fd);
	else
		close(fd);
}

static void on_listen(struct program *p, enum parent_listen kind, int fd)
{
	(void)p;
	if (kind == LISTEN_SMTP && smtpd.listening_count < LISTENERS_MAX)
		smtpd.listening[smtpd.listening_count++] = fd;
	else
		close(fd);
}

static void take_certificate(int fd)
{
	struct buffer pem = buffer_new(CERTIFICATE_PEM_MAX);
	ssize_t n;
	do {
		uint8_t *room = buffer_room(&pem, 4096);
		n = room ? pread(fd, room, 4096, (off_t)pem.length) : -1;
		if (n > 0)
			buffer_grown(&pem, (size_t)n);
	} while (n > 0);
	struct tls_context *context = tls_context_new();
	const enum certificate_problem problem =
		tls_context_add(context, buffer_view(&pem), (struct key_id){0});
	buffer_free(&pem);
	if (problem != CERTIFICATE_OK) {
		log_error("the certificate cannot be used, STARTTLS is off",
			fact_text("why", certificate_problem_text(problem)));
		tls_context_free(&context);
		return;
	}
	tls_context_free(&smtpd.tls);
	smtpd.tls = context;
}

static void on_given(struct program *p, enum parent_given role, int fd)
{
	if (role == GIVEN_CENSUS)
		smtpd.room.census = census_map(fd, p->worker, p->workers);
	if (role == GIVEN_CERTIFICATE)
		take_certificate(fd);
	close(fd);
}

/* When descriptors are used up here, and not everywhere, the other workers take who comes. */
static void rest_or_listen(void)
{
	const bool rests = room_is_elsewhere(&smtpd.room);
	for (size_t i = 0; i < LISTENERS_MAX; i++)
		if (smtpd.listeners[i])
			listener_rest(smtpd.listeners[i], rests);
}

static void sweep(void *context)
{
	patience_sweep(context);
	timer_set(smtpd.sweep, SWEEP_MS);
	rest_or_listen();
}

static void arrived(void *context, const struct arrival *arrival)
{
	session_begin(context, arrival);
	rest_or_listen();
}

static void go(struct program *p)
{
	must(smtpd.generation && smtpd.room.census);
	smtpd.room.workers = p->workers;
	smtpd.run = (random_u64() & 0xffffff0000000000u) | (uint64_t)p->worker << 32;
	smtpd.sweep = timer_new(p->loop, sweep, &smtpd);
	timer_set(smtpd.sweep, SWEEP_MS);
	for (size_t i = 0; i < smtpd.listening_count; i++)
		smtpd.listeners[i] = listener_new(p->loop, smtpd.listening[i], arrived, &smtpd);
}

/* Sessions with something under way end behind it (session.c). */
static void drain(struct program *p)
{
	for (size_t i = 0; i < LISTENERS_MAX; i++)
		listener_free(&smtpd.listeners[i]);
	struct place *next;
	for (struct place *place = places_first(&smtpd.room.places); place; place = next) {
		next = places_after(&smtpd.room.places, place);
		struct session *s = place->owner;
		if (smtp_server_is_idle(&s->smtp) && !s->waiting)
			session_stop(s, SMTP_STOP_SHUTDOWN);
	}
	if (smtpd.room.sessions == 0)
		program_drained(p);
}

static void begin(struct program *p)
{
	tls_warm();
	smtpd.program = p;
	p->state = &smtpd;
	smtpd.room.sessions_max = room_of_descriptors(DESCRIPTORS_KEPT + CONNECTION_LINGERING_MAX);
	smtpd.room.gives_up = session_gives_up;
	smtpd.streams = streams_new(65536);
	smtpd.keys = keys_client_new(p);
	smtpd.auth = auth_client_new(p, session_login_answered);
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
		.command = smtpd_command,
		.has_sessions = true};
	return program_main(PROGRAM_SMTPD, &ops, argc, argv);
}
