"""explain's model against probes: for each row the same fate, the same source address, the same policy."""

from cases.gateway import GATEWAY, INFRA, WEB, route
from cases.ingress import CLIENT, ingress, path, served
from cases.proxy_modes import has_ipvs, need_iptables
from harness import Skip, case

ROOT = ("root",)  # Geneve may be in userspace, and an ordinary user's way to /dev/net/tun is the administrator's to give
NODE_1, NODE_2, OUTSIDE = "172.18.0.2", "172.18.0.3", "172.18.0.1"

OBJECTS = """
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: a}}
spec: {nodeName: node-1, containers: [{name: c, image: i, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: near, labels: {app: near}}
spec: {nodeName: node-1, containers: [{name: c, image: i, ports: [{containerPort: 80, hostPort: 8081}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: far, labels: {app: far}}
spec: {nodeName: node-2, containers: [{name: c, image: i, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: host, labels: {app: host}}
spec: {nodeName: node-2, hostNetwork: true, containers: [{name: c, image: i, ports: [{containerPort: 7000}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {type: NodePort, selector: {app: a}, ports: [{port: 80, nodePort: 30999}]}
---
apiVersion: v1
kind: Service
metadata: {name: far}
spec: {type: NodePort, externalTrafficPolicy: Local, selector: {app: far}, ports: [{port: 80, nodePort: 30998}]}
---
apiVersion: v1
kind: Service
metadata: {name: host}
spec: {ports: [{port: 7000}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: host-1, labels: {kubernetes.io/service-name: host}}
addressType: IPv4
ports: [{port: 7000}]
endpoints: [{addresses: [172.18.0.3], nodeName: node-2}]
---
apiVersion: v1
kind: Service
metadata: {name: nobody}
spec: {selector: {app: nobody}, ports: [{port: 80}]}
"""

POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}}}
spec: {spec}
"""

# What is in force, and which rows are then asked; "" is nothing. The policies are those of the pod `a`.
POLICIES = {
    "": None,
    "no-egress": "{podSelector: {matchLabels: {app: a}}, policyTypes: [Egress]}",
    "no-ingress": "{podSelector: {matchLabels: {app: a}}, policyTypes: [Ingress]}",
    "not-outside": "{podSelector: {matchLabels: {app: a}}, policyTypes: [Egress], egress: [{to: [{ipBlock: "
                   "{cidr: 172.18.0.0/16, except: [172.18.0.1/32]}}]}]}",
    "from-node-2": "{podSelector: {matchLabels: {app: a}}, ingress: [{from: [{ipBlock: {cidr: 10.244.2.0/24}}]}]}",
}

PAIRS = [
    ("default/a", f"{NODE_1}:7000"),
    ("default/a", f"{NODE_2}:7000"),
    ("default/a", f"{OUTSIDE}:7000"),
    ("default/a", f"{NODE_1}:30999"),
    ("default/a", f"{NODE_2}:30999"),
    ("default/a", f"{NODE_2}:30998"),
    ("default/a", "{a}:80"),
    ("default/a", "{far}:80"),
    ("default/a", "{host}:7000"),
    ("default/a", "{nobody}:80"),
    ("default/a", "pod:default/near:80"),
    ("default/near", "{a}:80"),
    ("default/near", f"{NODE_2}:30999"),
    ("default/far", "{a}:80"),
    ("default/far", "pod:default/a:80"),
    ("node/node-1", "pod:default/a:80"),
    ("node/node-1", f"{NODE_1}:30999"),
    ("node/node-1", f"{NODE_2}:30999"),
    ("node/node-1", "10.244.1.1:30999"),
    ("node/node-2", "pod:default/a:80"),
    ("node/node-2", "{a}:80"),
    ("node/node-2", f"{NODE_2}:30999"),
    ("external", "pod:default/a:80"),
    ("external", "pod:default/far:80"),
    ("external", f"{NODE_1}:30999"),
    ("external", f"{NODE_2}:30999"),
    ("default/a", f"{NODE_1}:8081"),
    ("default/near", f"{NODE_1}:8081"),
    ("default/far", f"{NODE_1}:8081"),
    ("node/node-1", f"{NODE_1}:8081"),
    ("node/node-2", f"{NODE_1}:8081"),
    ("external", f"{NODE_1}:8081"),
]

# What explain calls the fates of probes. Whether a process listens at an address that no pod of its own has, it
# does not know.
FATES = {
    "ok": {"endpoint", "none"},
    "refused": {"reject", "none"},
    "timeout": {"drop", "denied", "none"},
    "unreachable": {"none"},
    "reset": {"close"},
}


def told_source(answer, backend):
    """The address that the backend sees, by the model; None where several branches say several."""
    sources = {b.get("source") for b in answer["branches"] if b.get("pod", backend) == backend or not b.get("pod")}
    return sources.pop() if len(sources) == 1 else None


def compare(w, policy):
    services = {s["metadata"]["name"]: s["spec"]["clusterIP"] for s in w.get("services")}
    pairs = [(start, to.format(**services)) for start, to in PAIRS]  # no name has to be resolved
    probes = [{"id": str(i), "from": start, "to": f"http://{to}/" if "7000" not in to else f"tcp://{to}",
               "timeoutMs": 400} for i, (start, to) in enumerate(pairs)]
    results = w.probes(*probes)
    wrong = []
    for i, (start, to) in enumerate(pairs):
        result = results[str(i)]
        answer = w.labctl("explain", start, to, "-o", "json", status=None).json()
        told = answer["outcome"]
        if told not in FATES.get(result["outcome"], ()):
            wrong.append(f"{start} -> {to}: {result['outcome']} ({result.get('error')}), but explain: {answer['summary']}")
        by = ((result.get("drop") or {}).get("by") or "").split("/")[-1]
        if by and (told != "denied" or by not in answer["summary"]):
            wrong.append(f"{start} -> {to}: dropped by {by}, but explain: {answer['summary']}")
        source = told_source(answer, result.get("backend"))
        if result.get("clientIP") and source != result["clientIP"]:
            wrong.append(f"{start} -> {to}: seen as {result['clientIP']}, but explain: {source}, {answer['summary']}")
    w.equal(wrong, [], f"with the policy '{policy}'")


def hold_against_probes(w, *arguments, enforced=True):
    path = w.folder / "objects.yaml"
    path.write_text(OBJECTS, encoding="utf-8")
    w.labctl("up", "-f", path, "--nodes", "2", *arguments)
    for name, spec in POLICIES.items():
        if spec and not enforced:
            continue
        if spec:
            file = w.folder / "policy.yaml"
            file.write_text(POLICY.format(name=name, spec=spec), encoding="utf-8")
            w.labctl("apply", "-f", file)
        compare(w, name)
        if spec:
            w.labctl("delete", "networkpolicy", name)
    w.labctl("down")


@case("explain tells the fate, the source address and the policy that probes find, in the nftables mode", limit_s=120)
def nftables(w):
    hold_against_probes(w)


@case("explain tells what probes find in the iptables mode", limit_s=120)
def iptables(w):
    need_iptables()
    hold_against_probes(w, "--proxy-mode", "iptables")


@case("explain tells what probes find in the userspace mode", limit_s=120)
def userspace(w):
    need_iptables()
    hold_against_probes(w, "--proxy-mode", "userspace")


@case("explain tells what probes find in the ipvs mode", limit_s=120)
def ipvs(w):
    if not has_ipvs(w):
        raise Skip("this kernel has no IPVS")
    hold_against_probes(w, "--proxy-mode", "ipvs")


@case("explain tells what probes find with pods that are routed", limit_s=120)
def calico(w):
    hold_against_probes(w, "--cni", "calico")


@case("explain tells what probes find with identities between nodes", modes=ROOT, limit_s=120)
def cilium(w):
    hold_against_probes(w, "--cni", "cilium")


@case("explain tells what probes find where nobody enforces policies", limit_s=120)
def flannel(w):
    hold_against_probes(w, "--cni", "flannel", enforced=False)


@case("explain tells what probes find with Weave's networks", limit_s=120)
def weave(w):
    hold_against_probes(w, "--cni", "weave")


# What is in force, the URL's host, what the client is answered (0: nothing), and what explain says.
EDGES = [
    ("", 200, "/aaa goes to"),
    ("{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}", 504, "504"),
    ("{podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], egress: [{ports: [{port: 53, protocol: UDP}, "
     "{port: 53}]}]}", 0, "the request does not reach the"),
]


@case("explain of a URL says which policy keeps a client from the controller or Gateway, and those from the pods",
      limit_s=120)
def edges(w):
    path_ = w.folder / "edges.yaml"
    path_.write_text(INFRA + served("web") + CLIENT + GATEWAY.split("  - {name: shop")[0] + "---\n" +
                     route("web", f"[{{{WEB}}}]", hosts="[gate.lab]") +
                     ingress("i", "ingress.lab", path("/", "web")), encoding="utf-8")
    w.labctl("up", "-f", path_, "--nodes", "2")
    for spec, status, text in EDGES:
        if spec:
            file = w.folder / "policy.yaml"
            file.write_text(POLICY.format(name="shut", spec=spec), encoding="utf-8")
            w.labctl("apply", "-f", file)
        for host in ("ingress.lab", "gate.lab"):
            url = f"http://{host}/aaa"
            result = w.probes({"id": "1", "from": "default/client", "to": url, "timeoutMs": 15000 if status else 500})["1"]
            w.equal(result.get("http", {}).get("status", 0), status, f"{url} with {spec}: {result}")
            told = w.labctl("explain", "client", url, status=0 if status == 200 else 1).out
            w.has(told, text, f"{url} with {spec}")
            w.equal("NetworkPolicy default/shut" in told, bool(spec), f"the policy is named: {told}")


@case("explain resolves a name as the pod that asks does, and says which policy keeps it from the servers")
def names(w):
    file = w.folder / "names.yaml"
    file.write_text(NAMES, encoding="utf-8")
    w.labctl("up", "-f", file, "--nodes", "2")
    for start, to in (("shop/web", "db:80"), ("default/client", "db:80"), ("shop/web", "db.default:80"),
                      ("shop/web", "headless:80"), ("default/client", "alias:80")):
        probed = w.probes({"id": "1", "from": start, "to": f"tcp://{to}"})["1"]
        told = w.labctl("explain", start, to, "-o", "json").json()
        w.equal(told["to"]["address"], f"{probed['resolved']}:80", f"{start} to {to}")
    w.equal(w.labctl("explain", "shop/web", "http://only/", "-o", "json").json()["service"], "shop/only", "of a URL")
    w.equal(w.labctl("explain", "shop/web", "svc/db:80", "-o", "json").json()["service"], "default/db", "svc/NAME")
    w.has(w.labctl("explain", "default/client", "only:80", status=2).err, "there is one in the namespace shop", "hint")
    file.write_text(POLICY.format(name="shut", spec="{podSelector: {}, policyTypes: [Egress]}"), encoding="utf-8")
    w.labctl("apply", "-f", file)
    w.has(w.labctl("explain", "client", "dns://kubernetes", status=1).out, "NetworkPolicy default/shut", "a dropped query")


NAMES = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: node-1, containers: [{name: c, image: i, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, labels: {app: web}}
spec: {nodeName: node-2, containers: [{name: c, image: i, ports: [{containerPort: 80}]}]}
---
""" + "---\n".join(f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {ns}}}
spec: {{{spec}}}
""" for ns, name, spec in (
    ("shop", "db", "selector: {app: web}, ports: [{port: 80}]"),
    ("default", "db", "selector: {app: web}, ports: [{port: 80}]"),
    ("shop", "only", "selector: {app: web}, ports: [{port: 80}]"),
    ("shop", "headless", "clusterIP: None, selector: {app: web}, ports: [{port: 80}]"),
    ("default", "alias", "type: ExternalName, externalName: db.shop.svc.cluster.local")))
