"""SMTP as a stranger and as an inside client meet it (RFC 5321)."""
import base64
import signal

from house import *


def test_a_mail_is_delivered():
    """the main job: in by SMTP, into the mailbox, with trace fields on top"""
    with House() as h:
        reply = h.send(source=STRANGER, sender='a@sender.example', subject='first')
        contains(reply, '250 2.0.0')
        text = h.messages('hana', 1)[0].decode()
        head = text.split('\r\n\r\n')[0]
        contains(head, 'Return-Path: <a@sender.example>\r\nDelivered-To: hana@example.test\r\nReceived: from '
                 'client.example.org ([198.51.100.7]) by mail.example.test')
        contains(head, 'for <hana@example.test>')
        contains(text, 'The gate is open.\r\n')


def hello(h, source=STRANGER, name='client.example.org'):
    d = h.smtp(source)
    d.say('EHLO ' + name, 250)
    return d


def test_no_service_before_hello():
    """F-4: before HELO or EHLO nothing is served; strangers give a full name or an address literal"""
    with House() as h:
        d = h.smtp(STRANGER)
        for line in ('MAIL FROM:<a@sender.example>', 'RCPT TO:<%s>' % HANA, 'DATA', 'VRFY hana', 'STARTTLS',
                     'AUTH PLAIN AAAA'):
            contains(d.say(line, 503), 'Please introduce yourself first')
        for name in ('', 'client', 'a_b.example.org', '-x.example.org', 'x..example.org', '192.0.2.7', '[192.0.2]',
                     '[IPv6:zz]', 'localhost', '*', 'a b.example.org'):
            if d.say('EHLO ' + name).code not in (501, 550):
                raise AssertionError(name)
            d.say('MAIL FROM:<>', 503)
            d.close()
            d = h.smtp(STRANGER)
        h.wait_log('event="refused" .*code=550 rule=helo-name at=greeted what="EHLO client"')
        for name in ('client.example.org', '[198.51.100.7]', '[IPv6:2001:db8::7]', 'xn--bcher-kva.example',
                     'CLIENT.Example.ORG'):
            d = h.smtp(STRANGER)
            d.say('HELO ' + name, 250)
            d.say('MAIL FROM:<>', 250)
        for name in ('printer', 'my_phone', '[192.168.1.7]', '192.168.1.7', 'Hanas-Mac.local'):
            d = h.smtp(LOCAL)
            d.say('EHLO ' + name, 250)
            d.say('MAIL FROM:<>', 250)


def test_verbs():
    """RFC 5321 §4.5.1, F-8: each command; what is left out on purpose is 502, what nobody knows 500"""
    with House() as h:
        d = hello(h)
        for line, code in (('NOOP', 250), ('NOOP whatever', 250), ('HELP', 214), ('HELP MAIL', 214), ('RSET', 250),
                           ('rset', 250), ('RsEt  ', 250), ('RSET x', 501), ('VRFY hana', 252), ('VRFY', 501),
                           ('EXPN list', 502), ('ETRN example.test', 502), ('TURN', 502), ('SEND FROM:<a@b.example>', 502),
                           ('XYZZY', 500), ('', 500), ('BDAT', 501)):
            equal(d.say(line).code, code, line)
        d.closed()  # BDAT without a size: nobody knows what follows
        d = hello(h)
        d.say('MAIL FROM:<>', 250)
        reply = d.say(r'RCPT TO:<"x\"y"@example.test>', 550)
        contains(reply, r'<"x\"y"@example.test>')  # as it was given
        d.say('QUIT x', 501)
        d.say('QUIT', 221)
        d.closed()


def test_vrfy():
    """F-8: 252 to strangers and inside clients, whoever they ask for; yes or no to those who logged in"""
    with House(files={'aliases': 'info: hana, taro\n'}) as h:
        for source in (STRANGER, LOCAL):
            d = hello(h, source)
            equal(d.say('VRFY hana', 252), d.say('VRFY nobody', 252))
        d = h.smtp(STRANGER)
        d.say('EHLO client.example.org', 250)
        d.say('STARTTLS', 220)
        d.start_tls()
        d.say('EHLO client.example.org', 250)
        d.say('AUTH PLAIN ' + base64.b64encode(b'\0hana\0' + PASSWORDS['hana'].encode()).decode(), 235)
        for who, code in (('hana', 250), ('taro@example.test', 250), ('<taro@example.test>', 250), ('nobody', 550),
                          ('nobody@example.test', 550), ('hana@other.example', 550), ('info', 250),
                          ('postmaster', 250), ('hana+tag', 250)):
            equal(d.say('VRFY ' + who).code, code, who)
        h.wait_log('event="refused" .*code=550 rule=unknown-user at=vrfy what=nobody .*login=hana')


