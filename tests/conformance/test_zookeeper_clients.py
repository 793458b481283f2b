# SPDX-License-Identifier: Apache-2.0
"""Clients that find the leading master in ZooKeeper by themselves, unmodified: mesos-go's v0 driver, pymesos and mesos-dns
read the nodes that our masters write there."""
import json
import os
import subprocess
import tempfile

import pytest

import clients
from cluster import Cluster, free_port, wait_for
from zookeeper import ZooKeeper

PATIENCE = 60


@pytest.fixture(scope="module")
def pair():
    """Two masters and an agent; the cluster's `master` is the one that leads."""
    with tempfile.TemporaryDirectory(prefix="zk-") as directory, ZooKeeper(directory) as zookeeper:
        zookeeper.start()
        cluster = Cluster(tempfile.mkdtemp(prefix="cm-"))
        cluster.zookeeper, cluster.url = zookeeper, zookeeper.url("/mesos")
        flags = [f"--zk={cluster.url}", "--zk_session_timeout=10secs", f"--credentials={cluster.directory}/credentials"]
        for name, text in (("credentials", "go s3cret\n"), ("secret", "s3cret")):
            with open(os.path.join(cluster.directory, name), "w", encoding="utf-8") as f:
                f.write(text)
        cluster.master.argv += flags
        other = cluster._daemon("mesos-master", "master2", {"registry": "in_memory", "cluster": "test",
                                                            "hostname": "localhost"})
        other.argv += flags
        cluster.masters = [cluster.master, other]
        try:
            for master in cluster.masters:
                master.start()
            lead(cluster)
            cluster.add_agent({"master": cluster.url})
            yield cluster
        finally:
            cluster.stop()
            complaints = cluster.complaints()
            cluster.remove()
        assert not complaints, "\n".join(complaints)


def lead(cluster):
    cluster.master = wait_for(
        lambda: next((m for m in cluster.masters if m.process.poll() is None and
                      m.get("/metrics/snapshot")["master/elected"] == 1), None), PATIENCE, "a leader")


def go_scheduler(cluster, tasks):
    programs = clients.mesos_go_v0()
    return [programs + "/scheduler", "-master", cluster.url, "-executor", programs + "/executor", "-address", "127.0.0.1",
            "-artifactPort", str(free_port()), "-logtostderr", "-task-count", str(tasks),
            "-mesos_authentication_principal", "go", "-mesos_authentication_secret_file", cluster.directory + "/secret"]


def test_mesos_go_v0(pair):
    done = subprocess.run(go_scheduler(pair, 2), timeout=120, text=True, check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=pair.directory)
    assert done.returncode == 0 and "Total tasks completed" in done.stdout, done.stdout
    states = {t["id"]: t["state"] for t in pair.master.get("/tasks")["tasks"]}
    assert states == {"1": "TASK_FINISHED", "2": "TASK_FINISHED"}
    assert 'authenticated principal="go"' in pair.master.log()


DNS = {"refreshSeconds": 1, "ttl": 1, "domain": "mesos", "resolvers": ["127.0.0.1"], "timeout": 2, "listener": "127.0.0.1",
       "SOAMname": "ns1.mesos", "SOARname": "root.ns1.mesos", "dnson": False, "httpon": True, "externalon": False,
       "zkDetectionTimeout": 30, "IPSources": ["netinfo", "mesos", "host"]}


def test_mesos_dns(pair):
    """It detects by itself and asks the leader for its state; its own HTTP side tells what it knows."""
    from urllib.request import urlopen
    port = free_port()
    path = os.path.join(pair.directory, "dns.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({**DNS, "zk": pair.url, "masters": [], "port": free_port(), "httpport": port}, f)
    with open(os.path.join(pair.directory, "mesos-dns.log"), "wb") as log:
        process = subprocess.Popen([clients.mesos_dns(), "-config", path, "-v", "1"], stdout=log, stderr=log,
                                   stdin=subprocess.DEVNULL)

    def leader():
        assert process.poll() is None, "mesos-dns has ended"
        try:
            with urlopen(f"http://127.0.0.1:{port}/v1/services/_leader._tcp.mesos.", timeout=5) as answer:
                return [s for s in json.load(answer) if str(s.get("port")) == str(pair.master.port)]
        except (OSError, ValueError):
            return None
    try:
        found = wait_for(leader, PATIENCE, "mesos-dns to know the leader")
        assert found[0]["ip"] == "127.0.0.1"
    finally:
        process.terminate()
        process.wait(60)


PYMESOS = """
    import sys, threading
    from addict import Dict
    from pymesos import MesosSchedulerDriver, Scheduler

    class Mine(Scheduler):
        def registered(self, driver, framework_id, master_info):
            self.port = master_info.port
            driver.stop()

    mine = Mine()
    driver = MesosSchedulerDriver(mine, Dict(user="root", name="finds", hostname="here"), sys.argv[1], use_addict=True)
    thread = threading.Thread(target=driver.run, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    print("registered at", mine.port)
    """


def pymesos_finds(cluster):
    import textwrap
    env = {**os.environ, "USER": "root"}
    env.pop("PYTHONPATH", None)
    done = subprocess.run([clients.pymesos(), "-c", textwrap.dedent(PYMESOS), cluster.url], env=env, timeout=120, text=True,
                          check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_pymesos_before_and_after_another_leads(pair):
    assert pymesos_finds(pair) == f"registered at {pair.master.port}"
    before = pair.master
    before.stop()
    lead(pair)
    assert pair.master is not before
    assert pymesos_finds(pair) == f"registered at {pair.master.port}"
