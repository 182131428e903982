"""A DNS of one's own in the namespace: a signed root and zones below it, served by NSD, and name servers that
misbehave. The addresses are those that `namespace` makes local."""
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

from house import Skip, until

FOREIGN = os.environ.get('SEKISHO_FOREIGN', '')
ROOT = '198.41.0.4'  # a.root-servers.net, as every resolver knows it
SERVER = '192.0.2.53'
HANGS = '192.0.2.66'  # takes questions and never answers
TRUNCATES = '192.0.2.67'  # says all by TCP only
VALIDATES = '192.0.2.55'  # a resolver that validates, for other people's hosts
RECURSES = '192.0.2.54'  # passes on to SERVER, as if it had asked around
ENV = dict(os.environ, LD_LIBRARY_PATH=os.path.join(FOREIGN, 'usr/lib/x86_64-linux-gnu'))

A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, TLSA = 1, 2, 5, 6, 12, 15, 16, 28, 52


def root_addresses():
    """all that a resolver may begin at, as `namespace` has made them local"""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'namespace')) as f:
        return [a for words in re.findall(r'for root in (.*?);', f.read(), re.S) for a in words.split() if a != '\\']


def program(name):
    for folder in ('usr/bin', 'usr/sbin'):
        path = os.path.join(FOREIGN, folder, name)
        if FOREIGN and os.access(path, os.X_OK):
            return path
    raise Skip('%s was not unpacked (tests/system/unpack)' % name)


