"""NetworkPolicies that are enforced: who reaches whom, over the real network of a lab."""

import json
import re
import subprocess
import time

from harness import case

LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: policies}
spec: {nodes: 2, dns: {enabled: false}, podCIDR: "10.244.0.0/16"%s}
"""

NAMESPACES = """
apiVersion: v1
kind: Namespace
metadata: {name: prod, labels: {team: blue}}
---
apiVersion: v1
kind: Namespace
metadata: {name: other, labels: {team: red}}
"""

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {ns}, labels: {{app: {app}}}}}
spec:
  nodeName: node-{node}
  containers:
  - name: c
    image: x
    ports: [{{name: http, containerPort: 8080}}, {{name: extra, containerPort: 9090}},
            {{name: dns, containerPort: 53, protocol: UDP}}]
"""

PODS = "---".join(POD.format(ns=ns, name=name, app=name.split("-")[0], node=node) for ns, name, node in (
    ("prod", "backend", 1), ("prod", "frontend-near", 1), ("prod", "frontend-far", 2), ("prod", "client", 1),
    ("other", "visitor", 2), ("other", "visitor-near", 1)))

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: backend, namespace: prod}
spec: {clusterIP: 10.96.0.50, selector: {app: backend}, ports: [{port: 80, targetPort: http}]}
"""

POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: NAME, namespace: prod}
spec: SPEC
"""

CALLERS = ("prod/frontend-near", "prod/frontend-far", "prod/client", "other/visitor", "other/visitor-near")


def policy(name, spec):
    return POLICY.replace("NAME", name).replace("SPEC", spec)


def bring_up(w, *more, established=""):
    lab = LAB % (f", policy: {{established: {established}}}" if established else "")
    text = "---".join((lab, NAMESPACES, PODS, SERVICE, *more))
    return w.labctl("up", "--name", "policies", "-f", w.write("lab.yaml", text))


def apply(w, text):
    return w.labctl("apply", "-f", w.write("change.yaml", text))


def delete(w, name):
    return w.labctl("delete", "networkpolicy", name, "-n", "prod")


def ask(w, target, callers=CALLERS, timeout_ms=700):
    """caller -> whether it reached `target`."""
    found = w.probes(*({"id": caller, "from": caller, "to": target, "timeoutMs": timeout_ms} for caller in callers))
    w.true(all(result["outcome"] in ("ok", "timeout") for result in found.values()),
           f"every probe of {target} gets through or is dropped: "
           f"{ {caller: result['outcome'] for caller, result in found.items()} }")
    return {caller for caller, result in found.items() if result["outcome"] == "ok"}


def reach(w, wanted, target="tcp://pod:prod/backend:8080", callers=CALLERS):
    """Exactly those callers reach the target; a rule takes effect for new connections at once."""
    w.equal(sorted(ask(w, target, callers)), sorted(wanted), f"who reaches {target}")


def netns(w, *command, node="node-1"):
    """Runs a command in the network namespace of a node or pod, as `ip netns exec` would."""
    return w.labctl("exec", f"node/{node}" if "/" not in node else node, "--", *command).out


FRONTENDS = ("prod/frontend-near", "prod/frontend-far")
DENY_ALL = policy("deny-all", "{podSelector: {}, policyTypes: [Ingress]}")
ALLOW_FRONTEND = policy(
    "allow-frontend", "{podSelector: {matchLabels: {app: backend}}, ingress: "
    "[{from: [{podSelector: {matchLabels: {app: frontend}}}], ports: [{port: http}]}]}")


