"""The modes of kube-proxy: one table of packets, sent in each mode, and switching while clients call."""

import os
import re
import shutil
import time

from harness import Skip, case

MODES = ("nftables", "iptables", "userspace")

LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {{name: modes}}
spec: {{nodes: 2, proxy: {{mode: {mode}}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: client}}
spec: {{nodeName: node-1, containers: [{{name: c, image: idle, ports: [{{containerPort: 9}}]}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: other}}
spec: {{nodeName: node-2, containers: [{{name: c, image: idle, ports: [{{containerPort: 9}}]}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: web, labels: {{app: web}}}}
spec: {{nodeName: node-2, containers: [{{name: c, image: web, ports: [{{containerPort: 8080}}]}}]}}
"""

SERVICE = """
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec:
  type: {type}
  clusterIP: {ip}
  selector: {{app: {app}}}
  ports: [{{name: http, port: 80, targetPort: 8080{port}}}]
{more}
"""

# Addresses that kubeadm's ranges give: node-1, node-2; the external host is 172.18.0.1.
NODE_1, NODE_2 = "172.18.0.2", "172.18.0.3"
EXTERNAL_IP = "198.51.100.7"


def service(name, ip, app="web", kind="ClusterIP", node_port=None, more=""):
    port = f", nodePort: {node_port}" if node_port else ""
    return SERVICE.format(name=name, ip=ip, app=app, type=kind, port=port, more=more)


SERVICES = (
    service("web", "10.96.0.100") +
    service("np", "10.96.0.101", kind="NodePort", node_port=30080) +
    service("np-local", "10.96.0.102", kind="NodePort", node_port=30081, more="  externalTrafficPolicy: Local") +
    service("lb", "10.96.0.103", kind="LoadBalancer", node_port=30083) +
    service("lb-local", "10.96.0.104", kind="LoadBalancer", node_port=30084, more="  externalTrafficPolicy: Local") +
    service("ext", "10.96.0.105", more=f"  externalIPs: [{EXTERNAL_IP}]") +
    service("near", "10.96.0.106", more="  internalTrafficPolicy: Local") +
    service("empty", "10.96.0.107", app="nobody", kind="NodePort", node_port=30087)
)

LOST = ("timeout", "unreachable")
# The userspace mode accepts first and then finds nobody, and it knows no policies.
NOBODY = {"nftables": "refused", "iptables": "refused", "ipvs": "refused", "userspace": "reset"}
NOT_HERE = {"nftables": "timeout", "iptables": "timeout", "ipvs": "timeout", "userspace": "ok"}

# from, to, outcome (one for all modes, or by mode), whose address the server sees: "kept", "masqueraded" or
# None where it is not said; in the userspace mode always the node's. {lb} and {lb-local} are the addresses of the
# load balancers.
TABLE = [
    # 3.1, who reaches what, and who is masqueraded
    ("default/client", "10.96.0.100:80", "ok", "kept"),
    ("node/node-1", "10.96.0.100:80", "ok", "masqueraded"),
    ("external", "10.96.0.100:80", "ok", "masqueraded"),
    ("default/client", f"{NODE_1}:30080", "ok", "masqueraded"),
    ("node/node-1", f"{NODE_1}:30080", "ok", "masqueraded"),
    ("external", f"{NODE_1}:30080", "ok", "masqueraded"),
    ("external", f"{NODE_2}:30080", "ok", "masqueraded"),
    ("default/client", f"{NODE_1}:30081", "ok", "kept"),
    ("node/node-1", f"{NODE_1}:30081", "ok", "masqueraded"),
    ("external", f"{NODE_2}:30081", "ok", "kept"),
    ("default/client", "{lb}:80", "ok", "masqueraded"),
    ("external", "{lb}:80", "ok", "masqueraded"),
    ("default/client", "{lb-local}:80", "ok", "kept"),
    ("external", "{lb-local}:80", "ok", "kept"),
    ("default/client", f"{EXTERNAL_IP}:80", "ok", "masqueraded"),
    ("external", f"{EXTERNAL_IP}:80", "ok", "masqueraded"),
    ("default/other", "10.96.0.106:80", "ok", "kept"),
    # 3.2, to itself
    ("default/web", "10.96.0.100:80", "ok", "masqueraded"),
    ("default/web", f"{NODE_2}:30080", "ok", "masqueraded"),
    # 3.3, reject or drop
    ("default/client", "10.96.0.107:80", NOBODY, None),
    ("node/node-1", "10.96.0.107:80", NOBODY, None),
    ("default/client", f"{NODE_1}:30087", NOBODY, None),
    ("external", f"{NODE_1}:30087", NOBODY, None),
    ("external", f"{NODE_1}:30081", NOT_HERE, None),
    ("default/client", "10.96.0.106:80", {**NOT_HERE, "ipvs": "refused"}, None),
    # 3.4, ports and addresses that no Service has
    ("default/client", "10.96.0.100:81", {"nftables": "refused", "iptables": LOST, "ipvs": "refused",
                                          "userspace": LOST}, None),
    ("default/client", "10.96.77.77:80", {"nftables": "timeout", "iptables": LOST, "ipvs": LOST,
                                          "userspace": LOST}, None),
    # 8.5, a node port on the loopback address
    ("node/node-2", "127.0.0.1:30080", {"nftables": "refused", "iptables": "ok", "ipvs": "refused",
                                        "userspace": "ok"}, None),
]


WEB_2 = """
apiVersion: v1
kind: Pod
metadata: {name: web-2, labels: {app: web}}
spec: {nodeName: node-1, containers: [{name: c, image: web, ports: [{containerPort: 8080}]}]}
"""


def has_ipvs(w):
    features = w.labctl("doctor", "-o", "json", status=None).json()["features"]
    return {"ipvs", "dummy"} <= {f["name"] for f in features if f["available"]}


def need_iptables():
    if not shutil.which("iptables-restore", path="/usr/sbin:/sbin:/usr/bin:/bin"):
        raise Skip("no iptables-restore; apt-get install iptables")


def pod_ip(w, name):
    return w.get("pod", name)[0]["status"]["podIP"]


def balancer_ip(w, name):
    return w.wait(f"an address for {name}", lambda: next(
        (entry["ip"] for entry in w.get("service", name)[0]["status"].get("loadBalancer", {}).get("ingress", [])),
        None))


def wanted_in(outcome, mode):
    return outcome[mode] if isinstance(outcome, dict) else outcome


def as_tuple(wanted):
    return wanted if isinstance(wanted, tuple) else (wanted,)


def check_table(w, mode):
    addresses = {"lb": balancer_ip(w, "lb"), "lb-local": balancer_ip(w, "lb-local")}
    # Only what is to be lost need not be waited for.
    probes = [{"id": str(number), "from": origin, "to": "http://" + to.format(**addresses) + "/",
               "timeoutMs": 800 if set(as_tuple(wanted_in(outcome, mode))) & set(LOST) else 15000}
              for number, (origin, to, outcome, _) in enumerate(TABLE)]
    results = w.probes(*probes)
    sources = {f"default/{name}": pod_ip(w, name) for name in ("client", "other", "web")}
    sources["external"] = "172.18.0.1"
    wrong = []
    for number, (origin, to, outcome, source) in enumerate(TABLE):
        wanted = wanted_in(outcome, mode)
        got = results[str(number)]
        if got["outcome"] not in as_tuple(wanted):
            wrong.append(f"{origin} -> {to}: {got['outcome']}, wanted {wanted}")
        elif source and origin in sources and (got["clientIP"] == sources[origin]) != (
                source == "kept" and mode != "userspace"):
            wrong.append(f"{origin} -> {to}: from {got['clientIP']}, wanted {source}")
    w.true(not wrong, f"in the mode {mode}:\n  " + "\n  ".join(wrong))


def up(w, mode):
    w.write("lab.yaml", LAB.format(mode=mode) + SERVICES)
    w.labctl("up", w.folder / "lab.yaml")


def mode_of(w):
    return w.labctl("status", "-o", "json").json()["proxy"]["mode"]


def check_no_drift(w):
    w.equal(w.labctl("plan").out, "", "what the plan would change")


def saved(w, node="node-1"):
    return w.labctl("exec", f"node/{node}", "--", "iptables-save").out


@case("every packet of the table fares in the nftables mode as the documents say")
def table_nftables(w):
    up(w, "nftables")
    check_table(w, "nftables")


@case("every packet of the table fares in the iptables mode as the documents say")
def table_iptables(w):
    need_iptables()
    up(w, "iptables")
    check_table(w, "iptables")
    check_no_drift(w)


@case("every packet of the table fares in the userspace mode as the documents say")
def table_userspace(w):
    need_iptables()
    up(w, "userspace")
    check_table(w, "userspace")
    check_no_drift(w)
    w.matches(w.labctl("status").out, r"proxy +userspace, portals layout", "status")


@case("every packet of the table fares in the ipvs mode as the documents say", modes=("root",))
def table_ipvs(w):
    if not has_ipvs(w):
        raise Skip("this kernel has no ip_vs or no dummy; ci/kernel-test has one")
    up(w, "ipvs")
    check_table(w, "ipvs")
    check_no_drift(w)
    w.matches(w.labctl("status").out, r"proxy +ipvs, virtual servers layout", "status")


BY_HAND = """
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: by-hand, labels: {{kubernetes.io/service-name: half}}}}
addressType: IPv4
ports: [{{name: http, port: 8080}}]
endpoints: [{{addresses: [{live}]}}, {{addresses: [10.244.1.250]}}]
"""


@case("the userspace mode has sockets that ss shows, takes turns, and tries the next one where an endpoint is dead")
def userspace_proxy(w):
    need_iptables()
    up(w, "userspace")
    listed = w.labctl("exec", "node/node-1", "--", "iptables", "-t", "nat", "-L", "KUBE-PORTALS-CONTAINER", "-n").out
    port = re.search(r"10\.96\.0\.100 .*default/web:http.* redir ports (\d+)", listed)
    w.true(port, f"the portal of the Service web: {listed}")
    w.has(w.labctl("exec", "node/node-1", "--", "ss", "-tln").out, f":{port.group(1)} ", "sockets of the node")
    w.equal(w.probe("default/client", "dns://web.default.svc.cluster.local")["answers"][0]["data"], "10.96.0.100",
            "a name, over UDP through the proxy")
    half = service("half", "10.96.0.130").replace("  selector: {app: web}\n", "")
    w.labctl("apply", "-f", w.write("half.yaml", half + BY_HAND.format(live=pod_ip(w, "web"))))
    again = w.probe("default/client", "http://10.96.0.130:80/", "--count", "6", "--timeout", "10s")
    w.equal(again["outcomes"], {"ok": 6}, "with one dead endpoint of two")
    w.labctl("set", "proxy-mode", "nftables")
    lost = w.probe("default/client", "http://10.96.0.130:80/", "--count", "40", "--timeout", "300ms")
    w.true(lost["outcomes"].get("ok", 0) < 40, f"rules try no other endpoint: {lost['outcomes']}")


@case("explain follows the chains of each mode, with the kernel's counters")
def explained(w):
    need_iptables()
    up(w, "nftables")
    for mode, chains in (("iptables", ["PREROUTING", "KUBE-SERVICES"]),
                         ("userspace", ["PREROUTING", "KUBE-PORTALS-CONTAINER"])):
        w.labctl("set", "proxy-mode", mode)
        before = w.labctl("explain", "client", "web:http", "-o", "json").json()
        steps = before["hops"][0]["steps"]
        w.equal([s["where"].split()[1] for s in steps][:2], chains, f"chains in the mode {mode}")
        w.equal([b["pod"] for b in before["branches"]], ["default/web"], "the endpoint")
        w.equal(w.probe("default/client", "http://10.96.0.100:80/", "--count", "5")["outcomes"], {"ok": 5}, "probes")
        after = w.labctl("explain", "client", "web:http", "-o", "json").json()["hops"][0]["steps"]
        w.equal(after[1]["packets"] - steps[1]["packets"], 5, f"packets that the rule has seen more: {after[1]}")
        w.has(w.labctl("explain", "client", "web:http").out, " packets", "the text")
        w.equal(w.labctl("explain", "client", "empty", "-o", "json", status=1).json()["outcome"],
                "reject" if mode == "iptables" else "close", "nobody")


STICKY = "  sessionAffinity: ClientIP"


def remembered(w, *arguments):
    return w.labctl("get", "affinity", "-o", "json", *arguments).json()["items"]


def check_seconds_left(w, connected, timeout_s):
    """The only row, whose seconds fit to when the client connected: between two moments."""
    asked = time.monotonic()
    rows = remembered(w)
    now = time.monotonic()
    w.equal(len(rows), 1, f"clients that are remembered: {rows}")
    left = rows[0]["secondsLeft"]
    w.true(timeout_s - (now - connected[0]) - 1.1 <= left <= timeout_s - (asked - connected[1]) + 0.1,
           f"{left} s left of {timeout_s}, between {asked - connected[1]:.2f} and {now - connected[0]:.2f} s later")
    return rows[0]


def check_remembered(w, timeout_s=10800):
    """One connection of a pod to the Service sticky, and what is said of it afterwards, by any mode."""
    before = time.monotonic()
    got = w.probe("default/client", "http://10.96.0.140:80/", "--timeout", "15s")
    connected = before, time.monotonic()
    w.equal(got["outcome"], "ok", "the client")
    row = check_seconds_left(w, connected, timeout_s)
    w.equal((row["client"], row["service"], row["node"], row["pod"]),
            (pod_ip(w, "client"), "default/sticky:http", "node-1", got["backend"]), "who is remembered, and where")
    w.equal(row["endpoint"], f"{pod_ip(w, got['backend'].split('/')[1])}:8080", "the endpoint")
    w.equal(list(row), ["client", "endpoint", "node", "pod", "secondsLeft", "service"], "fields")
    told = w.labctl("explain", "client", "sticky:http", "-o", "json").json()
    w.equal(told["remembered"]["pod"], got["backend"], "what explain remembers")
    return row, connected


@case("get affinity and explain tell in every mode who is remembered, and for how long")
def affinity(w):
    need_iptables()
    up(w, "nftables")
    w.labctl("apply", "-f", w.write("sticky.yaml", service("sticky", "10.96.0.140", more=STICKY) +
                                    "---\n" + WEB_2))
    w.wait("the second endpoint", lambda: len(w.labctl("explain", "client", "sticky:http", "-o", "json",
                                                       status=None).json().get("branches", [])) == 2)
    for mode in ("iptables", "userspace", "nftables"):
        w.labctl("set", "proxy-mode", mode)
        w.equal(remembered(w), [], f"before the first connection, in the mode {mode}")
        w.true("remembered" not in w.labctl("explain", "client", "sticky:http", "-o", "json").json(), "nor explain")
        first, connected = check_remembered(w)
        w.wait("a few seconds less", lambda b=first: remembered(w)[0]["secondsLeft"] <= b["secondsLeft"] - 4, 60)
        check_seconds_left(w, connected, 10800)
        again, _ = check_remembered(w)  # its time begins anew with each connection
        w.equal(again["endpoint"], first["endpoint"], "a client that stays")
        table = w.labctl("get", "affinity").lines()
        w.equal(re.split(r" {2,}", table[0]), ["CLIENT", "SERVICE", "NODE", "ENDPOINT", "POD", "SECONDS LEFT"], "titles")
        w.equal(len(table), 2, f"the table: {table}")
        w.equal(remembered(w, "-n", "kube-system"), [], "another namespace")
        short = service("sticky", "10.96.0.140", more=STICKY + "\n  sessionAffinityConfig: {clientIP: {timeoutSeconds: 2}}")
        w.labctl("apply", "-f", w.write("short.yaml", short))
        check_remembered(w, 2)
        w.wait("the end of its time", lambda: not remembered(w), 60)
        w.labctl("apply", "-f", w.folder / "sticky.yaml")


@case("a learner sees kube-proxy's chains with iptables, and they follow the objects")
def learner_looks(w):
    need_iptables()
    up(w, "iptables")
    listed = w.labctl("exec", "node/node-1", "--", "iptables", "-t", "nat", "-L", "KUBE-SERVICES", "-n").out
    w.matches(listed, r"^KUBE-SVC-\w+ +(tcp|6) .* 10\.96\.0\.100 .*default/web:http cluster IP", "nat KUBE-SERVICES")
    text = saved(w)
    w.has(text, f"--to-destination {pod_ip(w, 'web')}:8080", "iptables-save")
    w.has(text, ":KUBE-PROXY-CANARY - ", "iptables-save")
    w.has(text, "-A KUBE-NODEPORTS -p tcp -m comment --comment \"default/np:http\"", "iptables-save")
    chain = re.search(r"10\.96\.0\.100/32 .*-j (KUBE-SVC-\w+)", text).group(1)
    w.labctl("delete", "service", "web")
    w.true(chain not in saved(w), "the chains of a deleted Service are gone")
    w.equal(w.probe("default/client", "http://10.96.0.101:80/")["outcome"], "ok", "another Service afterwards")
    check_no_drift(w)


@case("rules that somebody flushed are noticed by the plan, and loaded again")
def flushed_rules(w):
    need_iptables()
    up(w, "iptables")
    w.labctl("exec", "node/node-1", "--", "iptables", "-t", "nat", "-F")
    w.labctl("exec", "node/node-1", "--", "iptables", "-t", "nat", "-X")
    w.equal(w.probe("default/client", "http://10.96.0.100:80/", "--timeout", "500ms")["outcome"] == "ok", False,
            "a Service without rules answers")
    w.has(w.labctl("plan").out, "node/node-1: iptables-restore: nat KUBE-SERVICES has 0 rules", "the plan")
    w.labctl("up", "modes")
    check_no_drift(w)
    w.labctl("apply", "-f", w.write("again.yaml", service("again", "10.96.0.120")))
    for address in ("10.96.0.100", "10.96.0.120"):
        w.equal(w.probe("default/client", f"http://{address}:80/")["outcome"], "ok", f"{address} after repair")


@case("switching the mode back and forth refuses no connection, and leaves nothing of the old mode")
def switching(w):
    need_iptables()
    up(w, "nftables")
    count = 12000
    loop = w.start("labctl", "probe", "default/client", "http://10.96.0.100:80/", "--count", str(count),
                   "--concurrency", "4", "--timeout", "5s", "-o", "json")
    began = time.monotonic()
    for mode in ("iptables", "userspace", "nftables", "userspace", "iptables", "nftables"):
        w.labctl("set", "proxy-mode", mode)
        w.equal(mode_of(w), mode, "the mode that status tells")
        check_no_drift(w)
        tables = w.labctl("exec", "node/node-2", "--", "nft", "list", "tables").out
        w.equal("kube-proxy" in tables, mode == "nftables", f"nftables' own table in the mode {mode}")
        rules = saved(w, "node-2")
        w.equal("KUBE-SVC-" in rules, mode == "iptables", f"iptables' chains in the mode {mode}")
        w.equal("KUBE-PORTALS-" in rules, mode == "userspace", f"portals in the mode {mode}")
    w.notes.append(f"six switches in {time.monotonic() - began:.1f} s")
    w.true(loop.poll() is None, "the client outlasted the switches; give it more to do")
    out, err = loop.communicate(timeout=50)
    w.has(out.decode(), f'"ok": {count}', f"outcomes of the loop ({err.decode()})")


@case("more rules than an ordinary user may send at once are loaded all the same")
def many_rules(w):
    need_iptables()
    up(w, "iptables")
    many = "".join(service(f"many-{i}", f"10.96.{2 + i // 200}.{1 + i % 200}") for i in range(400))
    w.labctl("apply", "-f", w.write("many.yaml", many), limit_s=120)
    check_no_drift(w)
    w.labctl("exec", "node/node-1", "--", "iptables", "-t", "nat", "-F")
    w.labctl("up", "modes", limit_s=120)
    check_no_drift(w)
    for address in ("10.96.2.1", "10.96.3.200"):
        w.equal(w.probe("default/client", f"http://{address}:80/")["outcome"], "ok", f"{address}, one of 400")


@case("a lab that comes back keeps the mode that it was switched to")
def resumed_mode(w):
    need_iptables()
    up(w, "nftables")
    w.labctl("set", "proxy-mode", "iptables")
    w.equal(w.get("lab", "modes")[0]["spec"]["proxy"]["mode"], "iptables", "the Lab object")
    w.labctl("down", "--keep")
    w.labctl("up", "modes")
    w.equal(mode_of(w), "iptables", "the mode after the lab came back")
    w.equal(w.probe("default/client", "http://10.96.0.100:80/")["outcome"], "ok", "a Service after that")
    w.has(saved(w), "KUBE-SVC-", "iptables-save")


@case("modes that are not here are refused, with a reason, and change nothing")
def other_modes(w):
    ipvs = has_ipvs(w)
    if not ipvs:
        run = w.labctl("up", "--proxy-mode", "ipvs", status=4)
        w.has(run.err, "ip_vs", "the reason")
        w.has(run.err, "nftables", "the hint")
        w.assert_empty()
    run = w.labctl("up", "--proxy-mode", "magic", status=2)
    w.has(run.err, "available: nftables, iptables", "the hint")
    up(w, "nftables")
    if not ipvs:
        w.has(w.labctl("set", "proxy-mode", "ipvs", status=4).err, "ip_vs", "the reason")
    w.labctl("set", "proxy-mode", "magic", status=2)
    w.equal(mode_of(w), "nftables", "the mode afterwards")
    check_no_drift(w)


@case("without the iptables tools the iptables mode says what to install", modes=("root",))
def no_tools(w):
    need_iptables()
    tool = os.path.realpath("/usr/sbin/iptables-restore")
    w.command_as_harness(["mount", "--bind", "/dev/null", tool])  # nothing that can be executed
    try:
        up(w, "nftables")
        run = w.labctl("set", "proxy-mode", "iptables", status=4)
        w.has(run.err, "apt-get install iptables", "the remedy")
        check_table(w, "nftables")
        w.labctl("down")
        run = w.labctl("up", "--proxy-mode", "iptables", status=4)
        w.has(run.err, "apt-get install iptables", "the remedy")
    finally:
        w.command_as_harness(["umount", tool])
