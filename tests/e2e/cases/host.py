"""The host's own network namespace and mounts are byte for byte as before."""

import os
import signal

from harness import Failure, case, snapshot_host


def furnish(w):
    """Gives the host of this cage something to lose."""
    for line in ("ip link add br-office type bridge",
                 "ip link set br-office addrgenmode none",  # no address that settles by itself
                 "ip addr add 10.244.1.1/24 dev br-office",
                 "ip link set br-office up", "ip link add vethA type veth peer name vethB",
                 "ip link set vethA master br-office", "ip route add 172.18.0.0/16 dev br-office",
                 "sysctl -q -w net.ipv4.ip_forward=0"):
        w.command_as_harness(line.split())
    w.command_as_harness(["nft", "add table inet office; add chain inet office forward "
                          "{ type filter hook forward priority 0; policy drop; }"])


def compare(before, after, moment):
    for name, text in before.items():
        if after[name] != text:
            raise Failure(f"{name} changed {moment}:\n--- before\n{text}\n--- after\n{after[name]}")


def live_through(w, before):
    """The moments of a lab's life at which the host is compared."""
    w.labctl("up")
    compare(before, snapshot_host(), "while a lab runs")
    w.labctl("scale", "deployment/backend", "--replicas", "8")
    w.labctl("exec", "client", "--", "ip", "link")
    w.labctl("check")
    w.labctl("down")
    compare(before, snapshot_host(), "after down")
    w.labctl("up")
    for pid in w.labctl_processes("supervisor"):
        os.kill(pid, signal.SIGKILL)
    w.assert_empty()
    compare(before, snapshot_host(), "after kill -9")


@case("a host with a bridge, routes and rules at our addresses is unchanged by a lab's whole life")
def furnished(w):
    furnish(w)
    live_through(w, snapshot_host())


@case("this very host is unchanged by a lab's whole life", cage=False)
def this_host(w):
    before = snapshot_host()
    w.labctl("up")
    compare(before, snapshot_host(), "while a lab runs")
    w.labctl("check")
    w.labctl("down")
    w.assert_empty()
    compare(before, snapshot_host(), "after down")
