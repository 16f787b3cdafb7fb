#!/usr/bin/env python3
"""An endpoint that speaks HTTP/2 without TLS and is not ours: the path says what it does.

    h2_server.py PORT

Every answer says in x-connection and x-stream on its how manieth connection, and on which stream, it is given.
"""

import itertools
import socket
import sys
import threading
import time

import h2.config
import h2.connection
import h2.errors
import h2.events

connections = itertools.count(1)
refused = set()


class Client:
    def __init__(self, sock, number):
        self.sock, self.number = sock, number
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self.h2 = h2.connection.H2Connection(config)
        self.heads, self.bodies, self.waiting = {}, {}, {}

    def flush(self):
        self.sock.sendall(self.h2.data_to_send())

    def head(self, stream, status="200", ends=False, more=()):
        fields = [(":status", status), ("x-connection", str(self.number)), ("x-stream", str(stream))]
        self.h2.send_headers(stream, fields + list(more), end_stream=ends)

    def data(self, stream, body, ends=True):
        """As far as the windows let; the rest when they open."""
        self.waiting[stream] = [memoryview(body), ends]
        self.go_on(stream)

    def go_on(self, stream):
        body, ends = self.waiting[stream]
        while body:
            size = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(body))
            if size <= 0:
                self.waiting[stream][0] = body
                return
            self.h2.send_data(stream, body[:size])
            body = body[size:]
        del self.waiting[stream]
        if ends:
            self.h2.end_stream(stream)

    def begun(self, stream):
        head = self.heads[stream]
        path = head[":path"]
        if path == "/early":
            self.head(stream, "413", ends=True)
        elif path == "/talk":
            self.head(stream)
        elif path == "/reset":
            self.h2.reset_stream(stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
        elif path.startswith("/refuse-once") and path not in refused:
            refused.add(path)
            self.h2.reset_stream(stream, h2.errors.ErrorCodes.REFUSED_STREAM)
        elif path.startswith("/goaway-once") and path not in refused:
            refused.add(path)
            self.sock.sendall(b"\0\0\x08\x07" + bytes(5 + 8))  # GOAWAY of all streams; what comes is still taken
        elif path == "/goaway":
            self.head(stream, ends=True)
            self.h2.close_connection(last_stream_id=stream)
        elif path == "/break":
            self.head(stream)
            self.h2.send_data(stream, b"the first half")
        elif path == "/silent":
            pass
        else:
            return False
        return True

    def complete(self, stream):
        head, body = self.heads[stream], self.bodies[stream]
        path = head[":path"]
        if path == "/talk":
            self.h2.send_headers(stream, [("grpc-status", "0")], end_stream=True)
        elif path == "/only-trailers":
            self.head(stream, ends=True, more=[("content-type", "application/grpc"), ("grpc-status", "5")])
        elif path == "/trailers":
            self.head(stream)
            self.h2.send_data(stream, body)
            self.h2.send_headers(stream, [("grpc-status", "0"), ("x-sum", str(len(body)))], end_stream=True)
        elif path.startswith(("/big?", "/later?")):
            time.sleep(1 if path.startswith("/later") else 0)
            self.head(stream)
            self.data(stream, b"b" * int(path.partition("?")[2]))
        elif path == "/body":
            self.head(stream)
            self.data(stream, body)
        elif path.endswith("/sum"):
            self.head(stream)
            self.data(stream, b"%d %d\n" % (len(body), sum(body) % 65521))
        elif not self.begun_already(stream):
            told = "".join(f"{name}: {value}\n" for name, value in head.items())
            self.head(stream)
            self.data(stream, told.encode())

    def begun_already(self, stream):
        return self.heads[stream][":path"] in ("/early", "/reset", "/goaway", "/break", "/silent")

    def take(self, event):
        if isinstance(event, h2.events.RequestReceived):
            fields = {}
            for name, value in event.headers:
                fields[name] = fields[name] + "|" + value if name in fields else value
            self.heads[event.stream_id], self.bodies[event.stream_id] = fields, b""
            if self.begun(event.stream_id) and fields[":path"] not in ("/talk", "/break"):
                self.bodies.pop(event.stream_id)
        elif isinstance(event, h2.events.DataReceived):
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if event.stream_id not in self.bodies or not event.data:
                return
            path = self.heads[event.stream_id][":path"]
            if path == "/break" and event.data == b"two":
                self.h2.reset_stream(event.stream_id, h2.errors.ErrorCodes.INTERNAL_ERROR)
                del self.bodies[event.stream_id]
            elif path == "/talk":
                self.h2.send_data(event.stream_id, b"you said " + event.data)
            else:
                self.bodies[event.stream_id] += event.data
            if path.startswith("/refuse-late") and len(self.bodies[event.stream_id]) > 200000:
                self.h2.reset_stream(event.stream_id, h2.errors.ErrorCodes.REFUSED_STREAM)
                del self.bodies[event.stream_id]
        elif isinstance(event, h2.events.StreamEnded) and event.stream_id in self.bodies:
            self.complete(event.stream_id)
        elif isinstance(event, (h2.events.WindowUpdated, h2.events.RemoteSettingsChanged)):
            for stream in list(self.waiting):
                self.go_on(stream)

    def serve(self):
        self.h2.initiate_connection()
        self.flush()
        while data := self.sock.recv(65536):
            for event in self.h2.receive_data(data):
                self.take(event)
            self.flush()

    def run(self):
        try:
            self.serve()
        except Exception as problem:  # the client's affair, but somebody may want to know
            print(f"connection {self.number}: {problem!r}", file=sys.stderr)
        finally:
            self.sock.close()


def main():
    listener = socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=Client(sock, next(connections)).run, daemon=True).start()


main()
