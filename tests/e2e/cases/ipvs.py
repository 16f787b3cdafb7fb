"""The ipvs mode on a kernel that has it (ci/kernel-test): ipvsadm and ip are what our word is held against."""

import json
import re

from harness import Skip, case

from .proxy_modes import check_no_drift, has_ipvs, mode_of, pod_ip

LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {{name: servers}}
spec:
  nodes: 2
  podCIDR: {pods}
  proxy: {{mode: {mode}, ipvs: {{scheduler: {scheduler}}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: client, labels: {{app: client}}}}
spec: {{nodeName: node-1, containers: [{{name: c, image: idle}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: web-1, labels: {{app: web}}}}
spec: {{nodeName: node-1, containers: [{{name: c, image: web, ports: [{{containerPort: 8080}}]}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: web-2, labels: {{app: web}}}}
spec: {{nodeName: node-2, containers: [{{name: c, image: web, ports: [{{containerPort: 8080}}]}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  type: NodePort
  clusterIP: 10.96.0.100
  selector: {{app: web}}
  {more}
  ports: [{{name: http, port: 80, targetPort: 8080, nodePort: 30080}}]
"""

POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: nobody}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
"""


def up(w, mode="ipvs", scheduler="rr", pods="10.244.0.0/16", more=""):
    if not has_ipvs(w):
        raise Skip("this kernel has no ip_vs or no dummy; ci/kernel-test has one")
    w.write("lab.yaml", LAB.format(mode=mode, scheduler=scheduler, pods=pods, more=more))
    w.labctl("up", w.folder / "lab.yaml")


def servers(w, node="node-1"):
    """What ipvsadm says: {"TCP 10.96.0.100:80 rr": {"10.244.1.2:8080": weight}}."""
    found, real = {}, {}
    for line in w.labctl("exec", f"node/{node}", "--", "ipvsadm", "-Ln").lines():
        virtual = re.match(r"(TCP|UDP|SCTP) +(\S+) (.*?)\s*$", line)
        server = re.match(r" +-> (\S+) +Masq +(\d+) ", line)
        if virtual:
            real = found.setdefault(f"{virtual[1]} {virtual[2]} {virtual[3]}", {})
        elif server:
            real[server[1]] = int(server[2])
    return found


def device(w, node="node-1"):
    shown = json.loads(w.labctl("exec", f"node/{node}", "--", "ip", "-j", "-d", "addr", "show", "kube-ipvs0").out)[0]
    return shown, {entry["local"] for entry in shown["addr_info"]}


@case("ipvsadm shows a virtual server for each address, and kube-ipvs0 holds the addresses", modes=("root",))
def virtual_servers(w):
    up(w, scheduler="lc")
    one, two = f"{pod_ip(w, 'web-1')}:8080", f"{pod_ip(w, 'web-2')}:8080"
    found = servers(w)
    w.equal(found["TCP 10.96.0.100:80 lc"], {one: 1, two: 1}, "the cluster address")
    w.equal(found["TCP 172.18.0.2:30080 lc"], {one: 1, two: 1}, "the node port")
    w.true("UDP 10.96.0.10:53 lc" in found, f"the cluster's DNS: {found}")
    shown, addresses = device(w)
    w.equal((shown["linkinfo"]["info_kind"], "UP" in shown["flags"]), ("dummy", False), "kube-ipvs0")
    w.true({"10.96.0.1", "10.96.0.10", "10.96.0.100"} <= addresses, f"its addresses: {addresses}")
    listed = w.labctl("exec", "node/node-1", "--", "nft", "list", "set", "ip", "kube-proxy", "KUBE-CLUSTER-IP").out
    w.has(listed, "10.96.0.100 . tcp . 80", "the set in place of the ipset")
    settings = w.labctl("exec", "node/node-1", "--", "sysctl", "-n", "net.ipv4.vs.conntrack",
                        "net.ipv4.vs.expire_nodest_conn").out.split()
    w.equal(settings, ["1", "1"], "IPVS's settings")
    check_no_drift(w)


@case("endpoints come and go one by one; who had connections gets no new ones until they end", modes=("root",))
def endpoints_change(w):
    up(w)
    one, two = f"{pod_ip(w, 'web-1')}:8080", f"{pod_ip(w, 'web-2')}:8080"
    got = w.probe("default/client", "http://10.96.0.100:80/", "--count", "10", "--timeout", "15s")
    w.equal(got["backends"], {"default/web-1": 5, "default/web-2": 5}, "round robin")
    w.labctl("set", "web-2", "ready=false")
    now = servers(w)["TCP 10.96.0.100:80 rr"]
    w.equal((now[one], now.get(two, 0)), (1, 0), "an endpoint that is not ready")
    got = w.probe("default/client", "http://10.96.0.100:80/", "--count", "6", "--timeout", "15s")
    w.equal(got["backends"], {"default/web-1": 6}, "who answers then")
    check_no_drift(w)
    w.labctl("set", "web-2", "ready=true")
    w.equal(servers(w)["TCP 10.96.0.100:80 rr"], {one: 1, two: 1}, "ready again")
    w.labctl("delete", "service", "web")
    w.true(not any("10.96.0.100" in key for key in servers(w)), "a deleted Service")
    w.true("10.96.0.100" not in device(w)[1], "its address")
    w.equal(w.probe("default/client", "dns://kubernetes.default.svc.cluster.local")["outcome"], "ok",
            "a name, through the virtual server of the cluster's DNS")
    check_no_drift(w)


@case("a client with affinity stays, a ping is answered, and other ports are closed", modes=("root",))
def affinity_and_ports(w):
    up(w, more="sessionAffinity: ClientIP")
    w.true("TCP 10.96.0.100:80 rr persistent 10800" in servers(w), f"persistence: {servers(w)}")
    got = w.probe("default/client", "http://10.96.0.100:80/", "--count", "8", "--timeout", "15s")
    w.equal(list(got["backends"].values()), [8], "one backend for all")
    rows = w.labctl("get", "affinity", "-o", "json").json()["items"]
    w.equal([(row["client"], row["service"], row["node"], row["pod"]) for row in rows],
            [(pod_ip(w, "client"), "default/web:http", "node-1", got["backend"])], "who is remembered, and where")
    w.equal(rows[0]["endpoint"], f"{pod_ip(w, got['backend'].split('/')[1])}:8080", "the endpoint")
    listed = w.labctl("exec", "node/node-1", "--", "ipvsadm", "-Lnc").out
    kept = re.search(rf"^TCP +(\d+):(\d+) +\S+ +{re.escape(rows[0]['client'])}:0 ", listed, re.MULTILINE)
    w.true(kept, f"the template, as ipvsadm shows it: {listed}")
    later = int(kept[1]) * 60 + int(kept[2])
    w.true(later <= rows[0]["secondsLeft"] <= min(10800, later + 120), f"{rows[0]} and later {later} s")
    told = w.labctl("explain", "client", "web:http", "-o", "json").json()
    w.equal(told["remembered"]["pod"], got["backend"], "what explain remembers")
    w.probe("default/client", "http://172.18.0.2:30080/", "--timeout", "15s")
    rows = w.labctl("get", "affinity", "-o", "json").json()["items"]
    w.equal(len(rows), 2, f"the node port remembers for itself: {rows}")
    w.equal(w.probe("default/client", "icmp://10.96.0.100", "--timeout", "10s")["outcome"], "ok", "a ping")
    w.equal(w.probe("default/client", "tcp://10.96.0.100:8081", "--timeout", "10s")["outcome"], "refused", "a port")


@case("virtual servers that somebody changed by hand are noticed by the plan, and mended", modes=("root",))
def changed_by_hand(w):
    up(w)
    one = f"{pod_ip(w, 'web-1')}:8080"
    w.labctl("exec", "node/node-1", "--", "ipvsadm", "-d", "-t", "10.96.0.100:80", "-r", one)
    w.labctl("exec", "node/node-2", "--", "ipvsadm", "-C")
    w.labctl("exec", "node/node-2", "--", "ip", "addr", "del", "10.96.0.100/32", "dev", "kube-ipvs0")
    plan = w.labctl("plan").out
    w.has(plan, f"node/node-1: ipvsadm -a -t 10.96.0.100:80 -r {one} -m -w 1", "the plan")
    w.has(plan, "node/node-2: ip address add 10.96.0.100/32 dev kube-ipvs0", "the plan")
    w.labctl("up", "servers")
    check_no_drift(w)
    w.true(one in servers(w)["TCP 10.96.0.100:80 rr"], "the real server is back")
    w.equal(w.probe("default/client", "http://10.96.0.100:80/", "--timeout", "15s")["outcome"], "ok", "a Service")


@case("a lab switches to the ipvs mode and away from it, and leaves nothing of it", modes=("root",))
def switching(w):
    up(w, mode="nftables")
    for mode in ("ipvs", "nftables", "ipvs", "iptables", "ipvs", "userspace", "nftables"):
        w.labctl("set", "proxy-mode", mode)
        w.equal(mode_of(w), mode, "the mode that status tells")
        check_no_drift(w)
        links = w.labctl("exec", "node/node-2", "--", "ip", "-br", "link").out
        w.equal("kube-ipvs0" in links, mode == "ipvs", f"the device in the mode {mode}")
        w.equal(bool(servers(w, "node-2")), mode == "ipvs", f"virtual servers in the mode {mode}")
        for origin in ("default/client", "node/node-2", "external"):
            w.equal(w.probe(origin, "http://10.96.0.100:80/", "--timeout", "15s")["outcome"], "ok",
                    f"a Service from {origin} in the mode {mode}")


@case("explain names the virtual server and its real servers, with their counters", modes=("root",))
def explained(w):
    up(w)
    w.probe("default/client", "http://10.96.0.100:80/", "--count", "4", "--timeout", "15s")
    told = w.labctl("explain", "client", "web:http", "-o", "json").json()
    w.equal(sorted(b["pod"] for b in told["branches"]), ["default/web-1", "default/web-2"], "the endpoints")

    def counted():
        now = w.labctl("explain", "client", "web:http", "-o", "json").json()
        return [b["steps"][0]["connections"] for b in now["branches"]] == [2, 2]
    w.wait("two connections each; the kernel sums its counters up every two seconds", counted, 20)
    w.has(w.labctl("explain", "client", "web:http").out, "virtual server 10.96.0.100:80", "the text")
    w.labctl("label", "pod", "web-1", "app=gone", "--overwrite")
    w.labctl("label", "pod", "web-2", "app=gone", "--overwrite")
    told = w.labctl("explain", "client", "web:http", "-o", "json", status=1).json()
    w.equal(told["outcome"], "reject", "without endpoints")
    w.equal(w.probe("default/client", "http://10.96.0.100:80/", "--timeout", "10s")["outcome"], "refused", "a packet")


@case("policies hold for what goes through virtual servers", modes=("root",))
def policies_hold(w):
    up(w)
    w.labctl("apply", "-f", w.write("policy.yaml", POLICY))
    for to in ("10.96.0.100:80", "172.18.0.2:30080"):
        for number in range(2):  # one endpoint on this node and one on another
            got = w.probe("default/client", f"http://{to}/", "--timeout", "3s")
            w.true(got["outcome"] != "ok", f"{to}, connection {number}: {got['outcome']}")
    w.labctl("delete", "networkpolicy", "nobody")
    w.equal(w.probe("default/client", "http://10.96.0.100:80/", "--timeout", "15s")["outcome"], "ok", "afterwards")


@case("a dual-stack lab serves both families by ipvs", modes=("root",))
def dual_stack(w):
    up(w, pods="[10.244.0.0/16, fd00:10:244::/56]", more="ipFamilyPolicy: RequireDualStack")
    addresses = w.get("service", "web")[0]["spec"]["clusterIPs"]
    w.equal(len(addresses), 2, "addresses of the Service")
    w.true(set(addresses) <= device(w)[1], f"addresses of kube-ipvs0: {device(w)[1]}")
    for address in addresses:
        host = f"[{address}]" if ":" in address else address
        for origin in ("default/client", "node/node-1"):
            got = w.probe(origin, f"http://{host}:80/", "--count", "4", "--timeout", "15s")
            w.equal(got["outcomes"], {"ok": 4}, f"{address} from {origin}")
    check_no_drift(w)
