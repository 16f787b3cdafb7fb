"""Real manifests of others, unchanged, on three nodes."""

import re

from harness import case


def bring_up(w, *files):
    arguments = []
    for name in files:
        arguments += ["-f", w.manifests(name)]
    return w.labctl("up", "--name", "real", "--nodes", "3", *arguments)


def assert_running(w, count):
    pods = [p for p in w.get("pods", "-A") if p["metadata"]["namespace"] != "kube-system"]
    w.true(len(pods) >= count, f"{len(pods)} pods, wanted {count} at least")
    waiting = {p["metadata"]["name"]: p["status"]["phase"] for p in pods if p["status"]["phase"] != "Running"}
    w.equal(waiting, {}, "pods that do not run")
    nodes = {p["spec"]["nodeName"] for p in pods}
    w.equal(len(nodes), 3, "nodes that hold pods")
    return pods


def container_ports(pod):
    """(scheme, port) of every port that the built-in workload must serve."""
    for container in pod["spec"]["containers"]:
        for port in container.get("ports", []):
            yield port.get("protocol", "TCP").lower(), port["containerPort"]


def assert_reachable(w, pods):
    """Every pod to every declared port of every other pod, in one list of probes."""
    probes = []
    for source in pods:
        for target in pods:
            for scheme, port in container_ports(target):
                probes.append({
                    "id": f"{source['metadata']['name']} {target['metadata']['name']} {port}",
                    "from": f"default/{source['metadata']['name']}",
                    "to": f"{scheme}://pod:default/{target['metadata']['name']}:{port}"})
    results = w.probes(*probes)
    w.equal(len(results), len(probes), "number of results")
    bad = {name: result["outcome"] for name, result in results.items() if result["outcome"] != "ok"}
    w.equal(bad, {}, "probes without an answer")
    w.notes.append(f"{len(probes)} probes between {len(pods)} pods answered")


@case("Bookinfo comes up on three nodes and every pod reaches every port")
def bookinfo(w):
    bring_up(w, "bookinfo/bookinfo.yaml")
    assert_reachable(w, assert_running(w, 6))


@case("Online Boutique comes up on three nodes and every pod reaches every port")
def online_boutique(w):
    bring_up(w, "online-boutique/kubernetes-manifests.yaml")
    assert_reachable(w, assert_running(w, 12))


@case("kinds that nothing acts on are stored, listed, and reported once")
def stored_kinds(w):
    up = bring_up(w, "bookinfo/bookinfo.yaml", "bookinfo/bookinfo-gateway.yaml",
                  "bookinfo/destination-rule-all.yaml")
    w.matches(up.out + up.err, r"stored, nothing acts on it", "the report of stored kinds")
    listed = w.labctl("get", "destinationrules", "-o", "name").lines()
    w.true(len(listed) >= 4, f"stored objects are listed: {listed}")


@case("a folder of manifests, JSON, standard input and kind: List say the same")
def other_forms(w):
    text = w.manifests("istio-samples/sleep.yaml").read_text()
    w.write("folder/a.yaml", text)
    w.write("folder/ignored.txt", "not: [a manifest")
    w.labctl("up", "--name", "real", "--nodes", "1", "-f", w.folder / "folder")
    objects = [w.labctl("get", kind, "-o", "json").json() for kind in ("deployment", "serviceaccount")]
    names = [[item["metadata"]["name"] for item in found["items"]] for found in objects]
    w.true("sleep" in names[0] and "sleep" in names[1], f"objects of the folder: {names}")
    same = w.labctl("apply", "-f", "-", stdin=text)
    w.true(not re.search(r"(created|configured)", same.out), f"the same input again changes nothing: {same.out}")
