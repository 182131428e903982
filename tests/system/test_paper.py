"""The three experiments of the University of Fukui's paper (F-21), and who reads a byte a second."""
import base64
import threading

from house import *

LIMIT = {'sizelimit': '512K\n'}
SEGMENT = 16 << 20  # octets; the spool keeps one in use and three prepared
LINE = b'x' * 76 + b'\r\n'


def disk_used(h):
    """octets that the spool's files take"""
    total = 0
    for folder, _, names in os.walk(os.path.join(h.state, 'spool')):
        total += sum(os.stat(os.path.join(folder, n)).st_blocks * 512 for n in names)
    return total


def session(h, source=STRANGER):
    d = h.smtp(source)
    d.say('EHLO client.example.org', 250)
    return d


def test_relaying_is_refused():
    """F-21 (1), N-1: out→out never passes, in whatever form it is written; the session goes on"""
    forms = ('b@other.example', '@example.test:b@other.example', '@other.example,@example.test:b@example.test',
             'b%other.example@example.test', 'other.example!b@example.test', '"b@other.example"@example.test',
             '"b%other.example"@example.test', '"other.example!b"@example.test', 'b@[203.0.113.9]',
             'b@other.example@example.test', 'b@[IPv6:2001:db8::9]', 'b@mail.example.test.other.example',
             'b@sub.example.test', 'b@xexample.test', '@example.test:b%other.example@example.test',
             'b+%other.example@example.test')
    with House() as h:
        for source in (STRANGER, STRANGER6):
            d = session(h, source)
            d.say('MAIL FROM:<a@sender.example>', 250)
            for form in forms:
                reply = d.say('RCPT TO:<%s>' % form)
                if reply.code not in (550, 501, 553):
                    raise AssertionError('%s: %s' % (form, reply))
            equal(d.say('RCPT TO:<b@other.example>', 550),
                  '550 5.7.1 This server takes mail for its own addresses only, and <b@other.example> is none of them')
            h.wait_log('event="refused" .*client=%s code=550 rule=relay-denied at=rcpt what=b@other.example '
                       '.*reverse_path=a@sender.example class=out>out' % source)
            d.say('DATA', 554)
            d.say('RCPT TO:<hana@example.test>', 250)
            d.say('RSET', 250)
            # nor does the name of this site as a sender or in HELO make a stranger an inside client (F-5)
            d.say('EHLO mail.example.test', 250)
            d.say('MAIL FROM:<hana@example.test>', 250)
            d.say('RCPT TO:<b@other.example>', 550)
        equal([h.files('hana'), h.files('taro')], [[], []])


