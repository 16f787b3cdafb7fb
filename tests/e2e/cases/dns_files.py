"""What a Corefile reads besides itself, and a forward that leads back to where it came from."""

import json

from harness import case

LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: files}
spec: {nodes: 1, dns: {replicas: 1}}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {containers: [{name: c, image: "client:1"}]}
"""

COREFILE = """.:53 {
    errors
    ready
    kubernetes cluster.local
    %s
}
"""

ZONE = """$TTL 60
@ IN SOA ns hostmaster 1 7200 1800 86400 60
www IN A 192.0.2.80
"""


def up(w):
    w.labctl("up", w.write("files.yaml", LAB))


def short(w, *words, **more):
    text = w.labctl("exec", "client", "--", "dig", "+short", "+tries=1", "+time=3", *words, **more).out
    return sorted(text.split("\n")[:-1])


def put(w, corefile, **keys):
    w.labctl("apply", "-f", w.write("corefile.json", json.dumps({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "coredns", "namespace": "kube-system"},
        "data": {"Corefile": corefile, **keys}})))


def mount(w, *keys):
    """As one edits the Deployment in a cluster: the volume names the keys that it mounts."""
    deployment = w.get("deployment", "coredns", "-n", "kube-system")[0]
    deployment.pop("status", None)
    deployment["spec"]["template"]["spec"]["volumes"][0]["configMap"]["items"] = [
        {"key": key, "path": key} for key in ("Corefile", *keys)]
    w.labctl("apply", "-f", w.write("deployment.json", json.dumps(deployment)))


def told(w, reason="InvalidCorefile"):
    return [e["message"] for e in w.get("events", "-n", "kube-system") if e["reason"] == reason]


@case("zone and hosts files are keys of the ConfigMap, and what is wrong is told with key and line")
def files(w):
    up(w)
    corefile = COREFILE % "file /etc/coredns/example.db example.org"
    put(w, corefile, **{"example.db": ZONE})
    w.true(any("mounts nothing but its `items`; add example.db" in text for text in told(w)), f"not mounted: {told(w)}")
    mount(w, "example.db", "hosts.txt")
    w.wait("a name of the zone", lambda: short(w, "www.example.org", status=None) == ["192.0.2.80"], within_s=20)
    put(w, corefile, **{"example.db": ZONE + "ftp IN A nowhere\n"})
    w.true(any(text.startswith("example.db:4: ") for text in told(w)), f"key and line: {told(w)}")
    w.equal(short(w, "www.example.org"), ["192.0.2.80"], "the good zone stays")
    put(w, corefile, **{"example.db": ZONE + "ftp IN A 192.0.2.81\n"})
    w.equal(short(w, "ftp.example.org"), ["192.0.2.81"], "a new record")
    put(w, COREFILE % "hosts /etc/coredns/hosts.txt example.net", **{"hosts.txt": "192.0.2.9 host.example.net\n"})
    w.equal(short(w, "host.example.net"), ["192.0.2.9"], "a name of the hosts file")
    w.equal(short(w, "-x", "192.0.2.9"), ["host.example.net."], "and back, without a zone for it, as coredns does")


@case("a forward that comes back ends coredns, loudly, until the Corefile is another", limit_s=90)
def loop(w):
    up(w)
    name = w.get("pods", "-n", "kube-system")[0]["metadata"]["name"]

    def pod():
        return w.get("pod", name, "-n", "kube-system")[0]

    def waiting():
        return [s.get("state", {}).get("waiting", {}).get("reason") for s in pod()["status"]["containerStatuses"]]

    put(w, COREFILE % "forward . 127.0.0.1\n    loop")
    w.wait("a coredns that has ended itself", lambda: "CrashLoopBackOff" in waiting(), within_s=30)
    log = w.labctl("logs", name, "-n", "kube-system").out
    w.matches(log, r'^\[FATAL\] plugin/loop: Loop \(127\.0\.0\.1:\d+ -> :53\) detected for zone "\."', "its last words")
    short(w, "kubernetes.default.svc.cluster.local", status=9)
    put(w, COREFILE % "forward . /etc/resolv.conf\n    loop")
    w.wait("names again", lambda: short(w, "kubernetes.default.svc.cluster.local", status=None) != [], within_s=30)
    w.true("CrashLoopBackOff" not in waiting(), "the pod runs")


RESOLVE = r"""
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
int main(int count, char **words) {
    struct addrinfo *list = 0, hints;
    char text[64];
    int error;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_family = AF_UNSPEC;
    if (count < 2) return 2;
    error = getaddrinfo(words[1], 0, &hints, &list);
    if (error) { printf("%s\n", error == EAI_NONAME ? "no such name" : "failed"); return 1; }
    for (; list; list = list->ai_next) {
        const void *from = list->ai_family == AF_INET ? (void *)&((struct sockaddr_in *)list->ai_addr)->sin_addr
                                                      : (void *)&((struct sockaddr_in6 *)list->ai_addr)->sin6_addr;
        printf("%s\n", inet_ntop(list->ai_family, from, text, sizeof text));
    }
    return 0;
}
"""

SERVICES = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: none}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: alias}
spec: {type: ExternalName, externalName: web.default.svc.cluster.local}
"""


@case("the resolvers of glibc and musl find the names of the cluster, and agree on what is not there")
def libraries(w):
    up(w)
    w.labctl("apply", "-f", w.write("services.yaml", SERVICES))
    address = w.get("service", "web")[0]["spec"]["clusterIP"]
    source = w.write("resolve.c", RESOLVE)
    for name, compiler in (("glibc", ["gcc"]), ("musl", ["musl-gcc", "-static"])):
        program = str(w.folder / f"resolve-{name}")
        w.command(*compiler, "-O1", "-o", program, source)
        for wanted in ("web", "web.default", "web.default.svc", "web.default.svc.cluster.local", "alias"):
            found = w.labctl("exec", "client", "--", program, wanted).out.split()
            w.equal(found, [address], f"{name}: {wanted}")  # a wrong rcode for AAAA would hide the A record
        for missing in ("nobody", "nobody.default.svc.cluster.local.", "www.nobody.example."):
            w.has(w.labctl("exec", "client", "--", program, missing, status=1).out, "no such name", f"{name}: {missing}")
