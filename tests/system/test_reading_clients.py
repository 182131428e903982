"""Other people's programs read their mail: poplib, mpop, fetchmail, curl; plain, STLS, implicit TLS."""
import poplib

from house import *
from test_pop3 import content, file_content, put, put_international

TLS_WAYS = ('plain', 'stls', 'tls')


def body_of(text):
    """what clients leave alone"""
    return text.replace(b'\r\n', b'\n').split(b'\n\n', 1)[1].strip()


def three(h):
    """mails for hana: small, with dots and long lines, 3 MB; their contents as in the mailbox"""
    put(h, 'hana', 1)
    put(h, 'hana', 1, 5000)
    put(h, 'hana', 1, 3 << 20)
    return [file_content(p) for p in h.files('hana')]


def write(h, name, text):
    path = os.path.join(h.dir, name)
    with open(path, 'w') as f:
        f.write(text)
    os.chmod(path, 0o600)
    return path


# --- poplib


def test_poplib():
    """Python's client: every command, plain from loopback, STLS, implicit TLS"""
    with House() as h:
        texts = three(h)
        context = client_context(h)
        context.check_hostname = False
        for way in TLS_WAYS:
            c = poplib.POP3_SSL(LOCAL, PORTS['pop3s'], context=context) if way == 'tls' else \
                poplib.POP3(LOCAL, PORTS['pop3'])
            if way == 'stls':
                c.stls(context)
            contains(str(c.capa()), 'SASL')
            c.user('hana')
            c.pass_(PASSWORDS['hana'])
            equal(c.stat(), (3, sum(map(len, texts))))
            equal(len(c.list()[1]), 3)
            ids = c.uidl()[1]
            equal(len(set(ids)), 3)
            for i, text in enumerate(texts):
                equal(b'\r\n'.join(c.retr(i + 1)[1]) + b'\r\n' == text, True, '%s %d' % (way, i))
            contains(b'\n'.join(c.top(2, 0)[1]).decode(), 'Subject: ')
            c.noop()
            c.dele(1)
            c.rset()
            c.quit()
        c = poplib.POP3(LOCAL, PORTS['pop3'])
        c.user('hana')
        c.pass_(PASSWORDS['hana'])
        c.dele(3)
        c.quit()
        equal(len(h.files('hana')), 2)


def test_poplib_with_utf8():
    """a client that says UTF8 gets internationalised mail as it was sent"""
    with House() as h:
        text = put_international(h)
        c = poplib.POP3(LOCAL, PORTS['pop3'])
        c.utf8()
        c.user('hana')
        c.pass_(PASSWORDS['hana'])
        equal((b'\r\n'.join(c.retr(1)[1]) + b'\r\n').endswith(text), True)
        c.quit()


# --- mpop


def mpop(h, way, auth='on', keep='on', password=PASSWORDS['hana'], code=0, box='mpop.mbox'):
    tls = {'plain': 'tls off', 'stls': 'tls on\ntls_starttls on', 'tls': 'tls on\ntls_starttls off'}[way]
    trust = 'tls_trust_file %s\ntls_host_override %s' % (h.certificate(), NAME) if way != 'plain' else ''
    path = write(h, 'mpoprc', 'account x\nhost %s\nport %d\nuser hana\npassword %s\n%s\nauth %s\nkeep %s\n%s\n'
                 'uidls_file %s/uidls\nreceived_header off\ndelivery mbox %s/%s\n'
                 % (LOCAL, PORTS['pop3s' if way == 'tls' else 'pop3'], password, tls, auth, keep, trust, h.dir, h.dir,
                    box))
    return run('mpop', '-C', path, 'x', code=code)


def test_mpop():
    """mpop with pipelining: plain, STLS, TLS; USER, PLAIN, SCRAM-SHA-256; kept, then fetched once more"""
    with House() as h:
        texts = three(h)
        ways = [(way, auth) for way in TLS_WAYS for auth in ('user', 'plain', 'scram-sha-256')]
        for way, auth in ways:
            for name in ('uidls', 'mpop.mbox'):
                if os.path.exists(os.path.join(h.dir, name)):
                    os.unlink(os.path.join(h.dir, name))
            text = mpop(h, way, auth)
            box = file_content(os.path.join(h.dir, 'mpop.mbox'))
            equal(box.count(b'\nSubject: '), 3, '%s %s: %s' % (way, auth, text))
            equal(len(h.files('hana')), 3)
        contains(mpop(h, 'tls'), 'new: no messages')
        os.unlink(os.path.join(h.dir, 'uidls'))
        mpop(h, 'tls', keep='off')
        equal(h.files('hana'), [])
        if 'uthentication failed' not in mpop(h, 'tls', password='x', code=None):
            raise AssertionError('mpop does not say that the password is wrong')
        equal(len(texts), 3)


