"""docs/popkey-recipes.md, line by line: what stands there is typed on a host of other people's, and a client fetches mail.
What systemctl does there is done by a few lines of shell, since nothing has started systemd."""
import poplib
import re
import shlex
import time

import dns
import hosts
from house import *
from test_popkey_tools import LOGIN as LOGIN_PROGRAM
from test_popkey_tools import ADDRESS, CAFE, ELSEWHERE, OFFICE, PASSWORD, PHONE, Imap4From, MailHost, Pop3From, atexit, pop3, smtplib

ENGLISH, JAPANESE = (os.path.join(SOURCE, 'docs', name) for name in ('popkey-recipes.md', 'popkey-recipes.ja.md'))
POP3S, POP3 = 995, 110
SYSTEMCTL = r"""#!/bin/bash
# starts what a unit would start; each kind as systemd starts it
for unit; do :; done
value() { sed -n "s/^$1=-\?//p" "/etc/systemd/system/$2"; }
start() { setsid sh -c "exec $1" >>{dir}/log 2>&1 & echo $! >>"/run/pids.$unit"; }
case $1,$unit in
enable,*.socket) start "systemd-socket-activate --accept --inetd -l 0.0.0.0:$(value ListenStream "$unit") $(value ExecStart "${unit%.socket}@.service")" ;;
enable,*) start "$(value ExecStart "$unit.service")" ;;
stop,*) kill $(cat "/run/pids.$unit"); eval "$(value ExecStopPost "$unit.service")" ;;
reload,dovecot) doveadm reload ;;
reload,exim4) kill -HUP "$(cat /run/exim4/exim.pid)" ;;
esac
"""


def blocks(path):
    """heading -> what stands in its code blocks"""
    found, heading, block = {}, None, None
    with open(path) as f:
        for line in f:
            if line.startswith('## '):
                heading = line[3:].strip()
                found[heading] = []
            elif line.startswith('```'):
                if block is None:
                    block = []
                else:
                    found[heading].append(''.join(block))
                    block = None
            elif block is not None:
                block.append(line)
    return found


RECIPES = blocks(ENGLISH)


def typed(block):
    """what a person types, behind '# '; what ends at END goes on"""
    lines, inside = [], False
    for line in block.splitlines():
        if inside:
            lines.append(line)
            inside = line != 'END'
        elif line[:2] in ('# ', '$ '):
            lines.append(line[2:])
            inside = "<<'END'" in line
    return '\n'.join(lines) + '\n'


class RecipeHost(MailHost):
    def configure(self):
        super().configure()
        self.run('rmdir', self.gate)
        for name, path in self.programs.items():
            self.run('ln', '-sf', path, '/usr/local/bin/popkey-' + name)
        path = self.write('systemctl', SYSTEMCTL.replace('{dir}', self.dir), 0o755)
        self.run('ln', '-sf', path, '/usr/local/bin/systemctl')
        self.run('sh', '-c', 'useradd -m -u 2001 hana && echo "hana:$(openssl passwd -6 %s):19000:0:99999:7:::" >/tmp/shadow; '
                 'sed -i "/^hana:/d" /etc/shadow; cat /tmp/shadow >>/etc/shadow; rm /tmp/shadow; mkdir -p /var/mail; : >/var/mail/hana; '
                 'chown hana /var/mail/hana; mkdir -p /etc/systemd/system /etc/tmpfiles.d' % PASSWORD)
        self.sh(typed(RECIPES['For all of them: the directory'][0]))
        self.sh('useradd -r -d /var/lib/popa3d popa3d; mkdir -p /var/lib/popa3d')
        # UW's server is no longer in Debian; this one takes its place, and asks for the password itself
        self.run('sh', '-c', 'printf "#!/bin/sh\nexec /usr/sbin/popa3d\n" >/usr/sbin/ipop3d; chmod 755 /usr/sbin/ipop3d')

    def sh(self, text, code=0):
        return self.run('bash', '-e', '-c', text, code=code)

    def put(self, path, text):
        """a block goes into the file that the recipe names"""
        self.run('sh', '-c', 'mkdir -p "$(dirname "$0")"; printf %s "$1" >"$0"', path, text)


made = []


