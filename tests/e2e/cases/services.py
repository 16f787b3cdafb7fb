"""Services: every kind of address, every sender, and what becomes of a packet without an endpoint.

Numbers in comments are sections of the reference of Service semantics (from KEPs and kube-proxy's own tests).
"""

import json
import time

from harness import case
from services_lab import addresses, ask, backends, bring_up, deployment, expect, pod, service

DNS_PORT = "{name: dns, containerPort: 5353, protocol: UDP}"
WEB = [
    # A named target port that is another number in each pod.
    pod("web-1", "node-1", "{name: http, containerPort: 8080}, " + DNS_PORT),
    pod("web-2", "node-2", "{name: http, containerPort: 9090}, " + DNS_PORT),
    pod("client-1", "node-1", "", "app: client"),
    pod("client-3", "node-3", "", "app: client"),
]
PORTS = ("ports: [{name: http, port: 80, targetPort: http, nodePort: 30080}, "
         "{name: dns, port: 80, targetPort: dns, protocol: UDP, nodePort: 30080}]")
CLIENTS = ["client-1", "client-3", "node/node-1", "node/node-3", "external"]
NODE_1 = {"10.244.1.0", "10.244.1.1", "172.18.0.2"}
NODE_3 = {"10.244.3.0", "10.244.3.1", "172.18.0.4"}


def load_balancer_address(w, name):
    return w.get("service", name)[0]["status"]["loadBalancer"]["ingress"][0]["ip"]


@case("every address of a Service reaches every pod of it from pods, nodes and outside, at each pod's own port")
def every_address(w):
    bring_up(w, *WEB, service("web", "type: LoadBalancer, clusterIP: 10.96.0.100, externalIPs: [192.0.2.10], "
                              "selector: {app: web}, " + PORTS))
    targets = ["10.96.0.100:80", "172.18.0.2:30080", "172.18.0.4:30080", "192.0.2.10:80",
               load_balancer_address(w, "web") + ":80"]
    questions = [(origin, f"{scheme}://{to}") for origin in [*CLIENTS, "web-1"] for to in targets
                 for scheme in ("http", "udp")]
    for question, result in zip(questions, expect(w, "ok", *questions, count=24, timeout_ms=5000)):
        w.true(len(result["backends"]) == 2, f"who answers {question}: {result['backends']}")  # 2 in 16 million to miss one
    w.notes.append(f"{len(questions)} pairs of sender and address, 24 times each")


@case("headless and ExternalName Services have no address and leave nothing in the rules")
def without_address(w):
    bring_up(w, *WEB, service("crowd", "clusterIP: None, selector: {app: web}, ports: [{port: 80, targetPort: http}]"),
             service("elsewhere", "type: ExternalName, externalName: db.example.com"))
    w.equal(w.get("service", "crowd")[0]["spec"]["clusterIP"], "None", "the headless Service's address")
    w.true("clusterIP" not in w.get("service", "elsewhere")[0]["spec"], "ExternalName has no address")
    slices = w.get("endpointslices", "-l", "kubernetes.io/service-name=crowd")
    found = sorted(e["addresses"][0] for s in slices for e in s["endpoints"])
    w.equal(found, sorted(a for n, a in addresses(w).items() if n.startswith("web")), "endpoints of the headless one")
    rules = w.labctl("exec", "node/node-1", "--", "nft", "list", "table", "ip", "kube-proxy").out
    w.true("crowd" not in rules and "elsewhere" not in rules, "neither is in the rules")


