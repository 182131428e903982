"""popKey beside other people's servers: Dovecot, Courier, Postfix and Exim on one host, each told by ours; the paper's own
scripts and ours on one directory. Clients have whatever address they like."""
import atexit
import concurrent.futures
import imaplib
import itertools
import poplib
import smtplib
import sys
import time

import dns
import hosts
from house import *

ADDRESS = '198.18.0.61'
PHONE, OFFICE, CAFE = '192.0.2.7', '198.51.100.7', '203.0.113.7'
PASSWORD = 'open-sesame'
ELSEWHERE = 'someone@elsewhere.example'
# an authenticator as qmail-popup and checkpassword are, in few lines: then it becomes what stands behind it
LOGIN = r"""#!/bin/bash
printf '+OK ready\r\n'
while read -r word rest; do
	rest=${rest%$'\r'}
	case $word in
	USER) export USER=$rest; printf '+OK\r\n' ;;
	PASS) [ "$rest" = 'open-sesame' ] && printf '+OK\r\n' && exec "$@"; printf -- '-ERR no\r\n' ;;
	*) printf -- '-ERR what?\r\n' ;;
	esac
done
"""
DOVECOT = """
protocols = pop3 imap
log_path = {dir}/dovecot.log
base_dir = /run/dovecot
state_dir = {dir}/state
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5
passdb {{
  driver = static
  args = password={{PLAIN}}{password}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={dir}/mail/%u
}}
mail_location = maildir:~/Maildir
first_valid_uid = 1
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service pop3-login {{
  inet_listener pop3s {{
    port = 0
  }}
}}
service imap-login {{
  inet_listener imaps {{
    port = 0
  }}
}}
service imap {{
  executable = imap imap-postlogin
}}
service imap-postlogin {{
  executable = script-login {wrap} --imap --address-from IP
  unix_listener imap-postlogin {{
  }}
}}
"""


class MailHost(hosts.Host):
    """servers of other people; the directory is seen from both sides"""

    def configure(self):
        self.gate = '/run/popkey'
        self.run('mkdir', '-m', '2775', self.gate)
        self.programs = {name: os.path.join(PROGRAMS, 'popkey-' + name) for name in ('wrap', 'filter', 'log', 'smtp', 'export')}

    def start(self, *words, env=''):
        """a program of ours, or a superserver, that stays"""
        line = ' '.join("'%s'" % w for w in words)
        self.run('sh', '-c', '%s setsid %s >>%s/log 2>&1 & echo $! >>%s/pids' % (env, line, self.dir, self.dir))

    def files(self):
        return self.run('ls', self.gate).split()

    def opened(self, address):
        return [f for f in self.files() if f.split('+')[0] == address]

    def sessions(self, address):
        return len([f for f in self.opened(address) if '+' in f])

    def close_all(self):
        self.run('sh', '-c', 'rm -f %s/*' % self.gate)

    def age(self, seconds):
        """every opening was so long ago"""
        self.run('sh', '-c', 'for f in %s/*; do touch -d "@$(($(date +%%s) - %d))" "$f"; done' % (self.gate, seconds))


made = []


def host():
    if not made:
        hosts.wire()
        made.append(MailHost('mx.pop.example', ADDRESS))
        atexit.register(made[0].end)
        start_all(made[0])
    made[0].close_all()
    return made[0]


def listens(port):
    def tried():
        try:
            socket.create_connection((ADDRESS, port), 2).close()
            return True
        except OSError:
            return False
    until(tried, 'port %d' % port)


def pop3(source, port=110, password=PASSWORD, user='hana'):
    """a session that has logged in"""
    p = Pop3From(source, port)
    p.user(user)
    p.pass_(password)
    return p


class Pop3From(poplib.POP3):
    def __init__(self, source, port):
        self.source = source
        super().__init__(ADDRESS, port, timeout=10)

    def _create_socket(self, timeout):
        return socket.create_connection((self.host, self.port), timeout, (self.source, 0))


