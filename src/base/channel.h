/*
 * One end of a live channel between two programs: a stream socket pair that carries frames
 * (base/frame.h). Never blocks. What is said in a turn of the loop is written once at its end.
 * Control frames overtake queued content, never within a frame; rows marked `bulk` keep their order
 * with the content of their stream. Content is sent only under credit that the receiver granted, so
 * the queue stays small; `channel_backlog` is for those who want to look.
 *
 * Who does not read what he is told is not listened to: above CHANNEL_BACKLOG_HIGH what the other end
 * says stays where it is, so that a broken one cannot make us grow by asking and asking. In each pair
 * of programs one direction is small whatever happens, so two ends never wait for each other. At
 * CHANNEL_BACKLOG_MAX the channel is closed.
 *
 * A protocol with a field that is a secret leaves no octet of what was said in its buffers.
 *
 * What comes in is checked like the network (STYLE §5): a code that this side may not say, a state
 * that does not allow it, a field past its limit: the channel is closed, and `closed` is told why.
 */
#ifndef BASE_CHANNEL_H
#define BASE_CHANNEL_H

#include "base/frame.h"
#include "base/loop.h"

#define CHANNEL_BACKLOG_HIGH ((size_t)16 << 20)
#define CHANNEL_BACKLOG_MAX ((size_t)512 << 20)

struct channel;

struct channel_handler {
	/* The state bit of `stream` at this end; what is not open has the protocol's idle bit. */
	uint32_t (*state)(void *context, uint32_t stream);
	/* One checked frame; its views live until this returns. May not free the channel. */
	void (*said)(void *context, const struct frame *frame);
	/* The other end is gone (`broken` null) or said what it may not (`broken` says what). The
	 * channel sends nothing more; the owner may free it from here. */
	void (*closed)(void *context, const char *broken);
};

/* Takes over `fd`. `ours` is the side that this end speaks as. */
struct channel *channel_new(struct loop *loop, const struct frame_protocol *protocol,
	enum frame_side ours, int fd, const struct channel_handler *handler, void *context);
void channel_free(struct channel **channel);

void channel_send(
	struct channel *c, uint16_t code, uint32_t stream, const struct frame_value *values);
#define channel_say(c, code, stream, ...)   \
	channel_send((c), (code), (stream), \
		(const struct frame_value[]){__VA_ARGS__ __VA_OPT__(, ){.number = 0}})
/* Closes it for what the other end has said: `closed` is told `why`. For what no row can refuse. */
void channel_break(struct channel *c, const char *why);
/* Octets queued and not yet taken by the kernel. */
size_t channel_backlog(const struct channel *c);
/* Null channels and closed ones are not open. */
bool channel_is_open(const struct channel *c);
/* Calls `print` with the protocol's name and the text of each frame, of all channels, both ways (`sekisho
 * trace`); null ends it. */
void channel_trace(void (*print)(const char *protocol, struct view line));

#endif
