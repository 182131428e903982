#!/usr/bin/env python3
"""A double of a program: the parent starts it in the real one's place (test_broken.py).

Its folder holds the real programs, by their names with `.real` behind, and `plan`: a line for each start still to
come. What a line asks for is done once; with no line left the real program is run.

	nonsense PEER...	says to these peers what no program may say
	accuse PEER...	tells the parent that these peers said nonsense; again for each fresh channel
	outdated PEER...	the same of a life of these peers that is over
	babble		says to the parent what no program may say
	die		just ends
"""
import fcntl
import os
import signal
import socket
import struct
import sys

PEERS = ('none', 'smtpd', 'popd', 'spool', 'deliver', 'mailbox', 'auth', 'gate', 'keys', 'resolve', 'report', 'relay', 'fetch', 'drop')
PEER, GO, COMMAND, READY, DONE, PEER_BROKEN = 4, 5, 7, 9, 13, 14  # src/channels/parent_program.h
NONSENSE = struct.pack('<IHHI', 0, 999, 0, 1)
parent = socket.socket(fileno=3)
folder = os.path.dirname(os.path.abspath(sys.argv[0]))


def take_line():
    """the first line of the plan, which is then gone"""
    with open(os.path.join(folder, 'plan'), 'r+') as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        lines = f.read().split('\n')
        f.seek(0)
        f.truncate()
        f.write('\n'.join(lines[1:]))
        return lines[0].split()


def say(code, fields, stream=0):
    parent.send(struct.pack('<IHHI', len(fields), code, 0, stream) + fields)


def receive():
    """code, stream, fields and descriptors of the parent's next frame"""
    octets, fds, _, _ = socket.recv_fds(parent, 1 << 18, 1)
    if not octets:
        sys.exit(0)
    _, code, _, stream = struct.unpack('<IHHI', octets[:12])
    return code, stream, octets[12:], fds


def act(what, names, program, worker, start, channel):
    if PEERS[program] not in names:
        return
    if what == 'nonsense':
        channel.sendall(NONSENSE)
    elif what in ('accuse', 'outdated'):
        why = b'it has an unfriendly face'
        say(PEER_BROKEN, struct.pack('<IIII', program, worker, start + (what == 'outdated'), len(why)) + why)


def play(what, names):
    met = []
    ready = False
    while True:
        code, stream, fields, fds = receive()
        if code == PEER:
            program, worker, _, start = struct.unpack('<IIII', fields[:16])
            met.append((program, worker, start, socket.socket(fileno=fds[0])))
            if ready:
                act(what, names, *met[-1])
        elif code == COMMAND:
            say(DONE, struct.pack('<I', 0), stream)
        elif code == GO:
            say(READY, struct.pack('<I', 0))
            ready = True
            for peer in met:
                act(what, names, *peer)
            if what == 'babble':
                say(999, b'')
            elif what == 'die':
                os.kill(os.getpid(), signal.SIGTERM)


line = take_line()
if not line:
    name = os.path.basename(sys.argv[0])
    parent.detach()
    os.execv(os.path.join(folder, name + '.real'), [name])
play(line[0], line[1:])
