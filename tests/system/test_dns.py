"""resolve beside real name servers: a signed DNS from its root down, and servers that hang, truncate and lie."""
import os
import signal
import threading
import time

import dns
from house import House, STRANGER, OTHER_STRANGER, contains, equal, until

DIGEST = 'ab' * 32


def zones():
    root = dns.Zone('.', [
        '. 3600 IN NS a.root-servers.net.',
        'a.root-servers.net. 3600 IN A ' + dns.ROOT,
        'example. 3600 IN NS ns.example.',
        'ns.example. 3600 IN A ' + dns.SERVER,
        'unsigned. 3600 IN NS ns.example.',
        'hang. 3600 IN NS ns.hang.',
        'ns.hang. 3600 IN A ' + dns.HANGS,
        'cut. 3600 IN NS ns.cut.',
        'ns.cut. 3600 IN A ' + dns.TRUNCATES,
        '100.51.198.in-addr.arpa. 3600 IN NS ns.example.',
    ])
    example = dns.Zone('example.', [
        'example. 3600 IN NS ns.example.',
        'ns.example. 3600 IN A ' + dns.SERVER,
        'two.example. 60 IN MX 20 mx2.example.',
        'two.example. 60 IN MX 10 mx1.example.',
        'mx1.example. 60 IN A 192.0.2.11',
        'mx1.example. 60 IN AAAA 2001:db8::11',
        '_25._tcp.mx1.example. 60 IN TLSA 3 1 1 ' + DIGEST,
        'mx2.example. 60 IN A 192.0.2.12',
        'odd.example. 60 IN MX 10 mxodd.example.',
        'mxodd.example. 60 IN A 192.0.2.16',
        '_25._tcp.mxodd.example. 60 IN TLSA 0 0 1 ' + DIGEST,
        'implicit.example. 60 IN A 192.0.2.13',
        'null.example. 60 IN MX 0 .',
        'alias.example. 60 IN CNAME two.example.',
        'self.example. 60 IN MX 10 mail.example.test.',
        'empty.example. 60 IN TXT "nothing"',
        '_mta-sts.two.example. 60 IN TXT "v=STSv1; " "id=7"',
        'out.example. 60 IN MX 10 mx.unsigned.',
        'slow.example. 60 IN MX 10 mx.hang.',
        'slow.example. 60 IN MX 20 mx2.example.',
        'broken.example. 3600 IN NS ns.example.',
        'client.example. 60 IN A ' + STRANGER,
        'liar.example. 60 IN A 192.0.2.99',
    ])
    broken = dns.Zone('broken.example.', [
        'broken.example. 3600 IN NS ns.example.',
        'broken.example. 60 IN MX 10 mx1.example.',
        'half.broken.example. 60 IN MX 10 host.half.broken.example.',
        'host.half.broken.example. 60 IN A 192.0.2.14',
        '_25._tcp.host.half.broken.example. 60 IN TLSA 3 1 1 ' + DIGEST,
    ], spoilt=('MX\t10 mx1.example.', 'MX\t11 mx1.example.'))
    unsigned = dns.Zone('unsigned.', [
        'unsigned. 3600 IN NS ns.example.',
        'unsigned. 60 IN MX 10 mx.unsigned.',
        'mx.unsigned. 60 IN A 192.0.2.15',
        '_25._tcp.mx.unsigned. 60 IN TLSA 3 1 1 ' + DIGEST,
    ], signed=False)
    reverse = dns.Zone('100.51.198.in-addr.arpa.', [
        '100.51.198.in-addr.arpa. 3600 IN NS ns.example.',
        '7.100.51.198.in-addr.arpa. 60 IN PTR client.example.',
        '8.100.51.198.in-addr.arpa. 60 IN PTR liar.example.',
    ], signed=False)
    return [root, example, broken, unsigned, reverse]


def settings(names, nameservers='recursive'):
    return {'nameservers': nameservers + '\n', 'trustanchors': names.anchor + '\n'}


def hosts(house, name, code=0):
    return house.json('resolve', name, code=code)


def names_of(answer):
    return [h['name'] for h in answer['hosts']]


