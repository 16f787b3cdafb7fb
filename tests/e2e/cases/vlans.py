"""VLANs of the underlay: access ports, trunks, a router on a stick."""

import json
import re

from cases.capture import listening, stop, tcpdump
from harness import Skip, case

HEAD = "apiVersion: labctl.dev/v1\nkind: Lab\nmetadata: {name: net}\n"

STICK = HEAD + """
spec:
  nodes: 0
  underlay:
    cidr: [10.1.0.0/16, "fd00:1::/48"]
    switches:
      - {name: s1, vlans: [{id: 10, cidr: 10.0.10.0/24}, {id: 20, cidr: 10.0.20.0/24}]}
      - s2
    routers: [r1]
    hosts: [h1, h2, h3, h4]
    links:
      - {endpoints: [h1, s1], vlan: 10}
      - {endpoints: [h2, s1], vlan: 20}
      - {endpoints: [s1, s2], trunk: [10, 20]}
      - {endpoints: [h3, s2], vlan: 10}
      - {endpoints: [h4, s2], vlan: 20}
      - {endpoints: [r1, s1], trunk: [10, {vlan: 20, ipv4: [10.0.20.254, ~]}]}
"""

ROUTERS = HEAD + """
spec:
  nodes: 0
  underlay:
    cidr: 10.1.0.0/16
    routers: [r1, r2]
    hosts: [h1, h2]
    links:
      - {endpoints: [h1, r1]}
      - {endpoints: [h2, r2]}
      - {endpoints: ["r1:up", r2], trunk: [{vlan: 100, ipv4: [10.0.100.1/30, 10.0.100.2]}, 200]}
"""

CLUSTER = HEAD + """
spec:
  nodes: 2
  dns: {enabled: false}
  underlay:
    switches: [s1]
    routers: [r1]
    links:
      - {endpoints: [node-1, s1], vlan: 10}
      - {endpoints: [node-2, s1], vlan: 20}
      - {endpoints: [external, s1], vlan: 10}
      - {endpoints: [r1, s1], trunk: [10, 20]}
"""


def up(w, text):
    """Where the kernel has no VLANs `up` says so and leaves nothing: False."""
    done = w.labctl("up", w.write("lab.yaml", text), status=(0, 4))
    if done.status == 0:
        return True
    w.matches(done.err, "spec.underlay: (VLANs on a switch need a bridge|a trunk to a router or host needs VLAN devices)",
              "what is missing")
    w.matches(done.err, "CONFIG_(BRIDGE_VLAN_FILTERING|VLAN_8021Q)", "what to do")
    w.equal(w.labctl("ls", "-o", "name").out.strip(), "", "what is left")
    return False


def in_ns(w, place, *words):
    return w.labctl("exec", place, "--", *words).json()


@case("a kernel without VLANs ends `up` with status 4 and the name of what is missing")
def kernel_lacks(w):
    up(w, STICK)


@case("what is wrong with VLANs is said at its place in the file")
def refused(w):
    head = HEAD + "spec:\n  nodes: 1\n  underlay:\n    switches: [s1]\n    hosts: [h1, h2]\n    links:\n"
    for link, place, words in (
            ("{endpoints: [h1, s1], vlan: 4095}", "10:37", "4095 is not the number of a VLAN"),
            ("{endpoints: [h1, s1], vlan: 0}", "10:37", "0 is not the number of a VLAN"),
            ("{endpoints: [h1, h2], vlan: 10}", "10:37", "there is no switch at either end"),
            ("{endpoints: [h1, s1], trunk: [10, 10]}", "10:43", "VLAN 10 is there twice"),
            ("{endpoints: [node-1, s1], trunk: [10]}", "10:35", "what node 'node-1' does on the underlay"),
            ("{endpoints: [h1, s1], trunk: [10], ipv4: [10.9.0.1/24, ~]}", "10:31", "h1 has no address there")):
        others = "      - {endpoints: [h2, s1]}\n" if "h1" in link else "      - {endpoints: [h1, s1]}\n      - {endpoints: [h2, s1]}\n"
        if "h1, h2" in link:
            others = ""
        done = w.labctl("up", w.write("lab.yaml", head + f"      - {link}\n" + others), status=None)
        w.equal(done.status, 2, f"the status: {done.err}")
        w.has(done.err, f"lab.yaml:{place}", f"the place of {words}")
        w.has(done.err, words, "the reason")


