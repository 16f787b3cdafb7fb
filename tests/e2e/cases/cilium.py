"""The CNI profile cilium: identities, Geneve in userspace, and what a receiving node does not let in."""

import os
import re
import shutil

from cases import capture, profiles
from harness import Skip, case

TUN = "/dev/net/tun"
ROOT = ("root",)  # in a namespace of an ordinary user the device is the administrator's to give

UNITED = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: clients}
spec:
  podSelector: {matchLabels: {app: server}}
  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: 8080}]}]
"""

# A frame as RFC 8926 has it, made without any of our code: VNI, options, and a UDP datagram between two pods.
FORGE = """
import socket, struct, sys

def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff

def packet(source, destination, port):
    udp = struct.pack("!HHHH", 40000, port, 9, 0) + b"x"
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0,
                       socket.inet_aton(source), socket.inet_aton(destination))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + udp

to, vni, options, source, destination, port = sys.argv[1:]
options = bytes.fromhex(options)
critical = 0x40 if options and options[2] & 0x80 else 0
geneve = struct.pack("!BBHI", len(options) // 4, critical, 0x0800, int(vni) << 8) + options
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.sendto(geneve + packet(source, destination, int(port)), (to, 6081))
"""


def up(w, overlay="geneve", *more):
    profiles.up(w, "cilium", overlay, *more)
    return profiles.pod_addresses(w)


def identities(w):
    """pod -> its number"""
    items = w.labctl("get", "identities", "-o", "json").json()["items"]
    return {pod: item["id"] for item in items for pod in item["pods"]}


def tunnel(w, node):
    """What the tunnel of a node has counted."""
    empty = {"sent": 0, "received": 0, "dropped": 0, "drops": {}}
    return w.labctl("get", "identities", "-o", "json").json()["tunnels"].get(node, empty)


def dropped(w, node, reason):
    return tunnel(w, node)["drops"].get(reason, 0)


def option(identity, kind="ff0181"):
    return f"{kind}01{identity:08x}"


def flows_with(overlay, mtu):
    def flows(w):
        up(w, overlay)
        profiles.check_flows(w)
        w.has(w.labctl("status").out, f"cilium, {overlay}, MTU {mtu}", "the status")
        way = w.labctl("explain", "client", "pod:default/far:8080", "-o", "json").json()["branches"][0]["way"]
        underlay = ["underlay"] if overlay == "none" else []
        w.equal([hop["place"] for hop in way], ["default/client", "node/node-1", *underlay, "node/node-2", "default/far"],
                "the way")
        w.matches(way[1]["in"], r"^lxc[0-9a-f]{12}$", "the client's port")
        w.equal(w.labctl("plan").out.count("ip "), 0, "what is not as wanted")

    flows.__name__ = f"cilium_{overlay}"
    case(f"cilium by {overlay}: every flow in both families", modes=ROOT if overlay == "geneve" else ("root", "rootless"))(
        flows)


for each in (("geneve", 1442), ("vxlan", 1450), ("none", 1500)):
    flows_with(*each)


@case("without /dev/net/tun Geneve in userspace is refused with the remedy, and a flag brings the default overlay",
      modes=("rootless",))
def no_device(w):
    if os.stat(TUN).st_mode & 0o006 == 0o006:
        w.labctl("up", "--cni", "cilium", "--quiet")
        w.has(w.labctl("status").out, "cilium, geneve", "the status")
        return
    refused = w.labctl("up", "--cni", "cilium", status=4).err
    w.has(refused, TUN, "what is missing")
    w.has(refused, "chmod 0666", "the remedy")


@case("the demo's checks pass with cilium, and a node has the devices of Cilium", modes=ROOT)
def demo(w):
    w.labctl("up", "--cni", "cilium")
    w.labctl("check")
    links = {link["ifname"]: link for link in w.labctl("exec", "node/node-1", "--", "ip", "-d", "-j", "address").json()}
    w.equal(links["cilium_geneve"]["linkinfo"]["info_kind"], "tun", "the tunnel's kind")
    w.equal([a["local"] for a in links["cilium_host"]["addr_info"]], ["10.244.1.1"], "the router's address")
    w.true("cilium_net" in links and any(name.startswith("lxc") for name in links), f"devices: {sorted(links)}")
    routes = w.labctl("exec", "client", "--", "ip", "route").out
    w.matches(routes, r"^default via 10\.244\.\d+\.1 dev eth0", "a pod's default route")


@case("a capture on the underlay is genuine Geneve to tcpdump, with the identity of the sender, in both families", modes=ROOT)
def wire(w):
    if shutil.which("tcpdump") is None:
        raise Skip("tcpdump is not installed")
    pods, numbers = up(w), None
    numbers = identities(w)
    client = numbers["default/client"]
    for family in (0, 1):
        file = w.folder / f"underlay-{family}.pcapng"
        process = capture.listening(w, "node/node-1:eth0", "-w", file)
        target = profiles.url("tcp", pods["far"][family], 8080)
        w.equal(w.probe("default/client", target)["outcome"], "ok", "the probe")
        capture.stop(w, process)
        shown = w.command("tcpdump", "-nvvr", file, "udp port 6081").out
        w.matches(shown, rf"172\.18\.0\.2\.\d+ > 172\.18\.0\.3\.6081: .*Geneve, Flags \[C\], vni 0x2, .*"
                         rf"\(0xff01\).*type 0x81\(C\) len 8 data {client:08x}", "the outer header and the option")
        w.matches(shown, rf"{re.escape(pods['client'][family])}\.\d+ > {re.escape(pods['far'][family])}\.8080: Flags \[S\]",
                  "the packet inside")
        w.true("flags [DF]" in shown, "the outer packet must not be cut up")
        w.true(not re.search(r"(?<!\[)bad|truncated", shown), f"nothing is wrong with it:\n{shown}")
    lines = w.labctl("capture", "--help").out
    w.has(lines, "Only such packets", "the help")
    explained = w.labctl("explain", "client", "pod:default/far:8080").out
    w.has(explained, f"identity {client} to {numbers['default/far']}", "what explain says of both ends")
    w.has(explained, f"Geneve 2, identity {client}, 172.18.0.2 > 172.18.0.3 UDP 6081", "what explain says of the wire")


@case("identities: one for each set of labels, told of pods, kept by the journal", modes=("root", "rootless"))
def numbers(w):
    up(w, "vxlan")
    before = identities(w)
    w.equal(before["default/near"], before["default/far"], "pods with the same labels")
    w.true(before["default/near"] != before["default/client"], "pods with other labels")
    w.true(all(256 <= number <= 65535 for number in before.values()), f"numbers of pods: {before}")
    table = w.labctl("get", "identities").out
    w.matches(table, r"^2\s+reserved:world", "the reserved ones")
    w.matches(table, rf"^{before['default/client']}\s+.*k8s:app=client.*default/client", "the client's")
    w.matches(w.labctl("describe", "pod", "client").out, rf"^Identity:\s+{before['default/client']} \(", "describe")
    w.labctl("label", "pod", "near", "app=other", "--overwrite")
    third = identities(w)["default/near"]
    w.true(third not in before.values(), "a new set of labels has a new number")
    w.labctl("label", "pod", "near", "app=server", "--overwrite")
    w.equal(identities(w), before, "an old set of labels has its number again")
    w.equal({item["metadata"]["name"] for item in w.get("ciliumidentities")} >= {str(n) for n in before.values()}, True,
            "the objects")
    w.labctl("down", "--keep")
    w.labctl("up", "wired")
    w.equal(identities(w), before, "after the lab came back")


@case("a policy map decides on the receiving node: a denial is proven at once and names the policy", modes=ROOT)
def policies(w):
    up(w)
    w.labctl("apply", "-f", w.write("deny.yaml", profiles.DENY))
    denied = w.probe("default/client", "tcp://pod:default/far:8080", "--timeout", "30s")
    w.equal(denied["outcome"], "timeout", "the denied probe")
    w.true(dropped(w, "node-2", "policy-denied") > 0, "the tunnel counts it")
    both = w.labctl("matrix", "--both", "-o", "json").json()
    cells = {(cell["from"], cell["to"]): cell for cell in both["cells"]}
    for source, target in (("client", "near"), ("client", "far"), ("near", "far"), ("far", "near")):
        cell = cells[f"default/{source}", f"default/{target}"]
        w.equal((cell["wire"], cell["model"]), ("deny", "deny"), f"{source} to {target}")
        w.equal(cell["drop"]["by"], "networkpolicy/default/shut", "who drops")
    w.equal(cells["default/near", "default/client"]["wire"], "allow", "from a pod that is shut to one that is not")
    w.equal(w.probe("default/far", "udp://pod:default/client:9")["outcome"], "refused", "an answer comes back to it")
    w.labctl("delete", "networkpolicy", "shut")
    w.labctl("apply", "-f", w.write("united.yaml", UNITED))
    w.equal(w.probe("default/client", "http://pod:default/far:8080/")["outcome"], "ok", "who is let in")
    w.equal(w.probe("default/near", "tcp://pod:default/far:8080", "--timeout", "10s")["outcome"], "timeout", "who is not")
    w.labctl("label", "pod", "near", "app=client", "--overwrite")
    w.equal(w.probe("default/near", "tcp://pod:default/far:8080")["outcome"], "ok", "with the labels of a client")


@case("frames with a forged, unknown or missing identity, or of nobody, are dropped and counted by their reason", modes=ROOT)
def forged(w):
    pods, known = up(w), None
    known = identities(w)
    w.labctl("apply", "-f", w.write("united.yaml", UNITED))
    client, server = known["default/client"], known["default/far"]
    source, target = pods["client"][0], pods["far"][0]

    def send(options, vni=2, origin="node/node-1", sender=source, port=9999):
        w.labctl("exec", origin, "--", "python3", "-c", FORGE, "172.18.0.3", str(vni), options, sender, target, str(port))

    # A frame that is right: the others differ from it in one thing each.
    received = tunnel(w, "node-2")["received"]
    w.labctl("delete", "networkpolicy", "clients")
    send(option(client))
    w.wait("a true frame is delivered", lambda: tunnel(w, "node-2")["received"] > received)
    w.labctl("apply", "-f", w.write("united.yaml", UNITED))
    for reason, frame in (
            ("no-identity", {"options": ""}),
            ("no-identity", {"options": "0101010100000000"}),  # another option, which is not critical
            ("critical-option", {"options": option(client, "010181")}),
            ("unknown-identity", {"options": option(60000)}),
            ("unknown-identity", {"options": option(1)}),  # "host" is nobody's at a distance
            ("forged-identity", {"options": option(server)}),
            ("forged-identity", {"options": option(client), "sender": pods["near"][0]}),
            ("unknown-source", {"options": option(client), "sender": "10.244.1.250"}),
            ("other-vni", {"options": option(client), "vni": 3}),
            ("unknown-peer", {"options": option(client), "origin": "external"}),
            ("policy-denied", {"options": option(client)})):
        before, delivered = dropped(w, "node-2", reason), tunnel(w, "node-2")["received"]
        send(**frame)
        w.wait(f"{reason} is counted, for {frame}",
               lambda reason=reason, before=before: dropped(w, "node-2", reason) == before + 1)
        w.equal(tunnel(w, "node-2")["received"], delivered, f"delivered after {frame}")
    w.matches(w.labctl("describe", "node", "node-2").out, r"Reasons:.*forged-identity 2", "describe node")
    w.equal(w.labctl("status", "-o", "json").json()["tunnels"]["node-2"]["drops"]["forged-identity"], 2, "the status")
    w.has(w.labctl("status").out, "packets dropped", "the status")


@case("a data plane that dies comes back with its tunnels, and a device that somebody deletes is made again", modes=ROOT)
def comes_back(w):
    up(w)
    far = "tcp://pod:default/far:8080"
    w.equal(w.probe("default/client", far)["outcome"], "ok", "before")
    pid = w.labctl("status", "-o", "json").json()["dataPlane"]["pid"]
    os.kill(pid, 9)
    w.wait("the tunnels work again", lambda: w.probe("default/client", far, "--timeout", "2s")["outcome"] == "ok", 20)
    w.labctl("exec", "node/node-1", "--", "ip", "link", "delete", "cilium_geneve")
    w.has(w.labctl("plan").out, "cilium_geneve", "what is missing")
    w.labctl("up", "wired")
    w.equal(w.labctl("plan").out.count("cilium_geneve"), 0, "what is missing after a repair")
    w.wait("the device works again", lambda: w.probe("default/client", far, "--timeout", "2s")["outcome"] == "ok", 20)


@case("large packets pass as they are, and one that is larger than the pods' MTU does not", modes=ROOT)
def sizes(w):
    pods = up(w)
    for family in (0, 1):
        target = profiles.url("icmp", pods["far"][family])
        w.equal(w.probe("default/client", target, "--size", "1442")["outcome"], "ok", "a packet of the MTU")
        w.true(w.probe("default/client", target, "--size", "1443", "--timeout", "2s")["outcome"] != "ok", "a larger one")
    body = "x" * 200000
    result = w.probes({"id": "1", "from": "default/client", "to": profiles.url("http", pods["far"][0], 8080),
                       "method": "POST", "body": body})["1"]
    w.equal((result["outcome"], result["http"]["status"]), ("ok", 200), "a large body")


@case("what is Cilium's own is not taken from other profiles",
      modes=("rootless",))
def refused(w):
    def up_with(cni, status):
        text = profiles.LAB.replace("{profile: PROFILE, overlay: OVERLAY}", cni)
        return w.labctl("up", "-f", w.write("lab.yaml", text), status=status).err

    w.matches(up_with("{profile: calico, kubeProxyReplacement: true}", 2), r"kubeProxyReplacement: the profile calico.*\n.*cilium",
              "a flag")
    w.has(up_with("{profile: bridge, overlay: geneve, emulation: userspace}", 2), "the profile bridge has none", "without identities")
    w.matches(up_with("{profile: cilium, emulation: both}", 2), r"lab\.yaml:8:\d+:.*both.*userspace", "an unknown emulation")
    w.has(up_with("{profile: cilium, overlay: vxlan, emulation: userspace}", 2), "nothing to emulate", "without Geneve")
    w.labctl("up", "-f", w.write("lab.yaml", profiles.LAB.replace(
        "{profile: PROFILE, overlay: OVERLAY}", "{profile: cilium, overlay: vxlan, kubeProxyReplacement: true}")))
    w.equal(w.labctl("status", "-o", "json").json()["cni"]["kubeProxyReplacement"], True, "the status")
