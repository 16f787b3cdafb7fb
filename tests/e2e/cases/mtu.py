"""The largest packet that a path takes: asked for, asserted, and set wrong."""

from harness import case

CHECKS = """
apiVersion: labctl.dev/v1
kind: Check
metadata: {name: mtu}
spec:
  assertions:
    - {from: client, to: db-0 icmp, expect: {mtu: 1450}}
    - {from: client, to: db-0 icmp, expect: {mtu: 1400}}
    - {from: client, to: db-0 icmp, expect: {mtu: 1500}}
"""

WRONG = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: wrong}
spec:
  cni: {mtu: 1500}
"""


@case("the MTU of a path is what a probe of that size and a check find, with and without a tunnel")
def measured(w):
    w.labctl("up")
    on = {p["metadata"]["name"]: p["spec"]["nodeName"] for p in w.get("pods")}
    w.true(on["client"] != on["db-0"], "they are on different nodes")
    whole = w.probe("default/client", "icmp://pod:default/db-0", "--size", "1450")
    w.equal(whole["outcome"], "ok", "as large as the path takes")
    more = w.probe("default/client", "icmp://pod:default/db-0", "--size", "1451")
    w.equal(more["outcome"], "unreachable", "a byte more")
    w.has(more["error"], "the packet is too large, the path takes 1450 bytes")
    results = w.labctl("check", w.write("checks.yaml", CHECKS), "-o", "json", status=1).json()["results"]
    w.equal([r["verdict"] for r in results], ["pass", "fail", "fail"], "verdicts")
    w.has(results[1]["reason"], "a packet of 1401 bytes came through, too")
    w.has(results[2]["reason"], "a packet of 1500 bytes did not come through")
    w.labctl("probe", "client", "tcp://pod:default/db-0:5432", "--size", "1450", status=2)


@case("pods whose MTU was set too large send what the tunnel cannot carry, and the node on the way says so")
def wrong(w):
    w.labctl("up", w.write("wrong.yaml", WRONG), "-f", w.write("pods.yaml", "\n---\n".join(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {nodeName: %s, containers: [{name: c, image: x}]}"
        % pair for pair in (("a", "node-1"), ("b", "node-2"), ("c", "node-1")))))
    w.has(w.labctl("exec", "a", "--", "ip", "link", "show", "eth0").out, "mtu 1500")
    near = w.probe("default/a", "icmp://pod:default/c", "--size", "1500")
    w.equal(near["outcome"], "ok", "on the same node there is no tunnel")
    far = w.probe("default/a", "icmp://pod:default/b", "--size", "1500")
    w.equal(far["outcome"], "unreachable", "through the tunnel")
    w.has(far["error"], "the path takes 1450 bytes")
