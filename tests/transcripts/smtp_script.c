#include "smtp_script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- reading a file ------------------------------------------------------------------------------ */

size_t script_unescape(const char *from, char *to)
{
	size_t n = 0;
	for (; *from; from++) {
		if (*from != '\\') {
			to[n++] = *from;
			continue;
		}
		from++;
		if (*from == 'x') {
			const char hex[3] = {from[1], from[2], 0};
			to[n++] = (char)strtol(hex, NULL, 16);
			from += 2;
		} else if (*from == '*') {
			char *end;
			const long times = strtol(from + 1, &end, 10);
			for (long i = 0; i < times; i++)
				to[n++] = *end;
			from = end;
		} else {
			to[n++] = *from == 'r'	 ? '\r'
				  : *from == 'n' ? '\n'
				  : *from == 't' ? '\t'
				  : *from == '0' ? '\0'
						 : *from;
		}
	}
	to[n] = 0;
	return n;
}

void script_add(struct script *s, enum item_kind kind, int line, const char *text, bool crlf)
{
	static char octets[1 << 20];
	if (s->count == sizeof s->items / sizeof s->items[0])
		abort();
	size_t length = kind == ITEM_CLIENT ? script_unescape(text, octets) : strlen(text);
	if (kind != ITEM_CLIENT)
		memcpy(octets, text, length + 1);
	if (crlf) {
		memcpy(octets + length, "\r\n", 3);
		length += 2;
	}
	struct item *item = &s->items[s->count++];
	*item = (struct item){.kind = kind, .line = line, .length = length};
	item->text = malloc(length + 1);
	memcpy(item->text, octets, length + 1);
}

static bool set_limit(struct smtp_limits *l, const char *name, uint32_t n)
{
	const struct {
		const char *name;
		uint32_t *to;
	} rows[] = {
		{"command-line", &l->command_line_octets},
		{"auth-line", &l->auth_line_octets},
		{"text-line", &l->text_line_octets},
		{"header", &l->header_octets},
		{"received", &l->received_fields},
		{"memory", &l->memory_octets},
		{"recipients", &l->recipients},
		{"mails", &l->mails},
		{"errors", &l->errors},
		{"idle-commands", &l->idle_commands},
		{"refused-rcpts", &l->refused_rcpts},
		{"auth-attempts", &l->auth_attempts},
	};
	if (strcmp(name, "size") == 0)
		l->size_octets = n;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(name, rows[i].name) == 0) {
			*rows[i].to = n;
			return true;
		}
	return strcmp(name, "size") == 0;
}

static bool set(struct script *s, const char *text)
{
	char name[64] = "";
	unsigned n = 0;
	if (sscanf(text, "limit %63s %u", name, &n) == 2)
		return set_limit(&s->config.limits, name, n);
	if (sscanf(text, "content-room %u", &n) == 1)
		s->content_room = n;
	else if (strncmp(text, "mechanisms ", 11) == 0)
		snprintf(s->mechanisms, sizeof s->mechanisms, "%.255s", text + 11);
	else if (strcmp(text, "inside") == 0)
		s->facts.is_inside = true;
	else if (strcmp(text, "loopback") == 0)
		s->facts.is_loopback = true;
	else if (strcmp(text, "tls") == 0)
		s->facts.tls_active = true;
	else if (strcmp(text, "no-tls") == 0)
		s->facts.tls_offered = false;
	else if (strcmp(text, "tls-required") == 0)
		s->facts.tls_required = true;
	else if (strcmp(text, "auth-required") == 0)
		s->facts.auth_required = true;
	else if (strcmp(text, "senders-judged") == 0)
		s->facts.senders_are_judged = true;
	else if (strcmp(text, "etrn") == 0)
		s->config.etrn = true;
	else if (strcmp(text, "only-lines") == 0)
		s->only_lines = true;
	else
		return false;
	return true;
}

