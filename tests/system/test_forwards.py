"""Aliases that lead to other hosts, the return addresses that come of it, and mail that goes round."""
import re

import os

from house import HANA, House, STRANGER, TARO, contains, equal, mail, run, until
from nexthost import NextHost, PORT

FILES = {'smarthost': '127.0.0.1:%d\n' % PORT, 'retryfirst': '1s\n', 'retrylast': '2s\n',
         'aliases': 'info: hana, Some.One@elsewhere.test\nlist: a@elsewhere.test, b@elsewhere.test\n'}
INFO = 'info@example.test'
WRITER = 'Writer@abroad.test'
SRS = re.compile(r'SRS0=[A-Z2-7]{8}=[A-Z2-7]{2}=abroad\.test=Writer@mail\.example\.test$')


def send(h, to, sender=WRITER, source=STRANGER, content=None, code=250):
    h.send(to=to, sender=sender, source=source, content=content or mail(sender=WRITER, to=INFO), code=code)


def arrived(n, count):
    until(lambda: len(n.mails) >= count, '%d mails are at the next host' % count)
    return n.mails[count - 1]


def gone(h):
    until(lambda: h.json('queue') == [], 'the queue is empty')


def refused(h, to, source=STRANGER, sender='', code=550):
    d = h.smtp(source)
    d.say('EHLO client.example', 250)
    d.say('MAIL FROM:<%s>' % sender, 250)
    said = d.say('RCPT TO:<%s>' % to, code)
    d.close()
    return said


def test_forward_and_return():
    """F-13: an alias with a member elsewhere: both get it; the sender is rewritten for the one that leaves; what comes
    back to that address goes to the sender, what was made up goes nowhere (law 3); all of it after a restart, too"""
    with House(files=FILES) as h, NextHost({'EHLO': b'250-next.test\r\n250-DSN\r\n250 8BITMIME\r\n'}) as n:
        send(h, INFO)
        got = arrived(n, 1)
        equal(got.recipients, ['Some.One@elsewhere.test'])
        if not SRS.match(got.sender):
            raise AssertionError('the sender is %s' % got.sender)
        contains(' '.join(n.commands), 'ORCPT=rfc822;' + INFO)
        contains(h.messages('hana', 1)[0], b'Return-Path: <%s>' % WRITER.encode())
        h.wait_log('class=out>in')
        # those of the site, and none, stay as they are
        send(h, INFO, sender=TARO, source='127.0.0.1')
        equal(arrived(n, 2).sender, TARO)
        send(h, INFO, sender='')
        equal(arrived(n, 3).sender, '')
        # a report comes back: to whoever wrote
        h.restart()
        back = got.sender
        send(h, back, sender='', content=mail(subject='undeliverable', to=back))
        equal((arrived(n, 4).sender, n.mails[3].recipients), ('', [WRITER]))
        # from a person, who leaves under an address of ours again; folded on its way
        send(h, back.lower(), sender='other@third.test')
        equal(n.mails[4].recipients if len(n.mails) > 4 else arrived(n, 5).recipients, ['writer@abroad.test'])
        contains(n.mails[4].sender, '=third.test=other@mail.example.test')
        # made up: another sender, another hash; none at all
        contains(refused(h, back.replace('Writer', 'victim')), '5.1.1')
        contains(refused(h, 'SRS0=AAAAAAAA=' + back[14:]), 'not given out by this server')
        contains(refused(h, back.replace('mail.example.test', 'abroad.test')), '5.7.1')
        contains(refused(h, 'SRS0=x=y=abroad.test=u@example.test'), '5.1.1')
        # a forwarder's forwarder
        send(h, INFO, sender='SRS0=ab=cd=first.test=u@second.test')
        contains(arrived(n, 6).sender, '=second.test==ab=cd=first.test=u@mail.example.test')
        if not n.mails[5].sender.startswith('SRS1='):
            raise AssertionError(n.mails[5].sender)
        gone(h)
        # `keys` away: later; then it is back
        h.kill('keys', 19)
        d = h.smtp(STRANGER)
        d.say('EHLO client.example', 250)
        d.say('MAIL FROM:<%s>' % WRITER, 250)
        d.send(b'RCPT TO:<%s>\r\n' % INFO.encode())
        h.kill('keys', 9)
        contains(d.line(), '451')
        d.close()
        h.until_up()
        send(h, INFO)
        arrived(n, 7)


def test_reports_of_forwards():
    """what the next host refuses goes to the sender as he wrote it: the alias, and not where it leads"""
    told = b'550 5.1.1 <Some.One@elsewhere.test> has moved\r\n'
    with House(files=FILES) as h, NextHost({'RCPT': lambda line: told if b'Some.One' in line else b'250 ok\r\n'}) as n:
        send(h, INFO, sender=TARO, source='127.0.0.1')
        report = h.messages('taro', 1)[0]
        contains(report, b'Final-Recipient: rfc822; info@example.test')
        contains(report, b'Status: 5.1.1')
        contains(report, b'forwarded')
        if b'Some.One' in report or b'elsewhere' in report:
            raise AssertionError('where it leads is told: %r' % report)
        h.wait_log('Some.One@elsewhere.test.*|has moved')
        # of a stranger's mail the report goes to him, not to the rewritten address
        send(h, INFO)
        report = arrived(n, 1)
        equal((report.sender, report.recipients), ('', [WRITER]))
        gone(h)


