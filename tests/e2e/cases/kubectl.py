"""kubectl as a client of a lab, and the API that it speaks."""

import http.client
import json
import pathlib
import shutil
import signal
import urllib.parse

from control import Control
from harness import Skip, case

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: web, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
PODS = "/api/v1/namespaces/default/pods"


def need_kubectl():
    if shutil.which("kubectl") is None:
        raise Skip("there is no kubectl on this host")


def kubectl(w, *arguments, **options):
    return w.labctl("kubectl", *arguments, **options)


@case("kubectl reads: get with the columns of the lab, wide, watch, describe, logs, events")
def reads(w):
    need_kubectl()
    w.labctl("up")

    def columns(text):
        return [line.split()[:4] for line in text.splitlines()]
    w.equal(columns(kubectl(w, "get", "pods").out), columns(w.labctl("get", "pods").out), "the listing of pods")
    wide = kubectl(w, "get", "svc", "-o", "wide").out
    w.has(wide, "ENDPOINTS", "columns of -o wide")
    w.has(kubectl(w, "get", "pods", "-A").out, "kube-system", "pods of all namespaces")
    w.has(kubectl(w, "get", "all").out, "statefulset.apps/db", "get all")
    w.equal(kubectl(w, "get", "pod", "db-0", "-o", "jsonpath={.status.podIP}").out,
            w.get("pod", "db-0")[0]["status"]["podIP"], "a field")
    w.has(kubectl(w, "describe", "pod", "db-0").out, "Successfully assigned default/db-0", "the events of a pod")
    w.labctl("probe", "client", "http://backend:8080", "--count", "9")
    w.has(kubectl(w, "logs", "-l", "app=backend").out, "GET / 200", "what backends served")
    w.has(kubectl(w, "get", "pods", "-n", "monitoring").out, "agent-", "another namespace")
    w.equal(kubectl(w, "get", "pod", "nobody", status=1).err.strip(), 'Error from server (NotFound): pods "nobody" not found',
            "what is not there")


@case("kubectl writes: apply, diff, patch, set, scale, label, create, expose, delete, and packets follow")
def writes(w):
    need_kubectl()
    w.labctl("up")
    web = w.write("web.yaml", WEB)
    w.equal(kubectl(w, "diff", "-f", web, status=1).out.count("+kind:"), 2, "what would come")
    w.labctl("get", "deploy", "web", status=2)  # diff has changed nothing
    w.equal(kubectl(w, "apply", "-f", web).lines(), ["deployment.apps/web created", "service/web created"], "apply")
    w.labctl("probe", "client", "http://web")
    w.equal(kubectl(w, "apply", "-f", web).lines(), ["deployment.apps/web unchanged", "service/web unchanged"], "again")
    kubectl(w, "diff", "-f", web)
    more = w.write("web.yaml", WEB.replace("replicas: 2", "replicas: 3").replace("image: web", "image: web:2"))
    kubectl(w, "apply", "-f", more)
    kubectl(w, "rollout", "status", "deploy/web", "--timeout=10s")
    w.equal({p["spec"]["containers"][0]["image"] for p in w.get("pods", "-l", "app=web")}, {"web:2"}, "images")
    kubectl(w, "set", "env", "deploy/web", "A=b")
    kubectl(w, "set", "image", "deploy/web", "main=web:3")
    container = w.get("deploy", "web")[0]["spec"]["template"]["spec"]["containers"][0]
    w.equal((container["image"], container["env"], container["ports"][0]["containerPort"]),
            ("web:3", [{"name": "A", "value": "b"}], 80), "what strategic patches have left")
    kubectl(w, "patch", "svc", "web", "-p", '{"spec":{"ports":[{"port":80,"name":"http"}]}}')
    w.equal(w.get("svc", "web")[0]["spec"]["ports"][0]["targetPort"], 80, "the rest of a port that was patched")
    kubectl(w, "patch", "svc", "web", "--type=json", "-p", '[{"op":"remove","path":"/spec/selector"}]')
    w.equal(w.get("svc", "web")[0]["spec"].get("selector"), None, "what a JSON patch removes")
    kubectl(w, "scale", "deploy", "web", "--replicas=1")
    kubectl(w, "label", "pods", "--all", "seen=yes")
    w.equal(len(w.get("pods", "-l", "seen=yes")), len(w.get("pods")), "labelled pods")
    kubectl(w, "delete", "pod", "client", "--dry-run=server")
    w.equal(len(w.get("pod", "client")), 1, "a pod whose deletion was only tried")
    kubectl(w, "create", "deployment", "made", "--image=web", "--port=8080", "--replicas=2")
    kubectl(w, "expose", "deployment", "made", "--port=80", "--target-port=8080")
    kubectl(w, "wait", "--for=condition=Ready", "pod", "-l", "app=made", "--timeout=10s")
    w.equal(w.labctl("probe", "client", "http://made", "-o", "json").json()["results"][0]["outcome"], "ok", "made")
    kubectl(w, "create", "namespace", "team")
    kubectl(w, "create", "configmap", "settings", "--from-literal=a=b", "-n", "team")
    w.equal(w.get("cm", "settings", "-n", "team")[0]["data"], {"a": "b"}, "a ConfigMap")
    kubectl(w, "delete", "-f", more)
    w.labctl("get", "deploy", "web", status=2)