def test_from_the_root_down():
    """Protects: RFC 5321 §5.1, RFC 7505 and RFC 7672 with a real resolver, real signatures, in the real sandbox."""
    with dns.Names(zones()) as names, House(settings(names)) as house:
        two = hosts(house, 'two.example')
        equal(names_of(two), ['mx1.example', 'mx2.example'])
        equal(two['mx_secure'], True)
        equal(two['hosts'][0]['addresses'], ['2001:db8::11', '192.0.2.11'])
        equal(two['hosts'][0]['tlsa_records'], ['3 1 1 ' + DIGEST])
        equal([h['tlsa'] for h in two['hosts']], ['usable', 'none'])
        equal(names_of(hosts(house, 'Alias.Example.')), ['mx1.example', 'mx2.example'])
        implicit = hosts(house, 'implicit.example')
        equal((implicit['mx'], names_of(implicit)), (False, ['implicit.example']))
        equal(hosts(house, 'null.example', code=1)['outcome'], 'null-mx')
        equal(hosts(house, 'nowhere.example', code=1)['outcome'], 'no-domain')
        equal(hosts(house, 'empty.example', code=1)['outcome'], 'nothing')
        equal(hosts(house, 'self.example', code=1)['outcome'], 'loop')
        equal(hosts(house, '[192.0.2.7]')['hosts'][0]['addresses'], ['192.0.2.7'])
        unsigned = hosts(house, 'unsigned')
        equal((unsigned['mx_secure'], unsigned['hosts'][0]['tlsa']), (False, 'none'))
        out = hosts(house, 'out.example')  # signed MX, unsigned host
        equal((out['mx_secure'], out['hosts'][0]['secure'], out['hosts'][0]['tlsa']), (True, False, 'none'))
        texts = house.json('resolve', '--texts', '_mta-sts.two.example')
        equal((texts['texts'], texts['secure']), (['v=STSv1; id=7'], True))
        contains(house.tool('resolve', 'two.example'), 'the certificate must match 1 TLSA record of mx1.example')
        contains(house.tool('resolve', 'null.example', code=1), 'null MX')
        equal(house.tool('resolve', '--texts', '_mta-sts.two.example'), 'v=STSv1; id=7\n')
        contains(house.tool('resolve', '--texts', 'two.example', code=1), 'no texts')
        contains(house.tool('resolve', 'odd.example'), 'none of the TLSA records of mxodd.example can be used')
        status = house.json('status')['status']['resolve']
        equal(status['trust_anchors'], 'in-force')


def test_forged():
    """Protects: what does not validate is not believed, and mail for it waits."""
    with dns.Names(zones()) as names, House(settings(names)) as house:
        broken = hosts(house, 'broken.example', code=75)
        equal(broken['outcome'], 'bogus', broken['why'])
        contains(broken['why'], 'DNSSEC')
        equal(names_of(hosts(house, 'half.broken.example')), ['host.half.broken.example'])
        equal(hosts(house, 'half.broken.example')['hosts'][0]['tlsa'], 'usable')
        equal(hosts(house, 'two.example')['outcome'], 'ok')


def test_hangs():
    """Protects: a name server that never answers costs its own questions our deadline, and others nothing."""
    with dns.Names(zones()) as names, dns.Server(dns.HANGS, lambda m: None) as silent, \
            House(settings(names)) as house:
        hosts(house, 'two.example')
        found = {}

        def ask():
            began = time.monotonic()
            found['hang'] = (hosts(house, 'hang', code=75)['outcome'], time.monotonic() - began)
        thread = threading.Thread(target=ask)
        thread.start()
        until(lambda: silent.asked, 'it was asked')
        began = time.monotonic()
        for n in range(20):
            hosts(house, 'n%d.example' % n, code=1)
        others = time.monotonic() - began
        thread.join()
        equal(found['hang'][0], 'temporary')
        if not 5 < found['hang'][1] < 25 or others > 10:
            raise AssertionError('%r, %r' % (found, others))
        # a host that cannot be looked up is passed over, also when it is the best
        equal(names_of(hosts(house, 'slow.example')), ['mx2.example'])


def test_truncates():
    """Protects: what does not fit into a datagram comes by TCP, through the sandbox."""
    records = [('cut.', dns.MX, b'\0\n' + dns.name_of('mx.cut')),
               ('cut.', dns.NS, dns.name_of('ns.cut')), ('cut.', dns.SOA, b''),
               ('mx.cut.', dns.A, bytes([192, 0, 2, 16])), ('ns.cut.', dns.A, bytes([192, 0, 2, 67]))]
    with dns.Names(zones()) as names, dns.truncating(records), House(settings(names)) as house:
        cut = hosts(house, 'cut')
        equal((names_of(cut), cut['hosts'][0]['addresses']), (['mx.cut'], ['192.0.2.16']))


