#!/usr/bin/env python3
"""What popKey costs: natively, and what each tool for other servers adds to a POP session.

usage: popkey.py PROGRAMS, in a namespace of tests/system/namespace (./bench gate)
"""
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SYSTEM = os.path.join(HERE, '../system')
os.environ['SEKISHO_PROGRAMS'] = PROGRAMS = os.path.abspath(sys.argv[1])
os.environ.setdefault('SEKISHO_SOURCE', os.path.abspath(os.path.join(HERE, '../..')))
sys.path.insert(0, SYSTEM)
import house  # noqa: E402, pylint: disable=wrong-import-position

LOGINS = 100  # natively: each needs its 15 ms of hashing
SESSIONS = 200  # of each tool
LINES = 20000  # of a log
POP3 = ('printf "+OK ready\\r\\n"; while read -r word rest; do case $word in QUIT*) printf "+OK bye\\r\\n"; exit ;; '
        '*) printf "+OK\\r\\n" ;; esac; done')
DIALOG = b'USER hana\r\nPASS secret\r\nSTAT\r\nQUIT\r\n'
LOGIN = 'Nov 28 12:00:%02d mail dovecot: pop3-login: Login: user=<hana>, method=PLAIN, rip=%s, lip=192.0.2.1, mpid=%d, TLS, session=<a>\n'
OTHER = 'Nov 28 12:00:%02d mail dovecot: imap(taro)<%d><x>: Disconnected: Logged out in=71 out=%d deleted=0 expunged=0\n'


def tool(name):
    return os.path.join(PROGRAMS, 'popkey-' + name)


def median_us(times):
    return statistics.median(times) * 1e6


# --- natively -----------------------------------------------------------------------------------


def login(h):
    """a POP3 session; how long the answer to PASS took"""
    d = house.Dialog(h, 'pop3s', house.STRANGER, tls=True)
    d.ok('USER hana')
    began = time.monotonic()
    d.ok('PASS ' + house.PASSWORDS['hana'])
    return d, time.monotonic() - began


def rcpt(d, to):
    """how long its answer took, which must be 250"""
    d.say('MAIL FROM:<%s>' % house.HANA, 250)
    began = time.monotonic()
    d.say('RCPT TO:<%s>' % to, 250)
    took = time.monotonic() - began
    d.say('RSET', 250)
    return took


def natively(popkey):
    """the median answer to PASS; with popkey: of the RCPT sent at once after it, for whom the gate must be open"""
    files = {'popkey': ''} if popkey else {}
    answers, through, local = [], [], []
    with house.House(dict(files, smarthost='127.0.0.1:9\n')) as h:
        for n in range(LOGINS):
            if n % 20 == 0:  # a session has a limit of mails
                mail = h.smtp(house.STRANGER)
                mail.say('EHLO client.example.org', 250)
            d, took = login(h)
            answers.append(took)
            if popkey:
                through.append(rcpt(mail, 'anna@other.example'))
            local.append(rcpt(mail, house.TARO))
            d.ok('QUIT')
            d.close()
    return answers, through, local


def measure_natively():
    without, _, local = natively(False)
    answers, through, own = natively(True)
    print('natively, %d logins: answer to PASS %.0f us, with popkey %.0f; RCPT for another host right behind it, %d of %d let '
          'through, in %.0f us, for a user here %.0f (without popkey %.0f)'
          % (LOGINS, median_us(without), median_us(answers), len(through), LOGINS, median_us(through), median_us(own), median_us(local)))


# --- tools --------------------------------------------------------------------------------------


def children_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def session_ms(words, env):
    """processor time and time of a session, the medians of groups of twenty"""
    cpu, wall = [], []
    for _ in range(SESSIONS // 20):
        before, began = children_s(), time.monotonic()
        for _ in range(20):
            subprocess.run(words, input=DIALOG, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env, check=True)
        cpu.append((children_s() - before) / 20)
        wall.append((time.monotonic() - began) / 20)
    return statistics.median(cpu) * 1e3, statistics.median(wall) * 1e3


def measure_sessions(directory):
    env = {'PATH': os.environ['PATH'], 'USER': 'hana', 'TCPREMOTEIP': '192.0.2.7'}
    server = ['sh', '-c', POP3]
    ways = {'no tool': [], 'env (a program that does nothing)': ['env'],
            'popkey-wrap': [tool('wrap'), '--directory', directory],
            'popkey-filter': [tool('filter'), '--directory', directory],
            'popkey-smtp': [tool('smtp'), '--directory', directory],
            "the paper's wrapper in shell": [os.path.join(SYSTEM, 'popkey-paper-wrap.sh'), directory]}
    base = None
    for name, words in ways.items():
        cpu, wall = session_ms(words + server, env)
        base = base or (cpu, wall)
        print('%-34s a POP session %6.2f ms CPU, %6.2f ms: %+.2f, %+.2f' % (name, cpu, wall, cpu - base[0], wall - base[1]))


def of_log_ms(directory, line):
    text = ''.join(line(n) for n in range(LINES))
    before = children_s()
    subprocess.run([tool('log'), '--directory', directory, '--stdin'], input=text.encode(), stdout=subprocess.DEVNULL, check=True)
    return (children_s() - before) / LINES * 1e3


def measure_log(directory):
    login_ms = of_log_ms(directory, lambda n: LOGIN % (n % 60, '10.%d.%d.%d' % (n >> 16, n >> 8 & 255, n & 255), n))
    other_ms = of_log_ms(directory, lambda n: OTHER % (n % 60, n, n))
    print('popkey-log: %.4f ms CPU a login, %.4f another line' % (login_ms, other_ms))


def main():
    measure_natively()
    with tempfile.TemporaryDirectory(dir='/dev/shm') as place:
        for name in ('sessions', 'log'):
            os.mkdir(place + '/' + name)
        measure_sessions(place + '/sessions')
        measure_log(place + '/log')


if __name__ == '__main__':
    main()
