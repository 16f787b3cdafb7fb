#!/usr/bin/env python3
"""An endpoint behind an Ingress controller that is not ours, and not always well-behaved: the path says what it does.

    ingress_server.py PORT NAME

Every answer says in x-name, x-connection and x-request who has answered, on its how manieth connection, and the how
manieth request on that. /seen answers with how often each path was asked for.
"""

import collections
import json
import socket
import sys
import threading
import time

PORT, NAME = int(sys.argv[1]), sys.argv[2]
seen = collections.Counter()
connections = 0


class Client:
    def __init__(self, sock, number):
        self.sock, self.number, self.request, self.held, self.method = sock, number, 0, b"", ""

    def more(self):
        got = self.sock.recv(65536)
        if not got:
            raise EOFError
        self.held += got

    def line(self):
        while b"\r\n" not in self.held:
            self.more()
        line, self.held = self.held.split(b"\r\n", 1)
        return line

    def exactly(self, count):
        while len(self.held) < count:
            self.more()
        data, self.held = self.held[:count], self.held[count:]
        return data

    def fields(self):
        found = []
        while line := self.line():
            name, value = line.decode("latin-1").split(":", 1)
            found.append((name.lower(), value.strip()))
        return found

    def body(self, fields):
        """The body, and the trailers behind it."""
        if fields.get("transfer-encoding") == "chunked":
            data = []
            while size := int(self.line(), 16):
                data.append(self.exactly(size))
                self.line()
            return b"".join(data), self.fields()
        return self.exactly(int(fields.get("content-length", 0))), []

    def say(self, data):
        if data:
            self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def head(self, status, *fields):
        own = (f"x-name: {NAME}", f"x-connection: {self.number}", f"x-request: {self.request}")
        self.say("\r\n".join((f"HTTP/1.1 {status}", *own, *fields)) + "\r\n\r\n")

    def answer(self, status, body, *fields):
        self.head(status, f"content-length: {len(body)}", *fields)
        self.say(body if self.method != "HEAD" else "")

    def serve(self):
        """One request; whether another may follow."""
        self.method, target, _ = self.line().decode("latin-1").split(" ")
        self.request += 1
        path, _, query = target.partition("?")
        count = int(query) if query.isdigit() else 0
        seen[f"{self.method} {path}"] += 1
        pairs = self.fields()
        fields = dict(pairs)
        if path == "/early":  # and what the client sends is left unread, so that close() makes it RST
            self.answer("413 Too Large", "too much", "connection: close")
            return False
        if path == "/stall":
            time.sleep(count / 1000)
        if path == "/upgrade" and "upgrade" in fields:
            return self.upgrade(fields)
        body, trailers = self.body(fields)
        if path == "/seen":
            self.answer("200 OK", json.dumps(dict(seen, connections=connections)))
        elif path == "/chunked":
            self.head("200 OK", "transfer-encoding: chunked", "trailer: x-sum")
            for at in range(0, len(body), 50000):
                piece = body[at:at + 50000]
                self.say(b"%x;ext=1\r\n%s\r\n" % (len(piece), piece))
            self.say(f"0\r\nx-sum: {len(body)}\r\nx-came: {dict(trailers).get('x-sum')}\r\n\r\n")
        elif path == "/until-close":
            self.head("200 OK")
            self.say("all of it")
            return False
        elif path == "/204":
            self.head("204 No Content", "content-length: 5")
        elif path == "/304":
            self.head("304 Not Modified", "content-length: 5", "etag: x")
        elif path == "/die" or (path == "/die-again" and self.request > 1):
            return False
        elif path == "/half":
            self.head("200 OK", "content-length: 100")
            self.say("half")
            return False
        elif path == "/half-open":
            self.head("200 OK")
            self.say("half of it")
            time.sleep(0.1)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return False
        elif path == "/101":
            self.head("101 Switching Protocols", "connection: upgrade", "upgrade: surprise")
        elif path == "/garbage":
            self.say("220 smtp.example ESMTP\r\n")
        elif path == "/two-lengths":
            self.head("200 OK", "content-length: 5", "content-length: 6")
            self.say("12345")
        elif path == "/length-and-chunks":
            self.head("200 OK", "content-length: 5", "transfer-encoding: chunked")
            self.say("5\r\n12345\r\n0\r\n\r\n")
        elif path == "/split":
            self.say("HTTP/1.1 200 OK\r\nx: a\rb\r\ncontent-length: 0\r\n\r\n")
        elif path in ("/extra", "/late-extra"):
            self.answer("200 OK", "first")
            time.sleep(0.05 if path == "/late-extra" else 0)
            self.answer("200 OK", "poison")
        elif path == "/interim":
            self.say("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")
            self.answer("200 OK", "final")
        elif path == "/big":
            self.head("200 OK", f"content-length: {count}")
            piece = bytes(range(256)) * 256
            for at in range(0, count, len(piece)):
                self.say(piece[:min(len(piece), count - at)])
        elif path == "/trickle":
            self.head("200 OK", "content-length: 20")
            for i in range(20):
                self.say(str(i % 10))
                time.sleep(0.02)
        elif path == "/sum":
            self.answer("200 OK", f"{len(body)} {sum(body) % 65521}")
        elif path == "/status":
            self.answer(f"{count} Said So", "said")
        elif path == f"/not-{NAME}":
            self.answer("503 Not Here", "no")
        elif path == "/old":
            self.answer("200 OK", "old", "connection: close")
            return False
        else:
            said = "".join(f"{name}: {value}\n" for name, value in pairs)
            self.answer("200 OK", f"{self.method} {target}\n{said}\n{body.decode('latin-1')}",
                        "keep-alive: 5", "x-hop: 1", "connection: x-hop")
        return True

    def upgrade(self, fields):
        self.head("101 Switching Protocols", "connection: Upgrade", f"upgrade: {fields['upgrade']}")
        self.say("hello ")
        ended = False
        try:
            while True:
                while b"\n" in self.held:
                    line, self.held = self.held.split(b"\n", 1)
                    if line == b"end":  # says no more, and listens on
                        self.say("ended")
                        self.sock.shutdown(socket.SHUT_WR)
                        ended = True
                    elif line.startswith(b"say "):
                        self.say(b"x" * int(line[4:]))
                    elif line == b"drop":
                        return False
                    else:
                        seen["raw " + line.decode("latin-1")] += 1
                        self.say(b"" if ended else line.upper() + b"\n")
                self.more()
        except EOFError:
            seen["raw EOF"] += 1
            self.say("" if ended else "bye")
        return False


def run(client):
    try:
        while client.serve():
            pass
    except (EOFError, OSError, ValueError):
        pass
    client.sock.close()


listener = socket.create_server(("", PORT), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
while True:
    accepted, _ = listener.accept()
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connections += 1
    threading.Thread(target=run, args=(Client(accepted, connections),), daemon=True).start()
