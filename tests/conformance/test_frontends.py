# SPDX-License-Identifier: Apache-2.0
"""What stands before and beside masters in old clusters: HAProxy, which finds the leader by its metrics, and the questions
that Nagios's check_mesos asks."""
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

import pytest

from cluster import free_port, wait_for
from elected import Masters

# As it stands on the wire, quoted for HAProxy.
ELECTED = r'\"master/elected\":1'

CONFIGURATION = """
global
    log stderr local0
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 10s
frontend web
    bind 127.0.0.1:{port}
    default_backend masters
frontend stats
    bind 127.0.0.1:{stats}
    stats enable
    stats uri /
backend masters
    option httpchk GET /metrics/snapshot
    http-check expect string {elected}
    default-server inter 200ms fall 1 rise 1
{servers}
"""


@pytest.fixture(scope="module")
def front():
    """Three masters, HAProxy before them."""
    masters = Masters(tempfile.mkdtemp(prefix="cm-"), 3).start()
    masters.lead(0)
    masters.elected(0)
    directory = os.path.join(masters.cluster.directory, "haproxy")
    os.makedirs(directory)
    port, stats = free_port(), free_port()
    servers = "\n".join(f"    server m{i} 127.0.0.1:{m.port} check" for i, m in enumerate(masters.masters))
    path = os.path.join(directory, "haproxy.cfg")
    with open(path, "w", encoding="utf-8") as f:
        f.write(CONFIGURATION.format(port=port, stats=stats, servers=servers, elected=ELECTED))
    program = shutil.which("haproxy") or "/usr/sbin/haproxy"
    subprocess.run([program, "-c", "-q", "-f", path], check=True)
    with open(os.path.join(directory, "log"), "wb") as log:
        process = subprocess.Popen([program, "-db", "-f", path], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    yield masters, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{stats}/;csv"
    process.terminate()
    process.wait(60)
    masters.stop()


def up(stats):
    """Which masters HAProxy believes in."""
    try:
        with urllib.request.urlopen(stats, timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except urllib.error.URLError:
        return None  # it is still starting
    names = lines[0].lstrip("# ").split(",")
    rows = [dict(zip(names, line.split(","))) for line in lines[1:]]
    return sorted(r["svname"] for r in rows if r["pxname"] == "masters" and r["svname"].startswith("m")
                  and r["status"].startswith("UP"))


def through(url, path):
    with urllib.request.urlopen(url + path, timeout=5) as answer:
        return json.loads(answer.read())


def test_haproxy_finds_the_leader(front):
    masters, url, stats = front
    wait_for(lambda: up(stats) == ["m0"], what="HAProxy to find the leader")
    for _ in range(5):
        assert through(url, "/master/state")["pid"] == f"master@127.0.0.1:{masters.masters[0].port}"


def test_haproxy_follows_the_leader(front):
    """The old leader ends when it is told that it leads no more, as a master does that has lost its session."""
    masters, url, stats = front
    masters.lead(1)
    wait_for(lambda: up(stats) == ["m1"], what="HAProxy to follow the leader")
    assert through(url, "/master/state")["pid"] == f"master@127.0.0.1:{masters.masters[1].port}"
    masters.lead(None)
    wait_for(lambda: up(stats) == [], what="HAProxy to see that nobody leads")
    masters.lead(2)
    wait_for(lambda: up(stats) == ["m2"], what="HAProxy to find the third")
    assert through(url, "/metrics/snapshot")["master/elected"] == 1


def test_what_check_mesos_asks(front):
    masters, _, _ = front
    masters.lead(2)
    leader = masters.masters[2]
    masters.elected(2)
    masters.cluster.master = leader
    agent = masters.cluster.add_agent({"master": f"127.0.0.1:{leader.port}"})
    connection = http.client.HTTPConnection("127.0.0.1", leader.port, timeout=5)
    connection.request("HEAD", "/master/redirect")
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 307
    assert answer.getheader("Location").endswith(f":{leader.port}")
    connection.close()
    for daemon in (leader, agent):
        with urllib.request.urlopen(daemon.url + "/health", timeout=5) as health:
            assert health.status == 200
    state = leader.get("/state")
    assert len([s for s in state["slaves"] if s["active"]]) == 1
    assert state["frameworks"] == [] and state["activated_slaves"] == 1
