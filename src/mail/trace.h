/*
 * The field that a server puts before a message it takes: Received (RFC 5321 §4.4; the TLS facts that
 * RFC 8314 §4.3 asks for). Pure; a call appends the whole field with its CRLFs. Return-Path and
 * Delivered-To are written at final delivery (keepers/deliver/place.c).
 *
 *	Received: from mail.example.org (mx.example.org [192.0.2.7])
 *		by mail.example.test with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384)
 *		id 0123456789abcdef for <hana@example.test>; Fri, 21 Nov 1997 09:55:06 +0900
 *
 * Whatever comes from outside is filtered to octets that cannot end a token, a comment or a line,
 * even though it was parsed before: a header field that a stranger can write into is forgery.
 *
 * Lines are folded at spaces below TRACE_LINE_MAX columns; a single word that is longer (a HELO name
 * of 255 octets) stays whole, below the 998 of RFC 5322 §2.1.1.
 *
 * Who calls: faces/smtpd.
 */
#ifndef MAIL_TRACE_H
#define MAIL_TRACE_H

#include "mail/address.h"

#define TRACE_LINE_MAX 78 /* columns without CRLF, a tab counting 8; RFC 5322 §2.1.1 */
#define TRACE_WORD_MAX 255 /* octets of any one name, id or cipher; what is longer is cut */
/* Octets of the longest field that this makes: the size for a buffer. */
#define TRACE_FIELD_MAX 2048

struct trace_received {
	bool is_private; /* the client is a user's own program: neither its name nor its address is
			  * told, this server stands for it */
	const struct helo_name *helo; /* null: none was given */
	struct ip client;
	struct view verified_name; /* of the client, forward-confirmed; empty when unknown */
	struct view by; /* this server's name */
	const char *with; /* as smtp_server_protocol gives it */
	const char *tls_version; /* "TLSv1.3"; null without TLS */
	const char *tls_cipher;
	struct view id; /* of the spool or the session */
	uint32_t recipients; /* of this mail; "for" is written only when it is 1 (RFC 5321 §7.6) */
	const struct address *forward_path; /* of the only one; may be null */
	bool is_utf8; /* SMTPUTF8 is in force; without it a non-ASCII address is left out */
	int64_t time_s; /* wall clock */
	int offset_minutes; /* as for date_add */
};

void trace_received_add(struct buffer *b, const struct trace_received *r);

#endif
