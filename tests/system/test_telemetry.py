# SPDX-License-Identifier: Apache-2.0
"""DC/OS metrics of machine, containers and programs: a real task sends statsd packets, and is read directly and through the master."""
import json
import os
import re
import socket
import time
import urllib.error
import urllib.request

import pytest

from cluster import wait_for
from scheduler import Scheduler, command_task, group_operation

PREFIX = "/system/v1/metrics/v0"
NODE = {"system.uptime": "count", "cpu.cores": "count", "cpu.total": "percent", "cpu.user": "percent",
        "cpu.system": "percent", "cpu.idle": "percent", "cpu.wait": "percent", "load.1min": "count",
        "load.5min": "count", "load.15min": "count", "memory.total": "bytes", "memory.free": "bytes",
        "memory.buffers": "bytes", "memory.cached": "bytes", "swap.total": "bytes", "swap.free": "bytes",
        "swap.used": "bytes", "process.count": "count", "filesystem.capacity.total": "bytes",
        "filesystem.capacity.used": "bytes", "filesystem.capacity.free": "bytes", "filesystem.inode.total": "count",
        "filesystem.inode.used": "count", "filesystem.inode.free": "count", "network.in": "bytes",
        "network.out": "bytes", "network.in.packets": "count", "network.out.packets": "count",
        "network.in.dropped": "count", "network.out.dropped": "count", "network.in.errors": "count",
        "network.out.errors": "count"}
CONTAINER = {"cpus.user.time", "cpus.system.time", "cpus.limit", "cpus.throttled.time", "mem.total", "mem.limit",
             "disk.limit", "disk.used", "net.rx.packets", "net.rx.bytes", "net.rx.errors", "net.rx.dropped",
             "net.tx.packets", "net.tx.bytes", "net.tx.errors", "net.tx.dropped"}
SEND = ("exec 3<>/dev/udp/$STATSD_UDP_HOST/$STATSD_UDP_PORT; printf 'app.hits:3|c\\napp.hits:2|c|@0.5' >&3;"
        "printf 'app.load:0.5|g|#zone:a,canary' >&3; printf 'app.took:10|ms\\napp.took:30|ms' >&3; echo $STATSD_UDP_PORT; sleep 100")


def ask(url):
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            body = answer.read()
            return answer.status, json.loads(body) if body else None
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def check_points(answer):
    for point in answer["datapoints"]:
        assert set(point) <= {"name", "value", "unit", "timestamp", "tags"}
        assert isinstance(point["value"], (int, float)) and isinstance(point["unit"], str)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", point["timestamp"])
    return {p["name"]: p for p in answer["datapoints"]}


@pytest.fixture
def cluster(make_cluster):
    return make_cluster(master_flags={"telemetry": "dcos", "cluster": "blue", "allocation_interval": "50ms"},
                        agent_flags={"telemetry": "dcos"})


def test_node(cluster):
    for daemon in (cluster.master, cluster.agents[0]):
        status, answer = ask(daemon.url + PREFIX + "/node")
        assert status == 200
        points = check_points(answer)
        assert {name: p["unit"] for name, p in points.items()} == NODE
        assert points["filesystem.capacity.total"]["tags"].keys() == {"path"}
        assert points["network.in"]["tags"].keys() == {"interface"}
        assert points["memory.total"]["value"] > 0
        assert answer["dimensions"]["mesos_id"] and answer["dimensions"]["hostname"]
    assert ask(cluster.master.url + PREFIX + "/node")[1]["dimensions"]["cluster_id"] == "blue"
    assert ask(cluster.agents[0].url + PREFIX + "/ping") == (200, {"ok": True})


def start(cluster, scheduler, task="talker", command=SEND):
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task(task, f"exec /bin/bash -c '{command}'" if command is not SEND else
                                          "exec /bin/bash -c " + json.dumps(command).replace("$", "\\$"), offer)])
    scheduler.until(task, {"TASK_RUNNING"})
    return wait_for(lambda: ask(cluster.agents[0].url + PREFIX + "/containers")[1], what="a container")[0]


