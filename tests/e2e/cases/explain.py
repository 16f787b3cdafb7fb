"""Seeing it: the way of a connection to a Service, and who is remembered."""

from harness import case

SERVICES = """
apiVersion: v1
kind: Service
metadata: {name: front}
spec:
  type: NodePort
  selector: {app: backend}
  ports: [{name: http, port: 80, targetPort: 8080, nodePort: 30080}]
---
apiVersion: v1
kind: Service
metadata: {name: sticky}
spec:
  sessionAffinity: ClientIP
  selector: {app: backend}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: nobody}
spec:
  selector: {app: nobody}
  ports: [{port: 80}]
"""


def explain(w, *arguments, status=0):
    return w.labctl("explain", *arguments, "-o", "json", status=status).json()


def services(w):
    w.labctl("up")
    path = w.folder / "services.yaml"
    path.write_text(SERVICES, encoding="utf-8")
    w.labctl("apply", "-f", path)
    return {s["metadata"]["name"]: s["spec"]["clusterIP"] for s in w.get("services")}


@case("explain names the endpoints that probes reach, the rules with the kernel's handles, and why one is not chosen")
def path(w):
    ip = services(w)
    answer = explain(w, "client", "front:http")
    w.equal(answer["outcome"], "endpoint", "outcome")
    w.equal(answer["to"]["address"], f"{ip['front']}:80", "the address behind the name")
    w.equal(round(sum(b["probability"] for b in answer["branches"]), 6), 1.0, "sum of the probabilities")
    w.equal(explain(w, "client", f"{ip['front']}:80")["branches"], answer["branches"], "by name and by address")
    probe = w.probes({"id": "1", "from": "default/client", "to": f"http://{ip['front']}:80/", "count": 60})["1"]
    w.equal(set(probe["backends"]), {b["pod"] for b in answer["branches"]}, "pods that answered")
    shown = w.labctl("exec", f"node/{answer['node']}", "--", "nft", "-a", "list", "table", "ip", "kube-proxy").out
    steps = answer["hops"][0]["steps"] + answer["branches"][0]["steps"]
    handled = [s for s in steps if "handle" in s]
    w.true(len(handled) >= 3, f"rules with handles: {steps}")
    for step in handled:
        w.matches(shown, rf"# handle {step['handle']}\b", "nft -a")
    first = answer["branches"][0]["pod"].split("/")[1]
    w.labctl("set", first, "ready=false")
    after = explain(w, "client", "front")
    why = {e["pod"]: e.get("why") for e in after["endpoints"] if not e["chosen"]}
    w.equal(why, {f"default/{first}": "not ready"}, "the endpoint that is not chosen")
    w.matches(w.labctl("trace", "client", "front").out, rf"{first} .*not ready", "the text")


@case("explain follows a node port to the node that has it, and ends with 1 where nothing answers, 2 at bad names")
def ends(w):
    services(w)
    nodes = {n["metadata"]["name"]: n["status"]["addresses"][0]["address"] for n in w.get("nodes")}
    answer = explain(w, "external", f"{nodes['node-2']}:30080")
    w.equal((answer["node"], answer["outcome"]), ("node-2", "endpoint"), "the node that translates")
    w.true(all(b["masqueraded"] for b in answer["branches"]), "external traffic is masqueraded")
    w.equal([h["node"] for h in explain(w, "node/node-1", f"{nodes['node-2']}:30080")["hops"]], ["node-1", "node-2"],
            "hops")
    rejected = explain(w, "client", "nobody", status=1)
    w.equal(rejected["outcome"], "reject", "a Service without endpoints")
    w.has(rejected["summary"], "there is no ready endpoint", "the reason")
    w.has(w.labctl("explain", "client", "frnt", status=2).err, "did you mean 'front'?", "a typing error")
    w.has(w.labctl("explain", "client", "front:81", status=2).err, "it has 80/tcp (http)", "a port that is not there")
    w.has(w.labctl("explain", "clint", "front", status=2).err, "did you mean 'client'?", "a pod that is not there")


@case("get affinity lists whom the kernel remembers, and status shows the proxy")
def affinity(w):
    ip = services(w)
    w.equal(w.labctl("get", "affinity", "-o", "json").json()["items"], [], "before the first connection")
    answer = w.probes({"id": "1", "from": "default/client", "to": f"http://{ip['sticky']}:80/", "count": 20})["1"]
    w.equal(len(answer["backends"]), 1, "a sticky client stays")
    told = explain(w, "client", "sticky")
    w.equal(told["remembered"]["pod"], answer["backend"], "explain knows the client")
    w.true("remembered" not in explain(w, "node/node-3", "sticky"), "and that another is new")
    row = w.labctl("get", "affinity", "-A", "-o", "json").json()["items"]
    w.equal(len(row), 1, "clients that are remembered")
    w.equal((row[0]["pod"], row[0]["service"]), (answer["backend"], "default/sticky"), "the client's endpoint")
    w.true(10700 < row[0]["secondsLeft"] <= 10800, f"seconds left: {row}")
    w.has(w.labctl("get", "affinity").out, "sticky", "the table")
    w.matches(w.labctl("status").out, r"proxy +nftables, readable layout, \d+ service ports", "status")


@case("a URL of a Service is explained as its connection where nothing takes URLs apart")
def urls(w):
    services(w)
    answer = explain(w, "client", "http://front/some/path?x=1")
    w.equal((answer["outcome"], answer["service"]), ("endpoint", "default/front:http"), "what it leads to")
    w.has(w.labctl("explain", "client", "http://front/").out, "cluster IP of Service default/front", "the text")
    w.has(explain(w, "client", "http://nobody/", status=1)["summary"], "no pod of default has the labels", "why nobody answers")
    w.labctl("explain", "client", "http://front:81/", status=2)
