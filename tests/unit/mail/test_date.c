#include "mail/date.h"

#include "suite.h"

#include <time.h>

static void known_moments(void **state)
{
	/* Protects: the date in every trace field, at the edges of days, leap years and offsets. */
	static const struct {
		int64_t s;
		int offset;
		const char *text;
	} cases[] = {
		{0, 0, "Thu, 1 Jan 1970 00:00:00 +0000"},
		{880127706, -360, "Fri, 21 Nov 1997 09:55:06 -0600"},
		{880070106, 540, "Fri, 21 Nov 1997 08:55:06 +0900"},
		{951782399, 0, "Mon, 28 Feb 2000 23:59:59 +0000"},
		{951782400, 0, "Tue, 29 Feb 2000 00:00:00 +0000"},
		{951868800, 0, "Wed, 1 Mar 2000 00:00:00 +0000"},
		{1709164800, 0, "Thu, 29 Feb 2024 00:00:00 +0000"},
		{4107542400, 0, "Mon, 1 Mar 2100 00:00:00 +0000"},
		{4107542399, 0, "Sun, 28 Feb 2100 23:59:59 +0000"},
		{1704067199, 0, "Sun, 31 Dec 2023 23:59:59 +0000"},
		{1704067199, 1, "Mon, 1 Jan 2024 00:00:59 +0001"},
		{1704067200, -570, "Sun, 31 Dec 2023 14:30:00 -0930"},
		{0, DATE_OFFSET_MAX, "Thu, 1 Jan 1970 23:59:00 +2359"},
		{86400, -DATE_OFFSET_MAX, "Thu, 1 Jan 1970 00:01:00 -2359"},
		{DATE_MAX, 0, "Fri, 31 Dec 9999 23:59:59 +0000"},
		/* A clock that is out of range still gives a field that parses. */
		{DATE_MAX + 1, 0, "Fri, 31 Dec 9999 23:59:59 +0000"},
		{INT64_MAX, 540, "Fri, 31 Dec 9999 23:59:59 +0900"},
		{-1, 0, "Thu, 1 Jan 1970 00:00:00 +0000"},
		{INT64_MIN, -60, "Thu, 1 Jan 1970 00:00:00 -0100"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buffer b = buffer_new(64);
		date_add(&b, cases[i].s, cases[i].offset);
		assert_view(buffer_view(&b), cases[i].text);
		buffer_free(&b);
	}
	(void)state;
}

static void every_day(void **state)
{
	/* Protects: the calendar, against libc's own, for each day from 1970 to 2500. */
	struct buffer b = buffer_new(64);
	for (int64_t day = 0; day < 193600; day++) {
		const time_t s = day * 86400 + 45296;
		struct tm tm;
		char text[64];
		gmtime_r(&s, &tm);
		strftime(text, sizeof text, "%a, %e %b %Y %H:%M:%S +0000", &tm);
		char *space = strstr(text, ",  ");
		if (space)
			memmove(space + 1, space + 2, strlen(space + 2) + 1);
		buffer_clear(&b);
		date_add(&b, s, 0);
		assert_view(buffer_view(&b), text);
	}
	buffer_free(&b);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_moments),
		cmocka_unit_test(every_day),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
