#include "faces/resolve/message.h"

#include "base/text.h"

#define NAME_OCTETS_MAX 255 /* on the wire; RFC 1035 §2.3.4 */
#define NAME_TEXT_MAX (4 * NAME_OCTETS_MAX)
#define HEADER_OCTETS 12
#define CLASS_IN 1
#define FLAG_ANSWER 0x8000u
#define RCODE_MASK 15u
#define RCODE_NO_ERROR 0
#define RCODE_NAME_ERROR 3

struct raw_record {
	struct view owner;
	uint16_t type;
	uint16_t class;
	size_t at; /* of the data in the message */
	size_t length;
};

struct reader {
	struct view message;
	size_t at;
	bool failed;
	struct arena *arena;
};

/* --- numbers ------------------------------------------------------------------------------ */

static uint16_t big16_at(struct view v, size_t i)
{
	const int high = view_at(v, i);
	const int low = view_at(v, i + 1);
	return high < 0 || low < 0 ? 0 : (uint16_t)(high << 8 | low);
}

static uint16_t take16(struct reader *r)
{
	if (r->failed || r->message.length - r->at < 2) {
		r->failed = true;
		return 0;
	}
	r->at += 2;
	return big16_at(r->message, r->at - 2);
}

static void skip(struct reader *r, size_t octets)
{
	if (r->failed || r->message.length - r->at < octets)
		r->failed = true;
	else
		r->at += octets;
}

/* --- names -------------------------------------------------------------------------------- */

static void add_octet(struct buffer *b, uint8_t octet)
{
	if (octet_is_alnum(octet) || octet == '-' || octet == '_') {
		buffer_add_octet(b, octet_lower(octet));
		return;
	}
	buffer_add_octet(b, '\\');
	buffer_add_octet(b, (uint8_t)('0' + octet / 100));
	buffer_add_octet(b, (uint8_t)('0' + octet / 10 % 10));
	buffer_add_octet(b, (uint8_t)('0' + octet % 10));
}

static void add_label(struct buffer *b, struct view label)
{
	if (b->length)
		buffer_add_octet(b, '.');
	for (size_t i = 0; i < label.length; i++)
		add_octet(b, label.at[i]);
}

/* The text of the name at `*at`, which is moved behind it. A pointer must lead to before where its part of
 * the name began, so each leads further to the front and there is an end. */
static bool name_text(struct view message, size_t *at, struct buffer *text)
{
	size_t i = *at;
	size_t part = i;
	size_t octets = 1;
	bool jumped = false;
	for (;;) {
		const int length = view_at(message, i);
		if (length < 0)
			return false;
		if (length >= 0xc0) {
			const size_t target = big16_at(message, i) & 0x3fffu;
			if (view_at(message, i + 1) < 0 || target >= part)
				return false;
			if (!jumped)
				*at = i + 2;
			jumped = true;
			part = i = target;
			continue;
		}
		octets += (size_t)length + 1;
		if (length > DOMAIN_LABEL_MAX || octets > NAME_OCTETS_MAX + 1)
			return false;
		if (length == 0)
			break;
		const struct view label = view_part(message, i + 1, (size_t)length);
		if (label.length != (size_t)length)
			return false;
		add_label(text, label);
		i += (size_t)length + 1;
	}
	if (!jumped)
		*at = i + 1;
	return true;
}

static struct view take_name(struct reader *r)
{
	struct buffer text = buffer_new(NAME_TEXT_MAX);
	struct view name = VIEW_NONE;
	if (r->failed || !name_text(r->message, &r->at, &text) ||
		!arena_copy(r->arena, buffer_view(&text), &name))
		r->failed = true;
	buffer_free(&text);
	return name;
}

/* --- records ------------------------------------------------------------------------------ */

static void take_record(struct reader *r, struct raw_record *record)
{
	record->owner = take_name(r);
	record->type = take16(r);
	record->class = take16(r);
	skip(r, 4); /* how long it lives is the cache's business */
	record->length = take16(r);
	record->at = r->at;
	skip(r, record->length);
}

/* A name inside the data of a record, which it must end with. */
static bool data_name(
	const struct reader *r, const struct raw_record *raw, size_t from, struct view *name_out)
{
	struct reader inside = *r;
	inside.at = raw->at + from;
	if (raw->length <= from)
		return false;
	*name_out = take_name(&inside);
	return !inside.failed && inside.at == raw->at + raw->length;
}

static bool data_text(const struct reader *r, struct view data, struct view *text_out)
{
	struct buffer joined = buffer_new(UINT16_MAX);
	struct cursor c = cursor_of(data);
	while (cursor_left(&c) && !cursor_failed(&c))
		buffer_add(&joined, cursor_take(&c, cursor_u8(&c)));
	const bool fits = cursor_done(&c) && arena_copy(r->arena, buffer_view(&joined), text_out);
	buffer_free(&joined);
	return fits;
}

static bool data_ip(struct view data, enum dns_type type, struct ip *ip_out)
{
	struct in_addr v4;
	struct in6_addr v6;
	if (type == DNS_A) {
		if (data.length != sizeof v4 || !view_copy(data, &v4, sizeof v4))
			return false;
		*ip_out = ip_of_v4(v4);
		return true;
	}
	if (data.length != sizeof v6 || !view_copy(data, &v6, sizeof v6))
		return false;
	*ip_out = ip_of_v6(&v6);
	return !ip_is_v4(ip_out); /* the mapped form is no address on the wire (RFC 4038 §4.2) */
}

