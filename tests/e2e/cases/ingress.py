"""Ingresses: what a controller does with them, from outside and from inside, over HTTP and TLS."""

import base64
import os
import pathlib
import signal

from harness import case

ROOT = pathlib.Path(__file__).resolve().parents[3]
PEMS = ROOT / "tests/unit/data/tls"


def served(name, port=8080, replicas=1):
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: c, image: "{name}:1", ports: [{{name: http, containerPort: {port}}}]}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80, targetPort: http}}]}}
---
"""


def path(path, service, kind="Prefix", port="{name: http}"):
    return f"{{path: {path}, pathType: {kind}, backend: {{service: {{name: {service}, port: {port}}}}}}}"


def ingress(name, host, *paths, more=""):
    return f"""
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: {name}}}
spec:
  {more}
  rules:
  - host: "{host}"
    http: {{paths: [{", ".join(paths)}]}}
---
"""


def secret(name, pem="ec"):
    crt, key = (base64.b64encode((PEMS / f"{pem}.{end}").read_bytes()).decode() for end in ("pem", "key"))
    return f"""
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata: {{name: {name}}}
data: {{tls.crt: {crt}, tls.key: {key}}}
---
"""


CLIENT = """
apiVersion: v1
kind: Pod
metadata: {name: client, labels: {app: client}}
spec: {containers: [{name: c, image: "client:1"}]}
---
"""
SHOP = (served("web", replicas=3) + served("cart", port=9000) + CLIENT + secret("shop-tls") +
        ingress("shop", "web.lab", path("/", "web"), path("/cart", "cart", port="{number: 80}"), path("/cart/exact", "web", "Exact"),
                more="tls: [{hosts: [web.lab], secretName: shop-tls}]") +
        ingress("apps", "*.apps.lab", path("/", "cart")))


def address(w):
    return w.get("ingress", "shop")[0]["status"]["loadBalancer"]["ingress"][0]["ip"]


def controller(w):
    return w.get("pods", "-n", "ingress-system")[0]["metadata"]["name"]


def app_of(result):
    return result["backend"].split("/")[1].split("-")[0]


@case("an Ingress brings a controller; hosts and paths lead to Services, over HTTP and TLS, from outside and from pods")
def routes(w):
    w.write("shop.yaml", SHOP)
    w.labctl("up", "-f", w.folder / "shop.yaml")
    vip = address(w)
    w.equal(w.get("service", "ingress-controller", "-n", "ingress-system")[0]["status"]["loadBalancer"]["ingress"][0]["ip"],
            vip, "the address of the Ingress is that of the controller's Service")
    for origin in ("external", "default/client"):  # the lab's upstream knows the names
        for url, app in (("http://web.lab/", "web"), ("http://web.lab/other", "web"), ("http://web.lab/cart", "cart"),
                         ("http://web.lab/cart/exact", "web"), ("http://web.lab/cart/exact/", "cart"),
                         ("http://web.lab/cartoon", "web"), ("http://blog.apps.lab/", "cart"),
                         ("https://web.lab/cart", "cart")):
            result = w.probe(origin, url)
            w.equal((result["outcome"], result["http"]["status"]), ("ok", 200), url)
            w.equal(app_of(result), app, f"{url} from {origin}")
    many = w.probe("external", "http://web.lab/", "--count", "30")
    w.equal(len(many["backends"]), 3, "the pods of web take turns")
    w.equal(sorted(many["backends"].values()), [10, 10, 10], "and evenly")

    tls = w.probe("external", "https://web.lab/")["tls"]
    w.equal(tls["subject"], "CN=web ec,O=lab", "the certificate of the Secret")
    other = w.probe("external", "https://x.apps.lab/")["tls"]
    w.equal(other["subject"], "CN=web ec,O=lab", "whose names cover the host, though no spec.tls says so")
    curl = ("exec", "external", "--", "curl", "-s", "-k", "-o", "/dev/null", "-w", "%{http_code} %{ssl_verify_result}")
    w.equal(w.labctl(*curl, "--resolve", f"unknown.example:443:{vip}", "https://unknown.example/").out.split()[0], "404",
            "a host that nobody has, over TLS")

    seen = w.labctl("exec", "external", "--", "curl", "-s", "-H", "X-Forwarded-For: 1.2.3.4", "http://web.lab/a?b=c").json()
    w.equal(seen["headers"]["x-forwarded-for"], "172.18.0.1", "who asks; what the client says of itself is not believed")
    w.equal((seen["path"], seen["query"], seen["headers"]["host"]), ("/a", "b=c", "web.lab"), "what the pod sees")
    node_ip = w.get("pods", "-n", "ingress-system")[0]["status"]["podIP"]
    w.equal(seen["client"].split(":")[0], node_ip, "the pod is asked by the controller")

    for url, status, words in ((f"http://{vip}/", 404, f'no Ingress has a rule for the host "{vip}"'),
                               ("http://web.lab/%2e%2e/x", 400, "leads above the root")):
        answer = w.labctl("exec", "external", "--", "curl", "-s", "-i", "--path-as-is", url).out
        w.has(answer, f"HTTP/1.1 {status} ", url)
        w.has(answer, words, url)
    log = w.labctl("logs", controller(w), "-n", "ingress-system").out
    w.has(log, "GET http://web.lab/cart/exact (default/shop: web.lab /cart/exact) -> default/web:http at ", "its log")


@case("explain says which rule of an Ingress takes a URL, and who answers")
def explains(w):
    w.write("shop.yaml", SHOP)
    w.labctl("up", "-f", w.folder / "shop.yaml")
    answer = w.labctl("explain", "external", "https://web.lab/cart/7?x=1", "-o", "json").json()
    w.equal(answer["rule"], {"host": "web.lab", "kind": "exact"}, "the host")
    w.equal([(p["path"], p["matches"], p["chosen"]) for p in answer["paths"]],
            [("/cart/exact", False, False), ("/cart", True, True), ("/", True, False)], "the paths, as they are tried")
    w.equal((answer["certificate"], answer["backend"]["name"]), ("default/shop-tls", "default/cart:80"), "certificate, backend")
    pod = w.get("pods", "-l", "app=cart")[0]
    w.equal([(e["pod"], e["probability"]) for e in answer["endpoints"]],
            [("default/" + pod["metadata"]["name"], 1.0)], "endpoints")
    text = w.labctl("explain", "external", "http://web.lab/cart").out
    w.has(text, "/cart goes to default/cart:80", "in words")
    w.has(w.labctl("explain", "external", "http://nobody.lab/", status=1).out,
          "404: no Ingress has a rule for the host nobody.lab", "no rule")
    w.labctl("scale", "deployment/cart", "--replicas", "0")
    w.has(w.labctl("explain", "external", "http://web.lab/cart", status=1).out,
          "503: Service default/cart has no ready endpoints", "nobody there")
    w.has(w.labctl("explain", "external", "http://", status=2).err, "it names no host", "no URL")


@case("an Ingress follows readiness, scale, new rules and certificates, and the death of the data plane")
def follows(w):
    w.write("shop.yaml", SHOP)
    w.labctl("up", "-f", w.folder / "shop.yaml")
    pods = [p["metadata"]["name"] for p in w.get("pods", "-l", "app=web")]
    w.labctl("set", pods[0], "ready=false")
    many = w.probe("external", "http://web.lab/", "--count", "20")
    w.equal(sorted(many["backends"]), sorted("default/" + p for p in pods[1:]), "only pods that are ready are asked")
    w.labctl("scale", "deployment/cart", "--replicas", "0")
    w.equal(w.probe("external", "http://web.lab/cart")["http"]["status"], 503, "nobody is there")
    w.has(w.labctl("exec", "external", "--", "curl", "-s", "http://web.lab/cart").out,
          "Service default/cart has no ready endpoints", "it says why")
    w.write("more.yaml", ingress("shop", "web.lab", path("/", "cart"), path("/new", "web"),
                                 more="tls: [{hosts: [web.lab], secretName: shop-tls}]") + secret("shop-tls", "rsa"))
    w.labctl("apply", "-f", w.folder / "more.yaml")
    w.equal(app_of(w.probe("external", "http://web.lab/new")), "web", "a new path")
    w.has(w.probe("external", "https://web.lab/new")["tls"]["subject"], "rsa", "a new certificate")
    child = w.labctl_processes("dataplane")
    w.equal(len(child), 1, "data planes")
    os.kill(child[0], signal.SIGKILL)
    w.wait("a new data plane", lambda: w.labctl_processes("dataplane") not in ([], child))
    w.equal(app_of(w.probe("external", "https://web.lab/new")), "web", "by the new data plane")
    w.labctl("scale", "deployment/ingress-controller", "-n", "ingress-system", "--replicas", "2")
    w.wait("two controllers", lambda: w.get("deployment", "ingress-controller", "-n", "ingress-system")[0]["status"]
           .get("readyReplicas") == 2)
    w.equal(app_of(w.probe("external", "http://web.lab/new")), "web", "with two controllers")
    w.labctl("delete", "ingress", "shop", "apps")
    answer = w.labctl("exec", "external", "--", "curl", "-s", "-H", "Host: web.lab", f"http://{service_ip(w)}/").out
    w.has(answer, 'no Ingress has a rule for the host "web.lab"', "after its end")
    w.equal(w.probe("external", "http://web.lab/")["outcome"], "dns-error", "its name has gone, too")


def service_ip(w):
    return w.get("service", "ingress-controller", "-n", "ingress-system")[0]["status"]["loadBalancer"]["ingress"][0]["ip"]


@case("policies count for what a controller asks: a denied one is told of as 504")
def policies(w):
    w.write("shop.yaml", SHOP + """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: cart-from-client}
