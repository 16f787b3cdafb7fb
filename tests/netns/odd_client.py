#!/usr/bin/env python3
"""Clients of an Ingress controller, well behaved and other: odd_client.py CASE. Prints "ok", or what was wrong."""

import json
import socket
import ssl
import sys
import threading
import time

HOST = "10.1.0.5"


def connect(port=80):
    return socket.create_connection((HOST, port), timeout=20)


def ask(request, port=80):
    """What comes back until the end."""
    sock = connect(port)
    sock.sendall(request.replace("\n", "\r\n").encode("latin-1") if isinstance(request, str) else request)
    answer = b""
    while part := sock.recv(65536):
        answer += part
    return answer


def get(path, host="shop", more="", method="GET"):
    return f"{method} {path} HTTP/1.1\nHost: {host}\n{more}Connection: close\n\n"


def body(answer):
    return answer.split(b"\r\n\r\n", 1)[1]


def status(answer):
    return int(answer.split(b" ")[1])


class Keeping:
    """A connection that is kept."""

    def __init__(self, port=80):
        self.sock = connect(port)
        self.file = self.sock.makefile("rb")

    def answer(self, method="GET"):
        head = {}
        first = self.file.readline().decode()
        while (line := self.file.readline().decode().strip()):
            head[line.split(":")[0].lower()] = line.split(":", 1)[1].strip()
        code = int(first.split()[1])
        bodiless = method == "HEAD" or code in (204, 304)  # whatever the length says
        return code, head, b"" if bodiless else self.file.read(int(head.get("content-length", 0)))

    def ask(self, path, method="GET", more="", data=b""):
        self.sock.sendall(f"{method} {path} HTTP/1.1\r\nHost: shop\r\n{more}\r\n".encode() + data)
        return self.answer(method)


def keeps_connections():
    client = Keeping()
    seen = [json.loads(client.ask("/n")[2]) for _ in range(20)]
    assert {s["connection"] for s in seen} == {seen[0]["connection"]}, seen
    assert [s["request"] for s in seen] == list(range(seen[0]["request"], seen[0]["request"] + 20)), seen
    other = json.loads(Keeping().ask("/n")[2])
    assert other["connection"] == seen[0]["connection"], "another client, the same connection to the endpoint"


def heads_without_bodies():
    client = Keeping()
    for path, method, wanted in (("/n", "HEAD", 200), ("/status", "GET", 304), ("/interim", "GET", 204), ("/n", "GET", 200)):
        code, head, text = client.ask(path, method)
        assert code == wanted, (path, code)
        assert (text != b"") == (wanted == 200 and method == "GET"), (path, text)
        if wanted == 304:
            assert head["content-length"] == "77" and head["etag"] == "x", head


def framings():
    answer = ask(get("/chunked"))
    assert b"transfer-encoding: chunked" in answer.lower(), answer
    assert body(answer) == b"5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 11\r\n\r\n", answer
    old = ask("GET /chunked HTTP/1.0\nHost: shop\n\n")
    assert b"transfer-encoding" not in old.lower() and body(old) == b"hello world", old
    until = ask(get("/close"))
    assert body(until) == b"9\r\nall of it\r\n0\r\n\r\n", until
    assert body(ask("GET /close HTTP/1.0\nHost: shop\n\n")) == b"all of it"
    kept = Keeping()
    kept.sock.sendall(b"GET /n HTTP/1.0\r\nHost: shop\r\nConnection: keep-alive\r\n\r\n")
    assert kept.answer()[1]["connection"] == "keep-alive"
    assert kept.ask("/n")[0] == 200


