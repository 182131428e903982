"""Clocks that a test sets (clock_jump.c), of one house and nobody else."""
from house import *

HERE = os.path.dirname(os.path.abspath(__file__))


class Clock:
    """the clocks of a house alone: House(env=clock.env)"""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='sekisho-clock-')
        os.chmod(self.dir, 0o755)
        self.path = os.path.join(self.dir, 'shift')
        with open(self.path, 'wb') as f:
            f.write(bytes(16))
        library = os.path.join(self.dir, 'clock_jump.so')
        run('gcc', '-shared', '-fPIC', '-O1', '-o', library, os.path.join(HERE, 'clock_jump.c'))
        self.env = {'LD_PRELOAD': library, 'SEKISHO_TEST_CLOCK': self.path}

    def shift(self, at, seconds):
        with open(self.path, 'r+b') as f:
            f.seek(at)
            shift = int.from_bytes(f.read(8), 'little', signed=True) + seconds
            f.seek(at)
            f.write(shift.to_bytes(8, 'little', signed=True))

    def jump(self, seconds):
        """somebody sets the wall clock"""
        self.shift(0, seconds)

    def go_by(self, seconds):
        """time passes"""
        self.shift(0, seconds)
        self.shift(8, seconds)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        shutil.rmtree(self.dir, ignore_errors=True)
