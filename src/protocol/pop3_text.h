/*
 * What the POP3 server says to people, in English and Japanese (LANG, RFC 6856 §3). One row a
 * sentence; both languages take the same arguments in the same order. Without LANG it is English.
 */
#ifndef PROTOCOL_POP3_TEXT_H
#define PROTOCOL_POP3_TEXT_H

#include "base/text.h"

enum pop3_language { POP3_LANGUAGE_EN, POP3_LANGUAGE_JA };
#define POP3_LANGUAGES 2

enum pop3_text {
	POP3_TEXT_GREETING, /* server name */
	POP3_TEXT_BYE,
	POP3_TEXT_BYE_REMOVED, /* messages removed */
	POP3_TEXT_NOT_REMOVED, /* messages that stayed */
	POP3_TEXT_EARLY_INPUT,
	POP3_TEXT_LINE_END,
	POP3_TEXT_LINE_LONG, /* limit */
	POP3_TEXT_INJECTION,
	POP3_TEXT_UNKNOWN,
	POP3_TEXT_LOGIN_FIRST,
	POP3_TEXT_LOGGED_IN,
	POP3_TEXT_SYNTAX, /* how it is written */
	POP3_TEXT_TOO_MANY_BAD,
	POP3_TEXT_TOO_MANY_EARLY,
	POP3_TEXT_DRAINING,
	POP3_TEXT_ENCRYPT_STLS,
	POP3_TEXT_ENCRYPT_NONE,
	POP3_TEXT_USER_OK,
	POP3_TEXT_USER_FIRST,
	POP3_TEXT_NOT_UTF8,
	POP3_TEXT_MECHANISMS,
	POP3_TEXT_MECHANISM_UNKNOWN,
	POP3_TEXT_BASE64,
	POP3_TEXT_CANCELLED,
	POP3_TEXT_OPENED, /* count, octets */
	POP3_TEXT_REFUSED_BAD,
	POP3_TEXT_REFUSED_SYNTAX,
	POP3_TEXT_REFUSED_IN_USE,
	POP3_TEXT_REFUSED_TEMPORARY,
	POP3_TEXT_REFUSED_PERMANENT,
	POP3_TEXT_REFUSED_DELAY,
	POP3_TEXT_TOO_MANY_MESSAGES, /* limit */
	POP3_TEXT_CAPABILITIES,
	POP3_TEXT_STLS,
	POP3_TEXT_STLS_ALREADY,
	POP3_TEXT_STLS_NONE,
	POP3_TEXT_UTF8,
	POP3_TEXT_LANGUAGES,
	POP3_TEXT_LANGUAGE_SET,
	POP3_TEXT_LANGUAGE_UNKNOWN,
	POP3_TEXT_NOOP,
	POP3_TEXT_RSET, /* count, octets */
	POP3_TEXT_LISTING, /* count, octets */
	POP3_TEXT_UNIQUE_IDS,
	POP3_TEXT_NO_SUCH, /* messages in the mailbox */
	POP3_TEXT_DELETED_ALREADY,
	POP3_TEXT_DELETED,
	POP3_TEXT_CONTENT, /* octets */
	POP3_TEXT_TOP, /* lines */
	POP3_TEXT_GONE,
	POP3_TEXT_TROUBLE,
	POP3_TEXTS
};

/* The format of `text`, for text_add_args. */
const char *pop3_text_format(enum pop3_language language, enum pop3_text text);
/* The tag and own name of a language, as LANG lists it. */
const char *pop3_language_tag(enum pop3_language language);
const char *pop3_language_name(enum pop3_language language);
/* The language that a language-range asks for: "ja", "ja-JP", "en-GB", "i-default", "*". */
must_use bool pop3_language_find(struct view range, enum pop3_language *language_out);

#endif
