"""Probes as data: the JSON that other people's scripts rely on."""

import json

from harness import case

from .sctp import has_sctp


def setting(w):
    """The demo, and the addresses of its pods by name."""
    w.labctl("up")
    return {p["metadata"]["name"]: p["status"]["podIP"] for p in w.get("pods", "-A")}


@case("every scheme gives the outcome and the evidence that the contract promises")
def schemes(w):
    ip = setting(w)
    backend = next(name for name in ip if name.startswith("backend"))
    results = w.probes(
        {"id": "tcp", "from": "default/client", "to": f"tcp://{ip['db-0']}:5432"},
        {"id": "udp", "from": "default/client", "to": f"udp://{ip[backend]}:9090"},
        {"id": "icmp", "from": "default/client", "to": f"icmp://{ip['db-0']}"},
        {"id": "http", "from": "node/node-1", "to": f"http://{ip[backend]}:8080/api?x=1", "method": "POST",
         "headers": {"x-user": "jason"}, "body": "hi"},
        {"id": "name", "from": "default/client", "to": f"http://pod:default/{backend}:http/hostname"},
        {"id": "status", "from": "default/client", "to": f"http://{ip[backend]}:8080/status/418"},
        {"id": "refused", "from": "default/client", "to": f"tcp://{ip['db-0']}:81"},
        {"id": "udp-refused", "from": "default/client", "to": f"udp://{ip['db-0']}:81"},
        {"id": "nobody", "from": "default/client", "to": "tcp://10.244.1.250:80", "timeoutMs": 200},
        {"id": "sctp", "from": "default/client", "to": f"sctp://{ip['db-0']}:80"})
    outcomes = {name: result["outcome"] for name, result in results.items()}
    nobody = outcomes.pop("nobody")
    w.true(nobody in ("timeout", "unreachable"), f"an address without a pod: {nobody}")
    w.equal(outcomes, {
        "tcp": "ok", "udp": "ok", "icmp": "ok", "http": "ok", "name": "ok", "status": "ok", "refused": "refused",
        "udp-refused": "refused", "sctp": "refused" if has_sctp(w) else "unsupported"}, "outcomes")
    tcp, http = results["tcp"], results["http"]
    w.equal(tcp["remote"], f"{ip['db-0']}:5432", "remote")
    w.equal(tcp["backend"], "default/db-0", "backend")
    w.equal(tcp["clientIP"], ip["client"], "clientIP: no translation on the way")
    w.equal(tcp["attempts"], 1, "attempts")
    w.true(isinstance(tcp["rttMicros"], int) and tcp["rttMicros"] > 0, "rttMicros")
    w.equal(tcp["error"], None, "error")
    w.equal(results["status"]["http"]["status"], 418, "status")
    body = json.loads(http["http"]["body"])
    w.equal((body["namespace"], body["pod"], body["method"], body["path"], body["query"], body["body"]),
            ("default", backend, "POST", "/api", "x=1", "hi"), "what the workload says")
    w.equal(body["headers"]["x-user"], "jason", "the header that it saw")
    w.equal(http["http"]["headers"]["x-backend"], f"default/{backend}", "x-backend")
    w.true(results["refused"]["error"], "an error for people")


@case("count, concurrency, samples and sourcePort are honoured")
def counts(w):
    ip = setting(w)
    target = f"http://{ip['db-0']}:5432/hostname"
    results = w.probes(
        {"id": "many", "from": "default/client", "to": target, "count": 100, "concurrency": 8},
        {"id": "one", "from": "default/client", "to": target, "count": 20, "reuseConnection": True, "samples": True},
        {"id": "port", "from": "default/client", "to": target, "sourcePort": 12345})
    many = results["many"]
    w.equal((many["attempts"], many["outcomes"], many["backends"]), (100, {"ok": 100}, {"default/db-0": 100}), "counts")
    w.equal(len(results["one"]["samples"]), 20, "samples")
    seen = w.labctl("probe", "default/client", f"http://{ip['db-0']}:5432/", "--source-port", "12346", "-o", "json").json()
    w.equal(json.loads(seen["results"][0]["http"]["body"])["client"], f"{ip['client']}:12346", "client as seen")


@case("sources are pods, nodes and external; order is kept; the document has its version")
def sources(w):
    ip = setting(w)
    to = f"tcp://{ip['db-0']}:5432"
    text = json.dumps({"sequential": True, "probes": [
        {"id": "b", "from": "default/client", "to": to}, {"id": "a", "from": "node/node-3", "to": to}]})
    document = w.labctl("probe", "--file", "-", "-o", "json", stdin=text).json()
    w.equal(document["schemaVersion"], 1, "schemaVersion")
    w.equal([r["id"] for r in document["results"]], ["b", "a"], "order of results")
    out = w.probe("default/client", "icmp://172.18.0.1")
    w.equal(out["outcome"], "ok", "a pod reaches the outside, masqueraded")
    w.equal(w.probe("external", "icmp://172.18.0.2")["outcome"], "ok", "external reaches a node")
    w.labctl("probe", "default/nobody", to, status=2)


@case("the command's status follows the outcomes: 0 when all are ok")
def statuses(w):
    ip = setting(w)
    w.labctl("probe", "client", f"tcp://{ip['db-0']}:5432")
    shown = w.labctl("probe", "client", f"tcp://{ip['db-0']}:81", status=1)
    w.has(shown.out, "refused", "the table")
    w.labctl("probe", "client", f"sctp://{ip['db-0']}:80", status=1 if has_sctp(w) else 3)


@case("the built-in workload behaves as its namesakes do")
def workload(w):
    ip = setting(w)
    def get(path, **more):
        result = w.probes({"id": "1", "from": "default/client", "to": f"http://{ip['db-0']}:5432{path}", **more})["1"]
        return result["http"]["status"], result["http"]["body"].strip()
    w.equal(get("/hostname"), (200, "db-0"), "/hostname")
    w.equal(get("/echo?msg=hello"), (200, "hello"), "/echo")
    w.equal(get("/status/503")[0], 503, "/status")
    w.equal(get("/healthz")[0], 200, "/healthz")
    w.matches(get("/clientip")[1], rf"^{ip['client']}", "/clientip")
    slow = w.probes({"id": "1", "from": "default/client", "to": f"http://{ip['db-0']}:5432/delay/0.2"})["1"]
    w.true(slow["rttMicros"] >= 200000, f"/delay took {slow['rttMicros']} us")
    late = w.probes({"id": "1", "from": "default/client", "to": f"http://{ip['db-0']}:5432/delay/2", "timeoutMs": 200})["1"]
    w.equal(late["outcome"], "timeout", "an answer that comes too late")
    answer = w.labctl("exec", "client", "--", "curl", "-s", "--http2-prior-knowledge", f"http://{ip['db-0']}:5432/hostname")
    w.equal(answer.out.strip(), "db-0", "h2c, asked by curl")
    backend = next(name for name in ip if name.startswith("backend"))
    text = w.labctl("exec", "client", "--", "sh", "-c", f"printf hostname | nc -u -W 1 -w 2 {ip[backend]} 9090").out
    w.equal(text.strip(), backend, "UDP hostname, asked by nc")
    text = w.labctl("exec", "client", "--", "sh", "-c", f"printf hello | nc -N -w 2 {ip['db-0']} 5432").out
    w.equal(text.strip(), "hello", "TCP that is not HTTP is echoed")
