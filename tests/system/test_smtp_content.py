"""Contents of all sizes and speeds on their way from the socket to the mailbox, octet by octet."""
import random
import signal
import struct
import threading

from house import *

KIB = 1024
# around the steps in which smtpd, its channel and spool pass content on
TLS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
EDGES = sorted({edge + d for edge in (64 * KIB, 128 * KIB, 192 * KIB, 256 * KIB, 320 * KIB, 512 * KIB)
                for d in (-300, -2, 0, 2, 300)})


def content_of(octets):
    """a mail of exactly that many octets, unlike any other"""
    head = b'Subject: %d octets\r\nMessage-ID: <%s@sizes>\r\n\r\n' % (octets, os.urandom(8).hex().encode())
    line = bytes(97 + (octets + i) % 26 for i in range(76)) + b'\r\n'
    body = (line * (octets // 78 + 1))[:octets - len(head) - 2].rstrip(b'\r\n')
    return head + body + b'y' * (octets - len(head) - len(body) - 2) + b'\r\n'


def bdat(content, chunk):
    """the content as BDAT commands"""
    out = b''
    for at in range(0, len(content), chunk):
        part = content[at:at + chunk]
        last = b' LAST' if at + chunk >= len(content) else b''
        out += b'BDAT %d%s\r\n' % (len(part), last) + part
    return out


def arrived(h, contents, user='hana'):
    """just these have come, each as it was sent"""
    got = sorted(without_trace(m) for m in h.messages(user, len(contents), 60))
    equal([len(m) for m in got], [len(m) for m in sorted(contents)])
    if got != sorted(contents):
        raise AssertionError('a mail was changed on its way')


def session(h, **more):
    d = h.smtp(STRANGER, **more)
    d.say('EHLO client.example.org', 250)
    return d


def envelope():
    return b'MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\n' % (TARO.encode(), HANA.encode())


def reset(d):
    """the client is gone at once, without a good-bye"""
    d.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    d.close()


def test_data_of_all_sizes():
    """law 4: no size hangs, none is changed: DATA around every step of the way"""
    with House() as h:
        d = session(h)
        contents = [content_of(size) for size in EDGES * 3]
        for content in contents:
            d.transaction(TARO, [HANA], content)
        arrived(h, contents)


def test_bdat_of_all_sizes():
    """RFC 3030: chunks around every step, one after the other and pipelined"""
    with House() as h:
        d = session(h)
        contents = []
        for size in EDGES:
            for chunk in (size, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 256 * KIB):
                content = content_of(size)
                d.send(envelope() + bdat(content, chunk))
                for _ in range(2 + -(-size // chunk)):
                    equal(d.read().code, 250)
                contents.append(content)
        arrived(h, contents)


def test_under_tls():
    """STARTTLS: all sizes, DATA and pipelined BDAT, TLS 1.2 and 1.3"""
    with House() as h:
        for version in TLS:
            d = session(h)
            d.say('STARTTLS', 220)
            d.start_tls(client_context(h, version))
            d.say('EHLO client.example.org', 250)
            contents = []
            for size in EDGES:
                contents += [content_of(size), content_of(size)]
                d.transaction(TARO, [HANA], contents[-2])
                d.send(envelope() + bdat(contents[-1], 100000))
                for _ in range(2 + -(-size // 100000)):
                    equal(d.read().code, 250)
            arrived(h, contents)
            for path in h.files('hana'):
                os.unlink(path)


def test_replies_are_read_late():
    """law 4: a client that sends a hundred mails before it reads a reply gets all of them in order"""
    with House() as h:
        for tls in (False, True):
            d = session(h)
            if tls:
                d.say('STARTTLS', 220)
                d.start_tls()
                d.say('EHLO client.example.org', 250)
            contents = [content_of(30000) for i in range(100)]
            for content in contents:
                d.send(envelope() + bdat(content, 7000))
            for content in contents:
                for _ in range(2 + 5):
                    equal(d.read().code, 250)
            arrived(h, contents)
            for path in h.files('hana'):
                os.unlink(path)


def test_half_closed():
    """a client that says all it has and closes its side gets every reply, and then the end"""
    with House() as h:
        contents = []
        for size in (1000, 65536, 300000):
            d = session(h)
            contents.append(content_of(size))
            d.send(envelope() + bdat(contents[-1], 50000) + b'NOOP\r\n')
            d.socket.shutdown(socket.SHUT_WR)
            for _ in range(3 + -(-size // 50000)):
                equal(d.read().code, 250)
            d.closed()
        d = session(h)
        d.send(envelope() + b'DATA\r\n')
        for code in (250, 250, 354):
            equal(d.read().code, code)
        contents.append(content_of(400000))
        d.send(contents[-1] + b'.\r\n')
        d.socket.shutdown(socket.SHUT_WR)
        equal(d.read().code, 250)
        d.closed()
        arrived(h, contents)


def test_gone_in_the_middle():
    """a client that goes away before the end leaves nothing; after the end its mail is safe, once"""
    with House() as h:
        content = content_of(100000)
        for cut in (0, 1, 70000, 100000, 100001, 100002):
            d = session(h)
            for line, code in (('MAIL FROM:<%s>' % TARO, 250), ('RCPT TO:<%s>' % HANA, 250), ('DATA', 354)):
                d.say(line, code)
            d.send((content + b'.\r\n')[:cut])
            reset(d)
        d = session(h)
        for line, code in (('MAIL FROM:<%s>' % TARO, 250), ('RCPT TO:<%s>' % HANA, 250), ('DATA', 354)):
            d.say(line, code)
        d.send(content + b'.\r\n')
        h.wait_log('event="mail accepted.*" .*class=out>in')
        reset(d)
        arrived(h, [content])
        until(lambda: h.sessions() == 0, 'no session is left')


def test_gone_while_spool_writes():
    """clients that go while the answer to their mail is out: it is safe, once, and its line has the class"""
    with House(options=['--workers', '1']) as h:
        spool = h.programs()['spool']
        contents = [content_of(size) for size in (400, 65536, 200000)]
        os.kill(spool, signal.SIGSTOP)
        for content in contents:
            d = session(h)
            d.send(envelope() + bdat(content, len(content)))
            equal([d.read().code, d.read().code], [250, 250])
            d.silent()
            reset(d)
        # others are served meanwhile, as far as that goes
        d = session(h)
        d.say('MAIL FROM:<>', 250)
        d.say('RCPT TO:<nobody@example.test>', 550)
        os.kill(spool, signal.SIGCONT)
        arrived(h, contents)
        equal(len(h.wait_log('event="mail accepted.*class=out>in', 3)), 3)
        until(lambda: h.sessions() == 1, 'those that went are gone')
        d.say('RCPT TO:<hana@example.test>', 250)


def test_thousand_recipients():
    """RFC 5321 §4.5.3.1.8: a thousand, many of them the same by aliases: each mailbox once"""
    users = ''.join('u%d:!\n' % i for i in range(300))
    aliases = ''.join('a%d: u%d, u%d\n' % (i, i, (i + 1) % 300) for i in range(300)) + 'all: %s\n' % ', '.join(
        'u%d' % i for i in range(300))
    with House(files={'users': users, 'aliases': aliases}, users=None) as h:
        d = session(h)
        names = ['u%d' % i for i in range(300)] + ['a%d' % i for i in range(300)] + ['all'] + \
            ['u%d+tag' % i for i in range(300)] + ['postmaster'] * 99
        equal(len(names), 1000)
        d.send(''.join(['MAIL FROM:<>\r\n'] + ['RCPT TO:<%s@example.test>\r\n' % n for n in names] +
                       ['RCPT TO:<u1@example.test>\r\n']))
        for _ in range(1001):
            equal(d.read().code, 250)
        contains(d.read(), '452 4.5.3')
        d.say('DATA', 354)
        content = content_of(70000)
        d.send(content + b'.\r\n')
        equal(d.read().code, 250)
        contains(h.wait_log('event="mail accepted"')[0].string, 'recipients=1000 mailboxes=300')
        for i in range(300):
            arrived(h, [content], 'u%d' % i)


class RandomClient:
    """says legal things in a random order, and goes away when it likes"""

    def __init__(self, h, seed):
        self.h, self.random = h, random.Random(seed)
        self.safe, self.maybe = [], []  # contents that were answered with 250; those whose answer was not read

    def mails(self, d, count):
        for _ in range(count):
            size = self.random.choice((300, 5000, 65400, 65700, 130000, 261900, 262300, 400000))
            content = content_of(size + self.random.randrange(300))
            getattr(self, self.random.choice(('data', 'data', 'bdat', 'bdat', 'given_up')))(d, content)

    def read(self, d, count, last=None):
        codes = [d.read().code for _ in range(count)]
        equal(set(codes[:-1] if last else codes) <= {250}, True, str(codes))
        if last:
            equal(codes[-1], last)

    def data(self, d, content):
        d.send(envelope() + b'DATA\r\n')
        self.read(d, 3, 354)
        wire = content + b'.\r\n'
        while wire:
            step = self.random.choice((100, 7000, 70000, len(wire)))
            d.send(wire[:step])
            wire = wire[step:]
        self.end(d, content)

    def bdat(self, d, content):
        chunk = self.random.choice((9000, 65536, 100000, len(content)))
        d.send(envelope() + bdat(content, chunk))
        self.read(d, 2 + -(-len(content) // chunk) - 1)
        self.end(d, content)

    def given_up(self, d, content):
        d.send(envelope() + b'BDAT %d\r\n' % len(content) + content + b'RSET\r\n')
        self.read(d, 4)

    def end(self, d, content):
        if self.random.random() < 0.05:
            self.maybe.append(content)
            raise EOFError('the client has gone')
        equal(d.read().code, 250)
        self.safe.append(content)

    def session(self):
        d = session(self.h)
        try:
            if self.random.random() < 0.5:
                d.say('STARTTLS', 220)
                d.start_tls()
                d.say('EHLO client.example.org', 250)
            self.mails(d, self.random.randrange(1, 8))
            if self.random.random() < 0.5:
                d.say('QUIT', 221)
        except EOFError:
            pass
        if self.random.random() < 0.5:
            reset(d)
        d.close()

    def run(self, sessions):
        try:
            for _ in range(sessions):
                self.session()
        except Exception as trouble:
            self.trouble = trouble
            raise

    trouble = None


def test_random_clients():
    """law 2: whatever twelve clients do at once, what had its 250 is delivered as it was, once"""
    seed = int.from_bytes(os.urandom(4), 'big')
    with House(options=['--workers', '2']) as h:
        clients = [RandomClient(h, seed + i) for i in range(12)]
        threads = [threading.Thread(target=c.run, args=(5,)) for c in clients]
        for t in threads:
            t.start()
        for t in threads:
            t.join(100)
        equal([c.trouble for c in clients if c.trouble], [], 'seed %d' % seed)
        safe = [content for c in clients for content in c.safe]
        maybe = [content for c in clients for content in c.maybe]
        until(lambda: h.sessions() == 0, 'no session is left')
        until(lambda: len(h.files('hana')) >= len(safe), 'all are delivered')
        until(lambda: 'the queue is empty' in h.tool('queue'), 'nothing is under way')
        got = [without_trace(m) for m in h.messages('hana')]
        equal(len(set(got)), len(got), 'each once, seed %d' % seed)
        equal([m[:80] for m in safe if m not in set(got)], [], 'seed %d' % seed)
        equal([m[:80] for m in got if m not in set(safe + maybe)], [], 'seed %d' % seed)
