"""kubectl exec, cp, attach and port-forward, and the protocols under them."""

import base64
import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import urllib.parse
import urllib.request

from cases.inside import REAL
from cases.kubectl import kubectl, need_kubectl
from control import Control
from harness import case, processes

PODS = "/api/v1/namespaces/default/pods"
OVER_SPDY = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false", "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false"}


def no_streams(w):
    w.wait("no process that serves a stream", lambda: not w.labctl_processes("stream"))


@contextlib.contextmanager
def forwarded(w, *arguments, env=None):
    """Local ports of a kubectl port-forward, in the order of the arguments; and its process."""
    process = w.start("labctl", "kubectl", "port-forward", *arguments, env=env, stderr=subprocess.STDOUT)
    ports = []
    wanted = sum(1 for each in arguments if ":" in each)
    try:
        while len(ports) < wanted:
            line = process.stdout.readline().decode()
            w.true(line, f"port-forward {arguments} has ended early")
            found = re.match(r"Forwarding from 127\.0\.0\.1:(\d+)", line)
            ports += [int(found[1])] if found else []
        yield ports, process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=10)


def fetch(port, path="/hostname"):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.read().decode()


@case("kubectl exec: streams, status, a container, over WebSocket and over SPDY")
def kubectl_exec(w):
    need_kubectl()
    w.labctl("up")
    for env in (None, OVER_SPDY):
        run = kubectl(w, "exec", "client", "--", "sh", "-c", "echo out; echo err >&2; exit 7", status=7, env=env)
        w.equal((run.out, run.err.splitlines()[0]), ("out\n", "err"), "both streams")
        w.equal(kubectl(w, "exec", "-i", "client", "--", "cat", stdin="x" * 300000, env=env).out, "x" * 300000, "input")
        kubectl(w, "exec", "client", "--", "true", env=env)
        w.equal(kubectl(w, "exec", "deploy/backend", "--", "hostname", env=env).out[:8], "backend-", "a Deployment's pod")
        w.has(kubectl(w, "exec", "client", "--", "no-such-command", status=127, env=env).err, "No such file", "127")
        kubectl(w, "exec", "client", "--", "sh", "-c", "kill -9 $$", status=137, env=env)
    container = w.get("pod", "client")[0]["spec"]["containers"][0]["name"]
    kubectl(w, "exec", "client", "-c", container, "--", "true")
    w.has(kubectl(w, "exec", "client", "-c", "nope", "--", "true", status=1).err, "container nope is not valid", "-c")
    w.has(kubectl(w, "exec", "nobody", "--", "true", status=1).err, 'pods "nobody" not found', "no pod")
    # What the command has left behind is not waited for.
    w.equal(kubectl(w, "exec", "client", "--", "sh", "-c", "sleep 60 & echo done", limit_s=20).out, "done\n", "its end")
    no_streams(w)


@case("kubectl exec -t: a terminal of the client's size, which hangs up")
def kubectl_terminal(w):
    need_kubectl()
    w.labctl("up")
    # script(1) gives kubectl a terminal. Its size is a message of its own, which may come behind the command's start.
    words = "labctl kubectl exec -it client -- sh -c 'until stty size | grep -v ^0; do sleep 0.05; done; test -t 0 && echo $TERM; exit 5'"
    run = w.command("script", "-qec", "stty rows 33 cols 99; " + words, "/dev/null", status=5)
    w.matches(run.out, r"33 99\r?$", "the size")
    w.matches(run.out, r"^xterm\r?$", "the kind of terminal")
    no_streams(w)


@case("kubectl cp both ways")
def kubectl_copies(w):
    need_kubectl()
    w.labctl("up")
    data = w.write("data", "0123456789abcdef" * 40000)
    # A lab of an ordinary user knows one user only, so tar there cannot give files to another.
    more = ["--no-preserve"] if w.mode == "rootless" else []
    kubectl(w, "cp", *more, data, f"client:{w.folder}/in-the-pod")
    kubectl(w, "cp", f"client:{w.folder}/in-the-pod", w.folder / "back")
    w.equal((w.folder / "back").read_text(), data.read_text(), "what came back")