@case("no endpoints and undefined ports are refused at once, addresses of no Service time out")
def nobody_there(w):  # 3.3, 3.4
    bring_up(w, *WEB, service("web", "clusterIP: 10.96.0.100, selector: {app: web}, ports: [{port: 80, targetPort: http}]"),
             service("empty", "type: LoadBalancer, clusterIP: 10.96.0.102, externalIPs: [192.0.2.12], "
                     "selector: {app: nobody}, ports: [{port: 80, nodePort: 30082}]"))
    empty = ["10.96.0.102:80", "172.18.0.2:30082", "192.0.2.12:80", load_balancer_address(w, "empty") + ":80"]
    # Datagrams first: a node sends six ICMP errors at once to one address and then one a second. TCP asks again.
    expect(w, "refused", ("client-1", "udp://10.96.0.102:80"), ("client-1", "udp://10.96.0.100:81"),
           ("client-1", "icmp://10.96.0.100"), timeout_ms=5000)  # the last: a ping of an address that works
    expect(w, "refused", *[(origin, f"tcp://{to}") for origin in CLIENTS for to in [*empty, "10.96.0.100:81"]],
           timeout_ms=8000)
    expect(w, "timeout", *[(origin, "tcp://10.96.0.99:80") for origin in CLIENTS])
    # The Service "kubernetes" has an address, and no API server behind it.
    expect(w, "refused", ("client-1", "tcp://10.96.0.1:443"), timeout_ms=5000)


@case("the client's address is kept and masqueraded as kube-proxy does it")
def masquerade(w):  # table 3.1
    bring_up(w, *WEB, service("web", "type: NodePort, clusterIP: 10.96.0.100, selector: {app: web}, "
                              "ports: [{port: 80, targetPort: http, nodePort: 30080}]"),
             service("near", "type: NodePort, clusterIP: 10.96.0.101, selector: {app: web}, externalTrafficPolicy: Local, "
                     "internalTrafficPolicy: Local, ports: [{port: 80, targetPort: http, nodePort: 30081}]"))
    ip = addresses(w)
    table = [  # sender, address, what the pod sees, who may answer
        ("client-1", "10.96.0.100:80", {ip["client-1"]}, {"web-1", "web-2"}),
        ("client-3", "10.96.0.100:80", {ip["client-3"]}, {"web-1", "web-2"}),
        ("node/node-1", "10.96.0.100:80", NODE_1, {"web-1", "web-2"}),
        ("external", "10.96.0.100:80", NODE_1, {"web-1", "web-2"}),
        ("client-1", "172.18.0.2:30080", NODE_1, {"web-1", "web-2"}),
        ("node/node-1", "172.18.0.2:30080", NODE_1, {"web-1", "web-2"}),
        ("external", "172.18.0.2:30080", NODE_1, {"web-1", "web-2"}),
        ("client-3", "172.18.0.4:30081", {ip["client-3"]}, {"web-1", "web-2"}),  # the short way: not by the policy
        ("node/node-3", "172.18.0.4:30081", NODE_3, {"web-1", "web-2"}),
        ("external", "172.18.0.2:30081", {"172.18.0.1"}, {"web-1"}),
        ("client-1", "10.96.0.101:80", {ip["client-1"]}, {"web-1"}),
        ("node/node-1", "10.96.0.101:80", NODE_1, {"web-1"}),
        ("external", "10.96.0.101:80", NODE_1, {"web-1"}),
    ]
    # One at a time: "clientIP" is of the last answer, and both pods may answer.
    questions = [(origin, f"http://{to}/clientip") for origin, to, _, _ in table for _ in range(16)]
    results = expect(w, "ok", *questions, timeout_ms=5000)
    for number, (origin, to, wanted, who) in enumerate(table):
        rows = results[number * 16:number * 16 + 16]
        seen = {row["http"]["body"].strip().rsplit(":", 1)[0] for row in rows}
        w.true(seen <= wanted, f"{origin} to {to}: seen as {seen}, wanted {wanted}")
        w.equal({row["backend"].split("/")[1] for row in rows}, who, f"who answers {origin} at {to}")


@case("a pod reaches itself through its Service, and sees its gateway as the client")
def hairpin(w):  # 3.2
    bring_up(w, pod("only", "node-2"), service("web", "type: NodePort, clusterIP: 10.96.0.100, selector: {app: web}, "
                                               "ports: [{port: 80, targetPort: 8080, nodePort: 30080}]"),
             service("near", "clusterIP: 10.96.0.101, selector: {app: web}, internalTrafficPolicy: Local, "
                     "ports: [{port: 80, targetPort: 8080}]"))
    questions = [("only", f"http://{to}") for to in ("10.96.0.100:80", "172.18.0.3:30080", "10.96.0.101:80")]
    for result in expect(w, "ok", *questions, count=10, timeout_ms=5000):
        w.equal(result["clientIP"], "10.244.2.1", "the client as the pod sees it")


