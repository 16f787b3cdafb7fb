"""Probes and checks over TLS, of a server that is not ours."""

import json
import pathlib

from harness import case

ROOT = pathlib.Path(__file__).resolve().parents[3]
PEMS = ROOT / "tests/unit/data/tls"
SERVER = ROOT / "tests/netns/https_server.py"

LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: https}
spec:
  nodes: 2
  images:
    - {match: "secure:*", run: ["/usr/bin/python3", "FOLDER/server.py", "8443", "FOLDER/ec.pem", "FOLDER/ec.key"]}
    - {match: "idle:*", run: idle}
---
apiVersion: v1
kind: Pod
metadata: {name: secure, labels: {app: secure}}
spec: {containers: [{name: c, image: "secure:1", ports: [{containerPort: 8443}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {containers: [{name: c, image: "idle:1"}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: secure}, ports: [{name: https, port: 443, targetPort: 8443}]}
"""

CHECKS = """
- {from: client, to: "https://web/", expect: {status: 200, tls: {subject: "CN=web ec*", dnsName: web.lab, version: TLSv1.3}}}
- {from: client, to: "secure:8443/https", path: /x, expect: {status: 200}}
- client -> secure:8443/https allow
- {from: client, to: "https://web/", expect: {tls: {issuer: "CN=nobody"}}}
- {from: client, to: "https://web/", ca: "AUTHORITY", expect: {outcome: tls-error}}
"""


@case("https:// probes and checks see the server's certificate, and judge it if they are told by whom it must be")
def https(w):
    for name in ("ec.pem", "ec.key", "ca.pem"):  # an ordinary user may not see into this clone
        w.write(name, (PEMS / name).read_text())
    w.write("server.py", SERVER.read_text())
    w.write("lab.yaml", LAB.replace("FOLDER", str(w.folder)))
    w.labctl("up", w.folder / "lab.yaml")
    result = w.wait("the server to listen", lambda: next(
        (r for r in [w.probe("default/client", "https://web/hello")] if r["outcome"] == "ok"), None))
    seen = json.loads(result["http"]["body"])
    w.equal((seen["sni"], seen["host"], seen["path"]), ("web", "web", "/hello"), "what the server has seen")
    w.equal(result["tls"], {
        "version": "TLSv1.3", "serverName": "web", "subject": "CN=web ec,O=lab", "issuer": "CN=lab authority,O=lab",
        "dnsNames": ["web.lab", "*.apps.lab"], "notAfter": "2120-01-01T00:00:00Z"}, "the certificate")
    w.equal(result["peerIdentity"], "spiffe://cluster.local/ns/prod/sa/web", "its SPIFFE ID")
    w.has(w.labctl("probe", "client", "https://web/").out, "TLSv1.3, certificate CN=web ec,O=lab", "for people")

    address = w.get("pod", "secure")[0]["status"]["podIP"]
    ca = ("--cacert", w.folder / "ca.pem")
    good = w.labctl("probe", "client", f"https://{address}:8443/", "-H", "host: x.apps.lab", *ca, "-o", "json").json()
    w.equal(good["results"][0]["outcome"], "ok", "by the authority, and for the name in the field")
    bad = w.labctl("probe", "client", "https://web/", *ca, "-o", "json", status=1).json()["results"][0]
    w.equal(bad["outcome"], "tls-error", "for another name")
    w.has(bad["error"], "certificate verify failed: the certificate is for web.lab, *.apps.lab, ", "the reason")
    w.has(bad["error"], "not for web", "the reason")

    w.write("bad.pem", "nothing of the kind")
    w.has(w.labctl("probe", "client", "https://web/", "--cacert", w.folder / "bad.pem", status=2).err,
          "no PEM block (-----BEGIN CERTIFICATE-----)", "a file of something else")
    w.has(w.labctl("probe", "client", "https://web/", "--cacert", w.folder / "none.pem", status=2).err,
          "cannot read", "no file")
    w.has(w.labctl("probe", "client", "http://web/", *ca, status=2).err, "only https://", "http")
    w.equal(w.probe("default/client", "https://web/")["outcome"], "ok", "after all that")

    authority = (PEMS / "ca.pem").read_text().replace("\n", "\\n")
    w.write("checks.yaml", CHECKS.replace("AUTHORITY", authority))
    report = w.labctl("check", w.folder / "checks.yaml", status=1).out
    w.has(report, "the issuer of TLS is 'CN=lab authority,O=lab'", "why one fails")
    w.has(report, "4 passed, 1 failed", "the others")