class Imap4From(imaplib.IMAP4):
    def __init__(self, source, port=143):
        self.source = source
        super().__init__(ADDRESS, port)

    def _create_socket(self, timeout):
        return socket.create_connection((self.host, self.port), 10, (self.source, 0))


def relays(source, port=25, sender='hana@example.test'):
    """whether the SMTP server takes mail from there for elsewhere"""
    with smtplib.SMTP(ADDRESS, port, 'client.example', 15, (source, 0)) as s:
        s.ehlo()
        s.mail(sender)
        return s.rcpt(ELSEWHERE)[0] == 250


POSTFIX = """
compatibility_level = 3.6
queue_directory = {dir}/postfix/queue
data_directory = {dir}/postfix/data
meta_directory = {dir}/postfix
command_directory = /usr/sbin
shlib_directory = /usr/lib/postfix
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {dir}/postfix.log
maillog_file_prefixes = {dir}
inet_protocols = ipv4
myhostname = mx.pop.example
mydestination = pop.example
mynetworks = 127.0.0.0/8
alias_maps =
smtpd_peername_lookup = no
smtpd_recipient_restrictions =
smtpd_relay_restrictions = check_policy_service {{ unix:{dir}/policy, default_action=DUNNO }}, reject_unauth_destination
"""
ACCESS = '-o { smtpd_relay_restrictions = check_client_access %s, reject_unauth_destination }'
EXIM = r"""
primary_hostname = mx.pop.example
spool_directory = {dir}/exim
log_file_path = {dir}/exim/%slog
pid_file_path = {dir}/exim/pid
daemon_smtp_ports = 2525
disable_ipv6
host_lookup =
rfc1413_query_timeout = 0s
keep_environment = RELAYCLIENT
acl_smtp_rcpt = rcpt
begin acl
rcpt:
  accept hosts = {dir}/hosts
  accept condition = ${{env{{RELAYCLIENT}}{{yes}}{{no}}}}
  deny message = relay not permitted
"""
POLICY, MAP, SOCKETMAP, HOSTS, RELAYCLIENT = 25, 26, 27, 2525, 2526  # ports of the SMTP servers


def start_dovecot(h):
    h.write('dovecot.conf', DOVECOT.format(dir=h.dir, password=PASSWORD, wrap=h.programs['wrap']))
    h.run('bash', '-c', 'for u in dovecot dovenull; do echo "$u:x:95$((++i)):95$i::/nonexistent:/bin/false" >>/etc/passwd; '
          'echo "$u:x:95$i:" >>/etc/group; done; mkdir -p /etc/dovecot; dovecot -c {0}/dovecot.conf >>{0}/log 2>&1'.format(h.dir))


def start_postfix(h):
    h.write('postfix/main.cf', POSTFIX.format(dir=h.dir))
    with open(os.path.join(dns.FOREIGN, 'usr/share/postfix/master.cf.dist')) as f:
        rows = [line.split() for line in f if line[0] not in '# \t\n']
    master = ''.join('%s %s %s %s n %s\n' % (*row[:4], ' '.join(row[5:])) for row in rows)
    for port, kind in (MAP, 'hash:%s/access' % h.dir), (SOCKETMAP, 'socketmap:unix:%s/socketmap:popkey' % h.dir):
        master += '%d inet n - n - - smtpd %s\n' % (port, ACCESS % kind)
    h.write('postfix/master.cf', master)
    h.run('sh', '-c', 'mkdir -p {0}/postfix/data {0}/postfix/queue; chown postfix {0}/postfix/data; '
          'cp /usr/share/postfix/postfix-files /usr/share/postfix/dynamicmaps.cf* /etc/postfix/postfix-files* /etc/postfix/dynamicmaps.cf* '
          '{0}/postfix/ 2>/dev/null; '
          'postfix -c {0}/postfix start >>{0}/log 2>&1'.format(h.dir))


