"""Aliases that lead to other hosts, the return addresses that come of it, and mail that goes round."""
import re

from house import House, STRANGER, TARO, contains, equal, mail, until
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
