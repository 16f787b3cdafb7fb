"""Other people's servers as upstreams, on a network that loses every third datagram."""

import shutil

from cases import dns_upstream
from harness import Skip, case

NAMES = 5
LONG = " ".join(f'"{n:03d} {"x" * 200}"' for n in range(20))

UNBOUND = """
server:
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  interface: {address}@{port}
  access-control: 0.0.0.0/0 allow
  module-config: "iterator"
  do-ip6: no
  local-zone: real.example. static
{data}
forward-zone:
  name: broken.example.
  forward-addr: 127.0.0.1@9
  forward-first: no
remote-control:
  control-enable: no
"""

KNOT = """
server:
  listen: {address}@{port}
  rundir: "{folder}"
  identity: ""
  version: ""
database:
  storage: "{folder}"
zone:
  - domain: real.example
    file: "{folder}/real.example.zone"
"""

LOSSY = """
table inet lossy
delete table inet lossy
table inet lossy {{
    chain input {{
        type filter hook input priority 0
        udp dport {port} numgen inc mod 3 == 0 counter drop
    }}
}}
"""


def records():
    yield from (f"host-{n}.real.example. 300 IN A 192.0.2.{n}" for n in range(1, NAMES + 1))
    yield f"long.real.example. 300 IN TXT {LONG}"


def unbound(w, address, port):
    data = "\n".join(f"  local-data: '{record}'" for record in records())
    text = UNBOUND.format(folder=w.folder, address=address, port=port, data=data)
    return "unbound", "-d", "-c", w.write("unbound.conf", text)


def knot(w, address, port):
    soa = "real.example. 300 IN SOA ns.real.example. admin.real.example. 1 300 300 300 300\nreal.example. IN NS ns\n"
    w.write("real.example.zone", "$ORIGIN real.example.\n" + soa + "ns 300 IN A 192.0.2.53\n" + "\n".join(records()) + "\n")
    return "knotd", "-c", w.write("knot.conf", KNOT.format(folder=w.folder, address=address, port=port))


def dropped(w):
    listing = w.labctl("exec", "external", "--", "nft", "-j", "list", "table", "inet", "lossy").json()
    return sum(expr["counter"]["packets"] for item in listing["nftables"] if "rule" in item
               for expr in item["rule"]["expr"] if "counter" in expr)


def declare(name, configure, port):
    def forwards(w):
        if shutil.which(name, path="/usr/sbin:/usr/bin") is None:
            raise Skip(f"{name} is not installed")
        dns_upstream.up(w)
        external = w.labctl("exec", "node/node-1", "--", "cat", "/etc/resolv.conf").out.split()[-1]
        server = w.start("labctl", "exec", "external", "--", *configure(w, external, port))
        try:
            w.wait("the server", lambda: "192.0.2.1" in dns_upstream.dig(
                w, "+short", "+time=1", f"@{external}", "-p", port, "host-1.real.example", target="external", status=None))
            w.labctl("exec", "external", "--", "nft", "-f", w.write("lossy.nft", LOSSY.format(port=port)))
            dns_upstream.set_corefile(w, dns_upstream.COREFILE % f"forward . {external}:{port}")
            found = [dns_upstream.short(w, f"host-{n}.real.example") for n in range(1, NAMES + 1)]
            w.equal(found, [[f"192.0.2.{n}"] for n in range(1, NAMES + 1)], "what was asked for, in spite of the loss")
            w.true(dropped(w) >= 2, f"datagrams that were lost: {dropped(w)}")
            w.labctl("exec", "external", "--", "nft", "delete", "table", "inet", "lossy")
            answer = dns_upstream.dig(w, "long.real.example", "TXT")
            w.has(answer, "019 xxx", "an answer that needs TCP on both ways")
            w.has(dns_upstream.dig(w, "nobody.real.example"), "status: NXDOMAIN", "a name that is not there")
            w.has(dns_upstream.dig(w, "host-1.real.example", "MX"), "status: NOERROR", "another type")
            refusal = {"unbound": "SERVFAIL", "knotd": "REFUSED"}[name]
            w.equal(dns_upstream.rcode(w, "a.broken.example"), refusal, "what the server cannot answer")
        finally:
            server.terminate()
            server.communicate(timeout=20)

    forwards.__name__ = f"{configure.__name__}_forwards"
    case(f"{name} as upstream: answers, in spite of loss, by TCP where they are long, and its failures", limit_s=90)(forwards)


declare("unbound", unbound, 5301)
declare("knotd", knot, 5302)