@case("deny-all shuts, allow-frontend opens for its pods alone, on the same node, across nodes and through a Service")
def deny_and_allow(w):
    bring_up(w)
    reach(w, CALLERS)
    apply(w, DENY_ALL)
    reach(w, ())
    others = CALLERS[:3] + CALLERS[4:]
    reach(w, others, "tcp://pod:other/visitor:8080", others)
    apply(w, ALLOW_FRONTEND)
    reach(w, FRONTENDS)
    reach(w, FRONTENDS, "http://10.96.0.50:80/")
    reach(w, (), "tcp://pod:prod/backend:9090")
    status = w.labctl("status").out
    w.matches(status, r"policies +2 enforced, established connections: cut")
    # Own node: never shut out (6.3).
    w.equal(w.probe("node/node-1", "tcp://pod:prod/backend:8080")["outcome"], "ok", "a probe from the pod's own node")
    delete(w, "deny-all")
    delete(w, "allow-frontend")
    reach(w, CALLERS)
    w.true("labctl" not in netns(w, "nft", "list", "tables"), "no table without a policy")


@case("namespace selectors, labels of pods and of namespaces: what changes takes effect at once")
def selectors_and_labels(w):
    bring_up(w, policy("from-blue", "{podSelector: {matchLabels: {app: backend}}, ingress: "
                       "[{from: [{namespaceSelector: {matchLabels: {team: blue}}}]}]}"))
    reach(w, CALLERS[:3])
    w.labctl("label", "namespace", "other", "team=blue", "--overwrite")
    reach(w, CALLERS)
    w.labctl("label", "namespace", "other", "team=red", "--overwrite")
    reach(w, CALLERS[:3])
    apply(w, policy("from-blue", "{podSelector: {matchLabels: {app: backend}}, ingress: [{from: [{namespaceSelector: "
                    "{matchLabels: {team: red}}, podSelector: {matchLabels: {app: visitor}}}]}]}"))
    reach(w, CALLERS[3:])
    w.labctl("label", "pod", "visitor", "app=else", "-n", "other", "--overwrite")
    reach(w, CALLERS[4:])
    w.labctl("label", "pod", "backend", "app=open", "-n", "prod", "--overwrite")
    reach(w, CALLERS)


@case("egress, ipBlock with an except, ports by range and by name")
def egress_and_blocks(w):
    bring_up(w, policy("out", "{podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], egress: "
                       "[{to: [{podSelector: {matchLabels: {app: backend}}}], ports: [{port: 8080, endPort: 9000}]}]}"))
    reach(w, CALLERS)
    reach(w, CALLERS[:2] + CALLERS[3:], "tcp://pod:prod/backend:9090")
    reach(w, ("prod/frontend-far",), "tcp://pod:other/visitor:8080", ("prod/client", "prod/frontend-far"))
    addresses = {f"{p['metadata']['namespace']}/{p['metadata']['name']}": p["status"]["podIP"]
                 for p in w.get("pods", "-A")}
    apply(w, policy("block", "{podSelector: {matchLabels: {app: backend}}, ingress: [{from: [{ipBlock: {cidr: "
                    f"10.244.0.0/16, except: [{addresses['prod/client']}/32, {addresses['other/visitor']}/32]}}}}]}}]}}"))
    reach(w, ("prod/frontend-near", "prod/frontend-far", "other/visitor-near"))
    apply(w, policy("block", "{podSelector: {matchLabels: {app: backend}}, ingress: [{ports: "
                    "[{port: extra}, {port: dns, protocol: UDP}]}]}"))
    reach(w, (), "tcp://pod:prod/backend:8080")
    reach(w, ("other/visitor",), "tcp://pod:prod/backend:9090", ("other/visitor",))
    reach(w, ("other/visitor",), "udp://pod:prod/backend:53", ("other/visitor",))


# A client that sends a line each 20 ms and prints what comes back; a server inside a pod that pushes without being
# asked. Both end with standard input.
STREAM = """
import select, socket, sys, time
address, port = sys.argv[1], int(sys.argv[2])
s = socket.create_connection((address, port), timeout=5)
s.sendall(b'GET /delay/0 HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')
s.settimeout(0.3)
print('begun', flush=True)
while not select.select([sys.stdin], [], [], 0.02)[0]:
    try:
        if s.recv(4096):
            print(time.monotonic(), flush=True)
            s.sendall(b'GET /healthz HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')
        else:
            break
    except TimeoutError:
        print('silent', flush=True)
    except OSError as error:
        print(type(error).__name__, flush=True)
        break
"""


