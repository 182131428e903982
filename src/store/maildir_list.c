#include "store/maildir_list.h"

#include "store/gate_hash.h"
#include "store/maildir_walk.h"

#include <errno.h>
#include <stdlib.h>

#define ROWS_FIRST 64u
#define UNIQUE_ROUNDS 4 /* hashing anew until no two are the same */

const struct maildir_list_limits maildir_list_limits_default = {
	.messages = MAILDIR_LIST_MAX, .name_octets = MAILDIR_LIST_NAMES_MAX};

struct view maildir_list_name(const struct maildir_list *list, const struct maildir_row *row)
{
	return view_part(buffer_view(&list->names), row->name_at, row->name_length);
}

struct view maildir_list_base(const struct maildir_list *list, const struct maildir_row *row)
{
	return view_part(buffer_view(&list->names), row->name_at, row->base_length);
}

struct view maildir_list_unique_id(const struct maildir_list *list, const struct maildir_row *row)
{
	return view_part(buffer_view(&list->names), row->unique_at, row->unique_length);
}

/* --- names -------------------------------------------------------------------------------- */

/* The time of delivery; false when the name does not begin with one. */
static bool arrival_of(struct view base, int64_t *arrival_s)
{
	struct view head, rest;
	uint64_t n;
	if (!view_split(base, '.', &head, &rest) || !view_to_u64(head, INT64_MAX, &n))
		return false;
	*arrival_s = (int64_t)n;
	return true;
}

/* ",S=" (or ",W=") and digits up to the end or another comma. */
static bool size_of(struct view base, struct view tag, uint64_t *octets)
{
	const size_t at = view_search(base, tag);
	if (at == VIEW_NOT_FOUND)
		return false;
	struct view digits, rest;
	view_split(view_from(base, at + 3), ',', &digits, &rest);
	return view_to_u64(digits, MAILDIR_SIZE_MAX, octets);
}

static bool is_hex16(struct view v)
{
	uint64_t n;
	return v.length == 16 && view_to_hex64(v, &n);
}

/* birth_id_recipient, as maildir_name_add writes it. */
static bool is_own(struct view middle)
{
	struct view birth, id, recipient, rest;
	uint32_t n;
	return view_split(middle, '_', &birth, &rest) && is_hex16(birth) &&
	       view_split(rest, '_', &id, &recipient) && is_hex16(id) &&
	       view_to_u32(recipient, UINT32_MAX, &n);
}

static void unique_hash(
	struct maildir_list *list, struct maildir_row *row, uint32_t place, uint32_t round)
{
	struct buffer b = buffer_new(MAILDIR_NAME_MAX + 16);
	buffer_add(&b, maildir_list_base(list, row));
	if (place) {
		buffer_add_octet(&b, 0);
		buffer_add_u32(&b, place);
		buffer_add_u32(&b, round);
	}
	struct buffer digest = buffer_new(16);
	buffer_add_u64(&digest, gate_hash((struct gate_seed){1, 939}, buffer_view(&b)));
	buffer_add_u64(&digest, gate_hash((struct gate_seed){2, 939}, buffer_view(&b)));
	row->unique_at = (uint32_t)list->names.length;
	row->unique_length = 32;
	buffer_add_hex(&list->names, buffer_view(&digest));
	buffer_free(&digest);
	buffer_free(&b);
}

/* A name that deliver gave: what stands between its first two dots. */
static bool own_middle(struct view base, struct view *middle_out)
{
	struct view head, rest, host;
	return view_split(base, '.', &head, &rest) && view_split(rest, '.', middle_out, &host) &&
	       is_own(*middle_out);
}

static void unique_from_name(struct maildir_list *list, struct maildir_row *row)
{
	const struct view base = maildir_list_base(list, row);
	struct view middle;
	if (own_middle(base, &middle)) {
		row->unique_at = row->name_at + (uint32_t)(middle.at - base.at);
		row->unique_length = (uint8_t)middle.length;
	} else if (base.length > 0 && base.length <= MAILDIR_UNIQUE_ID_MAX &&
		   view_is_printable(base, false)) {
		row->unique_at = row->name_at;
		row->unique_length = (uint8_t)base.length;
	} else {
		unique_hash(list, row, 0, 0);
	}
}

