/*
 * The mailboxes of an originator field, From or Sender: a mailbox-list of RFC 5322 §3.4 with the UTF-8 of
 * RFC 6532 and the groups of RFC 6854, read from the field's raw value (mail/address_list.h). Pure.
 *
 * Who calls: mail/originator.h.
 */
#ifndef MAIL_MAILBOXES_H
#define MAIL_MAILBOXES_H

#include "mail/address.h"

#define MAILBOXES_MAX 32u /* authors of one mail */

struct mailboxes {
	struct address list[MAILBOXES_MAX];
	size_t count;
};

/* False when it is no list of one to MAILBOXES_MAX mailboxes, or the arena is at its cap; addresses lie
 * in the arena. */
must_use bool mailboxes_parse(struct view value, struct arena *a, struct mailboxes *mailboxes_out);

#endif