def host():
    """one for all of these; each test ends what it has started"""
    if not made:
        hosts.wire()
        made.append(RecipeHost('mx.recipe.example', ADDRESS))
        atexit.register(made[0].end)
    h = made[0]
    h.run('sh', '-c', 'kill -TERM -1; sleep 0.3; kill -KILL -1', code=None)  # but for the first process, and this shell
    h.sh('rm -rf /run/popkey/* /run/pids.*')
    return h


def listens(h, port):
    def tried():
        try:
            socket.create_connection((ADDRESS, port), 2).close()
            return True
        except OSError:
            return False
    until(tried, 'port %d: %s' % (port, h.log()[-600:]))


class Pop3sFrom(Pop3From):
    """the same inside of TLS, whoever the server is"""

    def _create_socket(self, timeout):
        import ssl
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(super()._create_socket(timeout))


def a_session(h, port=POP3, kind=Pop3From, user='hana'):
    """opens by its login, and not before; stays open to its end, and for a while after"""
    listens(h, port)
    p = kind(PHONE, port)
    p.user(user)
    equal(h.opened(PHONE), [], 'nobody has logged in')
    try:
        p.pass_('wrong')
        raise AssertionError('logged in')
    except poplib.error_proto:
        pass
    p.close()
    equal(h.opened(PHONE), [], 'nobody has logged in')
    p = kind(PHONE, port)
    p.user(user)
    p.pass_(PASSWORD)
    until(lambda: h.sessions(PHONE) == 1, 'a session lasts: %r' % h.log()[-600:])
    p.stat()
    p.quit()
    until(lambda: h.opened(PHONE) == [PHONE], 'it has ended')
    equal(h.run('cat', h.gate + '/' + PHONE).split()[0], user)
    equal(h.opened(ADDRESS), [])


# --- the pages themselves


def test_both_languages():
    """what is typed is the same in both; what is explained beside it may differ"""
    plain = lambda path: [[re.sub(r'(?m)\s+#\s.*$', '', b) for b in found] for found in blocks(path).values()]
    equal(plain(ENGLISH), plain(JAPANESE))


def test_the_directory():
    """for the group, which those who write there get with their files; and what is typed to see whether it is right"""
    h = host()
    equal(h.run('stat', '-c', '%a %U %G', '/run/popkey').strip(), '2775 root popkey')
    listing, asking, by_hand = RECIPES['Is it right?']
    touch, remove = typed(by_hand).splitlines()
    asked = lambda: h.sh(typed(asking)).strip()
    equal(asked(), 'closed,')
    h.sh('TCPREMOTEIP=192.0.2.7 USER=hana popkey-wrap true')
    equal(asked(), ', hana')
    contains(h.sh(typed(listing)), 'hana')
    h.sh(remove)
    equal(asked(), 'closed,')
    h.sh(touch)
    equal(asked(), ',')
    h.age(11)
    equal(asked(), 'closed,')


# --- who starts the server


def test_xinetd():
    h = host()
    h.put('/etc/xinetd.d/pop3', RECIPES['xinetd'][0])
    h.put('/etc/xinetd.conf', 'includedir /etc/xinetd.d\n')
    h.sh("sed -i '/^pop3\\s/d' /etc/services; echo 'pop3 110/tcp' >>/etc/services; cd /etc/xinetd.d; ls | grep -vx pop3 | xargs rm -f; "
         'xinetd -pidfile /run/xinetd.pid -filelog %s/log' % h.dir)
    a_session(h)


def test_systemd_sockets():
    h = host()
    sock, service, enable = RECIPES['systemd sockets']
    h.put('/etc/systemd/system/pop3.socket', sock)
    h.put('/etc/systemd/system/pop3@.service', service)
    h.sh(typed(enable))
    a_session(h)


def test_stunnel():
    h = host()
    h.put('/etc/stunnel/popkey.conf', 'pid = /run/stunnel.pid\n' + RECIPES['stunnel'][0])
    h.sh('mkdir -p /etc/ssl/private; cd /etc/ssl/private; openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=mx.recipe.example '
         '-keyout mx.pem -out cert.pem 2>/dev/null; cat cert.pem >>mx.pem; chmod 600 mx.pem; stunnel4 /etc/stunnel/popkey.conf >>%s/log 2>&1' % h.dir)
    a_session(h, POP3S, Pop3sFrom)


