"""Commands inside pods, nodes and the external host; logs; workloads that are real processes."""

import os
import signal

from harness import case

REAL = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: real}
spec:
  nodes: 2
  images:
    - {match: "python:*", run: ["python3", "-u", "-m", "http.server", "8000"]}
    - {match: "idle:*", run: idle}
---
apiVersion: v1
kind: Pod
metadata: {name: server, labels: {app: server}}
spec:
  nodeName: node-1
  containers:
    - {name: web, image: "python:3", ports: [{containerPort: 8000}], env: [{name: COLOUR, value: blue}]}
---
apiVersion: v1
kind: Pod
metadata: {name: idle}
spec:
  nodeName: node-2
  containers:
    - {name: nothing, image: "idle:1", ports: [{containerPort: 8000}]}
"""


@case("exec returns the command's own status, streams, and arguments")
def exec_status(w):
    w.labctl("up")
    w.labctl("exec", "client", "--", "true")
    w.labctl("exec", "client", "--", "sh", "-c", "exit 7", status=7)
    w.labctl("exec", "client", "--", "no-such-command", status=127)
    w.labctl("exec", "client", "--", "sh", "-c", "kill -TERM $$", status=128 + signal.SIGTERM)
    run = w.labctl("exec", "client", "--", "sh", "-c", 'echo "$1"; echo two >&2', "sh", "a  b 'c'")
    w.equal((run.out, run.err), ("a  b 'c'\n", "two\n"), "streams of exec")
    w.equal(w.labctl("exec", "client", "--", "cat", stdin="through\n").out, "through\n", "standard input")
    w.labctl("exec", "nobody", "--", "true", status=2)


@case("a workload or Service stands for one of its pods: exec, probe, explain, logs")
def workloads_as_targets(w):
    w.labctl("up")
    pods = sorted(p["metadata"]["name"] for p in w.get("pods", "-l", "app=frontend"))
    for target in ("frontend", "deploy/frontend", "svc/frontend", "default/deploy/frontend"):
        w.equal(w.labctl("exec", target, "--", "hostname").out.strip(), pods[0], f"the pod behind {target}")
    w.labctl("set", pods[0], "ready=false")
    w.wait("the other one is ready", lambda: w.labctl("exec", "frontend", "--", "hostname").out.strip() == pods[1])
    address = w.get("pod", pods[1])[0]["status"]["podIP"]
    result = w.labctl("probe", "deploy/frontend", "http://backend:8080", "-o", "json").json()["results"][0]
    w.equal((result["outcome"], result["clientIP"]), ("ok", address), "a probe from a Deployment")
    agent = w.labctl("probe", "ds/agent", "http://frontend.default", "-n", "monitoring", "-o", "json").json()
    w.equal(agent["results"][0]["outcome"], "ok", "a probe from a DaemonSet of another namespace")
    w.equal(w.labctl("explain", "frontend", "backend:8080", "-o", "json").json()["from"]["name"], "default/" + pods[1],
            "who is explained")
    w.has(w.labctl("logs", "deploy/backend").out + w.labctl("logs", "-l", "app=backend", "--prefix").out, "GET / 200",
          "what backends served")
    prefixed = w.labctl("logs", "-l", "app=backend", "--prefix", "--tail", "1").lines()
    w.true(prefixed and all(line.startswith("[pod/backend-") for line in prefixed), f"lines with their pods: {prefixed}")
    w.has(w.labctl("exec", "deploy/nobody", "--", "true", status=2).err, "deploy/nobody", "a Deployment that is not there")
    w.labctl("scale", "deploy", "frontend", "--replicas", "0")
    w.wait("no frontends", lambda: not w.get("pods", "-l", "app=frontend"))
    w.has(w.labctl("exec", "deploy/frontend", "--", "true", status=2).err, "deployment default/frontend has no pods",
          "a Deployment without pods")
    for wrong in (["logs"], ["logs", "client", "-l", "app=x"], ["logs", "-l", "app=backend", "-f"]):
        w.labctl(*wrong, status=2)


@case("a pod has its own host name, resolver, processes and network")
def own_namespaces(w):
    w.labctl("up")
    w.equal(w.labctl("exec", "client", "--", "hostname").out.strip(), "client", "host name")
    resolver = w.labctl("exec", "client", "--", "cat", "/etc/resolv.conf").out
    w.has(resolver, "search default.svc.cluster.local svc.cluster.local cluster.local", "resolv.conf")
    w.has(w.labctl("exec", "client", "--", "cat", "/etc/hosts").out, "client", "/etc/hosts")
    listed = w.labctl("exec", "client", "--", "sh", "-c", "ls -d /proc/[0-9]*").lines()
    w.true(len(listed) < 8, f"a pod sees only its own processes: {listed}")
    other = w.labctl("exec", "monitoring/" + w.get("pods", "-n", "monitoring")[0]["metadata"]["name"], "--",
                     "hostname").out
    w.matches(other, r"^agent-", "host name of a pod in another namespace")
    host = os.uname().nodename
    w.true(w.labctl("exec", "node/node-1", "--", "ip", "-o", "link").out.count("veth") >= 3, f"links, not {host}'s")


@case("nodes and the external host run commands in their own network")
def nodes_and_external(w):
    w.labctl("up")
    w.has(w.labctl("exec", "node/node-2", "--", "ip", "-4", "addr", "show", "eth0").out, "172.18.0.3/16", "node-2")
    w.has(w.labctl("exec", "external", "--", "ip", "-4", "-o", "addr").out, "172.18.0.1/16", "external")
    shell = w.labctl("shell", "client", stdin="ip -o link show eth0; exit 3\n", status=3)
    w.has(shell.out, "eth0", "the shell's output")


@case("an image of the lab's map runs a real process, whose output is its log")
def real_process(w):
    w.write("lab.yaml", REAL)
    w.labctl("up", w.folder / "lab.yaml")
    # It declares no readiness probe, so it is ready before it listens, as on a cluster.
    result = w.wait("the real process to listen", lambda: next(
        (r for r in [w.probe("default/idle", "http://pod:default/server:8000/")] if r["outcome"] == "ok"), None))
    w.equal(result["http"]["status"], 200, "status from the real process")
    w.true(not result.get("backend"), "a real process is not called a built-in workload")
    w.wait("the request in the log", lambda: "GET / " in w.labctl("logs", "server").out)
    w.equal(w.probe("default/server", "tcp://pod:default/idle:8000")["outcome"], "refused", "an idle image")
    env = w.labctl("exec", "server", "--", "sh", "-c", "cat /proc/[0-9]*/environ | tr '\\0' '\\n'").out
    w.has(env, "COLOUR=blue", "the container's environment")


FORGER = """
import ctypes, os, sys
own = ctypes.CDLL(None).syscall(438, os.pidfd_open(1), 5, 0)  # pidfd_getfd: the end that the supervisor hears
for text in (b"nonsense", b"[1]", b'{"status": "x"}', b'{"status": 1}', b"\\xff"):
    os.write(own, text)
"""


@case("what a pod says to the supervisor in the name of its process 1 harms nobody else")
def forged_reports(w):
    w.labctl("up", w.write("lab.yaml", REAL))
    w.labctl("exec", "server", "--", "python3", "-c", FORGER)
    w.equal(len(w.get("pods", "server", "idle")), 2, "pods of a lab that goes on")
    w.wait("the server", lambda: w.probe("idle", "http://pod:default/server:8000")["outcome"] == "ok")


@case("requests that the built-in workload served are its log")
def served_requests(w):
    w.labctl("up")
    w.probe("default/client", "http://pod:default/db-0:5432/healthz")
    w.wait("the request in the log", lambda: "/healthz" in w.labctl("logs", "db-0").out)
