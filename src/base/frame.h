/*
 * What one program may say to another, as a table (STYLE §6). A protocol is an array of rows: name,
 * code, who may say it, in which states of its stream, and the fields with their limits. Encoder,
 * decoder, checker, trace printer and fuzz target read that one table at run time. Pure: no sockets.
 *
 * On the wire a frame is: u32 length of the fields, u16 code, u16 zero, u32 stream, then each field:
 * u32 or u64 little endian, or u32 length and octets. Octets after the last field are an error.
 *
 * The receiver checks *who* and *when* before it reads *what*: frame_row finds the row for a code
 * and a side, the caller compares the stream's state with row->states, frame_read reads the fields.
 */
#ifndef BASE_FRAME_H
#define BASE_FRAME_H

#include "base/bytes.h"

#define FRAME_HEADER 12
#define FRAME_FIELDS 10
/* No frame is longer; a longer one is a broken peer. */
#define FRAME_MAX (2u << 20)

enum frame_side { FRAME_A, FRAME_B };
enum frame_kind { FRAME_END = 0, FRAME_U32, FRAME_U64, FRAME_BYTES };

struct frame_field {
	const char *name; /* null ends the list */
	enum frame_kind kind;
	uint64_t max; /* largest value, or largest length in octets */
	bool secret; /* blanked in traces */
};

struct frame_row {
	const char *name;
	uint16_t code; /* equals the row's index in the table */
	enum frame_side from;
	bool bulk; /* travels behind the content of its stream, in order with it */
	uint32_t states; /* bits of the stream states in which it may be said */
	struct frame_field fields[FRAME_FIELDS];
};

struct frame_protocol {
	const char *name; /* "smtpd-spool" */
	const struct frame_row *rows;
	size_t count;
};

struct frame_value {
	uint64_t number;
	struct view
		bytes; /* borrowed: from the caller when sending, from the frame when receiving */
};

struct frame {
	const struct frame_row *row;
	uint32_t stream;
	struct frame_value values[FRAME_FIELDS];
};

struct frame_value frame_number(uint64_t n);
struct frame_value frame_bytes(struct view v);

/* Appends the frame. `values` has one element per field. Values beyond the row's limits are a broken
 * invariant: the sender checks before. */
void frame_add(struct buffer *b, const struct frame_protocol *p, uint16_t code, uint32_t stream,
	const struct frame_value *values);

struct frame_head {
	uint32_t length; /* of the fields */
	uint16_t code;
	uint32_t stream;
};
/* Reads the FRAME_HEADER octets at the front of `v`; false when fewer are there. */
must_use bool frame_head(struct view v, struct frame_head *head_out);
/* The row for `code` said by `from`; null when that side may not say it. */
const struct frame_row *frame_row(
	const struct frame_protocol *p, uint16_t code, enum frame_side from);
/* Reads the fields from exactly `fields`; false when a limit is passed, octets are missing or left. */
must_use bool frame_read(
	const struct frame_row *row, uint32_t stream, struct view fields, struct frame *frame_out);
/* Prints `name stream=7 field=value …`, secrets and long octets shortened. */
void frame_print(struct buffer *b, const struct frame *frame);

#endif
