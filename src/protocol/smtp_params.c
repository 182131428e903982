#include "protocol/smtp_params.h"

#include "mail/envelope.h"
#include "mail/xtext.h"

static const struct reply bad_name =
	REPLY(555, 5, 5, 4, "param-unknown", "This server does not know that parameter");
static const struct reply bad_value =
	REPLY(501, 5, 5, 4, "param-value", "The value of a parameter cannot be understood");
static const struct reply twice = REPLY(501, 5, 5, 4, "param-twice", "A parameter was given twice");
static const struct reply no_space = REPLY(
	501, 5, 5, 4, "param-syntax", "Parameters follow the address after a space, as NAME=VALUE");
static const struct reply no_binary = REPLY(555, 5, 6, 1, "binarymime",
	"This server does not take BINARYMIME; please send the mail as 8BITMIME");
static const struct reply no_memory =
	REPLY(452, 4, 3, 1, "memory", "Too much was given for one mail; please try again later");

/* What a parameter is read into; one of the two is null. */
struct target {
	struct smtp_mail *mail;
	struct smtp_recipient *recipient;
	struct arena *arena;
	bool smtputf8;
};

struct param {
	struct view name;
	const struct reply *(*read)(struct view value, const struct target *t);
	bool has_value;
};

static const struct reply *kept(struct arena *a, struct view v, struct view *out)
{
	return arena_copy(a, v, out) ? NULL : &no_memory;
}

/* Of what mail/xtext.h decodes. */
static const struct reply *decoded_reply(enum error error)
{
	if (!error)
		return NULL;
	return error == ERROR_MEMORY ? &no_memory : &bad_value;
}

/* --- MAIL -------------------------------------------------------------------------------------- */

static const struct reply *read_size(struct view value, const struct target *t)
{
	/* RFC 1870 §4 allows 20 digits; what passes 64 bits is simply as much as can be said */
	t->mail->has_size = true;
	t->mail->size_octets = UINT64_MAX;
	for (size_t i = 0; i < value.length; i++)
		if (!octet_is_digit(value.at[i]) || value.length > 20)
			return &bad_value;
	uint64_t n;
	if (view_to_u64(value, UINT64_MAX, &n))
		t->mail->size_octets = n;
	return NULL;
}

static const struct reply *read_body(struct view value, const struct target *t)
{
	if (view_equal_nocase(value, VIEW("BINARYMIME")))
		return &no_binary;
	if (view_equal_nocase(value, VIEW("8BITMIME")))
		t->mail->body = SMTP_BODY_8BITMIME;
	else if (!view_equal_nocase(value, VIEW("7BIT")))
		return &bad_value;
	return NULL;
}

static const struct reply *read_smtputf8(struct view value, const struct target *t)
{
	t->mail->smtputf8 = view_is_empty(value);
	return NULL;
}

static const struct reply *read_requiretls(struct view value, const struct target *t)
{
	t->mail->requiretls = view_is_empty(value);
	return NULL;
}

static const struct reply *read_ret(struct view value, const struct target *t)
{
	if (view_equal_nocase(value, VIEW("FULL")))
		t->mail->ret = SMTP_RET_FULL;
	else if (view_equal_nocase(value, VIEW("HDRS")))
		t->mail->ret = SMTP_RET_HDRS;
	else
		return &bad_value;
	return NULL;
}

static const struct reply *read_envid(struct view value, const struct target *t)
{
	struct view decoded;
	if (value.length > SMTP_ENVID_MAX)
		return &bad_value;
	const struct reply *wrong = decoded_reply(xtext_decode(value, t->arena, &decoded));
	return wrong ? wrong : kept(t->arena, value, &t->mail->envid);
}

static const struct reply *read_auth(struct view value, const struct target *t)
{
	t->mail->has_auth = true;
	if (value.length > SMTP_AUTH_MAX)
		return &bad_value;
	if (view_equal(value, VIEW("<>")))
		return NULL;
	return decoded_reply(xtext_decode(value, t->arena, &t->mail->auth));
}

/* --- RCPT -------------------------------------------------------------------------------------- */

static unsigned notify_flag(struct view word)
{
	static const struct {
		struct view name;
		unsigned flag;
	} flags[] = {
		{VIEW("NEVER"), ENVELOPE_NOTIFY_NEVER},
		{VIEW("SUCCESS"), ENVELOPE_NOTIFY_SUCCESS},
		{VIEW("FAILURE"), ENVELOPE_NOTIFY_FAILURE},
		{VIEW("DELAY"), ENVELOPE_NOTIFY_DELAY},
	};
	for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
		if (view_equal_nocase(word, flags[i].name))
			return flags[i].flag;
	return 0;
}

