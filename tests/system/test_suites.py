"""Other people's test suites over a real socket (tests/suites)."""
import poplib

from house import *

SUITES = os.path.join(SOURCE, 'tests/suites')

# tests/transcripts/README.md says why these differ
DEVIATIONS = {'authplain.test': '220 503 500 500',
              'starttls_session_fixation.test': '220 250 334 334 535 250 250 503',
              'starttls_with_injection.test': '220 250 554'}


def dialog_lines(path):
    """[(who, text)] of a dialogue of Apache James"""
    with open(path) as f:
        return [(line[0], line[2:].strip('\n').removeprefix(' ')) for line in f if line[:2] in ('C:', 'S:')]


def codes_of(lines):
    """the codes of the replies: the lines whose code has no hyphen, the pattern of an EHLO reply left out"""
    texts = [text for who, text in lines if who == 'S']
    return [t[:3] for t, after in zip(texts, texts[1:] + ['']) if t[3:4] != '-' and not
            (t == '250.*' and after.startswith('250-'))]


def test_smtp_dialogs():
    """smtp-dialogs: Apache James's transcripts, by their codes"""
    folder = os.path.join(SUITES, 'smtp-dialogs')
    names = sorted(n for n in os.listdir(folder) if n.endswith('.test'))
    equal(len(names), 8)
    with House(files={'domains': 'mydomain.tld\nyopmail.com\n', 'users': 'bob:!\nstarttls:!\nmatthieu:!\n'},
               users=None) as h:
        for name in names:
            lines = dialog_lines(os.path.join(folder, name))
            wanted = DEVIATIONS.get(name, ' '.join(codes_of(lines))).split()
            d = h.smtp(STRANGER if 'auth' not in name and 'fixation' not in name else LOCAL, greeting=False)
            got = [str(d.read().code)]
            in_content = False
            for text in (text for who, text in lines if who == 'C'):
                d.send(text.replace('\\r\\n', '\r\n') + ('' if '\\r\\n' in text else '\r\n'))
                if not in_content or text == '.':
                    got.append(str(d.read().code))
                in_content = got[-1] == '354'
            equal(got, wanted, name)
            d.close()


def as_sent(octets):
    """with the line ends of SMTP"""
    lines = re.split(rb'\r?\n', octets)
    if lines[-1] == b'':
        lines.pop()
    return b'\r\n'.join(lines) + b'\r\n'


def is_sendable(content):
    rest = content.replace(b'\r\n', b'')
    return not re.search(rb'[\r\n\x00]', rest) and max(map(len, content.split(b'\r\n'))) <= 998


def stuffed(content):
    return re.sub(rb'(?m)^\.', b'..', content)


def test_mime_round_trip():
    """mime: every message comes out of POP3 and lies in the Maildir as it was sent, octet by octet"""
    contents = {}
    for folder in ('rfc', 'malformed', 'thirdparty'):
        for name in sorted(os.listdir(os.path.join(SUITES, 'mime', folder))):
            if name.endswith('.eml'):
                with open(os.path.join(SUITES, 'mime', folder, name), 'rb') as f:
                    contents[folder + '/' + name] = as_sent(f.read())
    equal(len(contents), 53)
    sendable = {n: c for n, c in contents.items() if is_sendable(c)}
    with House(files={'duplicatewindow': '0\n'}) as h:
        for n, content in sorted(contents.items()):
            d = h.smtp(STRANGER)
            d.say('EHLO client.example.org', 250)
            d.transaction('a@sender.example', [HANA], stuffed(content), 250 if n in sendable else 554)
            d.close()
            if n in sendable:
                d = h.smtp(STRANGER)
                d.say('EHLO client.example.org', 250)
                d.send(b'MAIL FROM:<> BODY=8BITMIME\r\nRCPT TO:<taro@example.test>\r\nBDAT %d LAST\r\n' % len(content) +
                       content)
                equal([d.read().code for _ in range(3)], [250, 250, 250], n)
                d.close()
        wanted = sorted(sendable.values())
        if len(wanted) < 40:
            raise AssertionError('only %d messages could be sent' % len(wanted))
        for user in ('hana', 'taro'):
            equal(sorted(without_trace(m) for m in h.messages(user, len(wanted))), wanted)
            pop = poplib.POP3(LOCAL, PORTS['pop3'], timeout=30)
            pop.utf8()  # else header fields in UTF-8 are downgraded (RFC 6858)
            pop.user(user)
            pop.pass_(PASSWORDS[user])
            got = [b'\r\n'.join(pop.retr(i + 1)[1]) + b'\r\n' for i in range(len(wanted))]
            pop.quit()
            changed = [m for m in (without_trace(m) for m in got) if m not in wanted]
            equal(changed, [])
            equal(sorted(without_trace(m) for m in got), wanted)


def test_idna_domains():
    """idna: an own domain is one and the same in U-label and A-label form, in any normalisation"""
    with House(files={'domains': 'bücher.example\nexample.test\n'}) as h:
        d = h.smtp(STRANGER)
        d.say('EHLO xn--bcher-kva.example', 250)
        d.say('MAIL FROM:<a@sender.example> SMTPUTF8', 250)
        for domain in ('bücher.example', 'BÜCHER.example', 'xn--bcher-kva.example', 'XN--BCHER-KVA.EXAMPLE',
                       'bu\u0308cher.example', 'bücher\u3002example'):
            d.say('RCPT TO:<hana@%s>' % domain, 250)
        for domain in ('bucher.example', 'xn--bcher-kv.example', 'xn--a.example'):
            equal(d.say('RCPT TO:<hana@%s>' % domain).code in (550, 501, 553), True, domain)
        d.say('RSET', 250)
        d.say('MAIL FROM:<a@sender.example>', 250)
        contains(d.say('RCPT TO:<hana@bücher.example>', 553), '5.6.7')
