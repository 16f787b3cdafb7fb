"""SCTP on a kernel that has its sockets (ci/kernel-test): probes, the built-in workload, Services in every mode."""

from harness import Skip, case

from .proxy_modes import has_ipvs, need_iptables, pod_ip

LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {{name: sctp}}
spec: {{nodes: 2, proxy: {{mode: {mode}}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: client}}
spec: {{nodeName: node-1, containers: [{{name: c, image: idle}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: near, labels: {{app: web}}}}
spec: {{nodeName: node-1, containers: [{{name: c, image: web, ports: [{{containerPort: 80, protocol: SCTP}}]}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: far, labels: {{app: web}}}}
spec: {{nodeName: node-2, containers: [{{name: c, image: web, ports: [{{containerPort: 80, protocol: SCTP}}]}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  type: NodePort
  clusterIP: 10.96.0.100
  selector: {{app: web}}
  ports: [{{name: call, port: 7, targetPort: 80, protocol: SCTP, nodePort: 30080}}]
---
apiVersion: v1
kind: Service
metadata: {{name: empty}}
spec: {{clusterIP: 10.96.0.101, selector: {{app: nobody}}, ports: [{{port: 7, protocol: SCTP}}]}}
"""

POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: tcp-only}
spec: {podSelector: {matchLabels: {app: web}}, ingress: [{ports: [{port: 80, protocol: TCP}]}]}
"""

BOTH = {"default/near", "default/far"}


def has_sctp(w):
    features = w.labctl("doctor", "-o", "json", status=None).json()["features"]
    return any(f["name"] == "sctp" and f["available"] for f in features)


def up(w, mode="nftables"):
    if not has_sctp(w):
        raise Skip("this kernel has no SCTP sockets; ci/kernel-test has one")
    w.write("lab.yaml", LAB.format(mode=mode))
    w.labctl("up", w.folder / "lab.yaml")


def check_service(w, mode):
    for origin, to in (("default/client", "10.96.0.100:7"), ("default/client", "172.18.0.3:30080"),
                       ("node/node-1", "10.96.0.100:7"), ("external", "172.18.0.2:30080")):
        got = w.probe(origin, f"sctp://{to}", "--count", "16", "--timeout", "20s")
        w.equal(got["outcomes"], {"ok": 16}, f"{origin} to {to} in the mode {mode}: {got['error']}")
        w.equal(set(got["backends"]), BOTH, f"who answers {origin} at {to} in the mode {mode}")
    w.equal(w.probe("default/client", "sctp://10.96.0.101:7", "--timeout", "20s")["outcome"], "refused",
            f"a Service without endpoints in the mode {mode}")


@case("SCTP reaches pods, says who answered, and is refused where nobody listens")
def pods(w):
    up(w)
    for name in ("near", "far"):
        got = w.probe("default/client", f"sctp://{pod_ip(w, name)}:80", "--timeout", "20s")
        w.equal((got["outcome"], got["backend"], got["clientIP"]), ("ok", f"default/{name}", pod_ip(w, "client")), name)
        w.equal(w.probe("default/client", f"sctp://{pod_ip(w, name)}:81", "--timeout", "20s")["outcome"], "refused",
                f"another port of {name}")
        w.equal(w.probe("default/client", f"tcp://{pod_ip(w, name)}:80", "--timeout", "20s")["outcome"], "refused",
                f"the same port of {name} by TCP")
    w.labctl("apply", "-f", w.write("policy.yaml", POLICY))
    got = w.probe("default/client", f"sctp://{pod_ip(w, 'far')}:80", "--timeout", "3s")
    w.true(got["outcome"] != "ok", f"under a policy that lets only TCP in: {got['outcome']}")


@case("a Service of SCTP works from pods, nodes and outside in each mode that has it", modes=("root",))
def services(w):
    need_iptables()
    up(w)
    check_service(w, "nftables")
    for mode in ("iptables", "ipvs") if has_ipvs(w) else ("iptables",):
        w.labctl("set", "proxy-mode", mode)
        check_service(w, mode)
