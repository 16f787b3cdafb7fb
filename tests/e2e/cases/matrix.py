"""The truth table of a whole lab by packets."""

from harness import case
from cases import evidence


def flows(document):
    return {(f["from"], f["to"], f["protocol"], f["port"]): f for f in document["flows"]}


@case("matrix --wire probes every pod against every port of the others, and proves what is denied")
def wire(w):
    ip = evidence.up(w)
    evidence.drop(w, f"ip saddr {ip['client']} ip daddr {ip['db-0']}")
    document = w.labctl("matrix", "--wire", "-o", "json").json()
    table = flows(document)
    pods = [p["metadata"]["name"] for p in w.get("pods")]
    backends = [name for name in pods if name.startswith("backend")]
    frontends = [name for name in pods if name.startswith("frontend")]
    # TCP of frontend, TCP and UDP of backend, TCP of db, each from every other pod.
    w.equal(len(table), (len(pods) - 1) * (len(frontends) + 2 * len(backends) + 1), "number of flows")
    denied = [key for key, flow in table.items() if flow["wire"] == "denied"]
    w.equal(denied, [("default/client", "default/db-0", "TCP", 5432)], "what is denied")
    w.equal(table[denied[0]]["drop"]["prefix"], "by hand", "its proof")
    w.equal(document["summary"], {"allowed": len(table) - 1, "denied": 1, "unknown": 0}, "summary")
    grid = w.labctl("matrix", "--wire", "--port", "5432/tcp").out
    w.matches(grid, r"^TCP 5432$", "the grid")
    w.matches(grid, r"^client +.*X", "the row of client")


@case("a flow that is neither answered nor seen to be dropped is unknown, and the status says so")
def unknown(w):
    ip = evidence.up(w)
    evidence.drop(w, f"ip saddr {ip['client']} ip daddr {ip['db-0']}", log=False)
    document = w.labctl("matrix", "--wire", "--port", "5432", "-o", "json", status=3).json()
    table = flows(document)
    w.equal(table["default/client", "default/db-0", "TCP", 5432]["wire"], "unknown", "the silent flow")
    w.equal(document["summary"]["unknown"], 1, "how many")
    # A port where nobody listens is reached all the same: it refuses.
    w.equal(table["default/db-0", "default/client", "TCP", 5432]["wire"], "allowed", "a refusal")


@case("bad input of matrix is refused")
def bad_input(w):
    evidence.up(w)
    for port in ("0", "http", "80/sctp", "70000"):
        w.has(w.labctl("matrix", "--wire", "--port", port, status=2).err, "is not a port")
    w.has(w.labctl("matrix", "--wire", "-n", "kube-public", status=2).err, "no two pods")
