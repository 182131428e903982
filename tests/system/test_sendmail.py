"""Programs of this machine post mail by sendmail(1): while the server is up, while it is down, and who may say what."""
import os
import pwd
import re
import signal
import stat
import subprocess

from clock import Clock
from nexthost import NextHost, PORT
from house import NAME, PROGRAMS, House, Skip, contains, equal, until

SENDMAIL = os.path.join(PROGRAMS, 'sendmail')
ROOT = 'root@' + NAME
# system users that every Debian has; `games` is a user of ours, too, and `daemon` is none
USERS = {'hana': 'sakura saku', 'games': 'pass the gate'}


def house(files={'postmaster': 'hana\n', 'aliases': 'list: games\n'}, **more):
    return House(users=USERS, files=files, **more)


def become(user):
    if user is None:
        return None
    if os.getuid() != 0:
        raise Skip('only root can be other users')
    entry = pwd.getpwnam(user)

    def drop():
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    return drop


def post(h, *words, text='Subject: hello\n\nThe gate is open.\n', code=0, user=None, name=SENDMAIL):
    """runs sendmail; what it said on standard error"""
    if isinstance(text, str):
        text = text.encode()
    done = subprocess.run([name] + list(words), executable=SENDMAIL, input=text, env=h.env, capture_output=True,
                          timeout=60, preexec_fn=become(user))
    said = done.stderr.decode('utf-8', 'replace')
    if done.returncode != code:
        raise AssertionError('sendmail %s: exit %d instead of %d: %s' % (' '.join(words), done.returncode, code, said))
    return said + done.stdout.decode('utf-8', 'replace')


def me():
    return pwd.getpwuid(os.getuid()).pw_name


def drop(h):
    return os.path.join(h.state, 'drop')


def dropped(h):
    return sorted(os.listdir(drop(h)))


def last(h, user, count):
    return h.messages(user, count)[-1].decode()


def test_up():
    """what a program writes arrives as a mail that is one"""
    with house() as h:
        post(h, 'hana')
        seen = last(h, 'hana', 1)
        contains(seen, 'Return-Path: <%s@%s>' % (me(), NAME))
        contains(seen, '%s@%s' % (me(), NAME))
        for field in ('From: ', 'Date: ', 'Message-ID: <'):
            contains(seen, '\r\n' + field)
        contains(seen, '\r\n\r\nThe gate is open.\r\n')
        equal('\n' in seen.replace('\r\n', ''), False, 'a bare LF')
        # -t: recipients from the fields, Bcc goes, names without a domain are completed
        post(h, '-t', '-oi', text='To: Hana <hana>, undisclosed:;\nBcc: games\nSubject: x\n\none\n.\ntwo\n')
        seen = last(h, 'hana', 2)
        contains(seen, 'To: Hana <hana@%s>' % NAME)
        contains(seen, 'one\r\n.\r\ntwo\r\n')
        equal('bcc' in seen.lower(), False, 'Bcc is seen')
        equal(last(h, 'games', 1).count('one\r\n.\r\ntwo'), 1)
        # a dot alone ends it without -i; no header; UTF-8; a long line; a mailbox file's first line
        post(h, 'hana', text='From x Sat Nov 28 2026\nSubject: y\n\none\n.\ntwo\n')
        seen = last(h, 'hana', 3)
        equal('two' in seen or 'From x' in seen, False)
        post(h, '-F', 'Häna "H"', '-f', 'root+cron@' + NAME if os.getuid() == 0 else me(), 'hana',
             text='Grüße\n' + 'x' * 2500 + '\n')
        seen = last(h, 'hana', 4)
        contains(seen, 'Grüße\r\n')
        equal(max(len(line) for line in seen.split('\r\n')), 998)
        contains(seen, 'From: =?utf-8?')
        # nobody is served when one is unknown, and it is said which
        said = post(h, 'hana', 'nobody-of-that-name', code=67)
        contains(said, '<nobody-of-that-name@%s>: 5' % NAME if False else 'nobody-of-that-name@' + NAME)
        contains(said, 'nothing was sent')
        post(h, code=64)
        post(h, '-bd', code=64)
        post(h, '-Z', code=64)
        post(h, '-t', text='Subject: nobody\n\n', code=64)
        post(h, '-t', text='To: a <b\n\n', code=65)
        contains(post(h, '-v', 'hana'), '>>> RCPT TO:<hana@%s>' % NAME)
        h.messages('hana', 5)
        equal(dropped(h), [])
        post(h, name='newaliases')
        # -bs
        done = subprocess.run([SENDMAIL, '-bs'], input=b'EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<hana@%s>\r\nQUIT\r\n'
                              % NAME.encode(), env=h.env, capture_output=True, timeout=20)
        equal([line[:3] for line in done.stdout.decode().split('\r\n') if line[3:4] != '-'],
              ['220', '250', '250', '250', '221', ''])
        contains(h.log(), 'user=' + me())


