#include "config/settings.h"

const struct setting *setting_find(struct view name)
{
	for (enum setting_id id = 0; id < SETTING_COUNT; id++)
		if (view_equal(name, view_text(setting_get(id)->name)))
			return setting_get(id);
	return NULL;
}

#define NAME_ROOM 32

static uint8_t least(uint8_t a, uint8_t b)
{
	return a < b ? a : b;
}

/* Levenshtein, without regard to ASCII case; both at most NAME_ROOM octets. */
static uint8_t edit_distance(struct view a, struct view b)
{
	uint8_t row[NAME_ROOM + 1];
	for (size_t j = 0; j <= b.length; j++)
		row[j] = (uint8_t)j;
	for (size_t i = 1; i <= a.length; i++) {
		uint8_t diagonal = row[0];
		row[0] = (uint8_t)i;
		for (size_t j = 1; j <= b.length; j++) {
			const bool same = octet_lower(a.at[i - 1]) == octet_lower(b.at[j - 1]);
			const uint8_t replaced = (uint8_t)(diagonal + !same);
			diagonal = row[j];
			row[j] = least(replaced, (uint8_t)(least(row[j], row[j - 1]) + 1));
		}
	}
	return row[b.length];
}

const struct setting *setting_nearest(struct view name)
{
	const struct setting *best = NULL;
	uint8_t best_distance = 4;
	if (name.length > NAME_ROOM || name.length == 0)
		return NULL;
	for (enum setting_id id = 0; id < SETTING_COUNT; id++) {
		const struct view candidate = view_text(setting_get(id)->name);
		const uint8_t distance = edit_distance(name, candidate);
		/* Of a short name not more than a third may differ. */
		if (distance < best_distance && distance <= (candidate.length + 1) / 3) {
			best = setting_get(id);
			best_distance = distance;
		}
	}
	return best;
}
