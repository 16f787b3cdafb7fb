"""Each profile by each of its overlays with the nodes in two zones, which routers and a slow link join."""

from cases import profiles
from harness import case

LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: zones}
spec:
  nodes: [{name: node-1, zone: a}, {name: node-2, zone: b}]
  podCIDR: 10.244.0.0/16,fd00:10:244::/56
  cni: {profile: PROFILE, overlay: OVERLAY}
  dns: {enabled: false}
  underlay:
    cidr: [172.18.0.0/16, "fd00:172:18::/48"]
    switches: [a, b]
    routers: [edge-a, edge-b]
    links:
      - {endpoints: [edge-a, a]}
      - {endpoints: [edge-b, b]}
      - {endpoints: [edge-a, edge-b], rate: 200mbit}
      - {endpoints: [node-1, a]}
      - {endpoints: [node-2, b]}
"""

WIRINGS = (*profiles.WIRINGS, ("bridge", "vxlan"), ("cilium", "vxlan"), ("cilium", "none"))
USERSPACE = (("cilium", "geneve"), ("weave", "sleeve"))  # behind /dev/net/tun, which is the administrator's to give


def check_zones(w, profile, overlay):
    """From one zone to the other, in both families; returns what was seen."""
    text = LAB.replace("PROFILE", profile).replace("OVERLAY", overlay)
    w.labctl("up", "-f", w.write("zones.yaml", "---".join((text, profiles.PODS, profiles.SERVICE))))
    what = f"{profile} by {overlay}"
    w.equal(w.labctl("plan").out, "", f"drift of {what}")
    pods = profiles.pod_addresses(w)
    service = next(s for s in w.get("services") if s["metadata"]["name"] == "web")["spec"]["clusterIPs"]
    addresses = {node["metadata"]["name"]: [entry["address"] for entry in node["status"]["addresses"]
                                            if entry["type"] == "InternalIP"] for node in w.get("nodes")}
    mtu = int(w.labctl("exec", "client", "--", "cat", "/sys/class/net/eth0/mtu").out)
    probes = []
    for family in (0, 1):
        far, label = pods["far"][family], "46"[family]
        probes += [
            {"id": f"pod{label}", "from": "default/client", "to": profiles.url("http", far, 8080)},
            {"id": f"service{label}", "from": "default/client", "to": profiles.url("http", service[family], 80), "count": 8},
            {"id": f"external{label}", "from": "external", "to": profiles.url("tcp", addresses["node-2"][family], 30080)},
            {"id": f"mtu{label}", "from": "default/client", "to": profiles.url("icmp", far), "size": mtu},
            {"id": f"above{label}", "from": "default/client", "to": profiles.url("icmp", far), "size": mtu + 1}]
    found = w.probes(*({**probe, "timeoutMs": 3000} for probe in probes))
    for name, result in found.items():
        if name.startswith("above"):
            w.true(result["outcome"] != "ok", f"more than the MTU by {what}: {result}")
        else:
            w.equal(result["outcome"], "ok", f"{name} by {what}: {result}")
        if name.startswith("pod"):
            w.equal(result["clientIP"], pods["client"][int(name == "pod6")], f"the client's address by {what}")
    answered = {backend for result in found.values() for backend in result.get("backends", ())}
    w.equal(answered, profiles.SERVERS, f"who answered by {what}")
    told = w.labctl("explain", "default/client", "pod:default/far:8080").out
    w.matches(told, r"router/edge-a[\s\S]*router/edge-b", f"the routers on the way by {what}")
    w.labctl("down")


@case("nodes in two zones: pods, Services and outside by every profile and overlay, in both families", limit_s=180)
def every_overlay(w):
    for wiring in WIRINGS:
        check_zones(w, *wiring)


@case("nodes in two zones: the same by the tunnels in userspace", modes=("root",), limit_s=90)
def userspace(w):
    for wiring in USERSPACE:
        check_zones(w, *wiring)
