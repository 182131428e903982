#!/usr/bin/env python3
"""The questions of table 1 (F-22), asked of the server at 192.0.2.1:25; see table1.

usage: table1.py NAME ROOT
"""
import os
import shutil
import socket
import sys
import time

PEER, ROOT = sys.argv[1:]


class Refused(Exception):
    pass


class Client:
    def __init__(self, source='198.51.100.7'):
        for _ in range(100):
            try:
                self.socket = socket.create_connection(('192.0.2.1', 25), 30, (source, 0))
                break
            except OSError:
                time.sleep(0.1)
        self.file = self.socket.makefile('rb')
        self.read(2)

    def read(self, first):
        while True:
            line = self.file.readline().decode()
            if line[3:4] != '-':
                if not line.startswith(str(first)):
                    raise Refused(line.strip() or 'closed')
                return line

    def say(self, line, first=2):
        self.socket.sendall(line.encode() + b'\r\n')
        return self.read(first)

    def mail(self, to, octets=300, sender='a@sender.example', number=0):
        self.say('MAIL FROM:<%s>' % sender)
        for one in to if isinstance(to, list) else [to]:
            self.say('RCPT TO:<%s>' % one)
        self.say('DATA', 3)
        line = b'x' * 76 + b'\r\n'
        self.socket.sendall(b'From: <%s>\r\nSubject: %d\r\nMessage-ID: <%d@x>\r\n\r\n' % (sender.encode(), number, number) +
                            line * (octets // 78) + b'.\r\n')
        return self.read(2)


def introduced(source='198.51.100.7'):
    c = Client(source)
    c.say('EHLO client.example.org')
    return c


def answer(do):
    try:
        do()
        return 'taken'
    except Refused as why:
        return 'refused (%s)' % str(why)[:9].strip()
    except OSError as why:
        return 'cut (%s)' % why


def bomb():
    """100 mails in a burst from one host; how many were taken"""
    taken = 0
    c = introduced()
    for i in range(100):
        try:
            c.mail('hana@example.test', number=i)
            taken += 1
        except Refused:
            c = introduced()
    return taken


def copies():
    """one mail to one address 50 times; how many copies arrive"""
    before = delivered('hana')
    introduced().mail(['hana@example.test'] * 50, number=1000)
    time.sleep(5)
    return delivered('hana') - before


def delivered(user):
    total = 0
    for place in ('var/lib/sekisho/mail/%s/new', 'home/%s/Maildir/new', 'var/mail/%s'):
        path = os.path.join(ROOT, place % user)
        if os.path.isdir(path):
            total += len(os.listdir(path))
        elif os.path.isfile(path):
            with open(path, 'rb') as f:
                total += (b'\n' + f.read()).count(b'\nFrom ')
    return total


def privileged():
    """processes of the server that run as root, of all of them"""
    root = total = 0
    here = os.stat('/proc/self/ns/net').st_ino
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/comm' % pid) as f:
                name = f.read().strip()
            if os.stat('/proc/%s/ns/net' % pid).st_ino != here or name in ('python3', 'bash', 'sh', 'table1'):
                continue
            with open('/proc/%s/status' % pid) as f:
                uid = [line for line in f if line.startswith('Uid:')][0].split()[2]
            total += 1
            root += uid == '0'
        except OSError:
            pass
    return '%d of %d' % (root, total)


facts = {}
facts['relay from outside'] = answer(lambda: introduced().mail('b@other.example'))
facts['600 KB'] = answer(lambda: introduced().mail('hana@example.test', 600 << 10))
facts['12 MB'] = answer(lambda: introduced().mail('hana@example.test', 12 << 20))
facts['60 MB'] = answer(lambda: introduced().mail('hana@example.test', 60 << 20))
facts['100 mails at once, taken'] = bomb()
time.sleep(5)
facts['copies of 50 equal recipients'] = copies()
introduced().mail('jiro@example.test')
box = os.path.join(ROOT, 'var/lib/sekisho/mail/jiro')
if PEER == 'sekisho':  # also where its mailboxes are
    time.sleep(1)
    shutil.copy(os.path.join(ROOT, 'home/jiro/.forward'), box)
    introduced().mail('jiro@example.test', number=1)
for _ in range(50):
    if os.path.exists(os.path.join(ROOT, 'tmp/ran-a-program')):
        break
    time.sleep(0.1)
facts['.forward ran a program'] = os.path.exists(os.path.join(ROOT, 'tmp/ran-a-program'))
facts['processes as root'] = privileged()
print(PEER + ': ' + '; '.join('%s: %s' % f for f in facts.items()), flush=True)
