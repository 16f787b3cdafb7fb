"""Gateways of the Gateway API: what they do with requests, from outside and from inside, over HTTP and TLS."""

import os
import signal

from cases.ingress import CLIENT, secret, served
from harness import case

GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: infra}
spec:
  gatewayClassName: labctl
  listeners:
  - {name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}
  - {name: shop, port: 80, protocol: HTTP, hostname: "*.shop.lab", allowedRoutes: {namespaces: {from: All}}}
  - name: https
    port: 443
    protocol: HTTPS
    hostname: web.lab
    allowedRoutes: {namespaces: {from: All}}
    tls: {certificateRefs: [{name: web-tls, namespace: default}]}
  - name: apps
    port: 443
    protocol: HTTPS
    hostname: "*.apps.lab"
    tls: {certificateRefs: [{name: web-tls, namespace: default}]}
---
"""
GRANT = """
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: tls}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: infra}]
  to: [{group: "", kind: Secret, name: web-tls}]
---
"""
INFRA = "apiVersion: v1\nkind: Namespace\nmetadata: {name: infra}\n---\n"


def route(name, rules, hosts="[web.lab]", more=""):
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{{name: edge, namespace: infra{more}}}]
  hostnames: {hosts}
  rules: {rules}
---
"""


WEB = "backendRefs: [{name: web, port: 80}]"
CART = "backendRefs: [{name: cart, port: 80}]"
LAB = (INFRA + served("web", replicas=2) + served("cart", port=9000) + CLIENT + secret("web-tls") + GRANT + GATEWAY +
       route("web", f"""
  - {WEB}
  - matches: [{{path: {{value: /cart}}}}]
    {CART}
  - matches: [{{path: {{type: Exact, value: /cart/exact}}}}]
    {WEB}
  - matches: [{{method: POST, headers: [{{name: x-v, value: "2"}}], queryParams: [{{name: a, value: "b"}}]}}]
    {CART}
  - matches: [{{path: {{type: RegularExpression, value: "/v[0-9]+"}}}}]
    {CART}
""") +
       route("narrow", f"[{{{CART}}}]", hosts='["*.shop.lab", a.b.shop.lab]', more=", sectionName: shop"))


def controller(w):
    return w.get("pods", "-n", "infra")[0]["metadata"]["name"]


def vip(w):
    return w.get("gateway", "edge", "-n", "infra")[0]["status"]["addresses"][0]["value"]


def curl(w, *arguments):
    return w.labctl("exec", "external", "--", "curl", "-s", *arguments, status=None).out


def app_of(result):
    return result["backend"].split("/")[1].split("-")[0]


def conditions(entry):
    return {c["type"]: (c["status"], c["reason"]) for c in entry["conditions"]}