@case("a router on a stick: two networks on two switches hear nothing of each other, and it routes between them",
      modes=("root", "rootless"), limit_s=120)
def stick(w):
    if not up(w, STICK):
        raise Skip("the kernel has no VLANs")
    ports = {port["ifname"]: [(v["vlan"], sorted(v.get("flags", []))) for v in port["vlans"]]
             for port in in_ns(w, "switch/s1", "bridge", "-j", "vlan")}
    plain = ["Egress Untagged", "PVID"]
    w.equal({name: found for name, found in ports.items() if name != "br0"},
            {"to-h1": [(10, plain)], "to-h2": [(20, plain)], "to-s2": [(10, []), (20, [])], "to-r1": [(10, []), (20, [])]},
            "the ports' networks, as bridge(8) has them")
    bridge = in_ns(w, "switch/s1", "ip", "-d", "-j", "link", "show", "dev", "br0")[0]["linkinfo"]["info_data"]
    w.equal((bridge["vlan_filtering"], bridge["vlan_default_pvid"]), (1, 0), "the bridge")
    links = {link["ifname"]: link for link in in_ns(w, "router/r1", "ip", "-d", "-j", "address")}
    w.equal({name: link["linkinfo"]["info_data"]["id"] for name, link in links.items() if "." in name},
            {"eth0.10": 10, "eth0.20": 20}, "the router's networks, as ip(8) has them")
    w.equal([[a["local"] for a in links[name]["addr_info"] if a["family"] == "inet"] for name in ("eth0", "eth0.10", "eth0.20")],
            [[], ["10.0.10.1"], ["10.0.20.254"]], "its addresses")
    pairs = {"h1-h3": ("host/h1", "icmp://h3"), "h1-h2": ("host/h1", "icmp://h2"), "h4-h1": ("host/h4", "tcp://h1:9")}
    found = w.probes(*({"id": name, "from": origin, "to": to, "timeoutMs": 5000} for name, (origin, to) in pairs.items()))
    w.equal({name: result["outcome"] for name, result in found.items()},
            {"h1-h3": "ok", "h1-h2": "ok", "h4-h1": "refused"}, "who reaches whom")
    # A broadcast of one network: the other does not hear it, and its tag is on the trunk.
    files = {place: w.folder / f"{place.replace('/', '-').replace(':', '-')}.pcapng"
             for place in ("host/h2:eth0", "host/h3:eth0", "switch/s1:to-s2")}
    taps = {place: listening(w, place, "-w", file) for place, file in files.items()}
    w.labctl("exec", "host/h1", "--", "ip", "neigh", "flush", "all")
    w.labctl("exec", "host/h1", "--", "ping", "-4", "-c", "1", "-W", "5", "h3")
    for tap in taps.values():
        stop(w, tap)
    who = r"ARP, Request who-has 10\.0\.10\.\d+ tell 10\.0\.10\.\d+"
    w.matches(tcpdump(w, files["host/h3:eth0"], "arp").out, who, "what the same network hears")
    w.true(re.search(who, tcpdump(w, files["host/h2:eth0"], "arp").out) is None, "the other network hears nothing")
    w.matches(tcpdump(w, files["switch/s1:to-s2"], "-e").out, r"vlan 10, p 0, ethertype ARP",
              "the tag on the trunk, as tcpdump reads it")
    process = listening(w, "switch/s1:to-s2", "--filter", "vlan 10 and icmp")
    w.labctl("exec", "host/h1", "--", "ping", "-4", "-c", "1", "-W", "5", "h3")
    w.matches(stop(w, process)[0], r"VLAN 10 10\.0\.10\.\d+ > 10\.0\.10\.\d+ ICMP echo request", "what capture says")
    hops = w.labctl("explain", "host/h1", "host/h2", "-o", "json").json()["branches"][0]["way"]
    w.equal([(hop["place"], hop["in"], hop["out"]) for hop in hops],
            [("host/h1", "", "eth0"), ("switch/s1", "to-h1", "to-r1"), ("router/r1", "eth0.10", "eth0.20"),
             ("switch/s1", "to-r1", "to-h2"), ("host/h2", "eth0", "")], f"the way: {json.dumps(hops)}")
    w.has(hops[1]["how"], "switched by br0 in VLAN 10, with its tag", "the network there")
    w.equal(hops[3]["how"], "switched by br0 in VLAN 20", "the way to h2 is without")
    shown = w.labctl("get", "links").out
    w.matches(shown, r"A +B +MTU +VLAN +A TO B", "get links")
    for ends, vlans in ((r"switch/s1:to-h1 +host/h1:eth0", "10"), (r"switch/s1:to-s2 +switch/s2:to-s1", "trunk 10,20"),
                        (r"switch/s1:to-r1 +router/r1:eth0", "trunk 10,20")):
        w.matches(shown, rf"{ends} +1500 +{vlans} +- +-", "get links")
    listed = {(link["a"]["interface"], link["b"]["place"]): (link.get("vlan"), link.get("trunk"))
              for link in w.labctl("get", "links", "-o", "json").json()["items"]}
    w.equal((listed["to-h1", "host/h1"], listed["to-s2", "switch/s2"], listed["to-r1", "router/r1"]),
            ((10, None), (None, [10, 20]), (None, [10, 20])), "get links -o json")
    w.has(hops[2]["how"], "VLAN 20 on eth0", "the tag")
    w.equal(w.labctl("plan").out.count("vlan"), 0, "what is not as wanted")
    w.labctl("exec", "switch/s1", "--", "bridge", "vlan", "delete", "dev", "to-h1", "vid", "10")
    w.has(w.labctl("plan").out, "switch/s1: bridge vlan add dev to-h1 vid 10 pvid untagged", "what is missing")
    w.labctl("up", "net")
    w.equal(w.probe("host/h1", "icmp://h3")["outcome"], "ok", "after a repair")


