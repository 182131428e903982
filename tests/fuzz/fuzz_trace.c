/*
 * mail/trace.h: whatever a stranger calls itself, the fields that we write about it are fields: they
 * end in CRLF, each line after the first begins with a space or tab, no control, no line too long,
 * and nothing that ends the header section (RFC 5322 §2.2; a field that a stranger writes is forgery).
 *
 * Input: flags, then words up to NUL: HELO name, verified name, cipher, id, address.
 */
#include "mail/address.h"
#include "mail/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_fields(struct view all, size_t fields)
{
	size_t starts = 0;
	must(view_ends(all, VIEW("\r\n")));
	must(view_search(all, VIEW("\r\n\r\n")) == VIEW_NOT_FOUND);
	while (all.length) {
		struct view line;
		must(view_split(all, '\n', &line, &all) && view_ends(line, VIEW("\r")));
		line.length--;
		must(line.length && line.length <= 998);
		starts += line.at[0] != ' ' && line.at[0] != '\t';
		for (size_t i = 0; i < line.length; i++)
			must(line.at[i] != 0x7f && (line.at[i] >= 0x20 || line.at[i] == '\t'));
	}
	must(starts == fields);
}

static struct view word(struct view *rest)
{
	struct view w;
	view_split(*rest, 0, &w, rest);
	return w;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct view rest = view_of(data + 2, size - 2);
	struct arena a = arena_new(1u << 20);
	struct buffer out = buffer_new(4 * TRACE_FIELD_MAX);
	struct helo_name helo;
	struct address address;
	struct domain by;
	char cipher[64];
	must(domain_parse(VIEW("mail.example.test"), true, &a, &by) == ADDRESS_OK);
	const bool has_helo = helo_parse(word(&rest), &a, &helo) == ADDRESS_OK;
	struct trace_received r = {.is_private = data[0] & 16,
		.helo = has_helo ? &helo : NULL,
		.verified_name = word(&rest),
		.by = by.name,
		.with = data[0] & 8 ? "UTF8SMTPS" : "ESMTP",
		.recipients = data[0] >> 6,
		.is_utf8 = data[0] & 8,
		.time_s = data[1],
		.offset_minutes = data[1]};
	if (data[0] & 2 && view_to_text(word(&rest), cipher, sizeof cipher)) {
		r.tls_version = "TLSv1.3";
		r.tls_cipher = cipher;
	}
	r.id = word(&rest);
	const bool has_address = address_parse(rest, true, &a, &address) == ADDRESS_OK;
	r.forward_path = has_address ? &address : NULL;
	trace_received_add(&out, &r);
	must(!buffer_failed(&out));
	check_fields(buffer_view(&out), 1);
	if (!r.is_utf8 && !has_address)
		must(view_is_ascii(buffer_view(&out)));
	buffer_free(&out);
	arena_reset(&a);
	return 0;
}