/* --- reading ------------------------------------------------------------------------------ */

static struct maildir_row *next_row(struct maildir_list *list)
{
	if (list->count >= list->max)
		return NULL;
	if (list->count == list->capacity) {
		uint32_t capacity = list->capacity ? list->capacity * 2 : ROWS_FIRST;
		if (capacity > list->max)
			capacity = list->max;
		list->rows =
			memory_resize(list->rows, list->capacity, capacity, sizeof *list->rows);
		list->capacity = capacity;
	}
	return &list->rows[list->count];
}

/* What the name does not say is asked of the file; false: it is no message. */
static enum error complete_row(struct mail_disk *disk, const struct maildir_entry *entry,
	struct view base, struct maildir_row *row, bool *is_message)
{
	struct mail_disk_facts facts;
	*is_message = true;
	if (arrival_of(base, &row->arrival_s) && size_of(base, VIEW(",S="), &row->octets) &&
		entry->is_regular)
		return ERROR_NONE;
	if (disk->facts(disk, entry->directory, entry->text, &facts) != 0) {
		*is_message = false; /* moved meanwhile: cur/ is read after new/ */
		return errno == ENOENT ? ERROR_NONE : error_of_errno(errno);
	}
	*is_message = facts.is_regular;
	if (!arrival_of(base, &row->arrival_s))
		row->arrival_s = facts.changed_s;
	if (!size_of(base, VIEW(",S="), &row->octets))
		row->octets = facts.octets;
	return ERROR_NONE;
}

/* What is sent, as far as the name tells. */
static void guess_sent(struct view base, struct maildir_row *row)
{
	struct view middle;
	row->sent_octets = row->octets;
	if (!own_middle(base, &middle) && !size_of(base, VIEW(",W="), &row->sent_octets))
		row->flags |= MAILDIR_ROW_GUESSED;
}

static enum error add_entry(
	struct maildir_list *list, const struct maildir_entry *entry, bool is_new)
{
	struct maildir_row *row = next_row(list);
	const struct view base = maildir_base(entry->name);
	bool is_message;
	if (!row)
		return ERROR_LIMIT;
	*row = (struct maildir_row){.inode = entry->inode,
		.name_at = (uint32_t)list->names.length,
		.name_length = (uint8_t)entry->name.length,
		.base_length = (uint8_t)base.length,
		.flags = is_new ? MAILDIR_ROW_NEW : 0};
	const enum error error = complete_row(list->disk, entry, base, row, &is_message);
	if (error || !is_message)
		return error;
	guess_sent(base, row);
	buffer_add(&list->names, entry->name);
	if (buffer_failed(&list->names))
		return ERROR_LIMIT;
	list->count++;
	return ERROR_NONE;
}

static enum error read_directory(struct maildir_list *list, int maildir, bool is_new)
{
	struct maildir_walk walk;
	struct maildir_entry entry;
	enum error error = maildir_walk_begin(list->disk, maildir, is_new ? "new" : "cur", &walk);
	if (error == ERROR_MISSING)
		return ERROR_NONE;
	while (!error && maildir_walk_next(&walk, &entry))
		error = add_entry(list, &entry, is_new);
	if (!error)
		error = walk.error;
	maildir_walk_end(&walk);
	return error;
}

/* --- order -------------------------------------------------------------------------------- */

static int compare_rows(const void *a, const void *b, void *context)
{
	const struct maildir_list *list = context;
	const struct maildir_row *one = a;
	const struct maildir_row *two = b;
	if (one->arrival_s != two->arrival_s)
		return one->arrival_s < two->arrival_s ? -1 : 1;
	const int by_base =
		view_compare(maildir_list_base(list, one), maildir_list_base(list, two));
	if (by_base)
		return by_base;
	if (one->inode != two->inode)
		return one->inode < two->inode ? -1 : 1;
	/* the same file, seen twice: where it was seen first comes first */
	return one->name_at < two->name_at ? -1 : 1;
}

/* A file that was renamed while the directories were read may have been seen under both names: the
 * later one counts. */
