/* Pure parts of `sekisho user`. */
#ifndef TOOLS_SEKISHO_USER_H
#define TOOLS_SEKISHO_USER_H

#include "config/read.h"

enum user_name_problem {
	USER_GIVEN_OK,
	USER_GIVEN_NAME, /* the name is no good: *name_problem_out says how */
	USER_GIVEN_DOMAIN, /* what stands behind the "@" is no domain of this site */
};

struct user_given {
	struct view name; /* view into what was given */
	struct view domain; /* of the address to print; empty when none is known */
	enum user_problem problem; /* of the name */
};

/* "hana", or "hana@example.org" with an own domain. */
must_use enum user_name_problem user_given_parse(struct view text, const struct config *config,
	struct arena *a, struct user_given *given_out);

#endif
