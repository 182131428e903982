/* The manual page sekisho-settings(5), from the table of settings: see config/explain.h. */
#include "config/explain.h"

/* Text for roff: backslashes shown, hyphens kept as they are typed, no line taken for a request. */
static void add_roff(struct buffer *b, struct view text)
{
	bool is_line_start = true;
	for (size_t i = 0; i < text.length; i++) {
		const uint8_t octet = text.at[i];
		if (is_line_start && (octet == '.' || octet == '\''))
			buffer_add(b, VIEW("\\&"));
		if (octet == '\\')
			buffer_add(b, VIEW("\\e"));
		else if (octet == '-')
			buffer_add(b, VIEW("\\-"));
		else
			buffer_add_octet(b, octet);
		is_line_start = octet == '\n';
	}
}

static void add_text(struct buffer *b, const char *text)
{
	add_roff(b, view_text(text));
	buffer_add_octet(b, '\n');
}

/* A paragraph with a word in bold before it. */
static void add_paragraph(struct buffer *b, const char *word, const char *text)
{
	text_add(b, ".TP\n.B {}\n", text_string(word));
	add_text(b, text);
}

/* Where a number has a default and bounds, the table says them once. */
static void add_bounds(struct buffer *b, const struct setting *s)
{
	struct buffer words = buffer_new(200);
	setting_add_number(&words, s, s->number);
	if (s->kind != SETTING_KIND_SWITCH) {
		buffer_add(&words, VIEW("; from "));
		setting_add_number(&words, s, s->min);
		buffer_add(&words, VIEW(" to "));
		setting_add_number(&words, s, s->max);
	}
	buffer_add(b, VIEW(".TP\n.B Default\n"));
	add_roff(b, buffer_view(&words));
	buffer_add(b, VIEW(".\n"));
	buffer_free(&words);
}

static void add_setting(struct buffer *b, const struct setting *s)
{
	text_add(b, ".SS {}\n", text_string(s->name));
	add_text(b, s->help);
	add_paragraph(b, "Format", s->format);
	if (setting_is_number(s)) {
		add_bounds(b, s);
	} else {
		buffer_add(b, VIEW(".TP\n.B Default\n"));
		add_roff(b, view_text(s->absent));
		buffer_add(b, VIEW(".\n"));
	}
	buffer_add(b, VIEW(".TP\n.B Example\n.nf\n"));
	add_roff(b, view_text(s->example));
	buffer_add(b, VIEW(".fi\n"));
	if (s->note) {
		buffer_add(b, VIEW(".PP\n"));
		add_text(b, s->note);
	}
}

void settings_man(struct buffer *b)
{
	buffer_add(b,
		VIEW(".\\\" Made from the table of settings in src/config/settings.c.\n"
		     ".TH SEKISHO\\-SETTINGS 5 \"\" \"Sekisho\" \"Sekisho manual\"\n"
		     ".SH NAME\n"
		     "sekisho\\-settings \\- the configuration directory of the mail server\n"
		     ".SH DESCRIPTION\n"
		     "The directory\n"
		     ".I /etc/sekisho\n"
		     "holds one file for each setting, which bears the setting's name. No file is\n"
		     "required: without it the default holds.\n"
		     ".PP\n"
		     "Files are plain text in UTF\\-8. A # at the start of a line or after a "
		     "space\n"
		     "begins a comment, and empty lines say nothing. Lines may end in CRLF. A "
		     "line\n"
		     "has at most 8192 octets. A file whose name is no setting is an error, as it "
		     "is\n"
		     "most likely a slip; what editors leave behind (names that begin with a dot "
		     "or\n"
		     "end in ~ or .bak) is passed over.\n"
		     ".PP\n"
		     ".B sekisho check\n"
		     "prints every setting, its value and where it came from, and what is wrong, "
		     "with\n"
		     "file, line and remedy. After a change the server is told by SIGHUP; settings "
		     "that\n"
		     "do not check out leave the running server as it is.\n"
		     ".SH SETTINGS\n"));
	for (size_t i = 0; i < SETTING_COUNT; i++)
		add_setting(b, setting_get((enum setting_id)i));
	buffer_add(b, VIEW(".SH SEE ALSO\n.BR sekisho (8)\n"));
}