def test_options():
    """what other sendmails take is taken, or refused in words: what cannot be done here must not pass for done"""
    with house() as h:
        contains(post(h, '--help'), 'usage')
        dot = 'Subject: dot\n\none\n.\ntwo\n'
        for words, text, part in ((('-B', '7bit'), None, 'The gate'), (('-B8BITMIME',), 'Grüße\n', 'Grüße'),
                                  (('-OIgnoreDots',), dot, 'two'), (('-d0-99.1',), None, 'The gate'), (('--',), None, 'The gate'),
                                  (('-OErrorMode=q', '-A', 'c', '-G', '-h3', '-L', 'tag', '-n', '-U', '-e', 'm'), None, 'The gate')):
            count = len(h.messages('hana'))
            post(h, *words, 'hana', **({'text': text} if text else {}))
            contains(last(h, 'hana', count + 1), part)
        for words, part in ((('-B', '9BIT'), '7BIT or 8BITMIME'), (('-C', '/etc/mail.cf'), 'not taken'), (('-X', '/tmp/x'), 'no file is written'),
                            (('-q15m',), 'is not done here'), (('-f',), 'needs a value'), (('-bt',), 'is not done here')):
            contains(post(h, *words, code=64), part)
        post(h, '-I')
        post(h, '-bi')
        contains(post(h, '-t', text='To: <a@b@c>\n\nx', code=65), 'a@b@c')
        h.messages('hana', 6)


def test_who():
    """the kernel says who posts: each as himself, root for the site"""
    with house() as h:
        post(h, '-f', 'list@' + NAME, 'hana')
        h.messages('hana', 1)
        post(h, '-f', 'someone@elsewhere.example', 'far@elsewhere.example', code=77)
        for user, sender, text, code in (
                ('games', 'list@' + NAME, 'From: games@%s\n\nx' % NAME, 0),
                ('games', 'hana@' + NAME, 'x', 77),
                ('games', 'games+tag@example.test', 'x', 0),
                ('games', 'games', 'From: Hana <hana@%s>\n\nx' % NAME, 77),
                ('daemon', 'daemon', 'x', 0),
                ('daemon', '<>', 'x', 0),
                ('daemon', 'daemon@localhost', 'From: <daemon@%s>\n\nx' % os.uname().nodename, 0),
                ('daemon', 'games', 'x', 77)):
            post(h, '-f', sender, 'hana', text=text, code=code, user=user)
        h.messages('hana', 6)
        # what a program gets in answer, or writes to itself, is read by the postmaster
        post(h, '-i', '-FCronDaemon', '-B8BITMIME', '-oem', 'daemon', user='daemon',
             text='From: root (Cron Daemon)\nTo: daemon\nSubject: Cron\n\nout\n', code=77)
        post(h, '-i', '-FCronDaemon', '-B8BITMIME', '-oem', 'daemon', user='daemon',
             text='From: daemon (Cron Daemon)\nTo: daemon\nSubject: Cron\n\nout\n')
        post(h, '-i', 'root', text='From: root (Cron Daemon)\nTo: root\n\nout\n')
        contains(last(h, 'hana', 8), 'From: root@%s (Cron Daemon)' % NAME)
        post(h, 'nobody', code=67)
        contains(h.log(), 'rule=author-not-own')


