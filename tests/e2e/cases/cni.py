"""The CNI protocol both ways: labctl as a plugin of a container runtime, and as a runtime of Debian's plugins."""

import ipaddress
import json
import os
import pathlib
import signal

from harness import Skip, case

LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: demo}
spec: {nodes: 2, cni: {profile: PROFILE}, dns: {enabled: false}}
"""

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {app}}}, annotations: {{{annotations}}}}}
spec: {{nodeName: node-{node}, containers: [{{name: c, image: "x:1", ports: [{{containerPort: 8080{more}}}]}}]}}
"""

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: 10.96.0.80, selector: {app: server}, ports: [{port: 80, targetPort: 8080}]}
"""

DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: shut}
spec: {podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress],
       ingress: [{from: [{podSelector: {matchLabels: {app: friend}}}]}]}
"""

PLUGINS = pathlib.Path("/usr/lib/cni")


def pod(name, app, node, more="", annotations=""):
    return POD.format(name=name, app=app, node=node, more=more, annotations=annotations)


class Container:
    """A network namespace of somebody else: a process that sleeps in it."""

    def __init__(self, w, name):
        self.w, self.name = w, name
        words = ["unshare", "-n", "sleep", "600"]
        if w.mode == "rootless":  # whoever has it made must be inside of the lab's user namespace
            words = ["nsenter", "-t", w.labctl_processes("supervisor")[0], "-U", "--preserve-credentials", *words]
        self.process = w.start(*words)
        self.netns = f"/proc/{self.process.pid}/ns/net"
        own = os.readlink("/proc/self/ns/net")
        w.wait("the container's namespace", lambda: self.kind() == "sleep" and os.readlink(self.netns) != own)

    def kind(self):
        try:
            return pathlib.Path(f"/proc/{self.process.pid}/comm").read_text().strip()
        except OSError:
            return ""

    def run(self, *command, **more):
        entry = ["nsenter", "-t", self.process.pid, "-n"]
        if self.w.mode == "rootless":
            entry += ["-U", "--preserve-credentials"]
        return self.w.command(*entry, *command, **more)

    def addresses(self, interface="eth0"):
        links = json.loads(self.run("ip", "-j", "addr").out)
        return [f"{a['local']}/{a['prefixlen']}" for link in links if link["ifname"] == interface
                for a in link["addr_info"] if a["scope"] == "global"]

    def links(self):
        return {link["ifname"] for link in json.loads(self.run("ip", "-j", "link").out)}

    def end(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def config(**more):
    return {"cniVersion": "1.1.0", "name": "labnet", "type": "labctl", "lab": "demo", "node": "node-1", **more}


def call(w, command, conf, container=None, status=0, **env):
    """Calls the plugin as a runtime does; its answer, or None."""
    more = {"CNI_COMMAND": command, "CNI_PATH": "/opt/cni/bin", **env}
    if container is not None:
        more = {"CNI_CONTAINERID": container.name, "CNI_NETNS": container.netns, "CNI_IFNAME": "eth0", **more}
    text = conf if isinstance(conf, str) else json.dumps(conf)
    run = w.command("labctl", stdin=text, env=more, status=status)
    return json.loads(run.out) if run.out.strip() else None


def refused(w, code, *arguments, **more):
    answer = call(w, *arguments, status=1, **more)
    w.equal(answer["code"], code, f"the code of {answer}")
    return answer["msg"] + " " + answer.get("details", "")


def up(w, profile="bridge", *manifests):
    text = "---".join((LAB.replace("PROFILE", profile), *manifests))
    w.labctl("up", "-f", w.write("lab.yaml", text), "--quiet")


def declare_attach(profile):
    def attach(w):
        up(w, profile, pod("far", "server", 2), pod("near", "server", 1), SERVICE)
        box = Container(w, "c1")
        try:
            result = call(w, "ADD", config(labels={"app": "guest"}), box,
                          CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAME=guest")
            address = ipaddress.ip_interface(result["ips"][0]["address"])
            w.equal(box.addresses(), [str(address)], "what the container has")
            w.true(address.ip in ipaddress.ip_network("10.244.1.0/24"), f"{address} is of the node's range")
            own = result["interfaces"][result["ips"][0]["interface"]]
            w.equal((own["name"], own["sandbox"]), ("eth0", box.netns), "the container's interface")
            w.equal(json.loads(box.run("ip", "-j", "link", "show", "eth0").out)[0]["mtu"], own["mtu"], "the MTU")
            w.true("0.0.0.0/0" in [r["dst"] for r in result["routes"]], f"the default route: {result}")
            w.equal(result["dns"]["nameservers"], ["10.96.0.10"], "the name server")
            listed = {p["metadata"]["name"]: p for p in w.get("pods")}["guest"]
            w.equal(listed["status"]["podIP"], str(address.ip), "the address of the pod")
            w.equal(listed["metadata"]["labels"], {"app": "guest"}, "its labels")
            far = {p["metadata"]["name"]: p for p in w.get("pods")}["far"]["status"]["podIP"]
            for target in (far, "172.18.0.3"):
                box.run("ping", "-c", "1", "-W", "5", target)
            w.has(box.run("curl", "-s", "-m", "5", "http://10.96.0.80/hostname").out, "ar", "the Service's answer")
            w.equal(w.probe("far", f"icmp://{address.ip}")["outcome"], "ok", "a pod of the other node reaches it")
            w.equal(w.labctl("plan").out, "", "nothing of the container's is in the way")
            call(w, "CHECK", config(prevResult=result), box)
            box.run("ip", "address", "del", str(address), "dev", "eth0")
            w.has(refused(w, 102, "CHECK", config(prevResult=result), box), str(address.ip), "what CHECK found")
            call(w, "DEL", config(), box)
            w.true("eth0" not in box.links(), "the interface is gone")
            call(w, "DEL", config(), box)  # and again
            w.true("guest" not in {p["metadata"]["name"] for p in w.get("pods")}, "so is the pod")
            refused(w, 3, "CHECK", config(prevResult=result), box)
        finally:
            box.end()

    attach.__name__ = f"attach_{profile}"
    case(f"A container is a pod of the lab ({profile}): ADD, CHECK, DEL; it reaches pods and Services")(attach)


for each in ("bridge", "calico"):
    declare_attach(each)


@case("Two networks, another name of the interface, an address that is asked for; what was there stays")
def attach_second(w):
    up(w)
    box = Container(w, "c1")
    try:
        first = call(w, "ADD", config(args={"cni": {"ips": ["10.244.1.77"]}}), box)
        w.equal(first["ips"][0]["address"], "10.244.1.77/24", "the address that was asked for")
        second = call(w, "ADD", config(name="other", node="node-2"), box, CNI_IFNAME="net1")
        w.equal(box.addresses("net1"), [second["ips"][0]["address"]], "the second interface's address")
        routes = [r["dst"] for r in json.loads(box.run("ip", "-j", "route").out) if r["dev"] == "net1"]
        w.true("default" not in routes and "10.96.0.0/12" in routes, f"the first default route stays: {routes}")
        w.has(refused(w, 101, "ADD", config(), box), "already", "ADD of what is attached")
        w.has(refused(w, 101, "ADD", config(name="third"), box), "eth0", "ADD of an interface that is there")
        w.equal(box.links(), {"lo", "eth0", "net1"}, "a refused ADD leaves nothing and takes nothing")
        w.equal(w.labctl("plan").out, "", "nothing of the container's is in the way")
        third = call(w, "ADD", config(name="third", node="node-2"), box, CNI_IFNAME="net2")
        w.equal(box.addresses("net2"), [third["ips"][0]["address"]], "a third interface beside the routes of the second")
        w.equal(w.labctl("plan").out, "", "drift with three networks")
        w.labctl("delete", "pod", "c1-net2")
        w.labctl("delete", "pod", "c1-net1")
        w.equal(box.links(), {"lo", "eth0"}, "a pod that is deleted lets go of the container")
        valid = {"cni.dev/valid-attachments": [{"containerID": "c9", "ifname": "eth0"}]}
        call(w, "GC", config(name="other", **valid))
        w.equal(box.links(), {"lo", "eth0"}, "GC of another network")
        call(w, "GC", config(**valid))
        w.equal(box.links(), {"lo"}, "GC takes what is not listed")
        call(w, "ADD", config(), box)
        w.labctl("down")
        w.wait("nothing of the lab is in the container", lambda: box.links() == {"lo"})
        call(w, "DEL", config(), box)  # there is no lab any more
        refused(w, 50, "STATUS", config())
        refused(w, 11, "ADD", config(), box)
    finally:
        box.end()


@case("A policy goes by the labels that the configuration gives the container")
def attach_policy(w):
    up(w, "bridge", pod("near", "server", 1), DENY)
    box = Container(w, "c1")
    try:
        near = w.get("pod", "near")[0]["status"]["podIP"]
        call(w, "ADD", config(labels={"app": "stranger"}), box)
        box.run("curl", "-s", "-m", "1", f"http://{near}:8080/", status=28)
        call(w, "DEL", config(), box)
        call(w, "ADD", config(labels={"app": "friend"}), box)
        box.run("curl", "-s", "-m", "5", f"http://{near}:8080/")
    finally:
        box.end()


@case("Bad calls of the plugin get the specification's error codes; VERSION and the shapes of results go by version")
def protocol(w):
    up(w)
    box = Container(w, "c1")
    try:
        versions = call(w, "VERSION", {"cniVersion": "0.4.0"})
        w.equal((versions["cniVersion"], versions["supportedVersions"][-1]), ("0.4.0", "1.1.0"), "VERSION")
        call(w, "STATUS", config())
        for code, command, conf, env in (
                (6, "ADD", "{nonsense", {}), (6, "ADD", "", {}), (1, "ADD", config(cniVersion="9.9.9"), {}),
                (1, "GC", config(cniVersion="1.0.0"), {}), (1, "CHECK", config(cniVersion="0.3.1"), {}),
                (2, "ADD", config(ipam={"type": "host-local"}), {}), (2, "ADD", config(nod="node-1"), {}),
                (4, "ADD", config(), {"CNI_IFNAME": "way-too-long-a-name"}), (4, "ADD", config(), {"CNI_NETNS": ""}),
                (4, "ADD", config(), {"CNI_NETNS": "/dev/null"}), (4, "ADD", config(), {"CNI_CONTAINERID": ""}),
                (4, "DANCE", config(), {}), (4, "ADD", config(), {"CNI_ARGS": "nonsense"}),
                (7, "ADD", config(node="node-9"), {}), (7, "ADD", config(name="a/b"), {}), (7, "ADD", config(lab=""), {}),
                (7, "ADD", config(labels={"a": "not a label!"}), {}), (7, "ADD", config(namespace="nowhere"), {}),
                (7, "CHECK", config(), {}), (7, "GC", config(), {}), (11, "ADD", config(lab="gone"), {}),
                (50, "STATUS", config(lab="gone"), {})):
            refused(w, code, command, conf, box, **env)
        w.equal(box.links(), {"lo"}, "refused calls leave nothing")
        old = call(w, "ADD", config(cniVersion="0.4.0"), box)
        w.equal((old["cniVersion"], old["ips"][0]["version"]), ("0.4.0", "4"), "a result of 0.4.0")
    finally:
        box.end()


# --- labctl as a runtime

CONFLIST = {
    "cniVersion": "1.0.0", "name": "podnet",
    "plugins": [{"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "mtu": 1450,
                 "ipam": {"type": "host-local", "subnet": "usePodCidr", "routes": [{"dst": "0.0.0.0/0"}]}}]}
PTP = {
    "cniVersion": "1.0.0", "name": "podnet",
    "plugins": [{"type": "ptp", "mtu": 1450,
                 "ipam": {"type": "host-local", "subnet": "usePodCidr", "routes": [{"dst": "0.0.0.0/0"}]}}]}

LISTED = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: listed}
spec: {nodes: 2, cni: {conflist: ./10-net.conflist}}
"""


def up_listed(w, conflist, *manifests, status=0):
    if not (PLUGINS / "bridge").exists():
        raise Skip("the package containernetworking-plugins is not installed")
    w.write("10-net.conflist", conflist if isinstance(conflist, str) else json.dumps(conflist, indent=2))
    return w.labctl("up", "-f", w.write("listed.yaml", "---".join((LISTED, *manifests))), status=status)


def declare_conflist(name, conflist):
    def wired(w):
        up_listed(w, conflist, pod("client", "client", 1), pod("near", "server", 1), pod("far", "server", 2), SERVICE)
        pods = {p["metadata"]["name"]: p["status"]["podIP"] for p in w.get("pods")}
        for who, ip in pods.items():
            link = json.loads(w.labctl("exec", who, "--", "ip", "-j", "addr", "show", "eth0").out)[0]
            w.true(ip in [a["local"] for a in link["addr_info"]], f"{who} has {ip}: {link}")
        for who in ("near", "far"):
            w.equal(w.probe("client", f"tcp://{pods[who]}:8080")["outcome"], "ok", f"client -> {who}")
        result = w.probe("client", "http://10.96.0.80/", "--count", "20")
        w.equal(set(result.get("backends", ())), {"default/near", "default/far"}, f"a Service: {result}")
        w.equal(w.probe("client", "http://web/")["outcome"], "ok", "a name")
        w.equal(w.labctl("plan").out, "", "nothing of what the plugins have made is in the way")
        calls = w.labctl("explain", "--cni", "client", "-o", "json").json()["calls"]
        kinds = [(c["environment"]["CNI_COMMAND"], pathlib.Path(c["plugin"]).name, c["status"]) for c in calls]
        w.equal(kinds, [("ADD", p["type"], 0) for p in conflist["plugins"]], "the calls")
        w.equal(calls[-1]["output"]["ips"][0]["address"].split("/")[0], pods["client"], "the result of the last")
        policy = w.labctl("apply", "-f", w.write("deny.yaml", DENY))
        denied = w.probe("client", f"tcp://{pods['far']}:8080", "--timeout", "500ms")["outcome"]
        w.equal(denied, "timeout", f"a policy between nodes holds: {policy.err}")
        near = w.probe("client", f"tcp://{pods['near']}:8080", "--timeout", "500ms")["outcome"]
        loud = "NOT enforced" in w.labctl("status").out
        w.true(near == "timeout" or loud, f"a policy on one node holds, or is loudly said not to: {near}")
        w.labctl("delete", "pod", "client", "--now")
        gone = w.wait("DEL", lambda: [c for c in w.labctl("explain", "--cni", "client", "-o", "json").json()["calls"]
                                      if c["environment"]["CNI_COMMAND"] == "DEL" and c["status"] == 0])
        w.equal([pathlib.Path(c["plugin"]).name for c in gone],
                [p["type"] for p in reversed(conflist["plugins"])], "DEL in reverse order")
        store = w.state_dir / "listed" / "cni" / "node-1" / conflist["name"]
        w.wait("the address is free again", lambda: not (store / pods["client"]).exists())

    wired.__name__ = f"conflist_{name}"
    case(f"Debian's plugins wire a lab ({name}): pods, Services, names and policies across nodes", limit_s=180)(wired)


declare_conflist("bridge", CONFLIST)
declare_conflist("ptp", PTP)


@case("a network configuration that has changed is not passed over: a running lab keeps its plugins, and says so")
def conflist_changed(w):
    up_listed(w, CONFLIST, pod("client", "client", 1))
    w.write("10-net.conflist", json.dumps(CONFLIST))  # laid out otherwise
    w.labctl("up", "-f", "listed.yaml")
    w.labctl("apply", "-f", "listed.yaml")
    changed = json.loads(json.dumps(CONFLIST))
    changed["plugins"][0]["mtu"] = 1400
    w.write("10-net.conflist", json.dumps(changed))
    for command in ("up", "apply"):
        said = w.labctl(command, "-f", "listed.yaml", status=2).err
        w.has(said, "spec.cni.conflist/plugins/0/mtu is", command)
        w.has(said, "not 1400", command)
        w.has(said, "labctl down listed", "and what to do")


@case("portmap gives a pod the host port that its manifest asks for", limit_s=120)
def conflist_portmap(w):
    both = {**CONFLIST, "plugins": [*CONFLIST["plugins"], {"type": "portmap", "capabilities": {"portMappings": True}}]}
    up_listed(w, both, pod("server", "server", 1, more=", hostPort: 8081"), pod("client", "client", 2), status=None)
    calls = w.labctl("explain", "--cni", "server", "-o", "json").json()["calls"]
    w.equal(calls[1]["input"]["runtimeConfig"]["portMappings"],
            [{"hostPort": 8081, "containerPort": 8080, "protocol": "tcp"}], "what portmap was told")
    if calls[1]["status"] != 0:
        raise Skip(f"portmap cannot work on this kernel: {calls[1]['output']}")
    w.equal(w.probe("external", "tcp://172.18.0.2:8081")["outcome"], "ok", "the port of the node")


@case("A plugin that fails says why on the pod and in its events, is cleaned up after, and tried again", limit_s=120)
def conflist_failure(w):
    script = w.write("bin/flaky", f"""#!/bin/sh
cat > /dev/null
[ "$CNI_COMMAND" = DEL ] && exit 0
if [ -e {w.folder}/well ]; then cat {w.folder}/result; exit 0; fi
echo '{{"cniVersion": "1.0.0", "code": 11, "msg": "no luck", "details": "ask again"}}'
exit 1
""")
    script.chmod(0o755)
    w.write("result", json.dumps({"cniVersion": "1.0.0", "ips": [{"address": "10.244.1.9/24"}]}))
    w.write("10-net.conflist", json.dumps({"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "flaky"}]}))
    lab = LISTED.replace("10-net.conflist", "10-net.conflist, binDir: ./bin").replace("nodes: 2", "nodes: 1")
    lab = lab.replace("./bin}", "./bin}, dns: {enabled: false}")
    run = w.labctl("up", "-f", w.write("listed.yaml", "---".join((lab, pod("a", "a", 1)))), status=1)
    w.has(run.err, "no luck: ask again (code 11)", "what `up` says")
    events = "\n".join(e["message"] for e in w.get("events") if e["reason"] == "FailedCreatePodSandBox")
    w.has(events, 'plugin type="flaky" name="n" failed (add) for eth0 of default/a on node-1: no luck', "the event")
    w.write("well", "")
    w.wait("the next attempt", lambda: w.get("pod", "a")[0]["status"].get("podIP") == "10.244.1.9", within_s=60)
    commands = [c["environment"]["CNI_COMMAND"] for c in
                w.labctl("explain", "--cni", "a", "-o", "json").json()["calls"]]
    w.equal(commands[:3], ["ADD", "DEL", "ADD"], "a failed ADD is followed by DEL")


@case("What is wrong in a conflist is told with its place; a missing plugin is exit 4 and names the package")
def conflist_bad(w):
    for text, place, words in (
            ("{\n  \"name\": \"a\",,\n}", ":2:", "not JSON"),
            (json.dumps({**CONFLIST, "cniVersion": "7.0"}, indent=2), ":2:17", "7.0"),
            (json.dumps({**CONFLIST, "plugins": [{"type": "a/b"}]}, indent=2), ":6:", "a/b"),
            (json.dumps({**CONFLIST, "plugins": []}, indent=2), ":4:", "plugins"),
            (json.dumps(CONFLIST, indent=2).replace("usePodCidr", "10.1.0.0/24"), ":13:", "usePodCidr")):
        run = up_listed(w, text, status=2)
        w.has(run.err, f"10-net.conflist{place}", "the place")
        w.has(run.err, words, "the finding")
    missing = {**CONFLIST, "plugins": [*CONFLIST["plugins"], {"type": "teleport"}]}
    run = up_listed(w, missing, status=4)
    w.has(run.err, "teleport", "the plugin")
    w.has(run.err, "containernetworking-plugins", "the package")
    w.labctl("up", "-f", w.write("listed.yaml", LISTED.replace("10-net", "no")), status=2)


@case("A lab with a conflist that was killed comes up again with the addresses that it had", limit_s=120)
def conflist_again(w):
    up_listed(w, CONFLIST, pod("a", "a", 1), pod("b", "b", 1))
    before = {p["metadata"]["name"]: p["status"]["podIP"] for p in w.get("pods")}
    os.kill(w.labctl_processes("supervisor")[0], signal.SIGKILL)
    w.wait("its end", lambda: not w.labctl_processes("supervisor"))
    w.labctl("up", "listed")
    w.equal({p["metadata"]["name"]: p["status"]["podIP"] for p in w.get("pods")}, before, "the addresses")


@case("explain --cni of a pod that the lab has wired itself says so, and shows what it did")
def explain_own(w):
    up(w, "bridge", pod("a", "a", 1))
    text = w.labctl("explain", "--cni", "a").out
    w.has(text, "the lab wired it itself", "the text")
    w.has(text, "pod/default/a: ip address add", "the operations")