def bodies():
    data = bytes(range(256)) * 40000  # 10 MB
    client = Keeping()
    sender = threading.Thread(target=lambda: client.sock.sendall(
        f"POST /echo HTTP/1.1\r\nHost: shop\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data))
    sender.start()
    code, _, text = client.answer()
    sender.join()
    assert (code, text == data) == (200, True), (code, len(text))
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (data[:1], data[1:70000], data[70000:200000]))
    client.sock.sendall(b"PUT /n HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nX-T: 1\r\n\r\n")
    seen = json.loads(client.answer()[2])
    assert seen["length"] == 200000 and seen["sum"] == sum(data[:200000]) % 65521, seen
    assert seen["trailers"] == ["X-T: 1"], seen
    client.sock.sendall(b"POST /n HTTP/1.1\r\nHost: shop\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    assert client.file.readline() == b"HTTP/1.1 100 Continue\r\n" and client.file.readline() == b"\r\n"
    client.sock.sendall(b"12345")
    seen = json.loads(client.answer()[2])
    assert seen["length"] == 5 and not [line for line in seen["lines"] if line.lower().startswith("expect")], seen


def pipelined():
    client = Keeping()
    client.sock.sendall(b"".join(b"GET /n?%d HTTP/1.1\r\nHost: shop\r\n\r\n" % i for i in range(50)))
    for i in range(50):
        assert json.loads(client.answer()[2])["target"] == f"/n?{i}"
    client.sock.sendall(b"GET /n HTTP/1.1\r\nHost: none\r\n\r\nGET /n HTTP/1.1\r\nHost: shop\r\n\r\n")
    assert [client.answer()[0], client.answer()[0]] == [404, 200], "the controller's own answer, then the endpoint's"
    for byte in b"GET /n HTTP/1.1\r\nHost: shop\r\n\r\n":  # one by one
        client.sock.sendall(bytes([byte]))
    assert client.answer()[0] == 200


def get_is_repeated():
    client = Keeping()
    assert client.ask("/die")[2] == b"alive"
    assert client.ask("/die")[2] == b"alive", "asked again, on a new connection"
    assert json.loads(client.ask("/n")[2])["dies"] == 1


def post_is_not_repeated():
    client = Keeping()
    assert client.ask("/die")[2] == b"alive"
    code, _, text = client.ask("/die", "POST", "Content-Length: 1\r\n", b"x")
    assert code == 502, (code, text)
    assert json.loads(client.ask("/n")[2])["posts"] == 1


def bad_servers():
    for path, code in (("/nonsense", 502), ("/switch", 502)):
        answer = ask(get(path))
        assert status(answer) == code, answer
    try:
        raise AssertionError(("an answer that is cut short must not look complete", ask(get("/half"))))
    except ConnectionResetError:
        pass
    early = Keeping()
    early.sock.sendall(b"POST /early HTTP/1.1\r\nHost: shop\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 100000)
    code, head, _ = early.answer()
    assert code == 413 and head["connection"] == "close", (code, head)


def refused():
    answer = ask(get("/refuse", "refused"))
    assert status(answer) == 502 and b"Connection refused at 10.1.0.10:1" in answer, answer
    for _ in range(6):
        assert status(ask(get("/n", "half-refused"))) == 200, "the one that refuses is passed over"


def upgrades():
    sock = connect()
    sock.sendall(b"GET /ws HTTP/1.1\r\nHost: shop\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\nearly")
    got = b""
    while b"EARLY" not in got:
        got += sock.recv(65536)
    assert got.startswith(b"HTTP/1.1 101 ") and b"upgrade: websocket" in got.lower(), got
    data = b"abc" * 500000
    threading.Thread(target=lambda: (sock.sendall(data), sock.shutdown(socket.SHUT_WR))).start()
    got = got.split(b"\r\n\r\n", 1)[1]
    while part := sock.recv(65536):
        got += part
    assert got == b"hi:EARLY" + data.upper() + b":bye", len(got)


def hostile():
    for request in (
            "GET / HTTP/1.1\nHost: shop\nContent-Length: 3\nTransfer-Encoding: chunked\n\n0\n\n",
            "GET / HTTP/1.1\nHost: shop\nContent-Length: 3\nContent-Length: 4\n\nabc",
            "POST / HTTP/1.1\nHost: shop\nTransfer-Encoding: chunked, identity\n\n0\n\n",
            "GET / HTTP/1.1\nHost : shop\n\n", "GET / HTTP/1.1\nHost: shop\nX: a\n b\n\n", "GET / HTTP/1.1\n\n",
            "GET / HTTP/1.1\nHost: a\nHost: b\n\n", "GET  / HTTP/1.1\nHost: shop\n\n", "\x00\x01\x02\x03 nonsense\n\n",
            "POST / HTTP/1.1\nHost: shop\nTransfer-Encoding: chunked\n\nzz\n\n", "GET /../x HTTP/1.1\nHost: shop\n\n",
            "GET /a/%2e%2e/%2e%2e/x HTTP/1.1\nHost: shop\n\n", "GET /%00 HTTP/1.1\nHost: shop\n\n",
            "OPTIONS * HTTP/1.1\nHost: shop\n\n", "CONNECT shop:80 HTTP/1.1\nHost: shop\n\n"):
        sock = connect()
        sock.sendall(request.replace("\n", "\r\n").encode("latin-1"))
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while part := sock.recv(65536):
            answer += part
        assert answer and status(answer) in (400, 501), (request, answer)
        assert answer.count(b"HTTP/1.1 ") == 1, ("one answer", request, answer)
    assert status(ask("GET / HTTP/1.1\nHost: shop\n" + "".join(f"x{i}: {'y' * 1000}\n" for i in range(120)) + "\n")) in (400, 431)
    seen = json.loads(body(ask(get("/n", more="Connection: x-secret, close\nX-Secret: 1\nKeep-Alive: 5\nTE: trailers\n"))))
    names = [line.split(":")[0].lower() for line in seen["lines"]]
    assert not {"x-secret", "keep-alive", "te", "connection"} & set(names), names
    connect().close()
    sock = connect()
    sock.sendall(b"GET /n HTTP/1.1\r\nHo")
    sock.close()
    assert status(ask(get("/n"))) == 200, "after all that"


def slow_client():
    sock = connect()
    sock.sendall(b"GET /big HTTP/1.1\r\nHost: shop\r\n\r\n")
    time.sleep(2)  # and reads nothing; the caller looks at the memory of the data plane
    print("looking", flush=True)
    sys.stdin.readline()
    got = 0
    while got < 200_000_000:
        got += len(sock.recv(1 << 20)) or sys.exit("cut short")


def vanishing():
    for _ in range(50):
        sock = connect()
        sock.sendall(b"GET /big HTTP/1.1\r\nHost: shop\r\n\r\n")
        sock.recv(1000)
        sock.close()
    assert status(ask(get("/n"))) == 200


def many():
    socks = [connect() for _ in range(1500)]
    for sock in socks:
        sock.sendall(b"GET /n HTTP/1.1\r\nHost: shop\r\n\r\n")
    for sock in socks:
        assert sock.recv(20).startswith(b"HTTP/1.1 200"), "an answer for everybody"


def tls_socket(name=None):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(connect(443), server_hostname=name)


def tls():
    def subject(name):
        sock = tls_socket(name)
        pem = ssl.DER_cert_to_PEM_cert(sock.getpeercert(True))
        sock.sendall(b"GET /n HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
        answer = b""
        while part := sock.recv(65536):
            answer += part
        assert status(answer) == 200, answer
        assert 'x-forwarded-proto: https' in body(answer).decode().lower(), answer
        return pem

    certificates = {name: subject(name) for name in ("shop", "a.wild", "a.b.wild", "x.apps.lab", "nobody", None)}
    assert certificates["shop"] != certificates["a.wild"], "exact, wildcard"
    assert certificates["x.apps.lab"] == certificates["shop"], "by the names in the certificate"
    assert certificates["nobody"] == certificates[None] == certificates["a.b.wild"], "the controller's own"
    assert certificates["nobody"] not in (certificates["shop"], certificates["a.wild"])
    sock = tls_socket("shop")
    assert sock.version() == "TLSv1.3" and sock.selected_alpn_protocol() is None
    data = b"z" * 3_000_000
    # By one thread: Python's TLS sockets do not bear two. The server answers when it has all.
    sock.sendall(f"POST /echo HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
    answer = b""
    while part := sock.recv(65536):
        answer += part
    assert body(answer) == data, len(answer)


def tls_mistakes():
    plain = connect(443)
    plain.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
    while plain.recv(1000):
        pass
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        context.wrap_socket(connect(80), server_hostname="shop")
        raise AssertionError("TLS to the plain port")
    except ssl.SSLError:
        pass
    half = connect(443)
    half.sendall(b"\x16\x03\x01\x02\x00\x01")
    half.close()
    for _ in range(20):
        connect(443).close()
    assert tls_socket("shop").version() == "TLSv1.3", "after all that"


try:
    globals()[sys.argv[1]]()
    print("ok")
except Exception as error:  # pylint: disable=broad-except
    import traceback
    traceback.print_exc()
    sys.exit(1)
