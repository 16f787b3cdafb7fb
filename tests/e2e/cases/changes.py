"""Changing a lab that runs: only what differs, and what is untouched keeps its connections."""

import json
import os
import signal
import subprocess

from control import Control
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


@case("label takes many objects, by selector, name or --all, and changes all of them or none")
def many_labels(w):
    w.labctl("up")
    fronts = [p["metadata"]["name"] for p in w.get("pods", "-l", "app=frontend")]
    said = w.labctl("label", "pods", "-l", "app=frontend", "tier=web").out
    w.equal(said, "".join(f"pod/{name} labeled\n" for name in fronts), "what was labelled")
    everybody = w.labctl("label", "pods", "--all", "tier=all", status=2)
    w.has(everybody.err, "'tier' already has a value (web), and --overwrite is false", "the refusal")
    w.equal(w.get("pods", "-l", "tier=all"), [], "pods with the label that was refused")
    wrong = w.labctl("label", "pods", "--all", "tier=a b", "--overwrite", status=2)
    w.has(wrong.err, 'metadata.labels[tier]: Invalid value: "a b"', "a value that is no label")
    w.labctl("label", "svc/frontend", "deploy/frontend", "tier=web")
    w.equal([o["kind"] for o in w.get("svc,deploy", "-l", "tier=web")], ["Service", "Deployment"], "of two kinds")
    w.labctl("label", "deploy/frontend", "tier-")
    w.equal([o["kind"] for o in w.get("svc,deploy", "-l", "tier=web")], ["Service"], "after the removal")
    w.has(w.labctl("label", "pods", "tier=web", status=2).err, "-l SELECTOR", "no name and no selector")
    w.has(w.labctl("label", "pods", "-l", "app=nobody", "tier=web").err, "no resources found", "a selector of nothing")


@case("what comes over the control socket is checked and completed as the API server does it")
def rest_is_validated(w):
    w.labctl("up")
    lab = Control(w)
    services = "/api/v1/namespaces/default/services"
    status, body = lab.tell("PATCH", services + "/frontend", {"spec": {"ports": [{"port": 99999}]}})
    w.equal((status, body["reason"], body["message"]),
            (422, "Invalid", 'Service "frontend" is invalid: spec.ports[0].port: Invalid value: 99999: '
             "must be between 1 and 65535, inclusive"), "a patch that cannot be")
    w.equal(w.get("svc", "frontend")[0]["spec"]["ports"][0]["port"], 80, "the port after it")
    wrong = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "new"}, "spec": {"ports": [{"port": "a"}]}}
    w.equal(lab.tell("POST", services, wrong)[0], 422, "an object that cannot be")
    w.labctl("get", "svc", "new", status=2)
    wrong["spec"] = {"selector": {"app": "frontend"}, "ports": [{"port": 81, "targetPort": 8080}]}
    status, body = lab.tell("POST", services, wrong)
    w.equal((status, body["spec"]["ports"][0]["protocol"], body["spec"]["sessionAffinity"]), (201, "TCP", "None"),
            "an object that is short of its defaults")
    w.equal(w.labctl("probe", "client", "http://new:81", "-o", "json").json()["results"][0]["outcome"], "ok", "it serves")
    for kind, name in (("pods", "db-0"), ("services", "new")):  # what `kubectl replace` of what one has got does
        target = f"/api/v1/namespaces/default/{kind}/{name}"
        w.equal(lab.tell("PUT", target, lab.ask(target)[1])[0], 200, f"{kind}/{name} as it is")


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
