"""What people do to a lab by hand, and what dies in it: the lab goes on."""

import os
import signal

from harness import case, processes

REAL = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: rough}
spec:
  nodes: 2
  images:
    - {match: "sleep:*", run: ["/bin/sh", "-c", "echo begin; exec sleep 10000"]}
"""
POD = """
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  hostNetwork: {host_network}
  nodeName: node-1
  containers: [{{name: c, image: "sleep:1"}}]
"""


def pod(w, name):
    """The pod, or None."""
    return next((each for each in w.get("pods") if each["metadata"]["name"] == name), None)


def restarts(w, name):
    return sum(status.get("restartCount", 0) for status in pod(w, name)["status"].get("containerStatuses", []))


def up(w, *names, host_network):
    w.write("lab.yaml", REAL + "".join(
        POD.format(name=name, host_network=str(host_network).lower()) for name in names))
    w.labctl("up", w.folder / "lab.yaml")


def sandbox(name):
    return [pid for pid, line in processes().items() if line.endswith(f"labctl __sandbox {name}")]


def sleepers():
    return [pid for pid, line in processes().items() if line == "sleep 10000"]


@case("rules that were flushed by hand are there again with the next change, and the lab lives")
def flushed_rules(w):
    w.labctl("up")
    for node in ("node-1", "node-2", "node-3"):
        w.labctl("exec", f"node/{node}", "--", "nft", "flush", "ruleset")
    # The endpoints change when the new pods are ready: that is nobody's command.
    w.labctl("scale", "deployment/backend", "--replicas=5", status=None)
    w.wait("five backends", lambda: w.get("deployment", "backend")[0]["status"].get("readyReplicas") == 5, 20)
    w.labctl("label", "pod", "client", "again=true")
    w.wait("the rules", lambda: w.probe("default/client", "tcp://backend:8080")["outcome"] == "ok", 20)
    w.equal(w.labctl("plan").out, "", "what differs from the objects")


@case("pods on their node's network have a sandbox each, and leave nothing behind")
def host_network(w):
    up(w, "a", "b", host_network=True)
    w.wait("both processes", lambda: len(sleepers()) == 2, 20)
    w.equal((len(sandbox("a")), len(sandbox("b"))), (1, 1), "sandboxes")
    w.labctl("exec", "node/node-1", "--", "true")
    w.labctl("delete", "pod", "a", "--force", "--grace-period=0")
    w.wait("the process of a to go", lambda: len(sleepers()) == 1, 20)
    os.kill(sleepers()[0], signal.SIGKILL)
    w.wait("b to be started again", lambda: restarts(w, "b") == 1 and len(sleepers()) == 1, 20)
    w.labctl("delete", "pod", "b", "--grace-period=1")
    w.wait("the process of b to go", lambda: not sleepers(), 20)
    w.equal(w.get("pods"), [], "pods")


@case("a pod whose sandbox was killed is started again in a new one")
def killed_sandbox(w):
    up(w, "a", host_network=False)
    for round_number in (1, 2):
        w.wait("the process", lambda: len(sleepers()) == 1, 40)
        before = sandbox("a")
        os.kill(before[0], signal.SIGKILL)
        w.wait("the end of the process", lambda: not sleepers() or sandbox("a") != before, 20)
        w.labctl("exec", "a", "--", "true")  # makes a sandbox if there is none
        w.wait(f"restart {round_number}", lambda number=round_number: restarts(w, "a") == number, 40)
        w.has(w.labctl("logs", "a").out, "begin", "the log")
    w.labctl("delete", "pod", "a", "--grace-period=1")
    w.wait("the end of the pod", lambda: pod(w, "a") is None and not sleepers(), 20)
