"""CNI profiles and overlays: the same lab by each of them, and what tells them apart."""

import re
import shutil

from cases import capture
from harness import Skip, case

LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: wired}
spec:
  nodes: 2
  podCIDR: 10.244.0.0/16,fd00:10:244::/56
  cni: {profile: PROFILE, overlay: OVERLAY}
  dns: {enabled: false}
"""

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {app}}}}}
spec: {{nodeName: node-{node}, containers: [{{name: c, image: "x:1", ports: [{{name: http, containerPort: 8080}}]}}]}}
"""

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  ipFamilyPolicy: RequireDualStack
  selector: {app: server}
  ports: [{port: 80, targetPort: http, nodePort: 30080}]
"""

PODS = "---".join(POD.format(name=name, app=app, node=node) for name, app, node in (
    ("client", "client", 1), ("near", "server", 1), ("far", "server", 2)))

DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: shut}
spec: {podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress]}
"""

# profile, overlay -> how tcpdump shows the outer packet, or nothing; the MTU that a pod has (IPv4 underlay)
WIRINGS = {
    ("calico", "vxlan"): ("VXLAN, flags [I] (0x08), vni 4096", 1450),
    ("calico", "none"): (None, 1500),
    ("flannel", "vxlan"): ("VXLAN, flags [I] (0x08), vni 1", 1450),
    ("flannel", "none"): (None, 1500),
    ("bridge", "none"): (None, 1500),
    ("weave", "vxlan"): ("VXLAN, flags [I] (0x08), vni 12290", 1376),  # 2 and 3, the ends of the nodes' addresses
    ("weave", "none"): (None, 1376),
}
SERVERS = {"default/near", "default/far"}
HOSTS = (("172.18.0.2", "172.18.0.3"), ("fd00:172:18::2", "fd00:172:18::3"))
OUTSIDE = ("172.18.0.1", "fd00:172:18::1")


def up(w, profile, overlay, *more):
    text = "---".join((LAB.replace("PROFILE", profile).replace("OVERLAY", overlay), PODS, SERVICE))
    return w.labctl("up", "-f", w.write("lab.yaml", text), *more)


def pod_addresses(w):
    """name -> [IPv4, IPv6]"""
    return {pod["metadata"]["name"]: [entry["ip"] for entry in pod["status"]["podIPs"]] for pod in w.get("pods")}


def url(scheme, address, port=None):
    host = f"[{address}]" if ":" in address else address
    return f"{scheme}://{host}" + (f":{port}" if port else "")


def check_flows(w, hosts=HOSTS, outside=OUTSIDE):
    """Every way that a packet can go, in both families; nobody sees an address that is not the sender's."""
    pods = pod_addresses(w)
    service = next(s for s in w.get("services") if s["metadata"]["name"] == "web")
    probes, seen_as = [], {}

    def add(name, origin, target, client=None, **more):
        probes.append({"id": name, "from": origin, "to": target, "timeoutMs": 3000, **more})
        if client:
            seen_as[name] = client

    for family in (0, 1):
        label = "46"[family]
        own = pods["client"][family]
        for server in ("near", "far"):
            add(f"{server}{label}", "default/client", url("http", pods[server][family], 8080), own)
            add(f"node-{server}{label}", "node/node-1", url("tcp", pods[server][family], 8080))
            add(f"external-{server}{label}", "external", url("tcp", pods[server][family], 8080))
        address = service["spec"]["clusterIPs"][family]
        add(f"service{label}", "default/client", url("http", address, 80), count=4)
        add(f"hairpin{label}", "default/near", url("http", address, 80), count=16)
        add(f"node-service{label}", "node/node-2", url("http", address, 80), count=4)
        for number, node in enumerate(hosts[family]):
            add(f"node-port-{number}-{label}", "external", url("http", node, 30080), count=4)
            add(f"pod-node-port-{number}-{label}", "default/client", url("http", node, 30080), count=4)
        add(f"out{label}", "default/client", url("icmp", outside[family]))
        add(f"nobody{label}", "default/client", url("tcp", pods["far"][family], 81))
    found, answered = w.probes(*probes), set()
    for name, result in found.items():
        w.equal(result["outcome"], "refused" if name.startswith("nobody") else "ok", f"{name}: {result}")
        answered |= set(result.get("backends", ()))
        if name.startswith("hairpin"):
            w.true("default/near" in result["backends"], f"a pod reaches itself through the Service: {result}")
    w.equal(answered, SERVERS, "who answered")
    for name, client in seen_as.items():
        w.equal(found[name]["clientIP"], client, f"the client's address of {name}")


def check_tracking(w):
    """A node tracks the connection inside a tunnel, and not what carries it."""
    tracked = w.labctl("exec", "node/node-1", "--", "cat", "/proc/net/nf_conntrack").out
    w.has(tracked, "dport=8080", "what is tracked")
    carriers = r"\budp\b.*?\bdst=172\.18\.\S+ sport=\d+ dport=(4789|6081|678[34]|8472)\b"
    outer = [line for line in tracked.splitlines() if re.search(carriers, line)]
    w.equal(outer[:1], [], "tunnels that are tracked")