def test_denyfrom():
    """F-7: host, domain, address, network, sender, sender domain; refused at once, logged with the line"""
    with House(files={'denyfrom': '# nobody likes them\ndb.ano.net\nspam.example\n203.0.113.9\n198.51.100.128/25\n'
                      '2001:db8:bad::/48\nx@ano.net\n@bulk.example\n'}) as h:
        for source, line in ((OTHER_STRANGER, 4), ('198.51.100.200', 5), ('2001:db8:bad:1::7', 6)):
            d = h.smtp(source)
            contains(d.greeting, '554 Mail from')
            d.closed()
            h.wait_log('event="refused" .*client=%s code=554 rule=denyfrom:%d at=connect' % (source, line))
        for name, line in (('db.ano.net', 2), ('x.db.ano.net', 2), ('SPAM.example', 3), ('mail.spam.example', 3),
                           ('[203.0.113.9]', 4), ('[IPv6:2001:db8:bad::1]', 6)):
            d = h.smtp(STRANGER)
            contains(d.say('EHLO ' + name, 550), 'is not taken here')
            d.closed()
        h.wait_log(r'rule=denyfrom:3 at=helo what=mail\.spam\.example')
        d = hello(h, name='mail.ano.net')
        for sender, line in (('x@ano.net', 7), ('a@bulk.example', 8), ('a@spam.example', 3), ('a@in.spam.example', 3)):
            d.say('MAIL FROM:<%s>' % sender, 550)
            h.wait_log('code=550 rule=denyfrom:%d at=mail what=%s' % (line, sender))
        for sender in ('y@ano.net', 'a@xspam.example', 'a@spam.example.org', 'a@sub.bulk.example', ''):
            d.say('MAIL FROM:<%s>' % sender, 250)
            d.say('RSET', 250)
        # relay rules stand regardless
        d.say('MAIL FROM:<y@ano.net>', 250)
        d.say('RCPT TO:<b@other.example>', 550)


def test_denyfrom_is_reloaded():
    """SIGHUP: what is new holds from the next connection and the next mail on, nobody is cut off"""
    with House() as h:
        d = hello(h)
        d.say('MAIL FROM:<a@sender.example>', 250)
        h.set('denyfrom', '@sender.example\n')
        h.reload()
        d.say('RCPT TO:<hana@example.test>', 250)
        d.say('RSET', 250)
        d.say('MAIL FROM:<a@sender.example>', 550)
        d.say('MAIL FROM:<b@other.example>', 250)


def test_own_names():
    """aliases, lists, plus-addresses, roles, case, literals: each mailbox gets one copy"""
    files = {'aliases': 'info: hana, taro\nall: info, hana+list, postmaster\n'
             'sales@example.test: taro\nodd.name+x: taro\n', 'postmaster': 'taro\n'}
    with House(files=files) as h:
        for to, mailboxes in ((['hana@example.test', 'HANA@EXAMPLE.TEST', 'hana+a@example.test', '"hana"@example.test'], 'h'),
                              (['info@example.test', 'all@mail.example.test'], 'ht'),
                              (['sales@example.test'], 't'), (['postmaster'], 't'), (['Postmaster@example.test'], 't'),
                              (['abuse@example.test'], 't'), (['mailer-daemon@example.test'], 't'),
                              (['hana@[192.0.2.1]'], 'h'), (['odd.name+x@example.test'], 't')):
            h.send(to=to, source=STRANGER)
            for user, letter in (('hana', 'h'), ('taro', 't')):
                if letter in mailboxes:
                    message = h.messages(user, 1)[0].decode()
                    contains(message, 'Delivered-To: ')
                    equal('for <' in message.split('From:')[0], len(to) == 1, 'for only when single')
                    for path in h.files(user):
                        os.unlink(path)
        d = hello(h)
        d.say('MAIL FROM:<>', 250)
        for to in ('sales@mail.example.test', 'hana@[192.0.2.2]', 'nobody@example.test', 'nobody+hana@example.test',
                   'odd.name@example.test'):
            equal(d.say('RCPT TO:<%s>' % to).code, 550, to)
        equal([h.files('hana'), h.files('taro')], [[], []])


