#include "config/parent_facts.h"

#include "base/text.h"

/* --- ports -------------------------------------------------------------------------------- */

bool config_port_parse(struct view text, struct config_port *port_out)
{
	struct view number, rest;
	uint32_t n = 0;
	const bool has_word = view_split(text, ' ', &number, &rest);
	const bool ok = view_to_u32(number, 65535, &n) && n > 0 &&
			(!has_word || view_equal_nocase(view_trim(rest), VIEW("tls")));
	*port_out = (struct config_port){.number = (uint16_t)n, .tls = has_word};
	return ok;
}

void config_port_add(struct buffer *b, const struct config_port *port)
{
	text_add(b, "{}{}", text_number(port->number), text_string(port->tls ? " tls" : ""));
}

/* --- writing ------------------------------------------------------------------------------ */

static void add_line(struct buffer *b, const char *key, struct view value)
{
	text_add(b, "{}={}\n", text_string(key), text_raw(value));
}

void parent_facts_add(struct buffer *b, const struct config *config)
{
	struct view before, after;
	(void)mailboxes_split(config->mailboxes, &before, &after);
	add_line(b, "servername", config->servername.name);
	add_line(b, "mailboxes", before);
	for (uint32_t i = 0; i < config->submission_count; i++) {
		buffer_add(b, VIEW("submission="));
		config_port_add(b, &config->submission[i]);
		buffer_add_octet(b, '\n');
	}
	if (config->gatestore.kind != GATESTORE_OWN) {
		buffer_add(b, VIEW("gatestore="));
		gatestore_add(b, &config->gatestore);
		buffer_add_octet(b, '\n');
	}
	if (view_is_empty(config->certificate) || view_is_empty(config->certificate_key))
		return;
	add_line(b, "certificate", config->certificate);
	add_line(b, "certificatekey", config->certificate_key);
}

/* --- reading ------------------------------------------------------------------------------ */

static bool take_value(struct view value, struct view *to)
{
	const bool is_first = view_is_empty(*to);
	*to = value;
	return is_first && value.length > 0;
}

static bool take_line(struct view line, struct parent_facts *facts)
{
	struct view key, value;
	if (!view_split(line, '=', &key, &value))
		return false;
	for (size_t i = 0; i < value.length; i++)
		if (value.at[i] < 0x20 || value.at[i] == 0x7f)
			return false;
	if (view_equal(key, VIEW("servername")))
		return take_value(value, &facts->servername);
	if (view_equal(key, VIEW("mailboxes")))
		return take_value(value, &facts->mailboxes);
	if (view_equal(key, VIEW("certificate")))
		return take_value(value, &facts->certificate);
	if (view_equal(key, VIEW("certificatekey")))
		return take_value(value, &facts->certificate_key);
	if (view_equal(key, VIEW("gatestore")))
		return facts->gatestore.kind == GATESTORE_OWN &&
		       gatestore_parse(value, &facts->gatestore);
	return view_equal(key, VIEW("submission")) && facts->submission_count < CONFIG_PORTS_MAX &&
	       config_port_parse(value, &facts->submission[facts->submission_count++]);
}

bool parent_facts_read(struct view text, struct parent_facts *facts)
{
	*facts = (struct parent_facts){.servername = VIEW_NONE};
	while (text.length) {
		struct view line;
		if (!view_split(text, '\n', &line, &text) || !take_line(line, facts))
			return false;
	}
	return facts->servername.length > 0 && facts->mailboxes.length > 0 &&
	       view_is_empty(facts->certificate) == view_is_empty(facts->certificate_key);
}
