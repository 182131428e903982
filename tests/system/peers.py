"""Postfix, Exim and OpenSMTPD as other people run them: TLS where it is offered, DANE where they know it, DSN, the next
host from the DNS. Local-parts behave: `nobody…` is refused, `grey` is put off until the file `open` is there, `closing`
ends the session."""
import os
import socket

import dns
from hosts import Host
from house import until

PASSWORD = 'through-the-gate'
USERS = ('hana', 'taro', 'grey', '花')

class Peer(Host):
    """certificate: of test_outbound; domains: those whose mail it keeps; plain: an address where no TLS is offered"""

    def __init__(self, name, address, domains, certificate, plain=None, settings=''):
        self.domains, self.certificate, self.plain, self.settings = domains, certificate, plain, settings
        super().__init__(name, address, *([plain] if plain else []))
        until(self.greets, name + ' greets', 40)

    def greets(self):
        try:
            with socket.create_connection((self.addresses[0], 25), 5) as s:
                return s.recv(3) == b'220'
        except OSError:
            return False


class Postfix(Peer):
    def configure(self):
        self.write('etc/main.cf', '\n'.join((
            'compatibility_level = 3.6', 'queue_directory = %s/queue' % self.dir, 'data_directory = %s/data' % self.dir,
            'meta_directory = %s/etc' % self.dir, 'command_directory = /usr/sbin', 'shlib_directory = /usr/lib/postfix',
            'daemon_directory = /usr/lib/postfix/sbin', 'mail_owner = postfix', 'setgid_group = postdrop',
            'maillog_file = %s/log' % self.dir, 'maillog_file_prefixes = ' + self.dir, 'inet_protocols = ipv4',
            'myhostname = ' + self.name, 'mydestination =', 'mynetworks = 127.0.0.0/8 198.18.0.0/24', 'alias_maps =',
            'virtual_mailbox_domains = ' + ' '.join(self.domains), 'virtual_mailbox_base = ' + self.mail,
            'virtual_mailbox_maps = texthash:%s/etc/users' % self.dir, 'virtual_uid_maps = static:65534',
            'virtual_gid_maps = static:65534', 'smtputf8_enable = yes', 'message_size_limit = 30000000',
            'virtual_mailbox_limit = 0', 'smtp_dns_support_level = dnssec', 'smtp_tls_security_level = dane',
            'smtp_tls_loglevel = 1', 'smtpd_tls_security_level = may', 'smtpd_tls_cert_file = ' + self.certificate.file,
            'smtpd_tls_key_file = ' + self.certificate.key, 'smtpd_tls_received_header = yes', 'smtpd_discard_ehlo_keywords =',
            'smtpd_recipient_restrictions = check_recipient_access regexp:%s/etc/access, permit_sasl_authenticated, permit_mynetworks, reject' % self.dir,
            'smtpd_sasl_auth_enable = yes', 'smtpd_sasl_local_domain = ' + self.name, 'queue_run_delay = 2s', 'minimal_backoff_time = 2s', 'maximal_backoff_time = 4s', self.settings, '')))
        self.write('etc/users', ''.join('%s@%s %s/\n' % (u, d, u) for u in USERS for d in self.domains))
        self.write('etc/access', '/^nobody/ 550 5.1.1 nobody of that name, try another\n/^closing/ 421 4.3.2 closing\n')
        with open(os.path.join(dns.FOREIGN, 'usr/share/postfix/master.cf.dist')) as f:
            rows = [line.split() for line in f if line[0] not in '# \t\n']
        master = ''.join('%s %s %s %s n %s\n' % (*row[:4], ' '.join(row[5:])) for row in rows)
        if self.plain:
            master = master.replace('smtp inet', '%s:smtp inet' % self.addresses[0], 1) + \
                '%s:smtp inet n - n - - smtpd -o smtpd_tls_security_level=none\n' % self.plain
        self.write('etc/master.cf', master)
        self.sasl()
        os.makedirs(self.dir + '/data')
        os.makedirs(self.dir + '/queue')
        self.run('chown', 'postfix', self.dir + '/data')
        self.run('sh', '-c', 'cp /usr/share/postfix/postfix-files /usr/share/postfix/dynamicmaps.cf* '
                 '/etc/postfix/postfix-files* /etc/postfix/dynamicmaps.cf* %s/etc/ 2>/dev/null; true' % self.dir)
        self.run('postfix', '-c', self.dir + '/etc', 'start')

    def route(self, maps):
        """where mail goes in spite of the DNS"""
        self.run('postconf', '-c', self.dir + '/etc', '-e', 'transport_maps = ' + maps)
        self.run('postfix', '-c', self.dir + '/etc', 'reload')

    def sasl(self):
        """hana may log in"""
        self.run('sh', '-c', 'mkdir -p /etc/postfix/sasl; printf "pwcheck_method: auxprop\\nauxprop_plugin: sasldb\\n'
                 'mech_list: PLAIN LOGIN\\n" >/etc/postfix/sasl/smtpd.conf; '
                 'printf %%s "%s" | saslpasswd2 -p -c -u %s hana && chown postfix /etc/sasldb2' % (PASSWORD, self.name))


