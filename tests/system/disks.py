"""File systems for tests: images on a loop device, small ones in memory. Root's only; they go with the
mount namespace that the tests run in, at the latest."""
import fcntl
import os
import shutil
import struct
import subprocess
import tempfile

from house import Skip, until

SHUTDOWN = 0x8004587d  # EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN
SHUTDOWN_NO_FLUSH = 2

mounted = []


def command(*words):
    try:
        done = subprocess.run(words, capture_output=True, text=True)
    except FileNotFoundError as why:
        raise Skip(str(why))
    if done.returncode:
        raise Skip('%s: %s' % (' '.join(words), (done.stderr or done.stdout).strip()[:160]))


def need_root():
    if os.getuid() != 0:
        raise Skip('only root mounts')


def like(path, other):
    """owner and mode as those of another directory"""
    facts = os.stat(other)
    os.chown(path, facts.st_uid, facts.st_gid)
    os.chmod(path, facts.st_mode & 0o7777)


class Mount:
    """A file system at `at` that ends with the block. kind: ext4, xfs or tmpfs."""

    def __init__(self, at, kind='ext4', megabytes=64, owner=None):
        need_root()
        self.at = at
        self.kind = kind
        self.image = None
        self.frozen = False
        facts_of = owner or at
        os.makedirs(at, exist_ok=True)
        facts = os.stat(facts_of)
        if kind == 'tmpfs':
            command('mount', '-t', 'tmpfs', '-o', 'size=%dm' % megabytes, 'tmpfs', at)
        else:
            self.dir = tempfile.mkdtemp(prefix='sekisho-image-')
            self.image = os.path.join(self.dir, 'image')
            with open(self.image, 'wb') as f:
                f.truncate(megabytes << 20)
            options = ['-F'] if kind == 'ext4' else []
            command('mkfs.' + kind, '-q', *options, self.image)
            self.mount()
        os.chown(at, facts.st_uid, facts.st_gid)
        os.chmod(at, facts.st_mode & 0o7777)
        mounted.append(self)

    def mount(self):
        command('mount', '-o', 'loop', self.image, self.at)

    def freeze(self):
        """whoever writes hangs from here on"""
        command('fsfreeze', '-f', self.at)
        self.frozen = True

    def thaw(self):
        self.frozen = False
        command('fsfreeze', '-u', self.at)

    def cut(self):
        """the power goes: what was not written out is lost"""
        fd = os.open(self.at, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, struct.pack('I', SHUTDOWN_NO_FLUSH))
        finally:
            os.close(fd)

    def again(self):
        """the power comes back"""
        until(lambda: subprocess.run(['umount', self.at], capture_output=True).returncode == 0, 'unmounted', 30)
        self.mount()

    def end(self):
        if self in mounted:
            mounted.remove(self)
        if self.frozen:
            subprocess.run(['fsfreeze', '-u', self.at], capture_output=True)
        subprocess.run(['umount', '-l', self.at], capture_output=True)
        if self.image:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.end()


def fill(directory, leave=0):
    """takes all room but `leave` octets; the file that took it"""
    path = os.path.join(directory, 'filler')
    facts = os.statvfs(directory)
    with open(path, 'wb') as f:
        room = facts.f_bavail * facts.f_frsize - leave
        try:
            os.posix_fallocate(f.fileno(), 0, max(room, 1))
        except OSError:
            pass
        try:
            f.seek(0, 2)
            while not leave:
                f.write(b'x' * 65536)
                f.flush()
        except OSError:
            pass
    return path
