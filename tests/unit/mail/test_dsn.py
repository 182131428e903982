"""mail/dsn.h: reports as other people's programs read them, field by field (RFC 3461, 3464, 6522, 6533).

usage: test_dsn.py COMPOSER     (tests/unit/mail/dsn_compose.c)
"""
import base64
import email
import email.header
import email.policy
import email.utils
import quopri
import re
import subprocess
import sys
import unittest

COMPOSER = sys.argv.pop(1) if len(sys.argv) > 1 else './dsn_compose'
FAILED, DELAYED, DELIVERED, RELAYED, EXPANDED = range(5)
MIME8, UTF8, RET_FULL, RET_HDRS = 1, 2, 4, 8
NOW, ARRIVAL = 1700000000, 1699990000
MAIL_MAX, RECIPIENTS_MAX = 240 << 10, 100  # channels/spool_report.h

ORIGINAL = (b'Received: from [10.1.2.3] by mail.example.test; Tue, 14 Nov 2023 19:26:40 +0000\r\n'
            b'From: Hana <hana@example.test>\r\nTo: taro@example.org\r\nSubject: Lunch on\r\n Friday\r\n'
            b'Message-ID: <abc.1@client.example.test>\r\nDate: Tue, 14 Nov 2023 19:26:39 +0000\r\n')
BODY = b'\r\nShall we meet at noon?\r\n'


def japanese(*lines):
    return ORIGINAL + b''.join(line + b'\r\n' for line in lines)


def recipient(action=FAILED, path='taro@example.org', orcpt='', status='5.1.1', host='mx.example.org [192.0.2.7]',
              reply='550 5.1.1 <taro@example.org>: unknown user', reason='', attempt=NOW - 60, until=0):
    return (action, path, orcpt, status, host, reply, reason, attempt, until)


def compose(asked):
    """(whether it fits, flags, octets)"""
    composer.stdin.write(b'%d\n' % len(asked) + asked)
    composer.stdin.flush()
    ok, flags, length = map(int, composer.stdout.readline().split())
    return bool(ok), flags, composer.stdout.read(length)


class Report:
    """what the composer made of it, raw and as read by Python's email package"""

    def __init__(self, content=ORIGINAL + BODY, recipients=None, **fields):
        given = dict(kind=0, server='mail.example.test', site='example.test', to='hana@example.test', now=NOW, offset=0,
                     id=0x1234, arrival=ARRIVAL, flags=0, whole=1, max=MAIL_MAX)
        given['reverse_path'] = fields.get('to', given['to'])
        given.update(fields)
        lines = ['%s %s' % (k.replace('_', '-'), v) for k, v in given.items()]
        lines += ['recipient ' + '\t'.join(str(f) for f in r) for r in recipients or [recipient()]]
        asked = b'\n'.join(line.encode('utf-8', 'surrogateescape') for line in lines) + b'\n\n' + content
        self.fits, self.flags, self.raw = compose(asked)
        if not self.fits:
            return
        self.mail = email.message_from_bytes(self.raw, policy=email.policy.default)
        self.check_form()
        self.parts = [self.part(p) for p in self.split()] if self.mail.is_multipart() else []

    def check_form(self):
        """CRLF and nothing else, short lines, 7 bits unless the flags say otherwise"""
        if re.search(rb'[^\r]\n|\r[^\n]|\0', self.raw) or not self.raw.endswith(b'\r\n'):
            raise AssertionError('a line end that is none')
        for line in self.raw.split(b'\r\n'):
            if len(line) > 998:
                raise AssertionError('a line of %d octets' % len(line))
        header, body = self.raw.split(b'\r\n\r\n', 1)
        if max(header) > 127 and not self.flags & UTF8 or max(body) > 127 and not self.flags & MIME8:
            raise AssertionError('octets beyond ASCII, flags %d' % self.flags)

    def split(self):
        boundary = self.mail.get_boundary().encode()
        pieces = self.raw.split(b'\r\n--' + boundary)
        if pieces[-1] != b'--\r\n':
            raise AssertionError('no end: %r' % pieces[-1])
        return [p[2:] for p in pieces[1:-1]]  # without the CRLF of the delimiter's line

    @staticmethod
    def part(octets):
        """(type, header fields, decoded octets)"""
        header, body = octets.split(b'\r\n\r\n', 1)
        fields = email.message_from_bytes(header)
        encoding = fields['Content-Transfer-Encoding']
        if encoding == 'base64':
            body = base64.b64decode(body, validate=False)
        elif encoding == 'quoted-printable':
            body = quopri.decodestring(body)
        return fields.get_content_type(), fields, body

    def text(self):
        if not self.parts:
            return self.mail.get_content().replace('\r\n', '\n')
        kind, fields, body = self.parts[0]
        assert kind == 'text/plain', kind
        return body.decode(fields.get_param('charset')).replace('\r\n', '\n')

    def words(self):
        """the text without its line ends, to look for sentences"""
        return re.sub(r'\s+', ' ', self.text())

    def status(self):
        """[dict] of the part for programs: of the message, then of each recipient"""
        found = []
        for block in self.parts[1][2].decode().strip().split('\r\n\r\n'):
            fields = email.message_from_string(block + '\r\n')
            found.append({k: re.sub(r'\r?\n\s+', '\n', v) for k, v in fields.items()})
        return found

    def subject(self):
        return self.mail['Subject']


