"""What others ask of TLS on the way to them, and senders on the way from here: MTA-STS, REQUIRETLS, TLS-Required."""
import contextlib

import dns
from authority import Authority
from house import House, contains, equal, mail, until
from nexthost import NextHost
from policyhost import PolicyHost, page, policy

SENDER = 'hana@example.test'
GOOD, OWN, CLEAR, PLAIN, WEB = '192.0.2.21', '192.0.2.22', '192.0.2.23', '192.0.2.24', '192.0.2.80'
FILES = {'retryfirst': '1s\n', 'retrylast': '2s\n', 'nameservers': 'recursive\n'}
PROMISES = b'250-next.test\r\n250-PIPELINING\r\n250-STARTTLS\r\n250-REQUIRETLS\r\n250 8BITMIME\r\n'

# domain → its host, its policy's page
HOSTS = {'good': ('mxg', policy('enforce', 'mxg.example')), 'wild': ('mxg', policy('enforce', '*.example')),
         'own': ('mxo', policy('enforce', 'mxo.example')), 'clear': ('mxc', policy('enforce', 'mxc.example')),
         'wrong': ('mxg', policy('enforce', 'mxg.example.org')), 'test': ('mxo', policy('testing', 'mxo.example')),
         'other': ('mxg', policy('testing', 'mx.elsewhere.example')), 'none': ('mxc', policy('none')),
         'expired': ('mxc', policy('enforce', 'mxg.example')), 'alien': ('mxc', policy('enforce', 'mxg.example')),
         'moved': ('mxc', page('', '301 Moved', more='Location: https://mta-sts.own.example/.well-known/mta-sts.txt\r\n')),
         'html': ('mxc', page(policy('enforce', 'mxg.example'), kind='text/html')),
         'plain': ('mxp', policy('enforce', 'mxp.example')), 'two': ('mxp', policy('enforce', '*.example')),
         'slow': ('mxg', 60),
         'long': ('mxc', policy('enforce', 'mxg.example') + '#:' + 'x' * 65536)}
DELIVERED = {'good': True, 'wild': True, 'test': True, 'other': True, 'none': False, 'expired': False, 'alien': False,
             'moved': False, 'html': False, 'long': False, 'twice': False}
HELD = {'own': 'certificate', 'clear': 'TLS', 'wrong': 'does not name'}


def names(more=()):
    root = dns.Zone('.', ['. 3600 IN NS a.root-servers.net.', 'a.root-servers.net. 3600 IN A ' + dns.ROOT,
                          'example. 3600 IN NS ns.example.', 'ns.example. 3600 IN A ' + dns.SERVER])
    lines = ['example. 3600 IN NS ns.example.', 'ns.example. 3600 IN A ' + dns.SERVER,
             'mxg.example. 60 IN A ' + GOOD, 'mxo.example. 60 IN A ' + OWN, 'mxc.example. 60 IN A ' + CLEAR,
             'mxp.example. 60 IN A ' + PLAIN, 'two.example. 60 IN MX 20 mxg.example.', 'unsigned.example. 60 IN MX 10 mxg.example.']
    for domain in list(HOSTS) + ['twice']:
        host = HOSTS.get(domain, ('mxc',))[0]
        lines += ['%s.example. 60 IN MX 10 %s.example.' % (domain, host), 'mta-sts.%s.example. 60 IN A %s' % (domain, WEB),
                  '_mta-sts.%s.example. 0 IN TXT "v=STSv1; id=first;"' % domain]
    lines.append('_mta-sts.twice.example. 0 IN TXT "v=STSv1; id=second;"')
    zone = dns.Zone('example.', lines + list(more), signed=False)
    n = dns.Names([root, zone])
    n.zone = zone
    return n


