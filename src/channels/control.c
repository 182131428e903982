#include "channels/control.h"

#include "channels/parent_program.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

union rights {
	struct cmsghdr header;
	char room[CMSG_SPACE(4 * sizeof(int))];
};

static void put_fd(struct msghdr *message, union rights *rights, int fd)
{
	message->msg_control = rights->room;
	message->msg_controllen = CMSG_SPACE(sizeof(int));
	struct cmsghdr *c = CMSG_FIRSTHDR(message);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	must(view_copy(view_of(&fd, sizeof fd), CMSG_DATA(c), sizeof fd));
}

enum error control_send_frame(int socket, struct view frame, int fd)
{
	struct iovec part = {(void *)frame.at, frame.length};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	union rights rights = {0};
	if (fd >= 0)
		put_fd(&message, &rights, fd);
	ssize_t n;
	do
		n = sendmsg(socket, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n >= 0 ? ERROR_NONE : error_of_errno(errno);
}

enum error control_send(
	int socket, uint16_t code, uint32_t stream, const struct frame_value *values, int fd)
{
	struct buffer packet = buffer_new(CONTROL_PACKET_MAX);
	frame_add(&packet, &parent_program, code, stream, values);
	const enum error error = control_send_frame(socket, buffer_view(&packet), fd);
	buffer_free(&packet);
	return error;
}

/* Takes the first descriptor, closes any others: nobody should send more. */
static int take_fd(struct msghdr *message)
{
	int taken = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + CMSG_LEN(0) + sizeof(int) <= c->cmsg_len;
			at += sizeof(int)) {
			int fd;
			must(view_copy(view_of(CMSG_DATA(c) + at, sizeof fd), &fd, sizeof fd));
			if (taken < 0)
				taken = fd;
			else
				close(fd);
		}
	}
	return taken;
}

static enum error read_frame(enum frame_side from, struct view packet, struct frame *frame_out)
{
	struct frame_head head;
	if (!frame_head(packet, &head))
		return ERROR_PROTOCOL;
	const struct frame_row *row = frame_row(&parent_program, head.code, from);
	if (!row || packet.length - FRAME_HEADER != head.length ||
		!frame_read(row, head.stream, view_from(packet, FRAME_HEADER), frame_out))
		return ERROR_PROTOCOL;
	return ERROR_NONE;
}

enum error control_receive(int socket, enum frame_side from, struct buffer *packet,
	struct frame *frame_out, int *fd_out)
{
	*fd_out = -1;
	buffer_clear(packet);
	uint8_t *room = buffer_room(packet, CONTROL_PACKET_MAX);
	must(room != NULL);
	struct iovec part = {room, CONTROL_PACKET_MAX};
	union rights rights = {0};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = rights.room,
		.msg_controllen = sizeof rights.room};
	ssize_t n;
	do
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_of_errno(errno);
	if (n == 0)
		return ERROR_CLOSED;
	buffer_grown(packet, (size_t)n);
	*fd_out = take_fd(&message);
	const enum error error = message.msg_flags & MSG_TRUNC
					 ? ERROR_PROTOCOL
					 : read_frame(from, buffer_view(packet), frame_out);
	if (error && *fd_out >= 0) {
		close(*fd_out);
		*fd_out = -1;
	}
	return error;
}
