"""Users post mail: ports 587 and 465, who may write as whom, what is completed, how much (RFC 6409, RFC 8314, N-7, N-8)."""
import email
import email.policy
import smtplib
import subprocess
import threading

from house import *
from test_login import Scram, b64, plain

PASSWORD = PASSWORDS['hana']
NOBODY = 'nobody@other.example'
SERVICES = ('submission', 'submissions')
fresh = iter(range(2, 1 << 16))


def open_tls(h, service='submission', source=None, **more):
    """a session under TLS that was introduced; from an address that nobody has used yet"""
    source = source or '2001:db8:%x::7' % next(fresh)
    d = Dialog(h, service, source, tls=service == 'submissions', **more)
    d.say('EHLO laptop', 250)
    if service == 'submission':
        d.say('STARTTLS', 220)
        d.start_tls()
        d.is_bare = True
        d.say('EHLO laptop', 250)
    return d


def logged_in(h, user='hana', service='submission', **more):
    d = open_tls(h, service, **more)
    equal(plain(d, user, PASSWORDS[user]).code, 235)
    return d


def written(sender=HANA, to=TARO, date=True, extra='', subject='posted'):
    """a mail that lacks nothing"""
    return mail(subject=subject, to=to, sender=sender,
                extra=('Date: Fri, 21 Nov 1997 09:55:06 +0900\r\n' if date else '') + extra)


def post(h, content, sender=HANA, to=TARO, code=250, user='hana', service='submission'):
    """one mail in one session; the last reply"""
    d = logged_in(h, user, service)
    d.say('MAIL FROM:<%s>' % sender, 250)
    d.say('RCPT TO:<%s>' % to, 250)
    d.say('DATA', 354)
    d.send(content + b'.\r\n')
    reply = d.read()
    if code is not None:
        equal(reply.code, code, str(reply))
    d.say('QUIT', 221)
    d.close()
    return reply


def one(h, user='taro'):
    """the one message in a mailbox, which is emptied; without Return-Path, Delivered-To and Received: fields are on top"""
    message = h.messages(user, 1)[0]
    for path in h.files(user):
        os.unlink(path)
    return message


# --- the ports


def test_tls_and_login_come_first():
    """RFC 8314: nothing goes without TLS, and no mail without a login; on 465 TLS is there from the first octet"""
    with House() as h:
        for source in (LOCAL, '198.51.100.7'):  # also for those inside
            d = Dialog(h, 'submission', source)
            said = d.say('EHLO laptop', 250)
            contains(said, 'STARTTLS')
            equal('AUTH' in said, False, 'a login is offered in clear')
            d.say('MAIL FROM:<%s>' % HANA, 530)
            equal(plain(d, 'hana', PASSWORD).code, 530)
            d.say('AUTH SCRAM-SHA-256 ' + b64('n,,n=hana,r=abc'), 530)
            d.say('QUIT', 221)
            for service in SERVICES:
                d = open_tls(h, service, source)
                contains(d.say('EHLO laptop', 250), 'AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN')
                d.say('MAIL FROM:<%s>' % HANA, 530)
                d.say('RCPT TO:<%s>' % TARO, 503)
                equal(plain(d, 'hana', PASSWORD).code, 235)
                d.say('MAIL FROM:<%s>' % HANA, 250)
                d.say('RCPT TO:<%s>' % TARO, 250)
                d.say('QUIT', 221)
        d = Dialog(h, 'submissions', greeting=False)  # who speaks in clear where TLS is spoken
        d.send('EHLO laptop\r\n')
        d.closed_after_anything()
        h.wait_log('event="TLS failed"')


def test_each_mechanism_on_each_port():
    """PLAIN, LOGIN, SCRAM-SHA-256 and -PLUS; what is wrong is refused"""
    with House() as h:
        for service in SERVICES:
            def begin():
                return open_tls(h, service)
            equal(plain(begin(), 'hana', PASSWORD).code, 235)
            equal(plain(begin(), HANA, PASSWORD).code, 235)
            equal(plain(begin(), 'nobody%d' % len(service), 'wrong').code, 535)
            d = begin()
            d.say('AUTH LOGIN', 334)
            d.say(b64('hana'), 334)
            d.say(b64(PASSWORD), 235)
            equal(Scram(begin(), 'hana').finish(PASSWORD).code, 235)
            equal(Scram(begin(), 'none%d' % len(service)).finish('wrong').code, 535)
            d = begin()
            d.say('AUTH CRAM-MD5', 504)
            d.say('QUIT', 221)


