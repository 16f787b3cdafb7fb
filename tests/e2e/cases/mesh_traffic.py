"""Istio's VirtualServices and DestinationRules: which pod answers, what is changed on the way, and what people are told."""

import collections

from harness import case
from cases.mesh import lab, namespace

LAB = lab() + namespace("shop", "enabled") + namespace("legacy")


def pod(ns, name, **labels):
    told = ", ".join(f"{key}: {value}" for key, value in labels.items())
    return (f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {ns}, labels: {{{told}}}}}\n"
            "spec: {containers: [{name: c, image: web, ports: [{containerPort: 8080}]}]}\n---\n")


def service(name):
    return (f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\n"
            f"spec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}\n---\n")


def routes(http, name="cart", ns="shop", host="cart", version="v1", more=""):
    return (f"apiVersion: networking.istio.io/{version}\nkind: VirtualService\n"
            f"metadata: {{name: {name}, namespace: {ns}}}\nspec:\n  hosts: [{host}]\n  {more}\n  http: {http}\n---\n")


def rule(spec, name="cart", version="v1"):
    return (f"apiVersion: networking.istio.io/{version}\nkind: DestinationRule\n"
            f"metadata: {{name: {name}, namespace: shop}}\nspec: {spec}\n---\n")


SHOP = (pod("shop", "web", app="web") + pod("shop", "cart-1", app="cart", version="v1") +
        pod("shop", "cart-2", app="cart", version="v2") + service("cart") + service("nobody") + pod("legacy", "old", app="old"))
SUBSETS = rule("{host: cart, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}, "
               "{name: v3, labels: {version: v3}}]}")
V1, V2 = "{destination: {host: cart, subset: v1}}", "{destination: {host: cart, subset: v2}}"


def up(w, more=""):
    w.write("lab.yaml", LAB + SHOP + SUBSETS + more)
    w.labctl("up", w.folder / "lab.yaml")


def apply(w, text):
    w.write("more.yaml", text)
    w.labctl("apply", "-f", w.folder / "more.yaml")


def ask(w, url="http://cart/", *options, status=200, origin="shop/web"):
    result = w.probe(origin, url, *options)
    w.equal(result["http"]["status"], status, f"{url} {options}")
    return result


@case("a canary: a header chooses a version, weights share out the rest, clients without a sidecar see none of it")
def canary(w):
    up(w, routes("[{match: [{headers: {x-user: {exact: jason}}}], route: [%s]}, "
                 "{route: [{destination: {host: cart, subset: v1}, weight: 90}, {destination: {host: cart, subset: v2}, weight: 10}]}]" % V2))
    for _ in range(5):
        w.equal(ask(w, "http://cart/", "-H", "x-user: jason")["backend"], "shop/cart-2", "by the header")
    counts = w.probe("shop/web", "http://cart/", "--count", "300")["backends"]
    w.true(5 <= counts.get("shop/cart-2", 0) <= 75, f"10 % of 300: {counts}")
    w.equal(sum(counts.values()), 300, "all are answered")
    plain = collections.Counter(ask(w, "http://cart.shop/", origin="legacy/old")["backend"] for _ in range(40))
    w.true(min(plain["shop/cart-1"], plain["shop/cart-2"]) > 3, f"without a sidecar, kube-proxy chooses: {plain}")
    told = w.labctl("explain", "shop/web", "http://cart.shop/", "-o", "json").json()["mesh"]
    w.equal(told["outbound"]["route"]["virtualService"], "shop/cart", "explain: who routes it")
    w.equal({e["pod"]: round(e["share"], 3) for e in told["endpoints"]}, {"shop/cart-1": 0.9, "shop/cart-2": 0.1}, "explain: shares")
    text = w.labctl("explain", "shop/web", "http://cart.shop/", "-H", "x-user: jason").out
    w.has(text, "http[0], match[0]: header x-user is jason", "explain: the match")
    w.has(text, "100% outbound|80|v2|cart.shop.svc.cluster.local", "explain: the subset")


