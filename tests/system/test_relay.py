"""Mail for other hosts: relay beside a next host that is good, bad, slow, dead, or comes back."""
import os
import signal
import time

from clock import Clock
from house import House, LOCAL, STRANGER, contains, equal, mail, until
from nexthost import NextHost, PORT

SENDER = 'hana@example.test'
OUT = 'friend@other.test'
FILES = {'smarthost': '127.0.0.1:%d\n' % PORT, 'retryfirst': '1s\n', 'retrylast': '2s\n'}


def house(files=FILES, **more):
    return House(files=files, **more)


def send(h, to=OUT, content=None, code=250):
    h.send(to=to, sender=SENDER, content=content or mail(sender=SENDER, to=OUT), code=code)


def recipients(h):
    """state and reason of each recipient in the queue, by address"""
    return {r['forward_path']: r for m in h.json('queue') for r in m['recipients']}


def gone(h):
    until(lambda: h.json('queue') == [], 'the queue is empty')


def test_arrives_as_it_was():
    """F-9: mail leaves, octet for octet below its trace field; dots and long lines included"""
    content = mail(sender=SENDER, to=OUT, body='.\r\n..\r\n.hidden\r\n' + 'x' * 990 + '\r\nend')
    with house() as h, NextHost() as n:
        send(h, content=content.replace(b'\r\n.', b'\r\n..'))
        until(lambda: n.mails, 'it has arrived')
        got = n.mails[0]
        equal((got.sender, got.recipients), (SENDER, [OUT]))
        contains(got.content, b'Received: from ')
        equal(got.content[-len(content):].rstrip(), content.rstrip())
        gone(h)
        h.wait_log('mail relayed.*outcome=sent.*forward_path=%s' % OUT)


def test_who_may():
    """N-1, law 3: from inside and after a login mail leaves; a stranger is refused"""
    with house() as h, NextHost() as n:
        send(h)
        until(lambda: len(n.mails) == 1, 'from inside')
        d = h.smtp(STRANGER)
        d.say('EHLO client.example', 250)
        d.say('MAIL FROM:<x@client.example>', 250)
        reply = d.say('RCPT TO:<%s>' % OUT, 550)
        contains(reply, '5.7.1')
        h.wait_log('class=in>out')


def test_one_transaction_for_many():
    """recipients of one destination share a transaction and a connection; each has its own result"""
    rcpt = lambda line: b'450 4.2.1 busy\r\n' if b'later' in line else b'250 2.1.5 ok\r\n'
    with house() as h, NextHost({'RCPT': rcpt}) as n:
        d = h.smtp()
        d.say('EHLO mail.example.test', 250)
        d.transaction(SENDER, ['a@other.test', 'b@other.test', 'later@other.test'], mail(sender=SENDER))
        until(lambda: n.mails, 'it has arrived')
        equal(n.mails[0].recipients, ['a@other.test', 'b@other.test'])
        until(lambda: '450 4.2.1 busy' in recipients(h)['later@other.test']['reason'], 'one waits')
        n.replies['RCPT'] = b'250 2.1.5 ok\r\n'
        until(lambda: len(n.mails) == 2, 'it comes by itself')
        equal(n.mails[1].recipients, ['later@other.test'])
        gone(h)


# step → what is said there → what becomes of the recipient
BAD = [
    ('greeting', b'421 4.3.2 closing\r\n', 'deferred'),
    ('greeting', b'450 4.3.2 not now\r\n', 'deferred'),
    ('greeting', None, 'deferred'),
    ('greeting', b'what do you want?\r\n', 'deferred'),
    ('EHLO', b'421 4.3.2 closing\r\n', 'deferred'),
    ('EHLO', b'250-next.test\r\n', 'deferred'),
    ('EHLO', None, 'deferred'),
    ('MAIL', b'451 4.3.0 not now\r\n', 'deferred'),
    ('MAIL', b'421 4.3.2 closing\r\n', 'deferred'),
    ('MAIL', None, 'deferred'),
    ('RCPT', b'452 4.2.2 full\r\n', 'deferred'),
    ('RCPT', b'421 4.3.2 closing\r\n', 'deferred'),
    ('RCPT', b'\0\0\0\0\r\n', 'deferred'),
    ('DATA', b'451 4.3.0 not now\r\n', 'deferred'),
    ('DATA', b'250 strange\r\n', 'deferred'),
    ('DATA', None, 'deferred'),
    ('CONTENT', b'451 4.3.0 not now\r\n', 'deferred'),
    ('CONTENT', b'421 4.3.2 closing\r\n', 'deferred'),
    ('CONTENT', None, 'deferred'),
]


