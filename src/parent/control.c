#include "channels/control.h"
#include "parent/serve.h"

#include <unistd.h>

static void on_ready(struct child *c, const struct frame *frame)
{
	const struct view missing = frame->values[0].bytes;
	if (missing.length) /* of its sandbox; without root it is user and root directory */
		log_info("program ready", fact_text("of", c->tag), fact_view("missing", missing));
	else
		log_info("program ready", fact_text("of", c->tag));
	c->state = CHILD_UP;
	if (c->row->id == PROGRAM_KEYS)
		certificate_hand_out(c->serve);
	if (c->row->id == PROGRAM_SMTPD)
		callers_go(c->serve->callers);
	serve_child_ready(c->serve);
}

static void on_configured(struct child *c, const struct frame *frame)
{
	const struct view problem = frame->values[1].bytes;
	c->generation = frame->values[0].number;
	if (c->row->id == PROGRAM_KEYS)
		certificate_hand_out(c->serve);
	if (c->serve->commands)
		commands_configured(c->serve->commands);
	if (problem.length)
		log_error("a program did not take the configuration", fact_text("of", c->tag),
			fact_number("generation", frame->values[0].number),
			fact_view("why", problem));
}

static void take(struct child *c, const struct frame *frame)
{
	switch ((enum parent_code)frame->row->code) {
	case PARENT_READY:
		on_ready(c, frame);
		return;
	case PARENT_CONFIGURED:
		on_configured(c, frame);
		return;
	case PARENT_DRAINED:
		if (c->serve->stopping && c->state == CHILD_UP) {
			c->state = CHILD_DRAINED;
			serve_child_drained(c->serve);
		}
		return;
	case PARENT_OUTPUT:
		commands_output(c->serve->commands, frame->stream, frame->values[0].bytes);
		return;
	case PARENT_DONE:
		commands_done(c->serve->commands, frame->stream, (unsigned)frame->values[0].number);
		return;
	case PARENT_PEER_BROKEN:
		child_accuses(c, (enum program_id)frame->values[0].number,
			(uint32_t)frame->values[1].number, (uint32_t)frame->values[2].number,
			frame->values[3].bytes);
		return;
	case PARENT_VERIFIER:
		if (c->row->id == PROGRAM_AUTH)
			configuration_verifier(c->serve, frame->values[0].bytes,
				frame->values[1].bytes, frame->values[2].bytes);
		return;
	case PARENT_CALLER_TAKEN:
		callers_taken(c->serve->callers, c);
		return;
	case PARENT_CALL:
		if (c->row->id == PROGRAM_DROP)
			callers_call(c->serve->callers, c, frame->stream,
				(uint32_t)frame->values[0].number);
		else if (c->row->id == PROGRAM_GATE)
			gatestore_call(c, frame->stream);
		else
			child_is_broken(c, "parent", VIEW("it wants to speak for others"));
		return;
	case PARENT_CALLER:
	case PARENT_CALLED:
	case PARENT_START:
	case PARENT_GIVEN:
	case PARENT_LISTEN:
	case PARENT_CONFIG:
	case PARENT_PEER:
	case PARENT_GO:
	case PARENT_DRAIN:
	case PARENT_COMMAND:
	case PARENT_CANCEL:
	case PARENT_CODES:
		return;
	}
}

void control_ready(void *context, unsigned what)
{
	(void)what;
	struct child *c = context;
	static struct buffer packet = {.max = CONTROL_PACKET_MAX};
	struct frame frame;
	int fd;
	enum error error;
	while ((error = control_receive(c->control, FRAME_B, &packet, &frame, &fd)) == ERROR_NONE) {
		if (fd >= 0)
			close(fd); /* no program has a descriptor to give */
		take(c, &frame);
	}
	if (error == ERROR_PROTOCOL)
		child_is_broken(c, "parent", VIEW("no frame that a program may send"));
	if (error != ERROR_BUSY)
		watch_want(c->watch, WATCH_NOTHING); /* its death comes as a signal */
}
