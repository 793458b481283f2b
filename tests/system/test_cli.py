# SPDX-License-Identifier: Apache-2.0
"""The command line against real daemons: what each subcommand prints, where it finds the master, how it refuses."""
import json
import os
import subprocess
import time

import pytest

from cluster import wait_for


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One cluster for the questions that leave it as it was."""
    import tempfile
    from cluster import Cluster
    cluster = Cluster(tempfile.mkdtemp(prefix="cm-"))
    try:
        yield cluster.start()
    finally:
        cluster.stop()
        cluster.remove()


def tool(cluster, *args, env=None, home=None, check=False, timeout=30):
    environment = {"PATH": os.environ["PATH"], "HOME": home or cluster.directory, **(env or {})}
    done = subprocess.run([cluster.tree.program("mesos"), *args], env=environment, timeout=timeout, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert not check or done.returncode == 0, done
    return done


def framework_of(out):
    line = next(l for l in out.splitlines() if l.startswith("Subscribed with ID "))
    return line.split()[-1]


@pytest.fixture
def long_task(shared):
    """A task that prints a line each 0.2 s; its execute is ended with the test, and so the framework goes."""
    name = f"long-{time.monotonic_ns()}"
    process = subprocess.Popen(
        [shared.tree.program("mesos"), "execute", "--master=" + shared.address, "--name=" + name,
         "for i in $(seq 1 300); do echo line $i; sleep 0.2; done"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": shared.directory})
    try:
        wait_for(lambda: name in shared.tool("ps").stdout and "TASK_RUNNING" in shared.tool("ps").stdout, 15, name)
        wait_for(lambda: "line 3" in shared.tool("cat", name, "stdout").stdout, 15, "output of " + name)
        yield name
    finally:
        process.terminate()
        process.wait()


def test_execute_tells_ids_and_states(shared):
    done = shared.tool("execute", "--name=told", "echo hi")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Subscribed with ID ") and lines[0].endswith("-" + lines[0][-4:])
    assert lines[1].startswith("Submitted task 'told' to agent '")
    states = [l.split()[3] for l in lines if l.startswith("Received status update ")]
    assert states == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]


@pytest.mark.parametrize("content_type", ["json", "protobuf"])
def test_execute_follows_output(shared, content_type):
    done = shared.tool("execute", "--follow", f"--content_type={content_type}", "echo out; echo err >&2; sleep 0.3; echo end")
    assert done.stdout == "out\nend\n"
    assert "err\n" in done.stderr and "TASK_FINISHED" in done.stderr


@pytest.mark.parametrize("args", [("--command=exit 3",), ("--no-shell", "--", "/no/such/program")])
def test_execute_fails_as_the_task_does(shared, args):
    done = shared.tool("execute", *args, check=False)
    assert done.returncode == 1
    assert "TASK_FAILED" in done.stdout


def test_execute_options_reach_the_task(shared, tmp_path):
    script = tmp_path / "tool.sh"
    script.write_text("#!/bin/sh\necho $GREETING $@\n")
    script.chmod(0o755)
    done = shared.tool("execute", "--follow", '--env={"GREETING":"hello"}', f"--uris={script}",
                       "--resources=cpus:0.1;mem:32", "sh tool.sh world")
    assert done.stdout == "hello world\n"


def test_execute_kill_after(shared):
    done = shared.tool("execute", "--kill_after=500ms", "sleep 100", check=False)
    assert done.returncode == 1
    assert "TASK_KILLED" in done.stdout


def test_execute_says_that_it_waits(shared):
    with pytest.raises(subprocess.TimeoutExpired) as waited:
        tool(shared, "execute", "--resources=cpus:1000", "true", env={"MESOS_MASTER": shared.address}, timeout=7)
    assert b"no offer so far has the resources" in waited.value.stderr


def test_execute_says_why_the_master_refuses(make_cluster):
    cluster = make_cluster(agents=0, master_flags={"roles": "dev"})
    done = tool(cluster, "execute", "--master=" + cluster.address, "--role=prod", "true")
    assert done.returncode == 1 and "Role 'prod' is not present in the master's --roles" in done.stderr


def test_an_empty_variable_names_no_master(shared, tmp_path):
    (tmp_path / ".mesos").write_text("master=" + shared.address + "\n")
    done = tool(shared, "resolve", home=str(tmp_path), env={"MESOS_MASTER": ""})
    assert done.returncode == 0 and done.stdout == shared.address + "\n"


def test_ps(shared, long_task):
    shown = shared.tool("ps").stdout.splitlines()
    assert shown[0].split() == ["ID", "STATE", "CPUS", "MEM", "USER", "AGENT", "FRAMEWORK", "NAME"]
    assert [l.split()[:2] for l in shown[1:]] == [[long_task, "TASK_RUNNING"]]
    shared.tool("execute", "--name=ended", "true")
    assert "ended" not in shared.tool("ps").stdout
    assert any(l.split()[:2] == ["ended", "TASK_FINISHED"] for l in shared.tool("ps", "-i").stdout.splitlines())
    tasks = json.loads(shared.tool("ps", "-i", "--json").stdout)
    assert {"ended", long_task} <= {t["id"] for t in tasks}


def test_cat_in_both_forms(shared):
    framework = framework_of(shared.tool("execute", "--name=spoke", "printf 'a\\nb'").stdout)
    assert shared.tool("cat", "spoke", "stdout").stdout == "a\nb"
    done = tool(shared, "cat", f"--master={shared.address}", f"--framework={framework}", "--task=spoke", "--file=stdout")
    assert (done.returncode, done.stdout) == (0, "a\nb")
    done = shared.tool("cat", "spoke", "nosuch", check=False)
    assert done.returncode == 1 and "has no file 'nosuch'" in done.stderr
    done = shared.tool("cat", "never-ran", "stdout", check=False)
    assert done.returncode == 1 and "no task 'never-ran'" in done.stderr


def test_large_file_comes_whole(shared):
    shared.tool("execute", "--name=large", "seq 1 400000")
    text = shared.tool("cat", "large", "stdout").stdout
    assert text == "".join(f"{i}\n" for i in range(1, 400001))


def test_tail_and_its_follow(shared, long_task):
    last = shared.tool("tail", "-n", "2", long_task, "stdout").stdout.splitlines()
    assert len(last) == 2 and all(l.startswith("line ") for l in last)
    with pytest.raises(subprocess.TimeoutExpired) as followed:
        tool(shared, "tail", "-f", long_task, "stdout", env={"MESOS_MASTER": shared.address}, timeout=3)
    numbers = [int(l.split()[1]) for l in followed.value.stdout.decode().splitlines() if l.startswith("line ")]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) # nothing twice, nothing lost
    assert len(numbers) > 10


def test_ls(shared):
    shared.tool("execute", "--name=files", "mkdir -p d; echo x > d/inner; echo x > plain")
    assert {"stdout", "stderr", "plain"} <= {l.split()[-1].rstrip("/") for l in shared.tool("ls", "files").stdout.splitlines()}
    entries = json.loads(shared.tool("ls", "--json", "files").stdout)
    assert any(e["path"].endswith("/plain") and e["size"] == 2 for e in entries)


def test_state_and_resolve(shared):
    assert len(json.loads(shared.tool("state").stdout)["slaves"]) == 1
    agent = json.loads(shared.tool("state", "localhost").stdout)
    assert agent["attributes"] == {} or isinstance(agent["attributes"], dict)
    done = shared.tool("resolve")
    assert (done.stdout, done.stderr) == (shared.address + "\n", "")


def test_where_the_master_is_found(shared, tmp_path):
    home = str(tmp_path)
    wrong = {"MESOS_MASTER": "127.0.0.1:1"}
    done = tool(shared, "ps", home=home)
    assert done.returncode == 1
    assert all(word in done.stderr for word in ("--master=", "MESOS_MASTER", "~/.mesos"))
    (tmp_path / ".mesos.json").write_text(json.dumps({"profile": "p", "p": {"master": shared.address}}))
    assert tool(shared, "resolve", home=home).stdout == shared.address + "\n"
    (tmp_path / ".mesos").write_text("# mine\nmaster = 127.0.0.1:1\n")
    assert "Connection refused" in tool(shared, "resolve", home=home).stderr
    assert tool(shared, "resolve", home=home, env={"MESOS_MASTER": shared.address}).returncode == 0
    assert tool(shared, "resolve", "--master=" + shared.address, home=home, env=wrong).returncode == 0
    assert tool(shared, "--master=" + shared.address, "resolve", home=home, env=wrong).returncode == 0
    assert tool(shared, "--master", shared.address, "resolve", home=home, env=wrong).returncode == 0


@pytest.mark.parametrize("args, code, words", [
    (("exeucte",), 2, ["exeucte", "did you mean 'execute'"]),
    (("ps", "--frmework=x"), 2, ["frmework", "framework"]),
    (("ps", "-x"), 2, ["-x"]),
    (("cat",), 2, ["mesos cat TASK FILE"]),
    (("execute",), 2, ["--command"]),
    (("execute", "--content_type=xml", "true"), 2, ["xml", "json", "protobuf"]),
    (("execute", "--containerizer=docker", "true"), 2, ["--docker_image"]),
    (("execute", "--docker_image=a", "--appc_image=b", "--containerizer=mesos", "true"), 2, ["one of them"]),
    (("execute", "--docker_image=a", "--networks=a,b", "true"), 2, ["one network only"]),
    (("execute", "--docker_image=a", "--tty", "--containerizer=docker", "true"), 2, ["--tty"]),
    (("execute", "--volumes={}", "true"), 2, ["--volumes", "array"]),
    (("execute", '--volumes=[{"mode":"RX"}]', "true"), 2, ["--volumes", "number 1"]),
    (("execute", '--rlimits={"rlimits":[{"soft":"NO"}]}', "true"), 2, ["--rlimits"]),
    (("execute", '--task={"name":"x"}'), 2, ["--task", "task_id"]),
    (("execute", '--task_group={"tasks":[]}'), 2, ["--task_group", "at least one"]),
    (("execute", '--task_group={"tasks":[]}', "true"), 2, ["both --task_group and words"]),
    (("execute", "--package=/no/such/file", "true"), 2, ["--package", "no such file"]),
    (("tail", "-n", "many", "t", "stdout"), 2, ["many"]),
    (("tail", "-n", "-1", "t", "stdout"), 2, ["-1"]),
    (("--json", "ps"), 2, ["--json", "behind"]),
    (("ps", "-I"), 2, ["did you mean -i"]),
    (("task", "lst"), 2, ["did you mean 'task list'"]),
    (("teardown", "x"), 2, ["mesos framework teardown"]),
    (("help", "ps", "more"), 2, ["more"]),
])
def test_wrong_words(shared, args, code, words):
    done = tool(shared, *args, env={"MESOS_MASTER": shared.address})
    assert done.returncode == code, done
    assert all(word in done.stderr for word in words), done.stderr
    assert done.stdout == ""


def commands(tree):
    """Every command that the tables have, from the completion that is made of them."""
    def candidates(line):
        done = subprocess.run([tree.program("mesos"), "completion"], stdout=subprocess.PIPE, text=True, check=True,
                              env={"COMP_LINE": line, "HOME": "/nonexistent"})
        return done.stdout.split()
    for word in candidates("mesos "):
        verbs = candidates(f"mesos {word} ") if (word,) in GROUPS else []
        yield from [(word, verb) for verb in verbs] or [(word,)]
        if verbs:
            yield (word,)


def test_help_and_version_everywhere(shared, tmp_path):
    found = list(commands(shared.tree))
    for wanted in (("execute",), ("ps",), ("cat",), ("tail",), ("head",), ("ls",), ("find",), ("state",), ("resolve",),
                   ("config",), ("completion",), ("help",), ("task", "list"), ("agent", "inspect"),
                   ("framework", "teardown")):
        assert wanted in found
    for words in [()] + found:
        name = " ".join(words)
        for asked in ([*words, "--help"], ["help", *words]):
            lines = tool(shared, *asked, check=True).stdout.splitlines()
            assert lines[0].startswith(f"Usage: mesos {name}"), lines
            assert len(lines) <= 24 and max(map(len, lines)) <= 80, f"mesos {asked} does not fit a screen"
        assert "0." in tool(shared, *(words if words not in GROUPS else ()), "--version", check=True).stdout
        if len(words) != 1:
            continue
        link = tmp_path / f"mesos-{name}"
        link.symlink_to(shared.tree.program("mesos"))
        done = subprocess.run([str(link), "--help"], stdout=subprocess.PIPE, text=True, check=True)
        assert done.stdout.startswith(f"Usage: mesos {name}")


GROUPS = (("acl",), ("agent",), ("maintenance",), ("framework",), ("task",))


@pytest.mark.parametrize("words", GROUPS)
def test_a_group_alone_lists_its_verbs(shared, words):
    done = tool(shared, *words)
    assert done.returncode == 2 and done.stdout == ""
    for verb in {"maintenance": ["cancel"], "acl": ["check"]}.get(words[0], ["list", "inspect"]):
        assert f"  {verb}  " in done.stderr
