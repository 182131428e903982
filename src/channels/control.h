/*
 * Packets of parent_program.h over a sequenced-packet socket, with at most one descriptor each. The
 * one place that knows SCM_RIGHTS; used by both ends.
 */
#ifndef CHANNELS_CONTROL_H
#define CHANNELS_CONTROL_H

#include "base/error.h"
#include "base/frame.h"

#define CONTROL_PACKET_MAX (96u << 10)

/* Sends one frame of `code` with descriptor `fd` (or -1), which stays the caller's. ERROR_BUSY when
 * the socket is full (non-blocking), ERROR_CLOSED when the other end is gone. */
must_use enum error control_send(
	int socket, uint16_t code, uint32_t stream, const struct frame_value *values, int fd);
/* The same for a frame that stands encoded already. */
must_use enum error control_send_frame(int socket, struct view frame, int fd);
#define control_say(socket, fd, code, stream, ...) \
	control_send((socket), (code), (stream),   \
		(const struct frame_value[]){__VA_ARGS__ __VA_OPT__(, ){.number = 0}}, (fd))

/* Receives one frame said by `from` into `packet` (cleared first; the frame's views point into it)
 * and its descriptor, -1 for none, which becomes the caller's. ERROR_BUSY: nothing there now. */
must_use enum error control_receive(int socket, enum frame_side from, struct buffer *packet,
	struct frame *frame_out, int *fd_out);

#endif
