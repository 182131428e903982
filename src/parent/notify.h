/*
 * What the service manager wants to know (sd_notify's datagrams to $NOTIFY_SOCKET): ready, reloading,
 * stopping. Without that variable nothing is said. The parent alone speaks to it.
 */
#ifndef PARENT_NOTIFY_H
#define PARENT_NOTIFY_H

#include "base/bytes.h"

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);

#endif