def app(base, container):
    status, answer = ask(f"{base}/containers/{container}/app")
    return check_points(answer) if status == 200 else {}


def test_a_task_and_a_restart(cluster):
    agent = cluster.agents[0]
    scheduler = Scheduler(cluster.address, name="talkers", principal="p", checkpoint=True, failover_timeout=100.0).subscribe()
    container = start(cluster, scheduler)
    agent_id = cluster.master.get("/slaves")["slaves"][0]["id"]
    for base in (agent.url + PREFIX, f"{cluster.master.url}/system/v1/agent/{agent_id}/metrics/v0"):
        assert ask(base + "/containers") == (200, [container])
        points = wait_for(lambda b=base: (lambda p: p if "app.took.count" in p else None)(app(b, container)))
        assert points["app.hits"]["value"] == 7 and "tags" not in points["app.hits"]
        assert points["app.load"]["value"] == 0.5 and points["app.load"]["tags"] == {"zone": "a", "canary": ""}
        assert [points["app.took" + s]["value"] for s in (".count", ".lower", ".mean", ".upper")] == [2, 10, 20, 30]
        status, answer = ask(f"{base}/containers/{container}/app/app.load")
        assert status == 200 and [p["name"] for p in answer["datapoints"]] == ["app.load"]
        for path in (f"/containers/{container}", f"/node/container/{container}"):
            status, answer = ask(base + path)
            assert status == 200 and set(check_points(answer)) == CONTAINER
        dimensions = answer["dimensions"]
        assert dimensions["container_id"] == container and dimensions["framework_name"] == "talkers"
        assert dimensions["framework_id"] == scheduler.framework_id and dimensions["framework_principal"] == "p"
        assert dimensions["task_id"] == "talker" and dimensions["mesos_id"] == agent_id
        assert check_points(answer)["mem.total"]["tags"]["executor_id"] == "talker"
        assert check_points(answer)["mem.limit"]["value"] > 0
    with open(cluster.sandbox(scheduler.framework_id, "talker") + "/stdout", encoding="utf-8") as f:
        port = int(re.findall(r"^(\d+)$", f.read(), re.M)[0])
    agent.kill()
    agent.start()
    wait_for(lambda: ask(agent.url + PREFIX + "/containers")[1] == [container], what="the container again")
    talk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def heard():
        talk.sendto(b"after:1|c", ("127.0.0.1", port))
        return "after" in app(agent.url + PREFIX, container)
    wait_for(heard, what="the same port")
    wait_for(lambda: cluster.master.get("/metrics/snapshot")["master/slaves_active"] == 1)
    scheduler.kill("talker")
    scheduler.until("talker", {"TASK_KILLED"})
    wait_for(lambda: ask(agent.url + PREFIX + "/containers")[1] == [])
    ports = [os.path.join(d, f) for d, _, files in os.walk(cluster.directory) for f in files if d.endswith("telemetry/dcos")]
    assert not ports
    scheduler.teardown()


def test_hostile_packets(cluster):
    agent = cluster.agents[0]
    scheduler = Scheduler(cluster.address).subscribe()
    container = start(cluster, scheduler, command="echo $STATSD_UDP_PORT; sleep 100")
    with open(wait_for(lambda: cluster.sandbox(scheduler.framework_id, "talker")) + "/stdout", encoding="utf-8") as f:
        port = int(wait_for(lambda: re.findall(r"^(\d+)$", f.read(), re.M), what="its port")[0])
    talk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for packet in (b"", b"\0" * 100, b":|", b"a:b|c", b"a:nan|g", b"a:1|c|@0", b"x" * 9000, b"a:1|c|#" + b"t," * 100,
                   b"\xff\xfe:1|c", b"n" * 300 + b":1|c", b"a\"b\\:1|g"):
        talk.sendto(packet, ("127.0.0.1", port))
    for i in range(1500):
        talk.sendto(b"name%d:1|c" % i, ("127.0.0.1", port))
        if i % 50 == 49:
            time.sleep(0.005)
    points = wait_for(lambda: (lambda p: p if len(p) > 900 else None)(app(agent.url + PREFIX, container)))
    assert len(points) <= 1003 and points['a"b\\']["value"] == 1
    assert points["dcos.metrics.module.container_bad_lines"]["value"] >= 7
    assert points["dcos.metrics.module.container_throttled_lines"]["value"] > 0
    assert agent.get("/health", raw=True) is not None
    scheduler.teardown()


