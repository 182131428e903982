/* The command line of `sekisho serve`, and the places that other commands share with it. */
#ifndef PARENT_OPTIONS_H
#define PARENT_OPTIONS_H

#include "mail/address.h"

#define OPTIONS_ADDRESSES_MAX 8
#define OPTIONS_PATH_MAX 256

struct serve_options {
	struct view name; /* the host name given; may be empty */
	const char *config; /* directory */
	const char *state; /* directory */
	const char *programs; /* directory of sekisho-NAME */
	struct ip addresses[OPTIONS_ADDRESSES_MAX];
	size_t address_count; /* 0: all */
	uint16_t smtp_port;
	uint16_t pop3_port;
	uint16_t pop3s_port;
	uint16_t submission_port;
	uint16_t submissions_port;
	uint32_t workers; /* of each face; 0: by the number of cores */
	uint32_t sessions; /* descriptors a face may have; 0: as the table says */
};

/* False, with a text for stderr in `problem`, when it does not parse. `help` is set for --help. */
must_use bool serve_options_parse(int argc, char **argv, struct serve_options *options_out,
	struct buffer *problem, bool *help_out);
/* --config or SEKISHO_CONFIG or /etc/sekisho; --state or SEKISHO_STATE or /var/lib/sekisho. */
const char *options_config(void);
const char *options_state(void);
const char *options_programs(void);
/* A path that holds also elsewhere: one that is relative gets the present directory in front. */
const char *options_absolute(const char *path);

#endif
