"""usage: asked.py POPKEY-EXPORT ADDRESSES: what a question to its policy service costs beside so many open addresses"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

QUESTIONS = 20000


def address(number, net):
    return '%d.%d.%d.%d' % (net, number >> 16, number >> 8 & 255, number & 255)


def cpu(process):
    with open('/proc/%d/stat' % process.pid) as f:
        return sum(map(int, f.read().rsplit(')', 1)[1].split()[11:13])) / os.sysconf('SC_CLK_TCK')


class Service:
    def __init__(self, program, count):
        self.dir = tempfile.mkdtemp(dir='/dev/shm')
        self.gate = self.dir + '/gate'
        os.mkdir(self.gate)
        for i in range(count):
            self.write(address(i, 10))
        self.process = subprocess.Popen([program, '--directory', self.gate, '--gate', '3600', '--policy', 'unix:%s/socket' % self.dir])
        while not os.path.exists(self.dir + '/socket'):
            time.sleep(0.05)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(self.dir + '/socket')

    def write(self, name):
        os.close(os.open(os.path.join(self.gate, name), os.O_CREAT | os.O_WRONLY, 0o644))

    def ask(self, client):
        self.socket.sendall(b'request=smtpd_access_policy\nclient_address=%s\nsender=a@example.org\n\n' % client.encode())
        answer = b''
        while not answer.endswith(b'\n\n'):
            answer += self.socket.recv(4096)
        return b'OK' in answer

    def end(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.dir)


def main(program, count):
    s = Service(program, count)
    s.ask('192.0.2.1')
    before, began = cpu(s.process), time.time()
    for i in range(QUESTIONS):
        is_there = i % 2 == 0
        assert s.ask(address(i * 7919 % count, 10 if is_there else 11)) == is_there
    took, used = time.time() - began, cpu(s.process) - before
    for i in range(100):
        s.write(address(i, 12))
        assert s.ask(address(i, 12)), 'what has just been written is not seen'
    print('%d open: %.0f us a question and its answer, CPU of the program %.0f us' % (count, took / QUESTIONS * 1e6, used / QUESTIONS * 1e6))
    s.end()


main(sys.argv[1], int(sys.argv[2]))
