#include "faces/popd/popd.h"

static uint32_t state_of(void *context, uint32_t stream)
{
	struct popd *d = context;
	const struct session *s = streams_get(&d->numbers, stream);
	return s ? s->mailbox_state : MAILBOX_STATE_IDLE;
}

static bool is_ready(const struct session *s)
{
	return s->mailbox_state == MAILBOX_STATE_READY && channel_is_open(s->popd->mailbox);
}

bool mailbox_open(struct session *s)
{
	if (s->mailbox_state != MAILBOX_STATE_IDLE || !channel_is_open(s->popd->mailbox))
		return false;
	s->mailbox_state = MAILBOX_STATE_OPENING;
	channel_say(s->popd->mailbox, MAILBOX_OPEN, s->number);
	return true;
}

bool mailbox_rows(struct session *s, uint32_t first, uint32_t count)
{
	if (!is_ready(s))
		return false;
	s->mailbox_state = MAILBOX_STATE_ASKED;
	channel_say(s->popd->mailbox, MAILBOX_ROWS, s->number, frame_number(first),
		frame_number(count));
	return true;
}

static void mailbox_fetch(struct session *s, uint32_t number)
{
	s->mailbox_state = MAILBOX_STATE_FETCHING;
	s->answered = false;
	s->content_ended = false;
	s->content_gone = false;
	buffer_free(&s->content);
	channel_say(s->popd->mailbox, MAILBOX_FETCH, s->number, frame_number(number));
}

bool mailbox_remove(struct session *s)
{
	struct buffer numbers = buffer_new(MAILBOX_REMOVE_MAX * 4);
	if (!is_ready(s))
		return false;
	uint32_t number = 0;
	do {
		number = pop3_server_deleted(s->pop3, number);
		if (number)
			buffer_add_u32(&numbers, number);
		if (numbers.length && (!number || buffer_left(&numbers) < 4)) {
			channel_say(s->popd->mailbox, MAILBOX_REMOVE, s->number,
				frame_bytes(buffer_view(&numbers)));
			buffer_clear(&numbers);
		}
	} while (number);
	buffer_free(&numbers);
	s->mailbox_state = MAILBOX_STATE_ASKED;
	channel_say(s->popd->mailbox, MAILBOX_REMOVED, s->number);
	return true;
}

void mailbox_credit(struct session *s, size_t octets)
{
	if (s->mailbox_state == MAILBOX_STATE_FETCHING && octets)
		channel_say(s->popd->mailbox, MAILBOX_CREDIT, s->number, frame_number(octets));
}

void mailbox_stop(struct session *s)
{
	if (s->mailbox_state != MAILBOX_STATE_FETCHING)
		return;
	s->mailbox_state = MAILBOX_STATE_STOPPING;
	channel_say(s->popd->mailbox, MAILBOX_STOP, s->number);
}

void mailbox_close(struct session *s)
{
	if (s->mailbox_state != MAILBOX_STATE_IDLE && channel_is_open(s->popd->mailbox))
		channel_say(s->popd->mailbox, MAILBOX_CLOSE, s->number);
	s->mailbox_state = MAILBOX_STATE_IDLE;
}

/* --- what it says ------------------------------------------------------------------------- */

static void content(struct session *s, struct view octets)
{
	if (s->mailbox_state != MAILBOX_STATE_FETCHING)
		return; /* stopped */
	buffer_add(&s->content, octets);
	if (buffer_failed(&s->content)) { /* more than its credit: what we have is not whole */
		s->content_gone = true;
		mailbox_stop(s);
	}
	ask_content(s);
}

static void content_over(struct session *s, bool gone)
{
	const bool stopped = s->mailbox_state == MAILBOX_STATE_STOPPING;
	s->mailbox_state = MAILBOX_STATE_READY;
	if (stopped) {
		ask_mailbox_ready(s);
		return;
	}
	s->content_ended = !gone;
	s->content_gone = gone;
	ask_content(s);
}

/* Messages that are asked for are looked up first: the reply begins with their size. */
static void page(struct session *s, struct view rows)
{
	const struct pop3_ask *ask = pop3_server_ask(s->pop3);
	s->mailbox_state = MAILBOX_STATE_READY;
	if (ask->kind == POP3_ASK_FETCH && rows.length) {
		struct cursor c = cursor_of(rows);
		const uint32_t number = cursor_u32(&c);
		s->size_octets = cursor_u64(&c);
		if (!cursor_failed(&c) && number == ask->number) {
			mailbox_fetch(s, number);
			return;
		}
	}
	ask_page(s, rows);
}

static void said(void *context, const struct frame *frame)
{
	struct popd *d = context;
	struct session *s = streams_get(&d->numbers, frame->stream);
	const struct frame_value *values = frame->values;
	if (!s || s->mailbox_state == MAILBOX_STATE_IDLE)
		return; /* about one that was closed */
	switch ((enum popd_mailbox_code)frame->row->code) {
	case MAILBOX_OPENED:
		s->mailbox_state = MAILBOX_STATE_READY;
		ask_opened(s, (uint32_t)values[0].number, values[1].number);
		return;
	case MAILBOX_FAILED:
		s->mailbox_state = MAILBOX_STATE_IDLE;
		ask_open_failed(s, (enum mailbox_failure)values[0].number);
		return;
	case MAILBOX_PAGE:
		page(s, values[0].bytes);
		return;
	case MAILBOX_CONTENT:
		content(s, values[0].bytes);
		return;
	case MAILBOX_END:
	case MAILBOX_GONE:
		content_over(s, frame->row->code == MAILBOX_GONE);
		return;
	case MAILBOX_RESULT:
		s->mailbox_state = MAILBOX_STATE_READY;
		ask_removed(s, (uint32_t)values[0].number, (uint32_t)values[1].number);
		return;
	case MAILBOX_OPEN:
	case MAILBOX_ROWS:
	case MAILBOX_FETCH:
	case MAILBOX_STOP:
	case MAILBOX_CREDIT:
	case MAILBOX_REMOVE:
	case MAILBOX_REMOVED:
	case MAILBOX_CLOSE:
	case MAILBOX_CODES:
		return;
	}
}

static void lose_one(void *context, uint32_t number, void *item)
{
	(void)context;
	(void)number;
	struct session *s = item;
	if (s->mailbox_state != MAILBOX_STATE_IDLE)
		ask_mailbox_lost(s);
}

static void closed(void *context, const char *broken)
{
	struct popd *d = context;
	if (broken)
		program_peer_broken(d->program, PROGRAM_MAILBOX, 0, broken);
	channel_free(&d->mailbox);
	streams_each(&d->numbers, lose_one, d);
}

static const struct channel_handler handler = {state_of, said, closed};

void mailbox_connect(struct popd *d, int fd)
{
	if (d->mailbox)
		closed(d, NULL);
	d->mailbox = channel_new(d->program->loop, &popd_mailbox, FRAME_A, fd, &handler, d);
}
