"""Two, three and four hosts: Postfix, Exim and OpenSMTPD as senders to us and as receivers of what we relay, with a signed
DNS, TLS, DANE right and wrong. The hosts stand once for all tests here, each test has a server of its own."""
import atexit
import concurrent.futures
import email
import email.policy
import smtplib
import sys

import dns
import hosts
import peers
from house import *
from test_outbound import Certificate

POSTFIX, CLEAR, EXIM, EXIMCLEAR, OPENSMTPD = ('198.18.0.%d' % i for i in (21, 22, 31, 32, 41))
FILES = {'retryfirst': '1s\n', 'retrylast': '2s\n', 'domains': 'example.test\nwrong.test\n', 'duplicatewindow': '0\n'}
PORT = ['--smtp-port', '25']  # where other people's servers look for one


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
                (peers.Exim, ('mx.exim.example', EXIM, ['exim.example', 'other.example'], exim)),
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
                           mx('other.example', 'mx.other.example', EXIM) +
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
    for peer in w.peers:
        peer.empty()
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
        contains(('multipart/report', 'multipart/mixed'), self.mail.get_content_type())  # OpenSMTPD's is mixed
        equal([str(d) for p in self.mail.walk() for d in p.defects], [])
        self.words, status, self.original = list(self.mail.iter_parts())[:3]
        contains(status.get_content_type(), 'delivery-status')
        blocks = status.get_payload()
        if len(blocks) == 1:  # RFC 6533, which it knows nothing of
            blocks.append(email.message_from_string(blocks[0].get_payload()))
        self.message, recipient = blocks[:2]
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


def test_tls_right_and_wrong():
    """another key than the TLSA record's: it waits; a wrong name, or no TLS, is no reason where nothing better was promised"""
    w = world()
    with house(w) as h:
        post(h, 'hana@wrong.example')
        post(h, 'hana@other.example')
        post(h, 'hana@clear.example', content=EIGHT)
        w.exim.take('hana')
        below(EIGHT, w.postfix.take('hana')[0])
        h.wait_log('outcome=sent destination=other.example .*tls=TLSv1.3 verified=none')
        h.wait_log('outcome=sent destination=clear.example .*tls=none')
        h.wait_log('destination=wrong.example .*reason="[^"]*TLS', 2)
        equal(w.postfix.messages('hana'), [])


def test_refused_there():
    """550 there: the sender is told, with their words, in a report that others can read"""
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


def test_dsn_goes_on():
    """RFC 3461: who knows DSN makes the report of success himself, to our sender"""
    w = world()
    w.opensmtpd.restart()
    with house(w) as h:
        for peer in w.peers:
            post(h, 'hana@' + domain(peer), options=['RET=HDRS', 'ENVID=e2'],
                 to_options=['NOTIFY=SUCCESS,FAILURE', 'ORCPT=rfc822;first@before.example'])
            found = reports(h, 'hana', 1)
            equal(list(found), ['delivered'], peer.name)
            contains(found['delivered'].message['reporting-mta'], peer.name)
            first = 'rfc822;first@before.example'
            equal(found['delivered'].rows.get('original-recipient', first).replace(' ', ''), first)  # OpenSMTPD says neither
            equal(found['delivered'].message.get('original-envelope-id', 'e2'), 'e2', peer.name)
            peer.take('hana')


def test_smtputf8():
    """RFC 6531: who offers it gets it, both ways; who does not: the sender is told why"""
    w = world()
    content = 'From: <花@example.test>\r\nTo: <花@x>\r\nSubject: 花見\r\n\r\n花\r\n'.encode()
    with house(w) as h:
        for peer in w.peers:
            with smtplib.SMTP(LOCAL, 25, timeout=30) as s:
                s.ehlo()
                s.command_encoding = 'utf-8'
                s.sendmail(HANA, '花@' + domain(peer), content, ['SMTPUTF8', 'BODY=8BITMIME'])
        for peer in w.peers[:2]:
            below(content, peer.take('花')[0])
        failed = reports(h, 'hana', 1)['failed']
        equal(failed.rows['status'], '5.6.7')


def test_put_off():
    """450 there, then taken; 421 in the middle of the envelope holds up nobody but that recipient"""
    w = world()
    with house(w) as h:
        post(h, ['hana@exim.example', 'grey@exim.example'])
        post(h, ['taro@postfix.example', 'closing@postfix.example', 'hana@postfix.example'])
        w.exim.take('hana')
        h.wait_log('destination=exim.example forward_path=grey@exim.example.*reply="451')
        w.exim.write('open', '')
        w.exim.take('grey')
        w.postfix.take('hana')
        w.postfix.take('taro')
        equal([r['forward_path'] for m in h.json('queue') for r in m['recipients'] if r['state'] == 'deferred'],
              ['closing@postfix.example'])


