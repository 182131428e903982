"""Who fetched his mail sends without a login, for a short time, as himself, from where he is (N-20, N-23, N-26)."""
import time

from house import *
from nexthost import NextHost, PORT
from test_reading_clients import write
from test_submission import open_tls

ELSEWHERE = 'anna@other.example'
FETCH = 'please fetch your mail first, or let your mail program log in'
AFTER, SESSION = 2, 8  # seconds
SHORT = {'popkey': '%d %d\n' % (AFTER, SESSION)}
WITH_GATE = {'popkey': '', 'smarthost': '127.0.0.1:%d\n' % PORT,
             'aliases': 'sales: hana, taro\n'}
HERE = '192.0.2.1'  # programs that choose no address of their own come from here: a stranger's


def fetching(h, user='hana', source=STRANGER):
    """a POP3 session under TLS that stands"""
    d = Dialog(h, 'pop3s', source, tls=True)
    d.ok('USER ' + user)
    d.ok('PASS ' + PASSWORDS[user])
    return d


def fetched(h, user='hana', source=STRANGER):
    d = fetching(h, user, source)
    d.ok('QUIT')
    d.close()


def asked(h, sender=HANA, to=ELSEWHERE, source=STRANGER, d=None):
    """the reply to a recipient, on port 25 unless a session is given"""
    is_own = d is None
    if is_own:
        d = h.smtp(source)
        d.say('EHLO client.example.org', 250)
    d.say('MAIL FROM:<%s>' % sender, 250)
    reply = d.say('RCPT TO:<%s>' % to)
    d.say('RSET', 250)
    if is_own:
        d.close()
    return reply


def is_open(h, **more):
    reply = asked(h, **more)
    if reply.code != 250:
        equal(reply.code, 550, str(reply))
        contains(reply, '550 5.7.1 ')
        contains(reply, FETCH)
    return reply.code == 250


def written(sender=HANA):
    return mail(sender=sender, to=ELSEWHERE, extra='Date: Fri, 21 Nov 1997 09:55:06 +0900\r\n')


def test_open_as_long_as_it_says():
    """before, during, after; his own addresses, his address; a session over the cap; popd killed; the gate stopped"""
    with NextHost() as far, House(dict(WITH_GATE, **SHORT)) as h:
        equal(is_open(h), False, 'before')
        equal(FETCH in asked(h, sender='x@far.example'), False, 'a stranger is told to fetch mail')
        d = fetching(h)
        began = time.monotonic()
        equal(is_open(h), True, 'during')
        equal(is_open(h, sender='sales@example.test'), True, 'an alias of hers')
        contains(h.tool('explain', '--from', STRANGER, HANA, ELSEWHERE), 'gate      open by hana since ')
        said = h.json('explain', '--from', STRANGER, HANA, ELSEWHERE)
        equal((said['gate'], said['opened_by'], said['stages'][3]['class']), ('open', 'hana', 'in>out'))
        equal(time.time() - said['opened_since'] < 5, True, str(said))
        contains(h.tool('explain', '--from', OTHER_STRANGER, HANA, ELSEWHERE, code=1), 'gate      not open')
        equal(h.json('explain', '--from', STRANGER, TARO, ELSEWHERE, code=1)['gate'], 'closed')
        equal(h.json('explain', '--from', STRANGER, HANA, TARO)['gate'], 'unasked')
        equal(is_open(h, sender=TARO), False, 'a neighbour as himself')
        equal(is_open(h, source=OTHER_STRANGER), False, 'from elsewhere')
        s = h.smtp(STRANGER)
        s.say('EHLO client.example.org', 250)
        s.transaction(HANA, [TARO, ELSEWHERE], written(TARO), 550)  # From is judged as after a login
        s.transaction(HANA, [TARO, ELSEWHERE], written())
        h.wait_log(r'event="the gate was open" .*client=198.51.100.7 user=hana opened="by=pop3s since=\d+')
        h.wait_log(r'event="mail accepted" .*class=in>out .*by=gate user=hana')
        until(lambda: far.mails, 'it went on')
        equal(STRANGER.encode() in far.mails[0].content, False, 'the address is published')
        contains(far.mails[0].content.decode(), ' with ESMTP\r\n')
        # the gate hangs: closed, and said once; then it is there again, and the session is over its cap
        pid = h.programs()['gate']
        os.kill(pid, signal.SIGSTOP)
        reply = asked(h)
        os.kill(pid, signal.SIGCONT)
        equal((reply.code, '4.3.0' in reply), (451, True), str(reply))
        equal(len(h.wait_log('the gate does not answer')), 1)
        until(lambda: not is_open(h), 'over its cap')
        equal(time.monotonic() - began > SESSION - 0.1, True, 'closed early')
        d.ok('NOOP')
        d.ok('QUIT')
        ended = time.monotonic()
        equal(is_open(h), True, 'its end opens it again')
        until(lambda: not is_open(h), 'after')
        equal(AFTER - 0.1 < time.monotonic() - ended < AFTER + 2, True, 'by its clock')
        fetching(h)
        equal(is_open(h), True)
        for pid in [pid for name, pid in h.programs().items() if name.startswith('popd')]:
            os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        until(lambda: not is_open(h), 'its program died')
        equal(time.monotonic() - began < SESSION, True, 'the longer clock')


