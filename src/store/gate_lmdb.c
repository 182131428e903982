#include "store/gate_lmdb.h"

#include "base/text.h"
#include "store/gate_clock.h"
#include "store/gate_table.h"

#include <assert.h>
#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <sys/stat.h>

#define FILE_NAME "gate.mdb"
#define FILE_MODE 0600
#define PATH_MAX_OCTETS 512
/* Begin with an octet that no kind begins with. The mark says which form the file has: times of the first were
 * seconds. */
#define MARK_KEY VIEW("\0clock 2")
#define MARK_KEY_S VIEW("\0clock 1")

struct lmdb_store {
	struct gate_store head;
	MDB_env *env;
	MDB_dbi rows;
	bool is_in_seconds; /* an earlier version wrote it */
};

static struct lmdb_store *of(struct gate_store *store)
{
	return (struct lmdb_store *)store; /* `head` is first */
}

static enum error error_of(int code)
{
	switch (code) {
	case MDB_SUCCESS:
		return ERROR_NONE;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
		return ERROR_SPACE;
	case MDB_NOTFOUND:
		return ERROR_MISSING;
	case MDB_CORRUPTED:
	case MDB_INVALID:
	case MDB_PAGE_NOTFOUND:
	case MDB_VERSION_MISMATCH:
	case MDB_BAD_VALSIZE:
		return ERROR_CORRUPT;
	default:
		return code > 0 ? error_of_errno(code) : ERROR_IO;
	}
}

static MDB_val val_of(struct view v)
{
	return (MDB_val){.mv_size = v.length, .mv_data = (void *)(uintptr_t)v.at};
}

static struct view view_of_val(const MDB_val *v)
{
	return view_of(v->mv_data, v->mv_size);
}

/* --- loading ------------------------------------------------------------------------------ */

static void load_one(struct lmdb_store *s, struct view key, struct view value, gate_store_row *each,
	void *context)
{
	struct cursor c = cursor_of(value);
	const uint64_t ends = cursor_u64(&c);
	if (view_equal(key, MARK_KEY) || view_equal(key, MARK_KEY_S) || cursor_failed(&c))
		return;
	each(context, key, cursor_rest(&c), s->is_in_seconds ? gate_clock_ms_of_s(ends) : ends);
}

static void load_mark(struct lmdb_store *s, struct view key, struct view value)
{
	if (view_equal(key, MARK_KEY)) {
		buffer_clear(&s->head.mark);
		buffer_add(&s->head.mark, value);
		s->is_in_seconds = false;
	} else if (view_equal(key, MARK_KEY_S) && s->head.mark.length == 0) {
		gate_clock_mark_of_s(value, &s->head.mark);
		s->is_in_seconds = true;
	}
}

static enum error walk(struct lmdb_store *s, gate_store_row *each, void *context)
{
	MDB_txn *txn;
	MDB_cursor *cursor;
	int code = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
	if (code)
		return error_of(code);
	code = mdb_cursor_open(txn, s->rows, &cursor);
	if (!code) {
		MDB_val key, value;
		while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == MDB_SUCCESS)
			if (each)
				load_one(s, view_of_val(&key), view_of_val(&value), each, context);
			else
				load_mark(s, view_of_val(&key), view_of_val(&value));
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
	return code == MDB_NOTFOUND ? ERROR_NONE : error_of(code);
}

static enum error load(struct gate_store *store, gate_store_row *each, void *context)
{
	return walk(of(store), each, context);
}

/* --- writing ------------------------------------------------------------------------------ */

static int put(MDB_txn *txn, MDB_dbi rows, struct view key, struct view value)
{
	MDB_val k = val_of(key);
	MDB_val v = val_of(value);
	return mdb_put(txn, rows, &k, &v, 0);
}

static int apply_step(struct lmdb_store *s, MDB_txn *txn, const struct gate_batch_step *step)
{
	static_assert(GATE_TABLE_KEY_MAX <= 511, "LMDB's largest key, as Debian builds it");
	MDB_val key = val_of(step->key);
	int code = 0;
	switch (step->kind) {
	case GATE_BATCH_CLEAR:
		return mdb_drop(txn, s->rows, 0);
	case GATE_BATCH_REMOVE:
		code = mdb_del(txn, s->rows, &key, NULL);
		return code == MDB_NOTFOUND ? 0 : code;
	case GATE_BATCH_WRITE:
		break;
	}
	struct buffer value = buffer_new(8 + GATE_TABLE_FACTS_MAX);
	buffer_add_u64(&value, step->ends_ms);
	buffer_add(&value, step->facts);
	code = buffer_failed(&value) ? ENOMEM : put(txn, s->rows, step->key, buffer_view(&value));
	buffer_free(&value);
	return code;
}

