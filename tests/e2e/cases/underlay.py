"""The underlay as a topology: switches, routers, hosts and links of a lab file."""

import json
import shutil

from cases.capture import listening, stop, tcpdump
from harness import Skip, case

HEAD = "apiVersion: labctl.dev/v1\nkind: Lab\nmetadata: {name: net}\n"

LAN = HEAD + """
spec:
  nodes: 0
  underlay:
    cidr: 10.1.0.0/16
    switches: [s1]
    hosts: [h1, h2]
    links:
      - {endpoints: [h1, s1]}
      - {endpoints: [h2, s1]}
"""

LANS = HEAD + """
spec:
  nodes: 0
  underlay:
    cidr: [10.1.0.0/16, "fd00:1::/48"]
    switches: [a, b]
    routers: [r1]
    hosts: [h1, h2]
    links:
      - {endpoints: [h1, a]}
      - {endpoints: [r1, a]}
      - {endpoints: [r1, b]}
      - {endpoints: [h2, b]}
"""

NAT = HEAD + """
spec:
  nodes: 0
  underlay:
    cidr: 10.1.0.0/16
    routers: [{name: gw, nat: server}]
    hosts: [pc, server]
    links:
      - {endpoints: [pc, gw]}
      - {endpoints: [gw, server]}
"""

RACKS = HEAD + """
spec:
  nodes: [{name: node-1, zone: a}, {name: node-2, zone: b}]
  cni: {profile: PROFILE, overlay: OVERLAY}
  underlay:
    switches: [rack-1, rack-2]
    routers: [leaf-1, leaf-2, spine-1, spine-2]
    hosts: [laptop]
    links:
      - {endpoints: [leaf-1, rack-1]}
      - {endpoints: [leaf-2, rack-2]}
      - {endpoints: [node-1, rack-1]}
      - {endpoints: [node-2, rack-2]}
      - {endpoints: [leaf-1, spine-1]}
      - {endpoints: [leaf-1, spine-2]}
      - {endpoints: [leaf-2, spine-1]}
      - {endpoints: [leaf-2, spine-2]}
      - {endpoints: [laptop, rack-2]}
"""

# A pod on each of two nodes.
PAIR = """
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: node-1, containers: [{name: c, image: "x:1", ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {nodeName: node-2, containers: [{name: c, image: "x:1", ports: [{containerPort: 8080}]}]}
"""

RACKS += "---" + PAIR + "---" + """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
"""


def up(w, text):
    w.labctl("up", w.write("lab.yaml", text))


def ping(w, origin, to, *words, count=1, status=0):
    return w.labctl("exec", origin, "--", "ping", "-n", "-c", count, "-W", "5", *words, to, status=status).out


def has_netem(w):
    features = w.labctl("doctor", "-o", "json", status=None).json()["features"]
    return any(f["name"] == "netem" and f["available"] for f in features)


@case("two hosts on a switch: ARP is seen in a capture, and the switch has learnt who is where")
def plain_lan(w):
    up(w, LAN)
    w.equal(w.labctl("plan").out, "", "drift")
    file = w.folder / "lan.pcapng"
    process = listening(w, "switch/s1:to-h1", "host/h2", "-w", file)
    ping(w, "host/h1", "h2")
    stop(w, process)
    text = tcpdump(w, file, "-e", "arp").out
    w.has(text, "Request who-has 10.1.0.2 tell 10.1.0.1", "the capture")
    w.has(text, "Reply 10.1.0.2 is-at", "the capture")
    links = {link["ifname"]: link for link in json.loads(
        w.labctl("exec", "host/h2", "--", "ip", "-d", "-j", "link").out)}
    entries = json.loads(w.labctl("exec", "switch/s1", "--", "bridge", "-j", "fdb", "show").out)
    learnt = {entry["mac"]: entry["ifname"] for entry in entries if not entry.get("state")}
    w.equal(learnt.get(links["eth0"]["address"]), "to-h2", "where the switch has learnt h2")
    result = w.probe("host/h1", "icmp://h2")
    w.equal((result["outcome"], result["resolved"]), ("ok", "10.1.0.2"), "a probe from a host to a host")
    w.equal(w.probe("host/h1", "tcp://10.1.0.2:80")["outcome"], "refused", "a port where nobody listens")


