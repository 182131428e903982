"""TLS as strangers meet it: versions, certificates, keys, transfers, odd endings (RFC 8446, RFC 9325)."""
import subprocess
import threading

from house import *
from test_outbound import expired
from test_pop3 import content, file_content, free, put, reset, retrieve, stuffed


def s_client(*words, service='pop3s', text=b'', code=None):
    """what openssl s_client says"""
    starttls = {'smtp': ['-starttls', 'smtp'], 'pop3': ['-starttls', 'pop3'], 'pop3s': []}[service]
    return run('openssl', 's_client', '-connect', '%s:%d' % (LOCAL, PORTS[service]), *starttls, *words, input=text,
               code=code)


def renegotiate():
    """what openssl s_client is told when it asks for it; at the end of its input it would not wait for that. Where the
    server speaks first (pop3s) its greeting may come in between, which is an error to the client"""
    words = ['openssl', 's_client', '-connect', '%s:%d' % (LOCAL, PORTS['smtp']), '-starttls', 'smtp', '-tls1_2']
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
        ends = threading.Timer(30, client.kill)
        ends.start()
        client.stdin.write(b'R\n')
        client.stdin.flush()
        text = b''
        while b'no renegotiation' not in text:
            more = client.stdout.read1(4096)
            if not more:
                break
            text += more
        client.kill()
        ends.cancel()
    return text.decode('utf-8', 'replace')


def make_certificate(h, *new_key, name=NAME):
    """a key and a certificate that it signs, into keys/"""
    keys = os.path.join(h.state, 'keys')
    os.makedirs(keys, mode=0o700, exist_ok=True)
    run('openssl', 'req', '-x509', *new_key, '-nodes', '-days', '30', '-subj', '/CN=' + name, '-addext',
        'subjectAltName=DNS:' + name, '-keyout', os.path.join(keys, 'key.pem'), '-out',
        os.path.join(keys, 'certificate.pem'))
    os.chmod(os.path.join(keys, 'key.pem'), 0o600)


