/*
 * Encoded words (RFC 2047, RFC 2231 §5): how text beyond ASCII stands in a header field. Pure.
 *
 * We write UTF-8 alone. What others write is decoded when its charset is UTF-8 or ASCII; of any other
 * charset only the name is told, since tables for all of them would outweigh the program.
 *
 * Who calls: protocol/downgrade (writes), mail/dsn (both).
 */
#ifndef MAIL_ENCODED_WORD_H
#define MAIL_ENCODED_WORD_H

#include "base/bytes.h"

/* Appends `text`, well-formed UTF-8, as encoded words, folded so that no line passes 76 octets; `*column`
 * is the length of the line so far. */
void encoded_word_add(struct buffer *out, size_t *column, struct view text);

struct encoded_word {
	struct view charset; /* as written, without the language */
	struct view language; /* behind a "*", RFC 2231 §5; mostly empty */
	struct view text; /* encoded */
	bool is_base64; /* else the "Q" encoding */
};
/* Reads one from the front of `c`, which stands behind it then. False, with `c` where it was, when none
 * is there. */
must_use bool encoded_word_read(struct cursor *c, struct encoded_word *word_out);
/* Appends what it says as UTF-8. False, with nothing appended, when its charset is another one, or it
 * is broken. */
must_use bool encoded_word_decode(struct buffer *out, const struct encoded_word *word);
/* Appends an unfolded field value with its encoded words decoded and its other octets as they are;
 * false, with something appended, when a word cannot be decoded, or all of it is not UTF-8. */
must_use bool encoded_words_decode(struct buffer *out, struct view value);

#endif
