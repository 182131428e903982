"""The tools popkey-* when something is wrong: words that do not fit, a directory that may not be read, a full disk, a child that does
not end. On one directory, without a network."""
import resource
import stat
import time

from clock import Clock
from disks import Mount
from house import *
from test_popkey_tools import LOGIN_LINE, Gate

NOBODY = 65534
HOME, OFFICE = '192.0.2.1', '192.0.2.2'


def program(name):
    return os.path.join(PROGRAMS, 'popkey-' + name)


def need_root():
    if os.getuid() != 0:
        raise Skip('only root becomes somebody else')


class Export:
    """a popkey-export that stays; its map, sockets and pid file lie in the directory of a Gate"""

    def __init__(self, g, *options, env=None, **more):
        self.dir, self.said = g.dir, os.path.join(g.dir, 'said')
        with open(self.said, 'ab') as said:
            # a busy machine takes its time: what is open stays so, unless a test says otherwise
            self.process = subprocess.Popen([program('export'), '--directory', g.gate, '--gate', '600'] + list(options), cwd=g.dir, stderr=said,
                                            env=dict(os.environ, **(env or {})), **more)

    def path(self, name):
        return os.path.join(self.dir, name)

    def read(self, name):
        with open(self.path(name)) as f:
            return f.read()

    def comes(self, name, text, seconds=20):
        until(lambda: os.path.exists(self.path(name)) and self.read(name) == text, '%s is %r' % (name, text), seconds)

    def is_told(self, sentence, seconds=20):
        until(lambda: sentence in self.read('said'), sentence, seconds)

    def connect(self, name='policy'):
        def tried():
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(20)
            try:
                s.connect(self.path(name))
                return s
            except OSError:
                s.close()
                return None
        return until(tried, 'it listens')

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(60)


def received(s, end):
    octets = b''
    while not octets.endswith(end):
        more = s.recv(4096)
        if not more:
            return octets
        octets += more
    return octets


def policy(s, client, sender='hana@example.org', user=None):
    lines = ['request=smtpd_access_policy', 'sender=' + sender] + (['sasl_username=' + user] if user else []) + ['client_address=' + client]
    s.sendall('\n'.join(lines + ['', '']).encode())
    return received(s, b'\n\n').decode()[7:-2]


def mapped(s, client):
    s.sendall(b'%d:popkey %s,' % (7 + len(client), client.encode()))
    return received(s, b',').decode().split(':', 1)[1]


def touch(g, name, text=''):
    with open(os.path.join(g.gate, name), 'w') as f:
        f.write(text)


