"""What the binary prints of itself, and what is packed around it."""

import os
import pathlib
import re
import subprocess

from harness import Skip, case

COMMANDS = ("up down ls status events clean doctor version completion apply delete get describe scale label set "
            "logs exec shell capture fault probe check explain plan lint graph").split()


def root(w):
    return pathlib.Path(w.settings["root"])


@case("version and help name the program, every command, and go to standard output", modes=("root", "rootless"))
def version_and_help(w):
    w.matches(w.labctl("version").out, r"^labctl \d+\.\d+\.\d+", "version")
    w.equal(w.labctl("version", "-o", "json").json()["version"], w.labctl("--version").out.split()[1], "the version")
    text = w.labctl("--help").out
    for command in COMMANDS:
        w.matches(text, rf"^\s+{command}\b", "the help")
        w.has(w.labctl(command, "--help").out, "Usage", f"help of {command}")
    for alias in ("deploy", "destroy", "validate", "trace"):
        w.labctl(alias, "--help")
    w.labctl(status=2)
    w.true("\x1b" not in text, "no colour where there is no terminal")


@case("the manual page is clean and tells of every command and exit status", modes=("rootless",))
def manual(w):
    page = root(w) / "labctl" / "cli" / "labctl.1"
    shown = w.command("man", "--warnings", "-l", page, env={"MANWIDTH": "100", "MAN_KEEP_FORMATTING": ""})
    w.equal(shown.err, "", "warnings of man")
    for command in COMMANDS:
        w.matches(shown.out, rf"^\s+{command}\b", "the manual page")
    for status in ("0", "1", "2", "3", "4", "5", "130"):
        w.matches(shown.out, rf"^\s+{status}\s+\w", "the list of exit statuses")


def completed_by_bash(w, line):
    """The words that bash offers at the end of `line`."""
    script = (f"source <(labctl completion bash); COMP_LINE={line!r}; COMP_WORDS=({line}); "
              f"[[ {line!r} == *' ' ]] && COMP_WORDS+=(''); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
              "_labctl; printf '%s\\n' \"${COMPREPLY[@]}\"")
    return w.command("bash", "-c", script).lines()


@case("completions load in bash, zsh and fish and offer commands, kinds and names of the running lab")
def completion(w):
    w.labctl("completion", "tcsh", status=2)
    w.labctl("up")
    w.true(set(COMMANDS) <= set(completed_by_bash(w, "labctl ")), "commands in bash")
    w.equal(completed_by_bash(w, "labctl describe pod cl"), ["client"], "a pod in bash")
    w.equal(completed_by_bash(w, "labctl exec node/node-2"), ["node/node-2"], "a node in bash")
    w.equal(completed_by_bash(w, "labctl down d"), ["demo"], "a lab in bash")
    w.equal(completed_by_bash(w, "labctl graph -o s"), ["svg"], "a format in bash")
    w.has("\n".join(completed_by_bash(w, "labctl up --")), "--dry-run", "flags in bash")
    w.has("\n".join(completed_by_bash(w, "labctl get pods --")), "--show-labels", "flags of get in bash")
    w.equal(completed_by_bash(w, "labctl get -L app pod cl"), ["client"], "a pod behind a flag in bash")
    w.equal(completed_by_bash(w, "labctl get -o custom-columns-"), ["custom-columns-file="], "a form of get in bash")
    w.equal(completed_by_bash(w, "labctl get -o jsonpath = {.kind} --sort-by .kind pod cl"), ["client"],
            "a pod behind a template, as bash takes it apart")
    w.equal(completed_by_bash(w, "labctl get pods --field-selector spec.n"), ["spec.nodeName="], "a field in bash")
    w.equal(completed_by_bash(w, "labctl describe -o custom-columns-"), [""], "no form of get for others in bash")
    w.equal(completed_by_bash(w, "labctl fault fl"), ["flap"], "a fault in bash")
    w.equal(completed_by_bash(w, "labctl fault stop node/node-2"), ["node/node-2"], "a node to stop in bash")
    w.equal(completed_by_bash(w, "labctl capture -w x --filter tcp cli"), ["client"], "a pod to capture in bash")
    offered = w.command("fish", "-c", "labctl completion fish | source; complete -C 'labctl describe pod cl'; "
                                      "complete -C 'labctl gra'; complete -C 'labctl get -o custom-columns-'; "
                                      "complete -C 'labctl exec node/node-2'").out
    for word in ("client", "graph", "node/node-2", "custom-columns-file="):
        w.matches(offered, rf"^{word}(\s|$)", "what fish offers")
    w.command("zsh", "-fc", "autoload -U compinit && compinit -u -d $HOME/z && source <(labctl completion zsh) && "
                            "(( $+functions[_labctl] )) && [[ $_comps[labctl] == _labctl ]]")


