"""WireGuard between nodes: who encrypts for whom, and what is left to read on the underlay."""

import re

from cases import capture, profiles
from harness import Skip, case

MARK = "SECRET-PAYLOAD-71"

# profile -> device, UDP port
DEVICES = {"bridge": ("wg0", 51820), "flannel": ("flannel-wg", 51820), "calico": ("wireguard.cali", 51820),
           "cilium": ("cilium_wg0", 51871)}


def up_encrypted(w, *words):
    """`up`, or False where the kernel has no WireGuard: then it says so and leaves nothing."""
    done = w.labctl("up", *words, status=(0, 4))
    if done.status == 0:
        return True
    w.has(done.err, "spec.cni.encryption: wireguard needs WireGuard devices in the kernel", "what is missing")
    w.has(done.err, "CONFIG_WIREGUARD", "what to do")
    w.equal(w.labctl("ls", "-o", "name").out.strip(), "", "what is left")
    return False


def up(w, profile, encryption):
    text = "---".join((profiles.LAB.replace("PROFILE", profile).replace("OVERLAY", f"none, encryption: {encryption}"),
                       profiles.PODS, profiles.SERVICE))
    if not up_encrypted(w, "-f", w.write("lab.yaml", text)):
        raise Skip("the kernel has no WireGuard")
    return profiles.pod_addresses(w)


def on_the_cable(w, target):
    """The bytes on node-1's cable, both ways, while the mark is sent to that target in a body."""
    file = w.folder / "cable.pcapng"
    process = capture.listening(w, "node/node-1:eth0", "-w", file)
    result = w.probes({"id": "1", "from": "default/client", "to": target, "method": "POST", "body": MARK * 20})["1"]
    w.equal((result["outcome"], result["http"]["status"]), ("ok", 200), f"the request: {result}")
    capture.stop(w, process)
    return file


def wg(w, node, what):
    """Lines of `wg show DEVICE WHAT`, in words."""
    found = w.labctl("exec", node, "--", "wg", "show", "all", what).out
    return [line.split()[1:] for line in found.splitlines()]


def check_devices(w, profile, pods):
    """What wg(8) and ip(8) say, against what labctl says."""
    name, port = DEVICES[profile]
    keys = {}
    for node in w.get("nodes"):
        notes = node["metadata"]["annotations"]
        keys[node["metadata"]["name"]] = next(value for key, value in notes.items() if re.search("(?i)key|backend-data", key))
    for number, peer in ((1, 2), (2, 1)):
        node = f"node/node-{number}"
        found = w.labctl("exec", node, "--", "ip", "-d", "-j", "address", "show", "dev", name).json()[0]
        w.equal((found["linkinfo"]["info_kind"], found["mtu"]), ("wireguard", 1440), "the device")
        w.equal({a["local"] for a in found["addr_info"]}, {f"10.244.{number}.0", f"fd00:10:244:{number}::"}, "its addresses")
        w.has(keys[f"node-{number}"], wg(w, node, "public-key")[0][0], "the node's annotation")
        w.equal(wg(w, node, "listen-port"), [[str(port)]], "the port")
        key = wg(w, f"node/node-{peer}", "public-key")[0][0]
        w.equal(wg(w, node, "endpoints"), [[key, f"172.18.0.{peer + 1}:{port}"]], "the peer's endpoint")
        w.equal(wg(w, node, "allowed-ips"), [[key, f"10.244.{peer}.0/24", f"fd00:10:244:{peer}::/64"]], "the peer's addresses")
        for range_ in (f"10.244.{peer}.0/24", f"fd00:10:244:{peer}::/64"):
            shown = w.labctl("exec", node, "--", "ip", "-6" if ":" in range_ else "-4", "-j", "route", "show", range_).json()
            w.equal([route["dev"] for route in shown], [name], f"the route to {range_}")
    secret = wg(w, "node/node-1", "private-key")[0][0]
    everything = "".join(w.labctl(*words).out for words in (
        ("get", "nodes", "-o", "yaml"), ("get", "lab", "-o", "yaml"), ("describe", "node", "node-1"), ("status", "-o", "json"), ("plan",)))
    w.true(secret not in everything, "the private key is nowhere to be read")
    w.true(len(pods["client"]) == 2, "both families")


@case("a kernel without WireGuard ends `up` with status 4 and the name of what is missing")
def kernel_lacks(w):
    up_encrypted(w, "--encryption", "wireguard", "--nodes", "2")


@case("what WireGuard does not go with is said at its place in the file")
def refused(w):
    head = "apiVersion: labctl.dev/v1\nkind: Lab\nmetadata: {name: x}\nspec:\n  cni:\n    encryption: wireguard\n"
    for more, place, words in (("    overlay: vxlan\n", ":7:14", "WireGuard carries the pods' packets itself"),
                               ("    profile: weave\n", ":6:17", "bridge, calico, cilium and flannel")):
        done = w.labctl("lint", w.write("lab.yaml", head + more), status=None)
        w.true(done.status != 0, "an error")
        w.has(done.out + done.err, f"lab.yaml{place}", "the place")
        w.has(done.out + done.err, words, "the reason")