def test_words_that_do_not_fit():
    """each is refused with the exit code of a command line, and told by its name"""
    with Gate() as g:
        where = ['--directory', g.gate]
        cases = [
            ('export', [], '--map, --policy or --socketmap'),
            ('export', ['--map', 'm', 'x'], 'words behind the options'),
            ('export', ['--map', 'm', '--anybody'], '--anybody'),
            ('export', ['--policy', 'unix:s', '--anybody'], '--anybody'),
            ('export', ['--map', 'm', '--domains', 'example.org'], '--policy'),
            ('export', ['--socketmap', 'unix:s', '--senders', '/dev/null'], '--policy'),
            ('export', ['--policy', 'unix:s', '--format', 'cidr'], '--format'),
            ('export', ['--map', 'm', '--format', 'hosts', '--value', 'OK'], '--value'),
            ('export', ['--map', 'm', '--format', 'dbm'], '--format takes'),
            ('export', ['--map', 'm', '--value', 'a\nb'], '--value takes'),
            ('export', ['--policy', 'unix:s', '--once'], '--once'),
            ('export', ['--policy', 'unix:s', '--rebuild', 'true'], '--rebuild'),
            ('export', ['--map', 'm', '--once', '--policy', 'unix:s'], '--once'),
            ('export', ['--map', 'm', '--once', '--pid-file', 'p'], '--once'),
            ('export', ['--map', 'm', '--ipv6', '64'], '--ipv6 64'),
            ('export', ['--policy', 'unix:s'] * 9, '8 places'),
            ('wrap', ['--imap', '--start-only', 'true'], '--imap and --start-only'),
            ('wrap', [], 'which program?'),
            ('wrap', ['--ipv6', '65', 'true'], '--ipv6 takes 64 or 128'),
            ('wrap', ['--gate', '604801', 'true'], '604801 is no number of seconds'),
            ('wrap', ['--gate', '-1', 'true'], '-1 is no number of seconds'),
            ('filter', ['--start-only', 'true'], '--start-only is no option'),
            ('filter', ['--imap=yes', 'true'], '--imap=yes is no option'),
            ('smtp', ['--relayclient'], '--relayclient needs a value'),
            ('log', ['--stdin', '--file', 'x'], 'one place is followed'),
            ('log', [], 'one of --file'),
            ('log', ['--stdin', '--server', 'exchange'], 'exchange is no server'),
            ('log', ['--stdin'] + ['--pattern', 'a %{address}'] * 33, 'too many patterns'),
        ]
        for name, words, told in cases:
            contains(run(program(name), *where, *words, code=64, env=g.env(HOME)), told)
        equal(os.listdir(g.gate), [], 'nothing was opened')
        run(program('wrap'), *where, '--gate', '604800', 'true', env=g.env(HOME))
        run(program('log'), *where, '--stdin', *['--pattern', 'a %{address}'] * 32, input=b'')
        with Export(g, *['--policy', 'inet:127.0.0.1:0'] * 8, '--pid-file', g.dir + '/pid') as e:
            until(lambda: os.path.exists(g.dir + '/pid'), 'eight places are not too many')
            equal(e.process.poll(), None)


def test_questions():
    """what a script has just written is seen; a name that nobody knows; whose mail; several at once; who asks nonsense"""
    with Gate() as g, Export(g, '--policy', 'unix:policy', '--policy', 'unix:policy2', '--socketmap', 'unix:map', '--domains', 'example.org') as e:
        s, m = e.connect(), e.connect('map')
        for _ in range(50):
            equal((policy(s, HOME), mapped(m, HOME)), ('DUNNO', 'NOTFOUND ,'))
            touch(g, HOME + '+77', 'hana\n')
            equal((policy(s, HOME), mapped(m, HOME)), ('OK', 'OK OK,'))
            os.rename(os.path.join(g.gate, HOME + '+77'), os.path.join(g.gate, HOME))
            equal((policy(s, HOME), mapped(m, HOME)), ('OK', 'OK OK,'))
            os.unlink(os.path.join(g.gate, HOME))
        touch(g, HOME, 'hana\n')
        equal([policy(s, HOME, sender) for sender in ('taro@example.org', 'hana@example.net', '', 'hana', 'HANA@Example.org')],
              ['DUNNO'] * 4 + ['OK'])
        equal([policy(s, address) for address in ('::ffff:' + HOME, OFFICE, '', 'unknown', '127.0.0.1', '::1')], ['OK'] + ['DUNNO'] * 5)
        touch(g, OFFICE)  # by a script: who it was, nobody knows
        equal((policy(s, OFFICE), mapped(m, OFFICE)), ('DUNNO', 'OK OK,'))
        touch(g, '2001:db8::1', 'hana\n')
        equal([policy(s, a) for a in ('2001:db8::1', '2001:DB8:0::1', '2001:db8::2', '2001:db8::1:2')], ['OK', 'OK', 'DUNNO', 'DUNNO'])
        touch(g, '127.0.0.1', 'hana\n')
        equal((policy(s, '127.0.0.1'), mapped(m, '127.0.0.1')), ('DUNNO', 'NOTFOUND ,'))
        # three at once, and the front of one that never ends: it is answered no more
        question = b'client_address=%s\nsender=hana@example.org\n\n' % HOME.encode()
        s.sendall(question * 3 + b'x' * 16384)
        equal(received(s, b'never'), b'action=OK\n\n' * 3)
        m.sendall(b'3:no such netstring')
        equal(received(m, b'never'), b'')
        equal(policy(e.connect('policy2'), HOME), 'OK', 'others are answered')
        # a second one finds the socket held, and leaves the first one's files alone
        pid = os.path.join(g.dir, 'pid')
        contains(run(program('export'), '--directory', g.gate, '--policy', 'unix:%s/policy' % g.dir, '--pid-file', pid, code=71), 'Address already in use')
        equal(os.path.exists(pid), False)
    with Gate() as g, Export(g, '--policy', 'unix:policy', '--domains', 'example.org', '--anybody', '--value', 'permit') as e:
        touch(g, HOME)
        touch(g, OFFICE, 'hana\n')
        s = e.connect()
        equal([policy(s, HOME, 'x@elsewhere.example'), policy(s, OFFICE, 'x@elsewhere.example'), policy(s, OFFICE)], ['permit', 'DUNNO', 'permit'])