@case("a trunk between two routers: a network of each tag, addresses as written, tags on the cable", modes=("root", "rootless"),
      limit_s=120)
def routers(w):
    if not up(w, ROUTERS):
        raise Skip("the kernel has no VLANs")
    for router, name, address in (("r1", "up.100", "10.0.100.1"), ("r2", "eth1.100", "10.0.100.2")):
        found = in_ns(w, f"router/{router}", "ip", "-d", "-j", "address", "show", "dev", name)[0]
        w.equal((found["linkinfo"]["info_kind"], found["linkinfo"]["info_data"]["id"], found["link"]),
                ("vlan", 100, name.split(".", maxsplit=1)[0]), f"{name} of {router}")
        w.equal([a["local"] for a in found["addr_info"] if a["family"] == "inet"], [address], f"the address of {name}")
    file = w.folder / "cable.pcapng"
    tap = listening(w, "router/r1:up", "-w", file)
    w.equal(w.probe("host/h1", "icmp://h2")["outcome"], "ok", "from host to host")
    w.labctl("exec", "router/r1", "--", "ping", "-c", "1", "-W", "5", "10.0.100.2")
    stop(w, tap)
    shown = tcpdump(w, file, "-e").out
    w.matches(shown, r"vlan 100, p 0, ethertype IPv4.* 10\.0\.100\.1 > 10\.0\.100\.2: ICMP echo request", "the tag on the cable")
    w.matches(shown, r"vlan (100|200), p 0, ethertype IPv4.* > .*: ICMP echo request", "and of what it passes on")
    w.matches(w.labctl("get", "links").out, r"router/r1:up +router/r2:eth1 +1500 +trunk 100,200 +- +-", "get links")
    w.matches(w.labctl("explain", "host/h1", "host/h2").out, r"VLAN (100|200) on up", "explain")
    w.equal(w.labctl("plan").out.count("vlan"), 0, "what is not as wanted")


@case("a cluster whose nodes are in two VLANs, with a router between them", modes=("root",), limit_s=120)
def nodes(w):
    if not up(w, CLUSTER):
        raise Skip("the kernel has no VLANs")
    w.equal(w.probe("node/node-1", "icmp://node-2")["outcome"], "ok", "node to node")
    far = next(a["address"] for a in w.get("node", "node-2")[0]["status"]["addresses"] if a["type"] == "InternalIP")
    way = in_ns(w, "node/node-1", "ip", "-j", "route", "get", far)[0]
    router = in_ns(w, "router/r1", "ip", "-j", "address", "show", "dev", "eth0.10")[0]["addr_info"]
    w.equal(way["gateway"], router[0]["local"], "the way to the other network is the router's link in this one")
    w.equal(w.labctl("plan").out.count("vlan"), 0, "what is not as wanted")
