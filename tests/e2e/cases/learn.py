"""Challenges, quizzes and grades, as learners, teachers and authors use them."""

import os
import signal
import time

from harness import case

POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]
"""
HEAD = """---
kind: challenge
title: Only the client
objectives:
  - {key: closed, title: Nobody else gets through, points: 3, checks: [closed]}
  - {key: secret, title: Nothing else is open, points: 1, checks: [secret], needs: [closed]}
mustNotBreak: [open]
protect: [pod/client, pod/other]
overPermissive: 2
hints:
  - {text: Which pods does it select?, cost: 1, objective: closed}
  - {text: The last hint., cost: 1}
wrong: {too-much: [overPermissive], broken: [mustNotBreak]}
---
Read me first.
"""
PODS = """
apiVersion: v1
kind: Pod
metadata: {name: client, labels: {app: client}}
spec: {containers: [{name: c, image: c, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: other, labels: {app: other}}
spec: {containers: [{name: c, image: c, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: c, image: c, ports: [{containerPort: 80}, {name: more, containerPort: 81}]}]}
"""
CHECKS = """
- {name: closed, from: other, to: "web:80", expect: deny}
- {name: secret, from: other, to: "web:81", expect: deny, hidden: true}
- {name: open, from: client, to: "web:80", expect: allow}
"""
TOO_MUCH = POLICY.replace("ingress: [", "ingress: [{ports: [{port: 81}]}, ")


def challenge(w, name="only-client"):
    folder = w.folder / name
    for file, text in {
            "challenge.md": HEAD, "checks.yaml": CHECKS, "manifests/pods.yaml": PODS, "solution/web.yaml": POLICY,
            "wrong/broken.yaml": POLICY.replace("{app: client}", "{app: nobody}"),
            "wrong/too-much.yaml": TOO_MUCH}.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    return folder


def check(w, status):
    return w.labctl("challenge", "check", "-o", "json", status=status).json()


def standings(result):
    return [o["standing"] for o in result["objectives"]]


@case("a challenge from start to end: checks, hints, a solution, what is handed in, and its grade")
def plays(w):
    folder = challenge(w)
    w.has(w.labctl("challenge", "ls", str(w.folder)).out, "only-client", "list")
    started = w.labctl("challenge", "start", str(folder))
    for part in ("Only the client", "Read me first.", "Nobody else gets through  (3 points)",
                 "Not to be changed: pod/client, pod/other"):
        w.has(started.out, part, "what is said at the start")
    w.equal(w.get("checks"), [], "the lab tells nothing of how it is judged")
    first = check(w, 1)
    w.equal((standings(first), first["earned"], first["solved"]), (["missed", "missed"], 0, False), "the start")
    told = w.labctl("challenge", "check", status=1).out
    w.has(told, "closed: expected deny, got ok", "what a learner is told")
    w.has(told, "hidden check 2: too open", "what a learner is told of a hidden one")
    w.true("secret" not in told and "web:81" not in told, "hidden stays hidden")
    hints = [w.labctl("challenge", "hint", "-q").out for _ in range(5)]
    w.has(hints[0], "Nothing stands between default/other and", "where")
    w.has(hints[1], "A policy is missing", "what kind")
    w.equal(hints[3], "Which pods does it select?\n", "the author's first")
    w.equal(hints[4], "The last hint.\n", "the author's second")
    w.write("wrong.yaml", POLICY.replace("{app: client}", "{app: nobody}"))
    w.labctl("apply", "-f", str(w.folder / "wrong.yaml"))
    broken = check(w, 1)
    w.equal((standings(broken), [b["title"] for b in broken["broken"]], broken["earned"]),
            (["reached", "reached"], ["open"], 3), "one that breaks what must hold costs a point")
    w.labctl("apply", "-f", str(folder / "solution"))
    w.labctl("label", "pod", "other", "x=y")
    w.equal(w.labctl("challenge", "solution").out, POLICY, "the solution")
    tampered = check(w, 1)
    w.equal((tampered["earned"], tampered["protectedChanges"]), (0, ["Pod/default/other was changed"]), "protected")
    w.labctl("label", "pod", "other", "x-")
    solved = check(w, 0)
    w.equal((solved["earned"], solved["solved"], solved["opened"]), (4, True, []), "solved")
    w.has(w.labctl("challenge", "hint").out, "It is solved", "no hint is left")
    w.equal(w.labctl("challenge", "ls", str(w.folder), "-o", "json").json()["challenges"][0]["state"], "solved", "state in the list")
    w.write("notes.yaml", "mine")
    w.has(w.labctl("challenge", "submit", "-w", str(w.folder / "notes.yaml"), status=2).err, "no submission", "a file of mine stays")
    w.labctl("challenge", "submit", "-w", str(w.folder / "mine.yaml"))
    w.has(w.labctl("challenge", "submit", "-w", str(w.folder / "mine.yaml")).out, "1 object changed or new, 0 deleted", "submit")
    w.labctl("apply", "-f", str(folder / "wrong/too-much.yaml"))
    hints = [w.labctl("challenge", "hint", "-q").out for _ in range(2)]
    w.has(hints[0], "Something that you are not told of is in the way: too open", "a hidden one in the way")
    w.true("web" not in "".join(hints) and "other" not in hints[0], f"a hint tells too much: {hints}")
    w.labctl("challenge", "stop")
    w.labctl("challenge", "check", status=2)
    w.equal(w.labctl("ls", "-o", "name").out, "", "labs afterwards")
    grade = w.labctl("grade", str(w.folder / "mine.yaml"), "--challenge", str(folder), "-o", "json").json()["grades"][0]
    w.equal((grade["earned"], grade["solved"], grade["attempts"], grade["hints"]), (4, True, 5, 2), "grade")
    w.equal(w.labctl("ls", "-o", "name").out, "", "labs after the grade")


@case("answers of a class: each is judged in a lab of its own; bad ones are told apart from wrong ones")
def grades(w):
    folder = challenge(w)
    answers = {"good": POLICY, "nothing": "", "open": POLICY.replace("podSelector: {matchLabels: {app: client}}", "podSelector: {}"),
               "loose": (folder / "wrong/too-much.yaml").read_text(), "no-yaml": "a: [", "no-field": "kind: NetworkPolicy",
               "lab": "{apiVersion: labctl.dev/v1, kind: Lab, metadata: {name: x}}",
               "pod": PODS.split("---")[0].replace("containerPort: 80", "containerPort: 8080")}
    files = [w.write(name + ".yaml", text) for name, text in answers.items()]
    run = w.labctl("grade", *files, "--challenge", str(folder), "-o", "csv", status=2)
    rows = {line.split(",")[0]: line.split(",") for line in run.out.splitlines()[1:] if "," in line}
    results = {name: (rows[name + ".yaml"][3], rows[name + ".yaml"][4]) for name in answers}
    w.equal(results, {
        "good": ("solved", "4"), "nothing": ("not solved", "0"), "open": ("not solved", "0"), "loose": ("not solved", "1"),
        "no-yaml": ("error", "0"), "no-field": ("error", "0"), "lab": ("error", "0"), "pod": ("error", "0")}, "results")
    text = w.labctl("grade", files[3], "--challenge", str(folder), status=1).out
    w.has(text, "too open: 3 flows that nobody asked for  -2", "over-permissive")
    w.has(text, "default/pod/other -> default/pod/web 81/TCP", "which flow")
    w.has(text, "secret: expected deny, got ok", "a teacher sees what was hidden")
    w.has(w.labctl("grade", files[0], "--challenge", str(folder), "-o", "markdown").out, "| Nobody else gets through | reached | 3/3 |", "markdown")
    w.has(w.labctl("grade", files[0], "--challenge", str(folder), "-o", "junit").out, '<testcase', "junit")
    w.labctl("grade", *files[:2], "--challenge", str(folder), "-o", "junit", status=None)
    junit = w.labctl("grade", *files[:2], "--challenge", str(folder), "-o", "junit", status=None).out
    w.equal(junit.count("<testsuite "), 2, f"a suite for each answer: {junit}")
    w.labctl("grade", files[0], "--challenge", str(folder), "-o", "xml", status=2)
    w.labctl("grade", files[0], "--challenge", "nowhere", status=2)
    other = challenge(w, "another")
    w.labctl("challenge", "start", str(folder))
    w.labctl("challenge", "submit", "-w", str(w.folder / "mine.yaml"))
    w.labctl("challenge", "stop")
    w.has(w.labctl("grade", str(w.folder / "mine.yaml"), "--challenge", str(other), status=2).out,
          "it is an answer to 'only-client', not to 'another'", "an answer to something else")


@case("deleted and replaced objects are handed in, too")
def replaces(w):
    folder = challenge(w)
    (folder / "manifests/deny.yaml").write_text(POLICY.replace("name: web", "name: deny").replace("{app: client}", "{app: nobody}"))
    (folder / "solution/delete.yaml").write_text(POLICY.replace("name: web", "name: deny"))
    (folder / "challenge.md").write_text(HEAD.replace("mustNotBreak: [open]\n", "").replace("checks: [closed]", "checks: [closed, open]")
                                         .replace("wrong: {too-much: [overPermissive], broken: [mustNotBreak]}", "wrong: {stays: [closed]}"))
    for file in ("broken", "too-much"):
        (folder / f"wrong/{file}.yaml").unlink()
    (folder / "wrong/stays.yaml").write_text(POLICY.replace("name: web", "name: deny").replace("{app: client}", "{app: nobody}"))
    w.labctl("challenge", "start", str(folder))
    w.labctl("delete", "networkpolicy", "deny")
    w.labctl("apply", "-f", str(folder / "solution/web.yaml"))
    w.labctl("delete", "pod", "web")
    w.write("web.yaml", "---".join(PODS.split("---")[2:]).replace("{name: more, containerPort: 81}", "{name: again, containerPort: 82}"))
    w.labctl("apply", "-f", str(w.folder / "web.yaml"))
    text = w.labctl("challenge", "submit", "-w", "-").out
    for part in ("NetworkPolicy/default/deny", "- Pod/default/web", "containerPort: 82", "kind: Submission"):
        w.has(text, part, "what is handed in")
    w.true("Pod/default/client" not in text and "status:" not in text and "clusterIP" not in text, "and no more")
    w.write("mine.yaml", text)
    w.labctl("challenge", "stop")
    grade = w.labctl("grade", str(w.folder / "mine.yaml"), "--challenge", str(folder), "-o", "json", status=3).json()["grades"][0]
    # web has no port 81 any more, so nothing shows that a policy closes it
    w.equal([o["standing"] for o in grade["objectives"]], ["reached", "inconclusive"], "judged in another lab")


@case("dev: new exercises pass their own test, and each thing that they get wrong is told")
def authors(w):
    w.labctl("dev", "new", str(w.folder / "mine"))
    w.labctl("dev", "test", str(w.folder / "mine"))
    w.labctl("dev", "new", str(w.folder / "my-quiz"), "--kind", "quiz")
    w.labctl("dev", "test", str(w.folder / "my-quiz"), "--seed", "3")
    w.has(w.labctl("dev", "new", str(w.folder / "mine"), status=2).err, "is there already, and not empty", "what is there stays")
    w.labctl("dev", "new", str(w.folder / "No_Name"), status=2)
    w.labctl("dev", "new", str(w.folder / "x"), "--kind", "exam", status=2)
    w.labctl("dev", "lint", str(w.folder), status=2)
    folder = challenge(w)
    good = {file: (folder / file).read_text() for file in ("challenge.md", "checks.yaml", "manifests/pods.yaml", "solution/web.yaml")}
    w.labctl("dev", "test", str(folder))
    for file, change, complaint in (
            ("manifests/pods.yaml", lambda t: t + "---" + POLICY, "objective closed is reached before anybody did anything"),
            ("solution/web.yaml", lambda t: t.replace("{app: client}", "{app: nobody}"), "mustNotBreak is broken: open"),
            ("solution/web.yaml", lambda t: t.replace("{app: web}", "{app: wep}"), "objective closed is missed"),
            ("challenge.md", lambda t: t.replace("[overPermissive]", "[closed]"), "it does not fail closed"),
            ("challenge.md", lambda t: t.replace("broken: [must", "broke: [must"), "there is no wrong/broke"),
            ("manifests/pods.yaml", lambda t: "# should be closed\n" + t, "a comment tells learners too much"),
            ("checks.yaml", lambda t: t.replace("deny", "denied", 1), "checks.yaml:2:45"),
            ("challenge.md", lambda t: t.replace("[open]", "[opn]"), "did you mean 'open'?"),
            ("challenge.md", lambda t: t.replace("pod/other", "pod/othr"), "did you mean 'Pod/default/other'?"),
            ("manifests/pods.yaml", lambda t: t.replace("containerPort: 80", "containerPort: 99999", 1), "containerPort")):
        (folder / file).write_text(change(good[file]))
        w.has(w.labctl("dev", "test", str(folder), status=1).out, complaint, complaint)
        (folder / file).write_text(good[file])
    steps = w.labctl("dev", "test", str(folder), "-o", "json").json()["exercises"][0]
    w.equal((steps["passed"], len(steps["steps"])), (True, 6), "as JSON")
    # What protects nothing is told by lint already, each entry at its place.
    (folder / "challenge.md").write_text(
        good["challenge.md"].replace("[pod/client, pod/other]", "[pod/clientt, foo/bar, pod/other, nothing]"))
    told = w.labctl("dev", "lint", str(folder), status=1)
    line = good["challenge.md"].splitlines().index("protect: [pod/client, pod/other]") + 1
    for column, part in ((11, "protect[0]: there is no 'pod/clientt'"), (24, "protect[1]: there is no kind 'foo'"),
                         (44, "protect[3]: 'nothing' does not name an object")):
        w.has(told.out + told.err, f"challenge.md:{line}:{column}: error: {part}", "the entry")
    w.true("protect[2]" not in told.out + told.err, "one that is there")
    w.equal(w.labctl("ls", "-o", "name").out, "", "no lab is left")


@case("every challenge and quiz of the project passes its test", limit_s=240)
def shipped(w):
    root = w.stage / "labs"
    folders = sorted(f.parent for f in [*root.glob("challenges/*/challenge.md"), *root.glob("quizzes/*/quiz.md")])
    w.true(len(folders) >= 10, f"only {len(folders)} exercises")
    w.labctl("dev", "test", *map(str, folders), limit_s=200)
    listed = w.labctl("challenge", "ls", env={"LABCTL_LABS_DIR": str(root)}).out
    for folder in root.glob("challenges/*"):
        w.has(listed, folder.name, "list")


@case("a quiz: predictions are answered by the lab, and what is right is told at once or, graded, at the end")
def quiz(w):
    w.labctl("dev", "new", str(w.folder / "q"), "--kind", "quiz")
    w.has(w.labctl("quiz", "start", str(w.folder / "q")).out, "Question 1 of 4", "the first question")
    w.has(w.labctl("quiz", "answer", "maybe", status=2).err, "is none of the answers", "what is no answer")
    w.has(w.labctl("quiz", "answer", "a").out, "not right. It is: no", "a wrong prediction")
    answer = w.labctl("quiz", "answer", "yes").out
    w.has(answer, "right: yes", "after the manifests were applied")
    w.has(answer, "answered by default/web", "what the lab says")
    w.has(w.labctl("quiz", "show").out, "Question 3 of 4", "where it is")
    w.labctl("quiz", "answer", "the", "controller", "of", "endpoints")
    w.labctl("quiz", "grade", status=1)
    w.has(w.labctl("quiz", "answer", "80").out, "That was the last question", "the end")
    grade = w.labctl("quiz", "grade", "-o", "json").json()
    w.equal((grade["earned"], grade["points"], grade["passed"]), (3, 4, True), "grade")
    w.labctl("quiz", "answer", "80", status=2)
    w.labctl("quiz", "stop")
    w.labctl("quiz", "start", str(w.folder / "q"), "--graded")
    w.equal(w.labctl("quiz", "answer", "no").lines()[0], "noted", "nothing is told")
    w.has(w.labctl("quiz", "grade", status=2).err, "1 of 4 questions", "not before the end")
    w.labctl("quiz", "stop")
    bare = w.folder / "bare"
    bare.mkdir()
    (bare / "quiz.md").write_text("---\nkind: quiz\ntitle: T\nquestions:\n  - {question: 'Two?', type: number, correct: 2}\n---\n")
    w.labctl("quiz", "start", str(bare))
    w.equal(w.labctl("ls", "-o", "name").out, "", "a quiz without a lab")
    w.labctl("quiz", "answer", "2")
    w.labctl("quiz", "grade")
    w.labctl("quiz", "stop")


@case("hints cost points in a graded run, and are in what is handed in")
def graded(w):
    folder = challenge(w)
    w.labctl("challenge", "start", str(folder), "--graded")
    w.has(w.labctl("challenge", "solution", status=2).err, "a graded run", "no look at the solution")
    for _ in range(3):
        w.has(w.labctl("challenge", "hint").err, "free", "those of the lab")
    w.has(w.labctl("challenge", "hint").out, "costs 1. The same command again", "its price is told first")
    w.equal(check(w, 1)["hintCost"], 0, "which costs nothing")
    w.has(w.labctl("challenge", "hint").err, "it costs 1", "the author's")
    w.has(w.labctl("challenge", "show").out, "Hint: Which pods does it select?", "it can be read again")
    w.labctl("apply", "-f", str(folder / "solution"))
    result = check(w, 0)
    w.equal((result["earned"], result["hintCost"], result["solved"]), (3, 1, True), "a hint less")
    w.labctl("challenge", "submit", "-w", str(w.folder / "mine.yaml"))
    w.labctl("challenge", "reset")
    again = check(w, 1)
    w.equal(standings(again), ["missed", "missed"], "a new lab")
    w.equal(again["hintCost"], 1, "a hint stays taken")
    w.labctl("challenge", "stop")
    grade = w.labctl("grade", str(w.folder / "mine.yaml"), "--challenge", str(folder), "-o", "json").json()["grades"][0]
    w.equal(grade["earned"], 3, "grade")


@case("sessions: one of a name, several at once, labs that went away, and files that are torn")
def sessions(w):
    one, two = challenge(w, "one"), challenge(w, "two")
    w.has(w.labctl("challenge", "check", status=2).err, "no challenge is under way", "none")
    w.has(w.labctl("challenge", "start", "onee", status=2, env={"LABCTL_LABS_DIR": str(w.folder)}).err, "did you mean 'one'?", "a slip")
    w.labctl("challenge", "start", "one", env={"LABCTL_LABS_DIR": str(w.folder)})
    w.has(w.labctl("challenge", "start", str(one), status=2).err, "is under way already", "again")
    w.labctl("challenge", "start", str(two))
    w.has(w.labctl("challenge", "check", status=2).err, "several are under way: one, two", "which?")
    w.labctl("challenge", "check", "--lab", "two", status=1)
    w.labctl("down", "one")
    w.has(w.labctl("challenge", "check", "--lab", "one", status=2).err, "labctl challenge reset", "a lab that is down")
    w.labctl("challenge", "reset", "--lab", "one")
    w.labctl("challenge", "stop", "--lab", "one")
    w.labctl("challenge", "stop")
    w.labctl("up", "--name", "one")
    w.has(w.labctl("challenge", "start", str(one), status=2).err, "lab 'one' is up already", "a lab of that name")
    w.equal(w.labctl("ls", "-o", "name").lines(), ["one"], "it is left alone")
    w.labctl("down", "one")
    w.has(w.labctl("challenge", "hnt", status=2).err, "did you mean 'hint'?", "a slip")
    w.has(w.labctl("challenge", "check", "now", status=2).err, "'now' is too much", "a word too much")
    w.has(w.labctl("challenge", "show", "-o", "json", status=2).err, "has no output format 'json'", "no such form")
    w.labctl("quiz", "fly", status=2)
    w.labctl("dev", "fly", "x", status=2)


@case("an interrupt while something is judged leaves no lab")
def interrupted(w):
    folder = challenge(w)
    (folder / "checks.yaml").write_text(CHECKS.replace("expect: deny}", "expect: deny, within: 20s}"))
    answer = w.write("nothing.yaml", "")
    process = w.start("labctl", "grade", answer, "--challenge", str(folder))
    w.wait("the lab to be judged", lambda: w.labctl("ls", "-o", "name").out.startswith("grade-"))
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    w.equal(process.returncode, 130, f"status: {err.decode()}")
    w.equal(w.labctl("ls", "-o", "name").out, "", "labs")


@case("variants: a submission knows its seed and its challenge, and is judged in its variant's words")
def variants(w):
    folder = w.folder / "varied"
    w.labctl("dev", "new", str(folder))
    head = (folder / "challenge.md").read_text().replace("from the Service web", "at port ${PORT}") \
        .replace("protect: [pod/client, pod/web]", "protect: [pod/${WHO}, pod/web]").replace("PORT: [8080", "WHO: [client]\n  PORT: [8080")
    (folder / "challenge.md").write_text(head)
    w.labctl("dev", "test", str(folder))
    other = next(seed for seed in range(1, 20) if "9090" in w.labctl("challenge", "start", str(folder), "--seed", str(seed)).out
                 or not w.labctl("challenge", "stop"))
    w.labctl("apply", "-f", "-", stdin=w.labctl("challenge", "solution").out)
    w.labctl("challenge", "submit", "-w", str(w.folder / "mine.yaml"))
    w.labctl("challenge", "stop")
    env = {"LABCTL_LABS_DIR": str(w.folder)}
    w.has(w.labctl("grade", str(w.folder / "mine.yaml"), env=env).out, "an answer at port 9090", "its variant")
    w.has(w.labctl("grade", str(w.folder / "mine.yaml"), "--seed", str(other + 100), env=env, status=2).out,
          f"it is an answer to variant {other}, not to {other + 100}", "another variant")
    w.has(w.labctl("grade", str(folder / "solution/web.yaml"), status=2).err, "to which challenge?", "none is named")
    w.labctl("grade", str(folder / "solution"), "--challenge", str(folder), "--seed", str(other))
    w.labctl("up", str(folder))  # the first variant, as a lab
    w.equal(w.get("pods", "web")[0]["spec"]["containers"][0]["ports"][0]["containerPort"], 8080, "as a lab")


@case("answers of strangers: links, pipes, marks of controllers, nodes, and folders that pose as the challenge")
def untrusted(w):
    folder = challenge(w)
    inbox = w.folder / "inbox"
    inbox.mkdir()
    (inbox / "link.yaml").symlink_to(folder / "solution/web.yaml")
    (inbox / "linked").symlink_to(folder / "solution")
    (inbox / "dir").mkdir()
    (inbox / "dir/a.yaml").symlink_to(folder / "solution/web.yaml")
    os.mkfifo(inbox / "pipe.yaml")
    pod = PODS.split("---")[0].replace("name: client,", "name: spy, ownerReferences: [{apiVersion: v1, kind: X, name: x, uid: uid-1}],")
    (inbox / "owned.yaml").write_text(pod)
    (inbox / "node.yaml").write_text("{apiVersion: v1, kind: Node, metadata: {name: node-1, labels: {a: b}}}")
    (inbox / "`x';y`.yaml").write_text(POLICY)
    wanted = {"link.yaml": "is a link", "linked": "is a link", "dir": "is a link", "pipe.yaml": "is no regular file",
              "owned.yaml": "no ownerReferences", "node.yaml": "has no Node", "`x';y`.yaml": None}
    run = w.labctl("grade", *[str(inbox / name) for name in wanted], "--challenge", str(folder), "-o", "json", status=2).json()
    for grade, (name, complaint) in zip(run["grades"], wanted.items()):
        w.has(grade.get("error", "solved" if grade["solved"] else "not solved"), complaint or "solved", name)
    w.has(run["grades"][-1]["command"], "'\\''", "a path as a shell reads it")
    markdown = w.labctl("grade", str(inbox / "`x';y`.yaml"), "--challenge", str(folder), "-o", "markdown").out
    w.has(markdown, "`` labctl grade", "a code span that nothing breaks out of")
    # a protected pod that was made not ready is a changed one
    w.labctl("challenge", "start", str(folder))
    w.labctl("set", "other", "ready=false")
    w.equal(check(w, 1)["protectedChanges"], ["Pod/default/other was changed"], "readiness")
    w.labctl("challenge", "submit", "-w", str(w.folder / "mine.yaml"))
    w.labctl("challenge", "stop")
    junit = w.labctl("grade", str(w.folder / "mine.yaml"), "--challenge", str(folder), "-o", "junit", status=1).out
    w.has(junit, "must stay as it was", "junit tells of what is no check")
    w.has(w.labctl("grade", str(inbox / "node.yaml"), "--challenge", str(folder), "-o", "junit", status=2).out, "has no Node", "and why")
    # the name in a submission does not lead to a folder that came with it
    w.has(w.labctl("grade", str(w.folder / "mine.yaml"), status=2).err, "there is no challenge 'only-client'", "a folder beside it")
    w.labctl("grade", str(w.folder / "mine.yaml"), status=1, env={"LABCTL_LABS_DIR": str(w.folder)})


@case("dev goes on with the next exercise, and finds them by name")
def dev_goes_on(w):
    env = {"LABCTL_LABS_DIR": str(w.stage / "labs")}
    w.labctl("dev", "lint", "services", "no-endpoints", env=env)  # a quiz and a challenge
    bad, good = w.folder / "bad", challenge(w)
    bad.mkdir()
    (bad / "quiz.md").write_text("---\nkind: quiz\ntitle: T\nquestions:\n  - {question: Q, type: text, correct: []}\n---\n")
    result = w.labctl("dev", "test", str(bad), str(good), "-o", "json", status=1).json()["exercises"]
    w.equal([e["passed"] for e in result], [False, True], "both are told of")
    w.has(str(result[0]["steps"]), "what is right", "an empty list of right answers")