# --- the log


with open('/proc/sys/kernel/random/boot_id') as id_file:
    BOOT = id_file.read().strip().replace('-', '')

def entry(message, unit='dovecot.service', identifier='dovecot'):
    """as systemd-journal-export-formats(7) says it"""
    octets = message.encode()
    fields = {'__REALTIME_TIMESTAMP': int(time.time() * 1e6), '__MONOTONIC_TIMESTAMP': int(time.monotonic() * 1e6), '_BOOT_ID': BOOT,
              '_SYSTEMD_UNIT': unit, 'SYSLOG_IDENTIFIER': identifier, '_PID': 12, '_HOSTNAME': 'mx'}
    head = ''.join('%s=%s\n' % f for f in fields.items()).encode()
    return head + b'MESSAGE\n' + len(octets).to_bytes(8, 'little') + octets + b'\n\n'


LOGIN = 'pop3-login: Login: user=<hana>, method=PLAIN, rip=%s, lip=192.0.2.99, mpid=7, session=<x>'


class Journal:
    """a journal that is written as journald writes it, and read by the real journalctl"""

    def __init__(self, h):
        h.sh('rm -rf /var/log/journal /run/log; mkdir -p /var/log/journal/$(cat /etc/machine-id)')
        self.process = subprocess.Popen(['nsenter', '--target', h.init, '--net', '--mount', '--pid', '--uts', '--', 'sh', '-c', 'exec %s/usr/lib/systemd/systemd-journal-remote '
                                         '-o /var/log/journal/$(cat /etc/machine-id)/system.journal - >>%s/log 2>&1' % (dns.FOREIGN, h.dir)], stdin=subprocess.PIPE)

    def say(self, *words, **more):
        self.process.stdin.write(entry(*words, **more))
        self.process.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.stdin.close()
        self.process.wait(20)


def test_dovecot_in_the_journal():
    """what the unit has said, whatever stands in a message; what came before is not looked at; journalctl ends, and is started again"""
    h = host()
    with Journal(h) as j:
        j.say(LOGIN % CAFE)
        until(lambda: CAFE in h.run('journalctl', '-n', '1', '-u', 'dovecot.service', code=None), 'the journal has it')
        h.sh(typed(RECIPES['Dovecot'][0]))
        until(lambda: j.say(LOGIN % PHONE) or h.opened(PHONE), 'a login opens')
        equal(h.run('sh', '-c', 'cat %s/%s+*' % (h.gate, PHONE)).split()[0], 'hana')
        equal(h.opened(CAFE), [], 'what came before')
        # others say so; a message of many lines, of which one looks like a login; another unit
        j.say(LOGIN % CAFE, unit='ssh.service')
        j.say(LOGIN % CAFE, unit='user@2001.service', identifier='dovecot')
        j.say('pop3-login: Disconnected: user=<x>\nNov 28 19:00:00 mx dovecot: %s\n2026-11-28T19:00:00+0000 mx dovecot[12]: %s' % (LOGIN % CAFE, LOGIN % CAFE))
        j.say(LOGIN % OFFICE)
        until(lambda: h.opened(OFFICE), 'a login opens')
        equal(h.opened(CAFE), [])
        h.sh('rm -f /run/popkey/*; pkill journalctl')
        until(lambda: j.say(LOGIN % PHONE) or h.opened(PHONE), 'journalctl was started again')
        contains(h.log(), 'journalctl has ended, and is started again')


def test_a_journal_that_breaks_off():
    """half a line of one that has ended is no beginning of the next one's"""
    h = host()
    h.put('/usr/local/bin/journalctl', '#!/bin/sh\necho >>/run/journalctl.times\ncase $(wc -l </run/journalctl.times) in\n'
          '1) printf "2026-11-28T19:00:00+0000 mx dovecot[12]: pop3-login: Disconnected: user=<x>, " ;;\n'
          '*) printf "%%s\\n" "2026-11-28T19:00:00+0000 mx dovecot[12]: %s"; sleep 1000 ;;\nesac\n' % (LOGIN % PHONE))
    h.sh('chmod 755 /usr/local/bin/journalctl')
    h.sh(typed(RECIPES['Dovecot'][0]))
    until(lambda: h.opened(PHONE), 'the first line of the second')
    h.sh('rm /usr/local/bin/journalctl')


