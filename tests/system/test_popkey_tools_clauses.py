"""What is asked of popkey-wrap, popkey-filter and popkey-export word by word, where a session with real servers would not show it."""
import time

from clock import Clock
from house import *
from test_popkey_tools import Gate
from test_popkey_tools_troubles import HOME, OFFICE, Export, program, touch


def accepted(source, family=socket.AF_INET, to='127.0.0.1'):
    """both ends of a connection from there"""
    with socket.socket(family) as listener:
        listener.bind((to, 0))
        listener.listen()
        far = socket.socket(family)
        far.settimeout(20)
        far.bind((source, 0))
        far.connect(listener.getsockname()[:2])
        return far, listener.accept()[0]


def test_from_where():
    """the environment says it, or the socket itself; one variable that is named, and no other; nobody: closed"""
    with Gate() as g:
        bare = {k: v for k, v in g.env(None).items() if not k.startswith(('TCP', 'REMOTE'))}
        def opened(*options, end=None, **env):
            for name in os.listdir(g.gate):
                os.unlink(os.path.join(g.gate, name))
            done = subprocess.run([program('wrap'), '--directory', g.gate] + list(options) + ['true'], stdin=end or subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, env=dict(bare, **env), timeout=20, check=False)
            equal(done.returncode, 0)
            return os.listdir(g.gate)
        for source, family, to in (STRANGER, socket.AF_INET, '192.0.2.1'), (STRANGER6, socket.AF_INET6, STRANGER6):
            far, near = accepted(source, family, to)
            with far, near:
                equal(opened(end=near), [source])
                equal(opened(end=near, REMOTE_HOST='client.example'), [source], 'a name is no address')
                equal(opened(end=near, REMOTE_HOST=OFFICE), [OFFICE])
                equal(opened(end=near, REMOTE_HOST='203.0.113.1', REMOTE_ADDR=OFFICE), [OFFICE])
                equal(opened(end=near, REMOTE_ADDR='203.0.113.1', TCPREMOTEIP=OFFICE), [OFFICE])
                equal(opened('--address-from', 'IP', end=near, TCPREMOTEIP=OFFICE), [])
                equal(opened('--address-from', 'IP', end=near, IP=HOME), [HOME])
        far, near = accepted('127.0.0.1')
        with far, near:
            equal(opened(end=near), [], 'this machine')
        ours, theirs = socket.socketpair()
        with ours, theirs:
            equal(opened(end=theirs), [], 'no address')
        equal(opened(), [], 'no socket')
        equal(opened(TCPREMOTEIP=''), [])


def test_signals_and_codes():
    """what is sent to popkey-wrap reaches the program; it ends as the program ended; so does popkey-filter by its code"""
    with Gate() as g:
        wrap, filter_ = ([program(name), '--directory', g.gate] for name in ('wrap', 'filter'))
        for code in 0, 1, 7, 126, 255:
            for words in wrap, filter_:
                run(*words, 'sh', '-c', 'exit %d' % code, code=code, input=b'', env=g.env(HOME))
        for number in signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGTERM, signal.SIGCONT:
            script = 'trap "exit 9" %d; echo up; while kill -0 $PPID; do sleep 0.02; done' % number
            with subprocess.Popen(wrap + ['bash', '-c', script], env=g.env(HOME), stdout=subprocess.PIPE) as wrapped:
                wrapped.stdout.readline()
                wrapped.send_signal(number)
                try:
                    equal(wrapped.wait(20), 9, str(number))
                finally:
                    wrapped.kill()
        for number in signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV:
            equal(subprocess.run(wrap + ['sh', '-c', 'kill -%d $$' % number], env=g.env(HOME), check=False).returncode, -number)
            equal(subprocess.run(filter_ + ['sh', '-c', 'kill -%d $$' % number], env=g.env(HOME), stdin=subprocess.DEVNULL, check=False).returncode, 128 + number)
        equal(os.listdir(g.gate), [HOME], 'whatever ends it, it has ended')


SERVER = r"""
printf '+OK ready\r\n'
while read -r line; do
	case ${line%$'\r'} in
	USER*) printf '+OK who are you, PASS?\r\n' ;;
	'PASS open-sesame') printf '+OK in\r\n' ;;
	RETR*) printf 'Subject: x\r\n\r\n+OK in\r\n+OK Logged in.\r\na1 OK\r\n.\r\n' ;;
	NOOP) printf '+OK\r\n' ;;
	QUIT) printf '+OK bye\r\n'; exit 0 ;;
	*) printf -- '-ERR +OK no\r\n' ;;
	esac
done
"""