def test_scram_plus_on_465():
    """the channel binding of RFC 9266 is that of this connection"""
    with House() as h:
        d = Dialog(h, 'submissions', '2001:db8:77::1', tls=tls_of(h, ssl.TLSVersion.TLSv1_2))
        d.say('EHLO laptop', 250)
        binding = d.socket.get_channel_binding('tls-unique')
        if not binding:
            raise Skip('this Python knows no channel binding')
        gs2 = 'p=tls-unique,,'
        reply = Scram(d, 'hana', gs2, 'SCRAM-SHA-256-PLUS').finish(PASSWORD, gs2.encode() + binding)
        equal(reply.code, 235)
        d = Dialog(h, 'submissions', '2001:db8:78::1', tls=tls_of(h, ssl.TLSVersion.TLSv1_2))
        d.say('EHLO laptop', 250)
        reply = Scram(d, 'hana', gs2, 'SCRAM-SHA-256-PLUS').finish(PASSWORD, gs2.encode() + b'x' * len(binding))
        equal(reply.code, 535)


def tls_of(h, version):
    return client_context(h, version)


def test_names_of_users_programs():
    """phones and laptops call themselves anything, from anywhere; on port 25 strangers may not (F-4)"""
    with House() as h:
        for name in ('laptop', 'my_phone', '[192.168.1.5]', 'localhost', 'x.example.org'):
            d = Dialog(h, 'submissions', STRANGER, tls=True)
            d.say('EHLO ' + name, 250)
            d.say('QUIT', 221)
        d = h.smtp(STRANGER)
        d.say('EHLO laptop', 550)


def test_the_client_is_not_published():
    """neither address nor name of the user's program stands in the mail; the log has both"""
    with House() as h:
        for service in SERVICES:
            d = logged_in(h, service=service, source='2001:db8:beef::7')
            d.transaction(HANA, [TARO], written())
            message = one(h).decode()
            contains(message, 'Received: from mail.example.test by mail.example.test with ESMTPSA (TLSv1.3')
            for secret in ('2001:db8', 'beef', 'laptop'):
                equal(secret in message, False, secret)
            h.wait_log('event="mail accepted" .*client=2001:db8:beef::7 .*login=hana')
        d = h.smtp('2001:db8:beef::8')
        d.say('EHLO client.example.org', 250)
        d.transaction('a@sender.example', [TARO], written(sender='a@sender.example'))
        contains(one(h).decode(), '2001:db8:beef::8')


def test_handshakes_on_465_that_go_nowhere():
    """who connects and says nothing holds a place for a minute at most, and no more places than its address may have"""
    with House(files={'clientlimit': '3\n'}) as h:
        stuck = [socket.create_connection(('192.0.2.1', PORTS['submissions']), 10, (STRANGER, 0)) for _ in range(6)]
        h.wait_log('event="refused" .*rule=client-limit at=connect', 3)
        until(lambda: h.sessions() == 3, 'three are left')
        for s in stuck:
            s.close()
        until(lambda: h.sessions() == 0, 'all are gone')
        Dialog(h, 'submissions', STRANGER, tls=True).say('QUIT', 221)


