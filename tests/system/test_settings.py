"""Each setting: what it may say, what is refused with file, line and remedy, and what it does after a reload."""
import os
import shutil
import tempfile

from house import HANA, NAME, PASSWORDS, STRANGER, OTHER_STRANGER, TARO, Dialog, House, contains, equal, mail, until

VERIFIER = '{SCRAM-SHA-256}10000,c2FsdHNhbHRzYWx0,' + 'A' * 43 + '=,' + 'A' * 43 + '='
PATHS = 'write an absolute path with LOCALPART as one of its parts'
NETWORKS = 'write an address or a network such as 192.0.2.0/24'
DENY = 'write a domain name, an address, a network such as 192.0.2.0/24, user@domain or @domain'

# name: (texts that are taken with what `check` then shows, texts that are not with what the remedy says); both sides
# of each limit
SETTINGS = {
    'servername': ([('mx.example.org', 'mx.example.org'), ('MX.Example.ORG', 'mx.example.org')],
                   [('two names', 'write one full name'), ('short', 'write one full name'),
                    ('a.example\nb.example', 'keep one line of the two'), ('-x.example', 'write one full name')]),
    'postmaster': ([('hana', 'hana'), ('office', 'office'), ('hana@example.test', 'hana@example.test')],
                   [('nobody', 'name a user or an alias'), ('hana@elsewhere.example', 'name a user or an alias')]),
    'denyfrom': ([('192.0.2.7', 1), ('192.0.2.0/24\n2001:db8::/48\nspam.example\n@bulk.example\na@b.example', 5)],
                 [('300.1.1.1', DENY), ('a@b@c', DENY), ('192.0.2.1/24', DENY)]),
    'domains': ([('example.org', 1), ('example.org\nexample.net', 2)], [('a..b', 'write one domain name a line')]),
    'users': ([('hana:' + VERIFIER + '\ntaro:!', 2)],
              [('hana', 'sekisho user add'), ('Hana:!', 'sekisho user add'), ('hana:secret', 'sekisho user add')]),
    'mailboxes': ([('/srv/mail/LOCALPART/', '/srv/mail/LOCALPART/'), ('/srv/LOCALPART/Maildir/',) * 2],
                  [('mail/LOCALPART/', PATHS), ('/srv/mail/', PATHS), ('/srv/../LOCALPART/', PATHS)]),
    'aliases': ([('office: hana, taro', 1), ('a: hana\nb: a,\n  taro', 2)],
                [('office', 'write name: user, user'), ('office: |program', 'no alias runs a program'),
                 ('office: /tmp/file', 'no alias runs a program'), ('office: nobody', ''), ('a: b\nb: a', '')]),
    'networks': ([('10.0.0.0/8', 3), ('2001::/16', 3), ('192.0.2.1', 3)],
                 [('10.0.0.0/7', 'one by one'), ('2000::/15', 'one by one'), ('10.1.0.0/8', NETWORKS)]),
    'sizelimit': ([('64K', '64K'), ('2G', '2G'), ('65536', '64K'), ('1m', '1M')],
                  [(t, 'write a size from 64K to 2G') for t in ('65535', '63K', '3G', '2147483649', '1.5M', '-1')]),
    'recipientlimit': ([('100', '100'), ('10000', '10000')],
                       [(t, 'write a number from 100 to 10000') for t in ('99', '10001', '1K', 'many')]),
    'sessionlimit': ([('10', '10'), ('1000000', '1000000')],
                     [(t, 'write a number from 10 to 1000000') for t in ('9', '1000001', '0x10')]),
    'clientlimit': ([('1', '1'), ('1000000', '1000000')],
                    [(t, 'write a number from 1 to 1000000') for t in ('0', '1000001')]),
    'freespace': ([('1M', '1M'), ('1024G', '1024G')],
                  [(t, 'write a size from 1M to 1024G') for t in ('1023K', '1025G', '10%')]),
    'duplicatewindow': ([('0', '0'), ('7d', '7d'), ('168h', '7d'), ('90s', '90s'), ('30m', '30m')],
                        [(t, 'write a time from 0 to 7d') for t in ('169h', '8d', '60', '1w')]),
    'reportcopies': ([('yes', 'yes'), ('no', 'no')], [(t, 'write yes or no') for t in ('1', 'Yes', 'true')]),
    'submission': ([('2525', 1), ('2525\n4650 tls', 2), ('65535', 1)],
                   [(t, 'write a port number') for t in ('0', '65536', '2525 ssl', 'smtp')] +
                   [('1\n1', 'remove one of the two lines')]),
    'usermailshour': ([('1', '1'), ('2000', '2000')], [(t, 'write a number from 1 to 1000000') for t in ('0', '1000001')]),
    'usermailsday': ([('500', '500'), ('10000000', '10000000')],
                     [(t, 'write a number from 1 to 10000000') for t in ('0', '10000001')]),
    'nameservers': ([('192.0.2.53', 1), ('192.0.2.53\n2001:db8::53#5353', 2), ('recursive', 0)],
                    [(t, 'write an address') for t in ('ns.example.org', '192.0.2.53#0', '192.0.2.53:53')] +
                    [('recursive\n192.0.2.53', 'keep the word')]),
    'trustanchors': ([('example.org. IN DS 31589 13 2 cde0d742', 1), ('none', 0)],
                     [(t, 'write a whole record') for t in ('example.org', '. IN DS 1 2 3 xyz', '. IN A 192.0.2.1')]),
    'certificate': ([('/a/b.pem', '/a/b.pem')], [('keys/b.pem', 'write an absolute path')]),
    'certificatekey': ([('/a/b.key', '/a/b.key')], [('b.key', 'write an absolute path')]),
    'backupfor': ([('example.net mail.example.net', 1), ('example.net [2001:db8::7]:65535\nexample.com 192.0.2.7', 2)],
                  [(t, 'write domain host:port') for t in
                   ('example.net', 'net mail.example.net', 'example.net mail', 'example.net mail.example.net:0',
                    'example.net mail.example.net:65536', 'example.net mail.example.net hana secret')] +
                  [('example.net a.example\nexample.net b.example', 'remove one of the two lines'),
                   ('example.test mail.example.net', 'remove it here'), ('example.net mail.example.test', 'has the mailboxes')]),
    'smarthost': ([('mail.example.net', 'mail.example.net:25'), ('192.0.2.7:2525', '192.0.2.7:2525'),
                   ('[2001:db8::7]:65535', '[2001:db8::7]:65535'),
                   ('mail.example.net hana secret', 'mail.example.net:587, with a login')],
                  [(t, 'write host:port name password') for t in
                   ('mail', 'mail.example.net:0', 'mail.example.net:65536', 'mail.example.net hana',
                    'mail.example.net hana secret more', '[2001:db8::7')]),
    'gatestore': ([('/run/popkey/', '/run/popkey'), ('redis://192.0.2.5', 'redis://192.0.2.5:6379/0'),
                   ('redis://[2001:db8::5]:1/1023', 'redis://[2001:db8::5]:1/1023'),
                   ('redis://localhost:65535/0', 'redis://127.0.0.1:65535/0'),
                   ('redis:///run/redis.sock', 'redis:///run/redis.sock?0'), ('redis:///a/b?7', 'redis:///a/b?7')],
                  [(t, 'write a path such as /run/popkey') for t in
                   ('run/popkey', '/', '/a//b', '/a/../b', 'redis://', 'redis://redis.example.org', 'redis://192.0.2.5:0',
                    'redis://192.0.2.5:65536', 'redis://192.0.2.5/1024', 'redis://[192.0.2.5]', 'redis://2001:db8::5',
                    'redis:///a?x', 'http://192.0.2.5', '/' + 107 * 'a')]),
    'gatestorelogin': ([], [(t, 'write one line with the password') for t in ('a b c', 256 * 'a')]),
    'queuelife': ([('1m', '1m'), ('30d', '30d')], [(t, 'write a time from 1m to 30d') for t in ('59s', '31d', '5')]),
    'delaywarning': ([('0', '0'), ('30d', '30d')], [(t, 'write a time from 0 to 30d') for t in ('31d', '4')]),
    'retryfirst': ([('1s', '1s'), ('1d', '1d')], [(t, 'write a time from 1s to 1d') for t in ('0', '2d', '7')]),
    'popkey': ([('', '10 300'), ('2 5', '2 5'), ('1 1', '1 1'), ('3600 3600', '3600 3600')],
               [(t, 'write two numbers of seconds') for t in ('0 5', '5 0', '3601 5', '5 3601', '10', '1 2 3', '10s 5m')] +
               [('1 2\n3 4', 'keep one line of the two')]),
    'popkeyplain': ([('yes', 'yes'), ('no', 'no')], [(t, 'write yes or no') for t in ('1', 'Yes')]),
    'popkeyport25': ([('yes', 'yes'), ('no', 'no')], [(t, 'write yes or no') for t in ('0', '25')]),
    'popkeyipv6': ([('64', '64'), ('128', '128')], [(t, 'write a number from 64 to 128') for t in ('63', '129', '/64')]),
    'popkeyanybody': ([('yes', 'yes'), ('no', 'no')], [(t, 'write yes or no') for t in ('all', 'No')]),
    'retrylast': ([('1s', '1s'), ('1d', '1d')], [(t, 'write a time from 1s to 1d') for t in ('0', '2d', '7')]),
}
AROUND = {'servername': NAME, 'domains': 'example.test', 'users': 'hana:!\ntaro:!', 'aliases': 'office: hana',
          'certificate': '/a.pem', 'certificatekey': '/a.key'}


