"""What labctl says about policies without sending a packet: lint, diff and matrix, from files and from a lab."""

from harness import case

SHOP = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop}
"""

DEPLOYMENT = """\
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec: {containers: [{name: c, image: x, ports: [{containerPort: PORT}]}]}
"""

POLICY = """\
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from:
    - podSelector: {matchLabels: {app: web}}
    ports:
    - port: 5432
"""


def deployment(name, port):
    return DEPLOYMENT.replace("NAME", name).replace("PORT", str(port))


SHOP += deployment("web", 80) + deployment("db", 5432) + deployment("other", 80)


@case("lint names what is hardly meant with file, line and column, and --strict makes it count")
def lint(w):
    good = w.write("good.yaml", SHOP + POLICY)
    w.has(w.labctl("lint", "--strict", good).out, "5 objects are valid, 0 warnings", "a good policy")
    wrong = w.write("wrong.yaml", SHOP + POLICY.replace("{app: db}", "{app: bd}").replace("5432", "5433"))
    run = w.labctl("lint", wrong)
    line = (SHOP + POLICY).splitlines().index("  podSelector: {matchLabels: {app: db}}") + 1
    w.has(run.err, f"wrong.yaml:{line}:3: warning: NetworkPolicy shop/db: spec.podSelector: selects nothing", "lint")
    w.has(run.err, "hint: ", "lint")
    w.has(run.out, "1 warnings", "the count")
    w.labctl("lint", "--strict", wrong, status=2)
    w.has(w.labctl("validate", wrong).err, "selects nothing", "the alias")
    bad = w.write("bad.yaml", SHOP + POLICY.replace("port: 5432", "port: 5432\n      endPort: 1"))
    w.matches(w.labctl("lint", bad, status=2).err, r"bad\.yaml:\d+:\d+: error: .*endPort: Invalid value: 1")


@case("diff lists each flow whose verdict changes, with who decides, and its status says whether there is one")
def diff(w):
    old = w.write("old.yaml", SHOP)
    new = w.write("new.yaml", SHOP + POLICY)
    w.has(w.labctl("diff", new, new).out, "0 of ", "the same twice")
    run = w.labctl("diff", old, new, status=1)
    w.has(run.out, "- shop/deployment/other -> shop/deployment/db 5432/TCP", "diff")
    w.has(run.out, "isolated by NetworkPolicy shop/db (", "diff")
    w.true("shop/deployment/web ->" not in run.out, "what stays is not listed")
    changes = w.labctl("diff", old, new, "-o", "json", status=1).json()["changes"]
    other = [c for c in changes if c["from"] == "shop/deployment/other"]
    w.equal(len(other), 1, "changes of the workload other")
    w.equal((other[0]["before"]["verdict"], other[0]["after"]["verdict"]), ("allowed", "denied"), "the verdicts")
    w.equal(other[0]["after"]["ingress"]["policy"], "NetworkPolicy shop/db", "who decides")
    w.labctl("diff", old, "missing.yaml", status=2)


@case("matrix draws who reaches whom from files without a lab, and says why")
def matrix_of_files(w):
    path = w.write("lab.yaml", SHOP + POLICY)
    run = w.labctl("matrix", "--model", "-f", path, "--workloads")
    w.has(run.out, "5432/TCP\n", "the title")
    rows = {line.split()[1]: line for line in run.out.split("5432/TCP")[1].splitlines() if line.startswith("| shop/")}
    w.has(rows["shop/deployment/web"], " . ", "web reaches db")
    w.has(rows["shop/deployment/other"], " X ", "other does not")
    w.has(w.labctl("matrix", "-f", path, "-o", "wide").out,
          "isolated by NetworkPolicy shop/db (", "the reason")
    cells = w.labctl("matrix", "-f", path, "--workloads", "--port", "81", "-o", "json").json()["cells"]
    denied = {(c["from"].split("/")[2], c["to"].split("/")[2]) for c in cells if c["model"] == "deny"}
    w.equal(denied, {("web", "db"), ("other", "db")}, "denied on another port")
    w.labctl("matrix", "-f", path, "-n", "nowhere", status=3)
    w.labctl("matrix", "-f", path, "--port", "x", status=2)


@case("matrix answers for the running lab too, and admin policies are listed and described")
def matrix_of_lab(w):
    path = w.write("lab.yaml", SHOP + POLICY)
    w.labctl("up", "--name", "policy", "--nodes", "2", "-f", path)
    admin = w.write("admin.yaml", """\
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: stop}
spec:
  tier: Admin
  priority: 3
  subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: shop}}}
  ingress:
  - {name: no-web, action: Deny, from: [{namespaces: {}}]}
""")
    cells = w.labctl("matrix", "--workloads", "--port", "5432", "-o", "json").json()["cells"]
    w.equal({c["from"]: c["model"] for c in cells if c["to"].endswith("/db")}["shop/deployment/web"], "allow", "before")
    w.labctl("apply", "-f", admin)
    w.matches(w.labctl("get", "cnp").out, r"NAME +TIER +PRIORITY +AGE\nstop +Admin +3 ")
    w.has(w.labctl("describe", "cnp", "stop").out, "no-web", "describe")
    cells = w.labctl("matrix", "--workloads", "--port", "5432", "-o", "json").json()["cells"]
    cell = [c for c in cells if c["from"] == "shop/deployment/web" and c["to"].endswith("/db")][0]
    w.equal((cell["model"], cell["ingress"]["ruleName"]), ("deny", "no-web"), "after")
    w.labctl("down")