class Fields(unittest.TestCase):
    def test_header_fields(self):
        r = Report()
        m = r.mail
        self.assertEqual(m['From'].addresses[0].addr_spec, 'MAILER-DAEMON@example.test')
        self.assertEqual(m['From'].addresses[0].display_name, 'Mail System')
        self.assertEqual(m['To'], 'hana@example.test')
        self.assertEqual(m['Subject'], 'Your mail could not be delivered')
        self.assertEqual(m['Date'].datetime.timestamp(), NOW)
        self.assertRegex(m['Message-ID'], r'^<1700000000\.[0-9a-f]{32}@mail\.example\.test>$')
        self.assertEqual(m['In-Reply-To'], '<abc.1@client.example.test>')
        self.assertEqual(m['References'], '<abc.1@client.example.test>')
        self.assertEqual(m['Auto-Submitted'], 'auto-replied')
        self.assertEqual(m['MIME-Version'], '1.0')
        self.assertEqual(m.get_content_type(), 'multipart/report')
        self.assertEqual(m.get_param('report-type'), 'delivery-status')
        self.assertEqual(r.flags, 0)
        self.assertEqual(len(m.defects), 0)
        for part in m.walk():
            self.assertEqual(part.defects, [])

    def test_as_python_reads_it(self):
        text, status, header = Report().mail.iter_parts()
        self.assertEqual([p.get_content_type() for p in (text, status, header)],
                         ['text/plain', 'message/delivery-status', 'text/rfc822-headers'])
        blocks = status.get_payload()
        self.assertEqual(len(blocks), 2)
        self.assertEqual(blocks[0]['Reporting-MTA'], 'dns; mail.example.test')
        self.assertEqual(blocks[1]['Final-Recipient'], 'rfc822; taro@example.org')

    def test_delivery_status(self):
        r = Report(envid='QQ+2B314159', recipients=[
            recipient(orcpt='rfc822;Taro+2Bnews@example.org', reply='550-5.1.1 no such user here|550 5.1.1 sorry'),
            recipient(path='jun@example.net', status='5.2.2', host='', reply='', reason='the mailbox is full', attempt=0)])
        message, first, second = r.status()
        self.assertEqual(message, {'Original-Envelope-Id': 'QQ+314159', 'Reporting-MTA': 'dns; mail.example.test',
                                   'Arrival-Date': 'Tue, 14 Nov 2023 19:26:40 +0000'})
        self.assertEqual(first, {
            'Original-Recipient': 'rfc822; Taro+news@example.org', 'Final-Recipient': 'rfc822; taro@example.org',
            'Action': 'failed', 'Status': '5.1.1', 'Remote-MTA': 'dns; mx.example.org',
            'Diagnostic-Code': 'smtp; 550-5.1.1 no such user here\n550 5.1.1 sorry',
            'Last-Attempt-Date': 'Tue, 14 Nov 2023 22:12:20 +0000', 'Final-Log-ID': '0000000000001234'})
        self.assertEqual(second, {
            'Final-Recipient': 'rfc822; jun@example.net', 'Action': 'failed', 'Status': '5.2.2',
            'Diagnostic-Code': 'X-Sekisho; the mailbox is full', 'Final-Log-ID': '0000000000001234'})

    def test_order_of_fields(self):
        """RFC 3464 §2.1 and §2.3"""
        order = ['Original-Recipient', 'Final-Recipient', 'Action', 'Status', 'Remote-MTA', 'Diagnostic-Code',
                 'Last-Attempt-Date', 'Final-Log-ID', 'Will-Retry-Until']
        r = Report(recipients=[recipient(DELAYED, orcpt='rfc822;a@b', status='4.4.1', until=NOW + 86400)])
        self.assertEqual(list(r.status()[1]), order)

    def test_delay(self):
        r = Report(recipients=[recipient(DELAYED, status='4.4.1', host='', reply='', reason='connection refused',
                                         until=NOW + 86400)])
        fields = r.status()[1]
        self.assertEqual((fields['Action'], fields['Status']), ('delayed', '4.4.1'))
        self.assertEqual(fields['Will-Retry-Until'], 'Wed, 15 Nov 2023 22:13:20 +0000')
        self.assertEqual(r.subject(), 'Your mail is delayed')
        self.assertIn('You need not send it again', r.words())
        self.assertIn('It will be tried until Wed, 15 Nov 2023 22:13:20 +0000.', r.words())
        self.assertIn('Details: connection refused', r.words())
        self.assertNotIn('What to do', r.words())

    def test_until_is_said_of_delays_alone(self):
        self.assertNotIn('Will-Retry-Until', Report(recipients=[recipient(until=NOW)]).status()[1])

    def test_success(self):
        for action, name, subject in ((DELIVERED, 'delivered', 'Your mail was delivered'),
                                      (RELAYED, 'relayed', 'Your mail was passed on'),
                                      (EXPANDED, 'expanded', 'Your mail was passed on')):
            r = Report(recipients=[recipient(action, status='2.1.5', reply='250 2.1.5 ok')])
            self.assertEqual((r.status()[1]['Action'], r.status()[1]['Status']), (name, '2.1.5'))
            self.assertEqual(r.subject(), subject)
            self.assertNotIn('What to do', r.text())
            self.assertNotIn('Other recipients', r.text())

    def test_status_fits_the_action(self):
        for action, given, said in ((FAILED, '5.7.1', '5.7.1'), (FAILED, '4.4.7', '4.4.7'), (FAILED, '2.0.0', '5.0.0'),
                                    (FAILED, '', '5.0.0'), (FAILED, '5.1', '5.0.0'), (FAILED, '5.1.1.1', '5.0.0'),
                                    (FAILED, '5.999.999', '5.999.999'), (FAILED, '5.1000.1', '5.0.0'),
                                    (FAILED, '5.a.1', '5.0.0'), (DELAYED, '5.1.1', '4.0.0'), (DELAYED, '4.2.2', '4.2.2'),
                                    (DELIVERED, '4.2.2', '2.0.0'), (RELAYED, '2.6.0', '2.6.0')):
            self.assertEqual(Report(recipients=[recipient(action, status=given)]).status()[1]['Status'], said)

    def test_zone(self):
        self.assertIn('Wed, 15 Nov 2023 07:13:20 +0900', str(Report(offset=540).mail['Date']))

    def test_many_recipients_of_several_kinds(self):
        """the worst makes the subject; each kind has its paragraph; people see the first 20 of it"""
        many = [recipient(path='u%d@example.org' % i) for i in range(21)]
        r = Report(recipients=[recipient(DELIVERED, path='ok@example.org', status='2.0.0')] + many)
        self.assertEqual(r.subject(), 'Your mail could not be delivered')
        self.assertIn('Your mail was delivered to:\n\n  <ok@example.org>\n', r.text())
        self.assertIn('<u19@example.org>', r.text())
        self.assertNotIn('<u20@example.org>', r.text())
        self.assertIn('… and 1 more, which', r.words())
        self.assertEqual(len(r.status()), 23)
        self.assertNotIn('more, which', Report(recipients=many[:20]).words())


