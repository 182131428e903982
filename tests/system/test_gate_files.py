"""The gate in a directory that the paper's own scripts write at the same time (N-22, N-23)."""
import os
import subprocess

from house import NAME, House, contains, equal, until

WRAPPER = r'''
set -e
cd "$1"
touch "$2+$$"
[ -z "$3" ] || sleep "$3"
touch "$2+$$"
mv -f "$2+$$" "$2"
'''


def openings(h):
    return sorted((o['address'], o['user'], o['session'], o['by']) for o in h.json('gate'))


def shell(script, *words):
    return subprocess.run(['sh', '-c', script, 'wrapper'] + [str(w) for w in words], check=True, timeout=30)


def test_beside_scripts():
    h = House(start=False)
    where = os.path.join(h.dir, 'popkey')
    h.set('gatestore', where + '/\n')
    h.set('popkey', '2 4\n')
    with h:
        h.start()
        equal(openings(h), [])
        # a script opens, without a name: at once, and until its clock says so
        shell('touch "$1/192.0.2.7+123"', where)
        equal(openings(h), [('192.0.2.7', '', '123', 'file')])
        shell('mv -f "$1/192.0.2.7+123" "$1/192.0.2.7"', where)
        equal(openings(h), [('192.0.2.7', '', '', 'file')])
        shell('touch -d "3 seconds ago" "$1/192.0.2.7"', where)
        equal(openings(h), [])
        shell(WRAPPER, where, '192.0.2.8')
        equal(openings(h), [('192.0.2.8', '', '', 'file')])
        until(lambda: openings(h) == [], 'it closes by its clock', 4)
        h.wait_log('"gate closed" address=192.0.2.8 .* why="its time is over"')
        # who is in a file: each by his own clock, and in any spelling of the address
        shell(r'printf "hana\ntaro 1000\n" > "$1/2001:DB8:0::7"', where)
        equal(openings(h), [('2001:db8::7', 'hana', '', 'file')])
        shell('rm "$1/2001:DB8:0::7"', where)
        equal(openings(h), [])
        # ours: a file that scripts can read, and take away
        h.tool('gate', 'open', '192.0.2.9', 'hana', '600')
        with open(os.path.join(where, '192.0.2.9+hand')) as f:
            contains(f.read(), 'hana')
        one, = h.json('gate', '192.0.2.9')
        assert 3000 < one['left_ms'] <= 4000, one  # no longer than popkey says
        shell('rm "$1/192.0.2.9+hand"', where)
        equal(openings(h), [])
        h.tool('gate', 'open', '192.0.2.9', 'hana', '1')
        one, = h.json('gate', '192.0.2.9')
        assert one['left_ms'] <= 1000, one
        equal(h.tool('gate', 'close', '192.0.2.9'), '1 closed\n')
        equal(os.path.exists(os.path.join(where, '192.0.2.9+hand')), False)
        # other people's files open nothing
        shell('mkdir "$1/192.0.2.10"; touch "$1/192.0.2.11.tmp" "$1/nonsense"; ln -s /etc/passwd "$1/192.0.2.12"', where)
        equal(openings(h), [])
        # many at once, and all of them at once gone
        shell('cd "$1"; for i in $(seq 1 250); do : >"10.0.0.$i+$i"; done', where)
        equal(len(openings(h)), 250)
        # what was open when the program was killed is so afterwards
        shell('cd "$1"; touch 10.1.0.1+1', where)
        h.kill('gate')
        until(lambda: h.tool('gate', code=None) and h.code == 0, 'the gate again')
        equal([o for o in openings(h) if o[0] == '10.1.0.1'], [('10.1.0.1', '', '1', 'file')])
        shell('rm -r "$1"', where)
        h.wait_log('"the directory of the gate is gone')
        h.tool('gate', code=75)
        equal(h.json('status')['status']['gate']['shared_is'], 'down')
        h.send()