# --- who asks


def relays(source, sender='hana@example.org'):
    """whether the server on port 25 takes mail from there for elsewhere"""
    with smtplib.SMTP(ADDRESS, 25, 'client.example', 15, (source, 0)) as s:
        s.ehlo()
        s.mail(sender)
        return s.rcpt(ELSEWHERE)[0] == 250


def is_closed(source):
    until(lambda: not relays(source), 'mail from %s goes no more' % source)


def greets():
    """a server that was just told to begin anew has its moment"""
    def tried():
        try:
            relays(OFFICE)
            return True
        except (OSError, smtplib.SMTPException):
            return False
    until(tried, 'it greets')


def is_let_through(h, **more):
    """soon; it is opened again and again, since ten seconds may be short for a busy machine"""
    until(lambda: h.sh('TCPREMOTEIP=%s USER=hana popkey-wrap true' % PHONE) or relays(PHONE, **more), 'mail goes through: %s' % h.log()[-600:])


def follows_the_gate(h):
    greets()
    equal(relays(PHONE), False)
    is_let_through(h)
    equal(relays(OFFICE), False)
    h.age(11)
    h.sh('touch -d "1 minute ago" /run/popkey/%s' % PHONE)
    is_closed(PHONE)


def unit(h, name, *texts):
    h.put('/etc/systemd/system/%s.service' % name, ''.join(texts))
    h.sh('systemctl enable --now ' + name)


SENDMAIL = """include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(`linux')dnl
DAEMON_OPTIONS(`Port=25, Addr=0.0.0.0')dnl
define(`confSERVICE_SWITCH_FILE', `/etc/mail/switch')dnl
define(`confDONT_PROBE_INTERFACES', `true')dnl
define(`confTO_IDENT', `0')dnl
FEATURE(`access_db')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`nocanonify')dnl
MAILER(`local')dnl
MAILER(`smtp')dnl
"""


def test_sendmail():
    """the real one, its access map made by makemap of ours and of the site's own rows, which stay"""
    h = host()
    h.put('/etc/mail/sendmail.mc', SENDMAIL)
    h.put('/etc/mail/switch', 'hosts files\n')
    h.put('/etc/mail/access.own', 'Connect:%s\tRELAY\n' % CAFE)
    h.sh('for u in smmta smmsp; do getent passwd $u >/dev/null || useradd -r $u; done; mkdir -p /var/spool/mqueue; chmod 755 /etc/mail; cd /etc/mail; '
         'm4 sendmail.mc >sendmail.cf; rm -f access access.db; : >local-host-names; '
         'ln -sf /usr/libexec/sendmail/makemap /usr/local/bin/makemap')  # OpenSMTPD has one, too
    unit(h, 'popkey-export', RECIPES['sendmail'][0])
    until(lambda: h.run('ls', '/etc/mail/access.db', code=None).strip() == '/etc/mail/access.db', 'the map: %s' % h.log()[-500:])
    h.sh('/usr/libexec/sendmail/sendmail -bd -C /etc/mail/sendmail.cf >>%s/log 2>&1' % h.dir)
    listens(h, 25)
    equal(relays(CAFE), True, 'the site\'s own rows')
    follows_the_gate(h)
    equal(relays(CAFE), True, 'the site\'s own rows')


def test_exim():
    """Debian's, with its split configuration"""
    h = host()
    h.put('/etc/exim4/update-exim4.conf.conf', "dc_eximconfig_configtype='internet'\ndc_other_hostnames='mx.recipe.example'\ndc_local_interfaces='0.0.0.0'\n"
          "dc_use_split_config='true'\nCFILEMODE='644'\ndc_localdelivery='mail_spool'\n")
    h.sh('echo mx.recipe.example >/etc/mailname; mkdir -p /var/spool/exim4 /var/log/exim4 /var/lib/exim4 /run/exim4; '
         'chown Debian-exim /var/spool/exim4 /var/log/exim4 /run/exim4; echo "MAIN_HOST_LOOKUP = 192.0.2.254" >/etc/exim4/conf.d/main/000_localmacros; update-exim4.conf; '
         'exim4 -bd -oP /run/exim4/exim.pid >>%s/log 2>&1' % h.dir)
    h.sh(typed(RECIPES['Exim'][0]))
    follows_the_gate(h)
    is_let_through(h)
    h.sh('kill -9 $(cat /run/pids.popkey-export); systemctl stop popkey-export')
    is_closed(PHONE)