def test_many_who_ask():
    """a thousand connections are answered, one more is let go"""
    with Gate() as g:
        limits = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
        limits()
        with Export(g, '--policy', 'unix:policy', preexec_fn=limits) as e:
            touch(g, HOME)
            all_ = [e.connect() for _ in range(1000)]
            equal({policy(s, HOME) for s in all_}, {'OK'})
            more = e.connect()
            equal(received(more, b'\n\n'), b'')
            all_.pop().close()
            def again():
                try:
                    return policy(e.connect(), HOME) == 'OK'
                except OSError:
                    return False
            until(again, 'there is room again')
            for s in all_ + [more]:
                s.close()


def test_a_directory_that_is_not_ours():
    """whoever may not read it opens nothing, lets nobody through, serves all the same, and says so"""
    need_root()
    with Gate() as g:
        os.chmod(g.dir, 0o755)
        os.chmod(g.gate, 0o750)
        touch(g, HOME, 'hana\n')
        private = os.path.join(g.dir, 'private')
        os.mkdir(private)
        os.chown(private, NOBODY, NOBODY)
        def as_nobody(name, *words, code=0):
            done = subprocess.run(['setpriv', '--reuid=%d' % NOBODY, '--regid=%d' % NOBODY, '--clear-groups', program(name), '--directory', g.gate]
                                  + list(words), env=g.env(HOME), input=b'in', stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, check=False)
            equal(done.returncode, code, done.stdout.decode())
            return done.stdout.decode()
        for name in 'wrap', 'filter':
            contains(as_nobody(name, 'sh', '-c', 'cat; exit 7', code=7), 'Permission denied\nin')
        contains(as_nobody('smtp', 'sh', '-c', 'echo ${RELAYCLIENT-closed}'), 'closed')
        contains(as_nobody('log', '--stdin', code=71), 'Permission denied')
        contains(as_nobody('export', '--once', '--map', private + '/map', code=71), 'nobody is let through: Permission denied')
        equal(os.stat(private + '/map').st_size, 0)
        with Export(g, '--policy', 'unix:private/policy', '--socketmap', 'unix:private/socketmap', '--map', 'private/map', user=NOBODY, group=NOBODY,
                    extra_groups=[]) as e:
            s, m = e.connect('private/policy'), e.connect('private/socketmap')
            e.is_told('nobody is let through: Permission denied')
            equal((policy(s, HOME), mapped(m, HOME)), ('DUNNO', 'TEMP the gate is away,'))
            os.chmod(g.gate, 0o755)
            equal((policy(s, HOME), mapped(m, HOME)), ('OK', 'OK OK,'))
            e.comes('private/map', HOME + '\tOK\n')
            # one who has it open keeps it; one who opens it anew, does not
            os.rename(g.gate, g.gate + '.aside')
            os.mkdir(g.gate, 0o700)
            equal((policy(s, HOME), mapped(m, HOME)), ('DUNNO', 'TEMP the gate is away,'))
            equal(e.read('said').count('Permission denied') <= 2, True, 'said once each time')
        contains(as_nobody('wrap', 'sh', '-c', 'exit 3', code=3), 'Permission denied')


