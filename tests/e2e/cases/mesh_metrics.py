"""What sidecars count: Istio's standard metrics and those of Linkerd's proxies, as Prometheus would read them."""

import re

from harness import case
from cases.mesh import CART, SHOP, WEB, authorization, lab, peer, up

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\]|\\.)*",?)*)\})? ([0-9.e+-]+)')


def samples(w, text):
    """[(name, {label: value}, value)]; every line must be one, or a comment."""
    found = []
    for line in text.splitlines():
        if line and not line.startswith("# "):
            match = SAMPLE.fullmatch(line)
            w.true(match, f"no sample: {line}")
            found.append((match[1], dict(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', match[2] or "")), float(match[3])))
    return found


def total(found, name, **labels):
    return sum(value for each, own, value in found if each == name and all(own.get(k) == v for k, v in labels.items()))


def scrape(w, pod, url="http://localhost:15090/stats/prometheus"):
    return samples(w, w.labctl("exec", pod, "--", "curl", "-s", "-f", url).out)


@case("Istio's metrics: who has asked whom, with what outcome, over what; on 15090 and 15020, from inside and outside")
def istio(w):
    up(w, lab() + SHOP + authorization("shop", "cart", "{selector: {matchLabels: {app: cart}}, action: DENY, rules: [{to: [{operation: {"
                                       "paths: [/secret], ports: ['8080']}}]}]}"))
    for _ in range(3):
        w.labctl("exec", "shop/web", "--", "curl", "-s", "-d", "0123456789", "http://cart/")
    w.labctl("exec", "shop/web", "--", "curl", "-s", "http://cart/secret")
    w.labctl("exec", "legacy/old", "--", "curl", "-s", "http://cart.shop/")
    ends = {"source_workload": "web", "destination_workload": "cart", "source_principal": WEB, "destination_principal": CART,
            "destination_service": "cart.shop.svc.cluster.local", "destination_service_name": "cart", "request_protocol": "http"}
    for pod, reporter, security in (("shop/web", "source", "unknown"), ("shop/cart", "destination", "mutual_tls")):
        found = scrape(w, pod)
        same = dict(ends, reporter=reporter, connection_security_policy=security)
        w.equal(total(found, "istio_requests_total", response_code="200", response_flags="-", **same), 3, f"answered, {reporter}")
        w.equal(total(found, "istio_requests_total", response_code="403", **same), 1, f"denied, {reporter}")
        w.equal(total(found, "istio_request_bytes_sum", response_code="200", **same), 30, f"bytes asked, {reporter}")
        w.equal(total(found, "istio_request_duration_milliseconds_count", response_code="200", **same), 3, f"times, {reporter}")
        w.equal(total(found, "istio_request_duration_milliseconds_bucket", response_code="200", le="+Inf", **same), 3, "the last bucket")
    found = scrape(w, "shop/cart")
    w.equal(total(found, "istio_requests_total", source_workload="unknown", connection_security_policy="none"), 1, "a stranger")
    # A stranger, a pod of the mesh, and the other port.
    address = w.get("pod", "cart", "-n", "shop")[0]["status"]["podIP"]
    for origin in ("legacy/old", "shop/web"):
        for port in (15090, 15020):
            found = scrape(w, origin, f"http://{address}:{port}/stats/prometheus")
            w.equal(total(found, "istio_requests_total", reporter="destination"), 5, f"from {origin}, {port}")
    w.equal(w.labctl("exec", "shop/web", "--", "curl", "-s", "localhost:15020/healthz/ready").out, "ready\n", "ready")
    w.labctl("exec", "shop/web", "--", "curl", "-s", "-f", "localhost:15090/", status=22)
    w.true("stats/prometheus" not in w.labctl("logs", "-n", "shop", "cart").out, "the application has not been asked")
    w.equal(w.probe("shop/web", "tcp://cart:9000")["outcome"], "ok", "bytes")
    w.wait("the connection is counted", lambda: total(scrape(w, "shop/web"), "istio_tcp_connections_closed_total",
                                                      destination_workload="cart", request_protocol="tcp") >= 1)
    w.true(total(scrape(w, "shop/web"), "istio_tcp_sent_bytes_total") > 0, "its bytes")
    w.labctl("apply", "-f", w.write("strict.yaml", peer("shop", "STRICT")))
    w.equal(total(scrape(w, "legacy/old", f"http://{address}:15090/stats/prometheus"), "istio_requests_total", reporter="destination"), 5,
            "STRICT is for the application's ports")


@case("Linkerd's metrics: requests, answers, authorizations, on 4191")
def linkerd(w):
    up(w, lab().replace("profile: istio", "profile: linkerd") + SHOP.replace(
        "name: shop, labels: {istio-injection: enabled}", "name: shop, annotations: {linkerd.io/inject: enabled}"))
    for _ in range(2):
        w.labctl("exec", "shop/web", "--", "curl", "-s", "http://cart/")
    w.labctl("exec", "legacy/old", "--", "curl", "-s", "http://cart.shop/")
    url = "http://localhost:4191/metrics"
    found = scrape(w, "shop/web", url)
    same = {"direction": "outbound", "authority": "cart.shop.svc.cluster.local:80", "dst_pod": "cart", "tls": "true"}
    w.equal(total(found, "request_total", **same), 2, "requests")
    w.equal(total(found, "response_total", status_code="200", classification="success", **same), 2, "answers")
    w.equal(total(found, "response_latency_ms_count", **same), 2, "times")
    w.true(total(found, "identity_cert_expiration_timestamp_seconds") > 1.7e9, "the certificate")
    found = scrape(w, "shop/cart", url)
    w.equal(total(found, "request_total", direction="inbound", tls="true",
                  client_id="web.shop.serviceaccount.identity.linkerd.cluster.local"), 2, "from a pod of the mesh")
    w.equal(total(found, "request_total", direction="inbound", tls="no_identity"), 1, "from a stranger")
    w.equal(total(found, "inbound_http_authz_allow_total", srv_kind="default", srv_name="all-unauthenticated"), 3, "let in")
    w.equal(w.labctl("exec", "shop/web", "--", "curl", "-s", "localhost:4191/ready").out, "ready\n", "ready")
    address = w.get("pod", "cart", "-n", "shop")[0]["status"]["podIP"]
    w.equal(total(scrape(w, "legacy/old", f"http://{address}:4191/metrics"), "request_total", direction="inbound"), 3, "from outside")
