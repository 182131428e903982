#include "mail/message_id.h"

#include "base/text.h"

void message_id_add(struct buffer *b, const struct message_id_seed *seed, struct domain server)
{
	const uint64_t seconds = seed->wall_s < 0 ? 0 : (uint64_t)seed->wall_s;
	must(!view_is_empty(server.name));
	text_add(b, "<{}.", text_number(seconds));
	buffer_add_hex(b, view_of(seed->random, sizeof seed->random));
	text_add(b, "@{}>", text_raw(server.name));
}