spec:
  podSelector: {matchLabels: {app: cart}}
  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]
""")
    w.labctl("up", "-f", w.folder / "shop.yaml")
    w.equal(w.probe("default/client", "tcp://cart:80")["outcome"], "ok", "from whom the policy allows")
    answer = w.labctl("exec", "external", "--", "curl", "-s", "-i", "http://web.lab/cart").out
    w.has(answer, "HTTP/1.1 504 ", "through the controller")
    w.has(answer, "no connection within 5 s", "and why")
    w.equal(app_of(w.probe("external", "http://web.lab/")), "web", "other paths")


@case("classes: who acts on an Ingress, and what is said when nobody does; the pods of ingress-nginx are controllers")
def classes(w):
    w.write("lab.yaml", served("web") + """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: classes}
spec: {nodes: 2, ingress: {enabled: false}}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
spec: {controller: k8s.io/ingress-nginx}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: nginx-controller}
spec:
  selector: {matchLabels: {app: nginx-controller}}
  template:
    metadata: {labels: {app: nginx-controller}}
    spec:
      containers:
      - name: controller
        image: registry.k8s.io/ingress-nginx/controller:v1.12.1@sha256:d2fbc4ec70d8aa2050dd91a91506e998765e86c96f32cffb56c503c9c34eed5b
        args: [/nginx-ingress-controller, --controller-class=k8s.io/ingress-nginx]
        ports: [{name: http, containerPort: 80}, {name: https, containerPort: 443}, {name: webhook, containerPort: 8443}]
        readinessProbe: {httpGet: {path: /healthz, port: 10254}}  # which that project's manifests do not declare
