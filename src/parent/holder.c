#include "parent/holder.h"

#include "base/files.h"
#include "base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#define TABLE_MAX ((size_t)16 << 20)
#define LISTENING VIEW("0A") /* of the kernel's tcp_states.h, in hexadecimal */
#define FIELD_ADDRESS 1
#define FIELD_STATE 3
#define FIELD_INODE 9

static bool is_space(int octet)
{
	return octet == ' ' || octet == '\t';
}

static bool is_word(int octet)
{
	return octet > ' ';
}

/*   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode */
static bool listens(struct view line, uint16_t port, uint64_t *inode_out)
{
	struct view fields[FIELD_INODE + 1];
	struct cursor c = cursor_of(line);
	uint64_t bound;
	for (size_t i = 0; i <= FIELD_INODE; i++) {
		cursor_while(&c, is_space);
		fields[i] = cursor_while(&c, is_word);
	}
	const size_t colon = view_find_last(fields[FIELD_ADDRESS], ':');
	return colon != VIEW_NOT_FOUND && view_equal(fields[FIELD_STATE], LISTENING) &&
	       view_to_hex64(view_from(fields[FIELD_ADDRESS], colon + 1), &bound) &&
	       bound == port && view_to_u64(fields[FIELD_INODE], UINT64_MAX, inode_out);
}

bool port_listener_find(struct view table, uint16_t port, uint64_t *inode_out)
{
	struct view line;
	struct view rest = table;
	while (rest.length) {
		const struct view whole = rest;
		view_split(whole, '\n', &line, &rest);
		if (listens(line, port, inode_out))
			return true;
	}
	return false;
}

static bool find_inode(int proc, uint16_t port, uint64_t *inode_out)
{
	static const char *const tables[] = {"net/tcp", "net/tcp6"};
	bool found = false;
	for (size_t i = 0; i < 2 && !found; i++) {
		struct buffer b = buffer_new(TABLE_MAX);
		found = file_read(proc, tables[i], &b) == ERROR_NONE &&
			port_listener_find(buffer_view(&b), port, inode_out);
		buffer_free(&b);
	}
	return found;
}

/* Whether a descriptor of the process is that link, "socket:[123]". */
static bool has_open(int proc, struct view pid, struct view wanted)
{
	char path[64];
	char link[64];
	struct buffer b = buffer_new(sizeof path - 1);
	text_add(&b, "{}/fd", text_raw(pid));
	const bool fits = view_to_text(buffer_view(&b), path, sizeof path);
	buffer_free(&b);
	const int fd = fits ? openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	bool found = false;
	while (directory && !found && (entry = readdir(directory))) {
		const ssize_t n = readlinkat(fd, entry->d_name, link, sizeof link);
		found = n > 0 && view_equal(view_of(link, (size_t)n), wanted);
	}
	if (directory)
		closedir(directory);
	return found;
}

static void add_name(struct buffer *b, int proc, struct view pid)
{
	char path[64];
	struct buffer name = buffer_new(256);
	struct buffer where = buffer_new(sizeof path - 1);
	text_add(&where, "{}/comm", text_raw(pid));
	if (view_to_text(buffer_view(&where), path, sizeof path) &&
		file_read(proc, path, &name) == ERROR_NONE && name.length)
		text_add(b, "{} (process {})",
			text_view(view_first(buffer_view(&name), name.length - 1)), text_view(pid));
	buffer_free(&where);
	buffer_free(&name);
}

static void find_process(struct buffer *b, int proc, struct view wanted)
{
	DIR *all = opendir("/proc");
	const struct dirent *entry;
	while (all && (entry = readdir(all))) {
		const struct view pid = view_text(entry->d_name);
		if (octet_is_digit(view_at(pid, 0)) && has_open(proc, pid, wanted)) {
			add_name(b, proc, pid);
			break;
		}
	}
	if (all)
		closedir(all);
}

void port_holder_add(struct buffer *b, uint16_t port)
{
	const int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct buffer wanted = buffer_new(64);
	uint64_t inode;
	if (proc >= 0 && find_inode(proc, port, &inode)) {
		text_add(&wanted, "socket:[{}]", text_number(inode));
		find_process(b, proc, buffer_view(&wanted));
	}
	buffer_free(&wanted);
	if (proc >= 0)
		close(proc);
}