def web(authority):
    contexts = {name: authority.context(name, **more) for name, more in
                [('mta-sts.%s.example' % d, {}) for d in HOSTS if d not in ('expired', 'alien')] +
                [('mta-sts.expired.example', {'expired': True})]}
    contexts['mta-sts.alien.example'] = contexts['mta-sts.good.example']
    pages = {'mta-sts.%s.example' % d: page(p) if isinstance(p, str) else p for d, (_, p) in HOSTS.items()}
    return PolicyHost(contexts, pages, WEB)


def house(n):
    return House(dict(FILES, trustanchors=n.anchor + '\n'))


def send(h, to, extra=''):
    h.send(to=to, sender=SENDER, content=mail(sender=SENDER, to=to, extra=extra))


def reason(h, to):
    return ''.join(r['reason'] for m in h.json('queue') for r in m['recipients'] if r['forward_path'] == to)


def arrived(hosts, to):
    return [m for host in hosts for m in host.mails if m.recipients == [to]]


def test_what_a_policy_says():
    """RFC 8461: enforce and all that can be wrong with a host; testing; policies that are none; what is kept holds"""
    with Authority() as a, names() as n, house(n) as h, contextlib.ExitStack() as stack:
        own = a.context('mxo.example', own=True)
        hosts = [stack.enter_context(NextHost(address=address, port=25, tls=tls))
                 for address, tls in ((GOOD, a.context('mxg.example')), (OWN, own), (CLEAR, None))]
        server = stack.enter_context(web(a))
        for domain in list(DELIVERED) + list(HELD):
            send(h, 'x@%s.example' % domain)
        for domain, secure in DELIVERED.items():
            until(lambda: arrived(hosts, 'x@%s.example' % domain), 'mail to %s has arrived' % domain)
            equal(arrived(hosts, 'x@%s.example' % domain)[0].secure, secure, domain)
        for domain, word in HELD.items():
            until(lambda: 'policy of %s.example forbids' % domain in reason(h, 'x@%s.example' % domain), domain)
            contains(reason(h, 'x@%s.example' % domain), word)
            equal(arrived(hosts, 'x@%s.example' % domain), [])
        h.wait_log('mail relayed.*destination=good.example.*policy=enforce.*verified=pkix')
        h.wait_log('delivered, though the policy would forbid.*destination=test.example.*certificate')
        h.wait_log('delivered, though the policy would forbid.*destination=other.example.*name')
        contains(h.tool('resolve', 'good.example'), 'MTA-STS: enforce, id first')
        said = h.json('resolve', 'wild.example')['policy']
        equal((said['outcome'], said['mode'], said['id'], said['mx']), ('found', 'enforce', 'first', ['*.example']))
        equal(h.json('resolve', 'none.example')['policy']['mode'], 'none')
        for domain in ('moved', 'html', 'long', 'expired', 'alien'):
            h.wait_log('policy cannot be fetched.*domain=%s.example' % domain)
        # nothing is fetched twice while its id stays
        asked = len(server.asked)
        send(h, 'y@good.example')
        until(lambda: arrived(hosts, 'y@good.example'), 'the second')
        equal(len(server.asked), asked)
        # the policy host is gone, and everything was started anew: what is kept holds
        server.close()
        hosts[0].close()
        h.restart()
        with NextHost(address=GOOD, port=25, tls=own) as wrong:
            send(h, 'z@good.example')
            until(lambda: 'policy of good.example forbids' in reason(h, 'z@good.example'), 'it waits')
            equal(wrong.mails, [])
            n.change(n.zone, '_mta-sts.good.example. 0 IN TXT "v=STSv1; id=first;"',
                     '_mta-sts.good.example. 0 IN TXT "v=STSv1; id=second;"')
            until(lambda: 'domain=good.example' in h.log() and 'kept=enforce' in h.log(), 'a new id, and no policy host', 60)
            tried = wrong.connections
            until(lambda: wrong.connections > tried + 1 or wrong.mails, 'it is tried again')
            equal(wrong.mails, [])
            with web(a) as server:
                server.pages['mta-sts.good.example'] = page(policy('none'))
                h.kill('fetch')  # which forgets that it has just tried
                until(lambda: arrived([wrong], 'z@good.example'), 'a policy of none lets it go', 60)


