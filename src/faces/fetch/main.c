#include "base/files.h"
#include "base/tls_client.h"
#include "faces/fetch/fetchd.h"

#include <fcntl.h>
#include <unistd.h>

static void on_peer(
	struct program *p, enum program_id id, uint32_t worker, uint32_t workers, int fd)
{
	(void)worker;
	(void)workers;
	struct fetchd *d = p->state;
	if (id == PROGRAM_RELAY)
		server_connect(d, fd);
	else if (id == PROGRAM_RESOLVE)
		resolve_client_connect(d->resolve, fd);
	else if (id == PROGRAM_GATE)
		gate_client_connect(&d->gate, p->loop, fd);
	else
		close(fd);
}

static void gate_broken(void *context, const char *why)
{
	struct fetchd *d = context;
	program_peer_broken(d->program, PROGRAM_GATE, 0, why);
}

static void begin(struct program *p)
{
	struct fetchd *d = memory_new(1, sizeof *d);
	d->program = p;
	d->resolve = resolve_client_new(p);
	d->gate = (struct gate_client){.broken = gate_broken, .context = d};
	p->state = d;
}

/* Reads the authorities that vouch for certificates. */
static void warm(struct program *p)
{
	struct fetchd *d = p->state;
	struct buffer authorities = buffer_new(TLS_AUTHORITIES_MAX);
	if (file_read(AT_FDCWD, TLS_AUTHORITIES_FILE, &authorities) != ERROR_NONE)
		buffer_clear(&authorities);
	if (authorities.length == 0)
		log_warning("no authorities for certificates: no policy can be fetched (MTA-STS); "
			    "install the package ca-certificates",
			fact_text("file", TLS_AUTHORITIES_FILE));
	d->web = web_new(p->loop, buffer_view(&authorities));
	buffer_free(&authorities);
}

static void tick(void *context)
{
	struct fetchd *d = context;
	policy_tick(d);
	timer_set(d->tick, TICK_MS);
}

static void go(struct program *p)
{
	struct fetchd *d = p->state;
	d->tick = timer_new(p->loop, tick, d);
	timer_set(d->tick, TICK_MS);
}

int main(int argc, char **argv)
{
	static const struct program_ops ops = {.begin = begin,
		.peer = on_peer,
		.warm = warm,
		.go = go,
		.command = fetchd_command,
		.cancel = fetchd_cancel};
	return program_main(PROGRAM_FETCH, &ops, argc, argv);
}