@case("a Gateway becomes a Service and a pod; HTTPRoutes lead to Services, over HTTP and TLS, from outside and from pods")
def routes(w):
    w.write("lab.yaml", LAB)
    w.labctl("up", "-f", w.folder / "lab.yaml")
    gateway = w.get("gateway", "edge", "-n", "infra")[0]
    w.equal(w.get("service", "edge-labctl", "-n", "infra")[0]["status"]["loadBalancer"]["ingress"][0]["ip"], vip(w),
            "the Gateway's address is its Service's")
    w.equal(conditions(gateway["status"]), {"Accepted": ("True", "Accepted"), "Programmed": ("True", "Programmed")}, "its status")
    w.equal([listener["attachedRoutes"] for listener in gateway["status"]["listeners"]], [1, 1, 1, 0], "attached routes")
    for origin in ("external", "default/client"):  # the lab's upstream knows the names
        for url, app in (("http://web.lab/", "web"), ("http://web.lab/cart", "cart"), ("http://web.lab/cart/x?y", "cart"),
                         ("http://web.lab/cart/exact", "web"), ("http://web.lab/cartoon", "web"), ("http://web.lab/v1", "cart"),
                         ("http://web.lab/v1/x", "web"), ("http://x.shop.lab/", "cart"), ("http://a.b.shop.lab/", "cart"),
                         ("https://web.lab/cart", "cart")):
            result = w.probe(origin, url)
            w.equal((result["outcome"], result["http"]["status"]), ("ok", 200), url)
            w.equal(app_of(result), app, f"{url} from {origin}")
    w.has(curl(w, "-X", "POST", "-H", "X-V: 2", "http://web.lab/?a=b"), '"pod": "cart-', "method, header and parameter")
    w.has(curl(w, "-X", "POST", "-H", "X-V: 2", "http://web.lab/?a=c"), '"pod": "web-', "not all of them")
    w.equal(w.probe("external", "https://web.lab/")["tls"]["subject"], "CN=web ec,O=lab", "the certificate of the other namespace")
    status = ("-o", "/dev/null", "-w", "%{http_code}")
    for url, expected in ((f"http://{vip(w)}/", "404"), ("http://web.lab:81/", "000")):
        run = w.labctl("exec", "external", "--", "curl", "-s", "-m", "5", *status, url, status=None)
        w.equal(run.out, expected, url)
    w.has(curl(w, "-H", "Host: nobody.lab", f"http://{vip(w)}/"), "no rule of listener http takes the request", "a host nobody has")
    sni = w.labctl("exec", "external", "--", "curl", "-sk", "--resolve", f"other.lab:443:{vip(w)}", "https://other.lab/", status=None)
    w.equal(sni.status, 35, "no listener of TLS has the name: the handshake ends")
    for host, expected in (("x.apps.lab", "421"), ("x.shop.lab", "404")):  # another listener's of TLS; of none
        w.equal(curl(w, "-k", *status, "-H", f"Host: {host}", "https://web.lab/"), expected, f"{host} on a connection for web.lab")
    seen = w.labctl("exec", "external", "--", "curl", "-s", "-H", "X-Forwarded-For: 1.2.3.4", "http://web.lab/a?b=c").json()
    w.equal(seen["headers"]["x-forwarded-for"], "172.18.0.1", "who asks; what the client says of itself is not believed")
    w.has(w.labctl("logs", controller(w), "-n", "infra").out, "GET http://web.lab/cart/exact (http) (default/web rule 3) -> default/web:80 at ",
          "its log")


