"""Sidecars of Istio: who gets one, mutual TLS, PeerAuthentication and AuthorizationPolicy, renewal, and what survives."""

import os
import signal
import time

from harness import case

LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {{name: mesh}}
spec:
  nodes: 2
  mesh: {{profile: istio{mesh}}}
  {more}
---
"""
SPIFFE = "spiffe://cluster.local/ns/%s/sa/%s"


def lab(mesh="", more=""):
    return LAB.format(mesh=mesh, more=more)


def namespace(name, injection=""):
    labels = f", labels: {{istio-injection: {injection}}}" if injection else ""
    return f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}{labels}}}\n---\n"


def account(ns, name):
    return f"apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: {ns}}}\n---\n"


def pod(ns, name, service_account="default", more="", image="x", spec=""):
    return (f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {ns}, labels: {{app: {name}}}{more}}}\n"
            f"spec:\n  serviceAccountName: {service_account}\n  {spec}\n"
            f"  containers: [{{name: c, image: {image}, ports: [{{containerPort: 8080}}, {{containerPort: 9000}}]}}]\n---\n")


def service(ns, name, more=""):
    return (f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {ns}}}\n"
            f"spec: {{selector: {{app: {name}}}, {more} ports: [{{name: http, port: 80, targetPort: 8080}}, "
            f"{{name: tcp-bytes, port: 9000}}]}}\n---\n")


def peer(ns, mode, name="default", more=""):
    return ("apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
            f"metadata: {{name: {name}, namespace: {ns}}}\nspec: {{mtls: {{mode: {mode}}}{more}}}\n---\n")


def authorization(ns, name, spec):
    return ("apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"
            f"metadata: {{name: {name}, namespace: {ns}}}\nspec: {spec}\n---\n")


SHOP = (namespace("shop", "enabled") + namespace("legacy") + account("shop", "web") + account("shop", "cart") +
        pod("shop", "web", "web") + pod("shop", "cart", "cart") + service("shop", "cart") + pod("legacy", "old") +
        service("legacy", "old"))


def up(w, text):
    w.labctl("up", "-f", w.write("mesh.yaml", text))


def ask(w, origin, url, method=None):
    """(outcome, HTTP status, who answered, who asked) of a request."""
    result = w.probe(origin, url, *(("--method", method) if method else ()))
    return (result["outcome"], result.get("http", {}).get("status"), result.get("peerIdentity"), result.get("clientIdentity"))


WEB, CART = SPIFFE % ("shop", "web"), SPIFFE % ("shop", "cart")


@case("sidecars prove who they are; strangers are served in plaintext, or not, as PeerAuthentication says")
def identities(w):
    up(w, lab() + SHOP)
    w.equal(ask(w, "shop/web", "http://cart/"), ("ok", 200, CART, WEB), "from sidecar to sidecar")
    w.equal(ask(w, "legacy/old", "http://cart.shop/"), ("ok", 200, None, None), "from a pod without one")
    w.equal(ask(w, "shop/web", "http://old.legacy/"), ("ok", 200, None, None), "to a pod without one")
    w.equal(w.probe("shop/web", "tcp://cart:9000")["backend"], "shop/cart", "bytes")
    w.equal(w.probe("shop/web", "http://cart/")["clientIP"], "127.0.0.6", "whom the application sees")
    seen = w.labctl("exec", "shop/web", "--", "curl", "-s", "-H", "x-forwarded-client-cert: URI=spiffe://forged/ns/a/sa/b",
                    "http://cart/a/../b").json()
    w.equal(seen["path"], "/b", "the path that the application sees")
    w.true("forged" not in str(seen["headers"]), "what a client says of its certificate is not passed on")

    forged = w.probes({"id": "1", "from": "legacy/old", "to": "http://old.legacy/", "headers": {
        "x-forwarded-client-cert": f"By={CART};URI={WEB}"}})["1"]
    w.equal((forged.get("peerIdentity"), forged.get("clientIdentity")), (None, None), "what a client says of itself proves nothing")

    w.labctl("apply", "-f", w.write("strict.yaml", peer("shop", "STRICT")))
    w.equal(ask(w, "shop/web", "http://cart/"), ("ok", 200, CART, WEB), "STRICT, from a sidecar")
    w.equal(ask(w, "legacy/old", "http://cart.shop/")[0], "reset", "STRICT, from a pod without one")
    w.equal(w.probe("legacy/old", "tcp://cart.shop:9000")["outcome"], "reset", "STRICT, bytes")
    w.equal(ask(w, "shop/web", "http://pod:shop/cart:8080/")[0], "reset", "a pod's address is called in plaintext")
    w.has(w.labctl("logs", "-n", "shop", "cart", "-c", "istio-proxy").out, "inbound refused: STRICT: plaintext", "the log")
    w.has(w.labctl("logs", "-n", "shop", "cart", "-c", "nope", status=2).err, "container nope is not valid for pod cart", "a container")
    ports = ", selector: {matchLabels: {app: cart}}, portLevelMtls: {8080: {mode: PERMISSIVE}}"
    w.labctl("apply", "-f", w.write("port.yaml", peer("shop", "STRICT", "cart", ports)))
    w.equal(ask(w, "legacy/old", "http://cart.shop/"), ("ok", 200, None, None), "the port's own mode")
    w.equal(w.probe("legacy/old", "tcp://cart.shop:9000")["outcome"], "reset", "the other port's")
    w.labctl("delete", "-f", w.write("port.yaml", peer("shop", "STRICT", "cart", ports)))
    w.labctl("apply", "-f", w.write("off.yaml", peer("shop", "DISABLE")))
    w.equal(ask(w, "shop/web", "http://cart/"), ("ok", 200, None, None), "DISABLE: sidecars speak plaintext")


@case("AuthorizationPolicies decide by identity, namespace, method and path; DENY before ALLOW; each port by what it speaks")
def authorizations(w):
    up(w, lab() + SHOP)
    allow = authorization("shop", "cart", "{selector: {matchLabels: {app: cart}}, rules: [{"
                          "from: [{source: {principals: [cluster.local/ns/shop/sa/web]}}],"
                          "to: [{operation: {methods: [GET], paths: ['/api/*']}}]}]}")
    w.labctl("apply", "-f", w.write("allow.yaml", allow))
    w.equal(ask(w, "shop/web", "http://cart/api/x")[:2], ("ok", 200), "what the rule allows")
    w.equal(ask(w, "shop/web", "http://cart/api/x", "DELETE")[:2], ("ok", 403), "another method")
    w.equal(ask(w, "shop/web", "http://cart/other")[:2], ("ok", 403), "another path")
    w.equal(ask(w, "legacy/old", "http://cart.shop/api/x")[:2], ("ok", 403), "nobody known")
    w.equal(w.probe("shop/web", "tcp://cart:9000")["outcome"], "reset", "TCP, where the rule is left out")
    answered = w.probe("shop/web", "tcp://cart:80")
    w.equal(answered["outcome"], "reset", "TCP to a port of HTTP, where a sidecar answers in the workload's place")
    w.has(answered["error"], "a sidecar answered in its place: HTTP 403", "and what it answered")
    answer = w.labctl("exec", "legacy/old", "--", "curl", "-s", "-i", "http://cart.shop/api/x").out
    w.has(answer, "HTTP/1.1 403 Forbidden", "the status")
    w.true(answer.endswith("\r\n\r\nRBAC: access denied") or answer.endswith("\n\nRBAC: access denied"), "the body")
    w.equal(w.labctl("exec", "shop/web", "--", "curl", "-s", "--path-as-is", "http://cart/api/../other").out,
            "RBAC: access denied", "a path that walks around the rule")
    w.labctl("apply", "-f", w.write("deny.yaml", authorization(
        "istio-system", "no-secrets", "{action: DENY, rules: [{to: [{operation: {paths: ['/api/secret*']}}]}]}")))
    w.equal(ask(w, "shop/web", "http://cart/api/secrets")[:2], ("ok", 403), "DENY of the root namespace")
    w.equal(ask(w, "shop/web", "http://cart/api/x")[:2], ("ok", 200), "and what it does not deny")
    w.labctl("delete", "authorizationpolicy", "cart", "-n", "shop")
    w.labctl("delete", "authorizationpolicy", "no-secrets", "-n", "istio-system")
    w.equal(ask(w, "legacy/old", "http://cart.shop/other")[:2], ("ok", 200), "without policies")
    bad = w.labctl("apply", "-f", w.write("bad.yaml", authorization("shop", "bad", "{action: DENY}")), status=2)
    w.has(bad.err, "bad.yaml:", "the place of what is refused")


@case("who gets a sidecar: namespace label, pod label, annotation, the node's network; and not before a pod is made anew")
def injection(w):
    label = ", labels: {sidecar.istio.io/inject: \"%s\"}"
    annotation = ", annotations: {sidecar.istio.io/inject: \"%s\"}"
    pods = (pod("with", "plain") + pod("with", "not-this", more=annotation % "false") +
            pod("with", "host", spec="hostNetwork: true").replace("8080", "18080").replace("9000", "19000") +
            pod("bare", "plain") + pod("bare", "annotated", more=annotation % "true") + pod("without", "plain"))
    labelled = "".join(
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {ns}{label % value}}}\n"
        "spec: {containers: [{name: c, image: x}]}\n---\n"
        for ns, name, value in (("with", "label-no", "false"), ("bare", "label-yes", "true"), ("without", "label-yes", "true")))
    up(w, lab() + namespace("with", "enabled") + namespace("bare") + namespace("without", "disabled") + pods + labelled)
    have = {(p["metadata"]["namespace"], p["metadata"]["name"]) for p in w.get("pods", "-A")
            if "istio-proxy" in [c["name"] for c in p["spec"]["containers"]]}
    w.equal(have, {("with", "plain"), ("bare", "label-yes")}, "pods with a sidecar")
    w.labctl("label", "namespace", "bare", "istio-injection=enabled")
    w.equal(len(w.get("pod", "plain", "-n", "bare")[0]["spec"]["containers"]), 1, "a pod that was there before")
    w.labctl("delete", "pod", "plain", "-n", "bare")
    w.labctl("apply", "-f", w.write("again.yaml", pod("bare", "plain")))
    w.equal(len(w.get("pod", "plain", "-n", "bare")[0]["spec"]["containers"]), 2, "the pod, made anew")
    w.has(w.labctl("exec", "bare/plain", "--", "nft", "list", "tables").out, "inet istio-proxy-nat", "its rules")
    w.equal(w.labctl("exec", "without/plain", "--", "nft", "list", "tables").out, "", "a pod without a sidecar has none")


@case("a pod with a sidecar from elsewhere: left alone without a mesh, served and ready with one")
def foreign(w):
    container = ("apiVersion: v1\nkind: Pod\nmetadata: {name: meshed, namespace: default}\nspec:\n  %s:\n"
                 "  - {name: istio-proxy, image: 'docker.io/istio/proxyv2:1.27.0', readinessProbe: {httpGet: {path: /, port: 15021}}%s}\n"
                 "%s  - {name: c, image: x, ports: [{containerPort: 8080}]}\n---\n")
    pods = container % ("containers", "", "")
    native = (container % ("initContainers", ", restartPolicy: Always", "  containers:\n")).replace("meshed", "native")
    up(w, lab().replace("profile: istio", "profile: none") + pods + native + pod("default", "client"))
    for name in ("meshed", "native"):
        w.equal(w.probe("default/client", f"http://pod:default/{name}:8080/")["backend"], f"default/{name}", "without a mesh")
    w.labctl("down", "mesh")
    up(w, lab() + namespace("default", "enabled") + pods + native + pod("default", "client"))
    for name in ("meshed", "native"):
        spec = w.get("pod", name)[0]
        w.true(all(c["ready"] for c in spec["status"]["containerStatuses"]), f"{name} is ready")
        w.equal(w.probe("default/client", f"http://pod:default/{name}:8080/")["clientIP"], "127.0.0.6", "by its sidecar")
    w.equal(len(w.get("pod", "native")[0]["spec"]["containers"]), 1, "one sidecar is enough")


@case("certificates are renewed under traffic; the authority outlives the data plane and the supervisor")
def renewal(w):
    up(w, lab(", certificateLifetime: 4s") + SHOP + peer("shop", "STRICT"))

    def root():
        return w.get("secret", "istio-ca-secret", "-n", "istio-system")[0]["data"]["ca-cert.pem"]

    def serial():
        address = w.get("pod", "cart", "-n", "shop")[0]["status"]["podIP"]
        return w.labctl("exec", "legacy/old", "--", "sh", "-c",
                        f"echo | openssl s_client -connect {address}:8080 -alpn istio 2>/dev/null | openssl x509 -noout -serial").out

    first_root, first = root(), serial()
    w.has(first, "serial=", "a certificate")
    deadline = time.monotonic() + 6
    while time.monotonic() < deadline:
        w.equal(ask(w, "shop/web", "http://cart/"), ("ok", 200, CART, WEB), "a request while certificates are renewed")
    w.true(serial() != first, "another certificate")
    w.equal(root(), first_root, "the same authority")
    child = w.labctl_processes("dataplane")
    os.kill(child[0], signal.SIGKILL)
    w.wait("a new data plane", lambda: w.labctl_processes("dataplane") not in ([], child))
    w.equal(ask(w, "shop/web", "http://cart/"), ("ok", 200, CART, WEB), "by the new data plane")
    os.kill(w.labctl_processes("supervisor")[0], signal.SIGKILL)
    w.wait("the end of the lab", lambda: not w.labctl_processes("supervisor"))
    w.labctl("up", "mesh")
    w.equal(ask(w, "shop/web", "http://cart/"), ("ok", 200, CART, WEB), "after the lab came up again")
    w.equal(root(), first_root, "the authority of before")
    w.labctl("apply", "-f", w.write("late.yaml", namespace("late")))
    published = w.get("configmap", "istio-ca-root-cert", "-n", "late")[0]["data"]["root-cert.pem"]
    w.labctl("delete", "secret", "istio-ca-secret", "-n", "istio-system")
    w.true(root() != first_root, "another authority, since the first was thrown away")
    w.true(w.get("configmap", "istio-ca-root-cert", "-n", "late")[0]["data"]["root-cert.pem"] != published, "and published")
    w.equal(ask(w, "shop/web", "http://cart/"), ("ok", 200, CART, WEB), "by the new authority")


@case("a real program behind a sidecar; every proxy mode and CNI profile; a trust domain of one's own; IPv6")
def everywhere(w):
    images = 'images: [{match: "py:*", run: ["/usr/bin/python3", "-m", "http.server", "8080"]}]'
    text = lab(", trustDomain: example.org", images) + SHOP + pod("shop", "py", image='"py:1"') + service("shop", "py")
    up(w, text + peer("shop", "STRICT"))
    own = "spiffe://example.org/ns/shop/sa/"
    w.equal(ask(w, "shop/web", "http://cart/"), ("ok", 200, own + "cart", own + "web"), "another trust domain")
    w.wait("the program", lambda: ask(w, "shop/web", "http://py/")[:2] == ("ok", 200))
    w.equal(ask(w, "legacy/old", "http://py.shop/")[0], "reset", "STRICT before the program")
    w.equal(w.probe("shop/web", "tcp://py:80")["outcome"], "ok", "a program that has its own answer to what a tcp probe asks")
    w.equal(w.labctl("exec", "shop/py", "--", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://cart/").out, "200",
            "a program that asks")
    w.labctl("set", "proxy-mode", "iptables")
    w.equal(ask(w, "shop/web", "http://cart/")[:2], ("ok", 200), "proxy mode iptables")
    w.labctl("down", "mesh")
    dual = "podCIDR: [10.244.0.0/16, fd00:10:244::/56]\n  serviceCIDR: [10.96.0.0/12, fd00:10:96::/112]\n  cni: {profile: calico}"
    more = "ipFamilyPolicy: RequireDualStack,"
    up(w, lab("", dual) + SHOP + service("shop", "cart", more).replace("name: cart", "name: both", 1) + peer("shop", "STRICT"))
    w.equal(ask(w, "shop/web", "http://cart/"), ("ok", 200, CART, WEB), "calico")
    v6 = [a for a in w.get("service", "both", "-n", "shop")[0]["spec"]["clusterIPs"] if ":" in a][0]
    w.equal(ask(w, "shop/web", f"http://[{v6}]/"), ("ok", 200, CART, WEB), "an IPv6 address of a Service")
    six = [i["ip"] for i in w.get("pod", "cart", "-n", "shop")[0]["status"]["podIPs"] if ":" in i["ip"]][0]
    w.equal(ask(w, "legacy/old", f"http://[{six}]:8080/")[0], "reset", "plaintext over IPv6")
    w.labctl("delete", "peerauthentication", "default", "-n", "shop")
    w.equal(w.probe("legacy/old", f"http://[{six}]:8080/")["clientIP"], "::6", "whom the application sees over IPv6")


@case("checks expect identities, and denials by policies; bad fields of spec.mesh are named")
def checks(w):
    text = lab() + SHOP + peer("shop", "STRICT")
    up(w, text)
    w.labctl("apply", "-f", w.write("policy.yaml", authorization("shop", "cart", "{selector: {matchLabels: {app: cart}}, rules: [{"
                                                                 "to: [{operation: {methods: [GET], notPaths: [/admin]}}]}]}")))
    good = """
