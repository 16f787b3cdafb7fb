"""kill -9 in the middle of a big change of rules: nothing is left, and the lab comes back whole."""

import os
import re
import shutil
import signal
import time

from harness import Skip, case

SERVICES = {"nftables": 400, "iptables": 60}
ENDPOINTS = 5
LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {{name: victim}}
spec: {{nodes: 2, proxy: {{mode: {mode}}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: web, labels: {{app: web}}}}
spec: {{containers: [{{name: c, image: web, ports: [{{containerPort: 80}}]}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{clusterIP: 10.96.0.100, selector: {{app: web}}, ports: [{{port: 80}}]}}
"""
ONE = """---
apiVersion: v1
kind: Service
metadata: {{name: s{number}}}
spec: {{ports: [{{name: http, port: 80}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: s{number}, labels: {{kubernetes.io/service-name: s{number}}}}}
addressType: IPv4
ports: [{{name: http, port: 80}}]
endpoints: [{endpoints}]
"""


def big_change(services):
    return "".join(ONE.format(number=number, endpoints=", ".join(
        f"{{addresses: [192.0.2.{1 + (number + i) % 250}]}}" for i in range(ENDPOINTS))) for number in range(services))


def supervisor(w):
    return w.labctl_processes("supervisor")[0]


def whole(w, mode):
    """What the objects say and what the nodes have is the same, all of it or nothing of the change."""
    w.equal(w.labctl("plan").out, "", "what the plan would change")
    w.equal(w.probe("default/web", "http://10.96.0.100:80/", "--timeout", "5s")["outcome"], "ok", "the old Service")
    there = {s["metadata"]["name"] for s in w.get("services")} - {"kubernetes", "web"}
    tool = ("iptables-save",) if mode == "iptables" else ("nft", "list", "table", "ip", "kube-proxy")
    rules = w.labctl("exec", "node/node-1", "--", *tool).out
    told = {name for name in re.findall(r"default/(s\d+):http", rules.replace("/tcp/", ":"))}
    w.equal(sorted(told), sorted(there), "Services that have rules")
    return len(there)


def kills(w, mode, fractions):
    w.write("lab.yaml", LAB.format(mode=mode))
    change = w.write("later/change.yaml", big_change(SERVICES[mode]))  # not beside the lab file, which would take it in
    w.labctl("up", w.folder / "lab.yaml")
    took = w.labctl("apply", "-f", change).seconds
    w.equal(whole(w, mode), SERVICES[mode], "Services after a change that nobody disturbed")
    counts, cut = [], 0
    for fraction in fractions:
        w.labctl("down", "--all")
        w.labctl("up", w.folder / "lab.yaml")
        pid = supervisor(w)
        process = w.start("labctl", "apply", "-f", str(change))
        time.sleep(took * fraction)  # the moment to hit, not something to wait for
        os.kill(pid, signal.SIGKILL)
        process.communicate(timeout=30)
        cut += process.returncode != 0
        w.assert_empty(5.0)
        w.labctl("up", "victim")
        counts.append(whole(w, mode))
        w.labctl("down", "--all")
        w.assert_empty(5.0)
    w.notes.append(f"{mode}: a change of {took:.1f} s; Services after kills at {fractions} of it: {counts}; "
                   f"{cut} were cut short")
    w.true(cut > 0, "no kill came before the change was done")


@case("a supervisor that is killed in the middle of a big nftables transaction leaves nothing, and the lab comes back",
      limit_s=300)
def nftables(w):
    kills(w, "nftables", (0.15, 0.3, 0.5, 0.7, 0.9))


@case("a supervisor that is killed while iptables-restore loads a big change leaves nothing, and the lab comes back",
      modes=("root",), limit_s=300)  # an ordinary user's iptables-restore may not send that much at once
def iptables(w):
    if not shutil.which("iptables-restore", path="/usr/sbin:/sbin:/usr/bin:/bin"):
        raise Skip("no iptables-restore; apt-get install iptables")
    kills(w, "iptables", (0.4, 0.6, 0.8))
