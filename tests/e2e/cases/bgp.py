"""Routes by BGP: BIRD on every node, what it learns and announces, and what becomes of it."""

import json
import os
import re
import shutil
import signal

from cases import encryption, overlays, profiles, zones
from harness import Skip, case

LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: wired}
spec:
  nodes: NODES
  podCIDR: 10.244.0.0/16,fd00:10:244::/56
  cni: {profile: PROFILE, overlay: OVERLAY, routing: bgp, bgp: BGP}
  dns: {enabled: false}
"""

BALANCED = """
apiVersion: v1
kind: Service
metadata: {name: balanced}
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  selector: {app: server}
  ports: [{port: 80, targetPort: http}]
"""

TO_FAR = "tcp://pod:default/far:8080"


def need_bird():
    if shutil.which("bird", path="/usr/sbin:/usr/bin") is None:
        raise Skip("BIRD 2 is not installed")


def up(w, profile="calico", bgp="{}", nodes=2, more="", overlay="none"):
    need_bird()
    lab = LAB.replace("PROFILE", profile).replace("NODES", str(nodes)).replace("BGP", bgp).replace("OVERLAY", overlay)
    parts = [lab, profiles.PODS, profiles.SERVICE] + ([more] if more else [])
    return w.labctl("up", "-f", w.write("lab.yaml", "---".join(parts)))


def inside(w, target, *words):
    return w.labctl("exec", target, "--", *words).out


def kernel_routes(w, target):
    """(destination, gateway) of what BIRD has put into the kernel, as iproute2 lists it; one for each next hop."""
    found = set()
    for flag in ("-4", "-6"):
        for route in json.loads(inside(w, target, "ip", flag, "-j", "route", "show", "proto", "bird")):
            if route.get("type") == "blackhole":
                found.add((route["dst"], None))
            else:
                for hop in route.get("nexthops", [route]):
                    found.add((route["dst"], hop["gateway"]))
    return found


def bird_routes(w, target):
    """The same as `birdc show route` prints it: (destination, next hop, protocol)."""
    found, destination, protocol = set(), None, None
    for line in inside(w, target, "birdc", "show", "route").splitlines():
        row = re.match(r"(\S+)?\s+(unicast|blackhole) \[(\S+) ", line)
        if row:
            destination, protocol = row.group(1) or destination, row.group(3)
            if row.group(2) == "blackhole":
                found.add((destination, None, protocol))
        elif way := re.match(r"\s+via (\S+) on eth0", line):
            found.add((destination, way.group(1), protocol))
    return found


def our_routes(document, node):
    return {(route["destination"], gateway, route["protocol"])
            for route in document["routes"] if route["node"] == node for gateway in route["gateways"] or [None]}


def get_bgp(w, *more):
    return w.labctl("get", "bgp", *more, "-o", "json").json()


def states(document, node):
    return {session["peer"]: session["state"] for session in document["sessions"] if session["node"] == node}


def block(number):
    return f"10.244.{number}.0/24", f"fd00:10:244:{number}::/64"


def hop(number):
    return f"172.18.0.{number + 1}", f"fd00:172:18::{number + 1:x}"


def routes_to(*numbers):
    return {(block(number)[family], hop(number)[family]) for number in numbers for family in (0, 1)}


def blackholes(number):
    return {(prefix, None) for prefix in block(number)}


@case("calico by BGP, a mesh: every flow, the kernel's routes, BIRD's own view, and what is told of them", limit_s=240)
def mesh(w):
    up(w, nodes=3)
    w.equal(kernel_routes(w, "node/node-1"), routes_to(2, 3) | blackholes(1), "routes of node-1, right after `up`")
    profiles.check_flows(w)
    profiles.check_underlay(w, None)
    document = get_bgp(w)
    for number in (1, 2, 3):
        node = f"node-{number}"
        w.equal(our_routes(document, node), bird_routes(w, f"node/{node}"), f"BIRD's routes on {node}")
        w.equal(states(document, node), {f"node-{other}": "Established" for other in {1, 2, 3} - {number}}, node)
    session = next(s for s in get_bgp(w, "node-2")["sessions"] if s["peerAddress"] == "172.18.0.4")
    w.equal((session["node"], session["protocol"], session["received"], session["sent"], session["asNumber"]),
            ("node-2", "Mesh_172_18_0_4", 1, 1, 64512), "a session")
    w.equal(w.labctl("plan").out, "", "drift")
    w.has(w.labctl("status").out, "AS 64512, mesh, 6 of 6 sessions established", "the status")
    way = w.labctl("explain", "client", "pod:default/far:8080", "-o", "json").json()["branches"][0]["way"]
    w.has(way[1]["how"], "10.244.2.0/24 via 172.18.0.3 dev eth0, learned by BGP from node-2", "the hop of a node")
    w.matches(w.labctl("describe", "node", "node-1").out, r"node-1 +node-3 +172\.18\.0\.4 +64512 +Established", "describe")
    w.matches(w.labctl("get", "bgp").out, r"node-3 +10\.244\.2\.0/24 +172\.18\.0\.3 +eth0 +node-2", "the table")
    w.has(w.labctl("logs", "node/node-1").out, "Mesh_172_18_0_3: State changed to up", "BIRD's log")
    w.wait("the events tell it", lambda: w.labctl("events").out.count("BGPSessionsUp") == 3)


@case("a reflector on a node: clients talk to it alone and send past it; bridged pods", limit_s=240)
def reflector(w):
    up(w, "bridge", "{topology: reflector, reflectors: [node-3], asNumber: 65001}", nodes=4)
    document = get_bgp(w)
    w.equal(states(document, "node-1"), {"node-3": "Established"}, "the sessions of a client")
    w.equal(len(states(document, "node-3")), 3, "the sessions of the reflector")
    w.equal(kernel_routes(w, "node/node-1"), routes_to(2, 3, 4), "routes of a client; cni0 has its own range")
    w.has(inside(w, "node/node-1", "birdc", "show", "protocols", "all"), "Neighbor AS:      65001", "the AS")
    profiles.check_flows(w)
    way = w.labctl("explain", "client", "pod:default/far:8080", "-o", "json").json()["branches"][0]["way"]
    w.has(way[1]["how"], "via 172.18.0.3 dev eth0, learned by BGP from node-3", "who told it")
    w.labctl("fault", "bgp", "node/node-3", "node-2")
    w.equal(kernel_routes(w, "node/node-1"), routes_to(3, 4), "without the range that the reflector does not hear of")
    w.labctl("fault", "clear", "--all")
    w.equal(kernel_routes(w, "node/node-1"), routes_to(2, 3, 4), "healed")


@case("a session that is lost withdraws its routes and gives them back; nothing repairs it meanwhile", limit_s=240)
def lost(w):
    up(w)
    said = w.labctl("fault", "bgp", "node/node-1", "node-2").out
    w.has(said, "bgp node/node-1 node-2", "the fault")
    w.equal(kernel_routes(w, "node/node-1"), blackholes(1), "routes of the one")
    w.equal(kernel_routes(w, "node/node-2"), blackholes(2), "routes of the other")
    w.equal(set(states(get_bgp(w), "node-1").values()), {"Down"}, "the session")
    w.true(w.probe("default/client", TO_FAR, "--timeout", "300ms")["outcome"] != "ok", "far is not reached")
    w.equal(w.probe("default/client", "tcp://pod:default/near:8080")["outcome"], "ok", "near is")
    way = w.labctl("explain", "client", "pod:default/far:8080", "-o", "json").json()["branches"][0]["way"]
    w.true("learned by BGP" not in json.dumps(way), f"nobody has told it the way: {way}")
    w.equal(w.labctl("plan").out, "", "drift during the fault")
    w.has(w.labctl("fault", "list").out, "bgp node/node-1 node-2", "the list")
    w.has(w.labctl("fault", "bgp", "node/node-1", "node-2", status=2).err, "in force already", "twice")
    w.labctl("fault", "restore", "node/node-1")
    w.equal(kernel_routes(w, "node/node-1"), routes_to(2) | blackholes(1), "routes, restored")
    w.equal(w.probe("default/client", TO_FAR)["outcome"], "ok", "far, restored")
    for reason in ("BGPSessionDown", "BGPSessionUp"):
        w.has(w.labctl("events").out, reason, "the events")
    check = w.write("check.yaml", '- {from: client, to: "tcp://pod:default/far:8080", expect: timeout, '
                                  'during: bgp node/node-2 node-1}\n')
    w.labctl("check", check, status=None)
    w.equal(kernel_routes(w, "node/node-1"), routes_to(2) | blackholes(1), "routes, after the check")
    for words, reason in ((("node/node-1", "node-9"), "no session with 'node-9'"), (("client", "node-2"), "only nodes"),
                          (("node/node-1",), "other end")):
        w.has(w.labctl("fault", "bgp", *words, status=2).err, reason, f"fault bgp {words}")


@case("BIRD that dies is started again and reported; one that is killed with its sandbox, too", limit_s=240)
def killed(w):
    up(w)

    def starts(node):
        return w.labctl("logs", f"node/{node}").out.count("<INFO> Started")

    for whole in (False, True):
        before = [starts("node-1"), starts("node-2")]
        if whole:
            for pid in w.labctl_processes("sandbox"):
                os.kill(pid, signal.SIGKILL)
        else:
            w.labctl("exec", "node/node-1", "--", "sh", "-c", "kill -9 $(pidof bird)")
        w.wait("it is started again", lambda b=before: starts("node-1") > b[0], within_s=30)
        if whole:
            w.wait("all are", lambda b=before: starts("node-2") > b[1], within_s=30)
        w.has(w.labctl("events").out, "BirdEnded", "the events")
        w.wait("the routes are back", lambda: kernel_routes(w, "node/node-1") == routes_to(2) | blackholes(1) and
               kernel_routes(w, "node/node-2") == routes_to(1) | blackholes(2), within_s=30)
        w.wait("the sessions are back", lambda: set(states(get_bgp(w), "node-1").values()) == {"Established"},
               within_s=30)
    w.equal(w.probe("default/client", TO_FAR)["outcome"], "ok", "far")


@case("however the lab ends, no BIRD is left", limit_s=240)
def ends(w):
    for role in ("supervisor", "keeper"):
        up(w)
        for pid in w.labctl_processes(role):
            os.kill(pid, signal.SIGKILL)
        w.assert_empty(within_s=5)


@case("the outside as another autonomous system reaches pods, Services and their load balancers", limit_s=240)
def outside(w):
    up(w, bgp="{serviceCIDR: true, loadBalancer: true, external: {asNumber: 64999}}", nodes=3, more=BALANCED)
    learned = kernel_routes(w, "external")
    nodes = {hop(number)[0] for number in (1, 2, 3)}
    w.true(routes_to(1, 2, 3) <= learned, f"the pods' ranges, each by its node: {learned}")
    w.equal({via for to, via in learned if to == "10.96.0.0/12"}, nodes, "the Services' range, by every node")
    balanced = next(s for s in w.get("services") if s["metadata"]["name"] == "balanced")
    address = balanced["status"]["loadBalancer"]["ingress"][0]["ip"]
    host = {via for to, via in learned if to in (address, f"{address}/32")}
    w.equal(host, {hop(1)[0], hop(2)[0]}, "a Local Service's address, by the nodes that have an endpoint")
    for target in (TO_FAR, f"http://{address}/", f"http://{balanced['spec']['clusterIP']}/"):
        w.equal(w.probe("external", target)["outcome"], "ok", target)
    w.labctl("set", "near", "ready=false")
    w.wait("node-1 withdraws the address", lambda: {
        via for to, via in kernel_routes(w, "external") if to in (address, f"{address}/32")} == {hop(2)[0]})
    w.equal(states(get_bgp(w), "external"), {f"node-{n}": "Established" for n in (1, 2, 3)}, "the outside's sessions")


RACKS = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: racks}
spec:
  nodes: 2
  podCIDR: 10.244.0.0/16,fd00:10:244::/56
  cni: {profile: calico, overlay: none, routing: bgp, bgp: {topology: tor}}
  dns: {enabled: false}
  underlay:
    switches: [rack-1, rack-2]
    routers: [leaf-1, leaf-2, spine-1, spine-2]
    links:
      - {endpoints: [leaf-1, rack-1]}
      - {endpoints: [leaf-2, rack-2]}
      - {endpoints: [node-1, rack-1]}
      - {endpoints: [node-2, rack-2]}
      - {endpoints: [leaf-1, spine-1]}
      - {endpoints: [leaf-1, spine-2]}
      - {endpoints: [leaf-2, spine-1]}
      - {endpoints: [leaf-2, spine-2]}
---
"""