def test_bad_next_hosts():
    """whatever a next host says at whatever step: the mail waits, the queue says why, and it arrives later"""
    with house() as h:
        for step, said, state in BAD:
            if said and said.startswith(b'250-n'):
                said = said * 100000  # a megabyte and more without an end
            with NextHost({step: said}) as n:
                send(h)
                what = '%s %r' % (step, (said or b'closed')[:20])
                until(lambda: recipients(h).get(OUT, {}).get('state') == state, what)
                words = said[:9].decode() if said and said[:1] == b'4' else ''
                until(lambda: words in recipients(h)[OUT]['reason'] != '', 'the queue says why: ' + what)
                n.replies[step] = {'greeting': b'220 next.test\r\n', 'EHLO': b'250 next.test\r\n', 'MAIL': b'250 ok\r\n',
                                   'RCPT': b'250 ok\r\n', 'DATA': b'354 go\r\n', 'CONTENT': b'250 ok\r\n'}[step]
                before = len(n.mails)
                h.tool('queue')
                until(lambda: len(n.mails) > before, 'arrives after ' + what)
                gone(h)


def test_refused_goes_back():
    """F-10: what the next host refuses for good comes back as a report, with its words; then nothing waits"""
    with house() as h, NextHost({'RCPT': b'550 5.1.1 nobody of that name\r\n'}) as n:
        send(h)
        report = h.messages('hana', 1)[0]
        for part in (b'Content-Type: multipart/report', b'message/delivery-status', b'Final-Recipient: rfc822; ' + OUT.encode(),
                     b'Action: failed', b'Status: 5.1.1', b'550', b'nobody of that name', b'Auto-Submitted: auto-replied'):
            contains(report, part)
        gone(h)
        equal(n.mails, [])


def test_bad_step_for_good():
    """5xx at each step: a report each, whatever step it was; none goes round for ever"""
    with house() as h:
        for i, step in enumerate(['greeting', 'MAIL', 'RCPT', 'DATA', 'CONTENT']):
            with NextHost({step: b'554 5.7.1 not from you\r\n'}):
                send(h)
                contains(h.messages('hana', i + 1)[-1], b'not from you')
                gone(h)


def test_report_of_a_report():
    """a mail from the null path that fails goes to the postmaster, and no report is made of that"""
    with house(users={'hana': 'sakura saku', 'taro': 'pass the gate'}) as h, NextHost({'RCPT': b'550 5.1.1 nobody\r\n'}):
        h.send(to=OUT, sender='', content=mail(sender=SENDER, to=OUT))
        h.messages('hana', 1)  # the first user is the postmaster
        gone(h)


def test_delay_and_end():
    """a mail that cannot leave: its sender is told of the delay once, and at the end gets it back (4.4.7)"""
    with house(files=dict(FILES, queuelife='1m\n', delaywarning='5s\n')) as h:
        send(h)
        warning = h.messages('hana', 1, seconds=30)[0]
        contains(warning, b'Action: delayed')
        contains(warning, b'Will-Retry-Until:')
        until(lambda: len(h.json('queue')) == 1, 'the warning is delivered, the mail waits')
        h.restart()
        end = h.messages('hana', 2, seconds=90)
        equal(len(end), 2)
        equal(any(b'Action: failed' in m and b'5.4.7' in m for m in end), True)
        gone(h)


def test_queue_is_changed():
    """retry now, give back, delete: by id and by domain; others stay as they are"""
    with house(files=dict(FILES, retryfirst='1h\n', retrylast='1h\n')) as h:
        ids = {}
        for name in ('first', 'second', 'third'):
            send(h, to=name + '@other.test')
        until(lambda: any(r['attempts'] for r in recipients_of_all(h)), 'one was tried')
        for m in h.json('queue'):
            ids[m['recipients'][0]['forward_path'].split('@')[0]] = m['id']
        equal(set(ids), {'first', 'second', 'third'})
        contains(h.tool('queue', 'delete', ids['second']), '1 recipients deleted')
        contains(h.tool('queue', 'return', ids['third']), '1 recipients returned')
        report = h.messages('hana', 1)[0]
        contains(report, b'third@other.test')
        contains(report, b'taken it out of the queue')
        until(lambda: len(h.json('queue')) == 1, 'one is left')
        contains(h.tool('queue', 'delete', 'ffff', code=1) + h.error, 'no such mail in the queue')
        h.tool('queue', 'return', code=64)
        with NextHost() as n:
            h.tool('queue', 'retry')
            until(lambda: len(n.mails) == 1, 'the first has arrived')
            equal(n.mails[0].recipients, ['first@other.test'])
        gone(h)