@case("with the policies Local, a node without endpoint drops and the others keep to their own")
def policies(w):  # 2.8, 2.10
    bring_up(w, *WEB, service("near", "type: LoadBalancer, clusterIP: 10.96.0.101, selector: {app: web}, "
                              "externalTrafficPolicy: Local, internalTrafficPolicy: Local, "
                              "ports: [{port: 80, targetPort: http, nodePort: 30081}]"))
    balancer = load_balancer_address(w, "near")
    w.true(w.get("service", "near")[0]["spec"]["healthCheckNodePort"] >= 30000, "a health check port")
    expect(w, "timeout", ("client-3", "tcp://10.96.0.101:80"), ("node/node-3", "tcp://10.96.0.101:80"),
           ("external", "tcp://172.18.0.4:30081"))
    # Pods and nodes take the short way to the balancer's address: as if they had gone out and come back (3.5).
    results = expect(w, "ok", ("client-3", f"http://{balancer}:80"), ("node/node-3", f"http://{balancer}:80"),
                     ("client-1", "http://10.96.0.101:80"), ("external", f"http://{balancer}:80"), count=24, timeout_ms=5000)
    w.equal([backends(r) for r in results[:3]], [{"web-1", "web-2"}, {"web-1", "web-2"}, {"web-1"}], "who answers")
    w.equal(len(backends(results[3])), 1, "pods behind the node that answers for the balancer's address")
    w.equal(results[3]["clientIP"], "172.18.0.1", "the outside client's address is kept")
    w.labctl("delete", "pod", "web-1", "web-2")
    expect(w, "refused", ("client-3", "tcp://10.96.0.101:80"), ("external", "tcp://172.18.0.4:30081"), timeout_ms=5000)


@case("loadBalancerSourceRanges drop others at the balancer's address, and nowhere else")
def source_ranges(w):  # 2.5
    bring_up(w, *WEB, service("guarded", "type: LoadBalancer, clusterIP: 10.96.0.104, selector: {app: web}, "
                              "loadBalancerSourceRanges: [10.244.1.0/24], "
                              "ports: [{port: 80, targetPort: http, nodePort: 30084}]"))
    balancer = f"tcp://{load_balancer_address(w, 'guarded')}:80"
    expect(w, "ok", ("client-1", balancer), ("client-3", "tcp://10.96.0.104:80"), ("external", "tcp://172.18.0.2:30084"),
           timeout_ms=5000)
    expect(w, "timeout", ("client-3", balancer), ("external", balancer), ("node/node-3", balancer))


@case("ClientIP affinity keeps a client at one pod until its time is over")
def affinity(w):  # 2.9
    bring_up(w, deployment("web", 8), pod("client", "node-1", "", "app: client"), pod("other", "node-1", "", "app: client"),
             service("sticky", "clusterIP: 10.96.0.103, selector: {app: web}, sessionAffinity: ClientIP, "
                     "sessionAffinityConfig: {clientIP: {timeoutSeconds: 1}}, ports: [{port: 80, targetPort: 8080}]"))
    seen = set()
    for _ in range(6):  # all six the same: once in 30,000 runs
        result = ask(w, ("client", "http://10.96.0.103:80"), count=30, timeout_ms=5000)[0]
        w.equal(result["outcomes"], {"ok": 30}, "outcomes")
        w.equal(len(result["backends"]), 1, f"pods within the time: {result['backends']}")
        seen |= backends(result)
        time.sleep(1.3)  # what is tested is that the time runs out
    w.true(len(seen) > 1, f"never another pod after the time: {seen}")
    ask(w, ("client", "http://10.96.0.103:80"), ("other", "http://10.96.0.103:80"), timeout_ms=5000)
    rules = json.loads(w.labctl("exec", "node/node-1", "--", "nft", "-j", "list", "sets", "ip").out)["nftables"]
    sets = [entry["set"] for entry in rules if entry.get("set", {}).get("name", "").startswith("affinity-")]
    w.equal(len(sets), 8, "a set of clients per endpoint")
    w.equal({entry["timeout"] for entry in sets}, {1}, "their timeouts")


