"""The server's life: starts, reloads, ends, programs that die, and the places where it may live."""
import os
import re
import signal
import socket
import subprocess
import threading
import time

from house import HANA, LOCAL, PASSWORDS, SEKISHO, House, Skip, contains, equal, mail, until

PROGRAMS = ('smtpd.0', 'smtpd.1', 'popd.0', 'popd.1', 'spool', 'deliver', 'mailbox', 'auth', 'gate', 'keys', 'resolve', 'report', 'relay',
            'fetch', 'drop')


def test_an_end_right_after_the_first_start():
    """an empty spool still makes its first segments: nothing waits for a work that has long been done"""
    with House() as h:
        began = time.monotonic()
        equal(h.stop(), 0)
        if time.monotonic() - began > 10:
            raise AssertionError('it took %d s' % (time.monotonic() - began))


def test_the_environment_of_who_started_it():
    """its secrets are the parent's: no program gets them, also none that is started anew"""
    if os.getuid() != 0:
        raise Skip('only root may look into the environment of processes')
    with House(env={'A_TOKEN': 'secret', 'SEKISHO_A': 'ours'}) as h:
        h.kill('popd.0')
        h.until_up()
        for name, pid in h.programs().items():
            with open('/proc/%d/environ' % pid, 'rb') as f:
                names = {v.split(b'=')[0] for v in f.read().split(b'\0') if v}
            equal(sorted(n for n in names if not n.startswith((b'SEKISHO_', b'LD_', b'ASAN_', b'UBSAN_'))), [], name)
            equal(b'SEKISHO_A' in names, True)


class Connecting(threading.Thread):
    """connects over and over, each time to all three ports; what went wrong is in .wrong"""

    def __init__(self):
        super().__init__(daemon=True)
        self.done, self.greeted, self.wrong = False, 0, []

    def run(self):
        while not self.done:
            for port, word in ((2525, b'220 '), (2110, b'+OK ')):
                try:
                    with socket.create_connection((LOCAL, port), 10) as s:
                        s.settimeout(10)
                        got = s.recv(100)
                        s.sendall(b'QUIT\r\n')
                        if not got.startswith(word):
                            self.wrong.append('%d: %r' % (port, got))
                        self.greeted += 1
                except OSError as problem:
                    self.wrong.append('%d: %s' % (port, problem))


def test_reloads_drop_and_refuse_nobody():
    with House({'sizelimit': '1M\n'}) as h:
        programs = h.programs()
        d = h.smtp()
        d.say('EHLO pc', 250)
        d.say('MAIL FROM:<>', 250)
        busy = Connecting()
        busy.start()
        for n in range(20):
            h.set('sizelimit', '%dM\n' % (2 + n % 2))
            h.reload()
        busy.done = True
        busy.join(30)
        equal(busy.wrong, [])
        if busy.greeted < 20:
            raise AssertionError('only %d connections' % busy.greeted)
        d.say('RCPT TO:<%s>' % HANA, 250)
        d.say('DATA', 354)
        d.send(mail() + b'.\r\n')
        equal(d.read().code, 250)
        equal(h.programs(), programs, 'the same processes')
        contains(h.smtp().say('EHLO pc', 250), 'SIZE %d' % (3 << 20))


def test_a_bad_configuration_leaves_the_old_one_running():
    with House({'sizelimit': '1M\n'}) as h:
        h.set('sizelimit', 'huge\n')
        h.process.send_signal(signal.SIGHUP)
        h.wait_log('file=sizelimit line=1 .*remedy=')
        h.wait_log('the configuration was not taken over')
        contains(h.smtp().say('EHLO pc', 250), 'SIZE 1048576')


def test_sigterm_lets_a_transaction_end():
    with House() as h:
        d = h.smtp()
        d.say('EHLO pc', 250)
        d.say('MAIL FROM:<>', 250)
        d.say('RCPT TO:<%s>' % HANA, 250)
        d.say('DATA', 354)
        idle = h.smtp()
        h.process.send_signal(signal.SIGTERM)
        contains(idle.line(), '421 ')
        time.sleep(0.3)
        d.send(mail() + b'.\r\n')
        equal(d.read().code, 250)
        equal(h.process.wait(20), 0)
        h.wait_programs_gone()
        equal(len(h.files('hana')), 1)


def test_sigterm_does_not_wait_for_ever():
    """a client that says nothing is waited for half a minute, and no longer"""
    with House() as h:
        d = h.smtp()
        for line, code in (('EHLO pc', 250), ('MAIL FROM:<>', 250), ('RCPT TO:<%s>' % HANA, 250), ('DATA', 354)):
            d.say(line, code)
        equal(h.stop(seconds=45), 0)
        contains(h.log(), 'of=smtpd.')