KINDS = {'rsa 2048': ['-newkey', 'rsa:2048'], 'rsa 4096': ['-newkey', 'rsa:4096'],
         'ec p-256': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
         'ec p-384': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384']}


class RawTls:
    """A client that decides which octets of TLS go into one segment."""

    def __init__(self, house, service, begin=()):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        d = Dialog(house, service, greeting=service != 'pop3s')
        for line, code in begin:
            d.say(line, code)
        self.socket = d.socket
        self.tls = client_context(house).wrap_bio(self.incoming, self.outgoing, server_hostname=NAME)
        self.run(self.tls.do_handshake)

    def flush(self):
        self.socket.sendall(self.outgoing.read())

    def run(self, step, *words):
        """one step of TLS, with what it wants from the socket"""
        while True:
            try:
                return step(*words)
            except ssl.SSLWantReadError:
                self.flush()
                octets = self.socket.recv(65536)
                if octets:
                    self.incoming.write(octets)
                else:
                    self.incoming.write_eof()

    def until_text(self, text):
        got = b''
        while text not in got:
            got += self.run(self.tls.read, 65536)
        return got


# --- what is spoken


def test_versions_and_ciphers():
    """TLS 1.2 and 1.3 and nothing older; forward secrecy and AEAD only; the same on every service"""
    with House() as h:
        for service in ('smtp', 'pop3', 'pop3s'):
            for version in ('tls1', 'tls1_1'):
                text = s_client('-' + version, '-cipher', 'ALL:@SECLEVEL=0', service=service)
                contains(text, 'Cipher is (NONE)')
                contains(text, 'alert protocol version')
            for version, name in (('tls1_2', 'TLSv1.2'), ('tls1_3', 'TLSv1.3')):
                contains(s_client('-' + version, service=service), 'New, ' + name)
        for cipher in ('AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-SHA256', 'DHE-RSA-AES128-GCM-SHA256', 'NULL'):
            contains(s_client('-tls1_2', '-cipher', cipher + ':@SECLEVEL=0'), 'Cipher is (NONE)')
        contains(s_client('-tls1_3', '-groups', 'P-521'), 'Cipher is (NONE)')
        for group in ('X25519', 'P-256'):
            contains(s_client('-tls1_3', '-groups', group), 'Server Temp Key: ' + group.replace('P-256', 'ECDH, prime256v1'))


def test_nothing_is_resumed():
    """no tickets, no session cache: no key exists that could open old sessions"""
    with House() as h:
        saved = os.path.join(h.dir, 'session')
        for version in ('tls1_2', 'tls1_3'):
            text = s_client('-' + version, '-sess_out', saved)
            equal('TLS session ticket' in text, False)
            if version == 'tls1_2':
                equal(re.search(r'Session-ID: \n', text) is not None, True, 'a session id')
            if os.path.exists(saved):
                contains(s_client('-' + version, '-sess_in', saved), 'New, ')
                os.unlink(saved)
        equal('Secure Renegotiation IS NOT' in s_client('-tls1_2'), False)
        contains(renegotiate(), 'no renegotiation')


def test_names_in_the_handshake():
    """RFC 6066: our name, none, another's: all are served"""
    with House() as h:
        for words in (['-servername', NAME], ['-noservername'], ['-servername', 'other.example']):
            contains(s_client(*words), 'New, TLSv1.3')
        d = Dialog(h, 'pop3s', tls=True)  # checks certificate and name
        d.ok('QUIT')


# --- certificates


def test_certificates_of_every_kind():
    """RSA and EC keys put into keys/: both versions of TLS, on every service, with the name checked"""
    for kind, words in KINDS.items():
        with House(start=False, users=None) as h:
            make_certificate(h, *words)
            h.start()
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                d = Dialog(h, 'pop3s', STRANGER, tls=client_context(h, version))
                d.ok('QUIT')
                d = h.smtp(STRANGER)
                d.say('EHLO client.example.org', 250)
                d.say('STARTTLS', 220)
                d.start_tls(client_context(h, version))
                contains(d.say('EHLO client.example.org', 250), 'PIPELINING')
            equal('broken' in h.log(), False, kind)


def test_keys_that_cannot_be_used():
    """another's key, a passphrase, too short, no key, no certificate: the server says which and does not start"""
    def other(keys):
        make_certificate(h, *KINDS['ec p-256'])
        os.rename(keys + '/key.pem', keys + '/other.pem')
        make_certificate(h, *KINDS['ec p-256'])
        os.rename(keys + '/other.pem', keys + '/key.pem')

    def passphrase(keys):
        make_certificate(h, *KINDS['ec p-256'])
        run('openssl', 'ec', '-in', keys + '/key.pem', '-aes256', '-passout', 'pass:x', '-out', keys + '/key.pem')

    def short(keys):
        make_certificate(h, '-newkey', 'rsa:1024')

    def no_key(keys):
        make_certificate(h, *KINDS['ec p-256'])
        os.unlink(keys + '/key.pem')

    def no_certificate(keys):
        make_certificate(h, *KINDS['ec p-256'])
        with open(keys + '/certificate.pem', 'w') as f:
            f.write('this is no certificate\n')
    for spoil, word in ((other, 'another certificate'), (passphrase, 'passphrase'), (short, '2048'),
                        (no_key, 'missing'), (no_certificate, 'PEM')):
        with House(start=False, users=None) as h:
            keys = os.path.join(h.state, 'keys')
            spoil(keys)
            before = sorted(os.listdir(keys))
            h.start(wait=False)
            h.process.wait(30)
            equal(h.process.returncode != 0, True)
            line = [line for line in h.log().split('\n') if 'keys/certificate.pem' in line]
            equal(len(line), 1)
            contains(line[0], word)
            equal([n for n in sorted(os.listdir(keys)) if n not in ('fake-salt', 'site-secret')], before)


def test_an_expired_certificate():
    """it is served, as some clients do not check, and the log warns"""
    with House(start=False, users=None) as h:
        keys = os.path.join(h.state, 'keys')
        make_certificate(h, *KINDS['ec p-256'])
        expired(h.dir, keys + '/certificate.pem', keys + '/key.pem', NAME, '20200101000000Z')
        h.start()
        h.wait_log('not valid now.*why=expired')
        contains(s_client(), 'New, TLSv1.3')


# --- transfers


def test_large_mail_both_ways():
    """20 MB in by STARTTLS and out by POP3 under TLS, octet by octet, two at a time"""
    with House() as h:
        def one(user):
            d = h.smtp(STRANGER)
            d.say('EHLO client.example.org', 250)
            d.say('STARTTLS', 220)
            d.start_tls()
            d.say('EHLO client.example.org', 250)
            d.transaction('a@sender.example', ['%s@example.test' % user], stuffed(text))
            d.say('QUIT', 221)
            until(lambda: h.files(user), 'delivered')
            d = Dialog(h, 'pop3s', STRANGER, tls=True)
            d.ok('USER ' + user)
            d.ok('PASS ' + PASSWORDS[user])
            got[user] = retrieve(d, 1)
            d.ok('QUIT')
        text = content(20 << 20)
        got = {}
        threads = [threading.Thread(target=one, args=(user,)) for user in ('hana', 'taro')]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for user in ('hana', 'taro'):
            equal(got[user] == file_content(h.files(user)[0]), True)
            equal(got[user].endswith(text), True)


def test_many_handshakes_at_once():
    """more than may wait for a signature; each gets its turn, and each was signed by keys"""
    with House(files={'clientlimit': '1000\n'}) as h:
        done = []

        def one(number):
            d = Dialog(h, 'pop3s', '198.51.100.%d' % (number % 250 + 1), tls=True)
            d.ok('QUIT')
            done.append(number)
        threads = [threading.Thread(target=one, args=(i,)) for i in range(200)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        equal(len(done), 200)
        contains(h.tool('status'), 'keys: signatures 200, refusals 0')


def test_keys_dies():
    """sessions go on, a handshake that waits fails at once, the next one stands"""
    with House() as h:
        put(h, 'hana', 1, 2 << 20)
        d = Dialog(h, 'pop3s', tls=True)
        d.ok('USER hana')
        h.kill('keys')
        d.ok('PASS ' + PASSWORDS['hana'])
        equal(len(retrieve(d, 1)) > 1 << 20, True)
        h.until_up()
        pid = h.programs()['keys']
        os.kill(pid, signal.SIGSTOP)
        failed = []

        def wait():
            try:
                Dialog(h, 'pop3s', tls=True)
            except OSError as problem:
                failed.append(problem)
        t = threading.Thread(target=wait)
        t.start()
        time.sleep(0.3)
        equal(failed, [])
        os.kill(pid, signal.SIGKILL)
        t.join(20)
        equal(len(failed), 1)
        h.until_up()
        Dialog(h, 'pop3s', tls=True).ok('QUIT')


# --- strangers who do odd things


def test_a_command_and_the_end_of_tls_in_one_segment():
    """who says goodbye in the same breath as a command is answered, and hangs nobody"""
    smtp = [('EHLO client.example.org', 250), ('STARTTLS', 220)]
    with House() as h:
        for service, begin, command in (('pop3s', [], b'CAPA\r\n'), ('pop3s', [], b'QUIT\r\n'),
                                        ('pop3', [('STLS', '+OK')], b'CAPA\r\nCAPA\r\n'),
                                        ('smtp', smtp, b'EHLO client.example.org\r\nNOOP\r\n')):
            for half in (True, False):
                c = RawTls(h, service, begin)
                c.tls.write(command)
                try:
                    c.tls.unwrap()
                except ssl.SSLWantReadError:
                    pass
                c.flush()
                if half:
                    c.socket.shutdown(socket.SHUT_WR)
                got = b''
                while True:
                    octets = c.socket.recv(65536)
                    if not octets:
                        break
                    got += octets
                equal(len(got) > 30, True, '%s %r: %d octets' % (service, command, len(got)))
        h.pop('hana').ok('QUIT')
        h.send()


def test_plaintext_behind_stls():
    """RFC 2595 §4: what was slipped in behind STLS ends the session and is never run"""
    with House() as h:
        d = h.pop()
        d.send('STLS\r\nCAPA\r\n')
        equal(d.read().code, '-ERR')
        d.closed()
        d = h.pop()
        d.ok('STLS')
        d.send('CAPA\r\n')  # in the place of a ClientHello
        d.socket.settimeout(10)
        while True:
            try:
                octets = d.socket.recv(1000)
            except ConnectionResetError:
                break
            if not octets:
                break
            equal(b'+OK' in octets, False)


def test_handshakes_that_go_nowhere():
    """no octet, half a ClientHello, a ClientHello of megabytes, noise: others are served, memory stays"""
    with House(files={'clientlimit': '1000\n'}) as h:
        stuck = []
        for i in range(100):
            s = socket.create_connection(('192.0.2.1', PORTS['pop3s']), 10, ('198.51.100.%d' % (i + 1), 0))
            s.sendall((b'', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(20))[i % 2])
            stuck.append(s)
        for octets in (b'\x16\x03\x01\x40\x00\x01\x0f\xff\xff\x03\x03' + bytes(70000), os.urandom(50000), b'GET / HTTP/1.0\r\n\r\n'):
            s = socket.create_connection((LOCAL, PORTS['pop3s']), 10)
            try:
                s.sendall(octets)
                while s.recv(1000):
                    pass
            except OSError:
                pass
            s.close()
        h.wait_log('why="a handshake message is longer')
        Dialog(h, 'pop3s', STRANGER, tls=True).ok('QUIT')


def test_a_connection_cut_under_tls():
    """lost without goodbye in the middle of a message: the mailbox is free, the log says it may have been cut"""
    with House() as h:
        put(h, 'hana', 1, 20 << 20)
        d = Dialog(h, 'pop3s', tls=True)
        d.ok('USER hana')
        d.ok('PASS ' + PASSWORDS['hana'])
        d.ok('RETR 1')
        reset(d)
        free(h).ok('QUIT')
        d = Dialog(h, 'pop3s', tls=True)
        d.socket.shutdown(socket.SHUT_RDWR)
        h.wait_log('it may have been cut')
