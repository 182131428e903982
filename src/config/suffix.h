/*
 * Public suffixes (libpsl's built-in list; no file is ever opened): whether a name like "org" or
 * "co.jp" is one below which strangers register. Used for the default of `domains`.
 */
#ifndef CONFIG_SUFFIX_H
#define CONFIG_SUFFIX_H

#include "mail/address.h"

/* Touches what the library opens lazily; before a sandbox. */
void suffix_warm(void);
/* True also when the library has no list: the careful answer. */
bool suffix_is_public(struct domain d);

#endif
