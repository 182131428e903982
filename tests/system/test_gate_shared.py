"""The gate of several hosts in one Redis: what one opens is open at the other; while it is away nobody is, and mail goes on."""
import os
import shutil
import signal
import smtplib
import subprocess
import tempfile
import time

from house import HANA, NAME, PASSWORDS, STRANGER, Dialog, House, Skip, contains, equal, until

FOREIGN = os.environ.get('SEKISHO_FOREIGN', '')
SECRET = 'a-long-secret'
PORT = 6390
REDIS = '127.6.7.8'  # of the loopback, and can be cut off


class Redis:
    """one of its own, from the unpacked package"""

    def __init__(self):
        self.program = os.path.join(FOREIGN, 'usr/bin/redis-server')
        if not os.path.exists(self.program):
            raise Skip('redis-server could not be unpacked')
        self.dir = tempfile.mkdtemp(prefix='sekisho-redis-')
        self.env = dict(os.environ, LD_LIBRARY_PATH=os.path.join(FOREIGN, 'usr/lib/x86_64-linux-gnu'))
        self.socket = os.path.join(self.dir, 'redis.sock')
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [self.program, '--port', str(PORT), '--bind', '127.0.0.1', REDIS, '--unixsocket', self.socket, '--unixsocketperm', '777',
             '--requirepass', SECRET, '--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction',
             '--dir', self.dir], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: self.cli('PING') == 'PONG', 'the Redis')

    def cli(self, *words):
        done = subprocess.run([os.path.join(FOREIGN, 'usr/bin/redis-cli'), '-p', str(PORT), '-a', SECRET, '--no-auth-warning'] +
                              list(words), env=self.env, capture_output=True, text=True, timeout=10)
        return done.stdout.strip()

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        if how == signal.SIGKILL:
            self.process.wait()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def house(where, login, base):
    files = {'gatestore': where + '\n', 'servername': NAME + '\n', 'popkey': '', 'smarthost': '192.0.2.99:2599\n'}
    if login:
        files['gatestorelogin'] = login + '\n'
    return House(files, options=['--port-base', str(base)])


def openings(h):
    return sorted((o['address'], o['user']) for o in h.json('gate'))


def login_works(h):
    """mail after a login is taken, and mail to this site"""
    h.send()
    h.pop('hana').close()


def posts(port):
    """the reply to a stranger who has not logged in and writes as hana to the world"""
    with smtplib.SMTP('192.0.2.1', port, 'client.example', 30, (STRANGER, 0)) as s:
        s.ehlo()
        s.mail(HANA)
        code, _ = s.rcpt('friend@elsewhere.example')
        s.quit()
        return code


def test_a_login_at_one_host_opens_the_other():
    """a user fetches here, and writes there (N-20, N-24)"""
    with Redis() as r, house('redis://127.0.0.1:%d/3' % PORT, SECRET, 2000) as a, \
            house('redis://%s?3' % r.socket, 'default ' + SECRET, 3000) as b:
        for h in (a, b):
            h.wait_log('"the store of the gate is there"')
        equal(posts(3525), 550)
        d = Dialog(a, 'pop3s', STRANGER, tls=True)
        d.ok('USER hana')
        d.ok('PASS ' + PASSWORDS['hana'])
        equal(posts(3525), 250)
        equal(openings(b), [(STRANGER, 'hana')])
        d.close()
        until(lambda: [o for o in b.json('gate') if o['left_ms'] <= 10000], 'the session has ended')
        equal(posts(3525), 250)
        # each opening and its end is a line of the host where the user was, what expires in the Redis included
        line = '"gate %%s" address=%s user=hana session=%%s by=pop3s %%s' % STRANGER
        a.wait_log(line % ('opened', '[0-9a-f]{16}', 'for_ms=300000'))
        a.wait_log(line % ('closed', '[0-9a-f]{16}', 'why=closed'))
        a.wait_log(line % ('opened', '""', 'for_ms=10000'))
        a.wait_log(line % ('closed', '""', 'why="its time is over"'))
        equal((len(a.wait_log('"gate closed"')), 'gate closed' in b.log()), (2, False))
        equal((openings(b), posts(3525)), ([], 550))
        r.kill()
        b.wait_log('"the store of the gate is lost')
        equal(posts(3525), 451)


def closed_within(h, seconds, *words):
    began = time.monotonic()
    h.tool('gate', *words, code=75)
    took = time.monotonic() - began
    assert took < seconds, took