def ways(w, router, destination):
    """The neighbours by which the kernel of a router sends what is for a range, as iproute2 has them."""
    found = json.loads(inside(w, router, "ip", "-6" if ":" in destination else "-4", "-j", "route", "show", destination,
                              "proto", "bird"))
    return {hop["gateway"] for route in found for hop in route.get("nexthops", [route])}


@case("racks: nodes talk to their routers, these to the spines; every way is used, and a lost session leaves the others",
      limit_s=240)
def racks(w):
    need_bird()
    w.labctl("up", "-f", w.write("racks.yaml", RACKS + profiles.PODS + "---" + profiles.SERVICE))
    profiles.check_flows(w, (("172.18.0.3", "172.18.1.2"), ("fd00:172:18::3", "fd00:172:18:1::2")),
                         ("172.18.0.2", "fd00:172:18::2"))
    w.equal(w.labctl("plan").out, "", "drift")
    systems = {s["node"]: s["localAsNumber"] for s in get_bgp(w)["sessions"]}
    w.equal(systems, {"node-1": 65001, "leaf-1": 65001, "node-2": 65002, "leaf-2": 65002, "spine-1": 65003, "spine-2": 65004},
            "autonomous systems")
    for far in block(2):
        w.equal(len(ways(w, "router/leaf-1", far)), 2, f"ways of leaf-1 to {far}")
        w.equal(len(ways(w, "node/node-1", far)), 1, f"ways of node-1 to {far}")
    shown = inside(w, "router/leaf-1", "birdc", "show", "route", "for", "10.244.2.0/24", "all")
    w.matches(shown, r"BGP.as_path: 6500[34] 65002", "the path in BIRD's own view")
    told = w.labctl("explain", "client", TO_FAR.replace("tcp://", "")).out
    w.matches(told, r"router/leaf-1 .*learned by BGP from spine-", "explain")
    w.labctl("fault", "bgp", "router/leaf-1", "spine-1")
    w.equal(ways(w, "router/leaf-1", "10.244.2.0/24"), {"172.18.3.2"}, "the way that is left")
    w.equal(w.probe("default/client", TO_FAR)["outcome"], "ok", "by the other spine")
    w.equal(states(get_bgp(w, "leaf-1"), "leaf-1")["spine-1"], "Down", "the session")
    w.labctl("fault", "bgp", "router/leaf-1", "router/spine-2")
    w.equal(ways(w, "node/node-1", "10.244.2.0/24"), set(), "withdrawn as far as the node")
    w.true(w.probe("default/client", TO_FAR, "--timeout", "500ms")["outcome"] != "ok", "no way is left")
    w.labctl("fault", "restore", "router/leaf-1")
    w.equal(len(ways(w, "router/leaf-1", "10.244.2.0/24")), 2, "both ways again")
    w.equal(w.probe("default/client", TO_FAR)["outcome"], "ok", "and packets on them")
    w.has(w.labctl("logs", "router/leaf-1").out, "Router_172_18_2_2", "what BIRD on leaf-1 prints")
    w.has(w.labctl("fault", "bgp", "router/leaf-1", "spine-9", status=2).err, "has no session with 'spine-9'", "a peer that is none")
    w.has(w.labctl("fault", "bgp", "switch/rack-1", "leaf-1", status=2).err, "only nodes and routers speak BGP", "a switch")


