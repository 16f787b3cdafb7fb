"""What every end-to-end case is given: the binary, a world of its own, and words to say what must be true.

A case runs in a cage: pid, mount and network namespaces of its own, so that "nothing is left" can be asserted
exactly (every process in /proc is ours) and a developer's machine is never touched. Inside it the binary runs
as root, or as an ordinary user, with run, state and netns directories that belong to this case alone.
"""

import ctypes
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import time

NOBODY = 65534
WAIT_STEP_S = 0.002
SLOW = float(os.environ.get("LABCTL_TEST_SLOW", "1"))  # so many times slower is this machine (ci/kernel-test)
COMMAND_LIMIT_S = 60.0 * SLOW


class Failure(Exception):
    """What was expected did not happen."""


class Skip(Exception):
    """This machine cannot run the case; the text says why."""


class Case:
    """One test: a function of a World. `modes` are the users that it runs as, `cage` its isolation."""

    def __init__(self, function, title, modes, cage, limit_s):
        self.function, self.title, self.modes, self.cage, self.limit_s = function, title, modes, cage, limit_s
        self.area = pathlib.Path(function.__code__.co_filename).stem
        self.name = f"{self.area}.{function.__name__}"


CASES = []


def case(title, modes=("root", "rootless"), cage=True, limit_s=60):
    """Declares a case. The title is a sentence that is true when it passes."""

    def declare(function):
        CASES.append(Case(function, title, modes, cage, limit_s))
        return function

    return declare


class Run:
    """A finished command. `cpu_seconds` is the processor time of it and of the children that it awaited."""

    def __init__(self, command, status, out, err, seconds, cpu_seconds=0.0):
        self.command, self.status, self.out, self.err = command, status, out, err
        self.seconds, self.cpu_seconds = seconds, cpu_seconds

    def json(self):
        try:
            return json.loads(self.out)
        except ValueError as error:
            raise Failure(f"no JSON on standard output ({error})\n{self.describe()}") from error

    def lines(self):
        return self.out.splitlines()

    def describe(self):
        def clip(text):
            return text if len(text) < 4000 else text[:2000] + "\n[...]\n" + text[-2000:]

        return (f"$ {' '.join(self.command)}\nexit {self.status} after {self.seconds:.3f} s\n"
                f"--- stdout\n{clip(self.out)}\n--- stderr\n{clip(self.err)}")


def drop_ambient_capabilities():
    """For a harness that is no root but holds capabilities in its own user namespace: its children do not."""
    ctypes.CDLL(None).prctl(47, 4, 0, 0, 0)  # PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL


def processes():
    """pid -> command line of every live process that we see, zombies left out."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
            if state not in "ZX":
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        except (OSError, IndexError):
            continue  # it ended while we looked
    return found


def children_cpu_seconds():
    """Processor time of every child that was awaited so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def paths_under(folder):
    """Every path below `folder`, sorted. What is removed while we look is left out (`rglob` would raise)."""
    return sorted(os.path.join(place, name)
                  for place, folders, files in os.walk(folder) for name in folders + files)


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


# Counters and clocks of the kernel, which move by themselves.
VOLATILE_SYSCTLS = re.compile(r"^net\.netfilter\.nf_conntrack_count|^net\.ipv6\.conf\.[^.]*\.stable_secret")


def snapshot_host():
    """What a lab must not change in the network namespace that it was started from, and in the mounts."""
    sysctls = output_of("sysctl", "-a", "--pattern", r"^net\.").splitlines()
    return {
        "ip -d link": re.sub(r"(_timer) +[0-9.]+", r"\1", output_of("ip", "-d", "link")),
        "ip address": output_of("ip", "address"),
        "ip route": output_of("ip", "route", "show", "table", "all"),
        "ip -6 route": output_of("ip", "-6", "route", "show", "table", "all"),
        "ip rule": output_of("ip", "rule"),
        "ip neighbour": output_of("ip", "neighbour", "show", "nud", "permanent"),
        "nft list ruleset": output_of("nft", "list", "ruleset"),
        "sysctl": "\n".join(line for line in sysctls if not VOLATILE_SYSCTLS.match(line)),
        "mounts": pathlib.Path("/proc/self/mounts").read_text(),
    }


