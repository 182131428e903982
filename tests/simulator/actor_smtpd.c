#include "world.h"

#include "faces/smtpd/smtpd.h"

#include <unistd.h>

static bool start(struct actor *a)
{
	const int census = census_create(SMTPD_WORKERS);
	struct smtpd *d = smtpd_new(&a->program);
	a->self = d;
	smtpd_config(d, snapshot_hold(a->world->snapshot));
	must(census >= 0);
	d->room.census = census_map(census, a->program.worker, SMTPD_WORKERS);
	close(census);
	smtpd_go(d);
	return true;
}

static void connect_peer(struct actor *a, enum program_id peer, uint32_t worker, int fd)
{
	struct smtpd *d = a->self;
	(void)worker;
	if (peer == PROGRAM_GATE)
		gate_client_connect(&d->gate, a->program.loop, fd);
	else
		spool_client_connect(d, fd);
}

struct ip world_client(unsigned client)
{
	struct ip ip;
	must(ip_parse(client == CLIENT_INSIDE ? VIEW("127.0.0.1") : VIEW("192.0.2.1"), &ip));
	if (client != CLIENT_INSIDE)
		ip.octets[15] = (uint8_t)(ip.octets[15] + client);
	return ip;
}

void actor_smtpd_arrival(struct actor *a, int fd, unsigned client)
{
	struct arrival arrival = {.fd = fd, .client = world_client(client), .client_port = 1024};
	must(ip_parse(VIEW("198.51.100.1"), &arrival.local));
	actor_owns(a, fd);
	session_begin(a->self, &arrival, LISTEN_SMTP);
}

const struct actor_kind actor_smtpd = {PROGRAM_SMTPD, start, connect_peer};
