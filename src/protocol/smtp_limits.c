#include "protocol/smtp_limits.h"

#define MINUTE_MS (60u * 1000u)

struct smtp_limits smtp_limits_default(void)
{
	return (struct smtp_limits){
		.command_line_octets = 2048,
		.auth_line_octets = 12288,
		.text_line_octets = 1000,
		.size_octets = 50u << 20,
		.header_octets = 256u << 10,
		.received_fields = 100,
		.memory_octets = 2u << 20,
		.recipients = 1000,
		.mails = 1000,
		.errors = 20,
		.idle_commands = 100,
		.refused_rcpts = 100,
		.auth_attempts = 5,
		.command_ms = 5 * MINUTE_MS,
		.data_initiation_ms = 2 * MINUTE_MS,
		.data_block_ms = 3 * MINUTE_MS,
		.data_termination_ms = 10 * MINUTE_MS,
		.answer_ms = 4 * MINUTE_MS,
		.handshake_ms = MINUTE_MS,
		.busy_grace_ms = 30 * MINUTE_MS,
		.busy_octets_s = 256,
		.crowd_grace_ms = MINUTE_MS,
		.crowd_octets_s = 2048,
	};
}