def test_paths(cluster):
    agent, master = cluster.agents[0].url, cluster.master.url
    agent_id = cluster.master.get("/slaves")["slaves"][0]["id"]
    assert ask(agent + PREFIX + "/containers/none")[0] == 204  # as DC/OS answers
    assert ask(agent + PREFIX + "/containers/../../x")[0] == 404
    assert ask(agent + PREFIX + "/nothing")[0] == 404 and ask(agent + PREFIX)[0] == 404
    assert ask(master + PREFIX + "/containers")[0] == 404
    through = master + "/system/v1/agent/"
    assert ask(through + "none/metrics/v0/node")[0] == 404
    assert "There is no agent 'none'" in ask(through + "none/metrics/v0/node")[1]
    assert ask(through + agent_id)[0] == 404 and ask(through + agent_id + "/state")[0] == 404
    assert ask(through + agent_id + "/metrics/v0/containers/none")[0] == 204
    assert ask(through + agent_id + "/metrics/v0/%2e%2e/%2e%2e/state")[0] == 404
    assert ask(through + agent_id + "/metrics/v0/node")[0] == 200
    cluster.agents[0].kill()
    assert ask(through + agent_id + "/metrics/v0/node")[0] == 502
    cluster.agents[0].start()


def test_off_unless_asked_for(make_cluster):
    cluster = make_cluster(master_flags={"allocation_interval": "50ms"})
    scheduler = Scheduler(cluster.address).subscribe()
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("t", "test -z \"$STATSD_UDP_PORT\"", offer)])
    scheduler.until("t", {"TASK_FINISHED"})
    assert ask(cluster.agents[0].url + PREFIX + "/node")[0] == 404
    agent_id = cluster.master.get("/slaves")["slaves"][0]["id"]
    assert ask(f"{cluster.master.url}/system/v1/agent/{agent_id}/metrics/v0/node")[0] == 404
    scheduler.teardown()


def test_tasks_of_a_pod_share_its_listener(cluster):
    scheduler = Scheduler(cluster.address).subscribe()
    offer = scheduler.offer()
    say = "exec /bin/bash -c 'echo pod.hits:1\\|c > /dev/udp/$STATSD_UDP_HOST/$STATSD_UDP_PORT; sleep 100'"
    tasks = [command_task(name, say, offer) for name in ("one", "two")]
    scheduler.accept(offer, [], operations=[group_operation(scheduler.framework_id, "pod", tasks)])
    for name in ("one", "two"):
        scheduler.until(name, {"TASK_RUNNING"})
    base = cluster.agents[0].url + PREFIX
    container = ask(base + "/containers")[1][0]
    wait_for(lambda: app(base, container).get("pod.hits", {}).get("value") == 2, what="both tasks' packets")
    scheduler.teardown()


def test_ending_while_asked(cluster):
    """A daemon that is told to end between a question and its answer ends in order."""
    for daemon in (cluster.agents[0], cluster.master):
        open_ones = []
        for _ in range(20):
            connection = socket.create_connection(("127.0.0.1", daemon.port), timeout=10)
            connection.sendall(f"GET {PREFIX}/node HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            open_ones.append(connection)
        daemon.stop()
        for connection in open_ones:
            connection.close()
        daemon.start()
