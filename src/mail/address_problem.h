/*
 * What can be wrong with an address that somebody gave: a value, not an error (STYLE §5). The caller
 * turns it into a reply, a finding of `check` or a log line.
 */
#ifndef MAIL_ADDRESS_PROBLEM_H
#define MAIL_ADDRESS_PROBLEM_H

/* What is wrong with an address; address_problem_text says it to people. */
enum address_problem {
	ADDRESS_OK,
	ADDRESS_EMPTY,
	ADDRESS_NO_BRACKETS,
	ADDRESS_NO_DOMAIN, /* no "@" */
	ADDRESS_LOCAL_SYNTAX,
	ADDRESS_LOCAL_LONG,
	ADDRESS_DOMAIN_SYNTAX,
	ADDRESS_DOMAIN_LONG, /* the whole name or one label */
	ADDRESS_LITERAL_SYNTAX,
	ADDRESS_PATH_LONG,
	ADDRESS_NEEDS_UTF8, /* non-ASCII without SMTPUTF8 */
	ADDRESS_NOT_UTF8,
	ADDRESS_MEMORY,
};
/* One plain sentence without final full stop. */
const char *address_problem_text(enum address_problem problem);
/* A word for logs: "ok", "local-syntax", … */
const char *address_problem_name(enum address_problem problem);

#endif