@case("filters change requests and answers, redirect, rewrite and copy; time limits end them; weights share them")
def filters(w):
    w.write("lab.yaml", LAB + route("filters", f"""
  - matches: [{{path: {{value: /rewrite}}}}]
    filters:
    - {{type: URLRewrite, urlRewrite: {{hostname: inner.lab, path: {{type: ReplacePrefixMatch, replacePrefixMatch: /v9}}}}}}
    - {{type: RequestHeaderModifier, requestHeaderModifier: {{set: [{{name: x-set, value: s}}], add: [{{name: x-add, value: a}}], remove: [x-gone]}}}}
    - {{type: ResponseHeaderModifier, responseHeaderModifier: {{set: [{{name: x-answer, value: "yes"}}], remove: [x-backend]}}}}
    {WEB}
  - matches: [{{path: {{value: /old}}}}]
    filters: [{{type: RequestRedirect, requestRedirect: {{scheme: https, hostname: new.lab, statusCode: 301, path: {{type: ReplaceFullPath, replaceFullPath: /new}}}}}}]
  - matches: [{{path: {{value: /mirror}}}}]
    filters: [{{type: RequestMirror, requestMirror: {{backendRef: {{name: cart, port: 80}}}}}}]
    {WEB}
  - matches: [{{path: {{value: /delay}}}}]
    timeouts: {{request: 300ms}}
    {WEB}
  - matches: [{{path: {{value: /split}}}}]
    backendRefs: [{{name: web, port: 80, weight: 9}}, {{name: cart, port: 80, weight: 1}}, {{name: client, port: 80, weight: 0}}]
  - matches: [{{path: {{value: /gone}}}}]
    backendRefs: [{{name: gone, port: 80}}]
  - matches: [{{path: {{value: /empty}}}}]
    backendRefs: [{{name: nobody, port: 80}}]
  - matches: [{{path: {{value: /none}}}}]
""", hosts="[f.lab]") + "apiVersion: v1\nkind: Service\nmetadata: {name: nobody}\nspec: {selector: {app: nobody}, ports: [{port: 80}]}\n")
    w.labctl("up", "-f", w.folder / "lab.yaml")
    head, body = curl(w, "-i", "-H", "x-gone: 1", "-H", "x-set: old", "http://f.lab/rewrite/a%20b?c=d").replace("\r", "").split("\n\n", 1)
    for words in ('"path": "/v9/a%20b"', '"query": "c=d"', '"host": "inner.lab"', '"x-set": "s"', '"x-add": "a"'):
        w.has(body, words, "the request as the pod gets it")
    w.equal("x-gone" in body, False, "a header that is removed")
    w.has(head, "x-answer: yes", "the answer's header")
    w.equal("x-backend" in head, False, "a header of the answer that is removed")
    redirect = curl(w, "-i", "http://f.lab/old/x?y=1")
    w.has(redirect, "HTTP/1.1 301 ", "the redirect")
    w.has(redirect, "location: https://new.lab/new?y=1", "where it leads")
    w.equal(w.labctl("exec", "external", "--", "curl", "-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", "http://f.lab/delay/3").out,
            "504", "a time limit")
    for path, status, words in (("/gone", "500", "there is no Service default/gone"),
                                ("/empty", "503", "Service default/nobody has no ready endpoints"),
                                ("/none", "500", "no backend that gets requests")):
        answer = curl(w, "-i", f"http://f.lab{path}")
        w.has(answer, f"HTTP/1.1 {status} ", path)
        w.has(answer, words, path)
    backends = w.probe("external", "http://f.lab/split", "--count", "400")["backends"]
    cart = sum(count for backend, count in backends.items() if "/cart-" in backend)
    w.equal(10 <= cart <= 80, True, f"one of ten requests goes to cart (of 400, 10 to 80 in all but one of a million runs): {backends}")
    curl(w, "-d", "hello", "http://f.lab/mirror/once")
    pod = w.get("pods", "-l", "app=cart")[0]["metadata"]["name"]
    w.wait("the copy", lambda: "POST /mirror/once" in w.labctl("logs", pod).out)


@case("what is in the store is what the Gateway does: routes, readiness, grants and listeners come and go while clients are served")
def follows(w):
    w.write("lab.yaml", LAB)
    w.labctl("up", "-f", w.folder / "lab.yaml")
    code = ("-k", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}")
    for pod in w.get("pods", "-l", "app=cart"):
        w.labctl("set", f"pod/{pod['metadata']['name']}", "ready=false")
    w.equal(curl(w, *code, "http://web.lab/cart"), "503", "nobody is ready")
    w.labctl("delete", "httproute", "web")
    w.equal(curl(w, *code, "-H", "Host: web.lab", f"http://{vip(w)}/"), "404", "the route is gone")
    w.labctl("apply", "-f", w.folder / "lab.yaml")
    w.equal(curl(w, *code, "https://web.lab/"), "200", "and back")
    child = w.labctl_processes("dataplane")
    os.kill(child[0], signal.SIGKILL)
    w.wait("a new data plane", lambda: w.labctl_processes("dataplane") not in ([], child))
    w.equal(curl(w, *code, "https://web.lab/"), "200", "by the new data plane")
    w.write("more.yaml", GATEWAY.replace("  - name: https", "  - {name: alt, port: 8080, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}\n"
                                         "  - name: https"))
    w.labctl("apply", "-f", w.folder / "more.yaml")
    w.wait("a pod with the new port", lambda: curl(w, *code, "http://web.lab:8080/") == "200")
    w.labctl("apply", "-f", w.folder / "lab.yaml")
    w.labctl("delete", "referencegrant", "tls")
    listener = w.get("gateway", "edge", "-n", "infra")[0]["status"]["listeners"][2]
    w.equal(conditions(listener)["ResolvedRefs"], ("False", "RefNotPermitted"), "without the grant")
    w.equal(w.labctl("exec", "external", "--", "curl", *code, "-s", "https://web.lab/", status=None).status, 35, "there is no certificate")
    w.labctl("delete", "gateway", "edge", "-n", "infra")
    w.equal(w.get("service,deployment,pods", "-n", "infra"), [], "what was made for it goes with it")


