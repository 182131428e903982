"""A machine elsewhere in a network of one's own (N-18): docs/vpn.md, as it is typed, with WireGuard."""
import os
import re
import shutil
import subprocess
import tempfile

import dns
import hosts
from house import HANA, House, SOURCE, contains, equal, mail, until
from nexthost import NextHost, PORT

ELSEWHERE = 'anna@other.example'
SEND = """
import smtplib, sys
with smtplib.SMTP(sys.argv[1], 2525, 'laptop.example', 20) as s:
    try:
        s.sendmail(sys.argv[2], [sys.argv[3]], open(sys.argv[4], 'rb').read())
        print('taken')
    except smtplib.SMTPRecipientsRefused as e:
        print(e.recipients[sys.argv[3]])
"""


def blocks(name):
    """what is typed as root in a recipe, a text a block"""
    with open(os.path.join(SOURCE, 'docs', name), encoding='utf-8') as f:
        found = re.findall(r'^```\n(# .*?)^```$', f.read(), re.M | re.S)
    return [re.sub(r'^# (?!laptop$)', '', block, flags=re.M) for block in found]


def ours(text, place=''):
    """typed here; into a file, since what stays behind holds it open"""
    with tempfile.TemporaryFile('w+') as said:
        code = subprocess.run(['bash', '-e', '-c', text], env=env_of(place), stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=60,
                              check=False).returncode
        said.seek(0)
        if code:
            raise AssertionError('%s: %s' % (text, said.read()))


# wg-quick runs it where the kernel has no WireGuard; asked before it listens, wireguard-go may hang
WIREGUARD = """#!/bin/sh
LOG_LEVEL=verbose setsid wireguard-go -f "$1" >%(place)s/wireguard.log 2>&1 </dev/null &
until grep -q 'incoming v4 - started' %(place)s/wireguard.log; do sleep 0.05; done
"""
ENV = dict(os.environ, PATH='%s/usr/bin:%s:/usr/sbin:/sbin' % (dns.FOREIGN, os.environ['PATH']),
           WG_QUICK_USERSPACE_IMPLEMENTATION='wireguard')


def env_of(place):
    return dict(ENV, PATH=place + ':' + ENV['PATH'])


def program_in(place):
    path = os.path.join(place, 'wireguard')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(WIREGUARD % {'place': place})
    os.chmod(path, 0o755)


def test_the_recipe():
    """the keys, both files, the setting; who has the key sends, others do not, nor he once his peer is out"""
    dns.program('wg')
    english, japanese = blocks('vpn.md'), blocks('vpn.ja.md')
    equal(english, japanese, 'both languages say the same')
    server, setting, client, asked = english
    hosts.wire()
    with hosts.Host('laptop.example', '198.18.0.51') as laptop, NextHost() as far, \
            House({'smarthost': '127.0.0.1:%d\n' % PORT}) as h:
        place = os.path.join(h.dir, 'wireguard')
        os.mkdir(place)
        for at in (place, laptop.dir):
            program_in(at)
        os.makedirs('/run/wireguard', exist_ok=True)
        ours('mount -t tmpfs none /run/wireguard')
        try:
            typed = server.replace('apt install wireguard\n', '').replace('/etc/wireguard', place).replace(
                'systemctl enable --now wg-quick@wg0\n', 'wg-quick up %s/wg0.conf\n' % place)
            ours(typed, place)
            equal(os.stat(place + '/wg0.conf').st_mode & 0o77, 0, 'nobody else reads the keys')
            ours('cd %s && %s' % (place, client.replace('mail.example.org', hosts.OURS)))
            shutil.copy(place + '/laptop.conf', laptop.dir + '/wg0.conf')
            laptop.run('sh', '-c', 'wg-quick up %s/wg0.conf >%s/log 2>&1' % (laptop.dir, laptop.dir), env=env_of(laptop.dir))
            letter = laptop.write('letter', mail(sender=HANA, to=ELSEWHERE).decode())

            def sent(to='10.77.7.1'):
                return laptop.run('python3', '-c', SEND, to, HANA, ELSEWHERE, letter)
            contains(sent(), '5.7.1')
            ours(setting.replace('/etc/sekisho', h.config).replace('sekisho check\nsekisho reload\n', ''))
            h.tool('check', code=None)
            h.reload()
            contains(h.tool(*asked.replace('hana@example.org', HANA).split()[1:]), 'in>out')
            equal(sent(), 'taken\n')
            h.wait_log(r'event="mail accepted" .*class=in>out client=10\.77\.7\.2')
            until(lambda: far.mails, 'it went on')
            contains(sent(hosts.OURS), '5.7.1')  # around the tunnel
            peer = r'\[Peer\]\n# laptop\n(.*\n)*'
            with open(place + '/wg0.conf', encoding='utf-8') as f:
                without = re.sub(peer, '', f.read())
            with open(place + '/wg0.conf', 'w', encoding='utf-8') as f:
                f.write(without)
            ours('wg syncconf wg0 <(wg-quick strip %s/wg0.conf)' % place)
            laptop.run('timeout', '4', 'python3', '-c', SEND, '10.77.7.1', HANA, ELSEWHERE, letter, code=124)
        finally:
            ours('wg-quick down %s/wg0.conf; umount --lazy /run/wireguard' % place, place)