class Words(unittest.TestCase):
    def test_english(self):
        r = Report()
        self.assertEqual(r.text(), '''This is the mail server mail.example.test.

Your mail could not be delivered to:

  <taro@example.org>
    There is no such mailbox: the part before the @ is not known there.
    The server mx.example.org [192.0.2.7] said:
        550 5.1.1 <taro@example.org>: unknown user
    What to do: Look for a slip in the address. If it is right, the person
    may have given it up; ask for the new one by another way.

Your mail was:

  Subject: Lunch on Friday
  Taken: Tue, 14 Nov 2023 19:26:40 +0000
  Its header section is attached to this mail.

Other recipients, if there are any, are not affected by this.
This mail was written by a program. If you need help, write to
postmaster@example.test and give the number 0000000000001234.
''')
        self.assertEqual(r.parts[0][1]['Content-Language'], 'en')
        self.assertEqual(r.parts[0][1].get_content_charset(), 'us-ascii')

    def test_what_a_status_means(self):
        for status, words in (('5.1.1', 'no such mailbox'), ('5.1.2', 'does not exist'), ('5.1.10', 'takes no mail at all'),
                              ('4.1.10', 'something wrong with the address'), ('5.1.0', 'something wrong with the address'),
                              ('5.1.8', 'from your own address'), ('5.2.2', 'The mailbox is full'),
                              ('4.2.2', 'The mailbox is full'), ('5.3.4', 'larger than the other side'),
                              ('5.2.3', 'larger than this mailbox'), ('5.7.1', 'by its own rules'),
                              ('5.7.26', 'comes from where it says'), ('5.7.30', 'REQUIRETLS'),
                              ('5.7.10', 'as you or the other side wish it'), ('4.7.5', 'protected connection only'),
                              ('5.6.3', '8 bits'), ('5.6.7', 'beyond a to z'), ('4.4.1', 'does not answer'),
                              ('5.4.4', 'which server takes mail'), ('4.4.7', 'the time is up'), ('5.4.6', 'in a circle'),
                              ('5.5.3', 'too many recipients'), ('5.0.0', 'refuses the mail for good'),
                              ('4.0.0', 'did not work so far'), ('5.9.9', 'refuses the mail for good')):
            said = Report(recipients=[recipient(status=status)]).words()
            self.assertIn(words, said, status)
            self.assertIn('What to do: ', said)

    def test_japanese_is_known(self):
        for first in ('ja', 'ja-JP, en-US;q=0.8', 'fr, ja'):
            r = Report(content=japanese(b'Accept-Language: ' + first.encode()) + BODY)
            self.assertEqual(r.subject(), 'メールをお届けできませんでした')
            self.assertEqual(r.mail['From'].addresses[0].display_name, 'メールシステム')
            self.assertEqual(r.parts[0][1]['Content-Language'], 'ja')
            self.assertTrue(r.text().startswith('こちらはメールサーバー mail.example.test です。\n\n'))
            self.assertIn('その宛先はありません。', r.text())
            self.assertIn('\n        550 5.1.1 <taro@example.org>: unknown user\n', r.text())
            self.assertIn('どうすればよいか: ', r.text())
            self.assertNotIn('This is the mail server', r.text())
        for first in ('en, ja', 'en-GB', 'de, en'):
            r = Report(content=japanese(b'Accept-Language: ' + first.encode(), b'Content-Language: ja') + BODY)
            self.assertNotIn('メール', r.text())

    def test_japanese_is_shown(self):
        """English, then Japanese"""
        word = base64.b64encode('ラーメン'.encode())
        for line in (b'Content-Type: text/plain; charset=ISO-2022-JP', b'Content-Type: text/plain; charset="Shift_JIS"',
                     b'Content-Type: text/plain; format=flowed;\r\n charset=euc-jp', b'Content-Language: ja-JP',
                     b'X-A: =?iso-2022-jp?B?GyRCJWklIRsoQg==?=', b'X-A: x =?utf-8?B?' + word + b'?=',
                     b'X-A: =?UTF-8?Q?=E3=83=A9=E3=83=BC?=', b'X-A: =?utf-8*ja?Q?x?=', b'Comments: =?cp932?Q?x?=',
                     'X-A: ひらがな'.encode(), 'X-A: ｶﾅ'.encode(), b'X-A: =?a =?utf-8?B?' + word + b'?='):
            r = Report(content=japanese(line) + BODY)
            self.assertEqual(r.parts[0][1]['Content-Language'], 'en, ja', line)
            self.assertEqual(r.subject(), 'Your mail could not be delivered / メールをお届けできませんでした')
            english, ja = r.text().split('\n----\n\n')
            self.assertIn('This is the mail server', english)
            self.assertTrue(ja.startswith('こちらはメールサーバー'))
        chinese = base64.b64encode('漢字'.encode())
        for line in (b'X-A: =?utf-8?B?' + chinese + b'?=', b'Content-Type: text/plain; charset=utf-8',
                     b'X-A: =?gb2312?Q?x?=', b'X-A: =?utf-8?B?broken?=', b'Content-Language: de, ja',
                     b'X-A: charset=iso-2022-jp'):
            self.assertEqual(Report(content=japanese(line) + BODY).parts[0][1]['Content-Language'], 'en', line)

    def test_lines_are_short(self):
        for content in (ORIGINAL, japanese(b'Accept-Language: ja')):
            for status in ('5.1.1', '5.7.1', '5.6.3', '5.7.30', '4.4.7'):
                for line in Report(content=content + BODY, recipients=[recipient(status=status)]).text().split('\n'):
                    width = sum(2 if ord(c) > 0x7ff else 1 for c in line)
                    self.assertLessEqual(width, 76, line)
                    self.assertNotRegex(line.strip(), r'^[。、」）]', 'it begins a line')

    def test_subject(self):
        for given, said in ((b'=?utf-8?B?' + base64.b64encode('昼食'.encode()) + b'?=\r\n =?utf-8?Q?_now?=', '昼食 now'),
                            (b'=?us-ascii?q?a_=3D_b?= c', 'a = b c'), ('昼食'.encode(), '昼食')):
            r = Report(content=b'Subject: ' + given + b'\r\n\r\nx\r\n')
            self.assertIn('\n  Subject: %s\n' % said, r.text())
        for given in (b'=?iso-2022-jp?B?GyRCJWklIRsoQg==?=', b'\xff', b'x' * 401, b''):
            self.assertNotIn('Subject:', Report(content=b'Subject: ' + given + b'\r\n\r\nx\r\n').text())


