#include "config/settings.h"

#include "base/text.h"
#include "config/units.h"

const char *setting_kind_name(enum setting_kind kind)
{
	switch (kind) {
	case SETTING_KIND_DOMAIN:
		return "domain";
	case SETTING_KIND_NAME:
		return "name";
	case SETTING_KIND_PATH:
		return "path";
	case SETTING_KIND_FILE:
		return "file";
	case SETTING_KIND_HOST:
		return "host";
	case SETTING_KIND_NUMBER:
		return "number";
	case SETTING_KIND_SIZE:
		return "size";
	case SETTING_KIND_DURATION:
		return "duration";
	case SETTING_KIND_SWITCH:
		return "switch";
	case SETTING_KIND_CLOCKS:
		return "clocks";
	case SETTING_KIND_STORE:
		return "store";
	case SETTING_KIND_LIST:
		return "list";
	}
	return "unknown";
}

bool setting_is_number(const struct setting *s)
{
	return s->kind == SETTING_KIND_NUMBER || s->kind == SETTING_KIND_SIZE ||
	       s->kind == SETTING_KIND_DURATION || s->kind == SETTING_KIND_SWITCH;
}

struct unit {
	uint8_t letter;
	uint64_t factor;
};

/* Largest first; letter 0 ends. */
static const struct unit units_of_size[] = {{'G', GIB}, {'M', MIB}, {'K', KIB}, {0, 1}};
static const struct unit units_of_time[] = {{'d', DAY}, {'h', HOUR}, {'m', 60}, {'s', 1}, {0, 1}};
static const struct unit units_of_number[] = {{0, 1}};

static const struct unit *units_of(const struct setting *s)
{
	if (s->kind == SETTING_KIND_SIZE)
		return units_of_size;
	return s->kind == SETTING_KIND_DURATION ? units_of_time : units_of_number;
}

static bool parse_switch(struct view text, uint64_t *n_out)
{
	*n_out = view_equal(text, VIEW("yes"));
	return *n_out || view_equal(text, VIEW("no"));
}

bool setting_parse_number(const struct setting *s, struct view text, uint64_t *n_out)
{
	if (s->kind == SETTING_KIND_SWITCH)
		return parse_switch(text, n_out);
	const uint8_t last = octet_lower((uint8_t)view_at(text, text.length - 1));
	uint64_t factor = 1;
	*n_out = 0;
	for (const struct unit *u = units_of(s); text.length && u->letter; u++)
		if (octet_lower(u->letter) == last) {
			factor = u->factor;
			text.length--;
			break;
		}
	uint64_t n;
	if (!view_to_u64(text, s->max / factor, &n) || n * factor < s->min)
		return false;
	/* A bare number of a time would leave open what it counts. */
	if (s->kind == SETTING_KIND_DURATION && n != 0 && octet_is_digit(last))
		return false;
	*n_out = n * factor;
	return true;
}

void setting_add_number(struct buffer *b, const struct setting *s, uint64_t n)
{
	if (s->kind == SETTING_KIND_SWITCH) {
		buffer_add(b, n ? VIEW("yes") : VIEW("no"));
		return;
	}
	const struct unit *u = units_of(s);
	while (u->letter && (n == 0 || n % u->factor != 0))
		u++;
	text_add(b, "{}", text_number(n / u->factor));
	if (u->letter)
		buffer_add_octet(b, u->letter);
}
