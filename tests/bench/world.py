#!/usr/bin/env python3
"""A world for one server to send to, in a namespace that tests/system/namespace has made (see worlds.sh).

  world.py names N DEAD signed|unsigned [TLSA|sts]   a DNS with N domains, each with a host of its own; with DEAD > 0
                        every DEADth host does not answer. Prints a trust anchor, then `ready`; ends with its input.
  world.py sink clear|tls|sts [N]        hosts for all of them; prints how many mails have come, again and again; sts: and
                        a web server with the policies of N domains, and certificates by an authority that is trusted here
  world.py post PORT RECIPIENTS EACH DOMAINS DEAD     mail to so many recipients, EACH a mail; DEAD > 0 leaves out
                        recipients at hosts that do not answer
  world.py verifier NAME PASSWORD         a line for Dovecot's passwd-file, of the kind that Sekisho keeps
"""
import base64
import hashlib
import hmac
import os
import socket
import ssl
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.setdefault('SEKISHO_PROGRAMS', '')
os.environ.setdefault('SEKISHO_SOURCE', os.path.join(HERE, '../..'))
sys.path.insert(0, os.path.join(HERE, '../system'))

SESSIONS = 4  # that post at once
WEB = '10.2.0.1'  # has everybody's policy


def is_dead(domain, every):
    return every > 0 and domain % every == every // 2


def address(domain, dead):
    return '%s.%d.%d' % ('10.99' if dead else '10.1', domain // 250, domain % 250 + 1)


def names(count, dead, signed, tlsa=None):
    import dns
    lines = []
    for i in range(count):
        host = 'mx.d%d.example.' % i
        lines += ['d%d.example. 600 IN MX 10 %s' % (i, host), '%s 600 IN A %s' % (host, address(i, is_dead(i, dead)))]
        if tlsa == 'sts':
            lines += ['_mta-sts.d%d.example. 600 IN TXT "v=STSv1; id=1;"' % i, 'mta-sts.d%d.example. 600 IN A %s' % (i, WEB)]
        elif tlsa:
            lines.append('_25._tcp.%s 600 IN TLSA 3 1 1 %s' % (host, tlsa))
    from test_outbound import names as zones
    with zones(lines, signed=signed) as n:
        print(n.anchor)
        print('ready', flush=True)
        sys.stdin.read()


def contexts(count):
    """one of a server for each domain, good for all names in it"""
    from authority import Authority
    from house import run
    a = Authority()
    key, request, extra, file = (a.path(name) for name in ('key', 'csr', 'ext', 'crt'))
    run('openssl', 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=a host',
        '-keyout', key, '-out', request)
    made = {}
    for i in range(count):
        with open(extra, 'w') as f:
            f.write('subjectAltName=DNS:*.d%d.example' % i)
        run('openssl', 'x509', '-req', '-in', request, '-days', '30', '-extfile', extra, '-out', file, '-CA', a.file,
            '-CAkey', a.key, '-CAcreateserial')
        made[i] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made[i].load_cert_chain(file, key)
    return made


def policies(count):
    """the context of the hosts; the web server stands"""
    from policyhost import PolicyHost, page, policy
    made = contexts(count)
    names = range(count)
    PolicyHost({'mta-sts.d%d.example' % i: made[i] for i in names},
               {'mta-sts.d%d.example' % i: page(policy('enforce', 'mx.d%d.example' % i)) for i in names}, WEB)
    host = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def choose(s, name, _):
        s.context = made[int(name.split('.')[1][1:])]
    host.sni_callback = choose
    return host


def sink(kind, count='0'):
    from nexthost import NextHost
    from test_outbound import Certificate
    with Certificate('mx.example') as c:
        tls = {'clear': lambda: None, 'tls': c.context, 'sts': lambda: policies(int(count))}[kind]()
        print('tlsa=' + c.public, flush=True)
        with NextHost(address='0.0.0.0', port=25, tls=tls) as n:
            while True:
                time.sleep(0.05)
                print('mesg=%d' % len(n.mails), flush=True)


class Session:
    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port))
        self.lines = self.socket.makefile('rb')
        self.expect(b'220')
        self.say(b'EHLO load.test\r\n', b'250')

    def expect(self, code):
        while True:
            line = self.lines.readline()
            if not line.startswith(code):
                raise SystemExit('world.py: %r instead of %r' % (line, code))
            if line[3:4] != b'-':
                return

    def say(self, octets, *codes):
        self.socket.sendall(octets)
        for code in codes:
            self.expect(code)

    def mail(self, recipients, content):
        self.say(b'MAIL FROM:<sender@load.test>\r\n' + b''.join(b'RCPT TO:<%s>\r\n' % r.encode() for r in recipients) +
                 b'DATA\r\n', *[b'250'] * (1 + len(recipients)), b'354')
        self.say(content, b'250')


def post(port, count, each, domains, dead):
    wanted = ['user%d@%s' % (i, 'd%d.example' % (i % domains) if domains else 'relay.test')
              for i in range(count) if not domains or not is_dead(i % domains, dead)]
    mails = [wanted[i:i + each] for i in range(0, len(wanted), each)]
    content = b'From: <sender@load.test>\r\nTo: <all@load.test>\r\nSubject: load\r\n\r\n' + (b'X' * 78 + b'\r\n') * 12 + b'.\r\n'

    def some(part):
        session = None
        for number, recipients in enumerate(part):
            if number % 100 == 0:
                session = Session(port)
            session.mail(recipients, content)
    began = time.monotonic()
    threads = [threading.Thread(target=some, args=(mails[i::SESSIONS],)) for i in range(SESSIONS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print('mails=%d recipients=%d seconds=%.2f' % (len(mails), len(wanted), time.monotonic() - began))


def verifier(name, password):
    salt, count = os.urandom(16), 32768
    salted = hashlib.pbkdf2_hmac('sha256', password.encode(), salt, count)
    keyed = lambda word: hmac.digest(salted, word, 'sha256')
    b64 = lambda octets: base64.b64encode(octets).decode()
    print('%s:{SCRAM-SHA-256}%d,%s,%s,%s' % (name, count, b64(salt), b64(hashlib.sha256(keyed(b'Client Key')).digest()),
                                            b64(keyed(b'Server Key'))))


def main():
    command, *words = sys.argv[1:] or ['help']
    if command == 'names':
        names(int(words[0]), int(words[1]), words[2] == 'signed', *words[3:])
    elif command == 'sink':
        sink(*words)
    elif command == 'post':
        post(*[int(w) for w in words])
    elif command == 'verifier':
        verifier(*words)
    else:
        sys.exit(__doc__)


main()
