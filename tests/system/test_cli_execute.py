# SPDX-License-Identifier: Apache-2.0
"""mesos execute: the TaskInfo that its options make, task groups, uploads."""
import json
import os
import subprocess
import tempfile

import pytest

from cluster import Cluster, wait_for


@pytest.fixture(scope="module")
def shared():
    cluster = Cluster(tempfile.mkdtemp(prefix="cm-"))
    try:
        yield cluster.start()
    finally:
        cluster.stop()
        cluster.remove()


def launched(cluster, name, *args, code=None):
    """The task as the master tells it after `mesos execute args` has ended."""
    done = cluster.tool("execute", "--name=" + name, "--resources=cpus:0.1;mem:32", *args, check=False)
    assert code is None or done.returncode == code, done
    task = json.loads(cluster.tool("task", "inspect", "--json", name).stdout)
    return task, done


@pytest.mark.parametrize("args, container", [
    (["--docker_image=alpine:3"], {"type": "DOCKER", "docker": {"image": "alpine:3"}}),
    (["--docker_image=alpine:3", "--containerizer=docker", "--networks=blue"],
     {"type": "DOCKER", "docker": {"image": "alpine:3", "network": "USER"}, "network_infos": [{"name": "blue"}]}),
    (["--docker_image=alpine:3", "--containerizer=mesos"],
     {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": "alpine:3"}}}}),
    (["--docker_image=alpine:3", "--tty"],
     {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": "alpine:3"}}}, "tty_info": {}}),
    (["--appc_image=coreos.com/etcd"],
     {"type": "MESOS", "mesos": {"image": {"type": "APPC", "appc": {"name": "coreos.com/etcd"}}}}),
    (["--networks=a, b"], {"type": "MESOS", "network_infos": [{"name": "a"}, {"name": "b"}]}),
    (['--rlimits={"rlimits":[{"type":"RLMT_CORE","soft":1,"hard":2}]}'],
     {"type": "MESOS", "rlimit_info": {"rlimits": [{"type": "RLMT_CORE", "soft": 1, "hard": 2}]}}),
    (['--effective_capabilities={"capabilities":["NET_RAW"]}', '--bounding_capabilities={"capabilities":["CHOWN"]}'],
     {"type": "MESOS", "linux_info": {"effective_capabilities": {"capabilities": ["NET_RAW"]},
                                      "bounding_capabilities": {"capabilities": ["CHOWN"]}}}),
    (['--volumes=[{"container_path":"data","mode":"RW","host_path":"/srv"}]'],
     {"type": "MESOS", "volumes": [{"container_path": "data", "mode": "RW", "host_path": "/srv"}]}),
])
def test_container_options(shared, request, args, container):
    """What the master keeps of the task's container; whether the agent can run it is another matter."""
    task, _ = launched(shared, "box-" + str(abs(hash(request.node.name)) % 10**8), *args, "true")

    def covers(shown, wanted):
        if isinstance(wanted, dict):
            return isinstance(shown, dict) and all(k in shown and covers(shown[k], v) for k, v in wanted.items())
        if isinstance(wanted, list):
            return len(shown) == len(wanted) and all(covers(a, b) for a, b in zip(shown, wanted))
        return shown == wanted
    assert covers(task["container"], container), task
    assert task["container"]["type"] == container["type"]


def test_an_image_alone_may_say_what_it_runs(shared):
    done = shared.tool("execute", "--name=entry", "--no-shell", "--docker_image=alpine", check=False)
    assert "Submitted task 'entry'" in done.stdout, done


def test_whole_task(shared, tmp_path):
    info = {"name": "whole", "task_id": {"value": "whole-1"}, "command": {"value": "echo from json"},
            "labels": {"labels": [{"key": "made", "value": "by hand"}]},
            "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
                          {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}}]}
    path = tmp_path / "task.json"
    path.write_text(json.dumps(info))
    done = shared.tool("execute", "--follow", f"--task={path}")
    assert done.stdout == "from json\n"
    task = json.loads(shared.tool("task", "inspect", "whole-1").stdout)
    assert task["labels"] == [{"key": "made", "value": "by hand"}] and task["state"] == "TASK_FINISHED"


def group(*tasks):
    return json.dumps({"tasks": [
        {"name": name, "task_id": {"value": name}, "command": {"value": command},
         "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
                       {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}}]} for name, command in tasks]})