@case("a router: the time to live is one less behind it, and where it ends the capture says so")
def expiring(w):
    up(w, LANS)
    w.has(ping(w, "host/h1", "10.1.1.2"), "ttl=63", "an answer from behind the router")
    w.has(ping(w, "host/h1", "fd00:1:0:1::2"), "ttl=63", "the same by IPv6")
    process = listening(w, "router/r1:any", "--filter", "icmp")
    w.has(ping(w, "host/h1", "10.1.1.2", "-t", "1", status=1), "From 10.1.0.1 icmp_seq=1 Time to live exceeded", "ping")
    out, _ = stop(w, process)
    w.matches(out, r"router/r1:eth0  out  10\.1\.0\.1 > 10\.1\.0\.2 .*[Tt]ime", "the capture")
    w.true("router/r1:eth1" not in out, "the packet left by the other side")
    w.has(ping(w, "host/h1", "192.0.2.1", count=4, status=1), "Net Unreachable", "what no route leads to")
    told = w.labctl("explain", "host/h1", "host/h2")
    for part in ("switch/a", "router/r1", "switch/b", "host/h2", "via 10.1.0.1 dev eth0"):
        w.has(told.out, part, "explain")
    w.has(w.labctl("explain", "host/h1", "tcp://10.1.1.2:80").out, "address of host/h2", "explain of an address")
    answer = json.loads(w.labctl("exec", "router/r1", "--", "ip", "-j", "route").out)
    w.equal({route["dst"] for route in answer}, {"10.1.0.0/24", "10.1.1.0/24"}, "routes of the router")


@case("a router with NAT: outside, its own address is seen; from outside nobody comes in")
def nat(w):
    up(w, NAT)
    process = listening(w, "host/server", "host/pc", "--filter", "icmp")
    ping(w, "host/pc", "10.1.1.2")
    out, _ = stop(w, process)
    w.matches(out, r"host/pc:eth0 +out  10\.1\.0\.2 > 10\.1\.1\.2 ", "what the host sent")
    w.matches(out, r"host/server:eth0 +in   10\.1\.1\.1 > 10\.1\.1\.2 ", "what came out of the router")
    w.true("10.1.0.2 > " not in "".join(l for l in out.splitlines() if "host/server" in l), "the host's own address outside")
    run = w.labctl("exec", "host/server", "--", "ping", "-n", "-c", "1", "10.1.0.2", status=(1, 2))
    w.has(run.out + run.err, "nreachable", "a way in")
    rules = w.labctl("exec", "router/gw", "--", "nft", "list", "table", "ip", "nat").out
    w.has(rules, 'oifname "eth1" counter', "the rule")
    told = w.labctl("explain", "host/pc", "host/server:7", "-o", "json").json()["branches"][0]
    w.equal((told["masqueraded"], told["source"]), (True, "10.1.1.1"), "what explain says of it")


def check_racks(w, profile, overlay):
    up(w, RACKS.replace("PROFILE", profile).replace("OVERLAY", overlay))
    w.equal(w.labctl("plan").out, "", "drift")
    for to in ("tcp://pod:default/web:8080", "http://web/", "tcp://172.18.1.2:30080"):
        w.equal(w.probe("default/client", to)["outcome"], "ok", f"{to} from a pod")
    service = w.get("service", "web")[0]
    balancer = service["status"]["loadBalancer"]["ingress"][0]["ip"]
    for origin in ("external", "host/laptop"):
        for to in (f"http://{balancer}/", "http://172.18.0.3:30080/", f"tcp://{service['spec']['clusterIP']}:80"):
            w.equal(w.probe(origin, to)["outcome"], "ok", f"{to} from {origin}")
    w.equal(w.probe("default/client", "icmp://172.18.1.3")["outcome"], "ok", "a host from a pod")
    w.equal(w.probe("node/node-1", "icmp://laptop")["outcome"], "ok", "a host from a node, by its name")
    routes = json.loads(w.labctl("exec", "router/leaf-1", "--", "ip", "-j", "route", "show", "172.18.1.0/24").out)
    w.equal(len(routes[0]["nexthops"]), 2, "equal ways between the racks")
    told = w.labctl("explain", "default/client", "pod:default/web:8080").out
    w.matches(told, r"router/spine-[12]", "the underlay in explain")


