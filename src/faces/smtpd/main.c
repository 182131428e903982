#include "faces/smtpd/smtpd.h"

#include "faces/shared/certificate_given.h"

#include <unistd.h>

static const char *on_config(struct program *p, uint64_t generation, int fd)
{
	(void)generation;
	struct snapshot *snapshot;
	if (snapshot_map(fd, &snapshot) != ERROR_NONE)
		return "smtpd cannot read its snapshot";
	smtpd_config(p->state, snapshot);
	return NULL;
}

static void on_peer(
	struct program *p, enum program_id id, uint32_t worker, uint32_t workers, int fd)
{
	struct smtpd *d = p->state;
	(void)worker;
	(void)workers;
	if (id == PROGRAM_SPOOL)
		spool_client_connect(d, fd);
	else if (id == PROGRAM_AUTH)
		auth_client_connect(d->auth, fd);
	else if (id == PROGRAM_KEYS)
		keys_client_connect(d->keys, fd);
	else if (id == PROGRAM_GATE)
		gate_client_connect(&d->gate, p->loop, fd);
	else if (id == PROGRAM_RESOLVE)
		resolve_client_connect(d->resolve, fd);
	else
		close(fd);
}

static void on_listen(struct program *p, enum parent_listen kind, int fd)
{
	struct smtpd *d = p->state;
	if (d->door_count < DOORS_MAX)
		d->doors[d->door_count++] = (struct door){.smtpd = d, .kind = kind, .fd = fd};
	else
		close(fd);
}

static void take_certificate(struct smtpd *d, int fd)
{
	struct tls_context *context = certificate_given(fd);
	if (!context)
		return;
	tls_context_free(&d->tls);
	d->tls = context;
}

static void on_given(struct program *p, enum parent_given role, int fd)
{
	struct smtpd *d = p->state;
	if (role == GIVEN_CENSUS)
		d->room.census = census_map(fd, p->worker, p->workers);
	if (role == GIVEN_CERTIFICATE)
		take_certificate(d, fd);
	close(fd);
}

static void begin(struct program *p)
{
	p->state = smtpd_new(p);
}

static void go(struct program *p)
{
	smtpd_go(p->state);
}

static void drain(struct program *p)
{
	smtpd_drain(p->state);
}

int main(int argc, char **argv)
{
	static const struct program_ops ops = {.begin = begin,
		.config = on_config,
		.peer = on_peer,
		.listen = on_listen,
		.given = on_given,
		.caller = caller_arrived,
		.go = go,
		.drain = drain,
		.command = smtpd_command,
		.has_sessions = true};
	return program_main(PROGRAM_SMTPD, &ops, argc, argv);
}
