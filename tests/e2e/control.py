"""The control socket of a lab, spoken to without labctl."""

import http.client
import json
import socket
import urllib.parse


class Control(http.client.HTTPConnection):
    """HTTP on the control socket of the lab, as curl --unix-socket speaks it."""

    def __init__(self, w, lab="demo"):
        super().__init__("lab", timeout=10)
        self.path = str(w.run_dir / lab / "control.sock")

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(self.path)

    def ask(self, target, **parameters):
        return self.tell("GET", target + "?" + urllib.parse.urlencode(parameters))

    def tell(self, method, target, body=None):
        self.request(method, target, None if body is None else json.dumps(body))
        answer = self.getresponse()
        return answer.status, json.loads(answer.read())