def test_on_the_submission_ports():
    """TLS, and who fetched his mail needs no login; mail for users here needs it, too; his limits are his; settings"""
    files = dict(WITH_GATE, usermailshour='3\n')
    with House(files) as h, NextHost():
        d = open_tls(h, source=STRANGER)
        d.say('MAIL FROM:<x@far.example>', 530)
        d.say('MAIL FROM:<>', 530)
        reply = asked(h, d=d, to=TARO)
        equal(reply.code, 530)
        contains(reply, FETCH)
        d.say('ETRN example.net', 530)
        pop = fetching(h)
        d.transaction(HANA, [TARO], written())
        got = h.messages('taro', 1)[0].decode()
        contains(got, 'with ESMTPS (')
        equal(STRANGER in got, False, 'the address is published')
        h.wait_log(r'event="mail accepted" .*class=in>in .*by=gate user=hana')
        equal(asked(h, d=d).code, 250)
        equal(asked(h, d=d).code, 250)
        equal(asked(h, d=d).code, 450, 'the fourth in an hour')
        equal(asked(h).code, 450, 'on port 25 they are the same')
        h.set('popkeyport25', 'no\n')
        h.set('usermailshour', '30\n')
        h.reload()
        equal(FETCH in asked(h), False, 'port 25 asks the gate')
        equal(asked(h, d=d).code, 250)
        time.sleep(1)  # a crash forgets the last tenth of a second
        h.kill('gate')
        until(lambda: asked(h, d=d).code == 250, 'the gate remembers')
        h.unset('popkey')
        h.reload()
        d.say('MAIL FROM:<%s>' % HANA, 530)
        pop.ok('QUIT')
        # a login in clear, from this machine
        h.set('popkey', '')
        h.reload()
        plain_pop = h.pop('hana')
        d = open_tls(h, source=LOCAL)
        equal(asked(h, d=d).code, 530, 'in clear')
        plain_pop.ok('QUIT')
        h.set('popkeyplain', 'yes\n')
        h.reload()
        h.pop('hana')
        equal(asked(h, d=d).code, 250)


def test_neighbours_in_ipv6():
    """an address by itself; its /64 where the setting says so"""
    near, far = '2001:db8:7::26', '2001:db8:8::25'
    with House(WITH_GATE) as h, NextHost():
        fetched(h, source=STRANGER6)
        equal([is_open(h, source=s) for s in (STRANGER6, near, far)], [True, False, False])
        h.set('popkeyipv6', '64\n')
        h.reload()
        fetched(h, source=near)
        equal([is_open(h, source=s) for s in (STRANGER6, near, far)], [True, True, False])


# --- other people's programs


def msmtp(h, code=0):
    path = write(h, 'msmtprc', 'account x\nhost %s\nport %d\nfrom %s\nauth off\ntls off\ndomain client.example.org\n'
                 % (HERE, PORTS['smtp'], HANA))
    return run('msmtp', '-C', path, '-a', 'x', ELSEWHERE, input=written().replace(b'\r\n', b'\n'), code=code)


def fetch_with_mpop(h):
    path = write(h, 'mpoprc', 'account x\nhost %s\nport %d\nuser hana\npassword %s\ntls on\ntls_starttls off\n'
                 'tls_trust_file %s\ntls_host_override %s\nuidls_file %s/uidls\ndelivery mbox %s/box\n'
                 % (HERE, PORTS['pop3s'], PASSWORDS['hana'], h.certificate(), NAME, h.dir, h.dir))
    run('mpop', '-C', path, 'x')


def fetch_with_fetchmail(h):
    path = write(h, 'fetchmailrc', "set no bouncemail\npoll %s protocol pop3 uidl no dns port %d\n user 'hana' password '%s'"
                 " ssl sslcertck sslcertfile '%s' sslcommonname %s mda 'cat >> %s/got' keep\n"
                 % (HERE, PORTS['pop3s'], PASSWORDS['hana'], h.certificate(), NAME, h.dir))
    run('fetchmail', '-f', path, '--nosyslog', '--nodetach', '--pidfile', h.dir + '/pid', '-i', h.dir + '/ids',
        code=None, env={'HOME': h.dir, 'FETCHMAILHOME': h.dir})


def curl(h, scheme, *words, code=0):
    where = '%s:%d:%s' % (NAME, PORTS[{'pop3s': 'pop3s', 'smtp': 'submission'}[scheme]], HERE)
    return run('curl', '-sS', '--max-time', '30', '--cacert', h.certificate(), '--resolve', where, '--ssl-reqd', *words,
               '%s://%s/' % (scheme, where.rsplit(':', 1)[0]), code=code)


def test_mail_programs():
    """msmtp sends first and is told; fetches with mpop, fetchmail, curl, and sends; both at once as Thunderbird does"""
    with House(WITH_GATE) as h, NextHost() as far:
        contains(msmtp(h, code=None), FETCH)
        posted = write(h, 'posted', written().decode())
        for fetch in (fetch_with_mpop, fetch_with_fetchmail, lambda h: curl(h, 'pop3s', '-u', 'hana:' + PASSWORDS['hana'])):
            before = len(far.mails)
            fetch(h)
            msmtp(h)
            curl(h, 'smtp', '--mail-from', HANA, '--mail-rcpt', ELSEWHERE, '-T', posted)
            until(lambda: len(far.mails) == before + 2, 'both went on')
        h.tool('gate', 'close', HERE, 'hana')
        equal(is_open(h, source=HERE), False, 'closed by hand')
        # both connections stand before anybody has logged in; the mail is given while the messages are listed
        s = h.smtp(HERE)
        s.say('EHLO client.example.org', 250)
        pop = Dialog(h, 'pop3s', HERE, tls=True)
        s.say('MAIL FROM:<%s>' % HANA, 250)
        pop.ok('USER hana')
        pop.ok('PASS ' + PASSWORDS['hana'])
        s.say('RCPT TO:<%s>' % ELSEWHERE, 250)
        pop.ok('STAT')
        s.say('DATA', 354)
        pop.ok('QUIT')
        s.send(written() + b'.\r\n')
        equal(s.read().code, 250)