def send_while(h, stop, counts):
    """mails until `stop`; each one that was answered 250 is counted by its subject"""
    while not stop:
        try:
            with socket.create_connection((LOCAL, 2525), 10) as s:
                talk = s.makefile('rwb')
                talk.readline()
                subject = os.urandom(6).hex()
                for line in (b'HELO pc', b'MAIL FROM:<>', b'RCPT TO:<hana@example.test>', b'DATA'):
                    talk.write(line + b'\r\n')
                    talk.flush()
                    reply = talk.readline()
                    if reply[:1] in (b'4', b''):
                        break
                if reply.startswith(b'354'):
                    talk.write(mail(subject=subject) + b'.\r\n')
                    talk.flush()
                    reply = talk.readline()
                    if reply.startswith(b'250'):
                        counts.append(subject)
                if reply[:1] == b'5':
                    counts.append('answered ' + reply.decode())
        except OSError:
            time.sleep(0.05)


def test_each_program_dies_under_load_and_nothing_is_lost():
    """what was queued is delivered, whoever dies (F-9)"""
    with House() as h:
        stop, counts = [], []
        threads = [threading.Thread(target=send_while, args=(h, stop, counts), daemon=True) for _ in range(2)]
        for t in threads:
            t.start()
        for program in PROGRAMS:
            h.kill(program)
            h.until_up()
            time.sleep(0.2)
        before = len(counts)
        until(lambda: len(counts) > before + 2, 'mail is taken again')
        stop.append(True)
        for t in threads:
            t.join(30)
        equal([c for c in counts if c.startswith('answered')], [], 'a 5xx for a mail that was fine')
        until(lambda: len(h.files('hana')) >= len(counts), 'all %d mails' % len(counts), 60)
        time.sleep(1)
        found = [re.search(rb'Subject: (\S+)', m).group(1).decode() for m in h.messages('hana')]
        equal(sorted(set(counts) - set(found)), [], 'lost')
        equal(len(found), len(set(found)), 'each once')
        d = h.pop('hana')
        contains(d.ok('STAT'), ' %d ' % len(found))


def test_long_and_relative_places():
    """a state directory deeper than a UNIX address can name; one that is given relative"""
    with House(start=False) as h:
        deep = os.path.join(h.state, 'x' * 60, 'y' * 60)
        os.makedirs(deep)
        for parent in (h.state, os.path.dirname(deep), deep):
            os.chmod(parent, 0o755)
        h.env['SEKISHO_STATE'] = h.state = os.path.join(deep, 'state')
        h.start()
        h.send()
        h.messages('hana', 1)
        contains(h.tool('status'), 'smtpd.0')
        h.stop()
        for variable in ('SEKISHO_STATE', 'SEKISHO_CONFIG'):
            h.env[variable] = os.path.relpath(h.env[variable])
        h.start()
        h.send()
        h.messages('hana', 2)


def test_as_an_ordinary_user():
    """without root: no users and no empty roots, all else; the programs say what is missing"""
    if os.getuid() != 0:
        return  # all other tests are this one then
    with House(users=None, start=False) as h:
        os.chmod(h.dir, 0o777)
        own = os.path.join(h.dir, 'own')
        become = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
        h.env.update(SEKISHO_STATE=own + '/state', SEKISHO_CONFIG=own + '/config')
        h.state, h.config = own + '/state', own + '/config'
        subprocess.run(become + ['mkdir', '-p', own, h.config], check=True, env=h.env)
        for words, text in ((['setup', 'mail.example.test'], ''), (['user', 'add', 'hana'], PASSWORDS['hana'] + '\n')):
            subprocess.run(become + [SEKISHO] + words, check=True, env=h.env, input=text, text=True,
                           stdout=subprocess.DEVNULL)
        log = open(h.log_path, 'ab')
        h.process = subprocess.Popen(become + [SEKISHO, 'serve', '--port-base', '2000'], stderr=log, env=h.env)
        until(lambda: 'event="ready"' in h.log(), 'ready')
        for program in ('smtpd.0', 'spool', 'keys'):
            contains(h.log(), 'event="program ready" of=%s missing=root,user\n' % program)
        h.send(sender='')
        h.messages('hana', 1)
        d = h.pop('hana')
        d.block('RETR 1')
        d.ok('QUIT')
        h.process.send_signal(signal.SIGTERM)
        equal(h.process.wait(20), 0)