def start_exim(h):
    config = h.write('exim.conf', EXIM.format(dir=h.dir))
    h.run('sh', '-c', 'mkdir -p {0}/exim /etc/exim4; chown -R Debian-exim {0}/exim; touch {0}/hosts; echo {1} >/etc/exim4/trusted_configs; '
          '/usr/sbin/exim4 -C {1} -bd >>{0}/log 2>&1'.format(h.dir, config))
    h.start('tcpserver', '-RHl0', '0', str(RELAYCLIENT), h.programs['smtp'], '/usr/sbin/exim4', '-C', config, '-bs')


def start_courier(h):
    """its POP3 server with popkey-wrap behind the login, on port 1110; all of it behind popkey-filter, on 1111; IMAP on 1143"""
    h.run('bash', '-c', r"""
cd {dir}; sed -i 's/^authmodulelist=.*/authmodulelist="authuserdb"/' /etc/courier/authdaemonrc
printf 'hana\tuid=65534|gid=65534|home={dir}/mail/hana|shell=/bin/sh|systempw=%s\n' "$(openssl passwd -5 {password})" >/etc/courier/userdb
chmod 600 /etc/courier/userdb; makeuserdb; mkdir -p /run/courier/authdaemon mail/hana
maildirmake.courier mail/hana/Courier; chown -R 65534:65534 mail /run/popkey
setsid /usr/lib/courier/courier-authlib/authdaemond >>log 2>&1 &""".format(dir=h.dir, password=PASSWORD))
    lib = '/usr/lib/courier/courier/'
    mailbox = h.write('wrapped', '#!/bin/sh\nexec %s %scourierpop3d "$@"\n' % (h.programs['wrap'], lib), 0o755)
    pop3d = h.write('pop3d', '#!/bin/sh\nset -a\n. /etc/courier/pop3d\nset +a\nexec %scourierpop3login "${1:-%scourierpop3d}" Courier\n' % (lib, lib), 0o755)
    imapd = h.write('imapd', '#!/bin/sh\nset -a\n. /etc/courier/imapd\nset +a\nexec %simaplogin /usr/bin/imapd Courier\n' % lib, 0o755)
    h.start('tcpserver', '-RHl0', '0', '1110', pop3d, mailbox)
    h.start('tcpserver', '-RHl0', '0', '1111', h.programs['filter'], pop3d)
    h.start('tcpserver', '-RHl0', '0', '1143', h.programs['filter'], '--imap', imapd)


def start_qmail_style(h):
    """authenticator, popkey-wrap, Dovecot's POP3 server as its child, on port 1112"""
    h.write('login', LOGIN, 0o755)
    h.start('tcpserver', '-RHl0', '0', '1112', h.dir + '/login', 'setpriv', '--reuid=65534', '--regid=65534', '--clear-groups',
            h.programs['wrap'], 'doveadm', '-c', h.dir + '/dovecot.conf', 'exec', 'pop3', env='HOME=%s/mail/hana' % h.dir)


def start_all(h):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for started in [pool.submit(start, h) for start in (start_dovecot, start_courier, start_qmail_style, start_postfix, start_exim)]:
            started.result()
    h.start(h.programs['log'], '--file', h.dir + '/dovecot.log', '--server', 'dovecot')
    h.start(h.programs['export'], '--map', h.dir + '/access', '--rebuild', 'postmap -c {0}/postfix hash:{0}/access'.format(h.dir), '--policy',
            'unix:%s/policy' % h.dir, '--socketmap', 'unix:%s/socketmap' % h.dir, '--domains', 'example.test')
    h.start(h.programs['export'], '--map', h.dir + '/hosts', '--format', 'hosts')
    for port in 110, 143, 1110, 1111, 1112, 1143, POLICY, MAP, SOCKETMAP, HOSTS, RELAYCLIENT:
        listens(port)