def test_further_ports():
    """N-19: a line a port; each behaves as 587 or 465; check says what follows; a reload says when it counts"""
    with House(files={'submission': '2600\n2601 tls # for the hotel\n'}) as h:
        PORTS.update(extra=2600, extras=2601)
        d = Dialog(h, 'extra')
        d.say('EHLO laptop', 250)
        d.say('MAIL FROM:<%s>' % HANA, 530)
        d.say('STARTTLS', 220)
        d.start_tls()
        d.is_bare = True
        d.say('EHLO laptop', 250)
        d.say('MAIL FROM:<%s>' % HANA, 530)
        equal(plain(d, 'hana', PASSWORD).code, 235)
        d.transaction(HANA, [TARO], written())
        d = Dialog(h, 'extras', tls=True)
        d.say('EHLO laptop', 250)
        d.say('MAIL FROM:<%s>' % HANA, 530)
        equal(plain(d, 'hana', PASSWORD).code, 235)
        d.transaction(HANA, [TARO], written())
        text = h.tool('check')
        contains(text, 'submission: 2 (file submission)')
        contains(text, '2601 tls (file submission:2)')
        contains(text, 'users post mail on port 2600, too, after STARTTLS and a login')
        h.set('submission', '2602\n')
        h.reload()
        h.wait_log('submission has changed, which takes effect at the next start')
        h.restart()
        PORTS.update(extra=2602)
        Dialog(h, 'extra').say('QUIT', 221)
        h.set('submission', '2525\n')
        h.stop()
        h.start(wait=False)
        equal(h.process.wait(20), 1)
        contains(h.log(), 'names a port that this server listens on already')
    for wrong in ('0', '65536', 'x', '2600 ssl', '2600 tls tls', '2600\n2600', '\n'.join(map(str, range(2600, 2609)))):
        with House(files={'servername': NAME + '\n', 'submission': wrong + '\n'}, users=None, start=False) as h:
            contains(h.tool('check', code=1), 'submission')


# --- who may write as whom


def test_reverse_paths():
    """N-7: name, tags and aliases of one's own, in every domain of the site; nobody else's, with the reason"""
    with House(files={'domains': 'example.test\nexample.net\n',
                      'aliases': 'sales: hana, taro\nboss: taro\nall: sales\n'}) as h:
        d = logged_in(h)
        for path, code in (('hana@example.test', 250), ('HANA@EXAMPLE.NET', 250), ('hana+news@example.test', 250),
                           ('sales@example.test', 250), ('all+x@example.net', 250), ('', 250),
                           ('taro@example.test', 550), ('boss@example.test', 550), ('nobody@example.test', 550),
                           ('postmaster@example.test', 250), ('hana@other.example', 550),
                           ('hana@[127.0.0.1]', 550), ('taro+hana@example.test', 550)):
            reply = d.say('MAIL FROM:<%s>' % path, code)
            if code == 550:
                contains(reply, '5.7.1')
                contains(reply, '<%s> is not your address; as hana you may write as hana@example.test' % path)
            d.say('RSET', 250)
        h.wait_log('event="refused" .*code=550 rule=sender-not-own at=mail what=boss@example.test .*login=hana')
        d = h.smtp(LOCAL)  # the same for a login on port 25
        d.say('EHLO client.example.org', 250)
        equal(plain(d, 'taro', PASSWORDS['taro']).code, 235)
        d.say('MAIL FROM:<boss@example.test>', 250)
        d.say('RSET', 250)
        d.say('MAIL FROM:<hana@example.test>', 550)


def test_authors():
    """From and Sender are judged like the reverse-path, before anything is kept; what cannot be judged is refused"""
    with House(files={'aliases': 'sales: hana, taro\n'}) as h:
        body = '\r\nx\r\n'

        def refused(header, code, enhanced, words, rule):
            reply = post(h, (header + body).encode(), code=code)
            contains(reply, enhanced)
            contains(reply, words)
            h.wait_log('event="refused" .*code=%d rule=%s at=content' % (code, rule))
        refused('From: Taro <%s>\r\n' % TARO, 550, '5.7.1', '<%s> is not your address' % TARO, 'author-not-own')
        refused('From: %s, %s\r\n' % (HANA, TARO), 550, '5.7.1', '<%s> is not' % TARO, 'author-not-own')
        refused('From: %s\r\nSender: %s\r\n' % (HANA, TARO), 550, '5.7.1', '<%s> is not' % TARO, 'author-not-own')
        refused('From: "hana@example.test" <ceo@bank.example>\r\n', 550, '5.7.1', 'ceo@bank.example', 'author-not-own')
        refused('Subject: x\r\n', 554, '5.6.0', 'no From field', 'no-from')
        refused('From: Hana\r\n', 554, '5.6.0', 'cannot be read', 'from-syntax')
        refused('From: %s <%s>\r\n' % (TARO, HANA), 554, '5.6.0', 'cannot be read', 'from-syntax')
        refused('From: %s\r\nFrom: %s\r\n' % (HANA, TARO), 554, '5.6.0', 'more than one From', 'double-from')
        refused('From: %s\r\nno field\r\nFrom: %s\r\n' % (HANA, TARO), 554, '5.6.0', 'no field', 'header-no-field')
        refused('From: %s\r\nDate: x\r\nDate: y\r\n' % HANA, 554, '5.6.0', 'more than one Date', 'double-date')
        equal(h.files('taro'), [])
        post(h, ('From: Hana (me, "x") <%s>\r\n' % HANA + body).encode())
        one(h)
        post(h, ('FROM :\r\n "Sales, all of us"\r\n <sales+x@example.test>\r\n' + body).encode(), sender='')
        one(h)
        # a refusal of a large mail comes at its end, and the session goes on
        d = logged_in(h)
        big = ('From: %s\r\n\r\n' % TARO).encode() + b'x' * 70 + b'\r\n'
        d.transaction(HANA, [TARO], big + (b'y' * 900 + b'\r\n') * 2000, code=550)
        d.transaction(HANA, [TARO], written() + (b'y' * 900 + b'\r\n') * 2000)
        message = one(h)
        equal(message.count(b'y' * 900 + b'\r\n'), 2000)


