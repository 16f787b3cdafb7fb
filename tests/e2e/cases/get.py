"""`labctl get` as tutorials and scripts of kubectl use it: JSONPath, columns, order and field selectors."""

import json

from control import Control
from harness import case


def names(w, *arguments):
    return [line.split("/")[1] for line in w.labctl("get", *arguments, "-o", "name").lines()]


@case("an address that a script takes with -o jsonpath is one that can be probed")
def jsonpath(w):
    w.labctl("up")
    script = ("IP=$(labctl get pod db-0 -o jsonpath='{.status.podIP}'); PORT=$(labctl get service db -o "
              "jsonpath='{.spec.ports[0].port}'); labctl probe client tcp://$IP:$PORT -o json")
    result = json.loads(w.command("bash", "-euc", script).out)["results"][0]
    w.equal(result["outcome"], "ok", "the probe of the address")
    pods = w.get("pods")
    wanted = "".join(f"{pod['metadata']['name']}\t{pod['status']['podIP']}\n" for pod in pods)
    template = r'{range .items[*]}{.metadata.name}{"\t"}{.status.podIP}{"\n"}{end}'
    w.equal(w.labctl("get", "pods", "-o", f"jsonpath={template}").out, wanted, "a line for each pod")
    (w.folder / "template").write_text(template)
    w.equal(w.labctl("get", "pods", "-o", "jsonpath-file=template").out, wanted, "the template of a file")
    w.equal(w.labctl("get", "pod", "client", "-o=jsonpath=.kind").out, "Pod", "a path without braces, behind -o=")
    ready = '{.items[*].status.conditions[?(@.type=="Ready")].status}'
    w.equal(w.labctl("get", "pods", "-o", "jsonpath=" + ready).out.split(), ["True"] * len(pods), "a filter")
    w.equal(w.labctl("get", "pods", "-o", "jsonpath={.items[*].nothing}").out, "", "what is not there")
    w.equal(w.labctl("get", "nodes", "-o", r"jsonpath={.items[*].metadata.labels.topology\.kubernetes\.io/zone}").out,
            "a b b", "a key with dots")
    label = json.loads(w.labctl("get", "pod", "client", "-o", "jsonpath={.metadata.labels}").out)
    w.equal(label, w.get("pod", "client")[0]["metadata"]["labels"], "a mapping as JSON")
    w.equal(w.labctl("get", "pods", "-o", "jsonpath-as-json={.items[*].metadata.name}").json(),
            [pod["metadata"]["name"] for pod in pods], "values as JSON")


@case("a template that is wrong is bad usage and shows its place, before anything is asked of a lab")
def wrong(w):
    for template, place in (("{.items[*}", "[*}"), ("{.a[?(@.b==Ready)]}", "Ready)]}"), ("{.status", "{.status"),
                            ("{end}", "{end}")):
        failed = w.labctl("get", "pods", "-o", f"jsonpath={template}", status=2)
        _, excerpt, caret = failed.err.splitlines()[:3]
        w.equal(excerpt[caret.index("^"):], place, f"what the caret shows of {template}")
        w.equal(failed.out, "", "standard output")
    for form in ("jsonpath", "jsonpath=", "jsonpath-file=/nowhere", "custom-columns", "custom-columns=NAME",
                 "custom-columns=NAME:.a[", "custom-columns-file=/nowhere", "json=x"):
        w.labctl("get", "pods", "-o", form, status=2)
    unknown = w.labctl("get", "pods", "-o", "go-template={{.kind}}", status=2)
    for form in ("table", "wide", "json", "yaml", "name", "jsonpath=", "jsonpath-file=", "custom-columns=",
                 "custom-columns-file="):
        w.has(unknown.err, form, "the forms that exist")
    w.labctl("up")
    beyond = w.labctl("get", "pods", "-o", "jsonpath={.items[99].kind}", status=2)
    w.has(beyond.err, "out of bounds: the list has 7 elements", "an index beyond the end")


@case("-o custom-columns prints the columns that are asked for, <none> where there is nothing")
def columns(w):
    w.labctl("up")
    table = w.labctl("get", "pods", "-o", "custom-columns=NAME:.metadata.name,IP:status.podIP,X:{.spec.nope}").lines()
    pods = w.get("pods")
    w.equal(table[0].split(), ["NAME", "IP", "X"], "the titles")
    w.equal([line.split() for line in table[1:]],
            [[pod["metadata"]["name"], pod["status"]["podIP"], "<none>"] for pod in pods], "the rows")
    bare = w.labctl("get", "pods", "--no-headers", "-o", "custom-columns=NAME:.metadata.name").lines()
    w.equal(bare, [pod["metadata"]["name"] for pod in pods], "without titles")
    (w.folder / "columns").write_text("NAME   IP   X\n.metadata.name .status.podIP .spec.nope\n")
    w.equal(w.labctl("get", "pods", "-o", "custom-columns-file=columns").lines(), table, "the columns of a file")


