"""Mail to the world: relay and resolve with a signed DNS, hosts that speak TLS or do not, DANE right and wrong."""
import hashlib
import os
import shutil
import ssl
import tempfile

import dns
from house import House, NAME, contains, equal, mail, run, until
from nexthost import NextHost

SENDER = 'hana@example.test'
FIRST, SECOND, OTHER = '192.0.2.21', '192.0.2.22', '192.0.2.23'
FILES = {'retryfirst': '1s\n', 'retrylast': '2s\n'}


class Certificate:
    """signed by itself, for a name; until: when it has expired"""

    def __init__(self, name, until=None):
        self.dir = tempfile.mkdtemp(prefix='sekisho-cert-')
        os.chmod(self.dir, 0o755)  # other people's servers read it
        self.file, self.key = os.path.join(self.dir, 'crt'), os.path.join(self.dir, 'key')
        run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30',
            '-subj', '/CN=' + name, '-addext', 'subjectAltName=DNS:' + name, '-keyout', self.key, '-out', self.file)
        if until:
            expired(self.dir, self.file, self.key, name, until)
        der = ssl.PEM_cert_to_DER_cert(open(self.file).read())
        self.whole = hashlib.sha256(der).hexdigest()
        public = run('openssl', 'x509', '-in', self.file, '-noout', '-pubkey')
        path = os.path.join(self.dir, 'pub')
        with open(path, 'w') as f:
            f.write(public)
        run('openssl', 'pkey', '-pubin', '-in', path, '-outform', 'DER', '-out', path + '.der')
        with open(path + '.der', 'rb') as f:
            self.public = hashlib.sha256(f.read()).hexdigest()

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key)
        return context

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        shutil.rmtree(self.dir, ignore_errors=True)


def expired(folder, file, key, name, until):
    """in place of a certificate another for the same key"""
    request, config = os.path.join(folder, 'request'), os.path.join(folder, 'ca.conf')
    run('openssl', 'req', '-new', '-key', key, '-subj', '/CN=' + name, '-out', request)
    for empty in ('index', 'index.attr'):
        open(os.path.join(folder, empty), 'w').close()
    with open(config, 'w') as f:
        f.write('[ca]\ndefault_ca=c\n[c]\ndatabase=%s/index\nnew_certs_dir=%s\ndefault_md=sha256\npolicy=p\nrand_serial=yes\n'
                '[p]\ncommonName=supplied\n' % (folder, folder))
    run('openssl', 'ca', '-batch', '-selfsign', '-config', config, '-in', request, '-keyfile', key, '-startdate',
        '20190101000000Z', '-enddate', until, '-notext', '-out', file)


def names(lines, signed=True):
    """a root and the zone example. with these lines"""
    root = dns.Zone('.', ['. 3600 IN NS a.root-servers.net.', 'a.root-servers.net. 3600 IN A ' + dns.ROOT,
                          'example. 3600 IN NS ns.example.', 'ns.example. 3600 IN A ' + dns.SERVER])
    example = dns.Zone('example.', ['example. 3600 IN NS ns.example.', 'ns.example. 3600 IN A ' + dns.SERVER] + lines,
                       signed=signed)
    return dns.Names([root, example])


def house(n, **more):
    files = dict(FILES, nameservers='recursive\n', trustanchors=n.anchor + '\n')
    return House(dict(files, **more))


def send(h, to):
    h.send(to=to, sender=SENDER, content=mail(sender=SENDER, to=to))


def reason(h, to):
    for m in h.json('queue'):
        for r in m['recipients']:
            if r['forward_path'] == to:
                return r['reason']
    return ''


def gone(h):
    until(lambda: h.json('queue') == [], 'the queue is empty')


TWO = ['two.example. 60 IN MX 10 mx1.example.', 'two.example. 60 IN MX 20 mx2.example.',
       'mx1.example. 60 IN A ' + FIRST, 'mx2.example. 60 IN A ' + SECOND]


def test_the_first_that_answers():
    """RFC 5321 §5.1: the best host; when that is away or refuses, the next; both away: the mail waits"""
    with names(TWO) as n, house(n) as h:
        with NextHost(address=FIRST, port=25) as first, NextHost(address=SECOND, port=25) as second:
            send(h, 'a@two.example')
            until(lambda: first.mails, 'the first has it')
            equal(second.connections, 0)
        with NextHost(address=SECOND, port=25) as second:
            send(h, 'b@two.example')
            until(lambda: second.mails, 'the second has it')
        with NextHost({'greeting': b'554 5.3.2 no service\r\n'}, address=FIRST, port=25), \
                NextHost(address=SECOND, port=25) as second:
            send(h, 'c@two.example')
            until(lambda: second.mails, 'the second has it')
        gone(h)
        send(h, 'd@two.example')
        until(lambda: 'refused' in reason(h, 'd@two.example'), 'it waits, and the queue says why')
        with NextHost(address=SECOND, port=25) as second:
            until(lambda: second.mails, 'it comes by itself')
        gone(h)