def test_senders():
    """each of them sends to us: TLS, 8-bit, large; who is unknown here is refused, and they make the report"""
    w = world()
    w.opensmtpd.restart()
    large = mail(body='\r\n'.join('%08d %s' % (i, 'ü' * 30) for i in range(60000)))
    with house(w) as h:
        for content in (EIGHT, large):
            for peer in w.peers:
                post(h, HANA, 'hana@' + domain(peer), content, ['BODY=8BITMIME'], host=peer.addresses[0])
            for message in h.messages('hana', 3, 60):
                below(content, message)
                contains(message, b'with ESMTPS')
            for path in h.files('hana'):
                os.unlink(path)
        for peer in w.peers:
            post(h, 'unknown@example.test', 'hana@' + domain(peer), host=peer.addresses[0])
        for peer in w.peers:
            contains(peer.take('hana', seconds=40)[0], b'unknown@example.test')
        for peer in w.peers:
            post(h, HANA, 'hana@' + domain(peer), options=['ENVID=e3'], to_options=['NOTIFY=SUCCESS'], host=peer.addresses[0])
            contains(peer.take('hana', seconds=40)[0], b'Action: delivered')


def test_dane_toward_us():
    """Postfix and Exim find our certificate by its TLSA record; where the record is another's they do not send"""
    w = world()
    with house(w) as h:
        for peer in w.peers[:2]:
            post(h, HANA, 'hana@' + domain(peer), host=peer.addresses[0])
            post(h, 'hana@wrong.test', 'hana@' + domain(peer), host=peer.addresses[0])
        equal(len(h.messages('hana', 2)), 2)
        until(lambda: 'Verified TLS connection established to ' + NAME in w.postfix.log(), 'Postfix has verified us')
        until(lambda: re.search('=> hana@example.test .*CV=dane', w.exim.log()), 'Exim has verified us')
        until(lambda: re.search('hana@wrong.test.*status=deferred.*not (?:trusted|verified)', w.postfix.log()), 'Postfix waits')
        until(lambda: re.search('hana@wrong.test.*defer .*certificate differs', w.exim.log()), 'Exim waits')
        equal(len(h.messages('hana')), 2)
        w.postfix.run('postsuper', '-c', w.postfix.dir + '/etc', '-d', 'ALL')


def test_three_hosts():
    """Postfix, which is inside, by us to Exim, which is not: what is in the mail tells the way"""
    w = world()
    with house(w, networks='127.0.0.0/8\n%s\n' % POSTFIX) as h:
        w.postfix.route('inline:{exim.example=smtp:[%s]}' % NAME)
        post(h, 'hana@exim.example', host=POSTFIX)
        got = email.message_from_bytes(w.exim.take('hana')[0])
        w.postfix.route('')
        equal([re.search(r'by (\S+)', r).group(1) for r in got.get_all('received')],
              ['mx.exim.example', NAME, 'mx.postfix.example'])


POST = """
import smtplib, ssl, sys
with smtplib.SMTP(sys.argv[1], 2587, 'laptop') as s:
    s.starttls(context=ssl.create_default_context(cafile=sys.argv[2]))
    s.login('hana', sys.argv[3])
    s.sendmail('hana@example.test', 'hana@exim.example', 'From: hana@example.test\\r\\n\\r\\nfour hosts\\r\\n')
"""


def test_four_hosts():
    """a laptop posts to us with a password, we log in at Postfix, which is our smarthost, and that one finds Exim"""
    w = world()
    with hosts.Host('laptop.example', '198.18.0.51') as laptop, \
            house(w, smarthost='mx.postfix.example:25 hana %s\n' % peers.PASSWORD) as h:
        laptop.write('hosts', '%s %s\n' % (hosts.OURS, NAME))
        laptop.run('cp', laptop.dir + '/hosts', '/etc/hosts')
        laptop.run(sys.executable, '-c', POST, NAME, w.ours.file, PASSWORDS['hana'])
        got = email.message_from_bytes(w.exim.take('hana')[0])
        equal([re.search(r'by (\S+)', r).group(1) for r in got.get_all('received')],
              ['mx.exim.example', 'mx.postfix.example', NAME])
        contains(w.postfix.log(), 'sasl_method=PLAIN, sasl_username=hana')
        h.wait_log('outcome=sent .*host=mx.postfix.example .*verified=dane')
        equal('laptop' in str(got) or '198.18.0.51' in str(got), False)


def test_mailutils_reads_our_reports():
    """GNU mailutils takes a report apart: its parts, and what is in them"""
    w = world()
    with house(w) as h:
        post(h, 'nobody@exim.example', content=EIGHT)
        h.messages('hana', 1)
        box, taken = os.path.join(h.dir, 'box'), os.path.join(h.dir, 'taken')
        with open(h.files('hana')[0], 'rb') as f, open(box, 'wb') as b:
            b.write(b'From hana Sat Nov 28 16:00:00 2026\n' + f.read().replace(b'\r\n', b'\n') + b'\n')
        contains(run('messages', box), ': 1')
        run('decodemail', box, taken)
        with open(taken, encoding='utf-8') as f:
            text = f.read()
        for part in ('Final-Recipient: rfc822; nobody@exim.example', 'Action: failed', 'nobody of that name, try another',
                     'Content-Type: message/delivery-status', 'Subject: hello'):
            contains(text, part)