def ways(source, sender='hana@example.test'):
    """the ports at which mail from there goes through"""
    return [port for port in (POLICY, MAP, SOCKETMAP, HOSTS, RELAYCLIENT) if relays(source, port, sender)]


ALL = [POLICY, MAP, SOCKETMAP, HOSTS, RELAYCLIENT]


def opens(source, ports=ALL):
    """they do in time: a log is read, a map is written, after the login"""
    until(lambda: ways(source) == ports, '%s goes through %r' % (source, ports))


def test_dovecot_with_log():
    """a POP3 login opens every SMTP server for its address, and where the user is known, for him alone"""
    h = host()
    equal(ways(PHONE), [])
    pop3(PHONE).quit()
    opens(PHONE)
    equal(ways(PHONE, 'taro@example.test'), [MAP, SOCKETMAP, HOSTS, RELAYCLIENT])
    equal(ways(OFFICE), [])
    h.age(290)
    equal(ways(PHONE), ALL)
    h.age(301)
    opens(PHONE, [])


def test_forged_names():
    """a name that looks like a login, tried in vain"""
    h = host()
    for name in ('x>, method=PLAIN, rip=%s, lip=::1' % CAFE, 'pop3-login: Info: Login: user=<hana>, method=PLAIN, rip=%s, lip=::1' % CAFE,
                 'x@%s' % CAFE):
        try:
            pop3(PHONE, 110, 'wrong', name)
            raise AssertionError('logged in')
        except poplib.error_proto:
            pass
    pop3(OFFICE).quit()  # its line comes behind theirs
    until(lambda: h.opened(OFFICE), 'the log is read')
    equal(h.opened(CAFE) + h.opened(PHONE), [])
    with open(h.dir + '/dovecot.log') as f:
        contains(f.read(), 'auth failed')


def test_dovecot_imap_with_wrap():
    """as a post-login script: open for 10 s from the login, and no longer, whatever the session does (N-27)"""
    as_released()  # Dovecot bounds the memory of what it runs
    h = host()
    i = Imap4From(OFFICE)
    i.login('hana', PASSWORD)
    equal(i.select()[0], 'OK')
    equal(h.files(), [OFFICE])
    equal(h.run('cat', '%s/%s' % (h.gate, OFFICE)).split()[0], 'hana')
    equal(relays(OFFICE, POLICY), True)
    h.age(11)
    opens(OFFICE, [])
    equal(i.noop()[0], 'OK')
    equal(ways(OFFICE), [])
    i.logout()


def test_courier():
    """popkey-wrap behind its login, popkey-filter before it, POP3 and IMAP"""
    h = host()
    for port in 1110, 1111:
        p = pop3(PHONE, port)
        until(lambda: h.sessions(PHONE) == 1, 'a session lasts')
        equal(p.stat(), (0, 0))
        opens(PHONE)
        p.quit()
        until(lambda: h.sessions(PHONE) == 0, 'the session has ended')
        equal(h.run('cat', '%s/%s' % (h.gate, PHONE)).split()[0], 'hana')
        h.age(11)
        opens(PHONE, [])
    i = Imap4From(OFFICE, 1143)
    equal(h.opened(OFFICE), [])
    i.login('hana', PASSWORD)
    equal(h.opened(OFFICE), [OFFICE])
    i.logout()


def test_sessions_under_tcpserver():
    """Dovecot's server as the child: two at one time, one that crashes, one that is long"""
    h = host()
    first, second = pop3(PHONE, 1112), pop3(PHONE, 1112)
    equal(first.stat(), (0, 0))
    until(lambda: h.sessions(PHONE) == 2, 'both last')
    first.quit()
    until(lambda: PHONE in h.files(), 'the first has ended')
    equal(h.sessions(PHONE), 1)
    h.age(11)
    equal(ways(PHONE), ALL)  # the second lasts
    session = [f for f in h.opened(PHONE) if '+' in f][0]
    h.run('kill', '-9', session.split('+')[1])
    h.age(290)
    equal(ways(PHONE), ALL)
    h.age(301)
    opens(PHONE, [])
    h.close_all()
    third = pop3(PHONE, 1112)
    until(lambda: h.sessions(PHONE) == 1, 'a session lasts')
    h.age(400)
    opens(PHONE, [])
    third.quit()  # longer than 300 s: it opens again at its end
    until(lambda: h.opened(PHONE) == [PHONE] and relays(PHONE, POLICY), 'the long one has ended', 9)