def test_two_hosts_one_redis():
    with Redis() as r, house('redis://%s:%d/3' % (REDIS, PORT), SECRET, 2000) as a, \
            house('redis://%s?3' % r.socket, 'default ' + SECRET, 3000) as b:
        for h in (a, b):
            h.wait_log('"the store of the gate is there"')
        # what one opens the other sees; what the other closes is closed
        a.tool('gate', 'open', '192.0.2.7', 'hana', '600')
        b.tool('gate', 'open', '2001:db8::7', 'taro', '600')
        b.tool('gate', 'open', '192.0.2.8', 'taro', '1')
        for h in (a, b):
            equal(openings(h)[0], ('192.0.2.7', 'hana'))
            equal(h.json('status')['status']['gate']['shared_is'], 'up')
        equal(b.tool('gate', 'close', '192.0.2.7'), '1 closed\n')
        until(lambda: openings(a) == [('2001:db8::7', 'taro')], 'what was closed there, and what is over, is so here')
        b.wait_log('"gate closed" address=192.0.2.7 user=hana session="" by="" why=closed')
        b.wait_log('"gate closed" address=192.0.2.8 user=taro session=hand by=hand why="its time is over"')
        equal(int(r.cli('-n', '3', 'PTTL', 'sekisho:open:2001:db8::7 taro/')) > 500000, True)
        equal(r.cli('-n', '3', 'EXISTS', 'sekisho:open:192.0.2.8 taro/'), '0')
        login_works(a)
        # killed: nobody is open, mail goes on; it is said, and over when it is back
        r.kill()
        for h in (a, b):
            h.wait_log('"the store of the gate is lost: nobody is open until it is back"')
            closed_within(h, 3)
            closed_within(h, 3, 'open', '192.0.2.7', 'hana')
            equal(h.json('status')['status']['gate']['shared_is'], 'down')
        contains(a.tool('check'), 'the store that gatestore names is down')
        login_works(a)
        r.start()
        for h in (a, b):
            h.wait_log('"the store of the gate is there"', 2)
        a.tool('gate', 'open', '192.0.2.7', 'hana')
        equal(openings(b), [('192.0.2.7', 'hana')])
        assert 'is down' not in a.tool('check')
        # it hangs: one question waits for a second, then nobody does
        r.kill(signal.SIGSTOP)
        closed_within(a, 4)
        closed_within(a, 1)
        login_works(a)
        r.kill(signal.SIGCONT)
        until(lambda: a.tool('gate', code=None) and a.code == 0, 'it goes on')
        equal(openings(a), [('192.0.2.7', 'hana')])
        # slow: it is waited for
        equal(r.cli('CLIENT', 'PAUSE', '600', 'ALL'), 'OK')
        equal(openings(a), [('192.0.2.7', 'hana')])
        # cut off from one host: there nobody is open, and a login goes on; the other host goes on
        if os.getuid() == 0:
            cut = ['blackhole', REDIS + '/32', 'table', 'local']
            subprocess.run(['ip', 'route', 'add'] + cut, check=True)
            closed_within(a, 4)
            closed_within(a, 1)
            login_works(a)
            equal(openings(b), [('192.0.2.7', 'hana')])
            subprocess.run(['ip', 'route', 'del'] + cut, check=True)
            until(lambda: a.tool('gate', code=None) and a.code == 0, 'they see each other again', 40)
            equal(openings(a), [('192.0.2.7', 'hana')])
        # full: what stands is seen, nothing new is opened
        equal(r.cli('CONFIG', 'SET', 'maxmemory', '1'), 'OK')
        closed_within(a, 3, 'open', '192.0.2.9', 'hana')
        a.wait_log('"the store of the gate refuses"')
        equal(a.json('status')['status']['gate']['shared_is'], 'refuses')
        equal(openings(a), [('192.0.2.7', 'hana')])
        login_works(a)
        equal(r.cli('CONFIG', 'SET', 'maxmemory', '0'), 'OK')
        a.tool('gate', 'open', '192.0.2.9', 'hana')
        a.wait_log('"the store of the gate refuses no more"')
        # it has forgotten our script: learnt anew
        equal(r.cli('SCRIPT', 'FLUSH'), 'OK')
        until(lambda: a.tool('gate', 'open', '192.0.2.10', 'hana', code=None) == '' and a.code == 0, 'the script again')
        # others may not in
        a.stop()
        a.set('gatestorelogin', 'wrong\n')
        a.start()
        a.wait_log('"the store of the gate does not let us in"')
        closed_within(a, 3)
