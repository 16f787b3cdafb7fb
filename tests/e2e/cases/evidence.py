"""What proves that a rule dropped a packet: the packet log of the nodes, with rules made by hand."""

import json
import select
import time

from harness import case

LONG = "30s"  # a time-out that no probe of these cases waits for
PATIENCE_S = 15.0


def up(w):
    """The demo; addresses of its pods by name."""
    w.labctl("up")
    return {p["metadata"]["name"]: p["status"]["podIP"] for p in w.get("pods", "-A")}


def nft(w, node, words):
    return w.labctl("exec", f"node/{node}", "--", "nft", *words)


def nodes(w):
    return [n["metadata"]["name"] for n in w.get("nodes")]


def drop(w, match, prefix="by hand", log=True):
    """A rule on every node that drops what matches, and logs it."""
    says = f'log group 100 prefix "{prefix}"' if log else ""
    for node in nodes(w):
        nft(w, node, ["add table inet hand; "
                      "add chain inet hand forward { type filter hook forward priority 0; }; "
                      f"add rule inet hand forward {match} counter {says} drop"])


def undrop(w):
    for node in nodes(w):
        nft(w, node, ["delete table inet hand"])


def counted(w, node):
    """Packets that the rules of the node have dropped, as nft says it."""
    ruleset = json.loads(nft(w, node, ["-j", "list table inet hand"]).out)["nftables"]
    return sum(part["counter"]["packets"] for entry in ruleset if "rule" in entry
               for part in entry["rule"]["expr"] if "counter" in part)


@case("a dropped probe ends in no time and says which node and rule dropped it; TCP, HTTP, UDP and ICMP")
def dropped(w):
    ip = up(w)
    db, backend = ip["db-0"], next(ip[name] for name in ip if name.startswith("backend"))
    drop(w, f"ip saddr {ip['client']} ip daddr {{ {db}, {backend} }}")
    for target in (f"tcp://{db}:5432", f"http://{backend}:8080/", f"udp://{backend}:9090", f"icmp://{db}"):
        before = {node: counted(w, node) for node in nodes(w)}
        started = time.monotonic()
        result = w.probe("default/client", target, "--timeout", LONG)
        w.true(time.monotonic() - started < PATIENCE_S, f"{target} waited for its time-out")
        w.equal(result["outcome"], "timeout", target)
        w.equal(result["drop"]["prefix"], "by hand", target)
        w.equal(result["drop"]["by"], None, "no policy made it")
        w.has(result["error"], f"dropped on {result['drop']['node']} by the rule that logs 'by hand'")
        grown = [node for node in before if counted(w, node) > before[node]]
        w.equal([result["drop"]["node"]], grown, f"{target}: the node whose counter moved")
    # What is not dropped is as it was, and so is the same target from elsewhere.
    w.equal(w.probe("default/db-0", f"tcp://{backend}:8080")["outcome"], "ok", "another source")


@case("many probes at once are told apart: each denied one has a drop, each allowed one an answer")
def told_apart(w):
    ip = up(w)
    db = ip["db-0"]
    drop(w, f"ip daddr {db} tcp dport 5433")
    probes = [{"id": f"{port}-{i}", "from": "default/client", "to": f"tcp://{db}:{port}", "timeoutMs": 30000}
              for i in range(200) for port in (5432, 5433)]
    started = time.monotonic()
    results = w.probes(*probes)
    w.true(time.monotonic() - started < PATIENCE_S, "no probe waited for its time-out")
    for name, result in results.items():
        denied = name.startswith("5433")
        w.equal(result["outcome"], "timeout" if denied else "ok", name)
        w.equal("drop" in result, denied, f"{name} has a drop")


@case("a drop that no rule logs, and a probe that wants no evidence, wait for the time-out")
def without_evidence(w):
    ip = up(w)
    drop(w, f"ip daddr {ip['db-0']} tcp dport 5432", log=False)
    result = w.probe("default/client", f"tcp://{ip['db-0']}:5432", "--timeout", "200ms")
    w.has(result["error"], "no answer within 200 ms")
    w.true("drop" not in result, "nothing is known of the drop")
    undrop(w)
    drop(w, f"ip daddr {ip['db-0']} tcp dport 5432")
    result = w.probe("default/client", f"tcp://{ip['db-0']}:5432", "--timeout", "200ms", "--no-evidence")
    w.has(result["error"], "no answer within 200 ms")
    w.true("drop" not in result, "none was wanted")