def test_mailq():
    """everybody sees his own mail, root all of it; nothing else is told to others"""
    with house(files={'postmaster': 'hana\n', 'smarthost': '[192.0.2.99]:2599\n'}) as h:
        equal(post(h, name='mailq', text=''), 'Mail queue is empty\n')
        post(h, 'far@elsewhere.example')
        users = ['games', 'daemon'] if os.getuid() == 0 else []
        for user in users:
            post(h, user + '-friend@elsewhere.example', user=user)
        until(lambda: 'Kbytes in %d Request' % (1 + len(users)) in post(h, '-bp', text=''), 'they wait')
        h.wait_log('outcome=held', 1)
        shown = post(h, '-bp', text='')
        contains(shown, 'root@' if users else me() + '@')
        if not re.search(r'\n[0-9a-f]{16} +\d+ \w{3}, .* %s@%s\n( +\(.*\)\n)? +far@elsewhere.example\n' % (me(), NAME), shown):
            raise AssertionError(shown)
        for user in users:
            shown = post(h, name='mailq', text='', user=user)
            contains(shown, user + '-friend@elsewhere.example')
            equal(shown.count('elsewhere.example'), 1)
            contains(post(h, '-q', user=user, code=77), 'root')
        # now, as the destination may be there again
        contains(post(h, '-q'), 'what waits is tried now')
        h.wait_log('outcome=held', 2)


def test_words_of_reports():
    """-N, -R and -V: what the sender wants to hear of, how much of it, and what he calls it (RFC 3461)"""
    with house(files={'postmaster': 'hana\n', 'smarthost': '127.0.0.1:%d\n' % PORT}) as h, \
            NextHost({'EHLO': b'250-next.test\r\n250 DSN\r\n'}) as n:
        post(h, '-N', 'failure,delay', '-R', 'hdrs', '-V', 'a+b=c', 'far@elsewhere.example')
        post(h, '-N', 'never', 'far@elsewhere.example')
        until(lambda: len(n.mails) == 2, 'both have left')
        said = [c for c in n.commands if c[:4] in ('MAIL', 'RCPT')]
        contains(said[0], ' RET=HDRS ENVID=a+2Bb+3Dc')
        contains(said[1], ' NOTIFY=FAILURE,DELAY')
        contains(said[3], ' NOTIFY=NEVER')
        for words, code in ((('-N', 'sometimes'), 64), (('-N', 'never,delay'), 64), (('-R', 'half'), 64),
                            (('-V', 'x' * 100), 0), (('-V', 'x' * 101), 65)):
            post(h, *words, 'hana', code=code)


def test_down():
    """while the server is down a mail waits in the directory, and comes once"""
    with house() as h:
        equal(stat.S_IMODE(os.stat(drop(h)).st_mode), 0o3733)
        h.stop()
        h.wait_programs_gone()
        post(h, '-t', text='To: hana\nCc: games\nSubject: later\n\nwaits\n')
        contains(post(h, '-v', 'hana', 'unknown', user='daemon'), 'waits for it')
        if os.getuid() == 0:
            post(h, '-f', 'hana', 'hana', user='daemon')  # not his
        names = dropped(h)
        equal(len(names), 3 if os.getuid() == 0 else 2)
        with open(os.path.join(drop(h), names[0]), 'rb') as f:
            equal(f.readline(), b'sekisho-drop 1\n')
        equal(post(h, '-bs', text='', code=75)[:9], '421 4.3.2')
        post(h, name='mailq', code=69)
        foul(h)
        h.start()
        until(lambda: not [n for n in dropped(h) if n in names], 'all is handed in')
        h.wait_log('files in the directory drop are ignored')
        h.wait_log('event="file is left alone".*no mail that sendmail wrote')
        count = 4 if os.getuid() == 0 else 2
        mails = [m.decode() for m in h.messages('hana', count)]
        equal(len([m for m in mails if 'waits' in m]), 1)
        contains(h.messages('games', 1)[0].decode(), 'Subject: later')
        reports = [m for m in mails if 'multipart/report' in m]
        equal(len(reports), 2 if os.getuid() == 0 else 0)
        if reports:
            contains(''.join(reports), 'unknown@' + NAME)
            contains(''.join(reports), 'is not your address')