class Returned(unittest.TestCase):
    def test_header_section(self):
        for flags, whole in ((0, 1), (RET_HDRS, 1), (RET_FULL, 0)):
            r = Report(flags=flags, whole=whole)
            kind, fields, body = r.parts[2]
            self.assertEqual(kind, 'text/rfc822-headers')
            self.assertEqual(fields['Content-Transfer-Encoding'], '7bit')
            self.assertEqual(body, ORIGINAL)

    def test_content(self):
        r = Report(flags=RET_FULL)
        kind, fields, body = r.parts[2]
        self.assertEqual((kind, fields['Content-Transfer-Encoding'], body), ('message/rfc822', '7bit', ORIGINAL + BODY))
        self.assertIn('It is attached to this mail.', r.words())
        self.assertEqual(list(r.mail.iter_parts())[2].get_content()['Subject'], 'Lunch on Friday')
        self.assertEqual(r.flags, 0)

    def test_content_goes_back_of_failures_alone(self):
        """RFC 3461 §4.3"""
        for action in (DELAYED, DELIVERED, RELAYED, EXPANDED):
            self.assertEqual(Report(flags=RET_FULL, recipients=[recipient(action)]).parts[2][0], 'text/rfc822-headers')
        r = Report(flags=RET_FULL, recipients=[recipient(DELIVERED), recipient()])
        self.assertEqual(r.parts[2][0], 'message/rfc822')

    def test_content_in_8bit(self):
        r = Report(content=ORIGINAL + '\r\nこんにちは\r\n'.encode('euc-jp'), flags=RET_FULL | MIME8)
        self.assertEqual(r.flags, MIME8)
        self.assertEqual(r.mail['Content-Transfer-Encoding'], '8bit')
        self.assertEqual(r.parts[2][:1] + r.parts[2][2:],
                         ('message/rfc822', ORIGINAL + '\r\nこんにちは\r\n'.encode('euc-jp')))

    def test_content_that_cannot_stand_there(self):
        """a message/rfc822 may not be encoded: of what has long lines or a NUL only the header section goes back"""
        for body, kind in ((b'\r\n' + b'x' * 998 + b'\r\n', 'message/rfc822'),
                           (b'\r\n' + b'x' * 999 + b'\r\n', 'text/rfc822-headers'),
                           (b'\r\na\0b\r\n', 'text/rfc822-headers'), (b'\r\na\nb\r\n', 'text/rfc822-headers'),
                           (b'\r\na\rb\r\n', 'text/rfc822-headers')):
            self.assertEqual(Report(content=ORIGINAL + body, flags=RET_FULL).parts[2][0], kind)

    def test_internationalised(self):
        header = ORIGINAL + 'X-Name: 花\r\n'.encode()
        for flags, kind, octets in ((UTF8, 'message/global-headers', header),
                                    (UTF8 | RET_FULL, 'message/global', header + BODY)):
            r = Report(content=header + BODY, flags=flags)
            self.assertEqual(r.parts[2][0], kind)
            self.assertIn(r.parts[2][1]['Content-Transfer-Encoding'], ('base64', 'quoted-printable'))
            self.assertEqual(r.parts[2][2], octets)
            self.assertEqual(r.flags, 0)

    def test_broken_header_section(self):
        header = ORIGINAL + b'X-Name: \xff\xfe\r\n'
        r = Report(content=header + BODY)
        self.assertEqual((r.parts[2][0], r.parts[2][2]), ('text/rfc822-headers', header))
        long = ORIGINAL + b'X: ' + b'y' * 2000 + b'\r\n'
        self.assertEqual(Report(content=long + BODY).parts[2][2], long)

    def test_front_that_breaks_off(self):
        """in a field: that one is left out; it ends as far as we can see when all was there"""
        cut = ORIGINAL + b'X-Long: and so'
        self.assertEqual(Report(content=cut, whole=0).parts[2][2], ORIGINAL)
        self.assertEqual(Report(content=ORIGINAL + b'X-Long: whole\r\n', whole=0).parts[2][2], ORIGINAL)
        self.assertEqual(Report(content=cut, whole=1).parts[2][2], cut + b'\r\n')

    def test_nothing_to_return(self):
        for content in (b'', b'\r\nbody\r\n', b'no field\r\n', b'X: cut'):
            r = Report(content=content, whole=int(content != b'X: cut'))
            self.assertEqual(len(r.parts), 2)
            self.assertNotIn('attached', r.text())
            self.assertNotIn('In-Reply-To', r.mail)

    def test_message_id(self):
        for given in (b'<a b@c>', b'<>', b'none', b'<a>', b'<\xe8\x8a\xb1@x>', b'<a@' + b'x' * 300 + b'>', b'>x@y<'):
            r = Report(content=b'Message-ID: ' + given + b'\r\n\r\nx\r\n')
            self.assertNotIn('In-Reply-To', r.mail)
        self.assertEqual(Report(content=b'message-id:\r\n\t<a@b>\r\n').mail['References'], '<a@b>')


