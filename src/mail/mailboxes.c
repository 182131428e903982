#include "mail/mailboxes.h"

#include "mail/address_list.h"

bool mailboxes_parse(struct view value, struct arena *a, struct mailboxes *m)
{
	struct address_list l = address_list_of(value);
	struct view text;
	for (m->count = 0; address_list_next(&l, &text); m->count++)
		if (m->count == MAILBOXES_MAX ||
			address_parse(text, true, a, &m->list[m->count]) != ADDRESS_OK)
			return false;
	return address_list_is_good(&l) && m->count > 0;
}