def sent_with_msmtp(h):
    """whether Postfix took it"""
    path = h.write('msmtprc', 'account x\nhost %s\nport %d\nfrom hana@example.test\nauth off\ntls off\ndomain client.example\n' % (ADDRESS, POLICY), 0o600)
    done = subprocess.run(['msmtp', '-C', path, '-a', 'x', ELSEWHERE], input=mail(to=ELSEWHERE).replace(b'\r\n', b'\n'), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60, check=False)
    if done.returncode:
        contains(done.stdout.decode(), 'Relay access denied')
    return done.returncode == 0


def fetch_with_mpop(h, port):
    path = h.write('mpoprc', 'account x\nhost %s\nport %d\nuser hana\npassword %s\nauth user\ntls off\nuidls_file %s/uidls\ndelivery mbox %s/box\n'
                   % (ADDRESS, port, PASSWORD, h.dir, h.dir), 0o600)
    run('mpop', '-C', path, 'x')


def fetch_with_fetchmail(h, port):
    path = h.write('fetchmailrc', "set no bouncemail\npoll %s protocol pop3 no dns port %d\n user 'hana' password '%s' sslproto '' mda 'cat >>%s/got' keep\n"
                   % (ADDRESS, port, PASSWORD, h.dir), 0o600)
    run('fetchmail', '-f', path, '--nosyslog', '--nodetach', '--pidfile', h.dir + '/fetchmail.pid', '-i', h.dir + '/ids', code=None,
        env={'HOME': h.dir, 'FETCHMAILHOME': h.dir})


def test_mail_programs():
    """msmtp sends first and is refused; after mpop and fetchmail it goes; as Thunderbird does, both at once: before, during and after"""
    h = host()
    for fetch in fetch_with_mpop, fetch_with_fetchmail:
        for port in 110, 1112:  # popkey-log beside it; popkey-wrap before it
            h.close_all()
            equal(sent_with_msmtp(h), False, 'before')
            fetch(h, port)
            until(lambda: h.opened(hosts.OURS), 'it has fetched')
            equal(sent_with_msmtp(h), True, 'after %s at %d' % (fetch.__name__, port))
    h.close_all()
    with smtplib.SMTP(ADDRESS, POLICY, 'client.example', 15, (PHONE, 0)) as s:
        p = Pop3From(PHONE, 1112)
        s.ehlo()
        s.mail('hana@example.test')
        equal(s.rcpt(ELSEWHERE)[0], 554, 'before')
        p.user('hana')
        equal(s.rcpt(ELSEWHERE)[0], 554, 'nobody has logged in')
        p.pass_(PASSWORD)
        p.stat()  # the login says +OK before popkey-wrap begins
        equal(s.rcpt(ELSEWHERE)[0], 250, 'during')
        s.docmd('DATA')
        p.quit()
        s.send(mail(to=ELSEWHERE) + b'.\r\n')
        equal(s.getreply()[0], 250)
        until(lambda: h.opened(PHONE) == [PHONE], 'it has ended')
        s.mail('hana@example.test')
        equal(s.rcpt(ELSEWHERE)[0], 250, 'after')
        s.rset()
        h.age(11)
        s.mail('hana@example.test')
        equal(s.rcpt(ELSEWHERE)[0], 554, 'over')


# --- on one directory, without a network


