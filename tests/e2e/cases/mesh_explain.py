"""What people are told of a mesh: explain, describe, get and lint, against what sidecars really do."""

from harness import case

NAMESPACES = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: legacy}
---
"""
LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: mesh-explain}
spec: {nodes: 2, mesh: {profile: istio}}
---
"""
SHOP = NAMESPACES + """
apiVersion: v1
kind: ServiceAccount
metadata: {name: frontend, namespace: shop}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: backend, namespace: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: backend, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: backend}}
  template:
    metadata: {labels: {app: backend}}
    spec:
      serviceAccountName: backend
      containers: [{name: c, image: "web:1", ports: [{containerPort: 8080}, {containerPort: 9000}]}]
---
apiVersion: v1
kind: Service
metadata: {name: backend, namespace: shop}
spec:
  selector: {app: backend}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 9000}]
---
apiVersion: v1
kind: Pod
metadata: {name: frontend, namespace: shop, labels: {app: frontend}}
spec: {serviceAccountName: frontend, containers: [{name: c, image: "web:1", ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: old, namespace: legacy, labels: {app: old}}
spec: {containers: [{name: c, image: "web:1", ports: [{containerPort: 8080}]}]}
---
"""
POLICIES = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: backend, namespace: shop}
spec:
  selector: {matchLabels: {app: backend}}
  rules:
  - from: [{source: {principals: [cluster.local/ns/shop/sa/frontend]}}]
    to: [{operation: {methods: [GET], paths: ["/api/*"], ports: ["8080"]}}]
"""


def up(w, more=""):
    w.write("lab.yaml", LAB + SHOP + more)
    w.labctl("up", w.folder / "lab.yaml")


def backend(w):
    return "shop/" + w.get("pods", "-n", "shop", "-l", "app=backend")[0]["metadata"]["name"]


@case("explain tells of a request through sidecars what becomes of it")
def tells_what_happens(w):
    up(w, POLICIES)
    pod = backend(w)
    questions = (("shop/frontend", "http://backend.shop/api/x", (), True),
                 ("shop/frontend", "http://backend.shop/api/x", ("-X", "POST"), False),
                 ("shop/frontend", "http://backend.shop/other", (), False),
                 ("shop/frontend", "http://backend.shop/api/../other", (), False),
                 ("shop/frontend", f"http://pod:{pod}:8080/api/x", (), False),
                 ("legacy/old", "http://backend.shop/api/x", (), False),
                 ("external", "http://backend.shop/api/x", (), False),
                 ("shop/frontend", "http://pod:legacy/old:8080/", (), True))
    for origin, url, options, allowed in questions:
        what = f"{origin} {url} {options}"
        w.labctl("explain", origin, url, *options, status=0 if allowed else 1)
        if origin != "external" and ".." not in url:  # names of Services are the cluster's own
            result = w.probe(origin, url, *options)
            reached = result["outcome"] == "ok" and result["http"]["status"] == 200
            w.equal(reached, allowed, what)
    for service, allowed in (("backend.shop:9000", False), (f"pod:{pod}:8080", False), ("pod:legacy/old:8080", True)):
        w.labctl("explain", "shop/frontend", service, status=0 if allowed else 1)


@case("the story of a request names the cluster, identities, modes, policies and what the application sees")
def story(w):
    up(w, POLICIES)
    answer = w.labctl("explain", "-n", "shop", "frontend", "http://backend/api/x", "-o", "json").json()
    mesh = answer["mesh"]
    w.equal(mesh["outbound"]["cluster"], "outbound|80||backend.shop.svc.cluster.local", "the cluster")
    w.equal(mesh["outbound"]["serverIds"], ["spiffe://cluster.local/ns/shop/sa/backend"], "secure naming")
    w.equal([e["tls"] for e in mesh["endpoints"]], ["mTLS", "mTLS"], "endpoints")
    there = mesh["inbound"][0]
    w.equal((there["mtls"]["mode"], there["mtls"]["policy"], there["mtls"]["scope"]), ("STRICT", "shop/default", "namespace"), "mode")
    w.equal(there["identity"], "spiffe://cluster.local/ns/shop/sa/frontend", "the identity")
    w.equal([(p["policy"], p["action"], p["matches"]) for p in there["policies"]], [("shop/backend", "ALLOW", True)], "policies")
    seen = w.labctl("exec", "shop/frontend", "--", "curl", "-s", "http://backend.shop/api/x").json()
    w.equal(seen["client"].split(":")[0], there["application"]["client"], "whom the application sees")
    told = dict(part.split("=", 1) for part in there["application"]["xfcc"].split(";"))
    real = dict(part.split("=", 1) for part in seen["headers"]["x-forwarded-client-cert"].split(";"))
    w.equal({k: real[k] for k in ("By", "URI")}, {k: told[k] for k in ("By", "URI")}, "x-forwarded-client-cert")

    text = w.labctl("explain", "-n", "shop", "frontend", "http://backend/api/x").out
    for words in ("15001, chain istio-output", "HTTP: the port's name, http", "15006, chain istio-inbound",
                  "STRICT, by PeerAuthentication shop/default (namespace)",
                  "allowed by AuthorizationPolicy shop/backend, rule 1"):
        w.has(text, words, "in words")
    w.has(w.labctl("explain", "-n", "shop", "frontend", "http://backend/", "-X", "POST", status=1).out,
          "rule 1: methods GET: it is POST, paths /api/*: it is /", "what does not match")
    w.has(w.labctl("explain", "legacy/old", "http://backend.shop/", status=1).out,
          "refused by the mode STRICT: this is plaintext", "without a sidecar")
    trap = w.labctl("explain", "shop/frontend", f"pod:{backend(w)}:8080", status=1).out
    w.has(trap, "PassthroughCluster", "the classic trap")
    w.has(trap, "call its Service: backend.shop.svc.cluster.local", "and the way out")
    tcp = w.labctl("explain", "shop/frontend", "backend.shop:9000", status=1).out
    w.has(tcp, "port 9000 is read as TCP: such a rule is left out", "HTTP rules on a TCP port")
    w.has(w.labctl("explain", "shop/frontend", "backend.shop:80", "-X", "GET", status=2).err, "for a URL", "no URL")


@case("whom a pod sees, through Services of every kind: what explain says is what sidecars log")
def sources(w):
    up(w, """