def test_held_back():
    """what is held by id, sender, recipient or domain is left alone, over a restart and beyond its life, until it is
    released; the rest goes"""
    with house() as h:
        for sender, to in ((SENDER, 'a@one.test'), (SENDER, 'b@one.test'), ('taro@example.test', 'c@two.test'), (SENDER, 'd@three.test')):
            h.send(to=to, sender=sender, content=mail(sender=sender, to=to))
        h.send(to=['e@two.test', 'f@three.test'], sender=SENDER, content=mail(sender=SENDER, to='e@two.test'))
        until(lambda: len(recipients(h)) == 5 + 1 and any(r['attempts'] for r in recipients(h).values()), 'some was tried')
        first = next(m['id'] for m in h.json('queue') if m['recipients'][0]['forward_path'] == 'a@one.test')
        hold = lambda words, text: until(lambda: text in h.tool('queue', 'hold', *words, code=None) + h.error, text)
        hold([first], '1 recipients held')
        hold(['--sender', 'TARO@example.test'], '1 recipients held')
        hold(['--recipient', 'd@three.test'], '1 recipients held')
        contains(h.tool('queue', 'hold', first, code=1) + h.error, 'no such mail')  # held already
        contains(h.tool('queue', 'hold', '--sender', 'nobody@example.test', code=1) + h.error, 'no such mail')
        for words in (['hold'], ['release'], ['delete'], ['hold', 'a', 'b'], ['hold', '--json', first]):
            h.tool('queue', *words, code=64)
        equal(sorted(p for p, r in recipients(h).items() if r['state'] == 'held'), ['a@one.test', 'c@two.test', 'd@three.test'])
        contains(h.tool('queue', first), 'held back by the postmaster')
        equal(h.tool('queue', 'two.test').count('@two.test> '), 2)
        equal([len(h.json('queue', *w)) for w in (['one.test'], ['--domain', 'Two.Test'], ['--recipient', 'e@two.test', '--sender', SENDER],
                                                  ['nowhere.test'])], [2, 2, 1, 0])
        h.restart()
        with NextHost() as n:
            until(lambda: len(n.mails) == 2, 'what is not held goes')
            h.tool('queue', 'retry')
            equal(sorted(r for m in n.mails for r in m.recipients), ['b@one.test', 'e@two.test', 'f@three.test'])
            equal(len(h.json('queue')), 3)
            contains(h.tool('queue', 'release', first), '1 recipients released')
            until(lambda: len(n.mails) == 3, 'the first goes')
            equal(n.mails[2].recipients, ['a@one.test'])
            contains(h.tool('queue', 'return', 'two.test'), '1 recipients returned')
            contains(h.messages('taro', 1)[0], b'c@two.test')
            contains(h.tool('queue', 'release', '--all'), '1 recipients released')
            until(lambda: len(n.mails) == 4, 'all have gone')
        gone(h)


def test_held_mail_does_not_expire():
    """F-10: what the postmaster holds back is not given up meanwhile"""
    with Clock() as clock, house(env=clock.env) as h:
        send(h)
        send(h, to='second@other.test')
        until(lambda: 'held' in h.tool('queue', 'hold', '--recipient', OUT, code=None), 'it is held')
        clock.go_by(6 * 24 * 3600)
        until(lambda: list(recipients(h)) == [OUT], 'the other has gone back')
        equal(recipients(h)[OUT]['state'], 'held')
        with NextHost() as n:
            send(h, to='third@other.test')
            h.tool('queue', 'retry')
            until(lambda: n.mails, 'another goes')
            equal([m.recipients for m in n.mails], [['third@other.test']])
        contains(h.tool('queue', 'release', OUT[OUT.index('@') + 1:]), '1 recipients released')
        gone(h)
        until(lambda: sum(b'Action: failed' in open(f, 'rb').read() for f in h.files('hana')) == 2, 'both have gone back')


def test_a_warning_holds_nothing_up():
    """while a warning cannot be written, the mail that it speaks of is tried on, and goes"""
    with house(files=dict(FILES, delaywarning='1s\n')) as h:
        h.kill('report', signal.SIGSTOP)
        try:
            send(h)
            until(lambda: any(r['attempts'] >= 3 for r in recipients_of_all(h)), 'it was tried after that was due')
            with NextHost() as n:
                until(lambda: n.mails, 'it has arrived')
        finally:
            h.kill('report', signal.SIGCONT)
        gone(h)


def test_a_wrong_login_returns_nothing():
    """a smarthost that refuses our login: mail waits until the setting is right, and does not go back"""
    offer = {'EHLO': b'250-next.test\r\n250 AUTH PLAIN\r\n', 'AUTH': b'535 5.7.8 not this password\r\n'}
    with House(files=dict(FILES, smarthost='127.0.0.1:%d hana wrong\n' % PORT)) as h:
        with NextHost(offer) as n:
            send(h)
            until(lambda: '535 5.7.8' in (recipients(h).get(OUT) or {'reason': ''})['reason'], 'it waits')
            n.replies['AUTH'] = b'235 2.7.0 welcome\r\n'
            until(lambda: n.mails, 'it has arrived')
            equal(any(c.startswith('AUTH PLAIN ') for c in n.commands), True)
        gone(h)
        equal(h.files('hana'), [])


