"""What people do by hand at a terminal: passwords that are typed, and everything of `serve` said one by one."""
import os
import pty
import select
import signal
import subprocess
import termios
import time

from house import HANA, House, PORTS, SEKISHO, contains, equal, mail, run, until


class Terminal:
    """a command at a terminal of its own"""

    def __init__(self, h, *words):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen([SEKISHO] + list(words), env=h.env, stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True)
        self.slave = slave
        self.seen = ''

    def wait(self, words):
        ends = time.monotonic() + 20
        while words not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0, ends - time.monotonic()))
            if not ready:
                raise AssertionError('%r is not in %r' % (words, self.seen))
            self.seen += os.read(self.master, 4096).decode()
        self.seen = self.seen[self.seen.index(words) + len(words):]

    def type(self, line):
        os.write(self.master, line.encode() + b'\n')

    def shows_what_is_typed(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def end(self):
        code = self.process.wait(20)
        os.close(self.slave)
        os.close(self.master)
        return code


def test_a_password_that_is_typed():
    """twice, unseen; two that differ are asked for again or refused; a break gives the terminal back its echo"""
    with House(users={}, start=False) as h:
        t = Terminal(h, 'user', 'add', 'hana')
        t.wait(': ')
        equal(t.shows_what_is_typed(), False)
        t.type('sakura saku')
        t.wait(': ')
        t.type('sakura saku')
        equal(t.process.wait(20), 0)
        equal(t.shows_what_is_typed(), True)
        t.end()
        contains(h.tool('user', 'list'), 'hana')
        t = Terminal(h, 'user', 'passwd', 'hana')
        t.wait(': ')
        t.type('one of them')
        t.wait(': ')
        t.type('another one')
        until(lambda: t.process.poll() not in (None, 0), 'it is refused')
        t.end()
        t = Terminal(h, 'user', 'passwd', 'hana')
        t.wait(': ')
        os.kill(t.process.pid, signal.SIGINT)
        equal(t.process.wait(20), -signal.SIGINT)
        equal(t.shows_what_is_typed(), True)
        t.end()
        # a hash from elsewhere, on the line or on standard input; one that is none
        verifier = run('openssl', 'passwd', '-6', '-salt', 'abcdefgh', 'sakura saku').strip()
        h.tool('user', 'add', 'taro', '--hash', verifier)
        h.tool('user', 'add', 'jiro', '--hash', '-', input=verifier + '\n')
        h.tool('user', 'add', 'none', '--hash', '-', code=65)
        h.tool('user', 'add', 'none', '--hash', 'secret', code=65)
        contains(h.error, 'hash')
        h.start()
        for user in 'hana', 'taro', 'jiro':
            h.pop(user, password='sakura saku').close()


def test_each_word_of_serve():
    """places and ports one by one, instead of the environment and a base"""
    with House(start=False) as h:
        words = ['--config', h.config, '--state', h.state]
        for name, port in PORTS.items():
            words += ['--%s-port' % name, str(port)]
        h.options = words
        del h.env['SEKISHO_CONFIG'], h.env['SEKISHO_STATE']
        h.start()
        h.env.update(SEKISHO_CONFIG=h.config, SEKISHO_STATE=h.state)
        h.send(to=HANA, content=mail())
        equal(len(h.messages('hana', 1)), 1)
        for name in PORTS:
            contains(h.log(), '%s=%d' % (name, PORTS[name]))
        h.stop()