static bool data_tlsa(struct view data, struct tlsa *tlsa_out)
{
	struct cursor c = cursor_of(data);
	tlsa_out->usage = cursor_u8(&c);
	tlsa_out->selector = cursor_u8(&c);
	tlsa_out->matching = cursor_u8(&c);
	tlsa_out->data = cursor_rest(&c);
	return !cursor_failed(&c);
}

static bool read_data(const struct reader *r, const struct raw_record *raw, enum dns_type type,
	struct dns_record *record)
{
	const struct view data = view_part(r->message, raw->at, raw->length);
	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		return data_ip(data, type, &record->ip);
	case DNS_MX:
		record->preference = big16_at(data, 0);
		return data_name(r, raw, 2, &record->name);
	case DNS_PTR:
	case DNS_CNAME:
		return data_name(r, raw, 0, &record->name);
	case DNS_TXT:
		return data_text(r, data, &record->octets);
	case DNS_TLSA:
		return data_tlsa(data, &record->tlsa);
	case DNS_DNSKEY:
		return data.length > 0;
	}
	return false;
}

/* --- the answer --------------------------------------------------------------------------- */

static const struct raw_record *find_alias(
	const struct raw_record *raws, uint32_t count, struct view owner)
{
	for (uint32_t i = 0; i < count; i++)
		if (raws[i].type == DNS_CNAME && raws[i].class == CLASS_IN &&
			view_equal(raws[i].owner, owner))
			return &raws[i];
	return NULL;
}

/* False when they lead nowhere. */
static bool follow_aliases(const struct reader *r, const struct raw_record *raws, uint32_t count,
	struct dns_answer *answer)
{
	for (uint32_t i = 0; i <= DNS_ALIASES_MAX; i++) {
		const struct raw_record *alias = find_alias(raws, count, answer->canonical);
		if (!alias)
			return true;
		answer->has_alias = true;
		if (!data_name(r, alias, 0, &answer->canonical))
			return false;
	}
	return false;
}

static void collect(const struct reader *r, const struct raw_record *raws, uint32_t count,
	enum dns_type type, struct dns_answer *answer)
{
	struct dns_record *records = arena_get_array(r->arena, count, sizeof *records);
	for (uint32_t i = 0; records && i < count; i++) {
		const bool is_asked = raws[i].type == type && raws[i].class == CLASS_IN &&
				      view_equal(raws[i].owner, answer->canonical);
		if (is_asked && read_data(r, &raws[i], type, &records[answer->count]))
			answer->count++;
	}
	answer->records = records;
	answer->status = !records ? DNS_FAILED : answer->count ? DNS_FOUND : DNS_NO_DATA;
}

static void read_section(
	struct reader *r, uint32_t records, enum dns_type type, struct dns_answer *answer)
{
	const uint32_t count = records < DNS_RECORDS_MAX ? records : DNS_RECORDS_MAX;
	struct raw_record *raws = arena_get_array(r->arena, count, sizeof *raws);
	for (uint32_t i = 0; raws && i < count; i++)
		take_record(r, &raws[i]);
	if (!raws || r->failed)
		return;
	/* who asks for a CNAME wants it, not what it leads to */
	if (type != DNS_CNAME && !follow_aliases(r, raws, count, answer))
		return;
	collect(r, raws, count, type, answer);
}

/* There is one, and it is ours. */
static bool is_question(struct reader *r, struct view name, enum dns_type type)
{
	const bool is_one = big16_at(r->message, 4) == 1;
	const bool is_ours = view_equal(take_name(r), name);
	return take16(r) == type && take16(r) == CLASS_IN && is_one && is_ours;
}

void dns_read(struct view message, struct view name, enum dns_type type, struct arena *a,
	struct dns_answer *answer_out)
{
	struct reader r = {.message = message, .at = HEADER_OCTETS, .arena = a};
	*answer_out = (struct dns_answer){.status = DNS_FAILED, .canonical = name};
	if (message.length < HEADER_OCTETS)
		return;
	const unsigned flags = big16_at(message, 2);
	const unsigned rcode = flags & RCODE_MASK;
	if ((rcode != RCODE_NO_ERROR && rcode != RCODE_NAME_ERROR) || !(flags & FLAG_ANSWER) ||
		!is_question(&r, name, type))
		return;
	read_section(&r, big16_at(message, 6), type, answer_out);
	if (answer_out->status != DNS_FAILED && rcode == RCODE_NAME_ERROR) {
		answer_out->status = DNS_NO_DOMAIN;
		answer_out->count = 0;
	}
}

void dns_add_reverse(struct buffer *b, const struct ip *ip)
{
	static const char digits[] = "0123456789abcdef";
	if (ip_is_v4(ip)) {
		text_add(b, "{}.{}.{}.{}.in-addr.arpa", text_number(ip->octets[15]),
			text_number(ip->octets[14]), text_number(ip->octets[13]),
			text_number(ip->octets[12]));
		return;
	}
	for (size_t i = sizeof ip->octets; i-- > 0;) {
		buffer_add_octet(b, (uint8_t)digits[ip->octets[i] & 15]);
		buffer_add_octet(b, '.');
		buffer_add_octet(b, (uint8_t)digits[ip->octets[i] >> 4]);
		buffer_add_octet(b, '.');
	}
	buffer_add(b, VIEW("ip6.arpa"));
}
