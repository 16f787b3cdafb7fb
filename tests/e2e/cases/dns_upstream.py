"""Names of the world: the lab's own upstream server, and the Corefile's forward, cache and stub domains."""

import json
import re
import socket
import struct
import threading

from harness import case

LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: world}
spec:
  nodes: 2
  dns:
    replicas: 1
    upstream:
      records:
        - {name: www.corp.example, type: CNAME, value: web.corp.example}
        - {name: web.corp.example, value: [192.0.2.7, 192.0.2.8], ttl: 300}
        - {name: web.corp.example, type: AAAA, value: "2001:db8::7"}
        - {name: corp.example, type: MX, value: 10 mail.corp.example}
        - {name: corp.example, type: TXT, value: "v=spf1 -all"}
        - {name: _sip._tcp.corp.example, type: SRV, value: 0 5 5060 web.corp.example}
        - {name: "*.wild.example", value: 192.0.2.9}
        - {name: many.example, value: [%s]}
        - {name: broken.example, fail: servfail}
        - {name: closed.example, fail: refused}
        - {name: silent.example, fail: timeout}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {containers: [{name: c, image: "client:1"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: on-node}
spec: {dnsPolicy: Default, containers: [{name: c, image: "client:1"}]}
---
apiVersion: v1
kind: Service
metadata: {name: alias}
spec: {type: ExternalName, externalName: www.corp.example}
""" % ", ".join(f"198.51.100.{i}" for i in range(1, 121))

COREFILE = """.:53 {
    errors
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        fallthrough in-addr.arpa ip6.arpa
    }
    %s
}
"""


def dig(w, *words, target="client", **more):
    return w.labctl("exec", target, "--", "dig", "+tries=1", "+time=10", *words, **more).out


def short(w, *words, **more):
    return sorted(dig(w, "+short", *words, **more).split("\n")[:-1])


def rcode(w, *words, **more):
    found = re.search(r"status: (\w+)", dig(w, *words, **more))
    return found.group(1) if found else "none"


def up(w):
    w.labctl("up", w.write("world.yaml", LAB))


def set_corefile(w, text):
    patch = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "coredns", "namespace": "kube-system"},
             "data": {"Corefile": text}}
    w.labctl("apply", "-f", w.write("corefile.yaml", json.dumps(patch)))


def cluster_ip(w, name, *where):
    return w.get("service", name, *where)[0]["spec"]["clusterIP"]


def asked_upstream(w):
    """How many questions have arrived at the upstream."""
    listing = json.loads(w.labctl("exec", "external", "--", "nft", "-j", "list", "table", "inet", "count").out)
    return sum(expr["counter"]["packets"] for item in listing["nftables"] if "rule" in item
               for expr in item["rule"]["expr"] if "counter" in expr)


def count_questions(w, verdict="accept"):
    script = ("nft delete table inet count 2>/dev/null; nft add table inet count; "
              "nft add chain inet count in '{ type filter hook input priority 0; }'; "
              f"nft add rule inet count in udp dport 53 counter {verdict}")
    w.labctl("exec", "external", "--", "sh", "-c", script)


@case("names of the world are forwarded to the lab's upstream, and others do not exist")
def world(w):
    up(w)
    w.equal(short(w, "www.corp.example"), ["192.0.2.7", "192.0.2.8", "web.corp.example."], "an alias")
    w.equal(short(w, "web.corp.example", "AAAA"), ["2001:db8::7"], "AAAA")
    w.equal(short(w, "+tcp", "corp.example", "MX"), ["10 mail.corp.example."], "MX over TCP")
    w.equal(short(w, "corp.example", "TXT"), ['"v=spf1 -all"'], "TXT")
    w.equal(short(w, "_sip._tcp.corp.example", "SRV"), ["0 5 5060 web.corp.example."], "SRV")
    w.equal(short(w, "a.b.wild.example"), ["192.0.2.9"], "a wildcard")
    w.equal(short(w, "+search", "alias"),
            ["192.0.2.7", "192.0.2.8", "web.corp.example.", "www.corp.example."], "an ExternalName")
    text = dig(w, "nobody.corp.example")
    w.has(text, "status: NXDOMAIN", "a name that is not there")
    w.has(text, "SOA", "with the SOA")
    w.has(dig(w, "web.corp.example", "MX"), "status: NOERROR", "another type: no data")
    w.equal(rcode(w, "missing"), "NXDOMAIN", "a short name")
    w.equal(rcode(w, "-x", "192.0.2.55"), "NXDOMAIN", "a reverse name of nobody")
    w.has(dig(w, "Web.Corp.EXAMPLE"), "Web.Corp.EXAMPLE.", "the case of the question")
    failed = w.labctl("exec", "client", "--", "curl", "-sS", "-m", "8", "http://missing/", status=6)
    w.has(failed.err, "Could not resolve host", "curl of a missing name")
    found = w.probe("client", "dns://www.corp.example")
    w.equal(found["rcode"], "NOERROR", "a probe")


@case("nodes, the external host and pods with the node's resolver ask the upstream themselves")
def without_cluster_dns(w):
    up(w)
    external = w.labctl("exec", "node/node-1", "--", "cat", "/etc/resolv.conf").out.split()[-1]
    for target in ("on-node", "node/node-1", "external"):
        conf = w.labctl("exec", target, "--", "cat", "/etc/resolv.conf").out
        w.equal(conf, f"nameserver {external}\n", f"resolv.conf of {target}")
        w.equal(short(w, "web.corp.example", target=target), ["192.0.2.7", "192.0.2.8"], target)
        w.equal(rcode(w, "kubernetes.default.svc.cluster.local", target=target), "NXDOMAIN",
                f"the cluster's names from {target}")
    w.equal(w.probe("on-node", "dns://web.corp.example")["rcode"], "NOERROR", "a probe from the pod")
    w.equal(w.probe("external", "dns://web.corp.example")["rcode"], "NOERROR", "a probe from outside")


@case("what an upstream answers is passed on, silence is SERVFAIL; one that truncates is asked over TCP")
def lame(w):
    up(w)
    w.equal(rcode(w, "broken.example"), "SERVFAIL", "broken.example")
    w.equal(rcode(w, "www.closed.example"), "REFUSED", "www.closed.example")
    w.equal(rcode(w, "+time=9", "silent.example"), "SERVFAIL", "silent.example")
    w.equal(len(short(w, "many.example")), 120, "120 addresses, truncated at first")
    w.has(dig(w, "+ignore", "many.example"), "flags: qr aa tc rd ra", "truncated for the client too")
    w.equal(rcode(w, "web.corp.example"), "NOERROR", "and it goes on")


@case("answers of the upstream are cached; stale ones are served when it is gone", limit_s=90)
def cached(w):
    up(w)
    count_questions(w)
    short(w, "web.corp.example")
    first = asked_upstream(w)
    w.true(first >= 1, f"the upstream was asked {first} times")
    for _ in range(5):
        w.equal(short(w, "web.corp.example"), ["192.0.2.7", "192.0.2.8"], "from the cache")
    w.equal(asked_upstream(w), first, "questions at the upstream")
    set_corefile(w, COREFILE % "forward . /etc/resolv.conf\n    cache {\n        success 100 1 1\n"
                               "        serve_stale 1h\n    }")
    short(w, "web.corp.example")
    w.true(asked_upstream(w) > first, "a new Corefile begins with an empty cache")
    count_questions(w, "drop")
    w.wait("a stale answer", lambda: re.search(r"\s0\s+IN\s+A\s", dig(w, "web.corp.example")), within_s=10)
    w.equal(short(w, "web.corp.example"), ["192.0.2.7", "192.0.2.8"], "stale")
    w.equal(rcode(w, "+time=9", "corp.example", "MX"), "SERVFAIL", "what is not in the cache")


@case("a popular answer is asked for again before it ends")
def prefetched(w):
    up(w)
    set_corefile(w, COREFILE % "forward . /etc/resolv.conf\n    cache {\n        success 100 30 30\n"
                               "        prefetch 1 1m 90%\n    }")
    count_questions(w)
    short(w, "web.corp.example")
    w.equal(asked_upstream(w), 1, "questions at the upstream")
    w.wait("another one, from a hit", lambda: short(w, "web.corp.example") and asked_upstream(w) == 2, within_s=15)


@case("a Corefile's addresses, stub domains and policies are followed")
def stub_domains(w):
    up(w)
    external = w.labctl("exec", "node/node-1", "--", "cat", "/etc/resolv.conf").out.split()[-1]
    set_corefile(w, COREFILE % f"forward . 127.0.0.9:9 {external}:53 {{\n        policy sequential\n    }}")
    w.equal(short(w, "web.corp.example"), ["192.0.2.7", "192.0.2.8"], "the second upstream")
    set_corefile(w, COREFILE % "forward . 127.0.0.9:9" + "corp.example:53 {\n    forward . /etc/resolv.conf {\n"
                 "        force_tcp\n    }\n}\n")
    w.equal(short(w, "web.corp.example"), ["192.0.2.7", "192.0.2.8"], "a name of the stub domain")
    w.equal(rcode(w, "a.wild.example"), "SERVFAIL", "another name, whose upstream is closed")
    set_corefile(w, COREFILE % "forward corp.example /etc/resolv.conf")
    w.equal(rcode(w, "a.wild.example"), "REFUSED", "a name that nobody forwards")
    set_corefile(w, COREFILE % "forward . tls://9.9.9.9")
    events = [e["message"] for e in w.get("events", "-n", "kube-system") if e["reason"] == "InvalidCorefile"]
    w.true(any("Corefile:7" in text and "tls://9.9.9.9" in text for text in events), f"an event: {events}")


@case("questions are forwarded again when the data plane was killed, and many at a time")
def burst(w):
    up(w)
    pid = w.labctl("status", "-o", "json").json()["dataPlane"]["pid"]
    w.command_as_harness(["kill", "-9", pid])
    w.equal(short(w, "web.corp.example"), ["192.0.2.7", "192.0.2.8"], "behind a killed data plane")
    script = ("for i in $(seq 300); do echo \"n$i.wild.example +tries=3 +time=5 +short\"; done > /tmp/q; "
              "split -l 30 /tmp/q /tmp/q. ; for f in /tmp/q.*; do dig -f $f & done; wait; rm -f /tmp/q /tmp/q.*")
    lines = w.labctl("exec", "client", "--", "sh", "-c", script).out.split()
    w.equal(lines.count("192.0.2.9"), 300, "answers")


@case("what is wrong with the upstream's records is told with its place")
def bad_records(w):
    rows = [("{name: a.example, value: 1.2.3}", "must be an IPv4 address"),
            ("{name: a.example, type: AAAA, value: 1.2.3.4}", "must be an IPv6 address"),
            ("{name: a.example, type: HINFO, value: x}", "Unsupported value"),
            ("{name: a..example, value: 1.2.3.4}", "must be a domain name"),
            ("{name: a.example}", "a record needs `value`"),
            ("{name: a.example, fail: never}", "Unsupported value"),
            ("{name: a.example, fail: refused, value: 1.2.3.4}", "a name that fails has no records"),
            ("{name: a.example, type: MX, value: mail.example}", "a preference and a name")]
    for record, words in rows:
        text = ("apiVersion: labctl.dev/v1\nkind: Lab\nmetadata: {name: bad}\nspec:\n  dns:\n    upstream:\n"
                f"      records:\n        - {record}\n")
        told = w.labctl("up", w.write("bad.yaml", text), status=2).err
        w.matches(told, r"bad\.yaml:8:\d+", "the place")
        w.has(told, words, record)


def explained(w, target, *, status=0, origin="client"):
    return w.labctl("explain", origin, target, "-o", "json", status=status).json()


@case("explain tells every query of a look-up: its answer, who gave it, and the object that has the name")
def explain(w):
    up(w)
    found = explained(w, "dns://kubernetes")
    w.equal(found["outcome"], "found", "the outcome")
    w.equal([(q["type"], q["name"]) for q in found["queries"]],
            [(t, "kubernetes.default.svc.cluster.local.") for t in ("A", "AAAA")], "its queries")
    first = found["queries"][0]
    w.true(first["answeredBy"].startswith("kube-system/coredns-"), f"a DNS pod answered: {first}")
    w.equal(first["plugin"], "kubernetes", "the plugin")
    w.equal(first["object"], {"kind": "Service", "namespace": "default", "name": "kubernetes", "type": "ClusterIP"},
            "the object")
    w.equal(first["answers"][0]["data"], cluster_ip(w, "kubernetes"), "the answer")
    world = explained(w, "dns://web.corp.example")
    names = [q["name"] for q in world["queries"]]
    w.equal(names, [n for s in ("default.svc.cluster.local.", "svc.cluster.local.", "cluster.local.", "")
                    for n in ["web.corp.example." + s] * 2], "eight queries of ndots:5")
    w.equal([q["rcode"] for q in world["queries"]], ["NXDOMAIN"] * 6 + ["NOERROR"] * 2, "their answers")
    w.equal([q["why"] for q in world["queries"][:6:2]],
            ["no Service 'example' in namespace 'default'", "no namespace 'example'",
             "the cluster has names below svc and pod only"], "why")
    last = world["queries"][-2]
    w.equal(last["plugin"], "forward", "the upstream answered")
    w.matches(last["upstream"], r"^172\.18\.0\.\d+:53$", "the upstream")
    w.has(world["hint"], "a final dot", "the hint")
    again = explained(w, "dns://web.corp.example.?type=A")
    w.equal([(q["plugin"], q["cached"]) for q in again["queries"]], [("cache", True)], "from the cache")
    gone = explained(w, "dns://nobody", status=1)
    w.equal(gone["outcome"], "nxdomain", "a name of nobody")
    w.equal(gone["queries"][0]["why"], "no Service 'nobody' in namespace 'default'", "what is missing")
    direct = explained(w, "dns://web.corp.example", origin="on-node")
    w.equal([q["answeredBy"] for q in direct["queries"]], ["external"] * 2, "asked of the upstream itself")
    text = w.labctl("explain", "client", "dns://alias").out
    w.matches(text, r"Service default/alias is an alias of www\.corp\.example", "the text")
    w.has(w.labctl("trace", "client", "dns://silent.example.", status=1).out, "SERVFAIL", "a silent upstream")
    over_tcp = explained(w, "dns://many.example.?type=A")
    w.equal([(q["transport"], q["rcode"]) for q in over_tcp["queries"]],
            [("udp", "truncated"), ("tcp", "NOERROR")], "a truncated answer")


@case("queries are shown as they happen, and the Corefile's log and errors go into the pod's log")
def query_log(w):
    up(w)
    set_corefile(w, "example:53 {\n    log\n    errors\n    forward . /etc/resolv.conf\n}\n"
                 + COREFILE % "forward . /etc/resolv.conf")
    watcher = w.start("labctl", "events", "-w", "--dns", "-o", "json")
    lines = []

    def seen():
        short(w, "web.corp.example")
        lines.append(json.loads(watcher.stdout.readline()))
        return any(line["name"] == "web.corp.example." and line["source"] == "default/client" for line in lines)

    w.wait("a query that the watcher shows", seen)
    watcher.kill()
    watcher.communicate()
    servers = {line["server"] for line in lines}
    w.true(all(s == "external" or s.startswith("kube-system/coredns-") for s in servers), f"servers: {servers}")
    w.labctl("events", "--dns", status=2)
    pod = w.get("pods", "-n", "kube-system")[0]["metadata"]["name"]
    w.equal(rcode(w, "+time=9", "silent.example"), "SERVFAIL", "a name that nobody answers")
    w.equal(rcode(w, "kubernetes.default.svc.cluster.local"), "NOERROR", "a name whose block does not log")
    log = w.labctl("logs", pod, "-n", "kube-system").out
    w.matches(log, r'^\[INFO\] 10\.244\.\d+\.\d+:\d+ - \d+ "A IN web\.corp\.example\. udp \d+ \w+ \d+" NOERROR '
                   r"qr,\S+ \d+ [\d.]+s$", "a line of log")
    w.matches(log, r"^\[ERROR\] plugin/errors: 2 silent\.example\. A: no answer from upstream", "a line of errors")
    w.true("kubernetes.default" not in log, "a block without log is silent")


def coredns(w):
    return w.get("pods", "-n", "kube-system")[0]


def is_ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"])


@case("coredns' ports for health, readiness and metrics are those of the Corefile, and its readiness follows")
def http_ports(w):
    up(w)
    address = coredns(w)["status"]["podIP"]

    def curl(where, status=0):
        return w.labctl("exec", "client", "--", "curl", "-sS", "-m", "5", f"http://{where}", status=status).out

    w.equal(curl(f"{address}:8080/health"), "OK", "health")
    w.equal(curl(f"{address}:8181/ready"), "OK", "ready")
    w.equal(curl(f"{address}:8181/metrics"), "404 page not found\n", "a path of another plugin")
    short(w, "web.corp.example")
    short(w, "web.corp.example")
    metrics = curl("kube-dns.kube-system.svc.cluster.local:9153/metrics")
    w.matches(metrics, r'^coredns_dns_requests_total\{server="dns://:53",zone="\.",view="",proto="udp",family="1",'
                       r'type="A"\} \d+$', "requests")
    w.matches(metrics, r'^coredns_dns_responses_total\{.*rcode="NOERROR"\} \d+$', "responses")
    w.matches(metrics, r'^coredns_cache_hits_total\{.*type="success"\} [1-9]\d*$', "cache hits")
    w.matches(metrics, r"^coredns_forward_requests_total\{.*\} [1-9]\d*$", "forwarded questions")
    with_ready = COREFILE % "prometheus :9999"
    set_corefile(w, with_ready.replace("    ready\n", ""))
    w.wait("an unready coredns", lambda: not is_ready(coredns(w)))
    w.has(w.labctl("describe", "pod", coredns(w)["metadata"]["name"], "-n", "kube-system").out,
          "Readiness probe failed", "the reason")
    w.equal(rcode(w, "+time=1", "kubernetes.default.svc.cluster.local", status=9), "none", "no endpoint of kube-dns")
    curl(f"{address}:8181/ready", status=7)
    curl(f"{address}:9153/metrics", status=7)
    w.has(curl(f"{address}:9999/metrics"), "coredns_dns_requests_total", "metrics on another port")
    set_corefile(w, with_ready)
    w.wait("a ready coredns", lambda: is_ready(coredns(w)))
    w.equal(rcode(w, "kubernetes.default.svc.cluster.local"), "NOERROR", "names again")


class HostServer(threading.Thread):
    """The name server of this host (that of the cage, whose network the lab takes for the host's): by UDP and TCP it
    knows one name, by UDP it cuts off the answer about another one."""

    KNOWN, LONG = b"\4real\7example\3net\0", b"\4long\7example\3net\0"

    def __init__(self, address="127.0.0.1"):
        super().__init__(daemon=True)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, 53))
        self.tcp = socket.create_server((address, 53))
        self.asked = []

    def answer(self, question, udp):
        end = question.index(b"\0", 12) + 5
        name, kind = question[12:end - 4].lower(), question[end - 4:end - 2]
        self.asked.append((name, "udp" if udp else "tcp"))
        cut = udp and name == self.LONG
        found = [] if cut else {self.KNOWN: [77], self.LONG: list(range(1, 101))}.get(name, [])
        found = found if kind == b"\0\1" else []
        flags = 0x8180 | (0x0200 if cut else 0) | (0 if name in (self.KNOWN, self.LONG) else 3)
        head = question[:2] + struct.pack("!HHHHH", flags, 1, len(found), 0, 0)
        return head + question[12:end] + b"".join(
            b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2" + bytes([last]) for last in found)

    def run(self):
        threading.Thread(target=self.serve_tcp, daemon=True).start()
        while True:
            question, client = self.udp.recvfrom(4096)
            self.udp.sendto(self.answer(question, True), client)

    def serve_tcp(self):
        while True:
            connection, _ = self.tcp.accept()
            with connection, connection.makefile("rb") as stream:
                while size := stream.read(2):
                    found = self.answer(stream.read(int.from_bytes(size, "big")), False)
                    connection.sendall(len(found).to_bytes(2, "big") + found)


@case("with `host: true` the host's own name servers are asked for what the lab file does not declare", limit_s=90)
def asks_host(w):
    w.command_as_harness(["mount", "--bind", w.write("resolv.conf", "nameserver 127.0.0.1\n"), "/etc/resolv.conf"])
    w.mounts_before = open("/proc/self/mounts", encoding="utf-8").read()
    host = HostServer()
    host.start()
    w.labctl("up", w.write("world.yaml", LAB.replace("upstream:", "upstream:\n      host: true")))
    w.equal(short(w, "web.corp.example"), ["192.0.2.7", "192.0.2.8"], "what the lab file declares")
    w.equal(rcode(w, "web.corp.example", "NS"), "NOERROR", "another type of such a name")
    w.equal(rcode(w, "broken.example"), "SERVFAIL", "what the lab file has fail")
    # The plugin loop asks for a name of two random numbers, as in every cluster.
    w.equal([name for name, _ in host.asked if b"example" in name], [], "what the host was asked of that")
    w.equal(short(w, "real.example.net"), ["192.0.2.77"], "a name of the world")
    w.equal(short(w, "real.example.net", target="on-node"), ["192.0.2.77"], "the same from a pod with the node's resolver")
    w.equal(len(short(w, "long.example.net")), 100, "an answer that is cut off, asked for again by TCP")
    w.true((host.LONG, "tcp") in host.asked, f"by TCP: {host.asked}")
    w.equal(rcode(w, "nobody.example.net"), "NXDOMAIN", "a name that the host does not know either")
    told = w.labctl("explain", "client", "dns://real.example.net").out
    w.has(told, "192.0.2.77", "explain")
    w.labctl("down", "world")
    w.labctl("up", w.write("alone.yaml", LAB.replace("metadata: {name: world}", "metadata: {name: alone}")))
    before = len(host.asked)
    w.equal(rcode(w, "real.example.net"), "NXDOMAIN", "unless the lab says so nobody outside is asked")
    w.equal(len(host.asked), before, "questions to the host")
