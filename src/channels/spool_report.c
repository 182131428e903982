#include "channels/spool_report.h"

#include "mail/dsn.h"
#include "mail/envelope.h"

#define TIME_MAX INT64_MAX /* wall clock seconds */

static const struct frame_row rows[REPORT_CODES] = {
	[REPORT_REPORT] = {"report", REPORT_REPORT, FRAME_A, true, REPORT_STATE_IDLE,
		{{"id", FRAME_U64, UINT64_MAX}, {"arrival", FRAME_U64, TIME_MAX},
			{"size", FRAME_U64, UINT64_MAX},
			{"envelope", FRAME_BYTES, REPORT_ENVELOPE_MAX}}},
	[REPORT_RECIPIENT] = {"recipient", REPORT_RECIPIENT, FRAME_A, true, REPORT_STATE_TELLING,
		{{"index", FRAME_U32, ENVELOPE_RECIPIENTS_MAX - 1},
			{"action", FRAME_U32, DSN_ACTIONS - 1},
			{"status", FRAME_BYTES, DSN_STATUS_MAX},
			{"host", FRAME_BYTES, REPORT_HOST_MAX},
			{"address", FRAME_BYTES, REPORT_ADDRESS_MAX},
			{"reply", FRAME_BYTES, REPORT_REPLY_MAX},
			{"reason", FRAME_BYTES, REPORT_REASON_MAX},
			{"attempt", FRAME_U64, TIME_MAX}, {"until", FRAME_U64, TIME_MAX}}},
	[REPORT_ASK] = {"ask", REPORT_ASK, FRAME_A, true, REPORT_STATE_TELLING, {{0}}},
	[REPORT_CONTENT] = {"content", REPORT_CONTENT, FRAME_A, true, REPORT_STATE_GIVING,
		{{"octets", FRAME_BYTES, REPORT_CONTENT_MAX, true}}},
	[REPORT_WANT] = {"want", REPORT_WANT, FRAME_B, true, REPORT_STATE_ASKED,
		{{"octets", FRAME_U32, REPORT_CONTENT_MAX}}},
	[REPORT_MAIL] = {"mail", REPORT_MAIL, FRAME_B, true, REPORT_STATE_COMPOSING,
		{{"envelope", FRAME_BYTES, REPORT_ENVELOPE_MAX},
			{"content", FRAME_BYTES, REPORT_MAIL_MAX, true}}},
	[REPORT_NONE] = {"none", REPORT_NONE, FRAME_B, true, REPORT_STATE_ASKED,
		{{"why", FRAME_BYTES, REPORT_WHY_MAX}}},
};

const struct frame_protocol spool_report = {"spool-report", rows, REPORT_CODES};