def seen_on_router(w, what):
    """The lines of a capture on the second rack's router while a pod of the first calls one of the second."""
    process = listening(w, "router/leaf-2:any", "--filter", what)
    w.equal(w.probe("default/client", "tcp://pod:default/web:8080")["outcome"], "ok", "the probe")
    return stop(w, process)[0]


@case("leaf and spine: pods, Services and nodes are reached across routers, by VXLAN", limit_s=120)
def racks_vxlan(w):
    check_racks(w, "bridge", "vxlan")
    w.matches(seen_on_router(w, "vxlan"), r"172\.18\.0\.3 > 172\.18\.1\.2 VXLAN 1 \| ", "the tunnel on a router")


@case("leaf and spine: the same without a tunnel, by routes that the routers have", limit_s=120)
def racks_routed(w):
    check_racks(w, "calico", "none")
    w.matches(seen_on_router(w, "tcp port 8080"),
              r"router/leaf-2:eth0  out  10\.244\.1\.\d+:\d+ > 10\.244\.2\.\d+:8080 TCP SYN", "a pod's own packet")


@case("an underlay that cannot be: every problem with its place, and nothing is made")
def bad_underlay(w):
    path = w.write("bad.yaml", HEAD + (
        "spec:\n"
        "  nodes: 1\n"
        "  underlay:\n"
        "    switches: [a, b]\n"
        "    hosts: [h1]\n"
        "    links:\n"
        "      - {endpoints: [node-1, a]}\n"
        "      - {endpoints: [h2, a], loss: 200%}\n"
        "      - {endpoints: [h1, a], delay: soon}\n"
        "      - endpoints: [a, b]\n"
        "        mtu: 100\n"))
    for command in ("up", "lint"):
        run = w.labctl(command, path, status=2)
        for part in ("bad.yaml:11:22: error: spec.underlay.links[1].endpoints[0]: there is no device 'h2'",
                     "did you mean 'h1'?",
                     "bad.yaml:12:37: error: spec.underlay.links[2].delay: 'soon' is no time",
                     "bad.yaml:14:14: error: spec.underlay.links[3].mtu: 100 is not an MTU"):
            w.has(run.err, part, f"what {command} says")
    w.assert_empty()
    run = w.labctl("lint", w.write("odd.yaml", LAN.replace("switches:", "switchs:")), status=(0, 2))
    w.has(run.err, "switches", "the suggestion for an unknown field")


