#include "mail/dsn_words.h"

#define ANY 0
#define ALL 0, 999

/* First fit. */
static const struct {
	uint16_t class; /* 4, 5, or ANY */
	uint16_t subject; /* or ANY */
	uint16_t first; /* details */
	uint16_t last;
	struct dsn_meaning in[DSN_TONGUES];
} meanings[] = {
	{ANY, 1, 1, 1,
		{{"There is no such mailbox: the part before the @ is not known there.",
			 "Look for a slip in the address. If it is right, the person may have "
			 "given "
			 "it up; ask for the new one by another way."},
			{"その宛先はありません。@ "
			 "の前の部分に当たる人が、先方に登録されていません。",
				"アドレスに打ち間違いがないか確かめてください。正しければ、使われな"
				"くなったアド"
				"レスかもしれません。電話など別の方法で、新しいアドレスを尋ねてくだ"
				"さい。"}}},
	{5, 1, 10, 10,
		{{"This domain, the part after the @, takes no mail at all.",
			 "Write to another address of this person."},
			{"@ の後ろの部分（ドメイン）は、メールを一切受け付けていません。",
				"相手の別のアドレスにお送りください。"}}},
	{ANY, 1, 2, 2,
		{{"The domain, the part after the @, does not exist, or nobody takes mail for it.",
			 "Look for a slip in the part after the @."},
			{"@ の後ろの部分（ドメイン）が存在しないか、メールを受け付けていません。",
				"@ の後ろに打ち間違いがないか確かめてください。"}}},
	{ANY, 1, 3, 3,
		{{"This is not written as an address can be.",
			 "Look at the address: it has one @ and, mostly, no spaces."},
			{"アドレスの書き方が正しくありません。",
				"アドレスを見直してください。@ "
				"は一つで、ふつう空白は入りません。"}}},
	{ANY, 1, 6, 6,
		{{"The mailbox has moved, and nobody there knows where to.",
			 "Ask for the new address by another way."},
			{"この宛先は移転しましたが、移転先が分かりません。",
				"新しいアドレスを別の方法で尋ねてください。"}}},
	{ANY, 1, 7, 8,
		{{"The other side does not take mail from your own address.",
			 "Look at the sender's address that your mail program is set to. If it is "
			 "right, show this mail to your postmaster."},
			{"先方は、あなたのアドレスを差出人とするメールを受け付けません。",
				"メールソフトに設定した差出人アドレスを確かめてください。正しければ"
				"、このメール"
				"を管理者（postmaster）に見せてください。"}}},
	{ANY, 1, ALL,
		{{"There is something wrong with the address.", "Look for a slip in it."},
			{"アドレスに問題があります。", "打ち間違いがないか確かめてください。"}}},
	{ANY, 2, 1, 1,
		{{"The mailbox is there, but it is switched off.",
			 "Tell the person by another way."},
			{"宛先はありますが、受信を止めています。",
				"別の方法で相手に連絡してください。"}}},
	{ANY, 2, 2, 2,
		{{"The mailbox is full.",
			 "Tell the person by another way, or send the mail again in some days."},
			{"相手の受信箱がいっぱいです。",
				"別の方法で相手に知らせるか、数日後に送り直してください。"}}},
	{ANY, 2, 3, 3,
		{{"The mail is larger than this mailbox may get.",
			 "Send it without the attachments, or in parts."},
			{"この宛先が受け取れる大きさを超えています。",
				"添付ファイルを外すか、分けて送ってください。"}}},
	{ANY, 2, 4, 4,
		{{"The members of this mailing list could not be reached.",
			 "Ask the owner of the list."},
			{"メーリングリストの参加者に配れませんでした。",
				"メーリングリストの管理者に尋ねてください。"}}},
	{ANY, 2, ALL,
		{{"The mailbox does not take mail at present.",
			 "Tell the person by another way, or send the mail again later."},
			{"この宛先は今、メールを受け取れません。",
				"別の方法で相手に知らせるか、後で送り直してください。"}}},
	{ANY, 3, 4, 4,
		{{"The mail is larger than the other side takes.",
			 "Send it without the attachments, or in parts."},
			{"先方が受け付ける大きさを超えています。",
				"添付ファイルを外すか、分けて送ってください。"}}},
	{ANY, 3, ALL,
		{{"The mail server over there is out of order or has no room.",
			 "Send the mail again later."},
			{"先方のメールサーバーが故障しているか、空きがありません。",
				"後で送り直してください。"}}},
	{ANY, 4, 1, 2,
		{{"The mail server of the other side does not answer, or the connection broke "
		  "off.",
			 "Look for a slip in the part after the @. If it is right, their server is "
			 "out of order: send the mail again later."},
			{"先方のメールサーバーが応答しないか、接続が途中で切れました。",
				"@ "
				"の後ろに打ち間違いがないか確かめてください。正しければ先方の故障で"
				"す。後で送"
				"り直してください。"}}},
	{ANY, 4, 3, 4,
		{{"It could not be found out which server takes mail for this domain, the part "
		  "after the @.",
			 "Look for a slip in the part after the @."},
			{"@ "
			 "の後ろの部分（ドメイン）宛てのメールを受け取るサーバーが分かりませんでし"
			 "た。",
				"@ の後ろに打ち間違いがないか確かめてください。"}}},
	{ANY, 4, 6, 6,
		{{"The mail ran in a circle between servers.",
			 "Show this mail to your postmaster."},
			{"メールがサーバーの間を堂々巡りしました。",
				"このメールを管理者（postmaster）に見せてください。"}}},
	{ANY, 4, 7, 7,
		{{"It was tried again and again, and now the time is up.",
			 "Tell the person by another way, or send the mail again."},
			{"繰り返し配達を試みましたが、期限になりました。",
				"別の方法で相手に知らせるか、送り直してください。"}}},
	{ANY, 4, ALL,
		{{"The way to the mail server of the other side is disturbed.",
			 "Send the mail again later."},
			{"先方のメールサーバーへの経路に障害があります。",
				"後で送り直してください。"}}},
	{ANY, 5, 3, 3,
		{{"The mail has too many recipients.", "Send it to fewer people at once."},
			{"宛先の数が多すぎます。", "宛先を分けて送ってください。"}}},
	{ANY, 5, ALL,
		{{"The two mail servers did not understand each other.",
			 "Show this mail to your postmaster."},
			{"メールサーバーどうしのやり取りがうまくいきませんでした。",
				"このメールを管理者（postmaster）に見せてください。"}}},
	{ANY, 6, 3, 3,
		{{"The mail has letters in 8 bits, which the mail server of the other side cannot "
		  "take.",
			 "Set your mail program to send text in 7 bits (quoted-printable or "
			 "base64), or send the text as an attachment."},
			{"メールに 8 "
			 "ビットの文字が含まれていますが、先方のメールサーバーはこれを扱えません。",
				"メールソフトの送信形式を 7 ビット（quoted-printable または "
				"base64）にするか、本"
				"文を添付ファイルにして送ってください。"}}},
	{ANY, 6, 7, 10,
		{{"An address or a header field of the mail has letters beyond a to z, which the "
		  "mail server of the other side does not know.",
			 "Ask the person for an address in plain letters."},
			{"アドレスやヘッダーに英数字以外の文字がありますが、先方のメールサーバーは"
			 "これを扱えません。",
				"英数字だけのアドレスを相手に尋ねてください。"}}},
	{ANY, 6, ALL,
		{{"The other side does not take mail of this format.",
			 "Send it as plain text, without attachments."},
			{"先方は、この形式のメールを受け付けません。",
				"添付ファイルのない普通の文章（テキスト形式）で送ってください。"}}},
	{ANY, 7, 2, 2,
		{{"Only its members may write to this mailing list.",
			 "Ask the owner of the list to let you in."},
			{"このメーリングリストには、参加者しか投稿できません。",
				"メーリングリストの管理者に参加を申し込んでください。"}}},
	{ANY, 7, 4, 5,
		{{"The mail may travel over a protected connection only, and none could be had.",
			 "Tell the person by another way that the mail server there does not "
			 "protect mail as it should."},
			{"このメールは保護された接続でしか送れませんが、その接続が得られませんでし"
			 "た。",
				"先方のメールサーバーで通信の保護ができていないことを、別の方法で相"
				"手に知らせて"
				"ください。"}}},
	{ANY, 7, 10, 10,
		{{"The mail may travel over a protected connection only, as you or the other side "
		  "wish it, and none could be had.",
			 "Send the mail without that wish (REQUIRETLS), if it may be, or show this "
			 "mail to your postmaster."},
			{"このメールは、送信者または先方の指定により保護された接続でしか送れません"
			 "が、"
			 "その接続が得られませんでした。",
				"差し支えなければその指定（REQUIRETLS）を外して送り直すか、このメー"
				"ル"
				"を管理者（postmaster）に見せてください。"}}},
	{ANY, 7, 30, 30,
		{{"You asked for a protected connection all the way (REQUIRETLS), and the next "
		  "server cannot promise it.",
			 "Send the mail without that wish, if it may be."},
			{"終点までの通信の保護（REQUIRETLS）が求められていますが、次のサーバーがこ"
			 "れに対応していません。",
				"差し支えなければ、その指定を外して送り直してください。"}}},
	{ANY, 7, 20, 29,
		{{"The other side could not make sure that the mail comes from where it says.",
			 "Show this mail to your postmaster."},
			{"先方は、メールが本当にその差出人からのものかを確認できませんでした。",
				"このメールを管理者（postmaster）に見せてください。"}}},
	{ANY, 7, ALL,
		{{"The other side refuses the mail by its own rules, because of what is in it, "
		  "whom it is from, or which server it comes from.",
			 "If you think that this is a mistake, tell the person by another way, or "
			 "show this mail to your postmaster."},
			{"先方の規則により、メールの内容、差出人、または送信元のサーバーを理由に拒"
			 "否されました。",
				"間違いだと思われるときは、別の方法で相手に知らせるか、このメールを"
				"管理者（"
				"postmaster）に見せてください。"}}},
	{5, ANY, ALL,
		{{"The other side refuses the mail for good.",
			 "Its own words may say more. Your postmaster can help to read them."},
			{"先方がメールの受け取りを拒否しました。",
				"先方の応答に理由が書かれていることがあります。分からないときは管理"
				"者（"
				"postmaster）に尋ねてください。"}}},
	{ANY, ANY, ALL,
		{{"It did not work so far.", "Send the mail again later."},
			{"今のところ、うまくいっていません。", "後で送り直してください。"}}},
};
#define MEANINGS (sizeof meanings / sizeof *meanings)