def test_nowhere_to_go():
    """no such domain, null MX, no host: back at once, in words, with their codes (RFC 7505, RFC 3463)"""
    lines = ['null.example. 60 IN MX 0 .', 'empty.example. 60 IN TXT "x"', 'self.example. 60 IN MX 10 %s.' % NAME]
    with names(lines) as n, house(n) as h:
        for i, (domain, status) in enumerate([('null.example', b'5.1.10'), ('nowhere.example', b'5.1.2'),
                                              ('empty.example', b'5.4.4'), ('self.example', b'5.4.6')]):
            send(h, 'x@' + domain)
            reports = h.messages('hana', i + 1)
            equal(any(b'x@' + domain.encode() in r and b'Status: ' + status in r for r in reports), True,
                  '%s: %r' % (domain, [r[-900:] for r in reports][-1:]))
        gone(h)


def test_tls_where_it_is_offered():
    """opportunistic: TLS with any certificate; a host whose TLS is broken gets the mail in clear"""
    with Certificate('somebody.else') as c, names(TWO) as n, house(n) as h:
        with NextHost(address=FIRST, port=25, tls=c.context()) as first:
            send(h, 'a@two.example')
            until(lambda: first.mails, 'it has arrived')
            equal(first.mails[0].secure, True)
            h.wait_log('mail relayed.*outcome=sent.*tls=TLSv1.3 verified=none')
        broken = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # no certificate: no handshake
        with NextHost(address=FIRST, port=25, tls=broken) as first:
            send(h, 'b@two.example')
            until(lambda: first.mails, 'it has arrived')
            equal(first.mails[0].secure, False)
        gone(h)


def test_dane():
    """RFC 7672: the right key and the mail goes; a wrong one, or no TLS at all, and it waits; never in clear"""
    with Certificate('mx.dane.example') as right, Certificate('mx.dane.example') as wrong:
        lines = ['dane.example. 60 IN MX 10 mx.dane.example.', 'mx.dane.example. 60 IN A ' + FIRST,
                 '_25._tcp.mx.dane.example. 60 IN TLSA 3 1 1 ' + right.public]
        with names(lines) as n, house(n) as h:
            with NextHost(address=FIRST, port=25, tls=right.context()) as host:
                send(h, 'a@dane.example')
                until(lambda: host.mails, 'it has arrived')
                h.wait_log('mail relayed.*outcome=sent.*verified=dane')
                gone(h)
            with NextHost(address=FIRST, port=25, tls=wrong.context()) as host:
                send(h, 'b@dane.example')
                until(lambda: 'TLS' in reason(h, 'b@dane.example'), 'it waits')
                equal(host.mails, [])
            with NextHost(address=FIRST, port=25) as host:
                h.restart()
                until(lambda: host.connections >= 1, 'it was tried')
                until(lambda: 'TLS' in reason(h, 'b@dane.example'), 'it waits')
                equal(host.mails, [])
            with NextHost(address=FIRST, port=25, tls=right.context()) as host:
                until(lambda: host.mails, 'it comes when the host is right again')
                equal(host.mails[0].secure, True)
            gone(h)


def test_an_unsigned_zone_has_no_dane():
    """TLSA records that nobody signed are no reason to hold a mail"""
    with Certificate('mx.dane.example') as c:
        lines = ['dane.example. 60 IN MX 10 mx.dane.example.', 'mx.dane.example. 60 IN A ' + FIRST,
                 '_25._tcp.mx.dane.example. 60 IN TLSA 3 1 1 ' + 'ab' * 32]
        with names(lines, signed=False) as n, house(n) as h, NextHost(address=FIRST, port=25, tls=c.context()) as host:
            send(h, 'a@dane.example')
            until(lambda: host.mails, 'it has arrived')
            gone(h)


def test_a_dead_domain_delays_nobody():
    """one destination that does not answer at all, another that does: the living get theirs at once"""
    lines = TWO + ['dead.example. 60 IN MX 10 mxd.example.', 'mxd.example. 60 IN A ' + OTHER]
    with names(lines) as n, house(n) as h:
        with NextHost({'greeting': (60, b'220 late\r\n')}, address=OTHER, port=25), \
                NextHost(address=FIRST, port=25) as first:
            for i in range(30):
                send(h, 'x%d@dead.example' % i)
                send(h, 'x%d@two.example' % i)
            until(lambda: len(first.mails) == 30, 'all of the living', 30)
            equal(len(h.json('queue')) >= 30, True)


test_dane.seconds = 120
test_the_first_that_answers.seconds = 120
test_a_dead_domain_delays_nobody.seconds = 90
