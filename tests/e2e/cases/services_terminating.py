"""Pods that are deleted and take their time: what they still serve, who still reaches them, and when they are gone."""

import time

from harness import case
from services_lab import backends, bring_up, expect, pod, service

# A time that no case waits for.
LONG = "60"


def slow_pod(name, node, seconds=LONG, labels="app: web"):
    text = pod(name, node, labels=labels, more=f"terminationGracePeriodSeconds: {LONG}, ")
    annotations = f"annotations: {{labctl.dev/termination-seconds: \"{seconds}\"}}"
    return text.replace("metadata: {", "metadata: {" + annotations + ", ", 1)


def status_of(w, name):
    return w.labctl("get", "pod", name).lines()[1].split()[2]


def conditions(w, name):
    """Pod -> its conditions that hold, of the slices of a Service."""
    return {endpoint["targetRef"]["name"]: {c for c, holds in endpoint["conditions"].items() if holds}
            for item in w.get("endpointslices", "-l", f"kubernetes.io/service-name={name}")
            for endpoint in item.get("endpoints") or []}


WEB = service("web", "selector: {app: web}, ports: [{port: 80, targetPort: 8080}]")
LOCAL = service("local", "type: NodePort, externalTrafficPolicy: Local, selector: {app: web}, "
                "ports: [{port: 80, targetPort: 8080, nodePort: 30080}]")


@case("a deleted pod that takes its time serves on where nobody else is ready, and no longer than that")
def fallback(w):
    bring_up(w, pod("client", "node-2", labels="app: client"), slow_pod("a", "node-1"), WEB, LOCAL)
    w.labctl("delete", "pod", "a", "--wait=false")
    w.equal(status_of(w, "a"), "Terminating", "the status")
    w.matches(w.labctl("describe", "pod", "a").out, r"Status: +Terminating\nTermination Grace Period: +60s",
              "the description")
    w.equal(conditions(w, "web"), {"a": {"serving", "terminating"}}, "conditions in the slice")
    questions = [("client", "http://web:80/"), ("external", "http://172.18.0.2:30080/")]
    for result in expect(w, "ok", *questions, count=4):
        w.equal(backends(result), {"a"}, "who answers while nobody is ready")
    w.labctl("apply", "-f", w.write("b.yaml", pod("b", "node-2")))
    w.wait("the second pod", lambda: "ready" in conditions(w, "web").get("b", ()))
    near, outside = expect(w, "ok", *questions, count=8)
    w.equal(backends(near), {"b"}, "who answers once another is ready")
    w.equal(backends(outside), {"a"}, "who answers on the node that has no other pod, with the policy Local")
    w.labctl("delete", "pod", "a", "--force", "--grace-period=0")
    w.labctl("get", "pod", "a", status=2)
    w.equal(set(conditions(w, "web")), {"b"}, "endpoints at the end")
    expect(w, "timeout", ("external", "tcp://172.18.0.2:30080"))


@case("delete waits for the end of a pod, which comes after its preStop sleep, or after the grace period")
def waiting(w):
    hook = "lifecycle: {preStop: {exec: {command: [sh, -c, \"sleep 1\"]}}}, image"
    bring_up(w, pod("hook", "node-1").replace("image", hook), slow_pod("slow", "node-1"), slow_pod("other", "node-1"),
             pod("plain", "node-1"))
    begun = time.monotonic()
    w.equal(w.labctl("delete", "pod", "hook", "plain").out, "pod/hook deleted\npod/plain deleted\n", "output")
    w.true(time.monotonic() - begun >= 1, "the preStop hook had its second")
    w.equal({p["metadata"]["name"] for p in w.get("pods")}, {"slow", "other"}, "pods afterwards")
    w.labctl("delete", "pod", "slow", "--now")  # the grace period ends it, 60 s before it would end itself
    w.equal({p["metadata"]["name"] for p in w.get("pods")}, {"other"}, "pods after --now")
    w.labctl("delete", "pod", "other", "--wait=false")
    w.labctl("down", "--keep")
    w.labctl("up", "services")
    w.equal(w.get("pods"), [], "pods of a lab that came back: what was on its way out is gone")
    for wrong in (("--now", "--grace-period=3"), ("--force", "--grace-period=3"), ("--grace-period=-2",)):
        w.labctl("delete", "pod", "x", *wrong, status=2)


PROCESS_LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {{name: services}}
spec:
  nodes: 1
  images:
    - match: polite
      run: [/bin/sh, -c, "trap 'echo told > {folder}/told; exit 0' TERM; while :; do sleep 0.1; done"]
    - {{match: deaf, run: [/bin/sh, -c, "trap '' TERM; while :; do sleep 0.1; done"]}}
"""


@case("a real process gets SIGTERM, and SIGKILL when its grace period is over")
def signals(w):
    def process(name, seconds):
        return pod(name, "node-1", more=f"terminationGracePeriodSeconds: {seconds}, ").replace("x:1", name)

    w.write("lab.yaml", PROCESS_LAB.format(folder=w.folder))
    w.labctl("up", w.folder / "lab.yaml", "-f", w.write("pods.yaml", process("polite", 60) + "---\n" +
                                                        process("deaf", 1)))
    w.labctl("delete", "pod", "polite")
    w.equal((w.folder / "told").read_text(), "told\n", "what the process wrote when it was told to end")
    w.equal({p["metadata"]["name"] for p in w.get("pods")}, {"deaf"}, "pods afterwards")
    w.labctl("delete", "pod", "deaf")
    w.equal(w.get("pods"), [], "pods after SIGKILL")


@case("events tell how a readiness became rules, and when the pod had served its last request")
def last_request(w):
    bring_up(w, pod("client", "node-2", labels="app: client"), pod("a", "node-1"), pod("b", "node-2"), WEB)
    w.wait("both endpoints", lambda: len([c for c in conditions(w, "web").values() if "ready" in c]) == 2)
    expect(w, "ok", ("client", "http://pod:default/b:8080/"))
    w.labctl("set", "a", "ready=false")
    w.labctl("set", "b", "ready=false")
    expect(w, "ok", ("client", "http://pod:default/b:8080/"))  # not over the Service: it still answers

    def told(name):
        return next((line for line in w.labctl("events").lines() if f"pod {name} not ready -> " in line
                     and "LastRequest" in line), None)
    w.has(w.wait("the end of a's chain", lambda: told("a"), 20), "it has served no request", "a, which nobody asked")
    w.has(w.wait("the end of b's chain", lambda: told("b"), 20), "last request served (+", "b, which was asked again")
    w.has(w.labctl("events").out, "pod b not ready -> slice web-", "the beginning of the chain")
