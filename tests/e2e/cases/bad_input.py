"""Input that is wrong: exit 2, every problem at once with its place, and nothing applied."""

from harness import case

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {containers: [{name: a, image: x}]}\n"


def refused(w, text, *words, name="bad.yaml", within_s=1.0):
    """`up` with this manifest is bad input, says so soon, and leaves nothing."""
    path = w.write(name, text) if isinstance(text, str) else w.folder / name
    if isinstance(text, bytes):
        path.write_bytes(text)
    run = w.labctl("up", "--name", "bad", "-f", path, status=2)
    # Processor time, so that a busy machine does not fail it; the clock still bounds waiting for nothing.
    w.true(run.cpu_seconds < within_s and run.seconds < 10 * within_s,
           f"refused only after {run.cpu_seconds:.1f} s of processor time, {run.seconds:.1f} s by the clock")
    for word in words:
        w.has(run.err, word, "standard error")
    w.assert_empty()
    w.equal(w.labctl("ls", "-o", "name").out.strip(), "", "labs")
    return run


@case("all problems of an input are reported together with file, line and column")
def all_problems(w):
    run = refused(w, (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: Bad_Name}\nspec: {containers: [{name: a, image: x}]}\n---\n"
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: three\n"
        "  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: other}}\n"
        "    spec: {containers: [{name: a, image: x, ports: [{containerPort: 99999}]}]}\n"),
        "bad.yaml:3:", "bad.yaml:10:", "Bad_Name", "99999")
    w.has(run.err, "name: Bad_Name", "the offending line")


@case("syntax errors, tabs, duplicate keys and invalid UTF-8 are named by their place")
def syntax(w):
    refused(w, "apiVersion: v1\nkind: Pod\nmetadata: {name: a\n", "bad.yaml:")
    refused(w, "apiVersion: v1\nkind: Pod\nmetadata:\n\tname: a\n", "bad.yaml:4:")
    refused(w, POD % "a" + "metadata: {name: b}\n", "bad.yaml:5:")
    refused(w, b"apiVersion: v1\nkind: Pod\nmetadata: {name: \"\xff\xfe\"}\n", "bad.yaml:3:")
    refused(w, POD % "same" + "---\n" + POD % "same", "same")
    w.labctl("up", "--name", "bad", "-f", w.folder / "absent.yaml", status=2)
    w.labctl("up", w.folder / "absent", status=2)
    w.assert_empty()


@case("hostile input is refused within a second and in bounded memory")
def hostile(w):
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    refused(w, bomb)
    refused(w, "[" * 100000 + "]" * 100000)
    refused(w, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: big}\ndata: {a: \"" + "x" * 10_000_000 + "\"}\n")


@case("unknown fields are warnings with a suggestion, and errors with --strict")
def strict(w):
    path = w.write("odd.yaml", (POD % "odd").replace("containers:", "restartPolcy: Never, containers:"))
    lint = w.labctl("lint", path)
    w.has(lint.out + lint.err, "restartPolicy", "the suggestion")
    w.labctl("lint", "--strict", path, status=2)
    w.labctl("up", "--name", "bad", "--strict", "-f", path, status=2)
    w.assert_empty()


@case("an apply that is wrong in one document changes nothing at all")
def all_or_nothing(w):
    w.labctl("up")
    path = w.write("half.yaml", POD % "good" + "---\n" + POD % "Not_Good")
    w.labctl("apply", "-f", path, status=2)
    w.labctl("get", "pod", "good", status=2)
    probes = w.write("probes.json", '{"probes": [{"id": "1", "frm": "default/client", "to": "tcp://10.0.0.1:80"}]}')
    w.has(w.labctl("probe", "--file", probes, "-o", "json", status=2).err, "from", "the suggestion for 'frm'")
    w.labctl("probe", "default/client", "gopher://x", status=2)
    w.labctl("check", w.write("c.yaml", "- client => backend\n"), status=2)


@case("a command line that is not understood says what was not, and what to write instead")
def command_line(w):
    for words, error, hint in (
            ((), "no command", "`labctl up` is the one to start with"),
            (("chekc",), "there is no command 'chekc'", "did you mean 'check'?"),
            (("deplyo",), "there is no command 'deplyo'", "did you mean 'deploy'?"),
            (("xyzzy",), "there is no command 'xyzzy'", "`labctl --help` lists the commands"),
            (("-n", "x", "rollout", "restart", "web"), "there is no command 'rollout'", "`labctl apply -f FILE`"),
            (("port-forward", "svc/web", "80"), "there is no command 'port-forward'", "`labctl exec external -- curl"),
            (("get", "--outptu=json", "pods"), "`labctl get` has no option '--outptu'", "did you mean '--output'?"),
            (("--lib", "x", "get", "pods"), "`labctl get` has no option '--lib'", "did you mean '--lab'?"),
            (("get", "-x", "pods"), "`labctl get` has no option '-x'", "`labctl get --help` shows how it is written"),
            (("ls", "extra"), "`labctl ls` does not know what 'extra' is for", "`labctl ls --help`"),
            (("up", "--nodes", "many"), "`labctl up`: --nodes: Value many not in range 1 to 250", "`labctl up --help`"),
            (("-x",), "`labctl` has no option '-x'", "`labctl --help` shows how it is written")):
        run = w.labctl(*words, status=2)
        w.equal(run.out, "", "standard output")
        lines = run.err.splitlines()
        w.equal((len(lines), lines[0]), (2, f"error: {error}"), "the error")
        w.has(lines[1], f"hint: {hint}", "the hint")
    for words in (("--help",), ("get", "--help"), ("--version",)):
        run = w.labctl(*words)
        w.true(run.out and not run.err, f"{words} prints on standard output")


@case("lint of a lab's folder reads all of it: lab file, manifests and checks, as a list or as objects")
def lint_folder(w):
    demo = w.own_copy(w.stage / "labs" / "demo", "demo")
    w.has(w.labctl("lint", str(demo)).out, "10 objects and 11 assertions are valid, 0 warnings", "the demo")
    (demo / "checks.yaml").write_text("- client -> backend:8080 allow\n- client -> nowhere alow\n")
    w.has(w.labctl("lint", str(demo), status=2).err, "checks.yaml:2:3", "a bad check of a list")
    (demo / "checks.yaml").write_text("- client -> backend:8080 allow\n")
    w.labctl("lint", str(demo))
    manifest = demo / "manifests" / "shop.yaml"
    manifest.write_text(manifest.read_text().replace("replicas: ", "replicas: x", 1))
    w.has(w.labctl("lint", str(demo), status=2).err, "manifests/shop.yaml:", "a bad manifest")


@case("a Namespace may come behind what is in it, and names are enough to delete")
def order(w):
    w.labctl("up")
    path = w.write("late.yaml", """
{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: late}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: late, labels: {team: x}}}
---
{apiVersion: v1, kind: Service, metadata: {name: s, namespace: late}, spec: {ports: [{port: 80}]}}
""")
    w.labctl("apply", "-f", path)
    w.equal(w.get("namespace", "late")[0]["metadata"]["labels"].get("team"), "x", "its own labels")
    w.write("names.yaml", "{apiVersion: v1, kind: Service, metadata: {name: s, namespace: late}}\n")
    w.labctl("delete", "-f", str(w.folder / "names.yaml"))
    w.labctl("get", "service", "s", "-n", "late", status=2)
    w.labctl("get", "configmap", "a", "-n", "late")