class Addresses(unittest.TestCase):
    def test_utf8_recipient(self):
        r = Report(recipients=[recipient(path='花@example.org', orcpt='utf-8;\\x{82B1}@example.org', status='5.6.7')])
        self.assertEqual(r.mail.get_param('report-type'), 'global-delivery-status')
        self.assertEqual(r.parts[1][0], 'message/global-delivery-status')
        self.assertEqual(r.status()[1]['Original-Recipient'], 'utf-8; 花@example.org')
        self.assertEqual(r.status()[1]['Final-Recipient'], 'utf-8; 花@example.org')
        self.assertIn('<花@example.org>', r.text())
        self.assertEqual(r.flags, 0)  # it passes everywhere

    def test_utf8_sender(self):
        r = Report(to='太郎@example.test')
        self.assertEqual(r.flags, UTF8 | MIME8)
        self.assertIn('\r\nTo: 太郎@example.test\r\n'.encode(), r.raw)
        self.assertEqual(r.parts[1][0], 'message/delivery-status')

    def test_what_cannot_be_decoded_is_repeated(self):
        """RFC 6533 §3"""
        for orcpt, said in (('utf-8;\\x{zz}@x', 'utf-8; \\x{zz}@x'), ('rfc822;a+ZZ@x', 'rfc822; a+ZZ@x'),
                            ('X-No;a+2Bb', 'X-No; a+b')):
            self.assertEqual(Report(recipients=[recipient(orcpt=orcpt)]).status()[1]['Original-Recipient'], said)
        for orcpt in ('none', 'rfc822;' + 'x' * 701):
            self.assertNotIn('Original-Recipient', Report(recipients=[recipient(orcpt=orcpt)]).status()[1])
        self.assertIn('Original-Recipient', Report(recipients=[recipient(orcpt='rfc822;' + 'x' * 700)]).status()[1])
        self.assertNotIn('Original-Envelope-Id', Report(envid='a+1').status()[0])

    def test_no_way_into_another_field(self):
        """whatever a stranger wrote, fields are ours alone"""
        evil = 'a\r\nX-Evil: 1'
        r = Report(to='a\rX-Evil: 1@x', envid='a+0D+0AX-Evil:1', content=b'Message-ID: <a\r\n X-Evil:@b>\r\n'
                   b'Subject: =?utf-8?Q?a=0D=0AX-Evil:_1?=\r\n\r\nx\r\n',
                   recipients=[recipient(path=evil.replace('\n', ''), orcpt='rfc822;a+0D+0AX-Evil:1',
                                         host=evil.replace('\n', ''), reply='550 x\r|\r|X-Evil: 1|  |.', status='5.1.1\r')])
        self.assertNotIn('X-Evil', r.mail)
        self.assertNotIn('In-Reply-To', r.mail)
        for block in r.status():
            self.assertNotIn('X-Evil', block)
        self.assertEqual(r.status()[1]['Diagnostic-Code'], 'smtp; 550 x\nX-Evil: 1\n.')
        self.assertEqual(len(r.parts), 3)

    def test_remote_words_beyond_ascii(self):
        r = Report(recipients=[recipient(reply='550 ユーザー不明')])
        self.assertEqual(r.status()[1]['Diagnostic-Code'], 'smtp; 550 ' + '?' * 18)
        self.assertIn('        550 ユーザー不明\n', r.text())
        r = Report(recipients=[recipient(reply='550 \udcff\udcfe')])
        self.assertIn('        550 \\xff\\xfe\n', r.text())


