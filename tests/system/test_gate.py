"""The gate as people see it: who is open, opened and closed by hand, in the log; through a kill and a restart."""
import os
import time

from house import House, contains, equal, until


def openings(h, *words):
    return sorted((o['address'], o['user'], o['by']) for o in h.json('gate', *words))


def test_by_hand():
    """listed, by address and by user; closed; kept through a kill of the program; over in time"""
    with House() as h:
        equal(h.tool('gate'), 'nobody\n')
        equal(openings(h), [])
        h.tool('gate', 'open', '192.0.2.7', 'hana')
        h.tool('gate', 'open', '::ffff:192.0.2.8', 'taro', '86400')
        h.tool('gate', 'open', '2001:db8::1', 'taro', '1')
        h.wait_log('"gate closed" address=2001:db8::1 user=taro session=hand by=hand why="its time is over"')
        equal(openings(h), [('192.0.2.7', 'hana', 'hand'), ('192.0.2.8', 'taro', 'hand')])
        equal(openings(h, 'list', 'taro'), [('192.0.2.8', 'taro', 'hand')])
        equal(openings(h, '192.0.2.7'), [('192.0.2.7', 'hana', 'hand')])
        contains(h.tool('gate', 'hana'), '192.0.2.7  hana  by hand, session hand  since ')
        one, = h.json('gate', '192.0.2.7')
        assert 295000 < one['left_ms'] <= 300000 and 298 <= one['until'] - one['since'] <= 301, one
        contains(h.tool('gate', 'counts'), 'open: 2  ')
        # what was open when the program was killed is open for as long as it was to be, and no longer
        h.wait_log('"gate opened" address=192.0.2.7 user=hana ')
        until(lambda: os.path.exists(os.path.join(h.state, 'gate/gate.mdb')), 'the store')
        h.tool('gate', 'open', '192.0.2.9', 'hana', '2')
        time.sleep(0.5)  # a crash forgets the last tenth of a second
        before = {o['address']: o['until'] for o in h.json('gate')}
        h.kill('gate')
        after = until(lambda: h.tool('gate', code=None) and h.code == 0 and h.json('gate'), 'the gate again')
        for o in after:
            assert abs(o['until'] - before[o['address']]) <= 1, (o, before)
        until(lambda: openings(h, '192.0.2.9') == [], 'the end of what was open when it was killed')
        equal(h.tool('gate', 'close', '192.0.2.8', 'hana', code=1), '0 closed\n')
        equal(h.tool('gate', 'close', '192.0.2.8', 'taro'), '1 closed\n')
        equal(h.tool('gate', 'close', '192.0.2.7'), '1 closed\n')
        h.wait_log('"gate closed" address=192.0.2.7 user=hana session=hand by=hand why=closed')
        equal(openings(h), [])
        for words in (('open', '192.0.2.7'), ('open', 'nowhere', 'hana'), ('close',), ('open', '192.0.2.7', 'hana', '0'),
                      ('192.0.2.7', 'hana'), ('close', '192.0.2.7', '--json')):
            h.tool('gate', *words, code=64)
