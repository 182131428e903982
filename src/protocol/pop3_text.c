#include "protocol/pop3_text.h"

static const char *const texts[POP3_TEXTS][POP3_LANGUAGES] = {
	[POP3_TEXT_GREETING] = {"{} POP3 server ready", "{} POP3サーバーです"},
	[POP3_TEXT_BYE] = {"Bye", "終了します"},
	[POP3_TEXT_BYE_REMOVED] = {"Bye; messages removed: {}",
		"終了します。{}通のメールを削除しました"},
	[POP3_TEXT_NOT_REMOVED] = {"Some deleted messages were not removed and are still there: {}",
		"削除できなかったメールが{}通残っています"},
	[POP3_TEXT_EARLY_INPUT] = {"Wait for the greeting before you send commands; closing",
		"サーバーの挨拶より先に命令が届いたので切断します"},
	[POP3_TEXT_LINE_END] = {"A line must end in CR LF and hold no CR, LF or NUL alone; closing",
		"行末はCR LFでなければなりません(単独のCR、LF、NULは不可)。切断します"},
	[POP3_TEXT_LINE_LONG] = {"This line is too long; the limit is {} octets",
		"行が長すぎます。上限は{}オクテットです"},
	[POP3_TEXT_INJECTION] = {"Commands were sent after STLS without encryption; closing",
		"STLSの後に暗号化されていない命令が届いたので切断します"},
	[POP3_TEXT_UNKNOWN] = {"This command is not known here; CAPA lists what is",
		"この命令はありません。CAPAで使える機能が分かります"},
	[POP3_TEXT_LOGIN_FIRST] = {"Please log in first", "先にログインしてください"},
	[POP3_TEXT_LOGGED_IN] = {"This command is for before the login, and you are logged in",
		"この命令はログイン前にだけ使えます"},
	[POP3_TEXT_SYNTAX] = {"The command is written: {}", "正しい書き方: {}"},
	[POP3_TEXT_TOO_MANY_BAD] = {"Too many commands that make no sense; closing",
		"誤った命令が多すぎるので切断します"},
	[POP3_TEXT_TOO_MANY_EARLY] = {"Too many commands without a login; closing",
		"ログインしないままの命令が多すぎるので切断します"},
	[POP3_TEXT_DRAINING] = {"The server is being restarted; please connect again in a moment",
		"サーバーを再起動しています。少し待って接続し直してください"},
	[POP3_TEXT_ENCRYPT_STLS] =
		{"Login needs encryption: turn on STARTTLS (STLS) or SSL/TLS in your "
		 "mail program",
			"ログインには暗号化が必要です。メールソフトでSTARTTLSまたはSSL/"
			"TLSを有効にしてください"},
	[POP3_TEXT_ENCRYPT_NONE] = {"Login needs encryption: turn on SSL/TLS in your mail program",
		"ログインには暗号化が必要です。メールソフトでSSL/TLSを有効にしてください"},
	[POP3_TEXT_USER_OK] = {"Now the password, please", "パスワードを送ってください"},
	[POP3_TEXT_USER_FIRST] = {"Say USER before PASS", "PASSの前にUSERを送ってください"},
	[POP3_TEXT_NOT_UTF8] = {"Name and password must be UTF-8 without control characters",
		"ユーザー名とパスワードは制御文字を含まないUTF-8でなければなりません"},
	[POP3_TEXT_MECHANISMS] = {"These ways to log in are offered",
		"使える認証方式は次の通りです"},
	[POP3_TEXT_MECHANISM_UNKNOWN] =
		{"This way to log in is not offered here; CAPA lists what is",
			"この認証方式は使えません。CAPAで使える方式が分かります"},
	[POP3_TEXT_BASE64] = {"This response is not base64, or too long",
		"応答がBASE64でないか、長すぎます"},
	[POP3_TEXT_CANCELLED] = {"Login cancelled as you asked", "ログインを取り消しました"},
	[POP3_TEXT_OPENED] = {"Welcome; messages: {} ({} octets)",
		"ようこそ。メールは{}通({}オクテット)です"},
	[POP3_TEXT_REFUSED_BAD] = {"The name or the password is wrong",
		"ユーザー名かパスワードが違います"},
	[POP3_TEXT_REFUSED_SYNTAX] = {"The login exchange went wrong; please try again",
		"認証のやり取りに誤りがあります。もう一度試してください"},
	[POP3_TEXT_REFUSED_IN_USE] =
		{"Another session is reading this mailbox; try again in a minute",
			"このメールボックスは使用中です。少し待って試してください"},
	[POP3_TEXT_REFUSED_TEMPORARY] =
		{"Login is not possible at the moment; please try again later",
			"今はログインできません。しばらくして試してください"},
	[POP3_TEXT_REFUSED_PERMANENT] =
		{"This mailbox cannot be opened; please tell the postmaster",
			"メールボックスを開けません。管理者に連絡してください"},
	[POP3_TEXT_REFUSED_DELAY] =
		{"Too many failed logins lately; wait some minutes and try again",
			"ログインの失敗が続いたので、数分待って試してください"},
	[POP3_TEXT_TOO_MANY_MESSAGES] =
		{"This mailbox holds more messages than POP3 can serve here ({}); "
		 "please tell the postmaster",
			"メールが多すぎて開けません(上限{}通)。管理者に連絡してください"},
	[POP3_TEXT_CAPABILITIES] = {"This is what I can do", "使える機能は次の通りです"},
	[POP3_TEXT_STLS] = {"Begin the TLS handshake now", "TLSを始めてください"},
	[POP3_TEXT_STLS_ALREADY] = {"The connection is encrypted already",
		"すでに暗号化されています"},
	[POP3_TEXT_STLS_NONE] = {"There is no encryption to be had on this port",
		"このポートでは暗号化を始められません"},
	[POP3_TEXT_UTF8] = {"UTF-8 it is; messages come as they are", "UTF-8でそのまま送ります"},
	[POP3_TEXT_LANGUAGES] = {"These languages are spoken here", "使える言語は次の通りです"},
	[POP3_TEXT_LANGUAGE_SET] = {"From now on I speak English", "これからは日本語で答えます"},
	[POP3_TEXT_LANGUAGE_UNKNOWN] =
		{"This language is not spoken here; LANG lists those that are",
			"この言語は使えません。LANGで使える言語が分かります"},
	[POP3_TEXT_NOOP] = {"Still here", "はい"},
	[POP3_TEXT_RSET] = {"Nothing is marked deleted any more; messages: {} ({} octets)",
		"削除の印をすべて消しました。メールは{}通({}オクテット)です"},
	[POP3_TEXT_LISTING] = {"Messages: {} ({} octets)", "メールは{}通({}オクテット)です"},
	[POP3_TEXT_UNIQUE_IDS] = {"The unique ids follow", "固有IDの一覧です"},
	[POP3_TEXT_NO_SUCH] = {"There is no such message; the last one has number {}",
		"その番号のメールはありません。最後は{}番です"},
	[POP3_TEXT_DELETED_ALREADY] = {"That message is marked deleted; RSET takes the marks back",
		"そのメールには削除の印があります。RSETで取り消せます"},
	[POP3_TEXT_DELETED] = {"Marked; it will be removed at QUIT", "QUITの時に削除します"},
	[POP3_TEXT_CONTENT] = {"{} octets", "{}オクテット"},
	[POP3_TEXT_TOP] = {"The header and the first lines ({}) follow",
		"ヘッダーと本文の先頭{}行です"},
	[POP3_TEXT_GONE] = {"The message is gone: another program has moved or removed it",
		"そのメールはほかのプログラムが移動または削除したので、もうありません"},
	[POP3_TEXT_TROUBLE] = {"This cannot be done at the moment; please try again later",
		"今はできません。しばらくして試してください"},
};

const char *pop3_text_format(enum pop3_language language, enum pop3_text text)
{
	must(text < POP3_TEXTS);
	return texts[text][language];
}

const char *pop3_language_tag(enum pop3_language language)
{
	return language == POP3_LANGUAGE_JA ? "ja" : "en";
}

const char *pop3_language_name(enum pop3_language language)
{
	return language == POP3_LANGUAGE_JA ? "日本語" : "English";
}

bool pop3_language_find(struct view range, enum pop3_language *language_out)
{
	*language_out = POP3_LANGUAGE_EN;
	if (view_equal(range, VIEW("*")) || view_equal_nocase(range, VIEW("i-default")))
		return true;
	for (int l = 0; l < POP3_LANGUAGES; l++) {
		const struct view tag = view_text(pop3_language_tag((enum pop3_language)l));
		if (!view_starts_nocase(range, tag))
			continue;
		if (range.length > tag.length && view_at(range, tag.length) != '-')
			continue;
		*language_out = (enum pop3_language)l;
		return true;
	}
	return false;
}
