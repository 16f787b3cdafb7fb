"""Changing a lab that runs: only what differs, and what is untouched keeps its connections."""

import json
import os
import signal
import subprocess

from harness import Failure, case

# Keeps one connection to ADDRESS:PORT open and sends one request on it for each line of standard input.
TALKER = """
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=5)
for line in sys.stdin:
    connection.request('GET', '/hostname')
    answer = connection.getresponse()
    print(answer.status, answer.read().decode().strip(), connection.sock.getsockname()[1], flush=True)
"""


class Talk:
    """A TCP connection between two pods that stays open."""

    def __init__(self, w, source, address, port):
        self.process = w.start("labctl", "exec", source, "--", "python3", "-u", "-c", TALKER, address, str(port),
                               stdin=subprocess.PIPE)

    def say(self):
        """One request on the connection; returns (status, host name, source port)."""
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        words = self.process.stdout.readline().decode().split()
        if len(words) != 3:
            raise Failure("the connection broke: " + self.process.stderr.read().decode())
        return words

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


def uids(w, *arguments):
    return {p["metadata"]["name"]: p["metadata"]["uid"] for p in w.get("pods", *arguments)}


def ready(w, count, selector):
    def done():
        pods = w.get("pods", "-l", selector)
        running = [p for p in pods if any(c["type"] == "Ready" and c["status"] == "True"
                                          for c in p["status"].get("conditions", []))]
        return len(pods) == count and len(running) == count
    w.wait(f"{count} ready pods with {selector}", done)


@case("scale up and down makes and ends only the pods that differ, and a running connection survives")
def scale(w):
    w.labctl("up")
    before = uids(w)
    address = w.get("pod", "db-0")[0]["status"]["podIP"]
    talk = Talk(w, "client", address, 5432)
    first = talk.say()
    w.equal(first[:2], ["200", "db-0"], "first answer")
    w.labctl("scale", "deployment/backend", "--replicas", "6")
    ready(w, 6, "app=backend")
    w.true(set(before) <= set(uids(w)), "pods from before are still there")
    w.labctl("scale", "deployment/backend", "--replicas", "1")
    ready(w, 1, "app=backend")
    after = uids(w)
    for name in ("client", "db-0"):
        w.equal(after[name], before[name], f"uid of {name}")
    w.equal(talk.say(), first, "answer on the same connection")
    talk.end()


@case("applying the same manifests again changes nothing; a changed template replaces only its pods")
def apply(w):
    w.labctl("up", w.stage / "labs" / "demo")
    before = uids(w)
    manifest = w.stage / "labs" / "demo" / "manifests" / "shop.yaml"
    w.labctl("apply", "-f", manifest)
    w.equal(uids(w), before, "pods after the same manifest")
    talk = Talk(w, "client", w.get("pod", "db-0")[0]["status"]["podIP"], 5432)
    first = talk.say()
    changed = w.write("changed.yaml", manifest.read_text().replace("shop/frontend:1.0", "shop/frontend:2.0"))
    summary = w.labctl("apply", "-f", changed)
    w.has(summary.out, "frontend", "the summary names what changed")
    w.true("statefulset/db configured" not in summary.out.replace(".apps", ""), "db was not configured")
    ready(w, 2, "app=frontend")
    w.wait("new frontends", lambda: not {n for n in uids(w, "-l", "app=frontend")} & set(before))
    w.equal(uids(w, "-l", "app=backend"), {n: u for n, u in before.items() if n.startswith("backend")}, "backends")
    w.equal(talk.say(), first, "answer on the same connection")
    talk.end()


@case("a namespace that a manifest only uses stays what it is, and is not deleted with it")
def used_namespace(w):
    w.labctl("up")
    pod = ("apiVersion: v1\nkind: Pod\nmetadata: {name: one, namespace: team}\n"
           "spec: {containers: [{name: c, image: x}]}\n")
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: team, labels: {tier: gold}}\n"
    w.labctl("apply", "-f", w.write("namespace.yaml", namespace))
    applied = w.labctl("apply", "-f", w.write("pod.yaml", pod))
    w.equal(applied.err.count("not defined"), 0, "warnings of a namespace that is there")
    w.true("namespace/team" not in applied.out, "the namespace is not among what was applied")
    labels = w.get("namespace", "team")[0]["metadata"]["labels"]
    w.equal(labels.get("tier"), "gold", "its label")
    gone = w.labctl("delete", "-f", w.write("pod.yaml", pod))
    w.has(gone.out, "one", "what was deleted")
    w.equal(len(w.get("namespace", "team")), 1, "namespaces of that name")
    w.equal([p["metadata"]["name"] for p in w.get("pods", "-n", "team")], [], "pods in it")
    os.kill(w.labctl_processes("supervisor")[0], signal.SIGKILL)
    w.wait("the end of the lab", lambda: not w.labctl_processes("supervisor"))
    w.labctl("up", "demo", "-f", w.write("pod.yaml", pod))  # from the journal, and more
    w.equal(w.get("namespace", "team")[0]["metadata"]["labels"].get("tier"), "gold", "its label, when the lab is back")
    # One that is not there yet comes with the pod, and a word.
    made = w.labctl("apply", "-f", w.write("new.yaml", pod.replace("team", "fresh")))
    w.has(made.err, 'namespace "fresh" is not defined: it is created', "the warning")
    w.equal(len(w.get("namespace", "fresh")), 1, "the new namespace")


@case("labels, readiness and deletion take effect, and only there")
def labels_and_deletion(w):
    w.labctl("up")
    before = uids(w)
    w.labctl("label", "pod", "client", "team=blue")
    w.equal([p["metadata"]["name"] for p in w.get("pods", "-l", "team=blue")], ["client"], "labelled pods")
    w.labctl("label", "pod", "client", "team=red", status=2)
    w.labctl("label", "pod", "client", "team=red", "--overwrite")
    w.labctl("label", "pod", "client", "team-")
    w.labctl("get", "pods", "-l", "team", "-o", "name")
    w.equal(uids(w), before, "pods after labelling")
    name = next(n for n in before if n.startswith("frontend"))
    w.labctl("set", name, "ready=false")

    def condition():
        found = w.get("pod", name)[0]["status"]["conditions"]
        return next(c["status"] for c in found if c["type"] == "Ready") == "False"
    w.wait(f"{name} not ready", condition)
    w.labctl("delete", "deployment", "frontend")
    w.wait("no frontends", lambda: not w.get("pods", "-l", "app=frontend"))
    w.labctl("delete", "pod", "db-0")
    w.wait("db-0 again, and new", lambda: uids(w).get("db-0") not in (None, before["db-0"]))
    w.labctl("delete", "pod", "nobody", status=2)
    w.equal(uids(w)["client"], before["client"], "uid of client")


@case("an address is given back and used again, and never twice at once")
def addresses(w):
    w.labctl("up")
    for _ in range(5):
        w.labctl("scale", "deployment/backend", "--replicas", "30")
        ready(w, 30, "app=backend")
        found = [p["status"]["podIP"] for p in w.get("pods", "-A")]
        w.equal(len(found), len(set(found)), "addresses of pods, each once")
        w.labctl("scale", "deployment/backend", "--replicas", "2")
        ready(w, 2, "app=backend")
    links = json.loads(w.labctl("exec", "node/node-1", "--", "ip", "-j", "link", "show", "type", "veth").out)
    on_node = [p for p in w.get("pods", "-A") if p["spec"]["nodeName"] == "node-1"]
    w.equal(len([link for link in links if link.get("master") == "cni0"]), len(on_node), "ports of cni0 on node-1")