# A server that says something each 20 ms to whoever is connected, until standard input ends.
PUSHER = """
import select, socket, sys
s = socket.create_server((sys.argv[1], int(sys.argv[2])))
print('begun', flush=True)
peer, _ = s.accept()
while not select.select([sys.stdin], [], [], 0.02)[0]:
    try:
        peer.send(b'x', socket.MSG_DONTWAIT)
    except BlockingIOError:
        pass
"""

LISTENER = """
import select, socket, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)
s.settimeout(0.3)
print('begun', flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    try:
        s.recv(4096)
        print(time.monotonic(), flush=True)
    except TimeoutError:
        print('silent', flush=True)
"""

# Datagrams from one port, whatever happens.
UDP = """
import select, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect((sys.argv[1], int(sys.argv[2])))
s.settimeout(0.3)
print('begun', flush=True)
while not select.select([sys.stdin], [], [], 0.02)[0]:
    try:
        s.send(b'hostname')
        s.recv(4096)
        print(time.monotonic(), flush=True)
    except TimeoutError:
        print('silent', flush=True)
"""


class Stream:
    """A connection of a pod that is never idle."""

    def __init__(self, w, pod, address, port=8080, script=STREAM):
        self.process = w.start("labctl", "exec", pod, "--", "python3", "-u", "-c", script, address, port,
                               stdin=subprocess.PIPE, text=True)
        self.first = self.process.stdout.readline().strip()

    def next(self):
        return self.process.stdout.readline().strip()

    def silent(self, limit_s=10.0):
        """Whether nothing comes any more, before the time is over."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if self.next() in ("silent", ""):
                return True
        return False

    def alive(self, answers=10):
        return all(re.match(r"[0-9.]+$", self.next()) for _ in range(answers))

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
        self.process.stderr.close()


def address_of(w, name, ns="prod"):
    return w.get("pod", name, "-n", ns)[0]["status"]["podIP"]


@case("a live TCP stream that is not allowed any more is cut, and one that is goes on", limit_s=120)
def cut(w):
    bring_up(w)
    target = address_of(w, "backend")
    streams = {pod: Stream(w, pod, target) for pod in ("prod/frontend-near", "prod/frontend-far", "other/visitor",
                                                       "other/visitor-near")}
    for pod, stream in streams.items():
        w.equal(stream.first, "begun", f"the stream from {pod}")
        w.true(stream.alive(), f"the stream from {pod} runs")
    apply(w, "---".join((DENY_ALL, ALLOW_FRONTEND)))
    w.true(streams["other/visitor"].silent(), "the stream from another node is cut")
    w.true(streams["other/visitor-near"].silent(), "the stream from the same node is cut")
    w.true(streams["prod/frontend-near"].alive(), "an allowed stream on the same node goes on")
    w.true(streams["prod/frontend-far"].alive(), "an allowed stream from another node goes on")
    w.labctl("label", "pod", "frontend-far", "app=nobody", "-n", "prod", "--overwrite")
    w.true(streams["prod/frontend-far"].silent(), "a stream is cut when its client loses its label")
    w.true(streams["prod/frontend-near"].alive(), "the other one goes on")
    for stream in streams.values():
        stream.end()


@case("a stream that only the server feeds, and datagrams from one port, are cut as well", limit_s=120)
def cut_push_and_udp(w):
    bring_up(w)
    target = address_of(w, "backend")
    server = Stream(w, "prod/backend", target, 7000, PUSHER)
    pushed = Stream(w, "other/visitor", target, 7000, LISTENER)
    datagrams = {pod: Stream(w, pod, target, 53, UDP) for pod in ("other/visitor", "prod/client")}
    w.true(pushed.alive(), "the server pushes")
    w.true(all(stream.alive() for stream in datagrams.values()), "datagrams are answered")
    apply(w, policy("own", "{podSelector: {matchLabels: {app: backend}}, ingress: [{from: [{podSelector: {}}]}]}"))
    w.true(pushed.silent(), "the pushed stream is cut")
    w.true(datagrams["other/visitor"].silent(), "datagrams from another namespace are cut")
    w.true(datagrams["prod/client"].alive(), "datagrams from its own namespace go on")
    for stream in (server, pushed, *datagrams.values()):
        stream.end()


@case("with policy.established: keep a live stream goes on, and new connections are refused all the same")
def keep(w):
    bring_up(w, established="keep")
    stream = Stream(w, "other/visitor", address_of(w, "backend"))
    w.true(stream.alive(), "the stream runs")
    apply(w, DENY_ALL)
    w.true(stream.alive(20), "the stream goes on")
    reach(w, ())
    stream.end()
    w.matches(w.labctl("status").out, r"policies +1 enforced, established connections: keep")


@case("a restarted lab enforces what it did before, from the first packet")
def restart(w):
    bring_up(w, DENY_ALL, ALLOW_FRONTEND)
    reach(w, FRONTENDS)
    supervisor = w.labctl_processes("supervisor")
    w.true(supervisor, "there is a supervisor")
    w.command("kill", "-KILL", supervisor[0])
    w.wait("the lab is gone", lambda: not w.labctl_processes("supervisor"))
    w.labctl("up", "policies")
    reach(w, FRONTENDS)


@case("who gets the address of a deleted pod gets none of its rights; a new pod is isolated from its first packet")
def recycled_address(w):
    bring_up(w, DENY_ALL, ALLOW_FRONTEND)
    w.labctl("delete", "pod", "frontend-near", "-n", "prod")
    reach(w, ("prod/frontend-far",), callers=CALLERS[1:])
    apply(w, POD.format(ns="other", name="heir", app="frontend", node=1))
    w.wait("the heir is ready", lambda: not json.loads(w.labctl("status", "-o", "json").out)["podsNotReady"])
    reach(w, ("prod/frontend-far",), callers=CALLERS[1:] + ("other/heir",))
    apply(w, POD.format(ns="prod", name="fresh", app="fresh", node=2))
    reach(w, (), "tcp://pod:prod/fresh:8080", CALLERS[1:])


@case("plan and repair know the table of the policies")
def drift(w):
    bring_up(w, DENY_ALL)
    w.true("inet labctl" not in w.labctl("plan").out, "a plan right after `up` leaves the table alone")
    netns(w, "nft", "delete", "table", "inet", "labctl")
    w.has(w.labctl("plan").out, "inet labctl", "the plan")
    reach(w, CALLERS)
    w.labctl("up", "policies")
    reach(w, ())
    w.true("inet labctl" not in w.labctl("plan").out, "the table is as it should be")


# Who calls whom in the Online Boutique, read from its printed policies; the front is open to everyone.
SHOP = {
    "adservice": (9555, ("frontend",)),
    "cartservice": (7070, ("frontend", "checkoutservice")),
    "checkoutservice": (5050, ("frontend",)),
    "currencyservice": (7000, ("frontend", "checkoutservice")),
    "emailservice": (8080, ("checkoutservice",)),
    "frontend": (8080, None),
    "paymentservice": (50051, ("checkoutservice",)),
    "productcatalogservice": (3550, ("frontend", "checkoutservice", "recommendationservice")),
    "recommendationservice": (8080, ("frontend",)),
    "redis-cart": (6379, ("cartservice",)),
    "shippingservice": (50051, ("frontend", "checkoutservice")),
}


@case("the printed policies of the Online Boutique leave the shop working and shut everything else", limit_s=120)
def online_boutique(w):
    # The file has separators at the end of a line, where YAML knows none.
    text = w.manifests("online-boutique/network-policies.yaml").read_text().replace("{}---", "{}\n---")
    w.labctl("up", "--name", "shop", "--nodes", "3", "-f", w.manifests("online-boutique/kubernetes-manifests.yaml"),
             "-f", w.write("policies.yaml", text))
    pods = {p["metadata"]["labels"]["app"]: p["metadata"]["name"] for p in w.get("pods")}
    probes, wanted = [], {}
    for caller, source in pods.items():
        for app, (port, callers) in SHOP.items():
            if caller == app:
                continue
            name = f"{caller} {app}"
            wanted[name] = "ok" if callers is None or caller in callers else "timeout"
            probes.append({"id": name, "from": f"default/{source}", "to": f"tcp://pod:default/{pods[app]}:{port}",
                           "timeoutMs": 1000})
    outcomes = {name: result["outcome"] for name, result in w.probes(*probes).items()}
    w.equal(outcomes, wanted, "who reaches whom")
    results = w.probes({"id": "front", "from": "external", "to": f"http://pod:default/{pods['frontend']}:8080/"},
                       {"id": "name", "from": f"default/{pods['frontend']}",
                        "to": "tcp://pod:default/" + pods["cartservice"] + ":7070"})
    w.equal({name: result["outcome"] for name, result in results.items()}, {"front": "ok", "name": "ok"},
            "the front is open to the outside")


ADMIN = """
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: NAME}
spec:
  priority: PRIORITY
  subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: prod}}}
  ingress: [{name: rule, action: ACTION, from: [{namespaces: {matchLabels: {team: red}}}]}]
