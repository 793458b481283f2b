# SPDX-License-Identifier: Apache-2.0
"""Completion in the real shells, as a person types, and the protocol of the older mesos-completion."""
import json
import os
import shutil
import subprocess
import tempfile

import pytest

from cluster import REPOSITORY, Cluster
from terminal import Terminal


@pytest.fixture(scope="module")
def shared():
    cluster = Cluster(tempfile.mkdtemp(prefix="cm-"))
    try:
        cluster.start()
        cluster.tool("execute", "--name=spoke-up", "mkdir results; echo its-content > results/table")
        cluster.tool("execute", "--name=sprang", "true")
        # The programs by their installed names.
        os.mkdir(cluster.directory + "/bin")
        for name in ("mesos", "mesos-tail", "mesos-completion"):
            os.symlink(cluster.tree.program("mesos"), f"{cluster.directory}/bin/{name}")
        yield cluster
    finally:
        cluster.stop()
        cluster.remove()


def candidates(cluster, line, *more, point=None, master=True):
    env = {"COMP_LINE": line, "COMP_POINT": str(len(line.encode()) if point is None else point), "HOME": cluster.directory}
    if master:
        env["MESOS_MASTER"] = cluster.address
    done = subprocess.run([f"{cluster.directory}/bin/mesos-completion", *more], env=env, text=True, timeout=10, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("line, wanted", [
    ("mesos ta", ["task", "tail"]), ("mesos task ", ["list", "inspect", "exec", "attach"]), ("mesos task li", ["list"]),
    ("mesos completion ", ["bash", "zsh", "fish"]), ("mesos help fra", ["framework"]), ("mesos config un", ["unset"]),
    ("mesos tail --fo", ["--follow"]), ("mesos execute --content_type=", ["--content_type=json", "--content_type=protobuf"]),
    ("mesos execute --no-sh", ["--no-shell"]), ("mesos execute --containerizer=d", ["--containerizer=docker"]),
    ("mesos cat sp", ["spoke-up", "sprang"]), ("mesos cat -- spo", ["spoke-up"]), ("mesos cat 'spo", ["spoke-up"]),
    ("mesos tail spoke-up,spr", ["spoke-up,sprang"]), ("mesos cat spoke-up res", ["results/"]),
    ("mesos ls spoke-up results/", ["results/table"]), ("mesos task inspect spr", ["sprang"]),
    ("mesos task exec spr", []), ("mesos execute -- tas", []), ("mesos nosuch ", []), ("mesos state local", ["localhost"]),
    ("mesos --c", ["--ca_file=", "--cert_file="]), ("mesos --ca_file=/x --key_file /y --p", ["--principal="]),
    ("mesos --cert_file=/x ta", ["task", "tail"]), ("mesos config set ca", []), ("mesos config ca", ["ca_file"]),
    ("mesos-tail spo", ["spoke-up"]), ("mesos framework teardown x", []), ("mesos \x1b[", []),
])
def test_candidates(shared, line, wanted):
    assert candidates(shared, line) == wanted


def test_the_cursor_may_stand_inside(shared):
    assert candidates(shared, "mesos ta --follow", point=8) == ["task", "tail"]


def test_as_bash_calls_a_program_directly(shared):
    """complete -C mesos-completion mesos: command, current word, word before; words end at '=' too."""
    assert candidates(shared, "mesos execute --content_type=j", "mesos", "j", "=") == ["json"]
    assert candidates(shared, "mesos execute --content_t", "mesos", "--content_t", "execute") == ["--content_type="]


def test_without_a_cluster_nothing_is_said(shared):
    assert candidates(shared, "mesos cat sp", master=False) == []
    env = {"COMP_LINE": "mesos --master=127.0.0.1:1 cat sp", "HOME": shared.directory}
    done = subprocess.run([f"{shared.directory}/bin/mesos-completion"], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=10, check=True)
    assert done.stdout == b"" and done.stderr == b""


def test_no_shell_no_script(shared):
    for args in ((), ("tcsh",)):
        done = shared.tool("completion", *args, check=False)
        assert done.returncode == 2 and "bash|zsh|fish" in done.stderr


def test_names_that_a_shell_would_run_are_not_offered(shared):
    for i, name in enumerate(("evil$(touch pwned)", "evil`x`", "evil;x", "evil*", "evil'", "evil|x", "evil-but-plain")):
        info = {"name": f"n{i}", "task_id": {"value": name}, "command": {"value": "true"},
                "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}]}
        shared.tool("execute", "--task=" + json.dumps(info))
    assert "evil$(touch pwned)" in shared.tool("ps", "-i").stdout
    assert candidates(shared, "mesos cat evi") == ["evil-but-plain"]


def shell(cluster, argv, setup):
    assert shutil.which(argv[0]), f"{argv[0]} is missing"
    terminal = Terminal([shutil.which(argv[0]), *argv[1:]],
                        {"MESOS_MASTER": cluster.address, "HOME": cluster.directory, "PS1": "$ ", "LC_ALL": "C.UTF-8",
                         "PATH": f"{cluster.directory}/bin:{os.environ['PATH']}", "INPUTRC": "/dev/null"}, columns=200)
    for line in setup:
        terminal.type(line + "\n")
    terminal.type("echo rea''dy\n")
    terminal.wait_for("ready")
    return terminal


SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], ['eval "$(mesos completion bash)"']),
    "zsh": (["zsh", "-f", "-i"], ["autoload -U compinit; compinit -u -D", 'eval "$(mesos completion zsh)"']),
    # As it is installed: found by name.
    "zsh-autoload": (["zsh", "-f", "-i"], [f"fpath=({REPOSITORY}/contrib/completion $fpath)",
                                           "autoload -U compinit; compinit -u -D"]),
    "bash-installed": (["bash", "--norc", "--noprofile", "-i"], [f". {REPOSITORY}/contrib/completion/mesos"]),
    "fish": (["fish", "--no-config", "-i"], ["mesos completion fish | source"]),
}


def complete_and_run(terminal, typed, shown):
    """Types with TABs, each time until the shell has done what it does, and runs the line. A busy machine may need longer."""
    for patience in (0.3, 1.5, 4):
        at = len(terminal.output)
        for part in typed.replace("\t", "\t\0").split("\0"):
            terminal.type(part)
            if part.endswith("\t"):
                terminal.settle(quiet=patience, timeout=4 * patience + 4)
        terminal.type("\n")
        try:
            terminal.wait_for(shown, timeout=10 * patience + 3, after=at)
            return
        except AssertionError:
            if patience == 4:
                raise
            terminal.type("\x03\n")
            terminal.settle()


@pytest.mark.parametrize("name", SHELLS)
def test_in_the_real_shell(shared, name):
    """What TAB makes of a line is seen by running it."""
    argv, setup = SHELLS[name]
    terminal = shell(shared, argv, setup)
    try:
        for typed, shown in (("mesos res\t", shared.address), ("mesos cat spoke\tresults/ta\t", "its-content"),
                             ("mesos-tail --li\t1 spoke\tresults/table", "its-content"),
                             ("mesos execute --content_t\tjs\t --name=by-tab-" + name + " true", "TASK_FINISHED")):
            complete_and_run(terminal, typed, shown)
    finally:
        terminal.close()
