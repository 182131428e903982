#include "mail/date.h"

#include "base/text.h"

#define DAY_S 86400
#define ERA_DAYS 146097 /* of 400 years */
#define DAYS_TO_1970 719468 /* from 1 Mar 0000 */

struct day {
	uint64_t year;
	unsigned month; /* 1 to 12 */
	unsigned day; /* 1 to 31 */
};

/* The proleptic Gregorian date `days` after 1 Jan 1970. Years are counted from 1 March, so that the
 * leap day is the last of its year; months from March then begin at day (153 m + 2) / 5. */
static struct day day_of(uint64_t days)
{
	const uint64_t since = days + DAYS_TO_1970;
	const uint64_t era = since / ERA_DAYS;
	const uint64_t of_era = since % ERA_DAYS;
	const uint64_t year_of_era =
		(of_era - of_era / 1460 + of_era / 36524 - of_era / (ERA_DAYS - 1)) / 365;
	const uint64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	const unsigned from_march = (unsigned)((5 * of_year + 2) / 153);
	struct day found = {
		.year = era * 400 + year_of_era,
		.month = from_march < 10 ? from_march + 3 : from_march - 9,
		.day = (unsigned)of_year - (153 * from_march + 2) / 5 + 1,
	};
	found.year += found.month <= 2;
	return found;
}

static void add_two(struct buffer *b, uint64_t n)
{
	buffer_add_octet(b, (uint8_t)('0' + n / 10 % 10));
	buffer_add_octet(b, (uint8_t)('0' + n % 10));
}

static void add_time(struct buffer *b, uint64_t second_of_day)
{
	add_two(b, second_of_day / 3600);
	buffer_add_octet(b, ':');
	add_two(b, second_of_day / 60 % 60);
	buffer_add_octet(b, ':');
	add_two(b, second_of_day % 60);
}

static uint64_t clamp(int64_t wall_s)
{
	if (wall_s < 0)
		return 0;
	return (uint64_t)(wall_s > DATE_MAX ? DATE_MAX : wall_s);
}

void date_add(struct buffer *b, int64_t wall_s, int offset_minutes)
{
	static const struct view weekdays =
		VIEW("ThuFriSatSunMonTueWed"); /* day 0 was a Thursday */
	static const struct view months = VIEW("JanFebMarAprMayJunJulAugSepOctNovDec");
	must(offset_minutes >= -DATE_OFFSET_MAX && offset_minutes <= DATE_OFFSET_MAX);
	/* Clamped before and after the shift: both ends of the range may leave it. */
	const uint64_t local = clamp((int64_t)clamp(wall_s) + (int64_t)offset_minutes * 60);
	const struct day day = day_of(local / DAY_S);
	const unsigned offset = (unsigned)(offset_minutes < 0 ? -offset_minutes : offset_minutes);
	text_add(b, "{}, {} {} {} ", text_raw(view_part(weekdays, local / DAY_S % 7 * 3, 3)),
		text_number(day.day), text_raw(view_part(months, (day.month - 1) * 3, 3)),
		text_number(day.year));
	add_time(b, local % DAY_S);
	buffer_add(b, offset_minutes < 0 ? VIEW(" -") : VIEW(" +"));
	add_two(b, offset / 60);
	add_two(b, offset % 60);
}
