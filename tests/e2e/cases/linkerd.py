"""Proxies of Linkerd: who gets one, identities as DNS names, Servers and who is authorized, HTTPRoutes, and what survives."""

import os
import signal
import time

from harness import case
from cases.mesh import account, ask, pod, service, up

LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {{name: linkerd}}
spec:
  nodes: 2
  mesh: {{profile: linkerd{mesh}}}
---
"""


def lab(mesh=""):
    return LAB.format(mesh=mesh)


def namespace(name, *annotations):
    lines = ", ".join(annotations)
    return f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, annotations: {{{lines}}}}}\n---\n"


def identity(ns, name):
    return f"{name}.{ns}.serviceaccount.identity.linkerd.cluster.local"


def policy(kind, ns, name, spec, version="v1alpha1"):
    return (f"apiVersion: policy.linkerd.io/{version}\nkind: {kind}\nmetadata: {{name: {name}, namespace: {ns}}}\n"
            f"spec: {spec}\n---\n")


def server(name, port, more="", ns="shop"):
    return policy("Server", ns, name, f"{{podSelector: {{matchLabels: {{app: cart}}}}, port: {port}{more}}}", "v1beta3")


def allow(name, target, required="", ns="shop", kind="Server"):
    return policy("AuthorizationPolicy", ns, name, f"{{targetRef: {{group: policy.linkerd.io, kind: {kind}, name: {target}}}, "
                  f"requiredAuthenticationRefs: [{required}]}}")


INJECT = "linkerd.io/inject: enabled"
SHOP = (namespace("shop", INJECT) + namespace("legacy") + account("shop", "web") + account("shop", "cart") +
        pod("shop", "web", "web") + pod("shop", "cart", "cart") + service("shop", "cart") + pod("legacy", "old") +
        service("legacy", "old"))
WEB, CART = identity("shop", "web"), identity("shop", "cart")
AS_WEB = "{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: web}"
ONLY_WEB = policy("MeshTLSAuthentication", "shop", "web", "{identityRefs: [{kind: ServiceAccount, name: web}]}")


def apply(w, text):
    w.labctl("apply", "-f", w.write("applied.yaml", text))


def refused(w, origin, target):
    return w.probe(origin, target)["outcome"] in ("reset", "refused")


@case("proxies of Linkerd prove who they are by DNS names, to Services and to pods alike; strangers are served until a policy says no")
def identities(w):
    up(w, lab() + SHOP)
    w.equal(ask(w, "shop/web", "http://cart/"), ("ok", 200, CART, WEB), "from proxy to proxy")
    w.equal(ask(w, "shop/web", "http://pod:shop/cart:8080/"), ("ok", 200, CART, WEB), "a pod's address, which Istio passes through")
    w.equal(ask(w, "shop/web", "http://pod:shop/cart:9000/"), ("ok", 200, CART, WEB), "any port of a pod")
    w.equal(ask(w, "legacy/old", "http://cart.shop/"), ("ok", 200, None, None), "from a pod without one")
    w.equal(ask(w, "shop/web", "http://old.legacy/"), ("ok", 200, None, None), "to a pod without one")
    w.equal(w.probe("shop/web", "tcp://cart:9000")["backend"], "shop/cart", "bytes")
    address = w.labctl("get", "pod", "cart", "-n", "shop", "-o", "jsonpath={.status.podIP}").out
    w.equal(w.probe("shop/web", "http://cart/")["clientIP"], address, "whom the application sees: its own pod")
    seen = w.labctl("exec", "shop/web", "--", "curl", "-s", "-H", "l5d-client-id: forged", "http://cart/a/../b").json()
    w.equal(seen["headers"]["l5d-client-id"], WEB, "what the application is told of its client")
    seen = w.labctl("exec", "legacy/old", "--", "curl", "-s", "-H", f"l5d-client-id: {WEB}", "--path-as-is", "http://cart.shop/a/../b").json()
    w.true("l5d-client-id" not in seen["headers"], "what a client says of itself is not passed on")
    w.equal(seen["path"], "/a/../b", "a path is left as it is")
    forged = w.probes({"id": "1", "from": "legacy/old", "to": "http://cart.shop/", "headers": {
        "l5d-client-id": WEB, "x-identity": CART, "x-client-identity": WEB}})["1"]
    w.equal((forged.get("peerIdentity"), forged.get("clientIdentity")), (None, None), "and proves nothing")
    own = w.labctl("exec", "shop/cart", "--", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://cart.shop/").out
    w.equal(own, "200", "a pod that calls its own Service")
    certificate = w.labctl("exec", "legacy/old", "--", "sh", "-c",
                           f"echo | openssl s_client -connect {address}:8080 -servername {CART} 2>/dev/null"
                           " | openssl x509 -noout -ext subjectAltName").out
    w.has(certificate, f"DNS:{CART}", "its certificate")
    w.true("URI:" not in certificate, "which has no SPIFFE ID")
    ask_as = (f"(printf 'GET / HTTP/1.0\\r\\n\\r\\n'; sleep 0.5) | openssl s_client -quiet -connect {address}:8080 -servername {CART} %s 2>&1")
    self_signed = ("d=$(mktemp -d) && cd $d && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -out c -subj /CN=x "
                   f"-addext subjectAltName=DNS:{WEB} 2>/dev/null && " + ask_as % "-cert c -key k")
    for words, who in ((ask_as % "", "nobody"), (self_signed, "who has signed for himself")):
        said = w.labctl("exec", "legacy/old", "--", "sh", "-c", words, status=None).out
        w.true("200 OK" not in said, f"the mesh's TLS is not for {who}")
    rules = w.labctl("exec", "shop/web", "--", "nft", "list", "table", "inet", "proxy-init").out
    for part in ("chain PROXY_INIT_REDIRECT", "chain PROXY_INIT_OUTPUT", "redirect to :4143", "redirect to :4140"):
        w.has(rules, part, "the rules of linkerd-init")
    log = w.labctl("logs", "-n", "shop", "cart", "-c", "linkerd-proxy").out
    w.has(log, f"by {WEB} [default/all-unauthenticated]", "the log")
    w.has(w.labctl("get", "configmap", "-n", "linkerd", "linkerd-identity-trust-roots", "-o", "yaml").out, "BEGIN CERTIFICATE", "the trust anchor")


@case("who gets a proxy of Linkerd: annotation of the pod before that of the namespace; ports that pass it by")
def injection(w):
    annotated = ", annotations: {linkerd.io/inject: %s}"
    skipping = ", annotations: {config.linkerd.io/skip-inbound-ports: \"9000\"}"
    up(w, lab() + namespace("with", INJECT) + namespace("bare") + namespace("without", "linkerd.io/inject: disabled") +
       pod("with", "plain") + pod("with", "not-this", more=annotated % "disabled") + pod("bare", "plain") +
       pod("bare", "this", more=annotated % "enabled") + pod("without", "plain") + pod("without", "this", more=annotated % "enabled") +
       pod("with", "host", spec="hostNetwork: true").replace("8080", "18080").replace("9000", "19000") + pod("with", "skips", more=skipping))
    pods = w.labctl("get", "pods", "-A", "-o", "json").json()["items"]
    have = {f"{p['metadata']['namespace']}/{p['metadata']['name']}" for p in pods
            if "linkerd-proxy" in [c["name"] for c in p["spec"]["containers"]]}
    w.equal(have, {"with/plain", "bare/this", "without/this", "with/skips"}, "who has a proxy")
    w.equal(ask(w, "with/plain", "http://pod:with/skips:8080/")[2], identity("with", "default"), "a port of the proxy")
    w.equal(ask(w, "with/plain", "http://pod:with/skips:9000/")[2:], (None, None), "a port that passes it by")
    w.has(w.labctl("describe", "pod", "plain", "-n", "bare").out, "no annotation linkerd.io/inject: enabled", "why there is none")


@case("a Server without authorizations denies; AuthorizationPolicies add to each other; answers are Linkerd's, with no body")
def authorizations(w):
    up(w, lab() + SHOP)
    apply(w, server("http", 8080, ", proxyProtocol: HTTP/1"))
    w.equal(ask(w, "shop/web", "http://cart/")[:2], ("ok", 403), "a Server alone")
    w.equal(w.probe("shop/web", "tcp://cart:9000")["outcome"], "ok", "a port that none governs")
    meshed = w.labctl("exec", "shop/web", "--", "curl", "-s", "-i", "http://cart/").out
    w.has(meshed, "HTTP/1.1 403 Forbidden", "the status")
    w.has(meshed, "l5d-proxy-error: unauthorized request on route", "why, for who is meshed")
    w.true(meshed.replace("\r", "").endswith("\n\n"), "and no body")
    w.true("l5d-proxy-error" not in w.labctl("exec", "legacy/old", "--", "curl", "-s", "-i", "http://cart.shop/").out, "others are not told")
    apply(w, allow("web", "http", AS_WEB))
    w.equal(ask(w, "shop/web", "http://cart/")[:2], ("ok", 403), "a reference that does not resolve")
    apply(w, ONLY_WEB)
    w.equal(ask(w, "shop/web", "http://cart/"), ("ok", 200, CART, WEB), "who is authorized")
    w.equal(ask(w, "shop/web", "http://pod:shop/cart:8080/")[:2], ("ok", 200), "at the pod's address too")
    w.equal(ask(w, "legacy/old", "http://cart.shop/")[:2], ("ok", 403), "who is not")
    apply(w, policy("NetworkAuthentication", "shop", "pods", "{networks: [{cidr: 10.244.0.0/16}]}") +
          allow("pods", "http", "{group: policy.linkerd.io, kind: NetworkAuthentication, name: pods}"))
    w.equal(ask(w, "legacy/old", "http://cart.shop/")[:2], ("ok", 200), "policies add to each other")
    w.labctl("delete", "authorizationpolicies.policy.linkerd.io", "pods", "-n", "shop")
    apply(w, server("bytes", 9000) + policy("ServerAuthorization", "shop", "web",
          "{server: {name: bytes}, client: {meshTLS: {serviceAccounts: [{name: web}]}}}", "v1beta1"))
    w.equal(w.probe("shop/web", "tcp://cart:9000")["outcome"], "ok", "a ServerAuthorization, bytes")
    w.true(refused(w, "legacy/old", "tcp://cart.shop:9000"), "and who it does not name")
    listed = w.labctl("get", "authorizationpolicies", "-n", "shop", "-o", "name").out
    w.has(listed, "authorizationpolicy.policy.linkerd.io/web", "the lab's own kind comes first")
    w.has(w.labctl("get", "servers", "-n", "shop").out, "ACCESS POLICY", "columns")
    w.has(w.labctl("apply", "-f", w.write("bad.yaml", allow("bad", "http", AS_WEB + ", " + AS_WEB)), status=2).err,
          "bad.yaml:4:", "the place of what is refused")


@case("default policies of Linkerd by cluster, namespace and pod; audit is told of")
def default_policies(w):
    annotation = "config.linkerd.io/default-inbound-policy: %s"
    with_policy = ", annotations: {" + annotation + "}"
    up(w, lab(", defaultInboundPolicy: all-authenticated") + SHOP + namespace("denying", INJECT, annotation % "deny") +
       pod("denying", "cart") + pod("denying", "open", more=with_policy % "cluster-unauthenticated") +
       pod("denying", "audited", more=with_policy % "audit"))
    w.equal(ask(w, "shop/web", "http://cart/")[:2], ("ok", 200), "all-authenticated, meshed")
    w.equal(ask(w, "legacy/old", "http://cart.shop/")[:2], ("ok", 403), "all-authenticated, not meshed")
    w.equal(ask(w, "shop/web", "http://pod:denying/cart:8080/")[:2], ("ok", 403), "deny")
    w.labctl("check", w.write("checks.yaml", '- {from: shop/web, to: "http://pod:denying/cart:8080/", expect: deny, by: default/deny}\n'))
    w.equal(ask(w, "legacy/old", "http://pod:denying/open:8080/")[:2], ("ok", 200), "cluster-unauthenticated, a pod")
    w.equal(ask(w, "legacy/old", "http://pod:denying/audited:8080/")[:2], ("ok", 200), "audit")
    w.has(w.labctl("logs", "-n", "denying", "audited", "-c", "linkerd-proxy").out, "[audit: default/audit]", "what is told of it")


@case("HTTPRoutes of a Server: 404 where none takes the request, and authorizations of their own")
def routes(w):
    up(w, lab() + SHOP)
    route = "{parentRefs: [{group: policy.linkerd.io, kind: Server, name: http}], rules: [{matches: [{path: {value: %s}, method: %s}]}]}"
    apply(w, server("http", 8080) + ONLY_WEB + allow("web", "http", AS_WEB) +
          policy("HTTPRoute", "shop", "api", route % ("/api", "GET"), "v1beta3") +
          policy("HTTPRoute", "shop", "admin", route % ("/admin", "GET"), "v1beta3") + allow("api", "api", kind="HTTPRoute"))
    w.equal(ask(w, "legacy/old", "http://cart.shop/api/x")[:2], ("ok", 200), "by the route's own policy")
    w.equal(ask(w, "legacy/old", "http://cart.shop/admin")[:2], ("ok", 403), "which is no other route's")
    w.equal(ask(w, "shop/web", "http://cart/admin")[:2], ("ok", 200), "by the Server's")
    w.equal(ask(w, "shop/web", "http://cart/apix")[:2], ("ok", 404), "a path that no route takes")
    w.equal(ask(w, "shop/web", "http://cart/api", "POST")[:2], ("ok", 404), "a method that none takes")
    w.has(w.labctl("exec", "shop/web", "--", "curl", "-s", "-i", "http://cart/other").out, "l5d-proxy-error: no route found for request", "why")
    gateway = route.replace("policy.linkerd.io", "policy.linkerd.io") % ("/open", "GET")
    apply(w, f"apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: open, namespace: shop}}\nspec: {gateway}\n")
    w.equal(ask(w, "shop/web", "http://cart/open")[:2], ("ok", 200), "a route of the Gateway API")


@case("what people are told of Linkerd: explain, describe, proofs of denials, and what lint finds")
def told(w):
    up(w, lab() + SHOP)
    broken = allow("broken", "http", "{group: policy.linkerd.io, kind: NetworkAuthentication, name: gone}")
    policies = server("http", 8080, ", proxyProtocol: HTTP/1") + ONLY_WEB + allow("web", "http", AS_WEB) + broken
    apply(w, policies)
    for origin, status, verdict in (("legacy/old", 403, "the client sees: 403, without a body"), ("shop/web", 200, "allowed, by AuthorizationPolicy shop/web")):
        text = w.labctl("explain", origin, "http://cart.shop/x", status=0 if status == 200 else 1).out
        w.has(text, verdict, "the verdict")
        w.has(text, "governed by  Server shop/http, accessPolicy deny", "the Server")
        w.has(text, "ignored      AuthorizationPolicy shop/broken: there is no NetworkAuthentication shop/gone", "what is ignored")
        w.equal(ask(w, origin, "http://cart.shop/x")[1], status, "and what happens")
    w.has(w.labctl("explain", "shop/web", "http://cart.shop/x").out, "which must show " + CART, "whom the client expects")
    w.has(w.labctl("explain", "legacy/old", "cart.shop:9000").out, "no Server selects it: default policy all-unauthenticated", "another port")
    described = w.labctl("describe", "pod", "cart", "-n", "shop").out
    w.has(described, "Identity:  " + CART, "a pod's identity")
    w.has(described, "8080    HTTP/1    Server shop/http", "and its ports")
    described = w.labctl("describe", "server", "http", "-n", "shop").out
    w.has(described, "shop/cart  8080", "whom a Server governs")
    w.has(described, "clients " + WEB, "and whom it lets in")
    w.has(w.labctl("describe", "authorizationpolicy", "broken", "-n", "shop").out, "nothing: it is ignored, as there is no", "a policy")
    checks = w.write("checks.yaml", "".join(
        f'- {{from: legacy/old, to: "{to}", expect: deny{by}}}\n' for to, by in (
            ("http://cart.shop/", ", by: server/shop/http"), ("http://cart.shop/", ", by: authorizationpolicy/shop/web"),
            ("tcp://cart.shop:80", ""))) +
        f'- {{from: shop/web, to: "http://cart.shop/", expect: {{peerIdentity: "{CART}", clientIdentity: "web.shop.*"}}}}\n')
    w.labctl("check", checks)
    w.equal(w.probe("legacy/old", "http://cart.shop/")["drop"]["by"], "server/shop/http", "the denial in a result")
    hardly = policies + server("alone", 1) + allow("lost", "gone")
    found = w.labctl("lint", w.write("hardly.yaml", lab() + SHOP + hardly)).err
    for words in ("the policy is ignored, and authorizes nobody: there is no NetworkAuthentication shop/gone",
                  'Server "alone": spec: nothing authorizes anybody to connect', 'AuthorizationPolicy "lost": spec.targetRef.name: there is no Server'):
        w.has(found, words, "what lint finds")
    w.has(w.labctl("lint", w.write("istio.yaml", lab().replace("linkerd}", "istio}") + SHOP + policies)).err,
          "nothing acts on its policies of policy.linkerd.io", "in a mesh of another kind")


STREAM = """
import socket
s = socket.create_connection(("cart.shop.svc.cluster.local", 9000))
s.sendall(b"hello\\n")
print("got", s.recv(100), flush=True)
try:
    print("ended", s.recv(100), flush=True)
