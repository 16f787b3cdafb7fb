"""Several labs at once, and labs that come back."""

import os
import signal

from harness import case


def addresses(w, lab):
    return {p["metadata"]["namespace"] + "/" + p["metadata"]["name"]: p["status"]["podIP"]
            for p in w.labctl("--lab", lab, "get", "pods", "-A", "-o", "json").json()["items"]}


@case("two labs with the same addresses run side by side and do not meet")
def side_by_side(w):
    w.labctl("up", "--name", "one")
    w.labctl("up", "--name", "two")
    w.equal(sorted(w.labctl("ls", "-o", "name").lines()), ["one", "two"], "labs")
    one = addresses(w, "one")
    two = addresses(w, "two")
    w.equal(one["default/client"], two["default/client"], "the same pod has the same address in both")
    w.labctl("get", "pods", status=2)  # which of the two?
    w.labctl("get", "pods", env={"LABCTL_LAB": "two"})
    w.labctl("--lab", "one", "scale", "statefulset/db", "--replicas", "0")
    w.wait("no db in one", lambda: "default/db-0" not in addresses(w, "one"))
    answer = w.probe("default/client", f"tcp://{two['default/db-0']}:5432", lab="two")
    w.equal(answer["outcome"], "ok", "db in two")
    answer = w.probe("default/client", f"tcp://{two['default/db-0']}:5432", "--timeout", "300ms", lab="one")
    w.true(answer["outcome"] in ("unreachable", "timeout"), f"db in one: {answer['outcome']}")
    w.labctl("down", "one")
    w.equal(w.labctl("ls", "-o", "name").lines(), ["two"], "labs")
    w.labctl("--lab", "two", "check")


@case("a lab that was killed comes back with `labctl up NAME`, with the same pods at the same addresses")
def resume(w):
    w.labctl("up", "--name", "phoenix")
    w.labctl("scale", "deployment/backend", "--replicas", "5")
    w.wait("five backends", lambda: len(w.get("pods", "-l", "app=backend")) == 5)
    w.labctl("label", "pod", "client", "colour=grey")
    before = addresses(w, "phoenix")
    for pid in w.labctl_processes("supervisor"):
        os.kill(pid, signal.SIGKILL)
    w.assert_empty()
    listed = w.labctl("ls")
    w.has(listed.out, "phoenix", "a dead lab is still listed")
    w.labctl("up", "phoenix")
    w.equal(addresses(w, "phoenix"), before, "pods and addresses")
    w.equal(len(w.get("pods", "-l", "colour=grey")), 1, "the label from before")
    w.labctl("check", "--network-model")
    w.labctl("down", "phoenix")


@case("`down --keep` leaves the journal, `down` does not, and `clean` leaves what runs alone")
def keep_and_clean(w):
    w.labctl("up", "--name", "kept")
    before = addresses(w, "kept")
    w.labctl("down", "kept", "--keep")
    w.assert_empty()
    w.labctl("up", "kept")
    w.equal(addresses(w, "kept"), before, "addresses")
    w.labctl("clean", "--all")
    w.equal(w.labctl("ls", "-o", "name").lines(), ["kept"], "labs after clean")
    w.labctl("check", "--network-model")


@case("`clean --all` right after kill -9 of a lab waits for its end and forgets it")
def clean_after_kill(w):
    for _ in range(6):
        w.labctl("up", "--name", "killed")
        os.kill(w.labctl_processes("supervisor")[0], signal.SIGKILL)
        w.has(w.labctl("clean", "--all").err, "forgot the journal of lab 'killed'", "what `clean` says")
        w.equal(w.labctl("ls", "-o", "name").lines(), [], "labs after clean")
        w.assert_empty()


@case("an ordinary user's lab cannot be reached by another user", modes=("root",))
def private(w):
    w.labctl("up")
    socket_files = [path for path in w.run_dir.rglob("*") if path.is_socket()]
    w.true(socket_files, "a control socket")
    for path in socket_files:
        w.equal(path.stat().st_mode & 0o077, 0, f"permissions of {path} for others")
    refused = w.command("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--",
                        "labctl", "get", "pods", status=None)
    w.true(refused.status != 0, "another user is refused")
