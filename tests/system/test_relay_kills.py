"""kill -9 at random moments while mail leaves: of each program in turn, and of all at once. Nothing is lost; a second copy
only where the next host had said 250 and nobody of ours had heard it yet (RFC 1047)."""
import itertools
import random
import smtplib
import threading

from house import *
from nexthost import NextHost
from test_kills import kill, kill_everything, running
from test_outbound import FIRST, TWO, house, names

ROUNDS = int(os.environ.get('SEKISHO_TEST_ROUNDS') or (300 if os.environ.get('SEKISHO_TEST_LONG') else 13))
IN_TURN = ('relay', 'spool', 'report', 'resolve', 'relay', 'smtpd', 'gate', 'spool', 'auth')
FORGETFUL = ('relay', 'spool', 'parent')  # who dies of these has not heard, or not noted, what the next host said
A_LIFE = 13  # rounds until all of it is killed, and starts afresh: back-off stays short
NOTED = 5  # seconds, within which an answer of the next host is in the log even here, where all is busy
REFUSED = 5  # each such mail is for somebody whom the next host does not know


class Senders:
    """threads that post mail with a number each, one of them with a login; what got its 250 is remembered"""

    def __init__(self, h):
        self.house = h
        self.numbers = itertools.count(1)
        self.taken = set()
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.go_on, args=(way,)) for way in ('smtp', 'smtp', 'submission')]
        for t in self.threads:
            t.start()

    def go_on(self, way):
        while not self.stop.is_set():
            try:
                with smtplib.SMTP(LOCAL, PORTS[way], 'client.example', timeout=20) as s:
                    if way == 'submission':
                        s.starttls(context=client_context(self.house))
                        s.login('hana', PASSWORDS['hana'])
                    while not self.stop.is_set():
                        self.post(s)
            except (OSError, smtplib.SMTPException):
                time.sleep(0.05)

    def post(self, s):
        number = next(self.numbers)
        to = ('nobody%d@two.example' if number % REFUSED == 0 else 'user%d@two.example') % number
        s.sendmail(HANA, to, mail(subject='number %d.' % number, sender=HANA, to=to))
        self.taken.add(number)
        time.sleep(0.02)

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join()


def one_life(h, chance, turn, rounds, deaths):
    for _ in range(rounds - 1):
        time.sleep(chance.uniform(0.02, 0.3))
        name = next(turn)
        pids = until(lambda: [pid for n, pid in running(h) if n == name], name + ' runs', 40)
        kill([chance.choice(pids)])
        deaths.append((time.monotonic(), name))
    time.sleep(chance.uniform(0.02, 0.3))
    kill_everything(h, chance)
    deaths.append((time.monotonic(), 'parent'))


def number_of(content):
    return int(re.search(rb'Subject: number (\d+)\.', content).group(1))


def judge_copies(arrived, deaths):
    """arrived: number → when its copies had their 250; how many were second ones"""
    second = 0
    for number, times in arrived.items():
        for before, after in zip(times, times[1:]):
            second += 1
            reason = [d for d, name in deaths if name in FORGETFUL and before - 1 <= d <= min(before + NOTED, after)]
            equal(bool(reason), True, 'a second copy of %d, %.2f s after the first, for no reason' % (number, after - before))
    return second


def test_kills_while_mail_leaves():
    """issue 4: each mail that was taken arrives, or its sender is told; no second copy without a reason"""
    chance = random.Random(ROUNDS)
    turn, deaths, done = itertools.cycle(IN_TURN), [], 0
    rcpt = lambda line: b'550 5.1.1 nobody of that name\r\n' if b'nobody' in line else b'250 2.1.5 ok\r\n'
    with names(TWO) as n, house(n, usermailshour='1000000\n', usermailsday='1000000\n') as h, \
            NextHost({'RCPT': rcpt, 'CONTENT': (0.02, b'250 2.0.0 taken\r\n')}, address=FIRST, port=25) as host:
        senders = Senders(h)
        try:
            while done < ROUNDS:
                before = len(host.mails)
                until(lambda: len(host.mails) > before + 5, 'mail leaves', 60)
                rounds = min(A_LIFE, ROUNDS - done)
                one_life(h, chance, turn, rounds, deaths)
                done += rounds
                h.start()
        finally:
            senders.end()
        arrive = {i for i in senders.taken if i % REFUSED}
        told = senders.taken - arrive
        come = lambda: {number_of(m.content) for m in list(host.mails)}
        until(lambda: arrive <= come(), 'every mail that was taken', 90)
        until(lambda: h.json('queue') == [], 'nothing waits', 60)
        reports = [set(map(int, re.findall(rb'nobody(\d+)@two\.example', m))) for m in h.messages('hana')]
        equal(sorted(told - set().union(*reports)), [], 'reports that are missing')
        arrived = {}
        for m in host.mails:
            arrived.setdefault(number_of(m.content), []).append(m.at)
        second = judge_copies(arrived, deaths)
        print('     %d deaths, %d mails taken, %d second copies, %d refused, %d second reports' %
              (len(deaths), len(senders.taken), second, len(told), len(reports) - len(set().union(*reports))))
        equal(len(senders.taken) > 2 * ROUNDS, True)


test_kills_while_mail_leaves.seconds = 240 + 4 * ROUNDS
