"""The cluster's DNS: names of Services and pods as programs in pods resolve them."""

import json
import os
import signal
import time

from harness import case

LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: names}
spec: {nodes: 2, dns: {replicas: 1}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: backend}
spec:
  replicas: 2
  selector: {matchLabels: {app: backend}}
  template:
    metadata: {labels: {app: backend}}
    spec: {containers: [{name: web, image: "web:1", ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: backend}
spec: {selector: {app: backend}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: each}
spec: {clusterIP: None, selector: {app: backend}, ports: [{name: http, port: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {containers: [{name: c, image: "client:1"}]}
"""

LATE = """
apiVersion: v1
kind: Service
metadata: {name: late}
spec: {selector: {app: backend}, ports: [{port: 80, targetPort: http}]}
"""


def dig(w, *words, **more):
    return w.labctl("exec", "client", "--", "dig", "+tries=1", "+time=2", *words, **more).out


def short(w, *words):
    return sorted(dig(w, "+short", *words).split("\n")[:-1])


def cluster_ip(w, name, *where):
    return w.get("service", name, *where)[0]["spec"]["clusterIP"]


def up(w):
    w.labctl("up", w.write("names.yaml", LAB))


@case("names of Services, ports, pods and addresses resolve in a pod, and lead to the Service")
def names(w):
    up(w)
    w.equal(cluster_ip(w, "kube-dns", "-n", "kube-system"), "10.96.0.10", "the address of kube-dns")
    address = cluster_ip(w, "backend")
    pods = sorted(p["status"]["podIP"] for p in w.get("pods", "-l", "app=backend"))
    w.equal(short(w, "+search", "backend"), [address], "dig +search backend")
    w.equal(short(w, "+tcp", "backend.default.svc.cluster.local"), [address], "over TCP")
    w.equal(short(w, "-x", address), ["backend.default.svc.cluster.local."], "dig -x")
    w.equal(short(w, "_http._tcp.backend.default.svc.cluster.local", "SRV"),
            ["0 100 80 backend.default.svc.cluster.local."], "dig SRV")
    w.equal(short(w, "+search", "each"), pods, "a headless Service")
    w.has(dig(w, "gone.default.svc.cluster.local"), "status: NXDOMAIN", "a name that is not there")
    w.has(w.labctl("exec", "client", "--", "nslookup", "backend").out, address, "nslookup")
    answer = w.labctl("exec", "client", "--", "curl", "-sS", "-m", "5", "http://backend.default/hostname").out
    w.matches(answer, r"^backend-", "curl by name")


@case("a Service's name comes and goes with it at once")
def at_once(w):
    up(w)
    late = w.write("late.yaml", LATE)
    for _ in range(5):
        w.labctl("apply", "-f", late)
        w.equal(short(w, "+search", "late"), [cluster_ip(w, "late")], "a new name")
        w.labctl("delete", "service", "late")
        w.has(dig(w, "late.default.svc.cluster.local"), "status: NXDOMAIN", "a deleted name")


@case("names resolve again when the data plane was killed, and not while there is no coredns")
def interrupted(w):
    up(w)
    address = cluster_ip(w, "backend")
    pid = w.labctl("status", "-o", "json").json()["dataPlane"]["pid"]
    w.command_as_harness(["kill", "-9", pid])
    w.equal(short(w, "+search", "backend"), [address], "behind a killed data plane")
    w.labctl("scale", "deployment", "coredns", "--replicas", "0", "-n", "kube-system")
    w.wait("no coredns", lambda: not w.get("pods", "-n", "kube-system"))
    dig(w, "+short", "backend.default.svc.cluster.local", status=9)
    w.labctl("scale", "deployment", "coredns", "--replicas", "2", "-n", "kube-system")
    began = time.monotonic()
    w.wait("names again", lambda: address in dig(w, "+short", "+search", "backend", status=None))
    w.notes.append(f"names again after {time.monotonic() - began:.3f} s")


@case("a bad Corefile is told of, and the good one stays")
def bad_corefile(w):
    up(w)
    patch = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "coredns", "namespace": "kube-system"},
             "data": {"Corefile": ".:53 {\n    kubernets cluster.local\n}\n"}}
    w.labctl("apply", "-f", w.write("corefile.yaml", json.dumps(patch)))
    events = [e["message"] for e in w.get("events", "-n", "kube-system") if e["reason"] == "InvalidCorefile"]
    w.true(len(events) == 1 and "Corefile:2" in events[0], f"an event names the line: {events}")
    w.equal(short(w, "+search", "backend"), [cluster_ip(w, "backend")], "the good Corefile")
    patch["data"]["Corefile"] = ".:53 {\n    kubernetes other.zone\n    ready\n}\n"
    w.labctl("apply", "-f", w.write("corefile.yaml", json.dumps(patch)))
    w.equal(short(w, "backend.default.svc.other.zone"), [cluster_ip(w, "backend")], "another domain")


@case("a lab without DNS has none, and deleted DNS does not come back")
def without(w):
    w.labctl("up", w.write("names.yaml", LAB.replace("{replicas: 1}", "{enabled: false}")))
    w.equal(w.get("pods", "-n", "kube-system"), [], "pods of a lab without DNS")


WATCH = r"""
import socket, struct, sys, time
name, wanted = sys.argv[1], int(sys.argv[2])
labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\0"
query = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + labels + struct.pack(">HH", 1, 1)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)
s.connect(("10.96.0.10", 53))
print("go", flush=True)
end = time.monotonic() + 20
while time.monotonic() < end:
    s.send(query)
    answer = s.recv(512)
    if answer[3] & 15 == wanted:
        print(time.monotonic(), flush=True)
        break
    time.sleep(0.0005)
"""


@case("a change of a Service is answered at once")
def follows(w):
    up(w)
    late = w.write("late.yaml", LATE)
    script = w.write("watch.py", WATCH)
    figures = []
    for words, rcode in ((("apply", "-f", late), 0), (("delete", "service", "late"), 3)) * 3:
        watcher = w.start("labctl", "exec", "client", "--", "python3", script,
                          "late.default.svc.cluster.local", str(rcode))
        w.equal(watcher.stdout.readline(), b"go\n", "the watcher")
        began = time.monotonic()
        w.labctl(*words)
        ended = time.monotonic()
        answered = watcher.stdout.readline()
        watcher.communicate()
        w.true(answered, f"an answer with rcode {rcode} behind {words}")
        figures.append((float(answered) - began, float(answered) - ended))
        w.true(figures[-1][1] < 2, f"answered {figures[-1][1]:.3f} s after the command had ended")
    ms = sorted(round(since * 1000, 1) for since, _ in figures)
    w.notes.append(f"answered {ms} ms after the command began, {max(e for _, e in figures) * 1000:.1f} ms "
                   "after it ended at most (negative: before)")


def pool(second):
    """A headless Service's slice: 800 endpoints, all of one range."""
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": "pool-x", "labels": {"kubernetes.io/service-name": "pool"}},
            "addressType": "IPv4", "ports": [{"name": "p", "port": 1}],
            "endpoints": [{"addresses": [f"10.{second}.{i // 200}.{1 + i % 200}"]} for i in range(800)]}


@case("an answer is of one version of a Service, while it changes over and over", limit_s=120)
def one_version(w):
    up(w)
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "pool"},
               "spec": {"clusterIP": "None", "ports": [{"name": "p", "port": 1}]}}
    w.labctl("apply", "-f", w.write("pool.json", json.dumps(service)))
    files = [w.write(f"pool-{second}.json", json.dumps(pool(second))) for second in (1, 2)]
    w.labctl("apply", "-f", files[0])
    script = "while :; do for f in \"$@\"; do labctl apply -f $f >/dev/null; done; done"
    churn = w.start("sh", "-c", script, "churn", *files)
    try:
        for _ in range(12):
            found = short(w, "+tcp", "+time=9", "pool.default.svc.cluster.local")
            versions = {address.split(".")[1] for address in found}
            w.true(len(found) == 800 and len(versions) == 1, f"{len(found)} addresses of the versions {versions}")
    finally:
        os.killpg(churn.pid, signal.SIGKILL)
        churn.communicate()