@case("an open connection is not affected by a drop behind its answer")
def after_the_answer(w):
    ip = up(w)
    backend = next(ip[name] for name in ip if name.startswith("backend"))
    # The handshake passes, the first request passes; FIN and RST of the client are dropped.
    drop(w, f"ip daddr {backend} tcp flags & (fin | rst) != 0")
    result = w.probe("default/client", f"http://{backend}:8080/", "--count", "20")
    w.equal(result["outcomes"], {"ok": 20}, "outcomes")


@case("events --drops lists what rules dropped, in one line each, and follows it")
def live(w):
    ip = up(w)
    drop(w, f"ip daddr {ip['db-0']} tcp dport 5432")
    follower = w.start("labctl", "events", "-w", "--drops")
    try:
        # Until it follows, a line may be missed: probe until the first one is there.
        seen = []
        def line_comes():
            w.probe("default/client", f"tcp://{ip['db-0']}:5432", "--timeout", LONG)
            if select.select([follower.stdout], [], [], 1)[0]:
                seen.append(follower.stdout.readline().decode())
            return seen
        w.wait("a line", line_comes, within_s=PATIENCE_S)
    finally:
        follower.terminate()
        follower.wait()
    w.matches(seen[0], r"^\d\d:\d\d:\d\d\.\d{3} node-\d default/client -> default/db-0 TCP 5432: "
                       r"the rule that logs 'by hand'$")
    listed = w.labctl("events", "--drops", "-o", "json").json()
    w.true(len(listed["items"]) >= 1, "the list has it too")
    w.equal(listed["lost"], 0, "lost packets")
    item = listed["items"][-1]
    w.equal((item["from"], item["to"], item["drop"]["prefix"]), ("default/client", "default/db-0", "by hand"),
            "the newest")


CHECKS = """\
- client -> db:5432 deny
- {from: client, to: "db:5432", expect: deny, by: networkpolicy/default/other}
"""


@case("deny passes by the drop of its own packet alone: no drop, no log, another rule are told apart")
def judged(w):
    ip = up(w)
    checks = w.write("deny.yaml", CHECKS)

    def verdicts(status):
        report = w.labctl("check", checks, "-o", "json", status=status).json()
        return [(a["verdict"], a["reason"]) for a in report["results"]]

    got = verdicts(1)
    w.equal([v for v, _ in got], ["fail", "fail"], "nothing drops it")
    w.has(got[0][1], "it was answered by default/db-0")
    drop(w, f"ip saddr {ip['client']} ip daddr {ip['db-0']} tcp dport 5432", log=False)
    got = verdicts(3)
    w.equal([v for v, _ in got], ["inconclusive", "inconclusive"], "a drop that proves nothing")
    w.has(got[0][1], "no rule is known to have dropped it")
    undrop(w)
    drop(w, f"ip saddr {ip['client']} ip daddr {ip['db-0']} tcp dport 5432")
    got = verdicts(1)
    w.equal([v for v, _ in got], ["pass", "fail"], "proven, but not by that policy")
    w.has(got[0][1], "by the rule that logs 'by hand'")
    w.has(got[1][1], "it was the rule that logs 'by hand'")
    undrop(w)
    # A source that cannot send at all is no denial, whoever drops its packets.
    nft(w, "node-1", ["add table inet hand"])
    for node in nodes(w):
        nft(w, node, ["add table inet hand; "
                      "add chain inet hand in { type filter hook input priority 0; }; "
                      f"add rule inet hand in ip saddr {ip['client']} drop; "
                      "add chain inet hand forward { type filter hook forward priority 0; }; "
                      f"add rule inet hand forward ip saddr {ip['client']} log group 100 prefix \"all\" drop"])
    got = verdicts(3)
    w.equal(got[0][0], "inconclusive", "a source that is cut off")
    w.has(got[0][1], "nothing shows that default/client can send")