def tunnel_routes(w, number):
    """(destination, gateway, device, flags) of what BIRD has put into the kernel for other nodes' IPv4 ranges."""
    found = json.loads(inside(w, f"node/node-{number}", "ip", "-j", "route", "show", "proto", "bird"))
    return {(r["dst"], r.get("gateway"), r["dev"], *r["flags"]) for r in found if r.get("type") != "blackhole"}


def check_drawn(w, expected):
    """The routes of node-1 go with the session to node-2 and come back with it."""
    w.labctl("fault", "bgp", "node/node-1", "node-2")
    w.equal({r[0] for r in tunnel_routes(w, 1)}, {"10.244.3.0/24"}, "withdrawn with the session")
    w.true(w.probe("default/client", TO_FAR, "--timeout", "300ms")["outcome"] != "ok", "far is not reached")
    w.equal(w.labctl("plan").out, "", "drift during the fault")
    w.labctl("fault", "restore", "node/node-1")
    w.equal(tunnel_routes(w, 1), expected, "routes, restored")
    w.equal(w.probe("default/client", TO_FAR, "--timeout", "5s")["outcome"], "ok", "far, restored")


@case("calico's default: BGP into IP in IP. Every flow, routes into tunl0, what is on the wire, a lost session", modes=("root",),
      limit_s=300)