def test_addresses_as_they_are():
    """the whole grammar, kept as given: quoted, UTF-8, literals, and the old forms of mobile carriers"""
    senders = ('a..b@docomo.example', 'ab.@docomo.example', 'a...b.@docomo.example',
               '"a b"@sender.example', '"a\\\\"b"@sender.example', 'a@[198.51.100.7]', 'a@[IPv6:2001:db8::7]',
               '!#$%&\'*+-/=?^_`{|}~@sender.example', 'x' * 64 + '@sender.example', 'A.B@Sender.Example')
    with House(files={'users': 'hana:!\nab.:!\na..b:!\n'}, users=None) as h:
        for sender in senders:
            h.send(to='hana@example.test', sender=sender.replace('\\\\', '\\'), source=STRANGER, content=mail())
        got = sorted(m.split(b'\r\n')[0] for m in h.messages('hana', len(senders)))
        equal(got, sorted(b'Return-Path: <%s>' % s.replace('\\\\', '\\').encode() for s in senders))
        d = hello(h)
        for wrong in ('.ab@sender.example', 'a@b@c.example', 'a b@sender.example', 'a@', '@sender.example', 'a@-x.example', 'a@x..example',
                      '"a@sender.example', 'a@[300.1.1.1]', 'x' * 253 + '@sender.example', 'a@' + 'x.' * 126 + 'example'):
            if d.say('MAIL FROM:<%s>' % wrong).code not in (501, 553):
                raise AssertionError(wrong)
        d = hello(h)
        for to in ('ab.@example.test', 'a..b@example.test', '"ab."@example.test'):
            d.say('MAIL FROM:<>', 250)
            d.say('RCPT TO:<%s>' % to, 250)
            d.say('RSET', 250)


def test_login_only_under_tls():
    """AUTH is offered and served under TLS or from loopback alone"""
    with House(files={'networks': '198.51.100.0/24\n'}) as h:
        for source in (STRANGER, OTHER_STRANGER):
            d = h.smtp(source)
            equal('AUTH' in d.say('EHLO client.example.org', 250), False)
            d.say('AUTH PLAIN ' + base64.b64encode(b'\0hana\0' + PASSWORDS['hana'].encode()).decode(), 538)
            d.say('STARTTLS', 220)
            d.start_tls()
            contains(d.say('EHLO client.example.org', 250), 'AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN')
            d.say('AUTH PLAIN', 334)
            d.say(base64.b64encode(b'\0hana\0' + PASSWORDS['hana'].encode()).decode(), 235)
            d.say('AUTH PLAIN AAAA', 503)
        contains(hello(h, LOCAL).lines[-12:].__str__(), 'AUTH SCRAM-SHA-256 PLAIN LOGIN')
        equal(h.log().count(PASSWORDS['hana']), 0)


def test_wrong_logins_end():
    """five failed logins end the session; a login that is given up with * is no failure"""
    with House() as h:
        d = hello(h, LOCAL)
        d.say('AUTH PLAIN', 334)
        d.say('*', 501)
        for i in range(5):
            reply = d.say('AUTH PLAIN ' + base64.b64encode(b'\0hana\0wrong%d' % i).decode())
            if reply.code == 454:
                return  # auth has slowed it down before
            equal(reply.code, 535 if i < 4 else 421)
        d.closed()


def test_auth_dies_in_the_middle_of_a_login():
    """a client that was asked for its password hears 454; the session, and all others, go on"""
    with House() as h:
        def workers():
            return {name: pid for name, pid in h.programs().items() if name.startswith('smtpd')}
        before = workers()
        other = hello(h, STRANGER)
        d = hello(h, LOCAL)
        d.say('AUTH LOGIN ' + base64.b64encode(b'hana').decode(), 334)
        h.kill('auth')
        h.wait_log('a program was killed')
        h.until_up()
        d.say(base64.b64encode(PASSWORDS['hana'].encode()).decode(), 454)
        d.say('AUTH PLAIN ' + base64.b64encode(b'\0hana\0' + PASSWORDS['hana'].encode()).decode(), 235)
        other.say('NOOP', 250)
        equal(workers(), before)


