"""What the cases about Services share: pods and Services as manifests, many probes at once, a client that loops."""

import json
import subprocess

from harness import Failure

# One connection after the other from inside a pod, until standard input ends. Each one is a line of JSON: when it
# was begun and ended on the clock that all processes of this machine share, what came, and who answered.
LOOP = """
import json, select, socket, sys, time
address, port = sys.argv[1], int(sys.argv[2])
print('begun', flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    begun, who, came = time.monotonic(), '', 'ok'
    try:
        with socket.create_connection((address, port), timeout=1.5) as s:
            came = 'broken'
            s.sendall(b'GET /hostname HTTP/1.0\\r\\n\\r\\n')
            text = b''
            while part := s.recv(4096):
                text += part
            who, came = text.decode().split('\\r\\n\\r\\n', 1)[1].strip(), 'ok'
    except ConnectionRefusedError:
        came = 'refused'
    except (OSError, IndexError) as error:
        came = came if came == 'broken' else type(error).__name__
    print(json.dumps([begun, time.monotonic(), came, who]), flush=True)
"""


def pod(name, node, ports="{name: http, containerPort: 8080}", labels="app: web", more=""):
    return (f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{{labels}}}}}\n"
            f"spec: {{nodeName: {node}, {more}containers: [{{name: main, image: \"x:1\", ports: [{ports}]}}]}}\n")


def service(name, spec, labels=""):
    return (f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, labels: {{{labels}}}}}\n"
            f"spec: {{{spec}}}\n")


def deployment(name, replicas, more=""):
    return (f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\n"
            f"spec:\n  replicas: {replicas}\n  selector: {{matchLabels: {{app: {name}}}}}\n"
            f"  template:\n    metadata: {{labels: {{app: {name}}}}}\n"
            f"    spec: {{{more}containers: [{{name: main, image: \"x:1\", ports: [{{containerPort: 8080}}]}}]}}\n")


def bring_up(w, *documents, nodes=3):
    return w.labctl("up", "--name", "services", "--nodes", nodes, "-f",
                    w.write("services.yaml", "---\n".join(documents)))


def addresses(w):
    """Pod -> its address."""
    return {p["metadata"]["name"]: p["status"]["podIP"] for p in w.get("pods", "-A")}


def ask(w, *questions, count=1, timeout_ms=400):
    """Probes of (from, to), all at once: their results in the same order. Who answered is certain with http:// only;
    a TCP probe is ok once it is connected."""
    probes = [{"id": str(i), "from": origin if "/" in origin or origin == "external" else f"default/{origin}",
               "to": to, "count": count, "concurrency": min(count, 8), "timeoutMs": timeout_ms}
              for i, (origin, to) in enumerate(questions)]
    results = w.probes(*probes)
    w.equal(len(results), len(probes), "number of results")
    return [results[str(i)] for i in range(len(probes))]


def expect(w, outcome, *questions, **more):
    """Every question has this outcome, each time."""
    results = ask(w, *questions, **more)
    bad = {f"{origin} to {to}": result["outcomes"] for (origin, to), result in zip(questions, results)
           if set(result["outcomes"]) != {outcome}}
    w.equal(bad, {}, f"probes that are not all {outcome}")
    return results


def backends(result):
    """Who answered, without the namespace."""
    return {name.split("/", 1)[1] for name in result.get("backends", {})}


class Loop:
    """A client in a pod that connects to ADDRESS:PORT again and again."""

    def __init__(self, w, source, address, port=80):
        self.process = w.start("labctl", "exec", source, "--", "python3", "-u", "-c", LOOP, address, str(port),
                               stdin=subprocess.PIPE, stdout=open(w.folder / "loop.txt", "wb"))
        self.path = w.folder / "loop.txt"
        w.wait("the first answer in the loop", lambda: len(self.path.read_text().splitlines()) > 2, 20)

    def end(self):
        """All that came: (begun, ended, outcome, who)."""
        _, err = self.process.communicate(b"\n", timeout=20)
        lines = self.path.read_text().splitlines()
        if self.process.returncode != 0 or lines[:1] != ["begun"]:
            raise Failure("the client that loops failed: " + err.decode())
        return [tuple(json.loads(line)) for line in lines[1:]]
