"""Services while they change: endpoints that come and go under a client, a supervisor that dies, input that is wrong."""

import http.client
import json
import os
import random
import signal
import socket
import time

from harness import Failure, case
from services_lab import Loop, ask, backends, bring_up, deployment, expect, pod, service

CLUSTER_IP = "clusterIP: 10.96.0.100, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]"


@case("a pod that is set not ready is chosen no more within 50 ms, and again when it is ready", limit_s=120)
def flip(w):
    bring_up(w, deployment("web", 2), pod("client", "node-1", "", "app: client"), service("web", CLUSTER_IP))
    name = w.get("pods", "-l", "app=web")[0]["metadata"]["name"]
    late = []
    for _ in range(5):
        loop = Loop(w, "client", "10.96.0.100")
        w.labctl("set", name, "ready=false")
        done = time.monotonic()
        w.wait("answers after the change", lambda: 'ok' in loop.path.read_text().splitlines()[-1])
        expect(w, "ok", ("client", "tcp://10.96.0.100:80"), count=20, timeout_ms=5000)
        came = loop.end()
        w.equal({outcome for _, _, outcome, _ in came}, {"ok"}, "outcomes")
        begun = [at for at, _, _, who in came if who == name]
        w.true(begun, f"{name} answered before")
        w.true(came[-1][0] > done, "the client looped on after the change")
        late.append(max(begun) - done)
        w.labctl("set", name, "ready=true")
        again = ask(w, ("client", "http://10.96.0.100:80"), count=40, timeout_ms=5000)[0]
        w.true(name in backends(again), f"{name} answers again")
    w.notes.append("last connection to it, after the command had ended: "
                   + ", ".join(f"{seconds * 1000:.1f} ms" for seconds in late))
    w.true(max(late) <= 0.05, f"chosen {max(late) * 1000:.0f} ms after the command that made it not ready")


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.host)


class Api:
    """The control API of the lab over its socket: five hundred changes without as many processes."""

    def __init__(self, w):
        self.path = str(next(path for path in w.run_dir.rglob("control.sock")))

    def call(self, method, target, body=None):
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        connection = Connection(self.path)
        connection.request(method, target, None if body is None else json.dumps(body),
                           {"Content-Type": kind, "Host": "lab"})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= 300 and answer.status != 404:
            raise Failure(f"{method} {target}: {answer.status}\n{text[:500].decode()}")
        return text


def random_change(w, api, chance):
    """One change of the Deployment's pods; the pod that is never touched stays an endpoint."""
    what = chance.choice(["scale", "ready", "ready", "delete"])
    if what == "scale":
        api.call("PATCH", "/apis/apps/v1/namespaces/default/deployments/web/scale",
                 {"spec": {"replicas": chance.randint(0, 6)}})
        return
    listed = json.loads(api.call("GET", "/api/v1/namespaces/default/pods?labelSelector=pod-template-hash"))
    names = [item["metadata"]["name"] for item in listed["items"]]
    if not names:
        return
    target = "/api/v1/namespaces/default/pods/" + chance.choice(names)
    if what == "delete":
        api.call("DELETE", target)
    else:
        api.call("PATCH", target, {"metadata": {"annotations": {"labctl.dev/ready": chance.choice(["true", "false"])}}})


