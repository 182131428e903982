"""A server of one's own for a test, and a client that speaks to it line by line."""
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

PROGRAMS = os.environ['SEKISHO_PROGRAMS']
SOURCE = os.environ['SEKISHO_SOURCE']
SEKISHO = os.path.join(PROGRAMS, 'sekisho')
NAME = 'mail.example.test'
PORTS = {'smtp': 2525, 'submission': 2587, 'submissions': 2465, 'pop3': 2110, 'pop3s': 2995}
LOCAL = '127.0.0.1'
STRANGER = '198.51.100.7'
OTHER_STRANGER = '203.0.113.9'
STRANGER6 = '2001:db8:7::25'
HANA = 'hana@example.test'
TARO = 'taro@example.test'
PASSWORDS = {'hana': 'sakura saku', 'taro': 'pass the gate'}

alive = []
others = []  # other people's hosts that stand
spoken = []  # of all dialogues of this test, for its failure


class Skip(Exception):
    """cannot run here; the text says why"""


def as_released():
    """for tests of memory: sanitizers have much of their own"""
    with open(SEKISHO, 'rb') as f:
        if b'__asan_init' in f.read():
            raise Skip('the programs have sanitizers in them')


def end_all():
    for house in list(alive):
        house.end()
    for dialog in list(spoken):
        dialog.close()
    spoken.clear()


def last_words():
    """what a failed test shows: the last dialogue and the end of each log"""
    lines = []
    for dialog in spoken[-1:]:
        lines += ['-- dialogue'] + dialog.lines[-14:]
    for house in alive:
        lines += ['-- log'] + house.log().rstrip().split('\n')[-16:]
    for host in others:
        lines += ['-- log of ' + host.name] + host.log().rstrip().split('\n')[-12:]
    return lines


def until(holds, what, seconds=20):
    """waits for something to become true; its value"""
    end = time.monotonic() + seconds
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError('not within %d s: %s' % (seconds, what))
        time.sleep(0.02)


def equal(is_, wanted, what=''):
    if is_ != wanted:
        raise AssertionError('%s%r instead of %r' % (what + ': ' if what else '', is_, wanted))


def contains(text, part):
    if part not in text:
        raise AssertionError('%r is not in %r' % (part, text[-2000:]))


def mail(subject='hello', to=HANA, sender=TARO, body='The gate is open.', extra=''):
    """a small mail as octets"""
    return ('From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\nMessage-ID: <%s@test>\r\n%s\r\n%s\r\n'
            % (sender, to, subject, os.urandom(8).hex(), extra, body)).encode()


def without_trace(message):
    """what was sent: the message below the trace fields that this server put on top"""
    end = re.match(rb'Return-Path:.*?\r\nDelivered-To:.*?\r\nReceived:.*?\r\n(?![ \t])', message, re.DOTALL)
    if not end:
        raise AssertionError('no trace fields on top of %r' % message[:300])
    return message[end.end():]