MATRIX = """\
- matrix: |
    .         db   frontend
    client    X    .
    backend   .    -
  port: "*"
  points: 3
"""


@case("a matrix of . and X is asserted cell by cell, and a wrong rule is caught")
def truth_table(w):
    ip = up(w)
    checks = w.write("matrix.yaml", MATRIX)
    drop(w, f"ip saddr {ip['client']} ip daddr {ip['db-0']}")
    report = w.labctl("check", checks, "-o", "json").json()
    w.equal([a["verdict"] for a in report["results"]], ["pass"] * 3, "verdicts")
    w.equal([a["id"] for a in report["results"]], ["1.1", "1.2", "1.3"], "ids")
    undrop(w)
    drop(w, f"ip daddr {ip['db-0']}")  # too much: backend is shut out as well
    report = w.labctl("check", checks, "-o", "json", status=1).json()
    w.equal([a["verdict"] for a in report["results"]], ["pass", "pass", "fail"], "verdicts")
    w.has(report["results"][2]["reason"], "by the rule that logs 'by hand'")


POLICIES = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: default}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
    - from: [{podSelector: {matchLabels: {app: backend}}}]
      ports: [{port: 5432}]
"""

POLICY_CHECKS = """\
- {from: client, to: "db:5432", expect: deny, by: networkpolicy/default/db}
- backend -> db:5432 allow
- client -> db:5432 allow
"""


@case("a policy's denial is proven in no time: check and probe name the policy, its file and line")
def by_policy(w):
    up(w)
    path = w.write("policies.yaml", POLICIES)
    w.labctl("apply", "-f", path)
    started = time.monotonic()
    result = w.probe("default/client", "tcp://pod:default/db-0:5432", "--timeout", LONG)
    w.true(time.monotonic() - started < PATIENCE_S, "it did not wait for its time-out")
    w.equal(result["outcome"], "timeout", "outcome")
    w.equal((result["drop"]["by"], result["drop"]["direction"]), ("networkpolicy/default/db", "ingress"), "the drop")
    w.matches(result["error"], r"dropped on node-\d by NetworkPolicy default/db \(.*policies.yaml:\d+\): "
                               r"no rule allows default/client \(app=client\) on TCP 5432|"
                               r"dropped on node-\d by NetworkPolicy default/db \(.*policies.yaml:\d+\): "
                               r"no rule allows default/client on TCP 5432")
    report = w.labctl("check", w.write("checks.yaml", POLICY_CHECKS), "-o", "json", status=1).json()
    w.equal([a["verdict"] for a in report["results"]], ["pass", "pass", "fail"], "verdicts")
    w.equal(report["results"][0]["decidedBy"], "networkpolicy/default/db", "who decided")
    w.has(report["results"][2]["reason"], "NetworkPolicy default/db")


BEHIND_A_NODE = """\
apiVersion: v1
kind: Service
metadata: {name: doors}
spec: {type: NodePort, selector: {app: db}, ports: [{port: 5432, nodePort: 30432}]}
"""


@case("a denial behind a node that masquerades is known by its connection: the probe ends in no time, by the right rule")
def masqueraded(w):
    up(w)
    w.labctl("apply", "-f", w.write("policies.yaml", POLICIES), "-f", w.write("doors.yaml", BEHIND_A_NODE))
    on = next(p["spec"]["nodeName"] for p in w.get("pods") if p["metadata"]["name"] == "db-0")
    other = next(n for n in nodes(w) if n != on)
    address = next(n["status"]["addresses"][0]["address"] for n in w.get("nodes") if n["metadata"]["name"] == other)
    started = time.monotonic()
    result = w.probe("external", f"tcp://{address}:30432", "--timeout", LONG)
    w.true(time.monotonic() - started < PATIENCE_S, "it did not wait for its time-out")
    w.equal((result["outcome"], result["drop"]["by"]), ("timeout", "networkpolicy/default/db"), "the drop")
    w.matches(result["error"], rf"dropped on {on} by NetworkPolicy default/db .*: no rule allows node/{other} on TCP 5432",
              "who it was for the policy")


@case("a denial that is answered says which policy lets it pass, or that none has a say")
def wrongly_answered(w):
    up(w)
    w.labctl("apply", "-f", w.write("policies.yaml", POLICIES))
    report = w.labctl("check", w.write("wrong.yaml", "- backend -> db:5432 deny\n- client -> frontend deny\n"),
                      "-o", "json", status=1).json()
    w.equal([a["verdict"] for a in report["results"]], ["fail", "fail"], "verdicts")
    w.matches(report["results"][0]["hint"],
              r"^the policies allow it: .*NetworkPolicy default/db \(.*policies.yaml:\d+\) rule 1$", "the rule")
    w.equal(report["results"][1]["hint"], "no policy has a say in it", "where none is")


@case("explain says what the policies of both ends decide, and with --wire what a packet met")
def explained(w):
    up(w)
    w.labctl("apply", "-f", w.write("policies.yaml", POLICIES))
    answer = w.labctl("explain", "client", "pod:default/db-0:5432", "-o", "json", status=1).json()
    w.equal(answer["outcome"], "denied", "outcome")
    w.equal(answer["branches"][0]["policy"]["allowed"], False, "the branch")
    w.has(answer["summary"], "NetworkPolicy default/db")
    said = w.labctl("explain", "client", "pod:default/db-0:5432", "--wire", status=1).out
    w.matches(said.splitlines()[-1], r"^dropped on node-\d by NetworkPolicy default/db \(.*policies.yaml:\d+\): "
                                     r"no rule allows default/client", "the last sentence")
    backend = next(p["metadata"]["name"] for p in w.get("pods") if p["metadata"]["name"].startswith("backend"))
    allowed = w.labctl("explain", backend, "pod:default/db-0:5432", "--wire", "-o", "json").json()
    w.equal((allowed["outcome"], allowed["wire"]["outcome"]), ("endpoint", "ok"), "an allowed way")
    w.has(allowed["summary"], "a packet was answered by default/db-0")


def places(steps):
    return [f"{step['place']} {step['direction']}" for step in steps]


@case("explain --wire follows the packet, and its answer, through every interface")
def journey(w):
    up(w)
    on = {p["metadata"]["name"]: p["spec"]["nodeName"] for p in w.get("pods")}
    far = on["client"] != on["db-0"]
    w.true(far, "client and db-0 are on different nodes of the demo")
    seen = w.labctl("explain", "client", "pod:default/db-0:5432", "--wire", "-o", "json").json()["journey"]
    first, last = f"node/{on['client']}", f"node/{on['db-0']}"
    there = places(seen["there"])
    w.equal((there[0], there[-1]), ("default/client:eth0 out", "default/db-0:eth0 in"), "from end to end")
    w.true(f"{first}:eth0 out" in there and f"{last}:eth0 in" in there, f"over the underlay: {there}")
    w.equal([s for s in seen["there"] if "VXLAN" in s["summary"]],
            [s for s in seen["there"] if s["place"] in (f"{first}:eth0", f"{last}:eth0")], "wrapped on the underlay only")
    w.equal([s["micros"] for s in seen["there"]], sorted(s["micros"] for s in seen["there"]), "in the order of time")
    back = places(seen["back"])
    w.equal((back[0], back[-1]), ("default/db-0:eth0 out", "default/client:eth0 in"), "and back")
    service = w.labctl("explain", "client", "backend:8080", "--wire").out
    w.matches(service, r"- destination translated to 10\.244\.\d+\.\d+:8080 \(default/backend-")
    w.has(service, "its answer")
    w.labctl("apply", "-f", w.write("policies.yaml", POLICIES))
    denied = w.labctl("explain", "client", "pod:default/db-0:5432", "--wire", status=1).out
    w.matches(denied, r"no answer; it was seen last at node/node-\d:")
    w.true("default/db-0:eth0" not in denied.split("the packet, interface by interface")[1], "it never came")


def traced(answer, place):
    """What the rules of that place did, as the kernel told it, without the ends of chains."""
    steps = next(p["steps"] for p in answer["trace"]["places"] if p["place"] == place)
    return [step for step in steps if step["kind"] != "return"]


@case("explain --wire names every rule that the packet met, as nft's own trace tells it")
def traced_rules(w):
    up(w)
    on = {p["metadata"]["name"]: p["spec"]["nodeName"] for p in w.get("pods")}
    first, last = f"node/{on['client']}", f"node/{on['db-0']}"
    listed = "".join(w.labctl("exec", first, "--", "nft", "-a", "list", "ruleset").out.split())
    answer = w.labctl("explain", "client", "backend:8080", "--wire", "-o", "json").json()
    w.equal(answer["trace"]["problem"], "", "what hinders the trace")
    steps = traced(answer, first)
    chains = [step["chain"] for step in steps]
    w.true("nat-prerouting" in chains and "services" in chains and "masquerading" in chains, f"the chains: {chains}")
    for step in steps:
        if step["kind"] == "rule" and not step["chain"].startswith("service-"):
            end = f"#handle{step['handle']}"
            w.has(listed, "".join(step["rule"].split()) + end, f"handle {step['handle']} is that rule in nft's words")
    chosen = next(step["verdict"] for step in steps if step["verdict"].startswith("goto endpoint-"))
    w.has(chosen, answer["wire"]["backend"].split("/")[0], "the namespace of the endpoint")
    served = {p["metadata"]["name"]: p["status"]["podIP"] for p in w.get("pods")}
    w.has(chosen, f"__{served[answer['wire']['backend'].split('/')[1]]}/8080", "the endpoint that was chosen is the one that answered")
    w.labctl("apply", "-f", w.write("policies.yaml", POLICIES))
    denied = w.labctl("explain", "client", "pod:default/db-0:5432", "--wire", "-o", "json", status=1).json()
    end = traced(denied, last)[-1]
    w.equal((end["verdict"], end["table"]), ("drop", "inet labctl"), "the last rule on the node of db-0")
    w.has(end["comment"], "NetworkPolicy default/db")
    said = w.labctl("explain", "client", "pod:default/db-0:5432", "--wire", status=1).out
    w.matches(said, rf"the rules of {last}, as the kernel traced the packet there")
    w.labctl("set", "proxy-mode", "iptables")
    chains = [step["chain"] for step in traced(w.labctl("explain", "client", "backend:8080", "--wire", "-o", "json",
                                                        status=None).json(), first)]
    w.true("KUBE-SERVICES" in chains and any(c.startswith("KUBE-SEP-") for c in chains), f"of iptables: {chains}")
    w.true("labctl-trace" not in w.labctl("exec", first, "--", "nft", "list", "tables").out, "nothing is left of it")


def balanced(w):
    """The pods behind the demo's Service `backend`: [(name, address)]."""
    ip = up(w)
    return ip, sorted((name, ip[name]) for name in ip if name.startswith("backend"))