def test_no_room_for_a_child():
    """without a process of its own the program is served all the same, and nothing stays open"""
    need_root()
    with Gate() as g:
        os.chmod(g.dir, 0o755)
        os.chmod(g.gate, 0o777)
        for name in 'wrap', 'filter':
            done = subprocess.run(['setpriv', '--reuid=64999', '--regid=64999', '--clear-groups', 'prlimit', '--nproc=1', program(name), '--directory', g.gate,
                                   '/bin/cat'], env=g.env(HOME), input=b'through', stdout=subprocess.PIPE, timeout=20, check=False)
            equal((done.stdout, done.returncode), (b'through', 0), name)


def test_masks():
    """whoever asks is another than who writes: a mask of 077 hides nothing from him"""
    with Gate() as g, Export(g, '--map', 'map', '--policy', 'unix:policy', '--pid-file', g.dir + '/pid', umask=0o077) as e:
        run('sh', '-c', 'umask 077; exec "$@"', 'sh', program('wrap'), '--directory', g.gate, 'true', env=g.env(HOME))
        run('sh', '-c', 'umask 077; exec "$@"', 'sh', program('log'), '--directory', g.gate, '--stdin', input=(LOGIN_LINE % OFFICE).encode())
        e.comes('map', ''.join('%s\tOK\n' % a for a in (HOME, OFFICE)))
        mode = lambda path: stat.S_IMODE(os.stat(path).st_mode)
        equal({mode(os.path.join(g.gate, name)) for name in os.listdir(g.gate)}, {0o644})
        equal([mode(e.path(name)) for name in ('map', 'policy', 'pid')], [0o644, 0o666, 0o644])


def test_a_command_that_hangs():
    """after thirty seconds it is ended with all that it has started, and tried again; so at the end"""
    with Gate() as g, Clock() as clock:
        command = 'test -e hangs || exit 0; echo $$ >>shells; sleep 1000 & echo $! >>sleeps; wait'
        with Export(g, '--map', 'map', '--rebuild', command, env=clock.env) as e:
            e.comes('map', '')
            lives = lambda name, n=-1: os.path.exists('/proc/' + e.read(name).split()[n])
            open(e.path('hangs'), 'w').close()
            touch(g, HOME)
            until(lambda: os.path.exists(e.path('sleeps')), 'it hangs')
            clock.shift(8, 28)  # the monotonic clock; what is open stays so
            e.process.send_signal(signal.SIGUSR1)
            time.sleep(0.5)
            equal((lives('shells'), lives('sleeps')), (True, True), 'before its time')
            first = len(e.read('sleeps').split())
            clock.shift(8, 3)
            e.process.send_signal(signal.SIGUSR1)
            until(lambda: not lives('sleeps', first - 1), 'all of it is ended')
            e.is_told('it has failed, and is tried again')
            until(lambda: len(e.read('sleeps').split()) > first, 'it is tried again')
            touch(g, OFFICE)
            e.comes('map', ''.join('%s\tOK\n' % a for a in (HOME, OFFICE)))
            # at the end, too: the map is emptied, the command is given its time, and no more
            e.process.terminate()
            time.sleep(0.3)
            equal((e.process.poll(), lives('sleeps')), (None, True))
            for _ in range(40):
                if e.process.poll() is None:
                    clock.shift(8, 31)
                    time.sleep(0.25)
            equal(e.process.wait(20), 0)
            until(lambda: not lives('sleeps'), 'nothing is left behind')
            equal(e.read('map'), '')
            e.is_told('what it makes stays as it is')


