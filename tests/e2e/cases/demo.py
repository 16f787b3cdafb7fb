"""The built-in demo: the first minutes of every user."""

from harness import case


def table_rows(run):
    return [line.split() for line in run.lines() if line.strip()]


@case("`up` without arguments brings a three-node lab up, proves nothing by accident, and `down` ends it")
def life(w):
    up = w.labctl("up")
    w.has(up.out, "client", "the table of what is up")
    w.matches(up.out + up.err, r"labctl \w+", "one suggested next command")
    w.equal(w.labctl("ls", "-o", "name").lines(), ["demo"], "labs")
    nodes = w.get("nodes")
    w.equal([n["metadata"]["name"] for n in nodes], ["node-1", "node-2", "node-3"], "nodes")
    w.equal(nodes[1]["metadata"]["labels"]["topology.kubernetes.io/zone"], "b", "zone of node-2")
    w.equal(nodes[0]["spec"]["podCIDR"], "10.244.1.0/24", "pod range of node-1")
    pods = w.get("pods", "-A")
    w.equal(len(pods), 12, "number of pods, two of them coredns")
    for pod in pods:
        w.equal(pod["status"]["phase"], "Running", f"phase of {pod['metadata']['name']}")
    addresses = {pod["status"]["podIP"] for pod in pods}
    w.equal(len(addresses), 12, "distinct pod addresses")
    w.equal(w.labctl("down").status, 0, "down")
    w.assert_empty()
    w.labctl("down")


@case("the demo's checks pass, and so does the network model")
def checks(w):
    w.labctl("up")
    w.labctl("check")
    report = w.labctl("check", "-o", "json").json()
    w.equal(report["schemaVersion"], 1, "schemaVersion")
    w.labctl("check", "--network-model")


@case("a check that fails exits 1 and says why; one that selects nothing is never a pass")
def failing_checks(w):
    w.labctl("up")
    wrong = w.write("wrong.yaml", "- client -> backend:81 allow\n")
    failed = w.labctl("check", wrong, status=1)
    w.has(failed.out + failed.err, "refused", "the reason")
    nobody = w.write("nobody.yaml", "- nobody -> backend:8080 allow\n")
    w.labctl("check", nobody, status=(1, 2, 3))
    empty = w.write("empty.yaml", "[]\n")
    w.labctl("check", empty, status=(2, 3))


@case("every report format is well formed")
def reports(w):
    w.labctl("up")
    junit, tap = w.folder / "r.xml", w.folder / "r.tap"
    w.labctl("check", "--report", f"junit={junit}", "--report", f"tap={tap}")
    w.command("xmllint", "--noout", junit)
    lines = tap.read_text().splitlines()
    w.true(any(line.startswith("1..") for line in lines), "a TAP plan line")
    w.equal([line for line in lines if line.startswith("not ok")], [], "failed TAP lines")
    github = w.labctl("check", "-o", "github")
    w.true("::error" not in github.out, "no error annotation when all pass")
    wrong = w.write("wrong.yaml", "- client -> backend:81 allow\n")
    annotated = w.labctl("check", wrong, "-o", "github", status=1)
    w.matches(annotated.out, r"^::error file=.*wrong\.yaml,line=1", "the annotation")


@case("status, events, describe, graph and get in every format answer")
def looking(w):
    w.labctl("up")
    for command in (["status"], ["events"], ["describe", "pod", "client"], ["describe", "node", "node-1"],
                    ["describe", "deployment", "frontend"], ["get", "all"], ["get", "pods", "-o", "wide"],
                    ["get", "pods", "-o", "yaml"], ["get", "svc"], ["get", "deploy,sts,ds", "-A"], ["logs", "client"]):
        run = w.labctl(*command)
        if command[0] != "logs":
            w.true(run.out.strip(), f"labctl {' '.join(command)} prints nothing")
    w.has(w.labctl("get", "pods", "-o", "wide").out, "NODE", "the wide table")
    w.equal(w.labctl("get", "pod", "client", "-o", "name").out.strip(), "pod/client", "-o name")
    w.equal(len(w.get("pods", "-l", "app=backend")), 3, "pods with a label")
    labelled = w.labctl("get", "pods", "-A", "-o", "wide", "-l", "app=backend", "-L", "app,tier", "--show-labels").lines()
    w.matches(labelled[0], r"^NAMESPACE +NAME .* READINESS GATES +APP +TIER +LABELS$", "titles")
    w.matches(labelled[1], r" backend +app=backend,pod-template-hash=\w+$", "labels of a pod")
    w.matches(w.labctl("get", "svc", "kubernetes", "--show-labels").out, r"component=apiserver,provider=kubernetes\n",
              "labels of a Service")
    for kind in ("nodes", "endpointslices", "events", "deployments", "labs", "all"):
        w.has(w.labctl("get", kind, "--show-labels").out, " LABELS\n", f"labels of {kind}")
    w.equal(len(w.labctl("get", "nodes", "--no-headers").lines()), 3, "lines without titles")
    w.has(w.labctl("get", "pods", "--show-labels", "-o", "json", status=2).err, "--show-labels", "no labels there")
    w.has(w.labctl("get", "affinity", "-L", "app", status=2).err, "no objects", "no labels there")
    for drawing, mark in (("ascii", "node-1"), ("mermaid", "graph"), ("dot", "graph"), ("svg", "<svg")):
        w.has(w.labctl("graph", "-o", drawing).out, mark, f"the {drawing} drawing")
    w.labctl("get", "pod", "nobody", status=2)


