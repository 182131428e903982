"""Mail programs of other people send: smtplib, swaks, curl, msmtp, s-nail."""
import email.message
import smtplib

from house import *

FILES = {'duplicatewindow': '0\n'}  # the same mail comes in many ways
SMTP = 'smtp://%s:%d'
STRANGERS_VIEW = '192.0.2.1'


def wire(content):
    """as a Unix program is given it"""
    return content.replace(b'\r\n', b'\n')


def one(h, user='hana', **found):
    """the one message in a mailbox; its lines of the trace must hold what is given. The mailbox is emptied"""
    message = h.messages(user, 1)[0].decode('utf-8')
    for part in found.values():
        contains(message, part)
    for path in h.files(user):
        os.unlink(path)
    return message


DATE = 'Date: Fri, 21 Nov 1997 09:55:06 +0900\r\n'  # who logs in gets one where it is missing


def small(sender=TARO):
    return mail(sender=sender, extra=DATE)


def large(sender=TARO):
    """some 700 KByte with long and dotted lines"""
    lines = ['.' * (i % 60) + 'x' * (i % 900) for i in range(1500)]
    return mail(subject='large', sender=sender, body='\r\n'.join(lines), extra=DATE)


# --- smtplib ------------------------------------------------------------------------------------------


def smtplib_session(h, source=LOCAL, tls=False):
    to = LOCAL if source == LOCAL else STRANGERS_VIEW
    s = smtplib.SMTP(to, PORTS['smtp'], 'client.example.org', 30, (source, 0))
    if tls:
        s.starttls(context=client_context_for(h))
    return s


def client_context_for(h):
    context = client_context(h)
    context.check_hostname = False  # smtplib checks the address it was given
    return context


def test_smtplib():
    """smtplib: in clear and under STARTTLS, from outside and with a login"""
    with House(files=FILES) as h:
        for tls in (False, True):
            for content in (mail(), large()):
                with smtplib_session(h, STRANGER, tls) as s:
                    equal(s.sendmail('a@sender.example', [HANA, 'nobody@example.test'], content),
                          {'nobody@example.test': s_refusal('nobody')})
                got = one(h, trace='with ESMTPS (TLSv1.3' if tls else 'with ESMTP id', client='([198.51.100.7])')
                equal(without_trace(got.encode()), content)
        with smtplib_session(h, STRANGER, True) as s:
            s.login(HANA, PASSWORDS['hana'])
            s.sendmail(HANA, [TARO], mail(sender=HANA))
            contains(s.vrfy('taro')[1], b'<taro@')
        one(h, 'taro', trace='with ESMTPSA (TLSv1.3')
        h.wait_log('event="mail accepted" .*class=in>in .*login=hana')


def s_refusal(name):
    return 550, b'5.1.1 There is no mailbox <%s@example.test> here' % name.encode()


def test_smtplib_speaks_utf8():
    """SMTPUTF8 (RFC 6531): an address in Japanese, a message with UTF-8 in its header"""
    with House(files={'users': '花子:!\n'}, users=None) as h:
        m = email.message.EmailMessage()
        m['From'] = '差出人 <sashi@sender.example>'
        m['To'] = '花子@example.test'
        m['Subject'] = 'こんにちは'
        m.set_content('元気ですか。\n')
        with smtplib_session(h, STRANGER) as s:
            equal(s.send_message(m), {})
        got = one(h, '花子', trace='with UTF8SMTP id', to='for <花子@example.test>')
        contains(got, 'To: 花子@example.test')


def test_smtplib_is_refused():
    """F-21: relaying and a large mail are refused, and the program's user is shown the sentence"""
    with House(files={'sizelimit': '512K\n'}) as h:
        with smtplib_session(h, STRANGER) as s:
            try:
                s.sendmail('a@sender.example', ['b@other.example'], mail())
                raise AssertionError('relayed')
            except smtplib.SMTPRecipientsRefused as refused:
                code, text = refused.recipients['b@other.example']
                equal(code, 550)
                contains(text, b'5.7.1')
            try:
                s.sendmail('a@sender.example', [HANA], large())
                raise AssertionError('taken')
            except smtplib.SMTPSenderRefused as refused:
                equal(refused.smtp_code, 552)
                contains(refused.smtp_error, b'larger than this server takes')


