#!/usr/bin/env python3
"""A server behind an Ingress controller whose manners depend on the path.

    odd_server.py PORT      every answer tells how many connections there have been, and which request of its own this is
"""

import json
import socket
import socketserver
import sys
import threading

counts = {"connections": 0, "posts": 0, "dies": 0}
lock = threading.Lock()


def count(what):
    with lock:
        counts[what] += 1
        return counts[what]


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.number = count("connections")
        self.requests = 0
        while self.one_request():
            pass

    def head(self):
        lines = []
        while True:
            line = self.rfile.readline()
            if not line:
                return None
            if line == b"\r\n":
                return lines
            lines.append(line.decode("latin-1").rstrip("\r\n"))

    def body(self, fields):
        if "transfer-encoding" in fields:
            size, body = -1, b""
            while size != 0:
                size = int(self.rfile.readline().split(b";")[0], 16)
                body += self.rfile.read(size) if size else b""
                if size:
                    self.rfile.readline()
            trailers = self.head()
            return body, trailers
        return self.rfile.read(int(fields.get("content-length", 0))), []

    def send(self, text, body=b""):
        self.wfile.write(text.replace("\n", "\r\n").encode("latin-1") + body)

    def one_request(self):
        lines = self.head()
        if lines is None:
            return False
        self.requests += 1
        method, target, _ = lines[0].split(" ")
        fields = {line.split(":")[0].lower(): line.split(":", 1)[1].strip() for line in lines[1:]}
        name = target.split("?")[0].strip("/").split("/")[0]
        odd = getattr(self, "do_" + name, None)
        if odd is not None:
            return odd(method, fields)
        body, trailers = self.body(fields)
        text = json.dumps({
            "connection": self.number, "request": self.requests, "method": method, "target": target, "length": len(body),
            "sum": sum(body) % 65521, "trailers": trailers, "lines": lines[1:], **counts}).encode()
        self.send(f"HTTP/1.1 200 OK\nContent-Length: {len(text)}\n\n", b"" if method == "HEAD" else text)
        return True

    def do_chunked(self, method, fields):
        self.body(fields)
        self.send("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n6\n world\n0\nX-Sum: 11\n\n")
        return True

    def do_close(self, method, fields):
        self.send("HTTP/1.1 200 OK\nX-Kind: until close\n\nall of it")
        return False

    def do_big(self, method, fields):
        size = 200_000_000
        self.send(f"HTTP/1.1 200 OK\nContent-Length: {size}\n\n")
        piece = b"x" * 100_000
        for _ in range(size // len(piece)):
            self.wfile.write(piece)
        return True

    def do_echo(self, method, fields):
        body, _ = self.body(fields)
        self.send(f"HTTP/1.1 200 OK\nContent-Length: {len(body)}\n\n", body)
        return True

    def do_die(self, method, fields):
        """No answer to a second request on a connection, as if it had just been closed."""
        if self.requests > 1:
            count("posts" if method == "POST" else "dies")
            return False
        self.send("HTTP/1.1 200 OK\nContent-Length: 5\n\nalive")
        return True

    def do_early(self, method, fields):
        self.send("HTTP/1.1 413 Payload Too Large\nContent-Length: 3\nConnection: close\n\nno\n")
        return False

    def do_switch(self, method, fields):
        self.send("HTTP/1.1 101 Switching Protocols\nConnection: upgrade\nUpgrade: x\n\n")
        return False

    def do_ws(self, method, fields):
        assert fields.get("upgrade") == "websocket" and fields.get("connection") == "upgrade", fields
        self.send("HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: websocket\n\n", b"hi:")
        while piece := self.connection.recv(65536):
            self.wfile.write(piece.upper())
        self.wfile.write(b":bye")
        return False

    def do_nonsense(self, method, fields):
        self.send("this is no HTTP\n\n")
        return False

    def do_half(self, method, fields):
        self.send("HTTP/1.1 200 OK\nContent-Length: 100\n\nonly this")
        return False

    def do_status(self, method, fields):
        self.send("HTTP/1.1 304 Not Modified\nContent-Length: 77\nETag: x\n\n")
        return True

    def do_interim(self, method, fields):
        self.send("HTTP/1.1 103 Early Hints\nLink: x\n\nHTTP/1.1 204 No Content\n\n")
        return True


class Server(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6  # and IPv4 with it
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 4096


Server(("::", int(sys.argv[1])), Handler).serve_forever()