static struct script *script_new(const char *name)
{
	struct script *s = calloc(1, sizeof *s);
	s->name = name;
	s->config.servername = VIEW("mail.example.test");
	s->config.limits = smtp_limits_default();
	s->facts.tls_offered = true;
	s->content_room = 4096;
	return s;
}

void script_free(struct script *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->items[i].text);
	free(s);
}

static bool read_line(struct script *s, const char *text, int line)
{
	if (text[0] == 0 || text[0] == '#')
		return true;
	if (strcmp(text, "@ hello") == 0) {
		script_add(s, ITEM_CODE, line, "220", false);
		script_add(s, ITEM_CLIENT, line, "EHLO client.example", true);
		script_add(s, ITEM_CODE, line, "250", false);
		return true;
	}
	if (text[0] == '@' && text[1] == ' ')
		return set(s, text + 2);
	if (text[1] != ':' || !strchr("CcSsARMNDTX!", text[0]))
		return false;
	const char *rest = text[2] == ' ' ? text + 3 : text + 2;
	const bool is_client = text[0] == 'C' || text[0] == 'c';
	script_add(
		s, is_client ? ITEM_CLIENT : (enum item_kind)text[0], line, rest, text[0] == 'C');
	return true;
}

struct script *script_read(const char *name)
{
	static char text[1 << 16];
	FILE *f = fopen(name, "r");
	struct script *s = script_new(name);
	int line = 0;
	bool ok = f != NULL;
	while (ok && fgets(text, sizeof text, f)) {
		text[strcspn(text, "\n")] = 0;
		ok = read_line(s, text, ++line);
	}
	if (f)
		fclose(f);
	if (ok)
		return s;
	printf("%s:%d: cannot be read\n", name, line);
	script_free(s);
	return NULL;
}

/* --- the suite smtp-dialogs ---------------------------------------------------------------------- */

/* Where we say something else than James, and why. */
static const struct {
	const char *file;
	const char *codes;
	const char *why;
} deviations[] = {
	{"authplain.test", "220 503 500 500", "no service before EHLO (F-4)"},
	{"starttls_session_fixation.test", "220 250 334 334 235 250 250 503",
		"503: STARTTLS inside a transaction is out of order, its syntax is right"},
	{"starttls_with_injection.test", "220 250 554",
		"554 and the end of the session: an attack is no temporary condition"},
};

static const char *deviation(const char *file)
{
	for (size_t i = 0; i < sizeof deviations / sizeof deviations[0]; i++)
		if (strcmp(file, deviations[i].file) == 0)
			return deviations[i].codes;
	return NULL;
}

/* S: lines are patterns; the one that ends a reply has no "-" behind its code, and is not the first
 * line ("250.*") of several. */
static bool ends_reply(const char *line, const char *following)
{
	return line[6] != '-' && !(line[6] == '.' && strncmp(following, "S: 250-", 7) == 0);
}

struct script *script_read_james(const char *path, const char *file)
{
	static char lines[256][512];
	size_t count = 0;
	FILE *f = fopen(path, "r");
	struct script *s = script_new(file);
	const char *codes = deviation(file);
	while (f && count < 255 && fgets(lines[count], sizeof lines[0], f)) {
		lines[count][strcspn(lines[count], "\n")] = 0;
		if (lines[count][0] == 'C' || lines[count][0] == 'S')
			count++;
	}
	if (f)
		fclose(f);
	lines[count][0] = 0;
	for (size_t i = 0; i < count; i++) {
		const bool is_client = lines[i][0] == 'C';
		const char *text = lines[i][2] == ' ' ? lines[i] + 3 : lines[i] + 2;
		const bool has_crlf = strstr(text, "\\r\\n") != NULL;
		if (is_client) {
			script_add(s, ITEM_CLIENT, (int)i, text, !has_crlf);
		} else if (ends_reply(lines[i], lines[i + 1])) {
			script_add(s, ITEM_CODE, (int)i, codes ? codes : text, false);
			codes = codes && strlen(codes) > 4 ? codes + 4 : codes;
		}
	}
	return s;
}