# --- fetchmail


def fetchmail(h, way, code=0, extra='', password=PASSWORDS['hana']):
    where = {'plain': "sslproto ''", 'stls': "sslproto 'TLS1.2+' sslcertck sslcertfile '%s' sslcommonname %s",
             'tls': "ssl sslcertck sslcertfile '%s' sslcommonname %s"}[way]
    if way != 'plain':
        where = where % (h.certificate(), NAME)
    path = write(h, 'fetchmailrc', "set no bouncemail\npoll %s protocol pop3 uidl no dns port %d\n user 'hana' password '%s' %s\n"
                 " mda 'cat >> %s/fetched' %s\n" % (LOCAL, PORTS['pop3s' if way == 'tls' else 'pop3'], password, where, h.dir,
                                                    extra))
    return run('fetchmail', '-f', path, '-v', '--nosyslog', '--nodetach', '--pidfile', h.dir + '/fetchmail.pid',
               '-i', h.dir + '/fetchids', code=code, env={'HOME': h.dir, 'FETCHMAILHOME': h.dir})


def test_fetchmail():
    """fetchmail: kept with UIDL, fetched once; then emptied; plain, STLS, TLS; a wrong password is called one"""
    with House() as h:
        for way in TLS_WAYS:
            texts = three(h)
            fetchmail(h, way, extra='keep')
            fetched = file_content(h.dir + '/fetched')
            for text in texts:
                equal(body_of(text) in fetched.replace(b'\r', b''), True, way)
            equal(len(h.files('hana')), 3)
            fetchmail(h, way, extra='keep', code=1)  # 1: nothing new
            fetchmail(h, way, extra='fetchall nokeep')
            equal(h.files('hana'), [])
            os.unlink(h.dir + '/fetched')
        text = fetchmail(h, 'tls', code=3, password='x')  # 3: authentication failed
        contains(text, 'uthorization failure')


# --- curl


def curl(h, way, path, *words, user='hana', password=None, code=0):
    scheme, port = ('pop3s', PORTS['pop3s']) if way == 'tls' else ('pop3', PORTS['pop3'])
    tls = [] if way == 'plain' else ['--cacert', h.certificate(), '--resolve', '%s:%d:%s' % (NAME, port, LOCAL)]
    if way == 'stls':
        tls += ['--ssl-reqd']
    host = LOCAL if way == 'plain' else NAME
    done = subprocess.run(['curl', '-sS', '--max-time', '30', '-u', '%s:%s' % (user, password or PASSWORDS['hana']), *tls,
                           *words, '%s://%s:%d/%s' % (scheme, host, port, path)], capture_output=True)
    if done.returncode != code:
        raise AssertionError('curl %s %s: exit %d\n%s' % (way, path, done.returncode, done.stderr.decode()))
    return done.stdout


def test_curl():
    """curl: list, get, TOP, UIDL, DELE; its own choice of mechanism, PLAIN, SCRAM by name"""
    if not shutil.which('curl'):
        raise Skip('curl is not installed')
    with House() as h:
        texts = three(h)
        for way in TLS_WAYS:
            equal(len(curl(h, way, '').split(b'\r\n')) - 1, 3)
            for i, text in enumerate(texts):
                equal(curl(h, way, str(i + 1)) == text, True, '%s %d' % (way, i))
            equal(len(curl(h, way, '', '-X', 'UIDL').splitlines()), 3)
            contains(curl(h, way, '', '-X', 'TOP 2 0').decode(), 'Subject: ')
            equal(len(curl(h, way, '', '--login-options', 'AUTH=PLAIN').splitlines()), 3)
            curl(h, way, '', password='wrong', code=67)
        curl(h, 'tls', '2', '-X', 'DELE', '-I')
        until(lambda: len(h.files('hana')) == 2, 'the second is gone')