def test_a_long_header_in_small_pieces():
    """a header of nearly 256 KByte octet by octet at its seams, BDAT as well; it arrives as it was sent"""
    with House() as h:
        fields = ''.join('X-%d: %s\r\n' % (i, 'z' * 900) for i in range(280))
        content = ('From: %s\r\nDate: x\r\nMessage-ID: <1@x>\r\n' % HANA + fields + '\r\nbody\r\n').encode()
        d = logged_in(h)
        d.say('MAIL FROM:<%s>' % HANA, 250)
        d.say('RCPT TO:<%s>' % TARO, 250)
        at = 0
        for size in (1, 10, 1000, 60000, 60000, 60000, 65536):
            part = content[at:at + size]
            d.send(b'BDAT %d\r\n' % len(part) + part)
            equal(d.read().code, 250)
            at += len(part)
        rest = content[at:]
        d.send(b'BDAT %d LAST\r\n' % len(rest) + rest)
        equal(d.read().code, 250)
        equal(without_trace(one(h)), content)
        reply = post(h, ('From: %s\r\n' % HANA + fields * 2 + '\r\nx\r\n').encode(), code=None)
        equal(reply.code, 552)


def test_inside_without_login():
    """N-7: a network of the site writes to own users as before, and nothing leaves under a stranger's name"""
    with House(files={'networks': '198.51.100.0/24\n'}) as h:
        d = h.smtp(STRANGER)
        d.say('EHLO printer', 250)
        d.transaction('fetched@other.example', [TARO], written(sender='x@other.example'))
        one(h)
        d.say('MAIL FROM:<fetched@other.example>', 250)
        contains(d.say('RCPT TO:<%s>' % NOBODY, 550), 'carries a sender of the site')
        d.say('RSET', 250)


# --- what is completed


def test_what_is_missing_is_added():
    """RFC 6409 §8: Date, Message-ID (F-25: with the server's name), Sender where there are several authors"""
    with House(files={'aliases': 'sales: hana\n'}) as h:
        post(h, ('From: %s\r\nSubject: bare\r\n\r\nx\r\n' % HANA).encode())
        message = one(h)
        parsed = email.message_from_bytes(message)
        equal(len(parsed.get_all('Date')), 1)
        equal(abs(email.utils.parsedate_to_datetime(parsed['Date']).timestamp() - time.time()) < 60, True)
        equal(re.fullmatch(r'<[0-9]+\.[0-9a-f]{32}@mail\.example\.test>', parsed['Message-ID']) is not None, True)
        equal(parsed['Sender'], None)
        equal(without_trace(message).endswith(('From: %s\r\nSubject: bare\r\n\r\nx\r\n' % HANA).encode()), True)
        post(h, written())
        message = one(h)
        equal(len(re.findall(rb'(?m)^Message-ID: ', message)), 1)
        equal(len(re.findall(rb'(?m)^Date: ', message)), 1)
        equal(without_trace(message).startswith(b'From: <hana@'), True, 'nothing is added to what is whole')
        post(h, ('From: %s, sales@example.test\r\n\r\nx\r\n' % HANA).encode())
        equal(email.message_from_bytes(one(h))['Sender'], HANA)
        d = h.smtp(STRANGER)  # nothing of it on port 25 without a login
        d.say('EHLO client.example.org', 250)
        d.transaction('a@sender.example', [TARO], b'Subject: bare\r\n\r\nx\r\n')
        equal(without_trace(one(h)), b'Subject: bare\r\n\r\nx\r\n')