apiVersion: v1
kind: Service
metadata: {name: outside, namespace: shop}
spec: {type: LoadBalancer, selector: {app: backend}, ports: [{name: http, port: 80, targetPort: 8080, nodePort: 30080}]}
""")
    pods = [p["metadata"]["name"] for p in w.get("pods", "-n", "shop", "-l", "app=backend")]
    vip = w.get("service", "outside", "-n", "shop")[0]["status"]["loadBalancer"]["ingress"][0]["ip"]
    own = w.get("service", "backend", "-n", "shop")[0]["spec"]["clusterIP"]
    for origin, url in (("external", f"http://{vip}/"), ("external", "http://172.18.0.3:30080/"), ("node/node-1", f"http://{own}/"),
                        ("legacy/old", "http://172.18.0.2:30080/"), ("shop/frontend", f"http://{vip}/"), ("legacy/old", f"http://{own}/")):
        mesh = w.labctl("explain", origin, url, "-o", "json").json()["mesh"]
        said = {e["pod"]: e["source"] for e in mesh["endpoints"]}
        w.equal(w.probe(origin, url, "--count", "24")["outcomes"], {"ok": 24}, url)
        for pod in pods:
            line = w.labctl("logs", "-n", "shop", pod, "-c", "istio-proxy", "--tail", "1").out
            w.equal(line.split()[1].rsplit(":", 1)[0], said[f"shop/{pod}"], f"{origin} {url} at {pod}")


@case("headers count, and hosts of Ingresses stay theirs")
def headers(w):
    up(w, """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: backend, namespace: shop}
spec:
  action: DENY
  rules:
  - when: [{key: "request.headers[x-user]", values: [eve]}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i, namespace: legacy}
