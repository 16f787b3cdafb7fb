"""NodeLocal DNSCache: a cache on every node that the pods ask, in front of the cluster's DNS."""

import json
import threading

from harness import case

LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: near}
spec:
  nodes: 2
  %s
  dns:
    replicas: 1
    nodeLocal: true
    upstream:
      records:
        - {name: web.corp.example, value: 192.0.2.7}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: client}
spec:
  selector: {matchLabels: {app: client}}
  template:
    metadata: {labels: {app: client}}
    spec: {containers: [{name: c, image: "client:1"}]}
---
apiVersion: v1
kind: Service
metadata: {name: backend}
spec: {selector: {app: client}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: other}
spec: {selector: {app: client}, ports: [{port: 80}]}
"""

CACHE = "169.254.20.10"


def up(w, more=""):
    w.labctl("up", w.write("near.yaml", LAB % more))


def client(w, node="node-1"):
    return next(p["metadata"]["name"] for p in w.get("pods", "-l", "app=client") if p["spec"]["nodeName"] == node)


def cache_pod(w, node="node-1"):
    return next(p["metadata"]["name"] for p in w.get("pods", "-n", "kube-system", "-l", "k8s-app=node-local-dns")
                if p["spec"]["nodeName"] == node)


def dig(w, *words, pod=None, **more):
    return w.labctl("exec", pod or client(w), "--", "dig", "+tries=1", "+time=3", *words, **more).out


def short(w, *words, **more):
    return sorted(dig(w, "+short", *words, **more).split("\n")[:-1])


def address_of(w, name, *where):
    return w.get("service", name, *where)[0]["spec"]["clusterIP"]


def explained(w, target, pod=None):
    return w.labctl("explain", pod or client(w), target, "-o", "json").json()


def scale_coredns(w, count):
    w.labctl("scale", "deployment", "coredns", "--replicas", str(count), "-n", "kube-system")
    w.wait("as many coredns", lambda: len(w.get("pods", "-n", "kube-system", "-l", "k8s-app=kube-dns")) == count)


@case("pods ask the cache of their own node, which asks the cluster's DNS over TCP and remembers", limit_s=90)
def cached(w):
    up(w)
    pod = client(w)
    w.matches(w.labctl("exec", pod, "--", "cat", "/etc/resolv.conf").out, rf"^nameserver {CACHE}$", "resolv.conf")
    w.equal(len(w.get("pods", "-n", "kube-system", "-l", "k8s-app=node-local-dns")), 2, "caches")
    upstream = address_of(w, "kube-dns-upstream", "-n", "kube-system")
    first = explained(w, "dns://backend.default.svc.cluster.local.?type=A")["queries"][0]
    w.equal(first["answeredBy"], "kube-system/" + cache_pod(w), "who answered")
    w.equal((first["plugin"], first["upstream"]), ("forward", upstream + ":53"), "from the cluster's DNS")
    w.equal(first["answers"][0]["data"], address_of(w, "backend"), "the answer")
    again = explained(w, "dns://backend.default.svc.cluster.local.?type=A")["queries"][0]
    w.equal((again["plugin"], again["cached"]), ("cache", True), "the second time")
    far = explained(w, "dns://backend.default.svc.cluster.local.?type=A", client(w, "node-2"))["queries"][0]
    w.equal((far["answeredBy"], far["plugin"]), ("kube-system/" + cache_pod(w, "node-2"), "forward"),
            "the other node has a cache of its own")
    w.equal(short(w, "+search", "backend"), [address_of(w, "backend")], "a short name")
    world = explained(w, "dns://web.corp.example.?type=A")["queries"][0]
    w.matches(world["upstream"], r"^172\.18\.", "names of the world go to the node's own resolver")
    w.equal(short(w, "+tcp", "web.corp.example"), ["192.0.2.7"], "a name of the world, over TCP")
    w.equal(short(w, "-x", address_of(w, "backend")), ["backend.default.svc.cluster.local."], "a reverse name")


@case("names of the cache stay while the DNS pods are gone, and others fail", limit_s=90)
def without_dns_pods(w):
    up(w)
    want = [address_of(w, "backend")]
    w.equal(short(w, "backend.default.svc.cluster.local"), want, "into the cache")
    scale_coredns(w, 0)
    w.equal(short(w, "backend.default.svc.cluster.local"), want, "from the cache")
    # A node that connects to a Service without endpoints mostly learns so from the answer to its second SYN, a second
    # later: the kernel may not use an ICMP error that comes while connect(2) still sends (tcp_v4_err). It tries twice.
    w.has(dig(w, "other.default.svc.cluster.local", "+time=9"), "status: SERVFAIL", "a name that is not in it")
    w.equal(short(w, "backend.default.svc.cluster.local", pod=client(w, "node-2"), status=None), [],
            "the other node's cache does not have it")
    patch = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "node-local-dns", "namespace": "kube-system"}}
    corefile = w.get("configmap", "node-local-dns", "-n", "kube-system")[0]["data"]["Corefile"]
    patch["data"] = {"Corefile": corefile.replace("success 9984 30", "success 9984 1 1")}
    scale_coredns(w, 1)
    w.labctl("apply", "-f", w.write("short.yaml", json.dumps(patch)))
    w.wait("names through a new Corefile",
           lambda: short(w, "backend.default.svc.cluster.local", status=None) == want, within_s=20)
    scale_coredns(w, 0)
    w.wait("the end of what was in the cache", lambda: "status: SERVFAIL" in dig(
        w, "backend.default.svc.cluster.local", "+time=9", status=None), within_s=30)


@case("questions to the cache leave no trace in connection tracking, and the node shows device and rules")
def untracked(w):
    up(w)
    node = ("exec", "node/node-1", "--")
    device = w.labctl(*node, "ip", "-j", "addr", "show", "nodelocaldns").json()[0]
    w.equal([a["local"] for a in device["addr_info"] if a["family"] == "inet"], [CACHE], "the device's address")
    rules = w.labctl(*node, "nft", "list", "table", "ip", "node-local-dns").out
    w.equal(rules.count("notrack"), 8, f"rules: {rules}")
    short(w, "+search", "backend")
    after = json.loads(w.labctl(*node, "nft", "-j", "list", "table", "ip", "node-local-dns").out)
    counted = sum(e["counter"]["packets"] for i in after["nftables"] if "rule" in i
                  for e in i["rule"]["expr"] if "counter" in e)
    w.true(counted >= 2, f"packets of question and answer in the rules: {counted}")
    tracked = w.labctl(*node, "cat", "/proc/net/nf_conntrack", status=None).out
    w.true(f"dst={CACHE}" not in tracked, f"no connection to the cache: {tracked}")
    text = w.labctl("describe", "node", "node-1").out
    w.has(text, f"DNS cache:", "describe node")
    w.has(text, CACHE, "describe node")
    metrics = w.labctl("exec", "node/node-1", "--", "curl", "-sS", "-m", "5",
                       "http://127.0.0.1:9253/metrics").out
    w.matches(metrics, r"^coredns_dns_requests_total\{.*\} [1-9]", "metrics of the cache")
    w.equal(w.labctl(*node, "curl", "-sS", "-m", "5", f"http://{CACHE}:8080/health").out, "OK", "health")
    w.equal(w.labctl("plan").out, "", "a plan right after `up`")


@case("a node without its cache has no DNS until it is back, and its device goes with it")
def crashed(w):
    up(w)
    w.equal(short(w, "+search", "backend"), [address_of(w, "backend")], "with a cache")
    w.labctl("delete", "daemonset", "node-local-dns", "-n", "kube-system")
    w.wait("no caches", lambda: not w.get("pods", "-n", "kube-system", "-l", "k8s-app=node-local-dns"))
    dig(w, "+time=1", "backend.default.svc.cluster.local", status=9)
    w.true("nodelocaldns" not in w.labctl("exec", "node/node-1", "--", "ip", "link").out, "no device")
    w.equal(short(w, "@10.96.0.10", "backend.default.svc.cluster.local"), [address_of(w, "backend")],
            "the cluster's DNS itself")


@case("queries at a node's cache are shown as they happen")
def watched(w):
    up(w)
    server = "kube-system/" + cache_pod(w)
    pod = client(w)
    watcher = w.start("labctl", "events", "-w", "--dns", "-o", "json")
    seen = []

    def read():
        for line in watcher.stdout:
            seen.append(json.loads(line))

    threading.Thread(target=read, daemon=True).start()

    def shown():
        short(w, "backend.default.svc.cluster.local", pod=pod)
        return any(e["server"] == server and e["plugin"] == "cache" for e in list(seen))

    w.wait("an answer from the cache", shown, within_s=30)
    watcher.kill()
    watcher.wait()


POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: locked}
spec: {podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], egress: []}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns-from-pods-only, namespace: kube-system}
spec:
  podSelector: {matchLabels: {k8s-app: kube-dns}}
  ingress: [{from: [{namespaceSelector: {}}]}]
"""


