"""Law 4 under load and shapes that somebody thought up: answered, bounded, and another client's mail goes through
meanwhile. (5,000 slow connections, memory under 500 MB of content, envelopes: test_limits; a thousand recipients:
test_smtp_content.)"""
import selectors
import threading

from clock import Clock
from house import *
from test_limits import addresses, busy, peak, resident

PROGRAMS_HIT = ('smtpd', 'spool', 'deliver')


class Memory:
    """no program takes more than so much while the block runs"""

    def __init__(self, h, megabytes):
        self.h, self.megabytes = h, megabytes

    def __enter__(self):
        self.before = {p: peak(self.h, p) for p in PROGRAMS_HIT}

    def __exit__(self, kind, *unused):
        if kind is None:
            grown = {p: (peak(self.h, p) - self.before[p]) >> 20 for p in PROGRAMS_HIT}
            equal(max(grown.values()) <= self.megabytes, True, 'MiB grown: %s' % grown)


class Honest:
    """another client, which sends a mail now and then while the block runs; each must be taken in time"""

    def __init__(self, h, seconds=5, source='203.0.113.200'):
        self.h, self.seconds, self.source = h, seconds, source
        self.took, self.trouble, self.ended = [], None, False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        try:
            while not self.ended:
                began = time.monotonic()
                until(lambda: self.try_once() == 250, 'an honest mail is taken', self.seconds)
                self.took.append(time.monotonic() - began)
                time.sleep(0.2)
        except Exception as trouble:
            self.trouble = trouble

    def try_once(self):
        try:
            return self.h.send('taro@example.test', source=self.source, code=None).code
        except (EOFError, AssertionError):
            return 421

    def __enter__(self):
        self.thread.start()
        until(lambda: self.took or self.trouble, 'the first honest mail')
        return self

    def __exit__(self, kind, *unused):
        self.ended = True
        self.thread.join()
        if kind is None:
            equal(self.trouble, None)
            self.h.messages('taro', len(self.took))


def begin(h, content, source=STRANGER, parameters=''):
    """a mail's reply"""
    d = h.smtp(source)
    d.say('EHLO client.example.org', 250)
    d.say('MAIL FROM:<a@sender.example>' + parameters, 250)
    d.say('RCPT TO:<%s>' % HANA, 250)
    d.say('DATA', 354)
    try:
        d.send(content + b'.\r\n')
    except OSError:  # it has heard enough; what it said is there
        pass
    return d, d.read()


def test_a_thousand_connections_a_second_that_say_nothing():
    """for five seconds, of many addresses; none is dropped unanswered but with 421, and memory stays flat"""
    with House() as h, Memory(h, 48), Honest(h) as honest:
        waiting, answers = selectors.DefaultSelector(), []
        sources = list(addresses(400))
        began = time.monotonic()
        opened = []
        while len(opened) < 5000:
            due = min(5000, int((time.monotonic() - began) * 1000) + 1)
            for i in range(len(opened), due):
                source = sources[i % len(sources)]
                s = socket.socket(socket.AF_INET6 if ':' in source else socket.AF_INET)
                s.bind((source, 0))
                s.settimeout(20)
                s.connect(('2001:db8::1' if ':' in source else '192.0.2.1', PORTS['smtp']))
                opened.append(s)
                waiting.register(s, selectors.EVENT_READ)
            for key, _ in waiting.select(0.001):
                answers.append(key.fileobj.recv(100)[:3])
                waiting.unregister(key.fileobj)
        took = time.monotonic() - began
        while len(answers) < 5000:
            ready = waiting.select(20)
            equal(ready != [], True, '%d answers to 5000' % len(answers))
            for key, _ in ready:
                answers.append(key.fileobj.recv(100)[:3])
                waiting.unregister(key.fileobj)
        equal(set(answers) <= {b'220', b'421'}, True, str(set(answers)))
        for s in opened:
            s.close()
        until(lambda: h.sessions() < 5, 'they are gone')
        print('     5000 in %.1f s, %d greeted; honest mails at most %.2f s' %
              (took, answers.count(b'220'), max(honest.took)))