class Exim(Peer):
    def configure(self):
        for name in ('queue', 'logs'):
            os.makedirs(os.path.join(self.dir, name))
        self.write('cert.pem', ''.join(open(path).read() for path in (self.certificate.key, self.certificate.file)))
        self.write('empty', '')
        config = self.write('exim.conf', r"""
primary_hostname = NAME
spool_directory = DIR/queue
log_file_path = DIR/logs/%slog
pid_file_path = DIR/queue/pid
local_interfaces = ADDRESSES
disable_ipv6
domainlist local_domains = DOMAINS
never_users =
tls_advertise_hosts = ! PLAIN
tls_certificate = DIR/cert.pem
smtputf8_advertise_hosts = *
dsn_advertise_hosts = *
message_size_limit = 30M
queue_run_max = 1
host_lookup =
rfc1413_query_timeout = 0s
log_selector = +tls_peerdn +tls_certificate_verified +dnssec
acl_smtp_rcpt = acl_rcpt
acl_smtp_connect = acl_connect
SETTINGS
begin acl
acl_connect:
  accept
acl_rcpt:
  deny local_parts = ^nobody
       message = 5.1.1 nobody of that name, try another
  defer local_parts = grey
       condition = ${if !exists{DIR/open}}
       message = 4.7.1 come back later
  drop local_parts = closing
       message = 421 4.3.2 closing
  accept
begin routers
onward:
  driver = dnslookup
  domains = ! +local_domains
  transport = onward
  self = send
  no_more
mailbox:
  driver = accept
  transport = mailbox
begin transports
onward:
  driver = smtp
  hosts_try_dane = *
mailbox:
  driver = appendfile
  directory = DIR/mail/${lookup{$local_part}lsearch,ret=key{DIR/users}}
  create_directory
  maildir_format
  envelope_to_add
  return_path_add
  user = 65534
  group = 65534
begin retry
*  *  F,1h,2s
""".lstrip().replace('ADDRESSES', ' : '.join(('127.0.0.1',) + self.addresses)).replace('DOMAINS', ' : '.join(self.domains))
                            .replace('PLAIN', '${if eq{$received_ip_address}{%s}{*}{!*}}' % self.plain if self.plain else '')
                            .replace('NAME', self.name).replace('DIR', self.dir).replace('SETTINGS', self.settings))
        self.write('users', '\n'.join(USERS) + '\n')
        self.write('trust/trusted_configs', config + '\n')
        self.run('sh', '-c', 'chown -R Debian-exim {0}/queue {0}/logs {0}/cert.pem; mkdir -p /etc/exim4; '
                 'cp {0}/trust/trusted_configs /etc/exim4/'.format(self.dir))
        self.run('/usr/sbin/exim4', '-C', config, '-bd', '-q2s')

    def log(self):
        with open(self.dir + '/logs/mainlog', errors='replace') as f:
            return f.read()


class OpenSmtpd(Peer):
    def configure(self):
        for path in (self.certificate.key, self.certificate.file):
            os.chmod(path, 0o600)
        lists = ', '.join('"%s"' % d for d in self.domains)
        users = ', '.join('"%s" = nobody' % u for u in USERS if u.isascii())
        self.write('smtpd.conf', """
pki here cert "%s"
pki here key "%s"
table users { %s }
table domains { %s }
smtp max-message-size 30M
listen on %s port 25 hostname %s tls pki here
%s
action "local" maildir "%s/%%{rcpt.user}" virtual <users>
action "onward" relay helo %s
match from any for domain <domains> action "local"
match from any for any action "onward"
""" % (self.certificate.file, self.certificate.key, users, lists, self.addresses[0], self.name,
       'listen on %s port 25 hostname %s' % (self.plain, self.name) if self.plain else '', self.mail, self.name), 0o600)
        self.run('mkdir', '-p', '/var/spool/smtpd', '/var/lib/opensmtpd/empty')
        self.run('chmod', '711', '/var/spool/smtpd')
        self.start()

    def start(self):
        self.run('sh', '-c', 'setsid smtpd -d -v -f {0}/smtpd.conf >>{0}/log 2>&1 & echo $! >{0}/pid'.format(self.dir))

    def restart(self):
        """it leaves alone for a while whoever has closed a connection, as every server of ours that ends here does"""
        self.run('sh', '-c', 'kill $(cat %s/pid)' % self.dir)
        until(lambda: not self.greets(), 'it has ended')
        self.start()
        until(self.greets, self.name + ' greets', 40)