"""
BASELINE = """
apiVersion: policy.networking.k8s.io/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata: {name: default}
spec:
  subject: {namespaces: {}}
  ingress: [{action: Deny, from: [{namespaces: {}}]}]
"""


def admin(name, priority, action):
    return ADMIN.replace("NAME", name).replace("PRIORITY", str(priority)).replace("ACTION", action)


@case("admin policies come before NetworkPolicies, Pass hands over to them, and the baseline comes last")
def admin_tiers(w):
    bring_up(w, ALLOW_FRONTEND, admin("red", 20, "Allow"))
    reach(w, FRONTENDS + ("other/visitor", "other/visitor-near"))
    apply(w, admin("red-first", 10, "Deny"))
    reach(w, FRONTENDS)
    apply(w, admin("red-first", 10, "Pass"))
    reach(w, FRONTENDS)
    w.labctl("delete", "adminnetworkpolicy", "red-first")
    reach(w, FRONTENDS + ("other/visitor", "other/visitor-near"))
    apply(w, BASELINE)
    reach(w, FRONTENDS + ("other/visitor", "other/visitor-near"))
    delete(w, "allow-frontend")
    reach(w, ("other/visitor", "other/visitor-near"))


SPOOF = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 15, 1)
s.bind((sys.argv[1], 0))
s.sendto(b'hostname', (sys.argv[2], 53))
"""


