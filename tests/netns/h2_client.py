#!/usr/bin/env python3
"""Asks several things on one HTTP/2 connection, and prints what comes, a line for each stream in their order.

    h2_client.py ADDRESS PORT PATH...

PATH may have a prefix: "post:N:" sends N bytes, "late:N:" does so with a pause before the second half, "expect:N:" when
it is told to, "talk:" says three words and waits for the answer to each, "stalled:" takes no more than the first window
of the answer, "large:" has a head that is too large, "grpc:" asks as gRPC does, "reset:" gives up at once.
"""

import socket
import sys
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

WORDS = [b"one", b"two", b"three"]


class Stream:
    def __init__(self, wish):
        *self.how, self.path = wish.split(":")
        self.status, self.body, self.trailers, self.said, self.over, self.fields = "none", b"", {}, 0, "", {}
        self.unsent = b"p" * int(self.how[1]) if len(self.how) == 2 else b""
        self.later = b""
        if self.is_("late") or self.is_("expect"):
            first = len(self.unsent) // 2 if self.is_("late") else 0
            self.unsent, self.later = self.unsent[:first], self.unsent[first:]

    def is_(self, how):
        return self.how[:1] == [how]

    def told(self):
        body = self.body.decode() if len(self.body) < 600 else f"{len(self.body)} bytes"
        trailers = "".join(f" {name}={value}" for name, value in self.trailers.items())
        return f"{self.path} {self.status} {self.over}{trailers} on {self.fields.get('x-connection')}: {body!r}"


class Connection:
    def __init__(self, address, port, wishes):
        self.sock = socket.create_connection((address, port), timeout=10)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(1 << 24)  # of the connection: streams have theirs
        self.streams = {}
        for wish in wishes:
            self.ask(Stream(wish))

    def ask(self, stream):
        number = self.h2.get_next_available_stream_id()
        self.streams[number] = stream
        get = not stream.how or stream.how[0] in ("stalled", "large")
        method = "GET" if get else "POST"
        fields = [(":method", method), (":scheme", "http"), (":path", stream.path), (":authority", "web")]
        if stream.is_("grpc"):
            fields += [("content-type", "application/grpc"), ("te", "trailers")]
        elif stream.is_("large"):
            fields += [("x", "x" * 70000)]
        elif stream.is_("expect"):
            fields += [("expect", "100-continue")]
        goes_on = stream.how[:1] and stream.how[0] in ("post", "late", "expect", "talk", "reset")
        self.h2.send_headers(number, fields, end_stream=not goes_on)
        if stream.is_("talk"):
            self.h2.send_data(number, WORDS[0])
        elif stream.is_("reset"):
            self.h2.reset_stream(number, h2.errors.ErrorCodes.CANCEL)
            stream.over = "given up"
        elif not stream.is_("expect"):
            self.send(number)

    def send(self, number):
        try:
            self.send_more(number)
        except h2.exceptions.StreamClosedError:  # an event that is still to be taken tells of it
            pass

    def send_later(self, number):
        stream = self.streams[number]
        stream.unsent, stream.later = stream.unsent + stream.later, b""
        self.send(number)

    def send_more(self, number):
        stream = self.streams[number]
        while stream.unsent and not stream.over:
            size = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size, len(stream.unsent))
            if size <= 0:
                return
            self.h2.send_data(number, stream.unsent[:size])
            stream.unsent = stream.unsent[size:]
            if not stream.unsent and not stream.later:
                self.h2.end_stream(number)

    def take(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.ResponseReceived):
            stream.fields = dict(event.headers)
            stream.status = stream.fields[":status"]
            stream.trailers.update((name, value) for name, value in event.headers if name.startswith("grpc-"))
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            if not stream.is_("stalled"):
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if stream.is_("talk"):
                self.talk_on(event.stream_id, stream)
        elif isinstance(event, h2.events.InformationalResponseReceived):
            self.send_later(event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            stream.trailers.update(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            stream.over = "ended"
        elif isinstance(event, h2.events.StreamReset):
            stream.over = stream.over or f"reset {int(event.error_code)}"
        elif isinstance(event, h2.events.ConnectionTerminated):
            for each in self.streams.values():
                each.over = each.over or "goaway"
        elif isinstance(event, (h2.events.WindowUpdated, h2.events.RemoteSettingsChanged)):
            for number in self.streams:
                self.send(number)

    def talk_on(self, number, stream):
        stream.said += 1
        if stream.said < len(WORDS):
            self.h2.send_data(number, WORDS[stream.said])
        else:
            self.h2.end_stream(number)

    def waits(self):
        return any(not each.over and not each.is_("stalled") for each in self.streams.values())

    def run(self):
        self.sock.sendall(self.h2.data_to_send())
        late = [number for number, stream in self.streams.items() if stream.is_("late")]
        time.sleep(0.1 if late else 0)
        for number in late:
            self.send_later(number)
        self.sock.sendall(self.h2.data_to_send())
        while self.waits():
            data = self.sock.recv(65536)
            if not data:
                break
            for event in self.h2.receive_data(data):
                self.take(event)
            self.sock.sendall(self.h2.data_to_send())
        for stream in self.streams.values():
            print(stream.told())


Connection(sys.argv[1], int(sys.argv[2]), sys.argv[3:]).run()