@case("the tools of a node show what a production node shows")
def kernel_objects(w):
    w.labctl("up")
    link = w.labctl("exec", "node/node-1", "--", "ip", "-d", "link", "show", "vxlan1").out
    w.matches(link, r"vxlan id 1 .*dstport 4789.*nolearning|nolearning", "vxlan1")
    w.has(link, "mtu 1450", "vxlan1")
    fdb = w.labctl("exec", "node/node-1", "--", "bridge", "fdb", "show", "dev", "vxlan1").out
    w.equal(len([line for line in fdb.splitlines() if " dst 172.18.0." in line]), 2, "remote tunnel ends")
    routes = w.labctl("exec", "node/node-1", "--", "ip", "route").out
    w.matches(routes, r"^10\.244\.2\.0/24 via 10\.244\.2\.0 dev vxlan1 onlink", "the routes of node-1")
    rules = w.labctl("exec", "node/node-1", "--", "nft", "list", "ruleset").out
    w.has(rules, "masquerade", "the rules of node-1")
    inside = w.labctl("exec", "client", "--", "ip", "-4", "-o", "addr", "show", "dev", "eth0").out
    address = w.get("pod", "client")[0]["status"]["podIP"]
    w.has(inside, f"{address}/", "the pod's own view of its address")


@case("`labctl up` of a lab that runs is refused or changes nothing, and a bad name is bad usage")
def again(w):
    w.labctl("up")
    first = w.get("pods")
    second = w.labctl("up", status=None)
    w.true(second.status in (0, 2), f"status of a second up: {second.status}")
    w.equal([p["metadata"]["uid"] for p in w.get("pods")], [p["metadata"]["uid"] for p in first], "pods' uids")
    w.labctl("up", "--name", "No_Good", status=2)
    w.labctl("up", "--nodes", "0", status=2)
    w.labctl("frobnicate", status=2)
    w.labctl("get", "frobs", status=2)
    w.labctl("--lab", "gone", "get", "pods", status=2)


@case("--dry-run and `plan` print operations, need no lab, and change nothing")
def before_acting(w):
    dry = w.labctl("up", "--dry-run")
    w.has(dry.out, "vxlan1", "the plan")
    w.assert_empty()
    w.equal(w.labctl("ls", "-o", "name").out.strip(), "", "labs after a dry run")
    again_dry = w.labctl("up", "--dry-run")
    w.equal(again_dry.out, dry.out, "a second plan of the same lab")
    w.labctl("up")
    drift = w.labctl("plan")
    w.true("add" not in drift.out, "a plan right after `up` is empty")


@case("the default directories work without any environment", modes=("root",))
def default_directories(w):
    w.command("mount", "-t", "tmpfs", "tmpfs", "/run")
    w.command("mount", "-t", "tmpfs", "tmpfs", "/var/lib")
    plain = {"LABCTL_RUN_DIR": None, "LABCTL_STATE_DIR": None, "LABCTL_NETNS_DIR": None}
    w.mounts_before = open("/proc/self/mounts", encoding="utf-8").read()
    w.labctl("up", env=plain)
    names = w.command("ip", "netns", "list").out
    w.has(names, "demo.node-1", "ip netns list")
    shown = w.command("ip", "netns", "exec", "demo.node-2", "ip", "-o", "link", "show", "cni0").out
    w.has(shown, "cni0", "ip netns exec")
    w.labctl("down", env=plain)
    w.assert_empty()
    w.equal(w.command("sh", "-c", "ls -A /run/labctl /run/netns /var/lib/labctl 2>/dev/null | grep -v : || true").out
            .strip(), "", "files under the default directories")
