"""Real troubles: a clock that jumps, a slow disk, one that takes nothing more, limits that are reached, mailboxes
that are set up wrongly. Mail waits and says why, others go on, and it comes when the trouble ends."""
import contextlib
import threading

from clock import Clock
from disks import *
from house import *
from test_delivery import check_all_there, crash, numbered, numbers, queue_is_empty, send_many
from test_disk import DiskHouse, attempt


def reason(h, mailbox):
    """why its mail waits, as `sekisho queue` says it"""
    for entry in h.json('queue'):
        for r in entry['recipients']:
            if r['mailbox'] == mailbox:  # of the oldest: what stands behind it waits for that
                return r['reason'] if r['reason'] and r['reason'] in h.tool('queue') else None
    return None


# --- the clock

def test_the_clock_jumps():
    """hours forward and back: sessions and retries go by another clock, all mail comes, once, also over restarts"""
    with Clock() as clock, House(env=clock.env) as h:
        sent = 0
        for hours in (7, -30, 50, -3):
            d = h.smtp()
            d.say('EHLO client.example.org', 250)
            d.say('MAIL FROM:<>', 250)
            reader = h.pop('hana')
            clock.jump(hours * 3600)
            d.say('RCPT TO:<%s>' % HANA, 250)
            d.say('DATA', 354)
            d.send(numbered(sent) + b'.\r\n')
            equal(d.read().code, 250)
            reader.ok('NOOP')
            reader.ok('QUIT')
            send_many(h, HANA, sent + 1, 5)
            sent += 6
            check_all_there(h, range(sent))
            crash(h)
            h.start()
        now = time.time() + 24 * 3600
        stamps = [int(os.path.basename(p).split('.')[0]) for p in h.files('hana')]
        equal(abs(stamps[-1] - time.time()) > 3600, True, 'the clock was not moved')
        equal(max(stamps) < now + 48 * 3600, True)
        equal(sorted(numbers(h, 'hana')), list(range(sent)))


def test_the_clock_jumps_while_mail_waits():
    """a mailbox in trouble is tried again after seconds, not after hours"""
    with Clock() as clock, House(env=clock.env) as h:
        with Mount(h.maildir('hana'), 'tmpfs', 2, owner=os.path.dirname(h.maildir('hana'))):
            for hours in (-40, 70):
                filler = fill(h.maildir('hana'))
                send_many(h, HANA, abs(hours), 3, 100000)
                until(lambda: reason(h, 'hana'), 'it is told')
                clock.jump(hours * 3600)
                os.unlink(filler)
                until(lambda: queue_is_empty(h), 'it is delivered', 30)


# --- slow

class Slow:
    """a disk that stands still for most of each second"""

    def __init__(self, disk, still=0.7, moving=0.1):
        self.disk, self.still, self.moving = disk, still, moving
        self.ended = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended:
            self.disk.freeze()
            time.sleep(self.still)
            self.disk.thaw()
            time.sleep(self.moving)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.ended = True
        self.thread.join()


def test_a_slow_mailbox_disk():
    """its own mail comes late and all of it; another mailbox's, and what SMTP answers, is not held up"""
    with House() as h:
        owner = os.path.dirname(h.maildir('hana'))
        with Mount(h.maildir('hana'), owner=owner) as disk, Slow(disk):
            began = time.monotonic()
            send_many(h, HANA, 0, 40, 20000)
            send_many(h, TARO, 0, 40, 20000)
            h.messages('taro', 40)
            took = time.monotonic() - began
            equal(took < 10, True, 'others waited %.1f s' % took)
            h.messages('hana', 40, seconds=60)
            until(lambda: queue_is_empty(h), 'the queue is empty', 60)
            equal(numbers(h, 'hana'), list(range(40)))