# --- swaks --------------------------------------------------------------------------------------------


def swaks(h, *words, code=0, source=STRANGER, **more):
    return run('swaks', '--server', STRANGERS_VIEW, '--port', str(PORTS['smtp']), '--local-interface', source,
               '--ehlo', 'client.example.org', '--from', 'a@sender.example', *words, code=code, **more)


def test_swaks():
    """swaks: in clear, pipelined, under TLS, with logins, all of them with several recipients"""
    with House(files=FILES) as h:
        for words, trace in (((), 'with ESMTP id'), (('--pipeline',), 'with ESMTP id'),
                             (('--protocol', 'SMTP'), 'with SMTP id'),
                             (('--tls', '--tls-verify', '--tls-ca-path', h.certificate()), 'with ESMTPS (TLSv1.3'),
                             (('--tls', '--tls-protocol', 'tlsv1_2', '--pipeline'), 'with ESMTPS (TLSv1.2'),
                             (('--tls', '--auth', 'PLAIN', '--auth-user', HANA, '--auth-password',
                               PASSWORDS['hana'], '--from', HANA), 'with ESMTPSA (TLSv1.3'),
                             (('--tls', '--auth', 'LOGIN', '--auth-user', HANA, '--auth-password',
                               PASSWORDS['hana'], '--from', HANA), 'with ESMTPSA (TLSv1.3')):
            swaks(h, '--to', HANA + ',' + TARO, '--body', 'from swaks', *words)
            for user in ('hana', 'taro'):
                got = one(h, user, trace=trace, body='from swaks')
                equal('for <' in got.split('\r\n\r\n')[0].split('From:')[0], False, 'for names one of several')
        content = wire(large())
        path = os.path.join(h.dir, 'large')
        with open(path, 'wb') as f:
            f.write(content)
        for words in ((), ('--tls',)):
            swaks(h, '--to', HANA, '--data', '@' + path, *words)
            equal(without_trace(one(h).encode()).rstrip(), content.replace(b'\n', b'\r\n').rstrip())


def test_swaks_is_refused():
    """relaying and wrong passwords are refused with a sentence; a login is not offered in clear"""
    with House(files=FILES) as h:
        contains(swaks(h, '--to', 'b@other.example', code=24), '550 5.7.1')
        contains(swaks(h, '--to', HANA, '--tls', '--auth', 'PLAIN', '--auth-user', HANA, '--auth-password', 'x',
                       code=28), '535 5.7.8')
        contains(swaks(h, '--to', HANA, '--auth', 'PLAIN', '--auth-user', HANA, '--auth-password', 'x', code=28),
                 'not')
        h.wait_log('event="refused" .*code=550 rule=relay-denied at=rcpt what=b@other.example .*class=out>out')


# --- curl ---------------------------------------------------------------------------------------------


def test_curl():
    """curl: in clear, under TLS, with PLAIN and SCRAM"""
    with House(files=FILES) as h:
        path = os.path.join(h.dir, 'mail')
        for make in (small, large):
            for words, trace in (
                    ((), 'with ESMTP id'),
                    (('--ssl-reqd', '--cacert', h.certificate(), '--resolve', NAME + ':2525:192.0.2.1'),
                     'with ESMTPS (TLSv1.3'),
                    (('--ssl-reqd', '--insecure', '--user', 'hana:' + PASSWORDS['hana'], '--login-options',
                      'AUTH=PLAIN'), 'with ESMTPSA (TLSv1.3'),
                    (('--ssl-reqd', '--insecure', '--user', HANA + ':' + PASSWORDS['hana'], '--login-options',
                      'AUTH=SCRAM-SHA-256'), 'with ESMTPSA (TLSv1.3')):
                if 'AUTH=SCRAM-SHA-256' in words and 'SCRAM' not in run('curl', '--version'):
                    continue
                host = NAME if '--resolve' in words else STRANGERS_VIEW
                sender = HANA if '--user' in words else 'a@sender.example'
                content = make(sender)
                with open(path, 'wb') as f:
                    f.write(content)
                run('curl', '--silent', '--show-error', '--interface', STRANGER, '--mail-from', sender,
                    '--mail-rcpt', HANA, '--upload-file', path, *words,
                    (SMTP % (host, PORTS['smtp'])) + '/client.example.org')
                equal(without_trace(one(h, trace=trace).encode()), content)
        contains(run('curl', '--silent', '--show-error', '--mail-from', 'a@sender.example', '--mail-rcpt',
                     'b@other.example', '--upload-file', path, SMTP % (STRANGERS_VIEW, PORTS['smtp']) +
                     '/client.example.org', '--interface', STRANGER, code=55), '550')
        contains(run('curl', '--silent', '--show-error', SMTP % (LOCAL, PORTS['smtp']) + '/client', '--request',
                     'VRFY hana', '--interface', LOCAL, code=None), '252')