@case("endpoints are chosen evenly: chi-square of 4000 connections among 10 pods")
def distribution(w):
    bring_up(w, deployment("web", 10), pod("client", "node-1", "", "app: client"),
             service("web", "clusterIP: 10.96.0.100, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]"))
    result = ask(w, ("client", "http://10.96.0.100:80"), count=4000, timeout_ms=5000)[0]
    w.equal(result["outcomes"], {"ok": 4000}, "outcomes")
    w.equal(len(result["backends"]), 10, "pods that answered")
    chi_square = sum((n - 400) ** 2 / 400 for n in result["backends"].values())
    w.true(chi_square < 44.8, f"chi-square {chi_square:.1f} of {result['backends']}")  # 9 degrees: 1 in a million
    w.notes.append(f"chi-square {chi_square:.1f} with 9 degrees of freedom")


@case("publishNotReadyAddresses serves pods that are not ready, other Services do not")
def not_ready(w):  # 2.12
    bring_up(w, pod("web-1", "node-1"), pod("client", "node-2", "", "app: client"),
             service("all", "clusterIP: 10.96.0.100, selector: {app: web}, publishNotReadyAddresses: true, "
                     "ports: [{port: 80, targetPort: 8080}]"),
             service("ready", "clusterIP: 10.96.0.101, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]"))
    expect(w, "ok", ("client", "tcp://10.96.0.100:80"), ("client", "tcp://10.96.0.101:80"), timeout_ms=5000)
    w.labctl("set", "web-1", "ready=false")
    expect(w, "ok", ("client", "tcp://10.96.0.100:80"), timeout_ms=5000)
    expect(w, "refused", ("client", "tcp://10.96.0.101:80"), timeout_ms=5000)
    conditions = w.get("endpointslices", "-l", "kubernetes.io/service-name=all")[0]["endpoints"][0]["conditions"]
    w.equal((conditions["ready"], conditions["serving"]), (True, False), "ready and serving")
    w.labctl("set", "web-1", "ready=true")
    expect(w, "ok", ("client", "tcp://10.96.0.101:80"), timeout_ms=5000)


@case("Services without selector have the endpoints that are written by hand, as slices or as Endpoints")
def by_hand(w):  # 2.13
    bring_up(w, *WEB, service("slices", "clusterIP: 10.96.0.100, ports: [{name: http, port: 80}]"),
             service("old", "clusterIP: 10.96.0.101, ports: [{port: 80}]"))
    expect(w, "refused", ("client-3", "tcp://10.96.0.100:80"), ("client-3", "tcp://10.96.0.101:80"), timeout_ms=5000)
    ip = addresses(w)
    written = w.write("hand.yaml", (
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
        "metadata: {name: mine, labels: {kubernetes.io/service-name: slices}}\naddressType: IPv4\n"
        f"ports: [{{name: http, port: 8080}}]\nendpoints: [{{addresses: [{ip['web-1']}]}}]\n---\n"
        "apiVersion: v1\nkind: Endpoints\nmetadata: {name: old}\n"
        f"subsets: [{{addresses: [{{ip: {ip['web-2']}}}], ports: [{{port: 9090}}]}}]\n"))
    w.labctl("apply", "-f", written)
    results = expect(w, "ok", ("client-3", "http://10.96.0.100:80"), ("client-3", "http://10.96.0.101:80"), count=10,
                     timeout_ms=5000)
    w.equal([backends(r) for r in results], [{"web-1"}, {"web-2"}], "who answers")
    # A port name that the Service does not have is no endpoint of it.
    w.labctl("apply", "-f", w.write("other.yaml", written.read_text().split("---")[0].replace("name: http", "name: web")))
    expect(w, "refused", ("client-3", "tcp://10.96.0.100:80"), timeout_ms=5000)
    w.labctl("delete", "endpoints", "old")
    expect(w, "refused", ("client-3", "tcp://10.96.0.101:80"), timeout_ms=5000)