FROZEN = """
#include <stdlib.h>
#include <time.h>
static long long at(void) { return atoll(getenv("AT_MS")); }
int clock_gettime(clockid_t id, struct timespec *t) { (void)id; *t = (struct timespec){at() / 1000, at() % 1000 * 1000000}; return 0; }
time_t time(time_t *t) { if (t) *t = at() / 1000; return at() / 1000; }
"""


class Gate:
    """a directory, and who asks about it: ours and the paper's"""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='sekisho-popkey-')
        self.gate = os.path.join(self.dir, 'gate')
        os.mkdir(self.gate)
        here = os.path.dirname(os.path.abspath(__file__))
        self.wraps = [[os.path.join(PROGRAMS, 'popkey-wrap'), '--directory', self.gate], [here + '/popkey-paper-wrap.sh', self.gate]]
        self.gates = [[os.path.join(PROGRAMS, 'popkey-smtp'), '--directory', self.gate], [here + '/popkey-paper-gate.pl', self.gate]]

    def env(self, address, **more):
        plain = {k: v for k, v in os.environ.items() if k not in ('TCPREMOTEIP', 'RELAYCLIENT')}
        return dict(plain, USER='hana', **({'TCPREMOTEIP': address} if address else {}), **more)

    def asked(self, gate, address, **env):
        return run(*gate, 'sh', '-c', 'echo ${RELAYCLIENT-closed}', env=self.env(address, **env)).strip() != 'closed'

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        shutil.rmtree(self.dir)


def test_the_papers_scripts():
    """its wrapper and ours, its gate and ours, on one directory at the same time"""
    with Gate() as g:
        ask = ' && '.join('[ "$(%s sh -c \'echo ${RELAYCLIENT-closed}\')" = "" ]' % ' '.join(gate) for gate in g.gates)
        sessions = [subprocess.Popen(wrap + ['sh', '-c', ask + ' && exit %d' % (20 + n)], env=g.env('192.0.2.%d' % (n % 5 + 1)),
                                     stdin=subprocess.DEVNULL) for n in range(8) for wrap in g.wraps]
        equal([s.wait(60) for s in sessions], [20 + n for n in range(8) for wrap in g.wraps])
        equal(sorted(os.listdir(g.gate)), ['192.0.2.%d' % n for n in range(1, 6)])
        for gate in g.gates:
            equal([g.asked(gate, '192.0.2.%d' % n) for n in range(1, 7)], [True] * 5 + [False])


def test_exactly():
    """10 s after a session is open, and the next millisecond is not; 300 s after its beginning likewise (N-23)"""
    with Gate() as g:
        source, library = os.path.join(g.dir, 'frozen.c'), os.path.join(g.dir, 'frozen.so')
        with open(source, 'w') as f:
            f.write(FROZEN)
        run('gcc', '-shared', '-fPIC', '-o', library, source)
        for name, seconds in ('192.0.2.1', 10), ('192.0.2.1+4711', 300):
            path, at = os.path.join(g.gate, name), 1800000000
            for gate, tick in zip(g.gates, (1, 1000)):  # the paper's clock has seconds
                for late in 0, tick:
                    open(path, 'w').close()
                    os.utime(path, (at, at))
                    equal(g.asked(gate, '192.0.2.1', LD_PRELOAD=library, AT_MS=str((at + seconds) * 1000 + late)), not late,
                          '%s %s' % (gate[0], name))
                equal(os.listdir(g.gate), [], 'who asks has cleaned')