def test_loop():
    """a host that sends all straight back: 5.4.6, once, before a list that leads there twice has become a storm"""
    with House(files=FILES) as h, NextHost() as n:
        told = []

        def back(sent):
            """as a forwarder does it"""
            d = h.smtp(STRANGER)
            d.say('EHLO elsewhere.test', 250)
            rest = sent.sender[len('SRS0'):].split('@')[0]
            content = b'Received: from mail.example.test by elsewhere.test; now\r\n' + sent.content
            told.append(d.transaction('SRS1=xx=mail.example.test=%s@elsewhere.test' % rest, ['list@example.test'], content,
                                      code=None))
            d.close()

        send(h, 'list@example.test', content=mail(sender=WRITER, to='list@example.test'))
        done = 0
        while not (told and told[-1].startswith('554')):
            sent = arrived(n, done + 1)
            equal(sorted(sent.recipients), ['a@elsewhere.test', 'b@elsewhere.test'])
            if not SRS.match(sent.sender):
                raise AssertionError('%s came back as another' % sent.sender)
            done += 1
            back(sent)
        contains(told[-1], '5.4.6')
        equal((done, [t[:3] for t in told]), (4, ['250'] * 3 + ['554']), 'passes')
        gone(h)
        equal((len(n.mails), h.files('hana')), (4, []), 'no reports')


def test_two_servers_that_send_to_each_other():
    """each forwards to the other: after some rounds one refuses, and the writer learns it once"""
    away = {'smarthost': '127.0.0.1:2525\n', 'aliases': 'round: round@example.test\n'}
    home = {'smarthost': '127.0.0.1:4525\n', 'aliases': 'round: round@other.test\n'}
    with House(files=home) as h, House(files=away, name='mail.other.test', options=['--port-base', '4000']) as other:
        send(h, 'round@example.test', sender=HANA, source='127.0.0.1', content=mail(to='round@example.test'))
        report = h.messages('hana', 1)[0].decode()
        contains(report, 'Status: 5.4.6')
        contains(report, 'round@')
        for house in h, other:
            gone(house)
        equal([len(x.files(user)) for x in (h, other) for user in ('hana', 'taro')], [1, 0, 0, 0], 'and nobody else')
        equal(len(re.findall('event="mail accepted".* reverse_path="SRS0', h.log())), 3, 'rounds')
        for house in h, other:
            house.stop()


KEPT = 'someone@kept.test'


def etrn(h, domain, code, source=STRANGER):
    d = h.smtp(source)
    contains(d.say('EHLO client.example', 250), 'ETRN')
    said = d.say('ETRN ' + domain, code)
    d.close()
    return said


def test_backup():
    """F-23: mail for a site that is not always on is taken from strangers and kept; ETRN sends it, not too often; it goes to
    that site's host also beside a smarthost, without the login that is for the other"""
    login = b'250-next.test\r\n250-AUTH PLAIN\r\n250 8BITMIME\r\n'
    files = {'smarthost': '127.0.0.1:%d hana secret\n' % PORT, 'backupfor': 'kept.test 127.0.0.1:2600\nother.test [127.0.0.1]:2601\n',
             'retryfirst': '1h\n', 'retrylast': '2h\n', 'aliases': 'away: x@kept.test\n'}
    with House(files=files) as h, NextHost({'EHLO': login}, port=PORT) as smart:
        send(h, KEPT, content=mail(sender=WRITER, to=KEPT))
        h.wait_log('class=out>in')
        until(lambda: 'kept.test' in str(h.json('queue')), 'it is kept')
        until(lambda: h.json('queue')[0]['recipients'][0]['attempts'] == 1, 'and was tried')
        contains(refused(h, 'someone%far.test@kept.test'), '5.7.1')
        contains(refused(h, 'someone@far.test'), '5.7.1')
        contains(etrn(h, 'far.test', 459), 'No mail is kept here for far.test')
        contains(etrn(h, 'other.test', 251), 'No mail')
        etrn(h, '#kept.test', 501)
        with NextHost({'EHLO': login}, port=2600) as n:
            contains(etrn(h, 'kept.test', 253), '1 recipients')
            got = arrived(n, 1)
            equal((got.sender, got.recipients), (WRITER, [KEPT]))
            contains(etrn(h, 'kept.test', 250), 'a moment ago')
            gone(h)
            # a program that sites use for it
            home = os.path.join(h.dir, 'fetchmailrc')
            with open(home, 'w') as f:
                f.write('poll 127.0.0.1 protocol etrn port 2525 fetchdomains kept.test\n')
            os.chmod(home, 0o600)
            said = run('fetchmail', '-f', home, '-v', '--nosyslog', '--nodetach', '--pidfile', home + '.pid', code=None)
            contains(said, 'Queuing for kept.test started')
            # one mail, two reverse-paths: two transactions
            d = h.smtp(STRANGER)
            d.say('EHLO client.example', 250)
            d.transaction(WRITER, ['away@example.test', KEPT], mail(sender=WRITER, to=KEPT))
            d.close()
            arrived(n, 3)
            forwarded, kept = sorted(n.mails[1:], key=lambda m: m.sender)
            if not SRS.match(forwarded.sender):
                raise AssertionError('forwarded as %s' % forwarded.sender)
            equal((forwarded.recipients, kept.recipients, kept.sender), (['x@kept.test'], [KEPT], WRITER))
            if [c for c in n.commands if c.startswith('AUTH')]:
                raise AssertionError('the login went to another host: %r' % n.commands)
        equal(smart.connections, 0)
        h.set('backupfor', '')
        h.reload()
        d = h.smtp(STRANGER)
        if 'ETRN' in d.say('EHLO client.example', 250):
            raise AssertionError('ETRN is offered without a use')
        d.say('ETRN kept.test', 502)
        d.say('MAIL FROM:<>', 250)
        d.say('RCPT TO:<%s>' % KEPT, 550)
        d.close()
