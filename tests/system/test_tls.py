"""TLS as strangers meet it: versions, certificates, keys, and odd endings (N-25, RFC 8446, RFC 9325)."""
from house import *


class RawTls:
    """A client that decides which octets of TLS go into one segment."""

    def __init__(self, house, service, source=LOCAL):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.socket = socket.create_connection((LOCAL, PORTS[service]), 10, (source, 0))
        self.tls = client_context(house).wrap_bio(self.incoming, self.outgoing, server_hostname=NAME)
        self.run(self.tls.do_handshake)

    def flush(self):
        self.socket.sendall(self.outgoing.read())

    def run(self, step, *words):
        """one step of TLS, with what it wants from the socket"""
        while True:
            try:
                value = step(*words)
                return value
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


def test_a_command_and_the_end_of_tls_in_one_segment():
    """who says goodbye in the same breath as a command hangs nobody else"""
    with House() as h:
        for command in (b'CAPA\r\n', b'QUIT\r\n', b'NOOP\r\nNOOP\r\n'):
            c = RawTls(h, 'pop3s')
            c.until_text(b'+OK')
            c.tls.write(command)
            try:
                c.tls.unwrap()
            except ssl.SSLWantReadError:
                pass
            c.flush()
            c.socket.shutdown(socket.SHUT_WR)
            c.socket.close()
        for i in range(3):
            d = h.pop('hana')
            d.ok('QUIT')