class House:
    """One running server. files: settings; users: name → password (None: nobody)."""

    def __init__(self, files=None, users=PASSWORDS, options=(), start=True, limits=None, env=None, name=NAME):
        self.name = name
        self.dir = tempfile.mkdtemp(prefix='sekisho-test-')
        os.chmod(self.dir, 0o755)
        self.config = os.path.join(self.dir, 'config')
        self.state = os.path.join(self.dir, 'state')
        self.log_path = os.path.join(self.dir, 'log')
        self.options = list(options)
        self.limits = limits
        self.process = None
        self.env = dict(os.environ, SEKISHO_CONFIG=self.config, SEKISHO_STATE=self.state, LC_ALL='C.UTF-8',
                        **(env or {}))
        os.mkdir(self.config)
        open(self.log_path, 'wb').close()
        self.log_from = 0
        alive.append(self)
        for name, text in (files or {}).items():
            self.set(name, text)
        if os.getuid() == 0:
            self.tool('setup')
        for name, password in (users or {}).items():
            self.tool('user', 'add', name, input=password + '\n')
        if start:
            self.start()

    # settings and commands

    def set(self, name, text):
        with open(os.path.join(self.config, name), 'w') as f:
            f.write(text)

    def unset(self, name):
        os.unlink(os.path.join(self.config, name))

    def tool(self, *words, input='', code=0):
        """runs `sekisho WORDS`; its standard output. `code`: the exit code that must come (None: any)"""
        done = subprocess.run([SEKISHO] + list(words), input=input, text=True, env=self.env,
                              capture_output=True, timeout=60)
        self.error = done.stderr
        self.code = done.returncode
        if code is not None and done.returncode != code:
            raise AssertionError('sekisho %s: exit %d instead of %d\n%s%s'
                                 % (' '.join(words), done.returncode, code, done.stdout, done.stderr))
        return done.stdout

    def json(self, *words, code=0):
        return json.loads(self.tool(*words, '--json', code=code))

    # life

    def start(self, wait=True, program=SEKISHO):
        self.log_from = os.path.getsize(self.log_path)
        self.log_file = open(self.log_path, 'ab')
        self.process = subprocess.Popen(
            [program, 'serve', self.name, '--port-base', '2000'] + self.options, stderr=self.log_file,
            stdout=self.log_file, stdin=subprocess.DEVNULL, env=self.env, preexec_fn=self.limits)
        if wait:
            until(lambda: 'event="ready"' in self.log() or 'event=ready' in self.log() or
                  self.process.poll() is not None, 'the server is ready')
            if self.process.poll() is not None:
                raise AssertionError('the server ended with %d' % self.process.returncode)

    def stop(self, how=signal.SIGTERM, seconds=40):
        """ends the server; its exit code"""
        self.process.send_signal(how)
        self.process.wait(seconds)
        self.log_file.close()
        return self.process.returncode

    def reload(self):
        before = self.log().count('event="configuration reloaded"')
        self.process.send_signal(signal.SIGHUP)
        until(lambda: self.log().count('event="configuration reloaded"') > before, 'reloaded')

    def restart(self, how=signal.SIGTERM):
        self.stop(how)
        self.wait_programs_gone()
        self.start()

    def end(self):
        if self in alive:
            alive.remove(self)
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            try:
                self.wait_programs_gone()
            finally:  # those that hang would be met by the next test
                for pid in filter(str.isdigit, os.listdir('/proc')):
                    if self.is_program(int(pid)):
                        os.kill(int(pid), signal.SIGKILL)
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if unused[0] is None:
            self.none_has_crashed()
            self.end()

    def none_has_crashed(self):
        """no program died of a broken invariant, a fault, or a call that its filter forbids"""
        with open(self.log_path, 'rb') as f:
            died = re.findall(rb'event="a program (?:was killed" of=\S+ signal=(?:4|6|7|8|11)\b|tried.*)', f.read())
        equal(died, [])

    # its programs

    def programs(self):
        """name → process id, of what runs now"""
        return {p['name']: p['pid'] for p in self.json('status', code=None)['programs'] if p.get('pid')}

    def sessions(self):
        """SMTP sessions of all workers"""
        return self.json('status', code=None)['status']['smtpd']['sessions_all_workers']

    def children(self):
        """ids of the processes that the parent has started and that live"""
        found = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open('/proc/%s/stat' % pid) as f:
                    fields = f.read().rsplit(')', 1)[1].split()
                if int(fields[1]) == self.process.pid and fields[0] != 'Z':
                    found.append(int(pid))
            except OSError:
                pass
        return found

    def wait_programs_gone(self):
        """the programs end by themselves when the parent is gone"""
        until(lambda: not any(self.is_program(int(p)) for p in os.listdir('/proc') if p.isdigit()),
              'the programs are gone')

    def is_program(self, pid):
        try:
            with open('/proc/%d/cmdline' % pid, 'rb') as f:
                words = f.read().split(b'\0')
            with open('/proc/%d/stat' % pid) as f:
                state = f.read().rsplit(')', 1)[1].split()[0]
            return (words[0].startswith(b'sekisho-') and state != 'Z' and self.is_of_this_house(pid) and
                    os.stat('/proc/%d/ns/net' % pid).st_ino == os.stat('/proc/self/ns/net').st_ino)
        except OSError:
            return False

    def is_of_this_house(self, pid):
        try:
            with open('/proc/%d/environ' % pid, 'rb') as f:
                return ('SEKISHO_STATE=' + self.state).encode() in f.read().split(b'\0')
        except PermissionError:
            return True

    def kill(self, program, how=signal.SIGKILL):
        """ends or stops a program; when it has ended, the parent knows"""
        pid = self.programs()[program]
        os.kill(pid, how)
        if how in (signal.SIGKILL, signal.SIGTERM):
            until(lambda: self.programs().get(program) != pid, '%s has ended' % program)

    def until_up(self):
        until(lambda: self.tool('status', code=None) and self.code == 0, 'all programs are up')

    # what it says and keeps

    def log(self):
        with open(self.log_path, 'rb') as f:
            f.seek(self.log_from)
            return f.read().decode('utf-8', 'replace')

    def wait_log(self, pattern, count=1, seconds=20):
        """waits for `count` lines that match; the list of matches"""
        return until(lambda: len(re.findall(pattern, self.log())) >= count and
                     list(re.finditer(pattern, self.log())), 'in the log: ' + pattern, seconds)

    def certificate(self):
        return os.path.join(self.state, 'keys/certificate.pem')

    def maildir(self, user):
        return os.path.join(self.state, 'mail', user)

    def files(self, user, *folders):
        """paths of the messages in new/ and cur/, oldest first"""
        found = []
        for folder in folders or ('new', 'cur'):
            path = os.path.join(self.maildir(user), folder)
            if os.path.isdir(path):
                found += [os.path.join(path, n) for n in os.listdir(path)]
        return sorted(found, key=os.path.basename)

    def messages(self, user, count=None, seconds=20):
        """contents of the messages, oldest first, once there are `count`"""
        if count is not None:
            until(lambda: len(self.files(user)) >= count, '%d mails for %s' % (count, user), seconds)
            equal(len(self.files(user)), count, 'mails for ' + user)
        contents = []
        for path in self.files(user):
            with open(path, 'rb') as f:
                contents.append(f.read())
        return contents

    # clients

    def smtp(self, source=LOCAL, **more):
        return Dialog(self, 'smtp', source, **more)

    def pop(self, user=None, source=LOCAL, password=None, **more):
        """a POP3 session, logged in when `user` is given"""
        d = Dialog(self, 'pop3', source, **more)
        if user:
            d.ok('USER %s' % user)
            d.ok('PASS %s' % (password or PASSWORDS[user.split('@')[0]]))
        return d

    def send(self, to=HANA, content=None, sender=TARO, source=LOCAL, code=250, **more):
        """one mail in one session; the last reply"""
        d = self.smtp(source)
        d.say('EHLO client.example.org', 250)
        reply = d.transaction(sender, to if isinstance(to, list) else [to], content or mail(**more), code)
        d.say('QUIT', 221)
        d.close()
        return reply


