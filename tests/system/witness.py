"""Clients that remember what they were told while everything around them dies, and the judge who compares it
with what lies in the mailboxes: each 250 once, whole; what was refused for good or removed with +OK never."""
import itertools
import random
import threading

from house import *

USERS = ('hana', 'taro')
FOLDER = '.Aside'  # where a reader's other program moves mail
REFUSED = 17  # each such mail goes in circles, and is refused


def recipients_of(number):
    return USERS if number % 7 == 0 else ('taro',) if number % 3 == 0 else ('hana',)


def content_of(number):
    """a mail that says its number; always the same octets"""
    chance = random.Random(number)
    octets = 300000 if number % 41 == 0 else chance.choice((100, 100, 3000, 20000))
    line = '%d %s\r\n' % (number, '%064x' % chance.getrandbits(256))
    circles = 'Received: from a by b; Sat, 1 Jan 2000 00:00:00 +0000\r\n' * (101 if number % REFUSED == 0 else 0)
    return ('%sSubject: number %d\r\nMessage-ID: <%d@test>\r\n\r\n%s' %
            (circles, number, number, line * (1 + octets // len(line)))).encode()


class Talk:
    """one connection, as lean as can be"""

    def __init__(self, service, source=LOCAL):
        self.socket = socket.create_connection((LOCAL, PORTS[service]), 20, (source, 0))
        self.file = self.socket.makefile('rb')
        self.answer()

    def answer(self):
        """the last line of a reply; a connection that is gone is OSError"""
        while True:
            line = self.file.readline()
            if not line.endswith(b'\n'):
                raise ConnectionResetError('gone')
            if line[3:4] != b'-' or not line[:3].isdigit():
                return line

    def say(self, line):
        self.socket.sendall(line.encode() + b'\r\n')
        return self.answer()

    def block(self):
        lines = []
        while True:
            line = self.file.readline()
            if not line.endswith(b'\n'):
                raise ConnectionResetError('gone')
            if line == b'.\r\n':
                return lines
            lines.append(line[1:] if line.startswith(b'.') else line)

    def close(self):
        self.file.close()
        self.socket.close()


class Witness:
    """senders: how many clients send; reads: one reads and removes by POP3; moves: one files mail elsewhere"""

    def __init__(self, house, first=1, senders=4, reads=True, moves=False):
        self.house = house
        self.numbers = itertools.count(first)
        self.told = {}  # number: the last reply's code, 0 when none came
        self.removed = {u: set() for u in USERS}  # QUIT was answered +OK
        self.perhaps = {u: set() for u in USERS}  # it was not, after DELE
        self.moved = 0
        self.left = 0  # in tmp/, which no reader looks at
        self.at_disk = threading.Lock()  # whoever has it finds nobody of us in the file system
        self.ended = False
        self.trouble = []
        work = [lambda i=i: self.send('127.0.0.%d' % (2 + i)) for i in range(senders)]
        work += [self.mark_seen] + [self.read_mail] * reads + [self.file_away] * moves
        self.threads = [threading.Thread(target=self.keep_on, args=(w,), daemon=True) for w in work]
        for t in self.threads:
            t.start()

    def keep_on(self, work):
        while not self.ended:
            try:
                work()
            except (OSError, EOFError):  # the server is gone, for a moment
                time.sleep(0.02)
            except Exception as why:
                self.trouble.append(repr(why))
                return

    def end(self):
        self.ended = True
        for t in self.threads:
            t.join(60)
        equal(self.trouble, [])
        equal([t for t in self.threads if t.is_alive()], [], 'clients that hang')

    def accepted(self):
        return sum(code == 250 for code in list(self.told.values()))

    # clients

    def send(self, source):
        talk = Talk('smtp', source)
        try:
            talk.say('EHLO client.example.org')
            for _ in range(20):
                if self.ended:
                    break
                self.send_one(talk, next(self.numbers))
        finally:
            talk.close()

    def send_one(self, talk, number):
        self.told[number] = 0
        lines = ['MAIL FROM:<%s>' % TARO] + ['RCPT TO:<%s@example.test>' % u for u in recipients_of(number)]
        codes = [talk.say(line)[:3] for line in lines + ['DATA']]
        if codes[-1] == b'354' and codes.count(b'250') == len(lines):
            talk.socket.sendall(content_of(number) + b'.\r\n')
            codes.append(talk.answer()[:3])
        elif codes[-1] == b'354':
            raise ConnectionResetError('part of it was refused for now: another session')
        elif codes[0] == b'250':
            talk.say('RSET')
        self.told[number] = int(codes[-1])
        if b'354' in codes and codes[-1][:1] == b'5' and number % REFUSED:
            raise AssertionError('mail %d was fine, and refused: %r' % (number, codes))

    def read_mail(self):
        """half of what is there is read and removed"""
        for user in USERS:
            time.sleep(0.1)
            talk = Talk('pop3')
            try:
                if not talk.say('USER ' + user).startswith(b'+OK') or \
                        not talk.say('PASS ' + PASSWORDS[user]).startswith(b'+OK'):
                    continue
                count = int(talk.say('STAT').split()[1])
                gone = {self.retrieve(talk, n) for n in range(1, min(count, 30) + 1, 2)} - {None}
                self.perhaps[user] |= gone
                if gone and talk.say('QUIT').startswith(b'+OK'):
                    self.removed[user] |= gone
            finally:
                talk.close()

    def retrieve(self, talk, n):
        """its number, when it was marked for removal"""
        if not talk.say('RETR %d' % n).startswith(b'+OK'):
            return None
        number, whole = judged(b''.join(talk.block()))
        if not whole:
            raise AssertionError('mail %d is torn when it is read' % number)
        return number if talk.say('DELE %d' % n).startswith(b'+OK') else None

    def mark_seen(self):
        """another program moves a part of what is new to cur/, with a flag"""
        time.sleep(0.01)
        with self.at_disk:
            for user in USERS:
                for path in self.house.files(user, 'new')[::2]:
                    os.rename(path, path.replace('/new/', '/cur/') + ':2,S')

    def file_away(self):
        """another program moves what is new into another folder, synced or not"""
        time.sleep(0.15)
        for user in USERS:
            folder = os.path.join(self.house.maildir(user), FOLDER)
            with self.at_disk:
                for path in self.house.files(user)[::3]:
                    os.makedirs(folder, exist_ok=True)
                    os.rename(path, os.path.join(folder, os.path.basename(path)))
                    self.moved += 1

    # the judge

    def judge(self, copies=1, seconds=60):
        """call after end(), with the server up. copies: how many of a moved mail there may be"""
        h = self.house
        until(lambda: h.tool('queue', code=None) == 'the queue is empty\n', 'the queue is empty', seconds)
        for user in USERS:
            found, moved = {}, set()
            for folder in ('new', 'cur', FOLDER):
                for path in h.files(user, folder):
                    with open(path, 'rb') as f:
                        number, whole = judged(f.read())
                    if folder == FOLDER and copies > 1 and not whole:
                        continue  # moved before it was synced, and then the power went: a whole one came again
                    equal(whole, True, 'mail %s in %s is whole' % (number, path))
                    found[number] = found.get(number, 0) + 1
                    if folder == FOLDER:
                        moved.add(number)
            for number, count in sorted(found.items()):
                equal(count <= (copies if number in moved else 1), True, 'mail %d: %d of it' % (number, count))
                equal(self.told.get(number, 500) < 500, True, 'mail %d was refused' % number)
                equal(user in recipients_of(number), True, 'mail %d is for %s' % (number, user))
                equal(number in self.removed[user] - moved, False, 'mail %d was removed' % number)
            lost = [n for n, code in self.told.items() if code == 250 and user in recipients_of(n) and
                    n not in found and n not in self.perhaps[user]]
            equal(lost, [], 'lost of %d' % self.accepted())
            self.left += len(h.files(user, 'tmp'))

    def forget(self):
        """what was judged goes, for good"""
        for user in USERS:
            for folder in ('new', 'cur', 'tmp', FOLDER):
                for path in self.house.files(user, folder):
                    os.unlink(path)
                if os.path.isdir(os.path.join(self.house.maildir(user), folder)):
                    fd = os.open(os.path.join(self.house.maildir(user), folder), os.O_RDONLY)
                    os.fsync(fd)
                    os.close(fd)


def judged(message):
    """(its number or None, whether it is whole)"""
    found = re.search(rb'^Subject: number (\d+)', message, re.MULTILINE)
    number = int(found.group(1)) if found else None
    return number, found is not None and without_trace(message) == content_of(number)
