# SPDX-License-Identifier: Apache-2.0
"""The command line's lists and files: agents, frameworks, tasks, sandboxes of several tasks; on a terminal and in a pipe."""
import json
import os
import re
import subprocess
import tempfile
import time

import pytest

from cluster import REPOSITORY, Cluster, wait_for
from odd_server import Server, reply
from scheduler import Scheduler, command_task
from terminal import Terminal

NASTY = "nasty\x1b[31m\x07\u202ename"


@pytest.fixture(scope="module")
def shared():
    """Two agents; a framework with tasks that run (w-1, w-2, wide...), and a task that has ended (ended-1)."""
    cluster = Cluster(tempfile.mkdtemp(prefix="cm-"))
    scheduler = None
    try:
        cluster.start(agents=2)
        cluster.tool("execute", "--name=ended-1", "echo was here; mkdir -p d/e; echo x > d/e/f; seq 1 30")
        scheduler = Scheduler(cluster.address, name=NASTY, failover_timeout=60).subscribe()
        offer = scheduler.offers.get(timeout=60)
        line = "for i in $(seq 1 400); do echo $TASK $i; sleep 0.1; done"
        tasks = [command_task(name, f"TASK={name}; {line}", offer)
                 for name in ("w-1", "w-2", "wide-" + "x" * 60)]
        tasks[0]["name"] = NASTY
        scheduler.accept(offer, tasks)
        scheduler.call("SUPPRESS")
        while not scheduler.offers.empty():
            scheduler.decline(scheduler.offers.get())
        cluster.scheduler = scheduler

        def worker_sandbox():
            for agent in range(2):
                try:
                    return cluster.sandbox(scheduler.framework_id, "w-1", agent)
                except (AssertionError, OSError):
                    pass
            raise AssertionError("no sandbox of w-1")
        cluster.worker_sandbox = worker_sandbox
        wait_for(lambda: cluster.tool("ps").stdout.count("TASK_RUNNING") == 3, 15, "three tasks")
        yield cluster
    finally:
        if scheduler:
            scheduler.teardown()
        cluster.stop()
        cluster.remove()


def on_terminal(cluster, *args, columns=80, **env):
    terminal = Terminal([cluster.tree.program("mesos"), *args],
                        {"MESOS_MASTER": cluster.address, "HOME": cluster.directory, **env}, columns=columns)
    try:
        shown = terminal.end()
    finally:
        terminal.close()
    return terminal.code, re.sub("\r\033\\[K", "", re.sub("\r\033\\[K[^\r]*(?=\r\033\\[K)", "", shown))


def rows(text):
    return [line.split() for line in text.splitlines()]


def test_agent_list(shared):
    shown = rows(shared.tool("agent", "list").stdout)
    assert shown[0] == ["ID", "HOST", "ADDRESS", "STATE", "CPUS", "MEM", "DISK", "SINCE"]
    assert sorted(r[2] for r in shown[1:]) == sorted(f"127.0.0.1:{a.port}" for a in shared.agents)
    assert {r[3] for r in shown[1:]} == {"active"} and sorted(r[4] for r in shown[1:]) == ["0.3/4", "0/4"]
    agents = json.loads(shared.tool("agent", "list", "--json").stdout)
    assert sorted(a["id"] for a in agents) == sorted(r[0] for r in shown[1:])


def test_agent_inspect(shared):
    agents = json.loads(shared.tool("agent", "list", "--json").stdout)
    for wanted in (agents[0]["id"], agents[0]["pid"].split("@")[1]):
        assert json.loads(shared.tool("agent", "inspect", wanted).stdout)["id"] == agents[0]["id"]
    done = shared.tool("agent", "inspect", agents[0]["id"][:20], check=False)
    assert done.returncode == 1 and "could be any of 2 agents" in done.stderr and agents[1]["id"] in done.stderr
    done = shared.tool("agent", "inspect", "nosuch", check=False)
    assert done.returncode == 1 and "no agent 'nosuch'" in done.stderr and "mesos agent list" in done.stderr
    one_line = shared.tool("agent", "inspect", "--json", agents[1]["id"]).stdout
    assert one_line.count("\n") == 1 and json.loads(one_line)["id"] == agents[1]["id"]


