#include "base/text.h"
#include "faces/resolve/resolved.h"

/* --- in plain words ----------------------------------------------------------------------- */

static void add_tls(struct buffer *b, const struct host *h)
{
	switch (h->tlsa) {
	case HOST_TLSA_NONE:
		return;
	case HOST_TLSA_USABLE:
		text_add(b, "        DANE: the certificate must match {} TLSA record{} of {}\n",
			text_number(h->tlsa_count), text_string(h->tlsa_count == 1 ? "" : "s"),
			text_view(h->tlsa_base.name));
		return;
	case HOST_TLSA_UNUSABLE:
		text_add(b,
			"        DANE: TLS is a must, but none of the TLSA records of {} can be "
			"used\n",
			text_view(h->tlsa_base.name));
		return;
	case HOST_TLSA_FAILED:
		text_add(b, "        DANE: its TLSA records cannot be looked up, so it may not be "
			    "used now\n");
		return;
	}
}

static void add_host(struct buffer *b, const struct host *h, bool has_mx)
{
	buffer_add(b, VIEW("    "));
	if (has_mx)
		text_add(b, "{} ", text_number(h->preference));
	text_add(b, "{}\n", text_view(h->name.name));
	for (uint32_t i = 0; i < h->address_count; i++) {
		buffer_add(b, VIEW("        "));
		ip_add(b, &h->addresses[i]);
		buffer_add_octet(b, '\n');
	}
	add_tls(b, h);
}

static void add_hosts(struct buffer *b, struct view name, const struct hosts *hosts)
{
	text_add(b, "mail for {} goes to, in this order:\n", text_view(name));
	for (uint32_t i = 0; i < hosts->count; i++)
		add_host(b, &hosts->hosts[i], hosts->has_mx);
	if (!hosts->has_mx)
		buffer_add(b, VIEW("without MX records: the destination is the host\n"));
	text_add(b, "{} by DNSSEC\n",
		text_string(hosts->is_mx_secure ? "validated" : "not protected"));
}

static void add_texts(struct buffer *b, struct view packed)
{
	struct cursor c = cursor_of(packed);
	while (cursor_left(&c) && !cursor_failed(&c))
		text_add(b, "{}\n", text_view(cursor_take(&c, cursor_u32(&c))));
}

static void add_trouble(struct buffer *b, enum any_resolve_code code, struct view name,
	const struct question_result *r)
{
	const bool later = lookup_is_temporary(r->outcome);
	if (code == RESOLVE_CLIENT)
		text_add(b, "{}: {}", text_view(name),
			text_string(later ? "its name cannot be looked up just now"
					  : "no name that its own addresses confirm"));
	else if (code == RESOLVE_TEXTS)
		text_add(b, "{}: {}", text_view(name),
			text_string(later ? "cannot be looked up just now" : "no texts"));
	else
		text_add(b, "mail for {} {}", text_view(name),
			text_string(later ? "waits" : "cannot be sent"));
	if (!view_is_empty(r->why))
		text_add(b, ": {}", text_view(r->why));
	if (code == RESOLVE_HOSTS)
		text_add(b, " ({})", text_string(lookup_outcome_enhanced(r->outcome)));
	buffer_add_octet(b, '\n');
}

void print_result(struct buffer *b, enum any_resolve_code code, struct view name,
	const struct question_result *r)
{
	if (r->outcome != LOOKUP_OK)
		add_trouble(b, code, name, r);
	else if (code == RESOLVE_CLIENT)
		text_add(b, "{} is {}\n", text_view(name), text_view(r->name));
	else if (code == RESOLVE_TEXTS)
		add_texts(b, r->texts);
	else
		add_hosts(b, name, &r->hosts);
}

/* --- for programs ------------------------------------------------------------------------- */

static void json_pair(struct buffer *b, const char *key, struct view value)
{
	text_add_json(b, view_text(key));
	buffer_add_octet(b, ':');
	text_add_json(b, value);
}

static const char *truth(bool is)
{
	return is ? "true" : "false";
}

static void json_tlsas(struct buffer *b, const struct host *h)
{
	buffer_add(b, VIEW(",\"tlsa_records\":["));
	for (uint32_t i = 0; i < h->tlsa_count; i++) {
		const struct tlsa *t = &h->tlsas[i];
		text_add(b, "{}\"{} {} {} ", text_string(i ? "," : ""), text_number(t->usage),
			text_number(t->selector), text_number(t->matching));
		buffer_add_hex(b, t->data);
		buffer_add_octet(b, '"');
	}
	buffer_add_octet(b, ']');
}

static void json_host(struct buffer *b, const struct host *h)
{
	buffer_add_octet(b, '{');
	json_pair(b, "name", h->name.name);
	text_add(b, ",\"preference\":{},\"secure\":{},\"tlsa\":\"{}\",", text_number(h->preference),
		text_string(truth(h->is_secure)), text_string(host_tlsa_name(h->tlsa)));
	json_pair(b, "tlsa_base", h->tlsa_base.name);
	json_tlsas(b, h);
	buffer_add(b, VIEW(",\"addresses\":["));
	for (uint32_t i = 0; i < h->address_count; i++) {
		buffer_add(b, i ? VIEW(",\"") : VIEW("\""));
		ip_add(b, &h->addresses[i]);
		buffer_add_octet(b, '"');
	}
	buffer_add(b, VIEW("]}"));
}

static void json_hosts(struct buffer *b, const struct hosts *hosts)
{
	text_add(b, ",\"mx\":{},\"mx_secure\":{},", text_string(truth(hosts->has_mx)),
		text_string(truth(hosts->is_mx_secure)));
	json_pair(b, "canonical", hosts->canonical.name);
	buffer_add(b, VIEW(",\"hosts\":["));
	for (uint32_t i = 0; i < hosts->count; i++) {
		buffer_add(b, i ? VIEW(",") : VIEW(""));
		json_host(b, &hosts->hosts[i]);
	}
	buffer_add_octet(b, ']');
}

static void json_texts(struct buffer *b, const struct question_result *r)
{
	struct cursor c = cursor_of(r->texts);
	const char *comma = "";
	text_add(b, ",\"secure\":{},\"texts\":[", text_string(truth(r->is_secure)));
	while (cursor_left(&c) && !cursor_failed(&c)) {
		buffer_add(b, view_text(comma));
		text_add_json(b, cursor_take(&c, cursor_u32(&c)));
		comma = ",";
	}
	buffer_add_octet(b, ']');
}

void print_result_json(struct buffer *b, enum any_resolve_code code, struct view name,
	const struct question_result *r)
{
	buffer_add_octet(b, '{');
	json_pair(b, "name", name);
	buffer_add_octet(b, ',');
	json_pair(b, "outcome", view_text(lookup_outcome_name(r->outcome)));
	buffer_add_octet(b, ',');
	json_pair(b, "why", r->why);
	if (code == RESOLVE_CLIENT) {
		buffer_add_octet(b, ',');
		json_pair(b, "verified", r->name);
	} else if (code == RESOLVE_TEXTS) {
		json_texts(b, r);
	} else {
		json_hosts(b, &r->hosts);
	}
	buffer_add(b, VIEW("}\n"));
}