def check_underlay(w, outer):
    """What the cable between the nodes carries."""
    check_tracking(w)
    if shutil.which("tcpdump") is None:
        raise Skip("tcpdump is not installed")
    pods = pod_addresses(w)
    file = w.folder / "underlay.pcapng"
    process = capture.listening(w, "node/node-1:eth0", "-w", file)
    w.equal(w.probe("default/client", url("tcp", pods["far"][0], 8080))["outcome"], "ok", "the probe")
    capture.stop(w, process)
    shown = w.command("tcpdump", "-nr", file, "-T", "vxlan", "udp or tcp port 8080").out
    inner = rf"IP {re.escape(pods['client'][0])}\.\d+ > {re.escape(pods['far'][0])}\.8080: Flags \[S\]"
    if outer is None:
        w.matches(shown, rf"^\S+ {inner}", "a packet of the pods, as it is")
        w.true("VXLAN" not in shown and "UDP" not in shown, f"nothing is encapsulated:\n{shown}")
    else:
        w.matches(shown, rf"IP 172\.18\.0\.2\.\d+ > 172\.18\.0\.3\.\d+: {re.escape(outer)}\n{inner}",
                  "a packet of the pods in one of the nodes")


def declare(profile, overlay):
    outer, mtu = WIRINGS[profile, overlay]

    def flows(w):
        up(w, profile, overlay)
        check_flows(w)
        check_underlay(w, outer)
        w.has(w.labctl("status").out, f"{profile}, {overlay}, MTU {mtu}", "the status")

    flows.__name__ = f"{profile}_{overlay}"
    case(f"{profile} by {overlay}: every flow in both families, and what is on the underlay")(flows)


for wiring in WIRINGS:
    declare(*wiring)


@case("the demo's checks pass with calico, flannel and weave as they do with the bridge")
def demo(w):
    for profile, tunnel in (("calico", "vxlan.calico"), ("flannel", "flannel.1"), ("weave", "vxlan-6784")):
        w.labctl("up", "--cni", profile)
        w.labctl("check")
        w.matches(w.labctl("exec", "node/node-1", "--", "ip", "-d", "link", "show", tunnel).out, r"vxlan (external )?id", tunnel)
        w.has(w.labctl("get", "labs").out, profile, "the list of labs")
        w.labctl("down")


@case("calico enforces policies between pods of one node and of two, without br_netfilter, and model and wire agree")
def calico_policies(w):
    up(w, "calico", "vxlan")
    bridged = w.labctl("exec", "node/node-1", "--", "ip", "-j", "link", "show", "type", "bridge").json()
    w.equal(bridged, [], "bridges on a node")
    w.labctl("apply", "-f", w.write("deny.yaml", DENY))
    document = w.labctl("matrix", "--both", "-o", "json").json()
    cells = {(cell["from"], cell["to"]): cell for cell in document["cells"]}
    for source, target in (("client", "near"), ("client", "far"), ("near", "far"), ("far", "near")):
        cell = cells[f"default/{source}", f"default/{target}"]
        w.equal((cell["wire"], cell["model"]), ("deny", "deny"), f"{source} to {target}")
        w.equal(cell["drop"]["by"], "networkpolicy/default/shut", "who drops")
    w.equal(cells["default/near", "default/client"]["wire"], "allow", "from a pod that is shut to one that is not")
    w.equal(w.probe("node/node-1", "tcp://pod:default/near:8080")["outcome"], "ok", "from the pod's own node")
    w.true("NOT enforced" not in w.labctl("status").err, "nothing to warn of")
    w.labctl("delete", "networkpolicy", "shut")
    w.labctl("matrix", "--both")
    way = w.labctl("explain", "client", "pod:default/far:8080", "-o", "json").json()["branches"][0]["way"]
    w.equal([hop["place"] for hop in way], ["default/client", "node/node-1", "node/node-2", "default/far"], "the way")
    w.matches(way[1]["in"], r"^cali[0-9a-f]{11}$", "the client's port")
    w.equal((way[1]["out"], way[2]["in"]), ("vxlan.calico", "vxlan.calico"), "the tunnel")
    w.has(way[1]["how"], "VXLAN 4096, 172.18.0.2 > 172.18.0.3 UDP 4789 by eth0", "the tunnel")