def test_postfix():
    """the policy service, then the map, on a configuration as it is installed"""
    h = host()
    h.sh('cd /etc/postfix; cp /usr/share/postfix/main.cf.debian main.cf 2>/dev/null || : >main.cf; cp /usr/share/postfix/master.cf.dist master.cf; '
         'postconf -e "maillog_file=/var/log/postfix.log" "inet_protocols=ipv4" "mydestination=recipe.example" "alias_maps=" "smtpd_peername_lookup=no" '
         '"mynetworks=127.0.0.0/8"; rm -rf /var/spool/postfix /var/lib/postfix; mkdir -p /var/spool/postfix /var/lib/postfix; chown postfix /var/lib/postfix; postfix start >>%s/log 2>&1' % h.dir)
    policy, map_, restrictions, unit_more = RECIPES['Postfix']
    h.sh(typed(policy))
    follows_the_gate(h)
    is_let_through(h)
    equal(relays(PHONE, 'taro@example.org'), False)
    h.sh('kill $(cat /run/pids.popkey-export)')
    equal((relays(PHONE), relays(PHONE, 'taro@example.org')), (False, False), 'popkey-export is away')
    h.sh('rm -f /run/popkey/*')
    unit(h, 'popkey-export', map_, unit_more)
    until(lambda: h.run('ls', '/etc/postfix/popkey.db', code=None).strip() == '/etc/postfix/popkey.db', 'the map')
    h.sh(typed(restrictions) + 'postfix reload')
    follows_the_gate(h)
    is_let_through(h, sender='anybody@example.net')
    h.sh('kill -9 $(cat /run/pids.popkey-export); systemctl stop popkey-export', code=None)
    is_closed(PHONE)


# --- servers of other people's whose login is a program


def own_dev_log(h):
    """a syslog socket that the machine does not see"""
    h.sh('mountpoint -q /run/dev && exit 0; mkdir -p /run/dev; mount --bind /dev /run/dev; mount -t tmpfs none /dev; mkdir /dev/shm; ln -s /proc/self/fd /dev/fd; '
         'for f in null zero full random urandom tty; do touch /dev/$f; mount --bind /run/dev/$f /dev/$f; done')


def courier(h, modules='authpam', is_alone=False):
    """its own superserver and its logger; who logs in is a user of the system, or a virtual one in userdb"""
    h.sh('''
sed -i 's/^authmodulelist=.*/authmodulelist="%s"/' /etc/courier/authdaemonrc
printf 'taro\\tuid=2002|gid=2002|home=/var/vmail/taro|shell=/bin/sh|systempw=%%s\\n' "$(openssl passwd -5 %s)" >/etc/courier/userdb
chmod 600 /etc/courier/userdb; makeuserdb; mkdir -p /run/courier/authdaemon /var/vmail/taro
getent passwd vmail >/dev/null || useradd -m -u 2002 vmail
for m in /home/hana/Maildir /var/vmail/taro/Maildir; do rm -rf $m; maildirmake.courier $m; done; chown -R hana /home/hana; chown -R vmail:vmail /var/vmail
printf 'auth required pam_unix.so\\naccount required pam_unix.so\\nsession required pam_permit.so\\n' >/etc/pam.d/pop3
setsid /usr/lib/courier/courier-authlib/authdaemond >>%s/log 2>&1 &''' % (modules, PASSWORD, h.dir))
    until(lambda: h.run('ls', '/run/courier/authdaemon/socket', code=None).startswith('/run'), 'authdaemond')
    if is_alone:
        return
    h.start('sh', '-c', 'set -a; . /etc/courier/pop3d; exec couriertcpd -address=0 -stderrlogger=/usr/sbin/courierlogger -stderrloggername=pop3d -nodnslookup '
            '-noidentlookup 110 /usr/lib/courier/courier/courierpop3login /usr/lib/courier/courier/courierpop3d Maildir')
    listens(h, POP3)


