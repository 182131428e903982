"""What is under way when somebody ends: who asked, a program, the server; and what is not waited for any longer."""
import os
import signal
import socket
import subprocess
import threading
import time

from clock import Clock
from house import HANA, House, LOCAL, SEKISHO, TARO, equal, mail, until
from nexthost import NextHost, PORT

SENDER = 'hana@example.test'
AWAY = 'friend@far.example'


class Silent:
    """a name server that hears and says nothing"""

    def __init__(self, port):
        self.asked = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LOCAL, port))
        threading.Thread(target=self.hear, daemon=True).start()

    def hear(self):
        try:
            while True:
                self.socket.recvfrom(4096)
                self.asked += 1
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()


def under_way(h):
    return int(h.json('status', code=None)['status']['resolve']['under_way'])


def test_who_asked_is_gone():
    """a question of a person, and of a program, that ends before its answer is dropped; the next one is heard"""
    with Silent(5399) as names, House(files={'nameservers': '127.0.0.1#5399\n', 'trustanchors': 'none\n', 'retryfirst': '1s\n'}) as h:
        person = subprocess.Popen([SEKISHO, 'resolve', 'near.example'], env=h.env, stdout=subprocess.DEVNULL)
        until(lambda: under_way(h) == 1, 'somebody asks')
        person.kill()
        person.wait()
        until(lambda: under_way(h) == 0, 'he asks no longer')
        h.send(to=AWAY, sender=SENDER, content=mail(sender=SENDER, to=AWAY))
        until(lambda: under_way(h) == 2, 'relay and fetch ask')
        for program in 'relay', 'resolve':
            h.kill(program)
            h.until_up()
            until(lambda: under_way(h) > 0, 'asked again without %s' % program, 30)
        equal(names.asked > 0, True)


def test_many_domains_at_once():
    """a mail that is under way to hundreds of domains is read through one descriptor"""
    with Silent(5398), House(files={'nameservers': '127.0.0.1#5398\n', 'trustanchors': 'none\n'}) as h:
        to = ['friend@d%d.example' % i for i in range(300)]
        h.send(to=to, sender=SENDER, content=mail(sender=SENDER, to=AWAY))
        until(lambda: int(h.json('status')['status']['relay']['departures']) == 300, 'all are under way')
        took = len(os.listdir('/proc/%d/fd' % h.programs()['spool']))
        if took > 60:
            raise AssertionError('%d descriptors' % took)


def test_the_end_while_a_connection_is_idle():
    """a next host that was used a moment ago is told QUIT, and nobody waits for it"""
    with NextHost() as n, House(files={'smarthost': '127.0.0.1:%d\n' % PORT}) as h:
        h.send(to=AWAY, sender=SENDER, content=mail(sender=SENDER, to=AWAY))
        until(lambda: n.mails and h.json('queue') == [], 'it has left')
        equal('QUIT' in n.commands, False)
        equal(h.stop(), 0)
        until(lambda: 'QUIT' in n.commands, 'it is told')


def test_a_handshake_that_does_not_come():
    """who says nothing under TLS is let go in time"""
    with Clock() as clock, House(env=clock.env) as h:
        with socket.create_connection((LOCAL, 2465), 20) as s:
            until(lambda: h.sessions() == 1, 'he is there')
            clock.go_by(600)
            equal(s.recv(1), b'')
        h.wait_log('no handshake in time')


def test_an_answer_that_does_not_come():
    """a program that stands still: the client hears 421 in time, or, when its mail may be taken, nothing"""
    with Clock() as clock, House(env=clock.env, files={'submission': ''}) as h:
        d = h.smtp()
        d.say('EHLO client.example', 250)
        d.say('STARTTLS', 220)
        d.start_tls()
        d.say('EHLO client.example', 250)
        taker = h.smtp()
        taker.say('EHLO client.example', 250)
        taker.say('MAIL FROM:<%s>' % TARO, 250)
        taker.say('RCPT TO:<%s>' % HANA, 250)
        taker.say('DATA', 354)
        programs = h.programs()
        for program in 'auth', 'spool':
            os.kill(programs[program], signal.SIGSTOP)
        d.send('AUTH PLAIN AGhhbmEAc2FrdXJhIHNha3U=\r\n')
        taker.send(b'Subject: x\r\n\r\nx\r\n.\r\n')
        time.sleep(0.3)  # `status` would wait for those that stand still
        clock.go_by(1200)
        equal(d.read().code, 421)
        try:
            equal(taker.read(), '')
        except EOFError:
            pass
        h.wait_log('no answer in time.*to=auth')
        h.wait_log('no answer in time.*to=commit')
        for program in 'auth', 'spool':
            os.kill(programs[program], signal.SIGCONT)
        h.until_up()
        h.send()
        until(lambda: len(h.files('hana')) >= 1, 'all goes on')


def test_what_was_heard_last_is_remembered():
    """the gate's rows are on disk when the server has ended: a mail that comes a second time after that is known (F-15)"""
    content = mail(sender=TARO)
    with House() as h:
        for n in range(3):
            twice = content.replace(b'Message-ID: <', b'Message-ID: <%d' % n)
            h.send(content=twice)
            until(lambda: len(h.files('hana')) == n + 1, 'it is there')
            equal(h.stop(), 0)
            h.start()
            h.send(content=twice)
            h.wait_log('duplicate')
            equal(len(h.files('hana')), n + 1)


def test_a_program_that_does_not_end():
    """a stop goes on without a program that stands still, and says so"""
    with Clock() as clock, House(env=clock.env) as h:
        os.kill(h.programs()['mailbox'], signal.SIGSTOP)
        os.kill(h.process.pid, signal.SIGTERM)
        h.wait_log('stopping: finishing')
        def is_over():
            clock.go_by(31)
            os.kill(h.process.pid, signal.SIGCHLD)  # so that it looks at its clock
            return h.process.poll() is not None
        until(is_over, 'the server has ended', 30)
        equal(h.process.returncode, 0)
        h.wait_log('does not end by itself.*of="?mailbox')


def test_the_service_manager_is_told():
    """NOTIFY_SOCKET: ready, reloading, ready again also when the new configuration is not taken, stopping; a path or a name"""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as named, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        named.bind('\0sekisho-test-notify')
        with House(start=False) as h:
            path = os.path.join(h.dir, 'notify')
            manager.bind(path)
            for s, name in (manager, path), (named, '@sekisho-test-notify'):
                s.settimeout(20)
                h.env['NOTIFY_SOCKET'] = name
                h.start()
                equal(s.recv(100), b'READY=1')
                h.process.send_signal(signal.SIGHUP)
                equal(s.recv(100)[:26], b'RELOADING=1\nMONOTONIC_USEC')
                equal(s.recv(100), b'READY=1')
                h.set('clientlimit', 'many\n')
                h.process.send_signal(signal.SIGHUP)
                equal(s.recv(100)[:11], b'RELOADING=1')
                equal(s.recv(100), b'READY=1')
                h.unset('clientlimit')
                equal(h.stop(), 0)
                equal(s.recv(100), b'STOPPING=1')
                h.wait_programs_gone()