@case("policies see the node where the pod used to be: its own cache is within reach, the DNS pods see nodes", limit_s=90)
def policies(w):
    up(w)
    w.labctl("apply", "-f", w.write("policy.yaml", POLICY))
    dns_node = w.get("pods", "-n", "kube-system", "-l", "k8s-app=kube-dns")[0]["spec"]["nodeName"]
    far = "node-2" if dns_node == "node-1" else "node-1"
    w.equal(short(w, "backend.default.svc.cluster.local", pod=client(w, dns_node)), [address_of(w, "backend")],
            "a pod that may send nothing asks its node's cache, and that is on the node of the DNS pod")
    w.has(dig(w, "+time=9", "backend.default.svc.cluster.local", pod=client(w, far)), "status: SERVFAIL",
          "the other node is no pod, so the DNS pods' policy shuts its cache out")
    w.matches(w.labctl("exec", client(w, far), "--", "dig", "+tries=1", "+time=1", "@10.96.0.10",
                       "backend.default.svc.cluster.local", status=9).out, "no servers could be reached|timed out",
              "and the pod may not ask the DNS pods itself")


@case("the address of the caches needs an IPv4 range")
def refused(w):
    text = LAB % 'podCIDR: "fd00:10:244::/56"\n  serviceCIDR: "fd00:10:96::/112"'
    told = w.labctl("up", w.write("six.yaml", text), status=2).err
    w.has(told, "spec.dns.nodeLocal", "the field")