def by_ipip(w):
    need_bird()
    if overlays.lacking(w, "calico", "ipip, routing: bgp", "CONFIG_NET_IPIP"):
        raise Skip("the kernel has no tunnels of IP in IP")
    up(w, nodes=3, overlay="ipip")
    expected = {(f"10.244.{n}.0/24", f"172.18.0.{n + 1}", "tunl0", "onlink") for n in (2, 3)}
    w.equal(tunnel_routes(w, 1), expected, "routes of node-1, right after `up`")
    w.equal({way for way in kernel_routes(w, "node/node-1") if ":" in way[0]},
            {(block(n)[1], hop(n)[1]) for n in (2, 3)} | {(block(1)[1], None)}, "IPv6 goes as it is")
    w.matches(inside(w, "node/node-1", "birdc", "show", "route", "for", "10.244.2.0/24"), r"via 172\.18\.0\.3 on tunl0 onlink",
              "BIRD's own view")
    w.matches(w.labctl("get", "bgp").out, r"node-1 +10\.244\.2\.0/24 +172\.18\.0\.3 +tunl0 +node-2", "get bgp")
    w.equal(w.labctl("plan").out, "", "drift")
    profiles.check_flows(w)
    pods = profiles.pod_addresses(w)
    inner = rf"{re.escape(pods['client'][0])}\.\d+ > {re.escape(pods['far'][0])}\.8080: Flags \[S\]"
    w.matches(w.command("tcpdump", "-nr", overlays.underlay(w, pods), "ip proto 4").out,
              rf"IP 172\.18\.0\.2 > 172\.18\.0\.3: IP {inner}", "on the wire")
    way = w.labctl("explain", "client", "pod:default/far:8080", "-o", "json").json()["branches"][0]["way"][1]["how"]
    w.has(way, "learned by BGP from node-2", "explain: who told it")
    w.has(way, "IP in IP, 172.18.0.2 > 172.18.0.3 by eth0", "explain: the tunnel")
    check_drawn(w, expected)
    w.labctl("down")
    up(w, nodes=3, overlay="ipip, crossSubnet: true", bgp="{topology: reflector}")
    w.equal(tunnel_routes(w, 1), {(f"10.244.{n}.0/24", f"172.18.0.{n + 1}", "eth0") for n in (2, 3)},
            "nothing is between the nodes of one segment")
    w.equal(w.probe("default/client", TO_FAR)["outcome"], "ok", "far")
    w.labctl("down")
    zones.check_zones(w, "calico", "ipip, routing: bgp, crossSubnet: true")