def test_what_opens():
    """popkey-filter: not the greeting, not the reply to USER, not a text that looks like one; the reply to PASS, before the client has it"""
    with Gate() as g:
        def session():
            ours, theirs = socket.socketpair()
            ours.settimeout(20)
            process = subprocess.Popen([program('filter'), '--directory', g.gate, 'bash', '-c', SERVER], stdin=theirs, stdout=theirs, env=g.env(HOME))
            theirs.close()
            return ours, ours.makefile('rwb', buffering=0), process
        ours, f, process = session()
        def says(line, reply, lines=1):
            f.write(line + b'\r\n')
            contains(b''.join(f.readline() for _ in range(lines)).decode(), reply)
            return [name.split('+')[0] for name in os.listdir(g.gate)]
        contains(f.readline().decode(), '+OK ready')
        equal(os.listdir(g.gate), [])
        equal(says(b'USER hana', '+OK'), [])
        equal(says(b'PASS wrong', '-ERR +OK'), [])
        equal(says(b'NOOP', '+OK'), [])
        equal(says(b'USER hana', '+OK'), [])
        equal(says(b'PASS open-sesame', '+OK in'), [HOME])
        equal(says(b'RETR 1', '+OK Logged in', 6), [HOME])
        says(b'QUIT', 'bye')
        equal(process.wait(20), 0)
        ours.close()
        os.unlink(os.path.join(g.gate, HOME))
        # a server that shows a text to whoever asks: what stands in it opens nothing, nor does the login that follows
        ours, f, process = session()
        f.readline()
        equal(says(b'RETR 1', '+OK Logged in', 6), [])
        equal(says(b'USER hana', '+OK'), [])
        equal(says(b'PASS open-sesame', '+OK in'), [])
        says(b'QUIT', 'bye')
        process.wait(20)
        ours.close()
        equal(os.listdir(g.gate), [])


def test_no_delay():
    """each octet goes on as it comes, whether or not a line has ended"""
    with Gate() as g:
        with subprocess.Popen([program('filter'), '--directory', g.gate, 'cat'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=g.env(HOME),
                              bufsize=0) as process:
            for octet in b'+OK no end \x00\xff\r':
                process.stdin.write(bytes([octet]))
                equal(process.stdout.read(1), bytes([octet]))
            process.stdin.close()
            equal(process.wait(20), 0)


def test_sigusr1():
    """it looks at once: a clock that was set is noticed then, and not at the end of a wait that was measured by another"""
    with Gate() as g, Clock() as clock, Export(g, '--map', 'map', '--gate', '600', '--pid-file', g.dir + '/pid', env=clock.env) as e:
        touch(g, HOME)
        e.comes('map', HOME + '\tOK\n')
        clock.jump(601)
        time.sleep(1.2)
        equal(e.read('map'), HOME + '\tOK\n', 'nobody has told it')
        os.kill(int(e.read('pid')), signal.SIGUSR1)
        e.comes('map', '')


def test_a_reader_sees_one_map():
    """who has the old file open reads it to its end; at its name there is never half a file"""
    with Gate() as g, Export(g, '--map', 'map') as e:
        names = ['198.51.100.%d' % n for n in range(200)]
        for name in names:
            touch(g, name)
        whole = ''.join('%s\tOK\n' % name for name in names)
        e.comes('map', whole)
        with open(e.path('map')) as old:
            touch(g, HOME)
            until(lambda: HOME in e.read('map'), 'there is a new one')
            equal(old.read(), whole)
        for _ in range(100):
            os.utime(os.path.join(g.gate, HOME), (1, 1))
            lines = e.read('map').splitlines()
            equal(len(lines) in (200, 201) and all(line.endswith('\tOK') for line in lines), True)
            touch(g, HOME)
            lines = e.read('map').splitlines()
            equal(len(lines) in (200, 201) and all(line.endswith('\tOK') for line in lines), True)


def test_who_asks_cleans():
    """popkey-smtp: what is closed of the client's own address at once, of others in time; what is open stays"""
    with Gate() as g:
        def made(name, at):
            touch(g, name)
            os.utime(os.path.join(g.gate, name), (at, at))
        now = time.time()
        mine, others, stays = [HOME, HOME + '+7'], [OFFICE, OFFICE + '+8', '2001:db8::1'], ['203.0.113.1', '203.0.113.1+9']
        for name in mine + others:
            made(name, now - 1000)
        for name in stays:
            made(name, now + 0.5)
        asked = lambda: equal(g.asked([program('smtp'), '--directory', g.gate, '--gate', '600', '--session', '600'], HOME), False)
        asked()
        equal([name for name in mine if name in os.listdir(g.gate)], [])
        until(lambda: asked() or sorted(os.listdir(g.gate)) == stays, 'all that is closed has gone', 100)