@case("deny of a Service needs the drop of every endpoint; one that answers is found, one that is not met is named")
def whole_service(w):
    ip, backends = balanced(w)
    w.true(len(backends) > 1, "the Service has several endpoints")
    service = w.get("service", "backend")[0]
    vip = service["spec"]["clusterIP"]
    checks = w.write("service.yaml", "\n".join([
        "- client -> svc/backend:8080 deny",
        f"- client -> http://{vip}:8080/ deny",
        "- client -> http://backend:8080/ deny", ""]))

    def judge(status):
        return w.labctl("check", checks, "-o", "json", status=status).json()["results"]

    drop(w, f"ip saddr {ip['client']} ip daddr {backends[0][1]} tcp dport 8080")
    for attempt in range(4):  # which endpoint is met first is chance, and must make no difference
        for result in judge(1):
            w.equal(result["verdict"], "fail", f"{attempt}: only one endpoint denies: {result['reason']}")
    undrop(w)
    drop(w, f"ip saddr {ip['client']} ip daddr {{ {', '.join(a for _, a in backends)} }} tcp dport 8080")
    for result in judge(0):
        w.has(result["reason"], f"each of its {len(backends)} endpoints is denied")
    # What keeps a client with one endpoint hides the others.
    service["spec"]["sessionAffinity"] = "ClientIP"
    w.labctl("apply", "-f", w.write("sticky.json", json.dumps(service)))
    for result in judge(3):
        w.matches(result["reason"], r"was not tried: default/backend-|were not tried: default/backend-")


