"""A next host that says what a test wants, good or bad, and keeps what it was given."""
import socket
import threading
import time

PORT = 2590
GOOD = {'greeting': b'220 next.test ESMTP\r\n', 'EHLO': b'250-next.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n',
        'HELO': b'250 next.test\r\n', 'MAIL': b'250 2.1.0 ok\r\n', 'RCPT': b'250 2.1.5 ok\r\n', 'DATA': b'354 go on\r\n',
        'CONTENT': b'250 2.0.0 taken\r\n', 'RSET': b'250 2.0.0 ok\r\n', 'QUIT': b'221 2.0.0 bye\r\n'}


class Mail:
    def __init__(self, secure, sender):
        self.secure = secure
        self.sender = sender
        self.recipients = []
        self.content = b''
        self.at = None  # when it had its 250: monotonic


class NextHost:
    """replies: step → octets; or a function of the command line that gives them. None: closes the connection.
    A number among the octets' place: sleeps so many seconds first. tls: an ssl context; STARTTLS is offered."""

    def __init__(self, replies=None, port=PORT, address='127.0.0.1', tls=None):
        self.replies = dict(GOOD, **({'EHLO': b'250-next.test\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 8BITMIME\r\n',
                                      'STAR': b'220 2.0.0 go on\r\n'} if tls else {}))
        self.replies.update(replies or {})
        self.tls = tls
        self.mails = []
        self.commands = []
        self.connections = 0
        self.secured = 0
        self.most = 0
        self.open = 0
        self.lock = threading.Lock()
        self.sockets = []
        self.listener = socket.create_server((address, port), backlog=1000)
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        for s in [self.listener] + self.sockets:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.sockets.append(s)
                self.connections += 1
                self.open += 1
                self.most = max(self.most, self.open)
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        try:
            self.talk(s, s.makefile('rb'), False)
        except (OSError, ConnectionError):
            pass
        finally:
            s.close()
            with self.lock:
                self.open -= 1

    def reply(self, s, step, line=b''):
        """what was said; None: the connection is at its end"""
        what = self.replies[step]
        if callable(what):
            what = what(line)
        if isinstance(what, tuple):
            time.sleep(what[0])
            what = what[1]
        if what is None:
            s.shutdown(socket.SHUT_RDWR)
            return None
        s.sendall(what)
        return None if what.startswith(b'421') else what

    def talk(self, s, lines, secure):
        mail = None
        if not secure and not self.reply(s, 'greeting'):
            return
        for line in lines:
            with self.lock:
                self.commands.append(line.rstrip().decode('utf-8', 'replace'))
            step = line[:4].upper().decode('latin-1')
            if step not in self.replies:
                s.sendall(b'500 5.5.1 what?\r\n')
                continue
            if step == 'MAIL':
                mail = Mail(secure, line[line.index(b'<') + 1:line.index(b'>')].decode())
            if step == 'STAR':
                if self.reply(s, step):
                    s = self.tls.wrap_socket(s, server_side=True)
                    with self.lock:
                        self.sockets.append(s)
                    self.secured += 1
                    self.talk(s, s.makefile('rb'), True)
                return
            if step == 'DATA' and not mail.recipients:
                s.sendall(b'554 5.5.1 nobody is there to read it\r\n')
                continue
            said = self.reply(s, step, line)
            if not said:
                return
            if step == 'RCPT' and said[:1] == b'2':
                mail.recipients.append(line[line.index(b'<') + 1:line.index(b'>')].decode())
            if step == 'DATA' and said[:1] == b'3' and not self.content(s, lines, mail):
                return
            if step == 'QUIT':
                return

    def content(self, s, lines, mail):
        parts = []
        for line in lines:
            if line == b'.\r\n':
                mail.content = b''.join(parts)
                said = self.reply(s, 'CONTENT')
                mail.at = time.monotonic()
                if said and said[:1] == b'2':
                    with self.lock:
                        self.mails.append(mail)
                return said
            parts.append(line[1:] if line.startswith(b'.') else line)
        return False