SPOOF = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 0))
s.sendto(b'x', (sys.argv[2], 53))
"""


@case("a routed pod that takes another's address sends nothing with it, policy or not", modes=("root",))
def spoofed(w):
    up(w, "calico", "none")
    pods = pod_addresses(w)
    pod = w.netns_dir / "wired.default.client"
    for family, length in ((0, 32), (1, 128)):
        forged = pods["near"][family]
        w.command_as_harness(["nsenter", f"--net={pod}", "ip", "address", "add", f"{forged}/{length}", "dev", "lo"])
        w.command_as_harness(["nsenter", f"--net={pod}", "python3", "-c", SPOOF, forged, pods["far"][family]])
        field = ("ip saddr", "ip6 saddr")[family]
        w.wait("the drop is counted", lambda field=field: re.search(
            rf"iifname . {field} != @own\S+ counter packets [1-9]",
            w.labctl("exec", "node/node-1", "--", "nft", "list", "table", "inet", "cni-sources").out))


@case("flannel stores policies, says loudly that it does not enforce them, and is predicted rightly")
def flannel_policies(w):
    loud = "1 policy is stored and NOT enforced"
    w.true(loud not in up(w, "flannel", "vxlan").err, "nothing to warn of yet")
    w.has(w.labctl("apply", "-f", w.write("deny.yaml", DENY)).err, loud, "what apply says")
    w.has(w.labctl("status").err, loud, "what status says")
    w.matches(w.labctl("status").out, r"policies +0 of 1 enforced", "the status")
    w.has(w.labctl("events").out, "PoliciesNotEnforced", "the events")
    both = w.labctl("matrix", "--both", "-o", "json")
    w.has(both.err, loud, "what the matrix says")
    w.equal({(cell["wire"], cell["model"]) for cell in both.json()["cells"]}, {("allow", "allow")}, "the matrix")
    explained = w.labctl("explain", "client", "pod:default/near:8080")
    w.has(explained.out, loud, "what explain says")
    w.true("denied" not in explained.out, "explain predicts what packets do")
    w.labctl("down")
    files = w.write("all.yaml", "---".join((LAB.replace("PROFILE", "flannel").replace("OVERLAY", "vxlan"), PODS, DENY)))
    w.matches(w.labctl("lint", files).err, rf"all\.yaml:8:.*{loud}", "what lint says")
    w.has(w.labctl("up", "-f", files).err, loud, "what up says")


@case("calico carries the other proxy modes: iptables, and userspace for pods whose port has no address")
def proxy_modes(w):
    if shutil.which("iptables-restore") is None:
        raise Skip("iptables is not installed")
    for mode in ("iptables", "userspace"):
        up(w, "calico", "vxlan", "--proxy-mode", mode)
        service = next(s for s in w.get("services") if s["metadata"]["name"] == "web")
        probes = [{"id": f"{origin} {address}", "from": origin, "to": url("http", address, port), "timeoutMs": 3000,
                   "count": 4}
                  for origin in ("default/client", "default/near", "node/node-1")
                  for address, port in [(ip, 80) for ip in service["spec"]["clusterIPs"]] + [("172.18.0.3", 30080)]]
        answered = set()
        for name, result in w.probes(*probes).items():
            w.equal(result["outcome"], "ok", f"{mode}: {name}: {result}")
            answered |= set(result["backends"])
        w.equal(answered, SERVERS, f"{mode}: who answered")
        w.labctl("down")


@case("a cut cable of a routed pod takes its routes along and gives them back; a stopped node's pods come back")
def faults(w):
    up(w, "calico", "vxlan")
    to_near, to_far = "tcp://pod:default/near:8080", "tcp://pod:default/far:8080"
    w.labctl("fault", "cut", "near")
    w.true(w.probe("default/client", to_near, "--timeout", "300ms")["outcome"] != "ok", "a cut pod is not reached")
    w.labctl("fault", "clear", "--all")
    w.equal(w.probe("default/client", to_near)["outcome"], "ok", "near, healed")
    w.labctl("fault", "cut", "node/node-1:vxlan.calico")
    w.true(w.probe("default/client", to_far, "--timeout", "300ms")["outcome"] != "ok", "without the tunnel")
    w.labctl("fault", "clear", "--all")
    w.equal(w.probe("default/client", to_far)["outcome"], "ok", "far, healed")


@case("an unknown profile, overlay or tunnel is refused at its place, with what there is", modes=("rootless",))
def unknown(w):
    refused = up_status(w, "calcio", "vxlan", 2)
    w.matches(refused, r"lab\.yaml:8:\d+:.*calcio.*calico", "a misspelt profile")
    w.matches(up_status(w, "calico", "geneve", 2), r"lab\.yaml:8:\d+:.*geneve.*vxlan", "an unknown overlay")
    w.matches(up_status(w, "flannel", "ipip", 2), r"lab\.yaml:8:\d+:.*ipip.*calico", "another profile's tunnel")
    w.matches(up_status(w, "bridge", "sleeve", 2), r"lab\.yaml:8:\d+:.*sleeve.*weave", "another profile's tunnel")
    w.has(w.labctl("up", "--cni", "antrea", status=2).err, "available: bridge, flannel, calico, cilium, weave", "a flag")


def up_status(w, profile, overlay, status):
    text = LAB.replace("PROFILE", profile).replace("OVERLAY", overlay)
    return w.labctl("up", "-f", w.write("lab.yaml", text), status=status).err