@case("a lab drawn to a terminal is in colour, and NO_COLOR or --no-color turn that off", modes=("root",))
def colour(w):
    def on_terminal(*words, env=None):
        line = "script -qec '" + " ".join(words) + "' /dev/null"
        return w.command("sh", "-c", line, env={"TERM": "xterm", **(env or {})}).out
    w.true("\x1b[" in on_terminal("labctl", "up"), "colour on a terminal")
    w.true("\x1b[3" not in on_terminal("labctl", "status", env={"NO_COLOR": "1"}), "NO_COLOR")
    w.true("\x1b[3" not in on_terminal("labctl", "status", "--no-color"), "--no-color")


@case("`cmake --install` and the Debian package hold binary, manual, completions, labs and licence",
      modes=("root",), limit_s=180)
def package(w):
    build = pathlib.Path(w.settings["build"])
    if not (build / "CPackConfig.cmake").is_file():
        raise Skip(f"{build} is no build directory")
    environment = {"PATH": os.environ["PATH"], "HOME": str(w.home)}
    target = w.folder / "installed"
    subprocess.run(["cmake", "--install", str(build), "--prefix", str(target)], check=True, env=environment,
                   capture_output=True)
    made = subprocess.run(["cpack", "--config", str(build / "CPackConfig.cmake"), "-B", str(w.folder / "deb")],
                          check=False, env=environment, capture_output=True, text=True, cwd=w.folder)
    w.equal(made.returncode, 0, f"status of cpack:\n{made.stdout}{made.stderr}")
    packages = list((w.folder / "deb").glob("*.deb"))
    w.equal(len(packages), 1, "packages")
    fields = w.command("dpkg-deb", "-f", packages[0]).out
    w.matches(fields, r"^Depends: libc6 \([^)]+\), libmnl0 \([^)]+\)$", "what the binary does not hold itself")
    listed = w.command("dpkg-deb", "-c", packages[0]).out
    for path in ("usr/bin/labctl", "usr/share/man/man1/labctl.1.gz", "usr/share/doc/labctl/copyright",
                 "usr/share/doc/labctl/README.md", "usr/share/bash-completion/completions/labctl",
                 "usr/share/zsh/vendor-completions/_labctl", "usr/share/fish/vendor_completions.d/labctl.fish",
                 "usr/share/labctl/labs/demo/lab.yaml"):
        w.has(listed, f"./{path}\n", "the package")
        w.true((target / path.removeprefix("usr/")).is_file(), f"{path} is installed")
    w.true(not re.search(r"^\S+ (?!root/root)", listed, re.MULTILINE), "every file belongs to root")
    w.command("dpkg-deb", "-x", packages[0], w.folder / "unpacked")
    unpacked = w.folder / "unpacked" / "usr" / "bin" / "labctl"
    w.matches(w.command(unpacked, "version").out, r"^labctl ", "the packaged binary")
    w.command(unpacked, "up", "--name", "packed")
    w.command(unpacked, "down", "packed")