def findings(h, name, text):
    """what `check` says of that setting in a whole that is right without it; its row, its errors"""
    for other, value in AROUND.items():
        h.set(other, value + '\n')
    os.chmod(os.path.join(h.config, 'users'), 0o600)
    h.set(name, '# a comment\n\n' + text + '\n')
    found = h.json('check', code=None)
    h.unset(name)
    row = next(s for s in found['settings'] if s['name'] == name)
    return row, [f for f in found['findings'] if f['level'] == 'error']


def test_what_each_may_say():
    with House(start=False, users=None) as h:
        equal(sorted(SETTINGS), sorted(s['name'] for s in h.json('check', code=None)['settings']))
        for name, (taken, refused) in SETTINGS.items():
            for text, shown in taken:
                row, errors = findings(h, name, text)
                equal(errors, [], '%s: %r' % (name, text))
                equal(row['origin'], 'file')
                equal(len(row['values']) if 'values' in row else row['value'], shown, '%s: %r' % (name, text))
            for text, remedy in refused:
                row, errors = findings(h, name, text)
                equal(bool(errors), True, '%s: %r is refused' % (name, text))
                equal(errors[0]['file'], name, repr(text))
                equal(errors[0]['line'] in range(3 if text else 0, 5), True, '%s: %r: the line %d' % (
                    name, text, errors[0]['line']))
                contains(errors[0]['text'] + '; ' + errors[0]['remedy'], remedy)