# --- how much


def test_limits_of_a_user():
    """N-8: both sides of the hour's and the day's limit, counted over sessions and ports; warnings at 80 % and at the end"""
    for name, other, word in (('usermailshour', 'usermailsday', 'an hour'), ('usermailsday', 'usermailshour', 'a day')):
        with House(files={name: '5\n', other: '100\n'}) as h:
            d = logged_in(h)
            d.say('MAIL FROM:<%s>' % HANA, 250)
            d.say('RCPT TO:<%s>' % TARO, 250)
            d.say('RCPT TO:<%s>' % HANA, 250)
            d.say('RCPT TO:<nobody@example.test>', 550)  # not counted
            d.say('RCPT TO:<hana+x@example.test>', 250)
            equal('near the limit' in h.log(), False)
            e = logged_in(h, service='submissions')
            e.say('MAIL FROM:<%s>' % HANA, 250)
            e.say('RCPT TO:<%s>' % TARO, 250)
            h.wait_log('level=warning event="a user comes near the limit of recipients" login=hana limit=%s is=5 '
                       'recipients=4' % name)
            e.say('RCPT TO:<%s>' % HANA, 250)
            h.wait_log('level=warning event="a user has written to as many as the limit allows" login=hana limit=%s' % name)
            for s in (d, e, d, e):
                reply = s.say('RCPT TO:<taro+y@example.test>', 450)
                contains(reply, '4.7.1 You have written to 5 recipients in %s, which is the limit' % word)
                contains(reply, 'within %s some of it is free again' % word)
            e.say('DATA', 354)
            e.send(written() + b'.\r\n')
            equal(e.read().code, 250)
            h.wait_log('event="refused" .*code=450 rule=user-limit-%s at=rcpt' % word.split()[1])
            t = logged_in(h, 'taro')  # another user has another count
            t.transaction(TARO, [HANA], written(sender=TARO))
            s = h.smtp(STRANGER)  # and strangers have none
            s.say('EHLO client.example.org', 250)
            s.transaction('a@sender.example', [HANA], written(sender='a@sender.example'))
            until(lambda: len(notices(h)) >= 2, 'the user is told')
            equal(sorted(m['Subject'].split(' /')[0] for m in notices(h)),
                  ['You are near your limit of recipients', 'You have reached your limit of recipients'])
            text = notices(h)[0].get_content()
            contains(text, 'within %s' % word)
            contains(text, 'さん')
            contains(text, 'posted from 2001:db8:')


def notices(h):
    """what the server has told hana, who is the postmaster, too: each once"""
    mails = [email.message_from_bytes(open(f, 'rb').read(), policy=email.policy.default) for f in h.files('hana')]
    return [m for m in mails if 'MAILER-DAEMON' in m['From']]


def test_gate_is_away():
    """nobody can be counted: users are put off for the moment, others are served; then it goes on"""
    with House() as h:
        for _ in range(3):  # so that it stays away for most of a second
            h.kill('gate')
            h.until_up()
        d = logged_in(h)
        d.say('MAIL FROM:<%s>' % HANA, 250)
        pid = h.programs()['gate']
        os.kill(pid, signal.SIGSTOP)
        d.send('RCPT TO:<%s>\r\n' % TARO)
        d.silent()
        s = h.smtp(STRANGER)
        s.say('EHLO client.example.org', 250)
        s.say('MAIL FROM:<a@sender.example>', 250)
        s.say('RCPT TO:<%s>' % TARO, 250)
        os.kill(pid, signal.SIGKILL)
        reply = d.read()
        equal(reply.code, 451)
        contains(reply, 'cannot be counted just now')
        contains(d.say('RCPT TO:<%s>' % TARO, 451), 'cannot be counted just now')  # before anybody is there to be asked
        h.until_up()
        until(lambda: d.say('RCPT TO:<%s>' % TARO).code == 250, 'the gate counts again')