class Postmaster(unittest.TestCase):
    def test_plain_mail(self):
        r = Report(kind=1, to='postmaster@example.test', reverse_path='', flags=RET_FULL)
        self.assertEqual(r.mail.get_content_type(), 'text/plain')
        self.assertEqual(r.mail['To'], 'postmaster@example.test')
        self.assertEqual(r.subject(), 'A mail could not be delivered, and nobody be told')
        self.assertEqual(r.mail['Auto-Submitted'], 'auto-generated')
        self.assertNotIn('In-Reply-To', r.mail)
        self.assertIn('has no sender who could be told', r.words())
        self.assertIn('550 5.1.1 <taro@example.org>: unknown user', r.text())
        self.assertNotIn('What to do', r.text())
        self.assertIn('\n  Subject: Lunch on\n   Friday\n', r.text())
        self.assertNotIn('Shall we meet', r.text())

    def test_lost_sender(self):
        r = Report(kind=1, to='postmaster@example.test', reverse_path='gone@example.test')
        self.assertIn('<gone@example.test>, should be told, but that address leads to nobody', r.words())

    def test_japanese(self):
        r = Report(kind=1, to='postmaster@example.test', reverse_path='', content=japanese(b'Content-Language: ja') + BODY)
        self.assertIn('通知であるか', re.sub(r'\n', '', r.text()))
        self.assertEqual(r.subject(), 'A mail could not be delivered, and nobody be told / 送信者に知らせることのできない不達メール')

    def test_a_large_header_section_is_cut(self):
        content = ORIGINAL + b''.join(b'X-%d: y\r\n' % i for i in range(5000))
        r = Report(kind=1, to='postmaster@example.test', reverse_path='', content=content)
        self.assertLess(len(r.raw), 20000)


