"""Checks as users write them: what is proven, what an expectation means, and what is wrong with a file."""

from harness import case

FRONTEND_ONLY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-frontend}
spec:
  podSelector: {matchLabels: {app: backend}}
  ingress: [{from: [{podSelector: {matchLabels: {app: frontend}}}]}]
---
apiVersion: v1
kind: Service
metadata: {name: headless}
spec: {clusterIP: None, selector: {app: backend}, ports: [{port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: datagrams}
spec: {selector: {app: backend}, ports: [{name: udp, protocol: UDP, port: 53, targetPort: 9090}]}
"""


def judged(w, text, status=0):
    """The results of `check` of that file."""
    return w.labctl("check", w.write("judged.yaml", text), "-o", "json", status=status).json()["results"]


@case("the denial of a Service is proven alone, by the endpoint that the drop names, in every mode of kube-proxy")
def denied_service(w):
    for mode in ("nftables", "iptables", "ipvs"):
        w.labctl("up", "--proxy-mode", mode)
        w.labctl("apply", "-f", w.write("policy.yaml", FRONTEND_ONLY))
        address = w.get("service", "backend")["spec"]["clusterIP"]
        for target in ("tcp://backend:8080", "http://backend:8080/", "svc/backend:8080", f"tcp://{address}:8080",
                       "tcp://headless:8080", "udp://datagrams:53", "svc/datagrams:udp"):
            for more in ("", ", for: 300ms"):
                line = (f'- {{from: client, to: "{target}", expect: deny, '
                        f'by: networkpolicy/default/allow-frontend{more}}}\n')
                result, = judged(w, line)
                w.equal(result["verdict"], "pass", f"{mode}: {line}")
                w.true(any(piece["control"] and piece["verdict"] == "pass" for piece in result["evidence"]),
                       f"{mode}, {target}: the evidence has a control that was answered")
        # Nothing listens behind this door: it is dropped all the same, and that is no proof.
        w.labctl("apply", "-f", w.write("deaf.yaml", FRONTEND_ONLY.replace("9090", "9999")))
        result, = judged(w, '- {from: client, to: "udp://datagrams:53", expect: deny}\n', status=3)
        w.matches(result["reason"], r"nothing shows that default/backend-\S+ listens there", mode)
        w.labctl("down")


NODE_PORT = """\
apiVersion: v1
kind: Service
metadata: {name: door}
spec: {type: NodePort, selector: {app: backend}, ports: [{port: 8080, nodePort: 30999}]}
"""


@case("sourceIP: node is any address of a node, as external clients, pods and nodes are seen behind a node port")
def masqueraded_source(w):
    for profile in ("bridge", "calico"):
        w.labctl("up", "--cni", profile)
        w.labctl("apply", "-f", w.write("door.yaml", NODE_PORT))
        nodes = [n["status"]["addresses"][0]["address"] for n in w.get("nodes")]
        lines = "".join(f'- {{from: {source}, to: "http://{node}:30999/", expect: {{sourceIP: node}}, count: 9}}\n'
                        for source in ("external", "client", "node/node-1") for node in nodes)
        for result in judged(w, lines):
            w.equal(result["verdict"], "pass", f"{profile}: {result['title']}: {result['reason']}")
        result, = judged(w, '- {from: frontend, to: "backend:8080/http", expect: {sourceIP: node}}\n', status=1)
        w.matches(result["reason"], r"saw it come from 10\.244\.\d+\.\d+, which is no node's address", profile)
        w.labctl("down")
