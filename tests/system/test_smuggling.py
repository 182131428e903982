"""SMTP smuggling: nothing that another server may read as an end of data, a reply or a command gets in."""
import signal

from house import *

SEQUENCES = os.path.join(SOURCE, 'tests/suites/smtp-smuggling/sequences.json')
EVIL = b'MAIL FROM:<evil@sender.example>\r\nRCPT TO:<taro@example.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n'
START = [b'EHLO client.example.org\r\n', b'MAIL FROM:<a@sender.example>\r\n', b'RCPT TO:<hana@example.test>\r\n']


def begin(h, data=True):
    d = h.smtp(STRANGER)
    for line in START + ([b'DATA\r\n'] if data else []):
        d.send(line)
        equal(d.read().code, 354 if line == b'DATA\r\n' else 250)
    return d


def refused(d, *codes):
    """the next reply is 5xx and the last one"""
    reply = d.read()
    if reply.code not in (codes or (554, 500)):
        raise AssertionError(str(reply))
    d.closed()
    d.close()


def nothing_came(h):
    h.send(source=LOCAL, subject='after all')
    messages = h.messages('hana', 1)
    contains(messages[0], b'Subject: after all')
    equal(h.files('taro'), [])


def test_false_ends_of_data():
    """every known false end of data, in one piece, cut at every octet, and in BDAT: 5xx and the end"""
    with open(SEQUENCES) as f:
        sequences = [(s['name'], bytes.fromhex(s['bytes'])) for s in json.load(f)]
    extra = [b'\r\n.\r\r\n', b'\r\r\n.\r\n', b'\n\r\n.\r\n', b'\r\n.\n\r\n', b'\r\n\x00\r\n.\r\n', b'\n.\n.\r\n',
             b'\r\n.\r\x00\n', b'x\n', b'x\r', b'\r\n.\r.\r\n']
    sequences += [('extra', e) for e in extra]
    with House() as h:
        for name, octets in sequences:
            whole = b'Subject: cover\r\n\r\nbody' + octets
            for cut in [None] + list(range(len(whole) - len(octets), len(whole) + 1)):
                d = begin(h)
                if cut is not None:
                    d.send(whole[:cut])
                d.send(whole[cut or 0:] + EVIL + b'.\r\n')
                refused(d)
            d = begin(h, data=False)
            content = whole + b'\r\n'
            d.send(b'BDAT %d LAST\r\n' % len(content) + content + EVIL)
            refused(d)
        h.wait_log('event="refused" .*code=554 rule=smuggling-bare-lf')
        h.wait_log('event="refused" .*code=554 rule=smuggling-bare-cr')
        h.wait_log('event="refused" .*code=554 rule=smuggling-nul')
        nothing_came(h)


def test_a_true_dot_is_an_end():
    """a dot alone between CRLF ends the content, wherever segments are cut; dots are unstuffed once"""
    with House() as h:
        content = b'Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n...\r\n'
        wire = b'Subject: dots\r\n\r\n..\r\n...\r\n..x\r\n....\r\n.\r\n'
        for cut in range(len(wire)):
            d = begin(h)
            d.send(wire[:cut])
            d.send(wire[cut:] + b'NOOP\r\nQUIT\r\n')
            for code in (250, 250, 221):
                equal(d.read().code, code)
        for message in h.messages('hana', len(wire)):
            equal(without_trace(message), content)


def test_commands_end_in_crlf():
    """bare LF, bare CR and NUL in commands: 5xx and the end, nothing behind them is served"""
    with House() as h:
        for line in (b'NOOP\n', b'NOOP\r', b'NOOP\rMAIL FROM:<>\r\n', b'NOOP\x00\r\n', b'NOOP x\nMAIL FROM:<>\r\n',
                     b'\n', b'\r\r\n', b'x' * 2047 + b'\r\n'):
            d = begin(h, data=False)
            d.send(line + EVIL)
            refused(d, 500)
        for before in START[:2]:
            d = h.smtp(STRANGER)
            d.send(START[0] if before != START[0] else b'')
            d.send(before[:-2] + b'\n' + EVIL)
            if before != START[0]:
                equal(d.read().code, 250)
            refused(d, 500)
        nothing_came(h)


def test_talk_before_its_time():
    """what is sent before the greeting, or behind DATA before its 354, ends the session"""
    with House() as h:
        workers = [pid for name, pid in h.programs().items() if name.startswith('smtpd')]
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        d = h.smtp(STRANGER, greeting=False)
        d.send(b''.join(START) + b'DATA\r\n')
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        refused(d, 554)
        h.wait_log('rule=smuggling-greeting')
        d = h.smtp(STRANGER)
        d.send(b''.join(START) + b'DATA\r\nSubject: too early\r\n\r\nx\r\n.\r\n')
        for _ in START:
            equal(d.read().code, 250)
        refused(d, 554)
        h.wait_log('rule=smuggling-before-reply')
        nothing_came(h)


def test_plaintext_behind_starttls():
    """RFC 3207, CVE-2011-0411: what was sent in clear behind STARTTLS is never a command under TLS"""
    with House() as h:
        d = h.smtp(STRANGER)
        d.say('EHLO client.example.org', 250)
        d.send(b'STARTTLS\r\n' + EVIL)
        refused(d, 554)
        h.wait_log('rule=smuggling-starttls')
        # in a segment of its own it is read as the beginning of a handshake
        d = h.smtp(STRANGER)
        d.say('EHLO client.example.org', 250)
        d.say('STARTTLS', 220)
        d.send(EVIL)
        rest = b''
        d.socket.settimeout(20)
        try:
            while True:
                more = d.socket.recv(4096)
                if not more:
                    break
                rest += more
        except ConnectionResetError:
            pass
        equal(b'250' in rest, False, 'no reply in clear')
        nothing_came(h)


def test_nothing_survives_starttls():
    """RFC 3207 §4.2: HELO and a transaction from before the handshake are forgotten"""
    with House() as h:
        d = h.smtp(STRANGER)
        d.say('EHLO client.example.org', 250)
        d.say('MAIL FROM:<a@sender.example>', 250)
        d.say('STARTTLS', 503)
        d.say('RSET', 250)
        d.say('STARTTLS', 220)
        d.start_tls()
        d.say('MAIL FROM:<a@sender.example>', 503)
        equal('STARTTLS' in d.say('EHLO client.example.org', 250), False)
        d.say('RCPT TO:<hana@example.test>', 503)
        d.transaction(TARO, [HANA], mail())
        contains(h.messages('hana', 1)[0], b'with ESMTPS (TLSv1.3 ')


def test_bdat_that_lies():
    """a chunk that cannot be counted, or overflows, ends the session; one out of order is read away"""
    with House() as h:
        for size in (b'99999999999999999999', b'9223372036854775808', b'-1', b'0x10', b'10 LAST x', b'', b'1e3',
                     b'18446744073709551616'):
            d = begin(h, data=False)
            d.send(b'BDAT ' + size + b'\r\n' + EVIL)
            refused(d, 501)
        d = h.smtp(STRANGER)
        d.say('EHLO client.example.org', 250)
        d.send(b'BDAT %d LAST\r\n' % len(EVIL) + EVIL + b'NOOP\r\n')
        equal([d.read().code, d.read().code], [503, 250])
        nothing_came(h)
