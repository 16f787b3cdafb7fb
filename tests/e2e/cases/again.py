"""What is asked for again: another `up`, the same manifest once more, endpoints that come back."""

import subprocess

from control import Control
from harness import Failure, case

from .cni_plugins import kill

LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: again}
spec: {nodes: NODES, cni: {profile: PROFILE}, proxy: {mode: MODE}}
"""

WEB = """
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i, ports: [{containerPort: 80}]}]}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""


def one(w, kind, name):
    return w.get(kind, name)[0]


def lab(w, nodes=2, profile="bridge", mode="nftables", more=WEB, name="lab.yaml"):
    text = LAB.replace("NODES", str(nodes)).replace("PROFILE", profile).replace("MODE", mode)
    return w.write(name, text + more)


@case("up of a changed lab file: what can be changed is, what cannot is an error, nothing is passed over in silence")
def changed_lab(w):
    w.labctl("up", lab(w))
    w.has(w.labctl("up", lab(w)).err, "is up already", "the same again")
    refused = w.labctl("up", lab(w, nodes=3, profile="calico"), status=2).err
    w.has(refused, "spec.cni.profile is bridge, not calico; spec.nodes is 2, not 3", "both are told")
    w.has(refused, "labctl down again", "and what to do")
    w.equal(len(w.get("nodes")), 2, "nothing has happened")
    w.has(w.labctl("up", lab(w), "--nodes", "4", status=2).err, "spec.nodes is 2, not 4", "a flag")
    w.has(w.labctl("apply", "-f", lab(w, nodes=5), status=2).err, "spec.nodes is 2, not 5", "apply")
    other = w.write("other/other.yaml", LAB.replace("again", "other").replace("NODES", "2").replace("PROFILE", "bridge").replace("MODE", "nftables"))
    w.has(w.labctl("apply", "-f", other, status=2).err, "the Lab 'other'", "another lab's")
    w.has(w.labctl("up", lab(w, mode="iptables")).err, "the proxy mode is iptables now", "what can be changed")
    w.has(w.labctl("exec", "node/node-1", "--", "iptables-save", "-t", "nat").out, "KUBE-SERVICES", "the rules")
    w.has(w.labctl("up", lab(w, mode="iptables")).err, "is up already", "and is then as the file says")


@case("a lab that came up with flags is what its file and the flags say: `apply` of the file finds it so")
def flagged_lab(w):
    w.labctl("up", lab(w), "--nodes", "3", "--proxy-mode", "iptables", "--name", "mine")
    w.has(w.labctl("apply", "-f", lab(w)).out, "deployment/web unchanged", "the same file")
    w.equal(one(w, "lab", "mine")["spec"]["proxy"]["mode"], "iptables", "the flag holds")
    refused = w.labctl("apply", "-f", lab(w, profile="calico"), status=2).err
    w.has(refused, "spec.cni.profile is bridge, not calico", "a changed file")
    w.true("spec.nodes" not in refused, "which says nothing of what the flag says")
    w.has(w.labctl("up", lab(w), "--name", "mine", status=2).err, "spec.nodes is 3, not 2", "up without the flag asks for another lab")
    other = w.write("other.yaml", LAB.replace("again", "other").replace("NODES", "2").replace("PROFILE", "bridge").replace("MODE", "nftables"))
    w.has(w.labctl("apply", "-f", other, status=2).err, "the Lab 'other'", "another lab's file")