@case("a link loses and slows down while the lab runs; get links, status and explain say so; restore heals")
def link_faults(w):
    up(w, LANS)
    w.equal(w.labctl("fault", "link", "host/h1", "switch/a", "--loss", "100%", "--direction", "out").out.splitlines()[0],
            "f1: link host/h1 switch/a --loss 100% --direction out", "the fault")
    ping(w, "host/h1", "10.1.1.2", "-W", "1", status=1)
    shown = w.labctl("get", "links").out
    w.matches(shown, r"switch/a:to-h1 +host/h1:eth0 +1500 +- +loss 100%", "get links")
    w.has(w.labctl("explain", "host/h1", "host/h2").out, "[link: loss 100%]", "explain")
    w.has(w.labctl("status").out, "1 in force", "status")
    w.equal(w.labctl("plan").out, "", "drift with a fault in force")
    w.labctl("fault", "restore", "switch/a", "host/h1")
    # With netem the questions of ARP were lost, too, and their last attempt has to run out.
    w.wait("the way back", lambda: "1 received" in ping(w, "host/h1", "10.1.1.2", "-W", "1", status=None), within_s=20)
    w.labctl("fault", "link", "router/r1", "switch/b", "--rate", "8mbit", "--for", "1h")
    words = w.labctl("exec", "router/r1", "--", "tc", "qdisc", "show", "dev", "eth1").out
    w.matches(words, r"rate 8Mbit", "tc")
    w.equal(w.labctl("plan").out, "", "drift with a rate in force")
    w.labctl("fault", "clear", "--all")
    words = w.labctl("exec", "router/r1", "--", "tc", "qdisc", "show", "dev", "eth1").out
    w.true("rate" not in words, f"the rate is gone: {words}")
    w.labctl("fault", "link", "host/h1", "switch/a", "--mtu", "600")
    ping(w, "host/h1", "10.1.0.1", "-M", "do", "-s", "573", status=1)
    ping(w, "host/h1", "10.1.0.1", "-M", "do", "-s", "572")
    run = w.labctl("fault", "link", "host/h1", "host/h2", "--loss", "1%", status=2)
    w.has(run.err, "there is no link between 'host/h1' and 'host/h2'", "a link that is not there")
    run = w.labctl("fault", "link", "host/h1", "switch/a", "--loss", "101%", status=2)
    w.has(run.err, "is no share from 0% to 100%", "a share that cannot be")


@case("delay needs netem: with it the delay is there, without it exit 4 says what is missing")
def delay(w):
    path = w.write("lab.yaml", LAN.replace("[h2, s1]}", "[h2, s1], delay: 20ms, towards: {h2: {delay: 40ms}}}"))
    if not has_netem(w):
        run = w.labctl("up", path, status=4)
        w.has(run.err, "this kernel has no netem", "standard error")
        w.has(run.err, "CONFIG_NET_SCH_NETEM", "the remedy")
        w.assert_empty()
        up(w, LAN)
        run = w.labctl("fault", "link", "host/h1", "switch/s1", "--delay", "20ms", status=4)
        w.has(run.err, "this kernel has no netem", "standard error")
        w.equal(w.labctl("fault", "list", "-o", "json").json()["items"], [], "faults left")
        ping(w, "host/h1", "h2")
        return
    w.labctl("up", path)
    times = [float(line.split("time=")[1].split()[0])
             for line in ping(w, "host/h1", "h2", "-i", "0.2", count=11).splitlines() if "time=" in line]
    middle = sorted(times)[len(times) // 2]
    w.true(60 <= min(times) and middle <= 60 * 1.1 + 1, f"round trips of 40 ms and 20 ms: {times}")
    w.equal(w.labctl("plan").out, "", "drift")


@case("a rate is what iperf3 measures: each direction its own, in a running lab too")
def rate_measured(w):
    if shutil.which("iperf3") is None:
        raise Skip("iperf3 is not installed")
    up(w, LAN.replace("[h2, s1]}", "[h2, s1], rate: 20mbit, towards: {h2: {rate: 40mbit}}}"))
    server = w.start("labctl", "exec", "host/h2", "--", "iperf3", "-s")

    def measured(*words):
        """Mbit/s that the receiver got. Of a frame of 1,514 bytes, which a rate counts, 1,448 are data."""
        run = w.labctl("exec", "host/h1", "--", "iperf3", "-c", "10.1.0.2", "-J", "-O", "1", "-t", "2", *words)
        return run.json()["end"]["sum_received"]["bits_per_second"] / 1e6 * 1514 / 1448

    try:
        w.wait("iperf3's server", lambda: w.probe("host/h1", "tcp://10.1.0.2:5201")["outcome"] == "ok")
        for asked, words in ((40, ()), (20, ("-R",))):
            got = measured(*words)
            w.true(abs(got - asked) <= asked * 0.1, f"{got:.1f} Mbit/s, where {asked} were asked for")
        w.labctl("fault", "link", "host/h2", "switch/s1", "--rate", "10mbit", "--direction", "in")
        got = measured()
        w.true(abs(got - 10) <= 1, f"{got:.1f} Mbit/s, where 10 were asked for while the lab runs")
    finally:
        server.terminate()
        server.communicate(timeout=20)
