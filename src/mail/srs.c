#include "mail/srs.h"

#define DAY_S 86400
#define DAYS 1024 /* that two letters of base32 tell apart */
#define TAG_OCTETS 4u /* "SRS0" */

static const uint8_t letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"; /* RFC 4648 §6 */

/* --- base32 ------------------------------------------------------------------------------- */

/* -1: no letter of it. Case does not count. */
static int letter_value(int octet)
{
	if (octet >= 'a' && octet <= 'z')
		return octet - 'a';
	if (octet >= 'A' && octet <= 'Z')
		return octet - 'A';
	return octet >= '2' && octet <= '7' ? octet - '2' + 26 : -1;
}

/* Five octets become eight letters. */
static void add_hash(struct buffer *b, struct view mac)
{
	uint64_t bits = 0;
	must(mac.length >= SRS_MAC_OCTETS);
	for (size_t i = 0; i < SRS_MAC_OCTETS; i++)
		bits = bits << 8 | mac.at[i];
	for (unsigned shift = 40; shift > 0; shift -= 5)
		buffer_add_octet(b, letters[bits >> (shift - 5) & 31]);
}

static int64_t day_of(int64_t now_s)
{
	return now_s > 0 ? now_s / DAY_S % DAYS : 0;
}

static void add_stamp(struct buffer *b, int64_t now_s)
{
	const int64_t day = day_of(now_s);
	buffer_add_octet(b, letters[day >> 5]);
	buffer_add_octet(b, letters[day & 31]);
}

/* -1: it is none. */
static int64_t stamp_day(struct view stamp)
{
	const int high = letter_value(view_at(stamp, 0));
	const int low = letter_value(view_at(stamp, 1));
	return stamp.length == 2 && high >= 0 && low >= 0 ? high * 32 + low : -1;
}

/* --- reading ------------------------------------------------------------------------------ */

static bool is_separator(int octet)
{
	return octet == '=' || octet == '+' || octet == '-';
}

/* "TT=host=local" */
static bool parse_0(struct srs *s)
{
	struct view tail;
	return view_split(s->rest, '=', &s->stamp, &tail) &&
	       view_split(tail, '=', &s->host, &s->inner) && s->stamp.length && s->host.length &&
	       s->inner.length;
}

/* "host==HASH=TT=host=local", where the second "=" is the separator behind the SRS0 that was here */
static bool parse_1(struct srs *s)
{
	return view_split(s->rest, '=', &s->host, &s->inner) && s->host.length &&
	       is_separator(view_at(s->inner, 0));
}

bool srs_parse(struct view local, struct srs *srs_out)
{
	struct srs s = {.kind = SRS_NONE};
	if (view_starts_nocase(local, VIEW("SRS0")))
		s.kind = SRS_0;
	else if (view_starts_nocase(local, VIEW("SRS1")))
		s.kind = SRS_1;
	*srs_out = (struct srs){.kind = SRS_NONE};
	if (s.kind == SRS_NONE || !is_separator(view_at(local, TAG_OCTETS)))
		return false;
	if (!view_split(view_from(local, TAG_OCTETS + 1), '=', &s.hash, &s.rest) ||
		!s.hash.length || !(s.kind == SRS_0 ? parse_0(&s) : parse_1(&s)))
		return false;
	*srs_out = s;
	return true;
}

/* --- out ---------------------------------------------------------------------------------- */

/* The rest of what will be said, and its parts. */
static void add_rest(
	struct buffer *b, const struct srs *seen, const struct address *sender, int64_t now_s)
{
	if (seen->kind == SRS_1) {
		buffer_add(b, seen->rest);
	} else if (seen->kind == SRS_0) {
		buffer_add(b, sender->domain.name);
		buffer_add_octet(b, '=');
		buffer_add(b, view_from(sender->local_plain, TAG_OCTETS));
	} else {
		add_stamp(b, now_s);
		buffer_add_octet(b, '=');
		buffer_add(b, sender->domain.name);
		buffer_add_octet(b, '=');
		buffer_add(b, sender->local_plain);
	}
}