def test_twice_within_a_second():
    """Postfix knows a map by its second: after two changes in one the command runs once more in the next"""
    with Gate() as g, Export(g, '--map', 'map', '--rebuild', 'date +%s >>runs') as e:
        e.comes('map', '')
        runs = lambda: [int(r) for r in e.read('runs').split()] if os.path.exists(e.path('runs')) else []
        def twice():
            """two runs in one second, which a busy machine may miss"""
            before = len(runs())
            time.sleep(1.05 - time.time() % 1)
            for name in HOME, OFFICE:
                touch(g, name)
                e.comes('map', ''.join('%s\tOK\n' % a for a in (HOME, OFFICE)[:1 if name == HOME else 2]))
                until(lambda: len(runs()) > before + (name == OFFICE), 'it has run')
            is_so = runs()[before] == runs()[before + 1]
            if not is_so:
                for name in HOME, OFFICE:
                    os.unlink(os.path.join(g.gate, name))
                e.comes('map', '')
                time.sleep(1.5)
            return is_so and before
        before = until(lambda: twice() or None, 'two in one second', 60)
        until(lambda: len(runs()) == before + 3, 'once more')
        equal(runs()[-1] > runs()[before], True, 'in the next second: %r' % runs())


def test_full_disk():
    """a map that cannot be written anew is emptied, lest it let somebody through for ever; it comes back with the room"""
    with Gate() as g:
        disk = os.path.join(g.dir, 'disk')
        mount = Mount(disk, 'tmpfs', 1)
        filling = os.path.join(disk, 'filling')
        try:
            with Export(g, '--map', 'disk/map', '--rebuild', 'cp disk/map other') as e:
                touch(g, HOME)
                e.comes('disk/map', HOME + '\tOK\n')
                e.comes('other', HOME + '\tOK\n')
                with open(filling, 'wb', buffering=0) as f:
                    try:
                        while True:
                            f.write(bytes(4096))
                    except OSError:
                        pass
                names = [HOME] + ['198.51.%d.%d' % (n >> 8, n & 255) for n in range(600)]
                for name in names:  # more than what the old map has taken
                    touch(g, name)
                e.comes('disk/map', '')
                e.comes('other', '')
                e.is_told('disk/map: cannot be written')
                os.unlink(filling)
                all_ = ''.join('%s\tOK\n' % name for name in names)
                e.comes('disk/map', all_)
                e.comes('other', all_)
        finally:
            mount.end()


def test_a_directory_that_is_full():
    """nothing can be opened: it is said, and the session goes on"""
    with Gate() as g:
        mount = Mount(g.gate, 'tmpfs', 1)
        try:
            with open(os.path.join(g.gate, 'filling'), 'wb', buffering=0) as f:
                try:
                    while True:
                        f.write(bytes(4096))
                except OSError:
                    pass
            said = run(*g.wraps[0], 'sh', '-c', 'echo served; exit 5', code=5, env=g.env(HOME))
            contains(said, 'the gate cannot be opened')
            contains(said, 'served')
            equal([name for name in os.listdir(g.gate) if name.startswith('.popkey')], [], 'nothing is left half made')
        finally:
            mount.end()


def test_under_inetd():
    """all three descriptors are the client: troubles go elsewhere, at the beginning and at the end"""
    with Gate() as g:
        def served(*words, code=0, **env):
            ours, theirs = socket.socketpair()
            with ours, theirs:
                process = subprocess.Popen(list(words), stdin=theirs, stdout=theirs, stderr=theirs, env=dict(g.env(None), **env))
                theirs.close()
                octets = received(ours, b'never')
                equal(process.wait(20), code)
                return octets
        wrap = [program('wrap'), '--directory', g.gate]
        equal(served(*wrap, 'echo', 'hello'), b'hello\n', 'nobody knows from where')
        equal(served(*wrap, '--imap', '--start-only', 'echo', 'hello', code=64), b'')
        equal(served(*wrap, '--nonsense', 'echo', 'hello', code=64), b'')
        equal(served(*wrap, '/nonexistent', code=127), b'')
        equal(served(program('filter'), '--directory', g.gate, '/nonexistent', code=127), b'')
        equal(served(*wrap, 'sh', '-c', 'rm -r %s; echo hello' % g.gate, TCPREMOTEIP=HOME), b'hello\n')
        os.mkdir(g.gate)
        equal(served(*wrap, 'echo', 'hello', REMOTE_HOST='client.example', REMOTE_ADDR=OFFICE), b'hello\n')
        equal(os.listdir(g.gate), [OFFICE])


