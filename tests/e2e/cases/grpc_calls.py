"""gRPC: what the built-in workload answers to real clients, probes and checks of it, and readiness probes."""

import shutil
import subprocess

from harness import Skip, case

LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: grpc}
spec:
  nodes: 2
  images:
    - {match: "web:*", run: ["/usr/bin/python3", "-m", "http.server", "8000"]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart}
spec:
  replicas: 2
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      containers:
      - name: c
        image: cart
        ports: [{name: grpc, containerPort: 7070}]
        readinessProbe: {grpc: {port: 7070}}
---
apiVersion: v1
kind: Service
metadata: {name: cart}
spec: {selector: {app: cart}, ports: [{name: grpc, port: 7070}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {containers: [{name: c, image: curl}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: c, image: "web:1", ports: [{containerPort: 8000}]}]}
"""

DEAF = """apiVersion: v1
kind: Pod
metadata: {name: deaf}
spec:
  containers:
  - name: c
    image: cart
    ports: [{containerPort: 7070}]
    readinessProbe: {grpc: {port: 9090, service: liveness}}
"""

CHECKS = """
- client -> cart:7070/grpc allow
- client -> cart:7070 SERVING
- client -> grpc://cart:7070/shop.Cart/AddItem OK
- client -> grpc://cart:7070/status/RESOURCE_EXHAUSTED RESOURCE_EXHAUSTED,UNAVAILABLE
- {from: client, to: "cart:grpc/grpc", path: /shop.Cart/AddItem, expect: {grpc: OK, headers: {x-backend: "default/cart-*"}}}
- {from: client, to: "grpc://cart:7070/status/UNAVAILABLE:0.3,OK:0.7", count: 50, expect: {grpc: [OK, UNAVAILABLE]}}
- client -> grpc://cart:7070/status/UNAVAILABLE OK
- client -> grpc://cart:7070 NOT_SERVING
"""

POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: nobody}
spec: {podSelector: {matchLabels: {app: cart}}, policyTypes: [Ingress]}
"""

CLIENT = """
import grpc, json, sys

channel = grpc.insecure_channel(sys.argv[1])
as_is = {"request_serializer": bytes, "response_deserializer": bytes}
seen = {}
answer, call = channel.unary_unary("/shop.Cart/AddItem", **as_is).with_call(
    b"\\x0a\\x01u", timeout=5, metadata=(("x-user", "j"),))
metadata = dict(call.initial_metadata())
seen["call"] = [list(answer), call.code().name, metadata["x-backend"], metadata["x-client-ip"]]
seen["health"] = list(channel.unary_unary("/grpc.health.v1.Health/Check", **as_is)(b"", timeout=5))
seen["stream"] = [list(one) for one in channel.stream_stream("/shop.Cart/Chat", **as_is)(iter([b"1", b"2"]), timeout=5)]
for path, body, more in (("/status/PERMISSION_DENIED", b"", {}), ("/grpc.health.v1.Health/Watch", b"", {}),
                         ("/delay/3", b"", {"timeout": 0.2}), ("/a.B/C", bytes(2000000), {}),
                         ("/a.B/C", b"x" * 100, {"compression": grpc.Compression.Gzip})):
    try:
        channel.unary_unary(path, **as_is)(body, **{"timeout": 5, **more})
        seen[path] = "OK"
    except grpc.RpcError as error:
        seen[path + (" gzip" if "compression" in more else "")] = error.code().name
print(json.dumps(seen))
"""


def cart_pods(w):
    return {"default/" + pod["metadata"]["name"] for pod in w.get("pods", "-l", "app=cart")}


@case("labctl probe and check speak gRPC: health, statuses, metadata, time-outs, and servers that speak none")
def probes(w):
    w.labctl("up", w.write("lab.yaml", LAB))
    address = w.get("pod", "client")[0]["status"]["podIP"]
    result = w.probe("default/client", "grpc://cart:7070")
    w.equal(result["grpc"], {"status": 0, "statusName": "OK", "message": "", "health": "SERVING"}, "the health")
    w.true(result["backend"] in cart_pods(w), f"a backend: {result['backend']}")
    w.equal(result["clientIP"], address, "who asked")
    w.has(w.labctl("probe", "client", "grpc://cart:7070").out, "gRPC OK, SERVING", "for people")
    many = w.probe("default/client", "grpc://cart:grpc/shop.Cart/AddItem", "--count", "60", "-H", "x-user: j")
    w.equal(set(many["backends"]), cart_pods(w), "all backends")
    w.equal(many["grpcStatuses"], {"OK": 60}, "their statuses")
    denied = w.probe("default/client", "grpc://cart:7070/status/PERMISSION_DENIED")
    w.equal((denied["outcome"], denied["grpc"]["status"], denied["grpc"]["statusName"]),
            ("ok", 7, "PERMISSION_DENIED"), "an answer is an answer")
    slow = w.probe("default/client", "grpc://cart:7070/delay/5", "--timeout", "200ms")
    w.equal(slow["outcome"], "timeout", "a server that is slow")
    row = w.probes({"id": "row", "from": "default/client", "to": "grpc://cart:7070/a.B/C", "count": 30,
                    "concurrency": 3, "reuseConnection": True, "samples": True})["row"]
    w.equal(len(row["samples"]), 30, "every call of a connection that is used again")
    w.equal({one["grpc"]["statusName"] for one in row["samples"]}, {"OK"}, "their statuses")

    web = w.wait("the other server", lambda: next(
        (r for r in [w.probe("default/client", "grpc://pod:default/web:8000")] if r["outcome"] == "reset"), None))
    w.has(web["error"], "gRPC needs HTTP/2, and the server answered", "what speaks no HTTP/2")
    w.equal(w.probe("default/client", "grpc://pod:default/client:7070")["outcome"], "refused", "nobody there")
    w.has(w.labctl("probe", "client", "grpc://cart:7070/AddItem", status=2).err, "/package.Service/Method", "no method")
    w.has(w.labctl("probe", "client", "grpc://cart", status=2).err, "no port", "no port")
    w.has(w.labctl("probe", "client", "grpc://cart:1", "-X", "PUT", status=2).err, "is a POST", "another method")

    report = w.labctl("check", w.write("checks.yaml", CHECKS), status=1).out
    w.has(report, "the status of gRPC was UNAVAILABLE", "why one fails")
    w.has(report, "the status of gRPC was OK (SERVING)", "why another fails")
    w.has(report, "6 passed, 2 failed", "the others")
    wrong = w.labctl("check", w.write("wrong.yaml", "- client -> cart:7070 PERMISION_DENIED\n"), status=2).err
    w.has(wrong, "did you mean 'PERMISSION_DENIED'?", "a slip")
    w.has(w.labctl("explain", "client", "grpc://cart:7070/shop.Cart/AddItem").out, "cluster IP of Service default/cart:grpc",
          "its way")
    w.has(w.labctl("logs", sorted(cart_pods(w))[0].split("/")[1]).out, "gRPC /shop.Cart/AddItem OK", "the access log")

    w.labctl("apply", "-f", w.write("policy.yaml", POLICY))
    drop = w.probe("default/client", "grpc://cart:7070")
    w.equal((drop["outcome"], drop["drop"]["by"]), ("timeout", "networkpolicy/default/nobody"), "a policy")
    w.labctl("check", w.write("deny.yaml", "- client -> cart:7070/grpc deny by networkpolicy/default/nobody\n"))


@case("a readiness probe of gRPC needs a port that is served, and NOT_SERVING is what a pod says that is not ready")
def readiness(w):
    w.labctl("up", w.write("lab.yaml", LAB))
    w.labctl("apply", "-f", w.write("deaf.yaml", DEAF))

    def ready(pod):
        conditions = w.get("pod", pod)[0]["status"]["conditions"]
        return next(one["status"] for one in conditions if one["type"] == "Ready")
    w.equal(ready("deaf"), "False", "whose probe asks where nobody listens")
    w.has(w.labctl("describe", "pod", "deaf").out, "port 9090", "why")
    w.has(w.labctl("describe", "pod", "deaf").out, "grpc <pod>:9090 liveness", "the probe")
    cart = sorted(cart_pods(w))[0].split("/")[1]
    w.equal(ready(cart), "True", "whose probe is answered")
    probe = w.get("pod", cart)[0]["spec"]["containers"][0]["readinessProbe"]
    w.equal(probe["grpc"], {"port": 7070, "service": ""}, "as the API server completes it")
    w.labctl("set", f"pod/{cart}", "ready=false")
    w.wait("NOT_SERVING", lambda: w.probe("default/client", f"grpc://pod:default/{cart}:7070")["grpc"]["health"]
           == "NOT_SERVING")


@case("real clients of gRPC and HTTP/2 call the built-in workload")
def real_clients(w):
    w.labctl("up", w.write("lab.yaml", LAB))
    if subprocess.run(["/usr/bin/python3", "-c", "import grpc"], capture_output=True, check=False).returncode != 0:
        raise Skip("no python3-grpcio; ci/setup test installs it")
    w.write("client.py", CLIENT)
    seen = w.labctl("exec", "client", "--", "/usr/bin/python3", w.folder / "client.py", "cart:7070").json()
    body, code, backend, client = seen.pop("call")
    w.equal((body, code, client), ([], "OK", w.get("pod", "client")[0]["status"]["podIP"]), "a call")
    w.true(backend in cart_pods(w), f"who answered: {backend}")
    w.equal(seen, {"health": [8, 1], "stream": [[]], "/status/PERMISSION_DENIED": "PERMISSION_DENIED",
                   "/grpc.health.v1.Health/Watch": "UNIMPLEMENTED", "/delay/3": "DEADLINE_EXCEEDED",
                   "/a.B/C": "RESOURCE_EXHAUSTED", "/a.B/C gzip": "UNIMPLEMENTED"}, "what came of the others")

    w.write("empty", "\0\0\0\0\0")
    answer = w.labctl("exec", "client", "--", "curl", "-s", "--http2-prior-knowledge", "-D", "-", "-H",
                      "content-type: application/grpc", "--data-binary", f"@{w.folder}/empty", "http://cart:7070/a.B/C").out
    w.has(answer, "HTTP/2 200", "curl")
    w.has(answer, "grpc-status: 0", "its trailers")
    if shutil.which("nghttp") is None:
        raise Skip("no nghttp2-client; ci/setup test installs it")
    frames = w.labctl("exec", "client", "--", "nghttp", "-nv", "-H:method: POST", "-Hcontent-type: application/grpc",
                      "-d", w.folder / "empty", "http://cart:7070/status/UNAVAILABLE").out
    w.has(frames, "grpc-status: 14", "nghttp")
    w.equal(frames.count("recv DATA"), 0, "trailers alone")


@case("every gRPC service of Online Boutique answers a call of its own, and says that it is serving")
def online_boutique(w):
    w.labctl("up", "--name", "shop", "--nodes", "3", "-f", w.manifests("online-boutique/kubernetes-manifests.yaml"))
    ports = {one["metadata"]["name"]: one["spec"]["ports"][0]["port"] for one in w.get("services")
             if one["spec"]["ports"][0].get("name") == "grpc"}
    w.true(len(ports) >= 7, f"services of gRPC: {ports}")
    asked = [{"id": f"{name}{path}", "from": "default/deployment/frontend", "to": f"grpc://{name}:{port}{path}"}
             for name, port in ports.items() for path in ("", "/hipstershop.Service/Method")]
    for name, result in w.probes(*asked, status=0).items():
        w.equal(result["grpc"]["statusName"], "OK", name)
        w.has(result["backend"], name.split("/")[0], "who answers")
        w.equal(result["grpc"].get("health"), None if "/" in name else "SERVING", f"the health of {name}")