@case("kubectl port-forward: pods, Services, several ports and connections, and one where nobody listens")
def kubectl_forwards(w):
    need_kubectl()
    w.labctl("up")
    for env in (None, OVER_SPDY):
        with forwarded(w, "deploy/backend", ":8080", ":9999", env=env) as ((open_port, closed_port), process):
            names = {fetch(open_port) for _ in range(5)}
            w.equal(len(names), 1, "pods behind a forwarded Deployment")
            held = [socket.create_connection(("127.0.0.1", open_port), 5) for _ in range(20)]
            for each in held:
                each.sendall(b"GET /hostname HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            for each in reversed(held):
                text = b"".join(iter(lambda each=each: each.recv(65536), b"")).decode()
                w.has(text, names.copy().pop(), "an answer among many connections")
                each.close()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", closed_port), 5) as none:
                none.recv(1)
            w.has(process.stdout.read().decode(), "Connection refused", "a port where nobody listens")
    with forwarded(w, "svc/backend", ":8080") as ((port,), _):
        w.has(fetch(port), "backend-", "a pod of a Service")
    w.has(kubectl(w, "port-forward", "client", "0:0", status=1).err, "port", "no port")
    no_streams(w)


@case("nothing is left when kubectl, labctl, the process of a stream or the supervisor is killed, or the pod goes")
def kubectl_killed(w):
    need_kubectl()
    w.labctl("up")

    def sleeping(number):
        return [pid for pid, line in processes().items() if line == f"sleep {number}"]

    def begin(number, pod="client"):
        process = w.start("labctl", "kubectl", "exec", pod, "--", "sh", "-c", f"trap '' HUP; sleep {number}")
        w.wait("the command runs", lambda: sleeping(number))
        return process

    first = begin(86401)
    victims = [pid for pid, line in processes().items() if line.startswith("kubectl exec")]
    os.kill(victims[0], signal.SIGKILL)
    w.wait("the end with kubectl", lambda: not sleeping(86401))
    first.communicate(timeout=10)
    second = begin(86402)
    os.killpg(second.pid, signal.SIGKILL)
    w.wait("the end with labctl", lambda: not sleeping(86402))
    second.communicate(timeout=10)
    third = begin(86403, "db-0")
    os.kill(w.labctl_processes("stream")[0], signal.SIGKILL)
    third.communicate(timeout=10)
    w.labctl("delete", "pod", "db-0")  # its sandbox ends, though nobody has reaped its child
    w.wait("the end with the stream", lambda: not sleeping(86403))
    pod = w.get("pods", "-l", "app=frontend")[0]["metadata"]["name"]
    fourth = begin(86404, pod)
    with forwarded(w, pod, ":8080") as (_, forwarding):
        w.labctl("delete", "pod", pod, "--grace-period=0", "--force")
        fourth.communicate(timeout=10)
        w.equal(fourth.returncode, 137, "the status of a command whose pod is gone")
        w.equal(forwarding.wait(timeout=10), 1, "the status of a forwarding whose pod is gone")
    w.wait("the end with the pod", lambda: not sleeping(86404))
    no_streams(w)
    fifth = begin(86405)
    os.kill(w.labctl_processes("supervisor")[0], signal.SIGKILL)
    fifth.communicate(timeout=10)
    w.assert_empty(5.0)


@case("kubectl attach shows what a pod's own command prints, and says where there is none")
def kubectl_attach(w):
    need_kubectl()
    w.labctl("up", w.write("lab.yaml", REAL))
    w.wait("the server", lambda: w.probe("idle", "http://pod:default/server:8000")["outcome"] == "ok")
    process = w.start("labctl", "kubectl", "attach", "server", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    w.wait("the stream", lambda: w.labctl_processes("stream"))
    w.probe("idle", "http://pod:default/server:8000/seen")
    seen = b""
    while b"GET /seen" not in seen:
        piece = os.read(process.stdout.fileno(), 4096)
        w.true(piece, f"attach has ended: {seen!r}")
        seen += piece
    w.labctl("delete", "pod", "server", "--now")
    process.communicate(timeout=10)
    w.has(kubectl(w, "attach", "idle", status=1).err, "no process to attach to", "a pod without a command")
    no_streams(w)


class WebSocket:
    """As little of RFC 6455 as a client needs, on the control socket of a lab."""

    def __init__(self, w, path, protocol):
        control = Control(w)
        control.connect()
        self.sock = control.sock
        self.sock.sendall(self.request(path, protocol))
        self.input = self.sock.makefile("rb")
        self.status = int(self.input.readline().split()[1])
        while self.input.readline().strip():
            pass

    @staticmethod
    def request(path, protocol):
        return (f"GET {path} HTTP/1.1\r\nHost: lab\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}\r\n"
                f"Sec-WebSocket-Protocol: {protocol}\r\n\r\n").encode()

    def send(self, payload, first=0x82):
        size = struct.pack(">BH", 0xfe, len(payload))[0:3] if len(payload) > 125 else bytes([0x80 | len(payload)])
        self.sock.sendall(bytes([first]) + size + bytes(4) + payload)

    def receive(self):
        """(opcode, payload); None at the end."""
        head = self.input.read(2)
        if len(head) < 2:
            return None
        size = head[1]
        if size == 126:
            size = struct.unpack(">H", self.input.read(2))[0]
        return head[0] & 0xf, self.input.read(size)

    def messages(self):
        got = []
        while (frame := self.receive()) is not None:
            got.append(frame)
            if frame[0] == 8:
                break
        return got


@case("clients without kubectl: channels of v4, ports named in the request, and what breaks the protocol")
def stream_clients(w):
    w.labctl("up")
    query = urllib.parse.urlencode({"stdin": 1, "stdout": 1, "stderr": 1, "container": "", "command": "sh"}, doseq=True)
    shell = WebSocket(w, f"{PODS}/client/exec?{query}", "v4.channel.k8s.io")
    w.equal(shell.status, 101, "the upgrade")
    w.equal(shell.receive(), (2, b"\x01"), "the empty message that says hello")
    shell.send(b"\0echo hi; exit 3\n")
    got = shell.messages()
    w.equal(got[0], (2, b"\x01hi\n"), "output")
    w.has(got[1][1].decode(), '"message":"3"', "the status")
    w.equal(got[2], (8, b"\x03\xe8"), "the close")
    port = WebSocket(w, f"{PODS}/{w.get('pods', '-l', 'app=backend')[0]['metadata']['name']}/portforward?ports=8080",
                     "v4.channel.k8s.io")
    w.equal((port.receive(), port.receive()), ((2, b"\0\x90\x1f"), (2, b"\1\x90\x1f")), "the ports")
    port.send(b"\0GET /hostname HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    w.has(port.receive()[1].decode(), "backend-", "an answer through a forwarded port")
    hostile = WebSocket(w, f"{PODS}/client/exec?command=sleep&command=86406&stdout=1", "v5.channel.k8s.io")
    hostile.receive()
    hostile.sock.sendall(b"\x82\x01x" * 3)  # not masked
    w.equal(hostile.messages()[-1][1][:2], b"\x03\xea", "the close of a client that breaks the protocol")
    hostile.sock.close()
    lazy = WebSocket(w, f"{PODS}/client/exec?command=yes&stdout=1", "v5.channel.k8s.io")  # and reads nothing
    w.labctl("get", "pods")
    for path, status in ((f"{PODS}/client/exec?stdout=1", 400), (f"{PODS}/client/exec?command=true", 400),
                         (f"{PODS}/nobody/exec?command=true&stdout=1", 404), (f"{PODS}/client/portforward", 400),
                         (f"{PODS}/client/portforward?ports=70000", 400)):
        w.equal(WebSocket(w, path, "v4.channel.k8s.io").status, status, path)
    w.equal(WebSocket(w, f"{PODS}/client/exec?command=true&stdout=1", "v9.channel.k8s.io").status, 403, "a protocol")
    lazy.sock.close()
    lazy.input.close()
    for each in (shell, port, hostile):
        each.sock.close()
        each.input.close()
    w.wait("no command is left", lambda: not [x for x in processes().values() if x == "sleep 86406" or x == "yes"])
    no_streams(w)


@case("what clients of attach, exec and port-forward leave behind in the supervisor, whatever they do: no descriptor")
def stream_descriptors(w):
    w.labctl("up", w.write("lab.yaml", REAL.replace("name: real", "name: demo")))
    w.wait("the server", lambda: w.probe("idle", "http://pod:default/server:8000")["outcome"] == "ok")
    supervisor = w.labctl_processes("supervisor")[0]

    def descriptors():
        return len(os.listdir(f"/proc/{supervisor}/fd"))

    w.labctl("exec", "server", "--", "true")  # its sandbox is there
    before = descriptors()
    for query in ("attach?stdout=1", "exec?stdout=1&command=true", "portforward?ports=8000"):
        for _ in range(10):
            client = WebSocket(w, f"{PODS}/server/{query}", "v4.channel.k8s.io")
            client.sock.close()
            client.input.close()
        gone = Control(w)  # has gone before it could be answered
        gone.connect()
        gone.sock.sendall(WebSocket.request(f"{PODS}/server/{query}", "v4.channel.k8s.io"))
        gone.sock.close()
        deaf = Control(w)  # reads no answer and asks for more
        deaf.connect()
        deaf.sock.sendall(b"GET /api/v1/pods HTTP/1.1\r\nHost: lab\r\n\r\n" * 300
                          + WebSocket.request(f"{PODS}/server/{query}", "v4.channel.k8s.io"))
        w.labctl("get", "pods", limit_s=5)
        deaf.sock.close()
    no_streams(w)
    w.wait("as many descriptors as before", lambda: descriptors() == before)


@case("a client that does not read holds a pod that is gone for seconds and no longer")
def deaf_exec(w):
    w.labctl("up")
    deaf = WebSocket(w, f"{PODS}/client/exec?command=yes&stdout=1", "v5.channel.k8s.io")
    w.wait("the command", lambda: "yes" in processes().values())
    w.labctl("delete", "pod", "client", "--now", limit_s=10)
    w.wait("the end of its process", lambda: not w.labctl_processes("stream"), 10.0)
    deaf.sock.close()
    deaf.input.close()