def test_framework_list_and_inspect(shared):
    shown = shared.tool("framework", "list").stdout
    assert rows(shown)[0] == ["ID", "STATE", "TASKS", "CPUS", "MEM", "USER", "ROLES", "HOST", "NAME"]
    assert len(rows(shown)) == 2 and rows(shown)[1][:4] == [shared.scheduler.framework_id, "active", "3", "0.3"]
    assert "\x1b" not in shown and "nasty\\x1b[31m\\x07\\u202ename" in shown
    both = rows(shared.tool("framework", "list", "-a").stdout)
    assert "completed" in [r[1] for r in both]
    listed = json.loads(shared.tool("framework", "list", "--all", "--json").stdout)
    assert {f["id"] for f in listed} == {r[0] for r in both[1:]}
    for wanted in (shared.scheduler.framework_id, NASTY):
        framework = json.loads(shared.tool("framework", "inspect", wanted).stdout)
        assert framework["id"] == shared.scheduler.framework_id and framework["name"] == NASTY
    ended = next(r[0] for r in both if r[1] == "completed")
    assert json.loads(shared.tool("framework", "inspect", ended).stdout)["completed_tasks"][0]["id"] == "ended-1"
    done = shared.tool("framework", "inspect", "zzz", check=False)
    assert done.returncode == 1 and "no framework 'zzz'" in done.stderr


def test_framework_teardown(shared):
    other = Scheduler(shared.address, name="to-end", failover_timeout=600).subscribe()
    doomed = other.framework_id
    done = shared.tool("framework", "teardown", "to-end", check=False)
    assert done.returncode == 1 and "give the whole id" in done.stderr
    assert doomed in shared.tool("framework", "list").stdout
    terminal = Terminal([shared.tree.program("mesos"), "framework", "teardown", "to-end"],
                        {"MESOS_MASTER": shared.address, "HOME": shared.directory})
    terminal.wait_for("[y/N]")
    terminal.type("n\n")
    terminal.end()
    assert terminal.code == 1 and doomed in shared.tool("framework", "list").stdout
    done = shared.tool("framework", "teardown", doomed)
    assert done.stdout == f"Framework {doomed} is ended\n"
    assert doomed not in shared.tool("framework", "list").stdout
    assert "completed" in [r[1] for r in rows(shared.tool("framework", "list", "-a").stdout) if r[0] == doomed]
    done = shared.tool("framework", "teardown", doomed, check=False)
    assert done.returncode == 1 and "no framework" in done.stderr
    again = Scheduler(shared.address, name="to-end", failover_timeout=600).subscribe()
    done = shared.tool("framework", "teardown", "--yes", "--json", "to-end")
    assert json.loads(done.stdout) == {"torn_down": again.framework_id}


def test_task_list_and_inspect(shared):
    assert rows(shared.tool("task", "list").stdout) == rows(shared.tool("ps").stdout)
    assert "ended-1" not in shared.tool("task", "list").stdout
    assert "ended-1" in shared.tool("task", "list", "-a").stdout
    tasks = json.loads(shared.tool("task", "list", "--json").stdout)
    assert {t["id"][:4] for t in tasks} == {"w-1", "w-2", "wide"}
    assert json.loads(shared.tool("task", "inspect", "wide").stdout)["state"] == "TASK_RUNNING"
    assert json.loads(shared.tool("task", "inspect", "ended").stdout)["state"] == "TASK_FINISHED"
    for wanted, words in (("w", "could be any of 3 tasks: w-1, w-2, wide-"), ("w-3", "no task 'w-3'"), ("", "no task ''")):
        done = shared.tool("task", "inspect", wanted, check=False)
        assert done.returncode == 1 and words in done.stderr and done.stdout == ""
    done = shared.tool("task", "inspect", f"--framework={shared.scheduler.framework_id}", "ended-1", check=False)
    assert done.returncode == 1


def test_a_table_fits_its_terminal(shared):
    for columns in (60, 80, 120):
        code, shown = on_terminal(shared, "ps", columns=columns, NO_COLOR="1")
        assert code == 0 and "\x1b" not in shown
        assert max(map(len, shown.splitlines())) <= columns and "\u2026" in shown
    code, shown = on_terminal(shared, "ps", columns=400, NO_COLOR="1")
    assert "x" * 60 in shown and "\u2026" not in shown
    assert "x" * 60 in shared.tool("ps").stdout  # whole in a pipe