static const struct reply *read_notify(struct view value, const struct target *t)
{
	unsigned all = 0;
	bool more = true;
	while (more) {
		struct view word;
		more = view_split(value, ',', &word, &value);
		const unsigned flag = notify_flag(word);
		if (flag == 0 || all & flag)
			return &bad_value;
		all |= flag;
	}
	if (all & ENVELOPE_NOTIFY_NEVER && all != ENVELOPE_NOTIFY_NEVER)
		return &bad_value;
	t->recipient->notify = all;
	return NULL;
}

static bool is_atom(struct view text)
{
	for (size_t i = 0; i < text.length; i++)
		if (!octet_is_alnum(text.at[i]) && text.at[i] != '-')
			return false;
	return text.length > 0;
}

static const struct reply *read_orcpt(struct view value, const struct target *t)
{
	struct view type;
	struct view address;
	if (value.length > SMTP_ORCPT_MAX || !view_split(value, ';', &type, &address) ||
		!is_atom(type) || view_is_empty(address))
		return &bad_value;
	uint8_t *lower = arena_get(t->arena, type.length);
	if (!lower)
		return &no_memory;
	for (size_t i = 0; i < type.length; i++)
		lower[i] = octet_lower(type.at[i]);
	struct smtp_recipient *r = t->recipient;
	r->orcpt_type = view_of(lower, type.length);
	const struct reply *wrong =
		decoded_reply(view_equal(r->orcpt_type, VIEW("utf-8"))
				      ? unitext_decode(address, t->arena, &r->orcpt_address)
				      : xtext_decode(address, t->arena, &r->orcpt_address));
	return wrong ? wrong : kept(t->arena, value, &r->orcpt);
}

/* --- both -------------------------------------------------------------------------------------- */

static const struct param mail_params[] = {
	{VIEW("SIZE"), read_size, true},
	{VIEW("BODY"), read_body, true},
	{VIEW("SMTPUTF8"), read_smtputf8, false},
	{VIEW("REQUIRETLS"), read_requiretls, false},
	{VIEW("RET"), read_ret, true},
	{VIEW("ENVID"), read_envid, true},
	{VIEW("AUTH"), read_auth, true},
	{.read = NULL},
};

static const struct param rcpt_params[] = {
	{VIEW("NOTIFY"), read_notify, true},
	{VIEW("ORCPT"), read_orcpt, true},
	{.read = NULL},
};

bool smtp_params_is_value(struct view value, bool utf8)
{
	for (size_t i = 0; i < value.length; i++)
		if (value.at[i] <= 0x20 || value.at[i] == 0x7f || value.at[i] == '=' ||
			(value.at[i] > 0x7f && !utf8))
			return false;
	return value.length > 0 && view_is_utf8(value);
}

static const struct reply *read_param(
	const struct param *params, struct view word, unsigned *seen, const struct target *t)
{
	struct view name;
	struct view value;
	const bool has_value = view_split(word, '=', &name, &value);
	if (!is_atom(name))
		return &no_space;
	size_t i = 0;
	while (params[i].read && !view_equal_nocase(name, params[i].name))
		i++;
	if (!params[i].read)
		return &bad_name;
	if (*seen & 1u << i)
		return &twice;
	*seen |= 1u << i;
	if (has_value != params[i].has_value ||
		(has_value && !smtp_params_is_value(value, t->smtputf8)))
		return &bad_value;
	return params[i].read(value, t);
}

static const struct reply *read_all(
	const struct param *params, struct view text, const struct target *t)
{
	unsigned seen = 0;
	if (text.length && text.at[0] != ' ')
		return &no_space;
	for (;;) {
		while (view_at(text, 0) == ' ')
			text = view_from(text, 1);
		if (view_is_empty(text))
			return NULL;
		struct view word;
		view_split(text, ' ', &word, &text);
		const struct reply *wrong = read_param(params, word, &seen, t);
		if (wrong)
			return wrong;
	}
}

const struct reply *smtp_params_mail(struct view text, struct arena *a, struct smtp_mail *mail)
{
	return read_all(mail_params, text, &(struct target){.mail = mail, .arena = a});
}

const struct reply *smtp_params_rcpt(struct view text, const struct smtp_mail *mail,
	struct arena *a, struct smtp_recipient *recipient)
{
	return read_all(rcpt_params, text,
		&(struct target){.recipient = recipient, .arena = a, .smtputf8 = mail->smtputf8});
}

/* --- RET ---------------------------------------------------------------------------------- */

uint16_t smtp_ret_flags(enum smtp_ret ret)
{
	if (ret == SMTP_RET_FULL)
		return ENVELOPE_RET_FULL;
	return ret == SMTP_RET_HDRS ? ENVELOPE_RET_HDRS : 0;
}

enum smtp_ret smtp_ret_of_flags(uint32_t flags)
{
	if (flags & ENVELOPE_RET_FULL)
		return SMTP_RET_FULL;
	return flags & ENVELOPE_RET_HDRS ? SMTP_RET_HDRS : SMTP_RET_NONE;
}