# --- msmtp --------------------------------------------------------------------------------------------


def msmtp(h, *words, content, sender='a@sender.example', code=0):
    return run('msmtp', '--file=/dev/null', '--host=' + STRANGERS_VIEW, '--port=%d' % PORTS['smtp'],
               '--source-ip=' + STRANGER, '--domain=client.example.org', '--from=' + sender, '--set-date-header=off', *words,
               input=wire(content), code=code)


def test_msmtp():
    """msmtp: in clear, under STARTTLS, with PLAIN and SCRAM-SHA-256, with DSN parameters"""
    with House(files=FILES) as h:
        trust = ['--tls=on', '--tls-starttls=on', '--tls-certcheck=on', '--tls-trust-file=' + h.certificate(),
                 '--tls-host-override=' + NAME]
        for make in (small, large):
            for words, trace in (
                    ([], 'with ESMTP id'),
                    (['--dsn-notify=failure,delay', '--dsn-return=headers'], 'with ESMTP id'),
                    (trust, 'with ESMTPS (TLSv1.3'),
                    (trust + ['--auth=plain', '--user=hana', '--passwordeval=echo ' + PASSWORDS['hana']],
                     'with ESMTPSA (TLSv1.3'),
                    (trust + ['--auth=scram-sha-256', '--user=' + HANA, '--passwordeval=echo ' + PASSWORDS['hana']],
                     'with ESMTPSA (TLSv1.3')):
                sender = HANA if 'ESMTPSA' in trace else 'a@sender.example'
                content = make(sender)
                msmtp(h, *words, HANA, content=content, sender=sender)
                equal(without_trace(one(h, trace=trace).encode()), content)
        contains(msmtp(h, 'b@other.example', content=mail(), code=65), 'takes mail for its own addresses only')


# --- s-nail -------------------------------------------------------------------------------------------


def nail(h, url, *settings, to=HANA, body='from s-nail', code=0):
    words = []
    for setting in ('v15-compat', 'DEAD=/dev/null', 'mta=' + url, 'smtp-hostname=client.example.org', 'from=a@sender.example', 'sendwait',
                    'tls-verify=ignore') + settings:
        words += ['-S', setting]
    return run('s-nail', '-:/', *words, '-s', 'hello', to, input=body.encode(), code=code,
               env={'HOME': h.dir, 'MAILRC': '/dev/null'})


def test_s_nail():
    """s-nail: in clear, under STARTTLS, with a login"""
    with House(files=FILES) as h:
        url = SMTP % (LOCAL, PORTS['smtp'])
        login = 'smtp://hana:%s@%s:%d' % (PASSWORDS['hana'].replace(' ', '%20'), LOCAL, PORTS['smtp'])
        for body in ('from s-nail\n', 'x' * 800 + '\n.\n..\n' + 'from s-nail\n' * 30000):
            nail(h, url, 'smtp-auth=none', body=body)
            contains(one(h, trace='with SMTP\r\n\tid'), body.replace('\n', '\r\n')[-20:])
            nail(h, url, 'smtp-auth=none', 'smtp-use-starttls', body=body)
            contains(one(h, trace='with SMTP (TLSv1.3'), 'from s-nail')
            nail(h, login, 'smtp-auth=plain', 'smtp-use-starttls', 'from=' + HANA,
                 'smtp-hostname=example.test', body=body)
            contains(one(h, trace='with ESMTPSA (TLSv1.3'), 'from s-nail')
        contains(nail(h, url, 'smtp-auth=none', to='b@other.example', code=None), '5.7.1')
