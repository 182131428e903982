"""Other people's hosts: each in namespaces of its own, with a wire to ours, running a server that `unpack` has unpacked.
Ours, with the name server and the test, is the namespace that `namespace` made."""
import glob
import itertools
import os
import shutil
import subprocess
import tempfile

import dns
from house import Skip, others, until

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = '198.18.0.1'  # what other hosts see of us
NOBODY = 65534
PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
numbers = itertools.count(1)


def wire():
    """the bridge to which each host is tied; once"""
    if subprocess.run(['ip', 'link', 'show', 'wire'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
        return
    for words in (['link', 'add', 'wire', 'type', 'bridge'], ['addr', 'add', OURS + '/24', 'dev', 'wire'],
                  ['link', 'set', 'wire', 'up']):
        subprocess.run(['ip'] + words, check=True)


class Host:
    """namespaces without anything in them yet; what is in self.dir is seen from both sides"""

    def __init__(self, name, *addresses):
        if os.getuid() != 0:
            raise Skip('hosts in namespaces need root')
        if not dns.FOREIGN:
            raise Skip('nothing was unpacked (tests/system/unpack)')
        self.name, self.addresses = name, addresses
        self.dir = tempfile.mkdtemp(prefix='sekisho-host-')
        os.chmod(self.dir, 0o755)
        self.mail = os.path.join(self.dir, 'mail')
        os.mkdir(self.mail)
        os.chown(self.mail, NOBODY, NOBODY)
        self.process = subprocess.Popen(
            ['unshare', '--net', '--mount', '--pid', '--uts', '--fork', '--kill-child', '--propagation', 'private', '--',
             os.path.join(HERE, 'host'), dns.FOREIGN, self.dir, name, dns.VALIDATES, OURS] + list(addresses),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.expect('there')
        with open('/proc/%d/task/%d/children' % (self.process.pid, self.process.pid)) as f:
            self.init = f.read().split()[0]
        end = 'wire%d' % next(numbers)
        subprocess.run(['ip', 'link', 'add', end, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', self.init], check=True)
        subprocess.run(['ip', 'link', 'set', end, 'master', 'wire', 'up'], check=True)
        self.process.stdin.write('\n')
        self.process.stdin.flush()
        self.expect('ready')
        others.append(self)
        self.configure()

    def configure(self):
        """what is of a server's own"""

    def expect(self, word):
        line = self.process.stdout.readline()
        if line.strip() != word:
            raise AssertionError('%s: %r instead of %s' % (self.name, line, word))

    def run(self, *words, code=0, env=None):
        """a command there; what it says"""
        done = subprocess.run(['nsenter', '--target', self.init, '--net', '--mount', '--pid', '--uts', '--'] + list(words),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=60,
                              text=True, env={**os.environ, 'PATH': PATH, **(env or {})})
        if code is not None and done.returncode != code:
            raise AssertionError('%s: %s: %s' % (self.name, ' '.join(words), done.stdout))
        return done.stdout

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def messages(self, user, count=None, seconds=20):
        """contents of a mailbox there, oldest first, once there are `count`"""
        files = lambda: sorted(glob.glob(os.path.join(self.mail, user, 'new', '*')), key=os.path.getmtime)
        if count is not None:
            until(lambda: len(files()) >= count, '%d mails for %s at %s' % (count, user, self.name), seconds)
        contents = []
        for path in files():
            with open(path, 'rb') as f:
                contents.append(f.read())
        return contents

    def take(self, user, count=1, seconds=20):
        """the same; then the mailbox is empty"""
        contents = self.messages(user, count, seconds)
        shutil.rmtree(os.path.join(self.mail, user))
        if len(contents) != count:
            raise AssertionError('%d mails for %s' % (len(contents), user))
        return contents

    def empty(self):
        for user in os.listdir(self.mail):
            shutil.rmtree(os.path.join(self.mail, user))

    def log(self):
        if not os.path.exists(os.path.join(self.dir, 'log')):
            return ''
        with open(os.path.join(self.dir, 'log'), errors='replace') as f:
            return f.read()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.end()

    def end(self):
        others.remove(self)
        self.process.stdin.close()  # all that runs there ends with its first process
        self.process.wait(20)
        self.process.stdout.close()
        shutil.rmtree(self.dir, ignore_errors=True)