def test_colours_are_for_terminals_that_want_them(shared):
    assert on_terminal(shared, "ps")[1].startswith("\x1b[1mID")
    assert "\x1b" not in on_terminal(shared, "ps", NO_COLOR="1")[1]
    assert "\x1b" not in on_terminal(shared, "ps", TERM="dumb")[1]
    assert "\x1b" not in shared.tool("ps").stdout


@pytest.mark.parametrize("args", [("ps",), ("framework", "list"), ("framework", "inspect", NASTY), ("state",),
                                  ("agent", "list"), ("task", "inspect", "w-1"), ("ls", "w-1"), ("find", "w-1")])
def test_nothing_of_the_cluster_reaches_the_terminal_raw(shared, args):
    code, shown = on_terminal(shared, *args, NO_COLOR="1", COLUMNS="400")
    assert code == 0 and not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", shown)


def test_head(shared):
    assert shared.tool("head", "-n", "2", "ended-1").stdout == "was here\n1\n"
    assert shared.tool("head", "-n0", "ended-1").stdout == ""
    assert len(shared.tool("head", "ended-1").stdout.splitlines()) == 10
    several = shared.tool("head", "-n", "1", "w-1,ended-1", "stdout").stdout
    assert several == "==> w-1:stdout <==\nw-1 1\n\n==> ended-1:stdout <==\nwas here\n"
    assert shared.tool("head", "-q", "-n", "1", "w-*").stdout == "w-1 1\nw-2 1\n"
    done = shared.tool("head", "ended-1", "nosuch", check=False)
    assert done.returncode == 1 and "no file 'nosuch'" in done.stderr