def test_who_it_was():
    """no address: closed, and served all the same; exit codes and signals of the program; standard input is its own"""
    with Gate() as g:
        words = g.wraps[0] + ['sh', '-c', 'cat; exit 7']
        for address in None, '127.0.0.1', 'nonsense':
            contains(run(*words, input=b'through', code=7, env=g.env(address)), 'stays closed\nthrough')
            equal(os.listdir(g.gate), [])
        equal(run(*words, input=b'through', code=7, env=g.env('::ffff:192.0.2.1')), 'through')
        equal(os.listdir(g.gate), ['192.0.2.1'])
        wrapped = subprocess.Popen(g.wraps[0] + ['sh', '-c', 'trap "exit 9" TERM; echo up; while :; do sleep 0.05; done'],
                                   env=g.env('192.0.2.2'), stdout=subprocess.PIPE)
        wrapped.stdout.readline()
        wrapped.terminate()
        equal(wrapped.wait(10), 9)
        wrapped.stdout.close()
        equal(subprocess.run(g.wraps[0] + ['sh', '-c', 'kill -KILL $$'], env=g.env('192.0.2.3'), check=False).returncode, -9)
        equal(sorted(os.listdir(g.gate)), ['192.0.2.1', '192.0.2.2', '192.0.2.3'])


def test_filter_is_transparent():
    """octets as they are, both ways, much of it; either way ends alone; the code of the server"""
    with Gate() as g:
        words = [os.path.join(PROGRAMS, 'popkey-filter'), '--directory', g.gate]
        octets = os.urandom(3 << 20)
        for program in ['cat'], ['sh', '-c', 'cat >x; cat x; rm x; exit 5']:
            done = subprocess.run(words + program, input=octets, stdout=subprocess.PIPE, env=g.env('192.0.2.1'), cwd=g.dir,
                                  timeout=20, check=False)
            equal((done.stdout == octets, done.returncode), (True, 5 if len(program) > 1 else 0))
        done = subprocess.run(words + ['sh', '-c', 'exec <&-; echo only out'], input=octets, stdout=subprocess.PIPE,
                              env=g.env('192.0.2.1'), timeout=20, check=False)
        equal(done.stdout, b'only out\n')
        equal(os.listdir(g.gate), [])
        server = r"printf '+OK\r\n'; read a; printf '+OK\r\n'; read b; printf '+OK in\r\n'; read c; ls %s; exit 3" % g.gate
        done = subprocess.run(words + ['bash', '-c', server], input=b'USER hana\r\nPASS x\r\n', stdout=subprocess.PIPE,
                              env=g.env('192.0.2.1'), timeout=20, check=False)
        equal((done.stdout[:28], done.returncode), (b'+OK\r\n+OK\r\n+OK in\r\n192.0.2.1+'[:28], 3))
        equal(os.listdir(g.gate), ['192.0.2.1'])


LOGIN_LINE = 'Nov 28 19:00:00 mx dovecot: pop3-login: Login: user=<hana>, method=PLAIN, rip=%s, lip=192.0.2.99, session=<x>\n'


def test_log_is_followed():
    """a file that is renamed, made anew, cut short; sockets; a window that is shorter, and one that is longer, than a session's clock"""
    with Gate() as g:
        log, path = os.path.join(PROGRAMS, 'popkey-log'), os.path.join(g.dir, 'mail.log')
        def add(name, address, mode='a'):
            with open(name, mode) as f:
                f.write(LOGIN_LINE % address)
        def there(*numbers):
            until(lambda: {n.split('+')[0] for n in os.listdir(g.gate)} >= {'192.0.2.%d' % n for n in numbers}, 'opened: %r' % (numbers,))
        add(path, '192.0.2.1')
        followers = [subprocess.Popen([log, '--directory', g.gate, '--verbose'] + list(words), stdout=subprocess.PIPE) for words in (
            ('--file', path), ('--socket', g.dir + '/socket', '--window', '100'), ('--udp', '127.0.0.1:5514', '--window', '2', '--session', '1'))]
        try:
            until(lambda: os.path.exists(g.dir + '/socket'), 'it listens')
            until(lambda: add(path, '192.0.2.2') or '192.0.2.2' in ' '.join(os.listdir(g.gate)), 'it follows')
            os.rename(path, path + '.1')
            add(path + '.1', '192.0.2.3')
            add(path, '192.0.2.4')
            there(3, 4)
            add(path, '192.0.2.5', 'w')
            there(5)
            contains(run(log, '--directory', g.gate, '--socket', g.dir + '/socket', code=71), 'Address already in use')
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
                s.sendto((LOGIN_LINE % '192.0.2.6').encode(), g.dir + '/socket')
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.sendto(('<22>' + LOGIN_LINE % '192.0.2.7').encode(), ('127.0.0.1', 5514))
            began = time.time()
            there(6, 7)
            name = [n for n in os.listdir(g.gate) if n.startswith('192.0.2.6+')][0]
            equal(195 < time.time() - os.stat(os.path.join(g.gate, name)).st_mtime < 215, True, 'closes after 100 s')
            equal([n for n in os.listdir(g.gate) if n.startswith('192.0.2.1')], [], 'what was there before')
            longer = [n for n in os.listdir(g.gate) if n.startswith('192.0.2.7+')][0]
            mtime = lambda: os.stat(os.path.join(g.gate, longer)).st_mtime
            until(lambda: not os.path.exists(os.path.join(g.gate, longer)) or mtime() > began + 0.6, 'it is kept open beyond its clock')
        finally:
            for f in followers:
                f.terminate()
                f.wait(10)
                f.stdout.close()