def test_logs_that_cannot_be_read():
    """a file that is forbidden at the start; sessions without a clock; users and patterns of another server"""
    need_root()
    with Gate() as g:
        os.chmod(g.dir, 0o755)
        os.chmod(g.gate, 0o777)
        path = os.path.join(g.dir, 'mail.log')
        with open(path, 'w') as f:
            f.write(LOGIN_LINE % HOME)
        os.chmod(path, 0)
        contains(run('setpriv', '--reuid=%d' % NOBODY, '--clear-groups', program('log'), '--directory', g.gate, '--file', path, code=71), 'Permission denied')
        contains(run(program('log'), '--directory', g.gate, '--file', g.dir + '/nowhere/log', code=71), 'cannot be')
        lines = LOGIN_LINE % HOME + 'Nov 28 19:00:00 mx mypopd[7]: login hana from %s\n' % OFFICE + LOGIN_LINE % '127.0.0.1' + 'x' * 9000 + '\n' + LOGIN_LINE % '192.0.2.3'
        run(program('log'), '--directory', g.gate, '--stdin', '--session', '0', '--server', 'dovecot', '--pattern',
            r'mypopd(\[[0-9]+\])?: login %{user} from %{address}', input=lines.encode())
        equal(sorted(name.split('+')[0] for name in os.listdir(g.gate)), [HOME, OFFICE, '192.0.2.3'])


def test_more_than_there_is_room_for():
    """a map, a file of senders, both sides of their bounds: what does not fit lets nobody through, and is said"""
    with Gate() as g:
        value, rows = 'x' * 120000, (128 << 20) // (len('192.0.2.1\t\n') + 120000)
        names = lambda count: ['10.0.%d.%d' % (n >> 8, 100 + (n & 63)) for n in range(256 * 50) if n & 255 < 64][:count]
        for name in names(rows - 5):
            touch(g, name)
        words = ['--directory', g.gate, '--gate', '600', '--map', g.dir + '/map', '--value', value, '--once']
        run(program('export'), *words)
        equal(os.stat(g.dir + '/map').st_size > (127 << 20), True)
        for name in names(rows + 5):
            touch(g, name)
        contains(run(program('export'), *words, code=71), 'cannot be written')
        equal(os.stat(g.dir + '/map').st_size, 0)
        senders = os.path.join(g.dir, 'senders')
        with open(senders, 'w') as f:
            f.write('#' * ((4 << 20) - 1) + '\n')
        with Export(g, '--policy', 'unix:policy', '--senders', senders) as e:
            e.connect()
        with open(senders, 'a') as f:
            f.write('\n')
        contains(run(program('export'), '--directory', g.gate, '--policy', 'unix:%s/p' % g.dir, '--senders', senders, code=71), 'senders cannot be read')


def test_who_says_nothing():
    """ten minutes, and no longer"""
    with Gate() as g, Clock() as clock, Export(g, '--policy', 'unix:policy', env=clock.env) as e:
        silent = e.connect()
        equal(policy(silent, HOME), 'DUNNO')
        clock.shift(8, 595)
        equal(policy(e.connect(), HOME), 'DUNNO')  # it looks at its clock
        time.sleep(0.3)
        equal(policy(silent, HOME), 'DUNNO')
        clock.shift(8, 601)
        policy(e.connect(), HOME)
        equal(received(silent, b'never'), b'')
