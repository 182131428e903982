"""An authority for certificates that the servers in this namespace trust, and what it vouches for."""
import os
import shutil
import ssl
import tempfile

from house import run

TRUSTED = '/etc/ssl/certs/ca-certificates.crt'  # private to the namespace, see `namespace`


class Authority:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='sekisho-ca-')
        self.count = 0
        self.key, self.file = self.path('ca.key'), self.path('ca.crt')
        run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30',
            '-subj', '/CN=an authority of tests', '-keyout', self.key, '-out', self.file)
        with open(self.file) as own, open(TRUSTED, 'a') as all_of_them:
            all_of_them.write('\n' + own.read())

    def path(self, name):
        return os.path.join(self.dir, name)

    def context(self, name, own=False, expired=False):
        """a server's, with a certificate for that name; `own`: that it has signed itself"""
        self.count += 1
        key, request, file = (self.path('%d.%s' % (self.count, kind)) for kind in ('key', 'csr', 'crt'))
        extra = self.path('%d.ext' % self.count)
        with open(extra, 'w') as f:
            f.write('subjectAltName=DNS:' + name)
        run('openssl', 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj',
            '/CN=' + name, '-keyout', key, '-out', request)
        signer = ['-signkey', key] if own else ['-CA', self.file, '-CAkey', self.key, '-CAcreateserial']
        run('openssl', 'x509', '-req', '-in', request, '-days', '-1' if expired else '30', '-extfile', extra,
            '-out', file, *signer)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file, key)
        return context

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        shutil.rmtree(self.dir, ignore_errors=True)