# --- other people's programs


def test_swaks():
    """swaks on both ports, by each mechanism it has"""
    with House(files={'duplicatewindow': '0\n'}) as h:
        for port, tls in ((PORTS['submission'], '--tls'), (PORTS['submissions'], '--tls-on-connect')):
            for mechanism in ('PLAIN', 'LOGIN'):
                run('swaks', '--server', '192.0.2.1', '--port', str(port), '--local-interface', STRANGER, tls,
                    '--auth', mechanism, '--auth-user', HANA, '--auth-password', PASSWORD, '--from', HANA, '--to', TARO,
                    '--ehlo', 'laptop')
                contains(one(h).decode(), 'with ESMTPSA')
            contains(run('swaks', '--server', '192.0.2.1', '--port', str(port), '--local-interface', STRANGER, tls,
                         '--auth', 'PLAIN', '--auth-user', HANA, '--auth-password', PASSWORD, '--from', TARO, '--to', TARO,
                         code=23), 'is not your address')
            contains(run('swaks', '--server', '192.0.2.1', '--port', str(port), '--local-interface', STRANGER, tls,
                         '--auth', 'PLAIN', '--auth-user', HANA, '--auth-password', PASSWORD, '--from', HANA, '--to', TARO,
                         '--header', 'From: ' + TARO, code=26), 'is not your address')


def test_msmtp():
    """msmtp on both ports, PLAIN and SCRAM-SHA-256; its user is shown the sentence"""
    with House(files={'duplicatewindow': '0\n'}) as h:
        def msmtp(service, mechanism, content, sender=HANA, code=0):
            starttls = 'on' if service == 'submission' else 'off'
            return run('msmtp', '--file=/dev/null', '--host=192.0.2.1', '--port=%d' % PORTS[service], '--source-ip=' + STRANGER,
                       '--domain=laptop', '--from=' + sender, '--tls=on', '--tls-starttls=' + starttls,
                       '--tls-trust-file=' + h.certificate(), '--tls-host-override=' + NAME, '--auth=' + mechanism,
                       '--user=hana', '--passwordeval=echo ' + PASSWORD, TARO, input=content.replace(b'\r\n', b'\n'), code=code)
        for service in SERVICES:
            for mechanism in ('plain', 'scram-sha-256'):
                msmtp(service, mechanism, written())
                equal(without_trace(one(h)).startswith(b'From: <hana@'), True)
            contains(msmtp(service, 'plain', written(), sender=TARO, code=65), 'is not your address')
            contains(msmtp(service, 'plain', written(sender=TARO), code=None), 'is not your address')


def test_curl_and_s_nail():
    """curl with smtp:// and smtps://, s-nail with submission:// and submissions://"""
    with House(files={'duplicatewindow': '0\n'}) as h:
        path = os.path.join(h.dir, 'mail')
        with open(path, 'wb') as f:
            f.write(written())
        for scheme, service in (('smtp', 'submission'), ('smtps', 'submissions')):
            run('curl', '--silent', '--show-error', '--ssl-reqd', '--cacert', h.certificate(), '--resolve',
                '%s:%d:192.0.2.1' % (NAME, PORTS[service]), '--interface', STRANGER, '--user', 'hana:' + PASSWORD,
                '--mail-from', HANA, '--mail-rcpt', TARO, '--upload-file', path,
                '%s://%s:%d/laptop' % (scheme, NAME, PORTS[service]))
            one(h)
        for scheme, service in (('submission', 'submission'), ('submissions', 'submissions')):
            words = []
            for setting in ('v15-compat', 'DEAD=/dev/null', 'mta=%s://hana:%s@%s:%d' % (
                    scheme, PASSWORD.replace(' ', '%20'), LOCAL, PORTS[service]), 'smtp-hostname=example.test',
                            'from=' + HANA, 'sendwait', 'tls-verify=ignore', 'smtp-auth=plain',
                            'smtp-use-starttls' if service == 'submission' else 'nosmtp-use-starttls'):
                words += ['-S', setting]
            run('s-nail', '-:/', *words, '-s', 'hello', TARO, input=b'from s-nail', env={'HOME': h.dir, 'MAILRC': '/dev/null'})
            contains(one(h).decode(), 'from s-nail')


