#!/usr/bin/env python3
"""A server of HTTPS that is not ours: it says what it has seen of the client.

    https_server.py PORT CERTIFICATE KEY [CLIENT_CA]    HTTP/1.1 with keep-alive; with CLIENT_CA it wants a certificate
"""

import http.server
import json
import socket
import socketserver
import ssl
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    requests = 0

    def answer(self):
        self.requests += 1
        length = int(self.headers.get("content-length", 0))
        body = json.dumps({
            "sni": getattr(self.connection.context, "seen", None), "alpn": self.connection.selected_alpn_protocol(),
            "method": self.command, "path": self.path, "host": self.headers.get("host"), "number": self.requests,
            "received": len(self.rfile.read(length))}).encode()
        body += b" " * (length if self.command == "POST" else 0)
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_HEAD = answer

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6  # and IPv4 with it
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass  # clients that give up are what is tested

    def finish_request(self, request, client_address):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # one for each, so that `seen` is that client's
        context.load_cert_chain(sys.argv[2], sys.argv[3])
        context.set_alpn_protocols(["http/1.1"])
        context.sni_callback = lambda _, name, own: setattr(own, "seen", name)
        if len(sys.argv) > 4:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(sys.argv[4])
        with context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)


Server(("", int(sys.argv[1])), Handler).serve_forever()
