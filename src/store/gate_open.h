/* Where it was: see mail/gate_open.h. */
#ifndef STORE_GATE_OPEN_H
#define STORE_GATE_OPEN_H

#include "mail/gate_open.h"

#endif