---
apiVersion: v1
kind: Service
metadata: {name: nginx-controller}
spec: {type: LoadBalancer, selector: {app: nginx-controller}, ports: [{name: http, port: 80, targetPort: http}]}
---
""" + ingress("good", "good.lab", path("/", "web"), more="ingressClassName: nginx") +
            ingress("none", "none.lab", path("/", "web")) +
            ingress("wrong", "wrong.lab", path("/", "web"), more="ingressClassName: traefik"))
    w.labctl("up", w.folder / "lab.yaml")
    w.equal(w.labctl("get", "namespaces", "-o", "name").out.count("ingress-system"), 0, "no controller of the lab's own")
    w.equal(w.get("deployment", "nginx-controller")[0]["status"].get("readyReplicas"), 1, "the pod of ingress-nginx is ready")
    w.equal(app_of(w.probe("external", "http://good.lab/")), "web", "by the pod of ingress-nginx")
    for name, words in (("none", "it names no class, and no IngressClass is the default; there are: nginx"),
                        ("wrong", 'there is no IngressClass "traefik"; there are: nginx')):
        text = w.labctl("describe", "ingress", name).out
        w.has(text, "NoController", name)
        w.has(text, words, name)
        w.equal(w.get("ingress", name)[0]["status"]["loadBalancer"], {}, "no address")


@case("bad Ingresses, classes and Secrets are refused with their places")
def bad(w):
    w.write("bad.yaml", """apiVersion: v1
