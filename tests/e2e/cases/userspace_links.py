"""Links of the underlay that the data plane carries: `emulation: userspace`."""

import json
import os

from cases.capture import listening, stop, tcpdump
from cases.underlay import PAIR, ping, up
from harness import SLOW, case

ROOT = ("root",)  # in a namespace of an ordinary user /dev/net/tun is the administrator's to give
TUN = "/dev/net/tun"

HEAD = "apiVersion: labctl.dev/v1\nkind: Lab\nmetadata: {name: wires}\n"

LAN = HEAD + """
spec:
  nodes: 0
  underlay:
    cidr: 10.1.0.0/16
    emulation: userspace
    switches: [s1]
    routers: [r1]
    hosts: [h1, h2, h3]
    links:
      - {endpoints: [h1, s1]}
      - {endpoints: [h2, s1], DAMAGE}
      - {endpoints: [r1, s1], emulation: none}
      - {endpoints: [r1, h3], mtu: 1400}
"""

PODS = HEAD + """
spec:
  nodes: 2
  underlay: {emulation: userspace}
""" + "---" + PAIR + "---" + """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""


def times(text):
    return [float(line.split("time=")[1].split()[0]) for line in text.splitlines() if "time=" in line]


def ends(w):
    """(place, interface) -> what `get links` says of the packets that leave there."""
    listed = {}
    for link in w.labctl("get", "links", "-o", "json").json()["items"]:
        for end in (link["a"], link["b"]):
            listed[(end["place"], end["interface"])] = end | {"emulation": link["emulation"]}
    return listed


def counted(w, place, interface, what):
    return ends(w)[(place, interface)]["counters"][what]


@case("links in userspace: names, addresses and MTUs are those of a veth pair, and so is what switches and routers do",
      modes=ROOT)
def plain(w):
    up(w, LAN.replace(", DAMAGE", ""))
    w.equal(w.labctl("plan").out, "", "drift")
    for place, kind, mtu in (("h1", "tun", 1500), ("h3", "tun", 1400)):
        link = json.loads(w.labctl("exec", f"host/{place}", "--", "ip", "-d", "-j", "link", "show", "dev", "eth0").out)[0]
        w.equal((link["linkinfo"]["info_kind"], link["mtu"]), (kind, mtu), f"eth0 of {place}")
    link = json.loads(w.labctl("exec", "router/r1", "--", "ip", "-d", "-j", "link", "show", "dev", "eth0").out)[0]
    w.equal(link["linkinfo"]["info_kind"], "veth", "the link that the kernel carries")
    file = w.folder / "lan.pcapng"
    process = listening(w, "switch/s1:to-h1", "host/h2", "-w", file)
    ping(w, "host/h1", "h2")
    stop(w, process)
    w.has(tcpdump(w, file, "-e", "arp").out, "Request who-has 10.1.0.", "the capture")
    w.has(ping(w, "host/h1", "h3"), "ttl=63", "an answer from behind the router")
    ping(w, "host/h1", "h2", "-M", "do", "-s", "1472")
    w.has(ping(w, "host/h1", "h3", "-M", "do", "-s", "1400", count=2, status=1), "+2 errors", "a packet that is too large")
    w.has(w.labctl("explain", "host/h1", "host/h2").out, "switch/s1", "explain")
    shown = w.labctl("get", "links", "-o", "wide").out
    w.matches(shown, r"router/r1:eth1 +host/h3:eth0 +1400 +- +- +userspace +\d+ delivered", "get links")
    w.matches(shown, r"switch/s1:to-r1 +router/r1:eth0 +1500 +- +- +none +- +-$", "get links")
    w.equal(w.probe("host/h1", "tcp://h2:80")["outcome"], "refused", "a port where nobody listens")


@case("delay, loss, duplicates, reordering, damage and a rate of a link in userspace, changed while it is used",
      modes=ROOT)
def impaired(w):
    up(w, LAN.replace("DAMAGE", "delay: 20ms, towards: {h2: {delay: 40ms}}"))
    ping(w, "host/h1", "h2")
    took = times(ping(w, "host/h1", "h2", "-i", "0.05", count=21))
    w.equal(len(took), 21, "answers")
    w.true(60 <= min(took) < 60 + 20 * SLOW, f"round trips of 40 ms and 20 ms: {took}")
    w.has(w.labctl("explain", "host/h1", "host/h2").out, "[link: delay 40ms]", "explain")
    w.labctl("fault", "link", "host/h2", "switch/s1", "--delay", "0ms", "--loss", "100%", "--direction", "out")
    ping(w, "host/h1", "h2", "-W", "1", status=1)
    w.wait("the losses are counted", lambda: counted(w, "host/h2", "eth0", "lost") > 0)
    w.equal(w.labctl("plan").out, "", "drift with a fault in force")
    w.labctl("fault", "clear", "--all")
    w.true(min(times(ping(w, "host/h1", "h2", count=3))) >= 60, "the link is as the lab file has it")
    run = w.labctl("fault", "link", "host/h1", "switch/s1", "--mtu", "65535", status=2)
    w.has(run.err, "an MTU of at most 65521", "an MTU that no TAP device has")
    w.labctl("fault", "link", "host/h1", "switch/s1", "--duplicate", "100%", "--direction", "out")
    w.wait("a duplicate", lambda: "DUP!" in ping(w, "host/h1", "h2", "-i", "0.05", count=3), 20)
    w.labctl("fault", "clear", "--all")
    w.labctl("fault", "link", "host/h1", "switch/s1", "--corrupt", "100%", "--direction", "out")
    ping(w, "host/h1", "h2", "-W", "1", status=1)
    w.wait("the damage is counted", lambda: counted(w, "host/h1", "eth0", "corrupted") > 0)
    w.labctl("fault", "clear", "--all")
    w.labctl("fault", "link", "host/h1", "switch/s1", "--rate", "80kbit", "--direction", "out")
    # 1,042 bytes are 104 ms at that rate.
    took = times(ping(w, "host/h1", "h2", "-s", "1000", "-i", "0.3", count=3))
    w.true(min(took) >= 164, f"60 ms and 104 ms: {took}")
    w.labctl("fault", "clear", "--all")
    w.labctl("fault", "link", "host/h1", "switch/s1", "--delay", "300ms", "--reorder", "50%", "--direction", "out")
    took = times(ping(w, "host/h1", "h2", "-i", "0.02", count=40))
    w.true(min(took) < 360 <= max(took), f"some overtake: {took}")
    w.true(counted(w, "host/h1", "eth0", "reordered") > 0, "those that overtake are counted")


@case("a cable of a link in userspace that is cut has no carrier, and is healed; a data plane that dies comes back",
      modes=ROOT)
def broken(w):
    up(w, LAN.replace(", DAMAGE", ""))

    def no_carrier():
        return "NO-CARRIER" in w.labctl("exec", "host/h1", "--", "ip", "link", "show", "dev", "eth0").out

    ping(w, "host/h1", "h2")
    w.true(not no_carrier(), "a carrier")
    w.labctl("fault", "cut", "host/h1")
    w.wait("no carrier behind a cut", no_carrier)
    ping(w, "host/h1", "h2", "-W", "1", status=(1, 2))
    w.matches(w.labctl("get", "links").out, r"switch/s1:to-h1 \(down\)", "get links")
    w.labctl("fault", "restore", "host/h1")
    w.wait("a carrier again", lambda: not no_carrier())
    w.wait("the way", lambda: "1 received" in ping(w, "host/h1", "h2", "-W", "1", status=None), 20)
    before = counted(w, "host/h1", "eth0", "delivered")
    os.kill(w.labctl("status", "-o", "json").json()["dataPlane"]["pid"], 9)
    w.wait("the links work again", lambda: "1 received" in ping(w, "host/h1", "h2", "-W", "1", status=None), 20)
    w.true(counted(w, "host/h1", "eth0", "delivered") >= before, "counters go on")
    w.labctl("exec", "host/h1", "--", "ip", "link", "delete", "eth0")
    w.has(w.labctl("plan").out, "ip tuntap add eth0 mode tap vnet_hdr", "what is missing")
    w.labctl("up", "wires")
    w.equal(w.labctl("plan").out, "", "what is missing after a repair")
    w.wait("the device works again", lambda: "1 received" in ping(w, "host/h1", "h2", "-W", "1", status=None), 20)


@case("nodes on links in userspace: pods and Services are reached as ever, with a delay between the nodes",
      modes=ROOT, limit_s=120)
def nodes(w):
    up(w, PODS)
    w.equal(w.labctl("plan").out, "", "drift")
    for to in ("tcp://pod:default/web:8080", "http://web/", "icmp://pod:default/web"):
        w.equal(w.probe("default/client", to)["outcome"], "ok", f"{to} from a pod")
    w.labctl("fault", "link", "node/node-1", "underlay", "--delay", "25ms")
    result = w.probe("default/client", "icmp://pod:default/web")
    w.true(result["outcome"] == "ok" and result["rttMicros"] >= 50000, f"25 ms each way: {result}")
    w.equal(w.labctl("plan").out, "", "drift with a fault in force")
    w.labctl("fault", "stop", "node/node-2")
    w.equal(w.probe("node/node-1", "icmp://node-2", "--timeout", "1s")["outcome"] != "ok", True, "a node that is stopped")
    w.labctl("fault", "clear", "--all")
    w.wait("the node is back", lambda: w.probe("default/client", "icmp://pod:default/web")["outcome"] == "ok", 20)


@case("what cannot be emulated is refused with its place, and nothing is made", modes=ROOT)
def refused(w):
    path = w.write("bad.yaml", LAN.replace("DAMAGE", "emulation: magic"))
    for command in ("up", "lint"):
        run = w.labctl(command, path, status=2)
        w.matches(run.err, r"bad\.yaml:15:42: error: .*spec\.underlay\.links\[1\]\.emulation", f"what {command} says")
    path = w.write("large.yaml", LAN.replace("DAMAGE", "mtu: 65535"))
    run = w.labctl("up", path, status=2)
    w.matches(run.err, r"large\.yaml:15:36: error: .*spec\.underlay\.links\[1\]\.mtu: 65535 is more than", "an MTU")
    w.assert_empty()


@case("without /dev/net/tun links in userspace are refused with the remedy, and with it an ordinary user has them",
      modes=("rootless",))
def no_device(w):
    path = w.write("lab.yaml", LAN.replace(", DAMAGE", ""))
    if os.stat(TUN).st_mode & 0o006 == 0o006:
        w.labctl("up", path)
        ping(w, "host/h1", "h2")
        return
    refusal = w.labctl("up", path, status=4).err
    w.has(refusal, "`emulation: userspace` of links needs TAP devices", "what needs it")
    w.has(refusal, TUN, "what is missing")
    w.has(refusal, "chmod 0666", "the remedy")
    w.assert_empty()