static int apply_steps(struct lmdb_store *s, MDB_txn *txn, struct view batch)
{
	struct cursor c = cursor_of(batch);
	struct gate_batch_step step;
	int code = 0;
	while (!code && gate_batch_read(&c, &step))
		code = apply_step(s, txn, &step);
	return !code && cursor_failed(&c) ? EINVAL : code;
}

static enum error apply(struct gate_store *store, struct view batch, struct view mark)
{
	struct lmdb_store *s = of(store);
	MDB_txn *txn;
	int code = mdb_txn_begin(s->env, NULL, 0, &txn);
	if (code)
		return error_of(code);
	code = apply_steps(s, txn, batch);
	if (!code && mark.length)
		code = put(txn, s->rows, MARK_KEY, mark);
	if (code) {
		mdb_txn_abort(txn);
		return error_of(code);
	}
	return error_of(mdb_txn_commit(txn));
}

static void close_store(struct gate_store *store)
{
	mdb_env_close(of(store)->env);
	memory_free(store);
}

/* --- opening ------------------------------------------------------------------------------ */

static int open_rows(struct lmdb_store *s)
{
	MDB_txn *txn;
	int code = mdb_txn_begin(s->env, NULL, 0, &txn);
	if (code)
		return code;
	code = mdb_dbi_open(txn, NULL, 0, &s->rows);
	if (code) {
		mdb_txn_abort(txn);
		return code;
	}
	return mdb_txn_commit(txn);
}

static void add_to_batch(void *context, struct view key, struct view facts, uint64_t ends_ms)
{
	gate_batch_write(context, key, facts, ends_ms);
}

/* Writes what a file of the first form holds as one of today's, wholly or not at all. */
static enum error bring_up_to_date(struct lmdb_store *s)
{
	struct buffer batch = buffer_new(GATE_BATCH_OCTETS_MAX);
	gate_batch_clear(&batch);
	enum error error = walk(s, add_to_batch, &batch);
	if (!error)
		error = apply(&s->head, buffer_view(&batch), buffer_view(&s->head.mark));
	buffer_free(&batch);
	s->is_in_seconds = false;
	return error;
}

/* A file that was cut short would be touched past its end, which kills the process. */
static bool is_whole(struct lmdb_store *s)
{
	MDB_envinfo info;
	MDB_stat stat_;
	struct stat file;
	mdb_filehandle_t fd;
	return mdb_env_info(s->env, &info) == 0 && mdb_env_stat(s->env, &stat_) == 0 &&
	       mdb_env_get_fd(s->env, &fd) == 0 && fstat(fd, &file) == 0 &&
	       (uint64_t)file.st_size >= (info.me_last_pgno + 1) * (uint64_t)stat_.ms_psize;
}

static enum error open_once(const char *file, size_t octets_max, struct gate_store **store_out)
{
	static const struct gate_store_ops ops = {load, apply, close_store};
	struct lmdb_store *s = memory_new(1, sizeof *s);
	s->head.ops = &ops;
	s->head.mark = buffer_new(64);
	int code = mdb_env_create(&s->env);
	must(code == 0);
	code = mdb_env_set_mapsize(s->env, octets_max);
	if (!code)
		code = mdb_env_open(s->env, file,
			MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOMETASYNC | MDB_NORDAHEAD, FILE_MODE);
	if (!code && !is_whole(s))
		code = MDB_CORRUPTED;
	if (!code)
		code = open_rows(s);
	enum error error = error_of(code);
	if (!error)
		error = walk(s, NULL, NULL); /* finds the mark, and sees every page once */
	if (!error && s->is_in_seconds)
		error = bring_up_to_date(s);
	if (error) {
		buffer_free(&s->head.mark);
		close_store(&s->head);
		return error;
	}
	*store_out = &s->head;
	return ERROR_NONE;
}

static bool add_path(char *to, size_t room, const char *path, struct view name)
{
	struct buffer b = buffer_new(room);
	text_add(&b, "{}/{}", text_raw(view_text(path)), text_raw(name));
	const bool fine = !buffer_failed(&b) && view_to_text(buffer_view(&b), to, room);
	buffer_free(&b);
	return fine;
}

enum error gate_lmdb_open(
	const char *path, size_t octets_max, bool *damaged_out, struct gate_store **store_out)
{
	char file[PATH_MAX_OCTETS];
	char aside[PATH_MAX_OCTETS];
	*damaged_out = false;
	if (!add_path(file, sizeof file, path, VIEW(FILE_NAME)) ||
		!add_path(aside, sizeof aside, path, VIEW(FILE_NAME ".damaged")))
		return ERROR_LIMIT;
	enum error error = open_once(file, octets_max, store_out);
	if (error != ERROR_CORRUPT)
		return error;
	*damaged_out = true;
	if (rename(file, aside) < 0)
		return error_of_errno(errno);
	return open_once(file, octets_max, store_out);
}