@case("BGP into WireGuard: every flow, routes to the device, nothing to read on the wire, a lost session", modes=("root",),
      limit_s=240)
def by_wireguard(w):
    if not encryption.up_encrypted(w, "--encryption", "wireguard", "--nodes", "2"):
        raise Skip("the kernel has no WireGuard")
    w.labctl("down")
    up(w, nodes=3, overlay="none, encryption: wireguard")
    expected = {(f"10.244.{n}.0/24", None, "wireguard.cali") for n in (2, 3)}
    w.equal(tunnel_routes(w, 1), expected, "routes of node-1")
    w.equal(w.labctl("plan").out, "", "drift")
    profiles.check_flows(w)
    w.matches(w.labctl("get", "bgp").out, r"node-1 +10\.244\.2\.0/24 +- +wireguard\.cali +node-2", "get bgp")
    for target in ("http://pod:default/far:8080/", profiles.url("http", profiles.pod_addresses(w)["far"][1], 8080)):
        w.true(encryption.MARK.encode() not in encryption.on_the_cable(w, target).read_bytes(), "nothing to read")
    way = w.labctl("explain", "client", "pod:default/far:8080", "-o", "json").json()["branches"][0]["way"][1]["how"]
    w.has(way, "learned by BGP from node-2", "explain: who told it")
    w.has(way, "encrypted by WireGuard for node/node-2", "explain: the tunnel")
    check_drawn(w, expected)


@case("without BIRD a lab is not made: exit status 4, and the package is named", modes=("root",))
def absent(w):
    lab = LAB.replace("PROFILE", "calico").replace("NODES", "2").replace("BGP", "{}").replace("OVERLAY", "none")
    file = w.write("lab.yaml", lab)
    hide = "for f in /usr/sbin/bird /sbin/bird; do test -e $f && mount --bind /dev/null $f; done; exec labctl up -f "
    run = w.command("unshare", "-m", "sh", "-c", hide + str(file), status=4)
    w.has(run.err, "bird2", "what is said")


@case("settings of BGP that make no sense are refused at their place", modes=("rootless",))
def refused(w):
    base = LAB.replace("PROFILE", "calico").replace("NODES", "2").replace("OVERLAY", "none")
    for bgp, reason in (("{topology: star}", "star"), ("{asNumber: 0}", "asNumber"), ("{serviceCIDR: true}", "external"),
                        ("{topology: reflector, reflectors: [node-7]}", "node-7")):
        w.has(w.labctl("up", "-f", w.write("lab.yaml", base.replace("BGP", bgp)), status=2).err, reason, bgp)
    tunnelled = base.replace("BGP", "{}").replace("overlay: none", "overlay: vxlan")
    w.has(w.labctl("up", "-f", w.write("lab.yaml", tunnelled), status=2).err, "overlay: none", "with a tunnel")