@case("a drop of another process of the pod is not the probe's, though both have one source port")
def foreign(w):
    ip, backends = balanced(w)
    there = backends[0][1]
    # The probe's SYN is dropped without a trace, the other's, of the same port, with one.
    for node in nodes(w):
        nft(w, node, ["add table inet hand; "
                      "add chain inet hand forward { type filter hook forward priority 0; }; "
                      f"add rule inet hand forward ip saddr {ip['client']} ip daddr {ip['db-0']} tcp dport 5432 "
                      "drop; "
                      f"add rule inet hand forward ip saddr {ip['client']} ip daddr {there} tcp dport 8080 "
                      "log group 100 prefix \"foreign\" drop"])
    other = w.start("labctl", "exec", "client", "--", "python3", "-c",
                    "import socket, time\n"
                    "while True:\n"
                    "    s = socket.socket()\n"
                    "    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
                    "    s.bind(('', 45678))\n"
                    "    s.settimeout(0.02)\n"
                    "    try:\n"
                    f"        s.connect(('{there}', 8080))\n"
                    "    except OSError:\n"
                    "        pass\n"
                    "    s.close()\n")
    try:
        w.wait("its drops", lambda: any(item["drop"]["prefix"] == "foreign" for item in
                                        w.labctl("events", "--drops", "-o", "json").json()["items"]))
        request = {"id": "x", "from": "default/client", "sourcePort": 45678, "timeoutMs": 700}
        result = w.probes({**request, "to": f"tcp://{ip['db-0']}:5432"})["x"]
        w.equal(result["outcome"], "timeout", "the probe")
        w.true("drop" not in result, f"nobody has seen its drop, but it says {result.get('drop')}")
    finally:
        other.terminate()
        other.wait()
    own = w.wait("the port", lambda: next(
        (r for r in [w.probes({**request, "to": f"tcp://{there}:8080"})["x"]] if r["outcome"] != "unsupported"), None))
    w.equal(own["drop"]["prefix"], "foreign", "the same rule, of a packet of the probe's own")


