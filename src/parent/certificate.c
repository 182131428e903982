/*
 * The certificate in force and its key. A child looks at the files, as root or as whoever runs us: whether
 * the two belong together, whether they are valid now. It copies them into two memory files, so that what
 * is handed out was looked at, belongs together, and is there again for a program that is started anew,
 * whatever becomes of the files. The parent itself reads no key and parses no certificate.
 *
 * At a reload `keys` gets its key first. When it has answered, faces get the certificate: no handshake asks
 * for a signature by a key that is not there yet. `keys` goes on with the old one for what has begun.
 */
#include "base/clock.h"
#include "base/files.h"
#include "base/tls.h"
#include "mail/date.h"
#include "parent/own_certificate.h"
#include "parent/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum look { LOOK_GOOD = 0, LOOK_BAD = 1, LOOK_SAME = 3 };

/* --- in the child ------------------------------------------------------------------------- */

struct pair {
	const char *certificate_file;
	const char *key_file;
	struct buffer certificate;
	struct buffer key;
};

/* The ones of our own are made first when they are missing, or for another name. */
static bool ensure_own(const struct serve *s)
{
	const char *why;
	const struct view name = view_text(s->servername);
	const enum own_certificate found = own_certificate_ensure(
		s->directories[PROGRAM_ROLE_KEYS], name, clock_wall_s(), &why);
	if (found == OWN_CERTIFICATE_MADE || found == OWN_CERTIFICATE_RENEWED)
		log_info(found == OWN_CERTIFICATE_MADE
				 ? "there was no certificate: made one that is signed by itself"
				 : "the certificate that was made before is made anew",
			fact_text("file", "keys/certificate.pem"), fact_view("for", name));
	else if (found == OWN_CERTIFICATE_UNUSABLE)
		log_error("keys/certificate.pem and keys/key.pem cannot be used; mend them, or "
			  "remove both to have new ones made",
			fact_text("why", why));
	else if (found == OWN_CERTIFICATE_FAILED)
		log_error("no certificate could be made", fact_view("for", name));
	return found != OWN_CERTIFICATE_UNUSABLE && found != OWN_CERTIFICATE_FAILED;
}

static bool read_one(int directory, const char *file, struct buffer *to, const char *setting)
{
	const enum error error = file_read(directory, file, to);
	if (error == ERROR_NONE)
		return true;
	log_error("a file of the certificate cannot be read", fact_text("setting", setting),
		fact_text("file", file), fact_error(error));
	return false;
}

static bool read_pair(const struct serve *s, struct pair *pair)
{
	const bool is_own = !s->certificate_file[0];
	const int directory = is_own ? s->directories[PROGRAM_ROLE_KEYS] : AT_FDCWD;
	*pair = (struct pair){.certificate_file = is_own ? "certificate.pem" : s->certificate_file,
		.key_file = is_own ? "key.pem" : s->key_file,
		.certificate = buffer_new(CERTIFICATE_PEM_MAX),
		.key = buffer_new_secret(CERTIFICATE_PEM_MAX)};
	tls_warm();
	return (!is_own || ensure_own(s)) &&
	       read_one(directory, pair->certificate_file, &pair->certificate, "certificate") &&
	       read_one(directory, pair->key_file, &pair->key, "certificatekey");
}

static bool holds(int fd, struct view octets)
{
	uint8_t chunk[4096];
	size_t at = 0;
	ssize_t n;
	while (fd >= 0 && (n = pread(fd, chunk, sizeof chunk, (off_t)at)) > 0) {
		if (!view_equal(view_of(chunk, (size_t)n), view_part(octets, at, (size_t)n)))
			return false;
		at += (size_t)n;
	}
	bytes_wipe(chunk, sizeof chunk);
	return fd >= 0 && at == octets.length;
}

static bool write_out(int fd, struct view octets)
{
	return pwrite(fd, octets.at, octets.length, 0) == (ssize_t)octets.length;
}

static void tell(const struct serve *s, const struct pair *pair,
	const struct certificate_facts *facts, bool is_reload)
{
	struct buffer date = buffer_new(64);
	const struct view name = view_text(s->servername);
	date_add(&date, facts->not_after_s, 0);
	if (!certificate_has_name(facts, name))
		log_warning("the certificate is not for the name of this server: programs that "
			    "check it will not come",
			fact_text("file", pair->certificate_file), fact_view("for", name));
	if (is_reload)
		log_info("a new certificate is in force", fact_text("file", pair->certificate_file),
			fact_view("until", buffer_view(&date)));
	buffer_free(&date);
}

static const char *date_problem(const struct certificate_facts *facts)
{
	const int64_t now_s = clock_wall_s();
	if (now_s < facts->not_before_s)
		return "not yet";
	return now_s > facts->not_after_s ? "expired" : NULL;
}

