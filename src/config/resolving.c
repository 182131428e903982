#include "config/resolving.h"

#include "base/text.h"
#include "mail/hosts.h"

/* --- name servers ------------------------------------------------------------------------- */

/* An address and a port with `mark` between them; without the mark the port is 53, if that may be so. */
static bool split_address(
	struct view text, uint8_t mark, bool needs_port, struct ip *ip, uint32_t *port)
{
	struct view address, number;
	*port = NAMESERVER_PORT;
	if (!view_split(text, mark, &address, &number))
		return !needs_port && ip_parse(text, ip);
	return ip_parse(address, ip) && view_to_u32(number, UINT16_MAX, port) && *port > 0 &&
	       view_at(number, 0) != '0';
}

static void add_nameserver(struct buffer *b, const struct ip *ip, uint32_t port)
{
	ip_add(b, ip);
	text_add(b, "@{}", text_number(port));
}

bool nameserver_parse(struct view text, struct arena *a, struct view *normal_out)
{
	struct buffer b = buffer_new(IP_TEXT_MAX + 8);
	struct ip ip;
	uint32_t port;
	const bool ok = split_address(text, '#', false, &ip, &port);
	if (ok)
		add_nameserver(&b, &ip, port);
	const bool kept = ok && arena_copy(a, buffer_view(&b), normal_out);
	buffer_free(&b);
	return kept;
}

bool nameserver_is_sound(struct view normal)
{
	struct buffer b = buffer_new(IP_TEXT_MAX + 8);
	struct ip ip;
	uint32_t port;
	const bool ok = split_address(normal, '@', true, &ip, &port);
	if (ok)
		add_nameserver(&b, &ip, port);
	const bool same = ok && view_equal(buffer_view(&b), normal);
	buffer_free(&b);
	return same;
}

/* --- trust anchors ------------------------------------------------------------------------ */

static bool is_blank(int octet)
{
	return octet == ' ' || octet == '\t';
}

static bool is_word(int octet)
{
	return octet > ' ' && octet != ';';
}

/* The next word; empty at the end, or at a comment. */
static struct view take_word(struct cursor *c)
{
	(void)cursor_while(c, is_blank);
	return cursor_while(c, is_word);
}

static bool is_number(struct view word, uint32_t max)
{
	uint32_t n;
	return view_to_u32(word, max, &n);
}

static bool is_base64(int octet)
{
	return octet_is_alnum(octet) || octet == '+' || octet == '/' || octet == '=';
}

static bool is_hex(int octet)
{
	return octet_is_digit(octet) || (octet >= 'a' && octet <= 'f') ||
	       (octet >= 'A' && octet <= 'F');
}

/* The rest of the record's data, which may be written with spaces: its octets are added. */
static bool take_data(struct cursor *c, bool (*is)(int octet), struct buffer *to)
{
	const size_t before = to->length;
	for (;;) {
		const struct view word = take_word(c);
		if (view_is_empty(word))
			return to->length > before;
		struct cursor octets = cursor_of(word);
		buffer_add(to, cursor_while(&octets, is));
		if (!cursor_done(&octets))
			return false;
	}
}

/* A zone's name, "." for the root, in lower case and with its final dot. */
static bool take_zone(struct cursor *c, struct buffer *to)
{
	const struct view word = take_word(c);
	const bool is_root = view_equal(word, VIEW("."));
	const size_t length = word.length - (view_ends(word, VIEW(".")) ? 1 : 0);
	for (size_t i = 0; i < length; i++)
		buffer_add_octet(to, octet_lower(word.at[i]));
	const bool ok = is_root || host_name_is_sound(buffer_view(to));
	buffer_add_octet(to, '.');
	return ok;
}

/* Three numbers, and then octets. */
static bool take_rest(struct cursor *c, bool is_ds, struct buffer *to)
{
	for (int i = 0; i < 3; i++) {
		const struct view number = take_word(c);
		if (!is_number(number, i ? UINT8_MAX : UINT16_MAX))
			return false;
		text_add(to, " {}", text_raw(number));
	}
	buffer_add_octet(to, ' ');
	return take_data(c, is_ds ? is_hex : is_base64, to);
}

static bool add_anchor(struct view text, struct buffer *to)
{
	struct cursor c = cursor_of(text);
	if (!take_zone(&c, to))
		return false;
	struct view word = take_word(&c);
	if (is_number(word, INT32_MAX))
		word = take_word(&c);
	if (view_equal_nocase(word, VIEW("IN")))
		word = take_word(&c);
	const bool is_ds = view_equal_nocase(word, VIEW("DS"));
	if (!is_ds && !view_equal_nocase(word, VIEW("DNSKEY")))
		return false;
	buffer_add(to, is_ds ? VIEW(" IN DS") : VIEW(" IN DNSKEY"));
	return take_rest(&c, is_ds, to) && !buffer_failed(to);
}

