/*
 * What the machine says about itself that settings fall back on: its name, its name servers, its copy of the
 * DNS root's keys. Read by whoever reads a configuration, before it is confined; not pure, unlike the rest of
 * this folder.
 */
#ifndef CONFIG_SYSTEM_H
#define CONFIG_SYSTEM_H

#include "config/read.h"

/* Fills in all but the argument; the octets live as long as the program. The name is looked for only when there
 * is no argument. */
void system_facts(struct config_facts *facts);

#endif