@case("get, describe and explain speak of Gateways as kubectl and their controllers do")
def tells(w):
    w.write("lab.yaml", LAB + route("lost", f"[{{{WEB}}}]", more=", sectionName: nope"))
    w.labctl("up", "-f", w.folder / "lab.yaml")
    w.matches(w.labctl("get", "gtw", "-n", "infra").out, r"NAME +CLASS +ADDRESS +PROGRAMMED +AGE\nedge +labctl +172\.18\.255\.\d+ +True +", "gateways")
    w.matches(w.labctl("get", "gc").out, r"NAME +CONTROLLER +ACCEPTED +AGE\nlabctl +labctl\.dev/gateway-controller +True +", "classes")
    w.matches(w.labctl("get", "referencegrants").out, r"NAME +AGE\ntls +", "grants")
    w.matches(w.labctl("get", "httproutes", "web").out, r'NAME +HOSTNAMES +AGE\nweb +\["web\.lab"\] +', "routes")
    described = w.labctl("describe", "httproute", "lost").out
    w.has(described, "NoMatchingParent", "the reason")
    w.has(described, "Gateway infra/edge has no listener nope", "the Event")
    answer = w.labctl("explain", "external", "https://web.lab/cart/7", "-o", "json").json()
    w.equal([(r["match"], r["chosen"]) for r in answer["rules"] if r["matches"]], [("/cart/*", True), ("/*", False)], "the rules that match")
    w.equal((answer["certificate"], answer["backends"][0]["name"], answer["outcome"]), ("default/web-tls", "default/cart:80", "endpoint"),
            "certificate and backend")
    text = w.labctl("explain", "external", "http://web.lab/cart/7").out
    for words in ("Gateway   infra/edge at 172.18.255.", "listener  http, for * on port 80", "/cart/7 goes to default/cart:80 (100.0 %)",
                  "note: HTTPRoute default/lost spec.parentRefs[0]: it is not attached: Gateway infra/edge has no listener nope"):
        w.has(text, words, "explain")
    w.has(w.labctl("explain", "external", "http://y.shop.lab:8080/", status=1).out, "404: no listener is for the host", "a port nobody has")


@case("bad Gateways and HTTPRoutes are refused, and what is hardly meant is a finding, each with its place")
def bad_input(w):
    w.write("bad.yaml", """apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
spec:
  gatewayClassName: labctl
  listeners:
  - {name: a, port: 80, protocol: HTTP}
  - {name: b, port: 80, protocol: HTTP}
  - {name: c, port: 0, protocol: HTTP, hostname: "10_1"}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: g}]
  rules:
  - backendRefs: [{name: web}]
""")
    err = w.labctl("lint", w.folder / "bad.yaml", status=2).err
    w.matches(err, r"bad\.yaml:8:\d+: .*Combination of port, protocol and hostname must be unique", "a listener twice")
    w.matches(err, r"bad\.yaml:9:\d+: .*port", "the port")
    w.matches(err, r"bad\.yaml:17:\d+: .*Must have port for Service reference", "the backend")
    w.write("odd.yaml", LAB + route("odd", """
  - backendRefs: [{name: gone, port: 80}, {name: dns, namespace: kube-system, port: 53}]
""", more=", port: 8080") + route("nowhere", f"[{{{WEB}}}]").replace("name: edge", "name: gone"))
    run = w.labctl("lint", w.folder / "odd.yaml")
    for words in ("HTTPRoute \"odd\": spec.rules[0].backendRefs[0]: its share of requests gets 500: there is no Service default/gone",
                  "no ReferenceGrant in kube-system lets HTTPRoutes of default use its Service dns",
                  "it is not attached: Gateway infra/edge has no listener of port 8080",
                  "it is attached to nothing: there is no Gateway infra/gone"):
        w.has(run.err, words, "lint")
    w.has(run.out, "4 warnings", "the summary")
