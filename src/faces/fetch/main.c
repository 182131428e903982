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

static void begin(struct program *p)
{
	p->state = fetchd_new(p);
}

static void warm(struct program *p)
{
	struct buffer authorities = buffer_new(TLS_AUTHORITIES_MAX);
	if (file_read(AT_FDCWD, TLS_AUTHORITIES_FILE, &authorities) != ERROR_NONE)
		buffer_clear(&authorities);
	if (authorities.length == 0)
		log_warning("no authorities for certificates: no policy can be fetched (MTA-STS); "
			    "install the package ca-certificates",
			fact_text("file", TLS_AUTHORITIES_FILE));
	fetchd_warm(p->state, buffer_view(&authorities));
	buffer_free(&authorities);
}

static void go(struct program *p)
{
	fetchd_go(p->state);
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
