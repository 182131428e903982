"""kill -9, again and again at random moments under load: of each program in turn, of some, of all at once."""
import itertools
import random

from house import *
from witness import Witness

ROUNDS = int(os.environ.get('SEKISHO_TEST_ROUNDS') or (1000 if os.environ.get('SEKISHO_TEST_LONG') else 45))
PROGRAMS_IN_TURN = ('spool', 'deliver', 'smtpd', 'gate', 'deliver', 'spool', 'mailbox', 'popd', 'deliver', 'auth',
                    'spool', 'keys')
A_LIFE = 15  # rounds until everything starts afresh and is judged; back-off stays short


def running(h):
    """[(name, process id)] of the programs, without asking the server"""
    found = []
    for pid in h.children():
        try:
            with open('/proc/%d/comm' % pid) as f:
                found.append((f.read().strip().replace('sekisho-', ''), pid))
        except OSError:
            pass
    return found


def kill(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def kill_everything(h, chance):
    """the parent and all its children, in whatever order, without a pause between"""
    everything = [pid for _, pid in running(h)] + [h.process.pid]
    chance.shuffle(everything)
    kill(everything)
    h.process.wait()
    h.log_file.close()
    h.wait_programs_gone()


def one_life(h, chance, turn, rounds):
    """kills in that many rounds, the last one of everything; what was killed of whom"""
    for round in range(rounds - 1):
        time.sleep(chance.uniform(0.0, 0.25))
        if round % 3 == 2:
            there = running(h)
            kill(pid for _, pid in chance.sample(there, min(len(there), chance.randrange(2, 5))))
        else:
            name = next(turn)
            of_it = until(lambda: [pid for n, pid in running(h) if n == name], name + ' runs', 40)
            kill([chance.choice(of_it)])
    time.sleep(chance.uniform(0.0, 0.25))
    kill_everything(h, chance)


def test_kills_under_load():
    """issue 3: every 250 is in its mailbox once and whole, nothing refused is, nothing removed comes back"""
    chance = random.Random(ROUNDS)
    turn = itertools.cycle(PROGRAMS_IN_TURN)
    done = accepted = removed = left = 0
    with House(files={'duplicatewindow': '0\n'}) as h:
        while done < ROUNDS:
            witness = Witness(h, first=1 + 1000000 * done)
            until(lambda: witness.accepted() > 20, 'mail is taken')
            rounds = min(A_LIFE, ROUNDS - done)
            one_life(h, chance, turn, rounds)
            done += rounds
            if done // A_LIFE % 2:
                h.unset('duplicatewindow')  # as it is by default: it must not swallow anything
            else:
                h.set('duplicatewindow', '0\n')
            h.start()
            before = witness.accepted()
            until(lambda: witness.accepted() > before + 5, 'mail is taken again')
            witness.end()
            witness.judge()
            accepted += witness.accepted()
            removed += sum(len(r) for r in witness.removed.values())
            left += witness.left
            witness.forget()
        equal(accepted > 2 * ROUNDS, True, 'only %d mails' % accepted)
        equal(removed > ROUNDS // 10, True, 'only %d removed' % removed)
        # TODO: none, when what a killed deliver was writing is found by the next one in every case
        equal(left <= 1 + ROUNDS // 200, True, '%d files were left in tmp/' % left)
        print('     %d rounds, %d mails accepted, %d removed by POP3, %d files left in tmp/' %
              (done, accepted, removed, left))


test_kills_under_load.seconds = 120 + 3 * ROUNDS
