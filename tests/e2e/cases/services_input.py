"""Services that are wrong: exit 2, the place in the file where it is known, and nothing half applied."""

from harness import case
from services_lab import bring_up, deployment, service

PORTS = "selector: {app: web}, ports: [{port: 80}]"


def refused(w, spec, *words):
    """`apply` of a good Service and this one is bad input that says `words`, and the good one is not there either."""
    path = w.write("bad.yaml", service("good", PORTS) + "---\n" + service("bad", spec))
    run = w.labctl("apply", "-f", path, status=2)
    for word in words:
        w.has(run.err, word, f"what is said of {spec!r}")
    for name in ("good", "bad"):
        w.labctl("get", "service", name, status=2)


@case("what a Service asks for and cannot have is named, and nothing is applied")
def cannot_have(w):
    bring_up(w, deployment("web", 1), service("first", "type: NodePort, clusterIP: 10.96.0.100, selector: {app: web}, "
                                              "ports: [{port: 80, nodePort: 30080}]"))
    before = w.labctl("exec", "node/node-1", "--", "nft", "list", "ruleset").out
    refused(w, "clusterIP: 10.96.0.100, " + PORTS, "bad", "10.96.0.100", "already allocated")
    refused(w, "clusterIP: 192.0.2.1, " + PORTS, "bad", "192.0.2.1")
    refused(w, "type: NodePort, selector: {app: web}, ports: [{port: 80, nodePort: 30080}]", "bad", "30080",
            "already allocated")
    refused(w, "type: NodePort, selector: {app: web}, ports: [{port: 80, nodePort: 80}]", "bad", "80", "30000-32767")
    refused(w, "ipFamilyPolicy: RequireDualStack, " + PORTS, "bad", "RequireDualStack")
    w.equal(w.labctl("exec", "node/node-1", "--", "nft", "list", "ruleset").out, before, "the rules of a node")
    # What is fixed once it is set.
    changed = w.write("changed.yaml", service("first", "clusterIP: 10.96.0.101, " + PORTS))
    w.has(w.labctl("apply", "-f", changed, status=2).err, "may not change once set", "a changed cluster address")


@case("fields that cannot be are reported all at once, each with file, line and column")
def places(w):
    bring_up(w, deployment("web", 1))
    path = w.write("wrong.yaml", (
        "apiVersion: v1\nkind: Service\nmetadata: {name: one}\nspec:\n"
        "  externalTrafficPolicy: Nearby\n  internalTrafficPolicy: Both\n  sessionAffinity: Cookie\n"
        "  ports:\n  - {port: 80}\n  - {port: 70000}\n---\n"
        "apiVersion: v1\nkind: Service\nmetadata: {name: two}\nspec:\n  type: ExternalName\n  externalName: UPPER_case\n"))
    run = w.labctl("apply", "-f", path, status=2)
    for place in ("wrong.yaml:5:", "wrong.yaml:6:", "wrong.yaml:7:", "wrong.yaml:10:", "wrong.yaml:17:"):
        w.has(run.err, place, "the places")
    w.equal(len(w.get("services")), 1, "Services: only that of the API server")


@case("an `up` whose Services clash is bad input and leaves nothing")
def clash_at_start(w):
    path = w.write("clash.yaml", service("one", "clusterIP: 10.96.0.100, " + PORTS) + "---\n"
                   + service("two", "clusterIP: 10.96.0.100, " + PORTS))
    run = w.labctl("up", "--name", "services", "--nodes", "1", "-f", path, status=2)
    w.has(run.err, "10.96.0.100", "standard error")
    w.assert_empty()
    w.equal(w.labctl("ls", "-o", "name").out.strip(), "", "labs")
