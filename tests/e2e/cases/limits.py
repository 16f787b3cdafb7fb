"""A host that cannot: one clear cause, one remedy, exit 4 or 5, and nothing left."""

import resource

from harness import NOBODY, case


def assert_refused(w, run, *words):
    w.true(run.status in (4, 5), f"exit status {run.status}, wanted 4 or 5\n{run.describe()}")
    errors = [line for line in run.err.splitlines() if "error:" in line]
    w.equal(len(errors), 1, f"number of errors in:\n{run.err}")
    if run.status == 4:
        w.has(run.err, "hint:", "standard error")
    for word in words:
        w.has(run.err.lower(), word, "standard error")
    w.assert_empty()


@case("a full disk ends `up` with one clear cause and leaves nothing", limit_s=30)
def full_disk(w):
    # The harness may mount; the user of the world may not.
    options = f"size=16k,mode=700,uid={NOBODY},gid={NOBODY}" if w.user else "size=16k,mode=700"
    w.command_as_harness(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(w.state_dir)])
    w.mounts_before = open("/proc/self/mounts", encoding="utf-8").read()
    many = "\n---\n".join(
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: big-{n}}}\ndata: {{text: {'x' * 2000}}}" for n in range(40))
    w.write("big.yaml", many)
    assert_refused(w, w.labctl("up", "--name", "big", "--nodes", "1", "-f", w.folder / "big.yaml", status=None),
                   "no space left on device")
    w.command_as_harness(["umount", str(w.state_dir)])
    w.mounts_before = open("/proc/self/mounts", encoding="utf-8").read()


@case("too few file descriptors end `up` with one clear cause and leave nothing", limit_s=30)
def few_descriptors(w):
    # Root may raise its own limit, so that right is taken away first.
    less = ["setpriv", "--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource", "--"] if not w.user else []
    run = w.command(*less, "labctl", "up", status=None, limits={resource.RLIMIT_NOFILE: 40})
    assert_refused(w, run, "open files")


# The limit is one of the user namespace that it is written in, so a nested one forbids it without a trace here.
FORBIDDEN = ["unshare", "--user", "--map-current-user", "--keep-caps", "sh", "-c",
             "echo 0 >/proc/sys/user/max_user_namespaces && "
             "exec setpriv --ambient-caps -all --inh-caps -all -- labctl \"$@\"", "sh"]


@case("a kernel that forbids user namespaces is named, with the remedy", modes=("rootless",), limit_s=30)
def no_user_namespaces(w):
    run = w.command(*FORBIDDEN, "up", status=None)
    assert_refused(w, run, "user namespace")
    w.equal(run.status, 4, "exit status")
    doctor = w.command(*FORBIDDEN, "doctor", status=None)
    w.has(doctor.out + doctor.err, "max_user_namespaces", "what doctor says")


@case("a directory that cannot be written is named", limit_s=30)
def unwritable(w):
    run = w.labctl("up", env={"LABCTL_STATE_DIR": "/proc/nowhere"}, status=None)
    assert_refused(w, run, "/proc/nowhere")


@case("doctor says what this host can do")
def doctor(w):
    w.labctl("doctor")