except OSError as error:
    print("ended", error, flush=True)
"""


@case("connections of Linkerd are asked about again when policies change")
def changes(w):
    up(w, lab() + SHOP)
    apply(w, server("bytes", 9000, ", accessPolicy: all-unauthenticated, proxyProtocol: opaque"))
    talk = w.start("labctl", "exec", "shop/web", "--", "python3", "-u", "-c", STREAM)
    w.has(talk.stdout.readline().decode(), "got", "the stream has begun")
    w.equal(talk.poll(), None, "and goes on")
    apply(w, server("bytes", 9000, ", proxyProtocol: opaque"))
    w.has(talk.stdout.readline().decode(), "ended", "until nothing authorizes it")
    talk.wait()
    w.true(refused(w, "shop/web", "tcp://cart:9000"), "nor any other")
    w.has(w.labctl("logs", "-n", "shop", "cart", "-c", "linkerd-proxy").out, "the policies have changed", "the log")


@case("certificates of Linkerd are renewed under traffic; a killed data plane is back with them")
def renewal(w):
    up(w, lab(", certificateLifetime: 6s") + SHOP)
    apply(w, server("http", 8080, ", accessPolicy: all-authenticated"))
    end = time.monotonic() + 8
    while time.monotonic() < end:
        w.equal(ask(w, "shop/web", "http://cart/"), ("ok", 200, CART, WEB), "while certificates change")
        time.sleep(0.1)
    [child] = w.labctl_processes("dataplane")
    os.kill(child, signal.SIGKILL)
    w.wait("the data plane is back", lambda: ask(w, "shop/web", "http://cart/") == ("ok", 200, CART, WEB))
    w.equal(ask(w, "legacy/old", "http://cart.shop/")[:2], ("ok", 403), "with its policies")
    os.kill(w.labctl_processes("supervisor")[0], signal.SIGKILL)
    w.wait("the end of the lab", lambda: not w.labctl_processes("supervisor"))
    w.labctl("up", "linkerd")
    w.equal(ask(w, "shop/web", "http://cart/"), ("ok", 200, CART, WEB), "a lab that was killed")
    w.equal(ask(w, "legacy/old", "http://cart.shop/")[:2], ("ok", 403), "with its Server")


@case("what is spoken on a port: HTTP/2, opaque ports, TLS of the application's own, both families of addresses")
def speech(w):
    ranges = "\n  podCIDR: \"10.244.0.0/16,fd00:10:244::/56\"\n  serviceCIDR: \"10.96.0.0/12,fd00:10:96::/112\""
    up(w, lab().replace("nodes: 2", "nodes: 2" + ranges) + SHOP + ONLY_WEB)
    v6 = w.labctl("get", "pod", "cart", "-n", "shop", "-o", "jsonpath={.status.podIPs[1].ip}").out
    w.equal(ask(w, "shop/web", f"http://[{v6}]:8080/"), ("ok", 200, CART, WEB), "IPv6")
    apply(w, server("http", 8080) + allow("web", "http", AS_WEB))
    w.equal(ask(w, "shop/web", f"http://[{v6}]:8080/")[:2], ("ok", 200), "IPv6, authorized")
    w.equal(ask(w, "legacy/old", f"http://[{v6}]:8080/")[:2], ("ok", 403), "IPv6, not authorized")
    h2 = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--http2-prior-knowledge", "http://cart.shop/")
    w.equal(w.labctl("exec", "shop/web", "--", *h2).out, "200", "HTTP/2")
    w.equal(w.labctl("exec", "legacy/old", "--", *h2).out, "403", "HTTP/2, not authorized")
    tls = w.labctl("exec", "legacy/old", "--", "sh", "-c", "openssl s_client -connect cart.shop:80 </dev/null 2>&1", status=None).out
    w.true("BEGIN CERTIFICATE" not in tls, "TLS for another name is not the mesh's")
    w.has(w.labctl("logs", "-n", "shop", "cart", "-c", "linkerd-proxy").out, "Server shop/http: no authorization matches", "the log")
    apply(w, server("bytes", 9000, ", proxyProtocol: opaque, accessPolicy: all-authenticated"))
    w.equal(w.probe("shop/web", "tcp://cart:9000")["outcome"], "ok", "an opaque port, meshed")
    w.equal(ask(w, "shop/web", "http://cart:9000/")[2:], (None, None), "in which nobody reads HTTP")
    w.true(refused(w, "legacy/old", "tcp://cart.shop:9000"), "an opaque port, not meshed")