class Reply(str):
    """all lines of a reply; .code is its number, .lines without code"""

    @property
    def code(self):
        return int(self[:3]) if self[:3].isdigit() else self.split(' ')[0]

    @property
    def lines(self):
        return [line[4:] for line in self.split('\n')]


class Dialog:
    """A client that says what the test says. Everything is noted for the failure's sake."""

    def __init__(self, house, service, source=LOCAL, greeting=True, tls=None, timeout=30):
        self.service = service
        self.lines = []
        self.pending = b''
        self.socket = None
        self.is_bare = True  # what comes next is the greeting, or answers HELO or EHLO
        spoken.append(self)
        to = '::1' if source == '::1' else '2001:db8::1' if ':' in source else LOCAL if \
            source.startswith('127.') else '192.0.2.1'
        self.house = house
        self.socket = socket.create_connection((to, PORTS[service]), timeout, (source, 0))
        if tls:
            self.start_tls(tls)
        if greeting:
            self.greeting = self.read()

    def start_tls(self, context=None):
        if context is None or context is True:
            context = client_context(self.house)
        self.socket = context.wrap_socket(self.socket, server_hostname=NAME)

    # octets

    def send(self, octets):
        if isinstance(octets, str):
            octets = octets.encode()
        self.is_bare = re.match(rb'(?i)(EHLO|HELO)[^\r\n\0]{0,2042}\r\n', octets) is not None
        shown = octets[:200].decode('utf-8', 'replace').rstrip('\r\n').split('\r\n')
        self.lines += ['C: ' + line for line in shown] + (['C: …'] if len(octets) > 200 else [])
        self.socket.sendall(octets)

    def line(self):
        while b'\n' not in self.pending:
            try:
                more = self.socket.recv(65536)
            except (ConnectionResetError, ssl.SSLEOFError):
                more = b''
            if not more:
                raise EOFError('closed by the server after %r' % self.pending)
            self.pending += more
        line, self.pending = self.pending.split(b'\n', 1)
        if not line.endswith(b'\r'):
            raise AssertionError('a line without CR: %r' % line)
        line = line[:-1].decode('utf-8', 'surrogateescape')
        self.lines.append('S: ' + line)
        return line

    def read(self):
        """one reply"""
        if self.service.startswith('pop3'):
            return Reply(self.line())
        lines = [self.line()]
        while lines[-1][3:4] == '-':
            lines.append(self.line())
        self.is_sentence(lines[-1])
        return Reply('\n'.join(lines))

    def is_sentence(self, line):
        """an SMTP reply has words, and an enhanced code of its class but in the greeting, to HELO, and in 3xx (RFC 2034)"""
        code = r'\d{3} %s\.\d{1,3}\.\d{1,3} \S.*' % line[0]
        in_a_row = 'is pleased to meet you' in line or line == '250 HELP'  # of pipelined commands
        bare = self.is_bare or line[0] == '3' or in_a_row
        self.is_bare = False
        if len(line) > 510 or bool(re.fullmatch(code, line)) == bare or not re.fullmatch(r'\d{3} .*', line):
            raise AssertionError('no reply for people and programs: %r' % line)

    def read_block(self):
        """POP3: the lines up to the dot, unstuffed"""
        lines = []
        while True:
            line = self.line()
            if line == '.':
                return lines
            lines.append(line[1:] if line.startswith('.') else line)

    def say(self, line, code=None):
        """a command and its reply, which must have that code"""
        self.send(line + '\r\n')
        reply = self.read()
        if code is not None and reply.code != code:
            raise AssertionError('%r: %r instead of %s' % (line[:100], str(reply), code))
        return reply

    def ok(self, line):
        """POP3: must be +OK"""
        return self.say(line, '+OK')

    def err(self, line):
        return self.say(line, '-ERR')

    def block(self, line):
        self.ok(line)
        return self.read_block()

    def transaction(self, sender, recipients, content, code=250):
        """MAIL to the final reply; the session was introduced"""
        self.say('MAIL FROM:<%s>' % sender, 250)
        for recipient in recipients:
            self.say('RCPT TO:<%s>' % recipient, 250)
        self.say('DATA', 354)
        self.send(content + b'.\r\n')
        reply = self.read()
        if code is not None:
            equal(reply.code, code, str(reply))
        return reply

    def closed(self, seconds=10):
        """nothing more comes, and the server has closed"""
        self.socket.settimeout(seconds)
        try:
            more = self.pending + self.socket.recv(100)
        except (ConnectionResetError, ssl.SSLError):
            more = b''
        if more:
            raise AssertionError('still talking: %r' % more)

    def closed_after_anything(self, seconds=10):
        """the server closes; what it may have said before does not matter"""
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(1000):
                pass
        except ConnectionResetError:
            pass

    def silent(self, seconds=0.3):
        """nothing comes"""
        self.socket.settimeout(seconds)
        try:
            more = self.pending + self.socket.recv(100)
            raise AssertionError('expected silence: %r' % more)
        except socket.timeout:
            self.socket.settimeout(30)

    def close(self):
        if self.socket:
            self.socket.close()


def client_context(house, version=None):
    context = ssl.create_default_context(cafile=house.certificate())
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def run(*words, input=None, code=0, timeout=60, env=None):
    """somebody else's program; its standard output and error together"""
    if not shutil.which(words[0]):
        raise Skip('%s is not installed' % words[0])
    done = subprocess.run(words, input=input, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                          env=dict(os.environ, **(env or {})))
    text = done.stdout.decode('utf-8', 'replace')
    if code is not None and done.returncode != code:
        raise AssertionError('%s: exit %d instead of %d\n%s' % (' '.join(words), done.returncode, code, text))
    return text