bool srs_forward(const struct address *sender, int64_t now_s, struct arena *a, struct srs *srs_out)
{
	struct srs seen;
	struct buffer rest = buffer_new(2 * SRS_REST_MAX);
	must(!sender->is_literal && sender->domain.name.length && sender->local_plain.length);
	(void)!srs_parse(sender->local_plain, &seen);
	add_rest(&rest, &seen, sender, now_s);
	*srs_out = (struct srs){.kind = seen.kind == SRS_NONE ? SRS_0 : SRS_1};
	const bool ok = arena_copy(a, buffer_view(&rest), &srs_out->rest);
	buffer_free(&rest);
	if (ok)
		must(srs_out->kind == SRS_0 ? parse_0(srs_out) : parse_1(srs_out));
	return ok;
}

void srs_add_signed(struct buffer *b, const struct srs *srs)
{
	buffer_add(b, srs->kind == SRS_0 ? VIEW("SRS0=") : VIEW("SRS1="));
	for (size_t i = 0; i < srs->rest.length; i++)
		buffer_add_octet(b, octet_lower(srs->rest.at[i]));
}

bool srs_add(struct buffer *b, const struct srs *srs, struct view mac, struct domain ours)
{
	struct buffer local = buffer_new(2 * SRS_REST_MAX);
	const size_t before = b->length;
	buffer_add(&local, srs->kind == SRS_0 ? VIEW("SRS0=") : VIEW("SRS1="));
	add_hash(&local, mac);
	buffer_add_octet(&local, '=');
	buffer_add(&local, srs->rest);
	address_add_local(b, buffer_view(&local), false);
	const bool fits = !buffer_failed(&local);
	buffer_free(&local);
	buffer_add_octet(b, '@');
	buffer_add(b, ours.name);
	/* a local-part of more than 64 octets "should be avoided when possible" (§4.5.3.1): it is not */
	if (fits && !buffer_failed(b) && b->length - before + 2 <= ADDRESS_PATH_MAX)
		return true;
	buffer_truncate(b, before);
	return false;
}

/* --- in ----------------------------------------------------------------------------------- */

static bool is_hash(struct view hash, struct view mac)
{
	uint8_t folded[SRS_HASH_OCTETS];
	struct buffer right = buffer_new(SRS_HASH_OCTETS);
	bool same = hash.length == SRS_HASH_OCTETS;
	add_hash(&right, mac);
	for (size_t i = 0; same && i < SRS_HASH_OCTETS; i++) {
		const int value = letter_value(hash.at[i]);
		folded[i] = value < 0 ? '!' : letters[value];
	}
	same = same && view_equal_secret(view_of(folded, sizeof folded), buffer_view(&right));
	buffer_free(&right);
	return same;
}

/* A day ahead of ours is a clock that was set back. */
static bool is_fresh(struct view stamp, int64_t now_s)
{
	const int64_t day = stamp_day(stamp);
	const int64_t age = (day_of(now_s) - day + DAYS) % DAYS;
	return day >= 0 && (age <= SRS_DAYS_MAX || age == DAYS - 1);
}

/* SRS1 has no day of ours: the first forwarder, to whom it goes, looks at his. */
enum srs_verdict srs_check(const struct srs *srs, struct view mac, int64_t now_s)
{
	if (!is_hash(srs->hash, mac))
		return SRS_FORGED;
	return srs->kind == SRS_1 || is_fresh(srs->stamp, now_s) ? SRS_GOOD : SRS_OLD;
}

void srs_add_original(struct buffer *b, const struct srs *srs)
{
	struct buffer local = buffer_new(2 * SRS_REST_MAX);
	if (srs->kind == SRS_1)
		buffer_add(&local, VIEW("SRS0"));
	buffer_add(&local, srs->inner);
	address_add_plain(b, buffer_view(&local), (struct domain){srs->host});
	b->failed |= buffer_failed(&local);
	buffer_free(&local);
}