test_what_each_may_say.seconds = 300


# --- what they do: on a running server, after a reload, and no longer when the file is gone


class Changed:
    """a setting of a running server, for a while"""

    def __init__(self, h, name, text):
        self.h, self.name = h, name
        path = os.path.join(h.config, name)
        self.before = open(path).read() if os.path.exists(path) else None
        h.set(name, text)
        h.reload()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.before is None:
            self.h.unset(self.name)
        else:
            self.h.set(self.name, self.before)
        self.h.reload()


def greeted(h, source=STRANGER, name='mail.example.org'):
    d = h.smtp(source)
    d.say('EHLO ' + name, 250)
    return d


def replies(h, source, sender, to, name='mail.example.org'):
    """the codes of EHLO, MAIL and each RCPT, as far as it comes; of the greeting when it is a refusal"""
    d = Dialog(h, 'smtp', source, greeting=False)
    codes = [d.read().code]
    if codes == [220]:
        codes = []
        for line in ['EHLO ' + name, 'MAIL FROM:<%s>' % sender] + ['RCPT TO:<%s>' % t for t in to]:
            codes.append(d.say(line).code)
            if codes[-1] >= 500 and len(codes) < 3:
                break
    d.close()
    return codes


def test_servername():
    with House() as h:
        with Changed(h, 'servername', 'mx.example.test\n'):
            d = h.smtp(STRANGER)
            contains(d.lines[0], '220 mx.example.test ')
            contains(str(d.say('EHLO mail.example.org')), 'mx.example.test')
            d.say('QUIT', 221)
            contains(h.pop().lines[0], 'mx.example.test')
        contains(h.smtp(STRANGER).lines[0], '220 %s ' % NAME)


