"""Other people's programs that call /usr/sbin/sendmail: mutt, git send-email, cron, and three mail commands."""
import os
import shutil
import signal
import subprocess
import tempfile

from house import NAME, PROGRAMS, House, Skip, contains, equal, until

FOREIGN = os.environ.get('SEKISHO_FOREIGN', '')
USERS = {'hana': 'sakura saku'}
# In a mount namespace of its own each finds ours at /usr/sbin/sendmail, beside what else is there.
INSIDE = 'mount -t overlay overlay -o lowerdir="$0":/usr/sbin /usr/sbin || exit 99; '


class Place:
    """a server, and where the programs run"""

    def __init__(self):
        if os.getuid() != 0:
            raise Skip('only root can put a program at /usr/sbin/sendmail')
        self.h = House(users=USERS)
        self.h.__enter__()
        self.dir = tempfile.mkdtemp(prefix='sekisho-programs-')
        os.chmod(self.dir, 0o755)
        wrapper = os.path.join(self.dir, 'sbin', 'sendmail')
        os.mkdir(os.path.dirname(wrapper), 0o755)
        with open(wrapper, 'w') as f:
            f.write('#!/bin/sh\nexport SEKISHO_STATE=%s\nexec %s/sendmail "$@"\n' % (self.h.state, PROGRAMS))
        os.chmod(wrapper, 0o755)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        shutil.rmtree(self.dir)
        self.h.__exit__(*unused)

    def words(self, script):
        return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', INSIDE + script,
                os.path.join(self.dir, 'sbin')]

    def env(self):
        return dict(os.environ, HOME=self.dir, LC_ALL='C.UTF-8', FOREIGN=FOREIGN, PATH='%s:%s/usr/bin' % (os.environ['PATH'], FOREIGN),
                    PERL5LIB=os.path.join(FOREIGN, 'usr/share/perl5'), GIT_COMMITTER_NAME='Root',
                    GIT_COMMITTER_EMAIL='root@' + NAME, GIT_AUTHOR_NAME='Root', GIT_AUTHOR_EMAIL='root@' + NAME,
                    LD_LIBRARY_PATH=os.path.join(FOREIGN, 'usr/lib/x86_64-linux-gnu'))

    def run(self, script, text=''):
        done = subprocess.run(self.words(script), input=text.encode(), env=self.env(), cwd=self.dir, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode == 99:
            raise Skip('no overlay can be mounted here')
        if done.returncode:
            raise AssertionError('%s: exit %d: %s' % (script, done.returncode, done.stdout.decode('utf-8', 'replace')))

    def write(self, name, text):
        with open(os.path.join(self.dir, name), 'w') as f:
            f.write(text)

    def last(self, count):
        return self.h.messages('hana', count)[-1].decode('utf-8', 'replace')


def test_programs():
    with Place() as p:
        to = 'hana@' + NAME
        p.write('attached', 'The gate stands by the pass.\n')
        p.write('muttrc', 'set use_from=yes\nset from="Hana <root@%s>"\nset copy=no\n' % NAME)
        p.run('"$FOREIGN"/usr/bin/mutt -F muttrc -s "from mutt" -a attached -- %s' % to, 'Grüße\n.\nend\n')
        contains(p.last(1), 'Subject: from mutt')
        contains(p.last(1), 'The gate stands by the pass.')
        p.run('"$FOREIGN"/usr/bin/bsd-mailx -s "from bsd-mailx" %s' % to, 'one\n')
        contains(p.last(2), 'Subject: from bsd-mailx')
        p.run('s-nail -n -s "from s-nail" %s' % to, 'one\n')
        contains(p.last(3), 'Subject: from s-nail')
        p.run('mail.mailutils -s "from mailutils" %s' % to, 'one\n')
        contains(p.last(4), 'Subject: from mailutils')
        p.write('1.patch', 'From 0 Mon Sep 17 00:00:00 2001\nFrom: Root <root@%s>\nDate: Sat, 28 Nov 2026 12:00:00 +0000\n'
                'Subject: [PATCH] from git\n\n---\n a | 1 +\n' % NAME)
        p.run('perl "$FOREIGN"/usr/lib/git-core/git-send-email --quiet --confirm=never --no-validate '
              '--sendmail-cmd=/usr/sbin/sendmail --to %s --from "Root <root@%s>" 1.patch' % (to, NAME))
        contains(p.last(5), 'Subject: [PATCH] from git')
        for seen in p.h.messages('hana', 5):
            contains(seen.decode('utf-8', 'replace'), '\r\nMessage-ID: <' if b'Message-ID' in seen else '\r\nMessage-Id: <')


def test_cron():
    """what a job prints comes to its owner; root's mail is the postmaster's"""
    with Place() as p:
        p.write('crontab', 'LC_ALL=C.UTF-8\n@reboot echo the hour has come\n')
        # a run directory of its own: this boot has not been seen; nobody else's jobs
        script = ('mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/spool && mkdir -p /var/spool/cron/crontabs && '
                  'install -m 600 crontab /var/spool/cron/crontabs/root && exec "$FOREIGN"/usr/sbin/cron -f')
        cron = subprocess.Popen(p.words(script), env=p.env(), cwd=p.dir, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            until(lambda: p.h.files('hana') or cron.poll() is not None, 'cron sends mail', 30)
        finally:
            if cron.poll() is None:
                cron.send_signal(signal.SIGTERM)
            said = cron.communicate(timeout=20)[0].decode('utf-8', 'replace')
        if cron.returncode == 99:
            raise Skip('no overlay can be mounted here')
        if not p.h.files('hana'):
            raise AssertionError('cron ended: ' + said)
        seen = p.last(1)
        contains(seen, 'From: root@%s (Cron Daemon)' % NAME)
        contains(seen, 'To: root@' + NAME)
        contains(seen, 'the hour has come')
        equal(seen.count('X-Cron-Env: '), seen.count('X-Cron-Env: <'))
