/*
 * channels/control.h: packets that a program may put into the socket to its parent, and what comes out
 * at the other end. Broken ones are refused as such; a descriptor that came with one is never lost,
 * whether or not it was welcome.
 *
 * Input: packets, each u8 (descriptors with it, and which end), u16 length, octets.
 */
#include "channels/control.h"
#include "channels/parent_program.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

union rights {
	struct cmsghdr header;
	char room[CMSG_SPACE(3 * sizeof(int))];
};

#define LOOKED_AT 64

static uint64_t open_descriptors(void)
{
	uint64_t open = 0;
	for (int fd = 0; fd < LOOKED_AT; fd++)
		open |= (uint64_t)(fcntl(fd, F_GETFD) >= 0) << fd;
	return open;
}

static bool say(int socket, struct view packet, size_t descriptors)
{
	union rights rights = {0};
	struct iovec part = {(void *)(uintptr_t)packet.at, packet.length};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	if (descriptors) {
		message.msg_control = rights.room;
		message.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
		rights.header.cmsg_level = SOL_SOCKET;
		rights.header.cmsg_type = SCM_RIGHTS;
		rights.header.cmsg_len = CMSG_LEN(descriptors * sizeof(int));
		int *fds = (int *)(void *)CMSG_DATA(&rights.header);
		for (size_t i = 0; i < descriptors; i++)
			fds[i] = 0;
	}
	return sendmsg(socket, &message, 0) == (ssize_t)packet.length;
}

static void hear(int socket, enum frame_side from, struct view packet, size_t descriptors)
{
	struct buffer room = buffer_new(CONTROL_PACKET_MAX);
	struct frame frame;
	int fd;
	const enum error error = control_receive(socket, from, &room, &frame, &fd);
	must(error != ERROR_BUSY && (error == ERROR_NONE || fd == -1));
	if (error == ERROR_NONE) {
		struct buffer again = buffer_new(CONTROL_PACKET_MAX);
		must(frame.row->from == from && (fd >= 0) == (descriptors > 0));
		frame_add(&again, &parent_program, frame.row->code, frame.stream, frame.values);
		must(view_equal(buffer_view(&again), packet));
		buffer_free(&again);
	}
	if (fd >= 0)
		close(fd);
	buffer_free(&room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_of(view_of(data, size));
	const uint64_t before = open_descriptors();
	int ends[2];
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	while (cursor_left(&c)) {
		const uint8_t how = cursor_u8(&c);
		const struct view packet = cursor_take(&c, cursor_u16(&c));
		if (cursor_failed(&c) || packet.length == 0)
			break;
		if (say(ends[0], packet, how % 4))
			hear(ends[1], how & 4 ? FRAME_A : FRAME_B, packet, how % 4);
	}
	close(ends[0]);
	close(ends[1]);
	must(open_descriptors() == before);
	return 0;
}
