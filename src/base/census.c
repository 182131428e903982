#include "base/census.h"

#include "base/random.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct column {
	_Atomic uint32_t total;
	_Atomic uint32_t inside;
	_Atomic uint32_t slots[CENSUS_SLOTS];
	_Atomic uint32_t networks[CENSUS_SLOTS];
};

struct table {
	uint64_t salt;
	struct column columns[];
};

struct census {
	struct table *table;
	uint32_t worker;
	uint32_t workers;
};

static size_t table_size(uint32_t workers)
{
	return sizeof(struct table) + workers * sizeof(struct column);
}

int census_create(uint32_t workers)
{
	const int fd = memfd_create("sekisho-census", MFD_CLOEXEC);
	const uint64_t salt = random_u64();
	if (fd < 0)
		return -1;
	if (ftruncate(fd, (off_t)table_size(workers)) != 0 ||
		pwrite(fd, &salt, sizeof salt, 0) != sizeof salt) {
		close(fd);
		return -1;
	}
	return fd;
}

struct census *census_map(int fd, uint32_t worker, uint32_t workers)
{
	struct stat facts;
	if (worker >= workers || fstat(fd, &facts) != 0 ||
		(size_t)facts.st_size != table_size(workers))
		return NULL;
	void *at = mmap(NULL, table_size(workers), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return NULL;
	struct census *c = memory_new(1, sizeof *c);
	*c = (struct census){at, worker, workers};
	return c;
}

static uint64_t mix(uint64_t h)
{
	h ^= h >> 31;
	h *= 0x9e3779b97f4a7c15u;
	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9u;
	return h ^ h >> 32;
}

struct slots {
	uint32_t address;
	uint32_t network;
};

/* ::ffff:a.b.c.d counts whole, its network without the last octet; of other IPv6 addresses the /64
 * of a link and the /48 of a site count. */
static struct slots slots_of(const struct census *c, const uint8_t address[16])
{
	struct cursor octets = cursor_of(view_of(address, 16));
	const uint64_t high = cursor_u64(&octets);
	const uint64_t low = cursor_u64(&octets);
	const uint64_t salt = c->table->salt;
	const bool is_v4 = high == 0;
	/* the cursor reads little endian: the last octet of an address is the highest */
	const uint64_t whole = is_v4 ? low : 0;
	const uint64_t site = is_v4 ? high : high & 0xffffffffffff;
	const uint64_t block = is_v4 ? low & 0xffffffffffffff : 0;
	return (struct slots){(uint32_t)(mix(mix(high ^ salt) + whole) % CENSUS_SLOTS),
		(uint32_t)(mix(mix(site ^ salt) + block) % CENSUS_SLOTS)};
}

void census_clear(struct census *c, uint32_t worker)
{
	must(worker < c->workers);
	struct column *column = &c->table->columns[worker];
	atomic_store_explicit(&column->total, 0, memory_order_relaxed);
	atomic_store_explicit(&column->inside, 0, memory_order_relaxed);
	for (size_t i = 0; i < CENSUS_SLOTS; i++) {
		atomic_store_explicit(&column->slots[i], 0, memory_order_relaxed);
		atomic_store_explicit(&column->networks[i], 0, memory_order_relaxed);
	}
}

void census_enter(struct census *c, const uint8_t address[16])
{
	struct column *mine = &c->table->columns[c->worker];
	atomic_fetch_add_explicit(&mine->total, 1, memory_order_relaxed);
	const struct slots at = slots_of(c, address);
	atomic_fetch_add_explicit(&mine->slots[at.address], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&mine->networks[at.network], 1, memory_order_relaxed);
}

void census_leave(struct census *c, const uint8_t address[16])
{
	struct column *mine = &c->table->columns[c->worker];
	atomic_fetch_sub_explicit(&mine->total, 1, memory_order_relaxed);
	const struct slots at = slots_of(c, address);
	atomic_fetch_sub_explicit(&mine->slots[at.address], 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&mine->networks[at.network], 1, memory_order_relaxed);
}

uint32_t census_count(const struct census *c, const uint8_t address[16])
{
	const uint32_t slot = slots_of(c, address).address;
	uint32_t sum = 0;
	for (uint32_t w = 0; w < c->workers; w++)
		sum += atomic_load_explicit(
			&c->table->columns[w].slots[slot], memory_order_relaxed);
	return sum;
}

uint32_t census_network(const struct census *c, const uint8_t address[16])
{
	const uint32_t slot = slots_of(c, address).network;
	uint32_t sum = 0;
	for (uint32_t w = 0; w < c->workers; w++)
		sum += atomic_load_explicit(
			&c->table->columns[w].networks[slot], memory_order_relaxed);
	return sum;
}

uint32_t census_total(const struct census *c)
{
	uint32_t sum = 0;
	for (uint32_t w = 0; w < c->workers; w++)
		sum += atomic_load_explicit(&c->table->columns[w].total, memory_order_relaxed);
	return sum;
}

void census_turn_inside(struct census *c)
{
	atomic_fetch_add_explicit(&c->table->columns[c->worker].inside, 1, memory_order_relaxed);
}

void census_turn_outside(struct census *c)
{
	atomic_fetch_sub_explicit(&c->table->columns[c->worker].inside, 1, memory_order_relaxed);
}

uint32_t census_inside(const struct census *c)
{
	uint32_t sum = 0;
	for (uint32_t w = 0; w < c->workers; w++)
		sum += atomic_load_explicit(&c->table->columns[w].inside, memory_order_relaxed);
	return sum;
}