def test_a_server_that_stands_still():
    """who is handed to nobody within seconds leaves his mail in the directory; so waits what lies there; each comes once"""
    with Clock() as clock, house(options=['--workers', '1'], env=clock.env) as h:
        smtpd = h.programs()['smtpd']
        os.kill(smtpd, signal.SIGSTOP)
        leave(os.path.join(drop(h), 'a' * 32), '? hana', body='left')
        callers = [subprocess.Popen([SENDMAIL, 'hana'], stdin=subprocess.PIPE, env=h.env) for _ in range(6)]
        for c in callers:
            c.stdin.write(b'Subject: hello\n\nx\n')
            c.stdin.close()
        def some_left():
            clock.go_by(9)
            return len(dropped(h)) > 1
        until(some_left, 'who was not handed over has left his mail', 60)
        h.wait_log('smtpd cannot be called')
        os.kill(smtpd, signal.SIGCONT)
        for c in callers:
            equal(c.wait(60), 0)
        def all_in():
            clock.go_by(60)
            return not dropped(h)
        until(all_in, 'all is handed in', 60)
        h.messages('hana', 7)


def leave(path, *recipients, sender='', body='left'):
    """a file as sendmail writes it; recipients with their state"""
    with open(path, 'wb') as f:
        f.write(('sekisho-drop 1\nfrom %s\nflags 0\n' % sender).encode())
        for recipient in recipients:
            f.write(('to %s 0 %s@%s\n' % (recipient[0], recipient[2:], NAME)).encode())
        f.write(('\nFrom: root@%s\r\nMessage-ID: <%s@test>\r\n\r\n%s\r\n'
                 % (NAME, os.path.basename(path), body)).encode())
    os.chmod(path, 0o660)


def foul(h):
    """files that are no mail of anybody, though they look like one"""
    where = os.path.join(drop(h), 'f' * 31)
    other, moved = os.path.join(h.dir, 'other'), os.path.join(h.dir, 'moved')
    leave(other, '? hana', body='not dropped')
    leave(moved, '? hana', body='not made there')
    os.symlink(other, where + '0')
    os.mkfifo(where + '1')
    os.mkdir(where + '2')
    os.link(other, where + '3')
    if os.getuid() == 0:  # else the keeper's group is everybody's
        os.rename(moved, where + '5')
    with open(where + '4', 'w') as f:
        f.write('sekisho-drop 2\n')
    os.chmod(where + '4', 0o660)


def test_keeper():
    """who has a mail does not get it again; the keeper dies and goes on"""
    with house() as h:
        leave(os.path.join(drop(h), 'a' * 32), '+ hana', '? games', body='one')
        leave(os.path.join(drop(h), 'b' * 32), '+ hana', '- games', body='two')
        leave(os.path.join(drop(h), 'new.' + 'c' * 32), '? hana', body='three')
        h.kill('drop')
        contains(h.messages('games', 1)[0].decode(), 'one')
        until(lambda: dropped(h) == ['new.' + 'c' * 32], 'what is done goes')
        os.rename(os.path.join(drop(h), 'new.' + 'c' * 32), os.path.join(drop(h), 'c' * 32))
        contains(h.messages('hana', 1, seconds=5)[0].decode(), 'three')
        until(lambda: not dropped(h), 'all is handed in')
        equal(len(h.messages('games')), 1)


def test_a_mail_that_nobody_takes_now():
    """it waits; when mail waits no longer, its owner is told; while that is not taken either nothing is lost"""
    with Clock() as clock, house(files={'postmaster': 'hana\n', 'freespace': '1024G\n', 'queuelife': '1h\n'}, env=clock.env) as h:
        path = os.path.join(drop(h), 'a' * 32)
        leave(path, '+ games', '? hana')
        h.wait_log('event="mail waits".*file=' + 'a' * 32)
        clock.go_by(3700)
        h.wait_log('the report to its owner is not taken now')
        equal(os.path.exists(path), True)
        equal(h.messages('hana'), [])
        h.set('freespace', '1M\n')
        h.reload()
        clock.go_by(3700)
        contains(last(h, 'hana', 1), 'left\r\n')
        until(lambda: not dropped(h), 'it is gone')
        equal(h.messages('games'), [])