def test_fetch_dies_while_a_policy_comes():
    """nobody knows then whether there is one: the mail waits, and goes by the policy when it is there"""
    with Authority() as a, names() as n, house(n) as h, web(a) as server:
        with NextHost(address=GOOD, port=25, tls=a.context('mxg.example')) as host:
            send(h, 'x@slow.example')
            until(lambda: 'mta-sts.slow.example' in server.asked, 'the policy is asked for')
            server.pages['mta-sts.slow.example'] = page(policy('enforce', 'mxg.example'))
            h.kill('fetch')
            h.wait_log('the program that fetches policies is restarting')
            until(lambda: arrived([host], 'x@slow.example'), 'it goes', 60)
            equal(host.mails[0].secure, True)
            h.wait_log('mail relayed.*destination=slow.example.*policy=enforce.*verified=pkix')


def say(h, to, words='', extra='', body='The gate is open.'):
    """under TLS, with these parameters"""
    d = h.smtp()
    equal('REQUIRETLS' in d.say('EHLO mail.example.test', 250), False)
    d.say('STARTTLS', 220)
    d.start_tls()
    contains(d.say('EHLO mail.example.test', 250), 'REQUIRETLS')
    d.say('MAIL FROM:<%s> %s' % (SENDER, words), 250)
    d.say('RCPT TO:<%s>' % to, 250)
    d.say('DATA', 354)
    d.send(mail(sender=SENDER, to=to, extra=extra, body=body) + b'.\r\n')
    equal(d.read().code, 250)
    d.close()


def test_what_a_sender_says():
    """RFC 8689: REQUIRETLS goes to who promises it, over TLS that is verified, or comes back; TLS-Required: No goes anyway"""
    with Authority() as a, names() as n, web(a), house(n) as h, \
            NextHost({'EHLO': PROMISES}, address=GOOD, port=25, tls=a.context('mxg.example')) as good, \
            NextHost(address=PLAIN, port=25, tls=a.context('mxp.example')) as plain, \
            NextHost({'EHLO': PROMISES}, address=OWN, port=25, tls=a.context('mxo.example', own=True)) as own, \
            NextHost(address=CLEAR, port=25) as clear:
        say(h, 'hana@example.test', 'REQUIRETLS')  # here at home
        say(h, 'x@good.example', 'REQUIRETLS')
        say(h, 'x@two.example', 'REQUIRETLS', 'TLS-Required: No\r\n')
        until(lambda: len(good.mails) == 2, 'both have come')
        equal([c.count('REQUIRETLS') for c in good.commands if c.startswith('MAIL')], [1, 1])
        equal(plain.mails, [])
        contains(h.messages('hana', 1)[0], b'The gate is open.')
        back = {'plain': b'5.7.30', 'clear': b'5.7.10', 'own': b'5.7.10', 'unsigned': b'5.7.10'}
        for i, (domain, status) in enumerate(back.items()):
            say(h, 'x@%s.example' % domain, 'REQUIRETLS RET=FULL', body='secret words')
            report = [m for m in h.messages('hana', i + 2) if b'x@%s.example' % domain.encode() in m]
            contains(report[0], b'Status: ' + status)
            equal(b'secret words' in report[0], False, 'only its header goes back')
        equal([host.mails for host in (plain, own, clear)], [[], [], []])
        send(h, 'y@own.example', 'TLS-Required: No\r\n')
        send(h, 'y@clear.example', 'TLS-Required: No\r\n')
        until(lambda: own.mails and clear.mails, 'they go')
        equal((own.mails[0].secure, clear.mails[0].secure), (True, False))
        send(h, 'z@own.example')  # while that connection is idle
        until(lambda: 'policy of own.example forbids' in reason(h, 'z@own.example'), 'it waits')
        equal(len(own.mails), 1)


test_what_a_sender_says.seconds = 120
test_what_a_policy_says.seconds = 180