def test_postmaster():
    with House() as h:
        with Changed(h, 'postmaster', 'taro\n'):
            h.send('postmaster@example.test', mail('to taro'))
            until(lambda: len(h.files('taro')) == 1, 'it came to taro')
        h.send('abuse@example.test', mail('to hana'))
        until(lambda: len(h.files('hana')) == 1, 'it came to the first user')
        equal(len(h.files('taro')), 1)


def test_denyfrom():
    with House() as h:
        cases = ((STRANGER + '\n', STRANGER, 'x@friend.example', 'mail.example.org'),
                 ('198.51.100.0/24\n', STRANGER, 'x@friend.example', 'mail.example.org'),
                 ('spam.example\n', STRANGER, 'x@friend.example', 'host.spam.example'),
                 ('x@friend.example\n', STRANGER, 'x@friend.example', 'mail.example.org'),
                 ('@friend.example\n', STRANGER, 'x@friend.example', 'mail.example.org'))
        for text, source, sender, name in cases:
            equal(replies(h, source, sender, [HANA], name), [250, 250, 250], 'before ' + text)
            with Changed(h, 'denyfrom', '# who\n' + text):
                codes = replies(h, source, sender, [HANA], name)
                equal(codes[-1] in (550, 554), True, '%r: %s' % (text, codes))
                h.wait_log('denyfrom:2')
                equal(replies(h, OTHER_STRANGER, 'y@other.example', [HANA]), [250, 250, 250], 'others')
        equal(replies(h, STRANGER, 'x@friend.example', [HANA]), [250, 250, 250])


def test_domains_users_and_aliases():
    with House() as h:
        equal(replies(h, STRANGER, '', ['hana@other.test']), [250, 250, 550])
        with Changed(h, 'domains', 'example.test\nother.test\n'):
            equal(replies(h, STRANGER, '', ['hana@other.test', HANA]), [250, 250, 250, 250])
        with Changed(h, 'aliases', 'sales: taro\ntaro+x: hana\n'):
            equal(replies(h, STRANGER, '', ['sales@example.test', 'sale@example.test']), [250, 250, 250, 550])
            h.send(['sales@example.test', 'taro+x@example.test'])
            until(lambda: (len(h.files('hana')), len(h.files('taro'))) == (1, 1), 'one for each')
        equal(replies(h, STRANGER, '', ['sales@example.test']), [250, 250, 550])
        users = open(os.path.join(h.config, 'users')).read()
        with Changed(h, 'users', '\n'.join(u for u in users.split('\n') if not u.startswith('taro:'))):
            equal(replies(h, STRANGER, '', [TARO, HANA]), [250, 250, 550, 250])
            d = h.pop()
            d.ok('USER taro')
            d.err('PASS ' + PASSWORDS['taro'])
        h.pop('taro').ok('STAT')


