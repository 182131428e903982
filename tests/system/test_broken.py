"""A program that is broken, or was broken into, speaks nonsense: it is ended, started anew, and all goes on."""
import os
import shutil

from house import HANA, PROGRAMS, SOURCE, House, contains, equal, mail, until

SAID = r'event="a program said what it may not: it is ended and started anew" of=%s told_by=%s why="%s'


class Street(House):
    """a house in whose `program` the double lives for as many starts as the plan has lines"""

    def __init__(self, program, plan):
        super().__init__(options=['--workers', '1'], start=False)
        self.folder = os.path.join(self.dir, 'programs')
        self.env['SEKISHO_PROGRAMS'] = self.folder
        os.mkdir(self.folder, 0o755)
        for name in os.listdir(PROGRAMS):
            path = os.path.join(PROGRAMS, name)
            if name.startswith('sekisho-') and os.access(path, os.X_OK) and os.path.isfile(path):
                shutil.copy(path, os.path.join(self.folder, name))
        double = os.path.join(self.folder, 'sekisho-' + program)
        os.rename(double, double + '.real')
        shutil.copy(os.path.join(SOURCE, 'tests/system/double.py'), double)
        with open(os.path.join(self.folder, 'plan'), 'w') as f:
            f.write('\n'.join(plan))
        self.start()

    def broken(self):
        """program → how often it was ended for what it had said, where that has happened"""
        return {p['name']: p['broken'] for p in self.json('status', code=None)['programs'] if p['broken']}

    def restarts(self):
        return {p['name']: p['restarts'] for p in self.json('status', code=None)['programs'] if p['restarts']}

    def all_works(self):
        """a mail goes in, to the mailbox, and out"""
        self.until_up()
        before = len(self.files('hana'))
        def sent():
            try:
                self.send(HANA, mail())
                return True
            except (AssertionError, OSError):
                return False
        until(sent, 'a mail is taken')
        until(lambda: len(self.files('hana')) > before, 'it is in the mailbox')
        d = self.pop('hana')
        contains(d.ok('STAT'), '+OK %d ' % (before + 1))
        d.ok('QUIT')
        d.close()


def nonsense(program, peer):
    with Street(program, ['nonsense ' + peer]) as h:
        h.wait_log(SAID % (program, peer, 'a code that this side may not say'))
        until(lambda: h.restarts() == {program: 1}, 'it is started anew')
        h.all_works()
        equal(h.broken(), {program: 1})
        equal(h.restarts(), {program: 1})


def test_each_who_speaks_nonsense_to_a_peer_is_started_anew():
    """one on each side of each kind of channel; nobody else is touched, and the pair works again"""
    for program, peer in (('smtpd', 'spool'), ('spool', 'smtpd'), ('spool', 'deliver'), ('deliver', 'spool'),
                          ('deliver', 'mailbox'), ('mailbox', 'popd'), ('popd', 'auth'), ('auth', 'gate'),
                          ('gate', 'deliver'), ('gate', 'smtpd'), ('keys', 'smtpd'), ('smtpd', 'keys'), ('auth', 'mailbox'),
                          ('resolve', 'smtpd'), ('smtpd', 'resolve'), ('spool', 'report'), ('report', 'spool'),
                          ('spool', 'relay'), ('relay', 'spool'), ('relay', 'resolve'), ('resolve', 'relay'),
                          ('relay', 'fetch'), ('fetch', 'relay')):
        nonsense(program, peer)


test_each_who_speaks_nonsense_to_a_peer_is_started_anew.seconds = 300


def test_nonsense_over_and_over():
    """each time it is ended, later and later; what it says to several at once counts once"""
    with Street('gate', ['nonsense auth deliver']) as h:
        h.wait_log(SAID % ('gate', '(auth|deliver)', 'a code that this side may not say'))
        h.all_works()
        equal(h.broken(), {'gate': 1})
    with Street('gate', ['nonsense auth', 'nonsense deliver']) as h:
        h.wait_log(SAID % ('gate', '(auth|deliver)', 'a code that this side may not say'), 2)
        h.wait_log('of=gate signal=9 restart_in_ms=200')
        h.all_works()
        equal(h.broken(), {'gate': 2})
        equal(h.restarts(), {'gate': 2})


def test_nonsense_to_the_parent():
    with Street('mailbox', ['babble']) as h:
        h.wait_log(SAID % ('mailbox', 'parent', 'no frame that a program may send'))
        h.all_works()
        equal(h.broken(), {'mailbox': 1})


def test_who_merely_dies_is_not_blamed():
    with Street('gate', ['die', 'die']) as h:
        h.wait_log('of=gate signal=15', 2)
        h.all_works()
        equal(h.broken(), {})
        equal(h.restarts(), {'gate': 2})
    with House() as h:
        for program in ('spool', 'auth', 'deliver'):
            h.kill(program)
            h.until_up()
        equal([p['broken'] for p in h.json('status')['programs'] if p['broken']], [])


def test_who_accuses_one_after_another_is_ended_too():
    """a face that was broken into cannot keep the others from working by lying about them"""
    with Street('smtpd', ['accuse spool']) as h:
        h.wait_log(SAID % ('smtpd.?0?', 'parent', 'it accuses one peer after another'))
        h.all_works()
        equal(h.broken(), {'spool': 2, 'smtpd': 1})


def test_an_earlier_life_is_not_blamed_on_the_next():
    with Street('smtpd', ['outdated spool keys auth']) as h:
        h.until_up()
        equal((h.broken(), h.restarts()), ({}, {}))
