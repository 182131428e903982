"""./run, as a person who never ran a mail server uses it (F-1): what it prints, what it says when something is in the way, how it ends."""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from house import LOCAL, PROGRAMS, SOURCE, contains, equal, until


class Run:
    """one ./run; what it has printed so far is .text"""

    def __init__(self, *words, var=None, env=None):
        self.var = var or tempfile.mkdtemp(prefix='sekisho-run-')
        os.chmod(self.var, 0o755)
        self.text = ''
        self.process = subprocess.Popen(
            [os.path.join(SOURCE, 'run')] + list(words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, start_new_session=True,
            # whoever started the tests in the background had Ctrl-C ignored, and a shell cannot take that back
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            env=dict(os.environ, SEKISHO_VAR=self.var, SEKISHO_BUILD=os.path.dirname(PROGRAMS), **(env or {})))
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.text += line.decode('utf-8', 'replace')

    def end(self, code, seconds=60):
        """waits for its end; what it printed"""
        self.process.wait(seconds)
        self.reader.join(10)
        if self.process.returncode != code:
            raise AssertionError('exit %d instead of %d:\n%s' % (self.process.returncode, code, self.text))
        return self.text

    def until(self, pattern):
        return until(lambda: re.search(pattern, self.text) or self.process.poll() is not None and
                     self.fail('ended before ' + pattern), 'printed: ' + pattern, 60)

    def fail(self, what):
        raise AssertionError('%s:\n%s' % (what, self.text))

    def server(self):
        with open(os.path.join(self.var, 'state/lock')) as f:
            return int(f.read())

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        shutil.rmtree(self.var, ignore_errors=True)


def refused(code, *words):
    with Run(*words) as run:
        return run.end(code, 20)


def alive(pid):
    try:
        with open('/proc/%d/stat' % pid) as f:
            return f.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False


def running(var):
    """process ids of programs whose parent works on that state: they hold its directories"""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/cmdline' % pid, 'rb') as f:
                if not f.read().startswith((b'sekisho-', b'build', PROGRAMS.encode())):
                    continue
            links = [os.readlink('/proc/%s/fd/%s' % (pid, n)) for n in os.listdir('/proc/%s/fd' % pid)]
            if any(link.startswith(var) for link in links) or os.readlink('/proc/%s/root' % pid).startswith(var):
                found.append(int(pid))
        except OSError:
            pass
    return found


def test_once_ends_with_0_after_the_first_mail_was_read():
    with Run('--once') as run:
        text = run.end(0)
        contains(text, 'hana@example.test password: ')
        contains(text, 'taro@example.test password: ')
        contains(text, 'The gate is open.')
        if not re.search(r'(?m)^\d\d:\d\d:\d\d  taro@example\.test -> hana@example\.test  delivered$', text):
            run.fail('no line for the mail')
        if 'level=' in text:
            run.fail('lines of the log are shown raw')
        password = re.search(r'hana@example\.test password: (\S+)\n', text).group(1)
        began = time.monotonic()
        with Run('--once', var=run.var) as again:
            text = again.end(0)
            contains(text, 'hana@example.test password: %s\n' % password)
        if time.monotonic() - began > 15:
            raise AssertionError('a second start took %d s' % (time.monotonic() - began))


def test_the_argument_is_the_host_name():
    with Run('mx.sub.example.org', '--once', '--port-base', '7000') as run:
        text = run.end(0)
        contains(text, 'mx.sub.example.org: SMTP on 127.0.0.1:7525, POP3 on 7110, POP3 over TLS on 7995')
        contains(text, 'hana@sub.example.org password: ')
        contains(re.sub(r'\s+', ' ', text), 'by mx.sub.example.org with ESMTP')


def test_command_lines_that_are_wrong():
    contains(refused(64, 'mail'), '"mail" is no full host name')
    contains(refused(64, '192.0.2.1'), 'no full host name')
    contains(refused(64, 'a b.example'), 'no full host name')
    contains(refused(64, 'mail..example'), 'no full host name')
    contains(refused(64, 'mail.example.test', 'again.example.test'), 'one too many')
    contains(refused(64, '--twice'), 'there is no option "--twice"')
    for base in ('', '-1', '64541', '99999999999999999999', 'x', '010', '1.5'):
        contains(refused(64, '--once', '--port-base', base), '--port-base takes a number from 0 to 64540')
    contains(refused(64, '--port-base'), '--port-base takes a number')


def test_the_largest_port_base():
    with Run('--once', '--port-base=64540') as run:
        contains(run.end(0), 'POP3 over TLS on 65535')


def test_a_taken_port_is_named_and_who_has_it():
    with socket.create_server((LOCAL, 2110)):
        with Run('--once') as run:
            text = run.end(1)
            contains(text, 'this port is taken by another program')
            contains(text, '--port-base')
            contains(text, 'port=2110')
            contains(text, '(process %d)' % os.getpid())


def test_a_second_one_in_the_same_directory_says_so():
    with Run() as run:
        run.until('It is up')
        with Run('--once', '--port-base', '5000', var=run.var) as second:
            text = second.end(1, 20)
            contains(text, 'a server from this directory runs already (process %d)' % run.server())
            second.var = '/nonexistent'
        run.process.terminate()
        run.end(0)


def test_a_line_for_each_mail():
    with Run() as run:
        run.until('It is up')
        mail = b'Subject: x\r\n\r\nx\r\n.\r\n'
        with socket.create_connection((LOCAL, 2525)) as s:
            talk = s.makefile('rwb')
            talk.readline()
            for line in (b'EHLO pc', b'MAIL FROM:<>', b'RCPT TO:<hana@example.test>',
                         b'RCPT TO:<nobody@example.test>', b'RCPT TO:<x@elsewhere>'):
                talk.write(line + b'\r\n')
                talk.flush()
                while talk.readline()[3:4] == b'-':
                    pass
            talk.write(b'DATA\r\n')
            talk.flush()
            talk.readline()
            talk.write(mail)
            talk.flush()
            contains(talk.readline().decode(), '250')
        run.until(r'\n\d\d:\d\d:\d\d  <> -> hana@example\.test  delivered\n')
        run.until(r'\n\d\d:\d\d:\d\d  .* -> <?nobody@example\.test>?  refused: 550, .*\(from 127\.0\.0\.1\)\n')
        run.until(r'\n\d\d:\d\d:\d\d  .* -> <?x@elsewhere>?  refused: 550, .*\n')
        run.process.terminate()
        run.end(0)


def test_ctrl_c_drains():
    """the key reaches all of the terminal's processes; a transaction under way ends as it should"""
    with Run() as run:
        run.until('It is up')
        server = run.server()
        with socket.create_connection((LOCAL, 2525), 20) as s:
            talk = s.makefile('rwb')
            talk.readline()
            for line in (b'HELO pc', b'MAIL FROM:<>', b'RCPT TO:<hana@example.test>', b'DATA'):
                talk.write(line + b'\r\n')
                talk.flush()
                talk.readline()
            os.killpg(run.process.pid, signal.SIGINT)
            run.until('finishing what is under way')
            time.sleep(0.3)
            equal(alive(server), True, 'the server waits for the transaction')
            talk.write(b'Subject: late\r\n\r\nx\r\n.\r\n')
            talk.flush()
            contains(talk.readline().decode(), '250 ')
        run.end(0)
        equal(alive(server), False, 'the server has ended')


def test_a_second_ctrl_c_ends_at_once():
    with Run() as run:
        run.until('It is up')
        with socket.create_connection((LOCAL, 2525), 20) as s:
            talk = s.makefile('rwb')
            talk.readline()
            for line in (b'HELO pc', b'MAIL FROM:<>', b'RCPT TO:<hana@example.test>', b'DATA'):
                talk.write(line + b'\r\n')
                talk.flush()
                talk.readline()
            os.killpg(run.process.pid, signal.SIGINT)
            run.until('finishing what is under way')
            os.killpg(run.process.pid, signal.SIGINT)
            run.end(0, 10)


def test_the_second_start_after_everything_was_killed():
    with Run() as run:
        run.until('It is up')
        server = run.server()
        everything = running(run.var) + [server, run.process.pid]
        if len(everything) < 7:
            raise AssertionError('few processes: %r' % everything)
        for pid in everything:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        run.process.wait(10)
        with Run('--once', var=run.var) as again:
            contains(again.end(0), 'The gate is open.')


def test_the_second_start_after_the_parent_was_killed():
    """its programs are still about to end when the next one comes"""
    with Run() as run:
        run.until('It is up')
        os.kill(run.process.pid, signal.SIGKILL)
        os.kill(run.server(), signal.SIGKILL)
        run.process.wait(10)
        with Run('--once', var=run.var) as again:
            contains(again.end(0), 'The gate is open.')


def test_the_server_ends_when_run_is_killed():
    with Run() as run:
        run.until('It is up')
        server = run.server()
        os.kill(run.process.pid, signal.SIGKILL)
        until(lambda: not alive(server), 'the server has ended')
        with open(os.path.join(run.var, 'log')) as f:
            contains(f.read(), 'event="stopped"')