@case("kubectl is told what is wrong, and nothing changes")
def refused(w):
    need_kubectl()
    w.labctl("up")
    wrong = w.write("wrong.yaml", WEB.replace("port: 80}", "port: 800000}"))
    w.has(kubectl(w, "apply", "-f", wrong, status=1).err, "spec.ports[0].port: Invalid value: 800000", "a value")
    unknown = w.write("unknown.yaml", WEB.replace("replicas: 2", "replica: 2"))
    w.has(kubectl(w, "apply", "-f", unknown, status=1).err, "spec.replica: unknown field", "a field that is none")
    w.labctl("get", "deploy", "web", "-o", "name", status=0)  # of the first file, whose Deployment was fine
    w.has(kubectl(w, "create", "priorityclass", "p", "--value=1", status=1).err, "could not find", "a kind that labs have not")
    w.equal(kubectl(w, "get", "nonsense", status=1).err.strip(), 'error: the server doesn\'t have a resource type "nonsense"',
            "a kind that nobody has")
    run = w.command(w.stage / "bin" / "labctl", "kubectl", "get", "pods", status=2, env={"PATH": "/nowhere"})
    w.has(run.err, "there is no kubectl on this host", "a host without kubectl")
    w.labctl("down")
    w.has(kubectl(w, "get", "pods", status=2).err, "no lab is up", "without a lab")


@case("proxy serves who knows its key and nobody else, leaves nothing behind, and ends with the lab")
def proxy(w):
    w.labctl("up")

    def start():
        process = w.start("labctl", "proxy")
        config = process.stdout.readline().decode().strip().removeprefix("export KUBECONFIG=")
        with open(config, encoding="utf-8") as file:
            return process, config, urllib.parse.urlparse(json.load(file)["clusters"][0]["cluster"]["server"])

    def ask(url, path):
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (http.client.BadStatusLine, ConnectionError):
            return "closed"
        finally:
            connection.close()

    process, config, url = start()
    w.equal(url.hostname, "127.0.0.1", "where it listens")
    w.equal(ask(url, url.path + "/api/v1/pods"), 200, "with the key")
    for path in ("/api/v1/pods", "/~" + "0" * 32 + "/api/v1/pods", url.path[:-1] + "/api", "/"):
        w.equal(ask(url, path), "closed", f"{path} without the key")
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=5)
    for _ in range(3):  # one connection for several requests
        connection.request("GET", url.path + "/api/v1/nodes")
        w.equal(len(json.loads(connection.getresponse().read())["items"]), 3, "nodes")
    connection.close()
    process.send_signal(signal.SIGINT)
    w.equal(process.wait(timeout=10), 130, "the status of an interrupted proxy")
    w.true(not pathlib.Path(config).exists(), "the kubeconfig is gone")
    w.equal(ask(url, url.path + "/api/v1/pods"), "closed", "afterwards")
    process, config, url = start()
    w.labctl("down")
    w.equal(process.wait(timeout=10), 0, "the status of a proxy whose lab has ended")
    w.true(not pathlib.Path(config).exists(), "the kubeconfig is gone with the lab")


@case("the API prints tables, takes patches of each kind, and changes nothing in a dry run")
def api(w):
    w.labctl("up")
    lab = Control(w)
    lab.request("GET", PODS, headers={"Accept": TABLE})
    table = json.loads(lab.getresponse().read())
    w.equal((table["kind"], [c["name"] for c in table["columnDefinitions"]][:5]),
            ("Table", ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]), "the form of a table")
    w.equal([row["cells"][0] for row in table["rows"]], [p["metadata"]["name"] for p in w.get("pods")], "its rows")
    svc = "/api/v1/namespaces/default/services/backend"
    ports = w.get("svc", "backend")[0]["spec"]["ports"]
    w.equal(len(ports), 2, "ports of the demo's backend")

    def patch(kind, body, **parameters):
        lab.request("PATCH", svc + "?" + urllib.parse.urlencode(parameters), json.dumps(body), {"Content-Type": kind})
        answer = lab.getresponse()
        return answer.status, json.loads(answer.read())

    one = {"spec": {"ports": [{"port": ports[0]["port"], "targetPort": 9999}]}}
    status, body = patch("application/strategic-merge-patch+json", one, dryRun="All")
    w.equal((status, [p["targetPort"] for p in body["spec"]["ports"]]), (200, [9999, ports[1]["targetPort"]]), "a dry run")
    w.equal(w.get("svc", "backend")[0]["spec"]["ports"], ports, "the Service after it")
    w.equal(patch("application/strategic-merge-patch+json", one)[0], 200, "a strategic patch")
    w.equal(len(w.get("svc", "backend")[0]["spec"]["ports"]), 2, "ports after a strategic patch")
    w.equal(patch("application/merge-patch+json", one)[0], 200, "a merge patch")
    w.equal(len(w.get("svc", "backend")[0]["spec"]["ports"]), 1, "ports after a merge patch")
    w.equal(patch("application/json-patch+json", [{"op": "test", "path": "/spec/type", "value": "X"}])[0], 422, "a test")
    w.equal(patch("text/plain", {})[0], 415, "no form of a patch")
    w.equal(patch("application/merge-patch+json", {"spec": {"colour": 1}}, fieldValidation="Strict")[0], 422, "a field")
    w.equal(patch("application/merge-patch+json", {}, dryRun="Some")[0], 400, "a dry run of another kind")