def test_a_mail_that_is_not_whole_any_more():
    """the log's disk has changed an octet: nothing of it arrives, and it is not tried over and over"""
    with house() as h:
        send(h, content=mail(sender=SENDER, body='an octet of this line will change'))
        until(lambda: any(r['attempts'] for r in recipients_of_all(h)), 'it was tried')
        spoil(os.path.join(h.state, 'spool'), b'an octet of this line')
        with NextHost() as n:
            h.wait_log('mail in the spool cannot be read')
            time.sleep(4)
            equal(n.mails, [])
            equal(n.connections <= 2, True, '%d connections' % n.connections)
            equal(len(h.json('queue')), 1)


def spoil(spool, text):
    """changes an octet of that text in the spool's segments"""
    for name in os.listdir(spool):
        path = os.path.join(spool, name)
        if not name.startswith('segment'):
            continue
        with open(path, 'r+b') as f:
            at = f.read().find(text)
            if at >= 0:
                f.seek(at)
                f.write(b'A')
                return
    raise AssertionError('the text is not there')


def test_success_is_told():
    """RFC 3461: NOTIFY=SUCCESS: the next host knows nothing of DSN, so we say that it was relayed"""
    with house() as h, NextHost() as n:
        d = h.smtp()
        d.say('EHLO mail.example.test', 250)
        d.say('MAIL FROM:<%s> RET=HDRS ENVID=x1' % SENDER, 250)
        d.say('RCPT TO:<%s> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;%s' % (OUT, OUT), 250)
        d.say('RCPT TO:<taro@example.test> NOTIFY=SUCCESS', 250)
        d.say('DATA', 354)
        d.send(mail(sender=SENDER, to=OUT) + b'\r\n.\r\n')
        equal(d.read().code, 250)
        got = h.messages('hana', 2, seconds=30)
        equal(any(b'Action: relayed' in m and b'Original-Envelope-Id: x1' in m for m in got), True)
        equal(any(b'Action: delivered' in m for m in got), True)
        gone(h)


def test_dead_then_alive():
    """a next host that is away costs an attempt now and then; mail waits and goes when it is back, in order"""
    with house() as h:
        for i in range(20):
            send(h, content=mail(sender=SENDER, subject='number %02d' % i))
        until(lambda: any(r['state'] == 'deferred' for r in recipients_of_all(h)), 'one was tried')
        equal(len(h.json('queue')), 20)
        tried = sum(r['attempts'] for r in recipients_of_all(h))
        equal(tried <= 4, True, '%d attempts' % tried)
        h.restart()
        equal(len(h.json('queue')), 20)
        with NextHost() as n:
            until(lambda: len(n.mails) == 20, 'all have come')
            equal(sorted({m.content[m.content.index(b'number'):][:9] for m in n.mails}),
                  [b'number %02d' % i for i in range(20)])
            gone(h)


def recipients_of_all(h):
    return [r for m in h.json('queue') for r in m['recipients']]


def test_large():
    """a mail of some megabytes goes through under credit, unharmed"""
    body = ''.join('%08d %s\r\n' % (i, 'x' * 60) for i in range(60000))
    content = mail(sender=SENDER, to=OUT, body=body)
    with house() as h, NextHost() as n:
        send(h, content=content)
        until(lambda: n.mails, 'it has arrived', 30)
        equal(n.mails[0].content[-len(content):].rstrip() == content.rstrip(), True)
        gone(h)


def test_connections_are_used_again():
    """one after another over one connection; many at once over no more than the window"""
    with house() as h, NextHost() as n:
        for i in range(10):
            send(h)
            until(lambda: len(n.mails) == i + 1, 'number %d' % i)
        equal(n.connections, 1)
        n.replies['CONTENT'] = (0.05, b'250 2.0.0 taken\r\n')
        for i in range(100):
            send(h)
        until(lambda: len(n.mails) == 110, 'all', 40)
        equal(n.most <= 20, True, '%d connections at once' % n.most)


def test_without_dns():
    """no smarthost, no name server that answers: mail waits and the queue says why"""
    files = {'nameservers': '127.0.0.1#9\n', 'retryfirst': '1s\n'}
    away = 'friend@other.example'
    with House(files=files) as h:
        send(h, to=away)
        until(lambda: recipients(h)[away]['state'] == 'deferred', 'it was tried', 80)
        equal(recipients(h)[away]['reason'] != '', True)
        equal(recipients(h)[away]['destination'], 'other.example')


test_delay_and_end.seconds = 200
test_bad_next_hosts.seconds = 300
test_without_dns.seconds = 120