class Bounds(unittest.TestCase):
    def largest(self, words):
        """all that the channel lets through"""
        long = ('花' * 300 + 'x')[:320]
        one = recipient(path=long + '@' + 'y' * 255, orcpt='utf-8;' + '\\x{82B1}' * 60, host='h' * 255 + ' [::1]',
                        reply='|'.join(['550 ' + words * 30] * 10)[:1024 // len(words.encode())], reason='r' * 255,
                        status='5.999.999')
        return [one] * RECIPIENTS_MAX

    def test_the_largest_fits(self):
        for words in ('x', '花'):
            content = japanese(b'Content-Language: ja') + b'X-Fill: ' + '花'.encode() * 300 + b'\r\n'
            content += (b'X-More: ' + b'y' * 900 + b'\r\n') * 70
            r = Report(content=content[:65536], whole=0, recipients=self.largest(words), envid='e' * 100)
            self.assertLessEqual(len(r.raw), MAIL_MAX)
            self.assertEqual(len(r.status()), RECIPIENTS_MAX + 1)
            r = Report(kind=1, content=content[:65536], whole=0, recipients=self.largest(words), reverse_path='')
            self.assertLessEqual(len(r.raw), MAIL_MAX)

    def test_less_is_told_until_it_fits(self):
        """level by level: the content, its header section, nothing of it, no remote words; then not at all"""
        content = ORIGINAL + b'X-Fill: ' + b'x' * 900 + b'\r\n' + BODY + b'y\r\n' * 1000
        sizes = []
        for most in range(8000, 500, -20):
            r = Report(content=content, flags=RET_FULL, max=most)
            if not r.fits:
                break
            self.assertLessEqual(len(r.raw), most)
            kind = r.parts[2][0] if len(r.parts) > 2 else 'with' if 'unknown user' in r.text() else 'without'
            self.assertEqual('attached' in r.text(), len(r.parts) > 2)
            sizes += [kind] * (kind not in sizes)
        self.assertEqual(sizes, ['message/rfc822', 'text/rfc822-headers', 'with', 'without'])

    def test_the_very_octet(self):
        size = len(Report().raw)
        self.assertEqual(len(Report(max=size).parts), 3)
        self.assertEqual(len(Report(max=size - 1).parts), 2)


if __name__ == '__main__':
    with subprocess.Popen([COMPOSER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as composer:
        unittest.main()
