"""The server's life: starts, reloads, ends, and programs that die."""
import time

from house import House, equal


def test_an_end_right_after_the_first_start():
    """an empty spool still makes its first segments: nothing waits for a work that has long been done"""
    with House() as h:
        began = time.monotonic()
        equal(h.stop(), 0)
        if time.monotonic() - began > 10:
            raise AssertionError('it took %d s' % (time.monotonic() - began))