def test_export_in_time():
    """a row comes and goes by itself, the map is made anew each time; SIGUSR1; --once"""
    with Gate() as g:
        export, path = os.path.join(PROGRAMS, 'popkey-export'), os.path.join(g.dir, 'map')
        def read(name='map'):
            with open(os.path.join(g.dir, name)) as f:
                return f.read()
        process = subprocess.Popen([export, '--directory', g.gate, '--map', path, '--gate', '1', '--rebuild', 'cat map >>made; echo . >>made; test ! -e wrong && cp map other',
                                    '--pid-file', g.dir + '/pid'], cwd=g.dir)
        try:
            until(lambda: os.path.exists(path) and os.path.exists(g.dir + '/made'), 'it runs')
            equal((read(), int(read('pid'))), ('', process.pid))
            run(*g.wraps[0], 'true', env=g.env('192.0.2.1'))
            began = time.time()
            until(lambda: read() == '192.0.2.1\tOK\n', 'the row has come')
            until(lambda: read() == '', 'the row has gone', 5)
            equal(0.8 < time.time() - began < 2.5, True, 'after its second: %.3f' % (time.time() - began))
            made = lambda: [m for m, _ in itertools.groupby(read('made').split('.\n')[:-1])]
            until(lambda: made() == ['', '192.0.2.1\tOK\n', ''], 'it was made anew')
            run(*g.wraps[0], 'true', env=g.env('192.0.2.3'))
            until(lambda: read('other') == '192.0.2.3\tOK\n', 'the row is in the other file')
            open(g.dir + '/wrong', 'w').close()
            until(lambda: read() == '', 'the row has gone', 5)
            os.unlink(g.dir + '/wrong')
            until(lambda: read('other') == '', 'a command that has failed runs again', 5)
            os.unlink(path)
            shutil.rmtree(g.gate)
            os.mkdir(g.gate)
            process.send_signal(signal.SIGUSR1)
            until(lambda: run(*g.wraps[0], 'true', env=g.env('192.0.2.2')) or os.path.exists(path) and read() == '192.0.2.2\tOK\n',
                  'a directory that was away')
        finally:
            process.terminate()
            equal(process.wait(10), 0)
        equal((os.path.exists(g.dir + '/pid'), read()), (False, ''), 'nobody keeps it true any more')
        run(export, '--directory', g.gate, '--once', '--map', path, '--rebuild', 'false', code=71)
        run(export, '--directory', g.gate, '--once', '--map', path, '--policy', 'inet:127.0.0.1:10099', code=64)
        run(export, '--directory', g.gate, '--once', '--map', path, '--format', 'sendmail')
        equal(read(), 'Connect:192.0.2.2\tRELAY\n')