def run(directory, *words):
    done = subprocess.run(words, cwd=directory, env=ENV, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise AssertionError('%s: %s%s' % (' '.join(words), done.stdout, done.stderr))
    return done.stdout


class Zone:
    def __init__(self, name, lines, signed=True, spoilt=None):
        self.name = name  # 'example.', '.'
        self.lines = lines
        self.signed = signed
        self.spoilt = spoilt  # what is replaced after signing, and by what
        self.ds = ''
        self.file = None


class Names:
    """NSD with zones; a zone's DS records stand in the nearest zone above it when both are signed."""

    def __init__(self, zones, expired=False):
        self.dir = tempfile.mkdtemp(prefix='sekisho-dns-')
        os.chmod(self.dir, 0o755)
        self.expired = expired
        self.process = None
        program('nsd')
        # children first: their keys go into their parents
        for zone in sorted(zones, key=lambda z: -len(z.name.strip('.').split('.')) if z.name != '.' else 1):
            parents = [z for z in zones if z is not zone and z.signed and
                       (z.name == '.' or zone.name.endswith('.' + z.name))]
            self.make(zone)
            if zone.signed and parents:
                max(parents, key=lambda z: len(z.name)).lines.append(zone.ds)
        self.anchor = [z.ds for z in zones if z.name == '.'][0]
        self.start(zones)

    def make(self, zone):
        stem = zone.name.strip('.') or 'root'
        zone.file = os.path.join(self.dir, stem + '.zone')
        soa = '%s 3600 IN SOA ns.example. hostmaster.example. 1 3600 600 86400 60' % zone.name
        with open(zone.file, 'w') as f:
            f.write('\n'.join([soa] + zone.lines) + '\n')
        if not zone.signed:
            return
        key = run(self.dir, program('ldns-keygen'), '-a', 'ECDSAP256SHA256', '-k', zone.name).strip()
        with open(os.path.join(self.dir, key + '.ds')) as f:
            zone.ds = f.read().strip()
        dates = ['-i', '20200101000000', '-e', '20200201000000'] if self.expired else []
        run(self.dir, program('ldns-signzone'), *dates, '-o', zone.name, zone.file, key)
        zone.file += '.signed'
        if zone.spoilt:
            with open(zone.file) as f:
                text = f.read()
            with open(zone.file, 'w') as f:
                f.write(text.replace(*zone.spoilt))

    def start(self, zones):
        path = os.path.join(self.dir, 'nsd.conf')
        with open(path, 'w') as f:
            f.write('server:\n' + ''.join('  ip-address: %s\n' % a for a in root_addresses() + [SERVER]))
            f.write('  database: ""\n  username: ""\n  chroot: ""\n  zonesdir: "%s"\n'
                    '  pidfile: "%s/pid"\n  xfrdfile: "%s/xfrd"\n  zonelistfile: "%s/list"\n'
                    '  xfrdir: "%s"\n  server-count: 1\n  minimal-responses: no\n'
                    'remote-control:\n  control-enable: no\n'
                    % ((self.dir,) * 5))
            for zone in zones:
                f.write('zone:\n  name: "%s"\n  zonefile: "%s"\n' % (zone.name, zone.file))
        self.log = open(os.path.join(self.dir, 'log'), 'w')
        self.process = subprocess.Popen([program('nsd'), '-d', '-c', path], env=ENV, stdout=self.log,
                                        stderr=self.log, stdin=subprocess.DEVNULL)
        until(lambda: answers(SERVER) or self.process.poll() is not None, 'NSD answers')
        if self.process.poll() is not None:
            with open(os.path.join(self.dir, 'log')) as f:
                raise AssertionError('NSD ended: ' + f.read()[-1000:])

    def change(self, zone, old, new):
        """in a zone that is not signed"""
        with open(zone.file) as f:
            text = f.read()
        assert old in text, old
        with open(zone.file, 'w') as f:
            f.write(text.replace(old, new).replace('hostmaster.example. 1 ', 'hostmaster.example. 2 '))
        self.process.send_signal(signal.SIGHUP)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.end()

    def end(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None
            self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class Resolver:
    """Unbound, which asks from the root down and validates, at VALIDATES"""

    def __init__(self, names):
        path = os.path.join(names.dir, 'unbound.conf')
        with open(path, 'w') as f:
            f.write('server:\n  directory: "%s"\n  interface: %s\n  access-control: 0.0.0.0/0 allow\n  trust-anchor: "%s"\n  chroot: ""\n'
                    '  username: ""\n  pidfile: ""\n  use-syslog: no\n  module-config: "validator iterator"\n'
                    '  do-ip6: no\n  root-hints: "%s/hints"\n  do-not-query-localhost: no\n  local-zone: "test." nodefault\n'
                    'remote-control:\n  control-enable: no\n' % (names.dir, VALIDATES, names.anchor, names.dir))
        with open(os.path.join(names.dir, 'hints'), 'w') as f:
            f.write('. 3600 NS a.root-servers.net.\na.root-servers.net. 3600 A %s\n' % ROOT)
        self.process = subprocess.Popen([program('unbound'), '-d', '-c', path], env=ENV, stdout=names.log,
                                        stderr=names.log, stdin=subprocess.DEVNULL)
        until(lambda: answers(VALIDATES) or self.process.poll() is not None, 'Unbound answers')
        if self.process.poll() is not None:
            with open(os.path.join(names.dir, 'log')) as f:
                raise AssertionError('Unbound ended: ' + f.read()[-1000:])

    def end(self):
        self.process.terminate()
        self.process.wait()


# --- messages ---------------------------------------------------------------

def name_of(text):
    return b''.join(bytes([len(label)]) + label.encode() for label in text.strip('.').split('.') if label) + b'\0'


def question(name, kind, number=7):
    return struct.pack('>6H', number, 0x0100, 1, 0, 0, 0) + name_of(name) + struct.pack('>2H', kind, 1)


def read_question(message):
    """name, type, and where the question ends"""
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode('latin-1').lower())
        at += 1 + message[at]
    return '.'.join(labels) + '.', struct.unpack('>H', message[at + 1:at + 3])[0], at + 5


def answers(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.2)
        try:
            s.sendto(question('.', SOA), (address, 53))
            return s.recv(4096)
        except OSError:
            return None


def reply(message, records, flags=0x8400):
    """records: name, type, data; those that answer the question's type"""
    name, kind, end = read_question(message)
    rows = [(n, t, d) for n, t, d in records if n == name and t == kind]
    out = struct.pack('>2H', struct.unpack('>H', message[:2])[0], flags | (message[2] & 1) << 8)
    out += struct.pack('>4H', 1, len(rows), 0, 0) + message[12:end]
    for owner, t, data in rows:
        out += name_of(owner) + struct.pack('>2HIH', t, 1, 60, len(data)) + data
    return out


class Server:
    """a name server in this process: `by_udp` and `by_tcp` make an answer of a question, or None"""

    def __init__(self, address, by_udp, by_tcp=None, port=53):
        self.by_udp, self.by_tcp = by_udp, by_tcp
        self.asked = []  # names, as they came by UDP
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, port))
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((address, port))
        self.tcp.listen(16)
        for serve in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    def serve_udp(self):
        while True:
            try:
                message, peer = self.udp.recvfrom(4096)
            except OSError:
                return
            if len(message) < 12:  # the end wakes it up
                continue
            self.asked.append(read_question(message)[0])
            answer = self.by_udp(message)
            if answer:
                self.udp.sendto(answer, peer)

    def serve_tcp(self):
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self.serve_one, args=(connection,), daemon=True).start()

    def serve_one(self, connection):
        with connection:
            while True:
                head = connection.recv(2, socket.MSG_WAITALL)
                if len(head) < 2:
                    return
                message = connection.recv(struct.unpack('>H', head)[0], socket.MSG_WAITALL)
                answer = self.by_tcp(message) if self.by_tcp else None
                if answer:
                    connection.sendall(struct.pack('>H', len(answer)) + answer)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for s in (self.udp, self.tcp):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()


def truncating(records):
    """an authoritative server whose answers by UDP are cut to nothing"""
    return Server(TRUNCATES, lambda m: reply(m, [], 0x8600), lambda m: reply(m, records))


def recursing(silent=()):
    """a resolver as providers have them: it passes on to NSD; questions below `silent` are never answered"""
    def ask(message):
        if any(read_question(message)[0].endswith(name) for name in silent):
            return None
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            s.settimeout(5)
            s.connect((SERVER, 53))
            s.sendall(struct.pack('>H', len(message)) + message)
            length = struct.unpack('>H', s.recv(2, socket.MSG_WAITALL))[0]
            answer = bytearray(s.recv(length, socket.MSG_WAITALL))
        answer[2] &= 0xfb  # not authoritative
        answer[3] |= 0x80  # recursion available
        return bytes(answer)
    return Server(RECURSES, ask, ask)
