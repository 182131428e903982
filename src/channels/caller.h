/*
 * Programs of this machine that post mail, with no more rights than their own: the socket in the state directory that anybody may connect to, the directory for mail while
 * nobody listens there, and the name under which a system user posts. The kernel says who calls
 * (SO_PEERCRED); the parent finds his name and hands the connection to smtpd, which speaks SMTP there.
 *
 * Who calls: parent/callers.c, tools/sendmail.
 */
#ifndef CHANNELS_CALLER_H
#define CHANNELS_CALLER_H

#include "base/bytes.h"
#include "channels/parent_program.h"

#define CALLER_SOCKET_NAME "submit"
#define CALLER_DROP_NAME "drop" /* the directory, in the state directory */
#define CALLER_SERVER_NAME \
	"name" /* the file there that says the server's name, for those who come when
				   * the server is down */

/* Name of a user as it stands in addresses: letters, digits, dot, hyphen, underscore, in lower case. Any
 * other name, and none, is "uid-N". */
void caller_name_add(struct buffer *b, uint32_t uid, struct view name);

#endif