@case("500 random changes of endpoints under a client that loops: never a refusal", limit_s=400)
def churn(w):
    bring_up(w, deployment("web", 3), pod("anchor", "node-2"), pod("client", "node-1", "", "app: client"),
             service("web", CLUSTER_IP))
    seed = w.settings["seed"]
    chance = random.Random(seed)
    api = Api(w)
    loop = Loop(w, "client", "10.96.0.100")
    started = time.monotonic()
    for _ in range(500):
        random_change(w, api, chance)
    seconds = time.monotonic() - started
    came = loop.end()
    counts = {}
    for _, _, outcome, _ in came:
        counts[outcome] = counts.get(outcome, 0) + 1
    w.notes.append(f"seed {seed}: 500 changes in {seconds:.1f} s, {len(came)} connections: {counts}, "
                   f"{len({who for _, _, _, who in came if who})} pods")
    w.equal(counts.get("refused", 0), 0, f"refusals (seed {seed})")
    w.true(counts.get("ok", 0) > 100, f"connections that were answered: {counts}")
    # A connection to a pod that is deleted may break or be lost with it; that is rare, and never a refusal.
    w.true(counts["ok"] > 0.9 * len(came), f"connections that were answered: {counts} (seed {seed})")
    result = ask(w, ("client", "http://10.96.0.100:80"), count=200, timeout_ms=5000)[0]
    ready = {p["metadata"]["name"] for p in w.get("pods", "-l", "app=web")
             if any(c["type"] == "Ready" and c["status"] == "True" for c in p["status"]["conditions"])}
    w.equal(backends(result), ready, "who answers in the end")


def held(w):
    """What Services hold: name -> cluster addresses, node ports, addresses at the balancer."""
    return {s["metadata"]["name"]: (s["spec"].get("clusterIPs"), [p.get("nodePort") for p in s["spec"].get("ports", [])],
                                    s["status"].get("loadBalancer")) for s in w.get("services")}


@case("a supervisor that is killed comes back with the same cluster addresses, node ports and balancer addresses")
def resume(w):
    spec = "selector: {app: web}, ports: [{port: 80, targetPort: 8080}]"
    bring_up(w, deployment("web", 4), pod("client", "node-1", "", "app: client"), service("one", spec),
             service("two", "type: NodePort, " + spec), service("three", "type: LoadBalancer, " + spec))
    w.labctl("apply", "-f", w.write("later.yaml", service("later", "type: LoadBalancer, " + spec)))
    w.labctl("delete", "service", "two")
    w.labctl("apply", "-f", w.write("two.yaml", service("two", "type: NodePort, " + spec)))
    before = held(w)
    slices = sorted(s["metadata"]["name"] for s in w.get("endpointslices"))
    for pid in w.labctl_processes("supervisor"):
        os.kill(pid, signal.SIGKILL)
    w.assert_empty()
    w.labctl("up", "services")
    w.equal(held(w), before, "what the Services hold")
    w.equal(sorted(s["metadata"]["name"] for s in w.get("endpointslices")), slices, "names of the slices")
    node_port = before["two"][1][0]
    balancer = before["later"][2]["ingress"][0]["ip"]
    expect(w, "ok", *[(origin, f"tcp://{to}") for origin in ("client", "node/node-2", "external")
                      for to in (f"{before['one'][0][0]}:80", f"172.18.0.3:{node_port}", f"{balancer}:80")],
           count=8, timeout_ms=5000)


@case("a Service that is deleted or changed is followed by the rules of every node")
def edits(w):
    bring_up(w, deployment("web", 2), pod("client", "node-1", "", "app: client"), service("web", CLUSTER_IP))
    expect(w, "ok", ("client", "tcp://10.96.0.100:80"), timeout_ms=5000)
    w.labctl("apply", "-f", w.write("moved.yaml", service("web", CLUSTER_IP.replace("port: 80,", "port: 8000,"))))
    expect(w, "refused", ("client", "tcp://10.96.0.100:80"), timeout_ms=5000)
    expect(w, "ok", ("client", "tcp://10.96.0.100:8000"), ("node/node-3", "tcp://10.96.0.100:8000"), timeout_ms=5000)
    w.labctl("delete", "service", "web")
    expect(w, "timeout", ("client", "tcp://10.96.0.100:8000"), ("node/node-3", "tcp://10.96.0.100:8000"))
    w.equal(w.get("endpointslices", "-l", "kubernetes.io/service-name=web"), [], "slices of the deleted Service")
    # "A plan right after an apply is empty."
    w.true("kube-proxy" not in w.labctl("plan").out, "a plan after the changes")