def test_tail_of_several_tasks(shared):
    shown = shared.tool("tail", "-n", "1", "w-1,w-2").stdout
    assert re.fullmatch(r"==> w-1:stdout <==\nw-1 \d+\n\n==> w-2:stdout <==\nw-2 \d+\n", shown)
    process = subprocess.Popen([shared.tree.program("mesos"), "tail", "-f", "-n", "1", "w-1,w-2"], stdout=subprocess.PIPE,
                               env={"MESOS_MASTER": shared.address, "HOME": shared.directory}, text=True)
    try:
        seen = {"w-1": [], "w-2": []}
        current, end = None, time.monotonic() + 20
        while min(map(len, seen.values())) < 12 and time.monotonic() < end:
            line = process.stdout.readline().rstrip("\n")
            if line.startswith("==> "):
                current = line[4:7]
            elif line:
                task, number = line.split()
                assert task == current  # under the header of its own task
                seen[task].append(int(number))
        for numbers in seen.values():
            assert len(numbers) >= 12 and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_tail_waits_for_a_file(shared):
    done = shared.tool("tail", "w-1", "later", check=False)
    assert done.returncode == 1 and "no file 'later'" in done.stderr
    process = subprocess.Popen([shared.tree.program("mesos"), "tail", "-f", "w-1", "later"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True,
                               env={"MESOS_MASTER": shared.address, "HOME": shared.directory})
    try:
        assert "no file 'later'" in process.stderr.readline()
        with open(os.path.join(shared.worker_sandbox(), "later"), "w", encoding="ascii") as later:
            later.write("here it is\n")
        assert process.stdout.readline() == "here it is\n"
    finally:
        process.kill()
        process.communicate()


def test_ls_and_find_of_several_tasks(shared):
    shown = shared.tool("ls", "w-1,ended-1").stdout
    assert "==> w-1 <==" in shown and "==> ended-1 <==" in shown
    both = json.loads(shared.tool("ls", "--json", "w-1,ended-1").stdout)
    assert set(both) == {"w-1", "ended-1"}
    assert [e["path"].rsplit("/", 1)[1] for e in json.loads(shared.tool("ls", "--json", "ended-1", "d").stdout)] == ["e"]
    assert re.search(r"^d\S+ .* d$", shared.tool("ls", "-l", "ended-1").stdout, re.M)
    found = shared.tool("find", "ended-1").stdout.splitlines()
    assert {"d", "d/e", "d/e/f", "stdout", "stderr"} <= set(found)
    assert shared.tool("find", "ended-1", "d").stdout.splitlines() == ["e", "e/f"]
    assert set(json.loads(shared.tool("find", "--json", "ended-1").stdout)) == set(found)
    done = shared.tool("ls", "ended-1", "../..", check=False)
    assert done.returncode == 1


def test_cat_of_several_files(shared):
    assert shared.tool("cat", "ended-1", "d/e/f", "d/e/f").stdout == "x\nx\n"


def test_state_of_an_agent(shared):
    agents = json.loads(shared.tool("agent", "list", "--json").stdout)
    state = shared.tool("state", "--json", agents[1]["id"]).stdout
    assert json.loads(state)["id"] == agents[1]["id"] and state.count("\n") == 1
    done = shared.tool("state", "localhost", check=False)
    assert done.returncode == 1 and "could be any of 2 agents" in done.stderr


def test_several_masters_are_tried_in_turn(shared):
    env = {"HOME": shared.directory, "PATH": os.environ["PATH"], "MESOS_MODULE_PATH": shared.tree.module_path}

    def resolve(master):
        return subprocess.run([shared.tree.program("mesos"), "resolve", f"--master={master}"], env=env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30, check=False)
    for master in (f"127.0.0.1:1,{shared.address}", f"http://{shared.address}/", f"nosuch.invalid:5050, {shared.address}",
                   f"master@{shared.address}"):
        assert resolve(master).stdout == shared.address + "\n", master
    done = resolve("127.0.0.1:1,127.0.0.1:2")
    assert done.returncode == 1 and "127.0.0.1:1" in done.stderr and "127.0.0.1:2" in done.stderr
    done = resolve("zk://me:hush@a:0/mesos")
    assert done.returncode == 1 and "the port '0' of ZooKeeper server 'a'" in done.stderr and "hush" not in done.stderr
    assert "does not speak TLS" in resolve(f"https://{shared.address}").stderr
    assert "right port" in resolve("localhost:99999").stderr


def test_a_master_that_does_not_lead_sends_to_the_one_that_does(shared):
    where = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: //{shared.address}\r\nContent-Length: 0\r\n\r\n".encode()
    follower = Server(lambda c, r: c.sendall(reply('{"version":"1"}') if r.startswith("GET /version") else where))
    env = {"HOME": shared.directory, "PATH": os.environ["PATH"], "MESOS_MASTER": follower.address}

    def run(*args):
        return subprocess.run([shared.tree.program("mesos"), *args], env=env, text=True, timeout=30, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert run("resolve").stdout == shared.address + "\n"
        assert rows(run("ps").stdout) == rows(shared.tool("ps").stdout)
        assert run("cat", "ended-1", "d/e/f").stdout == "x\n"
        other = Scheduler(shared.address, name="to-end", failover_timeout=600).subscribe()
        assert run("framework", "teardown", other.framework_id).returncode == 0
        done = run("execute", "--name=led", "--resources=cpus:0.1;mem:32", "true")
        assert done.returncode == 0 and "TASK_FINISHED" in done.stdout
        assert "SUBSCRIBED" in run("events", "--no-log", "--for=1secs").stdout
    finally:
        follower.close()


def test_config(shared, tmp_path):
    def config(*args):
        return subprocess.run([shared.tree.program("mesos"), "config", *args], env={"HOME": str(tmp_path)}, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert config().stdout == "" and config("get", "master").returncode == 1
    assert config("set", "master", "127.0.0.1:1").returncode == 0
    assert (tmp_path / ".mesos").stat().st_mode & 0o777 == 0o600
    (tmp_path / ".mesos").write_text("# kept\nmaster=127.0.0.1:1\nother = thing\n")
    assert config("profile", "prod").returncode == 0
    assert config("master", shared.address).returncode == 0
    assert (tmp_path / ".mesos").read_text() == ("# kept\nmaster=127.0.0.1:1\nother = thing\nprofile=prod\n[prod]\n"
                                                  f"master={shared.address}\n")
    assert config("show").stdout == f"master={shared.address}\nprofile=prod\n"
    assert json.loads(config("--json").stdout) == {"master": shared.address, "profile": "prod"}
    done = subprocess.run([shared.tree.program("mesos"), "resolve"], env={"HOME": str(tmp_path)}, text=True,
                          stdout=subprocess.PIPE, check=False)
    assert done.stdout == shared.address + "\n"
    assert config("unset", "profile").returncode == 0 and config("get", "master").stdout == "127.0.0.1:1\n"
    done = config("set", "mster", "x")
    assert done.returncode == 2 and "did you mean 'master'" in done.stderr
    assert config("set", "master", "a\nb").returncode == 2 and config("set", "master").returncode == 2
    (tmp_path / ".mesos").unlink()
    (tmp_path / ".mesos").mkdir()
    (tmp_path / ".mesos" / "config.toml").write_text(f'[master]\n  address = "{shared.address}"\n')
    assert config("get", "master").stdout == shared.address + "\n"
    assert "another tool" in config("set", "master", "x").stderr


def test_numbers_stay_what_they_are(shared):
    """0.1 is printed as 0.1, and what is read back is the same."""
    shown = shared.tool("task", "inspect", "w-1").stdout
    assert re.search(r'"cpus": 0\.1,?$', shown, re.M) and '"mem": 32.0' in shown
    state = json.loads(shared.tool("state", "--json").stdout)
    assert state["start_time"] == shared.master.get("/state")["start_time"]


def subscribers(cluster):
    return cluster.master.get("/metrics/snapshot")["master/operator_event_stream_subscribers"]


def test_events_and_logs_live(make_cluster):
    cluster = make_cluster(agents=0)
    cluster.stop()
    cluster.master.argv.append("--log_dir=" + cluster.directory + "/master-log")
    cluster.start(agents=1, agent_flags={"log_dir": cluster.directory + "/agent-log"})
    argv = [cluster.tree.program("mesos"), "events"]
    env = {"MESOS_MASTER": cluster.address, "HOME": cluster.directory}
    watchers = [subprocess.Popen([*argv, *more, "--for=40secs"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, text=True)
                for more in ((), ("--json", "--no-log"), ("--json", "--no-stream"))]
    first = json.loads(watchers[1].stdout.readline())
    assert first["type"] == "SUBSCRIBED"
    wait_for(lambda: subscribers(cluster) == 2, 15, "two subscribers")
    cluster.tool("execute", "--name=watched", "true")
    cluster.add_agent({"log_dir": cluster.directory + "/agent2-log"})
    time.sleep(2)
    for watcher in watchers:
        watcher.terminate()
    (text, errors), (stream, _), (logs, _) = [watcher.communicate(timeout=20) for watcher in watchers]
    assert errors == ""
    events = [json.loads(line) for line in stream.splitlines()]
    assert {"TASK_ADDED", "TASK_UPDATED", "FRAMEWORK_ADDED", "FRAMEWORK_REMOVED", "AGENT_ADDED"} <= {e["type"] for e in events}
    assert "==> events <==" in text and re.search(r"TASK_ADDED watched ", text)
    assert re.search(r"TASK_UPDATED watched TASK_FINISHED framework=", text)
    assert f"==> master ({cluster.address}) <==" in text
    for agent in cluster.agents:
        assert f"==> agent localhost (127.0.0.1:{agent.port}) <==" in text
    assert "HEARTBEAT" not in text
    logged = [json.loads(line) for line in logs.splitlines()]
    assert any(l["log"].startswith("master") and "watched" in l["line"] for l in logged), logged


def test_events_without_logs_say_so(shared):
    done = shared.tool("events", "--for=1secs")
    assert "no log of master" in done.stderr and "--log_dir" in done.stderr and "SUBSCRIBED" in done.stdout
    assert shared.tool("events", "--no-log", "--no-stream", check=False).returncode == 2


def test_what_the_readme_shows_of_a_terminal(make_cluster, tmp_path):
    """Each command of that part, as it stands there, with a home of its own."""
    shared = make_cluster()
    with open(os.path.join(REPOSITORY, "README.md"), encoding="utf-8") as readme:
        part = readme.read().split("## From a terminal", 1)[1].split("\n## ", 1)[0]
    commands = [line.strip() for line in part.splitlines() if line.startswith("    ")]
    assert len(commands) >= 6
    os.symlink(shared.tree.program("mesos"), tmp_path / "mesos")
    for command in commands:
        command = command.replace("127.0.0.1:5050", shared.address)
        done = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              stdin=subprocess.DEVNULL, timeout=30, check=False,
                              env={"HOME": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}"})
        assert done.returncode == 0, (command, done)
        if command.startswith("mesos tail"):
            assert done.stdout == "2\n3\n"