@case("a packet with another's source address does not leave its pod", modes=("root",))
def spoofed(w):
    bring_up(w, DENY_ALL, policy("to-backend", "{podSelector: {matchLabels: {app: backend}}, ingress: "
                                 "[{from: [{podSelector: {matchLabels: {app: frontend}}}]}]}"))
    victim, target = address_of(w, "frontend-near"), address_of(w, "backend")
    pod = w.netns_dir / "policies.prod.client"
    w.command_as_harness(["nsenter", f"--net={pod}", "ip", "address", "add", f"{victim}/32", "dev", "lo"])
    w.command_as_harness(["nsenter", f"--net={pod}", "python3", "-c", SPOOF, victim, target])
    dropped = w.wait("the drop is counted", lambda: re.search(
        r"iifname . ip saddr .*counter packets [1-9]", netns(w, "nft", "list", "table", "bridge", "cni-sources")))
    w.true(dropped, "the spoofed datagram was dropped")


@case("a bridge that hides its traffic from the rules is found out, and said aloud", modes=("root",))
def hidden_traffic(w):
    bring_up(w)
    netns(w, "sysctl", "-w", "net.bridge.bridge-nf-call-iptables=0")
    apply(w, DENY_ALL)
    w.has(w.labctl("status").err, "NOT enforced between pods of one node", "the status")
    w.has(w.labctl("events").out, "PoliciesNotEnforced", "the events")
    reach(w, ("prod/client",), callers=("prod/client", "prod/frontend-far"))