def test_smtplib():
    """smtplib.SMTP_SSL, as scripts use it"""
    with House() as h:
        context = client_context(h)
        context.check_hostname = False
        with smtplib.SMTP_SSL(LOCAL, PORTS['submissions'], 'laptop', timeout=30, context=context) as s:
            s.login(HANA, PASSWORD)
            equal(s.sendmail(HANA, [TARO], written()), {})
        one(h)


# --- the certificate


def fingerprint(h, service='submissions'):
    """of the certificate that a new session gets"""
    with socket.create_connection((LOCAL, PORTS[service]), 20) as s:
        context = ssl._create_unverified_context()
        with context.wrap_socket(s) as t:
            return ssl.DER_cert_to_PEM_cert(t.getpeercert(True))


def make_pair(folder, name='new', *more, days='30', host=NAME, kind=('ec', '-pkeyopt', 'ec_paramgen_curve:P-256')):
    """files of a certificate that is signed by itself, and of its key"""
    certificate, key = os.path.join(folder, name + '.pem'), os.path.join(folder, name + '.key')
    run('openssl', 'req', '-x509', '-newkey', *kind, '-nodes', '-days', days, '-subj', '/CN=' + host, '-addext',
        'subjectAltName=DNS:' + host, '-keyout', key, '-out', certificate, *more)
    os.chmod(key, 0o600)
    return certificate, key


def text_of(path):
    with open(path) as f:
        return f.read().strip()


def test_a_new_certificate_is_taken_at_reload():
    """no restart: new sessions on all ports get it, those that stand go on; openssl sees TLS 1.2 and 1.3 and no ticket"""
    with House() as h:
        first = fingerprint(h)
        pids = h.programs()
        old = logged_in(h)
        for n, kind in enumerate((('ec', '-pkeyopt', 'ec_paramgen_curve:P-256'), ('rsa:2048',),
                                  ('ec', '-pkeyopt', 'ec_paramgen_curve:P-384'))):
            certificate, key = make_pair(h.dir, 'pair%d' % n, kind=kind)
            h.set('certificate', certificate + '\n')
            h.set('certificatekey', key + '\n')
            h.tool('reload')
            until(lambda: fingerprint(h).strip() == text_of(certificate), 'the new one is shown')
            for service, starttls in (('submissions', []), ('pop3s', []), ('submission', ['-starttls', 'smtp']),
                                      ('smtp', ['-starttls', 'smtp']), ('pop3', ['-starttls', 'pop3'])):
                for version in ('-tls1_2', '-tls1_3'):
                    text = until(lambda: (lambda t: t if 'Verify return code: 0 (ok)' in t else None)(
                        run('openssl', 's_client', '-connect', '%s:%d' % (LOCAL, PORTS[service]), *starttls, version,
                            '-CAfile', certificate, '-verify_hostname', NAME, input=b'', code=None)), service + version)
                    equal('TLS session ticket' in text, False)
                text = run('openssl', 's_client', '-connect', '%s:%d' % (LOCAL, PORTS[service]), *starttls, '-tls1_1',
                           '-cipher', 'ALL:@SECLEVEL=0', input=b'', code=None)
                contains(text, 'Cipher is (NONE)')
        h.wait_log('event="a new certificate is in force" file=%s until=' % re.escape(certificate))
        old.transaction(HANA, [TARO], written())
        equal(h.programs(), pids, 'nobody was started anew')
        equal(first == fingerprint(h), False)
        h.tool('reload')  # nothing new: nothing is said
        equal(h.log().count('a new certificate is in force'), 3)
        h.restart()
        equal(fingerprint(h).strip(), text_of(certificate))


