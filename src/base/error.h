/*
 * What can be wrong with the world (STYLE §5): a small set, so that every caller can decide. It
 * becomes a 4xx, a retry, or a refusal to start; it is logged once, by whoever decides.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

enum error {
	ERROR_NONE = 0,
	ERROR_IO, /* a read, write or sync failed */
	ERROR_SPACE, /* no room on disk, or quota */
	ERROR_MEMORY, /* a bound in memory was reached */
	ERROR_MISSING, /* no such file, row, message */
	ERROR_EXISTS, /* it is there already */
	ERROR_DENIED, /* permission */
	ERROR_SYNTAX, /* it does not parse */
	ERROR_LIMIT, /* a stated limit was reached */
	ERROR_CLOSED, /* the other side is gone */
	ERROR_PROTOCOL, /* the other side said what it may not say */
	ERROR_BUSY, /* in use by another */
	ERROR_CORRUPT, /* a checksum or a structure does not hold */
};

/* A word for logs: "io", "space", … */
const char *error_name(enum error error);
/* The kin of an errno value. */
enum error error_of_errno(int number);

#endif