def test_group(shared):
    done = shared.tool("execute", "--task_group=" + group(("ga", "echo a; sleep 0.5"), ("gb", "echo b; sleep 0.5")))
    for name in ("ga", "gb"):
        assert f"Submitted task '{name}'" in done.stdout
        assert f"TASK_FINISHED for task '{name}'" in done.stdout
        assert shared.tool("cat", name).stdout == name[1] + "\n"
        assert "stdout" in shared.tool("ls", name).stdout.split()


def test_group_is_followed(shared):
    done = shared.tool("execute", "--follow", "--task_group=" + group(("fa", "echo one; sleep 1"), ("fb", "echo two; sleep 1")))
    assert sorted(done.stdout.splitlines()) == ["one", "two"]


def test_group_fails_with_one_of_it(shared):
    done = shared.tool("execute", "--task_group=" + group(("bad", "sleep 0.3; exit 3"), ("good", "sleep 60")), check=False)
    assert done.returncode == 1
    assert "TASK_FAILED for task 'bad'" in done.stdout and "TASK_KILLED for task 'good'" in done.stdout


def test_words_are_the_command(shared):
    assert shared.tool("execute", "--follow", "--no-shell", "printf", "%s-", "-n", "--name=x").stdout == "-n---name=x-"


def test_names_with_control_characters_stay_harmless(shared):
    info = {"name": "bell\x1b]0;title\x07\u009b1m\u202e", "task_id": {"value": "ringing"}, "command": {"value": "true"},
            "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}]}
    shared.tool("execute", "--task=" + json.dumps(info))
    row = next(l for l in shared.tool("ps", "-i").stdout.splitlines() if l.startswith("ringing"))
    assert row.endswith("bell\\x1b]0;title\\x07\\u009b1m\\u202e")
    shown = shared.tool("task", "inspect", "ringing").stdout
    assert "\x1b" not in shown and "\u009b" not in shown and json.loads(shown)["name"] == info["name"]


def test_package_goes_through_hadoop(shared, tmp_path):
    """The client of HDFS is a program of the host; what it is asked is written down here."""
    log, client, package = tmp_path / "log", tmp_path / "hadoop", tmp_path / "app.tgz"
    client.write_text(f'#!/bin/sh\necho "$@" >> {log}\n[ "$2" != -test ] || [ -e {tmp_path}/there ]\n')
    client.chmod(0o755)
    package.write_text("x")
    args = ["--package=" + str(package), "--hadoop=" + str(client), "--hdfs=nn:9000", "--user=ada", "true"]
    task, _ = launched(shared, "packed", *args)
    assert log.read_text().splitlines() == ["fs -test -e hdfs://nn:9000/ada/app.tgz",
                                            f"fs -copyFromLocal {package} hdfs://nn:9000/ada/app.tgz"]
    (tmp_path / "there").write_text("")
    done = shared.tool("execute", *args, check=False)
    assert done.returncode == 2 and "--overwrite" in done.stderr
    log.write_text("")
    launched(shared, "packed2", "--overwrite", *args)
    assert "fs -rm hdfs://nn:9000/ada/app.tgz" in log.read_text()


def test_the_master_may_come_back(make_cluster):
    """Its end is no end of the task, nor of what is printed of it."""
    cluster = make_cluster()
    process = subprocess.Popen([cluster.tree.program("mesos"), "execute", "--name=through", "--resources=cpus:0.1;mem:32",
                                f"echo here > {cluster.directory}/began; sleep 3"], text=True,
                               env={"MESOS_MASTER": cluster.address, "HOME": cluster.directory}, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: os.path.exists(cluster.directory + "/began"), 15, "the task")
    cluster.master.kill()
    cluster.master.start()
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, (out, errors)
    assert "Lost the master; trying to subscribe again" in out and "TASK_FINISHED for task 'through'" in out
    assert out.count("Subscribed with ID") == 1
