#include "tools/sekisho/certificate.h"

#include "base/certificate.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/text.h"
#include "base/tls.h"
#include "config/read.h"
#include "mail/date.h"

#include <fcntl.h>

#define DAY_S 86400
#define SOON_DAYS 14 /* who renews by a program has renewed by then */

struct report {
	struct buffer path;
	const char *problem; /* null: it can be used */
	bool is_known; /* it could be read */
	int64_t until_s;
	int64_t days_left;
	bool is_self_signed;
};

static struct buffer path_of(const char *state, struct view file, const char *own)
{
	struct buffer b = buffer_new(CONFIG_FILE_PATH_MAX - 1);
	if (file.length)
		buffer_add(&b, file);
	else
		text_add(&b, "{}/keys/{}", text_raw(view_text(state)), text_string(own));
	return b;
}

static enum error read_path(const struct buffer *path, struct buffer *to)
{
	char text[CONFIG_FILE_PATH_MAX];
	if (!view_to_text(buffer_view(path), text, sizeof text))
		return ERROR_LIMIT;
	return file_read(AT_FDCWD, text, to);
}

static void take_facts(struct report *r, const struct certificate_facts *facts)
{
	const int64_t now_s = clock_wall_s();
	r->is_known = true;
	r->until_s = facts->not_after_s;
	r->days_left = (facts->not_after_s - now_s) / DAY_S;
	r->is_self_signed = facts->is_self_signed;
	if (now_s < facts->not_before_s)
		r->problem = "it is not valid yet";
	else if (now_s > facts->not_after_s)
		r->problem = "it has expired";
}

/* The key may be read by few; where we may not, nothing is said of it. */
static const char *key_problem(struct view certificate, const struct buffer *key_path)
{
	struct buffer key = buffer_new_secret(CERTIFICATE_PEM_MAX);
	const char *problem = NULL;
	const enum error error = read_path(key_path, &key);
	if (error == ERROR_MISSING)
		problem = "its key is missing";
	else if (error == ERROR_NONE) {
		const enum certificate_problem found =
			certificate_check_key(certificate, buffer_view(&key));
		problem = found == CERTIFICATE_OK ? NULL : certificate_problem_text(found);
	}
	buffer_free(&key);
	return problem;
}

static void look(struct report *r, const struct buffer *key_path)
{
	struct buffer pem = buffer_new(CERTIFICATE_PEM_MAX);
	struct arena a = arena_new(2 * CERTIFICATE_PEM_MAX);
	struct certificate_facts facts;
	const enum error error = read_path(&r->path, &pem);
	tls_warm();
	if (error != ERROR_NONE) {
		r->problem = error_name(error);
	} else {
		const enum certificate_problem problem =
			certificate_read(buffer_view(&pem), &a, &facts);
		if (problem == CERTIFICATE_OK)
			take_facts(r, &facts);
		else
			r->problem = certificate_problem_text(problem);
		if (!r->problem)
			r->problem = key_problem(buffer_view(&pem), key_path);
	}
	arena_reset(&a);
	buffer_free(&pem);
}

static void add_text(struct buffer *b, const struct report *r)
{
	text_add(b, "certificate: {}", text_view(buffer_view(&r->path)));
	if (r->is_known) {
		buffer_add(b, VIEW(" expires "));
		date_add(b, r->until_s, 0);
		if (!r->problem && r->days_left <= SOON_DAYS)
			text_add(b, ", in {} days: renew it", text_signed(r->days_left));
		if (r->is_self_signed)
			buffer_add(b, VIEW(", signed by itself"));
	}
	if (r->problem)
		text_add(
			b, "{}{}", text_string(r->is_known ? "; " : ": "), text_string(r->problem));
	buffer_add_octet(b, '\n');
}

static void add_json(struct buffer *b, const struct report *r)
{
	buffer_add(b, VIEW("{\"file\":"));
	text_add_json(b, buffer_view(&r->path));
	if (r->is_known)
		text_add(b, ",\"expires_s\":{},\"days_left\":{},\"self_signed\":{}",
			text_signed(r->until_s), text_signed(r->days_left),
			text_string(r->is_self_signed ? "true" : "false"));
	if (r->problem) {
		buffer_add(b, VIEW(",\"problem\":"));
		text_add_json(b, view_text(r->problem));
	}
	buffer_add_octet(b, '}');
}

bool certificate_report(
	const char *state, struct view file, struct view key, bool json, struct buffer *b)
{
	struct buffer key_path = path_of(state, key, "key.pem");
	struct report r = {.path = path_of(state, file, "certificate.pem")};
	look(&r, &key_path);
	/* before the first start there is none */
	const bool is_usable = !r.problem || (!r.is_known && view_is_empty(file));
	if (json)
		add_json(b, &r);
	else
		add_text(b, &r);
	buffer_free(&key_path);
	buffer_free(&r.path);
	return is_usable;
}
