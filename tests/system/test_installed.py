"""The certificate that is made for the server's name, and a server that was installed."""
import os
import re
import shutil
import tempfile

from house import NAME, PROGRAMS, Dialog, House, client_context, contains, equal, run

OTHER = 'mx.example.test'
FILES = ('certificate.pem', 'key.pem')


def keys(h):
    """name → octets of the files in keys/"""
    found = {}
    for name in os.listdir(os.path.join(h.state, 'keys')):
        with open(os.path.join(h.state, 'keys', name), 'rb') as f:
            found[name] = f.read()
    return found


def shown_name(h, service):
    """the name in the certificate that a client sees there, when it checks it"""
    context = client_context(h)
    context.check_hostname = False
    d = Dialog(h, service, tls=context if service == 'pop3s' else None)
    if service == 'smtp':
        d.say('EHLO pc', 250)
        d.say('STARTTLS', 220)
        d.start_tls(context)
    elif service == 'pop3':
        d.ok('STLS')
        d.start_tls(context)
    names = d.socket.getpeercert()['subjectAltName']
    d.close()
    return names


def all_show(h, name):
    for service in ('smtp', 'pop3', 'pop3s'):
        equal(shown_name(h, service), (('DNS', name),), service)


def test_the_made_certificate_is_for_the_name_and_follows_it():
    with House() as h:
        all_show(h, NAME)
        before = keys(h)
        h.restart()
        equal(keys(h), before, 'a restart changes nothing')
        h.set('servername', OTHER + '\n')
        h.restart()
        all_show(h, OTHER)
        for name in FILES:
            if keys(h)[name] == before[name]:
                raise AssertionError('%s is the old one' % name)
        contains(h.log(), 'is made anew')
        equal(oct(os.stat(os.path.join(h.state, 'keys/key.pem')).st_mode & 0o777), '0o600')


def test_setup_makes_it_follow_too():
    with House(start=False) as h:
        h.tool('setup', NAME)
        contains(run('openssl', 'x509', '-in', h.certificate(), '-noout', '-text'), 'DNS:' + NAME)
        before = keys(h)
        h.tool('setup', NAME)
        equal(keys(h), before)
        contains(h.tool('setup', OTHER), 'made a certificate for ' + OTHER)
        contains(run('openssl', 'x509', '-in', h.certificate(), '-noout', '-text'), 'DNS:' + OTHER)


def put_own(h):
    where = os.path.join(h.state, 'keys')
    run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=own',
        '-addext', 'subjectAltName=DNS:own.example', '-days', '30', '-keyout', where + '/key.pem',
        '-out', where + '/certificate.pem')


def test_a_certificate_of_ones_own_is_never_touched():
    with House() as h:
        h.stop()
        put_own(h)
        before = {name: keys(h)[name] for name in FILES}
        h.set('servername', OTHER + '\n')
        h.start()
        all_show(h, 'own.example')
        h.stop()
        h.tool('setup', NAME)
        equal({name: keys(h)[name] for name in FILES}, before)


def test_a_crash_while_it_is_put_in_place():
    """each of the states in own_certificate.c: before and after the key was replaced"""
    with House() as h:
        old = keys(h)
        h.stop()
        h.tool('setup', OTHER)
        new = keys(h)
        where = os.path.join(h.state, 'keys')
        for done, wanted in ((('next.pem',), OTHER), (('next.pem', 'key.pem'), OTHER),
                             (('next.pem', 'key.pem', 'made.pem'), OTHER)):
            for name in ('certificate.pem', 'key.pem', 'made.pem'):
                with open(os.path.join(where, name), 'wb') as f:
                    f.write((new if name in done else old)[name])
            with open(os.path.join(where, 'next.pem'), 'wb') as f:
                f.write(new['certificate.pem'])
            h.start()
            all_show(h, wanted)
            equal('next.pem' in keys(h), False, 'left behind after %s' % (done,))
            equal(keys(h)['made.pem'], keys(h)['certificate.pem'])
            h.stop()


def test_an_installed_server_finds_its_programs():
    """as `ninja install` lays it out, below a prefix"""
    prefix = tempfile.mkdtemp(prefix='sekisho-prefix-')
    os.chmod(prefix, 0o755)
    try:
        run('meson', 'install', '--no-rebuild', '--quiet', '-C', os.path.dirname(os.environ['SEKISHO_BUILT']), '--destdir', prefix,
            env={'SEKISHO_PROGRAMS': ''})
        installed = os.path.join(prefix, 'usr/local/bin/sekisho')
        equal(sorted(os.listdir(os.path.join(prefix, 'usr/local/lib/sekisho'))),
              sorted(n for n in os.listdir(PROGRAMS) if re.fullmatch('sekisho-[a-z]+', n)))
        contains(' '.join(os.listdir(os.path.join(prefix, 'usr/local/share/man/man8'))), 'sekisho-serve.8')
        with House(start=False) as h:
            h.env.pop('SEKISHO_PROGRAMS')
            h.start(program=installed)
            h.send()
            equal(len(h.messages('hana', 1)), 1)
            pid = h.programs()['spool']
            equal(os.readlink('/proc/%d/exe' % pid), os.path.join(prefix, 'usr/local/lib/sekisho/sekisho-spool'))
    finally:
        shutil.rmtree(prefix)
