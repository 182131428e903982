/* The settings of the small site that a target serves. */
#ifndef TESTS_FUZZ_SITE_H
#define TESTS_FUZZ_SITE_H

#include "config/read.h"
#include "config/snapshot.h"

/* Of mail.example.test; they must be right. One reference, one at a time. */
struct snapshot *site_of(const struct config_files *files);

#endif
