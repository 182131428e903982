"""The commands, as a person and a script use them: what they print, their exit codes (sysexits), --json, --help."""
import contextlib
import os
import re
import subprocess
import tempfile
import time

from house import HANA, LOCAL, NAME, PASSWORDS, SEKISHO, STRANGER, House, contains, equal, mail, until

COMMANDS = ('serve', 'setup', 'check', 'user', 'queue', 'explain', 'gate', 'trace', 'status', 'reload')


def bare(*words, code=0, env=None):
    """a command without a house; standard output and error together"""
    done = subprocess.run([SEKISHO] + list(words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=20, env=env)
    equal(done.returncode, code, 'exit of sekisho %s: %s' % (' '.join(words), done.stdout))
    return done.stdout


def refused(h, *words, code, says, input=''):
    h.tool(*words, code=code, input=input)
    contains(h.error, says)


# --- all of them


def test_help_of_each():
    text = bare('--help')
    for command in COMMANDS:
        contains(text, '\n  ' + command)
        for words in ((command, '--help'), ('help', command), (command, '-h')):
            contains(bare(*words), 'usage: sekisho ' + command)
        contains(bare(command, '--nonsense', code=64), '--nonsense')
    contains(bare('nonsense', code=64), '"nonsense" is no command')
    contains(bare('--nonsense', code=64), '"--nonsense" is no option')
    contains(bare(code=64), 'usage:')
    contains(bare('version'), 'sekisho ')


def as_nobody(h, *words, input=''):
    """a command of another user than root and the one who runs the server"""
    return subprocess.run(['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', SEKISHO] + list(words), env=h.env,
                          input=input, capture_output=True, text=True, timeout=20)


def test_words_before_a_command():
    """--config and --state, joined or not, count for it; behind -- all are words"""
    with House() as h:
        for words in (['--config', h.config, '--state', h.state], ['--config=' + h.config, '--state=' + h.state]):
            contains(bare(*words, 'status'), 'smtpd')
            contains(bare(*words, 'user', 'list', '--'), 'hana')
        contains(bare('--config', code=64), '--config')
        contains(bare('--state=', 'status', code=64), '--state')
        bare('--config=' + h.config, 'user', 'list', '--', '--json', code=64)


@contextlib.contextmanager
def another_etc(*without):
    """/etc as it is, but for the lines of passwd and its like that begin so; of this test alone"""
    with tempfile.TemporaryDirectory() as top:
        etc = os.path.join(top, 'etc')
        subprocess.run(['cp', '-a', '/etc', etc], check=True)
        for name in ('passwd', 'group', 'shadow', 'gshadow'):
            path = os.path.join(etc, name)
            with open(path) as f:
                lines = [line for line in f if not line.startswith(without)]
            with open(path, 'w') as f:
                f.writelines(lines)
        subprocess.run(['mount', '--bind', etc, '/etc'], check=True)
        try:
            yield
        finally:
            subprocess.run(['umount', '-l', '/etc'], check=True)


def test_setup_makes_the_system_users():
    """each program has its own, and they are made once; one with the number of root is none; without them nothing starts"""
    if os.getuid() != 0:
        return
    with another_etc('sekisho'):
        with House(users=None, start=False) as h:
            with open('/etc/passwd') as f:
                made = re.findall('^(sekisho-[a-z]+):x:([0-9]+):', f.read(), re.M)
            equal(len(made) > 10 and len({number for _, number in made}), len(made))
            equal(h.tool('setup').count('made'), 0)
            for name in ('fetch', 'gate'):
                subprocess.run(['userdel', 'sekisho-' + name], check=True)
            text = h.tool('serve', '--port-base', '2000', code=None) + h.error
            contains(text, 'a system user is missing')
            subprocess.run(['useradd', '-o', '-u', '0', '-M', 'sekisho-fetch'], check=True)
            refused(h, 'setup', code=71, says='sekisho-fetch has the number of root')
            subprocess.run(['sed', '-i', '/^sekisho-fetch/d', '/etc/passwd'], check=True)
            contains(h.tool('setup'), 'made the system user sekisho-fetch\n')
            with open('/etc/passwd') as f:
                equal(f.read().count('\nsekisho-'), len(made))


def test_setup_says_what_it_cannot_make():
    with House(start=False) as h:
        refused(h, 'setup', 'no name', code=65, says='is no full host name')
        h.env['SEKISHO_STATE'] = '/proc/sekisho'
        refused(h, 'setup', NAME, code=73, says='/proc/sekisho')
        h.env['SEKISHO_STATE'] = h.state
        if os.getuid() == 0:
            with open(os.path.join(h.state, 'keys/certificate.pem'), 'w') as f:
                f.write('none')
            refused(h, 'setup', NAME, code=73, says='cannot be used')


def test_without_a_server():
    with House(start=False) as h:
        for words in (('queue',), ('queue', '--json'), ('gate',), ('status',), ('trace', LOCAL), ('reload',)):
            refused(h, *words, code=69, says='the server is not running')


def test_a_user_whom_others_need_is_not_removed():
    """the server would refuse the configuration, and the user would stay in force: said before, nothing is changed"""
    with House({'aliases': 'info: hana, taro\nboth: info\n', 'postmaster': 'taro\n'}) as h:
        refused(h, 'user', 'remove', 'taro', code=65, says='aliases:1: error: info goes to taro')
        contains(h.error, 'postmaster:1: error: taro')
        equal([u['name'] for u in h.json('user', 'list')], ['hana', 'taro'])
        h.set('aliases', 'info: hana\nboth: info\n')
        h.unset('postmaster')
        h.tool('user', 'remove', 'taro')
        equal(h.error, '')
        d = h.smtp(STRANGER)
        d.say('EHLO client.example.org', 250)
        d.say('MAIL FROM:<>', 250)
        d.say('RCPT TO:<taro@example.test>', 550)
        h.set('aliases', '')
        h.tool('user', 'remove', 'hana')  # the last one: the postmaster was no setting


def test_a_change_that_is_not_in_force_is_no_success():
    with House() as h:
        h.set('sizelimit', 'huge\n')
        refused(h, 'user', 'passwd', 'hana', code=1, says='does not go by it yet', input='another word\n')
        login(h, 'hana', PASSWORDS['hana'], '+OK')
        h.unset('sizelimit')
        h.tool('reload')
        login(h, 'hana', 'another word', '+OK')


def test_a_name_given_to_serve_counts_in_all_commands():
    """F-12: no configuration file but the users; the name is an argument, and commands know it while it runs"""
    with House() as h:
        name = [s for s in h.json('check')['settings'] if s['name'] == 'servername'][0]
        equal((name['value'], name['origin']), (NAME, 'argument'))
        equal(h.json('explain', '<a@sender.example>', HANA)['mailboxes'], ['hana@' + NAME])
        h.tool('user', 'add', 'jiro@example.test', input='a password\n')
        h.send(to='jiro@example.test')
        h.tool('check', 'other.example')
        contains(h.tool('check', 'other.example'), 'servername = other.example (argument)')
        h.stop()
        refused(h, 'explain', '<>', HANA, code=65, says='no full name')


def test_serve_refuses_what_makes_no_sense():
    for words, says in ((('nodots',), '"nodots" is no full host name'), (('a.example', 'b.example'), 'one too many'),
                        (('--port-base', '64541'), '--port-base takes a number from 0 to 64540'),
                        (('--port-base', 'x'), 'not "x"'), (('--port-base',), '--port-base takes'),
                        (('--smtp-port', '0'), '1 to 65535'), (('--pop3-port', '65536'), '1 to 65535'),
                        (('--workers', '0'), '1 to 16'), (('--workers', '17'), '1 to 16'),
                        (('--address', '300.1.1.1'), 'an IP address'), (('--state', ''), 'a directory')):
        contains(bare('serve', *words, code=64), says)


def test_a_second_server_on_the_same_state():
    with House() as h:
        text = h.tool('serve', '--port-base', '4000', code=1) + h.error
        contains(text, 'a server runs on this state directory already')
        contains(text, 'process=%d' % h.process.pid)
        h.send()
        equal(len(h.messages('hana', 1)), 1)


def test_who_may_ask():
    """another user than root and the one who runs it gets a refusal that says so"""
    if os.getuid() != 0:
        return
    with House() as h:
        done = as_nobody(h, 'status')
        equal(done.returncode, 77)
        contains(done.stderr, 'root, and by the user who runs it')
        for mode, says in ((0o600, 'may not be read by you'), (0o644, 'may not be changed by you')):
            os.chmod(os.path.join(h.config, 'users'), mode)
            done = as_nobody(h, 'user', 'add', 'yuki', input='white as snow\n')
            equal(done.returncode, 77)
            contains(done.stderr, says)
        equal([u['name'] for u in h.json('user', 'list')], ['hana', 'taro'])


# --- users


def test_users():
    with House(users=None, start=False) as h:
        h.tool('setup', NAME)
        equal(h.json('user', 'list'), [])
        word = h.tool('user', 'add', 'hana', '--generate').split()
        equal(word[:2], ['hana@example.test', 'password:'])
        equal(h.tool('user', 'add', 'taro@example.test', input='pass the gate\n'), 'taro@example.test: added\n')
        equal([u['name'] for u in h.json('user', 'list')], ['hana', 'taro'])
        equal(h.tool('user', 'list'), 'hana\ntaro\n')
        for name, says in (('hana', 'there is a user hana already'), ('Hana', 'lower-case'), ('', 'is empty'),
                           ('../x', 'begins with a dot'), ('a@elsewhere.example', 'in no domain of this site'),
                           ('x' * 65, 'cannot be a user')):
            refused(h, 'user', 'add', name, '--generate', code=65, says=says)
        for verb in ('passwd', 'remove'):
            refused(h, 'user', verb, 'nobody', *(['--generate'] if verb == 'passwd' else []), code=65,
                    says='there is no user nobody')
        for password, says in (('', 'no password came'), ('a\0b\n', 'control characters'), ('a' * 1025 + '\n', '1024')):
            refused(h, 'user', 'add', 'yuki', code=65, says=says, input=password)
        equal(h.tool('user', 'add', 'yuki', input='a' * 1024 + '\n'), 'yuki@example.test: added\n')
        for words in (('user',), ('user', 'add'), ('user', 'list', 'x'), ('user', 'frob', 'x'), ('user', 'remove', 'x', 'y'),
                      ('user', 'add', 'x', '--json'), ('user', 'add', 'x', '--generate', '--hash', '!')):
            h.tool(*words, code=64)


def login(h, user, password, code):
    d = h.pop()
    d.ok('USER ' + user)
    d.say('PASS ' + password, code)
    d.close()


def test_a_running_server_hears_of_users_at_once():
    with House() as h:
        h.tool('user', 'add', 'yuki', input='white as snow\n')
        login(h, 'yuki', 'white as snow', '+OK')
        h.send(to='yuki@example.test')
        h.messages('yuki', 1)
        h.tool('user', 'passwd', 'yuki', input='winter is long\n')
        login(h, 'yuki', 'winter is long', '+OK')
        login(h, 'yuki', 'white as snow', '-ERR')
        text = h.tool('user', 'remove', 'yuki')
        contains(text, 'The mailbox stays: ' + h.maildir('yuki'))
        equal(len(h.files('yuki')), 1)
        login(h, 'yuki', 'winter is long', '-ERR')
        d = h.smtp()
        d.say('EHLO pc', 250)
        d.say('MAIL FROM:<>', 250)
        d.say('RCPT TO:<yuki@example.test>', 550)


# --- check


def test_check():
    with House({'sizelimit': '1M\n', 'networks': '192.0.2.0/24\n', 'aliases': 'office: hana, taro\n'}, start=False) as h:
        h.tool('setup', NAME)
        text = h.tool('check')
        for line in ('servername = %s (file servername:1)' % NAME, 'sizelimit = 1M (file sizelimit:1)',
                     'recipientlimit = 1000 (default)', '0 errors, 0 warnings'):
            contains(text, line)
        settings = {s['name']: s for s in h.json('check')['settings']}
        equal(settings['sizelimit']['number'], 1 << 20)
        equal(settings['sizelimit']['origin'], 'file')
        equal(settings['recipientlimit']['origin'], 'default')
        manual = bare('man-settings')
        for name in settings:
            contains(manual, name)
        h.set('sizelimit', 'huge\n')
        text = h.tool('check', code=1)
        contains(text, 'sizelimit:1: error: "huge" is not right here; write a size from 64K to 2G, such as 50M')
        contains(text, '1 error, ')
        equal(h.json('check', code=1)['ok'], False)
        h.unset('sizelimit')
        h.set('sizlimit', '1M\n')
        contains(h.tool('check', code=1), 'sizlimit: error: is no setting')
        h.unset('sizlimit')
        h.set('aliases', 'a: b\nb: a\n')
        contains(h.tool('check', code=1), 'aliases:')
        contains(h.tool('check', '--privileges'), '| `smtpd` | face |')


def test_reload_says_why_not():
    with House() as h:
        equal(h.tool('reload'), 'the configuration is in force\n')
        h.set('sizelimit', 'huge\n')
        refused(h, 'reload', code=1, says='sizelimit:1: error: "huge" is not right here')
        contains(h.error, 'what ran before goes on')
        h.send()
        h.unset('sizelimit')
        h.tool('reload')


# --- explain

ENVELOPES = (  # client, HELO, MAIL FROM, RCPT TO, SIZE
    (STRANGER, 'client.example.org', 'a@b.example', HANA, ''),
    (STRANGER, 'client.example.org', '', HANA, ''),
    (STRANGER, 'client.example.org', 'a@b.example', 'hana+x@example.test', ''),
    (STRANGER, 'client.example.org', 'a@b.example', 'HANA@EXAMPLE.TEST', ''),
    (STRANGER, 'client.example.org', 'a@b.example', 'postmaster', ''),
    (STRANGER, 'client.example.org', 'a@b.example', 'office@example.test', ''),
    (STRANGER, 'client.example.org', 'a@b.example', 'nobody@example.test', ''),
    (STRANGER, 'client.example.org', 'a@b.example', 'x@elsewhere.example', ''),
    (STRANGER, 'client.example.org', 'a@b.example', 'x%elsewhere.example@example.test', ''),
    (STRANGER, 'client.example.org', 'a@b.example', 'elsewhere.example!x@example.test', ''),
    (STRANGER, 'client.example.org', 'a@b.example', '@example.test:x@elsewhere.example', ''),
    (STRANGER, 'client.example.org', 'a@b.example', 'hana@', ''),
    (STRANGER, 'client.example.org', 'bad@spam.example', HANA, ''),
    (STRANGER, 'client.example.org', 'a@b@c', HANA, ''),
    (STRANGER, 'client.example.org', 'a@b.example', HANA, '65537'),
    (STRANGER, 'client.example.org', 'a@b.example', HANA, '65536'),
    (STRANGER, 'short', 'a@b.example', HANA, ''),
    (STRANGER, 'client_.example', 'a@b.example', HANA, ''),
    (LOCAL, 'pc', 'a@b.example', HANA, ''),
    (LOCAL, 'pc', 'a@b.example', 'x@elsewhere.example', ''),
    ('203.0.113.9', 'client.example.org', 'a@b.example', HANA, ''),
    (STRANGER, 'client.example.org', 'x' * 65 + '@b.example', HANA, ''),
)


def ask_server(h, client, helo, sender, recipient, size):
    """the first refusal, else the reply to RCPT"""
    d = h.smtp(client, greeting=False)
    reply = d.read()
    for line in ('EHLO ' + helo, 'MAIL FROM:<%s>%s' % (sender, ' SIZE=' + size if size else ''), 'RCPT TO:<%s>' % recipient):
        if reply.code >= 400:
            break
        reply = d.say(line)
    d.close()
    return reply


def test_explain_says_what_the_server_does():
    with House({'servername': NAME, 'denyfrom': '203.0.113.0/24\nspam.example\n', 'sizelimit': '64K\n', 'aliases': 'office: hana, taro\n'}) as h:
        wrong = []
        for client, helo, sender, recipient, size in ENVELOPES:
            reply = ask_server(h, client, helo, sender, recipient, size)
            words = ['explain', '--from', client, '--helo', helo] + (['--size', size] if size else [])
            told = h.json(*words, '<%s>' % sender, '<%s>' % recipient, code=None)
            last = told['stages'][-1]
            if told['accepted'] != (reply.code < 400) or h.code != (0 if told['accepted'] else 1):
                wrong.append('%r: %r, explained as %r' % ((client, helo, sender, recipient, size), str(reply), last))
            elif not told['accepted'] and str(reply) != ' '.join(filter(None, (str(last['code']), last['enhanced'], last['text']))):
                wrong.append('%r: %r, explained as %r' % ((client, helo, sender, recipient, size), str(reply), last))
        if wrong:
            raise AssertionError('\n'.join(wrong))
        contains(h.tool('explain', '--from', '203.0.113.9', 'a@b.example', HANA, code=1), 'rule denyfrom:1')
        contains(h.tool('explain', 'a@b.example', 'office@example.test'), 'aliases:1')
        refused(h, 'explain', '--from', 'x', '<>', HANA, code=65, says='--from takes')
        refused(h, 'explain', '--login', 'nobody', '<>', HANA, code=65, says='--login takes')
        refused(h, 'explain', '--size', '1k', '<>', HANA, code=65, says='--size takes')
        refused(h, 'explain', '<>', code=64, says='MAIL-FROM RCPT-TO')
        h.set('sizelimit', 'huge\n')
        refused(h, 'explain', '<>', HANA, code=65, says='sizelimit:1')


# --- queue, status, trace


def test_queue_and_status():
    with House() as h:
        equal(h.tool('queue'), 'the queue is empty\n')
        equal(h.json('queue'), [])
        status = h.json('status')
        equal(status['ok'], True)
        equal(sorted(p['name'].split('.')[0] for p in status['programs'] if p['state'] == 'up'),
              sorted(['smtpd'] * 2 + ['popd'] * 2 + ['spool', 'deliver', 'mailbox', 'auth', 'gate', 'keys', 'resolve', 'report', 'relay', 'fetch', 'drop']))
        for _ in range(4):
            h.send()
        h.messages('hana', 4)
        equal(h.json('status')['status']['smtpd']['mails'], 4, 'of both workers together')
        until(lambda: h.json('queue') == [], 'all are delivered')
        pid = h.programs()['deliver']
        os.kill(pid, 19)
        try:
            h.send(subject='waits')
            until(lambda: len(h.json('queue')) == 1, 'a mail in the queue')
            contains(h.tool('queue'), 'hana')
        finally:
            os.kill(pid, 18)
        until(lambda: h.json('queue') == [], 'the queue is empty')


class Trace:
    """a `sekisho trace` that runs; what it has printed"""

    def __init__(self, h, what):
        self.path = os.path.join(h.dir, 'trace.' + what.replace(':', '-'))
        self.file = open(self.path, 'wb')
        self.process = subprocess.Popen([SEKISHO, 'trace', what], stdout=self.file, stderr=self.file, env=h.env)

    def text(self):
        with open(self.path) as f:
            return f.read()

    def end(self):
        self.process.send_signal(2)
        equal(self.process.wait(10), 0)
        self.file.close()
        return self.text()


def test_trace_shows_sessions_and_channels_and_no_secrets():
    with House() as h:
        what = (LOCAL, 'all', '127.0.0.9', 'channel:smtpd-spool', 'channel:spool-deliver', 'channel:popd-auth',
                'channel:smtpd-gate', 'channel:popd-mailbox', 'channel:deliver-mailbox')
        traces = {w: Trace(h, w) for w in what}
        time.sleep(0.5)
        h.send(content=mail(subject='SECRETSUBJECT', body='SECRETBODY'))
        h.messages('hana', 1)
        d = h.pop('hana')
        d.block('RETR 1')
        d.ok('QUIT')
        d = h.smtp()
        d.say('EHLO pc', 250)
        d.say('AUTH PLAIN ' + 'AGhhbmEAc2FrdXJhIHNha3U=', 235)
        d.say('QUIT', 221)
        for w in (LOCAL, 'all'):
            until(lambda: all(part in traces[w].text() for part in (
                'C: MAIL FROM:<taro@example.test>', 'S: 250 2.1.5', 'octets of content)', 'C: USER hana', 'C: RETR 1',
                'S: 221 ', '+OK Welcome', '235 2.7.0')), 'the dialogue in ' + w)
        until(lambda: 'spool-deliver > ' in traces['channel:spool-deliver'].text(), 'frames to deliver')
        until(lambda: 'smtpd-spool > ' in traces['channel:smtpd-spool'].text(), 'frames to spool')
        until(lambda: 'face-auth > ' in traces['channel:popd-auth'].text(), 'frames to auth')
        until(lambda: 'popd-mailbox > ' in traces['channel:popd-mailbox'].text(), 'frames to mailbox')
        for w in what:
            text = traces[w].end()
            for secret in ('SECRET', 'sakura', 'c2FrdXJh', 'AGhhbmEA'):
                if secret in text:
                    raise AssertionError('%s is shown by trace %s:\n%s' % (secret, w, text))
        equal(traces['127.0.0.9'].text(), '', 'nobody from there')
        refused(h, 'trace', 'channel:smtpd-deliver', code=64, says='neither an address nor')
        refused(h, 'trace', code=64, says='WHAT')
        h.none_has_crashed()


def test_a_trace_ends_with_what_it_looks_at():
    """one program dies and the other is shown on; then the server ends"""
    with House(options=['--workers', '1']) as h:
        both = subprocess.Popen([SEKISHO, 'trace', 'all'], env=h.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        one = subprocess.Popen([SEKISHO, 'trace', 'channel:smtpd-spool'], env=h.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(0.5)
        h.kill('popd')
        h.until_up()
        h.send()
        equal(both.poll(), None)
        equal(h.stop(), 0)
        out, err = both.communicate(timeout=20)
        contains(out.decode(), 'C: MAIL FROM:')
        contains(err.decode(), 'popd is gone for now')
        equal(both.returncode, 75)
        err = one.communicate(timeout=20)[1].decode()
        equal(one.returncode, 75, err)