def log_beside(h, server):
    """popkey-log on the system's log, with a directory of its own"""
    h.sh('mkdir -p /run/beside; rm -rf /run/beside/* /dev/log')
    h.start('popkey-log', '--socket', '/dev/log', '--server', server, '--directory', '/run/beside')
    until(lambda: h.run('ls', '/dev/log', code=None).strip() == '/dev/log', 'it listens')
    h.sh('chmod 666 /dev/log')  # the server is not root


def beside(h):
    return sorted(name.split('+')[0] for name in h.run('ls', '/run/beside').split())


def test_courier():
    """popkey-wrap in the place of its mailbox program, for a user of the system and for virtual ones; popkey-filter before it; its log"""
    h = host()
    own_dev_log(h)
    log_beside(h, 'courier')
    divert, line, script = RECIPES['Courier']
    h.sh(typed(divert) + 'usermod -aG popkey hana')
    courier(h)
    a_session(h)
    until(lambda: beside(h) == [PHONE], 'its log says so')
    # whoever owns all mailboxes has one group: the directory's
    h.sh('rm -f /run/popkey/*; kill $(pidof authdaemond couriertcpd); getent passwd vmail >/dev/null || useradd -m -u 2002 vmail')
    h.sh(typed(RECIPES['For all of them: the directory'][1]))
    courier(h, modules='authuserdb')
    a_session(h, user='taro')
    h.sh('chgrp popkey /run/popkey; rm -f /run/popkey/*; kill $(pidof authdaemond couriertcpd); '
         'rm /usr/lib/courier/courier/courierpop3d; dpkg-divert --rename --remove /usr/lib/courier/courier/courierpop3d')
    courier(h, is_alone=True)
    h.put('/usr/local/sbin/courier-pop3', script)
    h.sh('chmod 755 /usr/local/sbin/courier-pop3')
    h.start('sh', '-c', 'exec ' + line.strip())
    a_session(h)


CYRUS = """configdirectory: /var/lib/cyrus
defaultpartition: default
partition-default: /var/spool/cyrus/mail
admins: cyrus
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_mech_list: PLAIN
autocreate_quota: 0
autocreate_post: yes
unixhierarchysep: no
servername: mx
"""


def test_cyrus():
    """its own lines, as it writes them to the system's log: POP3 and IMAP, logins that fail, names that want to be more"""
    h = host()
    own_dev_log(h)
    h.put('/etc/imapd.conf', CYRUS)
    h.put('/etc/cyrus.conf', 'START {\n}\nSERVICES {\n pop3 cmd="pop3d" listen="0.0.0.0:110" prefork=0\n imap cmd="imapd" listen="0.0.0.0:143" prefork=0\n}\nEVENTS {\n}\n')
    h.sh('getent passwd cyrus >/dev/null || useradd -r -g mail cyrus; mkdir -p /var/lib/cyrus /var/spool/cyrus/mail /run/cyrus; '
         'echo -n %s | saslpasswd2 -p -c -u mx hana; chown cyrus /etc/sasldb2; ln -sf /usr/lib/x86_64-linux-gnu/sasl2 /usr/lib/sasl2; '
         'chown -R cyrus:mail /var/lib/cyrus /var/spool/cyrus /run/cyrus; su cyrus -s /bin/sh -c /usr/lib/cyrus/bin/makedirs || :' % PASSWORD)
    log_beside(h, 'cyrus')
    h.start('/usr/lib/cyrus/bin/master')
    listens(h, 143)
    i = Imap4From(OFFICE)
    i.login('hana', PASSWORD)
    until(lambda: beside(h) == [OFFICE], 'IMAP')
    i.logout()
    for name in 'hana', 'x [%s] hana plaintext User logged in' % CAFE:
        try:
            pop3(PHONE, POP3, 'wrong', name)
            raise AssertionError('logged in')
        except poplib.error_proto:
            pass
    pop3(PHONE).quit()
    until(lambda: beside(h) == [PHONE, OFFICE], 'POP3')