def test_a_mail_a_byte_at_a_time():
    """it holds next to nothing and is sent away when it is half an hour behind (busy_grace_ms, 256 octets a second)"""
    with Clock() as clock, House(env=clock.env) as h:
        h.send(source=OTHER_STRANGER)
        d = busy(h, STRANGER, 'DATA')
        d.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sent, ended = [0], []

        def trickle():
            try:
                while not ended:
                    d.socket.send(b'\r\n'[sent[0] % 78 - 76:][:1] if sent[0] % 78 > 75 else b'x')
                    sent[0] += 1
                    time.sleep(0.001)
            except OSError:
                pass
        thread = threading.Thread(target=trickle, daemon=True)
        thread.start()
        memory = resident(h, 'smtpd') + resident(h, 'spool')
        minutes = 0
        d.socket.settimeout(0.5)
        reply = None
        while minutes < 60 and not reply:
            clock.go_by(60)
            minutes += 1
            try:
                reply = d.read()
            except socket.timeout:
                h.send(source=OTHER_STRANGER)
        ended.append(1)
        thread.join()
        equal(str(reply)[:9], '421 4.4.2')
        equal(28 < minutes < 34, True, 'after %d minutes' % minutes)
        grown = resident(h, 'smtpd') + resident(h, 'spool') - memory
        equal(grown < 4 << 20, True, '%d octets grown' % grown)
        print('     %d octets one by one; sent away after %d minutes; %d KiB grown' % (sent[0], minutes, grown >> 10))


test_a_mail_a_byte_at_a_time.seconds = 240


def test_ten_thousand_header_fields():
    """taken as they are up to the limit of the header section; beyond it refused for good, in words"""
    with House() as h, Memory(h, 16), Honest(h):
        for width, code in ((5, 250), (40, 552)):
            content = b''.join(b'X-%05d: %s\r\n' % (i, b'v' * width) for i in range(10000)) + b'\r\nbody\r\n'
            d, reply = begin(h, content)
            equal(reply.code, code, str(reply))
            d.say('NOOP', 250)
            if code == 250:
                equal(without_trace(h.messages('hana', 1)[0]), content)
        equal(len(h.files('hana')), 1)


def test_ten_megabytes_in_one_line():
    """refused for good, in words that name the line; who sends on without listening is not listened to for long"""
    with House() as h, Memory(h, 8), Honest(h):
        d, reply = begin(h, b'Subject: long\r\n\r\n' + b'x' * (10 << 20) + b'\r\n')
        equal(reply[:10], '554 5.6.0 ', str(reply))
        contains(reply, 'line that is longer')
        d.closed()
        equal(begin(h, b'Subject: fits\r\n\r\n' + b'x' * 998 + b'\r\n')[1].code, 250)
        equal(len(h.messages('hana', 1)), 1)


def nested(depth, subject):
    """multiparts in multiparts; the boundaries of all are closed"""
    parts = [('From: <a@sender.example>\r\nSubject: %s\r\nMIME-Version: 1.0\r\n' % subject)]
    for i in range(depth):
        parts.append('Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (i, i))
    parts.append('Content-Type: text/plain\r\n\r\nthe innermost\r\n')
    parts += ['--b%d--\r\n' % i for i in reversed(range(depth))]
    return ''.join(parts).encode()


def test_mime_ten_thousand_deep():
    """taken, delivered and read by POP3 octet by octet; an international one is read by a client that is not, too"""
    with House() as h, Memory(h, 16), Honest(h):
        content = nested(10000, 'deep')
        d, reply = begin(h, content)
        equal(reply.code, 250, str(reply))
        equal(without_trace(h.messages('hana', 1)[0]), content)
        d, reply = begin(h, nested(10000, '深い'), parameters=' SMTPUTF8')
        equal(reply.code, 250, str(reply))
        h.messages('hana', 2)
        reader = h.pop('hana')
        got = '\r\n'.join(reader.block('RETR 1')) + '\r\n'
        equal(without_trace(got.encode()), content)
        began = time.monotonic()
        got = '\r\n'.join(reader.block('RETR 2'))
        contains(got, 'the innermost')
        equal(got.isascii(), True)
        equal(time.monotonic() - began < 10, True)
        reader.ok('QUIT')
