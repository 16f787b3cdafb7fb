"""Every command that a document shows is run, and what it shows as output is what comes.

A fenced block that begins with ```sh run is executed, line after line in one shell, with the binary on the
PATH. If the next fenced block is ```text output, then what the commands printed must be that, up to numbers,
the random part of names, and the width of columns; a line of "..." stands for any lines. ```sh ci holds the
scripts that run this very test, which are executed by whoever runs it. ```sh run if PROGRAM is left out, and
said so, where the host has no such program.
"""

import difflib
import os
import pathlib
import re
import shutil
import subprocess

from harness import Failure, Skip, case

FENCE = re.compile(r"^```(?P<tag>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(path):
    """(tag, body, line number) of every fenced block."""
    text = path.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        yield match["tag"].strip(), match["body"], text[:match.start()].count("\n") + 1


def plain(line):
    """A line without what differs from run to run."""
    line = re.sub(r"\x1b\[[0-9;]*m", "", line)
    line = re.sub(r"-[0-9a-f]{8,10}-[a-z0-9]{5}\b", "-#", line)     # pods of a Deployment
    line = re.sub(r"\b(frontend|backend)-#?\S*", r"\1-#", line)
    line = re.sub(r"-[a-z0-9]{5}\b(?=\s|$|:|\")", "-#", line)       # pods of a DaemonSet
    line = re.sub(r"\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b", "MAC", line)
    line = re.sub(r"\bveth[0-9a-f]{8}", "veth#", line)
    line = re.sub(r"\d+(\.\d+)?\s?(us|ms|s|m|h)\b", "TIME", line)
    line = re.sub(r"\d+", "0", line)
    return re.sub(r"[\s─━-]+", " ", line).strip()


def compare(shown, got, place):
    """`shown` is a document's text, `got` what came; "..." matches any number of lines."""
    wanted = [plain(line) for line in shown.splitlines()]
    came = [plain(line) for line in got.splitlines()]
    pattern = "\n".join(r"(?:.*\n?)*?" if line == "..." else re.escape(line) for line in wanted if line)
    text = "\n".join(line for line in came if line)
    if not re.fullmatch(pattern, text):
        difference = "\n".join(difflib.unified_diff(wanted, came, "in the document", "what came", lineterm="", n=1))
        raise Failure(f"{place} shows other output than what comes:\n{difference}\n--- real output\n{got}")


def run_block(w, body, place, folder):
    # A reader types "! command" to say that it fails; a shell under -e would not mind if it did not.
    body = re.sub(r"^! (.*)$", r"! \1 || { echo 'this was to fail, and did not'; exit 99; }", body, flags=re.MULTILINE)
    run = w.command("bash", "-euo", "pipefail", "-c", body, status=None, cwd=folder, stderr=subprocess.STDOUT,
                    limit_s=300)
    if run.status != 0:
        raise Failure(f"{place} does not work\n{run.describe()}")
    return run.out


def run_document(w, path, folder):
    """Runs a document's commands; returns how many lines of commands there were."""
    count, output = 0, None
    for tag, body, line in blocks(path):
        place = f"{path.name}:{line}"
        program = tag.removeprefix("sh run if ") if tag.startswith("sh run if ") else None
        if program is not None and shutil.which(program) is None:
            w.notes.append(f"{place} needs {program}, which is not here")
        elif tag == "sh run" or program is not None:
            output = run_block(w, body, place, folder)
            count += sum(1 for text in body.splitlines() if text.strip() and not text.startswith("#"))
        elif tag == "text output":
            if output is None:
                raise Failure(f"{place} is output of nothing")
            compare(body, output, place)
            output = None
        elif tag.startswith("sh") and tag not in ("sh ci",):
            raise Failure(f"{place} holds commands that no test runs; write ```sh run")
    return count


@case("every command of the README works, and its output is the real one", limit_s=400)
def readme(w):
    source = pathlib.Path(w.settings["root"]) / "README.md"
    # A clone of its own: the commands are run where a reader would run them, by every user.
    folder = w.own_copy(w.stage / "labs", "clone/labs").parent
    count = run_document(w, source, folder)
    w.true(count >= 8, f"only {count} commands found")
    w.notes.append(f"{count} commands")


@case("the scripts that the README names for a clone exist and run", modes=("root",), limit_s=600)
def readme_scripts(w):
    root = pathlib.Path(w.settings["root"])
    named = [line.split() for tag, body, _ in blocks(root / "README.md") if tag == "sh ci"
             for line in body.splitlines() if line.strip() and not line.startswith("#")]
    w.true(len(named) >= 2, f"scripts in ```sh ci blocks: {named}")
    for words in named:
        w.true((root / words[0]).is_file() and os.access(root / words[0], os.X_OK), f"{words[0]} is a script")
    if os.environ.get("LABCTL_CI_TEST") != "1":
        raise Skip("the scripts themselves are run by ci/test, which did not start this run")


@case("every step of every exercise works", modes=("root",), limit_s=300)
def exercises(w):
    found = sorted((w.stage / "labs").glob("*/README.md"))
    w.true(found, "an exercise")
    for path in found:
        folder = w.own_copy(path.parent)
        count = run_document(w, folder / path.name, folder)
        w.true(count >= 5, f"{path.parent.name}: only {count} commands found")
        w.notes.append(f"{path.parent.name}: {count} commands")
        w.labctl("down", "--all")
        w.assert_empty()