static void drop_repeats(struct maildir_list *list)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < list->count; i++) {
		const struct maildir_row *row = &list->rows[i];
		struct maildir_row *last = kept ? &list->rows[kept - 1] : NULL;
		if (last && last->inode == row->inode && last->arrival_s == row->arrival_s &&
			view_equal(maildir_list_base(list, last), maildir_list_base(list, row)))
			*last = *row;
		else
			list->rows[kept++] = *row;
	}
	list->count = kept;
}

/* --- unique-ids --------------------------------------------------------------------------- */

static int compare_unique(const void *a, const void *b, void *context)
{
	const struct maildir_list *list = context;
	const uint32_t one = *(const uint32_t *)a;
	const uint32_t two = *(const uint32_t *)b;
	const int by_unique = view_compare(maildir_list_unique_id(list, &list->rows[one]),
		maildir_list_unique_id(list, &list->rows[two]));
	if (by_unique)
		return by_unique;
	return one < two ? -1 : one > two;
}

static bool same_unique(const struct maildir_list *list, uint32_t a, uint32_t b)
{
	return view_equal(maildir_list_unique_id(list, &list->rows[a]),
		maildir_list_unique_id(list, &list->rows[b]));
}

/* All that share a unique-id get one of their own, by their place among them. */
static void part_run(struct maildir_list *list, const uint32_t *order, uint32_t first, uint32_t end,
	uint32_t round)
{
	for (uint32_t i = first; i < end; i++)
		unique_hash(list, &list->rows[order[i]], 1 + i - first, round);
}

/* False when nothing had to be changed. */
static bool part_repeats(struct maildir_list *list, uint32_t *order, uint32_t round)
{
	bool changed = false;
	uint32_t end;
	qsort_r(order, list->count, sizeof *order, compare_unique, list);
	for (uint32_t first = 0; first < list->count; first = end) {
		end = first + 1;
		while (end < list->count && same_unique(list, order[first], order[end]))
			end++;
		if (end - first > 1) {
			part_run(list, order, first, end, round);
			changed = true;
		}
	}
	return changed;
}

static void make_unique(struct maildir_list *list)
{
	uint32_t *order = memory_new(list->count, sizeof *order);
	for (uint32_t i = 0; i < list->count; i++) {
		unique_from_name(list, &list->rows[i]);
		order[i] = i;
	}
	for (uint32_t round = 0; round < UNIQUE_ROUNDS; round++)
		if (!part_repeats(list, order, round))
			break;
	memory_free(order);
}

/* ------------------------------------------------------------------------------------------ */

static enum error read_all(int maildir, struct maildir_list *list)
{
	struct mail_disk_facts facts;
	if (list->disk->facts(list->disk, maildir, NULL, &facts) != 0)
		return error_of_errno(errno);
	list->device = facts.device;
	/* what moves from new/ to cur/ meanwhile is seen at least once */
	enum error error = read_directory(list, maildir, true);
	if (!error)
		error = read_directory(list, maildir, false);
	if (error || list->count == 0)
		return error;
	qsort_r(list->rows, list->count, sizeof *list->rows, compare_rows, list);
	drop_repeats(list);
	make_unique(list);
	for (uint32_t i = 0; i < list->count; i++)
		list->sent_octets += list->rows[i].sent_octets;
	return buffer_failed(&list->names) ? ERROR_LIMIT : ERROR_NONE;
}

enum error maildir_list_read(const struct maildir_place *place,
	const struct maildir_list_limits *limits, struct maildir_list *list)
{
	*list = (struct maildir_list){.disk = place->disk,
		.names = buffer_new(limits->name_octets),
		.max = limits->messages};
	int maildir;
	enum error error = maildir_walk_open(place, &maildir);
	if (error == ERROR_MISSING)
		return ERROR_NONE;
	if (error)
		return error;
	error = read_all(maildir, list);
	place->disk->close(place->disk, maildir);
	if (error)
		maildir_list_free(list);
	return error;
}

void maildir_list_free(struct maildir_list *list)
{
	buffer_free(&list->names);
	memory_free(list->rows);
	*list = (struct maildir_list){.disk = list->disk, .names = list->names};
}

size_t maildir_list_memory(const struct maildir_list *list)
{
	return list->names.capacity + list->capacity * sizeof *list->rows;
}
