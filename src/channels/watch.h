/*
 * Who watches this program live (`sekisho trace`): each asker gets the lines of what it named, one or
 * more sessions of a face or one of the program's channels. While nobody watches it costs a comparison.
 * What is secret is blanked by who offers the line; fields of frames by their row (base/frame.h).
 */
#ifndef CHANNELS_WATCH_H
#define CHANNELS_WATCH_H

#include "channels/program.h"

#define WATCHERS_MAX 8
#define WATCH_WHAT_MAX 128u

/* The command `trace WHAT` of stream `stream`; it ends with watch_cancel. Of WHAT "channel:" and a protocol's
 * name every program has frames to show; all else is for programs with sessions. */
void watch_command(struct program *p, uint32_t stream, struct view what);
void watch_cancel(uint32_t stream);

/* Sessions, for a face: whether somebody wants this one, by its client's address, by its id in hexadecimal
 * digits, or as one of all. */
bool watch_is_on(void);
bool watch_wants(struct view client, uint64_t session);
/* `mark` is "C:" or "S:". */
void watch_show(struct view client, uint64_t session, const char *mark, struct view line);
/* Each line of the octets; CRLF goes. */
void watch_show_lines(struct view client, uint64_t session, const char *mark, struct view octets);
void watch_show_octets(struct view client, uint64_t session, const char *mark, size_t octets);

#endif