- {from: legacy/old, to: "http://cart.shop/", expect: deny, by: peerauthentication/shop/default}
- {from: legacy/old, to: "tcp://cart.shop:9000", expect: deny, by: peerauthentication/shop/default}
- {from: shop/web, to: "http://cart.shop/admin", expect: deny, by: authorizationpolicy/shop/cart}
- {from: shop/web, to: "tcp://cart.shop:9000", expect: deny, by: authorizationpolicy/shop/cart}
- {from: external, to: "tcp://pod:shop/cart:8080", expect: deny}
- {from: shop/web, to: "http://cart.shop/", expect: allow}
- {from: shop/web, to: "http://cart.shop/", expect: {status: 200, peerIdentity: "*/sa/cart", clientIdentity: "*/sa/web"}}
- {from: shop/web, to: "http://old.legacy/", expect: {clientIdentity: none}}
"""
    w.labctl("check", w.write("good.yaml", good))
    bad = w.labctl("check", w.write("bad.yaml", '- {from: shop/web, to: "http://cart.shop/", expect: {peerIdentity: "*/sa/other"}}\n'),
                   status=1)
    denied = w.labctl("check", w.write("denied.yaml", '- {from: shop/web, to: "http://cart.shop/admin", expect: allow}\n'), status=1)
    w.has(denied.out, "decided by: authorizationpolicy/shop/cart", "who has denied it")
    w.equal(w.probe("shop/web", "http://cart/admin")["drop"]["by"], "authorizationpolicy/shop/cart",
            "the denial in the result of a probe")
    w.has(bad.out, f"who answered has the identity '{CART}', not */sa/other", "why it fails")
    for field, words in (("profile: consul", ':6:19: error: Lab "bad": spec.mesh.profile: Unsupported value: "consul"'),
                         ("profile: istio, trustDomain: UPPER", ':6:39: error: Lab "bad": spec.mesh.trustDomain: Invalid value'),
                         ("profile: istio, certificateLifetime: soon", "must be a duration"),
                         ("profile: istio, certificateLifetime: 1s", "must be 2s or more")):
        lab_file = lab().replace("profile: istio", field).replace("name: mesh", "name: bad")
        w.has(w.labctl("up", "-f", w.write("wrong.yaml", lab_file.lstrip()), status=2).err, words, field)