def test_forwarding():
    """Protects: the setting nameservers: a resolver of the site's is asked, its answers are validated here, its
    silence about one zone is not held against the others; and a reload changes it."""
    with dns.Names(zones()) as names, dns.recursing(silent=['hang.']) as near, \
            House(settings(names, dns.RECURSES)) as house:
        two = hosts(house, 'two.example')
        equal((names_of(two), two['hosts'][0]['tlsa']), (['mx1.example', 'mx2.example'], 'usable'))
        equal(hosts(house, 'broken.example', code=75)['outcome'], 'bogus')
        for n in range(3):
            equal(hosts(house, 'a%d.hang' % n, code=75)['outcome'], 'temporary')
            equal(hosts(house, 'implicit.example')['outcome'], 'ok')
            equal(hosts(house, 'b%d.example' % n, code=1)['outcome'], 'no-domain')
        asked = len(near.asked)
        house.set('nameservers', 'recursive\n')
        house.tool('reload')
        equal(names_of(hosts(house, 'two.example')), ['mx1.example', 'mx2.example'])
        equal(len(near.asked), asked)


def test_anchors_that_do_not_fit():
    """Protects: an anchor that the world has moved on from is said loudly, and mail goes on without DANE."""
    with dns.Names(zones()) as old:
        anchor = old.anchor
    with dns.Names(zones()) as names, House({'nameservers': 'recursive\n', 'trustanchors': anchor + '\n'}) as house:
        until(lambda: house.tool('resolve', 'two.example', code=None) and house.code == 0, 'it is found', 60)
        two = hosts(house, 'two.example')
        equal((names_of(two), two['mx_secure'], two['hosts'][0]['tlsa']),
              (['mx1.example', 'mx2.example'], False, 'none'))
        house.wait_log('level=error event="the DNSSEC trust anchors do not fit')
        equal(house.json('status')['status']['resolve']['trust_anchors'], 'expired')
        house.set('trustanchors', names.anchor + '\n')
        house.tool('reload')
        equal(hosts(house, 'two.example')['hosts'][0]['tlsa'], 'usable')
        house.set('trustanchors', 'none\n')
        house.tool('reload')
        equal(hosts(house, 'two.example')['mx_secure'], False)
        equal(hosts(house, 'broken.example')['outcome'], 'ok')


def test_nobody_answers():
    """Protects: without any name server a question ends in time, and says so."""
    with House({'nameservers': '192.0.2.68\n'}) as house:
        began = time.monotonic()
        equal(hosts(house, 'two.example', code=75)['outcome'], 'temporary')
        if time.monotonic() - began > 55:
            raise AssertionError('it took %d s' % (time.monotonic() - began))


def test_names_of_clients():
    """Protects: the verified name of a client: in Received, and for denyfrom (F-4, F-7)."""
    with dns.Names(zones()) as names, dns.recursing(), House(settings(names, dns.RECURSES)) as house:
        equal(house.json('resolve', STRANGER)['verified'], 'client.example')
        equal(house.json('resolve', '198.51.100.8', code=1)['verified'], '')
        contains(house.tool('resolve', STRANGER), 'is client.example')
        house.send(source=STRANGER)
        contains(house.messages('hana', 1)[0].decode(), '(client.example [%s])' % STRANGER)
        house.send(source='198.51.100.8')
        contains(house.messages('hana', 2)[1].decode(), '([198.51.100.8])')
        # he who lies about his name is not he whose name it is
        house.set('denyfrom', 'liar.example\nclient.example\n')
        house.tool('reload')
        equal(house.smtp(STRANGER).greeting.code, 554)
        house.wait_log('name=client.example .*rule=denyfrom:2')
        equal(house.smtp('198.51.100.8').greeting.code, 220)
        equal(house.smtp().greeting.code, 220)


def test_slow_names_of_clients():
    """Protects: a client whose name servers hang is greeted a moment later, one of this site at once; who speaks
    before that is still told off; without resolve nobody waits."""
    with dns.Names(zones()) as names, dns.recursing(silent=['in-addr.arpa.', 'ip6.arpa.']) as near, \
            House(settings(names, dns.RECURSES)) as house:
        began = time.monotonic()
        equal(house.smtp(STRANGER).greeting.code, 220)
        waited = time.monotonic() - began
        if not 3 < waited < 9:
            raise AssertionError('greeted after %.1f s' % waited)
        house.set('networks', OTHER_STRANGER + '\n')
        house.tool('reload')
        count = len(near.asked)
        equal(house.smtp(OTHER_STRANGER).greeting.code, 220)
        equal(house.smtp().greeting.code, 220)
        equal(len(near.asked), count)
        early = house.smtp('198.51.100.9', greeting=False)
        early.send('EHLO early.example\r\n')
        equal(early.read().code, 554)
        pid = house.programs()['resolve']
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        waiting = house.smtp('198.51.100.10', greeting=False)
        os.kill(pid, signal.SIGKILL)
        equal(waiting.read().code, 220)
        for n in range(3):
            equal(house.smtp('198.51.100.%d' % (11 + n)).greeting.code, 220)
        if time.monotonic() - began > 20:
            raise AssertionError('greeted after %.1f s' % (time.monotonic() - began))
        house.until_up()