@case("a lab that was killed comes up again with the settings of its file of today; under way nobody edits them")
def settings(w):
    w.labctl("up", lab(w))
    kill(w)
    w.labctl("up", lab(w, nodes=3))
    w.equal((len(w.get("nodes")), one(w, "lab", "again")["spec"]["nodes"]), (3, 3), "the nodes, and what the Lab says")
    control = Control(w, "again")
    path = "/apis/labctl.dev/v1/labs/again"
    status, body = control.tell("PATCH", path, {"spec": {"nodes": 5}})
    w.equal((status, body["reason"]), (422, "Invalid"), "a patch")
    w.equal(control.tell("DELETE", path)[0], 403, "a deletion")
    w.equal(control.tell("PATCH", path, {"metadata": {"labels": {"a": "b"}}})[0], 200, "a label")
    w.equal(one(w, "lab", "again")["spec"]["nodes"], 3, "after all")
    w.labctl("set", "proxy-mode", "iptables")
    w.equal(one(w, "lab", "again")["spec"]["proxy"]["mode"], "iptables", "the mode has its own command")


@case("what is refused in a file leaves nothing behind: no object, no account of a namespace, no other proxy mode")
def refused_file(w):
    pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: solo}\nspec: {containers: [{name: c, image: i, args: [ONE]}]}\n"
    w.labctl("up", lab(w, more=pod))
    changed = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: new}\n" + pod.replace("ONE", "TWO")
    for command in (("up",), ("apply", "-f")):
        refused = w.labctl(*command, lab(w, mode="iptables", more=changed), status=None)
        w.true(refused.status != 0, "the spec of a pod cannot be changed")
        w.has(refused.err, "pod updates may not change fields", "the refusal")
        w.equal(one(w, "lab", "again")["spec"]["proxy"]["mode"], "nftables", "the mode")
        w.labctl("get", "namespace", "new", status=2)
        w.equal(w.get("serviceaccounts", "-n", "new"), [], "accounts in a namespace that is not there")


@case("a failed check points into the file that was read last, whichever brought the check first")
def check_places(w):
    check = ("apiVersion: labctl.dev/v1\nkind: Check\nmetadata: {name: doors}\nspec:\n  assertions:\n"
             "  - client -> 10.96.0.77:1/tcp deny\n")
    w.labctl("up", lab(w, more=ECHO))

    def place():
        result, = w.labctl("check", "-o", "json", status=None).json()["results"]
        return result["file"].split("/")[-1], result["line"]

    w.labctl("apply", "-f", w.write("first.yaml", check))
    w.equal(place(), ("first.yaml", 6), "at first")
    w.labctl("apply", "-f", w.write("second.yaml", "# moved\n" + check))
    w.equal(place(), ("second.yaml", 7), "and then")


@case("a manifest that is applied again leaves alone what it does not mention, whoever has changed it")
def unmentioned(w):
    manifest = w.write("web.yaml", WEB)
    w.labctl("up", lab(w, more=""), "-f", manifest)
    w.labctl("scale", "deploy/web", "--replicas", "3")
    w.labctl("apply", "-f", w.write("port.yaml", WEB.replace("ports: [{port: 80}]", "type: NodePort, ports: [{port: 80}]")))
    node_port = one(w, "service", "web")["spec"]["ports"][0]["nodePort"]
    again = w.labctl("apply", "-f", w.write("port.yaml", WEB.replace("ports: [{port: 80}]", "type: NodePort, ports: [{port: 80}]")))
    w.has(again.out, "deployment/web unchanged", "the Deployment")
    w.equal(one(w, "deployment", "web")["spec"]["replicas"], 3, "somebody else has scaled it")
    w.equal(one(w, "service", "web")["spec"]["ports"][0]["nodePort"], node_port, "and the port is the same")
    w.labctl("apply", "-f", manifest)
    w.equal(one(w, "service", "web")["spec"]["type"], "ClusterIP", "what the manifest has had and has no more goes")
    w.equal(one(w, "deployment", "web")["spec"]["replicas"], 3, "what it has never had does not")
    kept = one(w, "deployment", "web")["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]
    w.true("replicas" not in kept and "terminationGracePeriodSeconds" not in kept, "no defaults in what was applied")
    bad = w.write("bad.yaml", WEB.replace("port: 80}]}", "port: 80, nodePort: 30001}]}"))
    w.has(w.labctl("apply", "-f", bad, status=2).err, "nodePort", "what is merged is validated, too")


@case("what was changed by hand is put right by the next up, and left alone by apply")
def drift(w):
    path = lab(w)
    w.labctl("up", path)
    w.labctl("exec", "external", "--", "nft", "add", "table", "inet", "mine")
    w.labctl("exec", "node/node-1", "--", "ip", "link", "del", "vxlan1")
    w.labctl("apply", "-f", path)
    w.has(w.labctl("exec", "external", "--", "nft", "list", "tables").out, "inet mine", "somebody's experiment")
    w.has(w.labctl("up", path).err, "what was changed by hand is put right", "up")
    w.labctl("exec", "node/node-1", "--", "ip", "link", "show", "vxlan1")


UDP = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 5555))
s.settimeout(0.2)
for _ in sys.stdin:
    s.sendto(b'hostname\\n', (sys.argv[1], int(sys.argv[2])))
    try:
        print(s.recv(500).decode().strip(), flush=True)
    except OSError as problem:
        print('none', flush=True)