class World:
    """The world of one case. Directories are made for it; `finish` checks that nothing is left."""

    def __init__(self, stage, folder, mode, settings):
        self.stage, self.folder, self.mode, self.settings = stage, folder, mode, settings
        self.run_dir, self.state_dir, self.netns_dir = folder / "run", folder / "state", folder / "netns"
        self.home = folder / "home"
        for path in (self.run_dir, self.state_dir, self.netns_dir, self.home):
            path.mkdir(parents=True)
        self.user = {}
        if mode == "rootless" and os.geteuid() == 0:
            self.user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            for path in (folder, self.run_dir, self.state_dir, self.netns_dir, self.home):
                os.chown(path, NOBODY, NOBODY)
        self.caged = False
        self.own_processes = set()
        self.mounts_before = pathlib.Path("/proc/self/mounts").read_text()
        self.notes = []

    # --- acting

    def environment(self, more=None):
        env = {
            "PATH": f"{self.stage / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "LABCTL_RUN_DIR": str(self.run_dir),
            "LABCTL_STATE_DIR": str(self.state_dir),
            "LABCTL_NETNS_DIR": str(self.netns_dir),
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        env.update(more or {})
        return {name: value for name, value in env.items() if value is not None}

    def start(self, *command, env=None, limits=None, **more):
        """Starts a command as this world's user, in a process group of its own."""

        def prepare():
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever runs us in the background has it ignored
            for what, value in (limits or {}).items():
                resource.setrlimit(what, (value, value))
            if os.geteuid() != 0:
                drop_ambient_capabilities()

        more.setdefault("stdin", subprocess.DEVNULL)
        more.setdefault("stdout", subprocess.PIPE)
        more.setdefault("stderr", subprocess.PIPE)
        more.setdefault("cwd", self.folder)
        return subprocess.Popen(
            [str(word) for word in command], env=self.environment(env), preexec_fn=prepare,
            start_new_session=True, **self.user, **more)

    def command(self, *command, status=0, stdin=None, limit_s=COMMAND_LIMIT_S, **more):
        """Runs a command to its end. `status` is what it must exit with; None takes any."""
        words = [str(word) for word in command]
        started, cpu_before = time.monotonic(), children_cpu_seconds()
        more["stdin"] = subprocess.DEVNULL if stdin is None else subprocess.PIPE
        process = self.start(*words, **more)
        try:
            out, err = process.communicate(None if stdin is None else stdin.encode(), timeout=limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            run = Run(words, "none", out.decode(errors="replace"), (err or b"").decode(errors="replace"), limit_s)
            raise Failure(f"not finished after {limit_s:.0f} s\n{run.describe()}") from None
        run = Run(words, process.returncode, out.decode(errors="replace"), (err or b"").decode(errors="replace"),
                  time.monotonic() - started, children_cpu_seconds() - cpu_before)
        wanted = (status,) if isinstance(status, int) else status
        if wanted is not None and run.status not in wanted:
            raise Failure(f"exit status {run.status}, wanted {' or '.join(map(str, wanted))}\n{run.describe()}")
        return run

    def command_as_harness(self, words):
        """Arranges the world with the harness's own rights, for what the world's user may not do."""
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"the harness could not {' '.join(map(str, words))}: {done.stderr}")

    def labctl(self, *arguments, **more):
        return self.command("labctl", *arguments, **more)

    def get(self, *arguments, **more):
        """The items of `labctl get ... -o json`."""
        got = self.labctl("get", *arguments, "-o", "json", **more).json()
        return got["items"] if "items" in got else [got]

    def probe(self, origin, target, *arguments, lab=None):
        chosen = ["--lab", lab] if lab else []
        document = self.labctl(*chosen, "probe", origin, target, *arguments, "-o", "json", status=None).json()
        self.equal(len(document["results"]), 1, "number of results")
        return document["results"][0]

    def probes(self, *probes, status=None, **more):
        text = json.dumps({"probes": list(probes), **more})
        document = self.labctl("probe", "--file", "-", "-o", "json", stdin=text, status=status).json()
        return {result["id"]: result for result in document["results"]}

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if self.user:
            os.chown(path, NOBODY, NOBODY)
        return path

    def own_copy(self, folder, name=None):
        """A copy of a staged folder that this world's user may write."""
        copy = self.folder / (name or folder.name)
        shutil.copytree(folder, copy)
        if self.user:
            for path in [copy, copy.parent, *copy.rglob("*")]:
                os.chown(path, NOBODY, NOBODY)
        return copy

    def manifests(self, name):
        """A file of the real manifests, staged for every user; a visible skip where they are absent."""
        path = self.stage / "manifests" / name
        if not path.exists():
            raise Skip(f"no real manifests ({name}); set LABCTL_MANIFESTS")
        return path

    # --- asserting

    def equal(self, got, wanted, what):
        if got != wanted:
            raise Failure(f"{what}: got {got!r}, wanted {wanted!r}")

    def true(self, condition, what):
        if not condition:
            raise Failure(what)

    def has(self, text, part, what="the text"):
        if part not in text:
            raise Failure(f"{what} lacks {part!r}:\n{text}")

    def matches(self, text, pattern, what="the text"):
        if not re.search(pattern, text, re.MULTILINE):
            raise Failure(f"{what} does not match {pattern!r}:\n{text}")

    def wait(self, what, condition, within_s=5.0):
        """Waits until `condition()` is true and returns its value; a Failure says `what` was awaited."""
        within_s *= SLOW
        end = time.monotonic() + within_s
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise Failure(f"not within {within_s:.1f} s: {what}")
            time.sleep(WAIT_STEP_S)

    # --- what is left

    def remaining(self):
        """What of a lab is still there, as lines; nothing when the host is as it was."""
        left = []
        if self.caged:
            for pid, line in processes().items():
                if pid not in self.own_processes and pid != os.getpid():
                    left.append(f"process {pid}: {line}")
        else:
            left += [f"process {pid}: {line}" for pid, line in processes().items()
                     if "labctl __" in line and self.owns(pid)]
        for folder in (self.run_dir, self.netns_dir):
            left += [f"file {path}" for path in paths_under(folder)]
        mounts = pathlib.Path("/proc/self/mounts").read_text()
        if mounts != self.mounts_before:
            left += [f"mount {line}" for line in mounts.splitlines() if line not in self.mounts_before]
        return left

    def owns(self, pid):
        try:
            return str(self.run_dir).encode() in pathlib.Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False

    def assert_empty(self, within_s=1.0):
        end = time.monotonic() + within_s
        while True:
            left = self.remaining()
            if not left:
                return
            if time.monotonic() > end:
                raise Failure(f"still there after {within_s:.1f} s:\n  " + "\n  ".join(left))
            time.sleep(WAIT_STEP_S)

    def labctl_processes(self, role):
        """pids of `labctl __ROLE` in this cage: keeper, supervisor, dataplane."""
        return [pid for pid, line in processes().items() if re.match(rf"\S*labctl __{role}\b", line)]

    def finish(self):
        """Takes every lab down and asserts that nothing is left, journals included."""
        self.labctl("down", "--all")
        self.assert_empty()
        self.equal(paths_under(self.state_dir), [], "files left in the state directory")


def stage_files(labctl, root, manifests, folder):
    """Copies what cases use to where every user may read it."""
    (folder / "bin").mkdir(parents=True)
    shutil.copy2(labctl, folder / "bin" / "labctl")
    shutil.copytree(root / "labs", folder / "labs")
    if manifests.is_dir():
        shutil.copytree(manifests, folder / "manifests")
    for path in [folder, *folder.rglob("*")]:
        path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
    (folder / "bin" / "labctl").chmod(0o755)