def test_no_room_on_disk():
    """F-27: below the free-space floor mail is put off with 452; when the trouble ends it is taken"""
    with House(files={'freespace': '1024G\n'}) as h:
        d = hello(h)
        for content in (mail(), mail(body='x' * 900 + '\r\n' + ('y' * 78 + '\r\n') * 10000)):
            contains(d.transaction(TARO, [HANA], content, 452), '4.3.1')
            d.send(b'MAIL FROM:<>\r\nRCPT TO:<hana@example.test>\r\nBDAT %d LAST\r\n' % len(content) + content)
            equal([d.read().code for _ in range(3)], [250, 250, 452])
        h.wait_log('event="refused" .*code=452 rule=no-space at=commit .*class=out>in')
        h.set('freespace', '1M\n')
        h.reload()
        until(lambda: h.send(code=None).code == 250, 'it is taken')
        equal(len(h.messages('hana', 1)), 1)


def test_spool_refuses_in_the_middle():
    """a spool that dies while content comes: 451 at its end, the session goes on, the next mail is taken"""
    with House() as h:
        d = hello(h)
        for step in ('DATA', 'BDAT'):
            d.say('MAIL FROM:<>', 250)
            d.say('RCPT TO:<hana@example.test>', 250)
            part = ('x' * 76 + '\r\n') * 10000
            d.say('DATA', 354) if step == 'DATA' else d.send('BDAT %d\r\n' % len(part))
            d.send(part)
            if step == 'BDAT':
                d.read()
            h.kill('spool')
            h.until_up()
            d.send(part + '.\r\n' if step == 'DATA' else 'BDAT %d LAST\r\n' % len(part) + part)
            equal(d.read().code, 451)
        until(lambda: d.say('MAIL FROM:<>').code == 250 or d.say('RSET').code == 0, 'spool is there')
        d.say('RCPT TO:<hana@example.test>', 250)
        d.say('DATA', 354)
        d.send(mail() + b'.\r\n')
        equal(d.read().code, 250)
        equal(len(h.messages('hana', 1)), 1)


def test_mails_that_go_round_in_circles():
    """RFC 5321 §6.3: a hundred Received fields are taken, one more is a loop"""
    with House() as h:
        d = hello(h)
        for count, code in ((100, 250), (101, 554)):
            content = b'Received: from a by b; Sat, 1 Jan 2000 00:00:00 +0000\r\n' * count + mail()
            contains(d.transaction(TARO, [HANA], content, code), '5.4.6' if code == 554 else '2.0.0')


def test_list_too_large_for_one_envelope():
    """law 4: recipients that fill the envelope get 452, and the mail goes to those before them"""
    users = ''.join('user%05d:!\n' % i for i in range(9000))
    lists = ''.join('list%d: hana\n' % n + ''.join('\tuser%05d,\n' % i for i in range(n * 3000, n * 3000 + 3000))
                    for n in range(3)).replace(': hana\n', ': hana,\n').replace(',\nlist', '\nlist').rstrip(',\n') + '\n'
    with House(files={'users': users + 'hana:!\n', 'aliases': lists}, users=None) as h:
        d = hello(h)
        d.say('MAIL FROM:<>', 250)
        d.say('RCPT TO:<hana@example.test>', 250)
        codes = [d.say('RCPT TO:<list%d@example.test> ORCPT=rfc822;%s' % (n, 'x' * 200)).code for n in range(3)]
        equal(codes, [250, 452, 452])
        d.say('DATA', 354)
        d.send(mail() + b'.\r\n')
        equal(d.read().code, 250)
        contains(h.wait_log('event="mail accepted"')[0].string, 'recipients=2 mailboxes=3001')
        h.wait_log('code=452 rule=envelope-size at=rcpt what=list1@example.test')


def test_shutdown_lets_mails_end():
    """SIGTERM: idle sessions are told 421, one in the middle of a mail ends it first"""
    with House() as h:
        idle = hello(h)
        d = hello(h)
        d.say('MAIL FROM:<>', 250)
        d.say('RCPT TO:<hana@example.test>', 250)
        d.say('DATA', 354)
        h.process.terminate()
        contains(idle.read(), '421 4.3.2')
        idle.closed()
        d.send(mail() + b'.\r\n')
        equal(d.read().code, 250)
        equal(d.read().code, 421)
        d.closed()
        equal(h.process.wait(40), 0)