def test_a_certificate_that_is_no_good_is_not_taken():
    """one of another key, expired, not yet valid, unreadable, missing: the old one stays, and reload says so"""
    with House() as h:
        good = make_pair(h.dir, 'good')
        other = make_pair(h.dir, 'other')
        h.set('certificate', good[0] + '\n')
        h.set('certificatekey', good[1] + '\n')
        h.tool('reload')
        until(lambda: fingerprint(h).strip() == text_of(good[0]), 'the good one')
        garbage = os.path.join(h.dir, 'garbage')
        with open(garbage, 'w') as f:
            f.write('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
        late = dated(h, 'late', '20200101000000Z', '20210101000000Z')
        early = dated(h, 'early', '20500101000000Z', '20510101000000Z')
        for certificate, key, words in (
                (good[0], other[1], 'the private key belongs to another certificate'), (garbage, good[1], 'does not decode'),
                (good[1], good[1], 'no PEM block'), ('/nowhere.pem', good[1], 'cannot be read'),
                (good[0], '/nowhere.key', 'cannot be read'), (late[0], late[1], 'why=expired'),
                (early[0], early[1], 'why="not yet"')):
            h.set('certificate', certificate + '\n')
            h.set('certificatekey', key + '\n')
            h.tool('reload', code=1)
            contains(h.error, 'the certificate was not taken over')
            h.wait_log(re.escape(words).replace('\\ ', ' '))
            equal(fingerprint(h).strip(), text_of(good[0]))
        h.unset('certificatekey')
        h.tool('reload', code=1)
        contains(h.error, 'the configuration was not taken over')
        contains(h.tool('check', code=1), 'go together')
        h.set('certificate', good[0] + '\n')
        h.set('certificatekey', good[1] + '\n')
        h.tool('reload')
        equal(fingerprint(h).strip(), text_of(good[0]))


def dated(h, name, begins, ends):
    """a certificate for another time"""
    certificate, key = make_pair(h.dir, name)
    request = os.path.join(h.dir, name + '.req')
    run('openssl', 'req', '-new', '-key', key, '-subj', '/CN=' + NAME, '-out', request)
    ca = os.path.join(h.dir, 'ca-' + name)
    os.mkdir(ca)
    for file, text in (('index', ''), ('serial', '01\n'), ('config', '[ca]\ndefault_ca=x\n[x]\ndatabase=%s/index\nserial=%s/serial\n'
                        'new_certs_dir=%s\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n[e]\nsubjectAltName=DNS:%s\n'
                                                % (ca, ca, ca, NAME))):
        with open(os.path.join(ca, file), 'w') as f:
            f.write(text)
    run('openssl', 'ca', '-batch', '-config', os.path.join(ca, 'config'), '-selfsign', '-keyfile', key, '-in', request,
        '-startdate', begins, '-enddate', ends, '-notext', '-extensions', 'e', '-out', certificate)
    return certificate, key


def test_no_handshake_fails_while_certificates_change():
    """both generations sign: 8 reloads under a stream of handshakes"""
    with House() as h:
        pairs = [make_pair(h.dir, 'p%d' % i) for i in range(2)]
        problems, count, ends = [], [0], threading.Event()

        def shake():
            while not ends.is_set():
                try:
                    fingerprint(h)
                    count[0] += 1
                except OSError as problem:
                    problems.append(problem)
        threads = [threading.Thread(target=shake) for _ in range(3)]
        for t in threads:
            t.start()
        for i in range(8):
            h.set('certificate', pairs[i % 2][0] + '\n')
            h.set('certificatekey', pairs[i % 2][1] + '\n')
            h.tool('reload')
        ends.set()
        for t in threads:
            t.join()
        equal(problems, [])
        equal(count[0] > 20, True, '%d handshakes' % count[0])
        h.kill('keys')  # started anew it has the present key
        h.until_up()
        equal(fingerprint(h).strip(), text_of(pairs[1][0]))


def test_check_says_when_it_expires():
    """the file, the day, and what is wrong with it"""
    with House() as h:
        text = h.tool('check')
        contains(text, 'certificate: %s/keys/certificate.pem expires ' % h.state)
        contains(text, 'signed by itself')
        certificate, key = make_pair(h.dir, 'soon', days='10')
        h.set('certificate', certificate + '\n')
        h.set('certificatekey', key + '\n')
        contains(h.tool('check'), 'days: renew it')
        found = h.json('check')['certificate']
        equal((found['file'], found['self_signed'], 8 < found['days_left'] < 11), (certificate, True, True))
        h.set('certificatekey', make_pair(h.dir, 'else')[1] + '\n')
        contains(h.tool('check', code=1), 'the private key belongs to another certificate')
        h.set('certificatekey', h.dir + '/none\n')
        contains(h.tool('check', code=1), 'its key is missing')