/* Whether it may come into force. At the start there is no other: one that is out of date is better than
 * none, since servers that send mail do not check it. */
static bool is_timely(
	const struct pair *pair, const struct certificate_facts *facts, bool is_reload)
{
	const char *late = date_problem(facts);
	if (late && is_reload)
		log_error("the new certificate is not valid now: the one before stays in force; "
			  "renew it, then reload",
			fact_text("file", pair->certificate_file), fact_text("why", late));
	else if (late)
		log_warning("the certificate is not valid now: clients that check it will not come",
			fact_text("file", pair->certificate_file), fact_text("why", late));
	return !late || !is_reload;
}

static enum look judge(const struct serve *s, const struct pair *pair, bool is_reload)
{
	const struct view certificate = buffer_view(&pair->certificate);
	struct arena a = arena_new(2 * CERTIFICATE_PEM_MAX);
	struct certificate_facts facts;
	enum certificate_problem problem = certificate_read(certificate, &a, &facts);
	if (problem == CERTIFICATE_OK)
		problem = certificate_check_key(certificate, buffer_view(&pair->key));
	if (problem != CERTIFICATE_OK) {
		log_error(is_reload ? "the new certificate and its key cannot be used: those "
				      "before stay in force; mend the files, then reload"
				    : "the certificate and its key cannot be used; mend the files",
			fact_text("certificate", pair->certificate_file),
			fact_text("key", pair->key_file),
			fact_text("why", certificate_problem_text(problem)));
		return LOOK_BAD;
	}
	if (is_reload && holds(s->certificate, certificate) &&
		holds(s->key, buffer_view(&pair->key)))
		return LOOK_SAME;
	if (!is_timely(pair, &facts, is_reload))
		return LOOK_BAD;
	tell(s, pair, &facts, is_reload);
	return LOOK_GOOD;
}

_Noreturn static void look(const struct serve *s, bool is_reload)
{
	struct pair pair;
	enum look found = LOOK_BAD;
	if (read_pair(s, &pair))
		found = judge(s, &pair, is_reload);
	if (found == LOOK_GOOD && !(write_out(s->new_certificate, buffer_view(&pair.certificate)) &&
					  write_out(s->new_key, buffer_view(&pair.key)))) {
		log_error("the certificate cannot be copied", fact_errno(errno));
		found = LOOK_BAD;
	}
	buffer_free(&pair.key);
	log_flush();
	_exit((int)found);
}

/* --- in the parent ------------------------------------------------------------------------ */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static pid_t start_look(struct serve *s, bool is_reload)
{
	s->new_certificate = memfd_create("certificate", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	s->new_key = memfd_create("key", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	log_flush();
	const pid_t pid = s->new_certificate >= 0 && s->new_key >= 0 ? fork() : -1;
	if (pid == 0)
		look(s, is_reload);
	if (pid < 0) {
		log_error("the certificate cannot be looked at", fact_errno(errno));
		close_fd(&s->new_certificate);
		close_fd(&s->new_key);
	}
	return pid;
}

static void adopt_one(int *current, int *fresh)
{
	fcntl(*fresh, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	close_fd(current);
	*current = *fresh;
	*fresh = -1;
}

/* What the child's end says; false when nothing new comes of it, and the reason is in the log. */
static bool end_look(struct serve *s, int status, bool *is_new_out)
{
	const int found = WIFEXITED(status) ? WEXITSTATUS(status) : LOOK_BAD;
	*is_new_out = found == LOOK_GOOD;
	if (*is_new_out) {
		adopt_one(&s->certificate, &s->new_certificate);
		adopt_one(&s->key, &s->new_key);
	}
	close_fd(&s->new_certificate);
	close_fd(&s->new_key);
	return found == LOOK_GOOD || found == LOOK_SAME;
}

bool certificate_first(struct serve *s)
{
	int status;
	bool is_new;
	const pid_t pid = start_look(s, false);
	if (pid < 0)
		return false;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return end_look(s, status, &is_new) && is_new;
}

pid_t certificate_look(struct serve *s)
{
	return start_look(s, true);
}

bool certificate_looked(struct serve *s, int status)
{
	bool is_new;
	const bool good = end_look(s, status, &is_new);
	struct child *keys = child_find(s, PROGRAM_KEYS, 0);
	if (!is_new)
		return good;
	s->certificate_waits = true;
	child_give_again(keys, s->key, GIVEN_KEY);
	child_configure(keys); /* its answer says that it has the key */
	return true;
}

void certificate_hand_out(struct serve *s)
{
	if (!s->certificate_waits)
		return;
	s->certificate_waits = false;
	for (size_t i = 0; i < s->child_count; i++)
		if (s->children[i].row->given & 1u << GIVEN_CERTIFICATE)
			child_give_again(&s->children[i], s->certificate, GIVEN_CERTIFICATE);
}
