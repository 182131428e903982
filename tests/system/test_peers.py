"""Two, three and four hosts: Postfix, Exim and OpenSMTPD as senders to us and as receivers of what we relay, with a signed
DNS, TLS, DANE right and wrong. The hosts stand once for all tests here, each test has a server of its own."""
import atexit
import concurrent.futures
import email
import email.policy
import smtplib

import dns
import hosts
import peers
from house import *
from test_outbound import Certificate

POSTFIX, CLEAR, EXIM, EXIMCLEAR, OPENSMTPD = ('198.18.0.%d' % i for i in (21, 22, 31, 32, 41))
FILES = {'retryfirst': '1s\n', 'retrylast': '2s\n', 'domains': 'example.test\nwrong.test\n'}
PORT = ['--smtp-port', '25']


class World:
    """DNS and hosts"""

    def __init__(self):
        self.ends = []
        atexit.register(self.end)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            make = lambda *of: pool.submit(Certificate, *of)
            ours, postfix, exim, opensmtpd = [c.result() for c in (
                make(NAME), make('mx.postfix.example'), make('mx.exim.example', '20200101000000Z'),
                make('mx.opensmtpd.example'))]
            self.ours = ours
            hosts.wire()
            there = [pool.submit(kind, *of) for kind, of in (
                (peers.Postfix, ('mx.postfix.example', POSTFIX, ['postfix.example', 'clear.example', 'wrong.example'],
                                 postfix, CLEAR)),
                (peers.Exim, ('mx.exim.example', EXIM, ['exim.example'], exim)),
                (peers.OpenSmtpd, ('mx.opensmtpd.example', OPENSMTPD, ['opensmtpd.example'], opensmtpd)))]
            self.names = self.zones(postfix)
            self.ends += [self.names, dns.Resolver(self.names)]
            self.postfix, self.exim, self.opensmtpd = self.peers = [t.result() for t in there]
            self.ends += self.peers

    def zones(self, postfix):
        def mx(domain, host, address, tlsa=None):
            return ['%s. 60 IN MX 10 %s.' % (domain, host), '%s. 60 IN A %s' % (host, address)] + \
                (['_25._tcp.%s. 60 IN TLSA 3 1 1 %s' % (host, tlsa)] if tlsa else [])
        glue = lambda zone: ['%s 3600 IN NS ns.example.' % zone]
        here = ['ns.example. 3600 IN A ' + dns.SERVER]
        root = dns.Zone('.', ['. 3600 IN NS a.root-servers.net.', 'a.root-servers.net. 3600 IN A ' + dns.ROOT] +
                        glue('example.') + glue('test.') + here)
        example = dns.Zone('example.', glue('example.') + here +
                           mx('postfix.example', 'mx.postfix.example', POSTFIX, postfix.public) +
                           mx('wrong.example', 'mx.wrong.example', POSTFIX, 'ab' * 32) +
                           mx('clear.example', 'mx.clear.example', CLEAR) +
                           mx('exim.example', 'mx.exim.example', EXIM) +
                           mx('opensmtpd.example', 'mx.opensmtpd.example', OPENSMTPD))
        test = dns.Zone('test.', glue('test.') + mx('example.test', NAME, hosts.OURS, self.ours.public) +
                        mx('wrong.test', 'mx.wrong.test', hosts.OURS, 'ab' * 32))
        return dns.Names([root, example, test])

    def end(self):
        for what in reversed(self.ends):
            what.end()


worlds = []


def world():
    if not worlds:
        worlds.append(World())
    return worlds[0]


def house(w, **more):
    files = dict(FILES, nameservers='recursive\n', trustanchors=w.names.anchor + '\n', certificate=w.ours.file + '\n',
                 certificatekey=w.ours.key + '\n')
    return House(dict(files, **more), options=PORT)


def post(h, to, sender=HANA, content=None, options=(), to_options=(), host=LOCAL):
    """one mail to a host, by smtplib"""
    with smtplib.SMTP(host, 25, 'client.example', timeout=30) as s:
        s.ehlo()
        return s.sendmail(sender, to, content or mail(sender=sender, to=to if isinstance(to, str) else to[0]), options, to_options)


def domain(peer):
    return peer.domains[0]


def below(content, message):
    """what arrived is what was sent, below trace fields"""
    equal(message.replace(b'\r\n', b'\n').rstrip().endswith(content.replace(b'\r\n', b'\n').rstrip()), True, 'unharmed')


EIGHT = mail(to='x@example', body='Blüten, 花, и так далее.\r\n.dot\r\n' + 'ü' * 400,
             extra='MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n')


def reports(h, user, count):
    """{action: report} of what lies in a mailbox of ours, which is emptied"""
    found = {}
    for message in h.messages(user, count, 40):
        report = Report(message)
        found[report.rows['action']] = report
    for path in h.files(user):
        os.unlink(path)
    return found


class Report:
    """a delivery status notification about one recipient, as Python's email takes it apart (RFC 3462, RFC 3464)"""

    def __init__(self, octets):
        self.mail = email.message_from_bytes(octets, policy=email.policy.default)
        equal(self.mail.get_content_type(), 'multipart/report', str(self.mail)[:3000])
        equal([str(d) for p in self.mail.walk() for d in p.defects], [])
        self.words, status, self.original = list(self.mail.iter_parts())[:3]
        contains(status.get_content_type(), 'delivery-status')
        self.message, recipient = status.get_payload()[:2]
        self.rows = {name.lower(): ' '.join(value.split()) for name, value in recipient.items()}


def test_receivers():
    """each takes our mail over TLS, octet for octet, 8-bit and large"""
    w = world()
    large = mail(body='\r\n'.join('%08d %s' % (i, 'ü' * 30) for i in range(60000)))
    with house(w) as h:
        for content in (EIGHT, large):
            for peer in w.peers:
                post(h, 'hana@' + domain(peer), content=content, options=['BODY=8BITMIME'])
            for peer in w.peers:
                below(content, peer.take('hana', seconds=60)[0])
        # Exim's certificate has expired; Debian's OpenSMTPD offers TLS and then fails to sign
        for peer, tls in zip(w.peers, ('TLSv1.3 verified=dane', 'TLSv1.3 verified=none', 'none')):
            equal(len(re.findall('outcome=sent destination=%s .* tls=%s' % (domain(peer), tls), h.log())), 2, domain(peer))
        post(h, 'hana@clear.example', content=EIGHT)
        below(EIGHT, w.postfix.take('hana')[0])
        equal(len(re.findall('destination=clear.example .*tls=none', h.log())), 1)
        until(lambda: h.json('queue') == [], 'nothing waits')


def test_refused_there():
    """550 there: the sender is told, with their words, in a report that others can read; a success is told by who knows DSN"""
    w = world()
    with house(w) as h:
        for peer in w.peers:
            post(h, 'nobody@' + domain(peer), options=['RET=HDRS', 'ENVID=e1'])
            failed = reports(h, 'hana', 1)['failed']
            equal(failed.rows['status'][:2], '5.', failed.rows)
            equal(failed.rows['final-recipient'], 'rfc822; nobody@' + domain(peer))
            equal(failed.rows['diagnostic-code'][:7], 'smtp; 5')
            contains(failed.rows['remote-mta'], peer.name)
            equal(failed.message['original-envelope-id'], 'e1')
            contains(failed.original.as_string(), 'Subject: hello')