DUAL = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: services}
spec:
  nodes: 2
  podCIDR: [10.244.0.0/16, "fd00:10:244::/56"]
  serviceCIDR: [10.96.0.0/12, "fd00:10:96::/112"]
"""


@case("in a lab of two families a Service has an address of each, and its pods answer at both")
def two_families(w):  # 2.15
    folder = w.folder / "dual"
    w.write("dual/lab.yaml", DUAL)
    w.write("dual/manifests/all.yaml", "---\n".join([
        deployment("web", 4), pod("client", "node-1", "", "app: client"),
        service("both", "type: NodePort, ipFamilyPolicy: RequireDualStack, selector: {app: web}, "
                "ports: [{port: 80, targetPort: 8080, nodePort: 30080}]"),
        service("six", "ipFamilies: [IPv6], selector: {app: web}, ports: [{port: 80, targetPort: 8080}]"),
        service("four", "selector: {app: web}, ports: [{port: 80, targetPort: 8080}]")]))
    w.labctl("up", folder)
    spec = {name: w.get("service", name)[0]["spec"] for name in ("both", "six", "four")}
    w.equal(spec["both"]["ipFamilies"], ["IPv4", "IPv6"], "families of both")
    w.equal((len(spec["both"]["clusterIPs"]), len(spec["six"]["clusterIPs"]), len(spec["four"]["clusterIPs"])),
            (2, 1, 1), "addresses")
    node = {a["address"] for a in w.get("node", "node-1")[0]["status"]["addresses"] if a["type"] == "InternalIP"}
    w.equal(len(node), 2, f"addresses of a node: {node}")
    targets = [f"{spec['both']['clusterIPs'][0]}:80", f"[{spec['both']['clusterIPs'][1]}]:80",
               f"[{spec['six']['clusterIP']}]:80", f"{spec['four']['clusterIP']}:80"]
    targets += [f"[{address}]:30080" if ":" in address else f"{address}:30080" for address in node]
    questions = [(origin, f"http://{to}") for origin in ("client", "node/node-2", "external") for to in targets]
    for result in expect(w, "ok", *questions, count=60, timeout_ms=5000):
        w.true(len(result["backends"]) == 4, f"who answered: {result}")
    expect(w, "refused", ("client", f"tcp://[{spec['six']['clusterIP']}]:81"), timeout_ms=5000)


@case("`nft list table ip kube-proxy` in a node reads as on a production node")
def readable(w):  # 8.1
    bring_up(w, *WEB, service("web", "type: NodePort, clusterIP: 10.96.0.100, selector: {app: web}, "
                              "ports: [{name: http, port: 80, targetPort: http, nodePort: 30080}]"))
    rules = w.labctl("exec", "node/node-1", "--", "nft", "list", "table", "ip", "kube-proxy").out
    for name in ("set cluster-ips", "set nodeport-ips", "map service-ips", "map service-nodeports",
                 "map no-endpoint-services", "map firewall-ips", "chain services", "chain nat-prerouting",
                 "chain masquerading", "chain mark-for-masquerade", "chain cluster-ips-check"):
        w.has(rules, name, "the table")
    w.matches(rules, r"10\.96\.0\.100 \. tcp \. 80 .*goto service-[A-Z2-7]{8}-default/web/tcp/http", "the map of addresses")
    w.matches(rules, r"tcp \. 30080 .*goto external-[A-Z2-7]{8}-default/web/tcp/http", "the map of node ports")
    w.matches(rules, r"chain endpoint-[A-Z2-7]{8}-default/web/tcp/http__10\.244\.1\.\d+/8080", "an endpoint's chain")
    w.matches(rules, r"dnat to 10\.244\.2\.\d+:9090", "where an endpoint's chain leads")