@case("what pods send each other can be read on the underlay as long as nobody encrypts")
def plain(w):
    up(w, "calico", "none")
    w.true(MARK.encode() in on_the_cable(w, "http://pod:default/far:8080/").read_bytes(), "the mark is there to read")


@case("calico encrypted: every flow, wg's own view, nothing to read on the underlay, a policy, drift", modes=("root",), limit_s=120)
def calico(w):
    pods = up(w, "calico", "wireguard")
    w.has(w.labctl("status").out, "calico, none, WireGuard, MTU 1440", "the status")
    sessions = wg(w, "node/node-1", "latest-handshakes") + wg(w, "node/node-2", "latest-handshakes")
    w.equal([int(line[1]) > 0 for line in sessions], [True, True], "`up` returns when nodes have their sessions")
    profiles.check_flows(w)
    check_devices(w, "calico", pods)
    for family in (0, 1):
        file = on_the_cable(w, profiles.url("http", pods["far"][family], 8080))
        w.true(MARK.encode() not in file.read_bytes(), "the mark cannot be read")
        lines = w.command("tcpdump", "-nr", file, "ip or ip6").out.splitlines()
        foreign = [line for line in lines if not re.search(r"IP 172\.18\.0\.[23]\.51820 > 172\.18\.0\.[23]\.51820: UDP", line)]
        w.true(lines and not foreign, f"nothing but UDP 51820: {foreign or lines}")
    process = capture.listening(w, "node/node-1:eth0", "--filter", "wireguard")
    w.equal(w.probe("default/client", profiles.url("icmp", pods["far"][0]), "--size", "1440")["outcome"], "ok", "a full packet")
    w.matches(capture.stop(w, process)[0], r"172\.18\.0\.2:51820 > 172\.18\.0\.3:51820 WireGuard transport data, 1440 bytes",
              "what capture says")
    hops = w.labctl("explain", "client", "pod:default/far:8080", "-o", "json").json()["branches"][0]["way"]
    w.has(hops[1]["how"], "encrypted by WireGuard for node/node-2, 172.18.0.2 > 172.18.0.3 UDP 51820 by eth0, MTU 1440", "the hop")
    w.equal(w.labctl("plan").out.count("wg "), 0, "what is not as wanted")
    key = wg(w, "node/node-1", "endpoints")[0][0]
    w.labctl("exec", "node/node-1", "--", "wg", "set", "wireguard.cali", "peer", key, "remove")
    w.has(w.labctl("plan").out, f"wg set wireguard.cali peer {key} endpoint 172.18.0.3:51820", "what is missing")
    w.labctl("up", "wired")
    far = "tcp://pod:default/far:8080"
    w.wait("the tunnel works again", lambda: w.probe("default/client", far, "--timeout", "2s")["outcome"] == "ok", 20)
    w.labctl("apply", "-f", w.write("deny.yaml", profiles.DENY))
    w.true(w.probe("default/client", far, "--timeout", "2s")["outcome"] != "ok", "a policy")


@case("a node that is switched off and on again: its peers keep it, and its sessions come back", modes=("root",), limit_s=120)
def nodes(w):
    up(w, "calico", "wireguard")
    far = "tcp://pod:default/far:8080"
    keys = {node: wg(w, f"node/{node}", "peers") for node in ("node-1", "node-2")}
    w.labctl("fault", "stop", "node/node-2")
    w.true(w.probe("default/client", far, "--timeout", "1s")["outcome"] != "ok", "far is not reached")
    w.equal(wg(w, "node/node-1", "peers"), keys["node-1"], "it is a peer still")
    w.equal(w.labctl("plan").out.count("wg "), 0, "what is not as wanted")
    w.labctl("fault", "clear", "--all")
    w.wait("the session is back", lambda: w.probe("default/client", far, "--timeout", "2s")["outcome"] == "ok", 40)
    w.equal({node: wg(w, f"node/{node}", "peers") for node in keys}, keys, "the keys")


def declare(profile):
    def demo(w):
        if not up_encrypted(w, "--cni", profile, "--encryption", "wireguard"):
            raise Skip("the kernel has no WireGuard")
        w.wait("the demo's checks pass", lambda: w.labctl("check", status=None).status == 0, 10)
        name = DEVICES[profile][0]
        for number in (1, 2, 3):
            found = w.labctl("exec", f"node/node-{number}", "--", "ip", "-d", "-j", "link", "show", "dev", name).json()[0]
            w.equal((found["linkinfo"]["info_kind"], found["mtu"]), ("wireguard", 1440), "the device")

    demo.__name__ = f"demo_{profile}"
    case(f"the demo's checks with {profile} and encryption", limit_s=120)(demo)


for each in DEVICES:
    declare(each)
