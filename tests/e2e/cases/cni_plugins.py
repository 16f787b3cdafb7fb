"""labctl as a runtime of real plugins: what they are owed when a lab is killed, both families, bandwidth, iptables, errors."""

import json
import os
import signal

from cases import cni
from harness import Skip, case

# Keeps a book of containers outside of the lab, as plugins do that talk to something; and passes on what it is given.
LEDGER = """#!/usr/bin/python3
import json, os, pathlib, sys
folder = pathlib.Path(os.environ["CNI_PATH"]) / "book"
conf, command = json.load(sys.stdin), os.environ["CNI_COMMAND"]
with open(folder / "log", "a") as log:
    log.write(json.dumps([command, os.environ["CNI_CONTAINERID"], os.environ["CNI_NETNS"], conf.get("prevResult"),
                          os.readlink("/proc/self/ns/net")]) + "\\n")
entry = folder / os.environ["CNI_CONTAINERID"]
if command == "ADD":
    entry.touch()
    print(json.dumps(conf["prevResult"]))
elif (folder / "broken").exists():
    print(json.dumps({"cniVersion": "1.0.0", "code": 117, "msg": "the book is closed", "details": "come back tomorrow"}))
    sys.exit(1)
elif entry.exists():
    entry.unlink()
"""

BOTH = {"cniVersion": "1.0.0", "name": "podnet", "plugins": [
    {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "mtu": 1430,
     "ipam": {"type": "host-local", "ranges": [[{"subnet": "usePodCidr"}], [{"subnet": "usePodCidrIPv6"}]],
              "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}}]}


def addresses(w):
    return {p["metadata"]["name"]: [e["ip"] for e in p["status"]["podIPs"]] for p in w.get("pods")}


def kill(w):
    os.kill(w.labctl_processes("supervisor")[0], signal.SIGKILL)
    # The keeper, too, holds the lab's lock for a moment longer.
    w.wait("its end", lambda: not w.labctl_processes("supervisor") and not w.labctl_processes("keeper"))


def book_of(w):
    """Installs the plugin beside Debian's; the folder of its book."""
    if not (cni.PLUGINS / "bridge").exists():
        raise Skip("the package containernetworking-plugins is not installed")
    book = w.folder / "bin" / "book"
    book.mkdir(parents=True)
    (w.folder / "leases").mkdir()
    for folder in (book, w.folder / "leases"):
        folder.chmod(0o777)  # an ordinary user's lab writes there, too
    for plugin in ("bridge", "host-local"):
        (w.folder / "bin" / plugin).symlink_to(cni.PLUGINS / plugin)
    w.write("bin/ledger", LEDGER).chmod(0o755)
    return book


def up_ledger(w, *manifests):
    conflist = {**cni.CONFLIST, "plugins": [*cni.CONFLIST["plugins"], {"type": "ledger"}]}
    w.write("10-net.conflist", json.dumps(conflist))
    lab = cni.LISTED.replace("10-net.conflist}", "10-net.conflist, binDir: ./bin, dataDir: ./leases}, dns: {enabled: false}")
    w.labctl("up", "-f", w.write("listed.yaml", "---".join((lab, *manifests))))


def entries(book):
    return {path.name for path in book.iterdir()} - {"log", "broken"}


def calls_in(book):
    return [json.loads(line) for line in (book / "log").read_text().splitlines()]


def leases(w):
    return {path.name for path in (w.folder / "leases").glob("**/podnet/*") if path.name[0].isdigit()}


@case("a lab that was killed owes its plugins a DEL: `down`, `clean` and the next `up` pay, with the cached result", limit_s=240)
def killed(w):
    book = book_of(w)
    pods = (cni.pod("a", "a", 1), cni.pod("b", "b", 2))
    own = os.readlink("/proc/self/ns/net")
    for end in (("down", "listed"), ("clean", "--all")):
        up_ledger(w, *pods)
        w.equal((len(entries(book)), leases(w)), (2, {ips[0] for ips in addresses(w).values()}), "what is remembered of two pods")
        kill(w)
        w.equal((len(entries(book)), len(leases(w))), (2, 2), "nobody has told the plugins yet")
        said = w.labctl(*end).err
        w.equal((entries(book), leases(w)), (set(), set()), f"what is left after {end}: {said}")
        deleted = [call for call in calls_in(book) if call[0] == "DEL"][-2:]
        w.equal([call[2] for call in deleted], ["", ""], "there is no namespace any more")
        w.true(all(call[3]["ips"] for call in deleted), "the result of ADD is there")
        w.true(own not in [call[4] for call in deleted], "no plugin runs in the host's network namespace")
        w.equal(list((w.state_dir / "listed").glob("*")) if (w.state_dir / "listed").exists() else [], [], "files of the lab")
    up_ledger(w, *pods)
    before, begun = addresses(w), len(calls_in(book))
    kill(w)
    w.labctl("up", "listed")
    w.equal(addresses(w), before, "the addresses")
    again = calls_in(book)[begun:]
    w.equal([call[0] for call in again], ["DEL", "DEL", "ADD", "ADD"], "every DEL comes before the first ADD")
    w.equal(len({call[1] for call in again}), 2, "of the same containers")
    w.equal((len(entries(book)), len(leases(w))), (2, 2), "what is remembered of two pods")
    (book / "broken").touch()
    w.labctl("delete", "pod", "b", "--now")
    w.wait("a DEL that fails is told", lambda: any(
        e["reason"] == "FailedKillPodSandBox" and e["involvedObject"]["name"] == "node-2" and
        'plugin type="ledger" name="podnet" failed (delete) for eth0 of default/b on node-2: the book is closed: '
        'come back tomorrow (code 117)' in e["message"] for e in w.get("events")))
    w.wait("the plugins before it let go all the same", lambda: len(leases(w)) == 1)
    kill(w)
    w.has(w.labctl("down", "listed").err, "CNI DEL of default/a by ledger: the book is closed: come back tomorrow (code 117)",
          "what `down` says of a plugin that fails")
    w.equal(leases(w), set(), "leases")


@case("host-local with a range of each family: pods with two addresses, between nodes, and again after a kill", limit_s=120)
def both_families(w):
    lab = cni.LISTED.replace("nodes: 2,", "nodes: 2, podCIDR: \"10.244.0.0/16,fd00:10:244::/56\", dns: {enabled: false},")
    if not (cni.PLUGINS / "bridge").exists():
        raise Skip("the package containernetworking-plugins is not installed")
    w.write("10-net.conflist", json.dumps(BOTH))
    service = cni.SERVICE.replace("clusterIP: 10.96.0.80,", "clusterIPs: [10.96.0.80, \"fd00:10:96::80\"], ipFamilyPolicy: RequireDualStack,")
    parts = (lab, cni.pod("client", "client", 1), cni.pod("near", "server", 1), cni.pod("far", "server", 2), service)
    w.labctl("up", "-f", w.write("listed.yaml", "---".join(parts)))
    found = addresses(w)
    for name, ips in found.items():
        w.equal([":" in ip for ip in ips], [False, True], f"the addresses of {name}: {ips}")
        link = json.loads(w.labctl("exec", name, "--", "ip", "-j", "addr", "show", "eth0").out)[0]
        w.equal({a["local"] for a in link["addr_info"] if a["scope"] == "global"}, set(ips), f"what {name} has")
    probes = {f"{name}-{family}": {"from": "client", "to": f"tcp://{ip if family == 0 else f'[{ip}]'}:8080"}
              for name in ("near", "far") for family, ip in enumerate(found[name])}
    probes |= {"service-4": {"from": "client", "to": "tcp://10.96.0.80:80"},
               "service-6": {"from": "client", "to": "tcp://[fd00:10:96::80]:80"}}
    results = w.probes(*({"id": key, **probe, "timeoutMs": 5000} for key, probe in probes.items()))
    w.equal({key: result["outcome"] for key, result in results.items()}, dict.fromkeys(probes, "ok"), "who is reached")
    w.equal(w.labctl("plan").out, "", "drift")
    kill(w)
    w.labctl("up", "listed")
    w.equal(addresses(w), found, "both addresses, again")


def queues(w, node):
    """(kind, rate in bits per second) of the shapers on a node, as tc(8) has them."""
    shown = w.labctl("exec", node, "--", "tc", "-j", "qdisc", "show").json()
    return sorted((q["dev"][:3], q["options"]["rate"] * 8) for q in shown if q["kind"] == "tbf")


@case("the plugin bandwidth gets the pod's annotations, and shapes both ways", limit_s=120)
def bandwidth(w):
    chain = {**cni.CONFLIST, "plugins": [*cni.CONFLIST["plugins"],
                                         {"type": "bandwidth", "capabilities": {"bandwidth": True}}]}
    notes = "kubernetes.io/ingress-bandwidth: 10M, kubernetes.io/egress-bandwidth: 5M"
    cni.up_listed(w, chain, cni.pod("slow", "server", 1, annotations=notes), cni.pod("fast", "server", 1), status=None)
    calls = w.labctl("explain", "--cni", "slow", "-o", "json").json()["calls"]
    told = calls[1]["input"]["runtimeConfig"]["bandwidth"]
    w.equal((told["ingressRate"], told["egressRate"]), (10_000_000, 5_000_000), "what the plugin was told")
    w.true("runtimeConfig" not in w.labctl("explain", "--cni", "fast", "-o", "json").json()["calls"][1]["input"], "the other pod")
    if calls[1]["status"] != 0:
        raise Skip(f"bandwidth cannot work on this kernel: {calls[1]['output']}")
    w.equal(queues(w, "node/node-1"), [("bwp", 5_000_000), ("vet", 10_000_000)], "the shapers of the node")
    w.equal(w.probe("fast", "tcp://pod:default/slow:8080")["outcome"], "ok", "the pod is reached")
    w.equal(w.labctl("plan").out, "", "nothing of the plugin's is in the way")
    w.labctl("scale", "deployment/coredns", "--replicas", "1", "-n", "kube-system")
    w.equal(queues(w, "node/node-1"), [("bwp", 5_000_000), ("vet", 10_000_000)], "the shapers after a change of the lab")
    w.labctl("delete", "pod", "slow", "--now")
    w.wait("they go with the pod", lambda: not queues(w, "node/node-1"))


@case("kube-proxy's iptables beside plugins that use iptables, too: Services, host ports, no drift", limit_s=180)
def iptables(w):
    first = {**cni.CONFLIST["plugins"][0], "ipMasq": True}
    chain = {**cni.CONFLIST, "plugins": [first, {"type": "portmap", "capabilities": {"portMappings": True}}]}
    lab = cni.LISTED.replace("nodes: 2,", "nodes: 2, proxy: {mode: iptables}, dns: {enabled: false},")
    if not (cni.PLUGINS / "bridge").exists():
        raise Skip("the package containernetworking-plugins is not installed")
    w.write("10-net.conflist", json.dumps(chain))
    parts = (lab, cni.pod("client", "client", 2), cni.pod("one", "server", 1, more=", hostPort: 8081"),
             cni.pod("two", "server", 2), cni.SERVICE)
    done = w.labctl("up", "-f", w.write("listed.yaml", "---".join(parts)), status=None)
    if done.status == 4:
        raise Skip(f"no iptables: {done.err}")
    calls = w.labctl("explain", "--cni", "one", "-o", "json").json()["calls"]
    if any(call["status"] != 0 for call in calls):
        raise Skip(f"the plugins cannot work on this kernel: {calls[-1]['output']}")
    w.equal(done.status, 0, f"the status: {done.err}")
    result = w.probe("client", "http://10.96.0.80/", "--count", "20")
    w.equal((result["outcome"], set(result["backends"])), ("ok", {"default/one", "default/two"}), "a Service")
    w.equal(w.probe("external", "tcp://172.18.0.2:8081")["outcome"], "ok", "the port of the node")
    w.equal(w.labctl("plan").out, "", "the plugins' chains are in nobody's way")
    saved = w.labctl("exec", "node/node-1", "--", "iptables-save", "-t", "nat").out
    for word in ("KUBE-SERVICES", "CNI-HOSTPORT-DNAT"):
        w.has(saved, word, "the rules of both")
    w.labctl("set", "two", "ready=false")
    w.wait("the Service follows", lambda: set(w.probe("client", "http://10.96.0.80/", "--count", "8")["backends"]) == {"default/one"})
    w.has(w.labctl("exec", "node/node-1", "--", "iptables-save", "-t", "nat").out, "CNI-HOSTPORT-DNAT", "after kube-proxy's change")
    w.labctl("delete", "pod", "one", "--now")
    w.wait("the host port goes with the pod", lambda: "--dport 8081" not in w.labctl(
        "exec", "node/node-1", "--", "iptables-save", "-t", "nat").out)


@case("an error of a plugin's own is told with its code, words and details, the plugin, the pod and what was tried")
def errors(w):
    lines = ['#!/bin/sh', 'cat > /dev/null', '[ "$CNI_COMMAND" = DEL ] && exit 0']
    answers = {
        "coded": ("echo '{\"cniVersion\": \"1.0.0\", \"code\": 142, \"msg\": \"no lines free\", \"details\": \"all 7 are taken\"}'; exit 1",
                  "no lines free: all 7 are taken (code 142)"),
        "silent": ("exit 3", "it ended with status 3"),
        "rambling": ("echo 'panic: oh no' >&2; exit 2", "panic: oh no"),
        "wrong": ("echo 'all is well'", "all is well")}
    for name, (answer, words) in answers.items():
        w.write(f"bin/{name}", "\n".join([*lines, answer, ""])).chmod(0o755)
        w.write("10-net.conflist", json.dumps({"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": name}]}))
        lab = cni.LISTED.replace("10-net.conflist}", "10-net.conflist, binDir: ./bin}, dns: {enabled: false}").replace(
            "nodes: 2", "nodes: 1")
        run = w.labctl("up", "-f", w.write("listed.yaml", "---".join((lab, cni.pod("a", "a", 1)))), "--wait", "10s", status=1)
        text = f'plugin type="{name}" name="n" failed (add) for eth0 of default/a on node-1: {words}'
        w.has(run.err, text, f"what `up` says of {name}")
        w.true(any(text in e["message"] for e in w.get("events") if e["reason"] == "FailedCreatePodSandBox"), "the event")
        w.has(json.dumps(w.get("pod", "a")[0]["status"]), words, "the pod's status")
        w.labctl("down")