def test_shutdown_waits_no_longer_than_the_parent():
    """who has something under way and does not end it is told 421 before the server ends; so is one in a login"""
    with House() as h:
        d = hello(h)
        d.say('MAIL FROM:<>', 250)
        content = hello(h)
        content.say('MAIL FROM:<>', 250)
        content.say('RCPT TO:<hana@example.test>', 250)
        content.say('DATA', 354)
        login = hello(h, LOCAL)
        login.say('AUTH PLAIN', 334)
        h.process.terminate()
        for one in (d, content, login):
            contains(one.read(), '421 4.3.2')
            one.closed()
        equal(h.process.wait(40), 0)
        equal('does not end by itself' in h.log(), False)


def test_pipelining_over_open_asks():
    """RFC 2920: what stands behind a login or a mail's end waits for its reply, and is served in order"""
    with House() as h:
        d = h.smtp(LOCAL)
        login = base64.b64encode(b'\0hana\0' + PASSWORDS['hana'].encode())
        content = mail(sender=HANA)
        part = b'MAIL FROM:<hana@example.test>\r\nRCPT TO:<taro@example.test>\r\n'
        last = b'From: <hana@example.test>\r\nDate: x\r\nMessage-ID: <1@x>\r\n\r\n0123456x\r\n'
        d.send(b'EHLO client\r\nAUTH PLAIN ' + login + b'\r\n' + part + b'BDAT %d LAST\r\n' % len(content) + content +
               part + b'RSET\r\nVRFY taro\r\nNOOP\r\n' + part + b'BDAT %d\r\n' % len(last) + last[:-3])
        equal([d.read().code for _ in range(12)], [250, 235] + [250] * 10)
        d.send(last[-3:] + b'BDAT 0 LAST\r\nQUIT\r\n')
        equal([d.read().code for _ in range(3)], [250, 250, 221])
        equal(without_trace(h.messages('taro', 2)[1]), last)


def test_expansion_happens_once():
    """aliases are expanded when a mail is accepted: a change before its delivery, and a restart, alter nothing"""
    with House(files={'aliases': 'info: hana, taro\n'}) as h:
        deliver = h.programs()['deliver']
        os.kill(deliver, signal.SIGSTOP)
        h.send(to='info@example.test', source=STRANGER)
        h.set('aliases', 'info: taro\n')
        h.stop(signal.SIGKILL)
        os.kill(deliver, signal.SIGKILL)
        h.wait_programs_gone()
        h.start()
        contains(h.messages('hana', 1)[0], b'Delivered-To: info@example.test')
        contains(h.messages('taro', 1)[0], b'Delivered-To: info@example.test')


def test_each_refusal_is_logged_once():
    """law 5: a refusal is one line with client, code, rule and what was said; passwords are in none"""
    with House() as h:
        d = h.smtp(STRANGER)
        refusals = [('MAIL FROM:<a@b.example>', 503, 'helo-first'), ('EHLO x', 550, 'helo-name'),
                    ('EHLO client.example.org', 250, None), ('MAIL FROM:<a@@b.example>', 501, 'address-syntax'),
                    ('MAIL FROM:<a@b.example> SIZE=99999999999', 552, 'sizelimit'),
                    ('MAIL FROM:<a@b.example> FOO=1', 555, 'param-unknown'), ('AUTH LOGIN c2VjcmV0', 538, 'auth-needs-tls'),
                    ('c2VjcmV0', 500, 'unknown-command'), ('EXPN staff', 502, 'not-implemented'),
                    ('MAIL FROM:<a@b.example>', 250, None), ('RCPT TO:<nobody@example.test>', 550, 'unknown-user'),
                    ('RCPT TO:<b@other.example>', 550, 'relay-denied'),
                    ('RCPT TO:<@example.test:hana@example.test>', 550, 'route-source'), ('DATA', 554, 'no-recipients')]
        for line, code, rule in refusals:
            d.say(line, code)
        rules = [rule for _, _, rule in refusals if rule]
        h.wait_log('event="refused"', len(rules))
        equal(re.findall(r'event="refused" session=[0-9a-f]{16} client=198\.51\.100\.7 code=\d+ rule=(\S+) at=', h.log()), rules)
        equal('c2VjcmV0' in h.log(), False)
