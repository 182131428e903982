"""POP3 as reading clients, other programs and crashes meet it (RFC 1939, 2449, 3206, 6856)."""
import contextlib
import ctypes
import email
import email.policy
import struct
import threading

from clock import Clock
from house import *

LINE = b'0123456789' * 7 + b'abcdef\r\n'  # 78 octets


def content(octets, subject='large'):
    """a mail of about so many octets, with lines that begin with dots"""
    head = mail(subject, body='').rstrip() + b'\r\n\r\n'
    block = b'.\r\n..\r\n.x\r\n' + LINE * 40
    return head + block * max(1, octets // len(block))


def stuffed(text):
    return re.sub(br'(?m)^\.', b'..', text)


def put(h, user, count, octets=None):
    """so many mails by SMTP, delivered"""
    have = len(h.files(user))
    d = h.smtp()
    d.say('EHLO client.example.org', 250)
    for i in range(count):
        text = content(octets, 'mail %d' % i) if octets else mail('mail %d' % i)
        d.transaction(TARO, ['%s@example.test' % user], stuffed(text))
    d.say('QUIT', 221)
    until(lambda: len(h.files(user)) == have + count, '%d mails for %s' % (count, user))


def file_content(path):
    with open(path, 'rb') as f:
        return f.read()


def retrieve(d, number):
    """the octets of a message"""
    d.ok('RETR %d' % number)
    return b''.join(line.encode('utf-8', 'surrogateescape') + b'\r\n' for line in d.read_block())


def reset(d):
    """the connection is lost: the server gets an RST"""
    d.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    d.socket.close()


def login(h, user='hana', **more):
    """the reply to PASS, and the session"""
    d = Dialog(h, 'pop3', **more)
    d.ok('USER ' + user)
    return d.say('PASS ' + PASSWORDS[user]), d


def free(h, user='hana'):
    """waits until the mailbox can be had; the session"""
    def attempt():
        reply, d = login(h, user)
        if reply.startswith('+OK'):
            return d
        contains(reply, '[IN-USE]')
        d.close()
    return until(attempt, 'the mailbox of %s is free' % user)


def memory_kib(h, program):
    with open('/proc/%d/status' % h.programs()[program]) as f:
        return int(re.search(r'VmRSS:\s+(\d+)', f.read()).group(1))


# --- the protocol


def test_a_mailbox_is_read_and_emptied():
    """RFC 1939: every command, octet by octet; DELE counts at QUIT only, RSET takes it back"""
    with House() as h:
        put(h, 'hana', 3)
        paths = h.files('hana')
        sizes = [os.path.getsize(p) for p in paths]
        d = h.pop('hana')
        equal(str(d.ok('STAT')), '+OK 3 %d' % sum(sizes))
        equal(d.block('LIST'), ['%d %d' % (i + 1, n) for i, n in enumerate(sizes)])
        equal(str(d.ok('LIST 2')), '+OK 2 %d' % sizes[1])
        ids = [line.split(' ') for line in d.block('UIDL')]
        equal([n for n, _ in ids], ['1', '2', '3'])
        equal(len(set(u for _, u in ids)), 3)
        equal(str(d.ok('UIDL 3')), '+OK 3 ' + ids[2][1])
        for i, path in enumerate(paths):
            equal(retrieve(d, i + 1), file_content(path))
        whole = file_content(paths[0]).decode().split('\r\n')[:-1]
        blank = whole.index('')
        equal(d.block('TOP 1 0'), whole[:blank + 1])
        equal(d.block('TOP 1 1'), whole[:blank + 2])
        equal(d.block('TOP 1 1000000'), whole)
        d.ok('NOOP')
        d.ok('DELE 2')
        for command in ('DELE 2', 'RETR 2', 'LIST 2', 'UIDL 2', 'TOP 2 0', 'RETR 0', 'RETR 4', 'RETR 4294967298'):
            d.err(command)
        equal(str(d.ok('STAT')), '+OK 2 %d' % (sizes[0] + sizes[2]))
        equal(len(d.block('LIST')), 2)
        d.ok('RSET')
        equal(str(d.ok('STAT')), '+OK 3 %d' % sum(sizes))
        d.ok('DELE 1')
        d.ok('DELE 3')
        equal(h.files('hana'), paths)
        d.ok('QUIT')
        d.closed()
        equal(h.files('hana'), [paths[1]])


def test_no_quit_no_removal():
    """RFC 1939 §6: a session that ends without QUIT removes nothing"""
    with House() as h:
        put(h, 'hana', 2)
        paths = h.files('hana')
        for end in (Dialog.close, reset):
            d = h.pop('hana')
            d.ok('DELE 1')
            end(d)
            free(h).ok('QUIT')
            equal(h.files('hana'), paths)


def test_capabilities_say_what_goes_now():
    """RFC 2449: in each state and on each connection just what works there"""
    with House() as h:
        always = {'TOP', 'UIDL', 'RESP-CODES', 'AUTH-RESP-CODE', 'PIPELINING', 'EXPIRE NEVER', 'UTF8 USER', 'LANG'}
        scram = 'SASL SCRAM-SHA-256 PLAIN'
        plus = 'SASL SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN'
        d = h.pop(source=STRANGER)
        equal(set(d.block('CAPA')), always | {'STLS'}, 'a stranger without TLS')
        d.ok('STLS')
        d.start_tls()
        equal(set(d.block('CAPA')), always | {'USER', plus}, 'a stranger after STLS')
        equal(d.block('AUTH'), plus.split(' ')[1:])
        d = h.pop()
        equal(set(d.block('CAPA')), always | {'STLS', 'USER', scram}, 'loopback')
        d.ok('USER hana')
        d.ok('PASS ' + PASSWORDS['hana'])
        equal(set(d.block('CAPA')), always | {'STLS', 'USER', scram}, 'after the login')
        d = Dialog(h, 'pop3s', STRANGER, tls=True)
        equal(set(d.block('CAPA')), always | {'USER', plus}, 'implicit TLS')
        equal(d.block('AUTH'), plus.split(' ')[1:])


def test_pipelining_across_retr():
    """RFC 2449 §6.6: everything at once, answered in order, and nothing is lost"""
    with House() as h:
        put(h, 'hana', 4, 300000)
        paths = h.files('hana')
        for tls in (None, True):
            d = Dialog(h, 'pop3s' if tls else 'pop3', tls=tls)
            commands = ['USER hana', 'PASS ' + PASSWORDS['hana'], 'STAT', 'RETR 1', 'TOP 2 0', 'RETR 3', 'NOOP',
                        'RETR 9', 'RETR 2', 'TOP 4 1', 'UIDL', 'RETR 4', 'QUIT']
            d.send('\r\n'.join(commands) + '\r\n')
            got = {}
            for command in commands:
                reply = d.read()
                equal(reply.code, '-ERR' if command == 'RETR 9' else '+OK', command)
                if command.split(' ')[0] in ('RETR', 'TOP', 'UIDL') and reply.code == '+OK':
                    got[command] = d.read_block()
            for i, path in enumerate(paths):
                equal(got['RETR %d' % (i + 1)], file_content(path).decode().split('\r\n')[:-1])
            equal(got['TOP 4 1'], got['RETR 4'][:got['RETR 4'].index('') + 2])
            d.closed()


def test_a_thousand_commands_at_once():
    """more pipelined commands than buffers hold: the client waits, nothing is dropped"""
    with House() as h:
        put(h, 'hana', 1, 20000)
        d = h.pop('hana')
        whole = file_content(h.files('hana')[0]).decode().split('\r\n')[:-1]
        count = 1500

        def send():
            d.socket.sendall(b'RETR 1\r\n' * count)
        sender = threading.Thread(target=send)
        sender.start()
        for i in range(count):
            equal(d.read().code, '+OK')
            if d.read_block() != whole:
                raise AssertionError('message %d differs' % i)
            del d.lines[:]
        sender.join()
        d.ok('QUIT')


def test_lines_that_end_wrongly():
    """a line ends in CRLF; early words, bare LF, bare CR, NUL: -ERR and close"""
    with House() as h:
        for octets in (b'CAPA\n', b'CAPA\rX\r\n', b'CA\0PA\r\n', b'CAPA\r\r\n'):
            d = h.pop()
            d.send(octets)
            equal(d.read().code, '-ERR', repr(octets))
            d.closed()


def test_limits_of_lines_and_errors():
    """255 octets a line (RFC 2449 §4), fifty senseless commands, fifty before the login: both sides"""
    with House() as h:
        d = h.pop()
        d.ok('USER ' + 'x' * (255 - 7))
        contains(d.err('USER ' + 'x' * (256 - 7)), '255')
        d.block('CAPA')
        d.send('X' * 70000)
        equal(d.read().code, '-ERR')
        d.closed()
        d = h.pop('hana')
        for i in range(49):
            contains(d.err('XYZ'), 'nown')
        d.ok('LANG en')
        contains(d.err('XYZ'), 'oo many')
        d.closed()
        d = h.pop()
        for i in range(50):
            d.block('CAPA')
        contains(d.err('CAPA'), 'oo many')
        d.closed()
        d = h.pop()
        for i in range(49):
            d.block('CAPA')
        d.ok('LANG en')
        d.ok('QUIT')


def test_three_wrong_passwords():
    """a session that guesses three times is closed; wrong name and wrong password sound the same"""
    with House() as h:
        d = h.pop()
        replies = set()
        for name in ('hana', 'nobody', 'hana'):
            d.ok('USER ' + name)
            replies.add(str(d.err('PASS wrong')))
        equal(len(replies), 1)
        contains(replies.pop(), '-ERR [AUTH] ')
        d.closed()


# --- alone in a mailbox


def test_exclusive_over_workers_and_freed():
    """RFC 1939 §4: one session a mailbox, over all workers; free after QUIT, a lost connection, a crash"""
    with House() as h:
        put(h, 'hana', 1)
        put(h, 'taro', 1)
        workers = sorted(n for n in h.programs() if n.startswith('popd'))
        first = h.pop('hana')
        others = []
        for i in range(12):  # the kernel gives them to whichever worker is free
            reply, d = login(h)
            contains(reply, '-ERR [IN-USE] ')
            others.append(d)
        first.ok('STAT')
        taro = h.pop('taro')
        taro.ok('STAT')
        first.ok('QUIT')
        d = others[5]  # the session is still good for a login
        d.ok('USER hana')
        d.ok('PASS ' + PASSWORDS['hana'])
        reset(d)
        d = free(h)
        d.close()
        d = free(h)
        d.socket.shutdown(socket.SHUT_RDWR)
        d = free(h)
        for worker in workers:
            h.kill(worker)
        d.closed()
        h.until_up()
        free(h).ok('STAT')


def on_worker(h, worker, count=1):
    """sessions that this worker has: the others are stopped while they come"""
    others = [pid for name, pid in h.programs().items() if name.startswith('popd') and name != worker]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    try:
        return [h.pop() for i in range(count)]
    finally:
        for pid in others:
            os.kill(pid, signal.SIGCONT)


def test_a_worker_dies():
    """the sessions of the other worker go on, also one that is logged in; the dead one's mailbox is free"""
    with House() as h:
        put(h, 'hana', 1)
        put(h, 'taro', 1)
        workers = [n for n in h.programs() if n.startswith('popd')]
        if len(workers) < 2:
            raise Skip('one worker only')
        lost, kept = on_worker(h, workers[0])[0], on_worker(h, workers[1])[0]
        for d, user in ((lost, 'hana'), (kept, 'taro')):
            d.ok('USER ' + user)
            d.ok('PASS ' + PASSWORDS[user])
        for worker in workers:
            d = on_worker(h, worker)[0]
            d.ok('USER hana')
            contains(d.err('PASS ' + PASSWORDS['hana']), '[IN-USE]')
        h.kill(workers[0])
        lost.closed()
        retrieve(kept, 1)
        h.until_up()
        free(h).ok('QUIT')
        retrieve(kept, 1)
        kept.ok('QUIT')


# --- programs that die


def test_mailbox_dies_under_a_session():
    """content breaks off by closing, never by a false end; what comes after says [SYS/TEMP]; no mail is lost"""
    with House() as h:
        put(h, 'hana', 2, 8 << 20)
        put(h, 'taro', 1)
        paths = h.files('hana')
        d = h.pop('hana')
        idle = h.pop('taro')
        d.send('RETR 1\r\n')
        equal(d.read().code, '+OK')
        h.kill('mailbox')
        h.wait_log('a program was killed')
        try:
            lines = d.read_block()
            raise AssertionError('the message ended as if it were whole: %d lines' % len(lines))
        except EOFError:
            pass
        h.until_up()
        contains(idle.err('LIST'), '[SYS/TEMP]')
        d = free(h)
        d.ok('DELE 1')
        h.kill('mailbox')
        h.wait_log('a program was killed', 2)
        contains(d.err('QUIT'), '[SYS/TEMP]')
        d.closed()
        equal(h.files('hana'), paths)
        h.until_up()
        equal(retrieve(free(h), 2), file_content(paths[1]))


def test_auth_dies_under_sessions():
    """who is in goes on; who is coming in hears [SYS/TEMP] and can try again in the same session"""
    with House() as h:
        put(h, 'hana', 1)
        inside = h.pop('hana')
        half = h.pop()
        half.say('AUTH SCRAM-SHA-256', '+')
        h.kill('auth')
        h.wait_log('a program was killed')
        h.until_up()
        equal(len(retrieve(inside, 1)) > 100, True)
        contains(half.err('biwsbj10YXJvLHI9YWJjZGVm'), '[SYS/TEMP]')
        half.ok('USER taro')
        half.ok('PASS ' + PASSWORDS['taro'])
        inside.ok('DELE 1')
        inside.ok('QUIT')
        equal(h.files('hana'), [])
        free(h).ok('QUIT')


def test_who_vanished_is_noticed():
    """each connection is asked for a sign of life after a minute of silence"""
    with House() as h:
        d = h.pop('hana')
        look = lambda: run('ss', '-tnoH', 'state', 'established', 'sport = :2110')
        until(lambda: re.search(r'timer:\(keepalive,(1min|5\d)', look()), 'the timer is set')
        d.ok('QUIT')


def test_deliver_dies_under_sessions():
    """a login and a removal wait for it a moment; a mailbox is never served before its repairs"""
    with House() as h:
        put(h, 'hana', 2)
        d = h.pop('hana')
        d.ok('DELE 1')
        h.kill('deliver')
        d.ok('QUIT')
        equal(len(h.files('hana')), 1)
        h.kill('deliver')
        equal(str(free(h).ok('STAT')).split(' ')[1], '1')


# --- other programs in the mailbox


def test_mail_is_moved_by_another_program():
    """moved to cur/ with flags, renamed, removed, replaced: the right message or -ERR, never a wrong one"""
    with House() as h:
        put(h, 'hana', 7)
        paths = h.files('hana')
        texts = [file_content(p) for p in paths]
        d = h.pop('hana')
        before = d.block('UIDL')
        cur = os.path.join(h.maildir('hana'), 'cur')

        def move(i, flags):
            now = h_now[i]
            to = os.path.join(cur, os.path.basename(paths[i]) + flags)
            os.rename(now, to)
            h_now[i] = to
        h_now = list(paths)
        move(0, ':2,S')
        equal(retrieve(d, 1), texts[0])
        move(0, ':2,RS')
        equal(retrieve(d, 1), texts[0])
        os.unlink(h_now[1])
        contains(d.err('RETR 2'), 'is gone')
        contains(d.err('TOP 2 0'), 'is gone')
        with open(h_now[2] + '.other', 'wb') as f:  # another file under the old name, of the same size
            f.write(b'X' * len(texts[2]))
        os.rename(h_now[2] + '.other', h_now[2])
        d.send('RETR 3\r\n')
        if d.read().code == '+OK' and d.read_block()[0].startswith('X'):
            raise AssertionError('a file that was not listed was sent as message 3')
        with open(h_now[3], 'ab') as f:  # grown in place
            f.write(b'more\r\n')
        d.send('RETR 4\r\n')
        if d.read().code == '+OK':
            raise AssertionError('message 4 is not what LIST said')
        move(4, ':2,S')
        for i in (5, 6, 7):
            d.ok('DELE %d' % i)
        move(4, ':2,FS')
        os.unlink(h_now[5])
        with open(h_now[6] + '.other', 'wb') as f:
            f.write(b'another mail')
        os.rename(h_now[6] + '.other', h_now[6])
        d.ok('QUIT')
        equal(os.path.exists(h_now[4]), False)
        equal(file_content(h_now[6]), b'another mail')
        d = h.pop('hana')
        equal(len(d.block('LIST')), 4)
        equal(d.block('UIDL')[0].split(' ')[1], before[0].split(' ')[1])


def test_odd_files_in_a_mailbox():
    """names of other programs, no size, bare LF, 0 octets, links, directories: served with their exact sizes, or passed over"""
    with House() as h:
        put(h, 'hana', 1)
        new = os.path.join(h.maildir('hana'), 'new')
        files = {'1000000000.M1P2.host': b'Subject: lf\n\n.dot\nlast line without end',
                 '1000000001.M1P2.host,S=3': b'',
                 'ü' * 60: b'Subject: name\r\n\r\nbody\r\n',
                 '1000000002.M1P2.host:2,S': b'Subject: empty\r\n\r\n',
                 '.hidden': b'no mail'}
        for name, text in files.items():
            path = os.path.join(new, name)
            with open(path, 'wb') as f:
                f.write(text)
            shutil.chown(path, *((os.stat(new).st_uid, os.stat(new).st_gid)))
            os.chmod(path, 0o660)
        os.symlink('/etc/passwd', os.path.join(new, '1000000003.link.host'))
        os.mkdir(os.path.join(new, '1000000004.directory.host'))
        d = h.pop('hana')
        listed = d.block('LIST')
        equal(len(listed), 5)
        ids = [line.split(' ')[1] for line in d.block('UIDL')]
        equal(len(set(ids)), 5)
        equal(all(re.fullmatch('[!-~]{1,70}', i) for i in ids), True)
        texts = {}
        for i in range(1, 6):
            d.send('RETR %d\r\n' % i)
            texts[i] = d.read_block() if d.read().code == '+OK' else None
        equal(texts[1], ['Subject: lf', '', '.dot', 'last line without end'])
        equal(texts[2], [])  # though its size is not what its name says
        sizes = ['%d %d' % (i, sum(len(line.encode()) + 2 for line in texts[i])) for i in texts]
        equal(listed, sizes)
        equal(str(d.ok('STAT')), '+OK 5 %d' % sum(int(s.split(' ')[1]) for s in sizes))
        again = h.pop('taro')
        d.ok('QUIT')
        equal([line.split(' ')[1] for line in h.pop('hana').block('UIDL')], ids)


def test_trouble_with_a_mailbox():
    """a mailbox that is no directory: [SYS/TEMP], told in the log; no mailbox at all: empty; others unharmed"""
    with House() as h:
        put(h, 'taro', 1)
        os.symlink('/tmp', h.maildir('hana'))
        reply, d = login(h)
        contains(reply, '-ERR [SYS/TEMP] ')
        h.wait_log('a mailbox cannot be opened now')
        h.pop('taro').ok('STAT')
        os.unlink(h.maildir('hana'))
        d.ok('USER hana')
        d.ok('PASS ' + PASSWORDS['hana'])
        equal(str(d.ok('STAT')), '+OK 0 0')
        equal(d.block('LIST'), [])
        equal(d.block('UIDL'), [])
        d.ok('QUIT')


# --- internationalised mail

INTERNATIONAL = """From: 花子 <花子@例え.jp>
Sender: Hana <hana@例え.jp>
To: "太郎, the second" <taro@example.test>, 部: a@example.test, é@example.test;
Subject: 関所の通行手形 and some ASCII
Message-ID: <ascii@test>
In-Reply-To: <é@test>
X-Note: naïve
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8; name="手形.txt"

本文
"""


def put_international(h):
    content = INTERNATIONAL.replace('\n', '\r\n').encode()
    d = h.smtp()
    d.say('EHLO client.example.org', 250)
    d.say('MAIL FROM:<花子@例え.jp> SMTPUTF8 BODY=8BITMIME', 250)
    d.say('RCPT TO:<hana@example.test>', 250)
    d.say('DATA', 354)
    d.send(content + b'.\r\n')
    equal(d.read().code, 250)
    h.messages('hana', 1)
    return content


def test_international_mail_for_any_client():
    """RFC 6856, RFC 6858: with UTF8 octet by octet, without it readable and ASCII in the header section"""
    with House() as h:
        content = put_international(h)
        d = h.pop()
        d.ok('UTF8')
        d.ok('USER hana')
        d.ok('PASS ' + PASSWORDS['hana'])
        equal(retrieve(d, 1).endswith(content), True)
        equal(str(d.ok('LIST 1')), '+OK 1 %d' % len(retrieve(d, 1)))
        d.err('UTF8')  # before the login only
        d.ok('QUIT')
        d = free(h)
        octets = retrieve(d, 1)
        head, body = octets.split(b'\r\n\r\n', 1)
        equal(head.isascii(), True)
        equal(max(len(line) for line in head.split(b'\r\n') if b'=?' in line) <= 76, True)
        equal(body.decode(), '本文\r\n')
        equal(d.block('TOP 1 0'), head.decode().split('\r\n') + [''])
        m = email.message_from_bytes(octets, policy=email.policy.default)
        equal(m['subject'], '関所の通行手形 and some ASCII')
        sender = m['from'].addresses[0]
        equal(sender.addr_spec, 'invalid@internationalized-address.invalid')
        contains(sender.display_name, '花子')
        contains(sender.display_name, '花子@例え.jp')
        equal(m['sender'].address.addr_spec, 'hana@xn--r8jz45g.jp')
        equal([a.addr_spec for a in m['to'].addresses],
              ['taro@example.test', 'a@example.test', 'invalid@internationalized-address.invalid'])
        equal(m['to'].addresses[0].display_name, '太郎, the second')
        equal(m['message-id'], '<ascii@test>')
        equal(m['in-reply-to'], None)
        equal(str(m['x-note']), 'naïve')
        equal((m.get_content_type(), m.get_content_charset(), m.get_filename()), ('text/plain', 'utf-8', None))
        equal(m['return-path'].strip('<>'), 'invalid@internationalized-address.invalid')


def test_mail_that_is_not_international_passes():
    """ISO-2022-JP, Shift_JIS and Latin-1 as they came: only UTF-8 in header fields is rewritten"""
    with House() as h:
        texts = [('Subject: 手形\r\n\r\n本文\r\n').encode(c) for c in ('iso-2022-jp', 'shift_jis')] + [
            b'Subject: caf\xe9\r\n\r\ncaf\xe9\r\n', 'Subject: ascii\r\n\r\n本文\r\n'.encode()]
        for i, text in enumerate(texts):
            h.send(content=text)
            h.messages('hana', i + 1)
        d = h.pop('hana')
        for i, text in enumerate(texts):
            equal(retrieve(d, i + 1).endswith(b'\r\n' + text), True, repr(text))


def test_languages():
    """RFC 6856 §3: replies in Japanese when asked; -ERR for a language that is not spoken"""
    with House() as h:
        d = h.pop()
        equal([line.split(' ')[0] for line in d.block('LANG')], ['en', 'ja', 'i-default'])
        contains(d.ok('LANG ja-JP'), '+OK ja ')
        equal(d.err('XYZ').isascii(), False)
        d.err('LANG tlh')
        d.ok('LANG *')
        equal(d.err('XYZ').isascii(), True)


# --- slow, silent and vanishing clients


def test_a_client_that_never_reads():
    """its content waits on the disk, not in memory; others are served; its mailbox is free when it goes"""
    with House() as h:
        put(h, 'hana', 2, 30 << 20)
        put(h, 'taro', 1)
        popds = [n for n in h.programs() if n.startswith('popd')]
        before = {n: memory_kib(h, n) for n in popds + ['mailbox']}
        d = h.pop('hana')
        d.send('RETR 1\r\nRETR 2\r\n' * 10)
        time.sleep(1)
        for i in range(5):
            t = h.pop('taro')
            retrieve(t, 1)
            t.ok('QUIT')
            t.closed()
            free(h, 'taro').close()
        for n in before:
            grown = memory_kib(h, n) - before[n]
            if grown > 8192:
                raise AssertionError('%s holds %d KiB more' % (n, grown))
        reset(d)
        free(h).ok('QUIT')


def test_a_client_that_has_ended_its_side():
    """half-close: what was asked before the end is answered to its end, also when it is much"""
    with House() as h:
        put(h, 'hana', 1, 12 << 20)
        path = h.files('hana')[0]
        whole = file_content(path).decode().split('\r\n')[:-1]
        for last in ('', 'DELE 1\r\nQUIT\r\n'):
            d = free(h)
            d.send('RETR 1\r\nSTAT\r\n' + last)
            d.socket.shutdown(socket.SHUT_WR)
            equal(d.read().code, '+OK')
            if d.read_block() != whole:
                raise AssertionError('cut')
            equal(d.read().code, '+OK')
            if last:
                equal(d.read().code, '+OK')
                equal(d.read().code, '+OK')
            d.closed()
        equal(h.files('hana'), [])


@contextlib.contextmanager
def small_buffers():
    """the kernel holds little of what is sent: the end of a session waits in popd"""
    path = '/proc/sys/net/ipv4/tcp_wmem'
    with open(path) as f:
        before = f.read()
    try:
        with open(path, 'w') as f:
            f.write('4096 16384 32768')
    except OSError:
        raise Skip('only root sets the sizes of buffers')
    try:
        yield
    finally:
        with open(path, 'w') as f:
            f.write(before)


def test_a_slow_reader_gets_everything():
    """a client that reads its last octets seconds after QUIT, with its side ended or not, gets all of them"""
    with House() as h, small_buffers():
        put(h, 'hana', 1, 700 << 10)
        for ended in (False, True):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            s.settimeout(20)
            s.connect((LOCAL, PORTS['pop3']))
            s.recv(1000)  # the greeting: who speaks earlier is refused
            s.sendall(b'USER hana\r\nPASS %s\r\nRETR 1\r\nQUIT\r\n' % PASSWORDS['hana'].encode())
            if ended:
                s.shutdown(socket.SHUT_WR)
            got = b''
            while True:
                octets = s.recv(8192)
                if not octets:
                    break
                got += octets
                if len(got) > 550000:
                    time.sleep(0.15)
            contains(got[-200:].decode(), '\r\n.\r\n+OK ')
            s.close()
            free(h).close()


def test_a_client_that_vanishes_under_retr():
    """RETR, DELE and QUIT in one go, and the connection is lost under RETR: nothing is removed"""
    with House() as h:
        put(h, 'hana', 1, 30 << 20)
        for tls in (None, True):
            d = Dialog(h, 'pop3s' if tls else 'pop3', tls=tls)
            d.send('USER hana\r\nPASS %s\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n' % PASSWORDS['hana'])
            for i in range(3):
                d.ok_line = d.read()
            d.line()
            reset(d)
            free(h).close()
            equal(len(h.files('hana')), 1)


def test_top_of_a_large_message():
    """TOP reads the top: a hundred of a large message, and RETR in between"""
    with House() as h:
        put(h, 'hana', 2, 20 << 20)
        whole = file_content(h.files('hana')[0]).decode().split('\r\n')[:-1]
        blank = whole.index('')
        d = h.pop('hana')
        for i in range(100):
            equal(d.block('TOP %d 3' % (1 + i % 2))[blank:], whole[blank:blank + 4])
        d.send('TOP 1 0\r\nTOP 2 0\r\nRETR 1\r\nTOP 1 5\r\nNOOP\r\n')
        d.read(), d.read_block(), d.read(), d.read_block(), d.read()
        equal(d.read_block() == whole, True)
        d.read(), d.read_block()
        equal(d.read().code, '+OK')


def test_timers():
    """RFC 1939 §3: ten minutes of silence, before the login as after it; half an hour to log in; closed without a word"""
    users = dict(PASSWORDS, jiro='third', saburo='fourth')
    with Clock() as clock, House(users=users, env=clock.env) as h:
        for user in users:
            put(h, user, 1, 20 << 20 if user == 'saburo' else None)
        handshake = Dialog(h, 'pop3s', STRANGER, greeting=False)
        stranger, busy = h.pop(source=STRANGER), h.pop(source=STRANGER)
        silent, lively, unread = h.pop('hana'), h.pop('taro'), h.pop('saburo', password='fourth')
        silent.ok('DELE 1')
        unread.send('RETR 1\r\n')
        began = time.monotonic()

        def pass_by(seconds, *lives):
            """so much time; the server has looked at its sessions since"""
            clock.go_by(seconds)
            time.sleep(2.5)
            for d in lives:
                d.block('CAPA')
        pass_by(40)
        handshake.silent()
        pass_by(30, busy, lively)
        handshake.closed()
        pass_by(500, busy, lively)
        for d in stranger, silent:
            d.silent()
        pass_by(20 - int(time.monotonic() - began))
        for d in stranger, silent:
            d.silent()
        pass_by(15, busy, lively)
        for d in stranger, silent:
            d.closed()
        equal(len(h.files('hana')), 1)
        pass_by(550, busy, lively)
        h.pop('saburo', password='fourth').ok('STAT')
        pass_by(550, busy, lively)
        pass_by(60)  # 1765 and what the test itself took
        busy.block('CAPA')
        pass_by(60)
        busy.closed()
        lively.ok('NOOP')


# --- limits in all


def test_connections_of_one_address():
    """clientlimit holds over all workers, for strangers; an inside client is not limited"""
    with House(files={'clientlimit': '5\n'}) as h:
        sessions = [h.pop(source=STRANGER) for i in range(5)]
        contains(h.pop(source=STRANGER).greeting, '-ERR [SYS/TEMP] ')
        h.pop(source=OTHER_STRANGER).ok('CAPA')
        [h.pop() for i in range(12)]
        sessions[0].ok('QUIT')
        until(lambda: h.pop(source=STRANGER).greeting.startswith('+OK'), 'a place is free again')


def test_sessions_in_all():
    """at sessionlimit the longest-idle stranger without a login makes room; nobody logged in does"""
    with House(files={'sessionlimit': '12\n', 'clientlimit': '12\n'}) as h:
        put(h, 'hana', 1)
        d = Dialog(h, 'pop3s', '198.51.100.99', tls=True)
        d.ok('USER hana')
        d.ok('PASS ' + PASSWORDS['hana'])
        strangers = [h.pop(source='198.51.100.%d' % (i + 1)) for i in range(11)]
        newcomers = [h.pop(source='203.0.113.%d' % (i + 1)) for i in range(4)]
        equal([str(n.greeting)[:3] for n in newcomers], ['+OK'] * 4)
        turned_away = 0
        for s in strangers:
            s.socket.settimeout(0.3)
            try:
                turned_away += '-ERR [SYS/TEMP]' in s.line()
            except socket.timeout:
                pass
        equal(turned_away, 4)
        retrieve(d, 1)


def pop(h, source):
    """a session, or None when there is no room"""
    d = h.pop(source=source)
    if d.greeting.startswith('-ERR [SYS/TEMP]'):
        d.closed()
        return None
    contains(d.greeting, '+OK')
    return d


def full_house(limit):
    return House(files={'sessionlimit': '%d\n' % limit, 'clientlimit': '%d\n' % limit},
                 options=['--workers', '1'])


def test_longest_idle_makes_room():
    """of those who sit there without a login the one goes that has said nothing for longest"""
    with full_house(16) as h:
        strangers = [pop(h, '198.51.100.%d' % (i + 1)) for i in range(14)]
        equal(None in strangers, False)
        strangers[0].block('CAPA')
        equal(bool(pop(h, '203.0.113.1')), True)
        contains(strangers[1].line(), '-ERR [SYS/TEMP]')
        strangers[1].closed()
        strangers[0].block('CAPA')
        # strangers never have the eighth that is kept for inside clients
        inside = [pop(h, LOCAL) for _ in range(2)]
        equal(None in inside, False)
        inside[0].block('CAPA')


def test_inside_leaves_room_for_strangers():
    """a machine of the site that runs wild does not keep others from their mail, nor strangers the site"""
    with full_house(16) as h:
        put(h, 'hana', 1)
        inside = [pop(h, LOCAL) for _ in range(14)]
        equal(None in inside, False)
        # the fifteenth takes the place of an inside one
        equal(bool(pop(h, LOCAL)), True)
        contains(inside[0].line(), '-ERR [SYS/TEMP]')
        d = Dialog(h, 'pop3s', '198.51.100.99', tls=True)
        d.ok('USER hana')
        d.ok('PASS ' + PASSWORDS['hana'])
        retrieve(d, 1)
        d.ok('QUIT')


def test_a_crowd_in_the_middle_of_logins():
    """who begins a login and does no more holds a place for a moment only; who is logged in keeps it"""
    with full_house(24) as h:
        put(h, 'hana', 1)
        d = Dialog(h, 'pop3s', '198.51.100.99', tls=True)
        d.ok('USER hana')
        d.ok('PASS ' + PASSWORDS['hana'])
        crowd = []
        for i in range(21):
            s = Dialog(h, 'pop3s', STRANGER, tls=True)
            s.say('AUTH SCRAM-SHA-256', '+')
            crowd.append(s)
        honest = until(lambda: pop(h, '203.0.113.77'), 'an honest client gets in')
        honest.block('CAPA')
        retrieve(d, 1)


# --- restarts


def test_unique_ids_survive():
    """UIDL is the same after a restart, after flags changed, and never given twice"""
    with House() as h:
        put(h, 'hana', 3)
        d = h.pop('hana')
        before = [line.split(' ')[1] for line in d.block('UIDL')]
        d.close()
        h.restart()
        cur = os.path.join(h.maildir('hana'), 'cur')
        path = h.files('hana')[1]
        os.rename(path, os.path.join(cur, os.path.basename(path) + ':2,S'))
        d = h.pop('hana')
        equal([line.split(' ')[1] for line in d.block('UIDL')], before)
        d.ok('DELE 3')
        d.ok('QUIT')
        h.restart(signal.SIGKILL)
        put(h, 'hana', 1)
        after = [line.split(' ')[1] for line in free(h).block('UIDL')]
        equal(after[:2], before[:2])
        equal(after[2] in before, False)


def test_what_was_deleted_stays_deleted():
    """DESIGN §5: a mail is unlinked only when the spool knows for good that it was delivered; no crash brings it back"""
    with House() as h:
        for how in ('killed', 'killed', 'power cut', 'power cut')[:4 if os.getuid() == 0 else 2]:
            h.send()
            until(lambda: h.files('hana'), 'delivered')
            d = free(h)
            d.ok('DELE 1')
            if how == 'power cut':
                h.kill('spool', signal.SIGSTOP)
                in_another_boot(h)
            d.send('QUIT\r\n')
            d.socket.settimeout(1)
            try:
                removed = d.read().startswith('+OK')
            except socket.timeout:
                removed = False
            equal(removed, how == 'killed')
            h.stop(signal.SIGKILL)
            for pid in list(filter(str.isdigit, os.listdir('/proc'))):
                if h.is_program(int(pid)):
                    os.kill(int(pid), signal.SIGKILL)
            h.wait_programs_gone()
            h.start()
            d = free(h)
            equal(len(d.block('LIST')), 0 if removed else 1, how)
            for i in range(0 if removed else 1):
                d.ok('DELE 1')
            d.ok('QUIT')
            equal(h.files('hana'), [])


def test_reload_and_stop_under_sessions():
    """a reload leaves a session alone; SIGTERM lets who is logged in finish, and tells the others"""
    with House() as h:
        put(h, 'hana', 1)
        d = h.pop('hana')
        early = h.pop()
        h.reload()
        equal(len(retrieve(d, 1)) > 0, True)
        early.block('CAPA')
        h.process.send_signal(signal.SIGTERM)
        until(lambda: str(early.say('LANG en')).startswith('-ERR [SYS/TEMP]'), 'told')
        d.ok('DELE 1')
        d.ok('QUIT')
        h.process.wait(30)
        equal(h.files('hana'), [])
        equal(h.process.returncode, 0)


def test_login_right_after_a_crash():
    """everything killed while mail arrives: the mailbox that is served then holds whole mails, each once"""
    with House() as h:
        d = h.smtp()
        d.say('EHLO client.example.org', 250)
        for i in range(40):
            d.transaction(TARO, [HANA], stuffed(content(30000, 'mail %d' % i)))
        h.restart(signal.SIGKILL)
        until(lambda: len(h.files('hana')) >= 40, 'all are delivered')
        p = h.pop('hana')
        equal(len(p.block('LIST')), 40)
        subjects = []
        for i in range(40):
            lines = p.block('RETR %d' % (i + 1))
            subjects += [line for line in lines if line.startswith('Subject: ')]
            equal(lines[-1], LINE.decode().strip())
        equal(sorted(subjects), sorted('Subject: mail %d' % i for i in range(40)))


def in_another_boot(h):
    """the next start of the server sees another boot id, in a mount namespace of its own"""
    path = os.path.join(h.dir, 'boot_id')
    with open(path, 'w') as f:
        f.write('12345678-1234-1234-1234-123456789abc\n')
    libc = ctypes.CDLL(None, use_errno=True)

    def isolate():
        target = b'/proc/sys/kernel/random/boot_id'
        private, bind, new_namespace = 1 << 18 | 1 << 14, 1 << 12, 0x20000
        if (libc.unshare(new_namespace) or libc.mount(None, b'/', None, private, None) or
                libc.mount(path.encode(), target, None, bind, None)):
            raise OSError(ctypes.get_errno(), 'no mount namespace')
    h.limits = isolate


def test_login_after_a_power_cut():
    """DESIGN §5: after another boot names prove nothing; no mailbox is served before its files are mended"""
    if os.getuid() != 0:
        raise Skip('only root makes a mount namespace')
    for attempt in range(5):
        with House() as h:
            texts = [content(200000, 'mail %d' % i) for i in range(20)]
            d = h.smtp()
            d.say('EHLO client.example.org', 250)
            began = time.monotonic()
            for text in texts:
                d.transaction(TARO, [HANA], stuffed(text))
            until(lambda: len(h.files('hana')) == 20, 'placed')
            took = time.monotonic() - began
            h.stop(signal.SIGKILL)
            h.wait_programs_gone()
            if took > 0.6:
                continue  # some may be synced for good already: what is done to them is not mended
            for i, path in enumerate(h.files('hana')):
                if i % 3 == 0:
                    os.truncate(path, 0)
                elif i % 3 == 1:
                    os.unlink(path)
            in_another_boot(h)
            h.start(wait=False)

            def at_once():
                try:
                    return h.pop('hana')
                except (OSError, EOFError, AssertionError):  # not there, or not all programs
                    return None
            d = until(at_once, 'a login')
            equal(len(d.block('LIST')), 20)
            for i in range(20):
                equal(retrieve(d, i + 1).endswith(texts[i]), True, 'mail %d' % i)
            return
    raise Skip('this machine is too slow to cut the power in time')


# --- large mailboxes


def fill(h, user, count):
    """so many small messages, under names as deliver makes them, half of them read by another program"""
    text = mail('many', body='x' * 1000)
    for folder in ('new', 'cur', 'tmp'):
        os.makedirs(os.path.join(h.maildir(user), folder), exist_ok=True)
    for i in range(count):
        name = '%d.0123456789abcdef_%016x_0.mail.example.test,S=%d' % (1700000000 + i // 10, i, len(text))
        path = os.path.join(h.maildir(user), 'cur' if i % 2 else 'new', name + (':2,S' if i % 2 else ''))
        with open(path, 'wb') as f:
            f.write(text)
    if os.getuid() == 0:
        run('chown', '-R', '--reference=' + h.maildir('taro'), h.maildir(user))
        run('chmod', '-R', 'g+rwX', h.maildir(user))
    return len(text)


def test_a_hundred_thousand_messages():
    """opened, listed and read in one session, and ten thousand removed; what it takes is said in ARCHITECTURE.md"""
    with House() as h:
        put(h, 'taro', 1)
        count = 100000
        octets = fill(h, 'hana', count)
        before = memory_kib(h, 'mailbox')
        began = time.monotonic()
        d = h.pop('hana')
        opened = time.monotonic() - began
        held = memory_kib(h, 'mailbox') - before
        equal(str(d.ok('STAT')), '+OK %d %d' % (count, count * octets))
        ids = [line.split(' ') for line in d.block('UIDL')]
        equal(len(set(u for _, u in ids)), count)
        equal(len(d.block('LIST')), count)
        contains(retrieve(d, count).decode(), 'Subject: many')
        listed = time.monotonic() - began - opened
        removed = 10000
        for i in range(1, removed + 1, 1000):
            d.send(''.join('DELE %d\r\n' % n for n in range(i, i + 1000)))
            for n in range(1000):
                equal(d.read().code, '+OK')
            del d.lines[:]
        if os.environ.get('SEKISHO_TEST_LONG'):
            print('     opened in %.2f s (%d KiB), listed in %.2f s' % (opened, held, listed))
        d.socket.settimeout(100)
        d.ok('QUIT')
        equal(len(h.files('hana')), count - removed)
