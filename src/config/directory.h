/*
 * The real configuration directory as a struct config_files. Every file is opened relative to the
 * directory's descriptor, never through a symbolic link out of it or a name with "/" in it, and
 * must be a regular file.
 */
#ifndef CONFIG_DIRECTORY_H
#define CONFIG_DIRECTORY_H

#include "config/read.h"

struct config_directory {
	int fd; /* borrowed */
};

/* Lists the directory into `files_out`, sorted by name; names live in the arena. `d` is kept by
 * files_out and must outlive it. ERROR_LIMIT: more than CONFIG_FILES_MAX names. */
must_use enum error config_directory_list(
	struct config_directory *d, struct arena *a, struct config_files *files_out);

#endif