def test_large_mails_are_refused():
    """F-21 (2), F-6: a body of 600 KByte and some 1 MByte with an attachment against 512 KiB, at no cost in disk"""
    attachment = base64.b64encode(os.urandom(700 << 10))
    body = LINE * (600 * 1024 // 78)
    with_attachment = (b'Subject: big\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n'
                       b'see below\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\n' +
                       b'\r\n'.join(attachment[i:i + 76] for i in range(0, len(attachment), 76)) + b'\r\n--b--\r\n')
    with House(files=LIMIT) as h:
        before = until(lambda: disk_used(h) >= 4 * SEGMENT and disk_used(h), 'segments are prepared')
        d = session(h)
        contains(d.say('EHLO client.example.org', 250), '\n250-SIZE 524288\n')
        for content in (b'Subject: x\r\n\r\n' + body, with_attachment):
            contains(d.say('MAIL FROM:<a@sender.example> SIZE=%d' % len(content), 552), '5.3.4')
            contains(d.transaction('a@sender.example', [HANA], content, 552), '5.3.4')
            for chunk in (50000, len(content) // 2 + 1):
                d.say('MAIL FROM:<a@sender.example>', 250)
                d.say('RCPT TO:<hana@example.test>', 250)
                codes = []
                for at in range(0, len(content), chunk):
                    part = content[at:at + chunk]
                    d.send(b'BDAT %d%s\r\n' % (len(part), b' LAST' if at + chunk >= len(content) else b'') + part)
                    codes.append(d.read().code)
                fitting = 512 * 1024 // chunk
                equal(codes, [250] * fitting + [552] * (len(codes) - fitting))
        h.wait_log('event="refused" .*code=552 rule=sizelimit')
        until(lambda: disk_used(h) == before, 'no disk is used')
        equal(h.files('hana'), [])


def test_size_limit_to_the_octet():
    """F-6: just as much as the limit is taken, one octet more is not: MAIL, DATA, BDAT"""
    with House(files=LIMIT) as h:
        limit = 512 << 10
        head = b'Subject: to the octet\r\n\r\n'
        fits = (head + LINE * (limit // 78))[:limit - 12].rsplit(b'\r\n', 1)[0] + b'\r\n'
        fits += b'y' * (limit - len(fits) - 2) + b'\r\n'
        equal(len(fits), limit)
        d = session(h)
        d.say('MAIL FROM:<a@sender.example> SIZE=%d' % limit, 250)
        d.say('RSET', 250)
        d.say('MAIL FROM:<a@sender.example> SIZE=%d' % (limit + 1), 552)
        d.transaction('a@sender.example', [HANA], fits)
        d.transaction('a@sender.example', [HANA], b'X' + fits, 552)
        for content, code in ((fits, 250), (b'X' + fits, 552)):
            d.say('MAIL FROM:<a@sender.example>', 250)
            d.say('RCPT TO:<taro@example.test>', 250)
            d.send(b'BDAT %d LAST\r\n' % len(content) + content)
            equal(d.read().code, code)
        equal(without_trace(h.messages('hana', 1)[0]), fits)
        equal(without_trace(h.messages('taro', 1)[0]), fits)


def test_a_hundred_mails_at_once():
    """F-21 (3): a burst of 100 mails slows nobody down: all are delivered, and others' mails between them"""
    with House() as h:
        replies = []
        barrier = threading.Barrier(11)

        def burst(number):
            d = h.smtp(STRANGER)
            d.say('EHLO client.example.org', 250)
            barrier.wait(20)
            for i in range(10):
                replies.append(d.transaction('a@sender.example', [HANA], mail('burst %d.%d' % (number, i)), None).code)

        threads = [threading.Thread(target=burst, args=(n,)) for n in range(10)]
        for t in threads:
            t.start()
        barrier.wait(20)
        for i in range(10):
            h.send(to='taro@example.test', source=OTHER_STRANGER, subject='another %d' % i)
        for t in threads:
            t.join(60)
        equal(replies, [250] * 100)
        equal(len(h.messages('hana', 100)), 100)
        equal(len(h.messages('taro', 10)), 10)


class Deaf:
    """a client that talks on and on and reads next to nothing"""

    TALK = (b'MAIL FROM:<a@sender.example>\r\n' + b'RCPT TO:<hana@example.test>\r\n' * 900 +
            b'BDAT 2 LAST\r\n\r\n')

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self.socket.bind((STRANGER, 0))
        self.socket.connect(('192.0.2.1', PORTS['smtp']))
        self.socket.recv(1)
        self.said, self.before = 0, -1
        self.thread = threading.Thread(target=self.talk, daemon=True)
        self.thread.start()

    def talk(self):
        try:
            self.socket.sendall(b'EHLO a.example.org\r\n')
            for _ in range(500):
                self.socket.sendall(self.TALK)
                self.said += 1
        except OSError:
            pass

    def end(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()

    def is_stuck(self):
        """nothing more was said since the last look"""
        stuck = self.said == self.before
        self.before = self.said
        time.sleep(0.3)
        return stuck


def test_a_byte_a_second():
    """remotes that read or send a byte now and then cost little and leave all others unharmed"""
    with House(options=['--workers', '1']) as h:
        readers = [Deaf() for _ in range(5)]
        until(lambda: all(r.is_stuck() for r in readers), 'the server reads no more of them')
        memory = h.json('status')['status']['smtpd']['memory']
        if memory > 5 * (400 << 10):
            raise AssertionError('%d octets for 5 clients that do not read' % memory)
        trickler = h.smtp(STRANGER)
        trickler.say('EHLO client.example.org', 250)
        for line, code in (('MAIL FROM:<a@sender.example>', 250), ('RCPT TO:<taro@example.test>', 250), ('DATA', 354)):
            trickler.say(line, code)
        content = mail('a byte at a time')
        for i, octet in enumerate(content + b'.\r\n'):
            trickler.socket.send(bytes([octet]))
            if i % 20 == 0:
                h.send(to='taro@example.test', source=OTHER_STRANGER)
                for r in readers:
                    r.socket.recv(1)
        equal(trickler.read().code, 250)
        h.messages('taro', 1 + (len(content) + 22) // 20)
        for r in readers:
            r.end()
        until(lambda: h.sessions() <= 1, 'the readers are gone')
