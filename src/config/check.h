/*
 * What can only be seen when the whole configuration is read: loops in aliases (with the chain
 * printed), destinations that lead nowhere, forwards that cannot leave yet, names that shadow each
 * other, a denyfrom that shuts the site out. It encodes and decodes a snapshot and asks it, so what
 * is checked is what will run.
 */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "config/read.h"

/* Adds findings. False when the arena is at its cap. */
must_use bool config_check(const struct config *config, struct findings *findings);

#endif
