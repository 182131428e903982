"""A program that dies is started again; what it was doing is answered 4xx and never lost."""
from house import *


def test_spool_dies_in_the_middle_of_a_mail():
    """the mail under way is refused for now, the session stays, the next mail is taken"""
    with House() as h:
        d = h.smtp(STRANGER)
        d.say('EHLO client.example.org', 250)
        d.say('MAIL FROM:<a@sender.example>', 250)
        d.say('RCPT TO:<hana@example.test>', 250)
        d.say('DATA', 354)
        d.send(b'Subject: lost\r\n\r\n' + b'x' * 70 + b'\r\n')
        d.send((b'y' * 70 + b'\r\n') * 3000)
        time.sleep(0.3)
        h.kill('spool')
        h.wait_log('a program was killed')
        h.until_up()
        d.send(b'.\r\n')
        equal(d.read().code, 451)
        d.transaction('a@sender.example', [HANA], mail('kept'))
        contains(h.messages('hana', 1)[0].decode(), 'Subject: kept')
        equal('broken' in h.log(), False, 'a broken channel')