ONE_POD = """\
apiVersion: v1
kind: Service
metadata: {name: one}
spec: {selector: {statefulset.kubernetes.io/pod-name: db-0}, ports: [{port: 5432}]}
"""


@case("the drop of a probe is known when NAT has given it another port, as a connection to the Service has its own")
def changed_port(w):
    ip = up(w)
    w.labctl("apply", "-f", w.write("one.yaml", ONE_POD))
    node = {p["metadata"]["name"]: p["spec"]["nodeName"] for p in w.get("pods")}
    w.true(node["client"] != node["db-0"], "they are on different nodes")
    vip = w.get("service", "one")[0]["spec"]["clusterIP"]
    holder = w.start("labctl", "exec", "client", "--", "python3", "-c",
                     "import socket, time\n"
                     "s = socket.socket()\n"
                     "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
                     "s.bind(('', 45679))\n"
                     f"s.connect(('{vip}', 5432))\n"
                     "time.sleep(60)\n")
    try:
        w.wait("its connection", lambda: "45679" in w.labctl("exec", "client", "--", "ss", "-tn", "state", "established").out)
        nft(w, node["db-0"], ["add table inet hand; "
                              "add chain inet hand forward { type filter hook forward priority 0; }; "
                              f"add rule inet hand forward ip saddr {ip['client']} tcp dport 5432 ct state new "
                              "counter log group 100 prefix \"by hand\" drop"])
        result = w.probes({"id": "x", "from": "default/client", "sourcePort": 45679, "timeoutMs": 700,
                           "to": f"tcp://{ip['db-0']}:5432"})["x"]
        w.equal(result["outcome"], "timeout", "the probe")
        w.equal(result.get("drop", {}).get("prefix"), "by hand", f"its drop: {result}")
    finally:
        holder.terminate()
        holder.wait()
