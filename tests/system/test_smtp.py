"""SMTP as a stranger and as an inside client meet it (RFC 5321)."""
from house import *


def test_a_mail_is_delivered():
    """the main job: in by SMTP, into the mailbox, with trace fields on top"""
    with House() as h:
        reply = h.send(source=STRANGER, sender='a@sender.example', subject='first')
        contains(reply, '250 2.0.0')
        text = h.messages('hana', 1)[0].decode()
        head = text.split('\r\n\r\n')[0]
        contains(head, 'Return-Path: <a@sender.example>\r\nDelivered-To: hana@example.test\r\nReceived: from '
                 'client.example.org ([198.51.100.7]) by mail.example.test')
        contains(head, 'for <hana@example.test>')
        contains(text, 'The gate is open.\r\n')


def test_relay_is_refused():
    """F-21, N-1: out→out never passes, in whatever form it is written; the session goes on"""
    with House() as h:
        for source in (STRANGER, STRANGER6):
            d = h.smtp(source)
            d.say('EHLO client.example.org', 250)
            d.say('MAIL FROM:<a@sender.example>', 250)
            for form in ('b@other.example', '@example.test:b@other.example', 'b%other.example@example.test',
                         'other.example!b@example.test', '"b@other.example"@example.test',
                         '"b%other.example"@example.test', 'b@[203.0.113.9]', 'b@other.example@example.test'):
                code = d.say('RCPT TO:<%s>' % form).code
                if code not in (550, 501, 553):
                    raise AssertionError('%s: %s' % (form, code))
            contains(d.say('RCPT TO:<b@other.example>', 550), '5.7.1')
            d.say('RCPT TO:<hana@example.test>', 250)


def test_size_limit():
    """F-6, F-21: 600 KByte and 1 MByte against 512 KiB: refused at MAIL, in DATA and in BDAT; no cost in disk"""
    with House(files={'sizelimit': '512K\n'}) as h:
        d = h.smtp(STRANGER)
        contains(d.say('EHLO client.example.org', 250), 'SIZE 524288')
        contains(d.say('MAIL FROM:<a@sender.example> SIZE=600000', 552), '5.3.4')
        line = b'x' * 76 + b'\r\n'
        for octets in (600 << 10, 1 << 20):
            contains(d.transaction('a@sender.example', [HANA], line * (octets // 78), 552), '5.3.4')
        d.say('MAIL FROM:<a@sender.example>', 250)
        d.say('RCPT TO:<hana@example.test>', 250)
        body = line * 8000
        d.send(b'BDAT %d LAST\r\n' % len(body) + body)
        equal(d.read().code, 552)
        content = b'Subject: fits\r\n\r\n' + line * 6700
        d.transaction('a@sender.example', [HANA], content)
        equal(len(h.messages('hana', 1)), 1)
