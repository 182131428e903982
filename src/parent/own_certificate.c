#include "parent/own_certificate.h"

#include "base/files.h"
#include "base/tls.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define DAYS 3650u
#define DAY_S 86400

static bool is_there(int directory, const char *name)
{
	return faccessat(directory, name, F_OK, 0) == 0;
}

/* --- putting a new pair in place ----------------------------------------------------------- */

/*
 * Two files cannot be replaced at once. next.pem is written first; from when key.pem is the new one, it
 * belongs to next.pem, and the rest can be repeated:
 *
 *	next.pem, key.pem is another's		nothing has happened: next.pem goes
 *	next.pem, key.pem is its own		made.pem is written, next.pem becomes certificate.pem
 */
static bool finish(int directory, struct view certificate)
{
	if (file_replace(directory, "made.pem", certificate, 0644) != ERROR_NONE ||
		renameat(directory, "next.pem", directory, "certificate.pem") != 0)
		return false;
	fsync(directory);
	return true;
}

static bool put_in_place(int directory, struct view certificate, struct view key)
{
	return file_replace(directory, "next.pem", certificate, 0644) == ERROR_NONE &&
	       file_replace(directory, "key.pem", key, 0600) == ERROR_NONE &&
	       finish(directory, certificate);
}

static bool belongs_together(int directory, struct view certificate)
{
	struct buffer key = buffer_new(CERTIFICATE_PEM_MAX);
	const bool good = file_read(directory, "key.pem", &key) == ERROR_NONE &&
			  certificate_check_key(certificate, buffer_view(&key)) == CERTIFICATE_OK;
	buffer_free_secret(&key);
	return good;
}

static bool recover(int directory)
{
	struct buffer next = buffer_new(CERTIFICATE_PEM_MAX);
	bool ok = true;
	if (file_read(directory, "next.pem", &next) == ERROR_NONE &&
		belongs_together(directory, buffer_view(&next)))
		ok = finish(directory, buffer_view(&next));
	else if (is_there(directory, "next.pem"))
		ok = unlinkat(directory, "next.pem", 0) == 0;
	buffer_free(&next);
	return ok;
}

static bool make(int directory, struct view name, int64_t now_s)
{
	struct buffer certificate = buffer_new(CERTIFICATE_PEM_MAX);
	struct buffer key = buffer_new(CERTIFICATE_PEM_MAX);
	const bool ok = certificate_generate(&name, 1, DAYS, now_s, &certificate, &key) &&
			put_in_place(directory, buffer_view(&certificate), buffer_view(&key));
	buffer_free_secret(&key);
	buffer_free(&certificate);
	return ok;
}

/* --- what is there ------------------------------------------------------------------------- */

/* It has that name, and lasts another day. */
static bool still_fits(struct view certificate, struct view name, int64_t now_s)
{
	struct arena a = arena_new(2 * CERTIFICATE_PEM_MAX);
	struct certificate_facts facts;
	const bool fits = certificate_read(certificate, &a, &facts) == CERTIFICATE_OK &&
			  certificate_has_name(&facts, name) && now_s + DAY_S < facts.not_after_s &&
			  now_s >= facts.not_before_s;
	arena_reset(&a);
	return fits;
}

static bool is_ours(int directory, struct view certificate)
{
	struct buffer made = buffer_new(CERTIFICATE_PEM_MAX);
	const bool same = file_read(directory, "made.pem", &made) == ERROR_NONE &&
			  view_equal(buffer_view(&made), certificate);
	buffer_free(&made);
	return same;
}

static const char *problem_of(int directory, struct buffer *certificate)
{
	struct buffer key = buffer_new(CERTIFICATE_PEM_MAX);
	const char *why = NULL;
	enum error error = file_read(directory, "certificate.pem", certificate);
	if (!error)
		error = file_read(directory, "key.pem", &key);
	const enum certificate_problem problem =
		error ? CERTIFICATE_NONE
		      : certificate_check_key(buffer_view(certificate), buffer_view(&key));
	if (problem != CERTIFICATE_OK)
		why = error ? error_name(error) : certificate_problem_text(problem);
	buffer_free_secret(&key);
	return why;
}

static enum own_certificate ensure(
	int directory, struct view name, int64_t now_s, const char **why_out)
{
	if (!recover(directory))
		return OWN_CERTIFICATE_FAILED;
	/* one of the two alone is somebody's mistake: nothing of it is written over */
	if (!is_there(directory, "certificate.pem") && !is_there(directory, "key.pem")) {
		if (!name.length)
			return OWN_CERTIFICATE_UNNAMED;
		return make(directory, name, now_s) ? OWN_CERTIFICATE_MADE : OWN_CERTIFICATE_FAILED;
	}
	struct buffer certificate = buffer_new(CERTIFICATE_PEM_MAX);
	*why_out = problem_of(directory, &certificate);
	enum own_certificate found = *why_out ? OWN_CERTIFICATE_UNUSABLE : OWN_CERTIFICATE_STAYS;
	if (!*why_out && name.length && is_ours(directory, buffer_view(&certificate)) &&
		!still_fits(buffer_view(&certificate), name, now_s))
		found = make(directory, name, now_s) ? OWN_CERTIFICATE_RENEWED
						     : OWN_CERTIFICATE_FAILED;
	buffer_free(&certificate);
	return found;
}

enum own_certificate own_certificate_ensure(
	int keys_directory, struct view name, int64_t now_s, const char **why_out)
{
	*why_out = NULL;
	tls_warm();
	return ensure(keys_directory, name, now_s, why_out);
}