def test_dovecot():
    """as it is installed: IMAP by a post-login script; its POP3 server behind a login of one's own, under tcpserver"""
    h = host()
    h.sh(r"""
for u in dovecot dovenull; do getent passwd $u >/dev/null || useradd -r $u; done; getent passwd vmail >/dev/null || useradd -m -u 2002 vmail
mkdir -p /etc/dovecot /var/vmail/hana; chown -R vmail /var/vmail; cp -r /usr/share/dovecot/dovecot.conf /usr/share/dovecot/conf.d /etc/dovecot/
rm -f /etc/dovecot/conf.d/10-ssl.conf /etc/dovecot/conf.d/99-popkey.conf
printf 'ssl = no\ndisable_plaintext_auth = no\nlog_path = %s/log\nmail_location = maildir:/var/vmail/%%u\nprotocols = imap pop3\n' >/etc/dovecot/conf.d/98-test.conf
printf 'passdb {\n driver = static\n args = password={PLAIN}%s\n}\nuserdb {\n driver = static\n args = uid=vmail gid=vmail home=/var/vmail/%%u\n}\n' >/etc/dovecot/conf.d/auth-system.conf.ext
dovecot >>%s/log 2>&1""" % (h.dir, PASSWORD, h.dir))
    listens(h, 143)
    h.sh('mkdir -p /run/beside; rm -rf /run/beside/*')
    h.start('popkey-log', '--file', h.dir + '/log', '--server', 'dovecot', '--directory', '/run/beside')
    _, script, reload_ = RECIPES['Dovecot']
    h.put('/etc/dovecot/conf.d/99-popkey.conf', script)
    h.sh(typed(reload_))
    def logs_in():
        i = Imap4From(OFFICE)
        try:
            i.login('hana', PASSWORD)
            return h.opened(OFFICE)
        finally:
            i.logout()
    equal(until(logs_in, 'the new configuration is in force'), [OFFICE])
    equal(h.run('cat', h.gate + '/' + OFFICE).split()[0], 'hana')
    until(lambda: h.run('ls', '/run/beside').split() == [OFFICE], 'the log alone: an IMAP login, without a session')
    h.sh('doveadm stop; rm -f /run/popkey/*; usermod -aG popkey vmail')
    h.put('/usr/local/bin/LOGIN', LOGIN_PROGRAM)
    h.sh('chmod 755 /usr/local/bin/LOGIN')
    until(lambda: not h.run('sh', '-c', 'ss -ltnH sport = :110', code=None).strip(), 'the port is free')
    h.start('sh', '-c', 'exec ' + RECIPES['tcpserver, qmail-style'][1].strip(), env='HOME=/var/vmail/hana')
    listens(h, POP3)
    p = pop3(PHONE)
    equal(p.stat(), (0, 0))
    equal(h.sessions(PHONE), 1)
    p.quit()
    until(lambda: h.opened(PHONE) == [PHONE], 'it has ended')
    equal(h.run('cat', h.gate + '/' + PHONE).split()[0], 'hana')


def test_other_servers():
    """another one's log, by its pattern; a server that goes by RELAYCLIENT"""
    h = host()
    h.sh(': >/var/log/mail.log')
    h.start('sh', '-c', 'exec ' + RECIPES['Other servers\' logs'][0].strip().replace("'", "'\\''"))
    says = lambda line: h.sh('echo "Nov 28 19:00:00 mx %s" >>/var/log/mail.log' % line)
    until(lambda: says('mypopd[7]: login hana from %s' % PHONE) or h.opened(PHONE), 'it follows')
    says('mypopd[7]: login x from %s: failed' % CAFE)
    says('mypopd[7]: login hana from %s' % OFFICE)
    until(lambda: h.opened(OFFICE), 'it follows')
    equal(h.opened(CAFE), [])
    h.put('/etc/tcp.smtp', ':allow\n')
    h.put('/usr/local/bin/qmail-smtpd', '#!/bin/sh\necho "220 ${RELAYCLIENT-closed}, $POPKEY_USER"\n')
    h.sh('chmod 755 /usr/local/bin/qmail-smtpd; tcprules /etc/tcp.smtp.cdb /etc/tcp.smtp.tmp </etc/tcp.smtp')
    h.start('sh', '-c', 'exec ' + RECIPES['qmail-smtpd and its kin'][0].strip())
    listens(h, 25)
    def greeted(source):
        with socket.create_connection((ADDRESS, 25), 10, (source, 0)) as s:
            return s.makefile().readline().strip()
    equal([greeted(PHONE), greeted(CAFE)], ['220 , hana', '220 closed,'])
