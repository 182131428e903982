/*
 * The forms of the log: segment header, record header, bodies. Encoding, decoding and checking only;
 * what they mean is in store/spool.h. All numbers little endian, all records on multiples of 8.
 *
 * A record: 48 octets of header with a checksum of its own, then the body. The body's first `summed`
 * octets are under the header's `body_sum`; what follows them (a message's inline content) is under
 * the sum in the message body, so that each octet is summed once and the content's sum is known to
 * `deliver`.
 */
#ifndef STORE_SPOOL_RECORD_H
#define STORE_SPOOL_RECORD_H

#include "store/spool.h"

#define BLOCK_OCTETS 4096u
#define RECORD_OCTETS 48u
#define MESSAGE_FIXED_OCTETS 40u
#define STATE_FIXED_OCTETS 32u
#define ROSTER_FIXED_OCTETS (16u + SPOOL_BOOT_OCTETS)
#define ROSTER_ENTRY_OCTETS 24u
#define SPOOL_VERSION 2u

enum record_type {
	RECORD_ROSTER = 1,
	RECORD_MESSAGE = 2,
	RECORD_STATE = 3,
	RECORD_NOTE = 4, /* means nothing; holds a place */
	RECORD_DONE = 5, /* no body: that message is finished, whatever else is read */
};

#define RECORD_LAST 1u /* flag: the next record is on the next multiple of BLOCK_OCTETS */

struct segment_header {
	bool open; /* else blank */
	uint64_t birth;
	uint32_t number;
	uint32_t generation;
	uint32_t salt;
	uint32_t octets; /* of the file */
	uint64_t first_sequence;
	uint64_t next_id; /* ids from here on are given after this opening */
};

/* Appends BLOCK_OCTETS octets. */
void segment_header_add(struct buffer *b, const struct segment_header *header);
/* False when it is none, or its checksum fails. */
must_use bool segment_header_parse(struct view block, struct segment_header *header_out);

/* What a record must carry to continue a chain. */
struct record_key {
	uint32_t generation;
	uint32_t salt;
	uint64_t sequence;
};

struct record {
	enum record_type type;
	uint8_t flags;
	uint64_t id;
	uint32_t length; /* of the body */
	uint32_t summed;
	uint32_t body_sum;
	struct view body; /* as far as the window holds it */
};

enum record_check {
	RECORD_WHOLE, /* header good, body wholly in the window (not yet checked) */
	RECORD_SHORT, /* header good, body not wholly in the window */
	RECORD_CUT, /* the window ends inside the header */
	RECORD_BROKEN, /* no record of this key */
};

/* Looks at the front of `window`. */
enum record_check record_parse(
	struct view window, const struct record_key *key, struct record *record_out);
/* Both sums over a whole body. */
bool record_body_good(const struct record *record);
/* Octets with header and padding. */
uint64_t record_octets(uint32_t body_octets);
/* Where the next record starts when this one starts at `offset`. */
uint64_t record_next(uint64_t offset, const struct record *record);

/* Appends a header whose key is still open; the body follows. Returns where the header starts. */
size_t record_begin(struct buffer *b, enum record_type type, uint64_t id);
/* After the body: length, body sum over its first `summed` octets (all when larger), padding. */
void record_end(struct buffer *b, size_t at, size_t summed);
/* Sets key and flags and the header's sum; returns the octets of the record. */
size_t record_seal(struct buffer *b, size_t at, const struct record_key *key, uint8_t flags);
/* A sealed or open record becomes a NOTE of the same length; seal again afterwards. */
void record_void(struct buffer *b, size_t at);
/* Key and flags of a sealed record, to seal it again. */
struct record_key record_key_of(const struct buffer *b, size_t at, uint8_t *flags_out);

struct message_body {
	int64_t arrival_s;
	uint64_t large;
	uint64_t content_octets;
	uint32_t recipients;
	uint32_t envelope_octets;
	uint32_t content_sum;
	struct view envelope;
	struct view content; /* empty when large */
};
/* Of a whole and good record. False when the lengths contradict each other. */
must_use bool message_body_parse(struct view body, struct message_body *message_out);
/* Only the fixed part; the envelope and the content follow. */
void message_body_add(struct buffer *b, const struct message_body *message);

struct state_body {
	uint32_t recipient;
	enum spool_state state;
	uint16_t attempts;
	int64_t next_attempt_s;
	struct view boot; /* SPOOL_BOOT_OCTETS */
	struct view reason;
};
void state_body_add(struct buffer *b, const struct state_body *state);
must_use bool state_body_parse(struct view body, struct state_body *state_out);

#define ROSTER_ABANDONED 1u
#define ROSTER_CORRUPT 2u

struct roster_entry {
	uint32_t number;
	uint32_t generation;
	uint32_t salt;
	uint32_t flags;
	uint64_t end_sequence; /* the first that is not in it */
};
void roster_entry_add(struct buffer *b, const struct roster_entry *entry);
struct roster_entry roster_entry_take(struct cursor *c);

/* A file's name, made in place. */
struct spool_name {
	uint8_t octets[DISK_NAME_MAX];
	size_t length;
};
struct spool_name segment_name(uint32_t number);
struct spool_name large_name(uint64_t number);
struct view name_view(const struct spool_name *name);
/* False for names that are not of this form. */
must_use bool segment_name_parse(struct view name, uint32_t *number_out);
must_use bool large_name_parse(struct view name, uint64_t *number_out);

#endif
