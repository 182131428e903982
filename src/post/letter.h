/*
 * A mail as programs of this machine write it, made into one that can be sent: recipients taken from its
 * fields (`sendmail -t`), Bcc removed, addresses without a domain, or in the machine's own, given the server's, From, Date and Message-ID
 * added where they are missing. Pure: the header section as lines that end in CRLF goes in, one comes out; time,
 * randomness and names are given. What may be written by whom is for smtpd to say.
 *
 * Who calls: tools/sendmail.
 */
#ifndef POST_LETTER_H
#define POST_LETTER_H

#include "mail/address.h"
#include "mail/message_id.h"

#define LETTER_SECTION_MAX (256u << 10) /* octets, as smtpd takes them (smtp_limits.h) */
#define LETTER_RECIPIENTS_MAX 10000u

enum letter_problem {
	LETTER_OK,
	LETTER_LARGE, /* the header section */
	LETTER_FIELD, /* a field with recipients cannot be read */
	LETTER_ADDRESS, /* a recipient is no address */
	LETTER_MANY, /* recipients */
	LETTER_MEMORY,
};
/* One plain sentence without final full stop. */
const char *letter_problem_text(enum letter_problem problem);

/* What addresses of this machine are called. */
struct letter_names {
	struct view server; /* full name */
	struct view
		host; /* what the machine calls itself, which may be no name that mail can reach; it stands
			   * for the server, as "localhost" does. Empty: nothing */
};

struct letter_seed {
	struct message_id_seed message_id;
	int64_t time_s; /* wall clock */
	int offset_minutes; /* as for date_add */
	struct letter_names names;
	struct view sender; /* "local@domain", for a mail without From */
	struct view full_name; /* of its author; UTF-8, may be empty */
};

/* Forward-paths, "local@domain", in the arena; each once, in the order of their coming. */
struct letter_recipients {
	struct view list[LETTER_RECIPIENTS_MAX];
	uint32_t count;
	bool is_utf8; /* one of them is not ASCII */
	struct view wrong; /* what was at fault, as written */
};

/* Adds those of a list as in To: "Hana <hana@example.org>, taro". */
must_use enum letter_problem letter_add_recipients(struct letter_recipients *to, struct view list,
	const struct letter_names *names, struct arena *a);
/* "local@domain" of what may lack the domain, or name the machine. Empty: it is no address, or memory has run out. */
struct view letter_complete(struct view text, const struct letter_names *names, struct arena *a);

/* Where the header section of `content` ends: the octets of its fields. What stands there, an empty line or text,
 * is the body. */
size_t letter_section(struct view content);
/* Appends the section anew to `out`, with the empty line behind it. `to`: null, or who is named in it is
 * added there. */
must_use enum letter_problem letter_write(struct view section, const struct letter_seed *seed,
	struct letter_recipients *to, struct arena *a, struct buffer *out);

#endif