def test_networks():
    """who is inside may give any name, and the limit for one address is not his"""
    with House({'clientlimit': '1\n'}) as h:
        equal(replies(h, STRANGER, '', [], 'printer')[0], 550)
        with Changed(h, 'networks', '198.51.100.0/24\n'):
            inside = [greeted(h, STRANGER, 'printer') for _ in range(3)]
            equal(replies(h, OTHER_STRANGER, '', [], 'printer')[0], 550)
            for d in inside:
                d.close()
        until(lambda: h.sessions() == 0, 'all are gone')
        equal(replies(h, STRANGER, '', [], 'printer')[0], 550)


def test_sizelimit():
    with House() as h:
        with Changed(h, 'sizelimit', '64K\n'):
            d = greeted(h)
            d.say('MAIL FROM:<> SIZE=65536', 250)
            d.say('RSET', 250)
            d.say('MAIL FROM:<> SIZE=65537', 552)
            h.send(content=mail(body='x' * 70 + '\r\n' + ('y' * 70 + '\r\n') * 1000), code=552)
        d = greeted(h)
        contains(str(d.say('EHLO mail.example.org')), 'SIZE 52428800')
        h.send(content=mail(body=('y' * 70 + '\r\n') * 1000))


def test_recipientlimit():
    with House() as h:
        many = ['hana+%d@example.test' % i for i in range(101)]
        with Changed(h, 'recipientlimit', '100\n'):
            codes = replies(h, STRANGER, '', many)
            equal(codes[2:102], [250] * 100)
            equal(codes[102], 452)
        equal(replies(h, STRANGER, '', many)[102], 250)


def test_sessionlimit_and_clientlimit():
    with House(options=['--workers', '1']) as h:
        with Changed(h, 'clientlimit', '2\n'):
            held = [greeted(h), greeted(h)]
            contains(Dialog(h, 'smtp', STRANGER, greeting=False).read(), '421')
            equal(greeted(h, OTHER_STRANGER).say('NOOP').code, 250)
            for d in held:
                d.close()
        with Changed(h, 'sessionlimit', '10\n'):
            held = [greeted(h) for _ in range(9)]
            for n in range(4):
                held.append(greeted(h))
            until(lambda: h.sessions() <= 10, 'no more than ten')
            for d in held:
                d.close()
        until(lambda: h.sessions() == 0, 'all are gone')
        held = [greeted(h) for _ in range(14)]
        equal(h.sessions(), 14)


def refuses(h):
    d = greeted(h)
    reply = d.transaction(TARO, [HANA], mail(), None)
    d.close()
    equal(reply.code in (250, 452), True, str(reply))
    return reply.code == 452


def test_freespace():
    with House() as h:
        with Changed(h, 'freespace', '1024G\n'):
            until(lambda: refuses(h), 'mail is refused, within seconds')
        until(lambda: not refuses(h), 'mail is taken again')


def test_duplicatewindow():
    with House() as h:
        again = mail('again')
        with Changed(h, 'duplicatewindow', '0\n'):
            for n in range(2):
                h.send(content=again)
            until(lambda: len(h.files('hana')) == 2, 'every copy')
        once = mail('once')
        for n in range(2):
            h.send(content=once)
        h.wait_log('event="duplicate')
        equal(len(h.files('hana')), 3)


def test_mailboxes():
    """where the mailboxes are is settled at the start: a reload says so and leaves all as it is"""
    place = tempfile.mkdtemp(prefix='sekisho-mail-')
    os.chmod(place, 0o755)
    try:
        with House() as h:
            h.send()
            until(lambda: len(h.files('hana')) == 1, 'in the default place')
            h.stop()
            h.wait_programs_gone()
            h.set('mailboxes', '%s/boxes/LOCALPART/Maildir/\n' % place)
            if os.getuid() == 0:
                h.tool('setup')
            h.start()
            h.send()
            new = os.path.join(place, 'boxes/hana/Maildir/new')
            until(lambda: os.path.isdir(new) and len(os.listdir(new)) == 1, 'in the new place')
            d = h.pop('hana')
            contains(d.ok('STAT'), '+OK 1 ')
    finally:
        shutil.rmtree(place)