def test_a_slow_spools_disk():
    """answers come late; none is a refusal, nothing is lost"""
    with DiskHouse() as h:
        h.start()
        with Slow(h.disk):
            accepted = []

            def send(first):
                accepted.extend(n for n in range(first, first + 4) if attempt(h, n, 20000) == 250)
            threads = [threading.Thread(target=send, args=(100 * i,)) for i in range(6)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            equal(len(accepted), 24)
        check_all_there(h, accepted)


# --- nothing more is taken

def test_the_quota_of_a_mailbox():
    """EDQUOT is a full disk: its mail waits and says so, the other's goes on, and it comes when there is room"""
    with House() as h:
        at = h.maildir('hana')
        with Mount(at, 'btrfs', 160, owner=os.path.dirname(at)):
            send_many(h, HANA, 0, 1)
            h.messages('hana', 1)
            until(lambda: queue_is_empty(h), 'safe')
            command('btrfs', 'quota', 'enable', at)
            command('btrfs', 'qgroup', 'limit', '1M', at)
            send_many(h, HANA, 1, 30, 100000)
            send_many(h, TARO, 1, 3)
            h.messages('taro', 3)
            until(lambda: "the mailbox's disk is full" in (reason(h, 'hana') or ''), 'it is told', 30)
            equal(len(h.files('hana')) < 31, True, 'the quota does not hold')
            command('btrfs', 'qgroup', 'limit', 'none', at)
            h.messages('hana', 31, seconds=60)
            equal(numbers(h, 'hana'), list(range(31)))


def test_no_inodes_are_left_for_the_spool():
    """large mail, which needs a file, is refused for now; small mail and what was taken goes on"""
    with DiskHouse('tmpfs', 100) as h:
        h.start()
        equal(attempt(h, 0, 400000), 250)
        h.messages('hana', 1)
        until(lambda: queue_is_empty(h), 'safe')
        facts = os.statvfs(h.state)
        command('mount', '-o', 'remount,nr_inodes=%d' % (facts.f_files - facts.f_ffree), h.state)
        equal({attempt(h, n, 400000) for n in range(10, 13)} <= {451, 452}, True)
        code = attempt(h, 20)
        command('mount', '-o', 'remount,nr_inodes=10000', h.state)
        until(lambda: attempt(h, 30, 400000) == 250, 'it is taken again', 30)
        check_all_there(h, [0, 30] + [20] * (code == 250))
        equal(set(numbers(h, 'hana')) <= {0, 20, 30}, True)


def test_the_spools_disk_becomes_read_only():
    """as ext4 does after an error: mail is refused for now, mailboxes can be read; after a mount all goes on"""
    with DiskHouse() as h:
        h.start()
        command('mount', '-o', 'remount,errors=remount-ro', h.state)
        accepted = [n for n in range(5) if attempt(h, n, 10000) == 250]
        equal(len(accepted), 5)
        h.messages('hana', 5)
        device = os.stat(h.state).st_dev
        trigger = '/sys/fs/ext4/%s/trigger_fs_error' % os.path.basename(
            os.path.realpath('/sys/dev/block/%d:%d' % (os.major(device), os.minor(device))))
        if not os.path.exists(trigger):
            raise Skip('no ' + trigger)
        with open(trigger, 'w') as f:
            f.write('1')
        codes = [attempt(h, n, 300000) for n in range(10, 16)]
        equal(set(codes) <= {250, 451, 452}, True, str(codes))
        equal(codes[-1] in (451, 452), True, str(codes))
        accepted += [n for n, code in zip(range(10, 16), codes) if code == 250]
        contains(h.pop('hana').ok('STAT'), '+OK ')
        crash(h)
        h.disk.again()
        h.start()
        until(lambda: attempt(h, 30) == 250, 'it is taken again')
        check_all_there(h, accepted + [30])
        equal(set(numbers(h, 'hana')) - set(accepted) - {30}, set())


# --- limits

def limit(h, program, what, to):
    """sets a soft limit of a running program"""
    pid = h.programs()[program]
    facts = os.stat('/proc/%d' % pid)  # as the program itself: root alone may not, everywhere
    run('setpriv', '--reuid=%d' % facts.st_uid, '--regid=%d' % facts.st_gid, '--clear-groups',
        'prlimit', '--pid=%d' % pid, '--%s=%s:' % (what, to))


def login(h):
    """how hana's login was answered"""
    d = h.pop()
    d.ok('USER hana')
    reply = d.say('PASS ' + PASSWORDS['hana'])
    d.say('QUIT')
    d.close()
    return re.match(r'\+OK|-ERR(?: \[\S*\])?', reply).group()


def test_descriptors_run_out_behind_the_faces():
    """spool, deliver or mailbox can open nothing more: mail waits or is refused for now, and goes on afterwards"""
    need_root()
    with House() as h:
        send_many(h, HANA, 0, 1)
        accepted = [0]
        for i, program in enumerate(('deliver', 'spool', 'mailbox')):
            pid = h.programs()[program]
            limit(h, program, 'nofile', len(os.listdir('/proc/%d/fd' % pid)))
            for n in range(10 + 100 * i, 20 + 100 * i):
                code = attempt(h, n, 300000 * (n % 2))
                equal(code in (250, 451, 452), True, '%s: %d' % (program, code))
                accepted += [n] * (code == 250)
            if program == 'deliver':
                contains(until(lambda: reason(h, 'hana'), 'it is told'), 'no memory or descriptors are left')
            equal(login(h) in ('+OK', '-ERR [SYS/TEMP]'), True)
            equal(h.programs()[program], pid, 'it lives')
            limit(h, program, 'nofile', 4096)
            until(lambda: attempt(h, 50 + 100 * i, 300000) == 250, 'it is taken again', 30)
            accepted.append(50 + 100 * i)
            check_all_there(h, accepted)
            until(lambda: login(h) == '+OK', 'it can be read')


class Poor(House):
    def none_has_crashed(self):
        """memory that must be had and is not there ends a program (base/bytes.h): signal 6 is no fault here"""
        equal(re.findall(r'event="a program was killed" of=\S+ signal=(?:4|7|8|11)\b|tried.*', self.log()), [])


def test_memory_runs_out():
    """each program in turn may have no more: it refuses for now or dies and comes again; nothing is lost"""
    need_root()
    with Poor() as h:
        accepted = []
        for i, program in enumerate(('deliver', 'spool', 'mailbox', 'gate', 'auth', 'keys', 'smtpd.1', 'popd.1')):
            with open('/proc/%d/statm' % h.programs()[program]) as f:
                pages = int(f.read().split()[0])
            limit(h, program, 'as', pages * 4096)
            for n in range(100 * i, 100 * i + 8):
                try:
                    accepted += [n] * (attempt(h, n, 30000 * (n % 8)) == 250)
                except (EOFError, OSError, AssertionError):  # that smtpd's sessions ended with it
                    pass
            with contextlib.suppress(KeyError):  # dead, and not back yet
                h.kill(program)  # who lived through it, too
            h.until_up()
            until(lambda: attempt(h, 100 * i + 50) == 250, 'it is taken again', 30)
            accepted.append(100 * i + 50)
            check_all_there(h, accepted)
        equal(len(accepted) > 16, True, '%d accepted' % len(accepted))


# --- mailboxes that are set up wrongly

def is_a_file(path):
    with open(path, 'w') as f:
        f.write('no directory\n')


def foreign(path):
    os.mkdir(path, 0o700)
    if os.getuid() == 0:
        os.chown(path, 0, 0)
    else:
        os.chmod(path, 0)


def part(name, make):
    def wrong(path):
        os.mkdir(path)
        like(path, os.path.dirname(path))
        make(os.path.join(path, name))
    return wrong


WRONG = {
    'owner': (foreign, 'see its owner and mode'),
    'file': (is_a_file, 'where a directory of the mailbox belongs'),
    'link': (lambda path: os.symlink('/tmp', path), 'where a directory of the mailbox belongs'),
    'nowhere': (lambda path: os.symlink('/nonexistent', path), 'where a directory of the mailbox belongs'),
    'newfile': (part('new', is_a_file), 'where a directory of the mailbox belongs'),
    'tmpowner': (part('tmp', foreign), 'see its owner and mode'),
    'newowner': (part('new', foreign), 'see its owner and mode'),
    'tmplink': (part('tmp', lambda path: os.symlink('/tmp', path)), 'where a directory of the mailbox belongs'),
}


def test_mailboxes_that_are_set_up_wrongly():
    """owner, mode, a file or a link in the place of a directory: each waits and says why; others are unharmed"""
    with House(files={'users': ''.join('%s:!\n' % u for u in list(WRONG) + ['right'])}, users=None) as h:
        for user, (make, _) in WRONG.items():
            make(h.maildir(user))
        for n in range(3):
            send_many(h, ['%s@example.test' % u for u in WRONG], n, 1)
            send_many(h, 'right@example.test', n, 1)
        h.messages('right', 3)
        for user, (_, why) in WRONG.items():
            contains(until(lambda: reason(h, user), user + ' is told'), why)
            equal([f for f in ('new', 'cur') if os.path.isdir(os.path.join(h.maildir(user), f)) and
                   os.path.realpath(h.maildir(user)).startswith(h.dir) and h.files(user, f)], [])
        for user in WRONG:
            path = h.maildir(user)
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        for user in WRONG:
            equal(len(h.messages(user, 3, seconds=40)), 3)
            equal(numbers(h, user), [0, 1, 2])
        until(lambda: queue_is_empty(h), 'the queue is empty')
