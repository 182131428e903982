"""A web server over TLS with the policies of domains (RFC 8461): one address, a certificate for each name."""
import socket
import ssl
import threading
import time

PATH = '/.well-known/mta-sts.txt'


def policy(mode, *hosts, age=86400):
    return 'version: STSv1\r\nmode: %s\r\nmax_age: %d\r\n' % (mode, age) + ''.join('mx: %s\r\n' % h for h in hosts)


def page(body, status='200 OK', kind='text/plain', more=''):
    return ('HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n' % (status, kind, len(body), more)
            + body).encode()


class PolicyHost:
    """pages: name of the host → octets, or seconds to wait before silence. contexts: name → ssl context."""

    def __init__(self, contexts, pages, address, port=443):
        self.contexts = contexts
        self.pages = dict(pages)
        self.asked = []  # names
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.sni_callback = self.choose
        self.listener = socket.create_server((address, port), backlog=100)
        threading.Thread(target=self.accept, daemon=True).start()

    def choose(self, s, name, unused):
        s.context = self.contexts[name]

    def accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        try:
            with self.context.wrap_socket(s, server_side=True) as tls:
                lines = tls.makefile('rb')
                request = lines.readline().decode()
                name = ''
                for line in lines:
                    if line.lower().startswith(b'host:'):
                        name = line[5:].strip().decode()
                    if line == b'\r\n':
                        break
                self.asked.append(name)
                what = self.pages.get(name) if request == 'GET %s HTTP/1.1\r\n' % PATH else None
                if isinstance(what, (int, float)):
                    time.sleep(what)
                    return
                tls.sendall(what or page('no', '404 Not Found'))
        except (OSError, KeyError):
            pass

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
