"""Ending well: kill -9 and Ctrl-C at any moment leave nothing behind, within a second."""

import json
import os
import random
import signal
import time

from harness import Failure, case, processes

SMALL = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 12
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "web:1", ports: [{containerPort: 80}]}]
"""
# Who is killed, and during which command. `cli` is the command itself.
VICTIMS = [("supervisor", "up"), ("cli", "up"), ("keeper", "up"), ("dataplane", "up"),
           ("supervisor", "down"), ("cli", "down"), ("keeper", "down"), ("supervisor", "idle"),
           ("keeper", "idle"), ("dataplane", "idle")]


def spin(seconds):
    """Waits without giving the moment away to a timer's grain."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def kill_role(w, role, process, signal_number=signal.SIGKILL):
    """Kills the processes of one role; returns how many there were."""
    pids = [process.pid] if role == "cli" and process else w.labctl_processes(role)
    for pid in pids:
        try:
            os.kill(pid, signal_number)
        except ProcessLookupError:
            pass
    return len(pids)


def finish_command(w, process):
    out, err = process.communicate(timeout=30)
    return process.returncode, out.decode() + err.decode()


def one_kill(w, role, phase, delay):
    """Runs `phase` of a lab's life and kills `role`, `delay` seconds after it has appeared. Says whether it did."""
    arguments = ["labctl", "up", "--name", "victim", "--nodes", "3", "-f", str(w.folder / "small.yaml")]
    if phase == "up":
        process = w.start(*arguments)
        while role != "cli" and process.poll() is None and not w.labctl_processes(role):
            pass  # moments count here
        spin(delay)
        hit = kill_role(w, role, process)
        finish_command(w, process)
    else:
        w.command(*arguments)
        process = w.start("labctl", "down", "victim") if phase == "down" else None
        spin(delay)
        hit = kill_role(w, role, process)
        if process:
            finish_command(w, process)
    return bool(hit)


def lab_works(w):
    """The lab answers, and a pod of it serves."""
    listed = w.labctl("--lab", "victim", "get", "pods", "-o", "name", status=None)
    if listed.status != 0 or not listed.lines():
        return False
    first = listed.lines()[0].removeprefix("pod/")
    return w.labctl("probe", f"default/{first}", f"tcp://pod:default/{first}:80", status=None).status == 0


def settle(w, role, hit):
    """What must be true after the kill: empty within a second, or a lab that works. Then it is taken down."""
    if hit and role in ("supervisor", "keeper"):
        w.assert_empty()
    else:
        # The command was killed before or after the lab was ready; or a data plane, which comes back.
        try:
            w.wait("empty, or a lab that works", lambda: not w.remaining() or lab_works(w),
                   1.0 if role == "cli" else 5.0)
        except Failure as failure:
            seen = w.labctl("--lab", "victim", "get", "pods", status=None)
            raise Failure(f"{failure}\nleft: {w.remaining()}\nget pods: {seen.status}\n{seen.out}{seen.err}") from None
    w.labctl("down", "victim")
    w.assert_empty()


def typical_time(w):
    """How long `up` takes here: the kills are spread over it."""
    w.labctl("up", "--name", "victim", "--nodes", "3", "-f", w.folder / "small.yaml")
    times = []
    for _ in range(3):
        w.labctl("down", "victim")
        times.append(w.labctl("up", "--name", "victim", "--nodes", "3", "-f", w.folder / "small.yaml").seconds)
    w.labctl("down", "victim")
    return sorted(times)[1]