spec: {rules: [{host: backend.shop, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: x, port: {number: 80}}}}]}}]}
""")
    for user, status in (("eve", 1), ("bob", 0)):
        w.labctl("explain", "-n", "shop", "frontend", "http://backend/", "-H", f"X-User: {user}", status=status)
    w.has(w.labctl("explain", "shop/frontend", "http://backend.shop/", status=1).out, "ingress-controller", "the Ingress has it")


@case("describe and get tell of sidecars and policies; a label that came too late")
def describes(w):
    up(w, POLICIES)
    pod = backend(w)
    text = w.labctl("describe", "pod", "-n", "shop", pod.split("/")[1]).out
    w.matches(text, r"SPIFFE ID: +spiffe://cluster.local/ns/shop/sa/backend\n", "identity")
    w.matches(text, r"8080 +HTTP +STRICT +PeerAuthentication shop/default \(namespace\)", "mode")
    w.matches(text, r"ALLOW +shop/backend\n", "policies")
    w.has(w.labctl("describe", "pod", "-n", "legacy", "old").out, "legacy has no label istio-injection=enabled", "why not")
    w.labctl("label", "namespace", "legacy", "istio-injection=enabled")
    w.has(w.labctl("describe", "pod", "-n", "legacy", "old").out, "it was made before", "too late")
    w.has(w.labctl("explain", "legacy/old", "http://backend.shop/", status=1).out, "sidecars come with new pods only", "a hint")
    text = w.labctl("describe", "authorizationpolicy", "-n", "shop", "backend").out
    w.has(text, pod, "whom it applies to")
    w.matches(text, r"for what +method is GET, path is /api/\*, workload port is 8080\n", "its rule")
    text = w.labctl("describe", "peerauthentication", "-n", "shop", "default").out
    w.has(text, "shop/frontend", "whom it applies to")
    w.has(text, "STRICT (mutual TLS only)", "its mode")
    w.matches(w.labctl("get", "authorizationpolicies", "-n", "shop").out, r"backend +ALLOW +", "the action left out")


@case("lint tells what policies of a mesh hardly mean, with its place")
def lint(w):
    bad = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: bad, namespace: shop}
spec:
  selector: {matchLabels: {app: backend}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/shop/sa/fronted]}
    - source: {principals: ["spiffe://cluster.local/ns/shop/sa/frontend"]}
    to:
    - operation: {ports: ["80"]}
  - to: [{operation: {methods: [GET], ports: ["9000"]}}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: nobody, namespace: shop}
spec:
  selector: {matchLabels: {app: nobody}}
  mtls: {mode: STRICT}
---
"""
    w.write("bad.yaml", bad + LAB + SHOP.removesuffix("---\n"))
    text = (w.folder / "bad.yaml").read_text().splitlines()

    def line(part):
        return next(i for i, found in enumerate(text, 1) if part in found)

    run = w.labctl("lint", w.folder / "bad.yaml")
    w.has(run.out, "5 warnings", "the summary")
    for part, words in (("sa/fronted]", "there is no ServiceAccount shop/fronted"),
                        ("spiffe://", "principals are written without spiffe://"),
                        ('["80"]', "port 80 is that of Service shop/backend"),
                        ("methods: [GET]", r"is for TCP \(port 9000\): such a rule is left out"),
                        ("app: nobody", "there are no pods with app=nobody in the namespace shop")):
        w.matches(run.err, rf"bad\.yaml:{line(part)}:\d+: warning: .*{words}", part)
    w.labctl("lint", "--strict", w.folder / "bad.yaml", status=2)
    w.write("none.yaml", LAB.replace("profile: istio", "profile: none") + SHOP + POLICIES)
    run = w.labctl("lint", w.folder / "none.yaml")
    w.has(run.out, "1 warnings", "without a mesh")
    w.matches(run.err, r"none\.yaml:5:\d+: warning: spec\.mesh\.profile: .*nothing acts on", "why")
    w.write("alone.yaml", NAMESPACES + POLICIES)
    w.has(w.labctl("lint", w.folder / "alone.yaml").out, "0 warnings", "what may be in other files is no matter")
