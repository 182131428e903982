"""docs/popkey-recipes.md, line by line: what stands there is typed on a host of other people's, and a client fetches mail.
What systemctl does there is done by a few lines of shell, since nothing has started systemd."""
import poplib
import re
import shlex
import time

import dns
import hosts
from house import *
from test_popkey_tools import ADDRESS, CAFE, OFFICE, PASSWORD, PHONE, MailHost, Pop3From, ELSEWHERE, atexit, smtplib

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
        return self.run('bash', '-e', '-c', text, code=code, env={'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'})

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


def a_session(h, port=POP3, kind=Pop3From):
    """opens by its login, and not before; stays open to its end, and for a while after"""
    listens(h, port)
    p = kind(PHONE, port)
    p.user('hana')
    equal(h.opened(PHONE), [], 'nobody has logged in')
    try:
        p.pass_('wrong')
        raise AssertionError('logged in')
    except poplib.error_proto:
        pass
    p.close()
    equal(h.opened(PHONE), [], 'nobody has logged in')
    p = kind(PHONE, port)
    p.user('hana')
    p.pass_(PASSWORD)
    until(lambda: h.sessions(PHONE) == 1, 'a session lasts: %r' % h.log()[-600:])
    p.stat()
    p.quit()
    until(lambda: h.opened(PHONE) == [PHONE], 'it has ended')
    equal(h.run('cat', h.gate + '/' + PHONE).split()[0], 'hana')
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
        self.process = subprocess.Popen(['nsenter', '--target', h.init, '--net', '--mount', '--pid', '--uts', '--', 'sh', '-c', 'exec %s/lib/systemd/systemd-journal-remote '
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


def becomes(source, wanted, **more):
    until(lambda: relays(source, **more) == wanted, 'mail from %s goes through: %s' % (source, wanted))


def greets():
    """a server that was just told to begin anew has its moment"""
    def tried():
        try:
            relays(OFFICE)
            return True
        except (OSError, smtplib.SMTPException):
            return False
    until(tried, 'it greets')


def follows_the_gate(h):
    greets()
    equal(relays(PHONE), False)
    h.sh('TCPREMOTEIP=%s USER=hana popkey-wrap true' % PHONE)
    becomes(PHONE, True)
    equal(relays(OFFICE), False)
    h.age(11)
    h.sh('touch -d "1 minute ago" /run/popkey/%s' % PHONE)
    becomes(PHONE, False)


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
         'm4 sendmail.mc >sendmail.cf; rm -f access access.db; : >local-host-names')
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
    h.sh('TCPREMOTEIP=%s USER=hana popkey-wrap true' % PHONE)
    becomes(PHONE, True)
    h.sh('kill -9 $(cat /run/pids.popkey-export); systemctl stop popkey-export')
    becomes(PHONE, False)


def test_postfix():
    """the policy service, then the map, on a configuration as it is installed"""
    h = host()
    h.sh('cd /etc/postfix; cp /usr/share/postfix/main.cf.debian main.cf 2>/dev/null || : >main.cf; cp /usr/share/postfix/master.cf.dist master.cf; '
         'postconf -e "maillog_file=/var/log/postfix.log" "inet_protocols=ipv4" "mydestination=recipe.example" "alias_maps=" "smtpd_peername_lookup=no" '
         '"mynetworks=127.0.0.0/8"; rm -rf /var/spool/postfix /var/lib/postfix; mkdir -p /var/spool/postfix /var/lib/postfix; chown postfix /var/lib/postfix; postfix start >>%s/log 2>&1' % h.dir)
    policy, map_, restrictions, unit_more = RECIPES['Postfix']
    h.sh(typed(policy))
    follows_the_gate(h)
    h.sh('TCPREMOTEIP=%s USER=hana popkey-wrap true' % PHONE)
    equal((relays(PHONE), relays(PHONE, 'taro@example.org')), (True, False))
    h.sh('kill $(cat /run/pids.popkey-export)')
    equal((relays(PHONE), relays(PHONE, 'taro@example.org')), (False, False), 'popkey-export is away')
    h.sh('rm -f /run/popkey/*')
    unit(h, 'popkey-export', map_, unit_more)
    until(lambda: h.run('ls', '/etc/postfix/popkey.db', code=None).strip() == '/etc/postfix/popkey.db', 'the map')
    h.sh(typed(restrictions) + 'postfix reload')
    follows_the_gate(h)
    h.sh('TCPREMOTEIP=%s USER=hana popkey-wrap true' % PHONE)
    becomes(PHONE, True, sender='anybody@example.net')
    h.sh('kill -9 $(cat /run/pids.popkey-export); systemctl stop popkey-export', code=None)
    becomes(PHONE, False)
