/*
 * The addresses in a field such as To or From: a mailbox-list or address-list of RFC 5322 §3.4 with the UTF-8
 * of RFC 6532 and groups, taken apart from the field's raw value (folds in it). Pure. What an address is,
 * mail/address.h says; here it is the text between "<" and ">", or the one that stands alone, whatever it holds.
 *
 * Stricter than the RFC's oldest forms, since two readers must never see two addresses: no source route, and
 * no white space or comment inside an address. Display names and comments are looked over.
 *
 *	struct address_list l = address_list_of(field.value);
 *	while (address_list_next(&l, &text)) …
 *	if (!address_list_is_good(&l)) … it was no list, and what came before means nothing
 *
 * Who calls: mail/mailboxes.h, post/letter.h.
 */
#ifndef MAIL_ADDRESS_LIST_H
#define MAIL_ADDRESS_LIST_H

#include "base/bytes.h"

struct address_list {
	struct cursor c;
	bool in_group;
	bool is_bad;
	bool is_over;
};

struct address_list address_list_of(struct view value);
/* The next address: a view into the value. False at the end, and where it makes no sense. */
bool address_list_next(struct address_list *l, struct view *text_out);
/* All of it was read, and is a list. */
bool address_list_is_good(const struct address_list *l);

#endif
