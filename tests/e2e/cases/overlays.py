"""Overlays that not every profile or kernel has: Weave's two, and with a full kernel Geneve and IP in IP."""

import os
import re
import shutil
import struct

from cases import capture, profiles, zones
from harness import Skip, case

ROOT = ("root",)  # in a namespace of an ordinary user /dev/net/tun is the administrator's to give
NAMES = {1: "0a:58:0a:f4:01:01", 2: "0a:58:0a:f4:02:01"}  # of the peers: the MAC addresses of the bridges

# What a datagram of a peer holds, made without any of our code: the sender's name, and a frame with a UDP datagram.
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

to, sender, source, destination, inner_source, inner_destination = sys.argv[1:]
name, first, second = (bytes.fromhex(text.replace(":", "")) for text in (sender, source, destination))
frame = second + first + b"\\x08\\x00" + packet(inner_source, inner_destination, 9999)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(name + first + second + struct.pack("!H", len(frame)) + frame, (to, 6783))
"""


def up(w, profile, overlay, *more, emulation=None):
    wanted = overlay if emulation is None else f"{overlay}, emulation: {emulation}"
    profiles.up(w, profile, wanted, *more)
    return profiles.pod_addresses(w)


def device(w, name, node="node/node-1"):
    return w.labctl("exec", node, "--", "ip", "-d", "-j", "address", "show", "dev", name).json()[0]


def route(w, to, node="node/node-1"):
    family = "-6" if ":" in to else "-4"
    return w.labctl("exec", node, "--", "ip", family, "-d", "-j", "route", "show", to).json()[0]


def way(w, target="pod:default/far:8080"):
    return w.labctl("explain", "client", target, "-o", "json").json()["branches"][0]["way"]


def underlay(w, pods, family=0):
    """What the cable carries while one probe goes: a file for tcpdump, and what labctl says of each packet."""
    if shutil.which("tcpdump") is None:
        raise Skip("tcpdump is not installed")
    file = w.folder / f"underlay-{family}.pcapng"
    process = capture.listening(w, "node/node-1:eth0", "-w", file)
    target = profiles.url("tcp", pods["far"][family], 8080)
    w.equal(w.probe("default/client", target)["outcome"], "ok", "the probe")
    capture.stop(w, process)
    return file


def check_sizes(w, pods, mtu):
    for family in (0, 1):
        target = profiles.url("icmp", pods["far"][family])
        w.equal(w.probe("default/client", target, "--size", str(mtu))["outcome"], "ok", f"{mtu} bytes")
        w.true(w.probe("default/client", target, "--size", str(mtu + 1), "--timeout", "2s")["outcome"] != "ok", "one more")
    result = w.probes({"id": "1", "from": "default/client", "to": profiles.url("http", pods["far"][0], 8080),
                       "method": "POST", "body": "x" * 200000})["1"]
    w.equal((result["outcome"], result["http"]["status"]), ("ok", 200), "a large body")


def tunnel(w, node):
    return w.labctl("status", "-o", "json").json()["tunnels"].get(node, {"received": 0, "drops": {}})


@case("weave has the devices of Weave Net, and a VNI for each direction between two nodes")
def weave_devices(w):
    pods = up(w, "weave", "vxlan")
    found = device(w, "vxlan-6784")
    data = found["linkinfo"]["info_data"]
    w.equal((found["linkinfo"]["info_kind"], data["external"], data["port"], found["mtu"]),
            ("vxlan", True, 6784, 1376), "the tunnel")
    w.equal(device(w, "weave")["linkinfo"]["info_kind"], "bridge", "the bridge")
    ports = w.labctl("exec", "node/node-1", "--", "ip", "-j", "link", "show", "master", "weave").json()
    w.equal({bool(re.fullmatch(r"vethwepl[0-9a-f]{7}", port["ifname"])) for port in ports}, {True}, f"the ports: {ports}")
    for node, to, vni, remote in (("node/node-1", "10.244.2.0/24", 2 | 3 << 12, "172.18.0.3"),
                                  ("node/node-2", "10.244.1.0/24", 3 | 2 << 12, "172.18.0.2"),
                                  ("node/node-1", "fd00:10:244:1::/64", None, None),
                                  ("node/node-1", "fd00:10:244:2::/64", 2 | 3 << 12, "172.18.0.3")):
        if vni is not None:
            shown = route(w, to, node)
            w.equal((shown["encap"], shown["id"], shown["dst"] if shown["dst"] == remote else remote, shown["dev"]),
                    ("ip", vni, remote, "vxlan-6784"), f"the route of {node} to {to}: {shown}")
    check_sizes(w, pods, 1376)
    hops = way(w)
    w.equal([hop["place"] for hop in hops], ["default/client", "node/node-1", "node/node-2", "default/far"], "the way")
    w.has(hops[1]["how"], "VXLAN 12290, 172.18.0.2 > 172.18.0.3 UDP 6784 by eth0", "the tunnel")
    lines = w.labctl("explain", "client", "pod:default/far:8080", "--wire").out
    w.has(lines, "wrapped in VXLAN 12290 to 172.18.0.3", "the packet")
    w.equal(w.labctl("plan").out.count("vxlan-6784"), 0, "what is not as wanted")
    w.labctl("exec", "node/node-1", "--", "ip", "route", "delete", "10.244.2.0/24")
    w.has(w.labctl("plan").out, "encap ip id 12290 dst 172.18.0.3", "what is missing")
    w.labctl("up", "wired")
    w.equal(w.probe("default/client", "tcp://pod:default/far:8080")["outcome"], "ok", "after a repair")
    w.equal(w.labctl("plan").out.count("encap"), 0, "what is missing after a repair")


@case("weave enforces policies of both directions, on one node and between two, and model and wire agree")
def weave_policies(w):
    up(w, "weave", "vxlan")
    w.labctl("apply", "-f", w.write("deny.yaml", profiles.DENY))
    cells = {(cell["from"], cell["to"]): cell for cell in w.labctl("matrix", "--both", "-o", "json").json()["cells"]}
    for source, target in (("client", "near"), ("client", "far"), ("near", "far"), ("far", "near")):
        cell = cells[f"default/{source}", f"default/{target}"]
        w.equal((cell["wire"], cell["model"]), ("deny", "deny"), f"{source} to {target}")
    w.labctl("delete", "networkpolicy", "shut")
    w.labctl("apply", "-f", w.write("egress.yaml", profiles.DENY.replace("Ingress", "Egress")))
    cells = {(cell["from"], cell["to"]): cell for cell in w.labctl("matrix", "--both", "-o", "json").json()["cells"]}
    for source, target, verdict in (("client", "near", "allow"), ("client", "far", "allow"), ("near", "far", "deny"),
                                    ("far", "client", "deny")):
        cell = cells[f"default/{source}", f"default/{target}"]
        w.equal((cell["wire"], cell["model"]), (verdict, verdict), f"{source} to {target}, egress")


@case("weave by sleeve: every flow in both families, devices, sizes, and the demo's checks", modes=ROOT)
def sleeve_flows(w):
    pods = up(w, "weave", "sleeve")
    profiles.check_flows(w)
    profiles.check_tracking(w)
    w.has(w.labctl("status").out, "weave, sleeve, MTU 1376", "the status")
    w.equal(device(w, "vethwe-pcap")["linkinfo"]["info_kind"], "tun", "the device")
    w.equal(device(w, "weave")["address"], NAMES[1], "the bridge has the peer's name")
    check_sizes(w, pods, 1376)
    hops = way(w)
    w.has(hops[1]["how"], f"Sleeve, peer {NAMES[1]} to {NAMES[2]}, 172.18.0.2 > 172.18.0.3 UDP 6783 by eth0", "the tunnel")
    w.has(w.labctl("explain", "client", "pod:default/far:8080", "--wire").out,
          f"wrapped in Sleeve {NAMES[1]} > {NAMES[2]} to 172.18.0.3", "the packet")
    w.matches(w.labctl("describe", "node", "node-1").out, r"Tunnel:\n +Sent: +[1-9]", "what it has carried")
    w.equal(w.labctl("plan").out.count("ip "), 0, "what is not as wanted")
    w.labctl("down")
    lab = profiles.LAB.replace("PROFILE", "weave").replace("OVERLAY", "sleeve, mtu: 1438").replace("wired", "large")
    w.labctl("up", "-f", w.write("large.yaml", "---".join((lab, profiles.PODS))))
    check_sizes(w, profiles.pod_addresses(w), 1438)  # the most: 1500 without IP, UDP, 20 of names and 14 of Ethernet


@case("a capture on the underlay is Sleeve as Weave has it: names, length, Ethernet, in both families", modes=ROOT)
def sleeve_wire(w):
    pods = up(w, "weave", "sleeve")
    for family in (0, 1):
        file = underlay(w, pods, family)
        shown = w.command("tcpdump", "-nxr", file, "udp port 6783").out
        w.true("VXLAN" not in shown, "nothing but Sleeve")
        w.matches(shown, r"IP 172\.18\.0\.2\.6783 > 172\.18\.0\.3\.6783: ", "the outer addresses and ports")
        datagrams = [bytes.fromhex("".join(re.findall(r"0x[0-9a-f]{4}:  ((?:[0-9a-f]+ ?)+)", block)).replace(" ", ""))
                     for block in re.split(r"(?m)^(?=\d\d:)", shown) if "172.18.0.2.6783 > " in block]
        first = datagrams[0][28:]  # behind IP and UDP
        one, two = (bytes.fromhex(NAMES[n].replace(":", "")) for n in (1, 2))
        w.equal(first[:18], one + one + two, "the sender's name, and those of the frame's peers")
        length = struct.unpack("!H", first[18:20])[0]
        w.equal(len(first), 20 + length, "the frame's length")
        w.equal(first[20:34], two + one + (b"\x08\x00", b"\x86\xdd")[family], "the frame")
        w.equal(first[34] >> 4, (4, 6)[family], "the packet inside")
        names = rf"Sleeve {NAMES[1]} > {NAMES[2]} \| .*{re.escape(pods['far'][family])}\]?:8080 TCP SYN"
        process = capture.listening(w, "node/node-1:eth0", "--filter", "sleeve")
        w.probe("default/client", profiles.url("tcp", pods["far"][family], 8080))
        w.matches(capture.stop(w, process)[0], names, "what capture says")


@case("what comes from no peer, or is for another one, is dropped and counted; a data plane that dies comes back", modes=ROOT)
def sleeve_hostile(w):
    pods = up(w, "weave", "sleeve")
    source, target = pods["client"][0], pods["far"][0]

    def send(sender=NAMES[1], first=NAMES[1], second=NAMES[2], origin="node/node-1", to=target):
        w.labctl("exec", origin, "--", "python3", "-c", FORGE, "172.18.0.3", sender, first, second, source, to)

    received = tunnel(w, "node-2")["received"]
    send()
    w.wait("a true frame is delivered", lambda: tunnel(w, "node-2")["received"] > received)
    for reason, frame in (("unknown-peer", {"sender": "0a:58:0a:f4:09:01"}), ("unknown-peer", {"origin": "external"}),
                          ("unknown-peer", {"first": "0a:58:0a:f4:09:01"}), ("not-here", {"second": "0a:58:0a:f4:09:01"}),
                          ("not-here", {"to": pods["near"][0]})):
        before, delivered = tunnel(w, "node-2")["drops"].get(reason, 0), tunnel(w, "node-2")["received"]
        send(**frame)
        w.wait(f"{reason} is counted, for {frame}",
               lambda reason=reason, before=before: tunnel(w, "node-2")["drops"].get(reason, 0) == before + 1)
        w.equal(tunnel(w, "node-2")["received"], delivered, f"delivered after {frame}")
    w.matches(w.labctl("describe", "node", "node-2").out, r"Reasons:.*not-here 2", "describe node")
    w.has(w.labctl("status").out, "packets dropped", "the status")
    os.kill(w.labctl("status", "-o", "json").json()["dataPlane"]["pid"], 9)
    far = "tcp://pod:default/far:8080"
    w.wait("the tunnels work again", lambda: w.probe("default/client", far, "--timeout", "2s")["outcome"] == "ok", 20)
    w.labctl("exec", "node/node-1", "--", "ip", "link", "delete", "vethwe-pcap")
    w.labctl("up", "wired")
    w.wait("the device works again", lambda: w.probe("default/client", far, "--timeout", "2s")["outcome"] == "ok", 20)


def lacking(w, profile, overlay, option, emulation=None):
    """Where the kernel has not what it takes, `up` says so and leaves nothing. True where it has."""
    text = profiles.LAB.replace("PROFILE", profile).replace(
        "OVERLAY", overlay if emulation is None else f"{overlay}, emulation: {emulation}")
    done = w.labctl("up", "-f", w.write("lab.yaml", text), status=None)
    if done.status == 0:
        w.labctl("down")
        return False
    w.equal(done.status, 4, f"the status of {overlay}")
    w.has(done.err, option, "what is missing")
    w.equal(w.labctl("ls", "-o", "name").out.strip(), "", "what is left")
    return True


@case("a kernel without Geneve or IP in IP ends `up` with status 4 and the name of what is missing")
def kernel_lacks(w):
    for profile, overlay, option, emulation in (("bridge", "geneve", "CONFIG_GENEVE", None),
                                                ("cilium", "geneve", "CONFIG_GENEVE", "none"),
                                                ("calico", "ipip", "CONFIG_NET_IPIP", None)):
        lacking(w, profile, overlay, option, emulation)


@case("Geneve of the kernel: every flow, devices, routes, sizes, and plain RFC 8926 on the underlay", modes=ROOT)
def kernel_geneve(w):
    if lacking(w, "bridge", "geneve", "CONFIG_GENEVE"):
        raise Skip("the kernel has no Geneve")
    for profile, name, vni, emulation in (("bridge", "geneve1", 1, None), ("cilium", "cilium_geneve", 2, "none")):
        pods = up(w, profile, "geneve", emulation=emulation)
        profiles.check_flows(w)
        w.has(w.labctl("status").out, f"{profile}, geneve, MTU 1450", "the status")
        found = device(w, name)
        data = found["linkinfo"]["info_data"]
        w.equal((found["linkinfo"]["info_kind"], data["external"], data["port"], found["mtu"]),
                ("geneve", True, 6081, 1450), "the tunnel")
        shown = route(w, "10.244.2.0/24")
        w.equal((shown["encap"], shown["id"], shown["dev"]), ("ip", vni, name), "the route")
        check_sizes(w, pods, 1450)
        w.has(way(w)[1]["how"], f"Geneve {vni}, 172.18.0.2 > 172.18.0.3 UDP 6081 by eth0", "the tunnel")
        for family in (0, 1):
            shown = w.command("tcpdump", "-nvr", underlay(w, pods, family), "udp port 6081").out
            w.matches(shown, rf"172\.18\.0\.2\.\d+ > 172\.18\.0\.3\.6081: .*Geneve, Flags \[none\], vni 0x{vni:x}",
                      "the outer header, without options")
            w.matches(shown, rf"{re.escape(pods['client'][family])}\.\d+ > {re.escape(pods['far'][family])}\.8080: Flags \[S\]",
                      "the packet inside")
        w.equal(w.labctl("plan").out.count("ip "), 0, "what is not as wanted")
        w.labctl("apply", "-f", w.write("deny.yaml", profiles.DENY))
        cells = {(cell["from"], cell["to"]): cell for cell in w.labctl("matrix", "--both", "-o", "json").json()["cells"]}
        w.equal((cells["default/client", "default/far"]["wire"], cells["default/client", "default/far"]["model"]),
                ("deny", "deny"), "a policy, by the tables")
        w.labctl("down")
    zones.check_zones(w, "bridge", "geneve")


@case("IP in IP: every flow of IPv4 in tunl0, IPv6 as it is, devices, routes, sizes", modes=ROOT)
def kernel_ipip(w):
    if lacking(w, "calico", "ipip", "CONFIG_NET_IPIP"):
        raise Skip("the kernel has no tunnels of IP in IP")
    pods = up(w, "calico", "ipip")
    profiles.check_flows(w)
    w.has(w.labctl("status").out, "calico, ipip, MTU 1480", "the status")
    found = device(w, "tunl0")
    w.equal((found["linkinfo"]["info_kind"], found["linkinfo"]["info_data"]["local"], found["mtu"]),
            ("ipip", "172.18.0.2", 1480), "the tunnel")
    w.equal([a["local"] for a in found["addr_info"] if a["family"] == "inet"], ["10.244.1.0"], "its address")
    shown = route(w, "10.244.2.0/24")
    w.equal((shown["gateway"], shown["dev"], shown["flags"]), ("172.18.0.3", "tunl0", ["onlink"]), "the route")
    w.equal(route(w, "fd00:10:244:2::/64")["dev"], "eth0", "the route of IPv6")
    check_sizes(w, pods, 1480)
    w.has(way(w)[1]["how"], "IP in IP, 172.18.0.2 > 172.18.0.3 by eth0", "the tunnel")
    inner = rf"{re.escape(pods['client'][0])}\.\d+ > {re.escape(pods['far'][0])}\.8080: Flags \[S\]"
    w.matches(w.command("tcpdump", "-nr", underlay(w, pods)).out, rf"IP 172\.18\.0\.2 > 172\.18\.0\.3: IP {inner}", "IPv4")
    w.matches(w.command("tcpdump", "-nr", underlay(w, pods, 1)).out,
              rf"IP6 {re.escape(pods['client'][1])}\.\d+ > {re.escape(pods['far'][1])}\.8080: Flags \[S\]", "IPv6, as it is")
    w.equal(w.labctl("plan").out.count("ip "), 0, "what is not as wanted")
    w.labctl("down")
    zones.check_zones(w, "calico", "ipip")
