# SPDX-License-Identifier: Apache-2.0
"""mesos task exec and task attach: commands, shells and terminals in the containers of running tasks."""
import json
import os
import re
import signal
import subprocess
import tempfile
import time

import pytest

from cluster import Cluster, wait_for
from terminal import Terminal


@pytest.fixture(scope="module")
def shared():
    cluster = Cluster(tempfile.mkdtemp(prefix="cm-"))
    started = []
    env = {"MESOS_MASTER": cluster.address, "HOME": cluster.directory, "PATH": os.environ["PATH"]}

    def execute(name, *args):
        started.append(subprocess.Popen([cluster.tree.program("mesos"), "execute", "--no-follow", *args], env=env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        wait_for(lambda: re.search(rf"^{name} +TASK_RUNNING", cluster.tool("ps").stdout, re.M), 15, name)
    cluster.start_task = lambda name, *args: execute(name, f"--name={name}", "--resources=cpus:0.1;mem:32", *args)
    cluster.start_group = lambda last, group: execute(last, f"--task_group={group}")
    try:
        cluster.start()
        cluster.start_task("worker", "echo mine > marker; sleep 600")
        yield cluster
    finally:
        for process in started:
            process.kill()
            process.wait()
        cluster.stop()
        cluster.remove()


def program(shared, *args, text=None, timeout=30):
    env = {"MESOS_MASTER": shared.address, "HOME": shared.directory, "PATH": os.environ["PATH"]}
    return subprocess.run([shared.tree.program("mesos"), "task", *args], env=env, timeout=timeout, input=text, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


def on_terminal(shared, *args, **more):
    return Terminal([shared.tree.program("mesos"), "task", *args],
                    {"MESOS_MASTER": shared.address, "HOME": shared.directory}, **more)


def test_exec_separates_the_streams_and_ends_as_the_command(shared):
    done = program(shared, "exec", "worker", "sh", "-c", "echo out; echo err >&2; exit 5")
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 5)
    assert program(shared, "exec", "work", "true").returncode == 0  # by unique prefix
    assert program(shared, "exec", "worker", "sh", "-c", "kill -9 $$").returncode == 137


def test_exec_gives_flags_to_the_command(shared):
    assert program(shared, "exec", "worker", "printf", "%s|", "-i", "--help", "a b").stdout == "-i|--help|a b|"


def test_words_that_cannot_be_sent_are_refused(shared):
    for word, said in ((b"\xff", "\\xff"), (b"", "empty word")):
        done = subprocess.run([shared.tree.program("mesos").encode(), b"task", b"exec", b"worker", word], timeout=30,
                              env={"MESOS_MASTER": shared.address, "HOME": shared.directory}, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 2 and said in done.stderr.decode()


def test_exec_with_input(shared):
    done = program(shared, "exec", "-i", "worker", "cat", text="one\ntwo")
    assert (done.stdout, done.returncode) == ("one\ntwo", 0), done
    assert program(shared, "exec", "worker", "cat", text="unseen").stdout == ""


def test_exec_with_much_input_and_output(shared):
    text = "".join(f"{i}\n" for i in range(100000))
    done = program(shared, "exec", "-i", "worker", "cat", text=text)
    assert done.stdout == text and done.returncode == 0


def test_input_from_a_file(shared, tmp_path):
    path = tmp_path / "in"
    path.write_text("from a file\n")
    env = {"MESOS_MASTER": shared.address, "HOME": shared.directory}
    with open(path, "rb") as stdin:
        done = subprocess.run([shared.tree.program("mesos"), "task", "exec", "-i", "worker", "cat"], env=env, timeout=30,
                              stdin=stdin, stdout=subprocess.PIPE, check=False)
    assert done.stdout == b"from a file\n"


def test_command_that_is_not_there(shared):
    done = program(shared, "exec", "worker", "/no/such/program")
    assert done.returncode not in (0, 2)


def test_a_shell_on_a_terminal(shared):
    terminal = on_terminal(shared, "exec", "-it", "worker", "sh", rows=33, columns=101)
    try:
        terminal.type("stty size; test -t 0 && echo tty=yes\n")
        terminal.wait_for("33 101")
        at = terminal.wait_for("tty=yes\r\n")
        terminal.resize(40, 90)
        time.sleep(0.5)
        terminal.type("stty size\n")
        terminal.wait_for("40 90", after=at)
        terminal.type("sleep 100\n")
        time.sleep(0.3)
        terminal.type("\x03")  # to the command, not to us
        terminal.type("exit 9\n")
        terminal.end()
        assert terminal.code == 9
    finally:
        terminal.close()


def test_the_terminal_is_put_back(shared):
    """A shell of ours runs it and looks at the terminal before and after."""
    tool = shared.tree.program("mesos")
    terminal = Terminal(["/bin/sh", "-c", f"stty -a > {shared.directory}/before; {tool} task exec -it worker true; "
                                          f"stty -a > {shared.directory}/after; echo over"],
                        {"MESOS_MASTER": shared.address, "HOME": shared.directory})
    try:
        terminal.wait_for("over")
        terminal.end()
    finally:
        terminal.close()
    with open(shared.directory + "/before", encoding="ascii") as before, open(shared.directory + "/after", encoding="ascii") as after:
        assert before.read() == after.read()


def test_a_signal_does_not_leave_the_terminal_raw(shared):
    tool = shared.tree.program("mesos")
    script = f"{tool} task exec -it worker sh & echo pid=$!; fg >/dev/null; echo code=$?; stty -a | grep -c ' icanon'"
    terminal = Terminal(["/bin/sh", "-c", "set -m; " + script], {"MESOS_MASTER": shared.address, "HOME": shared.directory})
    try:
        terminal.wait_for("pid=")
        terminal.type("echo in''side\n")
        terminal.wait_for("inside\r\n")
        os.kill(int(re.search(rb"pid=(\d+)", terminal.output).group(1)), signal.SIGTERM)
        terminal.wait_for("code=143")
        assert terminal.end().splitlines()[-1] == "1"
    finally:
        terminal.close()


def test_tty_wants_a_terminal(shared):
    done = program(shared, "exec", "-t", "worker", "true")
    assert done.returncode == 2 and "terminal" in done.stderr


def test_attach(shared):
    shared.start_task("shell", "--tty", "while read line; do echo got:$line; done; echo bye")
    watcher = on_terminal(shared, "attach", "--no-stdin", "shell")
    time.sleep(0.5)  # what was printed before it looked it does not see
    terminal = on_terminal(shared, "attach", "shell", rows=30, columns=70)
    try:
        terminal.type("hello\n")
        terminal.wait_for("got:hello")
        watcher.wait_for("got:hello")
        terminal.type("\x10\x11")  # ctrl-p ctrl-q
        terminal.end()
        assert terminal.code == 0
        assert "TASK_RUNNING" in shared.tool("task", "inspect", "shell").stdout
        again = on_terminal(shared, "attach", "shell")
        again.type("still\n")
        again.wait_for("got:still")
        again.type("\x04")
        again.wait_for("bye")
        again.end()
        assert again.code == 0
    finally:
        terminal.close()
        watcher.close()


def test_attach_without_a_terminal_is_refused(shared):
    done = program(shared, "attach", "worker")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done


@pytest.mark.parametrize("verb", [("exec", "nosuch", "true"), ("attach", "nosuch")])
def test_no_such_task(shared, verb):
    done = program(shared, *verb)
    assert done.returncode == 1 and "no task 'nosuch'" in done.stderr


def test_ended_task(shared):
    shared.tool("execute", "--name=over", "--resources=cpus:0.1;mem:32", "true")
    for args in (("exec", "over", "true"), ("attach", "over")):
        done = program(shared, *args)
        assert done.returncode == 1 and "'over' does not run: TASK_FINISHED" in done.stderr


def test_exec_in_a_task_of_a_group(shared):
    """Its container is nested already; the session goes one level below."""
    tasks = [{"name": n, "task_id": {"value": n}, "command": {"value": f"echo {n} > own; sleep 600"},
              "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
                            {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}}]} for n in ("pod-a", "pod-b")]
    shared.start_group("pod-b", json.dumps({"tasks": tasks}))
    for name in ("pod-a", "pod-b"):
        done = program(shared, "exec", name, "echo", "inside", name)
        assert (done.returncode, done.stdout) == (0, f"inside {name}\n"), done
        assert shared.tool("cat", name, "own").stdout == name + "\n"