@case("--sort-by orders tables and lists by a field, and says when there is none")
def order(w):
    w.labctl("up")
    pods = sorted(w.get("pods", "-A"), key=lambda pod: pod["status"]["podIP"])
    by_address = [pod["metadata"]["name"] for pod in pods]
    w.true(by_address != names(w, "pods", "-A"), "the order by address is not that by name")
    sort = ("-A", "--sort-by=.status.podIP")
    w.equal(names(w, "pods", *sort), by_address, "names")
    w.equal([line.split()[1] for line in w.labctl("get", "pods", *sort, "--no-headers").lines()], by_address, "a table")
    w.equal([pod["metadata"]["name"] for pod in w.get("pods", *sort)], by_address, "JSON")
    w.equal(w.labctl("get", "pods", *sort, "-o", "jsonpath={.items[*].metadata.name}").out.split(), by_address,
            "JSONPath")
    w.equal(names(w, "deployments", "--sort-by={.spec.replicas}"), ["frontend", "backend"], "numbers")
    failed = w.labctl("get", "pods", "--sort-by=.nope", status=2)
    w.has(failed.err, "couldn't find any field with path", "a field that nothing has")
    w.labctl("get", "pods", "--sort-by=.metadata.labels", status=2)
    w.labctl("get", "bgp", "--sort-by=.a", status=2)


@case("--field-selector selects as the API server does, for commands and on the control socket")
def fields(w):
    w.labctl("up")
    here = [pod["metadata"]["name"] for pod in w.get("pods") if pod["spec"]["nodeName"] == "node-2"]
    w.true(0 < len(here) < 7, "some pods run on node-2")
    w.equal(names(w, "pods", "--field-selector", "spec.nodeName=node-2"), here, "pods of a node")
    w.equal(names(w, "pods", "--field-selector=spec.nodeName==node-2,metadata.name!=client"),
            [name for name in here if name != "client"], "two terms")
    address = w.get("pod", "client")[0]["status"]["podIP"]
    w.equal(names(w, "pods", "-A", "--field-selector", f"status.podIP={address}"), ["client"], "an address")
    w.equal(names(w, "pods", "-A", "--field-selector", "status.phase!=Running"), [], "pods that do not run")
    w.equal(names(w, "nodes", "--field-selector", "metadata.name=node-3"), ["node-3"], "a node by name")
    events = w.get("events", "--field-selector", "involvedObject.kind=Pod,involvedObject.name=client,type=Normal")
    w.true(events and all(event["involvedObject"]["name"] == "client" for event in events), "events of one pod")
    refused = w.labctl("get", "pods", "--field-selector", "spec.foo=1", status=2)
    w.has(refused.err, "field label not supported: spec.foo", "the API server's words")
    w.labctl("get", "pod", "client", "--field-selector", "metadata.name=client", status=2)
    control = Control(w)
    status, body = control.ask("/api/v1/namespaces/default/pods", fieldSelector="spec.nodeName=node-2")
    w.equal((status, [item["metadata"]["name"] for item in body["items"]]), (200, here), "the control socket")
    status, body = control.ask("/apis/apps/v1/deployments", fieldSelector="status.phase=Running")
    w.equal((status, body["reason"], body["message"]),
            (400, "BadRequest", "field label not supported: status.phase"), "a refusal on the control socket")
    control.close()
    w.labctl("delete", "pods", "--field-selector", "metadata.name=client")
    w.true("client" not in names(w, "pods"), "the pod that was deleted by a field")
    w.equal(len(names(w, "pods")), 6, "the other pods")


@case("a watch with a selector tells of what begins and what ceases to match")
def watching(w):
    w.labctl("up")
    watch = w.start("labctl", "get", "pods", "-w", "-o", "json", "-l", "tier=edge", "--field-selector",
                    "metadata.name=client")
    shown = w.start("labctl", "get", "pods", "-w", "-l", "tier=edge", "-o", r'jsonpath={.metadata.name}{"\n"}')
    try:
        def line_of(change):
            """The line of the watch that a change of the pod's labels makes."""
            w.labctl("label", "pod", "client", change, "--overwrite")
            return json.loads(watch.stdout.readline())
        begun = line_of("tier=edge")
        w.equal((begun["type"], begun["object"]["metadata"]["name"]), ("ADDED", "client"), "it begins to match")
        w.equal(shown.stdout.readline().decode(), "client\n", "a watch through a template")
        w.labctl("label", "pod", "db-0", "tier=edge")
        ended = line_of("tier-")
        w.equal((ended["type"], ended["object"]["metadata"]["labels"]["tier"]), ("DELETED", "edge"), "it ceases to")
    finally:
        for process in (watch, shown):
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()
