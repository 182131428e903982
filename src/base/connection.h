/*
 * A stream to a client, or to a server that base/dial.h connected to: a socket, octets not yet consumed,
 * octets not yet sent, and TLS once it was begun. What the faces share. It reads into one scratch area of the process and keeps only
 * what the owner leaves, so an idle connection costs its struct and its TLS state and no buffer.
 *
 * The owner's `input` consumes what it can from the front and returns how much; what is left is
 * offered again with what comes next, or after connection_resume. While it is paused nothing is
 * read, so a client can never make us hold more than CONNECTION_INPUT_MAX octets.
 *
 * Replies are appended to connection_out; they leave at connection_flush, or by themselves after
 * `input` returns. Deadlines are the owner's.
 */
#ifndef BASE_CONNECTION_H
#define BASE_CONNECTION_H

#include "base/loop.h"
#include "base/tls_client.h"

#define CONNECTION_INPUT_MAX (128u << 10)
#define CONNECTION_OUTPUT_MAX (1u << 20)
#define CONNECTION_LINGER_MS 2000u /* monotonic: how long a refused client may take to hear it */
#define CONNECTION_DRAIN_MS 60000u /* monotonic: how long what was said may take to leave */
#define CONNECTION_LINGER_OCTETS (1u << 20) /* and how much of what it still says is read off */
#define CONNECTION_LINGERING_MAX \
	512u /* so many of a process do; the next has not even that moment */

struct connection;

struct connection_handler {
	/* Octets from the client, decrypted. How many were consumed. */
	size_t (*input)(void *context, struct view octets);
	/* The client is gone, or TLS failed (`why`, else null). The owner calls connection_close. */
	void (*closed)(void *context, const char *why);
	/* Output was sent down to nothing. May be null. */
	void (*drained)(void *context);
	/* Ask `keys`; true: connection_signed or connection_unsigned comes later, not from inside. */
	bool (*sign)(void *context, const struct tls_request *request);
	/* The handshake is complete. */
	void (*tls_done)(void *context);
};

/* Takes over `fd` (non-blocking). Reads nothing before connection_resume. */
struct connection *connection_new(
	struct loop *loop, int fd, const struct connection_handler *handler, void *context);
/* Sends what is queued, says close_notify, closes. `refused`: the client may still be talking; it is
 * given a moment to read our last words before the socket goes. The owner hears no more. */
void connection_close(struct connection **c, bool refused);

/* What has come and was not read, before the first connection_resume: it stays there. */
struct view connection_peek(const struct connection *c, uint8_t *room, size_t size);

struct buffer *connection_out(struct connection *c);
void connection_flush(struct connection *c);
/* Octets waiting to be sent. */
size_t connection_unsent(const struct connection *c);
/* Octets of memory that its buffers take. */
size_t connection_memory(const struct connection *c);

void connection_pause(struct connection *c);
/* Offers again what was left, and goes on reading. */
void connection_resume(struct connection *c);

/* From now on TLS. What was received and not consumed must be nothing. */
must_use bool connection_start_tls(struct connection *c, struct tls_context *context);
/* The same for the client's end, which speaks first: at the next flush or resume, or when `input`, from
 * inside of which it was called, returns. `sign` is never asked, and may be null. */
must_use bool connection_start_tls_client(
	struct connection *c, struct tls_client *client, const struct tls_spec *spec);
/* Null without TLS. */
const struct tls_session *connection_tls(const struct connection *c);
void connection_signed(struct connection *c, struct view signature);
void connection_unsigned(struct connection *c);

#endif
