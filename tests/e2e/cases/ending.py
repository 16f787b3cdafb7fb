"""Ending well: kill -9 and Ctrl-C at any moment leave nothing behind, within a second."""

import os
import random
import signal
import time

from harness import Failure, case

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