kind: Secret
metadata: {name: s}
type: kubernetes.io/tls
data: {tls.crt: "!!!"}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: c}
spec: {controller: nodomain}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i}
spec: {rules: [{host: "a.*.com", http: {paths: [{path: x, pathType: Prefix, backend: {service: {name: w, port: {number: 80}}}}]}}]}
""")
    err = w.labctl("lint", w.folder / "bad.yaml", status=2).err
    w.matches(err, r"bad\.yaml:5:\d+: .*illegal base64 data", "the Secret's data")
    w.matches(err, r"bad\.yaml:5:\d+: .*Required value: tls\.key", "the Secret's key")
    w.matches(err, r"bad\.yaml:10:\d+: .*domain-prefixed path", "the class")
    w.matches(err, r"bad\.yaml:15:\d+: .*must be an absolute path", "the path")
    w.has(err, "spec.rules[0].host: Invalid value", "the host")


@case("lint tells what an Ingress names that the files do not have, with its place")
def lint(w):
    w.write("shop.yaml", SHOP + """apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: bad
  annotations:
    nginx.ingress.kubernetes.io/rewrite-target: /
spec:
  tls: [{hosts: [x.lab], secretName: none}]
  rules:
  - host: x.lab
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 8080}}}}
      - {path: /gone, pathType: Prefix, backend: {service: {name: gone, port: {number: 80}}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: worse}
spec:
  ingressClassName: traefik
  defaultBackend: {service: {name: web, port: {number: 80}}}
""")
    text = (w.folder / "shop.yaml").read_text().splitlines()

    def line(part):
        return next(i for i, found in enumerate(text, 1) if part in found)

    run = w.labctl("lint", w.folder / "shop.yaml")
    w.has(run.out, "5 warnings", "the summary")
    for part, words in (("annotations:", "leaves without effect: nginx.ingress.kubernetes.io/rewrite-target"),
                        ("secretName: none", "there is no Secret default/none"),
                        ("number: 8080", "Service default/web has no TCP port 8080; it has http/80"),
                        ("/gone", "there is no Service default/gone"),
                        ("traefik", 'there is no IngressClass "traefik"; there are: labctl, nginx')):
        w.matches(run.err, rf"shop\.yaml:{line(part)}:\d+: warning: .*{words}", part)
    w.labctl("lint", "--strict", w.folder / "shop.yaml", status=2)
    w.write("alone.yaml", ingress("alone", "a.lab", path("/", "elsewhere")))
    w.has(w.labctl("lint", w.folder / "alone.yaml").out, "0 warnings", "what may be in other files is no matter")
