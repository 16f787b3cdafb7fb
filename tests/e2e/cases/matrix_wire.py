"""The truth table of a whole lab by packets, beside what the policies say."""

from cases import evidence
from harness import case

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: default}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
    - from: [{podSelector: {matchLabels: {app: backend}}}]
      ports: [{port: 5432}]
"""


def table(document):
    return {(c["from"], c["to"], c["protocol"], c["port"]): c for c in document["cells"]}


def policy(w):
    w.labctl("apply", "-f", w.write("policy.yaml", POLICY))


def denied(document):
    return sorted(key for key, cell in table(document).items() if cell["wire"] == "deny")


@case("matrix --wire probes every pod against every declared port, and proves what is denied")
def wire(w):
    ip = evidence.up(w)
    evidence.drop(w, f"ip saddr {ip['client']} ip daddr {ip['db-0']} tcp dport 5432")
    document = w.labctl("matrix", "--wire", "-n", "default", "-o", "json").json()
    pods = [p["metadata"]["name"] for p in w.get("pods")]
    ports = sum(len(c.get("ports", [])) for p in w.get("pods") for c in p["spec"]["containers"])
    w.equal(len(document["cells"]), len(pods) * ports, "every pod to every port")
    w.equal(denied(document), [("default/client", "default/db-0", "TCP", 5432)], "what is denied")
    w.equal(table(document)[denied(document)[0]]["drop"]["prefix"], "by hand", "its proof")
    w.equal(document["summary"]["unknown"], 0, "unknown")
    grid = w.labctl("matrix", "--wire", "-n", "default", "--port", "5432").out
    w.matches(grid, r"5432/TCP", "the grid")
    w.matches(grid, r"default/client .*X", "the row of client")


@case("a flow that is neither answered nor seen to be dropped is unknown, and the status says so")
def unknown(w):
    ip = evidence.up(w)
    evidence.drop(w, f"ip saddr {ip['client']} ip daddr {ip['db-0']} tcp dport 5432", log=False)
    document = w.labctl("matrix", "--wire", "-n", "default", "--port", "5432", "-o", "json", status=3).json()
    w.equal(table(document)["default/client", "default/db-0", "TCP", 5432]["wire"], "unknown", "the silent flow")
    w.equal(document["summary"]["unknown"], 1, "how many")
    # A port where nobody listens is reached all the same: it refuses.
    w.equal(table(document)["default/db-0", "default/client", "TCP", 5432]["wire"], "allow", "a refusal")


@case("matrix --both agrees with the policies, and names each pair when a rule is wrong in either direction")
def both(w):
    ip = evidence.up(w)
    policy(w)
    document = w.labctl("matrix", "--both", "-n", "default", "-o", "json").json()
    w.equal(document["summary"]["differ"], 0, "differences")
    w.true(len(denied(document)) >= 2, "client and frontends are denied")
    for key in denied(document):
        cell = table(document)[key]
        w.equal((key[1], cell["model"]), ("default/db-0", "deny"), "a denied one")
        w.equal(cell["drop"]["by"], "networkpolicy/default/db", "whose rule it was")
        w.has(cell["text"], "by NetworkPolicy default/db")
    # Somebody drops more than the policies say ...
    evidence.drop(w, f"ip saddr {ip['client']} tcp dport 8080")
    said = w.labctl("matrix", "--both", "-n", "default", status=1).out
    w.matches(said, r"^default/client -> default/frontend-\S+ 8080/TCP: the policies allow it .*, "
                    r"but on the wire: dropped on node-\d by the rule that logs 'by hand'$", "the pair")
    evidence.undrop(w)
    # ... and somebody opens what they deny.
    for node in evidence.nodes(w):
        evidence.nft(w, node, ["flush table inet labctl"])
    said = w.labctl("matrix", "--both", "-n", "default", status=1).out
    w.matches(said, r"^default/client -> default/db-0 5432/TCP: the policies deny it \(.*default/db.*\), "
                    r"but on the wire: answered", "the pair")


@case("bad input of matrix is refused")
def bad_input(w):
    evidence.up(w)
    for port in ("0", "http", "70000"):
        w.labctl("matrix", "--wire", "--port", port, status=2)
    w.has(w.labctl("matrix", "--wire", "-f", w.write("p.yaml", POLICY), status=2).err, "a lab that runs")
