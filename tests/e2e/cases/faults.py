"""`labctl fault`: what is broken on purpose has its effect, is known to the planner, and heals."""

from harness import case

LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: broken}
spec: {nodes: 3}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: node-1, containers: [{name: c, image: "x:1", ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: near, labels: {app: web}}
spec: {nodeName: node-1, containers: [{name: c, image: "x:1", ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: far, labels: {app: web}}
spec: {nodeName: node-2, containers: [{name: c, image: "x:1", ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""


def up(w):
    w.write("lab.yaml", LAB)
    w.labctl("up", w.folder / "lab.yaml")


def outcome(w, origin, target):
    return w.probe(origin, target, "--timeout", "300ms")["outcome"]


def link_state(w, target, link="eth0"):
    words = w.labctl("exec", target, "--", "ip", "-o", "link", "show", "dev", link).out
    return "NO-CARRIER" in words


def ready_endpoints(w):
    addresses = []
    for item in w.get("endpointslices", "-l", "kubernetes.io/service-name=web"):
        for endpoint in item.get("endpoints") or []:
            if endpoint["conditions"]["ready"]:
                addresses.append(endpoint["targetRef"]["name"])
    return sorted(addresses)


def no_drift(w, what):
    w.equal(w.labctl("plan").out, "", f"drift {what}")


@case("a cut pod has no carrier and is not reached; nothing heals it but a restore")
def cut_pod(w):
    up(w)
    w.equal(outcome(w, "default/client", "tcp://pod:default/near:8080"), "ok", "before")
    w.has(w.labctl("fault", "cut", "near").out, "f1: cut default/near", "what was broken")
    w.true(link_state(w, "near"), "the pod's eth0 has no carrier")
    w.true(outcome(w, "default/client", "tcp://pod:default/near:8080") in ("timeout", "unreachable"), "while it is cut")
    w.equal(outcome(w, "default/client", "tcp://pod:default/far:8080"), "ok", "another pod, meanwhile")
    no_drift(w, "with a fault in force")
    w.labctl("label", "pod", "far", "x=y")  # another change heals nothing
    w.labctl("apply", "-f", w.folder / "lab.yaml")
    w.true(link_state(w, "near"), "still no carrier after an apply")
    w.has(w.labctl("status").out, "1 in force", "status")
    w.labctl("fault", "restore", "near")
    w.equal(outcome(w, "default/client", "tcp://pod:default/near:8080"), "ok", "after the restore")
    no_drift(w, "after the restore")
    w.equal(w.labctl("fault", "list", "-o", "json").json()["items"], [], "faults left")


@case("a node whose cable is cut is not reached from others; its own pods still reach each other")
def cut_node(w):
    up(w)
    w.labctl("fault", "cut", "node/node-1")
    w.true(link_state(w, "node/node-1"), "the node's eth0 has no carrier")
    w.equal(outcome(w, "default/far", "tcp://pod:default/near:8080"), "timeout", "from another node")
    w.equal(outcome(w, "default/client", "tcp://pod:default/near:8080"), "ok", "on the node")
    no_drift(w, "while the node is cut")
    w.labctl("fault", "clear", "node/node-1")
    w.equal(outcome(w, "default/far", "tcp://pod:default/near:8080"), "ok", "after the clear")
    w.labctl("fault", "cut", "node/node-1:vxlan1")
    w.equal(outcome(w, "default/far", "tcp://pod:default/near:8080"), "timeout", "without the tunnel")
    w.equal(outcome(w, "node/node-2", "icmp://172.18.0.2"), "ok", "the node itself")
    no_drift(w, "without the tunnel")
    w.labctl("fault", "clear", "--all")
    w.equal(outcome(w, "default/far", "tcp://pod:default/near:8080"), "ok", "with the tunnel again")
    no_drift(w, "with the tunnel again")


@case("a stopped node is NotReady, its pods leave their Services and reach nothing; a start undoes it")
def stop_node(w):
    up(w)
    w.equal(ready_endpoints(w), ["far", "near"], "endpoints before")
    w.labctl("fault", "stop", "node/node-2")
    w.has(w.labctl("get", "nodes").out, "NotReady", "nodes")
    w.equal(ready_endpoints(w), ["near"], "endpoints while the node is stopped")
    w.equal(outcome(w, "node/node-2", "tcp://pod:default/far:8080"), "timeout", "on the stopped node")
    result = w.probe("default/client", "http://web/hostname", "--count", "10")
    w.equal(result["outcomes"], {"ok": 10}, "the Service while the node is stopped")
    no_drift(w, "while the node is stopped")
    w.labctl("fault", "start", "node/node-2")
    w.equal(ready_endpoints(w), ["far", "near"], "endpoints after the start")
    w.equal(outcome(w, "default/client", "tcp://pod:default/far:8080"), "ok", "after the start")
    w.true("NotReady" not in w.labctl("get", "nodes").out, "nodes are ready again")
    no_drift(w, "after the start")


@case("a share of packets is dropped, of one port only, counted, as nft shows")
def drop(w):
    up(w)
    w.labctl("fault", "drop", "far", "--share", "100%", "--proto", "tcp", "--port", "8080", "--direction", "in")
    w.equal(outcome(w, "default/client", "tcp://pod:default/far:8080"), "timeout", "the port")
    w.equal(outcome(w, "default/client", "icmp://pod:default/far"), "ok", "other packets")
    rules = w.labctl("exec", "far", "--", "nft", "list", "table", "inet", "labctl-fault").out
    w.has(rules, "tcp dport 8080", "rules")
    w.true(w.labctl("fault", "list", "-o", "json").json()["items"][0]["dropped"] >= 1, "packets were counted")
    no_drift(w, "with a drop in force")
    w.labctl("fault", "clear", "f1")
    w.equal(outcome(w, "default/client", "tcp://pod:default/far:8080"), "ok", "after the clear")
    w.labctl("exec", "far", "--", "nft", "list", "table", "inet", "labctl-fault", status=1)
    w.labctl("fault", "drop", "node/node-2", "--share", "50%", "--proto", "icmp")
    result = w.probe("default/client", "icmp://pod:default/far", "--count", "60", "--concurrency", "60",
                     "--timeout", "500ms")
    lost = result["outcomes"].get("timeout", 0)
    w.true(0 < lost < 60, f"lost {lost} of 60, with half of the packets dropped each way")
    w.equal(outcome(w, "default/client", "tcp://pod:default/far:8080"), "ok", "TCP on that node")
    w.labctl("fault", "clear", "--all")


@case("readiness flaps, so many times, and then is as before; a fault with a time heals by itself")
def flap(w):
    up(w)
    w.labctl("fault", "flap", "far", "--period", "1s")
    for _ in range(2):  # whatever half of the period a slow machine meets first
        w.wait("the pod to be not ready", lambda: ready_endpoints(w) == ["near"], within_s=30)
        w.wait("the pod to be ready", lambda: ready_endpoints(w) == ["far", "near"], within_s=30)
    w.labctl("fault", "clear", "far")
    w.labctl("fault", "flap", "far", "--period", "200ms", "--count", "2")
    w.wait("the flapping to be over", lambda: not w.labctl("fault", "list", "-o", "json").json()["items"], within_s=20)
    w.equal(ready_endpoints(w), ["far", "near"], "endpoints afterwards")
    events = w.labctl("events").out
    w.has(events, "FaultInjected", "events")
    w.has(events, "FaultHealed", "events")
    w.labctl("fault", "cut", "far", "--for", "500ms")
    w.wait("the cut to heal", lambda: outcome(w, "default/client", "tcp://pod:default/far:8080") == "ok", within_s=20)
    w.equal(w.labctl("fault", "list", "-o", "name").out, "", "faults left")


@case("a lab that comes back is whole, and a pod takes its faults along")
def forgotten(w):
    up(w)
    w.labctl("fault", "stop", "node/node-2")
    w.labctl("fault", "cut", "near")
    w.labctl("delete", "pod", "near")
    w.equal(w.labctl("fault", "list", "-o", "name").lines(), ["f1"], "faults after the pod is gone")
    w.labctl("down", "--keep")
    w.labctl("up", "broken")
    w.equal(w.labctl("fault", "list", "-o", "name").out, "", "faults of a lab that came back")
    w.true("NotReady" not in w.labctl("get", "nodes").out, "nodes are ready")
    w.equal(w.get("nodes", "node-2")[0]["spec"].get("taints"), None, "taints")
    w.equal(outcome(w, "default/client", "tcp://pod:default/far:8080"), "ok", "the stopped node's pod")


@case("a check breaks what it says for as long as it asks, and leaves the lab whole")
def during(w):
    up(w)
    w.write("checks.yaml", """
- client -> far:8080 allow
- {from: client, to: "far:8080", expect: timeout, during: cut far, timeout: 300ms}
- {from: client, to: "near:8080", expect: allow, during: [cut far, stop node/node-3]}
- {from: client, to: "tcp://web:80", expect: allow, count: 5, during: stop node/node-2}
""")
    report = w.labctl("check", w.folder / "checks.yaml", "-o", "json")
    w.has(report.err, "fault: cut far", "what is broken")
    w.equal(w.labctl("fault", "list", "-o", "name").out, "", "faults left")
    w.write("failing.yaml", "- {from: client, to: 'far:8080', expect: allow, during: cut far, timeout: 300ms}\n")
    w.labctl("check", w.folder / "failing.yaml", status=1)
    w.write("nobody.yaml", "- {from: client, to: 'far:8080', expect: allow, during: cut nobody}\n")
    w.has(w.labctl("check", w.folder / "nobody.yaml", status=2).out, "there is no pod 'default/nobody'", "why")
    w.write("wrong.yaml", "- client -> far:8080 allow\n- {from: client, to: 'far:8080', expect: allow, during: cutt}\n")
    w.has(w.labctl("check", w.folder / "wrong.yaml", status=2).err, "wrong.yaml:2:", "where it is wrong")
    w.equal(w.labctl("fault", "list", "-o", "name").out, "", "faults left")


@case("bad faults exit 2 and say what would do")
def bad_input(w):
    up(w)
    for words, text in (
            (("cutt", "near"), "did you mean 'cut'?"),
            (("cut",), "needs a target"),
            (("cut", "neer"), "did you mean 'default/near'?"),
            (("cut", "near:eth5"), "it has lo, eth0"),
            (("stop", "near"), "only nodes can be stopped"),
            (("drop", "near", "--share", "0%"), "1% to 100%"),
            (("drop", "near", "--proto", "icmp", "--port", "1"), "icmp has no ports"),
            (("cut", "near", "--share", "10%"), "has no --share"),
            (("drop", "underlay"), "a switch has no rules"),
            (("flap", "near", "--period", "1ms"), "no duration"),
            (("flap", "node/node-1"), "only pods can flap"),
            (("clear",), "needs the ID"),
            (("clear", "f9"), "there is no fault f9"),
            (("restore", "near"), "no such fault")):
        run = w.labctl("fault", *words, status=2)
        w.has(run.err, text, f"fault {' '.join(words)}")
    w.labctl("fault", "cut", "near")
    w.has(w.labctl("fault", "cut", "near", status=2).err, "in force already", "the same fault twice")
