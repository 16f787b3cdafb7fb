"""Checks as users write them: what is proven, what an expectation means, and what is wrong with a file."""

from harness import case

from .proxy_modes import has_ipvs

FRONTEND_ONLY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-frontend}
spec:
  podSelector: {matchLabels: {app: backend}}
  ingress: [{from: [{podSelector: {matchLabels: {app: frontend}}}]}]
---
apiVersion: v1
kind: Service
metadata: {name: headless}
spec: {clusterIP: None, selector: {app: backend}, ports: [{port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: datagrams}
spec: {selector: {app: backend}, ports: [{name: udp, protocol: UDP, port: 53, targetPort: 9090}]}
"""


def judged(w, text, status=0):
    """The results of `check` of that file."""
    return w.labctl("check", w.write("judged.yaml", text), "-o", "json", status=status).json()["results"]


@case("the denial of a Service is proven alone, by the endpoint that the drop names, in every mode of kube-proxy")
def denied_service(w):
    for mode in ("nftables", "iptables", *(["ipvs"] if has_ipvs(w) else [])):
        w.labctl("up", "--proxy-mode", mode)
        w.labctl("apply", "-f", w.write("policy.yaml", FRONTEND_ONLY))
        address = w.get("service", "backend")[0]["spec"]["clusterIP"]
        for target in ("tcp://backend:8080", "http://backend:8080/", "svc/backend:8080", f"tcp://{address}:8080",
                       "tcp://headless:8080", "udp://datagrams:53", "svc/datagrams:udp"):
            for more in ("", ", for: 300ms"):
                line = (f'- {{from: client, to: "{target}", expect: deny, '
                        f'by: networkpolicy/default/allow-frontend{more}}}\n')
                result, = judged(w, line)
                w.equal(result["verdict"], "pass", f"{mode}: {line}")
                w.true(any(piece["control"] and piece["verdict"] == "pass" for piece in result["evidence"]),
                       f"{mode}, {target}: the evidence has a control that was answered")
        # Nothing listens behind this door: it is dropped all the same, and that is no proof.
        w.labctl("apply", "-f", w.write("deaf.yaml", FRONTEND_ONLY.replace("9090", "9999")))
        result, = judged(w, '- {from: client, to: "udp://datagrams:53", expect: deny}\n', status=3)
        w.matches(result["reason"], r"nothing shows that default/backend-\S+ listens there", mode)
        w.labctl("down")


NODE_PORT = """\
apiVersion: v1
kind: Service
metadata: {name: door}
spec: {type: NodePort, selector: {app: backend}, ports: [{port: 8080, nodePort: 30999}]}
"""


@case("sourceIP: node is any address of a node, as external clients, pods and nodes are seen behind a node port")
def masqueraded_source(w):
    for profile in ("bridge", "calico"):
        w.labctl("up", "--cni", profile)
        w.labctl("apply", "-f", w.write("door.yaml", NODE_PORT))
        nodes = [n["status"]["addresses"][0]["address"] for n in w.get("nodes")]
        lines = "".join(f'- {{from: {source}, to: "http://{node}:30999/", expect: {{sourceIP: node}}, count: 9}}\n'
                        for source in ("external", "client", "node/node-1") for node in nodes)
        for result in judged(w, lines):
            w.equal(result["verdict"], "pass", f"{profile}: {result['title']}: {result['reason']}")
        result, = judged(w, '- {from: frontend, to: "backend:8080/http", expect: {sourceIP: node}}\n', status=1)
        w.matches(result["reason"], r"saw it come from 10\.244\.\d+\.\d+, which is no node's address", profile)
        w.labctl("down")


BAD = """\
- {from: client, to: "http://backend:8080/", expect: {backend: ""}}
- from: client
  to: "http://backend:8080/"
  expect:
    headers: {}
    peerIdentity: ""
  timeout: 11m
- {from: client, to: "http://backend:8080/", expect: {verdict: allow, outcome: refused}}
- {from: client, to: "tcp://backend:8080", expect: deny, by: networkpolicy/p1}
- client -> backend:8080 alow
- {from: client, to: "https://shop.lab/", expect: allow, ca: "", via: ""}
- client -> backend:* SERVING
- Client -> Tcp://backend Deny within soon
"""
PLACES = ((1, 55, "'backend' is empty"), (5, 5, "'headers' is empty"), (6, 5, "'peerIdentity' is empty"),
          (7, 3, "'timeout' must be from 1ms to 10m"), (8, 55, "'verdict' is another name for 'outcome'"),
          (9, 58, "is in a namespace"), (10, 3, "did you mean 'allow'?"),
          (11, 58, "'ca' is empty"), (11, 66, "'via' is empty"), (12, 3, "name the port: backend:PORT/grpc"),
          (13, 3, "'C' cannot be in it"), (13, 3, "did you mean 'tcp'?"), (13, 3, "did you mean 'deny'?"),
          (13, 3, "'within' is 'soon'"))


@case("all that is wrong with a file of checks is told at once, each at its place, by check and by lint")
def all_at_their_place(w):
    w.labctl("up")
    path = w.write("bad.yaml", BAD)
    for command in ("check", "lint"):
        told = w.labctl(command, path, status=2).err
        for line, column, part in PLACES:
            w.matches(told, rf"bad\.yaml:{line}:{column}: .*{part}", f"{command}: {part}")
    result, = judged(w, '- {from: client, to: "dns://backend?type=AAAA", expect: {answers: []}}\n')
    w.equal(result["expected"], "no answers", "what is expected of a name without such records")
    result, = judged(w, '- {from: client, to: "dns://backend", expect: {answers: []}}\n', status=1)
    w.matches(result["reason"], r"the answers were 10\.96\.", "an answer where none may be")


OWN = """\
# a comment, so that lines differ
- client -> backend:8080 allow
- name: wrong
  from: client
  to: backend:8080
  expect: refused
"""
AS_OBJECT = """\
apiVersion: labctl.dev/v1
kind: Check
metadata: {name: mine}
spec:
  tagz: [x]
  assertions:
    - client -> backend:8080 refused
"""


@case("checks of the lab itself know their file and line; lint and --strict see what is misspelt around them, -q too")
def own_checks(w):
    folder = w.own_copy(w.stage / "labs" / "demo")
    (folder / "checks.yaml").write_text(OWN)
    w.labctl("up", str(folder))
    report = w.labctl("check", "-o", "json", status=1).json()["results"]
    w.equal([(r["file"], r["line"]) for r in report], [(str(folder / "checks.yaml"), line) for line in (2, 3)], "places")
    w.matches(w.labctl("check", "-o", "github", status=1).out, r"^::error file=\S+checks\.yaml,line=3,title=wrong", "github")
    mine = w.write("mine.yaml", AS_OBJECT)
    for words in (("apply", "-f", mine), ("apply", "-q", "-f", mine), ("lint", mine), ("lint", "-q", mine)):
        w.matches(w.labctl(*words).err, r"mine\.yaml:5:3: warning: .*tagz", " ".join(map(str, words)))
    w.matches(w.labctl("check", "-q", mine, status=1).err, r"mine\.yaml:5:3: warning: .*tagz", "check")
    w.matches(w.labctl("check", "--strict", mine, status=2).err, r"mine\.yaml:5:3: error: .*tagz", "check --strict")
    both = w.write("both.yaml", AS_OBJECT.replace("8080 refused", "8080 refusd"))
    for command in ("check", "lint"):
        told = w.labctl(command, "--strict", both, status=2).err
        w.matches(told, r"both\.yaml:5:3: error: .*tagz", f"{command}: the file")
        w.matches(told, r"both\.yaml:7:7: error: 'refusd'", f"{command}: the assertion in it")
    lines = [r["line"] for r in w.labctl("check", "-o", "json", status=1).json()["results"] if "mine" in str(r["file"])]
    w.equal(lines, [7], "the place in what was applied")
    w.has(w.labctl("lint", str(folder / "checks.yaml")).out, "0 objects and 2 assertions are valid", "lint of a list")
    w.has(w.labctl("check", "--report", "junit=/nonexist/x", status=2).err, "cannot be written", "a report to nowhere")


@case("the duration of an assertion is its own, beside one that waits for its time-out")
def own_durations(w):
    w.labctl("up")
    quick, slow = judged(w, '- client -> backend:8080 allow\n'
                            '- {from: client, to: "tcp://10.96.99.99:80", expect: timeout, timeout: 900ms, name: slow}\n', status=None)
    w.true(quick["durationMs"] < 500 < slow["durationMs"], f"{quick['durationMs']} and {slow['durationMs']} ms")


@case("a mode of kube-proxy and what becomes of connections that are spelt wrong are told with their place")
def lab_words(w):
    text = "apiVersion: labctl.dev/v1\nkind: Lab\nmetadata: {name: x}\nspec:\n  proxy: {mode: nftable}\n  policy: {established: kep}\n"
    told = w.labctl("up", w.write("lab.yaml", text), status=2).err
    for place, near in (("5:17", "nftables"), ("6:25", "keep")):
        w.matches(told, rf"lab\.yaml:{place}: error: .*Unsupported value", near)
        w.has(told, f"did you mean '{near}'?")
