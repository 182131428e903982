/*
 * The date-time of RFC 5322 §3.3 (`Fri, 21 Nov 1997 09:55:06 +0900`), for trace fields, DSNs and mail
 * of our own. Pure: English names whatever the locale, and no zone database, since a program in its
 * sandbox opens no file (gmtime(3) would, in glibc). The offset is found at start and passed in.
 *
 * Who calls: mail/trace.h, faces and keepers that write mail.
 */
#ifndef MAIL_DATE_H
#define MAIL_DATE_H

#include "base/bytes.h"

#define DATE_OFFSET_MAX (24 * 60 - 1) /* minutes; the zone is four digits HHMM, below 24 hours */
#define DATE_MAX INT64_C(253402300799) /* 31 Dec 9999 23:59:59 UTC: the year has four digits */

/* Appends the date-time of `wall_s` seconds since 1970 UTC as seen `offset_minutes` east of it. The
 * offset lies within ±DATE_OFFSET_MAX (else a broken invariant). A clock set before 1970 or past 9999
 * gives the nearest moment that can be written: wrong, but never a field that does not parse. */
void date_add(struct buffer *b, int64_t wall_s, int offset_minutes);

#endif
