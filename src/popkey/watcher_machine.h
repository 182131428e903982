/* What the halves of popkey/watcher.h share; for them only. */
#ifndef POPKEY_WATCHER_MACHINE_H
#define POPKEY_WATCHER_MACHINE_H

#include "popkey/watcher.h"

/* A whole line of the client without its end; a reply of the server without its end. */
void watcher_pop3_command(struct watcher *w, struct view line);
void watcher_pop3_reply(struct watcher *w, struct view line);
/* The last line of a command (with literals: all of it is in w->client.text); the first line of a reply. */
void watcher_imap_line(struct watcher *w);
void watcher_imap_reply(struct watcher *w, struct view line);
/* "{123}" (or "{123+}", "{123-}") at the end of a line. */
must_use bool watcher_literal(struct view line, uint64_t *size_out, bool *is_non_sync_out);

void watcher_blind(struct watcher *w);
/* The line is that word, or begins with it and a space. */
bool watcher_is_word(struct view line, struct view word);
/* A reply is owed from now on; blind when too many are. */
void watcher_owe(struct watcher *w, enum watcher_command command, struct view tag);
void watcher_paid(struct watcher *w, uint32_t at);
/* The reply to a login said yes: open, when no other is owed and the client has sent nothing since. */
void watcher_succeed(struct watcher *w);
/* The reply to a command said no: a name in it is nobody's. */
void watcher_refused(struct watcher *w, enum watcher_command command);
/* The server asks for a line of SASL. */
void watcher_challenge(struct watcher *w);

/* Who says so: a name as it is; nobody. */
void watcher_set_user(struct watcher *w, struct view user);
/* The first argument of LOGIN: an astring (RFC 9051). */
void watcher_login_user(struct watcher *w, struct view arguments);
/* AUTH, AUTHENTICATE: mechanism and initial response; a line of the client within that. */
void watcher_sasl_begin(struct watcher *w, struct view arguments);
void watcher_sasl_response(struct watcher *w, struct view line);

#endif