bool anchor_parse(struct view text, struct arena *a, struct view *normal_out)
{
	struct buffer b = buffer_new(ANCHOR_OCTETS_MAX);
	const bool ok = add_anchor(text, &b) && arena_copy(a, buffer_view(&b), normal_out);
	buffer_free(&b);
	return ok;
}

bool anchor_is_sound(struct view normal)
{
	struct buffer b = buffer_new(ANCHOR_OCTETS_MAX);
	const bool same = add_anchor(normal, &b) && view_equal(buffer_view(&b), normal);
	buffer_free(&b);
	return same;
}

/* --- the settings ------------------------------------------------------------------------- */

struct list {
	struct reader *reader;
	const struct setting *setting;
	const char *word; /* that stands alone for an empty list */
	bool (*parse)(struct view text, struct arena *a, struct view *normal_out);
	uint32_t max;
	struct config_line *lines;
	uint32_t count;
	bool has_word;
};

static void take_line(struct list *l, const struct line *line)
{
	struct config_line *to = &l->lines[l->count];
	if (line->problem == LINES_OK && view_equal(line->text, view_text(l->word)))
		l->has_word = true;
	else if (line->problem != LINES_OK || !l->parse(line->text, l->reader->arena, &to->text))
		reader_complain(l->reader, l->setting, line);
	else if (l->count == l->max)
		findings_add(l->reader->findings, FINDING_ERROR, reader_file(l->setting),
			line->number, "remove some", "holds more than {} lines",
			text_number(l->max));
	else
		l->lines[l->count++].line = line->number;
	if (l->has_word && l->count)
		findings_add(l->reader->findings, FINDING_ERROR, reader_file(l->setting),
			line->number, "keep the word, or the others",
			"holds the word {} and something else", text_string(l->word));
}

static bool read_list(struct list *l)
{
	struct lines lines = lines_of(l->reader->texts[l->setting->id]);
	struct line line;
	l->lines = reader_room(l->reader, l->setting, l->max + 1, sizeof *l->lines);
	while (l->lines && lines_next(&lines, &line))
		take_line(l, &line);
	return l->lines != NULL;
}

/* glibc asks the first three (resolv.conf(5)). */
static void default_nameservers(struct list *l)
{
	struct lines lines = lines_of(l->reader->facts->resolv_conf);
	struct line line;
	while (l->count < 3 && lines_next(&lines, &line)) {
		struct cursor c = cursor_of(line.text);
		if (line.problem == LINES_OK && view_equal(take_word(&c), VIEW("nameserver")) &&
			l->parse(take_word(&c), l->reader->arena, &l->lines[l->count].text))
			l->count++;
	}
	l->reader->config->origins[l->setting->id].why =
		l->count ? "from /etc/resolv.conf" : "from the root down";
}

static void default_anchors(struct list *l)
{
	struct lines lines = lines_of(l->reader->facts->root_anchors);
	struct line line;
	while (l->count < l->max && lines_next(&lines, &line))
		if (line.problem == LINES_OK &&
			l->parse(line.text, l->reader->arena, &l->lines[l->count].text))
			l->count++;
	l->reader->config->origins[l->setting->id].why =
		l->count ? "from /usr/share/dns/root.key" : "there is no /usr/share/dns/root.key";
}

static bool is_default(const struct list *l)
{
	return l->reader->config->origins[l->setting->id].kind == ORIGIN_DEFAULT;
}

bool resolving_read(struct reader *r)
{
	struct config *c = r->config;
	struct list servers = {.reader = r,
		.setting = setting_get(SETTING_NAMESERVERS),
		.word = "recursive",
		.parse = nameserver_parse,
		.max = NAMESERVERS_MAX};
	struct list anchors = {.reader = r,
		.setting = setting_get(SETTING_TRUSTANCHORS),
		.word = "none",
		.parse = anchor_parse,
		.max = ANCHORS_MAX};
	if (!read_list(&servers) || !read_list(&anchors))
		return false;
	if (is_default(&servers))
		default_nameservers(&servers);
	else if (servers.has_word)
		c->origins[SETTING_NAMESERVERS].why = "from the root down";
	if (is_default(&anchors))
		default_anchors(&anchors);
	else if (anchors.has_word)
		c->origins[SETTING_TRUSTANCHORS].why = "nothing is validated";
	c->nameservers = servers.lines;
	c->nameserver_count = servers.count;
	c->anchors = anchors.lines;
	c->anchor_count = anchors.count;
	return true;
}
