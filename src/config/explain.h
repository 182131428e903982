/*
 * What `sekisho check` prints: every setting, its value, where it came from, and the findings
 * (F-2). Verifiers are never printed. Also the body of the manual page sekisho-settings(5), made
 * from the table of settings.
 */
#ifndef CONFIG_EXPLAIN_H
#define CONFIG_EXPLAIN_H

#include "config/read.h"

/* For people. Long lists are cut after `EXPLAIN_LIST_MAX` entries, with the number left out. */
#define EXPLAIN_LIST_MAX 20
void explain_text(struct buffer *b, const struct config *config, const struct findings *findings);
/* One JSON object and LF: {"ok":…, "settings":[…], "findings":[…]}; lists whole. */
void explain_json(struct buffer *b, const struct config *config, const struct findings *findings);

/* The whole page, in man macros. */
void settings_man(struct buffer *b);

#endif
