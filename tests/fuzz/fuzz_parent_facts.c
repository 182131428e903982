/*
 * Fuzz target: what sekisho-config tells the parent. What is read holds no control characters, and is the
 * same when it is read again.
 */
#include "config/parent_facts.h"

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct view v)
{
	for (size_t i = 0; i < v.length; i++)
		must(v.at[i] >= 0x20 && v.at[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parent_facts facts;
	if (!parent_facts_read(view_of(data, size), &facts))
		return 0;
	check_text(facts.servername);
	check_text(facts.mailboxes);
	check_text(facts.certificate);
	check_text(facts.certificate_key);
	must(facts.submission_count <= CONFIG_PORTS_MAX);
	for (uint32_t i = 0; i < facts.submission_count; i++) {
		struct buffer b = buffer_new(64);
		struct config_port again;
		must(facts.submission[i].number > 0);
		config_port_add(&b, &facts.submission[i]);
		must(config_port_parse(buffer_view(&b), &again) &&
			again.number == facts.submission[i].number &&
			again.tls == facts.submission[i].tls);
		buffer_free(&b);
	}
	return 0;
}