"""

ECHO = """
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: echo}
spec:
  selector: {matchLabels: {app: echo}}
  template: {metadata: {labels: {app: echo}}, spec: {containers: [{name: c, image: i, ports: [{containerPort: 9090, protocol: UDP}]}]}}
---
apiVersion: v1
kind: Service
metadata: {name: echo}
spec: {selector: {app: echo}, clusterIP: 10.96.0.77, ports: [{port: 9090, protocol: UDP}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {containers: [{name: c, image: i}]}
"""


class Sender:
    """A UDP client with one source port, that sends when it is told to."""

    def __init__(self, w, address="10.96.0.77", port="9090"):
        self.process = w.start("labctl", "exec", "client", "--", "python3", "-u", "-c", UDP, address, port,
                               stdin=subprocess.PIPE)

    def say(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().decode().strip()

    def answered(self):
        return self.say().startswith("echo-")

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()


@case("a UDP client that keeps its port finds the endpoints that come back after there were none")
def udp_comes_back(w):
    for mode in ("nftables", "iptables"):
        w.labctl("up", lab(w, mode=mode, more=ECHO))
        sender = Sender(w)
        w.true(sender.answered(), f"{mode}: at first")
        w.labctl("scale", "deploy/echo", "--replicas", "0")
        for _ in range(3):
            w.equal(sender.say(), "none", f"{mode}: nobody is there")
        w.labctl("scale", "deploy/echo", "--replicas", "2")
        w.wait(f"{mode}: an answer", sender.answered)
        w.true(sender.answered(), f"{mode}: and then always")
        sender.end()
        w.labctl("down", "again")


@case("a UDP client that keeps its port finds the pod behind a host port that comes back with another address")
def host_port_comes_back(w):
    pod = w.write("echo.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: echo-host}\nspec:\n  nodeName: node-2\n"
                  "  containers: [{name: c, image: i, ports: [{containerPort: 9090, hostPort: 5353, protocol: UDP}]}]\n")
    for profile in ("bridge", "calico"):
        w.labctl("up", lab(w, profile=profile, more=ECHO), "-f", pod)
        sender = Sender(w, "172.18.0.3", "5353")
        w.equal(sender.say(), "echo-host", f"{profile}: at first")
        before = one(w, "pod", "echo-host")["status"]["podIP"]
        w.labctl("delete", "pod", "echo-host", "--now")
        w.equal(sender.say(), "none", f"{profile}: nobody is there")
        taken = w.write("taken.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: taken}\n"
                        "spec: {nodeName: node-2, containers: [{name: c, image: i}]}\n")
        w.labctl("apply", "-f", taken)  # so that the address is another one
        w.labctl("apply", "-f", pod)
        w.true(one(w, "pod", "echo-host")["status"]["podIP"] != before, f"{profile}: another address")
        w.wait(f"{profile}: an answer", sender.answered)
        sender.end()
        w.labctl("down", "again")


PODS = """
---
apiVersion: v1
kind: Pod
metadata: {name: exporter, labels: {app: exporter}}
spec:
  nodeName: node-2
  initContainers:
  - {name: agent, image: i, restartPolicy: Always, ports: [{name: metrics, containerPort: 9100}]}
  - {name: setup, image: i}
  containers:
  - {name: c, image: i, ports: [{name: http, containerPort: 80, hostPort: 8088}, {containerPort: 53, hostPort: 5353, protocol: UDP, hostIP: 172.18.0.3}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: node-1, containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: beside}
spec: {nodeName: node-2, containers: [{name: c, image: i}]}
"""


@case("hostPort leads from every address of the pod's node to the pod, and nowhere when it is gone")
def host_port(w):
    for profile in ("bridge", "calico"):
        w.labctl("up", lab(w, profile=profile, more=PODS))
        for source in ("external", "client", "beside", "exporter", "node/node-1", "node/node-2"):
            answer = w.probe(source, "http://172.18.0.3:8088/hostname")
            w.equal((answer["outcome"], answer["http"]["body"]), ("ok", "exporter"), f"{profile}: from {source}")
        w.equal(w.probe("client", "udp://172.18.0.3:5353")["outcome"], "ok", f"{profile}: UDP with a hostIP")
        w.equal(w.probe("client", "tcp://172.18.0.2:8088")["outcome"], "refused", f"{profile}: another node")
        w.equal(w.probe("node/node-2", "tcp://127.0.0.1:8088")["outcome"], "refused", f"{profile}: loopback")
        rules = w.labctl("exec", "node/node-2", "--", "nft", "list", "table", "ip", "cni_hostport").out
        w.has(rules, 'dnat to 10.244.2.', "the rule")
        w.has(rules, "default/exporter", "and whose it is")
        w.labctl("delete", "pod", "exporter")
        w.equal(w.probe("client", "tcp://172.18.0.3:8088")["outcome"], "refused", f"{profile}: without its pod")
        w.labctl("down", "again")


@case("init containers that go on are part of their pod: ports, names of ports, state")
def sidecar_containers(w):
    w.labctl("up", lab(w, more=PODS))
    w.equal(w.probe("client", "tcp://pod:default/exporter:metrics")["outcome"], "ok", "by the port's name")
    status = {c["name"]: c for c in one(w, "pod", "exporter")["status"]["initContainerStatuses"]}
    w.true("running" in status["agent"]["state"] and status["agent"]["started"], "it runs")
    w.equal(status["setup"]["state"]["terminated"]["reason"], "Completed", "the other one has run")


JOB = """
---
apiVersion: batch/v1
kind: Job
metadata: {name: hello}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: c, image: shell, env: [{name: WHOM, value: world}], args: ["hello $(WHOM) and $$(WHOM) and $(NOBODY)"]}
"""


@case("what a command has printed can be read when it has ended; $(VARIABLES) of its arguments are replaced")
def ended_logs(w):
    images = "\n  images: [{match: shell, run: [/bin/echo]}]"
    text = LAB.replace("{nodes: NODES, cni: {profile: PROFILE}, proxy: {mode: MODE}}", "\n  nodes: 1" + images)
    w.labctl("up", w.write("job.yaml", text + JOB), status=None)
    w.wait("the end of the Job", lambda: one(w, "job", "hello")["status"].get("succeeded") == 1)
    w.equal(w.labctl("logs", "job/hello").out, "hello world and $(WHOM) and $(NOBODY)\n", "its log")
    job = one(w, "job", "hello")
    w.equal(job["spec"]["selector"]["matchLabels"], {"batch.kubernetes.io/controller-uid": job["metadata"]["uid"]}, "its selector")
    w.has(w.labctl("get", "job", "hello").out, "Complete", "its state")
    pod = w.get("pods")[0]["metadata"]["name"]
    w.labctl("delete", "pod", pod)
    if "hello world" in w.labctl("logs", pod, status=None).out:
        raise Failure("the log of a deleted pod")