@case("kill -9 of any process at random moments of up, idle and down leaves nothing within a second", limit_s=400)
def kills(w):
    w.write("small.yaml", SMALL)
    seed = w.settings["seed"] + (1 if w.mode == "root" else 0)
    chance = random.Random(seed)
    duration = typical_time(w)
    count = max(len(VICTIMS), w.settings["kills"] // 2)
    hits = {}
    for number in range(count):
        role, phase = VICTIMS[number % len(VICTIMS)]
        delay = chance.uniform(0, duration * 1.2)
        try:
            there = one_kill(w, role, phase, delay)
            settle(w, role, there)
        except Failure as failure:
            raise Failure(f"kill {number} (seed {seed}): {role} {delay * 1000:.1f} ms into {phase}: {failure}") from None
        key = f"{role}/{phase}"
        hits[key] = hits.get(key, 0) + there
    w.notes.append(f"{count} kills over {duration * 1.2 * 1000:.0f} ms; victims that were there: "
                   + ", ".join(f"{key} {value}" for key, value in sorted(hits.items())))
    w.true(sum(hits.values()) > count / 3, "most kills found their victim")


@case("a command that is killed in its first moments leaves no file behind", limit_s=120)
def first_moments(w):
    w.write("small.yaml", SMALL)
    moments = 40
    for number in range(moments):
        process = w.start("labctl", "up", "--name", "victim", "--nodes", "3", "-f", str(w.folder / "small.yaml"))
        spin(0.012 * number / moments)
        process.kill()
        finish_command(w, process)
        settle(w, "cli", True)


@case("Ctrl-C in the middle of `up` exits 130 and leaves nothing", limit_s=120)
def interrupt(w):
    w.write("small.yaml", SMALL.replace("replicas: 12", "replicas: 300"))
    arguments = ["labctl", "up", "--name", "victim", "--nodes", "6", "-f", str(w.folder / "small.yaml")]
    duration = w.command(*arguments).seconds
    w.labctl("down", "victim")
    w.assert_empty()
    chance = random.Random(w.settings["seed"])
    statuses = []
    for number in range(10):
        process = w.start(*arguments)
        w.wait("the keeper", lambda: w.labctl_processes("keeper"))
        spin(chance.uniform(0, duration * 0.6))
        os.killpg(process.pid, (signal.SIGINT, signal.SIGTERM)[number % 2])
        status, text = finish_command(w, process)
        statuses.append(status)
        if status == 0:  # it was ready before the signal came
            w.labctl("down", "victim")
        else:
            w.equal(status, 130, f"exit status of an interrupted `up`\n{text}")
        w.assert_empty()
        w.labctl("down", "victim")
    w.true(statuses.count(130) >= 5, f"interrupted ones among ten: {statuses}")


LONG_CHECK = """\
- {from: client, to: "http://backend:8080/", expect: allow, for: 20s, during: stop node/node-3}
"""


def stopped_nodes(w):
    return [fault["fault"] for fault in w.labctl("fault", "list", "-o", "json").json()["items"]]


@case("an interrupted check heals what it has broken and exits 130; one that is killed is noticed by the lab")
def interrupted_check(w):
    w.labctl("up")
    path = w.write("long.yaml", LONG_CHECK)
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)):
        process = w.start("labctl", "check", path)
        w.wait("the fault", lambda: stopped_nodes(w))
        os.kill(process.pid, number)
        got, text = finish_command(w, process)
        w.equal(got, status, f"exit status\n{text}")
        if number == signal.SIGKILL:
            w.wait("the end of the fault", lambda: not stopped_nodes(w))
        w.equal(stopped_nodes(w), [], "faults behind it")
        w.true("warning" not in text, f"it says nothing of what it healed: {text}")
    w.labctl("check")


def sleepers(number):
    return [pid for pid, line in processes().items() if line == f"sleep {number}"]


@case("a stopped exec holds up neither the end of its pod, nor that of the lab, nor the network of either")
def stopped_exec(w):
    w.labctl("up")
    stopped = []
    for pod, number in (("client", 86501), ("db-0", 86502), ("node/node-1", 86503)):
        stopped.append(w.start("labctl", "exec", pod, "--", "sleep", str(number)))
        w.wait("the command runs", lambda number=number: sleepers(number))
        os.kill(stopped[-1].pid, signal.SIGSTOP)
        w.equal(os.readlink(f"/proc/{stopped[-1].pid}/ns/net"), os.readlink("/proc/self/ns/net"), "its own network")
    w.labctl("delete", "pod", "client", limit_s=5)
    w.true(not sleepers(86501), "the end of the command with its pod")
    w.labctl("get", "pods", limit_s=5)
    w.labctl("down", limit_s=5)
    w.true(not sleepers(86502) and not sleepers(86503), "the end of the commands with the lab")
    own = tuple(f"process {each.pid}:" for each in stopped)
    w.equal([line for line in w.remaining() if not line.startswith(own)], [], "what is left while they are stopped")
    for each in stopped:
        os.kill(each.pid, signal.SIGCONT)
        each.communicate(timeout=10)
        w.equal(each.returncode, 137, "its status when it goes on")


def enter(w, pod, number):
    """A command in a pod's pid namespace whose parent, nsenter(1), is stopped."""
    w.labctl("exec", pod, "--", "true")
    sandbox = [pid for pid, line in processes().items() if line == f"labctl __sandbox {pod}"][0]
    process = w.start("nsenter", "--target", str(sandbox), "--pid", "--net", "sleep", str(number))
    w.wait("the command runs", lambda: sleepers(number))
    os.kill(process.pid, signal.SIGSTOP)
    return process


@case("what entered a pod by itself and is stopped holds up its end and no other; `down` does not say that all is down",
      modes=("root",))
def stopped_stranger(w):
    w.labctl("up")
    first = enter(w, "client", 86504)
    second = enter(w, "db-0", 86505)
    w.labctl("delete", "pod", "client", limit_s=10)
    w.labctl("get", "pods", limit_s=5)
    os.kill(first.pid, signal.SIGCONT)
    first.communicate(timeout=10)
    w.wait("the end of the pod's sandbox", lambda: "labctl __sandbox client" not in processes().values())
    failed = w.labctl("down", status=5, limit_s=30)
    w.has(failed.err, "has not ended", "what `down` says")
    w.true("is down" not in failed.err + failed.out, "it says that the lab is down")
    keeper = w.labctl_processes("keeper")[0]
    w.labctl("up")  # the name is free: whatever is left is dead
    os.kill(second.pid, signal.SIGCONT)
    second.communicate(timeout=10)
    w.wait("the end of the old keeper", lambda: keeper not in processes())
    w.labctl("check")