@case("routes change requests, answer themselves, fail, wait and try again as they say")
def behaviour(w):
    up(w)
    apply(w, routes("[{match: [{uri: {prefix: /api}}], rewrite: {uri: /echo-}, route: [%s], headers: {request: {set: {x-a: b}}, "
                    "response: {add: {x-told: fine}}}}, {match: [{uri: {exact: /moved}}], redirect: {uri: /new}}, "
                    "{match: [{uri: {regex: '/t[0-9]+'}}], directResponse: {status: 418, body: {string: tea}}}]" % V1, version="v1beta1"))
    answer = ask(w, "http://cart/api/x?q=1")
    seen = w.labctl("exec", "shop/web", "--", "curl", "-s", "http://cart/api/x?q=1").json()
    w.equal((seen["path"], seen["headers"]["x-a"], seen["headers"]["x-envoy-original-path"]), ("/echo-/x", "b", "/api/x?q=1"), "rewritten")
    w.equal(answer["http"]["headers"]["x-told"], "fine", "a field of the answer")
    w.equal(ask(w, "http://cart/moved", status=301)["http"]["headers"]["location"], "http://cart/new", "a redirect")
    w.equal(ask(w, "http://cart/t42", status=418)["http"]["body"], "tea", "a direct answer")
    ask(w, "http://cart/t42x", status=404)
    w.labctl("explain", "shop/web", "http://cart.shop/t42x", status=1)
    w.has(w.labctl("logs", "-n", "shop", "web", "-c", "istio-proxy").out, "NR: no route", "the log")

    apply(w, routes("[{fault: {abort: {httpStatus: 503, percentage: {value: 100}}}, route: [%s]}]" % V1))
    w.equal(ask(w, status=503)["http"]["body"], "fault filter abort", "a fault")
    w.has(w.labctl("logs", "-n", "shop", "web", "-c", "istio-proxy").out, "FI: ", "the log")
    apply(w, routes("[{timeout: 300ms, route: [%s]}]" % V1))
    w.equal(ask(w, "http://cart/delay/2", status=504)["http"]["body"], "upstream request timeout", "a time-out")
    apply(w, routes("[{retries: {attempts: 2, retryOn: '503'}, route: [%s]}]" % V1))
    ask(w, "http://cart/status/503", status=503)
    w.has(w.labctl("logs", "-n", "shop", "web", "-c", "istio-proxy").out, "[URX, try 3]", "the log")
    w.equal(w.labctl("logs", "-n", "shop", "cart-1", "-c", "c").out.count("GET /status/503"), 3, "as often as the pod was asked")
    apply(w, routes("[{route: [{destination: {host: cart, subset: v9}}]}]"))
    w.equal(ask(w, status=503)["http"]["body"], "", "a subset that is none")
    apply(w, routes("[{route: [{destination: {host: cart, subset: v3}}]}]"))
    w.equal(ask(w, status=503)["http"]["body"], "no healthy upstream", "a subset without pods")
    w.labctl("delete", "virtualservice", "cart", "-n", "shop")
    ask(w)


@case("a DestinationRule balances by a key, limits what is under way, and passes over who fails")
def destination(w):
    up(w)
    apply(w, rule("{host: cart, trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}}}"))
    for user in range(6):
        backends = {ask(w, "http://cart/", "-H", f"x-user: u{user}")["backend"] for _ in range(4)}
        w.equal(len(backends), 1, f"where u{user} comes to: {backends}")
    apply(w, rule("{host: cart, trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}}}}"))
    result = w.probe("shop/web", "http://cart/delay/1", "--count", "6", "--concurrency", "6", "--timeout", "10s", "--samples")
    statuses = collections.Counter(sample["http"]["status"] for sample in result["samples"])
    w.true(statuses[200] >= 1 and statuses[503] >= 3, f"one at a time: {statuses}")
    w.has(w.labctl("logs", "-n", "shop", "web", "-c", "istio-proxy").out, "UO: ", "the log")
    apply(w, rule("{host: cart, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 2, baseEjectionTime: 3m, maxEjectionPercent: 100}}}"))
    for _ in range(8):
        w.probe("shop/web", "http://cart/status/500")
    w.equal(ask(w, status=503)["http"]["body"], "no healthy upstream", "both are passed over")


@case("what is wrong with routes is told: by apply with its place, by lint, by describe")
def told(w):
    up(w, routes("[{route: [%s]}]" % V1))
    bad = routes("[{match: [{uri: {exact: /a, prefix: /b}}], route: [%s], redirect: {uri: /x}, timeout: 5}]" % V1)
    w.write("bad.yaml", bad)
    error = w.labctl("apply", "-f", w.folder / "bad.yaml", status=2).err
    for words in ("only one of exact, prefix and regex", "only one of route, redirect and directResponse", "bad.yaml:"):
        w.has(error, words, "what Istio refuses")
    w.write("odd.yaml", LAB + SHOP + SUBSETS + routes(
        "[{match: [{uri: {prefix: /}}], fault: {delay: {fixedDelay: 1s}}, route: [{destination: {host: cart, subset: v2}, weight: 3}, "
        "{destination: {host: crat}, weight: 4}]}, {route: [{destination: {host: cart, subset: v8, port: {number: 8080}}}]}]") +
        routes("[{match: [{uri: {regex: '(?=x)'}}], route: [%s]}]" % V1, name="late", host="cart", more="gateways: [front]"))
    findings = w.labctl("lint", w.folder / "odd.yaml", status=None)
    for words in ("without a percentage, it never happens", "sum up to 7", "no Service is crat.shop.svc.cluster.local", "is never reached",
                  "has a subset v8", "has no port 8080", "no pod of Service shop/cart has the labels version=v3", "it is for gateways"):
        w.has(findings.out + findings.err, words, "lint")
    w.has(w.labctl("get", "vs,dr", "-n", "shop").out, '["cart"]', "get")
    w.has(w.labctl("describe", "virtualservice", "cart", "-n", "shop").out, "cart.shop.svc.cluster.local:80", "describe")
    w.has(w.labctl("describe", "dr", "cart", "-n", "shop").out, "shop/cart-2", "describe")