static const struct dsn_words words[DSN_TONGUES] = {
	[DSN_ENGLISH] = {.tag = "en",
		.from = "Mail System",
		.subject = {[DSN_FAILED] = "Your mail could not be delivered",
			[DSN_DELAYED] = "Your mail is delayed",
			[DSN_DELIVERED] = "Your mail was delivered",
			[DSN_RELAYED] = "Your mail was passed on",
			[DSN_EXPANDED] = "Your mail was passed on"},
		.hello = "This is the mail server {}.",
		.action = {[DSN_FAILED] = "Your mail could not be delivered to:",
			[DSN_DELAYED] =
				("Your mail did not reach these addresses yet. You need not "
				 "send it again: "
				 "it is tried on, and you will be told if it fails in the "
				 "end."),
			[DSN_DELIVERED] = "Your mail was delivered to:",
			[DSN_RELAYED] = ("Your mail was passed on to the next server, which does "
					 "not tell what "
					 "becomes of it, for:"),
			[DSN_EXPANDED] = "Your mail was passed on to the members of:"},
		.until = "It will be tried until {}.",
		.said = "The server {} said:",
		.reason = "Details: {}",
		.advice = "What to do: {}",
		.more = "… and {} more, which are listed in the second part of this mail.",
		.your_mail = "Your mail was:",
		.subject_was = "Subject: {}",
		.taken = "Taken: {}",
		.has_content = "It is attached to this mail.",
		.has_header = "Its header section is attached to this mail.",
		.others = "Other recipients, if there are any, are not affected by this.",
		.help = "This mail was written by a program. If you need help, write to "
			"postmaster@{} and "
			"give the number {}.",
		.postmaster_subject = "A mail could not be delivered, and nobody be told",
		.postmaster_hello = "To the postmaster, from the mail server {}.",
		.no_sender = "The mail below has no sender who could be told: it is a report "
			     "itself, or an "
			     "answer written by a program.",
		.lost_sender =
			"The sender of the mail below, <{}>, should be told, but that address "
			"leads to nobody.",
		.header_was = "The header section of the mail:"},
	[DSN_JAPANESE] = {.tag = "ja",
		.from = "メールシステム",
		.subject = {[DSN_FAILED] = "メールをお届けできませんでした",
			[DSN_DELAYED] = "メールの配達が遅れています",
			[DSN_DELIVERED] = "メールをお届けしました",
			[DSN_RELAYED] = "メールを先方に渡しました",
			[DSN_EXPANDED] = "メールを先方に渡しました"},
		.hello = "こちらはメールサーバー {} です。",
		.action = {[DSN_FAILED] = "次の宛先に、メールをお届けできませんでした。",
			[DSN_DELAYED] =
				("次の宛先に、まだメールをお届けできていません。送り直す必要はあり"
				 "ません。引き続き配達を試み、最後までお届けできないときは改めてお"
				 "知らせします。"),
			[DSN_DELIVERED] = "次の宛先に、メールをお届けしました。",
			[DSN_RELAYED] =
				("次の宛先へのメールを、次のサーバーに渡しました。そのサーバーは、"
				 "その後どうなったかを知らせません。"),
			[DSN_EXPANDED] = "次の宛先の参加者に、メールを送りました。"},
		.until = "配達を試みる期限: {}",
		.said = "サーバー {} の応答:",
		.reason = "詳細: {}",
		.advice = "どうすればよいか: {}",
		.more = "… ほか {} 件。このメールの二つ目の部分に一覧があります。",
		.your_mail = "お送りになったメール:",
		.subject_was = "件名: {}",
		.taken = "受付: {}",
		.has_content = "このメールに添付しました。",
		.has_header = "ヘッダーをこのメールに添付しました。",
		.others = "ほかの宛先がある場合、そちらへの配達には影響ありません。",
		.help = "このメールはプログラムが書いたものです。お困りのときは、postmaster@{} "
			"に番号 {} をお"
			"知らせください。",
		.postmaster_subject = "送信者に知らせることのできない不達メール",
		.postmaster_hello = "管理者（postmaster）へ、メールサーバー {} より。",
		.no_sender = "次のメールには、不達を知らせるべき送信者がありません。それ自体が通知"
			     "であるか、プ"
			     "ログラムによる返事です。",
		.lost_sender = "次のメールの不達を送信者 <{}> "
			       "に知らせるべきですが、そのアドレスに当たる人がい"
			       "ません。",
		.header_was = "そのメールのヘッダー:"},
};

/* The three numbers of a status; what is not there is 0. */
static void read_status(struct view status, uint32_t *numbers)
{
	for (size_t i = 0; i < 3; i++) {
		struct view part;
		(void)view_split(status, '.', &part, &status);
		numbers[i] = 0;
		if (!view_to_u32(part, 999, &numbers[i]))
			numbers[i] = 0;
	}
}

struct dsn_meaning dsn_meaning(struct view status, enum dsn_tongue tongue)
{
	uint32_t n[3];
	read_status(status, n);
	for (size_t i = 0; i < MEANINGS; i++)
		if ((meanings[i].class == ANY || meanings[i].class == n[0]) &&
			(meanings[i].subject == ANY || meanings[i].subject == n[1]) &&
			meanings[i].first <= n[2] && n[2] <= meanings[i].last)
			return meanings[i].in[tongue];
	must(!"the last row fits all");
	return meanings[MEANINGS - 1].in[tongue];
}

const struct dsn_words *dsn_words(enum dsn_tongue tongue)
{
	return &words[tongue];
}