@case("a keeper that ends late leaves the files of a newer lab of its name alone")
def late_keeper(w):
    w.labctl("up")
    keeper = w.labctl_processes("keeper")[0]
    os.kill(keeper, signal.SIGSTOP)
    os.kill(w.labctl_processes("supervisor")[0], signal.SIGTERM)
    w.wait("the end of the supervisor", lambda: not w.labctl_processes("supervisor"))
    w.labctl("up")
    os.kill(keeper, signal.SIGCONT)
    w.wait("the end of the old keeper", lambda: keeper not in processes())
    w.labctl("check")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@case("probes that nobody waits for any more are not sent: interrupted, killed, over one connection, in sequence")
def interrupted_probe(w):
    w.labctl("up")
    plane = w.labctl_processes("dataplane")[0]
    probes = w.write("probes.json", json.dumps({"sequential": True, "probes": [
        {"id": str(i), "from": "default/client", "to": "http://backend:8080/", "count": 100000} for i in range(10)]}))
    reused = w.write("reused.json", json.dumps({"probes": [
        {"id": "1", "from": "default/client", "to": "http://backend:8080/", "count": 1000000, "reuseConnection": True}]}))
    single = ("client", "http://backend:8080/", "--count", "1000000", "--concurrency", "32")
    for words, number in ((single, signal.SIGINT), (single, signal.SIGKILL), (("--file", probes), signal.SIGTERM),
                          (("--file", reused, "-o", "json"), signal.SIGINT)):
        process = w.start("labctl", "probe", *words)
        busy = cpu_seconds(plane)
        w.wait("the data plane's work", lambda: cpu_seconds(plane) > busy + 0.1)
        os.kill(process.pid, number)
        status, text = finish_command(w, process)
        w.equal(status, -number if number == signal.SIGKILL else 130, f"exit status\n{text}")

        def quiet():
            before = cpu_seconds(plane)
            time.sleep(0.3)
            return cpu_seconds(plane) - before < 0.05

        w.wait(f"a data plane that rests after {words}", quiet)
        w.equal(w.probe("default/client", "http://backend:8080/")["outcome"], "ok", "what is asked next")


@case("who reads no more destroys no lab and leaves none behind: `up | head`, `dev test | head`; what only looks ends")
def closed_pipe(w):
    def run(words, lines):
        """The first lines of what it says; its own exit status."""
        read, write = os.pipe()
        process = w.start("labctl", *words, stdout=write, stderr=write)
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            for _ in range(lines):
                pipe.readline()
        return process.wait(timeout=60)

    w.equal(run(("up",), 1), 0, "exit status of `up | head -1`")
    w.labctl("check", "--network-model")
    w.true(run(("get", "pods", "-A"), 1) in (0, -signal.SIGPIPE), "`get | head -1` ends quietly")
    w.labctl("down")
    w.labctl("dev", "new", str(w.folder / "mine"))
    for lines in (0, 1, 3):
        w.equal(run(("dev", "test", str(w.folder / "mine")), lines), 0, f"`dev test | head -{lines}`")
        w.equal(w.labctl("ls", "-o", "name").out, "", "labs behind it")


@case("`nohup labctl up` goes on when its terminal is closed")
def hung_up(w):
    w.write("small.yaml", SMALL)
    process = w.start("nohup", "labctl", "up", "--name", "victim", "--nodes", "3", "-f", str(w.folder / "small.yaml"))
    w.wait("the keeper", lambda: w.labctl_processes("keeper"))
    os.killpg(process.pid, signal.SIGHUP)
    status, text = finish_command(w, process)
    w.equal(status, 0, f"exit status\n{text}")
    w.true(lab_works(w), "the lab works")
    w.labctl("down", "victim")


@case("a data plane that dies is started again and the network stays up")
def data_plane(w):
    w.labctl("up")
    before = w.labctl_processes("dataplane")
    w.equal(len(before), 1, "data planes")
    os.kill(before[0], signal.SIGKILL)
    w.wait("another data plane", lambda: w.labctl_processes("dataplane") not in ([], before))
    w.wait("an answer", lambda: w.probe("default/client", "tcp://pod:default/db-0:5432")["outcome"] == "ok")
    w.labctl("check")


@case("the data plane holds no capability, may gain none, and is under a seccomp filter")
def unprivileged(w):
    w.labctl("up")
    pid = w.labctl_processes("dataplane")[0]
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        fields = dict(line.split(":\t", 1) for line in status.read().splitlines() if ":\t" in line)
    for name in ("CapPrm", "CapEff", "CapInh", "CapAmb", "CapBnd"):
        w.equal(int(fields[name], 16), 0, name)
    w.equal(fields["NoNewPrivs"], "1", "NoNewPrivs")
    w.equal(fields["Seccomp"], "2", "Seccomp")
