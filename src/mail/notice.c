#include "mail/notice.h"

#include "base/text.h"
#include "mail/date.h"
#include "mail/encoded_word.h"
#include "mail/transfer.h"
#include "mail/wrap.h"

#define SENTENCE_MAX 2048 /* octets */

/* `{}` stands for what is told in the comment. */
static const struct sentences {
	const char *hello; /* user */
	const char *so_far[2]; /* number of recipients; within an hour, within a day */
	const char *near; /* limit */
	const char *reached; /* limit */
	const char *was_you;
	const char *was_not_you; /* client */
} english =
	{
		.hello = "Hello {},",
		.so_far = {"you have written to {} recipients within an hour.",
			"you have written to {} recipients within a day."},
		.near = "This mail server takes {} of each user in that time. When they are "
			"reached, your mail "
			"program is asked to come back later; nothing is lost.",
		.reached = "This mail server takes {} of each user in that time. Your mail program "
			   "is asked to come "
			   "back later; nothing is lost.",
		.was_you = "If that was you, there is nothing to do. If you need more, ask the "
			   "postmaster.",
		.was_not_you = "If it was not you, somebody knows your password: change it now, "
			       "and tell the "
			       "postmaster. The last mail was posted from {}.",
},
  japanese = {
	  .hello = "{} さん",
	  .so_far = {"この一時間に {} 件の宛先へメールを送信しました。",
		  "この一日に {} 件の宛先へメールを送信しました。"},
	  .near = "このメールサーバーでは、利用者ごとにこの時間内の宛先を {} "
		  "件までとしています。上限に達すると、後で"
		  "もう一度送信するようメールソフトに伝えます。メールが失われることはありません。",
	  .reached = "このメールサーバーでは、利用者ごとにこの時間内の宛先を {} "
		     "件までとしています。後でもう一度送信する"
		     "ようメールソフトに伝えます。メールが失われることはありません。",
	  .was_you = "ご自分の送信であれば、何もする必要はありません。上限を上げてほしいときはメー"
		     "ル管理者にご相談ください。",
	  .was_not_you = "心当たりがなければ、パスワードが他人に知られています。すぐに変更し、メー"
			 "ル管理者に知らせて"
			 "ください。最後のメールは {} から投稿されました。",
};

static void say_args(struct buffer *b, const char *format, const struct text_arg *args)
{
	struct buffer sentence = buffer_new(SENTENCE_MAX);
	text_add_args(&sentence, format, args);
	wrap_add(b, 0, buffer_view(&sentence));
	buffer_add(b, VIEW("\r\n"));
	b->failed |= buffer_failed(&sentence);
	buffer_free(&sentence);
}
#define SAY(b, format, ...)     \
	say_args((b), (format), \
		(const struct text_arg[]){__VA_ARGS__ __VA_OPT__(, ){.kind = TEXT_END}})

static void add_text(struct buffer *b, const struct notice *n, const struct sentences *s)
{
	SAY(b, s->hello, text_view(n->user));
	SAY(b, s->so_far[n->is_of_day], text_number(n->count));
	SAY(b, n->is_reached ? s->reached : s->near, text_number(n->limit));
	SAY(b, s->was_you);
	SAY(b, s->was_not_you, text_view(n->client));
}

static void add_subject(struct buffer *b, const struct notice *n)
{
	const struct view field = VIEW("Subject: ");
	const struct view plain = n->is_reached ? VIEW("You have reached your limit of recipients")
						: VIEW("You are near your limit of recipients");
	size_t column = 1;
	text_add(b, "{}{} /\r\n ", text_raw(field), text_raw(plain));
	encoded_word_add(b, &column,
		n->is_reached ? VIEW("宛先数の上限に達しました")
			      : VIEW("宛先数の上限に近づいています"));
	buffer_add(b, VIEW("\r\n"));
}

static void add_fields(struct buffer *b, const struct notice *n)
{
	struct message_id_seed seed = {.wall_s = n->now_s};
	must(view_copy(view_of(n->random, sizeof n->random), seed.random, sizeof seed.random));
	text_add(b, "From: Mail Server <MAILER-DAEMON@{}>\r\nTo: <{}>\r\nCc: <{}>\r\n",
		text_raw(n->site.name), text_raw(n->to), text_raw(n->postmaster));
	add_subject(b, n);
	buffer_add(b, VIEW("Date: "));
	date_add(b, n->now_s, n->offset_minutes);
	buffer_add(b, VIEW("\r\nMessage-ID: "));
	message_id_add(b, &seed, n->server);
	/* RFC 3834 §5 */
	buffer_add(
		b, VIEW("\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
			"Content-Type: text/plain; charset=utf-8\r\nContent-Language: en, ja\r\n"));
}

bool notice_compose(struct buffer *b, const struct notice *n)
{
	struct buffer text = buffer_new(NOTICE_OCTETS_MAX);
	add_fields(b, n);
	add_text(&text, n, &english);
	add_text(&text, n, &japanese);
	const enum transfer transfer = transfer_safe(buffer_view(&text));
	text_add(b, "Content-Transfer-Encoding: {}\r\n\r\n", text_string(transfer_name(transfer)));
	transfer_add(b, transfer, buffer_view(&text));
	const bool ok = !buffer_failed(&text) && !buffer_failed(b);
	buffer_free(&text);
	return ok;
}
