"""`labctl capture`: packets as lines, as pcapng for tcpdump, from several places at once."""

import json
import os
import shutil
import signal

from harness import Skip, case

LAB = """
apiVersion: labctl.dev/v1
kind: Lab
metadata: {name: tap}
spec: {nodes: 2}
---
apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {nodeName: node-1, containers: [{name: c, image: "x:1", ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b}
spec: {nodeName: node-2, containers: [{name: c, image: "x:1", ports: [{containerPort: 8080}]}]}
"""


def up(w):
    w.write("lab.yaml", LAB)
    w.labctl("up", w.folder / "lab.yaml")
    return {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in w.get("pods")}


def listening(w, *arguments):
    """A capture that listens by now: it has said so."""
    process = w.start("labctl", "capture", *arguments)
    line = process.stderr.readline().decode()
    w.has(line, "listening at", "the capture's first line")
    return process


def ended(w, process):
    """What a capture printed since, when it has ended well. Not `communicate`: that loses what `readline` read ahead."""
    out, err = process.stdout.read().decode(errors="replace"), process.stderr.read().decode()
    w.equal(process.wait(timeout=30), 0, f"exit status: {err}")
    return out, err


def stop(w, process, number=signal.SIGINT):
    os.killpg(process.pid, number)
    return ended(w, process)


def tcpdump(w, file, *words):
    if shutil.which("tcpdump") is None:
        raise Skip("tcpdump is not installed")
    return w.command("tcpdump", "-nr", file, *words)


@case("lines say time, place, direction and both levels of a tunnelled packet, and an interrupt ends them well")
def lines(w):
    pods = up(w)
    process = listening(w, "node/node-1:eth0", "--filter", "tcp port 8080")
    w.equal(w.probe("default/a", "tcp://pod:default/b:8080")["outcome"], "ok", "the probe")
    first = process.stdout.readline().decode()
    w.matches(first, rf"^\d\d:\d\d:\d\d\.\d{{6}}  node/node-1:eth0  out  172\.18\.0\.2 > 172\.18\.0\.3 VXLAN 1 \| "
                     rf"{pods['a']}:\d+ > {pods['b']}:8080 TCP SYN$", "the first line")
    out, err = stop(w, process)
    w.matches(out, r"in   172\.18\.0\.3 > 172\.18\.0\.2 VXLAN 1 \| .* TCP SYN,ACK$", "the lines")
    w.matches(err, r"\d+ packets captured of \d+ seen, 0 dropped by the kernel", "the last line")


@case("a file is what tcpdump reads: every place named, outer and inner headers, nothing lost by Ctrl-C")
def file_for_tcpdump(w):
    pods = up(w)
    file = w.folder / "all.pcapng"
    process = listening(w, "a", "node/node-1:any", "node/node-2", "default/b:eth0", "-w", file)
    for _ in range(3):
        w.equal(w.probe("default/a", "http://pod:default/b:8080/hostname")["outcome"], "ok", "the probe")
    _, err = stop(w, process)
    count = int(err.split(" packets captured")[0].split()[-1])
    read = tcpdump(w, file, "-tt")
    rows = [line for line in read.lines() if line[:2].isdigit()]
    w.equal(len(rows), count, "packets in the file and packets that were announced")
    w.has(read.out, f"VXLAN, flags [I] (0x08), vni 1\nIP {pods['a']}.", "what tcpdump shows")
    times = [float(line.split()[0]) for line in rows]
    w.equal(times, sorted(times), "the order of time")
    raw = file.read_bytes()
    for name in (b"default/a:eth0", b"node/node-1:vxlan1", b"node/node-1:cni0", b"node/node-2:eth0",
                 b"default/b:eth0"):
        w.true(name in raw, f"the file names {name}")
    w.equal(os.stat(file).st_uid, 65534 if w.user else os.geteuid(), "owner of the file")


@case("packets go through a pipe as they come; a reader that has enough ends the capture")
def pipe(w):
    up(w)
    if shutil.which("tcpdump") is None:
        raise Skip("tcpdump is not installed")
    script = "labctl capture b -w - | tcpdump -n -r - -c 3 tcp port 8080; echo ${PIPESTATUS[*]}"
    process = w.start("bash", "-c", script)
    w.wait("the pipe to have had enough", lambda: (
        w.probe("default/a", "tcp://pod:default/b:8080") and process.poll() is not None), within_s=30)
    out = process.stdout.read().decode()
    w.equal(out.splitlines()[-1], "0 0", "statuses of the pipe")
    w.has(out, ".8080: Flags [S]", "what tcpdump shows")


@case("a count, a duration and a snap length are kept; json is one object for each packet")
def limits(w):
    pods = up(w)
    process = listening(w, "b", "-c", "2", "-o", "json", "--filter", "icmp")
    w.probe("default/a", f"icmp://{pods['b']}", "--count", "3")
    out, _ = ended(w, process)
    packets = [json.loads(line) for line in out.splitlines()]
    w.equal([p["direction"] for p in packets], ["in", "out"], "directions")
    w.equal(packets[0]["levels"][0]["ip"]["sourceName"], "default/a", "whose address that is")
    w.has(packets[0]["summary"], "ICMP echo request", "the summary")
    w.labctl("capture", "a", "--duration", "100ms")
    file = w.folder / "short.pcapng"
    process = listening(w, "b", "-w", file, "--snaplen", "64")
    w.probe("default/a", "http://pod:default/b:8080/echo?msg=" + "x" * 500)
    stop(w, process, signal.SIGTERM)
    w.has(tcpdump(w, file, "-v").out, "8080", "a file of cut packets")


@case("a capture ends with its pod and with its lab, and keeps neither alive")
def endings(w):
    up(w)
    process = listening(w, "b", "-w", w.folder / "b.pcapng")
    w.labctl("delete", "pod", "b")
    _, err = ended(w, process)
    w.has(err, "default/b:eth0 is gone", "why it ended")
    w.true("vethdefault" not in w.labctl("exec", "node/node-2", "--", "ip", "-o", "link").out, "no port is left")
    file = w.folder / "a.pcapng"
    process = listening(w, "a", "-w", file)
    w.labctl("down")
    _, err = ended(w, process)
    w.has(err, "the lab ended", "why it ended")
    tcpdump(w, file)
    w.assert_empty(within_s=5)


@case("bad input exits 2 and says what would do")
def bad_input(w):
    up(w)
    for words, text in (
            (("nobody",), "there is no pod 'default/nobody'"),
            (("node/node-9",), "did you mean 'node/node-"),
            (("a:eth7",), "it has lo, eth0"),
            (("a:",), "names no interface"),
            (("a", "--filter", "prt 80"), "did you mean 'port'?"),
            (("a", "--filter", "host nobody"), "nothing of the lab has that name"),
            (("a", "--duration", "soon"), "is no duration"),
            (("a", "--snaplen", "1"), "64"),
            (("a", "-o", "yaml"), "no output format"),
            ((), "target")):
        output = () if "-o" in words else ("-w", w.folder / "never.pcapng")
        run = w.labctl("capture", *words, *output, status=2)
        w.has(run.err + run.out, text, f"capture {' '.join(words)}")
    w.true(not (w.folder / "never.pcapng").exists(), "nothing is written for bad input")
    run = w.labctl("capture", "a", "-w", w.folder / "no" / "such" / "folder", status=(4, 5))
    w.has(run.err, "No such file", "why the file cannot be made")
