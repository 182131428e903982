#include "store/spool_internal.h"

#include <stdlib.h>

#define TABLE_MIN 1024u
#define HEAP_OVERHEAD 16u /* what an allocation costs besides, for the account */

static size_t slot_of(const struct spool *spool, uint64_t id)
{
	return (size_t)(id * 0x9e3779b97f4a7c15ull >> 20) & (spool->table_size - 1);
}

static size_t entry_octets(uint32_t recipients)
{
	return sizeof(struct spool_entry) + recipients * sizeof(struct spool_recipient);
}

static void table_grow(struct spool *spool)
{
	struct spool_entry **old = spool->table;
	const size_t old_size = spool->table_size;
	spool->table_size = old_size ? old_size * 2 : TABLE_MIN;
	spool->table = memory_new(spool->table_size, sizeof *spool->table);
	spool->memory_octets += (spool->table_size - old_size) * sizeof *spool->table;
	for (size_t i = 0; i < old_size; i++) {
		struct spool_entry *entry = old[i];
		while (entry) {
			struct spool_entry *next = entry->chain;
			const size_t slot = slot_of(spool, entry->id.value);
			entry->chain = spool->table[slot];
			spool->table[slot] = entry;
			entry = next;
		}
	}
	memory_free(old);
}

struct spool_entry *index_find(const struct spool *spool, uint64_t id)
{
	if (!spool->table_size)
		return NULL;
	struct spool_entry *entry = spool->table[slot_of(spool, id)];
	while (entry && entry->id.value != id)
		entry = entry->chain;
	return entry;
}

struct spool_entry *index_add(struct spool *spool, uint64_t id, uint32_t recipients)
{
	if (spool->message_count >= spool->table_size)
		table_grow(spool);
	struct spool_entry *entry = memory_new(1, entry_octets(recipients));
	entry->id.value = id;
	entry->recipient_count = recipients;
	entry->open_count = recipients;
	entry->unsettled = recipients;
	for (uint32_t i = 0; i < recipients; i++)
		entry->recipients[i].segment = SPOOL_NOWHERE;
	const size_t slot = slot_of(spool, id);
	entry->chain = spool->table[slot];
	spool->table[slot] = entry;
	must(spool->recovering || !spool->newest_entry || spool->newest_entry->id.value < id);
	entry->older = spool->newest_entry;
	if (entry->older)
		entry->older->newer = entry;
	else
		spool->oldest = entry;
	spool->newest_entry = entry;
	spool->message_count++;
	spool->recipient_count += recipients;
	spool->open_messages++;
	spool->open_recipients += recipients;
	spool->memory_octets += entry_octets(recipients) + HEAP_OVERHEAD;
	return entry;
}

void index_remove(struct spool *spool, struct spool_entry *entry)
{
	struct spool_entry **link = &spool->table[slot_of(spool, entry->id.value)];
	while (*link != entry)
		link = &(*link)->chain;
	*link = entry->chain;
	if (entry->older)
		entry->older->newer = entry->newer;
	else
		spool->oldest = entry->newer;
	if (entry->newer)
		entry->newer->older = entry->older;
	else
		spool->newest_entry = entry->older;
	spool->message_count--;
	spool->recipient_count -= entry->recipient_count;
	spool->open_messages -= entry->open_count > 0;
	spool->open_recipients -= entry->open_count;
	spool->memory_octets -= entry_octets(entry->recipient_count) + HEAP_OVERHEAD;
	memory_free(entry);
}

static int entry_order(const void *a, const void *b)
{
	const uint64_t left = (*(struct spool_entry *const *)a)->id.value;
	const uint64_t right = (*(struct spool_entry *const *)b)->id.value;
	return left < right ? -1 : left > right;
}

void index_sort(struct spool *spool)
{
	const size_t count = (size_t)spool->message_count;
	struct spool_entry **all = memory_new(count, sizeof(struct spool_entry *));
	size_t n = 0;
	for (struct spool_entry *entry = spool->oldest; entry; entry = entry->newer)
		all[n++] = entry;
	must(n == count);
	qsort(all, count, sizeof(struct spool_entry *), entry_order);
	for (size_t i = 0; i < count; i++) {
		all[i]->older = i ? all[i - 1] : NULL;
		all[i]->newer = i + 1 < count ? all[i + 1] : NULL;
	}
	spool->oldest = count ? all[0] : NULL;
	spool->newest_entry = count ? all[count - 1] : NULL;
	memory_free(all);
}

void index_free(struct spool *spool)
{
	while (spool->oldest)
		index_remove(spool, spool->oldest);
	memory_free(spool->table);
	spool->table = NULL;
	spool->table_size = 0;
}

const struct spool_entry *spool_find(const struct spool *spool, struct spool_id id)
{
	return index_find(spool, id.value);
}

const struct spool_entry *spool_oldest(const struct spool *spool)
{
	return spool->oldest;
}

const struct spool_entry *spool_after(const struct spool *spool, struct spool_id id)
{
	const struct spool_entry *entry = index_find(spool, id.value);
	if (entry)
		return entry->newer;
	for (entry = spool->oldest; entry && entry->id.value <= id.value; entry = entry->newer)
		;
	return entry;
}
