#!/usr/bin/env python3
"""Endpoints of protocols that are none of HTTP, each on a port of its own.

    tcp_server.py PORT:MODE...

    echo   sends back what comes, and at its end "bye COUNT"
    first  says "220 hello" before it is asked anything, then as echo
    end    says "ended" and no more, and listens on; a connection that begins with "total" is told how much that was
    reset  breaks the connection when something comes
    close  ends it at once
"""

import socket
import struct
import sys
import threading

total = 0


def serve(sock, mode):
    global total
    if mode == "close":
        return
    if mode == "first":
        sock.sendall(b"220 hello\r\n")
    count = 0
    while data := sock.recv(65536):
        if mode == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        if mode == "end" and count == 0 and data.startswith(b"total"):
            sock.sendall(b"%d\n" % total)
            return
        if mode == "end" and count == 0:
            sock.sendall(b"ended")
            sock.shutdown(socket.SHUT_WR)
        if mode == "end":
            total += len(data)
        else:
            sock.sendall(data)
        count += len(data)
    if mode != "end":
        sock.sendall(b"bye %d" % count)


def run(sock, mode):
    try:
        serve(sock, mode)
    except OSError:
        pass
    sock.close()


def listen(port, mode):
    listener = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128)
    while True:
        accepted, _ = listener.accept()
        threading.Thread(target=run, args=(accepted, mode), daemon=True).start()


for word in sys.argv[1:]:
    port, mode = word.split(":")
    threading.Thread(target=listen, args=(int(port), mode)).start()
